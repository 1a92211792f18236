/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_MODULE_H
#define HC_PKCS11_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p11-kit/p11-kit.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/reason.h"
#include "pkcs11_choice.h"
#include "pkcs11_request.h"
#include "pkcs11_watch.h"

struct hc_secret;

/*
 * The vendor's PKCS#11 library, in the process that runs it and nothing else. Everything that it says is
 * bounded here. Functions return HC_REASON_NONE or why they failed, and leave a line for logs in failure.
 */
#define HC_P11_FAILURE_MAX 128

struct hc_p11_module {
	CK_FUNCTION_LIST *functions; /* NULL: not loaded */
	bool initialized, has_session, logged_in;
	bool no_events; /* it does not tell of cards that come and go */
	CK_SESSION_HANDLE session;
	struct hc_p11_watch *watch; /* borrowed */
	char failure[HC_P11_FAILURE_MAX + 1];
};

/*
 * HC_P11_CALL: every call of the library goes through here, so that the watcher knows how long it takes and
 * a failure has a name.
 */
#define HC_P11_CALL_FOR(module, limit_ms, function, ...)     \
	(hc_p11_call_begin((module), #function, (limit_ms)), \
	 hc_p11_call_end((module), #function, (module)->functions->function(__VA_ARGS__)))
#define HC_P11_CALL(module, function, ...) HC_P11_CALL_FOR(module, HC_P11_CALL_MS, function, __VA_ARGS__)
void hc_p11_call_begin(struct hc_p11_module *module, const char *name, int64_t limit_ms);
CK_RV hc_p11_call_end(struct hc_p11_module *module, const char *name, CK_RV rv);

/* hc_p11_fail: leaves why for logs; returns reason. */
enum hc_reason hc_p11_fail(struct hc_p11_module *module, enum hc_reason reason, const char *why);

/* hc_p11_reason_of: what a failed call means: DEVICE_REMOVED, PIN_BLOCKED, CANCELLED, READER_ERROR, MODULE_ERROR. */
enum hc_reason hc_p11_reason_of(CK_RV rv);

/* hc_p11_open: loads the library at an absolute path and starts it. MODULE_ERROR. */
HC_CHECK enum hc_reason hc_p11_open(struct hc_p11_module *module, const char *path);

/* hc_p11_close: logs out, closes, finalizes and unloads what there is of it. Accepts what was never opened. */
void hc_p11_close(struct hc_p11_module *module);

/* ---- readers and cards (pkcs11_scan.c) ---- */

/*
 * hc_p11_scan: brings cards up to date. The certificates of a card that was there with the same serial number and label
 * are not read again. A card that cannot be read is not readable, and no failure. ret_changed: a card came, went or changed.
 */
HC_CHECK enum hc_reason hc_p11_scan(struct hc_p11_module *module, struct hc_p11_cards *cards,
				    bool *ret_changed);

/* hc_p11_event: whether something happened at a reader since the last time; true where the module cannot tell. Does not block. */
bool hc_p11_event(struct hc_p11_module *module);

/* hc_p11_look: the token's flags and PIN lengths as they are now, into card. DEVICE_REMOVED: it has gone, or is another one. */
HC_CHECK enum hc_reason hc_p11_look(struct hc_p11_module *module, struct hc_p11_card *card);

/* ---- signing (pkcs11_session.c) ---- */

/* hc_p11_session: a session with card's token, closed by hc_p11_close. Refuses a key that signs without a PIN: CARD_WITHOUT_PIN. */
HC_CHECK enum hc_reason hc_p11_session(struct hc_p11_module *module, const struct hc_p11_card *card,
				       const struct hc_p11_certificate *certificate);

/*
 * hc_p11_login: sends the PIN (NULL: the reader asks for it) to the card, once. WRONG_PIN; PIN_BLOCKED;
 * PIN_NOT_ACCEPTED: the card did not look at it; CARD_WITHOUT_PIN; others as in hc_p11_reason_of.
 */
HC_CHECK enum hc_reason hc_p11_login(struct hc_p11_module *module, const struct hc_p11_card *card,
				     const struct hc_secret *pin);

/*
 * hc_p11_sign: by the certificate's key, over SHA-256 of message: RSASSA-PKCS1-v1_5, or ECDSA as DER. Only in
 * a session that logged in. CERTIFICATE_NOT_FOR_SIGN_IN: no key of that CKA_ID.
 */
#define HC_P11_SIGNATURE_MAX 1024
struct hc_p11_signature {
	uint8_t bytes[HC_P11_SIGNATURE_MAX];
	size_t len;
};
HC_CHECK enum hc_reason hc_p11_sign(struct hc_p11_module *module, const struct hc_p11_card *card,
				    const struct hc_p11_certificate *certificate, const void *message,
				    size_t len, struct hc_p11_signature *ret_signature);

#endif
