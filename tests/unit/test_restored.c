/* SPDX-License-Identifier: Apache-2.0 */
/* The first start on a store that came from a backup: nobody signs in with what was used since, or the start fails. */
#include "restored.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/sqlite.h"
#include "tests/support/decision_rig.h"

/* ---- the store's calls that can fail ---- */

static const char *broken; /* the call that fails */

static enum hc_err fault(const char *name)
{
	return broken != NULL && strcmp(broken, name) == 0 ? HC_ERR_IO : HC_OK;
}

#define WRAP(name, params, arguments)                                \
	enum hc_err __real_##name params;                            \
	enum hc_err __wrap_##name params;                            \
	enum hc_err __wrap_##name params                             \
	{                                                            \
		enum hc_err err = fault(#name);                      \
		return err == HC_OK ? __real_##name arguments : err; \
	}

WRAP(hc_store_begin, (struct hc_store * store), (store))
WRAP(hc_store_commit, (struct hc_store * store), (store))
WRAP(hc_store_audit_append, (struct hc_store * store, const struct hc_audit_record *record), (store, record))
WRAP(hc_store_audit_last, (struct hc_store * store, struct hc_audit_record *record), (store, record))
WRAP(hc_store_settle, (struct hc_store * store, int64_t now_s, int64_t window), (store, now_s, window))
WRAP(hc_store_count_kind, (struct hc_store * store, enum hc_credential_type type, int64_t *ret_count),
     (store, type, ret_count))

/* ---- a restore ---- */

/* The bytes of a copy made now. */
static uint8_t *copy_of(struct rig *rig, size_t *ret_len)
{
	HC_AUTO(sqlite_copy) copy = NULL;
	uint64_t len = 0;
	int fd = -1;
	bool done = false;

	assert_int_equal(hc_store_copy(rig->authd.store, rig->dir.path, &copy), HC_OK);
	while (!done)
		assert_int_equal(hc_sqlite_copy_step(copy, 8, &done), HC_OK);
	assert_int_equal(hc_sqlite_copy_take(copy, &fd, &len), HC_OK);
	uint8_t *bytes = malloc(len);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, len, 0), len);
	assert_int_equal(close(fd), 0);
	*ret_len = len;
	return bytes;
}

/* Takes the place of the store, which was in use until then, and is opened. The key stays. */
static void put_in_place(struct rig *rig, uint8_t *bytes, size_t len)
{
	static const char *const names[] = {"", "-wal", "-shm"};
	char path[160];

	hc_audit_free(&rig->authd.audit);
	hc_store_free(&rig->authd.store);
	for (size_t i = 0; i < HC_COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", rig->store_path, names[i]);
		(void)unlink(path); /* may not be there */
	}
	const int fd = open(rig->store_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
	free(bytes);
	assert_int_equal(hc_store_open(rig->store_path, &rig->authd.store), HC_OK);
	assert_int_equal(
		hc_audit_open(rig->authd.store, rig->authd.seal, &rig->clock.clock, &rig->authd.audit),
		HC_OK);
}

/* A person whose code of this moment was used after the backup. */
static void used_since(struct rig *rig)
{
	char code[16];
	size_t len = 0;

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	uint8_t *bytes = copy_of(rig, &len);
	const struct talk talk = rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code));
	assert_int_equal(talk.verdict, HC_ALLOW);
	put_in_place(rig, bytes, len);
}

static uint32_t verdict_now(struct rig *rig)
{
	char code[16];

	return rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict;
}

/* ---- the tests ---- */

static void a_code_that_was_used_after_the_backup_is_refused(void **state)
{
	struct rig *rig = *state;

	used_since(rig);
	assert_int_equal(hc_restored_settle(&rig->authd), HC_OK);

	assert_int_equal(verdict_now(rig), HC_DENY);
	fake_clock_pass(&rig->clock, 60000); /* beyond the window: a new code */
	assert_int_equal(verdict_now(rig), HC_ALLOW);
}

static void the_trail_says_what_was_restored_and_what_is_to_be_renewed(void **state)
{
	struct rig *rig = *state;
	char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	size_t len = 0;

	(void)rig_person(rig, "martin");
	(void)rig_hotp(rig, "martin", RIG_SEED);
	(void)rig_recovery(rig, "martin", codes);
	const int64_t before = rig_trail_len(rig);
	uint8_t *bytes = copy_of(rig, &len);
	put_in_place(rig, bytes, len);
	assert_int_equal(hc_restored_settle(&rig->authd), HC_OK);

	const struct hc_audit_record record = rig_trail(rig, 0);
	char wanted[96];
	(void)snprintf(wanted, sizeof(wanted), "to record %d; to be renewed: hotp 1, recovery 1",
		       (int)before);
	assert_int_equal(rig_trail_len(rig), before + 1);
	assert_string_equal(record.event, "restore");
	assert_string_equal(record.outcome, "success");
	assert_string_equal(record.detail, wanted);
	rig_trail_holds(rig);

	assert_int_equal(hc_restored_settle(&rig->authd), HC_OK); /* once */
	assert_int_equal(rig_trail_len(rig), before + 1);
}

static void a_store_that_was_not_restored_is_left_alone(void **state)
{
	struct rig *rig = *state;
	char code[16];

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	const int64_t before = rig_trail_len(rig);
	broken = "hc_store_begin"; /* nothing is begun */
	assert_int_equal(hc_restored_settle(&rig->authd), HC_OK);
	broken = NULL;

	assert_int_equal(rig_trail_len(rig), before);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
}

static void whatever_fails_the_store_stays_a_copy_and_the_start_fails(void **state)
{
	static const char *const calls[] = {"hc_store_begin",  "hc_store_audit_last",	"hc_store_count_kind",
					    "hc_store_settle", "hc_store_audit_append", "hc_store_commit"};
	struct rig *rig = *state;

	rig->log_expected = true;
	used_since(rig);
	const int64_t before = rig_trail_len(rig);
	for (size_t i = 0; i < HC_COUNT(calls); i++) {
		broken = calls[i];
		const enum hc_err err = hc_restored_settle(&rig->authd);
		broken = NULL;
		if (err == HC_OK || !hc_store_restored(rig->authd.store) || rig_trail_len(rig) != before)
			fail_msg("row %zu: %s", i, calls[i]);
	}
	rig_restart(rig);
	assert_true(hc_store_restored(rig->authd.store));
	assert_int_equal(hc_restored_settle(&rig->authd), HC_OK); /* at the next start */
	assert_int_equal(verdict_now(rig), HC_DENY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_code_that_was_used_after_the_backup_is_refused),
		TEST(the_trail_says_what_was_restored_and_what_is_to_be_renewed),
		TEST(a_store_that_was_not_restored_is_left_alone),
		TEST(whatever_fails_the_store_stays_a_copy_and_the_start_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
