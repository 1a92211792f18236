/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment of a security key: what is stored, what is not, and what becomes of a helper that speaks out of turn. */
#include "admin_fido2_support.h"

#include "transaction.h"

/* ---- faults of the store ---- */

static const char *broken; /* the function of the store that fails */

#define FAILS(name, parameters, arguments)                                                              \
	enum hc_err __real_hc_store_##name parameters;                                                  \
	enum hc_err __wrap_hc_store_##name parameters;                                                  \
	enum hc_err __wrap_hc_store_##name parameters                                                   \
	{                                                                                               \
		return broken != NULL && strcmp(broken, #name) == 0 ? HC_ERR_IO                         \
								    : __real_hc_store_##name arguments; \
	}

FAILS(begin, (struct hc_store * store), (store))
FAILS(commit, (struct hc_store * store), (store))
FAILS(key_add, (struct hc_store * store, const struct hc_credential_id *id, const struct hc_stored_key *key),
      (store, id, key))
FAILS(credential_add, (struct hc_store * store, const struct hc_credential *credential), (store, credential))
FAILS(audit_append, (struct hc_store * store, const struct hc_audit_record *record), (store, record))

/* ---- the request ---- */

static void without_an_rp_id_nobody_is_enrolled_and_the_text_says_where_it_belongs(void **state)
{
	struct rig *rig = *state;
	struct desk desk;
	struct hc_msg *request;
	struct reply reply;

	rig_person(rig, "martin");
	rig->config.fido.rp_id[0] = '\0';
	request = request_for("martin");
	desk_request(&desk, rig, &request);
	reply = desk_end(&desk);

	assert_int_equal(reply.reason, HC_REASON_INVALID_VALUE);
	assert_non_null(strstr(reply.text, "rp_id"));
	assert_non_null(strstr(reply.text, "[fido2]"));
	assert_non_null(strstr(reply.text, HC_SYSCONF_DIR "/authd.conf"));
	reply_free(&reply);
}

static void bad_requests_wait_for_no_key(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (unsigned row = 0; row < 4; row++) {
		static const enum hc_reason reasons[] = {HC_REASON_NO_SUCH_PERSON, HC_REASON_INVALID_VALUE,
							 HC_REASON_INVALID_VALUE, HC_REASON_INVALID_VALUE};
		struct hc_msg *request = request_for(row == 0 ? "nobody" : "martin");

		rig->authd.device_methods = row == 3 ? 0 : HC_METHOD_FIDO2;
		if (row == 1)
			hc_msg_put_u32(request, HC_FIELD_FLAGS, HC_DEVICE_FLAG_PRESENT);
		if (row == 2)
			hc_msg_put_text(request, HC_FIELD_LABEL, "a\x1b[2J");
		desk_request(&desk, rig, &request);
		desk_refused(&desk, reasons[row]);
	}
	assert_int_equal(rig_trail_len(rig), 0);
}

static void somebody_with_as_many_credentials_as_one_may_have_touches_no_key(void **state)
{
	struct rig *rig = *state;
	struct desk desk;
	struct hc_msg *request;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_CREDENTIALS_MAX; i++)
		(void)rig_totp(rig, "martin", RIG_SEED, 6);
	request = request_for("martin");
	desk_request(&desk, rig, &request);
	desk_refused(&desk, HC_REASON_WRONG_STATE);
}

/* ---- what the key made ---- */

static void what_was_not_verified_is_not_stored(void **state)
{
	static const struct {
		const char *what;
		struct making making;
		enum hc_reason reason;
	} rows[] = {
		{"another relying party",
		 {.id = "k", .rp_id = "other.example", .flags = 5, .format = "none"},
		 HC_REASON_KEY_NOT_REGISTERED},
		{"no touch",
		 {.id = "k", .rp_id = RP, .flags = HC_FIDO_UV, .format = "none"},
		 HC_REASON_FLAGS_MISSING},
		{"no check of the person",
		 {.id = "k", .rp_id = RP, .flags = HC_FIDO_UP, .format = "none"},
		 HC_REASON_FLAGS_MISSING},
		{"less protection than was asked for",
		 {.id = "k", .rp_id = RP, .flags = 5, .protect = 1, .format = "none"},
		 HC_REASON_FLAGS_MISSING},
		{"another name than the data have",
		 {.id = "k", .rp_id = RP, .flags = 5, .format = "none", .other_name = true},
		 HC_REASON_DEVICE_ERROR},
		{"no statement",
		 {.id = "k", .rp_id = RP, .flags = 5, .format = "none", .no_statement = true},
		 HC_REASON_DEVICE_ERROR},
		{"data cut short",
		 {.id = "k", .rp_id = RP, .flags = 5, .format = "none", .cut = 1},
		 HC_REASON_DEVICE_ERROR},
		{"a format that nobody knows",
		 {.id = "k", .rp_id = RP, .flags = 5, .format = "tpm"},
		 HC_REASON_ATTESTATION_REFUSED},
		{"a statement that is none of its format",
		 {.id = "k", .rp_id = RP, .flags = 5, .format = "packed"},
		 HC_REASON_ATTESTATION_REFUSED},
	};
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		desk_begin(&desk, rig, "martin");
		if (desk_makes(&desk, &rows[i].making) != HC_ADMIN_DEVICE_END)
			fail_msg("row %zu: %s", i, rows[i].what);
		desk_refused(&desk, rows[i].reason);
		if (keys_of(rig, "martin") != 0 || rig_trail_len(rig) != (int64_t)i + 1)
			fail_msg("row %zu: %s", i, rows[i].what);
		assert_int_equal(rig_trail(rig, 0).reason, rows[i].reason);
		assert_string_equal(rig_trail(rig, 0).outcome, "failure");
	}
}

static void a_make_that_policy_does_not_allow_is_refused_by_its_own_code(void **state)
{
	const struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	rig->config.fido.attestation = HC_FIDO_ATTESTED_SELF;
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_MAKER_NOT_VERIFIED);

	rig->config.fido.attestation = HC_FIDO_ATTESTED_NONE;
	rig->config.fido.aaguid_count = 1;
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_MODEL_NOT_ALLOWED);
	assert_int_equal(keys_of(rig, "martin"), 0);
}

static void a_trust_directory_that_cannot_be_read_trusts_nobody(void **state)
{
	const struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;

	rig->log_expected = true;
	rig_person(rig, "martin");
	snprintf(rig->config.fido.trust_dir, sizeof(rig->config.fido.trust_dir), "%s/nowhere", rig->dir.path);
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_MAKER_NOT_VERIFIED);
	assert_non_null(strstr(rig->log, "attestation_trust_dir"));
}

static void a_key_is_stored_with_what_it_said_and_recorded(void **state)
{
	struct making making = MAKING;
	struct rig *rig = *state;
	struct hc_stored_key key;
	struct hc_credential_id id;
	struct desk desk;
	struct reply reply;
	char text[2049];

	rig_person(rig, "martin");
	making.protect = 2;
	desk_begin(&desk, rig, "martin");
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);

	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(reply.row_count, 1);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_LABEL, text), "Blue key");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_FORMAT, text), "none");
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_RP_ID, text), RP);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_OPTIONS, text),
			    "discoverable=false verifies=true");
	reply_text(&reply, 0, HC_FIELD_CREDENTIAL_ID, text);
	OK(hc_credential_id_parse(text, strlen(text), &id));
	OK(hc_store_key_get(rig->authd.store, &id, &key));
	assert_int_equal(key.protect, 2);
	assert_int_equal(key.handle_len, HC_FIDO2_HANDLE_LEN);
	assert_string_equal(key.model, "");
	assert_int_equal(rig_credential(rig, &id).counter, 7);
	assert_string_equal(rig_trail(rig, 0).event, "enroll");
	assert_string_equal(rig_trail(rig, 0).outcome, "success");
	reply_free(&reply);
}

static void the_handle_tells_nothing_and_is_the_same_on_every_key_of_a_person(void **state)
{
	struct rig *rig = *state;
	const uint8_t *view, *again;
	struct desk desk, other;
	size_t len, again_len;

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	desk_begin(&other, rig, "martin");
	OK(hc_msg_bytes(&desk.start, HC_FIELD_USER_HANDLE, &view, &len));
	OK(hc_msg_bytes(&other.start, HC_FIELD_USER_HANDLE, &again, &again_len));

	assert_int_equal(len, HC_FIDO2_HANDLE_LEN);
	assert_int_equal(again_len, len);
	assert_memory_equal(view, again, len);
	assert_null(memmem(view, len, "martin", 6));
	OK(hc_msg_bytes(&desk.start, HC_FIELD_CLIENT_DATA_HASH, &view, &len));
	OK(hc_msg_bytes(&other.start, HC_FIELD_CLIENT_DATA_HASH, &again, &again_len));
	assert_memory_not_equal(view, again, len); /* a challenge is made anew */
	hc_admin_job_free(&desk.job);
	hc_admin_job_free(&other.job);
}

static void what_a_person_has_must_not_be_on_the_key(void **state)
{
	struct making making = MAKING;
	struct rig *rig = *state;
	const uint8_t *view;
	struct reply reply;
	struct desk desk;
	size_t len;

	rig_person(rig, "martin");
	rig_person(rig, "durand");
	desk_begin(&desk, rig, "martin");
	assert_false(hc_msg_has(&desk.start, HC_FIELD_CREDENTIALS));
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	reply_free(&reply);

	desk_begin(&desk, rig, "martin");
	OK(hc_msg_bytes(&desk.start, HC_FIELD_CREDENTIALS, &view, &len));
	assert_int_equal(len, 7);
	assert_memory_equal(view, "\0\5key-1", 7);
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_ALREADY_REGISTERED), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_KEY_ALREADY_REGISTERED);

	desk_begin(&desk, rig, "durand"); /* the same key is another one to him */
	assert_false(hc_msg_has(&desk.start, HC_FIELD_CREDENTIALS));
	/* and if it made the same name again, it would be somebody's */
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_KEY_ALREADY_REGISTERED);
	assert_int_equal(keys_of(rig, "durand"), 0);

	snprintf(rig->config.fido.rp_id, sizeof(rig->config.fido.rp_id), "new.example");
	desk_begin(&desk, rig, "martin"); /* names for another relying party say nothing to the key */
	assert_false(hc_msg_has(&desk.start, HC_FIELD_CREDENTIALS));
	hc_admin_job_free(&desk.job);
}

static void a_person_removed_meanwhile_gets_no_key(void **state)
{
	const struct making making = MAKING;
	struct rig *rig = *state;
	struct hc_msg *request = rig_request(HC_MSG_USER_REMOVE);
	struct reply reply;
	struct desk desk;

	rig_person(rig, "martin");
	desk_begin(&desk, rig, "martin");
	hc_msg_put_text(request, HC_FIELD_LOGIN, "martin");
	reply = rig_admin(rig, &rig->admin, &request);
	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);

	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_NO_SUCH_PERSON);
}

static void a_store_that_fails_keeps_nothing_and_says_so(void **state)
{
	static const char *const functions[] = {"begin", "credential_add", "key_add", "audit_append",
						"commit"};
	const struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;

	rig->log_expected = true;
	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(functions); i++) {
		desk_begin(&desk, rig, "martin");
		broken = functions[i];
		assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
		broken = NULL;
		struct reply reply = desk_end(&desk);

		if (reply.err == HC_OK || reply.row_count != 0 || reply.reason == 0 ||
		    keys_of(rig, "martin") != 0)
			fail_msg("%s: HC-%u", functions[i], reply.reason);
		reply_free(&reply);
	}
	assert_int_equal(rig_trail_len(rig), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_an_rp_id_nobody_is_enrolled_and_the_text_says_where_it_belongs),
		TEST(bad_requests_wait_for_no_key),
		TEST(somebody_with_as_many_credentials_as_one_may_have_touches_no_key),
		TEST(what_was_not_verified_is_not_stored),
		TEST(a_make_that_policy_does_not_allow_is_refused_by_its_own_code),
		TEST(a_trust_directory_that_cannot_be_read_trusts_nobody),
		TEST(a_key_is_stored_with_what_it_said_and_recorded),
		TEST(the_handle_tells_nothing_and_is_the_same_on_every_key_of_a_person),
		TEST(what_a_person_has_must_not_be_on_the_key),
		TEST(a_person_removed_meanwhile_gets_no_key),
		TEST(a_store_that_fails_keeps_nothing_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
