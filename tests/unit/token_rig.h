/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TOKEN_RIG_H
#define HC_TOKEN_RIG_H

#include "gateway_support.h"

/* The token endpoint, its clients, and what is asked of it and of the store. */

static const struct hc_http_route token_routes[] = {
	{HC_PATH_TOKEN, HC_HTTP_POST, hc_handle_token},
	{.path = NULL},
};

/* Two confidential clients and a public one, and a consent for the first. */
struct token_rig {
	struct gw *gw;
	struct hc_client app, other, public;
	struct gw_consent consent;
};

static inline struct gw_consent consent_to(struct gw *gw, const struct hc_client *client)
{
	struct gw_consent consent = {
		.client = client, .person_id = 7, .scope = "openid profile", .nonce = "n-0S6_WzA2Mj"};

	gw_make_consent(gw, &consent);
	return consent;
}

static inline int setup(void **state)
{
	struct token_rig *rig = calloc(1, sizeof(*rig));

	rig->gw = gw_new();
	gw_start(rig->gw, token_routes);
	rig->app = gw_client_of("app");
	gw_add_client(rig->gw, &rig->app);
	rig->other = gw_client_of("other");
	gw_add_client(rig->gw, &rig->other);
	rig->public = gw_client_of("public");
	rig->public.auth = HC_CLIENT_PUBLIC;
	gw_add_client(rig->gw, &rig->public);
	rig->consent = consent_to(rig->gw, &rig->app);
	*state = rig;
	return 0;
}

static inline int teardown(void **state)
{
	struct token_rig *rig = *state;

	gw_free(rig->gw);
	free(rig);
	return 0;
}

/* ---- requests ---- */

static inline struct gw_reply ask(struct token_rig *rig, const char *client, const char *form)
{
	return gw_post(rig->gw, HC_PATH_TOKEN, gw_basic(client, GW_SECRET), form);
}

static inline const char *code_form(const char *code, const char *verifier)
{
	static char form[2048];

	(void)snprintf(form, sizeof(form),
		       "grant_type=authorization_code&code=%s&redirect_uri=https%%3A%%2F%%2Fapp.example%%2Fcb"
		       "&code_verifier=%s",
		       code, verifier);
	return form;
}

static inline struct gw_reply redeem(struct token_rig *rig)
{
	return ask(rig, "app", code_form(rig->consent.code_text.text, GW_VERIFIER));
}

static inline const char *refresh_form(const char *token, const char *more)
{
	static char form[2048];

	gw_print(form, sizeof(form), "grant_type=refresh_token&refresh_token=%s%s", token, more);
	return form;
}

static inline void expect_error(const struct gw_reply *reply, unsigned status, const char *error,
				const char *what)
{
	GW_JSON(json) = gw_json(reply);

	if (reply->status != status || strcmp(gw_text(json, "error"), error) != 0)
		fail_msg("%s: %u %s", what, reply->status, reply->body);
	assert_non_null(strstr(reply->text, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(reply->text, "\r\nStrict-Transport-Security: max-age=31536000\r\n"));
	assert_non_null(strstr(reply->text, "\r\nContent-Type: application/json\r\n"));
	for (const char *at = gw_text(json, "error_description"); *at != '\0'; at++)
		assert_true(*at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\');
}

/* The member `name` of an answer 200, copied. */
static inline void take(const struct gw_reply *reply, const char *name, char out[HC_JWS_MAX])
{
	GW_JSON(json) = gw_json(reply);

	if (reply->status != 200)
		fail_msg("%u %s", reply->status, reply->body);
	(void)snprintf(out, HC_JWS_MAX, "%s", gw_text(json, name));
}

/* The person may not sign in any more; or she is not there at all. */
static inline void disable(struct token_rig *rig, bool exists)
{
	struct hc_person_answer answer = gw_doctor(7);

	answer.exists = exists;
	answer.may_sign_in = !exists;
	gw_person(rig->gw, answer);
}

/* ---- what the store says ---- */

struct look {
	const char *token;
	bool alive;
};

static inline void look_access(struct gw *gw, void *ctx)
{
	struct look *look = ctx;
	struct hc_ticket_ref ref;
	struct hc_access_info info;

	look->alive = hc_ticket_parse(look->token, strlen(look->token), &ref) == HC_OK &&
		      hc_access_find(gw->worker.view, &ref, atomic_load(&gw->now_ms), &info) == HC_OK;
}

static inline bool access_lives(struct token_rig *rig, const char *token)
{
	struct look look = {.token = token};

	gw_on_loop(rig->gw, look_access, &look);
	return look.alive;
}

struct records {
	struct hc_outbox_record rows[8];
	size_t count;
};

static inline void list_records(struct gw *gw, void *ctx)
{
	struct records *records = ctx;

	assert_int_equal(
		hc_outbox_list(gw->worker.view, HC_COUNT(records->rows), records->rows, &records->count),
		HC_OK);
}

static inline size_t count_records(struct token_rig *rig, enum hc_outbox_event event)
{
	struct records records;
	size_t count = 0;

	gw_on_loop(rig->gw, list_records, &records);
	for (size_t i = 0; i < records.count; i++)
		count += records.rows[i].event == event;
	return count;
}

static inline struct hc_outbox_record last_record(struct token_rig *rig)
{
	struct records records;

	gw_on_loop(rig->gw, list_records, &records);
	assert_true(records.count > 0);
	return records.rows[records.count - 1];
}

#define TOKEN_CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
