/* SPDX-License-Identifier: Apache-2.0 */
/* What a responder says of a card: about whom, and when. */
#include "cps_ocsp_support.h"

/* Of another question. */
static const uint8_t other_nonce[HC_CPS_OCSP_NONCE_LEN] = {0x5d};

static struct hc_test_answer revoked(int reason)
{
	struct hc_test_answer answer = good();

	answer.status = V_OCSP_CERTSTATUS_REVOKED;
	answer.reason = reason;
	return answer;
}

/* ---- about whom ---- */

static void an_answer_about_another_card_says_nothing(void **state)
{
	struct hc_test_answer table[] = {good(), good(), good(), good()};

	(void)state;
	table[0].card = &neighbour;
	table[1].card = &foreign_card; /* another authority of the same name */
	table[1].issuer = &people_again;
	table[2].twice = true;
	table[3].id_digest = "SHA256"; /* not what was asked */
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct hc_cps_ocsp_answer said = verify(&table[i]);

		if (said.status != HC_CPS_OCSP_NO_ANSWER || said.fault != HC_CPS_OCSP_OTHER_CARD)
			fail_msg("row %zu: %s", i, hc_cps_ocsp_fault_name(said.fault));
	}
}

static void a_card_of_an_authority_that_nobody_trusts_is_never_good(void **state)
{
	struct hc_cps_ocsp_question asked = question();
	struct hc_test_answer answer = good();
	uint8_t der[HC_X509_MAX], request[HC_CPS_OCSP_REQUEST_MAX];
	struct hc_cps_ocsp_answer said;
	size_t len = 0;

	(void)state;
	asked.len = hc_test_der(foreign_card.certificate, der, sizeof(der));
	asked.der = der;
	answer.card = &foreign_card;
	answer.issuer = &people_again;
	answer.signer = &people_again;
	len = hc_test_answer(&answer, response, sizeof(response));
	hc_cps_ocsp_verify(&asked, response, len, &said);
	assert_int_equal(said.status, HC_CPS_OCSP_NO_ANSWER);
	assert_int_equal(hc_cps_ocsp_request(trust, asked.der, asked.len, nonce, request, &len),
			 HC_ERR_NOTFOUND);
}

/* ---- what is said ---- */

static void what_is_revoked_or_unknown_is_not_good(void **state)
{
	struct hc_test_answer answer = revoked(OCSP_REVOKED_STATUS_KEYCOMPROMISE);
	struct hc_cps_ocsp_answer said = verify(&answer);

	(void)state;
	assert_int_equal(said.status, HC_CPS_OCSP_REVOKED);
	assert_false(said.hold);
	answer = revoked(OCSP_REVOKED_STATUS_CERTIFICATEHOLD);
	said = verify(&answer);
	assert_int_equal(said.status, HC_CPS_OCSP_REVOKED);
	assert_true(said.hold);
	answer = good();
	answer.status = V_OCSP_CERTSTATUS_UNKNOWN;
	assert_int_equal(verify(&answer).status, HC_CPS_OCSP_UNKNOWN);
}

static void an_error_of_the_responder_is_no_answer(void **state)
{
	static const int statuses[] = {OCSP_RESPONSE_STATUS_MALFORMEDREQUEST,
				       OCSP_RESPONSE_STATUS_INTERNALERROR, OCSP_RESPONSE_STATUS_TRYLATER,
				       OCSP_RESPONSE_STATUS_SIGREQUIRED, OCSP_RESPONSE_STATUS_UNAUTHORIZED};
	struct hc_test_answer answer = good();

	(void)state;
	for (size_t i = 0; i < HC_COUNT(statuses); i++) {
		answer.response_status = statuses[i];
		assert_fault(&answer, HC_CPS_OCSP_ERROR_STATUS);
	}
}

static void what_must_be_understood_and_is_not_refuses(void **state)
{
	static const struct hc_test_extension strange = {"1.2.3.4", "DER:0500"};
	struct hc_test_answer answer = good();

	(void)state;
	answer.extension = &strange;
	assert_fault(&answer, HC_CPS_OCSP_MALFORMED);
	answer = good();
	answer.single_extension = &strange;
	assert_fault(&answer, HC_CPS_OCSP_MALFORMED);
}

/* ---- the nonce ---- */

static void an_answer_to_another_question_is_refused(void **state)
{
	struct hc_test_answer table[] = {good(), good(), good(), good(), good()};

	(void)state;
	memcpy(table[0].nonce, other_nonce, sizeof(other_nonce));
	table[1].nonce_len = 0;
	table[2].nonce_len = HC_CPS_OCSP_NONCE_LEN - 1;
	table[3].nonce_len = HC_CPS_OCSP_NONCE_LEN + 1;
	table[4].nonce_twice = true;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct hc_cps_ocsp_answer said = verify(&table[i]);

		if (said.status != HC_CPS_OCSP_NO_ANSWER || said.fault != HC_CPS_OCSP_WRONG_NONCE)
			fail_msg("row %zu: %s", i, hc_cps_ocsp_fault_name(said.fault));
	}
}

static void where_no_nonce_is_expected_one_is_refused(void **state)
{
	struct hc_cps_ocsp_question asked = question();
	struct hc_test_answer answer = good();
	struct hc_cps_ocsp_answer said;
	size_t len = hc_test_answer(&answer, response, sizeof(response));

	(void)state;
	asked.nonce = NULL;
	hc_cps_ocsp_verify(&asked, response, len, &said);
	assert_int_equal(said.fault, HC_CPS_OCSP_WRONG_NONCE);
	answer.nonce_len = 0;
	len = hc_test_answer(&answer, response, sizeof(response));
	hc_cps_ocsp_verify(&asked, response, len, &said);
	assert_int_equal(said.status, HC_CPS_OCSP_GOOD);
}

static void the_nonce_of_an_answer_can_be_read(void **state)
{
	struct hc_test_answer answer = good();
	uint8_t found[HC_CPS_OCSP_NONCE_LEN] = {0};
	size_t len = hc_test_answer(&answer, response, sizeof(response));

	(void)state;
	assert_int_equal(hc_cps_ocsp_nonce(response, len, found), HC_OK);
	assert_memory_equal(found, nonce, sizeof(nonce));
	assert_int_equal(hc_cps_ocsp_nonce(response, len - 1, found), HC_ERR_INVALID);
	answer.nonce_len = 0;
	len = hc_test_answer(&answer, response, sizeof(response));
	assert_int_equal(hc_cps_ocsp_nonce(response, len, found), HC_ERR_NOTFOUND);
	answer.nonce_len = 8;
	len = hc_test_answer(&answer, response, sizeof(response));
	assert_int_equal(hc_cps_ocsp_nonce(response, len, found), HC_ERR_INVALID);
}

/* ---- when ---- */

static void an_answer_that_is_not_of_now_is_refused(void **state)
{
	static const struct {
		int from_s, until_s;
		int after_s; /* when it is looked at, from now */
		bool good;
	} table[] = {
		{-2 * HOUR, -HOUR, 0, false},			  /* ran out */
		{-2 * HOUR, -60, 0, true},			  /* within the skew of two clocks */
		{HOUR, 2 * HOUR, 0, false},			  /* not yet */
		{60, HOUR, 0, true},				  /* within the skew */
		{-60, -120, 0, false},				  /* ends before it begins */
		{-60, HOUR, 2 * HOUR, false},			  /* played back later */
		{-60, HOUR, -2 * HOUR, false},			  /* a clock that went back */
		{-9 * DAY, DAY, 0, false},			  /* older than anything we take */
		{-7 * DAY, DAY, 0, true},      {-60, 0, 0, true}, /* no word until when */
		{-DAY - 60, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_cps_ocsp_question asked = question();
		struct hc_test_answer answer = good();
		struct hc_cps_ocsp_answer said;

		answer.from_s = table[i].from_s;
		answer.until_s = table[i].until_s;
		asked.now_ms += (int64_t)table[i].after_s * 1000;
		hc_cps_ocsp_verify(&asked, response, hc_test_answer(&answer, response, sizeof(response)),
				   &said);
		if ((said.status == HC_CPS_OCSP_GOOD) != table[i].good ||
		    (!table[i].good && said.fault != HC_CPS_OCSP_NOT_NOW))
			fail_msg("row %zu: %d %s", i, (int)said.status, hc_cps_ocsp_fault_name(said.fault));
	}
}

static void a_final_revocation_stays_true_and_a_hold_does_not(void **state)
{
	struct hc_test_answer answer = revoked(OCSP_REVOKED_STATUS_KEYCOMPROMISE);

	(void)state;
	answer.from_s = -30 * DAY;
	answer.until_s = -29 * DAY;
	memcpy(answer.nonce, other_nonce, sizeof(other_nonce));
	assert_int_equal(verify(&answer).status, HC_CPS_OCSP_REVOKED);
	answer.signer = &others;
	assert_fault(&answer, HC_CPS_OCSP_WRONG_SIGNER);
	answer = revoked(OCSP_REVOKED_STATUS_CERTIFICATEHOLD);
	answer.from_s = -30 * DAY;
	answer.until_s = -29 * DAY;
	assert_fault(&answer, HC_CPS_OCSP_NOT_NOW);
	memcpy(answer.nonce, other_nonce, sizeof(other_nonce));
	assert_fault(&answer, HC_CPS_OCSP_WRONG_NONCE);
}

/* ---- bytes ---- */

static void no_changed_byte_makes_it_good(void **state)
{
	const struct hc_cps_ocsp_question asked = question();
	const struct hc_test_answer answer = good();
	const size_t len = hc_test_answer(&answer, response, sizeof(response));
	struct hc_cps_ocsp_answer said;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		response[i] ^= 0x01;
		hc_cps_ocsp_verify(&asked, response, len, &said);
		response[i] ^= 0x01;
		/* A NULL parameter of an algorithm and an unused bit are not signed. */
		if (said.status != HC_CPS_OCSP_NO_ANSWER && said.status != HC_CPS_OCSP_GOOD)
			fail_msg("byte %zu changes what is said", i);
	}
	for (size_t cut = 0; cut < len; cut++) {
		hc_cps_ocsp_verify(&asked, response, cut, &said);
		if (said.status != HC_CPS_OCSP_NO_ANSWER)
			fail_msg("the first %zu bytes are good", cut);
	}
	response[len] = 0;
	hc_cps_ocsp_verify(&asked, response, len + 1, &said);
	assert_int_equal(said.status, HC_CPS_OCSP_NO_ANSWER);
	hc_cps_ocsp_verify(&asked, response, HC_CPS_OCSP_RESPONSE_MAX + 1, &said);
	assert_int_equal(said.fault, HC_CPS_OCSP_MALFORMED);
}

static void a_question_names_the_card_and_carries_the_nonce(void **state)
{
	uint8_t request[HC_CPS_OCSP_REQUEST_MAX];
	const unsigned char *at = request;
	size_t len = 0;

	(void)state;
	assert_int_equal(hc_cps_ocsp_request(trust, card_der, card_len - 1, nonce, request, &len),
			 HC_ERR_INVALID);
	assert_int_equal(hc_cps_ocsp_request(trust, card_der, card_len, nonce, request, &len), HC_OK);
	OCSP_REQUEST *read = d2i_OCSP_REQUEST(NULL, &at, (long)len);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), card.certificate, people.certificate);

	assert_non_null(read);
	assert_ptr_equal(at, request + len);
	assert_int_equal(OCSP_request_onereq_count(read), 1);
	assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(read, 0)), id), 0);
	assert_int_equal(OCSP_REQUEST_get_ext_count(read), 1);
	assert_non_null(memmem(request, len, nonce, sizeof(nonce)));
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_about_another_card_says_nothing),
		cmocka_unit_test(a_card_of_an_authority_that_nobody_trusts_is_never_good),
		cmocka_unit_test(what_is_revoked_or_unknown_is_not_good),
		cmocka_unit_test(an_error_of_the_responder_is_no_answer),
		cmocka_unit_test(what_must_be_understood_and_is_not_refuses),
		cmocka_unit_test(an_answer_to_another_question_is_refused),
		cmocka_unit_test(where_no_nonce_is_expected_one_is_refused),
		cmocka_unit_test(the_nonce_of_an_answer_can_be_read),
		cmocka_unit_test(an_answer_that_is_not_of_now_is_refused),
		cmocka_unit_test(a_final_revocation_stays_true_and_a_hold_does_not),
		cmocka_unit_test(no_changed_byte_makes_it_good),
		cmocka_unit_test(a_question_names_the_card_and_carries_the_nonce),
	};

	return cmocka_run_group_tests(tests, make_parties, clear_parties);
}
