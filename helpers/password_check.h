/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PASSWORD_CHECK_H
#define HC_PASSWORD_CHECK_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"

struct hc_secret;

#define HC_PASSWORD_SERVICE "hospiconnect-password"

/*
 * hc_password_check: asks PAM, in the service HC_PASSWORD_SERVICE, whether this is the password of an
 * account that may sign in. Never for uid 0, never with an empty password. login NULL, or decoy: the
 * password is hashed as the system hashes new ones, and is wrong. Runs foreign code (PAM modules, name
 * service) and blocks as long as that does: for a process of its own that does nothing else.
 */
enum hc_password hc_password_check(const struct hc_login *login, const struct hc_secret *password,
				   bool decoy);

#endif
