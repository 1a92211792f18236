/* SPDX-License-Identifier: Apache-2.0 */
/* Audit records on their way to the broker: none without room, none lost, none twice, all in order. */
#include "gstore_support.h"

#include "store/outbox.h"
#include "store/purge.h"
#include "tests/support/sqlite_file.h"

static struct hc_outbox_record record_of(const char *detail)
{
	struct hc_outbox_record record = {
		.time_ms = T0, .event = HC_OUTBOX_LOGOUT, .success = true, .person_id = 7, .login = "martin"};

	(void)snprintf(record.detail, sizeof(record.detail), "%s", detail);
	return record;
}

static enum hc_err add_record(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_outbox_add(tx, ctx);
}

static enum hc_err drop(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_outbox_drop(tx, *(const int64_t *)ctx);
}

static void put(struct bench *bench, int number)
{
	char detail[16];

	(void)snprintf(detail, sizeof(detail), "%d", number);
	struct hc_outbox_record record = record_of(detail);
	WRITE(bench, add_record, &record);
}

static int64_t waiting(struct bench *bench)
{
	int64_t count = -1;

	assert_int_equal(hc_outbox_waiting(view_of(bench), &count), HC_OK);
	return count;
}

/* ---- what is refused ---- */

static void a_record_outside_of_its_bounds_is_refused(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record cases[7];

	for (size_t i = 0; i < HC_COUNT(cases); i++)
		cases[i] = record_of("x");
	cases[0].event = HC_OUTBOX_EVENT_COUNT;
	cases[1].person_id = -1;
	memset(cases[2].login, 'a', sizeof(cases[2].login)); /* without an end, as are the others */
	memset(cases[3].client_id, 'a', sizeof(cases[3].client_id));
	memset(cases[4].origin, 'a', sizeof(cases[4].origin));
	memset(cases[5].actor, 'a', sizeof(cases[5].actor));
	memset(cases[6].detail, 'a', sizeof(cases[6].detail));
	for (size_t i = 0; i < HC_COUNT(cases); i++)
		if (write_now(bench, add_record, &cases[i]) != HC_ERR_INVALID)
			fail_msg("case %zu", i);
	assert_int_equal(waiting(bench), 0);
}

struct sign_out {
	int64_t session;
	enum hc_outbox_event event;
};

/* An act and its proof, as one member. */
static enum hc_err sign_out(struct hc_gstore_tx *tx, void *ctx)
{
	const struct sign_out *what = ctx;
	struct hc_outbox_record record = record_of("");
	const enum hc_err err = hc_session_end(tx, what->session, T0 + 1);

	record.event = what->event;
	return err == HC_OK ? hc_outbox_add(tx, &record) : err;
}

/* The first and the last of so many records that wait. */
static void fill(struct bench *bench, int64_t count)
{
	char sql[512];

	hc_gstore_free(&bench->store);
	(void)snprintf(
		sql, sizeof(sql),
		"DELETE FROM outbox; INSERT INTO outbox SELECT n, 0, 'logout', 1, 0, 0, '', '', '', '', ''"
		" FROM (SELECT 1 AS n UNION ALL SELECT %" PRId64 ")",
		count);
	file_execute(bench->path, sql);
	assert_int_equal(bench_open(bench), HC_OK);
	assert_int_equal(waiting(bench), count);
}

static void an_act_without_room_for_its_proof_does_not_happen(void **state)
{
	struct bench *bench = *state;
	struct hc_browser_session session = session_of(100, 7), read;
	struct sign_out what = {.session = 100, .event = HC_OUTBOX_LOGOUT};
	int64_t seq = 1;

	WRITE(bench, add_session, &session);
	fill(bench, HC_OUTBOX_MAX);
	assert_int_equal(write_now(bench, sign_out, &what), HC_ERR_FULL);
	assert_int_equal(hc_session_by_sid(view_of(bench), "sid-100", &read), HC_OK); /* still signed in */
	assert_int_equal(waiting(bench), HC_OUTBOX_MAX);

	WRITE(bench, drop, &seq); /* the broker is back */
	WRITE(bench, sign_out, &what);
	assert_int_equal(hc_session_by_sid(view_of(bench), "sid-100", &read), HC_ERR_NOTFOUND);
}

static void refusals_that_anybody_can_cause_leave_half_of_the_room_to_people(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record refusal = record_of("wrong secret"), logout = record_of("");

	refusal.event = HC_OUTBOX_CLIENT_REFUSED;
	fill(bench, HC_OUTBOX_MAX / 2 - 1);
	WRITE(bench, add_record, &refusal);
	assert_int_equal(write_now(bench, add_record, &refusal), HC_ERR_FULL);
	WRITE(bench, add_record, &logout);
	fill(bench, HC_OUTBOX_MAX - 1);
	WRITE(bench, add_record, &logout);
	assert_int_equal(write_now(bench, add_record, &logout), HC_ERR_FULL);
}

static enum hc_err purge_all(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_purge_step(tx, INT64_MAX, ctx);
}

static void a_purge_leaves_records_that_were_not_delivered(void **state)
{
	struct bench *bench = *state;
	size_t deleted = 0;

	put(bench, 1);
	WRITE(bench, purge_all, &deleted);
	assert_int_equal(deleted, 0);
	assert_int_equal(waiting(bench), 1);
}

/* ---- what comes back ---- */

static void a_record_comes_back_as_it_was_written(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record record = record_of(""), read[2];
	size_t count = 0;

	for (int event = 0; event < HC_OUTBOX_EVENT_COUNT; event++) {
		int64_t seq = event + 1;

		record.seq = 99; /* ignored */
		record.event = (enum hc_outbox_event)event;
		record.success = event % 2 == 0;
		record.reason = event % 2 == 0 ? HC_REASON_NONE : HC_REASON_NOT_PERMITTED;
		record.person_id = event == 0 ? 0 : INT64_MAX;
		memset(record.login, 'l', HC_OUTBOX_LOGIN_MAX);
		memset(record.client_id, 'c', HC_CLIENT_ID_MAX);
		memset(record.origin, 'o', HC_OUTBOX_ORIGIN_MAX);
		memset(record.actor, 'a', HC_OUTBOX_ACTOR_MAX);
		memset(record.detail, 'd', HC_OUTBOX_DETAIL_MAX);
		WRITE(bench, add_record, &record);
		bench_reopen(bench);
		assert_int_equal(hc_outbox_list(view_of(bench), 2, read, &count), HC_OK);
		assert_int_equal(count, 1);
		record.seq = seq;
		assert_memory_equal(&read[0], &record, sizeof(record));
		WRITE(bench, drop, &seq);
	}
}

static void records_leave_oldest_first_in_batches_and_what_is_dropped_is_gone_for_good(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record batch[HC_OUTBOX_BATCH];
	int64_t taken = 0;
	size_t count = 0;

	for (int i = 1; i <= 150; i++)
		put(bench, i);
	assert_int_equal(waiting(bench), 150);
	while (hc_outbox_list(view_of(bench), HC_OUTBOX_BATCH, batch, &count) == HC_OK && count > 0) {
		assert_int_equal(count, taken < 128 ? HC_OUTBOX_BATCH : 150 - 128);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(batch[i].seq, ++taken);
			assert_int_equal(strtol(batch[i].detail, NULL, 10), taken);
		}
		WRITE(bench, drop, &taken);
		WRITE(bench, drop, &taken); /* once more, as after an answer that came twice */
		assert_int_equal(waiting(bench), 150 - taken);
	}
	assert_int_equal(taken, 150);
}

static void a_number_is_never_given_twice_also_after_the_last_record_left(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record record;
	int64_t seq = 0;
	size_t count = 0;

	for (int i = 1; i <= 3; i++) {
		put(bench, i);
		seq = i;
		bench_reopen(bench);
		assert_int_equal(hc_outbox_list(view_of(bench), 1, &record, &count), HC_OK);
		assert_int_equal(count, 1);
		assert_int_equal(record.seq, i);
		WRITE(bench, drop, &seq);
		bench_reopen(bench);
		assert_int_equal(waiting(bench), 0);
	}
}

static enum hc_err add_and_fail(struct hc_gstore_tx *tx, void *ctx)
{
	const enum hc_err err = hc_outbox_add(tx, ctx);

	return err == HC_OK ? HC_ERR_STATE : err;
}

static void the_record_of_an_act_that_was_undone_is_undone_and_leaves_no_gap(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record record = record_of("undone"), read[3];
	size_t count = 0;

	put(bench, 1);
	assert_int_equal(write_now(bench, add_and_fail, &record), HC_ERR_STATE);
	put(bench, 2);
	assert_int_equal(hc_outbox_list(view_of(bench), 3, read, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(read[1].seq, 2);
	assert_string_equal(read[1].detail, "2");
}

static void an_event_that_nobody_knows_is_corruption_and_never_a_guess(void **state)
{
	struct bench *bench = *state;
	struct hc_outbox_record record;
	size_t count = 0;

	put(bench, 1);
	hc_gstore_free(&bench->store);
	file_execute(bench->path, "UPDATE outbox SET event = 'unheard-of'");
	assert_int_equal(bench_open(bench), HC_OK);
	assert_int_equal(hc_outbox_list(view_of(bench), 1, &record, &count), HC_ERR_CORRUPT);
	assert_int_equal(count, 0);
	assert_non_null(strstr(bench->log, "column=event"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_outside_of_its_bounds_is_refused),
		TEST(an_act_without_room_for_its_proof_does_not_happen),
		TEST(refusals_that_anybody_can_cause_leave_half_of_the_room_to_people),
		TEST(a_purge_leaves_records_that_were_not_delivered),
		TEST(a_record_comes_back_as_it_was_written),
		TEST(records_leave_oldest_first_in_batches_and_what_is_dropped_is_gone_for_good),
		TEST(a_number_is_never_given_twice_also_after_the_last_record_left),
		TEST(the_record_of_an_act_that_was_undone_is_undone_and_leaves_no_gap),
		TEST(an_event_that_nobody_knows_is_corruption_and_never_a_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
