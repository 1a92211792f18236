/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/msg.h"

/*
 * Names of the message types, for logs. The switch is exhaustive, so it also is the list of types
 * that exist: msg.c takes "unknown" for a type that no peer may send.
 */

const char *hc_msg_type_name(enum hc_msg_type type)
{
	switch (type) {
#define TYPE_NAME(name)     \
	case HC_MSG_##name: \
		return #name;
		TYPE_NAME(HELLO)
		TYPE_NAME(STEP)
		TYPE_NAME(ANSWER)
		TYPE_NAME(CANCEL)
		TYPE_NAME(INFO)
		TYPE_NAME(RESULT)
		TYPE_NAME(KEEPALIVE)
		TYPE_NAME(PERSON_GET)
		TYPE_NAME(PERSON)
		TYPE_NAME(WATCH)
		TYPE_NAME(PERSON_CHANGED)
		TYPE_NAME(EVENT)
		TYPE_NAME(EVENTS_END)
		TYPE_NAME(EVENTS_KEPT)
		TYPE_NAME(PASSWORD_CHECK)
		TYPE_NAME(PASSWORD_RESULT)
		TYPE_NAME(STATUS)
		TYPE_NAME(USER_ADD)
		TYPE_NAME(USER_SHOW)
		TYPE_NAME(USER_LIST)
		TYPE_NAME(USER_ENABLE)
		TYPE_NAME(USER_DISABLE)
		TYPE_NAME(USER_REMOVE)
		TYPE_NAME(ENROLL_OTP)
		TYPE_NAME(ENROLL_RECOVERY)
		TYPE_NAME(CREDENTIAL_CONFIRM)
		TYPE_NAME(CREDENTIAL_LIST)
		TYPE_NAME(CREDENTIAL_REVOKE)
		TYPE_NAME(LOCKOUT_LIST)
		TYPE_NAME(LOCKOUT_CLEAR)
		TYPE_NAME(AUDIT_LIST)
		TYPE_NAME(AUDIT_VERIFY)
		TYPE_NAME(AUDIT_HEAD)
		TYPE_NAME(ROW)
		TYPE_NAME(END)
#undef TYPE_NAME
	}
	return "unknown";
}
