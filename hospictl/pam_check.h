/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_CHECK_H
#define HC_PAM_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "pam_stack.h"

/*
 * What is to be said of one service's PAM stack. Each kind has two texts, "ctl.pam.<name>" (what was
 * found; {0} is the service, {1} the line that matters) and "ctl.pam.<name>.fix".
 */
#define HC_PAM_FINDINGS(X)                                                                               \
	X(FINE, "fine", 0)			   /* two factors, whatever happens */                   \
	X(WITHOUT_US, "without_us", 1)		   /* no line of ours in a service that matters */       \
	X(LETS_IN, "lets_in", 2)		   /* our refusal does not refuse */                     \
	X(SKIPPED, "skipped", 2)		   /* a line before ours ends in success without us */   \
	X(LETS_IN_AWAY, "lets_in_away", 2)	   /* as LETS_IN, while the broker is away */            \
	X(LETS_IN_LOCKED, "lets_in_locked", 2)	   /* as LETS_IN, for who is locked out */               \
	X(LETS_IN_TROUBLE, "lets_in_trouble", 2)   /* as LETS_IN, when our module cannot work */         \
	X(LETS_IN_UNKNOWN, "lets_in_unknown", 1)   /* as LETS_IN, for persons unknown to us */           \
	X(LETS_IN_IF, "lets_in_if", 1)		   /* a condition lets in without us */                  \
	X(PRIMARY_ALONE, "primary_alone", 2)	   /* Primary without Additional: a password suffices */ \
	X(CODE_ALONE, "code_alone", 2)		   /* a code suffices, without password */               \
	X(NOBODY, "nobody", 2)			   /* no way ends in success */                          \
	X(ROOT_OUT, "root_out", 2)		   /* root is exempt, and refused all the same */        \
	X(ROOT_NOT_EXEMPT, "root_not_exempt", 1)   /* nobody gets in while the broker is away */         \
	X(DISABLED_IN, "disabled_in", 2)	   /* account: the refusal does not refuse */            \
	X(DISABLED_IN_IF, "disabled_in_if", 1)	   /* account: a condition lets in */                    \
	X(NO_ACCOUNT, "no_account", 1)		   /* auth has us, account has not */                    \
	X(SYSTEM_OUT, "system_out", 2)		   /* account: accounts unknown to us are locked out */  \
	X(ACCOUNT_ROOT_OUT, "account_root_out", 2) /* account: root is locked out */                     \
	X(IN_PASSWORD, "in_password", 2) /* our module in the stack that checks passwords for us */      \
	X(BROKEN, "broken", 1)		 /* a line that libpam does not understand */                    \
	X(UNDECIDED, "undecided", 1)	 /* too many ways to judge */

enum hc_pam_kind {
#define HC_PAM_KIND_ENUM(kind, name, result) HC_PAM_KIND_##kind,
	HC_PAM_FINDINGS(HC_PAM_KIND_ENUM)
#undef HC_PAM_KIND_ENUM
};

struct hc_pam_finding {
	enum hc_pam_kind kind;
	char where[320]; /* "common-auth:17 pam_unix [success=1 default=ignore]" */
};

#define HC_PAM_FINDINGS_MAX 16

struct hc_pam_report {
	struct hc_pam_finding findings[HC_PAM_FINDINGS_MAX];
	size_t count;
	bool ours; /* our module is in its auth stack */
};

/*
 * hc_pam_check_service: judges auth and account of a service. matters: say so if our module is
 * missing. HC_ERR_TOOBIG, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_pam_check_service(hc_pam_source_fn source, void *ctx, const char *service,
					  bool matters, struct hc_pam_report *ret_report);

const char *hc_pam_kind_name(enum hc_pam_kind kind);
/* hc_pam_kind_result: 0 ok, 1 warning, 2 error. */
int hc_pam_kind_result(enum hc_pam_kind kind);

#endif
