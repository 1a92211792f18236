/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_CPS_H
#define HC_FACTOR_CPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authd.h"
#include "device_method.h"
#include "factor.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"

/*
 * Cards of health professionals: what a card is asked to sign, and the judgement of certificate and signature. A
 * challenge is random, made for one conversation and good for one answer.
 */

/* Their name in the trail, their failure counter and their bit of HC_METHOD_…. */
extern const struct hc_factor_ops hc_factor_cps;

/* ---- what is signed ---- */

/*
 * "HospiConnect-CPS-v1", a NUL, and four parts, each behind its length in two bytes (big-endian): issuer (the gateway's
 * host name, [fido2] rp_id; without one the machine's), workstation (the machine's), purpose, and 32 random bytes. No two
 * different sets of parts make the same message.
 */
#define HC_CPS_NONCE_LEN       32
#define HC_CPS_MESSAGE_MAX     720
#define HC_CPS_PURPOSE_MAX     32
#define HC_CPS_PURPOSE_SIGN_IN "sign-in"       /* alone: a line that needs two factors */
#define HC_CPS_PURPOSE_SECOND  "second-factor" /* behind a password that was checked elsewhere */

HC_CHECK enum hc_err hc_cps_message(const struct hc_authd *authd, const char *purpose,
				    const uint8_t nonce[HC_CPS_NONCE_LEN], uint8_t out[HC_CPS_MESSAGE_MAX],
				    size_t *ret_len);

/* ---- what a card showed ---- */

struct hc_cps_shown {
	const uint8_t *der; /* borrowed from the message */
	size_t len;
	struct hc_cps_certificate certificate;
	bool bound;		      /* its identifier is numbered within a structure */
	bool degraded;		      /* not revoked, by a list that ran out */
	struct hc_cps_crl_state list; /* … which */
};

/* hc_cps_show: the certificate of a DEVICE_DONE, read and judged by itself. HC_REASON_NONE, or why it signs nobody in. */
enum hc_reason hc_cps_show(const struct hc_authd *authd, const struct hc_msg *done,
			   struct hc_cps_shown *ret_shown);

/*
 * hc_cps_prove: the same certificate's chain, the signature over the challenge of answer, and revocation, by the
 * list and, where it was asked, by the authority. HC_OK, and ret_reason is HC_REASON_NONE or what is wrong. Otherwise the authorities cannot
 * be used, and nothing can be said about any card.
 */
HC_CHECK enum hc_err hc_cps_prove(const struct hc_authd *authd, const struct hc_device_answer *answer,
				  struct hc_cps_shown *shown, enum hc_reason *ret_reason);

/* hc_cps_stored: what is kept of a certificate that was read. HC_ERR_TOOBIG, HC_ERR_INVALID: its identifier is none. */
HC_CHECK enum hc_err hc_cps_stored(const struct hc_cps_shown *shown, struct hc_stored_card *ret_card);

/* hc_cps_describe: card and identifier, for the trail. */
void hc_cps_describe(const struct hc_cps_shown *shown, char *out, size_t cap);

/* ---- whose it is ---- */

struct hc_cps_owner {
	struct hc_credential credential; /* whatever its state */
	bool renewed;			 /* it is another certificate than that of the credential */
};

/*
 * hc_cps_find: the credential of a certificate: by the certificate itself, or, where [cps] renewed_cards allows it, as the
 * newer one of a card that is enrolled with the same identifier, profession, type and branch. HC_ERR_NOTFOUND:
 * nobody's; ret_reason: CARD_NEEDS_MAPPING or CARD_UNKNOWN.
 */
HC_CHECK enum hc_err hc_cps_find(const struct hc_authd *authd, const struct hc_cps_shown *shown,
				 struct hc_cps_owner *ret_owner, enum hc_reason *ret_reason);

/* hc_cps_owner_objection: why a card of owner does not let this person on, or NONE. */
enum hc_reason hc_cps_owner_objection(const struct hc_cps_owner *owner, int64_t person_id);

/* hc_cps_unwelcome: unwelcome of struct hc_device_method: by the certificate that said has, if it has one. */
enum hc_reason hc_cps_unwelcome(const struct hc_authd *authd, const struct hc_hello *hello,
				const struct hc_msg *said, char detail[HC_DEVICE_DETAIL_MAX]);

/* hc_cps_use: in a transaction: a proven card was used; a renewed one takes the place of the former, with a record. */
HC_CHECK enum hc_err hc_cps_use(const struct hc_authd *authd, const struct hc_person *person,
				const struct hc_cps_shown *shown, const struct hc_cps_owner *owner);

/* ---- whose it becomes ---- */

/* Why a card is not linked, and with NATIONAL_ID_DIFFERS what is known of the person. */
struct hc_cps_refusal {
	enum hc_reason reason; /* NONE: it is linked */
	char known[HC_NATIONAL_ID_MAX + 1];
};

/*
 * hc_cps_link: in a transaction: an active credential for a card that was proven and is nobody's. HC_OK, and ret_refusal
 * says whether it was; if not, the transaction is to be rolled back, as with any other error.
 */
HC_CHECK enum hc_err hc_cps_link(const struct hc_authd *authd, const struct hc_person *person,
				 const struct hc_stored_card *card, struct hc_credential_id *ret_id,
				 struct hc_cps_refusal *ret_refusal);

#endif
