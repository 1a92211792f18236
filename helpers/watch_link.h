/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_WATCH_LINK_H
#define HC_WATCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * The operation WATCH, as far as it is the same for keys and cards: what DEVICE_START says, and the messages. It lasts
 * until the device has left, which is DEVICE_DONE, or until nobody wants to know any more.
 */
#define HC_WATCH_PATH_MAX 255

struct hc_watch_request {
	char path[HC_WATCH_PATH_MAX + 1]; /* a key's node, a card's reader */
	uint8_t atr[HC_DEVICE_ATR_MAX];
	size_t atr_len; /* 0: no card */
	bool has_instance;
	uint64_t instance; /* another number: the device was taken out meanwhile */
};

/* hc_watch_is_asked: whether msg is a DEVICE_START for WATCH, well-formed or not. */
bool hc_watch_is_asked(const struct hc_msg *msg);

/* hc_watch_parse: reads it. HC_ERR_PROTOCOL, with ret_request untouched, for whatever docs/PROTOCOL.broker.md does not allow. */
HC_CHECK enum hc_err hc_watch_parse(const struct hc_msg *msg, bool card,
				    struct hc_watch_request *ret_request);

/* What was heard on the link. */
enum hc_watch_word { HC_WATCH_NOTHING, HC_WATCH_CANCEL, HC_WATCH_CLOSED };

/* hc_watch_hear: what there is to read; a surprise is the end of the link. Does not block. */
enum hc_watch_word hc_watch_hear(int link);

/* hc_watch_say_here: the device is there, and watched from now on. False: the link has ended. */
bool hc_watch_say_here(int link, uint64_t instance);
/* hc_watch_say_left: it has left; why is for logs. Static or borrowed. */
bool hc_watch_say_left(int link, const char *why);
/* hc_watch_say_cancelled: as the broker wished. */
bool hc_watch_say_cancelled(int link);

/*
 * hc_watch_slept: whether the machine slept since the last call: time since boot went on, and the time that programs
 * see did not. Zero-initialised: no.
 */
struct hc_watch_sleep {
	bool started;
	int64_t ahead_ms;
};
#define HC_WATCH_SLEEP_MS 500
bool hc_watch_slept(struct hc_watch_sleep *sleep, int64_t boot_ms, int64_t mono_ms);
/* hc_watch_slept_now: the same with the system's clocks. */
bool hc_watch_slept_now(struct hc_watch_sleep *sleep);

#endif
