/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a card's certificate comes from: a file, or a reader of the broker's machine. State: none. Threats: a file or a
 * card that says anything: only what can be read as one certificate is handed on, and nobody has judged it yet.
 */
#include "cps_card.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/msg.h"

#include "cps_file.h"
#include "request.h"

#define FILE_MAX (1024 * 1024)

static const char *decode_complaint(enum hc_err err)
{
	if (err == HC_ERR_NOTFOUND)
		return "ctl.cps.error.no_certificate";
	return err == HC_ERR_EXISTS ? "ctl.cps.error.several" : "ctl.cps.error.malformed";
}

enum hc_ctl_status hc_cps_card_file(const struct hc_ctl *ctl, const char *path, struct hc_ctl_card *card)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (!hc_cps_file_read(ctl, path, FILE_MAX, &data, &len))
		return HC_CTL_FAILED;
	enum hc_err err = hc_crypto_start();

	if (err == HC_OK)
		err = hc_cps_decode(data, len, card->der, &card->len);
	free(data);
	if (err == HC_OK)
		err = hc_cps_read(card->der, card->len, &card->certificate);
	if (err != HC_OK)
		return hc_cps_file_complain(ctl, decode_complaint(err), path, hc_strerror(err));
	return HC_CTL_DONE;
}

static enum hc_err take_row(const struct hc_msg *row, void *ctx)
{
	struct hc_ctl_card *card = ctx;
	const uint8_t *view = NULL;
	size_t len = 0;

	if (hc_msg_bytes(row, HC_FIELD_CERTIFICATE, &view, &len) != HC_OK || len > sizeof(card->der))
		return HC_ERR_PROTOCOL;
	memcpy(card->der, view, len);
	card->len = len;
	return HC_OK;
}

enum hc_ctl_status hc_cps_card_reader(const struct hc_ctl *ctl, const char *login, struct hc_ctl_card *card)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	enum hc_err err = hc_request_new(ctl, HC_MSG_CPS_READ, &request);

	if (err == HC_OK)
		err = hc_crypto_start();
	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	card->len = 0;
	const enum hc_ctl_status status = hc_request_run(ctl, request, take_row, card, &reply);

	if (status != HC_CTL_DONE)
		return status;
	/* The broker has read it before: what it passed on can be read. */
	if (card->len == 0 || hc_cps_read(card->der, card->len, &card->certificate) != HC_OK)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	return HC_CTL_DONE;
}
