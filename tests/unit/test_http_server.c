/* SPDX-License-Identifier: Apache-2.0 */
/* The server over plain TCP: what it refuses, its time-outs and limits, clients that go. */
#include "http_support.h"

#define HOST "Host: a\r\n"
#define ECHO "GET /echo HTTP/1.1\r\n" HOST "\r\n"
#define SAID "1|127.0.0.1|plain|/echo||"

static int set_up(void **state)
{
	*state = rig_new(NULL);
	return 0;
}

static int tear_down(void **state)
{
	rig_free(*state);
	return 0;
}

/* ---- refused and closed ---- */

/* The status comes, then the end; a second request behind it is never handed over. */
static void assert_refused(struct rig *rig, const char *data, size_t len, unsigned status)
{
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say_bytes(fd, data, len);
	say(fd, ECHO);
	assert_int_equal(hear_status(fd), status);
	hear_end(fd);
	assert_int_equal(counts_of(rig).requests, 0);
	assert_int_equal(counts_of(rig).refused, 1);
	await_connections(rig, 0);
}

#define REFUSED(name, text, status)                                       \
	static void name(void **state)                                    \
	{                                                                 \
		assert_refused(*state, (text), sizeof(text) - 1, status); \
	}

REFUSED(a_nul_is_refused, "GET /echo HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400)
REFUSED(a_bare_lf_is_refused, "GET /echo HTTP/1.1\r\nHost: a\n\r\n", 400)
REFUSED(a_bare_cr_is_refused, "GET /echo HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n", 400)
REFUSED(folding_is_refused, "GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400)
REFUSED(a_space_before_the_colon_is_refused, "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", 400)
REFUSED(content_length_with_transfer_encoding_is_refused,
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	400)
REFUSED(two_content_lengths_are_refused,
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", 400)
REFUSED(two_hosts_are_refused, "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400)
REFUSED(no_host_is_refused, "GET /echo HTTP/1.1\r\n\r\n", 400)
REFUSED(a_chunked_body_is_refused,
	"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501)
REFUSED(more_than_64_kib_of_body_are_refused,
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413)
REFUSED(an_absolute_target_is_refused, "GET http://b/echo HTTP/1.1\r\nHost: a\r\n\r\n", 400)
REFUSED(http_2_is_refused, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400)
REFUSED(an_unknown_method_is_refused, "BREW /echo HTTP/1.1\r\nHost: a\r\n\r\n", 501)
REFUSED(an_unknown_expectation_is_refused,
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\na", 417)
/* Nobody reads this body, so what follows it is no request. */
REFUSED(a_body_that_nobody_takes_ends_the_connection,
	"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n", 404)

static void more_than_8_kib_of_headers_are_refused(void **state)
{
	static char data[HC_HTTP_HEADER_BYTES_MAX + 1];
	int at = snprintf(data, sizeof(data), "GET /echo HTTP/1.1\r\n%sX: ", HOST);

	memset(data + at, 'x', sizeof(data) - (size_t)at);
	assert_refused(*state, data, sizeof(data), 431);
}

static void more_than_64_headers_are_refused(void **state)
{
	static char data[2048];
	int len = snprintf(data, sizeof(data), "GET /echo HTTP/1.1\r\n%s", HOST);

	for (int i = 0; i < HC_HTTP_HEADERS_MAX; i++)
		len += snprintf(data + len, sizeof(data) - (size_t)len, "X-%d: %d\r\n", i, i);
	len += snprintf(data + len, sizeof(data) - (size_t)len, "\r\n");
	assert_refused(*state, data, (size_t)len, 431);
}

/* An answer is not lost because the client still sends: as much as fits into the lingering. */
static void the_refusal_of_a_large_upload_arrives(void **state)
{
	static char waste[200000];
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
	say_bytes(fd, waste, sizeof(waste));
	assert_int_equal(hear_status(fd), 413);
	assert_int_equal(recv(fd, waste, 1, 0), 0);
	assert_int_equal(counts_of(rig).connections,
			 1); /* a close over unread bytes could reset the answer away */
	(void)close(fd);
	await_connections(rig, 0);
}

/* ---- time ---- */

/* Sends text in pieces of one byte until the server has had enough; returns how long that took. */
static int64_t drip(int fd, const char *text)
{
	int64_t started = mono_ms();

	for (size_t i = 0; text[i] != '\0'; i++) {
		struct timeval pause = {.tv_usec = 20000};
		char byte = 0;

		if (send(fd, text + i, 1, MSG_NOSIGNAL) != 1)
			break;
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause)), 0);
		if (recv(fd, &byte, 1, MSG_PEEK) >=
		    0) /* an answer, or the end: otherwise 20 ms have passed */
			break;
	}
	return mono_ms() - started;
}

static void headers_that_trickle_in_end_with_a_timeout(void **state)
{
	struct rig *rig = *state;
	int64_t took = 0;
	int fd = 0;

	rig->limits.header_timeout_ms = SOON_MS;
	rig_start(rig);
	fd = dial(rig);
	took = drip(fd,
		    "GET /echo HTTP/1.1\r\nHost: a\r\nX-Slow: loris loris loris loris loris loris loris\r\n");
	assert_in_range(took, SOON_MS - 20, 10 * SOON_MS);
	assert_int_equal(hear_status(fd), 408);
	hear_end(fd);
	assert_int_equal(counts_of(rig).timed_out, 1);
	assert_int_equal(counts_of(rig).requests, 0);
}

static void a_body_that_trickles_in_ends_with_a_timeout(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig->limits.body_timeout_ms = SOON_MS;
	rig_start(rig);
	fd = dial(rig);
	say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n");
	assert_in_range(drip(fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), SOON_MS - 20,
			10 * SOON_MS);
	assert_int_equal(hear_status(fd), 408);
	hear_end(fd);
	assert_int_equal(counts_of(rig).requests, 0);
}

static void who_connects_and_says_nothing_is_closed(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig->limits.header_timeout_ms = SOON_MS;
	rig_start(rig);
	fd = dial(rig);
	hear_end(fd);
	assert_int_equal(counts_of(rig).timed_out, 1);
}

static void an_idle_connection_is_closed_in_its_time(void **state)
{
	struct rig *rig = *state;
	int64_t started = 0;
	int fd = 0;

	rig->limits.idle_timeout_ms = SOON_MS;
	rig_start(rig);
	fd = dial(rig);
	say(fd, ECHO);
	assert_int_equal(hear_status(fd), 200);
	started = mono_ms();
	hear_end(fd);
	assert_in_range(mono_ms() - started, SOON_MS - 20, 10 * SOON_MS);
	assert_int_equal(counts_of(rig).timed_out, 0);
}

static void who_does_not_read_is_closed(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig->limits.write_timeout_ms = SOON_MS;
	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	await_connections(rig, 1);
	for (int i = 0; i < 500000 && counts_of(rig).connections > 0; i++)
		;
	assert_int_equal(counts_of(rig).connections, 0);
	assert_int_equal(counts_of(rig).timed_out, 1);
	(void)close(fd);
}

/* ---- clients that go ---- */

static void reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	(void)close(fd);
}

static void a_client_that_resets_before_the_answer_takes_nothing_along(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	(void)sem_wait(&rig->holds);
	reset(fd);
	await_connections(rig, 0);
	assert_int_equal(counts_of(rig).exchanges, 0);
	on_loop(rig, rig_answer_held, NULL); /* only frees */
	fd = dial(rig);
	say(fd, ECHO);
	hear_body(fd, SAID);
	(void)close(fd);
}

static void a_client_that_closes_before_the_answer_takes_nothing_along(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	(void)sem_wait(&rig->holds);
	(void)close(fd);
	on_loop(rig, rig_nothing, NULL);
	on_loop(rig, rig_answer_held, NULL);
	await_connections(rig, 0);
}

static void a_client_that_goes_in_the_middle_of_a_request_leaves_nothing(void **state)
{
	static const char *const starts[] = {
		"GET /ec", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"};
	struct rig *rig = *state;

	rig_start(rig);
	for (size_t i = 0; i < HC_COUNT(starts); i++) {
		int fd = dial(rig);

		say(fd, starts[i]);
		await_connections(rig, 1);
		(void)close(fd);
		await_connections(rig, 0);
	}
	assert_int_equal(counts_of(rig).requests, 0);
}

/* ---- limits ---- */

static void one_address_holds_so_many_and_no_more(void **state)
{
	struct rig *rig = *state;
	int held[3] = {0}, fd = 0;

	rig->limits.connections_per_address = HC_COUNT(held);
	rig_start(rig);
	for (size_t i = 0; i < HC_COUNT(held); i++)
		held[i] = dial(rig);
	await_connections(rig, HC_COUNT(held));
	hear_end(dial(rig));
	assert_int_equal(counts_of(rig).over_limit, 1);
	(void)close(held[0]);
	await_connections(rig, HC_COUNT(held) - 1);
	fd = dial(rig);
	say(fd, ECHO);
	hear_body(fd, SAID);
	(void)close(fd);
	(void)close(held[1]);
	(void)close(held[2]);
}

static void beyond_the_limit_nobody_busy_is_closed_for_a_newcomer(void **state)
{
	struct rig *rig = *state;
	int held[2] = {0};

	rig->limits.connections = HC_COUNT(held);
	rig_start(rig);
	for (size_t i = 0; i < HC_COUNT(held); i++) {
		held[i] = dial(rig);
		say(held[i], "GET /ec");
	}
	await_connections(rig, HC_COUNT(held));
	hear_end(dial(rig));
	for (size_t i = 0; i < HC_COUNT(held); i++) {
		say(held[i], "ho HTTP/1.1\r\nHost: a\r\n\r\n");
		hear_body(held[i], SAID);
		(void)close(held[i]);
	}
}

static void beyond_the_limit_the_longest_idle_makes_room(void **state)
{
	struct rig *rig = *state;
	int first = 0, second = 0, third = 0;

	rig->limits.connections = 2;
	rig_start(rig);
	first = dial(rig);
	say(first, ECHO);
	hear_body(first, SAID);
	second = dial(rig);
	say(second, ECHO);
	hear_body(second, SAID);
	third = dial(rig);
	say(third, ECHO);
	hear_body(third, SAID);
	hear_end(first);
	say(second, ECHO);
	hear_body(second, SAID);
	assert_int_equal(counts_of(rig).evicted, 1);
	(void)close(second);
	(void)close(third);
}

static void a_thousand_idle_connections_hold_no_buffers_and_keep_nobody_out(void **state)
{
	enum { MANY = 1000 };
	static int idle[MANY];
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	for (int i = 0; i < MANY; i++) {
		idle[i] = dial(rig);
		say(idle[i], ECHO);
	}
	for (int i = 0; i < MANY; i++)
		hear_body(idle[i], SAID);
	assert_int_equal(counts_of(rig).idle, MANY);
	fd = dial(rig);
	say(fd, ECHO);
	hear_body(fd, SAID);
	for (int i = 0; i < MANY; i++) {
		say(idle[i], ECHO);
		hear_body(idle[i], SAID);
		(void)close(idle[i]);
	}
	(void)close(fd);
	await_connections(rig, 0);
	assert_int_equal(counts_of(rig).idle, 0);
}

#define ON_RIG(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(a_nul_is_refused),
		ON_RIG(a_bare_lf_is_refused),
		ON_RIG(a_bare_cr_is_refused),
		ON_RIG(folding_is_refused),
		ON_RIG(a_space_before_the_colon_is_refused),
		ON_RIG(content_length_with_transfer_encoding_is_refused),
		ON_RIG(two_content_lengths_are_refused),
		ON_RIG(two_hosts_are_refused),
		ON_RIG(no_host_is_refused),
		ON_RIG(a_chunked_body_is_refused),
		ON_RIG(more_than_64_kib_of_body_are_refused),
		ON_RIG(more_than_8_kib_of_headers_are_refused),
		ON_RIG(more_than_64_headers_are_refused),
		ON_RIG(an_absolute_target_is_refused),
		ON_RIG(http_2_is_refused),
		ON_RIG(an_unknown_method_is_refused),
		ON_RIG(an_unknown_expectation_is_refused),
		ON_RIG(a_body_that_nobody_takes_ends_the_connection),
		ON_RIG(the_refusal_of_a_large_upload_arrives),
		ON_RIG(headers_that_trickle_in_end_with_a_timeout),
		ON_RIG(a_body_that_trickles_in_ends_with_a_timeout),
		ON_RIG(who_connects_and_says_nothing_is_closed),
		ON_RIG(an_idle_connection_is_closed_in_its_time),
		ON_RIG(who_does_not_read_is_closed),
		ON_RIG(a_client_that_resets_before_the_answer_takes_nothing_along),
		ON_RIG(a_client_that_closes_before_the_answer_takes_nothing_along),
		ON_RIG(a_client_that_goes_in_the_middle_of_a_request_leaves_nothing),
		ON_RIG(one_address_holds_so_many_and_no_more),
		ON_RIG(beyond_the_limit_nobody_busy_is_closed_for_a_newcomer),
		ON_RIG(beyond_the_limit_the_longest_idle_makes_room),
		ON_RIG(a_thousand_idle_connections_hold_no_buffers_and_keep_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
