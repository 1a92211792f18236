/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment of one-time code devices: bounds, the URI, what the store keeps, confirmation. */
#include "factor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

static const struct hc_otp_request TOTP = {
	.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 30};

static enum hc_err enroll(struct rig *rig, const struct hc_person *person,
			  const struct hc_otp_request *request, struct hc_credential *credential,
			  char uri[1025])
{
	HC_AUTO(secret) secret = NULL;
	enum hc_err err;

	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	err = hc_otp_enroll(&rig->authd, person, request, credential, &secret);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	if (err == HC_OK) {
		memcpy(uri, hc_secret_data(secret), hc_secret_len(secret));
		uri[hc_secret_len(secret)] = '\0';
	}
	return err;
}

static void values_out_of_bounds_are_not_enrolled(void **state)
{
	static const struct hc_otp_request table[] = {
		{.type = HC_CREDENTIAL_RECOVERY, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 30},
		{.algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 30},
		{.type = HC_CREDENTIAL_TOTP, .digits = 6, .period_s = 30},
		{.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 7, .period_s = 30},
		{.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 14},
		{.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 121},
		{.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 0},
		{.type = HC_CREDENTIAL_HOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 30},
		{.type = HC_CREDENTIAL_HOTP, .algorithm = HC_OTP_SHA256, .digits = 6, .period_s = 0},
	};
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_credential credential;
	char uri[1025];

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		if (enroll(rig, &person, &table[i], &credential, uri) != HC_ERR_INVALID)
			fail_msg("row %zu", i);
	}
	for (size_t len = 1; len <= 65; len++) {
		uint8_t bytes[65] = {0};
		HC_AUTO(secret) seed = NULL;
		struct hc_otp_request request = TOTP;

		assert_int_equal(hc_secret_from(bytes, len, &seed), HC_OK);
		request.seed = seed;
		if (len >= 16 && len <= 64)
			continue;
		if (enroll(rig, &person, &request, &credential, uri) != HC_ERR_INVALID)
			fail_msg("seed of %zu bytes", len);
	}
}

static void the_seventeenth_device_is_refused_until_one_is_revoked(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_credential credential;
	char uri[1025];

	for (unsigned i = 0; i < HC_CREDENTIALS_MAX; i++)
		assert_int_equal(enroll(rig, &person, &TOTP, &credential, uri), HC_OK);
	assert_int_equal(enroll(rig, &person, &TOTP, &credential, uri), HC_ERR_STATE);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_store_credential_revoke(rig->authd.store, &credential.id,
						    &(const struct hc_label){"lost"}, RIG_NOW),
			 HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	assert_int_equal(enroll(rig, &person, &TOTP, &credential, uri), HC_OK);
}

static void the_uri_follows_the_key_uri_format(void **state)
{
	static const struct {
		struct hc_otp_request request;
		size_t seed_len;
		const char *issuer, *uri;
	} table[] = {
		{{.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA1, .digits = 6, .period_s = 30},
		 20,
		 "HospiConnect",
		 "otpauth://totp/"
		 "HospiConnect:jean.martin?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=HospiConnect"
		 "&algorithm=SHA1&digits=6&period=30"},
		{{.type = HC_CREDENTIAL_TOTP, .algorithm = HC_OTP_SHA256, .digits = 8, .period_s = 60},
		 32,
		 "Hôpital d'Été & Co/1:2",
		 "otpauth://totp/H%C3%B4pital%20d%27%C3%89t%C3%A9%20%26%20Co%2F1%3A2:jean.martin?secret="
		 "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA&issuer=H%C3%B4pital%20d%27%C3%89t%C3%"
		 "A9%20%26%20"
		 "Co%2F1%3A2&algorithm=SHA256&digits=8&period=60"},
		{{.type = HC_CREDENTIAL_HOTP, .algorithm = HC_OTP_SHA1, .digits = 6},
		 16,
		 "HospiConnect",
		 "otpauth://hotp/"
		 "HospiConnect:jean.martin?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY&issuer=HospiConnect"
		 "&algorithm=SHA1&digits=6&counter=0"},
	};
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "jean.martin");

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) seed = NULL;
		struct hc_otp_request request = table[i].request;
		struct hc_credential credential;
		char uri[1025];

		assert_int_equal(hc_secret_from("12345678901234567890123456789012", table[i].seed_len, &seed),
				 HC_OK);
		request.seed = seed;
		snprintf(rig->config.otp.issuer, sizeof(rig->config.otp.issuer), "%s", table[i].issuer);
		assert_int_equal(enroll(rig, &person, &request, &credential, uri), HC_OK);
		if (strcmp(uri, table[i].uri) != 0)
			fail_msg("row %zu: %s", i, uri);
	}
}

static void a_made_seed_is_as_long_as_its_hash_and_never_the_same(void **state)
{
	static const struct {
		enum hc_otp_algorithm algorithm;
		size_t symbols;
	} table[] = {{HC_OTP_SHA1, 32}, {HC_OTP_SHA256, 52}, {HC_OTP_SHA512, 103}};
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_otp_request request = TOTP;
		struct hc_credential credential;
		char first[1025], second[1025];

		request.algorithm = table[i].algorithm;
		assert_int_equal(enroll(rig, &person, &request, &credential, first), HC_OK);
		assert_int_equal(enroll(rig, &person, &request, &credential, second), HC_OK);
		assert_string_not_equal(first, second);
		const char *secret = strstr(first, "secret=") + strlen("secret=");

		if (strcspn(secret, "&") != table[i].symbols)
			fail_msg("row %zu", i);
		assert_int_equal(credential.state, HC_CREDENTIAL_PENDING);
		assert_int_equal(credential.last_step, -1);
	}
}

/* Whether any file of the store holds these bytes. */
static bool store_holds(struct rig *rig, const char *bytes, size_t len)
{
	static const char *const names[] = {"store.db", "store.db-wal"};
	bool holds = false;

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		static char content[1 << 22];
		char path[256];
		FILE *file = fopen(tempdir_file(&rig->dir, names[i], path, sizeof(path)), "re");

		if (file == NULL)
			continue;
		size_t size = fread(content, 1, sizeof(content), file);

		holds |= memmem(content, size, bytes, len) != NULL;
		fclose(file);
	}
	return holds;
}

static void no_seed_stands_in_the_store_in_the_clear(void **state)
{
	struct rig *rig = *state;

	rig_person(rig, "martin");
	struct hc_credential credential = rig_totp(rig, "martin", "very.secret.seed.abc", 6);

	assert_true(store_holds(rig, credential.id.text, HC_CREDENTIAL_ID_LEN)); /* the search works */
	assert_false(store_holds(rig, "very.secret.seed.abc", 20));
	assert_false(store_holds(rig, "very.secret", 11));
}

/* ---- confirmation ---- */

static enum hc_err confirm(struct rig *rig, const struct hc_credential_id *id, const char *code,
			   enum hc_reason *reason)
{
	struct hc_credential credential = rig_credential(rig, id);
	HC_AUTO(secret) secret = NULL;
	enum hc_err err;

	assert_int_equal(hc_secret_from(code, strlen(code), &secret), HC_OK);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	err = hc_otp_confirm(&rig->authd, &credential, secret, reason);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	return err;
}

static void only_the_devices_own_code_confirms_it_and_is_used_up_by_that(void **state)
{
	struct rig *rig = *state;
	struct hc_person person = rig_person(rig, "martin");
	struct hc_otp_request request = TOTP;
	HC_AUTO(secret) seed = NULL;
	struct hc_credential credential;
	enum hc_reason reason;
	char uri[1025], code[16], wrong[16];

	assert_int_equal(hc_secret_from(RIG_SEED, strlen(RIG_SEED), &seed), HC_OK);
	request.seed = seed;
	assert_int_equal(enroll(rig, &person, &request, &credential, uri), HC_OK);
	rig_code(rig, RIG_SEED, 0, code);
	assert_int_equal(confirm(rig, &credential.id, rig_wrong_code(rig, RIG_SEED, wrong), &reason),
			 HC_ERR_PERM);
	assert_int_equal(reason, HC_REASON_CONFIRMATION_FAILED);
	assert_int_equal(confirm(rig, &credential.id, "what?", &reason), HC_ERR_PERM);
	assert_int_equal(reason, HC_REASON_CONFIRMATION_FAILED);
	assert_int_equal(rig_credential(rig, &credential.id).state, HC_CREDENTIAL_PENDING);

	assert_int_equal(confirm(rig, &credential.id, code, &reason), HC_OK);
	assert_int_equal(reason, HC_REASON_NONE);
	assert_int_equal(rig_credential(rig, &credential.id).state, HC_CREDENTIAL_ACTIVE);
	assert_int_equal(confirm(rig, &credential.id, code, &reason), HC_ERR_STATE);
	assert_int_equal(reason, HC_REASON_WRONG_STATE);
	assert_int_equal(rig_sign_in(rig, "martin", code).results, 0);
	fake_clock_pass(&rig->clock, 30000);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(values_out_of_bounds_are_not_enrolled),
		TEST(the_seventeenth_device_is_refused_until_one_is_revoked),
		TEST(the_uri_follows_the_key_uri_format),
		TEST(a_made_seed_is_as_long_as_its_hash_and_never_the_same),
		TEST(no_seed_stands_in_the_store_in_the_clear),
		TEST(only_the_devices_own_code_confirms_it_and_is_used_up_by_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
