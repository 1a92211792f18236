/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of the nodes in a directory, and which of it is about a security key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fido2_notice.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/tempdir.h"

struct dev {
	struct tempdir directory;
	int fd;
};

static void dev_open(struct dev *dev)
{
	assert_true(tempdir_make(&dev->directory));
	dev->fd = hc_fido2_notice_open(dev->directory.path);
	assert_true(dev->fd >= 0);
}

static void make_node(const struct dev *dev, const char *name)
{
	char path[128];
	int fd = open(tempdir_file(&dev->directory, name, path, sizeof(path)), O_CREAT | O_WRONLY | O_CLOEXEC,
		      0600);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static void remove_node(const struct dev *dev, const char *name)
{
	char path[128];

	assert_int_equal(unlink(tempdir_file(&dev->directory, name, path, sizeof(path))), 0);
}

static void dev_close(struct dev *dev)
{
	assert_int_equal(close(dev->fd), 0);
	assert_int_equal(rmdir(dev->directory.path), 0);
}

static void nothing_is_told_where_nothing_happens_or_there_is_no_directory(void **state)
{
	struct dev dev;

	(void)state;
	assert_int_equal(hc_fido2_notice_open("/nonexistent"), -1);
	assert_false(hc_fido2_notice_read(-1));
	dev_open(&dev);
	assert_false(hc_fido2_notice_read(dev.fd));
	dev_close(&dev);
}

static void other_nodes_are_no_news(void **state)
{
	static const char *const names[] = {"hidra", "tty1", "xhidraw0", "a", "video-hidraw0"};
	struct dev dev;

	(void)state;
	dev_open(&dev);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make_node(&dev, names[i]);
		remove_node(&dev, names[i]);
		if (hc_fido2_notice_read(dev.fd))
			fail_msg("row %zu", i);
	}
	dev_close(&dev);
}

static void a_node_that_comes_is_opened_to_us_and_goes_is_told_each_time(void **state)
{
	struct dev dev;
	char path[128];

	(void)state;
	dev_open(&dev);
	make_node(&dev, "tty1");
	make_node(&dev, "hidraw3");
	assert_true(hc_fido2_notice_read(dev.fd)); /* behind another one */
	assert_false(hc_fido2_notice_read(dev.fd));
	assert_int_equal(chmod(tempdir_file(&dev.directory, "hidraw3", path, sizeof(path)), 0660), 0);
	assert_true(hc_fido2_notice_read(dev.fd));
	assert_false(hc_fido2_notice_read(dev.fd));
	remove_node(&dev, "hidraw3");
	assert_true(hc_fido2_notice_read(dev.fd));
	remove_node(&dev, "tty1");
	assert_false(hc_fido2_notice_read(dev.fd));
	dev_close(&dev);
}

static void what_was_lost_or_is_cut_may_have_been_about_a_key(void **state)
{
	struct inotify_event rows[] = {{.mask = IN_Q_OVERFLOW}, {.mask = IN_CREATE, .len = 4000}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], &rows[i], sizeof(rows[i])), (ssize_t)sizeof(rows[i]));
		if (!hc_fido2_notice_read(ends[0]))
			fail_msg("row %zu", i);
		assert_int_equal(close(ends[0]), 0);
		assert_int_equal(close(ends[1]), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_told_where_nothing_happens_or_there_is_no_directory),
		cmocka_unit_test(other_nodes_are_no_news),
		cmocka_unit_test(a_node_that_comes_is_opened_to_us_and_goes_is_told_each_time),
		cmocka_unit_test(what_was_lost_or_is_cut_may_have_been_about_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
