/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first call of OpenSSL. State: OpenSSL's own. Threat: its configuration file and the variables
 * that name it can load code into whoever uses it; the broker holds keys, so it reads neither.
 */
#include "crypto.h"

#include "evp.h"

enum hc_err hc_crypto_start(void)
{
	return hc_evp_ready() ? HC_OK : hc_evp_failed("initialisation");
}
