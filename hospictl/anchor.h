/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ANCHOR_H
#define HC_ANCHOR_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

#include "json.h"

/*
 * A signed head of the audit trail, as "audit head" prints it and as it is kept elsewhere:
 * {"seq": 12, "time": "2026-01-02T03:04:05.678Z", "hash": "…", "public_key": "…", "signature": "…"}
 */
struct hc_anchor {
	uint64_t seq;
	uint64_t time_ms;
	uint8_t hash[32];
	uint8_t public_key[32];
	uint8_t signature[64];
};

#define HC_ANCHORS_MAX 1024

/*
 * hc_anchor_parse: the heads in text: one object, several one after another, or an array of them; also
 * the lines in which the broker sends its heads to the system log ("audit-head seq=…"), one a line.
 * ret_anchors: room for HC_ANCHORS_MAX; ret_count at least 1. HC_ERR_INVALID for anything that is
 * not exactly such a head (ret_line: the line where it stands), HC_ERR_TOOBIG for too many.
 */
HC_CHECK enum hc_err hc_anchor_parse(const char *text, size_t len, struct hc_anchor *ret_anchors,
				     size_t *ret_count, int *ret_line);

/* hc_anchor_from_row, _put, _print: from the broker's row, into a request, as JSON. */
HC_CHECK enum hc_err hc_anchor_from_row(const struct hc_msg *row, struct hc_anchor *ret_anchor);
void hc_anchor_put(const struct hc_anchor *anchor, struct hc_msg *request);
void hc_anchor_print(const struct hc_anchor *anchor, struct hc_json *json);

#endif
