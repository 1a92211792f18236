/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CPS_CARDS_SUPPORT_H
#define HC_TEST_CPS_CARDS_SUPPORT_H

/* Cards in the broker: authorities, their lists, people, and a card that is made of software. */
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
#include "factor_cps.h"
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
	struct hc_credential_id code; /* of pairing's tests: martin's TOTP */
	struct hc_device_challenge challenge;
	struct hc_msg start, done;
};

static inline int make_authorities(void **state)
{
	(void)state;
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	test_people = hc_test_authority("TEST AC IGC-SANTE FORT PERSONNES", "IGC-SANTE TEST", NULL);
	stranger = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	return 0;
}

static inline int clear_authorities(void **state)
{
	(void)state;
	hc_test_party_clear(&people);
	hc_test_party_clear(&test_people);
	hc_test_party_clear(&stranger);
	return 0;
}

static inline void keep(const struct tempdir *dir, const char *name, const void *data, size_t len)
{
	char path[128];
	FILE *file = fopen(tempdir_file(dir, name, path, sizeof(path)), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static inline void trust_in(const struct cards *cards, const char *name, const struct hc_test_party *party)
{
	uint8_t der[HC_X509_MAX];

	keep(&cards->trust, name, der, hc_test_der(party->certificate, der, sizeof(der)));
}

static inline void publish(const struct cards *cards, const char *name, const struct hc_test_party *issuer,
			   long revoked, int from_seconds, int until_seconds)
{
	const long serials[] = {revoked, 0};
	uint8_t list[8192];

	keep(&cards->lists, name, list,
	     hc_test_crl(issuer, serials, from_seconds, until_seconds, NULL, list, sizeof(list)));
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
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

static inline void ask(struct cards *cards, bool verify)
{
	const struct hc_device_wish wish = {.verify = verify, .present = !verify, .timeout_s = 60};

	OK(hc_device_cps.ask(&cards->rig->authd, &wish, &cards->start, &cards->challenge));
	OK(hc_msg_finish(&cards->start));
	OK(hc_msg_parse(&cards->start, cards->start.len));
}

/* The card signs message, and its answer becomes cards->done. */
static inline void answer_with(struct cards *cards, const struct hc_test_party *card, const void *message,
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

static inline struct hc_device_answer answer_of(const struct cards *cards)
{
	return (struct hc_device_answer){.done = &cards->done, .challenge = &cards->challenge};
}

static inline struct hc_factor_outcome judge(struct cards *cards, const struct hc_person *person)
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
static inline struct hc_factor_outcome sign_in(struct cards *cards, const struct hc_test_party *card,
					       const struct hc_person *person)
{
	ask(cards, true);
	answer_with(cards, card, cards->challenge.data, cards->challenge.len);
	return judge(cards, person);
}

static inline enum hc_reason refusal(struct cards *cards, const struct hc_test_party *card)
{
	const struct hc_factor_outcome outcome = sign_in(cards, card, &cards->martin);

	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_false(outcome.person_verified);
	return outcome.reason;
}

static inline struct hc_credential_id enroll(struct cards *cards, const struct hc_test_party *card,
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
