/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's clock: the right units, and a monotonic one that never goes back. */
#include "hospiconnect/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void monotonic_time_never_goes_back(void **state)
{
	const struct hc_clock *clock = hc_clock_system();
	int64_t last_ms = hc_mono_ms(clock);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t now_ms = hc_mono_ms(clock);

		assert_true(now_ms >= last_ms);
		last_ms = now_ms;
	}
}

static void both_clocks_count_milliseconds(void **state)
{
	const struct hc_clock *clock = hc_clock_system();
	struct timespec mono;
	time_t before = time(NULL);
	int64_t now_ms = hc_now_ms(clock);
	time_t after = time(NULL);

	(void)state;
	/* time(2) may be a tick behind */
	assert_true(now_ms >= (int64_t)before * 1000 && now_ms < ((int64_t)after + 2) * 1000);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &mono), 0);
	now_ms = hc_mono_ms(clock);
	assert_true(now_ms >= (int64_t)mono.tv_sec * 1000 && now_ms < ((int64_t)mono.tv_sec + 60) * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monotonic_time_never_goes_back),
		cmocka_unit_test(both_clocks_count_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
