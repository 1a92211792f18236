/* SPDX-License-Identifier: Apache-2.0 */
/* Cards in the broker: what they are asked to sign, and which answers let somebody on. */
#include "cps_cards_support.h"

/* ---- refusals ---- */

static void each_wrong_certificate_has_its_own_reason(void **state)
{
	static const struct {
		const char *extension, *value;
		enum hc_reason wanted;
	} table[] = {
		{"keyUsage", "critical,nonRepudiation", HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
		{"extendedKeyUsage", "emailProtection", HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
		{"1.2.250.1.71.1.2.5", "DER:040180", HC_REASON_TEST_CARD},
		{"1.2.250.1.71.1.2.5", "DER:0401", HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN},
		{"subjectAltName", "otherName:msUPN;UTF8:8.10001033801@carte-cps.fr",
		 HC_REASON_CARD_CONTRADICTS_ITSELF},
	};
	struct cards *cards = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_test_subject subject = hc_test_card();

		hc_test_set(&subject, table[i].extension, table[i].value);
		struct hc_test_party card = hc_test_issue(&subject, &people);
		const enum hc_reason reason = refusal(cards, &card);

		hc_test_party_clear(&card);
		if (reason != table[i].wanted)
			fail_msg("row %zu: %s", i, hc_reason_name(reason));
	}
}

static void a_card_must_chain_hold_and_be_linked(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people),
			     foreign = hc_test_issue(&subject, &stranger);

	assert_int_equal(refusal(cards, &card), HC_REASON_CARD_UNKNOWN);
	assert_int_equal(refusal(cards, &foreign), HC_REASON_AUTHORITY_NOT_TRUSTED);
	subject.until_days = -1;
	struct hc_test_party old = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &old), HC_REASON_CERTIFICATE_EXPIRED);
	subject = hc_test_card();
	subject.serial = 666;
	struct hc_test_party lost = hc_test_issue(&subject, &people);

	(void)enroll(cards, &lost, &cards->martin, "cardcardlost");
	assert_int_equal(refusal(cards, &lost), HC_REASON_CERTIFICATE_REVOKED);
	hc_test_party_clear(&card);
	hc_test_party_clear(&foreign);
	hc_test_party_clear(&old);
	hc_test_party_clear(&lost);
}

static void a_signature_over_anything_else_is_none(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people),
			     other = hc_test_issue(&subject, &people);
	struct hc_device_challenge former;
	struct hc_factor_outcome outcome;

	(void)enroll(cards, &card, &cards->martin, "cardcard0001");
	ask(cards, true);
	former = cards->challenge;
	ask(cards, true);
	answer_with(cards, &card, former.data, former.len); /* an answer to an earlier question */
	outcome = judge(cards, &cards->martin);
	assert_int_equal(outcome.reason, HC_REASON_SIGNATURE_INVALID);
	assert_false(outcome.blameless); /* the one thing that counts */
	ask(cards, true);
	hc_test_party_clear(&other);
	other = (struct hc_test_party){.certificate = card.certificate, .key = people.key};
	answer_with(cards, &other, cards->challenge.data, cards->challenge.len);
	assert_int_equal(judge(cards, &cards->martin).reason, HC_REASON_SIGNATURE_INVALID);
	answer_with(cards, &card, cards->challenge.data, cards->challenge.len);
	cards->challenge.open = false; /* answered before */
	assert_int_equal(judge(cards, &cards->martin).result, HC_FACTOR_REFUSED);
	hc_test_party_clear(&card);
}

static void a_card_of_somebody_else_is_told_and_not_counted(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	struct hc_factor_outcome outcome;

	(void)enroll(cards, &card, &cards->durand, "cardcard0001");
	outcome = sign_in(cards, &card, &cards->martin);
	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_int_equal(outcome.reason, HC_REASON_CARD_OF_SOMEBODY_ELSE);
	assert_true(outcome.blameless);
	assert_string_equal(outcome.credential.text, "");
	assert_non_null(strstr(outcome.detail, "card=2600855206 national-id=899900063480"));
	hc_test_party_clear(&card);
}

static void a_credential_that_was_revoked_stays_so(void **state)
{
	struct cards *cards = *state;
	const struct hc_label reason = {"lost"};
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	const struct hc_credential_id id = enroll(cards, &card, &cards->martin, "cardcard0001");

	OK(hc_tx_begin(&cards->rig->authd));
	OK(hc_store_credential_revoke(cards->rig->authd.store, &id, &reason, 1));
	OK(hc_tx_commit(&cards->rig->authd));
	assert_int_equal(refusal(cards, &card), HC_REASON_CREDENTIAL_REVOKED);
	subject.until_days = 1500; /* nor does a newer one bring it back */
	struct hc_test_party newer = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &newer), HC_REASON_CARD_UNKNOWN);
	hc_test_party_clear(&card);
	hc_test_party_clear(&newer);
}

static void without_authorities_nobody_is_let_on_and_nobody_blamed(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	struct hc_factor_outcome outcome;

	(void)enroll(cards, &card, &cards->martin, "cardcard0001");
	keep(&cards->trust, "broken.pem", "no certificate", 14);
	fake_clock_pass(&cards->rig->clock, 1500);
	outcome = sign_in(cards, &card, &cards->martin);
	assert_int_equal(outcome.result, HC_FACTOR_BROKEN);
	assert_int_equal(outcome.reason, HC_REASON_AUTHORITY_NOT_TRUSTED);
	hc_test_party_clear(&card);
}

static void a_list_that_ran_out_serves_in_degraded_mode_alone(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	struct hc_factor_outcome outcome;

	(void)enroll(cards, &card, &cards->martin, "cardcard0001");
	publish(cards, "people.crl", &people, 666, -2 * DAY, -DAY);
	fake_clock_pass(&cards->rig->clock, 1500);
	assert_int_equal(refusal(cards, &card), HC_REASON_REVOCATION_UNKNOWN);
	cards->rig->config.cps.crl_degraded_max_age_s = 3 * DAY;
	outcome = sign_in(cards, &card, &cards->martin);
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_true(outcome.degraded);
	assert_non_null(strstr(outcome.detail, "mode dégradé"));
	hc_test_party_clear(&card);
}

/* ---- what is asked ---- */

static void the_message_says_place_and_purpose_and_is_new_each_time(void **state)
{
	static const char HEAD[] = "HospiConnect-CPS-v1\0\0\x06ward-7\0\x06ward-7\0\x07sign-in\0\x20";
	struct cards *cards = *state;
	uint8_t nonce[HC_CPS_NONCE_LEN] = {0}, a[HC_CPS_MESSAGE_MAX], b[HC_CPS_MESSAGE_MAX];
	size_t a_len = 0, b_len = 0, len;
	const uint8_t *view;
	uint32_t flags = 0;
	char module[256];

	ask(cards, true);
	OK(hc_msg_bytes(&cards->start, HC_FIELD_TO_SIGN, &view, &len));
	assert_int_equal(len, sizeof(HEAD) - 1 + HC_CPS_NONCE_LEN);
	assert_memory_equal(view, HEAD, sizeof(HEAD) - 1);
	assert_false(hc_msg_has(&cards->start, HC_FIELD_FLAGS));
	OK(hc_msg_text(&cards->start, HC_FIELD_MODULE, module, sizeof(module)));
	assert_string_equal(module, "/usr/lib/cards.so");
	memcpy(a, view, len);
	ask(cards, true);
	OK(hc_msg_bytes(&cards->start, HC_FIELD_TO_SIGN, &view, &len));
	assert_memory_not_equal(a, view, len);
	ask(cards, false);
	OK(hc_msg_u32(&cards->start, HC_FIELD_FLAGS, &flags));
	assert_int_equal(flags, HC_DEVICE_FLAG_PRESENT);
	/* with a gateway, its name; and no two sets of parts make one message */
	snprintf(cards->rig->config.fido.rp_id, sizeof(cards->rig->config.fido.rp_id), "a");
	snprintf(cards->rig->authd.machine, sizeof(cards->rig->authd.machine), "bc");
	OK(hc_cps_message(&cards->rig->authd, "d", nonce, a, &a_len));
	snprintf(cards->rig->config.fido.rp_id, sizeof(cards->rig->config.fido.rp_id), "ab");
	snprintf(cards->rig->authd.machine, sizeof(cards->rig->authd.machine), "c");
	OK(hc_cps_message(&cards->rig->authd, "d", nonce, b, &b_len));
	assert_true(a_len == b_len && memcmp(a, b, a_len) != 0);
}

static void without_a_module_no_card_is_asked(void **state)
{
	struct cards *cards = *state;
	const struct hc_device_wish wish = {.verify = true, .timeout_s = 60};

	cards->rig->config.cps.module[0] = '\0';
	assert_int_equal(hc_device_cps.ask(&cards->rig->authd, &wish, &cards->start, &cards->challenge),
			 HC_ERR_STATE);
}

/* ---- PINs ---- */

static enum hc_reason objection(struct cards *cards, const char *serial, const char *pin)
{
	HC_AUTO(secret) secret = NULL;
	HC_AUTO(msg) msg = NULL;

	OK(hc_msg_new(&msg));
	hc_msg_init(msg, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(msg, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN);
	hc_msg_put_text(msg, HC_FIELD_SERIAL, serial);
	OK(hc_msg_finish(msg));
	OK(hc_msg_parse(msg, msg->len));
	OK(hc_secret_from(pin, strlen(pin), &secret));
	const enum hc_reason reason = hc_device_cps.objection(&cards->rig->authd, msg, secret);

	if (reason == HC_REASON_NONE)
		hc_device_cps.pin_was(&cards->rig->authd, msg, secret, strcmp(pin, "4321") == 0);
	return reason;
}

static void a_pin_is_not_sent_that_is_none_or_was_refused(void **state)
{
	static const char *const none[] = {
		"", "123", "12a4", "secret", " 1234", "12 4", "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4"};
	struct cards *cards = *state;

	for (size_t i = 0; i < HC_COUNT(none); i++) {
		if (objection(cards, "26", none[i]) != HC_REASON_PIN_MALFORMED)
			fail_msg("row %zu", i);
	}
	assert_int_equal(objection(cards, "26", "1234"), HC_REASON_NONE); /* and the card refuses it */
	assert_int_equal(objection(cards, "26", "1234"), HC_REASON_PIN_REFUSED_BEFORE);
	assert_int_equal(objection(cards, "27", "1234"), HC_REASON_NONE);
	assert_int_equal(objection(cards, "26", "4321"), HC_REASON_NONE); /* right: all is forgotten */
	assert_int_equal(objection(cards, "26", "1234"), HC_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_wrong_certificate_has_its_own_reason),
		TEST(a_card_must_chain_hold_and_be_linked),
		TEST(a_signature_over_anything_else_is_none),
		TEST(a_card_of_somebody_else_is_told_and_not_counted),
		TEST(a_credential_that_was_revoked_stays_so),
		TEST(without_authorities_nobody_is_let_on_and_nobody_blamed),
		TEST(a_list_that_ran_out_serves_in_degraded_mode_alone),
		TEST(the_message_says_place_and_purpose_and_is_new_each_time),
		TEST(without_a_module_no_card_is_asked),
		TEST(a_pin_is_not_sent_that_is_none_or_was_refused),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
