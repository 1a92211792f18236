/* SPDX-License-Identifier: Apache-2.0 */
/* Refresh tokens: rotation, reuse, and the grace of confidential clients. */
#include "gstore_support.h"

#define GRACE 10000

struct rotate {
	struct hc_refresh_try refresh_try;
	int64_t now_ms;
	enum hc_redeem outcome;
	struct hc_grant grant;
	int64_t expires_ms;
};

static enum hc_err rotate_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct rotate *rotate = ctx;

	return hc_refresh_rotate(tx, &rotate->refresh_try, rotate->now_ms, &rotate->outcome, &rotate->grant,
				 &rotate->expires_ms);
}

static struct bench *bench_of(void **state)
{
	struct bench *bench = *state;
	struct hc_refresh refresh = refresh_of(600, 300, 1);
	struct hc_access access = access_of(500, 300, 1);

	assert_int_equal(have_client(bench, "app"), 1);
	assert_int_equal(have_client(bench, "other"), 2);
	struct hc_grant grant = grant_of(300, 1, 0);
	WRITE(bench, add_grant, &grant);
	WRITE(bench, add_refresh, &refresh);
	WRITE(bench, add_access, &access);
	return bench;
}

/* Client 1 hands in `id`, for `successor`, `after_ms` past T0. */
static enum hc_redeem rotate(struct bench *bench, int64_t id, int64_t successor, int64_t grace_ms,
			     int64_t after_ms)
{
	struct rotate call = {.refresh_try = {.ref = ref_of(id),
					      .client = 1,
					      .grace_ms = grace_ms,
					      .successor = ref_of(successor),
					      .successor_expires_ms = T0 + after_ms + 3600000},
			      .now_ms = T0 + after_ms};

	WRITE(bench, rotate_work, &call);
	return call.outcome;
}

static bool is_usable(struct bench *bench, int64_t id)
{
	const struct hc_ticket_ref ref = ref_of(id);
	struct hc_refresh_info info;

	return hc_refresh_find(view_of(bench), &ref, T0 + 1, &info) == HC_OK;
}

static bool family_is_alive(struct bench *bench)
{
	const struct hc_ticket_ref ref = ref_of(500);
	struct hc_access_info info;
	struct hc_grant grant;

	const bool alive = hc_grant_find(view_of(bench), 300, T0 + 1, &grant) == HC_OK;
	assert_int_equal(hc_access_find(view_of(bench), &ref, T0 + 1, &info),
			 alive ? HC_OK : HC_ERR_NOTFOUND);
	return alive;
}

static void a_token_that_is_foreign_wrong_or_over_is_refused_and_nothing_changes(void **state)
{
	struct bench *bench = bench_of(state);
	struct rotate cases[5];

	for (size_t i = 0; i < HC_COUNT(cases); i++)
		cases[i] = (struct rotate){.refresh_try = {.ref = ref_of(600),
							   .client = 1,
							   .grace_ms = GRACE,
							   .successor = ref_of(700 + (int64_t)i),
							   .successor_expires_ms = T0 + 3600000},
					   .now_ms = T0 + 1,
					   .outcome = HC_REDEEM_OK};
	cases[0].refresh_try.client = 2;
	cases[1].refresh_try.ref.hash[31] ^= 1;
	cases[2].refresh_try.ref.id = 601;
	cases[3].now_ms = T0 + 3600000;
	cases[4].refresh_try.client = 0;
	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		WRITE(bench, rotate_work, &cases[i]);
		if (cases[i].outcome != HC_REDEEM_REFUSED || is_usable(bench, 700 + (int64_t)i))
			fail_msg("case %zu: %d", i, (int)cases[i].outcome);
	}
	cases[0].refresh_try.client = 1;
	cases[0].refresh_try.grace_ms = HC_REFRESH_GRACE_MAX_MS + 1;
	assert_int_equal(write_now(bench, rotate_work, &cases[0]), HC_ERR_INVALID);
	assert_true(is_usable(bench, 600));
	assert_true(family_is_alive(bench));
}

static void a_token_is_used_once_and_its_successor_takes_its_place(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, 0, 1), HC_REDEEM_OK);
	assert_false(is_usable(bench, 600));
	assert_true(is_usable(bench, 601));
	assert_int_equal(rotate(bench, 601, 602, 0, 2), HC_REDEEM_OK);
	assert_true(is_usable(bench, 602));
	assert_true(family_is_alive(bench));
}

static void a_public_client_that_repeats_ends_its_family_at_once(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, 0, 1), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 602, 0, 1), HC_REDEEM_REUSED);
	assert_false(family_is_alive(bench));
	assert_false(is_usable(bench, 601));
	assert_false(is_usable(bench, 602));
	assert_int_equal(rotate(bench, 601, 603, 0, 2), HC_REDEEM_REFUSED);
	assert_int_equal(rotate(bench, 600, 604, 0, 3), HC_REDEEM_REFUSED); /* told of once */
}

static void a_repeat_within_the_grace_gets_a_new_successor_and_the_earlier_one_is_void(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, GRACE, 1000), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 602, GRACE, 10999), HC_REDEEM_OK);
	assert_false(is_usable(bench, 601));
	assert_true(is_usable(bench, 602));
	assert_int_equal(rotate(bench, 600, 603, GRACE, 999), HC_REDEEM_OK); /* a clock a little behind */
	assert_false(is_usable(bench, 602));
	assert_true(is_usable(bench, 603));
	assert_true(family_is_alive(bench));
}

static void a_repeat_after_the_grace_ends_the_family_and_repeating_does_not_prolong_it(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, GRACE, 1000), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 602, GRACE, 9000), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 603, GRACE, 11000), HC_REDEEM_REUSED);
	assert_false(family_is_alive(bench));
	assert_false(is_usable(bench, 602));
	assert_false(is_usable(bench, 603));
}

static void a_repeat_whose_successor_was_used_ends_the_family_even_within_the_grace(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, GRACE, 1), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 601, 602, GRACE, 2), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 603, GRACE, 3), HC_REDEEM_REUSED);
	assert_false(family_is_alive(bench));
	assert_false(is_usable(bench, 602));
}

static void a_void_successor_that_is_used_ends_the_family(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, GRACE, 1), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 602, GRACE, 2), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 601, 603, GRACE, 3), HC_REDEEM_REUSED);
	assert_false(family_is_alive(bench));
}

static void a_clock_set_back_by_an_hour_does_not_open_the_grace_again(void **state)
{
	struct bench *bench = bench_of(state);

	assert_int_equal(rotate(bench, 600, 601, GRACE, 3599000), HC_REDEEM_OK);
	assert_int_equal(rotate(bench, 600, 602, GRACE, 1000), HC_REDEEM_REUSED);
}

static void a_successor_never_outlives_the_grant(void **state)
{
	struct bench *bench = bench_of(state);
	struct rotate call = {.refresh_try = {.ref = ref_of(600),
					      .client = 1,
					      .successor = ref_of(601),
					      .successor_expires_ms = T0 + 100 * 3600000},
			      .now_ms = T0 + 1};

	WRITE(bench, rotate_work, &call);
	assert_int_equal(call.outcome, HC_REDEEM_OK);
	assert_int_equal(call.expires_ms, T0 + 8 * 3600000);
	assert_int_equal(call.grant.id, 300);
}

/* A successor that cannot be written (its id is taken) undoes the use of the token as well. */
static void a_rotation_that_fails_uses_nothing_up(void **state)
{
	struct bench *bench = bench_of(state);
	struct rotate call = {.refresh_try = {.ref = ref_of(600),
					      .client = 1,
					      .successor = ref_of(600),
					      .successor_expires_ms = T0 + 3600000},
			      .now_ms = T0 + 1};

	assert_int_equal(write_now(bench, rotate_work, &call), HC_ERR_EXISTS);
	assert_true(is_usable(bench, 600));
}

struct revoke {
	int64_t id, client;
};

static enum hc_err revoke_work(struct hc_gstore_tx *tx, void *ctx)
{
	const struct revoke *revoke = ctx;
	const struct hc_ticket_ref ref = ref_of(revoke->id);

	return hc_refresh_revoke(tx, &ref, revoke->client, T0 + 5);
}

static void revoking_any_token_of_a_family_ends_it_but_only_by_its_client(void **state)
{
	struct bench *bench = bench_of(state);
	struct revoke foreign = {.id = 600, .client = 2}, own = {.id = 600, .client = 1};

	assert_int_equal(rotate(bench, 600, 601, 0, 1), HC_REDEEM_OK);
	assert_int_equal(write_now(bench, revoke_work, &foreign), HC_ERR_NOTFOUND);
	assert_true(family_is_alive(bench));
	WRITE(bench, revoke_work, &own);
	assert_false(family_is_alive(bench));
	assert_false(is_usable(bench, 601));
	assert_int_equal(write_now(bench, revoke_work, &own), HC_ERR_NOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_that_is_foreign_wrong_or_over_is_refused_and_nothing_changes),
		TEST(a_token_is_used_once_and_its_successor_takes_its_place),
		TEST(a_public_client_that_repeats_ends_its_family_at_once),
		TEST(a_repeat_within_the_grace_gets_a_new_successor_and_the_earlier_one_is_void),
		TEST(a_repeat_after_the_grace_ends_the_family_and_repeating_does_not_prolong_it),
		TEST(a_repeat_whose_successor_was_used_ends_the_family_even_within_the_grace),
		TEST(a_void_successor_that_is_used_ends_the_family),
		TEST(a_clock_set_back_by_an_hour_does_not_open_the_grace_again),
		TEST(a_successor_never_outlives_the_grant),
		TEST(a_rotation_that_fails_uses_nothing_up),
		TEST(revoking_any_token_of_a_family_ends_it_but_only_by_its_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
