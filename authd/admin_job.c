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

#define ORIGIN	    "admin.sock"
#define TIME_MAX_MS INT64_C(253402300799999) /* 9999-12-31 */

void hc_admin_refuse(struct hc_admin_job *job, enum hc_err err, enum hc_reason reason, const char *argument)
{
	job->err = err;
	job->reason = reason;
	job->produce = NULL;
	snprintf(job->argument, sizeof(job->argument), "%s", argument != NULL ? argument : "");
}

void hc_admin_trouble(struct hc_admin_job *job, enum hc_err err)
{
	enum hc_reason reason = hc_reason_of_err(err);

	hc_log(HC_LOG_ERROR, "administrator's request failed", HC_F_TEXT("actor", job->caller.actor),
	       HC_F_TEXT("error", hc_strerror(err)), HC_F_TEXT("reason", hc_reason_name(reason)));
	hc_admin_refuse(job, err, reason, NULL);
}

void *hc_admin_rows(struct hc_admin_job *job, size_t len,
		    enum hc_err (*produce)(struct hc_admin_job *, struct hc_msg *, bool *, bool *))
{
	job->state = calloc(1, len);
	if (job->state == NULL) {
		hc_admin_trouble(job, HC_ERR_NOMEM);
		return NULL;
	}
	job->state_free = free;
	job->produce = produce;
	return job->state;
}

void hc_admin_put_time(struct hc_msg *out, enum hc_field field, int64_t time_ms)
{
	if (time_ms != 0)
		hc_msg_put_u64(out, field, (uint64_t)time_ms);
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

static bool refuse_value(struct hc_admin_job *job, const char *name)
{
	hc_admin_refuse(job, HC_ERR_INVALID, HC_REASON_INVALID_VALUE, name);
	return false;
}

bool hc_admin_text(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		   const char *name, char *out, size_t cap)
{
	enum hc_err err = hc_msg_text(request, field, out, cap);

	if (err == HC_ERR_NOTFOUND)
		out[0] = '\0';
	else if (err != HC_OK)
		return refuse_value(job, name);
	return true;
}

bool hc_admin_label(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		    const char *name, struct hc_label *ret_label)
{
	char text[HC_LABEL_MAX + 1];

	if (!hc_admin_text(job, request, field, name, text, sizeof(text)))
		return false;
	if (text[0] == '\0') {
		*ret_label = (struct hc_label){0};
		return true;
	}
	if (hc_label_parse(text, strlen(text), ret_label) != HC_OK)
		return refuse_value(job, name);
	return true;
}

bool hc_admin_u32(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		  const char *name, uint32_t absent, uint32_t *ret_value)
{
	enum hc_err err = hc_msg_u32(request, field, ret_value);

	if (err == HC_ERR_NOTFOUND)
		*ret_value = absent;
	else if (err != HC_OK)
		return refuse_value(job, name);
	return true;
}

bool hc_admin_time(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		   const char *name, int64_t *ret_time_ms)
{
	uint64_t value = 0;
	enum hc_err err = hc_msg_u64(request, field, &value);

	if ((err != HC_OK && err != HC_ERR_NOTFOUND) || value > TIME_MAX_MS || (err == HC_OK && value == 0))
		return refuse_value(job, name);
	*ret_time_ms = (int64_t)value;
	return true;
}

bool hc_admin_person(struct hc_admin_job *job, const struct hc_msg *request, struct hc_person *ret_person)
{
	struct hc_login login;
	char text[HC_LOGIN_MAX + 1];
	enum hc_err err;

	if (!hc_admin_text(job, request, HC_FIELD_LOGIN, "login", text, sizeof(text)))
		return false;
	if (text[0] == '\0')
		return refuse_value(job, "login");
	/* What is no login is nobody's. */
	err = hc_login_parse(text, strlen(text), &login) == HC_OK
		      ? hc_store_person_by_login(job->authd->store, &login, ret_person)
		      : HC_ERR_NOTFOUND;
	if (err == HC_ERR_NOTFOUND)
		hc_admin_refuse(job, err, HC_REASON_NO_SUCH_PERSON, NULL);
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

	if (!hc_admin_text(job, request, HC_FIELD_CREDENTIAL_ID, "id", text, sizeof(text)))
		return false;
	if (text[0] == '\0')
		return refuse_value(job, "id");
	err = hc_credential_id_parse(text, strlen(text), &id) == HC_OK
		      ? hc_store_credential_by_id(job->authd->store, &id, ret_credential)
		      : HC_ERR_NOTFOUND;
	if (err == HC_ERR_NOTFOUND) {
		hc_admin_refuse(job, err, HC_REASON_NO_SUCH_CREDENTIAL, NULL);
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
