/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/reason.h"

/*
 * Names of the help-desk codes, made from the one list in reason.h. No state. A number from another
 * process is accepted only if it is in that list.
 */

const char *hc_reason_name(enum hc_reason reason)
{
	switch (reason) {
	case HC_REASON_NONE:
		return "NONE";
#define REASON_NAME(number, name) \
	case HC_REASON_##name:    \
		return #name;
		HC_REASONS(REASON_NAME)
#undef REASON_NAME
	}
	return "INVALID";
}

enum hc_err hc_reason_from_wire(uint32_t wire, enum hc_reason *ret_reason)
{
	switch (wire) {
	case HC_REASON_NONE:
#define REASON_CASE(number, name) case HC_REASON_##name:
		HC_REASONS(REASON_CASE)
#undef REASON_CASE
		*ret_reason = (enum hc_reason)wire;
		return HC_OK;
	default:
		return HC_ERR_PROTOCOL;
	}
}

enum hc_reason hc_reason_of_err(enum hc_err err)
{
	switch (err) {
	case HC_ERR_FULL:
		return HC_REASON_STORE_NOT_WRITABLE;
	case HC_ERR_IO:
	case HC_ERR_CORRUPT:
	case HC_ERR_NOTFOUND:
	case HC_ERR_EXISTS:
	case HC_ERR_STATE:
	case HC_ERR_PERM:
		return HC_REASON_STORE_UNREADABLE;
	case HC_ERR_SEAL:
		return HC_REASON_SECRET_NOT_READABLE;
	case HC_OK:
	case HC_ERR_NOMEM:
	case HC_ERR_INVALID:
	case HC_ERR_TOOBIG:
	case HC_ERR_PROTOCOL:
	case HC_ERR_PEER:
	case HC_ERR_AWAY:
	case HC_ERR_TIMEOUT:
	case HC_ERR_CLOSED:
	case HC_ERR_CRYPTO:
	case HC_ERR_MAX_:
		break;
	}
	return HC_REASON_INTERNAL;
}
