/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key pairs of the test key: its credentials, its attestation, its key agreement; and the
 * certificates that go with an attestation.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

struct tk_keypair {
	enum tk_alg alg;
	EVP_PKEY *pkey;
};

static void must(bool done)
{
	if (!done)
		abort();
}

/* Takes the key over; NULL where it is of no kind that we speak. */
static struct tk_keypair *wrap(EVP_PKEY *pkey)
{
	struct tk_keypair *pair;
	enum tk_alg alg = TK_ALG_NONE;

	if (!pkey)
		return NULL;
	if (EVP_PKEY_is_a(pkey, "EC"))
		alg = TK_ES256;
	else if (EVP_PKEY_is_a(pkey, "ED25519"))
		alg = TK_EDDSA;
	else if (EVP_PKEY_is_a(pkey, "RSA"))
		alg = TK_RS256;
	if (alg == TK_ALG_NONE) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	pair = calloc(1, sizeof(*pair));
	must(pair != NULL);
	*pair = (struct tk_keypair){.alg = alg, .pkey = pkey};
	return pair;
}

struct tk_keypair *tk_keypair_new(enum tk_alg alg)
{
	struct tk_keypair *pair = NULL;

	switch (alg) {
	case TK_ES256:
		pair = wrap(EVP_EC_gen("P-256"));
		break;
	case TK_EDDSA:
		pair = wrap(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
		break;
	case TK_RS256:
		pair = wrap(EVP_RSA_gen(2048));
		break;
	case TK_ALG_NONE:
		break;
	}
	must(pair != NULL);
	return pair;
}

struct tk_keypair *tk_keypair_from_der(struct tk_slice der)
{
	const unsigned char *at = der.data;

	return wrap(d2i_AutoPrivateKey(NULL, &at, (long)der.len));
}

struct tk_keypair *tk_keypair_from_pem(const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	EVP_PKEY *pkey = file ? PEM_read_bio_PrivateKey(file, NULL, NULL, NULL) : NULL;

	BIO_free(file);
	return wrap(pkey);
}

void tk_keypair_free(struct tk_keypair **pair)
{
	if (!*pair)
		return;
	EVP_PKEY_free((*pair)->pkey);
	free(*pair);
	*pair = NULL;
}

enum tk_alg tk_keypair_alg(const struct tk_keypair *pair)
{
	return pair->alg;
}

size_t tk_keypair_der(const struct tk_keypair *pair, uint8_t out[TK_DER_MAX])
{
	unsigned char *at = out;
	int len = i2d_PrivateKey(pair->pkey, NULL);

	must(len > 0 && len <= TK_DER_MAX && i2d_PrivateKey(pair->pkey, &at) == len);
	return (size_t)len;
}

size_t tk_keypair_sign(const struct tk_keypair *pair, struct tk_slice data, uint8_t out[TK_SIGNATURE_MAX])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *digest = pair->alg == TK_EDDSA ? NULL : EVP_sha256();
	size_t len = TK_SIGNATURE_MAX;

	must(context && EVP_DigestSignInit(context, NULL, digest, NULL, pair->pkey) == 1);
	must(EVP_DigestSign(context, out, &len, data.data, data.len) == 1);
	EVP_MD_CTX_free(context);
	return len;
}

static void number(const struct tk_keypair *pair, const char *name, uint8_t *out, size_t len)
{
	BIGNUM *value = NULL;

	must(EVP_PKEY_get_bn_param(pair->pkey, name, &value) == 1);
	must(BN_bn2binpad(value, out, (int)len) == (int)len);
	BN_free(value);
}

void tk_keypair_point(const struct tk_keypair *pair, uint8_t out[65])
{
	out[0] = 4;
	number(pair, OSSL_PKEY_PARAM_EC_PUB_X, out + 1, 32);
	number(pair, OSSL_PKEY_PARAM_EC_PUB_Y, out + 33, 32);
}

static void cose_ec(const struct tk_keypair *pair, int64_t alg, struct tk_writer *out)
{
	uint8_t point[65];

	tk_keypair_point(pair, point);
	tk_put_map(out, 5);
	tk_put_uint(out, 1);
	tk_put_uint(out, 2);
	tk_put_uint(out, 3);
	tk_put_int(out, alg);
	tk_put_int(out, -1);
	tk_put_uint(out, 1);
	tk_put_int(out, -2);
	tk_put_bytes(out, point + 1, 32);
	tk_put_int(out, -3);
	tk_put_bytes(out, point + 33, 32);
}

static void cose_ed25519(const struct tk_keypair *pair, int64_t alg, struct tk_writer *out)
{
	uint8_t key[32];
	size_t len = sizeof(key);

	must(EVP_PKEY_get_raw_public_key(pair->pkey, key, &len) == 1);
	tk_put_map(out, 4);
	tk_put_uint(out, 1);
	tk_put_uint(out, 1);
	tk_put_uint(out, 3);
	tk_put_int(out, alg);
	tk_put_int(out, -1);
	tk_put_uint(out, 6);
	tk_put_int(out, -2);
	tk_put_bytes(out, key, len);
}

static void cose_rsa(const struct tk_keypair *pair, int64_t alg, struct tk_writer *out)
{
	uint8_t modulus[256], exponent[3];

	number(pair, OSSL_PKEY_PARAM_RSA_N, modulus, sizeof(modulus));
	number(pair, OSSL_PKEY_PARAM_RSA_E, exponent, sizeof(exponent));
	tk_put_map(out, 4);
	tk_put_uint(out, 1);
	tk_put_uint(out, 3);
	tk_put_uint(out, 3);
	tk_put_int(out, alg);
	tk_put_int(out, -1);
	tk_put_bytes(out, modulus, sizeof(modulus));
	tk_put_int(out, -2);
	tk_put_bytes(out, exponent, sizeof(exponent));
}

void tk_keypair_cose(const struct tk_keypair *pair, int64_t alg, struct tk_writer *out)
{
	switch (pair->alg) {
	case TK_ES256:
		cose_ec(pair, alg, out);
		break;
	case TK_EDDSA:
		cose_ed25519(pair, alg, out);
		break;
	case TK_RS256:
		cose_rsa(pair, alg, out);
		break;
	case TK_ALG_NONE:
		break;
	}
}

static EVP_PKEY *peer_key(const uint8_t point[65])
{
	EVP_PKEY *peer = EVP_PKEY_new();
	EVP_PKEY *model = EVP_EC_gen("P-256");

	must(peer && model && EVP_PKEY_copy_parameters(peer, model) == 1);
	EVP_PKEY_free(model);
	if (EVP_PKEY_set1_encoded_public_key(peer, point, 65) == 1)
		return peer;
	EVP_PKEY_free(peer);
	return NULL;
}

bool tk_keypair_agree(const struct tk_keypair *pair, const uint8_t point[65], uint8_t out[TK_HASH_LEN])
{
	EVP_PKEY *peer = peer_key(point);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pair->pkey, NULL);
	size_t len = TK_HASH_LEN;
	bool done = peer && context && EVP_PKEY_derive_init(context) == 1 &&
		    EVP_PKEY_derive_set_peer(context, peer) == 1 &&
		    EVP_PKEY_derive(context, out, &len) == 1 && len == TK_HASH_LEN;

	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return done;
}
