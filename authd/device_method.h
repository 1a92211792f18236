/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DEVICE_METHOD_H
#define HC_DEVICE_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "device.h"
#include "factor.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"

struct hc_secret;
struct hc_stored_card;

/*
 * One kind of device that people sign in with, as a conversation sees it: what is asked of it, whose answer it is, and
 * the judgement of that answer. The conversation (session_device.c) has the states, the texts and the time; a method
 * has none of them. Nothing that a method is given by a device was verified before verify.
 */
struct hc_device_wish {
	const struct hc_person *person; /* NULL: whoever the device names */
	const struct hc_hello *hello;	/* what is asked for, and where: borrowed */
	bool verify;			/* PIN or fingerprint is needed */
	bool present;			/* a device that is not there is not waited for */
	int64_t timeout_s;
};

/* Room for what a method must remember from the question to the answer; made anew for each conversation. */
#define HC_DEVICE_CHALLENGE_MAX 1024
#define HC_DEVICE_DETAIL_MAX	256

struct hc_device_challenge {
	bool open; /* not answered yet */
	size_t len;
	uint8_t data[HC_DEVICE_CHALLENGE_MAX]; /* the method's own */
};

/* What a device gave; ctx of verify. more: what a second helper said to it (see below), or NULL. All borrowed. */
struct hc_device_answer {
	const struct hc_msg *done;
	const struct hc_msg *more;
	const struct hc_device_challenge *challenge;
};

struct hc_device_method {
	const struct hc_factor_ops *factor; /* its name, counter and bit of HC_METHOD_… */
	enum hc_device_helper helper;

	/* The DEVICE_START (begun here, not finished). HC_ERR_STATE: nothing to ask for; the method is passed over. */
	enum hc_err (*ask)(const struct hc_authd *authd, const struct hc_device_wish *wish,
			   struct hc_msg *start, struct hc_device_challenge *ret_challenge);

	/* Whose it is; it proves nothing. HC_ERR_NOTFOUND: nobody's, and ret_reason says what to tell. */
	enum hc_err (*who)(const struct hc_authd *authd, const struct hc_device_answer *answer,
			   struct hc_person *ret_person, enum hc_reason *ret_reason);

	/* As that of struct hc_evidence: inside a transaction; ctx is a struct hc_device_answer. */
	void (*verify)(const struct hc_authd *authd, const struct hc_person *person, const void *ctx,
		       struct hc_factor_outcome *ret_outcome);

	/*
	 * An answer may need a word from elsewhere (a certificate's responder) before it is judged: HC_OK, and start is
	 * a DEVICE_START for ret_helper, whose DEVICE_DONE becomes `more`; where it fails or is late, more is NULL and
	 * verify decides what that is worth. HC_ERR_STATE: nothing is needed. NULL: never.
	 */
	enum hc_err (*consult)(const struct hc_authd *authd, const struct hc_device_answer *answer,
			       struct hc_msg *start, enum hc_device_helper *ret_helper);

	/*
	 * Of what a device asks or waits for before it has given anything: HC_REASON_NONE, or why this very device can
	 * serve nobody whom hello means. It proves nothing. The person is told so, and not asked for a PIN; detail
	 * (empty before) is for the trail. NULL: all are welcome.
	 */
	enum hc_reason (*unwelcome)(const struct hc_authd *authd, const struct hc_hello *hello,
				    const struct hc_msg *said, char detail[HC_DEVICE_DETAIL_MAX]);

	/*
	 * An answer that verify refused, or who could not place: HC_OK, and ret_card is a card that was proven here and
	 * now in every respect, and is nobody's. HC_ERR_NOTFOUND: it is no such. The challenge must be open. NULL: never.
	 */
	enum hc_err (*stranger)(const struct hc_authd *authd, const struct hc_device_answer *answer,
				struct hc_stored_card *ret_card);

	/*
	 * Before a typed answer to the device's question ask (a DEVICE_ASK with DEVICE_PIN) is passed on: HC_REASON_NONE,
	 * or why it must not be (no PIN by its form; refused before by this very device). It is not sent then, and asked
	 * for again. NULL: everything may pass.
	 */
	enum hc_reason (*objection)(const struct hc_authd *authd, const struct hc_msg *ask,
				    const struct hc_secret *pin);

	/*
	 * The device refused that PIN (WRONG_PIN, PIN_BLOCKED), or took it (it works with it, or gave its answer); what
	 * the method keeps of it is its own. Not called where neither became known. NULL: nothing.
	 */
	void (*pin_was)(const struct hc_authd *authd, const struct hc_msg *ask, const struct hc_secret *pin,
			bool right);
};

extern const struct hc_device_method hc_device_fido2;
extern const struct hc_device_method hc_device_cps;

/* All of them, in the order of their helpers' start; NULL at the end. */
#define HC_DEVICE_METHODS_MAX 4
extern const struct hc_device_method *const hc_device_methods[];

#endif
