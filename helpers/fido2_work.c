/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chosen key: what the person is asked, what the key is told, and what is made of the key's answer.
 *
 * State: ASKING, WORKING and LEAVING of the machine. Threats: a PIN that is burnt without need. So the
 * tries that are left are known before anything is asked; the last one is used on the person's word
 * alone; and a key that fails otherwise gets no second try with the same PIN by itself.
 */
#include "fido2_machine.h"

static struct hc_fido2_slot *own(struct hc_fido2_machine *machine)
{
	return &machine->slots[machine->chosen];
}

static void fail(struct hc_fido2_machine *machine, enum hc_reason reason, const char *detail)
{
	hc_fido2_fail(machine, machine->chosen, reason, detail);
}

/* ---- questions ---- */

void hc_fido2_ask(struct hc_fido2_machine *machine, enum hc_device_ask question, enum hc_reason reason)
{
	const struct hc_fido2_slot *slot = own(machine);
	struct hc_fido2_note note = {.label = slot->label, .tries = -1, .reason = reason};

	if (++machine->asks > HC_FIDO2_ASKS_MAX) {
		fail(machine, HC_REASON_TOO_MANY_TRIES, "asked too often");
		return;
	}
	if (question == HC_DEVICE_NEW_PIN)
		note.pin_min = slot->facts.pin_min > machine->request->pin_min ? slot->facts.pin_min
									       : machine->request->pin_min;
	else
		note.tries = slot->facts.pin_tries;
	/* Whatever led here, the next message of the broker is an answer to this. */
	machine->state = HC_FIDO2_ASKING;
	machine->question = question;
	machine->ops->ask(machine->ctx, question, &note, NULL, 0);
}

/* Nobody's last try is used without asking. */
void hc_fido2_ask_pin(struct hc_fido2_machine *machine, enum hc_reason reason)
{
	int tries = own(machine)->facts.pin_tries;

	if (tries == 0)
		fail(machine, HC_REASON_PIN_BLOCKED, "no tries left");
	else if (tries < 0)
		fail(machine, HC_REASON_DEVICE_ERROR, "the key does not say how many tries are left");
	else if (tries == 1 && !machine->confirmed)
		hc_fido2_ask(machine, HC_DEVICE_CONFIRM_LAST_TRY, reason);
	else
		hc_fido2_ask(machine, HC_DEVICE_PIN, reason);
}

/* ---- work ---- */

static void tell(struct hc_fido2_machine *machine, enum hc_device_wait wait)
{
	const struct hc_fido2_slot *slot = own(machine);
	struct hc_fido2_note note = {.label = slot->label, .tries = -1};

	if (wait == HC_DEVICE_FINGER)
		note.tries = slot->facts.finger_tries;
	machine->ops->wait(machine->ctx, wait, &note);
}

/* The key is set to work; the cue comes first, but where a wrong PIN may end it before it waits. */
void hc_fido2_work(struct hc_fido2_machine *machine, int64_t now_ms)
{
	const struct hc_fido2_task task = {.job = hc_fido2_job_of(machine->request),
					   .verify = machine->verify,
					   .pin = machine->verify == HC_FIDO2_BY_PIN ? machine->pin : NULL,
					   .new_pin = machine->new_pin};

	machine->state = HC_FIDO2_WORKING;
	machine->stopping = false;
	machine->step_ms = now_ms + HC_FIDO2_TOUCH_MS;
	machine->cue_ms = 0;
	if (task.job != HC_FIDO2_SET_PIN) {
		if (machine->verify == HC_FIDO2_BY_PIN)
			machine->cue_ms = now_ms + HC_FIDO2_CUE_MS;
		else
			tell(machine,
			     machine->verify == HC_FIDO2_BY_FINGER ? HC_DEVICE_FINGER : HC_DEVICE_TOUCH);
	}
	machine->ops->start(machine->ctx, machine->chosen, &task);
}

static void begin(struct hc_fido2_machine *machine, enum hc_reason reason, int64_t now_ms)
{
	const struct hc_fido2_request *request = machine->request;

	machine->verify = hc_fido2_verify_by(request, &own(machine)->facts, machine->without_finger);
	if (machine->verify == HC_FIDO2_BY_FINGER && machine->without_finger)
		fail(machine, HC_REASON_FINGERPRINT_BLOCKED, "no PIN to fall back to");
	else if (machine->verify == HC_FIDO2_BY_PIN)
		hc_fido2_ask_pin(machine, reason);
	else if (request->operation == HC_DEVICE_SET_PIN)
		hc_fido2_ask(machine, HC_DEVICE_NEW_PIN, reason);
	else
		hc_fido2_work(machine, now_ms);
}

void hc_fido2_settle(struct hc_fido2_machine *machine, unsigned key)
{
	machine->chosen = key;
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		enum hc_fido2_place place = machine->slots[i].place;

		if (i == key || place == HC_FIDO2_FREE)
			continue;
		if (place == HC_FIDO2_IN_RACE || place == HC_FIDO2_PROBING)
			machine->ops->cancel(machine->ctx, i);
		if (place != HC_FIDO2_IGNORED)
			machine->ops->release(machine->ctx, i);
		machine->slots[i].place = HC_FIDO2_IGNORED;
	}
	machine->slots[key].place = HC_FIDO2_CHOSEN;
}

void hc_fido2_choose(struct hc_fido2_machine *machine, unsigned key, int64_t now_ms)
{
	hc_fido2_settle(machine, key);
	begin(machine, HC_REASON_NONE, now_ms);
}

/* ---- answers of the key ---- */

static void pin_was_wrong(struct hc_fido2_machine *machine)
{
	machine->confirmed = false;
	if (machine->pin != NULL && machine->refused_count < HC_FIDO2_ASKS_MAX)
		machine->refused[machine->refused_count++] = hc_steal_ptr(&machine->pin);
	hc_secret_free(&machine->pin);
	hc_fido2_ask_pin(machine, HC_REASON_WRONG_PIN);
}

static void finger_failed(struct hc_fido2_machine *machine, bool locked, int64_t now_ms)
{
	if (!locked && own(machine)->facts.finger_tries > 0 && ++machine->asks <= HC_FIDO2_ASKS_MAX) {
		hc_fido2_work(machine, now_ms);
		return;
	}
	/* The sensor is through with this person: the PIN opens it again. */
	machine->without_finger = true;
	begin(machine,
	      locked || own(machine)->facts.finger_tries == 0 ? HC_REASON_FINGERPRINT_BLOCKED
							      : HC_REASON_NONE,
	      now_ms);
}

static void timed_out(struct hc_fido2_machine *machine, int64_t now_ms)
{
	const struct hc_fido2_facts *facts = &own(machine)->facts;
	bool pin_helps = machine->verify == HC_FIDO2_BY_FINGER && facts->has_pin && facts->pin_tries > 0 &&
			 !facts->pin_change;

	if (!pin_helps) {
		fail(machine, HC_REASON_TOUCH_TIMED_OUT, "nobody touched the key");
		return;
	}
	machine->without_finger = true; /* gloves, wet hands: there is another way */
	begin(machine, HC_REASON_NONE, now_ms);
}

/*
 * It stopped answering, or libfido2 hides what it stumbled over behind an error of its own: pulled out, or broken.
 * WORKING becomes LEAVING until that is known.
 */
static void left(struct hc_fido2_machine *machine, const char *detail, int64_t now_ms)
{
	if (!machine->ops->present(machine->ctx, machine->chosen)) {
		fail(machine, HC_REASON_DEVICE_REMOVED, "pulled out");
		return;
	}
	machine->state = HC_FIDO2_LEAVING;
	machine->detail = detail;
	machine->step_ms = now_ms + HC_FIDO2_LEAVE_MS;
}

static void take_tries(struct hc_fido2_machine *machine, const struct hc_fido2_facts *facts)
{
	if (facts->pin_tries >= 0)
		own(machine)->facts.pin_tries = facts->pin_tries;
	if (facts->finger_tries >= 0)
		own(machine)->facts.finger_tries = facts->finger_tries;
}

void hc_fido2_worked(struct hc_fido2_machine *machine, struct hc_fido2_outcome *outcome, int64_t now_ms)
{
	bool finger = machine->verify == HC_FIDO2_BY_FINGER;

	take_tries(machine, &outcome->facts);
	switch (outcome->status) {
	case HC_FIDO2_OK:
		return hc_fido2_accept(machine, machine->chosen, outcome);
	case HC_FIDO2_NO_CREDENTIAL:
		return fail(machine, HC_REASON_KEY_NOT_REGISTERED, outcome->detail);
	case HC_FIDO2_EXCLUDED:
		return fail(machine, HC_REASON_KEY_ALREADY_REGISTERED, outcome->detail);
	case HC_FIDO2_PIN_WRONG:
		return pin_was_wrong(machine);
	case HC_FIDO2_PIN_LOCKED_NOW:
		return fail(machine, HC_REASON_PIN_BLOCKED_FOR_NOW, outcome->detail);
	case HC_FIDO2_PIN_LOCKED:
		own(machine)->facts.pin_tries = 0;
		return fail(machine, HC_REASON_PIN_BLOCKED, outcome->detail);
	case HC_FIDO2_PIN_MISSING:
		return fail(machine, HC_REASON_PIN_NOT_SET, outcome->detail);
	case HC_FIDO2_PIN_CHANGE:
		return fail(machine, HC_REASON_PIN_CHANGE_NEEDED, outcome->detail);
	case HC_FIDO2_PIN_REFUSED:
		hc_secret_free(&machine->new_pin);
		return hc_fido2_ask(machine, HC_DEVICE_NEW_PIN, HC_REASON_PIN_NOT_ACCEPTED);
	case HC_FIDO2_FINGER_WRONG:
	case HC_FIDO2_FINGER_LOCKED:
		if (finger)
			return finger_failed(machine, outcome->status == HC_FIDO2_FINGER_LOCKED, now_ms);
		break; /* there was no finger: a try at the same PIN again would be one that nobody asked for */
	case HC_FIDO2_TIMED_OUT:
		return timed_out(machine, now_ms);
	case HC_FIDO2_DENIED:
		/* Keys before CTAP 2.1 say this of a finger that they do not know. */
		return finger ? finger_failed(machine, false, now_ms)
			      : fail(machine, HC_REASON_CANCELLED, outcome->detail);
	case HC_FIDO2_CANCELLED:
		return machine->stopping ? timed_out(machine, now_ms)
					 : fail(machine, HC_REASON_DEVICE_ERROR, outcome->detail);
	case HC_FIDO2_FULL:
		return fail(machine, HC_REASON_KEY_FULL, outcome->detail);
	case HC_FIDO2_UNSUPPORTED:
		return fail(machine, HC_REASON_KEY_LACKS_FEATURE, outcome->detail);
	case HC_FIDO2_GONE:
		return left(machine, "the key stopped answering", now_ms);
	case HC_FIDO2_FAILED:
		return left(machine, outcome->detail, now_ms);
	}
	fail(machine, HC_REASON_DEVICE_ERROR, outcome->detail);
}

void hc_fido2_work_tick(struct hc_fido2_machine *machine, int64_t now_ms)
{
	if (machine->state == HC_FIDO2_LEAVING) {
		if (!machine->ops->present(machine->ctx, machine->chosen))
			fail(machine, HC_REASON_DEVICE_REMOVED, "pulled out");
		else if (now_ms >= machine->step_ms)
			fail(machine, HC_REASON_DEVICE_ERROR, machine->detail);
		return;
	}
	if (machine->cue_ms != 0 && now_ms >= machine->cue_ms) {
		machine->cue_ms = 0;
		tell(machine, HC_DEVICE_TOUCH);
	}
	if (now_ms < machine->step_ms)
		return;
	if (machine->stopping) {
		fail(machine, HC_REASON_TOUCH_TIMED_OUT, "the key does not give up either");
		return;
	}
	machine->stopping = true;
	machine->step_ms = now_ms + HC_FIDO2_LEAVE_MS;
	machine->ops->cancel(machine->ctx, machine->chosen);
}
