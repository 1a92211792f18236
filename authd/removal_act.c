/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which session a program leads, and locking or ending it.
 *
 * State: the watch's: the question that is open, since when its device has left. Threats: a process whose number another
 * one has by now (its descriptor says that it has ended, and logind that the session is somebody else's, or led by another
 * process), a program that signs somebody in inside of a session of his (that session was opened by something else), a bus
 * that is away (tried again, told and recorded). Nothing here frees a watch before it has returned to the loop.
 */
#include "removal_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "audit.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/log.h"

#define US_PER_MS      1000u
#define ACCURACY_US    20000
#define RESOLVE_MS     500   /* between two questions for a session that is not there yet */
#define RESOLVE_FOR_MS 30000 /* after that, again when the device has left */
#define ACT_MS	       250
#define ACT_SLOW_MS    5000
#define SLOW_AFTER_MS  10000
#define RECORD_MS      2000 /* from there on it is a failure to be recorded */
#define GIVE_UP_MS     600000

static int64_t age_ms(const struct hc_removal_watch *watch)
{
	return hc_mono_ms(watch->removal->authd->clock) - watch->since_ms;
}

static bool has_ended(const struct hc_removal_watch *watch)
{
	struct pollfd ended = {.fd = watch->pidfd, .events = POLLIN};

	return watch->pidfd >= 0 && poll(&ended, 1, 0) > 0;
}

/* ---- the trail ---- */

static void record(struct hc_removal_watch *watch, bool success, const char *what)
{
	const struct hc_removal_place *place = &watch->place;
	char detail[HC_SESSION_ID_MAX + HC_REMOVAL_PLACE_MAX + HC_REMOVAL_NAME_MAX + 128];
	const struct hc_audit_entry entry = {.event = HC_AUDIT_DEVICE_REMOVED,
					     .success = success,
					     .login = watch->login.text,
					     .factor = hc_removal_factor(place->helper),
					     .service = watch->service.text,
					     .actor = "broker",
					     .detail = detail};

	(void)snprintf(detail, sizeof(detail), "session %s %s; device %s%s%s",
		       watch->session[0] != '\0' ? watch->session : "unknown", what, place->path,
		       place->label[0] != '\0' ? ": " : "", place->label); /* fits */
	hc_log(success ? HC_LOG_NOTICE : HC_LOG_ERROR, "a device was taken away",
	       HC_F_TEXT("user", watch->login.text), HC_F_TEXT("detail", detail));
	if (hc_audit_note(watch->removal->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "the removal of a device could not be recorded");
}

/* ---- again, later ---- */

static void act(struct hc_removal_watch *watch);

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_removal_watch *watch = ctx;

	(void)source; /* the same as watch->timer */
	(void)usec;
	if (watch->state == HC_REMOVAL_LEFT)
		act(watch);
	else
		hc_removal_resolve(watch);
	return 0;
}

static void again(struct hc_removal_watch *watch, int64_t in_ms)
{
	(void)sd_event_source_disable_unref(watch->timer); /* gives NULL back */
	watch->timer = NULL;
	if (sd_event_add_time_relative(watch->removal->event, &watch->timer, CLOCK_MONOTONIC,
				       (uint64_t)in_ms * US_PER_MS, ACCURACY_US, on_timer, watch) >= 0)
		return;
	hc_log(HC_LOG_ERROR, "no memory: a session is not looked after any more",
	       HC_F_TEXT("user", watch->login.text));
}

/* It was not done. Whoever reads logs is told once, the trail once. */
static void act_again(struct hc_removal_watch *watch, const char *why)
{
	const int64_t ms = age_ms(watch);
	char what[128];

	(void)snprintf(what, sizeof(what), "NOT secured: %s", why); /* fits */
	if (!watch->told)
		hc_log(HC_LOG_WARNING, "a device was taken away, and the session is not secured yet",
		       HC_F_TEXT("user", watch->login.text), HC_F_TEXT("session", watch->session),
		       HC_F_TEXT("reason", why));
	watch->told = true;
	if (ms >= RECORD_MS && !watch->recorded) {
		watch->recorded = true;
		record(watch, false, what);
	}
	if (ms < GIVE_UP_MS) {
		again(watch, ms < SLOW_AFTER_MS ? ACT_MS : ACT_SLOW_MS);
		return;
	}
	record(watch, false, "NOT secured, and not tried again");
	watch->state =
		HC_REMOVAL_LOCKED; /* as far as we go; the next sign-in with a device looks after it again */
}

/* ---- which session ---- */

/* Whether it is the one that this program opened for this person. */
static bool is_its_own(const struct hc_removal_watch *watch, const struct hc_logind_session *session)
{
	return session->leader == watch->pid && !has_ended(watch) &&
	       strcmp(session->name.text, watch->login.text) == 0 &&
	       (watch->expected[0] == '\0' || strcmp(session->id, watch->expected) == 0);
}

static void take_session(struct hc_removal_watch *watch, const struct hc_logind_session *session)
{
	if (!is_its_own(watch, session)) {
		hc_log(HC_LOG_DEBUG, "no session of its own: not watched",
		       HC_F_TEXT("user", watch->login.text), HC_F_TEXT("session", session->id));
		hc_removal_end(watch);
		return;
	}
	memcpy(watch->session, session->id, sizeof(watch->session));
	if (watch->pidfd >= 0)
		(void)close(watch->pidfd); /* it was read only */
	watch->pidfd = -1;
	hc_log(HC_LOG_DEBUG, "session is watched", HC_F_TEXT("user", watch->login.text),
	       HC_F_TEXT("session", watch->session), HC_F_TEXT("device", watch->place.path));
	hc_removal_save(watch->removal);
	if (watch->state == HC_REMOVAL_LEFT)
		act(watch);
}

static void resolve_later(struct hc_removal_watch *watch, enum hc_logind_answer answer)
{
	if (watch->state == HC_REMOVAL_LEFT)
		act_again(watch, answer == HC_LOGIND_NO_SESSION ? "logind knows no such session"
								: "logind does not answer");
	else if (age_ms(watch) < RESOLVE_FOR_MS)
		again(watch, RESOLVE_MS);
}

static void on_session(enum hc_logind_answer answer, const struct hc_logind_session *session, void *ctx)
{
	struct hc_removal_watch *watch = ctx;

	watch->call = NULL;
	if (answer == HC_LOGIND_DONE)
		take_session(watch, session);
	else if (answer == HC_LOGIND_NO_SESSION && (has_ended(watch) || watch->expected[0] != '\0'))
		hc_removal_end(watch); /* whatever it was, it is over */
	else
		resolve_later(watch, answer);
}

void hc_removal_resolve(struct hc_removal_watch *watch)
{
	if (watch->session[0] != '\0' || watch->call != NULL)
		return;
	if (hc_logind_find(watch->removal->logind, watch->pid, on_session, watch, &watch->call) != HC_OK)
		resolve_later(watch, HC_LOGIND_AWAY);
}

/* ---- what is done about it ---- */

static void on_done(enum hc_logind_answer answer, const struct hc_logind_session *session, void *ctx)
{
	struct hc_removal_watch *watch = ctx;
	bool logout = hc_removal_action(watch->removal->authd, watch->place.helper) == HC_ON_REMOVAL_LOGOUT;

	(void)session; /* none for an order */
	watch->call = NULL;
	switch (answer) {
	case HC_LOGIND_DONE:
		record(watch, true, logout ? "ended" : "locked");
		watch->state = HC_REMOVAL_LOCKED;
		hc_removal_save(watch->removal);
		break;
	case HC_LOGIND_NO_SESSION:
		record(watch, true, "had ended");
		hc_removal_end(watch);
		break;
	case HC_LOGIND_REFUSED:
		act_again(watch, "logind refuses it to the broker: polkit's rule is missing");
		break;
	case HC_LOGIND_AWAY:
		act_again(watch, "logind does not answer");
		break;
	}
}

static void act(struct hc_removal_watch *watch)
{
	bool logout = hc_removal_action(watch->removal->authd, watch->place.helper) == HC_ON_REMOVAL_LOGOUT;

	if (watch->call != NULL)
		return; /* its answer leads here again */
	if (watch->session[0] == '\0') {
		hc_removal_resolve(watch);
		return;
	}
	if (hc_logind_order(watch->removal->logind, logout ? HC_LOGIND_TERMINATE : HC_LOGIND_LOCK,
			    watch->session, on_done, watch, &watch->call) != HC_OK)
		act_again(watch, "there is no system bus");
}

void hc_removal_left(struct hc_removal_watch *watch, const char *why)
{
	hc_log(HC_LOG_INFO, "a device has left", HC_F_TEXT("user", watch->login.text),
	       HC_F_TEXT("session", watch->session), HC_F_TEXT("device", watch->place.path),
	       HC_F_TEXT("reason", why));
	watch->state = HC_REMOVAL_LEFT;
	watch->since_ms = hc_mono_ms(watch->removal->authd->clock);
	act(watch);
}
