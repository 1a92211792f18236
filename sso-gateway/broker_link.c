/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to the broker: its life, and the wait for changes.
 *
 * State: what is under way, and whether changes are being told. Threats: a broker that has gone unnoticed,
 * so that a disabled person keeps a session: silence ends the wait, and everybody is told that nothing that
 * is remembered counts until the broker has confirmed anew. It must never say "live" on anything but the
 * broker's own word.
 */
#include "broker_link.h"

#include <stdlib.h>
#include <string.h>

#include "broker_internal.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "http/loop.h"

/* ---- for the other files ---- */

enum hc_err hc_broker_err(enum hc_err err)
{
	return err == HC_ERR_TIMEOUT || err == HC_ERR_PEER || err == HC_ERR_PROTOCOL || err == HC_ERR_NOMEM
		       ? err
		       : HC_ERR_AWAY;
}

enum hc_err hc_broker_read_verdict(const struct hc_msg *msg, enum hc_verdict *ret_verdict,
				   enum hc_reason *ret_reason)
{
	uint32_t verdict = 0, reason = 0;

	if (hc_msg_u32(msg, HC_FIELD_VERDICT, &verdict) != HC_OK ||
	    hc_msg_u32(msg, HC_FIELD_REASON, &reason) != HC_OK ||
	    hc_verdict_from_wire(verdict, ret_verdict) != HC_OK)
		return HC_ERR_PROTOCOL;
	return hc_reason_from_wire(reason, ret_reason);
}

/* An absent text is an empty one. */
static bool read_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap)
{
	enum hc_err err = hc_msg_text(msg, field, out, cap);

	return err == HC_OK || err == HC_ERR_NOTFOUND;
}

enum hc_err hc_broker_read_person(const struct hc_msg *msg, struct hc_person *ret_person)
{
	struct hc_person person = {0};
	uint64_t id = 0;

	if (hc_msg_u64(msg, HC_FIELD_PERSON_ID, &id) != HC_OK || id == 0 || id > INT64_MAX ||
	    hc_msg_text(msg, HC_FIELD_LOGIN, person.login, sizeof(person.login)) != HC_OK)
		return HC_ERR_PROTOCOL;
	person.id = (int64_t)id;
	if (!read_text(msg, HC_FIELD_GIVEN_NAME, person.given_name, sizeof(person.given_name)) ||
	    !read_text(msg, HC_FIELD_FAMILY_NAME, person.family_name, sizeof(person.family_name)) ||
	    !read_text(msg, HC_FIELD_NATIONAL_ID, person.national_id, sizeof(person.national_id)) ||
	    !read_text(msg, HC_FIELD_PROFESSION, person.profession, sizeof(person.profession)) ||
	    !read_text(msg, HC_FIELD_ORGANIZATION, person.organization, sizeof(person.organization)))
		return HC_ERR_PROTOCOL;
	*ret_person = person;
	return HC_OK;
}

/* ---- life ---- */

enum hc_err hc_broker_link_new(struct hc_loop *loop, const char *path, const struct hc_clock *clock,
			       struct hc_broker_link **ret_link)
{
	struct hc_broker_link *link = calloc(1, sizeof(*link));
	enum hc_err err = HC_OK;

	if (link == NULL)
		return HC_ERR_NOMEM;
	err = hc_channels_init(&link->channels, hc_loop_base(loop), path, clock);
	if (err != HC_OK) {
		free(link);
		return err;
	}
	link->waiting_end = &link->waiting;
	link->signin_max = HC_BROKER_SIGNINS;
	link->backoff_ms = HC_BROKER_BACKOFF_MS;
	for (size_t i = 0; i < HC_COUNT(link->lines); i++)
		link->lines[i].link = link;
	*ret_link = link;
	return HC_OK;
}

void hc_broker_link_limit(struct hc_broker_link *link, size_t signins)
{
	link->signin_max = signins;
}

void hc_broker_link_free(struct hc_broker_link **link)
{
	if (link == NULL || *link == NULL)
		return;
	hc_broker_signins_clear(*link);
	hc_broker_asks_clear(*link);
	hc_broker_events_cancel(*link);
	hc_channel_free(&(*link)->watching);
	hc_channels_clear(&(*link)->channels);
	free(*link);
	*link = NULL;
}

/* ---- the wait for changes ---- */

static void set_live(struct hc_broker_link *link, bool live)
{
	if (link->live == live)
		return;
	link->live = live;
	link->watch.live(live, link->watch.ctx);
}

static void on_watch_ready(void *ctx)
{
	struct hc_broker_link *link = ctx;

	hc_msg_init(link->channels.outgoing, HC_MSG_WATCH);
	if (hc_channel_send(link->watching, link->channels.outgoing) != HC_OK)
		hc_channel_abort(link->watching, HC_ERR_PROTOCOL);
	hc_channel_expect(link->watching, HC_BROKER_FIRST_ANSWER_MS, HC_CHANNEL_NEVER);
}

static void watch_confirmed(struct hc_broker_link *link)
{
	if (!link->live)
		hc_log_plain(HC_LOG_INFO, "the broker tells of changes");
	link->backoff_ms = HC_BROKER_BACKOFF_MS;
	link->watch_failure = HC_OK;
	set_live(link, true);
}

static enum hc_err take_change(struct hc_broker_link *link, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_PERSON_ID, HC_FIELD_STATE};
	uint64_t id = 0;
	char state[17];

	if (!link->live || hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_u64(msg, HC_FIELD_PERSON_ID, &id) != HC_OK || id == 0 || id > INT64_MAX ||
	    hc_msg_text(msg, HC_FIELD_STATE, state, sizeof(state)) != HC_OK)
		return HC_ERR_PROTOCOL;

	bool active = strcmp(state, "active") == 0;

	if (!active && strcmp(state, "disabled") != 0 && strcmp(state, "removed") != 0)
		return HC_ERR_PROTOCOL;
	link->watch.changed((int64_t)id, active, link->watch.ctx);
	return HC_OK;
}

static void on_watch_message(const struct hc_msg *msg, void *ctx)
{
	struct hc_broker_link *link = ctx;

	if (msg->type == HC_MSG_KEEPALIVE)
		watch_confirmed(link);
	else if (msg->type != HC_MSG_PERSON_CHANGED || take_change(link, msg) != HC_OK)
		hc_channel_abort(link->watching, HC_ERR_PROTOCOL);
}

/* A quarter more or less, so that loops and gateways do not come back all at the same time. */
static int64_t with_jitter(int64_t pause_ms)
{
	uint8_t dice = 128;

	if (hc_random(&dice, sizeof(dice)) != HC_OK)
		dice = 128; /* the middle does as well */
	return pause_ms - pause_ms / 4 + pause_ms * dice / 512;
}

/* That it has gone is told by whoever was told that it is there; the cause, and that it never came, by us. */
static enum hc_log_level level_of(const struct hc_broker_link *link, enum hc_err err)
{
	if (err == HC_ERR_PEER || err == HC_ERR_PERM || err == HC_ERR_PROTOCOL)
		return HC_LOG_ERROR;
	return link->live ? HC_LOG_INFO : HC_LOG_WARNING;
}

static void on_watch_ended(enum hc_err err, void *ctx)
{
	struct hc_broker_link *link = ctx;

	if (err != link->watch_failure)
		hc_log(level_of(link, err), "the broker does not tell of changes",
		       HC_F_TEXT("reason", hc_strerror(err)), HC_F_TEXT("socket", link->channels.path));
	link->watch_failure = err;
	hc_channel_restart(link->watching, with_jitter(link->backoff_ms));
	link->backoff_ms = link->backoff_ms * 2 > HC_BROKER_BACKOFF_MAX_MS ? HC_BROKER_BACKOFF_MAX_MS
									   : link->backoff_ms * 2;
	set_live(link, false);
}

enum hc_err hc_broker_link_watch(struct hc_broker_link *link, const struct hc_broker_watch *watch)
{
	static const struct hc_channel_hooks hooks = {
		.ready = on_watch_ready, .message = on_watch_message, .ended = on_watch_ended};

	if (link->watching != NULL)
		return HC_ERR_STATE;
	link->watch = *watch;
	return hc_channel_open(&link->channels, &hooks, link, &link->watching);
}
