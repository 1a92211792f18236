/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to administrators: reading fields, refusing, rows and the END.
 *
 * State: the answer that is passed in. What an administrator gets wrong is refused with the name of the
 * field; values that he sent are never put into texts, since one of them may be a seed or a code.
 */
#include "hospiconnect/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MAX_MS INT64_C(253402300799999) /* 9999-12-31 */
#define TEXT_CAP    1000

void hc_answer_clear(struct hc_answer *answer)
{
	if (answer->state != NULL)
		answer->state_free(answer->state);
	answer->state = NULL;
	answer->produce = NULL;
}

void hc_answer_refuse(struct hc_answer *answer, enum hc_err err, enum hc_reason reason, const char *argument)
{
	answer->err = err;
	answer->reason = reason;
	answer->produce = NULL;
	(void)snprintf(answer->argument, sizeof(answer->argument), "%s", argument != NULL ? argument : "");
}

void *hc_answer_rows(struct hc_answer *answer, size_t len,
		     enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more),
		     void *ctx)
{
	void *state = calloc(1, len);

	if (state == NULL)
		return NULL;
	answer->state = state;
	answer->state_free = free;
	answer->produce = produce;
	answer->ctx = ctx;
	return state;
}

/* One row into out. False: none this time; the answer may have come to its end. */
static bool next_row(struct hc_answer *answer, struct hc_msg *out, enum hc_err *ret_trouble)
{
	bool ready = false, more = true;
	enum hc_err err;

	hc_msg_init(out, HC_MSG_ROW);
	err = answer->produce(answer->ctx, out, &ready, &more);
	if (err == HC_OK && ready)
		err = hc_msg_finish(out);
	if (err != HC_OK) {
		hc_answer_refuse(answer, err, HC_REASON_INTERNAL, NULL);
		*ret_trouble = err;
		return false;
	}
	if (!more)
		answer->produce = NULL;
	if (ready)
		answer->count++;
	return ready;
}

static enum hc_err end_message(const struct hc_answer *answer, struct hc_msg *out)
{
	const char *args[] = {answer->argument, NULL};
	char text[TEXT_CAP] = "";

	if (answer->reason != HC_REASON_NONE)
		hc_text_reason(answer->lang, answer->reason, args, text, sizeof(text));
	hc_msg_init(out, HC_MSG_END);
	hc_msg_put_u32(out, HC_FIELD_ERR, (uint32_t)answer->err);
	hc_msg_put_u32(out, HC_FIELD_REASON, (uint32_t)answer->reason);
	hc_msg_put_text(out, HC_FIELD_TEXT, text);
	hc_msg_put_u64(out, HC_FIELD_COUNT, answer->count);
	return hc_msg_finish(out);
}

enum hc_err hc_answer_next(struct hc_answer *answer, struct hc_msg *out, bool *ret_ready, bool *ret_done,
			   enum hc_err *ret_trouble)
{
	enum hc_err err;

	if (answer->ended)
		return HC_ERR_STATE;
	*ret_trouble = HC_OK;
	if (answer->produce != NULL) {
		*ret_ready = next_row(answer, out, ret_trouble);
		*ret_done = false;
		return HC_OK;
	}
	err = end_message(answer, out);
	if (err != HC_OK)
		return err;
	answer->ended = true;
	*ret_ready = true;
	*ret_done = true;
	return HC_OK;
}

enum hc_lang hc_answer_lang(const struct hc_msg *request, enum hc_lang fallback)
{
	char tag[64];

	return hc_msg_text(request, HC_FIELD_LANG, tag, sizeof(tag)) == HC_OK
		       ? hc_lang_from_tag(tag, fallback)
		       : fallback;
}

void hc_answer_put_time(struct hc_msg *out, enum hc_field field, int64_t time_ms)
{
	if (time_ms != 0)
		hc_msg_put_u64(out, field, (uint64_t)time_ms);
}

bool hc_answer_bad(struct hc_answer *answer, const char *name)
{
	hc_answer_refuse(answer, HC_ERR_INVALID, HC_REASON_INVALID_VALUE, name);
	return false;
}

bool hc_answer_text(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		    const char *name, char *out, size_t cap)
{
	enum hc_err err = hc_msg_text(request, field, out, cap);

	if (err == HC_ERR_NOTFOUND)
		out[0] = '\0';
	else if (err != HC_OK)
		return hc_answer_bad(answer, name);
	return true;
}

bool hc_answer_label(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		     const char *name, struct hc_label *ret_label)
{
	char text[HC_LABEL_MAX + 1];

	if (!hc_answer_text(answer, request, field, name, text, sizeof(text)))
		return false;
	if (text[0] == '\0') {
		*ret_label = (struct hc_label){0};
		return true;
	}
	if (hc_label_parse(text, strlen(text), ret_label) != HC_OK)
		return hc_answer_bad(answer, name);
	return true;
}

bool hc_answer_u32(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		   const char *name, uint32_t absent, uint32_t *ret_value)
{
	enum hc_err err = hc_msg_u32(request, field, ret_value);

	if (err == HC_ERR_NOTFOUND)
		*ret_value = absent;
	else if (err != HC_OK)
		return hc_answer_bad(answer, name);
	return true;
}

bool hc_answer_time(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		    const char *name, int64_t *ret_time_ms)
{
	uint64_t value = 0;
	enum hc_err err = hc_msg_u64(request, field, &value);

	if ((err != HC_OK && err != HC_ERR_NOTFOUND) || value > TIME_MAX_MS || (err == HC_OK && value == 0))
		return hc_answer_bad(answer, name);
	*ret_time_ms = (int64_t)value;
	return true;
}
