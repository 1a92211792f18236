/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_H
#define HC_FACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "store/store.h"

struct hc_secret;

/*
 * A factor that verifies one answer against one person's credentials. verify runs inside an open
 * transaction and consumes what it accepts there (a time step, a counter, a recovery code), so that
 * success exists only once the transaction is on disk.
 */
enum hc_factor_result {
	HC_FACTOR_REFUSED = 0,	    /* reason says why: WRONG_CODE, CODE_ALREADY_USED, RECOVERY_CODE_USED */
	HC_FACTOR_BROKEN,	    /* could not be verified: store, seal; reason says which */
	HC_FACTOR_VERIFIED = 0x3C5A /* and consumed */
};

struct hc_factor_outcome {
	enum hc_factor_result result;
	enum hc_reason reason;
	struct hc_credential_id credential; /* VERIFIED: which one */
	uint32_t codes_left;		    /* recovery, after a success */
	bool by_device;
	bool person_verified; /* devices: PIN or fingerprint were right, the device says */
	bool degraded;	      /* VERIFIED, by what was known of it last: to be told */
	bool blameless;	      /* REFUSED, and nothing that somebody could have guessed at: not counted */
	char detail[256];     /* for the trail; empty: none */
};

struct hc_factor_ops {
	const char *name;      /* in the audit trail: "totp", "recovery" */
	enum hc_factor factor; /* its failure counter */
	uint32_t method;       /* HC_METHOD_… */
	/* whether the answer has the form of this factor's; looked at before anything is counted */
	bool (*matches)(const struct hc_secret *answer);
	void (*verify)(const struct hc_authd *authd, const struct hc_person *person,
		       const struct hc_secret *answer, struct hc_factor_outcome *ret_outcome);
};

/* The password is checked elsewhere (passcheck.h); this is its name in the trail and in lists. */
#define HC_PASSWORD_NAME "password"

extern const struct hc_factor_ops hc_factor_otp;
extern const struct hc_factor_ops hc_factor_recovery;

/*
 * What a device gave, for a factor whose answers are not typed. verify works as that of hc_factor_ops, on ctx, which
 * is the evidence.
 */
struct hc_evidence {
	const struct hc_factor_ops
		*factor; /* its name, counter and method; matches and verify are not used */
	void (*verify)(const struct hc_authd *authd, const struct hc_person *person, const void *ctx,
		       struct hc_factor_outcome *ret_outcome);
	const void *ctx;
};

/* ---- enrolment, used by the admin requests; inside the caller's transaction ---- */

struct hc_otp_request {
	enum hc_credential_type type; /* TOTP or HOTP */
	enum hc_otp_algorithm algorithm;
	uint32_t digits, period_s;
	const struct hc_secret *seed; /* NULL: 160, 256 or 512 random bits, as the algorithm has */
	bool active;		      /* active at once */
	struct hc_label label, proofed_by, document;
	bool face_to_face;
};

/* hc_otp_enroll: stores a new sealed credential; ret_uri: the otpauth URI (transferred). HC_ERR_STATE at HC_CREDENTIALS_MAX. */
HC_CHECK enum hc_err hc_otp_enroll(const struct hc_authd *authd, const struct hc_person *person,
				   const struct hc_otp_request *request, struct hc_credential *ret_credential,
				   struct hc_secret **ret_uri);
/* hc_otp_confirm: verifies a code of a pending credential, consumes it and makes the credential active. */
HC_CHECK enum hc_err hc_otp_confirm(const struct hc_authd *authd, const struct hc_credential *credential,
				    const struct hc_secret *code, enum hc_reason *ret_reason);

#define HC_RECOVERY_CODES    10
#define HC_RECOVERY_CODE_LEN 19 /* XXXX-XXXX-XXXX-XXXX, 80 bits in base32 */

/*
 * hc_recovery_enroll: a new set; the former set is revoked in the same transaction. ret_codes: the
 * codes one behind the other, HC_RECOVERY_CODE_LEN bytes each (transferred).
 */
HC_CHECK enum hc_err hc_recovery_enroll(const struct hc_authd *authd, const struct hc_person *person,
					const struct hc_label *proofed_by, const struct hc_label *document,
					bool face_to_face, struct hc_credential *ret_credential,
					struct hc_secret **ret_codes);

#endif
