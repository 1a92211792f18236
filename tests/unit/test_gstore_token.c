/* SPDX-License-Identifier: Apache-2.0 */
/* Codes, access and refresh tokens: what they are refused for, what a second use does, what a purge leaves. */
#include "gstore_support.h"

#include "store/purge.h"

/* A client and another, a session, a grant: what most tests begin with. */
struct rig {
	struct bench *bench;
	int64_t app, other;
};

static struct rig rig_of(void **state)
{
	struct rig rig = {.bench = *state};
	struct hc_browser_session session = session_of(100, 7);

	rig.app = have_client(rig.bench, "app");
	rig.other = have_client(rig.bench, "other");
	WRITE(rig.bench, add_session, &session);
	struct hc_grant grant = grant_of(300, rig.app, 100);
	WRITE(rig.bench, add_grant, &grant);
	return rig;
}

static bool access_is_alive(const struct rig *rig, int64_t id, int64_t now_ms)
{
	struct hc_access_info info;
	const struct hc_ticket_ref ref = ref_of(id);

	return hc_access_find(view_of(rig->bench), &ref, now_ms, &info) == HC_OK;
}

/* ---- codes ---- */

struct redeem {
	struct hc_code_try code_try;
	int64_t now_ms;
	enum hc_redeem outcome;
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];
};

static enum hc_err redeem_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct redeem *redeem = ctx;

	return hc_code_redeem(tx, &redeem->code_try, redeem->now_ms, &redeem->outcome, &redeem->grant,
			      redeem->nonce);
}

static struct redeem try_of(const struct rig *rig, int64_t id)
{
	return (struct redeem){.code_try = {.ref = ref_of(id),
					    .client = rig->app,
					    .redirect_uri = "https://app.example/cb",
					    .challenge = VERIFIER_HASH},
			       .now_ms = T0 + 1};
}

static void a_code_that_does_not_match_is_refused_and_not_used_up(void **state)
{
	const struct rig rig = rig_of(state);
	struct hc_code code = code_of(400, 300, rig.app);
	struct redeem cases[8], right = try_of(&rig, 400);

	WRITE(rig.bench, add_code, &code);
	for (size_t i = 0; i < HC_COUNT(cases); i++)
		cases[i] = try_of(&rig, 400);
	cases[0].code_try.client = rig.other;
	cases[1].code_try.redirect_uri = "https://app.example/cb/";
	cases[2].code_try.redirect_uri = "https://APP.example/cb";
	cases[3].code_try.redirect_uri = "";
	cases[4].code_try.challenge[31] ^= 1;
	cases[5].code_try.ref.hash[0] ^= 1;
	cases[6].code_try.ref.id = 401;
	cases[7].now_ms = T0 + 60000; /* the first moment after its end */
	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		cases[i].outcome = HC_REDEEM_OK;
		WRITE(rig.bench, redeem_work, &cases[i]);
		if (cases[i].outcome != HC_REDEEM_REFUSED)
			fail_msg("case %zu: %d", i, (int)cases[i].outcome);
	}
	right.now_ms = T0 + 59999;
	WRITE(rig.bench, redeem_work, &right);
	assert_int_equal(right.outcome, HC_REDEEM_OK);
	assert_int_equal(right.grant.id, 300);
	assert_int_equal(right.grant.session_id, 100);
	assert_string_equal(right.grant.scope.text, "openid profile");
	assert_string_equal(right.nonce, "n-0S6");
}

static void a_code_used_twice_ends_what_was_issued_from_it(void **state)
{
	const struct rig rig = rig_of(state);
	struct hc_code code = code_of(400, 300, rig.app);
	struct hc_access access = access_of(500, 300, rig.app);
	struct redeem first = try_of(&rig, 400), stranger = try_of(&rig, 400), second = try_of(&rig, 400);

	WRITE(rig.bench, add_code, &code);
	WRITE(rig.bench, redeem_work, &first);
	WRITE(rig.bench, add_access, &access);
	stranger.code_try.client = rig.other; /* cannot end what is not its own */
	WRITE(rig.bench, redeem_work, &stranger);
	assert_int_equal(stranger.outcome, HC_REDEEM_REFUSED);
	assert_true(access_is_alive(&rig, 500, T0 + 1));

	second.code_try.challenge[0] ^= 1; /* whoever has the code, with or without the verifier */
	second.now_ms = T0 + 90000;	   /* and also after its own time */
	WRITE(rig.bench, redeem_work, &second);
	assert_int_equal(second.outcome, HC_REDEEM_REUSED);
	assert_false(access_is_alive(&rig, 500, T0 + 1));
	WRITE(rig.bench, redeem_work, &second);
	assert_int_equal(second.outcome, HC_REDEEM_REFUSED); /* it is over, and known to be */
}

static enum hc_err end_grant(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_grant_end(tx, *(const int64_t *)ctx, T0 + 1);
}

static void nothing_is_issued_from_a_grant_that_is_foreign_ended_or_too_short(void **state)
{
	const struct rig rig = rig_of(state);
	int64_t grant_id = 300;
	struct hc_code codes[] = {code_of(400, 300, rig.other), code_of(401, 999, rig.app),
				  code_of(402, 300, rig.app)};
	struct hc_access accesses[] = {access_of(500, 300, rig.other), access_of(501, 999, rig.app),
				       access_of(502, 300, rig.app)};
	struct hc_refresh refreshes[] = {refresh_of(600, 300, rig.other), refresh_of(601, 999, rig.app),
					 refresh_of(602, 300, rig.app)};
	struct hc_grant grants[] = {grant_of(301, 77, 100), grant_of(302, rig.app, 77),
				    grant_of(303, rig.app, 100)};

	codes[2].keep_until_ms = accesses[2].expires_ms = refreshes[2].expires_ms = T0 + 9 * 3600000;
	grants[2].expires_ms = T0 + 17 * 3600000;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 3; i++)
			if (write_now(rig.bench, add_code, &codes[i]) != HC_ERR_STATE ||
			    write_now(rig.bench, add_access, &accesses[i]) != HC_ERR_STATE ||
			    write_now(rig.bench, add_refresh, &refreshes[i]) != HC_ERR_STATE ||
			    write_now(rig.bench, add_grant, &grants[i]) != HC_ERR_STATE)
				fail_msg("round %d, row %zu", round, i);
		codes[2] = code_of(402, 300, rig.app);
		accesses[2] = access_of(502, 300, rig.app);
		refreshes[2] = refresh_of(602, 300, rig.app);
		if (round == 0)
			WRITE(rig.bench, end_grant, &grant_id);
	}
}

static enum hc_err remove_client(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_client_remove(tx, ctx);
}

static void everything_of_a_client_that_was_removed_is_dead(void **state)
{
	const struct rig rig = rig_of(state);
	char name[] = "app";
	struct hc_code code = code_of(400, 300, rig.app);
	struct hc_access access = access_of(500, 300, rig.app);
	struct hc_refresh refresh = refresh_of(600, 300, rig.app);
	struct hc_refresh_info info;
	struct redeem redeem = try_of(&rig, 400);
	struct hc_grant grant;

	WRITE(rig.bench, add_code, &code);
	WRITE(rig.bench, add_access, &access);
	WRITE(rig.bench, add_refresh, &refresh);
	WRITE(rig.bench, remove_client, name);
	redeem.outcome = HC_REDEEM_OK;
	WRITE(rig.bench, redeem_work, &redeem);
	assert_int_equal(redeem.outcome, HC_REDEEM_REFUSED);
	assert_false(access_is_alive(&rig, 500, T0));
	assert_int_equal(hc_grant_find(view_of(rig.bench), 300, T0, &grant), HC_ERR_NOTFOUND);
	assert_int_equal(hc_refresh_find(view_of(rig.bench), &refresh.ref, T0, &info), HC_ERR_NOTFOUND);
}

/* ---- access tokens ---- */

static enum hc_err revoke_access(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_access *access = ctx;

	return hc_access_revoke(tx, &access->ref, access->client);
}

static void an_access_token_is_found_by_all_of_its_hash_and_until_its_end(void **state)
{
	const struct rig rig = rig_of(state);
	struct hc_access access = access_of(500, 300, rig.app), narrow = access_of(501, 300, rig.app),
			 foreign = access_of(500, 300, rig.other), wrong = access;
	struct hc_access_info info;

	(void)snprintf(narrow.scope.text, sizeof(narrow.scope.text), "openid");
	WRITE(rig.bench, add_access, &access);
	WRITE(rig.bench, add_access, &narrow);
	assert_int_equal(write_now(rig.bench, add_access, &access), HC_ERR_EXISTS);
	wrong.ref.hash[31] ^= 0x80;
	assert_int_equal(hc_access_find(view_of(rig.bench), &wrong.ref, T0, &info), HC_ERR_NOTFOUND);
	assert_int_equal(hc_access_find(view_of(rig.bench), &access.ref, T0 + 300000, &info),
			 HC_ERR_NOTFOUND);
	assert_int_equal(hc_access_find(view_of(rig.bench), &access.ref, T0 + 299999, &info), HC_OK);
	assert_string_equal(info.client_id, "app");
	assert_string_equal(info.scope.text, "openid profile");
	assert_string_equal(info.sub, "subject");
	assert_int_equal(info.person_id, 7);
	assert_int_equal(info.session_id, 100);
	assert_int_equal(hc_access_find(view_of(rig.bench), &narrow.ref, T0, &info), HC_OK);
	assert_string_equal(info.scope.text, "openid");

	assert_int_equal(write_now(rig.bench, revoke_access, &foreign), HC_ERR_NOTFOUND);
	assert_int_equal(write_now(rig.bench, revoke_access, &wrong), HC_ERR_NOTFOUND);
	assert_true(access_is_alive(&rig, 500, T0));
	WRITE(rig.bench, revoke_access, &access);
	assert_false(access_is_alive(&rig, 500, T0));
	assert_true(access_is_alive(&rig, 501, T0));
}

static enum hc_err revoke_jti(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_jti_revoke(tx, ctx, T0 + 1000);
}

static void a_jti_is_revoked_once_and_for_all(void **state)
{
	struct bench *bench = *state;
	uint8_t hash[32] = {1}, other[32] = {2};
	bool revoked = true;

	assert_int_equal(hc_jti_is_revoked(view_of(bench), hash, &revoked), HC_OK);
	assert_false(revoked);
	WRITE(bench, revoke_jti, hash);
	WRITE(bench, revoke_jti, hash);
	assert_int_equal(hc_jti_is_revoked(view_of(bench), hash, &revoked), HC_OK);
	assert_true(revoked);
	assert_int_equal(hc_jti_is_revoked(view_of(bench), other, &revoked), HC_OK);
	assert_false(revoked);
}

/* ---- purge ---- */

struct purge {
	int64_t now_ms;
	size_t deleted;
};

static enum hc_err purge_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct purge *purge = ctx;

	return hc_purge_step(tx, purge->now_ms, &purge->deleted);
}

static enum hc_err add_500_codes(struct hc_gstore_tx *tx, void *ctx)
{
	const int64_t client = *(const int64_t *)ctx;
	enum hc_err err = HC_OK;

	for (int64_t id = 1000; err == HC_OK && id < 1500; id++) {
		struct hc_code code = code_of(id, 300, client);
		code.keep_until_ms = T0 + 60000 + id; /* 1000 … 1499 later */
		err = hc_code_add(tx, &code);
	}
	return err;
}

static void a_purge_deletes_what_is_over_in_steps_and_nothing_else(void **state)
{
	struct rig rig = rig_of(state);
	struct purge purge = {.now_ms = T0 + 60000 + 999};
	uint8_t hash[32] = {1};
	bool revoked = false;

	WRITE(rig.bench, add_500_codes, &rig.app);
	WRITE(rig.bench, revoke_jti, hash);
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, 1); /* the jti */
	assert_int_equal(hc_jti_is_revoked(view_of(rig.bench), hash, &revoked), HC_OK);
	assert_false(revoked);

	purge.now_ms = T0 + 60000 + 1399; /* 400 codes */
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, HC_PURGE_ROWS);
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, 400 - HC_PURGE_ROWS);
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, 0);

	purge.now_ms = T0 + 16 * 3600000; /* all of it: 100 codes, a grant, a session */
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, 102);
}

static void a_purge_takes_nothing_that_still_counts(void **state)
{
	const struct rig rig = rig_of(state);
	struct hc_access access = access_of(500, 300, rig.app);
	struct hc_refresh refresh = refresh_of(600, 300, rig.app);
	struct hc_code code = code_of(400, 300, rig.app);
	struct purge purge = {.now_ms = T0 + 299999};
	struct hc_refresh_info info;
	struct redeem redeem = try_of(&rig, 400);

	WRITE(rig.bench, add_access, &access);
	WRITE(rig.bench, add_refresh, &refresh);
	WRITE(rig.bench, add_code, &code);
	WRITE(rig.bench, redeem_work, &redeem);
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, 0);
	assert_true(access_is_alive(&rig, 500, purge.now_ms));
	purge.now_ms = T0 + 3600000 - 1;
	WRITE(rig.bench, purge_work, &purge);
	assert_int_equal(purge.deleted, 2); /* the access token, the code */
	assert_int_equal(hc_refresh_find(view_of(rig.bench), &refresh.ref, purge.now_ms, &info), HC_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_code_that_does_not_match_is_refused_and_not_used_up),
		TEST(a_code_used_twice_ends_what_was_issued_from_it),
		TEST(nothing_is_issued_from_a_grant_that_is_foreign_ended_or_too_short),
		TEST(everything_of_a_client_that_was_removed_is_dead),
		TEST(an_access_token_is_found_by_all_of_its_hash_and_until_its_end),
		TEST(a_jti_is_revoked_once_and_for_all),
		TEST(a_purge_deletes_what_is_over_in_steps_and_nothing_else),
		TEST(a_purge_takes_nothing_that_still_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
