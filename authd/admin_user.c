/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of persons.
 *
 * State: the rows of a list, a slice at a time, so that a hospital of a hundred thousand is never in
 * memory at once. A removed person's credentials go with the person; the audit trail stays.
 */
#include <string.h>

#include "admin_job.h"
#include "transaction.h"

/* ---- rows ---- */

static const char *state_name(enum hc_person_state state)
{
	switch (state) {
	case HC_PERSON_ACTIVE:
		return "active";
	case HC_PERSON_DISABLED:
		return "disabled";
	}
	return "unknown";
}

static void put_person(struct hc_msg *out, const struct hc_person *person)
{
	hc_msg_put_text(out, HC_FIELD_LOGIN, person->login.text);
	hc_msg_put_text(out, HC_FIELD_GIVEN_NAME, person->given_name.text);
	hc_msg_put_text(out, HC_FIELD_FAMILY_NAME, person->family_name.text);
	hc_msg_put_text(out, HC_FIELD_NATIONAL_ID, person->national_id.text);
	hc_msg_put_text(out, HC_FIELD_PROFESSION, person->profession.text);
	hc_msg_put_text(out, HC_FIELD_ORGANIZATION, person->organization.text);
	hc_answer_put_time(out, HC_FIELD_VALID_FROM_MS, person->valid_from_ms);
	hc_answer_put_time(out, HC_FIELD_VALID_UNTIL_MS, person->valid_until_ms);
	hc_msg_put_text(out, HC_FIELD_STATE, state_name(person->state));
	hc_answer_put_time(out, HC_FIELD_CREATED_MS, person->created_ms);
}

static enum hc_err produce_person(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	const struct hc_admin_job *job = ctx;

	put_person(out, job->answer.state);
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

static void answer_person(struct hc_admin_job *job, const struct hc_person *person)
{
	struct hc_person *row = hc_admin_rows(job, sizeof(*row), produce_person);

	if (row != NULL)
		*row = *person; /* NULL: the person is there, and the END says that it could not be shown */
}

struct list {
	struct hc_person rows[HC_ADMIN_SLICE];
	size_t count, next;
	char after[HC_LOGIN_MAX + 1];
};

static enum hc_err produce_list(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct list *list = job->answer.state;

	if (list->next == list->count) {
		enum hc_err err = hc_store_person_list(job->authd->store, list->after, HC_ADMIN_SLICE,
						       list->rows, &list->count);

		if (err != HC_OK)
			return err;
		list->next = 0;
		if (list->count == 0) {
			*ret_more = false;
			return HC_OK;
		}
		memcpy(list->after, list->rows[list->count - 1].login.text, sizeof(list->after));
	}
	put_person(out, &list->rows[list->next++]);
	*ret_ready = true;
	return HC_OK;
}

/* ---- requests ---- */

static bool read_login(struct hc_admin_job *job, const struct hc_msg *request, struct hc_login *ret_login)
{
	char text[HC_LOGIN_MAX + 1];

	if (!hc_answer_text(&job->answer, request, HC_FIELD_LOGIN, "login", text, sizeof(text)))
		return false;
	if (hc_login_parse(text, strlen(text), ret_login) == HC_OK)
		return true;
	hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_NAME_MALFORMED, NULL);
	return false;
}

static bool read_national_id(struct hc_admin_job *job, const struct hc_msg *request,
			     struct hc_national_id *ret_id)
{
	char text[HC_NATIONAL_ID_MAX + 1];

	if (!hc_answer_text(&job->answer, request, HC_FIELD_NATIONAL_ID, "national-id", text, sizeof(text)))
		return false;
	if (text[0] == '\0' || hc_national_id_parse(text, strlen(text), ret_id) == HC_OK)
		return true;
	hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_NATIONAL_ID_INVALID, NULL);
	return false;
}

static bool read_window(struct hc_admin_job *job, const struct hc_msg *request, struct hc_person *person)
{
	if (!hc_answer_time(&job->answer, request, HC_FIELD_VALID_FROM_MS, "valid-from",
			    &person->valid_from_ms) ||
	    !hc_answer_time(&job->answer, request, HC_FIELD_VALID_UNTIL_MS, "valid-until",
			    &person->valid_until_ms))
		return false;
	if (person->valid_until_ms == 0 || person->valid_until_ms > person->valid_from_ms)
		return true;
	hc_answer_refuse(&job->answer, HC_ERR_INVALID, HC_REASON_INVALID_VALUE, "valid-until");
	return false;
}

static bool read_person(struct hc_admin_job *job, const struct hc_msg *request, struct hc_person *person)
{
	return read_login(job, request, &person->login) &&
	       hc_answer_label(&job->answer, request, HC_FIELD_GIVEN_NAME, "given-name",
			       &person->given_name) &&
	       hc_answer_label(&job->answer, request, HC_FIELD_FAMILY_NAME, "family-name",
			       &person->family_name) &&
	       hc_answer_label(&job->answer, request, HC_FIELD_PROFESSION, "profession",
			       &person->profession) &&
	       hc_answer_label(&job->answer, request, HC_FIELD_ORGANIZATION, "organization",
			       &person->organization) &&
	       read_national_id(job, request, &person->national_id) && read_window(job, request, person);
}

void hc_admin_user_add(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_person person = {.state = HC_PERSON_ACTIVE, .created_ms = hc_now_ms(job->authd->clock)};
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_USER_ADD, person.login.text);
	enum hc_err err;

	if (!read_person(job, request, &person) || !hc_admin_begin(job))
		return;
	err = hc_store_person_add(job->authd->store, &person, &person.id);
	if (err == HC_ERR_EXISTS || err == HC_ERR_STATE) {
		hc_tx_rollback(job->authd);
		hc_answer_refuse(&job->answer, HC_ERR_EXISTS,
				 err == HC_ERR_EXISTS ? HC_REASON_PERSON_EXISTS : HC_REASON_NATIONAL_ID_TAKEN,
				 NULL);
		return;
	}
	if (hc_admin_end(job, err, &entry))
		answer_person(job, &person);
}

void hc_admin_user_show(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_person person = {0};

	if (hc_admin_person(job, request, &person))
		answer_person(job, &person);
}

void hc_admin_user_list(struct hc_admin_job *job, const struct hc_msg *request)
{
	(void)request;						     /* has no fields */
	(void)hc_admin_rows(job, sizeof(struct list), produce_list); /* NULL has refused the job already */
}

/* The gateway ends the sessions of a person who is no longer one. */
static void tell_change(const struct hc_admin_job *job, int64_t person_id, const char *state)
{
	if (job->authd->person_changed != NULL)
		job->authd->person_changed(job->authd->person_changed_ctx, person_id, state);
}

/* Runs also where the person is in that state already: what the administrator did is recorded. */
static void set_state(struct hc_admin_job *job, const struct hc_msg *request, enum hc_person_state state,
		      enum hc_audit_event event)
{
	struct hc_person person = {0};
	char detail[513];
	struct hc_audit_entry entry = hc_admin_entry(job, event, person.login.text);

	if (!hc_admin_person(job, request, &person) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_DETAIL, "reason", detail, sizeof(detail)) ||
	    !hc_admin_begin(job))
		return;
	entry.detail = detail;
	if (hc_admin_end(job, hc_store_person_set_state(job->authd->store, person.id, state), &entry))
		tell_change(job, person.id, state_name(state));
}

void hc_admin_user_enable(struct hc_admin_job *job, const struct hc_msg *request)
{
	set_state(job, request, HC_PERSON_ACTIVE, HC_AUDIT_USER_ENABLE);
}

void hc_admin_user_disable(struct hc_admin_job *job, const struct hc_msg *request)
{
	set_state(job, request, HC_PERSON_DISABLED, HC_AUDIT_USER_DISABLE);
}

void hc_admin_user_remove(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_person person = {0};
	char detail[513];
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_USER_REMOVE, person.login.text);

	if (!hc_admin_person(job, request, &person) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_DETAIL, "reason", detail, sizeof(detail)) ||
	    !hc_admin_begin(job))
		return;
	entry.detail = detail;
	if (hc_admin_end(job, hc_store_person_remove(job->authd->store, person.id), &entry))
		tell_change(job, person.id, "removed");
}
