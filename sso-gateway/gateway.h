/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GATEWAY_H
#define HC_GATEWAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/err.h"
#include "oauth/refusals.h"
#include "settings.h"

struct hc_broker_link;
struct hc_gstore;
struct hc_gstore_view;
struct hc_keyring;
struct hc_loop;
struct hc_persons;
struct hc_seal;
struct hc_secret;
struct hc_signins;

/*
 * What is counted, for /metrics: X(NAME, "metric name", "labels", "help"). A counter belongs to its
 * worker's thread; another thread reads it without order.
 */
#define HC_COUNTERS(X)                                                                                    \
	X(SIGN_IN_OK, "sign_ins_total", "outcome=\"ok\"", "Sign-ins at the pages")                        \
	X(SIGN_IN_REFUSED, "sign_ins_total", "outcome=\"refused\"", "")                                   \
	X(SIGN_IN_UNAVAILABLE, "sign_ins_total", "outcome=\"unavailable\"", "")                           \
	X(SIGN_IN_ABANDONED, "sign_ins_total", "outcome=\"abandoned\"", "")                               \
	X(AUTHORIZE_SSO, "authorizations_total", "how=\"session\"",                                       \
	  "Codes issued, by how the person signed in")                                                    \
	X(AUTHORIZE_SIGN_IN, "authorizations_total", "how=\"sign-in\"", "")                               \
	X(AUTHORIZE_REFUSED, "authorizations_total", "how=\"refused\"", "")                               \
	X(TOKEN_CODE, "tokens_total", "grant=\"authorization_code\"", "Answers with tokens, by grant")    \
	X(TOKEN_REFRESH, "tokens_total", "grant=\"refresh_token\"", "")                                   \
	X(TOKEN_CREDENTIALS, "tokens_total", "grant=\"client_credentials\"", "")                          \
	X(TOKEN_REFUSED, "token_refusals_total", "", "Requests refused at the token endpoint")            \
	X(REUSE_DETECTED, "reuse_detected_total", "", "Codes and refresh tokens that came a second time") \
	X(INTROSPECTIONS, "introspections_total", "", "Introspections answered")                          \
	X(USERINFOS, "userinfo_total", "", "Userinfo answers with claims")                                \
	X(REVOCATIONS, "revocations_total", "", "Revocations answered")                                   \
	X(LOGOUTS, "logouts_total", "", "Sessions ended by their person")                                 \
	X(BROKER_AWAY, "broker_away_total", "", "Requests refused because the broker was away")

enum hc_counter {
#define HC_COUNTER_ENUM(name, metric, labels, help) HC_COUNTER_##name,
	HC_COUNTERS(HC_COUNTER_ENUM)
#undef HC_COUNTER_ENUM
		HC_COUNTER_COUNT
};

/* What all loops share: made before they run, not changed while they do. */
struct hc_gateway {
	struct hc_gateway_config config;
	const struct hc_clock *clock; /* borrowed */
	struct hc_gstore *store;
	struct hc_seal *seal;	   /* of what is kept: signing keys */
	bool seal_given;	   /* its key is a credential of the service manager: not ours to exchange */
	struct hc_secret *sub_key; /* makes `sub` out of a person */
	struct hc_seal *page_seal; /* of what a page carries; its key dies with the process */
	struct hc_worker *workers; /* of config.threads; workers[0] has the extra duties */
};

/* What one loop has. Everything but gateway belongs to the loop's thread. The app of every route. */
struct hc_worker {
	struct hc_gateway *gateway; /* borrowed */
	struct hc_loop *loop;
	struct hc_gstore_view *view; /* borrowed from the store */
	struct hc_broker_link *broker;
	struct hc_persons *persons;
	struct hc_keyring *keyring;
	struct hc_signins *signins;
	struct hc_refusals refusals; /* zero at first */
	_Atomic uint64_t counters[HC_COUNTER_COUNT];
};

/* hc_count: one more, on the worker's thread. */
static inline void hc_count(struct hc_worker *worker, enum hc_counter counter)
{
	atomic_store_explicit(&worker->counters[counter],
			      atomic_load_explicit(&worker->counters[counter], memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

#endif
