/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of people: never longer than the broker watches over it, and never across a change. */
#include "broker_support.h"

#include "persons.h"
#include "tests/support/fault.h"

struct bench {
	struct rig *rig;
	struct hc_persons *persons;
	int fd; /* of the questions; -1: none yet */
};

struct inquiry {
	unsigned answers;
	enum hc_err err;
	bool may;
};

static void on_person(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct inquiry *inquiry = ctx;

	assert_true((err == HC_OK) == (answer != NULL));
	inquiry->answers++;
	inquiry->err = err;
	inquiry->may = answer != NULL && answer->may_sign_in;
}

static void get(struct bench *bench, int64_t id, struct inquiry *inquiry)
{
	*inquiry = (struct inquiry){.answers = 0};
	hc_persons_get(bench->persons, id, on_person, inquiry);
}

/* The broker is asked about this person, and says whether he may. */
static void answer(struct bench *bench, uint64_t id, bool may)
{
	if (bench->fd < 0)
		bench->fd = accepted(bench->rig);
	assert_int_equal(heard(bench->rig, bench->fd), HC_MSG_PERSON_GET);
	assert_int_equal(number_of(bench->rig, HC_FIELD_PERSON_ID), id);
	say_person(bench->rig, bench->fd, id, may ? HC_ALLOW : HC_DENY_EXPIRED,
		   may ? HC_REASON_NONE : HC_REASON_PERSON_DISABLED);
}

static bool is_asked(struct bench *bench)
{
	return bench->fd >= 0 ? heard(bench->rig, bench->fd) == HC_MSG_PERSON_GET
			      : bench->rig->link->ask_count > 0;
}

static void know(struct bench *bench, int64_t id, bool may)
{
	struct inquiry inquiry;

	get(bench, id, &inquiry);
	assert_int_equal(inquiry.answers, 0);
	answer(bench, (uint64_t)id, may);
	assert_int_equal(inquiry.answers, 1);
	assert_int_equal(inquiry.may, may);
}

static void expect_remembered(struct bench *bench, int64_t id, bool may)
{
	struct inquiry inquiry;

	get(bench, id, &inquiry);
	assert_int_equal(inquiry.answers, 1);
	assert_int_equal(inquiry.err, HC_OK);
	assert_int_equal(inquiry.may, may);
}

static int bench_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	void *rig = NULL;

	if (bench == NULL || setup_listening(&rig) != 0)
		return -1;
	bench->rig = rig;
	bench->fd = -1;
	*state = bench;
	return hc_persons_new(bench->rig->link, &bench->rig->clock.clock, &bench->persons) == HC_OK ? 0 : -1;
}

static int bench_down(void **state)
{
	struct bench *bench = *state;
	void *rig = bench->rig;

	hc_persons_free(&bench->persons);
	if (bench->fd >= 0)
		(void)close(bench->fd);
	free(bench);
	return teardown(&rig);
}

/* ---- nothing is remembered ---- */

static void while_changes_are_not_told_everybody_is_asked_about_each_time(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 3; i++)
		know(bench, 7, i % 2 == 0);
}

static void when_the_watch_ends_everything_is_forgotten(void **state)
{
	struct bench *bench = *state;

	hc_persons_live(bench->persons, true);
	know(bench, 7, true);
	expect_remembered(bench, 7, true);
	hc_persons_live(bench->persons, false);
	know(bench, 7, false);
	hc_persons_live(bench->persons, true);
	know(bench, 7, false);
	expect_remembered(bench, 7, false);
}

static void a_change_makes_its_person_forgotten_and_nobody_else(void **state)
{
	struct bench *bench = *state;

	hc_persons_live(bench->persons, true);
	know(bench, 7, true);
	know(bench, 8, true);
	hc_persons_changed(bench->persons, 7);
	expect_remembered(bench, 8, true);
	know(bench, 7, false);
	hc_persons_changed(bench->persons, 9);
	expect_remembered(bench, 7, false);
}

static void an_answer_that_a_change_crossed_is_asked_for_again(void **state)
{
	struct bench *bench = *state;
	struct inquiry inquiry;

	hc_persons_live(bench->persons, true);
	get(bench, 7, &inquiry);
	turn(bench->rig);
	hc_persons_changed(bench->persons, 7); /* disabled; the answer is of before */
	answer(bench, 7, true);
	assert_int_equal(inquiry.answers, 0);
	answer(bench, 7, false);
	assert_int_equal(inquiry.answers, 1);
	assert_false(inquiry.may);
	expect_remembered(bench, 7, false);
}

static void an_answer_of_before_an_interruption_is_not_kept(void **state)
{
	struct bench *bench = *state;
	struct inquiry inquiry;

	hc_persons_live(bench->persons, true);
	get(bench, 7, &inquiry);
	turn(bench->rig);
	hc_persons_live(bench->persons, false);
	hc_persons_live(bench->persons, true);
	answer(bench, 7, true);
	assert_int_equal(inquiry.answers, 1);
	know(bench, 7, false);
}

static void what_is_a_minute_old_is_asked_for_again(void **state)
{
	struct bench *bench = *state;

	hc_persons_live(bench->persons, true);
	know(bench, 7, true);
	fake_clock_pass(&bench->rig->clock, HC_PERSONS_AGE_MS - 1);
	expect_remembered(bench, 7, true);
	fake_clock_pass(&bench->rig->clock, 1);
	know(bench, 7, false);
	expect_remembered(bench, 7, false);
}

static void errors_are_told_and_not_remembered(void **state)
{
	struct bench *bench = *state;
	struct inquiry inquiry;

	hc_persons_live(bench->persons, true);
	get(bench, 7, &inquiry);
	turn(bench->rig);
	(void)close(accepted(bench->rig));
	turn(bench->rig);
	assert_int_equal(inquiry.answers, 1);
	assert_int_equal(inquiry.err, HC_ERR_AWAY);
	know(bench, 7, true);
	expect_remembered(bench, 7, true);
}

/* ---- bounds ---- */

static void the_oldest_answer_makes_room(void **state)
{
	struct bench *bench = *state;

	hc_persons_live(bench->persons, true);
	for (int64_t id = 1; id <= HC_PERSONS_KEPT; id++)
		know(bench, id, true);
	for (int64_t id = 1; id <= HC_PERSONS_KEPT; id++)
		expect_remembered(bench, id, true);
	know(bench, HC_PERSONS_KEPT + 1, true);
	for (int64_t id = 2; id <= HC_PERSONS_KEPT + 1; id++)
		expect_remembered(bench, id, true);
	know(bench, 1, false);
	assert_false(is_asked(bench));
}

/* Changes, renewals and expiry in any order leave a table that says what the broker said last. */
static void the_table_holds_whatever_comes_and_goes(void **state)
{
	struct bench *bench = *state;
	static bool truth[3000];
	uint32_t dice = 1;

	hc_persons_live(bench->persons, true);
	for (int i = 0; i < 20000; i++) {
		struct inquiry inquiry;
		int64_t id = 0;

		dice = dice * 1664525 + 1013904223;
		id = 1 + (dice >> 8) % 2999;
		if ((dice >> 4) % 5 == 0) {
			truth[id] = !truth[id];
			hc_persons_changed(bench->persons, id);
		}
		get(bench, id, &inquiry);
		if (inquiry.answers == 0)
			answer(bench, (uint64_t)id, truth[id]);
		if (inquiry.answers != 1 || inquiry.may != truth[id])
			fail_msg("step %d: person %d", i, (int)id);
	}
}

static void many_who_ask_about_the_same_person_are_one_question(void **state)
{
	struct bench *bench = *state;
	struct inquiry inquiries[50], other;

	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		get(bench, 7, &inquiries[i]);
	get(bench, 8, &other);
	assert_int_equal(bench->rig->link->ask_count, 2);
	answer(bench, 7, true);
	for (size_t i = 0; i < HC_COUNT(inquiries); i++) {
		assert_int_equal(inquiries[i].answers, 1);
		assert_true(inquiries[i].may);
	}
	assert_int_equal(other.answers, 0);
}

static void more_questions_than_the_link_takes_are_refused_at_once(void **state)
{
	struct bench *bench = *state;
	static struct inquiry inquiries[HC_BROKER_ASKS_MAX + 1];

	for (int64_t i = 0; i <= HC_BROKER_ASKS_MAX; i++)
		get(bench, i + 1, &inquiries[i]);
	assert_int_equal(inquiries[HC_BROKER_ASKS_MAX].answers, 1);
	assert_int_equal(inquiries[HC_BROKER_ASKS_MAX].err, HC_ERR_FULL);
	assert_int_equal(inquiries[0].answers, 0);
}

struct nested {
	struct bench *bench;
	struct inquiry first, second;
};

static void get_again(enum hc_err err, const struct hc_person_answer *found, void *ctx)
{
	struct nested *nested = ctx;

	on_person(err, found, &nested->first);
	hc_persons_changed(nested->bench->persons, 7);
	get(nested->bench, 7, &nested->second);
}

static void asking_inside_of_an_answer_is_allowed(void **state)
{
	struct bench *bench = *state;
	struct nested nested = {.bench = bench};

	hc_persons_live(bench->persons, true);
	know(bench, 7, true);
	hc_persons_get(bench->persons, 7, get_again,
		       &nested); /* from the table, and gone from it meanwhile */
	assert_int_equal(nested.first.answers, 1);
	assert_int_equal(nested.second.answers, 0);
	answer(bench, 7, false);
	assert_false(nested.second.may);
	assert_int_equal(nested.second.answers, 1);
}

static void without_memory_everybody_is_told_so_and_once(void **state)
{
	struct bench *bench = *state;
	bool hit = true;

	for (unsigned n = 1; hit; n++) {
		struct inquiry inquiry;

		hc_fault_arm(HC_FAULT_MEMORY, n);
		get(bench, 7, &inquiry);
		hit = hc_fault_hit();
		hc_fault_disarm();
		assert_int_equal(inquiry.answers, hit ? 1 : 0);
		if (hit)
			assert_int_equal(inquiry.err, HC_ERR_NOMEM);
		else
			answer(bench, 7, true);
		assert_int_equal(inquiry.answers, 1);
	}
}

int main(void)
{
#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_up, bench_down)
	const struct CMUnitTest tests[] = {
		IN_BENCH(while_changes_are_not_told_everybody_is_asked_about_each_time),
		IN_BENCH(when_the_watch_ends_everything_is_forgotten),
		IN_BENCH(a_change_makes_its_person_forgotten_and_nobody_else),
		IN_BENCH(an_answer_that_a_change_crossed_is_asked_for_again),
		IN_BENCH(an_answer_of_before_an_interruption_is_not_kept),
		IN_BENCH(what_is_a_minute_old_is_asked_for_again),
		IN_BENCH(errors_are_told_and_not_remembered),
		IN_BENCH(the_oldest_answer_makes_room),
		IN_BENCH(the_table_holds_whatever_comes_and_goes),
		IN_BENCH(many_who_ask_about_the_same_person_are_one_question),
		IN_BENCH(more_questions_than_the_link_takes_are_refused_at_once),
		IN_BENCH(asking_inside_of_an_answer_is_allowed),
		IN_BENCH(without_memory_everybody_is_told_so_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
