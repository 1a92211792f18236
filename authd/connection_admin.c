/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An administrator's connection: one request at a time, its answer one message at a time.
 *
 * State: the connection's job. Threats: a long answer that keeps sign-ins waiting (each message is
 * an event of the lowest priority), and one that is asked for but not read (the next message is made
 * only when the last one was sent). It must never begin a request while another one runs.
 */
#include <stddef.h>

#include <systemd/sd-event.h>

#include "connection.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

static void end_job(struct hc_connection *connection)
{
	hc_admin_job_free(&connection->job);
	connection->read_deadline_ms = hc_mono_ms(connection->loop->authd->clock) + HC_ADMIN_IDLE_MS;
	hc_loop_settled(connection->loop);
}

static void make_one(struct hc_connection *connection)
{
	struct hc_msg *msg = &connection->loop->outgoing;
	bool ready = false, done = false;
	enum hc_err err = hc_admin_next(connection->job, msg, &ready, &done);

	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "an administrator's request failed half-way",
		       HC_F_TEXT("reason", hc_strerror(err)), HC_F_TEXT("actor", connection->caller.actor));
		connection->broken = true;
	} else if (ready) {
		hc_connection_send(connection, msg);
	}
	hc_msg_clear(msg);
	if (err == HC_OK && done)
		end_job(connection);
}

static int on_pump(sd_event_source *source, void *ctx)
{
	struct hc_connection *connection = ctx;

	(void)source; /* the same as connection->pump */
	if (connection->job != NULL && hc_packet_queue_empty(&connection->outbox))
		make_one(connection);
	hc_connection_settle(connection);
	return 0;
}

/* ---- a device that a request needs ---- */

static void start_device(struct hc_connection *connection);

static void send_word(struct hc_connection *connection, struct hc_msg *out)
{
	if (hc_msg_finish(out) == HC_OK)
		hc_connection_send(connection, out);
	else
		connection->broken = true;
	hc_msg_clear(out);
}

static void break_off(struct hc_connection *connection)
{
	hc_device_drop(&connection->device);
	hc_admin_device_refused(connection->job, HC_REASON_DEVICE_ERROR);
}

static int64_t insert_deadline(const struct hc_connection *connection)
{
	const struct hc_authd *authd = connection->loop->authd;

	return hc_mono_ms(authd->clock) + authd->config->fido.insert_timeout_s * 1000;
}

/* Nobody plugged anything in. */
static void give_up_waiting(struct hc_connection *connection)
{
	connection->read_deadline_ms = HC_NEVER;
	hc_device_drop(&connection->device);
	hc_admin_device_refused(connection->job, HC_REASON_NO_DEVICE);
}

static void on_device(const struct hc_msg *said, void *ctx)
{
	struct hc_connection *connection = ctx;
	struct hc_msg *out = &connection->loop->outgoing;

	if (said->type == HC_MSG_DEVICE_DONE || said->type == HC_MSG_DEVICE_FAILED)
		connection->device = NULL; /* it is gone */
	hc_msg_clear(out);
	switch (hc_admin_device(connection->job, said, out)) {
	case HC_ADMIN_DEVICE_SEND:
		send_word(connection, out);
		break;
	case HC_ADMIN_DEVICE_START:
		if (out->type == HC_MSG_INFO)
			send_word(connection, out);
		start_device(connection);
		break;
	case HC_ADMIN_DEVICE_BREAK:
	case HC_ADMIN_DEVICE_PASS: /* that is an act for answers alone */
		break_off(connection);
		break;
	case HC_ADMIN_DEVICE_END:
		hc_device_drop(&connection->device);
		break;
	case HC_ADMIN_DEVICE_GO_ON:
		break;
	}
	hc_msg_clear(out);
	connection->read_deadline_ms =
		hc_admin_device_inserts(connection->job) ? insert_deadline(connection) : HC_NEVER;
	connection->keepalive_ms = HC_NEVER; /* counted anew from here */
	hc_connection_settle(connection);
}

static void start_device(struct hc_connection *connection)
{
	struct hc_msg *start = &connection->loop->outgoing;
	enum hc_err err = connection->loop->devices != NULL ? hc_admin_device_start(connection->job, start)
							    : HC_ERR_NOTFOUND;

	if (err == HC_OK)
		err = hc_device_start(connection->loop->devices, hc_admin_device_helper(connection->job),
				      start, on_device, connection, &connection->device);
	hc_msg_clear(start);
	if (err == HC_OK)
		return;
	hc_log(HC_LOG_WARNING, "no device can be asked", HC_F_TEXT("actor", connection->caller.actor),
	       HC_F_TEXT("reason", hc_strerror(err)));
	hc_admin_device_refused(connection->job,
				err == HC_ERR_FULL ? HC_REASON_BROKER_BUSY : HC_REASON_DEVICE_ERROR);
}

enum hc_session_state hc_connection_admin_state(const struct hc_connection *connection)
{
	if (!hc_admin_waits(connection->job))
		return HC_SESSION_WAITING;
	return hc_admin_device_asks(connection->job) ? HC_SESSION_ASKING : HC_SESSION_DEVICE;
}

static enum hc_err pass_answer(struct hc_connection *connection, const struct hc_secret *answer)
{
	struct hc_msg *out = &connection->loop->outgoing;
	enum hc_err err = HC_OK;

	hc_msg_clear(out);
	switch (hc_admin_device_answer(connection->job, answer, out)) {
	case HC_ADMIN_DEVICE_PASS:
		if (connection->device != NULL)
			err = hc_device_answer(connection->device, answer);
		break;
	case HC_ADMIN_DEVICE_SEND:
		send_word(connection, out);
		break;
	case HC_ADMIN_DEVICE_BREAK:
	case HC_ADMIN_DEVICE_START: /* acts for the device's words alone */
	case HC_ADMIN_DEVICE_END:
	case HC_ADMIN_DEVICE_GO_ON:
		break_off(connection);
		break;
	}
	return err;
}

/* The administrator's word in the middle of a request: an answer, or that nothing shall come of it. */
static void take_word(struct hc_connection *connection, const struct hc_msg *msg)
{
	static const enum hc_field allowed[] = {HC_FIELD_ANSWER};
	HC_AUTO(secret) answer = NULL;
	const uint8_t *view;
	size_t len;
	enum hc_err err = hc_msg_only(msg, allowed, msg->type == HC_MSG_ANSWER ? 1 : 0);

	if (err == HC_OK && msg->type == HC_MSG_CANCEL) {
		hc_device_drop(&connection->device);
		hc_admin_device_refused(connection->job, HC_REASON_CANCELLED);
		return;
	}
	if (err == HC_OK)
		err = hc_msg_bytes(msg, HC_FIELD_ANSWER, &view, &len);
	if (err == HC_OK)
		err = hc_secret_from(view, len, &answer);
	if (err == HC_OK)
		err = pass_answer(connection, answer);
	if (err != HC_OK)
		hc_connection_surprise(connection, hc_msg_type_name(msg->type), err);
}

void hc_connection_admin_timer(struct hc_connection *connection, int64_t now_ms)
{
	const bool inserts = connection->job != NULL && hc_admin_device_inserts(connection->job);

	if (now_ms >= connection->read_deadline_ms && inserts)
		give_up_waiting(connection);
	else if (now_ms >= connection->read_deadline_ms)
		connection->broken = true;
	else if (now_ms >= connection->keepalive_ms)
		hc_connection_keep_alive(connection);
}

void hc_connection_admin_receive(struct hc_connection *connection, const struct hc_msg *msg)
{
	if (connection->job != NULL) {
		take_word(connection, msg);
		return;
	}
	enum hc_err err = hc_admin_start(connection->loop->authd, &connection->caller, msg, &connection->job);

	if (err != HC_OK)
		hc_connection_surprise(connection, hc_msg_type_name(msg->type), err);
	else if (hc_admin_waits(connection->job))
		start_device(connection);
	connection->read_deadline_ms = HC_NEVER;
}

void hc_connection_admin_arm(struct hc_connection *connection)
{
	bool waits = connection->job != NULL && hc_admin_waits(connection->job);
	bool on = connection->job != NULL && !waits && hc_packet_queue_empty(&connection->outbox);

	if (!waits)
		connection->keepalive_ms = HC_NEVER;
	else if (connection->keepalive_ms == HC_NEVER)
		connection->keepalive_ms = hc_mono_ms(connection->loop->authd->clock) + HC_KEEPALIVE_MS;

	if (connection->pump == NULL) {
		if (!on)
			return;
		if (sd_event_add_defer(connection->loop->event, &connection->pump, on_pump, connection) < 0 ||
		    sd_event_source_set_priority(connection->pump, HC_PRIORITY_JOB) < 0)
			connection->broken = true;
	}
	if (!connection->broken &&
	    sd_event_source_set_enabled(connection->pump, on ? SD_EVENT_ON : SD_EVENT_OFF) < 0)
		connection->broken = true;
}
