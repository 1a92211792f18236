/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONFIRM_H
#define HC_CONFIRM_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/secret.h"

#include "ctl.h"

/*
 * hc_confirm_ask: asks for the code that proves that the phone has the credential, up to three
 * times, on the terminal; says what happened, and what to do if it is given up. Returns the exit
 * status: HC_CTL_DONE once confirmed.
 */
enum hc_ctl_status hc_confirm_ask(const struct hc_ctl *ctl, const char *id);

/*
 * hc_confirm_act: on a terminal asks whether to do what cannot be taken back (text with args); true: do it.
 * Scripts are not asked: they said it by calling.
 */
bool hc_confirm_act(const struct hc_ctl *ctl, const char *text, const char *const *args);

/*
 * hc_confirm_send: sends one code (borrowed, blanks are dropped). ret_wrong: the code did not match,
 * and another one may be tried; the broker's words about it have been said.
 */
enum hc_ctl_status hc_confirm_send(const struct hc_ctl *ctl, const char *id, const struct hc_secret *code,
				   bool *ret_wrong);

#endif
