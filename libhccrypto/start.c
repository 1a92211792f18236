/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first call of OpenSSL. State: OpenSSL's own. Threat: its configuration file and the variables
 * that name it can load code into whoever uses it; our programs hold keys, so they read neither.
 */
#include "hospiconnect/crypto.h"

#include "evp.h"

enum hc_err hc_crypto_start(void)
{
	/* Fetched while there is one thread: from here on the pointers are only read. */
	if (!hc_evp_ready() || hc_evp_sha256() == NULL || hc_evp_aes256gcm() == NULL ||
	    hc_evp_hmac() == NULL || hc_evp_hkdf() == NULL)
		return hc_evp_failed("initialisation");
	return HC_OK;
}
