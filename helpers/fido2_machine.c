/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of an operation, its time limits, and its end.
 *
 * State: struct hc_fido2_machine. Threats: keys that come, go, lie and hang at the worst moment, a
 * broker that answers what was not asked. It must never ask for a PIN before it knows which key gets
 * it, never let a second end out, and never wait without a deadline. Pure: no clock, no I/O.
 */
#include "fido2_machine.h"

#include <stdlib.h>
#include <string.h>

#define NO_KEY HC_FIDO2_KEYS_MAX

void hc_fido2_outcome_clear(struct hc_fido2_outcome *outcome)
{
	free(outcome->accounts);
	free(outcome->attestation);
	*outcome = (struct hc_fido2_outcome){0};
}

void hc_fido2_machine_init(struct hc_fido2_machine *machine, const struct hc_fido2_request *request,
			   const struct hc_fido2_ops *ops, void *ctx, int64_t now_ms)
{
	/* A list is worth waiting for keys that are slow. */
	bool list = request->operation == HC_DEVICE_LIST;

	*machine = (struct hc_fido2_machine){.request = request,
					     .ops = ops,
					     .ctx = ctx,
					     .deadline_ms = now_ms + request->timeout_ms,
					     .gather_ms = now_ms + (list ? 5 : 1) * HC_FIDO2_GATHER_MS,
					     .chosen = NO_KEY};
}

void hc_fido2_machine_clear(struct hc_fido2_machine *machine)
{
	hc_secret_free(&machine->pin);
	hc_secret_free(&machine->new_pin);
	for (size_t i = 0; i < machine->refused_count; i++)
		hc_secret_free(&machine->refused[i]);
	hc_fido2_outcome_clear(&machine->kept);
}

/* ---- the end ---- */

void hc_fido2_fail(struct hc_fido2_machine *machine, unsigned key, enum hc_reason reason, const char *detail)
{
	const struct hc_fido2_slot *slot = key < NO_KEY ? &machine->slots[key] : NULL;
	struct hc_fido2_note note = {.reason = reason, .detail = detail, .tries = -1};

	if (machine->state == HC_FIDO2_ENDED)
		return;
	machine->state = HC_FIDO2_ENDED;
	if (slot != NULL) {
		note.label = slot->label;
		if (slot->facts.has_pin)
			note.tries = slot->facts.pin_tries;
	}
	machine->ops->failed(machine->ctx, &note);
}

void hc_fido2_accept(struct hc_fido2_machine *machine, unsigned key, struct hc_fido2_outcome *outcome)
{
	struct hc_fido2_note note = {.label = machine->slots[key].label, .tries = -1};
	bool several = machine->request->operation == HC_DEVICE_ASSERT &&
		       machine->request->groups[outcome->group].count == 0 && outcome->account_count > 1;

	if (machine->request->operation != HC_DEVICE_SET_PIN && outcome->account_count == 0) {
		hc_fido2_fail(machine, key, HC_REASON_DEVICE_ERROR, "the key gave nothing");
		return;
	}
	hc_fido2_settle(machine, key);
	if (several) {
		/* One key, several people or roles: only the person knows which. */
		machine->state = HC_FIDO2_ASKING;
		machine->question = HC_DEVICE_CHOICE;
		machine->kept = *outcome;
		*outcome = (struct hc_fido2_outcome){0};
		machine->ops->ask(machine->ctx, HC_DEVICE_CHOICE, &note, machine->kept.accounts,
				  machine->kept.account_count);
		return;
	}
	machine->state = HC_FIDO2_ENDED;
	machine->ops->done(machine->ctx, outcome->account_count > 0 ? outcome : NULL, 0, &note);
}

void hc_fido2_cancelled(struct hc_fido2_machine *machine)
{
	hc_fido2_fail(machine, machine->chosen, HC_REASON_CANCELLED, "cancelled by the broker");
}

/* ---- events ---- */

void hc_fido2_arrived(struct hc_fido2_machine *machine, unsigned key, const char *label, int64_t now_ms)
{
	struct hc_fido2_slot *slot = &machine->slots[key];
	size_t len = strnlen(label, HC_FIDO2_LABEL_MAX);

	*slot = (struct hc_fido2_slot){.place = HC_FIDO2_IGNORED};
	memcpy(slot->label, label, len);
	if (machine->state != HC_FIDO2_LOOKING && machine->state != HC_FIDO2_RACING)
		return;
	if (machine->scanned)
		machine->gather_ms = now_ms + HC_FIDO2_GATHER_MS;
	hc_fido2_probe_key(machine, key);
}

void hc_fido2_gone(struct hc_fido2_machine *machine, unsigned key, int64_t now_ms)
{
	bool chosen = machine->slots[key].place == HC_FIDO2_CHOSEN;

	machine->slots[key].place = HC_FIDO2_FREE;
	/* Once it has answered for several accounts, it is not needed any more. */
	if (chosen && (machine->state != HC_FIDO2_ASKING || machine->question != HC_DEVICE_CHOICE))
		hc_fido2_fail(machine, key, HC_REASON_DEVICE_REMOVED, "pulled out");
	hc_fido2_decide(machine, now_ms);
}

void hc_fido2_scanned(struct hc_fido2_machine *machine, int64_t now_ms)
{
	machine->scanned = true;
	hc_fido2_decide(machine, now_ms);
}

static void probed(struct hc_fido2_machine *machine, unsigned key, const struct hc_fido2_outcome *outcome,
		   int64_t now_ms)
{
	struct hc_fido2_slot *slot = &machine->slots[key];

	if (outcome->status != HC_FIDO2_OK) {
		slot->place = HC_FIDO2_BROKEN;
		slot->retry_ms = now_ms + HC_FIDO2_RETRY_MS;
		machine->ops->release(machine->ctx, key);
		return;
	}
	slot->facts = outcome->facts;
	slot->unfit = hc_fido2_unfit(machine->request, &slot->facts);
	slot->place = slot->unfit == HC_REASON_NONE ? HC_FIDO2_FIT : HC_FIDO2_UNFIT;
	if (slot->place == HC_FIDO2_UNFIT)
		machine->ops->release(machine->ctx, key); /* others may want to use it meanwhile */
}

static void raced(struct hc_fido2_machine *machine, unsigned key, enum hc_fido2_job job,
		  struct hc_fido2_outcome *outcome, int64_t now_ms)
{
	struct hc_fido2_slot *slot = &machine->slots[key];

	if (outcome->status == HC_FIDO2_OK && job == HC_FIDO2_SELECT) {
		hc_fido2_choose(machine, key, now_ms);
	} else if (outcome->status == HC_FIDO2_OK) {
		hc_fido2_accept(machine, key, outcome);
	} else if (outcome->status == HC_FIDO2_TIMED_OUT) {
		hc_fido2_enter_race(machine, key); /* its own clock runs shorter than ours */
	} else if (outcome->status == HC_FIDO2_NO_CREDENTIAL) {
		slot->place = HC_FIDO2_UNFIT;
		slot->unfit = HC_REASON_KEY_NOT_REGISTERED;
		machine->ops->release(machine->ctx, key);
	} else {
		slot->place = HC_FIDO2_BROKEN;
		slot->retry_ms = now_ms + HC_FIDO2_RETRY_MS;
		machine->ops->release(machine->ctx, key);
	}
}

void hc_fido2_finished(struct hc_fido2_machine *machine, unsigned key, enum hc_fido2_job job,
		       struct hc_fido2_outcome *outcome, int64_t now_ms)
{
	struct hc_fido2_slot *slot = &machine->slots[key];

	if (machine->state != HC_FIDO2_ENDED && slot->place == HC_FIDO2_PROBING && job == HC_FIDO2_PROBE)
		probed(machine, key, outcome, now_ms);
	else if (machine->state == HC_FIDO2_RACING && slot->place == HC_FIDO2_IN_RACE)
		raced(machine, key, job, outcome, now_ms);
	else if (machine->state == HC_FIDO2_WORKING && slot->place == HC_FIDO2_CHOSEN)
		hc_fido2_worked(machine, outcome, now_ms);
	hc_fido2_outcome_clear(outcome);
	hc_fido2_decide(machine, now_ms);
}

/* ---- time ---- */

static void expired(struct hc_fido2_machine *machine)
{
	unsigned key = machine->chosen;
	enum hc_reason reason = HC_REASON_TIMED_OUT;

	if (machine->state == HC_FIDO2_LOOKING)
		reason = hc_fido2_why_none(machine, &key);
	else if (machine->state == HC_FIDO2_RACING || machine->state == HC_FIDO2_WORKING)
		reason = HC_REASON_TOUCH_TIMED_OUT;
	hc_fido2_fail(machine, key, reason, "the time is up");
}

static void retry_broken(struct hc_fido2_machine *machine, int64_t now_ms)
{
	for (unsigned i = 0; i < NO_KEY; i++) {
		struct hc_fido2_slot *slot = &machine->slots[i];

		if (slot->place != HC_FIDO2_BROKEN || now_ms < slot->retry_ms)
			continue;
		machine->gather_ms = now_ms + HC_FIDO2_GATHER_MS;
		hc_fido2_probe_key(machine, i);
	}
}

void hc_fido2_tick(struct hc_fido2_machine *machine, int64_t now_ms)
{
	if (machine->state == HC_FIDO2_ENDED)
		return;
	if (now_ms >= machine->deadline_ms) {
		expired(machine);
		return;
	}
	switch (machine->state) {
	case HC_FIDO2_RACING:
		if (now_ms >= machine->step_ms) {
			hc_fido2_fail(machine, NO_KEY, HC_REASON_TOUCH_TIMED_OUT, "no key was touched");
			return;
		}
		retry_broken(machine, now_ms);
		break;
	case HC_FIDO2_LOOKING:
		retry_broken(machine, now_ms);
		break;
	case HC_FIDO2_WORKING:
	case HC_FIDO2_LEAVING:
		hc_fido2_work_tick(machine, now_ms);
		break;
	case HC_FIDO2_ASKING:
	case HC_FIDO2_ENDED:
		break;
	}
	hc_fido2_decide(machine, now_ms);
}

static void sooner(int64_t *first, int64_t other)
{
	if (other != 0 && other < *first)
		*first = other;
}

int64_t hc_fido2_wake_ms(const struct hc_fido2_machine *machine)
{
	int64_t first = machine->deadline_ms;

	if (machine->state == HC_FIDO2_LOOKING && machine->scanned &&
	    hc_fido2_count(machine, HC_FIDO2_PROBING) > 0)
		sooner(&first, machine->gather_ms);
	if (machine->state == HC_FIDO2_RACING || machine->state == HC_FIDO2_WORKING ||
	    machine->state == HC_FIDO2_LEAVING)
		sooner(&first, machine->step_ms);
	if (machine->state == HC_FIDO2_WORKING)
		sooner(&first, machine->cue_ms);
	for (unsigned i = 0; i < NO_KEY; i++) {
		if (machine->slots[i].place == HC_FIDO2_BROKEN)
			sooner(&first, machine->slots[i].retry_ms);
	}
	return first;
}
