/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SELF_MADE_H
#define HC_SELF_MADE_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* A certificate and its key, PEM, not encrypted. */
struct hc_self_made {
	char *certificate, *key;
	size_t certificate_len, key_len;
};

/*
 * hc_self_made_new: a new P-256 key, and a certificate for one host that it signs itself: for a server, no authority,
 * valid from now_s for so many days. host: a DNS name, or an address without brackets. Transferred, hc_self_made_clear.
 * HC_ERR_INVALID: the host fits into no certificate. HC_ERR_CRYPTO.
 */
HC_CHECK enum hc_err hc_self_made_new(const char *host, int64_t now_s, int days,
				      struct hc_self_made *ret_made);

/* hc_self_made_clear: frees both, and scrubs the key. */
void hc_self_made_clear(struct hc_self_made *made);

#endif
