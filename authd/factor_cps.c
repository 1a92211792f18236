/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards of health professionals at this machine.
 */
#include "factor_cps.h"

#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"

static bool never_typed(const struct hc_secret *answer)
{
	(void)answer; /* an answer of a card is no text */
	return false;
}

static void never_verified(const struct hc_authd *authd, const struct hc_person *person,
			   const struct hc_secret *answer, struct hc_factor_outcome *ret_outcome)
{
	(void)authd; /* nothing typed proves a card */
	(void)person;
	(void)answer;
	*ret_outcome = (struct hc_factor_outcome){.result = HC_FACTOR_REFUSED, .reason = HC_REASON_INTERNAL};
}

const struct hc_factor_ops hc_factor_cps = {.name = "cps",
					    .factor = HC_FACTOR_CPS,
					    .method = HC_METHOD_CPS,
					    .matches = never_typed,
					    .verify = never_verified};
