/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_LOOP_H
#define HC_LOOP_H

#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * One event loop a thread (libevent). Everything that a loop owns is touched by its thread alone;
 * the one way in from another thread is hc_loop_post.
 */
struct hc_loop;
struct event_base;

/* hc_loop_new: SIGPIPE is ignored in the whole process from now on. HC_ERR_NOMEM, HC_ERR_IO. */
HC_CHECK enum hc_err hc_loop_new(unsigned index, struct hc_loop **ret_loop);

/*
 * hc_loop_free: when it does not run any more and its servers are freed. What was posted and has not
 * run yet runs now, on the calling thread, so that no ctx is lost.
 */
void hc_loop_free(struct hc_loop **loop);

unsigned hc_loop_index(const struct hc_loop *loop);
struct event_base *hc_loop_base(struct hc_loop *loop);

/* hc_loop_run: until hc_loop_stop; a stop that came before ends it at once. Blocks. HC_ERR_IO. */
HC_CHECK enum hc_err hc_loop_run(struct hc_loop *loop);

/* hc_loop_stop: ends one run, behind everything posted before. Any thread; not from a signal handler. */
void hc_loop_stop(struct hc_loop *loop);

/*
 * hc_loop_post: fn(ctx) will run on the loop's thread, in the order of posting, never inside of this
 * call. Any thread, the loop's own too; never blocks on the loop. HC_ERR_NOMEM; HC_ERR_CLOSED once
 * the loop is being freed (fn will not run).
 */
typedef void (*hc_loop_fn)(void *ctx);
HC_CHECK enum hc_err hc_loop_post(struct hc_loop *loop, hc_loop_fn fn, void *ctx);

#endif
