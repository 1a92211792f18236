/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_REASON_H
#define HC_REASON_H

#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Help-desk codes. One number for one cause, shown to people as "HC-213", written to the audit
 * trail, and explained with cause and cure in hospiconnect-codes(7). A number is never reused.
 *
 *   1xx  the way to the broker     2xx  sign-in refused
 *   3xx  the broker's own trouble  4xx  administration refused
 *   5xx  the gateway's pages
 *
 * HC_REASONS(X) lists them: X(number, NAME). The message of each stands in po/ under the context
 * "reason.NAME".
 */
#define HC_REASONS(X)                       \
	X(101, BROKER_AWAY)                 \
	X(102, BROKER_HUNG)                 \
	X(103, BROKER_IMPOSTOR)             \
	X(104, BAD_ARGUMENT)                \
	X(105, CONVERSATION_FAILED)         \
	X(106, PROTOCOL_ERROR)              \
	X(107, NO_MEMORY)                   \
	X(201, WRONG_CODE)                  \
	X(202, CODE_ALREADY_USED)           \
	X(203, LOCKED_OUT)                  \
	X(204, NOT_ENROLLED)                \
	X(205, UNKNOWN_PERSON)              \
	X(206, PERSON_DISABLED)             \
	X(207, NOT_YET_VALID)               \
	X(208, VALIDITY_OVER)               \
	X(209, NO_METHOD_HERE)              \
	X(210, TIMED_OUT)                   \
	X(211, CANCELLED)                   \
	X(212, NOT_A_CODE)                  \
	X(213, RECOVERY_CODE_USED)          \
	X(214, CALLER_NOT_ALLOWED)          \
	X(215, SERVICE_NOT_ALLOWED)         \
	X(216, NAME_MALFORMED)              \
	X(217, CREDENTIAL_REVOKED)          \
	X(218, GRACE)                       \
	X(219, TOO_MANY_TRIES)              \
	X(220, WRONG_PASSWORD)              \
	X(230, NO_DEVICE)                   \
	X(231, WRONG_PIN)                   \
	X(232, PIN_BLOCKED_FOR_NOW)         \
	X(233, PIN_BLOCKED)                 \
	X(234, KEY_NOT_REGISTERED)          \
	X(235, DEVICE_REMOVED)              \
	X(236, PIN_NOT_SET)                 \
	X(237, FINGERPRINT_BLOCKED)         \
	X(238, TOUCH_TIMED_OUT)             \
	X(239, COUNTER_NOT_ADVANCED)        \
	X(240, SIGNATURE_INVALID)           \
	X(241, FLAGS_MISSING)               \
	X(242, ATTESTATION_REFUSED)         \
	X(243, DEVICE_ERROR)                \
	X(244, KEY_WITHOUT_VERIFICATION)    \
	X(245, PIN_CHANGE_NEEDED)           \
	X(246, KEY_ALREADY_REGISTERED)      \
	X(247, KEY_FULL)                    \
	X(248, PIN_NOT_ACCEPTED)            \
	X(249, KEY_LACKS_FEATURE)           \
	X(250, CARD_UNKNOWN)                \
	X(251, CERTIFICATE_NOT_FOR_SIGN_IN) \
	X(252, CERTIFICATE_EXPIRED)         \
	X(253, CERTIFICATE_REVOKED)         \
	X(254, AUTHORITY_NOT_TRUSTED)       \
	X(255, REVOCATION_UNKNOWN)          \
	X(256, TEST_CARD)                   \
	X(257, CARD_SHARED)                 \
	X(258, ORGANISATION_CARD)           \
	X(259, LEGACY_CARD)                 \
	X(260, CARD_OF_SOMEBODY_ELSE)       \
	X(261, READER_ERROR)                \
	X(262, MODULE_ERROR)                \
	X(263, CARD_CONTRADICTS_ITSELF)     \
	X(264, CARD_WITHOUT_PIN)            \
	X(265, PIN_REFUSED_BEFORE)          \
	X(266, PIN_MALFORMED)               \
	X(267, CARD_NEEDS_MAPPING)          \
	X(268, NATIONAL_ID_DIFFERS)         \
	X(269, CARD_ALREADY_ENROLLED)       \
	X(270, PINS_DIFFER)                 \
	X(271, PIN_IS_SET)                  \
	X(272, MAKER_NOT_VERIFIED)          \
	X(273, MODEL_NOT_ALLOWED)           \
	X(275, LOGIN_NEEDED)                \
	X(301, STORE_UNREADABLE)            \
	X(302, STORE_NOT_WRITABLE)          \
	X(303, SECRET_NOT_READABLE)         \
	X(304, BROKER_BUSY)                 \
	X(305, INTERNAL)                    \
	X(306, PASSWORD_HELPER_AWAY)        \
	X(401, NOT_PERMITTED)               \
	X(402, NO_SUCH_PERSON)              \
	X(403, PERSON_EXISTS)               \
	X(404, NO_SUCH_CREDENTIAL)          \
	X(405, INVALID_VALUE)               \
	X(406, CONFIRMATION_FAILED)         \
	X(407, WRONG_STATE)                 \
	X(408, REASON_MISSING)              \
	X(409, PROOFING_MISSING)            \
	X(410, AUDIT_BROKEN)                \
	X(411, NATIONAL_ID_INVALID)         \
	X(412, ANCHOR_INVALID)              \
	X(413, NATIONAL_ID_TAKEN)           \
	X(414, NO_SUCH_CLIENT)              \
	X(415, NO_SUCH_SESSION)             \
	X(416, KEY_WAITING)                 \
	X(417, KEYS_BUSY)                   \
	X(420, BACKUP_KEY_MISSING)          \
	X(421, SEAL_KEY_ELSEWHERE)          \
	X(422, SEAL_KEY_WAITING)            \
	X(501, REQUEST_INVALID)             \
	X(502, CLIENT_UNKNOWN)              \
	X(503, REDIRECT_NOT_REGISTERED)     \
	X(504, FORM_EXPIRED)                \
	X(505, COOKIES_MISSING)             \
	X(506, GATEWAY_BUSY)                \
	X(507, GATEWAY_STORE)               \
	X(508, FORM_FOREIGN)

enum hc_reason {
	HC_REASON_NONE = 0,
#define HC_REASON_ENUM(number, name) HC_REASON_##name = (number),
	HC_REASONS(HC_REASON_ENUM)
#undef HC_REASON_ENUM
};

/* hc_reason_name: "WRONG_CODE" for HC_REASON_WRONG_CODE, "NONE" for 0. Static, never NULL. */
const char *hc_reason_name(enum hc_reason reason);

/* hc_reason_of_err: what to tell of a failure of ours that is nobody's fault: the store, a sealed secret, the rest. */
enum hc_reason hc_reason_of_err(enum hc_err err);

/* hc_reason_from_wire: HC_ERR_PROTOCOL unless the number is 0 or in the list above. */
HC_CHECK enum hc_err hc_reason_from_wire(uint32_t wire, enum hc_reason *ret_reason);

#endif
