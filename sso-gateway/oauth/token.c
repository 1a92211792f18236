/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token endpoint: what all grant types share.
 *
 * State: one job a request, owned by whoever answers next. Threats: an answer for something that is not on
 * disk (a crash would bring the code back to life), tokens for somebody whom the broker has refused
 * since, an exchange that is answered twice or never. So there is one path: authenticate the client, ask
 * about the person, write, and only behind the commit sign and answer.
 */
#include "oauth/token.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"
#include "oauth/access_token.h"
#include "oauth/answer.h"
#include "oauth/handlers.h"
#include "oauth/id_token.h"
#include "oauth/json_out.h"
#include "oauth/scope.h"
#include "persons.h"
#include "store/gstore.h"
#include "store/token.h"

#define ANSWER_MAX 20480 /* two JWT of at most HC_JWS_MAX, and the rest */

/* ---- the job ---- */

static struct hc_token_job *job_new(struct hc_worker *worker, struct hc_exchange *exchange,
				    const struct hc_client *client)
{
	struct hc_token_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->worker = worker;
	job->exchange = exchange;
	job->client = *client;
	job->now_ms = hc_now_ms(worker->gateway->clock);
	memcpy(job->origin, hc_exchange_request(exchange)->peer, sizeof(job->origin));
	return job;
}

static void job_free(struct hc_token_job *job)
{
	hc_scrub(job, sizeof(*job));
	free(job);
}

void hc_token_refuse(struct hc_token_job *job, const char *error, const char *description)
{
	hc_count(job->worker, HC_COUNTER_TOKEN_REFUSED);
	hc_answer_error(job->exchange, 400, error, description);
	job_free(job);
}

void hc_token_trouble(struct hc_token_job *job, enum hc_err err)
{
	hc_answer_trouble(job->exchange, err);
	job_free(job);
}

/* ---- the person ---- */

static void person_known(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct hc_token_job *job = ctx;

	if (err != HC_OK) {
		hc_count(job->worker, HC_COUNTER_BROKER_AWAY);
		hc_token_trouble(job, err);
		return;
	}
	if (!answer->exists || !answer->may_sign_in || answer->person.id != job->person_id) {
		hc_token_refuse(job, "invalid_grant", "the person may not sign in any more");
		return;
	}
	memcpy(job->login, answer->person.login, sizeof(job->login));
	job->next(job);
}

void hc_token_ask_person(struct hc_token_job *job, int64_t person_id, hc_token_next_fn next)
{
	job->person_id = person_id;
	job->next = next;
	hc_persons_get(job->worker->persons, person_id, person_known, job);
}

/* ---- what is written ---- */

enum hc_err hc_token_draw(struct hc_token_job *job, bool refresh)
{
	struct hc_gstore *store = job->worker->gateway->store;
	enum hc_err err = HC_OK;

	if (job->client.access_format == HC_ACCESS_OPAQUE)
		err = hc_ticket_make(hc_gstore_new_id(store, job->now_ms), &job->access, &job->access_ref);
	if (err == HC_OK && refresh)
		err = hc_ticket_make(hc_gstore_new_id(store, job->now_ms), &job->refresh, &job->refresh_ref);
	return err;
}

enum hc_err hc_token_add_access(struct hc_gstore_tx *tx, struct hc_token_job *job)
{
	const int64_t wanted = job->now_ms + job->worker->gateway->config.access_s * 1000;

	job->access_expires_ms = wanted < job->grant.expires_ms ? wanted : job->grant.expires_ms;
	if (job->client.access_format != HC_ACCESS_OPAQUE)
		return HC_OK;
	const struct hc_access access = {.ref = job->access_ref,
					 .grant_id = job->grant.id,
					 .client = job->client.number,
					 .scope = job->wanted,
					 .issued_ms = job->now_ms,
					 .expires_ms = job->access_expires_ms};
	return hc_access_add(tx, &access);
}

enum hc_err hc_token_record(struct hc_gstore_tx *tx, const struct hc_token_job *job,
			    enum hc_outbox_event event, bool success)
{
	struct hc_outbox_record record = {
		.time_ms = job->now_ms, .event = event, .success = success, .person_id = job->person_id};

	_Static_assert(sizeof(record.login) == sizeof(job->login), "a login fits a record");
	_Static_assert(sizeof(record.origin) >= sizeof(job->origin), "an address fits a record");
	memcpy(record.login, job->login, sizeof(record.login));
	memcpy(record.client_id, job->client.id, sizeof(record.client_id));
	memcpy(record.origin, job->origin, sizeof(job->origin));
	return hc_outbox_add(tx, &record);
}

/* ---- the answer ---- */

struct answer {
	const struct hc_browser_session *session; /* NULL: no person */
	const struct hc_scope_text *scope;
	char *access_jwt, *id_token;
};

static void scrub_text(char **text)
{
	if (*text != NULL)
		hc_scrub(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static void answer_clear(struct answer *answer)
{
	scrub_text(&answer->access_jwt);
	scrub_text(&answer->id_token);
}

static enum hc_err sign_access(const struct hc_token_job *job, struct answer *answer)
{
	const struct hc_access_claims claims = {.client = &job->client,
						.sub = job->grant.sub,
						.scope = answer->scope->text,
						.session = answer->session,
						.grant_id = job->grant.id,
						.issued_ms = job->now_ms,
						.expires_ms = job->access_expires_ms};

	return hc_access_token_sign(job->worker, &claims, &answer->access_jwt);
}

static enum hc_err sign_all(const struct hc_token_job *job, struct answer *answer)
{
	const bool is_jwt = job->client.access_format == HC_ACCESS_JWT;
	enum hc_err err = is_jwt ? sign_access(job, answer) : HC_OK;

	if (err != HC_OK || answer->session == NULL || !hc_scope_has(answer->scope, HC_SCOPE_OPENID))
		return err;
	return hc_id_token_make(job->worker, &job->client, answer->session, job->grant.sub, job->nonce,
				is_jwt ? answer->access_jwt : job->access.text, job->now_ms,
				&answer->id_token);
}

static enum hc_err write_answer(const struct hc_token_job *job, const struct answer *answer, char *text,
				size_t *ret_len)
{
	struct hc_json_out out;

	hc_json_start(&out, text, ANSWER_MAX);
	hc_json_object(&out, NULL);
	hc_json_text(&out, "access_token",
		     answer->access_jwt != NULL ? answer->access_jwt : job->access.text);
	hc_json_text(&out, "token_type", "Bearer");
	hc_json_number(&out, "expires_in", (job->access_expires_ms - job->now_ms) / 1000);
	hc_json_text(&out, "scope", answer->scope->text);
	if (job->has_refresh)
		hc_json_text(&out, "refresh_token", job->refresh.text);
	if (answer->id_token != NULL)
		hc_json_text(&out, "id_token", answer->id_token);
	hc_json_object_end(&out);
	return hc_json_end(&out, ret_len);
}

static enum hc_err send_answer(struct hc_token_job *job, struct answer *answer)
{
	char text[ANSWER_MAX];
	size_t len = 0;
	enum hc_err err = sign_all(job, answer);

	if (err == HC_OK)
		err = write_answer(job, answer, text, &len);
	if (err == HC_OK) {
		hc_count(job->worker, job->counter);
		hc_answer_json(job->exchange, text, len);
	}
	hc_scrub(text, len);
	return err;
}

/*
 * Whoever signed in again since the grant was made did not do so for this grant, and when she had signed in
 * for it is not known any more: then auth_time is left out (OIDC Core 12.2: it never moves).
 */
static enum hc_err read_session(const struct hc_token_job *job, struct hc_browser_session *session)
{
	const enum hc_err err = hc_session_by_id(job->worker->view, job->grant.session_id, session);

	if (err == HC_OK && session->auth_ms > job->grant.created_ms)
		session->auth_ms = 0;
	return err;
}

void hc_token_answer(struct hc_token_job *job)
{
	HC_CLEANUP(answer_clear)
	struct answer answer = {.scope = job->wanted.text[0] != '\0' ? &job->wanted : &job->grant.scope};
	struct hc_browser_session session;
	enum hc_err err = HC_OK;

	if (job->grant.session_id != 0) {
		err = read_session(job, &session);
		answer.session = &session;
	}
	if (err == HC_OK)
		err = send_answer(job, &answer);
	if (err == HC_OK)
		job_free(job);
	else
		hc_token_trouble(job, err);
}

/* ---- the endpoint ---- */

static const struct {
	const char *name;
	uint32_t grant;
	enum hc_counter counter;
	void (*run)(struct hc_token_job *job, const struct hc_params *params);
} grant_types[] = {
	{"authorization_code", HC_GRANT_CODE, HC_COUNTER_TOKEN_CODE, hc_token_code},
	{"refresh_token", HC_GRANT_REFRESH, HC_COUNTER_TOKEN_REFRESH, hc_token_refresh},
	{"client_credentials", HC_GRANT_CREDENTIALS, HC_COUNTER_TOKEN_CREDENTIALS, hc_token_credentials},
};

static void run_job(struct hc_token_job *job, const struct hc_params *params)
{
	struct hc_view wanted;

	if (hc_params_get(params, "grant_type", &wanted) != HC_OK) {
		hc_token_refuse(job, "invalid_request", "grant_type is missing");
		return;
	}
	for (size_t i = 0; i < HC_COUNT(grant_types); i++) {
		if (strcmp(grant_types[i].name, wanted.data) != 0)
			continue;
		if ((job->client.grants & grant_types[i].grant) == 0) {
			hc_token_refuse(job, "unauthorized_client",
					"the client is not registered for this grant type");
			return;
		}
		job->counter = grant_types[i].counter;
		grant_types[i].run(job, params);
		return;
	}
	hc_token_refuse(job, "unsupported_grant_type", "this grant type is not offered");
}

void hc_handle_token(struct hc_exchange *exchange, void *app)
{
	struct hc_worker *worker = app;
	HC_CLEANUP(hc_client_request_clear) struct hc_client_request request = {.params = {.count = 0}};

	if (!hc_client_request_read(worker, exchange, &request)) {
		hc_count(worker, HC_COUNTER_TOKEN_REFUSED);
		return;
	}
	struct hc_token_job *job = job_new(worker, exchange, &request.client);
	if (job == NULL)
		hc_answer_trouble(exchange, HC_ERR_NOMEM);
	else
		run_job(job, &request.params);
}
