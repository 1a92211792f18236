/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REMOVAL_H
#define HC_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "device.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

struct hc_factor_ops;
struct hc_hello;
struct sd_event;

/*
 * Sessions that a device opened, and what becomes of them when it is taken away.
 *
 *   WAITING   a person signed in with a device; the session is not open yet (at most HC_REMOVAL_WAIT_S)
 *   WATCHING  it is open, and the device is watched
 *   LEFT      the device has left: logind is told until it has done it, or the session has ended
 *   LOCKED    it has done it; the same person's next sign-in with a device here goes on with WATCHING
 *
 * All functions accept a removal of NULL, and none of them fails, waits or changes what a sign-in comes to.
 */
struct hc_removal;

enum hc_on_removal { HC_ON_REMOVAL_NOTHING = 0, HC_ON_REMOVAL_LOCK = 1, HC_ON_REMOVAL_LOGOUT = 2 };

#define HC_REMOVAL_WAIT_S 120 /* from a sign-in to its session */

/* hc_removal_new: authd, event and devices are borrowed for its life; takes up what the broker before it watched. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_removal_new(const struct hc_authd *authd, struct sd_event *event,
				    struct hc_devices *devices, struct hc_removal **ret_removal);
/* hc_removal_free: sessions stay as they are; they are watched again by the next broker. */
void hc_removal_free(struct hc_removal **removal);

/*
 * hc_removal_signed_in: a device proved who is there, and that is on disk; done is what it gave. All borrowed. What came
 * from another machine, or completed a password, opens no session of the device.
 */
void hc_removal_signed_in(struct hc_removal *removal, const struct hc_caller *caller,
			  const struct hc_hello *hello, const struct hc_factor_ops *factor,
			  enum hc_device_helper helper, const struct hc_msg *done);
/* hc_removal_session_opened, _closed: the program that signed somebody in says so. */
void hc_removal_session_opened(struct hc_removal *removal, const struct hc_caller *caller,
			       const struct hc_hello *hello);
void hc_removal_session_closed(struct hc_removal *removal, const struct hc_caller *caller,
			       const struct hc_hello *hello);

/* hc_removal_count: sessions that are watched or were locked; ret_bus: whether logind's bus is there. For STATUS. */
unsigned hc_removal_count(const struct hc_removal *removal, bool *ret_bus);

#endif
