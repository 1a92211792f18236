/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ERR_H
#define HC_ERR_H

#include <stdint.h>

#include "hospiconnect/attrs.h"

/*
 * Errors of our own functions, and verdicts of authentication.
 *
 * An error says why a function could not do its work. A verdict says what was decided about a
 * person. The two never mix: "denied", "unknown" and "broken" are different values.
 */
enum hc_err {
	HC_OK = 0,
	HC_ERR_NOMEM,	 /* no memory */
	HC_ERR_INVALID,	 /* malformed input: a value outside of its grammar or range */
	HC_ERR_TOOBIG,	 /* longer than the limit of its field, file or message */
	HC_ERR_NOTFOUND, /* no such object */
	HC_ERR_EXISTS,	 /* an object of that name exists */
	HC_ERR_STATE,	 /* not in a state that allows it */
	HC_ERR_PERM,	 /* the caller may not, or a file has a wrong owner or mode */
	HC_ERR_IO,	 /* the system refused; the cause is in the log */
	HC_ERR_FULL,	 /* no space, or the store is read-only */
	HC_ERR_PROTOCOL, /* the peer does not follow the protocol */
	HC_ERR_PEER,	 /* the peer is not who it must be */
	HC_ERR_AWAY,	 /* nobody listens */
	HC_ERR_TIMEOUT,	 /* the deadline has passed */
	HC_ERR_CLOSED,	 /* the peer closed the connection */
	HC_ERR_SEAL,	 /* a sealed secret does not open: wrong key or changed data */
	HC_ERR_CRYPTO,	 /* a cryptographic library failed */
	HC_ERR_CORRUPT,	 /* stored data contradicts itself */
	HC_ERR_MAX_
};

/*
 * hc_strerror: a short English description for logs. Never NULL; static; no newline.
 */
const char *hc_strerror(enum hc_err err);

/*
 * What was decided about a person. Zero-initialised memory denies; the three constants that let a
 * host continue are far from each other and from every small integer, so that no counter,
 * truncation or flipped bit turns a refusal into one of them. The values travel on the broker
 * protocol (field HC_FIELD_VERDICT).
 */
enum hc_verdict {
	HC_DENY = 0,		  /* refused: wrong answer, policy, not enrolled, revoked, disabled */
	HC_DENY_LOCKED = 1,	  /* too many failures; the text tells the time left */
	HC_DENY_UNKNOWN = 2,	  /* HospiConnect does not know this person */
	HC_DENY_EXPIRED = 3,	  /* account phase: disabled, or outside the validity window */
	HC_DENY_UNAVAILABLE = 4,  /* broker away or hung, store unreadable, no usable method */
	HC_DENY_CONVERSATION = 5, /* the front end could not ask or answer */
	HC_DENY_CONFIG = 6,	  /* bad module argument */
	HC_DENY_NOMEM = 7,	  /* no memory */
	HC_EXEMPT = 0x1E3A96C5,	  /* account listed in exempt= (decided by the module alone) */
	HC_GRACE = 0x2D65C93A,	  /* never enrolled, before the date of `unenrolled = grace until` */
	HC_ALLOW = 0x4B9C35E6	  /* factors verified, policy satisfied */
};

/*
 * hc_verdict_from_wire: maps a number received from the broker to a verdict. Any number that is
 * not a verdict which a broker may send (HC_EXEMPT is the module's own) gives HC_ERR_PROTOCOL and
 * leaves ret_verdict untouched.
 */
HC_CHECK enum hc_err hc_verdict_from_wire(uint32_t wire, enum hc_verdict *ret_verdict);

/* hc_verdict_name: a short English name for logs and audit ("allow", "deny", "locked", ...). */
const char *hc_verdict_name(enum hc_verdict verdict);

#endif
