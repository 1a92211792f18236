/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_WATCH_READER_H
#define HC_PKCS11_WATCH_READER_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

/*
 * How long a card may be out of sight without having left: pcscd is started anew, or hangs. At its own start
 * WATCH gives pcscd the same time.
 */
#define HC_P11_OUTAGE_MS 2000

/*
 * hc_p11_watch_reader: WATCH, from its DEVICE_START (borrowed) to its end. Blocks. No card's library is loaded. Returns
 * the exit status: HC_PROGRAM_OK when the end was told, whatever that was.
 */
int hc_p11_watch_reader(int link, const struct hc_msg *start);

#endif
