/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What WATCH is for keys and cards alike: its request, its messages, and the sleep of the machine.
 *
 * State: none. Threats: a broker that is none (every field is bounded, a message out of turn ends the link). It must
 * never say that a device has left when only the link has ended.
 */
#include "watch_link.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "hospiconnect/packet.h"
#include "hospiconnect/reason.h"

#define MS_PER_S  1000
#define NS_PER_MS 1000000

bool hc_watch_is_asked(const struct hc_msg *msg)
{
	uint32_t operation = 0;

	return msg->type == HC_MSG_DEVICE_START &&
	       hc_msg_u32(msg, HC_FIELD_DEVICE_OPERATION, &operation) == HC_OK &&
	       operation == HC_DEVICE_WATCH;
}

static enum hc_err read_atr(const struct hc_msg *msg, struct hc_watch_request *request)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(msg, HC_FIELD_ATR, &view, &len) != HC_OK || len == 0 || len > sizeof(request->atr))
		return HC_ERR_PROTOCOL;
	memcpy(request->atr, view, len);
	request->atr_len = len;
	return HC_OK;
}

enum hc_err hc_watch_parse(const struct hc_msg *msg, bool card, struct hc_watch_request *ret_request)
{
	static const enum hc_field allowed[] = {HC_FIELD_DEVICE_OPERATION, HC_FIELD_DEVICE_PATH,
						HC_FIELD_DEVICE_INSTANCE, HC_FIELD_ATR};
	struct hc_watch_request request = {.has_instance = hc_msg_has(msg, HC_FIELD_DEVICE_INSTANCE)};

	/* ATR stands last in the list. */
	if (!hc_watch_is_asked(msg) ||
	    hc_msg_only(msg, allowed, HC_COUNT(allowed) - (card ? 0 : 1)) != HC_OK ||
	    hc_msg_text(msg, HC_FIELD_DEVICE_PATH, request.path, sizeof(request.path)) != HC_OK ||
	    request.path[0] == '\0' || (card && read_atr(msg, &request) != HC_OK) ||
	    (!card && request.path[0] != '/'))
		return HC_ERR_PROTOCOL;
	if (request.has_instance && hc_msg_u64(msg, HC_FIELD_DEVICE_INSTANCE, &request.instance) != HC_OK)
		return HC_ERR_PROTOCOL;
	*ret_request = request;
	return HC_OK;
}

enum hc_watch_word hc_watch_hear(int link)
{
	enum hc_watch_word word = HC_WATCH_CLOSED;
	HC_AUTO(msg) msg = NULL;

	if (hc_msg_new(&msg) != HC_OK)
		return HC_WATCH_CLOSED;
	enum hc_err err = hc_packet_receive(link, msg);

	if (err == HC_ERR_AWAY)
		word = HC_WATCH_NOTHING;
	else if (err == HC_OK && msg->type == HC_MSG_DEVICE_CANCEL && hc_msg_only(msg, NULL, 0) == HC_OK)
		word = HC_WATCH_CANCEL;
	return word;
}

static bool send_out(int link, struct hc_msg *msg)
{
	return hc_msg_finish(msg) == HC_OK &&
	       send(link, msg->packet, msg->len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

bool hc_watch_say_here(int link, uint64_t instance)
{
	HC_AUTO(msg) msg = NULL;

	if (hc_msg_new(&msg) != HC_OK)
		return false;
	hc_msg_init(msg, HC_MSG_DEVICE_WAIT);
	hc_msg_put_u32(msg, HC_FIELD_DEVICE_WAIT, HC_DEVICE_WORKING);
	hc_msg_put_u64(msg, HC_FIELD_DEVICE_INSTANCE, instance);
	return send_out(link, msg);
}

bool hc_watch_say_left(int link, const char *why)
{
	HC_AUTO(msg) msg = NULL;

	if (hc_msg_new(&msg) != HC_OK)
		return false;
	hc_msg_init(msg, HC_MSG_DEVICE_DONE);
	hc_msg_put_text(msg, HC_FIELD_DETAIL, why);
	return send_out(link, msg);
}

bool hc_watch_say_cancelled(int link)
{
	HC_AUTO(msg) msg = NULL;

	if (hc_msg_new(&msg) != HC_OK)
		return false;
	hc_msg_init(msg, HC_MSG_DEVICE_FAILED);
	hc_msg_put_u32(msg, HC_FIELD_REASON, HC_REASON_CANCELLED);
	return send_out(link, msg);
}

/* ---- sleep ---- */

bool hc_watch_slept(struct hc_watch_sleep *sleep, int64_t boot_ms, int64_t mono_ms)
{
	int64_t ahead_ms = boot_ms - mono_ms;
	bool slept = sleep->started && ahead_ms - sleep->ahead_ms > HC_WATCH_SLEEP_MS;

	*sleep = (struct hc_watch_sleep){.started = true, .ahead_ms = ahead_ms};
	return slept;
}

static int64_t read_ms(clockid_t clock)
{
	struct timespec now = {0};

	(void)clock_gettime(clock, &now); /* fails for a wrong number only */
	return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

bool hc_watch_slept_now(struct hc_watch_sleep *sleep)
{
	int64_t mono_ms = read_ms(CLOCK_MONOTONIC);

	return hc_watch_slept(sleep, read_ms(CLOCK_BOOTTIME), mono_ms);
}
