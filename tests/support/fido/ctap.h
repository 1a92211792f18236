/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_CTAP_H
#define HC_TESTS_FIDO_CTAP_H

#include "key.h"

/* Status of a CTAP2 answer. */
enum {
	TK_OK = 0x00,
	TK_INVALID_COMMAND = 0x01,
	TK_INVALID_PARAMETER = 0x02,
	TK_INVALID_LENGTH = 0x03,
	TK_CBOR_UNEXPECTED_TYPE = 0x11,
	TK_INVALID_CBOR = 0x12,
	TK_MISSING_PARAMETER = 0x14,
	TK_LIMIT_EXCEEDED = 0x15,
	TK_CREDENTIAL_EXCLUDED = 0x19,
	TK_UNSUPPORTED_ALGORITHM = 0x26,
	TK_OPERATION_DENIED = 0x27,
	TK_KEY_STORE_FULL = 0x28,
	TK_UNSUPPORTED_OPTION = 0x2b,
	TK_INVALID_OPTION = 0x2c,
	TK_KEEPALIVE_CANCEL = 0x2d,
	TK_NO_CREDENTIALS = 0x2e,
	TK_USER_ACTION_TIMEOUT = 0x2f,
	TK_NOT_ALLOWED = 0x30,
	TK_PIN_INVALID = 0x31,
	TK_PIN_BLOCKED = 0x32,
	TK_PIN_AUTH_INVALID = 0x33,
	TK_PIN_AUTH_BLOCKED = 0x34,
	TK_PIN_NOT_SET = 0x35,
	TK_PUAT_REQUIRED = 0x36,
	TK_PIN_POLICY_VIOLATION = 0x37,
	TK_UV_BLOCKED = 0x3c,
	TK_INVALID_SUBCOMMAND = 0x3e,
	TK_UV_INVALID = 0x3f,
	TK_UNAUTHORIZED_PERMISSION = 0x40,
	TK_NO_ANSWER = 0xff, /* nobody is there any more to be answered */
};

enum { TK_FLAG_UP = 0x01, TK_FLAG_UV = 0x04, TK_FLAG_AT = 0x40, TK_FLAG_ED = 0x80 };
enum { TK_MAY_MAKE = 0x01, TK_MAY_ASSERT = 0x02, TK_MAY_MANAGE = 0x04, TK_MAY_CONFIGURE = 0x20 };

/* Answers one CTAP2 message; returns its length, 0 where there is nobody to answer. */
size_t tk_ctap(struct tk_key *key, struct tk_slice request, uint8_t out[TK_MESSAGE_MAX]);
/* Answers one U2F message. */
size_t tk_u2f(struct tk_key *key, struct tk_slice request, uint8_t out[TK_MESSAGE_MAX]);

/* The commands. Each returns the status and, with TK_OK, has written its answer. */
uint8_t tk_get_info(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_make_credential(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_get_assertion(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_get_next_assertion(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_client_pin(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_reset(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_selection(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_manage(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
uint8_t tk_configure(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);

/* What MakeCredential and GetAssertion are asked about presence and verification. */
struct tk_ask {
	bool up, uv, has_param;
	struct tk_slice param;
	unsigned protocol;
	const uint8_t *data_hash, *rp_hash;
	unsigned permission;
};

/* Members that both requests have: `options` and the pinUvAuth ones. */
uint8_t tk_ask_options(struct tk_reader *in, struct tk_ask *ask, bool *resident);
/* The request to be chosen by touch (an empty pinUvAuthParam); TK_OK where it was not that. */
uint8_t tk_ask_chosen(struct tk_key *key, const struct tk_ask *ask);
/* Verifies the person as asked; sets TK_FLAG_UV, and TK_FLAG_UP where a finger was the presence. */
uint8_t tk_ask_verify(struct tk_key *key, struct tk_ask *ask, uint8_t *flags);
/* Sets TK_FLAG_UP after a touch, or at once where one is already known of. */
uint8_t tk_ask_present(struct tk_key *key, const struct tk_ask *ask, uint8_t *flags);
bool tk_protected(const struct tk_key *key);

/* Presence and fingers: TK_OK, or the status to answer with. */
uint8_t tk_await_touch(struct tk_key *key);
uint8_t tk_await_finger(struct tk_key *key, bool *good);
uint8_t tk_pause(struct tk_key *key, unsigned ms);
/* The built-in verification with its retries; TK_OK when the finger was known. */
uint8_t tk_verify_finger(struct tk_key *key);
bool tk_u2f_touched(struct tk_key *key);
/* From the control channel; false where nothing waits for it. */
bool tk_touch(struct tk_key *key);
bool tk_finger(struct tk_key *key, bool good);

/* pinUvAuthProtocol 1 or 2 (protocol_*.c). */
bool tk_protocol_known(const struct tk_key *key, unsigned protocol);
void tk_protocol_renew(struct tk_key *key, unsigned protocol);
bool tk_protocol_shared(const struct tk_key *key, unsigned protocol, const uint8_t point[65],
			uint8_t secret[64]);
/* Returns the length of what was written (data.len, 16 more with protocol two), 0 on failure. */
size_t tk_protocol_encrypt(unsigned protocol, const uint8_t secret[64], struct tk_slice data, uint8_t *out);
size_t tk_protocol_decrypt(unsigned protocol, const uint8_t secret[64], struct tk_slice data, uint8_t *out);
bool tk_protocol_verify(unsigned protocol, const uint8_t key[TK_HASH_LEN], struct tk_slice data,
			struct tk_slice param);
/* The token of this protocol becomes the one in use. */
void tk_grant_begin(struct tk_key *key, unsigned protocol, bool present);
void tk_grant_reset(struct tk_key *key);
/* Whether the parameter was made with the token in use, which must have been granted for that. */
bool tk_grant_allows(struct tk_key *key, unsigned protocol, struct tk_slice data, struct tk_slice param,
		     unsigned permission);

/* Authenticator data, with what a fault does to it. */
void tk_put_authdata(struct tk_key *key, struct tk_writer *out, const uint8_t rp_hash[TK_HASH_LEN],
		     uint8_t flags, uint32_t counter);
uint32_t tk_count(struct tk_key *key, struct tk_credential *credential);
size_t tk_sign(struct tk_key *key, const struct tk_keypair *pair, struct tk_slice data,
	       uint8_t out[TK_SIGNATURE_MAX]);
/* x5c of the key as it was given, or one made for it. */
const struct tk_keypair *tk_attestation_pair(struct tk_key *key);

#endif
