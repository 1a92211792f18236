/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HTTP_H
#define HC_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * The HTTP/1.1 server: knows connections, TLS, limits and routes; nothing of OAuth. A request is
 * handed over whole (header block within the limits, body complete) as an exchange, which is
 * answered exactly once, now or later, on the loop that it came from.
 *
 * Strictness (RFC 9112): the header block is scanned before the parser sees it. Control bytes, bare CR
 * or LF, folding, space before a colon, Content-Length beside Transfer-Encoding, either of them or Host
 * twice, a target that is not origin-form: 400 and closed. Chunked bodies: 501 and closed. Pipelined
 * requests are served in order, one exchange at a time.
 */
#define HC_HTTP_HEADERS_MAX	 64
#define HC_HTTP_HEADER_BYTES_MAX 8192
#define HC_HTTP_BODY_MAX	 65536

enum hc_http_method { HC_HTTP_GET = 1, HC_HTTP_HEAD = 2, HC_HTTP_POST = 4, HC_HTTP_OTHER = 8 };

struct hc_view {
	const char *data; /* borrowed, not terminated */
	size_t len;
};

struct hc_http_header {
	struct hc_view name; /* as sent; compared without case */
	struct hc_view value;
};

struct hc_http_request {
	enum hc_http_method method;
	struct hc_view path;  /* raw, no decoding: routes match it exactly */
	struct hc_view query; /* raw, without '?'; empty: none */
	struct hc_http_header headers[HC_HTTP_HEADERS_MAX];
	size_t header_count;
	struct hc_view body;
	char peer[46]; /* the client's address as text */
	bool tls;
};

struct hc_exchange;
struct hc_loop;

/* hc_exchange_request: borrowed until the exchange is answered. */
const struct hc_http_request *hc_exchange_request(const struct hc_exchange *exchange);
struct hc_loop *hc_exchange_loop(const struct hc_exchange *exchange);

/* hc_http_header_find: the value of the one header of that name; false if there is none or more than one. */
bool hc_http_header_find(const struct hc_http_request *request, const char *name, struct hc_view *ret_value);

/* hc_http_request_is_form: whether the one Content-Type is application/x-www-form-urlencoded (UTF-8). */
bool hc_http_request_is_form(const struct hc_http_request *request);

/*
 * hc_exchange_reply: answers and ends the exchange (the pointer is dead afterwards). On the thread of
 * its loop, inside of the handler or later. headers: pairs name, value, borrowed, NULL-terminated
 * (NULL: none); Content-Length, Date, Connection and Transfer-Encoding are the server's own. A name
 * that is no token, one of those four, or a value with a control byte is a programming error and
 * aborts. The body is copied (left out for HEAD) and, with sensitive, the whole answer is scrubbed
 * once sent. If the client or the server has gone in the meantime this only frees.
 */
void hc_exchange_reply(struct hc_exchange *exchange, unsigned status, const char *const *headers,
		       const void *body, size_t len, bool sensitive);

typedef void (*hc_http_handler_fn)(struct hc_exchange *exchange, void *app);

struct hc_http_route {
	const char *path; /* NULL ends the table; rows of one path differ in their methods */
	unsigned methods; /* bits of enum hc_http_method; HEAD is answered where GET is */
	hc_http_handler_fn handler;
};

struct hc_http_limits {
	unsigned connections;		  /* of all clients, a loop; at least 1 */
	unsigned connections_per_address; /* a loop; IPv6 by /64; 0: no limit of its own */
	/* All at least 1. header, body and write are totals, whatever trickles in meanwhile. */
	int64_t tls_handshake_timeout_ms, header_timeout_ms, body_timeout_ms, idle_timeout_ms,
		write_timeout_ms;
};

struct hc_http_tls; /* certificate, key and ticket keys in use; exchanged as a whole on reload */
struct hc_http_server;

/*
 * hc_http_tls_load: PEM certificate chain (leaf first, nobody but its owner may write it) and its
 * key (owned by us or root, not writable by the group, nothing for others, not encrypted). TLS 1.2
 * and 1.3 with forward secrecy and AEAD. The keys of session tickets live in this object only: load
 * anew daily, so that no key is older. ret_why: a static English phrase on failure.
 * HC_ERR_NOTFOUND, HC_ERR_PERM, HC_ERR_INVALID, HC_ERR_TOOBIG, HC_ERR_CRYPTO, HC_ERR_IO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_http_tls_load(const char *certificate, const char *key, struct hc_http_tls **ret_tls,
				      const char **ret_why);
/* hc_http_tls_ref, _unref: from any thread. */
struct hc_http_tls *hc_http_tls_ref(struct hc_http_tls *tls);
void hc_http_tls_unref(struct hc_http_tls **tls);
/* hc_http_tls_expires: the first instant at which the certificate is no longer valid; 0 if it cannot be said. */
int64_t hc_http_tls_expires(const struct hc_http_tls *tls);
/* hc_http_tls_names: whether the certificate is for that host: a DNS name, or an address without brackets. */
bool hc_http_tls_names(const struct hc_http_tls *tls, const char *host);
/* hc_http_tls_self_made: whether the certificate was signed with its own key, by no authority. */
bool hc_http_tls_self_made(const struct hc_http_tls *tls);

/*
 * hc_http_server_new: one listener on one loop (SO_REUSEPORT, so that each loop has its own).
 * address: "127.0.0.1:8443", "[::]:443" (IPv6 alone); port 0: any. tls: borrowed, NULL: plain HTTP.
 * routes, app: borrowed. not_found answers what no route matches (NULL: a plain 404).
 * HC_ERR_INVALID: the address; HC_ERR_PERM, HC_ERR_EXISTS (in use), HC_ERR_IO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_http_server_new(struct hc_loop *loop, const char *address, struct hc_http_tls *tls,
					const struct hc_http_route *routes, hc_http_handler_fn not_found,
					void *app, const struct hc_http_limits *limits,
					struct hc_http_server **ret_server);

/* hc_http_server_port: the port that it listens on. */
uint16_t hc_http_server_port(const struct hc_http_server *server);

/* hc_http_server_set_tls: for connections accepted from now on; tls borrowed. On the loop's thread. */
void hc_http_server_set_tls(struct hc_http_server *server, struct hc_http_tls *tls);

/*
 * hc_http_server_drain: accepts no more, closes idle connections, finishes the rest within grace_ms
 * and then closes them. drained (NULL: none) runs once on the loop's thread when the last one has
 * gone, not inside of this call; the server may be freed in it. On the loop's thread, once.
 */
void hc_http_server_drain(struct hc_http_server *server, int64_t grace_ms, void (*drained)(void *ctx),
			  void *ctx);

/* hc_http_server_free: closes every connection; open exchanges live on until they are answered. */
void hc_http_server_free(struct hc_http_server **server);

/* Since the start, for metrics. On the loop's thread. */
struct hc_http_counts {
	unsigned connections, idle, exchanges; /* at this moment; exchanges: handed over, not answered */
	uint64_t accepted, over_limit, evicted, handshakes_failed, timed_out;
	uint64_t requests; /* handed over */
	uint64_t refused;  /* answered by the server itself, with an error */
};
void hc_http_server_counts(const struct hc_http_server *server, struct hc_http_counts *ret_counts);

#endif
