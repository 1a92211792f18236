/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll_many ADMIN_SOCKET COUNT SEED_HEX: adds persons u0000000 … and an active TOTP credential for
 * each, through the administrator's socket as hospictl does, and prints how long that took. All have
 * the same seed, so that the benchmark can compute everybody's code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/broker_client.h"
#include "hospiconnect/clock.h"

#define SEED_MAX 64

static size_t read_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t len = 0;
	unsigned value;

	while (len < cap && sscanf(hex + 2 * len, "%2x", &value) == 1)
		out[len++] = (uint8_t)value;
	return len;
}

/* Sends one request and reads up to its END; the broker's word for a refusal goes to stderr. */
static int ask(struct hc_broker *broker, struct hc_msg *msg)
{
	uint32_t err = 1;

	if (hc_broker_send(broker, msg) != HC_OK)
		return -1;
	do {
		if (hc_broker_receive(broker, msg, HC_BROKER_SILENCE_MS) != HC_OK)
			return -1;
	} while (msg->type != HC_MSG_END);
	if (hc_msg_u32(msg, HC_FIELD_ERR, &err) != HC_OK || err != HC_OK) {
		fprintf(stderr, "enroll_many: refused with error %u\n", err);
		return -1;
	}
	return 0;
}

static int enroll(struct hc_broker *broker, struct hc_msg *msg, long number, const uint8_t *seed,
		  size_t seed_len)
{
	char login[32];

	(void)snprintf(login, sizeof(login), "u%07ld", number); /* fits: a long has at most 20 digits */
	hc_msg_init(msg, HC_MSG_USER_ADD);
	hc_msg_put_text(msg, HC_FIELD_LOGIN, login);
	if (ask(broker, msg) < 0)
		return -1;
	hc_msg_init(msg, HC_MSG_ENROLL_OTP);
	hc_msg_put_text(msg, HC_FIELD_LOGIN, login);
	hc_msg_put_text(msg, HC_FIELD_CREDENTIAL_TYPE, "totp");
	hc_msg_put_bytes(msg, HC_FIELD_SEED, seed, seed_len);
	hc_msg_put_u32(msg, HC_FIELD_CONFIRM, 0);
	return ask(broker, msg);
}

int main(int argc, char **argv)
{
	HC_AUTO(broker) broker = NULL;
	HC_AUTO(msg) msg = NULL;
	uint8_t seed[SEED_MAX];
	const struct hc_clock *clock = hc_clock_system();
	int64_t start = hc_mono_ms(clock);

	if (argc != 4) {
		fprintf(stderr, "usage: enroll_many ADMIN_SOCKET COUNT SEED_HEX\n");
		return 2;
	}
	if (hc_msg_new(&msg) != HC_OK ||
	    hc_broker_connect(argv[1], HC_PEER_DIRECTORY_OWNER, clock, &broker) != HC_OK) {
		fprintf(stderr, "enroll_many: no broker at %s\n", argv[1]);
		return 1;
	}
	long count = strtol(argv[2], NULL, 10);
	size_t seed_len = read_hex(argv[3], seed, sizeof(seed));

	for (long i = 0; i < count; i++) {
		if (enroll(broker, msg, i, seed, seed_len) < 0)
			return 1;
	}
	printf("%ld persons enrolled in %.1f s\n", count, (double)(hc_mono_ms(clock) - start) / 1000.0);
	return 0;
}
