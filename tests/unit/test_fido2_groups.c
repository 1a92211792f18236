/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of several relying parties: what a key is asked, and which answer is whose. */
#include "fido2_groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "device_method.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/device.h"
#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

#define RP	 "login.example"
#define PAM	 "pam://ward-7"
#define OTHER	 "pam://ward-8"
#define OK(what) assert_int_equal((what), HC_OK)

static int setup(void **state)
{
	struct rig *rig;

	if (rig_setup(state) != 0)
		return -1;
	rig = *state;
	snprintf(rig->authd.machine, sizeof(rig->authd.machine), "ward-7");
	snprintf(rig->config.fido.rp_id, sizeof(rig->config.fido.rp_id), RP);
	return 0;
}

/* A key made of software: Ed25519; its name is 8 bytes. */
struct key {
	uint8_t seed[32];
	char id[9];
	struct hc_credential_id credential;
};

static void hold(struct rig *rig, const struct hc_person *person, const char *rp_id, uint8_t seed, bool named,
		 struct key *key)
{
	static const uint8_t HEAD[] = {0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20};
	HC_AUTO(secret) secret = NULL;
	struct hc_stored_key stored = {.key_len = sizeof(HEAD) + 32, .id_len = named ? 8 : 0};
	struct hc_credential credential = {.person_id = person->id,
					   .type = HC_CREDENTIAL_FIDO2,
					   .state = HC_CREDENTIAL_ACTIVE,
					   .last_step = -1};

	memset(key, 0, sizeof(*key));
	memset(key->seed, seed, sizeof(key->seed));
	snprintf(key->id, sizeof(key->id), "key-%04u", seed);
	OK(hc_secret_from(key->seed, sizeof(key->seed), &secret));
	memcpy(stored.key, HEAD, sizeof(HEAD));
	OK(hc_ed25519_public(secret, stored.key + sizeof(HEAD)));
	memcpy(stored.id, key->id, stored.id_len);
	snprintf(stored.rp_id, sizeof(stored.rp_id), "%s", rp_id);
	snprintf(credential.id.text, sizeof(credential.id.text), "fidofidof%03u", seed);
	key->credential = credential.id;
	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_credential_add(rig->authd.store, &credential));
	OK(hc_store_key_add(rig->authd.store, &credential.id, &stored));
	OK(hc_tx_commit(&rig->authd));
}

static void ask(struct rig *rig, const struct hc_person *person, struct hc_msg *start,
		struct hc_device_challenge *challenge)
{
	const struct hc_device_wish wish = {.person = person, .timeout_s = 30};

	OK(hc_device_fido2.ask(&rig->authd, &wish, start, challenge));
	OK(hc_msg_finish(start));
	OK(hc_msg_parse(start, start->len));
}

/* ---- what is asked ---- */

static void add(char text[512], const char *before, const uint8_t *data, size_t len)
{
	size_t used = strlen(text);

	assert_true(used + strlen(before) + len < 512);
	(void)snprintf(text + used, 512 - used, "%s%.*s", before, (int)len,
		       data != NULL ? (const char *)data : "");
}

static void put_list(const uint8_t *data, size_t len, char *text)
{
	struct hc_reader reader;
	const uint8_t *view;
	uint16_t size;

	hc_reader_init(&reader, data, len);
	while (hc_reader_left(&reader) > 0) {
		OK(hc_reader_u16(&reader, &size));
		OK(hc_reader_bytes(&reader, size, &view));
		add(text, " ", view, size);
	}
}

/* "rp id id; rp id", and "!" behind it where GROUPS is there. */
static void describe(const struct hc_msg *start, char text[512])
{
	const uint8_t *view, *part;
	struct hc_reader reader;
	uint16_t size;
	size_t len;

	OK(hc_msg_text(start, HC_FIELD_RP_ID, text, 256));
	OK(hc_msg_bytes(start, HC_FIELD_CREDENTIALS, &view, &len));
	put_list(view, len, text);
	if (!hc_msg_has(start, HC_FIELD_GROUPS))
		return;
	OK(hc_msg_bytes(start, HC_FIELD_GROUPS, &view, &len));
	hc_reader_init(&reader, view, len);
	while (hc_reader_left(&reader) > 0) {
		OK(hc_reader_u16(&reader, &size));
		OK(hc_reader_bytes(&reader, size, &part));
		add(text, "; ", part, size);
		OK(hc_reader_u16(&reader, &size));
		OK(hc_reader_bytes(&reader, size, &part));
		put_list(part, size, text);
	}
	add(text, "!", NULL, 0);
}

static void a_person_without_a_key_is_asked_nothing(void **state)
{
	struct rig *rig = *state;
	const struct hc_person person = rig_person(rig, "martin");
	const struct hc_device_wish wish = {.person = &person, .timeout_s = 30};
	struct hc_device_challenge challenge;
	struct hc_msg start;

	assert_int_equal(hc_device_fido2.ask(&rig->authd, &wish, &start, &challenge), HC_ERR_STATE);
}

static void ours_are_asked_for_first_and_one_party_needs_no_groups(void **state)
{
	static const struct {
		const char *keys; /* rp: o ours, p PAM, x OTHER; a capital letter: without a name */
		const char *asked;
	} rows[] = {
		{"o", RP " key-0001"},
		{"oo", RP " key-0001 key-0002"},
		{"p", PAM " key-0001"},
		{"P", PAM "!"},
		{"po", RP " key-0002; " PAM " key-0001!"},
		{"xpo", RP " key-0003; " OTHER " key-0001; " PAM " key-0002!"},
		{"pPo", RP " key-0003; " PAM " key-0001; " PAM "!"},
		{"px", PAM " key-0001; " OTHER " key-0002!"},
		{"PX", PAM "; " OTHER "!"},
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		void *fresh = NULL;
		struct hc_device_challenge challenge;
		struct hc_msg start;
		struct key key;
		char text[512];

		assert_int_equal(setup(&fresh), 0);
		const struct hc_person person = rig_person(fresh, "martin");

		for (size_t j = 0; rows[i].keys[j] != '\0'; j++) {
			char letter = rows[i].keys[j];
			const char *rp_id = letter == 'o' ? RP : (letter | 0x20) == 'p' ? PAM : OTHER;

			hold(fresh, &person, rp_id, (uint8_t)(j + 1), letter >= 'a', &key);
		}
		ask(fresh, &person, &start, &challenge);
		describe(&start, text);
		if (strcmp(text, rows[i].asked) != 0)
			fail_msg("row %zu: %s", i, text);
		rig_teardown(&fresh);
	}
	(void)state;
}

static void a_revoked_key_is_not_asked_for(void **state)
{
	static const struct hc_label why = {"lost"};
	struct rig *rig = *state;
	const struct hc_person person = rig_person(rig, "martin");
	struct hc_device_challenge challenge;
	struct key ours, theirs;
	struct hc_msg start;
	char text[512];

	hold(rig, &person, RP, 1, true, &ours);
	hold(rig, &person, PAM, 2, true, &theirs);
	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_credential_revoke(rig->authd.store, &ours.credential, &why, RIG_NOW));
	OK(hc_tx_commit(&rig->authd));
	ask(rig, &person, &start, &challenge);
	describe(&start, text);
	assert_string_equal(text, PAM " key-0002");
}

static void the_most_that_a_person_can_hold_is_asked_for_as_far_as_it_fits(void **state)
{
	struct rig *rig = *state;
	const struct hc_person person = rig_person(rig, "martin");
	struct hc_device_challenge challenge;
	struct hc_msg start;
	struct key key;
	char text[512], rp_id[HC_RP_ID_MAX + 1];

	for (uint8_t i = 0; i < HC_CREDENTIALS_MAX; i++) {
		snprintf(rp_id, sizeof(rp_id), "x%u", i);
		hold(rig, &person, rp_id, (uint8_t)(i + 1), true, &key);
	}
	ask(rig, &person, &start, &challenge);
	describe(&start, text);
	assert_string_equal(text,
			    "x0 key-0001; x1 key-0002; x2 key-0003; x3 key-0004; x4 key-0005; x5 key-0006;"
			    " x6 key-0007; x7 key-0008!");
}

/* ---- what is answered ---- */

struct given {
	const char *rp_id, *named; /* what is signed; what RP_ID of the answer says, NULL: nothing */
	const char *id;
	bool bent; /* one bit of the signature */
};

static struct hc_factor_outcome give(struct rig *rig, const struct hc_person *person, const struct key *key,
				     const struct given *given)
{
	HC_AUTO(secret) secret = NULL;
	struct hc_device_challenge challenge;
	struct hc_factor_outcome outcome;
	struct hc_msg start, done;
	uint8_t data[37 + 32], signature[HC_ED25519_SIG_LEN];
	const struct hc_device_answer answer = {.done = &done, .challenge = &challenge};
	const uint8_t *hash;
	size_t len;

	ask(rig, person, &start, &challenge);
	OK(hc_msg_bytes(&start, HC_FIELD_CLIENT_DATA_HASH, &hash, &len));
	memset(data, 0, sizeof(data));
	OK(hc_sha256(given->rp_id, strlen(given->rp_id), data));
	data[32] = 0x01;
	memcpy(data + 37, hash, 32);
	OK(hc_secret_from(key->seed, sizeof(key->seed), &secret));
	OK(hc_ed25519_sign(secret, data, sizeof(data), signature));
	signature[7] ^= given->bent ? 1 : 0;
	hc_msg_init(&done, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(&done, HC_FIELD_CREDENTIAL, given->id, strlen(given->id));
	hc_msg_put_text(&done, HC_FIELD_RP_ID, given->named);
	hc_msg_put_bytes(&done, HC_FIELD_USER_HANDLE, "whoever", 7);
	hc_msg_put_bytes(&done, HC_FIELD_AUTH_DATA, data, 37);
	hc_msg_put_bytes(&done, HC_FIELD_SIGNATURE_DER, signature, sizeof(signature));
	OK(hc_msg_finish(&done));
	OK(hc_msg_parse(&done, done.len));
	OK(hc_tx_begin(&rig->authd));
	hc_device_fido2.verify(&rig->authd, person, &answer, &outcome);
	OK(hc_tx_commit(&rig->authd));
	return outcome;
}

static void an_answer_counts_for_the_party_that_the_credential_was_made_for(void **state)
{
	static const struct {
		const char *party, *signed_for, *named;
		enum hc_reason reason;
	} rows[] = {
		{RP, PAM, RP, HC_REASON_KEY_NOT_REGISTERED},
		{PAM, RP, PAM, HC_REASON_KEY_NOT_REGISTERED},
		{PAM, RP, RP, HC_REASON_KEY_NOT_REGISTERED},
		{OTHER, PAM, NULL, HC_REASON_KEY_NOT_REGISTERED},
		{PAM, PAM, RP, HC_REASON_NONE} /* its word is nothing */,
		{PAM, PAM, PAM, HC_REASON_NONE},
		{OTHER, OTHER, NULL, HC_REASON_NONE},
		{RP, RP, PAM, HC_REASON_NONE},
	};
	struct rig *rig = *state;
	const struct hc_person person = rig_person(rig, "martin"), other = rig_person(rig, "durand");
	struct key keys[3];

	hold(rig, &person, RP, 1, true, &keys[0]);
	hold(rig, &person, PAM, 2, true, &keys[1]);
	hold(rig, &person, OTHER, 3, true, &keys[2]);
	struct key foreign;

	hold(rig, &other, PAM, 4, true, &foreign);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const struct key *key = &keys[rows[i].party[0] == 'l'		? 0
					      : strcmp(rows[i].party, PAM) == 0 ? 1
										: 2];
		const struct given given = {rows[i].signed_for, rows[i].named, key->id, false};
		struct hc_factor_outcome outcome = give(rig, &person, key, &given);

		if (outcome.reason != rows[i].reason)
			fail_msg("row %zu: %s", i, hc_reason_name(outcome.reason));
	}
	const struct given theirs = {PAM, PAM, foreign.id, false}, renamed = {PAM, PAM, "name-new", false};

	assert_int_equal(give(rig, &person, &foreign, &theirs).reason, HC_REASON_KEY_NOT_REGISTERED);
	/* A name that is known is not exchanged for another. */
	assert_int_equal(give(rig, &person, &keys[1], &renamed).reason, HC_REASON_KEY_NOT_REGISTERED);
}

static void a_credential_without_a_name_gets_the_one_that_its_key_signed_with(void **state)
{
	struct rig *rig = *state;
	const struct hc_person person = rig_person(rig, "martin"), other = rig_person(rig, "durand");
	struct hc_stored_key stored;
	struct key first, second, foreign;

	hold(rig, &person, PAM, 1, false, &first);
	hold(rig, &person, PAM, 2, false, &second);
	hold(rig, &other, PAM, 3, false, &foreign);
	const struct given bent = {PAM, PAM, "name-two", true}, elsewhere = {OTHER, PAM, "name-two", false},
			   good = {PAM, PAM, "name-two", false};

	assert_int_equal(give(rig, &person, &second, &bent).reason, HC_REASON_KEY_NOT_REGISTERED);
	assert_int_equal(give(rig, &person, &second, &elsewhere).reason, HC_REASON_KEY_NOT_REGISTERED);
	assert_int_equal(give(rig, &person, &foreign, &good).reason, HC_REASON_KEY_NOT_REGISTERED);
	OK(hc_store_key_get(rig->authd.store, &second.credential, &stored));
	assert_int_equal(stored.id_len, 0);

	struct hc_factor_outcome outcome = give(rig, &person, &second, &good);

	assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
	assert_string_equal(outcome.credential.text, second.credential.text);
	OK(hc_store_key_get(rig->authd.store, &second.credential, &stored));
	assert_int_equal(stored.id_len, 8);
	assert_memory_equal(stored.id, "name-two", 8);
	OK(hc_store_key_get(rig->authd.store, &first.credential, &stored));
	assert_int_equal(stored.id_len, 0);
	assert_int_equal(give(rig, &person, &second, &good).result, HC_FACTOR_VERIFIED);
	/* and its name is not another's any more */
	assert_int_equal(give(rig, &person, &first, &good).reason, HC_REASON_SIGNATURE_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_person_without_a_key_is_asked_nothing),
		TEST(ours_are_asked_for_first_and_one_party_needs_no_groups),
		TEST(a_revoked_key_is_not_asked_for),
		TEST(the_most_that_a_person_can_hold_is_asked_for_as_far_as_it_fits),
		TEST(an_answer_counts_for_the_party_that_the_credential_was_made_for),
		TEST(a_credential_without_a_name_gets_the_one_that_its_key_signed_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
