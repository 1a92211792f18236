/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_HOST_H
#define HC_TEST_HOST_H

#include <security/pam_appl.h>
#include <stdbool.h>

#include "scripted_broker.h"
#include "tempdir.h"

/*
 * A host of PAM in a test: a private directory with service files and the broker's socket, one
 * handle of the real libpam, and a conversation that plays back answers and keeps what it was
 * shown. The module under test is loaded by libpam as any host would have it.
 */
enum host_manner {
	HOST_ANSWERS = 0,     /* from the list; the conversation fails behind its end */
	HOST_FAILS,	      /* PAM_CONV_ERR */
	HOST_FAILS_ANSWERING, /* PAM_CONV_ERR, with an answer in place all the same */
	HOST_NO_REPLY,	      /* success, but no reply */
	HOST_NO_TEXT,	      /* success, a reply without an answer */
	HOST_GARBAGE,	      /* a code that PAM does not have */
	HOST_TOO_LONG	      /* an answer of 600 bytes */
};

#define HOST_SHOWN_MAX 32

struct host_shown {
	int style;
	char text[PAM_MAX_MSG_SIZE];
};

struct host {
	struct tempdir dir;
	char socket[108];
	pam_handle_t *pamh;
	struct scripted_broker *broker;
	struct scripted_record record; /* after host_broker_stop */
	enum host_manner manner;
	const char *answers[8]; /* NULL behind the last */
	unsigned answered;
	unsigned questions;
	unsigned most_at_once; /* messages in one call */
	struct host_shown shown[HOST_SHOWN_MAX];
	unsigned shown_count;
	int fds; /* open when the host was made */
};

/* host_setup, host_teardown: for cmocka; *state is a struct host. Teardown fails on a lost descriptor. */
int host_setup(void **state);
int host_teardown(void **state);

/*
 * host_stack: writes a service file. Each "@" in text becomes the module's path with socket= of the
 * host's directory, each "%" the path alone, each "$" the path of stagehand.so.
 */
void host_stack(struct host *host, const char *service, const char *text);

/* host_start: pam_start_confdir; rhost may be NULL. The conversation is the host's; NULL user: none. */
void host_start(struct host *host, const char *service, const char *user, const char *rhost);
void host_end(struct host *host);

/* host_reset: forgets what was shown and asked, and sets new answers (up to 7, NULL-terminated). */
void host_reset(struct host *host, enum host_manner manner, const char *const *answers);

void host_broker(struct host *host, const struct scripted_line *part);
void host_broker_parts(struct host *host, const struct scripted_line *const *parts, unsigned count);

/* host_broker_stop: fails the test if something was not as the script says. */
void host_broker_stop(struct host *host);

/* host_showed: whether a text that holds part was shown in that style. */
bool host_showed(const struct host *host, int style, const char *part);

/* The log lines that modules wrote through pam_syslog since the last reset, one behind the other. */
const char *host_log(void);
void host_log_clear(void);

/* host_fds: the number of open descriptors of this process. */
int host_fds(void);

/* Parts that most tests use. */
extern const struct scripted_line part_allow[];	    /* HELLO, STEP, ANSWER 123456, RESULT ALLOW */
extern const struct scripted_line part_allow_now[]; /* HELLO, RESULT ALLOW */
extern const struct scripted_line part_deny[];	    /* HELLO, STEP, ANSWER, RESULT DENY WRONG_CODE */
extern const struct scripted_line part_decline[];   /* HELLO, RESULT UNAVAILABLE LOGIN_NEEDED */
extern const char *const right_code[];		    /* "123456" */

#endif
