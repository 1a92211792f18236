/* SPDX-License-Identifier: Apache-2.0 */
/* The card's private keys: RSA without padding, ECDSA over a hash. Keys of tests, nothing is of constant time. */
#include "card.h"

#include <openssl/rsa.h>

#define ALGORITHM_RSA_2048 0x07
#define ALGORITHM_P256	   0x11
#define ALGORITHM_P384	   0x14

static bool fits(const EVP_PKEY *key, uint8_t algorithm, size_t len)
{
	const int bits = EVP_PKEY_get_bits(key);

	if (algorithm == ALGORITHM_RSA_2048)
		return EVP_PKEY_is_a(key, "RSA") && bits == 2048 && len == 256;
	if (algorithm == ALGORITHM_P256)
		return EVP_PKEY_is_a(key, "EC") && bits == 256 && len == 32;
	return algorithm == ALGORITHM_P384 && EVP_PKEY_is_a(key, "EC") && bits == 384 && len <= 48;
}

size_t tc_sign(EVP_PKEY *key, uint8_t algorithm, const uint8_t *input, size_t len, uint8_t *out, size_t cap)
{
	EVP_PKEY_CTX *context;
	size_t out_len = cap;
	bool done;

	if (key == NULL || !fits(key, algorithm, len))
		return 0;
	context = EVP_PKEY_CTX_new(key, NULL);
	if (context == NULL)
		return 0;
	if (algorithm == ALGORITHM_RSA_2048) /* the private operation alone */
		done = EVP_PKEY_decrypt_init(context) == 1 &&
		       EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 &&
		       EVP_PKEY_decrypt(context, out, &out_len, input, len) == 1;
	else
		done = EVP_PKEY_sign_init(context) == 1 &&
		       EVP_PKEY_sign(context, out, &out_len, input, len) == 1;
	EVP_PKEY_CTX_free(context);
	return done ? out_len : 0;
}
