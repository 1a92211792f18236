/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module inside the sandbox that newer polkit gives its agent helper: it reaches the broker
 * outside through its socket, and needs nothing else. Needs root to make the sandbox; says so and
 * is counted as skipped where that cannot be had.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox.h"

#define EXIT_SKIPPED 77

/* What a child of the test did in the sandbox. */
struct report {
	const char *step; /* where entering failed; NULL: it did not */
	int error;
	int code;
	char streams[256]; /* what came out of standard output and error */
};

struct gate {
	int to_parent, from_parent;
};

static bool wait_for_maps(void *ctx)
{
	const struct gate *gate = ctx;
	char byte;

	return write(gate->to_parent, "", 1) == 1 && read(gate->from_parent, &byte, 1) == 1;
}

/* In the child: everything from here on is inside. */
static _Noreturn void go_inside(struct host *host, int (*act)(struct host *), struct gate *gate,
				struct report *shared, int stream)
{
	const char *step = NULL;

	if (!sandbox_enter(wait_for_maps, gate, &step)) {
		shared->error = errno;
		shared->step = step;
		_exit(1);
	}
	/* the agent helper's standard streams are the protocol socket */
	(void)dup2(stream, STDIN_FILENO);
	(void)dup2(stream, STDOUT_FILENO);
	(void)dup2(stream, STDERR_FILENO);
	shared->code = act(host);
	_exit(0);
}

static void open_gate(pid_t child, int from_child, int to_child)
{
	char byte;

	if (read(from_child, &byte, 1) == 1 && sandbox_write_maps(child))
		(void)!write(to_child, "", 1); /* otherwise the child finds the end, and reports */
}

static struct report run_inside(struct host *host, int (*act)(struct host *))
{
	int up[2] = {-1, -1}, down[2] = {-1, -1}, stream[2] = {-1, -1}, status = 0;
	struct report report, *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	assert_true(shared != MAP_FAILED);
	assert_true(pipe(up) == 0 && pipe(down) == 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	child = fork();
	if (child == 0) {
		struct gate gate = {.to_parent = up[1], .from_parent = down[0]};

		(void)close(up[0]);
		(void)close(down[1]);
		(void)close(stream[0]);
		go_inside(host, act, &gate, shared, stream[1]);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	(void)close(stream[1]);
	open_gate(child, up[0], down[1]);
	(void)close(down[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	report = *shared;
	(void)munmap(shared, sizeof(*shared));
	assert_true(recv(stream[0], report.streams, sizeof(report.streams) - 1, 0) <= 0 ||
		    report.streams[0] != '\0');
	(void)close(up[0]);
	(void)close(stream[0]);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d: a system call that the sandbox does not have",
			 WTERMSIG(status));
	return report;
}

static void assert_inside(const struct report *report, int code)
{
	if (report->step != NULL)
		fail_msg("no sandbox: %s: %s", report->step, strerrorname_np(report->error));
	assert_int_equal(report->code, code);
	assert_string_equal(report->streams, "");
}

/* The checkout may be in a home directory, which the sandbox empties: the module is copied out. */
static void copy_module(struct host *host)
{
	char to[256], block[8192];
	FILE *in = fopen(HC_TEST_BUILT_MODULE, "re");
	FILE *out = fopen(tempdir_file(&host->dir, "module.so", to, sizeof(to)), "we");
	size_t got;

	assert_true(in != NULL && out != NULL);
	while ((got = fread(block, 1, sizeof(block), in)) > 0)
		assert_int_equal(fwrite(block, 1, got, out), got);
	assert_int_equal(fclose(out), 0);
	(void)fclose(in);
}

static int setup(void **state)
{
	int result = host_setup(state);
	struct host *host = *state;
	char text[1024];

	copy_module(host);
	(void)snprintf(text, sizeof(text),
		       "auth required %1$s/module.so socket=%2$s timeout=5\naccount required %1$s/module.so "
		       "socket=%2$s\n",
		       host->dir.path, host->socket);
	host_stack(host, "polkit-1", text);
	return result;
}

/* ---- acts ---- */

static int authenticate(struct host *host)
{
	host_start(host, "polkit-1", "martin", NULL);
	return pam_authenticate(host->pamh, 0);
}

static int account(struct host *host)
{
	host_start(host, "polkit-1", "martin", NULL);
	return pam_acct_mgmt(host->pamh, 0);
}

/* A bit for each thing that the sandbox must not allow, and does. */
static int try_forbidden_things(struct host *host)
{
	int allowed = 0;

	(void)host;
	allowed |= socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT ? 1 : 0;
	allowed |= open("/etc/hc-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EROFS ? 2 : 0;
	allowed |= open("/root/.bashrc", O_RDONLY | O_CLOEXEC) >= 0 ? 4 : 0;
	allowed |= open("/dev/kmsg", O_RDONLY | O_CLOEXEC) >= 0 || access("/dev/null", F_OK) != 0 ? 8 : 0;
	/* the sanitizers' mlock does nothing, successfully */
	allowed |= syscall(SYS_mlock, &allowed, sizeof(allowed)) == 0 ? 16 : 0;
	allowed |= setuid(1) == 0 ? 32 : 0;
	return allowed;
}

static void the_sandbox_is_one(void **state)
{
	struct report report = run_inside(*state, try_forbidden_things);

	assert_inside(&report, 0);
}

static void from_the_sandbox_a_wrong_code_is_refused(void **state)
{
	struct host *host = *state;
	struct report report;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part_deny);
	report = run_inside(host, authenticate);
	host_broker_stop(host);
	assert_inside(&report, PAM_AUTH_ERR);
}

static void from_the_sandbox_a_dead_broker_is_unavailable(void **state)
{
	struct report report = run_inside(*state, authenticate);

	assert_inside(&report, PAM_AUTHINFO_UNAVAIL);
}

static void from_the_sandbox_a_right_code_signs_in(void **state)
{
	struct host *host = *state;
	struct report report;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part_allow);
	report = run_inside(host, authenticate);
	host_broker_stop(host);
	assert_inside(&report, PAM_SUCCESS);
	assert_int_equal(host->record.answers, 1);
}

static void from_the_sandbox_an_account_is_checked(void **state)
{
	struct host *host = *state;
	struct report report;

	host_broker(host, part_allow_now);
	report = run_inside(host, account);
	host_broker_stop(host);
	assert_inside(&report, PAM_SUCCESS);
}

/* Whether a sandbox can be had at all here. */
static const char *why_not(void)
{
	static char why[128];
	struct report report;

	if (geteuid() != 0)
		return "needs root";
	report = run_inside(NULL, try_forbidden_things);
	if (report.step == NULL ||
	    (report.error != EPERM && report.error != ENOSYS && report.error != ENOSPC))
		return NULL;
	(void)snprintf(why, sizeof(why), "this machine grants no sandbox: %s: %s", report.step,
		       strerrorname_np(report.error));
	return why;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_sandbox_is_one),
		CASE(from_the_sandbox_a_wrong_code_is_refused),
		CASE(from_the_sandbox_a_dead_broker_is_unavailable),
		CASE(from_the_sandbox_a_right_code_signs_in),
		CASE(from_the_sandbox_an_account_is_checked),
	};
	const char *why = why_not();

	if (why != NULL) {
		(void)printf("skipped: %s\n", why);
		return EXIT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
