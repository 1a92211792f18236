/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SITUATION_H
#define HC_SITUATION_H

#include "authd.h"
#include "hello.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "policy.h"
#include "store/store.h"

/* One request as the store and the clock show it now: what the policy is asked with. */
struct hc_situation {
	struct hc_facts facts;
	struct hc_person person;  /* if facts.person_known */
	char scope[HC_SCOPE_MAX]; /* the failure counters that this caller moves */
	/* gateway: the counter of passwords from where this one comes; "" for every other caller */
	char password_scope[HC_SCOPE_MAX];
	int64_t password_retry_s; /* until a password from there is looked at; 0: now */
	int64_t retry_after_s;	  /* until the first of the offered and held methods is free; 0: one is */
};

/*
 * hc_situation_read: reads only. An error means that the facts are not known (the store could not
 * be read), never that somebody is refused.
 */
HC_CHECK enum hc_err hc_situation_read(const struct hc_authd *authd, const struct hc_caller *caller,
				       const struct hc_hello *hello, struct hc_situation *ret_situation);

/*
 * hc_situation_settle: inside a transaction: sets locks anew that a clock set back would prolong
 * (throttle.h). ret_changed: something was written.
 */
HC_CHECK enum hc_err hc_situation_settle(const struct hc_authd *authd, const struct hc_situation *situation,
					 bool *ret_changed);

/* hc_situation_locked_s: how long a factor is locked for this caller: by all origins, or by its own tries. */
HC_CHECK enum hc_err hc_situation_locked_s(const struct hc_authd *authd, const struct hc_situation *situation,
					   enum hc_factor factor, int64_t *ret_left_s);

#endif
