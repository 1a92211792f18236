/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SCRIPTED_BROKER_H
#define HC_SCRIPTED_BROKER_H

#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/msg.h"
#include "hospiconnect/reason.h"

/*
 * A broker that plays a part: it listens on a socket in a child process and acts out one list of
 * acts for each connection, in order. It speaks the real protocol, except where the part is to
 * break it. What clients sent is kept in memory that it shares with the test.
 */
enum scripted_act {
	SCRIPTED_END = 0,	/* waits until the client has gone, and closes */
	SCRIPTED_HELLO,		/* receives a HELLO, which is kept */
	SCRIPTED_STEP,		/* sends STEP: number (kind), text */
	SCRIPTED_INFO,		/* sends INFO: text */
	SCRIPTED_KEEPALIVE,	/* sends number KEEPALIVEs (0: one) */
	SCRIPTED_ANSWER,	/* receives an ANSWER, which is kept; text: must be that */
	SCRIPTED_CANCEL,	/* receives a CANCEL */
	SCRIPTED_RESULT,	/* sends RESULT: number (verdict), reason, text */
	SCRIPTED_RESULT_FOR,	/* the same with USER: text */
	SCRIPTED_RESULT_TICKET, /* the same with TICKET: the first 16 bytes of text */
	SCRIPTED_TYPE,		/* sends an empty message of type number */
	SCRIPTED_BYTES,		/* sends text as a packet of its own: no message at all */
	SCRIPTED_OVERSIZE,	/* sends a packet of HC_MSG_MAX + 1 bytes */
	SCRIPTED_DESCRIPTOR,	/* sends a KEEPALIVE with a file descriptor attached */
	SCRIPTED_HANG,		/* says nothing more, and keeps the connection until it is stopped */
	SCRIPTED_CLOSE		/* closes at once */
};

struct scripted_line {
	enum scripted_act act;
	uint32_t number;
	enum hc_reason reason;
	const char *text; /* borrowed; NULL: none */
};

#define SCRIPTED_KEPT 8

/* What clients sent; complete once scripted_stop has copied it. */
struct scripted_record {
	unsigned connections;		 /* accepted */
	unsigned finished;		 /* played to the end */
	unsigned cancels;		 /* CANCEL received */
	unsigned answers;		 /* ANSWER received */
	char answer[SCRIPTED_KEPT][513]; /* with a NUL behind */
	struct hc_msg hello;		 /* the last one */
	char failure[256];		 /* the first thing that was not as the script says; "": nothing */
};

struct scripted_broker;

/*
 * scripted_start: listens on path as uid (or as the caller with (uid_t)-1). Connection n plays
 * parts[n], each ended by SCRIPTED_END; the last part is played again for all further connections.
 * parts is copied with the fork and need not outlive the call. Returns when it listens; NULL on
 * failure.
 */
struct scripted_broker *scripted_start(const char *path, uid_t uid, const struct scripted_line *const *parts,
				       unsigned count);

/* scripted_play: scripted_start of one part as the caller. */
struct scripted_broker *scripted_play(const char *path, const struct scripted_line *part);

/* scripted_record: while it plays; a connection that has just ended may not be counted yet. */
const struct scripted_record *scripted_record(const struct scripted_broker *broker);
pid_t scripted_pid(const struct scripted_broker *broker);

/*
 * scripted_stop: lets the child play to the end for clients that came before (unless it hangs), ends
 * it, removes the socket and copies the record to ret_record unless NULL. Clients must be through.
 */
void scripted_stop(struct scripted_broker **broker, struct scripted_record *ret_record);

#endif
