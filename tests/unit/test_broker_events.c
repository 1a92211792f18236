/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery of audit records: delivered is what the broker says that it has, all of it, and nothing else. */
#include "broker_support.h"

#include "hospiconnect/identity.h"
#include "store/outbox.h"

/* Sockets that take little at once, so that a batch does not fit. */
static int small_buffers;

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
	int fd = __real_socket(domain, type, protocol);

	if (fd >= 0 && small_buffers > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small_buffers, sizeof(small_buffers));
	return fd;
}

struct delivery {
	unsigned ends;
	enum hc_err err;
};

static void on_delivered(enum hc_err err, void *ctx)
{
	struct delivery *delivery = ctx;

	delivery->ends++;
	delivery->err = err;
}

static struct hc_outbox_record records[HC_OUTBOX_BATCH];

static void fill(size_t count)
{
	for (size_t i = 0; i < count; i++)
		records[i] = (struct hc_outbox_record){.seq = 41 + (int64_t)i,
						       .time_ms = NOW,
						       .event = HC_OUTBOX_LOGOUT,
						       .success = true,
						       .login = "martin",
						       .origin = "192.0.2.7"};
}

static void deliver(struct rig *rig, size_t count, struct delivery *delivery)
{
	*delivery = (struct delivery){.ends = 0};
	assert_int_equal(hc_broker_events_send(rig->link, records, count, on_delivered, delivery), HC_OK);
	assert_int_equal(delivery->ends, 0);
}

static void hear_all(struct rig *rig, int fd, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(heard(rig, fd), HC_MSG_EVENT);
		assert_int_equal(number_of(rig, HC_FIELD_SEQ), 41 + i);
	}
	assert_int_equal(heard(rig, fd), HC_MSG_EVENTS_END);
	assert_int_equal(number_of(rig, HC_FIELD_SEQ), 40 + count);
}

static void say_kept(struct rig *rig, int fd, uint64_t seq)
{
	hc_msg_init(&rig->msg, HC_MSG_EVENTS_KEPT);
	hc_msg_put_u64(&rig->msg, HC_FIELD_SEQ, seq);
	say(rig, fd);
}

static void an_answer_for_another_number_delivers_nothing(void **state)
{
	struct rig *rig = *state;
	static const uint64_t numbers[] = {0, 41, 42, 44, UINT64_MAX};

	fill(3);
	for (size_t i = 0; i < HC_COUNT(numbers); i++) {
		struct delivery delivery;
		int fd = -1;

		deliver(rig, 3, &delivery);
		fd = accepted(rig);
		hear_all(rig, fd, 3);
		say_kept(rig, fd, numbers[i]);
		if (delivery.ends != 1 || delivery.err != HC_ERR_PROTOCOL)
			fail_msg("row %zu", i);
		(void)close(fd);
	}
}

static void another_message_delivers_nothing(void **state)
{
	struct rig *rig = *state;
	static const enum hc_msg_type types[] = {HC_MSG_RESULT, HC_MSG_PERSON, HC_MSG_EVENTS_END,
						 HC_MSG_EVENTS_KEPT};

	fill(1);
	for (size_t i = 0; i < HC_COUNT(types); i++) {
		struct delivery delivery;
		int fd = -1;

		deliver(rig, 1, &delivery);
		fd = accepted(rig);
		hear_all(rig, fd, 1);
		say_type(rig, fd, types[i]);
		if (delivery.ends != 1 || delivery.err != HC_ERR_PROTOCOL)
			fail_msg("row %zu", i);
		(void)close(fd);
	}
}

static void a_broker_that_closes_hangs_or_is_away_delivers_nothing(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery;
	int fd = -1;

	fill(2);
	deliver(rig, 2, &delivery);
	fd = accepted(rig);
	hear_all(rig, fd, 2);
	(void)close(fd);
	turn(rig);
	assert_int_equal(delivery.err, HC_ERR_AWAY);
	deliver(rig, 2, &delivery);
	fd = accepted(rig);
	pass(rig, HC_BROKER_COMMIT_MS - 1);
	assert_int_equal(delivery.ends, 0);
	pass(rig, 1);
	assert_int_equal(delivery.err, HC_ERR_TIMEOUT);
	(void)close(fd);
	listen_down(rig);
	deliver(rig, 2, &delivery);
	turn(rig);
	pass(rig, 2000);
	assert_int_equal(delivery.ends, 1);
	assert_int_equal(delivery.err, HC_ERR_AWAY);
}

static void a_whole_batch_is_delivered_in_order_and_kept(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery;
	int fd = -1;

	fill(HC_OUTBOX_BATCH);
	deliver(rig, HC_OUTBOX_BATCH, &delivery);
	fd = accepted(rig);
	hear_all(rig, fd, HC_OUTBOX_BATCH);
	say_kept(rig, fd, 40 + HC_OUTBOX_BATCH);
	assert_int_equal(delivery.ends, 1);
	assert_int_equal(delivery.err, HC_OK);
	assert_int_equal(heard(rig, fd), -1);
	(void)close(fd);
}

/* The broker reads slowly: what does not fit into the socket is sent as it reads. */
static void a_batch_that_does_not_fit_into_the_socket_is_delivered_too(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery;
	int fd = -1;

	small_buffers = 4096;
	fill(HC_OUTBOX_BATCH);
	for (size_t i = 0; i < HC_OUTBOX_BATCH; i++)
		memset(records[i].detail, 'd', sizeof(records[i].detail) - 1);
	deliver(rig, HC_OUTBOX_BATCH, &delivery);
	fd = accepted(rig);
	assert_false(hc_channel_idle(rig->link->delivery.channel));
	hear_all(rig, fd, HC_OUTBOX_BATCH);
	say_kept(rig, fd, 40 + HC_OUTBOX_BATCH);
	assert_int_equal(delivery.err, HC_OK);
	assert_int_equal(delivery.ends, 1);
	(void)close(fd);
	small_buffers = 0;
}

static void a_broker_that_does_not_read_is_given_up_after_two_seconds(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery;
	int fd = -1;

	small_buffers = 4096;
	fill(HC_OUTBOX_BATCH);
	deliver(rig, HC_OUTBOX_BATCH, &delivery);
	fd = accepted(rig);
	pass(rig, HC_CHANNEL_SEND_MS - 1);
	assert_int_equal(delivery.ends, 0);
	pass(rig, 1);
	assert_int_equal(delivery.err, HC_ERR_TIMEOUT);
	(void)close(fd);
	small_buffers = 0;
}

static void a_kept_that_comes_before_the_end_was_sent_delivers_nothing(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery;
	int fd = -1;

	small_buffers = 4096;
	fill(HC_OUTBOX_BATCH);
	deliver(rig, HC_OUTBOX_BATCH, &delivery);
	fd = accepted(rig);
	say_kept(rig, fd, 40 + HC_OUTBOX_BATCH);
	assert_int_equal(delivery.err, HC_ERR_PROTOCOL);
	(void)close(fd);
	small_buffers = 0;
}

static void a_record_says_all_that_it_holds(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery;
	char text[2049];
	int fd = -1;

	fill(1);
	records[0] = (struct hc_outbox_record){.seq = 41,
					       .time_ms = NOW,
					       .event = HC_OUTBOX_REUSE,
					       .reason = HC_REASON_PERSON_DISABLED,
					       .person_id = 7,
					       .login = "martin",
					       .client_id = "dpi",
					       .origin = "2001:db8::7",
					       .actor = "uid 0 (root)",
					       .detail = "refresh token"};
	deliver(rig, 1, &delivery);
	fd = accepted(rig);
	assert_int_equal(heard(rig, fd), HC_MSG_EVENT);
	assert_int_equal(number_of(rig, HC_FIELD_TIME_MS), NOW);
	assert_int_equal(number_of(rig, HC_FIELD_REASON), HC_REASON_PERSON_DISABLED);
	assert_int_equal(number_of(rig, HC_FIELD_PERSON_ID), 7);
	assert_string_equal(text_of(rig, HC_FIELD_EVENT, text), "token-reuse");
	assert_string_equal(text_of(rig, HC_FIELD_OUTCOME, text), "failure");
	assert_string_equal(text_of(rig, HC_FIELD_LOGIN, text), "martin");
	assert_string_equal(text_of(rig, HC_FIELD_CLIENT_ID, text), "dpi");
	assert_string_equal(text_of(rig, HC_FIELD_ORIGIN, text), "2001:db8::7");
	assert_string_equal(text_of(rig, HC_FIELD_ACTOR, text), "uid 0 (root)");
	assert_string_equal(text_of(rig, HC_FIELD_DETAIL, text), "refresh token");
	(void)close(fd);
}

/* One that the broker would refuse for its form would hold up all others for ever. */
static void whatever_stands_in_a_record_its_message_is_one_that_the_broker_takes(void **state)
{
	struct rig *rig = *state;
	struct hc_login login;
	struct hc_host host;
	char text[2049];

	for (unsigned byte = 1; byte < 256; byte++) {
		struct delivery delivery;
		int fd = -1;

		fill(1);
		records[0].event = (enum hc_outbox_event)(byte % HC_OUTBOX_EVENT_COUNT);
		records[0].reason = (enum hc_reason)byte;
		memset(records[0].login, (int)byte, byte % sizeof(records[0].login));
		memset(records[0].client_id, (int)byte, sizeof(records[0].client_id) - 1);
		memset(records[0].origin, (int)byte, sizeof(records[0].origin) - 1);
		memset(records[0].actor, (int)byte, sizeof(records[0].actor) - 1);
		memset(records[0].detail, (int)byte, sizeof(records[0].detail) - 1);
		deliver(rig, 1, &delivery);
		fd = accepted(rig);
		assert_int_equal(heard(rig, fd), HC_MSG_EVENT);
		if (text_of(rig, HC_FIELD_LOGIN, text)[0] != '\0')
			assert_int_equal(hc_login_parse(text, strlen(text), &login), HC_OK);
		text_of(rig, HC_FIELD_ORIGIN, text);
		assert_int_equal(hc_host_parse(text, strlen(text), &host), HC_OK);
		text_of(rig, HC_FIELD_CLIENT_ID, text);
		assert_int_equal(
			strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"),
			strlen(text));
		text_of(rig, HC_FIELD_ACTOR, text);
		assert_true(hc_utf8_valid(text, strlen(text)));
		text_of(rig, HC_FIELD_DETAIL, text);
		assert_true(hc_utf8_valid(text, strlen(text)));
		assert_string_not_equal(text, "");
		enum hc_reason reason = HC_REASON_NONE;
		assert_int_equal(hc_reason_from_wire((uint32_t)number_of(rig, HC_FIELD_REASON), &reason),
				 HC_OK);
		(void)close(fd);
		turn(rig);
	}
}

static void one_delivery_at_a_time_and_none_of_nothing(void **state)
{
	struct rig *rig = *state;
	struct delivery delivery, other;

	fill(2);
	assert_int_equal(hc_broker_events_send(rig->link, records, 0, on_delivered, &other), HC_ERR_INVALID);
	assert_int_equal(hc_broker_events_send(rig->link, records, HC_OUTBOX_BATCH + 1, on_delivered, &other),
			 HC_ERR_INVALID);
	deliver(rig, 2, &delivery);
	assert_int_equal(hc_broker_events_send(rig->link, records, 1, on_delivered, &other), HC_ERR_STATE);
	hc_broker_events_cancel(rig->link);
	turn(rig);
	assert_int_equal(delivery.ends, 0);
	deliver(rig, 2, &delivery);
	hc_broker_link_free(&rig->link);
	assert_int_equal(delivery.ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING(an_answer_for_another_number_delivers_nothing),
		LISTENING(another_message_delivers_nothing),
		LISTENING(a_broker_that_closes_hangs_or_is_away_delivers_nothing),
		LISTENING(a_whole_batch_is_delivered_in_order_and_kept),
		LISTENING(a_batch_that_does_not_fit_into_the_socket_is_delivered_too),
		LISTENING(a_broker_that_does_not_read_is_given_up_after_two_seconds),
		LISTENING(a_kept_that_comes_before_the_end_was_sent_delivers_nothing),
		LISTENING(a_record_says_all_that_it_holds),
		LISTENING(whatever_stands_in_a_record_its_message_is_one_that_the_broker_takes),
		LISTENING(one_delivery_at_a_time_and_none_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
