/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_JWT_H
#define HC_JWT_H

#include <jansson.h>
#include <stdint.h>

#include "gateway.h"

/* The payloads of our own tokens, read back. */

#define HC_JWT_TYP_ID	  "JWT"
#define HC_JWT_TYP_ACCESS "at+jwt"

/*
 * hc_jwt_open: verifies a text (borrowed, len bytes of anything) with our keys and parses its payload,
 * an object whose iss is ours. HC_ERR_PERM for everything that we did not sign with this typ; HC_ERR_NOMEM,
 * HC_ERR_CRYPTO. json: transferred.
 */
HC_CHECK enum hc_err hc_jwt_open(const struct hc_worker *worker, const char *text, size_t len,
				 const char *typ, json_t **ret_json);
void hc_jwt_free(json_t **json);

/* hc_jwt_text: a member that is a string of at most cap - 1 bytes without NUL. HC_ERR_INVALID for any other. */
HC_CHECK enum hc_err hc_jwt_text(const json_t *json, const char *name, char *out, size_t cap);
/* hc_jwt_time_ms: a member in whole seconds, as milliseconds. HC_ERR_INVALID. */
HC_CHECK enum hc_err hc_jwt_time_ms(const json_t *json, const char *name, int64_t *ret_ms);

#endif
