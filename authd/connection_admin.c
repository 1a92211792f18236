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

void hc_connection_admin_receive(struct hc_connection *connection, const struct hc_msg *msg)
{
	enum hc_err err = hc_admin_start(connection->loop->authd, &connection->caller, msg, &connection->job);

	if (err != HC_OK)
		hc_connection_surprise(connection, hc_msg_type_name(msg->type), err);
	connection->read_deadline_ms = HC_NEVER;
}

void hc_connection_admin_arm(struct hc_connection *connection)
{
	bool on = connection->job != NULL && hc_packet_queue_empty(&connection->outbox);

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
