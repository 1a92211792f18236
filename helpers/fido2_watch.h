/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_WATCH_H
#define HC_FIDO2_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * hc_fido2_instance: what tells a key at that path from one that is plugged in there later. False: none is there.
 */
bool hc_fido2_instance(const char *path, uint64_t *ret_instance);

/*
 * hc_fido2_watch: WATCH, from its DEVICE_START (borrowed) to its end. Blocks. Errors as those of hc_fido2_serve.
 */
HC_CHECK enum hc_err hc_fido2_watch(int link, const struct hc_msg *start);

#endif
