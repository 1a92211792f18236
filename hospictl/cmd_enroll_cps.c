/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "enroll cps": a health professional's card becomes a person's. The broker judges it; on a terminal the administrator
 * sees what the card says, once the broker has nothing against it, and agrees.
 *
 * State: the card and the answer, for the length of the command. What is enrolled is the certificate that was shown, and
 * not whatever is in the reader by then. Everything on a card is escaped before it is shown.
 */
#include <stdio.h>
#include <string.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"

#include "cell.h"
#include "command.h"
#include "confirm.h"
#include "cps_card.h"
#include "cps_label.h"
#include "list.h"
#include "request.h"
#include "when.h"

#define TEXT_CAP   1024
#define HOLDER_CAP (2 * HC_LABEL_MAX + 2)

struct made {
	char id[HC_CREDENTIAL_ID_LEN + 1], label[HC_LABEL_MAX + 1];
	bool unchecked; /* whether it was revoked is not known */
};

static enum hc_err take_row(const struct hc_msg *row, void *ctx)
{
	struct made *made = ctx;
	uint32_t reason = 0;

	if (hc_msg_has(row, HC_FIELD_CREDENTIAL_ID) &&
	    hc_msg_text(row, HC_FIELD_CREDENTIAL_ID, made->id, sizeof(made->id)) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (hc_msg_text(row, HC_FIELD_LABEL, made->label, sizeof(made->label)) != HC_OK)
		made->label[0] = '\0';
	made->unchecked =
		hc_msg_u32(row, HC_FIELD_REASON, &reason) == HC_OK && reason == HC_REASON_REVOCATION_UNKNOWN;
	return HC_OK;
}

/* check: the broker says what it would, and does nothing. */
static enum hc_ctl_status submit(const struct hc_ctl *ctl, const struct hc_args *args,
				 const struct hc_ctl_card *card, bool check, struct made *made)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	uint32_t flags = check ? HC_CPS_ENROLL_CHECK : 0;
	const enum hc_err err = hc_request_new(ctl, HC_MSG_ENROLL_CPS, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	flags |= hc_args_flag(args, "structure-bound") ? HC_CPS_ENROLL_BOUND : 0;
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	hc_msg_put_bytes(request, HC_FIELD_CERTIFICATE, card->der, card->len);
	hc_msg_put_text(request, HC_FIELD_LABEL, hc_args_value(args, "label"));
	hc_msg_put_u32(request, HC_FIELD_FLAGS, flags);
	hc_msg_put_text(request, HC_FIELD_PROOFED_BY, hc_args_value(args, "proofed-by"));
	hc_msg_put_text(request, HC_FIELD_DOCUMENT, hc_args_value(args, "document"));
	if (hc_args_flag(args, "face-to-face"))
		hc_msg_put_u32(request, HC_FIELD_FACE_TO_FACE, 1);
	return hc_request_run(ctl, request, take_row, made, &reply);
}

/* ---- what the card says ---- */

static void holder_of(const struct hc_cps_certificate *certificate, char out[2 * HOLDER_CAP])
{
	char holder[HOLDER_CAP];

	(void)snprintf(holder, sizeof(holder), "%s %s", certificate->given_name.text,
		       certificate->family_name.text);
	hc_ctl_escape(holder, out, 2 * HOLDER_CAP);
}

/* "CPS 2600855206" */
static void card_of(const struct hc_cps_certificate *certificate, char *out, size_t cap)
{
	const char *kind = hc_cps_card_name(certificate->card_type);
	char text[TEXT_CAP];

	(void)snprintf(text, sizeof(text), "%s%s%s", kind != NULL ? kind : "",
		       kind != NULL && certificate->card_number[0] != '\0' ? " " : "",
		       certificate->card_number);
	hc_ctl_escape(text, out, cap);
}

static void profession_of(enum hc_lang lang, const struct hc_cps_certificate *certificate, char *out,
			  size_t cap)
{
	hc_cps_profession(lang, certificate->profession, out, cap);
	if (out[0] == '\0')
		hc_ctl_escape(certificate->title.text, out, cap);
}

static void tell(const struct hc_ctl *ctl, const char *name, const char *value)
{
	if (value[0] != '\0')
		hc_view_line(ctl, name, value);
}

static void show(const struct hc_ctl *ctl, const struct hc_cps_certificate *certificate)
{
	char text[TEXT_CAP], holder[2 * HOLDER_CAP];

	holder_of(certificate, holder);
	tell(ctl, "holder", holder);
	profession_of(ctl->lang, certificate, text, sizeof(text));
	tell(ctl, "profession", text);
	hc_ctl_escape(certificate->national_id, text, sizeof(text));
	tell(ctl, "national_id", text);
	card_of(certificate, text, sizeof(text));
	tell(ctl, "card", text);
	if (certificate->test) {
		hc_cell_word(ctl, "test", text, sizeof(text));
		tell(ctl, "category", text);
	}
	hc_when_local(certificate->not_after_ms, text, sizeof(text));
	tell(ctl, "not_after", text);
}

/* On a terminal alone, and where the broker would enrol it. False: no; status says why. */
static bool is_agreed(const struct hc_ctl *ctl, const struct hc_args *args, const struct hc_ctl_card *card,
		      enum hc_ctl_status *status)
{
	char holder[2 * HOLDER_CAP];
	struct made made = {.id = ""};

	if (!ctl->asking || ctl->json || hc_args_flag(args, "yes"))
		return true;
	*status = submit(ctl, args, card, true, &made);
	if (*status != HC_CTL_DONE)
		return false;
	if (ctl->table)
		show(ctl, &card->certificate);
	holder_of(&card->certificate, holder);
	if (hc_confirm_act(ctl, "ctl.enroll.cps_confirm", HC_ARGS(args->operands[0], holder)))
		return true;
	*status = HC_CTL_FAILED;
	return false;
}

/* ---- the answer ---- */

static void json_text(struct hc_json *json, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		hc_json_text(json, name, value);
	else
		hc_json_null(json, name);
}

static void print_json(const struct made *made, const struct hc_cps_certificate *certificate)
{
	struct hc_json json;
	char profession[TEXT_CAP], until[HC_WHEN_CAP];

	hc_cps_profession(HC_LANG_FR, certificate->profession, profession, sizeof(profession));
	if (profession[0] == '\0' && certificate->profession >= 0)
		(void)snprintf(profession, sizeof(profession), "%d", certificate->profession);
	hc_when_utc(certificate->not_after_ms, false, until, sizeof(until));
	hc_json_init(&json, stdout);
	hc_json_object(&json, NULL);
	hc_json_text(&json, "id", made->id);
	json_text(&json, "national_id", certificate->national_id);
	json_text(&json, "card", hc_cps_card_name(certificate->card_type));
	json_text(&json, "card_number", certificate->card_number);
	json_text(&json, "given_name", certificate->given_name.text);
	json_text(&json, "family_name", certificate->family_name.text);
	json_text(&json, "profession", profession);
	hc_json_text(&json, "not_after", until);
	hc_json_text(&json, "category", certificate->test ? "test" : "production");
	json_text(&json, "label", made->label);
	hc_json_close(&json);
}

static void print_done(const struct hc_ctl *ctl, const struct hc_args *args, const struct made *made,
		       const struct hc_cps_certificate *certificate)
{
	char card[TEXT_CAP], holder[2 * HOLDER_CAP];

	if (ctl->json) {
		print_json(made, certificate);
	} else if (ctl->table) {
		card_of(certificate, card, sizeof(card));
		holder_of(certificate, holder);
		hc_ctl_say(ctl, stdout, "ctl.enroll.cps_done",
			   HC_ARGS(args->operands[0], made->id, card, holder));
	} else {
		hc_ctl_escape(certificate->national_id, card, sizeof(card));
		(void)printf("id\t%s\nnational_id\t%s\n", made->id, card);
	}
	if (made->unchecked)
		hc_ctl_complain(ctl, "ctl.enroll.cps_unchecked", NULL);
}

enum hc_ctl_status hc_cmd_enroll_cps(const struct hc_ctl *ctl, const struct hc_args *args)
{
	const char *path = hc_args_value(args, "certificate");
	struct hc_ctl_card card;
	struct made made = {.id = ""};

	if (path != NULL && hc_args_flag(args, "reader")) {
		hc_ctl_complain(ctl, "ctl.usage.reader_or_file", HC_ARGS("--reader", "--certificate"));
		hc_command_usage(ctl, stderr, args);
		return HC_CTL_USAGE;
	}
	enum hc_ctl_status status = path != NULL ? hc_cps_card_file(ctl, path, &card)
						 : hc_cps_card_reader(ctl, args->operands[0], &card);

	if (status != HC_CTL_DONE || !is_agreed(ctl, args, &card, &status))
		return status;
	status = submit(ctl, args, &card, false, &made);
	if (status != HC_CTL_DONE)
		return status;
	if (made.id[0] == '\0')
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	print_done(ctl, args, &made, &card.certificate);
	return HC_CTL_DONE;
}
