/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate of a card that is in a reader of this machine, for an administrator.
 *
 * State: what the helper gave, for the length of the request. No PIN is asked for: nothing here proves who has the card,
 * and nothing is changed. Threats: a helper or a card that says anything: texts are bounded, and go to a terminal that
 * escapes them; the certificate is read before it is passed on.
 */
#include <stdio.h>
#include <string.h>

#include "admin_job.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/device.h"

#define TIMEOUT_S  120
#define TEXT_CAP   2000
#define LINE_CAP   320
#define NUMBER_CAP 16

struct reading {
	struct hc_person person; /* whose card is awaited, for the text alone */
	bool named;
	uint32_t flags;
	uint8_t der[HC_X509_MAX];
	size_t len;
	char label[HC_LABEL_MAX + 1], serial[65];
};

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	const struct reading *reading = job->answer.state;

	hc_msg_put_bytes(out, HC_FIELD_CERTIFICATE, reading->der, reading->len);
	hc_msg_put_text(out, HC_FIELD_LABEL, reading->label);
	hc_msg_put_text(out, HC_FIELD_SERIAL, reading->serial);
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

static enum hc_err start_reading(struct hc_admin_job *job, struct hc_msg *start)
{
	const struct reading *reading = job->answer.state;

	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_READ);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, TIMEOUT_S);
	hc_msg_put_text(start, HC_FIELD_MODULE, job->authd->config->cps.module);
	hc_msg_put_u32(start, HC_FIELD_FLAGS, reading->flags);
	return HC_OK;
}

static void refused(struct hc_admin_job *job, enum hc_reason reason)
{
	hc_answer_refuse(&job->answer, HC_ERR_PERM, reason, NULL);
}

/* ---- what the helper says ---- */

static void append(char text[TEXT_CAP], const char *gap, const char *words)
{
	const size_t used = strlen(text);

	snprintf(text + used, TEXT_CAP - used, "%s%s", used > 0 ? gap : "", words);
}

static enum hc_admin_device_act take_wait(struct hc_admin_job *job, const struct hc_msg *msg,
					  struct hc_msg *out)
{
	const struct reading *reading = job->answer.state;
	const enum hc_reason reason = hc_admin_device_reason(msg);
	char text[TEXT_CAP] = "", words[TEXT_CAP];
	uint32_t wait = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) != HC_OK ||
	    (wait != HC_DEVICE_INSERT && wait != HC_DEVICE_WORKING))
		return HC_ADMIN_DEVICE_BREAK;
	if (reason != HC_REASON_NONE)
		hc_text_reason(job->answer.lang, reason, NULL, text, sizeof(text));
	hc_text(job->answer.lang,
		wait == HC_DEVICE_WORKING ? "info.device_working"
		: reading->named	  ? "info.enroll_card_insert_of"
					  : "info.enroll_card_insert",
		(const char *const[]){reading->person.login.text, NULL}, words, sizeof(words));
	append(text, " ", words);
	hc_msg_init(out, HC_MSG_INFO);
	hc_msg_put_text(out, HC_FIELD_TEXT, text);
	return HC_ADMIN_DEVICE_SEND;
}

/* One of CHOICES: an empty handle, and a name. */
static bool read_choice(struct hc_reader *reader, char name[LINE_CAP])
{
	const uint8_t *view = NULL;
	uint16_t handle_len = 0, len = 0;

	if (hc_reader_u16(reader, &handle_len) != HC_OK ||
	    hc_reader_bytes(reader, handle_len, &view) != HC_OK || /* a card has none */
	    hc_reader_u16(reader, &len) != HC_OK || len >= LINE_CAP ||
	    hc_reader_bytes(reader, len, &view) != HC_OK || memchr(view, '\0', len) != NULL)
		return false;
	memcpy(name, view, len);
	name[len] = '\0';
	return true;
}

/* The cards to choose among, a line each. */
static bool list_choices(const struct hc_msg *msg, char text[TEXT_CAP])
{
	struct hc_reader reader;
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(msg, HC_FIELD_CHOICES, &view, &len) != HC_OK)
		return false;
	hc_reader_init(&reader, view, len);
	for (unsigned number = 1; hc_reader_left(&reader) > 0; number++) {
		char name[LINE_CAP], line[LINE_CAP + NUMBER_CAP];

		if (number > HC_DEVICE_CHOICES_MAX || !read_choice(&reader, name))
			return false;
		snprintf(line, sizeof(line), "%u) %s", number, name);
		append(text, "\n", line);
	}
	return text[0] != '\0';
}

static enum hc_admin_device_act take_ask(struct hc_admin_job *job, const struct hc_msg *msg,
					 struct hc_msg *out)
{
	char text[TEXT_CAP] = "", words[TEXT_CAP];
	uint32_t kind = 0;

	/* A card is read without its PIN: a helper that asks for one is none. */
	if (hc_msg_u32(msg, HC_FIELD_DEVICE_ASK, &kind) != HC_OK || kind != HC_DEVICE_CHOICE ||
	    !list_choices(msg, text))
		return HC_ADMIN_DEVICE_BREAK;
	hc_text(job->answer.lang, "prompt.enroll_card_choice", NULL, words, sizeof(words));
	append(text, "\n", words);
	job->asks = HC_DEVICE_CHOICE;
	hc_msg_init(out, HC_MSG_STEP);
	hc_msg_put_u32(out, HC_FIELD_STEP_KIND, HC_STEP_VISIBLE);
	hc_msg_put_text(out, HC_FIELD_TEXT, text);
	hc_msg_put_u32(out, HC_FIELD_TIMEOUT_S, TIMEOUT_S);
	return HC_ADMIN_DEVICE_SEND;
}

static enum hc_admin_device_act take_done(struct hc_admin_job *job, const struct hc_msg *msg)
{
	struct reading *reading = job->answer.state;
	struct hc_cps_certificate certificate;
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(msg, HC_FIELD_CERTIFICATE, &view, &len) != HC_OK || len > sizeof(reading->der) ||
	    hc_cps_read(view, len, &certificate) != HC_OK) {
		hc_admin_device_refused(job, HC_REASON_CARD_UNKNOWN);
		return HC_ADMIN_DEVICE_END;
	}
	memcpy(reading->der, view, len);
	reading->len = len;
	if (hc_msg_text(msg, HC_FIELD_LABEL, reading->label, sizeof(reading->label)) != HC_OK)
		reading->label[0] = '\0';
	if (hc_msg_text(msg, HC_FIELD_SERIAL, reading->serial, sizeof(reading->serial)) != HC_OK)
		reading->serial[0] = '\0';
	job->waits = false;
	return HC_ADMIN_DEVICE_END;
}

static enum hc_admin_device_act said(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	const enum hc_reason reason = hc_admin_device_reason(msg);

	if (msg->type == HC_MSG_DEVICE_WAIT)
		return take_wait(job, msg, out);
	if (msg->type == HC_MSG_DEVICE_ASK)
		return take_ask(job, msg, out);
	if (msg->type == HC_MSG_DEVICE_DONE)
		return take_done(job, msg);
	hc_admin_device_refused(job, reason != HC_REASON_NONE ? reason : HC_REASON_DEVICE_ERROR);
	return HC_ADMIN_DEVICE_END;
}

static const struct hc_admin_device_ops DEVICE = {
	.helper = HC_HELPER_PKCS11, .start = start_reading, .said = said, .refused = refused};

void hc_admin_cps_read(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct reading *reading = hc_admin_rows(job, sizeof(*reading), produce);

	if (reading == NULL ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_FLAGS, "flags", 0, &reading->flags))
		return;
	if ((reading->flags & ~HC_DEVICE_FLAG_PRESENT) != 0) {
		(void)hc_answer_bad(&job->answer, "flags");
		return;
	}
	reading->named = hc_msg_has(request, HC_FIELD_LOGIN);
	if (reading->named && !hc_admin_person(job, request, &reading->person))
		return;
	if (job->authd->config->cps.module[0] == '\0')
		hc_answer_refuse(&job->answer, HC_ERR_STATE, HC_REASON_INVALID_VALUE, "[cps] module");
	else
		hc_admin_wait_for(job, &DEVICE);
}
