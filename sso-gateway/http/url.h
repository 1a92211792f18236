/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_URL_H
#define HC_URL_H

#include "http/http.h"

/*
 * application/x-www-form-urlencoded, of forms and query strings: a bounded list of parameters, in
 * the order in which they came. Repeats stay visible: most of them are somebody's attack.
 */
#define HC_PARAMS_MAX 64

struct hc_param {
	struct hc_view name;  /* both decoded, well-formed UTF-8 with no control character but tab, CR, LF, */
	struct hc_view value; /* and with a NUL behind the last byte */
};

struct hc_params {
	size_t count;
	size_t memory_len;
	char *memory; /* owned; scrubbed when it is freed */
	struct hc_param items[HC_PARAMS_MAX];
};

/*
 * hc_params_parse: data (borrowed) may be empty; ret_params is the caller's, to be cleared with
 * hc_params_clear. Refused as HC_ERR_INVALID: a '%' without two hexadecimal digits, %00 and other
 * control characters, invalid UTF-8, raw bytes that are not printable ASCII, an empty name. An empty
 * piece between two '&' is nothing. HC_ERR_TOOBIG: more parameters than HC_PARAMS_MAX, more bytes
 * than HC_HTTP_BODY_MAX. HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_params_parse(const char *data, size_t len, struct hc_params *ret_params);
void hc_params_clear(struct hc_params *params);

/*
 * hc_params_get: the value of the one parameter of that name (a view into params). HC_ERR_NOTFOUND;
 * HC_ERR_EXISTS where it was sent more than once.
 */
HC_CHECK enum hc_err hc_params_get(const struct hc_params *params, const char *name,
				   struct hc_view *ret_value);

/* hc_params_repeated: the first name that stands there more than once, or NULL. */
const char *hc_params_repeated(const struct hc_params *params);

/*
 * hc_url_encode: for a component of a query: all but unreserved characters as %XX. Writes at most
 * cap bytes with the NUL. HC_ERR_TOOBIG.
 */
HC_CHECK enum hc_err hc_url_encode(const void *data, size_t len, char *out, size_t cap, size_t *ret_len);

#endif
