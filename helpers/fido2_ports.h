/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_PORTS_H
#define HC_FIDO2_PORTS_H

#include "fido2_machine.h"
#include "fido2_worker.h"
#include "hospiconnect/packet.h"

/*
 * The keys that are, or were, plugged in, with the threads that open them; and the loop's state, which they
 * are a part of. For fido2_loop.c.
 */
#define HC_FIDO2_SCAN_MS   200 /* between two looks at what is plugged in, where the kernel does not tell */
#define HC_FIDO2_SETTLE_MS 10  /* the least between two looks, whatever it tells */

/* One key that is, or was, plugged in. */
struct hc_fido2_port {
	bool there, has_wanted;
	char path[HC_FIDO2_PATH_MAX + 1];
	struct hc_fido2_task wanted; /* as soon as the thread is free */
	struct hc_fido2_worker worker;
};

struct hc_fido2_loop {
	int link_fd, report_fds[2];
	int notify_fd;		     /* what changes in /dev; -1: nothing is told */
	bool watches;		     /* WATCH: no key is opened */
	int64_t scan_ms, scanned_ms; /* the next look, and the last one */
	enum hc_err err;	     /* of the link */
	struct hc_packet_queue queue;
	struct hc_msg in, out;
	struct hc_fido2_request request;
	struct hc_fido2_machine machine;
	struct hc_fido2_port ports[HC_FIDO2_KEYS_MAX];
};

int64_t hc_fido2_now_ms(void);

/* What the machine wants done (struct hc_fido2_ops); ctx is the loop. */
void hc_fido2_ports_start(void *ctx, unsigned key, const struct hc_fido2_task *task);
void hc_fido2_ports_cancel(void *ctx, unsigned key);
void hc_fido2_ports_release(void *ctx, unsigned key);
bool hc_fido2_ports_present(void *ctx, unsigned key);

/* hc_fido2_ports_scan: looks at what is plugged in, and tells the machine what has changed. */
void hc_fido2_ports_scan(struct hc_fido2_loop *loop);
/* hc_fido2_ports_listen: while a key is waited for, the kernel is to tell of /dev; else no more. */
void hc_fido2_ports_listen(struct hc_fido2_loop *loop);
/* hc_fido2_ports_told: it did. If it is about keys, the next look is soon. */
void hc_fido2_ports_told(struct hc_fido2_loop *loop);
/* hc_fido2_ports_pump: begins a job that is wanted, once the thread is there and free. */
void hc_fido2_ports_pump(struct hc_fido2_loop *loop, unsigned key);
/* hc_fido2_ports_collect: tells the machine what has ended. */
void hc_fido2_ports_collect(struct hc_fido2_loop *loop);

#endif
