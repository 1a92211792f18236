/* SPDX-License-Identifier: Apache-2.0 */
/* Every role's filter, in a child that makes the call: killed, refused, unknown, or done. */
#include "hospiconnect/confine.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "libhcconfine/calls.h"

#include "confine_support.h"

#define KILLED	    (-1)
#define BIT(role)   (1u << HC_CONFINE_##role)
#define ALL	    ((1u << HC_CONFINE_ROLES) - 1)
#define FOREIGN	    (BIT(STARTER) | BIT(RESOLVER) | BIT(PASSWORD) | BIT(PKCS11))
#define INTERNET    (BIT(STARTER) | BIT(RESOLVER) | BIT(PASSWORD) | BIT(OCSP) | BIT(CRL))
#define CODE	    (BIT(STARTER) | BIT(PKCS11))
#define FORKS	    FOREIGN
#define WRITES	    (HC_CONFINE_COUNTS ? ALL : FOREIGN | BIT(AUTHD) | BIT(GATEWAY) | BIT(CRL))
#define RUNS	    (BIT(STARTER) | BIT(PASSWORD))
#define THREADS_NOT (BIT(AUTHD) | BIT(PKCS11_WATCHER) | BIT(PCSC))

/* ---- the table ---- */

static const struct row {
	const char *what;
	int (*attempt)(void);
	uint32_t works;	 /* the roles that may */
	uint32_t killed; /* those that die for it */
	int refusal;	 /* what all others are told */
} rows[] = {
	{"execve", try_execve, RUNS, ALL & ~FOREIGN, EACCES},
	{"execveat", try_execveat, RUNS, ALL & ~FOREIGN, EACCES},
	{"fork", try_fork, FORKS, ALL & ~FORKS, 0},
	{"a thread", try_thread, ALL & ~THREADS_NOT, 0, EAGAIN},
	{"clone3", try_clone3, 0, 0, ENOSYS},
	{"clone with CLONE_NEWUSER", try_user_namespace, 0, ALL, 0},
	{"ptrace", try_ptrace, 0, ALL, 0},
	{"process_vm_readv", try_process_vm_readv, 0, ALL, 0},
	{"mount", try_mount, 0, ALL, 0},
	{"unshare", try_unshare, 0, ALL, 0},
	{"setns", try_setns, 0, ALL, 0},
	{"chroot", try_chroot, 0, ALL, 0},
	{"bpf", try_bpf, 0, ALL, 0},
	{"perf_event_open", try_perf, 0, ALL, 0},
	{"userfaultfd", try_userfaultfd, 0, ALL, 0},
	{"finit_module", try_module, 0, ALL, 0},
	{"clock_settime", try_clock, 0, ALL, 0},
	{"open_by_handle_at", try_handle, 0, ALL, 0},
	{"keyctl", try_keyring, 0, ALL & ~FOREIGN, ENOSYS},
	{"io_uring_setup", try_io_uring, 0, ALL & ~FOREIGN, ENOSYS},
	{"setuid", try_setuid, BIT(PASSWORD), ALL & ~FOREIGN, ENOSYS},
	{"personality that makes data code", try_persona, 0, ALL, 0},
	{"asking for the personality", try_asking_persona, ALL, 0, 0},
	{"PR_SET_DUMPABLE 1", try_dumpable, 0, ALL, 0},
	{"PR_SET_DUMPABLE 0", try_undumpable, ALL, 0, 0},
	{"TIOCSTI", try_typing, 0, ALL, 0},
	{"mmap, writable and executable", try_code_at_once, CODE, ALL & ~FOREIGN, EACCES},
	{"mprotect, written and then executable", try_code_later, CODE, ALL & ~FOREIGN, EACCES},
	{"shmat, executable", try_shared_code, CODE, 0, ENOSYS},
	{"shmat", try_shared_memory, FOREIGN, 0, ENOSYS},
	{"mmap and mprotect of memory", try_memory, ALL, 0, 0},
	{"mmap of a library's code", try_library, ALL, 0, 0},
	{"AF_UNIX", try_unix, ALL, 0, 0},
	{"AF_INET", try_inet, INTERNET, ALL & ~INTERNET & ~BIT(PKCS11), EAFNOSUPPORT},
	{"AF_INET6", try_inet6, INTERNET, ALL & ~INTERNET & ~BIT(PKCS11), EAFNOSUPPORT},
	{"AF_NETLINK", try_netlink, INTERNET, ALL & ~INTERNET & ~BIT(PKCS11) & ~BIT(FIDO2), EAFNOSUPPORT},
	{"AF_NFC", try_near_field, 0, ALL & ~FOREIGN & ~BIT(FIDO2), EAFNOSUPPORT},
	{"AF_PACKET", try_packet, 0, ALL & ~FOREIGN, EAFNOSUPPORT},
	{"AF_ALG", try_kernel_crypto, 0, 0, EAFNOSUPPORT},
	{"a family without a name", try_no_family, 0, ALL & ~FOREIGN, EAFNOSUPPORT},
	{"socketpair", try_pair, ALL, 0, 0},
	{"socketpair of another family", try_other_pair, 0, ALL & ~FOREIGN, EAFNOSUPPORT},
	{"open, to read", try_reading, ALL, 0, 0},
	{"open, to write", try_writing, WRITES | BIT(FIDO2), 0, EACCES},
	{"open, to read and write", try_both, WRITES | BIT(FIDO2), 0, EACCES},
	{"open, to empty it", try_emptying, WRITES, 0, EACCES},
	{"open, to make it", try_making, WRITES, 0, EACCES},
	{"open, without a name", try_unnamed, WRITES, 0, EACCES},
	{"tgkill of its own thread", try_own_thread, ALL, 0, 0},
	{"tgkill of another process", try_other_process, FOREIGN, 0, ENOSYS},
	{"getrlimit", try_own_limits, ALL, 0, 0},
	{"a call of a later kernel", try_later, 0, 0, ENOSYS},
	{"ioprio_get", try_swap_priority, 0, 0, ENOSYS},
	{"listen", try_listening, FOREIGN, 0, ENOSYS},
};

/* ---- the child ---- */

static int what_became_of(pid_t pid)
{
	int status = 0;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : SPOILT;
	return WEXITSTATUS(status);
}

static int in_role(enum hc_confine_role role, int (*attempt)(void))
{
	const struct rlimit no_core = {0, 0};
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(20);
		if (setrlimit(RLIMIT_CORE, &no_core) != 0 || hc_confine(role) != HC_OK)
			_exit(SPOILT);
		_exit(attempt());
	}
	return what_became_of(pid);
}

static void every_call_of_every_role_ends_as_the_table_says(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		for (unsigned role = 0; role < HC_CONFINE_ROLES; role++) {
			const uint32_t bit = 1u << role;
			int expected = rows[i].refusal;
			int got = in_role((enum hc_confine_role)role, rows[i].attempt);

			if ((rows[i].killed & bit) != 0)
				expected = KILLED;
			else if ((rows[i].works & bit) != 0)
				expected = WORKS;
			if (got == expected)
				continue;
			wrong++;
			print_error("row %zu, %s, as %s: %d instead of %d\n", i, rows[i].what,
				    hc_call_plan((enum hc_confine_role)role)->name, got, expected);
		}
	}
	assert_int_equal(wrong, 0);
}

/* The whole list, with arguments that no kernel does anything for. */
static int forbidden_number;

static int try_number(void)
{
	return outcome(syscall(forbidden_number, -1, -1, -1, -1, -1, -1));
}

static void check_list(enum hc_confine_role role, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		forbidden_number = seccomp_syscall_resolve_name(names[i]);
		if (forbidden_number >= 0 && in_role(role, try_number) != KILLED)
			fail_msg("%s does not kill %s", names[i], hc_call_plan(role)->name);
	}
}

static void nothing_of_the_forbidden_lists_is_survived(void **state)
{
	(void)state;
	check_list(HC_CONFINE_AUTHD, hc_calls_forbidden);
	check_list(HC_CONFINE_AUTHD, hc_calls_forbidden_to_us);
	check_list(HC_CONFINE_STARTER, hc_calls_forbidden);
	check_list(HC_CONFINE_PASSWORD, hc_calls_forbidden);
}

/* x32 marks its numbers with a bit; elsewhere there is no such call. */
static int try_other_abi(void)
{
	return outcome(syscall(0x40000000 | SYS_getpid));
}

static void another_architecture_is_forbidden(void **state)
{
	(void)state;
	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		skip();
	for (unsigned role = 0; role < HC_CONFINE_ROLES; role++)
		assert_int_equal(in_role((enum hc_confine_role)role, try_other_abi), KILLED);
}

/* What the broker may not do, no child of a wider role gets back. */
static int try_wider(void)
{
	if (hc_confine(HC_CONFINE_STARTER) != HC_OK)
		return SPOILT;
	return try_execve();
}

static void a_second_filter_takes_away_and_gives_nothing_back(void **state)
{
	(void)state;
	assert_int_equal(in_role(HC_CONFINE_AUTHD, try_wider), KILLED);
}

static void *ask_kernel(void *ctx)
{
	int *go = ctx;
	char byte;

	if (read(*go, &byte, 1) == 1)
		(void)try_ptrace();
	return NULL;
}

static int thread_of_before(void)
{
	int ends[2];
	pthread_t thread;

	if (pipe(ends) != 0 || pthread_create(&thread, NULL, ask_kernel, &ends[0]) != 0 ||
	    hc_confine(HC_CONFINE_GATEWAY) != HC_OK || write(ends[1], "", 1) != 1)
		return SPOILT;
	return pthread_join(thread, NULL);
}

static void threads_of_before_are_confined_too(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(thread_of_before());
	assert_int_equal(what_became_of(pid), KILLED);
}

static int try_flag(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? WORKS : SPOILT;
}

static void nothing_is_gained_by_exec_any_more(void **state)
{
	(void)state;
	assert_int_equal(in_role(HC_CONFINE_PASSWORD, try_flag), WORKS);
}

/* ---- what the administrator reads ---- */

static char logged[1024];

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	(void)snprintf(logged, sizeof(logged), "%s", line);
}

static void only_a_child_killed_for_a_call_is_told_of(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)signal(SIGSYS, SIG_DFL);
		(void)raise(SIGSYS);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	logged[0] = '\0';
	hc_log_capture(keep_log, NULL);
	hc_confine_tell("a helper", 0);
	hc_confine_tell("a helper", SIGKILL);
	assert_string_equal(logged, "");
	hc_confine_tell("a helper", status);
	hc_log_capture(NULL, NULL);
	assert_non_null(strstr(logged, "forbidden system call"));
	assert_non_null(strstr(logged, "a helper"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_of_every_role_ends_as_the_table_says),
		cmocka_unit_test(nothing_of_the_forbidden_lists_is_survived),
		cmocka_unit_test(another_architecture_is_forbidden),
		cmocka_unit_test(a_second_filter_takes_away_and_gives_nothing_back),
		cmocka_unit_test(threads_of_before_are_confined_too),
		cmocka_unit_test(nothing_is_gained_by_exec_any_more),
		cmocka_unit_test(only_a_child_killed_for_a_call_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
