/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the readers: slots, tokens, certificates, as the vendor's library tells.
 *
 * State: none beyond what is handed in. Threats: counts and lengths that lie, texts that are no text,
 * certificates of any size, a card that goes between two calls. Every buffer has a fixed size that is handed
 * over and compared again behind the call. Nothing here logs in.
 */
#include "pkcs11_module.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/log.h"

#define OBJECTS_MAX 32 /* certificates looked at, fit or not */
#define SLOTS_MAX   64 /* those beyond HC_P11_CARDS_MAX are left out */

/* A text of PKCS#11: no NUL, padded with blanks. ret_text may get four bytes for one. */
static void copy_text(const CK_UTF8CHAR *text, size_t len, char *ret_text, size_t cap)
{
	char plain[HC_P11_TEXT_MAX + 1];

	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\0'))
		len--;
	memcpy(plain, text, len);
	plain[len] = '\0';
	hc_escape(plain, ret_text, cap);
}

/* ---- certificates ---- */

/* One attribute into a buffer of fixed size. A library that writes more than it was given cannot be helped. */
static bool read_attribute(struct hc_p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t cap, size_t *ret_len)
{
	CK_ATTRIBUTE attribute = {type, out, (CK_ULONG)cap};

	if (HC_P11_CALL(module, C_GetAttributeValue, session, object, &attribute, 1) != CKR_OK ||
	    attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute.ulValueLen > cap)
		return false;
	*ret_len = attribute.ulValueLen;
	return true;
}

static bool read_certificate(struct hc_p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			     struct hc_p11_certificate *certificate)
{
	return read_attribute(module, session, object, CKA_ID, certificate->id, sizeof(certificate->id),
			      &certificate->id_len) &&
	       read_attribute(module, session, object, CKA_VALUE, certificate->der, sizeof(certificate->der),
			      &certificate->der_len) &&
	       hc_p11_usage_read(certificate->der, certificate->der_len, &certificate->usage) == HC_OK;
}

static size_t find_certificates(struct hc_p11_module *module, CK_SESSION_HANDLE session,
				CK_OBJECT_HANDLE found[OBJECTS_MAX])
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)},
				 {CKA_CERTIFICATE_TYPE, &type, sizeof(type)}};
	CK_ULONG count = 0;

	if (HC_P11_CALL(module, C_FindObjectsInit, session, wanted, HC_COUNT(wanted)) != CKR_OK)
		return 0;
	if (HC_P11_CALL(module, C_FindObjects, session, found, OBJECTS_MAX, &count) != CKR_OK)
		count = 0;
	(void)HC_P11_CALL(module, C_FindObjectsFinal, session); /* the session is closed next */
	return count <= OBJECTS_MAX ? count : 0;
}

/* Those that can be read, until the places are full: a card that fits has one or two. */
static void read_certificates(struct hc_p11_module *module, struct hc_p11_card *card)
{
	CK_OBJECT_HANDLE found[OBJECTS_MAX];
	CK_SESSION_HANDLE session;
	size_t count;

	card->count = 0;
	if (HC_P11_CALL(module, C_OpenSession, card->slot, CKF_SERIAL_SESSION, NULL, NULL, &session) !=
	    CKR_OK) {
		card->readable = false;
		return;
	}
	count = find_certificates(module, session, found);
	for (size_t i = 0; i < count && card->count < HC_P11_CERTIFICATES_MAX; i++) {
		if (read_certificate(module, session, found[i], &card->certificates[card->count]))
			card->count++;
	}
	(void)HC_P11_CALL(module, C_CloseSession, session); /* C_Finalize closes what is left */
}

/* ---- slots ---- */

static void copy_token(const CK_TOKEN_INFO *info, struct hc_p11_card *card)
{
	card->flags = info->flags;
	card->pin_min = info->ulMinPinLen;
	card->pin_max = info->ulMaxPinLen;
	copy_text(info->label, sizeof(info->label), card->label, sizeof(card->label));
	copy_text(info->serialNumber, sizeof(info->serialNumber), card->serial, sizeof(card->serial));
}

static void read_slot(struct hc_p11_module *module, CK_SLOT_ID slot, struct hc_p11_card *card)
{
	CK_SLOT_INFO info;
	CK_TOKEN_INFO token;

	card->slot = slot;
	if (HC_P11_CALL(module, C_GetSlotInfo, slot, &info) != CKR_OK)
		return;
	card->present = (info.flags & CKF_TOKEN_PRESENT) != 0;
	memcpy(card->reader, info.slotDescription, HC_P11_READER_MAX);
	card->reader[HC_P11_READER_MAX] = '\0';
	copy_text(info.slotDescription, HC_P11_READER_MAX, card->reader_name, sizeof(card->reader_name));
	if (!card->present || HC_P11_CALL(module, C_GetTokenInfo, slot, &token) != CKR_OK)
		return;
	copy_token(&token, card);
	card->readable = (token.flags & CKF_TOKEN_INITIALIZED) != 0;
}

static bool is_same(const struct hc_p11_card *a, const struct hc_p11_card *b)
{
	return a->slot == b->slot && a->present == b->present && a->readable == b->readable &&
	       strcmp(a->serial, b->serial) == 0 && strcmp(a->label, b->label) == 0 &&
	       strcmp(a->reader, b->reader) == 0;
}

/* What was read of the card in this slot before, if it is the same one. */
static const struct hc_p11_card *known(const struct hc_p11_cards *cards, const struct hc_p11_card *card)
{
	for (size_t i = 0; i < cards->count; i++) {
		if (is_same(&cards->cards[i], card))
			return &cards->cards[i];
	}
	return NULL;
}

static enum hc_reason list_slots(struct hc_p11_module *module, CK_SLOT_ID slots[SLOTS_MAX],
				 CK_ULONG *ret_count)
{
	CK_ULONG count = 0;

	/* Some modules look for new readers only when they are asked how many there are. */
	(void)HC_P11_CALL(module, C_GetSlotList, CK_FALSE, NULL, &count);
	count = SLOTS_MAX;
	if (HC_P11_CALL(module, C_GetSlotList, CK_FALSE, slots, &count) != CKR_OK)
		return HC_REASON_READER_ERROR;
	if (count > SLOTS_MAX)
		return hc_p11_fail(module, HC_REASON_MODULE_ERROR,
				   "C_GetSlotList: more than there was room for");
	*ret_count = count < HC_P11_CARDS_MAX ? count : HC_P11_CARDS_MAX;
	return HC_REASON_NONE;
}

enum hc_reason hc_p11_scan(struct hc_p11_module *module, struct hc_p11_cards *cards, bool *ret_changed)
{
	struct hc_p11_cards *fresh = calloc(1, sizeof(*fresh));
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = 0;
	enum hc_reason reason;
	bool changed;

	if (fresh == NULL)
		return hc_p11_fail(module, HC_REASON_INTERNAL, "no memory");
	reason = list_slots(module, slots, &count);
	if (reason != HC_REASON_NONE) {
		free(fresh);
		return reason;
	}
	changed = cards->count != count;
	for (size_t i = 0; i < count; i++) {
		struct hc_p11_card *card = &fresh->cards[i];
		const struct hc_p11_card *before;

		read_slot(module, slots[i], card);
		before = known(cards, card);
		changed = changed || before == NULL;
		if (before != NULL) {
			card->count = before->count;
			memcpy(card->certificates, before->certificates,
			       before->count * sizeof(card->certificates[0]));
		} else if (card->readable) {
			read_certificates(module, card);
		}
	}
	cards->count = count;
	memcpy(cards->cards, fresh->cards, count * sizeof(cards->cards[0]));
	free(fresh);
	*ret_changed = changed;
	return HC_REASON_NONE;
}

bool hc_p11_event(struct hc_p11_module *module)
{
	CK_SLOT_ID slot = 0;
	CK_RV rv;

	if (module->no_events)
		return true;
	rv = HC_P11_CALL(module, C_WaitForSlotEvent, CKF_DONT_BLOCK, &slot, NULL);
	if (rv == CKR_NO_EVENT)
		return false;
	/* Without such events, or with a broken notion of them, the slots are asked each time. */
	module->no_events = rv != CKR_OK;
	return true;
}

enum hc_reason hc_p11_look(struct hc_p11_module *module, struct hc_p11_card *card)
{
	struct hc_p11_card *now = calloc(1, sizeof(*now));
	enum hc_reason reason = HC_REASON_NONE;

	if (now == NULL)
		return hc_p11_fail(module, HC_REASON_INTERNAL, "no memory");
	read_slot(module, card->slot, now);
	if (!is_same(now, card)) {
		reason = hc_p11_fail(module, HC_REASON_DEVICE_REMOVED,
				     now->present ? "another card is in the reader" : "the card was removed");
	} else {
		card->flags = now->flags;
		card->pin_min = now->pin_min;
		card->pin_max = now->pin_max;
	}
	free(now);
	return reason;
}
