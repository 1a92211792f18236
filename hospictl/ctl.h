/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CTL_H
#define HC_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/err.h"
#include "hospiconnect/text.h"

/*
 * What every command of hospictl is given: how to print, in which language, and where the broker
 * is. Made once from the command line and the environment.
 */
enum hc_ctl_status {
	HC_CTL_DONE = 0,
	HC_CTL_FAILED = 1,   /* refused or failed */
	HC_CTL_USAGE = 2,    /* the command line makes no sense */
	HC_CTL_NOTFOUND = 3, /* no such person, credential, application or session */
	HC_CTL_AWAY = 4	     /* the broker or the gateway does not answer */
};

struct hc_ctl {
	const char *socket;	    /* where requests go: authd's admin socket; borrowed */
	const char *gateway_socket; /* the gateway's; borrowed */
	bool at_gateway;	    /* requests go to the gateway (hc_ctl_at_gateway) */
	bool json;
	bool table;  /* stdout is a terminal and --json was not given */
	bool asking; /* stdin and stderr are terminals: questions are possible */
	bool color;
	enum hc_lang lang;
	unsigned width, height; /* of the terminal, in cells */
	const struct hc_clock *clock;
};

#define HC_CTL_DEFAULT_SOCKET	      HC_RUN_DIR "/admin.sock"
#define HC_CTL_DEFAULT_GATEWAY_SOCKET HC_GATEWAY_RUN_DIR "/admin.sock"

/* hc_ctl_at_gateway: the same, with the gateway as the one that is asked. */
struct hc_ctl hc_ctl_at_gateway(const struct hc_ctl *ctl);

/* hc_ctl_main: the whole program. Returns the exit status. */
int hc_ctl_main(int argc, char *const *argv);

/* hc_ctl_status_of: the exit status that an error stands for. */
enum hc_ctl_status hc_ctl_status_of(enum hc_err err);

/* HC_ARGS: arguments of a text, as hc_text takes them. */
#define HC_ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* hc_ctl_say: one text of the catalogue and a newline. args: HC_ARGS(…) or NULL. */
void hc_ctl_say(const struct hc_ctl *ctl, FILE *out, const char *name, const char *const *args);

/* hc_ctl_complain: the same on stderr, behind "hospictl: ". */
void hc_ctl_complain(const struct hc_ctl *ctl, const char *name, const char *const *args);

/*
 * hc_ctl_escape: text for a terminal: control bytes and invalid UTF-8 as \xNN, a backslash doubled;
 * quotes stay as they are. Cut at cap, always terminated.
 */
void hc_ctl_escape(const char *text, char *out, size_t cap);

/*
 * Standard output goes through a buffer of our own, so that what was secret in it can be scrubbed:
 * hc_ctl_out_init once, before the first byte; hc_ctl_out_scrub after each secret. _finish flushes
 * and says whether everything was written.
 */
void hc_ctl_out_init(void);
void hc_ctl_out_scrub(void);
bool hc_ctl_out_finish(void);

#endif
