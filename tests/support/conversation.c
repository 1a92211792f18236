/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role: the person at the keyboard, for programs that call PAM under test. State: the caller's
 * script. It must never invent an answer: where the script has none left the conversation fails, so
 * that a test sees a question that it did not expect.
 */
#include "conversation.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void say(const struct test_script *script, const char *kind, const char *text)
{
	if (!script->out)
		return;
	(void)fprintf(script->out, "%s: ", kind);
	for (const char *c = text ? text : ""; *c; c++)
		(void)fputc(*c == '\n' ? '|' : *c, script->out);
	(void)fputc('\n', script->out);
	(void)fflush(script->out);
}

static void hold(unsigned ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left))
		;
}

static int answer(struct test_script *script, const char *text, struct pam_response *response)
{
	say(script, "prompt", text);
	if (!script->answers[script->next])
		return PAM_CONV_ERR;
	hold(script->hold_ms);
	response->resp = strdup(script->answers[script->next++]);
	return response->resp ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int one(struct test_script *script, const struct pam_message *message, struct pam_response *response)
{
	switch (message->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
	case PAM_PROMPT_ECHO_ON:
		return answer(script, message->msg, response);
	case PAM_TEXT_INFO:
		if (!script->drop_info)
			say(script, "info", message->msg);
		return PAM_SUCCESS;
	case PAM_ERROR_MSG:
		if (!script->drop_info)
			say(script, "error", message->msg);
		return PAM_SUCCESS;
	default:
		return PAM_CONV_ERR;
	}
}

int test_converse(int count, const struct pam_message **messages, struct pam_response **responses, void *ctx)
{
	struct pam_response *list;

	if (count < 1 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	list = calloc((size_t)count, sizeof(*list));
	if (!list)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		int code = one(ctx, messages[i], &list[i]);

		if (code == PAM_SUCCESS)
			continue;
		for (int k = 0; k < i; k++)
			free(list[k].resp);
		free(list);
		return code;
	}
	*responses = list;
	return PAM_SUCCESS;
}

const char *test_pam_name(int code)
{
	static char other[24];
	static const struct {
		int code;
		const char *name;
	} names[] = {
		{PAM_SUCCESS, "PAM_SUCCESS"},
		{PAM_IGNORE, "PAM_IGNORE"},
		{PAM_AUTH_ERR, "PAM_AUTH_ERR"},
		{PAM_MAXTRIES, "PAM_MAXTRIES"},
		{PAM_USER_UNKNOWN, "PAM_USER_UNKNOWN"},
		{PAM_AUTHINFO_UNAVAIL, "PAM_AUTHINFO_UNAVAIL"},
		{PAM_CONV_ERR, "PAM_CONV_ERR"},
		{PAM_SERVICE_ERR, "PAM_SERVICE_ERR"},
		{PAM_SYSTEM_ERR, "PAM_SYSTEM_ERR"},
		{PAM_BUF_ERR, "PAM_BUF_ERR"},
		{PAM_ACCT_EXPIRED, "PAM_ACCT_EXPIRED"},
		{PAM_PERM_DENIED, "PAM_PERM_DENIED"},
		{PAM_MODULE_UNKNOWN, "PAM_MODULE_UNKNOWN"},
		{PAM_AUTHTOK_ERR, "PAM_AUTHTOK_ERR"},
		{PAM_ABORT, "PAM_ABORT"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	(void)snprintf(other, sizeof(other), "PAM_%d", code);
	return other;
}
