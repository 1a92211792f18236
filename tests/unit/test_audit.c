/* SPDX-License-Identifier: Apache-2.0 */
/* The trail while it is written: chained, in the decision's transaction, and told to syslog after it. */
#include "audit_support.h"

#include "hospiconnect/secret.h"

static int64_t stored(struct trail *trail)
{
	struct hc_audit_record last;

	return hc_store_audit_last(trail->bench.store, &last) == HC_OK ? last.seq : 0;
}

static void a_record_outside_of_a_transaction_is_refused(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_entry entry = entry_of("martin");

	assert_int_equal(hc_audit_add(trail->audit, &entry), HC_ERR_STATE);
	assert_int_equal(stored(trail), 0);
	assert_string_equal(trail_line(trail), "");
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
}

static void what_was_rolled_back_leaves_neither_record_nor_line_nor_gap(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_entry entry = entry_of("martin");

	BEGIN(trail->bench.store);
	assert_int_equal(hc_audit_add(trail->audit, &entry), HC_OK);
	assert_int_equal(hc_audit_add(trail->audit, &entry), HC_OK);
	hc_store_rollback(trail->bench.store);
	hc_audit_rolled_back(trail->audit);
	assert_string_equal(trail_line(trail), "");
	assert_int_equal(stored(trail), 0);
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_int_equal(stored(trail), 1);
	assert_non_null(strstr(trail_line(trail), "seq=\"1\""));
}

static void lines_leave_after_the_commit_only_and_in_order(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_entry first = entry_of("martin"), second = entry_of("claire");

	BEGIN(trail->bench.store);
	assert_int_equal(hc_audit_add(trail->audit, &first), HC_OK);
	assert_int_equal(hc_audit_add(trail->audit, &second), HC_OK);
	assert_string_equal(trail_line(trail), "");
	COMMIT(trail->bench.store);
	hc_audit_committed(trail->audit);
	assert_non_null(strstr(trail_line(trail), "login=\"martin\""));
	assert_non_null(strstr(trail_line(trail), "login=\"claire\""));
	assert_string_equal(trail_line(trail), "");
	hc_audit_committed(trail->audit); /* nothing new: nothing sent */
	assert_string_equal(trail_line(trail), "");
}

static void a_line_has_the_form_of_syslog_and_every_field(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_entry entry = entry_of("martin");
	char wanted[512];

	(void)setenv("TZ", "UTC", 1);
	tzset();
	entry.success = false;
	entry.reason = HC_REASON_WRONG_CODE;
	entry.detail = "first try";
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	(void)snprintf(wanted, sizeof(wanted),
		       "<85>Jan 15 08:00:00 hospiconnect-authd[%ld]: audit seq=\"1\" event=\"sign-in\""
		       " outcome=\"failure\" reason=\"HC-201\" login=\"martin\" factor=\"totp\""
		       " credential=\"aaaabbbbcccc\" service=\"sshd\" origin=\"192.0.2.7\""
		       " actor=\"uid 0 (root)\" detail=\"first try\"",
		       (long)getpid());
	assert_string_equal(trail_line(trail), wanted);
	entry.success = true;
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_memory_equal(trail_line(trail), "<86>", 4);
}

static void no_text_from_outside_can_begin_a_second_line_or_field(void **state)
{
	static const char *const hostile[] = {
		"x\n<86>Jan 1 00:00:00 hospiconnect-authd[1]: audit event=\"sign-in\" outcome=\"success\"",
		"x\" outcome=\"success",
		"x\\",
		"\xff\xfe",
		"\x1b[2Jx",
		"a\rb",
		"\xe2\x80\xaeniluc",
	};
	struct trail *trail = *state;

	for (size_t i = 0; i < HC_COUNT(hostile); i++) {
		struct hc_audit_entry entry = entry_of(hostile[i]);
		size_t quotes = 0;

		entry.success = false;
		entry.detail = hostile[i];
		assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
		const char *line = trail_line(trail);
		assert_non_null(strstr(line, "outcome=\"failure\""));
		for (const char *c = line; *c != '\0'; c++) {
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				fail_msg("row %zu: control byte in %s", i, line);
			if (*c == '\\')
				c++;
			else if (*c == '"')
				quotes++;
		}
		if (quotes != 2 * 10)
			fail_msg("row %zu: %zu quotes in %s", i, quotes, line);
	}
}

static void long_texts_are_cut_at_a_whole_character(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_entry entry = entry_of("martin");
	struct hc_audit_record record;
	char text[1201];

	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		memcpy(text + i, "é", 2);
	text[sizeof(text) - 1] = '\0';
	entry.actor = text;	 /* 127 bytes of room: 126 */
	entry.detail = text + 1; /* begins in the middle of a character: escaped */
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_int_equal(hc_store_audit_last(trail->bench.store, &record), HC_OK);
	assert_int_equal(strlen(record.actor), 126);
	assert_true(hc_utf8_valid(record.actor, strlen(record.actor)));
	assert_true(hc_utf8_valid(record.detail, strlen(record.detail)));
	assert_memory_equal(record.detail, "\\xa9", 4);
}

static void the_chain_goes_on_over_restarts(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_check check = {0};
	struct hc_audit_head before, after;

	add_records(trail, 3);
	assert_int_equal(hc_audit_head(trail->audit, &before), HC_OK);
	trail_reopen(trail);
	assert_int_equal(hc_audit_head(trail->audit, &after), HC_OK);
	assert_memory_equal(&before, &after, sizeof(after)); /* the same key, and Ed25519 is deterministic */
	add_records(trail, 3);
	while (!check.done)
		assert_int_equal(hc_audit_check_slice(trail->audit, &check, 2), HC_OK);
	assert_string_equal(check.defect, "");
	assert_int_equal(check.checked, 6);
}

static void syslog_away_sends_the_line_to_our_log_and_comes_back(void **state)
{
	struct trail *trail = *state;

	(void)close(trail->syslog);
	assert_int_equal(unlink(trail->syslog_path), 0);
	const struct hc_audit_entry entry = entry_of("martin");
	trail->bench.log[0] = '\0';
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_non_null(strstr(trail->bench.log, "event=sign-in"));
	assert_non_null(strstr(trail->bench.log, "login=martin"));
	assert_int_equal(trail->bench.lines, 0); /* a notice, no warning */
	assert_int_equal(trail_listen(trail), 0);
	trail->bench.log[0] = '\0';
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_non_null(strstr(trail_line(trail), "seq=\"2\""));
	assert_string_equal(trail->bench.log, "");
}

static void a_syslog_that_does_not_read_delays_nothing_and_loses_nothing(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_entry entry = entry_of("martin");
	unsigned sent = 0, logged = 0;

	trail->bench.log[0] = '\0';
	for (unsigned i = 0; i < 40; i++) {
		trail->bench.log[0] = '\0';
		assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
		logged += trail->bench.log[0] != '\0' ? 1 : 0;
	}
	assert_true(logged > 0); /* the socket's queue is shorter than that */
	while (trail_line(trail)[0] != '\0')
		sent++;
	assert_int_equal(sent + logged, 40);
}

static void a_head_is_signed_and_goes_out_every_256_records_and_hourly(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_entry entry = entry_of("martin");
	struct hc_audit_head head;
	unsigned heads = 0;

	for (unsigned i = 0; i < 512; i++) {
		assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
		for (const char *line = trail_line(trail); line[0] != '\0'; line = trail_line(trail))
			heads += strstr(line, "audit-head seq=") != NULL ? 1 : 0;
	}
	assert_int_equal(heads, 2);
	trail->mono_ms += HC_AUDIT_HEAD_AGE_MS - 1;
	add_records(trail, 1);
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_null(strstr(trail_line(trail), "audit-head"));
	assert_string_equal(trail_line(trail), "");
	trail->mono_ms += 1;
	assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
	assert_null(strstr(trail_line(trail), "audit-head"));
	assert_non_null(strstr(trail_line(trail), "audit-head seq=\"515\""));
	hc_audit_emit_head(trail->audit); /* nothing new since */
	assert_string_equal(trail_line(trail), "");
	assert_int_equal(hc_audit_head(trail->audit, &head), HC_OK);
	assert_int_equal(head.seq, 515);
	assert_int_equal(hc_audit_head_valid(&head), HC_OK);
}

static void a_head_that_was_altered_is_not_valid(void **state)
{
	struct trail *trail = *state;
	struct hc_audit_head head;

	add_records(trail, 2);
	assert_int_equal(hc_audit_head(trail->audit, &head), HC_OK);
	uint8_t *const parts[] = {(uint8_t *)&head.seq, (uint8_t *)&head.time_ms, head.hash, head.public_key,
				  head.signature};
	for (size_t i = 0; i < HC_COUNT(parts); i++) {
		parts[i][1] ^= 4;
		if (hc_audit_head_valid(&head) == HC_OK)
			fail_msg("part %zu: change not found", i);
		parts[i][1] ^= 4;
	}
	assert_int_equal(hc_audit_head_valid(&head), HC_OK);
}

static void another_seal_key_cannot_open_the_trail(void **state)
{
	struct trail *trail = *state;
	char path[128];

	trail_close(trail);
	hc_seal_free(&trail->seal);
	assert_int_equal(unlink(tempdir_file(&trail->bench.dir, "seal.key", path, sizeof(path))), 0);
	assert_int_equal(hc_seal_open(path, true, &trail->seal), HC_OK);
	assert_int_equal(hc_store_open(trail->bench.path, &trail->bench.store), HC_OK);
	assert_int_equal(trail_open(trail), HC_ERR_SEAL);
	assert_null(trail->audit);
	assert_non_null(strstr(trail->bench.log, "seal key is not the one of this store"));
}

static void the_signing_key_is_sealed_and_kept(void **state)
{
	struct trail *trail = *state;
	uint8_t sealed[HC_SEALED_MAX];
	size_t len = 0;
	bool has = false;

	assert_int_equal(hc_store_value_get(trail->bench.store, "audit-key", sealed, sizeof(sealed), &len),
			 HC_OK);
	assert_int_equal(len, HC_ED25519_LEN + HC_SEAL_OVERHEAD);
	assert_null(memmem(sealed, len, hc_secret_data(trail->audit->seed), 8));
	assert_int_equal(hc_store_has_sealed(trail->bench.store, &has), HC_OK);
	assert_true(has);
}

static void a_burst_of_records_in_one_transaction_is_kept_whole(void **state)
{
	struct trail *trail = *state;
	const struct hc_audit_entry entry = entry_of("martin");
	struct hc_audit_check check = {0};

	BEGIN(trail->bench.store);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(hc_audit_add(trail->audit, &entry), HC_OK);
	COMMIT(trail->bench.store);
	hc_audit_committed(trail->audit);
	assert_int_equal(stored(trail), 100);
	assert_true(trail->audit->record_cap <= 16);
	while (!check.done)
		assert_int_equal(hc_audit_check_slice(trail->audit, &check, 64), HC_OK);
	assert_string_equal(check.defect, "");
}

static void every_event_has_a_name_of_its_own_that_fits(void **state)
{
#define TAKE(name, text) HC_AUDIT_##name,
	static const enum hc_audit_event events[] = {HC_AUDIT_EVENTS(TAKE)};
#undef TAKE
	const char *names[HC_COUNT(events)];

	(void)state;
	for (size_t i = 0; i < HC_COUNT(events); i++) {
		names[i] = hc_audit_event_name(events[i]);
		assert_true(strlen(names[i]) < sizeof(((struct hc_audit_record *)NULL)->event));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trail_setup, trail_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_outside_of_a_transaction_is_refused),
		TEST(what_was_rolled_back_leaves_neither_record_nor_line_nor_gap),
		TEST(lines_leave_after_the_commit_only_and_in_order),
		TEST(a_line_has_the_form_of_syslog_and_every_field),
		TEST(no_text_from_outside_can_begin_a_second_line_or_field),
		TEST(long_texts_are_cut_at_a_whole_character),
		TEST(the_chain_goes_on_over_restarts),
		TEST(syslog_away_sends_the_line_to_our_log_and_comes_back),
		TEST(a_syslog_that_does_not_read_delays_nothing_and_loses_nothing),
		TEST(a_head_is_signed_and_goes_out_every_256_records_and_hourly),
		TEST(a_head_that_was_altered_is_not_valid),
		TEST(another_seal_key_cannot_open_the_trail),
		TEST(the_signing_key_is_sealed_and_kept),
		TEST(a_burst_of_records_in_one_transaction_is_kept_whole),
		TEST(every_event_has_a_name_of_its_own_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
