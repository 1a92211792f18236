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
