/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered applications, as administrators make, see and remove them.
 *
 * State: how far a list has come. Threats: an address that answers must not be sent to (redirect_uri.h decides),
 * a client that may do more than was said (what contradicts itself is refused), a secret that stays behind: it
 * is made here, shown once, and only its hash is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_client.h"
#include "admin/admin_request.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "jose/b64url.h"

/* ---- rows ---- */

static void put_uris(struct hc_msg *out, enum hc_field field, const struct hc_uri_list *list)
{
	char text[HC_CLIENT_URIS_MAX * (HC_URI_MAX + 1) + 1] = "";
	size_t len = 0;

	for (size_t i = 0; i < list->count; i++) {
		const size_t one = strlen(list->uri[i]);

		if (i > 0)
			text[len++] = ' ';
		memcpy(text + len, list->uri[i], one);
		len += one;
	}
	text[len] = '\0';
	hc_msg_put_text(out, field, text);
}

static void put_client(struct hc_msg *out, const struct hc_client *client)
{
	char grants[HC_GRANTS_TEXT_CAP];

	hc_client_grants_text(client->grants, grants);
	hc_msg_put_text(out, HC_FIELD_CLIENT_ID, client->id);
	hc_msg_put_text(out, HC_FIELD_CLIENT_NAME, client->name);
	hc_msg_put_text(out, HC_FIELD_PROFILE, hc_client_profile_name(client->profile));
	hc_msg_put_text(out, HC_FIELD_AUTH_METHOD, hc_client_auth_name(client->auth));
	hc_msg_put_text(out, HC_FIELD_GRANTS, grants);
	hc_msg_put_text(out, HC_FIELD_SCOPES, client->scopes.text);
	put_uris(out, HC_FIELD_REDIRECT_URIS, &client->redirect_uris);
	put_uris(out, HC_FIELD_LOGOUT_URIS, &client->post_logout_uris);
	hc_msg_put_text(out, HC_FIELD_ID_TOKEN_ALG, hc_jws_alg_name(client->id_token_alg));
	hc_msg_put_text(out, HC_FIELD_ACCESS_FORMAT, hc_client_format_name(client->access_format));
	hc_msg_put_u32(out, HC_FIELD_MAY_INTROSPECT, client->may_introspect);
	hc_answer_put_time(out, HC_FIELD_CREATED_MS, client->created_ms);
	if (client->auth != HC_CLIENT_PUBLIC)
		hc_answer_put_time(out, HC_FIELD_SECRET_CHANGED_MS, client->secret_changed_ms);
}

/* The one row of a new client or a new secret. */
struct shown {
	struct hc_client client;
	bool whole;
	char secret[HC_CLIENT_SECRET_LEN + 1];
};

static void shown_free(void *state)
{
	hc_scrub(state, sizeof(struct shown));
	free(state);
}

static enum hc_err produce_shown(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	const struct hc_admin_request *request = ctx;
	const struct shown *shown = request->answer.state;

	if (shown->whole)
		put_client(out, &shown->client);
	else
		hc_msg_put_text(out, HC_FIELD_CLIENT_ID, shown->client.id);
	if (shown->secret[0] != '\0')
		hc_msg_put_bytes(out, HC_FIELD_CLIENT_SECRET, shown->secret, HC_CLIENT_SECRET_LEN);
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

static void show(struct hc_admin_request *request, const struct shown *what)
{
	struct shown *shown = hc_admin_rows(request, sizeof(*shown), produce_shown);

	if (shown == NULL)
		return;
	request->answer.state_free = shown_free;
	*shown = *what;
}

/* ---- reading ---- */

struct list {
	char after[HC_CLIENT_ID_MAX + 1];
	bool last;
	size_t count, next;
	struct hc_client clients[HC_ADMIN_SLICE];
};

static enum hc_err produce_list(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	const struct hc_admin_request *request = ctx;
	struct list *list = request->answer.state;
	enum hc_err err = HC_OK;

	if (list->next == list->count && !list->last) {
		err = hc_client_list(hc_admin_view(request), list->after, HC_ADMIN_SLICE, list->clients,
				     &list->count);
		list->next = 0;
		list->last = list->count < HC_ADMIN_SLICE;
	}
	*ret_ready = err == HC_OK && list->next < list->count;
	if (*ret_ready) {
		const struct hc_client *client = &list->clients[list->next++];

		memcpy(list->after, client->id, sizeof(list->after));
		put_client(out, client);
	}
	*ret_more = list->next < list->count || !list->last;
	return err;
}

void hc_admin_client_list(struct hc_admin_request *request, const struct hc_msg *msg)
{
	(void)msg;							 /* has nothing that matters here */
	(void)hc_admin_rows(request, sizeof(struct list), produce_list); /* a refusal was noted */
}

/* The client that is named; false: refused. */
static bool read_id(struct hc_admin_request *request, const struct hc_msg *msg, char id[HC_CLIENT_ID_MAX + 1])
{
	if (!hc_answer_text(&request->answer, msg, HC_FIELD_CLIENT_ID, "id", id, HC_CLIENT_ID_MAX + 1))
		return false;
	return id[0] != '\0' || hc_answer_bad(&request->answer, "id");
}

static void no_such(struct hc_admin_request *request)
{
	hc_answer_refuse(&request->answer, HC_ERR_NOTFOUND, HC_REASON_NO_SUCH_CLIENT, NULL);
}

void hc_admin_client_show(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct shown shown = {.whole = true};
	char id[HC_CLIENT_ID_MAX + 1];
	enum hc_err err = HC_OK;

	if (!read_id(request, msg, id))
		return;
	err = hc_client_by_id(hc_admin_view(request), id, &shown.client);
	if (err == HC_ERR_NOTFOUND)
		no_such(request);
	else if (err != HC_OK)
		hc_admin_trouble(request, err);
	else
		show(request, &shown);
}

/* ---- secrets ---- */

/* 256 random bits as text, and the hash of that text. */
static enum hc_err make_secret(char secret[HC_CLIENT_SECRET_LEN + 1], uint8_t hash[32])
{
	uint8_t bytes[32];
	enum hc_err err = hc_random(bytes, sizeof(bytes));

	if (err == HC_OK) {
		hc_b64url_encode(bytes, sizeof(bytes), secret);
		err = hc_sha256(secret, HC_CLIENT_SECRET_LEN, hash);
	}
	hc_scrub(bytes, sizeof(bytes));
	return err;
}

/* ---- adding ---- */

static enum hc_err add_work(struct hc_gstore_tx *tx, struct hc_admin_act *act)
{
	const struct shown *shown = act->state;
	struct hc_outbox_record record = hc_admin_record(act, HC_OUTBOX_CLIENT_ADD);
	enum hc_err err = hc_client_add(tx, &shown->client, NULL);

	memcpy(record.client_id, shown->client.id, sizeof(record.client_id));
	memcpy(record.detail, shown->client.name, sizeof(shown->client.name));
	return err == HC_OK ? hc_outbox_add(tx, &record) : err;
}

static void changed(struct hc_admin_request *request, struct hc_admin_act *act, enum hc_err result)
{
	if (result == HC_ERR_NOTFOUND)
		no_such(request);
	else if (result == HC_ERR_STATE)
		hc_answer_refuse(&request->answer, result, HC_REASON_WRONG_STATE, NULL);
	else if (result != HC_OK)
		hc_admin_trouble(request, result);
	else
		show(request, act->state);
}

void hc_admin_client_add(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct hc_admin_act *act = hc_admin_act_new(request, sizeof(struct shown));
	struct shown *shown = act == NULL ? NULL : act->state;
	enum hc_err err = HC_OK;

	if (shown == NULL)
		return;
	shown->whole = true;
	if (!hc_client_from_request(&request->answer, msg, &shown->client)) {
		hc_admin_act_drop(act);
		return;
	}
	shown->client.created_ms = act->now_ms;
	shown->client.secret_changed_ms = act->now_ms;
	err = hc_client_make_id(shown->client.name, shown->client.id);
	if (err == HC_OK && shown->client.auth != HC_CLIENT_PUBLIC)
		err = make_secret(shown->secret, shown->client.secret_hash);
	if (err != HC_OK) {
		hc_admin_act_drop(act);
		hc_admin_trouble(request, err);
		return;
	}
	act->work = add_work;
	act->done = changed;
	hc_admin_act_begin(act);
}

/* ---- a new secret ---- */

static enum hc_err rotate_work(struct hc_gstore_tx *tx, struct hc_admin_act *act)
{
	const struct shown *shown = act->state;
	struct hc_outbox_record record = hc_admin_record(act, HC_OUTBOX_CLIENT_SECRET);
	enum hc_err err = hc_client_set_secret(tx, shown->client.id, shown->client.secret_hash, act->now_ms);

	memcpy(record.client_id, shown->client.id, sizeof(record.client_id));
	return err == HC_OK ? hc_outbox_add(tx, &record) : err;
}

void hc_admin_client_rotate(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct hc_admin_act *act = hc_admin_act_new(request, sizeof(struct shown));
	struct shown *shown = act == NULL ? NULL : act->state;
	enum hc_err err = HC_OK;

	if (shown == NULL)
		return;
	if (!read_id(request, msg, shown->client.id)) {
		hc_admin_act_drop(act);
		return;
	}
	err = make_secret(shown->secret, shown->client.secret_hash);
	if (err != HC_OK) {
		hc_admin_act_drop(act);
		hc_admin_trouble(request, err);
		return;
	}
	act->work = rotate_work;
	act->done = changed;
	hc_admin_act_begin(act);
}

/* ---- removal ---- */

static enum hc_err remove_work(struct hc_gstore_tx *tx, struct hc_admin_act *act)
{
	struct hc_client *client = act->state;
	char id[HC_CLIENT_ID_MAX + 1];
	struct hc_outbox_record record = hc_admin_record(act, HC_OUTBOX_CLIENT_REMOVE);
	enum hc_err err = HC_OK;

	memcpy(id, client->id, sizeof(id));
	err = hc_client_by_id(hc_gstore_tx_view(tx), id, client);
	if (err == HC_OK)
		err = hc_client_remove(tx, id);
	if (err != HC_OK)
		return err;
	memcpy(record.client_id, id, sizeof(record.client_id));
	memcpy(record.detail, client->name, sizeof(client->name));
	return hc_outbox_add(tx, &record);
}

static void removed(struct hc_admin_request *request, struct hc_admin_act *act, enum hc_err result)
{
	(void)act; /* says nothing */
	if (result == HC_ERR_NOTFOUND)
		no_such(request);
	else if (result != HC_OK)
		hc_admin_trouble(request, result);
}

void hc_admin_client_remove(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct hc_admin_act *act = hc_admin_act_new(request, sizeof(struct hc_client));
	struct hc_client *client = act == NULL ? NULL : act->state;

	if (client == NULL)
		return;
	if (!read_id(request, msg, client->id)) {
		hc_admin_act_drop(act);
		return;
	}
	act->work = remove_work;
	act->done = removed;
	hc_admin_act_begin(act);
}
