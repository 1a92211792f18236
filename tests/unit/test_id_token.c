/* SPDX-License-Identifier: Apache-2.0 */
/* Our own tokens, read back: what was forged in which way, and what a subject tells. */
#include "gateway_support.h"

#include "oauth/access_token.h"

static const struct hc_http_route routes[] = {
	{.path = NULL},
};

struct rig {
	struct gw *gw;
	struct hc_client app;
	char *id_token, *access_token;
};

static void make_tokens(struct gw *gw, void *ctx)
{
	struct rig *rig = ctx;
	const struct hc_browser_session session = {.sid = "sid-1",
						   .acr = "https://refeds.org/profile/mfa",
						   .amr = "pwd otp mfa",
						   .auth_ms = T0 - 5000};
	const struct hc_access_claims claims = {.client = &rig->app,
						.sub = "app",
						.scope = "lab:read",
						.issued_ms = T0,
						.expires_ms = T0 + 300000};

	assert_int_equal(hc_id_token_make(&gw->worker, &rig->app, &session, "subject", "no\"nce", "access",
					  T0, &rig->id_token),
			 HC_OK);
	assert_int_equal(hc_access_token_sign(&gw->worker, &claims, &rig->access_token), HC_OK);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->gw = gw_new();
	gw_start(rig->gw, routes);
	rig->app = gw_client_of("app");
	rig->app.access_format = HC_ACCESS_JWT;
	gw_add_client(rig->gw, &rig->app);
	gw_on_loop(rig->gw, make_tokens, rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	free(rig->id_token);
	free(rig->access_token);
	gw_free(rig->gw);
	free(rig);
	return 0;
}

/* ---- reading ---- */

struct reading {
	const char *text;
	size_t len;
	enum hc_err hint_err, access_err;
	struct hc_id_token_hint hint;
	struct hc_access_token token;
};

static void read_both(struct gw *gw, void *ctx)
{
	struct reading *reading = ctx;

	reading->hint_err = hc_id_token_hint(&gw->worker, reading->text, reading->len, &reading->hint);
	reading->access_err = hc_access_token_find(&gw->worker, reading->text, reading->len,
						   atomic_load(&gw->now_ms), &reading->token);
}

static struct reading read_text(struct rig *rig, const char *text, size_t len)
{
	struct reading reading = {.text = text, .len = len};

	gw_on_loop(rig->gw, read_both, &reading);
	return reading;
}

static void expect_nothing(struct rig *rig, const char *text, size_t len, const char *what)
{
	const struct reading reading = read_text(rig, text, len);

	if (reading.hint_err != HC_ERR_PERM || reading.access_err != HC_ERR_NOTFOUND)
		fail_msg("%s: %d %d", what, (int)reading.hint_err, (int)reading.access_err);
}

/* ---- forging ---- */

/* header.payload of texts; room for a signature behind. */
static size_t compact_of(const char *header, const char *payload, char out[HC_JWS_MAX])
{
	const size_t first = hc_b64url_len(strlen(header));

	hc_b64url_encode(header, strlen(header), out);
	out[first] = '.';
	hc_b64url_encode(payload, strlen(payload), out + first + 1);
	return strlen(out);
}

static void append_signature(char *compact, const char *signature)
{
	gw_print(compact + strlen(compact), HC_JWS_MAX - strlen(compact), ".%s", signature);
}

#define HINT_PAYLOAD                                                                   \
	"{\"iss\":\"" GW_ISSUER                                                        \
	"\",\"sub\":\"subject\",\"aud\":\"app\",\"sid\":\"sid-1\",\"exp\":1800000300," \
	"\"iat\":1800000000}"
#define ACCESS_PAYLOAD                                                                      \
	"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"app\",\"aud\":\"app\",\"client_id\":\"app\"," \
	"\"scope\":\"lab:read\",\"iat\":1800000000,\"exp\":1800000300,\"jti\":\"abc\"}"

static const struct {
	const char *typ, *payload;
} kinds[] = {{"JWT", HINT_PAYLOAD}, {"at+jwt", ACCESS_PAYLOAD}};

static const char *kid_of(struct rig *rig, enum hc_jws_alg alg)
{
	const struct hc_signing_key *keys = gw_keys(rig->gw->gateway.seal);

	return keys[alg == HC_JWS_ES256 ? 0 : 1].kid;
}

/* What a key of ours would have signed, for a payload that we would not have written. */
struct forging {
	const char *typ, *payload;
	char *compact;
};

static void sign_ours(struct gw *gw, void *ctx)
{
	struct forging *forging = ctx;
	size_t len = 0;

	assert_int_equal(hc_jws_sign(hc_keyring_signer(gw->worker.keyring, HC_JWS_ES256), forging->typ,
				     forging->payload, strlen(forging->payload), &forging->compact, &len),
			 HC_OK);
}

static struct reading read_signed(struct rig *rig, const char *typ, const char *payload)
{
	struct forging forging = {.typ = typ, .payload = payload};

	gw_on_loop(rig->gw, sign_ours, &forging);
	const struct reading reading = read_text(rig, forging.compact, strlen(forging.compact));
	free(forging.compact);
	return reading;
}

static void the_samples_of_the_forger_are_good_when_we_sign_them(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(read_signed(rig, "JWT", HINT_PAYLOAD).hint_err, HC_OK);
	assert_int_equal(read_signed(rig, "at+jwt", ACCESS_PAYLOAD).access_err, HC_OK);
}

static void a_token_without_signature_is_refused(void **state)
{
	struct rig *rig = *state;
	static const char *const algs[] = {"none", "None", "NONE", "nOnE", ""};

	for (size_t kind = 0; kind < HC_COUNT(kinds); kind++) {
		for (size_t i = 0; i < HC_COUNT(algs); i++) {
			char header[256], compact[HC_JWS_MAX];

			gw_print(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}",
				 algs[i], kinds[kind].typ, kid_of(rig, HC_JWS_ES256));
			(void)compact_of(header, kinds[kind].payload, compact);
			append_signature(compact, "");
			expect_nothing(rig, compact, strlen(compact), algs[i]);
			append_signature(compact, "AAAA");
			expect_nothing(rig, compact, strlen(compact), algs[i]);
		}
	}
}

/* The public key, which everybody has, as the secret of an HMAC. */
static void a_token_signed_with_our_public_key_as_a_secret_is_refused(void **state)
{
	struct rig *rig = *state;

	for (size_t kind = 0; kind < HC_COUNT(kinds); kind++) {
		for (size_t key = 0; key < 2; key++) {
			const struct hc_signing_key *row = &gw_keys(rig->gw->gateway.seal)[key];
			HC_AUTO(secret) secret = NULL;
			char header[256], compact[HC_JWS_MAX], signature[64];
			uint8_t mac[32];

			gw_print(header, sizeof(header), "{\"alg\":\"HS256\",\"typ\":\"%s\",\"kid\":\"%s\"}",
				 kinds[kind].typ, row->kid);
			const size_t len = compact_of(header, kinds[kind].payload, compact);
			assert_int_equal(hc_secret_from(row->public_jwk, strlen(row->public_jwk), &secret),
					 HC_OK);
			assert_int_equal(hc_hmac_sha256(secret, compact, len, mac), HC_OK);
			hc_b64url_encode(mac, sizeof(mac), signature);
			append_signature(compact, signature);
			expect_nothing(rig, compact, strlen(compact), "HS256");
		}
	}
}

/* A key of somebody else, under its own name and under ours, with the key along and without. */
static void a_token_of_a_foreign_key_is_refused(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(jwk) key = NULL;
	HC_AUTO(jws_signer) signer = NULL;

	assert_int_equal(hc_jwk_generate(HC_JWS_ES256, &key), HC_OK);
	assert_int_equal(hc_jws_signer_new(key, &signer), HC_OK);
	for (size_t kind = 0; kind < HC_COUNT(kinds); kind++) {
		char *compact = NULL, header[512], again[HC_JWS_MAX];
		size_t len = 0;

		assert_int_equal(hc_jws_sign(signer, kinds[kind].typ, kinds[kind].payload,
					     strlen(kinds[kind].payload), &compact, &len),
				 HC_OK);
		expect_nothing(rig, compact, len, "its own kid");
		for (unsigned i = 0; i < 3; i++) {
			gw_print(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"%s}",
				 i == 1 ? "RS256" : "ES256", kinds[kind].typ,
				 kid_of(rig, i == 1 ? HC_JWS_RS256 : HC_JWS_ES256),
				 i == 2 ? ",\"jwk\":{\"kty\":\"EC\"}" : "");
			(void)compact_of(header, kinds[kind].payload, again);
			append_signature(again, strrchr(compact, '.') + 1);
			expect_nothing(rig, again, strlen(again), "our kid");
		}
		free(compact);
	}
}

/* The same signature under headers that say more, or otherwise. */
static void a_header_that_is_not_ours_is_refused(void **state)
{
	struct rig *rig = *state;
	static const char *const more[] = {",\"crit\":[\"exp\"],\"exp\":1",
					   ",\"crit\":[]",
					   ",\"b64\":false",
					   ",\"jku\":\"https://evil.example/\"",
					   ",\"x5u\":\"x\"",
					   ",\"alg\":\"ES256\"",
					   ",\"cty\":\"JWT\""};
	const char *tokens[] = {rig->id_token, rig->access_token};

	for (size_t kind = 0; kind < HC_COUNT(kinds); kind++) {
		const char *body = strchr(tokens[kind], '.');

		for (size_t i = 0; i < HC_COUNT(more); i++) {
			char header[512], compact[HC_JWS_MAX];

			gw_print(header, sizeof(header),
				 "{\"alg\":\"ES256\",\"typ\":\"%s\",\"kid\":\"%s\"%s}", kinds[kind].typ,
				 kid_of(rig, HC_JWS_ES256), more[i]);
			hc_b64url_encode(header, strlen(header), compact);
			gw_print(compact + strlen(compact), sizeof(compact) - strlen(compact), "%s", body);
			expect_nothing(rig, compact, strlen(compact), more[i]);
		}
	}
}

static void one_kind_of_token_is_not_the_other(void **state)
{
	struct rig *rig = *state;
	const struct reading id = read_text(rig, rig->id_token, strlen(rig->id_token));
	const struct reading access = read_text(rig, rig->access_token, strlen(rig->access_token));

	assert_int_equal(id.hint_err, HC_OK);
	assert_int_equal(id.access_err, HC_ERR_NOTFOUND);
	assert_int_equal(access.hint_err, HC_ERR_PERM);
	assert_int_equal(access.access_err, HC_OK);
}

static void no_prefix_and_no_changed_byte_is_a_token(void **state)
{
	struct rig *rig = *state;
	const char *tokens[] = {rig->id_token, rig->access_token};

	for (size_t kind = 0; kind < HC_COUNT(tokens); kind++) {
		const size_t len = strlen(tokens[kind]);
		char *text = strdup(tokens[kind]);

		for (size_t cut = 0; cut < len; cut++)
			expect_nothing(rig, text, cut, "cut");
		for (size_t at = 0; at < len; at++) {
			const char kept = text[at];

			text[at] = kept == 'A' ? 'B' : 'A';
			expect_nothing(rig, text, len, "changed");
			text[at] = kept;
		}
		free(text);
	}
}

static void a_payload_that_is_not_ours_is_refused_though_we_signed_it(void **state)
{
	struct rig *rig = *state;
	static const char *const hints[] = {
		"",
		"[]",
		"null",
		"{",
		"{}",
		"{\"iss\":\"https://sso.example/\",\"sub\":\"s\",\"aud\":\"app\",\"sid\":\"1\",\"exp\":1}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"s\",\"aud\":[\"app\"],\"sid\":\"1\",\"exp\":1}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"s\",\"aud\":\"app\",\"sid\":\"1\"}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"s\",\"aud\":\"app\",\"sid\":\"1\",\"exp\":1e300}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"s\",\"aud\":\"app\",\"sid\":\"1\",\"exp\":-1}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"s\",\"aud\":\"app\",\"sid\":\"1\",\"exp\":9223372036854775807}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"s\",\"aud\":\"app\",\"exp\":1}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"s\",\"aud\":\"a\",\"aud\":\"app\",\"sid\":\"1\",\"exp\":1}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":7,\"aud\":\"app\",\"sid\":\"1\",\"exp\":1}",
	};
	static const char *const accesses[] = {
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"app\",\"client_id\":\"app\",\"scope\":\"a\",\"iat\":1800000000,"
		"\"exp\":1800000300}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"app\",\"client_id\":\"app\",\"scope\":\"a\",\"iat\":1800000000,"
		"\"exp\":1800000300,\"jti\":\"a\",\"grant\":7}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"app\",\"client_id\":\"app\",\"scope\":\"a\",\"iat\":1800000000,"
		"\"exp\":1800000300,\"jti\":\"a\",\"grant\":\"7 \"}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"app\",\"client_id\":\"app\",\"scope\":\"a\",\"iat\":1800000000,"
		"\"exp\":1800000300,\"jti\":\"a\",\"grant\":\"0\"}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"app\",\"client_id\":\"app\",\"scope\":\"a\",\"iat\":1800000000,"
		"\"exp\":1800000300,\"jti\":\"a\",\"grant\":\"99999999999999999999\"}",
		"{\"iss\":\"" GW_ISSUER "\",\"sub\":\"app\",\"client_id\":\"nobody\",\"scope\":\"a\","
		"\"iat\":1800000000,\"exp\":1800000300,\"jti\":\"a\"}",
		"{\"iss\":\"" GW_ISSUER
		"\",\"sub\":\"app\",\"client_id\":\"app\",\"scope\":\"a\",\"iat\":1799999999,"
		"\"exp\":1800000300,\"jti\":\"a\"}", /* older than the client's record */
	};

	for (size_t i = 0; i < HC_COUNT(hints); i++) {
		if (read_signed(rig, "JWT", hints[i]).hint_err != HC_ERR_PERM)
			fail_msg("hint %zu: %s", i, hints[i]);
		if (read_signed(rig, "at+jwt", hints[i]).access_err != HC_ERR_NOTFOUND)
			fail_msg("access %zu: %s", i, hints[i]);
	}
	for (size_t i = 0; i < HC_COUNT(accesses); i++) {
		if (read_signed(rig, "at+jwt", accesses[i]).access_err != HC_ERR_NOTFOUND)
			fail_msg("access %zu: %s", i, accesses[i]);
	}
}

/* ---- what is good ---- */

static void a_hint_tells_who_and_for_whom_at_any_age(void **state)
{
	struct rig *rig = *state;

	gw_pass(rig->gw, INT64_C(400) * 86400000);
	const struct reading reading = read_text(rig, rig->id_token, strlen(rig->id_token));
	assert_int_equal(reading.hint_err, HC_OK);
	assert_string_equal(reading.hint.client_id, "app");
	assert_string_equal(reading.hint.sub, "subject");
	assert_string_equal(reading.hint.sid, "sid-1");
	assert_int_equal(reading.hint.expires_ms, T0 + 300000);
}

static void an_access_token_has_an_end(void **state)
{
	struct rig *rig = *state;
	const size_t len = strlen(rig->access_token);

	gw_pass(rig->gw, 299999);
	assert_int_equal(read_text(rig, rig->access_token, len).access_err, HC_OK);
	gw_pass(rig->gw, 1);
	assert_int_equal(read_text(rig, rig->access_token, len).access_err, HC_ERR_NOTFOUND);
}

static void an_id_token_says_what_happened_and_nothing_more(void **state)
{
	struct rig *rig = *state;
	GW_JSON(claims) = gw_payload(rig->id_token);
	uint8_t hash[32];
	char at_hash[32];

	assert_int_equal(hc_sha256("access", 6, hash), HC_OK);
	hc_b64url_encode(hash, 16, at_hash);
	assert_string_equal(gw_text(claims, "nonce"), "no\"nce");
	assert_string_equal(gw_text(claims, "acr"), "https://refeds.org/profile/mfa");
	assert_string_equal(gw_text(claims, "at_hash"), at_hash);
	const json_t *amr = json_object_get(claims, "amr");
	assert_int_equal(json_array_size(amr), 3);
	assert_string_equal(json_string_value(json_array_get(amr, 1)), "otp");
	assert_int_equal(json_object_size(claims), 11);
}

static void a_subject_is_stable_and_tells_nothing(void **state)
{
	struct rig *rig = *state;
	struct hc_gateway other = rig->gw->gateway;
	char one[HC_SUB_MAX + 1], again[HC_SUB_MAX + 1], two[HC_SUB_MAX + 1], elsewhere[HC_SUB_MAX + 1];

	gw_print(other.config.issuer, sizeof(other.config.issuer), "https://sso.other");
	assert_int_equal(hc_subject(&rig->gw->gateway, 7, one), HC_OK);
	assert_int_equal(hc_subject(&rig->gw->gateway, 7, again), HC_OK);
	assert_int_equal(hc_subject(&rig->gw->gateway, 8, two), HC_OK);
	assert_int_equal(hc_subject(&other, 7, elsewhere), HC_OK);
	assert_string_equal(one, again);
	assert_string_not_equal(one, two);
	assert_string_not_equal(one, elsewhere);
	assert_int_equal(strlen(one), 43);
	/* A stored grant and every application hold on to it: it must not change from one version to the next. */
	assert_string_equal(one, "kbgkBrOD8pagfhuOHs86vf5EhLljLkPRhb7dhmycAAY");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_samples_of_the_forger_are_good_when_we_sign_them),
		CASE(a_token_without_signature_is_refused),
		CASE(a_token_signed_with_our_public_key_as_a_secret_is_refused),
		CASE(a_token_of_a_foreign_key_is_refused),
		CASE(a_header_that_is_not_ours_is_refused),
		CASE(one_kind_of_token_is_not_the_other),
		CASE(no_prefix_and_no_changed_byte_is_a_token),
		CASE(a_payload_that_is_not_ours_is_refused_though_we_signed_it),
		CASE(a_hint_tells_who_and_for_whom_at_any_age),
		CASE(an_access_token_has_an_end),
		CASE(an_id_token_says_what_happened_and_nothing_more),
		CASE(a_subject_is_stable_and_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
