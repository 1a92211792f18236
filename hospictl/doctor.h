/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DOCTOR_H
#define HC_DOCTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "ctl.h"
#include "json.h"

/*
 * The examination of an installation. Each check says what it found at once; the worst result
 * decides the exit status.
 */
enum hc_doctor_result { HC_DOCTOR_OK = 0, HC_DOCTOR_WARNING = 1, HC_DOCTOR_ERROR = 2 };

#define HC_DOCTOR_PATH_CAP 256

/* What of authd.conf the examination needs; authd itself judges the file. */
struct hc_doctor_settings {
	char state_dir[HC_DOCTOR_PATH_CAP];
	char socket[HC_DOCTOR_PATH_CAP];
	char admin_socket[HC_DOCTOR_PATH_CAP];
	char seal_key_file[HC_DOCTOR_PATH_CAP];
	char user[65];
	char role[32];
	char gateway_socket[HC_DOCTOR_PATH_CAP];
	char gateway_user[65];
	char password_socket[HC_DOCTOR_PATH_CAP];
};

/* One of our daemons, as far as both are examined alike. All borrowed. */
struct hc_doctor_subject {
	const char *name; /* "": the broker; "gateway": texts and checks of that name, where there are any */
	const char *program; /* judges its configuration */
	const char *config, *user, *state_dir, *seal_key_file;
	bool user_known;
	uid_t user_uid;
};

struct hc_doctor {
	struct hc_ctl ctl; /* a copy: its socket is the one of the configuration */
	struct hc_json json;
	unsigned counts[3]; /* by result */
	const char *config;
	const char *gateway_config;
	const char *pam_dir;
	struct hc_doctor_settings settings;
	struct hc_doctor_subject broker;
	char broker_role[32]; /* of the one that runs; "" where it did not say */
};

/*
 * hc_doctor_say: one result. check: its short name. text: what was found; "<text>.fix", if there is
 * such a text and the result is no success, says what to do. args fill both.
 */
void hc_doctor_say(struct hc_doctor *doctor, enum hc_doctor_result result, const char *check,
		   const char *text, const char *const *args);

/* hc_doctor_tell: the same about a subject: "config.ok" is its own text of that name, or the broker's. */
void hc_doctor_tell(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
		    enum hc_doctor_result result, const char *check, const char *text,
		    const char *const *args);

/* A setting to be read as it stands in a file. */
struct hc_doctor_setting {
	const char *key;
	char *field; /* holds the default */
	size_t cap;
};
/* hc_doctor_settings_scan: the settings of one section ("[authd]"); what is not there stays as it is. */
void hc_doctor_settings_scan(const char *path, const char *section, const struct hc_doctor_setting *settings,
			     size_t count);

/* hc_doctor_settings_read: from the file; the defaults for what it does not say. */
void hc_doctor_settings_read(const char *path, struct hc_doctor_settings *ret_settings);

/* The checks, a file each. */
void hc_doctor_system(struct hc_doctor *doctor);
void hc_doctor_files(struct hc_doctor *doctor, const struct hc_doctor_subject *subject);
void hc_doctor_broker(struct hc_doctor *doctor); /* before the gateway: fills broker_role */
void hc_doctor_gateway(struct hc_doctor *doctor);
void hc_doctor_cps(struct hc_doctor *doctor);
void hc_doctor_devices(struct hc_doctor *doctor);
void hc_doctor_removal(struct hc_doctor *doctor);
void hc_doctor_pam(struct hc_doctor *doctor);

/*
 * hc_doctor_since_start: warns where the subject's configuration was changed after the process started that says this
 * of itself, in decimal digits; says nothing where it is in force.
 */
void hc_doctor_since_start(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
			   const char *clock_ms, const char *uptime_s);
/* hc_doctor_user: whether the subject's user exists; fills user_known and user_uid. */
void hc_doctor_user(struct hc_doctor *doctor, struct hc_doctor_subject *subject);
/* hc_doctor_socket: an administrators' socket (admin) or the one for sign-ins, and whether somebody trusted answers. */
void hc_doctor_socket(struct hc_doctor *doctor, const struct hc_doctor_subject *subject, const char *check,
		      const char *path, bool admin);

#endif
