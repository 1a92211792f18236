/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct scripted_line part_allow[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},	   {SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code de vérification : "},
	{SCRIPTED_ANSWER, 0, 0, "123456"}, {SCRIPTED_RESULT, HC_ALLOW, HC_REASON_NONE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
const struct scripted_line part_allow_now[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_ALLOW, HC_REASON_NONE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
const struct scripted_line part_deny[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code de vérification : "},
	{SCRIPTED_ANSWER, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, "Code incorrect. (HC-201)"},
	{SCRIPTED_END, 0, 0, NULL},
};
const struct scripted_line part_decline[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY_UNAVAILABLE, HC_REASON_LOGIN_NEEDED, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
const char *const right_code[] = {"123456", NULL};

int host_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static char *answer_of(struct host *host)
{
	switch (host->manner) {
	case HOST_TOO_LONG: {
		char *text = malloc(601);

		assert_non_null(text);
		memset(text, '1', 600);
		text[600] = '\0';
		return text;
	}
	case HOST_FAILS_ANSWERING:
	case HOST_GARBAGE:
		return strdup("123456");
	case HOST_ANSWERS:
		if (host->answers[host->answered] != NULL)
			return strdup(host->answers[host->answered++]);
		return NULL;
	case HOST_FAILS:
	case HOST_NO_REPLY:
	case HOST_NO_TEXT:
		break;
	}
	return NULL;
}

static int code_of(const struct host *host, bool question, const char *answer)
{
	switch (host->manner) {
	case HOST_FAILS:
	case HOST_FAILS_ANSWERING:
		return PAM_CONV_ERR;
	case HOST_GARBAGE:
		return 12345;
	case HOST_ANSWERS:
		return question && answer == NULL ? PAM_CONV_ERR : PAM_SUCCESS;
	case HOST_NO_REPLY:
	case HOST_NO_TEXT:
	case HOST_TOO_LONG:
		break;
	}
	return PAM_SUCCESS;
}

static void keep(struct host *host, const struct pam_message *message)
{
	struct host_shown *shown = &host->shown[host->shown_count];

	assert_true(host->shown_count < HOST_SHOWN_MAX);
	host->shown_count++;
	shown->style = message->msg_style;
	assert_true(strlen(message->msg) < sizeof(shown->text));
	(void)snprintf(shown->text, sizeof(shown->text), "%s", message->msg);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **replies, void *ctx)
{
	struct host *host = ctx;
	int style = messages[0]->msg_style;
	bool question = style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;
	char *answer = NULL;

	if ((unsigned)count > host->most_at_once)
		host->most_at_once = (unsigned)count;
	keep(host, messages[0]);
	if (question) {
		host->questions++;
		answer = answer_of(host);
	}
	if (host->manner != HOST_NO_REPLY && (answer != NULL || host->manner == HOST_NO_TEXT)) {
		*replies = calloc(1, sizeof(**replies));
		assert_non_null(*replies);
		(*replies)->resp = answer;
	}
	return code_of(host, question, answer);
}

void host_reset(struct host *host, enum host_manner manner, const char *const *answers)
{
	host->manner = manner;
	memset(host->answers, 0, sizeof(host->answers));
	for (unsigned i = 0; answers != NULL && answers[i] != NULL; i++) {
		assert_true(i + 1 < HC_COUNT(host->answers));
		host->answers[i] = answers[i];
	}
	host->answered = 0;
	host->questions = 0;
	host->shown_count = 0;
	host->most_at_once = 0;
	host_log_clear();
}

int host_setup(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	assert_non_null(host);
	host->fds = host_fds();
	assert_true(tempdir_make(&host->dir));
	(void)tempdir_file(&host->dir, "auth.sock", host->socket, sizeof(host->socket));
	host_reset(host, HOST_ANSWERS, NULL);
	host_stack(host, "other", "auth required pam_deny.so\n"); /* libpam logs that it lacks one */
	*state = host;
	return 0;
}

int host_teardown(void **state)
{
	struct host *host = *state;
	int fds;

	if (host->pamh != NULL)
		host_end(host);
	scripted_stop(&host->broker, NULL);
	tempdir_remove(&host->dir);
	fds = host_fds() - host->fds;
	free(host);
	return fds;
}

void host_stack(struct host *host, const char *service, const char *text)
{
	char path[256];
	FILE *file = fopen(tempdir_file(&host->dir, service, path, sizeof(path)), "we");

	assert_non_null(file);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == '@')
			(void)fprintf(file, "%s socket=%s", HC_TEST_MODULE, host->socket);
		else if (*at == '%')
			(void)fputs(HC_TEST_MODULE, file);
		else if (*at == '$')
			(void)fputs(HC_TEST_STAGEHAND, file);
		else
			(void)fputc(*at, file);
	}
	assert_int_equal(fclose(file), 0);
}

void host_start(struct host *host, const char *service, const char *user, const char *rhost)
{
	struct pam_conv conv = {.conv = converse, .appdata_ptr = host};

	if (host->pamh != NULL)
		host_end(host);
	assert_int_equal(pam_start_confdir(service, user, &conv, host->dir.path, &host->pamh), PAM_SUCCESS);
	if (rhost != NULL)
		assert_int_equal(pam_set_item(host->pamh, PAM_RHOST, rhost), PAM_SUCCESS);
}

void host_end(struct host *host)
{
	assert_int_equal(pam_end(host->pamh, PAM_SUCCESS), PAM_SUCCESS);
	host->pamh = NULL;
}

void host_broker_parts(struct host *host, const struct scripted_line *const *parts, unsigned count)
{
	assert_null(host->broker);
	host->broker = scripted_start(host->socket, (uid_t)-1, parts, count);
	assert_non_null(host->broker);
}

void host_broker(struct host *host, const struct scripted_line *part)
{
	host_broker_parts(host, &part, 1);
}

void host_broker_stop(struct host *host)
{
	scripted_stop(&host->broker, &host->record);
	assert_string_equal(host->record.failure, "");
}

bool host_showed(const struct host *host, int style, const char *part)
{
	for (unsigned i = 0; i < host->shown_count; i++) {
		if (host->shown[i].style == style && strstr(host->shown[i].text, part) != NULL)
			return true;
	}
	return false;
}
