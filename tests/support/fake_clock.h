/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FAKE_CLOCK_H
#define HC_FAKE_CLOCK_H

#include <stdint.h>

#include "hospiconnect/clock.h"

/* A clock that stands still until the test moves it. */
struct fake_clock {
	int64_t realtime_ms, monotonic_ms;
	struct hc_clock clock; /* hand this over */
};

void fake_clock_init(struct fake_clock *fake, int64_t realtime_ms);

/* fake_clock_pass: time goes by: both clocks move. */
void fake_clock_pass(struct fake_clock *fake, int64_t ms);

/* fake_clock_set: somebody sets the time of day; monotonic time does not move. */
void fake_clock_set(struct fake_clock *fake, int64_t realtime_ms);

#endif
