/* SPDX-License-Identifier: Apache-2.0 */
/* Files that decide about security: wrong ones are refused, new ones are whole. */
#include "hospiconnect/file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "tests/support/tempdir.h"

static struct tempdir dir;

static struct hc_file_rules rules_of(mode_t forbidden, size_t max_len)
{
	return (struct hc_file_rules){.owner = geteuid(), .forbidden = forbidden, .max_len = max_len};
}

static int make_dir(void **state)
{
	(void)state;
	return tempdir_make(&dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	tempdir_remove(&dir);
	return 0;
}

static const char *write_file(const char *name, mode_t mode, const void *data, size_t len)
{
	static char path[256];
	int fd = open(tempdir_file(&dir, name, path, sizeof(path)), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	(void)close(fd);
	return path;
}

static void check_refused(const char *path, const struct hc_file_rules *rules, enum hc_err expected)
{
	char *data = NULL;
	size_t len = 4711;

	assert_int_equal(hc_file_read(path, rules, &data, &len), expected);
	assert_null(data);
	assert_int_equal(len, 4711);
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
	struct hc_file_rules rules = rules_of(0077, 100);

	(void)state;
	check_refused(write_file("a", 0640, "x", 1), &rules, HC_ERR_PERM);
	check_refused(write_file("a", 0602, "x", 1), &rules, HC_ERR_PERM);
	check_refused(write_file("a", 0604, "x", 1), &rules, HC_ERR_PERM);
}

static void a_file_of_another_owner_is_refused(void **state)
{
	struct hc_file_rules rules = {.owner = geteuid() + 1, .root_too = false, .max_len = 100};
	char *data = NULL;
	size_t len = 0;

	(void)state;
	check_refused(write_file("a", 0600, "x", 1), &rules, HC_ERR_PERM);
	rules.root_too = true;
	if (geteuid() == 0) {
		assert_int_equal(hc_file_read(write_file("a", 0600, "x", 1), &rules, &data, &len), HC_OK);
		free(data);
	} else {
		check_refused(write_file("a", 0600, "x", 1), &rules, HC_ERR_PERM);
	}
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	struct hc_file_rules rules = rules_of(0, 100);
	char path[256], target[256];
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)state;
	(void)snprintf(target, sizeof(target), "%s", write_file("a", 0600, "x", 1));
	assert_int_equal(symlink(target, tempdir_file(&dir, "link", path, sizeof(path))), 0);
	check_refused(path, &rules, HC_ERR_PERM);
	assert_int_equal(mkfifo(tempdir_file(&dir, "fifo", path, sizeof(path)), 0600), 0);
	check_refused(path, &rules, HC_ERR_PERM);
	check_refused(dir.path, &rules, HC_ERR_PERM);
	tempdir_file(&dir, "socket", path, sizeof(path));
	memcpy(address.sun_path, path, strlen(path) + 1);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	check_refused(path, &rules, HC_ERR_PERM);
	(void)close(fd);
	rules.owner = 0;
	check_refused("/dev/null", &rules, HC_ERR_PERM);
}

static void a_file_too_long_or_missing_is_refused(void **state)
{
	struct hc_file_rules rules = rules_of(0077, 4);
	char path[256];

	(void)state;
	check_refused(write_file("a", 0600, "12345", 5), &rules, HC_ERR_TOOBIG);
	check_refused(tempdir_file(&dir, "none", path, sizeof(path)), &rules, HC_ERR_NOTFOUND);
	check_refused(tempdir_file(&dir, "a/b", path, sizeof(path)), &rules, HC_ERR_NOTFOUND);
}

static void a_file_that_is_longer_than_it_says_is_refused(void **state)
{
	struct hc_file_rules rules = {.owner = 0, .max_len = 100000};

	(void)state;
	check_refused("/proc/self/status", &(struct hc_file_rules){.owner = geteuid(), .max_len = 100000},
		      HC_ERR_IO);
	check_refused("/proc/version", &rules, HC_ERR_IO);
}

static void the_content_comes_whole_and_terminated(void **state)
{
	struct hc_file_rules rules = rules_of(0077, 5);
	char *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(hc_file_read(write_file("a", 0600, "ab\0cd", 5), &rules, &data, &len), HC_OK);
	assert_int_equal(len, 5);
	assert_memory_equal(data, "ab\0cd", 6);
	free(data);
	assert_int_equal(hc_file_read(write_file("a", 0600, "", 0), &rules, &data, &len), HC_OK);
	assert_int_equal(len, 0);
	assert_int_equal(data[0], 0);
	free(data);
}

static void a_secret_file_has_exactly_its_length(void **state)
{
	struct hc_file_rules rules = rules_of(0077, 64);
	HC_AUTO(secret) secret = NULL;

	(void)state;
	assert_int_equal(hc_file_read_secret(write_file("a", 0600, "1234567", 7), &rules, 8, &secret),
			 HC_ERR_INVALID);
	assert_int_equal(hc_file_read_secret(write_file("a", 0600, "123456789", 9), &rules, 8, &secret),
			 HC_ERR_INVALID);
	assert_int_equal(hc_file_read_secret(write_file("a", 0644, "12345678", 8), &rules, 8, &secret),
			 HC_ERR_PERM);
	assert_null(secret);
	assert_int_equal(hc_file_read_secret(write_file("a", 0600, "12345678", 8), &rules, 8, &secret),
			 HC_OK);
	assert_int_equal(hc_secret_len(secret), 8);
	assert_memory_equal(hc_secret_data(secret), "12345678", 8);
}

static void a_file_that_exists_is_never_replaced(void **state)
{
	char path[256], content[8] = "";
	const char *old = write_file("key", 0600, "old", 3);

	(void)state;
	assert_int_equal(hc_file_create(old, 0600, "new", 3), HC_ERR_EXISTS);
	assert_int_equal(symlink("nowhere", tempdir_file(&dir, "dangling", path, sizeof(path))), 0);
	assert_int_equal(hc_file_create(path, 0600, "new", 3), HC_ERR_EXISTS);

	int fd = open(old, O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(fd, content, sizeof(content)), 3);
	(void)close(fd);
	assert_string_equal(content, "old");
	assert_int_equal(tempdir_count(&dir), 2); /* and no draft */
}

static void a_new_file_has_its_mode_whatever_the_umask(void **state)
{
	struct hc_file_rules rules = rules_of(0, 100);
	char path[256], *data = NULL;
	size_t len = 0;
	struct stat facts;
	mode_t mask = umask(0777);

	(void)state;

	enum hc_err err = hc_file_create(tempdir_file(&dir, "key", path, sizeof(path)), 0640, "content", 7);

	(void)umask(mask);
	assert_int_equal(err, HC_OK);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0640);
	assert_int_equal(hc_file_read(path, &rules, &data, &len), HC_OK);
	assert_string_equal(data, "content");
	free(data);
	assert_int_equal(tempdir_count(&dir), 1);
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
	char path[256], link_path[256];
	char *content = NULL;
	size_t len = 0;
	const struct hc_file_rules rules = {.owner = geteuid(), .max_len = 8};
	const char *old = write_file("list", 0600, "old", 3);

	(void)state;
	assert_int_equal(mkdir(tempdir_file(&dir, "folder", path, sizeof(path)), 0700), 0);
	assert_int_equal(hc_file_replace(path, 0600, "new", 3), HC_ERR_IO);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(hc_file_replace(tempdir_file(&dir, "no/such", path, sizeof(path)), 0600, "", 0),
			 HC_ERR_NOTFOUND);
	/* what a link points to is left alone: the link itself gives way */
	assert_int_equal(symlink("list", tempdir_file(&dir, "link", link_path, sizeof(link_path))), 0);
	assert_int_equal(hc_file_replace(link_path, 0644, "new", 3), HC_OK);
	assert_int_equal(hc_file_read(link_path, &rules, &content, &len), HC_OK);
	assert_string_equal(content, "new");
	free(content);
	assert_int_equal(hc_file_read(old, &rules, &content, &len), HC_OK);
	assert_string_equal(content, "old");
	free(content);
	assert_int_equal(hc_file_replace(old, 0644, "newer", 5), HC_OK);
	assert_int_equal(hc_file_read(old, &rules, &content, &len), HC_OK);
	assert_string_equal(content, "newer");
	free(content);
	assert_int_equal(tempdir_count(&dir), 2); /* and no draft */
}

static void a_file_cannot_be_made_nowhere(void **state)
{
	char path[5000];

	(void)state;
	assert_int_equal(hc_file_create(tempdir_file(&dir, "no/such", path, sizeof(path)), 0600, "", 0),
			 HC_ERR_NOTFOUND);
	assert_int_equal(hc_file_create(tempdir_file(&dir, "", path, sizeof(path)), 0600, "", 0),
			 HC_ERR_INVALID);
	assert_int_equal(hc_file_create("", 0600, "", 0), HC_ERR_INVALID);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(hc_file_create(path, 0600, "", 0), HC_ERR_INVALID);
	path[sizeof(path) - 3] = '/';
	assert_int_equal(hc_file_create(path, 0600, "", 0), HC_ERR_TOOBIG);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(a_file_that_others_may_touch_is_refused),
		WITH_DIR(a_file_of_another_owner_is_refused),
		WITH_DIR(what_is_no_regular_file_is_refused_without_waiting),
		WITH_DIR(a_file_too_long_or_missing_is_refused),
		WITH_DIR(a_file_that_is_longer_than_it_says_is_refused),
		WITH_DIR(the_content_comes_whole_and_terminated),
		WITH_DIR(a_secret_file_has_exactly_its_length),
		WITH_DIR(a_file_that_exists_is_never_replaced),
		WITH_DIR(a_new_file_has_its_mode_whatever_the_umask),
		WITH_DIR(a_file_is_replaced_whole_or_not_at_all),
		WITH_DIR(a_file_cannot_be_made_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
