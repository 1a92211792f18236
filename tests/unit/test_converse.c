/* SPDX-License-Identifier: Apache-2.0 */
#include "converse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"

/* How the host of the test behaves, and what it saw. */
struct host {
	bool no_item, no_function;
	int code;
	const char *answer; /* NULL: none */
	bool no_reply;
	int calls, count, style;
	char shown[2 * PAM_MAX_MSG_SIZE];
};

static struct host host;

/* libpam's type is opaque, and its only function that we call here is ours. */
static int opaque;

static pam_handle_t *handle(void)
{
	void *any = &opaque;

	return any;
}

static int answer(int count, const struct pam_message **messages, struct pam_response **replies, void *ctx)
{
	struct host *self = ctx;

	self->calls++;
	self->count = count;
	self->style = messages[0]->msg_style;
	(void)snprintf(self->shown, sizeof(self->shown), "%s", messages[0]->msg);
	if (!self->no_reply) {
		*replies = calloc(1, sizeof(**replies));
		assert_non_null(*replies);
		if (self->answer != NULL)
			(*replies)->resp = strdup(self->answer);
	}
	return self->code;
}

int __wrap_pam_get_item(const pam_handle_t *pamh, int item, const void **ret_item);
int __wrap_pam_get_item(const pam_handle_t *pamh, int item, const void **ret_item)
{
	static struct pam_conv conv;

	(void)pamh;
	assert_int_equal(item, PAM_CONV);
	if (host.no_item)
		return PAM_BAD_ITEM;
	conv = (struct pam_conv){.conv = host.no_function ? NULL : answer, .appdata_ptr = &host};
	*ret_item = &conv;
	return PAM_SUCCESS;
}

static enum hc_err ask(const char *text, struct hc_secret **ret_answer)
{
	return hc_converse_ask(handle(), HC_STEP_SECRET, text, ret_answer);
}

static char long_answer[HC_ANSWER_MAX + 2];

static const struct {
	const char *what;
	struct host host;
	enum hc_err err;
} failures[] = {
	{"no conversation on the handle", {.no_item = true}, HC_ERR_AWAY},
	{"a conversation without a function", {.no_function = true}, HC_ERR_AWAY},
	{"fails", {.code = PAM_CONV_ERR, .no_reply = true}, HC_ERR_IO},
	{"fails and leaves an answer", {.code = PAM_CONV_ERR, .answer = "123456"}, HC_ERR_IO},
	{"asks to be called again", {.code = PAM_CONV_AGAIN, .no_reply = true}, HC_ERR_IO},
	{"returns no code of PAM", {.code = 0x7fffffff, .answer = "123456"}, HC_ERR_IO},
	{"returns a negative code", {.code = -1, .answer = "123456"}, HC_ERR_IO},
	{"succeeds without a reply", {.no_reply = true}, HC_ERR_IO},
	{"succeeds without an answer", {.answer = NULL}, HC_ERR_IO},
	{"answers too much", {.answer = long_answer}, HC_ERR_TOOBIG},
};

static void a_host_that_misbehaves_gives_no_answer(void **state)
{
	(void)state;
	memset(long_answer, '1', HC_ANSWER_MAX + 1);
	for (size_t i = 0; i < HC_COUNT(failures); i++) {
		struct hc_secret *got = NULL;
		enum hc_err err;

		host = failures[i].host;
		err = ask("Code : ", &got);
		if (err != failures[i].err || got != NULL)
			fail_msg("row %zu (%s): %s", i, failures[i].what, hc_strerror(err));
	}
}

static void an_answer_is_handed_over_as_a_secret(void **state)
{
	struct hc_secret *got = NULL;

	(void)state;
	host = (struct host){.answer = "12 34 56"};
	assert_int_equal(ask("Code : ", &got), HC_OK);

	assert_int_equal(hc_secret_len(got), 8);
	assert_memory_equal(hc_secret_data(got), "12 34 56", 8);
	assert_int_equal(host.style, PAM_PROMPT_ECHO_OFF);
	assert_int_equal(host.count, 1);
	hc_secret_free(&got);
}

static void the_longest_and_the_empty_answer_are_answers(void **state)
{
	struct hc_secret *got = NULL;

	(void)state;
	host = (struct host){.answer = ""};
	assert_int_equal(ask("Code : ", &got), HC_OK);
	assert_int_equal(hc_secret_len(got), 0);
	hc_secret_free(&got);

	host = (struct host){.answer = long_answer};
	memset(long_answer, '1', HC_ANSWER_MAX);
	long_answer[HC_ANSWER_MAX] = '\0';
	assert_int_equal(ask("Code : ", &got), HC_OK);
	assert_int_equal(hc_secret_len(got), HC_ANSWER_MAX);
	hc_secret_free(&got);
}

static void a_visible_question_is_echoed(void **state)
{
	struct hc_secret *got = NULL;

	(void)state;
	host = (struct host){.answer = "2"};
	assert_int_equal(hc_converse_ask(handle(), HC_STEP_VISIBLE, "Choix : ", &got), HC_OK);
	assert_int_equal(host.style, PAM_PROMPT_ECHO_ON);
	hc_secret_free(&got);
}

static void messages_have_their_style_and_need_no_reply(void **state)
{
	(void)state;
	host = (struct host){.no_reply = true};
	hc_converse_inform(handle(), "Touchez la clé.");
	assert_int_equal(host.style, PAM_TEXT_INFO);
	assert_string_equal(host.shown, "Touchez la clé.");

	hc_converse_complain(handle(), "Code incorrect.");
	assert_int_equal(host.style, PAM_ERROR_MSG);
	assert_int_equal(host.calls, 2);
}

static void a_reply_that_nobody_asked_for_is_freed(void **state)
{
	(void)state;
	host = (struct host){.answer = "1234"};
	hc_converse_inform(handle(), "Touchez la clé."); /* the sanitizer's build reports what is left */
	assert_int_equal(host.calls, 1);
}

static void an_empty_message_is_not_shown(void **state)
{
	(void)state;
	host = (struct host){.no_reply = true};
	hc_converse_inform(handle(), "");
	hc_converse_complain(handle(), "");
	assert_int_equal(host.calls, 0);
}

static const struct {
	const char *text;
	const char *shown;
} screens[] = {
	{"Code incorrect.\nCode : ", "Code incorrect.\nCode : "},
	{"é ’ « code » : ", "é ’ « code » : "},
	{"\x1b[2Jroot", "?[2Jroot"},
	{"a\rb\tc\x7f", "a?b?c?"},
	{"\xc2\x9b"
	 "31m",
	 "??31m"},
	{"\xc2\xa0:", "\xc2\xa0:"},
};

static void control_characters_do_not_reach_the_screen(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(screens); i++) {
		host = (struct host){.no_reply = true};
		hc_converse_inform(handle(), screens[i].text);
		if (strcmp(host.shown, screens[i].shown) != 0)
			fail_msg("row %zu: \"%s\"", i, host.shown);
	}
}

static void a_long_text_is_cut_at_a_whole_character(void **state)
{
	char text[2 * PAM_MAX_MSG_SIZE];

	(void)state;
	for (size_t pad = 0; pad < 3; pad++) {
		size_t len;

		memset(text, 'x', pad);
		for (size_t i = pad; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x80\x99", 4);
		host = (struct host){.no_reply = true};
		hc_converse_inform(handle(), text);

		len = strlen(host.shown);
		assert_true(len < PAM_MAX_MSG_SIZE && len > PAM_MAX_MSG_SIZE - 4);
		assert_int_equal((len - pad) % 3, 0);
		assert_memory_equal(host.shown, text, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_misbehaves_gives_no_answer),
		cmocka_unit_test(an_answer_is_handed_over_as_a_secret),
		cmocka_unit_test(the_longest_and_the_empty_answer_are_answers),
		cmocka_unit_test(a_visible_question_is_echoed),
		cmocka_unit_test(messages_have_their_style_and_need_no_reply),
		cmocka_unit_test(a_reply_that_nobody_asked_for_is_freed),
		cmocka_unit_test(an_empty_message_is_not_shown),
		cmocka_unit_test(control_characters_do_not_reach_the_screen),
		cmocka_unit_test(a_long_text_is_cut_at_a_whole_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
