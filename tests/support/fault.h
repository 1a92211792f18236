/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FAULT_H
#define HC_FAULT_H

#include <stdbool.h>

/*
 * Fault injection: the n-th allocation or system call of the code under test fails.
 *
 * A test links the CMake target hc_fault (an object library that brings the linker's --wrap options
 * with it) and the static libraries under test. What libraries such as libcmocka or libpam call
 * themselves is not touched. Nothing fails until a fault is armed.
 *
 *	for (unsigned n = 1;; n++) {
 *		hc_fault_arm(HC_FAULT_MEMORY, n);
 *		err = do_it(&out);
 *		if (!hc_fault_hit())
 *			break;                  (n is beyond the last call: all were tried)
 *		hc_fault_disarm();
 *		assert that err is an error and out is untouched
 *	}
 *
 * After fork(2) the child inherits what is armed: disarm there first. Not thread-safe.
 */
enum hc_fault_kind {
	HC_FAULT_NONE = 0,
	HC_FAULT_MEMORY = 1, /* malloc, calloc, realloc, strdup, strndup, mmap: NULL or MAP_FAILED, ENOMEM */
	HC_FAULT_SYSTEM =
		2 /* sockets, files, waiting, user look-ups: -1 with hc_fault_errno, or the number */
};

/* hc_fault_arm: counts the calls of this kind from now on; the n-th (from 1) fails. 0: none, only count. */
void hc_fault_arm(enum hc_fault_kind kind, unsigned n);

/* hc_fault_arm_from: the n-th and every later one fail. */
void hc_fault_arm_from(enum hc_fault_kind kind, unsigned n);

/* hc_fault_errno: what a failing system call says; EIO unless set. Kept until set again. */
void hc_fault_errno(int error);

/* hc_fault_disarm: nothing fails any more. The counters below keep their values until the next arming. */
void hc_fault_disarm(void);

unsigned hc_fault_calls(void);	   /* calls of the armed kind since it was armed */
bool hc_fault_hit(void);	   /* a call was made to fail */
const char *hc_fault_symbol(void); /* the one that failed first, e.g. "connect"; "" if none */

#endif
