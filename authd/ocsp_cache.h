/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OCSP_CACHE_H
#define HC_OCSP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/cps_ocsp.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"

/*
 * What responders said of certificates, known by their fingerprints, and the questions that are open. In memory alone,
 * bounded; both clocks are handed in. Zeros are an empty one.
 */
#define HC_OCSP_ENTRIES_MAX 1024
#define HC_OCSP_OPEN_MAX    64
#define HC_OCSP_OPEN_MS	    120000 /* then a question is forgotten, and its answer is none */

struct hc_ocsp_time {
	int64_t mono_ms, real_ms; /* either may stand still or jump where the other does not */
};

struct hc_ocsp_entry {
	bool used;
	enum hc_cps_ocsp_status status;
	uint8_t fingerprint[HC_SHA256_LEN];
	struct hc_ocsp_time said;
	int64_t of_ms;	  /* real; what the answer itself is of */
	int64_t until_ms; /* real; the answer's own end; 0: none */
};

struct hc_ocsp_open {
	bool used;
	uint8_t fingerprint[HC_SHA256_LEN];
	uint8_t nonce[HC_CPS_OCSP_NONCE_LEN];
	int64_t mono_ms;
};

struct hc_ocsp_cache {
	struct hc_ocsp_entry entries[HC_OCSP_ENTRIES_MAX];
	struct hc_ocsp_open open[HC_OCSP_OPEN_MAX];
};

/* hc_ocsp_cache_fresh: whether nobody needs to be asked: GOOD or REVOKED, said less than max_age_ms ago and not run out. */
bool hc_ocsp_cache_fresh(const struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
			 struct hc_ocsp_time now, int64_t max_age_ms);

/*
 * hc_ocsp_cache_get: what is known without asking: GOOD while it is fresh; REVOKED and UNKNOWN until another answer takes their
 * place; otherwise NO_ANSWER.
 */
enum hc_cps_ocsp_status hc_ocsp_cache_get(const struct hc_ocsp_cache *cache,
					  const uint8_t fingerprint[HC_SHA256_LEN], struct hc_ocsp_time now,
					  int64_t max_age_ms);

/*
 * hc_ocsp_cache_put: an answer that was verified. NO_ANSWER changes nothing, nor does a GOOD that is older than the REVOKED or
 * UNKNOWN which it would replace. Where it is full, the oldest GOOD goes first.
 */
void hc_ocsp_cache_put(struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
		       const struct hc_cps_ocsp_answer *answer, struct hc_ocsp_time now);

/* hc_ocsp_cache_open: a question goes out. Where too many are open the oldest is forgotten. */
void hc_ocsp_cache_open(struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
			const uint8_t nonce[HC_CPS_OCSP_NONCE_LEN], int64_t mono_ms);

/*
 * hc_ocsp_cache_close: whether a question about this certificate with this nonce (NULL: with any, the oldest of them) is open; it
 * is no longer then: a nonce serves once.
 */
bool hc_ocsp_cache_close(struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
			 const uint8_t *nonce, int64_t mono_ms);

#endif
