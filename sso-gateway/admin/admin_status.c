/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATUS: what the gateway says of itself, a row a fact. The facts are taken at once, when the request comes, so
 * that they fit each other; nothing of a person is among them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin_request.h"
#include "admin/monitor.h"
#include "hospiconnect/crypto.h"
#include "process/duties.h"
#include "store/session.h"

#define FACTS_MAX   32
#define VALUE_CAP   300
#define COUNT_SLICE 64
#define COUNTED_MAX 100000 /* sessions are not counted beyond */

struct facts {
	size_t count, next;
	struct {
		const char *name;
		char value[VALUE_CAP];
	} rows[FACTS_MAX];
};

static void add_text(struct facts *facts, const char *name, const char *value)
{
	facts->rows[facts->count].name = name;
	(void)snprintf(facts->rows[facts->count].value, VALUE_CAP, "%s", value); /* paths and names fit */
	facts->count++;
}

static void add_number(struct facts *facts, const char *name, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	add_text(facts, name, text);
}

static void add_truth(struct facts *facts, const char *name, bool truth)
{
	add_text(facts, name, truth ? "yes" : "no");
}

static enum hc_err count_clients(const struct hc_admin_request *request, int64_t *ret_count)
{
	struct hc_client *clients = calloc(HC_ADMIN_SLICE, sizeof(*clients));
	char after[HC_CLIENT_ID_MAX + 1] = "";
	size_t count = HC_ADMIN_SLICE;
	int64_t total = 0;
	enum hc_err err = clients == NULL ? HC_ERR_NOMEM : HC_OK;

	while (err == HC_OK && count == HC_ADMIN_SLICE) {
		err = hc_client_list(hc_admin_view(request), after, HC_ADMIN_SLICE, clients, &count);
		total += err == HC_OK ? (int64_t)count : 0;
		if (err == HC_OK && count > 0)
			(void)snprintf(after, sizeof(after), "%s", clients[count - 1].id);
	}
	free(clients);
	*ret_count = total;
	return err;
}

static enum hc_err count_sessions(const struct hc_admin_request *request, int64_t *ret_count)
{
	struct hc_browser_session *sessions = calloc(COUNT_SLICE, sizeof(*sessions));
	const int64_t now_ms = hc_admin_now(request);
	size_t count = COUNT_SLICE;
	int64_t total = 0, cursor = 0;
	enum hc_err err = sessions == NULL ? HC_ERR_NOMEM : HC_OK;

	while (err == HC_OK && count == COUNT_SLICE && total < COUNTED_MAX) {
		err = hc_session_list(hc_admin_view(request), 0, now_ms, &cursor, COUNT_SLICE, sessions,
				      &count);
		total += err == HC_OK ? (int64_t)count : 0;
	}
	free(sessions);
	*ret_count = total;
	return err;
}

static void gather(struct hc_admin_request *request, struct facts *facts, int64_t clients, int64_t sessions)
{
	struct hc_process *process = request->process;
	const struct hc_gateway *gateway = &process->gateway;
	struct hc_duties_facts duties;
	struct hc_readiness readiness;
	const bool ready = hc_monitor_readiness(process, &readiness);

	hc_duties_facts(process->duties, &duties);
	add_text(facts, "version", HC_VERSION);
	add_number(facts, "schema", hc_gstore_schema_version(gateway->store));
	add_number(facts, "pid", getpid());
	add_number(facts, "uid", geteuid());
	add_number(facts, "uptime_s", (hc_mono_ms(gateway->clock) - process->started_mono_ms) / 1000);
	add_text(facts, "issuer", gateway->config.issuer);
	add_text(facts, "state_dir", gateway->config.state_dir);
	add_text(facts, "seal_key_id", hc_seal_key_id(gateway->seal));
	add_number(facts, "clients", clients);
	add_number(facts, "open_sessions", sessions);
	add_truth(facts, "broker", readiness.broker);
	add_truth(facts, "store", readiness.store);
	add_truth(facts, "ready", ready);
	add_number(facts, "records_waiting", duties.records_waiting);
	add_truth(facts, "purge_behind", duties.purge_behind);
	add_number(facts, "certificate_expires_ms", atomic_load(&process->certificate_expires_ms));
	add_truth(facts, "certificate_fits", atomic_load(&process->certificate_fits));
	add_truth(facts, "certificate_self_made", atomic_load(&process->certificate_self_made));
	add_number(facts, "clock_ms", hc_now_ms(gateway->clock));
	add_number(facts, "threads", gateway->config.threads);
	add_text(facts, "language", gateway->config.language == HC_LANG_FR ? "fr" : "en");
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	const struct hc_admin_request *request = ctx;
	struct facts *facts = request->answer.state;

	hc_msg_put_text(out, HC_FIELD_NAME, facts->rows[facts->next].name);
	hc_msg_put_text(out, HC_FIELD_VALUE, facts->rows[facts->next].value);
	facts->next++;
	*ret_ready = true;
	*ret_more = facts->next < facts->count;
	return HC_OK;
}

void hc_admin_status(struct hc_admin_request *request, const struct hc_msg *msg)
{
	struct facts *facts = hc_admin_rows(request, sizeof(*facts), produce);
	int64_t clients = 0, sessions = 0;
	enum hc_err err = HC_OK;

	(void)msg; /* has nothing that matters here */
	if (facts == NULL)
		return;
	err = count_clients(request, &clients);
	if (err == HC_OK)
		err = count_sessions(request, &sessions);
	if (err != HC_OK)
		hc_admin_trouble(request, err);
	else
		gather(request, facts, clients, sessions);
}
