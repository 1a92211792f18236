/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd-logind, asked over the system bus from the broker's own loop.
 *
 * State: one connection, made when it is first needed and made anew when it was lost, and the open questions. Threats: a
 * bus that is away, or a logind that hangs (each question has two seconds and an end), names and numbers in an answer
 * that are none (typed here, once). Nothing may wait: a sign-in must not notice that there is no bus. It must never
 * call back for a question that was dropped.
 */
#include "logind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "hospiconnect/log.h"

#define LOGIN1	     "org.freedesktop.login1"
#define MANAGER	     LOGIN1 ".Manager"
#define MANAGER_PATH "/org/freedesktop/login1"
#define ANSWER_US    2000000
#define AGAIN_US     2000000
#define ACCURACY_US  20000

struct hc_logind_call {
	struct hc_logind *logind;
	struct hc_logind_call *next;
	sd_bus_slot *slot;
	hc_logind_fn fn;
	void *ctx;
};

struct hc_logind {
	sd_event *event;
	int64_t priority;
	hc_logind_ended_fn ended;
	void *ctx;
	sd_bus *bus; /* NULL: not connected */
	sd_event_source *again;
	struct hc_logind_call *first; /* owned */
	bool told;		      /* that there is no bus */
};

enum hc_err hc_logind_new(sd_event *event, int64_t priority, hc_logind_ended_fn ended, void *ctx,
			  struct hc_logind **ret_logind)
{
	struct hc_logind *logind = calloc(1, sizeof(*logind));

	if (logind == NULL)
		return HC_ERR_NOMEM;
	*logind = (struct hc_logind){.event = event, .priority = priority, .ended = ended, .ctx = ctx};
	*ret_logind = logind;
	return HC_OK;
}

void hc_logind_drop(struct hc_logind_call **call)
{
	struct hc_logind_call *dropped;

	if (call == NULL || *call == NULL)
		return;
	dropped = hc_steal_ptr(call);
	struct hc_logind_call **at = &dropped->logind->first;

	while (*at != NULL && *at != dropped)
		at = &(*at)->next;
	if (*at != NULL)
		*at = dropped->next;
	(void)sd_bus_slot_unref(dropped->slot); /* gives NULL back */
	free(dropped);
}

static void answer(struct hc_logind_call *call, enum hc_logind_answer what,
		   const struct hc_logind_session *session)
{
	const hc_logind_fn fn = call->fn;
	void *ctx = call->ctx;

	hc_logind_drop(&call);
	fn(what, session, ctx);
}

static void disconnect(struct hc_logind *logind)
{
	(void)sd_bus_detach_event(logind->bus); /* these fail for one that is closed already */
	sd_bus_close(logind->bus);
	logind->bus = sd_bus_unref(logind->bus);
}

void hc_logind_free(struct hc_logind **logind)
{
	if (logind == NULL || *logind == NULL)
		return;
	while ((*logind)->first != NULL) {
		struct hc_logind_call *call = (*logind)->first;

		hc_logind_drop(&call);
	}
	(void)sd_event_source_disable_unref((*logind)->again); /* gives NULL back */
	if ((*logind)->bus != NULL)
		disconnect(*logind);
	free(*logind);
	*logind = NULL;
}

bool hc_logind_is_there(const struct hc_logind *logind)
{
	return logind->bus != NULL && sd_bus_is_ready(logind->bus) > 0;
}

/* ---- the connection ---- */

static bool connect_bus(struct hc_logind *logind);

static int on_again(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_logind *logind = ctx;

	(void)source; /* the same as logind->again */
	(void)usec;
	if (logind->bus == NULL && !connect_bus(logind))
		return sd_event_source_set_time_relative(logind->again, AGAIN_US) >= 0 &&
				       sd_event_source_set_enabled(logind->again, SD_EVENT_ONESHOT) >= 0
			       ? 0
			       : -EIO;
	return 0;
}

/* Sessions that end are to be heard of again. */
static void connect_again(struct hc_logind *logind)
{
	(void)sd_event_source_disable_unref(logind->again); /* gives NULL back */
	logind->again = NULL;
	/* Without a timer the next question connects. */
	if (sd_event_add_time_relative(logind->event, &logind->again, CLOCK_MONOTONIC, AGAIN_US, ACCURACY_US,
				       on_again, logind) >= 0)
		(void)sd_event_source_set_priority(logind->again, logind->priority);
}

static int on_disconnected(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	struct hc_logind *logind = ctx;

	(void)message; /* there is nothing in it */
	(void)error;
	hc_log_plain(HC_LOG_NOTICE, "the system bus has gone: sessions cannot be locked until it is back");
	logind->told = true;
	disconnect(logind);
	connect_again(logind);
	return 0;
}

static int on_removed(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	const struct hc_logind *logind = ctx;
	const char *id = NULL, *path = NULL;

	(void)error; /* nobody waits for an answer */
	if (sd_bus_message_read(message, "so", &id, &path) >= 0)
		logind->ended(id, logind->ctx);
	return 0;
}

static bool set_up(struct hc_logind *logind, sd_bus *bus)
{
	return sd_bus_set_method_call_timeout(bus, ANSWER_US) >= 0 &&
	       sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
				   "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
				   logind) >= 0 &&
	       sd_bus_match_signal_async(bus, NULL, LOGIN1, MANAGER_PATH, MANAGER, "SessionRemoved",
					 on_removed, NULL, logind) >= 0 &&
	       sd_bus_attach_event(bus, logind->event, (int)logind->priority) >= 0;
}

/* The socket is connected at once or not at all; what follows on it comes by the loop. */
static bool connect_bus(struct hc_logind *logind)
{
	sd_bus *bus = NULL;
	int result = sd_bus_open_system(&bus);

	if (result >= 0 && !set_up(logind, bus))
		result = -EIO;
	if (result < 0) {
		(void)sd_bus_close_unref(bus); /* gives NULL back */
		if (!logind->told)
			hc_log(HC_LOG_NOTICE,
			       "no system bus: sessions are not locked when a device is taken away",
			       HC_F_TEXT("reason", strerrordesc_np(-result)));
		logind->told = true;
		return false;
	}
	if (logind->told)
		hc_log_plain(HC_LOG_NOTICE, "the system bus is there");
	logind->told = false;
	logind->bus = bus;
	return true;
}

/* ---- questions ---- */

static enum hc_err new_call(struct hc_logind *logind, hc_logind_fn fn, void *ctx,
			    struct hc_logind_call **ret_call)
{
	struct hc_logind_call *call;

	if (logind->bus == NULL && !connect_bus(logind))
		return HC_ERR_AWAY;
	call = calloc(1, sizeof(*call));
	if (call == NULL)
		return HC_ERR_NOMEM;
	*call = (struct hc_logind_call){.logind = logind, .next = logind->first, .fn = fn, .ctx = ctx};
	logind->first = call;
	*ret_call = call;
	return HC_OK;
}

static enum hc_logind_answer meaning(const sd_bus_error *error)
{
	static const struct {
		const char *name;
		enum hc_logind_answer answer;
	} known[] = {
		{LOGIN1 ".NoSuchSession", HC_LOGIND_NO_SESSION},
		{LOGIN1 ".NoSessionForPID", HC_LOGIND_NO_SESSION},
		{SD_BUS_ERROR_UNIX_PROCESS_ID_UNKNOWN, HC_LOGIND_NO_SESSION},
		{"System.Error.ESRCH", HC_LOGIND_NO_SESSION},
		{SD_BUS_ERROR_UNKNOWN_OBJECT, HC_LOGIND_NO_SESSION}, /* it ended between two questions */
		{SD_BUS_ERROR_ACCESS_DENIED, HC_LOGIND_REFUSED},
		{SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, HC_LOGIND_REFUSED},
		{SD_BUS_ERROR_AUTH_FAILED, HC_LOGIND_REFUSED},
	};

	for (size_t i = 0; i < HC_COUNT(known); i++) {
		if (sd_bus_error_has_name(error, known[i].name))
			return known[i].answer;
	}
	return HC_LOGIND_AWAY;
}

/* True: the reply is none, and that was told. */
static bool is_refused(struct hc_logind_call *call, sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	if (error == NULL)
		return false;
	hc_log(HC_LOG_DEBUG, "logind does not do as asked", HC_F_TEXT("error", error->name));
	answer(call, meaning(error), NULL);
	return true;
}

static int read_text(sd_bus_message *reply, char *out, size_t cap)
{
	const char *text = NULL;
	int result = sd_bus_message_read(reply, "v", "s", &text);

	if (result < 0)
		return result;
	return snprintf(out, cap, "%s", text) < (int)cap ? 0 : -EBADMSG;
}

static int read_property(sd_bus_message *reply, struct hc_logind_session *session)
{
	const char *name = NULL;
	char text[HC_LOGIN_MAX + 1] = "";
	uint32_t leader = 0;
	int result = sd_bus_message_read(reply, "s", &name);

	if (result < 0)
		return result;
	if (strcmp(name, "Id") == 0)
		return read_text(reply, session->id, sizeof(session->id));
	if (strcmp(name, "Leader") == 0) {
		result = sd_bus_message_read(reply, "v", "u", &leader);
		session->leader = (pid_t)leader;
		return result;
	}
	if (strcmp(name, "Name") != 0)
		return sd_bus_message_skip(reply, "v");
	result = read_text(reply, text, sizeof(text));
	if (result >= 0 && hc_login_parse(text, strlen(text), &session->name) != HC_OK)
		return -EBADMSG;
	return result;
}

static int read_session(sd_bus_message *reply, struct hc_logind_session *session)
{
	int result = sd_bus_message_enter_container(reply, 'a', "{sv}");

	while (result >= 0 && (result = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		result = read_property(reply, session);
		if (result >= 0)
			result = sd_bus_message_exit_container(reply);
	}
	if (result < 0)
		return result;
	return session->id[0] != '\0' && session->leader > 0 ? 0 : -EBADMSG;
}

static int on_session(sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
	struct hc_logind_call *call = ctx;
	struct hc_logind_session session = {.leader = 0};

	(void)error; /* nobody waits for an answer of ours */
	if (is_refused(call, reply))
		return 0;
	if (read_session(reply, &session) >= 0)
		answer(call, HC_LOGIND_DONE, &session);
	else
		answer(call, HC_LOGIND_NO_SESSION, NULL);
	return 0;
}

static int on_path(sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
	struct hc_logind_call *call = ctx;
	struct hc_logind *logind = call->logind;
	const char *path = NULL;

	(void)error; /* nobody waits for an answer of ours */
	if (is_refused(call, reply))
		return 0;
	call->slot = sd_bus_slot_unref(call->slot);
	if (logind->bus == NULL || sd_bus_message_read(reply, "o", &path) < 0 ||
	    sd_bus_call_method_async(logind->bus, &call->slot, LOGIN1, path,
				     "org.freedesktop.DBus.Properties", "GetAll", on_session, call, "s",
				     LOGIN1 ".Session") < 0)
		answer(call, HC_LOGIND_AWAY, NULL);
	return 0;
}

enum hc_err hc_logind_find(struct hc_logind *logind, pid_t pid, hc_logind_fn fn, void *ctx,
			   struct hc_logind_call **ret_call)
{
	struct hc_logind_call *call = NULL;
	enum hc_err err = new_call(logind, fn, ctx, &call);

	if (err != HC_OK)
		return err;
	if (sd_bus_call_method_async(logind->bus, &call->slot, LOGIN1, MANAGER_PATH, MANAGER,
				     "GetSessionByPID", on_path, call, "u", (uint32_t)pid) < 0) {
		hc_logind_drop(&call);
		return HC_ERR_AWAY;
	}
	*ret_call = call;
	return HC_OK;
}

static int on_ordered(sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
	struct hc_logind_call *call = ctx;

	(void)error; /* nobody waits for an answer of ours */
	if (!is_refused(call, reply))
		answer(call, HC_LOGIND_DONE, NULL);
	return 0;
}

enum hc_err hc_logind_order(struct hc_logind *logind, enum hc_logind_order order, const char *id,
			    hc_logind_fn fn, void *ctx, struct hc_logind_call **ret_call)
{
	const char *method = order == HC_LOGIND_TERMINATE ? "TerminateSession" : "LockSession";
	struct hc_logind_call *call = NULL;
	enum hc_err err = new_call(logind, fn, ctx, &call);

	if (err != HC_OK)
		return err;
	if (sd_bus_call_method_async(logind->bus, &call->slot, LOGIN1, MANAGER_PATH, MANAGER, method,
				     on_ordered, call, "s", id) < 0) {
		hc_logind_drop(&call);
		return HC_ERR_AWAY;
	}
	*ret_call = call;
	return HC_OK;
}
