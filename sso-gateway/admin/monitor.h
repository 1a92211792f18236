/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_MONITOR_H
#define HC_MONITOR_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "http/http.h"
#include "process/process.h"

/*
 * Health and metrics, plain HTTP on this machine's loopback, on the first loop: /healthz, /readyz, /metrics.
 * Nothing of a person is told there.
 */

/* hc_monitor_open: starts process->monitor. HC_ERR_EXISTS, HC_ERR_PERM, HC_ERR_IO: logged. */
HC_CHECK enum hc_err hc_monitor_open(struct hc_process *process);

/* The handlers; app is the process. */
void hc_monitor_health(struct hc_exchange *exchange, void *app);
void hc_monitor_ready(struct hc_exchange *exchange, void *app);
void hc_monitor_metrics(struct hc_exchange *exchange, void *app);

/* What a request can rely on right now; on the first loop's thread. */
struct hc_readiness {
	bool store, broker, keys, certificate;
};
/* hc_monitor_readiness: true: all of it. */
bool hc_monitor_readiness(struct hc_process *process, struct hc_readiness *ret_readiness);

#endif
