/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_REPORT_H
#define HC_PAM_REPORT_H

#include <security/pam_modules.h>

#include "exchange.h"
#include "facts.h"
#include "hospiconnect/msg.h"
#include "options.h"

/*
 * What the module says: to the log through pam_syslog, to the person through the conversation.
 * Names are escaped, and repeated only if they are logins. None of it changes a verdict.
 */

/* hc_report_arguments: the line of the stack has a bad argument. */
void hc_report_arguments(pam_handle_t *pamh, const struct hc_options_error *error);

/* hc_report_outcome: one log line for a decision, and its text for the person (unless silent). */
void hc_report_outcome(pam_handle_t *pamh, const struct hc_facts *facts, enum hc_request request,
		       const struct hc_outcome *outcome);

/* hc_report_marker: a second-factor line was passed on the word of the primary line. */
void hc_report_marker(pam_handle_t *pamh, const struct hc_facts *facts);

/* hc_report_nameless: no device said who is there, and the login is asked for. */
void hc_report_nameless(pam_handle_t *pamh, const struct hc_outcome *outcome);

/* hc_report_untold: the broker could not be told about a session. */
void hc_report_untold(pam_handle_t *pamh, const struct hc_facts *facts, enum hc_err err);

/* hc_report_no_password_change: why this module changes no password. */
void hc_report_no_password_change(pam_handle_t *pamh, const struct hc_facts *facts);

#endif
