/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_WATCHER_H
#define HC_PKCS11_WATCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"
#include "pkcs11_request.h"
#include "pkcs11_reset.h"
#include "pkcs11_watch.h"

/* Private to pkcs11_serve.c (its beginning and end) and pkcs11_watch.c (what lies between). */
#define HC_P11_DETAIL_MAX 256

struct hc_p11_watcher {
	int link, signals;
	int module; /* our end of the pair with the process that runs the library; -1: it has closed its own */
	pid_t pid;  /* of that process; 0: reaped */
	int status;
	struct hc_p11_request request;
	struct hc_p11_watch *shared;
	struct hc_p11_guard guard;
	enum hc_p11_link_state state;
	bool link_open, killed;
	bool watches;		      /* WATCH: there is no library's process, and no guard */
	int64_t deadline_ms, kill_ms; /* kill_ms: 0, or when the process is ended if it has not */
	enum hc_reason reason;	      /* what is told instead of what the process said; NONE: nothing */
	char detail[HC_P11_DETAIL_MAX];
	struct hc_msg *msg, *last; /* scratch; DONE or FAILED of the process, kept until it has ended */
	bool has_last;
};

/* hc_p11_watcher_end_by: what is told in the end, unless something else came first. */
void hc_p11_watcher_end_by(struct hc_p11_watcher *watcher, enum hc_reason reason, const char *detail);

/* hc_p11_watcher_run: until the library's process has ended and the card was reset. */
void hc_p11_watcher_run(struct hc_p11_watcher *watcher);

#endif
