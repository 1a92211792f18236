/* SPDX-License-Identifier: Apache-2.0 */
/* The broker without sockets, for tests of its decisions. State: the caller's struct rig. */
#include "decision_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "otp.h"
#include "transaction.h"

#define OK(expression) assert_int_equal((expression), HC_OK)

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct rig *rig = ctx;
	size_t used = strlen(rig->log);

	if (level <= HC_LOG_WARNING)
		snprintf(rig->log + used, sizeof(rig->log) - used, "%s\n", line);
}

static const struct hc_authd_config CONFIG = {
	.state_dir = "/state",
	.lang = HC_LANG_EN,
	.policy = {.attempts = 3,
		   .free_tries = 5,
		   .lock_first_s = 30,
		   .lock_max_s = 900,
		   .answer_timeout_s = 60,
		   .unenrolled = HC_UNENROLLED_DENY,
		   .locker_services = {{"swaylock"}, {"kde"}},
		   .locker_service_count = 2},
	.otp = {.issuer = "HospiConnect", .totp_window = 1, .totp_drift_max = 20, .hotp_window = 10},
};

static void open_all(struct rig *rig)
{
	OK(hc_store_open(rig->store_path, &rig->authd.store));
	OK(hc_seal_open(rig->key_path, true, &rig->authd.seal));
	OK(hc_audit_open(rig->authd.store, rig->authd.seal, &rig->clock.clock, &rig->authd.audit));
}

static void close_all(struct rig *rig)
{
	hc_audit_free(&rig->authd.audit);
	hc_seal_free(&rig->authd.seal);
	hc_store_free(&rig->authd.store);
}

void rig_open(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	assert_true(tempdir_make(&rig->dir));
	tempdir_file(&rig->dir, "store.db", rig->store_path, sizeof(rig->store_path));
	tempdir_file(&rig->dir, "seal.key", rig->key_path, sizeof(rig->key_path));
	fake_clock_init(&rig->clock, RIG_NOW);
	rig->config = CONFIG;
	rig->authd.config = &rig->config;
	rig->authd.clock = &rig->clock.clock;
	rig->root = (struct hc_caller){.kind = HC_CALLER_ROOT, .actor = "uid 0 (root)"};
	rig->admin = (struct hc_caller){.kind = HC_CALLER_ADMIN, .actor = "uid 0 (root)"};
	hc_log_capture(keep_log, rig);
	open_all(rig);
}

void rig_close(struct rig *rig)
{
	close_all(rig);
	hc_log_capture(NULL, NULL);
	tempdir_remove(&rig->dir);
	if (!rig->log_expected && rig->log[0] != '\0')
		fail_msg("unexpected log: %s", rig->log);
}

void rig_restart(struct rig *rig)
{
	close_all(rig);
	open_all(rig);
}

int rig_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	if (rig == NULL)
		return -1;
	rig_open(rig);
	*state = rig;
	return 0;
}

int rig_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

struct hc_caller rig_user(uid_t uid, const char *login)
{
	struct hc_caller caller = {.kind = HC_CALLER_USER, .uid = uid, .name_known = true};

	snprintf(caller.name.text, sizeof(caller.name.text), "%s", login);
	snprintf(caller.actor, sizeof(caller.actor), "uid %u (%s)", uid, login);
	return caller;
}

/* ---- people ---- */

static struct hc_person find(struct rig *rig, const char *name)
{
	struct hc_login login;
	struct hc_person person;

	OK(hc_login_parse(name, strlen(name), &login));
	OK(hc_store_person_by_login(rig->authd.store, &login, &person));
	return person;
}

static void add(struct rig *rig, const struct hc_person *person)
{
	int64_t id;

	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_person_add(rig->authd.store, person, &id));
	OK(hc_tx_commit(&rig->authd));
}

struct hc_person rig_person(struct rig *rig, const char *name)
{
	struct hc_person person = {.state = HC_PERSON_ACTIVE, .created_ms = hc_now_ms(rig->authd.clock)};

	OK(hc_login_parse(name, strlen(name), &person.login));
	add(rig, &person);
	return find(rig, name);
}

void rig_temporary(struct rig *rig, const char *name, int64_t valid_from_ms, int64_t valid_until_ms)
{
	struct hc_person person = {.state = HC_PERSON_ACTIVE,
				   .valid_from_ms = valid_from_ms,
				   .valid_until_ms = valid_until_ms,
				   .created_ms = hc_now_ms(rig->authd.clock)};

	OK(hc_login_parse(name, strlen(name), &person.login));
	add(rig, &person);
}

static struct hc_credential enroll(struct rig *rig, const char *login, const char *text,
				   struct hc_otp_request *request)
{
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) uri = NULL;
	struct hc_credential credential;
	struct hc_person person = find(rig, login);

	OK(hc_secret_from(text, strlen(text), &seed));
	request->seed = seed;
	request->active = true;
	request->algorithm = HC_OTP_SHA1;
	OK(hc_tx_begin(&rig->authd));
	OK(hc_otp_enroll(&rig->authd, &person, request, &credential, &uri));
	OK(hc_tx_commit(&rig->authd));
	return credential;
}

struct hc_credential rig_totp(struct rig *rig, const char *login, const char *seed, uint32_t digits)
{
	struct hc_otp_request request = {.type = HC_CREDENTIAL_TOTP, .digits = digits, .period_s = 30};

	return enroll(rig, login, seed, &request);
}

struct hc_credential rig_hotp(struct rig *rig, const char *login, const char *seed)
{
	struct hc_otp_request request = {.type = HC_CREDENTIAL_HOTP, .digits = 6};

	return enroll(rig, login, seed, &request);
}

struct hc_credential rig_recovery(struct rig *rig, const char *login,
				  char codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN + 1])
{
	const struct hc_label nothing = {0};
	HC_AUTO(secret) all = NULL;
	struct hc_credential credential;
	struct hc_person person = find(rig, login);

	OK(hc_tx_begin(&rig->authd));
	OK(hc_recovery_enroll(&rig->authd, &person, &nothing, &nothing, false, &credential, &all));
	OK(hc_tx_commit(&rig->authd));
	assert_int_equal(hc_secret_len(all), HC_RECOVERY_CODES * HC_RECOVERY_CODE_LEN);
	for (size_t i = 0; i < HC_RECOVERY_CODES; i++) {
		memcpy(codes[i], hc_secret_data(all) + i * HC_RECOVERY_CODE_LEN, HC_RECOVERY_CODE_LEN);
		codes[i][HC_RECOVERY_CODE_LEN] = '\0';
	}
	return credential;
}

static const char *code_text(const struct hc_secret *code, char out[16])
{
	memcpy(out, hc_secret_data(code), hc_secret_len(code));
	out[hc_secret_len(code)] = '\0';
	return out;
}

const char *rig_code(struct rig *rig, const char *text, int64_t ahead, char out[16])
{
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) code = NULL;

	OK(hc_secret_from(text, strlen(text), &seed));
	OK(hc_secret_new(16, &code));
	OK(hc_otp_totp(seed, HC_OTP_SHA1, 30, 6, hc_now_ms(rig->authd.clock) / 30000 + ahead, code));
	return code_text(code, out);
}

const char *rig_hotp_code(const char *text, int64_t counter, char out[16])
{
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) code = NULL;

	OK(hc_secret_from(text, strlen(text), &seed));
	OK(hc_secret_new(16, &code));
	OK(hc_otp_hotp(seed, 6, counter, code));
	return code_text(code, out);
}

const char *rig_wrong_code(struct rig *rig, const char *seed, char out[16])
{
	for (unsigned guess = 0; guess < 1000000; guess++) {
		bool taken = false;
		char code[16];

		snprintf(out, 16, "%06u", guess);
		for (int64_t ahead = -30; ahead <= 30; ahead++)
			taken |= strcmp(rig_code(rig, seed, ahead, code), out) == 0;
		if (!taken)
			return out;
	}
	fail();
	return NULL;
}

struct hc_credential rig_credential(struct rig *rig, const struct hc_credential_id *id)
{
	struct hc_credential credential;

	OK(hc_store_credential_by_id(rig->authd.store, id, &credential));
	return credential;
}

/* ---- conversations ---- */

static void take_text(const struct hc_msg *msg, enum hc_field field, char out[2049])
{
	enum hc_err err = hc_msg_text(msg, field, out, 2049);

	if (err == HC_ERR_NOTFOUND)
		out[0] = '\0';
	else
		OK(err);
}

static void take_number(const struct hc_msg *msg, enum hc_field field, uint32_t *out)
{
	*out = 0;
	if (hc_msg_has(msg, field))
		OK(hc_msg_u32(msg, field, out));
}

/* What the broker says goes through the parser, as it does at the other side of a socket. */
static void take_ticket(const struct hc_msg *msg, struct talk *talk)
{
	const uint8_t *view;
	size_t len;

	talk->has_ticket = hc_msg_has(msg, HC_FIELD_TICKET);
	if (!talk->has_ticket)
		return;
	OK(hc_msg_bytes(msg, HC_FIELD_TICKET, &view, &len));
	assert_int_equal(len, sizeof(talk->ticket));
	memcpy(talk->ticket, view, len);
}

static void listen(struct hc_msg *sent, void *ctx)
{
	struct talk *talk = ctx;
	static struct hc_msg heard; /* the rig allocates nothing while a test lets memory run out */
	struct hc_msg *msg = &heard;

	memcpy(msg->packet, sent->packet, sent->len);
	OK(hc_msg_parse(msg, sent->len));
	assert_int_equal(talk->results, 0); /* nothing behind a RESULT */
	switch ((int)msg->type) {
	case HC_MSG_STEP:
		talk->steps++;
		take_text(msg, HC_FIELD_TEXT, talk->prompt);
		take_number(msg, HC_FIELD_TIMEOUT_S, &talk->timeout_s);
		take_number(msg, HC_FIELD_STEP_KIND, &talk->step_kind);
		break;
	case HC_MSG_INFO:
		talk->infos++;
		take_text(msg, HC_FIELD_TEXT, talk->info);
		break;
	case HC_MSG_RESULT:
		talk->results++;
		assert_true(hc_msg_has(msg, HC_FIELD_VERDICT) && hc_msg_has(msg, HC_FIELD_REASON));
		take_number(msg, HC_FIELD_VERDICT, &talk->verdict);
		take_number(msg, HC_FIELD_REASON, &talk->reason);
		take_number(msg, HC_FIELD_RETRY_AFTER_S, &talk->retry_after_s);
		take_text(msg, HC_FIELD_TEXT, talk->text);
		if (hc_msg_has(msg, HC_FIELD_USER))
			OK(hc_msg_text(msg, HC_FIELD_USER, talk->user, sizeof(talk->user)));
		take_ticket(msg, talk);
		break;
	default:
		fail_msg("sent %s", hc_msg_type_name(msg->type));
	}
}

static enum hc_err deliver(struct talk *talk, struct hc_msg *msg)
{
	OK(hc_msg_finish(msg));
	OK(hc_msg_parse(msg, msg->len));
	return hc_session_receive(talk->session, msg);
}

enum hc_err rig_hello(struct rig *rig, const struct hc_caller *caller, const struct rig_hello *hello,
		      struct talk *talk)
{
	HC_AUTO(msg) msg = NULL;

	void *device = rig->devices != NULL ? talk->device : NULL;

	memset(talk, 0, sizeof(*talk));
	talk->device = device;
	OK(hc_session_new(&rig->authd, caller, listen, talk, &talk->session));
	assert_int_equal(hc_session_state(talk->session), HC_SESSION_NEW);
	hc_session_use(talk->session, rig->devices);
	OK(hc_msg_new(&msg));
	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, hello->request ? hello->request : HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(msg, HC_FIELD_MODE, hello->mode ? hello->mode : HC_MODE_SECOND_FACTOR);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, hello->methods ? hello->methods : HC_METHOD_ALL);
	hc_msg_put_u32(msg, HC_FIELD_FLAGS, hello->flags);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, hello->service ? hello->service : "sshd");
	hc_msg_put_text(msg, HC_FIELD_USER, hello->user);
	hc_msg_put_text(msg, HC_FIELD_TTY, hello->tty);
	hc_msg_put_text(msg, HC_FIELD_RHOST, hello->rhost);
	hc_msg_put_text(msg, HC_FIELD_RUSER, hello->ruser);
	hc_msg_put_text(msg, HC_FIELD_LANG, hello->lang ? hello->lang : "en");
	if (hello->timeout_s != 0)
		hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, hello->timeout_s);
	if (hello->ticket != NULL)
		hc_msg_put_bytes(msg, HC_FIELD_TICKET, hello->ticket, HC_CARD_TICKET_LEN);
	return deliver(talk, msg);
}

void rig_begin(struct rig *rig, const char *login, struct talk *talk)
{
	const struct rig_hello hello = {.user = login, .tty = "ssh"};

	OK(rig_hello(rig, &rig->root, &hello, talk));
}

void rig_answer(struct talk *talk, const char *answer)
{
	static struct hc_msg sent;
	struct hc_msg *msg = &sent;

	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, answer, strlen(answer));
	OK(deliver(talk, msg));
}

enum hc_err rig_message(struct talk *talk, enum hc_msg_type type)
{
	HC_AUTO(msg) msg = NULL;

	OK(hc_msg_new(&msg));
	hc_msg_init(msg, type);
	return deliver(talk, msg);
}

void rig_end(struct talk *talk)
{
	hc_session_free(&talk->session);
}

struct talk rig_sign_in(struct rig *rig, const char *login, const char *answer)
{
	struct talk talk = {.session = NULL};

	rig_begin(rig, login, &talk);
	if (answer != NULL && talk.results == 0)
		rig_answer(&talk, answer);
	rig_end(&talk);
	talk.session = NULL;
	return talk;
}

void rig_fail(struct rig *rig, const char *login, unsigned times)
{
	char code[16];

	for (unsigned i = 0; i < times; i++)
		(void)rig_sign_in(rig, login,
				  rig_wrong_code(rig, RIG_SEED, code)); /* the counter is what counts */
}

/* ---- the trail ---- */

int64_t rig_trail_len(struct rig *rig)
{
	struct hc_audit_record last;
	enum hc_err err = hc_store_audit_last(rig->authd.store, &last);

	if (err == HC_ERR_NOTFOUND)
		return 0;
	OK(err);
	return last.seq;
}

struct hc_audit_record rig_trail(struct rig *rig, int64_t from_end)
{
	struct hc_audit_record record;
	size_t count;

	OK(hc_store_audit_list(rig->authd.store, rig_trail_len(rig) - from_end - 1, 1, &record, &count));
	assert_int_equal(count, 1);
	return record;
}

void rig_trail_holds(struct rig *rig)
{
	struct hc_audit_check check = {0};

	while (!check.done)
		OK(hc_audit_check_slice(rig->authd.audit, &check, 64));
	assert_string_equal(check.defect, "");
	assert_int_equal(check.checked, rig_trail_len(rig));
}

/* ---- administration ---- */

struct hc_msg *rig_request(enum hc_msg_type type)
{
	struct hc_msg *msg = NULL;

	OK(hc_msg_new(&msg));
	hc_msg_init(msg, type);
	hc_msg_put_text(msg, HC_FIELD_LANG, "en");
	return msg;
}

static void take_end(const struct hc_msg *msg, struct reply *reply)
{
	uint32_t err = HC_ERR_MAX_;

	OK(hc_msg_u32(msg, HC_FIELD_ERR, &err));
	reply->err = (enum hc_err)err;
	OK(hc_msg_u32(msg, HC_FIELD_REASON, &reply->reason));
	OK(hc_msg_u64(msg, HC_FIELD_COUNT, &reply->count));
	take_text(msg, HC_FIELD_TEXT, reply->text);
}

static void take_row(struct hc_msg **msg, struct reply *reply)
{
	if (reply->row_count < HC_COUNT(reply->rows))
		reply->rows[reply->row_count] = hc_steal_ptr(msg);
	reply->row_count++;
}

struct reply rig_admin(struct rig *rig, const struct hc_caller *caller, struct hc_msg **request)
{
	struct reply reply = {0};
	HC_AUTO(admin_job) job = NULL;
	bool done = false;

	OK(hc_msg_finish(*request));
	OK(hc_msg_parse(*request, (*request)->len));
	OK(hc_admin_start(&rig->authd, caller, *request, &job));
	hc_msg_free(request);
	while (!done) {
		HC_AUTO(msg) out = NULL;
		bool ready = false;

		OK(hc_msg_new(&out));
		OK(hc_admin_next(job, out, &ready, &done));
		if (!ready)
			continue;
		OK(hc_msg_parse(out, out->len));
		if (done)
			take_end(out, &reply);
		else
			take_row(&out, &reply);
	}
	return reply;
}

void reply_free(struct reply *reply)
{
	for (size_t i = 0; i < HC_COUNT(reply->rows); i++)
		hc_msg_free(&reply->rows[i]);
}

const char *reply_text(const struct reply *reply, size_t row, enum hc_field field, char out[2049])
{
	assert_true(row < reply->row_count && row < HC_COUNT(reply->rows));
	take_text(reply->rows[row], field, out);
	return out;
}
