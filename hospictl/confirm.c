/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confirmation of a credential by a code of the phone, and of what cannot be taken back. State: none. The code is short-lived and
 * shown as it is typed (people check it against the phone), but still kept in hc_secret.
 */
#include "confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/msg.h"

#include "input.h"
#include "request.h"

#define CODE_MAX 64
#define TRIES	 3

static enum hc_err without_blanks(const struct hc_secret *code, struct hc_secret **ret_code)
{
	HC_AUTO(secret) clean = NULL;
	const uint8_t *data = hc_secret_data(code);
	enum hc_err err = hc_secret_new(CODE_MAX, &clean);

	for (size_t i = 0; err == HC_OK && i < hc_secret_len(code); i++) {
		if (data[i] != ' ' && data[i] != '-' && data[i] != '\t')
			err = hc_secret_append(clean, &data[i], 1);
	}
	if (err == HC_OK)
		*ret_code = hc_steal_ptr(&clean);
	return err;
}

enum hc_ctl_status hc_confirm_send(const struct hc_ctl *ctl, const char *id, const struct hc_secret *code,
				   bool *ret_wrong)
{
	HC_AUTO(msg) request = NULL;
	HC_AUTO(secret) clean = NULL;
	struct hc_reply reply;
	enum hc_ctl_status status;
	enum hc_err err = without_blanks(code, &clean);

	*ret_wrong = false;
	if (err == HC_OK)
		err = hc_request_new(ctl, HC_MSG_CREDENTIAL_CONFIRM, &request);
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_CREDENTIAL_ID, id);
	hc_msg_put_bytes(request, HC_FIELD_CODE, hc_secret_data(clean), hc_secret_len(clean));
	status = hc_request_run(ctl, request, NULL, NULL, &reply);
	*ret_wrong = reply.ended && reply.reason == HC_REASON_CONFIRMATION_FAILED;
	return status;
}

static void prompt(const struct hc_ctl *ctl, const char *name, const char *const *args)
{
	char text[512];

	hc_text(ctl->lang, name, args, text, sizeof(text));
	(void)fflush(stdout); /* what is asked about stands above the question */
	(void)fputs(text, stderr);
}

enum hc_ctl_status hc_confirm_ask(const struct hc_ctl *ctl, const char *id)
{
	enum hc_ctl_status status = HC_CTL_FAILED;

	for (int tries = 0; tries < TRIES; tries++) {
		HC_AUTO(secret) code = NULL;
		bool wrong = false;

		prompt(ctl, "ctl.confirm.prompt", NULL);
		if (hc_input_line(STDIN_FILENO, CODE_MAX, &code) != HC_OK || hc_secret_len(code) == 0)
			break;
		status = hc_confirm_send(ctl, id, code, &wrong);
		if (status == HC_CTL_DONE) {
			hc_ctl_say(ctl, stdout, "ctl.confirm.done", NULL);
			return status;
		}
		if (!wrong)
			break;
	}
	(void)fputc('\n', stderr);
	hc_ctl_say(ctl, stderr, "ctl.confirm.given_up", HC_ARGS(id));
	return status;
}

bool hc_confirm_act(const struct hc_ctl *ctl, const char *text, const char *const *args)
{
	static const char *const yes[] = {"yes", "y", "oui", "o"};
	HC_AUTO(secret) answer = NULL;
	bool agreed = false;

	if (!ctl->asking || ctl->json)
		return true;
	prompt(ctl, text, args);
	if (hc_input_line(STDIN_FILENO, CODE_MAX, &answer) != HC_OK)
		return false;
	for (size_t i = 0; i < HC_COUNT(yes) && !agreed; i++)
		agreed = hc_secret_len(answer) == strlen(yes[i]) &&
			 memcmp(hc_secret_data(answer), yes[i], strlen(yes[i])) == 0;
	if (!agreed)
		hc_ctl_say(ctl, stderr, "ctl.confirm.not_done", NULL);
	return agreed;
}
