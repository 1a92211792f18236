/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversation says, rendered.
 *
 * No state. Texts come from the table that the build makes of po/; the only things put into them are
 * numbers and dates of ours, so nothing that somebody else wrote reaches a screen.
 */
#include "reply.h"

#include <stdio.h>
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
