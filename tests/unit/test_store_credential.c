/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: consumed once, confirmed once, revoked for good. */
#include "store_support.h"

#include <fcntl.h>
#include <unistd.h>

static const struct hc_credential_id TOTP = {"aaaabbbbcccc"};
static const struct hc_credential_id HOTP = {"ddddeeeeffff"};
static const struct hc_credential_id RECOVERY = {"gggghhhhiiii"};
static const struct hc_label LOST = {"phone lost"};

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "martin");
	const struct hc_credential totp = credential_of(id, TOTP.text, HC_CREDENTIAL_TOTP);
	const struct hc_credential hotp = credential_of(id, HOTP.text, HC_CREDENTIAL_HOTP);
	const struct hc_credential recovery = credential_of(id, RECOVERY.text, HC_CREDENTIAL_RECOVERY);

	add_credential(bench->store, &totp);
	add_credential(bench->store, &hotp);
	add_credential(bench->store, &recovery);
	return 0;
}

static struct hc_credential read_back(struct bench *bench, const struct hc_credential_id *id)
{
	struct hc_credential credential;

	assert_int_equal(hc_store_credential_by_id(bench->store, id, &credential), HC_OK);
	return credential;
}

static void a_time_step_is_consumed_once_and_never_an_earlier_one(void **state)
{
	static const struct {
		int64_t step;
		enum hc_err wanted;
	} table[] = {
		{100, HC_OK},
		{100, HC_ERR_STATE},
		{99, HC_ERR_STATE},
		{0, HC_ERR_STATE},
		{101, HC_OK},
		{100, HC_ERR_STATE},
		{101, HC_ERR_STATE},
		{INT64_MAX, HC_OK},
		{INT64_MAX, HC_ERR_STATE},
		{-1, HC_ERR_INVALID},
		{INT64_MIN, HC_ERR_INVALID},
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		BEGIN(bench->store);
		const enum hc_err err = hc_store_totp_consume(bench->store, &TOTP, table[i].step, 1, 5);
		COMMIT(bench->store);
		if (err != table[i].wanted)
			fail_msg("row %zu: %s", i, hc_strerror(err));
	}
}

static void two_consumers_of_one_step_in_one_transaction_leave_one_winner(void **state)
{
	struct bench *bench = *state;

	BEGIN(bench->store);
	assert_int_equal(hc_store_totp_consume(bench->store, &TOTP, 7, 0, 1), HC_OK);
	assert_int_equal(hc_store_totp_consume(bench->store, &TOTP, 7, 0, 1), HC_ERR_STATE);
	COMMIT(bench->store);
	assert_int_equal(read_back(bench, &TOTP).last_step, 7);
}

static void a_step_that_was_rolled_back_is_free_again(void **state)
{
	struct bench *bench = *state;

	BEGIN(bench->store);
	assert_int_equal(hc_store_totp_consume(bench->store, &TOTP, 7, 3, 1), HC_OK);
	hc_store_rollback(bench->store);
	assert_int_equal(read_back(bench, &TOTP).last_step, -1);
	assert_int_equal(read_back(bench, &TOTP).drift_steps, 0);
	BEGIN(bench->store);
	assert_int_equal(hc_store_totp_consume(bench->store, &TOTP, 7, -3, 9), HC_OK);
	COMMIT(bench->store);
	bench_reopen(bench);
	const struct hc_credential credential = read_back(bench, &TOTP);
	assert_int_equal(credential.last_step, 7);
	assert_int_equal(credential.drift_steps, -3);
	assert_int_equal(credential.last_used_ms, 9);
}

static void a_counter_is_consumed_once_with_all_before_it(void **state)
{
	static const struct {
		int64_t counter;
		enum hc_err wanted;
	} table[] = {
		{3, HC_OK},
		{3, HC_ERR_STATE},
		{2, HC_ERR_STATE},
		{0, HC_ERR_STATE},
		{4, HC_OK},
		{-1, HC_ERR_INVALID},
		{INT64_MAX, HC_ERR_INVALID},
		{INT64_MAX - 1, HC_OK},
		{INT64_MAX - 1, HC_ERR_STATE},
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		BEGIN(bench->store);
		const enum hc_err err = hc_store_hotp_consume(bench->store, &HOTP, table[i].counter, 5);
		COMMIT(bench->store);
		if (err != table[i].wanted)
			fail_msg("row %zu: %s", i, hc_strerror(err));
	}
	assert_true(read_back(bench, &HOTP).counter == INT64_MAX);
}

static void nothing_is_consumed_of_another_type_or_unknown_or_revoked(void **state)
{
	struct bench *bench = *state;
	const struct hc_credential_id unknown = {"zzzzzzzzzzzz"};

	BEGIN(bench->store);
	assert_int_equal(hc_store_totp_consume(bench->store, &HOTP, 7, 0, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_hotp_consume(bench->store, &TOTP, 7, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_totp_consume(bench->store, &RECOVERY, 7, 0, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_totp_consume(bench->store, &unknown, 7, 0, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_credential_revoke(bench->store, &TOTP, &LOST, 1), HC_OK);
	assert_int_equal(hc_store_credential_revoke(bench->store, &HOTP, &LOST, 1), HC_OK);
	assert_int_equal(hc_store_totp_consume(bench->store, &TOTP, 7, 0, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_hotp_consume(bench->store, &HOTP, 7, 1), HC_ERR_STATE);
	COMMIT(bench->store);
}

static void a_recovery_code_is_consumed_once(void **state)
{
	struct bench *bench = *state;
	const uint8_t one[32] = {1}, two[32] = {2}, other[32] = {3};

	BEGIN(bench->store);
	assert_int_equal(hc_store_recovery_add(bench->store, &RECOVERY, one), HC_OK);
	assert_int_equal(hc_store_recovery_add(bench->store, &RECOVERY, two), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(read_back(bench, &RECOVERY).codes_left, 2);
	BEGIN(bench->store);
	assert_int_equal(hc_store_recovery_consume(bench->store, &RECOVERY, other, 4), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_recovery_consume(bench->store, &TOTP, one, 4), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_recovery_consume(bench->store, &RECOVERY, one, 4), HC_OK);
	assert_int_equal(hc_store_recovery_consume(bench->store, &RECOVERY, one, 4), HC_ERR_STATE);
	COMMIT(bench->store);
	bench_reopen(bench);
	assert_int_equal(read_back(bench, &RECOVERY).codes_left, 1);
	assert_int_equal(read_back(bench, &RECOVERY).last_used_ms, 4);
	BEGIN(bench->store);
	assert_int_equal(hc_store_recovery_consume(bench->store, &RECOVERY, one, 5), HC_ERR_STATE);
	assert_int_equal(hc_store_recovery_consume(bench->store, &RECOVERY, two, 5), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(read_back(bench, &RECOVERY).codes_left, 0);
}

static void recovery_codes_belong_to_a_recovery_credential(void **state)
{
	struct bench *bench = *state;
	const struct hc_credential_id unknown = {"zzzzzzzzzzzz"};
	const uint8_t hash[32] = {1};

	BEGIN(bench->store);
	assert_int_equal(hc_store_recovery_add(bench->store, &TOTP, hash), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_recovery_add(bench->store, &unknown, hash), HC_ERR_NOTFOUND);
	COMMIT(bench->store);
}

static bool file_holds(const char *path, const void *wanted, size_t len)
{
	static uint8_t content[4u << 20];
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t size = fd < 0 ? 0 : read(fd, content, sizeof(content));

	if (fd >= 0)
		(void)close(fd);
	return size > 0 && memmem(content, (size_t)size, wanted, len) != NULL;
}

static void a_revoked_credential_has_no_secret_left_not_even_in_the_files(void **state)
{
	struct bench *bench = *state;
	struct hc_credential credential = credential_of(1, "jjjjkkkkllll", HC_CREDENTIAL_TOTP);
	static const uint8_t hash[32] = "a hash of a recovery code, keyed";
	char log_path[160];

	(void)snprintf(log_path, sizeof(log_path), "%s-wal", bench->path);
	memcpy(credential.sealed, "THE-SEALED-SEED-OF-THIS-TEST", 28);
	add_credential(bench->store, &credential);
	BEGIN(bench->store);
	assert_int_equal(hc_store_recovery_add(bench->store, &RECOVERY, hash), HC_OK);
	COMMIT(bench->store);
	assert_true(file_holds(log_path, "THE-SEALED-SEED-OF-THIS-TEST", 28));

	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &credential.id, &LOST, 77), HC_OK);
	assert_int_equal(hc_store_credential_revoke(bench->store, &RECOVERY, &LOST, 77), HC_OK);
	assert_int_equal(hc_store_recovery_consume(bench->store, &RECOVERY, hash, 78), HC_ERR_NOTFOUND);
	COMMIT(bench->store);
	const struct hc_credential revoked = read_back(bench, &credential.id);
	assert_int_equal(revoked.state, HC_CREDENTIAL_REVOKED);
	assert_int_equal(revoked.sealed_len, 0);
	assert_int_equal(revoked.revoked_ms, 77);
	assert_string_equal(revoked.revoke_reason.text, LOST.text);
	assert_false(file_holds(log_path, "THE-SEALED-SEED-OF-THIS-TEST", 28));
	assert_false(file_holds(bench->path, "THE-SEALED-SEED-OF-THIS-TEST", 28));
	assert_false(file_holds(bench->path, hash, sizeof(hash)));
}

static void a_credential_is_revoked_once_and_an_unknown_one_not_found(void **state)
{
	struct bench *bench = *state;
	const struct hc_credential_id unknown = {"zzzzzzzzzzzz"};

	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &unknown, &LOST, 1), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_credential_revoke(bench->store, &TOTP, &LOST, 1), HC_OK);
	assert_int_equal(hc_store_credential_revoke(bench->store, &TOTP, &LOST, 2), HC_ERR_STATE);
	assert_int_equal(hc_store_credential_confirm(bench->store, &TOTP, 3), HC_ERR_STATE);
	assert_int_equal(hc_store_credential_confirm(bench->store, &unknown, 3), HC_ERR_NOTFOUND);
	COMMIT(bench->store);
	assert_int_equal(read_back(bench, &TOTP).revoked_ms, 1);
}

static void a_pending_credential_is_confirmed_once_and_counts_as_had_from_then_on(void **state)
{
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "claire");
	struct hc_credential credential = credential_of(id, "jjjjkkkkllll", HC_CREDENTIAL_TOTP);
	bool ever = true;

	credential.state = HC_CREDENTIAL_PENDING;
	add_credential(bench->store, &credential);
	assert_int_equal(hc_store_credential_ever(bench->store, id, &ever), HC_OK);
	assert_false(ever);
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_confirm(bench->store, &credential.id, 55), HC_OK);
	assert_int_equal(hc_store_credential_confirm(bench->store, &credential.id, 56), HC_ERR_STATE);
	COMMIT(bench->store);
	assert_int_equal(read_back(bench, &credential.id).state, HC_CREDENTIAL_ACTIVE);
	assert_int_equal(read_back(bench, &credential.id).confirmed_ms, 55);
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &credential.id, &LOST, 57), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_credential_ever(bench->store, id, &ever), HC_OK);
	assert_true(ever);
}

static void one_that_was_revoked_while_pending_was_never_had(void **state)
{
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "claire");
	struct hc_credential credential = credential_of(id, "jjjjkkkkllll", HC_CREDENTIAL_TOTP);
	bool ever = true;

	credential.state = HC_CREDENTIAL_PENDING;
	add_credential(bench->store, &credential);
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &credential.id, &LOST, 57), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_credential_ever(bench->store, id, &ever), HC_OK);
	assert_false(ever);
	assert_int_equal(hc_store_credential_ever(bench->store, 1, &ever), HC_OK);
	assert_true(ever); /* active from the start */
}

static void an_id_is_taken_once_and_needs_a_person(void **state)
{
	struct bench *bench = *state;
	struct hc_credential credential = credential_of(1, TOTP.text, HC_CREDENTIAL_HOTP);

	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_add(bench->store, &credential), HC_ERR_EXISTS);
	credential.id = credential_id_of("jjjjkkkkllll");
	credential.sealed_len = sizeof(credential.sealed) + 1;
	assert_int_equal(hc_store_credential_add(bench->store, &credential), HC_ERR_INVALID);
	credential.sealed_len = sizeof(credential.sealed);
	credential.person_id = 99;
	assert_int_equal(hc_store_credential_add(bench->store, &credential), HC_ERR_INVALID);
	hc_store_rollback(bench->store);
}

static void a_credential_reads_back_as_it_was_written(void **state)
{
	struct bench *bench = *state;
	struct hc_credential credential = credential_of(1, "jjjjkkkkllll", HC_CREDENTIAL_TOTP);
	struct hc_credential found;

	credential.algorithm = HC_OTP_SHA512;
	credential.digits = 8;
	credential.period_s = 60;
	credential.last_step = 58000000;
	credential.drift_steps = -2;
	credential.counter = 12;
	credential.sealed_len = sizeof(credential.sealed);
	credential.confirmed_ms = 3000;
	credential.last_used_ms = 4000;
	credential.face_to_face = true;
	(void)snprintf(credential.label.text, sizeof(credential.label.text), "téléphone");
	(void)snprintf(credential.proofed_by.text, sizeof(credential.proofed_by.text), "DRH");
	(void)snprintf(credential.document.text, sizeof(credential.document.text), "passeport");
	add_credential(bench->store, &credential);
	bench_reopen(bench);
	assert_int_equal(hc_store_credential_by_id(bench->store, &credential.id, &found), HC_OK);
	assert_memory_equal(&found, &credential, sizeof(found));
}

static void the_list_is_of_one_person_oldest_first_and_bounded(void **state)
{
	struct bench *bench = *state;
	struct hc_credential list[4];
	const int64_t other = add_person(bench->store, "claire");
	const struct hc_credential foreign = credential_of(other, "aaaaaaaaaaaa", HC_CREDENTIAL_TOTP);
	size_t count = 99;

	add_credential(bench->store, &foreign);
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &TOTP, &LOST, 1), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_credential_list(bench->store, 1, false, 4, list, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].id.text, HOTP.text);
	assert_string_equal(list[1].id.text, RECOVERY.text);
	assert_int_equal(hc_store_credential_list(bench->store, 1, true, 4, list, &count), HC_OK);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].id.text, TOTP.text);
	assert_int_equal(hc_store_credential_list(bench->store, 1, true, 2, list, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(hc_store_credential_list(bench->store, 77, true, 4, list, &count), HC_OK);
	assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_time_step_is_consumed_once_and_never_an_earlier_one),
		TEST(two_consumers_of_one_step_in_one_transaction_leave_one_winner),
		TEST(a_step_that_was_rolled_back_is_free_again),
		TEST(a_counter_is_consumed_once_with_all_before_it),
		TEST(nothing_is_consumed_of_another_type_or_unknown_or_revoked),
		TEST(a_recovery_code_is_consumed_once),
		TEST(recovery_codes_belong_to_a_recovery_credential),
		TEST(a_revoked_credential_has_no_secret_left_not_even_in_the_files),
		TEST(a_credential_is_revoked_once_and_an_unknown_one_not_found),
		TEST(a_pending_credential_is_confirmed_once_and_counts_as_had_from_then_on),
		TEST(one_that_was_revoked_while_pending_was_never_had),
		TEST(an_id_is_taken_once_and_needs_a_person),
		TEST(a_credential_reads_back_as_it_was_written),
		TEST(the_list_is_of_one_person_oldest_first_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
