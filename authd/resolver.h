/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_RESOLVER_H
#define HC_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

struct hc_identity;
struct sd_event;

/*
 * Login names of uids, without ever waiting for the name service: a process of its own, forked
 * before the broker holds any secret, forks one short-lived child a question. The child ends itself
 * when the name service hangs; whoever asked has its own deadline (HC_RESOLVER_MS).
 */
#define HC_RESOLVER_MS 2000

struct hc_resolver;

/* One question that waits; embedded in whoever asks. Zero-initialised: asks nothing. */
struct hc_resolver_wait {
	uid_t uid;
	/* called once from the loop; login is NULL when the uid has no (valid) name */
	void (*answered)(void *ctx, const struct hc_login *login);
	void *ctx;
	struct hc_resolver_wait *next, *previous;
	bool waiting;
};

/*
 * hc_resolver_start: forks the process, which drops to identity (NULL: nothing to drop) before it
 * reads anything. Call before anything secret is in memory. clock is borrowed. HC_ERR_IO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_resolver_start(const struct hc_clock *clock, const struct hc_identity *identity,
				       struct hc_resolver **ret_resolver);
void hc_resolver_free(struct hc_resolver **resolver);

/* hc_resolver_pid: the process, for whoever watches over it. */
pid_t hc_resolver_pid(const struct hc_resolver *resolver);

/*
 * hc_resolver_attach: reads answers in this loop (borrowed) with this priority. lost is called when the process has
 * died: nothing more can be asked.
 */
HC_CHECK enum hc_err hc_resolver_attach(struct hc_resolver *resolver, struct sd_event *event, int priority,
					void (*lost)(void *ctx), void *ctx);

/* hc_resolver_known: whether the answer is remembered; ret_found: whether it is a name. */
bool hc_resolver_known(struct hc_resolver *resolver, uid_t uid, bool *ret_found, struct hc_login *ret_login);

/*
 * hc_resolver_ask: wait->answered will be called unless hc_resolver_forget comes first; wait is
 * borrowed until then. HC_ERR_AWAY: too many questions are open, or the process is gone.
 */
HC_CHECK enum hc_err hc_resolver_ask(struct hc_resolver *resolver, struct hc_resolver_wait *wait);
void hc_resolver_forget(struct hc_resolver *resolver, struct hc_resolver_wait *wait);

#endif
