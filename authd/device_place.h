/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DEVICE_PLACE_H
#define HC_DEVICE_PLACE_H

#include "authd.h"

/*
 * hc_device_place: what devices can be used here: fills authd's machine, helper_dir, sockets and device_methods from its
 * configuration and from what is installed. A helper that is not there is no failure: its method is not offered.
 */
void hc_device_place(struct hc_authd *authd);

#endif
