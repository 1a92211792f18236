/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONNECTION_SUPPORT_H
#define HC_CONNECTION_SUPPORT_H

/*
 * Connections in the real loop, over socket pairs, with a real store behind them. The clock is ours:
 * it stands behind the machine's, so that every timer of the loop is due and only our time counts.
 */
#include "connection.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "settings.h"
#include "store_support.h"

#define BEHIND_MS 10000000
#define SERVICE	  "sshd"

struct rig {
	struct bench *bench;
	struct hc_authd_config config;
	struct hc_authd authd;
	struct hc_clock clock;
	int64_t shift_ms;
	struct hc_seal *seal;
	struct hc_audit *audit;
	struct hc_resolver *resolver;
	struct hc_loop *loop;
	int fd; /* the caller's end */
	struct hc_msg msg;
};

static inline int64_t read_clock(clockid_t id)
{
	struct timespec now;

	assert_int_equal(clock_gettime(id, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t realtime_ms(void *ctx)
{
	const struct rig *rig = ctx;

	return read_clock(CLOCK_REALTIME) + rig->shift_ms;
}

static inline int64_t monotonic_ms(void *ctx)
{
	const struct rig *rig = ctx;

	return read_clock(CLOCK_MONOTONIC) - BEHIND_MS + rig->shift_ms;
}

static inline int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	void *bench = NULL;
	char key[128];
	struct hc_config_error error;
	const struct hc_peer_rules peers = {.own_uid_too = true, .own_uid = geteuid()};

	if (rig == NULL || bench_setup_store(&bench) != 0)
		return -1;
	rig->bench = bench;
	rig->clock = (struct hc_clock){realtime_ms, monotonic_ms, rig};
	if (hc_settings_parse("[authd]\nlanguage = en\n", 22, &rig->config, &error) != HC_OK ||
	    hc_seal_open(tempdir_file(&rig->bench->dir, "seal.key", key, sizeof(key)), true, &rig->seal) !=
		    HC_OK ||
	    hc_audit_open(rig->bench->store, rig->seal, &rig->clock, &rig->audit) != HC_OK ||
	    hc_resolver_start(&rig->clock, NULL, &rig->resolver) != HC_OK)
		return -1;
	rig->authd = (struct hc_authd){.config = &rig->config,
				       .clock = &rig->clock,
				       .store = rig->bench->store,
				       .seal = rig->seal,
				       .audit = rig->audit};
	*state = rig;
	rig->fd = -1;
	return hc_loop_new(&rig->authd, rig->resolver, &peers, &rig->loop) == HC_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;
	void *bench = rig->bench;
	int rc = 0;

	hc_loop_free(&rig->loop);
	hc_resolver_free(&rig->resolver);
	hc_audit_free(&rig->audit);
	hc_seal_free(&rig->seal);
	if (rig->fd >= 0)
		(void)close(rig->fd);
	free(rig);
	rc = bench_teardown(&bench);
	return rc;
}

static inline void step(struct rig *rig, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(hc_loop_step(rig->loop, 0), HC_OK);
}

/* A connection of this caller in the loop; its other end is rig->fd. */
static inline void connect_as(struct rig *rig, enum hc_caller_kind kind, uid_t uid)
{
	struct hc_caller caller = {.kind = kind, .uid = uid, .pid = getpid()};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	hc_peer_named(&caller, NULL);
	assert_true(hc_quota_take(&rig->loop->quota, kind, uid));
	assert_int_equal(hc_connection_new(rig->loop, pair[0], &caller), HC_OK);
	rig->fd = pair[1];
}

static inline void send_finished(struct rig *rig)
{
	assert_int_equal(hc_msg_finish(&rig->msg), HC_OK);
	assert_int_equal(send(rig->fd, rig->msg.packet, rig->msg.len, MSG_NOSIGNAL), rig->msg.len);
}

static inline void send_hello(struct rig *rig, const char *user, const char *service)
{
	hc_msg_init(&rig->msg, HC_MSG_HELLO);
	hc_msg_put_u32(&rig->msg, HC_FIELD_REQUEST, HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(&rig->msg, HC_FIELD_MODE, HC_MODE_SECOND_FACTOR);
	hc_msg_put_u32(&rig->msg, HC_FIELD_METHODS, HC_METHOD_ALL);
	hc_msg_put_text(&rig->msg, HC_FIELD_SERVICE, service);
	hc_msg_put_text(&rig->msg, HC_FIELD_USER, user);
	send_finished(rig);
}

static inline void send_plain(struct rig *rig, enum hc_msg_type type)
{
	hc_msg_init(&rig->msg, type);
	send_finished(rig);
}

/* The next message that the broker sent, within five seconds. */
static inline enum hc_msg_type received(struct rig *rig)
{
	int64_t end_ms = read_clock(CLOCK_MONOTONIC) + 5000;

	while (read_clock(CLOCK_MONOTONIC) < end_ms) {
		ssize_t len = recv(rig->fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT);

		if (len > 0) {
			assert_int_equal(hc_msg_parse(&rig->msg, (size_t)len), HC_OK);
			return rig->msg.type;
		}
		if (len == 0)
			fail_msg("closed instead");
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(hc_loop_step(rig->loop, 20), HC_OK);
	}
	fail_msg("nothing came");
	return HC_MSG_END;
}

static inline void assert_silent(struct rig *rig)
{
	assert_int_equal(recv(rig->fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A close with something unread resets; both are the end. */
static inline void assert_closed(struct rig *rig)
{
	ssize_t len = recv(rig->fd, rig->msg.packet, sizeof(rig->msg.packet), MSG_DONTWAIT);

	if (len > 0 || (len < 0 && errno != ECONNRESET))
		fail_msg("not closed: %zd, errno %d", len, errno);
	assert_int_equal(rig->loop->quota.total, 0);
	assert_null(rig->loop->connections);
}

static inline void enrolled(struct rig *rig, const char *login)
{
	const struct hc_credential credential =
		credential_of(add_person(rig->bench->store, login), "abcdefghijkl", HC_CREDENTIAL_TOTP);

	add_credential(rig->bench->store, &credential);
}

static inline uint32_t number(const struct rig *rig, enum hc_field field)
{
	uint32_t value = 0;

	assert_int_equal(hc_msg_u32(&rig->msg, field, &value), HC_OK);
	return value;
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
