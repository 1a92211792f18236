/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is plugged in, and the threads at work on it.
 *
 * State: the ports of the loop. Threats: keys that come and go between two looks, and ones that hang: their
 * threads are left alone, and their places not used again, until they end by themselves.
 */
#include "fido2_ports.h"

#include <string.h>
#include <unistd.h>

#include "fido2_notice.h"
#include "hospiconnect/clock.h"

int64_t hc_fido2_now_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

void hc_fido2_ports_start(void *ctx, unsigned key, const struct hc_fido2_task *task)
{
	struct hc_fido2_port *port = &((struct hc_fido2_loop *)ctx)->ports[key];

	port->wanted = *task;
	port->has_wanted = true;
}

void hc_fido2_ports_cancel(void *ctx, unsigned key)
{
	struct hc_fido2_port *port = &((struct hc_fido2_loop *)ctx)->ports[key];

	port->has_wanted = false;
	hc_fido2_worker_cancel(&port->worker);
}

void hc_fido2_ports_release(void *ctx, unsigned key)
{
	struct hc_fido2_port *port = &((struct hc_fido2_loop *)ctx)->ports[key];

	port->has_wanted = false;
	hc_fido2_worker_cancel(&port->worker);
	hc_fido2_worker_quit(&port->worker);
}

static bool is_found(const struct hc_fido2_found *found, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(found[i].path, path) == 0)
			return true;
	}
	return false;
}

bool hc_fido2_ports_present(void *ctx, unsigned key)
{
	struct hc_fido2_loop *loop = ctx;
	struct hc_fido2_found found[HC_FIDO2_KEYS_MAX];
	size_t count = hc_fido2_scan(found, HC_COUNT(found));

	return is_found(found, count, loop->ports[key].path);
}

/* A job that is wanted is begun once the thread is there and free. */
void hc_fido2_ports_pump(struct hc_fido2_loop *loop, unsigned key)
{
	struct hc_fido2_port *port = &loop->ports[key];
	struct hc_fido2_outcome outcome = {.status = HC_FIDO2_GONE,
					   .facts = {.pin_tries = -1, .finger_tries = -1}};

	if (port->worker.alive && port->worker.quit)
		(void)hc_fido2_worker_reap(&port->worker); /* tried again in the next round */
	if (!port->has_wanted || (port->worker.alive && port->worker.quit))
		return;
	if (!port->worker.alive &&
	    hc_fido2_worker_start(&port->worker, port->path, &loop->request) != HC_OK) {
		port->has_wanted = false;
		hc_fido2_finished(&loop->machine, key, port->wanted.job, &outcome, hc_fido2_now_ms());
		return;
	}
	port->has_wanted = !hc_fido2_worker_do(&port->worker, &port->wanted);
}

void hc_fido2_ports_collect(struct hc_fido2_loop *loop)
{
	uint8_t numbers[64];

	/* What they are does not matter: whoever has something is asked. */
	(void)!read(loop->report_fds[0], numbers, sizeof(numbers));
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct hc_fido2_outcome outcome = {0};
		enum hc_fido2_job job = HC_FIDO2_PROBE;

		if (hc_fido2_worker_collect(&loop->ports[i].worker, &job, &outcome))
			hc_fido2_finished(&loop->machine, i, job, &outcome, hc_fido2_now_ms());
	}
}

static bool is_known(const struct hc_fido2_loop *loop, const char *path)
{
	for (size_t i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		if (loop->ports[i].there && strcmp(loop->ports[i].path, path) == 0)
			return true;
	}
	return false;
}

static void welcome(struct hc_fido2_loop *loop, const struct hc_fido2_found *found)
{
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct hc_fido2_port *port = &loop->ports[i];

		if (port->there || port->worker.alive)
			continue; /* an old thread may still hang in its key */
		port->there = true;
		memcpy(port->path, found->path, sizeof(port->path));
		hc_fido2_arrived(&loop->machine, i, found->label, hc_fido2_now_ms());
		return;
	}
}

void hc_fido2_ports_scan(struct hc_fido2_loop *loop)
{
	struct hc_fido2_found found[HC_FIDO2_KEYS_MAX];
	size_t count = hc_fido2_scan(found, HC_COUNT(found));

	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct hc_fido2_port *port = &loop->ports[i];

		if (!port->there || is_found(found, count, port->path))
			continue;
		port->there = false;
		hc_fido2_ports_release(loop, i);
		hc_fido2_gone(&loop->machine, i, hc_fido2_now_ms());
	}
	for (size_t i = 0; i < count; i++) {
		if ((loop->request.path[0] == '\0' || strcmp(loop->request.path, found[i].path) == 0) &&
		    !is_known(loop, found[i].path))
			welcome(loop, &found[i]);
	}
	loop->scanned_ms = hc_fido2_now_ms();
	loop->scan_ms = loop->scanned_ms + HC_FIDO2_SCAN_MS;
	hc_fido2_scanned(&loop->machine, hc_fido2_now_ms());
}

void hc_fido2_ports_listen(struct hc_fido2_loop *loop)
{
	bool waits = loop->machine.state == HC_FIDO2_LOOKING && loop->machine.announced;

	if (waits && loop->notify_fd < 0) {
		loop->notify_fd = hc_fido2_notice_open("/dev");
		/* What came just before was not told. */
		if (loop->notify_fd >= 0)
			loop->scan_ms = hc_fido2_now_ms();
	} else if (!waits && loop->notify_fd >= 0) {
		/* Now, while a person types or reaches for the key: the kernel takes some ms for it, and would at the end of
		 * the process, before it lets go of the key. */
		(void)close(loop->notify_fd);
		loop->notify_fd = -1;
	}
}

void hc_fido2_ports_told(struct hc_fido2_loop *loop)
{
	int64_t soon_ms = loop->scanned_ms + HC_FIDO2_SETTLE_MS;

	if (hc_fido2_notice_read(loop->notify_fd) && soon_ms < loop->scan_ms)
		loop->scan_ms = soon_ms;
}
