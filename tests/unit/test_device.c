/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of devices, real processes that play a part: whose turn it is, and how each of them ends. */
#include "device.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <systemd/sd-event.h>

#include "hospiconnect/log.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/secret.h"
#include "side.h"
#include "starter.h"
#include "tests/support/tempdir.h"

struct rig {
	struct tempdir dir;
	char program[128], part[160], seen[160];
	sd_event *event;
	struct hc_starter *starter;
	struct hc_devices *devices;
	struct hc_device *device;
	struct hc_msg start;
	char heard[512]; /* the messages, one word each */
	uint32_t reason; /* of DEVICE_FAILED */
	unsigned ends;
	unsigned descriptors; /* open before anything was started */
};

static void keep_quiet(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level; /* that a helper broke down is the test's own doing */
	(void)line;
	(void)ctx;
}

static void copy_program(const struct rig *rig)
{
	char buffer[65536];
	size_t len;
	FILE *from = fopen(HC_DEVICE_HELPER, "re");
	FILE *to = fopen(rig->program, "we");

	assert_non_null(from);
	assert_non_null(to);
	while ((len = fread(buffer, 1, sizeof(buffer), from)) > 0)
		assert_int_equal(fwrite(buffer, 1, len, to), len);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(fclose(from), 0);
	assert_int_equal(chmod(rig->program, 0700), 0);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	sd_event_source *timer = NULL;

	if (rig == NULL || !tempdir_make(&rig->dir) || sd_event_new(&rig->event) < 0)
		return -1;
	(void)tempdir_file(&rig->dir, "hc-fido2", rig->program, sizeof(rig->program));
	(void)snprintf(rig->part, sizeof(rig->part), "%s.part", rig->program);
	(void)snprintf(rig->seen, sizeof(rig->seen), "%s.seen", rig->program);
	copy_program(rig);
	hc_log_capture(keep_quiet, NULL);
	if (hc_starter_new(rig->dir.path, NULL, &rig->starter) != HC_OK)
		return -1;
	const struct hc_devices_options options = {.event = rig->event, .starter = rig->starter};

	if (hc_devices_new(&options, &rig->devices) != HC_OK)
		return -1;
	/* The loop opens a timer's descriptor with its first timer, and keeps it. */
	if (sd_event_add_time_relative(rig->event, &timer, CLOCK_MONOTONIC, 1, 0, NULL, rig) < 0)
		return -1;
	(void)sd_event_source_disable_unref(timer); /* gives NULL back */
	rig->descriptors = open_descriptors();
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hc_devices_free(&rig->devices);
	hc_starter_free(&rig->starter);
	(void)sd_event_unref(rig->event); /* gives NULL back */
	hc_log_capture(NULL, NULL);
	tempdir_remove(&rig->dir);
	free(rig);
	return waitpid(-1, NULL, WNOHANG) < 0 ? 0 : -1; /* a child that is left is a zombie */
}

static void play(struct rig *rig, const char *part)
{
	FILE *file = fopen(rig->part, "we");

	assert_non_null(file);
	assert_true(fputs(part, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void hear(const struct hc_msg *msg, void *ctx)
{
	struct rig *rig = ctx;
	size_t used = strlen(rig->heard);

	assert_int_equal(rig->ends, 0); /* nothing behind the end */
	snprintf(rig->heard + used, sizeof(rig->heard) - used, "%s ", hc_msg_type_name(msg->type) + 7);
	rig->ends += msg->type == HC_MSG_DEVICE_DONE || msg->type == HC_MSG_DEVICE_FAILED;
	if (msg->type == HC_MSG_DEVICE_FAILED)
		assert_int_equal(hc_msg_u32(msg, HC_FIELD_REASON, &rig->reason), HC_OK);
	if (rig->ends > 0)
		rig->device = NULL;
}

static enum hc_err begin(struct rig *rig, uint32_t operation, uint32_t timeout_s, struct hc_device **device)
{
	hc_msg_init(&rig->start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(&rig->start, HC_FIELD_DEVICE_OPERATION, operation);
	hc_msg_put_u32(&rig->start, HC_FIELD_TIMEOUT_S, timeout_s);
	return hc_device_start(rig->devices, HC_HELPER_FIDO2, &rig->start, hear, rig, device);
}

/* Serves events until the operations have ended and their processes are gone, for at most so long. */
static void serve(struct rig *rig, int seconds)
{
	time_t end = time(NULL) + seconds + 1;

	while (hc_devices_count(rig->devices) > 0 && time(NULL) < end)
		assert_true(sd_event_run(rig->event, 20000) >= 0);
}

static void serve_until(struct rig *rig, const char *heard)
{
	time_t end = time(NULL) + 5;

	while (strcmp(rig->heard, heard) != 0) {
		assert_true(time(NULL) < end);
		assert_true(sd_event_run(rig->event, 20000) >= 0);
	}
}

static void assert_nothing_left(struct rig *rig)
{
	assert_int_equal(hc_devices_count(rig->devices), 0);
	assert_int_equal(open_descriptors(), rig->descriptors);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the starter runs, and there is no zombie */
}

static void assert_saw(const struct rig *rig, const char *expected)
{
	char text[512] = "";
	FILE *file = fopen(rig->seen, "re");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, expected);
}

/* One operation from beginning to end. */
static void run(struct rig *rig, const char *part, uint32_t operation, uint32_t timeout_s)
{
	play(rig, part);
	assert_int_equal(begin(rig, operation, timeout_s, &rig->device), HC_OK);
	serve(rig, 10);
}

static void what_is_not_its_turn_ends_a_helper_as_broken(void **state)
{
	static const struct {
		const char *part, *heard;
	} table[] = {
		{"start\nask 1\nask 1\nhang\n", "ASK FAILED "},
		{"start\nitem\nhang\n", "FAILED "}, /* nobody asked for a list */
		{"start\ntype 70\nhang\n", "FAILED "},
		{"start\ntype 73\nhang\n", "FAILED "},
		{"start\ntype 6\nhang\n", "FAILED "},
		{"start\nraw no message at all\nhang\n", "FAILED "},
		{"start\nraw x\nhang\n", "FAILED "},
		{"start\nfailed\nhang\n", "FAILED "}, /* without a reason */
		{"start\nfailed 0\nhang\n", "FAILED "},
		{"start\nfailed 9999\nhang\n", "FAILED "},
		{"start\nwait 2\n", "WAIT FAILED "}, /* and then it ends */
		{"start\n", "FAILED "},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		rig->heard[0] = '\0';
		rig->ends = 0;
		run(rig, table[i].part, HC_DEVICE_ASSERT, 20);
		if (strcmp(rig->heard, table[i].heard) != 0 || rig->reason != HC_REASON_DEVICE_ERROR)
			fail_msg("row %zu: %s%u", i, rig->heard, rig->reason);
		assert_nothing_left(rig);
	}
}

static void an_operation_goes_from_its_start_to_its_end(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(secret) answer = NULL;

	play(rig, "alone\nstart\nwait 1\nask 1\nanswer\nwait 2\nwait 2\ndone\n");
	assert_int_equal(hc_secret_from("1234", 4, &answer), HC_OK);
	assert_int_equal(begin(rig, HC_DEVICE_ASSERT, 20, &rig->device), HC_OK);
	assert_int_equal(hc_device_answer(rig->device, answer), HC_ERR_STATE); /* nothing was asked */
	serve_until(rig, "WAIT ASK ");
	assert_int_equal(hc_device_answer(rig->device, answer), HC_OK);
	assert_int_equal(hc_device_answer(rig->device, answer), HC_ERR_STATE); /* once */
	serve(rig, 5);
	assert_string_equal(rig->heard, "WAIT ASK WAIT WAIT DONE ");
	assert_saw(rig, "alone\nstart\nanswer 1234\n");
	assert_nothing_left(rig);
}

static void a_list_may_have_items_and_a_failure_its_reason(void **state)
{
	struct rig *rig = *state;

	run(rig, "start\nitem\nitem\ndone\n", HC_DEVICE_LIST, 20);
	assert_string_equal(rig->heard, "ITEM ITEM DONE ");
	rig->heard[0] = '\0';
	rig->ends = 0;
	run(rig, "start\nfailed 230\nhang\n", HC_DEVICE_ASSERT, 20);
	assert_string_equal(rig->heard, "FAILED ");
	assert_int_equal(rig->reason, HC_REASON_NO_DEVICE);
	assert_nothing_left(rig);
}

static void a_helper_that_hangs_is_killed_at_its_deadline(void **state)
{
	struct rig *rig = *state;
	time_t before = time(NULL);

	run(rig, "start\nwait 4\nhang\n", HC_DEVICE_ASSERT, 1);
	assert_string_equal(rig->heard, "WAIT FAILED ");
	assert_int_equal(rig->reason, HC_REASON_DEVICE_ERROR);
	assert_in_range(time(NULL) - before, 2, 6);
	assert_nothing_left(rig);
}

static void one_that_is_dropped_is_told_and_then_killed(void **state)
{
	struct rig *rig = *state;

	play(rig, "start\nask 1\nanswer\nhang\n");
	assert_int_equal(begin(rig, HC_DEVICE_ASSERT, 20, &rig->device), HC_OK);
	serve_until(rig, "ASK ");
	hc_device_drop(&rig->device);
	assert_null(rig->device);
	hc_device_drop(&rig->device);
	serve(rig, 5);
	assert_string_equal(rig->heard, "ASK "); /* and nothing more */
	assert_saw(rig, "start\ncancel\n");
	assert_nothing_left(rig);
}

static void more_than_there_may_be_are_refused_and_a_missing_helper_is_named(void **state)
{
	struct rig *rig = *state;
	struct hc_device *all[HC_DEVICES_MAX + 1] = {0};

	play(rig, "start\nhang\n");
	for (size_t i = 0; i < HC_DEVICES_MAX; i++)
		assert_int_equal(begin(rig, HC_DEVICE_ASSERT, 600, &all[i]), HC_OK);
	assert_int_equal(begin(rig, HC_DEVICE_ASSERT, 600, &all[HC_DEVICES_MAX]), HC_ERR_FULL);
	hc_devices_free(&rig->devices);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the starter, which goes on */
	assert_int_equal(open_descriptors(), rig->descriptors);
	const struct hc_devices_options options = {.event = rig->event, .starter = rig->starter};

	assert_int_equal(hc_devices_new(&options, &rig->devices), HC_OK);
	assert_int_equal(unlink(rig->program), 0);
	assert_int_equal(begin(rig, HC_DEVICE_ASSERT, 20, &rig->device), HC_ERR_NOTFOUND);
	assert_int_equal(begin(rig, HC_DEVICE_ASSERT, 0, &rig->device), HC_ERR_INVALID);
	assert_int_equal(begin(rig, HC_DEVICE_ASSERT, HC_DEVICE_TIMEOUT_MAX_S + 1, &rig->device),
			 HC_ERR_INVALID);
	assert_string_equal(rig->heard, "");
	assert_nothing_left(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- the process that starts them ---- */

/* What a broker that was taken over might say; a link goes with it. Whether it was answered. */
static bool starter_answers(const struct rig *rig, const void *bytes, size_t len)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	char answer[16];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &pair[1], sizeof(int));
	assert_int_equal(sendmsg(hc_starter_fd(rig->starter), &message, MSG_NOSIGNAL), len);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
	return recv(hc_starter_fd(rig->starter), answer, sizeof(answer), 0) > 0;
}

static void a_starter_ends_rather_than_run_what_is_none_of_the_helpers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"hc-fido2", 8}, {"hc-password", 11}, {".", 1}, {"\3", 1}, {"\0\0", 2}};
	struct rig *rig = *state;

	assert_true(starter_answers(rig, "\0", 1)); /* the first helper, by its number */
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		hc_starter_free(&rig->starter);
		assert_int_equal(hc_starter_new(rig->dir.path, NULL, &rig->starter), HC_OK);
		if (starter_answers(rig, rows[i].bytes, rows[i].len))
			fail_msg("row %zu is answered", i);
	}
}

static char told[512];

static void keep_told(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	(void)snprintf(told, sizeof(told), "%s", line);
}

static void die_of_a_call(const void *ctx)
{
	(void)ctx;
	(void)signal(SIGSYS, SIG_DFL); /* the test runner has a handler */
	(void)kill(getpid(), SIGSYS);
}

static void the_broker_says_that_a_process_beside_it_was_killed_for_a_call(void **state)
{
	const struct hc_side side = {.name = "side", .role = HC_CONFINE_RESOLVER, .run = die_of_a_call};
	pid_t pid = -1;
	int fd = -1;

	(void)state;
	assert_int_equal(hc_side_fork(&side, NULL, &pid, &fd), HC_OK);
	told[0] = '\0';
	hc_log_capture(keep_told, NULL);
	hc_side_end("what died", pid, fd);
	hc_log_capture(keep_quiet, NULL);
	assert_non_null(strstr(told, "forbidden system call"));
	assert_non_null(strstr(told, "what died"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_its_turn_ends_a_helper_as_broken),
		TEST(an_operation_goes_from_its_start_to_its_end),
		TEST(a_list_may_have_items_and_a_failure_its_reason),
		TEST(a_helper_that_hangs_is_killed_at_its_deadline),
		TEST(one_that_is_dropped_is_told_and_then_killed),
		TEST(more_than_there_may_be_are_refused_and_a_missing_helper_is_named),
		TEST(a_starter_ends_rather_than_run_what_is_none_of_the_helpers),
		TEST(the_broker_says_that_a_process_beside_it_was_killed_for_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
