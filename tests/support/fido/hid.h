/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_HID_H
#define HC_TESTS_FIDO_HID_H

#include "key.h"

enum { TK_HID_PING = 0x01, TK_HID_MSG = 0x03, TK_HID_INIT = 0x06, TK_HID_WINK = 0x08, TK_HID_CBOR = 0x10 };
enum { TK_HID_CANCEL = 0x11, TK_HID_KEEPALIVE = 0x3b, TK_HID_ERROR = 0x3f };
enum { TK_ALIVE_WORKING = 1, TK_ALIVE_TOUCH = 2 };

/* One report from a program. A request that it completes is left in session.transaction, ready. */
void tk_hid_input(struct tk_key *key, int client, const uint8_t report[TK_REPORT_LEN]);
/* A program closed the device. */
void tk_hid_client_gone(struct tk_key *key, int client);
/* Gives up a request of which the rest does not come. */
void tk_hid_tick(struct tk_key *key);
/* Answers the request being worked on, and is ready for the next. */
void tk_hid_reply(struct tk_key *key, uint8_t command, struct tk_slice data);
void tk_hid_keepalive(struct tk_key *key, uint8_t status);
/* Works on the request that is ready. */
void tk_hid_work(struct tk_key *key);

#endif
