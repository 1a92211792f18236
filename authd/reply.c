/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversation says, rendered.
 *
 * No state. Texts come from the table that the build makes of po/; the only things put into them are
 * numbers and dates of ours, so nothing that somebody else wrote reaches a screen.
 */
#include "reply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hospiconnect/text.h"

#define MS_PER_S 1000
#define TEXT_MAX 1000

static void format_day(enum hc_lang lang, int64_t time_ms, char *out, size_t cap)
{
	time_t seconds = (time_t)(time_ms / MS_PER_S);
	struct tm day;

	if (gmtime_r(&seconds, &day) == NULL ||
	    strftime(out, cap, lang == HC_LANG_FR ? "%d/%m/%Y" : "%Y-%m-%d", &day) == 0)
		out[0] = '\0';
}

static void render_reason(enum hc_lang lang, enum hc_reason reason, const struct hc_reply_facts *facts,
			  char *out, size_t cap)
{
	char argument[64] = "";
	const char *args[] = {argument, NULL};

	out[0] = '\0';
	if (reason == HC_REASON_NONE)
		return;
	if (reason == HC_REASON_LOCKED_OUT)
		hc_text_duration(lang, facts->retry_s, argument, sizeof(argument));
	else if (reason == HC_REASON_GRACE)
		format_day(lang, facts->grace_until_ms, argument, sizeof(argument));
	hc_text_reason(lang, reason, args, out, cap);
}

void hc_reply_result(struct hc_msg *msg, const struct hc_hello *hello, const struct hc_decision *decision,
		     const struct hc_reply_facts *facts)
{
	char text[TEXT_MAX];

	render_reason(hello->lang, decision->reason, facts, text, sizeof(text));
	hc_msg_init(msg, HC_MSG_RESULT);
	hc_msg_put_u32(msg, HC_FIELD_VERDICT, (uint32_t)decision->verdict);
	hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)decision->reason);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	if (decision->verdict == HC_DENY_LOCKED) {
		bool fits = facts->retry_s > 0 && facts->retry_s <= UINT32_MAX;

		hc_msg_put_u32(msg, HC_FIELD_RETRY_AFTER_S, fits ? (uint32_t)facts->retry_s : 1);
	}
}

void hc_reply_step(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods, int64_t timeout_s,
		   enum hc_reason why, const struct hc_reply_facts *facts)
{
	const char *name = (methods & HC_METHOD_TOTP) != 0 ? "prompt.code" : "prompt.recovery";
	const char *gap = (hello->flags & HC_FLAG_PROMPT_ONLY) != 0 ? " " : "\n";
	char reason[TEXT_MAX], prompt[TEXT_MAX], text[2 * TEXT_MAX + 2];

	render_reason(hello->lang, why, facts, reason, sizeof(reason));
	hc_text(hello->lang, name, NULL, prompt, sizeof(prompt));
	snprintf(text, sizeof(text), "%s%s%s", reason, reason[0] != '\0' ? gap : "", prompt);
	hc_msg_init(msg, HC_MSG_STEP);
	hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, HC_STEP_SECRET);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, (uint32_t)timeout_s);
}

void hc_reply_degraded(struct hc_msg *msg, const struct hc_hello *hello)
{
	char text[TEXT_MAX];

	hc_text(hello->lang, "info.degraded", NULL, text, sizeof(text));
	hc_msg_init(msg, HC_MSG_INFO);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
}

void hc_reply_codes_left(struct hc_msg *msg, const struct hc_hello *hello, uint32_t left)
{
	const char *name = "info.recovery_left";
	char number[16], text[TEXT_MAX];
	const char *args[] = {number, NULL};

	if (left <= 1)
		name = left == 0 ? "info.recovery_left_none" : "info.recovery_left_one";
	snprintf(number, sizeof(number), "%u", left);
	hc_text(hello->lang, name, args, text, sizeof(text));
	hc_msg_init(msg, HC_MSG_INFO);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
}

void hc_reply_password(struct hc_msg *msg, const struct hc_hello *hello, int64_t timeout_s)
{
	char text[TEXT_MAX];

	hc_text(hello->lang, "prompt.password", NULL, text, sizeof(text));
	hc_msg_init(msg, HC_MSG_STEP);
	hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, HC_STEP_PASSWORD);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, (uint32_t)timeout_s);
}

void hc_reply_person(struct hc_msg *msg, const struct hc_person *person)
{
	hc_msg_put_u64(msg, HC_FIELD_PERSON_ID, (uint64_t)person->id);
	hc_msg_put_text(msg, HC_FIELD_LOGIN, person->login.text);
	hc_msg_put_text(msg, HC_FIELD_GIVEN_NAME, person->given_name.text);
	hc_msg_put_text(msg, HC_FIELD_FAMILY_NAME, person->family_name.text);
	hc_msg_put_text(msg, HC_FIELD_NATIONAL_ID, person->national_id.text);
	hc_msg_put_text(msg, HC_FIELD_PROFESSION, person->profession.text);
	hc_msg_put_text(msg, HC_FIELD_ORGANIZATION, person->organization.text);
}

/* ---- devices ---- */

static const char *name_of_wait(enum hc_device_wait wait, uint32_t methods)
{
	switch (wait) {
	case HC_DEVICE_INSERT:
		if ((methods & HC_METHOD_CPS) == 0)
			return "info.device_insert";
		return (methods & HC_METHOD_FIDO2) != 0 ? "info.card_or_key_insert" : "info.card_insert";
	case HC_DEVICE_TOUCH:
		return "info.device_touch";
	case HC_DEVICE_FINGER:
		return "info.device_finger";
	case HC_DEVICE_PIN_PAD:
		return "info.device_pin_pad";
	case HC_DEVICE_WORKING:
		break;
	}
	return "info.device_working";
}

void hc_reply_devices_wait(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods,
			   enum hc_device_wait wait, enum hc_reason why)
{
	const struct hc_reply_facts nothing = {0};
	char reason[TEXT_MAX], what[TEXT_MAX], text[2 * TEXT_MAX + 2];

	render_reason(hello->lang, why, &nothing, reason, sizeof(reason));
	hc_text(hello->lang, name_of_wait(wait, methods), NULL, what, sizeof(what));
	snprintf(text, sizeof(text), "%s%s%s", reason, reason[0] != '\0' ? " " : "", what);
	hc_msg_init(msg, HC_MSG_INFO);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
}

static const char *name_of_cue(enum hc_device_wait wait, uint32_t methods)
{
	switch (wait) {
	case HC_DEVICE_INSERT:
		if ((methods & HC_METHOD_CPS) == 0)
			return "prompt.device_insert";
		return (methods & HC_METHOD_FIDO2) != 0 ? "prompt.card_or_key_insert" : "prompt.card_insert";
	case HC_DEVICE_FINGER:
		return "prompt.device_finger";
	case HC_DEVICE_PIN_PAD:
		return "prompt.device_pin_pad";
	case HC_DEVICE_TOUCH:
	case HC_DEVICE_WORKING:
		break;
	}
	return "prompt.device_touch";
}

void hc_reply_device_cue(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods,
			 enum hc_device_wait wait, enum hc_reason why, int64_t timeout_s)
{
	const struct hc_reply_facts nothing = {0};
	char reason[TEXT_MAX], what[TEXT_MAX], text[2 * TEXT_MAX + 2];

	render_reason(hello->lang, why, &nothing, reason, sizeof(reason));
	hc_text(hello->lang, name_of_cue(wait, methods), NULL, what, sizeof(what));
	snprintf(text, sizeof(text), "%s%s%s", reason, reason[0] != '\0' ? " " : "", what);
	hc_msg_init(msg, HC_MSG_STEP);
	hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, HC_STEP_VISIBLE);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, (uint32_t)timeout_s);
}

void hc_reply_device_wait(struct hc_msg *msg, const struct hc_hello *hello, enum hc_device_wait wait,
			  enum hc_reason why)
{
	hc_reply_devices_wait(msg, hello, HC_METHOD_FIDO2, wait, why);
}

/* A front end that shows questions alone must say with this one what follows it. */
static const char *name_of_ask(const struct hc_hello *hello, enum hc_device_ask kind, bool card)
{
	switch (kind) {
	case HC_DEVICE_PIN:
		if (card)
			return "prompt.pin_card";
		return (hello->flags & HC_FLAG_PROMPT_ONLY) != 0 ? "prompt.pin_touch" : "prompt.pin";
	case HC_DEVICE_CONFIRM_LAST_TRY:
		return card ? "prompt.last_try_card" : "prompt.last_try";
	case HC_DEVICE_CHOICE:
		return card ? "prompt.choice_card" : "prompt.choice";
	case HC_DEVICE_NEW_PIN:
		break;
	}
	return "prompt.new_pin";
}

/* Appends words to text, which has cap bytes, with gap between the two. */
static void append(char *text, size_t cap, const char *gap, const char *words)
{
	size_t used = strlen(text);

	if (words[0] != '\0')
		snprintf(text + used, cap - used, "%s%s", used > 0 ? gap : "", words);
}

static void append_tries(enum hc_lang lang, uint32_t tries_left, const char *gap, char *text, size_t cap)
{
	char number[16], words[TEXT_MAX];
	const char *args[] = {number, NULL};

	if (tries_left > HC_REPLY_TRIES_SHOWN)
		return;
	snprintf(number, sizeof(number), "%u", tries_left);
	hc_text(lang, tries_left == 1 ? "info.pin_try_left" : "info.pin_tries_left", args, words,
		sizeof(words));
	append(text, cap, gap, words);
}

static void append_choices(enum hc_lang lang, const struct hc_reply_choices *choices, const char *gap,
			   char *text, size_t cap)
{
	char nobody[TEXT_MAX], line[TEXT_MAX + HC_LABEL_MAX];

	hc_text(lang, "info.choice_nobody", NULL, nobody, sizeof(nobody));
	for (size_t i = 0; i < choices->count; i++) {
		const char *label = choices->labels[i].text;

		snprintf(line, sizeof(line), "%zu) %s", i + 1, label[0] != '\0' ? label : nobody);
		append(text, cap, gap, line);
	}
}

void hc_reply_device_ask(struct hc_msg *msg, const struct hc_hello *hello, const struct hc_reply_device *ask)
{
	const struct hc_reply_facts nothing = {0};
	const char *gap = (hello->flags & HC_FLAG_PROMPT_ONLY) != 0 ? " " : "\n";
	bool secret = ask->kind == HC_DEVICE_PIN || ask->kind == HC_DEVICE_NEW_PIN;
	char words[TEXT_MAX], text[2 * TEXT_MAX] = "";

	render_reason(hello->lang, ask->why, &nothing, words, sizeof(words));
	append(text, sizeof(text), gap, words);
	if (ask->kind == HC_DEVICE_PIN)
		append_tries(hello->lang, ask->tries_left, gap, text, sizeof(text));
	append_choices(hello->lang, &ask->choices, gap, text, sizeof(text));
	hc_text(hello->lang, name_of_ask(hello, ask->kind, ask->method == HC_METHOD_CPS), NULL, words,
		sizeof(words));
	append(text, sizeof(text), gap, words);
	hc_msg_init(msg, HC_MSG_STEP);
	hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, secret ? HC_STEP_SECRET : HC_STEP_VISIBLE);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, (uint32_t)ask->timeout_s);
}

void hc_reply_login(struct hc_msg *msg, const struct hc_hello *hello, uint32_t methods, int64_t timeout_s,
		    enum hc_reason why)
{
	const struct hc_reply_facts nothing = {0};
	const char *gap = (hello->flags & HC_FLAG_PROMPT_ONLY) != 0 ? " " : "\n";
	const char *name = "prompt.login_key";
	char words[TEXT_MAX], text[2 * TEXT_MAX] = "";

	if ((methods & HC_METHOD_CPS) != 0)
		name = (methods & HC_METHOD_FIDO2) != 0 ? "prompt.login_card_or_key" : "prompt.login_card";
	render_reason(hello->lang, why, &nothing, words, sizeof(words));
	append(text, sizeof(text), gap, words);
	hc_text(hello->lang, name, NULL, words, sizeof(words));
	append(text, sizeof(text), gap, words);
	hc_msg_init(msg, HC_MSG_STEP);
	hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, HC_STEP_LOGIN);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, (uint32_t)timeout_s);
}
