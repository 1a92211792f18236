/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request and the memory that it stands in.
 *
 * State: header block and body in one inbox, or the body in a block of its own where it does not fit
 * there; freed with the answer, scrubbed as far as it was written. Threats: memory held for those who
 * announce much and send nothing (a body's pages are touched only as it comes in, and the time for it
 * is bounded), secrets left behind in freed memory.
 */
#include "http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"
#include "http/connection.h"
#include "http/request.h"

void hc_inbox_free(struct hc_inbox **inbox)
{
	if (*inbox != NULL)
		hc_scrub((*inbox)->data, (*inbox)->len);
	free(*inbox);
	*inbox = NULL;
}

void hc_exchange_free(struct hc_exchange **exchange)
{
	struct hc_exchange *old = *exchange;

	if (old == NULL)
		return;
	if (old->body != NULL)
		hc_scrub(old->body, old->body_have);
	free(old->body);
	hc_inbox_free(&old->inbox);
	free(old);
	*exchange = NULL;
}

/* Moves what is behind used bytes of the inbox to one of its own. */
static bool split(struct hc_inbox *inbox, size_t used, struct hc_inbox **ret_rest)
{
	struct hc_inbox *rest = NULL;

	*ret_rest = NULL;
	if (inbox->len <= used)
		return true;
	rest = malloc(sizeof(*rest));
	if (rest == NULL)
		return false;
	memset(&rest->scan, 0, sizeof(rest->scan));
	rest->len = inbox->len - used;
	memcpy(rest->data, inbox->data + used, rest->len);
	hc_scrub(inbox->data + used, rest->len);
	inbox->len = used;
	*ret_rest = rest;
	return true;
}

static bool place_body(struct hc_exchange *exchange, const struct hc_inbox *inbox)
{
	size_t block = inbox->scan.pos, here = inbox->len - block;

	exchange->body_len = (size_t)inbox->scan.body_len;
	exchange->body_have = here < exchange->body_len ? here : exchange->body_len;
	if (exchange->body_len <= sizeof(inbox->data) - block)
		return true;
	exchange->body = malloc(exchange->body_len);
	if (exchange->body == NULL)
		return false;
	memcpy(exchange->body, inbox->data + block, exchange->body_have);
	return true;
}

static void set_body(struct hc_exchange *exchange)
{
	const char *in_inbox = exchange->inbox->data + exchange->inbox->scan.pos;

	exchange->request.body.data = exchange->body != NULL ? exchange->body : in_inbox;
	exchange->request.body.len = exchange->body_len;
}

unsigned hc_exchange_begin(struct hc_inbox **inbox, struct hc_exchange **ret_exchange,
			   struct hc_inbox **ret_rest)
{
	/* Not cleared as a whole: the headers are 2 KiB, and the parser sets those that it counts. */
	struct hc_exchange *exchange = malloc(sizeof(*exchange));
	unsigned status = 0;

	if (exchange == NULL)
		return 503;
	memset(exchange, 0, offsetof(struct hc_exchange, request));
	status = hc_request_parse(&(*inbox)->scan, (*inbox)->data, &exchange->request, &exchange->keep_alive);
	if (status == 0 && (!place_body(exchange, *inbox) ||
			    !split(*inbox, (*inbox)->scan.pos + exchange->body_have, ret_rest)))
		status = 503;
	if (status != 0) {
		hc_exchange_free(&exchange);
		return status;
	}
	exchange->inbox = hc_steal_ptr(inbox);
	if (exchange->body_have == exchange->body_len)
		set_body(exchange);
	*ret_exchange = exchange;
	return 0;
}

char *hc_exchange_space(struct hc_exchange *exchange, size_t *ret_missing)
{
	struct hc_inbox *inbox = exchange->inbox;

	*ret_missing = exchange->body_len - exchange->body_have;
	return exchange->body != NULL ? exchange->body + exchange->body_have
				      : inbox->data + inbox->scan.pos + exchange->body_have;
}

void hc_exchange_received(struct hc_exchange *exchange, size_t len)
{
	exchange->body_have += len;
	if (exchange->body == NULL)
		exchange->inbox->len += len;
	if (exchange->body_have == exchange->body_len)
		set_body(exchange);
}

/* ---- what handlers see ---- */

const struct hc_http_request *hc_exchange_request(const struct hc_exchange *exchange)
{
	return &exchange->request;
}

struct hc_loop *hc_exchange_loop(const struct hc_exchange *exchange)
{
	return exchange->loop;
}

void hc_exchange_reply(struct hc_exchange *exchange, unsigned status, const char *const *headers,
		       const void *body, size_t len, bool sensitive)
{
	struct hc_http_connection *connection = exchange->connection;

	if (connection != NULL)
		hc_http_connection_answer(connection, status, headers,
					  &(struct hc_view){.data = body, .len = len}, sensitive);
	hc_exchange_free(&exchange);
}
