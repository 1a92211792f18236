/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROKER_SUPPORT_H
#define HC_BROKER_SUPPORT_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <errno.h>
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

#include <event2/event.h>

#include "broker_internal.h"
#include "broker_link.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"
#include "http/loop.h"
#include "tests/support/fake_clock.h"
#include "tests/support/tempdir.h"

/*
 * A link, its loop and the broker's end of its connections, all on one thread: a turn of the loop, then the test
 * plays the broker. The clock is the test's; time that passes is told to the link by tick().
 */
#define NOW INT64_C(1800000000000)

struct rig {
	struct tempdir dir;
	char path[128];
	int listener; /* -1: none */
	struct fake_clock clock;
	struct hc_loop *loop;
	struct hc_broker_link *link;
	struct hc_msg msg; /* the broker's */
	char log[8192];
};

static inline void rig_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct rig *rig = ctx;
	size_t len = strlen(rig->log);

	if (level <= HC_LOG_NOTICE)
		(void)snprintf(rig->log + len, sizeof(rig->log) - len, "%s\n", line);
}

static inline void turn(struct rig *rig)
{
	for (int i = 0; i < 4; i++)
		assert_true(event_base_loop(hc_loop_base(rig->loop), EVLOOP_NONBLOCK) >= 0);
}

/* Time goes by, and what is due by then happens. */
static inline void pass(struct rig *rig, int64_t ms)
{
	fake_clock_pass(&rig->clock, ms);
	hc_channels_tick(&rig->link->channels);
	turn(rig);
}

/* ---- the broker ---- */

static inline void listen_with(struct rig *rig, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, rig->path, strlen(rig->path));
	rig->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(rig->listener >= 0);
	assert_int_equal(bind(rig->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(rig->listener, backlog), 0);
}

static inline void listen_up(struct rig *rig)
{
	listen_with(rig, 64);
}

static inline void listen_down(struct rig *rig)
{
	if (rig->listener >= 0)
		(void)close(rig->listener);
	(void)unlink(rig->path);
	rig->listener = -1;
}

/* The next connection, -1 where none waits. */
static inline int accept_one(struct rig *rig)
{
	turn(rig);
	return accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static inline int accepted(struct rig *rig)
{
	int fd = accept_one(rig);

	assert_true(fd >= 0);
	turn(rig);
	return fd;
}

/* What the link has said on a connection; 0: nothing; -1: it has closed. */
static inline int heard(struct rig *rig, int fd)
{
	ssize_t len = 0;

	turn(rig);
	len = recv(fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT);
	if (len > 0) {
		assert_int_equal(hc_msg_parse(&rig->msg, (size_t)len), HC_OK);
		return (int)rig->msg.type;
	}
	if (len == 0 || errno == ECONNRESET)
		return -1;
	assert_int_equal(errno, EAGAIN);
	return 0;
}

static inline void say(struct rig *rig, int fd)
{
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	assert_int_equal(send(fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
	turn(rig);
}

static inline void say_type(struct rig *rig, int fd, enum hc_msg_type type)
{
	hc_msg_init(&rig->msg, type);
	say(rig, fd);
}

static inline void say_step(struct rig *rig, int fd, enum hc_step_kind kind)
{
	hc_msg_init(&rig->msg, HC_MSG_STEP);
	hc_msg_put_u32(&rig->msg, HC_FIELD_STEP_KIND, kind);
	hc_msg_put_text(&rig->msg, HC_FIELD_TEXT, "? ");
	hc_msg_put_u32(&rig->msg, HC_FIELD_TIMEOUT_S, 60);
	say(rig, fd);
}

static inline void make_result(struct rig *rig, uint32_t verdict, enum hc_reason reason)
{
	hc_msg_init(&rig->msg, HC_MSG_RESULT);
	hc_msg_put_u32(&rig->msg, HC_FIELD_VERDICT, verdict);
	hc_msg_put_u32(&rig->msg, HC_FIELD_REASON, reason);
}

static inline void put_person(struct rig *rig, uint64_t id, const char *login)
{
	hc_msg_put_u64(&rig->msg, HC_FIELD_PERSON_ID, id);
	hc_msg_put_text(&rig->msg, HC_FIELD_LOGIN, login);
	hc_msg_put_text(&rig->msg, HC_FIELD_GIVEN_NAME, "Anne");
	hc_msg_put_text(&rig->msg, HC_FIELD_FAMILY_NAME, "Martin");
	hc_msg_put_text(&rig->msg, HC_FIELD_NATIONAL_ID, "810001288385");
	hc_msg_put_text(&rig->msg, HC_FIELD_PROFESSION,
			"M\xc3\xa9"
			"decin");
	hc_msg_put_text(&rig->msg, HC_FIELD_ORGANIZATION, "CHU");
}

static inline void say_allow(struct rig *rig, int fd)
{
	make_result(rig, (uint32_t)HC_ALLOW, HC_REASON_NONE);
	put_person(rig, 7, "martin");
	hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, HC_METHOD_TOTP);
	say(rig, fd);
}

/* PERSON for somebody who may sign in, or not, with a reason. */
static inline void say_person(struct rig *rig, int fd, uint64_t id, enum hc_verdict verdict,
			      enum hc_reason reason)
{
	hc_msg_init(&rig->msg, HC_MSG_PERSON);
	hc_msg_put_u32(&rig->msg, HC_FIELD_VERDICT, (uint32_t)verdict);
	hc_msg_put_u32(&rig->msg, HC_FIELD_REASON, reason);
	if (verdict != HC_DENY_UNKNOWN && verdict != HC_DENY_UNAVAILABLE) {
		put_person(rig, id, "martin");
		hc_msg_put_text(&rig->msg, HC_FIELD_STATE, verdict == HC_ALLOW ? "active" : "disabled");
	}
	say(rig, fd);
}

static inline void say_changed(struct rig *rig, int fd, uint64_t id, const char *state)
{
	hc_msg_init(&rig->msg, HC_MSG_PERSON_CHANGED);
	hc_msg_put_u64(&rig->msg, HC_FIELD_PERSON_ID, id);
	hc_msg_put_text(&rig->msg, HC_FIELD_STATE, state);
	say(rig, fd);
}

static inline uint64_t number_of(const struct rig *rig, enum hc_field field)
{
	uint64_t u64 = 0;
	uint32_t u32 = 0;

	if (hc_msg_u64(&rig->msg, field, &u64) == HC_OK)
		return u64;
	assert_int_equal(hc_msg_u32(&rig->msg, field, &u32), HC_OK);
	return u32;
}

static inline const char *text_of(const struct rig *rig, enum hc_field field, char out[2049])
{
	if (hc_msg_text(&rig->msg, field, out, 2049) != HC_OK)
		out[0] = '\0';
	return out;
}

/* ---- descriptors ---- */

static inline int open_descriptors(void)
{
	DIR *handle = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(handle);
	while (readdir(handle) != NULL)
		count++;
	(void)closedir(handle);
	return count;
}

/* ---- the rig ---- */

static inline int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (rig == NULL || !tempdir_make(&rig->dir))
		return -1;
	(void)tempdir_file(&rig->dir, "gateway.sock", rig->path, sizeof(rig->path));
	rig->listener = -1;
	fake_clock_init(&rig->clock, NOW);
	hc_log_capture(rig_log, rig);
	*state = rig;
	if (hc_loop_new(0, &rig->loop) != HC_OK)
		return -1;
	return hc_broker_link_new(rig->loop, rig->path, &rig->clock.clock, &rig->link) == HC_OK ? 0 : -1;
}

static inline int setup_listening(void **state)
{
	int rc = setup(state);

	if (rc == 0)
		listen_up(*state);
	return rc;
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	hc_broker_link_free(&rig->link);
	hc_loop_free(&rig->loop);
	hc_log_capture(NULL, NULL);
	listen_down(rig);
	tempdir_remove(&rig->dir);
	free(rig);
	return 0;
}

#define LISTENING(test) cmocka_unit_test_setup_teardown(test, setup_listening, teardown)
#define ALONE(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

/* ---- a sign-in as its caller sees it ---- */

struct visit {
	struct hc_broker_signin *signin;
	unsigned codes, results, failures;
	struct hc_signin_report last;
};

static inline void on_report(const struct hc_signin_report *report, void *ctx)
{
	struct visit *visit = ctx;

	assert_int_equal(visit->results + visit->failures, 0); /* nothing behind the end */
	visit->last = *report;
	switch (report->event) {
	case HC_SIGNIN_CODE:
		visit->codes++;
		break;
	case HC_SIGNIN_RESULT:
		visit->results++;
		visit->signin = NULL;
		break;
	case HC_SIGNIN_FAILED:
		visit->failures++;
		visit->signin = NULL;
		break;
	}
}

static inline enum hc_err try_start(struct rig *rig, const char *user, struct visit *visit)
{
	struct hc_signin_ask ask = {.user = user, .rhost = "192.0.2.7", .lang = HC_LANG_FR, .timeout_s = 60};

	*visit = (struct visit){.signin = NULL};
	assert_int_equal(hc_secret_from("the password", 12, &ask.password), HC_OK);

	enum hc_err err = hc_broker_signin_start(rig->link, &ask, on_report, visit, &visit->signin);

	assert_null(ask.password);
	assert_int_equal(visit->codes + visit->results + visit->failures, 0); /* not inside of the call */
	return err;
}

static inline void start(struct rig *rig, struct visit *visit)
{
	assert_int_equal(try_start(rig, "martin", visit), HC_OK);
}

/* How far the broker lets a conversation come. */
enum point { AT_HELLO, AT_PASSWORD, AT_CODE, AT_VERDICT, POINTS };

static inline int bring_to(struct rig *rig, struct visit *visit, enum point point)
{
	int fd = accepted(rig);

	assert_int_equal(heard(rig, fd), HC_MSG_HELLO);
	if (point == AT_HELLO)
		return fd;
	say_step(rig, fd, HC_STEP_PASSWORD);
	assert_int_equal(heard(rig, fd), HC_MSG_ANSWER);
	if (point == AT_PASSWORD)
		return fd;
	say_step(rig, fd, HC_STEP_SECRET);
	assert_int_equal(visit->codes, 1);
	if (point == AT_CODE)
		return fd;
	assert_int_equal(hc_broker_signin_code(visit->signin, "492039", 6), HC_OK);
	assert_int_equal(heard(rig, fd), HC_MSG_ANSWER);
	return fd;
}

static inline void assert_failed(const struct visit *visit, enum hc_err err)
{
	assert_int_equal(visit->results, 0);
	assert_int_equal(visit->failures, 1);
	assert_int_equal(visit->last.err, err);
	assert_false(visit->last.allowed);
}

#endif
