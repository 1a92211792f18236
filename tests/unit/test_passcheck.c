/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to hc-password: to whom a password is sent, what counts as its answer, and how many wait. */
#include "passcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <systemd/sd-event.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "tests/support/fault.h"
#include "tests/support/tempdir.h"

#define NOBODY	 65534
#define PASSWORD "correct horse"
#define WAIT_S	 10

struct asker {
	unsigned called;
	enum hc_password said;
	struct hc_passcheck_question *question;
};

struct rig {
	struct tempdir dir;
	char path[108];
	int lines; /* errors that were logged */
	sd_event *event;
	struct hc_passcheck *passcheck;
	struct hc_secret *password;
	int helper; /* where it listens; -1: it does not */
};

static bool hurry; /* the next deadline comes at once */

int __real_sd_event_add_time_relative(sd_event *event, sd_event_source **source, clockid_t clock,
				      uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn,
				      void *ctx);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **source, clockid_t clock,
				      uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn,
				      void *ctx);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **source, clockid_t clock,
				      uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *ctx)
{
	return __real_sd_event_add_time_relative(event, source, clock, hurry ? 1000 : usec, accuracy, fn,
						 ctx);
}

static void count_lines(enum hc_log_level level, const char *line, void *ctx)
{
	(void)line;
	((struct rig *)ctx)->lines += level <= HC_LOG_WARNING ? 1 : 0;
}

/* Listens; the kernel notes whose socket it is when it begins to. */
static void helper_listens(struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, rig->path, strlen(rig->path));
	rig->helper = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(rig->helper >= 0);
	assert_int_equal(bind(rig->helper, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(rig->helper, 64), 0);
}

static void check_with(struct rig *rig, bool own_uid_too)
{
	const struct hc_peer_rules peers = {.own_uid_too = own_uid_too, .own_uid = geteuid()};

	hc_passcheck_free(&rig->passcheck);
	assert_int_equal(hc_passcheck_new(rig->event, rig->path, &peers, 0, &rig->passcheck), HC_OK);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_true(tempdir_make(&rig->dir));
	(void)tempdir_file(&rig->dir, "password.sock", rig->path, sizeof(rig->path));
	hc_log_capture(count_lines, rig);
	rig->helper = -1;
	assert_true(sd_event_new(&rig->event) >= 0);
	assert_int_equal(hc_secret_from(PASSWORD, strlen(PASSWORD), &rig->password), HC_OK);
	check_with(rig, true);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hc_passcheck_free(&rig->passcheck);
	(void)sd_event_unref(rig->event);
	hc_secret_free(&rig->password);
	hc_log_capture(NULL, NULL);
	if (rig->helper >= 0)
		(void)close(rig->helper);
	tempdir_remove(&rig->dir);
	free(rig);
	return 0;
}

/* ---- asking ---- */

static void take_answer(void *ctx, enum hc_password said)
{
	struct asker *asker = ctx;

	asker->called++;
	asker->said = said;
	asker->question = NULL;
}

static void ask(struct rig *rig, struct asker *asker)
{
	struct hc_login login;

	assert_int_equal(hc_login_parse("martin", 6, &login), HC_OK);
	*asker = (struct asker){.said = HC_PASSWORD_RIGHT};
	assert_int_equal(hc_passcheck_ask(rig->passcheck, &login, rig->password, false, take_answer, asker,
					  &asker->question),
			 HC_OK);
	assert_int_equal(asker->called, 0); /* never from inside the call */
}

static void wait_for(struct rig *rig, const struct asker *asker)
{
	const time_t end = time(NULL) + WAIT_S;

	while (asker->called == 0 && time(NULL) < end)
		assert_true(sd_event_run(rig->event, 100000) >= 0);
	assert_int_equal(asker->called, 1);
}

/* ---- the helper ---- */

static int next_question(struct rig *rig, struct hc_msg *msg)
{
	const int fd = accept(rig->helper, NULL, NULL);
	const ssize_t len = fd < 0 ? -1 : recv(fd, msg->packet, sizeof(msg->packet), MSG_DONTWAIT);

	if (fd >= 0) {
		assert_true(len > 0);
		assert_int_equal(hc_msg_parse(msg, (size_t)len), HC_OK);
		assert_int_equal(msg->type, HC_MSG_PASSWORD_CHECK);
	}
	return fd;
}

static void say(int fd, enum hc_msg_type type, bool with_field, uint32_t value)
{
	static struct hc_msg msg;

	hc_msg_init(&msg, type);
	if (with_field)
		hc_msg_put_u32(&msg, HC_FIELD_PASSWORD, value);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(send(fd, msg.packet, msg.len, MSG_NOSIGNAL), msg.len);
}

/* ---- to whom it is sent ---- */

static void a_password_is_not_sent_to_somebody_who_is_not_root(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg msg;
	const bool root = geteuid() == 0;
	struct asker asker;

	helper_listens(rig);
	if (root) { /* listening anew notes its owner anew */
		assert_int_equal(seteuid(NOBODY), 0);
		assert_int_equal(listen(rig->helper, 64), 0);
		assert_int_equal(seteuid(0), 0);
	}
	check_with(rig, false);
	ask(rig, &asker);
	wait_for(rig, &asker);

	assert_int_equal(asker.said, HC_PASSWORD_UNAVAILABLE);
	const int fd = accept(rig->helper, NULL, NULL);
	assert_true(fd < 0 || recv(fd, msg.packet, sizeof(msg.packet), MSG_DONTWAIT) <= 0);
	if (fd >= 0)
		(void)close(fd);
	assert_int_equal(rig->lines, 1);
}

static void whose_peer_the_kernel_does_not_name_gets_no_password(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg msg;
	struct asker asker;

	helper_listens(rig);
	hc_fault_arm(HC_FAULT_SYSTEM, 3); /* socket, connect, getsockopt */
	ask(rig, &asker);
	hc_fault_disarm();
	assert_string_equal(hc_fault_symbol(), "getsockopt");
	wait_for(rig, &asker);
	assert_int_equal(asker.said, HC_PASSWORD_UNAVAILABLE);
	const int fd = accept(rig->helper, NULL, NULL);
	assert_true(fd < 0 || recv(fd, msg.packet, sizeof(msg.packet), MSG_DONTWAIT) <= 0);
	if (fd >= 0)
		(void)close(fd);
}

static void where_nobody_listens_and_where_a_call_fails_it_is_unavailable(void **state)
{
	struct rig *rig = *state;
	struct asker asker;

	ask(rig, &asker);
	wait_for(rig, &asker);
	assert_int_equal(asker.said, HC_PASSWORD_UNAVAILABLE);
	assert_int_equal(rig->lines, 1);

	helper_listens(rig);
	for (unsigned n = 1; n <= 4; n++) {
		hc_fault_arm(HC_FAULT_SYSTEM, n); /* socket, connect, getsockopt, send */
		ask(rig, &asker);
		hc_fault_disarm();
		wait_for(rig, &asker);
		if (asker.said != HC_PASSWORD_UNAVAILABLE)
			fail_msg("call %u (%s): %u", n, hc_fault_symbol(), asker.said);
	}
	assert_int_equal(rig->lines, 1); /* one line a minute */
}

static void without_memory_nothing_is_asked(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg msg;
	struct asker asker = {.called = 0};
	bool hit = true;

	helper_listens(rig);
	for (unsigned n = 1; hit; n++) {
		hc_fault_arm(HC_FAULT_MEMORY, n);
		const enum hc_err err = hc_passcheck_ask(rig->passcheck, NULL, rig->password, true,
							 take_answer, &asker, &asker.question);
		hit = hc_fault_hit();
		hc_fault_disarm();
		if (hit &&
		    (err != HC_ERR_NOMEM || asker.question != NULL || accept(rig->helper, NULL, NULL) >= 0))
			fail_msg("allocation %u: %s", n, hc_strerror(err));
	}
	const int fd = next_question(rig, &msg);
	assert_true(fd >= 0);
	(void)close(fd);
	hc_passcheck_drop(&asker.question);
}

/* ---- what counts ---- */

static void whatever_is_no_answer_is_unavailable(void **state)
{
	static const struct {
		int type; /* 0: garbage, -1: closed without a word */
		bool with_field;
		uint32_t value;
		enum hc_password wanted;
	} rows[] = {
		{-1, false, 0, HC_PASSWORD_UNAVAILABLE},
		{0, false, 0, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_PASSWORD_RESULT, false, 0, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_PASSWORD_RESULT, true, HC_PASSWORD_UNAVAILABLE, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_PASSWORD_RESULT, true, 99, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_PASSWORD_RESULT, true, UINT32_MAX, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_PASSWORD_CHECK, true, HC_PASSWORD_RIGHT, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_RESULT, true, HC_PASSWORD_RIGHT, HC_PASSWORD_UNAVAILABLE},
		{HC_MSG_PASSWORD_RESULT, true, HC_PASSWORD_WRONG, HC_PASSWORD_WRONG},
		{HC_MSG_PASSWORD_RESULT, true, HC_PASSWORD_BUSY, HC_PASSWORD_BUSY},
		{HC_MSG_PASSWORD_RESULT, true, HC_PASSWORD_RIGHT, HC_PASSWORD_RIGHT},
	};
	struct rig *rig = *state;
	static struct hc_msg msg;
	struct asker asker;

	helper_listens(rig);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		ask(rig, &asker);
		const int fd = next_question(rig, &msg);
		assert_true(fd >= 0);
		if (rows[i].type > 0)
			say(fd, (enum hc_msg_type)rows[i].type, rows[i].with_field, rows[i].value);
		else if (rows[i].type == 0)
			assert_int_equal(send(fd, "garbage", 7, MSG_NOSIGNAL), 7);
		(void)close(fd);
		wait_for(rig, &asker);
		if (asker.said != rows[i].wanted)
			fail_msg("row %zu: %u", i, asker.said);
	}
}

static void a_helper_that_says_nothing_is_waited_for_until_the_deadline(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg msg;
	struct asker asker;

	helper_listens(rig);
	hurry = true;
	ask(rig, &asker);
	hurry = false;
	const int fd = next_question(rig, &msg);
	wait_for(rig, &asker);
	assert_int_equal(asker.said, HC_PASSWORD_UNAVAILABLE);
	assert_int_equal(rig->lines, 1);
	assert_int_equal(recv(fd, msg.packet, sizeof(msg.packet), MSG_DONTWAIT), 0); /* it was hung up on */
	(void)close(fd);
}

static void the_question_says_who_and_whether_it_is_for_show(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg msg;
	struct asker asker = {.called = 0};
	const uint8_t *view = NULL;
	uint32_t flags = 0;
	char login[65];
	size_t len = 0;

	helper_listens(rig);
	ask(rig, &asker);
	int fd = next_question(rig, &msg);
	assert_int_equal(hc_msg_text(&msg, HC_FIELD_LOGIN, login, sizeof(login)), HC_OK);
	assert_string_equal(login, "martin");
	assert_int_equal(hc_msg_bytes(&msg, HC_FIELD_ANSWER, &view, &len), HC_OK);
	assert_int_equal(len, strlen(PASSWORD));
	assert_memory_equal(view, PASSWORD, len);
	assert_false(hc_msg_has(&msg, HC_FIELD_FLAGS));
	(void)close(fd);
	hc_passcheck_drop(&asker.question);

	assert_int_equal(hc_passcheck_ask(rig->passcheck, NULL, rig->password, true, take_answer, &asker,
					  &asker.question),
			 HC_OK);
	fd = next_question(rig, &msg);
	assert_false(hc_msg_has(&msg, HC_FIELD_LOGIN));
	assert_int_equal(hc_msg_u32(&msg, HC_FIELD_FLAGS, &flags), HC_OK);
	assert_int_equal(flags, HC_PASSWORD_FLAG_DECOY);
	(void)close(fd);
	hc_passcheck_drop(&asker.question);
}

/* ---- how many ---- */

static void more_than_the_helper_serves_wait_for_their_turn(void **state)
{
	struct rig *rig = *state;
	static struct hc_msg msg;
	struct asker askers[HC_PASSCHECK_OPEN + 2];
	int fds[HC_PASSCHECK_OPEN + 2];

	helper_listens(rig);
	for (size_t i = 0; i < HC_COUNT(askers); i++)
		ask(rig, &askers[i]);
	for (size_t i = 0; i < HC_PASSCHECK_OPEN; i++) {
		fds[i] = next_question(rig, &msg);
		assert_true(fds[i] >= 0);
	}
	assert_int_equal(next_question(rig, &msg), -1);

	hc_passcheck_drop(&askers[3].question); /* whoever goes makes room */
	fds[HC_PASSCHECK_OPEN] = next_question(rig, &msg);
	assert_true(fds[HC_PASSCHECK_OPEN] >= 0);
	assert_int_equal(next_question(rig, &msg), -1);

	say(fds[0], HC_MSG_PASSWORD_RESULT, true, HC_PASSWORD_WRONG); /* and so does an answer */
	wait_for(rig, &askers[0]);
	assert_int_equal(askers[0].said, HC_PASSWORD_WRONG);
	fds[HC_PASSCHECK_OPEN + 1] = next_question(rig, &msg);
	assert_true(fds[HC_PASSCHECK_OPEN + 1] >= 0);

	for (size_t i = 0; i < HC_COUNT(askers); i++)
		hc_passcheck_drop(&askers[i].question);
	assert_true(sd_event_run(rig->event, 0) >= 0);
	for (size_t i = 0; i < HC_COUNT(askers); i++) {
		if (askers[i].called != (i == 0 ? 1 : 0)) /* nobody who has gone is called */
			fail_msg("asker %zu was called", i);
		(void)close(fds[i]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_password_is_not_sent_to_somebody_who_is_not_root),
		TEST(whose_peer_the_kernel_does_not_name_gets_no_password),
		TEST(where_nobody_listens_and_where_a_call_fails_it_is_unavailable),
		TEST(without_memory_nothing_is_asked),
		TEST(whatever_is_no_answer_is_unavailable),
		TEST(a_helper_that_says_nothing_is_waited_for_until_the_deadline),
		TEST(the_question_says_who_and_whether_it_is_for_show),
		TEST(more_than_the_helper_serves_wait_for_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
