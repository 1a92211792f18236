/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GATEWAY_EVENTS_H
#define HC_GATEWAY_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

/*
 * Audit records that the gateway delivers: gathered, then put into the trail in one transaction, with
 * the mark that says how far its records were taken over. A record that the trail has already is left out,
 * so that the gateway may deliver again what it got no answer for.
 *
 * A gateway can record the events of HC_GATEWAY_EVENTS and no others, names itself in each record that it
 * writes ("gateway:" before the administrator whom it names), and does not set the time: that of the
 * record is the broker's own.
 */
#define HC_EVENTS_MAX 64 /* in one delivery */

struct hc_gateway_events;

/* hc_gateway_events_new: authd is borrowed for its life, caller is copied. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_gateway_events_new(const struct hc_authd *authd, const struct hc_caller *caller,
					   struct hc_gateway_events **ret_events);
void hc_gateway_events_free(struct hc_gateway_events **events);

/*
 * hc_gateway_events_add: an EVENT. HC_ERR_PROTOCOL: malformed, an event that is not the gateway's, a SEQ that
 * does not follow the one before, or one too many.
 */
HC_CHECK enum hc_err hc_gateway_events_add(struct hc_gateway_events *events, const struct hc_msg *msg);

/*
 * hc_gateway_events_commit: an EVENTS_END. HC_OK: everything up to ret_seq is in the trail and on disk.
 * HC_ERR_PROTOCOL: nothing was gathered, or SEQ is not that of the last one. Anything else: none of it is there.
 */
HC_CHECK enum hc_err hc_gateway_events_commit(struct hc_gateway_events *events, const struct hc_msg *msg,
					      uint64_t *ret_seq);

#endif
