/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_OCSP_H
#define HC_CPS_OCSP_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/err.h"
#include "hospiconnect/trust.h"

/*
 * Asking the authority of a card's certificate about that one certificate (OCSP, RFC 6960): the question and the
 * judgement of the answer (libhcevidence/, over OpenSSL 3's libcrypto; hc_crypto_start() comes first). Neither speaks
 * to a network. Whoever carries the two is not believed: the answer counts by its signature alone.
 */
#define HC_CPS_OCSP_NONCE_LEN	 32
#define HC_CPS_OCSP_REQUEST_MAX	 1024
#define HC_CPS_OCSP_RESPONSE_MAX 12288
#define HC_CPS_OCSP_SKEW_MS	 300000
#define HC_CPS_OCSP_AGE_MAX_MS	 (INT64_C(8) * 86400 * 1000) /* of what an answer says */
#define HC_CPS_OCSP_AGE_BARE_MS	 (INT64_C(86400) * 1000)     /* the same, where it does not say until when */

/*
 * hc_cps_ocsp_request: the question about the certificate der, whose issuer must be one of trust, in DER.
 * HC_ERR_NOTFOUND: it is not. HC_ERR_INVALID: no certificate; HC_ERR_TOOBIG, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_cps_ocsp_request(const struct hc_trust *trust, const void *der, size_t len,
					 const uint8_t nonce[HC_CPS_OCSP_NONCE_LEN],
					 uint8_t out[HC_CPS_OCSP_REQUEST_MAX], size_t *ret_len);

/*
 * hc_cps_ocsp_nonce: that of an answer which is otherwise not looked at. HC_ERR_NOTFOUND: it has none; HC_ERR_INVALID: no
 * answer, or a nonce that is none of ours.
 */
HC_CHECK enum hc_err hc_cps_ocsp_nonce(const void *response, size_t len,
				       uint8_t ret_nonce[HC_CPS_OCSP_NONCE_LEN]);

enum hc_cps_ocsp_status {
	HC_CPS_OCSP_NO_ANSWER = 0, /* nothing that counts: the same as no answer at all */
	HC_CPS_OCSP_UNKNOWN = 1,   /* its authority does not know this certificate */
	HC_CPS_OCSP_REVOKED = 2,
	HC_CPS_OCSP_GOOD = 0x6B
};

/* Why an answer does not count. */
enum hc_cps_ocsp_fault {
	HC_CPS_OCSP_FAULT_NONE = 0,
	HC_CPS_OCSP_MALFORMED,
	HC_CPS_OCSP_ERROR_STATUS, /* "try later", "unauthorized", …: signed by nobody */
	HC_CPS_OCSP_OTHER_CARD,	  /* about another certificate, or about this one twice */
	HC_CPS_OCSP_WRONG_SIGNER, /* the authority neither signed it nor certified for it whoever did */
	HC_CPS_OCSP_WRONG_NONCE,  /* another one, or none where there must be one */
	HC_CPS_OCSP_NOT_NOW	  /* not yet valid, run out, or too old */
};

/* hc_cps_ocsp_fault_name: for logs, English. */
const char *hc_cps_ocsp_fault_name(enum hc_cps_ocsp_fault fault);

struct hc_cps_ocsp_question {
	const struct hc_trust *trust;	/* whose authorities may answer */
	const struct hc_cps_crls *crls; /* of a responder's certificate; NULL: none is known */
	const void *der;		/* the certificate in question */
	size_t len;
	const uint8_t *nonce; /* HC_CPS_OCSP_NONCE_LEN bytes; NULL: the answer must have none */
	int64_t now_ms;
};

struct hc_cps_ocsp_answer {
	enum hc_cps_ocsp_status status;
	enum hc_cps_ocsp_fault fault; /* of NO_ANSWER */
	bool hold;		      /* of REVOKED: suspended, which may be taken back */
	int64_t this_update_ms;
	int64_t next_update_ms; /* 0: it does not say */
};

/*
 * hc_cps_ocsp_verify: what an answer (hostile) says. It must be signed by the authority that issued the certificate, or by
 * somebody whom that very authority certified for it (id-kp-OCSPSigning, valid now, not revoked); about this
 * certificate; with this nonce; and of now. A final revocation (not a hold) needs neither nonce nor date: it stays
 * true however old it is. Everything else is NO_ANSWER, and so is what cannot be looked at for want of memory.
 */
void hc_cps_ocsp_verify(const struct hc_cps_ocsp_question *question, const void *response, size_t len,
			struct hc_cps_ocsp_answer *ret_answer);

#endif
