/* SPDX-License-Identifier: Apache-2.0 */
/* The seal: what opens, what does not, and which key files are accepted. */
#include "hospiconnect/crypto.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "hospiconnect/seal_change.h"
#include "hospiconnect/secret.h"
#include "tests/support/tempdir.h"

struct fixture {
	struct tempdir dir;
	char path[128];
	int errors;
	char log[1024];
};

static void capture(enum hc_log_level level, const char *line, void *ctx)
{
	struct fixture *fixture = ctx;

	fixture->errors += level <= HC_LOG_WARNING ? 1 : 0;
	(void)snprintf(fixture->log, sizeof(fixture->log), "%s", line);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (fixture == NULL || !tempdir_make(&fixture->dir))
		return -1;
	(void)tempdir_file(&fixture->dir, "seal.key", fixture->path, sizeof(fixture->path));
	hc_log_capture(capture, fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	hc_log_capture(NULL, NULL);
	tempdir_remove(&fixture->dir);
	free(fixture);
	return 0;
}

static void write_key(const char *path, size_t len, mode_t mode)
{
	uint8_t bytes[64];
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	memset(bytes, 0x42, sizeof(bytes));
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* hc_seal_open must fail with that error, log one line that names the file and say that advice. */
static void expect_refused(struct fixture *fixture, const char *what, enum hc_err wanted, const char *advice)
{
	HC_AUTO(seal) seal = NULL;
	const int errors = fixture->errors;
	const enum hc_err err = hc_seal_open(fixture->path, true, &seal);

	if (err != wanted)
		fail_msg("%s: %s, wanted %s", what, hc_strerror(err), hc_strerror(wanted));
	assert_null(seal);
	assert_int_equal(fixture->errors, errors + 1);
	if (strstr(fixture->log, fixture->path) == NULL || strstr(fixture->log, advice) == NULL)
		fail_msg("%s: the log does not help: %s", what, fixture->log);
}

static void a_key_file_that_others_may_use_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0666, 0700, 0601};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		char what[32];

		(void)snprintf(what, sizeof(what), "mode %03o", modes[i]);
		write_key(fixture->path, 32, modes[i]);
		expect_refused(fixture, what, HC_ERR_PERM, "chmod 0600");
	}
}

static void a_key_file_of_another_user_is_refused(void **state)
{
	struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	write_key(fixture->path, 32, 0600);
	assert_int_equal(chown(fixture->path, 65534, 65534), 0);
	expect_refused(fixture, "owner nobody", HC_ERR_PERM, "chown");
}

static void a_key_file_of_another_length_is_refused(void **state)
{
	static const size_t lengths[] = {0, 1, 31, 33, 64};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < HC_COUNT(lengths); i++) {
		char what[32];

		(void)snprintf(what, sizeof(what), "%zu bytes", lengths[i]);
		write_key(fixture->path, lengths[i], 0600);
		expect_refused(fixture, what, HC_ERR_INVALID, "32 bytes");
	}
}

static void a_link_and_a_directory_are_refused(void **state)
{
	struct fixture *fixture = *state;
	char target[128];

	write_key(tempdir_file(&fixture->dir, "elsewhere", target, sizeof(target)), 32, 0600);
	assert_int_equal(symlink(target, fixture->path), 0);
	expect_refused(fixture, "link", HC_ERR_PERM, "regular file");
	assert_int_equal(unlink(fixture->path), 0);
	assert_int_equal(mkdir(fixture->path, 0700), 0);
	expect_refused(fixture, "directory", HC_ERR_PERM, "regular file");
	assert_int_equal(rmdir(fixture->path), 0);
}

static void a_missing_key_is_not_made_when_sealed_data_exist(void **state)
{
	struct fixture *fixture = *state;
	HC_AUTO(seal) seal = NULL;

	assert_int_equal(hc_seal_open(fixture->path, false, &seal), HC_ERR_NOTFOUND);
	assert_null(seal);
	assert_int_equal(access(fixture->path, F_OK), -1);
}

static void a_key_is_made_once_and_never_replaced(void **state)
{
	struct fixture *fixture = *state;
	HC_AUTO(seal) first = NULL;
	HC_AUTO(seal) second = NULL;
	struct stat info;

	assert_int_equal(hc_seal_open(fixture->path, true, &first), HC_OK);
	assert_int_equal(stat(fixture->path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_size, 32);
	assert_int_equal(tempdir_count(&fixture->dir), 1);
	const ino_t inode = info.st_ino;

	assert_int_equal(hc_seal_open(fixture->path, true, &second), HC_OK);
	assert_string_equal(hc_seal_key_id(first), hc_seal_key_id(second));
	assert_int_equal(strlen(hc_seal_key_id(first)), 16);
	assert_int_equal(stat(fixture->path, &info), 0);
	assert_true(info.st_ino == inode);
	assert_int_equal(fixture->errors, 0);
}

static struct hc_seal *open_seal(struct fixture *fixture, const char *name, uint8_t seed)
{
	struct hc_seal *seal = NULL;
	uint8_t key[32];
	char path[128];

	memset(key, seed, sizeof(key));
	const int fd = open(tempdir_file(&fixture->dir, name, path, sizeof(path)),
			    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, key, sizeof(key)), 32);
	assert_int_equal(close(fd), 0);
	assert_int_equal(hc_seal_open(path, false, &seal), HC_OK);
	return seal;
}

/* The associated data of a credential, as the factors build it. */
static size_t aad_of(uint8_t *out, uint8_t person, const char *id, uint8_t type)
{
	static const char label[] = "hospiconnect credential v1";
	size_t len = 0;

	memcpy(out, label, sizeof(label));
	len += sizeof(label);
	memset(out + len, 0, 8);
	out[len + 7] = person;
	len += 8;
	memcpy(out + len, id, strlen(id) + 1);
	len += strlen(id) + 1;
	out[len++] = type;
	return len;
}

static void a_secret_moved_to_another_person_credential_or_type_does_not_open(void **state)
{
	static const struct {
		uint8_t person;
		const char *id;
		uint8_t type;
		enum hc_err wanted;
	} table[] = {
		{8, "abcdefgh2345", 1, HC_ERR_SEAL}, {7, "abcdefgh2346", 1, HC_ERR_SEAL},
		{7, "abcdefgh2345", 2, HC_ERR_SEAL}, {7, "", 1, HC_ERR_SEAL},
		{7, "abcdefgh2345", 1, HC_OK},
	};
	HC_AUTO(seal) seal = open_seal(*state, "key", 1);
	HC_AUTO(secret) seed = NULL;
	uint8_t aad[128], sealed[HC_SEALED_MAX];
	size_t len = 0;

	assert_int_equal(hc_secret_from("12345678901234567890", 20, &seed), HC_OK);
	const size_t aad_len = aad_of(aad, 7, "abcdefgh2345", 1);
	assert_int_equal(hc_seal_wrap(seal, seed, aad, aad_len, sealed, sizeof(sealed), &len), HC_OK);
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		HC_AUTO(secret) plain = NULL;
		const size_t other = aad_of(aad, table[i].person, table[i].id, table[i].type);
		const enum hc_err err = hc_seal_unwrap(seal, sealed, len, aad, other, &plain);

		if (err != table[i].wanted)
			fail_msg("row %zu: %s", i, hc_strerror(err));
		assert_int_equal(plain != NULL, table[i].wanted == HC_OK);
	}
}

static void a_blob_changed_cut_or_prolonged_does_not_open(void **state)
{
	HC_AUTO(seal) seal = open_seal(*state, "key", 1);
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) plain = NULL;
	uint8_t sealed[HC_SEALED_MAX + 1] = {0};
	size_t len = 0;

	assert_int_equal(hc_secret_from("12345678901234567890", 20, &seed), HC_OK);
	assert_int_equal(hc_seal_wrap(seal, seed, "x", 1, sealed, HC_SEALED_MAX, &len), HC_OK);
	assert_int_equal(len, 20 + HC_SEAL_OVERHEAD);
	for (size_t at = 0; at < len; at++) {
		sealed[at] ^= 1;
		if (hc_seal_unwrap(seal, sealed, len, "x", 1, &plain) != HC_ERR_SEAL)
			fail_msg("byte %zu: change accepted", at);
		sealed[at] ^= 1;
	}
	for (size_t other = 0; other <= sizeof(sealed); other++)
		if (other != len && hc_seal_unwrap(seal, sealed, other, "x", 1, &plain) != HC_ERR_SEAL)
			fail_msg("length %zu accepted", other);
	assert_null(plain);
}

static void another_key_does_not_open_a_blob_and_derives_other_keys(void **state)
{
	HC_AUTO(seal) seal = open_seal(*state, "key", 1);
	HC_AUTO(seal) other = open_seal(*state, "other", 2);
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) plain = NULL;
	HC_AUTO(secret) one = NULL;
	HC_AUTO(secret) two = NULL;
	uint8_t sealed[HC_SEALED_MAX];
	size_t len = 0;

	assert_string_not_equal(hc_seal_key_id(seal), hc_seal_key_id(other));
	assert_int_equal(hc_secret_from("1234", 4, &seed), HC_OK);
	assert_int_equal(hc_seal_wrap(seal, seed, "", 0, sealed, sizeof(sealed), &len), HC_OK);
	assert_int_equal(hc_seal_unwrap(other, sealed, len, "", 0, &plain), HC_ERR_SEAL);
	assert_null(plain);
	assert_int_equal(hc_seal_derive(seal, "a", &one), HC_OK);
	assert_int_equal(hc_seal_derive(other, "a", &two), HC_OK);
	assert_false(hc_secret_equal(one, two));
}

static void a_secret_too_long_or_empty_is_not_sealed(void **state)
{
	static const uint8_t zeroes[HC_SEALED_MAX];
	HC_AUTO(seal) seal = open_seal(*state, "key", 1);
	HC_AUTO(secret) empty = NULL;
	HC_AUTO(secret) fits = NULL;
	HC_AUTO(secret) longer = NULL;
	uint8_t sealed[HC_SEALED_MAX];
	size_t len = 99;

	assert_int_equal(hc_secret_new(8, &empty), HC_OK);
	assert_int_equal(hc_secret_from(zeroes, HC_SEALED_MAX - HC_SEAL_OVERHEAD, &fits), HC_OK);
	assert_int_equal(hc_secret_from(zeroes, HC_SEALED_MAX - HC_SEAL_OVERHEAD + 1, &longer), HC_OK);
	assert_int_equal(hc_seal_wrap(seal, empty, "", 0, sealed, sizeof(sealed), &len), HC_ERR_INVALID);
	assert_int_equal(hc_seal_wrap(seal, longer, "", 0, sealed, sizeof(sealed), &len), HC_ERR_TOOBIG);
	assert_int_equal(hc_seal_wrap(seal, fits, "", 0, sealed, sizeof(sealed) - 1, &len), HC_ERR_TOOBIG);
	assert_int_equal(len, 99);
	assert_int_equal(hc_seal_wrap(seal, fits, "", 0, sealed, sizeof(sealed), &len), HC_OK);
	assert_int_equal(len, HC_SEALED_MAX);
}

static void sealing_twice_gives_two_blobs_and_the_same_secret(void **state)
{
	HC_AUTO(seal) seal = open_seal(*state, "key", 1);
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) plain = NULL;
	uint8_t one[HC_SEALED_MAX], two[HC_SEALED_MAX];
	size_t one_len = 0, two_len = 0;

	assert_int_equal(hc_secret_from("12345678901234567890", 20, &seed), HC_OK);
	assert_int_equal(hc_seal_wrap(seal, seed, "x", 1, one, sizeof(one), &one_len), HC_OK);
	assert_int_equal(hc_seal_wrap(seal, seed, "x", 1, two, sizeof(two), &two_len), HC_OK);
	assert_int_equal(one_len, two_len);
	assert_memory_not_equal(one + 9, two + 9, HC_SEAL_OVERHEAD - 9);
	assert_int_equal(hc_seal_unwrap(seal, one, one_len, "x", 1, &plain), HC_OK);
	assert_true(hc_secret_equal(plain, seed));
}

static void derived_keys_differ_by_label_and_stay_the_same_over_time(void **state)
{
	HC_AUTO(seal) seal = open_seal(*state, "key", 1);
	HC_AUTO(secret) one = NULL;
	HC_AUTO(secret) two = NULL;
	HC_AUTO(secret) again = NULL;

	assert_int_equal(hc_seal_derive(seal, "hospiconnect recovery v1", &one), HC_OK);
	assert_int_equal(hc_seal_derive(seal, "hospiconnect recovery v2", &two), HC_OK);
	assert_int_equal(hc_seal_derive(seal, "hospiconnect recovery v1", &again), HC_OK);
	assert_false(hc_secret_equal(one, two));
	assert_true(hc_secret_equal(one, again));
	assert_int_equal(hc_secret_len(one), 32);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* An end that comes twice, or with another key beside it, must leave the only file of the key as it is. */
static void a_key_is_not_overwritten_unless_its_successor_is_there(void **state)
{
	struct fixture *fixture = *state;
	HC_AUTO(seal) seal = NULL;
	HC_AUTO(seal) again = NULL;
	char next[160];

	(void)snprintf(next, sizeof(next), "%s.new", fixture->path);
	assert_int_equal(hc_seal_open(fixture->path, true, &seal), HC_OK);
	assert_int_equal(hc_seal_change_end(fixture->path, seal), HC_ERR_NOTFOUND);
	write_key(next, HC_SEAL_KEY_LEN, 0600);
	assert_int_equal(hc_seal_change_end(fixture->path, seal), HC_ERR_STATE);
	assert_int_equal(unlink(next), 0);
	assert_int_equal(hc_seal_change_begin(fixture->path), HC_OK);
	assert_int_equal(hc_seal_change_load(fixture->path, seal), HC_OK);
	assert_true(hc_seal_has_former(seal));
	assert_int_equal(hc_seal_change_end(fixture->path, seal), HC_OK);
	assert_false(hc_seal_has_former(seal));
	assert_int_equal(hc_seal_change_end(fixture->path, seal), HC_ERR_NOTFOUND);
	assert_int_equal(hc_seal_open(fixture->path, false, &again), HC_OK);
	assert_string_equal(hc_seal_key_id(again), hc_seal_key_id(seal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_not_overwritten_unless_its_successor_is_there, setup,
						teardown),
		TEST(a_key_file_that_others_may_use_is_refused),
		TEST(a_key_file_of_another_user_is_refused),
		TEST(a_key_file_of_another_length_is_refused),
		TEST(a_link_and_a_directory_are_refused),
		TEST(a_missing_key_is_not_made_when_sealed_data_exist),
		TEST(a_key_is_made_once_and_never_replaced),
		TEST(a_secret_moved_to_another_person_credential_or_type_does_not_open),
		TEST(a_blob_changed_cut_or_prolonged_does_not_open),
		TEST(another_key_does_not_open_a_blob_and_derives_other_keys),
		TEST(a_secret_too_long_or_empty_is_not_sealed),
		TEST(sealing_twice_gives_two_blobs_and_the_same_secret),
		TEST(derived_keys_differ_by_label_and_stay_the_same_over_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
