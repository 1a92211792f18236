/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: what is refused, what is replaced, what is handed over; and who is at the other end. */
#include "hospiconnect/sockets.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "peer.h"
#include "tests/support/tempdir.h"

#define NOBODY 65534

static const char *const names[HC_SOCKET_KINDS] = {"auth", "admin", "gateway"};

struct place {
	struct tempdir dir;
	char path[96];
	char log[2048];
	struct hc_socket_plan plan;
};

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct place *place = ctx;

	(void)level;
	(void)snprintf(place->log, sizeof(place->log), "%s", line);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (place == NULL || !tempdir_make(&place->dir))
		return -1;
	place->plan = (struct hc_socket_plan){
		.path = tempdir_file(&place->dir, "auth.sock", place->path, sizeof(place->path)),
		.mode = 0666,
		.other_owner = geteuid()};
	hc_log_capture(keep_log, place);
	(void)umask(077);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	hc_log_capture(NULL, NULL);
	tempdir_remove(&place->dir);
	free(place);
	return 0;
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
	struct place *place = *state;
	static const mode_t modes[] = {0720, 0702, 0777, 01777};

	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		int fd = -7;

		assert_int_equal(chmod(place->dir.path, modes[i]), 0);
		if (hc_sockets_bind(&place->plan, &fd) != HC_ERR_PERM || fd != -7)
			fail_msg("row %zu: mode %o accepted", i, modes[i]);
		assert_non_null(strstr(place->log, "nobody else may write there"));
	}
}

static void a_socket_on_which_somebody_answers_is_not_replaced(void **state)
{
	struct place *place = *state;
	int first = -1, second = -1;
	struct stat before, after;

	assert_int_equal(hc_sockets_bind(&place->plan, &first), HC_OK);
	assert_int_equal(stat(place->path, &before), 0);
	assert_int_equal(hc_sockets_bind(&place->plan, &second), HC_ERR_EXISTS);
	assert_non_null(strstr(place->log, "another one answers"));
	assert_int_equal(stat(place->path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(second, -1);
	(void)close(first);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct place *place = *state;
	int first = -1, second = -1;

	assert_int_equal(hc_sockets_bind(&place->plan, &first), HC_OK);
	(void)close(first);
	assert_int_equal(hc_sockets_bind(&place->plan, &second), HC_OK);
	(void)close(second);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct place *place = *state;
	int fd = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int listening = -1;
	struct stat facts;

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(hc_sockets_bind(&place->plan, &listening), HC_ERR_PERM);
	assert_int_equal(lstat(place->path, &facts), 0);
	assert_true(S_ISREG(facts.st_mode));

	assert_int_equal(unlink(place->path), 0);
	assert_int_equal(symlink("/dev/null", place->path), 0);
	assert_int_equal(hc_sockets_bind(&place->plan, &listening), HC_ERR_PERM);
	assert_int_equal(lstat(place->path, &facts), 0);
	assert_true(S_ISLNK(facts.st_mode));
}

static void a_socket_appears_with_its_mode_and_group_whatever_the_umask(void **state)
{
	struct place *place = *state;
	struct stat facts;
	int fd = -1;

	place->plan.mode = 0660;
	place->plan.has_group = true;
	place->plan.group = geteuid() == 0 ? 12 : getegid();
	assert_int_equal(hc_sockets_bind(&place->plan, &fd), HC_OK);
	assert_int_equal(stat(place->path, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0660);
	assert_int_equal(facts.st_gid, place->plan.group);
	assert_int_equal(getegid(), getgid());
	assert_int_equal(umask(077), 077);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	(void)close(fd);
}

/* ---- handed over: in a child, where descriptors 3 and 4 can be ours ---- */

static int listening_socket(int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	if (bind(fd, (const struct sockaddr *)&address, sizeof(sa_family_t)) != 0)
		return -1;
	return type == SOCK_DGRAM || listen(fd, 1) == 0 ? fd : -1;
}

static int inherit_in_child(int type, const char *given)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		char number[16];
		int fds[HC_SOCKET_KINDS], one = listening_socket(type), two = listening_socket(type);
		int high_one = fcntl(one, F_DUPFD, 20), high_two = fcntl(two, F_DUPFD, 20);

		(void)snprintf(number, sizeof(number), "%d", (int)getpid());
		if (dup2(high_one, 3) != 3 || dup2(high_two, 4) != 4 ||
		    setenv("LISTEN_PID", number, 1) != 0 || setenv("LISTEN_FDS", "2", 1) != 0 ||
		    setenv("LISTEN_FDNAMES", given, 1) != 0)
			_exit(99);
		if (hc_sockets_inherit(names, HC_SOCKET_KINDS, fds) != HC_OK)
			_exit(50);
		_exit((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0 ? fds[0] * 10 + fds[1] : 98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void descriptors_of_the_wrong_kind_or_name_are_refused(void **state)
{
	(void)state;
	assert_int_equal(inherit_in_child(SOCK_STREAM, "auth:admin"), 50);
	assert_int_equal(inherit_in_child(SOCK_DGRAM, "auth:admin"), 50);
	assert_int_equal(inherit_in_child(SOCK_SEQPACKET, "auth:auth"), 50);
	assert_int_equal(inherit_in_child(SOCK_SEQPACKET, "gateway:gateway"), 50);
	assert_int_equal(inherit_in_child(SOCK_SEQPACKET, "unknown:unknown"), 50);
}

static void descriptors_are_taken_by_their_names(void **state)
{
	(void)state;
	assert_int_equal(inherit_in_child(SOCK_SEQPACKET, "auth:admin"), 34);
	assert_int_equal(inherit_in_child(SOCK_SEQPACKET, "admin:auth"), 43);
}

static void without_a_service_manager_there_are_none(void **state)
{
	int fds[HC_SOCKET_KINDS] = {5, 5, 5};

	(void)state;
	assert_int_equal(unsetenv("LISTEN_PID"), 0);
	assert_int_equal(hc_sockets_inherit(names, HC_SOCKET_KINDS, fds), HC_OK);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fds[1], -1);
	assert_int_equal(fds[2], -1);
}

/* ---- peers: as nobody, where the test runs as root ---- */

enum { IS_ROOT = 1, IS_USER = 2, IS_ADMIN = 3, IS_REFUSED = 10, IS_BROKEN = 11 };

static int identified_as(enum hc_socket_kind kind, const struct hc_peer_rules *rules, const gid_t *group)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int pair[2];
		struct hc_caller caller;
		enum hc_err err;

		if (geteuid() == 0 &&
		    (setgroups(group != NULL ? 1 : 0, group) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		     setresuid(NOBODY, NOBODY, NOBODY) != 0))
			_exit(IS_BROKEN);
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
			_exit(IS_BROKEN);
		err = hc_peer_identify(pair[0], kind, rules, &caller);
		if (err == HC_ERR_PERM)
			_exit(IS_REFUSED);
		_exit(err == HC_OK && caller.uid == geteuid() && caller.pid == getpid() && !caller.name_known
			      ? (int)caller.kind
			      : IS_BROKEN);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_plain_user_is_no_root_and_no_administrator(void **state)
{
	const struct hc_peer_rules rules = {.own_uid_too = false, .own_uid = NOBODY};
	const struct hc_peer_rules others = {.has_admin_group = true, .admin_gid = 54321};

	(void)state;
	assert_int_equal(identified_as(HC_SOCKET_ADMIN, &rules, NULL), IS_REFUSED);
	assert_int_equal(identified_as(HC_SOCKET_ADMIN, &others, NULL), IS_REFUSED);
	assert_int_equal(identified_as(HC_SOCKET_AUTH, &rules, NULL), IS_USER);
}

static void the_administrators_group_opens_the_administrators_socket_alone(void **state)
{
	const gid_t group = 54321;
	struct hc_peer_rules rules = {.has_admin_group = true, .admin_gid = group};

	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(identified_as(HC_SOCKET_ADMIN, &rules, &group), IS_ADMIN);
		assert_int_equal(identified_as(HC_SOCKET_AUTH, &rules, &group), IS_USER);
		rules.has_admin_group = false;
		assert_int_equal(identified_as(HC_SOCKET_ADMIN, &rules, &group), IS_REFUSED);
	}
	/* The primary group counts too. */
	rules = (struct hc_peer_rules){.has_admin_group = true,
				       .admin_gid = geteuid() == 0 ? NOBODY : getegid()};
	assert_int_equal(identified_as(HC_SOCKET_ADMIN, &rules, NULL), IS_ADMIN);
}

static void the_uid_that_started_the_broker_counts_as_root_where_root_did_not(void **state)
{
	const struct hc_peer_rules rules = {.own_uid_too = true,
					    .own_uid = geteuid() == 0 ? NOBODY : geteuid()};

	(void)state;
	assert_int_equal(identified_as(HC_SOCKET_AUTH, &rules, NULL), IS_ROOT);
	assert_int_equal(identified_as(HC_SOCKET_ADMIN, &rules, NULL), IS_ADMIN);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_directory_that_others_may_write_is_refused),
		IN_PLACE(a_socket_on_which_somebody_answers_is_not_replaced),
		IN_PLACE(a_stale_socket_is_replaced),
		IN_PLACE(what_is_no_socket_is_left_alone),
		IN_PLACE(a_socket_appears_with_its_mode_and_group_whatever_the_umask),
		IN_PLACE(descriptors_of_the_wrong_kind_or_name_are_refused),
		IN_PLACE(descriptors_are_taken_by_their_names),
		IN_PLACE(without_a_service_manager_there_are_none),
		IN_PLACE(a_plain_user_is_no_root_and_no_administrator),
		IN_PLACE(the_administrators_group_opens_the_administrators_socket_alone),
		IN_PLACE(the_uid_that_started_the_broker_counts_as_root_where_root_did_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
