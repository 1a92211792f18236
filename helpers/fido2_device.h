/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_DEVICE_H
#define HC_FIDO2_DEVICE_H

#include <stdatomic.h>

#include "fido2_key.h"

struct fido_assert;
struct fido_dev;

/*
 * Security keys through libfido2. The functions below block until the key answers, the time that they
 * allow is over, or hc_fido2_device_cancel is heard; a device belongs to one thread.
 */
#define HC_FIDO2_REPLY_MS 3000 /* for an answer that needs no person */

struct hc_fido2_found {
	char path[HC_FIDO2_PATH_MAX + 1];
	char label[HC_FIDO2_LABEL_MAX + 1];
};

/* One that is open. Zero-initialised: none. */
struct hc_fido2_device {
	struct fido_dev *dev; /* owned */
	bool informed; /* it was asked what it is; else what libfido2 found out by opening it is known */
	struct hc_fido2_facts facts;
	size_t list_max, id_max, bytes_max; /* what it takes in one request */
	size_t match, match_group;	    /* what of the request it holds, if facts.holds */
	const atomic_bool *stop;	    /* borrowed: give up when it is set; may be NULL */
};

/* hc_fido2_thread_init: before anything else here, in each thread. */
void hc_fido2_thread_init(void);

/* hc_fido2_scan: the keys that are plugged in, at most cap of them. Returns how many. */
size_t hc_fido2_scan(struct hc_fido2_found *found, size_t cap);

/*
 * hc_fido2_device_open: opens it and reads what it is, as far as the request needs that; NULL: all. ret_detail is for
 * logs, static.
 */
HC_CHECK enum hc_fido2_status hc_fido2_device_open(struct hc_fido2_device *device, const char *path,
						   const struct hc_fido2_request *request,
						   const char **ret_detail);

/*
 * hc_fido2_device_probe: whether it holds a credential of the request, without touch, and the tries that
 * are left. Of a key that holds none the tries are not read.
 */
HC_CHECK enum hc_fido2_status hc_fido2_device_probe(struct hc_fido2_device *device,
						    const struct hc_fido2_request *request,
						    const char **ret_detail);

void hc_fido2_device_close(struct hc_fido2_device *device);

/*
 * hc_fido2_device_cancel: tells the key to give up what it does. The one function that another thread may
 * call, while hc_fido2_device_run is at work. An old key knows no cancel.
 */
void hc_fido2_device_cancel(struct hc_fido2_device *device);

/*
 * hc_fido2_device_run: SELECT, ASSERT, MAKE or SET_PIN on a device that was probed. One PIN is sent once.
 * What it gives is copied within bounds; an answer beyond them is HC_FIDO2_FAILED.
 */
void hc_fido2_device_run(struct hc_fido2_device *device, const struct hc_fido2_request *request,
			 const struct hc_fido2_task *task, struct hc_fido2_outcome *outcome);

/* ---- between fido2_device.c, fido2_info.c and fido2_jobs.c ---- */

#define HC_FIDO2_BYTES_DEFAULT 1024 /* of one request, for a key that does not say */

/* hc_fido2_status_of: what a return value of libfido2 means. */
enum hc_fido2_status hc_fido2_status_of(int result);

/* hc_fido2_device_inform: asks it what it is, unless that is known. What libfido2 returns. */
int hc_fido2_device_inform(struct hc_fido2_device *device);

/*
 * hc_fido2_assertion_new: for those of a group's credentials from `first` on that fit into one
 * request; ret_next is the first that does not. NULL: no memory.
 */
struct fido_assert *hc_fido2_assertion_new(const struct hc_fido2_device *device,
					   const struct hc_fido2_request *request, size_t group, size_t first,
					   size_t *ret_next);

#endif
