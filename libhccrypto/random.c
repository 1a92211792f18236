/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes: for keys, seeds, nonces and names that must not be guessed. OpenSSL's private
 * generator, seeded from getrandom(2) and reseeded after a fork. It must never return fewer or
 * weaker bytes than asked for: there is no other source to fall back to.
 */
#include "hospiconnect/crypto.h"

#include <limits.h>

#include <openssl/rand.h>

#include "evp.h"
#include "hospiconnect/secret.h"

enum hc_err hc_random(void *out, size_t len)
{
	if (len > INT_MAX)
		return HC_ERR_TOOBIG;
	if (!hc_evp_ready() || RAND_priv_bytes(out, (int)len) != 1)
		return hc_evp_failed("random");
	return HC_OK;
}

enum hc_err hc_random_secret(size_t len, struct hc_secret **ret_secret)
{
	HC_AUTO(secret) secret = NULL;
	size_t space = 0;
	enum hc_err err = hc_secret_new(len, &secret);

	if (err != HC_OK)
		return err;
	uint8_t *to = hc_secret_space(secret, &space);
	if (space < len)
		return HC_ERR_TOOBIG;
	err = hc_random(to, len);
	if (err == HC_OK)
		err = hc_secret_commit(secret, len);
	if (err == HC_OK)
		*ret_secret = hc_steal_ptr(&secret);
	return err;
}
