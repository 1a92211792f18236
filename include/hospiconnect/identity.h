/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_IDENTITY_H
#define HC_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Names, parsed once at the edge of the program and passed as types from there on.
 *
 * Every parser takes a borrowed byte string of known length (not NUL-terminated) and writes its
 * output only on success: HC_ERR_TOOBIG beyond the maximum, HC_ERR_INVALID outside the grammar.
 * The contents of a parsed type are NUL-terminated. Nothing here blocks, allocates or resolves.
 */
#define HC_LOGIN_MAX	     64
#define HC_SERVICE_MAX	     64
#define HC_TTY_MAX	     64
#define HC_HOST_MAX	     255
#define HC_NATIONAL_ID_MAX   64
#define HC_LABEL_MAX	     128
#define HC_CREDENTIAL_ID_LEN 12

/*
 * A login: [a-z0-9_][a-z0-9_.-]{0,63}, not "." or "..", and not digits only (it would pass for a
 * uid). Upper case, '@', '/', control bytes and non-ASCII are refused.
 */
struct hc_login {
	char text[HC_LOGIN_MAX + 1];
};
HC_CHECK enum hc_err hc_login_parse(const void *data, size_t len, struct hc_login *ret_login);

/* A PAM service name: [A-Za-z0-9][A-Za-z0-9_.@-]{0,63}. */
struct hc_service {
	char text[HC_SERVICE_MAX + 1];
};
HC_CHECK enum hc_err hc_service_parse(const void *data, size_t len, struct hc_service *ret_service);

/* A terminal name, empty allowed: printable ASCII without space, at most 63 bytes. */
struct hc_tty {
	char text[HC_TTY_MAX + 1];
};
HC_CHECK enum hc_err hc_tty_parse(const void *data, size_t len, struct hc_tty *ret_tty);

/* A remote host as the service named it, empty allowed: printable ASCII without space. Never resolved. */
struct hc_host {
	char text[HC_HOST_MAX + 1];
};
HC_CHECK enum hc_err hc_host_parse(const void *data, size_t len, struct hc_host *ret_host);

/*
 * A national identifier of a professional (PS_IdNat): one type digit and the identifier. Type 8
 * (RPPS) is '8' and 11 digits whose Luhn sum over those 11 holds; anything else is opaque text of
 * [A-Za-z0-9/._-]{1,64}.
 */
struct hc_national_id {
	char text[HC_NATIONAL_ID_MAX + 1];
};
HC_CHECK enum hc_err hc_national_id_parse(const void *data, size_t len, struct hc_national_id *ret_id);

/* A display name (person, organisation, label, reason): valid UTF-8, no control characters, at most 128 bytes. */
struct hc_label {
	char text[HC_LABEL_MAX + 1];
};
HC_CHECK enum hc_err hc_label_parse(const void *data, size_t len, struct hc_label *ret_label);

/* A credential's id: 12 characters of [a-z2-7]. */
struct hc_credential_id {
	char text[HC_CREDENTIAL_ID_LEN + 1];
};
HC_CHECK enum hc_err hc_credential_id_parse(const void *data, size_t len, struct hc_credential_id *ret_id);

/*
 * hc_utf8_valid: well-formed UTF-8 (RFC 3629) without C0 and C1 control characters and without
 * the bidirectional controls U+202A-U+202E and U+2066-U+2069, which make a text read as another.
 */
bool hc_utf8_valid(const void *data, size_t len);

#endif
