/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CRL_LISTS_H
#define HC_CRL_LISTS_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/err.h"

#include "settings.h"

/*
 * hc_crl_run: asks each address whose turn it is (force: every one) and puts what is newer and verified in the
 * place of what was there; logs what happened to each. HC_OK: nothing failed, and each authority over persons has
 * a list that serves. HC_ERR_STATE: something did; every list that served before still does. Other errors: nothing
 * could be done.
 */
HC_CHECK enum hc_err hc_crl_run(const struct hc_crl_config *config, const struct hc_clock *clock, bool force);

#endif
