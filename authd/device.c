/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device helpers, seen from the broker.
 *
 * State: the operations under way: link, process, whose turn it is, when it must have ended. Threats: a helper that
 * hangs in a driver (killed at its deadline), one that was taken over by its device or its vendor's library (every
 * message is bounded, typed and in its turn, or it is the last), one that outlives whoever asked. A process is only ever
 * signalled through the descriptor that stands for it, so that no other process is hit.
 * It must never block, pass a descriptor of ours on, or call back from inside a call.
 */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "hospiconnect/log.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/secret.h"
#include "starter.h"

#define US_PER_MS	  1000
#define MS_PER_S	  1000
#define TIMER_ACCURACY_US 20000
#define END_MS		  1000

struct hc_device {
	struct hc_devices *devices;
	struct hc_device *next;
	enum hc_device_helper helper;
	enum hc_device_operation operation;
	int fd;	   /* the link */
	int pidfd; /* of the process; -1: the service manager's */
	sd_event_source *io, *timer;
	bool asking;	 /* a question is open */
	hc_device_fn fn; /* NULL: nobody waits any more */
	void *ctx;
	struct hc_msg *spare; /* made with it, so that a failure can be told when memory is short */
};

struct hc_devices {
	struct hc_devices_options options;
	struct hc_device *first; /* owned */
	unsigned count, watches;
};

enum hc_err hc_devices_new(const struct hc_devices_options *options, struct hc_devices **ret_devices)
{
	struct hc_devices *devices = calloc(1, sizeof(*devices));

	if (devices == NULL)
		return HC_ERR_NOMEM;
	devices->options = *options;
	*ret_devices = devices;
	return HC_OK;
}

/* ---- the end of one ---- */

/* Whether nothing is left of the process. SIGKILL ends it whatever it hangs in, unless that is the kernel. */
static bool end_process(struct hc_device *device)
{
	struct pollfd ended = {.fd = device->pidfd, .events = POLLIN};

	if (device->pidfd < 0)
		return true;
	(void)pidfd_send_signal(device->pidfd, SIGKILL, NULL, 0); /* fails where it has ended already */
	if (poll(&ended, 1, 0) == 0)
		return false;
	(void)close(device->pidfd); /* it was read only */
	device->pidfd = -1;
	return true;
}

/* A watch lasts as long as a session: it takes no place from those who sign in. */
static unsigned *counter(struct hc_device *device)
{
	return device->operation == HC_DEVICE_WATCH ? &device->devices->watches : &device->devices->count;
}

static void forget(struct hc_device *device)
{
	struct hc_device **at = &device->devices->first;

	while (*at != NULL && *at != device)
		at = &(*at)->next;
	if (*at != NULL) {
		*at = device->next;
		(*counter(device))--;
	}
	(void)sd_event_source_disable_unref(device->io); /* gives NULL back */
	hc_msg_free(&device->spare);
	free(device);
}

static int on_gone(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_device *device = ctx;

	(void)source; /* the same as device->io */
	(void)fd;     /* the same as device->pidfd */
	(void)revents;
	if (end_process(device))
		forget(device);
	return 0;
}

/*
 * Nobody waits for it from here on. A process that was killed needs a moment to be gone, and one that sleeps in the
 * kernel, in the driver of a broken device, as long as that lasts: it counts until it has ended,
 * and keeps nobody waiting.
 */
static void release(struct hc_device *device)
{
	const struct hc_devices_options *options = &device->devices->options;

	device->fn = NULL;
	(void)sd_event_source_disable_unref(device->io); /* gives NULL back */
	(void)sd_event_source_disable_unref(device->timer);
	device->io = NULL;
	device->timer = NULL;
	if (device->fd >= 0)
		(void)close(device->fd); /* an order to stop; nothing was written to a file */
	device->fd = -1;
	if (end_process(device)) {
		forget(device);
		return;
	}
	if (sd_event_add_io(options->event, &device->io, device->pidfd, EPOLLIN, on_gone, device) >= 0 &&
	    sd_event_source_set_priority(device->io, options->priority) >= 0)
		return;
	(void)close(device->pidfd); /* it ends all the same */
	device->pidfd = -1;
	forget(device);
}

/* The broker ends: what is left after this moment ends without it. */
static void await_end(struct hc_device *device)
{
	struct pollfd ended = {.fd = device->pidfd, .events = POLLIN};

	if (device->pidfd < 0)
		return;
	(void)pidfd_send_signal(device->pidfd, SIGKILL, NULL, 0); /* fails where it has ended already */
	(void)poll(&ended, 1, END_MS);
	if (!end_process(device))
		(void)close(device->pidfd); /* it was read only */
	device->pidfd = -1;
}

unsigned hc_devices_count(const struct hc_devices *devices)
{
	return devices->count;
}

void hc_devices_free(struct hc_devices **devices)
{
	if (devices == NULL || *devices == NULL)
		return;
	while ((*devices)->first != NULL) {
		await_end((*devices)->first);
		release((*devices)->first);
	}
	free(*devices);
	*devices = NULL;
}

/* The one way out of an operation that somebody waits for. */
static void finish(struct hc_device *device, const struct hc_msg *last)
{
	const hc_device_fn fn = device->fn;
	void *ctx = device->ctx;

	device->fn = NULL;
	release(device);
	if (fn != NULL)
		fn(last, ctx);
}

static void fail(struct hc_device *device, const char *why)
{
	HC_AUTO(msg) msg = hc_steal_ptr(&device->spare);

	hc_log(HC_LOG_WARNING, "device helper gave no answer",
	       HC_F_TEXT("helper", hc_starter_name(device->helper)), HC_F_TEXT("reason", why));
	hc_msg_init(msg, HC_MSG_DEVICE_FAILED);
	hc_msg_put_u32(msg, HC_FIELD_REASON, HC_REASON_DEVICE_ERROR);
	hc_msg_put_text(msg, HC_FIELD_DETAIL, why);
	if (hc_msg_finish(msg) != HC_OK || hc_msg_parse(msg, msg->len) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "the failure of a device helper could not be told in full");
	finish(device, msg);
}

/* ---- what a helper says ---- */

/* Whether it is this message's turn. */
static bool may_say(const struct hc_device *device, enum hc_msg_type type)
{
	if (type == HC_MSG_DEVICE_DONE || type == HC_MSG_DEVICE_FAILED)
		return true;
	if (device->operation == HC_DEVICE_CHECK)
		return false; /* nobody is there to be asked or told */
	if (type == HC_MSG_DEVICE_WAIT)
		return true;
	if (type == HC_MSG_DEVICE_ASK)
		return !device->asking && device->operation != HC_DEVICE_WATCH;
	return type == HC_MSG_DEVICE_ITEM && device->operation == HC_DEVICE_LIST;
}

static bool has_reason(const struct hc_msg *msg)
{
	enum hc_reason reason;
	uint32_t wire;

	return hc_msg_u32(msg, HC_FIELD_REASON, &wire) == HC_OK &&
	       hc_reason_from_wire(wire, &reason) == HC_OK && reason != HC_REASON_NONE;
}

static void take(struct hc_device *device, const struct hc_msg *msg)
{
	if (!may_say(device, msg->type) || (msg->type == HC_MSG_DEVICE_FAILED && !has_reason(msg))) {
		fail(device, "a message that was not its turn");
	} else if (msg->type == HC_MSG_DEVICE_DONE || msg->type == HC_MSG_DEVICE_FAILED) {
		finish(device, msg);
	} else {
		device->asking = device->asking || msg->type == HC_MSG_DEVICE_ASK;
		if (device->fn != NULL)
			device->fn(msg, device->ctx);
	}
}

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct hc_device *device = ctx;
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	(void)source;  /* the same as device->io */
	(void)revents; /* the result of reading says it */
	if (err == HC_OK)
		err = hc_packet_receive(fd, msg);
	if (err == HC_ERR_AWAY)
		return 0;
	if (err != HC_OK)
		fail(device, err == HC_ERR_CLOSED ? "it ended" : hc_strerror(err));
	else
		take(device, msg);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct hc_device *device = ctx;

	(void)source; /* the same as device->timer */
	(void)usec;
	if (device->fn == NULL)
		release(device);
	else
		fail(device, "it did not end in time");
	return 0;
}

/* ---- the start of one ---- */

static enum hc_err start_process(struct hc_device *device)
{
	int pair[2];

	if (device->devices->options.starter == NULL)
		return HC_ERR_NOTFOUND;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return HC_ERR_IO;
	enum hc_err err =
		hc_starter_run(device->devices->options.starter, device->helper, pair[1], &device->pidfd);

	(void)close(pair[1]);
	device->fd = pair[0];
	if (err == HC_OK && fcntl(device->fd, F_SETFL, O_NONBLOCK) < 0)
		err = HC_ERR_IO;
	return err;
}

/* The service manager listens as root; the accepted connection is the helper's. */
static enum hc_err connect_socket(struct hc_device *device, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	device->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
	if (device->fd < 0)
		return HC_ERR_IO;
	if (connect(device->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return errno == ENOENT ? HC_ERR_NOTFOUND : HC_ERR_AWAY;
	if (getsockopt(device->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || len != sizeof(cred))
		return HC_ERR_IO;
	return cred.uid == 0 || cred.uid == geteuid() ? HC_OK : HC_ERR_PEER;
}

static enum hc_err watch(struct hc_device *device, uint32_t timeout_s)
{
	const struct hc_devices_options *options = &device->devices->options;
	const uint64_t limit_us = ((uint64_t)timeout_s * MS_PER_S + HC_DEVICE_GRACE_MS) * (uint64_t)US_PER_MS;
	uint64_t end_us = UINT64_MAX;

	if (sd_event_add_io(options->event, &device->io, device->fd, EPOLLIN, on_message, device) < 0 ||
	    sd_event_source_set_priority(device->io, options->priority) < 0 ||
	    (timeout_s > 0 && sd_event_now(options->event, CLOCK_MONOTONIC, &end_us) < 0) ||
	    sd_event_add_time(options->event, &device->timer, CLOCK_MONOTONIC,
			      timeout_s > 0 ? end_us + limit_us : end_us, TIMER_ACCURACY_US, on_deadline,
			      device) < 0 ||
	    sd_event_source_set_priority(device->timer, options->priority) < 0)
		return HC_ERR_IO;
	return HC_OK;
}

static enum hc_err send_message(struct hc_device *device, struct hc_msg *msg)
{
	enum hc_err err = hc_msg_finish(msg);

	/* A link holds more than one message: a helper that does not read has hung. */
	if (err == HC_OK && send(device->fd, msg->packet, msg->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		err = HC_ERR_CLOSED;
	return err;
}

enum hc_err hc_device_start(struct hc_devices *devices, enum hc_device_helper helper, struct hc_msg *start,
			    hc_device_fn fn, void *ctx, struct hc_device **ret_device)
{
	const char *socket_path = devices->options.sockets[helper];
	uint32_t timeout_s = 0;
	uint32_t operation = 0;

	if (hc_msg_u32(start, HC_FIELD_DEVICE_OPERATION, &operation) != HC_OK ||
	    (operation != HC_DEVICE_WATCH && (hc_msg_u32(start, HC_FIELD_TIMEOUT_S, &timeout_s) != HC_OK ||
					      timeout_s == 0 || timeout_s > HC_DEVICE_TIMEOUT_MAX_S)))
		return HC_ERR_INVALID;
	if (operation == HC_DEVICE_WATCH ? devices->watches >= HC_DEVICES_WATCHES
					 : devices->count >= HC_DEVICES_MAX)
		return HC_ERR_FULL;
	struct hc_device *device = calloc(1, sizeof(*device));

	if (device == NULL)
		return HC_ERR_NOMEM;
	*device = (struct hc_device){.devices = devices,
				     .next = devices->first,
				     .helper = helper,
				     .operation = (enum hc_device_operation)operation,
				     .fd = -1,
				     .pidfd = -1,
				     .fn = fn,
				     .ctx = ctx};
	enum hc_err err = hc_msg_new(&device->spare);

	if (err != HC_OK) {
		free(device);
		return err;
	}
	devices->first = device;
	(*counter(device))++;
	err = socket_path != NULL && socket_path[0] != '\0' ? connect_socket(device, socket_path)
							    : start_process(device);
	if (err == HC_OK)
		err = watch(device, timeout_s);
	if (err == HC_OK)
		err = send_message(device, start);
	if (err != HC_OK) {
		release(device);
		return err;
	}
	*ret_device = device;
	return HC_OK;
}

enum hc_err hc_device_answer(struct hc_device *device, const struct hc_secret *answer)
{
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = device->asking ? hc_msg_new(&msg) : HC_ERR_STATE;

	if (err != HC_OK)
		return err;
	device->asking = false;
	hc_msg_init(msg, HC_MSG_DEVICE_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, hc_secret_data(answer), hc_secret_len(answer));
	return send_message(device, msg);
}

void hc_device_drop(struct hc_device **device)
{
	HC_AUTO(msg) msg = NULL;
	struct hc_device *dropped;

	if (device == NULL || *device == NULL)
		return;
	dropped = hc_steal_ptr(device);
	dropped->fn = NULL;
	if (hc_msg_new(&msg) == HC_OK) {
		hc_msg_init(msg, HC_MSG_DEVICE_CANCEL);
		/* It stops the device and ends; where it does not, or was not told, it is killed when the time is up. */
		if (send_message(dropped, msg) == HC_OK &&
		    sd_event_source_set_time_relative(dropped->timer,
						      (uint64_t)HC_DEVICE_GRACE_MS * US_PER_MS) >= 0)
			return;
	}
	release(dropped);
}
