/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logind_stand_in: org.freedesktop.login1 on the system bus that DBUS_SYSTEM_BUS_ADDRESS names, as far as the broker uses
 * it: GetSessionByPID, the sessions' properties, LockSession, TerminateSession, SessionRemoved.
 *
 * Told on stdin, one line each, answered with "ok":
 *   session ID NAME LEADER     that session is there from now on
 *   remove ID                  it has ended
 *   allow UID                  only that user may lock and terminate (as polkit would say); all without it
 *   deaf | hears               LockSession and TerminateSession are not answered, or are again
 * Says "ready", then each order as it comes: "LockSession ID MONOTONIC_MS UID done|refused|unknown|ignored".
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define LOGIN1	     "org.freedesktop.login1"
#define SESSIONS_MAX 64

struct session {
	char id[65], name[65], path[160];
	uint32_t leader;
	sd_bus_slot *slot;
};

static struct session sessions[SESSIONS_MAX]; /* free: no id */
static sd_bus *bus;
static sd_event *loop;
static long allowed = -1;
static bool deaf;

static struct session *find(const char *id)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		if (strcmp(sessions[i].id, id) == 0)
			return &sessions[i];
	}
	return NULL;
}

static int get_id(sd_bus *on, const char *path, const char *interface, const char *property,
		  sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
	const struct session *session = ctx;

	(void)on, (void)path, (void)interface, (void)error; /* there is one object a session */
	return sd_bus_message_append(reply, "s", strcmp(property, "Id") == 0 ? session->id : session->name);
}

static int get_leader(sd_bus *on, const char *path, const char *interface, const char *property,
		      sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
	const struct session *session = ctx;

	(void)on, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "u", session->leader);
}

static const sd_bus_vtable session_table[] = {
	SD_BUS_VTABLE_START(0), SD_BUS_PROPERTY("Id", "s", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Name", "s", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Leader", "u", get_leader, 0, SD_BUS_VTABLE_PROPERTY_CONST), SD_BUS_VTABLE_END};

static int by_pid(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	uint32_t pid = 0;

	(void)ctx; /* there is one manager */
	if (sd_bus_message_read(message, "u", &pid) < 0)
		return -EINVAL;
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		if (sessions[i].id[0] != '\0' && sessions[i].leader == pid)
			return sd_bus_reply_method_return(message, "o", sessions[i].path);
	}
	/* A program inside of a session is told that session's: "inner" is led by another process. */
	if (find("inner") != NULL)
		return sd_bus_reply_method_return(message, "o", find("inner")->path);
	return sd_bus_error_setf(error, LOGIN1 ".NoSessionForPID", "PID %u does not belong to any session",
				 pid);
}

static long uid_of(sd_bus_message *message)
{
	sd_bus_creds *creds = NULL;
	uid_t uid = (uid_t)-1;

	if (sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds) >= 0)
		(void)sd_bus_creds_get_euid(creds, &uid); /* refused then */
	(void)sd_bus_creds_unref(creds);		  /* gives NULL back */
	return (long)uid;
}

static int order(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	const char *id = NULL, *outcome = "done";
	struct timespec now = {0};
	long uid = uid_of(message);

	(void)ctx; /* there is one manager */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (sd_bus_message_read(message, "s", &id) < 0)
		return -EINVAL;
	if (deaf)
		outcome = "ignored";
	else if (find(id) == NULL)
		outcome = "unknown";
	else if (allowed >= 0 && uid != allowed)
		outcome = "refused";
	(void)printf("%s %s %lld %ld %s\n", sd_bus_message_get_member(message), id,
		     (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, uid, outcome);
	if (deaf)
		return 1;
	if (strcmp(outcome, "unknown") == 0)
		return sd_bus_error_setf(error, LOGIN1 ".NoSuchSession", "No session '%s' known", id);
	if (strcmp(outcome, "refused") == 0)
		return sd_bus_error_set(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
					"Interactive authentication required.");
	return sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable manager_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("GetSessionByPID", "u", "o", by_pid, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("LockSession", "s", NULL, order, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("TerminateSession", "s", NULL, order, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("SessionRemoved", "so", 0),
	SD_BUS_VTABLE_END};

/* ---- what it is told ---- */

static bool add(const char *id, const char *name, const char *leader)
{
	struct session *session = find("");

	if (session == NULL || id == NULL || name == NULL || leader == NULL)
		return false;
	(void)snprintf(session->id, sizeof(session->id), "%s", id);
	(void)snprintf(session->name, sizeof(session->name), "%s", name);
	(void)snprintf(session->path, sizeof(session->path), "/org/freedesktop/login1/session/%s", id);
	session->leader = (uint32_t)strtoul(leader, NULL, 10);
	return sd_bus_add_object_vtable(bus, &session->slot, session->path, LOGIN1 ".Session", session_table,
					session) >= 0;
}

static bool take_away(const char *id)
{
	struct session *session = id != NULL && id[0] != '\0' ? find(id) : NULL;
	char path[160];

	if (session == NULL)
		return false;
	(void)snprintf(path, sizeof(path), "%s", session->path);
	session->slot = sd_bus_slot_unref(session->slot);
	session->id[0] = '\0';
	return sd_bus_emit_signal(bus, "/org/freedesktop/login1", LOGIN1 ".Manager", "SessionRemoved", "so",
				  id, path) >= 0;
}

/* The next word of the line, which is cut behind it; NULL: there is none. */
static const char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \n");
	size_t len = strcspn(word, " \n");

	if (len == 0)
		return NULL;
	*at = word + len;
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

static bool obey(char *line)
{
	const char *word = next_word(&line), *first = next_word(&line);
	const char *second = next_word(&line), *third = next_word(&line);

	if (word == NULL)
		return false;
	if (strcmp(word, "session") == 0)
		return add(first, second, third);
	if (strcmp(word, "remove") == 0)
		return take_away(first);
	if (strcmp(word, "allow") == 0 && first != NULL)
		allowed = strtol(first, NULL, 10);
	else if (strcmp(word, "deaf") == 0 || strcmp(word, "hears") == 0)
		deaf = word[0] == 'd';
	else
		return false;
	return true;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	char line[256];
	ssize_t len = read(fd, line, sizeof(line) - 1);

	(void)source, (void)revents, (void)ctx; /* read says what there is */
	if (len <= 0)
		return sd_event_exit(loop, 0);
	line[len] = '\0'; /* one line at a time: each is waited for */
	(void)printf("%s\n", obey(line) ? "ok" : "error");
	return 0;
}

int main(void)
{
	if (setvbuf(stdout, NULL, _IOLBF, 0) != 0 || sd_event_new(&loop) < 0 ||
	    sd_bus_open_system(&bus) < 0 ||
	    sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/login1", LOGIN1 ".Manager", manager_table,
				     NULL) < 0 ||
	    sd_bus_request_name(bus, LOGIN1, 0) < 0 || sd_bus_attach_event(bus, loop, 0) < 0 ||
	    sd_event_add_io(loop, NULL, STDIN_FILENO, 1 /* EPOLLIN */, on_input, NULL) < 0)
		return 1;
	(void)printf("ready\n");
	return sd_event_loop(loop) < 0 ? 1 : 0;
}
