/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery codes: their form, use once, replacement, and what the store knows of them. */
#include "factor.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

typedef char code_set[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];

static struct hc_factor_outcome verify(struct rig *rig, const struct hc_person *person, const char *answer)
{
	HC_AUTO(secret) secret = NULL;
	struct hc_factor_outcome outcome;

	assert_int_equal(hc_secret_from(answer, strlen(answer), &secret), HC_OK);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	hc_factor_recovery.verify(&rig->authd, person, secret, &outcome);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	return outcome;
}

static void assert_refused(struct hc_factor_outcome outcome, enum hc_reason reason)
{
	assert_int_equal(outcome.result, HC_FACTOR_REFUSED);
	assert_int_equal(outcome.reason, reason);
}

static void a_foreign_or_invented_code_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_person martin = rig_person(rig, "martin"), durand = rig_person(rig, "durand");
	code_set martins, durands;

	assert_refused(verify(rig, &martin, "AAAA-BBBB-CCCC-DDDD"), HC_REASON_WRONG_CODE);
	rig_recovery(rig, "martin", martins);
	rig_recovery(rig, "durand", durands);
	assert_refused(verify(rig, &martin, "AAAA-BBBB-CCCC-DDDD"), HC_REASON_WRONG_CODE);
	assert_refused(verify(rig, &martin, durands[0]), HC_REASON_WRONG_CODE);
	assert_refused(verify(rig, &martin, "what?"), HC_REASON_WRONG_CODE);
	assert_int_equal(verify(rig, &durand, durands[0]).result, HC_FACTOR_VERIFIED);
}

static void each_code_passes_once_also_after_a_restart(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	code_set codes;

	rig_recovery(rig, "martin", codes);
	for (unsigned i = 0; i < HC_RECOVERY_CODES; i++) {
		struct hc_factor_outcome outcome = verify(rig, &person, codes[i]);

		assert_int_equal(outcome.result, HC_FACTOR_VERIFIED);
		assert_int_equal(outcome.codes_left, HC_RECOVERY_CODES - 1 - i);
		assert_refused(verify(rig, &person, codes[i]), HC_REASON_RECOVERY_CODE_USED);
	}
	rig_restart(rig);
	assert_refused(verify(rig, &person, codes[0]), HC_REASON_RECOVERY_CODE_USED);
}

static void a_new_set_revokes_the_former(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	code_set former, present;
	struct hc_credential old = rig_recovery(rig, "martin", former);

	rig_recovery(rig, "martin", present);
	assert_refused(verify(rig, &person, former[0]), HC_REASON_WRONG_CODE);
	assert_int_equal(verify(rig, &person, present[0]).result, HC_FACTOR_VERIFIED);
	old = rig_credential(rig, &old.id);
	assert_int_equal(old.state, HC_CREDENTIAL_REVOKED);
	assert_string_equal(old.revoke_reason.text, "replaced by a new set");
}

static void codes_are_grouped_base32_and_all_different(void **state)
{
	struct rig *rig = *state;
	code_set codes;

	rig_person(rig, "martin");
	rig_recovery(rig, "martin", codes);
	for (size_t i = 0; i < HC_RECOVERY_CODES; i++) {
		for (size_t at = 0; at < HC_RECOVERY_CODE_LEN; at++) {
			char symbol = codes[i][at];

			if (at % 5 == 4 ? symbol != '-'
					: strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", symbol) == NULL)
				fail_msg("code %zu: %s", i, codes[i]);
		}
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(codes[i], codes[other]);
	}
}

/* As people type it: lower case, blanks for hyphens, digits that look like letters. */
static void a_code_passes_as_people_type_it(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	code_set codes;

	rig_recovery(rig, "martin", codes);
	for (size_t i = 0; i < HC_RECOVERY_CODES; i++) {
		char typed[64];
		size_t len = 0;

		for (size_t at = 0; at < HC_RECOVERY_CODE_LEN; at++) {
			char symbol = codes[i][at];

			if (symbol == '-' && i % 3 == 0)
				continue;
			if (symbol == '-' && i % 3 == 1)
				symbol = ' ';
			if (symbol == 'O')
				symbol = '0';
			else if (symbol == 'I')
				symbol = '1';
			else if (symbol == 'B')
				symbol = '8';
			typed[len++] = (char)tolower(symbol);
		}
		typed[len] = '\0';
		if (verify(rig, &person, typed).result != HC_FACTOR_VERIFIED)
			fail_msg("%s typed as %s", codes[i], typed);
	}
}

static void codes_of_another_key_are_worthless(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_seal *own = rig->authd.seal, *foreign = NULL;
	char path[256];
	code_set codes;

	rig_recovery(rig, "martin", codes);
	assert_int_equal(
		hc_seal_open(tempdir_file(&rig->dir, "other.key", path, sizeof(path)), true, &foreign),
		HC_OK);
	rig->authd.seal = foreign;
	assert_refused(verify(rig, &person, codes[0]), HC_REASON_WRONG_CODE);
	rig->authd.seal = own;
	hc_seal_free(&foreign);
	assert_int_equal(verify(rig, &person, codes[0]).result, HC_FACTOR_VERIFIED);
}

static void answers_have_the_form_of_a_recovery_code_or_not(void **state)
{
	static const struct {
		const char *answer;
		bool matches;
	} table[] = {
		{"", false},
		{"123456", false},
		{"ABCD-EFGH-IJKL-MNO", false},
		{"ABCD-EFGH-IJKL-MNOPQ", false},
		{"ABCD-EFGH-IJKL-MNO9", false},
		{"ABCD-EFGH-IJKL-MNOP", true},
		{"abcdefghijklmnop", true},
		{" a0b1 c8d2 efgh ijkl ", true},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) secret = NULL;

		assert_int_equal(hc_secret_from(table[i].answer, strlen(table[i].answer), &secret), HC_OK);
		if (hc_factor_recovery.matches(secret) != table[i].matches)
			fail_msg("row %zu", i);
		if (table[i].matches && hc_factor_otp.matches(secret))
			fail_msg("row %zu has two forms", i);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_foreign_or_invented_code_is_refused),
		TEST(each_code_passes_once_also_after_a_restart),
		TEST(a_new_set_revokes_the_former),
		TEST(codes_are_grouped_base32_and_all_different),
		TEST(a_code_passes_as_people_type_it),
		TEST(codes_of_another_key_are_worthless),
		cmocka_unit_test(answers_have_the_form_of_a_recovery_code_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
