/* SPDX-License-Identifier: Apache-2.0 */
/* Clients, signing keys and browser sessions. */
#include "gstore_support.h"

#include "store/key.h"

/* ---- clients ---- */

static void set_uri(struct hc_client *client, const char *uri)
{
	(void)snprintf(client->redirect_uris.uri[0], sizeof(client->redirect_uris.uri[0]), "%s", uri);
}

static void a_client_outside_of_its_grammar_is_refused(void **state)
{
	struct bench *bench = *state;
	struct hc_client cases[15];

	for (size_t i = 0; i < HC_COUNT(cases); i++)
		cases[i] = client_of("app");
	cases[0].id[0] = '\0';
	(void)snprintf(cases[1].id, sizeof(cases[1].id), "a b");
	memset(cases[2].id, 'a', sizeof(cases[2].id)); /* without an end */
	set_uri(&cases[3], "");
	set_uri(&cases[4], "https://app.example/cb\nhttps://evil.example/");
	set_uri(&cases[5], "https://app.example/c b");
	set_uri(&cases[6], "https://app.example/\xc3\xa9");
	cases[7].redirect_uris.count = HC_CLIENT_URIS_MAX + 1;
	(void)snprintf(cases[8].scopes.text, sizeof(cases[8].scopes.text), "openid  profile");
	(void)snprintf(cases[9].scopes.text, sizeof(cases[9].scopes.text), "openid \"x\"");
	memset(cases[10].secret_hash, 0, sizeof(cases[10].secret_hash));
	cases[11].auth = HC_CLIENT_PUBLIC; /* with a secret */
	cases[12].auth = HC_CLIENT_PUBLIC;
	memset(cases[12].secret_hash, 0, sizeof(cases[12].secret_hash));
	cases[12].grants = HC_GRANT_CREDENTIALS;
	cases[13].grants = 8;
	cases[14].id_token_alg = HC_JWS_EDDSA;
	for (size_t i = 0; i < HC_COUNT(cases); i++)
		if (write_now(bench, add_client, &cases[i]) != HC_ERR_INVALID)
			fail_msg("case %zu", i);
}

static void a_client_comes_back_as_it_was_written(void **state)
{
	struct bench *bench = *state;
	struct hc_client client = client_of("dossier-patient.2"), read;

	(void)snprintf(client.name, sizeof(client.name), "Dossier patient «é»");
	client.redirect_uris.count = HC_CLIENT_URIS_MAX;
	client.post_logout_uris.count = HC_CLIENT_URIS_MAX;
	for (int i = 0; i < HC_CLIENT_URIS_MAX; i++) {
		memset(client.redirect_uris.uri[i], 'a' + i, HC_URI_MAX);
		memset(client.post_logout_uris.uri[i], 'A' + i, HC_URI_MAX);
	}
	client.id_token_alg = HC_JWS_ES256;
	client.access_format = HC_ACCESS_JWT;
	client.profile = HC_CLIENT_PSC;
	client.may_introspect = true;
	memset(client.secret_hash, 0xa5, sizeof(client.secret_hash));
	WRITE(bench, add_client, &client);
	bench_reopen(bench);
	assert_int_equal(hc_client_by_id(view_of(bench), client.id, &read), HC_OK);
	assert_memory_equal(&read, &client, sizeof(read));
	assert_int_equal(hc_client_by_number(view_of(bench), client.number, &read), HC_OK);
	assert_memory_equal(&read, &client, sizeof(read));
}

static enum hc_err remove_client(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_client_remove(tx, ctx);
}

static void clients_are_listed_by_name_and_a_number_is_never_used_again(void **state)
{
	struct bench *bench = *state;
	struct hc_client list[4];
	char name[] = "b";
	size_t count = 0;

	(void)have_client(bench, "c");
	(void)have_client(bench, "a");
	assert_int_equal(have_client(bench, "b"), 3);
	assert_int_equal(hc_client_list(view_of(bench), "", 2, list, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].id, "a");
	assert_string_equal(list[1].id, "b");
	assert_int_equal(hc_client_list(view_of(bench), "b", 4, list, &count), HC_OK);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].id, "c");

	WRITE(bench, remove_client, name);
	assert_int_equal(write_now(bench, remove_client, name), HC_ERR_NOTFOUND);
	assert_int_equal(hc_client_by_id(view_of(bench), "b", list), HC_ERR_NOTFOUND);
	assert_int_equal(have_client(bench, "b"), 4);
}

static enum hc_err set_secret(struct hc_gstore_tx *tx, void *ctx)
{
	static const uint8_t hash[32] = {9, 9};

	return hc_client_set_secret(tx, ctx, hash, T0 + 5);
}

static void a_new_secret_takes_the_place_of_the_old_one(void **state)
{
	struct bench *bench = *state;
	struct hc_client open = client_of("browser"), read;
	char unknown[] = "unknown", app[] = "app";

	open.auth = HC_CLIENT_PUBLIC;
	memset(open.secret_hash, 0, sizeof(open.secret_hash));
	WRITE(bench, add_client, &open);
	(void)have_client(bench, "app");
	assert_int_equal(write_now(bench, set_secret, unknown), HC_ERR_NOTFOUND);
	assert_int_equal(write_now(bench, set_secret, open.id), HC_ERR_STATE);
	WRITE(bench, set_secret, app);
	assert_int_equal(hc_client_by_id(view_of(bench), "app", &read), HC_OK);
	assert_int_equal(read.secret_hash[0], 9);
	assert_int_equal(read.secret_changed_ms, T0 + 5);
}

/* ---- signing keys ---- */

static struct hc_signing_key key_of(char mark, enum hc_jws_alg alg, enum hc_key_state key_state)
{
	struct hc_signing_key key = {.alg = alg,
				     .state = key_state,
				     .sealed = {1, 2, 3},
				     .sealed_len = 3,
				     .public_jwk = "{}",
				     .created_ms = T0};

	memset(key.kid, mark, HC_KID_LEN);
	return key;
}

static enum hc_err add_key(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_key_add(tx, ctx);
}

static enum hc_err activate(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_key_activate(tx, ctx, T0 + 9);
}

static enum hc_err remove_key(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_key_remove(tx, ctx);
}

static void an_algorithm_has_one_key_that_signs_and_one_that_waits(void **state)
{
	struct bench *bench = *state;
	struct hc_signing_key keys[] = {
		key_of('a', HC_JWS_ES256, HC_KEY_ACTIVE), key_of('b', HC_JWS_ES256, HC_KEY_ACTIVE),
		key_of('c', HC_JWS_ES256, HC_KEY_NEXT),	  key_of('d', HC_JWS_ES256, HC_KEY_NEXT),
		key_of('a', HC_JWS_RS256, HC_KEY_ACTIVE), key_of('e', HC_JWS_RS256, HC_KEY_ACTIVE),
		key_of('f', HC_JWS_RS256, HC_KEY_RETIRED)};
	static const enum hc_err wanted[] = {HC_OK,	    HC_ERR_EXISTS, HC_OK,	  HC_ERR_EXISTS,
					     HC_ERR_EXISTS, HC_OK,	   HC_ERR_INVALID};

	for (size_t i = 0; i < HC_COUNT(keys); i++)
		if (write_now(bench, add_key, &keys[i]) != wanted[i])
			fail_msg("key %zu", i);
}

static void a_key_that_retires_loses_its_private_part_and_is_published_until_removed(void **state)
{
	struct bench *bench = *state;
	struct hc_signing_key old = key_of('a', HC_JWS_ES256, HC_KEY_ACTIVE),
			      next = key_of('b', HC_JWS_ES256, HC_KEY_NEXT),
			      other = key_of('c', HC_JWS_RS256, HC_KEY_ACTIVE), list[4];
	size_t count = 0;

	WRITE(bench, add_key, &old);
	WRITE(bench, add_key, &next);
	WRITE(bench, add_key, &other);
	assert_int_equal(write_now(bench, activate, old.kid), HC_ERR_STATE);
	assert_int_equal(write_now(bench, remove_key, old.kid), HC_ERR_STATE);
	WRITE(bench, activate, next.kid);
	assert_int_equal(hc_key_list(view_of(bench), 4, list, &count), HC_OK);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].kid, old.kid);
	assert_int_equal(list[0].state, HC_KEY_RETIRED);
	assert_int_equal(list[0].sealed_len, 0);
	assert_int_equal(list[0].retired_ms, T0 + 9);
	assert_string_equal(list[0].public_jwk, "{}");
	assert_int_equal(list[1].state, HC_KEY_ACTIVE);
	assert_int_equal(list[1].sealed_len, 3);
	assert_int_equal(list[1].activated_ms, T0 + 9);
	assert_int_equal(list[2].state, HC_KEY_ACTIVE); /* the other algorithm's */

	WRITE(bench, remove_key, old.kid);
	assert_int_equal(hc_key_list(view_of(bench), 4, list, &count), HC_OK);
	assert_int_equal(count, 2);
}

/* ---- sessions ---- */

static enum hc_err find(struct bench *bench, const struct hc_ticket_ref *cookie, int64_t now_ms)
{
	struct hc_browser_session session;

	return hc_session_find(view_of(bench), cookie, now_ms, 1800000, &session);
}

static void a_cookie_that_is_wrong_in_one_bit_expired_or_idle_finds_nothing(void **state)
{
	struct bench *bench = *state;
	struct hc_browser_session session = session_of(100, 7);
	struct hc_ticket_ref wrong = session.cookie, other_id = session.cookie;

	session.expires_ms = T0 + 2000000;
	WRITE(bench, add_session, &session);
	wrong.hash[31] ^= 1;
	other_id.id = 101;
	assert_int_equal(find(bench, &wrong, T0), HC_ERR_NOTFOUND);
	assert_int_equal(find(bench, &other_id, T0), HC_ERR_NOTFOUND);
	assert_int_equal(find(bench, &session.cookie, T0), HC_OK);
	assert_int_equal(find(bench, &session.cookie, T0 + 1799999), HC_OK);
	assert_int_equal(find(bench, &session.cookie, T0 + 1800000), HC_ERR_NOTFOUND); /* idle */
	struct hc_browser_session fresh = session_of(200, 7);
	fresh.expires_ms = T0 + 1000;
	WRITE(bench, add_session, &fresh);
	assert_int_equal(find(bench, &fresh.cookie, T0 + 999), HC_OK);
	assert_int_equal(find(bench, &fresh.cookie, T0 + 1000), HC_ERR_NOTFOUND); /* expired */
}

static enum hc_err touch(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_session_touch(tx, *(const int64_t *)ctx, T0 + 1000000);
}

static enum hc_err end(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_session_end(tx, *(const int64_t *)ctx, T0 + 1);
}

static enum hc_err end_person(struct hc_gstore_tx *tx, void *ctx)
{
	size_t ended = 0;
	const enum hc_err err = hc_session_end_person(tx, 7, T0 + 1, &ended);

	*(size_t *)ctx = ended;
	return err;
}

static void a_session_that_was_ended_is_found_by_nobody_and_its_grants_are_dead(void **state)
{
	struct bench *bench = *state;
	const int64_t client = have_client(bench, "app");
	struct hc_browser_session session = session_of(100, 7), read;
	struct hc_grant grant = grant_of(300, client, 100), later = grant_of(301, client, 100);
	struct hc_access access = access_of(400, 300, client);
	struct hc_access_info info;

	WRITE(bench, add_session, &session);
	WRITE(bench, add_grant, &grant);
	WRITE(bench, add_access, &access);
	assert_int_equal(hc_access_find(view_of(bench), &access.ref, T0, &info), HC_OK);
	assert_int_equal(hc_session_by_sid(view_of(bench), "sid-100", &read), HC_OK);
	WRITE(bench, touch, &session.cookie.id);
	assert_int_equal(find(bench, &session.cookie, T0 + 1900000), HC_OK);

	WRITE(bench, end, &session.cookie.id);
	assert_int_equal(find(bench, &session.cookie, T0), HC_ERR_NOTFOUND);
	assert_int_equal(hc_session_by_sid(view_of(bench), "sid-100", &read), HC_ERR_NOTFOUND);
	assert_int_equal(hc_access_find(view_of(bench), &access.ref, T0, &info), HC_ERR_NOTFOUND);
	assert_int_equal(hc_grant_find(view_of(bench), 300, T0, &grant), HC_ERR_NOTFOUND);
	assert_int_equal(write_now(bench, add_grant, &later), HC_ERR_STATE);
	assert_int_equal(write_now(bench, touch, &session.cookie.id), HC_ERR_NOTFOUND);
	assert_int_equal(write_now(bench, end, &session.cookie.id), HC_ERR_NOTFOUND);
	assert_int_equal(hc_session_by_id(view_of(bench), 100, &read), HC_OK); /* kept, for what it was */
}

struct renewal {
	struct hc_ticket_ref cookie; /* as the browser has it */
	struct hc_browser_session session;
};

static enum hc_err renew(struct hc_gstore_tx *tx, void *ctx)
{
	const struct renewal *renewal = ctx;

	return hc_session_renew(tx, &renewal->cookie, &renewal->session);
}

static void a_session_is_renewed_by_its_cookie_and_person_alone_and_keeps_its_grants(void **state)
{
	struct bench *bench = *state;
	const int64_t client = have_client(bench, "app");
	struct hc_browser_session session = session_of(100, 7), read;
	struct hc_grant grant = grant_of(300, client, 100);
	struct renewal good = {.cookie = session.cookie, .session = session}, wrong;

	WRITE(bench, add_session, &session);
	WRITE(bench, add_grant, &grant);
	good.session.cookie.hash[0] ^= 1;
	good.session.auth_ms = good.session.last_seen_ms = T0 + 5000;
	wrong = good;
	wrong.cookie.hash[31] ^= 1;
	assert_int_equal(write_now(bench, renew, &wrong), HC_ERR_NOTFOUND);
	wrong = good;
	wrong.session.person_id = 8;
	assert_int_equal(write_now(bench, renew, &wrong), HC_ERR_NOTFOUND);
	wrong = good;
	wrong.session.cookie.id = 101;
	assert_int_equal(write_now(bench, renew, &wrong), HC_ERR_INVALID);
	wrong = good;
	wrong.session.auth_ms = session.expires_ms; /* it has expired by then */
	assert_int_equal(write_now(bench, renew, &wrong), HC_ERR_NOTFOUND);
	assert_int_equal(find(bench, &session.cookie, T0), HC_OK);

	WRITE(bench, renew, &good);
	assert_int_equal(find(bench, &session.cookie, T0 + 5000), HC_ERR_NOTFOUND);
	assert_int_equal(find(bench, &good.session.cookie, T0 + 5000), HC_OK);
	assert_int_equal(hc_session_by_sid(view_of(bench), "sid-100", &read), HC_OK);
	assert_int_equal(read.auth_ms, T0 + 5000);
	assert_int_equal(hc_grant_find(view_of(bench), 300, T0, &grant), HC_OK);
	assert_int_equal(write_now(bench, renew, &good), HC_ERR_NOTFOUND); /* the old cookie is spent */

	WRITE(bench, end, &session.cookie.id);
	wrong = good;
	wrong.cookie = good.session.cookie;
	assert_int_equal(write_now(bench, renew, &wrong), HC_ERR_NOTFOUND);
}

static void the_sessions_of_a_person_end_together_and_those_of_others_stay(void **state)
{
	struct bench *bench = *state;
	const int64_t client = have_client(bench, "app");
	struct hc_browser_session mine = session_of(100, 7), also = session_of(101, 7),
				  other = session_of(102, 8), list[4];
	struct hc_grant grant = grant_of(300, client, 101), theirs = grant_of(301, client, 102);
	int64_t cursor = 0;
	size_t ended = 0, count = 0;

	WRITE(bench, add_session, &mine);
	WRITE(bench, add_session, &also);
	WRITE(bench, add_session, &other);
	WRITE(bench, add_grant, &grant);
	WRITE(bench, add_grant, &theirs);
	assert_int_equal(hc_session_list(view_of(bench), 7, T0, &cursor, 1, list, &count), HC_OK);
	assert_int_equal(count, 1);
	assert_memory_equal(&list[0], &mine, sizeof(mine));
	assert_int_equal(hc_session_list(view_of(bench), 7, T0, &cursor, 4, list, &count), HC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].cookie.id, 101);

	WRITE(bench, end_person, &ended);
	assert_int_equal(ended, 2);
	assert_int_equal(hc_grant_find(view_of(bench), 300, T0, &grant), HC_ERR_NOTFOUND);
	assert_int_equal(hc_grant_find(view_of(bench), 301, T0, &grant), HC_OK);
	cursor = 0;
	assert_int_equal(hc_session_list(view_of(bench), 0, T0, &cursor, 4, list, &count), HC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].cookie.id, 102);
}

static void an_id_or_sid_is_taken_once(void **state)
{
	struct bench *bench = *state;
	struct hc_browser_session first = session_of(100, 7), same_sid = session_of(101, 8);

	WRITE(bench, add_session, &first);
	assert_int_equal(write_now(bench, add_session, &first), HC_ERR_EXISTS);
	memcpy(same_sid.sid, first.sid, sizeof(first.sid));
	assert_int_equal(write_now(bench, add_session, &same_sid), HC_ERR_EXISTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_outside_of_its_grammar_is_refused),
		TEST(a_client_comes_back_as_it_was_written),
		TEST(clients_are_listed_by_name_and_a_number_is_never_used_again),
		TEST(a_new_secret_takes_the_place_of_the_old_one),
		TEST(an_algorithm_has_one_key_that_signs_and_one_that_waits),
		TEST(a_key_that_retires_loses_its_private_part_and_is_published_until_removed),
		TEST(a_cookie_that_is_wrong_in_one_bit_expired_or_idle_finds_nothing),
		TEST(a_session_that_was_ended_is_found_by_nobody_and_its_grants_are_dead),
		TEST(a_session_is_renewed_by_its_cookie_and_person_alone_and_keeps_its_grants),
		TEST(the_sessions_of_a_person_end_together_and_those_of_others_stay),
		TEST(an_id_or_sid_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
