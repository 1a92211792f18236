/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CLOCK_H
#define HC_CLOCK_H

#include <stdint.h>

/*
 * The clock, as a value that is handed to whoever needs the time, so that tests hand over theirs.
 * realtime_ms: milliseconds since 1970-01-01 UTC; may jump. monotonic_ms: never goes back; for
 * deadlines. ctx is borrowed and passed to both.
 */
struct hc_clock {
	int64_t (*realtime_ms)(void *ctx);
	int64_t (*monotonic_ms)(void *ctx);
	void *ctx;
};

/* hc_clock_system: the machine's own clock. Static. */
const struct hc_clock *hc_clock_system(void);

static inline int64_t hc_now_ms(const struct hc_clock *clock)
{
	return clock->realtime_ms(clock->ctx);
}

static inline int64_t hc_mono_ms(const struct hc_clock *clock)
{
	return clock->monotonic_ms(clock->ctx);
}

#endif
