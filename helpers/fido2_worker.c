/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads around libfido2, which blocks.
 *
 * State: under each worker's lock, but the device, which is its thread's own. Only one thing is done to a
 * device from outside: a cancel is written to it while its thread waits for a person, which libfido2
 * allows for. Threats: a key that never answers, so that its thread never ends: nobody waits for a
 * thread here; the process ends without it.
 */
#include "fido2_worker.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES (512 * 1024)

static void report(const struct hc_fido2_worker *worker)
{
	uint8_t number = (uint8_t)worker->number;
	ssize_t sent;

	do {
		sent = write(worker->report_fd, &number, 1);
	} while (sent < 0 && errno == EINTR);
}

static void probe(struct hc_fido2_worker *worker, struct hc_fido2_outcome *outcome)
{
	struct hc_fido2_device *device = &worker->device;

	outcome->status = HC_FIDO2_OK;
	if (device->dev == NULL)
		outcome->status =
			hc_fido2_device_open(device, worker->path, worker->request, &outcome->detail);
	if (outcome->status == HC_FIDO2_OK)
		outcome->status = hc_fido2_device_probe(device, worker->request, &outcome->detail);
	outcome->facts = device->facts;
}

static void run(struct hc_fido2_worker *worker, const struct hc_fido2_task *task,
		struct hc_fido2_outcome *outcome)
{
	if (task->job == HC_FIDO2_PROBE)
		probe(worker, outcome);
	else if (worker->device.dev == NULL)
		outcome->status = HC_FIDO2_GONE;
	else
		hc_fido2_device_run(&worker->device, worker->request, task, outcome);
}

static void lock(struct hc_fido2_worker *worker)
{
	(void)pthread_mutex_lock(&worker->lock); /* fails for a lock that is none, only */
}

static void unlock(struct hc_fido2_worker *worker)
{
	(void)pthread_mutex_unlock(&worker->lock); /* as above */
}

/* Between two holds of the lock the job runs without it. */
static void one_job(struct hc_fido2_worker *worker)
{
	struct hc_fido2_outcome outcome = {0};
	struct hc_fido2_task task = worker->task;

	worker->interruptible = task.job != HC_FIDO2_PROBE;
	unlock(worker);
	run(worker, &task, &outcome);
	lock(worker);
	worker->interruptible = false;
	worker->outcome = outcome;
	worker->state = HC_FIDO2_WORKER_READY;
	report(worker);
}

static void *thread(void *argument)
{
	struct hc_fido2_worker *worker = argument;

	hc_fido2_thread_init();
	lock(worker);
	while (!worker->quit) {
		if (worker->state == HC_FIDO2_WORKER_BUSY)
			one_job(worker);
		else
			(void)pthread_cond_wait(&worker->wake, &worker->lock); /* looked at again */
	}
	unlock(worker);
	hc_fido2_device_close(&worker->device);
	return NULL;
}

void hc_fido2_worker_init(struct hc_fido2_worker *worker, unsigned number, int report_fd)
{
	*worker = (struct hc_fido2_worker){.number = number, .report_fd = report_fd};
	(void)pthread_mutex_init(&worker->lock, NULL); /* with default attributes: cannot fail */
	(void)pthread_cond_init(&worker->wake, NULL);  /* as above */
}

enum hc_err hc_fido2_worker_start(struct hc_fido2_worker *worker, const char *path,
				  const struct hc_fido2_request *request)
{
	pthread_attr_t attributes;
	size_t len = strlen(path);
	int failure;

	if (worker->alive || len > HC_FIDO2_PATH_MAX)
		return HC_ERR_STATE;
	memcpy(worker->path, path, len + 1);
	worker->request = request;
	worker->quit = false;
	atomic_store(&worker->stop, false);
	worker->device = (struct hc_fido2_device){.stop = &worker->stop};
	worker->state = HC_FIDO2_WORKER_IDLE;
	worker->alive = true;
	(void)pthread_attr_init(&attributes); /* cannot fail */
	failure = pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (failure == 0)
		failure = pthread_create(&worker->thread, &attributes, thread, worker);
	(void)pthread_attr_destroy(&attributes); /* cannot fail */
	if (failure == 0)
		return HC_OK;
	worker->alive = false;
	return HC_ERR_IO;
}

bool hc_fido2_worker_do(struct hc_fido2_worker *worker, const struct hc_fido2_task *task)
{
	bool idle;

	if (!worker->alive)
		return false;
	lock(worker);
	idle = worker->state == HC_FIDO2_WORKER_IDLE && !worker->quit;
	if (idle) {
		worker->task = *task;
		worker->state = HC_FIDO2_WORKER_BUSY;
		atomic_store(&worker->stop, false);
		(void)pthread_cond_signal(&worker->wake); /* cannot fail */
	}
	unlock(worker);
	return idle;
}

bool hc_fido2_worker_collect(struct hc_fido2_worker *worker, enum hc_fido2_job *ret_job,
			     struct hc_fido2_outcome *ret_outcome)
{
	bool ready;

	if (!worker->alive)
		return false;
	lock(worker);
	ready = !worker->quit && worker->state == HC_FIDO2_WORKER_READY;
	if (ready) {
		*ret_job = worker->task.job;
		*ret_outcome = worker->outcome;
		worker->outcome = (struct hc_fido2_outcome){0};
		worker->state = HC_FIDO2_WORKER_IDLE;
	}
	unlock(worker);
	return ready;
}

void hc_fido2_worker_cancel(struct hc_fido2_worker *worker)
{
	if (!worker->alive)
		return;
	lock(worker);
	atomic_store(&worker->stop, true);
	/* SELECT cancels by itself. */
	if (worker->state == HC_FIDO2_WORKER_BUSY && worker->interruptible &&
	    worker->task.job != HC_FIDO2_SELECT)
		hc_fido2_device_cancel(&worker->device);
	unlock(worker);
}

bool hc_fido2_worker_busy(struct hc_fido2_worker *worker)
{
	bool busy;

	if (!worker->alive)
		return false;
	lock(worker);
	busy = worker->state == HC_FIDO2_WORKER_BUSY;
	unlock(worker);
	return busy;
}

void hc_fido2_worker_quit(struct hc_fido2_worker *worker)
{
	if (!worker->alive)
		return;
	lock(worker);
	worker->quit = true;
	atomic_store(&worker->stop, true);
	(void)pthread_cond_signal(&worker->wake); /* cannot fail */
	unlock(worker);
}

bool hc_fido2_worker_reap(struct hc_fido2_worker *worker)
{
	if (!worker->alive)
		return true;
	if (!worker->quit || pthread_tryjoin_np(worker->thread, NULL) != 0)
		return false;
	hc_fido2_outcome_clear(&worker->outcome);
	worker->alive = false;
	return true;
}
