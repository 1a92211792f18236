/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PERMIT_H
#define HC_PERMIT_H

#include <stdbool.h>

#include "authd.h"
#include "hospiconnect/msg.h"
#include "session.h"

/*
 * The permission table: message type × caller kind × state of the connection. Nothing is allowed
 * that it does not name; what it refuses ends the connection. Administrators' connections are
 * always in HC_SESSION_NEW between requests, in HC_SESSION_WAITING while a job runs, and in
 * HC_SESSION_DEVICE or HC_SESSION_ASKING while it waits for a device or for an answer; a gateway's
 * that watches is in HC_SESSION_WAITING.
 */
bool hc_permit(enum hc_msg_type type, enum hc_caller_kind caller, enum hc_session_state state);

#endif
