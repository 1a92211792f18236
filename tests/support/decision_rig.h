/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DECISION_RIG_H
#define HC_DECISION_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin.h"
#include "audit.h"
#include "authd.h"
#include "factor.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/msg.h"
#include "session.h"
#include "store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/tempdir.h"

/*
 * The broker without sockets: a real store, seal and trail in a private directory, a clock that the
 * test moves, and conversations as messages. Everything that fails here fails the test.
 */
#define RIG_NOW	 INT64_C(1800000000000) /* a multiple of 30 s */
#define RIG_STEP (RIG_NOW / 30000)

/* One conversation: what it was told, and the last things that it said. */
struct talk {
	struct hc_session *session;
	unsigned steps, infos, results; /* messages of each kind */
	uint32_t verdict, reason, retry_after_s, timeout_s, step_kind;
	char prompt[2049], info[2049], text[2049];
	char user[HC_LOGIN_MAX + 1]; /* of RESULT */
	bool has_ticket;	     /* of RESULT */
	uint8_t ticket[HC_CARD_TICKET_LEN];
	void *device; /* the test's own, for rig->devices, whose ctx is the talk */
};

struct rig {
	struct tempdir dir;
	char store_path[128], key_path[128];
	struct fake_clock clock;
	struct hc_authd_config config;
	struct hc_authd authd;
	struct hc_caller root, admin;
	const struct hc_session_devices *devices; /* of conversations that begin; NULL: none */
	bool log_expected;			  /* warnings and errors do not fail the test */
	char log[4096];				  /* them */
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
/* rig_restart: closes everything and opens it again, as a restart of the broker does. */
void rig_restart(struct rig *rig);
/* for cmocka's setup and teardown: *state is a struct rig */
int rig_setup(void **state);
int rig_teardown(void **state);

struct hc_caller rig_user(uid_t uid, const char *login);

/* ---- people ---- */

struct hc_person rig_person(struct rig *rig, const char *login);
/* rig_temporary: a person with a validity window. */
void rig_temporary(struct rig *rig, const char *login, int64_t valid_from_ms, int64_t valid_until_ms);
/* rig_totp: an active TOTP over the seed "12345678901234567890". */
struct hc_credential rig_totp(struct rig *rig, const char *login, const char *seed, uint32_t digits);
struct hc_credential rig_hotp(struct rig *rig, const char *login, const char *seed);
#define RIG_SEED   "12345678901234567890"
#define RIG_SEED_2 "abcdefghijklmnopqrst"
/* rig_recovery: a new set; codes: HC_RECOVERY_CODES of them, terminated. */
struct hc_credential rig_recovery(struct rig *rig, const char *login,
				  char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1]);
/* rig_code: what a token with that seed shows, ahead of the broker's clock by so many steps of 30 s. */
const char *rig_code(struct rig *rig, const char *seed, int64_t ahead, char out[16]);
const char *rig_hotp_code(const char *seed, int64_t counter, char out[16]);
/* rig_wrong_code: six digits that no step around now has. */
const char *rig_wrong_code(struct rig *rig, const char *seed, char out[16]);
struct hc_credential rig_credential(struct rig *rig, const struct hc_credential_id *id);

/* ---- conversations ---- */

struct rig_hello {
	enum hc_request request; /* 0: AUTHENTICATE */
	enum hc_mode mode;	 /* 0: SECOND_FACTOR */
	uint32_t methods;	 /* 0: all */
	uint32_t flags, timeout_s;
	const char *service; /* NULL: "sshd" */
	const char *user, *tty, *rhost, *ruser;
	const char *lang;      /* NULL: "en" */
	const uint8_t *ticket; /* NULL: none */
};

/* rig_hello: a new conversation. The result of hc_session_receive. */
enum hc_err rig_hello(struct rig *rig, const struct hc_caller *caller, const struct rig_hello *hello,
		      struct talk *talk);
/* rig_begin: HELLO of root for login from sshd; it is received. */
void rig_begin(struct rig *rig, const char *login, struct talk *talk);
void rig_answer(struct talk *talk, const char *answer);
enum hc_err rig_message(struct talk *talk, enum hc_msg_type type);
void rig_end(struct talk *talk);
/* rig_sign_in: begins, answers once (NULL: not at all), ends. */
struct talk rig_sign_in(struct rig *rig, const char *login, const char *answer);
/* rig_fail: so many wrong codes for login, in conversations of their own. */
void rig_fail(struct rig *rig, const char *login, unsigned times);

/* ---- the trail ---- */

int64_t rig_trail_len(struct rig *rig);
/* rig_trail: the n-th record from the end, 0 being the last. */
struct hc_audit_record rig_trail(struct rig *rig, int64_t from_end);
/* rig_trail_holds: the whole chain verifies. */
void rig_trail_holds(struct rig *rig);

/* ---- administration ---- */

struct reply {
	enum hc_err err;
	uint32_t reason;
	uint64_t count;
	char text[2049];
	size_t row_count;
	struct hc_msg *rows[32]; /* the first of them */
};

/* rig_request: a new request in English. The message is the caller's until rig_admin takes it. */
struct hc_msg *rig_request(enum hc_msg_type type);
struct reply rig_admin(struct rig *rig, const struct hc_caller *caller, struct hc_msg **request);
void reply_free(struct reply *reply);
const char *reply_text(const struct reply *reply, size_t row, enum hc_field field, char out[2049]);

#endif
