/* SPDX-License-Identifier: Apache-2.0 */
/* How often a refused client is recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"
#include "oauth/refusals.h"

#define START 1000000

static void a_second_refusal_within_the_minute_is_not_recorded(void **state)
{
	struct hc_refusals refusals = {.rows = {{0}}};

	(void)state;
	assert_true(hc_refusals_take(&refusals, 1, "192.0.2.1", START));
	assert_false(hc_refusals_take(&refusals, 1, "192.0.2.1", START));
	assert_false(hc_refusals_take(&refusals, 1, "192.0.2.1", START + HC_REFUSALS_MS - 1));
	assert_true(hc_refusals_take(&refusals, 1, "192.0.2.1", START + HC_REFUSALS_MS));
	assert_false(hc_refusals_take(&refusals, 1, "192.0.2.1", START + HC_REFUSALS_MS + 1));
}

static void clients_and_addresses_are_told_apart(void **state)
{
	static const struct {
		int64_t client;
		const char *peer;
		bool is_new;
	} steps[] = {
		{1, "192.0.2.1", true},	      {2, "192.0.2.1", true},
		{1, "192.0.2.2", true},	      {1, "2001:db8::1", true},
		{1, "2001:db8::2", false}, /* of the same /64 */
		{1, "2001:db8:0:1::1", true}, {1, "", true},
		{1, "unix", false}, /* as unknown as the one before */
	};
	struct hc_refusals refusals = {.rows = {{0}}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(steps); i++) {
		if (hc_refusals_take(&refusals, steps[i].client, steps[i].peer, START) != steps[i].is_new)
			fail_msg("step %zu", i);
	}
}

static void many_addresses_cannot_flood_the_trail(void **state)
{
	struct hc_refusals refusals = {.rows = {{0}}};
	unsigned recorded = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char peer[32];

		(void)snprintf(peer, sizeof(peer), "10.0.%u.%u", i / 256, i % 256);
		recorded += hc_refusals_take(&refusals, 1, peer, START + i);
	}
	assert_int_equal(recorded, HC_REFUSALS_KEPT);
	assert_true(hc_refusals_take(&refusals, 1, "10.1.0.1", START + HC_REFUSALS_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_refusal_within_the_minute_is_not_recorded),
		cmocka_unit_test(clients_and_addresses_are_told_apart),
		cmocka_unit_test(many_addresses_cannot_flood_the_trail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
