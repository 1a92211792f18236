/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's client: what is no answer, and that every wait ends. */
#include "hospiconnect/broker_client.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/broker_rig.h"

static struct broker_rig rig;
static struct hc_broker *broker;
static struct hc_msg msg;

static int set_up(void **state)
{
	(void)state;
	return broker_rig_make(&rig) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	hc_broker_free(&broker);
	hc_msg_clear(&msg);
	broker_rig_remove(&rig);
	return 0;
}

static enum hc_err connect_to(enum hc_broker_peer peer)
{
	return hc_broker_connect(rig.path, peer, &rig.clock, &broker);
}

static void be_connected(void)
{
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_OK);
	assert_true(broker_rig_accept(&rig));
}

static void check_no_message(enum hc_err expected)
{
	hc_msg_init(&msg, HC_MSG_RESULT);
	hc_msg_put_u32(&msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
	assert_int_equal(hc_broker_receive(broker, &msg, HC_BROKER_SILENCE_MS), expected);
	assert_false(hc_msg_has(&msg, HC_FIELD_VERDICT));
	assert_int_equal(msg.type, 0);
}

static void check_allow_received(void)
{
	uint32_t verdict = 0;

	assert_int_equal(hc_broker_receive(broker, &msg, HC_BROKER_SILENCE_MS), HC_OK);
	assert_int_equal(msg.type, HC_MSG_RESULT);
	assert_int_equal(hc_msg_u32(&msg, HC_FIELD_VERDICT, &verdict), HC_OK);
	assert_int_equal(verdict, HC_ALLOW);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void a_path_that_cannot_be_a_socket_is_invalid(void **state)
{
	char long_path[200];

	(void)state;
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[108] = '\0';

	const char *const paths[] = {"", "auth.sock", "./auth.sock", "@abstract", long_path};

	for (size_t i = 0; i < HC_COUNT(paths); i++) {
		if (hc_broker_connect(paths[i], HC_PEER_SYSTEM, &rig.clock, &broker) != HC_ERR_INVALID)
			fail_msg("row %zu", i);
	}
	long_path[107] = '\0';
	rig.step_ms = 1000;
	assert_int_equal(hc_broker_connect(long_path, HC_PEER_SYSTEM, &rig.clock, &broker), HC_ERR_AWAY);
}

static void a_broker_that_is_away_is_waited_for_no_longer_than_the_limit(void **state)
{
	(void)state;
	rig.step_ms = 500;
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_AWAY); /* no socket */
	assert_in_range(rig.now_ms, HC_BROKER_CONNECT_MS, HC_BROKER_CONNECT_MS + 1000);

	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, -1));
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_AWAY); /* nobody listens */

	rig.looks = 0;
	assert_int_equal(hc_broker_connect_within(rig.path, HC_PEER_DIRECTORY_OWNER, &rig.clock, 0, &broker),
			 HC_ERR_AWAY);
	assert_in_range(rig.looks, 1, 2); /* one try */
	assert_null(broker);
}

static int fill_backlog(void)
{
	struct hc_broker *first = NULL;

	/* a backlog of 0 takes one connection */
	assert_int_equal(hc_broker_connect(rig.path, HC_PEER_DIRECTORY_OWNER, &rig.clock, &first), HC_OK);
	hc_broker_free(&first);
	return 0;
}

static void a_full_backlog_is_waited_for(void **state)
{
	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 0));
	(void)fill_backlog();
	rig.step_ms = 500;
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_AWAY);
}

static void accept_at_third_look(struct broker_rig *self, unsigned look)
{
	if (look == 3)
		assert_true(broker_rig_accept(self));
}

static void a_backlog_that_empties_lets_us_in(void **state)
{
	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 0));
	(void)fill_backlog();
	rig.looks = 0;
	rig.meanwhile = accept_at_third_look;
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_OK);
}

static void listen_at_third_look(struct broker_rig *self, unsigned look)
{
	if (look == 3)
		assert_true(broker_rig_listen(self, SOCK_SEQPACKET, 4));
}

static void a_broker_that_starts_late_is_found(void **state)
{
	(void)state;
	rig.meanwhile = listen_at_third_look;
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_OK);
}

static void standard_descriptors_are_never_used(void **state)
{
	int saved = dup(STDIN_FILENO);

	(void)state;
	assert_true(saved > STDERR_FILENO);
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	(void)close(STDIN_FILENO);

	enum hc_err err = connect_to(HC_PEER_DIRECTORY_OWNER);
	int flags = fcntl(STDIN_FILENO, F_GETFD);

	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	(void)close(saved);
	assert_int_equal(err, HC_OK);
	assert_int_equal(flags, -1);
}

static void the_socket_is_not_inherited(void **state)
{
	int next = dup(STDERR_FILENO);

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	(void)close(next);
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_OK);
	for (int fd = STDERR_FILENO + 1; fd < 64; fd++) {
		struct stat facts;

		if (fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode))
			assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	}
}

/* --- what is no answer ------------------------------------------------------------------------ */

/* Whatever follows a surprise is not read, not even a proper "let in". */
static void check_connection_is_spoilt(void)
{
	check_no_message(HC_ERR_CLOSED);
	hc_msg_init(&msg, HC_MSG_CANCEL);
	assert_int_equal(hc_broker_send(broker, &msg), HC_ERR_CLOSED);
}

static void garbage_ends_the_connection(void **state)
{
	(void)state;
	be_connected();
	assert_true(broker_rig_put(&rig, "garbage!", 8));
	assert_true(broker_rig_put_allow(&rig));
	check_no_message(HC_ERR_PROTOCOL);
	check_connection_is_spoilt();
}

static void a_packet_beyond_the_limit_is_not_read_in_part(void **state)
{
	static uint8_t packet[HC_MSG_MAX + 1];

	(void)state;
	be_connected();
	/* no valid message is that long (all fields together are not), so the parser would refuse it too */
	hc_msg_init(&msg, HC_MSG_RESULT);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	memcpy(packet, msg.packet, msg.len);
	assert_true(broker_rig_put(&rig, packet, sizeof(packet)));
	assert_true(broker_rig_put_allow(&rig));
	check_no_message(HC_ERR_PROTOCOL);
	check_connection_is_spoilt();
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	return count;
}

static void a_descriptor_is_refused_and_not_kept(void **state)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec part;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.space)};
	int fd = STDERR_FILENO;

	(void)state;
	be_connected();
	hc_msg_init(&msg, HC_MSG_RESULT);
	hc_msg_put_u32(&msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	part = (struct iovec){.iov_base = msg.packet, .iov_len = msg.len};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));

	int before = count_descriptors();

	assert_int_equal(sendmsg(rig.peer, &message, MSG_NOSIGNAL), (ssize_t)msg.len);
	check_no_message(HC_ERR_PROTOCOL);
	assert_int_equal(count_descriptors(), before);
	check_connection_is_spoilt();
}

static void a_keepalive_with_content_is_no_keepalive(void **state)
{
	(void)state;
	be_connected();
	hc_msg_init(&msg, HC_MSG_KEEPALIVE);
	hc_msg_put_u32(&msg, HC_FIELD_VERDICT, (uint32_t)HC_ALLOW);
	assert_true(broker_rig_put_msg(&rig, &msg));
	assert_true(broker_rig_put_allow(&rig));
	check_no_message(HC_ERR_PROTOCOL);
	check_connection_is_spoilt();
}

static void an_empty_packet_is_an_end(void **state)
{
	(void)state;
	be_connected();
	assert_true(broker_rig_put(&rig, "", 0));
	assert_true(broker_rig_put_allow(&rig));
	check_no_message(HC_ERR_CLOSED);
	check_connection_is_spoilt();
}

static void a_connection_cut_gives_no_message(void **state)
{
	(void)state;
	be_connected();
	broker_rig_drop_peer(&rig);
	check_no_message(HC_ERR_CLOSED);
	check_connection_is_spoilt();
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void silence_is_a_time_out(void **state)
{
	(void)state;
	be_connected();
	rig.step_ms = 11999;

	int64_t start_ms = rig.now_ms;

	check_no_message(HC_ERR_TIMEOUT);
	assert_true(rig.now_ms - start_ms >= HC_BROKER_SILENCE_MS);
	/* a verdict that comes too late is not read any more */
	assert_true(broker_rig_put_allow(&rig));
	check_connection_is_spoilt();
}

static void keepalive_then_allow(struct broker_rig *self, unsigned look)
{
	struct hc_msg keepalive;

	hc_msg_init(&keepalive, HC_MSG_KEEPALIVE);
	if (look == 2)
		assert_true(broker_rig_put_msg(self, &keepalive));
	if (look == 4)
		assert_true(broker_rig_put_allow(self));
}

static void a_keepalive_restarts_the_silence(void **state)
{
	(void)state;
	be_connected();
	rig.step_ms = 11990; /* the RESULT comes 35 s after the start, and never 12 s after the last sign */
	rig.looks = 0;
	rig.meanwhile = keepalive_then_allow;
	check_allow_received();
	assert_true(rig.looks >= 4);
}

static void keepalive_at_every_look(struct broker_rig *self, unsigned look)
{
	struct hc_msg keepalive;

	hc_msg_init(&keepalive, HC_MSG_KEEPALIVE);
	assert_true(broker_rig_put_msg(self, &keepalive));
	assert_true(look < 1000); /* the client would wait until the end of days */
}

static void a_broker_that_only_says_that_it_is_there_is_a_time_out(void **state)
{
	(void)state;
	be_connected();
	rig.step_ms = 5000;
	rig.looks = 0;
	rig.meanwhile = keepalive_at_every_look;

	int64_t start_ms = rig.now_ms;

	check_no_message(HC_ERR_TIMEOUT);
	assert_in_range(rig.now_ms - start_ms, HC_BROKER_WAIT_MAX_MS, HC_BROKER_WAIT_MAX_MS + 15000);
	check_connection_is_spoilt();
}

static void a_broker_that_does_not_read_is_a_time_out(void **state)
{
	enum hc_err err = HC_OK;

	(void)state;
	be_connected();
	rig.step_ms = 1999;
	for (int i = 0; err == HC_OK && i < 10000; i++) {
		hc_msg_init(&msg, HC_MSG_ANSWER);
		hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, "123456", 6);
		err = hc_broker_send(broker, &msg);
	}
	assert_int_equal(err, HC_ERR_TIMEOUT);
	check_connection_is_spoilt();
}

/* --- the ordinary way ------------------------------------------------------------------------- */

static void messages_travel_both_ways(void **state)
{
	uint8_t packet[64];

	(void)state;
	be_connected();
	hc_msg_init(&msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, "123456", 6);
	assert_int_equal(hc_broker_send(broker, &msg), HC_OK);
	assert_int_equal(recvfrom(rig.peer, packet, sizeof(packet), 0, NULL, NULL), 18);
	assert_memory_equal(packet,
			    "\1\0\0\3\0\0\0\x0a\0\x0e\0\6"
			    "123456",
			    18);
	assert_true(broker_rig_put_allow(&rig));
	check_allow_received();
}

static void a_message_with_a_mistake_is_not_sent(void **state)
{
	uint8_t byte = 0;

	(void)state;
	be_connected();
	hc_msg_init(&msg, HC_MSG_HELLO);
	hc_msg_put_text(&msg, HC_FIELD_USER, "\xff");
	assert_int_equal(hc_broker_send(broker, &msg), HC_ERR_INVALID);
	assert_int_equal(recvfrom(rig.peer, &byte, 1, 0, NULL, NULL), -1);
	/* and the connection is as good as before */
	assert_true(broker_rig_put_allow(&rig));
	check_allow_received();
}

static void a_result_left_by_a_broker_that_closed_is_read(void **state)
{
	(void)state;
	be_connected();
	assert_true(broker_rig_put_allow(&rig));
	broker_rig_drop_peer(&rig);
	hc_msg_init(&msg, HC_MSG_HELLO);
	assert_int_equal(hc_broker_send(broker, &msg), HC_ERR_CLOSED);
	check_allow_received();
	check_no_message(HC_ERR_CLOSED);
}

static void a_result_is_read_although_our_message_was_not(void **state)
{
	(void)state;
	be_connected();
	hc_msg_init(&msg, HC_MSG_HELLO);
	assert_int_equal(hc_broker_send(broker, &msg), HC_OK);
	assert_true(broker_rig_put_allow(&rig));
	broker_rig_drop_peer(&rig); /* with the HELLO unread: the kernel resets the connection */
	check_allow_received();
	check_no_message(HC_ERR_CLOSED);
}

static void freeing_accepts_nothing_and_keeps_errno(void **state)
{
	struct hc_broker *none = NULL;

	(void)state;
	hc_broker_free(NULL);
	hc_broker_free(&none);
	be_connected();
	errno = EXDEV;
	hc_broker_free(&broker);
	assert_int_equal(errno, EXDEV);
	assert_null(broker);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(a_path_that_cannot_be_a_socket_is_invalid),
		WITH_RIG(a_broker_that_is_away_is_waited_for_no_longer_than_the_limit),
		WITH_RIG(a_full_backlog_is_waited_for),
		WITH_RIG(a_backlog_that_empties_lets_us_in),
		WITH_RIG(a_broker_that_starts_late_is_found),
		WITH_RIG(standard_descriptors_are_never_used),
		WITH_RIG(the_socket_is_not_inherited),
		WITH_RIG(garbage_ends_the_connection),
		WITH_RIG(a_packet_beyond_the_limit_is_not_read_in_part),
		WITH_RIG(a_descriptor_is_refused_and_not_kept),
		WITH_RIG(a_keepalive_with_content_is_no_keepalive),
		WITH_RIG(an_empty_packet_is_an_end),
		WITH_RIG(a_connection_cut_gives_no_message),
		WITH_RIG(silence_is_a_time_out),
		WITH_RIG(a_keepalive_restarts_the_silence),
		WITH_RIG(a_broker_that_only_says_that_it_is_there_is_a_time_out),
		WITH_RIG(a_broker_that_does_not_read_is_a_time_out),
		WITH_RIG(messages_travel_both_ways),
		WITH_RIG(a_message_with_a_mistake_is_not_sent),
		WITH_RIG(a_result_left_by_a_broker_that_closed_is_read),
		WITH_RIG(a_result_is_read_although_our_message_was_not),
		WITH_RIG(freeing_accepts_nothing_and_keeps_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
