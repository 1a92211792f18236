/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of a security key to an administrator.
 *
 * State: the new PIN as it was typed the first time, in hc_secret, until it was typed again. Threats: a PIN with a
 * slip of the finger in it, which would lock its owner out of a new key; one that is shorter than policy or key want,
 * which would cost two typings before the key says no. It must never log or repeat what was typed, and never pass on
 * a new PIN that was typed once.
 */
#include "admin_pin.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "reply.h"

#define TEXT_MAX 1000

void hc_admin_pin_clear(struct hc_admin_pin *pin)
{
	hc_secret_free(&pin->first);
	pin->is_new = false;
}

void hc_admin_info(const struct hc_admin_job *job, const char *name, struct hc_msg *out)
{
	char text[TEXT_MAX];

	hc_text(job->answer.lang, name, NULL, text, sizeof(text));
	hc_msg_init(out, HC_MSG_INFO);
	hc_msg_put_text(out, HC_FIELD_TEXT, text);
}

/* ---- a new PIN ---- */

/* The question; why: what was wrong with the last answer. */
static void ask_new(const struct hc_admin_job *job, const struct hc_admin_pin *pin, enum hc_reason why,
		    struct hc_msg *out)
{
	char number[16], reason[TEXT_MAX] = "", words[TEXT_MAX], text[2 * TEXT_MAX + 2];
	const char *args[] = {number, NULL};

	if (why != HC_REASON_NONE)
		hc_text_reason(job->answer.lang, why, NULL, reason, sizeof(reason));
	snprintf(number, sizeof(number), "%u", pin->min);
	hc_text(job->answer.lang, pin->first != NULL ? "prompt.new_pin_again" : "prompt.new_pin_min", args,
		words, sizeof(words));
	snprintf(text, sizeof(text), "%s%s%s", reason, reason[0] != '\0' ? "\n" : "", words);
	hc_msg_init(out, HC_MSG_STEP);
	hc_msg_put_u32(out, HC_FIELD_STEP_KIND, HC_STEP_SECRET);
	hc_msg_put_text(out, HC_FIELD_TEXT, text);
	hc_msg_put_u32(out, HC_FIELD_TIMEOUT_S, HC_ADMIN_KEY_TIMEOUT_S);
}

/* The helper asks again for what the key does not take; this spares the person a second typing of it. */
static bool is_possible(const struct hc_secret *pin, uint32_t min)
{
	const uint8_t *data = hc_secret_data(pin);
	const size_t len = hc_secret_len(pin);
	uint32_t characters = 0;

	if (len > HC_DEVICE_PIN_MAX || memchr(data, '\0', len) != NULL ||
	    !hc_utf8_valid((const char *)data, len))
		return false;
	for (size_t i = 0; i < len; i++)
		characters += (data[i] & 0xc0) != 0x80 ? 1 : 0;
	return characters >= min;
}

enum hc_admin_device_act hc_admin_pin_answered(struct hc_admin_job *job, struct hc_admin_pin *pin,
					       const struct hc_secret *answer, struct hc_msg *out)
{
	enum hc_reason why = HC_REASON_NONE;

	if (!pin->is_new)
		return HC_ADMIN_DEVICE_PASS;
	if (pin->first == NULL && !is_possible(answer, pin->min)) {
		why = HC_REASON_PIN_NOT_ACCEPTED;
	} else if (pin->first == NULL) {
		/* The first time: it is kept until the second. */
		if (hc_secret_from(hc_secret_data(answer), hc_secret_len(answer), &pin->first) != HC_OK)
			return HC_ADMIN_DEVICE_BREAK;
	} else if (hc_secret_equal(pin->first, answer)) {
		hc_admin_pin_clear(pin);
		pin->given = true;
		return HC_ADMIN_DEVICE_PASS;
	} else {
		/* Which of the two was meant, nobody knows. */
		hc_secret_free(&pin->first);
		why = HC_REASON_PINS_DIFFER;
	}
	job->asks = HC_DEVICE_NEW_PIN;
	ask_new(job, pin, why, out);
	return HC_ADMIN_DEVICE_SEND;
}

/* ---- what the key says ---- */

static enum hc_admin_device_act take_new(struct hc_admin_job *job, struct hc_admin_pin *pin,
					 const struct hc_msg *msg, struct hc_msg *out)
{
	const uint32_t ours = (uint32_t)job->authd->config->fido.pin_min;
	uint32_t min = 0;

	if (hc_msg_has(msg, HC_FIELD_PIN_MIN) &&
	    (hc_msg_u32(msg, HC_FIELD_PIN_MIN, &min) != HC_OK || min > HC_DEVICE_PIN_MAX))
		return HC_ADMIN_DEVICE_BREAK;
	hc_admin_pin_clear(pin);
	pin->min = min > ours ? min : ours;
	pin->is_new = true;
	pin->given = false;
	job->asks = HC_DEVICE_NEW_PIN;
	ask_new(job, pin, hc_admin_device_reason(msg), out);
	return HC_ADMIN_DEVICE_SEND;
}

enum hc_admin_device_act hc_admin_pin_ask(struct hc_admin_job *job, struct hc_admin_pin *pin,
					  const struct hc_msg *msg, struct hc_msg *out)
{
	const struct hc_hello hello = {.lang = job->answer.lang}; /* for texts: language alone */
	struct hc_reply_device ask = {.why = hc_admin_device_reason(msg),
				      .tries_left = HC_REPLY_TRIES_UNKNOWN,
				      .timeout_s = HC_ADMIN_KEY_TIMEOUT_S};
	uint32_t kind = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_ASK, &kind) != HC_OK)
		return HC_ADMIN_DEVICE_BREAK;
	if (kind == HC_DEVICE_NEW_PIN)
		return take_new(job, pin, msg, out);
	if ((kind != HC_DEVICE_PIN && kind != HC_DEVICE_CONFIRM_LAST_TRY) ||
	    (hc_msg_has(msg, HC_FIELD_TRIES_LEFT) &&
	     hc_msg_u32(msg, HC_FIELD_TRIES_LEFT, &ask.tries_left) != HC_OK))
		return HC_ADMIN_DEVICE_BREAK;
	hc_admin_pin_clear(pin);
	ask.kind = (enum hc_device_ask)kind;
	job->asks = ask.kind;
	hc_reply_device_ask(out, &hello, &ask);
	return HC_ADMIN_DEVICE_SEND;
}

enum hc_admin_device_act hc_admin_pin_wait(const struct hc_admin_job *job, const struct hc_msg *msg,
					   struct hc_msg *out)
{
	const struct hc_hello hello = {.lang = job->answer.lang};
	uint32_t wait = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) != HC_OK || wait < HC_DEVICE_INSERT ||
	    wait > HC_DEVICE_PIN_PAD)
		return HC_ADMIN_DEVICE_BREAK;
	hc_reply_device_wait(out, &hello, (enum hc_device_wait)wait, hc_admin_device_reason(msg));
	return HC_ADMIN_DEVICE_SEND;
}

/* ---- setting it ---- */

void hc_admin_pin_start(const struct hc_admin_job *job, const char *path, struct hc_msg *start)
{
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_SET_PIN);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, HC_ADMIN_KEY_TIMEOUT_S);
	hc_msg_put_text(start, HC_FIELD_DEVICE_PATH, path);
	hc_msg_put_u32(start, HC_FIELD_PIN_MIN, (uint32_t)job->authd->config->fido.pin_min);
}

void hc_admin_pin_note(const struct hc_admin_job *job, const char *login, enum hc_reason reason,
		       const char *detail)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_KEY_PIN, login);

	entry.success = reason == HC_REASON_NONE;
	entry.reason = reason;
	entry.factor = "fido2";
	entry.detail = detail;
	if (hc_audit_note(job->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "what became of the PIN of a key could not be recorded");
}
