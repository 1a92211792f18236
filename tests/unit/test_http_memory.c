/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server when memory or the system fails: every allocation of every path, one after the other.
 * Loop and client are on one thread, so that the n-th call is always the same.
 */
#include <event2/event.h>

#include <errno.h>

#include "fault.h"
#include "hospiconnect/log.h"
#include "http_support.h"

#define HOST "Host: a\r\n"

static int set_up(void **state)
{
	struct rig *rig = rig_new(NULL);

	assert_int_equal(hc_loop_new(0, &rig->loop), HC_OK);
	assert_int_equal(hc_http_server_new(rig->loop, "127.0.0.1:0", NULL, rig_routes, NULL, rig,
					    &rig->limits, &rig->server),
			 HC_OK);
	rig->port = hc_http_server_port(rig->server);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_free(*state);
	return 0;
}

static void turn(const struct rig *rig)
{
	for (int i = 0; i < 6; i++)
		assert_true(event_base_loop(hc_loop_base(rig->loop), EVLOOP_NONBLOCK) >= 0);
}

/* What came within some turns of the loop: a status, or 0 where the server has closed. */
static unsigned outcome(const struct rig *rig, int fd)
{
	char answer[1024];
	ssize_t got = 0;

	turn(rig);
	got = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
	if (got <= 0)
		return 0;
	answer[got] = '\0';
	assert_memory_equal(answer, "HTTP/1.1 ", 9);
	return (unsigned)strtoul(answer + 9, NULL, 10);
}

static void assert_works(struct rig *rig)
{
	int fd = dial(rig);

	say(fd, "GET /echo HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(outcome(rig, fd), 200);
	(void)close(fd);
	turn(rig);
}

/* The request, with the n-th allocation failing for each n: served, refused with 503, or closed. */
static void try_each(struct rig *rig, const char *request, unsigned good, bool deferred)
{
	bool done = false;

	for (unsigned n = 1; !done; n++) {
		int fd = dial(rig);
		unsigned status = 0;

		say(fd, request);
		hc_fault_arm(HC_FAULT_MEMORY, n);
		turn(rig);
		if (deferred && rig->held != NULL)
			rig_answer_held(rig, NULL);
		status = outcome(rig, fd);
		done = !hc_fault_hit();
		hc_fault_disarm();
		if (status != 0 && status != 503 && status != good)
			fail_msg("%u with allocation %u (%s) failing", status, n, hc_fault_symbol());
		if (done)
			assert_int_equal(status, good);
		(void)close(fd);
		turn(rig);
		assert_null(rig->held);

		struct hc_http_counts counts;

		hc_http_server_counts(rig->server, &counts);
		if (counts.connections != 0 || counts.exchanges != 0 || counts.idle != 0)
			fail_msg("%u connections, %u exchanges left behind allocation %u", counts.connections,
				 counts.exchanges, n);
		assert_works(rig);
		assert_true(n < 50);
	}
}

static void every_allocation_may_fail_while_a_request_is_served(void **state)
{
	try_each(*state, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, false);
}

static void every_allocation_may_fail_before_a_late_answer(void **state)
{
	try_each(*state, "GET /hold HTTP/1.1\r\n" HOST "\r\n", 200, true);
}

static void every_allocation_may_fail_while_a_request_is_refused(void **state)
{
	try_each(*state, "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", 400, false);
}

static void every_allocation_may_fail_while_pipelined_requests_are_served(void **state)
{
	try_each(*state, "GET /echo HTTP/1.1\r\n" HOST "\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n", 200, false);
}

static void every_allocation_may_fail_while_a_body_is_read(void **state)
{
	static char request[20000];
	int len = snprintf(request, sizeof(request),
			   "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 15000\r\n\r\n");

	memset(request + len, 'b', 15000);
	request[len + 15000] = '\0';
	try_each(*state, request, 200, false);
}

static void every_allocation_may_fail_while_a_server_starts(void **state)
{
	struct rig *rig = *state;
	struct hc_http_server *server = NULL;
	struct hc_loop *loop = NULL;
	bool done = false;

	for (unsigned n = 1; !done; n++) {
		enum hc_err err = HC_OK;

		hc_fault_arm(HC_FAULT_MEMORY, n);
		err = hc_loop_new(0, &loop);
		if (err == HC_OK)
			err = hc_http_server_new(loop, "127.0.0.1:0", NULL, rig_routes, NULL, rig,
						 &rig->limits, &server);
		done = !hc_fault_hit();
		hc_fault_disarm();
		assert_int_equal(err, done ? HC_OK : HC_ERR_NOMEM);
		assert_true(done == (server != NULL));
		hc_http_server_free(&server);
		hc_loop_free(&loop);
		assert_true(n < 50);
	}
}

/* ---- accepting ---- */

static int accept_error; /* what accept4(2) fails with; 0: it works */
static unsigned accept_failures;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	if (accept_error == 0)
		return __real_accept4(fd, address, len, flags);
	errno = accept_error;
	accept_failures++;
	if (accept_error == ECONNABORTED) /* that one is gone */
		accept_error = 0;
	return -1;
}

static void count_lines(enum hc_log_level level, const char *line, void *ctx)
{
	unsigned *lines = ctx;

	if (level == HC_LOG_ERROR && strstr(line, "cannot accept connections") != NULL)
		(*lines)++;
}

static void without_descriptors_clients_wait_and_are_served_then(void **state)
{
	static const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};
	struct rig *rig = *state;
	unsigned lines = 0;

	hc_log_capture(count_lines, &lines);
	for (size_t i = 0; i < HC_COUNT(errors); i++) {
		int fd = dial(rig);

		say(fd, "GET /echo HTTP/1.1\r\n" HOST "\r\n");
		accept_error = errors[i];
		accept_failures = 0;
		turn(rig);
		accept_error = 0;
		assert_int_equal(accept_failures, 1); /* and not again at once: it would spin */
		assert_int_equal(outcome(rig, fd), 0);
		assert_int_equal(event_base_loop(hc_loop_base(rig->loop), EVLOOP_ONCE), 0); /* the pause */
		assert_int_equal(outcome(rig, fd), 200);
		(void)close(fd);
		turn(rig);
	}
	hc_log_capture(NULL, NULL);
	assert_int_equal(lines, 1); /* a minute */
}

static void a_connection_that_was_aborted_does_not_pause_accepting(void **state)
{
	accept_error = ECONNABORTED;
	accept_failures = 0;
	assert_works(*state);
	assert_int_equal(accept_failures, 1);
}

static void be_silent(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void every_system_call_may_fail_while_a_server_starts(void **state)
{
	struct rig *rig = *state;
	struct hc_http_server *server = NULL;
	bool done = false;

	hc_log_capture(be_silent, NULL);
	for (unsigned n = 1; !done; n++) {
		enum hc_err err = HC_OK;

		hc_fault_arm(HC_FAULT_SYSTEM, n);
		err = hc_http_server_new(rig->loop, "127.0.0.1:0", NULL, rig_routes, NULL, rig, &rig->limits,
					 &server);
		done = !hc_fault_hit();
		hc_fault_disarm();
		if (err != (done ? HC_OK : HC_ERR_IO))
			fail_msg("%s with %s failing", hc_strerror(err), hc_fault_symbol());
		hc_http_server_free(&server);
		assert_true(n < 50);
	}
	hc_log_capture(NULL, NULL);
}

#define ON_RIG(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(without_descriptors_clients_wait_and_are_served_then),
		ON_RIG(a_connection_that_was_aborted_does_not_pause_accepting),
		ON_RIG(every_allocation_may_fail_while_a_request_is_refused),
		ON_RIG(every_allocation_may_fail_while_a_request_is_served),
		ON_RIG(every_allocation_may_fail_before_a_late_answer),
		ON_RIG(every_allocation_may_fail_while_pipelined_requests_are_served),
		ON_RIG(every_allocation_may_fail_while_a_body_is_read),
		ON_RIG(every_allocation_may_fail_while_a_server_starts),
		ON_RIG(every_system_call_may_fail_while_a_server_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
