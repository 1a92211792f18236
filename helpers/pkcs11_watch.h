/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_WATCH_H
#define HC_PKCS11_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "pkcs11_choice.h"

/*
 * The process that watches over the one with the vendor's library: it passes messages on in both directions,
 * ends a library that hangs, tells of one that crashed, and resets the card in every case.
 */
#define HC_P11_CALL_MAX	  32
#define HC_P11_CALL_MS	  10000 /* any call but … */
#define HC_P11_PIN_PAD_MS 60000 /* … the one that waits for a person at the reader */
#define HC_P11_GRACE_MS	  1000	/* behind the operation's own deadline */
#define HC_P11_STOP_MS	  120	/* from a cancel to the end of a library that does not react */
#define HC_P11_RESET_MS	  1500 /* for resetting the card; the broker gives two seconds to whom it cancelled */
#define HC_P11_LAST_MS	  500  /* from its last message to the end of the library's process */

/* What it sees of the other process: shared memory, written there and taken for hostile here. */
struct hc_p11_watch {
	_Atomic int64_t call_until_ms; /* a call runs, which must have returned then (monotonic); 0: none */
	_Atomic bool pin_sent;	       /* a PIN may have gone to a card */
	char call[HC_P11_CALL_MAX];    /* the function's name */
	char reader[HC_P11_READER_MAX + 1]; /* whose card that was */
};

/*
 * hc_p11_serve: one operation over the link (borrowed), from DEVICE_START to its end. Returns the exit
 * status: HC_PROGRAM_OK when the operation was told its end, whatever that was.
 */
int hc_p11_serve(int link);

#endif
