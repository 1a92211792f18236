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

static struct hc_msg *request_for(const char *login)
{
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_FIDO2);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	return request;
}

/* Up to the key's first word. */
static void begin(struct desk *desk, struct rig *rig, const char *login)
{
	struct hc_msg *request = request_for(login);

	desk_request(desk, rig, &request);
	assert_true(hc_admin_waits(desk->job));
	assert_int_equal(hc_admin_device_helper(desk->job), HC_HELPER_FIDO2);
	desk_start(desk);
	assert_int_equal(number_of(&desk->start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_MAKE);
}

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
		begin(&desk, rig, "martin");
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
	begin(&desk, rig, "martin");
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_MAKER_NOT_VERIFIED);

	rig->config.fido.attestation = HC_FIDO_ATTESTED_NONE;
	rig->config.fido.aaguid_count = 1;
	begin(&desk, rig, "martin");
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
	begin(&desk, rig, "martin");
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
	begin(&desk, rig, "martin");
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
	begin(&desk, rig, "martin");
	begin(&other, rig, "martin");
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
	begin(&desk, rig, "martin");
	assert_false(hc_msg_has(&desk.start, HC_FIELD_CREDENTIALS));
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	reply_free(&reply);

	begin(&desk, rig, "martin");
	OK(hc_msg_bytes(&desk.start, HC_FIELD_CREDENTIALS, &view, &len));
	assert_int_equal(len, 7);
	assert_memory_equal(view, "\0\5key-1", 7);
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_ALREADY_REGISTERED), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_KEY_ALREADY_REGISTERED);

	begin(&desk, rig, "durand"); /* the same key is another one to him */
	assert_false(hc_msg_has(&desk.start, HC_FIELD_CREDENTIALS));
	/* and if it made the same name again, it would be somebody's */
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_KEY_ALREADY_REGISTERED);
	assert_int_equal(keys_of(rig, "durand"), 0);

	snprintf(rig->config.fido.rp_id, sizeof(rig->config.fido.rp_id), "new.example");
	begin(&desk, rig, "martin"); /* names for another relying party say nothing to the key */
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
	begin(&desk, rig, "martin");
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
		begin(&desk, rig, "martin");
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

/* ---- a key without PIN ---- */

static void a_new_key_gets_its_pin_typed_twice_and_then_makes(void **state)
{
	const struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;

	rig_person(rig, "martin");
	begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk.out.type, HC_MSG_INFO);
	assert_non_null(strstr(desk.text, "no PIN yet"));
	desk_start(&desk);
	assert_int_equal(number_of(&desk.start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_SET_PIN);
	assert_int_equal(number_of(&desk.start, HC_FIELD_PIN_MIN), 6);

	hc_msg_init(&desk.said, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_ASK, HC_DEVICE_NEW_PIN);
	hc_msg_put_u32(&desk.said, HC_FIELD_PIN_MIN, 8); /* the key's own, which is more than ours */
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "8 characters"));
	assert_int_equal(number_of(&desk.out, HC_FIELD_STEP_KIND), HC_STEP_SECRET);
	assert_int_equal(desk_answer(&desk, "1234567"), HC_ADMIN_DEVICE_SEND); /* one too few */
	assert_non_null(strstr(desk.text, "HC-248"));
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "once more"));
	assert_int_equal(desk_answer(&desk, "12345679"), HC_ADMIN_DEVICE_SEND); /* a slip of the finger */
	assert_non_null(strstr(desk.text, "HC-270"));
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_SEND);
	assert_null(strstr(desk.text, "12345678"));
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_PASS);
	assert_false(hc_admin_device_asks(desk.job));

	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_START);
	assert_string_equal(rig_trail(rig, 0).event, "key-pin");
	desk_start(&desk);
	assert_int_equal(number_of(&desk.start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_MAKE);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_answer(&desk, "12345678"), HC_ADMIN_DEVICE_PASS);
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.err, HC_OK);
	assert_int_equal(keys_of(rig, "martin"), 1);
	reply_free(&reply);
}

static void what_can_be_no_pin_is_not_asked_for_twice(void **state)
{
	static const char *const rows[] = {
		"", "12345", "\xc3\xa9\xc3\xa9\xc3\xa9", "123456\xff",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		if (desk_answer(&desk, rows[i]) != HC_ADMIN_DEVICE_SEND ||
		    strstr(desk.text, "HC-248") == NULL)
			fail_msg("row %zu: %s", i, desk.text);
	}
	/* The key may find it too simple all the same; a first typing is forgotten then. */
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_PIN_NOT_ACCEPTED),
			 HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "HC-248"));
	assert_int_equal(desk_answer(&desk, "123456"), HC_ADMIN_DEVICE_SEND);
	hc_admin_job_free(&desk.job); /* with a PIN in it, which the sanitizer would miss */
}

static void a_pin_is_set_once_and_never_over_another_one(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	/* Another key lies there now: it asks for the PIN that it has. */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_BREAK);
	hc_admin_device_refused(desk.job, HC_REASON_DEVICE_ERROR);
	desk_refused(&desk, HC_REASON_DEVICE_ERROR);

	begin(&desk, rig, "martin");
	assert_int_equal(desk_ask(&desk, HC_DEVICE_NEW_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_BREAK);
	hc_admin_job_free(&desk.job);

	begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_START);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_DONE);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_fails(&desk, HC_REASON_PIN_NOT_SET), HC_ADMIN_DEVICE_END); /* not in a circle */
	desk_refused(&desk, HC_REASON_PIN_NOT_SET);
}

static void a_key_that_checks_nobody_is_possession_and_that_is_said(void **state)
{
	struct making making = MAKING;
	struct rig *rig = *state;
	struct desk desk;
	struct reply reply;
	char text[2049];

	rig_person(rig, "martin");
	begin(&desk, rig, "martin");
	assert_int_equal(number_of(&desk.start, HC_FIELD_FLAGS) & HC_DEVICE_FLAG_UV, HC_DEVICE_FLAG_UV);
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk.out.type, HC_MSG_INFO);
	assert_non_null(strstr(desk.text, "completes a password"));
	desk_start(&desk);
	assert_int_equal(number_of(&desk.start, HC_FIELD_FLAGS), HC_DEVICE_FLAG_UP | HC_DEVICE_FLAG_PRESENT);
	making.flags = HC_FIDO_UP;
	assert_int_equal(desk_makes(&desk, &making), HC_ADMIN_DEVICE_END);
	reply = desk_end(&desk);
	assert_int_equal(reply.row_count, 1);
	assert_string_equal(reply_text(&reply, 0, HC_FIELD_OPTIONS, text),
			    "discoverable=false verifies=false");
	reply_free(&reply);

	begin(&desk, rig, "martin");
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION), HC_ADMIN_DEVICE_START);
	assert_int_equal(desk_fails(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION), HC_ADMIN_DEVICE_END);
	desk_refused(&desk, HC_REASON_KEY_WITHOUT_VERIFICATION);
}

/* ---- words out of turn, and ends ---- */

static void out_of_turn(struct desk *desk, unsigned row)
{
	static const enum hc_msg_type types[] = {HC_MSG_DEVICE_ITEM, HC_MSG_DEVICE_ASK,	 HC_MSG_DEVICE_ASK,
						 HC_MSG_DEVICE_ASK,  HC_MSG_DEVICE_ASK,	 HC_MSG_DEVICE_WAIT,
						 HC_MSG_DEVICE_WAIT, HC_MSG_DEVICE_WAIT, HC_MSG_RESULT};

	hc_msg_init(&desk->said, types[row]);
	if (row == 2)
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, HC_DEVICE_CHOICE);
	if (row == 3)
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, 99);
	if (row == 4) {
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, HC_DEVICE_NEW_PIN);
		hc_msg_put_u32(&desk->said, HC_FIELD_PIN_MIN, HC_DEVICE_PIN_MAX + 1);
	}
	if (row == 6 || row == 7)
		hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_WAIT, row == 6 ? 0 : HC_DEVICE_PIN_PAD + 1);
}

static void a_helper_out_of_turn_is_broken_off(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (unsigned row = 0; row < 9; row++) {
		begin(&desk, rig, "martin");
		out_of_turn(&desk, row);
		if (desk_hear(&desk) != HC_ADMIN_DEVICE_BREAK)
			fail_msg("row %u", row);
		hc_admin_device_refused(desk.job, HC_REASON_DEVICE_ERROR);
		desk_refused(&desk, HC_REASON_DEVICE_ERROR);
	}
}

static void every_end_without_a_key_is_told_and_recorded(void **state)
{
	static const enum hc_reason reasons[] = {
		HC_REASON_NO_DEVICE,	HC_REASON_PIN_BLOCKED,	       HC_REASON_PIN_BLOCKED_FOR_NOW,
		HC_REASON_TIMED_OUT,	HC_REASON_TOUCH_TIMED_OUT,     HC_REASON_DEVICE_REMOVED,
		HC_REASON_KEY_FULL,	HC_REASON_KEY_LACKS_FEATURE,   HC_REASON_PIN_CHANGE_NEEDED,
		HC_REASON_DEVICE_ERROR, HC_REASON_FINGERPRINT_BLOCKED, HC_REASON_CANCELLED};
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	for (size_t i = 0; i < HC_COUNT(reasons); i++) {
		begin(&desk, rig, "martin");
		assert_int_equal(desk_fails(&desk, reasons[i]), HC_ADMIN_DEVICE_END);
		desk_refused(&desk, reasons[i]);
		assert_int_equal(rig_trail(rig, 0).reason, reasons[i]);
	}
	begin(&desk, rig, "martin"); /* the administrator gave up in the middle of a question */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_PIN, HC_REASON_NONE), HC_ADMIN_DEVICE_SEND);
	hc_admin_device_refused(desk.job, HC_REASON_CANCELLED);
	assert_false(hc_admin_device_asks(desk.job));
	desk_refused(&desk, HC_REASON_CANCELLED);
	assert_int_equal(keys_of(rig, "martin"), 0);
}

static void questions_and_cues_reach_the_administrator(void **state)
{
	struct rig *rig = *state;
	struct desk desk;

	rig_person(rig, "martin");
	begin(&desk, rig, "martin");
	hc_msg_init(&desk.said, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN);
	hc_msg_put_u32(&desk.said, HC_FIELD_TRIES_LEFT, 2);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_SEND);
	assert_non_null(strstr(desk.text, "2"));
	assert_int_equal(desk_answer(&desk, "1234"),
			 HC_ADMIN_DEVICE_PASS); /* short: it is the key's to say so */
	assert_int_equal(desk_ask(&desk, HC_DEVICE_CONFIRM_LAST_TRY, HC_REASON_WRONG_PIN),
			 HC_ADMIN_DEVICE_SEND);
	assert_int_equal(number_of(&desk.out, HC_FIELD_STEP_KIND), HC_STEP_VISIBLE);
	assert_int_equal(desk_answer(&desk, "yes"), HC_ADMIN_DEVICE_PASS);
	hc_msg_init(&desk.said, HC_MSG_DEVICE_WAIT);
	hc_msg_put_u32(&desk.said, HC_FIELD_DEVICE_WAIT, HC_DEVICE_TOUCH);
	assert_int_equal(desk_hear(&desk), HC_ADMIN_DEVICE_SEND);
	assert_int_equal(desk.out.type, HC_MSG_INFO);
	hc_admin_job_free(&desk.job);
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
		TEST(a_new_key_gets_its_pin_typed_twice_and_then_makes),
		TEST(what_can_be_no_pin_is_not_asked_for_twice),
		TEST(a_pin_is_set_once_and_never_over_another_one),
		TEST(a_key_that_checks_nobody_is_possession_and_that_is_said),
		TEST(a_helper_out_of_turn_is_broken_off),
		TEST(every_end_without_a_key_is_told_and_recorded),
		TEST(questions_and_cues_reach_the_administrator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
