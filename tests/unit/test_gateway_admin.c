/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's administrators: who is let in, what is refused, and that a change and its record are one. */
#include "gateway_admin_support.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin_client.h"
#include "admin/admin_socket.h"
#include "store/session.h"

#define NOBODY 65534

/* ---- requests ---- */

static void what_is_no_request_of_an_administrator_is_refused(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_USER_LIST);
	assert_int_equal(ask(rig, &msg), HC_ERR_PROTOCOL);
	hc_msg_init(&msg, HC_MSG_HELLO);
	assert_int_equal(ask(rig, &msg), HC_ERR_PROTOCOL);
	/* a field that a request has no use for */
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_LIST, HC_FIELD_CLIENT_ID, "x"), HC_ERR_PROTOCOL);
	assert_int_equal(ask_text(rig, HC_MSG_STATUS, HC_FIELD_LOGIN, "x"), HC_ERR_PROTOCOL);
}

static void what_is_not_there_is_told_in_the_language_asked_for(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_SHOW, HC_FIELD_CLIENT_ID, "nobody"), HC_ERR_NOTFOUND);
	assert_int_equal(rig->reason, HC_REASON_NO_SUCH_CLIENT);
	assert_non_null(strstr(rig->text, "no application"));
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_text(&msg, HC_FIELD_SID, "nobody");
	hc_msg_put_text(&msg, HC_FIELD_LANG, "fr");
	assert_int_equal(ask(rig, &msg), HC_ERR_NOTFOUND);
	assert_int_equal(rig->reason, HC_REASON_NO_SUCH_SESSION);
	assert_non_null(strstr(rig->text, "session"));
	assert_non_null(strstr(rig->text, "n’existe pas"));
}

static void a_refused_change_leaves_neither_a_client_nor_a_record(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;

	assert_int_equal(add_client(rig, "x", "authorization_code", "http://x.test/cb"), HC_ERR_INVALID);
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_REMOVE, HC_FIELD_CLIENT_ID, "nobody"), HC_ERR_NOTFOUND);
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_ROTATE_SECRET, HC_FIELD_CLIENT_ID, "nobody"),
			 HC_ERR_NOTFOUND);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_ADD, &record), 0);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_REMOVE, &record), 0);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_SECRET, &record), 0);
}

static void a_client_is_added_with_its_record_and_only_the_hash_of_its_secret(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;
	struct hc_client client;
	const uint8_t *secret = NULL;
	size_t len = 0;
	uint8_t hash[32];

	assert_int_equal(add_client(rig, "Été à l’hôpital", "authorization_code", "https://x.test/cb"),
			 HC_OK);
	assert_int_equal(rig->row_count, 1);
	assert_int_equal(hc_client_by_id(rig->worker.view, text_of(rig, 0, HC_FIELD_CLIENT_ID), &client),
			 HC_OK);
	assert_memory_equal(client.id, "ete-a-l-hopital-", 16);
	assert_int_equal(hc_msg_bytes(rig->rows[0], HC_FIELD_CLIENT_SECRET, &secret, &len), HC_OK);
	assert_int_equal(len, HC_CLIENT_SECRET_LEN);
	assert_int_equal(hc_sha256(secret, len, hash), HC_OK);
	assert_memory_equal(client.secret_hash, hash, sizeof(hash));
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_ADD, &record), 1);
	assert_string_equal(record.actor, ACTOR);
	assert_string_equal(record.client_id, client.id);
	assert_string_equal(record.detail, "Été à l’hôpital");
	assert_int_equal(record.time_ms, T0);
}

static void two_clients_of_one_name_have_two_identifiers(void **state)
{
	struct rig *rig = *state;
	char first[HC_CLIENT_ID_MAX + 1];

	assert_int_equal(add_client(rig, "!!!", "client_credentials", ""), HC_OK);
	(void)snprintf(first, sizeof(first), "%s", text_of(rig, 0, HC_FIELD_CLIENT_ID));
	assert_int_equal(strlen(first), 8);
	assert_int_equal(add_client(rig, "!!!", "client_credentials", ""), HC_OK);
	assert_string_not_equal(first, text_of(rig, 0, HC_FIELD_CLIENT_ID));
}

static void every_client_is_listed_once_whatever_their_number(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 2 * HC_ADMIN_SLICE; i++)
		assert_int_equal(add_client(rig, "app", "client_credentials", ""), HC_OK);
	assert_int_equal(ask_text(rig, HC_MSG_CLIENT_LIST, HC_FIELD_LANG, "en"), HC_OK);
	assert_int_equal(rig->row_count, 2 * HC_ADMIN_SLICE);
	assert_int_equal(rig->count, 2 * HC_ADMIN_SLICE);
	for (size_t i = 1; i < rig->row_count; i++) {
		char before[HC_CLIENT_ID_MAX + 1];

		(void)snprintf(before, sizeof(before), "%s", text_of(rig, i - 1, HC_FIELD_CLIENT_ID));
		assert_true(strcmp(before, text_of(rig, i, HC_FIELD_CLIENT_ID)) < 0);
	}
}

static void what_was_begun_is_finished_without_the_administrator(void **state)
{
	struct rig *rig = *state;
	struct hc_admin_request *request = NULL;
	struct hc_outbox_record record;
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
	hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, "left");
	hc_msg_put_text(&msg, HC_FIELD_GRANTS, "client_credentials");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
	assert_int_equal(hc_admin_request_new(&rig->process, ACTOR, &msg, on_ready, rig, &request), HC_OK);
	assert_true(request->waiting);
	hc_admin_request_free(&request);
	/* the next one's answer comes behind it */
	assert_int_equal(add_client(rig, "next", "client_credentials", ""), HC_OK);
	assert_int_equal(records(rig, HC_OUTBOX_CLIENT_ADD, &record), 2);
}

static void status_says_what_is_there(void **state)
{
	struct rig *rig = *state;
	bool clients = false;

	assert_int_equal(add_client(rig, "one", "client_credentials", ""), HC_OK);
	assert_int_equal(ask_text(rig, HC_MSG_STATUS, HC_FIELD_LANG, "en"), HC_OK);
	for (size_t i = 0; i < rig->row_count; i++) {
		if (strcmp(text_of(rig, i, HC_FIELD_NAME), "clients") != 0)
			continue;
		clients = true;
		assert_string_equal(text_of(rig, i, HC_FIELD_VALUE), "1");
	}
	assert_true(clients);
}

/* ---- sessions ---- */

struct many {
	struct rig *rig;
	int count;
};

/* Sessions 1 to count; the even ones are martin's. */
static enum hc_err add_sessions(struct hc_gstore_tx *tx, void *ctx)
{
	const struct many *many = ctx;
	const int64_t now_ms = many->rig->now_ms;
	enum hc_err err = HC_OK;

	for (int i = 1; i <= many->count && err == HC_OK; i++) {
		struct hc_browser_session session = {.cookie = {.id = i},
						     .person_id = 7 + i % 2,
						     .acr = "acr",
						     .amr = "pwd otp mfa",
						     .auth_ms = now_ms,
						     .created_ms = now_ms,
						     .last_seen_ms = now_ms,
						     .expires_ms = now_ms + 3600000,
						     .keep_until_ms = now_ms + 3600000};

		(void)snprintf(session.login, sizeof(session.login), "%s", i % 2 == 0 ? "martin" : "roux");
		(void)snprintf(session.sid, sizeof(session.sid), "sid-%d", i);
		err = hc_session_add(tx, &session);
	}
	return err;
}

static void sessions_added(enum hc_err result, void *ctx)
{
	const struct many *many = ctx;

	assert_int_equal(result, HC_OK);
	hc_loop_stop(many->rig->worker.loop);
}

static void begin_sessions(struct rig *rig, int count)
{
	struct many many = {.rig = rig, .count = count};

	assert_int_equal(hc_gstore_write(rig->process.gateway.store, rig->worker.loop, add_sessions,
					 sessions_added, &many),
			 HC_OK);
	assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
}

static void nobody_ends_all_sessions_by_mistake(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	begin_sessions(rig, 2);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	assert_int_equal(ask(rig, &msg), HC_ERR_INVALID);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_u32(&msg, HC_FIELD_ALL, 0);
	assert_int_equal(ask(rig, &msg), HC_ERR_INVALID);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_u32(&msg, HC_FIELD_ALL, 1);
	hc_msg_put_text(&msg, HC_FIELD_SID, "sid-1");
	assert_int_equal(ask(rig, &msg), HC_ERR_INVALID);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_LIST, HC_FIELD_LANG, "en"), HC_OK);
	assert_int_equal(rig->row_count, 2);
}

static void one_session_ends_with_its_record_and_only_once(void **state)
{
	struct rig *rig = *state;
	struct hc_outbox_record record;

	begin_sessions(rig, 3);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_REVOKE, HC_FIELD_SID, "sid-2"), HC_OK);
	assert_int_equal(rig->count, 1);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_REVOKE, HC_FIELD_SID, "sid-2"), HC_ERR_NOTFOUND);
	assert_int_equal(records(rig, HC_OUTBOX_SESSION_END, &record), 1);
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.actor, ACTOR);
	assert_int_equal(record.person_id, 7);
}

static void a_persons_sessions_end_and_no_others_also_where_there_are_many(void **state)
{
	struct rig *rig = *state;
	struct hc_msg msg;

	begin_sessions(rig, 150);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_REVOKE, HC_FIELD_LOGIN, "martin"), HC_OK);
	assert_int_equal(rig->count, 75);
	assert_int_equal(ask_text(rig, HC_MSG_SESSION_LIST, HC_FIELD_LOGIN, "martin"), HC_OK);
	assert_int_equal(rig->row_count, 0);
	hc_msg_init(&msg, HC_MSG_SESSION_REVOKE);
	hc_msg_put_u32(&msg, HC_FIELD_ALL, 1);
	assert_int_equal(ask(rig, &msg), HC_OK);
	assert_int_equal(rig->count, 75);
}

/* ---- who may connect ---- */

struct door {
	struct hc_admin_socket *socket;
	struct sockaddr_un address;
	socklen_t len;
};

static void open_door(struct rig *rig, struct door *door)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	door->address = (struct sockaddr_un){.sun_family = AF_UNIX};
	door->len = sizeof(door->address);
	/* a name that the kernel chooses, outside of the file system: the mode is not what keeps people out here */
	assert_int_equal(bind(fd, (struct sockaddr *)&door->address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&door->address, &door->len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(hc_admin_socket_new(&rig->process, fd, &door->socket), HC_OK);
}

/* In a child: connects, sends, and says what came: 'E' for an END, '0' for the end of the connection. */
static pid_t caller(const struct door *door, int requests, uid_t uid, int report)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (geteuid() == 0 && uid != 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0))
		_exit(2);

	const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	struct hc_msg msg;
	char said = 'E';

	if (connect(fd, (const struct sockaddr *)&door->address, door->len) != 0)
		_exit(3);
	for (int i = 0; i < requests; i++) {
		hc_msg_init(&msg, HC_MSG_CLIENT_LIST);
		if (hc_msg_finish(&msg) != HC_OK)
			_exit(4);
		(void)send(fd, msg.packet, msg.len,
			   MSG_NOSIGNAL); /* refused at once: what comes back tells */
	}
	do {
		const ssize_t len = recv(fd, msg.packet, sizeof(msg.packet), 0);

		if (len <= 0 || hc_msg_parse(&msg, (size_t)len) != HC_OK)
			said = '0';
	} while (said == 'E' && msg.type != HC_MSG_END);
	_exit(write(report, &said, 1) == 1 ? 0 : 5);
}

static char what_a_caller_hears(struct rig *rig, struct door *door, uid_t uid)
{
	int ends[2], status = -1;
	char heard = '?';
	pid_t pid = 0, gone = 0;

	assert_int_equal(pipe(ends), 0);
	pid = caller(door, 1, uid, ends[1]);
	while (gone == 0) {
		assert_int_equal(hc_loop_post(rig->worker.loop, stop_now, rig->worker.loop), HC_OK);
		assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
		gone = waitpid(pid, &status, WNOHANG);
	}
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], &heard, 1), 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return heard;
}

static void a_stranger_is_not_heard(void **state)
{
	struct rig *rig = *state;
	struct door door;

	if (geteuid() != 0)
		skip(); /* nobody else to be */
	open_door(rig, &door);
	rig->process.admin_rules = (struct hc_admin_rules){.has_group = true, .group = 54321};
	assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), '0');
	rig->process.admin_rules = (struct hc_admin_rules){.own_uid = NOBODY};
	assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), '0');
	hc_admin_socket_free(&door.socket);
}

static void root_the_group_and_our_own_uid_are_answered(void **state)
{
	struct rig *rig = *state;
	struct door door;

	open_door(rig, &door);
	rig->process.admin_rules = (struct hc_admin_rules){.own_uid_too = true, .own_uid = geteuid()};
	assert_int_equal(what_a_caller_hears(rig, &door, geteuid()), 'E');
	if (geteuid() == 0) {
		rig->process.admin_rules = (struct hc_admin_rules){.own_uid_too = true, .own_uid = NOBODY};
		assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), 'E');
		rig->process.admin_rules = (struct hc_admin_rules){.has_group = true, .group = NOBODY};
		assert_int_equal(what_a_caller_hears(rig, &door, NOBODY), 'E');
	}
	hc_admin_socket_free(&door.socket);
}

/* ---- a client's fields ---- */

static void fields_that_contradict_each_other_are_refused(void **state)
{
	static const struct {
		const char *grants, *method, *uris, *logout, *profile;
		uint32_t may_introspect;
		const char *says;
	} rows[] = {
		{"authorization_code", "", "", "", "", 0, "redirect-uri"},
		{"client_credentials", "", "https://a.test/", "", "", 0, "redirect-uri"},
		{"client_credentials", "", "", "https://a.test/", "", 0, "post-logout-redirect-uri"},
		{"refresh_token", "", "", "", "", 0, "grant"},
		{"client_credentials refresh_token", "", "", "", "", 0, "grant"},
		{"authorization_code authorization_code", "", "https://a.test/", "", "", 0, "grant"},
		{"authorization_code client_credentials", "none", "https://a.test/", "", "", 0, "grant"},
		{"authorization_code", "none", "https://a.test/", "", "", 1, "may-introspect"},
		{"authorization_code", "", "https://a.test/ https://a.test/", "", "", 0, "twice"},
		{"authorization_code", "", "https://a.test/?code=1", "", "", 0, "redirect-uri"},
		{"authorization_code", "", "https://a.test/", "http://a.test/", "", 0, "post-logout"},
		{"authorization_code", "private_key_jwt", "https://a.test/", "", "", 0, "auth-method"},
		{"authorization_code", "", "https://a.test/", "", "fapi2", 0, "profile"},
		{"authorization_code", "", "https://a.test/", "", "", 2, "may-introspect"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_answer answer = {.lang = HC_LANG_EN};
		struct hc_client client = {.number = 0};
		struct hc_msg msg;

		hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
		hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, "x");
		hc_msg_put_text(&msg, HC_FIELD_GRANTS, rows[i].grants);
		hc_msg_put_text(&msg, HC_FIELD_AUTH_METHOD, rows[i].method);
		hc_msg_put_text(&msg, HC_FIELD_REDIRECT_URIS, rows[i].uris);
		hc_msg_put_text(&msg, HC_FIELD_LOGOUT_URIS, rows[i].logout);
		hc_msg_put_text(&msg, HC_FIELD_PROFILE, rows[i].profile);
		hc_msg_put_u32(&msg, HC_FIELD_MAY_INTROSPECT, rows[i].may_introspect);
		assert_int_equal(hc_msg_finish(&msg), HC_OK);
		if (hc_client_from_request(&answer, &msg, &client) || answer.err != HC_ERR_INVALID ||
		    strstr(answer.argument, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, answer.argument);
	}
}

static void defaults_follow_the_profile_and_the_grants(void **state)
{
	static const struct {
		const char *profile, *grants, *uris, *scopes;
	} rows[] = {
		{"", "", "https://a.test/", "openid profile"},
		{"psc", "", "https://a.test/", "openid scope_all"},
		{"", "client_credentials", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_answer answer = {.lang = HC_LANG_EN};
		struct hc_client client = {.number = 0};
		struct hc_msg msg;

		hc_msg_init(&msg, HC_MSG_CLIENT_ADD);
		hc_msg_put_text(&msg, HC_FIELD_CLIENT_NAME, "x");
		hc_msg_put_text(&msg, HC_FIELD_PROFILE, rows[i].profile);
		hc_msg_put_text(&msg, HC_FIELD_GRANTS, rows[i].grants);
		hc_msg_put_text(&msg, HC_FIELD_REDIRECT_URIS, rows[i].uris);
		assert_int_equal(hc_msg_finish(&msg), HC_OK);
		assert_true(hc_client_from_request(&answer, &msg, &client));
		if (strcmp(client.scopes.text, rows[i].scopes) != 0)
			fail_msg("row %zu: %s", i, client.scopes.text);
		assert_int_equal(client.auth, HC_CLIENT_SECRET_BASIC);
		assert_int_equal(client.id_token_alg, HC_JWS_RS256);
		assert_int_equal(client.access_format, HC_ACCESS_OPAQUE);
		assert_false(client.may_introspect);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(a_stranger_is_not_heard),
		IN_RIG(what_is_no_request_of_an_administrator_is_refused),
		cmocka_unit_test(fields_that_contradict_each_other_are_refused),
		IN_RIG(a_refused_change_leaves_neither_a_client_nor_a_record),
		IN_RIG(nobody_ends_all_sessions_by_mistake),
		IN_RIG(what_is_not_there_is_told_in_the_language_asked_for),
		IN_RIG(a_client_is_added_with_its_record_and_only_the_hash_of_its_secret),
		cmocka_unit_test(defaults_follow_the_profile_and_the_grants),
		IN_RIG(two_clients_of_one_name_have_two_identifiers),
		IN_RIG(every_client_is_listed_once_whatever_their_number),
		IN_RIG(what_was_begun_is_finished_without_the_administrator),
		IN_RIG(status_says_what_is_there),
		IN_RIG(one_session_ends_with_its_record_and_only_once),
		IN_RIG(a_persons_sessions_end_and_no_others_also_where_there_are_many),
		IN_RIG(root_the_group_and_our_own_uid_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
