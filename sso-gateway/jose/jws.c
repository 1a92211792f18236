/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS compact serialisation (RFC 7515): signing with our keys, verifying what our keys signed.
 *
 * State: a signer holds the ready context of one key for one thread, so that a token costs one
 * signature and no set-up. Threats: a header that chooses the algorithm or brings its own key
 * (RFC 8725), a text with two readings. Verification takes the algorithm from the key, knows three
 * header members and refuses the rest, and returns the payload only behind a good signature.
 */
#include "jose/jws.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "jose/b64url.h"
#include "jose/key.h"

#define HEADER_MAX 512
#define DIGEST_LEN 32

struct hc_jws_signer {
	struct hc_jwk *key;
	EVP_PKEY_CTX *context; /* NULL for EdDSA */
	EVP_MD *sha256;
};

enum hc_err hc_jose_context(const struct hc_jwk *key, int for_verify, EVP_PKEY_CTX **ret_context)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	bool ok = context != NULL &&
		  (for_verify ? EVP_PKEY_verify_init(context) : EVP_PKEY_sign_init(context)) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1;

	if (ok && key->alg == HC_JWS_RS256)
		ok = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
	if (ok && key->alg == HC_JWS_PS256)
		ok = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(context, DIGEST_LEN) == 1; /* RFC 7518 section 3.5 */
	if (!ok) {
		EVP_PKEY_CTX_free(context);
		return HC_ERR_CRYPTO;
	}
	*ret_context = context;
	return HC_OK;
}

enum hc_err hc_jws_signer_new(struct hc_jwk *key, struct hc_jws_signer **ret_signer)
{
	HC_AUTO(jws_signer) signer = calloc(1, sizeof(*signer));
	enum hc_err err = HC_OK;

	if (signer == NULL)
		return HC_ERR_NOMEM;
	signer->key = hc_jwk_ref(key);
	signer->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (signer->sha256 == NULL)
		return HC_ERR_CRYPTO;
	if (key->alg != HC_JWS_EDDSA)
		err = hc_jose_context(key, 0, &signer->context);
	if (err != HC_OK)
		return err;
	*ret_signer = hc_steal_ptr(&signer);
	return HC_OK;
}

void hc_jws_signer_free(struct hc_jws_signer **signer)
{
	if (signer == NULL || *signer == NULL)
		return;
	EVP_PKEY_CTX_free((*signer)->context);
	EVP_MD_free((*signer)->sha256);
	hc_jwk_free(&(*signer)->key);
	free(*signer);
	*signer = NULL;
}

/* ---- ES256: DER on OpenSSL's side, r ‖ s on ours (RFC 7518 section 3.4) ---- */

static enum hc_err der_to_raw(const uint8_t *der, size_t der_len, uint8_t *out)
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
	bool ok = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, HC_ES256_HALF) == HC_ES256_HALF &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + HC_ES256_HALF, HC_ES256_HALF) == HC_ES256_HALF;

	ECDSA_SIG_free(pair);
	return ok ? HC_OK : HC_ERR_CRYPTO;
}

static enum hc_err raw_to_der(const uint8_t *raw, uint8_t *out, size_t *ret_len)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, HC_ES256_HALF, NULL);
	BIGNUM *s = BN_bin2bn(raw + HC_ES256_HALF, HC_ES256_HALF, NULL);
	int len = -1;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* the pair's now */
		len = i2d_ECDSA_SIG(pair, &out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	if (len < 0)
		return HC_ERR_CRYPTO;
	*ret_len = (size_t)len;
	return HC_OK;
}

/* ---- signing ---- */

static enum hc_err sign_digest(struct hc_jws_signer *signer, const char *input, size_t len, uint8_t *out,
			       size_t *ret_len)
{
	uint8_t digest[DIGEST_LEN], signature[HC_JWS_SIGNATURE_MAX];
	size_t signature_len = sizeof(signature);

	if (EVP_Digest(input, len, digest, NULL, signer->sha256, NULL) != 1 ||
	    EVP_PKEY_sign(signer->context, signature, &signature_len, digest, sizeof(digest)) != 1)
		return HC_ERR_CRYPTO;
	if (signer->key->alg == HC_JWS_ES256) {
		*ret_len = 2 * HC_ES256_HALF;
		return der_to_raw(signature, signature_len, out);
	}
	memcpy(out, signature, signature_len);
	*ret_len = signature_len;
	return HC_OK;
}

static enum hc_err sign_message(struct hc_jws_signer *signer, const char *input, size_t len, uint8_t *out,
				size_t *ret_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t out_len = HC_JWS_SIGNATURE_MAX;
	bool ok = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, signer->key->pkey) == 1 &&
		  EVP_DigestSign(context, out, &out_len, (const uint8_t *)input, len) == 1;

	EVP_MD_CTX_free(context);
	if (!ok)
		return HC_ERR_CRYPTO;
	*ret_len = out_len;
	return HC_OK;
}

enum hc_err hc_jws_sign(struct hc_jws_signer *signer, const char *typ, const char *payload,
			size_t payload_len, char **ret_compact, size_t *ret_len)
{
	char header[HEADER_MAX];
	uint8_t signature[HC_JWS_SIGNATURE_MAX];
	size_t signature_len = 0;
	int header_len = snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}",
				  hc_jws_alg_name(signer->key->alg), typ, signer->key->kid);

	if (header_len < 0 || (size_t)header_len >= sizeof(header))
		return HC_ERR_TOOBIG;
	size_t first = hc_b64url_len((size_t)header_len), second = hc_b64url_len(payload_len);
	char *compact = malloc(first + 1 + second + 1 + hc_b64url_len(sizeof(signature)) + 1);

	if (compact == NULL)
		return HC_ERR_NOMEM;
	hc_b64url_encode(header, (size_t)header_len, compact);
	compact[first] = '.';
	hc_b64url_encode(payload, payload_len, compact + first + 1);
	size_t input_len = first + 1 + second;
	enum hc_err err = signer->context != NULL
				  ? sign_digest(signer, compact, input_len, signature, &signature_len)
				  : sign_message(signer, compact, input_len, signature, &signature_len);

	if (err != HC_OK) {
		free(compact);
		return err;
	}
	compact[input_len] = '.';
	hc_b64url_encode(signature, signature_len, compact + input_len + 1);
	*ret_len = input_len + 1 + hc_b64url_len(signature_len);
	*ret_compact = compact;
	return HC_OK;
}

/* ---- verifying ---- */

struct parts {
	const char *header, *payload, *signature;
	size_t header_len, payload_len, signature_len;
};

static enum hc_err split(const char *compact, size_t len, struct parts *ret_parts)
{
	const char *first = memchr(compact, '.', len);
	const char *second =
		first == NULL ? NULL : memchr(first + 1, '.', len - (size_t)(first + 1 - compact));
	const char *end = compact + len;

	if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
		return HC_ERR_INVALID;
	*ret_parts = (struct parts){.header = compact,
				    .header_len = (size_t)(first - compact),
				    .payload = first + 1,
				    .payload_len = (size_t)(second - first - 1),
				    .signature = second + 1,
				    .signature_len = (size_t)(end - second - 1)};
	return HC_OK;
}

static void free_json(json_t **json)
{
	json_decref(*json);
}

/* The key that the header names, if the header says nothing but what a header of ours says. */
static enum hc_err find_key(const struct parts *parts, const char *typ, struct hc_jwk *const *keys,
			    size_t count, struct hc_jwk **ret_key)
{
	uint8_t text[HEADER_MAX];
	size_t len = 0;
	enum hc_err err = hc_b64url_decode(parts->header, parts->header_len, text, sizeof(text), &len);

	if (err != HC_OK)
		return HC_ERR_INVALID;
	HC_CLEANUP(free_json)
	json_t *header = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *alg = json_string_value(json_object_get(header, "alg"));
	const char *kid = json_string_value(json_object_get(header, "kid"));
	const char *type = json_string_value(json_object_get(header, "typ"));

	if (alg == NULL || kid == NULL || type == NULL || json_object_size(header) != 3 ||
	    strcmp(type, typ) != 0)
		return HC_ERR_INVALID;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i]->kid, kid) != 0)
			continue;
		if (strcmp(hc_jws_alg_name(keys[i]->alg), alg) != 0)
			return HC_ERR_PERM;
		*ret_key = keys[i];
		return HC_OK;
	}
	return HC_ERR_NOTFOUND;
}

static enum hc_err verify_digest(const struct hc_jwk *key, const char *input, size_t len,
				 const uint8_t *signature, size_t signature_len)
{
	uint8_t digest[DIGEST_LEN], der[HC_JWS_SIGNATURE_MAX];
	EVP_PKEY_CTX *context = NULL;
	enum hc_err err = HC_OK;

	if (key->alg == HC_JWS_ES256) {
		if (signature_len != 2 * HC_ES256_HALF)
			return HC_ERR_PERM;
		err = raw_to_der(signature, der, &signature_len);
		signature = der;
	}
	if (err == HC_OK && EVP_Q_digest(NULL, "SHA256", NULL, input, len, digest, NULL) != 1)
		err = HC_ERR_CRYPTO;
	if (err == HC_OK)
		err = hc_jose_context(key, 1, &context);
	if (err == HC_OK && EVP_PKEY_verify(context, signature, signature_len, digest, sizeof(digest)) != 1)
		err = HC_ERR_PERM;
	EVP_PKEY_CTX_free(context);
	return err;
}

static enum hc_err verify_message(const struct hc_jwk *key, const char *input, size_t len,
				  const uint8_t *signature, size_t signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
		  EVP_DigestVerify(context, signature, signature_len, (const uint8_t *)input, len) == 1;

	EVP_MD_CTX_free(context);
	return ok ? HC_OK : HC_ERR_PERM;
}

enum hc_err hc_jose_verify(const struct hc_jwk *key, const char *input, size_t len, const uint8_t *signature,
			   size_t signature_len)
{
	if (key->alg == HC_JWS_EDDSA)
		return verify_message(key, input, len, signature, signature_len);
	return verify_digest(key, input, len, signature, signature_len);
}

static enum hc_err decode_payload(const struct parts *parts, char **ret_payload, size_t *ret_len)
{
	char *payload = malloc(parts->payload_len + 1);
	size_t len = 0;
	enum hc_err err;

	if (payload == NULL)
		return HC_ERR_NOMEM;
	err = hc_b64url_decode(parts->payload, parts->payload_len, (uint8_t *)payload, parts->payload_len,
			       &len);
	if (err != HC_OK) {
		free(payload);
		return HC_ERR_INVALID;
	}
	payload[len] = '\0';
	*ret_payload = payload;
	*ret_len = len;
	return HC_OK;
}

enum hc_err hc_jws_verify(struct hc_jwk *const *keys, size_t key_count, const char *compact, size_t len,
			  const char *typ, char **ret_payload, size_t *ret_len)
{
	uint8_t signature[HC_JWS_SIGNATURE_MAX];
	size_t signature_len = 0;
	struct hc_jwk *key = NULL;
	struct parts parts;
	enum hc_err err = len > HC_JWS_MAX ? HC_ERR_INVALID : split(compact, len, &parts);

	if (err == HC_OK)
		err = find_key(&parts, typ, keys, key_count, &key);
	if (err != HC_OK)
		return err;
	if (hc_b64url_decode(parts.signature, parts.signature_len, signature, sizeof(signature),
			     &signature_len) != HC_OK)
		return HC_ERR_INVALID;
	size_t input_len = parts.header_len + 1 + parts.payload_len;

	err = hc_jose_verify(key, compact, input_len, signature, signature_len);
	return err == HC_OK ? decode_payload(&parts, ret_payload, ret_len) : err;
}
