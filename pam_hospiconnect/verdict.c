/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts to PAM codes: the frozen table of the module. Stateless.
 *
 * The threat is a path on which a failure becomes a code that lets the host go on. So the two
 * codes stand here alone, each beside the verdict that earns it, and every other value, known or
 * not, is a denial. A check of the build looks for the two names elsewhere.
 */
#include "verdict.h"

#include <security/pam_modules.h>

static int authenticate_code(enum hc_verdict verdict)
{
	switch (verdict) {
	case HC_ALLOW:
		return PAM_SUCCESS;
	case HC_EXEMPT:
	case HC_GRACE:
		return PAM_IGNORE;
	case HC_DENY_LOCKED:
		return PAM_MAXTRIES;
	case HC_DENY_UNKNOWN:
		return PAM_USER_UNKNOWN;
	case HC_DENY_UNAVAILABLE:
		return PAM_AUTHINFO_UNAVAIL;
	case HC_DENY_CONVERSATION:
		return PAM_CONV_ERR;
	case HC_DENY_CONFIG:
		return PAM_SERVICE_ERR;
	case HC_DENY_NOMEM:
		return PAM_BUF_ERR;
	case HC_DENY:
	case HC_DENY_EXPIRED:
		return PAM_AUTH_ERR;
	}
	return PAM_AUTH_ERR;
}

static int account_code(enum hc_verdict verdict)
{
	switch (verdict) {
	case HC_ALLOW:
		return PAM_SUCCESS;
	case HC_EXEMPT:
		return PAM_IGNORE;
	case HC_DENY_EXPIRED:
		return PAM_ACCT_EXPIRED;
	case HC_DENY_UNKNOWN:
		return PAM_USER_UNKNOWN;
	case HC_DENY_UNAVAILABLE:
		return PAM_AUTHINFO_UNAVAIL;
	case HC_DENY_CONFIG:
		return PAM_SERVICE_ERR;
	case HC_DENY_NOMEM:
		return PAM_BUF_ERR;
	/* Grace, lockouts and conversations belong to the other phase: a surprise, and a denial. */
	case HC_GRACE:
	case HC_DENY_LOCKED:
	case HC_DENY_CONVERSATION:
	case HC_DENY:
		return PAM_PERM_DENIED;
	}
	return PAM_PERM_DENIED;
}

int hc_pam_code(enum hc_phase phase, enum hc_verdict verdict)
{
	switch (phase) {
	case HC_PHASE_AUTHENTICATE:
		return authenticate_code(verdict);
	case HC_PHASE_ACCOUNT:
		return account_code(verdict);
	}
	return PAM_SERVICE_ERR;
}

int hc_pam_session_code(bool arguments_valid)
{
	return arguments_valid ? PAM_SUCCESS : PAM_SERVICE_ERR;
}

int hc_pam_credentials_code(void)
{
	return PAM_SUCCESS;
}

enum hc_verdict hc_marked_verdict(bool marked)
{
	return marked ? HC_ALLOW : HC_DENY;
}

bool hc_pam_ok(int code)
{
	return code == PAM_SUCCESS;
}
