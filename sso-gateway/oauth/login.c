/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of a sign-in: name and password, then the code.
 *
 * State: one struct login a form, from its arrival to its answer; it owns the exchange. Between the two
 * forms the conversation is kept in signins.c; the request travels in the page.
 *
 * Threats: forms that another site sends or that another browser got (Origin, the login cookie, the seal,
 * the conversation's binding: all of them, before anything is asked), login CSRF, a session fixed before the
 * sign-in (issue.c), answers that tell a wrong name from a wrong password or code (one notice, one page,
 * and the verdict comes after the code alone), a verdict for another request of the same browser.
 * Passwords and codes go from the form's memory, which is scrubbed, into a secret and to the broker; they
 * are never logged, kept or shown again.
 */
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "oauth/browser.h"
#include "oauth/handlers.h"
#include "oauth/id_token.h"
#include "oauth/issue.h"
#include "oauth/pending.h"
#include "oauth/reply.h"
#include "oauth/signin_page.h"
#include "oauth/signins.h"

struct login {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_params params;
	struct hc_login_cookie cookie;
	const char *sealed; /* the request as it came; a part of params */
	struct hc_pending pending;
	struct hc_client client;
};

static void free_login(struct login *login)
{
	hc_params_clear(&login->params);
	free(login);
}

/* ---- answers; each ends the login ---- */

static void end_fault(struct login *login, const char *cause, const struct hc_reply_fault *fault)
{
	hc_log(HC_LOG_NOTICE, "form of a sign-in refused", HC_F_TEXT("cause", cause),
	       HC_F_TEXT("peer", hc_exchange_request(login->exchange)->peer),
	       HC_F_NUM("code", fault->reason));
	hc_reply_error(login->worker, login->exchange, fault);
	free_login(login);
}

static void end_trouble(struct login *login, const char *doing, enum hc_err err)
{
	hc_reply_trouble(login->worker, login->exchange, doing, err);
	free_login(login);
}

/* The first page again, with the same request. */
static void end_again(struct login *login, unsigned status, const char *notice, enum hc_reason reason,
		      const char *username)
{
	hc_signin_page_reply(login->worker, login->exchange,
			     &(struct hc_signin_page){.status = status,
						      .pending = &login->pending,
						      .request = login->sealed,
						      .client = &login->client,
						      .notice = notice,
						      .reason = reason,
						      .username = username});
	free_login(login);
}

static void end_unavailable(struct login *login, enum hc_reason reason, const char *username)
{
	hc_log(HC_LOG_WARNING, "sign-in not possible", HC_F_TEXT("cause", hc_reason_name(reason)),
	       HC_F_NUM("code", reason));
	end_again(login, 503, NULL, reason, username);
}

static void end_allowed(struct login *login, const struct hc_person *person)
{
	const struct hc_issue_ask ask = {.what = &login->pending.what, .client = login->client.number};
	const struct hc_reply_to_client other = {
		.redirect_uri = login->pending.what.redirect_uri,
		.state = login->pending.what.state,
		.error = "login_required",
		.description = "another person signed in than the one of id_token_hint"};
	char sub[HC_SUB_MAX + 1] = "";
	enum hc_err err = HC_OK;

	if (login->pending.hint_sub[0] != '\0')
		err = hc_subject(login->worker->gateway, person->id, sub);
	if (err != HC_OK) {
		end_trouble(login, "naming a person", err);
		return;
	}
	/* OpenID Connect Core 3.1.2.1: only the person of the hint, or an error. */
	if (strcmp(sub, login->pending.hint_sub) != 0)
		hc_reply_to_client(login->worker, login->exchange, &other, NULL);
	else
		hc_issue_after_sign_in(login->worker, login->exchange, &ask, person);
	free_login(login);
}

static void told(const struct hc_signins_report *report, void *ctx)
{
	struct login *login = ctx;

	switch (report->outcome) {
	case HC_SIGNINS_CODE:
		hc_signin_page_reply(login->worker, login->exchange,
				     &(struct hc_signin_page){.status = 200,
							      .pending = &login->pending,
							      .request = login->sealed,
							      .client = &login->client,
							      .username = report->username,
							      .conversation = report->conversation});
		free_login(login);
		return;
	case HC_SIGNINS_ALLOWED:
		end_allowed(login, &report->person);
		return;
	case HC_SIGNINS_REFUSED:
		end_again(login, 200, HC_PAGE_NOTICE_REFUSED, HC_REASON_NONE, report->username);
		return;
	case HC_SIGNINS_TIMED_OUT:
		end_again(login, 200, HC_PAGE_NOTICE_TIMED_OUT, HC_REASON_NONE, report->username);
		return;
	case HC_SIGNINS_UNAVAILABLE:
		end_unavailable(login, report->reason, report->username);
		return;
	case HC_SIGNINS_GONE:
		end_again(login, 200, HC_PAGE_NOTICE_RESTART, HC_REASON_NONE, NULL);
		return;
	}
	end_trouble(login, "signing in", HC_ERR_STATE);
}

/* The person gave up: back to the first page, whatever became of the conversation. */
static void given_up(const struct hc_signins_report *report, void *ctx)
{
	(void)report;
	end_again(ctx, 200, HC_PAGE_NOTICE_STARTED_AGAIN, HC_REASON_NONE, NULL);
}

/* ---- the two forms ---- */

/* One value for browser and request: what a conversation is bound to. */
static enum hc_err make_binding(const struct login *login, uint8_t ret_binding[HC_SIGNIN_BINDING_BYTES])
{
	uint8_t both[2 * HC_SHA256_LEN];
	enum hc_err err = hc_sha256(login->sealed, strlen(login->sealed), both + HC_SHA256_LEN);

	memcpy(both, login->cookie.hash, HC_SHA256_LEN);
	return err == HC_OK ? hc_sha256(both, sizeof(both), ret_binding) : err;
}

/* Absent reads as empty. */
static struct hc_view value_of(const struct login *login, const char *name)
{
	struct hc_view value;

	if (hc_params_get(&login->params, name, &value) != HC_OK)
		value = (struct hc_view){.data = ""};
	return value;
}

/* A name as telephones type it: without the blank that they add. False: nobody's name. */
static bool clean_username(struct hc_view typed, char out[HC_SIGNIN_USERNAME_MAX + 1])
{
	while (typed.len > 0 && typed.data[0] == ' ') {
		typed.data++;
		typed.len--;
	}
	while (typed.len > 0 && typed.data[typed.len - 1] == ' ')
		typed.len--;
	if (typed.len == 0 || typed.len > HC_SIGNIN_USERNAME_MAX)
		return false;
	memcpy(out, typed.data, typed.len);
	out[typed.len] = '\0';
	return strpbrk(out, "\t\r\n") == NULL;
}

static void take_password(struct login *login)
{
	const struct hc_view password = value_of(login, HC_PAGE_FIELD_PASSWORD);
	char username[HC_SIGNIN_USERNAME_MAX + 1] = "";
	struct hc_signins_ask ask = {.username = username,
				     .peer = hc_exchange_request(login->exchange)->peer,
				     .lang = login->pending.lang};

	/* What cannot be right is told as what is wrong; it depends on what was typed alone. */
	if (!clean_username(value_of(login, HC_PAGE_FIELD_USERNAME), username) || password.len == 0 ||
	    password.len > HC_SIGNIN_ANSWER_MAX) {
		end_again(login, 200, HC_PAGE_NOTICE_REFUSED, HC_REASON_NONE, username);
		return;
	}
	enum hc_err err = make_binding(login, ask.binding);
	if (err == HC_OK)
		err = hc_secret_from(password.data, password.len, &ask.password);
	if (err == HC_OK)
		err = hc_signins_begin(login->worker->signins, &ask, told, login);
	if (err == HC_ERR_FULL) {
		hc_log(HC_LOG_WARNING, "too many sign-ins are open", HC_F_TEXT("peer", ask.peer));
		end_again(login, 503, HC_PAGE_NOTICE_TOO_MANY, HC_REASON_GATEWAY_BUSY, username);
	} else if (err != HC_OK) {
		end_unavailable(login, hc_reply_reason(err), username);
	}
}

static void take_code(struct login *login)
{
	const bool gives_up = value_of(login, HC_PAGE_FIELD_RESTART).len > 0;
	const struct hc_view code = value_of(login, HC_PAGE_FIELD_CODE);
	/* Longer than any code: an answer all the same, and a wrong one. */
	const size_t len = code.len <= HC_SIGNIN_ANSWER_MAX ? code.len : 0;
	struct hc_signins_answer answer = {.conversation = value_of(login, HC_PAGE_FIELD_CONVERSATION)};
	enum hc_err err = make_binding(login, answer.binding);

	if (err == HC_OK && !gives_up)
		err = hc_secret_from(code.data, len, &answer.code);
	if (err == HC_OK)
		err = hc_signins_answer(login->worker, &answer, gives_up ? given_up : told, login);
	if (err != HC_OK)
		end_unavailable(login, hc_reply_reason(err), NULL);
}

/* ---- what must be right before anything is looked at ---- */

static bool is_still_registered(const struct login *login)
{
	const struct hc_uri_list *uris = &login->client.redirect_uris;

	for (size_t i = 0; i < uris->count; i++) {
		if (strcmp(uris->uri[i], login->pending.what.redirect_uri) == 0)
			return true;
	}
	return false;
}

/* The client of the request, which may have been removed or changed while the page was open. */
static void find_client(struct login *login)
{
	static const struct hc_reply_fault unknown = {
		.status = 400, .notice = HC_PAGE_ERROR_CLIENT, .reason = HC_REASON_CLIENT_UNKNOWN};
	static const struct hc_reply_fault redirect = {
		.status = 400, .notice = HC_PAGE_ERROR_REDIRECT, .reason = HC_REASON_REDIRECT_NOT_REGISTERED};
	const enum hc_err err =
		hc_client_by_id(login->worker->view, login->pending.what.client_id, &login->client);
	struct hc_view conversation;

	if (err == HC_ERR_NOTFOUND)
		end_fault(login, "its client has been removed", &unknown);
	else if (err != HC_OK)
		end_trouble(login, "looking for the client", err);
	else if (!is_still_registered(login) || (login->client.grants & HC_GRANT_CODE) == 0)
		end_fault(login, "its redirect_uri is not registered any more", &redirect);
	else if (hc_params_get(&login->params, HC_PAGE_FIELD_CONVERSATION, &conversation) == HC_OK)
		take_code(login);
	else
		take_password(login);
}

static void open_request(struct login *login)
{
	static const struct hc_reply_fault cookies = {
		.status = 400, .notice = HC_PAGE_ERROR_COOKIES, .reason = HC_REASON_COOKIES_MISSING};
	static const struct hc_reply_fault expired = {
		.status = 400, .notice = HC_PAGE_ERROR_EXPIRED, .reason = HC_REASON_FORM_EXPIRED};
	const struct hc_gateway *gateway = login->worker->gateway;
	const struct hc_view sealed = value_of(login, HC_PAGE_FIELD_REQUEST);
	enum hc_err err = hc_browser_login(hc_exchange_request(login->exchange), &login->cookie);

	if (err == HC_ERR_NOTFOUND) {
		end_fault(login, "the login cookie did not come along", &cookies);
		return;
	}
	login->sealed = sealed.data;
	if (err == HC_OK)
		err = hc_pending_open(gateway->page_seal, sealed.data, sealed.len, login->cookie.hash,
				      hc_now_ms(gateway->clock), &login->pending);
	if (err == HC_ERR_TIMEOUT)
		end_fault(login, "it is too old", &expired);
	else if (err == HC_ERR_SEAL)
		end_fault(login, "it was altered, made before a restart, or for another browser", &expired);
	else if (err != HC_OK)
		end_trouble(login, "reading a form", err);
	else
		find_client(login);
}

void hc_handle_login(struct hc_exchange *exchange, void *app)
{
	static const struct hc_reply_fault foreign = {
		.status = 403, .notice = NULL, .reason = HC_REASON_FORM_FOREIGN};
	static const struct hc_reply_fault malformed = {
		.status = 400, .notice = HC_PAGE_ERROR_FORM, .reason = HC_REASON_REQUEST_INVALID};
	struct hc_worker *worker = app;
	struct login *login = calloc(1, sizeof(*login));

	if (login == NULL) {
		hc_reply_trouble(worker, exchange, "reading a form", HC_ERR_NOMEM);
		return;
	}
	login->worker = worker;
	login->exchange = exchange;
	if (!hc_browser_form_is_ours(&worker->gateway->config, hc_exchange_request(exchange))) {
		end_fault(login, "the browser says that another site sent it", &foreign);
		return;
	}
	const enum hc_err err = hc_browser_params(hc_exchange_request(exchange), &login->params);
	if (err == HC_ERR_NOMEM)
		end_trouble(login, "reading a form", err);
	else if (err != HC_OK || hc_params_repeated(&login->params) != NULL)
		end_fault(login, "it is no form, or has a field twice", &malformed);
	else
		open_request(login);
}
