/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CLAIMS_H
#define HC_CLAIMS_H

#include "broker_link.h"
#include "oauth/json_out.h"
#include "store/client.h"

/*
 * What an application learns about a person, by scope (docs/OIDC.md). Pure: nothing is looked up, and what
 * the record does not say is left out or an empty text, never made up.
 */

/* hc_claims_write: members of an open object, after sub. */
void hc_claims_write(struct hc_json_out *out, const struct hc_person *person,
		     const struct hc_scope_text *scope, enum hc_client_profile profile);

/* hc_claims_is_rpps: whether the national identifier is an RPPS number: type 8, 11 digits, its check digit right. */
bool hc_claims_is_rpps(const char *national_id);

/* hc_claims_is_profession: whether a text is a code of the nomenclature TRE_G15. */
bool hc_claims_is_profession(const char *profession);

#endif
