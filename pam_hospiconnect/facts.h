/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_FACTS_H
#define HC_PAM_FACTS_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/text.h"
#include "options.h"
#include "ticket.h"

/* What the host tells about a sign-in, parsed. What does not parse is left out, except the service. */
struct hc_facts {
	struct hc_service service;
	struct hc_tty tty;
	struct hc_host rhost;
	struct hc_label ruser;
	bool remote;	    /* PAM_RHOST is set and not empty, also if it does not parse */
	bool silent;	    /* PAM_SILENT */
	bool prompt_only;   /* the front end loses texts that are not questions */
	bool ascii_refusal; /* the front end shows refusals with everything beyond ASCII escaped */
	bool lang_known;
	enum hc_lang lang; /* French unless known */
	const char *user;  /* PAM_USER as it is, borrowed from the handle; NULL until asked for */
	struct hc_login login;
	struct hc_ticket ticket; /* of a card that was shown in this transaction */
};

/* The service in which the broker checks passwords; asking the broker there would be a circle. */
#define HC_PASSWORD_SERVICE "hospiconnect-password"

/*
 * hc_facts_collect: everything but user and login. HC_ERR_INVALID if the service has no valid name,
 * HC_ERR_PERM in HC_PASSWORD_SERVICE; lang and silent are set even then.
 */
HC_CHECK enum hc_err hc_facts_collect(pam_handle_t *pamh, int flags, struct hc_facts *ret_facts);

/* hc_facts_lang: the language of the line (lang=), where the host and the environment name none. */
void hc_facts_lang(struct hc_facts *facts, const struct hc_options *options);

/*
 * hc_facts_user_ask: the user, asked for through the conversation if the host has not set one.
 * hc_facts_user: the user that the host has set; nobody is asked.
 * Errors: HC_ERR_NOTFOUND (none), HC_ERR_NOMEM, HC_ERR_IO (the conversation failed).
 */
HC_CHECK enum hc_err hc_facts_user_ask(pam_handle_t *pamh, struct hc_facts *facts);
HC_CHECK enum hc_err hc_facts_user(pam_handle_t *pamh, struct hc_facts *facts);

/*
 * hc_facts_user_set: PAM_USER becomes login, whom a device has named. HC_ERR_STATE: it is somebody already, who is never
 * changed. HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_facts_user_set(pam_handle_t *pamh, const struct hc_login *login,
				       struct hc_facts *facts);

/* hc_facts_login: parses user into login. HC_ERR_INVALID, HC_ERR_TOOBIG. */
HC_CHECK enum hc_err hc_facts_login(struct hc_facts *facts);

/*
 * hc_facts_account: the same for an account that the host has let in already. Where the name is no login
 * ("Martin", "martin@example.org"), that of the account which the system knows under it is taken: a
 * directory that takes several names for one account must not make a disabled person an unknown one.
 * May block in the name service, as the host did. HC_ERR_INVALID, HC_ERR_TOOBIG.
 */
HC_CHECK enum hc_err hc_facts_account(pam_handle_t *pamh, struct hc_facts *facts);

/* hc_facts_hello: starts msg as the HELLO of that request. */
void hc_facts_hello(const struct hc_facts *facts, const struct hc_options *options, enum hc_request request,
		    struct hc_msg *msg);

/* hc_frontend_prompt_only: whether programs of that service name are known to lose messages. */
bool hc_frontend_prompt_only(const char *service);

#endif
