/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONFINE_CALLS_H
#define HC_CONFINE_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/confine.h"

/* System calls by what they are for. A role has some of the groups. */
enum hc_call_group {
	HC_CALLS_EVERY = 1 << 0,  /* memory, time, signals, threads' locks, open descriptors: any C program */
	HC_CALLS_READ = 1 << 1,	  /* names of files, and what they contain */
	HC_CALLS_WRITE = 1 << 2,  /* what is kept in files */
	HC_CALLS_SOCKET = 1 << 3, /* to be a client */
	HC_CALLS_SERVE = 1 << 4,  /* to be a server */
	HC_CALLS_LOOP = 1 << 5,	  /* to wait for many things */
	HC_CALLS_CHILD = 1 << 6,  /* to see to children */
	HC_CALLS_SIGNAL = 1 << 7, /* to end other processes */
	HC_CALLS_LIMIT = 1 << 8,  /* to bind itself */
	HC_CALLS_NAMES = 1 << 9,  /* to look names of hosts up */
	HC_CALLS_FOREIGN = 1 << 10, /* what libraries of others may need */
	HC_CALLS_IDENTITY = 1 << 11 /* to become somebody else; PAM modules do */
};

/* What to do about a call that is neither harmless nor always an attack. */
enum hc_call_verdict { HC_CALL_KILL = 0, HC_CALL_REFUSE, HC_CALL_ALLOW };

struct hc_call_plan {
	const char *name;
	uint32_t groups;
	uint64_t families, refused_families; /* one bit a number; our own code is killed for all others */
	enum hc_call_verdict fork, exec;
	enum hc_call_verdict threads;
	bool code; /* memory may be made executable: libraries that ask for an executable stack */
	bool foreign; /* code of others runs here: what it may try in vain is refused or unknown instead of forbidden */
	bool hidraw; /* ioctls of security keys */
};

/* hc_call_plan: of a role; static. */
const struct hc_call_plan *hc_call_plan(enum hc_confine_role role);

/* Names of calls; each list ends with NULL. */
struct hc_call_list {
	uint32_t group;
	const char *const *names;
};
extern const struct hc_call_list hc_call_lists[];
extern const size_t hc_call_lists_count;
extern const char *const hc_calls_forbidden[];	     /* everywhere */
extern const char *const hc_calls_forbidden_to_us[]; /* where no code of others runs */

#endif
