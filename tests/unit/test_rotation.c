/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange of the seal key: who may end it. */
#include "rotation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audit_support.h"

static void step(const struct hc_authd *authd, struct hc_rotation *walk, bool ends)
{
	bool done = !ends;

	assert_int_equal(hc_rotation_step(authd, walk, "uid 0", &done), HC_OK);
	assert_true(done == ends);
}

/* It has seen no row of the newer exchange: the former key is still needed. */
static void a_walk_does_not_end_a_newer_exchange(void **state)
{
	struct trail *trail = *state;
	struct hc_authd_config config = {.seal_key_file = ""};
	struct hc_authd authd = {.config = &config,
				 .store = trail->bench.store,
				 .seal = trail->seal,
				 .audit = trail->audit,
				 .clock = &trail->clock};
	struct hc_rotation first = {.count = 0}, late = {.count = 0}, next = {.count = 0};

	(void)snprintf(config.state_dir, sizeof(config.state_dir), "%s", trail->bench.dir.path);
	assert_int_equal(hc_rotation_begin(&authd), HC_OK);
	step(&authd, &first, false);
	step(&authd, &late, false);
	step(&authd, &first, true);
	assert_false(hc_seal_has_former(trail->seal));
	assert_int_equal(hc_rotation_begin(&authd), HC_OK);
	step(&authd, &late, true);
	assert_true(hc_seal_has_former(trail->seal));
	step(&authd, &next, false);
	step(&authd, &next, true);
	assert_false(hc_seal_has_former(trail->seal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_walk_does_not_end_a_newer_exchange, trail_setup,
						trail_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
