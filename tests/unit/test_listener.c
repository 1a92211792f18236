/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting: who is turned away at the door, how many are let in, and what happens when descriptors run out. */
#include "connection_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "listener.h"

static int accept_fails_with; /* 0: it does not */
static int accepted;	      /* calls */

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	accepted++;
	if (accept_fails_with == 0)
		return __real_accept4(fd, address, len, flags);
	errno = accept_fails_with;
	return -1;
}

struct door {
	struct rig *rig;
	struct sockaddr_un address;
};

static void open_door(struct rig *rig, enum hc_socket_kind kind, struct door *door)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*door = (struct door){.rig = rig, .address = {.sun_family = AF_UNIX}};
	(void)tempdir_file(&rig->bench->dir, "door.sock", door->address.sun_path,
			   sizeof(door->address.sun_path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&door->address, sizeof(door->address)), 0);
	assert_int_equal(listen(fd, 512), 0);
	hc_listener_stop(&rig->loop->listeners[kind]); /* one that a row before has opened */
	assert_int_equal(hc_loop_listen(rig->loop, kind, fd), HC_OK);
}

static int knock(const struct door *door)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&door->address, sizeof(door->address)), 0);
	return fd;
}

static bool hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) == 0;
}

static void a_stranger_is_turned_away_from_the_administrators_and_the_gateway_s_door(void **state)
{
	static const enum hc_socket_kind kinds[] = {HC_SOCKET_ADMIN, HC_SOCKET_GATEWAY};
	struct rig *rig = *state;
	const bool root = geteuid() == 0;

	rig->loop->peers = (struct hc_peer_rules){.has_gateway = true, .gateway_uid = 990};
	for (size_t i = 0; i < HC_COUNT(kinds); i++) {
		struct door door;

		open_door(rig, kinds[i], &door);
		if (root) { /* the kernel notes who connects */
			assert_int_equal(chmod(rig->bench->dir.path, 0711), 0);
			assert_int_equal(chmod(door.address.sun_path, 0666), 0);
			assert_int_equal(seteuid(65534), 0);
		}
		const int fd = knock(&door);
		if (root)
			assert_int_equal(seteuid(0), 0);
		step(rig, 4);
		if (!hung_up(fd) || rig->loop->connections != NULL || rig->loop->quota.total != 0)
			fail_msg("row %zu: let in", i);
		(void)close(fd);
		assert_int_equal(unlink(door.address.sun_path), 0);
	}
	assert_int_equal(rig->bench->lines, 1); /* one line a minute */
	/* not even root is the gateway */
	if (root) {
		struct door door;

		open_door(rig, HC_SOCKET_GATEWAY, &door);
		const int fd = knock(&door);
		step(rig, 4);
		assert_true(hung_up(fd));
		(void)close(fd);
	}
}

static void each_door_makes_its_own_kind_of_caller(void **state)
{
	static const struct {
		enum hc_socket_kind door;
		enum hc_caller_kind wanted;
	} rows[] = {{HC_SOCKET_AUTH, HC_CALLER_ROOT},
		    {HC_SOCKET_ADMIN, HC_CALLER_ADMIN},
		    {HC_SOCKET_GATEWAY, HC_CALLER_GATEWAY}};
	struct rig *rig = *state;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct door door;

		open_door(rig, rows[i].door, &door);
		const int fd = knock(&door);
		step(rig, 4);
		if (rig->loop->connections == NULL || rig->loop->connections->caller.kind != rows[i].wanted ||
		    rig->loop->connections->caller.uid != geteuid())
			fail_msg("row %zu", i);
		(void)close(fd);
		step(rig, 4);
		assert_null(rig->loop->connections);
		assert_int_equal(unlink(door.address.sun_path), 0);
	}
}

static void beyond_the_limit_callers_are_hung_up_on_and_the_served_stay(void **state)
{
	struct rig *rig = *state;
	struct door door;

	hc_quota_init(&rig->loop->quota, 2);
	open_door(rig, HC_SOCKET_AUTH, &door);
	int fds[20]; /* one batch: the timers of this rig are always due, and come first */
	for (size_t i = 0; i < HC_COUNT(fds); i++)
		fds[i] = knock(&door);
	step(rig, 8);
	unsigned served = 0;
	for (size_t i = 0; i < HC_COUNT(fds); i++)
		served += hung_up(fds[i]) ? 0 : 1;
	assert_int_equal(served, rig->loop->quota.total);
	assert_in_range(served, 1, 2);
	assert_false(hung_up(fds[0]));
	assert_int_equal(rig->bench->lines, 1);
	for (size_t i = 0; i < HC_COUNT(fds); i++)
		(void)close(fds[i]);
	step(rig, 8);
	assert_int_equal(rig->loop->quota.total, 0);
}

static void without_descriptors_accepting_pauses_instead_of_spinning(void **state)
{
	static const int causes[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};
	struct rig *rig = *state;
	struct door door;

	open_door(rig, HC_SOCKET_AUTH, &door);
	for (size_t i = 0; i < HC_COUNT(causes); i++) {
		const int fd = knock(&door);

		accepted = 0;
		accept_fails_with = causes[i];
		step(rig, 20);
		accept_fails_with = 0;
		if (accepted > 2)
			fail_msg("row %zu: accepted %d times", i, accepted);
		const int64_t end_ms = read_clock(CLOCK_MONOTONIC) + 5000;
		while (rig->loop->connections == NULL && read_clock(CLOCK_MONOTONIC) < end_ms)
			assert_int_equal(hc_loop_step(rig->loop, 20), HC_OK);
		assert_non_null(rig->loop->connections); /* it was kept, and is served afterwards */
		(void)close(fd);
		step(rig, 4);
	}
	assert_int_equal(rig->bench->lines, 1);
}

static void an_interrupted_accept_goes_on_and_another_failure_waits(void **state)
{
	static const struct {
		int cause, most;
	} rows[] = {{EINTR, 32 * 4}, {ECONNABORTED, 32 * 4}, {EAGAIN, 4}, {EPERM, 4}};
	struct rig *rig = *state;
	struct door door;

	open_door(rig, HC_SOCKET_AUTH, &door);
	const int fd = knock(&door);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		accepted = 0;
		accept_fails_with = rows[i].cause;
		step(rig, 4);
		accept_fails_with = 0;
		if (accepted == 0 || accepted > rows[i].most)
			fail_msg("row %zu: %d calls", i, accepted);
	}
	step(rig, 4);
	assert_non_null(rig->loop->connections);
	(void)close(fd);
}

static void a_door_that_was_closed_lets_nobody_in(void **state)
{
	struct rig *rig = *state;
	struct door door;

	open_door(rig, HC_SOCKET_AUTH, &door);
	hc_loop_stop(rig->loop);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_not_equal(connect(fd, (const struct sockaddr *)&door.address, sizeof(door.address)), 0);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(a_stranger_is_turned_away_from_the_administrators_and_the_gateway_s_door),
		IN_RIG(each_door_makes_its_own_kind_of_caller),
		IN_RIG(beyond_the_limit_callers_are_hung_up_on_and_the_served_stay),
		IN_RIG(without_descriptors_accepting_pauses_instead_of_spinning),
		IN_RIG(an_interrupted_accept_goes_on_and_another_failure_waits),
		IN_RIG(a_door_that_was_closed_lets_nobody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
