/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures of the gateway: refusals first, then the vectors of the RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"
#include "jose/b64url.h"
#include "jose/jws.h"

#include "jose/key.h"

#define PAYLOAD "{\"iss\":\"https://sso.chu.example\"}"

static const enum hc_jws_alg ALGS[] = {HC_JWS_ES256, HC_JWS_RS256, HC_JWS_PS256, HC_JWS_EDDSA};

static struct hc_jwk *make_key(enum hc_jws_alg alg)
{
	struct hc_jwk *key = NULL;

	assert_int_equal(hc_jwk_generate(alg, &key), HC_OK);
	return key;
}

static char *sign(struct hc_jwk *key, const char *payload, size_t *ret_len)
{
	HC_AUTO(jws_signer) signer = NULL;
	char *compact = NULL;

	assert_int_equal(hc_jws_signer_new(key, &signer), HC_OK);
	assert_int_equal(hc_jws_sign(signer, "JWT", payload, strlen(payload), &compact, ret_len), HC_OK);
	assert_int_equal(strlen(compact), *ret_len);
	return compact;
}

static enum hc_err verify(struct hc_jwk *key, const char *compact, const char *typ)
{
	char *payload = NULL;
	size_t len = 0;
	enum hc_err err = hc_jws_verify(&key, 1, compact, strlen(compact), typ, &payload, &len);

	if (err == HC_OK)
		assert_int_equal(strlen(payload), len);
	else
		assert_null(payload);
	free(payload);
	return err;
}

/* header and payload as given, signature of `signed_like` */
static char *forge(const char *header, const char *signed_like)
{
	char encoded[512];
	char *token = NULL;

	hc_b64url_encode(header, strlen(header), encoded);
	assert_true(asprintf(&token, "%s%s", encoded, strchr(signed_like, '.')) > 0);
	return token;
}

static void a_token_with_a_foreign_header_is_refused(void **state)
{
	struct hc_jwk *key = make_key(HC_JWS_ES256);
	size_t len;
	char *good = sign(key, PAYLOAD, &len);
	static const struct {
		const char *header; /* %s: the key's kid */
		enum hc_err err;
	} HEADERS[] = {
		{"{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"%s\"}", HC_ERR_PERM},
		{"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", HC_ERR_PERM},
		{"{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", HC_ERR_PERM},
		{"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", HC_ERR_INVALID},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"other%s\"}", HC_ERR_NOTFOUND},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\"}%.0s", HC_ERR_INVALID},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"crit\":[\"b64\"]}", HC_ERR_INVALID},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"jwk\":{}}", HC_ERR_INVALID},
		{"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", HC_ERR_INVALID},
		{"[\"ES256\",\"JWT\",\"%s\"]", HC_ERR_INVALID},
		/* the right members, signed with others: the signature covers the header's bytes */
		{"{ \"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", HC_ERR_PERM},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(HEADERS); i++) {
		char header[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		assert_true(snprintf(header, sizeof(header), HEADERS[i].header, hc_jwk_kid(key)) > 0);
#pragma GCC diagnostic pop
		char *token = forge(header, good);
		enum hc_err err = verify(key, token, "JWT");

		if (err != HEADERS[i].err)
			fail_msg("row %zu: %s", i, hc_strerror(err));
		free(token);
	}
	assert_int_equal(verify(key, good, "JWT"), HC_OK);
	free(good);
	hc_jwk_free(&key);
}

static void a_changed_or_cut_token_is_refused(void **state)
{
	(void)state;
	for (size_t a = 0; a < HC_COUNT(ALGS); a++) {
		struct hc_jwk *key = make_key(ALGS[a]);
		size_t len;
		char *token = sign(key, PAYLOAD, &len);

		for (size_t i = 0; i < len; i++) {
			char kept = token[i];

			token[i] = kept == 'A' ? 'B' : 'A';
			if (verify(key, token, "JWT") == HC_OK)
				fail_msg("%s: changed at %zu and accepted", hc_jws_alg_name(ALGS[a]), i);
			token[i] = '\0';
			if (verify(key, token, "JWT") == HC_OK)
				fail_msg("%s: cut at %zu and accepted", hc_jws_alg_name(ALGS[a]), i);
			token[i] = kept;
		}
		assert_int_equal(verify(key, token, "JWT"), HC_OK);
		free(token);
		hc_jwk_free(&key);
	}
}

static void a_token_of_another_key_is_refused(void **state)
{
	struct hc_jwk *key = make_key(HC_JWS_ES256), *other = make_key(HC_JWS_ES256);
	size_t len;
	char *token = sign(other, PAYLOAD, &len);

	(void)state;
	assert_int_equal(verify(key, token, "JWT"), HC_ERR_NOTFOUND);
	free(token);
	hc_jwk_free(&key);
	hc_jwk_free(&other);
}

static void a_key_passes_through_its_private_form(void **state)
{
	(void)state;
	for (size_t a = 0; a < HC_COUNT(ALGS); a++) {
		struct hc_jwk *key = make_key(ALGS[a]), *again = NULL, *wrong = NULL;
		HC_AUTO(secret) der = NULL;
		size_t len;

		assert_int_equal(hc_jwk_private(key, &der), HC_OK);
		assert_int_equal(hc_jwk_from_private(ALGS[a], der, &again), HC_OK);
		assert_string_equal(hc_jwk_kid(again), hc_jwk_kid(key));
		char *token = sign(again, PAYLOAD, &len);

		assert_int_equal(verify(key, token, "JWT"), HC_OK);
		/* a key of one kind never serves an algorithm of another */
		assert_int_equal(hc_jwk_from_private(ALGS[a] == HC_JWS_EDDSA ? HC_JWS_ES256 : HC_JWS_EDDSA,
						     der, &wrong),
				 HC_ERR_INVALID);
		free(token);
		hc_jwk_free(&key);
		hc_jwk_free(&again);
	}
}

static void a_published_key_has_no_private_part_and_comes_back(void **state)
{
	(void)state;
	for (size_t a = 0; a < HC_COUNT(ALGS); a++) {
		struct hc_jwk *key = make_key(ALGS[a]), *public_key = NULL;
		char *json = NULL;

		assert_int_equal(hc_jwk_public_json(key, &json), HC_OK);
		assert_null(strstr(json, "\"d\":"));
		assert_int_equal(hc_jwk_from_public(ALGS[a], json, strlen(json), &public_key), HC_OK);
		assert_string_equal(hc_jwk_kid(public_key), hc_jwk_kid(key));
		free(json);
		hc_jwk_free(&key);
		hc_jwk_free(&public_key);
	}
}

static void a_key_that_is_not_what_it_says_is_refused(void **state)
{
	static const struct {
		enum hc_jws_alg alg;
		const char *json;
	} KEYS[] = {
		{HC_JWS_ES256, "{\"kty\":\"oct\",\"k\":\"AAAA\"}"},
		{HC_JWS_ES256, "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}"},
		/* a point that is not on the curve */
		{HC_JWS_ES256,
		 "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}"},
		{HC_JWS_RS256, "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0t\",\"e\":\"AQAB\"}"}, /* 96 bits */
		{HC_JWS_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
			       "7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}"},
		{HC_JWS_EDDSA,
		 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
		 "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}"}, /* private */
		{HC_JWS_EDDSA,
		 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
		 "\"alg\":\"ES256\"}"},
		{HC_JWS_ES256, "[]"},
		{HC_JWS_ES256, ""},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(KEYS); i++) {
		struct hc_jwk *key = NULL;

		if (hc_jwk_from_public(KEYS[i].alg, KEYS[i].json, strlen(KEYS[i].json), &key) == HC_OK)
			fail_msg("row %zu accepted", i);
	}
}

static size_t read_vector(const char *name, char *out, size_t cap)
{
	char path[512];
	FILE *file;
	size_t len;

	assert_true(snprintf(path, sizeof(path), "%s/%s", HC_VECTORS, name) < (int)sizeof(path));
	file = fopen(path, "re");
	assert_non_null(file);
	len = fread(out, 1, cap - 1, file);
	out[len] = '\0';
	assert_int_equal(fclose(file), 0);
	return len;
}

/* RFC 7515 A.2 (RS256), A.3 (ES256), RFC 8037 A.4 (EdDSA) */
static void the_signatures_of_the_rfcs_verify_and_their_changes_do_not(void **state)
{
	static const struct {
		enum hc_jws_alg alg;
		const char *folder;
	} VECTORS[] = {
		{HC_JWS_RS256, "rfc7515_A.2"}, {HC_JWS_ES256, "rfc7515_A.3"}, {HC_JWS_EDDSA, "rfc8037_A.4"}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(VECTORS); i++) {
		char name[64], json[2048], token[2048];
		uint8_t signature[HC_JWS_SIGNATURE_MAX];
		size_t signature_len = 0;
		struct hc_jwk *key = NULL;

		(void)snprintf(name, sizeof(name), "%s/jwk.json", VECTORS[i].folder);
		size_t json_len = read_vector(name, json, sizeof(json));

		(void)snprintf(name, sizeof(name), "%s/jws", VECTORS[i].folder);
		(void)read_vector(name, token, sizeof(token));
		assert_int_equal(hc_jwk_from_public(VECTORS[i].alg, json, json_len, &key), HC_OK);
		char *dot = strrchr(token, '.');

		assert_int_equal(hc_b64url_decode(dot + 1, strlen(dot + 1), signature, sizeof(signature),
						  &signature_len),
				 HC_OK);
		assert_int_equal(hc_jose_verify(key, token, (size_t)(dot - token), signature, signature_len),
				 HC_OK);
		signature[signature_len / 2] ^= 1;
		assert_int_equal(hc_jose_verify(key, token, (size_t)(dot - token), signature, signature_len),
				 HC_ERR_PERM);
		hc_jwk_free(&key);
	}
}

/* RFC 8037 A.3: the thumbprint (RFC 7638) of the key of A.4 */
static void the_thumbprint_is_that_of_rfc_8037_a_3(void **state)
{
	char json[2048];
	size_t len = read_vector("rfc8037_A.4/jwk.json", json, sizeof(json));
	struct hc_jwk *key = NULL;

	(void)state;
	assert_int_equal(hc_jwk_from_public(HC_JWS_EDDSA, json, len, &key), HC_OK);
	assert_string_equal(hc_jwk_kid(key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	hc_jwk_free(&key);
}

static void base64url_has_one_text_for_one_value(void **state)
{
	static const char *const BAD[] = {"A", "AA==", "AB", "AAB", "A A", "AA\n", "+A", "/A", "AAAAA"};
	static const struct {
		const char *plain, *text;
	} GOOD[] = {{"", ""},		{"f", "Zg"},	      {"fo", "Zm8"},	     {"foo", "Zm9v"},
		    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
	uint8_t bytes[16];
	char text[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(BAD); i++) {
		if (hc_b64url_decode(BAD[i], strlen(BAD[i]), bytes, sizeof(bytes), &len) != HC_ERR_INVALID)
			fail_msg("row %zu accepted", i);
	}
	for (size_t i = 0; i < HC_COUNT(GOOD); i++) {
		hc_b64url_encode(GOOD[i].plain, strlen(GOOD[i].plain), text);
		assert_string_equal(text, GOOD[i].text);
		assert_int_equal(hc_b64url_len(strlen(GOOD[i].plain)), strlen(text));
		assert_int_equal(hc_b64url_decode(text, strlen(text), bytes, sizeof(bytes), &len), HC_OK);
		assert_memory_equal(bytes, GOOD[i].plain, len);
	}
	assert_int_equal(hc_b64url_decode("Zm9v", 4, bytes, 2, &len), HC_ERR_TOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_with_a_foreign_header_is_refused),
		cmocka_unit_test(a_changed_or_cut_token_is_refused),
		cmocka_unit_test(a_token_of_another_key_is_refused),
		cmocka_unit_test(a_key_passes_through_its_private_form),
		cmocka_unit_test(a_published_key_has_no_private_part_and_comes_back),
		cmocka_unit_test(a_key_that_is_not_what_it_says_is_refused),
		cmocka_unit_test(the_signatures_of_the_rfcs_verify_and_their_changes_do_not),
		cmocka_unit_test(the_thumbprint_is_that_of_rfc_8037_a_3),
		cmocka_unit_test(base64url_has_one_text_for_one_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
