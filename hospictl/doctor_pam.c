/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PAM stacks of the machine, each service judged by pam_check.c. State: none. Files are read as
 * libpam would, but bounded; fragments that are only included by others are not services.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"

#include "doctor.h"
#include "pam_check.h"
#include "pam_login.h"

#define FILE_MAX   ((off_t)256 * 1024)
#define VENDOR_DIR "/usr/lib/pam.d"

/* The services in which a card or key may say who is there, between blanks; "" where neither is in use. */
struct nameless {
	char services[1024];
};

static char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat facts;
	char *text = NULL;
	ssize_t got = -1;

	if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size <= FILE_MAX)
		text = malloc((size_t)facts.st_size + 1);
	if (text != NULL)
		got = read(fd, text, (size_t)facts.st_size);
	if (fd >= 0)
		(void)close(fd); /* only read from */
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

/* As libpam looks for it: an absolute name as it is, any other in the directory, then the vendor's. */
static char *source(const char *name, void *ctx)
{
	const struct hc_doctor *doctor = ctx;
	char path[512];
	char *text;

	if (name[0] == '/')
		return read_text(name);
	if (snprintf(path, sizeof(path), "%s/%s", doctor->pam_dir, name) >= (int)sizeof(path))
		return NULL;
	text = read_text(path);
	if (text != NULL || strcmp(doctor->pam_dir, "/etc/pam.d") != 0)
		return text;
	if (snprintf(path, sizeof(path), "%s/%s", VENDOR_DIR, name) >= (int)sizeof(path))
		return NULL;
	return read_text(path);
}

/* Services by which people come in or gain rights. */
static bool matters(const char *service)
{
	static const char *const names[] = {
		"sshd", "login", "gdm-password", "lightdm", "sddm",	"greetd",  "xdm",	  "kde",
		"su",	"su-l",	 "sudo",	 "sudo-i",  "polkit-1", "cockpit", "xrdp-sesman", "remote"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		if (strcmp(names[i], service) == 0)
			return true;
	}
	return false;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* Not a backup of a package manager or an editor, and not a fragment that others include. */
static int is_service(const struct dirent *entry)
{
	static const char *const fragments[] = {"common-",   "system-",		 "password-auth",
						"postlogin", "fingerprint-auth", "smartcard-auth"};
	static const char *const backups[] = {"~",	    ".bak",	".orig",     ".rej",
					      ".rpmsave",   ".rpmnew",	".dpkg-old", ".dpkg-new",
					      ".dpkg-dist", ".pam-old", ".ucf-dist"};

	if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
		return 0;
	for (size_t i = 0; i < HC_COUNT(fragments); i++) {
		if (strncmp(entry->d_name, fragments[i], strlen(fragments[i])) == 0)
			return 0;
	}
	for (size_t i = 0; i < HC_COUNT(backups); i++) {
		if (ends_with(entry->d_name, backups[i]))
			return 0;
	}
	return 1;
}

static void say_report(struct hc_doctor *doctor, const char *service, const struct hc_pam_report *report)
{
	char check[300], text[64];

	(void)snprintf(check, sizeof(check), "pam.%s", service);
	for (size_t i = 0; i < report->count; i++) {
		const struct hc_pam_finding *finding = &report->findings[i];

		(void)snprintf(text, sizeof(text), "ctl.pam.%s", hc_pam_kind_name(finding->kind));
		hc_doctor_say(doctor, (enum hc_doctor_result)hc_pam_kind_result(finding->kind), check, text,
			      HC_ARGS(service, finding->where));
	}
}

static void read_nameless(const char *path, struct nameless *nameless)
{
	char rp_id[HC_DOCTOR_PATH_CAP] = "", module[HC_DOCTOR_PATH_CAP] = "";
	char list[sizeof(nameless->services) - 2] = HC_NAMELESS_SERVICES;
	const struct hc_doctor_setting policy[] = {{"nameless_services", list, sizeof(list)}};
	const struct hc_doctor_setting fido2[] = {{"rp_id", rp_id, sizeof(rp_id)}};
	const struct hc_doctor_setting cps[] = {{"module", module, sizeof(module)}};

	nameless->services[0] = '\0';
	hc_doctor_settings_scan(path, "[fido2]", fido2, HC_COUNT(fido2));
	hc_doctor_settings_scan(path, "[cps]", cps, HC_COUNT(cps));
	if (rp_id[0] == '\0' && module[0] == '\0')
		return;
	hc_doctor_settings_scan(path, "[policy]", policy, HC_COUNT(policy));
	for (char *at = list; *at != '\0'; at++) {
		if (strchr("\t,", *at) != NULL)
			*at = ' ';
	}
	(void)snprintf(nameless->services, sizeof(nameless->services), " %s ", list);
}

static bool is_nameless(const struct nameless *nameless, const char *service)
{
	char word[300];

	(void)snprintf(word, sizeof(word), " %s ", service); /* a file's name is shorter */
	return strstr(nameless->services, word) != NULL;
}

static void say_login_asked(struct hc_doctor *doctor, const char *service)
{
	char check[300], where[320] = "";

	(void)snprintf(check, sizeof(check), "pam.%s", service);
	if (hc_pam_login_asked(source, doctor, service, where, sizeof(where)) == HC_OK && where[0] != '\0')
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, check, "ctl.pam.login_asked",
			      HC_ARGS(service, where));
}

/* Whether any service asks us at all decides what a service without us is worth. */
static bool any_asks_us(struct hc_doctor *doctor, struct dirent *const *entries, int count)
{
	for (int i = 0; i < count; i++) {
		struct hc_pam_report report;

		if (hc_pam_check_service(source, doctor, entries[i]->d_name, false, &report) == HC_OK &&
		    report.ours)
			return true;
	}
	return false;
}

static void check_services(struct hc_doctor *doctor, struct dirent *const *entries, int count)
{
	struct nameless nameless;

	if (!any_asks_us(doctor, entries, count)) {
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "pam", "ctl.doctor.pam.nowhere",
			      HC_ARGS(doctor->pam_dir));
		return;
	}
	read_nameless(doctor->config, &nameless);
	for (int i = 0; i < count; i++) {
		const char *service = entries[i]->d_name;
		struct hc_pam_report report;
		enum hc_err err = hc_pam_check_service(source, doctor, service, matters(service), &report);

		if (err == HC_OK)
			say_report(doctor, service, &report);
		else
			hc_doctor_say(doctor, HC_DOCTOR_WARNING, "pam", "ctl.doctor.unseen",
				      HC_ARGS(service, hc_strerror(err)));
		if (err == HC_OK && report.ours && is_nameless(&nameless, service))
			say_login_asked(doctor, service);
	}
}

void hc_doctor_pam(struct hc_doctor *doctor)
{
	struct dirent **entries = NULL;
	int count = scandir(doctor->pam_dir, &entries, is_service, alphasort);

	if (count < 0) {
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "pam", "ctl.doctor.unseen",
			      HC_ARGS(doctor->pam_dir, strerrordesc_np(errno)));
		return;
	}
	check_services(doctor, entries, count);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}
