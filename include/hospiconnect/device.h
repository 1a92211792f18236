/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DEVICE_H
#define HC_DEVICE_H

#include <stdint.h>

/*
 * The link between the broker and a device helper: hc-fido2 (security keys), hc-pkcs11 (cards),
 * hc-ocsp (what a card's authority says of its certificate).
 *
 * One process, one operation, one link: a connected SOCK_SEQPACKET socket on descriptor
 * HC_DEVICE_LINK_FD of the helper, with the messages of hospiconnect/msg.h. The broker forks and
 * executes the helper with one end of a pair there, or a service manager hands over an accepted
 * connection (Accept=yes). docs/PROTOCOL.broker.md, section 6, has every message, its fields, and who may send
 * what when; in short:
 *
 *   the broker   DEVICE_START once; one DEVICE_ANSWER for each DEVICE_ASK; DEVICE_CANCEL at any time
 *   the helper   any number of DEVICE_WAIT, DEVICE_ASK (one at a time), DEVICE_ITEM (LIST alone); then
 *                one DEVICE_DONE or DEVICE_FAILED, behind which it reads and sends nothing
 *
 * Anything else ends the link, and the operation with it. Each side takes the other for hostile: the
 * helper believes no length and no number, the broker believes nothing that a device is said to have
 * answered before it has verified it itself. The end of the link is an order to stop: within
 * HC_DEVICE_STOP_MS the device is told to give up and the helper is gone.
 *
 * A helper has no store, no settings beyond DEVICE_START, and no network but hc-ocsp. PINs travel in ANSWER, are
 * held in struct hc_secret, and are sent to a device once each.
 */
#define HC_DEVICE_LINK_FD  3
#define HC_DEVICE_START_MS 5000 /* until DEVICE_START is there */
#define HC_DEVICE_STOP_MS  200

/*
 * Default of [policy] nameless_services, which the broker keeps to and doctor examines: where somebody signs in at the
 * machine itself, and a front end that takes more than one question.
 */
#define HC_NAMELESS_SERVICES "login gdm-password gdm-smartcard gdm-hospiconnect lightdm lxdm sddm greetd xdm"

/* What is to be done (HC_FIELD_DEVICE_OPERATION). */
enum hc_device_operation {
	HC_DEVICE_LIST = 1,    /* which devices are there: DEVICE_ITEM each, then DEVICE_DONE */
	HC_DEVICE_ASSERT = 2,  /* a key proves that it holds a credential */
	HC_DEVICE_MAKE = 3,    /* a key makes a credential */
	HC_DEVICE_SIGN = 4,    /* a card signs */
	HC_DEVICE_SET_PIN = 5, /* a key gets its first PIN, or another one */
	HC_DEVICE_READ = 6,    /* the certificate of a card, without its PIN */
	HC_DEVICE_WATCH = 7,   /* until a device has left: no time limit, and nothing is asked */
	HC_DEVICE_CHECK = 8    /* hc-ocsp: a question is carried to a card's authority, its answer back */
};

/* What the person is waited for (HC_FIELD_DEVICE_WAIT). */
enum hc_device_wait {
	HC_DEVICE_INSERT = 1,
	HC_DEVICE_TOUCH = 2,
	HC_DEVICE_FINGER = 3,
	HC_DEVICE_WORKING = 4,
	HC_DEVICE_PIN_PAD = 5
};

/* What is asked (HC_FIELD_DEVICE_ASK). */
enum hc_device_ask {
	HC_DEVICE_PIN = 1,
	HC_DEVICE_CONFIRM_LAST_TRY = 2, /* "yes", or it is not tried */
	HC_DEVICE_CHOICE = 3,		/* the number of one of CHOICES, from 1 */
	HC_DEVICE_NEW_PIN = 4
};

/* Flags of a DEVICE_START (HC_FIELD_FLAGS). */
#define HC_DEVICE_FLAG_UV	    0x1u /* PIN or fingerprint is required */
#define HC_DEVICE_FLAG_UP	    0x2u /* a touch is required */
#define HC_DEVICE_FLAG_DISCOVERABLE 0x4u /* MAKE: found without being named */
#define HC_DEVICE_FLAG_PRESENT	    0x8u /* no device is waited for */
#define HC_DEVICE_FLAG_HIDDEN	    0x10u /* ASSERT: a key may deny CREDENTIALS until the person was verified */
#define HC_DEVICE_FLAGS_ALL	    0x1fu

/* Bounds of what the messages carry, beside those of the fields themselves. */
#define HC_DEVICE_TIMEOUT_MAX_S	  600
#define HC_DEVICE_CREDENTIALS_MAX 64   /* in CREDENTIALS and GROUPS */
#define HC_DEVICE_GROUPS_MAX	  8    /* relying parties that are asked for, that of RP_ID among them */
#define HC_DEVICE_CREDENTIAL_MAX  1023 /* bytes of one identifier */
#define HC_DEVICE_ALGORITHMS_MAX  8
#define HC_DEVICE_HASH_LEN	  32
#define HC_DEVICE_USER_HANDLE_MAX 64
#define HC_DEVICE_AUTH_DATA_MAX	  4096
#define HC_DEVICE_SIGNATURE_MAX	  1024
#define HC_DEVICE_ATTESTATION_MAX 8192
#define HC_DEVICE_CHOICES_MAX	  16
#define HC_DEVICE_ATR_MAX	  33 /* bytes of a card's answer to reset */
#define HC_DEVICE_PIN_MIN	  4  /* characters */
#define HC_DEVICE_PIN_MAX	  63 /* bytes */

#endif
