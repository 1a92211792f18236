/* SPDX-License-Identifier: Apache-2.0 */
/* What the mains do alike: the command line, the order of a daemon's beginning, what a service manager is told. */
#include "hospiconnect/program.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "tests/support/child_words.h"
#include "tests/support/tempdir.h"

#define WORDS	     5
#define USAGE	     "usage: tester [--config FILE] [--help] [--version]\n"
#define UNDER_A_TOOL 97 /* which keeps descriptors of its own beyond the limit, as memcheck does */

/* ---- a program as a child: its exit status and all that it said ---- */

struct row {
	char *words[WORDS + 1]; /* behind the program's name */
	int status;
	const char *says; /* a part of it */
};

static int count_words(char *const *words)
{
	int count = 0;

	while (count < WORDS && words[count] != NULL)
		count++;
	return count;
}

static struct outcome run(int (*fn)(int argc, char **argv), char *const *words, const char *closed_stdout)
{
	char name[] = "tester";
	char *argv[WORDS + 2] = {name};
	int ends[2];
	const int count = count_words(words);

	memcpy(argv + 1, words, (size_t)count * sizeof(words[0]));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0) {
		const int out = closed_stdout != NULL ? open(closed_stdout, O_WRONLY | O_CLOEXEC) : ends[1];

		_exit(dup2(out, STDOUT_FILENO) < 0 || dup2(ends[1], STDERR_FILENO) < 0 ? 99
										       : fn(count + 1, argv));
	}
	return child_words(ends, pid);
}

static void check_rows(int (*fn)(int argc, char **argv), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct outcome outcome = run(fn, rows[i].words, NULL);

		if (outcome.status != rows[i].status || strstr(outcome.said, rows[i].says) == NULL)
			fail_msg("row %zu: status %d: %s", i, outcome.status, outcome.said);
	}
}

/* ---- the command line ---- */

/* Tells what it understood; status 40 where it would go on. */
static int options_alone(int argc, char **argv)
{
	const char *config = "none";
	bool loud = false;
	const struct hc_program program = {.name = "tester",
					   .usage = USAGE,
					   .options = {{"config", &config, NULL},
						       {"loud", NULL, &loud},
						       {"ignored", NULL, NULL},
						       {NULL, NULL, NULL}}};
	int status = 77;

	if (!hc_program_options(&program, argc, argv, &status))
		return status;
	(void)printf("config %s loud %d\n", config, loud);
	(void)fflush(stdout);
	return status == 77 ? 40 : 41;
}

static void a_word_that_means_nothing_ends_the_program(void **state)
{
	static char config[] = "--config", given[] = "--config=a", help[] = "--help", version[] = "--version";
	static char unknown[] = "--unknown", word[] = "word", dash[] = "-x", loud[] = "--loud",
		    much[] = "--loud=1", end[] = "--";
	static const struct row rows[] = {
		{{unknown}, HC_PROGRAM_USAGE, USAGE},
		{{dash}, HC_PROGRAM_USAGE, USAGE},
		{{word}, HC_PROGRAM_USAGE, "unexpected argument \"word\""},
		{{loud, word}, HC_PROGRAM_USAGE, "unexpected argument"},
		{{end, loud}, HC_PROGRAM_USAGE, "unexpected argument \"--loud\""},
		{{config}, HC_PROGRAM_USAGE, USAGE},
		{{much}, HC_PROGRAM_USAGE, USAGE},
		/* not even beside something that is answered */
		{{help, unknown}, HC_PROGRAM_USAGE, "unknown"},
		{{version, word}, HC_PROGRAM_USAGE, "unexpected argument"},
		{{help}, HC_PROGRAM_OK, USAGE},
		{{version}, HC_PROGRAM_OK, "tester " HC_VERSION "\n"},
		{{help, version}, HC_PROGRAM_OK, USAGE},
		{{NULL}, 40, "config none loud 0"},
		{{given, loud}, 40, "config a loud 1"},
		{{config, word, end}, 40, "config word loud 0"},
	};

	(void)state;
	check_rows(options_alone, rows, HC_COUNT(rows));
}

static void what_cannot_be_said_is_a_failure(void **state)
{
	static char help[] = "--help", version[] = "--version";
	static char *const rows[][2] = {{help, NULL}, {version, NULL}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const struct outcome outcome = run(options_alone, rows[i], "/dev/full");

		if (outcome.status != HC_PROGRAM_FAILED)
			fail_msg("row %zu: status %d", i, outcome.status);
	}
}

/* ---- a daemon's beginning ---- */

/* Whether the process was hardened before something of its own ran. */
static bool hardened(void)
{
	struct rlimit core;

	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE) == HC_DUMPABLE &&
	       getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
}

static enum hc_err load(const char *path, int *ret_log_level, char *ret_why, size_t cap)
{
	(void)printf("load %s hardened %d\n", path, hardened());
	(void)fflush(stdout);
	*ret_log_level = HC_LOG_DEBUG - HC_LOG_ERROR;
	(void)snprintf(ret_why, cap, "no such file: %s", path);
	return strcmp(path, "bad") == 0 ? HC_ERR_NOTFOUND : HC_OK;
}

static enum hc_err serve(void)
{
	hc_log_plain(HC_LOG_DEBUG, "serving");
	return HC_OK;
}

static enum hc_err do_task(void)
{
	(void)printf("task\n");
	(void)fflush(stdout);
	return HC_OK;
}

static enum hc_err refuse(void)
{
	return HC_ERR_IO;
}

static enum hc_err check_store(const char *directory)
{
	(void)printf("check %s hardened %d\n", directory, hardened());
	(void)fflush(stdout);
	return strcmp(directory, "bad") == 0 ? HC_ERR_CORRUPT : HC_OK;
}

static int whole_daemon(int argc, char **argv)
{
	static const struct hc_daemon daemon = {.name = "tester",
						.usage = USAGE,
						.config = "usual",
						.load = load,
						.serve = serve,
						.task_option = "task",
						.task = do_task,
						.check_store = check_store};

	return hc_daemon_main(&daemon, argc, argv);
}

static int plain_daemon_that_fails(int argc, char **argv)
{
	static const struct hc_daemon daemon = {
		.name = "tester", .usage = USAGE, .config = "usual", .load = load, .serve = refuse};

	return hc_daemon_main(&daemon, argc, argv);
}

static int daemon_whose_task_fails(int argc, char **argv)
{
	static const struct hc_daemon daemon = {.name = "tester",
						.usage = USAGE,
						.config = "usual",
						.load = load,
						.serve = serve,
						.task_option = "task",
						.task = refuse};

	return hc_daemon_main(&daemon, argc, argv);
}

static void a_daemon_is_hardened_before_it_reads_anything(void **state)
{
	static char config[] = "--config=other", bad[] = "--config=bad", check[] = "--check-config";
	static char task[] = "--task", store[] = "--check-store=dir", broken[] = "--check-store=bad";
	static char unknown[] = "--unknown";
	static const struct row rows[] = {
		{{unknown}, HC_PROGRAM_USAGE, USAGE},
		{{bad}, HC_PROGRAM_FAILED, "load bad hardened 1\nno such file: bad\n"},
		{{bad, check}, HC_PROGRAM_FAILED, "no such file: bad\n"},
		{{bad, task}, HC_PROGRAM_FAILED, "no such file: bad\n"},
		{{broken}, HC_PROGRAM_FAILED, "check bad hardened 1\n"},
		{{store}, HC_PROGRAM_OK, "check dir hardened 1\n"},
		{{check}, HC_PROGRAM_OK, "load usual hardened 1\nok\n"},
		{{config, check}, HC_PROGRAM_OK, "load other hardened 1\nok\n"},
		{{task}, HC_PROGRAM_OK, "load usual hardened 1\ntask\n"},
		{{NULL}, HC_PROGRAM_OK, "serving"},
	};

	(void)state;
	check_rows(whole_daemon, rows, HC_COUNT(rows));
}

static void what_fails_in_a_daemon_shows_in_its_status(void **state)
{
	static char task[] = "--task", store[] = "--check-store=dir";
	static const struct row serves[] = {
		{{NULL}, HC_PROGRAM_FAILED, "load usual"},
		{{task}, HC_PROGRAM_USAGE, USAGE}, /* what it cannot do is no option */
		{{store}, HC_PROGRAM_USAGE, USAGE},
	};
	static const struct row tasks[] = {
		{{task}, HC_PROGRAM_FAILED, "load usual"},
		{{NULL}, HC_PROGRAM_OK, "load usual"},
	};

	(void)state;
	check_rows(plain_daemon_that_fails, serves, HC_COUNT(serves));
	check_rows(daemon_whose_task_fails, tasks, HC_COUNT(tasks));
}

/* ---- the service manager ---- */

static int manager_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t len = strlen(name);
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && len < sizeof(address.sun_path));
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static const char *heard(int fd)
{
	static char state[128];
	const ssize_t len = recv(fd, state, sizeof(state) - 1, MSG_DONTWAIT);

	state[len < 0 ? 0 : len] = '\0';
	return state;
}

static void a_manager_is_told_by_path_and_by_name_and_nobody_is_no_failure(void **state)
{
	struct tempdir dir;
	char path[128], name[64];
	long long usec = 0;
	int fd;

	(void)state;
	assert_true(tempdir_make(&dir));
	fd = manager_at(tempdir_file(&dir, "notify", path, sizeof(path)));
	hc_notify("READY=1");
	assert_string_equal(heard(fd), "READY=1");
	hc_notify_reloading();
	assert_int_equal(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
	assert_true(usec > 0);
	(void)close(fd);
	hc_notify("STOPPING=1"); /* nobody listens any more */

	(void)snprintf(name, sizeof(name), "@hc-test-%d", (int)getpid());
	fd = manager_at(name);
	hc_notify("READY=1");
	assert_string_equal(heard(fd), "READY=1");
	(void)close(fd);
	tempdir_remove(&dir);
}

static void an_address_that_is_none_is_told_nothing(void **state)
{
	static const char *const rows[] = {"", "/", "@", "notify", "vsock:2:1"};
	char long_name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	struct tempdir dir;

	(void)state;
	/* Somebody listens there, if a name were taken for one of the directory that the process is in. */
	assert_true(tempdir_make(&dir));
	const int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(dir.path), 0);
	const int fd = manager_at("notify");
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", rows[i], 1), 0);
		hc_notify("READY=1");
	}
	memset(long_name, '/', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", long_name, 1), 0);
	hc_notify("READY=1");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	hc_notify("READY=1");
	assert_string_equal(heard(fd), "");
	assert_int_equal(fchdir(before), 0);
	(void)close(before);
	(void)close(fd);
	tempdir_remove(&dir);
}

static void a_watchdog_counts_when_it_waits_for_this_process(void **state)
{
	char mine[24];
	const struct {
		const char *pid, *usec;
		int64_t wanted_ms;
	} rows[] = {
		{NULL, NULL, 0},
		{mine, NULL, 0},
		{"1", "30000000", 0},
		{mine, "", 0},
		{mine, "x", 0},
		{mine, "30000000x", 0},
		{mine, "0", 0},
		{mine, "-5000", 0},
		{mine, "99999999999999999999", 0},
		{NULL, "30000000", 30000},
		{mine, "30000000", 30000},
	};

	(void)state;
	(void)snprintf(mine, sizeof(mine), "%d", (int)getpid());
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		(void)unsetenv("WATCHDOG_PID");
		(void)unsetenv("WATCHDOG_USEC");
		if (rows[i].pid != NULL)
			(void)setenv("WATCHDOG_PID", rows[i].pid, 1);
		if (rows[i].usec != NULL)
			(void)setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (hc_notify_watchdog_ms() != rows[i].wanted_ms)
			fail_msg("row %zu", i);
	}
}

/* ---- limits ---- */

/* Exit status: the limit afterwards, of 20 with at most 30. */
static int raise_to(size_t wanted)
{
	struct rlimit limit = {.rlim_cur = 20, .rlim_max = 30};

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return UNDER_A_TOOL;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != 20 || limit.rlim_max != 30)
		return UNDER_A_TOOL;
	hc_descriptors_raise(wanted);
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int)limit.rlim_cur : 98;
}

static int raise_all(int argc, char **argv)
{
	(void)argv;
	return raise_to(argc == 1 ? 0 : (size_t)(argc - 1) * 10 + 5);
}

static void descriptors_are_raised_as_far_as_root_allows_and_never_lowered(void **state)
{
	static char word[] = "x";
	static const struct row rows[] = {
		{{NULL}, 30, ""},
		{{word}, 20, ""},
		{{word, word}, 25, ""},
		{{word, word, word}, 30, ""},
	};

	(void)state;
	if (run(raise_all, rows[0].words, NULL).status == UNDER_A_TOOL)
		skip();
	check_rows(raise_all, rows, HC_COUNT(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_that_means_nothing_ends_the_program),
		cmocka_unit_test(what_cannot_be_said_is_a_failure),
		cmocka_unit_test(a_daemon_is_hardened_before_it_reads_anything),
		cmocka_unit_test(what_fails_in_a_daemon_shows_in_its_status),
		cmocka_unit_test(a_manager_is_told_by_path_and_by_name_and_nobody_is_no_failure),
		cmocka_unit_test(an_address_that_is_none_is_told_nothing),
		cmocka_unit_test(a_watchdog_counts_when_it_waits_for_this_process),
		cmocka_unit_test(descriptors_are_raised_as_far_as_root_allows_and_never_lowered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
