/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FACTOR_CPS_H
#define HC_FACTOR_CPS_H

#include "factor.h"

/* Cards of health professionals: their name in the trail, their failure counter and their bit of HC_METHOD_…. */
extern const struct hc_factor_ops hc_factor_cps;

#endif
