/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_CLIENT_H
#define HC_ADMIN_CLIENT_H

#include <stdbool.h>

#include "hospiconnect/answer.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "store/client.h"

/* A client as administrators write one. No state, no store. */

#define HC_CLIENT_SECRET_LEN 43 /* 256 bits in base64url */
#define HC_GRANTS_TEXT_CAP   64

/*
 * hc_client_from_request: everything but id, number, secret and times, from the fields of a CLIENT_ADD, with
 * defaults: profile oidc, client_secret_basic, authorization_code and refresh_token, the profile's scopes,
 * RS256, opaque. False: refused, with the name of the value.
 */
bool hc_client_from_request(struct hc_answer *answer, const struct hc_msg *msg, struct hc_client *ret_client);

/* hc_client_make_id: the name as far as it can be read in [a-z0-9-], and 40 random bits. HC_ERR_CRYPTO. */
HC_CHECK enum hc_err hc_client_make_id(const char *name, char out[HC_CLIENT_ID_MAX + 1]);

const char *hc_client_profile_name(enum hc_client_profile profile);
const char *hc_client_auth_name(enum hc_client_auth auth);
const char *hc_client_format_name(enum hc_access_format format);
/* hc_client_grants_text: the names of RFC 6749, one space between two. */
void hc_client_grants_text(uint32_t grants, char out[HC_GRANTS_TEXT_CAP]);

#endif
