/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few settings that the examination needs to know where to look. State: none. authd's own reader
 * is the judge of the file ("--check-config" is run for that): here a line that is not understood is
 * passed over, and a path that is not absolute ignored.
 */
#include <stdio.h>
#include <string.h>

#include "hospiconnect/attrs.h"

#include "doctor.h"

#define LINE_CAP 1200

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	return text;
}

static void take_line(char *line, const struct hc_doctor_setting *settings, size_t count)
{
	char *equals = strchr(line, '=');
	char *key, *value;

	if (equals == NULL)
		return;
	*equals = '\0';
	key = trim(line);
	value = trim(equals + 1);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(settings[i].key, key) == 0 && value[0] != '\0' && strlen(value) < settings[i].cap)
			(void)snprintf(settings[i].field, settings[i].cap, "%s", value);
	}
}

static void read_lines(FILE *file, const char *section, const struct hc_doctor_setting *settings,
		       size_t count)
{
	char line[LINE_CAP];
	bool in_section = false;

	while (fgets(line, sizeof(line), file) != NULL) {
		char *text = trim(line);

		if (text[0] == '#')
			continue;
		if (text[0] == '[')
			in_section = strcmp(text, section) == 0;
		else if (in_section)
			take_line(text, settings, count);
	}
}

void hc_doctor_settings_scan(const char *path, const char *section, const struct hc_doctor_setting *settings,
			     size_t count)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return;
	read_lines(file, section, settings, count);
	(void)fclose(file); /* only read from */
}

void hc_doctor_settings_read(const char *path, struct hc_doctor_settings *ret_settings)
{
	struct hc_doctor_settings *out = ret_settings;
	const struct hc_doctor_setting settings[] = {
		{"state_dir", out->state_dir, sizeof(out->state_dir)},
		{"socket", out->socket, sizeof(out->socket)},
		{"admin_socket", out->admin_socket, sizeof(out->admin_socket)},
		{"seal_key_file", out->seal_key_file, sizeof(out->seal_key_file)},
		{"user", out->user, sizeof(out->user)},
		{"role", out->role, sizeof(out->role)},
		{"gateway_socket", out->gateway_socket, sizeof(out->gateway_socket)},
		{"gateway_user", out->gateway_user, sizeof(out->gateway_user)},
		{"password_socket", out->password_socket, sizeof(out->password_socket)},
	};

	*out = (struct hc_doctor_settings){.state_dir = HC_STATE_DIR,
					   .socket = HC_RUN_DIR "/auth.sock",
					   .admin_socket = HC_RUN_DIR "/admin.sock",
					   .user = HC_BROKER_USER,
					   .role = "standalone",
					   .gateway_socket = HC_RUN_DIR "/gateway.sock",
					   .gateway_user = HC_GATEWAY_USER,
					   .password_socket = HC_RUN_DIR "/password.sock"};
	hc_doctor_settings_scan(path, "[authd]", settings, HC_COUNT(settings));
	if (out->seal_key_file[0] == '\0')
		(void)snprintf(out->seal_key_file, sizeof(out->seal_key_file), "%.240s/seal.key",
			       out->state_dir);
}
