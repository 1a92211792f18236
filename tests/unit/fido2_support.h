/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO2_SUPPORT_H
#define HC_TESTS_FIDO2_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fido2_machine.h"

/*
 * A machine whose keys are this test, and a record of what it wanted, one word each:
 *   "probe0 select1 assert0 make0 set0" jobs with the key, "/pin" "/finger" behind them how; "cancel1" "release1";
 *   "wait:touch" "ask:pin" "ask:last" "ask:choice" "ask:new" "done" "failed:REASON" "item0"
 */
struct rig {
	struct hc_fido2_request request;
	struct hc_fido2_machine machine;
	int64_t now_ms;
	bool present;
	char said[512];
	int tries;
	enum hc_reason reason;
	size_t chosen, choices;
	char pin[80], new_pin[80]; /* of the last job */
};

static inline void rig_say(struct rig *rig, const char *format, const char *word, unsigned key)
{
	char text[64];

	/* Both arguments are taken by every format. */
	(void)snprintf(text, sizeof(text), "%s%s", format, word);
	if (key < HC_FIDO2_KEYS_MAX)
		(void)snprintf(text, sizeof(text), "%s%u%s", format, key, word);
	size_t len = strlen(rig->said);

	assert_true(len + strlen(text) + 2 < sizeof(rig->said));
	(void)snprintf(rig->said + len, sizeof(rig->said) - len, "%s%s", len > 0 ? " " : "", text);
}

static inline void rig_start(void *ctx, unsigned key, const struct hc_fido2_task *task)
{
	static const char *const jobs[] = {"", "probe", "select", "assert", "make", "set"};
	static const char *const ways[] = {"", "/pin", "/finger"};
	struct rig *rig = ctx;

	rig_say(rig, jobs[task->job], ways[task->verify], key);
	rig->pin[0] = rig->new_pin[0] = '\0';
	if (task->pin != NULL)
		memcpy(rig->pin, hc_secret_data(task->pin), hc_secret_len(task->pin));
	if (task->new_pin != NULL)
		memcpy(rig->new_pin, hc_secret_data(task->new_pin), hc_secret_len(task->new_pin));
}

static inline void rig_cancel(void *ctx, unsigned key)
{
	rig_say(ctx, "cancel", "", key);
}

static inline void rig_release(void *ctx, unsigned key)
{
	rig_say(ctx, "release", "", key);
}

static inline bool rig_present(void *ctx, unsigned key)
{
	(void)key;
	return ((struct rig *)ctx)->present;
}

static inline void rig_note(struct rig *rig, const struct hc_fido2_note *note)
{
	rig->tries = note->tries;
	rig->reason = note->reason;
}

static inline void rig_wait(void *ctx, enum hc_device_wait wait, const struct hc_fido2_note *note)
{
	static const char *const words[] = {"", "insert", "touch", "finger", "working", "pad"};

	rig_say(ctx, "wait:", words[wait], HC_FIDO2_KEYS_MAX);
	rig_note(ctx, note);
}

static inline void rig_ask(void *ctx, enum hc_device_ask ask, const struct hc_fido2_note *note,
			   const struct hc_fido2_account *accounts, size_t count)
{
	static const char *const words[] = {"", "pin", "last", "choice", "new"};

	(void)accounts;
	rig_say(ctx, "ask:", words[ask], HC_FIDO2_KEYS_MAX);
	rig_note(ctx, note);
	((struct rig *)ctx)->choices = count;
}

static inline void rig_item(void *ctx, unsigned key, const struct hc_fido2_facts *facts,
			    const struct hc_fido2_note *note)
{
	(void)facts;
	rig_say(ctx, "item", note->reason == HC_REASON_NONE ? "" : "!", key);
}

static inline void rig_done(void *ctx, const struct hc_fido2_outcome *outcome, size_t chosen,
			    const struct hc_fido2_note *note)
{
	(void)outcome;
	rig_say(ctx, "done", "", HC_FIDO2_KEYS_MAX);
	rig_note(ctx, note);
	((struct rig *)ctx)->chosen = chosen;
}

static inline void rig_failed(void *ctx, const struct hc_fido2_note *note)
{
	rig_say(ctx, "failed:", hc_reason_name(note->reason), HC_FIDO2_KEYS_MAX);
	rig_note(ctx, note);
}

static const struct hc_fido2_ops rig_ops = {.start = rig_start,
					    .cancel = rig_cancel,
					    .release = rig_release,
					    .present = rig_present,
					    .wait = rig_wait,
					    .ask = rig_ask,
					    .item = rig_item,
					    .done = rig_done,
					    .failed = rig_failed};

/* ASSERT of one credential with verification, within 60 s, unless the test changes request before rig_begin. */
static inline void rig_init(struct rig *rig)
{
	*rig = (struct rig){.now_ms = 1000, .present = true};
	rig->request.operation = HC_DEVICE_ASSERT;
	rig->request.flags = HC_DEVICE_FLAG_UV | HC_DEVICE_FLAG_UP;
	rig->request.timeout_ms = 60000;
	rig->request.credential_count = rig->request.groups[0].count = 1;
	rig->request.group_count = 1;
	rig->request.algorithms[0] = -7;
	rig->request.algorithm_count = 1;
}

static inline void rig_begin(struct rig *rig)
{
	hc_fido2_machine_init(&rig->machine, &rig->request, &rig_ops, rig, rig->now_ms);
}

/* What was wanted since the last look is exactly that. */
static inline void rig_expect(struct rig *rig, const char *said)
{
	assert_string_equal(rig->said, said);
	rig->said[0] = '\0';
}

static inline struct hc_fido2_facts rig_facts(void)
{
	return (struct hc_fido2_facts){.fido2 = true,
				       .can_pin = true,
				       .has_pin = true,
				       .discoverable = true,
				       .protect = true,
				       .holds = true,
				       .pin_tries = 8,
				       .finger_tries = -1,
				       .pin_min = 4};
}

static inline void rig_finish(struct rig *rig, unsigned key, enum hc_fido2_job job,
			      struct hc_fido2_outcome outcome)
{
	hc_fido2_finished(&rig->machine, key, job, &outcome, rig->now_ms);
}

static inline void rig_probed(struct rig *rig, unsigned key, struct hc_fido2_facts facts)
{
	rig_finish(rig, key, HC_FIDO2_PROBE, (struct hc_fido2_outcome){.facts = facts});
}

/* The key ends a job with that; tries: what it says then. */
static inline void rig_ends(struct rig *rig, unsigned key, enum hc_fido2_job job, enum hc_fido2_status status,
			    int tries)
{
	struct hc_fido2_outcome outcome = {.status = status,
					   .facts = {.pin_tries = tries, .finger_tries = -1}};

	if (status == HC_FIDO2_OK && (job == HC_FIDO2_ASSERT || job == HC_FIDO2_MAKE)) {
		outcome.accounts = calloc(1, sizeof(*outcome.accounts));
		assert_non_null(outcome.accounts);
		outcome.account_count = 1;
	}
	rig_finish(rig, key, job, outcome);
}

static inline enum hc_err rig_answer(struct rig *rig, const char *text)
{
	return hc_fido2_answered(&rig->machine, (const uint8_t *)text, strlen(text), rig->now_ms);
}

static inline void rig_after(struct rig *rig, int64_t ms)
{
	rig->now_ms += ms;
	hc_fido2_tick(&rig->machine, rig->now_ms);
}

/* Up to the open question for the PIN of key 0. */
static inline void rig_to_pin(struct rig *rig, struct hc_fido2_facts facts)
{
	rig_begin(rig);
	hc_fido2_arrived(&rig->machine, 0, "Key", rig->now_ms);
	hc_fido2_scanned(&rig->machine, rig->now_ms);
	rig_probed(rig, 0, facts);
}

#endif
