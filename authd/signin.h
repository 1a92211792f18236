/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SIGNIN_H
#define HC_SIGNIN_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"
#include "session.h"

struct hc_secret;

/*
 * One conversation on gateway.sock: password, then code, always both, and one verdict at the end.
 *
 *   NEW ── HELLO ──▶ ASKING (password) ── ANSWER ──▶ ASKING (code) ── ANSWER ──▶ WAITING ──▶ DONE
 *
 * hc-password checks the password meanwhile. Who is unknown, has a wrong password or a wrong code
 * takes the same steps for the same time: a refusal leaves HC_SIGNIN_PASSWORD_MS after the password and
 * HC_SIGNIN_CODE_MS after the code, not before; a person who types is slower than that. It is decided
 * and on disk before the wait. A code that follows a wrong password is not looked at.
 */
#define HC_SIGNIN_PASSWORD_MS 1000
#define HC_SIGNIN_CODE_MS     100

struct hc_signin;

/*
 * hc_signin_ask_fn: starts the check of a password; hc_signin_password is to be called with its answer,
 * later and once. login: NULL where what was typed is none. All borrowed for the call.
 */
typedef enum hc_err (*hc_signin_ask_fn)(void *ctx, const struct hc_login *login,
					const struct hc_secret *password, bool decoy);

/* hc_signin_new: authd is borrowed for its life; caller is copied; ctx is that of emit and of ask. */
HC_CHECK enum hc_err hc_signin_new(const struct hc_authd *authd, const struct hc_caller *caller,
				   hc_emit_fn emit, hc_signin_ask_fn ask, void *ctx,
				   struct hc_signin **ret_signin);
void hc_signin_free(struct hc_signin **signin);

enum hc_session_state hc_signin_state(const struct hc_signin *signin);

/* hc_signin_receive, _deadline_ms, _timeout, _closed: as those of hc_session. */
HC_CHECK enum hc_err hc_signin_receive(struct hc_signin *signin, const struct hc_msg *msg);
int64_t hc_signin_deadline_ms(const struct hc_signin *signin);
void hc_signin_timeout(struct hc_signin *signin);
void hc_signin_closed(struct hc_signin *signin);

/* hc_signin_password: what hc-password said. */
void hc_signin_password(struct hc_signin *signin, enum hc_password answer);

#endif
