/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TOKEN_ENDPOINT_H
#define HC_TOKEN_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker_link.h"
#include "gateway.h"
#include "http/address.h"
#include "oauth/client_auth.h"
#include "store/client.h"
#include "store/code.h"
#include "store/grant.h"
#include "store/outbox.h"
#include "store/refresh.h"
#include "store/ticket.h"

struct hc_token_job;
typedef void (*hc_token_next_fn)(struct hc_token_job *job);

/*
 * One request at the token endpoint, while it waits for the broker and for the disk. Tickets are drawn on
 * the loop before anything is written; their rows are written by the member that uses up what the client
 * handed in; what is signed is signed on the loop again, after that member is on disk. A job is freed by
 * the one call that answers it.
 */
struct hc_token_job {
	struct hc_worker *worker;
	struct hc_exchange *exchange;
	struct hc_client client;
	enum hc_counter counter; /* of success */
	int64_t now_ms;
	char origin[HC_ADDRESS_TEXT];

	/* What the client handed in, by grant type. */
	struct hc_code_try code_try;
	char redirect_uri[HC_URI_MAX + 1];
	struct hc_refresh_try refresh_try;
	struct hc_scope_text wanted; /* of a refresh and of client_credentials; empty: not narrowed */

	/* The person that the grant is about, once the broker let her pass. id 0: nobody yet. */
	int64_t person_id;
	char login[65];
	hc_token_next_fn next;

	/* What will be handed out. */
	struct hc_ticket access, refresh;
	struct hc_ticket_ref access_ref, refresh_ref;

	/* What the member found and wrote. */
	enum hc_redeem outcome;
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];
	int64_t access_expires_ms;
	bool has_refresh;
};

/* The grant types. Each takes the job over and answers it, now or later. */
void hc_token_code(struct hc_token_job *job, const struct hc_params *params);
void hc_token_refresh(struct hc_token_job *job, const struct hc_params *params);
void hc_token_credentials(struct hc_token_job *job, const struct hc_params *params);

/* hc_token_refuse, _trouble, _answer: the one answer; the job is dead afterwards. */
void hc_token_refuse(struct hc_token_job *job, const char *error, const char *description);
void hc_token_trouble(struct hc_token_job *job, enum hc_err err);
/* hc_token_answer: signs what is to be signed for job->grant (grant.id 0: client_credentials without one). */
void hc_token_answer(struct hc_token_job *job);

/*
 * hc_token_draw: access (and, with refresh, refresh) tickets, or none where the client's access tokens are
 * JWT.
 */
HC_CHECK enum hc_err hc_token_draw(struct hc_token_job *job, bool refresh);

/* hc_token_add_access: in the member, for job->grant: its row, if it has one, and its end. */
HC_CHECK enum hc_err hc_token_add_access(struct hc_gstore_tx *tx, struct hc_token_job *job);

/*
 * hc_token_ask_person: asks the broker about the person; goes on with next when she may sign in, and
 * answers otherwise.
 */
void hc_token_ask_person(struct hc_token_job *job, int64_t person_id, hc_token_next_fn next);

/* hc_token_record: an audit record about the job, in the member of the act. */
HC_CHECK enum hc_err hc_token_record(struct hc_gstore_tx *tx, const struct hc_token_job *job,
				     enum hc_outbox_event event, bool success);

#endif
