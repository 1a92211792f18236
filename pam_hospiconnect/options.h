/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_OPTIONS_H
#define HC_PAM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/broker_client.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/text.h"

/*
 * Arguments of a line in a PAM stack:
 *
 *   socket=PATH                        default HC_RUN_DIR "/auth.sock"
 *   mode=primary|second-factor         default primary
 *   methods=cps,fido2,totp,recovery    default all four
 *   exempt=USER,...                    default root; empty: nobody
 *   exempt_remote                      exempt= holds for remote sign-ins, too
 *   timeout=SECONDS                    5 to 600, default 60
 *   lang=fr|en                         where neither PAM nor the environment names a language
 */
#define HC_TIMEOUT_MIN_S     5
#define HC_TIMEOUT_MAX_S     600
#define HC_TIMEOUT_DEFAULT_S 60
#define HC_SOCKET_PATH_MAX   107

struct hc_options {
	const char *socket; /* borrowed, as all text here, from argv or static */
	enum hc_broker_peer peer;
	enum hc_mode mode;
	uint32_t methods;
	const char *exempt;
	bool exempt_remote;
	uint32_t timeout_s;
	bool lang_known;
	enum hc_lang lang; /* only where lang_known */
};

/* What was wrong: the argument (borrowed from argv) and why (static English). */
struct hc_options_error {
	const char *argument;
	const char *why;
};

/*
 * hc_options_parse: an unknown, malformed or repeated argument is HC_ERR_INVALID, explained in
 * ret_error; ret_options is untouched then.
 */
HC_CHECK enum hc_err hc_options_parse(int argc, const char *const *argv, struct hc_options *ret_options,
				      struct hc_options_error *ret_error);

/*
 * hc_options_exempt: whether exempt= names the user. remote: the host gave a PAM_RHOST; exempt=
 * is void then unless exempt_remote. user is compared as it is, whatever its grammar.
 */
bool hc_options_exempt(const struct hc_options *options, const char *user, bool remote);

#endif
