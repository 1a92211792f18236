/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LOGOUT_FIELD_H
#define HC_LOGOUT_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "oauth/authorize_request.h"
#include "store/ticket.h"

struct hc_seal;

/* What the confirmation page of a logout carries in its hidden field. */
#define HC_LOGOUT_FIELD_MS 900000

struct hc_logout_field {
	int64_t session_id, expires_ms;
	char client_id[HC_CLIENT_ID_MAX + 1];
	char redirect_uri[HC_URI_MAX + 1]; /* "": none */
	char state[HC_STATE_MAX + 1];
};

/* hc_logout_field_seal: bound to the session cookie. ret_text: transferred. HC_ERR_NOMEM, HC_ERR_CRYPTO. */
HC_CHECK enum hc_err hc_logout_field_seal(const struct hc_seal *seal, const struct hc_logout_field *field,
					  const struct hc_ticket_ref *cookie, char **ret_text);
/* hc_logout_field_open: HC_ERR_SEAL: altered, or for another session; HC_ERR_TIMEOUT: expired. */
HC_CHECK enum hc_err hc_logout_field_open(const struct hc_seal *seal, const char *text, size_t len,
					  const struct hc_ticket_ref *cookie, int64_t now_ms,
					  struct hc_logout_field *ret_field);

#endif
