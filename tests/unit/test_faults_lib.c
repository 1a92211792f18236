/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation or system call fails, for all n: an error each time, and nothing half done. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/config.h"
#include "hospiconnect/file.h"
#include "hospiconnect/secret.h"
#include "tests/support/broker_rig.h"
#include "tests/support/fault.h"

static struct broker_rig rig;

static int set_up(void **state)
{
	(void)state;
	return broker_rig_make(&rig) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	hc_fault_disarm();
	broker_rig_remove(&rig);
	return 0;
}

/* --- allocations ------------------------------------------------------------------------------ */

/* Each runs one thing, frees what it got, and says how it ended; ret_got: there was a result. */
typedef enum hc_err (*run_fn)(bool *ret_got);

static enum hc_err run_secret_new(bool *ret_got)
{
	HC_AUTO(secret) secret = NULL;
	enum hc_err err = hc_secret_new(32, &secret);

	*ret_got = secret != NULL;
	return err;
}

static enum hc_err run_secret_from(bool *ret_got)
{
	HC_AUTO(secret) secret = NULL;
	enum hc_err err = hc_secret_from("123456", 6, &secret);

	*ret_got = secret != NULL;
	return err;
}

static enum hc_err run_message(bool *ret_got)
{
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	*ret_got = msg != NULL;
	if (err != HC_OK)
		return err;
	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, "123456", 6);
	err = hc_msg_finish(msg);
	return err == HC_OK ? hc_msg_parse(msg, msg->len) : err;
}

static enum hc_err run_config(bool *ret_got)
{
	static const struct hc_config_key keys[] = {
		{"a", "n", HC_CONFIG_NUMBER, .size = sizeof(int64_t), .min = 1, .max = 10, .preset = "3"},
		{.section = NULL}};
	int64_t number = 0;
	struct hc_config_error error;
	enum hc_err err = hc_config_parse("[a]\nn = 5\n", 10, keys, &number, &error);

	*ret_got = number != 0;
	return err;
}

static enum hc_err run_connect(bool *ret_got)
{
	HC_AUTO(broker) broker = NULL;
	enum hc_err err = hc_broker_connect(rig.path, HC_PEER_DIRECTORY_OWNER, &rig.clock, &broker);

	*ret_got = broker != NULL;
	return err;
}

static enum hc_err run_file_read(bool *ret_got)
{
	struct hc_file_rules rules = {.owner = geteuid(), .max_len = 100};
	char path[256], *data = NULL;
	size_t len = 0;
	enum hc_err err =
		hc_file_read(tempdir_file(&rig.dir, "key", path, sizeof(path)), &rules, &data, &len);

	*ret_got = data != NULL;
	free(data);
	return err;
}

static enum hc_err run_file_read_secret(bool *ret_got)
{
	struct hc_file_rules rules = {.owner = geteuid(), .max_len = 100};
	HC_AUTO(secret) secret = NULL;
	char path[256];
	enum hc_err err =
		hc_file_read_secret(tempdir_file(&rig.dir, "key", path, sizeof(path)), &rules, 8, &secret);

	*ret_got = secret != NULL;
	return err;
}

static void no_memory_is_an_error_and_never_a_result(void **state)
{
	static const struct {
		const char *name;
		run_fn run;
		unsigned allocations;
	} rows[] = {
		{"secret_new", run_secret_new, 2},
		{"secret_from", run_secret_from, 2},
		{"message", run_message, 1},
		{"config", run_config, 1},
		{"connect", run_connect, 1},
		{"file_read", run_file_read, 1},
		{"file_read_secret", run_file_read_secret, 2},
	};
	char path[256];

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 64));
	assert_int_equal(
		hc_file_create(tempdir_file(&rig.dir, "key", path, sizeof(path)), 0600, "12345678", 8),
		HC_OK);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		unsigned n = 0;

		for (bool got = false, hit = true; hit; got = false) {
			hc_fault_arm(HC_FAULT_MEMORY, ++n);

			enum hc_err err = rows[i].run(&got);

			hc_fault_disarm();
			hit = hc_fault_hit();
			if (got == hit || err != (hit ? HC_ERR_NOMEM : HC_OK))
				fail_msg("row %zu (%s), allocation %u: %s", i, rows[i].name, n,
					 hc_strerror(err));
		}
		/* the injection really reaches them: so many allocations there are, no more and no less */
		if (n - 1 != rows[i].allocations)
			fail_msg("row %zu (%s): %u allocations", i, rows[i].name, n - 1);
	}
}

/* --- system calls of the client --------------------------------------------------------------- */

/* The broker accepts as soon as it can, and answers once the client waits for it. */
static void answer_when_awaited(struct broker_rig *self, unsigned look)
{
	uint8_t packet[64];

	if (self->peer < 0)
		(void)broker_rig_accept(self);
	if (self->peer >= 0 &&
	    recvfrom(self->peer, packet, sizeof(packet), MSG_DONTWAIT | MSG_PEEK, NULL, NULL) > 0 && look > 7)
		(void)broker_rig_put_allow(self);
}

/* Connects, says HELLO and takes the verdict. */
static enum hc_err converse(struct hc_msg *msg)
{
	HC_AUTO(broker) broker = NULL;
	enum hc_err err = hc_broker_connect(rig.path, HC_PEER_DIRECTORY_OWNER, &rig.clock, &broker);

	if (err != HC_OK)
		return err;
	hc_msg_init(msg, HC_MSG_HELLO);
	err = hc_broker_send(broker, msg);
	hc_msg_clear(msg);
	rig.looks = 6; /* the seventh look begins the silence, the eighth waits */
	return err == HC_OK ? hc_broker_receive(broker, msg, 1000) : err;
}

static void begin_conversation(void)
{
	broker_rig_drop_peer(&rig);
	/* what is left of the last conversation is not ours */
	while (broker_rig_accept(&rig))
		broker_rig_drop_peer(&rig);
	rig.looks = 0;
	rig.step_ms = 100;
	rig.meanwhile = answer_when_awaited;
}

/*
 * For one errno, every call in turn. What may be repeated (interrupted, try again) or does not
 * matter (closing what was only looked at) may succeed; anything else must be an error, and there is
 * a message exactly where there is none.
 */
static void check_every_call(int error, bool may_succeed)
{
	bool hit = true;

	hc_fault_errno(error);
	for (unsigned n = 1; hit; n++) {
		struct hc_msg msg;

		hc_msg_init(&msg, HC_MSG_HELLO);
		begin_conversation();
		hc_fault_arm(HC_FAULT_SYSTEM, n);

		enum hc_err err = converse(&msg);

		hc_fault_disarm();
		hit = hc_fault_hit();

		bool harmless = !hit || may_succeed || strcmp(hc_fault_symbol(), "close") == 0;

		if (err == HC_OK && !harmless)
			fail_msg("errno %d, call %u (%s): no error", error, n, hc_fault_symbol());
		if (err != HC_OK && !hit)
			fail_msg("errno %d, without a fault: %s", error, hc_strerror(err));
		if (hc_msg_has(&msg, HC_FIELD_VERDICT) != (err == HC_OK))
			fail_msg("errno %d, call %u (%s): a message with %s", error, n, hc_fault_symbol(),
				 hc_strerror(err));
	}
	assert_in_range(hc_fault_calls(), 10, 40);
}

static void every_failing_system_call_is_an_error_and_never_a_message(void **state)
{
	static const struct {
		int error;
		bool may_succeed;
	} rows[] = {{EIO, false},  {ENOMEM, false}, {EBADF, false},    {EACCES, false},
		    {EINTR, true}, {EAGAIN, true},  {ECONNRESET, true}};

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 64));
	for (size_t i = 0; i < HC_COUNT(rows); i++)
		check_every_call(rows[i].error, rows[i].may_succeed);
}

static void a_system_that_fails_from_some_call_on_never_gives_a_message(void **state)
{
	bool hit = true;

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 64));
	hc_fault_errno(EIO);
	for (unsigned n = 1; hit; n++) {
		struct hc_msg msg;

		hc_msg_init(&msg, HC_MSG_HELLO);
		begin_conversation();
		hc_fault_arm_from(HC_FAULT_SYSTEM, n);

		enum hc_err err = converse(&msg);

		hc_fault_disarm();
		hit = hc_fault_hit() && strcmp(hc_fault_symbol(), "close") != 0;
		assert_int_equal(hc_msg_has(&msg, HC_FIELD_VERDICT), err == HC_OK);
	}
}

static void an_interrupted_call_is_repeated(void **state)
{
	struct hc_msg msg;
	unsigned repeated = 0;
	bool hit = true;

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 64));
	hc_fault_errno(EINTR);
	for (unsigned n = 1; hit; n++) {
		begin_conversation();
		hc_fault_arm(HC_FAULT_SYSTEM, n);

		enum hc_err err = converse(&msg);

		hc_fault_disarm();
		hit = hc_fault_hit();

		const char *symbol = hc_fault_symbol();

		if (strcmp(symbol, "connect") != 0 && strcmp(symbol, "send") != 0 &&
		    strcmp(symbol, "recvmsg") != 0 && strcmp(symbol, "ppoll") != 0)
			continue;
		repeated++;
		if (err != HC_OK)
			fail_msg("%s: %s", symbol, hc_strerror(err));
	}
	assert_in_range(repeated, 5, 10);
}

/* --- system calls of files -------------------------------------------------------------------- */

static void a_file_whose_writing_fails_is_not_there(void **state)
{
	char path[256];
	bool hit = true;

	(void)state;
	tempdir_file(&rig.dir, "new", path, sizeof(path));
	for (unsigned n = 1; hit; n++) {
		hc_fault_errno(ENOSPC);
		hc_fault_arm(HC_FAULT_SYSTEM, n);

		enum hc_err err = hc_file_create(path, 0600, "12345678", 8);

		hc_fault_disarm();
		hit = hc_fault_hit();
		if (hit && err == HC_OK && strcmp(hc_fault_symbol(), "close") != 0)
			fail_msg("call %u (%s) failed and nobody noticed", n, hc_fault_symbol());
		if (hit && err != HC_OK && err != HC_ERR_FULL && strcmp(hc_fault_symbol(), "getrandom") != 0)
			fail_msg("call %u (%s): %s", n, hc_fault_symbol(), hc_strerror(err));
		if (tempdir_count(&rig.dir) != (err == HC_OK ? 1 : 0))
			fail_msg("call %u (%s): something was left behind", n, hc_fault_symbol());
		(void)unlink(path);
	}
	assert_in_range(hc_fault_calls(), 8, 20);
}

static void a_file_whose_reading_fails_gives_nothing(void **state)
{
	static const run_fn runs[] = {run_file_read, run_file_read_secret};
	char path[256];

	(void)state;
	assert_int_equal(
		hc_file_create(tempdir_file(&rig.dir, "key", path, sizeof(path)), 0600, "12345678", 8),
		HC_OK);
	hc_fault_errno(EIO);
	for (size_t i = 0; i < HC_COUNT(runs); i++) {
		bool hit = true;

		for (unsigned n = 1; hit; n++) {
			bool got = false;

			hc_fault_arm(HC_FAULT_SYSTEM, n);

			enum hc_err err = runs[i](&got);

			hc_fault_disarm();
			hit = hc_fault_hit() && strcmp(hc_fault_symbol(), "close") != 0;
			assert_int_equal(err, hit ? HC_ERR_IO : HC_OK);
			assert_int_equal(got, !hit);
		}
	}
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(no_memory_is_an_error_and_never_a_result),
		WITH_RIG(every_failing_system_call_is_an_error_and_never_a_message),
		WITH_RIG(a_system_that_fails_from_some_call_on_never_gives_a_message),
		WITH_RIG(an_interrupted_call_is_repeated),
		WITH_RIG(a_file_whose_writing_fails_is_not_there),
		WITH_RIG(a_file_whose_reading_fails_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
