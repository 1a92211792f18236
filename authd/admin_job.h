/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_JOB_H
#define HC_ADMIN_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin.h"
#include "audit.h"
#include "authd.h"
#include "device.h"
#include "hospiconnect/answer.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/text.h"
#include "store/store.h"

/*
 * What the admin requests have in common; for authd/admin*.c only. How an answer is made of rows and an
 * END: hospiconnect/answer.h. A request is checked and carried out when it starts.
 */
#define HC_ADMIN_SLICE 64 /* rows read from the store at a time */

struct hc_admin_job {
	const struct hc_authd *authd;
	struct hc_caller caller;
	struct hc_answer answer; /* its ctx is the job */
	/* for a device: there is no answer to give yet */
	bool waits;
	const struct hc_admin_device_ops *device; /* what for; set with waits */
	bool inserts;				  /* it is to be plugged in: insert_timeout holds */
	enum hc_device_ask asks;		  /* the question that is open; 0: none */
};

/*
 * A request that needs a device: what is asked of it, and what becomes of what it says. Each is the part of the
 * function of that name in admin.h that differs from device to device. A question sets asks.
 */
struct hc_admin_device_ops {
	enum hc_device_helper helper;
	enum hc_err (*start)(struct hc_admin_job *job, struct hc_msg *start);
	enum hc_admin_device_act (*said)(struct hc_admin_job *job, const struct hc_msg *msg,
					 struct hc_msg *out);
	void (*refused)(struct hc_admin_job *job, enum hc_reason reason);
	/* NULL: every answer is the device's */
	enum hc_admin_device_act (*answered)(struct hc_admin_job *job, const struct hc_secret *answer,
					     struct hc_msg *out);
};

/* hc_admin_wait_for: there is no answer before the device has been asked; the device is borrowed. */
void hc_admin_wait_for(struct hc_admin_job *job, const struct hc_admin_device_ops *device);
/* hc_admin_device_reason: the REASON of what a helper said; NONE: it says none that we know. */
enum hc_reason hc_admin_device_reason(const struct hc_msg *msg);

/* One request's handler. What goes wrong is said through hc_answer_refuse and hc_admin_trouble. */
typedef void (*hc_admin_handler_fn)(struct hc_admin_job *job, const struct hc_msg *request);

void hc_admin_status(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_add(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_show(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_enable(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_disable(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_user_remove(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_enroll_otp(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_enroll_fido2(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_fido2_pin(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_enroll_cps(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_cps_read(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_import_u2f(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_enroll_recovery(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_credential_confirm(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_credential_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_credential_revoke(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_lockout_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_lockout_clear(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_audit_list(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_audit_verify(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_audit_head(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_backup(struct hc_admin_job *job, const struct hc_msg *request);
void hc_admin_seal_rotate(struct hc_admin_job *job, const struct hc_msg *request);

/* ---- the proofing record of an enrolment ---- */

struct hc_admin_proofing {
	struct hc_label by, document;
	bool face_to_face;
};

/* hc_admin_proofing: false: refused. */
bool hc_admin_proofing(struct hc_admin_job *job, const struct hc_msg *request,
		       struct hc_admin_proofing *proofing);
void hc_admin_describe_proofing(const struct hc_credential *credential, char *out, size_t cap);

/* ---- cards ---- */

/* hc_admin_put_card: what a row tells of a card: whose it is, its kind and number, until when it is good. */
void hc_admin_put_card(struct hc_msg *out, const struct hc_stored_card *card);

/* ---- answers ---- */

/* hc_admin_trouble: the broker could not; logged here. */
void hc_admin_trouble(struct hc_admin_job *job, enum hc_err err);
/* hc_admin_rows: zeroed state of len bytes for produce, whose ctx is the job; NULL: refused, no memory. */
void *hc_admin_rows(struct hc_admin_job *job, size_t len,
		    enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more));

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

/* ---- fields that name something; false: refused ---- */

/* hc_admin_person: the person that LOGIN names. */
bool hc_admin_person(struct hc_admin_job *job, const struct hc_msg *request, struct hc_person *ret_person);
/* hc_admin_credential: the credential that CREDENTIAL_ID names, and whose it is. */
bool hc_admin_credential(struct hc_admin_job *job, const struct hc_msg *request,
			 struct hc_credential *ret_credential, struct hc_person *ret_person);

#endif
