/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities over cards and their lists in the broker: when they are read again, and what of them does not count. */
#include "cps_cards_support.h"

#include <fcntl.h>

/* Later than the broker looks again at the earliest. */
#define A_LOOK_LATER 1001

static enum hc_err get(struct cards *cards, struct hc_cps_trust_view *view)
{
	return hc_cps_trust_get(cards->rig->authd.cps_trust, view);
}

static void one_bad_authority_lets_nobody_on_until_it_is_gone(void **state)
{
	struct cards *cards = *state;
	struct hc_cps_trust_view view;
	char path[128];

	OK(get(cards, &view));
	assert_int_equal(hc_trust_count(view.trust), 2);
	keep(&cards->trust, "broken.pem", "no certificate", 14);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	assert_int_not_equal(get(cards, &view), HC_OK);
	assert_int_equal(unlink(tempdir_file(&cards->trust, "broken.pem", path, sizeof(path))), 0);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	OK(get(cards, &view));
	assert_int_equal(hc_trust_count(view.trust), 2);
}

static void a_directory_that_is_gone_or_empty_lets_nobody_on(void **state)
{
	struct cards *cards = *state;
	struct hc_cps_trust_view view;
	char path[128], other[140];

	assert_int_equal(unlink(tempdir_file(&cards->trust, "people.crt", path, sizeof(path))), 0);
	assert_int_equal(unlink(tempdir_file(&cards->trust, "test.crt", path, sizeof(path))), 0);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	assert_int_equal(get(cards, &view), HC_ERR_NOTFOUND);
	trust_in(cards, "people.crt", &people);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	OK(get(cards, &view));
	snprintf(other, sizeof(other), "%s.away", cards->trust.path);
	assert_int_equal(rename(cards->trust.path, other), 0);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	assert_int_equal(get(cards, &view), HC_ERR_NOTFOUND);
	assert_int_equal(rename(other, cards->trust.path), 0);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	OK(get(cards, &view));
}

static void one_bad_list_is_left_out_and_the_others_count(void **state)
{
	struct cards *cards = *state;
	struct hc_cps_trust_view view;

	OK(get(cards, &view));
	assert_int_equal(hc_cps_crls_count(view.crls), 2);
	assert_int_equal(view.refused, 0);
	keep(&cards->lists, "people.crl", "no list", 7);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	OK(get(cards, &view));
	assert_int_equal(hc_cps_crls_count(view.crls), 1);
	assert_int_equal(view.refused, 1);
}

static void a_list_that_takes_anothers_place_is_read_though_size_and_time_are_the_same(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject named = hc_test_card();
	struct hc_test_party card;
	struct hc_cps_trust_view view;
	struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
	char path[128], next[128];

	named.serial = 777;
	card = hc_test_issue(&named, &people);
	tempdir_file(&cards->lists, "people.crl", path, sizeof(path));
	tempdir_file(&cards->lists, ".next", next, sizeof(next));
	publish(cards, "people.crl", &people, 666, -DAY, DAY);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	assert_int_equal(refusal(cards, &card), HC_REASON_CARD_UNKNOWN);
	publish(cards, ".next", &people, 777, -DAY, DAY);
	assert_int_equal(utimensat(AT_FDCWD, next, times, 0), 0);
	assert_int_equal(rename(next, path), 0);
	assert_int_equal(refusal(cards, &card), HC_REASON_CARD_UNKNOWN); /* looked at a moment ago */
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	assert_int_equal(refusal(cards, &card), HC_REASON_CERTIFICATE_REVOKED);
	OK(get(cards, &view));
	hc_test_party_clear(&card);
}

static void what_did_not_change_is_not_read_again(void **state)
{
	struct cards *cards = *state;
	struct hc_cps_trust_view before, after;

	OK(get(cards, &before));
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	OK(get(cards, &after));
	assert_ptr_equal(before.trust, after.trust);
	assert_ptr_equal(before.crls, after.crls);
}

static void without_a_directory_for_lists_none_counts_and_nothing_breaks(void **state)
{
	struct cards *cards = *state;
	struct hc_cps_trust_view view;
	char path[128];

	assert_int_equal(unlink(tempdir_file(&cards->lists, "people.crl", path, sizeof(path))), 0);
	assert_int_equal(unlink(tempdir_file(&cards->lists, "test.crl", path, sizeof(path))), 0);
	fake_clock_pass(&cards->rig->clock, A_LOOK_LATER);
	OK(get(cards, &view));
	assert_int_equal(hc_cps_crls_count(view.crls), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_bad_authority_lets_nobody_on_until_it_is_gone),
		TEST(a_directory_that_is_gone_or_empty_lets_nobody_on),
		TEST(one_bad_list_is_left_out_and_the_others_count),
		TEST(a_list_that_takes_anothers_place_is_read_though_size_and_time_are_the_same),
		TEST(what_did_not_change_is_not_read_again),
		TEST(without_a_directory_for_lists_none_counts_and_nothing_breaks),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
