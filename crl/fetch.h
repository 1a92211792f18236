/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CRL_FETCH_H
#define HC_CRL_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* One file of the web, over libcurl. Nothing that comes is believed: the caller verifies it. */
#define HC_FETCH_TAG_MAX 127

struct hc_fetch_limits {
	int64_t connect_timeout_s, timeout_s;
	size_t max_size;
	const char *proxy; /* "": none, whatever the environment says */
};

/* What makes an answer recognisable the next time, as its server said it; empty: nothing. */
struct hc_fetch_tags {
	char etag[HC_FETCH_TAG_MAX + 1], last_modified[HC_FETCH_TAG_MAX + 1];
};

struct hc_fetch_answer {
	bool not_modified; /* the one that tags stand for is the newest */
	uint8_t *data;	   /* owned: hc_fetch_answer_clear */
	size_t len;
	struct hc_fetch_tags tags;
	char why[256]; /* on failure, English, for the log */
};

/*
 * hc_fetch: blocks until the limits end it. tags: NULL, or of the one that is there already. At most two
 * redirects, to http and https alone, from https never to http. HC_ERR_TIMEOUT, HC_ERR_TOOBIG, HC_ERR_AWAY
 * (no answer), HC_ERR_CLOSED (not whole), HC_ERR_NOTFOUND (another status than 200 and 304), HC_ERR_PROTOCOL
 * (redirects, TLS, nonsense), HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_fetch(const char *url, const struct hc_fetch_tags *tags,
			      const struct hc_fetch_limits *limits, struct hc_fetch_answer *answer);
void hc_fetch_answer_clear(struct hc_fetch_answer *answer);

/* hc_fetch_start, hc_fetch_end: once a process, around all others. */
HC_CHECK enum hc_err hc_fetch_start(void);
void hc_fetch_end(void);

#endif
