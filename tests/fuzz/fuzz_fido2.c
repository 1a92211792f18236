/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fido2_machine.h"
#include "fido2_say.h"
#include "fuzz.h"

/*
 * The helper's side of its link: a DEVICE_START, then anything that a broker may answer and keys may do, in any
 * order. The input: 2 bytes length and a packet, then events of a few bytes each. Whatever comes:
 * one end, and nothing behind it; no PIN that this key has refused, none that cannot be one, and the last
 * try only upon a yes; and each time that one is sent, the person has answered something before.
 */
#define REFUSED_MAX 32

struct world {
	struct hc_fido2_request request;
	struct hc_fido2_machine machine;
	struct hc_msg msg;
	int64_t now_ms;
	bool ended, said_yes, answered;
	enum hc_fido2_job jobs[HC_FIDO2_KEYS_MAX]; /* that run; 0: none */
	char pins[HC_FIDO2_KEYS_MAX][HC_DEVICE_PIN_MAX + 1];
	char refused[REFUSED_MAX][HC_DEVICE_PIN_MAX + 1];
	size_t refused_count;
};

static void on_start(void *ctx, unsigned key, const struct hc_fido2_task *task)
{
	struct world *world = ctx;

	FUZZ_REQUIRE(!world->ended && key < HC_FIDO2_KEYS_MAX);
	world->jobs[key] = task->job;
	world->pins[key][0] = '\0';
	if (task->pin == NULL)
		return;
	FUZZ_REQUIRE(hc_secret_len(task->pin) > HC_DEVICE_PIN_MIN &&
		     hc_secret_len(task->pin) <= sizeof(world->pins[key]));
	memcpy(world->pins[key], hc_secret_data(task->pin), hc_secret_len(task->pin));
	FUZZ_REQUIRE(strlen(world->pins[key]) + 1 == hc_secret_len(task->pin));
	for (size_t i = 0; i < world->refused_count; i++)
		FUZZ_REQUIRE(strcmp(world->refused[i], world->pins[key]) != 0);
	FUZZ_REQUIRE(key == world->machine.chosen && world->answered);
	world->answered = false;
	FUZZ_REQUIRE(world->machine.slots[key].facts.pin_tries > 1 || world->said_yes);
}

static void on_key(void *ctx, unsigned key)
{
	(void)ctx;
	FUZZ_REQUIRE(key < HC_FIDO2_KEYS_MAX);
}

static void on_release(void *ctx, unsigned key)
{
	on_key(ctx, key);
	((struct world *)ctx)->jobs[key] = (enum hc_fido2_job)0;
}

static bool on_present(void *ctx, unsigned key)
{
	on_key(ctx, key);
	return ((struct world *)ctx)->now_ms % 2 == 0;
}

static void on_wait(void *ctx, enum hc_device_wait wait, const struct hc_fido2_note *note)
{
	struct world *world = ctx;

	FUZZ_REQUIRE(!world->ended && hc_fido2_say_wait(&world->msg, wait, note) == HC_OK);
}

static void on_ask(void *ctx, enum hc_device_ask ask, const struct hc_fido2_note *note,
		   const struct hc_fido2_account *accounts, size_t count)
{
	struct world *world = ctx;

	FUZZ_REQUIRE(!world->ended && hc_fido2_say_ask(&world->msg, ask, note, accounts, count) == HC_OK);
	if (ask == HC_DEVICE_CONFIRM_LAST_TRY)
		world->said_yes = false;
}

static void on_item(void *ctx, unsigned key, const struct hc_fido2_facts *facts,
		    const struct hc_fido2_note *note)
{
	struct world *world = ctx;

	on_key(ctx, key);
	FUZZ_REQUIRE(!world->ended && hc_fido2_say_item(&world->msg, "/dev/k", facts, note) == HC_OK);
}

static void on_done(void *ctx, const struct hc_fido2_outcome *outcome, size_t chosen,
		    const struct hc_fido2_note *note)
{
	struct world *world = ctx;

	FUZZ_REQUIRE(!world->ended && (outcome == NULL || chosen < outcome->account_count));
	FUZZ_REQUIRE(hc_fido2_say_done(&world->msg, outcome, chosen, note) == HC_OK);
	world->ended = true;
}

static void on_failed(void *ctx, const struct hc_fido2_note *note)
{
	struct world *world = ctx;

	FUZZ_REQUIRE(!world->ended && note->reason != HC_REASON_NONE);
	FUZZ_REQUIRE(hc_fido2_say_failed(&world->msg, note) == HC_OK);
	world->ended = true;
}

static const struct hc_fido2_ops ops = {.start = on_start,
					.cancel = on_key,
					.release = on_release,
					.present = on_present,
					.wait = on_wait,
					.ask = on_ask,
					.item = on_item,
					.done = on_done,
					.failed = on_failed};

/* ---- events ---- */

struct input {
	const uint8_t *data;
	size_t len;
};

static uint8_t byte(struct input *input)
{
	if (input->len == 0)
		return 0;
	input->len--;
	return *input->data++;
}

static struct hc_fido2_facts facts_of(struct input *input)
{
	uint8_t bits = byte(input), more = byte(input);

	return (struct hc_fido2_facts){.fido2 = (bits & 1) != 0,
				       .can_pin = (bits & 2) != 0,
				       .has_pin = (bits & 6) == 6,
				       .can_finger = (bits & 8) != 0,
				       .has_finger = (bits & 24) == 24,
				       .always_verify = (bits & 32) != 0,
				       .discoverable = (bits & 64) != 0,
				       .protect = (bits & 128) != 0,
				       .holds = (more & 1) != 0,
				       .pin_change = (more & 2) != 0,
				       .pin_tries = (int)(more >> 2 & 15) - 1,
				       .finger_tries = (int)(more >> 6) - 1,
				       .pin_min = 4};
}

static void finish(struct world *world, struct input *input, unsigned key)
{
	struct hc_fido2_outcome outcome = {
		.status = (enum hc_fido2_status)(byte(input) % (HC_FIDO2_FAILED + 1)),
		.facts = facts_of(input)};
	enum hc_fido2_job job = world->jobs[key];

	if (job == 0)
		return;
	world->jobs[key] = (enum hc_fido2_job)0;
	if (outcome.status == HC_FIDO2_PIN_WRONG && world->pins[key][0] != '\0' &&
	    world->refused_count < REFUSED_MAX)
		memcpy(world->refused[world->refused_count++], world->pins[key], sizeof(world->pins[key]));
	if (outcome.status == HC_FIDO2_OK && (job == HC_FIDO2_ASSERT || job == HC_FIDO2_MAKE)) {
		outcome.account_count = byte(input) % (HC_DEVICE_CHOICES_MAX + 1);
		outcome.accounts = calloc(HC_DEVICE_CHOICES_MAX, sizeof(*outcome.accounts));
		if (outcome.accounts == NULL)
			abort();
	}
	hc_fido2_finished(&world->machine, key, job, &outcome, world->now_ms);
	FUZZ_REQUIRE(outcome.accounts == NULL);
}

static bool answer(struct world *world, struct input *input)
{
	size_t len = byte(input) % 80;
	const uint8_t *data = input->data;

	if (len > input->len)
		len = input->len;
	input->data += len;
	input->len -= len;
	if (len == 3 && memcmp(data, "yes", 3) == 0 && world->machine.state == HC_FIDO2_ASKING &&
	    world->machine.question == HC_DEVICE_CONFIRM_LAST_TRY)
		world->said_yes = true;
	world->answered = true;
	/* As the loop does: an answer out of turn ends it. */
	return hc_fido2_answered(&world->machine, data, len, world->now_ms) == HC_OK;
}

static bool event(struct world *world, struct input *input)
{
	uint8_t what = byte(input);
	unsigned key = what >> 3 & 7;

	switch (what & 7) {
	case 0:
		if (world->machine.slots[key].place == HC_FIDO2_FREE)
			hc_fido2_arrived(&world->machine, key, "Key", world->now_ms);
		return true;
	case 1:
		world->jobs[key] = (enum hc_fido2_job)0;
		hc_fido2_gone(&world->machine, key, world->now_ms);
		return true;
	case 2:
		hc_fido2_scanned(&world->machine, world->now_ms);
		return true;
	case 3:
		return answer(world, input);
	case 4:
		hc_fido2_cancelled(&world->machine);
		return true;
	case 5:
		world->now_ms += 1 + 64 * (int64_t)byte(input);
		hc_fido2_tick(&world->machine, world->now_ms);
		return true;
	default:
		finish(world, input, key);
		return true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct world *world = calloc(1, sizeof(*world));
	size_t len = (size_t)byte(&input) << 8;

	len |= byte(&input);
	if (world == NULL)
		abort();
	if (len > input.len || len > HC_MSG_MAX)
		len = input.len < HC_MSG_MAX ? input.len : HC_MSG_MAX;
	memcpy(world->msg.packet, input.data, len);
	input.data += len;
	input.len -= len;
	if (hc_msg_parse(&world->msg, len) == HC_OK &&
	    hc_fido2_request_parse(&world->msg, &world->request) == HC_OK) {
		hc_fido2_machine_init(&world->machine, &world->request, &ops, world, world->now_ms);
		while (input.len > 0 && event(world, &input))
			FUZZ_REQUIRE(world->ended == (world->machine.state == HC_FIDO2_ENDED));
		/* and it ends by itself */
		world->now_ms += 1 + HC_DEVICE_TIMEOUT_MAX_S * INT64_C(1000);
		hc_fido2_tick(&world->machine, world->now_ms);
		FUZZ_REQUIRE(world->ended);
		hc_fido2_machine_clear(&world->machine);
	}
	free(world);
	return 0;
}
