/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that come to another loop than the one that has their conversation.
 *
 * State: an errand, which belongs to the loop that it is on: posted to the conversation's loop, judged there,
 * posted back with the report. A way back for which there is no memory is tried again, since somebody
 * waits at its end. Threat: a loop's objects touched by another loop's thread; only the errand moves.
 */
#include "oauth/signins_table.h"

#include <stdlib.h>
#include <string.h>

#include "http/loop.h"
#include "jose/b64url.h"

/* An answer on its way to the loop that has the conversation, and back. */
struct hc_signins_errand {
	STAILQ_ENTRY(hc_signins_errand) link;
	struct hc_worker *from, *to;
	struct hc_signins_key key;
	struct hc_secret *code;
	hc_signins_fn fn;
	void *ctx;
	struct hc_signins_report report;
};

static void free_errand(struct hc_signins_errand *errand)
{
	hc_secret_free(&errand->code);
	free(errand);
}

static void deliver(void *ctx)
{
	struct hc_signins_errand *errand = ctx;

	/* The gateway ends: nothing of what a yes leads to is there any more. */
	if (errand->from->signins == NULL)
		errand->report = (struct hc_signins_report){.outcome = HC_SIGNINS_GONE};
	errand->fn(&errand->report, errand->ctx);
	free_errand(errand);
}

static void send_back(struct hc_signins_errand *errand)
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
	struct hc_signins_errand *errand = ctx;

	errand->report = *report;
	send_back(errand);
}

void hc_signins_send_stuck(struct hc_signins *signins)
{
	unsigned turns = 0;
	struct hc_signins_errand *errand = NULL;

	STAILQ_FOREACH(errand, &signins->stuck, link)
	turns++;
	for (; turns > 0; turns--) {
		errand = STAILQ_FIRST(&signins->stuck);
		STAILQ_REMOVE_HEAD(&signins->stuck, link);
		send_back(errand);
	}
}

static void arrive(void *ctx)
{
	struct hc_signins_errand *errand = ctx;
	struct hc_signins *signins = errand->to->signins;

	if (signins == NULL) {
		hc_signins_gone(errand_told, errand);
		return;
	}
	hc_signins_tend(signins);
	hc_signins_answer_here(signins, &errand->key, hc_steal_ptr(&errand->code), errand_told, errand);
}

static enum hc_err send_out(struct hc_worker *worker, const struct hc_signins_key *key,
			    struct hc_signins_answer *answer, hc_signins_fn fn, void *ctx)
{
	struct hc_signins_errand *errand = calloc(1, sizeof(*errand));

	if (errand == NULL)
		return HC_ERR_NOMEM;
	errand->from = worker;
	errand->to = &worker->gateway->workers[key->name[0]];
	errand->key = *key;
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
	const unsigned self = (unsigned)(worker - worker->gateway->workers);
	const struct hc_view *name = &answer->conversation;
	struct hc_signins_key key;
	enum hc_err err = HC_OK;
	size_t len = 0;

	memcpy(key.binding, answer->binding, sizeof(key.binding));
	if (hc_b64url_decode(name->data, name->len, key.name, sizeof(key.name), &len) != HC_OK ||
	    len != sizeof(key.name) || key.name[0] >= worker->gateway->config.threads ||
	    worker->signins == NULL) {
		hc_signins_gone(fn, ctx);
	} else if (key.name[0] == self) {
		hc_signins_tend(worker->signins);
		hc_signins_answer_here(worker->signins, &key, hc_steal_ptr(&answer->code), fn, ctx);
	} else {
		err = send_out(worker, &key, answer, fn, ctx);
	}
	hc_secret_free(&answer->code);
	return err;
}
