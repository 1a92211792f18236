/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithms of OpenSSL that are used here, fetched once. State: pointers that live as long as
 * the process; a program with threads has them fetched by hc_crypto_start() before it has any. The
 * list is closed: no algorithm is chosen by data or by configuration, and openssl.cnf is not read,
 * which can load other people's code into the process. It must never hand out a pointer to an
 * algorithm other than the one it is named for.
 */
#include "evp.h"

#include <openssl/err.h>

#include "hospiconnect/log.h"

bool hc_evp_ready(void)
{
	/* Without tables of names and texts that nobody here looks at: they cost half a MiB. */
	static const uint64_t lean = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
				     OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS;
	static bool ready;

	/* Those by which certificates are signed are looked for by name all the same. */
	if (!ready)
		ready = OPENSSL_init_crypto(lean, NULL) == 1 && EVP_add_digest(EVP_sha256()) == 1 &&
			EVP_add_digest(EVP_sha384()) == 1 && EVP_add_digest(EVP_sha512()) == 1;
	return ready;
}

const EVP_MD *hc_evp_sha256(void)
{
	static EVP_MD *digest;

	if (digest == NULL && hc_evp_ready())
		digest = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	return digest;
}

const EVP_CIPHER *hc_evp_aes256gcm(void)
{
	static EVP_CIPHER *cipher;

	if (cipher == NULL && hc_evp_ready())
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return cipher;
}

EVP_MAC *hc_evp_hmac(void)
{
	static EVP_MAC *mac;

	if (mac == NULL && hc_evp_ready())
		mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	return mac;
}

EVP_KDF *hc_evp_hkdf(void)
{
	static EVP_KDF *kdf;

	if (kdf == NULL && hc_evp_ready())
		kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	return kdf;
}

enum hc_err hc_evp_failed(const char *what)
{
	const unsigned long code = ERR_peek_last_error();
	char text[160] = "no detail";

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	hc_log(HC_LOG_ERROR, "cryptographic library failed", HC_F_TEXT("operation", what),
	       HC_F_TEXT("openssl", text));
	return HC_ERR_CRYPTO;
}
