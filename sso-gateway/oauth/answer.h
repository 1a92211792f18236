/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ANSWER_H
#define HC_ANSWER_H

#include <stddef.h>

#include "hospiconnect/err.h"
#include "http/http.h"

/*
 * Answers for programs: JSON, never kept by a cache, errors as RFC 6749 section 5.2 has them. Each ends
 * its exchange. error and description are constants of ours (%x20-21, %x23-5B, %x5D-7E).
 */
void hc_answer_json(struct hc_exchange *exchange, const char *json, size_t len);
void hc_answer_error(struct hc_exchange *exchange, unsigned status, const char *error,
		     const char *description);

/* hc_answer_empty: 200 without a body. */
void hc_answer_empty(struct hc_exchange *exchange);

/* hc_answer_challenge: 401 and the like; challenge is the whole value of WWW-Authenticate. */
void hc_answer_challenge(struct hc_exchange *exchange, unsigned status, const char *challenge,
			 const char *error, const char *description);

/*
 * hc_answer_trouble: what is nobody's fault out there: 503 temporarily_unavailable where it may be
 * otherwise soon (broker away, a full queue), 500 server_error for the rest, which is logged.
 */
void hc_answer_trouble(struct hc_exchange *exchange, enum hc_err err);

#endif
