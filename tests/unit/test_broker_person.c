/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about people, and being told of changes: nothing is known but what the broker said just now. */
#include "broker_support.h"

#include "tests/support/fault.h"

struct inquiry {
	unsigned answers;
	enum hc_err err;
	struct hc_person_answer answer;
};

static void on_person(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct inquiry *inquiry = ctx;

	assert_true((err == HC_OK) == (answer != NULL));
	inquiry->answers++;
	inquiry->err = err;
	if (answer != NULL)
		inquiry->answer = *answer;
}

static void inquire(struct rig *rig, int64_t id, struct inquiry *inquiry)
{
	*inquiry = (struct inquiry){.answers = 0};
	assert_int_equal(hc_broker_person_ask(rig->link, id, on_person, inquiry), HC_OK);
	assert_int_equal(inquiry->answers, 0); /* not inside of the call */
}

static void expect_question(struct rig *rig, int fd, uint64_t id)
{
	assert_int_equal(heard(rig, fd), HC_MSG_PERSON_GET);
	assert_int_equal(number_of(rig, HC_FIELD_PERSON_ID), id);
}

static void expect_error(const struct inquiry *inquiry, enum hc_err err)
{
	assert_int_equal(inquiry->answers, 1);
	assert_int_equal(inquiry->err, err);
}

/* ---- answers ---- */

static void an_answer_about_somebody_else_is_none(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiry;
	int fd = -1;

	inquire(rig, 7, &inquiry);
	fd = accepted(rig);
	expect_question(rig, fd, 7);
	say_person(rig, fd, 8, HC_ALLOW, HC_REASON_NONE);
	expect_error(&inquiry, HC_ERR_PROTOCOL);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

static void a_malformed_answer_is_none(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum hc_msg_type type;
		uint32_t verdict;
		bool person, extra;
	} rows[] = {
		{HC_MSG_PERSON, HC_ALLOW, false, false}, {HC_MSG_PERSON, HC_DENY_EXPIRED, false, false},
		{HC_MSG_PERSON, HC_GRACE, true, false},	 {HC_MSG_PERSON, HC_EXEMPT, true, false},
		{HC_MSG_PERSON, 77, true, false},	 {HC_MSG_PERSON, HC_ALLOW, true, true},
		{HC_MSG_RESULT, HC_ALLOW, true, false},	 {HC_MSG_PERSON_CHANGED, HC_ALLOW, true, false},
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct inquiry inquiry;
		int fd = -1;

		inquire(rig, 7, &inquiry);
		fd = accepted(rig);
		expect_question(rig, fd, 7);
		make_result(rig, rows[i].verdict, HC_REASON_NONE);
		rig->msg.type = rows[i].type;
		if (rows[i].person)
			put_person(rig, 7, "martin");
		if (rows[i].extra)
			hc_msg_put_text(&rig->msg, HC_FIELD_SERVICE, "x");
		say(rig, fd);
		if (inquiry.answers != 1 || inquiry.err != HC_ERR_PROTOCOL)
			fail_msg("row %zu", i);
		(void)close(fd);
	}
}

static void each_verdict_is_told_as_what_it_is(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum hc_verdict verdict;
		enum hc_reason reason;
		enum hc_err err;
		bool exists, may;
	} rows[] = {
		{HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED, HC_OK, true, false},
		{HC_DENY, HC_REASON_PERSON_DISABLED, HC_OK, true, false},
		{HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON, HC_OK, false, false},
		{HC_DENY_UNAVAILABLE, HC_REASON_STORE_UNREADABLE, HC_ERR_AWAY, false, false},
		{HC_ALLOW, HC_REASON_NONE, HC_OK, true, true},
	};
	int fd = -1;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct inquiry inquiry;

		inquire(rig, 7, &inquiry);
		if (fd < 0)
			fd = accepted(rig); /* one connection serves them all */
		expect_question(rig, fd, 7);
		say_person(rig, fd, 7, rows[i].verdict, rows[i].reason);
		if (inquiry.answers != 1 || inquiry.err != rows[i].err ||
		    inquiry.answer.exists != rows[i].exists || inquiry.answer.may_sign_in != rows[i].may ||
		    (rows[i].err == HC_OK && inquiry.answer.reason != rows[i].reason))
			fail_msg("row %zu", i);
		if (rows[i].exists)
			assert_string_equal(inquiry.answer.person.login, "martin");
	}
	(void)close(fd);
}

/* ---- connections ---- */

static void four_connections_are_enough_and_the_rest_waits_its_turn(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiries[HC_BROKER_ASKS_MAX];
	struct inquiry late;
	int fds[HC_BROKER_LINES];

	for (size_t i = 0; i < HC_BROKER_ASKS_MAX; i++)
		inquire(rig, (int64_t)i + 1, &inquiries[i]);
	assert_int_equal(hc_broker_person_ask(rig->link, 1, on_person, &late), HC_ERR_FULL);
	for (size_t i = 0; i < HC_BROKER_LINES; i++)
		fds[i] = accepted(rig);
	assert_int_equal(accept_one(rig), -1);
	for (size_t answered = 0; answered < HC_BROKER_ASKS_MAX;) {
		for (size_t i = 0; i < HC_BROKER_LINES; i++) {
			assert_int_equal(heard(rig, fds[i]), HC_MSG_PERSON_GET);
			say_person(rig, fds[i], number_of(rig, HC_FIELD_PERSON_ID), HC_ALLOW, HC_REASON_NONE);
			answered++;
		}
	}
	for (size_t i = 0; i < HC_BROKER_ASKS_MAX; i++) {
		assert_int_equal(inquiries[i].answers, 1);
		assert_int_equal(inquiries[i].answer.person.id, i + 1);
	}
	assert_int_equal(rig->link->ask_count, 0);
	for (size_t i = 0; i < HC_BROKER_LINES; i++)
		(void)close(fds[i]);
}

static void a_connection_that_went_stale_costs_nobody_an_answer(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiry;
	int fd = -1;

	inquire(rig, 7, &inquiry);
	fd = accepted(rig);
	expect_question(rig, fd, 7);
	say_person(rig, fd, 7, HC_ALLOW, HC_REASON_NONE);
	inquire(rig, 8, &inquiry);
	expect_question(rig, fd, 8);
	(void)close(fd); /* as a broker does that restarts */
	turn(rig);
	assert_int_equal(inquiry.answers, 0);
	fd = accepted(rig);
	expect_question(rig, fd, 8);
	(void)close(fd); /* but not twice */
	turn(rig);
	expect_error(&inquiry, HC_ERR_AWAY);
}

static void a_connection_is_closed_when_it_is_not_used_for_long(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiry;
	int fd = -1;

	inquire(rig, 7, &inquiry);
	fd = accepted(rig);
	expect_question(rig, fd, 7);
	say_person(rig, fd, 7, HC_ALLOW, HC_REASON_NONE);
	pass(rig, HC_BROKER_LINE_MS - 1);
	assert_int_equal(heard(rig, fd), 0);
	pass(rig, 1);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
	inquire(rig, 7, &inquiry);
	fd = accepted(rig);
	expect_question(rig, fd, 7);
	(void)close(fd);
}

static void what_nobody_asked_for_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiry;
	int fd = -1;

	inquire(rig, 7, &inquiry);
	fd = accepted(rig);
	expect_question(rig, fd, 7);
	say_person(rig, fd, 7, HC_ALLOW, HC_REASON_NONE);
	say_person(rig, fd, 7, HC_DENY_EXPIRED, HC_REASON_PERSON_DISABLED);
	assert_int_equal(inquiry.answers, 1);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

static void a_broker_that_is_away_is_told_to_all_who_wait(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiries[10];

	listen_down(rig);
	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		inquire(rig, (int64_t)i + 1, &inquiries[i]);
	turn(rig);
	pass(rig, 2000);
	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		expect_error(&inquiries[i], HC_ERR_AWAY);
}

static void a_broker_that_hangs_is_told_to_all_who_wait(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiries[10];

	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		inquire(rig, (int64_t)i + 1, &inquiries[i]);
	turn(rig);
	pass(rig, 1999);
	assert_int_equal(inquiries[0].answers, 0);
	pass(rig, 1);
	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		expect_error(&inquiries[i], HC_ERR_TIMEOUT);
	assert_int_equal(rig->link->ask_count, 0);
}

struct nested {
	struct rig *rig;
	struct inquiry first, second;
};

static void ask_again(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct nested *nested = ctx;

	on_person(err, answer, &nested->first);
	inquire(nested->rig, 8, &nested->second);
}

static void asking_inside_of_an_answer_is_allowed(void **state)
{
	struct rig *rig = *state;
	struct nested nested = {.rig = rig};
	int fd = -1;

	assert_int_equal(hc_broker_person_ask(rig->link, 7, ask_again, &nested), HC_OK);
	fd = accepted(rig);
	expect_question(rig, fd, 7);
	say_person(rig, fd, 7, HC_ALLOW, HC_REASON_NONE);
	expect_question(rig, fd, 8);
	(void)close(fd);
	listen_down(rig);
	turn(rig);
	pass(rig, 2000);
	expect_error(&nested.second, HC_ERR_AWAY);
	assert_int_equal(nested.first.answers, 1);
}

static void every_failure_of_memory_or_the_system_is_told(void **state)
{
	struct rig *rig = *state;
	static const enum hc_fault_kind kinds[] = {HC_FAULT_MEMORY, HC_FAULT_SYSTEM};

	for (size_t i = 0; i < HC_COUNT(kinds); i++) {
		bool hit = true;

		for (unsigned n = 1; hit; n++) {
			struct inquiry inquiry = {.answers = 0};
			enum hc_err err = HC_OK;

			hc_fault_arm(kinds[i], n);
			err = hc_broker_person_ask(rig->link, 7, on_person, &inquiry);
			if (err == HC_OK)
				turn(rig);
			hit = hc_fault_hit();
			hc_fault_disarm();
			pass(rig, 2000); /* nobody answers */
			assert_int_equal(inquiry.answers, err == HC_OK ? 1 : 0);
			assert_true(err != HC_OK || inquiry.err != HC_OK);
			assert_int_equal(rig->link->ask_count, 0);
			int fd = accept_one(rig);
			if (fd >= 0)
				(void)close(fd);
			turn(rig);
		}
	}
}

static void a_link_that_ends_with_questions_open_calls_nobody(void **state)
{
	struct rig *rig = *state;
	struct inquiry inquiries[6];

	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		inquire(rig, (int64_t)i + 1, &inquiries[i]);
	turn(rig);
	hc_broker_link_free(&rig->link);
	turn(rig);
	for (size_t i = 0; i < HC_COUNT(inquiries); i++)
		assert_int_equal(inquiries[i].answers, 0);
}

/* ---- changes ---- */

struct news {
	unsigned up, down, changes;
	int64_t person_id;
	bool active;
};

static void on_live(bool live, void *ctx)
{
	struct news *news = ctx;

	*(live ? &news->up : &news->down) += 1;
}

static void on_changed(int64_t person_id, bool active, void *ctx)
{
	struct news *news = ctx;

	news->changes++;
	news->person_id = person_id;
	news->active = active;
}

static void watch(struct rig *rig, struct news *news)
{
	const struct hc_broker_watch how = {.live = on_live, .changed = on_changed, .ctx = news};

	*news = (struct news){.up = 0};
	assert_int_equal(hc_broker_link_watch(rig->link, &how), HC_OK);
	assert_int_equal(hc_broker_link_watch(rig->link, &how), HC_ERR_STATE);
}

static int watched(struct rig *rig)
{
	int fd = accepted(rig);

	assert_int_equal(heard(rig, fd), HC_MSG_WATCH);
	return fd;
}

static void nothing_is_live_before_the_broker_says_so(void **state)
{
	struct rig *rig = *state;
	struct news news;
	int fd = -1;

	watch(rig, &news);
	fd = watched(rig);
	assert_int_equal(news.up + news.down, 0);
	say_changed(rig, fd, 7, "disabled"); /* before it has confirmed */
	assert_int_equal(news.changes, 0);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
	assert_int_equal(news.up, 0);
}

static void changes_are_told_as_they_come(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *state;
		bool active;
	} rows[] = {{"disabled", false}, {"active", true}, {"removed", false}};
	struct news news;
	int fd = -1;

	watch(rig, &news);
	fd = watched(rig);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	assert_int_equal(news.up, 1);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		say_changed(rig, fd, 7 + i, rows[i].state);
		if (news.changes != i + 1 || news.person_id != (int64_t)(7 + i) ||
		    news.active != rows[i].active)
			fail_msg("row %zu", i);
	}
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	assert_int_equal(news.up, 1);
	assert_int_equal(news.down, 0);
	(void)close(fd);
}

static void a_change_of_an_unknown_kind_is_a_change_that_was_missed(void **state)
{
	struct rig *rig = *state;
	struct news news;
	int fd = -1;

	watch(rig, &news);
	fd = watched(rig);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	say_changed(rig, fd, 7, "suspended");
	assert_int_equal(news.changes, 0);
	assert_int_equal(news.down, 1);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

static void silence_is_the_end_of_what_is_live(void **state)
{
	struct rig *rig = *state;
	struct news news;
	int fd = -1;

	watch(rig, &news);
	fd = watched(rig);
	pass(rig, 1999);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	for (int i = 0; i < 50; i++) {
		pass(rig, 5000);
		say_type(rig, fd, HC_MSG_KEEPALIVE);
	}
	pass(rig, 11999);
	assert_int_equal(news.down, 0);
	pass(rig, 1);
	assert_int_equal(news.down, 1);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

/* Passes time until it tries again, and gives the connection. */
static int next_try(struct rig *rig, int64_t *ret_waited_ms)
{
	int fd = -1;

	for (*ret_waited_ms = 0; fd < 0 && *ret_waited_ms < 10000; *ret_waited_ms += 10) {
		pass(rig, 10);
		fd = accept_one(rig);
	}
	assert_true(fd >= 0);
	return fd;
}

/* The pauses between tries, each a quarter more or less; a broker that confirms has the short one again. */
static void it_watches_anew_after_pauses_that_grow_to_five_seconds(void **state)
{
	struct rig *rig = *state;
	static const int64_t pauses_ms[] = {250, 500, 1000, 2000, 4000, 5000, 5000};
	struct news news;
	int64_t waited_ms = 0;
	int fd = -1;

	watch(rig, &news);
	fd = watched(rig);
	for (size_t i = 0; i < HC_COUNT(pauses_ms); i++) {
		(void)close(fd);
		turn(rig);
		fd = next_try(rig, &waited_ms);
		if (waited_ms < pauses_ms[i] * 3 / 4 || waited_ms > pauses_ms[i] * 5 / 4 + 20)
			fail_msg("row %zu: after %d ms", i, (int)waited_ms);
	}
	assert_int_equal(heard(rig, fd), HC_MSG_WATCH);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	(void)close(fd);
	turn(rig);
	fd = next_try(rig, &waited_ms);
	assert_true(waited_ms <= 340);
	assert_int_equal(news.up, 1);
	assert_int_equal(news.down, 1);
	(void)close(fd);
}

static void it_says_once_that_the_broker_is_away_and_once_that_it_is_back(void **state)
{
	struct rig *rig = *state;
	struct news news;
	const char *first = NULL;
	int64_t waited_ms = 0;
	int fd = -1;

	listen_down(rig);
	watch(rig, &news);
	for (int i = 0; i < 100; i++)
		pass(rig, 1000);
	first = strstr(rig->log, "does not tell of changes");
	assert_non_null(first);
	assert_null(strstr(first + 1, "does not tell of changes"));
	listen_up(rig);
	fd = next_try(rig, &waited_ms);
	assert_int_equal(heard(rig, fd), HC_MSG_WATCH);
	say_type(rig, fd, HC_MSG_KEEPALIVE);
	assert_int_equal(news.up, 1);
	assert_int_equal(news.down, 0);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING(an_answer_about_somebody_else_is_none),
		LISTENING(a_malformed_answer_is_none),
		LISTENING(each_verdict_is_told_as_what_it_is),
		LISTENING(four_connections_are_enough_and_the_rest_waits_its_turn),
		LISTENING(a_connection_that_went_stale_costs_nobody_an_answer),
		LISTENING(a_connection_is_closed_when_it_is_not_used_for_long),
		LISTENING(what_nobody_asked_for_ends_the_connection),
		LISTENING(a_broker_that_is_away_is_told_to_all_who_wait),
		LISTENING(a_broker_that_hangs_is_told_to_all_who_wait),
		LISTENING(asking_inside_of_an_answer_is_allowed),
		LISTENING(every_failure_of_memory_or_the_system_is_told),
		LISTENING(a_link_that_ends_with_questions_open_calls_nobody),
		LISTENING(nothing_is_live_before_the_broker_says_so),
		LISTENING(changes_are_told_as_they_come),
		LISTENING(a_change_of_an_unknown_kind_is_a_change_that_was_missed),
		LISTENING(silence_is_the_end_of_what_is_live),
		LISTENING(it_watches_anew_after_pauses_that_grow_to_five_seconds),
		LISTENING(it_says_once_that_the_broker_is_away_and_once_that_it_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
