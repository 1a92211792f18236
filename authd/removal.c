/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that a card or key opened: from the sign-in to the end of the session.
 *
 * State: one watch a session, and the sign-ins whose session is not open yet. Threats: a program that opens a session which
 * it did not sign in (the process must be the same one that did, by a descriptor and not by its number alone), a person at
 * another machine (has no device here), a flood of sign-ins (bounded), a helper that dies (started again; its device must
 * be the same and must not have been taken out meanwhile). It must never lock or end a session that was not opened by the
 * device which has left, and never keep one open in silence.
 */
#include "removal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "factor.h"
#include "hello.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/log.h"
#include "loop.h"
#include "removal_internal.h"

#define MS_PER_S     1000
#define US_PER_S     1000000u
#define ACCURACY_US  20000
#define AGAIN_US     200000u /* before a helper that broke down is started again */
#define FAILURES_MAX 5	     /* in a row, without having seen the device */

enum hc_on_removal hc_removal_action(const struct hc_authd *authd, enum hc_device_helper helper)
{
	return (enum hc_on_removal)(helper == HC_HELPER_PKCS11 ? authd->config->cps.on_removal
							       : authd->config->fido.on_removal);
}

const char *hc_removal_factor(enum hc_device_helper helper)
{
	return helper == HC_HELPER_PKCS11 ? "cps" : "fido2";
}

/* ---- the list ---- */

struct hc_removal_watch *hc_removal_add(struct hc_removal *removal)
{
	struct hc_removal_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->removal = removal;
	watch->pidfd = -1;
	watch->next = removal->first;
	removal->first = watch;
	return watch;
}

static void let_go_of_device(struct hc_removal_watch *watch)
{
	(void)sd_event_source_disable_unref(watch->device_timer); /* gives NULL back */
	watch->device_timer = NULL;
	hc_device_drop(&watch->device);
}

static void take_down(struct hc_removal_watch *watch)
{
	let_go_of_device(watch);
	hc_logind_drop(&watch->call);
	(void)sd_event_source_disable_unref(watch->timer); /* gives NULL back */
	if (watch->pidfd >= 0)
		(void)close(watch->pidfd); /* it was read only */
	free(watch);
}

void hc_removal_end(struct hc_removal_watch *watch)
{
	struct hc_removal *removal = watch->removal;
	struct hc_removal_watch **at = &removal->first;
	bool saved = watch->state != HC_REMOVAL_WAITING;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	take_down(watch);
	if (saved)
		hc_removal_save(removal);
}

static unsigned count(const struct hc_removal *removal, bool waiting)
{
	unsigned found = 0;

	for (const struct hc_removal_watch *at = removal->first; at != NULL; at = at->next)
		found += (at->state == HC_REMOVAL_WAITING) == waiting;
	return found;
}

unsigned hc_removal_count(const struct hc_removal *removal, bool *ret_bus)
{
	*ret_bus = removal != NULL && hc_logind_is_there(removal->logind);
	return removal != NULL ? count(removal, false) : 0;
}

static void on_ended(const char *id, void *ctx)
{
	struct hc_removal *removal = ctx;
	struct hc_removal_watch *next = NULL;

	for (struct hc_removal_watch *watch = removal->first; watch != NULL; watch = next) {
		next = watch->next;
		if (strcmp(watch->session, id) == 0)
			hc_removal_end(watch);
	}
}

/* ---- the device ---- */

static int on_device_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_removal_watch *watch = ctx;

	(void)source; /* the same as watch->device_timer */
	(void)usec;
	hc_removal_watch_device(watch);
	return 0;
}

/* A device that nobody can look at is not known to be there. */
static void helper_failed(struct hc_removal_watch *watch, const char *why)
{
	hc_log(HC_LOG_WARNING, "a device is not watched", HC_F_TEXT("user", watch->login.text),
	       HC_F_TEXT("device", watch->place.path), HC_F_TEXT("reason", why));
	(void)sd_event_source_disable_unref(watch->device_timer); /* gives NULL back */
	watch->device_timer = NULL;
	if (++watch->helper_failures > FAILURES_MAX ||
	    sd_event_add_time_relative(watch->removal->event, &watch->device_timer, CLOCK_MONOTONIC, AGAIN_US,
				       ACCURACY_US, on_device_timer, watch) < 0)
		hc_removal_left(watch, "it cannot be watched");
}

static void on_device(const struct hc_msg *msg, void *ctx)
{
	struct hc_removal_watch *watch = ctx;
	char why[HC_REMOVAL_PLACE_MAX + 1] = "it has left";

	if (msg->type == HC_MSG_DEVICE_WAIT) {
		/* What it is counted by may have begun anew. */
		if (hc_msg_u64(msg, HC_FIELD_DEVICE_INSTANCE, &watch->place.instance) == HC_OK)
			watch->place.has_instance = true;
		watch->helper_failures = 0;
		return;
	}
	watch->device = NULL; /* it is gone */
	if (msg->type == HC_MSG_DEVICE_DONE) {
		(void)!hc_msg_text(msg, HC_FIELD_DETAIL, why, sizeof(why)); /* may be absent */
		hc_removal_left(watch, why);
	} else {
		helper_failed(watch, "its helper broke down");
	}
}

void hc_removal_watch_device(struct hc_removal_watch *watch)
{
	const struct hc_removal_place *place = &watch->place;
	HC_AUTO(msg) start = NULL;
	enum hc_err err = hc_msg_new(&start);

	if (err == HC_OK) {
		hc_msg_init(start, HC_MSG_DEVICE_START);
		hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_WATCH);
		hc_msg_put_text(start, HC_FIELD_DEVICE_PATH, place->path);
		if (place->atr_len > 0)
			hc_msg_put_bytes(start, HC_FIELD_ATR, place->atr, place->atr_len);
		if (place->has_instance)
			hc_msg_put_u64(start, HC_FIELD_DEVICE_INSTANCE, place->instance);
		err = hc_device_start(watch->removal->devices, place->helper, start, on_device, watch,
				      &watch->device);
	}
	if (err != HC_OK)
		helper_failed(watch, hc_strerror(err));
}

/* False: the helper did not say where it is, so that nothing can be watched. */
static bool read_place(const struct hc_msg *done, enum hc_device_helper helper,
		       struct hc_removal_place *place)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	*place = (struct hc_removal_place){.helper = helper};
	if (hc_msg_text(done, HC_FIELD_DEVICE_PATH, place->path, sizeof(place->path)) != HC_OK)
		return false;
	(void)!hc_msg_text(done, HC_FIELD_LABEL, place->label, sizeof(place->label)); /* may be absent */
	place->has_instance = hc_msg_u64(done, HC_FIELD_DEVICE_INSTANCE, &place->instance) == HC_OK;
	if (helper != HC_HELPER_PKCS11)
		return true;
	if (hc_msg_bytes(done, HC_FIELD_ATR, &view, &len) != HC_OK || len == 0 || len > sizeof(place->atr))
		return false;
	memcpy(place->atr, view, len);
	place->atr_len = len;
	return true;
}

/* ---- what the conversations tell ---- */

/* Whose device left, and is there again with a PIN: it is this device from now on whose removal counts. */
static void go_on_watching(struct hc_removal *removal, const struct hc_login *login,
			   const struct hc_removal_place *place)
{
	bool changed = false;

	for (struct hc_removal_watch *watch = removal->first; watch != NULL; watch = watch->next) {
		if ((watch->state != HC_REMOVAL_LOCKED && watch->state != HC_REMOVAL_LEFT) ||
		    strcmp(watch->login.text, login->text) != 0)
			continue;
		let_go_of_device(watch);
		(void)sd_event_source_disable_unref(watch->timer); /* gives NULL back */
		watch->timer = NULL;
		hc_logind_drop(&watch->call);
		watch->place = *place;
		watch->state = HC_REMOVAL_WATCHING;
		watch->since_ms = hc_mono_ms(removal->authd->clock);
		watch->told = false;
		watch->recorded = false;
		watch->helper_failures = 0;
		changed = true;
		hc_removal_watch_device(watch);
	}
	if (changed)
		hc_removal_save(removal);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source; /* the same as its timer */
	(void)usec;
	hc_removal_end(
		ctx); /* no session came of it: a password asked for again, an administrator's command */
	return 0;
}

/* One sign-in a process; the oldest one makes room. */
static void make_room(struct hc_removal *removal, pid_t pid)
{
	struct hc_removal_watch *next = NULL, *oldest = NULL;

	for (struct hc_removal_watch *watch = removal->first; watch != NULL; watch = next) {
		next = watch->next;
		if (watch->state != HC_REMOVAL_WAITING)
			continue;
		if (watch->pid == pid)
			hc_removal_end(watch);
		else
			oldest = watch;
	}
	if (oldest != NULL && count(removal, true) >= HC_REMOVAL_WAITING_MAX)
		hc_removal_end(oldest);
}

static void await_session(struct hc_removal *removal, const struct hc_caller *caller,
			  const struct hc_hello *hello, const struct hc_removal_place *place)
{
	struct hc_removal_watch *watch;

	make_room(removal, caller->pid);
	watch = hc_removal_add(removal);
	if (watch == NULL) {
		hc_log_plain(HC_LOG_WARNING, "no memory to watch for the removal of a device");
		return;
	}
	watch->state = HC_REMOVAL_WAITING;
	watch->login = hello->login;
	watch->service = hello->service;
	watch->place = *place;
	watch->pid = caller->pid;
	watch->pidfd = pidfd_open(caller->pid, 0); /* while it waits for our answer, the number is its own */
	watch->since_ms = hc_mono_ms(removal->authd->clock);
	if (watch->pidfd >= 0 && sd_event_add_time_relative(removal->event, &watch->timer, CLOCK_MONOTONIC,
							    (uint64_t)HC_REMOVAL_WAIT_S * US_PER_S, US_PER_S,
							    on_waited, watch) >= 0)
		return;
	hc_log(HC_LOG_WARNING, "a session will not be watched: the system refuses what it takes",
	       HC_F_TEXT("user", hello->login.text));
	hc_removal_end(watch);
}

void hc_removal_signed_in(struct hc_removal *removal, const struct hc_caller *caller,
			  const struct hc_hello *hello, const struct hc_factor_ops *factor,
			  enum hc_device_helper helper, const struct hc_msg *done)
{
	struct hc_removal_place place;

	if (removal == NULL || hello->remote || hello->request != HC_REQUEST_AUTHENTICATE ||
	    hello->mode != HC_MODE_PRIMARY || !hello->login_valid ||
	    hc_removal_action(removal->authd, helper) == HC_ON_REMOVAL_NOTHING)
		return;
	if (!read_place(done, helper, &place)) {
		hc_log(HC_LOG_WARNING, "nobody knows where the device is: its removal cannot be noticed",
		       HC_F_TEXT("user", hello->login.text), HC_F_TEXT("factor", factor->name));
		return;
	}
	go_on_watching(removal, &hello->login, &place);
	if (caller->kind == HC_CALLER_ROOT)
		await_session(removal, caller, hello, &place);
}

static bool is_of(const struct hc_removal_watch *watch, const struct hc_caller *caller,
		  const struct hc_hello *hello)
{
	return watch->pid == caller->pid && caller->kind == HC_CALLER_ROOT && hello->login_valid &&
	       strcmp(watch->login.text, hello->login.text) == 0;
}

void hc_removal_session_opened(struct hc_removal *removal, const struct hc_caller *caller,
			       const struct hc_hello *hello)
{
	struct hc_removal_watch *watch = removal != NULL ? removal->first : NULL;

	while (watch != NULL && !(watch->state == HC_REMOVAL_WAITING && is_of(watch, caller, hello)))
		watch = watch->next;
	if (watch == NULL)
		return;
	if (count(removal, false) >= HC_DEVICES_WATCHES) {
		hc_log(HC_LOG_WARNING, "too many sessions are watched: this one is not",
		       HC_F_TEXT("user", hello->login.text));
		hc_removal_end(watch);
		return;
	}
	(void)sd_event_source_disable_unref(watch->timer); /* gives NULL back */
	watch->timer = NULL;
	watch->state = HC_REMOVAL_WATCHING;
	watch->since_ms = hc_mono_ms(removal->authd->clock);
	hc_removal_resolve(watch);
	hc_removal_watch_device(watch);
}

void hc_removal_session_closed(struct hc_removal *removal, const struct hc_caller *caller,
			       const struct hc_hello *hello)
{
	struct hc_removal_watch *next = NULL;

	for (struct hc_removal_watch *watch = removal != NULL ? removal->first : NULL; watch != NULL;
	     watch = next) {
		next = watch->next;
		if (is_of(watch, caller, hello))
			hc_removal_end(watch);
	}
}

/* ---- life ---- */

enum hc_err hc_removal_new(const struct hc_authd *authd, sd_event *event, struct hc_devices *devices,
			   struct hc_removal **ret_removal)
{
	HC_AUTO(removal) removal = calloc(1, sizeof(*removal));
	enum hc_err err;

	if (removal == NULL)
		return HC_ERR_NOMEM;
	*removal = (struct hc_removal){.authd = authd, .event = event, .devices = devices};
	err = hc_logind_new(event, HC_PRIORITY_ROOT, on_ended, removal, &removal->logind);
	if (err != HC_OK)
		return err;
	hc_removal_load(removal);
	for (struct hc_removal_watch *watch = removal->first; watch != NULL; watch = watch->next) {
		hc_removal_resolve(watch);
		hc_removal_watch_device(watch);
	}
	*ret_removal = hc_steal_ptr(&removal);
	return HC_OK;
}

void hc_removal_free(struct hc_removal **removal)
{
	if (removal == NULL || *removal == NULL)
		return;
	while ((*removal)->first != NULL) {
		struct hc_removal_watch *watch = (*removal)->first;

		(*removal)->first = watch->next;
		take_down(watch); /* what is on disk stays there, for the next broker */
	}
	hc_logind_free(&(*removal)->logind);
	free(*removal);
	*removal = NULL;
}
