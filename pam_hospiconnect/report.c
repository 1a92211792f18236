/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines and texts of the module. Stateless.
 *
 * The log goes through pam_syslog, in English, one line a decision; what comes from
 * outside is escaped, and a name that is no login is not repeated. What a person is shown is the
 * broker's text, or, where the broker gave none, the text of the reason from the built-in table, in the
 * language of the environment or in French.
 */
#include "report.h"

#include <security/pam_ext.h>
#include <stdio.h>
#include <syslog.h>

#include "converse.h"
#include "hospiconnect/log.h"
#include "hospiconnect/text.h"

#define NAME_CAP 256
#define HOST_CAP (4 * HC_HOST_MAX + 1)

/*
 * Who it is about. People type passwords into login fields, so a name is repeated only if it is a
 * login, or one that the administrator wrote into exempt=.
 */
static void user_for_log(const struct hc_facts *facts, enum hc_verdict verdict, char out[NAME_CAP])
{
	const char *name = facts->login.text;

	if (name[0] == '\0' && facts->user != NULL)
		name = verdict == HC_EXEMPT ? facts->user : "(no login)";
	hc_escape(name, out, NAME_CAP);
}

static const char *request_name(enum hc_request request)
{
	switch (request) {
	case HC_REQUEST_AUTHENTICATE:
		return "sign-in";
	case HC_REQUEST_ACCOUNT:
		return "account";
	case HC_REQUEST_OPEN_SESSION:
		return "session start";
	case HC_REQUEST_CLOSE_SESSION:
		return "session end";
	}
	return "request";
}

/* How loud: trouble of ours, a refusal, a way around us, an everyday event. */
static int priority(enum hc_request request, enum hc_verdict verdict)
{
	/* An account phase without a sign-in is cron's daily bread. */
	int quiet = request == HC_REQUEST_ACCOUNT ? LOG_DEBUG : LOG_NOTICE;

	switch (verdict) {
	case HC_ALLOW:
		return request == HC_REQUEST_ACCOUNT ? LOG_DEBUG : LOG_INFO;
	case HC_EXEMPT:
	case HC_GRACE:
	case HC_DENY_UNKNOWN:
		return quiet;
	case HC_DENY_UNAVAILABLE:
	case HC_DENY_CONFIG:
	case HC_DENY_NOMEM:
		return LOG_ERR;
	case HC_DENY:
	case HC_DENY_LOCKED:
	case HC_DENY_EXPIRED:
	case HC_DENY_CONVERSATION:
		return LOG_NOTICE;
	}
	return LOG_ERR;
}

static void log_outcome(pam_handle_t *pamh, const struct hc_facts *facts, enum hc_request request,
			const struct hc_outcome *outcome)
{
	char user[NAME_CAP], rhost[HOST_CAP];
	int level = priority(request, outcome->verdict);

	user_for_log(facts, outcome->verdict, user);
	hc_escape(facts->rhost.text, rhost, sizeof(rhost)); /* may hold quotes of its own */
	if (outcome->reason == HC_REASON_NONE)
		pam_syslog(pamh, level, "%s: %s user=\"%s\" rhost=\"%s\"", request_name(request),
			   hc_verdict_name(outcome->verdict), user, rhost);
	else
		pam_syslog(pamh, level, "%s: %s user=\"%s\" rhost=\"%s\" reason=HC-%d %s%s%s",
			   request_name(request), hc_verdict_name(outcome->verdict), user, rhost,
			   (int)outcome->reason, hc_reason_name(outcome->reason),
			   outcome->err != HC_OK ? ": " : "",
			   outcome->err != HC_OK ? hc_strerror(outcome->err) : "");
}

/* Whether a person is to read about it. */
static bool worth_telling(const struct hc_facts *facts, enum hc_request request,
			  const struct hc_outcome *outcome)
{
	if (facts->silent)
		return false;
	/* Nobody can be told that nobody can be told. */
	if (outcome->verdict == HC_DENY_CONVERSATION)
		return false;
	/* Accounts that are not HospiConnect's pass this phase each day, and need not hear of it. */
	return request != HC_REQUEST_ACCOUNT || outcome->verdict != HC_DENY_UNKNOWN;
}

static bool is_refusal(enum hc_verdict verdict)
{
	return verdict != HC_ALLOW && verdict != HC_GRACE && verdict != HC_EXEMPT;
}

/* The broker's text, or where it gave none that of the reason. */
static void complain(pam_handle_t *pamh, const struct hc_facts *facts, const struct hc_outcome *outcome)
{
	char text[sizeof(outcome->text)];

	if (outcome->text[0] != '\0' || outcome->reason == HC_REASON_NONE)
		(void)snprintf(text, sizeof(text), "%s", outcome->text);
	else
		hc_text_reason(facts->lang, outcome->reason, NULL, text, sizeof(text));
	if (facts->ascii_refusal)
		hc_text_to_ascii(text);
	hc_converse_complain(pamh, text);
}

void hc_report_outcome(pam_handle_t *pamh, const struct hc_facts *facts, enum hc_request request,
		       const struct hc_outcome *outcome)
{
	log_outcome(pamh, facts, request, outcome);
	if (!worth_telling(facts, request, outcome))
		return;
	if (is_refusal(outcome->verdict))
		complain(pamh, facts, outcome);
	else
		hc_converse_inform(pamh, outcome->text);
}

void hc_report_arguments(pam_handle_t *pamh, const struct hc_options_error *error)
{
	char argument[NAME_CAP];

	hc_escape(error->argument, argument, sizeof(argument));
	pam_syslog(pamh, LOG_ERR, "bad argument \"%s\": %s; see pam_hospiconnect(8)", argument, error->why);
}

void hc_report_marker(pam_handle_t *pamh, const struct hc_facts *facts)
{
	char rhost[HOST_CAP];

	hc_escape(facts->rhost.text, rhost, sizeof(rhost));
	pam_syslog(pamh, LOG_INFO, "sign-in: two factors accepted before user=\"%s\" rhost=\"%s\"",
		   facts->login.text, rhost);
}

void hc_report_nameless(pam_handle_t *pamh, const struct hc_outcome *outcome)
{
	pam_syslog(pamh, LOG_DEBUG, "sign-in: no device says who is there, the login is asked for: HC-%d %s",
		   (int)outcome->reason, hc_reason_name(outcome->reason));
}

void hc_report_untold(pam_handle_t *pamh, const struct hc_facts *facts, enum hc_err err)
{
	pam_syslog(pamh, LOG_WARNING, "session not reported to the broker: %s user=\"%s\"", hc_strerror(err),
		   facts->login.text);
}

void hc_report_no_password_change(pam_handle_t *pamh, const struct hc_facts *facts)
{
	char text[PAM_MAX_MSG_SIZE];

	pam_syslog(pamh, LOG_NOTICE, "asked to change a password, which this module does not do");
	if (facts->silent)
		return;
	hc_text(facts->lang, "pam.no_password_change", NULL, text, sizeof(text));
	hc_converse_complain(pamh, text);
}
