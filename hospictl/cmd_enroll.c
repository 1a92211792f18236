/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "enroll …": a new credential, shown once.
 *
 * State: what the broker answered, in hc_secret, for the length of the command. What is printed is
 * scrubbed from the output's buffer. JSON is written without a library: no copy stays on a heap.
 */
#include <string.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"

#include "command.h"
#include "confirm.h"
#include "input.h"
#include "list.h"
#include "otp_card.h"
#include "request.h"
#include "wrap.h"

#define NOTE_CAP      512
#define SEED_TEXT_MAX 512
#define URI_MAX	      1024

static void put_proofing(const struct hc_args *args, struct hc_msg *request)
{
	hc_msg_put_text(request, HC_FIELD_PROOFED_BY, hc_args_value(args, "proofed-by"));
	hc_msg_put_text(request, HC_FIELD_DOCUMENT, hc_args_value(args, "document"));
	if (hc_args_flag(args, "face-to-face"))
		hc_msg_put_u32(request, HC_FIELD_FACE_TO_FACE, 1);
}

/* A seed of somebody else's making, from a file or standard input. */
static enum hc_ctl_status put_seed(const struct hc_ctl *ctl, const struct hc_args *args,
				   struct hc_msg *request)
{
	HC_AUTO(secret) text = NULL;
	HC_AUTO(secret) seed = NULL;
	const char *path = hc_args_value(args, "secret-file");
	enum hc_err err;

	if (path == NULL)
		return HC_CTL_DONE;
	err = hc_input_file(path, SEED_TEXT_MAX, &text);
	if (err == HC_ERR_PERM) {
		hc_ctl_complain(ctl, "ctl.enroll.seed_file_open", HC_ARGS(path));
		return HC_CTL_FAILED;
	}
	if (err != HC_OK) {
		hc_ctl_complain(ctl, "ctl.enroll.seed_file", HC_ARGS(path, hc_strerror(err)));
		return HC_CTL_FAILED;
	}
	if (hc_input_base32(text, &seed) != HC_OK) {
		hc_ctl_complain(ctl, "ctl.enroll.seed_invalid", HC_ARGS(path));
		return HC_CTL_FAILED;
	}
	hc_msg_put_bytes(request, HC_FIELD_SEED, hc_secret_data(seed), hc_secret_len(seed));
	return HC_CTL_DONE;
}

static bool put_number(const struct hc_ctl *ctl, const struct hc_args *args, const char *name, uint32_t max,
		       struct hc_msg *request, enum hc_field field)
{
	bool given;
	uint32_t number;

	if (!hc_args_number(ctl, args, name, max, &given, &number))
		return false;
	if (given)
		hc_msg_put_u32(request, field, number);
	return true;
}

static enum hc_err take_otp(const struct hc_msg *row, void *ctx)
{
	struct hc_otp_card *card = ctx;
	const uint8_t *view;
	size_t len;
	enum hc_err err = hc_msg_text(row, HC_FIELD_CREDENTIAL_ID, card->id, sizeof(card->id));

	if (err == HC_OK)
		err = hc_msg_text(row, HC_FIELD_STATE, card->state, sizeof(card->state));
	if (err == HC_OK)
		err = hc_msg_bytes(row, HC_FIELD_URI, &view, &len);
	if (err != HC_OK || card->uri != NULL)
		return HC_ERR_PROTOCOL;
	return hc_secret_from(view, len, &card->uri);
}

static enum hc_ctl_status enroll_otp(const struct hc_ctl *ctl, const struct hc_args *args, const char *type)
{
	HC_AUTO(msg) request = NULL;
	struct hc_otp_card card HC_CLEANUP(hc_otp_card_clear) = {.login = args->operands[0]};
	struct hc_reply reply;
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(ctl, HC_MSG_ENROLL_OTP, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	hc_msg_put_text(request, HC_FIELD_CREDENTIAL_TYPE, type);
	hc_msg_put_text(request, HC_FIELD_ALGORITHM, hc_args_value(args, "algorithm"));
	hc_msg_put_text(request, HC_FIELD_LABEL, hc_args_value(args, "label"));
	hc_msg_put_u32(request, HC_FIELD_CONFIRM, hc_args_flag(args, "no-confirm") ? 0 : 1);
	put_proofing(args, request);
	if (!put_number(ctl, args, "digits", 99, request, HC_FIELD_DIGITS) ||
	    !put_number(ctl, args, "period", 86400, request, HC_FIELD_PERIOD_S))
		return HC_CTL_USAGE;
	status = put_seed(ctl, args, request);
	if (status == HC_CTL_DONE)
		status = hc_request_run(ctl, request, take_otp, &card, &reply);
	if (status != HC_CTL_DONE)
		return status;
	if (card.uri == NULL)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	hc_otp_card_print(ctl, &card);
	if (strcmp(card.state, "pending") != 0 || ctl->json)
		return HC_CTL_DONE;
	if (ctl->asking && ctl->table)
		return hc_confirm_ask(ctl, card.id);
	hc_ctl_say(ctl, stderr, "ctl.enroll.pending", HC_ARGS(card.id));
	return HC_CTL_DONE;
}

enum hc_ctl_status hc_cmd_enroll_totp(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return enroll_otp(ctl, args, "totp");
}

enum hc_ctl_status hc_cmd_enroll_hotp(const struct hc_ctl *ctl, const struct hc_args *args)
{
	return enroll_otp(ctl, args, "hotp");
}

#define RECOVERY_CODES_MAX 32
#define RECOVERY_CODE_MAX  64

struct recovery {
	char id[HC_CREDENTIAL_ID_LEN + 1];
	struct hc_secret *codes[RECOVERY_CODES_MAX];
	size_t count;
};

static void recovery_clear(struct recovery *recovery)
{
	for (size_t i = 0; i < recovery->count; i++)
		hc_secret_free(&recovery->codes[i]);
}

static enum hc_err take_recovery(const struct hc_msg *row, void *ctx)
{
	struct recovery *recovery = ctx;
	const uint8_t *view;
	size_t len;
	enum hc_err err = HC_OK;

	if (hc_msg_has(row, HC_FIELD_CREDENTIAL_ID))
		err = hc_msg_text(row, HC_FIELD_CREDENTIAL_ID, recovery->id, sizeof(recovery->id));
	if (err != HC_OK || !hc_msg_has(row, HC_FIELD_CODE))
		return err;
	if (recovery->count == RECOVERY_CODES_MAX || hc_msg_bytes(row, HC_FIELD_CODE, &view, &len) != HC_OK ||
	    len > RECOVERY_CODE_MAX)
		return HC_ERR_PROTOCOL;
	err = hc_secret_from(view, len, &recovery->codes[recovery->count]);
	if (err == HC_OK)
		recovery->count++;
	return err;
}

static void print_codes_json(const struct recovery *recovery)
{
	struct hc_json json;

	hc_json_init(&json, stdout);
	hc_json_object(&json, NULL);
	hc_json_text(&json, "id", recovery->id);
	hc_json_array(&json, "codes");
	for (size_t i = 0; i < recovery->count; i++)
		hc_json_bytes(&json, NULL, hc_secret_data(recovery->codes[i]),
			      hc_secret_len(recovery->codes[i]));
	hc_json_close(&json);
	hc_json_close(&json);
}

static void print_codes(const struct hc_ctl *ctl, const struct recovery *recovery, const char *login)
{
	char note[NOTE_CAP];
	struct hc_wrap wrap;

	if (ctl->table) {
		hc_ctl_say(ctl, stdout, "ctl.recovery.title", HC_ARGS(login, recovery->id));
		(void)putchar('\n');
	} else {
		(void)printf("id\t%s\n", recovery->id);
	}
	for (size_t i = 0; i < recovery->count; i++) {
		(void)(ctl->table ? printf("  %2zu.  ", i + 1) : printf("code\t"));
		(void)fwrite(hc_secret_data(recovery->codes[i]), 1, hc_secret_len(recovery->codes[i]),
			     stdout);
		(void)putchar('\n');
	}
	if (ctl->table) {
		(void)putchar('\n');
		hc_text(ctl->lang, "ctl.recovery.note", NULL, note, sizeof(note));
		hc_wrap_begin(&wrap, stdout, ctl->width, 0, 0);
		hc_wrap_text(&wrap, note);
		hc_wrap_end(&wrap);
	}
}

enum hc_ctl_status hc_cmd_enroll_recovery(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	struct recovery recovery HC_CLEANUP(recovery_clear) = {.count = 0};
	struct hc_reply reply;
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(ctl, HC_MSG_ENROLL_RECOVERY, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, args->operands[0]);
	put_proofing(args, request);
	status = hc_request_run(ctl, request, take_recovery, &recovery, &reply);
	if (status != HC_CTL_DONE)
		return status;
	if (recovery.id[0] == '\0' || recovery.count == 0)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	if (ctl->json)
		print_codes_json(&recovery);
	else
		print_codes(ctl, &recovery, args->operands[0]);
	hc_ctl_out_scrub();
	return status;
}
