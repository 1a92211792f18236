/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets: made, and read back into what the store can look for. No state.
 *
 * Threats: a text of another length or alphabet that stands for the same value (decoding is strict, the
 * hash is over the text's own bytes), a truncated token (the length is constant), a guess (256
 * random bits; that the id can be guessed helps nobody, the hash must be equal).
 */
#include "ticket.h"

#include <string.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "jose/b64url.h"

#define ID_BYTES 7
#define ID_MAX	 ((INT64_C(1) << 56) - 1)

enum hc_err hc_ticket_make(int64_t id, struct hc_ticket *ret_ticket, struct hc_ticket_ref *ret_ref)
{
	uint8_t raw[HC_TICKET_BYTES];
	HC_TICKET(ticket);
	struct hc_ticket_ref ref = {.id = id};

	if (id < 1 || id > ID_MAX)
		return HC_ERR_INVALID;
	for (size_t i = 0; i < ID_BYTES; i++)
		raw[i] = (uint8_t)(id >> (8 * (ID_BYTES - 1 - i)));
	enum hc_err err = hc_random(raw + ID_BYTES, sizeof(raw) - ID_BYTES);
	if (err == HC_OK) {
		hc_b64url_encode(raw, sizeof(raw), ticket.text);
		err = hc_sha256(ticket.text, HC_TICKET_LEN, ref.hash);
	}
	hc_scrub(raw, sizeof(raw));
	if (err != HC_OK)
		return err;
	*ret_ticket = ticket;
	*ret_ref = ref;
	return HC_OK;
}

enum hc_err hc_ticket_parse(const void *text, size_t len, struct hc_ticket_ref *ret_ref)
{
	uint8_t raw[HC_TICKET_BYTES] = {0};
	struct hc_ticket_ref ref = {.id = 0};
	size_t raw_len = 0;

	if (len != HC_TICKET_LEN)
		return HC_ERR_INVALID;
	enum hc_err err = hc_b64url_decode(text, len, raw, sizeof(raw), &raw_len);
	if (err == HC_OK && raw_len != sizeof(raw))
		err = HC_ERR_INVALID;
	for (size_t i = 0; i < ID_BYTES; i++)
		ref.id = ref.id << 8 | raw[i];
	if (err == HC_OK && ref.id < 1)
		err = HC_ERR_INVALID;
	if (err == HC_OK)
		err = hc_sha256(text, len, ref.hash);
	hc_scrub(raw, sizeof(raw));
	if (err == HC_OK)
		*ret_ref = ref;
	return err;
}

void hc_ticket_clear(struct hc_ticket *ticket)
{
	hc_scrub(ticket, sizeof(*ticket));
}
