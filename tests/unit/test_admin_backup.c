/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's backup and the exchange of its seal key, as an administrator orders them: what comes of it, and what stays. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup_support.h"
#include "rotation.h"
#include "tests/support/decision_rig.h"

#define OK(expression) assert_int_equal((expression), HC_OK)
#define MOST	       (4u * 1024 * 1024)

struct made {
	struct reply end; /* of the answer */
	enum hc_err broken_off;
	uint8_t *bytes;
	size_t len;
	uint64_t total;
	unsigned steps; /* without a message */
};

static int setup(void **state)
{
	struct rig *rig;

	if (rig_setup(state) != 0)
		return -1;
	rig = *state;
	(void)snprintf(rig->config.state_dir, sizeof(rig->config.state_dir), "%s", rig->dir.path);
	recovery_begin(&rig->dir);
	return 0;
}

static int teardown(void **state)
{
	recovery_end();
	return rig_teardown(state);
}

static void take_piece(const struct hc_msg *out, struct made *made)
{
	const uint8_t *view = NULL;
	size_t len = 0;

	if (made->len == 0)
		OK(hc_msg_u64(out, HC_FIELD_BACKUP_TOTAL, &made->total));
	else
		assert_false(hc_msg_has(out, HC_FIELD_BACKUP_TOTAL));
	OK(hc_msg_bytes(out, HC_FIELD_BACKUP_DATA, &view, &len));
	assert_true(made->len + len <= MOST);
	memcpy(made->bytes + made->len, view, len);
	made->len += len;
}

static void take_end(const struct hc_msg *out, struct reply *end)
{
	uint32_t err = 0;

	OK(hc_msg_u32(out, HC_FIELD_ERR, &err));
	OK(hc_msg_u32(out, HC_FIELD_REASON, &end->reason));
	end->err = (enum hc_err)err;
}

/* A whole backup; between, if any, happens once, in the middle of copying. */
static void back_up(struct rig *rig, void (*between)(struct rig *rig), struct made *made)
{
	struct hc_msg *request = rig_request(HC_MSG_BACKUP);
	HC_AUTO(admin_job) job = NULL;
	HC_AUTO(msg) out = NULL;
	bool ready = false, done = false;

	*made = (struct made){.bytes = malloc(MOST)};
	assert_non_null(made->bytes);
	OK(hc_msg_finish(request));
	OK(hc_msg_parse(request, request->len));
	OK(hc_admin_start(&rig->authd, &rig->admin, request, &job));
	hc_msg_free(&request);
	OK(hc_msg_new(&out));
	while (!done && made->broken_off == HC_OK) {
		made->broken_off = hc_admin_next(job, out, &ready, &done);
		if (made->broken_off == HC_OK && ready) {
			OK(hc_msg_parse(out, out->len));
			if (done)
				take_end(out, &made->end);
			else
				take_piece(out, made);
		} else if (made->broken_off == HC_OK && made->steps++ == 0 && between != NULL) {
			between(rig);
		}
	}
}

static void forget(struct made *made)
{
	free(made->bytes);
	made->bytes = NULL;
}

/* Enough that copying takes several turns. */
static void many_people(struct rig *rig)
{
	struct hc_person person = {.state = HC_PERSON_ACTIVE, .created_ms = RIG_NOW};
	int64_t id = 0;

	OK(hc_store_begin(rig->authd.store));
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(person.login.text, sizeof(person.login.text), "person-with-a-long-name-%d", i);
		OK(hc_store_person_add(rig->authd.store, &person, &id));
	}
	OK(hc_store_commit(rig->authd.store));
}

/* What was made, opened with the recovery key: the store becomes a file at out. */
static void open_backup(struct rig *rig, const struct made *made, char out[160])
{
	HC_AUTO(backup) backup = NULL;
	uint8_t data[HC_BACKUP_CHUNK];
	char path[160];
	uint64_t got = 0;
	size_t len = 1;
	const int fd = open(tempdir_file(&rig->dir, "backup", path, sizeof(path)),
			    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const int to = open(tempdir_file(&rig->dir, "opened.db", out, 160),
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, made->bytes, made->len), made->len);
	OK(hc_backup_open(fd, recovery, &backup));
	while (len > 0) {
		OK(hc_backup_read(backup, data, &len));
		assert_int_equal(write(to, data, len), len);
		got += len;
	}
	assert_int_equal(got, hc_backup_manifest(backup)->len);
	assert_int_equal(hc_backup_manifest(backup)->store, HC_BACKUP_AUTHD);
	assert_int_equal(hc_backup_manifest(backup)->time_ms, hc_now_ms(rig->authd.clock));
	assert_int_equal(hc_backup_manifest(backup)->schema, hc_store_schema_version(rig->authd.store));
	assert_true(hc_secret_equal(hc_backup_seal_key(backup), hc_seal_key(rig->authd.seal)));
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(to), 0);
}

static void expect_record(struct rig *rig, const char *event, bool success, uint32_t reason)
{
	const struct hc_audit_record record = rig_trail(rig, 0);

	assert_string_equal(record.event, event);
	assert_string_equal(record.outcome, success ? "success" : "failure");
	assert_int_equal(record.reason, reason);
	assert_string_equal(record.actor, rig->admin.actor);
}

/* ---- backups ---- */

static void without_a_recovery_key_there_is_no_backup_and_a_record_of_it(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0}; /* 0: the file is not there */
	struct rig *rig = *state;
	struct made made;

	rig->log_expected = true;
	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		assert_int_equal(modes[i] != 0 ? chmod(sealing_path, modes[i]) : unlink(sealing_path), 0);
		back_up(rig, NULL, &made);
		if (made.end.err != HC_ERR_NOTFOUND || made.end.reason != HC_REASON_BACKUP_KEY_MISSING ||
		    made.len != 0)
			fail_msg("row %zu: %s, %zu bytes", i, hc_strerror(made.end.err), made.len);
		expect_record(rig, "backup", false, HC_REASON_BACKUP_KEY_MISSING);
		forget(&made);
	}
}

static void the_record_stands_in_the_backup_that_it_tells_of(void **state)
{
	struct rig *rig = *state;
	struct hc_store *opened = NULL;
	struct hc_audit_record last;
	struct made made;
	char path[160];

	many_people(rig);
	back_up(rig, NULL, &made);
	assert_int_equal(made.broken_off, HC_OK);
	assert_int_equal(made.end.err, HC_OK);
	assert_int_equal(made.len, made.total);
	expect_record(rig, "backup", true, HC_REASON_NONE);
	open_backup(rig, &made, path);
	OK(hc_store_open(path, &opened));
	assert_true(hc_store_restored(opened)); /* it is no store to go on with as it is */
	OK(hc_store_check(opened));
	OK(hc_store_audit_last(opened, &last));
	assert_string_equal(last.event, "backup");
	assert_non_null(strstr(last.detail, "recovery key "));
	hc_store_free(&opened);
	forget(&made);
}

static void durand_comes(struct rig *rig)
{
	(void)rig_person(rig, "durand");
}

static void people_are_served_while_it_is_made_and_are_in_it(void **state)
{
	struct rig *rig = *state;
	struct hc_store *opened = NULL;
	struct hc_person person;
	struct hc_login login;
	struct made made;
	char path[160];

	many_people(rig);
	back_up(rig, durand_comes, &made);
	assert_int_equal(made.end.err, HC_OK);
	assert_true(made.steps > 1);
	open_backup(rig, &made, path);
	OK(hc_store_open(path, &opened));
	OK(hc_login_parse("durand", 6, &login));
	OK(hc_store_person_by_login(opened, &login, &person));
	OK(hc_store_check(opened));
	hc_store_free(&opened);
	forget(&made);
}

static void the_key_changes(struct rig *rig)
{
	struct hc_rotation walk = {.count = 0};
	bool done = false;

	OK(hc_rotation_begin(&rig->authd));
	while (!done)
		OK(hc_rotation_step(&rig->authd, &walk, "uid 0 (root)", &done));
}

static void the_key_begins_to_change(struct rig *rig)
{
	OK(hc_rotation_begin(&rig->authd));
}

static void a_backup_over_which_the_seal_key_changes_comes_to_nothing(void **state)
{
	void (*const rows[])(struct rig * rig) = {the_key_begins_to_change, the_key_changes};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		void *own = NULL;
		struct rig *rig;
		struct made made;

		assert_int_equal(setup(&own), 0);
		rig = own;
		rig->log_expected = true;
		many_people(rig);
		back_up(rig, rows[i], &made);
		if ((made.broken_off == HC_OK && made.end.err == HC_OK) || made.len != 0)
			fail_msg("row %zu: %zu bytes", i, made.len);
		forget(&made);
		assert_int_equal(teardown(&own), 0);
	}
}

static void no_backup_is_made_in_the_middle_of_an_exchange(void **state)
{
	struct rig *rig = *state;
	struct made made;

	OK(hc_rotation_begin(&rig->authd));
	const int64_t before = rig_trail_len(rig);
	back_up(rig, NULL, &made);
	assert_int_equal(made.end.err, HC_ERR_STATE);
	assert_int_equal(made.end.reason, HC_REASON_SEAL_KEY_WAITING);
	assert_int_equal(made.len, 0);
	assert_int_equal(rig_trail_len(rig), before);
	forget(&made);
}

/* ---- the exchange of the seal key ---- */

static void an_exchange_seals_everything_anew_and_codes_go_on(void **state)
{
	struct rig *rig = *state;
	char code[16], former[24], codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1];
	struct hc_msg *request = rig_request(HC_MSG_SEAL_ROTATE);
	struct reply reply;

	(void)rig_person(rig, "martin");
	(void)rig_totp(rig, "martin", RIG_SEED, 6);
	(void)rig_recovery(rig, "martin", codes);
	(void)snprintf(former, sizeof(former), "%s", hc_seal_key_id(rig->authd.seal));
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.row_count, 0);
	assert_int_equal(reply.count, 1);
	assert_string_not_equal(hc_seal_key_id(rig->authd.seal), former);
	assert_false(hc_seal_has_former(rig->authd.seal));
	expect_record(rig, "seal-rotate", true, HC_REASON_NONE);
	rig_trail_holds(rig);

	rig_restart(rig);
	OK(hc_rotation_load(&rig->authd));
	OK(hc_rotation_resume(&rig->authd));
	assert_string_not_equal(hc_seal_key_id(rig->authd.seal), former);
	assert_int_equal(rig_sign_in(rig, "martin", rig_code(rig, RIG_SEED, 0, code)).verdict, HC_ALLOW);
	assert_int_equal(rig_sign_in(rig, "martin", codes[0]).verdict, HC_ALLOW);
}

static void a_key_that_is_not_ours_is_not_exchanged(void **state)
{
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_SEAL_ROTATE);

	rig->authd.seal_given = true;
	struct reply reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_ERR_PERM);
	assert_int_equal(reply.reason, HC_REASON_SEAL_KEY_ELSEWHERE);
	assert_false(hc_seal_has_former(rig->authd.seal));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_a_recovery_key_there_is_no_backup_and_a_record_of_it),
		TEST(the_record_stands_in_the_backup_that_it_tells_of),
		TEST(people_are_served_while_it_is_made_and_are_in_it),
		cmocka_unit_test(a_backup_over_which_the_seal_key_changes_comes_to_nothing),
		TEST(no_backup_is_made_in_the_middle_of_an_exchange),
		TEST(an_exchange_seals_everything_anew_and_codes_go_on),
		TEST(a_key_that_is_not_ours_is_not_exchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
