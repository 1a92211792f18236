/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the control channel. */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctap.h"
#include "fault.h"
#include "loop.h"

struct words {
	char storage[512];
	char *word[18];
	size_t count;
};

static void split(const char *line, struct words *words)
{
	char *at = words->storage;

	*words = (struct words){0};
	(void)snprintf(words->storage, sizeof(words->storage), "%s", line);
	while (words->count < 17 && *(at += strspn(at, " ")) != '\0') {
		words->word[words->count++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	for (size_t i = words->count; i < 18; i++)
		words->word[i] = words->storage + sizeof(words->storage) - 1;
}

static bool is(const struct words *words, size_t at, const char *text)
{
	return strcmp(words->word[at], text) == 0;
}

static const char *set_after(const struct words *words, int *after_ms)
{
	char *end;
	long value = strtol(words->word[2], &end, 10);

	if (is(words, 1, "manual")) {
		*after_ms = -1;
		return "ok";
	}
	if (*end != '\0' || value < 0 || value > 3600000)
		return "error how many ms?";
	*after_ms = (int)value;
	return "ok";
}

static const char *touch(struct tk_key *key, const struct words *words)
{
	if (words->count == 1)
		return tk_touch(key) ? "ok" : "idle";
	if (!is(words, 1, "next"))
		return set_after(words, &key->options.touch_after_ms);
	key->wait.touches_queued++;
	return "ok";
}

static const char *finger(struct tk_key *key, const struct words *words)
{
	struct tk_wait *wait = &key->wait;

	if (is(words, 1, "good") || is(words, 1, "bad"))
		return tk_finger(key, is(words, 1, "good")) ? "ok" : "idle";
	if (!is(words, 1, "next"))
		return set_after(words, &key->options.finger_after_ms);
	for (size_t i = 2; i < words->count; i++) {
		if (wait->finger_count == TK_QUEUE_MAX || (!is(words, i, "good") && !is(words, i, "bad")))
			return "error which finger?";
		wait->fingers[wait->finger_count++] = is(words, i, "good");
	}
	return "ok";
}

static const char *insert(struct tk_key *key)
{
	if (key->inserted)
		return "error it is there";
	if (key->session.transaction.working)
		return "error it was pulled out just now";
	return tk_loop_insert(key) ? "ok" : "error no socket";
}

static const char *fault(struct tk_key *key, const char *line, const struct words *words)
{
	if (is(words, 1, "none")) {
		tk_fault_clear(key);
		return "ok";
	}
	return tk_fault_set(key, line + strlen("fault")) ? "ok" : "error which fault?";
}

static void counters(const struct tk_key *key, char *answer, size_t cap)
{
	int len = snprintf(answer, cap, "ok");

#define PRINT(name, what)                 \
	if (len > 0 && (size_t)len < cap) \
		len += snprintf(answer + len, cap - (size_t)len, " " #name "=%lu", key->counters.name);
	TK_COUNTERS(PRINT)
#undef PRINT
}

static void status(const struct tk_key *key, char *answer, size_t cap)
{
	static const char *const waits[] = {"nothing", "touch", "finger", "pause"};
	size_t credentials = 0;

	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++)
		credentials += key->memory.credentials[i].pair ? 1 : 0;
	(void)snprintf(answer, cap,
		       "ok inserted=%d waiting=%s working=%d has_pin=%d pin_retries=%u pin_mismatches=%u "
		       "uv_retries=%u "
		       "min_pin=%u always_uv=%d force_pin_change=%d counter=%u credentials=%zu residents=%zu",
		       key->inserted, waits[key->wait.kind], key->session.transaction.working,
		       key->memory.has_pin, key->memory.pin_retries, key->session.pin_mismatches,
		       key->memory.uv_retries, key->memory.min_pin, key->memory.always_uv,
		       key->memory.force_pin_change, key->memory.counter, credentials,
		       tk_credential_residents(key));
}

static const char *await(struct tk_key *key, int client, const struct words *words)
{
	enum tk_wait_kind kind = is(words, 1, "finger") ? TK_WAIT_FINGER : TK_WAIT_TOUCH;

	if (key->wait.kind == kind && key->wait.end == TK_PENDING)
		return "ok";
	tk_loop_await(key, client, kind);
	return "";
}

static const char *power(struct tk_key *key, const struct words *words)
{
	if (is(words, 0, "insert"))
		return insert(key);
	if (is(words, 0, "quit"))
		key->quit = true;
	else
		tk_loop_remove(key);
	return "ok";
}

void tk_control_line(struct tk_key *key, int client, const char *line, char *answer, size_t cap)
{
	struct words words;
	const char *said = "error unknown command";

	split(line, &words);
	if (is(&words, 0, "counters")) {
		counters(key, answer, cap);
		return;
	}
	if (is(&words, 0, "status")) {
		status(key, answer, cap);
		return;
	}
	if (is(&words, 0, "touch"))
		said = touch(key, &words);
	else if (is(&words, 0, "finger"))
		said = finger(key, &words);
	else if (is(&words, 0, "await"))
		said = await(key, client, &words);
	else if (is(&words, 0, "fault"))
		said = fault(key, line, &words);
	else if (is(&words, 0, "counting"))
		said = tk_counting_parse(words.word[1], &key->options.counting) ? "ok" : "error which way?";
	else if (is(&words, 0, "remove") || is(&words, 0, "insert") || is(&words, 0, "quit"))
		said = power(key, &words);
	(void)snprintf(answer, cap, "%s", said);
}

void tk_control_waiting(struct tk_key *key, enum tk_wait_kind kind)
{
	tk_loop_tell(key, kind, "ok");
}
