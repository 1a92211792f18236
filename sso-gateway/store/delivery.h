/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DELIVERY_H
#define HC_DELIVERY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gstore.h"
#include "hospiconnect/err.h"

/*
 * Private to sso-gateway/store/: a write on its way through the writer, and its completion on the way back to
 * its loop. Nothing here allocates, so that no completion is lost for lack of memory: many of
 * them travel in one post, and a post that failed is made again.
 */
struct hc_member {
	struct hc_member *next;
	hc_gstore_work_fn work;
	hc_gstore_done_fn done;
	void *ctx;
	size_t slot; /* of its loop */
	int64_t queued_us;
	enum hc_err result;
};

struct hc_member_list {
	struct hc_member *first, **last; /* last: where the next one goes */
	size_t count;
};

void hc_member_list_init(struct hc_member_list *list);
void hc_member_list_append(struct hc_member_list *list, struct hc_member *member);
struct hc_member *hc_member_list_take(struct hc_member_list *list); /* the first, or NULL */

/* Of one loop. It lives until the store is freed and the last post has run, whichever comes later. */
struct hc_delivery_slot {
	struct hc_loop *loop;
	pthread_mutex_t lock;
	struct hc_member_list waiting;
	bool posted;   /* the loop will come for what waits */
	bool closed;   /* the loop takes nothing any more */
	bool orphaned; /* the store has gone: the post that is on its way frees the slot */
};

struct hc_delivery {
	struct hc_delivery_slot *slots[HC_GSTORE_LOOPS_MAX];
	size_t count;
	hc_gstore_post_fn post;
};

HC_CHECK enum hc_err hc_delivery_init(struct hc_delivery *delivery, const struct hc_gstore_options *options);
/* hc_delivery_slot: of a loop; delivery->count for a foreign one. */
size_t hc_delivery_slot(const struct hc_delivery *delivery, const struct hc_loop *loop);
/* hc_delivery_send: members with their results, transferred. */
void hc_delivery_send(struct hc_delivery *delivery, struct hc_member_list *members);
/* hc_delivery_post: tells the loops of what waits for them; false: a post has to be tried again. */
bool hc_delivery_post(struct hc_delivery *delivery);
/* hc_delivery_clear: runs what no loop took, on this thread. The loops have ended. */
void hc_delivery_clear(struct hc_delivery *delivery);

#endif
