/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "doctor": examines the installation and says for each thing what was found and what to do.
 *
 * State: the counts of results. It changes nothing. What it cannot look at it says so, and never
 * calls it good. Texts from files and from the broker are escaped as they are printed.
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/attrs.h"

#include "command.h"
#include "doctor.h"
#include "wrap.h"

#define INDENT		10 /* "[warning] " */
#define TEXT_CAP	2048
#define DEFAULT_CONFIG	HC_SYSCONF_DIR "/authd.conf"
#define DEFAULT_GATEWAY HC_SYSCONF_DIR "/gateway.conf"
#define DEFAULT_PAM_DIR "/etc/pam.d"

static const char *const result_words[] = {"ok", "warning", "error"};

static void print_terminal(const struct hc_ctl *ctl, enum hc_doctor_result result, const char *found,
			   const char *fix)
{
	static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};
	char name[64], word[64];
	struct hc_wrap wrap;

	(void)snprintf(name, sizeof(name), "ctl.doctor.word.%s", result_words[result]);
	hc_text(ctl->lang, name, NULL, word, sizeof(word));
	(void)printf("%s%s%s ", ctl->color ? colors[result] : "", word, ctl->color ? "\033[0m" : "");
	hc_wrap_begin(&wrap, stdout, ctl->width, INDENT, INDENT);
	hc_wrap_text(&wrap, found);
	hc_wrap_end(&wrap);
	if (fix[0] == '\0')
		return;
	(void)printf("%*s", INDENT, "");
	hc_wrap_begin(&wrap, stdout, ctl->width, INDENT + 2, INDENT);
	hc_wrap_word(&wrap, "→");
	hc_wrap_text(&wrap, fix);
	hc_wrap_end(&wrap);
}

static void print_json(struct hc_json *json, const char *result, const char *check, const char *found,
		       const char *fix)
{
	hc_json_object(json, NULL);
	hc_json_text(json, "check", check);
	hc_json_text(json, "result", result);
	hc_json_text(json, "found", found);
	if (fix[0] != '\0')
		hc_json_text(json, "advice", fix);
	else
		hc_json_null(json, "advice");
	hc_json_close(json);
}

void hc_doctor_say(struct hc_doctor *doctor, enum hc_doctor_result result, const char *check,
		   const char *text, const char *const *args)
{
	char found[TEXT_CAP], fix[TEXT_CAP] = "", name[96];

	doctor->counts[result]++;
	hc_text(doctor->ctl.lang, text, args, found, sizeof(found));
	(void)snprintf(name, sizeof(name), "%s.fix", text);
	if (result != HC_DOCTOR_OK && hc_text_known(name))
		hc_text(doctor->ctl.lang, name, args, fix, sizeof(fix));
	if (doctor->ctl.json)
		print_json(&doctor->json, result_words[result], check, found, fix);
	else if (doctor->ctl.table)
		print_terminal(&doctor->ctl, result, found, fix);
	else
		(void)printf("%s\t%s\t%s\t%s\n", result_words[result], check, found, fix);
}

void hc_doctor_tell(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
		    enum hc_doctor_result result, const char *check, const char *text,
		    const char *const *args)
{
	char name[96], label[64];

	(void)snprintf(name, sizeof(name), "ctl.doctor.%s.%s", subject->name, text);
	if (subject->name[0] == '\0' || !hc_text_known(name))
		(void)snprintf(name, sizeof(name), "ctl.doctor.%s", text);
	(void)snprintf(label, sizeof(label), "%s%s%s", subject->name, subject->name[0] != '\0' ? "_" : "",
		       check);
	hc_doctor_say(doctor, result, label, name, args);
}

static void say_summary(const struct hc_doctor *doctor)
{
	char counts[3][16];

	for (size_t i = 0; i < HC_COUNT(counts); i++)
		(void)snprintf(counts[i], sizeof(counts[i]), "%u", doctor->counts[i]);
	(void)putchar('\n');
	hc_ctl_say(&doctor->ctl, stdout, "ctl.doctor.summary", HC_ARGS(counts[0], counts[1], counts[2]));
}

enum hc_ctl_status hc_cmd_doctor(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct hc_doctor doctor = {.ctl = *ctl};

	doctor.config = hc_args_value(args, "config");
	doctor.gateway_config = hc_args_value(args, "gateway-config");
	doctor.pam_dir = hc_args_value(args, "pam-dir");
	if (doctor.config == NULL)
		doctor.config = DEFAULT_CONFIG;
	if (doctor.gateway_config == NULL)
		doctor.gateway_config = DEFAULT_GATEWAY;
	if (doctor.pam_dir == NULL)
		doctor.pam_dir = DEFAULT_PAM_DIR;
	hc_doctor_settings_read(doctor.config, &doctor.settings);
	if (strcmp(ctl->socket, HC_CTL_DEFAULT_SOCKET) == 0)
		doctor.ctl.socket = doctor.settings.admin_socket;
	doctor.broker = (struct hc_doctor_subject){.name = "",
						   .program = "hospiconnect-authd",
						   .config = doctor.config,
						   .user = doctor.settings.user,
						   .state_dir = doctor.settings.state_dir,
						   .seal_key_file = doctor.settings.seal_key_file};
	hc_json_init(&doctor.json, stdout);
	if (ctl->json)
		hc_json_array(&doctor.json, NULL);
	hc_doctor_system(&doctor);
	hc_doctor_files(&doctor, &doctor.broker);
	hc_doctor_broker(&doctor);
	hc_doctor_gateway(&doctor);
	hc_doctor_devices(&doctor);
	hc_doctor_cps(&doctor);
	hc_doctor_removal(&doctor);
	hc_doctor_pam(&doctor);
	if (ctl->json)
		hc_json_close(&doctor.json);
	else if (ctl->table)
		say_summary(&doctor);
	return doctor.counts[HC_DOCTOR_ERROR] == 0 ? HC_CTL_DONE : HC_CTL_FAILED;
}
