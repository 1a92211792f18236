/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes, ciphers and random numbers of the test key.
 *
 * State: none. Nothing here is of constant time or scrubbed: these are the keys of tests. It must
 * never be linked into what ships.
 */
#include "crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static void must(bool done)
{
	if (!done)
		abort();
}

void tk_random(void *out, size_t len)
{
	must(RAND_bytes(out, (int)len) == 1);
}

void tk_sha256(const void *data, size_t len, uint8_t out[TK_HASH_LEN])
{
	must(EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1);
}

void tk_hmac(const uint8_t *key, size_t key_len, struct tk_slice data, uint8_t out[TK_HASH_LEN])
{
	must(HMAC(EVP_sha256(), key, (int)key_len, data.data, data.len, out, NULL) != NULL);
}

void tk_hkdf(const uint8_t secret[TK_HASH_LEN], const char *info, uint8_t out[TK_HASH_LEN])
{
	static const uint8_t salt[TK_HASH_LEN];
	uint8_t extracted[TK_HASH_LEN], block[64];
	size_t len = strlen(info);

	must(len < sizeof(block));
	memcpy(block, info, len + 1);
	block[len] = 1;
	tk_hmac(salt, sizeof(salt), (struct tk_slice){secret, TK_HASH_LEN}, extracted);
	tk_hmac(extracted, sizeof(extracted), (struct tk_slice){block, len + 1}, out);
}

static void cbc(const uint8_t key[32], const uint8_t iv[16], struct tk_slice data, uint8_t *out, int encrypt)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int len = 0, end = 0;

	must(context && data.len % 16 == 0);
	must(EVP_CipherInit_ex(context, EVP_aes_256_cbc(), NULL, key, iv, encrypt) == 1);
	must(EVP_CIPHER_CTX_set_padding(context, 0) == 1);
	must(EVP_CipherUpdate(context, out, &len, data.data, (int)data.len) == 1);
	must(EVP_CipherFinal_ex(context, out + len, &end) == 1);
	EVP_CIPHER_CTX_free(context);
}

void tk_encrypt(const uint8_t key[32], const uint8_t iv[16], struct tk_slice data, uint8_t *out)
{
	cbc(key, iv, data, out, 1);
}

void tk_decrypt(const uint8_t key[32], const uint8_t iv[16], struct tk_slice data, uint8_t *out)
{
	cbc(key, iv, data, out, 0);
}
