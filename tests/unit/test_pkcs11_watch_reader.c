/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a watch when a machine slept, a process that looks dies or says nothing. The processes are ends of a
 * socket here, and whether the machine slept is this test's word; readers are in tests/integration/test_watch.py.
 */
#include "pkcs11_watch_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/program.h"
#include "pkcs11_watch_card.h"

#define LOOKERS_MAX 16

/* What the n-th process that looks says at once: news and count, and more news; 0: nothing. */
struct says {
	uint32_t news, instance, then;
};

static struct {
	const struct says *says;
	int slept_from; /* how many processes there were when the machine slept; 0: it did not */
	bool slept;
	int started, theirs[LOOKERS_MAX];
	struct hc_watch_request asked[LOOKERS_MAX];
	bool patient[LOOKERS_MAX];
} world;

bool __wrap_hc_watch_slept_now(struct hc_watch_sleep *sleep);
bool __wrap_hc_p11_watch_card(const struct hc_watch_request *request, bool patient, int *ret_fd,
			      int *ret_pid);

bool __wrap_hc_watch_slept_now(struct hc_watch_sleep *sleep)
{
	bool slept =
		sleep->started && !world.slept && world.slept_from > 0 && world.started == world.slept_from;

	sleep->started = true;
	world.slept = world.slept || slept;
	return slept;
}

/* The process: one of ours that sleeps until it is ended, so that it can be. */
bool __wrap_hc_p11_watch_card(const struct hc_watch_request *request, bool patient, int *ret_fd, int *ret_pid)
{
	const int n = world.started++;
	const struct hc_p11_card_news message = {.news = world.says[n].news,
						 .instance = world.says[n].instance};
	const struct hc_p11_card_news next = {.news = world.says[n].then};
	int pair[2];

	assert_true(n < LOOKERS_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	world.asked[n] = *request;
	world.patient[n] = patient;
	world.theirs[n] = pair[1];
	if (message.news != 0)
		assert_int_equal(send(pair[1], &message, sizeof(message), 0), sizeof(message));
	if (next.news != 0)
		assert_int_equal(send(pair[1], &next, sizeof(next), 0), sizeof(next));
	*ret_fd = pair[0];
	*ret_pid = fork();
	if (*ret_pid == 0) {
		(void)pause(); /* until it is ended */
		_exit(1);
	}
	return *ret_pid > 0;
}

/* Watches with that world to its end; how it ended, and how often the card was said to be there. */
static unsigned run(const struct says *says, int slept_from, char detail[128])
{
	static const uint8_t atr[] = {0x3b, 0x00};
	static struct hc_msg msg;
	unsigned here = 0;
	int link[2];

	memset(&world, 0, sizeof(world));
	world.says = says;
	world.slept_from = slept_from;
	hc_msg_init(&msg, HC_MSG_DEVICE_START);
	hc_msg_put_u32(&msg, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_WATCH);
	hc_msg_put_text(&msg, HC_FIELD_DEVICE_PATH, "Reader 00");
	hc_msg_put_bytes(&msg, HC_FIELD_ATR, atr, sizeof(atr));
	hc_msg_put_u64(&msg, HC_FIELD_DEVICE_INSTANCE, 5);
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link), 0);
	assert_int_equal(hc_p11_watch_reader(link[0], &msg), HC_PROGRAM_OK);
	(void)close(link[0]); /* all was said */
	for (int n = 0; n < world.started; n++)
		(void)close(world.theirs[n]); /* a socket of the test */
	for (;;) {
		ssize_t len = recv(link[1], msg.packet, sizeof(msg.packet), 0);

		assert_true(len > 0);
		assert_int_equal(hc_msg_parse(&msg, (size_t)len), HC_OK);
		if (msg.type != HC_MSG_DEVICE_WAIT)
			break;
		here++;
	}
	(void)close(link[1]); /* it was read only */
	assert_int_equal(msg.type, HC_MSG_DEVICE_DONE);
	assert_int_equal(hc_msg_text(&msg, HC_FIELD_DETAIL, detail, 128), HC_OK);
	return here;
}

static void a_card_that_is_another_one_after_a_sleep_has_left(void **state)
{
	static const struct says says[LOOKERS_MAX] = {{HC_P11_HERE, 5, 0}, {HC_P11_LEFT, 0, 0}};
	char why[128];

	(void)state; /* none */
	assert_int_equal(run(says, 1, why), 1);
	assert_string_equal(why, "the card was taken out");
	assert_true(world.slept);
	assert_int_equal(world.started, 2);
	assert_true(world.asked[1].has_instance && world.asked[1].instance == 5); /* counted as before */
	assert_true(world.patient[1]);
}

static void a_card_that_does_not_show_itself_after_a_sleep_has_left(void **state)
{
	static const struct says says[LOOKERS_MAX] = {{HC_P11_HERE, 5, 0}};
	char why[128];

	(void)state; /* none */
	assert_int_equal(run(says, 1, why), 1);
	assert_string_equal(why, "the reader could not be reached");
	assert_int_equal(world.started, 2);
}

static void a_card_that_is_there_after_a_sleep_is_watched_on(void **state)
{
	static const struct says says[LOOKERS_MAX] = {{HC_P11_HERE, 5, 0},
						      {HC_P11_HERE, 5, HC_P11_UNPLUGGED}};
	char why[128];

	(void)state; /* none */
	assert_int_equal(run(says, 1, why), 2);
	assert_string_equal(why, "the reader was unplugged");
	assert_int_equal(world.started, 2);
}

static void after_pcscd_went_the_card_counts_from_zero(void **state)
{
	static const struct says says[LOOKERS_MAX] = {
		{HC_P11_HERE, 5, 0}, {HC_P11_AWAY, 0, 0}, {HC_P11_LEFT, 0, 0}};
	static const struct says first[LOOKERS_MAX] = {{HC_P11_AWAY, 0, 0}, {HC_P11_LEFT, 0, 0}};
	char why[128];

	(void)state; /* none */
	assert_int_equal(run(says, 1, why), 1);
	assert_int_equal(world.started, 3);
	assert_true(world.asked[1].instance == 5 && world.asked[2].instance == 0);
	/* What was never seen has no count to lose. */
	assert_int_equal(run(first, 0, why), 0);
	assert_int_equal(world.asked[1].instance, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_that_is_another_one_after_a_sleep_has_left),
		cmocka_unit_test(a_card_that_does_not_show_itself_after_a_sleep_has_left),
		cmocka_unit_test(a_card_that_is_there_after_a_sleep_is_watched_on),
		cmocka_unit_test(after_pcscd_went_the_card_counts_from_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
