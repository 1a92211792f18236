/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions with the tests' cards: the PIN, objects, signatures.
 *
 * State: the sessions of this process. The PIN's state is the card's, as on real ones: a file.
 */
#include "card_session.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "card_keys.h"

struct session {
	int used, logged_in;
	CK_SLOT_ID slot;
	char card[HC_TEST_NAME_MAX + 1];
	size_t next_found;
	CK_OBJECT_CLASS wanted;
	uint8_t wanted_id[64];
	size_t wanted_id_len;
	CK_OBJECT_HANDLE key;
	CK_MECHANISM_TYPE mechanism;
};

static struct session sessions[SLOTS_MAX];

void hc_test_sessions_end(void)
{
	memset(sessions, 0, sizeof(sessions));
}

bool hc_test_card_in(CK_SLOT_ID slot, char card[HC_TEST_NAME_MAX + 1])
{
	card[0] = '\0';
	return hc_test_read(card, HC_TEST_NAME_MAX + 1, "slots/%lu/card", slot) > 0;
}

/* ---- sessions ---- */

static CK_RV session_of(CK_SESSION_HANDLE handle, struct session **ret_session)
{
	char card[HC_TEST_NAME_MAX + 1];

	if (handle == 0 || handle > SLOTS_MAX || !sessions[handle - 1].used)
		return CKR_SESSION_HANDLE_INVALID;
	*ret_session = &sessions[handle - 1];
	/* Another card, or none: what was opened with it is gone. */
	return hc_test_card_in((*ret_session)->slot, card) && strcmp(card, (*ret_session)->card) == 0
		       ? CKR_OK
		       : CKR_DEVICE_REMOVED;
}

CK_RV hc_test_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			   CK_SESSION_HANDLE *handle)
{
	FAULT(C_OpenSession);
	(void)application;
	(void)notify;
	for (size_t i = 0; i < SLOTS_MAX && (flags & CKF_SERIAL_SESSION) != 0; i++) {
		if (sessions[i].used)
			continue;
		memset(&sessions[i], 0, sizeof(sessions[i]));
		if (!hc_test_card_in(slot, sessions[i].card))
			return CKR_TOKEN_NOT_PRESENT;
		sessions[i].used = 1;
		sessions[i].slot = slot;
		*handle = i + 1;
		return CKR_OK;
	}
	return CKR_SESSION_COUNT;
}

CK_RV hc_test_close_session(CK_SESSION_HANDLE handle)
{
	FAULT(C_CloseSession);
	if (handle == 0 || handle > SLOTS_MAX)
		return CKR_SESSION_HANDLE_INVALID;
	sessions[handle - 1].used = 0;
	return CKR_OK;
}

/* Everything that reaches the card is in the log, whatever comes of it. */
static CK_RV check_pin(struct session *session, const char *pin, size_t len)
{
	long tries = hc_test_number(TRIES, "cards/%s/tries", session->card);
	char right[64], number[24];
	int is_right;

	(void)hc_test_read(right, sizeof(right), "cards/%s/pin", session->card);
	is_right = strlen(right) == len && memcmp(right, pin, len) == 0;
	hc_test_log("C_Login %s %s", session->card, tries == 0 ? "blocked" : is_right ? "right" : "wrong");
	if (tries == 0)
		return CKR_PIN_LOCKED;
	(void)snprintf(number, sizeof(number), "%ld", is_right ? (long)TRIES : tries - 1);
	hc_test_write(number, "cards/%s/tries", session->card);
	if (!is_right)
		return CKR_PIN_INCORRECT;
	session->logged_in = 1;
	hc_test_write("", "cards/%s/open", session->card);
	return CKR_OK;
}

CK_RV hc_test_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
	struct session *session = NULL;
	char typed[64];
	CK_RV rv;

	FAULT(C_Login);
	rv = session_of(handle, &session);
	if (rv != CKR_OK)
		return rv;
	if (user != CKU_USER)
		return CKR_USER_TYPE_INVALID;
	if (session->logged_in)
		return CKR_USER_ALREADY_LOGGED_IN;
	if (hc_test_exists("cards/%s/no_pin", session->card))
		return CKR_USER_PIN_NOT_INITIALIZED;
	if (pin == NULL) {
		if (hc_test_read(typed, sizeof(typed), "cards/%s/pinpad", session->card) < 0)
			return CKR_ARGUMENTS_BAD;
		return typed[0] == '\0' ? CKR_FUNCTION_CANCELED : check_pin(session, typed, strlen(typed));
	}
	return check_pin(session, (const char *)pin, len);
}

CK_RV hc_test_logout(CK_SESSION_HANDLE handle)
{
	struct session *session = NULL;
	CK_RV rv;

	FAULT(C_Logout);
	rv = session_of(handle, &session);
	if (rv != CKR_OK)
		return rv;
	if (!session->logged_in)
		return CKR_USER_NOT_LOGGED_IN;
	session->logged_in = 0;
	hc_test_remove("cards/%s/open", session->card);
	hc_test_log("C_Logout %s", session->card);
	return CKR_OK;
}

/* ---- objects ---- */

CK_RV hc_test_find_objects_init(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
	struct session *session = NULL;
	CK_RV rv;

	FAULT(C_FindObjectsInit);
	rv = session_of(handle, &session);
	if (rv != CKR_OK)
		return rv;
	session->next_found = 0;
	session->wanted = CKO_DATA;
	session->wanted_id_len = 0;
	for (CK_ULONG i = 0; i < count; i++) {
		if (wanted[i].type == CKA_CLASS)
			memcpy(&session->wanted, wanted[i].pValue, sizeof(session->wanted));
		if (wanted[i].type == CKA_ID && wanted[i].ulValueLen <= sizeof(session->wanted_id)) {
			memcpy(session->wanted_id, wanted[i].pValue, wanted[i].ulValueLen);
			session->wanted_id_len = wanted[i].ulValueLen;
		}
	}
	return CKR_OK;
}

static bool is_wanted(const struct session *session, const struct hc_test_object *object)
{
	if (session->wanted == CKO_PRIVATE_KEY ? !object->has_key : !object->has_certificate)
		return false;
	if (session->wanted == CKO_PRIVATE_KEY && !object->is_public && !session->logged_in)
		return false;
	return session->wanted_id_len == 0 || (session->wanted_id_len == object->id_len &&
					       memcmp(session->wanted_id, object->id, object->id_len) == 0);
}

CK_RV hc_test_find_objects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count)
{
	struct session *session = NULL;
	struct hc_test_object object;
	CK_RV rv;

	FAULT(C_FindObjects);
	rv = session_of(handle, &session);
	*count = deed == HC_TEST_LIE ? HUGE_COUNT : 0;
	if (rv != CKR_OK || deed == HC_TEST_LIE)
		return rv;
	while (*count < max && hc_test_object(session->card, session->next_found, &object)) {
		size_t number = session->next_found++;

		if (is_wanted(session, &object))
			found[(*count)++] = 2 * number + (session->wanted == CKO_PRIVATE_KEY ? 2 : 1);
	}
	return CKR_OK;
}

CK_RV hc_test_find_objects_final(CK_SESSION_HANDLE handle)
{
	FAULT(C_FindObjectsFinal);
	(void)handle;
	return CKR_OK;
}

static CK_RV give(CK_ATTRIBUTE *attribute, const void *value, size_t len)
{
	if (attribute->pValue != NULL && attribute->ulValueLen < len) {
		attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	if (attribute->pValue != NULL)
		memcpy(attribute->pValue, value, len);
	attribute->ulValueLen = len;
	return CKR_OK;
}

static CK_RV get_one(const struct hc_test_object *object, CK_ATTRIBUTE *attribute)
{
	const CK_BBOOL private = object->is_public ? CK_FALSE : CK_TRUE;
	const CK_ULONG type = object->is_ec ? CKK_EC : CKK_RSA;

	if (attribute->type == CKA_ID)
		return give(attribute, object->id, object->id_len);
	if (attribute->type == CKA_VALUE)
		return give(attribute, object->der, object->der_len);
	if (attribute->type == CKA_PRIVATE)
		return give(attribute, &private, sizeof(private));
	if (attribute->type == CKA_KEY_TYPE)
		return give(attribute, &type, sizeof(type));
	attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

CK_RV hc_test_get_attribute_value(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE number, CK_ATTRIBUTE *attributes,
				  CK_ULONG count)
{
	struct session *session = NULL;
	struct hc_test_object object;
	CK_RV rv;

	FAULT(C_GetAttributeValue);
	rv = session_of(handle, &session);
	if (rv == CKR_OK && (number == 0 || !hc_test_object(session->card, (number - 1) / 2, &object)))
		rv = CKR_OBJECT_HANDLE_INVALID;
	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		rv = get_one(&object, &attributes[i]);
		if (deed == HC_TEST_LIE)
			attributes[i].ulValueLen = HUGE_COUNT;
	}
	return rv;
}

/* ---- signing ---- */

CK_RV hc_test_get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	FAULT(C_GetMechanismInfo);
	(void)slot;
	if (type != CKM_SHA256_RSA_PKCS && type != CKM_ECDSA)
		return CKR_MECHANISM_INVALID;
	*info = (CK_MECHANISM_INFO){256, 4096, CKF_SIGN | CKF_HW};
	return CKR_OK;
}

CK_RV hc_test_sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	struct session *session = NULL;
	CK_RV rv;

	FAULT(C_SignInit);
	rv = session_of(handle, &session);
	if (rv != CKR_OK)
		return rv;
	session->key = key;
	session->mechanism = mechanism->mechanism;
	return CKR_OK;
}

CK_RV hc_test_sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
	struct session *session = NULL;
	struct hc_test_object object;
	CK_RV rv;

	FAULT(C_Sign);
	rv = session_of(handle, &session);
	if (rv != CKR_OK)
		return rv;
	if (!hc_test_object(session->card, (session->key - 1) / 2, &object))
		return CKR_KEY_HANDLE_INVALID;
	if (!session->logged_in && !object.is_public)
		return CKR_USER_NOT_LOGGED_IN;
	hc_test_log("C_Sign %s 0x%lx", session->card, session->mechanism);
	rv = hc_test_key_sign(&object, session->mechanism == CKM_ECDSA, data, len, out, out_len)
		     ? CKR_OK
		     : CKR_GENERAL_ERROR;
	if (rv == CKR_OK && deed == HC_TEST_LIE)
		*out_len = HUGE_COUNT;
	return rv;
}

CK_RV hc_test_digest_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism)
{
	struct session *session = NULL;

	FAULT(C_DigestInit);
	return mechanism->mechanism == CKM_SHA256 ? session_of(handle, &session) : CKR_MECHANISM_INVALID;
}

CK_RV hc_test_digest(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
	struct session *session = NULL;
	CK_RV rv;

	FAULT(C_Digest);
	rv = session_of(handle, &session);
	if (rv == CKR_OK)
		*out_len = hc_test_sha256(data, len, out);
	return rv;
}
