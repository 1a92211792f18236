/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CLIENT_AUTH_H
#define HC_CLIENT_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway.h"
#include "http/http.h"
#include "http/url.h"
#include "store/client.h"

/*
 * Who a client is (RFC 6749 section 2.3): client_secret_basic, client_secret_post, or none for a public
 * client; exactly as it is registered, and never two of them in one request.
 */

/* What a request says about its client. The secret itself is not kept. */
struct hc_client_credentials {
	enum hc_client_auth method;
	char id[HC_CLIENT_ID_MAX + 1];
	uint8_t secret_hash[32]; /* SHA-256; of nothing for HC_CLIENT_PUBLIC */
};

/*
 * hc_client_credentials_read: pure. HC_ERR_INVALID: the request contradicts itself (two methods, two
 * headers, two names). HC_ERR_PERM: no name, a header that is not Basic, or credentials that no client has.
 */
HC_CHECK enum hc_err hc_client_credentials_read(const struct hc_http_request *request,
						const struct hc_params *params,
						struct hc_client_credentials *ret_credentials);

/* A form that a client sent, and the client. */
struct hc_client_request {
	struct hc_params params;
	struct hc_client client;
};

/*
 * hc_client_request_read: the form, without repeated parameters and without a query, of an authenticated
 * client. false: the exchange has been answered (400, 401, 500). Otherwise to be cleared.
 */
HC_CHECK bool hc_client_request_read(struct hc_worker *worker, struct hc_exchange *exchange,
				     struct hc_client_request *ret_request);
void hc_client_request_clear(struct hc_client_request *request);

/* hc_client_refused: the answer to a client that is not who it says: 401, counted and recorded. client NULL: unknown. */
void hc_client_refused(struct hc_worker *worker, struct hc_exchange *exchange,
		       const struct hc_client *client);

#endif
