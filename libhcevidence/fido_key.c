/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys of credentials (COSE_Key, RFC 9053) and their signatures. No state. Threats: a key of a kind that was not
 * asked for, a point that is not on its curve, a weak modulus, members that another reader takes for something else. It
 * must never verify with an algorithm that the key does not name.
 */
#include "fido_key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "cbor.h"
#include "x509.h"

#define COORDINATE_LEN 32
#define POINT_LEN      (1 + 2 * COORDINATE_LEN)
#define RSA_BYTES_MIN  256
#define RSA_BYTES_MAX  512
#define EXPONENT_MAX   4

#define KTY_OKP	    1
#define KTY_EC2	    2
#define KTY_RSA	    3
#define CRV_P256    1
#define CRV_ED25519 6

/* Labels of the members; what -1 to -3 mean depends on the kind. */
enum { LABEL_KTY = 1, LABEL_ALG = 3, LABEL_FIRST = -1, LABEL_SECOND = -2, LABEL_THIRD = -3 };

struct view {
	const uint8_t *data;
	size_t len;
};

/* The members, each at most once. */
struct members {
	bool has_kty, has_alg, has_curve;
	int64_t kty, alg, curve;
	struct view first, second, third; /* as bytes; -1 may be a number instead */
};

static enum hc_err read_number(struct hc_reader *reader, bool *has, int64_t *value)
{
	if (*has)
		return HC_ERR_INVALID;
	*has = true;
	return hc_cbor_int(reader, value);
}

static enum hc_err read_view(struct hc_reader *reader, struct view *view)
{
	if (view->data != NULL)
		return HC_ERR_INVALID;
	return hc_cbor_bytes(reader, &view->data, &view->len);
}

/* -1 is a curve's number, or the modulus. */
static enum hc_err read_first(struct hc_reader *reader, struct members *members)
{
	if (members->has_curve || members->first.data != NULL)
		return HC_ERR_INVALID;
	if (hc_cbor_bytes(reader, &members->first.data, &members->first.len) == HC_OK)
		return HC_OK;
	return read_number(reader, &members->has_curve, &members->curve);
}

static enum hc_err read_member(struct hc_reader *reader, struct members *members)
{
	int64_t label;

	if (hc_cbor_int(reader, &label) != HC_OK)
		return HC_ERR_INVALID;
	switch (label) {
	case LABEL_KTY:
		return read_number(reader, &members->has_kty, &members->kty);
	case LABEL_ALG:
		return read_number(reader, &members->has_alg, &members->alg);
	case LABEL_FIRST:
		return read_first(reader, members);
	case LABEL_SECOND:
		return read_view(reader, &members->second);
	case LABEL_THIRD:
		return read_view(reader, &members->third);
	default:
		return HC_ERR_INVALID;
	}
}

static enum hc_err read_members(const void *key, size_t len, struct members *members)
{
	struct hc_reader reader;
	size_t pairs;

	*members = (struct members){0};
	hc_reader_init(&reader, key, len);
	if (len > HC_FIDO_KEY_MAX || hc_cbor_map(&reader, &pairs) != HC_OK)
		return HC_ERR_INVALID;
	for (size_t i = 0; i < pairs; i++)
		if (read_member(&reader, members) != HC_OK)
			return HC_ERR_INVALID;
	return hc_reader_left(&reader) == 0 && members->has_kty && members->has_alg ? HC_OK : HC_ERR_INVALID;
}

static bool is_p256(const struct members *members)
{
	return members->kty == KTY_EC2 && members->alg == HC_COSE_ES256 && members->has_curve &&
	       members->curve == CRV_P256 && members->second.len == COORDINATE_LEN &&
	       members->third.len == COORDINATE_LEN;
}

static bool is_ed25519(const struct members *members)
{
	return members->kty == KTY_OKP && members->alg == HC_COSE_EDDSA && members->has_curve &&
	       members->curve == CRV_ED25519 && members->second.len == COORDINATE_LEN &&
	       members->third.data == NULL;
}

static bool is_rsa(const struct members *members)
{
	return members->kty == KTY_RSA && members->alg == HC_COSE_RS256 && members->first.data != NULL &&
	       members->first.len >= RSA_BYTES_MIN && members->first.len <= RSA_BYTES_MAX &&
	       members->first.data[0] >= 0x80 && members->second.len >= 1 &&
	       members->second.len <= EXPONENT_MAX && members->third.data == NULL;
}

/* ---- into OpenSSL's form ---- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

/* Importing a point checks that it is on the curve. */
static EVP_PKEY *open_p256(const struct members *members)
{
	uint8_t point[POINT_LEN] = {0x04};
	char group[] = "P-256";

	memcpy(point + 1, members->second.data, COORDINATE_LEN);
	memcpy(point + 1 + COORDINATE_LEN, members->third.data, COORDINATE_LEN);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};

	return from_params("EC", params);
}

static EVP_PKEY *open_rsa(const struct members *members)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_bin2bn(members->first.data, (int)members->first.len, NULL);
	BIGNUM *exponent = BN_bin2bn(members->second.data, (int)members->second.len, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (builder != NULL && modulus != NULL && exponent != NULL && BN_is_odd(exponent) &&
	    !BN_is_one(exponent) && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL)
		key = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(modulus);
	BN_free(exponent);
	return key;
}

enum hc_err hc_fido_key_open(const void *key, size_t len, enum hc_cose_alg *ret_alg, EVP_PKEY **ret_key)
{
	struct members members;

	if (read_members(key, len, &members) != HC_OK)
		return HC_ERR_INVALID;
	*ret_key = NULL;
	if (is_p256(&members))
		*ret_key = open_p256(&members);
	else if (is_ed25519(&members))
		*ret_key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, members.second.data,
							  COORDINATE_LEN);
	else if (is_rsa(&members))
		*ret_key = open_rsa(&members);
	if (*ret_key == NULL)
		return HC_ERR_INVALID;
	*ret_alg = (enum hc_cose_alg)members.alg;
	return HC_OK;
}

enum hc_err hc_fido_key_check(const void *key, size_t len, enum hc_cose_alg *ret_alg)
{
	EVP_PKEY *opened HC_CLEANUP(hc_evp_key_free) = NULL;
	enum hc_cose_alg alg;
	enum hc_err err = hc_fido_key_open(key, len, &alg, &opened);

	if (err == HC_OK && ret_alg != NULL)
		*ret_alg = alg;
	return err;
}

enum hc_err hc_fido_key_point(const void *key, size_t len, const uint8_t **ret_x, const uint8_t **ret_y)
{
	struct members members;

	if (read_members(key, len, &members) != HC_OK || !is_p256(&members))
		return HC_ERR_INVALID;
	*ret_x = members.second.data;
	*ret_y = members.third.data;
	return HC_OK;
}

bool hc_fido_signature(EVP_PKEY *key, enum hc_cose_alg alg, const void *head, size_t head_len,
		       const void *tail, size_t tail_len, const void *signature, size_t signature_len)
{
	uint8_t message[HC_FIDO_AUTH_DATA_MAX + HC_FIDO_CREDENTIAL_MAX];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	/* Ed25519 hashes by itself; the two others are with SHA-256, RSA with PKCS#1 v1.5. */
	const EVP_MD *digest = alg == HC_COSE_EDDSA ? NULL : EVP_sha256();

	if (context == NULL || head_len > sizeof(message) || tail_len > sizeof(message) - head_len) {
		EVP_MD_CTX_free(context);
		return false;
	}
	memcpy(message, head, head_len);
	memcpy(message + head_len, tail, tail_len);
	const bool good =
		EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
		EVP_DigestVerify(context, signature, signature_len, message, head_len + tail_len) == 1;

	EVP_MD_CTX_free(context);
	return good;
}
