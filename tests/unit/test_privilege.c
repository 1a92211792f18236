/* SPDX-License-Identifier: Apache-2.0 */
/* Hardening and the drop, each in a child of its own: none of it can be taken back. */
#include "hospiconnect/privilege.h"

#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"

#define NOBODY	65534
#define AS_SAID 7

static char logged[1024];

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	(void)snprintf(logged, sizeof(logged), "%s", line);
}

/* The exit status of fn in a child. */
static int in_child(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_user_who_does_not_exist_is_told_with_what_to_do(void **state)
{
	struct hc_identity identity = {.uid = 77, .gid = 77};
	gid_t group = 77;

	(void)state;
	hc_log_capture(keep_log, NULL);
	assert_int_equal(hc_privilege_user("no-such-user-here", &identity), HC_ERR_NOTFOUND);
	hc_log_capture(NULL, NULL);
	assert_int_equal(identity.uid, 77);
	assert_non_null(strstr(logged, "no-such-user-here"));
	assert_non_null(strstr(logged, "create it"));
	assert_false(hc_privilege_group("no-such-group-here", &group));
	assert_int_equal(group, 77);
}

static void names_are_found(void **state)
{
	struct hc_identity identity = {.uid = 77, .gid = 77};
	gid_t group = 77;

	(void)state;
	assert_int_equal(hc_privilege_user("nobody", &identity), HC_OK);
	assert_int_equal(identity.uid, NOBODY);
	assert_true(hc_privilege_group("root", &group));
	assert_int_equal(group, 0);
}

static int drop_and_look(void)
{
	const struct hc_identity identity = {.uid = NOBODY, .gid = NOBODY};
	gid_t groups[4];

	if (hc_privilege_drop(&identity) != HC_OK)
		return 1;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0)
		return 2;
	if (getgroups(4, groups) != 1 || groups[0] != NOBODY)
		return 3;
	return geteuid() == NOBODY && getegid() == NOBODY ? AS_SAID : 4;
}

static int drop_without_root(void)
{
	const struct hc_identity identity = {.uid = NOBODY - 1, .gid = NOBODY - 1};

	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) != 0))
		return 1;
	hc_log_capture(keep_log, NULL);
	return hc_privilege_drop(&identity) == HC_ERR_PERM ? AS_SAID : 2;
}

static void a_drop_that_does_not_succeed_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(in_child(drop_without_root), AS_SAID);
}

static void there_is_no_way_back_from_a_drop(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_and_look), AS_SAID);
}

/* As a service manager starts one: another user, with one capability in every set. */
static int shed_and_look(void)
{
	const struct hc_identity nobody = {.uid = NOBODY, .gid = NOBODY};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct one[_LINUX_CAPABILITY_U32S_3] = {0};

	one[0].effective = one[0].permitted = one[0].inheritable = 1u << CAP_NET_BIND_SERVICE;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || hc_privilege_drop(&nobody) != HC_OK ||
	    syscall(SYS_capset, &header, one) != 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0)
		return 1;
	if (hc_privilege_shed() != HC_OK)
		return 2;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) != 0)
		return 3;
	if (syscall(SYS_capset, &header, one) == 0)
		return 4;
	return AS_SAID;
}

static void no_capability_is_left_and_none_comes_back(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(shed_and_look), AS_SAID);
}

static int harden_and_look(void)
{
	struct rlimit core;

	if (hc_privilege_harden() != HC_OK)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || umask(0) != 077)
		return 3;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == HC_DUMPABLE ? AS_SAID : 4;
}

/* hospictl writes files that others are to read. */
static int close_and_look(void)
{
	struct rlimit core;

	(void)umask(022);
	if (hc_privilege_close() != HC_OK || umask(022) != 022)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == HC_DUMPABLE ? AS_SAID : 4;
}

static void a_closed_tool_keeps_the_mode_of_its_files(void **state)
{
	(void)state;
	assert_int_equal(in_child(close_and_look), AS_SAID);
}

static void a_hardened_process_leaves_no_core_and_gains_nothing_by_exec(void **state)
{
	(void)state;
	assert_int_equal(in_child(harden_and_look), AS_SAID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_who_does_not_exist_is_told_with_what_to_do),
		cmocka_unit_test(a_drop_that_does_not_succeed_is_a_failure),
		cmocka_unit_test(there_is_no_way_back_from_a_drop),
		cmocka_unit_test(a_closed_tool_keeps_the_mode_of_its_files),
		cmocka_unit_test(a_hardened_process_leaves_no_core_and_gains_nothing_by_exec),
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(no_capability_is_left_and_none_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
