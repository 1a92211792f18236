/* SPDX-License-Identifier: Apache-2.0 */
/* A clock for tests. State: the caller's struct. */
#include "fake_clock.h"

static int64_t realtime(void *ctx)
{
	const struct fake_clock *fake = ctx;

	return fake->realtime_ms;
}

static int64_t monotonic(void *ctx)
{
	const struct fake_clock *fake = ctx;

	return fake->monotonic_ms;
}

void fake_clock_init(struct fake_clock *fake, int64_t realtime_ms)
{
	*fake = (struct fake_clock){
		.realtime_ms = realtime_ms,
		.monotonic_ms = 1000,
		.clock = {.realtime_ms = realtime, .monotonic_ms = monotonic, .ctx = fake},
	};
}

void fake_clock_pass(struct fake_clock *fake, int64_t ms)
{
	fake->realtime_ms += ms;
	fake->monotonic_ms += ms;
}

void fake_clock_set(struct fake_clock *fake, int64_t realtime_ms)
{
	fake->realtime_ms = realtime_ms;
}
