/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAPHID: 64-byte reports in, messages out, and back. One transaction at a time for the whole key;
 * whoever else asks meanwhile is told that it is busy, except for INIT, which always gets a channel.
 *
 * State: the channels given out, and the transaction. It must never begin to work on a request while
 * one is in progress: a waiting command runs the loop, and the loop comes here.
 */
#include "hid.h"

#include <string.h>

#include "ctap.h"
#include "fault.h"
#include "loop.h"

#define BROADCAST	   0xffffffffU
#define FIRST_PAYLOAD	   (TK_REPORT_LEN - 7)
#define NEXT_PAYLOAD	   (TK_REPORT_LEN - 5)
#define MESSAGE_TIMEOUT_MS 500

enum { INVALID_COMMAND = 0x01, INVALID_LENGTH = 0x03, INVALID_SEQUENCE = 0x04, MESSAGE_TIMEOUT = 0x05 };
enum { CHANNEL_BUSY = 0x06, INVALID_CHANNEL = 0x0b };
enum { CAN_WINK = 0x01, CAN_CBOR = 0x04, CANNOT_MSG = 0x08 };

struct where {
	int client;
	uint32_t channel;
};

static uint32_t get32(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static void put32(uint8_t *out, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void send_message(struct tk_key *key, struct where to, uint8_t command, struct tk_slice data)
{
	uint8_t report[TK_REPORT_LEN] = {0};
	size_t sent = data.len < FIRST_PAYLOAD ? data.len : FIRST_PAYLOAD;
	size_t announced = tk_fault(key, "oversize-frame") ? UINT16_MAX : data.len;
	bool cut = tk_fault(key, "truncated-frame"), wrong_sequence = tk_fault(key, "wrong-sequence");

	put32(report, to.channel);
	report[4] = command | 0x80;
	report[5] = (uint8_t)(announced >> 8);
	report[6] = (uint8_t)announced;
	if (sent > 0)
		memcpy(report + 7, data.data, sent);
	if (!cut || sent < data.len)
		tk_loop_send(key, to.client, report);
	for (uint8_t sequence = 0; sent < data.len; sequence++) {
		size_t part = data.len - sent < NEXT_PAYLOAD ? data.len - sent : NEXT_PAYLOAD;

		memset(report + 4, 0, sizeof(report) - 4);
		report[4] = wrong_sequence ? (uint8_t)((sequence + 1) & 0x7f) : sequence;
		memcpy(report + 5, data.data + sent, part);
		sent += part;
		if (!cut || sent < data.len)
			tk_loop_send(key, to.client, report);
	}
}

/* Not through send_message: faults are for answers, not for what the transport says by itself. */
static void send_short(struct tk_key *key, struct where to, uint8_t command, uint8_t value)
{
	uint8_t report[TK_REPORT_LEN] = {[4] = (uint8_t)(command | 0x80), [6] = 1, [7] = value};

	put32(report, to.channel);
	tk_loop_send(key, to.client, report);
}

void tk_hid_keepalive(struct tk_key *key, uint8_t status)
{
	const struct tk_transaction *transaction = &key->session.transaction;

	send_short(key, (struct where){transaction->client, transaction->channel}, TK_HID_KEEPALIVE, status);
}

void tk_hid_reply(struct tk_key *key, uint8_t command, struct tk_slice data)
{
	const struct tk_transaction *transaction = &key->session.transaction;
	struct where to = {transaction->client, transaction->channel};

	if (tk_fault(key, "wrong-channel"))
		to.channel ^= 0x00ff0000U;
	if (tk_fault(key, "wrong-command"))
		command = TK_HID_WINK;
	if (tk_fault(key, "hid-error"))
		send_short(key, to, TK_HID_ERROR, (uint8_t)key->fault_value);
	else
		send_message(key, to, command, data);
}

static bool channel_known(const struct tk_key *key, uint32_t id)
{
	for (size_t i = 0; i < TK_CHANNELS_MAX; i++) {
		if (id != 0 && key->session.channels[i].id == id)
			return true;
	}
	return false;
}

static uint32_t channel_new(struct tk_key *key, int client)
{
	struct tk_session *session = &key->session;
	size_t place = session->last_channel % TK_CHANNELS_MAX;

	for (size_t i = 0; i < TK_CHANNELS_MAX; i++) {
		if (session->channels[i].id == 0)
			place = i;
	}
	session->channels[place] = (struct tk_channel){.id = ++session->last_channel, .client = client};
	return session->channels[place].id;
}

static void init(struct tk_key *key, struct where from, const uint8_t *report)
{
	const struct tk_options *options = &key->options;
	struct tk_transaction *transaction = &key->session.transaction;
	uint8_t answer[TK_REPORT_LEN] = {[4] = TK_HID_INIT | 0x80, [6] = 17};
	uint32_t id = from.channel == BROADCAST ? channel_new(key, from.client) : from.channel;

	key->counters.inits++;
	if (from.channel == transaction->channel && from.channel != BROADCAST) {
		transaction->receiving = false;
		if (transaction->working && key->wait.kind != TK_WAIT_NOTHING && key->wait.end == TK_PENDING)
			key->wait.end = TK_GONE;
	}
	put32(answer, from.channel);
	memcpy(answer + 7, report + 7, 8);
	put32(answer + 15, id);
	answer[19] = 2;
	answer[20] = 1;
	answer[21] = 0;
	answer[22] = 1;
	answer[23] =
		(uint8_t)(CAN_WINK | (options->u2f_only ? 0 : CAN_CBOR) | (options->no_u2f ? CANNOT_MSG : 0));
	tk_loop_send(key, from.client, answer);
}

static void cancel(struct tk_key *key, uint32_t channel)
{
	const struct tk_transaction *transaction = &key->session.transaction;

	if (!transaction->working || transaction->channel != channel)
		return;
	key->counters.cancels++;
	if (key->wait.kind != TK_WAIT_NOTHING && key->wait.end == TK_PENDING)
		key->wait.end = TK_CANCELLED;
}

static void take(struct tk_transaction *transaction, const uint8_t *data, size_t payload)
{
	size_t part = transaction->len - transaction->got;

	if (part > payload)
		part = payload;
	memcpy(transaction->data + transaction->got, data, part);
	transaction->got += part;
	if (transaction->got == transaction->len) {
		transaction->receiving = false;
		transaction->ready = true;
	}
}

static void begin(struct tk_key *key, struct where from, const uint8_t *report)
{
	struct tk_transaction *transaction = &key->session.transaction;
	uint8_t command = report[4] & 0x7f;
	size_t len = (size_t)report[5] << 8 | report[6];

	if (transaction->working || transaction->ready ||
	    (transaction->receiving && transaction->channel != from.channel)) {
		key->counters.busy++;
		send_short(key, from, TK_HID_ERROR, CHANNEL_BUSY);
	} else if (len > TK_MESSAGE_MAX) {
		send_short(key, from, TK_HID_ERROR, INVALID_LENGTH);
	} else {
		transaction->receiving = true;
		transaction->client = from.client;
		transaction->channel = from.channel;
		transaction->command = command;
		transaction->sequence = 0;
		transaction->len = len;
		transaction->got = 0;
		transaction->deadline_ms = tk_now_ms() + MESSAGE_TIMEOUT_MS;
		take(transaction, report + 7, FIRST_PAYLOAD);
	}
}

static void continuation(struct tk_key *key, struct where from, const uint8_t *report)
{
	struct tk_transaction *transaction = &key->session.transaction;

	if (!transaction->receiving || transaction->channel != from.channel)
		return;
	if (report[4] != transaction->sequence++) {
		transaction->receiving = false;
		send_short(key, from, TK_HID_ERROR, INVALID_SEQUENCE);
		return;
	}
	transaction->deadline_ms = tk_now_ms() + MESSAGE_TIMEOUT_MS;
	take(transaction, report + 5, NEXT_PAYLOAD);
}

void tk_hid_input(struct tk_key *key, int client, const uint8_t report[TK_REPORT_LEN])
{
	struct where from = {client, get32(report)};
	uint8_t command = report[4];

	if (command == (TK_HID_INIT | 0x80) &&
	    (from.channel == BROADCAST || channel_known(key, from.channel)))
		init(key, from, report);
	else if (!channel_known(key, from.channel))
		send_short(key, from, TK_HID_ERROR, INVALID_CHANNEL);
	else if (command == (TK_HID_CANCEL | 0x80))
		cancel(key, from.channel);
	else if (command & 0x80)
		begin(key, from, report);
	else
		continuation(key, from, report);
}

void tk_hid_client_gone(struct tk_key *key, int client)
{
	struct tk_transaction *transaction = &key->session.transaction;

	for (size_t i = 0; i < TK_CHANNELS_MAX; i++) {
		if (key->session.channels[i].client == client)
			key->session.channels[i] = (struct tk_channel){0};
	}
	if (transaction->client != client)
		return;
	transaction->client = -1;
	transaction->receiving = false;
	if (!transaction->working || key->wait.kind == TK_WAIT_NOTHING)
		return;
	key->counters.abandoned++;
	if (!key->options.keep_waiting && key->wait.end == TK_PENDING)
		key->wait.end = TK_GONE;
}

void tk_hid_tick(struct tk_key *key)
{
	struct tk_transaction *transaction = &key->session.transaction;

	if (!transaction->receiving || tk_now_ms() < transaction->deadline_ms)
		return;
	transaction->receiving = false;
	send_short(key, (struct where){transaction->client, transaction->channel}, TK_HID_ERROR,
		   MESSAGE_TIMEOUT);
}

static void message(struct tk_key *key, uint8_t command, struct tk_slice request)
{
	static uint8_t answer[TK_MESSAGE_MAX];
	size_t len;

	key->counters.messages++;
	len = command == TK_HID_CBOR ? tk_ctap(key, request, answer) : tk_u2f(key, request, answer);
	if (len > 0 && tk_fault(key, "empty"))
		len = 0;
	else if (len == 0)
		return;
	tk_hid_reply(key, command, (struct tk_slice){answer, len});
}

static void work(struct tk_key *key)
{
	const struct tk_transaction *transaction = &key->session.transaction;
	struct tk_slice request = {transaction->data, transaction->len};
	bool cbor = transaction->command == TK_HID_CBOR && !key->options.u2f_only;
	bool u2f = transaction->command == TK_HID_MSG && !key->options.no_u2f;

	if (cbor || u2f) {
		message(key, transaction->command, request);
	} else if (transaction->command == TK_HID_PING) {
		key->counters.pings++;
		tk_hid_reply(key, TK_HID_PING, request);
	} else if (transaction->command == TK_HID_WINK) {
		key->counters.winks++;
		tk_hid_reply(key, TK_HID_WINK, (struct tk_slice){request.data, 0});
	} else {
		send_short(key, (struct where){transaction->client, transaction->channel}, TK_HID_ERROR,
			   INVALID_COMMAND);
	}
}

void tk_hid_work(struct tk_key *key)
{
	struct tk_transaction *transaction = &key->session.transaction;

	transaction->ready = false;
	transaction->working = true;
	key->command = NULL;
	work(key);
	transaction->working = false;
}
