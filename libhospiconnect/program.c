/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mains of our daemons and helpers do alike.
 *
 * State: the streams, environment and limits of a process of our own. The order in hc_daemon_main is
 * the point: nothing that comes from elsewhere is read before the process is hardened. A word on the
 * command line that means nothing ends the program: an option must not be dropped silently.
 */
#include "hospiconnect/program.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"

#define WHY_CAP	       1024
#define FIRST_OPTION   256 /* above every character */
#define ANSWER_HELP    254
#define ANSWER_VERSION 255

int hc_program_say(const char *text)
{
	return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

int hc_program_usage(const struct hc_program *program)
{
	(void)fputs(program->usage, stderr); /* there is nowhere else to say it */
	return HC_PROGRAM_USAGE;
}

static void list_options(const struct hc_program *program, struct option *known)
{
	size_t count = 0;

	for (; program->options[count].name != NULL; count++)
		known[count] = (struct option){program->options[count].name,
					       program->options[count].value != NULL ? required_argument
										     : no_argument,
					       NULL, FIRST_OPTION + (int)count};
	known[count++] = (struct option){"help", no_argument, NULL, ANSWER_HELP};
	known[count++] = (struct option){"version", no_argument, NULL, ANSWER_VERSION};
	known[count] = (struct option){NULL, 0, NULL, 0};
}

/* An option has a place for its value, or a flag. */
static void take_option(const struct hc_program_option *option)
{
	if (option->value != NULL)
		*option->value = optarg;
	else if (option->flag != NULL)
		*option->flag = true;
}

bool hc_program_options(const struct hc_program *program, int argc, char **argv, int *ret_status)
{
	struct option known[HC_PROGRAM_OPTIONS_MAX + 3];
	bool help = false, version = false;
	int found = 0;

	list_options(program, known);
	while ((found = getopt_long(argc, argv, "", known, NULL)) != -1) {
		help = help || found == ANSWER_HELP;
		version = version || found == ANSWER_VERSION;
		if (found < ANSWER_HELP) { /* getopt_long(3) has named the word */
			*ret_status = hc_program_usage(program);
			return false;
		}
		if (found >= FIRST_OPTION)
			take_option(&program->options[found - FIRST_OPTION]);
	}
	if (optind != argc) {
		(void)fprintf(stderr, "%s: unexpected argument \"%s\"\n", program->name, argv[optind]);
		*ret_status = hc_program_usage(program);
		return false;
	}
	if (help) {
		*ret_status = hc_program_say(program->usage);
	} else if (version) {
		bool said = printf("%s " HC_VERSION "\n", program->name) > 0 && fflush(stdout) == 0;

		*ret_status = said ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
	}
	return !help && !version;
}

int hc_daemon_main(const struct hc_daemon *daemon, int argc, char **argv)
{
	const char *config = daemon->config;
	const char *store = NULL;
	bool check = false, task = false;
	size_t count = 2;
	struct hc_program program = {
		.name = daemon->name,
		.usage = daemon->usage,
		.options = {{"config", &config, NULL}, {"check-config", NULL, &check}, {NULL, NULL, NULL}}};
	char why[WHY_CAP];
	int status = HC_PROGRAM_OK, log_level = 0;

	hc_log_init(daemon->name, HC_LOG_INFO);
	if (daemon->task_option != NULL)
		program.options[count++] = (struct hc_program_option){daemon->task_option, NULL, &task};
	if (daemon->check_store != NULL)
		program.options[count++] = (struct hc_program_option){"check-store", &store, NULL};
	if (!hc_program_options(&program, argc, argv, &status))
		return status;
	if (hc_privilege_harden() != HC_OK)
		return HC_PROGRAM_FAILED;
	if (store != NULL) {
		hc_log_init(daemon->name, HC_LOG_ERROR);
		return daemon->check_store(store) == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
	}
	if (daemon->load(config, &log_level, why, sizeof(why)) != HC_OK) {
		(void)fprintf(stderr, "%s\n", why);
		return HC_PROGRAM_FAILED;
	}
	if (check)
		return hc_program_say("ok\n");
	hc_log_init(daemon->name, (enum hc_log_level)(HC_LOG_ERROR + log_level));
	if (task)
		return daemon->task() == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
	return daemon->serve() == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

/* ---- the service manager ---- */

void hc_notify(const char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = secure_getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);
	int fd = -1;

	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* a name outside of the file system */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A manager that has gone is told nothing. */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}

void hc_notify_reloading(void)
{
	struct timespec now = {0};
	char state[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	/* Fits: two numbers. */
	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		       (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	hc_notify(state);
}

int64_t hc_notify_watchdog_ms(void)
{
	const char *pid = secure_getenv("WATCHDOG_PID"), *period = secure_getenv("WATCHDOG_USEC");
	char *end = NULL;
	long long period_us = 0;

	if (period == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	errno = 0;
	period_us = strtoll(period, &end, 10);
	return errno == 0 && *end == '\0' && period_us > 0 ? period_us / 1000 : 0;
}

/* ---- limits ---- */

void hc_descriptors_raise(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || (wanted != 0 && limit.rlim_cur >= wanted))
		return;
	if (wanted == 0 || limit.rlim_max < wanted)
		limit.rlim_cur = limit.rlim_max;
	else
		limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		hc_log(HC_LOG_WARNING, "cannot raise the number of descriptors",
		       HC_F_TEXT("reason", strerrordesc_np(errno)));
}
