/* SPDX-License-Identifier: Apache-2.0 */
/* Cards: a certificate is one person's for good, an identifier one person's while a card says so. */
#include "store_support.h"

static const struct hc_credential_id FIRST = {"aaaabbbbcccc"};
static const struct hc_credential_id SECOND = {"ddddeeeeffff"};
static const struct hc_credential_id FOREIGN = {"gggghhhhiiii"};
static const struct hc_credential_id TOTP = {"jjjjkkkkllll"};
static const struct hc_credential_id NOBODYS = {"mmmmnnnnoooo"};
static const struct hc_label LOST = {"card lost"};

static int64_t martin, durand;

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;

	martin = add_person(bench->store, "martin");
	durand = add_person(bench->store, "durand");
	struct hc_credential first = credential_of(martin, FIRST.text, HC_CREDENTIAL_CPS);
	struct hc_credential second = credential_of(martin, SECOND.text, HC_CREDENTIAL_CPS);
	struct hc_credential foreign = credential_of(durand, FOREIGN.text, HC_CREDENTIAL_CPS);
	struct hc_credential totp = credential_of(martin, TOTP.text, HC_CREDENTIAL_TOTP);

	add_credential(bench->store, &first);
	add_credential(bench->store, &second);
	add_credential(bench->store, &foreign);
	add_credential(bench->store, &totp);
	return 0;
}

static struct hc_stored_card card_of(uint8_t number, const char *national_id, int64_t not_after_ms)
{
	struct hc_stored_card card = {.type = 0,
				      .category = 0,
				      .profession = 10,
				      .not_after_ms = not_after_ms,
				      .certificate_len = 700};

	memset(card.fingerprint, number, sizeof(card.fingerprint));
	memset(card.key_hash, number ^ 0x80, sizeof(card.key_hash));
	memset(card.certificate, number, card.certificate_len);
	(void)snprintf(card.national_id, sizeof(card.national_id), "%s", national_id);
	(void)snprintf(card.number, sizeof(card.number), "26000000%02u", number);
	return card;
}

static enum hc_err add(struct bench *bench, const struct hc_credential_id *id,
		       const struct hc_stored_card *card)
{
	BEGIN(bench->store);
	const enum hc_err err = hc_store_card_add(bench->store, id, card);

	COMMIT(bench->store);
	return err;
}

static enum hc_err renew(struct bench *bench, const struct hc_credential_id *id,
			 const struct hc_stored_card *card)
{
	BEGIN(bench->store);
	const enum hc_err err = hc_store_card_renew(bench->store, id, card, 5000);

	COMMIT(bench->store);
	return err;
}

static void revoke_card(struct bench *bench, const struct hc_credential_id *id)
{
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, id, &LOST, 9000), HC_OK);
	COMMIT(bench->store);
}

#define RPPS  "810001033801"
#define OTHER "899900063480"

static void a_card_is_refused_that_is_somebodys_or_says_another_persons_number(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card mine = card_of(1, RPPS, 100), same = card_of(1, OTHER, 100),
				    number = card_of(2, RPPS, 100), own = card_of(3, RPPS, 200);
	struct hc_stored_card bound = card_of(4, RPPS, 100), empty = card_of(5, "", 100);

	assert_int_equal(add(bench, &FIRST, &mine), HC_OK);
	assert_int_equal(add(bench, &FOREIGN, &same), HC_ERR_EXISTS);
	assert_int_equal(add(bench, &FOREIGN, &number), HC_ERR_STATE);
	assert_int_equal(add(bench, &TOTP, &own), HC_ERR_NOTFOUND); /* no credential of a card */
	assert_int_equal(add(bench, &NOBODYS, &own), HC_ERR_NOTFOUND);
	assert_int_equal(add(bench, &SECOND, &empty), HC_ERR_INVALID);
	assert_int_equal(add(bench, &SECOND, &own), HC_OK); /* two cards of one person */
	bound.bound = true;
	assert_int_equal(add(bench, &FOREIGN, &bound), HC_OK);
}

static void the_number_of_a_persons_record_is_nobody_elses_on_a_card(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card card = card_of(1, RPPS, 100);
	struct hc_person person = person_of("petit");
	int64_t id = 0;

	(void)snprintf(person.national_id.text, sizeof(person.national_id.text), "%s", RPPS);
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_add(bench->store, &person, &id), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(add(bench, &FIRST, &card), HC_ERR_STATE);
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_remove(bench->store, id), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(add(bench, &FIRST, &card), HC_OK);
}

static void a_revoked_card_keeps_its_certificate_and_gives_its_number_back(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card mine = card_of(1, RPPS, 100), theirs = card_of(2, RPPS, 100);
	struct hc_credential_id found;
	struct hc_card_link links[4];
	size_t count = 9;

	assert_int_equal(add(bench, &FIRST, &mine), HC_OK);
	revoke_card(bench, &FIRST);
	assert_int_equal(hc_store_card_find_by_certificate(bench->store, mine.fingerprint, &found), HC_OK);
	assert_string_equal(found.text, FIRST.text);
	assert_int_equal(hc_store_card_find_by_national_id(bench->store, RPPS, 4, links, &count), HC_OK);
	assert_int_equal(count, 0);
	assert_int_equal(add(bench, &SECOND, &mine), HC_ERR_EXISTS);
	assert_int_equal(add(bench, &FOREIGN, &theirs), HC_OK);
	BEGIN(bench->store);
	assert_int_equal(hc_store_card_touch(bench->store, &FIRST, 5), HC_ERR_STATE);
	hc_store_rollback(bench->store);
	assert_int_equal(renew(bench, &FIRST, &theirs), HC_ERR_EXISTS);
}

static void what_was_kept_of_a_card_is_read_back(void **state)
{
	struct bench *bench = *state;
	struct hc_stored_card card = card_of(1, RPPS, 1234567890123), back;
	struct hc_credential_id found;

	card.type = -1;
	card.category = 3;
	card.profession = -1;
	card.test = true;
	card.bound = true;
	memset(card.number, 0, sizeof(card.number));
	card.certificate_len = HC_STORED_CARD_MAX;
	assert_int_equal(add(bench, &FIRST, &card), HC_OK);
	bench_reopen(bench);
	assert_int_equal(hc_store_card_get(bench->store, &FIRST, &back), HC_OK);
	assert_memory_equal(&back, &card, sizeof(card));
	assert_int_equal(hc_store_card_get(bench->store, &SECOND, &back), HC_ERR_NOTFOUND);
	card.fingerprint[31] ^= 1;
	assert_int_equal(hc_store_card_find_by_certificate(bench->store, card.fingerprint, &found),
			 HC_ERR_NOTFOUND);
}

static void of_one_number_the_card_that_is_valid_longest_comes_first(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card old = card_of(1, RPPS, 100), young = card_of(2, RPPS, 300);
	struct hc_card_link links[4];
	size_t count = 0;

	assert_int_equal(add(bench, &FIRST, &old), HC_OK);
	assert_int_equal(add(bench, &SECOND, &young), HC_OK);
	assert_int_equal(hc_store_card_find_by_national_id(bench->store, RPPS, 4, links, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_string_equal(links[0].credential.text, SECOND.text);
	assert_string_equal(links[1].credential.text, FIRST.text);
	assert_true(links[0].person_id == martin && links[0].state == HC_CREDENTIAL_ACTIVE &&
		    links[0].profession == 10 && links[0].not_after_ms == 300 && !links[0].bound);
	assert_int_equal(hc_store_card_find_by_national_id(bench->store, RPPS, 1, links, &count), HC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(hc_store_card_find_by_national_id(bench->store, OTHER, 4, links, &count), HC_OK);
	assert_int_equal(count, 0);
}

static void a_renewal_keeps_the_number_and_takes_the_rest(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card old = card_of(1, RPPS, 100), number = card_of(2, OTHER, 300),
				    young = card_of(2, RPPS, 300);
	struct hc_stored_card bound = card_of(2, RPPS, 300), back;
	struct hc_credential_id found;

	assert_int_equal(add(bench, &FIRST, &old), HC_OK);
	assert_int_equal(renew(bench, &FIRST, &number), HC_ERR_STATE);
	bound.bound = true;
	assert_int_equal(renew(bench, &FIRST, &bound), HC_ERR_STATE);
	assert_int_equal(renew(bench, &SECOND, &young), HC_ERR_STATE); /* has no certificate */
	assert_int_equal(renew(bench, &FIRST, &young), HC_OK);
	assert_int_equal(hc_store_card_get(bench->store, &FIRST, &back), HC_OK);
	assert_memory_equal(back.fingerprint, young.fingerprint, 32);
	assert_string_equal(back.number, young.number);
	assert_int_equal(back.not_after_ms, 300);
	assert_int_equal(back.renewed_ms, 5000);
	assert_int_equal(hc_store_card_find_by_certificate(bench->store, old.fingerprint, &found),
			 HC_ERR_NOTFOUND);
	assert_int_equal(renew(bench, &FIRST, &young), HC_ERR_EXISTS); /* is this one's already */
}

static void a_bound_card_is_never_renewed(void **state)
{
	struct bench *bench = *state;
	struct hc_stored_card old = card_of(1, RPPS, 100);
	const struct hc_stored_card young = card_of(2, RPPS, 300);

	old.bound = true;
	assert_int_equal(add(bench, &FIRST, &old), HC_OK);
	assert_int_equal(renew(bench, &FIRST, &young), HC_ERR_STATE);
}

static void the_last_use_is_kept_of_active_cards_alone(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card card = card_of(1, RPPS, 100);
	struct hc_credential credential;

	assert_int_equal(add(bench, &FIRST, &card), HC_OK);
	BEGIN(bench->store);
	assert_int_equal(hc_store_card_touch(bench->store, &TOTP, 7), HC_ERR_STATE);
	COMMIT(bench->store);
	BEGIN(bench->store);
	assert_int_equal(hc_store_card_touch(bench->store, &FIRST, 7777), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_credential_by_id(bench->store, &FIRST, &credential), HC_OK);
	assert_int_equal(credential.last_used_ms, 7777);
}

static void a_card_goes_with_its_person(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card card = card_of(1, RPPS, 100);

	assert_int_equal(add(bench, &FIRST, &card), HC_OK);
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_remove(bench->store, martin), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(add(bench, &FOREIGN, &card), HC_OK);
}

static void nothing_changes_outside_of_a_transaction(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_card card = card_of(1, RPPS, 100);

	assert_int_equal(hc_store_card_add(bench->store, &FIRST, &card), HC_ERR_STATE);
	assert_int_equal(hc_store_card_touch(bench->store, &FIRST, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_card_renew(bench->store, &FIRST, &card, 1), HC_ERR_STATE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_card_is_refused_that_is_somebodys_or_says_another_persons_number),
		TEST(the_number_of_a_persons_record_is_nobody_elses_on_a_card),
		TEST(a_revoked_card_keeps_its_certificate_and_gives_its_number_back),
		TEST(what_was_kept_of_a_card_is_read_back),
		TEST(of_one_number_the_card_that_is_valid_longest_comes_first),
		TEST(a_renewal_keeps_the_number_and_takes_the_rest),
		TEST(a_bound_card_is_never_renewed),
		TEST(the_last_use_is_kept_of_active_cards_alone),
		TEST(a_card_goes_with_its_person),
		TEST(nothing_changes_outside_of_a_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
