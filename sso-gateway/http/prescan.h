/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PRESCAN_H
#define HC_PRESCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The strict scan of a header block, which stands before the parser: whatever two readers of HTTP
 * could understand differently is refused here (RFC 9112 sections 2.2, 5, 6 and 11.2).
 *
 * One pass over the bytes as they come in; a byte is looked at once, and refused as soon as it is
 * seen. Pure: nothing is allocated or kept of the data but numbers.
 */
struct hc_prescan {
	size_t pos;   /* bytes looked at; once whole: the length of the block with its empty line */
	size_t line;  /* where the line at pos begins */
	size_t colon; /* end of the field's name in that line; 0: not seen yet */
	unsigned fields, hosts, lengths, encodings, expects;
	uint64_t body_len;    /* Content-Length; HC_HTTP_BODY_MAX + 1 for anything longer */
	bool version_1_1;     /* else 1.0 */
	bool expect_continue; /* 100-continue is waited for */
	unsigned status;      /* why it was refused */
};

enum hc_prescan_result {
	HC_PRESCAN_MORE,   /* fine so far, and not complete */
	HC_PRESCAN_WHOLE,  /* the block is complete and may be parsed */
	HC_PRESCAN_REFUSED /* status says with what: 400, 413, 414, 417, 431, 501, 505 */
};

/* hc_prescan_step: data is everything received so far, from the first byte of the request on. */
enum hc_prescan_result hc_prescan_step(struct hc_prescan *scan, const char *data, size_t len);

#endif
