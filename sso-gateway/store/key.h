/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SIGNING_KEY_H
#define HC_SIGNING_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "jose/jwk.h"

struct hc_gstore_tx;
struct hc_gstore_view;

/*
 * Signing keys. NEXT: published, does not sign yet. ACTIVE: signs; one an algorithm. RETIRED: signs no
 * more and is published until removed, so that what it signed can be verified; its private part is
 * erased. The private part is sealed by the caller; the public part is the caller's text.
 */
enum hc_key_state { HC_KEY_NEXT = 1, HC_KEY_ACTIVE = 2, HC_KEY_RETIRED = 3 };

#define HC_KEY_SEALED_MAX 4096
#define HC_KEY_PUBLIC_MAX 2048
#define HC_KEYS_MAX	  32 /* in the store */

struct hc_signing_key {
	char kid[HC_KID_LEN + 1];
	enum hc_jws_alg alg;
	enum hc_key_state state;
	uint8_t sealed[HC_KEY_SEALED_MAX];
	size_t sealed_len; /* 0: erased */
	char public_jwk[HC_KEY_PUBLIC_MAX + 1];
	int64_t created_ms, activated_ms, retired_ms;
};

/*
 * hc_key_add: as NEXT or ACTIVE. HC_ERR_EXISTS for a known kid, or where the algorithm has one in that
 * state already; HC_ERR_STATE beyond HC_KEYS_MAX.
 */
HC_CHECK enum hc_err hc_key_add(struct hc_gstore_tx *tx, const struct hc_signing_key *key);
/* hc_key_activate: NEXT to ACTIVE; the active one of the same algorithm retires. HC_ERR_STATE unless NEXT. */
HC_CHECK enum hc_err hc_key_activate(struct hc_gstore_tx *tx, const char *kid, int64_t now_ms);
/* hc_key_remove: RETIRED only, HC_ERR_STATE otherwise and for an unknown one. */
HC_CHECK enum hc_err hc_key_remove(struct hc_gstore_tx *tx, const char *kid);
/* hc_key_reseal: key->sealed takes the place of what is there. HC_ERR_STATE where nothing is. */
HC_CHECK enum hc_err hc_key_reseal(struct hc_gstore_tx *tx, const struct hc_signing_key *key);
/* hc_key_list: all of them, oldest first, up to max. */
HC_CHECK enum hc_err hc_key_list(struct hc_gstore_view *view, size_t max, struct hc_signing_key *out,
				 size_t *ret_count);

#endif
