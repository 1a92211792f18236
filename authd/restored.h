/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_RESTORED_H
#define HC_RESTORED_H

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* hc_restored_settle: before anybody is served; HC_OK at once where the store is no copy. Logged. */
HC_CHECK enum hc_err hc_restored_settle(const struct hc_authd *authd);

#endif
