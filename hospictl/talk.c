/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that asks back: an enrolment at a device.
 *
 * State: none. What the broker says is escaped before it is shown; what is typed is a PIN, held in hc_secret and never
 * shown. The terminal gets its echo back, whatever came of the question.
 */
#include "talk.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "hospiconnect/broker_client.h"
#include "hospiconnect/secret.h"

#include "ctl.h"
#include "input.h"

#define ANSWER_MAX 256
#define TEXT_MAX   2049

static enum hc_err show(const struct hc_msg *msg, const char *end)
{
	char text[TEXT_MAX], shown[2 * TEXT_MAX];
	enum hc_err err = hc_msg_text(msg, HC_FIELD_TEXT, text, sizeof(text));

	if (err != HC_OK)
		return HC_ERR_PROTOCOL;
	/* Each line for itself: the line breaks are the broker's own. */
	for (char *line = text, *next = NULL; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		hc_ctl_escape(line, shown, sizeof(shown));
		(void)fputs(shown, stderr);
		(void)fputs(next != NULL ? "\n" : end, stderr);
	}
	(void)fflush(stderr);
	return HC_OK;
}

/* Reads a line; secret: a terminal does not show it. */
static enum hc_err read_line(bool secret, struct hc_secret **ret_line)
{
	struct termios before, quiet;
	bool silenced = secret && tcgetattr(STDIN_FILENO, &before) == 0;
	enum hc_err err;

	if (silenced) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		silenced = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
	}
	err = hc_input_line(STDIN_FILENO, ANSWER_MAX, ret_line);
	if (silenced) {
		(void)!tcsetattr(STDIN_FILENO, TCSAFLUSH, &before); /* nothing else could be done */
		(void)fputc('\n', stderr);
	}
	return err;
}

static enum hc_err ask(struct hc_broker *broker, struct hc_msg *msg)
{
	HC_AUTO(secret) answer = NULL;
	uint32_t kind = 0;
	enum hc_err err = hc_msg_u32(msg, HC_FIELD_STEP_KIND, &kind);

	if (err != HC_OK || (kind != HC_STEP_SECRET && kind != HC_STEP_VISIBLE) || show(msg, "") != HC_OK)
		return HC_ERR_PROTOCOL;
	err = read_line(kind == HC_STEP_SECRET, &answer);
	if (err != HC_OK) {
		hc_msg_init(msg, HC_MSG_CANCEL);
		return hc_broker_send(broker, msg); /* its answer says what became of it */
	}
	hc_msg_init(msg, HC_MSG_ANSWER);
	hc_msg_put_bytes(msg, HC_FIELD_ANSWER, hc_secret_data(answer), hc_secret_len(answer));
	err = hc_broker_send(broker, msg);
	hc_msg_clear(msg);
	return err;
}

enum hc_err hc_talk(struct hc_broker *broker, struct hc_msg *msg)
{
	if (msg->type == HC_MSG_INFO)
		return show(msg, "\n");
	return msg->type == HC_MSG_STEP ? ask(broker, msg) : HC_ERR_PROTOCOL;
}
