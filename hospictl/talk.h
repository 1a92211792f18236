/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TALK_H
#define HC_TALK_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

struct hc_broker;

/*
 * hc_talk: what the broker says in the middle of a request: an INFO is shown on standard error, a STEP is asked there, its
 * answer read from standard input (not shown while it is typed, where that is a terminal) and sent. A question that is
 * not answered is taken back. HC_ERR_PROTOCOL for any other message.
 */
HC_CHECK enum hc_err hc_talk(struct hc_broker *broker, struct hc_msg *msg);

#endif
