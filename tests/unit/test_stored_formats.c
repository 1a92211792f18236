/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies on the disk of a hospital is read by the next version, too: the stored formats, made here
 * a second time, by hand. Whoever has to change this file has to write a migration.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit_internal.h"
#include "credential.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

/* "label", NUL, the person as 8 bytes, the credential's id, NUL, the type. */
static size_t associated_data(const struct hc_credential *credential, uint8_t out[64])
{
	static const char label[] = "hospiconnect credential v1";
	size_t len = sizeof(label);

	memcpy(out, label, sizeof(label));
	for (int shift = 56; shift >= 0; shift -= 8)
		out[len++] = (uint8_t)((uint64_t)credential->person_id >> shift);
	memcpy(out + len, credential->id.text, HC_CREDENTIAL_ID_LEN + 1);
	len += HC_CREDENTIAL_ID_LEN + 1;
	out[len++] = (uint8_t)credential->type;
	return len;
}

static void a_seed_is_sealed_with_person_credential_and_type(void **state)
{
	struct rig *rig = *state;
	struct hc_credential credential;
	HC_AUTO(secret) seed = NULL;
	uint8_t aad[64];

	rig_person(rig, "martin");
	credential = rig_totp(rig, "martin", RIG_SEED, 6);
	assert_int_equal(credential.type, 1);
	assert_int_equal(hc_seal_unwrap(rig->authd.seal, credential.sealed, credential.sealed_len, aad,
					associated_data(&credential, aad), &seed),
			 HC_OK);
	assert_int_equal(hc_secret_len(seed), strlen(RIG_SEED));
	assert_memory_equal(hc_secret_data(seed), RIG_SEED, strlen(RIG_SEED));
}

static void a_recovery_code_is_kept_as_a_keyed_hash_of_credential_and_code(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1], text[HC_CREDENTIAL_ID_LEN + 1 + 16];
	uint8_t hash[HC_SHA256_LEN];
	struct hc_credential credential;
	HC_AUTO(secret) key = NULL;
	size_t len = HC_CREDENTIAL_ID_LEN + 1;

	rig_person(rig, "martin");
	credential = rig_recovery(rig, "martin", codes);
	memcpy(text, credential.id.text, len);
	for (const char *at = codes[0]; *at != '\0'; at++) {
		if (*at != '-')
			text[len++] = *at;
	}
	assert_int_equal(len, sizeof(text));
	assert_int_equal(hc_seal_derive(rig->authd.seal, "hospiconnect recovery v1", &key), HC_OK);
	assert_int_equal(hc_hmac_sha256(key, text, len, hash), HC_OK);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_store_recovery_consume(rig->authd.store, &credential.id, hash, RIG_NOW), HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
}

/* Computed by another program (Python's hashlib and struct) from the description in audit.h. */
static void the_hash_of_a_record_is_the_one_that_was_frozen(void **state)
{
	static const uint8_t wanted[HC_SHA256_LEN] = {
		0xb4, 0x11, 0xda, 0xd2, 0x2d, 0x4d, 0x6a, 0x84, 0x7b, 0xc0, 0x33,
		0xdf, 0xf4, 0x72, 0x13, 0x7f, 0x89, 0x92, 0xac, 0x67, 0xb9, 0x76,
		0x1e, 0xd7, 0x85, 0xf9, 0xe2, 0xd7, 0xa6, 0xec, 0xfc, 0xa6,
	};
	const struct hc_audit_record record = {
		.seq = 7,
		.time_ms = INT64_C(1800000000123),
		.event = "sign-in",
		.outcome = "failure",
		.reason = 201,
		.login = "martin",
		.factor = "totp",
		.credential = "abcdefgh2345",
		.service = "sshd",
		.origin = "tty=ssh rhost=192.0.2.7",
		.actor = "uid 0 (root)",
		.detail = "é",
	};
	uint8_t previous[HC_SHA256_LEN], hash[HC_SHA256_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(previous); i++)
		previous[i] = (uint8_t)i;
	assert_int_equal(hc_audit_hash(previous, &record, hash), HC_OK);
	assert_memory_equal(hash, wanted, sizeof(wanted));
}

/* Sealed by another program (Python's cryptography): version, name of the key 1, 1, …, 1, nonce, text, tag. */
static void what_another_program_sealed_opens(void **state)
{
	static const uint8_t sealed[] = {
		0x01, 0xcb, 0xd3, 0x2b, 0x03, 0x0d, 0x31, 0x63, 0xb4, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05,
		0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x8a, 0x94, 0xa6, 0x12, 0x15, 0xc8, 0x31, 0x41, 0xc7,
		0x5a, 0xd6, 0xf6, 0x13, 0x5d, 0xfd, 0x95, 0x99, 0xfe, 0x52, 0x3a, 0x70, 0x78, 0x5a, 0x4e,
		0x76, 0x00, 0xf4, 0xce, 0x07, 0x45, 0x92, 0xab, 0x15, 0x61, 0x2e, 0x88,
	};
	struct rig *rig = *state;
	HC_AUTO(seal) seal = NULL;
	HC_AUTO(secret) plain = NULL;
	uint8_t key[32];
	char path[128];

	memset(key, 1, sizeof(key));
	const int fd = open(tempdir_file(&rig->dir, "old.key", path, sizeof(path)),
			    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, key, sizeof(key)), sizeof(key));
	assert_int_equal(close(fd), 0);
	assert_int_equal(hc_seal_open(path, false, &seal), HC_OK);
	assert_int_equal(hc_seal_unwrap(seal, sealed, sizeof(sealed), "aad", 3, &plain), HC_OK);
	assert_int_equal(hc_secret_len(plain), strlen(RIG_SEED));
	assert_memory_equal(hc_secret_data(plain), RIG_SEED, strlen(RIG_SEED));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_seed_is_sealed_with_person_credential_and_type),
		TEST(a_recovery_code_is_kept_as_a_keyed_hash_of_credential_and_code),
		TEST(the_hash_of_a_record_is_the_one_that_was_frozen),
		TEST(what_another_program_sealed_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
