/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment and confirmation by an administrator.
 *
 * State: what an enrolment answers with: a URI or a set of codes, in secrets that are scrubbed with
 * the job. They are shown to this one caller once, and never written to log or trail. Where the policy
 * requires a proofing record, nothing is enrolled without one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_job.h"
#include "factor.h"
#include "hospiconnect/secret.h"
#include "otp.h"
#include "transaction.h"

#define PERIOD_DEFAULT_S 30
#define DIGITS_DEFAULT	 6

struct enrolled {
	struct hc_credential credential;
	struct hc_secret *secret; /* the URI, or the codes one behind the other */
	size_t next;		  /* recovery: rows given */
};

static void enrolled_free(void *state)
{
	struct enrolled *enrolled = state;

	hc_secret_free(&enrolled->secret);
	free(enrolled);
}

/* Made before anything is enrolled, so that nothing is enrolled and then not shown. */
static struct enrolled *prepare(struct hc_admin_job *job,
				enum hc_err (*produce)(void *, struct hc_msg *, bool *, bool *))
{
	struct enrolled *enrolled = hc_admin_rows(job, sizeof(*enrolled), produce);

	if (enrolled != NULL)
		job->answer.state_free = enrolled_free;
	return enrolled;
}

/* ---- the proofing record ---- */

bool hc_admin_proofing(struct hc_admin_job *job, const struct hc_msg *request,
		       struct hc_admin_proofing *proofing)
{
	uint32_t face_to_face;

	if (!hc_answer_label(&job->answer, request, HC_FIELD_PROOFED_BY, "proofed-by", &proofing->by) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_DOCUMENT, "document", &proofing->document) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_FACE_TO_FACE, "face-to-face", 0, &face_to_face))
		return false;
	if (face_to_face > 1) {
		hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_INVALID_VALUE, "face-to-face");
		return false;
	}
	proofing->face_to_face = face_to_face == 1;
	if (!job->authd->config->policy.require_proofing ||
	    (proofing->by.text[0] != '\0' && proofing->document.text[0] != '\0'))
		return true;
	hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_PROOFING_MISSING, NULL);
	return false;
}

void hc_admin_describe_proofing(const struct hc_credential *credential, char *out, size_t cap)
{
	if (credential->proofed_by.text[0] == '\0' && credential->document.text[0] == '\0')
		snprintf(out, cap, "no proofing record");
	else
		snprintf(out, cap, "proofed-by=%s document=%s face-to-face=%s", credential->proofed_by.text,
			 credential->document.text, credential->face_to_face ? "yes" : "no");
}

/* ---- one-time code devices ---- */

static enum hc_err produce_otp(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	const struct enrolled *enrolled = job->answer.state;
	bool active = enrolled->credential.state == HC_CREDENTIAL_ACTIVE;

	hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, enrolled->credential.id.text);
	hc_msg_put_bytes(out, HC_FIELD_URI, hc_secret_data(enrolled->secret),
			 hc_secret_len(enrolled->secret));
	hc_msg_put_text(out, HC_FIELD_STATE, active ? "active" : "pending");
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

static bool read_type(struct hc_admin_job *job, const struct hc_msg *request,
		      enum hc_credential_type *ret_type)
{
	char text[17];

	if (!hc_answer_text(&job->answer, request, HC_FIELD_CREDENTIAL_TYPE, "type", text, sizeof(text)))
		return false;
	if (text[0] == '\0' || strcmp(text, "totp") == 0)
		*ret_type = HC_CREDENTIAL_TOTP;
	else if (strcmp(text, "hotp") == 0)
		*ret_type = HC_CREDENTIAL_HOTP;
	else
		return hc_answer_bad(&job->answer, "type");
	return true;
}

static bool read_algorithm(struct hc_admin_job *job, const struct hc_msg *request,
			   enum hc_credential_type type, enum hc_otp_algorithm *ret_algorithm)
{
	char text[9];

	if (!hc_answer_text(&job->answer, request, HC_FIELD_ALGORITHM, "algorithm", text, sizeof(text)))
		return false;
	if (text[0] == '\0' || strcmp(text, "SHA1") == 0)
		*ret_algorithm = HC_OTP_SHA1;
	else if (strcmp(text, "SHA256") == 0 && type == HC_CREDENTIAL_TOTP)
		*ret_algorithm = HC_OTP_SHA256;
	else if (strcmp(text, "SHA512") == 0 && type == HC_CREDENTIAL_TOTP)
		*ret_algorithm = HC_OTP_SHA512;
	else
		return hc_answer_bad(&job->answer, "algorithm");
	return true;
}

static bool read_numbers(struct hc_admin_job *job, const struct hc_msg *request, struct hc_otp_request *otp)
{
	bool totp = otp->type == HC_CREDENTIAL_TOTP;
	uint32_t confirm;

	if (!hc_answer_u32(&job->answer, request, HC_FIELD_DIGITS, "digits", DIGITS_DEFAULT, &otp->digits) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_PERIOD_S, "period", totp ? PERIOD_DEFAULT_S : 0,
			   &otp->period_s) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_CONFIRM, "confirm", 1, &confirm))
		return false;
	if (otp->digits != 6 && otp->digits != 8)
		return hc_answer_bad(&job->answer, "digits");
	if (totp ? otp->period_s < HC_OTP_PERIOD_MIN || otp->period_s > HC_OTP_PERIOD_MAX
		 : otp->period_s != 0)
		return hc_answer_bad(&job->answer, "period");
	if (confirm > 1)
		return hc_answer_bad(&job->answer, "confirm");
	otp->active = confirm == 0;
	return true;
}

static bool read_seed(struct hc_admin_job *job, const struct hc_msg *request, struct hc_secret **ret_seed)
{
	const uint8_t *view;
	size_t len;
	enum hc_err err = hc_msg_bytes(request, HC_FIELD_SEED, &view, &len);

	if (err == HC_ERR_NOTFOUND)
		return true;
	if (err != HC_OK || len < HC_OTP_SEED_MIN || len > HC_OTP_SEED_MAX)
		return hc_answer_bad(&job->answer, "seed");
	err = hc_secret_from(view, len, ret_seed);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}

static bool read_otp(struct hc_admin_job *job, const struct hc_msg *request, struct hc_otp_request *otp,
		     struct hc_secret **ret_seed)
{
	struct hc_admin_proofing proofing;

	if (!read_type(job, request, &otp->type) ||
	    !read_algorithm(job, request, otp->type, &otp->algorithm) || !read_numbers(job, request, otp) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_LABEL, "label", &otp->label) ||
	    !hc_admin_proofing(job, request, &proofing) || !read_seed(job, request, ret_seed))
		return false;
	otp->seed = *ret_seed;
	otp->proofed_by = proofing.by;
	otp->document = proofing.document;
	otp->face_to_face = proofing.face_to_face;
	return true;
}

/* The person holds as many as there may be. */
static void refuse_full(struct hc_admin_job *job)
{
	hc_tx_rollback(job->authd);
	hc_answer_refuse(&job->answer, HC_ERR_STATE, HC_REASON_WRONG_STATE, NULL);
}

void hc_admin_enroll_otp(struct hc_admin_job *job, const struct hc_msg *request)
{
	HC_AUTO(secret) seed = NULL;
	struct hc_otp_request otp = {0};
	struct enrolled *enrolled;
	struct hc_person person = {0};
	char proofing[300], detail[512];
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, person.login.text);

	if (!hc_admin_person(job, request, &person) || !read_otp(job, request, &otp, &seed))
		return;
	enrolled = prepare(job, produce_otp);
	if (enrolled == NULL || !hc_admin_begin(job))
		return;
	enum hc_err err = hc_otp_enroll(job->authd, &person, &otp, &enrolled->credential, &enrolled->secret);

	if (err == HC_ERR_STATE) {
		refuse_full(job);
		return;
	}
	if (err == HC_OK) {
		hc_admin_describe_proofing(&enrolled->credential, proofing, sizeof(proofing));
		snprintf(detail, sizeof(detail), "state=%s digits=%u period=%u seed=%s %s",
			 otp.active ? "active" : "pending", otp.digits, otp.period_s,
			 seed != NULL ? "imported" : "made", proofing);
		entry.factor = otp.type == HC_CREDENTIAL_TOTP ? "totp" : "hotp";
		entry.credential = enrolled->credential.id.text;
		entry.detail = detail;
	}
	(void)hc_admin_end(job, err, &entry);
}

/* ---- recovery codes ---- */

static enum hc_err produce_recovery(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct enrolled *enrolled = job->answer.state;

	if (enrolled->next == 0) {
		hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, enrolled->credential.id.text);
	} else {
		size_t at = (enrolled->next - 1) * HC_RECOVERY_CODE_LEN;

		hc_msg_put_bytes(out, HC_FIELD_CODE, hc_secret_data(enrolled->secret) + at,
				 HC_RECOVERY_CODE_LEN);
	}
	*ret_more = enrolled->next < HC_RECOVERY_CODES;
	enrolled->next++;
	*ret_ready = true;
	return HC_OK;
}

void hc_admin_enroll_recovery(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_admin_proofing proofing;
	struct enrolled *enrolled;
	struct hc_person person = {0};
	char detail[300];
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, person.login.text);

	if (!hc_admin_person(job, request, &person) || !hc_admin_proofing(job, request, &proofing))
		return;
	enrolled = prepare(job, produce_recovery);
	if (enrolled == NULL || !hc_admin_begin(job))
		return;
	enum hc_err err = hc_recovery_enroll(job->authd, &person, &proofing.by, &proofing.document,
					     proofing.face_to_face, &enrolled->credential, &enrolled->secret);

	if (err == HC_ERR_STATE) {
		refuse_full(job);
		return;
	}
	if (err == HC_OK) {
		hc_admin_describe_proofing(&enrolled->credential, detail, sizeof(detail));
		entry.factor = "recovery";
		entry.credential = enrolled->credential.id.text;
		entry.detail = detail;
	}
	(void)hc_admin_end(job, err, &entry);
}

/* ---- confirmation ---- */

/* A wrong code changes nothing, but is recorded. */
static void refuse_confirmation(struct hc_admin_job *job, struct hc_audit_entry *entry)
{
	enum hc_err err;

	entry->reason = HC_REASON_CONFIRMATION_FAILED;
	err = hc_audit_note(job->authd->audit, entry);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
	else
		hc_answer_refuse(&job->answer, HC_ERR_PERM, HC_REASON_CONFIRMATION_FAILED, NULL);
}

static bool read_code(struct hc_admin_job *job, const struct hc_msg *request, struct hc_secret **ret_code)
{
	const uint8_t *view;
	size_t len;
	enum hc_err err = hc_msg_bytes(request, HC_FIELD_CODE, &view, &len);

	if (err != HC_OK || len == 0)
		return hc_answer_bad(&job->answer, "code");
	err = hc_secret_from(view, len, ret_code);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}

void hc_admin_credential_confirm(struct hc_admin_job *job, const struct hc_msg *request)
{
	HC_AUTO(secret) code = NULL;
	struct hc_credential credential;
	struct hc_person person = {0};
	enum hc_reason reason;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_CREDENTIAL_CONFIRM, person.login.text);

	if (!hc_admin_credential(job, request, &credential, &person) || !read_code(job, request, &code) ||
	    !hc_admin_begin(job))
		return;
	entry.credential = credential.id.text;
	entry.factor = credential.type == HC_CREDENTIAL_HOTP ? "hotp" : "totp";
	enum hc_err err = hc_otp_confirm(job->authd, &credential, code, &reason);

	if (reason == HC_REASON_CONFIRMATION_FAILED || reason == HC_REASON_WRONG_STATE) {
		hc_tx_rollback(job->authd);
		if (reason == HC_REASON_CONFIRMATION_FAILED)
			refuse_confirmation(job, &entry);
		else
			hc_answer_refuse(&job->answer, HC_ERR_STATE, reason, NULL);
		return;
	}
	(void)hc_admin_end(job, err, &entry);
}
