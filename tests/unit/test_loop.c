/* SPDX-License-Identifier: Apache-2.0 */
/* Administration in the loop, and the loop's end. */
#include "connection_support.h"

/* ---- administration ---- */

static void an_answer_comes_in_rows_and_an_end(void **state)
{
	struct rig *rig = *state;
	int rows = 0;

	for (int i = 0; i < 40; i++) {
		char login[16];

		(void)snprintf(login, sizeof(login), "person%02d", i);
		(void)add_person(rig->bench->store, login);
	}
	connect_as(rig, HC_CALLER_ADMIN, 0);
	send_plain(rig, HC_MSG_USER_LIST);
	while (received(rig) == HC_MSG_ROW)
		rows++;
	assert_int_equal(rig->msg.type, HC_MSG_END);
	assert_int_equal(number(rig, HC_FIELD_ERR), HC_OK);
	assert_int_equal(rows, 40);
	send_plain(rig, HC_MSG_STATUS);
	assert_int_equal(received(rig), HC_MSG_ROW);
}

static void a_second_request_before_the_end_of_the_first_ends_the_connection(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ADMIN, 0);
	send_plain(rig, HC_MSG_STATUS);
	send_plain(rig, HC_MSG_STATUS);
	step(rig, 4);
	assert_null(rig->loop->connections);
}

static void an_administrator_who_does_not_read_holds_little_and_is_closed(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 4000; i++) {
		char login[16];

		(void)snprintf(login, sizeof(login), "person%04d", i);
		if (i % 200 == 0)
			BEGIN(rig->bench->store);
		struct hc_person person = person_of(login);
		int64_t id = 0;

		assert_int_equal(hc_store_person_add(rig->bench->store, &person, &id), HC_OK);
		if (i % 200 == 199)
			COMMIT(rig->bench->store);
	}
	connect_as(rig, HC_CALLER_ADMIN, 0);
	send_plain(rig, HC_MSG_USER_LIST);
	for (int i = 0; i < 20000 && rig->loop->connections->outbox.count == 0; i++)
		step(rig, 1);
	step(rig, 20);
	assert_int_equal(rig->loop->connections->outbox.count, 1);
	assert_true(hc_connection_busy(rig->loop->connections));
	rig->shift_ms += HC_ADMIN_WRITE_MS;
	step(rig, 4);
	assert_null(rig->loop->connections);
}

/* ---- the end ---- */

static void stopping_closes_the_idle_and_ends_the_loop(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ADMIN, 0);
	hc_loop_stop(rig->loop);
	assert_closed(rig);
	assert_int_equal(hc_loop_run(rig->loop), HC_OK);
}

static void stopping_lets_a_running_answer_end(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ADMIN, 0);
	send_plain(rig, HC_MSG_STATUS);
	assert_int_equal(hc_loop_step(rig->loop, 0), HC_OK);
	assert_true(hc_connection_busy(rig->loop->connections));
	hc_loop_stop(rig->loop);
	assert_int_equal(hc_loop_run(rig->loop), HC_OK);
	while (received(rig) == HC_MSG_ROW)
		;
	assert_int_equal(rig->msg.type, HC_MSG_END);
}

static void a_resolver_that_died_ends_the_loop_with_a_failure(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(kill(hc_resolver_pid(rig->resolver), SIGKILL), 0);
	assert_int_equal(hc_loop_run(rig->loop), HC_ERR_AWAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(an_answer_comes_in_rows_and_an_end),
		IN_RIG(a_second_request_before_the_end_of_the_first_ends_the_connection),
		IN_RIG(an_administrator_who_does_not_read_holds_little_and_is_closed),
		IN_RIG(stopping_closes_the_idle_and_ends_the_loop),
		IN_RIG(stopping_lets_a_running_answer_end),
		IN_RIG(a_resolver_that_died_ends_the_loop_with_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
