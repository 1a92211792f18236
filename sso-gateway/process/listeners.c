/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops, their listeners, and the certificate that these use.
 *
 * State: the loops and servers of the process. Ports are bound while that may take root, and nothing is
 * accepted before the loops run; by then every listener has its certificate, or the gateway has ended.
 * A reload that fails leaves everybody with what they had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"
#include "http/loop.h"
#include "oauth/handlers.h"
#include "process/process.h"

#define WARN_DAYS    14
#define DAY_MS	     INT64_C(86400000)
#define HANDSHAKE_MS 10000
#define HEADER_MS    10000
#define BODY_MS	     15000
#define IDLE_MS	     60000
#define WRITE_MS     30000

static const struct hc_http_limits pace = {.tls_handshake_timeout_ms = HANDSHAKE_MS,
					   .header_timeout_ms = HEADER_MS,
					   .body_timeout_ms = BODY_MS,
					   .idle_timeout_ms = IDLE_MS,
					   .write_timeout_ms = WRITE_MS};

static enum hc_err cannot_listen(const char *address, enum hc_err err)
{
	const char *why = hc_strerror(err);

	if (err == HC_ERR_EXISTS)
		why = "something else listens there";
	else if (err == HC_ERR_PERM)
		why = "ports below 1024 take root at the start, or CAP_NET_BIND_SERVICE";
	hc_log(HC_LOG_ERROR, "cannot listen", HC_F_TEXT("address", address), HC_F_TEXT("reason", why));
	return err;
}

static enum hc_err open_lane(struct hc_lane *lane)
{
	const struct hc_gateway_config *config = &lane->process->gateway.config;
	struct hc_http_limits limits = pace;
	enum hc_err err = HC_OK;

	limits.connections = (unsigned)config->connections;
	limits.connections_per_address = (unsigned)config->connections_per_address;
	for (size_t i = 0; i < config->listen.count && err == HC_OK; i++) {
		err = hc_http_server_new(lane->worker->loop, config->listen.address[i], NULL,
					 lane->process->routes, hc_handle_not_found, lane->worker, &limits,
					 &lane->servers[i]);
		if (err != HC_OK)
			return cannot_listen(config->listen.address[i], err);
		lane->server_count++;
	}
	return err;
}

static enum hc_err open_lanes(struct hc_process *process)
{
	struct hc_gateway *gateway = &process->gateway;
	const size_t count = (size_t)gateway->config.threads;
	enum hc_err err = HC_OK;

	gateway->workers = calloc(count, sizeof(*gateway->workers));
	process->lanes = calloc(count, sizeof(*process->lanes));
	if (gateway->workers == NULL || process->lanes == NULL)
		return HC_ERR_NOMEM;
	for (size_t i = 0; i < count && err == HC_OK; i++) {
		process->lanes[i].process = process;
		process->lanes[i].worker = &gateway->workers[i];
		gateway->workers[i].gateway = gateway;
		err = hc_loop_new((unsigned)i, &gateway->workers[i].loop);
		if (err == HC_OK)
			err = open_lane(&process->lanes[i]);
	}
	return err;
}

enum hc_err hc_listeners_open(struct hc_process *process)
{
	enum hc_err err = hc_routes_new(&process->gateway.config, &process->routes);

	return err == HC_OK ? open_lanes(process) : err;
}

void hc_listeners_close(struct hc_process *process)
{
	const size_t count = process->lanes == NULL ? 0 : (size_t)process->gateway.config.threads;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < process->lanes[i].server_count; k++)
			hc_http_server_free(&process->lanes[i].servers[k]);
		process->lanes[i].server_count = 0;
	}
	hc_http_server_free(&process->monitor);
}

void hc_listeners_free(struct hc_process *process)
{
	struct hc_gateway *gateway = &process->gateway;
	const size_t count = gateway->workers == NULL ? 0 : (size_t)gateway->config.threads;

	for (size_t i = 0; i < count; i++)
		hc_loop_free(&gateway->workers[i].loop);
	free(gateway->workers);
	gateway->workers = NULL;
	free(process->lanes);
	process->lanes = NULL;
	hc_routes_free(&process->routes);
}

/* ---- the certificate ---- */

void hc_issuer_host(const char *issuer, char out[HC_HOST_CAP])
{
	const char *host = issuer + sizeof("https://") - 1;
	const bool v6 = host[0] == '[';
	const size_t len = strcspn(host + v6, v6 ? "]" : ":/");

	(void)snprintf(out, HC_HOST_CAP, "%.*s", (int)len,
		       host + v6); /* the settings let no longer one through */
}

static void examine(struct hc_process *process, const struct hc_http_tls *tls)
{
	const int64_t expires_ms = hc_http_tls_expires(tls), now_ms = hc_now_ms(process->gateway.clock);
	char host[HC_HOST_CAP];

	hc_issuer_host(process->gateway.config.issuer, host);
	const bool fits = hc_http_tls_names(tls, host);
	atomic_store(&process->certificate_expires_ms, expires_ms);
	atomic_store(&process->certificate_fits, fits);
	atomic_store(&process->certificate_self_made, hc_http_tls_self_made(tls));
	if (!fits)
		hc_log(HC_LOG_WARNING,
		       "the certificate is not for the issuer's host: browsers will refuse it",
		       HC_F_TEXT("host", host));
	if (expires_ms <= now_ms)
		hc_log_plain(HC_LOG_WARNING,
			     "the certificate is not valid any more: replace it, then reload");
	else if (expires_ms - now_ms < WARN_DAYS * DAY_MS)
		hc_log(HC_LOG_WARNING, "the certificate ends soon: replace it, then reload",
		       HC_F_NUM("days_left", (expires_ms - now_ms) / DAY_MS));
}

enum hc_err hc_certificate_load(struct hc_process *process, struct hc_http_tls **ret_tls)
{
	const struct hc_gateway_config *config = &process->gateway.config;
	const char *why = "";
	enum hc_err err = hc_http_tls_load(config->tls_certificate, config->tls_key, ret_tls, &why);

	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "cannot use certificate and key", HC_F_TEXT("reason", why),
		       HC_F_TEXT("tls_certificate", config->tls_certificate),
		       HC_F_TEXT("tls_key", config->tls_key));
		return err;
	}
	examine(process, *ret_tls);
	return HC_OK;
}

/* On its way to a loop. */
struct exchange_of_tls {
	struct hc_lane *lane;
	struct hc_http_tls *tls;
};

static void use_on_lane(struct hc_lane *lane, struct hc_http_tls *tls)
{
	for (size_t i = 0; i < lane->server_count; i++)
		hc_http_server_set_tls(lane->servers[i], tls);
}

static void arrive(void *ctx)
{
	struct exchange_of_tls *letter = ctx;

	use_on_lane(letter->lane, letter->tls);
	hc_http_tls_unref(&letter->tls);
	free(letter);
}

static enum hc_err send_to_lane(struct hc_lane *lane, struct hc_http_tls *tls)
{
	struct exchange_of_tls *letter = malloc(sizeof(*letter));
	enum hc_err err = HC_ERR_NOMEM;

	if (letter == NULL)
		return err;
	*letter = (struct exchange_of_tls){.lane = lane, .tls = hc_http_tls_ref(tls)};
	err = hc_loop_post(lane->worker->loop, arrive, letter);
	if (err != HC_OK) {
		hc_http_tls_unref(&letter->tls);
		free(letter);
	}
	return err;
}

enum hc_err hc_certificate_use(struct hc_process *process, struct hc_http_tls *tls)
{
	enum hc_err err = HC_OK;

	for (size_t i = 0; i < (size_t)process->gateway.config.threads && err == HC_OK; i++) {
		if (process->lanes[i].started)
			err = send_to_lane(&process->lanes[i], tls);
		else
			use_on_lane(&process->lanes[i], tls);
	}
	return err;
}
