/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: configuration, state directory, seal key. State: none. Only their owner, mode and length are
 * looked at; the key is never opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

#include "doctor.h"

#define SEAL_KEY_LEN 32
#define OUTPUT_CAP   512

static const char *octal(mode_t mode, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%04o", (unsigned)(mode & 07777));
	return out;
}

/* The path of a program: beside this one, or where packages put it. */
static bool find_program(const char *name, char *out, size_t cap)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (snprintf(out, cap, "%s/%s", self, name) < (int)cap && access(out, X_OK) == 0)
			return true;
	}
	(void)snprintf(out, cap, "/usr/sbin/%s", name);
	return access(out, X_OK) == 0;
}

/* The first line of what a child says, until it has ended. */
static void read_output(int fd, char *out, size_t cap)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (len + 1 < cap && memchr(out, '\n', len) == NULL)
			out[len++] = c;
	}
	while (len > 0 && out[len - 1] == '\n')
		len--;
	out[len] = '\0';
}

/* The daemon's own verdict about its configuration. Returns its exit status, -1 if it could not be run. */
static int run_check(const char *program, const char *config, char *output, size_t cap)
{
	char *const argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--config",
			      (char *)(uintptr_t)config, (char *)(uintptr_t) "--check-config", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1, failed;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	failed = posix_spawn_file_actions_init(&actions);
	if (failed == 0) {
		failed = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) ||
			 posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO) ||
			 posix_spawn(&child, program, &actions, NULL, argv, environ);
		(void)posix_spawn_file_actions_destroy(&actions); /* nothing to do about it */
	}
	(void)close(ends[1]); /* the child's end */
	if (failed == 0) {
		read_output(ends[0], output, cap);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	(void)close(ends[0]); /* only read from */
	return failed == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_syntax(struct hc_doctor *doctor, const struct hc_doctor_subject *subject)
{
	char program[PATH_MAX], output[OUTPUT_CAP] = "";
	int status;

	if (!find_program(subject->program, program, sizeof(program))) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "config", "config.no_program",
			       HC_ARGS(subject->program));
		return;
	}
	status = run_check(program, subject->config, output, sizeof(output));
	hc_doctor_tell(doctor, subject, status == 0 ? HC_DOCTOR_OK : HC_DOCTOR_ERROR, "config",
		       status == 0 ? "config.ok" : "config.wrong", HC_ARGS(subject->config, output));
}

static void check_config(struct hc_doctor *doctor, const struct hc_doctor_subject *subject)
{
	struct stat facts;
	char mode[16], owner[24];

	if (stat(subject->config, &facts) != 0) {
		hc_doctor_tell(doctor, subject, errno == ENOENT ? HC_DOCTOR_OK : HC_DOCTOR_WARNING, "config",
			       errno == ENOENT ? "config.missing" : "unseen",
			       HC_ARGS(subject->config, strerrordesc_np(errno)));
		return;
	}
	if ((facts.st_uid != 0 && facts.st_uid != geteuid()) || (facts.st_mode & 0022) != 0) {
		(void)snprintf(owner, sizeof(owner), "%u", (unsigned)facts.st_uid);
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "config", "config.unsafe",
			       HC_ARGS(subject->config, octal(facts.st_mode, mode, sizeof(mode)), owner));
		return;
	}
	if (access(subject->config, R_OK) != 0) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "config", "unseen",
			       HC_ARGS(subject->config, strerrordesc_np(errno)));
		return;
	}
	check_syntax(doctor, subject);
}

/* A thing of the daemon's: belongs to its user (or to who runs it in a test) and to nobody else. */
static bool is_its_own(const struct hc_doctor_subject *subject, const struct stat *facts)
{
	if (subject->user_known && facts->st_uid == subject->user_uid)
		return true;
	return geteuid() != 0 && facts->st_uid == geteuid();
}

static void check_private(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
			  const char *check, const char *path, bool folder)
{
	struct stat facts;
	char mode[16], text[64];

	if (lstat(path, &facts) != 0) {
		(void)snprintf(text, sizeof(text), "%s.missing", check);
		hc_doctor_tell(doctor, subject,
			       errno == ENOENT && !folder ? HC_DOCTOR_ERROR : HC_DOCTOR_WARNING, check,
			       errno == ENOENT ? text : "unseen", HC_ARGS(path, strerrordesc_np(errno)));
		return;
	}
	(void)octal(facts.st_mode, mode, sizeof(mode));
	(void)snprintf(text, sizeof(text), "%s.unsafe", check);
	if ((folder ? !S_ISDIR(facts.st_mode) : !S_ISREG(facts.st_mode)) || !is_its_own(subject, &facts) ||
	    (facts.st_mode & 0077) != 0) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, check, text,
			       HC_ARGS(path, mode, subject->user));
		return;
	}
	if (!folder && facts.st_size != SEAL_KEY_LEN) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, check, "seal.length", HC_ARGS(path));
		return;
	}
	(void)snprintf(text, sizeof(text), "%s.ok", check);
	hc_doctor_tell(doctor, subject, HC_DOCTOR_OK, check, text, HC_ARGS(path, mode));
}

void hc_doctor_files(struct hc_doctor *doctor, const struct hc_doctor_subject *subject)
{
	check_config(doctor, subject);
	check_private(doctor, subject, "state", subject->state_dir, true);
	check_private(doctor, subject, "seal", subject->seal_key_file, false);
}
