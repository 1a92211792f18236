/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_LOGIN_H
#define HC_PAM_LOGIN_H

#include <stddef.h>

#include "pam_stack.h"

/*
 * hc_pam_login_asked: the line of a service's auth stack that asks for the login before our primary line can let a card or
 * key say who is there, as "login:12 pam_nologin requisite" in ret_where; empty if there is none, or no such line of ours.
 * HC_ERR_TOOBIG, HC_ERR_NOMEM, with ret_where untouched.
 */
HC_CHECK enum hc_err hc_pam_login_asked(hc_pam_source_fn source, void *ctx, const char *service,
					char *ret_where, size_t cap);

#endif
