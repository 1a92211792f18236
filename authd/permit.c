/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The permission table of the broker protocol: which message which caller may send in which state.
 *
 * State: one constant table. Threats: a caller that sends what its place in the conversation does
 * not allow, and a new message type that somebody forgets to think about. So the table lists what is
 * allowed, and whatever it does not list is refused. It must never grow a default that permits.
 */
#include "permit.h"

#include <stddef.h>

#include "hospiconnect/attrs.h"

#define CALLER(kind) (1u << HC_CALLER_##kind)
#define STATE(state) (1u << HC_SESSION_##state)

struct permission {
	enum hc_msg_type type;
	unsigned callers;
	unsigned states;
};

static const struct permission table[] = {
	{HC_MSG_HELLO, CALLER(ROOT) | CALLER(USER) | CALLER(GATEWAY), STATE(NEW)},
	{HC_MSG_ANSWER, CALLER(ROOT) | CALLER(USER) | CALLER(GATEWAY) | CALLER(ADMIN), STATE(ASKING)},
	{HC_MSG_CANCEL, CALLER(ROOT) | CALLER(USER) | CALLER(GATEWAY) | CALLER(ADMIN),
	 STATE(ASKING) | STATE(DEVICE)},

	{HC_MSG_PERSON_GET, CALLER(GATEWAY), STATE(NEW)},
	{HC_MSG_WATCH, CALLER(GATEWAY), STATE(NEW)},
	{HC_MSG_EVENT, CALLER(GATEWAY), STATE(NEW)},
	{HC_MSG_EVENTS_END, CALLER(GATEWAY), STATE(NEW)},

	{HC_MSG_STATUS, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_USER_ADD, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_USER_SHOW, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_USER_LIST, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_USER_ENABLE, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_USER_DISABLE, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_USER_REMOVE, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_ENROLL_OTP, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_ENROLL_RECOVERY, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_ENROLL_FIDO2, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_ENROLL_CPS, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_CPS_READ, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_FIDO2_PIN, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_IMPORT_U2F, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_CREDENTIAL_CONFIRM, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_CREDENTIAL_LIST, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_CREDENTIAL_REVOKE, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_LOCKOUT_LIST, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_LOCKOUT_CLEAR, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_AUDIT_LIST, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_AUDIT_VERIFY, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_AUDIT_HEAD, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_BACKUP, CALLER(ADMIN), STATE(NEW)},
	{HC_MSG_SEAL_ROTATE, CALLER(ADMIN), STATE(NEW)},
};

/* A bit of a small enumerator; no bit for a value that is none of it. */
static unsigned bit(unsigned value)
{
	return value < 32 ? 1u << value : 0;
}

bool hc_permit(enum hc_msg_type type, enum hc_caller_kind caller, enum hc_session_state state)
{
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		if (table[i].type == type)
			return (table[i].callers & bit((unsigned)caller)) != 0 &&
			       (table[i].states & bit((unsigned)state)) != 0;
	}
	return false;
}
