/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_LOOP_H
#define HC_FIDO2_LOOP_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * hc_fido2_serve: one operation over the link, from DEVICE_START to the end. Blocks. HC_OK: it was
 * brought to an end, whichever. Else the link ended it: HC_ERR_CLOSED, HC_ERR_PROTOCOL, HC_ERR_TIMEOUT (no
 * DEVICE_START), or HC_ERR_IO. Keys have been told to give up; a thread may still hang in one, so that the
 * process must end by _exit.
 */
HC_CHECK enum hc_err hc_fido2_serve(int link_fd);

#endif
