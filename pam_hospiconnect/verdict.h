/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_VERDICT_H
#define HC_PAM_VERDICT_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * The one place where a verdict becomes a return code of PAM, and the one file of the module that
 * may name the two codes which let a host go on. All functions are pure.
 */
enum hc_phase { HC_PHASE_AUTHENTICATE = 1, HC_PHASE_ACCOUNT = 2 };

/*
 * hc_pam_code: the code of a verdict in that phase. A value that is no verdict, and a verdict that
 * has no meaning in the phase, are denials.
 */
HC_CHECK int hc_pam_code(enum hc_phase phase, enum hc_verdict verdict);

/*
 * hc_pam_session_code: opening and closing a session never stand in the way: HospiConnect decided
 * before. Only a line whose arguments are wrong is refused, so that it is noticed.
 */
HC_CHECK int hc_pam_session_code(bool arguments_valid);

/* hc_pam_credentials_code: HospiConnect has no credentials to set. */
HC_CHECK int hc_pam_credentials_code(void);

/* hc_marked_verdict: a second-factor line, by whether a marker of this user was there to be taken. */
HC_CHECK enum hc_verdict hc_marked_verdict(bool marked);

/* hc_pam_ok: whether a call into libpam or a conversation says that it did its work. */
bool hc_pam_ok(int code);

#endif
