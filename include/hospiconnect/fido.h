/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO_H
#define HC_FIDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/trust.h"

/*
 * What a security key answers (WebAuthn Level 2, CTAP 2.1, U2F 1.2), read and verified (libhcevidence/, over
 * OpenSSL 3's libcrypto; hc_crypto_start() comes first). Pure: no device, no store, no clock; nothing blocks.
 * Every byte is hostile. CBOR is read in the one canonical form that CTAP2 prescribes, definite lengths only,
 * and nothing may stand behind what was expected.
 */
#define HC_FIDO_AUTH_DATA_MAX  4096
#define HC_FIDO_CREDENTIAL_MAX 1023
#define HC_FIDO_KEY_MAX	       1024 /* bytes of a COSE key */
#define HC_FIDO_HANDLE_MAX     64
#define HC_FIDO_AAGUID_LEN     16
#define HC_FIDO_RP_ID_MAX      253

/* Flags of authenticator data (WebAuthn 6.1). */
#define HC_FIDO_UP 0x01u /* somebody touched it */
#define HC_FIDO_UV 0x04u /* PIN or biometrics were right */
#define HC_FIDO_AT 0x40u /* holds a new credential */
#define HC_FIDO_ED 0x80u /* holds extensions */

/* COSE algorithms (RFC 9053, RFC 8812). */
enum hc_cose_alg { HC_COSE_ES256 = -7, HC_COSE_EDDSA = -8, HC_COSE_RS256 = -257 };

/* Authenticator data, in views into the caller's bytes. */
struct hc_fido_auth_data {
	const uint8_t *rp_id_hash; /* 32 bytes */
	uint8_t flags;
	uint32_t counter;
	/* with HC_FIDO_AT: */
	const uint8_t *aaguid;
	const uint8_t *credential;
	size_t credential_len; /* 1 to HC_FIDO_CREDENTIAL_MAX */
	const uint8_t *key;    /* COSE_Key, one that hc_fido_key_check accepts */
	size_t key_len;
	int cred_protect; /* extension credProtect: 1 to 3; 0: not said */
};

/* hc_fido_auth_data_read: HC_ERR_INVALID for anything else than exactly authenticator data. HC_ERR_TOOBIG. */
HC_CHECK enum hc_err hc_fido_auth_data_read(const void *data, size_t len,
					    struct hc_fido_auth_data *ret_auth_data);

/*
 * hc_fido_key_check: a COSE_Key of one of our algorithms: P-256 and a point on it, Ed25519, RSA of 2048 to 4096 bits;
 * exactly the members of its kind. ret_alg may be NULL. HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_fido_key_check(const void *key, size_t len, enum hc_cose_alg *ret_alg);

/*
 * hc_fido_key_make: the COSE_Key of bare numbers, as pam-u2f keeps them: ES256: both coordinates of the point (64 bytes,
 * or 65 with a byte 4 first); EdDSA: 32 bytes; RS256: the modulus, and 3 bytes exponent. HC_ERR_INVALID for what
 * hc_fido_key_check would not take.
 */
HC_CHECK enum hc_err hc_fido_key_make(enum hc_cose_alg alg, const void *raw, size_t len,
				      uint8_t out[HC_FIDO_KEY_MAX], size_t *ret_len);

/*
 * hc_fido_client_data: the JSON of WebAuthn 5.8.1 in its one serialisation. type: "webauthn.get" or
 * "webauthn.create"; origin: printable ASCII without quotes and backslash. The challenge becomes base64url.
 * HC_ERR_TOOBIG, HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_fido_client_data(const char *type, const void *challenge, size_t challenge_len,
					 const char *origin, char *out, size_t cap);

/* ---- an assertion: signing in ---- */

struct hc_fido_assertion {
	const char *rp_id;		 /* of the credential */
	const uint8_t *client_data_hash; /* 32 bytes: SHA-256 of what hc_fido_client_data made */
	const void *key;		 /* COSE_Key of the credential */
	size_t key_len;
	uint32_t counter;      /* the last one that was accepted; 0: the key has none */
	const void *auth_data; /* from here on: as it came */
	size_t auth_data_len;
	const void *signature;
	size_t signature_len;
};

struct hc_fido_verified {
	bool user_verified; /* UV: two factors; else possession alone */
	uint32_t counter;   /* to be kept */
};

/*
 * hc_fido_verify: HC_REASON_NONE: made now (as far as the challenge is new), by that credential's key, for that relying
 * party, with a touch. Otherwise the first of: DEVICE_ERROR (no authenticator data), SIGNATURE_INVALID, KEY_NOT_REGISTERED
 * (another relying party), FLAGS_MISSING (no touch, or a credential where none was asked for), COUNTER_NOT_ADVANCED
 * (both zero: it has none). The counter is judged last, so that only the key itself can raise its alarm.
 */
enum hc_reason hc_fido_verify(const struct hc_fido_assertion *assertion,
			      struct hc_fido_verified *ret_verified);

/* ---- an attestation: enrolment ---- */

enum hc_fido_attestation_kind {
	HC_FIDO_ATTESTED_NONE = 0, /* format "none": nobody says what it is */
	HC_FIDO_ATTESTED_SELF =
		1, /* signed by the new credential itself: the bytes are whole, the make is unknown */
	HC_FIDO_ATTESTED_UNKNOWN = 2, /* by a certificate of an authority that is not trusted here */
	HC_FIDO_ATTESTED_CHAIN = 3    /* by a make whose authority is trusted here: the AAGUID is true */
};

struct hc_fido_creation {
	const char *rp_id;
	const uint8_t *client_data_hash;
	const char *format;    /* "packed", "fido-u2f", "none" */
	const void *statement; /* attStmt, CBOR */
	size_t statement_len;
	const void *auth_data;
	size_t auth_data_len;
	const struct hc_trust *trust; /* NULL: nobody */
	int64_t now_ms;
};

/*
 * hc_fido_verify_creation: HC_REASON_NONE: a new credential for that relying party, made with a touch, its statement
 * verified as far as its kind goes (ret_kind); ret_auth_data: what it holds. DEVICE_ERROR, KEY_NOT_REGISTERED,
 * FLAGS_MISSING as above; ATTESTATION_REFUSED: a statement that does not verify, contradicts the data, or is of a format
 * that is not known. What kinds are good enough is the caller's policy.
 */
enum hc_reason hc_fido_verify_creation(const struct hc_fido_creation *creation,
				       struct hc_fido_auth_data *ret_auth_data,
				       enum hc_fido_attestation_kind *ret_kind);

/*
 * hc_fido_model: what the certificate of a statement calls the model, its subject's common name, as UTF-8 without control
 * characters; "" where it has none. Worth as much as the statement, which hc_fido_verify_creation verifies, is.
 * HC_ERR_NOTFOUND: a statement without certificate. HC_ERR_INVALID, HC_ERR_TOOBIG.
 */
HC_CHECK enum hc_err hc_fido_model(const char *format, const void *data, size_t len, char *out, size_t cap);

#endif
