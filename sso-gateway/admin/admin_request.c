/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of administrators: dispatch, waiting for the store, the end.
 *
 * State: the request, and the act that it has begun, which outlives it if it must. Whoever may not administer
 * was not let in; everything behind this file changes who can sign in where. A field that a request has no
 * use for ends the connection: an option that is not understood must not be dropped.
 */
#include "admin/admin_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "process/keys.h"

#define FIELDS_MAX 12

struct kind {
	enum hc_msg_type type;
	hc_admin_handler_fn handler;
	enum hc_field fields[FIELDS_MAX]; /* beside LANG; ends with 0 */
};

static const struct kind KINDS[] = {
	{HC_MSG_STATUS, hc_admin_status, {0}},
	{HC_MSG_CLIENT_ADD,
	 hc_admin_client_add,
	 {HC_FIELD_CLIENT_NAME, HC_FIELD_REDIRECT_URIS, HC_FIELD_LOGOUT_URIS, HC_FIELD_PROFILE,
	  HC_FIELD_AUTH_METHOD, HC_FIELD_GRANTS, HC_FIELD_SCOPES, HC_FIELD_ID_TOKEN_ALG,
	  HC_FIELD_ACCESS_FORMAT, HC_FIELD_MAY_INTROSPECT}},
	{HC_MSG_CLIENT_SHOW, hc_admin_client_show, {HC_FIELD_CLIENT_ID}},
	{HC_MSG_CLIENT_LIST, hc_admin_client_list, {0}},
	{HC_MSG_CLIENT_REMOVE, hc_admin_client_remove, {HC_FIELD_CLIENT_ID}},
	{HC_MSG_CLIENT_ROTATE_SECRET, hc_admin_client_rotate, {HC_FIELD_CLIENT_ID}},
	{HC_MSG_KEY_LIST, hc_admin_key_list, {0}},
	{HC_MSG_KEY_ROTATE, hc_admin_key_rotate, {HC_FIELD_ALGORITHM, HC_FIELD_AT_ONCE}},
	{HC_MSG_SESSION_LIST, hc_admin_session_list, {HC_FIELD_LOGIN}},
	{HC_MSG_BACKUP, hc_admin_backup, {0}},
	{HC_MSG_SEAL_ROTATE, hc_admin_seal_rotate, {0}},
	{HC_MSG_SESSION_REVOKE, hc_admin_session_revoke, {HC_FIELD_SID, HC_FIELD_LOGIN, HC_FIELD_ALL}},
};

static const struct kind *find_kind(enum hc_msg_type type)
{
	for (size_t i = 0; i < HC_COUNT(KINDS); i++) {
		if (KINDS[i].type == type)
			return &KINDS[i];
	}
	return NULL;
}

static enum hc_err check_fields(const struct kind *kind, const struct hc_msg *msg)
{
	enum hc_field allowed[FIELDS_MAX + 1] = {HC_FIELD_LANG};
	size_t count = 1;

	for (size_t i = 0; i < FIELDS_MAX && kind->fields[i] != 0; i++)
		allowed[count++] = kind->fields[i];
	return hc_msg_only(msg, allowed, count);
}

enum hc_err hc_admin_request_new(struct hc_process *process, const char *actor, const struct hc_msg *msg,
				 void (*ready)(void *ctx), void *ctx, struct hc_admin_request **ret_request)
{
	const struct kind *kind = find_kind(msg->type);
	struct hc_admin_request *request = NULL;

	if (kind == NULL || check_fields(kind, msg) != HC_OK)
		return HC_ERR_PROTOCOL;
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return HC_ERR_NOMEM;
	request->process = process;
	request->answer.lang = hc_answer_lang(msg, (enum hc_lang)process->gateway.config.language);
	(void)snprintf(request->actor, sizeof(request->actor), "%s", actor); /* made to fit */
	request->ready = ready;
	request->ctx = ctx;
	kind->handler(request, msg);
	*ret_request = request;
	return HC_OK;
}

void hc_admin_request_free(struct hc_admin_request **request)
{
	struct hc_admin_request *old = request == NULL ? NULL : *request;

	if (old == NULL)
		return;
	if (old->act != NULL)
		old->act->request = NULL;
	hc_keys_forget(old->process, old);
	hc_answer_clear(&old->answer);
	free(old);
	*request = NULL;
}

enum hc_err hc_admin_request_next(struct hc_admin_request *request, struct hc_msg *out, bool *ret_ready,
				  bool *ret_done)
{
	enum hc_err trouble = HC_OK, err;

	if (request->waiting)
		return HC_ERR_STATE;
	err = hc_answer_next(&request->answer, out, ret_ready, ret_done, &trouble);
	if (err == HC_OK && trouble != HC_OK)
		hc_admin_trouble(request, trouble);
	return err;
}

/* ---- for the handlers ---- */

void hc_admin_trouble(struct hc_admin_request *request, enum hc_err err)
{
	const enum hc_reason reason = hc_reason_of_err(err);

	hc_log(HC_LOG_ERROR, "administrator's request failed", HC_F_TEXT("actor", request->actor),
	       HC_F_TEXT("error", hc_strerror(err)), HC_F_TEXT("reason", hc_reason_name(reason)));
	hc_answer_refuse(&request->answer, err, reason, NULL);
}

void *hc_admin_rows(struct hc_admin_request *request, size_t len,
		    enum hc_err (*produce)(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more))
{
	void *state = hc_answer_rows(&request->answer, len, produce, request);

	if (state == NULL)
		hc_admin_trouble(request, HC_ERR_NOMEM);
	return state;
}

int64_t hc_admin_now(const struct hc_admin_request *request)
{
	return hc_now_ms(request->process->gateway.clock);
}

struct hc_gstore_view *hc_admin_view(const struct hc_admin_request *request)
{
	return request->process->gateway.workers[0].view;
}

/* ---- changes ---- */

struct hc_admin_act *hc_admin_act_new(struct hc_admin_request *request, size_t len)
{
	struct hc_admin_act *act = calloc(1, sizeof(*act));

	if (act != NULL)
		act->state = calloc(1, len);
	if (act == NULL || act->state == NULL) {
		free(act);
		hc_admin_trouble(request, HC_ERR_NOMEM);
		return NULL;
	}
	act->request = request;
	act->process = request->process;
	act->now_ms = hc_admin_now(request);
	act->state_len = len;
	memcpy(act->actor, request->actor, sizeof(act->actor));
	return act;
}

void hc_admin_act_drop(struct hc_admin_act *act)
{
	if (act->request != NULL)
		act->request->act = NULL;
	hc_scrub(act->state, act->state_len); /* it may hold a new secret */
	free(act->state);
	free(act);
}

static enum hc_err run_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_admin_act *act = ctx;

	return act->work(tx, act);
}

static void finished(enum hc_err result, void *ctx)
{
	struct hc_admin_act *act = ctx;
	struct hc_admin_request *request = act->request;

	if (request == NULL) {
		hc_admin_act_drop(act);
		return;
	}
	request->waiting = false;
	act->done(request, act, result);
	if (request->waiting)
		return; /* once more */
	hc_admin_act_drop(act);
	request->ready(request->ctx);
}

static enum hc_err write_act(struct hc_admin_act *act)
{
	struct hc_gateway *gateway = &act->process->gateway;

	return hc_gstore_write(gateway->store, gateway->workers[0].loop, run_work, finished, act);
}

void hc_admin_act_begin(struct hc_admin_act *act)
{
	struct hc_admin_request *request = act->request;
	const enum hc_err err = write_act(act);

	if (err != HC_OK) {
		hc_admin_act_drop(act);
		hc_admin_trouble(request, err);
		return;
	}
	request->act = act;
	request->waiting = true;
}

void hc_admin_act_again(struct hc_admin_act *act)
{
	const enum hc_err err = write_act(act);

	if (err == HC_OK)
		act->request->waiting = true;
	else
		hc_admin_trouble(act->request, err);
}

struct hc_outbox_record hc_admin_record(const struct hc_admin_act *act, enum hc_outbox_event event)
{
	struct hc_outbox_record record = {.time_ms = act->now_ms, .event = event, .success = true};

	memcpy(record.actor, act->actor, sizeof(record.actor));
	return record;
}
