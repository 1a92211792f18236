/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's backup, the exchange of its seal key, and the start on a store that came from a backup. */
#include "gateway_admin_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_support.h"
#include "hospiconnect/seal_change.h"
#include "process/settle.h"
#include "store/copy.h"
#include "store/session.h"

#define OK(expression) assert_int_equal((expression), HC_OK)

static int setup_backup(void **state)
{
	if (setup(state) != 0)
		return -1;
	struct rig *rig = *state;
	struct hc_gateway_config *config = &rig->process.gateway.config;
	(void)snprintf(config->state_dir, sizeof(config->state_dir), "%s", rig->dir.path);
	recovery_begin(&rig->dir);
	return 0;
}

static int teardown_backup(void **state)
{
	recovery_end();
	return teardown(state);
}

static enum hc_err ask_plain(struct rig *rig, enum hc_msg_type type)
{
	struct hc_msg msg;

	hc_msg_init(&msg, type);
	return ask(rig, &msg);
}

/* ---- the store without its owner ---- */

static void close_store(struct rig *rig)
{
	hc_duties_free(&rig->process.duties);
	hc_keys_end(&rig->process);
	hc_gstore_free(&rig->process.gateway.store);
	hc_keyring_free(&rig->worker.keyring);
}

static void open_store(struct rig *rig)
{
	struct hc_gateway *gateway = &rig->process.gateway;
	const struct hc_gstore_options options = {
		.path = rig->store_path, .loops = &rig->worker.loop, .loop_count = 1, .post = hc_loop_post};

	OK(hc_gstore_open(&options, &gateway->store));
	rig->worker.view = hc_gstore_view(gateway->store, rig->worker.loop);
	OK(hc_keyring_load(rig->worker.view, gateway->seal, &rig->worker.keyring));
}

static enum hc_err add_session(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_browser_session session = {.cookie = {.id = 5},
						   .person_id = 7,
						   .sid = "sid-5",
						   .login = "martin",
						   .acr = "acr",
						   .amr = "pwd otp mfa",
						   .auth_ms = T0,
						   .created_ms = T0,
						   .last_seen_ms = T0,
						   .expires_ms = T0 + 8 * 3600000,
						   .keep_until_ms = T0 + 16 * 3600000};

	(void)ctx;
	return hc_session_add(tx, &session);
}

struct sight {
	bool restored, session;
	size_t restores, rotations;
};

static enum hc_err look(struct hc_gstore_tx *tx, void *ctx)
{
	static struct hc_outbox_record all[64];
	struct hc_browser_session session;
	struct sight *sight = ctx;
	size_t count = 0;

	sight->restored = hc_gstore_tx_restored(tx);
	sight->session = hc_session_by_id(hc_gstore_tx_view(tx), 5, &session) == HC_OK;
	OK(hc_outbox_list(hc_gstore_tx_view(tx), HC_COUNT(all), all, &count));
	for (size_t i = 0; i < count; i++) {
		sight->restores += all[i].event == HC_OUTBOX_RESTORE ? 1 : 0;
		sight->rotations += all[i].event == HC_OUTBOX_SEAL_ROTATE ? 1 : 0;
	}
	return HC_OK;
}

static struct sight look_at(struct rig *rig)
{
	struct sight sight = {.restores = 0};

	OK(hc_gstore_at_rest(rig->store_path, false, look, &sight));
	return sight;
}

/* What the rows of the last answer hold, opened with the recovery key, takes the place of the store. */
static void put_in_place(struct rig *rig)
{
	static const char *const names[] = {"", "-wal", "-shm"};
	HC_AUTO(backup) backup = NULL;
	uint8_t data[HC_BACKUP_CHUNK];
	uint64_t total = 0, written = 0;
	char path[160];
	size_t len = 1;
	const int fd = open(tempdir_file(&rig->dir, "backup", path, sizeof(path)),
			    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	OK(hc_msg_u64(rig->rows[0], HC_FIELD_BACKUP_TOTAL, &total));
	for (size_t i = 0; i < rig->row_count; i++) {
		const uint8_t *view = NULL;

		OK(hc_msg_bytes(rig->rows[i], HC_FIELD_BACKUP_DATA, &view, &len));
		assert_int_equal(write(fd, view, len), len);
		written += len;
	}
	assert_int_equal(written, total);
	OK(hc_backup_open(fd, recovery, &backup));
	assert_int_equal(hc_backup_manifest(backup)->store, HC_BACKUP_GATEWAY);
	assert_int_equal(hc_backup_manifest(backup)->time_ms, T0);
	assert_true(hc_secret_equal(hc_backup_seal_key(backup), hc_seal_key(rig->process.gateway.seal)));
	for (size_t i = 0; i < HC_COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", rig->store_path, names[i]);
		(void)unlink(path); /* may not be there */
	}
	const int to = open(rig->store_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (len = 1; len > 0;) {
		OK(hc_backup_read(backup, data, &len));
		assert_int_equal(write(to, data, len), len);
	}
	assert_int_equal(close(to), 0);
	assert_int_equal(close(fd), 0);
}

/* ---- backups ---- */

static void without_a_recovery_key_there_is_no_backup_and_a_record_of_it(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0}; /* 0: the file is not there */
	struct rig *rig = *state;
	struct hc_outbox_record record = {0};

	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		assert_int_equal(modes[i] != 0 ? chmod(sealing_path, modes[i]) : unlink(sealing_path), 0);
		if (ask_plain(rig, HC_MSG_BACKUP) != HC_ERR_NOTFOUND ||
		    rig->reason != HC_REASON_BACKUP_KEY_MISSING || rig->row_count != 0)
			fail_msg("row %zu: %s", i, hc_strerror(rig->err));
		assert_int_equal(records(rig, HC_OUTBOX_BACKUP, &record), i + 1);
		assert_false(record.success);
		assert_int_equal(record.reason, HC_REASON_BACKUP_KEY_MISSING);
	}
}

static void a_store_that_came_from_a_backup_is_settled_at_the_start_and_once(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;

	close_store(rig);
	OK(hc_gstore_at_rest(rig->store_path, false, add_session, NULL));
	assert_true(look_at(rig).session);
	open_store(rig);
	assert_int_equal(ask_plain(rig, HC_MSG_BACKUP), HC_OK);
	assert_int_equal(records(rig, HC_OUTBOX_BACKUP, &record), 1);
	assert_true(record.success);
	assert_non_null(strstr(record.detail, "recovery key "));
	assert_string_equal(record.actor, ACTOR);
	assert_int_equal(hc_settle(&rig->process, rig->store_path), HC_ERR_STATE); /* it is in use */

	close_store(rig);
	put_in_place(rig);
	assert_true(look_at(rig).restored);
	assert_true(look_at(rig).session);
	for (int start = 0; start < 2; start++) {
		OK(hc_settle(&rig->process, rig->store_path));
		const struct sight sight = look_at(rig);
		if (sight.restored || sight.session || sight.restores != 1)
			fail_msg("start %d: restored %d session %d records %zu", start, sight.restored,
				 sight.session, sight.restores);
	}
	open_store(rig); /* with the keys of the backup */
	assert_non_null(hc_keyring_signer(rig->worker.keyring, HC_JWS_RS256));
}

/* ---- the exchange of the seal key ---- */

static void a_key_that_is_not_ours_or_waits_already_is_not_exchanged(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;

	rig->process.gateway.seal_given = true;
	assert_int_equal(ask_plain(rig, HC_MSG_SEAL_ROTATE), HC_ERR_PERM);
	assert_int_equal(rig->reason, HC_REASON_SEAL_KEY_ELSEWHERE);
	rig->process.gateway.seal_given = false;
	assert_int_equal(records(rig, HC_OUTBOX_SEAL_ROTATE, &record), 0);
	assert_int_equal(ask_plain(rig, HC_MSG_SEAL_ROTATE), HC_OK);
	assert_int_equal(ask_plain(rig, HC_MSG_SEAL_ROTATE), HC_ERR_STATE);
	assert_int_equal(rig->reason, HC_REASON_SEAL_KEY_WAITING);
	assert_int_equal(records(rig, HC_OUTBOX_SEAL_ROTATE, &record), 1);
	(void)snprintf(rig->process.gateway.config.state_dir, sizeof(rig->process.gateway.config.state_dir),
		       "/nowhere");
	assert_int_not_equal(ask_plain(rig, HC_MSG_SEAL_ROTATE), HC_OK);
}

static void an_exchange_that_was_ordered_happens_at_the_next_start_and_sub_stays(void **state)
{
	struct rig *rig = *state;
	struct hc_seal **seal = &rig->process.gateway.seal;
	HC_AUTO(secret) before = NULL;
	char former[24], fresh[192];

	OK(hc_seal_derive(*seal, HC_SUB_KEY_LABEL, &before));
	(void)snprintf(former, sizeof(former), "%s", hc_seal_key_id(*seal));
	assert_int_equal(ask_plain(rig, HC_MSG_SEAL_ROTATE), HC_OK);
	assert_string_equal(hc_seal_key_id(*seal), former); /* not while loops read it */
	close_store(rig);
	OK(hc_seal_change_load(rig->seal_path, *seal));
	OK(hc_settle(&rig->process, rig->store_path));
	(void)snprintf(fresh, sizeof(fresh), "%s.new", rig->seal_path);
	assert_int_equal(access(fresh, F_OK), -1);
	assert_string_not_equal(hc_seal_key_id(*seal), former);
	assert_int_equal(look_at(rig).rotations, 2); /* the order, and that it was done */

	for (int start = 0; start < 2; start++) { /* also without what this process knows */
		HC_AUTO(secret) after = NULL;

		open_store(rig); /* every signing key opens */
		OK(hc_settle_load(&rig->process));
		OK(hc_seal_derive(*seal, HC_SUB_KEY_LABEL, &after));
		if (!hc_secret_equal(before, after))
			fail_msg("start %d: people would be others to every application", start);
		close_store(rig);
		hc_seal_free(seal);
		OK(hc_seal_open(rig->seal_path, false, seal));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_backup, teardown_backup)
	const struct CMUnitTest tests[] = {
		TEST(without_a_recovery_key_there_is_no_backup_and_a_record_of_it),
		TEST(a_store_that_came_from_a_backup_is_settled_at_the_start_and_once),
		TEST(a_key_that_is_not_ours_or_waits_already_is_not_exchanged),
		TEST(an_exchange_that_was_ordered_happens_at_the_next_start_and_sub_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
