/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ANSWER_H
#define HC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/text.h"

/*
 * The answer to one request of an administrator: any number of ROW messages, then one END that says
 * what became of it (docs/PROTOCOL.broker.md 4). authd and the gateway answer alike.
 *
 * A request is checked and carried out first. What it answers with is produced afterwards, a row a call:
 * produce fills out with one row (unfinished) and sets ret_ready, or does a piece of work without one;
 * ret_more says whether to call it again. Zero-initialised with a language: "done, no rows".
 */
struct hc_answer {
	enum hc_lang lang;
	enum hc_err err;
	enum hc_reason reason;
	char argument[300]; /* {0} of the reason's text */
	uint64_t count;	    /* rows sent, or what the request says */
	enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more);
	void *ctx;   /* of produce, borrowed */
	void *state; /* what produce needs, owned */
	void (*state_free)(void *state);
	bool ended;
};

/* hc_answer_clear: frees the state. */
void hc_answer_clear(struct hc_answer *answer);

/* hc_answer_refuse: it ends with this, rows or not; argument may be NULL. */
void hc_answer_refuse(struct hc_answer *answer, enum hc_err err, enum hc_reason reason, const char *argument);

/* hc_answer_rows: zeroed state of len bytes for produce; NULL: no memory, and nothing was changed. */
void *hc_answer_rows(struct hc_answer *answer, size_t len,
		     enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more),
		     void *ctx);

/*
 * hc_answer_next: does a bounded piece of work. ret_ready: out holds a finished message to send;
 * false: call again later. ret_done: that was the END. ret_trouble: produce failed with this; the next call
 * ends the answer with what hc_answer_refuse is told, or INTERNAL. HC_ERR_STATE behind the END.
 */
HC_CHECK enum hc_err hc_answer_next(struct hc_answer *answer, struct hc_msg *out, bool *ret_ready,
				    bool *ret_done, enum hc_err *ret_trouble);

/* hc_answer_lang: the language that a request asks for. */
enum hc_lang hc_answer_lang(const struct hc_msg *request, enum hc_lang fallback);

/* hc_answer_put_time: a time, unless it is 0, "none". */
void hc_answer_put_time(struct hc_msg *out, enum hc_field field, int64_t time_ms);

/*
 * Fields of a request; false: the answer is a refusal that names the field. name is what the text calls it.
 * What was sent is never put into texts, since it may be a seed or a code. Absent is empty, or as said.
 */
bool hc_answer_text(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		    const char *name, char *out, size_t cap);
bool hc_answer_label(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		     const char *name, struct hc_label *ret_label);
bool hc_answer_u32(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		   const char *name, uint32_t absent, uint32_t *ret_value);
/* hc_answer_time: absent is 0; milliseconds until the year 9999. */
bool hc_answer_time(struct hc_answer *answer, const struct hc_msg *request, enum hc_field field,
		    const char *name, int64_t *ret_time_ms);
/* hc_answer_bad: a refusal of that value. Returns false. */
bool hc_answer_bad(struct hc_answer *answer, const char *name);

#endif
