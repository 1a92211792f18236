/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The userinfo endpoint (OIDC Core 5.3): what an application may know about the person of its token.
 *
 * State: a request that waits for the broker. Threats: claims of somebody who was disabled a moment ago
 * (the broker's word is asked for each time; what is remembered of it is dropped when it changes), a token of
 * a client for itself taken for a person's.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway.h"
#include "oauth/access_token.h"
#include "oauth/answer.h"
#include "oauth/bearer.h"
#include "oauth/claims.h"
#include "oauth/handlers.h"
#include "oauth/json_out.h"
#include "oauth/scope.h"
#include "persons.h"

#define ANSWER_MAX 8192 /* a text of 128 bytes grows sixfold at most, and there are nine of them */

struct userinfo {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_access_info info;
};

static void send_claims(struct userinfo *userinfo, const struct hc_person *person)
{
	char text[ANSWER_MAX];
	struct hc_json_out out;
	size_t len = 0;

	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	hc_json_text(&out, "sub", userinfo->info.sub);
	hc_claims_write(&out, person, &userinfo->info.scope, userinfo->info.profile);
	hc_json_object_end(&out);
	const enum hc_err err = hc_json_end(&out, &len);
	if (err != HC_OK) {
		hc_answer_trouble(userinfo->exchange, err);
		return;
	}
	hc_count(userinfo->worker, HC_COUNTER_USERINFOS);
	hc_answer_json(userinfo->exchange, text, len);
}

static void person_known(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct userinfo *userinfo = ctx;

	if (err != HC_OK) {
		hc_count(userinfo->worker, HC_COUNTER_BROKER_AWAY);
		hc_answer_trouble(userinfo->exchange, err);
	} else if (!answer->exists || !answer->may_sign_in || answer->person.id != userinfo->info.person_id) {
		hc_bearer_dead(userinfo->exchange);
	} else {
		send_claims(userinfo, &answer->person);
	}
	free(userinfo);
}

static void ask(struct hc_worker *worker, struct hc_exchange *exchange, const struct hc_access_info *info)
{
	struct userinfo *userinfo = malloc(sizeof(*userinfo));

	if (userinfo == NULL) {
		hc_answer_trouble(exchange, HC_ERR_NOMEM);
		return;
	}
	*userinfo = (struct userinfo){.worker = worker, .exchange = exchange, .info = *info};
	hc_persons_get(worker->persons, info->person_id, person_known, userinfo);
}

static void answer(struct hc_worker *worker, struct hc_exchange *exchange, const struct hc_view *text)
{
	const int64_t now_ms = hc_now_ms(worker->gateway->clock);
	struct hc_access_token token;
	const enum hc_err err = hc_access_token_find(worker, text->data, text->len, now_ms, &token);

	if (err == HC_ERR_NOTFOUND)
		hc_bearer_dead(exchange);
	else if (err != HC_OK)
		hc_answer_trouble(exchange, err);
	else if (token.info.person_id == 0 || !hc_scope_has(&token.info.scope, HC_SCOPE_OPENID))
		hc_bearer_too_weak(exchange);
	else
		ask(worker, exchange, &token.info);
}

void hc_handle_userinfo(struct hc_exchange *exchange, void *app)
{
	HC_CLEANUP(hc_params_clear) struct hc_params params;
	struct hc_view text;
	const enum hc_err err = hc_bearer_find(hc_exchange_request(exchange), &params, &text);

	if (err == HC_OK)
		answer(app, exchange, &text);
	else if (err == HC_ERR_NOTFOUND)
		hc_bearer_missing(exchange);
	else if (err == HC_ERR_INVALID)
		hc_bearer_malformed(exchange);
	else
		hc_answer_trouble(exchange, err);
}
