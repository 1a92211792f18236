/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_JOB_H
#define HC_ADMIN_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin.h"
#include "audit.h"
#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/text.h"
#include "store/store.h"

/*
 * What the admin requests have in common; for authd/admin*.c only.
 *
 * A request is checked and carried out when it starts. What it answers with is produced afterwards,
 * a row a call: produce fills out with one row (unfinished) and sets ret_ready, or does a piece of
 * work without one; ret_more says whether to call it again.
 */
#define HC_ADMIN_SLICE 64 /* rows read from the store at a time */

struct hc_admin_job {
	const struct hc_authd *authd;
	struct hc_caller caller;
	enum hc_lang lang;
	enum hc_err err;
	enum hc_reason reason;
	char argument[300]; /* {0} of the reason's text */
	uint64_t count;	    /* rows sent, or what the request says */
	enum hc_err (*produce)(struct hc_admin_job *job, struct hc_msg *out, bool *ret_ready, bool *ret_more);
	void *state; /* of produce, owned */
	void (*state_free)(void *state);
	bool ended;
};

/* One request's handler. What goes wrong is said through hc_admin_refuse and hc_admin_trouble. */
typedef void (*hc_admin_handler_fn)(struct hc_admin_job *job, const struct hc_msg *request);

void hc_admin_status(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_add(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_show(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_enable(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_disable(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_remove(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_enroll_otp(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_enroll_recovery(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_credential_confirm(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_credential_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_credential_revoke(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_lockout_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_lockout_clear(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_audit_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_audit_verify(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_audit_head(struct hc_admin_job *job, const struct hc_msg *request);

/* ---- answers ---- */

/* hc_admin_refuse: the job ends with this; argument may be NULL. */
void hc_admin_refuse(struct hc_admin_job *job, enum hc_err err, enum hc_reason reason, const char *argument);
/* hc_admin_trouble: the broker could not; logged here. */
void hc_admin_trouble(struct hc_admin_job *job, enum hc_err err);
/* hc_admin_rows: zeroed state of len bytes for produce; NULL: refused, no memory. */
void *hc_admin_rows(struct hc_admin_job *job, size_t len,
		    enum hc_err (*produce)(struct hc_admin_job *, struct hc_msg *, bool *, bool *));
/* hc_admin_put_time: a time, unless it is 0, "none". */
void hc_admin_put_time(struct hc_msg *out, enum hc_field field, int64_t time_ms);

/* ---- changes: one transaction with its audit record ---- */

/* hc_admin_entry: borrows login and the job. */
struct hc_audit_entry hc_admin_entry(const struct hc_admin_job *job, enum hc_audit_event event,
				     const char *login);
/* hc_admin_begin: opens the transaction; false: refused. */
bool hc_admin_begin(struct hc_admin_job *job);
/*
 * hc_admin_end: with err HC_OK adds the record and commits; otherwise, or where that fails, rolls
 * back and refuses as trouble. True: the change is on disk.
 */
bool hc_admin_end(struct hc_admin_job *job, enum hc_err err, struct hc_audit_entry *entry);

/* ---- fields; false: refused. name is what the text calls the field. ---- */

bool hc_admin_text(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		   const char *name, char *out, size_t cap);
/* hc_admin_label: absent is empty. */
bool hc_admin_label(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		    const char *name, struct hc_label *ret_label);
bool hc_admin_u32(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		  const char *name, uint32_t absent, uint32_t *ret_value);
/* hc_admin_time: absent is 0; milliseconds until the year 9999. */
bool hc_admin_time(struct hc_admin_job *job, const struct hc_msg *request, enum hc_field field,
		   const char *name, int64_t *ret_time_ms);
/* hc_admin_person: the person that LOGIN names. */
bool hc_admin_person(struct hc_admin_job *job, const struct hc_msg *request, struct hc_person *ret_person);
/* hc_admin_credential: the credential that CREDENTIAL_ID names, and whose it is. */
bool hc_admin_credential(struct hc_admin_job *job, const struct hc_msg *request,
			 struct hc_credential *ret_credential, struct hc_person *ret_person);

#endif
