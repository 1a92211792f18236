/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_EVIDENCE_CBOR_H
#define HC_EVIDENCE_CBOR_H

#include "hospiconnect/buf.h"

/*
 * The CBOR that CTAP2 speaks (its canonical form; RFC 8949 section 4.2.1): definite lengths, shortest heads, no tags,
 * no floats. Private to libhcevidence/. Every function leaves the reader where it was when it fails: HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_cbor_int(struct hc_reader *reader, int64_t *ret_value);
HC_CHECK enum hc_err hc_cbor_bytes(struct hc_reader *reader, const uint8_t **ret_view, size_t *ret_len);
HC_CHECK enum hc_err hc_cbor_text(struct hc_reader *reader, const uint8_t **ret_view, size_t *ret_len);
/* hc_cbor_map, _array: the number of pairs or items that follow; at most HC_CBOR_ITEMS_MAX. */
#define HC_CBOR_ITEMS_MAX 64
HC_CHECK enum hc_err hc_cbor_map(struct hc_reader *reader, size_t *ret_pairs);
HC_CHECK enum hc_err hc_cbor_array(struct hc_reader *reader, size_t *ret_items);
/* hc_cbor_skip: one item of whatever kind, nested at most four deep. */
HC_CHECK enum hc_err hc_cbor_skip(struct hc_reader *reader);

#endif
