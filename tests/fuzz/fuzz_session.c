/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "authd.h"
#include "factor.h"
#include "fuzz.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"
#include "otp.h"
#include "permit.h"
#include "session.h"
#include "signin.h"
#include "store/store.h"

/*
 * Conversations with the broker's decisions, driven by the input: whole messages as they stand in it,
 * and the steps of a program that knows the codes. Promised: root or a locker is let on by the right,
 * unused code and by nothing else, the gateway by such a code after a password that hc-password found
 * right in this very conversation; nothing follows a RESULT; the clock may do what it likes.
 */
#define START_MS	 INT64_C(1800000000000)
#define SEED		 "12345678901234567890"
#define INPUTS_PER_STORE 512
#define OPERATIONS_MAX	 64

static struct world {
	char dir[64], store_path[96], key_path[96];
	unsigned inputs;
	int64_t realtime_ms, monotonic_ms;
	struct hc_authd_config config;
	struct hc_authd authd;
	struct hc_clock clock;
} world;

/* What the fuzzer's program knows, and what it has said last. */
static struct knowledge {
	uint8_t codes[HC_RECOVERY_CODES][HC_RECOVERY_CODE_LEN];
	bool code_used[HC_RECOVERY_CODES];
	int64_t last_step; /* nothing up to here may pass again */
	uint8_t answer[512];
	size_t answer_len;
	bool authenticates, answered, ended;
	bool asked, decoy, right; /* gateway: what hc-password was asked, and said */
	uint8_t answers;	  /* gateway: how many were taken */
	enum hc_caller_kind kind;
} known;

static int64_t realtime(void *ctx)
{
	(void)ctx;
	return world.realtime_ms;
}

static int64_t monotonic(void *ctx)
{
	(void)ctx;
	return world.monotonic_ms;
}

static void no_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static const struct hc_authd_config CONFIG = {
	.lang = HC_LANG_FR,
	.policy = {.attempts = 3,
		   .free_tries = 5,
		   .lock_first_s = 30,
		   .lock_max_s = 900,
		   .answer_timeout_s = 60,
		   .locker_services = {{"swaylock"}},
		   .locker_service_count = 1},
	.otp = {.issuer = "HospiConnect", .totp_window = 1, .totp_drift_max = 20, .hotp_window = 10},
};

#define MUST(expression) FUZZ_REQUIRE((expression) == HC_OK)

static void leave_world(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];

	hc_audit_free(&world.authd.audit);
	hc_seal_free(&world.authd.seal);
	hc_store_free(&world.authd.store);
	for (size_t i = 0; i < HC_COUNT(suffixes); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", world.store_path, suffixes[i]);
		(void)unlink(path);
	}
	(void)unlink(world.key_path);
	(void)rmdir(world.dir);
	world.dir[0] = '\0';
}

/* In memory where the machine has such a place: a sync costs nothing there. */
static void enter_world(void)
{
	struct stat facts;
	static bool registered;

	(void)snprintf(world.dir, sizeof(world.dir), "%s/hc-fuzz-XXXXXX",
		       stat("/dev/shm", &facts) == 0 ? "/dev/shm" : "/tmp");
	FUZZ_REQUIRE(mkdtemp(world.dir) != NULL);
	(void)snprintf(world.store_path, sizeof(world.store_path), "%s/store.db", world.dir);
	(void)snprintf(world.key_path, sizeof(world.key_path), "%s/seal.key", world.dir);
	world.config = CONFIG;
	world.clock = (struct hc_clock){.realtime_ms = realtime, .monotonic_ms = monotonic};
	world.authd = (struct hc_authd){.config = &world.config, .clock = &world.clock};
	hc_log_capture(no_log, NULL);
	MUST(hc_store_open(world.store_path, &world.authd.store));
	MUST(hc_seal_open(world.key_path, true, &world.authd.seal));
	MUST(hc_audit_open(world.authd.store, world.authd.seal, &world.clock, &world.authd.audit));
	if (!registered)
		(void)atexit(leave_world);
	registered = true;
}

/* "martin" anew, with a TOTP and a set of codes. */
static void make_person(void)
{
	struct hc_person person = {.login = {"martin"}, .state = HC_PERSON_ACTIVE, .created_ms = START_MS};
	struct hc_otp_request request = {.type = HC_CREDENTIAL_TOTP,
					 .algorithm = HC_OTP_SHA1,
					 .digits = 6,
					 .period_s = 30,
					 .active = true};
	const struct hc_label nothing = {0};
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) uri = NULL;
	HC_AUTO(secret) codes = NULL;
	struct hc_credential credential;
	struct hc_person former;

	MUST(hc_secret_from(SEED, strlen(SEED), &seed));
	request.seed = seed;
	MUST(hc_store_begin(world.authd.store));
	if (hc_store_person_by_login(world.authd.store, &person.login, &former) == HC_OK)
		MUST(hc_store_person_remove(world.authd.store, former.id));
	MUST(hc_store_person_add(world.authd.store, &person, &person.id));
	MUST(hc_otp_enroll(&world.authd, &person, &request, &credential, &uri));
	MUST(hc_recovery_enroll(&world.authd, &person, &nothing, &nothing, false, &credential, &codes));
	MUST(hc_store_commit(world.authd.store));
	memcpy(known.codes, hc_secret_data(codes), sizeof(known.codes));
}

/* ---- the promise ---- */

static bool shows(int64_t step, const uint8_t *digits)
{
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) code = NULL;

	if (step < 0)
		return false;
	MUST(hc_secret_from(SEED, strlen(SEED), &seed));
	MUST(hc_secret_new(HC_OTP_DIGITS_MAX + 1, &code));
	MUST(hc_otp_totp(seed, HC_OTP_SHA1, 30, 6, step, code));
	return memcmp(hc_secret_data(code), digits, 6) == 0;
}

/* The symbols of the last answer, without what people put between them. */
static size_t symbols_of_answer(uint8_t out[sizeof(known.answer)])
{
	size_t len = 0;

	for (size_t i = 0; i < known.answer_len; i++) {
		uint8_t byte = known.answer[i];

		if (byte != ' ' && byte != '\t' && byte != '-')
			out[len++] = byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
	}
	return len;
}

static bool is_unused_totp(const uint8_t *symbols, size_t len)
{
	int64_t here = world.realtime_ms / 30000;

	for (int64_t step = here - 21; len == 6 && step <= here + 21; step++) {
		if (step > known.last_step && shows(step, symbols)) {
			known.last_step = step;
			return true;
		}
	}
	return false;
}

static uint8_t folded(uint8_t symbol)
{
	return symbol == '0' ? 'O' : symbol == '1' ? 'I' : symbol == '8' ? 'B' : symbol;
}

static bool is_unused_recovery(const uint8_t *symbols, size_t len)
{
	for (size_t i = 0; len == 16 && i < HC_RECOVERY_CODES; i++) {
		bool equal = !known.code_used[i];

		for (size_t at = 0; at < len; at++)
			equal = equal && folded(symbols[at]) == known.codes[i][at + at / 4];
		if (equal) {
			known.code_used[i] = true;
			return true;
		}
	}
	return false;
}

static void check_allowed(void)
{
	uint8_t symbols[sizeof(known.answer)];
	size_t len = symbols_of_answer(symbols);

	FUZZ_REQUIRE(known.answered);
	FUZZ_REQUIRE(known.kind == HC_CALLER_ROOT || known.kind == HC_CALLER_USER ||
		     (known.kind == HC_CALLER_GATEWAY && known.asked && !known.decoy && known.right &&
		      known.answers == 2));
	FUZZ_REQUIRE(is_unused_totp(symbols, len) || is_unused_recovery(symbols, len));
}

static void emitted(struct hc_msg *msg, void *ctx)
{
	uint32_t verdict = 0;

	(void)ctx;
	FUZZ_REQUIRE(!known.ended);
	FUZZ_REQUIRE(msg->type == HC_MSG_STEP || msg->type == HC_MSG_INFO || msg->type == HC_MSG_RESULT);
	if (msg->type != HC_MSG_RESULT)
		return;
	known.ended = true;
	MUST(hc_msg_u32(msg, HC_FIELD_VERDICT, &verdict));
	FUZZ_REQUIRE(verdict != (uint32_t)HC_GRACE && verdict != (uint32_t)HC_EXEMPT);
	if (verdict == (uint32_t)HC_ALLOW && known.authenticates)
		check_allowed();
}

/* ---- the input ---- */

struct input {
	const uint8_t *data;
	size_t len, pos;
};

static uint8_t next(struct input *input)
{
	return input->pos < input->len ? input->data[input->pos++] : 0;
}

static size_t take(struct input *input, uint8_t *out, size_t max)
{
	size_t want = next(input), left = input->len - input->pos;

	if (want > max)
		want = max;
	if (want > left)
		want = left;
	memcpy(out, input->data + input->pos, want);
	input->pos += want;
	return want;
}

/* One of the two kinds of conversation. */
struct talk {
	struct hc_session *session;
	struct hc_signin *signin;
};

static enum hc_err ask(void *ctx, const struct hc_login *login, const struct hc_secret *password, bool decoy)
{
	(void)ctx;
	(void)login;
	FUZZ_REQUIRE(password != NULL && !known.asked);
	known.asked = true;
	known.decoy = decoy;
	return HC_OK;
}

static enum hc_session_state state_of(const struct talk *talk)
{
	return talk->signin != NULL ? hc_signin_state(talk->signin) : hc_session_state(talk->session);
}

static void end_talk(struct talk *talk)
{
	hc_session_free(&talk->session);
	hc_signin_free(&talk->signin);
}

static void deliver(struct talk *talk, struct hc_msg *msg, size_t len)
{
	uint32_t request = 0;
	const uint8_t *view;

	if (hc_msg_parse(msg, len) != HC_OK || !hc_permit(msg->type, known.kind, state_of(talk)))
		return;
	if (msg->type == HC_MSG_HELLO)
		known.authenticates = hc_msg_u32(msg, HC_FIELD_REQUEST, &request) != HC_OK ||
				      request == HC_REQUEST_AUTHENTICATE;
	known.answered = msg->type == HC_MSG_ANSWER &&
			 hc_msg_bytes(msg, HC_FIELD_ANSWER, &view, &known.answer_len) == HC_OK;
	if (known.answered)
		memcpy(known.answer, view, known.answer_len);
	if (msg->type == HC_MSG_PERSON_GET || msg->type == HC_MSG_WATCH)
		return; /* the connection's own */
	if (known.answered)
		known.answers++;
	/* A surprise ends the connection; here the next operation goes on, which must be as safe. */
	enum hc_err err = talk->signin != NULL ? hc_signin_receive(talk->signin, msg)
					       : hc_session_receive(talk->session, msg);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_PROTOCOL);
}

static void send_hello(struct talk *talk, struct hc_msg *msg, uint8_t choice)
{
	static const char *const users[] = {"martin", "durand", "Martin", ""};
	static const char *const services[] = {"sshd", "swaylock"};

	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST, 1u + (choice >> 6));
	hc_msg_put_u32(msg, HC_FIELD_MODE, (choice & 32) != 0 ? HC_MODE_PRIMARY : HC_MODE_SECOND_FACTOR);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, (choice & 16) != 0 ? HC_METHOD_RECOVERY : HC_METHOD_ALL);
	hc_msg_put_u32(msg, HC_FIELD_FLAGS, (choice & 8) != 0 ? HC_FLAG_PROMPT_ONLY : 0);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, services[(choice >> 2) & 1]);
	hc_msg_put_text(msg, HC_FIELD_USER, users[choice & 3]);
	if (known.kind == HC_CALLER_GATEWAY)
		hc_msg_put_text(msg, HC_FIELD_RHOST, (choice & 4) != 0 ? "2001:db8::1" : "192.0.2.1");
	MUST(hc_msg_finish(msg));
	deliver(talk, msg, msg->len);
}

static void send_answer(struct talk *talk, struct hc_msg *msg, const void *answer, size_t len)
{
	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, answer, len);
	MUST(hc_msg_finish(msg));
	deliver(talk, msg, msg->len);
}

static void answer_totp(struct talk *talk, struct hc_msg *msg, int8_t ahead)
{
	HC_AUTO(secret) seed = NULL;
	HC_AUTO(secret) code = NULL;
	int64_t step = world.realtime_ms / 30000 + ahead;

	MUST(hc_secret_from(SEED, strlen(SEED), &seed));
	MUST(hc_secret_new(HC_OTP_DIGITS_MAX + 1, &code));
	if (step >= 0 && hc_otp_totp(seed, HC_OTP_SHA1, 30, 6, step, code) == HC_OK)
		send_answer(talk, msg, hc_secret_data(code), hc_secret_len(code));
}

static void begin(struct talk *talk, uint8_t choice)
{
	static const enum hc_caller_kind kinds[] = {HC_CALLER_ROOT, HC_CALLER_USER, HC_CALLER_ROOT,
						    HC_CALLER_USER};
	struct hc_caller caller = {
		.kind = kinds[choice & 3], .uid = 1000, .name_known = true, .actor = "fuzz"};

	(void)snprintf(caller.name.text, sizeof(caller.name.text), "%s",
		       (choice & 4) != 0 ? "durand" : "martin");
	end_talk(talk);
	if ((choice & 8) != 0)
		caller.kind = HC_CALLER_GATEWAY;
	known.kind = caller.kind;
	known.authenticates = known.answered = known.ended = false;
	known.asked = known.decoy = known.right = false;
	known.answers = 0;
	if (caller.kind == HC_CALLER_GATEWAY)
		MUST(hc_signin_new(&world.authd, &caller, emitted, ask, NULL, &talk->signin));
	else
		MUST(hc_session_new(&world.authd, &caller, emitted, NULL, &talk->session));
}

static void move_clock(struct input *input)
{
	int64_t by_ms = ((int8_t)next(input)) * INT64_C(15000);
	uint8_t scale = next(input);

	if (scale > 240)
		by_ms *= 100000;
	world.realtime_ms += by_ms;
	world.monotonic_ms += by_ms > 0 ? by_ms : 0;
}

/* hc-password says something; never "right" of a decoy. */
static void password_said(struct talk *talk, uint8_t choice)
{
	static const enum hc_password answers[] = {HC_PASSWORD_RIGHT, HC_PASSWORD_WRONG, HC_PASSWORD_BUSY,
						   HC_PASSWORD_UNAVAILABLE};
	enum hc_password answer = answers[choice & 3];

	if (talk->signin == NULL || !known.asked)
		return;
	if (known.decoy && answer == HC_PASSWORD_RIGHT)
		answer = HC_PASSWORD_WRONG;
	known.right |= answer == HC_PASSWORD_RIGHT;
	hc_signin_password(talk->signin, answer);
}

static void time_out(struct talk *talk)
{
	if (talk->signin != NULL)
		hc_signin_timeout(talk->signin);
	else
		hc_session_timeout(talk->session);
}

static void go_away(struct talk *talk)
{
	if (talk->signin != NULL)
		hc_signin_closed(talk->signin);
	else
		hc_session_closed(talk->session);
}

static void operate(struct input *input, struct talk *talk, struct hc_msg *msg)
{
	uint8_t buffer[255];
	size_t len;

	switch (next(input) % 11) {
	case 0:
		begin(talk, next(input));
		break;
	case 1:
		send_hello(talk, msg, next(input));
		break;
	case 2:
		len = take(input, msg->packet, 255);
		deliver(talk, msg, len);
		break;
	case 3:
		len = take(input, buffer, sizeof(buffer));
		send_answer(talk, msg, buffer, len);
		break;
	case 4:
		answer_totp(talk, msg, (int8_t)next(input));
		break;
	case 5:
		send_answer(talk, msg, known.codes[next(input) % HC_RECOVERY_CODES], HC_RECOVERY_CODE_LEN);
		break;
	case 6:
		time_out(talk);
		break;
	case 7:
		go_away(talk);
		break;
	case 8:
		move_clock(input);
		break;
	case 9:
		hc_msg_init(msg, HC_MSG_CANCEL);
		MUST(hc_msg_finish(msg));
		deliver(talk, msg, msg->len);
		break;
	case 10:
		password_said(talk, next(input));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.data = data, .len = size};
	struct talk talk = {NULL, NULL};
	HC_AUTO(msg) msg = NULL;

	if (world.inputs++ % INPUTS_PER_STORE == 0) {
		if (world.dir[0] != '\0')
			leave_world();
		enter_world();
	}
	known = (struct knowledge){.last_step = -1};
	world.realtime_ms = START_MS;
	world.monotonic_ms = 1000;
	make_person();
	MUST(hc_msg_new(&msg));
	begin(&talk, 0);
	for (unsigned i = 0; i < OPERATIONS_MAX && input.pos < input.len; i++)
		operate(&input, &talk, msg);
	end_talk(&talk);
	return 0;
}
