/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions, as administrators see them and end them.
 *
 * State: how far a list or an end of many has come. Sessions are ended a few at a time, each few one member with
 * a record of each, so that thousands of them keep no token waiting; an interruption leaves the rest as it
 * was, and the command can be given again.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_request.h"
#include "store/session.h"

#define SLICE 64

/* ---- the list ---- */

struct list {
	char login[HC_SESSION_LOGIN_MAX + 1]; /* "": of all */
	int64_t now_ms, cursor;
	bool last;
	size_t count, next;
	struct hc_browser_session sessions[SLICE];
};

static enum hc_err fill(const struct hc_admin_request *request, struct list *list)
{
	enum hc_err err = hc_session_list(hc_admin_view(request), 0, list->now_ms, &list->cursor, SLICE,
					  list->sessions, &list->count);

	list->next = 0;
	list->last = list->count < SLICE;
	return err;
}

static bool wanted(const char *login, const struct hc_browser_session *session)
{
	return login[0] == '\0' || strcmp(login, session->login) == 0;
}

static void put(struct hc_msg *out, const struct hc_browser_session *session)
{
	hc_msg_put_text(out, HC_FIELD_SID, session->sid);
	hc_msg_put_text(out, HC_FIELD_LOGIN, session->login);
	hc_answer_put_time(out, HC_FIELD_SIGNED_IN_MS, session->auth_ms);
	hc_answer_put_time(out, HC_FIELD_LAST_SEEN_MS, session->last_seen_ms);
	hc_answer_put_time(out, HC_FIELD_EXPIRES_MS, session->expires_ms);
	hc_msg_put_text(out, HC_FIELD_AMR, session->amr);
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	const struct hc_admin_request *request = ctx;
	struct list *list = request->answer.state;
	enum hc_err err = HC_OK;

	if (list->next == list->count && !list->last)
		err = fill(request, list);
	while (err == HC_OK && list->next < list->count && !*ret_ready) {
		*ret_ready = wanted(list->login, &list->sessions[list->next]);
		if (*ret_ready)
			put(out, &list->sessions[list->next]);
		list->next++;
	}
	*ret_more = list->next < list->count || !list->last;
	return err;
}

void hc_admin_session_list(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct list *list = hc_admin_rows(request, sizeof(*list), produce);

	if (list == NULL ||
	    !hc_answer_text(&request->answer, msg, HC_FIELD_LOGIN, "user", list->login, sizeof(list->login)))
		return;
	list->now_ms = hc_admin_now(request);
}

/* ---- the end ---- */

struct revoke {
	char sid[HC_SID_MAX + 1];
	char login[HC_SESSION_LOGIN_MAX + 1];
	int64_t cursor;
	bool last;
	uint64_t ended; /* of all members */
	size_t count;
	struct hc_browser_session sessions[SLICE];
};

static enum hc_err end_one(struct hc_gstore_tx *tx, const struct hc_admin_act *act,
			   const struct hc_browser_session *session)
{
	struct hc_outbox_record record = hc_admin_record(act, HC_OUTBOX_SESSION_END);
	enum hc_err err = hc_session_end(tx, session->cookie.id, act->now_ms);

	record.person_id = session->person_id;
	memcpy(record.login, session->login, sizeof(record.login));
	return err == HC_OK ? hc_outbox_add(tx, &record) : err;
}

static enum hc_err end_by_sid(struct hc_gstore_tx *tx, struct hc_admin_act *act)
{
	struct revoke *revoke = act->state;
	enum hc_err err = hc_session_by_sid(hc_gstore_tx_view(tx), revoke->sid, &revoke->sessions[0]);

	if (err == HC_OK)
		err = end_one(tx, act, &revoke->sessions[0]);
	if (err == HC_OK)
		revoke->ended = 1;
	revoke->last = true;
	return err;
}

static enum hc_err end_some(struct hc_gstore_tx *tx, struct hc_admin_act *act)
{
	struct revoke *revoke = act->state;
	enum hc_err err = hc_session_list(hc_gstore_tx_view(tx), 0, act->now_ms, &revoke->cursor, SLICE,
					  revoke->sessions, &revoke->count);

	for (size_t i = 0; i < revoke->count && err == HC_OK; i++) {
		if (!wanted(revoke->login, &revoke->sessions[i]))
			continue;
		err = end_one(tx, act, &revoke->sessions[i]);
		revoke->ended += err == HC_OK ? 1 : 0;
	}
	revoke->last = revoke->count < SLICE;
	return err;
}

static void ended(struct hc_admin_request *request, struct hc_admin_act *act, enum hc_err result)
{
	const struct revoke *revoke = act->state;

	if (result == HC_ERR_NOTFOUND && revoke->sid[0] != '\0')
		hc_answer_refuse(&request->answer, result, HC_REASON_NO_SUCH_SESSION, NULL);
	else if (result != HC_OK)
		hc_admin_trouble(request, result);
	else if (!revoke->last)
		hc_admin_act_again(act);
	else
		request->answer.count = revoke->ended;
}

void hc_admin_session_revoke(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct hc_answer *answer = &request->answer;
	struct hc_admin_act *act = hc_admin_act_new(request, sizeof(struct revoke));
	struct revoke *revoke = act == NULL ? NULL : act->state;
	uint32_t all = 0;

	if (revoke == NULL)
		return;
	if (!hc_answer_text(answer, msg, HC_FIELD_SID, "sid", revoke->sid, sizeof(revoke->sid)) ||
	    !hc_answer_text(answer, msg, HC_FIELD_LOGIN, "user", revoke->login, sizeof(revoke->login)) ||
	    !hc_answer_u32(answer, msg, HC_FIELD_ALL, "all", 0, &all)) {
		hc_admin_act_drop(act);
		return;
	}
	/* One of the three, and nothing else: to end all by mistake is too easy otherwise. */
	if (all > 1 || (revoke->sid[0] != '\0') + (revoke->login[0] != '\0') + (all == 1) != 1) {
		(void)hc_answer_bad(answer, "sid");
		hc_admin_act_drop(act);
		return;
	}
	act->work = revoke->sid[0] != '\0' ? end_by_sid : end_some;
	act->done = ended;
	hc_admin_act_begin(act);
}
