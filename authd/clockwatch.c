/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detection of a wall clock that was set. State: the offset at the last look. Threat: somebody turns
 * the clock back to make an old code or an ended validity good again; the jump then stands in the
 * trail next to what it made possible. It must never change what is decided: it only tells.
 */
#include "clockwatch.h"

int64_t hc_clockwatch_look(struct hc_clockwatch *watch, int64_t realtime_ms, int64_t elapsed_ms)
{
	int64_t offset_ms = realtime_ms - elapsed_ms;
	int64_t jump_ms = watch->started ? offset_ms - watch->offset_ms : 0;

	*watch = (struct hc_clockwatch){.started = true, .offset_ms = offset_ms};
	return jump_ms > HC_CLOCK_JUMP_MS || jump_ms < -HC_CLOCK_JUMP_MS ? jump_ms : 0;
}
