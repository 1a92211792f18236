/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be there for a session to be locked when its card or key is taken away: the system bus, logind on it, and
 * polkit's leave for the broker's user.
 *
 * State: none. Asks nobody for anything: it looks, and connects once. Where nothing is to become of a session, nothing
 * is said.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

#include "doctor.h"

#define BUS   "/run/dbus/system_bus_socket"
#define SEATS "/run/systemd/seats" /* logind's, as long as it runs */
#define RULES "polkit-1/rules.d/hospiconnect-logind.rules"

/* Whether a device of the section may open sessions, and something becomes of them when it leaves. */
static bool is_wanted(const char *path, const char *section, const char *needed, const char *usual)
{
	char action[32] = "", device[HC_DOCTOR_PATH_CAP] = "";
	const struct hc_doctor_setting settings[] = {{"on_removal", action, sizeof(action)},
						     {needed, device, sizeof(device)}};

	(void)snprintf(action, sizeof(action), "%s", usual); /* fits */
	hc_doctor_settings_scan(path, section, settings, HC_COUNT(settings));
	return device[0] != '\0' && strcmp(action, "nothing") != 0;
}

static void check_bus(struct hc_doctor *doctor)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = BUS};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	const char *reason = there ? "" : strerrordesc_np(errno);

	if (fd >= 0)
		(void)close(fd); /* nothing was written to it */
	if (there)
		hc_doctor_say(doctor, HC_DOCTOR_OK, "system_bus", "ctl.doctor.removal.bus", NULL);
	else
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "system_bus", "ctl.doctor.removal.no_bus",
			      HC_ARGS(BUS, reason));
}

static void check_logind(struct hc_doctor *doctor)
{
	bool there = access(SEATS, F_OK) == 0;

	hc_doctor_say(doctor, there ? HC_DOCTOR_OK : HC_DOCTOR_WARNING, "logind",
		      there ? "ctl.doctor.removal.logind" : "ctl.doctor.removal.no_logind", HC_ARGS(SEATS));
}

static void check_rule(struct hc_doctor *doctor)
{
	bool there = access("/usr/share/" RULES, F_OK) == 0 || access("/etc/" RULES, F_OK) == 0;

	hc_doctor_say(doctor, there ? HC_DOCTOR_OK : HC_DOCTOR_WARNING, "polkit_rule",
		      there ? "ctl.doctor.removal.rule" : "ctl.doctor.removal.no_rule",
		      HC_ARGS("/usr/share/" RULES));
}

void hc_doctor_removal(struct hc_doctor *doctor)
{
	if (!is_wanted(doctor->config, "[cps]", "module", "lock") &&
	    !is_wanted(doctor->config, "[fido2]", "rp_id", "nothing"))
		return;
	check_bus(doctor);
	check_logind(doctor);
	check_rule(doctor);
}
