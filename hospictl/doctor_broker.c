/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker: its sockets, whether it answers, what it says of itself, and who of its people cannot
 * sign in yet. State: the list of logins, for the length of the check.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/broker_client.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"

#include "doctor.h"
#include "request.h"

#define CONNECT_MS  500
#define LOGINS_MAX  2000
#define NAMES_SHOWN 5
#define NSS_CAP	    4096

static enum hc_broker_peer expected_peer(const char *path)
{
	if (strcmp(path, HC_CTL_DEFAULT_GATEWAY_SOCKET) == 0)
		return HC_PEER_DAEMON;
	return strncmp(path, HC_RUN_DIR "/", sizeof(HC_RUN_DIR)) == 0 ? HC_PEER_SYSTEM
								      : HC_PEER_DIRECTORY_OWNER;
}

static bool group_is_admin(gid_t gid)
{
	struct group entry, *found = NULL;
	char space[NSS_CAP];

	return getgrnam_r(HC_ADMIN_GROUP, &entry, space, sizeof(space), &found) != 0 || found == NULL ||
	       entry.gr_gid == gid;
}

/* What is wrong with a socket's mode: the text, or NULL. */
static const char *mode_trouble(const struct stat *facts, bool admin)
{
	if (!S_ISSOCK(facts->st_mode))
		return "socket.kind";
	if (admin && (facts->st_mode & 0006) != 0)
		return "socket.admin_open";
	if (admin && !group_is_admin(facts->st_gid))
		return "socket.admin_group";
	if (!admin && (facts->st_mode & 0666) != 0666)
		return "socket.auth_closed";
	return NULL;
}

/* The daemons' own rule at their start: where others can write, they can put a socket of theirs. */
static bool folder_is_safe(const struct hc_doctor_subject *subject, const char *path)
{
	char folder[HC_DOCTOR_PATH_CAP];
	const char *slash = strrchr(path, '/');
	struct stat facts;

	if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(folder))
		return false;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	if (lstat(folder, &facts) != 0 || !S_ISDIR(facts.st_mode) || (facts.st_mode & 0022) != 0)
		return false;
	/* elsewhere than by default, who answers must be the owner of the folder, whoever that is */
	return expected_peer(path) != HC_PEER_SYSTEM || facts.st_uid == 0 ||
	       (subject->user_known && facts.st_uid == subject->user_uid);
}

void hc_doctor_socket(struct hc_doctor *doctor, const struct hc_doctor_subject *subject, const char *check,
		      const char *path, bool admin)
{
	HC_AUTO(broker) broker = NULL;
	const char *trouble;
	struct stat facts;
	char mode[16];
	enum hc_err err;

	if (lstat(path, &facts) != 0) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, check,
			       errno == ENOENT ? "socket.missing" : "unseen",
			       HC_ARGS(path, strerrordesc_np(errno)));
		return;
	}
	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)(facts.st_mode & 07777));
	trouble = mode_trouble(&facts, admin);
	if (trouble == NULL && !folder_is_safe(subject, path))
		trouble = "socket.folder";
	if (trouble != NULL) {
		hc_doctor_tell(doctor, subject,
			       strstr(trouble, "group") != NULL ? HC_DOCTOR_WARNING : HC_DOCTOR_ERROR, check,
			       trouble, HC_ARGS(path, mode, HC_ADMIN_GROUP, subject->user));
		return;
	}
	err = hc_broker_connect_within(path, expected_peer(path), doctor->ctl.clock, CONNECT_MS, &broker);
	if (err == HC_OK)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_OK, check, "socket.ok", HC_ARGS(path, mode));
	else
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, check,
			       err == HC_ERR_PEER   ? "socket.impostor"
			       : err == HC_ERR_PERM ? "socket.denied"
						    : "socket.silent",
			       HC_ARGS(path));
}

struct facts {
	char version[65], role[32], persons[65], unenrolled[128], rp_id[256], keys_elsewhere[24];
	char clock_ms[24], uptime_s[24];
};

static enum hc_err take_fact(const struct hc_msg *row, void *ctx)
{
	struct facts *facts = ctx;
	const struct {
		const char *name;
		char *field;
		size_t cap;
	} wanted[] = {{"version", facts->version, sizeof(facts->version)},
		      {"role", facts->role, sizeof(facts->role)},
		      {"clock_ms", facts->clock_ms, sizeof(facts->clock_ms)},
		      {"uptime_s", facts->uptime_s, sizeof(facts->uptime_s)},
		      {"persons", facts->persons, sizeof(facts->persons)},
		      {"unenrolled", facts->unenrolled, sizeof(facts->unenrolled)},
		      {"rp_id", facts->rp_id, sizeof(facts->rp_id)},
		      {"keys_elsewhere", facts->keys_elsewhere, sizeof(facts->keys_elsewhere)}};
	char name[65];

	if (hc_msg_text(row, HC_FIELD_NAME, name, sizeof(name)) != HC_OK)
		return HC_ERR_PROTOCOL;
	for (size_t i = 0; i < HC_COUNT(wanted); i++) {
		if (strcmp(wanted[i].name, name) == 0 &&
		    hc_msg_text(row, HC_FIELD_VALUE, wanted[i].field, wanted[i].cap) != HC_OK)
			return HC_ERR_PROTOCOL;
	}
	return HC_OK;
}

/* Whether it answers, and what it says. False: there is no use in asking more. */
static bool check_status(struct hc_doctor *doctor)
{
	HC_AUTO(msg) request = NULL;
	struct facts facts = {.version = "?", .persons = "?", .keys_elsewhere = "0"};
	struct hc_reply reply = {.ended = false};
	enum hc_err err = hc_request_new(&doctor->ctl, HC_MSG_STATUS, &request);

	if (err == HC_OK)
		err = hc_request_send(&doctor->ctl, request, take_fact, &facts, &reply);
	if (err != HC_OK) {
		hc_doctor_say(doctor, HC_DOCTOR_ERROR, "broker",
			      reply.ended ? "ctl.doctor.broker.refuses" : "ctl.doctor.broker.silent",
			      HC_ARGS(doctor->ctl.socket, reply.ended ? reply.text : hc_strerror(err)));
		return false;
	}
	hc_doctor_say(doctor, HC_DOCTOR_OK, "broker", "ctl.doctor.broker.ok",
		      HC_ARGS(facts.version, facts.persons));
	if (strcmp(facts.version, HC_VERSION) != 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "version", "ctl.doctor.version.differs",
			      HC_ARGS(facts.version, HC_VERSION));
	(void)snprintf(doctor->broker_role, sizeof(doctor->broker_role), "%s",
		       facts.role); /* of the same size */
	hc_doctor_since_start(doctor, &doctor->broker, facts.clock_ms, facts.uptime_s);
	if (strncmp(facts.unenrolled, "grace", 5) == 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "grace", "ctl.doctor.grace",
			      HC_ARGS(facts.unenrolled));
	if (strcmp(facts.keys_elsewhere, "0") != 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "rp_id", "ctl.doctor.rp_id.differs",
			      HC_ARGS(facts.keys_elsewhere, facts.rp_id));
	return true;
}

struct logins {
	struct hc_login *names; /* owned */
	size_t count;
};

static enum hc_err take_login(const struct hc_msg *row, void *ctx)
{
	struct logins *logins = ctx;
	char state[17] = "";

	if (hc_msg_has(row, HC_FIELD_STATE) &&
	    hc_msg_text(row, HC_FIELD_STATE, state, sizeof(state)) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (logins->count == LOGINS_MAX || strcmp(state, "disabled") == 0)
		return HC_OK;
	if (hc_msg_text(row, HC_FIELD_LOGIN, logins->names[logins->count].text,
			sizeof(logins->names[0].text)) != HC_OK)
		return HC_ERR_PROTOCOL;
	logins->count++;
	return HC_OK;
}

static enum hc_err take_credential(const struct hc_msg *row, void *ctx)
{
	bool *active = ctx;
	char state[17] = "";

	if (hc_msg_text(row, HC_FIELD_STATE, state, sizeof(state)) == HC_OK && strcmp(state, "active") == 0)
		*active = true;
	return HC_OK;
}

static bool has_credential(struct hc_doctor *doctor, const char *login)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	bool active = false;
	enum hc_err err = hc_request_new(&doctor->ctl, HC_MSG_CREDENTIAL_LIST, &request);

	if (err != HC_OK)
		return true;
	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	err = hc_request_send(&doctor->ctl, request, take_credential, &active, &reply);
	return err != HC_OK || active; /* a person removed meanwhile is no finding */
}

static void judge_logins(struct hc_doctor *doctor, const struct logins *logins)
{
	char names[NAMES_SHOWN * (HC_LOGIN_MAX + 2) + 8] = "", count[32];
	size_t without = 0, used = 0;

	for (size_t i = 0; i < logins->count; i++) {
		if (has_credential(doctor, logins->names[i].text))
			continue;
		if (without < NAMES_SHOWN) {
			int step = snprintf(names + used, sizeof(names) - used, "%s%s",
					    without == 0 ? "" : ", ", logins->names[i].text);

			used += step > 0 ? (size_t)step : 0;
		}
		without++;
	}
	if (without > NAMES_SHOWN)
		(void)snprintf(names + used, sizeof(names) - used, ", …");
	(void)snprintf(count, sizeof(count), "%zu", without);
	if (without > 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "persons", "ctl.doctor.persons.without",
			      HC_ARGS(count, names));
	else if (logins->count > 0)
		hc_doctor_say(doctor, HC_DOCTOR_OK, "persons", "ctl.doctor.persons.ok", NULL);
}

static void check_persons(struct hc_doctor *doctor)
{
	HC_AUTO(msg) request = NULL;
	struct logins logins = {.names = calloc(LOGINS_MAX, sizeof(*logins.names))};
	struct hc_reply reply;
	enum hc_err err = logins.names == NULL ? HC_ERR_NOMEM : HC_OK;

	if (err == HC_OK)
		err = hc_request_new(&doctor->ctl, HC_MSG_USER_LIST, &request);
	if (err == HC_OK)
		err = hc_request_send(&doctor->ctl, request, take_login, &logins, &reply);
	if (err == HC_OK && logins.count == 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "persons", "ctl.doctor.persons.none", NULL);
	else if (err == HC_OK)
		judge_logins(doctor, &logins);
	else
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "persons", "ctl.doctor.broker.silent",
			      HC_ARGS(doctor->ctl.socket, hc_strerror(err)));
	free(logins.names);
}

void hc_doctor_broker(struct hc_doctor *doctor)
{
	if (strcmp(doctor->settings.socket, HC_RUN_DIR "/auth.sock") != 0)
		hc_doctor_say(doctor, HC_DOCTOR_WARNING, "auth_socket", "ctl.doctor.socket.elsewhere",
			      HC_ARGS(doctor->settings.socket, HC_RUN_DIR "/auth.sock"));
	hc_doctor_socket(doctor, &doctor->broker, "auth_socket", doctor->settings.socket, false);
	hc_doctor_socket(doctor, &doctor->broker, "admin_socket", doctor->ctl.socket, true);
	if (check_status(doctor))
		check_persons(doctor);
}
