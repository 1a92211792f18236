/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BROWSER_SESSION_H
#define HC_BROWSER_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/ticket.h"

struct hc_gstore_tx;
struct hc_gstore_view;

/*
 * Browser sessions: a person who signed in. The cookie is a ticket. What is issued within a session
 * (grants) ends with it when the session is ended; not when it merely expires.
 */
#define HC_SID_MAX	     64
#define HC_ACR_MAX	     64
#define HC_AMR_MAX	     64
#define HC_SESSION_LOGIN_MAX 64

struct hc_browser_session {
	struct hc_ticket_ref cookie; /* cookie.id is the session's id */
	int64_t person_id;
	char login[HC_SESSION_LOGIN_MAX + 1]; /* for lists; not a claim */
	char sid[HC_SID_MAX + 1];	      /* the claim: random, public, not the cookie */
	char acr[HC_ACR_MAX + 1];
	char amr[HC_AMR_MAX + 1]; /* values separated by a space */
	int64_t auth_ms;	  /* when the person signed in with all factors */
	int64_t created_ms, last_seen_ms;
	int64_t expires_ms;    /* the first instant at which it does not count */
	int64_t keep_until_ms; /* nothing that is issued in it outlives this; not before expires_ms */
};

/* hc_session_add: HC_ERR_EXISTS for a taken id or sid. */
HC_CHECK enum hc_err hc_session_add(struct hc_gstore_tx *tx, const struct hc_browser_session *session);
/*
 * hc_session_find: the session of a cookie, if it was not ended, has not expired and was last seen
 * less than idle_ms ago. HC_ERR_NOTFOUND otherwise, whatever the cause.
 */
HC_CHECK enum hc_err hc_session_find(struct hc_gstore_view *view, const struct hc_ticket_ref *cookie,
				     int64_t now_ms, int64_t idle_ms, struct hc_browser_session *ret_session);
/* hc_session_by_id: whatever its state, until keep_until_ms. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_session_by_id(struct hc_gstore_view *view, int64_t id,
				      struct hc_browser_session *ret_session);
/* hc_session_by_sid: of one that was not ended. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_session_by_sid(struct hc_gstore_view *view, const char *sid,
				       struct hc_browser_session *ret_session);
/* hc_session_touch: last_seen_ms, never backwards. HC_ERR_NOTFOUND for one that was ended or is unknown. */
HC_CHECK enum hc_err hc_session_touch(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms);
/*
 * hc_session_renew: the same person signed in again in the browser that holds cookie: the session and what
 * was issued in it go on, under another cookie of the same id. session: whose cookie.hash, acr, amr, auth_ms,
 * last_seen_ms, expires_ms and keep_until_ms are taken over. HC_ERR_NOTFOUND where the cookie is not that of a living
 * session of session->person_id; HC_ERR_INVALID where the ids differ.
 */
HC_CHECK enum hc_err hc_session_renew(struct hc_gstore_tx *tx, const struct hc_ticket_ref *cookie,
				      const struct hc_browser_session *session);
/* hc_session_end: the session and all that was issued in it. HC_ERR_NOTFOUND where it was ended or is unknown. */
HC_CHECK enum hc_err hc_session_end(struct hc_gstore_tx *tx, int64_t id, int64_t now_ms);
/* hc_session_end_person: all sessions of a person, also expired ones; ret_ended (may be NULL): how many. */
HC_CHECK enum hc_err hc_session_end_person(struct hc_gstore_tx *tx, int64_t person_id, int64_t now_ms,
					   size_t *ret_ended);
/*
 * hc_session_list: not ended and not expired ones, of one person (0: of all), with id > *cursor (0 first;
 * advanced), up to max; fewer than max: the end.
 */
HC_CHECK enum hc_err hc_session_list(struct hc_gstore_view *view, int64_t person_id, int64_t now_ms,
				     int64_t *cursor, size_t max, struct hc_browser_session *out,
				     size_t *ret_count);

#endif
