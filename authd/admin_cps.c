/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment of a card by an administrator: its certificate is linked to a person.
 *
 * State: what is enrolled for whom, for the length of the request. Threats: a certificate that is no card's, forged, of
 * the test branch, expired or revoked, somebody else's, or linked to somebody already. It is judged as at a sign-in,
 * with the same rules; only a revocation list that is missing does not stop an enrolment, since the sign-in asks again.
 * It must never link a card whose national identifier contradicts the person's record, nor one whose identifier holds
 * within an establishment alone unless the administrator says so.
 */
#include <stdio.h>
#include <string.h>

#include "admin_job.h"
#include "cps_trust.h"
#include "credential.h"
#include "factor_cps.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/log.h"
#include "transaction.h"

#define MS_PER_S 1000
#define ARGUMENT 300
#define DETAIL	 512
#define PROOFING 300

/* What the administrator asked for, and what came of it. */
struct enrolment {
	struct hc_person person;
	struct hc_credential credential;
	struct hc_stored_card card;
	struct hc_cps_certificate certificate;
	struct hc_admin_proofing proofing;
	struct hc_national_id identifier; /* that the card says */
	enum hc_cps_revocation revocation;
	bool check;	   /* nothing is to be stored */
	bool may_be_bound; /* to an establishment */
	bool identifies;   /* the person's record has no identifier: it takes the card's */
};

/* ---- what is shown of a card ---- */

static const char *type_of(int type)
{
	static const char *const names[] = {"CPS", "CPF", "CPE", "CPA"};

	return type >= 0 && (size_t)type < HC_COUNT(names) ? names[type] : "";
}

static void put_holder(struct hc_msg *out, const struct hc_cps_certificate *certificate)
{
	char holder[2 * HC_LABEL_MAX + 2];
	const char *gap = certificate->given_name.text[0] != '\0' && certificate->family_name.text[0] != '\0'
				  ? " "
				  : "";

	snprintf(holder, sizeof(holder), "%s%s%s", certificate->given_name.text, gap,
		 certificate->family_name.text);
	hc_msg_put_text(out, HC_FIELD_HOLDER, holder);
}

void hc_admin_put_card(struct hc_msg *out, const struct hc_stored_card *card)
{
	struct hc_cps_certificate certificate;

	/* What was stored was readable when it was; a stricter reader of later days leaves the name out. */
	if (hc_cps_read(card->certificate, card->certificate_len, &certificate) == HC_OK)
		put_holder(out, &certificate);
	hc_msg_put_text(out, HC_FIELD_NATIONAL_ID, card->national_id);
	hc_msg_put_text(out, HC_FIELD_CARD, type_of(card->type));
	hc_msg_put_text(out, HC_FIELD_CARD_NUMBER, card->number);
	hc_answer_put_time(out, HC_FIELD_VALID_UNTIL_MS, card->not_after_ms);
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	const struct enrolment *enrolment = job->answer.state;

	if (!enrolment->check) {
		hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, enrolment->credential.id.text);
		hc_msg_put_text(out, HC_FIELD_STATE, "active");
	}
	hc_msg_put_text(out, HC_FIELD_LABEL, enrolment->credential.label.text);
	hc_admin_put_card(out, &enrolment->card);
	if (enrolment->revocation == HC_CPS_REVOCATION_UNKNOWN)
		hc_msg_put_u32(out, HC_FIELD_REASON, HC_REASON_REVOCATION_UNKNOWN);
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

/* ---- refusals ---- */

/* Nothing comes of it; that is recorded, unless it was a question only. */
static void refuse(struct hc_admin_job *job, enum hc_err err, enum hc_reason reason, const char *argument)
{
	const struct enrolment *enrolment = job->answer.state;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, enrolment->person.login.text);
	char detail[DETAIL];

	entry.reason = reason;
	entry.factor = hc_factor_cps.name;
	snprintf(detail, sizeof(detail), "card=%s national-id=%s", enrolment->certificate.card_number,
		 enrolment->certificate.national_id);
	entry.detail = detail;
	if (!enrolment->check && hc_audit_note(job->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "an enrolment that failed could not be recorded");
	hc_answer_refuse(&job->answer, err, reason, argument);
}

static void refuse_taken(struct hc_admin_job *job, const struct hc_credential_id *id)
{
	struct hc_credential credential;
	struct hc_person person;
	char text[ARGUMENT];
	enum hc_err err = hc_store_credential_by_id(job->authd->store, id, &credential);

	if (err == HC_OK)
		err = hc_store_person_by_id(job->authd->store, credential.person_id, &person);
	if (err != HC_OK) {
		hc_admin_trouble(job, err == HC_ERR_NOTFOUND ? HC_ERR_CORRUPT : err);
		return;
	}
	hc_text(job->answer.lang,
		credential.state == HC_CREDENTIAL_REVOKED ? "info.enroll_card_revoked"
							  : "info.enroll_card_of",
		(const char *const[]){person.login.text, credential.id.text, NULL}, text, sizeof(text));
	refuse(job, HC_ERR_EXISTS, HC_REASON_CARD_ALREADY_ENROLLED, text);
}

static void refuse_identifier(struct hc_admin_job *job)
{
	const struct enrolment *enrolment = job->answer.state;
	char text[ARGUMENT];

	hc_text(job->answer.lang, "info.enroll_card_identifiers",
		(const char *const[]){enrolment->identifier.text, enrolment->person.national_id.text, NULL},
		text, sizeof(text));
	refuse(job, HC_ERR_STATE, HC_REASON_NATIONAL_ID_DIFFERS, text);
}

/* ---- the request ---- */

static bool read_certificate(struct hc_admin_job *job, const struct hc_msg *request,
			     struct enrolment *enrolment)
{
	struct hc_stored_card *card = &enrolment->card;
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(request, HC_FIELD_CERTIFICATE, &view, &len) != HC_OK ||
	    len > sizeof(card->certificate) || hc_cps_read(view, len, &enrolment->certificate) != HC_OK)
		return hc_answer_bad(&job->answer, "certificate");
	memcpy(card->certificate, view, len);
	card->certificate_len = len;
	return true;
}

static bool read_request(struct hc_admin_job *job, const struct hc_msg *request, struct enrolment *enrolment)
{
	uint32_t flags = 0;

	if (!hc_admin_person(job, request, &enrolment->person) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_LABEL, "label", &enrolment->credential.label) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_FLAGS, "flags", 0, &flags) ||
	    !hc_admin_proofing(job, request, &enrolment->proofing))
		return false;
	if ((flags & ~(HC_CPS_ENROLL_BOUND | HC_CPS_ENROLL_CHECK)) != 0)
		return hc_answer_bad(&job->answer, "flags");
	enrolment->check = (flags & HC_CPS_ENROLL_CHECK) != 0;
	enrolment->may_be_bound = (flags & HC_CPS_ENROLL_BOUND) != 0;
	return read_certificate(job, request, enrolment);
}

/* ---- what the certificate is worth ---- */

static enum hc_reason judge(const struct hc_authd *authd, struct enrolment *enrolment)
{
	const struct hc_cps_settings *settings = &authd->config->cps;
	const struct hc_cps_rules rules = {.allow_test = settings->allow_test_cards};
	const struct hc_stored_card *card = &enrolment->card;
	const int64_t now_ms = hc_now_ms(authd->clock);
	struct hc_cps_trust_view view;
	enum hc_reason reason = hc_cps_judge(&enrolment->certificate, &rules, now_ms, &enrolment->card.bound);

	if (reason != HC_REASON_NONE)
		return reason;
	/* Those of the sign-ins: reading a long list anew would keep everybody waiting. */
	if (authd->cps_trust == NULL)
		return HC_REASON_AUTHORITY_NOT_TRUSTED;
	hc_cps_trust_look(authd->cps_trust); /* whoever has just added one sees it */
	if (hc_cps_trust_get(authd->cps_trust, &view) != HC_OK)
		return HC_REASON_AUTHORITY_NOT_TRUSTED;
	reason = hc_cps_verify_chain(view.trust, card->certificate, card->certificate_len, &rules, now_ms);
	if (reason != HC_REASON_NONE)
		return reason;
	enrolment->revocation = hc_cps_crls_check(view.crls, card->certificate, card->certificate_len, now_ms,
						  settings->crl_degraded_max_age_s * MS_PER_S, NULL);
	return enrolment->revocation == HC_CPS_REVOKED ? HC_REASON_CERTIFICATE_REVOKED : HC_REASON_NONE;
}

/* Whether the card can be this person's, by the identifier of both. */
static enum hc_reason match(struct enrolment *enrolment)
{
	const char *identifier = enrolment->certificate.national_id;

	if (hc_national_id_parse(identifier, strlen(identifier), &enrolment->identifier) != HC_OK)
		return HC_REASON_CARD_CONTRADICTS_ITSELF;
	if (enrolment->card.bound)
		return enrolment->may_be_bound ? HC_REASON_NONE : HC_REASON_CARD_NEEDS_MAPPING;
	enrolment->identifies = enrolment->person.national_id.text[0] == '\0';
	return enrolment->identifies ||
			       strcmp(enrolment->person.national_id.text, enrolment->identifier.text) == 0
		       ? HC_REASON_NONE
		       : HC_REASON_NATIONAL_ID_DIFFERS;
}

/* ---- the link ---- */

static void fill_card(struct enrolment *enrolment)
{
	const struct hc_cps_certificate *certificate = &enrolment->certificate;
	struct hc_stored_card *card = &enrolment->card;

	memcpy(card->fingerprint, certificate->fingerprint, sizeof(card->fingerprint));
	memcpy(card->key_hash, certificate->key_hash, sizeof(card->key_hash));
	snprintf(card->national_id, sizeof(card->national_id), "%s", certificate->national_id);
	snprintf(card->number, sizeof(card->number), "%s", certificate->card_number);
	card->type = certificate->card_type;
	card->category = certificate->category;
	card->profession = certificate->profession;
	card->test = certificate->test;
	card->not_after_ms = certificate->not_after_ms;
}

static enum hc_err fill_credential(const struct hc_authd *authd, struct enrolment *enrolment)
{
	struct hc_credential *credential = &enrolment->credential;

	credential->person_id = enrolment->person.id;
	credential->type = HC_CREDENTIAL_CPS;
	credential->state = HC_CREDENTIAL_ACTIVE;
	credential->last_step = -1;
	credential->created_ms = hc_now_ms(authd->clock);
	credential->confirmed_ms = credential->created_ms;
	credential->proofed_by = enrolment->proofing.by;
	credential->document = enrolment->proofing.document;
	credential->face_to_face = enrolment->proofing.face_to_face;
	return hc_credential_id_new(&credential->id);
}

/* Inside the transaction. ret_reason: why not, where that is no trouble of the store's. */
static enum hc_err add(const struct hc_authd *authd, struct enrolment *enrolment, enum hc_reason *ret_reason)
{
	enum hc_err err = hc_credential_room(authd, enrolment->person.id);

	if (err == HC_ERR_STATE)
		*ret_reason = HC_REASON_WRONG_STATE;
	if (err == HC_OK)
		err = fill_credential(authd, enrolment);
	if (err == HC_OK && enrolment->identifies) {
		err = hc_store_person_identify(authd->store, enrolment->person.id, &enrolment->identifier);
		if (err == HC_ERR_EXISTS)
			*ret_reason = HC_REASON_NATIONAL_ID_TAKEN;
	}
	if (err == HC_OK)
		err = hc_store_credential_add(authd->store, &enrolment->credential);
	if (err != HC_OK)
		return err;
	err = hc_store_card_add(authd->store, &enrolment->credential.id, &enrolment->card);
	if (err == HC_ERR_STATE)
		*ret_reason = HC_REASON_NATIONAL_ID_TAKEN;
	return err;
}

static void describe(const struct enrolment *enrolment, char *out, size_t cap)
{
	const char *link = enrolment->card.bound ? "mapping" : enrolment->identifies ? "card" : "record";
	char proofing[PROOFING];

	hc_admin_describe_proofing(&enrolment->credential, proofing, sizeof(proofing));
	/* by whose word the identifier is the person's: the record's, the card's, or the administrator's alone */
	snprintf(out, cap, "card=%s national-id=%s identifier-by=%s revocation=%s %s", enrolment->card.number,
		 enrolment->card.national_id, link,
		 enrolment->revocation == HC_CPS_GOOD	      ? "good"
		 : enrolment->revocation == HC_CPS_GOOD_STALE ? "degraded"
							      : "unknown",
		 proofing);
}

static void store(struct hc_admin_job *job, struct enrolment *enrolment)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, enrolment->person.login.text);
	enum hc_reason reason = HC_REASON_NONE;
	char detail[DETAIL];

	if (!hc_admin_begin(job))
		return;
	const enum hc_err err = add(job->authd, enrolment, &reason);

	if (reason != HC_REASON_NONE || (err == HC_OK && enrolment->check)) {
		hc_tx_rollback(job->authd);
		if (reason != HC_REASON_NONE)
			refuse(job, reason == HC_REASON_NATIONAL_ID_TAKEN ? HC_ERR_EXISTS : HC_ERR_STATE,
			       reason, NULL);
		return;
	}
	describe(enrolment, detail, sizeof(detail));
	entry.factor = hc_factor_cps.name;
	entry.credential = enrolment->credential.id.text;
	entry.detail = detail;
	if (hc_admin_end(job, err, &entry) && enrolment->identifies && job->authd->person_changed != NULL)
		job->authd->person_changed(job->authd->person_changed_ctx, enrolment->person.id, "active");
}

/* Whether the certificate is nobody's yet. */
static bool is_free(struct hc_admin_job *job, const struct enrolment *enrolment)
{
	struct hc_credential_id other;
	enum hc_err err =
		hc_store_card_find_by_certificate(job->authd->store, enrolment->card.fingerprint, &other);

	if (err == HC_OK)
		refuse_taken(job, &other);
	else if (err != HC_ERR_NOTFOUND)
		hc_admin_trouble(job, err);
	return err == HC_ERR_NOTFOUND;
}

void hc_admin_enroll_cps(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct enrolment *enrolment = hc_admin_rows(job, sizeof(*enrolment), produce);
	enum hc_reason reason;

	if (enrolment == NULL || !read_request(job, request, enrolment))
		return;
	if (enrolment->person.state != HC_PERSON_ACTIVE) {
		refuse(job, HC_ERR_STATE, HC_REASON_PERSON_DISABLED, NULL);
		return;
	}
	reason = judge(job->authd, enrolment);
	if (reason != HC_REASON_NONE) {
		refuse(job, HC_ERR_PERM, reason, NULL);
		return;
	}
	fill_card(enrolment);
	if (!is_free(job, enrolment))
		return;
	reason = match(enrolment);
	if (reason == HC_REASON_NATIONAL_ID_DIFFERS)
		refuse_identifier(job);
	else if (reason != HC_REASON_NONE)
		refuse(job, HC_ERR_PERM, reason, NULL);
	else
		store(job, enrolment);
}
