/* SPDX-License-Identifier: Apache-2.0 */
/* Backups as files: what opens and what does not. */
#include "hospiconnect/backup.h"

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

#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "tests/support/tempdir.h"

#define LEN ((size_t)3 * HC_BACKUP_CHUNK + 77) /* of the database */

struct fixture {
	struct tempdir dir;
	char database[128], path[128];
	struct hc_secret *recovery, *sealing, *seal_key;
	struct hc_backup_manifest manifest;
	uint8_t whole[5 * HC_BACKUP_PIECE_MAX];
	size_t len;
};

static void quiet(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level; /* what is refused may be logged */
	(void)line;
	(void)ctx;
}

static void write_file(const char *path, const uint8_t *data, size_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static void make(struct fixture *f)
{
	uint8_t piece[HC_BACKUP_PIECE_MAX];
	HC_AUTO(backup_maker) maker = NULL;
	size_t len = 0;
	bool last = false;
	const int fd = open(f->database, O_RDONLY | O_CLOEXEC);

	f->len = 0;
	assert_int_equal(hc_backup_maker_new(f->sealing, &f->manifest, f->seal_key, fd, &maker), HC_OK);
	while (!last) {
		assert_int_equal(hc_backup_maker_next(maker, piece, &len, &last), HC_OK);
		memcpy(f->whole + f->len, piece, len);
		f->len += len;
	}
	assert_int_equal(f->len, hc_backup_maker_total(maker));
	assert_int_equal(hc_backup_maker_next(maker, piece, &len, &last), HC_ERR_STATE);
	write_file(f->path, f->whole, f->len);
}

static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t *content = malloc(LEN);

	if (f == NULL || content == NULL || !tempdir_make(&f->dir))
		return -1;
	(void)tempdir_file(&f->dir, "database", f->database, sizeof(f->database));
	(void)tempdir_file(&f->dir, "backup", f->path, sizeof(f->path));
	for (size_t i = 0; i < LEN; i++)
		content[i] = byte_at(i);
	write_file(f->database, content, LEN);
	free(content);
	f->manifest = (struct hc_backup_manifest){.store = HC_BACKUP_AUTHD,
						  .schema = 6,
						  .time_ms = 1795000000000,
						  .len = LEN,
						  .version = "0.1.0",
						  .machine = "poste-7",
						  .audit_seq = 42,
						  .audit_ms = 1794999999999};
	memset(f->manifest.audit_hash, 0xab, sizeof(f->manifest.audit_hash));
	hc_log_capture(quiet, NULL);
	if (hc_backup_key_new(&f->recovery) != HC_OK ||
	    hc_backup_key_sealing(f->recovery, &f->sealing) != HC_OK ||
	    hc_random_secret(HC_SEAL_KEY_LEN, &f->seal_key) != HC_OK)
		return -1;
	make(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hc_log_capture(NULL, NULL);
	hc_secret_free(&f->recovery);
	hc_secret_free(&f->sealing);
	hc_secret_free(&f->seal_key);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

/* Reads all of the file at path; what the first failure was. */
static enum hc_err read_all(const struct fixture *f, const struct hc_secret *recovery)
{
	HC_AUTO(backup) backup = NULL;
	uint8_t data[HC_BACKUP_CHUNK];
	size_t len = 1, got = 0;
	const int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	enum hc_err err = hc_backup_open(fd, recovery, &backup);

	while (err == HC_OK && len > 0) {
		err = hc_backup_read(backup, data, &len);
		for (size_t i = 0; err == HC_OK && i < len; i++)
			assert_int_equal(data[i], byte_at(got + i));
		got += err == HC_OK ? len : 0;
	}
	if (err == HC_OK)
		assert_int_equal(got, f->manifest.len);
	assert_int_equal(close(fd), 0);
	return err;
}

static void another_key_opens_nothing(void **state)
{
	struct fixture *f = *state;
	HC_AUTO(secret) other = NULL;
	HC_AUTO(secret) half = NULL;
	uint8_t bytes[HC_BACKUP_KEY_LEN];

	assert_int_equal(hc_backup_key_new(&other), HC_OK);
	assert_int_equal(read_all(f, other), HC_ERR_PERM);

	/* The right private key with another mark is another key. */
	memcpy(bytes, hc_secret_data(f->recovery), sizeof(bytes));
	bytes[63] ^= 1;
	assert_int_equal(hc_secret_from(bytes, sizeof(bytes), &half), HC_OK);
	assert_int_equal(read_all(f, half), HC_ERR_PERM);
	/* The half that seals opens nothing. */
	assert_int_equal(read_all(f, f->sealing), HC_ERR_PERM);
}

static void every_changed_byte_is_noticed(void **state)
{
	struct fixture *f = *state;

	for (size_t at = 0; at < f->len; at += at < 700 ? 1 : 997) {
		const uint8_t before = f->whole[at];

		f->whole[at] ^= 0x40;
		write_file(f->path, f->whole, f->len);
		if (read_all(f, f->recovery) == HC_OK)
			fail_msg("a change of byte %zu was not noticed", at);
		f->whole[at] = before;
	}
}

static void a_cut_or_longer_file_is_refused(void **state)
{
	struct fixture *f = *state;
	const size_t piece = HC_BACKUP_PIECE_MAX, head = HC_BACKUP_HEADER_LEN;
	const size_t lengths[] = {0,	      1,	   head - 1,	 head,
				  head + 1,   head + 16,   head + piece, head + 2 * piece,
				  f->len - 1, f->len - 16, f->len + 1};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		write_file(f->path, f->whole, lengths[i]);
		if (read_all(f, f->recovery) == HC_OK)
			fail_msg("row %zu: %zu bytes were taken for the whole", i, lengths[i]);
	}
}

static void chunks_have_their_place(void **state)
{
	struct fixture *f = *state;
	uint8_t *first = f->whole + HC_BACKUP_HEADER_LEN, *third = first + (size_t)2 * HC_BACKUP_PIECE_MAX;
	uint8_t held[HC_BACKUP_PIECE_MAX];

	memcpy(held, first + HC_BACKUP_PIECE_MAX, sizeof(held));
	memcpy(first + HC_BACKUP_PIECE_MAX, third, sizeof(held));
	memcpy(third, held, sizeof(held));
	write_file(f->path, f->whole, f->len);

	assert_int_equal(read_all(f, f->recovery), HC_ERR_SEAL);
}

static void chunks_of_two_backups_do_not_mix(void **state)
{
	struct fixture *f = *state;
	uint8_t last[1000];
	const size_t from = f->len - sizeof(last);

	memcpy(last, f->whole + from, sizeof(last));
	make(f);
	memcpy(f->whole + from, last, sizeof(last));
	write_file(f->path, f->whole, f->len);

	assert_int_equal(read_all(f, f->recovery), HC_ERR_SEAL);
}

static void who_has_the_public_key_alone_forges_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[HC_BACKUP_KEY_LEN] = {0}, header[HC_BACKUP_HEADER_LEN];

	memcpy(header, f->whole, sizeof(header));
	memcpy(bytes, hc_secret_data(f->sealing), 32); /* the mark is not known */
	hc_secret_free(&f->sealing);
	assert_int_equal(hc_secret_from(bytes, sizeof(bytes), &f->sealing), HC_OK);
	make(f);
	assert_int_equal(read_all(f, f->recovery), HC_ERR_PERM);

	memcpy(f->whole + 9, header + 9, 8); /* not even under the right name */
	write_file(f->path, f->whole, f->len);
	assert_int_equal(read_all(f, f->recovery), HC_ERR_SEAL);
}

static void what_is_no_backup_is_told_from_a_newer_one(void **state)
{
	struct fixture *f = *state;

	f->whole[8] = 2;
	write_file(f->path, f->whole, f->len);
	assert_int_equal(read_all(f, f->recovery), HC_ERR_STATE);
	f->whole[0] = 'h';
	write_file(f->path, f->whole, f->len);
	assert_int_equal(read_all(f, f->recovery), HC_ERR_INVALID);
}

static void a_database_of_another_length_is_refused(void **state)
{
	struct fixture *f = *state;
	HC_AUTO(backup_maker) maker = NULL;
	uint8_t piece[HC_BACKUP_PIECE_MAX];
	size_t len = 0;
	bool last = false;
	enum hc_err err;

	f->manifest.len = LEN + 1;
	err = hc_backup_maker_new(f->sealing, &f->manifest, f->seal_key,
				  open(f->database, O_RDONLY | O_CLOEXEC), &maker);
	while (err == HC_OK && !last)
		err = hc_backup_maker_next(maker, piece, &len, &last);

	assert_int_equal(err, HC_ERR_IO);
}

static void a_whole_backup_gives_everything_back(void **state)
{
	static const size_t lengths[] = {0, 1, 100, HC_BACKUP_CHUNK - 400, HC_BACKUP_CHUNK, LEN};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		HC_AUTO(backup) backup = NULL;
		const int fd = open(f->path, O_RDONLY | O_CLOEXEC);

		f->manifest.len = lengths[i];
		make(f);
		if (read_all(f, f->recovery) != HC_OK)
			fail_msg("row %zu", i);
		assert_int_equal(hc_backup_open(fd, f->recovery, &backup), HC_OK);
		assert_true(hc_secret_equal(hc_backup_seal_key(backup), f->seal_key));
		assert_string_equal(hc_backup_manifest(backup)->machine, "poste-7");
		assert_int_equal(hc_backup_manifest(backup)->audit_seq, 42);
		assert_memory_equal(hc_backup_manifest(backup)->audit_hash, f->manifest.audit_hash, 32);
		assert_int_equal(close(fd), 0);
	}
}

static void a_manifest_is_read_as_it_was_written_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct hc_backup_manifest manifest;
	HC_AUTO(secret) bytes = NULL;
	HC_AUTO(secret) key = NULL;
	uint8_t changed[HC_BACKUP_MANIFEST_MAX + 1] = {0};

	assert_int_equal(hc_backup_manifest_write(&f->manifest, f->seal_key, &bytes), HC_OK);
	const size_t len = hc_secret_len(bytes);
	memcpy(changed, hc_secret_data(bytes), len);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(hc_backup_manifest_read(changed, cut, &manifest, &key), HC_ERR_CORRUPT);
	assert_int_equal(hc_backup_manifest_read(changed, len + 1, &manifest, &key), HC_ERR_CORRUPT);
	changed[0] = 3; /* a store that is none */
	assert_int_equal(hc_backup_manifest_read(changed, len, &manifest, &key), HC_ERR_CORRUPT);
	assert_null(key);
}

static void a_recovery_key_survives_paper(void **state)
{
	struct fixture *f = *state;
	HC_AUTO(secret) text = NULL;
	HC_AUTO(secret) typed = NULL;
	HC_AUTO(secret) read = NULL;
	char copy[512];

	assert_int_equal(hc_backup_key_print(f->recovery, &text), HC_OK);
	(void)snprintf(copy, sizeof(copy), "# a remark\n  # another\n\n%.*s", (int)hc_secret_len(text),
		       (const char *)hc_secret_data(text));
	for (char *c = copy; *c != '\0'; c++)
		*c = (char)(*c >= 'a' && *c <= 'f' && c > copy + 24 ? *c - 32 : *c);
	assert_int_equal(hc_secret_from(copy, strlen(copy), &typed), HC_OK);
	assert_int_equal(hc_backup_key_parse(typed, &read), HC_OK);
	assert_true(hc_secret_equal(read, f->recovery));

	for (size_t at = 0; at < hc_secret_len(text); at++) {
		HC_AUTO(secret) wrong = NULL;
		HC_AUTO(secret) none = NULL;
		char line[512];

		memcpy(line, hc_secret_data(text), hc_secret_len(text));
		if (line[at] == ' ' || line[at] == '\n')
			continue;
		line[at] = line[at] == '0' ? '1' : '0';
		assert_int_equal(hc_secret_from(line, hc_secret_len(text), &wrong), HC_OK);
		assert_int_equal(hc_backup_key_parse(wrong, &none), HC_ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_key_opens_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(every_changed_byte_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_or_longer_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(chunks_have_their_place, setup, teardown),
		cmocka_unit_test_setup_teardown(chunks_of_two_backups_do_not_mix, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_the_public_key_alone_forges_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_backup_is_told_from_a_newer_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_database_of_another_length_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_whole_backup_gives_everything_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_manifest_is_read_as_it_was_written_or_not_at_all, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_recovery_key_survives_paper, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
