/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of devices that people sign in with. No state, and nothing but this list: what a kind is stands in its
 * factor_….c, what a conversation does with it in session_device.c.
 */
#include "device_method.h"

const struct hc_device_method *const hc_device_methods[] = {
	&hc_device_fido2,
	&hc_device_cps,
	NULL,
};
