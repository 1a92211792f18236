/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TICKET_H
#define HC_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * The text that a browser or a client holds: authorization code, opaque access token, refresh token,
 * session cookie. 7 bytes of the row's id (hc_gstore_new_id: the time, not a secret) and 256 random bits,
 * in base64url: always HC_TICKET_LEN characters. The store keeps the id and SHA-256 of the whole text;
 * a row is found by its id and counts only if the hash is equal. Which kind a ticket is of is decided
 * by the table where it is looked for.
 */
#define HC_TICKET_BYTES 39
#define HC_TICKET_LEN	52

/* The secret itself: as short-lived as the answer that carries it, scrubbed by hc_ticket_clear. */
struct hc_ticket {
	char text[HC_TICKET_LEN + 1];
};

/* What the store knows of it. Not a secret. */
struct hc_ticket_ref {
	int64_t id;
	uint8_t hash[32];
};

/* hc_ticket_make: id from hc_gstore_new_id. HC_ERR_INVALID outside of 1 … 2^56 - 1, HC_ERR_CRYPTO. */
HC_CHECK enum hc_err hc_ticket_make(int64_t id, struct hc_ticket *ret_ticket, struct hc_ticket_ref *ret_ref);

/*
 * hc_ticket_parse: what came from outside. HC_ERR_INVALID unless it is exactly HC_TICKET_LEN characters
 * as hc_ticket_make writes them. Says nothing about whether such a ticket was ever made.
 */
HC_CHECK enum hc_err hc_ticket_parse(const void *text, size_t len, struct hc_ticket_ref *ret_ref);

void hc_ticket_clear(struct hc_ticket *ticket);
#define HC_TICKET(name) struct hc_ticket name HC_CLEANUP(hc_ticket_clear) = {{0}}

#endif
