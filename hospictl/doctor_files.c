/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: configuration, state directory, seal key. State: none. Only their owner, mode and length are
 * looked at; the key is never opened.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

#include "child.h"
#include "doctor.h"

#define SEAL_KEY_LEN 32
#define OUTPUT_CAP   512
#define MS_PER_S     1000
#define NS_PER_MS    1000000

static const char *octal(mode_t mode, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%04o", (unsigned)(mode & 07777));
	return out;
}

static void check_syntax(struct hc_doctor *doctor, const struct hc_doctor_subject *subject)
{
	char program[PATH_MAX], output[OUTPUT_CAP] = "";
	int status;

	if (!hc_child_find(subject->program, program, sizeof(program))) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "config", "config.no_program",
			       HC_ARGS(subject->program));
		return;
	}
	status = hc_child_run(program, "--config", subject->config, "--check-config", true, output,
			      sizeof(output));
	output[strcspn(output, "\n")] = '\0';
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

/* Whole seconds of uptime put the start up to one second too late: a change in that second is missed, none is made up. */
void hc_doctor_since_start(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
			   const char *clock_ms, const char *uptime_s)
{
	const int64_t now_ms = strtoll(clock_ms, NULL, 10), up_s = strtoll(uptime_s, NULL, 10);
	struct stat facts;

	if (now_ms <= 0 || up_s < 0 || up_s > now_ms / MS_PER_S || stat(subject->config, &facts) != 0)
		return; /* it did not say, or check_config has said so */
	if ((int64_t)facts.st_mtim.tv_sec * MS_PER_S + facts.st_mtim.tv_nsec / NS_PER_MS >
	    now_ms - up_s * MS_PER_S)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "restart", "restart",
			       HC_ARGS(subject->config));
}

void hc_doctor_files(struct hc_doctor *doctor, const struct hc_doctor_subject *subject)
{
	check_config(doctor, subject);
	check_private(doctor, subject, "state", subject->state_dir, true);
	check_private(doctor, subject, "seal", subject->seal_key_file, false);
}
