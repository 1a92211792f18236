/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RP-Initiated Logout 1.0: ends the session of this browser, with everything that was issued in it.
 *
 * State: one struct logout a request; it owns the exchange. What is asked on the confirmation page travels
 * sealed in it, bound to the session cookie.
 *
 * Threats: being signed out by another site (only an ID token of this very session saves the question), an
 * old or stolen ID token as a licence to sign somebody out for ever (the cookie is the authority), a
 * redirect to wherever somebody likes (one of the client's registered addresses, and the client named by
 * a token that we signed, or confirmed by the person), tokens that outlive the logout (one member). A form of
 * another site comes without our cookies, but the browser keeps what it is answered: only a cookie that came
 * along is told to be forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "oauth/browser.h"
#include "oauth/handlers.h"
#include "oauth/id_token.h"
#include "oauth/logout_field.h"
#include "oauth/redirect_uri.h"
#include "oauth/reply.h"
#include "store/gstore.h"
#include "store/outbox.h"
#include "store/session.h"

struct logout {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_params params;
	enum hc_lang lang;
	int64_t now_ms;
	struct hc_browser_session session;
	bool has_cookie; /* of a session, living or not */
	bool has_session;
	bool has_hint;		      /* one was sent; whether it is good, the next says */
	struct hc_id_token_hint hint; /* client_id "": not a good one */
	struct hc_client client;      /* number 0: nobody that may be believed */
	struct hc_logout_field field; /* where to go afterwards; redirect_uri "": nowhere */
	char origin[HC_OUTBOX_ORIGIN_MAX + 1];
};

static void free_logout(struct logout *logout)
{
	hc_params_clear(&logout->params);
	free(logout);
}

/* Absent reads as empty. */
static struct hc_view value_of(const struct logout *logout, const char *name)
{
	struct hc_view value;

	if (hc_params_get(&logout->params, name, &value) != HC_OK)
		value = (struct hc_view){.data = ""};
	return value;
}

/* ---- answers; each ends the logout ---- */

static void end_trouble(struct logout *logout, const char *doing, enum hc_err err)
{
	hc_reply_trouble(logout->worker, logout->exchange, doing, err);
	free_logout(logout);
}

static void end_fault(struct logout *logout, unsigned status, const char *cause, enum hc_reason reason)
{
	hc_log(HC_LOG_NOTICE, "logout refused", HC_F_TEXT("cause", cause),
	       HC_F_TEXT("peer", hc_exchange_request(logout->exchange)->peer), HC_F_NUM("code", reason));
	hc_reply_error(
		logout->worker, logout->exchange,
		&(struct hc_reply_fault){.status = status, .notice = HC_PAGE_ERROR_LOGOUT, .reason = reason});
	free_logout(logout);
}

/* The address to go back to, with state; NULL: none. */
static enum hc_err way_back(const struct logout *logout, char **ret_location)
{
	const struct hc_redirect_param state = {.name = "state", .value = logout->field.state};

	*ret_location = NULL;
	return logout->field.redirect_uri[0] != '\0'
		       ? hc_redirect_location(logout->field.redirect_uri, &state, 1, ret_location)
		       : HC_OK;
}

/* Signed out, or nobody was signed in. redirect: the way back may be gone without a question. */
static void end_logged_out(struct logout *logout, bool redirect)
{
	char cookie[HC_SET_COOKIE_MAX];
	const char *const cookies[] = {logout->has_cookie ? cookie : NULL, NULL};
	char *location = NULL;
	struct hc_page page;
	const enum hc_err err = way_back(logout, &location);

	hc_browser_set_cookie(HC_COOKIE_SESSION, NULL, cookie);
	if (err != HC_OK) {
		end_trouble(logout, "redirecting", err);
		return;
	}
	if (redirect && location != NULL) {
		hc_reply_redirect(logout->exchange, location, cookies);
	} else {
		hc_reply_page_init(logout->worker, logout->exchange, HC_PAGE_LOGGED_OUT, &page);
		page.lang = logout->lang;
		page.application = logout->client.number != 0 ? logout->client.name : NULL;
		page.link = location;
		hc_page_reply(logout->exchange, 200, &page, cookies);
	}
	free(location);
	free_logout(logout);
}

static void end_question(struct logout *logout)
{
	char *sealed = NULL;
	char addresses[HC_REDIRECT_LIST_MAX];
	struct hc_page page;

	logout->field.session_id = logout->session.cookie.id;
	logout->field.expires_ms = logout->now_ms + HC_LOGOUT_FIELD_MS;
	const enum hc_err err = hc_logout_field_seal(logout->worker->gateway->page_seal, &logout->field,
						     &logout->session.cookie, &sealed);
	if (err != HC_OK) {
		end_trouble(logout, "asking for a confirmation", err);
		return;
	}
	hc_reply_page_init(logout->worker, logout->exchange, HC_PAGE_LOGOUT, &page);
	page.lang = logout->lang;
	page.application = logout->client.number != 0 ? logout->client.name : NULL;
	page.username = logout->session.login;
	page.logout = sealed;
	if (logout->client.number != 0) {
		hc_redirect_list(&logout->client.post_logout_uris, addresses);
		page.form_action = addresses;
	}
	hc_page_reply(logout->exchange, 200, &page, NULL);
	free(sealed);
	free_logout(logout);
}

/* ---- the act ---- */

static enum hc_err end_session(struct hc_gstore_tx *tx, void *ctx)
{
	const struct logout *logout = ctx;
	struct hc_outbox_record record = {.time_ms = logout->now_ms,
					  .event = HC_OUTBOX_LOGOUT,
					  .success = true,
					  .person_id = logout->session.person_id};
	const enum hc_err err = hc_session_end(tx, logout->session.cookie.id, logout->now_ms);

	if (err != HC_OK)
		return err == HC_ERR_NOTFOUND ? HC_OK : err; /* ended before: there is nothing to tell */
	memcpy(record.login, logout->session.login, sizeof(logout->session.login));
	memcpy(record.client_id, logout->field.client_id, sizeof(logout->field.client_id));
	memcpy(record.origin, logout->origin, sizeof(record.origin));
	return hc_outbox_add(tx, &record);
}

static void session_ended(enum hc_err result, void *ctx)
{
	struct logout *logout = ctx;

	if (result != HC_OK) {
		end_trouble(logout, "ending a session", result == HC_ERR_FULL ? HC_ERR_IO : result);
		return;
	}
	hc_count(logout->worker, HC_COUNTER_LOGOUTS);
	end_logged_out(logout, true);
}

static void act(struct logout *logout)
{
	const struct hc_http_request *request = hc_exchange_request(logout->exchange);

	_Static_assert(sizeof(request->peer) <= sizeof(logout->origin), "every address fits");
	memcpy(logout->origin, request->peer, sizeof(request->peer));
	const enum hc_err err = hc_gstore_write(logout->worker->gateway->store, logout->worker->loop,
						end_session, session_ended, logout);
	if (err != HC_OK)
		end_trouble(logout, "ending a session", err);
}

/* ---- what is known before anything is done ---- */

/* A session that is idle is ended too: what was issued in it still counts. */
static enum hc_err find_session(struct logout *logout)
{
	struct hc_ticket_ref cookie;
	enum hc_err err = hc_browser_session(hc_exchange_request(logout->exchange), &cookie);

	logout->has_cookie = err == HC_OK;
	if (err == HC_OK)
		err = hc_session_find(logout->worker->view, &cookie, logout->now_ms, logout->now_ms,
				      &logout->session);
	logout->has_session = err == HC_OK;
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

static enum hc_err read_hint(struct logout *logout)
{
	const struct hc_view text = value_of(logout, "id_token_hint");

	logout->has_hint = text.len > 0;
	if (!logout->has_hint)
		return HC_OK;
	const enum hc_err err = hc_id_token_hint(logout->worker, text.data, text.len, &logout->hint);
	if (err == HC_OK)
		return HC_OK;
	logout->hint.client_id[0] = '\0';
	const bool is_fault =
		err == HC_ERR_PERM || err == HC_ERR_INVALID || err == HC_ERR_NOTFOUND || err == HC_ERR_TOOBIG;
	return is_fault ? HC_OK : err;
}

/* Which client it is about: the good hint's, or, without any hint, the one that the request names. */
static enum hc_err find_client(struct logout *logout)
{
	const struct hc_view named = value_of(logout, "client_id");
	const char *id = logout->has_hint ? logout->hint.client_id : named.data;

	if (id[0] == '\0' || (named.len > 0 && strcmp(named.data, id) != 0))
		return HC_OK;
	const enum hc_err err = hc_client_by_id(logout->worker->view, id, &logout->client);
	if (err != HC_OK) {
		logout->client.number = 0;
		return err == HC_ERR_NOTFOUND ? HC_OK : err;
	}
	memcpy(logout->field.client_id, logout->client.id, sizeof(logout->field.client_id));
	return HC_OK;
}

/* Whether the address to go back to, if any, is one of the client's; then it is kept. */
static bool take_way_back(struct logout *logout)
{
	const struct hc_uri_list *uris = &logout->client.post_logout_uris;
	const struct hc_view uri = value_of(logout, "post_logout_redirect_uri");
	const struct hc_view state = value_of(logout, "state");

	if (uri.len == 0)
		return true;
	for (size_t i = 0; logout->client.number != 0 && i < uris->count; i++) {
		if (strcmp(uris->uri[i], uri.data) != 0)
			continue;
		memcpy(logout->field.redirect_uri, uris->uri[i], sizeof(logout->field.redirect_uri));
		memcpy(logout->field.state, state.data, state.len + 1);
		return true;
	}
	hc_log(HC_LOG_NOTICE, "no way back after a logout", HC_F_TEXT("post_logout_redirect_uri", uri.data),
	       HC_F_TEXT("client", value_of(logout, "client_id").data),
	       HC_F_TEXT("cause", logout->client.number != 0 ? "it is not registered for this client"
							     : "nothing says which client it is"));
	return false;
}

static void serve_request(struct logout *logout)
{
	enum hc_err err = find_session(logout);

	if (value_of(logout, "state").len > HC_STATE_MAX) {
		end_fault(logout, 400, "state is too long", HC_REASON_REQUEST_INVALID);
		return;
	}
	if (err == HC_OK)
		err = read_hint(logout);
	if (err == HC_OK)
		err = find_client(logout);
	if (err != HC_OK) {
		end_trouble(logout, "reading a logout", err);
		return;
	}
	const bool way_is_good = take_way_back(logout);
	/* Said by the client itself, with a token that only it and this person's browser have seen. */
	const bool is_clients = logout->has_hint && logout->client.number != 0 && way_is_good;
	if (!logout->has_session)
		end_logged_out(logout, is_clients);
	else if (is_clients && strcmp(logout->hint.sid, logout->session.sid) == 0)
		act(logout);
	else
		end_question(logout);
}

/* ---- the confirmation ---- */

static void serve_confirmation(struct logout *logout)
{
	const struct hc_view text = value_of(logout, HC_PAGE_FIELD_LOGOUT);
	struct hc_ticket_ref cookie;
	enum hc_err err = HC_OK;

	if (!hc_browser_form_is_ours(&logout->worker->gateway->config,
				     hc_exchange_request(logout->exchange))) {
		end_fault(logout, 403, "the browser says that another site sent the form",
			  HC_REASON_FORM_FOREIGN);
		return;
	}
	err = find_session(logout);
	if (err == HC_OK)
		err = hc_browser_session(hc_exchange_request(logout->exchange), &cookie);
	if (err == HC_OK)
		err = hc_logout_field_open(logout->worker->gateway->page_seal, text.data, text.len, &cookie,
					   logout->now_ms, &logout->field);
	if (err == HC_ERR_NOTFOUND)
		end_fault(logout, 400, "there is no session cookie", HC_REASON_COOKIES_MISSING);
	else if (err == HC_ERR_SEAL || err == HC_ERR_TIMEOUT)
		end_fault(logout, 400, "the form is too old, altered, or another browser's",
			  HC_REASON_FORM_EXPIRED);
	else if (err != HC_OK)
		end_trouble(logout, "reading a form", err);
	else if (!logout->has_session)
		end_logged_out(logout, true); /* ended meanwhile; the person has agreed */
	else
		act(logout);
}

void hc_handle_logout(struct hc_exchange *exchange, void *app)
{
	const struct hc_http_request *request = hc_exchange_request(exchange);
	struct hc_worker *worker = app;
	struct logout *logout = NULL;
	struct hc_ticket_ref cookie;

	if (hc_reply_head(exchange))
		return;
	logout = calloc(1, sizeof(*logout));
	if (logout == NULL) {
		hc_reply_trouble(worker, exchange, "reading a logout", HC_ERR_NOMEM);
		return;
	}
	logout->worker = worker;
	logout->exchange = exchange;
	logout->now_ms = hc_now_ms(worker->gateway->clock);
	const enum hc_err err = hc_browser_params(request, &logout->params);
	if (err == HC_ERR_NOMEM) {
		end_trouble(logout, "reading a logout", err);
		return;
	}
	if (err != HC_OK || hc_params_repeated(&logout->params) != NULL) {
		end_fault(logout, 400, "its parameters cannot be read, or one was sent twice",
			  HC_REASON_REQUEST_INVALID);
		return;
	}
	logout->lang = hc_page_lang(request, value_of(logout, "ui_locales").data,
				    (enum hc_lang)worker->gateway->config.language);
	if (request->method == HC_HTTP_POST && value_of(logout, HC_PAGE_FIELD_LOGOUT).len > 0)
		serve_confirmation(logout);
	else if (request->method == HC_HTTP_POST && hc_browser_session(request, &cookie) != HC_OK &&
		 hc_reply_as_get(worker, exchange, HC_PATH_LOGOUT, &logout->params))
		free_logout(logout);
	else
		serve_request(logout);
}
