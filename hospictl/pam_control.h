/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_CONTROL_H
#define HC_PAM_CONTROL_H

#include <stdbool.h>

#include "pam_stack.h"

/* hc_pam_control_fill: the same action for every code. */
void hc_pam_control_fill(int actions[HC_PAM_CODES], int action);

/*
 * hc_pam_control_parse: the actions of a control: a keyword ("required", …), or what stands between
 * the brackets. False for one that libpam does not understand; every code is then bad.
 */
bool hc_pam_control_parse(const char *control, bool bracketed, int actions[HC_PAM_CODES]);

#endif
