/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "http/cookie.h"
#include "http/exchange.h"
#include "http/route.h"
#include "http/url.h"

/*
 * The reader of requests from end to end, on memory: scan, parser, body, pipelined rest, routes. The
 * first byte says where the input is cut in two: in how many pieces a request comes must not matter.
 * Accepted: every view lies inside of the request, and what is written again from its parts is read
 * as the same request.
 */
enum { REBUILT_MAX = HC_HTTP_HEADER_BYTES_MAX + 512 };

static struct hc_inbox *inbox_of(const uint8_t *data, size_t size)
{
	struct hc_inbox *inbox = calloc(1, sizeof(*inbox));

	if (inbox == NULL)
		abort();
	inbox->len = size < sizeof(inbox->data) ? size : sizeof(inbox->data);
	if (inbox->len > 0)
		memcpy(inbox->data, data, inbox->len);
	return inbox;
}

static enum hc_prescan_result scan_in_pieces(const struct hc_inbox *inbox, size_t cut,
					     struct hc_prescan *scan)
{
	enum hc_prescan_result result = HC_PRESCAN_MORE;

	*scan = (struct hc_prescan){.pos = 0};
	result = hc_prescan_step(scan, inbox->data, cut < inbox->len ? cut : inbox->len);
	if (result == HC_PRESCAN_MORE)
		result = hc_prescan_step(scan, inbox->data, inbox->len);
	return result;
}

static void check_inside(struct hc_view view, const char *from, size_t len)
{
	FUZZ_REQUIRE(view.data >= from && view.len <= len && (size_t)(view.data - from) <= len - view.len);
	FUZZ_REQUIRE(memchr(view.data, '\0', view.len) == NULL && memchr(view.data, '\r', view.len) == NULL &&
		     memchr(view.data, '\n', view.len) == NULL);
}

static size_t append(char *out, size_t at, struct hc_view view, const char *behind)
{
	FUZZ_REQUIRE(at + view.len + strlen(behind) < REBUILT_MAX);
	memcpy(out + at, view.data, view.len);
	at += view.len;
	while (*behind != '\0')
		out[at++] = *behind++;
	return at;
}

/* The request written again from its parts, with one method for all. */
static size_t rebuild(const struct hc_http_request *request, bool version_1_1, char *out)
{
	size_t at = append(out, 0, (struct hc_view){.data = "POST", .len = 4}, " ");

	at = append(out, at, request->path, "?");
	at = append(out, at, request->query, version_1_1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
	for (size_t i = 0; i < request->header_count; i++) {
		at = append(out, at, request->headers[i].name, ":");
		at = append(out, at, request->headers[i].value, "\r\n");
	}
	return append(out, at, (struct hc_view){.data = "", .len = 0}, "\r\n");
}

static void check_same(const struct hc_exchange *exchange)
{
	static char block[REBUILT_MAX];
	const struct hc_http_request *request = &exchange->request;
	size_t len = rebuild(request, exchange->inbox->scan.version_1_1, block);
	struct hc_inbox *again = NULL;
	struct hc_exchange *second = NULL;
	struct hc_inbox *rest = NULL;

	if (len > HC_HTTP_HEADER_BYTES_MAX)
		return;
	again = inbox_of((const uint8_t *)block, len);
	FUZZ_REQUIRE(hc_prescan_step(&again->scan, again->data, again->len) == HC_PRESCAN_WHOLE);
	FUZZ_REQUIRE(hc_exchange_begin(&again, &second, &rest) == 0 && again == NULL && rest == NULL);
	FUZZ_REQUIRE(second->request.header_count == request->header_count);
	FUZZ_REQUIRE(second->body_len == exchange->body_len && second->keep_alive == exchange->keep_alive);
	for (size_t i = 0; i < request->header_count; i++) {
		const struct hc_http_header *a = &request->headers[i], *b = &second->request.headers[i];

		FUZZ_REQUIRE(a->name.len == b->name.len &&
			     memcmp(a->name.data, b->name.data, a->name.len) == 0);
		FUZZ_REQUIRE(a->value.len == b->value.len &&
			     memcmp(a->value.data, b->value.data, a->value.len) == 0);
	}
	hc_exchange_free(&second);
}

static void nobody(struct hc_exchange *exchange, void *app)
{
	(void)exchange;
	(void)app;
}

/* What handlers do with every request. */
static void use(const struct hc_http_request *request)
{
	static const struct hc_http_route routes[] = {{"/", HC_HTTP_GET, nobody}, {.path = NULL}};
	struct hc_route_found found;
	struct hc_params params;
	struct hc_view value;

	hc_route_find(routes, NULL, request, &found);
	FUZZ_REQUIRE(found.handler != NULL || found.status == 404 || found.status == 405);
	if (hc_params_parse(request->query.data, request->query.len, &params) == HC_OK)
		hc_params_clear(&params);
	if (hc_http_request_is_form(request) &&
	    hc_params_parse(request->body.data, request->body.len, &params) == HC_OK)
		hc_params_clear(&params);
	if (hc_cookie_find(request, "a", &value) == HC_OK)
		check_inside(value, request->path.data, HC_HTTP_HEADER_BYTES_MAX);
}

static void check_request(const struct hc_exchange *exchange)
{
	const struct hc_http_request *request = &exchange->request;
	const char *block = exchange->inbox->data;
	size_t len = exchange->inbox->scan.pos;

	FUZZ_REQUIRE(request->header_count <= HC_HTTP_HEADERS_MAX && len <= HC_HTTP_HEADER_BYTES_MAX);
	FUZZ_REQUIRE(exchange->body_len <= HC_HTTP_BODY_MAX);
	FUZZ_REQUIRE(request->path.len > 0 && request->path.data[0] == '/');
	check_inside(request->path, block, len);
	check_inside(request->query, block, len);
	for (size_t i = 0; i < request->header_count; i++) {
		FUZZ_REQUIRE(request->headers[i].name.len > 0);
		check_inside(request->headers[i].name, block, len);
		if (request->headers[i].value.len > 0)
			check_inside(request->headers[i].value, block, len);
	}
	check_same(exchange);
}

/* The rest of the body, as far as the input goes; returns whether it is whole. */
static bool receive_body(struct hc_exchange *exchange, const uint8_t *data, size_t size)
{
	size_t missing = 0;
	char *space = hc_exchange_space(exchange, &missing);
	size_t len = size < missing ? size : missing;

	if (len > 0) {
		memcpy(space, data, len);
		hc_exchange_received(exchange, len);
	}
	return exchange->body_have == exchange->body_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_exchange *exchange = NULL;
	struct hc_inbox *inbox = NULL, *rest = NULL;
	struct hc_prescan pieces;
	enum hc_prescan_result result = HC_PRESCAN_MORE;
	size_t cut = size > 0 ? data[0] : 0;
	unsigned status = 0;

	if (size > 0) {
		data++;
		size--;
	}
	inbox = inbox_of(data, size);
	result = hc_prescan_step(&inbox->scan, inbox->data, inbox->len);
	FUZZ_REQUIRE(scan_in_pieces(inbox, cut, &pieces) == result);
	FUZZ_REQUIRE(result != HC_PRESCAN_REFUSED ||
		     (inbox->scan.status >= 400 && pieces.status == inbox->scan.status));
	FUZZ_REQUIRE(result != HC_PRESCAN_MORE || inbox->len < sizeof(inbox->data));
	if (result == HC_PRESCAN_WHOLE) {
		size_t used = inbox->len;

		status = hc_exchange_begin(&inbox, &exchange, &rest);
		FUZZ_REQUIRE(status == 0 || status == 400 || status == 501);
		FUZZ_REQUIRE((status == 0) == (inbox == NULL));
		if (status == 0) {
			check_request(exchange);
			FUZZ_REQUIRE(rest == NULL || exchange->body_have == exchange->body_len);
			if (receive_body(exchange, data + used, rest == NULL ? size - used : 0))
				use(&exchange->request);
		}
	}
	hc_exchange_free(&exchange);
	hc_inbox_free(&inbox);
	hc_inbox_free(&rest);
	return 0;
}
