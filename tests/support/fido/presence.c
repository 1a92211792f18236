/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingers: waiting for a touch or a fingerprint, with signs of life, and what ends the wait: the
 * control channel, the time set for it, a cancel, the key being pulled out.
 *
 * State: key->wait. A wait runs the loop: requests of others that come in meanwhile are refused as
 * busy, so waits never nest.
 */
#include "control.h"
#include "ctap.h"
#include "fault.h"
#include "hid.h"
#include "loop.h"

#define U2F_POLL_MS 1500

static bool take_queued(struct tk_wait *wait)
{
	if (wait->kind == TK_WAIT_TOUCH && wait->touches_queued > 0) {
		wait->touches_queued--;
		wait->end = TK_TOUCHED;
	} else if (wait->kind == TK_WAIT_FINGER && wait->finger_count > 0) {
		wait->end = wait->fingers[0] ? TK_FINGER_GOOD : TK_FINGER_BAD;
		wait->finger_count--;
		for (size_t i = 0; i < wait->finger_count; i++)
			wait->fingers[i] = wait->fingers[i + 1];
	}
	return wait->end != TK_PENDING;
}

/* What the end of the time means for this kind of wait; automatic ones end well. */
static bool expire(struct tk_wait *wait, int after_ms)
{
	if (wait->kind == TK_WAIT_TOUCH && after_ms >= 0)
		wait->end = TK_TOUCHED;
	else if (wait->kind == TK_WAIT_FINGER && after_ms >= 0)
		wait->end = TK_FINGER_GOOD;
	return wait->end != TK_PENDING;
}

/* Waits, after_ms >= 0: ends well after that time. Leaves the end in wait.end, TK_PENDING if nothing came. */
static void await(struct tk_key *key, enum tk_wait_kind kind, int after_ms, unsigned timeout_ms)
{
	bool automatic = after_ms >= 0 && (unsigned)after_ms <= timeout_ms;
	int64_t now = tk_now_ms(), beat = now + key->options.keepalive_ms;
	int64_t until = now + (automatic ? after_ms : (int64_t)timeout_ms);

	key->wait.kind = kind;
	key->wait.end = TK_PENDING;
	if (kind != TK_WAIT_PAUSE && tk_fault(key, "remove-waiting"))
		tk_loop_remove(key);
	if (kind != TK_WAIT_PAUSE)
		tk_control_waiting(key, kind);
	while (key->wait.end == TK_PENDING && !take_queued(&key->wait) && !key->quit) {
		now = tk_now_ms();
		if (now >= until) {
			(void)expire(&key->wait, automatic ? after_ms : -1);
			break;
		}
		if (now >= beat) {
			tk_hid_keepalive(key, kind == TK_WAIT_PAUSE ? TK_ALIVE_WORKING : TK_ALIVE_TOUCH);
			beat += key->options.keepalive_ms;
		}
		tk_loop_turn(key, (beat < until ? beat : until) - now);
	}
	key->wait.kind = TK_WAIT_NOTHING;
}

static uint8_t status_of(const struct tk_key *key, enum tk_wait_end end)
{
	switch (end) {
	case TK_TOUCHED:
	case TK_FINGER_GOOD:
	case TK_FINGER_BAD:
		return TK_OK;
	case TK_CANCELLED:
		return TK_KEEPALIVE_CANCEL;
	case TK_GONE:
		return TK_NO_ANSWER;
	case TK_PENDING:
		break;
	}
	return key->quit ? TK_NO_ANSWER : key->options.timeout_status;
}

uint8_t tk_await_touch(struct tk_key *key)
{
	uint8_t status;

	key->counters.touches_asked++;
	await(key, TK_WAIT_TOUCH, key->options.touch_after_ms, key->options.touch_timeout_ms);
	status = status_of(key, key->wait.end);
	if (status == TK_OK)
		key->counters.touches++;
	return status;
}

uint8_t tk_await_finger(struct tk_key *key, bool *good)
{
	uint8_t status;

	await(key, TK_WAIT_FINGER, key->options.finger_after_ms, key->options.touch_timeout_ms);
	status = status_of(key, key->wait.end);
	*good = key->wait.end == TK_FINGER_GOOD;
	if (status == TK_OK)
		key->counters.finger_attempts++;
	if (status == TK_OK && !*good)
		key->counters.finger_wrong++;
	return status;
}

uint8_t tk_pause(struct tk_key *key, unsigned ms)
{
	await(key, TK_WAIT_PAUSE, -1, ms);
	return key->wait.end == TK_PENDING && !key->quit ? TK_OK : status_of(key, key->wait.end);
}

uint8_t tk_verify_finger(struct tk_key *key)
{
	bool good = false;
	uint8_t status;

	if (key->memory.uv_retries == 0)
		return TK_UV_BLOCKED;
	status = tk_await_finger(key, &good);
	if (status != TK_OK)
		return status;
	key->memory.uv_retries = good ? key->options.uv_retries : key->memory.uv_retries - 1;
	tk_memory_save(key);
	if (good)
		return TK_OK;
	return key->memory.uv_retries == 0 ? TK_UV_BLOCKED : TK_UV_INVALID;
}

/* U2F does not wait: the program asks again and again until a finger was there. */
bool tk_u2f_touched(struct tk_key *key)
{
	struct tk_wait *wait = &key->wait;
	int64_t now = tk_now_ms();
	bool touched;

	if (now - wait->u2f_last_ms > U2F_POLL_MS || wait->u2f_last_ms == 0) {
		wait->u2f_since_ms = now;
		wait->u2f_touched = false;
		key->counters.touches_asked++;
	}
	wait->u2f_last_ms = now;
	tk_control_waiting(key, TK_WAIT_TOUCH);
	touched =
		wait->u2f_touched || wait->touches_queued > 0 ||
		(key->options.touch_after_ms >= 0 && now - wait->u2f_since_ms >= key->options.touch_after_ms);
	if (!touched)
		return false;
	if (!wait->u2f_touched && wait->touches_queued > 0)
		wait->touches_queued--;
	wait->u2f_touched = false;
	wait->u2f_last_ms = 0;
	key->counters.touches++;
	return true;
}

bool tk_touch(struct tk_key *key)
{
	struct tk_wait *wait = &key->wait;

	if (wait->kind == TK_WAIT_TOUCH && wait->end == TK_PENDING) {
		wait->end = TK_TOUCHED;
		return true;
	}
	if (wait->u2f_last_ms == 0 || tk_now_ms() - wait->u2f_last_ms > U2F_POLL_MS)
		return false;
	wait->u2f_touched = true;
	return true;
}

bool tk_finger(struct tk_key *key, bool good)
{
	if (key->wait.kind != TK_WAIT_FINGER || key->wait.end != TK_PENDING)
		return false;
	key->wait.end = good ? TK_FINGER_GOOD : TK_FINGER_BAD;
	return true;
}
