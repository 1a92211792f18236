/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person answers: a PIN, a new one, a yes, a number.
 *
 * State: ASKING of the machine. What cannot be a PIN, and what this key has refused before, is never sent to
 * it. A PIN is held in a struct hc_secret from here to the end of the operation.
 */
#include "fido2_machine.h"

#include <string.h>

static bool refused_before(const struct hc_fido2_machine *machine, const struct hc_secret *pin)
{
	for (size_t i = 0; i < machine->refused_count; i++) {
		if (hc_secret_equal(machine->refused[i], pin))
			return true;
	}
	return false;
}

/* With a NUL behind it, as libfido2 wants it. */
static enum hc_err keep(const uint8_t *data, size_t len, struct hc_secret **place)
{
	HC_AUTO(secret) made = NULL;
	enum hc_err err = hc_secret_new(len + 1, &made);

	if (err == HC_OK)
		err = hc_secret_append(made, data, len);
	if (err == HC_OK)
		err = hc_secret_append(made, "", 1);
	if (err != HC_OK)
		return err;
	hc_secret_free(place);
	*place = hc_steal_ptr(&made);
	return HC_OK;
}

static void pin_given(struct hc_fido2_machine *machine, const uint8_t *data, size_t len, int64_t now_ms)
{
	if (!hc_fido2_pin_possible(data, len, 0)) {
		hc_fido2_ask_pin(machine, HC_REASON_PIN_NOT_ACCEPTED);
		return;
	}
	if (keep(data, len, &machine->pin) != HC_OK) {
		hc_fido2_fail(machine, machine->chosen, HC_REASON_NO_MEMORY, "no memory");
		return;
	}
	if (refused_before(machine, machine->pin)) {
		hc_secret_free(&machine->pin);
		hc_fido2_ask_pin(machine,
				 HC_REASON_WRONG_PIN); /* the key has said so: it is not asked again */
	} else if (machine->request->operation == HC_DEVICE_SET_PIN && machine->new_pin == NULL) {
		hc_fido2_ask(machine, HC_DEVICE_NEW_PIN, HC_REASON_NONE);
	} else {
		hc_fido2_work(machine, now_ms);
	}
}

/* The old PIN goes along once more: only while that cannot use the last try up without a word. */
static void change_pin(struct hc_fido2_machine *machine, int64_t now_ms)
{
	bool safe = machine->slots[machine->chosen].facts.pin_tries > 1 || machine->confirmed;

	if (machine->pin == NULL || safe) {
		hc_fido2_work(machine, now_ms);
		return;
	}
	hc_secret_free(&machine->pin);
	hc_fido2_ask_pin(machine, HC_REASON_NONE);
}

static void new_pin_given(struct hc_fido2_machine *machine, const uint8_t *data, size_t len, int64_t now_ms)
{
	uint32_t min = machine->slots[machine->chosen].facts.pin_min;

	if (machine->request->pin_min > min)
		min = machine->request->pin_min;
	if (!hc_fido2_pin_possible(data, len, min))
		hc_fido2_ask(machine, HC_DEVICE_NEW_PIN, HC_REASON_PIN_NOT_ACCEPTED);
	else if (keep(data, len, &machine->new_pin) != HC_OK)
		hc_fido2_fail(machine, machine->chosen, HC_REASON_NO_MEMORY, "no memory");
	else
		change_pin(machine, now_ms);
}

static enum hc_err choice_given(struct hc_fido2_machine *machine, const uint8_t *data, size_t len)
{
	struct hc_fido2_note note = {.label = machine->slots[machine->chosen].label, .tries = -1};
	size_t number = 0;

	for (size_t i = 0; i < len && number <= HC_DEVICE_CHOICES_MAX; i++) {
		if (data[i] < '0' || data[i] > '9')
			return HC_ERR_PROTOCOL;
		number = number * 10 + (size_t)(data[i] - '0');
	}
	if (number == 0 || number > machine->kept.account_count)
		return HC_ERR_PROTOCOL;
	machine->state = HC_FIDO2_ENDED;
	machine->ops->done(machine->ctx, &machine->kept, number - 1, &note);
	return HC_OK;
}

enum hc_err hc_fido2_answered(struct hc_fido2_machine *machine, const uint8_t *data, size_t len,
			      int64_t now_ms)
{
	static const char yes[] = "yes";

	if (machine->state != HC_FIDO2_ASKING)
		return HC_ERR_PROTOCOL;
	switch (machine->question) {
	case HC_DEVICE_PIN:
		pin_given(machine, data, len, now_ms);
		return HC_OK;
	case HC_DEVICE_NEW_PIN:
		new_pin_given(machine, data, len, now_ms);
		return HC_OK;
	case HC_DEVICE_CONFIRM_LAST_TRY:
		machine->confirmed = len == sizeof(yes) - 1 && memcmp(data, yes, len) == 0;
		if (machine->confirmed)
			hc_fido2_ask_pin(machine, HC_REASON_NONE);
		else
			hc_fido2_fail(machine, machine->chosen, HC_REASON_CANCELLED,
				      "the last try was not wanted");
		return HC_OK;
	case HC_DEVICE_CHOICE:
		return choice_given(machine, data, len);
	}
	return HC_ERR_PROTOCOL;
}
