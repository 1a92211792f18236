/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_WORKER_H
#define HC_FIDO2_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "fido2_device.h"

/*
 * One thread a key, since libfido2's functions block: it opens the key, does the jobs it is given, one
 * at a time, and says so on a pipe by writing its number.
 *
 * Everything but the device belongs to whoever holds the lock. The owner is the main thread.
 */
enum hc_fido2_worker_state {
	HC_FIDO2_WORKER_IDLE,
	HC_FIDO2_WORKER_BUSY,
	HC_FIDO2_WORKER_READY /* an outcome waits to be collected */
};

struct hc_fido2_worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	enum hc_fido2_worker_state state;
	bool alive; /* there is a thread; the owner's own */
	bool quit, interruptible;
	atomic_bool stop;
	unsigned number;
	int report_fd;				/* borrowed */
	const struct hc_fido2_request *request; /* borrowed */
	char path[HC_FIDO2_PATH_MAX + 1];
	struct hc_fido2_task task;
	struct hc_fido2_device device;
	struct hc_fido2_outcome outcome;
};

/* hc_fido2_worker_init: once, before the first start. */
void hc_fido2_worker_init(struct hc_fido2_worker *worker, unsigned number, int report_fd);

/* hc_fido2_worker_start: a thread for the key at path; request is borrowed until it has ended. HC_ERR_IO. */
HC_CHECK enum hc_err hc_fido2_worker_start(struct hc_fido2_worker *worker, const char *path,
					   const struct hc_fido2_request *request);

/* hc_fido2_worker_do: gives an idle worker a job. False: it is not idle. */
bool hc_fido2_worker_do(struct hc_fido2_worker *worker, const struct hc_fido2_task *task);

/* hc_fido2_worker_collect: the outcome of a job that has ended, and which it was; false: none. */
bool hc_fido2_worker_collect(struct hc_fido2_worker *worker, enum hc_fido2_job *ret_job,
			     struct hc_fido2_outcome *ret_outcome);

/* hc_fido2_worker_cancel: tells the key to give up the job. A cancel that comes too early is lost: repeat it while
 * hc_fido2_worker_busy. Does not block. */
void hc_fido2_worker_cancel(struct hc_fido2_worker *worker);
bool hc_fido2_worker_busy(struct hc_fido2_worker *worker);

/* hc_fido2_worker_quit: the thread ends, and closes the key, once its job has. Does not block. */
void hc_fido2_worker_quit(struct hc_fido2_worker *worker);

/* hc_fido2_worker_reap: takes back one that has ended; true: the worker may be started again. Does not block for long. */
bool hc_fido2_worker_reap(struct hc_fido2_worker *worker);

#endif
