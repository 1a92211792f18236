/* SPDX-License-Identifier: Apache-2.0 */
/* The server over plain TCP: what it serves. */
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

static void a_connection_is_kept_alive(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	for (int i = 0; i < 3; i++) {
		say(fd, ECHO);
		hear_body(fd, SAID);
	}
	say(fd, "POST /echo?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nx=y");
	hear_body(fd, "4|127.0.0.1|plain|/echo|a=b|x=y");
	hear_end(fd);
	assert_int_equal(counts_of(rig).requests, 4);
	assert_int_equal(counts_of(rig).accepted, 1);
}

static void a_1_0_client_is_kept_alive_only_if_it_asks(void **state)
{
	static char answer[ANSWER_MAX];
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(hear(fd, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(answer, "Connection: keep-alive\r\n"));
	say(fd, "GET /echo HTTP/1.0\r\n\r\n");
	assert_int_equal(hear(fd, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	hear_end(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	static char all[16384], expected[64];
	struct rig *rig = *state;
	size_t len = 0;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len,
					"POST /echo?%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d",
					i, i);
	say_bytes(fd, all, len);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(expected, sizeof(expected), "4|127.0.0.1|plain|/echo|%d|%02d", i, i);
		hear_body(fd, expected);
	}
	(void)close(fd);
}

static void a_pipelined_request_waits_for_the_answer_before_it(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n" ECHO);
	(void)sem_wait(&rig->holds);
	say(fd, ECHO);
	assert_int_equal(counts_of(rig).exchanges, 1);
	assert_int_equal(counts_of(rig).requests, 1);
	on_loop(rig, rig_answer_held, NULL);
	hear_body(fd, "held");
	hear_body(fd, SAID);
	hear_body(fd, SAID);
	(void)close(fd);
}

static void a_request_comes_byte_by_byte_as_well(void **state)
{
	static const char text[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" ECHO;
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		say_bytes(fd, text + i, 1);
		on_loop(rig, rig_nothing, NULL);
	}
	hear_body(fd, "4|127.0.0.1|plain|/echo||abc");
	hear_body(fd, SAID);
	(void)close(fd);
}

static void bodies_of_every_size_up_to_the_limit_arrive(void **state)
{
	static const size_t sizes[] = {0, 1, 4000, 8000, 8192, 8193, 20000, HC_HTTP_BODY_MAX};
	static char body[HC_HTTP_BODY_MAX + 1], expected[HC_HTTP_BODY_MAX + 64];
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	for (size_t i = 0; i < HC_COUNT(sizes); i++) {
		char head[128];

		for (size_t at = 0; at < sizes[i]; at++)
			body[at] = (char)('a' + at % 26);
		body[sizes[i]] = '\0';
		(void)snprintf(head, sizeof(head),
			       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
		say(fd, head);
		say_bytes(fd, body, sizes[i]);
		(void)snprintf(expected, sizeof(expected), "4|127.0.0.1|plain|/echo||%s", body);
		hear_body(fd, expected);
	}
	(void)close(fd);
}

static void head_is_answered_like_get_without_a_body(void **state)
{
	static char answer[ANSWER_MAX];
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(hear(fd, answer, sizeof(answer), true), 200);
	assert_non_null(strstr(answer, "Content-Length: 25\r\n"));
	say(fd, "HEAD /form HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(hear(fd, answer, sizeof(answer), true), 405);
	say(fd, ECHO); /* what comes next is the next answer */
	hear_body(fd, SAID);
	(void)close(fd);
}

static void a_method_that_the_path_does_not_take_is_405_with_allow(void **state)
{
	static const struct {
		const char *line, *allow;
	} rows[] = {
		{"GET /form", "Allow: POST\r\n"},
		{"POST /page", "Allow: GET, HEAD\r\n"},
		{"PUT /echo", "Allow: GET, HEAD, POST\r\n"},
		{"OPTIONS /page", "Allow: GET, HEAD\r\n"},
		{"DELETE /form", "Allow: POST\r\n"},
		{"TRACE /echo", "Allow: GET, HEAD, POST\r\n"},
	};
	static char answer[ANSWER_MAX];
	struct rig *rig = *state;
	char text[128];
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].line);
		say(fd, text);
		if (hear(fd, answer, sizeof(answer), false) != 405 || strstr(answer, rows[i].allow) == NULL)
			fail_msg("row %zu: %s", i, answer);
	}
	assert_int_equal(counts_of(rig).requests, 0);
	(void)close(fd);
}

static void paths_match_exactly_or_are_404(void **state)
{
	static const char *const rows[] = {"/",	      "/ech",	 "/echo/",     "/echoo", "//echo",
					   "/%65cho", "/./echo", "/x/../echo", "/Echo",	 "/echo;a"};
	struct rig *rig = *state;
	char text[128];
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i]);
		say(fd, text);
		if (hear_status(fd) != 404)
			fail_msg("row %zu: %s", i, rows[i]);
	}
	(void)close(fd);
}

static void who_waits_for_leave_to_send_gets_it(void **state)
{
	static char answer[ANSWER_MAX];
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear(fd, answer, sizeof(answer), false), 100);
	say(fd, "abc");
	hear_body(fd, "4|127.0.0.1|plain|/echo||abc");
	say(fd, "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear_status(fd), 405); /* no leave where nobody takes it */
	hear_end(fd);
}

static void a_client_may_close_its_half_and_still_gets_the_answer(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	(void)sem_wait(&rig->holds);
	on_loop(rig, rig_nothing, NULL);
	on_loop(rig, rig_answer_held, NULL);
	hear_body(fd, "held");
	hear_end(fd);
}

static void a_large_answer_arrives_whole(void **state)
{
	static char answer[512];
	struct rig *rig = *state;
	size_t left = BIG_LEN, have = 0;
	char *end = NULL;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	while (end == NULL && have < sizeof(answer) - 1) {
		assert_int_equal(recv(fd, answer + have, 1, 0), 1);
		answer[++have] = '\0';
		end = strstr(answer, "\r\n\r\n");
	}
	assert_non_null(strstr(answer, "Content-Length: 8388608\r\n"));
	while (left > 0) {
		static char piece[65536];
		ssize_t got = recv(fd, piece, sizeof(piece) < left ? sizeof(piece) : left, 0);

		assert_true(got > 0);
		left -= (size_t)got;
	}
	hear_end(fd);
}

#define ON_RIG(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(a_method_that_the_path_does_not_take_is_405_with_allow),
		ON_RIG(paths_match_exactly_or_are_404),
		ON_RIG(a_connection_is_kept_alive),
		ON_RIG(a_1_0_client_is_kept_alive_only_if_it_asks),
		ON_RIG(pipelined_requests_are_answered_in_order),
		ON_RIG(a_pipelined_request_waits_for_the_answer_before_it),
		ON_RIG(a_request_comes_byte_by_byte_as_well),
		ON_RIG(bodies_of_every_size_up_to_the_limit_arrive),
		ON_RIG(head_is_answered_like_get_without_a_body),
		ON_RIG(who_waits_for_leave_to_send_gets_it),
		ON_RIG(a_client_may_close_its_half_and_still_gets_the_answer),
		ON_RIG(a_large_answer_arrives_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
