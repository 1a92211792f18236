/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_SAY_H
#define HC_FIDO2_SAY_H

#include "fido2_machine.h"
#include "hospiconnect/msg.h"

/*
 * The helper's messages, written into msg (finished). What a key says and does not fit is left out or
 * makes the call fail; HC_ERR_TOOBIG and the like as hc_msg_finish.
 */
HC_CHECK enum hc_err hc_fido2_say_wait(struct hc_msg *msg, enum hc_device_wait wait,
				       const struct hc_fido2_note *note);
HC_CHECK enum hc_err hc_fido2_say_ask(struct hc_msg *msg, enum hc_device_ask ask,
				      const struct hc_fido2_note *note,
				      const struct hc_fido2_account *accounts, size_t count);
HC_CHECK enum hc_err hc_fido2_say_item(struct hc_msg *msg, const char *path,
				       const struct hc_fido2_facts *facts, const struct hc_fido2_note *note);
HC_CHECK enum hc_err hc_fido2_say_done(struct hc_msg *msg, const struct hc_fido2_outcome *outcome,
				       size_t chosen, const struct hc_fido2_note *note);
HC_CHECK enum hc_err hc_fido2_say_failed(struct hc_msg *msg, const struct hc_fido2_note *note);

/* hc_fido2_label: what a key says of itself, fit to be shown: UTF-8 without control characters; never empty. */
void hc_fido2_label(const char *first, const char *second, char out[HC_FIDO2_LABEL_MAX + 1]);

/*
 * hc_fido2_unwrap: the bytes in a definite CBOR byte string of up to 65535 bytes that takes up all of data.
 * HC_ERR_INVALID for anything else.
 */
HC_CHECK enum hc_err hc_fido2_unwrap(const uint8_t *data, size_t len, const uint8_t **ret_view,
				     size_t *ret_len);

#endif
