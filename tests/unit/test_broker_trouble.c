/* SPDX-License-Identifier: Apache-2.0 */
/* A broker that is away, late, hung, somebody else or out of its mind; and a machine without memory. */
#include "broker_support.h"

#include "tests/support/fault.h"

/* ---- somebody else ---- */

static void whoever_listens_where_others_may_write_hears_nothing(void **state)
{
	struct rig *rig = *state;
	static const mode_t modes[] = {0770, 0707, 01777};

	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		struct visit visit;
		int fd = -1;

		assert_int_equal(chmod(rig->dir.path, modes[i]), 0);
		start(rig, &visit);
		turn(rig);
		fd = accepted(rig);
		assert_int_equal(heard(rig, fd), -1);
		assert_failed(&visit, HC_ERR_PEER);
		(void)close(fd);
	}
}

/* In the system's folder the broker's own user must listen; this one is not there, so nobody is asked. */
static void a_path_in_the_systems_folder_is_held_to_the_systems_rule(void **state)
{
	struct rig *rig = *state;
	struct hc_channels channels;

	assert_int_equal(hc_channels_init(&channels, hc_loop_base(rig->loop), HC_RUN_DIR "/gateway.sock",
					  &rig->clock.clock),
			 HC_OK);
	assert_int_equal(channels.peer, HC_PEER_SYSTEM);
	hc_channels_clear(&channels);
	assert_int_equal(hc_channels_init(&channels, hc_loop_base(rig->loop), HC_RUN_DIR "2/gateway.sock",
					  &rig->clock.clock),
			 HC_OK);
	assert_int_equal(channels.peer, HC_PEER_DIRECTORY_OWNER);
	hc_channels_clear(&channels);
}

static void a_path_that_no_socket_can_have_makes_no_link(void **state)
{
	struct rig *rig = *state;
	struct hc_broker_link *link = NULL;
	char longest[200] = "/";

	memset(longest + 1, 'x', sizeof(longest) - 2);
	assert_int_equal(hc_broker_link_new(rig->loop, "gateway.sock", &rig->clock.clock, &link),
			 HC_ERR_INVALID);
	assert_int_equal(hc_broker_link_new(rig->loop, longest, &rig->clock.clock, &link), HC_ERR_INVALID);
	assert_null(link);
}

/* ---- away and late ---- */

static void a_broker_that_is_away_is_waited_for_two_seconds_and_then_not_at_all(void **state)
{
	struct rig *rig = *state;
	struct visit visit;

	start(rig, &visit);
	turn(rig);
	for (int i = 0; i < 19; i++)
		pass(rig, 100);
	assert_int_equal(visit.failures, 0);
	pass(rig, 100);
	assert_failed(&visit, HC_ERR_AWAY);
	start(rig, &visit);
	turn(rig);
	assert_failed(&visit, HC_ERR_AWAY); /* it is known to be away */
}

static void a_broker_that_comes_back_is_found_and_waited_for_again(void **state)
{
	struct rig *rig = *state;
	struct visit visit;

	start(rig, &visit);
	turn(rig);
	pass(rig, 2000);
	assert_failed(&visit, HC_ERR_AWAY);
	listen_up(rig);
	start(rig, &visit);
	(void)close(bring_to(rig, &visit, AT_CODE));
	turn(rig);
	assert_failed(&visit, HC_ERR_AWAY);
	listen_down(rig);
	start(rig, &visit);
	turn(rig);
	assert_int_equal(visit.failures, 0); /* a restart may take a moment */
	listen_up(rig);
	pass(rig, 100);
	(void)close(bring_to(rig, &visit, AT_CODE));
}

static void a_full_backlog_is_tried_again(void **state)
{
	struct rig *rig = *state;
	struct visit first, second;
	int fd = -1;

	listen_with(rig, 0);
	start(rig, &first);
	turn(rig);
	start(rig, &second);
	pass(rig, 1900);
	assert_int_equal(second.failures, 0);
	fd = accepted(rig);
	pass(rig, 50); /* there is room now */
	(void)close(bring_to(rig, &second, AT_HELLO));
	(void)close(fd);
}

static void a_backlog_that_stays_full_is_a_broker_that_is_away(void **state)
{
	struct rig *rig = *state;
	struct visit first, second;

	listen_with(rig, 0);
	start(rig, &first);
	turn(rig);
	start(rig, &second);
	turn(rig);
	pass(rig, 1999); /* the first one was sent its HELLO at the start */
	assert_int_equal(second.failures, 0);
	pass(rig, 1);
	assert_failed(&second, HC_ERR_AWAY);
}

static void a_socket_of_another_kind_is_not_the_brokers(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct visit visit;

	memcpy(address.sun_path, rig->path, strlen(rig->path));
	rig->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rig->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(rig->listener, 4), 0);
	start(rig, &visit);
	turn(rig);
	assert_failed(&visit, HC_ERR_PEER);
}

/* ---- hung ---- */

static void a_broker_that_says_nothing_is_given_up_after_two_seconds(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	start(rig, &visit);
	fd = bring_to(rig, &visit, AT_HELLO);
	pass(rig, 1999);
	assert_int_equal(visit.failures, 0);
	pass(rig, 1);
	assert_failed(&visit, HC_ERR_TIMEOUT);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

static void a_broker_that_falls_silent_is_given_up_after_twelve_seconds(void **state)
{
	struct rig *rig = *state;

	for (enum point point = AT_PASSWORD; point < POINTS; point++) {
		struct visit visit;
		int fd = -1;

		start(rig, &visit);
		fd = bring_to(rig, &visit, point);
		pass(rig, 11999);
		say_type(rig, fd, HC_MSG_KEEPALIVE);
		pass(rig, 11999);
		assert_int_equal(visit.failures, 0);
		pass(rig, 1);
		assert_failed(&visit, HC_ERR_TIMEOUT);
		(void)close(fd);
	}
}

static void a_broker_that_is_alive_and_nothing_else_does_not_hold_anybody_for_ever(void **state)
{
	struct rig *rig = *state;
	struct visit visit;
	int fd = -1;

	start(rig, &visit);
	fd = bring_to(rig, &visit, AT_VERDICT);
	for (int waited_s = 0; waited_s < 659; waited_s++) {
		pass(rig, 1000);
		say_type(rig, fd, HC_MSG_KEEPALIVE);
	}
	assert_int_equal(visit.failures, 0);
	pass(rig, 1000);
	assert_failed(&visit, HC_ERR_TIMEOUT);
	(void)close(fd);
}

static void a_broker_that_goes_is_noticed_at_once(void **state)
{
	struct rig *rig = *state;

	for (enum point point = AT_HELLO; point < POINTS; point++) {
		struct visit visit;

		start(rig, &visit);
		(void)close(bring_to(rig, &visit, point));
		turn(rig);
		assert_failed(&visit, HC_ERR_AWAY);
	}
}

/* ---- out of its mind ---- */

static void send_descriptor(int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (char[]){1, 0, 0, 7, 0, 0, 0, 0}, .iov_len = 8};
	struct msghdr packet = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = control.space,
				.msg_controllen = sizeof(control.space)};

	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(&control.header), &(int){STDIN_FILENO}, sizeof(int));
	assert_int_equal(sendmsg(fd, &packet, MSG_NOSIGNAL), 8);
}

static void a_packet_that_is_no_message_ends_the_conversation(void **state)
{
	struct rig *rig = *state;
	static uint8_t longest[HC_MSG_MAX + 1] = {1, 0, 0, 7, 0, 0, 0x40, 0};
	static const struct {
		const void *data; /* NULL: a message with a descriptor */
		size_t len;
		enum hc_err err;
	} rows[] = {
		{"\2\0\0\7\0\0\0\0", 8, HC_ERR_PROTOCOL},
		{"\1\1\0\7\0\0\0\0", 8, HC_ERR_PROTOCOL},
		{"\1\0\3\7\0\0\0\0", 8, HC_ERR_PROTOCOL},
		{"\1\0\0\7\0\0\0\1", 8, HC_ERR_PROTOCOL},
		{"\1\0\0\7\0\0\0", 7, HC_ERR_PROTOCOL},
		{"x", 1, HC_ERR_PROTOCOL},
		{"\1\0\0\7\0\0\0\5\0\5\0\1x", 13, HC_ERR_PROTOCOL}, /* KEEPALIVE with a field */
		{longest, sizeof(longest), HC_ERR_PROTOCOL},
		{NULL, 0, HC_ERR_PROTOCOL},
		{"", 0, HC_ERR_AWAY}, /* an empty packet and the end are the same */
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		for (enum point point = AT_HELLO; point < POINTS; point++) {
			struct visit visit;
			int fd = -1;

			start(rig, &visit);
			fd = bring_to(rig, &visit, point);
			if (rows[i].data == NULL)
				send_descriptor(fd);
			else
				assert_int_equal(send(fd, rows[i].data, rows[i].len, MSG_NOSIGNAL),
						 rows[i].len);
			turn(rig);
			if (visit.failures != 1 || visit.results != 0 || visit.last.err != rows[i].err)
				fail_msg("row %zu at %d: %u failures, error %d", i, (int)point,
					 visit.failures, (int)visit.last.err);
			(void)close(fd);
		}
	}
}

/* A flood of KEEPALIVEs is read a few at a time: others get their turn, and it ends nothing. */
static void a_flood_does_not_keep_others_from_their_turn(void **state)
{
	struct rig *rig = *state;
	struct visit noisy, quiet;
	int noise = -1, fd = -1;

	start(rig, &noisy);
	noise = bring_to(rig, &noisy, AT_CODE);
	start(rig, &quiet);
	fd = bring_to(rig, &quiet, AT_VERDICT);
	for (int i = 0; i < 200; i++)
		assert_int_equal(send(noise, "\1\0\0\7\0\0\0\0", 8, MSG_NOSIGNAL), 8);
	make_result(rig, (uint32_t)HC_DENY, HC_REASON_WRONG_CODE);
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	assert_int_equal(send(noise, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
	assert_int_equal(send(fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
	assert_true(event_base_loop(hc_loop_base(rig->loop), EVLOOP_ONCE) >= 0);
	assert_int_equal(quiet.results, 1);
	assert_int_equal(noisy.results, 0);
	for (int i = 0; i < 5; i++)
		turn(rig);
	assert_int_equal(noisy.results, 1);
	(void)close(noise);
	(void)close(fd);
}

/* ---- a machine in trouble ---- */

/* A whole sign-in by a broker that plays its part where it can; whether it ended in an ALLOW. */
static bool whole(struct rig *rig, struct visit *visit, enum hc_fault_kind kind, unsigned n)
{
	struct hc_signin_ask ask = {.user = "martin", .rhost = "192.0.2.7", .lang = HC_LANG_EN};
	enum hc_err err = HC_OK;
	int fd = -1;

	*visit = (struct visit){.signin = NULL};
	assert_int_equal(hc_secret_from("the password", 12, &ask.password), HC_OK);
	hc_fault_arm(kind, n);
	err = hc_broker_signin_start(rig->link, &ask, on_report, visit, &visit->signin);
	if (err == HC_OK)
		turn(rig);
	hc_fault_disarm();
	assert_null(ask.password);
	fd = accept_one(rig);
	for (int i = 0; i < 3 && visit->signin != NULL && fd >= 0; i++) {
		if (heard(rig, fd) <= 0)
			break;
		make_result(rig, (uint32_t)HC_DENY, HC_REASON_NONE);
		if (i < 2)
			make_result(rig, 0, HC_REASON_NONE);
		if (i == 0 || i == 1) {
			hc_msg_init(&rig->msg, HC_MSG_STEP);
			hc_msg_put_u32(&rig->msg, HC_FIELD_STEP_KIND,
				       i == 0 ? HC_STEP_PASSWORD : HC_STEP_SECRET);
		} else {
			make_result(rig, (uint32_t)HC_ALLOW, HC_REASON_NONE);
			put_person(rig, 7, "martin");
			hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, HC_METHOD_TOTP);
		}
		assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
		(void)!send(fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL);
		turn(rig);
		if (i == 1 && visit->signin != NULL)
			assert_int_equal(hc_broker_signin_code(visit->signin, "1", 1), HC_OK);
	}
	if (fd >= 0)
		(void)close(fd);
	turn(rig);
	pass(rig, 2000);
	assert_int_equal(err == HC_OK ? 1 : 0, visit->results + visit->failures);
	return visit->results == 1 && visit->last.allowed;
}

static void every_failure_of_memory_or_the_system_is_told_and_none_lets_anybody_in(void **state)
{
	struct rig *rig = *state;
	static const enum hc_fault_kind kinds[] = {HC_FAULT_MEMORY, HC_FAULT_SYSTEM};

	for (size_t i = 0; i < HC_COUNT(kinds); i++) {
		unsigned n = 0;
		bool hit = true;

		while (hit) {
			struct visit visit;
			bool in = whole(rig, &visit, kinds[i], ++n);

			hit = hc_fault_hit();
			if (hit && in && strcmp(hc_fault_symbol(), "close") != 0 &&
			    strcmp(hc_fault_symbol(), "recvmsg") != 0)
				fail_msg("call %u of kind %zu (%s) made no difference", n, i,
					 hc_fault_symbol());
			if (!hit)
				assert_true(in);
			assert_int_equal(rig->link->signin_count, 0);
		}
		assert_true(n > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING(whoever_listens_where_others_may_write_hears_nothing),
		ALONE(a_path_in_the_systems_folder_is_held_to_the_systems_rule),
		ALONE(a_path_that_no_socket_can_have_makes_no_link),
		ALONE(a_broker_that_is_away_is_waited_for_two_seconds_and_then_not_at_all),
		ALONE(a_broker_that_comes_back_is_found_and_waited_for_again),
		ALONE(a_full_backlog_is_tried_again),
		ALONE(a_backlog_that_stays_full_is_a_broker_that_is_away),
		ALONE(a_socket_of_another_kind_is_not_the_brokers),
		LISTENING(a_broker_that_says_nothing_is_given_up_after_two_seconds),
		LISTENING(a_broker_that_falls_silent_is_given_up_after_twelve_seconds),
		LISTENING(a_broker_that_is_alive_and_nothing_else_does_not_hold_anybody_for_ever),
		LISTENING(a_broker_that_goes_is_noticed_at_once),
		LISTENING(a_packet_that_is_no_message_ends_the_conversation),
		LISTENING(a_flood_does_not_keep_others_from_their_turn),
		LISTENING(every_failure_of_memory_or_the_system_is_told_and_none_lets_anybody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
