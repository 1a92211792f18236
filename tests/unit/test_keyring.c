/* SPDX-License-Identifier: Apache-2.0 */
/* The signing keys: what is not opened, what is published, who signs. */
#include "gateway_support.h"

static const struct hc_http_route routes[] = {
	{HC_PATH_JWKS, HC_HTTP_GET, hc_handle_jwks},
	{.path = NULL},
};

static int setup(void **state)
{
	struct gw *gw = gw_new();

	gw_start(gw, routes);
	*state = gw;
	return 0;
}

static int teardown(void **state)
{
	gw_free(*state);
	return 0;
}

struct load {
	enum hc_err err;
	const struct hc_seal *seal;
};

static void load(struct gw *gw, void *ctx)
{
	struct load *load = ctx;
	HC_AUTO(keyring) keyring = NULL;

	load->err = hc_keyring_load(gw->worker.view, load->seal, &keyring);
	assert_true((load->err == HC_OK) == (keyring != NULL));
}

static enum hc_err load_err(struct gw *gw, const struct hc_seal *seal)
{
	struct load wanted = {.seal = seal};

	gw_on_loop(gw, load, &wanted);
	return wanted.err;
}

static enum hc_err add_key(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_key_add(tx, ctx);
}

/* With these keys alone. */
static enum hc_err load_with(const struct hc_signing_key *first, const struct hc_signing_key *second)
{
	struct gw *gw = gw_new();
	struct hc_signing_key rows[2] = {*first, second != NULL ? *second : *first};

	assert_int_equal(pthread_create(&gw->thread, NULL, gw_thread, gw), 0);
	gw->running = true;
	GW_WRITE(gw, add_key, &rows[0]);
	if (second != NULL)
		GW_WRITE(gw, add_key, &rows[1]);
	const enum hc_err err = load_err(gw, gw->gateway.seal);
	gw_free(gw);
	return err;
}

static void keys_that_are_not_what_they_say_are_not_opened(void **state)
{
	struct gw *gw = *state;
	struct hc_signing_key es256 = gw_keys(gw->gateway.seal)[0], rs256 = gw_keys(gw->gateway.seal)[1];
	struct hc_signing_key bent;

	assert_int_equal(load_with(&es256, NULL), HC_ERR_NOTFOUND);
	assert_int_equal(load_with(&rs256, NULL), HC_ERR_NOTFOUND);
	assert_int_equal(load_with(&es256, &rs256), HC_OK);

	bent = es256; /* a bit of the sealed key */
	bent.sealed[bent.sealed_len / 2] ^= 1;
	assert_int_equal(load_with(&bent, &rs256), HC_ERR_SEAL);
	bent = es256; /* under another name */
	bent.kid[0] = bent.kid[0] == 'A' ? 'B' : 'A';
	assert_int_equal(load_with(&bent, &rs256), HC_ERR_SEAL);
	bent = es256; /* for another algorithm */
	bent.alg = HC_JWS_EDDSA;
	assert_int_equal(load_with(&bent, &rs256), HC_ERR_SEAL);
	bent = es256; /* another's private key in its place */
	memcpy(bent.sealed, rs256.sealed, sizeof(bent.sealed));
	bent.sealed_len = rs256.sealed_len;
	assert_int_equal(load_with(&bent, &rs256), HC_ERR_SEAL);
}

static void a_published_key_that_is_not_its_kid_fails_the_ring(void **state)
{
	struct gw *gw = *state;
	struct hc_signing_key next;

	assert_int_equal(hc_keyring_make(HC_JWS_ES256, gw->gateway.seal, T0, &next), HC_OK);
	memcpy(next.public_jwk, gw_keys(gw->gateway.seal)[0].public_jwk, sizeof(next.public_jwk));
	GW_WRITE(gw, add_key, &next);
	assert_int_equal(load_err(gw, gw->gateway.seal), HC_ERR_CORRUPT);
}

static void another_seal_opens_nothing(void **state)
{
	struct gw *gw = *state;
	HC_AUTO(seal) other = NULL;
	char path[128];

	(void)tempdir_file(&gw->dir, "other.key", path, sizeof(path));
	assert_int_equal(hc_seal_open(path, true, &other), HC_OK);
	assert_int_equal(load_err(gw, other), HC_ERR_SEAL);
}

static void the_published_set_has_no_private_member(void **state)
{
	struct gw *gw = *state;
	static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

	GW_REPLY_OF(reply) = gw_get(gw, HC_PATH_JWKS, "");
	GW_JSON(json) = gw_json(&reply);
	const json_t *keys = json_object_get(json, "keys");
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.text, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(reply.text, "\r\nCache-Control: public, max-age=300\r\n"));
	assert_int_equal(json_array_size(keys), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *key = json_array_get(keys, i);

		assert_int_equal(strlen(gw_text(key, "kid")), HC_KID_LEN);
		assert_string_equal(gw_text(key, "use"), "sig");
		for (size_t j = 0; j < HC_COUNT(private_members); j++)
			assert_null(json_object_get(key, private_members[j]));
	}
	assert_string_not_equal(gw_text(json_array_get(keys, 0), "kid"),
				gw_text(json_array_get(keys, 1), "kid"));
}

static void a_new_rsa_key_has_2048_bits(void **state)
{
	struct gw *gw = *state;

	GW_REPLY_OF(reply) = gw_get(gw, HC_PATH_JWKS, "");
	GW_JSON(json) = gw_json(&reply);
	const json_t *keys = json_object_get(json, "keys");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		if (strcmp(gw_text(json_array_get(keys, i), "alg"), "RS256") == 0)
			assert_int_equal(strlen(gw_text(json_array_get(keys, i), "n")), hc_b64url_len(256));
	}
}

/* ---- rotation ---- */

static enum hc_err activate(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_key_activate(tx, ctx, T0 + 1);
}

struct signing {
	char kid[HC_KID_LEN + 1];
	char *compact;
	enum hc_err verified;
};

static void sign_sample(struct gw *gw, void *ctx)
{
	struct signing *signing = ctx;
	size_t len = 0;

	assert_int_equal(hc_jws_sign(hc_keyring_signer(gw->worker.keyring, HC_JWS_ES256), "JWT", "{}", 2,
				     &signing->compact, &len),
			 HC_OK);
}

static void verify_sample(struct gw *gw, void *ctx)
{
	struct signing *signing = ctx;
	size_t count = 0, len = 0;
	struct hc_jwk *const *keys = hc_keyring_keys(gw->worker.keyring, &count);
	char *payload = NULL;

	signing->verified =
		hc_jws_verify(keys, count, signing->compact, strlen(signing->compact), "JWT", &payload, &len);
	free(payload);
}

static size_t published(struct gw *gw)
{
	GW_REPLY_OF(reply) = gw_get(gw, HC_PATH_JWKS, "");
	GW_JSON(json) = gw_json(&reply);

	return json_array_size(json_object_get(json, "keys"));
}

static enum hc_err remove_key(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_key_remove(tx, ctx);
}

static void a_key_is_published_before_it_signs_and_after(void **state)
{
	struct gw *gw = *state;
	struct hc_signing_key next;
	struct signing before = {.compact = NULL}, after = {.compact = NULL};
	char old[HC_KID_LEN + 1];

	memcpy(old, gw_keys(gw->gateway.seal)[0].kid, sizeof(old));
	gw_on_loop(gw, sign_sample, &before);
	assert_int_equal(hc_keyring_make(HC_JWS_ES256, gw->gateway.seal, T0, &next), HC_OK);
	assert_int_equal(next.state, HC_KEY_NEXT);
	GW_WRITE(gw, add_key, &next);
	gw_on_loop(gw, gw_load_keyring, NULL);
	assert_int_equal(published(gw), 3);
	gw_on_loop(gw, sign_sample, &after); /* still by the old one */
	free(after.compact);

	GW_WRITE(gw, activate, next.kid);
	gw_on_loop(gw, gw_load_keyring, NULL);
	assert_int_equal(published(gw), 3);
	gw_on_loop(gw, sign_sample, &after);
	gw_on_loop(gw, verify_sample, &before);
	gw_on_loop(gw, verify_sample, &after);
	assert_int_equal(before.verified, HC_OK);
	assert_int_equal(after.verified, HC_OK);

	GW_WRITE(gw, remove_key, old);
	gw_on_loop(gw, gw_load_keyring, NULL);
	assert_int_equal(published(gw), 2);
	gw_on_loop(gw, verify_sample, &before);
	gw_on_loop(gw, verify_sample, &after);
	assert_int_equal(before.verified, HC_ERR_NOTFOUND);
	assert_int_equal(after.verified, HC_OK);
	free(before.compact);
	free(after.compact);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(keys_that_are_not_what_they_say_are_not_opened),
		CASE(a_published_key_that_is_not_its_kid_fails_the_ring),
		CASE(another_seal_opens_nothing),
		CASE(the_published_set_has_no_private_member),
		CASE(a_new_rsa_key_has_2048_bits),
		CASE(a_key_is_published_before_it_signs_and_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
