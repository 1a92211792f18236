/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SCOPE_H
#define HC_SCOPE_H

#include <stdbool.h>

#include "store/client.h"

/*
 * Scopes (RFC 6749 section 3.3) that mean something here: openid, profile (names), scope_all (the
 * professional claims of Pro Santé Connect). Others are the business of the client and its resource servers.
 */
#define HC_SCOPE_OPENID	 "openid"
#define HC_SCOPE_PROFILE "profile"
#define HC_SCOPE_ALL	 "scope_all"
#define HC_SCOPE_OFFLINE "offline_access" /* accepted and dropped: the client's grants decide */

bool hc_scope_has(const struct hc_scope_text *scope, const char *name);

/*
 * hc_scope_parse: text of a request, len bytes: names without repeats, one space between two.
 * HC_ERR_INVALID for a byte that no scope may hold, HC_ERR_TOOBIG.
 */
HC_CHECK enum hc_err hc_scope_parse(const char *text, size_t len, struct hc_scope_text *ret_scope);

/* hc_scope_intersect: the names of wanted that allowed has too, in wanted's order. */
void hc_scope_intersect(const struct hc_scope_text *wanted, const struct hc_scope_text *allowed,
			struct hc_scope_text *ret_scope);

/* hc_scope_remove: that name, if it is there. */
void hc_scope_remove(struct hc_scope_text *scope, const char *name);

#endif
