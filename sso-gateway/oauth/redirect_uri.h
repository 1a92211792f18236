/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REDIRECT_URI_H
#define HC_REDIRECT_URI_H

#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/client.h"

/*
 * Addresses that answers are sent to. Which ones may be registered, for answers and for the way back
 * after a logout, is decided here; in requests they are compared byte by byte and nothing else.
 *
 * hc_redirect_uri_check: https with a host; http for this machine alone (127.0.0.1, [::1], localhost); or
 * an app's own scheme, which has a dot (RFC 8252 section 7.1). No fragment, no user, nothing that RFC 3986
 * does not allow in a URI, and no query parameter that answers have (code, state, iss, error …), percent-encoded
 * or not: two of a name are read differently by different libraries. HC_ERR_TOOBIG beyond HC_URI_MAX,
 * HC_ERR_INVALID, HC_ERR_NOMEM; ret_why: an English phrase that says what is wrong (static).
 */
HC_CHECK enum hc_err hc_redirect_uri_check(const char *uri, const char **ret_why);

/* A parameter to be added to an address: any texts, encoded here; borrowed. */
struct hc_redirect_param {
	const char *name;
	const char *value; /* NULL or "": left out */
};

/*
 * hc_redirect_location: uri with the parameters in its query, behind those that it has. Transferred,
 * free(). HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_redirect_location(const char *uri, const struct hc_redirect_param *params,
					  size_t count, char **ret_location);

/*
 * hc_redirect_list: the addresses, one a line, as hc_page.form_action takes them. All of a client's and not
 * only the one that is answered to: an application may lead on from there to another host of its own.
 */
#define HC_REDIRECT_LIST_MAX (HC_CLIENT_URIS_MAX * (HC_URI_MAX + 1) + 1)
void hc_redirect_list(const struct hc_uri_list *uris, char out[HC_REDIRECT_LIST_MAX]);

#endif
