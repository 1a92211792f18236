/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sign-in at the broker: HELLO, password, code, verdict.
 *
 * State: how far the conversation is. It begins as no verdict, and the one thing that lets anybody in is a
 * RESULT of ALLOW that comes behind both answers and names the person who was asked for. Threats: a broker
 * that answers out of turn, for somebody else, or not at all; each of them is a failure, never a verdict.
 * The password is kept until it was asked for and no longer; what carries it is scrubbed.
 */
#include "broker_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

#define USER_MAX   256
#define ANSWER_MAX 512

enum stage {
	STAGE_CONNECT = 0,
	STAGE_HELLO,	/* sent; the password will be asked for */
	STAGE_PASSWORD, /* sent; the code will be asked for */
	STAGE_CODE,	/* the person is asked */
	STAGE_VERDICT	/* both answers are there */
};

struct hc_broker_signin {
	struct hc_broker_link *link; /* borrowed */
	struct hc_broker_signin *next, *previous;
	struct hc_channel *channel;
	enum stage stage;
	hc_signin_fn fn;
	void *ctx;
	struct hc_secret *password;
	char user[USER_MAX + 1], rhost[HC_HOST_MAX + 1];
	enum hc_lang lang;
	unsigned timeout_s;
};

static void signin_free(struct hc_broker_signin **signin)
{
	struct hc_broker_signin *old = *signin;

	*signin = NULL;
	if (old->previous != NULL)
		old->previous->next = old->next;
	else
		old->link->signins = old->next;
	if (old->next != NULL)
		old->next->previous = old->previous;
	old->link->signin_count--;
	hc_channel_free(&old->channel);
	hc_secret_free(&old->password);
	free(old);
}

void hc_broker_signins_clear(struct hc_broker_link *link)
{
	while (link->signins != NULL) {
		struct hc_broker_signin *signin = link->signins;

		signin_free(&signin);
	}
}

/* The last thing that a conversation does. */
static void finish(struct hc_broker_signin *signin, const struct hc_signin_report *report)
{
	hc_signin_fn fn = signin->fn;
	void *ctx = signin->ctx;

	signin_free(&signin);
	fn(report, ctx);
}

static void fail(struct hc_broker_signin *signin, enum hc_err err)
{
	const struct hc_signin_report report = {.event = HC_SIGNIN_FAILED, .err = hc_broker_err(err)};

	finish(signin, &report);
}

/* ---- what is sent ---- */

static void send_hello(struct hc_broker_signin *signin, struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(msg, HC_FIELD_MODE, HC_MODE_PRIMARY);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, "gateway");
	hc_msg_put_text(msg, HC_FIELD_USER, signin->user);
	hc_msg_put_text(msg, HC_FIELD_RHOST, signin->rhost);
	hc_msg_put_text(msg, HC_FIELD_LANG, signin->lang == HC_LANG_FR ? "fr" : "en");
	if (signin->timeout_s > 0)
		hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, signin->timeout_s);
}

static void on_ready(void *ctx)
{
	struct hc_broker_signin *signin = ctx;
	struct hc_msg *msg = signin->link->channels.outgoing;
	enum hc_err err = HC_OK;

	send_hello(signin, msg);
	signin->stage = STAGE_HELLO;
	err = hc_channel_send(signin->channel, msg);
	hc_msg_clear(msg);
	if (err != HC_OK)
		hc_channel_abort(signin->channel, HC_ERR_PROTOCOL);
	hc_channel_expect(signin->channel, HC_BROKER_FIRST_ANSWER_MS, HC_BROKER_WAIT_MAX_MS);
}

static enum hc_err send_answer(struct hc_broker_signin *signin, const void *data, size_t len)
{
	struct hc_msg *msg = signin->link->channels.outgoing;
	enum hc_err err = HC_OK;

	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, data, len);
	err = hc_channel_send(signin->channel, msg);
	hc_msg_clear(msg);
	hc_channel_expect(signin->channel, HC_BROKER_SILENCE_MS, HC_BROKER_WAIT_MAX_MS);
	return err;
}

/* ---- what comes ---- */

static enum hc_err take_step(struct hc_broker_signin *signin, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_STEP_KIND, HC_FIELD_TEXT, HC_FIELD_TIMEOUT_S};
	const struct hc_signin_report report = {.event = HC_SIGNIN_CODE};
	uint32_t kind = 0;

	if (hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_u32(msg, HC_FIELD_STEP_KIND, &kind) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (signin->stage == STAGE_HELLO && kind == HC_STEP_PASSWORD) {
		enum hc_err err = send_answer(signin, hc_secret_data(signin->password),
					      hc_secret_len(signin->password));

		hc_secret_free(&signin->password);
		signin->stage = STAGE_PASSWORD;
		return err == HC_OK ? HC_OK : HC_ERR_PROTOCOL;
	}
	if (signin->stage == STAGE_PASSWORD && kind == HC_STEP_SECRET) {
		signin->stage = STAGE_CODE;
		signin->fn(&report, signin->ctx); /* which may have ended it */
		return HC_OK;
	}
	return HC_ERR_PROTOCOL;
}

static enum hc_err read_allowed(const struct hc_broker_signin *signin, const struct hc_msg *msg,
				struct hc_signin_report *report)
{
	static const enum hc_field allowed[] = {
		HC_FIELD_VERDICT,    HC_FIELD_REASON,	    HC_FIELD_TEXT,	  HC_FIELD_USER,
		HC_FIELD_PERSON_ID,  HC_FIELD_LOGIN,	    HC_FIELD_GIVEN_NAME,  HC_FIELD_FAMILY_NAME,
		HC_FIELD_PROFESSION, HC_FIELD_ORGANIZATION, HC_FIELD_NATIONAL_ID, HC_FIELD_METHODS,
		HC_FIELD_CODES_LEFT,
	};

	/* Only behind both answers; and for the person who was asked for, not for another one. */
	if (signin->stage != STAGE_VERDICT || hc_msg_only(msg, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_broker_read_person(msg, &report->person) != HC_OK ||
	    strcmp(report->person.login, signin->user) != 0 ||
	    hc_msg_u32(msg, HC_FIELD_METHODS, &report->method) != HC_OK ||
	    (report->method != HC_METHOD_TOTP && report->method != HC_METHOD_RECOVERY))
		return HC_ERR_PROTOCOL;
	if (report->method == HC_METHOD_RECOVERY &&
	    hc_msg_u32(msg, HC_FIELD_CODES_LEFT, &report->codes_left) != HC_OK)
		return HC_ERR_PROTOCOL;
	report->allowed = true;
	return HC_OK;
}

static enum hc_err read_refused(const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_VERDICT, HC_FIELD_REASON, HC_FIELD_TEXT,
						HC_FIELD_RETRY_AFTER_S, HC_FIELD_USER};

	return hc_msg_only(msg, allowed, HC_COUNT(allowed));
}

static enum hc_err take_result(struct hc_broker_signin *signin, const struct hc_msg *msg)
{
	struct hc_signin_report report = {.event = HC_SIGNIN_RESULT};
	enum hc_verdict verdict = HC_DENY;
	enum hc_err err = hc_broker_read_verdict(msg, &verdict, &report.reason);

	if (err != HC_OK)
		return err;
	switch (verdict) {
	case HC_ALLOW:
		err = read_allowed(signin, msg, &report);
		break;
	case HC_DENY:
	case HC_DENY_LOCKED:
	case HC_DENY_UNKNOWN:
	case HC_DENY_EXPIRED:
		err = read_refused(msg);
		break;
	case HC_DENY_UNAVAILABLE:
	case HC_DENY_CONVERSATION:
	case HC_DENY_CONFIG:
	case HC_DENY_NOMEM:
		report.unavailable = true;
		err = read_refused(msg);
		break;
	case HC_EXEMPT:
	case HC_GRACE: /* nobody signs in here without factors */
		err = HC_ERR_PROTOCOL;
		break;
	}
	if (err == HC_OK)
		finish(signin, &report);
	return err;
}

static void on_message(const struct hc_msg *msg, void *ctx)
{
	struct hc_broker_signin *signin = ctx;
	enum hc_err err = HC_ERR_PROTOCOL;

	if (msg->type == HC_MSG_KEEPALIVE)
		return;
	if (msg->type == HC_MSG_STEP)
		err = take_step(signin, msg);
	else if (msg->type == HC_MSG_RESULT)
		err = take_result(signin, msg);
	if (err != HC_OK)
		fail(signin, HC_ERR_PROTOCOL);
}

static void on_ended(enum hc_err err, void *ctx)
{
	fail(ctx, err);
}

/* ---- the caller ---- */

/* Without a text that the protocol can carry the broker refuses as for anybody whom it does not know. */
static void take_text(const char *text, char *out, size_t cap)
{
	size_t len = text == NULL ? cap : strlen(text);

	out[0] = '\0';
	if (len < cap && hc_utf8_valid(text, len))
		(void)snprintf(out, cap, "%s", text); /* fits */
}

enum hc_err hc_broker_signin_start(struct hc_broker_link *link, struct hc_signin_ask *ask, hc_signin_fn fn,
				   void *ctx, struct hc_broker_signin **ret_signin)
{
	static const struct hc_channel_hooks hooks = {
		.ready = on_ready, .message = on_message, .ended = on_ended};
	HC_AUTO(secret) password = hc_steal_ptr(&ask->password);
	struct hc_broker_signin *signin = NULL;

	if (hc_secret_len(password) > ANSWER_MAX)
		return HC_ERR_TOOBIG;
	if (link->signin_count >= link->signin_max)
		return HC_ERR_FULL;
	signin = calloc(1, sizeof(*signin));
	if (signin == NULL)
		return HC_ERR_NOMEM;
	if (hc_channel_open(&link->channels, &hooks, signin, &signin->channel) != HC_OK) {
		free(signin);
		return HC_ERR_NOMEM;
	}
	signin->link = link;
	signin->fn = fn;
	signin->ctx = ctx;
	signin->password = hc_steal_ptr(&password);
	signin->lang = ask->lang;
	signin->timeout_s = ask->timeout_s;
	take_text(ask->user, signin->user, sizeof(signin->user));
	take_text(ask->rhost, signin->rhost, sizeof(signin->rhost));
	signin->next = link->signins;
	if (signin->next != NULL)
		signin->next->previous = signin;
	link->signins = signin;
	link->signin_count++;
	*ret_signin = signin;
	return HC_OK;
}

enum hc_err hc_broker_signin_code(struct hc_broker_signin *signin, const void *code, size_t len)
{
	enum hc_err err = HC_OK;

	if (signin->stage != STAGE_CODE)
		return HC_ERR_STATE;
	if (len > ANSWER_MAX)
		return HC_ERR_TOOBIG;
	err = send_answer(signin, code, len);
	if (err == HC_OK)
		signin->stage = STAGE_VERDICT;
	return err;
}

void hc_broker_signin_cancel(struct hc_broker_signin **signin)
{
	if (signin == NULL || *signin == NULL)
		return;

	struct hc_broker_signin *old = *signin;
	struct hc_msg *msg = old->link->channels.outgoing;

	*signin = NULL;
	/* Where no question is open the end of the connection says the same. */
	if (old->stage == STAGE_CODE) {
		hc_msg_init(msg, HC_MSG_CANCEL);
		if (hc_channel_send(old->channel, msg) != HC_OK)
			hc_log_plain(HC_LOG_DEBUG, "the broker is not told that a sign-in was given up");
	}
	signin_free(&old);
}
