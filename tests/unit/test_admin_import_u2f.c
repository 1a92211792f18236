/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of pam-u2f that an administrator brings: all of a person's that are new, or none. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/buf.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

#define ORIGIN "pam://ward-7"

/* Keys of KEYS, each an Ed25519 key of one letter, named by it in eight bytes; '-' before it: without a name. */
static size_t put_keys(const char *letters, uint8_t *out, size_t cap)
{
	static const uint8_t HEAD[] = {0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20};
	struct hc_writer writer;

	hc_writer_init(&writer, out, cap);
	for (; *letters != '\0'; letters++) {
		bool named = *letters != '-';
		uint8_t text[32];

		if (!named)
			letters++;
		memset(text, *letters, sizeof(text));
		hc_writer_u8(&writer, 1);
		hc_writer_u16(&writer, named ? 8 : 0);
		hc_writer_bytes(&writer, text, named ? 8 : 0);
		hc_writer_u16(&writer, sizeof(HEAD) + sizeof(text));
		hc_writer_bytes(&writer, HEAD, sizeof(HEAD));
		hc_writer_bytes(&writer, text, sizeof(text));
	}
	assert_int_equal(writer.err, HC_OK);
	return writer.len;
}

static struct reply import(struct rig *rig, const char *login, const char *origin, const char *letters,
			   uint32_t flags)
{
	struct hc_msg *request = rig_request(HC_MSG_IMPORT_U2F);
	uint8_t keys[4096];
	size_t len = put_keys(letters, keys, sizeof(keys));

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	hc_msg_put_text(request, HC_FIELD_RP_ID, origin);
	hc_msg_put_bytes(request, HC_FIELD_KEYS, keys, len);
	hc_msg_put_u32(request, HC_FIELD_FLAGS, flags);
	return rig_admin(rig, &rig->admin, &request);
}

static size_t held(struct rig *rig, const char *login)
{
	struct hc_credential rows[HC_CREDENTIALS_MAX];
	struct hc_login name;
	struct hc_person person;
	size_t count = 0;

	assert_int_equal(hc_login_parse(login, strlen(login), &name), HC_OK);
	assert_int_equal(hc_store_person_by_login(rig->authd.store, &name, &person), HC_OK);
	assert_int_equal(hc_store_credential_list(rig->authd.store, person.id, false, HC_CREDENTIALS_MAX,
						  rows, &count),
			 HC_OK);
	return count;
}

/* The states of its rows: n(ew), h(eld), r(evoked). */
static void assert_states(struct reply reply, const char *states)
{
	char text[2049];

	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.row_count, strlen(states));
	for (size_t i = 0; i < reply.row_count; i++) {
		if (reply_text(&reply, i, HC_FIELD_STATE, text)[0] != states[i])
			fail_msg("row %zu: %s", i, text);
	}
	reply_free(&reply);
}

static void what_is_refused_changes_nothing(void **state)
{
	static const struct {
		const char *login, *origin, *keys;
		uint32_t flags;
		enum hc_err err;
		enum hc_reason reason;
	} rows[] = {
		{"nobody", ORIGIN, "a", 0, HC_ERR_NOTFOUND, HC_REASON_NO_SUCH_PERSON},
		{"martin", NULL, "a", 0, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", "login.example", "a", 0, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", "pam://ward 7", "a", 0, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", "pam://\"", "a", 0, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", ORIGIN, "", 0, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", ORIGIN, "abcdefghijklmnopq", 0, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", ORIGIN, "a", 2, HC_ERR_INVALID, HC_REASON_INVALID_VALUE},
		{"martin", ORIGIN, "ax", 0, HC_ERR_EXISTS,
		 HC_REASON_KEY_ALREADY_REGISTERED}, /* x is durand's */
		{"martin", ORIGIN, "abcdefghijklmnop", 0, HC_ERR_STATE, HC_REASON_WRONG_STATE},
	};
	struct rig *rig = *state;

	snprintf(rig->config.fido.rp_id, sizeof(rig->config.fido.rp_id), "login.example");
	rig_person(rig, "martin");
	rig_person(rig, "durand");
	rig_totp(rig, "martin", RIG_SEED, 6);
	assert_states(import(rig, "durand", ORIGIN, "x", 0), "n");
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct reply reply = import(rig, rows[i].login, rows[i].origin, rows[i].keys, rows[i].flags);

		if (reply.err != rows[i].err || reply.reason != rows[i].reason)
			fail_msg("row %zu: %s, %u", i, hc_strerror(reply.err), reply.reason);
		reply_free(&reply);
		if (held(rig, "martin") != 1)
			fail_msg("row %zu: something was kept", i);
	}
	rig_trail_holds(rig);
}

static void bytes_that_are_no_keys_are_refused(void **state)
{
	struct rig *rig = *state;
	uint8_t keys[256];
	size_t len = put_keys("ab", keys, sizeof(keys));

	rig_person(rig, "martin");
	for (size_t cut = 1; cut < len; cut++) {
		if (cut == len / 2)
			continue; /* just one of them */
		struct hc_msg *request = rig_request(HC_MSG_IMPORT_U2F);

		hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
		hc_msg_put_text(request, HC_FIELD_RP_ID, ORIGIN);
		hc_msg_put_bytes(request, HC_FIELD_KEYS, keys, cut);
		struct reply reply = rig_admin(rig, &rig->admin, &request);

		if (reply.err != HC_ERR_INVALID)
			fail_msg("cut at %zu: %s", cut, hc_strerror(reply.err));
		reply_free(&reply);
	}
	assert_int_equal(held(rig, "martin"), 0);
}

static void a_policy_about_makes_refuses_what_has_none(void **state)
{
	struct rig *rig = *state;

	rig_person(rig, "martin");
	rig->config.fido.attestation = 1;
	struct reply reply = import(rig, "martin", ORIGIN, "a", 0);

	assert_int_equal(reply.err, HC_ERR_PERM);
	assert_int_equal(reply.reason, HC_REASON_MAKER_NOT_VERIFIED);
	reply_free(&reply);
	assert_int_equal(held(rig, "martin"), 0);
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_MAKER_NOT_VERIFIED);
}

static void each_key_has_its_record_and_comes_once(void **state)
{
	static const struct hc_label why = {"lost"};
	struct rig *rig = *state;
	char id[2049];

	rig_person(rig, "martin");
	int64_t before = rig_trail_len(rig);

	assert_states(import(rig, "martin", ORIGIN, "ab-c", 1), "nnn");
	assert_int_equal(held(rig, "martin"), 0);
	assert_int_equal(rig_trail_len(rig), before);
	assert_states(import(rig, "martin", ORIGIN, "aba-c-c", 0), "nnhnh");
	assert_int_equal(held(rig, "martin"), 3);
	assert_int_equal(rig_trail_len(rig), before + 3);
	struct reply again = import(rig, "martin", ORIGIN, "a-c", 0);

	reply_text(&again, 0, HC_FIELD_CREDENTIAL_ID, id);
	assert_states(again, "hh");
	assert_int_equal(rig_trail_len(rig), before + 3);

	struct hc_credential_id revoked;

	assert_int_equal(hc_credential_id_parse(id, strlen(id), &revoked), HC_OK);
	assert_int_equal(hc_tx_begin(&rig->authd), HC_OK);
	assert_int_equal(hc_store_credential_revoke(rig->authd.store, &revoked, &why, RIG_NOW), HC_OK);
	assert_int_equal(hc_tx_commit(&rig->authd), HC_OK);
	assert_states(import(rig, "martin", ORIGIN, "ad", 0), "rn");
	assert_int_equal(held(rig, "martin"), 3);
	rig_trail_holds(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_refused_changes_nothing),
		TEST(bytes_that_are_no_keys_are_refused),
		TEST(a_policy_about_makes_refuses_what_has_none),
		TEST(each_key_has_its_record_and_comes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
