/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SIGNINS_TABLE_H
#define HC_SIGNINS_TABLE_H

#include <sys/queue.h>

#include "http/address.h"
#include "oauth/signins.h"

/* What signins.c (a loop's table) and signins_errand.c (between the loops) share. Private to them. */
#define HC_SIGNINS_NAME_BYTES 17
#define HC_SIGNINS_BUCKETS    256u

struct hc_conversation;
struct hc_signins_errand;

struct hc_signins {
	struct hc_worker *worker;
	TAILQ_HEAD(, hc_conversation) all; /* the next to expire first */
	LIST_HEAD(, hc_conversation) buckets[HC_SIGNINS_BUCKETS];
	STAILQ_HEAD(, hc_signins_errand) stuck; /* their way back was refused for lack of memory */
	unsigned count;
	struct hc_address_counts *addresses;
};

/* Which conversation is meant, and by whom. */
struct hc_signins_key {
	uint8_t name[HC_SIGNINS_NAME_BYTES]; /* the loop's number, random bits */
	uint8_t binding[HC_SIGNIN_BINDING_BYTES];
};

/* hc_signins_tend: what is due: whoever stayed away too long, and errands that are stuck. */
void hc_signins_tend(struct hc_signins *signins);

/* hc_signins_gone: tells that there is no such conversation. */
void hc_signins_gone(hc_signins_fn fn, void *ctx);

/* hc_signins_answer_here: an answer on the loop that has the conversation; code is transferred, NULL: gives up. */
void hc_signins_answer_here(struct hc_signins *signins, const struct hc_signins_key *key,
			    struct hc_secret *code, hc_signins_fn fn, void *ctx);

/* hc_signins_send_stuck: tries again. */
void hc_signins_send_stuck(struct hc_signins *signins);

#endif
