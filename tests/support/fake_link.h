/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FAKE_LINK_H
#define HC_FAKE_LINK_H

#include <stdbool.h>

#include "broker_link.h"

/*
 * The gateway's link to the broker without a broker (broker_link.h: sign-ins alone). Like the real one
 * it calls back from the loop, never inside of a call. What it does is set for the whole process, by any
 * thread.
 */
enum fake_mood {
	FAKE_FAITHFUL,	/* asks for the code, then judges */
	FAKE_AWAY,	/* no broker */
	FAKE_HUNG,	/* no verdict comes out of the code */
	FAKE_NO_HELPER, /* passwords cannot be checked: says so while the code is asked for */
	FAKE_TIMES_OUT, /* ends the conversation while the code is asked for */
	FAKE_HOLDS,	/* keeps the verdict until fake_link_release */
	FAKE_EAGER,	/* says yes before it has the code */
	FAKE_NO_MEANS	/* unavailable, for a cause that is about the person */
};

/* Two people: martin (7) and durand (8), with FAKE_PASSWORD and FAKE_CODE each. */
#define FAKE_PASSWORD "correct horse"
#define FAKE_CODE     "123456"

struct fake_counts {
	unsigned started, answered, cancelled, ended;
	char user[257], rhost[64];
	unsigned timeout_s;
};

struct hc_broker_link *fake_link_new(struct hc_loop *loop);
void fake_link_mood(enum fake_mood mood);
/* fake_link_release: the verdicts that are held, in the order of their codes. */
void fake_link_release(void);
struct fake_counts fake_link_counts(void);
/* fake_link_reset: faithful again, nothing counted. */
void fake_link_reset(void);

/*
 * fake_link_hooks: inside runs before the code under test is called back, outside after it; calls into the link run
 * outside and end inside. For tests that make that code fail and nothing else. Before any sign-in.
 */
void fake_link_hooks(void (*inside)(void), void (*outside)(void));

#endif
