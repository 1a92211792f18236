/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REPLY_H
#define HC_REPLY_H

#include <stdint.h>

#include "authd.h"
#include "hello.h"
#include "hospiconnect/device.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "policy.h"

/*
 * The messages of a conversation, with their texts in the caller's language. Each fills msg, which
 * the caller finishes and sends. No state, no verdict of its own.
 */

/* What a text may have to tell beside its reason. */
struct hc_reply_facts {
	int64_t retry_s;	/* LOCKED_OUT: seconds left */
	int64_t grace_until_ms; /* GRACE */
};

/* hc_reply_result: RESULT. */
void hc_reply_result(struct hc_msg *msg, const struct hc_hello *hello, const struct hc_decision *decision,
		     const struct hc_reply_facts *facts);

/*
 * hc_reply_step: STEP: asks for one of methods. why: what was wrong with the former answer, or
 * HC_REASON_NONE; it stands in the question, since front ends lose texts that ask nothing.
 */
void hc_reply_step(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods, int64_t timeout_s,
		   enum hc_reason why, const struct hc_reply_facts *facts);

/* hc_reply_device_wait: INFO: what the person should do with a key; why: why that, or HC_REASON_NONE. */
void hc_reply_device_wait(struct hc_msg *msg, const struct hc_hello *hello, enum hc_device_wait wait,
			  enum hc_reason why);

/* hc_reply_devices_wait: the same where one of several kinds will do; methods: HC_METHOD_… of them. */
void hc_reply_devices_wait(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods,
			   enum hc_device_wait wait, enum hc_reason why);

/* hc_reply_device_cue: STEP: the same as a question, for front ends that show nothing else; the answer means nothing. */
void hc_reply_device_cue(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods,
			 enum hc_device_wait wait, enum hc_reason why, int64_t timeout_s);

#define HC_REPLY_TRIES_UNKNOWN UINT32_MAX
#define HC_REPLY_TRIES_SHOWN   3 /* so few are told */

/* The accounts to choose among, as they are called here; empty: one that is nobody's here. */
struct hc_reply_choices {
	struct hc_label labels[HC_DEVICE_CHOICES_MAX];
	size_t count;
};

struct hc_reply_device {
	enum hc_device_ask kind;
	uint32_t method;    /* HC_METHOD_… of the device that asks; 0: a key */
	enum hc_reason why; /* why it is asked again, or HC_REASON_NONE */
	uint32_t tries_left;
	int64_t timeout_s;
	struct hc_reply_choices choices; /* CHOICE */
};

/* hc_reply_device_ask: STEP: what a device wants to know. */
void hc_reply_device_ask(struct hc_msg *msg, const struct hc_hello *hello, const struct hc_reply_device *ask);

/* hc_reply_login: STEP: asks for a device of one of methods, or a login; why: what is wrong with the one that is there. */
void hc_reply_login(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods, int64_t timeout_s,
		    enum hc_reason why);

/* hc_reply_password: STEP: asks for the password. */
void hc_reply_password(struct hc_msg *msg, const struct hc_hello *hello, int64_t timeout_s);

/* hc_reply_person: adds what is known of a person: who it is and what it does, absent what is not known. */
void hc_reply_person(struct hc_msg *msg, const struct hc_person *person);

/* hc_reply_codes_left: INFO: how many recovery codes are left. */
void hc_reply_codes_left(struct hc_msg *msg, const struct hc_hello *hello, uint32_t left);

/* hc_reply_degraded: INFO: the card was accepted by a revocation list that has run out. */
void hc_reply_degraded(struct hc_msg *msg, const struct hc_hello *hello);

/* hc_reply_offer: STEP: whether card becomes that of the person who signed in. */
void hc_reply_offer(struct hc_msg *msg, const struct hc_hello *hello, const struct hc_stored_card *card,
		    int64_t timeout_s);

/* hc_reply_linked: INFO: that it was linked (HC_REASON_NONE), or why not. */
void hc_reply_linked(struct hc_msg *msg, const struct hc_hello *hello, enum hc_reason reason);

#endif
