/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the process with the vendor's library. State: the end of a pair. An answer may be a PIN: it
 * goes into a struct hc_secret, and the message is scrubbed at once. It must never write one anywhere.
 */
#include "pkcs11_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/secret.h"

#define CHOICES_CAP 4096
#define CHOICE_MAX  528 /* HC_P11_CANDIDATES_MAX of them fit */
#define HEX_CAP	    (2 * HC_P11_ID_MAX + 1)

static enum hc_err send_msg(struct hc_p11_link *link)
{
	enum hc_err err = hc_msg_finish(link->msg);
	ssize_t sent = -1;

	while (err == HC_OK && (sent = send(link->fd, link->msg->packet, link->msg->len, MSG_NOSIGNAL)) < 0 &&
	       errno == EINTR)
		continue;
	hc_msg_clear(link->msg);
	if (err != HC_OK)
		return err;
	return sent < 0 ? HC_ERR_CLOSED : HC_OK;
}

static void put_note(struct hc_msg *msg, const struct hc_p11_note *note)
{
	hc_msg_put_text(msg, HC_FIELD_LABEL, note->label);
	hc_msg_put_text(msg, HC_FIELD_SERIAL, note->serial);
	if (note->reason != HC_REASON_NONE)
		hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)note->reason);
	if (note->tries != HC_P11_TRIES_UNKNOWN)
		hc_msg_put_u32(msg, HC_FIELD_TRIES_LEFT, note->tries);
	hc_msg_put_text(msg, HC_FIELD_DETAIL, note->detail);
	if (note->certificate != NULL)
		hc_msg_put_bytes(msg, HC_FIELD_CERTIFICATE, note->certificate->der,
				 note->certificate->der_len);
}

enum hc_err hc_p11_tell(struct hc_p11_link *link, enum hc_device_wait wait, const struct hc_p11_note *note)
{
	hc_msg_init(link->msg, HC_MSG_DEVICE_WAIT);
	hc_msg_put_u32(link->msg, HC_FIELD_DEVICE_WAIT, (uint32_t)wait);
	put_note(link->msg, note);
	return send_msg(link);
}

enum hc_err hc_p11_ask(struct hc_p11_link *link, enum hc_device_ask ask, const struct hc_p11_note *note)
{
	hc_msg_init(link->msg, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(link->msg, HC_FIELD_DEVICE_ASK, (uint32_t)ask);
	put_note(link->msg, note);
	return send_msg(link);
}

static void put_choice(struct hc_writer *writer, const struct hc_p11_card *card,
		       const struct hc_p11_certificate *certificate)
{
	char text[CHOICE_MAX];
	int len = snprintf(text, sizeof(text), "%s%s%s (%s)", certificate->usage.holder,
			   certificate->usage.holder[0] != '\0' ? ", " : "", card->label, card->reader_name);

	hc_writer_u16(writer, 0); /* a card has no user handle */
	hc_writer_u16(writer, (uint16_t)len);
	hc_writer_bytes(writer, text, (size_t)len);
}

enum hc_err hc_p11_ask_choice(struct hc_p11_link *link, const struct hc_p11_cards *cards,
			      const struct hc_p11_candidate *candidates, size_t count)
{
	uint8_t choices[CHOICES_CAP];
	struct hc_writer writer;

	hc_writer_init(&writer, choices, sizeof(choices));
	for (size_t i = 0; i < count; i++) {
		const struct hc_p11_card *card = &cards->cards[candidates[i].card];

		put_choice(&writer, card, &card->certificates[candidates[i].certificate]);
	}
	if (writer.err != HC_OK)
		return writer.err;
	hc_msg_init(link->msg, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(link->msg, HC_FIELD_DEVICE_ASK, HC_DEVICE_CHOICE);
	hc_msg_put_bytes(link->msg, HC_FIELD_CHOICES, choices, writer.len);
	return send_msg(link);
}

static void hex_of(const struct hc_p11_certificate *certificate, char out[HEX_CAP])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < certificate->id_len; i++) {
		out[2 * i] = digits[certificate->id[i] >> 4];
		out[2 * i + 1] = digits[certificate->id[i] & 0xf];
	}
	out[2 * certificate->id_len] = '\0';
}

static void put_card(struct hc_msg *msg, const struct hc_p11_card *card,
		     const struct hc_p11_certificate *certificate)
{
	hc_msg_put_text(msg, HC_FIELD_LABEL, card->label);
	hc_msg_put_text(msg, HC_FIELD_SERIAL, card->serial);
	if (certificate != NULL)
		hc_msg_put_bytes(msg, HC_FIELD_CERTIFICATE, certificate->der, certificate->der_len);
}

enum hc_err hc_p11_item(struct hc_p11_link *link, const struct hc_p11_card *card,
			const struct hc_p11_certificate *certificate, enum hc_reason reason)
{
	uint32_t tries = hc_p11_tries_left(card->flags, 0);
	char hex[HEX_CAP] = "";

	hc_msg_init(link->msg, HC_MSG_DEVICE_ITEM);
	hc_msg_put_text(link->msg, HC_FIELD_DEVICE_PATH, card->reader_name);
	put_card(link->msg, card, certificate);
	if (certificate != NULL)
		hex_of(certificate, hex);
	hex[64] = '\0'; /* NAME holds no more; such an identifier is no card's that we know */
	hc_msg_put_text(link->msg, HC_FIELD_NAME, hex);
	if (reason != HC_REASON_NONE)
		hc_msg_put_u32(link->msg, HC_FIELD_REASON, (uint32_t)reason);
	if (card->readable && tries != HC_P11_TRIES_UNKNOWN)
		hc_msg_put_u32(link->msg, HC_FIELD_TRIES_LEFT, tries);
	return send_msg(link);
}

enum hc_err hc_p11_done(struct hc_p11_link *link, const struct hc_p11_result *result)
{
	hc_msg_init(link->msg, HC_MSG_DEVICE_DONE);
	if (result != NULL) {
		put_card(link->msg, result->card, result->certificate);
		if (result->signature != NULL)
			hc_msg_put_bytes(link->msg, HC_FIELD_SIGNATURE_DER, result->signature,
					 result->signature_len);
	}
	return send_msg(link);
}

enum hc_err hc_p11_failed(struct hc_p11_link *link, const struct hc_p11_note *note)
{
	hc_msg_init(link->msg, HC_MSG_DEVICE_FAILED);
	put_note(link->msg, note);
	return send_msg(link);
}

/* HC_ERR_CLOSED for everything that is not the answer to an open question. */
static enum hc_err take(struct hc_p11_link *link, struct hc_secret **ret_answer)
{
	const uint8_t *view = NULL;
	size_t len = 0;
	enum hc_err err = hc_packet_receive(link->fd, link->msg);

	if (err == HC_OK && (link->msg->type != HC_MSG_DEVICE_ANSWER || ret_answer == NULL ||
			     hc_msg_bytes(link->msg, HC_FIELD_ANSWER, &view, &len) != HC_OK))
		err = HC_ERR_CLOSED;
	if (err == HC_OK)
		err = hc_secret_from(view, len, ret_answer);
	hc_msg_clear(link->msg);
	return err == HC_OK || err == HC_ERR_AWAY || err == HC_ERR_NOMEM ? err : HC_ERR_CLOSED;
}

enum hc_err hc_p11_listen(struct hc_p11_link *link, int wait_ms, struct hc_secret **ret_answer)
{
	struct pollfd wanted = {.fd = link->fd, .events = POLLIN};
	int64_t left = link->deadline_ms - hc_mono_ms(hc_clock_system());

	if (left <= 0)
		return HC_ERR_TIMEOUT;
	if (poll(&wanted, 1, left < wait_ms ? (int)left : wait_ms) < 0 && errno != EINTR)
		return HC_ERR_CLOSED;
	return wanted.revents == 0 ? HC_ERR_AWAY : take(link, ret_answer);
}
