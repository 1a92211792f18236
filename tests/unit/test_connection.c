/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections in the real loop, over socket pairs, with a real store behind them. The clock is ours:
 * it stands behind the machine's, so that every timer of the loop is due and only our time counts.
 */
#include "connection.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "settings.h"
#include "store_support.h"

#define BEHIND_MS 10000000
#define SERVICE	  "sshd"

struct rig {
	struct bench *bench;
	struct hc_authd_config config;
	struct hc_authd authd;
	struct hc_clock clock;
	int64_t shift_ms;
	struct hc_seal *seal;
	struct hc_audit *audit;
	struct hc_resolver *resolver;
	struct hc_loop *loop;
	int fd; /* the caller's end */
	struct hc_msg msg;
};

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	assert_int_equal(clock_gettime(id, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t realtime_ms(void *ctx)
{
	const struct rig *rig = ctx;

	return read_clock(CLOCK_REALTIME) + rig->shift_ms;
}

static int64_t monotonic_ms(void *ctx)
{
	const struct rig *rig = ctx;

	return read_clock(CLOCK_MONOTONIC) - BEHIND_MS + rig->shift_ms;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	void *bench = NULL;
	char key[128];
	struct hc_config_error error;
	const struct hc_peer_rules peers = {.own_uid_too = true, .own_uid = geteuid()};

	if (rig == NULL || bench_setup_store(&bench) != 0)
		return -1;
	rig->bench = bench;
	rig->clock = (struct hc_clock){realtime_ms, monotonic_ms, rig};
	if (hc_settings_parse("[authd]\nlanguage = en\n", 22, &rig->config, &error) != HC_OK ||
	    hc_seal_open(tempdir_file(&rig->bench->dir, "seal.key", key, sizeof(key)), true, &rig->seal) !=
		    HC_OK ||
	    hc_audit_open(rig->bench->store, rig->seal, &rig->clock, &rig->audit) != HC_OK ||
	    hc_resolver_start(&rig->clock, &rig->resolver) != HC_OK)
		return -1;
	rig->authd = (struct hc_authd){.config = &rig->config,
				       .clock = &rig->clock,
				       .store = rig->bench->store,
				       .seal = rig->seal,
				       .audit = rig->audit};
	*state = rig;
	rig->fd = -1;
	return hc_loop_new(&rig->authd, rig->resolver, &peers, &rig->loop) == HC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	void *bench = rig->bench;
	int rc = 0;

	hc_loop_free(&rig->loop);
	hc_resolver_free(&rig->resolver);
	hc_audit_free(&rig->audit);
	hc_seal_free(&rig->seal);
	if (rig->fd >= 0)
		(void)close(rig->fd);
	free(rig);
	rc = bench_teardown(&bench);
	return rc;
}

static void step(struct rig *rig, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(hc_loop_step(rig->loop, 0), HC_OK);
}

/* A connection of this caller in the loop; its other end is rig->fd. */
static void connect_as(struct rig *rig, enum hc_caller_kind kind, uid_t uid)
{
	struct hc_caller caller = {.kind = kind, .uid = uid, .pid = getpid()};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	hc_peer_named(&caller, NULL);
	assert_true(hc_quota_take(&rig->loop->quota, kind, uid));
	assert_int_equal(hc_connection_new(rig->loop, pair[0], &caller), HC_OK);
	rig->fd = pair[1];
}

static void send_finished(struct rig *rig)
{
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	assert_int_equal(send(rig->fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
}

static void send_hello(struct rig *rig, const char *user, const char *service)
{
	hc_msg_init(&rig->msg, HC_MSG_HELLO);
	hc_msg_put_u32(&rig->msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(&rig->msg, HC_FIELD_MODE, HC_MODE_SECOND_FACTOR);
	hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, HC_METHOD_ALL);
	hc_msg_put_text(&rig->msg, HC_FIELD_SERVICE, service);
	hc_msg_put_text(&rig->msg, HC_FIELD_USER, user);
	send_finished(rig);
}

static void send_plain(struct rig *rig, enum hc_msg_type type)
{
	hc_msg_init(&rig->msg, type);
	send_finished(rig);
}

/* The next message that the broker sent, within five seconds. */
static enum hc_msg_type received(struct rig *rig)
{
	int64_t end_ms = read_clock(CLOCK_MONOTONIC) + 5000;

	while (read_clock(CLOCK_MONOTONIC) < end_ms) {
		ssize_t len = recv(rig->fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT);

		if (len > 0) {
			assert_int_equal(hc_msg_parse(&rig->msg, (size_t)len), HC_OK);
			return rig->msg.type;
		}
		if (len == 0)
			fail_msg("closed instead");
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(hc_loop_step(rig->loop, 20), HC_OK);
	}
	fail_msg("nothing came");
	return HC_MSG_END;
}

static void assert_silent(struct rig *rig)
{
	assert_int_equal(recv(rig->fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A close with something unread resets; both are the end. */
static void assert_closed(struct rig *rig)
{
	ssize_t len = recv(rig->fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT);

	if (len > 0 || (len < 0 && errno != ECONNRESET))
		fail_msg("not closed: %zd, errno %d", len, errno);
	assert_int_equal(rig->loop->quota.total, 0);
	assert_null(rig->loop->connections);
}

static void enrolled(struct rig *rig, const char *login)
{
	const struct hc_credential credential =
		credential_of(add_person(rig->bench->store, login), "abcdefghijkl", HC_CREDENTIAL_TOTP);

	add_credential(rig->bench->store, &credential);
}

static uint32_t number(const struct rig *rig, enum hc_field field)
{
	uint32_t value = 0;

	assert_int_equal(hc_msg_u32(&rig->msg, field, &value), HC_OK);
	return value;
}

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

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

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
		IN_RIG(a_name_service_that_hangs_costs_its_caller_the_name_and_nobody_else_anything),
		IN_RIG(an_answer_comes_in_rows_and_an_end),
		IN_RIG(a_second_request_before_the_end_of_the_first_ends_the_connection),
		IN_RIG(an_administrator_who_does_not_read_holds_little_and_is_closed),
		IN_RIG(stopping_closes_the_idle_and_ends_the_loop),
		IN_RIG(stopping_lets_a_running_answer_end),
		IN_RIG(a_resolver_that_died_ends_the_loop_with_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
