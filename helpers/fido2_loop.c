/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of one operation: the link to the broker, the keys' threads, and what is plugged in.
 *
 * State: one struct loop for the life of the process. Threats: a broker's end that sends out of turn or
 * goes away (the keys are stopped, the process ends), keys that come and go or hang (nobody waits for
 * their threads). All decisions are the machine's; nothing here looks into a PIN but to hand it on.
 */
#include "fido2_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fido2_machine.h"
#include "fido2_say.h"
#include "fido2_worker.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/log.h"
#include "hospiconnect/packet.h"

#define AGAIN_MS     20	  /* a cancel may come before what it is to cancel */
#define STOP_MS	     120  /* for keys to hear it, at the end */
#define FLUSH_MS     1000 /* for a broker that is slow to read the end */
#define ALARM_BEYOND 5	  /* seconds: if all else fails */

/* One key that is, or was, plugged in. */
struct place {
	bool there, has_wanted;
	char path[HC_FIDO2_PATH_MAX + 1];
	struct hc_fido2_task wanted; /* as soon as the thread is free */
	struct hc_fido2_worker worker;
};

struct loop {
	int link_fd, report_fds[2];
	int64_t scan_ms;
	enum hc_err err; /* of the link */
	struct hc_packet_queue queue;
	struct hc_msg in, out;
	struct hc_fido2_request request;
	struct hc_fido2_machine machine;
	struct place places[HC_FIDO2_KEYS_MAX];
};

static int64_t now_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

/* ---- to the broker ---- */

static void send_out(struct loop *loop, enum hc_err written)
{
	enum hc_err err = written;

	if (err == HC_OK)
		err = hc_packet_queue_send(&loop->queue, loop->link_fd, &loop->out);
	if (err != HC_OK && loop->err == HC_OK)
		loop->err = err;
}

static void on_wait(void *ctx, enum hc_device_wait wait, const struct hc_fido2_note *note)
{
	struct loop *loop = ctx;

	send_out(loop, hc_fido2_say_wait(&loop->out, wait, note));
}

static void on_ask(void *ctx, enum hc_device_ask ask, const struct hc_fido2_note *note,
		   const struct hc_fido2_account *accounts, size_t count)
{
	struct loop *loop = ctx;

	send_out(loop, hc_fido2_say_ask(&loop->out, ask, note, accounts, count));
}

static void on_item(void *ctx, unsigned key, const struct hc_fido2_facts *facts,
		    const struct hc_fido2_note *note)
{
	struct loop *loop = ctx;

	send_out(loop, hc_fido2_say_item(&loop->out, loop->places[key].path, facts, note));
}

static void on_failed(void *ctx, const struct hc_fido2_note *note)
{
	struct loop *loop = ctx;

	send_out(loop, hc_fido2_say_failed(&loop->out, note));
}

static void on_done(void *ctx, const struct hc_fido2_outcome *outcome, size_t chosen,
		    const struct hc_fido2_note *note)
{
	struct loop *loop = ctx;
	enum hc_err err = hc_fido2_say_done(&loop->out, outcome, chosen, note);
	const struct hc_fido2_note trouble = {.label = note->label,
					      .detail = "what the key gave does not fit into a message",
					      .tries = -1,
					      .reason = HC_REASON_DEVICE_ERROR};

	if (err == HC_OK)
		send_out(loop, HC_OK);
	else
		on_failed(loop, &trouble);
}

/* ---- the keys ---- */

static void on_start(void *ctx, unsigned key, const struct hc_fido2_task *task)
{
	struct place *place = &((struct loop *)ctx)->places[key];

	place->wanted = *task;
	place->has_wanted = true;
}

static void on_cancel(void *ctx, unsigned key)
{
	struct place *place = &((struct loop *)ctx)->places[key];

	place->has_wanted = false;
	hc_fido2_worker_cancel(&place->worker);
}

static void on_release(void *ctx, unsigned key)
{
	struct place *place = &((struct loop *)ctx)->places[key];

	place->has_wanted = false;
	hc_fido2_worker_cancel(&place->worker);
	hc_fido2_worker_quit(&place->worker);
}

static bool on_present(void *ctx, unsigned key)
{
	struct loop *loop = ctx;
	struct hc_fido2_found found[HC_FIDO2_KEYS_MAX];
	size_t count = hc_fido2_scan(found, HC_COUNT(found));

	for (size_t i = 0; i < count; i++) {
		if (strcmp(found[i].path, loop->places[key].path) == 0)
			return true;
	}
	return false;
}

static const struct hc_fido2_ops ops = {.start = on_start,
					.cancel = on_cancel,
					.release = on_release,
					.present = on_present,
					.wait = on_wait,
					.ask = on_ask,
					.item = on_item,
					.done = on_done,
					.failed = on_failed};

/* A job that is wanted is begun once the thread is there and free. */
static void pump(struct loop *loop, unsigned key)
{
	struct place *place = &loop->places[key];
	struct hc_fido2_outcome outcome = {.status = HC_FIDO2_GONE,
					   .facts = {.pin_tries = -1, .finger_tries = -1}};

	if (place->worker.alive && place->worker.quit)
		(void)hc_fido2_worker_reap(&place->worker); /* tried again in the next round */
	if (!place->has_wanted || (place->worker.alive && place->worker.quit))
		return;
	if (!place->worker.alive &&
	    hc_fido2_worker_start(&place->worker, place->path, &loop->request) != HC_OK) {
		place->has_wanted = false;
		hc_fido2_finished(&loop->machine, key, place->wanted.job, &outcome, now_ms());
		return;
	}
	place->has_wanted = !hc_fido2_worker_do(&place->worker, &place->wanted);
}

static void collect(struct loop *loop)
{
	uint8_t numbers[64];

	/* What they are does not matter: whoever has something is asked. */
	(void)!read(loop->report_fds[0], numbers, sizeof(numbers));
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct hc_fido2_outcome outcome = {0};
		enum hc_fido2_job job = HC_FIDO2_PROBE;

		if (hc_fido2_worker_collect(&loop->places[i].worker, &job, &outcome))
			hc_fido2_finished(&loop->machine, i, job, &outcome, now_ms());
	}
}

static bool is_known(const struct loop *loop, const char *path)
{
	for (size_t i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		if (loop->places[i].there && strcmp(loop->places[i].path, path) == 0)
			return true;
	}
	return false;
}

static void welcome(struct loop *loop, const struct hc_fido2_found *found)
{
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct place *place = &loop->places[i];

		if (place->there || place->worker.alive)
			continue; /* an old thread may still hang in its key */
		place->there = true;
		memcpy(place->path, found->path, sizeof(place->path));
		hc_fido2_arrived(&loop->machine, i, found->label, now_ms());
		return;
	}
}

static bool is_found(const struct hc_fido2_found *found, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(found[i].path, path) == 0)
			return true;
	}
	return false;
}

static void scan(struct loop *loop)
{
	struct hc_fido2_found found[HC_FIDO2_KEYS_MAX];
	size_t count = hc_fido2_scan(found, HC_COUNT(found));

	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct place *place = &loop->places[i];

		if (!place->there || is_found(found, count, place->path))
			continue;
		place->there = false;
		on_release(loop, i);
		hc_fido2_gone(&loop->machine, i, now_ms());
	}
	for (size_t i = 0; i < count; i++) {
		if ((loop->request.path[0] == '\0' || strcmp(loop->request.path, found[i].path) == 0) &&
		    !is_known(loop, found[i].path))
			welcome(loop, &found[i]);
	}
	loop->scan_ms = now_ms() + HC_FIDO2_SCAN_MS;
	hc_fido2_scanned(&loop->machine, now_ms());
}

/* ---- from the broker ---- */

static enum hc_err answer(struct loop *loop)
{
	static const enum hc_field allowed[] = {HC_FIELD_ANSWER};
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_only(&loop->in, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_bytes(&loop->in, HC_FIELD_ANSWER, &view, &len) != HC_OK)
		return HC_ERR_PROTOCOL;
	return hc_fido2_answered(&loop->machine, view, len, now_ms());
}

static void receive(struct loop *loop)
{
	enum hc_err err = hc_packet_receive(loop->link_fd, &loop->in);

	if (err == HC_OK && loop->in.type == HC_MSG_DEVICE_ANSWER)
		err = answer(loop);
	else if (err == HC_OK && loop->in.type == HC_MSG_DEVICE_CANCEL && loop->in.field_count == 0)
		hc_fido2_cancelled(&loop->machine);
	else if (err == HC_OK)
		err = HC_ERR_PROTOCOL;
	hc_msg_clear(&loop->in);
	if (err != HC_OK && err != HC_ERR_AWAY)
		loop->err = err;
}

/* ---- rounds ---- */

static int until(int64_t then_ms)
{
	int64_t left = then_ms - now_ms();

	return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Some thread is to end its job and has not: whether its key is to be told once more. */
static bool repeat_cancels(struct loop *loop)
{
	bool any = false;

	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct hc_fido2_worker *worker = &loop->places[i].worker;

		if (!atomic_load(&worker->stop) || !hc_fido2_worker_busy(worker))
			continue;
		hc_fido2_worker_cancel(worker);
		any = true;
	}
	return any;
}

static void one_round(struct loop *loop)
{
	struct pollfd wanted[2] = {{.fd = loop->link_fd, .events = POLLIN},
				   {.fd = loop->report_fds[0], .events = POLLIN}};
	int64_t wake_ms = hc_fido2_wake_ms(&loop->machine);

	if (loop->scan_ms < wake_ms)
		wake_ms = loop->scan_ms;
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++)
		pump(loop, i);
	if (repeat_cancels(loop) && wake_ms > now_ms() + AGAIN_MS)
		wake_ms = now_ms() + AGAIN_MS;
	if (!hc_packet_queue_empty(&loop->queue))
		wanted[0].events |= POLLOUT;
	if (poll(wanted, HC_COUNT(wanted), until(wake_ms)) < 0 && errno != EINTR)
		loop->err = HC_ERR_IO;
	if ((wanted[0].revents & POLLOUT) != 0)
		loop->err = hc_packet_queue_flush(&loop->queue, loop->link_fd);
	if ((wanted[0].revents & ~POLLOUT) != 0)
		receive(loop);
	if (loop->err == HC_OK && wanted[1].revents != 0)
		collect(loop);
	if (loop->err == HC_OK && now_ms() >= loop->scan_ms)
		scan(loop);
	if (loop->err == HC_OK)
		hc_fido2_tick(&loop->machine, now_ms());
}

/* The end: keys stop blinking. Who does not hear it is left to itself. */
static void stop_keys(struct loop *loop)
{
	int64_t end_ms = now_ms() + STOP_MS;

	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++)
		on_release(loop, i);
	while (repeat_cancels(loop) && now_ms() < end_ms) {
		struct pollfd wanted = {.fd = loop->report_fds[0], .events = POLLIN};
		uint8_t numbers[64];

		if (poll(&wanted, 1, AGAIN_MS) > 0)
			(void)!read(loop->report_fds[0], numbers,
				    sizeof(numbers)); /* only that there is one */
	}
	/* A thread that still works may still read its PIN: then the end of the process removes that. */
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		if (hc_fido2_worker_busy(&loop->places[i].worker))
			return;
	}
	hc_fido2_machine_clear(&loop->machine);
}

static enum hc_err await_start(struct loop *loop)
{
	struct pollfd wanted = {.fd = loop->link_fd, .events = POLLIN};
	enum hc_err err = HC_ERR_AWAY;

	if (poll(&wanted, 1, HC_DEVICE_START_MS) <= 0)
		return HC_ERR_TIMEOUT;
	err = hc_packet_receive(loop->link_fd, &loop->in);
	if (err == HC_OK)
		err = hc_fido2_request_parse(&loop->in, &loop->request);
	hc_msg_clear(&loop->in);
	return err;
}

static enum hc_err work(struct loop *loop)
{
	enum hc_err err = await_start(loop);

	if (err != HC_OK)
		return err;
	(void)alarm((unsigned)(loop->request.timeout_ms / 1000) + ALARM_BEYOND);
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++)
		hc_fido2_worker_init(&loop->places[i].worker, i, loop->report_fds[1]);
	hc_fido2_machine_init(&loop->machine, &loop->request, &ops, loop, now_ms());
	hc_fido2_thread_init();
	scan(loop);
	while (loop->err == HC_OK && loop->machine.state != HC_FIDO2_ENDED)
		one_round(loop);
	stop_keys(loop);
	return loop->err;
}

/* The last messages wait for a reader, for a while. */
static void flush(struct loop *loop)
{
	int64_t end_ms = now_ms() + FLUSH_MS;

	while (!hc_packet_queue_empty(&loop->queue) && now_ms() < end_ms) {
		struct pollfd wanted = {.fd = loop->link_fd, .events = POLLOUT};

		if (poll(&wanted, 1, until(end_ms)) <= 0 || (wanted.revents & (POLLERR | POLLHUP)) != 0 ||
		    hc_packet_queue_flush(&loop->queue, loop->link_fd) != HC_OK)
			break;
	}
	hc_packet_queue_clear(&loop->queue);
}

enum hc_err hc_fido2_serve(int link_fd)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	enum hc_err err;

	if (loop == NULL)
		return HC_ERR_NOMEM;
	loop->link_fd = link_fd;
	if (pipe2(loop->report_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(loop);
		return HC_ERR_IO;
	}
	err = work(loop);
	flush(loop);
	/* The rest belongs to threads that may still run, and goes with the process. */
	return err;
}
