/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the identity store that was put in place: what is used up in it before anybody signs in, and its sealed rows. */
#include "store_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/sqlite.h"

#define NOW_S  INT64_C(1800000000)
#define STEP   (NOW_S / 30)
#define WINDOW 2

/* Puts a copy of the store in its place, as a restore does, and opens it. */
static void restore(struct bench *bench)
{
	HC_AUTO(sqlite_copy) copy = NULL;
	uint8_t data[4096];
	uint64_t len = 0;
	ssize_t got = 0;
	int fd = -1;
	bool done = false;

	assert_int_equal(hc_store_copy(bench->store, bench->dir.path, &copy), HC_OK);
	while (!done)
		assert_int_equal(hc_sqlite_copy_step(copy, 8, &done), HC_OK);
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);
	hc_sqlite_copy_free(&copy);
	hc_store_free(&bench->store);
	tempdir_remove(&bench->dir);
	assert_int_equal(mkdir(bench->dir.path, 0700), 0);
	const int to = open(bench->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(to >= 0);
	while ((got = read(fd, data, sizeof(data))) > 0)
		assert_int_equal(write(to, data, (size_t)got), got);
	assert_int_equal(close(to), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
}

static void settle(struct bench *bench)
{
	BEGIN(bench->store);
	assert_int_equal(hc_store_settle(bench->store, NOW_S, WINDOW), HC_OK);
	COMMIT(bench->store);
	hc_store_settled(bench->store);
}

static enum hc_err consume(struct bench *bench, const char *id, int64_t step)
{
	const struct hc_credential_id credential_id = credential_id_of(id);

	BEGIN(bench->store);
	const enum hc_err err = hc_store_totp_consume(bench->store, &credential_id, step, 0, 5);
	hc_store_rollback(bench->store);
	return err;
}

static struct hc_credential read_back(struct bench *bench, const char *id)
{
	const struct hc_credential_id credential_id = credential_id_of(id);
	struct hc_credential credential;

	assert_int_equal(hc_store_credential_by_id(bench->store, &credential_id, &credential), HC_OK);
	return credential;
}

static void no_step_up_to_now_and_its_window_is_good_in_a_restored_store(void **state)
{
	static const struct {
		const char *id;
		uint32_t state;
		int64_t last_step, drift, wanted;
	} table[] = {
		{"everused0001", HC_CREDENTIAL_ACTIVE, -1, 0, STEP + WINDOW},
		{"sedbefore002", HC_CREDENTIAL_ACTIVE, STEP - 9, 0, STEP + WINDOW},
		{"astclock0003", HC_CREDENTIAL_ACTIVE, STEP - 9, 3, STEP + 3 + WINDOW},
		{"lowclock0004", HC_CREDENTIAL_ACTIVE, STEP - 9, -3, STEP - 3 + WINDOW},
		{"ending000005", HC_CREDENTIAL_PENDING, -1, 0, STEP + WINDOW},
		/* what was used further ahead stays used */
		{"entahead0006", HC_CREDENTIAL_ACTIVE, STEP + 50, 0, STEP + 50},
	};
	struct bench *bench = *state;
	const int64_t person = add_person(bench->store, "martin");

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_credential credential = credential_of(person, table[i].id, HC_CREDENTIAL_TOTP);

		credential.state = table[i].state;
		credential.last_step = table[i].last_step;
		credential.drift_steps = table[i].drift;
		add_credential(bench->store, &credential);
	}
	restore(bench);
	settle(bench);

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		if (consume(bench, table[i].id, table[i].wanted) != HC_ERR_STATE)
			fail_msg("row %zu: a step that may have been used is good again", i);
		if (consume(bench, table[i].id, table[i].wanted + 1) != HC_OK)
			fail_msg("row %zu: the next step is refused", i);
	}
}

static void it_is_a_copy_until_a_transaction_has_settled_it(void **state)
{
	struct bench *bench = *state;

	assert_false(hc_store_restored(bench->store));
	restore(bench);
	assert_true(hc_store_restored(bench->store));
	assert_int_equal(hc_store_settle(bench->store, NOW_S, WINDOW), HC_ERR_STATE);
	BEGIN(bench->store);
	assert_int_equal(hc_store_settle(bench->store, NOW_S, WINDOW), HC_OK);
	hc_store_rollback(bench->store);
	assert_true(hc_store_restored(bench->store));
	bench_reopen(bench);
	assert_true(hc_store_restored(bench->store));

	settle(bench);
	assert_false(hc_store_restored(bench->store));
	bench_reopen(bench);
	assert_false(hc_store_restored(bench->store));
}

static void settling_leaves_counters_and_revoked_credentials_alone(void **state)
{
	struct bench *bench = *state;
	const int64_t person = add_person(bench->store, "martin");
	const struct hc_credential counter = credential_of(person, "ountercount1", HC_CREDENTIAL_HOTP);
	const struct hc_credential gone = credential_of(person, "evokedtotp01", HC_CREDENTIAL_TOTP);
	const struct hc_label lost = {"phone lost"};

	add_credential(bench->store, &counter);
	add_credential(bench->store, &gone);
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &gone.id, &lost, 3000), HC_OK);
	COMMIT(bench->store);
	restore(bench);
	settle(bench);

	assert_int_equal(read_back(bench, "ountercount1").counter, counter.counter);
	assert_int_equal(read_back(bench, "ountercount1").last_step, -1);
	assert_int_equal(read_back(bench, "evokedtotp01").last_step, -1);
	assert_int_equal(consume(bench, "evokedtotp01", STEP + 99), HC_ERR_STATE);
}

static void the_whole_store_is_read_and_a_damaged_one_is_said_to_be(void **state)
{
	struct bench *bench = *state;
	uint8_t page[4096];
	char login[24];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(login, sizeof(login), "person%d", i);
		(void)add_person(bench->store, login);
	}
	assert_int_equal(hc_store_check(bench->store), HC_OK);
	restore(bench); /* one file, without a log */
	assert_int_equal(hc_store_check(bench->store), HC_OK);
	hc_store_free(&bench->store);
	memset(page, 0x5a, sizeof(page));
	const int fd = open(bench->path, O_RDWR | O_CLOEXEC);
	struct stat facts;
	assert_int_equal(fstat(fd, &facts), 0);
	for (off_t at = 4096; at < facts.st_size; at += 4096) { /* every page but the first */
		if (at / 4096 % 3 == 0)
			assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	}
	assert_int_equal(close(fd), 0);
	const enum hc_err err = hc_store_open(bench->path, &bench->store);
	assert_true(err == HC_ERR_CORRUPT || hc_store_check(bench->store) == HC_ERR_CORRUPT);
}

static void kinds_are_counted_without_what_was_revoked(void **state)
{
	static const char *const hotp[] = {"otphotphotp1", "otphotphotp2", "otphotphotp3"};
	struct bench *bench = *state;
	const int64_t person = add_person(bench->store, "martin");
	const struct hc_label lost = {"lost"};
	int64_t count = 77;

	assert_int_equal(hc_store_count_kind(bench->store, HC_CREDENTIAL_HOTP, &count), HC_OK);
	assert_int_equal(count, 0);
	for (size_t i = 0; i < HC_COUNT(hotp); i++) {
		const struct hc_credential credential = credential_of(person, hotp[i], HC_CREDENTIAL_HOTP);

		add_credential(bench->store, &credential);
	}
	const struct hc_credential_id id = credential_id_of(hotp[1]);
	BEGIN(bench->store);
	assert_int_equal(hc_store_credential_revoke(bench->store, &id, &lost, 3000), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_count_kind(bench->store, HC_CREDENTIAL_HOTP, &count), HC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(hc_store_count_kind(bench->store, HC_CREDENTIAL_TOTP, &count), HC_OK);
	assert_int_equal(count, 0);
}

static void the_walk_sees_every_sealed_row_once_and_then_the_end(void **state)
{
	static const char *const ids[] = {"ealedtotp001", "ealedhotp002", "ealedtotp003"};
	struct bench *bench = *state;
	const int64_t person = add_person(bench->store, "martin");
	const struct hc_credential recovery = credential_of(person, "ecoveryrow01", HC_CREDENTIAL_RECOVERY);
	struct hc_credential_id id = {{0}};
	int64_t cursor = 0;

	assert_int_equal(hc_store_sealed_next(bench->store, &cursor, &id), HC_ERR_NOTFOUND);
	assert_int_equal(cursor, 0);
	add_credential(bench->store, &recovery); /* has nothing that is sealed */
	for (size_t i = 0; i < HC_COUNT(ids); i++) {
		const struct hc_credential credential =
			credential_of(person, ids[i], i == 1 ? HC_CREDENTIAL_HOTP : HC_CREDENTIAL_TOTP);

		add_credential(bench->store, &credential);
	}
	for (size_t i = 0; i < HC_COUNT(ids); i++) {
		assert_int_equal(hc_store_sealed_next(bench->store, &cursor, &id), HC_OK);
		assert_string_equal(id.text, ids[i]);
	}
	assert_int_equal(hc_store_sealed_next(bench->store, &cursor, &id), HC_ERR_NOTFOUND);
	assert_string_equal(id.text, ids[2]);
}

static void what_is_sealed_anew_replaces_the_old_in_a_transaction_only(void **state)
{
	struct bench *bench = *state;
	const int64_t person = add_person(bench->store, "martin");
	struct hc_credential credential = credential_of(person, "ealedtotp001", HC_CREDENTIAL_TOTP);
	struct hc_credential unknown = credential_of(person, "nknown000001", HC_CREDENTIAL_TOTP);

	add_credential(bench->store, &credential);
	memset(credential.sealed, 0xc3, credential.sealed_len);
	assert_int_equal(hc_store_reseal(bench->store, &credential), HC_ERR_STATE);
	assert_int_equal(read_back(bench, "ealedtotp001").sealed[0], 0x5a);

	BEGIN(bench->store);
	assert_int_equal(hc_store_reseal(bench->store, &credential), HC_OK);
	COMMIT(bench->store);
	assert_memory_equal(read_back(bench, "ealedtotp001").sealed, credential.sealed,
			    credential.sealed_len);

	BEGIN(bench->store);
	assert_int_equal(hc_store_reseal(bench->store, &unknown), HC_ERR_STATE);
	hc_store_rollback(bench->store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_step_up_to_now_and_its_window_is_good_in_a_restored_store),
		TEST(it_is_a_copy_until_a_transaction_has_settled_it),
		TEST(settling_leaves_counters_and_revoked_credentials_alone),
		TEST(the_whole_store_is_read_and_a_damaged_one_is_said_to_be),
		TEST(kinds_are_counted_without_what_was_revoked),
		TEST(the_walk_sees_every_sealed_row_once_and_then_the_end),
		TEST(what_is_sealed_anew_replaces_the_old_in_a_transaction_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
