/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIRST_CERTIFICATE_H
#define HC_FIRST_CERTIFICATE_H

#include "hospiconnect/clock.h"
#include "settings.h"

/*
 * hc_first_certificate: certificate and key where the configuration has them, self-made and for the issuer's host, if
 * neither is there. What is there is never changed: both are no failure. Says what was done on standard output, why
 * not in the log. For root, or for the user who will read them. Blocks.
 * HC_ERR_EXISTS: one of the two is there alone. HC_ERR_NOTFOUND: the gateway's user or the directory.
 */
HC_CHECK enum hc_err hc_first_certificate(const struct hc_gateway_config *config,
					  const struct hc_clock *clock);

#endif
