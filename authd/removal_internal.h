/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REMOVAL_INTERNAL_H
#define HC_REMOVAL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "logind.h"
#include "removal.h"

/* Private to removal.c, removal_act.c and removal_file.c. */
#define HC_REMOVAL_WAITING_MAX 64 /* sign-ins whose session is not open */
#define HC_REMOVAL_PLACE_MAX   255
#define HC_REMOVAL_NAME_MAX    128

enum hc_removal_state { HC_REMOVAL_WAITING, HC_REMOVAL_WATCHING, HC_REMOVAL_LEFT, HC_REMOVAL_LOCKED };

/* Where a device is, and how it is told from another one that is there later. */
struct hc_removal_place {
	enum hc_device_helper helper;
	char path[HC_REMOVAL_PLACE_MAX + 1];
	char label[HC_REMOVAL_NAME_MAX + 1]; /* for the trail: what it says of itself */
	uint8_t atr[HC_DEVICE_ATR_MAX];
	size_t atr_len;
	bool has_instance;
	uint64_t instance;
};

struct hc_removal_watch {
	struct hc_removal *removal;
	struct hc_removal_watch *next;
	enum hc_removal_state state;
	struct hc_login login;
	struct hc_service service;
	struct hc_removal_place place;
	pid_t pid; /* of the program that opened the session */
	int pidfd; /* of the same: another one may get its number; -1: not needed any more */
	char session[HC_SESSION_ID_MAX + 1];	      /* empty: not known yet */
	char expected[HC_SESSION_ID_MAX + 1];	      /* what the broker before this one knew it by */
	struct hc_device *device;		      /* NULL: no helper watches */
	struct hc_logind_call *call;		      /* NULL: nothing is asked */
	struct sd_event_source *timer, *device_timer; /* NULL: none */
	int64_t since_ms;			      /* WAITING: signed in; WATCHING: opened; LEFT: that */
	unsigned helper_failures;
	bool told, recorded; /* LEFT: that it could not be done yet */
};

struct hc_removal {
	const struct hc_authd *authd;
	struct sd_event *event;
	struct hc_devices *devices;
	struct hc_logind *logind;
	struct hc_removal_watch *first; /* owned */
};

/* ---- removal.c ---- */

enum hc_on_removal hc_removal_action(const struct hc_authd *authd, enum hc_device_helper helper);
const char *hc_removal_factor(enum hc_device_helper helper);
/* hc_removal_add: zeroed, in the list; NULL: no memory. */
struct hc_removal_watch *hc_removal_add(struct hc_removal *removal);
/* hc_removal_end: nothing more is watched; frees it. */
void hc_removal_end(struct hc_removal_watch *watch);
/* hc_removal_watch_device: starts the helper, or starts it again in a while. */
void hc_removal_watch_device(struct hc_removal_watch *watch);

/* ---- removal_act.c ---- */

/* hc_removal_resolve: asks which session the program leads, unless that is known or being asked. */
void hc_removal_resolve(struct hc_removal_watch *watch);
/* hc_removal_left: the device has left; the session is locked, or ended, as soon as it can be. */
void hc_removal_left(struct hc_removal_watch *watch, const char *why);

/* ---- removal_file.c ---- */

/* hc_removal_save: what the next broker needs; a failure is logged. */
void hc_removal_save(const struct hc_removal *removal);
/* hc_removal_load: watches of the broker before this one, WATCHING, without helper. */
void hc_removal_load(struct hc_removal *removal);

#endif
