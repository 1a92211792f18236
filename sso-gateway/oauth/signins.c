/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sign-ins that are open on one loop.
 *
 * State of a conversation, which leaves the table with the report that ends it:
 *   STARTING  the broker has the password; the browser waits          -> ASKING, or told and gone
 *   ASKING    the person is at the second page                        -> JUDGING, OVER, or expired
 *   JUDGING   the broker has the code; the browser waits              -> told and gone
 *   OVER      the broker ended it before the code came; kept to say why -> told and gone, or expired
 *
 * Threats: a verdict that nobody earned (ALLOWED counts in JUDGING alone), a conversation continued by
 * another browser or for another request (bound), guessed names (128 random bits), one code tried
 * twice (one answer each), a flood of first pages (bounded in all and by address).
 */
#include "oauth/signins_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "jose/b64url.h"
#include "oauth/reply.h"

enum conversation_state { STARTING, ASKING, JUDGING, OVER };

struct hc_conversation {
	TAILQ_ENTRY(hc_conversation) by_age;
	LIST_ENTRY(hc_conversation) by_name;
	struct hc_signins *signins;
	enum conversation_state state;
	uint8_t name[HC_SIGNINS_NAME_BYTES]; /* the loop's number, random bits */
	uint8_t binding[HC_SIGNIN_BINDING_BYTES];
	struct hc_broker_signin *signin; /* NULL once the broker has ended it */
	int64_t deadline_ms;
	struct hc_address_key key;
	hc_signins_fn fn; /* who waits; NULL: nobody */
	void *ctx;
	enum hc_signins_outcome outcome; /* of OVER */
	enum hc_reason reason;
	char username[HC_SIGNIN_USERNAME_MAX + 1];
};

static int64_t mono_now(const struct hc_signins *signins)
{
	return hc_mono_ms(signins->worker->gateway->clock);
}

/* ---- the table ---- */

static unsigned bucket_of(const uint8_t name[HC_SIGNINS_NAME_BYTES])
{
	return name[1]; /* random */
}

static struct hc_conversation *find(struct hc_signins *signins, const uint8_t name[HC_SIGNINS_NAME_BYTES])
{
	struct hc_conversation *found = NULL;

	LIST_FOREACH(found, &signins->buckets[bucket_of(name)], by_name)
	{
		if (hc_bytes_equal(found->name, name, HC_SIGNINS_NAME_BYTES))
			return found;
	}
	return NULL;
}

/* Ends it here and at the broker. */
static void remove_conversation(struct hc_conversation *conversation)
{
	struct hc_signins *signins = conversation->signins;

	if (conversation->signin != NULL)
		hc_broker_signin_cancel(&conversation->signin);
	TAILQ_REMOVE(&signins->all, conversation, by_age);
	LIST_REMOVE(conversation, by_name);
	hc_address_give(signins->addresses, &conversation->key);
	signins->count--;
	free(conversation);
}

static void set_deadline(struct hc_conversation *conversation)
{
	struct hc_signins *signins = conversation->signins;

	/* To the end: everybody gets the same time, so the list stays in order. */
	TAILQ_REMOVE(&signins->all, conversation, by_age);
	conversation->deadline_ms = mono_now(signins) + HC_SIGNIN_MS;
	TAILQ_INSERT_TAIL(&signins->all, conversation, by_age);
}

/* ---- reports ---- */

void hc_signins_gone(hc_signins_fn fn, void *ctx)
{
	const struct hc_signins_report report = {.outcome = HC_SIGNINS_GONE};

	fn(&report, ctx);
}

/* Tells who waits, and nobody else waits then. */
static void tell(struct hc_conversation *conversation, struct hc_signins_report *report)
{
	const hc_signins_fn fn = conversation->fn;

	conversation->fn = NULL;
	memcpy(report->username, conversation->username, sizeof(report->username));
	fn(report, conversation->ctx);
}

/* The end: told to who waits, or kept until somebody asks. report: outcome, reason, and of ALLOWED who. */
static void finish(struct hc_conversation *conversation, struct hc_signins_report *report)
{
	if (conversation->fn == NULL) {
		conversation->state = OVER;
		conversation->outcome = report->outcome;
		conversation->reason = report->reason;
		return;
	}
	struct hc_conversation copy = *conversation; /* what is told may lead to new calls */
	remove_conversation(conversation);
	tell(&copy, report);
}

static void count_end(struct hc_signins *signins, enum hc_signins_outcome outcome, enum hc_err err)
{
	switch (outcome) {
	case HC_SIGNINS_ALLOWED:
		hc_count(signins->worker, HC_COUNTER_SIGN_IN_OK);
		break;
	case HC_SIGNINS_REFUSED:
		hc_count(signins->worker, HC_COUNTER_SIGN_IN_REFUSED);
		break;
	case HC_SIGNINS_UNAVAILABLE:
		hc_count(signins->worker, HC_COUNTER_SIGN_IN_UNAVAILABLE);
		if (err == HC_ERR_AWAY)
			hc_count(signins->worker, HC_COUNTER_BROKER_AWAY);
		break;
	case HC_SIGNINS_GONE:
	case HC_SIGNINS_TIMED_OUT:
	case HC_SIGNINS_CODE:
		hc_count(signins->worker, HC_COUNTER_SIGN_IN_ABANDONED);
		break;
	}
}

static void judge(const struct hc_conversation *conversation, const struct hc_signin_report *said,
		  struct hc_signins_report *report)
{
	if (said->event == HC_SIGNIN_FAILED) {
		report->outcome = HC_SIGNINS_UNAVAILABLE;
		report->reason = hc_reply_reason(said->err);
	} else if (said->allowed && conversation->state == JUDGING) {
		report->outcome = HC_SIGNINS_ALLOWED;
		report->method = said->method;
		report->person = said->person;
	} else if (said->allowed) {
		/* A yes before the second factor was sent is no verdict. */
		report->outcome = HC_SIGNINS_UNAVAILABLE;
		report->reason = HC_REASON_PROTOCOL_ERROR;
	} else if (said->unavailable && said->reason / 100 != 2) {
		/* What is about a person (2xx) is a refusal like any other. */
		report->outcome = HC_SIGNINS_UNAVAILABLE;
		report->reason = said->reason;
	} else {
		report->outcome =
			said->reason == HC_REASON_TIMED_OUT ? HC_SIGNINS_TIMED_OUT : HC_SIGNINS_REFUSED;
	}
}

static void on_report(const struct hc_signin_report *said, void *ctx)
{
	struct hc_conversation *conversation = ctx;
	struct hc_signins_report report = {.outcome = HC_SIGNINS_CODE};

	if (said->event == HC_SIGNIN_CODE) {
		if (conversation->state != STARTING)
			return;
		conversation->state = ASKING;
		hc_b64url_encode(conversation->name, HC_SIGNINS_NAME_BYTES, report.conversation);
		tell(conversation, &report);
		return;
	}
	conversation->signin = NULL; /* dead since this call */
	judge(conversation, said, &report);
	count_end(conversation->signins, report.outcome, said->err);
	finish(conversation, &report);
}

void hc_signins_tend(struct hc_signins *signins)
{
	const int64_t now_ms = mono_now(signins);
	struct hc_conversation *oldest = NULL;

	hc_signins_send_stuck(signins);
	while ((oldest = TAILQ_FIRST(&signins->all)) != NULL && oldest->deadline_ms <= now_ms) {
		struct hc_signins_report report = {.outcome = HC_SIGNINS_TIMED_OUT};

		if (oldest->state != OVER)
			count_end(signins, HC_SIGNINS_TIMED_OUT, HC_OK);
		if (oldest->fn == NULL)
			remove_conversation(oldest);
		else
			finish(oldest, &report);
	}
}

/* ---- beginning ---- */

static void key_of(const char *peer, struct hc_address_key *ret_key)
{
	char text[HC_ADDRESS_TEXT + 8];
	struct sockaddr_storage address;
	socklen_t len = 0;

	memset(&address, 0, sizeof(address)); /* family 0: all that cannot be read share one limit */
	(void)snprintf(text, sizeof(text), strchr(peer, ':') != NULL ? "[%s]:1" : "%s:1", peer);
	if (hc_address_parse(text, &address, &len) != HC_OK)
		memset(&address, 0, sizeof(address));
	hc_address_describe(&address, text, ret_key);
}

static enum hc_err add_conversation(struct hc_signins *signins, const struct hc_signins_ask *ask,
				    struct hc_conversation **ret_conversation)
{
	struct hc_conversation *conversation = NULL;
	struct hc_address_key key;

	key_of(ask->peer, &key);
	if (signins->count >= HC_SIGNINS_MAX ||
	    !hc_address_take(signins->addresses, &key, HC_SIGNINS_PER_ADDRESS))
		return HC_ERR_FULL;
	conversation = calloc(1, sizeof(*conversation));
	if (conversation == NULL || hc_random(conversation->name + 1, HC_SIGNINS_NAME_BYTES - 1) != HC_OK) {
		const enum hc_err err = conversation == NULL ? HC_ERR_NOMEM : HC_ERR_CRYPTO;

		hc_address_give(signins->addresses, &key);
		free(conversation);
		return err;
	}
	conversation->name[0] = (uint8_t)(signins->worker - signins->worker->gateway->workers);
	conversation->signins = signins;
	conversation->key = key;
	conversation->deadline_ms = mono_now(signins) + HC_SIGNIN_MS;
	memcpy(conversation->binding, ask->binding, sizeof(conversation->binding));
	(void)snprintf(conversation->username, sizeof(conversation->username), "%s", ask->username);
	TAILQ_INSERT_TAIL(&signins->all, conversation, by_age);
	LIST_INSERT_HEAD(&signins->buckets[bucket_of(conversation->name)], conversation, by_name);
	signins->count++;
	*ret_conversation = conversation;
	return HC_OK;
}

enum hc_err hc_signins_begin(struct hc_signins *signins, struct hc_signins_ask *ask, hc_signins_fn fn,
			     void *ctx)
{
	struct hc_signin_ask start = {
		.user = ask->username,
		.password = hc_steal_ptr(&ask->password),
		.rhost = ask->peer,
		.lang = ask->lang,
		.timeout_s = HC_SIGNIN_MS / 1000,
	};
	struct hc_conversation *conversation = NULL;

	hc_signins_tend(signins);
	enum hc_err err = add_conversation(signins, ask, &conversation);
	if (err != HC_OK) {
		hc_secret_free(&start.password);
		return err;
	}
	conversation->fn = fn;
	conversation->ctx = ctx;
	err = hc_broker_signin_start(signins->worker->broker, &start, on_report, conversation,
				     &conversation->signin);
	if (err != HC_OK) {
		conversation->signin = NULL;
		count_end(signins, HC_SIGNINS_UNAVAILABLE, err);
		remove_conversation(conversation);
	}
	return err;
}

/* ---- answering ---- */

void hc_signins_answer_here(struct hc_signins *signins, const struct hc_signins_key *key,
			    struct hc_secret *code_given, hc_signins_fn fn, void *ctx)
{
	HC_AUTO(secret) code = code_given;
	struct hc_conversation *conversation = find(signins, key->name);

	if (conversation == NULL || conversation->state == STARTING ||
	    !hc_bytes_equal(conversation->binding, key->binding, sizeof(key->binding))) {
		hc_signins_gone(fn, ctx);
		return;
	}
	if (conversation->state == JUDGING) {
		const hc_signins_fn former = conversation->fn;
		void *former_ctx = conversation->ctx;

		conversation->fn = fn;
		conversation->ctx = ctx;
		hc_signins_gone(former, former_ctx);
		return;
	}
	conversation->fn = fn;
	conversation->ctx = ctx;
	struct hc_signins_report report = {.outcome = conversation->outcome, .reason = conversation->reason};
	if (conversation->state == OVER) {
		finish(conversation, &report);
		return;
	}
	enum hc_err err = HC_OK;
	if (code != NULL) {
		conversation->state = JUDGING;
		set_deadline(conversation);
		err = hc_broker_signin_code(conversation->signin, hc_secret_data(code), hc_secret_len(code));
		if (err == HC_OK)
			return; /* the verdict will be told */
	}
	report.outcome = err == HC_OK ? HC_SIGNINS_REFUSED : HC_SIGNINS_UNAVAILABLE;
	report.reason = err == HC_OK ? HC_REASON_NONE : hc_reply_reason(err);
	count_end(signins, err == HC_OK ? HC_SIGNINS_TIMED_OUT : HC_SIGNINS_UNAVAILABLE, err);
	finish(conversation, &report);
}

/* ---- life ---- */

enum hc_err hc_signins_new(struct hc_worker *worker, struct hc_signins **ret_signins)
{
	struct hc_signins *signins = calloc(1, sizeof(*signins));

	if (signins == NULL)
		return HC_ERR_NOMEM;
	signins->worker = worker;
	TAILQ_INIT(&signins->all);
	STAILQ_INIT(&signins->stuck);
	for (size_t i = 0; i < HC_SIGNINS_BUCKETS; i++)
		LIST_INIT(&signins->buckets[i]);
	const enum hc_err err = hc_address_counts_new(HC_SIGNINS_MAX, &signins->addresses);
	if (err != HC_OK) {
		free(signins);
		return err;
	}
	*ret_signins = signins;
	return HC_OK;
}

void hc_signins_free(struct hc_signins **signins)
{
	struct hc_signins *old = signins != NULL ? hc_steal_ptr(signins) : NULL;
	struct hc_conversation *conversation = NULL;
	struct hc_signins_report report = {.outcome = HC_SIGNINS_GONE};

	if (old == NULL)
		return;
	hc_signins_send_stuck(old);
	while ((conversation = TAILQ_FIRST(&old->all)) != NULL) {
		if (conversation->fn == NULL)
			remove_conversation(conversation);
		else
			finish(conversation, &report);
	}
	hc_address_counts_free(&old->addresses);
	free(old);
}
