/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing of a new TOTP or HOTP credential. State: none. The URI holds the seed: it is printed once
 * and lives in hc_secret only. A URI with a byte outside printable ASCII is not shown as text.
 */
#include "otp_card.h"

#include <stdio.h>
#include <string.h>

#include "cell.h"
#include "json.h"
#include "list.h"
#include "qr.h"

#define GROUP	     4
#define PROMPT_LINES 1

void hc_otp_card_clear(struct hc_otp_card *card)
{
	hc_secret_free(&card->uri);
}

static bool is_printable(const struct hc_secret *uri)
{
	const uint8_t *data = hc_secret_data(uri);

	for (size_t i = 0; i < hc_secret_len(uri); i++) {
		if (data[i] <= 0x20 || data[i] >= 0x7f)
			return false;
	}
	return true;
}

/* The value of the URI's secret= parameter, in the URI itself. */
static bool find_key(const struct hc_secret *uri, const uint8_t **ret_key, size_t *ret_len)
{
	static const char name[] = "secret=";
	const uint8_t *data = hc_secret_data(uri);
	size_t len = hc_secret_len(uri), name_len = sizeof(name) - 1, end;

	for (size_t at = 1; at + name_len <= len; at++) {
		if ((data[at - 1] != '?' && data[at - 1] != '&') || memcmp(data + at, name, name_len) != 0)
			continue;
		for (end = at + name_len; end < len && data[end] != '&'; end++)
			;
		*ret_key = data + at + name_len;
		*ret_len = end - at - name_len;
		return *ret_len > 0;
	}
	return false;
}

static void print_key(const struct hc_ctl *ctl, const struct hc_secret *uri)
{
	const uint8_t *key;
	size_t len;

	if (!find_key(uri, &key, &len))
		return;
	hc_ctl_say(ctl, stdout, "ctl.enroll.key", NULL);
	(void)fputs("  ", stdout);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && i % GROUP == 0)
			(void)putchar(' ');
		(void)putchar(key[i]);
	}
	(void)putchar('\n');
}

/* The picture comes last, so that it is still on the screen while the code is asked for. */
static void print_qr(const struct hc_ctl *ctl, const struct hc_secret *uri)
{
	HC_AUTO(secret) modules = NULL;
	HC_AUTO(secret) drawing = NULL;
	size_t side = 0, quiet;

	if (hc_qr_make(uri, &modules, &side) != HC_OK)
		return; /* the key above serves as well */
	quiet = hc_qr_quiet(side, ctl->width, ctl->height > PROMPT_LINES ? ctl->height - PROMPT_LINES : 1);
	if (hc_qr_columns(side, quiet) > ctl->width) {
		hc_ctl_say(ctl, stdout, "ctl.enroll.qr_too_wide", NULL);
		return;
	}
	if (hc_qr_draw(modules, side, quiet, ctl->color, &drawing) != HC_OK)
		return;
	hc_ctl_say(ctl, stdout, "ctl.enroll.scan", NULL);
	(void)fwrite(hc_secret_data(drawing), 1, hc_secret_len(drawing), stdout);
}

static void print_json(const struct hc_otp_card *card)
{
	struct hc_json json;

	hc_json_init(&json, stdout);
	hc_json_object(&json, NULL);
	hc_json_text(&json, "id", card->id);
	hc_json_bytes(&json, "uri", hc_secret_data(card->uri), hc_secret_len(card->uri));
	hc_json_text(&json, "state", card->state);
	hc_json_close(&json);
}

static void print_uri(const struct hc_otp_card *card)
{
	if (is_printable(card->uri))
		(void)fwrite(hc_secret_data(card->uri), 1, hc_secret_len(card->uri), stdout);
	(void)putchar('\n');
}

void hc_otp_card_print(const struct hc_ctl *ctl, const struct hc_otp_card *card)
{
	if (ctl->json) {
		print_json(card);
	} else if (ctl->table) {
		hc_ctl_say(ctl, stdout, "ctl.enroll.title", HC_ARGS(card->login, card->id));
		(void)fputs("  ", stdout);
		print_uri(card);
		print_key(ctl, card->uri);
		print_qr(ctl, card->uri);
	} else {
		(void)printf("id\t%s\nuri\t", card->id);
		print_uri(card);
		(void)printf("state\t%s\n", card->state);
	}
	hc_ctl_out_scrub();
}
