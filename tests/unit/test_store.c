/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a file with one owner, its transactions, and persons. */
#include "store_support.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/db.h"

/* ---- the file ---- */

static void expect_refused(struct bench *bench, const char *what, enum hc_err wanted)
{
	struct hc_store *store = NULL;
	const int lines = bench->lines;
	const enum hc_err err = hc_store_open(bench->path, &store);

	if (err != wanted)
		fail_msg("%s: %s, wanted %s", what, hc_strerror(err), hc_strerror(wanted));
	assert_null(store);
	assert_true(bench->lines > lines);
}

static void a_store_that_others_may_touch_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0620, 0604, 0602, 0666};
	struct bench *bench = *state;

	hc_store_free(&bench->store);
	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		char what[32];

		(void)snprintf(what, sizeof(what), "mode %03o", modes[i]);
		assert_int_equal(chmod(bench->path, modes[i]), 0);
		expect_refused(bench, what, HC_ERR_PERM);
	}
	assert_non_null(strstr(bench->log, "chmod 0600"));
}

static void a_store_of_another_user_a_link_and_a_directory_are_refused(void **state)
{
	struct bench *bench = *state;
	char other[128];

	hc_store_free(&bench->store);
	if (geteuid() == 0) {
		assert_int_equal(chown(bench->path, 65534, 65534), 0);
		expect_refused(bench, "owner nobody", HC_ERR_PERM);
		assert_int_equal(chown(bench->path, 0, 0), 0);
	}
	assert_int_equal(rename(bench->path, tempdir_file(&bench->dir, "other", other, sizeof(other))), 0);
	assert_int_equal(symlink(other, bench->path), 0);
	expect_refused(bench, "link", HC_ERR_PERM);
	assert_int_equal(unlink(bench->path), 0);
	assert_int_equal(mkdir(bench->path, 0700), 0);
	expect_refused(bench, "directory", HC_ERR_PERM);
	assert_int_equal(rmdir(bench->path), 0);
}

static void a_second_owner_is_refused_in_this_process_and_in_another(void **state)
{
	struct bench *bench = *state;
	int status = 0;

	expect_refused(bench, "same process", HC_ERR_STATE);
	assert_non_null(strstr(bench->log, "another process owns it"));

	const pid_t child = fork();
	if (child == 0) {
		struct hc_store *store = NULL;
		_exit(hc_store_open(bench->path, &store) == HC_ERR_STATE ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);

	(void)add_person(bench->store, "martin"); /* the first owner was not disturbed */
	bench_reopen(bench);
}

static void a_damaged_file_is_refused_and_left_as_it_is(void **state)
{
	struct bench *bench = *state;
	static const char noise[8192] = "this is not a database, and never was one";
	char read_back[sizeof(noise)];

	hc_store_free(&bench->store);
	int fd = open(bench->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, noise, sizeof(noise)), (ssize_t)sizeof(noise));
	assert_int_equal(close(fd), 0);
	expect_refused(bench, "noise", HC_ERR_CORRUPT);
	fd = open(bench->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, read_back, sizeof(read_back)), (ssize_t)sizeof(read_back));
	assert_int_equal(close(fd), 0);
	assert_memory_equal(noise, read_back, sizeof(noise));
}

static void a_new_store_is_private_and_survives_a_restart(void **state)
{
	struct bench *bench = *state;
	struct hc_person person;
	const struct hc_login login = login_of("martin");
	struct stat info;

	assert_int_equal(stat(bench->path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(hc_store_schema_version(bench->store), HC_SCHEMA_LATEST);
	const int64_t id = add_person(bench->store, "martin");
	bench_reopen(bench);
	assert_int_equal(hc_store_person_by_login(bench->store, &login, &person), HC_OK);
	assert_int_equal(person.id, id);
	assert_int_equal(bench->lines, 0);
}

/* ---- transactions ---- */

static void a_change_outside_of_a_transaction_is_refused(void **state)
{
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "martin");
	const struct hc_person person = person_of("claire");
	const struct hc_credential credential = credential_of(id, "aaaabbbbcccc", HC_CREDENTIAL_TOTP);
	const struct hc_throttle_row row = {.person_id = id, .factor = HC_FACTOR_OTP, .failures = 1};
	const struct hc_audit_record record = {.seq = 1, .event = "sign-in"};
	const struct hc_label reason = {"lost"};
	const uint8_t hash[32] = {0};
	int64_t other = -7;
	size_t cleared = 99;
	struct hc_store *store = bench->store;

	assert_int_equal(hc_store_person_add(store, &person, &other), HC_ERR_STATE);
	assert_int_equal(other, -7);
	assert_int_equal(hc_store_person_set_state(store, id, HC_PERSON_DISABLED), HC_ERR_STATE);
	assert_int_equal(hc_store_person_remove(store, id), HC_ERR_STATE);
	assert_int_equal(hc_store_credential_add(store, &credential), HC_ERR_STATE);
	assert_int_equal(hc_store_credential_confirm(store, &credential.id, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_credential_revoke(store, &credential.id, &reason, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_totp_consume(store, &credential.id, 1, 0, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_hotp_consume(store, &credential.id, 1, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_recovery_add(store, &credential.id, hash), HC_ERR_STATE);
	assert_int_equal(hc_store_recovery_consume(store, &credential.id, hash, 1), HC_ERR_STATE);
	assert_int_equal(hc_store_throttle_put(store, &row), HC_ERR_STATE);
	assert_int_equal(hc_store_throttle_clear(store, id, 0, NULL, &cleared), HC_ERR_STATE);
	assert_int_equal(cleared, 99);
	assert_int_equal(hc_store_audit_append(store, &record), HC_ERR_STATE);
	assert_int_equal(hc_store_value_put(store, "x", "y", 1), HC_ERR_STATE);
	assert_int_equal(hc_store_commit(store), HC_ERR_STATE);
}

static void a_transaction_does_not_nest_and_rolling_back_is_safe_at_any_time(void **state)
{
	struct bench *bench = *state;
	const struct hc_person person = person_of("martin");
	struct hc_person found;
	int64_t id = 0;

	hc_store_rollback(bench->store);
	BEGIN(bench->store);
	assert_int_equal(hc_store_begin(bench->store), HC_ERR_STATE);
	assert_int_equal(hc_store_person_add(bench->store, &person, &id), HC_OK);
	hc_store_rollback(bench->store);
	hc_store_rollback(bench->store);
	assert_int_equal(hc_store_person_by_login(bench->store, &person.login, &found), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_commit(bench->store), HC_ERR_STATE);
	BEGIN(bench->store);
	COMMIT(bench->store);
	assert_int_equal(bench->lines, 0);
}

static void a_transaction_in_which_the_store_failed_cannot_be_committed(void **state)
{
	struct bench *bench = *state;
	const struct hc_person good = person_of("martin");
	struct hc_person bad = person_of("claire"), found;
	int64_t id = 0;

	bad.valid_from_ms = -1; /* against the schema */
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_add(bench->store, &good, &id), HC_OK);
	assert_int_equal(hc_store_person_add(bench->store, &bad, &id), HC_ERR_INVALID);
	assert_int_equal(hc_store_person_set_state(bench->store, id, HC_PERSON_DISABLED), HC_ERR_STATE);
	assert_int_equal(hc_store_commit(bench->store), HC_ERR_INVALID);
	assert_int_equal(hc_store_person_by_login(bench->store, &good.login, &found), HC_ERR_NOTFOUND);
	(void)add_person(bench->store, "martin");
}

/* ---- persons ---- */

static void a_login_or_national_identifier_is_taken_once(void **state)
{
	struct bench *bench = *state;
	struct hc_person first = person_of("martin"), second = person_of("claire");
	int64_t id = -7;

	(void)snprintf(first.national_id.text, sizeof(first.national_id.text), "810001234561");
	second.national_id = first.national_id;
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_add(bench->store, &first, &id), HC_OK);
	const int64_t first_id = id;
	assert_int_equal(hc_store_person_add(bench->store, &first, &id), HC_ERR_EXISTS);
	assert_int_equal(hc_store_person_add(bench->store, &second, &id), HC_ERR_STATE);
	assert_int_equal(id, first_id);
	second.national_id.text[0] = '\0'; /* any number of people may have none */
	assert_int_equal(hc_store_person_add(bench->store, &second, &id), HC_OK);
	COMMIT(bench->store);
	(void)add_person(bench->store, "third");
}

static void a_person_reads_back_as_it_was_written(void **state)
{
	struct bench *bench = *state;
	struct hc_person person = person_of("a.martin-2"), by_login, by_id;
	int64_t id = 0;

	(void)snprintf(person.given_name.text, sizeof(person.given_name.text), "Aimée");
	(void)snprintf(person.family_name.text, sizeof(person.family_name.text),
		       "O'Neill \"; DROP TABLE person; --");
	(void)snprintf(person.profession.text, sizeof(person.profession.text), "Sage-femme");
	memset(person.organization.text, 'x', HC_LABEL_MAX);
	(void)snprintf(person.national_id.text, sizeof(person.national_id.text), "0123/456");
	person.state = HC_PERSON_DISABLED;
	person.valid_from_ms = 5;
	person.valid_until_ms = INT64_MAX;
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_add(bench->store, &person, &id), HC_OK);
	COMMIT(bench->store);
	person.id = id;
	bench_reopen(bench);
	assert_int_equal(hc_store_person_by_login(bench->store, &person.login, &by_login), HC_OK);
	assert_int_equal(hc_store_person_by_id(bench->store, id, &by_id), HC_OK);
	assert_memory_equal(&by_login, &by_id, sizeof(by_id));
	assert_string_equal(by_id.given_name.text, person.given_name.text);
	assert_string_equal(by_id.family_name.text, person.family_name.text);
	assert_string_equal(by_id.profession.text, person.profession.text);
	assert_string_equal(by_id.organization.text, person.organization.text);
	assert_string_equal(by_id.national_id.text, person.national_id.text);
	assert_int_equal(by_id.state, HC_PERSON_DISABLED);
	assert_int_equal(by_id.valid_from_ms, 5);
	assert_true(by_id.valid_until_ms == INT64_MAX);
	assert_int_equal(by_id.created_ms, 1000);
}

static void a_removed_person_leaves_nothing_but_the_trail_and_the_id_is_not_reused(void **state)
{
	struct bench *bench = *state;
	struct hc_store *store = bench->store;
	const int64_t id = add_person(store, "martin");
	const struct hc_credential totp = credential_of(id, "aaaabbbbcccc", HC_CREDENTIAL_TOTP);
	const struct hc_credential recovery = credential_of(id, "ddddeeeeffff", HC_CREDENTIAL_RECOVERY);
	const struct hc_throttle_row row = {.person_id = id, .factor = HC_FACTOR_OTP, .failures = 3};
	const struct hc_audit_record record = {.seq = 1, .event = "user-remove", .login = "martin"};
	const uint8_t hash[32] = {1};
	struct hc_credential found;
	struct hc_throttle_row left;
	struct hc_audit_record last;

	add_credential(store, &totp);
	add_credential(store, &recovery);
	BEGIN(store);
	assert_int_equal(hc_store_recovery_add(store, &recovery.id, hash), HC_OK);
	assert_int_equal(hc_store_throttle_put(store, &row), HC_OK);
	assert_int_equal(hc_store_audit_append(store, &record), HC_OK);
	COMMIT(store);
	BEGIN(store);
	assert_int_equal(hc_store_person_remove(store, id), HC_OK);
	assert_int_equal(hc_store_person_remove(store, id), HC_ERR_NOTFOUND);
	COMMIT(store);

	assert_int_equal(hc_store_credential_by_id(store, &totp.id, &found), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_credential_by_id(store, &recovery.id, &found), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_throttle_get(store, id, HC_FACTOR_OTP, "", &left), HC_OK);
	assert_int_equal(left.failures, 0);
	assert_int_equal(hc_store_audit_last(store, &last), HC_OK);
	bench_reopen(bench);
	const int64_t next = add_person(bench->store, "martin");
	assert_true(next > id);
}

static void states_change_and_unknown_persons_are_not_found(void **state)
{
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "martin");
	const struct hc_login nobody = login_of("nobody-of-this-name");
	struct hc_person person = {.id = -7};

	assert_int_equal(hc_store_person_by_login(bench->store, &nobody, &person), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_person_by_id(bench->store, id + 1, &person), HC_ERR_NOTFOUND);
	assert_int_equal(person.id, -7);
	BEGIN(bench->store);
	assert_int_equal(hc_store_person_set_state(bench->store, id + 1, HC_PERSON_DISABLED),
			 HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_person_set_state(bench->store, id, HC_PERSON_DISABLED), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_person_by_id(bench->store, id, &person), HC_OK);
	assert_int_equal(person.state, HC_PERSON_DISABLED);
}

static void a_verified_identifier_replaces_none_and_is_one_persons(void **state)
{
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "martin");
	const int64_t other = add_person(bench->store, "durand");
	const struct hc_national_id first = {"899900063480"}, second = {"899700218896"};
	struct hc_person person;

	BEGIN(bench->store);
	assert_int_equal(hc_store_person_identify(bench->store, other + 1, &first), HC_ERR_STATE);
	assert_int_equal(hc_store_person_identify(bench->store, id, &first), HC_OK);
	assert_int_equal(hc_store_person_identify(bench->store, id, &second), HC_ERR_STATE);
	assert_int_equal(hc_store_person_identify(bench->store, other, &first), HC_ERR_EXISTS);
	COMMIT(bench->store);
	assert_int_equal(hc_store_person_by_id(bench->store, id, &person), HC_OK);
	assert_string_equal(person.national_id.text, "899900063480");
	assert_int_equal(hc_store_person_by_id(bench->store, other, &person), HC_OK);
	assert_string_equal(person.national_id.text, "");
}

static void the_list_comes_in_pages_in_order_of_login(void **state)
{
	static const char *const logins[] = {"delphine", "bruno", "alice", "eric", "claire"};
	static const char *const sorted[] = {"alice", "bruno", "claire", "delphine", "eric"};
	struct bench *bench = *state;
	struct hc_person page[2];
	char after[HC_LOGIN_MAX + 1] = "";
	size_t seen = 0, count = 0;
	int64_t total = 0;

	for (size_t i = 0; i < HC_COUNT(logins); i++)
		(void)add_person(bench->store, logins[i]);
	do {
		assert_int_equal(hc_store_person_list(bench->store, after, 2, page, &count), HC_OK);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(page[i].login.text, sorted[seen++]);
		if (count > 0)
			(void)snprintf(after, sizeof(after), "%s", page[count - 1].login.text);
	} while (count == 2);
	assert_int_equal(seen, HC_COUNT(sorted));
	assert_int_equal(hc_store_person_count(bench->store, &total), HC_OK);
	assert_int_equal(total, HC_COUNT(sorted));
}

static void values_are_replaced_and_say_that_something_is_sealed(void **state)
{
	struct bench *bench = *state;
	uint8_t out[16] = {0};
	size_t len = 0;
	bool has = true;

	assert_int_equal(hc_store_has_sealed(bench->store, &has), HC_OK);
	assert_false(has);
	assert_int_equal(hc_store_value_get(bench->store, "audit-key", out, sizeof(out), &len),
			 HC_ERR_NOTFOUND);
	BEGIN(bench->store);
	assert_int_equal(hc_store_value_put(bench->store, "audit-key", "one", 3), HC_OK);
	assert_int_equal(hc_store_value_put(bench->store, "audit-key", "other", 5), HC_OK);
	COMMIT(bench->store);
	assert_int_equal(hc_store_value_get(bench->store, "audit-key", out, sizeof(out), &len), HC_OK);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "other", 5);
	assert_int_equal(hc_store_has_sealed(bench->store, &has), HC_OK);
	assert_true(has);
	assert_int_equal(hc_store_value_get(bench->store, "audit-key", out, 4, &len), HC_ERR_CORRUPT);
}

/* A row that the program cannot have written: through SQLite, with its checks off. */
static void a_row_that_contradicts_itself_is_an_error_and_no_person(void **state)
{
	static const char *const edits[] = {
		"UPDATE person SET state = 3",
		"UPDATE person SET login = printf('%.*c', 65, 'x')",
		"UPDATE person SET given_name = printf('%.*c', 129, 'x')",
		"UPDATE person SET given_name = 'a' || char(0) || 'b'",
	};

	for (size_t i = 0; i < HC_COUNT(edits); i++) {
		struct bench *bench = *state;
		const int64_t id = i == 0 ? add_person(bench->store, "martin") : 1;
		struct hc_person person = {.id = -7};
		sqlite3 *db = NULL;

		hc_store_free(&bench->store);
		assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
		assert_int_equal(
			sqlite3_exec(db,
				     "PRAGMA ignore_check_constraints = ON;"
				     "UPDATE person SET state = 1, login = 'martin', given_name = ''",
				     NULL, NULL, NULL),
			SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, edits[i], NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
		if (hc_store_person_by_id(bench->store, id, &person) != HC_ERR_CORRUPT)
			fail_msg("row %zu accepted", i);
		assert_int_equal(person.id, -7);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_store, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_that_others_may_touch_is_refused),
		TEST(a_store_of_another_user_a_link_and_a_directory_are_refused),
		TEST(a_second_owner_is_refused_in_this_process_and_in_another),
		TEST(a_damaged_file_is_refused_and_left_as_it_is),
		TEST(a_new_store_is_private_and_survives_a_restart),
		TEST(a_change_outside_of_a_transaction_is_refused),
		TEST(a_transaction_does_not_nest_and_rolling_back_is_safe_at_any_time),
		TEST(a_transaction_in_which_the_store_failed_cannot_be_committed),
		TEST(a_login_or_national_identifier_is_taken_once),
		TEST(a_person_reads_back_as_it_was_written),
		TEST(a_removed_person_leaves_nothing_but_the_trail_and_the_id_is_not_reused),
		TEST(states_change_and_unknown_persons_are_not_found),
		TEST(a_verified_identifier_replaces_none_and_is_one_persons),
		TEST(the_list_comes_in_pages_in_order_of_login),
		TEST(values_are_replaced_and_say_that_something_is_sealed),
		TEST(a_row_that_contradicts_itself_is_an_error_and_no_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
