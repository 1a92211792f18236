/* SPDX-License-Identifier: Apache-2.0 */
/* What a responder says of a card: whose word counts. */
#include "cps_ocsp_support.h"

static struct hc_test_answer good_by(const struct hc_test_party *signer)
{
	struct hc_test_answer answer = good();

	answer.signer = signer;
	answer.with_certificate = true;
	return answer;
}

/* ---- who may say it ---- */

static void only_the_authority_of_the_card_counts(void **state)
{
	const struct {
		const char *who;
		struct hc_test_answer answer;
	} table[] = {
		{"another authority", good_by(&others)},
		{"its name, another key", good_by(&people_again)},
		{"the root above it", good_by(&root)},
		{"a responder of another authority", good_by(&foreign_responder)},
		{"the card itself", good_by(&card)},
		{"another card", good_by(&neighbour)},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct hc_cps_ocsp_answer said = verify(&table[i].answer);

		if (said.status != HC_CPS_OCSP_NO_ANSWER || said.fault != HC_CPS_OCSP_WRONG_SIGNER)
			fail_msg("row %zu: %s is believed, or refused for another reason", i, table[i].who);
	}
}

static void the_authority_and_whom_it_certified_for_answers_count(void **state)
{
	struct hc_test_answer table[] = {good(), good(), good_by(&responder), good_by(&responder)};

	(void)state;
	table[1].by_key = true;
	table[3].by_key = true;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct hc_cps_ocsp_answer said = verify(&table[i]);

		if (said.status != HC_CPS_OCSP_GOOD || said.fault != HC_CPS_OCSP_FAULT_NONE)
			fail_msg("row %zu: %s", i, hc_cps_ocsp_fault_name(said.fault));
	}
}

/* One responder's certificate, changed, below the right authority. */
static void refuse_responder(size_t row, const struct hc_test_subject *subject)
{
	struct hc_test_party made = hc_test_issue(subject, &people);
	const struct hc_test_answer answer = good_by(&made);
	const struct hc_cps_ocsp_answer said = verify(&answer);

	hc_test_party_clear(&made);
	if (said.status != HC_CPS_OCSP_NO_ANSWER || said.fault != HC_CPS_OCSP_WRONG_SIGNER)
		fail_msg("row %zu: believed, or refused for another reason", row);
}

static void a_responder_needs_a_certificate_that_was_made_for_it(void **state)
{
	static const struct {
		const char *name, *value;
	} table[] = {
		{"extendedKeyUsage", NULL},
		{"extendedKeyUsage", "clientAuth"},
		{"extendedKeyUsage", "anyExtendedKeyUsage"},
		{"keyUsage", "critical,keyEncipherment"},
		{"basicConstraints", "critical,CA:TRUE"},
		{"noCheck", NULL}, /* and no list */
		{"1.2.3.4", "critical,DER:0500"},
	};
	struct hc_test_subject subject;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		subject = hc_test_responder();
		hc_test_set(&subject, table[i].name, table[i].value);
		refuse_responder(i, &subject);
	}
	subject = hc_test_responder();
	subject.from_days = -30;
	subject.until_days = -1;
	refuse_responder(100, &subject);
	subject.from_days = 1;
	subject.until_days = 30;
	refuse_responder(101, &subject);
	subject = hc_test_responder();
	subject.rsa_bits = 1024;
	refuse_responder(102, &subject);
	subject = hc_test_responder();
	subject.digest = "SHA1";
	refuse_responder(103, &subject);
}

static void a_responder_that_is_no_longer_trusted_is_refused(void **state)
{
	struct hc_test_subject subject = hc_test_responder();
	struct hc_cps_ocsp_question asked = question();
	struct hc_cps_ocsp_answer said;
	struct hc_cps_crls *crls = NULL;
	const long serials[] = {0x7777, 0};
	uint8_t list[8192];

	(void)state;
	subject.serial = 0x7777;
	for (int no_check = 0; no_check < 2; no_check++) {
		for (int listed = 0; listed < 2; listed++) {
			hc_test_set(&subject, "noCheck", no_check != 0 ? "ignored" : NULL);
			struct hc_test_party made = hc_test_issue(&subject, &people);
			const struct hc_test_answer answer = good_by(&made);
			const size_t len = hc_test_answer(&answer, response, sizeof(response));
			const size_t list_len = hc_test_crl(&people, listed != 0 ? serials : NULL, -60, DAY,
							    NULL, list, sizeof(list));

			assert_int_equal(hc_cps_crls_new(&crls), HC_OK);
			assert_int_equal(hc_cps_crls_add(crls, trust, list, list_len, now_ms(), NULL), HC_OK);
			asked.crls = crls;
			hc_cps_ocsp_verify(&asked, response, len, &said);
			assert_int_equal(said.status, listed != 0 ? HC_CPS_OCSP_NO_ANSWER : HC_CPS_OCSP_GOOD);
			hc_cps_crls_free(&crls);
			hc_test_party_clear(&made);
		}
	}
}

static void certificates_without_end_and_without_use_are_refused(void **state)
{
	struct hc_test_answer answer = good_by(&responder);

	(void)state;
	answer.certificates = 9;
	assert_fault(&answer, HC_CPS_OCSP_WRONG_SIGNER);
	answer = good_by(&responder);
	answer.with_certificate = false;
	assert_fault(&answer, HC_CPS_OCSP_WRONG_SIGNER);
	answer = good_by(&responder);
	answer.instead = &neighbour;
	assert_fault(&answer, HC_CPS_OCSP_WRONG_SIGNER);
}

static void a_weak_digest_is_no_signature(void **state)
{
	struct hc_test_answer answer = good();

	(void)state;
	answer.digest = "SHA1";
	assert_fault(&answer, HC_CPS_OCSP_WRONG_SIGNER);
	answer.digest = "SHA384";
	assert_int_equal(verify(&answer).status, HC_CPS_OCSP_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_authority_of_the_card_counts),
		cmocka_unit_test(the_authority_and_whom_it_certified_for_answers_count),
		cmocka_unit_test(a_responder_needs_a_certificate_that_was_made_for_it),
		cmocka_unit_test(a_responder_that_is_no_longer_trusted_is_refused),
		cmocka_unit_test(certificates_without_end_and_without_use_are_refused),
		cmocka_unit_test(a_weak_digest_is_no_signature),
	};

	return cmocka_run_group_tests(tests, make_parties, clear_parties);
}
