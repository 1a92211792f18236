/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the admin requests share: reading fields, refusing, and changing things together with the
 * record of it.
 *
 * State: the job that is passed in. What an administrator gets wrong is refused with the name of the
 * field; values that he sent are never put into texts, since one of them may be a seed or a code.
 */
#include "admin_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credential.h"
#include "hospiconnect/log.h"
#include "transaction.h"

#define ORIGIN "admin.sock"

void hc_admin_trouble(struct hc_admin_job *job, enum hc_err err)
{
	enum hc_reason reason = hc_reason_of_err(err);

	hc_log(HC_LOG_ERROR, "administrator's request failed", HC_F_TEXT("actor", job->caller.actor),
	       HC_F_TEXT("error", hc_strerror(err)), HC_F_TEXT("reason", hc_reason_name(reason)));
	hc_answer_refuse(&job->answer, err, reason, NULL);
}

void *hc_admin_rows(struct hc_admin_job *job, size_t len,
		    enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more))
{
	void *state = hc_answer_rows(&job->answer, len, produce, job);

	if (state == NULL)
		hc_admin_trouble(job, HC_ERR_NOMEM);
	return state;
}

struct hc_audit_entry hc_admin_entry(const struct hc_admin_job *job, enum hc_audit_event event,
				     const char *login)
{
	return (struct hc_audit_entry){
		.event = event,
		.login = login,
		.origin = ORIGIN,
		.actor = job->caller.actor,
	};
}

bool hc_admin_begin(struct hc_admin_job *job)
{
	enum hc_err err = hc_tx_begin(job->authd);

	if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}

bool hc_admin_end(struct hc_admin_job *job, enum hc_err err, struct hc_audit_entry *entry)
{
	if (err == HC_OK) {
		entry->success = true;
		err = hc_audit_add(job->authd->audit, entry);
	}
	if (err == HC_OK)
		err = hc_tx_commit(job->authd);
	else
		hc_tx_rollback(job->authd);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}

bool hc_admin_person(struct hc_admin_job *job, const struct hc_msg *request, struct hc_person *ret_person)
{
	struct hc_login login;
	char text[HC_LOGIN_MAX + 1];
	enum hc_err err;

	if (!hc_answer_text(&job->answer, request, HC_FIELD_LOGIN, "login", text, sizeof(text)))
		return false;
	if (text[0] == '\0')
		return hc_answer_bad(&job->answer, "login");
	/* What is no login is nobody's. */
	err = hc_login_parse(text, strlen(text), &login) == HC_OK
		      ? hc_store_person_by_login(job->authd->store, &login, ret_person)
		      : HC_ERR_NOTFOUND;
	if (err == HC_ERR_NOTFOUND)
		hc_answer_refuse(&job->answer, err, HC_REASON_NO_SUCH_PERSON, NULL);
	else if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}

bool hc_admin_credential(struct hc_admin_job *job, const struct hc_msg *request,
			 struct hc_credential *ret_credential, struct hc_person *ret_person)
{
	struct hc_credential_id id;
	char text[HC_CREDENTIAL_ID_LEN + 1];
	enum hc_err err;

	if (!hc_answer_text(&job->answer, request, HC_FIELD_CREDENTIAL_ID, "id", text, sizeof(text)))
		return false;
	if (text[0] == '\0')
		return hc_answer_bad(&job->answer, "id");
	err = hc_credential_id_parse(text, strlen(text), &id) == HC_OK
		      ? hc_store_credential_by_id(job->authd->store, &id, ret_credential)
		      : HC_ERR_NOTFOUND;
	if (err == HC_ERR_NOTFOUND) {
		hc_answer_refuse(&job->answer, err, HC_REASON_NO_SUCH_CREDENTIAL, NULL);
		return false;
	}
	if (err == HC_OK) {
		err = hc_store_person_by_id(job->authd->store, ret_credential->person_id, ret_person);
		if (err == HC_ERR_NOTFOUND)
			err = HC_ERR_CORRUPT;
	}
	if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}
