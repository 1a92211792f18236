/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialogue about the PIN: what is asked, and what may go to the card.
 *
 * State: the PINs that this card refused in this operation, until its end. Threats: the last try spent
 * without its owner's word, a PIN sent to another card than the one it was asked for, the same wrong PIN
 * sent twice, a card that another program uses meanwhile. What the card says is read again behind every
 * answer, right before the PIN goes. A PIN is never sent anywhere but to C_Login.
 */
#include "pkcs11_operation.h"

#include <string.h>

#include "hospiconnect/secret.h"

#define ASKS_MAX 8
#define LOOK_MS	 300 /* how soon a card that was pulled is noticed */
#define YES	 "yes"

struct dialogue {
	struct hc_p11_run *run;
	struct hc_p11_card *card;
	const struct hc_p11_certificate *certificate;
	enum hc_reason again; /* why it is asked again */
	bool confirmed;
	unsigned asked, wrong;
	struct hc_secret *refused[ASKS_MAX]; /* owned; at most one for each question */
	size_t refused_count;
};

static enum hc_reason reason_of_link(enum hc_err err)
{
	if (err == HC_ERR_TIMEOUT)
		return HC_REASON_TIMED_OUT;
	return err == HC_ERR_CLOSED ? HC_REASON_CANCELLED : HC_REASON_INTERNAL;
}

enum hc_reason hc_p11_await_answer(struct hc_p11_run *run, struct hc_p11_card *card,
				   struct hc_secret **ret_answer)
{
	enum hc_err err;

	while ((err = hc_p11_listen(&run->link, LOOK_MS, ret_answer)) == HC_ERR_AWAY) {
		enum hc_reason reason = card != NULL ? hc_p11_look(&run->module, card) : HC_REASON_NONE;

		if (reason != HC_REASON_NONE)
			return reason;
	}
	return err == HC_OK ? HC_REASON_NONE : hc_p11_fail(&run->module, reason_of_link(err), "no answer");
}

static enum hc_reason ask(struct dialogue *dialogue, enum hc_device_ask what, uint32_t tries,
			  struct hc_secret **ret_answer)
{
	const struct hc_p11_note note = {.label = dialogue->card->label,
					 .serial = dialogue->card->serial,
					 .tries = tries,
					 .reason = dialogue->again,
					 .certificate = dialogue->certificate};

	if (dialogue->asked++ >= ASKS_MAX)
		return hc_p11_fail(&dialogue->run->module, HC_REASON_TOO_MANY_TRIES, "asked too often");
	if (hc_p11_ask(&dialogue->run->link, what, &note) != HC_OK)
		return hc_p11_fail(&dialogue->run->module, HC_REASON_CANCELLED, "nobody listens");
	return hc_p11_await_answer(dialogue->run, dialogue->card, ret_answer);
}

static enum hc_reason confirm(struct dialogue *dialogue)
{
	HC_AUTO(secret) answer = NULL;
	enum hc_reason reason = ask(dialogue, HC_DEVICE_CONFIRM_LAST_TRY, 1, &answer);

	if (reason != HC_REASON_NONE)
		return reason;
	dialogue->confirmed = hc_secret_len(answer) == strlen(YES) &&
			      hc_bytes_equal(hc_secret_data(answer), YES, strlen(YES));
	return dialogue->confirmed ? HC_REASON_NONE
				   : hc_p11_fail(&dialogue->run->module, HC_REASON_CANCELLED,
						 "the last try was not agreed to");
}

static bool was_refused(const struct dialogue *dialogue, const struct hc_secret *pin)
{
	bool found = false;

	for (size_t i = 0; i < HC_COUNT(dialogue->refused); i++)
		found = (dialogue->refused[i] != NULL && hc_secret_equal(dialogue->refused[i], pin)) || found;
	return found;
}

/* After a PIN that the card did not take: NONE to ask again. */
static enum hc_reason after_refusal(struct dialogue *dialogue, enum hc_reason reason, struct hc_secret **pin)
{
	if (reason != HC_REASON_WRONG_PIN && reason != HC_REASON_PIN_NOT_ACCEPTED)
		return reason;
	/* A library that says "not a PIN" may have used a try for it all the same. */
	dialogue->refused[dialogue->refused_count++] = hc_steal_ptr(pin);
	if (reason == HC_REASON_WRONG_PIN) {
		dialogue->wrong++;
		dialogue->confirmed = false; /* the next try needs its own word */
	}
	dialogue->again = reason;
	return HC_REASON_NONE;
}

/* One question, and at most one try. NONE with *ret_done unset: to be asked again. */
static enum hc_reason ask_and_try(struct dialogue *dialogue, bool *ret_done)
{
	struct hc_p11_card *card = dialogue->card;
	struct hc_p11_module *module = &dialogue->run->module;
	uint32_t told = hc_p11_tries_left(card->flags, dialogue->wrong);
	enum hc_reason ignored, reason;
	HC_AUTO(secret) pin = NULL;

	reason = ask(dialogue, HC_DEVICE_PIN, told, &pin);
	if (reason == HC_REASON_NONE)
		reason = hc_p11_look(module, card); /* the same card, and what it says now */
	if (reason != HC_REASON_NONE)
		return reason;
	if (!hc_p11_pin_possible(hc_secret_data(pin), hc_secret_len(pin), card->pin_min, card->pin_max)) {
		dialogue->again = HC_REASON_PIN_NOT_ACCEPTED;
		return HC_REASON_NONE;
	}
	if (was_refused(dialogue, pin)) {
		dialogue->again = dialogue->wrong > 0 ? HC_REASON_WRONG_PIN : HC_REASON_PIN_NOT_ACCEPTED;
		return HC_REASON_NONE;
	}
	/* Another program has used tries meanwhile: the person decides on what is true now. */
	if (hc_p11_pin_step(card->flags, dialogue->wrong, dialogue->confirmed, &ignored) != HC_P11_PIN_ASK ||
	    hc_p11_tries_left(card->flags, dialogue->wrong) < told) {
		dialogue->again = HC_REASON_NONE;
		return HC_REASON_NONE;
	}
	reason = hc_p11_login(module, card, pin);
	*ret_done = reason == HC_REASON_NONE;
	return *ret_done ? HC_REASON_NONE : after_refusal(dialogue, reason, &pin);
}

/* The reader asks by itself, once: who watches it decides whether to begin again. */
static enum hc_reason let_reader_ask(struct dialogue *dialogue)
{
	const struct hc_p11_note note = {.label = dialogue->card->label,
					 .tries = hc_p11_tries_left(dialogue->card->flags, 0),
					 .certificate = dialogue->certificate};

	if (hc_p11_tell(&dialogue->run->link, HC_DEVICE_PIN_PAD, &note) != HC_OK)
		return HC_REASON_CANCELLED;
	return hc_p11_login(&dialogue->run->module, dialogue->card, NULL);
}

static enum hc_reason converse(struct dialogue *dialogue)
{
	bool done = false;

	while (!done) {
		enum hc_reason reason = hc_p11_look(&dialogue->run->module, dialogue->card),
			       why = HC_REASON_NONE;

		if (reason != HC_REASON_NONE)
			return reason;
		switch (hc_p11_pin_step(dialogue->card->flags, dialogue->wrong, dialogue->confirmed, &why)) {
		case HC_P11_PIN_REFUSE:
			return hc_p11_fail(&dialogue->run->module, why, "no PIN may be sent to this card");
		case HC_P11_PIN_CONFIRM:
			reason = confirm(dialogue);
			break;
		case HC_P11_PIN_ASK:
			reason = ask_and_try(dialogue, &done);
			break;
		case HC_P11_PIN_PAD:
			return let_reader_ask(dialogue);
		}
		if (reason != HC_REASON_NONE)
			return reason;
	}
	return HC_REASON_NONE;
}

enum hc_reason hc_p11_unlock(struct hc_p11_run *run, struct hc_p11_card *card,
			     const struct hc_p11_certificate *certificate)
{
	struct dialogue dialogue = {.run = run, .card = card, .certificate = certificate};
	enum hc_reason reason = converse(&dialogue);

	for (size_t i = 0; i < HC_COUNT(dialogue.refused); i++)
		hc_secret_free(&dialogue.refused[i]);
	/* For the count that is told. A card that is gone by now has nothing to count. */
	if ((reason == HC_REASON_WRONG_PIN || reason == HC_REASON_PIN_BLOCKED) &&
	    hc_p11_look(&run->module, card) == HC_REASON_NONE)
		run->tries = hc_p11_tries_left(card->flags, dialogue.wrong);
	return reason;
}
