/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_type=client_credentials (RFC 6749 section 4.4): a client for itself.
 *
 * State: the job's. Threat: a token without a person that is taken for one of a person; so its subject is
 * the client's own id, it never has the scope openid and there is no refresh token. A JWT is not written
 * down: it is worth what its signature, its client's record and its jti are worth.
 */
#include "oauth/token.h"

#include <string.h>

#include "oauth/scope.h"
#include "store/gstore.h"

static void added(enum hc_err result, void *ctx)
{
	struct hc_token_job *job = ctx;

	if (result == HC_OK)
		hc_token_answer(job);
	else if (result == HC_ERR_STATE) /* removed in the meantime */
		hc_token_refuse(job, "invalid_client", "the client is not registered any more");
	else
		hc_token_trouble(job, result);
}

static enum hc_err add(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_token_job *job = ctx;
	const enum hc_err err = hc_grant_add(tx, &job->grant);

	return err == HC_OK ? hc_token_add_access(tx, job) : err;
}

/* What of its scopes a client may have without a person. */
static void own_scopes(const struct hc_client *client, struct hc_scope_text *ret_scope)
{
	static const char *const of_people[] = {HC_SCOPE_OPENID, HC_SCOPE_PROFILE, HC_SCOPE_ALL,
						HC_SCOPE_OFFLINE};

	*ret_scope = client->scopes;
	for (size_t i = 0; i < HC_COUNT(of_people); i++)
		hc_scope_remove(ret_scope, of_people[i]);
}

/* The grant's scope: what was asked for, if all of it is the client's; else all that is. */
static bool choose_scope(struct hc_token_job *job, const struct hc_params *params)
{
	struct hc_scope_text own, wanted, both;
	struct hc_view text;

	own_scopes(&job->client, &own);
	job->grant.scope = own;
	if (hc_params_get(params, "scope", &text) != HC_OK || text.len == 0)
		return true;
	if (hc_scope_parse(text.data, text.len, &wanted) != HC_OK)
		return false;
	hc_scope_intersect(&wanted, &own, &both);
	job->grant.scope = wanted;
	return strcmp(both.text, wanted.text) == 0;
}

static void answer_stored(struct hc_token_job *job)
{
	struct hc_gstore *store = job->worker->gateway->store;
	enum hc_err err = hc_token_draw(job, false);

	job->grant.id = hc_gstore_new_id(store, job->now_ms);
	job->grant.client = job->client.number;
	job->grant.created_ms = job->now_ms;
	job->grant.expires_ms = job->access_expires_ms;
	if (err == HC_OK)
		err = hc_gstore_write(store, job->worker->loop, add, added, job);
	if (err != HC_OK)
		hc_token_trouble(job, err);
}

void hc_token_credentials(struct hc_token_job *job, const struct hc_params *params)
{
	if (!choose_scope(job, params)) {
		hc_token_refuse(job, "invalid_scope", "the client is not registered for this scope");
		return;
	}
	_Static_assert(sizeof(job->grant.sub) >= sizeof(job->client.id), "a client id fits a subject");
	memcpy(job->grant.sub, job->client.id, sizeof(job->client.id));
	job->access_expires_ms = job->now_ms + job->worker->gateway->config.access_s * 1000;
	switch (job->client.access_format) {
	case HC_ACCESS_JWT:
		hc_token_answer(job);
		break;
	case HC_ACCESS_OPAQUE:
		answer_stored(job);
		break;
	}
}
