/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/clock.h"

#include <stddef.h>
#include <time.h>

/*
 * The machine's clock. clock_gettime cannot fail for these two clocks on Linux. No state.
 */

static int64_t read_ms(clockid_t id)
{
	struct timespec now = {0};

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_realtime_ms(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_MONOTONIC);
}

const struct hc_clock *hc_clock_system(void)
{
	static const struct hc_clock system_clock = {
		.realtime_ms = system_realtime_ms, .monotonic_ms = system_monotonic_ms, .ctx = NULL};

	return &system_clock;
}
