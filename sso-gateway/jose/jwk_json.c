/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037) and their thumbprint (RFC 7638).
 *
 * No state. Import is for keys that others publish: members are an allow-list, so that a private or
 * symmetric key never passes for a public one, and every number has a bounded length.
 */
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jose/b64url.h"
#include "jose/key.h"

#define NUMBER_MAX 1024 /* bytes: RSA of 8192 bits */
#define TEXT_MAX   (NUMBER_MAX / 3 * 4 + 4)

/* The public members, as text, in the lexicographic order that RFC 7638 wants. */
struct members {
	const char *kty, *crv;
	char e[TEXT_MAX], n[TEXT_MAX], x[TEXT_MAX], y[TEXT_MAX];
};

static void free_bn(BIGNUM **number)
{
	BN_free(*number);
}

static void free_text(char **text)
{
	free(*text);
}

/* A number of the key as base64url; fixed: padded with zeroes to that many bytes (0: as it is). */
static enum hc_err number_text(EVP_PKEY *pkey, const char *name, int fixed, char *out)
{
	HC_CLEANUP(free_bn) BIGNUM *number = NULL;
	uint8_t bytes[NUMBER_MAX];
	int len;

	if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1)
		return HC_ERR_CRYPTO;
	len = fixed > 0 ? fixed : BN_num_bytes(number);
	if (len > NUMBER_MAX || BN_bn2binpad(number, bytes, len) != len)
		return HC_ERR_CRYPTO;
	hc_b64url_encode(bytes, (size_t)len, out);
	return HC_OK;
}

static enum hc_err read_members(const struct hc_jwk *key, struct members *ret_members)
{
	struct members members = {0};
	enum hc_err err = HC_ERR_CRYPTO;
	uint8_t raw[HC_ES256_HALF];
	size_t len = sizeof(raw);

	switch (key->alg) {
	case HC_JWS_ES256:
		members.kty = "EC";
		members.crv = "P-256";
		err = number_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, HC_ES256_HALF, members.x);
		if (err == HC_OK)
			err = number_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, HC_ES256_HALF, members.y);
		break;
	case HC_JWS_RS256:
	case HC_JWS_PS256:
		members.kty = "RSA";
		err = number_text(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0, members.n);
		if (err == HC_OK)
			err = number_text(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0, members.e);
		break;
	case HC_JWS_EDDSA:
		members.kty = "OKP";
		members.crv = "Ed25519";
		if (EVP_PKEY_get_raw_public_key(key->pkey, raw, &len) == 1) {
			hc_b64url_encode(raw, len, members.x);
			err = HC_OK;
		}
		break;
	}
	if (err == HC_OK)
		*ret_members = members;
	return err;
}

/* {"crv","e","kty","n","x","y"} without blanks, what the key has of them. NULL: no memory. */
static char *canonical(const struct members *members)
{
	const char *const pairs[][2] = {{"crv", members->crv}, {"e", members->e}, {"kty", members->kty},
					{"n", members->n},     {"x", members->x}, {"y", members->y}};
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	const char *separator = "{";

	if (stream == NULL)
		return NULL;
	for (size_t i = 0; i < HC_COUNT(pairs); i++) {
		if (pairs[i][1] == NULL || pairs[i][1][0] == '\0')
			continue;
		(void)fprintf(stream, "%s\"%s\":\"%s\"", separator, pairs[i][0], pairs[i][1]);
		separator = ",";
	}
	(void)fputc('}', stream);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

enum hc_err hc_jose_thumbprint(struct hc_jwk *key)
{
	struct members members;
	HC_CLEANUP(free_text) char *text = NULL;
	uint8_t digest[32];
	enum hc_err err = read_members(key, &members);

	if (err != HC_OK)
		return err;
	text = canonical(&members);
	if (text == NULL)
		return HC_ERR_NOMEM;
	if (EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), digest, NULL) != 1)
		return HC_ERR_CRYPTO;
	hc_b64url_encode(digest, sizeof(digest), key->kid);
	return HC_OK;
}

enum hc_err hc_jwk_public_json(const struct hc_jwk *key, char **ret_json)
{
	struct members members;
	HC_CLEANUP(free_text) char *text = NULL;
	enum hc_err err = read_members(key, &members);
	char *json = NULL;

	if (err != HC_OK)
		return err;
	text = canonical(&members);
	/* The canonical form ends with '}', behind which our own members go. */
	if (text == NULL || asprintf(&json, "%.*s,\"use\":\"sig\",\"alg\":\"%s\",\"kid\":\"%s\"}",
				     (int)strlen(text) - 1, text, hc_jws_alg_name(key->alg), key->kid) < 0)
		return HC_ERR_NOMEM;
	*ret_json = json;
	return HC_OK;
}

/* ---- import ---- */

static void free_json(json_t **json)
{
	json_decref(*json);
}

static bool only_public_members(const json_t *jwk)
{
	static const char *const KNOWN[] = {"kty", "crv", "x",	     "y",   "n",   "e",	       "use",
					    "alg", "kid", "key_ops", "x5c", "x5t", "x5t#S256", "x5u"};
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)jwk, name, value)
	{
		bool known = false;

		for (size_t i = 0; i < HC_COUNT(KNOWN) && !known; i++)
			known = strcmp(KNOWN[i], name) == 0;
		if (!known)
			return false;
	}
	return true;
}

static bool member_is(const json_t *jwk, const char *name, const char *expected, bool needed)
{
	const json_t *value = json_object_get(jwk, name);

	if (value == NULL)
		return !needed;
	return json_is_string(value) && strcmp(json_string_value(value), expected) == 0;
}

static enum hc_err member_bytes(const json_t *jwk, const char *name, uint8_t *out, size_t cap,
				size_t *ret_len)
{
	const json_t *value = json_object_get(jwk, name);

	if (!json_is_string(value))
		return HC_ERR_INVALID;
	return hc_b64url_decode(json_string_value(value), json_string_length(value), out, cap, ret_len);
}

static void free_builder(OSSL_PARAM_BLD **builder)
{
	OSSL_PARAM_BLD_free(*builder);
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *pkey = NULL;

	if (params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *import_ec(const json_t *jwk)
{
	uint8_t point[1 + 2 * HC_ES256_HALF] = {4}; /* uncompressed, SEC 1 section 2.3.3 */
	size_t x_len = 0, y_len = 0;
	HC_CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();

	if (builder == NULL || !member_is(jwk, "kty", "EC", true) || !member_is(jwk, "crv", "P-256", true) ||
	    member_bytes(jwk, "x", point + 1, HC_ES256_HALF, &x_len) != HC_OK || x_len != HC_ES256_HALF ||
	    member_bytes(jwk, "y", point + 1 + HC_ES256_HALF, HC_ES256_HALF, &y_len) != HC_OK ||
	    y_len != HC_ES256_HALF)
		return NULL;
	if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) != 1)
		return NULL;
	return from_params("EC", builder);
}

static EVP_PKEY *import_rsa(const json_t *jwk)
{
	uint8_t n[NUMBER_MAX], e[8];
	size_t n_len = 0, e_len = 0;
	HC_CLEANUP(free_bn) BIGNUM *modulus = NULL;
	HC_CLEANUP(free_bn) BIGNUM *exponent = NULL;
	HC_CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();

	if (builder == NULL || !member_is(jwk, "kty", "RSA", true) ||
	    member_bytes(jwk, "n", n, sizeof(n), &n_len) != HC_OK ||
	    member_bytes(jwk, "e", e, sizeof(e), &e_len) != HC_OK)
		return NULL;
	modulus = BN_bin2bn(n, (int)n_len, NULL);
	exponent = BN_bin2bn(e, (int)e_len, NULL);
	/* An exponent of 1 would make every message its own signature. */
	if (modulus == NULL || exponent == NULL || !BN_is_odd(exponent) || BN_is_one(exponent) ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
		return NULL;
	return from_params("RSA", builder);
}

static EVP_PKEY *import_ed25519(const json_t *jwk)
{
	uint8_t x[HC_ES256_HALF];
	size_t len = 0;

	if (!member_is(jwk, "kty", "OKP", true) || !member_is(jwk, "crv", "Ed25519", true) ||
	    member_bytes(jwk, "x", x, sizeof(x), &len) != HC_OK || len != sizeof(x))
		return NULL;
	return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, len);
}

enum hc_err hc_jwk_from_public(enum hc_jws_alg alg, const char *json, size_t len, struct hc_jwk **ret_key)
{
	HC_CLEANUP(free_json) json_t *jwk = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	EVP_PKEY *pkey = NULL;

	if (!json_is_object(jwk) || !only_public_members(jwk) || !member_is(jwk, "use", "sig", false) ||
	    !member_is(jwk, "alg", hc_jws_alg_name(alg), false))
		return HC_ERR_INVALID;
	switch (alg) {
	case HC_JWS_ES256:
		pkey = import_ec(jwk);
		break;
	case HC_JWS_RS256:
	case HC_JWS_PS256:
		pkey = import_rsa(jwk);
		break;
	case HC_JWS_EDDSA:
		pkey = import_ed25519(jwk);
		break;
	}
	if (pkey == NULL)
		return HC_ERR_INVALID;
	return hc_jose_key_new(alg, pkey, ret_key);
}
