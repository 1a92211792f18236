/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_type=authorization_code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
 *
 * State: the job's. Threats: a code that was seen on its way (worthless without the verifier), that
 * belongs to another client or another redirect URI, that comes a second time (two hold it: everything
 * issued from it ends), a request without verifier that is let through. Everything that must match
 * stands in the one statement that uses the code up; here its parts are only read. A client learns
 * invalid_grant, not which part was wrong.
 */
#include "oauth/token.h"

#include <string.h>

#include "hospiconnect/crypto.h"
#include "store/gstore.h"

#define VERIFIER_MIN 43
#define VERIFIER_MAX 128

/* ---- behind the disk ---- */

static void redeemed(enum hc_err result, void *ctx)
{
	struct hc_token_job *job = ctx;

	/* The grant ended between the look at it and the act. */
	if (result == HC_ERR_STATE || (result == HC_OK && job->outcome == HC_REDEEM_REFUSED)) {
		hc_token_refuse(job, "invalid_grant", "the code is not valid");
		return;
	}
	if (result != HC_OK) {
		hc_token_trouble(job, result);
		return;
	}
	if (job->outcome != HC_REDEEM_OK) {
		hc_count(job->worker, HC_COUNTER_REUSE_DETECTED);
		hc_token_refuse(job, "invalid_grant", "the code was used before");
		return;
	}
	hc_token_answer(job);
}

/* ---- the member ---- */

static enum hc_err add_tokens(struct hc_gstore_tx *tx, struct hc_token_job *job)
{
	const int64_t wanted = job->now_ms + job->worker->gateway->config.refresh_s * 1000;
	const struct hc_refresh refresh = {
		.ref = job->refresh_ref,
		.grant_id = job->grant.id,
		.client = job->client.number,
		.issued_ms = job->now_ms,
		.expires_ms = wanted < job->grant.expires_ms ? wanted : job->grant.expires_ms};
	enum hc_err err = hc_token_add_access(tx, job);

	if (err == HC_OK && job->has_refresh)
		err = hc_refresh_add(tx, &refresh);
	if (err == HC_OK)
		err = hc_token_record(tx, job, HC_OUTBOX_APPLICATION, true);
	return err;
}

static enum hc_err redeem(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_token_job *job = ctx;
	enum hc_err err =
		hc_code_redeem(tx, &job->code_try, job->now_ms, &job->outcome, &job->grant, job->nonce);

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
		return job->grant.person_id == job->person_id && job->person_id != 0 ? add_tokens(tx, job)
										     : HC_ERR_STATE;
	}
	return HC_ERR_STATE;
}

static void write_redemption(struct hc_token_job *job)
{
	enum hc_err err = HC_OK;

	job->has_refresh = (job->client.grants & HC_GRANT_REFRESH) != 0;
	err = hc_token_draw(job, job->has_refresh);
	if (err == HC_OK)
		err = hc_gstore_write(job->worker->gateway->store, job->worker->loop, redeem, redeemed, job);
	if (err != HC_OK)
		hc_token_trouble(job, err);
}

/* ---- the request ---- */

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

static bool is_verifier(const struct hc_view *text)
{
	if (text->len < VERIFIER_MIN || text->len > VERIFIER_MAX)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		if (!is_unreserved(text->data[i]))
			return false;
	}
	return true;
}

/* NULL: all there. Otherwise the error; ret_description says more. */
static const char *read_request(struct hc_token_job *job, const struct hc_params *params,
				const char **ret_description)
{
	struct hc_view code, redirect_uri, verifier;

	*ret_description = "code and redirect_uri are required";
	if (hc_params_get(params, "code", &code) != HC_OK ||
	    hc_params_get(params, "redirect_uri", &redirect_uri) != HC_OK)
		return "invalid_request";
	*ret_description = "code_verifier is missing or malformed";
	if (hc_params_get(params, "code_verifier", &verifier) != HC_OK || !is_verifier(&verifier))
		return "invalid_grant";
	*ret_description = "the code is not valid";
	if (redirect_uri.len > HC_URI_MAX ||
	    hc_ticket_parse(code.data, code.len, &job->code_try.ref) != HC_OK)
		return "invalid_grant";
	memcpy(job->redirect_uri, redirect_uri.data, redirect_uri.len + 1);
	job->code_try.redirect_uri = job->redirect_uri;
	job->code_try.client = job->client.number;
	*ret_description = "the request could not be served";
	if (hc_sha256(verifier.data, verifier.len, job->code_try.challenge) != HC_OK)
		return "server_error";
	return NULL;
}

/* The person of the grant, or 0 where there is nothing to ask about: the member will find the same, and say which. */
static enum hc_err find_person(struct hc_token_job *job, int64_t *ret_person_id)
{
	struct hc_gstore_view *view = job->worker->view;
	struct hc_grant grant;
	int64_t grant_id = 0;
	enum hc_err err = hc_code_grant(view, &job->code_try.ref, job->client.number, &grant_id);

	if (err == HC_OK)
		err = hc_grant_find(view, grant_id, job->now_ms, &grant);
	*ret_person_id = err == HC_OK ? grant.person_id : 0;
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

void hc_token_code(struct hc_token_job *job, const struct hc_params *params)
{
	const char *description = NULL;
	const char *error = read_request(job, params, &description);
	int64_t person_id = 0;

	if (error != NULL) {
		hc_token_refuse(job, error, description);
		return;
	}
	const enum hc_err err = find_person(job, &person_id);
	if (err != HC_OK)
		hc_token_trouble(job, err);
	else if (person_id != 0)
		hc_token_ask_person(job, person_id, write_redemption);
	else
		write_redemption(job);
}
