/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_OPERATION_H
#define HC_PKCS11_OPERATION_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/reason.h"
#include "pkcs11_link.h"
#include "pkcs11_module.h"
#include "pkcs11_request.h"

/* One operation, in the process that runs the vendor's library. */
struct hc_p11_run {
	const struct hc_p11_request *request; /* borrowed */
	struct hc_p11_module module;
	struct hc_p11_link link;
	struct hc_p11_cards *cards;
	uint32_t tries; /* to tell with a failure */
};

/*
 * hc_p11_operate: does what request says and tells the watcher at the other end of fd: DONE, or FAILED. Returns the exit
 * status. Loads foreign code, and blocks as long as that does.
 */
int hc_p11_operate(const struct hc_p11_request *request, int fd, struct hc_p11_watch *watch);

/*
 * hc_p11_await_answer: until an answer is there, or card (may be NULL) has gone: DEVICE_REMOVED. CANCELLED,
 * TIMED_OUT.
 */
HC_CHECK enum hc_reason hc_p11_await_answer(struct hc_p11_run *run, struct hc_p11_card *card,
					    struct hc_secret **ret_answer);

/* hc_p11_unlock: asks for the PIN of card, to sign by certificate, and logs in (pkcs11_pin.c). In a session with it. */
HC_CHECK enum hc_reason hc_p11_unlock(struct hc_p11_run *run, struct hc_p11_card *card,
				      const struct hc_p11_certificate *certificate);

#endif
