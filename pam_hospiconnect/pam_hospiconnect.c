/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The six entry points of the module. Each reads its arguments and what the host knows, decides
 * here what needs no broker (a bad line, an exempt account, the second-factor marker), asks the
 * broker otherwise, and hands the verdict to verdict.c.
 *
 * This code runs inside sshd, greeters, sudo and screen lockers. It keeps no state but the marker and the
 * ticket on the handle, starts no thread, touches no signal, locale or standard stream, and opens nothing
 * but the broker's socket. Every path begins as a denial.
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stddef.h>
#include <syslog.h>

#include "exchange.h"
#include "facts.h"
#include "hospiconnect/secret.h"
#include "marker.h"
#include "options.h"
#include "report.h"
#include "ticket.h"
#include "verdict.h"

/* The rest of the module is hidden; pam_hospiconnect.map says the same again. */
#define ENTRY_POINT __attribute__((visibility("default")))

static void decide(struct hc_outcome *outcome, enum hc_verdict verdict, enum hc_reason reason)
{
	outcome->verdict = verdict;
	outcome->reason = reason;
	outcome->text[0] = '\0';
}

/* Arguments and facts, which every request needs; false: outcome says what is wrong. */
static bool prepare(pam_handle_t *pamh, int flags, int argc, const char **argv, struct hc_options *options,
		    struct hc_facts *facts, struct hc_outcome *outcome)
{
	struct hc_options_error error;
	enum hc_err facts_err = hc_facts_collect(pamh, flags, facts);

	if (hc_options_parse(argc, argv, options, &error) != HC_OK) {
		hc_report_arguments(pamh, &error);
		decide(outcome, HC_DENY_CONFIG, HC_REASON_BAD_ARGUMENT);
		return false;
	}
	hc_facts_lang(facts, options);
	if (facts_err != HC_OK) {
		pam_syslog(pamh, LOG_ERR, "%s",
			   facts_err == HC_ERR_PERM ? "this module does not run in " HC_PASSWORD_SERVICE
						    : "the service has no valid name");
		decide(outcome, HC_DENY_CONFIG, HC_REASON_BAD_ARGUMENT);
		return false;
	}
	return true;
}

static void decide_user_error(struct hc_outcome *outcome, enum hc_err err)
{
	if (err == HC_ERR_NOMEM)
		decide(outcome, HC_DENY_NOMEM, HC_REASON_NO_MEMORY);
	else
		decide(outcome, HC_DENY_CONVERSATION, HC_REASON_CONVERSATION_FAILED);
}

/* A user who is neither exempt nor through already: the broker decides, if the name is one. */
static void ask_broker(pam_handle_t *pamh, const struct hc_options *options, struct hc_facts *facts,
		       enum hc_request request, struct hc_outcome *outcome)
{
	enum hc_err err =
		request == HC_REQUEST_ACCOUNT ? hc_facts_account(pamh, facts) : hc_facts_login(facts);

	if (err != HC_OK) {
		decide(outcome, HC_DENY_UNKNOWN, HC_REASON_NAME_MALFORMED);
		return;
	}
	hc_exchange_run(pamh, options, facts, request, outcome);
}

/* So often a person may come back to a question that has lapsed meanwhile. */
#define LAPSES_MAX 16

/* The device at this machine said who is there, and he proved it. His account is never exempt by that. */
static void take_name(pam_handle_t *pamh, struct hc_facts *facts, struct hc_outcome *outcome)
{
	const struct hc_login user = outcome->user;
	enum hc_err err = hc_facts_user_set(pamh, &user, facts);

	if (err == HC_OK)
		err = hc_marker_set(pamh, &facts->login);
	if (err == HC_ERR_NOMEM)
		decide(outcome, HC_DENY_NOMEM, HC_REASON_NO_MEMORY);
	else if (err != HC_OK)
		decide(outcome, HC_DENY, HC_REASON_INTERNAL);
}

/*
 * Nobody is named yet. False: nobody is by a device, and the login is to be asked for, if the person has not typed it:
 * a broker that is away or has no device here must keep no administrator from typing his.
 */
static bool authenticate_nameless(pam_handle_t *pamh, const struct hc_options *options,
				  struct hc_facts *facts, struct hc_outcome *outcome)
{
	int lapses = 0;

	if ((options->methods & HC_METHOD_DEVICES) == 0 || facts->remote ||
	    hc_facts_user(pamh, facts) != HC_ERR_NOTFOUND)
		return false;
	do {
		hc_exchange_run(pamh, options, facts, HC_REQUEST_AUTHENTICATE, outcome);
	} while (outcome->lapsed && ++lapses < LAPSES_MAX);
	if (outcome->named)
		return false;
	if (outcome->verdict == HC_DENY_UNAVAILABLE && (!outcome->asked || outcome->lapsed)) {
		hc_report_nameless(pamh, outcome);
		return false;
	}
	if (outcome->verdict == HC_ALLOW)
		take_name(pamh, facts, outcome);
	return true;
}

static void authenticate_primary(pam_handle_t *pamh, const struct hc_options *options, struct hc_facts *facts,
				 struct hc_outcome *outcome)
{
	enum hc_err err;

	if (authenticate_nameless(pamh, options, facts, outcome))
		return;
	*outcome = (struct hc_outcome){.verdict = HC_DENY};
	err = hc_facts_user_ask(pamh, facts);
	if (err != HC_OK) {
		decide_user_error(outcome, err);
		return;
	}
	if (hc_options_exempt(options, facts->user, facts->remote)) {
		decide(outcome, HC_EXEMPT, HC_REASON_NONE);
		return;
	}
	ask_broker(pamh, options, facts, HC_REQUEST_AUTHENTICATE, outcome);
	/* A marker that cannot be kept is a sign-in that cannot be finished. */
	if (outcome->verdict == HC_ALLOW && hc_marker_set(pamh, &facts->login) != HC_OK)
		decide(outcome, HC_DENY_NOMEM, HC_REASON_NO_MEMORY);
}

static void authenticate_second_factor(pam_handle_t *pamh, const struct hc_options *options,
				       struct hc_facts *facts, struct hc_outcome *outcome)
{
	bool marked = false;
	enum hc_err err = hc_facts_user_ask(pamh, facts);

	/* The marker goes whatever happens now: it serves one line, once. */
	if (hc_marker_take(pamh, err == HC_OK ? facts->user : "", &marked) != HC_OK) {
		decide(outcome, HC_DENY, HC_REASON_INTERNAL);
		return;
	}
	if (err != HC_OK) {
		decide_user_error(outcome, err);
		return;
	}
	if (marked && hc_facts_login(facts) == HC_OK) {
		hc_report_marker(pamh, facts);
		decide(outcome, hc_marked_verdict(marked), HC_REASON_NONE);
		return;
	}
	if (hc_options_exempt(options, facts->user, facts->remote)) {
		decide(outcome, HC_EXEMPT, HC_REASON_NONE);
		return;
	}
	ask_broker(pamh, options, facts, HC_REQUEST_AUTHENTICATE, outcome);
}

ENTRY_POINT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct hc_outcome outcome = {.verdict = HC_DENY};
	struct hc_options options = {.mode = HC_MODE_PRIMARY};
	struct hc_facts facts;
	bool ready = prepare(pamh, flags, argc, argv, &options, &facts, &outcome);

	/* A ticket serves one line, the next one, whatever that is. */
	hc_ticket_take(pamh, &facts.ticket);
	/* No marker outlives the entry of a primary line, nor of a line that nobody understands. */
	if ((!ready || options.mode == HC_MODE_PRIMARY) && hc_marker_clear(pamh) != HC_OK) {
		decide(&outcome, HC_DENY, HC_REASON_INTERNAL);
		ready = false;
	}
	if (ready && options.mode == HC_MODE_PRIMARY)
		authenticate_primary(pamh, &options, &facts, &outcome);
	else if (ready)
		authenticate_second_factor(pamh, &options, &facts, &outcome);
	if (outcome.ticket.known)
		hc_ticket_keep(pamh, &outcome.ticket);
	hc_scrub(&facts.ticket, sizeof(facts.ticket));
	hc_scrub(&outcome.ticket, sizeof(outcome.ticket));
	hc_report_outcome(pamh, &facts, HC_REQUEST_AUTHENTICATE, &outcome);
	return hc_pam_code(HC_PHASE_AUTHENTICATE, outcome.verdict);
}

ENTRY_POINT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return hc_pam_credentials_code();
}

ENTRY_POINT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct hc_outcome outcome = {.verdict = HC_DENY};
	struct hc_options options;
	struct hc_facts facts;

	if (prepare(pamh, flags, argc, argv, &options, &facts, &outcome)) {
		if (hc_facts_user(pamh, &facts) != HC_OK)
			decide(&outcome, HC_DENY_UNKNOWN, HC_REASON_UNKNOWN_PERSON);
		else if (hc_options_exempt(&options, facts.user, facts.remote))
			decide(&outcome, HC_EXEMPT, HC_REASON_NONE);
		else
			ask_broker(pamh, &options, &facts, HC_REQUEST_ACCOUNT, &outcome);
	}
	hc_report_outcome(pamh, &facts, HC_REQUEST_ACCOUNT, &outcome);
	return hc_pam_code(HC_PHASE_ACCOUNT, outcome.verdict);
}

/* An exempt administrator's session must not even be slowed down by a broker that is away. */
static int session(pam_handle_t *pamh, int flags, int argc, const char **argv, enum hc_request request)
{
	struct hc_outcome outcome = {.verdict = HC_DENY};
	struct hc_options options;
	struct hc_facts facts;
	enum hc_err err;

	if (!prepare(pamh, flags, argc, argv, &options, &facts, &outcome))
		return hc_pam_session_code(false);
	if (hc_facts_user(pamh, &facts) != HC_OK || hc_facts_login(&facts) != HC_OK ||
	    hc_options_exempt(&options, facts.user, facts.remote))
		return hc_pam_session_code(true);
	err = hc_exchange_notify(&options, &facts, request);
	if (err != HC_OK)
		hc_report_untold(pamh, &facts, err);
	return hc_pam_session_code(true);
}

ENTRY_POINT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return session(pamh, flags, argc, argv, HC_REQUEST_OPEN_SESSION);
}

ENTRY_POINT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return session(pamh, flags, argc, argv, HC_REQUEST_CLOSE_SESSION);
}

ENTRY_POINT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct hc_outcome outcome = {.verdict = HC_DENY};
	struct hc_options options;
	struct hc_facts facts;

	if (!prepare(pamh, flags, argc, argv, &options, &facts, &outcome))
		return hc_pam_code(HC_PHASE_AUTHENTICATE, outcome.verdict);
	hc_report_no_password_change(pamh, &facts);
	return PAM_AUTHTOK_ERR;
}
