/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: what a person holds and held, and revocation.
 *
 * State: the rows of a list. Secrets have no place here: a row tells everything about a credential but
 * what it proves itself with.
 */
#include <stdio.h>
#include <stdlib.h>

#include "admin_fido2.h"
#include "admin_job.h"
#include "factor_cps.h"
#include "factor_fido2.h"
#include "transaction.h"

#define LIST_MAX 256 /* of one person, revoked ones too */

static const char *type_name(enum hc_credential_type type)
{
	switch (type) {
	case HC_CREDENTIAL_TOTP:
		return "totp";
	case HC_CREDENTIAL_HOTP:
		return "hotp";
	case HC_CREDENTIAL_RECOVERY:
		return "recovery";
	case HC_CREDENTIAL_FIDO2:
		return hc_factor_fido2.name;
	case HC_CREDENTIAL_CPS:
		return hc_factor_cps.name;
	}
	return "unknown";
}

static const char *state_name(enum hc_credential_state state)
{
	switch (state) {
	case HC_CREDENTIAL_PENDING:
		return "pending";
	case HC_CREDENTIAL_ACTIVE:
		return "active";
	case HC_CREDENTIAL_REVOKED:
		return "revoked";
	}
	return "unknown";
}

static const char *algorithm_name(enum hc_otp_algorithm algorithm)
{
	switch (algorithm) {
	case HC_OTP_SHA1:
		return "SHA1";
	case HC_OTP_SHA256:
		return "SHA256";
	case HC_OTP_SHA512:
		return "SHA512";
	}
	return "unknown";
}

static void put_otp(struct hc_msg *out, const struct hc_credential *credential)
{
	hc_msg_put_text(out, HC_FIELD_ALGORITHM, algorithm_name(credential->algorithm));
	hc_msg_put_u32(out, HC_FIELD_DIGITS, credential->digits);
	if (credential->type == HC_CREDENTIAL_TOTP) {
		hc_msg_put_u32(out, HC_FIELD_PERIOD_S, credential->period_s);
		hc_msg_put_u64(out, HC_FIELD_DRIFT, (uint64_t)credential->drift_steps);
	} else {
		hc_msg_put_u64(out, HC_FIELD_COUNTER, (uint64_t)credential->counter);
	}
}

/* What is known of the make; false: it could not be read. */
static bool put_key(struct hc_admin_job *job, struct hc_msg *out, const struct hc_credential *credential)
{
	struct hc_stored_key key;

	if (hc_store_key_get(job->authd->store, &credential->id, &key) != HC_OK)
		return false;
	hc_key_put(out, &key);
	hc_msg_put_u64(out, HC_FIELD_COUNTER, (uint64_t)credential->counter);
	return true;
}

/* What the card says; false: it could not be read. */
static bool put_card(struct hc_admin_job *job, struct hc_msg *out, const struct hc_credential *credential)
{
	struct hc_stored_card card;

	if (hc_store_card_get(job->authd->store, &credential->id, &card) != HC_OK)
		return false;
	hc_admin_put_card(out, &card);
	return true;
}

static void put_credential(struct hc_msg *out, const struct hc_credential *credential)
{
	hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, credential->id.text);
	hc_msg_put_text(out, HC_FIELD_CREDENTIAL_TYPE, type_name(credential->type));
	hc_msg_put_text(out, HC_FIELD_STATE, state_name(credential->state));
	hc_msg_put_text(out, HC_FIELD_LABEL, credential->label.text);
	if (credential->type == HC_CREDENTIAL_RECOVERY)
		hc_msg_put_u32(out, HC_FIELD_CODES_LEFT, credential->codes_left);
	else if (credential->type != HC_CREDENTIAL_FIDO2 && credential->type != HC_CREDENTIAL_CPS)
		put_otp(out, credential);
	hc_answer_put_time(out, HC_FIELD_CREATED_MS, credential->created_ms);
	hc_answer_put_time(out, HC_FIELD_LAST_USED_MS, credential->last_used_ms);
	hc_msg_put_text(out, HC_FIELD_REVOKE_REASON, credential->revoke_reason.text);
	hc_answer_put_time(out, HC_FIELD_REVOKED_MS, credential->revoked_ms);
	hc_msg_put_text(out, HC_FIELD_PROOFED_BY, credential->proofed_by.text);
	hc_msg_put_text(out, HC_FIELD_DOCUMENT, credential->document.text);
	hc_msg_put_u32(out, HC_FIELD_FACE_TO_FACE, credential->face_to_face ? 1 : 0);
}

struct list {
	struct hc_credential rows[LIST_MAX];
	size_t count, next;
};

static enum hc_err produce_list(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct list *list = job->answer.state;

	if (list->next < list->count) {
		const struct hc_credential *credential = &list->rows[list->next++];

		put_credential(out, credential);
		if ((credential->type == HC_CREDENTIAL_FIDO2 && !put_key(job, out, credential)) ||
		    (credential->type == HC_CREDENTIAL_CPS && !put_card(job, out, credential)))
			return HC_ERR_CORRUPT;
		*ret_ready = true;
	}
	*ret_more = list->next < list->count;
	return HC_OK;
}

void hc_admin_credential_list(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_person person = {0};
	struct list *list;
	enum hc_err err;

	if (!hc_admin_person(job, request, &person))
		return;
	list = hc_admin_rows(job, sizeof(*list), produce_list);
	if (list == NULL)
		return;
	err = hc_store_credential_list(job->authd->store, person.id, true, LIST_MAX, list->rows,
				       &list->count);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
}

void hc_admin_credential_revoke(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_credential credential;
	struct hc_person person = {0};
	struct hc_label reason;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_CREDENTIAL_REVOKE, person.login.text);
	enum hc_err err;

	if (!hc_admin_credential(job, request, &credential, &person) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_REVOKE_REASON, "reason", &reason))
		return;
	if (reason.text[0] == '\0') {
		hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_REASON_MISSING, NULL);
		return;
	}
	if (!hc_admin_begin(job))
		return;
	err = hc_store_credential_revoke(job->authd->store, &credential.id, &reason,
					 hc_now_ms(job->authd->clock));
	if (err == HC_ERR_STATE) {
		hc_tx_rollback(job->authd);
		hc_answer_refuse(&job->answer, err, HC_REASON_WRONG_STATE, NULL);
		return;
	}
	entry.factor = type_name(credential.type);
	entry.credential = credential.id.text;
	entry.detail = reason.text;
	(void)hc_admin_end(job, err, &entry);
}
