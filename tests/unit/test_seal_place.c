/* SPDX-License-Identifier: Apache-2.0 */
/* Where a seal key is looked for: what the service manager gave, the configured file, the state directory; and when one is made. */
#include "hospiconnect/seal_place.h"

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

#include "hospiconnect/log.h"
#include "tests/support/tempdir.h"

struct place {
	struct tempdir dir;
	char credential[128], key[128], log[1024];
};

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct place *place = ctx;

	(void)level;
	(void)snprintf(place->log, sizeof(place->log), "%s", line);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (place == NULL || !tempdir_make(&place->dir))
		return -1;
	(void)tempdir_file(&place->dir, "seal-key", place->credential, sizeof(place->credential));
	(void)tempdir_file(&place->dir, "seal.key", place->key, sizeof(place->key));
	hc_log_capture(keep_log, place);
	*state = place;
	return unsetenv("CREDENTIALS_DIRECTORY");
}

static int teardown(void **state)
{
	struct place *place = *state;

	hc_log_capture(NULL, NULL);
	tempdir_remove(&place->dir);
	free(place);
	return unsetenv("CREDENTIALS_DIRECTORY");
}

static void write_key(const char *path, size_t len)
{
	static const uint8_t bytes[HC_SEAL_KEY_LEN + 1] = {7};
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

static void no_key_is_made_while_there_are_data_under_another_one(void **state)
{
	struct place *place = *state;
	HC_AUTO(seal) seal = NULL;

	assert_int_equal(hc_seal_settle("", place->dir.path, true, &seal), HC_ERR_NOTFOUND);
	assert_null(seal);
	assert_int_equal(access(place->key, F_OK), -1);
	assert_non_null(strstr(place->log, "restore the key"));

	assert_int_equal(hc_seal_settle("", place->dir.path, false, &seal), HC_OK);
	assert_int_equal(access(place->key, F_OK), 0);
	hc_seal_free(&seal);
	assert_int_equal(hc_seal_settle("", place->dir.path, true, &seal), HC_OK);
}

static void a_key_that_was_given_is_not_replaced_by_a_file(void **state)
{
	struct place *place = *state;
	HC_AUTO(seal) given = NULL;

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->dir.path, 1), 0);
	write_key(place->credential, HC_SEAL_KEY_LEN);
	assert_int_equal(hc_seal_credential("", &given), HC_OK);
	assert_non_null(given);
	assert_int_equal(hc_seal_settle("", place->dir.path, false, &given), HC_OK);
	assert_int_equal(access(place->key, F_OK), -1); /* none was made beside it */
}

static void a_given_key_that_is_none_is_refused_and_not_passed_over(void **state)
{
	static const size_t lengths[] = {0, HC_SEAL_KEY_LEN - 1, HC_SEAL_KEY_LEN + 1};
	struct place *place = *state;
	HC_AUTO(seal) given = NULL;
	char long_name[600];

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->dir.path, 1), 0);
	for (size_t i = 0; i < HC_COUNT(lengths); i++) {
		write_key(place->credential, lengths[i]);
		if (hc_seal_credential("", &given) != HC_ERR_INVALID || given != NULL)
			fail_msg("row %zu", i);
	}
	memset(long_name, '/', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", long_name, 1), 0);
	assert_int_equal(hc_seal_credential("", &given), HC_ERR_TOOBIG);
	assert_null(given);
}

static void without_a_given_key_or_with_a_configured_one_the_file_counts(void **state)
{
	struct place *place = *state;
	HC_AUTO(seal) given = NULL;
	char path[160];

	assert_int_equal(hc_seal_credential("", &given), HC_OK);
	assert_null(given);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->dir.path, 1), 0);
	assert_int_equal(hc_seal_credential("", &given), HC_OK); /* the directory has none of that name */
	assert_null(given);
	write_key(place->credential, HC_SEAL_KEY_LEN);
	assert_int_equal(hc_seal_credential("/etc/own.key", &given), HC_OK);
	assert_null(given);

	hc_seal_path("/etc/own.key", "/var/lib/x", path, sizeof(path));
	assert_string_equal(path, "/etc/own.key");
	hc_seal_path("", "/var/lib/x", path, sizeof(path));
	assert_string_equal(path, "/var/lib/x/seal.key");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_key_is_made_while_there_are_data_under_another_one),
		TEST(a_key_that_was_given_is_not_replaced_by_a_file),
		TEST(a_given_key_that_is_none_is_refused_and_not_passed_over),
		TEST(without_a_given_key_or_with_a_configured_one_the_file_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
