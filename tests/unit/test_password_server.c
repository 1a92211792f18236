/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-password without PAM: who is served, what a request must be, and that a check which dies says
 * nothing. The check is the test's own: the password says what it shall do.
 */
#include "password_server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "hospiconnect/sockets.h"
#include "password_check.h"
#include "password_rate.h"
#include "tests/support/tempdir.h"

struct rig {
	struct tempdir dir;
	char path[100];
	pid_t pid;
};

enum hc_password __wrap_hc_password_check(const struct hc_login *login, const struct hc_secret *password,
					  bool decoy);

static bool typed(const struct hc_secret *password, const char *text)
{
	return hc_secret_len(password) == strlen(text) &&
	       memcmp(hc_secret_data(password), text, strlen(text)) == 0;
}

enum hc_password __wrap_hc_password_check(const struct hc_login *login, const struct hc_secret *password,
					  bool decoy)
{
	if (typed(password, "die"))
		(void)raise(SIGKILL);
	if (typed(password, "hang"))
		(void)pause();
	if (login == NULL || decoy)
		return HC_PASSWORD_WRONG;
	return typed(password, "right") && strcmp(login->text, "martin") == 0 ? HC_PASSWORD_RIGHT
									      : HC_PASSWORD_WRONG;
}

static void no_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static enum hc_err bound_at(const char *path, uid_t peer, int *ret_fd)
{
	const struct hc_socket_plan plan = {.path = path, .mode = 0600, .has_owner = true, .owner = peer};

	return hc_sockets_bind(&plan, ret_fd);
}

static void start(struct rig *rig, uid_t peer)
{
	struct hc_password_server server = {.peer = peer};

	hc_log_capture(no_log, NULL);
	/* The socket stays this user's: only root could give it away. */
	assert_int_equal(bound_at(rig->path, geteuid(), &server.fd), HC_OK);
	rig->pid = fork();
	assert_true(rig->pid >= 0);
	if (rig->pid == 0)
		_exit(hc_password_serve(&server) == HC_OK ? 0 : 1);
	assert_int_equal(close(server.fd), 0);
}

static void stop(struct rig *rig)
{
	int status = -1;

	assert_int_equal(kill(rig->pid, SIGTERM), 0);
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_true(tempdir_make(&rig->dir));
	(void)tempdir_file(&rig->dir, "password.sock", rig->path, sizeof(rig->path));
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	tempdir_remove(&rig->dir);
	free(rig);
	hc_log_capture(NULL, NULL);
	return 0;
}

static int connected(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = 20};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

/* The answer, or -1 for a connection that ended without one. */
static int64_t answer_of(int fd)
{
	struct hc_msg msg;
	ssize_t len = recv(fd, msg.packet, sizeof(msg.packet), 0);
	uint32_t answer = 0;

	(void)close(fd);
	if (len <= 0)
		return -1;
	assert_int_equal(hc_msg_parse(&msg, (size_t)len), HC_OK);
	assert_int_equal(msg.type, HC_MSG_PASSWORD_RESULT);
	assert_int_equal(hc_msg_u32(&msg, HC_FIELD_PASSWORD, &answer), HC_OK);
	return answer;
}

static int sent(const struct rig *rig, struct hc_msg *msg)
{
	int fd = connected(rig);

	assert_int_equal(hc_msg_finish(msg), HC_OK);
	(void)send(fd, msg->packet, msg->len,
		   MSG_NOSIGNAL); /* a server that has closed already is what some look for */
	return fd;
}

static int asked(const struct rig *rig, const char *login, const char *password, uint32_t flags)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_PASSWORD_CHECK);
	hc_msg_put_text(&msg, HC_FIELD_LOGIN, login);
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, password, strlen(password));
	if (flags != 0)
		hc_msg_put_u32(&msg, HC_FIELD_FLAGS, flags);
	return sent(rig, &msg);
}

static void a_caller_that_is_not_the_broker_is_closed_unread(void **state)
{
	struct rig *rig = *state;

	start(rig, geteuid() + 1);
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), -1);
	stop(rig);
}

static void the_answer_is_that_of_the_check_and_a_decoy_is_never_right(void **state)
{
	struct rig *rig = *state;

	start(rig, geteuid());
	assert_int_equal(answer_of(asked(rig, "martin", "wrong", 0)), HC_PASSWORD_WRONG);
	assert_int_equal(answer_of(asked(rig, "martin", "right", HC_PASSWORD_FLAG_DECOY)), HC_PASSWORD_WRONG);
	assert_int_equal(answer_of(asked(rig, NULL, "right", 0)), HC_PASSWORD_WRONG);
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), HC_PASSWORD_RIGHT);
	stop(rig);
}

static void what_is_no_request_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	start(rig, geteuid());
	assert_int_equal(answer_of(asked(rig, "martin", "right", 2)), -1);
	assert_int_equal(answer_of(asked(rig, "../martin", "right", 0)), -1);
	hc_msg_init(&msg, HC_MSG_PASSWORD_CHECK);
	hc_msg_put_text(&msg, HC_FIELD_LOGIN, "martin");
	assert_int_equal(answer_of(sent(rig, &msg)), -1);
	hc_msg_init(&msg, HC_MSG_PASSWORD_CHECK);
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, "right", 5);
	hc_msg_put_text(&msg, HC_FIELD_USER, "martin");
	assert_int_equal(answer_of(sent(rig, &msg)), -1);
	hc_msg_init(&msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(&msg, HC_FIELD_ANSWER, "right", 5);
	assert_int_equal(answer_of(sent(rig, &msg)), -1);
	int fd = connected(rig);
	assert_int_equal(send(fd, "\1\0\0", 3, MSG_NOSIGNAL), 3);
	assert_int_equal(answer_of(fd), -1);
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), HC_PASSWORD_RIGHT);
	stop(rig);
}

static void a_check_that_dies_says_nothing(void **state)
{
	struct rig *rig = *state;

	start(rig, geteuid());
	assert_int_equal(answer_of(asked(rig, "martin", "die", 0)), -1);
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), HC_PASSWORD_RIGHT);
	stop(rig);
}

static void a_check_that_hangs_delays_nobody_and_is_killed(void **state)
{
	struct rig *rig = *state;

	start(rig, geteuid());
	int hanging = asked(rig, "martin", "hang", 0);
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), HC_PASSWORD_RIGHT);
	assert_int_equal(answer_of(hanging), -1); /* HC_PASSWORD_CHECK_MS later */
	stop(rig);
}

static void a_login_is_refused_after_its_burst_whatever_it_is(void **state)
{
	struct rig *rig = *state;

	start(rig, geteuid());
	for (unsigned i = 0; i < HC_RATE_LOGIN_BURST; i++)
		assert_int_equal(answer_of(asked(rig, "martin", "wrong", i % 2)), HC_PASSWORD_WRONG);
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), HC_PASSWORD_BUSY);
	assert_int_equal(answer_of(asked(rig, "martin", "right", HC_PASSWORD_FLAG_DECOY)), HC_PASSWORD_BUSY);
	assert_int_equal(answer_of(asked(rig, "durand", "wrong", 0)), HC_PASSWORD_WRONG);
	stop(rig);
}

static void the_socket_is_for_one_user_and_no_live_one_is_replaced(void **state)
{
	struct rig *rig = *state;
	struct stat facts;
	int fd = -1;

	start(rig, geteuid());
	assert_int_equal(answer_of(asked(rig, "martin", "right", 0)), HC_PASSWORD_RIGHT);
	assert_int_equal(lstat(rig->path, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0600);
	assert_int_equal(facts.st_uid, geteuid());
	assert_int_equal(bound_at(rig->path, geteuid(), &fd), HC_ERR_EXISTS);
	stop(rig);
	assert_int_equal(bound_at(rig->path, geteuid(), &fd), HC_OK); /* nobody answers any more */
	assert_int_equal(close(fd), 0);
}

static void a_socket_is_not_made_where_others_can_write_nor_over_a_file(void **state)
{
	struct rig *rig = *state;
	int fd = -1;
	FILE *file = NULL;

	hc_log_capture(no_log, NULL);
	assert_int_equal(bound_at("password.sock", geteuid(), &fd), HC_ERR_INVALID);
	assert_int_equal(bound_at("/tmp/hc-password-test.sock", geteuid(), &fd), HC_ERR_PERM);
	file = fopen(rig->path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(bound_at(rig->path, geteuid(), &fd), HC_ERR_PERM);
	assert_int_equal(fd, -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_caller_that_is_not_the_broker_is_closed_unread),
		TEST(the_answer_is_that_of_the_check_and_a_decoy_is_never_right),
		TEST(what_is_no_request_ends_the_connection),
		TEST(a_check_that_dies_says_nothing),
		TEST(a_check_that_hangs_delays_nobody_and_is_killed),
		TEST(a_login_is_refused_after_its_burst_whatever_it_is),
		TEST(the_socket_is_for_one_user_and_no_live_one_is_replaced),
		TEST(a_socket_is_not_made_where_others_can_write_nor_over_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
