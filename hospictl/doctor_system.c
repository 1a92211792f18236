/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: the broker's user and group, the clock, the module among libpam's. State: none.
 */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

#include "doctor.h"
#include "when.h"

#define NSS_CAP	    4096
#define EARLIEST_MS INT64_C(1735689600000) /* 2025-01-01: earlier than this program */
#define LATEST_MS   INT64_C(4102444800000) /* 2100-01-01 */

void hc_doctor_user(struct hc_doctor *doctor, struct hc_doctor_subject *subject)
{
	struct passwd entry, *found = NULL;
	char space[NSS_CAP];

	if (getpwnam_r(subject->user, &entry, space, sizeof(space), &found) == 0 && found != NULL) {
		subject->user_known = true;
		subject->user_uid = entry.pw_uid;
		hc_doctor_tell(doctor, subject, entry.pw_uid == 0 ? HC_DOCTOR_WARNING : HC_DOCTOR_OK, "user",
			       entry.pw_uid == 0 ? "user.root" : "user.ok", HC_ARGS(subject->user));
	} else {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "user", "user.missing",
			       HC_ARGS(subject->user));
	}
}

static void check_group(struct hc_doctor *doctor)
{
	struct group entry, *found = NULL;
	char space[NSS_CAP];
	bool known = getgrnam_r(HC_ADMIN_GROUP, &entry, space, sizeof(space), &found) == 0 && found != NULL;

	hc_doctor_say(doctor, known ? HC_DOCTOR_OK : HC_DOCTOR_WARNING, "group",
		      known ? "ctl.doctor.group.ok" : "ctl.doctor.group.missing", HC_ARGS(HC_ADMIN_GROUP));
}

static void check_clock(struct hc_doctor *doctor)
{
	int64_t now = hc_now_ms(doctor->ctl.clock);
	struct timex facts = {.modes = 0};
	char time[HC_WHEN_CAP];
	int state;

	hc_when_utc(now, false, time, sizeof(time));
	if (now < EARLIEST_MS || now > LATEST_MS) {
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "clock", "ctl.doctor.clock.wrong", HC_ARGS(time));
		return;
	}
	state = adjtimex(&facts);
	if (state < 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "clock", "ctl.doctor.clock.unknown", HC_ARGS(time));
	else if (state == TIME_ERROR || (facts.status & STA_UNSYNC) != 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "clock", "ctl.doctor.clock.alone", HC_ARGS(time));
	else
		hc_doctor_say(doctor, HC_DOCTOR_OK, "clock", "ctl.doctor.clock.ok", HC_ARGS(time));
}

static void judge_module(struct hc_doctor *doctor, const char *path, const struct stat *facts)
{
	bool safe = S_ISREG(facts->st_mode) && facts->st_uid == 0 && (facts->st_mode & 0022) == 0;

	hc_doctor_say(doctor, safe ? HC_DOCTOR_OK : HC_DOCTOR_ERROR, "module",
		      safe ? "ctl.doctor.module.ok" : "ctl.doctor.module.unsafe", HC_ARGS(path));
}

static void check_module(struct hc_doctor *doctor)
{
	static const char *const folders[] = {"/usr/lib/" HC_PAM_MULTIARCH "/security",
					      "/lib/" HC_PAM_MULTIARCH "/security",
					      "/usr/lib64/security",
					      "/lib64/security",
					      "/usr/lib/security",
					      "/lib/security"};
	char path[HC_DOCTOR_PATH_CAP];
	struct stat facts;

	for (size_t i = 0; i < HC_COUNT(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/pam_hospiconnect.so", folders[i]);
		if (stat(path, &facts) == 0) {
			judge_module(doctor, path, &facts);
			return;
		}
	}
	hc_doctor_say(doctor, HC_DOCTOR_ERROR, "module", "ctl.doctor.module.missing", HC_ARGS(folders[0]));
}

void hc_doctor_system(struct hc_doctor *doctor)
{
	hc_doctor_user(doctor, &doctor->broker);
	check_group(doctor);
	check_clock(doctor);
	check_module(doctor);
}
