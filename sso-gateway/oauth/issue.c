/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuing a code.
 *
 * State: one struct issue from the decision to the redirect; it owns the exchange. Session, grant and code
 * are one member of the store's group: none is there without the others, and the redirect leaves only
 * once they are on disk.
 *
 * Threats: session fixation (the cookie is new at each sign-in, the old one is worthless in the same write),
 * a session that was ended in another tab or by an administrator a moment ago (the store looks again), a
 * shared workstation where one person signs in over another's session (it ends, with all that was
 * issued in it).
 *
 * Whoever signs in again in his own session (prompt=login, max_age, a form left open in another tab) keeps it:
 * to end it would take away the tokens of every other application that he is using.
 */
#include "oauth/issue.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "jose/b64url.h"
#include "oauth/browser.h"
#include "oauth/id_token.h"
#include "oauth/reply.h"
#include "store/code.h"
#include "store/grant.h"
#include "store/gstore.h"
#include "store/outbox.h"

#define SID_BYTES 16

enum session_act { SESSION_KEEP, SESSION_TOUCH, SESSION_RENEW, SESSION_NEW };

struct issue {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_authorization what;
	int64_t now_ms;
	bool quiet;
	enum session_act act;
	struct hc_browser_session session; /* the code's */
	struct hc_browser_session former;  /* what the browser had before a sign-in; person_id 0: nothing */
	char origin[HC_OUTBOX_ORIGIN_MAX + 1];
	struct hc_grant grant;
	struct hc_code code;
	struct hc_ticket code_ticket, session_ticket;
};

static void free_issue(struct issue *issue)
{
	hc_ticket_clear(&issue->code_ticket);
	hc_ticket_clear(&issue->session_ticket);
	free(issue);
}

static bool is_sign_in(const struct issue *issue)
{
	return issue->act == SESSION_RENEW || issue->act == SESSION_NEW;
}

/* ---- answers; each ends the issue ---- */

static void fail(struct issue *issue, enum hc_err err)
{
	const bool gone = err == HC_ERR_STATE || err == HC_ERR_NOTFOUND;
	const struct hc_reply_to_client answer = {
		.redirect_uri = issue->what.redirect_uri,
		.state = issue->what.state,
		.error = gone ? "login_required" : "temporarily_unavailable",
		.description = gone ? "the session was ended" : "try again in a moment"};

	if (!gone)
		hc_log(HC_LOG_ERROR, "code not issued", HC_F_TEXT("client", issue->what.client_id),
		       HC_F_TEXT("cause", hc_strerror(err)));
	if (gone || issue->quiet)
		hc_reply_to_client(issue->worker, issue->exchange, &answer, NULL);
	else
		hc_reply_trouble(issue->worker, issue->exchange, "issuing a code", err);
	free_issue(issue);
}

static void succeed(struct issue *issue)
{
	char cookie[HC_SET_COOKIE_MAX];
	const char *const cookies[] = {cookie, NULL};
	const struct hc_reply_to_client answer = {.redirect_uri = issue->what.redirect_uri,
						  .state = issue->what.state,
						  .code = issue->code_ticket.text};
	const bool signed_in = is_sign_in(issue);

	hc_count(issue->worker, signed_in ? HC_COUNTER_AUTHORIZE_SIGN_IN : HC_COUNTER_AUTHORIZE_SSO);
	if (signed_in)
		hc_browser_set_cookie(HC_COOKIE_SESSION, issue->session_ticket.text, cookie);
	hc_reply_to_client(issue->worker, issue->exchange, &answer, signed_in ? cookies : NULL);
	hc_scrub(cookie, sizeof(cookie));
	free_issue(issue);
}

/* ---- the member ---- */

/* Another person's session in the same browser. */
static enum hc_err end_former(struct hc_gstore_tx *tx, const struct issue *issue)
{
	struct hc_outbox_record record = {.time_ms = issue->now_ms,
					  .event = HC_OUTBOX_SESSION_END,
					  .success = true,
					  .person_id = issue->former.person_id,
					  .detail = "somebody else signed in in the same browser"};
	const enum hc_err err = hc_session_end(tx, issue->former.cookie.id, issue->now_ms);

	if (err != HC_OK)
		return err == HC_ERR_NOTFOUND ? HC_OK : err; /* ended in the meantime */
	memcpy(record.login, issue->former.login, sizeof(issue->former.login));
	memcpy(record.origin, issue->origin, sizeof(record.origin));
	return hc_outbox_add(tx, &record);
}

static enum hc_err write_session(struct hc_gstore_tx *tx, const struct issue *issue)
{
	enum hc_err err = HC_OK;

	switch (issue->act) {
	case SESSION_KEEP:
		return HC_OK; /* the grant's row is written only if the session lives */
	case SESSION_TOUCH:
		return hc_session_touch(tx, issue->session.cookie.id, issue->now_ms);
	case SESSION_RENEW:
		return hc_session_renew(tx, &issue->former.cookie, &issue->session);
	case SESSION_NEW:
		if (issue->former.person_id != 0)
			err = end_former(tx, issue);
		return err == HC_OK ? hc_session_add(tx, &issue->session) : err;
	}
	return HC_ERR_STATE;
}

static enum hc_err write_all(struct hc_gstore_tx *tx, void *ctx)
{
	const struct issue *issue = ctx;
	enum hc_err err = write_session(tx, issue);

	if (err == HC_OK)
		err = hc_grant_add(tx, &issue->grant);
	return err == HC_OK ? hc_code_add(tx, &issue->code) : err;
}

/* ---- the rows ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static enum hc_err make_sid(char sid[HC_SID_MAX + 1])
{
	uint8_t raw[SID_BYTES];
	const enum hc_err err = hc_random(raw, sizeof(raw));

	if (err == HC_OK)
		hc_b64url_encode(raw, sizeof(raw), sid);
	return err;
}

/* The session of a sign-in: a new cookie in either case. */
static enum hc_err make_session(struct issue *issue)
{
	const struct hc_gateway *gateway = issue->worker->gateway;
	struct hc_browser_session *session = &issue->session;
	const bool renew = issue->act == SESSION_RENEW;
	const int64_t id = renew ? issue->former.cookie.id : hc_gstore_new_id(gateway->store, issue->now_ms);
	enum hc_err err = hc_ticket_make(id, &issue->session_ticket, &session->cookie);

	if (err == HC_OK && !renew)
		err = make_sid(session->sid);
	session->auth_ms = issue->now_ms;
	session->created_ms = issue->now_ms;
	session->last_seen_ms = issue->now_ms;
	session->expires_ms = issue->now_ms + gateway->config.session_lifetime_s * 1000;
	session->keep_until_ms = session->expires_ms;
	memcpy(session->acr, HC_ACR_TWO_FACTORS, sizeof(HC_ACR_TWO_FACTORS));
	memcpy(session->amr, HC_AMR_TWO_FACTORS, sizeof(HC_AMR_TWO_FACTORS));
	return err;
}

static enum hc_err make_code(struct issue *issue)
{
	const struct hc_gateway *gateway = issue->worker->gateway;
	struct hc_grant *grant = &issue->grant;
	struct hc_code *code = &issue->code;

	grant->id = hc_gstore_new_id(gateway->store, issue->now_ms);
	grant->session_id = issue->session.cookie.id;
	grant->person_id = issue->session.person_id;
	grant->scope = issue->what.scope;
	grant->created_ms = issue->now_ms;
	grant->expires_ms = issue->session.keep_until_ms;
	enum hc_err err = hc_subject(gateway, grant->person_id, grant->sub);
	if (err == HC_OK)
		err = hc_ticket_make(hc_gstore_new_id(gateway->store, issue->now_ms), &issue->code_ticket,
				     &code->ref);
	code->grant_id = grant->id;
	code->client = grant->client;
	memcpy(code->redirect_uri, issue->what.redirect_uri, sizeof(code->redirect_uri));
	memcpy(code->challenge, issue->what.challenge, sizeof(code->challenge));
	memcpy(code->nonce, issue->what.nonce, sizeof(code->nonce));
	code->issued_ms = issue->now_ms;
	code->expires_ms = earlier(issue->now_ms + gateway->config.code_s * 1000, grant->expires_ms);
	code->keep_until_ms = earlier(code->expires_ms + HC_ISSUE_REMEMBER_MS, grant->expires_ms);
	return err;
}

static void written(enum hc_err result, void *ctx);

/* Makes what is to be written and queues it. */
static void write_issue(struct issue *issue)
{
	enum hc_err err = is_sign_in(issue) ? make_session(issue) : HC_OK;

	if (err == HC_OK)
		err = make_code(issue);
	if (err == HC_OK)
		err = hc_gstore_write(issue->worker->gateway->store, issue->worker->loop, write_all, written,
				      issue);
	if (err != HC_OK)
		fail(issue, err);
}

static void written(enum hc_err result, void *ctx)
{
	struct issue *issue = ctx;

	if (result == HC_OK) {
		succeed(issue);
	} else if (result == HC_ERR_NOTFOUND && issue->act == SESSION_RENEW) {
		/*
		 * The old session was ended meanwhile, or goes on under the cookie of another page that
		 * was sent at the same time. It is left alone; the sign-in itself is as good as before.
		 */
		issue->act = SESSION_NEW;
		issue->former.person_id = 0;
		write_issue(issue);
	} else {
		/* Here FULL is the disk, not the queue. */
		fail(issue, result == HC_ERR_FULL ? HC_ERR_IO : result);
	}
}

/* ---- the two ways in ---- */

static struct issue *new_issue(struct hc_worker *worker, struct hc_exchange *exchange,
			       const struct hc_issue_ask *ask)
{
	struct issue *issue = calloc(1, sizeof(*issue));
	const struct hc_http_request *request = hc_exchange_request(exchange);

	if (issue == NULL) {
		hc_reply_trouble(worker, exchange, "issuing a code", HC_ERR_NOMEM);
		return NULL;
	}
	issue->worker = worker;
	issue->exchange = exchange;
	issue->what = *ask->what;
	issue->quiet = ask->quiet;
	issue->grant.client = ask->client;
	issue->now_ms = hc_now_ms(worker->gateway->clock);
	_Static_assert(sizeof(request->peer) <= sizeof(issue->origin), "every address fits");
	memcpy(issue->origin, request->peer, sizeof(request->peer));
	return issue;
}

void hc_issue_in_session(struct hc_worker *worker, struct hc_exchange *exchange,
			 const struct hc_issue_ask *ask, const struct hc_browser_session *session)
{
	struct issue *issue = new_issue(worker, exchange, ask);

	if (issue == NULL)
		return;
	issue->session = *session;
	issue->act =
		issue->now_ms - session->last_seen_ms >= HC_ISSUE_TOUCH_MS ? SESSION_TOUCH : SESSION_KEEP;
	write_issue(issue);
}

/* What the cookie of this browser stands for, whatever its state; person_id 0: nothing. */
static enum hc_err find_former(struct issue *issue)
{
	struct hc_browser_session found;
	struct hc_ticket_ref cookie;
	enum hc_err err = hc_browser_session(hc_exchange_request(issue->exchange), &cookie);

	if (err == HC_OK)
		err = hc_session_by_id(issue->worker->view, cookie.id, &found);
	if (err == HC_OK && hc_bytes_equal(found.cookie.hash, cookie.hash, sizeof(cookie.hash)))
		issue->former = found;
	return err == HC_ERR_NOTFOUND ? HC_OK : err;
}

void hc_issue_after_sign_in(struct hc_worker *worker, struct hc_exchange *exchange,
			    const struct hc_issue_ask *ask, const struct hc_person *person)
{
	struct issue *issue = new_issue(worker, exchange, ask);

	if (issue == NULL)
		return;
	issue->act = SESSION_NEW;
	const enum hc_err err = find_former(issue);
	if (err != HC_OK) {
		fail(issue, err);
		return;
	}
	if (issue->former.person_id == person->id && issue->now_ms < issue->former.expires_ms) {
		issue->act = SESSION_RENEW;
		issue->session = issue->former;
	}
	issue->session.person_id = person->id;
	_Static_assert(sizeof(person->login) <= sizeof(issue->session.login), "every login fits");
	memcpy(issue->session.login, person->login, sizeof(person->login));
	write_issue(issue);
}
