/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CLOCKWATCH_H
#define HC_CLOCKWATCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Notices that the wall clock was set: codes, locks and validity windows depend on it. Pure: both
 * times are handed in, in milliseconds; elapsed must go on while the machine sleeps
 * (CLOCK_BOOTTIME), so that a laptop that wakes up is no jump.
 */
#define HC_CLOCK_JUMP_MS 60000

struct hc_clockwatch {
	bool started;
	int64_t offset_ms; /* wall clock minus elapsed time when last looked at */
};

/* hc_clockwatch_look: 0, or by how many milliseconds the wall clock jumped since the last look. */
int64_t hc_clockwatch_look(struct hc_clockwatch *watch, int64_t realtime_ms, int64_t elapsed_ms);

#endif
