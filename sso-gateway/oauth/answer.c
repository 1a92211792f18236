/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers for programs. No state. Threat: a token that stays in a cache or in memory; so everything
 * here says no-store and is scrubbed once sent.
 */
#include "oauth/answer.h"

#include <stdbool.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "oauth/json_out.h"

#define JSON "Content-Type", "application/json"
#define NOT_KEPT                                                                                \
	"Cache-Control", "no-store", "Pragma", "no-cache", "X-Content-Type-Options", "nosniff", \
		"Strict-Transport-Security", "max-age=31536000"
#define ERROR_TEXT_MAX 512

void hc_answer_json(struct hc_exchange *exchange, const char *json, size_t len)
{
	static const char *const headers[] = {JSON, NOT_KEPT, NULL};

	hc_exchange_reply(exchange, 200, headers, json, len, true);
}

void hc_answer_empty(struct hc_exchange *exchange)
{
	static const char *const headers[] = {NOT_KEPT, NULL};

	hc_exchange_reply(exchange, 200, headers, NULL, 0, false);
}

static void answer_with(struct hc_exchange *exchange, unsigned status, const char *const *headers,
			const char *error, const char *description)
{
	char text[ERROR_TEXT_MAX];
	struct hc_json_out out;
	size_t len = 0;

	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	hc_json_text(&out, "error", error);
	hc_json_text(&out, "error_description", description);
	hc_json_object_end(&out);
	if (hc_json_end(&out, &len) != HC_OK)
		len = 0; /* a constant of ours that is too long: the status says enough */
	hc_exchange_reply(exchange, status, headers, text, len, true);
}

void hc_answer_error(struct hc_exchange *exchange, unsigned status, const char *error,
		     const char *description)
{
	static const char *const headers[] = {JSON, NOT_KEPT, NULL};

	answer_with(exchange, status, headers, error, description);
}

void hc_answer_challenge(struct hc_exchange *exchange, unsigned status, const char *challenge,
			 const char *error, const char *description)
{
	const char *const headers[] = {JSON, NOT_KEPT, "WWW-Authenticate", challenge, NULL};

	answer_with(exchange, status, headers, error, description);
}

static bool is_passing(enum hc_err err)
{
	switch (err) {
	case HC_ERR_AWAY:
	case HC_ERR_TIMEOUT:
	case HC_ERR_PEER:
	case HC_ERR_PROTOCOL:
	case HC_ERR_CLOSED:
	case HC_ERR_FULL:
	case HC_ERR_NOMEM:
		return true;
	case HC_OK:
	case HC_ERR_INVALID:
	case HC_ERR_TOOBIG:
	case HC_ERR_NOTFOUND:
	case HC_ERR_EXISTS:
	case HC_ERR_STATE:
	case HC_ERR_PERM:
	case HC_ERR_IO:
	case HC_ERR_SEAL:
	case HC_ERR_CRYPTO:
	case HC_ERR_CORRUPT:
	case HC_ERR_MAX_:
		return false;
	}
	return false;
}

void hc_answer_trouble(struct hc_exchange *exchange, enum hc_err err)
{
	static const char *const later[] = {JSON, NOT_KEPT, "Retry-After", "5", NULL};

	if (is_passing(err)) {
		answer_with(exchange, 503, later, "temporarily_unavailable", "try again in a moment");
		return;
	}
	/* The store has told its own failures already. */
	if (err != HC_ERR_IO && err != HC_ERR_CORRUPT)
		hc_log(HC_LOG_ERROR, "cannot answer a request", HC_F_TEXT("error", hc_strerror(err)));
	hc_answer_error(exchange, 500, "server_error", "the request could not be served");
}
