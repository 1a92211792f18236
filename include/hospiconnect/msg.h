/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_MSG_H
#define HC_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * The broker protocol: one message a packet on an AF_UNIX SOCK_SEQPACKET connection
 * (docs/PROTOCOL.broker.md).
 *
 *   header   version (1 byte, 1) · flags (1 byte, 0) · type (2) · payload length (4), big-endian
 *   payload  fields: id (2) · length (2) · value; each id at most once, in any order
 *
 * A packet is at most HC_MSG_MAX bytes. Parsing refuses an unknown version, type or field, a
 * duplicate field, a length beyond the field's maximum or off its kind, text that is empty, not valid
 * UTF-8 or holds NUL, and bytes behind the last field: HC_ERR_PROTOCOL, and the connection ends.
 * Which field a type needs is decided by whoever handles the type.
 *
 * Codes and passwords travel in messages: a struct hc_msg scrubs its packet when it is cleared.
 */
#define HC_MSG_VERSION	  1
#define HC_MSG_MAX	  16384
#define HC_MSG_HEADER_LEN 8

enum hc_msg_type {
	/* auth.sock */
	HC_MSG_HELLO = 1,     /* client: REQUEST, SERVICE, and what is known of the rest */
	HC_MSG_STEP = 2,      /* broker: STEP_KIND, TEXT, TIMEOUT_S: ask the person, answer with ANSWER */
	HC_MSG_ANSWER = 3,    /* client: ANSWER */
	HC_MSG_CANCEL = 4,    /* client: the person or the front end gave up */
	HC_MSG_INFO = 5,      /* broker: TEXT to show, no answer */
	HC_MSG_RESULT = 6,    /* broker: VERDICT, REASON, TEXT; ends the conversation */
	HC_MSG_KEEPALIVE = 7, /* broker: still there, while a device or a person is waited for */

	/* gateway.sock: beside a conversation like that of auth.sock */
	HC_MSG_PERSON_GET = 50,	    /* gateway: PERSON_ID */
	HC_MSG_PERSON = 51,	    /* broker: VERDICT, REASON as for ACCOUNT; the person */
	HC_MSG_WATCH = 52,	    /* gateway: tell me of changes; nothing else comes from it then */
	HC_MSG_PERSON_CHANGED = 53, /* broker: PERSON_ID, STATE */
	HC_MSG_EVENT = 54,	    /* gateway: an audit record of its own; any number, then EVENTS_END */
	HC_MSG_EVENTS_END = 55,	    /* gateway: SEQ of the last one */
	HC_MSG_EVENTS_KEPT = 56,    /* broker: SEQ; they are in the trail, on disk */

	/* password.sock: the broker asks hc-password(8), one question a connection */
	HC_MSG_PASSWORD_CHECK = 60,  /* broker: ANSWER, the password; LOGIN, FLAGS */
	HC_MSG_PASSWORD_RESULT = 61, /* hc-password: PASSWORD (enum hc_password) */

	/* the link to a device helper, one operation a process: hospiconnect/device.h */
	HC_MSG_DEVICE_START = 70,  /* broker: DEVICE_OPERATION, TIMEOUT_S, and what the operation needs */
	HC_MSG_DEVICE_WAIT = 71,   /* helper: DEVICE_WAIT: what the person is waited for */
	HC_MSG_DEVICE_ASK = 72,	   /* helper: DEVICE_ASK: a question, answered by DEVICE_ANSWER */
	HC_MSG_DEVICE_ANSWER = 73, /* broker: ANSWER */
	HC_MSG_DEVICE_CANCEL = 74, /* broker: nobody waits any more */
	HC_MSG_DEVICE_DONE = 75,   /* helper: what the device gave; ends the operation */
	HC_MSG_DEVICE_FAILED = 76, /* helper: REASON; ends the operation */
	HC_MSG_DEVICE_ITEM = 77,   /* helper: one device, for LIST */

	/* admin.sock, requests */
	HC_MSG_STATUS = 100,
	HC_MSG_USER_ADD = 110,
	HC_MSG_USER_SHOW = 111,
	HC_MSG_USER_LIST = 112,
	HC_MSG_USER_ENABLE = 113,
	HC_MSG_USER_DISABLE = 114,
	HC_MSG_USER_REMOVE = 115,
	HC_MSG_ENROLL_OTP = 120,
	HC_MSG_ENROLL_RECOVERY = 121,
	HC_MSG_ENROLL_FIDO2 = 122, /* interactive: INFO, STEP and ANSWER before its answer */
	HC_MSG_ENROLL_CPS = 123,
	HC_MSG_IMPORT_U2F = 124,
	HC_MSG_FIDO2_PIN = 125, /* interactive, as ENROLL_FIDO2: keys that are plugged in, and their PINs */
	HC_MSG_CPS_READ = 126,	/* interactive, as ENROLL_FIDO2: the certificate of a card */
	HC_MSG_CREDENTIAL_CONFIRM = 130,
	HC_MSG_CREDENTIAL_LIST = 131,
	HC_MSG_CREDENTIAL_REVOKE = 132,
	HC_MSG_LOCKOUT_LIST = 140,
	HC_MSG_LOCKOUT_CLEAR = 141,
	HC_MSG_AUDIT_LIST = 150,
	HC_MSG_AUDIT_VERIFY = 151,
	HC_MSG_AUDIT_HEAD = 152,

	/* the gateway's admin.sock, beside STATUS */
	HC_MSG_CLIENT_ADD = 160,
	HC_MSG_CLIENT_SHOW = 161,
	HC_MSG_CLIENT_LIST = 162,
	HC_MSG_CLIENT_REMOVE = 163,
	HC_MSG_CLIENT_ROTATE_SECRET = 164,
	HC_MSG_KEY_LIST = 170,
	HC_MSG_KEY_ROTATE = 171,
	HC_MSG_SESSION_LIST = 180,
	HC_MSG_SESSION_REVOKE = 181,

	/* both */
	HC_MSG_BACKUP = 190,	  /* the store, sealed for the recovery key, piece by piece */
	HC_MSG_SEAL_ROTATE = 191, /* a new seal key takes the place of the present one */

	/* both, replies: any number of ROW, then one END */
	HC_MSG_ROW = 200, /* one object */
	HC_MSG_END = 201  /* ERR (enum hc_err), REASON, TEXT; COUNT */
};

/* What a HELLO asks for. */
enum hc_request {
	HC_REQUEST_AUTHENTICATE = 1,
	HC_REQUEST_ACCOUNT = 2,
	HC_REQUEST_OPEN_SESSION = 3,
	HC_REQUEST_CLOSE_SESSION = 4
};

/* The line of the PAM stack that asks. */
enum hc_mode {
	HC_MODE_PRIMARY = 1,	  /* two factors are needed from this line */
	HC_MODE_SECOND_FACTOR = 2 /* an earlier line checked a password */
};

/* Methods, a bit set (HC_FIELD_METHODS); the module offers what its arguments allow. */
#define HC_METHOD_TOTP	   0x1u /* TOTP and HOTP codes */
#define HC_METHOD_RECOVERY 0x2u
#define HC_METHOD_FIDO2	   0x4u
#define HC_METHOD_CPS	   0x8u
#define HC_METHOD_ALL	   0xfu
#define HC_METHOD_DEVICES  (HC_METHOD_FIDO2 | HC_METHOD_CPS)

/* Flags of a HELLO (HC_FIELD_FLAGS). */
#define HC_FLAG_SILENT	    0x1u /* PAM_SILENT: no INFO and no text that is not a question */
#define HC_FLAG_PROMPT_ONLY 0x2u /* the front end loses texts that are not questions */
#define HC_FLAG_REMOTE	    0x4u /* PAM_RHOST is set */
#define HC_FLAGS_ALL	    0x7u

/*
 * Flag of a PASSWORD_CHECK: the same work, and never a yes. For people whom the broker does not know,
 * or will refuse anyway: how long a check takes tells nobody which they are.
 */
#define HC_PASSWORD_FLAG_DECOY 0x1u

/*
 * What hc-password says of a password (HC_FIELD_PASSWORD). Memory that nobody wrote is a wrong one, and
 * the right one is far from every small integer.
 */
enum hc_password {
	HC_PASSWORD_WRONG = 0,	     /* or nobody's, or of an account that may not sign in */
	HC_PASSWORD_BUSY = 1,	     /* not looked at: too many tries for this login, or in all */
	HC_PASSWORD_UNAVAILABLE = 2, /* not looked at: PAM or the stack is out of order */
	HC_PASSWORD_RIGHT = 0x5D2A94C7
};

enum hc_step_kind {
	HC_STEP_SECRET = 1,   /* a question; the answer is not echoed */
	HC_STEP_VISIBLE = 2,  /* a question; the answer is echoed */
	HC_STEP_PASSWORD = 3, /* SECRET, and what is asked for is the account's password */
	HC_STEP_LOGIN = 4,    /* VISIBLE, and a device or a login is asked for; a login is never sent back */
	HC_STEP_OFFER = 5     /* VISIBLE, and may go unanswered: the empty answer refuses what is offered */
};

#define HC_CARD_TICKET_LEN 16 /* of a card that was shown and is nobody's */

/*
 * Fields. X(number, NAME, KIND, maximum length in bytes). Kinds: U32 and U64 have that exact
 * length; TEXT is UTF-8 without NUL; BYTES is opaque and may be secret.
 */
#define HC_FIELDS(X)                                                     \
	X(1, REQUEST, U32, 4)                                            \
	X(2, MODE, U32, 4)                                               \
	X(3, METHODS, U32, 4)                                            \
	X(4, FLAGS, U32, 4)                                              \
	X(5, SERVICE, TEXT, 64)                                          \
	X(6, USER, TEXT, 256)                                            \
	X(7, TTY, TEXT, 64)                                              \
	X(8, RHOST, TEXT, 256)                                           \
	X(9, RUSER, TEXT, 256)                                           \
	X(10, LANG, TEXT, 32)                                            \
	X(11, TIMEOUT_S, U32, 4)                                         \
	X(12, STEP_KIND, U32, 4)                                         \
	X(13, TEXT, TEXT, 2048)                                          \
	X(14, ANSWER, BYTES, 512)                                        \
	X(15, VERDICT, U32, 4)                                           \
	X(16, REASON, U32, 4)                                            \
	X(17, ERR, U32, 4)                                               \
	X(18, COUNT, U64, 8)                                             \
	X(19, RETRY_AFTER_S, U32, 4)                                     \
	X(20, PASSWORD, U32, 4)                                          \
	/* persons */                                                    \
	X(30, LOGIN, TEXT, 64)                                           \
	X(31, GIVEN_NAME, TEXT, 128)                                     \
	X(32, FAMILY_NAME, TEXT, 128)                                    \
	X(33, NATIONAL_ID, TEXT, 64)                                     \
	X(34, PROFESSION, TEXT, 128)                                     \
	X(35, ORGANIZATION, TEXT, 128)                                   \
	X(36, VALID_FROM_MS, U64, 8)                                     \
	X(37, VALID_UNTIL_MS, U64, 8)                                    \
	X(38, STATE, TEXT, 16)                                           \
	X(39, CREATED_MS, U64, 8)                                        \
	X(40, PERSON_ID, U64, 8)                                         \
	/* credentials */                                                \
	X(50, CREDENTIAL_ID, TEXT, 12)                                   \
	X(51, CREDENTIAL_TYPE, TEXT, 16)                                 \
	X(52, ALGORITHM, TEXT, 8)                                        \
	X(53, DIGITS, U32, 4)                                            \
	X(54, PERIOD_S, U32, 4)                                          \
	X(55, LABEL, TEXT, 128)                                          \
	X(56, SEED, BYTES, 128)                                          \
	X(57, URI, BYTES, 1024)                                          \
	X(58, CODE, BYTES, 64)                                           \
	X(59, CONFIRM, U32, 4)                                           \
	X(60, LAST_USED_MS, U64, 8)                                      \
	X(61, CODES_LEFT, U32, 4)                                        \
	X(62, DRIFT, U64, 8)                                             \
	X(63, REVOKE_REASON, TEXT, 128)                                  \
	X(64, PROOFED_BY, TEXT, 128)                                     \
	X(65, DOCUMENT, TEXT, 128)                                       \
	X(66, FACE_TO_FACE, U32, 4)                                      \
	X(67, REVOKED_MS, U64, 8)                                        \
	X(68, COUNTER, U64, 8)                                           \
	/* lockouts */                                                   \
	X(80, FACTOR, TEXT, 16)                                          \
	X(81, SCOPE, TEXT, 64)                                           \
	X(82, FAILURES, U32, 4)                                          \
	X(83, LOCKED_UNTIL_MS, U64, 8)                                   \
	/* audit */                                                      \
	X(100, SEQ, U64, 8)                                              \
	X(101, TIME_MS, U64, 8)                                          \
	X(102, EVENT, TEXT, 32)                                          \
	X(103, OUTCOME, TEXT, 16)                                        \
	X(104, ACTOR, TEXT, 128)                                         \
	X(105, ORIGIN, TEXT, 256)                                        \
	X(106, DETAIL, TEXT, 512)                                        \
	X(107, HASH, BYTES, 32)                                          \
	X(108, SINCE_MS, U64, 8)                                         \
	X(109, SIGNATURE, BYTES, 64)                                     \
	X(110, KEY_ID, TEXT, 64)                                         \
	X(111, PUBLIC_KEY, BYTES, 32)                                    \
	X(112, LIMIT, U32, 4)                                            \
	X(113, CLIENT_ID, TEXT, 64)                                      \
	/* status: one row a fact */                                     \
	X(120, NAME, TEXT, 64)                                           \
	X(121, VALUE, TEXT, 512)                                         \
	/* the gateway's applications: lists have a space between two */ \
	X(130, CLIENT_NAME, TEXT, 128)                                   \
	X(131, CLIENT_SECRET, BYTES, 64)                                 \
	X(132, PROFILE, TEXT, 16)                                        \
	X(133, AUTH_METHOD, TEXT, 32)                                    \
	X(134, GRANTS, TEXT, 128)                                        \
	X(135, SCOPES, TEXT, 512)                                        \
	X(136, REDIRECT_URIS, TEXT, 4104)                                \
	X(137, LOGOUT_URIS, TEXT, 4104)                                  \
	X(138, ID_TOKEN_ALG, TEXT, 8)                                    \
	X(139, ACCESS_FORMAT, TEXT, 8)                                   \
	X(140, MAY_INTROSPECT, U32, 4)                                   \
	X(141, SECRET_CHANGED_MS, U64, 8)                                \
	/* its signing keys */                                           \
	X(150, ACTIVATED_MS, U64, 8)                                     \
	X(151, RETIRED_MS, U64, 8)                                       \
	X(152, DUE_MS, U64, 8)                                           \
	X(153, AT_ONCE, U32, 4)                                          \
	/* its sessions */                                               \
	X(160, SID, TEXT, 64)                                            \
	X(161, SIGNED_IN_MS, U64, 8)                                     \
	X(162, LAST_SEEN_MS, U64, 8)                                     \
	X(163, EXPIRES_MS, U64, 8)                                       \
	X(164, AMR, TEXT, 64)                                            \
	X(165, ALL, U32, 4)                                              \
	/* devices */                                                    \
	X(170, DEVICE_OPERATION, U32, 4)                                 \
	X(171, DEVICE_WAIT, U32, 4)                                      \
	X(172, DEVICE_ASK, U32, 4)                                       \
	X(173, DEVICE_PATH, TEXT, 255)                                   \
	X(174, RP_ID, TEXT, 255)                                         \
	X(175, CLIENT_DATA_HASH, BYTES, 32)                              \
	X(176, CREDENTIALS, BYTES, 8192)                                 \
	X(177, USER_HANDLE, BYTES, 64)                                   \
	X(178, ALGORITHMS, BYTES, 32)                                    \
	X(179, TRIES_LEFT, U32, 4)                                       \
	X(180, CHOICES, BYTES, 4096)                                     \
	X(181, CREDENTIAL, BYTES, 1023)                                  \
	X(182, AUTH_DATA, BYTES, 4096)                                   \
	X(183, SIGNATURE_DER, BYTES, 1024)                               \
	X(184, ATTESTATION, BYTES, 8192)                                 \
	X(185, FORMAT, TEXT, 32)                                         \
	X(186, AAGUID, BYTES, 16)                                        \
	X(187, OPTIONS, TEXT, 1024)                                      \
	X(188, VERSIONS, TEXT, 128)                                      \
	X(189, PIN_MIN, U32, 4)                                          \
	X(190, FINGER_TRIES_LEFT, U32, 4)                                \
	X(191, MODULE, TEXT, 255)                                        \
	X(192, TO_SIGN, BYTES, 1024)                                     \
	X(193, CERTIFICATE, BYTES, 8192)                                 \
	X(194, SERIAL, TEXT, 64)                                         \
	X(195, CARD, TEXT, 16)                                           \
	X(196, CARD_NUMBER, TEXT, 64)                                    \
	X(197, HOLDER, TEXT, 257)                                        \
	X(198, TICKET, BYTES, 16)                                        \
	/* removal of devices */                                         \
	X(200, ATR, BYTES, 33)                                           \
	X(201, DEVICE_INSTANCE, U64, 8)                                  \
	X(202, SESSION_ID, TEXT, 64)                                     \
	X(203, PID, U64, 8)                                              \
	/* revocation of a card */                                       \
	X(210, OCSP_URL, TEXT, 255)                                      \
	X(211, OCSP_REQUEST, BYTES, 1024)                                \
	X(212, OCSP_RESPONSE, BYTES, 12288)                              \
	/* keys of other relying parties */                              \
	X(225, GROUPS, BYTES, 6144)                                      \
	X(226, KEYS, BYTES, 12288)                                       \
	/* enrolment of keys, and their PINs */                          \
	X(220, PIN_CHANGE, U32, 4)                                       \
	X(221, MODEL, TEXT, 128)                                         \
	X(222, CRED_PROTECT, U32, 4)                                     \
	/* backups */                                                    \
	X(230, BACKUP_DATA, BYTES, 12304)                                \
	X(231, BACKUP_TOTAL, U64, 8)

enum hc_field {
#define HC_FIELD_ENUM(number, name, kind, max) HC_FIELD_##name = (number),
	HC_FIELDS(HC_FIELD_ENUM)
#undef HC_FIELD_ENUM
};

#define HC_MSG_FIELDS_MAX 32 /* fields in one message */

struct hc_msg_field {
	uint16_t id;
	uint16_t len;
	uint16_t offset; /* into packet */
};

/* A message in one caller-owned block: its packet, and where its fields are. */
struct hc_msg {
	enum hc_msg_type type;
	enum hc_err err; /* first failure of a _put, HC_OK until then */
	size_t len;	 /* bytes of packet in use */
	size_t field_count;
	struct hc_msg_field fields[HC_MSG_FIELDS_MAX];
	uint8_t packet[HC_MSG_MAX];
};

/*
 * Writing. hc_msg_init starts a message; the _put functions append fields (a failure is kept in
 * msg->err: too long, given twice, wrong kind, invalid UTF-8); hc_msg_finish completes the header
 * and returns the first failure. The packet is then msg->packet, msg->len bytes.
 * hc_msg_put_text skips a NULL or empty text, so that "absent" has one form.
 */
void hc_msg_init(struct hc_msg *msg, enum hc_msg_type type);
void hc_msg_put_u32(struct hc_msg *msg, enum hc_field field, uint32_t value);
void hc_msg_put_u64(struct hc_msg *msg, enum hc_field field, uint64_t value);
void hc_msg_put_text(struct hc_msg *msg, enum hc_field field, const char *text);
void hc_msg_put_bytes(struct hc_msg *msg, enum hc_field field, const void *data, size_t len);
HC_CHECK enum hc_err hc_msg_finish(struct hc_msg *msg);

/*
 * hc_msg_parse: checks the len bytes that were received into msg->packet (nothing else of msg
 * needs to be set) and fills type and fields. HC_ERR_PROTOCOL as above.
 */
HC_CHECK enum hc_err hc_msg_parse(struct hc_msg *msg, size_t len);

/*
 * Reading. Absent: HC_ERR_NOTFOUND, output untouched. _text copies into out with a NUL, or fails
 * with HC_ERR_TOOBIG; _bytes gives a borrowed view into the packet.
 */
bool hc_msg_has(const struct hc_msg *msg, enum hc_field field);
HC_CHECK enum hc_err hc_msg_u32(const struct hc_msg *msg, enum hc_field field, uint32_t *ret_value);
HC_CHECK enum hc_err hc_msg_u64(const struct hc_msg *msg, enum hc_field field, uint64_t *ret_value);
HC_CHECK enum hc_err hc_msg_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap);
HC_CHECK enum hc_err hc_msg_bytes(const struct hc_msg *msg, enum hc_field field, const uint8_t **ret_view,
				  size_t *ret_len);

/* hc_msg_clear: scrubs the whole packet and forgets the fields. */
void hc_msg_clear(struct hc_msg *msg);

/* hc_msg_new, hc_msg_free: the same on the heap (calloc), scrubbed when freed. */
HC_CHECK enum hc_err hc_msg_new(struct hc_msg **ret_msg);
void hc_msg_free(struct hc_msg **msg);

/* hc_msg_type_name: "HELLO", ... for logs; "unknown" otherwise. */
const char *hc_msg_type_name(enum hc_msg_type type);

/*
 * hc_msg_only: HC_ERR_PROTOCOL if msg holds a field that is not in allowed (a list
 * of count fields). For handlers: a field that a request has no use for is refused, not ignored.
 */
HC_CHECK enum hc_err hc_msg_only(const struct hc_msg *msg, const enum hc_field *allowed, size_t count);

#endif
