/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's connection: what it may say and when, persons, changes, deliveries, sign-ins, and their time. */
#include "connection_support.h"

#include <sys/un.h>

#define GATEWAY 990

/* ---- a store that fails when told to ---- */

static bool store_fails;

enum hc_err __real_hc_store_person_by_id(struct hc_store *store, int64_t id, struct hc_person *ret_person);
enum hc_err __wrap_hc_store_person_by_id(struct hc_store *store, int64_t id, struct hc_person *ret_person);
enum hc_err __wrap_hc_store_person_by_id(struct hc_store *store, int64_t id, struct hc_person *ret_person)
{
	return store_fails ? HC_ERR_IO : __real_hc_store_person_by_id(store, id, ret_person);
}

enum hc_err __real_hc_store_commit(struct hc_store *store);
enum hc_err __wrap_hc_store_commit(struct hc_store *store);
enum hc_err __wrap_hc_store_commit(struct hc_store *store)
{
	if (!store_fails)
		return __real_hc_store_commit(store);
	hc_store_rollback(store); /* a commit that fails has not happened */
	return HC_ERR_IO;
}

/* ---- messages ---- */

static void visit(struct rig *rig)
{
	if (rig->fd >= 0)
		(void)close(rig->fd);
	step(rig, 4);
	connect_as(rig, HC_CALLER_GATEWAY, GATEWAY);
	rig->loop->connections->named = true; /* its name is nobody's concern here */
}

static void get_person(struct rig *rig, uint64_t id)
{
	hc_msg_init(&rig->msg, HC_MSG_PERSON_GET);
	hc_msg_put_u64(&rig->msg, HC_FIELD_PERSON_ID, id);
	send_finished(rig);
}

static void send_event(struct rig *rig, uint64_t seq, const char *event)
{
	hc_msg_init(&rig->msg, HC_MSG_EVENT);
	hc_msg_put_u64(&rig->msg, HC_FIELD_SEQ, seq);
	hc_msg_put_u64(&rig->msg, HC_FIELD_TIME_MS, (uint64_t)realtime_ms(rig));
	hc_msg_put_text(&rig->msg, HC_FIELD_EVENT, event);
	hc_msg_put_text(&rig->msg, HC_FIELD_OUTCOME, "success");
	hc_msg_put_u32(&rig->msg, HC_FIELD_REASON, 0);
	send_finished(rig);
}

static void send_end(struct rig *rig, uint64_t seq)
{
	hc_msg_init(&rig->msg, HC_MSG_EVENTS_END);
	hc_msg_put_u64(&rig->msg, HC_FIELD_SEQ, seq);
	send_finished(rig);
}

static void hello(struct rig *rig, const char *user)
{
	hc_msg_init(&rig->msg, HC_MSG_HELLO);
	hc_msg_put_u32(&rig->msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(&rig->msg, HC_FIELD_MODE, HC_MODE_PRIMARY);
	hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	hc_msg_put_text(&rig->msg, HC_FIELD_SERVICE, "gateway");
	hc_msg_put_text(&rig->msg, HC_FIELD_USER, user);
	hc_msg_put_text(&rig->msg, HC_FIELD_RHOST, "192.0.2.1");
	send_finished(rig);
}

static void answer(struct rig *rig, const char *text)
{
	hc_msg_init(&rig->msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(&rig->msg, HC_FIELD_ANSWER, text, strlen(text));
	send_finished(rig);
}

static int64_t trail_len(const struct rig *rig)
{
	struct hc_audit_record last = {.seq = 0};

	return hc_store_audit_last(rig->bench->store, &last) == HC_OK ? last.seq : 0;
}

/* ---- what it may say ---- */

static void what_the_gateway_may_not_say_ends_its_connection(void **state)
{
	static const enum hc_msg_type plain[] = {HC_MSG_PERSON_GET, HC_MSG_EVENT,  HC_MSG_EVENTS_END,
						 HC_MSG_ANSWER,	    HC_MSG_CANCEL, HC_MSG_STATUS,
						 HC_MSG_USER_ADD,   HC_MSG_RESULT, HC_MSG_HELLO};
	static const enum hc_msg_type with_text[] = {HC_MSG_WATCH, HC_MSG_PERSON_GET, HC_MSG_EVENTS_END};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(plain) + HC_COUNT(with_text); i++) {
		visit(rig);
		hc_msg_init(&rig->msg, i < HC_COUNT(plain) ? plain[i] : with_text[i - HC_COUNT(plain)]);
		hc_msg_put_text(&rig->msg, HC_FIELD_LOGIN, i < HC_COUNT(plain) ? NULL : "martin");
		send_finished(rig);
		step(rig, 4);
		if (rig->loop->connections != NULL)
			fail_msg("row %zu: the connection lives", i);
		assert_closed(rig);
	}
	assert_int_equal(rig->bench->lines, 1); /* many surprises, one line a minute */
	assert_int_equal(trail_len(rig), 0);
}

static void a_delivery_that_was_begun_is_ended_before_anything_else(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++) {
		visit(rig);
		send_event(rig, 1, "logout");
		step(rig, 4);
		if (i == 0)
			get_person(rig, 1);
		else if (i == 1)
			send_plain(rig, HC_MSG_WATCH);
		else
			hello(rig, "martin");
		step(rig, 4);
		assert_closed(rig);
	}
	assert_int_equal(trail_len(rig), 0);
}

static void who_watches_says_nothing_more(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 2; i++) {
		visit(rig);
		send_plain(rig, HC_MSG_WATCH);
		assert_int_equal(received(rig), HC_MSG_KEEPALIVE);
		if (i == 0)
			get_person(rig, 1);
		else
			send_plain(rig, HC_MSG_WATCH);
		step(rig, 4);
		assert_closed(rig);
	}
}

/* ---- persons ---- */

static int64_t person_until(struct rig *rig, const char *login, enum hc_person_state state, int64_t from_ms,
			    int64_t until_ms)
{
	struct hc_person person = person_of(login);
	int64_t id = 0;

	person.state = state;
	person.valid_from_ms = from_ms;
	person.valid_until_ms = until_ms;
	BEGIN(rig->bench->store);
	assert_int_equal(hc_store_person_add(rig->bench->store, &person, &id), HC_OK);
	COMMIT(rig->bench->store);
	return id;
}

static void nobody_but_an_active_person_within_their_time_may_have_a_session(void **state)
{
	struct rig *rig = *state;
	const int64_t now = realtime_ms(rig);
	const struct {
		uint64_t id;
		bool there;
		uint32_t verdict;
		const char *state;
	} rows[] = {
		{4711, false, HC_DENY_UNKNOWN, ""},
		{0, false, HC_DENY_UNKNOWN, ""},
		{UINT64_MAX, false, HC_DENY_UNKNOWN, ""},
		{(uint64_t)INT64_MAX + 1, false, HC_DENY_UNKNOWN, ""},
		{(uint64_t)person_until(rig, "gone", HC_PERSON_DISABLED, 0, 0), true, HC_DENY_EXPIRED,
		 "disabled"},
		{(uint64_t)person_until(rig, "early", HC_PERSON_ACTIVE, now + 60000, 0), true,
		 HC_DENY_EXPIRED, "active"},
		{(uint64_t)person_until(rig, "late", HC_PERSON_ACTIVE, 0, now - 60000), true, HC_DENY_EXPIRED,
		 "active"},
		{(uint64_t)person_until(rig, "martin", HC_PERSON_ACTIVE, now - 60000, now + 60000), true,
		 HC_ALLOW, "active"},
	};

	visit(rig);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		char text[32] = "";

		get_person(rig, rows[i].id);
		assert_int_equal(received(rig), HC_MSG_PERSON);
		if (hc_msg_has(&rig->msg, HC_FIELD_STATE))
			assert_int_equal(hc_msg_text(&rig->msg, HC_FIELD_STATE, text, sizeof(text)), HC_OK);
		if (number(rig, HC_FIELD_VERDICT) != rows[i].verdict || strcmp(text, rows[i].state) != 0 ||
		    hc_msg_has(&rig->msg, HC_FIELD_LOGIN) != rows[i].there)
			fail_msg("row %zu: %x %s", i, number(rig, HC_FIELD_VERDICT), text);
	}
}

static void a_store_that_cannot_be_read_says_so_and_not_that_nobody_is_there(void **state)
{
	struct rig *rig = *state;
	const int64_t id = add_person(rig->bench->store, "martin");

	visit(rig);
	store_fails = true;
	get_person(rig, (uint64_t)id);
	assert_int_equal(received(rig), HC_MSG_PERSON);
	store_fails = false;
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY_UNAVAILABLE);
	assert_false(hc_msg_has(&rig->msg, HC_FIELD_LOGIN));
}

/* ---- changes ---- */

static void a_change_is_told_to_who_watches_and_to_nobody_else(void **state)
{
	struct rig *rig = *state;
	uint64_t id = 0;
	char text[32];

	visit(rig);
	send_plain(rig, HC_MSG_WATCH);
	assert_int_equal(received(rig), HC_MSG_KEEPALIVE);
	const int watcher = rig->fd;
	connect_as(rig, HC_CALLER_GATEWAY, GATEWAY);
	hc_loop_person_changed(rig->loop, 42, "disabled");
	step(rig, 4);
	assert_silent(rig);
	(void)close(rig->fd);
	rig->fd = watcher;
	assert_int_equal(received(rig), HC_MSG_PERSON_CHANGED);
	assert_int_equal(hc_msg_u64(&rig->msg, HC_FIELD_PERSON_ID, &id), HC_OK);
	assert_int_equal(id, 42);
	assert_int_equal(hc_msg_text(&rig->msg, HC_FIELD_STATE, text, sizeof(text)), HC_OK);
	assert_string_equal(text, "disabled");
	assert_silent(rig);
	for (int i = 0; i < 4; i++) { /* as long as it lasts, it hears that the broker is there */
		rig->shift_ms += HC_KEEPALIVE_MS;
		assert_int_equal(received(rig), HC_MSG_KEEPALIVE);
	}
}

static void who_watches_and_does_not_read_loses_the_connection(void **state)
{
	struct rig *rig = *state;
	int told = 0;

	visit(rig);
	send_plain(rig, HC_MSG_WATCH);
	assert_int_equal(received(rig), HC_MSG_KEEPALIVE);
	while (rig->loop->connections != NULL && told < 100000) {
		hc_loop_person_changed(rig->loop, ++told, "disabled");
		if (told % 64 == 0)
			step(rig, 1);
	}
	assert_null(rig->loop->connections);
	assert_int_equal(rig->loop->quota.total, 0);
}

/* ---- deliveries ---- */

static void a_delivery_is_in_the_trail_before_it_is_said_to_be(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record last;
	uint64_t seq = 0;

	visit(rig);
	send_event(rig, 1, "logout");
	send_event(rig, 2, "logout");
	step(rig, 8);
	assert_int_equal(trail_len(rig), 0);
	send_end(rig, 2);
	assert_int_equal(received(rig), HC_MSG_EVENTS_KEPT);
	assert_int_equal(hc_msg_u64(&rig->msg, HC_FIELD_SEQ, &seq), HC_OK);
	assert_int_equal(seq, 2);
	assert_int_equal(hc_store_audit_last(rig->bench->store, &last), HC_OK);
	assert_int_equal(last.seq, 2);
	assert_string_equal(last.event, "logout");

	get_person(rig, 4711); /* it may go on */
	assert_int_equal(received(rig), HC_MSG_PERSON);
}

static void a_delivery_that_cannot_be_kept_gets_no_answer(void **state)
{
	struct rig *rig = *state;

	visit(rig);
	send_event(rig, 1, "logout");
	step(rig, 4);
	store_fails = true;
	send_end(rig, 1);
	step(rig, 4);
	store_fails = false;
	assert_closed(rig);
	assert_int_equal(trail_len(rig), 0);
}

static void what_is_no_event_of_the_gateway_s_ends_the_delivery(void **state)
{
	struct rig *rig = *state;

	visit(rig);
	send_event(rig, 1, "user-add");
	step(rig, 4);
	assert_closed(rig);
	visit(rig);
	send_event(rig, 1, "logout");
	step(rig, 4);
	send_end(rig, 2); /* not the last one's number */
	step(rig, 4);
	assert_closed(rig);
	assert_int_equal(trail_len(rig), 0);
}

/* ---- time ---- */

static void a_gateway_that_begins_nothing_or_ends_nothing_is_closed(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record last;

	for (int i = 0; i < 3; i++) {
		visit(rig);
		int64_t patience_ms = HC_HELLO_MS;
		if (i == 1) {
			send_event(rig, 1, "logout");
		} else if (i == 2) {
			get_person(rig, 4711);
			assert_int_equal(received(rig), HC_MSG_PERSON);
			patience_ms = HC_ADMIN_IDLE_MS;
		}
		step(rig, 4);
		rig->shift_ms += patience_ms - 2000;
		step(rig, 4);
		assert_silent(rig);
		rig->shift_ms += 2000;
		step(rig, 4);
		if (rig->loop->connections != NULL)
			fail_msg("row %d: the connection lives", i);
	}
	assert_int_equal(hc_store_audit_last(rig->bench->store, &last), HC_OK);
	assert_string_equal(last.event, "clock-jump"); /* of this test; nothing was delivered */
}

/* ---- a sign-in ---- */

/* hc-password, which answers the first question so. */
static int helper_at(struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)tempdir_file(&rig->bench->dir, "password.sock", rig->config.password_socket,
			   sizeof(rig->config.password_socket));
	memcpy(address.sun_path, rig->config.password_socket, strlen(rig->config.password_socket));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void helper_says(int helper, uint32_t said)
{
	static struct hc_msg msg;
	const int fd = accept(helper, NULL, NULL);

	assert_true(fd >= 0);
	assert_true(recv(fd, msg.packet, sizeof(msg.packet), MSG_DONTWAIT) > 0);
	hc_msg_init(&msg, HC_MSG_PASSWORD_RESULT);
	hc_msg_put_u32(&msg, HC_FIELD_PASSWORD, said);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(send(fd, msg.packet, msg.len, MSG_NOSIGNAL), msg.len);
	(void)close(fd);
}

static void a_wrong_password_is_refused_at_the_end_and_not_before(void **state)
{
	struct rig *rig = *state;
	const int helper = helper_at(rig);

	enrolled(rig, "martin");
	visit(rig);
	hello(rig, "martin");
	assert_int_equal(received(rig), HC_MSG_STEP);
	assert_int_equal(number(rig, HC_FIELD_STEP_KIND), HC_STEP_PASSWORD);
	assert_int_equal(rig->loop->sessions, 1);
	answer(rig, "typed");
	assert_int_equal(received(rig), HC_MSG_STEP);
	helper_says(helper, HC_PASSWORD_WRONG);
	step(rig, 8);
	assert_silent(rig);
	answer(rig, "123456");
	step(rig, 8);
	assert_silent(rig); /* decided, and held back */
	rig->shift_ms += 2000;
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY);
	step(rig, 8);
	assert_closed(rig); /* one sign-in a connection */
	assert_int_equal(rig->loop->sessions, 0);
	(void)close(helper);
}

static void without_a_password_helper_nobody_signs_in(void **state)
{
	struct rig *rig = *state;

	(void)tempdir_file(&rig->bench->dir, "none", rig->config.password_socket,
			   sizeof(rig->config.password_socket));
	enrolled(rig, "martin");
	visit(rig);
	hello(rig, "martin");
	assert_int_equal(received(rig), HC_MSG_STEP);
	answer(rig, "typed");
	assert_int_equal(received(rig), HC_MSG_STEP);
	step(rig, 8);
	rig->shift_ms += 2000; /* who cannot be helped is not asked for a code */
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_equal(number(rig, HC_FIELD_VERDICT), HC_DENY_UNAVAILABLE);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_PASSWORD_HELPER_AWAY);
}

static void a_person_who_does_not_answer_the_gateway_costs_signs_of_life_and_times_out(void **state)
{
	struct rig *rig = *state;
	const int64_t patience_ms = rig->config.policy.answer_timeout_s * 1000;

	enrolled(rig, "martin");
	visit(rig);
	hello(rig, "martin");
	assert_int_equal(received(rig), HC_MSG_STEP);
	rig->shift_ms += HC_KEEPALIVE_MS;
	assert_int_equal(received(rig), HC_MSG_KEEPALIVE);
	rig->shift_ms += patience_ms;
	assert_int_equal(received(rig), HC_MSG_RESULT);
	assert_int_not_equal(number(rig, HC_FIELD_VERDICT), HC_ALLOW);
	assert_int_equal(number(rig, HC_FIELD_REASON), HC_REASON_TIMED_OUT);
}

static void a_gateway_that_goes_away_in_the_middle_leaves_a_record(void **state)
{
	struct rig *rig = *state;
	struct hc_audit_record last;
	const int helper = helper_at(rig);

	enrolled(rig, "martin");
	visit(rig);
	hello(rig, "martin");
	assert_int_equal(received(rig), HC_MSG_STEP);
	answer(rig, "typed"); /* its question to hc-password is open */
	assert_int_equal(received(rig), HC_MSG_STEP);
	(void)close(rig->fd);
	rig->fd = -1;
	step(rig, 8);
	assert_null(rig->loop->connections);
	assert_int_equal(rig->loop->sessions, 0);
	assert_int_equal(hc_store_audit_last(rig->bench->store, &last), HC_OK);
	assert_string_equal(last.login, "martin");
	assert_string_not_equal(last.outcome, "success");
	(void)close(helper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(what_the_gateway_may_not_say_ends_its_connection),
		IN_RIG(a_delivery_that_was_begun_is_ended_before_anything_else),
		IN_RIG(who_watches_says_nothing_more),
		IN_RIG(nobody_but_an_active_person_within_their_time_may_have_a_session),
		IN_RIG(a_store_that_cannot_be_read_says_so_and_not_that_nobody_is_there),
		IN_RIG(a_change_is_told_to_who_watches_and_to_nobody_else),
		IN_RIG(who_watches_and_does_not_read_loses_the_connection),
		IN_RIG(a_delivery_is_in_the_trail_before_it_is_said_to_be),
		IN_RIG(a_delivery_that_cannot_be_kept_gets_no_answer),
		IN_RIG(what_is_no_event_of_the_gateway_s_ends_the_delivery),
		IN_RIG(a_gateway_that_begins_nothing_or_ends_nothing_is_closed),
		IN_RIG(a_wrong_password_is_refused_at_the_end_and_not_before),
		IN_RIG(without_a_password_helper_nobody_signs_in),
		IN_RIG(a_person_who_does_not_answer_the_gateway_costs_signs_of_life_and_times_out),
		IN_RIG(a_gateway_that_goes_away_in_the_middle_leaves_a_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
