/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_IMPORT_U2F_LINE_H
#define HC_IMPORT_U2F_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/identity.h"

/*
 * One line of a mapping file of pam-u2f: LOGIN:KEY[:KEY…], a KEY being
 *
 *   HANDLE,PUBLIC                     pam-u2f before 1.1: the public key in hexadecimal, a touch
 *   HANDLE,PUBLIC,TYPE[,OPTIONS]      from 1.1 on: es256, eddsa or rs256; +presence, +verification, +pin
 *
 * HANDLE and PUBLIC are base64 in either alphabet, padded or not; the HANDLE "*": the key finds it by itself. Pure;
 * every byte is hostile.
 */
#define HC_U2F_LINE_MAX 32768 /* bytes */
#define HC_U2F_KEYS_MAX 16    /* of one person */

struct hc_u2f_key {
	uint8_t id[HC_FIDO_CREDENTIAL_MAX];
	size_t id_len;		      /* 0: "*" */
	uint8_t key[HC_FIDO_KEY_MAX]; /* COSE_Key */
	size_t key_len;
	bool verifies; /* pam-u2f asks for PIN or fingerprint */
};

/* Why a line is of no use; NONE: it is. */
enum hc_u2f_fault {
	HC_U2F_NONE = 0,
	HC_U2F_NO_LOGIN,  /* nothing before the first colon that is a login */
	HC_U2F_NO_KEYS,	  /* nobody could sign in with it at pam-u2f either */
	HC_U2F_TOO_MANY,  /* more than HC_U2F_KEYS_MAX */
	HC_U2F_MALFORMED, /* not as above */
	HC_U2F_BAD_KEY,	  /* a public key that is none */
	HC_U2F_UNKNOWN	  /* a type or an option that is not known */
};

struct hc_u2f_line {
	struct hc_login login; /* as far as it could be read */
	struct hc_u2f_key keys[HC_U2F_KEYS_MAX];
	size_t count;
	size_t bad; /* which key is at fault, from 1; 0: the line */
};

/* hc_u2f_line_blank: nothing stands there, or a comment. */
bool hc_u2f_line_blank(const char *text, size_t len);

/* hc_u2f_line_login: the login alone. False: there is none. */
bool hc_u2f_line_login(const char *text, size_t len, struct hc_login *ret_login);

/* hc_u2f_line_read: a line without its end. With a fault nothing but login and bad are to be used. */
enum hc_u2f_fault hc_u2f_line_read(const char *text, size_t len, struct hc_u2f_line *ret_line);

/* hc_u2f_is_ssh: the file is a private key of OpenSSH, which pam-u2f can read as well (sshformat). */
bool hc_u2f_is_ssh(const char *text, size_t len);

#endif
