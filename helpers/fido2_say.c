/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the helper tells the broker, and the texts and bytes of keys made fit for it.
 *
 * State: none. Everything here comes from a key: names may hold control characters or be no UTF-8,
 * lengths may be anything. It must never write a text that acts on a terminal.
 */
#include "fido2_say.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/identity.h"

static void put_note(struct hc_msg *msg, const struct hc_fido2_note *note)
{
	hc_msg_put_text(msg, HC_FIELD_LABEL, note->label);
	hc_msg_put_text(msg, HC_FIELD_DETAIL, note->detail);
	if (note->tries >= 0)
		hc_msg_put_u32(msg, HC_FIELD_TRIES_LEFT, (uint32_t)note->tries);
	if (note->reason != HC_REASON_NONE)
		hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)note->reason);
	if (note->pin_min > 0)
		hc_msg_put_u32(msg, HC_FIELD_PIN_MIN, note->pin_min);
}

enum hc_err hc_fido2_say_wait(struct hc_msg *msg, enum hc_device_wait wait, const struct hc_fido2_note *note)
{
	hc_msg_init(msg, HC_MSG_DEVICE_WAIT);
	hc_msg_put_u32(msg, HC_FIELD_DEVICE_WAIT, (uint32_t)wait);
	put_note(msg, note);
	return hc_msg_finish(msg);
}

enum hc_err hc_fido2_say_ask(struct hc_msg *msg, enum hc_device_ask ask, const struct hc_fido2_note *note,
			     const struct hc_fido2_account *accounts, size_t count)
{
	uint8_t choices[4096];
	struct hc_writer writer;

	hc_msg_init(msg, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(msg, HC_FIELD_DEVICE_ASK, (uint32_t)ask);
	put_note(msg, note);
	hc_writer_init(&writer, choices, sizeof(choices));
	for (size_t i = 0; i < count; i++) {
		size_t name_len = strlen(accounts[i].name);

		hc_writer_u16(&writer, (uint16_t)accounts[i].handle_len);
		hc_writer_bytes(&writer, accounts[i].handle, accounts[i].handle_len);
		hc_writer_u16(&writer, (uint16_t)name_len);
		hc_writer_bytes(&writer, accounts[i].name, name_len);
	}
	if (writer.err != HC_OK)
		return writer.err;
	if (count > 0)
		hc_msg_put_bytes(msg, HC_FIELD_CHOICES, choices, writer.len);
	return hc_msg_finish(msg);
}

static void put_algorithms(struct hc_msg *msg, const struct hc_fido2_facts *facts)
{
	uint8_t bytes[4 * HC_DEVICE_ALGORITHMS_MAX];
	struct hc_writer writer;

	hc_writer_init(&writer, bytes, sizeof(bytes));
	for (size_t i = 0; i < facts->algorithm_count; i++)
		hc_writer_u32(&writer, (uint32_t)facts->algorithms[i]);
	if (writer.err == HC_OK && writer.len > 0)
		hc_msg_put_bytes(msg, HC_FIELD_ALGORITHMS, bytes, writer.len);
}

enum hc_err hc_fido2_say_item(struct hc_msg *msg, const char *path, const struct hc_fido2_facts *facts,
			      const struct hc_fido2_note *note)
{
	hc_msg_init(msg, HC_MSG_DEVICE_ITEM);
	hc_msg_put_text(msg, HC_FIELD_DEVICE_PATH, path);
	put_note(msg, note);
	if (note->reason != HC_REASON_NONE)
		return hc_msg_finish(msg); /* nothing is known of it */
	hc_msg_put_text(msg, HC_FIELD_VERSIONS, facts->versions);
	hc_msg_put_text(msg, HC_FIELD_OPTIONS, facts->options);
	if (facts->fido2)
		hc_msg_put_bytes(msg, HC_FIELD_AAGUID, facts->aaguid, sizeof(facts->aaguid));
	if (facts->has_pin && facts->pin_tries >= 0)
		hc_msg_put_u32(msg, HC_FIELD_TRIES_LEFT, (uint32_t)facts->pin_tries);
	if (facts->has_finger && facts->finger_tries >= 0)
		hc_msg_put_u32(msg, HC_FIELD_FINGER_TRIES_LEFT, (uint32_t)facts->finger_tries);
	if (facts->pin_min > 0)
		hc_msg_put_u32(msg, HC_FIELD_PIN_MIN, facts->pin_min);
	put_algorithms(msg, facts);
	return hc_msg_finish(msg);
}

enum hc_err hc_fido2_say_done(struct hc_msg *msg, const struct hc_fido2_outcome *outcome, size_t chosen,
			      const struct hc_fido2_note *note)
{
	hc_msg_init(msg, HC_MSG_DEVICE_DONE);
	put_note(msg, note);
	if (outcome != NULL) {
		const struct hc_fido2_account *account = &outcome->accounts[chosen];

		hc_msg_put_text(msg, HC_FIELD_RP_ID, outcome->rp_id);
		hc_msg_put_bytes(msg, HC_FIELD_CREDENTIAL, account->credential, account->credential_len);
		hc_msg_put_bytes(msg, HC_FIELD_AUTH_DATA, account->auth_data, account->auth_data_len);
		if (account->signature_len > 0)
			hc_msg_put_bytes(msg, HC_FIELD_SIGNATURE_DER, account->signature,
					 account->signature_len);
		if (account->handle_len > 0)
			hc_msg_put_bytes(msg, HC_FIELD_USER_HANDLE, account->handle, account->handle_len);
		if (outcome->attestation_len > 0)
			hc_msg_put_bytes(msg, HC_FIELD_ATTESTATION, outcome->attestation,
					 outcome->attestation_len);
		hc_msg_put_text(msg, HC_FIELD_FORMAT, outcome->format);
	}
	return hc_msg_finish(msg);
}

enum hc_err hc_fido2_say_failed(struct hc_msg *msg, const struct hc_fido2_note *note)
{
	hc_msg_init(msg, HC_MSG_DEVICE_FAILED);
	put_note(msg, note);
	return hc_msg_finish(msg);
}

/* Cut at a whole character. */
static size_t cut(const char *text, size_t len)
{
	if (len <= HC_FIDO2_LABEL_MAX)
		return len;
	len = HC_FIDO2_LABEL_MAX;
	while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void hc_fido2_label(const char *first, const char *second, char out[HC_FIDO2_LABEL_MAX + 1])
{
	bool both = first != NULL && first[0] != '\0' && second != NULL && second[0] != '\0';
	char text[4 * HC_FIDO2_LABEL_MAX];
	size_t len;

	/* A longer one is cut anyway. */
	(void)snprintf(text, sizeof(text), "%.200s%s%.200s", first != NULL ? first : "", both ? " " : "",
		       second != NULL ? second : "");
	len = cut(text, strlen(text));
	for (size_t i = 0; !hc_utf8_valid(text, len) && i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
	}
	if (len == 0)
		len = (size_t)snprintf(text, sizeof(text), "FIDO");
	memcpy(out, text, len);
	out[len] = '\0';
}

enum hc_err hc_fido2_unwrap(const uint8_t *data, size_t len, const uint8_t **ret_view, size_t *ret_len)
{
	struct hc_reader reader;
	uint8_t head = 0, small = 0;
	uint16_t size = 0;
	enum hc_err err;

	hc_reader_init(&reader, data, len);
	err = hc_reader_u8(&reader, &head);
	if (err == HC_OK && head == 0x58) {
		err = hc_reader_u8(&reader, &small);
		size = small;
	} else if (err == HC_OK && head == 0x59) {
		err = hc_reader_u16(&reader, &size);
	} else if (head >= 0x40 && head <= 0x57) {
		size = head & 0x1f;
	} else {
		err = HC_ERR_INVALID;
	}
	if (err != HC_OK || hc_reader_left(&reader) != size)
		return HC_ERR_INVALID;
	*ret_len = size;
	return hc_reader_bytes(&reader, size, ret_view);
}
