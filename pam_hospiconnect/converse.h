/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_CONVERSE_H
#define HC_PAM_CONVERSE_H

#include <security/pam_modules.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

struct hc_secret;

/*
 * The host's conversation function, one message a call. Texts are borrowed; what goes to the front
 * end is cut to PAM_MAX_MSG_SIZE at a whole character and freed of control characters other than
 * the line break. Answers are scrubbed where the host left them, on every path. Blocks as long as
 * the person does.
 */
#define HC_ANSWER_MAX 512 /* as HC_FIELD_ANSWER */

/*
 * hc_converse_ask: a question. ret_answer: the answer, possibly empty (transferred).
 * Errors: HC_ERR_AWAY (the host has no conversation), HC_ERR_IO (it failed or gave no answer),
 * HC_ERR_TOOBIG (longer than HC_ANSWER_MAX), HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_converse_ask(pam_handle_t *pamh, enum hc_step_kind kind, const char *text,
				     struct hc_secret **ret_answer);

/* A text that wants no answer; a host that cannot show it changes nothing. Empty: nothing is shown. */
void hc_converse_inform(pam_handle_t *pamh, const char *text);
void hc_converse_complain(pam_handle_t *pamh, const char *text);

#endif
