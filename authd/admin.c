/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration: dispatch, and the life of a job.
 *
 * State: a job, from its request to its END. The permission table has let in administrators only; that
 * is checked once more here, since everything behind this file changes who can sign in. A field that a
 * request has no use for ends the connection: an option that is not understood must not be dropped.
 * Every change is one transaction with the audit record that names its actor.
 */
#include "admin.h"

#include <stdlib.h>

#include "admin_job.h"
#include "hospiconnect/log.h"

#define FIELDS_MAX 16

struct request {
	enum hc_msg_type type;
	hc_admin_handler_fn handler;
	enum hc_field fields[FIELDS_MAX]; /* beside LANG; ends with 0 */
};

#define PROOFING HC_FIELD_PROOFED_BY, HC_FIELD_DOCUMENT, HC_FIELD_FACE_TO_FACE

static const struct request REQUESTS[] = {
	{HC_MSG_STATUS, hc_admin_status, {0}},
	{HC_MSG_USER_ADD,
	 hc_admin_user_add,
	 {HC_FIELD_LOGIN, HC_FIELD_GIVEN_NAME, HC_FIELD_FAMILY_NAME, HC_FIELD_NATIONAL_ID,
	  HC_FIELD_PROFESSION, HC_FIELD_ORGANIZATION, HC_FIELD_VALID_FROM_MS, HC_FIELD_VALID_UNTIL_MS}},
	{HC_MSG_USER_SHOW, hc_admin_user_show, {HC_FIELD_LOGIN}},
	{HC_MSG_USER_LIST, hc_admin_user_list, {0}},
	{HC_MSG_USER_ENABLE, hc_admin_user_enable, {HC_FIELD_LOGIN, HC_FIELD_DETAIL}},
	{HC_MSG_USER_DISABLE, hc_admin_user_disable, {HC_FIELD_LOGIN, HC_FIELD_DETAIL}},
	{HC_MSG_USER_REMOVE, hc_admin_user_remove, {HC_FIELD_LOGIN, HC_FIELD_DETAIL}},
	{HC_MSG_ENROLL_OTP,
	 hc_admin_enroll_otp,
	 {HC_FIELD_LOGIN, HC_FIELD_CREDENTIAL_TYPE, HC_FIELD_ALGORITHM, HC_FIELD_DIGITS, HC_FIELD_PERIOD_S,
	  HC_FIELD_SEED, HC_FIELD_LABEL, HC_FIELD_CONFIRM, PROOFING}},
	{HC_MSG_ENROLL_FIDO2,
	 hc_admin_enroll_fido2,
	 {HC_FIELD_LOGIN, HC_FIELD_LABEL, HC_FIELD_DEVICE_PATH, HC_FIELD_FLAGS, PROOFING}},
	{HC_MSG_FIDO2_PIN,
	 hc_admin_fido2_pin,
	 {HC_FIELD_DEVICE_OPERATION, HC_FIELD_DEVICE_PATH, HC_FIELD_PIN_CHANGE}},
	{HC_MSG_ENROLL_CPS,
	 hc_admin_enroll_cps,
	 {HC_FIELD_LOGIN, HC_FIELD_CERTIFICATE, HC_FIELD_LABEL, HC_FIELD_FLAGS, PROOFING}},
	{HC_MSG_CPS_READ, hc_admin_cps_read, {HC_FIELD_LOGIN, HC_FIELD_FLAGS}},
	{HC_MSG_IMPORT_U2F,
	 hc_admin_import_u2f,
	 {HC_FIELD_LOGIN, HC_FIELD_RP_ID, HC_FIELD_KEYS, HC_FIELD_LABEL, HC_FIELD_FLAGS, PROOFING}},
	{HC_MSG_ENROLL_RECOVERY, hc_admin_enroll_recovery, {HC_FIELD_LOGIN, PROOFING}},
	{HC_MSG_CREDENTIAL_CONFIRM, hc_admin_credential_confirm, {HC_FIELD_CREDENTIAL_ID, HC_FIELD_CODE}},
	{HC_MSG_CREDENTIAL_LIST, hc_admin_credential_list, {HC_FIELD_LOGIN}},
	{HC_MSG_CREDENTIAL_REVOKE,
	 hc_admin_credential_revoke,
	 {HC_FIELD_CREDENTIAL_ID, HC_FIELD_REVOKE_REASON}},
	{HC_MSG_LOCKOUT_LIST, hc_admin_lockout_list, {0}},
	{HC_MSG_LOCKOUT_CLEAR, hc_admin_lockout_clear, {HC_FIELD_LOGIN}},
	{HC_MSG_AUDIT_LIST,
	 hc_admin_audit_list,
	 {HC_FIELD_SINCE_MS, HC_FIELD_LOGIN, HC_FIELD_EVENT, HC_FIELD_LIMIT}},
	{HC_MSG_AUDIT_VERIFY,
	 hc_admin_audit_verify,
	 {HC_FIELD_SEQ, HC_FIELD_TIME_MS, HC_FIELD_HASH, HC_FIELD_PUBLIC_KEY, HC_FIELD_SIGNATURE}},
	{HC_MSG_AUDIT_HEAD, hc_admin_audit_head, {0}},
	{HC_MSG_BACKUP, hc_admin_backup, {0}},
	{HC_MSG_SEAL_ROTATE, hc_admin_seal_rotate, {0}},
};

static const struct request *find_request(enum hc_msg_type type)
{
	for (size_t i = 0; i < HC_COUNT(REQUESTS); i++) {
		if (REQUESTS[i].type == type)
			return &REQUESTS[i];
	}
	return NULL;
}

static enum hc_err check_fields(const struct request *request, const struct hc_msg *msg)
{
	enum hc_field allowed[FIELDS_MAX + 1] = {HC_FIELD_LANG};
	size_t count = 1;

	for (size_t i = 0; i < FIELDS_MAX && request->fields[i] != 0; i++)
		allowed[count++] = request->fields[i];
	return hc_msg_only(msg, allowed, count);
}

/* Not reached through the permission table; if it ever is, it is refused, and the trail says so. */
static void refuse_caller(struct hc_admin_job *job, enum hc_msg_type type)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ADMIN_DENIED, NULL);
	enum hc_err err;

	entry.reason = HC_REASON_NOT_PERMITTED;
	entry.detail = hc_msg_type_name(type);
	err = hc_audit_note(job->authd->audit, &entry);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "refusal could not be recorded", HC_F_TEXT("reason", hc_strerror(err)));
	hc_answer_refuse(&job->answer, HC_ERR_PERM, HC_REASON_NOT_PERMITTED, NULL);
}

enum hc_err hc_admin_start(const struct hc_authd *authd, const struct hc_caller *caller,
			   const struct hc_msg *request, struct hc_admin_job **ret_job)
{
	HC_AUTO(admin_job) job = NULL;
	const struct request *found = find_request(request->type);

	if (found == NULL || check_fields(found, request) != HC_OK)
		return HC_ERR_PROTOCOL;
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return HC_ERR_NOMEM;
	job->authd = authd;
	job->caller = *caller;
	job->answer.lang = hc_answer_lang(request, (enum hc_lang)authd->config->lang);
	if (caller->kind != HC_CALLER_ADMIN)
		refuse_caller(job, request->type);
	else
		found->handler(job, request);
	*ret_job = hc_steal_ptr(&job);
	return HC_OK;
}

void hc_admin_job_free(struct hc_admin_job **job)
{
	if (job == NULL || *job == NULL)
		return;
	hc_answer_clear(&(*job)->answer);
	free(*job);
	*job = NULL;
}

enum hc_err hc_admin_next(struct hc_admin_job *job, struct hc_msg *out, bool *ret_ready, bool *ret_done)
{
	enum hc_err trouble = HC_OK;
	enum hc_err err = hc_answer_next(&job->answer, out, ret_ready, ret_done, &trouble);

	if (err == HC_OK && trouble != HC_OK)
		hc_admin_trouble(job, trouble);
	return err;
}
