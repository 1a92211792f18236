/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PASSWORD_RATE_H
#define HC_PASSWORD_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/identity.h"

/*
 * How many passwords may be tried, for one login and in all: the last bound on guessing, also for a
 * broker that was taken over. Pure counting over a clock that never goes back. A login has a burst of
 * tries, which come back one after the other; it says nothing about whether the login exists.
 */
#define HC_RATE_LOGIN_BURST 10
#define HC_RATE_LOGIN_MS    6000 /* until one try comes back */
#define HC_RATE_ALL_BURST   300	 /* a shift that changes */
#define HC_RATE_ALL_MS	    20
/* Logins that are counted at a time. Full only if every try of the last minute was for another one. */
#define HC_RATE_LOGINS 4096

/* When a bucket will be full again. */
struct hc_rate_login {
	struct hc_login login;
	int64_t full_ms; /* in the past: the place is free */
};

struct hc_rate {
	int64_t full_ms;
	struct hc_rate_login logins[HC_RATE_LOGINS];
};

/*
 * hc_rate_take: whether one more password may be tried at now_ms (monotonic); counted only then. rate
 * begins as zeroes. login: NULL for a try that is nobody's.
 */
bool hc_rate_take(struct hc_rate *rate, const struct hc_login *login, int64_t now_ms);

/* hc_rate_idle: nothing is counted that a process which ends would forget. */
bool hc_rate_idle(const struct hc_rate *rate, int64_t now_ms);

#endif
