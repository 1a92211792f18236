/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_OCSP_SUPPORT_H
#define HC_CPS_OCSP_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ocsp.h>

#include "hospiconnect/cps_ocsp.h"
#include "ocsp_answer.h"

/* Two authorities below one root, a card, and what a responder says of it. */
#define CAP  65536
#define HOUR 3600
#define DAY  86400

static struct hc_test_party root, people, others,
	people_again; /* people_again: its name, a key of somebody else */
static struct hc_test_party card, neighbour, foreign_card;
static struct hc_test_party responder, foreign_responder;
static struct hc_trust *trust;
static uint8_t card_der[HC_X509_MAX];
static size_t card_len;
static uint8_t nonce[HC_CPS_OCSP_NONCE_LEN];
static uint8_t response[CAP];

static inline void trust_in(const struct hc_test_party *party)
{
	uint8_t der[HC_X509_MAX];
	const size_t len = hc_test_der(party->certificate, der, sizeof(der));

	assert_int_equal(hc_trust_add(trust, der, len, NULL), HC_OK);
}

static inline int make_parties(void **state)
{
	const struct hc_test_subject on_card = hc_test_card();
	const struct hc_test_subject answers = hc_test_responder();

	(void)state;
	root = hc_test_authority("AC RACINE IGC-SANTE FORT", "IGC-SANTE", NULL);
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", &root);
	others = hc_test_authority("AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE", &root);
	people_again = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	card = hc_test_issue(&on_card, &people);
	neighbour = hc_test_issue(&on_card, &people);
	foreign_card = hc_test_issue(&on_card, &people_again);
	responder = hc_test_issue(&answers, &people);
	foreign_responder = hc_test_issue(&answers, &others);
	assert_int_equal(hc_trust_new(&trust), HC_OK);
	trust_in(&root);
	trust_in(&people);
	trust_in(&others);
	card_len = hc_test_der(card.certificate, card_der, sizeof(card_der));
	memset(nonce, 0x5c, sizeof(nonce));
	return 0;
}

static inline int clear_parties(void **state)
{
	struct hc_test_party *all[] = {&root,	   &people,	  &others,    &people_again,	 &card,
				       &neighbour, &foreign_card, &responder, &foreign_responder};

	(void)state;
	hc_trust_free(&trust);
	for (size_t i = 0; i < HC_COUNT(all); i++)
		hc_test_party_clear(all[i]);
	return 0;
}

static inline int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

/* Good, of the authority itself, with the nonce. */
static inline struct hc_test_answer good(void)
{
	struct hc_test_answer answer = {.card = &card,
					.issuer = &people,
					.signer = &people,
					.status = V_OCSP_CERTSTATUS_GOOD,
					.reason = OCSP_REVOKED_STATUS_NOSTATUS,
					.from_s = -60,
					.until_s = HOUR,
					.nonce_len = HC_CPS_OCSP_NONCE_LEN};

	memcpy(answer.nonce, nonce, sizeof(nonce));
	return answer;
}

static inline struct hc_cps_ocsp_question question(void)
{
	return (struct hc_cps_ocsp_question){
		.trust = trust, .der = card_der, .len = card_len, .nonce = nonce, .now_ms = now_ms()};
}

static inline struct hc_cps_ocsp_answer verify(const struct hc_test_answer *answer)
{
	const struct hc_cps_ocsp_question asked = question();
	const size_t len = hc_test_answer(answer, response, sizeof(response));
	struct hc_cps_ocsp_answer said;

	hc_cps_ocsp_verify(&asked, response, len, &said);
	return said;
}

static inline void assert_fault(const struct hc_test_answer *answer, enum hc_cps_ocsp_fault fault)
{
	const struct hc_cps_ocsp_answer said = verify(answer);

	assert_int_equal(said.status, HC_CPS_OCSP_NO_ANSWER);
	if (said.fault != fault)
		fail_msg("%s instead of %s", hc_cps_ocsp_fault_name(said.fault),
			 hc_cps_ocsp_fault_name(fault));
}

#endif
