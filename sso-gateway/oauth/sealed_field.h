/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SEALED_FIELD_H
#define HC_SEALED_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"

/*
 * What a hidden field carries: bytes sealed with the process's own key, for one purpose (label) and one
 * browser (binding: SHA-256 of the cookie that it holds). Whoever has the field and not the cookie has
 * nothing.
 */
#define HC_FIELD_PLAIN_MAX 6144
#define HC_FIELD_TEXT_MAX  8256 /* base64url of it, sealed, with the NUL */

struct hc_sealed_purpose {
	const struct hc_seal *seal;
	const char *label; /* static: "hospiconnect … v1" */
	uint8_t binding[HC_SHA256_LEN];
};

/* hc_sealed_field_make: len bytes (1 to HC_FIELD_PLAIN_MAX); ret_text: transferred, NUL-terminated. */
HC_CHECK enum hc_err hc_sealed_field_make(const struct hc_sealed_purpose *purpose, const void *data,
					  size_t len, char **ret_text);

/*
 * hc_sealed_field_open: what a browser sent. HC_ERR_SEAL for anything that was not made for the same purpose by
 * this process; HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_sealed_field_open(const struct hc_sealed_purpose *purpose, const char *text,
					  size_t len, struct hc_secret **ret_plain);

/*
 * The texts inside: each behind its length (2 bytes). hc_field_get_text: false for one that does not fit
 * with its NUL, or has a NUL inside.
 */
void hc_field_put_text(struct hc_writer *writer, const char *text);
bool hc_field_get_text(struct hc_reader *reader, char *out, size_t cap);

#endif
