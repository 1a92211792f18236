/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_client [options] USER [ANSWER...]: one authentication through libpam with scripted answers;
 * USER "-": none is given, and the one that came of it is printed ("user: martin");
 * with -b one process for each "USER ANSWER" line of stdin, all let go at the same instant.
 *
 *   -d DIR   folder of the service files (pam_start_confdir); the system's without
 *   -s NAME  service, "hc-test" without
 *   -r HOST  PAM_RHOST     -t TTY  PAM_TTY     -u NAME  PAM_RUSER
 *   -w MS    wait before each answer           -a  account phase only     -A  account phase after success
 *
 * Role: the PAM host of the integration tests. It decides nothing: it prints what the person sees
 * and the codes as libpam returned them ("authenticate: PAM_SUCCESS"), and ends 0 if all were
 * PAM_SUCCESS.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conversation.h"

#define BATCH_MAX 512

struct options {
	const char *dir, *service, *rhost, *tty, *ruser;
	unsigned wait_ms;
	bool account_only, account_too, batch;
};

static int set_items(pam_handle_t *pam, const struct options *options)
{
	int code = PAM_SUCCESS;

	if (options->rhost)
		code = pam_set_item(pam, PAM_RHOST, options->rhost);
	if (code == PAM_SUCCESS && options->tty)
		code = pam_set_item(pam, PAM_TTY, options->tty);
	if (code == PAM_SUCCESS && options->ruser)
		code = pam_set_item(pam, PAM_RUSER, options->ruser);
	return code;
}

static int run_phases(pam_handle_t *pam, const struct options *options, const char *user, FILE *out)
{
	int code = set_items(pam, options);

	if (code == PAM_SUCCESS && !options->account_only) {
		code = pam_authenticate(pam, 0);
		(void)fprintf(out, "%s%sauthenticate: %s\n", options->batch ? user : "",
			      options->batch ? " " : "", test_pam_name(code));
	}
	if (code == PAM_SUCCESS && (options->account_only || options->account_too)) {
		code = pam_acct_mgmt(pam, 0);
		(void)fprintf(out, "account: %s\n", test_pam_name(code));
	}
	return code;
}

static int sign_in(const struct options *options, const char *user, char *const *answers)
{
	struct test_script script = {
		.answers = answers, .hold_ms = options->wait_ms, .out = options->batch ? NULL : stdout};
	struct pam_conv conv = {.conv = test_converse, .appdata_ptr = &script};
	pam_handle_t *pam = NULL;
	const void *named = NULL;
	bool nameless = strcmp(user, "-") == 0;
	int code;

	if (nameless)
		user = NULL;
	code = options->dir ? pam_start_confdir(options->service, user, &conv, options->dir, &pam)
			    : pam_start(options->service, user, &conv, &pam);
	if (code != PAM_SUCCESS) {
		(void)fprintf(stderr, "pam_start: %s\n", test_pam_name(code));
		return code;
	}
	code = run_phases(pam, options, user, stdout);
	if (nameless && pam_get_item(pam, PAM_USER, &named) == PAM_SUCCESS)
		(void)printf("user: %s\n", named != NULL ? (const char *)named : "nobody");
	(void)pam_end(pam, code);
	return code;
}

/* The child waits until the parent closes the write end of the gate. */
static void batch_child(const struct options *options, const int gate[2], char *line)
{
	char *answer = strchr(line, ' ');
	char byte;
	char *answers[2] = {NULL, NULL};
	int code;

	(void)close(gate[1]);
	if (answer) {
		*answer = '\0';
		answers[0] = answer + 1;
	}
	while (read(gate[0], &byte, 1) > 0)
		;
	code = sign_in(options, line, answers);
	_exit(fflush(stdout) == 0 && code == PAM_SUCCESS ? 0 : 1);
}

static int reap(size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		int status = 0;

		if (wait(&status) < 0 || status != 0)
			failed++;
	}
	return failed;
}

static int batch(const struct options *options)
{
	char line[512];
	int gate[2];
	size_t count = 0;

	if (pipe(gate))
		return 1;
	while (count < BATCH_MAX && fgets(line, sizeof(line), stdin)) {
		pid_t pid;

		line[strcspn(line, "\n")] = '\0';
		pid = fork();
		if (pid < 0)
			return 1;
		if (pid == 0)
			batch_child(options, gate, line);
		count++;
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	return reap(count) ? 1 : 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
	for (int c; (c = getopt(argc, argv, "+d:s:r:t:u:w:aAb")) != -1;) {
		switch (c) {
		case 'd':
			options->dir = optarg;
			break;
		case 's':
			options->service = optarg;
			break;
		case 'r':
			options->rhost = optarg;
			break;
		case 't':
			options->tty = optarg;
			break;
		case 'u':
			options->ruser = optarg;
			break;
		case 'w':
			options->wait_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'a':
			options->account_only = true;
			break;
		case 'A':
			options->account_too = true;
			break;
		case 'b':
			options->batch = true;
			break;
		default:
			return false;
		}
	}
	return options->batch || optind < argc;
}

int main(int argc, char **argv)
{
	struct options options = {.service = "hc-test"};

	if (!parse(argc, argv, &options)) {
		(void)fputs(
			"usage: pam_client [-d DIR] [-s SERVICE] [-r HOST] [-t TTY] [-u NAME] [-w MS] [-aAb] "
			"USER [ANSWER...]\n",
			stderr);
		return 2;
	}
	if (options.batch)
		return batch(&options);
	return sign_in(&options, argv[optind], argv + optind + 1) == PAM_SUCCESS ? 0 : 1;
}
