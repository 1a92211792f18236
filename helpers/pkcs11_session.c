/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session with one card: the PIN, and one signature.
 *
 * State: in struct hc_p11_module, whether this session logged in. Threats: a key that signs without a PIN
 * (it proves that a card is near, not whose hand holds it), a card that somebody else left open, a signature
 * that is longer than it may be. It must never sign without a login of its own, and never send a PIN twice.
 */
#include "pkcs11_module.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "hospiconnect/secret.h"

#define KEYS_MAX   4
#define SHA256_LEN 32

/* ---- the key ---- */

/* The signing keys with the certificate's CKA_ID that this session can see; at most KEYS_MAX. */
static enum hc_reason find_keys(struct hc_p11_module *module, const struct hc_p11_certificate *certificate,
				CK_OBJECT_HANDLE keys[KEYS_MAX], size_t *ret_count)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	uint8_t id[HC_P11_ID_MAX];
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, id, certificate->id_len}};
	CK_ULONG count = 0;
	CK_RV rv;

	memcpy(id, certificate->id, sizeof(id));
	rv = HC_P11_CALL(module, C_FindObjectsInit, module->session, wanted, HC_COUNT(wanted));
	if (rv != CKR_OK)
		return hc_p11_reason_of(rv);
	rv = HC_P11_CALL(module, C_FindObjects, module->session, keys, KEYS_MAX, &count);
	(void)HC_P11_CALL(module, C_FindObjectsFinal, module->session); /* C_SignInit would say so */
	if (rv != CKR_OK)
		return hc_p11_reason_of(rv);
	if (count > KEYS_MAX)
		return hc_p11_fail(module, HC_REASON_MODULE_ERROR,
				   "C_FindObjects: more than there was room for");
	*ret_count = count;
	return HC_REASON_NONE;
}

static enum hc_reason read_number(struct hc_p11_module *module, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
				  CK_ULONG *ret_value)
{
	CK_ULONG value = 0;
	CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
	CK_RV rv = HC_P11_CALL(module, C_GetAttributeValue, module->session, key, &attribute, 1);

	if (rv != CKR_OK)
		return hc_p11_reason_of(rv);
	if (attribute.ulValueLen != sizeof(value))
		return hc_p11_fail(module, HC_REASON_MODULE_ERROR, "C_GetAttributeValue: length of a number");
	*ret_value = value;
	return HC_REASON_NONE;
}

/* CKA_PRIVATE false: the key is there for anybody who has the card. Not told: taken for that. */
static bool needs_login(struct hc_p11_module *module, CK_OBJECT_HANDLE key)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE attribute = {CKA_PRIVATE, &value, sizeof(value)};

	return HC_P11_CALL(module, C_GetAttributeValue, module->session, key, &attribute, 1) == CKR_OK &&
	       attribute.ulValueLen == sizeof(value) && value == CK_TRUE;
}

enum hc_reason hc_p11_session(struct hc_p11_module *module, const struct hc_p11_card *card,
			      const struct hc_p11_certificate *certificate)
{
	CK_OBJECT_HANDLE keys[KEYS_MAX];
	enum hc_reason reason;
	size_t count = 0;
	CK_RV rv = HC_P11_CALL(module, C_OpenSession, card->slot, CKF_SERIAL_SESSION, NULL, NULL,
			       &module->session);

	if (rv != CKR_OK)
		return hc_p11_reason_of(rv);
	module->has_session = true;
	(void)snprintf(module->watch->reader, sizeof(module->watch->reader), "%s", card->reader);
	reason = find_keys(module, certificate, keys, &count);
	if (reason != HC_REASON_NONE)
		return reason;
	for (size_t i = 0; i < count; i++) {
		if (!needs_login(module, keys[i]))
			return hc_p11_fail(module, HC_REASON_CARD_WITHOUT_PIN, "the key signs without a PIN");
	}
	return HC_REASON_NONE;
}

/* ---- the PIN ---- */

static enum hc_reason login_reason(CK_RV rv)
{
	switch (rv) {
	case CKR_PIN_INCORRECT:
		return HC_REASON_WRONG_PIN;
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return HC_REASON_PIN_NOT_ACCEPTED;
	case CKR_PIN_EXPIRED:
		return HC_REASON_PIN_CHANGE_NEEDED;
	case CKR_USER_PIN_NOT_INITIALIZED:
		return HC_REASON_CARD_WITHOUT_PIN;
	default: /* a number of the library's */
		return hc_p11_reason_of(rv);
	}
}

static CK_RV send_pin(struct hc_p11_module *module, const struct hc_secret *pin)
{
	if (pin == NULL)
		return HC_P11_CALL_FOR(module, HC_P11_PIN_PAD_MS, C_Login, module->session, CKU_USER, NULL,
				       0);
	/* The interface wants it writable; nobody may write. */
	return HC_P11_CALL(module, C_Login, module->session, CKU_USER,
			   (CK_UTF8CHAR_PTR)(uintptr_t)hc_secret_data(pin), hc_secret_len(pin));
}

enum hc_reason hc_p11_login(struct hc_p11_module *module, const struct hc_p11_card *card,
			    const struct hc_secret *pin)
{
	CK_RV rv;

	if (!module->has_session || module->logged_in)
		return hc_p11_fail(module, HC_REASON_INTERNAL, "login outside of a session");
	/* An empty PIN would ask whether the card is open already: no answer to that signs anybody in. */
	if (pin != NULL ? hc_secret_len(pin) == 0 : (card->flags & CKF_PROTECTED_AUTHENTICATION_PATH) == 0)
		return hc_p11_fail(module, HC_REASON_PIN_NOT_ACCEPTED, "empty PIN");
	atomic_store(&module->watch->pin_sent, true);
	rv = send_pin(module, pin);
	if (rv != CKR_OK)
		return login_reason(rv);
	module->logged_in = true;
	return HC_REASON_NONE;
}

/* ---- the signature ---- */

static bool has_mechanism(struct hc_p11_module *module, const struct hc_p11_card *card,
			  CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO info = {0};

	return HC_P11_CALL(module, C_GetMechanismInfo, card->slot, type, &info) == CKR_OK &&
	       (info.flags & CKF_SIGN) != 0;
}

static enum hc_reason sign_with(struct hc_p11_module *module, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type,
				uint8_t *data, size_t len, struct hc_p11_signature *signature)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_ULONG out_len = sizeof(signature->bytes);
	CK_RV rv = HC_P11_CALL(module, C_SignInit, module->session, &mechanism, key);

	if (rv == CKR_OK)
		rv = HC_P11_CALL(module, C_Sign, module->session, data, len, signature->bytes, &out_len);
	if (rv != CKR_OK)
		return hc_p11_reason_of(rv);
	if (out_len == 0 || out_len > sizeof(signature->bytes))
		return hc_p11_fail(module, HC_REASON_MODULE_ERROR, "C_Sign: length of the signature");
	signature->len = out_len;
	return HC_REASON_NONE;
}

/* The library's own SHA-256: what it gets wrong, the broker's verification does not accept. */
static enum hc_reason digest(struct hc_p11_module *module, uint8_t *data, size_t len, uint8_t out[SHA256_LEN])
{
	CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
	CK_ULONG out_len = SHA256_LEN;
	CK_RV rv = HC_P11_CALL(module, C_DigestInit, module->session, &mechanism);

	if (rv == CKR_OK)
		rv = HC_P11_CALL(module, C_Digest, module->session, data, len, out, &out_len);
	if (rv != CKR_OK)
		return hc_p11_reason_of(rv);
	return out_len == SHA256_LEN ? HC_REASON_NONE
				     : hc_p11_fail(module, HC_REASON_MODULE_ERROR, "C_Digest: length");
}

static enum hc_reason sign_ecdsa(struct hc_p11_module *module, const struct hc_p11_card *card,
				 CK_OBJECT_HANDLE key, uint8_t *data, size_t len,
				 struct hc_p11_signature *signature)
{
	struct hc_p11_signature raw = {.len = 0};
	uint8_t hash[SHA256_LEN];
	enum hc_reason reason;

	if (has_mechanism(module, card, CKM_ECDSA_SHA256)) {
		reason = sign_with(module, key, CKM_ECDSA_SHA256, data, len, &raw);
	} else {
		reason = digest(module, data, len, hash);
		if (reason == HC_REASON_NONE)
			reason = sign_with(module, key, CKM_ECDSA, hash, sizeof(hash), &raw);
	}
	if (reason != HC_REASON_NONE)
		return reason;
	if (hc_p11_ecdsa_to_der(raw.bytes, raw.len, signature->bytes, sizeof(signature->bytes),
				&signature->len) != HC_OK)
		return hc_p11_fail(module, HC_REASON_MODULE_ERROR, "C_Sign: no ECDSA signature");
	return HC_REASON_NONE;
}

static enum hc_reason find_key(struct hc_p11_module *module, const struct hc_p11_certificate *certificate,
			       CK_OBJECT_HANDLE *ret_key)
{
	CK_OBJECT_HANDLE keys[KEYS_MAX];
	size_t count = 0;
	enum hc_reason reason = find_keys(module, certificate, keys, &count);

	if (reason != HC_REASON_NONE)
		return reason;
	if (count != 1)
		return hc_p11_fail(module, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN,
				   count == 0 ? "no key of the certificate's CKA_ID"
					      : "several keys of the certificate's CKA_ID");
	if (!needs_login(module, keys[0]))
		return hc_p11_fail(module, HC_REASON_CARD_WITHOUT_PIN, "the key signs without a PIN");
	*ret_key = keys[0];
	return HC_REASON_NONE;
}

enum hc_reason hc_p11_sign(struct hc_p11_module *module, const struct hc_p11_card *card,
			   const struct hc_p11_certificate *certificate, const void *message, size_t len,
			   struct hc_p11_signature *ret_signature)
{
	uint8_t data[HC_P11_MESSAGE_MAX];
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG type = 0;
	enum hc_reason reason;

	if (!module->logged_in || len == 0 || len > sizeof(data))
		return hc_p11_fail(module, HC_REASON_INTERNAL, "signature without a login or a message");
	memcpy(data, message, len); /* the interface wants it writable */
	reason = find_key(module, certificate, &key);
	if (reason == HC_REASON_NONE)
		reason = read_number(module, key, CKA_KEY_TYPE, &type);
	if (reason != HC_REASON_NONE)
		return reason;
	if (type == CKK_RSA)
		return sign_with(module, key, CKM_SHA256_RSA_PKCS, data, len, ret_signature);
	if (type == CKK_EC)
		return sign_ecdsa(module, card, key, data, len, ret_signature);
	return hc_p11_fail(module, HC_REASON_CERTIFICATE_NOT_FOR_SIGN_IN, "neither an RSA nor an EC key");
}
