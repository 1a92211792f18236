/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers and security keys of this machine: what has to be there before one can be used.
 *
 * State: none. The card's library is never loaded here: hc-pkcs11 does that, in a process of its own that gives up by
 * itself. What is not set up at all is no error, and said in one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

#include "doctor.h"

#define OUTPUT_CAP 1024
#define PCSCD	   "/run/pcscd/pcscd.comm"
#define RULES	   "70-hospiconnect.rules"

struct device_settings {
	char helper_dir[HC_DOCTOR_PATH_CAP], module[HC_DOCTOR_PATH_CAP];
	char rp_id[HC_DOCTOR_PATH_CAP], makers[HC_DOCTOR_PATH_CAP];
};

static void read_settings(const struct hc_doctor *doctor, struct device_settings *settings)
{
	const struct hc_doctor_setting authd[] = {
		{"helper_dir", settings->helper_dir, sizeof(settings->helper_dir)}};
	const struct hc_doctor_setting cps[] = {{"module", settings->module, sizeof(settings->module)}};
	const struct hc_doctor_setting fido2[] = {
		{"rp_id", settings->rp_id, sizeof(settings->rp_id)},
		{"attestation_trust_dir", settings->makers, sizeof(settings->makers)}};

	hc_doctor_settings_scan(doctor->config, "[authd]", authd, HC_COUNT(authd));
	hc_doctor_settings_scan(doctor->config, "[cps]", cps, HC_COUNT(cps));
	hc_doctor_settings_scan(doctor->config, "[fido2]", fido2, HC_COUNT(fido2));
}

/* Where the broker would take the helper from: helper_dir, beside its own program, or where this build installs it. */
static bool find_helper(const struct device_settings *settings, const char *name, char *out, size_t cap)
{
	char self[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (settings->helper_dir[0] != '\0') {
		(void)snprintf(out, cap, "%s/%s", settings->helper_dir, name);
		return access(out, X_OK) == 0;
	}
	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (snprintf(out, cap, "%s/../libexec/%s", self, name) < (int)cap && access(out, X_OK) == 0)
			return true;
	}
	(void)snprintf(out, cap, HC_HELPER_DIR "/%s", name);
	return access(out, X_OK) == 0;
}

/* All that a child says, cut at cap, until it has ended. */
static void read_output(int fd, char *out, size_t cap)
{
	char rest[OUTPUT_CAP];
	size_t len = 0;

	for (;;) {
		const bool room = len + 1 < cap;
		const ssize_t got = room ? read(fd, out + len, cap - 1 - len) : read(fd, rest, sizeof(rest));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		len += room ? (size_t)got : 0;
	}
	out[len] = '\0';
}

/* "hc-pkcs11 list". Returns its exit status, -1 if it could not be run. */
static int list_readers(const char *program, const char *module, char *output, size_t cap)
{
	char *const argv[] = {(char *)(uintptr_t)program,   (char *)(uintptr_t) "list",
			      (char *)(uintptr_t) "--json", (char *)(uintptr_t) "--module",
			      (char *)(uintptr_t)module,    NULL};
	char *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1, failed;
	pid_t child = -1;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	failed = posix_spawn_file_actions_init(&actions);
	if (failed == 0) {
		failed =
			posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ||
			posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) ||
			posix_spawn(&child, program, &actions, NULL, argv, environment);
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

static void check_readers(struct hc_doctor *doctor, const struct device_settings *settings)
{
	char program[PATH_MAX], output[OUTPUT_CAP] = "";

	if (!find_helper(settings, "hc-pkcs11", program, sizeof(program))) {
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "cps_helper", "ctl.doctor.device.helper",
			      HC_ARGS(program));
		return;
	}
	if (access(PCSCD, F_OK) != 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "pcscd", "ctl.doctor.device.pcscd", HC_ARGS(PCSCD));
	if (list_readers(program, settings->module, output, sizeof(output)) != 0)
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "cps_module", "ctl.doctor.device.module_broken",
			      HC_ARGS(settings->module, program));
	else if (strchr(output, '{') == NULL)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "cps_reader", "ctl.doctor.device.no_reader",
			      HC_ARGS(settings->module));
	else
		hc_doctor_say(doctor, HC_DOCTOR_OK, "cps_reader", "ctl.doctor.device.reader",
			      HC_ARGS(settings->module));
}

static void check_cards(struct hc_doctor *doctor, const struct device_settings *settings)
{
	if (settings->module[0] == '\0')
		hc_doctor_say(doctor, HC_DOCTOR_OK, "cps_module", "ctl.doctor.device.no_cards", NULL);
	else if (access(settings->module, R_OK) != 0)
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "cps_module", "ctl.doctor.device.module_missing",
			      HC_ARGS(settings->module, strerrordesc_np(errno)));
	else
		check_readers(doctor, settings);
}

static bool has_rules(void)
{
	return access("/lib/udev/rules.d/" RULES, F_OK) == 0 || access("/etc/udev/rules.d/" RULES, F_OK) == 0;
}

static void check_keys(struct hc_doctor *doctor, const struct device_settings *settings)
{
	char program[PATH_MAX];

	if (settings->rp_id[0] == '\0') {
		hc_doctor_say(doctor, HC_DOCTOR_OK, "fido2", "ctl.doctor.device.no_keys", NULL);
		return;
	}
	if (!find_helper(settings, "hc-fido2", program, sizeof(program))) {
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "fido2_helper", "ctl.doctor.device.helper",
			      HC_ARGS(program));
		return;
	}
	if (!has_rules())
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "fido2_rules", "ctl.doctor.device.rules",
			      HC_ARGS("/lib/udev/rules.d/" RULES));
	if (settings->makers[0] != '\0' && access(settings->makers, R_OK | X_OK) != 0)
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "fido2_attestation", "ctl.doctor.device.makers",
			      HC_ARGS(settings->makers, strerrordesc_np(errno)));
	hc_doctor_say(doctor, HC_DOCTOR_OK, "fido2", "ctl.doctor.device.keys", HC_ARGS(settings->rp_id));
}

void hc_doctor_devices(struct hc_doctor *doctor)
{
	struct device_settings settings = {.helper_dir = ""};

	read_settings(doctor, &settings);
	check_keys(doctor, &settings);
	check_cards(doctor, &settings);
}
