/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys, as administrators see them. No state: what a rotation does is in process/keys.c.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_request.h"
#include "process/keys.h"
#include "store/key.h"

struct list {
	size_t count, next;
	struct hc_signing_key keys[HC_KEYS_MAX];
};

static const char *state_name(enum hc_key_state state)
{
	switch (state) {
	case HC_KEY_NEXT:
		return "next";
	case HC_KEY_ACTIVE:
		return "active";
	case HC_KEY_RETIRED:
		return "retired";
	}
	return "";
}

/* When it begins to sign, or goes; 0: nothing is due. */
static int64_t due_ms(const struct hc_admin_request *request, const struct hc_signing_key *key)
{
	if (key->state == HC_KEY_NEXT)
		return key->created_ms + HC_KEY_OVERLAP_MS;
	if (key->state == HC_KEY_RETIRED)
		return key->retired_ms + hc_keys_retired_ms(&request->process->gateway.config);
	return 0;
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	const struct hc_admin_request *request = ctx;
	struct list *list = request->answer.state;
	const struct hc_signing_key *key = &list->keys[list->next];

	*ret_ready = list->next < list->count;
	if (*ret_ready) {
		hc_msg_put_text(out, HC_FIELD_KEY_ID, key->kid);
		hc_msg_put_text(out, HC_FIELD_ALGORITHM, hc_jws_alg_name(key->alg));
		hc_msg_put_text(out, HC_FIELD_STATE, state_name(key->state));
		hc_answer_put_time(out, HC_FIELD_CREATED_MS, key->created_ms);
		hc_answer_put_time(out, HC_FIELD_ACTIVATED_MS, key->activated_ms);
		hc_answer_put_time(out, HC_FIELD_RETIRED_MS, key->retired_ms);
		hc_answer_put_time(out, HC_FIELD_DUE_MS, due_ms(request, key));
		list->next++;
	}
	*ret_more = list->next < list->count;
	return HC_OK;
}

void hc_admin_key_list(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct list *list = hc_admin_rows(request, sizeof(*list), produce);
	enum hc_err err = HC_OK;

	(void)msg; /* has nothing that matters here */
	if (list == NULL)
		return;
	err = hc_key_list(hc_admin_view(request), HC_KEYS_MAX, list->keys, &list->count);
	if (err != HC_OK)
		hc_admin_trouble(request, err);
}

/* ---- rotation ---- */

static void refuse(struct hc_admin_request *request, enum hc_err err)
{
	if (err == HC_ERR_EXISTS)
		hc_answer_refuse(&request->answer, err, HC_REASON_KEY_WAITING, NULL);
	else if (err == HC_ERR_STATE)
		hc_answer_refuse(&request->answer, err, HC_REASON_KEYS_BUSY, NULL);
	else
		hc_admin_trouble(request, err);
}

static void rotated(enum hc_err err, const struct hc_signing_key *key, void *ctx)
{
	struct hc_admin_request *request = ctx;
	struct list *list = NULL;

	request->waiting = false;
	if (err == HC_OK)
		list = hc_admin_rows(request, sizeof(*list), produce);
	else
		refuse(request, err);
	if (list != NULL) {
		list->keys[0] = *key;
		list->count = 1;
	}
	request->ready(request->ctx);
}

void hc_admin_key_rotate(struct hc_admin_request *request, const struct hc_msg *msg)
{
	char name[16];
	uint32_t at_once = 0;
	enum hc_jws_alg alg = HC_JWS_RS256;
	enum hc_err err = HC_OK;

	if (!hc_answer_text(&request->answer, msg, HC_FIELD_ALGORITHM, "alg", name, sizeof(name)) ||
	    !hc_answer_u32(&request->answer, msg, HC_FIELD_AT_ONCE, "now", 0, &at_once))
		return;
	if (name[0] != '\0' &&
	    (hc_jws_alg_parse(name, &alg) != HC_OK || (alg != HC_JWS_RS256 && alg != HC_JWS_ES256))) {
		(void)hc_answer_bad(&request->answer, "alg");
		return;
	}
	if (at_once > 1) {
		(void)hc_answer_bad(&request->answer, "now");
		return;
	}
	err = hc_keys_rotate(request->process, alg, at_once == 1, request->actor, rotated, request);
	if (err == HC_OK)
		request->waiting = true;
	else
		refuse(request, err);
}
