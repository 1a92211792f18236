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
 * twice (one answer each), a flood of first pages (bounded in all and by address), a loop's objects
 * touched by another loop's thread (errands are posted there and back).
 */
#include "oauth/signins.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "http/address.h"
#include "http/loop.h"
#include "jose/b64url.h"
#include "oauth/reply.h"

#define NAME_BYTES 17
#define BUCKETS	   256u

enum conversation_state { STARTING, ASKING, JUDGING, OVER };

struct conversation {
	TAILQ_ENTRY(conversation) by_age;
	LIST_ENTRY(conversation) by_name;
	struct hc_signins *signins;
	enum conversation_state state;
	uint8_t name[NAME_BYTES]; /* the loop's number, random bits */
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

/* An answer on its way to the loop that has the conversation, and back. */
struct errand {
	STAILQ_ENTRY(errand) link;
	struct hc_worker *from, *to;
	uint8_t name[NAME_BYTES];
	uint8_t binding[HC_SIGNIN_BINDING_BYTES];
	struct hc_secret *code;
	hc_signins_fn fn;
	void *ctx;
	struct hc_signins_report report;
};

struct hc_signins {
	struct hc_worker *worker;
	TAILQ_HEAD(, conversation) all; /* the next to expire first */
	LIST_HEAD(, conversation) buckets[BUCKETS];
	STAILQ_HEAD(, errand) stuck; /* their way back was refused for lack of memory */
	unsigned count;
	struct hc_address_counts *addresses;
};

static int64_t mono_now(const struct hc_signins *signins)
{
	return hc_mono_ms(signins->worker->gateway->clock);
}

/* ---- the table ---- */

static unsigned bucket_of(const uint8_t name[NAME_BYTES])
{
	return name[1]; /* random */
}

static struct conversation *find(struct hc_signins *signins, const uint8_t name[NAME_BYTES])
{
	struct conversation *found = NULL;

	LIST_FOREACH(found, &signins->buckets[bucket_of(name)], by_name)
	{
		if (hc_bytes_equal(found->name, name, NAME_BYTES))
			return found;
	}
	return NULL;
}

/* Ends it here and at the broker. */
static void remove_conversation(struct conversation *conversation)
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

static void set_deadline(struct conversation *conversation)
{
	struct hc_signins *signins = conversation->signins;

	/* To the end: everybody gets the same time, so the list stays in order. */
	TAILQ_REMOVE(&signins->all, conversation, by_age);
	conversation->deadline_ms = mono_now(signins) + HC_SIGNIN_MS;
	TAILQ_INSERT_TAIL(&signins->all, conversation, by_age);
}

/* ---- reports ---- */

static void tell_nothing(hc_signins_fn fn, void *ctx)
{
	const struct hc_signins_report report = {.outcome = HC_SIGNINS_GONE};

	fn(&report, ctx);
}

/* Tells who waits, and nobody else waits then. */
static void tell(struct conversation *conversation, struct hc_signins_report *report)
{
	const hc_signins_fn fn = conversation->fn;

	conversation->fn = NULL;
	memcpy(report->username, conversation->username, sizeof(report->username));
	fn(report, conversation->ctx);
}

/* The end: told to who waits, or kept until somebody asks. report: outcome, reason, and of ALLOWED who. */
static void finish(struct conversation *conversation, struct hc_signins_report *report)
{
	if (conversation->fn == NULL) {
		conversation->state = OVER;
		conversation->outcome = report->outcome;
		conversation->reason = report->reason;
		return;
	}
	struct conversation copy = *conversation; /* what is told may lead to new calls */
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

static void judge(const struct conversation *conversation, const struct hc_signin_report *said,
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
	struct conversation *conversation = ctx;
	struct hc_signins_report report = {.outcome = HC_SIGNINS_CODE};

	if (said->event == HC_SIGNIN_CODE) {
		if (conversation->state != STARTING)
			return;
		conversation->state = ASKING;
		hc_b64url_encode(conversation->name, NAME_BYTES, report.conversation);
		tell(conversation, &report);
		return;
	}
	conversation->signin = NULL; /* dead since this call */
	judge(conversation, said, &report);
	count_end(conversation->signins, report.outcome, said->err);
	finish(conversation, &report);
}

/* ---- errands ---- */

static void free_errand(struct errand *errand)
{
	hc_secret_free(&errand->code);
	free(errand);
}

static void deliver(void *ctx)
{
	struct errand *errand = ctx;

	errand->fn(&errand->report, errand->ctx);
	free_errand(errand);
}

static void send_back(struct errand *errand)
{
	struct hc_signins *here = errand->to->signins;

	/* Without a table the loops have ended, and all of them are this thread's. */
	if (here == NULL) {
		deliver(errand);
		return;
	}
	const enum hc_err err = hc_loop_post(errand->from->loop, deliver, errand);
	if (err == HC_ERR_CLOSED)
		deliver(errand);
	else if (err != HC_OK)
		STAILQ_INSERT_TAIL(&here->stuck, errand, link);
}

static void errand_told(const struct hc_signins_report *report, void *ctx)
{
	struct errand *errand = ctx;

	errand->report = *report;
	send_back(errand);
}

static void send_stuck(struct hc_signins *signins)
{
	unsigned turns = 0;
	struct errand *errand = NULL;

	STAILQ_FOREACH(errand, &signins->stuck, link)
	turns++;
	for (; turns > 0; turns--) {
		errand = STAILQ_FIRST(&signins->stuck);
		STAILQ_REMOVE_HEAD(&signins->stuck, link);
		send_back(errand);
	}
}

/* What is due: whoever stayed away too long, and errands that are stuck. */
static void tend(struct hc_signins *signins)
{
	const int64_t now_ms = mono_now(signins);
	struct conversation *oldest = NULL;

	send_stuck(signins);
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
				    struct conversation **ret_conversation)
{
	struct conversation *conversation = NULL;
	struct hc_address_key key;

	key_of(ask->peer, &key);
	if (signins->count >= HC_SIGNINS_MAX ||
	    !hc_address_take(signins->addresses, &key, HC_SIGNINS_PER_ADDRESS))
		return HC_ERR_FULL;
	conversation = calloc(1, sizeof(*conversation));
	if (conversation == NULL || hc_random(conversation->name + 1, NAME_BYTES - 1) != HC_OK) {
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
	struct conversation *conversation = NULL;

	tend(signins);
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

/* An answer on the loop that has the conversation; code is taken over. */
static void answer_here(struct hc_signins *signins, const struct errand *answer, struct hc_secret *code_given,
			hc_signins_fn fn, void *ctx)
{
	HC_AUTO(secret) code = code_given;
	struct conversation *conversation = find(signins, answer->name);

	if (conversation == NULL || conversation->state == STARTING ||
	    !hc_bytes_equal(conversation->binding, answer->binding, sizeof(answer->binding))) {
		tell_nothing(fn, ctx);
		return;
	}
	if (conversation->state == JUDGING) {
		const hc_signins_fn former = conversation->fn;
		void *former_ctx = conversation->ctx;

		conversation->fn = fn;
		conversation->ctx = ctx;
		tell_nothing(former, former_ctx);
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

static void arrive(void *ctx)
{
	struct errand *errand = ctx;
	struct hc_signins *signins = errand->to->signins;

	if (signins == NULL) {
		tell_nothing(errand_told, errand);
		return;
	}
	tend(signins);
	answer_here(signins, errand, hc_steal_ptr(&errand->code), errand_told, errand);
}

static enum hc_err send_out(struct hc_worker *worker, unsigned to, struct hc_signins_answer *answer,
			    const struct errand *here, hc_signins_fn fn, void *ctx)
{
	struct errand *errand = malloc(sizeof(*errand));

	if (errand == NULL)
		return HC_ERR_NOMEM;
	*errand = *here;
	errand->from = worker;
	errand->to = &worker->gateway->workers[to];
	errand->code = hc_steal_ptr(&answer->code);
	errand->fn = fn;
	errand->ctx = ctx;
	const enum hc_err err = hc_loop_post(errand->to->loop, arrive, errand);
	if (err != HC_OK)
		free_errand(errand);
	return err;
}

enum hc_err hc_signins_answer(struct hc_worker *worker, struct hc_signins_answer *answer, hc_signins_fn fn,
			      void *ctx)
{
	struct errand here = {.from = NULL};
	const unsigned self = (unsigned)(worker - worker->gateway->workers);
	enum hc_err err = HC_OK;
	size_t len = 0;

	memcpy(here.binding, answer->binding, sizeof(here.binding));
	if (hc_b64url_decode(answer->conversation.data, answer->conversation.len, here.name, NAME_BYTES,
			     &len) != HC_OK ||
	    len != NAME_BYTES || here.name[0] >= worker->gateway->config.threads || worker->signins == NULL) {
		tell_nothing(fn, ctx);
	} else if (here.name[0] == self) {
		tend(worker->signins);
		answer_here(worker->signins, &here, hc_steal_ptr(&answer->code), fn, ctx);
	} else {
		err = send_out(worker, here.name[0], answer, &here, fn, ctx);
	}
	hc_secret_free(&answer->code);
	return err;
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
	for (size_t i = 0; i < BUCKETS; i++)
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
	struct conversation *conversation = NULL;
	struct hc_signins_report report = {.outcome = HC_SIGNINS_GONE};

	if (old == NULL)
		return;
	send_stuck(old);
	while ((conversation = TAILQ_FIRST(&old->all)) != NULL) {
		if (conversation->fn == NULL)
			remove_conversation(conversation);
		else
			finish(conversation, &report);
	}
	hc_address_counts_free(&old->addresses);
	free(old);
}
