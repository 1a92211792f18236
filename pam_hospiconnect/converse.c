/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions and messages through the host's conversation function. Stateless.
 *
 * The function belongs to a foreign program: it may be absent, fail, succeed without an answer, or
 * answer with more than anybody asked for. What it returns is a secret until proven otherwise, so
 * every reply is scrubbed before it is freed, also one that was not wanted. One message a call:
 * front ends exist that handle no more.
 */
#include "converse.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"
#include "verdict.h"

static bool is_control(const unsigned char *at)
{
	if (*at == '\n')
		return false;
	/* C0, DEL, and C1 as UTF-8 writes it */
	return *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
}

/* The broker's texts are ours, but they end on the screens of setuid programs. */
static void make_presentable(const char *text, char out[PAM_MAX_MSG_SIZE])
{
	size_t len = strlen(text);

	if (len >= PAM_MAX_MSG_SIZE) {
		len = PAM_MAX_MSG_SIZE - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, text, len);
	out[len] = '\0';
	for (unsigned char *at = (unsigned char *)out; *at != '\0'; at++) {
		if (!is_control(at))
			continue;
		if (*at == 0xc2)
			*at++ = '?';
		*at = '?';
	}
}

static void discard(struct pam_response *reply)
{
	if (reply == NULL)
		return;
	if (reply->resp != NULL) {
		hc_scrub(reply->resp, strlen(reply->resp));
		free(reply->resp);
	}
	free(reply);
}

static void discard_at(struct pam_response **reply)
{
	discard(*reply);
}

/* One call of the host's function. ret_reply is set, if at all, whatever is returned, as libpam's own. */
static enum hc_err call(pam_handle_t *pamh, int style, const char *text, struct pam_response **ret_reply)
{
	char shown[PAM_MAX_MSG_SIZE];
	struct pam_message message = {.msg_style = style, .msg = shown};
	const struct pam_message *messages = &message;
	const void *item = NULL;
	const struct pam_conv *conv;

	if (!hc_pam_ok(pam_get_item(pamh, PAM_CONV, &item)) || item == NULL)
		return HC_ERR_AWAY;
	conv = item;
	if (conv->conv == NULL)
		return HC_ERR_AWAY;
	make_presentable(text, shown);
	if (!hc_pam_ok(conv->conv(1, &messages, ret_reply, conv->appdata_ptr)))
		return HC_ERR_IO;
	return HC_OK;
}

enum hc_err hc_converse_ask(pam_handle_t *pamh, enum hc_step_kind kind, const char *text,
			    struct hc_secret **ret_answer)
{
	HC_CLEANUP(discard_at) struct pam_response *reply = NULL;
	const bool visible = kind == HC_STEP_VISIBLE || kind == HC_STEP_LOGIN || kind == HC_STEP_OFFER;
	int style = visible ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF;
	enum hc_err err = call(pamh, style, text, &reply);
	size_t len;

	if (err != HC_OK)
		return err;
	if (reply == NULL || reply->resp == NULL)
		return HC_ERR_IO;
	len = strlen(reply->resp);
	if (len > HC_ANSWER_MAX)
		return HC_ERR_TOOBIG;
	return hc_secret_from(reply->resp, len, ret_answer);
}

static void tell(pam_handle_t *pamh, int style, const char *text)
{
	HC_CLEANUP(discard_at) struct pam_response *reply = NULL;

	if (text[0] == '\0')
		return;
	(void)call(pamh, style, text, &reply); /* nobody to tell that nobody could be told */
}

void hc_converse_inform(pam_handle_t *pamh, const char *text)
{
	tell(pamh, PAM_TEXT_INFO, text);
}

void hc_converse_complain(pam_handle_t *pamh, const char *text)
{
	tell(pamh, PAM_ERROR_MSG, text);
}
