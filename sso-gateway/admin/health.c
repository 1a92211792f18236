/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the process lives, and whether it can do its work. No state. "Alive" asks nothing of anybody, so
 * that a broker or a disk in trouble does not have the gateway restarted; "ready" names what is missing.
 */
#include "admin/monitor.h"

#include <string.h>

#include "hospiconnect/log.h"
#include "oauth/json_out.h"
#include "process/duties.h"

#define ANSWER_CAP 1024

static const char *const headers[] = {"Content-Type", "application/json", "Cache-Control", "no-store", NULL};

void hc_monitor_health(struct hc_exchange *exchange, void *app)
{
	static const char alive[] = "{\"status\":\"ok\"}\n";

	(void)app; /* that this runs is the answer */
	hc_exchange_reply(exchange, 200, headers, alive, sizeof(alive) - 1, false);
}

/* A change of keys is not missing while it is on its way to the loops: the former ones serve. */
static bool all_have_keys(const struct hc_process *process)
{
	return process->gateway.workers[0].keyring != NULL;
}

static bool broker_is_live(struct hc_process *process)
{
	for (size_t i = 0; i < (size_t)process->gateway.config.threads; i++) {
		if (!atomic_load(&process->lanes[i].broker_live))
			return false;
	}
	return true;
}

bool hc_monitor_readiness(struct hc_process *process, struct hc_readiness *ret_readiness)
{
	struct hc_duties_facts facts;

	hc_duties_facts(process->duties, &facts);
	*ret_readiness = (struct hc_readiness){.store = facts.store_writable,
					       .broker = broker_is_live(process),
					       .keys = all_have_keys(process),
					       .certificate = atomic_load(&process->certificate_expires_ms) >
							      hc_now_ms(process->gateway.clock)};
	return ret_readiness->store && ret_readiness->broker && ret_readiness->keys &&
	       ret_readiness->certificate;
}

static void write_reasons(struct hc_json_out *out, const struct hc_readiness *readiness)
{
	hc_json_array(out, "reasons");
	if (!readiness->store)
		hc_json_text(out, NULL, "the store cannot be written");
	if (!readiness->broker)
		hc_json_text(out, NULL, "the broker is away");
	if (!readiness->keys)
		hc_json_text(out, NULL, "there are no signing keys");
	if (!readiness->certificate)
		hc_json_text(out, NULL, "the certificate is not valid any more");
	hc_json_array_end(out);
}

void hc_monitor_ready(struct hc_exchange *exchange, void *app)
{
	struct hc_readiness readiness;
	const bool ready = hc_monitor_readiness(app, &readiness);
	struct hc_json_out out;
	char text[ANSWER_CAP];
	size_t len = 0;

	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	hc_json_text(&out, "status", ready ? "ok" : "unavailable");
	hc_json_bool(&out, "store", readiness.store);
	hc_json_bool(&out, "broker", readiness.broker);
	hc_json_bool(&out, "keys", readiness.keys);
	hc_json_bool(&out, "certificate", readiness.certificate);
	if (!ready)
		write_reasons(&out, &readiness);
	hc_json_object_end(&out);
	if (hc_json_end(&out, &len) != HC_OK) /* the buffer holds all of it */
		len = 0;
	hc_exchange_reply(exchange, ready ? 200 : 503, headers, text, len, false);
}

enum hc_err hc_monitor_open(struct hc_process *process)
{
	static const struct hc_http_route routes[] = {{"/healthz", HC_HTTP_GET, hc_monitor_health},
						      {"/readyz", HC_HTTP_GET, hc_monitor_ready},
						      {"/metrics", HC_HTTP_GET, hc_monitor_metrics},
						      {NULL, 0, NULL}};
	static const struct hc_http_limits limits = {.connections = 64,
						     .tls_handshake_timeout_ms = 1000,
						     .header_timeout_ms = 5000,
						     .body_timeout_ms = 5000,
						     .idle_timeout_ms = 60000,
						     .write_timeout_ms = 10000};
	const char *address = process->gateway.config.admin_listen;
	const enum hc_err err = hc_http_server_new(process->gateway.workers[0].loop, address, NULL, routes,
						   NULL, process, &limits, &process->monitor);

	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "cannot listen for health and metrics",
		       HC_F_TEXT("admin_listen", address),
		       HC_F_TEXT("reason",
				 err == HC_ERR_EXISTS ? "something else listens there" : hc_strerror(err)));
	return err;
}
