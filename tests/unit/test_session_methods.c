/* SPDX-License-Identifier: Apache-2.0 */
/* What a conversation does with several kinds of devices, and with what a kind wants to know or say beside its answer. */
#include "session_device_support.h"

/* Two kinds that do as the test says, and note what they were given. */
static struct script {
	enum hc_reason objection;
	char objected[64];	  /* the only PIN that is objected to */
	enum hc_reason unwelcome; /* of cards that ask for something */
	unsigned right, wrong;
	char pin[64];	     /* of the last pin_was */
	enum hc_err consult; /* HC_ERR_STATE: nothing is needed */
	unsigned verified, with_more;
} script;

static enum hc_err ask_one(const struct hc_authd *authd, const struct hc_device_wish *wish,
			   struct hc_msg *start, struct hc_device_challenge *ret_challenge)
{
	(void)authd;
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, (uint32_t)wish->timeout_s);
	hc_msg_put_u32(start, HC_FIELD_FLAGS, wish->present ? HC_DEVICE_FLAG_PRESENT : 0);
	*ret_challenge = (struct hc_device_challenge){.open = true};
	return HC_OK;
}

static enum hc_err whose(const struct hc_authd *authd, const struct hc_device_answer *answer,
			 struct hc_person *ret_person, enum hc_reason *ret_reason)
{
	struct hc_login login;

	assert_null(answer->more);
	*ret_reason = HC_REASON_CARD_UNKNOWN;
	OK(hc_login_parse("martin", 6, &login));
	return hc_store_person_by_login(authd->store, &login, ret_person);
}

static void verify(const struct hc_authd *authd, const struct hc_person *person, const void *ctx,
		   struct hc_factor_outcome *ret_outcome)
{
	const struct hc_device_answer *answer = ctx;

	(void)authd;
	(void)person;
	assert_true(answer->challenge->open);
	assert_int_equal(answer->done->type, HC_MSG_DEVICE_DONE);
	script.verified++;
	script.with_more += answer->more != NULL;
	*ret_outcome = (struct hc_factor_outcome){.result = HC_FACTOR_VERIFIED, .person_verified = true};
}

static enum hc_err consult(const struct hc_authd *authd, const struct hc_device_answer *answer,
			   struct hc_msg *start, enum hc_device_helper *ret_helper)
{
	(void)authd;
	(void)answer;
	if (script.consult != HC_OK)
		return script.consult;
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, 4);
	*ret_helper = HC_HELPER_OCSP;
	return HC_OK;
}

static enum hc_reason turn_away(const struct hc_authd *authd, const struct hc_hello *hello,
				const struct hc_msg *said, char detail[HC_DEVICE_DETAIL_MAX])
{
	(void)authd;
	(void)hello;
	if (said->type != HC_MSG_DEVICE_ASK || script.unwelcome == HC_REASON_NONE)
		return HC_REASON_NONE;
	snprintf(detail, HC_DEVICE_DETAIL_MAX, "card=26");
	return script.unwelcome;
}

static enum hc_reason object(const struct hc_authd *authd, const struct hc_msg *asked,
			     const struct hc_secret *pin)
{
	(void)authd;
	assert_int_equal(asked->type, HC_MSG_DEVICE_ASK);
	return hc_secret_len(pin) == strlen(script.objected) &&
			       memcmp(hc_secret_data(pin), script.objected, hc_secret_len(pin)) == 0
		       ? script.objection
		       : HC_REASON_NONE;
}

static void was(const struct hc_authd *authd, const struct hc_msg *asked, const struct hc_secret *pin,
		bool right)
{
	(void)authd;
	assert_int_equal(asked->type, HC_MSG_DEVICE_ASK);
	script.right += right;
	script.wrong += !right;
	memset(script.pin, 0, sizeof(script.pin));
	memcpy(script.pin, hc_secret_data(pin), hc_secret_len(pin));
}

static bool never_typed(const struct hc_secret *answer)
{
	(void)answer;
	return false;
}

static const struct hc_factor_ops CARD_FACTOR = {
	.name = "cps", .factor = HC_FACTOR_FIDO2, .method = HC_METHOD_CPS, .matches = never_typed};
static const struct hc_device_method KEY = {.factor = &hc_factor_fido2,
					    .helper = HC_HELPER_FIDO2,
					    .ask = ask_one,
					    .who = whose,
					    .verify = verify,
					    .consult = consult,
					    .objection = object,
					    .pin_was = was};
static const struct hc_device_method CARD = {.factor = &CARD_FACTOR,
					     .helper = HC_HELPER_PKCS11,
					     .ask = ask_one,
					     .who = whose,
					     .verify = verify,
					     .unwelcome = turn_away};
static const struct hc_device_method *const METHODS[] = {&KEY, &CARD, NULL};
static const struct hc_session_devices SCRIPTED = {link_start, link_answer, link_drop, METHODS};

static int setup_scripted(void **state)
{
	struct rig *rig;
	struct key key;

	if (setup(state) != 0)
		return -1;
	rig = *state;
	rig->devices = &SCRIPTED;
	rig->authd.device_methods = HC_METHOD_DEVICES;
	script = (struct script){.consult = HC_ERR_STATE};
	rig_person(rig, "martin");
	enroll(rig, "martin", 1, &key);
	return 0;
}

/* Both kinds are waited for: nobody is named, and Enter was pressed. */
static void wait_for_both(struct rig *rig, struct talk *talk, struct link *link)
{
	const struct rig_hello nobody = {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .tty = ":0"};

	begin_with(rig, talk, link, &nobody);
	say(talk, HC_MSG_DEVICE_FAILED, HC_FIELD_REASON, 0, HC_REASON_NO_DEVICE, 0);
	say_as(talk, HC_HELPER_PKCS11, HC_MSG_DEVICE_FAILED, HC_FIELD_REASON, 0, HC_REASON_NO_DEVICE, 0);
	assert_int_equal(talk->step_kind, HC_STEP_LOGIN);
	rig_answer(talk, "");
	assert_int_equal(link->started[HC_HELPER_FIDO2], 2);
	assert_int_equal(link->started[HC_HELPER_PKCS11], 2);
	assert_int_equal(link->drops, 0);
}

static void fail_as(struct talk *talk, enum hc_device_helper helper, enum hc_reason reason)
{
	say_as(talk, helper, HC_MSG_DEVICE_FAILED, HC_FIELD_REASON, 0, reason, 0);
}

static void wait_as(struct talk *talk, enum hc_device_helper helper, enum hc_device_wait wait)
{
	say_as(talk, helper, HC_MSG_DEVICE_WAIT, HC_FIELD_DEVICE_WAIT, wait, HC_REASON_NONE, 0);
}

static void the_first_that_finds_its_device_goes_on_and_the_other_is_let_go(void **state)
{
	static const struct {
		enum hc_device_helper helper;
		enum hc_device_wait wait; /* 0: it asks for a PIN */
	} rows[] = {{HC_HELPER_FIDO2, 0},
		    {HC_HELPER_PKCS11, 0},
		    {HC_HELPER_FIDO2, HC_DEVICE_TOUCH},
		    {HC_HELPER_FIDO2, HC_DEVICE_FINGER},
		    {HC_HELPER_PKCS11, HC_DEVICE_PIN_PAD}};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_device_helper other =
			rows[i].helper == HC_HELPER_FIDO2 ? HC_HELPER_PKCS11 : HC_HELPER_FIDO2;

		wait_for_both(rig, &talk, &link);
		wait_as(&talk, HC_HELPER_FIDO2, HC_DEVICE_INSERT);
		wait_as(&talk, HC_HELPER_PKCS11, HC_DEVICE_INSERT);
		if (rows[i].wait != 0)
			wait_as(&talk, rows[i].helper, rows[i].wait);
		else
			say_as(&talk, rows[i].helper, HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN,
			       HC_REASON_NONE, 0);
		if (link.dropped[other] != 1 || link.dropped[rows[i].helper] != 0)
			fail_msg("row %zu", i);
		fail_as(&talk, other, HC_REASON_PIN_BLOCKED); /* nobody listens to it any more */
		assert_int_equal(talk.results, 0);
		fail_as(&talk, rows[i].helper, HC_REASON_DEVICE_REMOVED);
		assert_end(&talk, HC_DENY, HC_REASON_DEVICE_REMOVED);
		rig_end(&talk);
	}
}

static void a_pin_goes_to_the_device_that_asked(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	wait_for_both(rig, &talk, &link);
	say_as(&talk, HC_HELPER_PKCS11, HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN, HC_REASON_NONE,
	       0);
	assert_string_equal(talk.prompt, "PIN of your card: ");
	rig_answer(&talk, "1234");
	assert_int_equal(link.answered[HC_HELPER_PKCS11], 1);
	assert_int_equal(link.answered[HC_HELPER_FIDO2], 0);
	rig_end(&talk);
}

static void who_still_looks_has_not_found_anything(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;
	int64_t deadline_ms;

	wait_for_both(rig, &talk, &link);
	wait_as(&talk, HC_HELPER_PKCS11, HC_DEVICE_INSERT);
	assert_string_equal(talk.info, "Insert your card or plug in your security key.");
	deadline_ms = hc_session_deadline_ms(talk.session);
	wait_as(&talk, HC_HELPER_FIDO2, HC_DEVICE_WORKING);
	assert_int_equal(link.drops, 0);
	assert_int_equal(hc_session_deadline_ms(talk.session), deadline_ms);
	hc_session_timeout(talk.session);
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_NO_DEVICE);
	assert_int_equal(link.drops, 2);
	rig_end(&talk);
}

static void the_more_useful_of_two_reasons_is_told(void **state)
{
	static const struct {
		enum hc_reason key, card, told;
		enum hc_verdict verdict;
	} rows[] = {
		{HC_REASON_NO_DEVICE, HC_REASON_NO_DEVICE, HC_REASON_NO_DEVICE, HC_DENY_UNAVAILABLE},
		{HC_REASON_NO_DEVICE, HC_REASON_READER_ERROR, HC_REASON_READER_ERROR, HC_DENY_UNAVAILABLE},
		{HC_REASON_DEVICE_ERROR, HC_REASON_NO_DEVICE, HC_REASON_DEVICE_ERROR, HC_DENY_UNAVAILABLE},
		{HC_REASON_MODULE_ERROR, HC_REASON_CARD_UNKNOWN, HC_REASON_CARD_UNKNOWN, HC_DENY},
		{HC_REASON_KEY_NOT_REGISTERED, HC_REASON_NO_DEVICE, HC_REASON_KEY_NOT_REGISTERED, HC_DENY},
		{HC_REASON_PIN_BLOCKED, HC_REASON_MODULE_ERROR, HC_REASON_PIN_BLOCKED, HC_DENY},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	for (size_t i = 0; i < 2 * HC_COUNT(rows); i++) {
		bool card_first = i % 2 == 1;

		wait_for_both(rig, &talk, &link);
		fail_as(&talk, card_first ? HC_HELPER_PKCS11 : HC_HELPER_FIDO2,
			card_first ? rows[i / 2].card : rows[i / 2].key);
		assert_int_equal(talk.results, 0); /* the other is still waited for */
		assert_int_equal(hc_session_state(talk.session), HC_SESSION_DEVICE);
		fail_as(&talk, card_first ? HC_HELPER_FIDO2 : HC_HELPER_PKCS11,
			card_first ? rows[i / 2].key : rows[i / 2].card);
		if (talk.reason != rows[i / 2].told || talk.verdict != rows[i / 2].verdict)
			fail_msg("row %zu: %u", i, talk.reason);
		rig_end(&talk);
	}
}

static void what_is_wrong_with_one_is_told_while_the_other_is_waited_for(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	for (int card_first = 0; card_first < 2; card_first++) {
		wait_for_both(rig, &talk, &link);
		if (card_first)
			fail_as(&talk, HC_HELPER_PKCS11, HC_REASON_CARD_UNKNOWN);
		wait_as(&talk, HC_HELPER_FIDO2, HC_DEVICE_INSERT);
		if (!card_first)
			fail_as(&talk, HC_HELPER_PKCS11, HC_REASON_CARD_UNKNOWN);
		assert_non_null(strstr(talk.info, "HC-250"));
		assert_non_null(strstr(talk.info, "Plug in your security key"));
		assert_int_equal(talk.infos, 2 - card_first);
		assert_int_equal(hc_session_state(talk.session), HC_SESSION_DEVICE);
		wait_as(&talk, HC_HELPER_FIDO2, HC_DEVICE_INSERT);
		assert_int_equal(talk.infos, 2 - card_first); /* once */
		rig_end(&talk);
	}
}

static void ask_as_card(struct talk *talk)
{
	say_as(talk, HC_HELPER_PKCS11, HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN, HC_REASON_NONE,
	       0);
}

static void a_device_that_serves_nobody_here_is_asked_for_nothing(void **state)
{
	const struct rig_hello nobody = {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .tty = ":0"};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	script.unwelcome = HC_REASON_CARD_OF_SOMEBODY_ELSE;
	wait_for_both(rig, &talk, &link);
	wait_as(&talk, HC_HELPER_FIDO2, HC_DEVICE_INSERT);
	ask_as_card(&talk);
	assert_int_equal(link.dropped[HC_HELPER_PKCS11], 1);
	assert_int_equal(link.dropped[HC_HELPER_FIDO2], 0);
	assert_int_equal(talk.steps, 1); /* the login, long ago */
	assert_non_null(strstr(talk.info, "HC-260"));
	fail_with(&talk, HC_REASON_NO_DEVICE);
	assert_end(&talk, HC_DENY, HC_REASON_CARD_OF_SOMEBODY_ELSE);
	assert_string_equal(rig_trail(rig, 0).detail, "card=26");
	assert_string_equal(rig_trail(rig, 0).factor, "cps");
	rig_end(&talk);

	/* Where nobody was named it leads to the question for a login. */
	script.unwelcome = HC_REASON_CARD_UNKNOWN;
	begin_with(rig, &talk, &link, &nobody);
	fail_with(&talk, HC_REASON_NO_DEVICE);
	ask_as_card(&talk);
	assert_int_equal(talk.step_kind, HC_STEP_LOGIN);
	assert_non_null(strstr(talk.prompt, "HC-250"));
	rig_end(&talk);
}

static void a_device_that_was_turned_away_is_recorded_where_a_code_will_do(void **state)
{
	struct rig *rig = *state;
	struct hc_credential card = {
		.type = HC_CREDENTIAL_CPS, .state = HC_CREDENTIAL_ACTIVE, .last_step = -1};
	struct link link;
	struct talk talk;

	card.person_id = rig_person(rig, "durand").id;
	snprintf(card.id.text, sizeof(card.id.text), "cardcard0001");
	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_credential_add(rig->authd.store, &card));
	OK(hc_tx_commit(&rig->authd));
	(void)rig_totp(rig, "durand", RIG_SEED, 6);
	script.unwelcome = HC_REASON_CARD_OF_SOMEBODY_ELSE;
	begin(rig, "durand", HC_MODE_SECOND_FACTOR, &talk, &link);
	ask_as_card(&talk);
	assert_int_equal(talk.results, 0);
	assert_non_null(strstr(talk.prompt, "HC-260"));
	assert_int_equal(rig_trail(rig, 0).reason, HC_REASON_CARD_OF_SOMEBODY_ELSE);
	assert_string_equal(rig_trail(rig, 0).outcome, "failure");
	rig_end(&talk);
}

static void a_kind_that_cannot_be_started_leaves_the_other(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	wait_for_both(rig, &talk, &link);
	rig_end(&talk);
	rig->authd.device_methods = HC_METHOD_CPS;
	const struct rig_hello nobody = {.mode = HC_MODE_PRIMARY, .service = "gdm-password", .tty = ":0"};

	begin_with(rig, &talk, &link, &nobody);
	assert_int_equal(link.started[HC_HELPER_FIDO2], 0);
	fail_as(&talk, HC_HELPER_PKCS11, HC_REASON_NO_DEVICE);
	assert_string_equal(talk.prompt, "Insert your card and press Enter, or type your login: ");
	rig_end(&talk);
}

/* ---- PINs ---- */

static void begin_pin(struct rig *rig, struct talk *talk, struct link *link)
{
	begin(rig, "martin", HC_MODE_PRIMARY, talk, link);
	ask(talk, HC_DEVICE_PIN, HC_REASON_NONE, 2);
}

static void a_pin_that_the_method_objects_to_never_reaches_the_device(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	script.objection = HC_REASON_PIN_NOT_ACCEPTED;
	snprintf(script.objected, sizeof(script.objected), "password");
	begin_pin(rig, &talk, &link);
	rig_answer(&talk, "password");
	assert_int_equal(link.answers, 0);
	assert_int_equal(talk.steps, 2);
	assert_non_null(strstr(talk.prompt, "HC-248"));
	assert_non_null(strstr(talk.prompt, "2 tries are left.\nPIN of your key: "));
	assert_int_equal(hc_session_state(talk.session), HC_SESSION_ASKING);
	rig_answer(&talk, "1234");
	assert_string_equal(link.answer, "1234");
	assert_int_equal(script.right + script.wrong, 0); /* not known yet */
	rig_end(&talk);
}

static void objections_have_an_end(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	script.objection = HC_REASON_PIN_NOT_ACCEPTED;
	begin_pin(rig, &talk, &link);
	for (int i = 0; i < 100 && talk.results == 0; i++)
		rig_answer(&talk, "");
	assert_end(&talk, HC_DENY_UNAVAILABLE, HC_REASON_DEVICE_ERROR);
	assert_int_equal(link.answers, 0);
	rig_end(&talk);
}

static void the_method_learns_what_became_of_a_pin(void **state)
{
	static const struct {
		enum hc_msg_type type;
		uint32_t value;
		enum hc_reason reason;
		unsigned right, wrong;
	} rows[] = {
		{HC_MSG_DEVICE_ASK, HC_DEVICE_PIN, HC_REASON_WRONG_PIN, 0, 1},
		{HC_MSG_DEVICE_ASK, HC_DEVICE_CONFIRM_LAST_TRY, HC_REASON_WRONG_PIN, 0, 1},
		{HC_MSG_DEVICE_ASK, HC_DEVICE_PIN, HC_REASON_PIN_NOT_ACCEPTED, 0, 0},
		{HC_MSG_DEVICE_ASK, HC_DEVICE_PIN, HC_REASON_NONE, 0, 0},
		{HC_MSG_DEVICE_FAILED, 0, HC_REASON_PIN_BLOCKED, 0, 1},
		{HC_MSG_DEVICE_FAILED, 0, HC_REASON_WRONG_PIN, 0, 1},
		{HC_MSG_DEVICE_FAILED, 0, HC_REASON_TOO_MANY_TRIES, 0, 1},
		{HC_MSG_DEVICE_FAILED, 0, HC_REASON_DEVICE_REMOVED, 0, 0},
		{HC_MSG_DEVICE_FAILED, 0, HC_REASON_MODULE_ERROR, 0, 0},
		{HC_MSG_DEVICE_WAIT, HC_DEVICE_WORKING, HC_REASON_NONE, 1, 0},
		/* a cue for a touch may come before the key has looked at the PIN */
		{HC_MSG_DEVICE_WAIT, HC_DEVICE_TOUCH, HC_REASON_NONE, 0, 0},
		{HC_MSG_DEVICE_DONE, 0, HC_REASON_NONE, 1, 0},
	};
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_field field = rows[i].type == HC_MSG_DEVICE_ASK	   ? HC_FIELD_DEVICE_ASK
				      : rows[i].type == HC_MSG_DEVICE_WAIT ? HC_FIELD_DEVICE_WAIT
									   : HC_FIELD_REASON;

		script.right = script.wrong = 0;
		begin_pin(rig, &talk, &link);
		rig_answer(&talk, "4711");
		say(&talk, rows[i].type, field, rows[i].value, rows[i].reason, 0);
		if (script.right != rows[i].right || script.wrong != rows[i].wrong ||
		    (script.right + script.wrong > 0 && strcmp(script.pin, "4711") != 0))
			fail_msg("row %zu: %u %u %s", i, script.right, script.wrong, script.pin);
		hc_session_closed(talk.session);
		if (script.right + script.wrong > rows[i].right + rows[i].wrong)
			fail_msg("row %zu: told twice", i);
		rig_end(&talk);
	}
}

/* ---- a word from elsewhere ---- */

static void give_answer(struct talk *talk)
{
	say(talk, HC_MSG_DEVICE_DONE, HC_FIELD_REASON, 0, HC_REASON_NONE, 0);
}

static void nothing_is_judged_before_the_word_from_elsewhere_is_there(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	script.consult = HC_OK;
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	give_answer(&talk);
	assert_int_equal(link.started[HC_HELPER_OCSP], 1);
	assert_int_equal(talk.results, 0);
	assert_int_equal(script.verified, 0);
	assert_int_equal(hc_session_state(talk.session), HC_SESSION_DEVICE);
	assert_int_equal(hc_session_deadline_ms(talk.session), hc_mono_ms(rig->authd.clock) + 4000);
	give_answer(&talk); /* the device has said its last word */
	assert_int_equal(talk.results, 0);
	wait_as(&talk, HC_HELPER_OCSP, HC_DEVICE_WORKING);
	assert_int_equal(talk.results, 0);
	say_as(&talk, HC_HELPER_OCSP, HC_MSG_DEVICE_DONE, HC_FIELD_REASON, 0, HC_REASON_NONE, 0);
	assert_end(&talk, HC_ALLOW, HC_REASON_NONE);
	assert_int_equal(script.with_more, 1);
	assert_int_equal(link.drops, 0);
	rig_end(&talk);
}

static void without_that_word_the_method_decides(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	for (int row = 0; row < 5; row++) {
		unsigned drops = row == 1 || row == 2 ? 1 : 0;

		script = (struct script){.consult = row == 3 ? HC_ERR_STATE : HC_OK};
		begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
		if (row == 4)
			link.refuses = HC_ERR_FULL;
		give_answer(&talk);
		if (row == 0)
			fail_as(&talk, HC_HELPER_OCSP, HC_REASON_DEVICE_ERROR);
		else if (row == 1)
			hc_session_timeout(talk.session);
		else if (row == 2)
			say_as(&talk, HC_HELPER_OCSP, HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, HC_DEVICE_PIN,
			       HC_REASON_NONE, 0);
		if (talk.results != 1 || talk.verdict != HC_ALLOW || script.verified != 1 ||
		    script.with_more != 0 || link.dropped[HC_HELPER_OCSP] != drops)
			fail_msg("row %d: %u %u %u", row, talk.results, talk.verdict, script.verified);
		rig_end(&talk);
	}
}

static void who_leaves_meanwhile_is_not_judged(void **state)
{
	struct rig *rig = *state;
	struct link link;
	struct talk talk;

	script.consult = HC_OK;
	begin(rig, "martin", HC_MODE_PRIMARY, &talk, &link);
	give_answer(&talk);
	OK(rig_message(&talk, HC_MSG_CANCEL));
	assert_end(&talk, HC_DENY, HC_REASON_CANCELLED);
	assert_int_equal(link.dropped[HC_HELPER_OCSP], 1);
	say_as(&talk, HC_HELPER_OCSP, HC_MSG_DEVICE_DONE, HC_FIELD_REASON, 0, HC_REASON_NONE, 0);
	assert_int_equal(script.verified, 0);
	rig_end(&talk);
}

#define SCRIPTED_TEST(name) cmocka_unit_test_setup_teardown(name, setup_scripted, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPTED_TEST(a_pin_that_the_method_objects_to_never_reaches_the_device),
		SCRIPTED_TEST(objections_have_an_end),
		SCRIPTED_TEST(the_method_learns_what_became_of_a_pin),
		SCRIPTED_TEST(the_first_that_finds_its_device_goes_on_and_the_other_is_let_go),
		SCRIPTED_TEST(a_pin_goes_to_the_device_that_asked),
		SCRIPTED_TEST(who_still_looks_has_not_found_anything),
		SCRIPTED_TEST(the_more_useful_of_two_reasons_is_told),
		SCRIPTED_TEST(what_is_wrong_with_one_is_told_while_the_other_is_waited_for),
		SCRIPTED_TEST(a_device_that_serves_nobody_here_is_asked_for_nothing),
		SCRIPTED_TEST(a_device_that_was_turned_away_is_recorded_where_a_code_will_do),
		SCRIPTED_TEST(a_kind_that_cannot_be_started_leaves_the_other),
		SCRIPTED_TEST(nothing_is_judged_before_the_word_from_elsewhere_is_there),
		SCRIPTED_TEST(without_that_word_the_method_decides),
		SCRIPTED_TEST(who_leaves_meanwhile_is_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
