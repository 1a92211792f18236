/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization endpoint (OpenID Connect Core 3.1.2): a code at once where the browser's session is good
 * enough, else the first page of a sign-in, or an error.
 *
 * State: one struct authorization while the broker is asked about a person; it owns the exchange. The
 * request itself is kept nowhere: what waits for a sign-in travels sealed in the page.
 *
 * Threats: open redirects and downgrades (authorize_request.c), a session that is good enough for one
 * application and not for this one (prompt, max_age, id_token_hint are looked at each time), a person who was
 * disabled since (asked each time), a code that is issued by a mere look (HEAD).
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "oauth/authorize_request.h"
#include "oauth/browser.h"
#include "oauth/handlers.h"
#include "oauth/id_token.h"
#include "oauth/issue.h"
#include "oauth/pending.h"
#include "oauth/reply.h"
#include "oauth/signin_page.h"
#include "persons.h"
#include "store/session.h"

#define LOGIN_HINT_MAX 64

struct authorization {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_params params;
	struct hc_client client;
	struct hc_authorize_request request; /* its views point into params */
	char hint_sub[HC_SUB_MAX + 1];
	struct hc_browser_session session;
	bool has_session;
};

static void free_authorization(struct authorization *work)
{
	hc_params_clear(&work->params);
	free(work);
}

static bool is_quiet(const struct authorization *work)
{
	return (work->request.prompt & HC_PROMPT_NONE) != 0;
}

/* ---- answers; each ends the work ---- */

static void end_trouble(struct authorization *work, const char *doing, enum hc_err err)
{
	if (err == HC_ERR_AWAY)
		hc_count(work->worker, HC_COUNTER_BROKER_AWAY);
	hc_reply_trouble(work->worker, work->exchange, doing, err);
	free_authorization(work);
}

static void end_error(struct authorization *work, const char *error, const char *description)
{
	const struct hc_reply_to_client answer = {.redirect_uri = work->request.what.redirect_uri,
						  .state = work->request.what.state,
						  .error = error,
						  .description = description};

	hc_count(work->worker, HC_COUNTER_AUTHORIZE_REFUSED);
	hc_reply_to_client(work->worker, work->exchange, &answer, NULL);
	free_authorization(work);
}

static const char *notice_for(enum hc_reason reason)
{
	if (reason == HC_REASON_CLIENT_UNKNOWN)
		return HC_PAGE_ERROR_CLIENT;
	return reason == HC_REASON_REDIRECT_NOT_REGISTERED ? HC_PAGE_ERROR_REDIRECT : HC_PAGE_ERROR_REQUEST;
}

static void end_refusal(struct authorization *work, const struct hc_authorize_refusal *refusal)
{
	const struct hc_reply_to_client answer = {.redirect_uri = refusal->redirect_uri,
						  .state = refusal->state,
						  .error = refusal->error,
						  .description = refusal->description};
	const struct hc_reply_fault fault = {
		.status = 400, .notice = notice_for(refusal->reason), .reason = refusal->reason};
	struct hc_view client = {.data = ""}, uri = {.data = ""};

	/* Texts of params end with a NUL; a repeat leaves the first glance empty. */
	if (hc_params_get(&work->params, "client_id", &client) != HC_OK)
		client.data = "";
	if (hc_params_get(&work->params, "redirect_uri", &uri) != HC_OK)
		uri.data = "";
	hc_log(HC_LOG_NOTICE, "authorization request refused", HC_F_TEXT("error", refusal->error),
	       HC_F_TEXT("cause", refusal->description), HC_F_TEXT("client", client.data),
	       HC_F_TEXT("redirect_uri", uri.data),
	       HC_F_TEXT("peer", hc_exchange_request(work->exchange)->peer),
	       HC_F_NUM("code", refusal->reason));
	hc_count(work->worker, HC_COUNTER_AUTHORIZE_REFUSED);
	if (refusal->reason == HC_REASON_NONE)
		hc_reply_to_client(work->worker, work->exchange, &answer, NULL);
	else
		hc_reply_error(work->worker, work->exchange, &fault);
	free_authorization(work);
}

/* The login cookie of the browser, or a new one; ret_set_cookie "": it has one. */
static enum hc_err have_login_cookie(const struct hc_http_request *request,
				     struct hc_login_cookie *ret_cookie,
				     char ret_set_cookie[HC_SET_COOKIE_MAX])
{
	enum hc_err err = hc_browser_login(request, ret_cookie);

	ret_set_cookie[0] = '\0';
	if (err != HC_ERR_NOTFOUND)
		return err;
	err = hc_browser_login_make(ret_cookie);
	if (err == HC_OK)
		hc_browser_set_cookie(HC_COOKIE_LOGIN, ret_cookie->value, ret_set_cookie);
	return err;
}

static const char *login_hint_of(const struct authorization *work)
{
	const struct hc_view *hint = &work->request.login_hint;

	return hint->data != NULL && hint->len <= LOGIN_HINT_MAX ? hint->data : NULL;
}

static void end_sign_in(struct authorization *work)
{
	const struct hc_gateway *gateway = work->worker->gateway;
	const struct hc_http_request *request = hc_exchange_request(work->exchange);
	struct hc_pending pending = {
		.what = work->request.what,
		.lang = hc_page_lang(request, work->request.ui_locales.data,
				     (enum hc_lang)gateway->config.language),
		.expires_ms = hc_now_ms(gateway->clock) + HC_PENDING_MS,
	};
	char set_cookie[HC_SET_COOKIE_MAX];
	struct hc_login_cookie cookie;
	char *sealed = NULL;
	enum hc_err err = have_login_cookie(request, &cookie, set_cookie);

	memcpy(pending.hint_sub, work->hint_sub, sizeof(pending.hint_sub));
	if (err == HC_OK)
		err = hc_pending_seal(gateway->page_seal, &pending, cookie.hash, &sealed);
	if (err != HC_OK) {
		end_trouble(work, "beginning a sign-in", err);
		return;
	}
	hc_signin_page_reply(work->worker, work->exchange,
			     &(struct hc_signin_page){
				     .status = 200,
				     .pending = &pending,
				     .request = sealed,
				     .client = &work->client,
				     .notice = work->has_session ? HC_PAGE_NOTICE_CONFIRM : NULL,
				     .username = login_hint_of(work),
				     .set_cookie = set_cookie[0] != '\0' ? set_cookie : NULL,
			     });
	free(sealed);
	free_authorization(work);
}

static void end_unsigned(struct authorization *work)
{
	if (is_quiet(work))
		end_error(work, "login_required", "nobody is signed in who may be");
	else
		end_sign_in(work);
}

/* ---- the session ---- */

/* The broker's word on the person of the session. */
static void person_told(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct authorization *work = ctx;
	const struct hc_issue_ask ask = {
		.what = &work->request.what, .client = work->client.number, .quiet = is_quiet(work)};

	if (err != HC_OK && is_quiet(work)) {
		end_error(work, "temporarily_unavailable", "the sign-in service does not answer");
	} else if (err != HC_OK) {
		end_trouble(work, "asking about a person", err);
	} else if (!answer->exists || !answer->may_sign_in) {
		work->has_session = false;
		end_unsigned(work);
	} else {
		hc_issue_in_session(work->worker, work->exchange, &ask, &work->session);
		free_authorization(work);
	}
}

static bool is_fresh_enough(const struct authorization *work, int64_t now_ms)
{
	const int64_t age_ms = now_ms - work->session.auth_ms;

	if (work->request.max_age_s < 0)
		return true;
	/* A sign-in from the future: the clock was set back, and its age is unknown. */
	return work->request.max_age_s > 0 && age_ms >= 0 && age_ms <= work->request.max_age_s * 1000;
}

/* Whether a code may be issued without asking the person for anything. */
static enum hc_err is_good_enough(const struct authorization *work, int64_t now_ms, bool *ret_good)
{
	char sub[HC_SUB_MAX + 1] = "";

	*ret_good = false;
	if (!work->has_session || (work->request.prompt & (HC_PROMPT_LOGIN | HC_PROMPT_SELECT)) != 0 ||
	    !is_fresh_enough(work, now_ms))
		return HC_OK;
	if (work->hint_sub[0] == '\0') {
		*ret_good = true;
		return HC_OK;
	}
	const enum hc_err err = hc_subject(work->worker->gateway, work->session.person_id, sub);
	*ret_good = err == HC_OK && strcmp(sub, work->hint_sub) == 0;
	return err;
}

static enum hc_err find_session(struct authorization *work, int64_t now_ms)
{
	const int64_t idle_ms = work->worker->gateway->config.session_idle_s * 1000;
	struct hc_ticket_ref cookie;
	enum hc_err err = hc_browser_session(hc_exchange_request(work->exchange), &cookie);

	if (err == HC_OK)
		err = hc_session_find(work->worker->view, &cookie, now_ms, idle_ms, &work->session);
	work->has_session = err == HC_OK;
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

static void look_at_session(struct authorization *work)
{
	const int64_t now_ms = hc_now_ms(work->worker->gateway->clock);
	bool good = false;
	enum hc_err err = find_session(work, now_ms);

	if (err == HC_OK)
		err = is_good_enough(work, now_ms, &good);
	if (err != HC_OK)
		end_trouble(work, "looking for the session", err);
	else if (!good)
		end_unsigned(work);
	else
		hc_persons_get(work->worker->persons, work->session.person_id, person_told, work);
}

/* ---- the request ---- */

/* Whom the application expects to be signed in; "" for nobody in particular. */
static enum hc_err read_hint(struct authorization *work)
{
	const struct hc_view *text = &work->request.id_token_hint;
	struct hc_id_token_hint hint;

	if (text->data == NULL)
		return HC_OK;
	const enum hc_err err = hc_id_token_hint(work->worker, text->data, text->len, &hint);
	if (err != HC_OK)
		return err;
	if (strcmp(hint.client_id, work->client.id) != 0)
		return HC_ERR_PERM;
	memcpy(work->hint_sub, hint.sub, sizeof(work->hint_sub));
	return HC_OK;
}

static void serve(struct authorization *work)
{
	struct hc_authorize_refusal refusal;
	char client_id[HC_CLIENT_ID_MAX + 1];

	if (hc_authorize_client_id(&work->params, client_id, &refusal) != HC_OK) {
		end_refusal(work, &refusal);
		return;
	}
	enum hc_err err = hc_client_by_id(work->worker->view, client_id, &work->client);
	if (err != HC_OK && err != HC_ERR_NOTFOUND) {
		end_trouble(work, "looking for the client", err);
		return;
	}
	if (hc_authorize_request_read(&work->params, err == HC_OK ? &work->client : NULL, &work->request,
				      &refusal) != HC_OK) {
		end_refusal(work, &refusal);
		return;
	}
	err = read_hint(work);
	if (err == HC_ERR_PERM || err == HC_ERR_INVALID || err == HC_ERR_NOTFOUND || err == HC_ERR_TOOBIG)
		end_error(work, "invalid_request", "id_token_hint is no ID token of this client");
	else if (err != HC_OK)
		end_trouble(work, "reading a hint", err);
	else
		look_at_session(work);
}

/*
 * A form that another site sends comes without our cookies (SameSite=Lax). Sent on as GET, it is
 * a navigation like any other and comes with them, so that whoever is signed in is not asked again.
 */
static bool is_to_be_resent(const struct hc_http_request *request)
{
	struct hc_login_cookie login;
	struct hc_ticket_ref session;

	return request->method == HC_HTTP_POST && hc_browser_login(request, &login) != HC_OK &&
	       hc_browser_session(request, &session) != HC_OK;
}

static void refuse_unread(struct hc_worker *worker, struct hc_exchange *exchange, enum hc_err err)
{
	if (err == HC_ERR_NOMEM) {
		hc_reply_trouble(worker, exchange, "reading a request", err);
		return;
	}
	hc_log(HC_LOG_NOTICE, "authorization request refused",
	       HC_F_TEXT("cause", "its parameters cannot be read"),
	       HC_F_TEXT("peer", hc_exchange_request(exchange)->peer));
	hc_count(worker, HC_COUNTER_AUTHORIZE_REFUSED);
	hc_reply_error(worker, exchange,
		       &(struct hc_reply_fault){.status = 400,
						.notice = HC_PAGE_ERROR_REQUEST,
						.reason = HC_REASON_REQUEST_INVALID});
}

void hc_handle_authorize(struct hc_exchange *exchange, void *app)
{
	const struct hc_http_request *request = hc_exchange_request(exchange);
	struct authorization *work = NULL;
	enum hc_err err = HC_ERR_NOMEM;

	if (hc_reply_head(exchange))
		return;
	work = calloc(1, sizeof(*work));
	if (work != NULL)
		err = hc_browser_params(request, &work->params);
	if (err != HC_OK) {
		free(work);
		refuse_unread(app, exchange, err);
		return;
	}
	work->worker = app;
	work->exchange = exchange;
	if (is_to_be_resent(request) && hc_params_repeated(&work->params) == NULL &&
	    hc_reply_as_get(work->worker, exchange, HC_PATH_AUTHORIZE, &work->params))
		free_authorization(work);
	else
		serve(work);
}
