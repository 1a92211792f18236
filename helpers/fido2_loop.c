/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of one operation: the link to the broker, the keys' threads, and what is plugged in.
 *
 * State: one struct hc_fido2_loop for the life of the process. Threats: a broker's end that sends out of turn or
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

#include "fido2_ports.h"
#include "fido2_say.h"
#include "fido2_watch.h"
#include "watch_link.h"

#define AGAIN_MS     20	  /* a cancel may come before what it is to cancel */
#define STOP_MS	     120  /* for keys to hear it, at the end */
#define FLUSH_MS     1000 /* for a broker that is slow to read the end */
#define ALARM_BEYOND 5	  /* seconds: if all else fails */

/* ---- to the broker ---- */

static void send_out(struct hc_fido2_loop *loop, enum hc_err written)
{
	enum hc_err err = written;

	if (err == HC_OK)
		err = hc_packet_queue_send(&loop->queue, loop->link_fd, &loop->out);
	if (err != HC_OK && loop->err == HC_OK)
		loop->err = err;
}

static void on_wait(void *ctx, enum hc_device_wait wait, const struct hc_fido2_note *note)
{
	struct hc_fido2_loop *loop = ctx;

	send_out(loop, hc_fido2_say_wait(&loop->out, wait, note));
}

static void on_ask(void *ctx, enum hc_device_ask ask, const struct hc_fido2_note *note,
		   const struct hc_fido2_account *accounts, size_t count)
{
	struct hc_fido2_loop *loop = ctx;

	send_out(loop, hc_fido2_say_ask(&loop->out, ask, note, accounts, count));
}

static void on_item(void *ctx, unsigned key, const struct hc_fido2_facts *facts,
		    const struct hc_fido2_note *note)
{
	struct hc_fido2_loop *loop = ctx;

	send_out(loop, hc_fido2_say_item(&loop->out, loop->ports[key].path, facts, note));
}

static void on_failed(void *ctx, const struct hc_fido2_note *note)
{
	struct hc_fido2_loop *loop = ctx;

	send_out(loop, hc_fido2_say_failed(&loop->out, note));
}

/* Which key it was, so that its removal can be watched for. One that is not there any more has no place. */
static enum hc_err add_place(struct hc_fido2_loop *loop)
{
	const char *path = loop->ports[loop->machine.chosen].path;
	uint64_t instance = 0;

	if (!hc_fido2_instance(path, &instance))
		return HC_OK;
	hc_msg_put_text(&loop->out, HC_FIELD_DEVICE_PATH, path);
	hc_msg_put_u64(&loop->out, HC_FIELD_DEVICE_INSTANCE, instance);
	return hc_msg_finish(&loop->out);
}

static void on_done(void *ctx, const struct hc_fido2_outcome *outcome, size_t chosen,
		    const struct hc_fido2_note *note)
{
	struct hc_fido2_loop *loop = ctx;
	enum hc_err err = hc_fido2_say_done(&loop->out, outcome, chosen, note);
	const struct hc_fido2_note trouble = {.label = note->label,
					      .detail = "what the key gave does not fit into a message",
					      .tries = -1,
					      .reason = HC_REASON_DEVICE_ERROR};

	if (err == HC_OK && loop->request.operation == HC_DEVICE_ASSERT && outcome != NULL)
		err = add_place(loop);
	if (err == HC_OK)
		send_out(loop, HC_OK);
	else
		on_failed(loop, &trouble);
}

static const struct hc_fido2_ops ops = {.start = hc_fido2_ports_start,
					.cancel = hc_fido2_ports_cancel,
					.release = hc_fido2_ports_release,
					.present = hc_fido2_ports_present,
					.wait = on_wait,
					.ask = on_ask,
					.item = on_item,
					.done = on_done,
					.failed = on_failed};

/* ---- from the broker ---- */

static enum hc_err answer(struct hc_fido2_loop *loop)
{
	static const enum hc_field allowed[] = {HC_FIELD_ANSWER};
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_only(&loop->in, allowed, HC_COUNT(allowed)) != HC_OK ||
	    hc_msg_bytes(&loop->in, HC_FIELD_ANSWER, &view, &len) != HC_OK)
		return HC_ERR_PROTOCOL;
	return hc_fido2_answered(&loop->machine, view, len, hc_fido2_now_ms());
}

static void receive(struct hc_fido2_loop *loop)
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
	int64_t left = then_ms - hc_fido2_now_ms();

	return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Some thread is to end its job and has not: whether its key is to be told once more. */
static bool repeat_cancels(struct hc_fido2_loop *loop)
{
	bool any = false;

	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		struct hc_fido2_worker *worker = &loop->ports[i].worker;

		if (!atomic_load(&worker->stop) || !hc_fido2_worker_busy(worker))
			continue;
		hc_fido2_worker_cancel(worker);
		any = true;
	}
	return any;
}

static void one_round(struct hc_fido2_loop *loop)
{
	struct pollfd wanted[3] = {{.fd = loop->link_fd, .events = POLLIN},
				   {.fd = loop->report_fds[0], .events = POLLIN},
				   {.fd = -1, .events = POLLIN}};
	int64_t wake_ms = hc_fido2_wake_ms(&loop->machine);

	hc_fido2_ports_listen(loop);
	wanted[2].fd = loop->notify_fd;
	if (loop->scan_ms < wake_ms)
		wake_ms = loop->scan_ms;
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++)
		hc_fido2_ports_pump(loop, i);
	if (repeat_cancels(loop) && wake_ms > hc_fido2_now_ms() + AGAIN_MS)
		wake_ms = hc_fido2_now_ms() + AGAIN_MS;
	if (!hc_packet_queue_empty(&loop->queue))
		wanted[0].events |= POLLOUT;
	if (poll(wanted, HC_COUNT(wanted), until(wake_ms)) < 0 && errno != EINTR)
		loop->err = HC_ERR_IO;
	if ((wanted[0].revents & POLLOUT) != 0)
		loop->err = hc_packet_queue_flush(&loop->queue, loop->link_fd);
	if ((wanted[0].revents & ~POLLOUT) != 0)
		receive(loop);
	if (loop->err == HC_OK && wanted[1].revents != 0)
		hc_fido2_ports_collect(loop);
	if (loop->err == HC_OK && wanted[2].revents != 0)
		hc_fido2_ports_told(loop);
	if (loop->err == HC_OK && hc_fido2_now_ms() >= loop->scan_ms)
		hc_fido2_ports_scan(loop);
	if (loop->err == HC_OK)
		hc_fido2_tick(&loop->machine, hc_fido2_now_ms());
}

/* The end: keys stop blinking. Who does not hear it is left to itself. */
static void stop_keys(struct hc_fido2_loop *loop)
{
	int64_t end_ms = hc_fido2_now_ms() + STOP_MS;

	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++)
		hc_fido2_ports_release(loop, i);
	while (repeat_cancels(loop) && hc_fido2_now_ms() < end_ms) {
		struct pollfd wanted = {.fd = loop->report_fds[0], .events = POLLIN};
		uint8_t numbers[64];

		if (poll(&wanted, 1, AGAIN_MS) > 0)
			(void)!read(loop->report_fds[0], numbers,
				    sizeof(numbers)); /* only that there is one */
	}
	/* A thread that still works may still read its PIN: then the end of the process removes that. */
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++) {
		if (hc_fido2_worker_busy(&loop->ports[i].worker))
			return;
	}
	hc_fido2_machine_clear(&loop->machine);
}

static enum hc_err await_start(struct hc_fido2_loop *loop)
{
	struct pollfd wanted = {.fd = loop->link_fd, .events = POLLIN};
	enum hc_err err = HC_ERR_AWAY;

	if (poll(&wanted, 1, HC_DEVICE_START_MS) <= 0)
		return HC_ERR_TIMEOUT;
	err = hc_packet_receive(loop->link_fd, &loop->in);
	loop->watches = err == HC_OK && hc_watch_is_asked(&loop->in);
	if (err == HC_OK && !loop->watches)
		err = hc_fido2_request_parse(&loop->in, &loop->request);
	if (!loop->watches)
		hc_msg_clear(&loop->in);
	return err;
}

static enum hc_err work(struct hc_fido2_loop *loop)
{
	enum hc_err err = await_start(loop);

	if (err == HC_OK && loop->watches)
		return hc_fido2_watch(loop->link_fd, &loop->in);
	if (err != HC_OK)
		return err;
	(void)alarm((unsigned)(loop->request.timeout_ms / 1000) + ALARM_BEYOND);
	for (unsigned i = 0; i < HC_FIDO2_KEYS_MAX; i++)
		hc_fido2_worker_init(&loop->ports[i].worker, i, loop->report_fds[1]);
	hc_fido2_machine_init(&loop->machine, &loop->request, &ops, loop, hc_fido2_now_ms());
	hc_fido2_thread_init();
	hc_fido2_ports_scan(loop);
	while (loop->err == HC_OK && loop->machine.state != HC_FIDO2_ENDED)
		one_round(loop);
	stop_keys(loop);
	return loop->err;
}

/* The last messages wait for a reader, for a while. */
static void flush(struct hc_fido2_loop *loop)
{
	int64_t end_ms = hc_fido2_now_ms() + FLUSH_MS;

	while (!hc_packet_queue_empty(&loop->queue) && hc_fido2_now_ms() < end_ms) {
		struct pollfd wanted = {.fd = loop->link_fd, .events = POLLOUT};

		if (poll(&wanted, 1, until(end_ms)) <= 0 || (wanted.revents & (POLLERR | POLLHUP)) != 0 ||
		    hc_packet_queue_flush(&loop->queue, loop->link_fd) != HC_OK)
			break;
	}
	hc_packet_queue_clear(&loop->queue);
}

enum hc_err hc_fido2_serve(int link_fd)
{
	struct hc_fido2_loop *loop = calloc(1, sizeof(*loop));
	enum hc_err err;

	if (loop == NULL)
		return HC_ERR_NOMEM;
	loop->link_fd = link_fd;
	loop->notify_fd = -1;
	if (pipe2(loop->report_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(loop);
		return HC_ERR_IO;
	}
	err = work(loop);
	flush(loop);
	/* The rest belongs to threads that may still run, and goes with the process. */
	return err;
}
