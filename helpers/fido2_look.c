/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the keys that are plugged in: one that is fit is chosen, several race for a touch, none means
 * waiting for another.
 *
 * State: LOOKING and RACING of the machine. It must never ask anything about a key before it is the
 * chosen one, and never leave a person without a word on why nothing happens.
 */
#include "fido2_machine.h"

#define NO_KEY HC_FIDO2_KEYS_MAX

unsigned hc_fido2_count(const struct hc_fido2_machine *machine, enum hc_fido2_place place)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NO_KEY; i++)
		count += machine->slots[i].place == place ? 1 : 0;
	return count;
}

static void start(struct hc_fido2_machine *machine, unsigned key, enum hc_fido2_job job)
{
	const struct hc_fido2_task task = {.job = job, .verify = HC_FIDO2_TOUCH_ALONE};

	machine->ops->start(machine->ctx, key, &task);
}

void hc_fido2_probe_key(struct hc_fido2_machine *machine, unsigned key)
{
	machine->slots[key].place = HC_FIDO2_PROBING;
	start(machine, key, HC_FIDO2_PROBE);
}

enum hc_fido2_job hc_fido2_job_of(const struct hc_fido2_request *request)
{
	switch (request->operation) {
	case HC_DEVICE_ASSERT:
		return HC_FIDO2_ASSERT;
	case HC_DEVICE_MAKE:
		return HC_FIDO2_MAKE;
	case HC_DEVICE_SET_PIN:
		return HC_FIDO2_SET_PIN;
	case HC_DEVICE_LIST:
	case HC_DEVICE_SIGN:
	case HC_DEVICE_READ:
	case HC_DEVICE_WATCH:
	case HC_DEVICE_CHECK:
		break;
	}
	return HC_FIDO2_PROBE;
}

/* A touch that proves possession is the answer itself; any other only says which key is meant. */
void hc_fido2_enter_race(struct hc_fido2_machine *machine, unsigned key)
{
	struct hc_fido2_slot *slot = &machine->slots[key];
	bool touch_is_all = machine->request->operation == HC_DEVICE_ASSERT &&
			    hc_fido2_verify_by(machine->request, &slot->facts, false) == HC_FIDO2_TOUCH_ALONE;

	slot->place = HC_FIDO2_IN_RACE;
	start(machine, key, touch_is_all ? HC_FIDO2_ASSERT : HC_FIDO2_SELECT);
}

/* Keys that surely hold the credential leave those that may hold it no chance. */
static unsigned candidates(const struct hc_fido2_machine *machine, bool *ret_of)
{
	unsigned sure = 0, count = 0;

	for (unsigned i = 0; i < NO_KEY; i++)
		sure += machine->slots[i].place == HC_FIDO2_FIT &&
					hc_fido2_sure(machine->request, &machine->slots[i].facts)
				? 1
				: 0;
	for (unsigned i = 0; i < NO_KEY; i++) {
		ret_of[i] = machine->slots[i].place == HC_FIDO2_FIT &&
			    (sure == 0 || hc_fido2_sure(machine->request, &machine->slots[i].facts));
		count += ret_of[i] ? 1 : 0;
	}
	return count;
}

/* Several can be used: LOOKING becomes RACING, and the person's touch decides. */
static void race(struct hc_fido2_machine *machine, const bool *of, int64_t now_ms)
{
	struct hc_fido2_note note = {.tries = -1};

	machine->state = HC_FIDO2_RACING;
	machine->step_ms = now_ms + HC_FIDO2_TOUCH_MS;
	machine->announced = false;
	machine->ops->wait(machine->ctx, HC_DEVICE_TOUCH, &note);
	for (unsigned i = 0; i < NO_KEY; i++) {
		if (of[i])
			hc_fido2_enter_race(machine, i);
	}
}

enum hc_reason hc_fido2_why_none(const struct hc_fido2_machine *machine, unsigned *ret_key)
{
	enum hc_reason reason = HC_REASON_NO_DEVICE;

	*ret_key = NO_KEY;
	for (unsigned i = 0; i < NO_KEY; i++) {
		const struct hc_fido2_slot *slot = &machine->slots[i];
		enum hc_reason of = slot->place == HC_FIDO2_UNFIT    ? slot->unfit
				    : slot->place == HC_FIDO2_BROKEN ? HC_REASON_DEVICE_ERROR
								     : HC_REASON_NONE;

		if (hc_fido2_worse(reason, of) == reason)
			continue;
		reason = of;
		*ret_key = i;
	}
	return reason;
}

/* No key can be used: says so when it is news, and goes on waiting unless that makes no sense. */
static void none_fits(struct hc_fido2_machine *machine)
{
	struct hc_fido2_note note = {.tries = -1};
	unsigned key;
	enum hc_reason reason = hc_fido2_why_none(machine, &key);

	if ((machine->request->flags & HC_DEVICE_FLAG_PRESENT) != 0 ||
	    hc_fido2_final(machine->request, reason)) {
		hc_fido2_fail(machine, key, reason, "no key that is there can be used");
		return;
	}
	if (machine->announced && machine->announced_reason == reason)
		return;
	machine->announced = true;
	machine->announced_reason = reason;
	note.label = key < NO_KEY ? machine->slots[key].label : NULL;
	note.reason = reason == HC_REASON_NO_DEVICE ? HC_REASON_NONE : reason;
	machine->ops->wait(machine->ctx, HC_DEVICE_INSERT, &note);
}

/* A key does not let itself be opened, most often because another program has it. */
static void be_patient(struct hc_fido2_machine *machine)
{
	struct hc_fido2_note note = {.tries = -1};

	for (unsigned i = 0; i < NO_KEY && note.label == NULL; i++) {
		if (machine->slots[i].place == HC_FIDO2_PROBING)
			note.label = machine->slots[i].label;
	}
	if (!machine->patient)
		machine->ops->wait(machine->ctx, HC_DEVICE_WORKING, &note);
	machine->patient = true;
}

static void list(struct hc_fido2_machine *machine)
{
	const struct hc_fido2_note end = {.tries = -1};

	for (unsigned i = 0; i < NO_KEY; i++) {
		const struct hc_fido2_slot *slot = &machine->slots[i];
		struct hc_fido2_note note = {.label = slot->label, .tries = -1};

		if (slot->place == HC_FIDO2_FREE || slot->place == HC_FIDO2_IGNORED)
			continue;
		if (slot->place != HC_FIDO2_FIT)
			note.reason = HC_REASON_DEVICE_ERROR;
		machine->ops->item(machine->ctx, i, &slot->facts, &note);
	}
	machine->state = HC_FIDO2_ENDED;
	machine->ops->done(machine->ctx, NULL, 0, &end);
}

/* LOOKING: once enough is known, one key is chosen, several race, or another one is waited for. */
static void look(struct hc_fido2_machine *machine, int64_t now_ms)
{
	bool of[HC_FIDO2_KEYS_MAX];
	unsigned pending = hc_fido2_count(machine, HC_FIDO2_PROBING), count = candidates(machine, of);

	if (!machine->scanned || (pending > 0 && now_ms < machine->gather_ms))
		return;
	machine->gather_ms = 0;
	if (machine->request->operation == HC_DEVICE_LIST) {
		list(machine);
		return;
	}
	if (count == 0 && pending == 0)
		none_fits(machine);
	else if (count == 0)
		be_patient(machine);
	else if (count > 1)
		race(machine, of, now_ms);
	for (unsigned i = 0; i < NO_KEY && count == 1; i++) {
		if (of[i])
			hc_fido2_choose(machine, i, now_ms);
	}
}

void hc_fido2_decide(struct hc_fido2_machine *machine, int64_t now_ms)
{
	bool of[HC_FIDO2_KEYS_MAX];

	if (machine->state == HC_FIDO2_RACING && hc_fido2_count(machine, HC_FIDO2_IN_RACE) == 0)
		machine->state = HC_FIDO2_LOOKING; /* the last racer left: as before */
	if (machine->state == HC_FIDO2_LOOKING)
		look(machine, now_ms);
	if (machine->state != HC_FIDO2_RACING || candidates(machine, of) == 0)
		return;
	for (unsigned i = 0; i < NO_KEY; i++) {
		if (of[i] && hc_fido2_sure(machine->request, &machine->slots[i].facts))
			hc_fido2_enter_race(machine, i); /* plugged in while the others blink */
	}
}
