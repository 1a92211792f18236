/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_HELLO_H
#define HC_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/text.h"

/* What a HELLO said, in types. Names that people can cause to be malformed are not protocol errors. */
struct hc_hello {
	enum hc_request request;
	enum hc_mode mode; /* AUTHENTICATE only */
	uint32_t methods, flags;
	bool remote;
	bool nameless;			 /* nobody was named */
	bool login_valid, service_valid; /* false: empty text in what follows */
	struct hc_login login;
	struct hc_service service;
	struct hc_host rhost; /* empty: none, or no printable word */
	char origin[512];     /* for the trail: "tty=pts/0 ruser=martin rhost=10.0.0.7" */
	enum hc_lang lang;
	uint32_t timeout_s; /* how long the front end will wait; 0: it did not say */
	bool has_ticket;    /* a card was shown before that is nobody's */
	uint8_t ticket[HC_CARD_TICKET_LEN];
};

/* hc_hello_parse: HC_ERR_PROTOCOL for a message that the module never sends. */
HC_CHECK enum hc_err hc_hello_parse(const struct hc_msg *msg, enum hc_lang fallback,
				    struct hc_hello *ret_hello);

/* hc_hello_entry: an audit entry that says who asked what for whom; borrows from both. */
struct hc_audit_entry hc_hello_entry(const struct hc_hello *hello, const struct hc_caller *caller,
				     enum hc_audit_event event);

#endif
