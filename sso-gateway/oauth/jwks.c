/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public keys (RFC 7517). State: the worker's keyring. An application that meets an unknown kid asks
 * again; a new key is published a while before it signs, so an answer may be kept for some minutes.
 */
#include <string.h>

#include "gateway.h"
#include "oauth/handlers.h"
#include "oauth/keyring.h"

void hc_handle_jwks(struct hc_exchange *exchange, void *app)
{
	static const char *const headers[] = {"Content-Type",
					      "application/json",
					      "Cache-Control",
					      "public, max-age=300",
					      "Access-Control-Allow-Origin",
					      "*",
					      "X-Content-Type-Options",
					      "nosniff",
					      "Strict-Transport-Security",
					      "max-age=31536000",
					      NULL};
	const struct hc_worker *worker = app;
	const char *text = hc_keyring_jwks(worker->keyring);

	hc_exchange_reply(exchange, 200, headers, text, strlen(text), false);
}
