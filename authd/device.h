/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_AUTHD_DEVICE_H
#define HC_AUTHD_DEVICE_H

#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/device.h"
#include "hospiconnect/err.h"
#include "hospiconnect/msg.h"

struct hc_secret;
struct hc_starter;
struct sd_event;

/*
 * Operations of device helpers, without waiting for them: one process and one link each (hospiconnect/device.h).
 * A helper is started from the directory of helpers with an empty environment, its link on descriptor 3 and every
 * other descriptor closed; or, where a socket of its name is configured, the service manager starts it when that is
 * connected to, and root must listen there.
 *
 * Whatever a helper sends is hostile: a message that is not its turn, or none in time, ends it (killed, where we started
 * it) as DEVICE_ERROR. It has no verdict; nothing it says is true before its evidence was verified.
 */
struct hc_devices;
struct hc_device; /* one operation under way */

enum hc_device_helper { HC_HELPER_FIDO2 = 0, HC_HELPER_PKCS11 = 1, HC_HELPER_OCSP = 2 };
#define HC_HELPERS 3

#define HC_DEVICES_MAX		32  /* at a time; beyond: HC_ERR_FULL */
#define HC_DEVICES_WATCHES	256 /* WATCH, beside them */
#define HC_DEVICES_UNPRIVILEGED 8   /* of them, for callers that are not root: for whoever asks */
#define HC_DEVICE_GRACE_MS	2000 /* a helper that goes on after its own deadline, or after CANCEL, is killed */

struct hc_devices_options {
	struct sd_event *event; /* borrowed for its life */
	int64_t priority;
	struct hc_starter *starter;	 /* borrowed; NULL: every helper has its socket */
	const char *sockets[HC_HELPERS]; /* "" or NULL: by the starter */
};

/* hc_devices_new: options is copied, what it points to borrowed. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_devices_new(const struct hc_devices_options *options,
				    struct hc_devices **ret_devices);
/* hc_devices_count: operations under way, and processes that have not ended yet; without those of WATCH. */
unsigned hc_devices_count(const struct hc_devices *devices);
/* hc_devices_free: every helper is killed; nobody is called back. */
void hc_devices_free(struct hc_devices **devices);

/*
 * What a helper said, in its turn: DEVICE_WAIT, DEVICE_ASK, DEVICE_ITEM, then one of DEVICE_DONE and DEVICE_FAILED, behind
 * which the operation is gone and its handle dead. msg is borrowed for the call. A helper that broke down is a
 * DEVICE_FAILED with DEVICE_ERROR. Never called from inside the functions below.
 */
typedef void (*hc_device_fn)(const struct hc_msg *msg, void *ctx);

/*
 * hc_device_start: start is a DEVICE_START (borrowed for the call; finished here), whose TIMEOUT_S counts;
 * WATCH has none, and lasts until its device has left.
 * HC_ERR_FULL, HC_ERR_NOTFOUND (no such helper installed), HC_ERR_AWAY, HC_ERR_PEER, HC_ERR_CLOSED (it ended at once), HC_ERR_IO,
 * HC_ERR_NOMEM: nothing goes on.
 */
HC_CHECK enum hc_err hc_device_start(struct hc_devices *devices, enum hc_device_helper helper,
				     struct hc_msg *start, hc_device_fn fn, void *ctx,
				     struct hc_device **ret_device);

/* hc_device_answer: to the question that is open; HC_ERR_STATE where none is. answer is borrowed. HC_ERR_CLOSED. */
HC_CHECK enum hc_err hc_device_answer(struct hc_device *device, const struct hc_secret *answer);

/* hc_device_drop: nobody waits for it any more: tells the helper to stop, and sees to it. Accepts NULL. */
void hc_device_drop(struct hc_device **device);

#endif
