/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation with cards: list them, read a certificate, sign.
 *
 * State: what is in the readers. Threats: all that the library says, and that the card which is asked about
 * is not the one that signs: its serial number is compared before the PIN goes to it and behind the
 * signature. In every case the session is ended and the library closed before anybody hears the result.
 */
#include "pkcs11_operation.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/program.h"
#include "hospiconnect/secret.h"

#define TICK_MS	    250 /* how often it is asked whether a card came */
#define SCAN_TICKS  4	/* … and how often the readers are looked through without being told to */
#define GONE_TICKS  3	/* … and within how many a reader notices that a card has gone */
#define NUMBER_BASE 10

/* ---- which card ---- */

/* The number of a choice, from 1; 0: none of them. */
static size_t number_of(const struct hc_secret *answer, size_t count)
{
	const uint8_t *digit = hc_secret_data(answer);

	if (hc_secret_len(answer) != 1 || digit[0] < '1' || digit[0] > '9' ||
	    (size_t)(digit[0] - '0') > count)
		return 0;
	return (size_t)(digit[0] - '0');
}

static enum hc_reason choose(struct hc_p11_run *run, const struct hc_p11_candidate *candidates, size_t count,
			     struct hc_p11_candidate *ret_chosen)
{
	HC_AUTO(secret) answer = NULL;
	enum hc_reason reason;
	size_t number;

	if (hc_p11_ask_choice(&run->link, run->cards, candidates, count) != HC_OK)
		return hc_p11_fail(&run->module, HC_REASON_CANCELLED, "nobody listens");
	reason = hc_p11_await_answer(run, NULL, &answer);
	if (reason != HC_REASON_NONE)
		return reason;
	number = number_of(answer, count);
	if (number == 0)
		return hc_p11_fail(&run->module, HC_REASON_CANCELLED, "none of the cards was chosen");
	*ret_chosen = candidates[number - 1];
	/* The others may have gone meanwhile; this one must be there. */
	return hc_p11_look(&run->module, &run->cards->cards[ret_chosen->card]);
}

/* Until something may have changed. told: what the person was told last. */
static enum hc_reason wait_for_card(struct hc_p11_run *run, enum hc_reason seen, enum hc_reason *told)
{
	const struct hc_p11_note note = {.tries = HC_P11_TRIES_UNKNOWN, .reason = seen};

	if (run->request->present_only)
		return hc_p11_fail(&run->module, HC_REASON_NO_DEVICE, "no card");
	if (*told != seen && hc_p11_tell(&run->link, HC_DEVICE_INSERT, &note) != HC_OK)
		return hc_p11_fail(&run->module, HC_REASON_CANCELLED, "nobody listens");
	*told = seen;
	for (int i = 0; i < SCAN_TICKS; i++) {
		enum hc_err err = hc_p11_listen(&run->link, TICK_MS, NULL);

		if (err == HC_ERR_TIMEOUT)
			return hc_p11_fail(&run->module, seen != HC_REASON_NONE ? seen : HC_REASON_NO_DEVICE,
					   "no card came");
		if (err != HC_ERR_AWAY)
			return hc_p11_fail(&run->module, HC_REASON_CANCELLED, "cancelled");
		if (hc_p11_event(&run->module))
			break;
	}
	return HC_REASON_NONE;
}

/* Waits for a card that fits. With one choice nobody is asked. */
static enum hc_reason find_card(struct hc_p11_run *run, struct hc_p11_candidate *ret_chosen)
{
	struct hc_p11_candidate candidates[HC_P11_CANDIDATES_MAX];
	enum hc_reason told = HC_REASON_INTERNAL; /* nothing yet */

	for (;;) {
		enum hc_reason seen = HC_REASON_NONE, reason;
		bool changed = false;
		size_t count;

		reason = hc_p11_scan(&run->module, run->cards, &changed);
		if (reason != HC_REASON_NONE)
			return reason;
		count = hc_p11_candidates(run->cards, candidates);
		if (count > 1)
			return choose(run, candidates, count, ret_chosen);
		if (count == 1) {
			*ret_chosen = candidates[0];
			return HC_REASON_NONE;
		}
		reason = hc_p11_why_none(run->cards, &seen);
		if (reason != HC_REASON_NO_DEVICE)
			return hc_p11_fail(&run->module, reason, "no certificate for signing in");
		reason = wait_for_card(run, seen, &told);
		if (reason != HC_REASON_NONE)
			return reason;
	}
}

/* ---- the operations; each ends the link's state with DONE, or says why not ---- */

/* Everything that is in the readers, with what is wrong with it. */
static enum hc_reason list(struct hc_p11_run *run)
{
	bool changed = false;
	enum hc_reason reason = hc_p11_scan(&run->module, run->cards, &changed);

	for (size_t i = 0; reason == HC_REASON_NONE && i < run->cards->count; i++) {
		const struct hc_p11_card *card = &run->cards->cards[i];
		enum hc_err err = HC_OK;

		if (!card->present || card->count == 0)
			err = hc_p11_item(&run->link, card, NULL,
					  card->present ? HC_REASON_CARD_UNKNOWN : HC_REASON_NO_DEVICE);
		for (size_t k = 0; err == HC_OK && card->present && k < card->count; k++) {
			const struct hc_p11_certificate *certificate = &card->certificates[k];

			err = hc_p11_item(&run->link, card, certificate,
					  hc_p11_fits(certificate) ? HC_REASON_NONE
								   : HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN);
		}
		if (err != HC_OK)
			reason = hc_p11_fail(&run->module, HC_REASON_CANCELLED, "nobody listens");
	}
	return reason;
}

/*
 * Libraries have many numbers for a card that was pulled in the middle of a command, the one for errors of
 * any kind among them, and the reader's service takes half a second to notice. Nothing is sent to the card.
 */
static enum hc_reason explain(struct hc_p11_run *run, struct hc_p11_card *card, enum hc_reason reason)
{
	char failure[sizeof(run->module.failure)];

	if (reason != HC_REASON_MODULE_ERROR && reason != HC_REASON_READER_ERROR)
		return reason;
	memcpy(failure, run->module.failure, sizeof(failure));
	for (int i = 0; i < GONE_TICKS; i++) {
		if (hc_p11_look(&run->module, card) == HC_REASON_DEVICE_REMOVED)
			return HC_REASON_DEVICE_REMOVED;
		if (hc_p11_listen(&run->link, TICK_MS, NULL) != HC_ERR_AWAY)
			break;
	}
	memcpy(run->module.failure, failure, sizeof(failure));
	return reason;
}

static enum hc_reason sign(struct hc_p11_run *run, struct hc_p11_card *card,
			   const struct hc_p11_certificate *certificate, struct hc_p11_signature *signature)
{
	const struct hc_p11_note working = {.label = card->label, .tries = HC_P11_TRIES_UNKNOWN};
	enum hc_reason reason = hc_p11_session(&run->module, card, certificate);

	if (reason == HC_REASON_NONE)
		reason = hc_p11_unlock(run, card, certificate);
	if (reason != HC_REASON_NONE)
		return reason;
	if (hc_p11_tell(&run->link, HC_DEVICE_WORKING, &working) != HC_OK)
		return hc_p11_fail(&run->module, HC_REASON_CANCELLED, "nobody listens");
	reason = hc_p11_sign(&run->module, card, certificate, run->request->message,
			     run->request->message_len, signature);
	return reason == HC_REASON_NONE ? hc_p11_look(&run->module, card) : reason;
}

static enum hc_reason use_card(struct hc_p11_run *run, struct hc_p11_signature *signature,
			       struct hc_p11_result *result)
{
	struct hc_p11_candidate chosen = {0, 0};
	enum hc_reason reason = find_card(run, &chosen);
	struct hc_p11_card *card = &run->cards->cards[chosen.card];
	const struct hc_p11_certificate *certificate = &card->certificates[chosen.certificate];

	if (reason == HC_REASON_NONE && run->request->operation == HC_DEVICE_SIGN) {
		reason = explain(run, card, sign(run, card, certificate, signature));
		result->signature = signature->bytes;
		result->signature_len = signature->len;
	}
	result->card = card;
	result->certificate = certificate;
	return reason;
}

static enum hc_reason perform(struct hc_p11_run *run, struct hc_p11_signature *signature,
			      struct hc_p11_result *result)
{
	enum hc_reason reason = hc_p11_open(&run->module, run->request->module);

	if (reason == HC_REASON_NONE)
		reason = run->request->operation == HC_DEVICE_LIST ? list(run)
								   : use_card(run, signature, result);
	hc_p11_close(&run->module);
	return reason;
}

static enum hc_err tell_end(struct hc_p11_run *run, enum hc_reason reason, const struct hc_p11_result *result)
{
	const struct hc_p11_note failure = {
		.reason = reason, .tries = run->tries, .detail = run->module.failure};

	if (reason != HC_REASON_NONE)
		return hc_p11_failed(&run->link, &failure);
	return hc_p11_done(&run->link, result->card != NULL ? result : NULL);
}

int hc_p11_operate(const struct hc_p11_request *request, int fd, struct hc_p11_watch *watch)
{
	struct hc_p11_run run = {
		.request = request,
		.module = {.watch = watch},
		.tries = HC_P11_TRIES_UNKNOWN,
		.link = {.fd = fd, .deadline_ms = hc_mono_ms(hc_clock_system()) + request->timeout_ms}};
	struct hc_p11_signature signature = {.len = 0};
	struct hc_p11_result result = {NULL, NULL, NULL, 0};
	enum hc_err err = hc_msg_new(&run.link.msg);

	run.cards = calloc(1, sizeof(*run.cards));
	if (err == HC_OK && run.cards != NULL)
		err = tell_end(&run, perform(&run, &signature, &result), &result);
	else
		err = HC_ERR_NOMEM;
	free(run.cards);
	hc_msg_free(&run.link.msg);
	return err == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}
