/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/err.h"

#include <stddef.h>

/*
 * Names of errors and verdicts, and the one place where a number from the wire becomes a verdict.
 *
 * No state. The threat is a broker (or an impostor that slipped through) sending a number that the
 * module would read as "let in": only the listed constants pass, compared as whole 32-bit values,
 * and HC_EXEMPT, which the module alone may decide, never does.
 */

const char *hc_strerror(enum hc_err err)
{
	switch (err) {
	case HC_OK:
		return "no error";
	case HC_ERR_NOMEM:
		return "out of memory";
	case HC_ERR_INVALID:
		return "malformed value";
	case HC_ERR_TOOBIG:
		return "longer than allowed";
	case HC_ERR_NOTFOUND:
		return "not found";
	case HC_ERR_EXISTS:
		return "exists already";
	case HC_ERR_STATE:
		return "not possible in this state";
	case HC_ERR_PERM:
		return "not permitted";
	case HC_ERR_IO:
		return "input/output error";
	case HC_ERR_FULL:
		return "no space left or read-only";
	case HC_ERR_PROTOCOL:
		return "the peer does not follow the protocol";
	case HC_ERR_PEER:
		return "the peer is not who it must be";
	case HC_ERR_AWAY:
		return "nobody listens";
	case HC_ERR_TIMEOUT:
		return "no answer in time";
	case HC_ERR_CLOSED:
		return "the peer closed the connection";
	case HC_ERR_SEAL:
		return "a sealed secret does not open";
	case HC_ERR_CRYPTO:
		return "a cryptographic operation failed";
	case HC_ERR_CORRUPT:
		return "stored data contradicts itself";
	case HC_ERR_MAX_:
		break;
	}
	return "unknown error";
}

enum hc_err hc_verdict_from_wire(uint32_t wire, enum hc_verdict *ret_verdict)
{
	static const enum hc_verdict sendable[] = {
		HC_DENY,	 HC_DENY_LOCKED,      HC_DENY_UNKNOWN,
		HC_DENY_EXPIRED, HC_DENY_UNAVAILABLE, HC_DENY_CONVERSATION,
		HC_DENY_CONFIG,	 HC_DENY_NOMEM,	      HC_GRACE,
		HC_ALLOW,
	};

	for (size_t i = 0; i < HC_COUNT(sendable); i++) {
		if ((uint32_t)sendable[i] == wire) {
			*ret_verdict = sendable[i];
			return HC_OK;
		}
	}
	return HC_ERR_PROTOCOL;
}

const char *hc_verdict_name(enum hc_verdict verdict)
{
	switch (verdict) {
	case HC_DENY:
		return "deny";
	case HC_DENY_LOCKED:
		return "locked";
	case HC_DENY_UNKNOWN:
		return "unknown";
	case HC_DENY_EXPIRED:
		return "expired";
	case HC_DENY_UNAVAILABLE:
		return "unavailable";
	case HC_DENY_CONVERSATION:
		return "conversation";
	case HC_DENY_CONFIG:
		return "config";
	case HC_DENY_NOMEM:
		return "nomem";
	case HC_EXEMPT:
		return "exempt";
	case HC_GRACE:
		return "grace";
	case HC_ALLOW:
		return "allow";
	}
	return "invalid";
}
