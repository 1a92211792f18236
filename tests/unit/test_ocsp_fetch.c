/* SPDX-License-Identifier: Apache-2.0 */
/* One post to a responder on loopback, as good and as bad as they get: what counts as an answer, and where it goes. */
#include "hc_ocsp_fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000
#define BODY	"a question in DER"

/* What the asking process says: each question is asked by a process of its own, as in production. */
struct said {
	enum hc_err err;
	struct hc_ocsp_response response;
};
static struct said *said;
static int server = -1;
static uint16_t port;

static int setup(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);

	(void)state;
	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (said == MAP_FAILED || server < 0 ||
	    bind(server, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(server, 8) != 0 ||
	    getsockname(server, (struct sockaddr *)&address, &len) != 0)
		return -1;
	port = ntohs(address.sin_port);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)munmap(said, sizeof(*said));
	return close(server);
}

static struct hc_ocsp_request request_to(const char *scheme, uint16_t to, long timeout_s)
{
	struct hc_ocsp_request request = {.body_len = strlen(BODY), .timeout_s = timeout_s};

	(void)snprintf(request.url, sizeof(request.url), "%s://127.0.0.1:%u/ocsp", scheme, to);
	memcpy(request.body, BODY, strlen(BODY));
	return request;
}

static pid_t ask(const struct hc_ocsp_request *request, int link)
{
	memset(said, 0, sizeof(*said));
	said->err = HC_ERR_CORRUPT; /* it says nothing else if it dies */
	(void)fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0) {
		(void)alarm(WAIT_MS / 1000);
		said->err = hc_ocsp_fetch(request, link, &said->response);
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void wait_for(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int next_caller(int wait_ms)
{
	struct pollfd wanted = {.fd = server, .events = POLLIN};

	return poll(&wanted, 1, wait_ms) == 1 ? accept4(server, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* All of one request: its head, terminated; the body must be the question. */
static const char *hear(int fd)
{
	static char text[8192];
	size_t len = 0;
	const char *end = NULL;

	do {
		struct pollfd wanted = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&wanted, 1, WAIT_MS), 1);
		const ssize_t got = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		if (got <= 0)
			return "";
		len += (size_t)got;
		text[len] = '\0';
		end = strstr(text, "\r\n\r\n");
	} while (end == NULL || len - (size_t)(end + 4 - text) < strlen(BODY));
	assert_string_equal(end + 4, BODY);
	return text;
}

static void say(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* it did not want to hear more */
		data += sent;
		len -= (size_t)sent;
	}
}

/* One question that gets this answer; filler: then that, until nobody listens any more. */
static void exchange(const char *answer, const char *filler)
{
	const struct hc_ocsp_request request = request_to("http", port, 5);
	const pid_t pid = ask(&request, -1);
	const int fd = next_caller(WAIT_MS);

	assert_true(fd >= 0);
	(void)hear(fd);
	say(fd, answer, strlen(answer));
	for (int i = 0; filler != NULL && i < 4096; i++)
		say(fd, filler, strlen(filler));
	(void)close(fd);
	wait_for(pid);
}

/* ---- what is no answer ---- */

static void nothing_but_a_whole_answer_with_status_200_counts(void **state)
{
	static const struct {
		const char *answer, *filler;
		enum hc_err wanted;
		const char *why;
	} rows[] = {
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", NULL, HC_ERR_NOTFOUND, "404"},
		{"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", NULL, HC_ERR_NOTFOUND, "500"},
		{"HTTP/1.1 204 Nothing\r\n\r\n", NULL, HC_ERR_NOTFOUND, "204"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, HC_ERR_PROTOCOL, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", NULL, HC_ERR_PROTOCOL, ""},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", NULL, HC_ERR_PROTOCOL,
		 ""},
		{"no HTTP at all\r\n\r\n", NULL, HC_ERR_PROTOCOL, ""},
		{"", NULL, HC_ERR_PROTOCOL, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", NULL, HC_ERR_TOOBIG, "too long"},
		{"HTTP/1.1 200 OK\r\n\r\n", "without end, and nobody said how much it would be. ",
		 HC_ERR_TOOBIG, "too long"},
		{"HTTP/1.1 200 OK\r\n", "X-Header: of many, of which no one is too long\r\n", HC_ERR_TOOBIG,
		 "too long"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		exchange(rows[i].answer, rows[i].filler);
		if (said->err != rows[i].wanted || strstr(said->response.why, rows[i].why) == NULL)
			fail_msg("row %zu: %s: %s", i, hc_strerror(said->err), said->response.why);
	}
}

static void a_redirect_is_not_followed(void **state)
{
	char answer[256];

	(void)state;
	(void)snprintf(
		answer, sizeof(answer),
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/other\r\nContent-Length: 0\r\n\r\n",
		port);
	exchange(answer, NULL);
	assert_int_equal(said->err, HC_ERR_NOTFOUND);
	assert_int_equal(next_caller(0), -1); /* it has ended, and has not called again */
}

static void who_is_not_there_and_who_does_not_speak_are_told_apart(void **state)
{
	struct hc_ocsp_request request = request_to("http", port, 5);
	pid_t pid;
	int fd;

	(void)state;
	request = request_to("http", port, 1);
	pid = ask(&request, -1);
	fd = next_caller(WAIT_MS);
	(void)hear(fd); /* and no word */
	wait_for(pid);
	(void)close(fd);
	assert_int_equal(said->err, HC_ERR_TIMEOUT);

	(void)close(server);
	request = request_to("http", port, 5);
	wait_for(ask(&request, -1));
	assert_int_equal(said->err, HC_ERR_AWAY);
	assert_int_equal(said->response.len, 0);
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* for the teardown */
}

static void another_protocol_is_not_spoken(void **state)
{
	static const char *const schemes[] = {"ftp", "file", "gopher", "dict"};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(schemes); i++) {
		const struct hc_ocsp_request request = request_to(schemes[i], port, 5);

		wait_for(ask(&request, -1));
		if (said->err != HC_ERR_PROTOCOL || next_caller(0) >= 0)
			fail_msg("row %zu: %s: %s", i, schemes[i], hc_strerror(said->err));
	}
}

static void what_speaks_no_tls_is_not_asked_where_tls_is_wanted(void **state)
{
	const struct hc_ocsp_request request = request_to("https", port, 5);
	char hello[16] = "";

	(void)state;
	const pid_t pid = ask(&request, -1);
	const int fd = next_caller(WAIT_MS);
	assert_true(recv(fd, hello, sizeof(hello), 0) > 0);
	assert_int_not_equal(hello[0], 'P'); /* nothing was posted in the clear */
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 43);
	(void)close(fd);
	wait_for(pid);
	assert_int_equal(said->err, HC_ERR_PROTOCOL);
}

/* ---- who asked ---- */

static void a_word_on_the_link_and_its_end_break_the_question_off(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct hc_ocsp_request request = request_to("http", port, 9);
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
		const pid_t pid = ask(&request, ends[1]);
		(void)close(ends[1]);
		const int fd = next_caller(WAIT_MS);
		(void)hear(fd);
		if (i == 0)
			assert_int_equal(send(ends[0], "x", 1, MSG_NOSIGNAL), 1);
		else
			(void)shutdown(ends[0], SHUT_RDWR);
		wait_for(pid);
		if (said->err != HC_ERR_STATE)
			fail_msg("row %d: %s", i, hc_strerror(said->err));
		(void)close(fd);
		(void)close(ends[0]);
	}
}

/* ---- what is one ---- */

static void the_question_is_posted_as_it_is_and_the_answer_comes_back_as_it_is(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x30\x03\x0a\x01";
	static const char *const wanted[] = {"Content-Type: application/ocsp-request\r\n",
					     "Accept: application/ocsp-response\r\n",
					     "Content-Length: 17\r\n"};
	const struct hc_ocsp_request request = request_to("http", port, 5);

	(void)state;
	/* Nobody listens there: a proxy of the environment is not used. */
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1/", 1), 0);
	const pid_t pid = ask(&request, -1);
	const int fd = next_caller(WAIT_MS);
	assert_true(fd >= 0);
	const char *head = hear(fd);
	assert_ptr_equal(strstr(head, "POST /ocsp HTTP/1.1\r\n"), head);
	for (size_t i = 0; i < HC_COUNT(wanted); i++)
		assert_non_null(strstr(head, wanted[i]));
	assert_null(strstr(head, "Expect:"));
	assert_null(strstr(head, "Cookie:"));
	say(fd, answer, sizeof(answer)); /* with the zero byte: 5 */
	(void)close(fd);
	wait_for(pid);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("ALL_PROXY"), 0);

	assert_int_equal(said->err, HC_OK);
	assert_int_equal(said->response.len, 5);
	assert_memory_equal(said->response.data, "\x30\x03\x0a\x01", 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_but_a_whole_answer_with_status_200_counts),
		TEST(a_redirect_is_not_followed),
		TEST(who_is_not_there_and_who_does_not_speak_are_told_apart),
		TEST(another_protocol_is_not_spoken),
		TEST(what_speaks_no_tls_is_not_asked_where_tls_is_wanted),
		TEST(a_word_on_the_link_and_its_end_break_the_question_off),
		TEST(the_question_is_posted_as_it_is_and_the_answer_comes_back_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
