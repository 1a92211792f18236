/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversation says of a card that may become somebody's, rendered.
 *
 * No state. A holder's name is the one text here that somebody else wrote: it comes from a certificate whose chain was
 * verified, and only as a plain label. A code that has no word here is left out, never guessed at.
 */
#include <stdio.h>
#include <string.h>

#include "hospiconnect/cps.h"
#include "hospiconnect/text.h"
#include "reply.h"
#include "store/store.h"

#define TEXT_MAX 1000

/* "Médecin MAX LIBRE", as much of it as is known. */
static void describe_holder(enum hc_lang lang, const struct hc_stored_card *card, char *out, size_t cap)
{
	struct hc_cps_certificate certificate;
	char name[48], profession[128] = "";
	size_t used;

	out[0] = '\0';
	if (hc_cps_read(card->certificate, card->certificate_len, &certificate) != HC_OK)
		return;
	snprintf(name, sizeof(name), "ctl.profession.%d", certificate.profession);
	if (hc_text_known(name))
		hc_text(lang, name, NULL, profession, sizeof(profession));
	const char *const words[] = {profession, certificate.given_name.text, certificate.family_name.text};

	for (size_t i = 0; i < HC_COUNT(words); i++) {
		used = strlen(out);
		if (words[i][0] != '\0')
			snprintf(out + used, cap - used, "%s%s", used > 0 ? " " : "", words[i]);
	}
}

void hc_reply_offer(struct hc_msg *msg, const struct hc_hello *hello, const struct hc_stored_card *card,
		    int64_t timeout_s)
{
	char holder[2 * HC_LABEL_MAX + 200], text[TEXT_MAX];

	describe_holder(hello->lang, card, holder, sizeof(holder));
	hc_text(hello->lang, "prompt.link_card",
		(const char *const[]){holder, card->national_id, hello->login.text, NULL}, text,
		sizeof(text));
	hc_msg_init(msg, HC_MSG_STEP);
	hc_msg_put_u32(msg, HC_FIELD_STEP_KIND, HC_STEP_OFFER);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, (uint32_t)timeout_s);
}

void hc_reply_linked(struct hc_msg *msg, const struct hc_hello *hello, enum hc_reason reason)
{
	char code[16], text[TEXT_MAX];

	/* What a reason says is meant for administrators here: the person is sent to one. */
	snprintf(code, sizeof(code), "HC-%d", (int)reason);
	hc_text(hello->lang, reason == HC_REASON_NONE ? "info.card_linked" : "info.card_not_linked",
		(const char *const[]){hello->login.text, code, NULL}, text, sizeof(text));
	hc_msg_init(msg, HC_MSG_INFO);
	hc_msg_put_text(msg, HC_FIELD_TEXT, text);
}
