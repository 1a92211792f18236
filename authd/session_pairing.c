/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card that is nobody's, and the person who signs in after it was shown: whose it may become.
 *
 * State: the conversation; the card that was shown in it, the question that is open, and the verdict that waits behind it,
 * which is on disk already. Threats: a card that becomes the wrong one's. So it must have been proven here (factor_cps.c),
 * in this conversation or under the ticket that this very process was given; root must ask, at this machine; the person
 * must have signed in with two factors, by other means than a code of recovery; and must say yes to a question that
 * names holder and account. Whatever goes wrong here costs the link and never the sign-in. But the question may stay open
 * for a while: behind it the person is looked at again, and whoever would not be let on any more is not. It must never
 * make a verdict.
 */
#include "session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "factor_cps.h"
#include "factor_cps_pairing.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "reply.h"
#include "transaction.h"

#define METHOD	   "first use after strong sign-in"
#define MS_PER_S   1000
#define DETAIL_CAP 256

/* ---- cards ---- */

static bool may_pair(const struct hc_session *session)
{
	return session->authd->pairings != NULL && session->caller.kind == HC_CALLER_ROOT &&
	       !session->hello.remote && session->hello.request == HC_REQUEST_AUTHENTICATE;
}

static struct hc_pairing_holder holder_of(const struct hc_session *session)
{
	struct hc_pairing_holder holder = {.pid = session->caller.pid, .service = session->hello.service};

	if (session->hello.login_valid)
		holder.login = session->hello.login;
	return holder;
}

void hc_session_pairing_forget(struct hc_session *session)
{
	free(session->stranger);
	session->stranger = NULL;
}

void hc_session_pairing_show(struct hc_session *session, const struct hc_device_answer *answer)
{
	const struct hc_device_method *method = session->winner->method;
	struct hc_stored_card *card;

	hc_session_pairing_forget(session);
	if (!may_pair(session) || method->stranger == NULL)
		return;
	card = calloc(1, sizeof(*card));
	if (card == NULL)
		return; /* the next time, then */
	if (method->stranger(session->authd, answer, card) == HC_OK)
		session->stranger = card;
	else
		free(card);
}

void hc_session_pairing_hand_out(struct hc_session *session)
{
	uint8_t ticket[HC_CARD_TICKET_LEN];
	const struct hc_pairing_holder holder = holder_of(session);

	if (session->stranger == NULL || !may_pair(session))
		return;
	if (hc_pairings_keep(session->authd->pairings, &holder, session->stranger, ticket) == HC_OK)
		hc_msg_put_bytes(session->out, HC_FIELD_TICKET, ticket, sizeof(ticket));
	hc_scrub(ticket, sizeof(ticket));
	hc_session_pairing_forget(session);
}

/* Two factors, and neither of them a code that stands in for a lost device. */
static bool is_strong(const struct hc_session *session, uint32_t method)
{
	return method == HC_METHOD_FIDO2 ||
	       (method == HC_METHOD_TOTP && session->hello.mode == HC_MODE_SECOND_FACTOR);
}

/* The card of this conversation, or that of the ticket. False: there is none. */
static bool find_card(struct hc_session *session)
{
	const struct hc_pairing_holder holder = holder_of(session);

	return session->stranger != NULL ||
	       (session->hello.has_ticket &&
		hc_pairings_take(session->authd->pairings, &holder, session->hello.ticket,
				 &session->stranger) == HC_OK);
}

/* ---- the link ---- */

/* known: another identifier, which stands in the way; empty: none. */
static struct hc_audit_entry entry_of(const struct hc_session *session, const char *known,
				      char detail[DETAIL_CAP])
{
	struct hc_audit_entry entry = hc_hello_entry(&session->hello, &session->caller, HC_AUDIT_ENROLL);

	snprintf(detail, DETAIL_CAP, METHOD "; card=%s national-id=%s%s%s", session->stranger->number,
		 session->stranger->national_id, known[0] != '\0' ? " person=" : "", known);
	entry.factor = hc_factor_cps.name;
	entry.detail = detail;
	return entry;
}

static void note(const struct hc_session *session, enum hc_reason reason, const char *known)
{
	char detail[DETAIL_CAP];
	struct hc_audit_entry entry = entry_of(session, known, detail);

	entry.reason = reason;
	if (hc_audit_note(session->authd->audit, &entry) != HC_OK)
		hc_log(HC_LOG_ERROR, "that a card was not linked could not be recorded",
		       HC_F_TEXT("user", session->hello.login.text));
}

static enum hc_err record(const struct hc_session *session, const struct hc_credential_id *id)
{
	char detail[DETAIL_CAP];
	struct hc_audit_entry entry = entry_of(session, "", detail);

	entry.success = true;
	entry.credential = id->text;
	return hc_audit_add(session->authd->audit, &entry);
}

/* Ends the transaction that is open, which is kept only where it is meant and nothing speaks against it. */
static enum hc_err link_card(const struct hc_session *session, const struct hc_person *person, bool meant,
			     struct hc_cps_refusal *refusal)
{
	const struct hc_authd *authd = session->authd;
	struct hc_credential_id id;
	enum hc_err err = hc_cps_link(authd, person, session->stranger, &id, refusal);

	if (err == HC_OK && refusal->reason == HC_REASON_NONE && meant) {
		err = record(session, &id);
		if (err == HC_OK)
			return hc_tx_commit(authd);
	}
	hc_tx_rollback(authd);
	return err;
}

/* Whether it could be linked, and to whom. */
static enum hc_err try_link(struct hc_session *session, struct hc_cps_refusal *refusal)
{
	struct hc_person person;
	enum hc_err err = hc_tx_begin(session->authd);

	if (err != HC_OK)
		return err;
	err = hc_store_person_by_login(session->authd->store, &session->hello.login, &person);
	if (err != HC_OK) {
		hc_tx_rollback(session->authd);
		return err;
	}
	session->granted_to = person.id;
	return link_card(session, &person, false, refusal);
}

/* ---- the sign-in, behind the question ---- */

/* Whether what was verified before the question is still good for something. */
static bool still_serves(const struct hc_session *session)
{
	struct hc_credential credential;

	return hc_store_credential_by_id(session->authd->store, &session->granted_by, &credential) == HC_OK &&
	       credential.state == HC_CREDENTIAL_ACTIVE && credential.person_id == session->granted_to;
}

/* What the same answer of the same person is worth now. */
static struct hc_decision review(const struct hc_session *session, const struct hc_situation *situation)
{
	struct hc_facts facts = situation->facts;

	facts.person_known = facts.person_known && situation->person.id == session->granted_to;
	/* Neither by another credential, nor as one who was never enrolled. */
	if (facts.person_known && !still_serves(session))
		return (struct hc_decision){.verdict = HC_DENY, .reason = HC_REASON_CREDENTIAL_REVOKED};
	facts.method_verified = session->granted.methods;
	facts.person_verified = session->hello.mode == HC_MODE_PRIMARY; /* nothing less was let on there */
	return hc_policy_authenticate(&facts, &session->authd->config->policy);
}

/* Opens the transaction in which the question ends. False: the conversation has ended, as a refusal. */
static bool reopen(struct hc_session *session, struct hc_person *ret_person)
{
	struct hc_situation situation;
	struct hc_decision decision;
	bool changed = false;

	session->offers_link = false;
	if (!hc_session_open_decision(session, &situation, &changed))
		return false;
	decision = review(session, &situation);
	if (decision.verdict == HC_ALLOW) {
		*ret_person = situation.person;
		return true;
	}
	if (hc_session_record(session, &decision, "behind the question for a card")) {
		hc_session_pairing_forget(session);
		hc_session_conclude(session, &decision, situation.retry_after_s);
	}
	return false;
}

/* ---- what is said ---- */

static void tell(struct hc_session *session, enum hc_reason reason)
{
	if ((session->hello.flags & HC_FLAG_SILENT) != 0)
		return;
	hc_reply_linked(session->out, &session->hello, reason);
	hc_session_send(session);
}

/* The end, whatever came of the card: the verdict is as it was, a moment ago. */
static void conclude(struct hc_session *session)
{
	const struct hc_decision granted = session->granted;

	session->offers_link = false;
	hc_session_pairing_forget(session);
	hc_session_conclude(session, &granted, 0);
}

static void refuse(struct hc_session *session, const struct hc_cps_refusal *refusal)
{
	note(session, refusal->reason, refusal->known);
	tell(session, refusal->reason);
	conclude(session);
}

static void fail(struct hc_session *session, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, "a card could not be linked", HC_F_TEXT("user", session->hello.login.text),
	       HC_F_TEXT("reason", hc_strerror(err)));
	note(session, hc_reason_of_err(err), "");
	conclude(session);
}

void hc_session_allow(struct hc_session *session, const struct hc_attempt *attempt)
{
	struct hc_cps_refusal refusal = {.reason = HC_REASON_NONE};
	const int64_t timeout_s = hc_session_wait_s(session);
	enum hc_err err;

	session->granted = attempt->decision;
	session->granted_by = attempt->credential;
	if (!may_pair(session) || !is_strong(session, attempt->decision.methods) || !find_card(session)) {
		conclude(session);
		return;
	}
	err = try_link(session, &refusal);
	if (err != HC_OK) {
		fail(session, err);
	} else if (refusal.reason != HC_REASON_NONE) {
		refuse(session, &refusal);
	} else {
		hc_session_device_drop(session);
		session->offers_link = true;
		session->state = HC_SESSION_ASKING;
		session->deadline_ms = hc_mono_ms(session->authd->clock) + timeout_s * MS_PER_S;
		hc_reply_offer(session->out, &session->hello, session->stranger, timeout_s);
		hc_session_send(session);
	}
}

void hc_session_pairing_answer(struct hc_session *session, const struct hc_secret *answer)
{
	struct hc_cps_refusal refusal = {.reason = HC_REASON_NONE};
	struct hc_person person;
	enum hc_err err;

	if (!hc_session_is_yes(answer)) {
		hc_session_pairing_end(session, HC_REASON_CANCELLED);
		return;
	}
	if (!reopen(session, &person))
		return;
	err = link_card(session, &person, true, &refusal);
	if (err != HC_OK) {
		fail(session, err);
	} else if (refusal.reason != HC_REASON_NONE) {
		refuse(session, &refusal);
	} else {
		tell(session, HC_REASON_NONE);
		conclude(session);
	}
}

void hc_session_pairing_end(struct hc_session *session, enum hc_reason reason)
{
	struct hc_person person;

	note(session, reason, "");
	if (!reopen(session, &person))
		return;
	hc_tx_rollback(session->authd);
	conclude(session);
}

void hc_session_pairing_closed(struct hc_session *session)
{
	note(session, HC_REASON_CANCELLED, "");
	session->offers_link = false;
	hc_session_pairing_forget(session);
}
