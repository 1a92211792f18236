/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_type=refresh_token (RFC 6749 section 6, RFC 9700 section 4.14).
 *
 * State: the job's. Threats: a stolen token used beside its owner (rotation; whoever comes second ends the
 * family), a scope that grows, a person who was disabled since. The grace for a lost answer is for
 * clients that prove who they are; a public one has none. The scope is looked at before anything is used up, so
 * a client that asks for too much keeps its token.
 */
#include "oauth/token.h"

#include <string.h>

#include "oauth/scope.h"
#include "store/gstore.h"

static void rotated(enum hc_err result, void *ctx)
{
	struct hc_token_job *job = ctx;

	if (result == HC_ERR_STATE || (result == HC_OK && job->outcome == HC_REDEEM_REFUSED)) {
		hc_token_refuse(job, "invalid_grant", "the refresh token is not valid");
		return;
	}
	if (result != HC_OK) {
		hc_token_trouble(job, result);
		return;
	}
	if (job->outcome != HC_REDEEM_OK) {
		hc_count(job->worker, HC_COUNTER_REUSE_DETECTED);
		hc_token_refuse(job, "invalid_grant", "the refresh token was used before");
		return;
	}
	hc_token_answer(job);
}

static enum hc_err rotate(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_token_job *job = ctx;
	int64_t expires_ms = 0;
	enum hc_err err = hc_refresh_rotate(tx, &job->refresh_try, job->now_ms, &job->outcome, &job->grant,
					    &expires_ms);

	if (err != HC_OK)
		return err;
	switch (job->outcome) {
	case HC_REDEEM_REFUSED:
		return HC_OK;
	case HC_REDEEM_REUSED:
		job->person_id = job->grant.person_id;
		return hc_token_record(tx, job, HC_OUTBOX_REUSE, false);
	case HC_REDEEM_OK:
		/* Not about somebody of whom the broker said nothing: undone. */
		return job->grant.person_id == job->person_id && job->person_id != 0
			       ? hc_token_add_access(tx, job)
			       : HC_ERR_STATE;
	}
	return HC_ERR_STATE;
}

static void write_rotation(struct hc_token_job *job)
{
	const struct hc_gateway *gateway = job->worker->gateway;
	enum hc_err err = HC_OK;

	job->has_refresh = true;
	err = hc_token_draw(job, true);
	job->refresh_try.client = job->client.number;
	job->refresh_try.grace_ms = job->client.auth == HC_CLIENT_PUBLIC ? 0 : HC_REFRESH_GRACE_MAX_MS;
	job->refresh_try.successor = job->refresh_ref;
	job->refresh_try.successor_expires_ms = job->now_ms + gateway->config.refresh_s * 1000;
	if (err == HC_OK)
		err = hc_gstore_write(gateway->store, job->worker->loop, rotate, rotated, job);
	if (err != HC_OK)
		hc_token_trouble(job, err);
}

/* NULL: well formed. job->wanted stays empty where no scope was asked for. */
static const char *read_request(struct hc_token_job *job, const struct hc_params *params,
				const char **ret_description)
{
	struct hc_view token, scope;

	*ret_description = "refresh_token is required";
	if (hc_params_get(params, "refresh_token", &token) != HC_OK)
		return "invalid_request";
	*ret_description = "the scope is malformed";
	if (hc_params_get(params, "scope", &scope) == HC_OK &&
	    hc_scope_parse(scope.data, scope.len, &job->wanted) != HC_OK)
		return "invalid_scope";
	hc_scope_remove(&job->wanted, HC_SCOPE_OFFLINE);
	*ret_description = "the refresh token is not valid";
	if (hc_ticket_parse(token.data, token.len, &job->refresh_try.ref) != HC_OK)
		return "invalid_grant";
	return NULL;
}

static bool is_within(const struct hc_scope_text *wanted, const struct hc_scope_text *allowed)
{
	struct hc_scope_text both;

	hc_scope_intersect(wanted, allowed, &both);
	return strcmp(both.text, wanted->text) == 0;
}

void hc_token_refresh(struct hc_token_job *job, const struct hc_params *params)
{
	struct hc_gstore_view *view = job->worker->view;
	const char *description = NULL;
	const char *error = read_request(job, params, &description);
	struct hc_grant grant;
	int64_t grant_id = 0;

	if (error != NULL) {
		hc_token_refuse(job, error, description);
		return;
	}
	enum hc_err err = hc_refresh_grant(view, &job->refresh_try.ref, job->client.number, &grant_id);
	if (err == HC_OK)
		err = hc_grant_find(view, grant_id, job->now_ms, &grant);
	if (err == HC_ERR_NOTFOUND) /* the member will find the same */
		write_rotation(job);
	else if (err != HC_OK)
		hc_token_trouble(job, err);
	else if (!is_within(&job->wanted, &grant.scope))
		hc_token_refuse(job, "invalid_scope", "the scope goes beyond what was granted");
	else
		hc_token_ask_person(job, grant.person_id, write_rotation);
}
