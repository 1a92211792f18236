/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PROCESS_H
#define HC_PROCESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/privilege.h"
#include "http/http.h"

struct hc_admin_socket;
struct hc_duties;
struct hc_guard;
struct hc_key_order;

/*
 * The process around the gateway: how it starts, serves and ends. The main thread starts it, waits
 * for signals and ends it; while loops run it touches nothing of theirs and speaks to them by
 * hc_loop_post. Private to process/ and admin/.
 */
struct hc_process;

/* One loop: its thread and listeners. All but `thread`, `started` and the atomics belong to its thread. */
struct hc_lane {
	struct hc_process *process; /* borrowed */
	struct hc_worker *worker;   /* borrowed */
	pthread_t thread;
	bool started;
	struct hc_http_server *servers[HC_LISTEN_MAX];
	size_t server_count;
	size_t draining;		/* servers that have not drained yet */
	_Atomic bool broker_live;	/* the broker tells of changes */
	_Atomic uint64_t answered;	/* the last question of the watchdog */
	_Atomic uint64_t keys_loaded;	/* the generation of its keyring */
	_Atomic bool keys_asked;	/* a reload is on its way */
	_Atomic enum hc_err run_result; /* how its loop ended */
};

/* Whom the admin socket serves; fixed before the drop. */
struct hc_admin_rules {
	bool own_uid_too; /* not started by root: own_uid counts as root does */
	uid_t own_uid;
	bool has_group;
	gid_t group;
};

struct hc_process {
	struct hc_gateway gateway;
	struct hc_lane *lanes; /* as many as gateway.workers; lanes[0] has the duties */
	struct hc_http_route *routes;
	bool as_root;
	struct hc_identity identity;
	struct hc_admin_rules admin_rules;
	int admin_fd; /* listening; -1: given to the socket below */
	int signals;  /* signalfd: SIGTERM, SIGINT, SIGHUP */
	int ended;    /* eventfd: a loop has ended */
	int64_t started_ms, started_mono_ms;
	_Atomic int64_t certificate_expires_ms; /* 0: it cannot be said */
	_Atomic bool certificate_fits;		/* it is for the issuer's host */
	_Atomic bool certificate_self_made;	/* no authority signed it */
	_Atomic uint64_t keys_generation;	/* counts changes of the signing keys */
	/* of lanes[0] */
	struct hc_guard *guard;
	struct hc_duties *duties;
	struct hc_key_order *key_order; /* the rotation under way */
	struct hc_admin_socket *admin;
	struct hc_http_server *monitor; /* health and metrics */
};

/* ---- startup.c ---- */

/*
 * hc_process_serve: takes the process from a configuration (borrowed) to a serving gateway, drops root on
 * the way, serves until SIGTERM or SIGINT, and closes what it opened. Every failure was logged when it
 * returns. Blocks.
 */
HC_CHECK enum hc_err hc_process_serve(const struct hc_gateway_config *config);

/* ---- parts.c ---- */

/* hc_process_open: store, seals, keys and the parts of each worker, as the gateway's user. Logged. */
HC_CHECK enum hc_err hc_process_open(struct hc_process *process);
/* hc_process_close: all of it, once no loop runs any more. */
void hc_process_close(struct hc_process *process);

/* ---- listeners.c ---- */

/* hc_listeners_open: loops and their listeners, while low ports may still be bound. Nothing is accepted yet. */
HC_CHECK enum hc_err hc_listeners_open(struct hc_process *process);
/* hc_listeners_close: the servers; the loops live on. hc_listeners_free: the loops too. */
void hc_listeners_close(struct hc_process *process);
void hc_listeners_free(struct hc_process *process);

/*
 * hc_certificate_load: certificate and key from their files; warns of one that ends soon or is another
 * host's. Logged. tls: transferred.
 */
HC_CHECK enum hc_err hc_certificate_load(struct hc_process *process, struct hc_http_tls **ret_tls);
/* hc_issuer_host: the host of an issuer that the settings let through, without port and brackets. */
#define HC_HOST_CAP 256
void hc_issuer_host(const char *issuer, char out[HC_HOST_CAP]);
/* hc_certificate_use: for new connections of every listener (tls borrowed); before or while loops run. */
HC_CHECK enum hc_err hc_certificate_use(struct hc_process *process, struct hc_http_tls *tls);

/* ---- check_store.c ---- */

/* hc_gateway_check_store: a store and its seal key in a directory that nobody uses; facts on standard output. Logged. */
HC_CHECK enum hc_err hc_gateway_check_store(const char *directory);

/* ---- run.c ---- */

/* hc_process_run: threads, signals, the end. Returns once no loop runs any more. */
HC_CHECK enum hc_err hc_process_run(struct hc_process *process);

#endif
