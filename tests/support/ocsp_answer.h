/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_OCSP_ANSWER_H
#define HC_TEST_OCSP_ANSWER_H

#include "cps_ca.h"
#include "hospiconnect/cps_ocsp.h"

/* An answer of a responder, as good or as bad as a test wants it. Every failure ends the test. */
#define HC_TEST_OCSP_NONCE_MAX 64

struct hc_test_answer {
	const struct hc_test_party *card, *issuer; /* about whom */
	const struct hc_test_party *signer;
	bool with_certificate;		     /* that of signer comes along */
	const struct hc_test_party *instead; /* its certificate comes along in place of signer's */
	size_t certificates;		     /* that many of them; 0: one */
	int status, reason;		     /* V_OCSP_CERTSTATUS_…, OCSP_REVOKED_STATUS_… */
	int from_s, until_s;		     /* from now; until_s 0: none */
	uint8_t nonce[HC_TEST_OCSP_NONCE_MAX];
	int nonce_len; /* 0: none */
	bool nonce_twice;
	int response_status;   /* 0: successful */
	const char *digest;    /* NULL: SHA256 */
	bool by_key;	       /* the signer is named by its key */
	bool twice;	       /* the statement stands there twice */
	const char *id_digest; /* of the certificate's identifier; NULL: SHA1 */
	const struct hc_test_extension *extension, *single_extension; /* critical */
};

/* hc_test_responder: a certificate for answers (changed by the test before), below issuer. */
struct hc_test_subject hc_test_responder(void);

size_t hc_test_answer(const struct hc_test_answer *answer, uint8_t *out, size_t cap);

#endif
