/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-ins on a connection: surprises, deadlines, callers and their names. */
#include "connection_support.h"

/* ---- surprises ---- */

static void whatever_is_no_permitted_message_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	static const uint8_t garbage[] = {1, 0, 0, 9, 0, 0, 0, 0, 'x'};
	static const struct {
		enum hc_caller_kind caller;
		int type; /* 0: garbage, -1: an empty packet */
	} table[] = {
		{HC_CALLER_ROOT, 0},
		{HC_CALLER_ROOT, -1},
		{HC_CALLER_ROOT, HC_MSG_ANSWER},
		{HC_CALLER_ROOT, HC_MSG_CANCEL},
		{HC_CALLER_ROOT, HC_MSG_RESULT},
		{HC_CALLER_ROOT, HC_MSG_STATUS},
		{HC_CALLER_USER, HC_MSG_STATUS},
		{HC_CALLER_ADMIN, HC_MSG_HELLO},
		{HC_CALLER_ADMIN, HC_MSG_END},
		{HC_CALLER_ADMIN, 0},
	};

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		connect_as(rig, table[i].caller, 0);
		if (table[i].type > 0)
			send_plain(rig, (enum hc_msg_type)table[i].type);
		else
			assert_true(send(rig->fd, garbage, table[i].type == 0 ? sizeof(garbage) : 0,
					 MSG_NOSIGNAL) >= 0);
		step(rig, 4);
		if (rig->loop->connections != NULL)
			fail_msg("row %zu: the connection lives", i);
		assert_closed(rig);
		(void)close(rig->fd);
		rig->fd = -1;
	}
	assert_int_equal(rig->bench->lines, 1); /* ten surprises, one line a minute */
}

static void a_hello_without_what_it_needs_ends_the_connection(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ROOT, 0);
	send_plain(rig, HC_MSG_HELLO);
	step(rig, 4);
	assert_closed(rig);
	assert_int_equal(rig->bench->lines, 1);
}

static void a_descriptor_sent_along_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = rig->msg.packet};
	struct msghdr packet = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = control.space,
				.msg_controllen = sizeof(control.space)};

	connect_as(rig, HC_CALLER_ROOT, 0);
	enrolled(rig, "martin");
	hc_msg_init(&rig->msg, HC_MSG_HELLO);
	hc_msg_put_u32(&rig->msg, HC_FIELD_REQUEST, HC_REQUEST_ACCOUNT);
	hc_msg_put_text(&rig->msg, HC_FIELD_SERVICE, SERVICE);
	hc_msg_put_text(&rig->msg, HC_FIELD_USER, "martin");
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	part.iov_len = rig->msg.len;
	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(&control.header), &(int){STDIN_FILENO}, sizeof(int));
	assert_int_equal(sendmsg(rig->fd, &packet, MSG_NOSIGNAL), part.iov_len);
	step(rig, 4);
	assert_closed(rig);
	assert_int_equal(rig->bench->lines, 1);
}

static void a_packet_longer_than_any_message_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	static uint8_t packet[HC_MSG_MAX + 1] = {1, 0, 0, HC_MSG_HELLO};

	connect_as(rig, HC_CALLER_ROOT, 0);
	assert_int_equal(send(rig->fd, packet, sizeof(packet), MSG_NOSIGNAL), sizeof(packet));
	step(rig, 4);
	assert_closed(rig);
}

/* ---- time ---- */

static void a_caller_that_says_nothing_is_closed_after_five_seconds(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ROOT, 0);
	step(rig, 4);
	assert_silent(rig);
	rig->shift_ms += HC_HELLO_MS - 2000;
	step(rig, 4);
	assert_silent(rig);
	rig->shift_ms += 2000;
	step(rig, 4);
	assert_closed(rig);
}

static void a_person_that_is_waited_for_costs_signs_of_life_and_then_times_out(void **state)
{
	struct rig *rig = *state;
	int64_t seconds = rig->config.policy.answer_timeout_s;

	enrolled(rig, "martin");
	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "martin", SERVICE);
	assert_int_equal(received(rig), HC_MSG_STEP);
	for (int64_t waited_ms = HC_KEEPALIVE_MS; waited_ms < seconds * 1000; waited_ms += HC_KEEPALIVE_MS) {
		step(rig, 4);
		assert_silent(rig);
		rig->shift_ms += HC_KEEPALIVE_MS;
		assert_int_equal(received(rig), HC_MSG_KEEPALIVE);
	}
	rig->shift_ms += HC_KEEPALIVE_MS;
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_TIMED_OUT);
	step(rig, 4);
	assert_closed(rig);
}

static void an_idle_administrator_is_closed_after_ten_minutes(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ADMIN, 0);
	rig->shift_ms += HC_ADMIN_IDLE_MS - 2000;
	step(rig, 4);
	assert_silent(rig);
	rig->shift_ms += 2000;
	step(rig, 4);
	assert_closed(rig);
}

static void a_jump_of_the_clock_stands_in_the_trail(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record last;

	step(rig, 2);
	rig->shift_ms += 3600000;
	step(rig, 2);
	assert_int_equal(hc_store_audit_last(rig->bench->store, &last), HC_OK);
	assert_string_equal(last.event, "clock-jump");
	assert_memory_equal(last.detail, "+3", 2);
	assert_int_equal(last.seq, 1);
}

/* ---- conversations ---- */

static void one_conversation_a_connection(void **state)
{
	struct rig *rig = *state;

	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "nobody-here", SERVICE);
	send_hello(rig, "nobody-here", SERVICE);
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY_UNKNOWN);
	step(rig, 4);
	assert_closed(rig);
	assert_int_equal(rig->bench->lines, 0);
}

static void who_goes_away_in_the_middle_stands_in_the_trail(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record last;

	enrolled(rig, "martin");
	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "martin", SERVICE);
	assert_int_equal(received(rig), HC_MSG_STEP);
	(void)close(rig->fd);
	rig->fd = -1;
	step(rig, 4);
	assert_null(rig->loop->connections);
	assert_int_equal(hc_store_audit_last(rig->bench->store, &last), HC_OK);
	assert_string_equal(last.login, "martin");
	assert_string_not_equal(last.outcome, "success");
	assert_int_equal(rig->bench->lines, 0); /* to go away is no surprise */
}

/* The user is "nobody" of every Debian machine; the name comes from the resolver's process. */
static void an_unprivileged_caller_is_named_by_its_uid_and_asks_for_itself_alone(void **state)
{
	struct rig *rig = *state;

	enrolled(rig, "nobody");
	connect_as(rig, HC_CALLER_USER, 65534);
	send_hello(rig, "martin", "swaylock");
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_CALLER_NOT_ALLOWED);
	step(rig, 4);
	assert_closed(rig);
	(void)close(rig->fd);
	assert_int_equal(rig->bench->lines, 0); /* no warning that the name service is slow */

	assert_int_equal(kill(hc_resolver_pid(rig->resolver), SIGSTOP), 0);
	connect_as(rig, HC_CALLER_USER, 65534);
	send_hello(rig, "nobody", "swaylock");
	assert_int_equal(received(rig), HC_MSG_STEP); /* remembered: no second question */
	assert_int_equal(kill(hc_resolver_pid(rig->resolver), SIGCONT), 0);
}

static void a_uid_without_a_name_is_refused(void **state)
{
	struct rig *rig = *state;

	enrolled(rig, "martin");
	connect_as(rig, HC_CALLER_USER, 3999999999);
	send_hello(rig, "martin", "swaylock");
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY);
	assert_int_equal(rig->bench->lines, 0);
}

static int64_t trail_len(const struct rig *rig)
{
	struct hc_audit_record last = {.seq = 0};

	return hc_store_audit_last(rig->bench->store, &last) == HC_OK ? last.seq : 0;
}

/* Each refusal is a record and a sync of the disk, which a user could otherwise fill. */
static void an_unprivileged_caller_does_not_fill_the_trail(void **state)
{
	struct rig *rig = *state;
	unsigned busy = 0;

	for (unsigned i = 0; i < 3 * HC_PACE_BURST; i++) {
		connect_as(rig, HC_CALLER_USER, 65534);
		send_hello(rig, "martin", "swaylock");
		assert_int_equal(received(rig), HC_MSG_RESULT);
		assert_int_not_equal(number(rig, HC_FIELD_VERDICT), HC_ALLOW);
		busy += number(rig, HC_FIELD_REASON) == HC_REASON_BROKER_BUSY ? 1 : 0;
		step(rig, 4);
		(void)close(rig->fd);
		rig->fd = -1;
	}
	assert_in_range(trail_len(rig), HC_PACE_BURST, HC_PACE_BURST + 2);
	assert_in_range(busy, 2 * HC_PACE_BURST - 2, 2 * HC_PACE_BURST);
	assert_int_equal(rig->bench->lines, 1); /* one line for all of them */
	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "martin", SERVICE);
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_UNKNOWN_PERSON);
}

/* Who starts su(1) a thousand times and never answers must keep nobody but himself out. */
static void open_questions_of_one_person_are_few(void **state)
{
	struct rig *rig = *state;
	int fds[HC_ASKING_PER_PERSON];
	struct hc_credential other;

	enrolled(rig, "martin");
	other = credential_of(add_person(rig->bench->store, "durand"), "mnopqrstuvwx", HC_CREDENTIAL_TOTP);
	add_credential(rig->bench->store, &other);
	for (unsigned i = 0; i < HC_ASKING_PER_PERSON; i++) {
		connect_as(rig, HC_CALLER_ROOT, 0);
		send_hello(rig, "martin", "su");
		assert_int_equal(received(rig), HC_MSG_STEP);
		fds[i] = rig->fd;
	}
	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "martin", "su");
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY_UNAVAILABLE);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_BROKER_BUSY);
	(void)close(rig->fd);
	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "durand", SERVICE);
	assert_int_equal(received(rig), HC_MSG_STEP);
	(void)close(rig->fd);
	(void)close(fds[0]);
	step(rig, 8);
	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "martin", SERVICE);
	assert_int_equal(received(rig), HC_MSG_STEP);
	for (unsigned i = 1; i < HC_ASKING_PER_PERSON; i++)
		(void)close(fds[i]);
}

static void a_name_service_that_hangs_costs_its_caller_the_name_and_nobody_else_anything(void **state)
{
	struct rig *rig = *state;
	int waiting = -1;

	assert_int_equal(kill(hc_resolver_pid(rig->resolver), SIGSTOP), 0);
	enrolled(rig, "martin");
	connect_as(rig, HC_CALLER_USER, 65534);
	send_hello(rig, "nobody", "swaylock");
	step(rig, 4);
	assert_silent(rig);
	assert_non_null(rig->loop->connections->held);
	waiting = rig->fd;
	rig->shift_ms += HC_RESOLVER_MS;

	connect_as(rig, HC_CALLER_ROOT, 0);
	send_hello(rig, "martin", SERVICE);
	assert_int_equal(received(rig), HC_MSG_STEP);
	(void)close(rig->fd);
	rig->fd = waiting;
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_CALLER_NOT_ALLOWED);
	assert_int_equal(kill(hc_resolver_pid(rig->resolver), SIGCONT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(whatever_is_no_permitted_message_ends_the_connection),
		IN_RIG(a_hello_without_what_it_needs_ends_the_connection),
		IN_RIG(a_descriptor_sent_along_ends_the_connection),
		IN_RIG(a_packet_longer_than_any_message_ends_the_connection),
		IN_RIG(a_caller_that_says_nothing_is_closed_after_five_seconds),
		IN_RIG(a_person_that_is_waited_for_costs_signs_of_life_and_then_times_out),
		IN_RIG(an_idle_administrator_is_closed_after_ten_minutes),
		IN_RIG(a_jump_of_the_clock_stands_in_the_trail),
		IN_RIG(one_conversation_a_connection),
		IN_RIG(who_goes_away_in_the_middle_stands_in_the_trail),
		IN_RIG(an_unprivileged_caller_is_named_by_its_uid_and_asks_for_itself_alone),
		IN_RIG(a_uid_without_a_name_is_refused),
		IN_RIG(an_unprivileged_caller_does_not_fill_the_trail),
		IN_RIG(open_questions_of_one_person_are_few),
		IN_RIG(a_name_service_that_hangs_costs_its_caller_the_name_and_nobody_else_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
