/* SPDX-License-Identifier: Apache-2.0 */
/* Cards in the broker: what they are asked to sign, whose they are, and which answers let somebody on. */
#include "factor_cps.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cps_ca.h"
#include "cps_trust.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/device.h"
#include "hospiconnect/file.h"
#include "hospiconnect/secret.h"
#include "pin_memory.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

#define OK(what) assert_int_equal((what), HC_OK)
#define DAY	 86400

/* Made once: keys take their time. */
static struct hc_test_party people, test_people, stranger;

struct cards {
	struct rig *rig;
	struct tempdir trust, lists;
	struct hc_person martin, durand;
	struct hc_device_challenge challenge;
	struct hc_msg start, done;
};

static int make_authorities(void **state)
{
	(void)state;
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	test_people = hc_test_authority("TEST AC IGC-SANTE FORT PERSONNES", "IGC-SANTE TEST", NULL);
	stranger = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	return 0;
}

static int clear_authorities(void **state)
{
	(void)state;
	hc_test_party_clear(&people);
	hc_test_party_clear(&test_people);
	hc_test_party_clear(&stranger);
	return 0;
}

static void keep(const struct tempdir *dir, const char *name, const void *data, size_t len)
{
	char path[128];
	FILE *file = fopen(tempdir_file(dir, name, path, sizeof(path)), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static void trust_in(const struct cards *cards, const char *name, const struct hc_test_party *party)
{
	uint8_t der[HC_X509_MAX];

	keep(&cards->trust, name, der, hc_test_der(party->certificate, der, sizeof(der)));
}

static void publish(const struct cards *cards, const char *name, const struct hc_test_party *issuer,
		    long revoked, int from_seconds, int until_seconds)
{
	const long serials[] = {revoked, 0};
	uint8_t list[8192];

	keep(&cards->lists, name, list,
	     hc_test_crl(issuer, serials, from_seconds, until_seconds, NULL, list, sizeof(list)));
}

static int setup(void **state)
{
	struct cards *cards = calloc(1, sizeof(*cards));
	void *rig = NULL;

	if (cards == NULL || rig_setup(&rig) != 0 || !tempdir_make(&cards->trust) ||
	    !tempdir_make(&cards->lists))
		return -1;
	cards->rig = rig;
	cards->rig->log_expected = true;
	fake_clock_set(&cards->rig->clock, (int64_t)time(NULL) * 1000);
	struct hc_cps_settings *settings = &cards->rig->config.cps;

	snprintf(settings->module, sizeof(settings->module), "/usr/lib/cards.so");
	snprintf(settings->trust_dir, sizeof(settings->trust_dir), "%s", cards->trust.path);
	snprintf(settings->crl_dir, sizeof(settings->crl_dir), "%s", cards->lists.path);
	snprintf(cards->rig->authd.machine, sizeof(cards->rig->authd.machine), "ward-7");
	trust_in(cards, "people.crt", &people);
	trust_in(cards, "test.crt", &test_people);
	publish(cards, "people.crl", &people, 666, -DAY, DAY);
	publish(cards, "test.crl", &test_people, 666, -DAY, DAY);
	cards->martin = rig_person(cards->rig, "martin");
	cards->durand = rig_person(cards->rig, "durand");
	OK(hc_cps_trust_new(settings, cards->rig->authd.clock, &cards->rig->authd.cps_trust));
	OK(hc_pin_memory_new(&cards->rig->authd.pins));
	*state = cards;
	return 0;
}

static int teardown(void **state)
{
	struct cards *cards = *state;
	void *rig = cards->rig;

	hc_pin_memory_free(&cards->rig->authd.pins);
	hc_cps_trust_free(&cards->rig->authd.cps_trust);
	tempdir_remove(&cards->trust);
	tempdir_remove(&cards->lists);
	free(cards);
	return rig_teardown(&rig);
}

/* ---- a card made of software ---- */

static void ask(struct cards *cards, bool verify)
{
	const struct hc_device_wish wish = {.verify = verify, .present = !verify, .timeout_s = 60};

	OK(hc_device_cps.ask(&cards->rig->authd, &wish, &cards->start, &cards->challenge));
	OK(hc_msg_finish(&cards->start));
	OK(hc_msg_parse(&cards->start, cards->start.len));
}

/* The card signs message, and its answer becomes cards->done. */
static void answer_with(struct cards *cards, const struct hc_test_party *card, const void *message,
			size_t len)
{
	uint8_t der[HC_X509_MAX], signature[1024];
	size_t signature_len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_non_null(ctx);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, card->key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &signature_len, message, len), 1);
	EVP_MD_CTX_free(ctx);
	hc_msg_init(&cards->done, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(&cards->done, HC_FIELD_CERTIFICATE, der,
			 hc_test_der(card->certificate, der, sizeof(der)));
	hc_msg_put_bytes(&cards->done, HC_FIELD_SIGNATURE_DER, signature, signature_len);
	hc_msg_put_text(&cards->done, HC_FIELD_SERIAL, "2600855206");
	OK(hc_msg_finish(&cards->done));
	OK(hc_msg_parse(&cards->done, cards->done.len));
}

static struct hc_device_answer answer_of(const struct cards *cards)
{
	return (struct hc_device_answer){.done = &cards->done, .challenge = &cards->challenge};
}

static struct hc_factor_outcome judge(struct cards *cards, const struct hc_person *person)
{
	const struct hc_device_answer answer = answer_of(cards);
	struct hc_factor_outcome outcome = {0};

	OK(hc_tx_begin(&cards->rig->authd));
	hc_device_cps.verify(&cards->rig->authd, person, &answer, &outcome);
	if (outcome.result == HC_FACTOR_BROKEN)
		hc_tx_rollback(&cards->rig->authd);
	else
		OK(hc_tx_commit(&cards->rig->authd));
	return outcome;
}

/* Asked, answered and judged. */
static struct hc_factor_outcome sign_in(struct cards *cards, const struct hc_test_party *card,
					const struct hc_person *person)
{
	ask(cards, true);
	answer_with(cards, card, cards->challenge.data, cards->challenge.len);
	return judge(cards, person);
}

static enum hc_reason refusal(struct cards *cards, const struct hc_test_party *card)
{
	const struct hc_factor_outcome outcome = sign_in(cards, card, &cards->martin);

	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_false(outcome.person_verified);
	return outcome.reason;
}

static struct hc_credential_id enroll(struct cards *cards, const struct hc_test_party *card,
				      const struct hc_person *person, const char *id)
{
	struct hc_credential credential = {.person_id = person->id,
					   .type = HC_CREDENTIAL_CPS,
					   .state = HC_CREDENTIAL_ACTIVE,
					   .last_step = -1};
	static struct hc_stored_card stored;
	struct hc_cps_shown shown;

	snprintf(credential.id.text, sizeof(credential.id.text), "%s", id);
	ask(cards, true);
	answer_with(cards, card, "x", 1);
	(void)hc_cps_show(&cards->rig->authd, &cards->done, &shown);
	OK(hc_cps_stored(&shown, &stored));
	OK(hc_tx_begin(&cards->rig->authd));
	OK(hc_store_credential_add(cards->rig->authd.store, &credential));
	OK(hc_store_card_add(cards->rig->authd.store, &credential.id, &stored));
	OK(hc_tx_commit(&cards->rig->authd));
	return credential.id;
}

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

/* ---- whose it is ---- */

static void the_right_card_lets_its_person_on(void **state)
{
	struct cards *cards = *state;
	const struct hc_test_subject subject = hc_test_card();
	struct hc_test_party card = hc_test_issue(&subject, &people);
	const struct hc_credential_id id = enroll(cards, &card, &cards->martin, "cardcard0001");
	struct hc_device_answer answer = answer_of(cards);
	enum hc_reason reason = HC_REASON_NONE;
	struct hc_factor_outcome outcome;
	struct hc_person person;

	outcome = sign_in(cards, &card, &cards->martin);
	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_true(outcome.person_verified);
	assert_false(outcome.degraded);
	assert_string_equal(outcome.credential.text, id.text);
	OK(hc_device_cps.who(&cards->rig->authd, &answer, &person, &reason));
	assert_string_equal(person.login.text, "martin");
	assert_int_equal(rig_credential(cards->rig, &id).last_used_ms, hc_now_ms(cards->rig->authd.clock));
	hc_test_party_clear(&card);
}

static void a_newer_card_of_the_same_profession_takes_the_place_of_the_former(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party former = hc_test_issue(&subject, &people);
	const struct hc_credential_id id = enroll(cards, &former, &cards->martin, "cardcard0001");
	struct hc_stored_card stored;

	subject.until_days = 1100;
	struct hc_test_party newer = hc_test_issue(&subject, &people);

	cards->rig->config.cps.renewed_cards = HC_CPS_RENEWED_REFUSE;
	assert_int_equal(refusal(cards, &newer), HC_REASON_CARD_UNKNOWN);
	cards->rig->config.cps.renewed_cards = HC_CPS_RENEWED_ACCEPT;
	assert_int_equal(sign_in(cards, &newer, &cards->durand).reason, HC_REASON_CARD_OF_SOMEBODY_ELSE);
	assert_int_equal(sign_in(cards, &newer, &cards->martin).result, HC_FACTOR_VERIFIED);
	OK(hc_store_card_get(cards->rig->authd.store, &id, &stored));
	assert_true(stored.renewed_ms > 0);
	assert_string_equal(rig_trail(cards->rig, 0).event, "card-renew");
	/* and the former one is no longer anybody's, nor renews it back */
	assert_int_equal(refusal(cards, &former), HC_REASON_CARD_UNKNOWN);
	assert_int_equal(sign_in(cards, &newer, &cards->martin).result, HC_FACTOR_VERIFIED);
	hc_test_party_clear(&former);
	hc_test_party_clear(&newer);
}

static void a_card_of_another_profession_or_branch_renews_nothing(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();
	struct hc_test_party doctor = hc_test_issue(&subject, &people);

	(void)enroll(cards, &doctor, &cards->martin, "cardcard0001");
	subject.until_days = 1100;
	hc_test_set(&subject, "1.2.250.1.71.1.2.7", "DER:020128");
	struct hc_test_party dentist = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &dentist), HC_REASON_CARD_UNKNOWN);
	(void)enroll(cards, &dentist, &cards->martin, "cardcard0002"); /* two professions, two links */
	assert_int_equal(sign_in(cards, &doctor, &cards->martin).result, HC_FACTOR_VERIFIED);
	assert_int_equal(sign_in(cards, &dentist, &cards->martin).result, HC_FACTOR_VERIFIED);
	subject = hc_test_card();
	subject.until_days = 1200;
	hc_test_set(&subject, "1.2.250.1.71.1.2.5", "DER:040180");
	struct hc_test_party test = hc_test_issue(&subject, &test_people);

	cards->rig->config.cps.allow_test_cards = true;
	assert_int_equal(refusal(cards, &test), HC_REASON_CARD_UNKNOWN);
	hc_test_party_clear(&doctor);
	hc_test_party_clear(&dentist);
	hc_test_party_clear(&test);
}

static void an_identifier_of_a_structure_is_never_followed(void **state)
{
	struct cards *cards = *state;
	struct hc_test_subject subject = hc_test_card();

	subject.common_name = "3760021832/000000018";
	subject.organization = "CH";
	subject.unit = "1760021832";
	hc_test_set(&subject, "subjectAltName", NULL);
	hc_test_set(&subject, "1.2.250.1.71.1.2.2", "DER:020102");
	struct hc_test_party employee = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &employee), HC_REASON_CARD_NEEDS_MAPPING);
	(void)enroll(cards, &employee, &cards->martin, "cardcard0001");
	assert_int_equal(sign_in(cards, &employee, &cards->martin).result, HC_FACTOR_VERIFIED);
	subject.until_days = 1100;
	struct hc_test_party newer = hc_test_issue(&subject, &people);

	assert_int_equal(refusal(cards, &newer), HC_REASON_CARD_NEEDS_MAPPING);
	hc_test_party_clear(&employee);
	hc_test_party_clear(&newer);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(the_right_card_lets_its_person_on),
		TEST(a_newer_card_of_the_same_profession_takes_the_place_of_the_former),
		TEST(a_card_of_another_profession_or_branch_renews_nothing),
		TEST(an_identifier_of_a_structure_is_never_followed),
		TEST(the_message_says_place_and_purpose_and_is_new_each_time),
		TEST(without_a_module_no_card_is_asked),
		TEST(a_pin_is_not_sent_that_is_none_or_was_refused),
	};

	return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
