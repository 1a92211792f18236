/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock-outs: who has failed how often, and taking locks away.
 *
 * State: the rows of a list. Clearing gives a guesser free tries again: it is recorded with its actor,
 * also where there was nothing to clear.
 */
#include <stdio.h>

#include "admin_job.h"
#include "factor.h"
#include "factor_cps.h"
#include "factor_fido2.h"

struct list {
	struct hc_throttle_row rows[HC_ADMIN_SLICE];
	size_t count, next;
	int64_t cursor;
};

static const char *factor_name(enum hc_factor factor)
{
	switch (factor) {
	case HC_FACTOR_OTP:
		return hc_factor_otp.name;
	case HC_FACTOR_RECOVERY:
		return hc_factor_recovery.name;
	case HC_FACTOR_FIDO2:
		return hc_factor_fido2.name;
	case HC_FACTOR_CPS:
		return hc_factor_cps.name;
	case HC_FACTOR_PASSWORD:
		return HC_PASSWORD_NAME;
	}
	return "unknown";
}

static enum hc_err produce_list(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct list *list = job->answer.state;
	const struct hc_throttle_row *row;

	if (list->next == list->count) {
		enum hc_err err = hc_store_throttle_list(job->authd->store, &list->cursor, HC_ADMIN_SLICE,
							 list->rows, &list->count);

		if (err != HC_OK)
			return err;
		list->next = 0;
		if (list->count == 0) {
			*ret_more = false;
			return HC_OK;
		}
	}
	row = &list->rows[list->next++];
	hc_msg_put_text(out, HC_FIELD_LOGIN, row->login.text);
	hc_msg_put_text(out, HC_FIELD_FACTOR, factor_name(row->factor));
	hc_msg_put_text(out, HC_FIELD_SCOPE, row->scope);
	hc_msg_put_u32(out, HC_FIELD_FAILURES, row->failures);
	hc_answer_put_time(out, HC_FIELD_LOCKED_UNTIL_MS, row->locked_until_ms);
	*ret_ready = true;
	return HC_OK;
}

void hc_admin_lockout_list(struct hc_admin_job *job, const struct hc_msg *request)
{
	(void)request;						     /* has no fields */
	(void)hc_admin_rows(job, sizeof(struct list), produce_list); /* NULL has refused the job already */
}

void hc_admin_lockout_clear(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct hc_person person = {0};
	char detail[64];
	size_t cleared = 0;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_LOCKOUT_CLEAR, person.login.text);
	enum hc_err err;

	if (!hc_admin_person(job, request, &person) || !hc_admin_begin(job))
		return;
	err = hc_store_throttle_clear(job->authd->store, person.id, (enum hc_factor)0, NULL, &cleared);
	snprintf(detail, sizeof(detail), "counters=%zu", cleared);
	entry.detail = detail;
	if (hc_admin_end(job, err, &entry))
		job->answer.count = cleared;
}
