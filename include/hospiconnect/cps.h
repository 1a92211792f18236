/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_H
#define HC_CPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/reason.h"
#include "hospiconnect/trust.h"

/*
 * Certificates of French health-professional cards (IGC-Santé, agence du numérique en santé):
 * reading what one says, judging whether it may sign a person in, and its chain, revocation and
 * signatures (libhcevidence/, over OpenSSL 3's libcrypto). hc_crypto_start() comes first.
 *
 * Reading and judging are apart: reading is strict about encoding and says what is there; judging
 * says what that is worth. Everything that is read is hostile until it was judged and its chain verified.
 */
#define HC_CPS_SKILLS_MAX 16
#define HC_CPS_SKILL_MAX  16
#define HC_CPS_SERIAL_MAX 41
#define HC_CPS_CARD_MAX	  32
#define HC_CPS_STRUCT_MAX 64
#define HC_CPS_ISSUER_MAX 256

/* TRE_G02, extension 1.2.250.1.71.1.2.2 */
enum hc_cps_card { HC_CPS_CARD_NONE = -1, HC_CPS_CPS = 0, HC_CPS_CPF = 1, HC_CPS_CPE = 2, HC_CPS_CPA = 3 };

struct hc_cps_certificate {
	/* Subject. CN is PS_IdNat; behind a '/' stands what is numbered within a structure. Empty: absent. */
	char national_id[HC_NATIONAL_ID_MAX + 1]; /* the CN, whole */
	char structure_id[HC_CPS_STRUCT_MAX + 1]; /* of a CN with '/': the part before it */
	struct hc_label given_name, family_name, title;
	bool legacy; /* IGC-CPS2ter */
	/* Private extensions, -1 or empty where absent. */
	int category;	/* TRE_G01: 0 card, 2 SAM, 3 software; without the test bit */
	bool test;	/* the test bit of the category, or a test authority */
	int card_type;	/* enum hc_cps_card */
	int profession; /* TRE_G15 */
	int training;	/* TRE_G16 */
	char card_issuer[HC_CPS_CARD_MAX + 1], card_number[HC_CPS_CARD_MAX + 1];
	size_t skill_count;
	char skills[HC_CPS_SKILLS_MAX][HC_CPS_SKILL_MAX + 1]; /* TRE_R01 */
	char upn[HC_LABEL_MAX + 1]; /* otherName of the subject's alternative name */
	/* X.509 */
	char serial[HC_CPS_SERIAL_MAX + 1]; /* hexadecimal */
	char issuer[HC_CPS_ISSUER_MAX + 1]; /* RFC 2253; for people */
	char issuer_name[HC_LABEL_MAX + 1]; /* its CN */
	int64_t not_before_ms, not_after_ms;
	bool key_usage_critical, may_sign, may_commit; /* digitalSignature; nonRepudiation */
	bool is_authority;
	bool for_client_auth, for_smart_card; /* extended key usages */
	bool rsa;			      /* else EC on P-256 or P-384, or other (key_bits 0) */
	int key_bits;
	uint8_t fingerprint[32]; /* SHA-256 of the DER */
	uint8_t key_hash[32];	 /* SHA-256 of SubjectPublicKeyInfo */
};

/*
 * hc_cps_decode: the one certificate of a file (borrowed), PEM or DER, as DER into out of HC_X509_MAX
 * bytes; whatever else a PEM file holds is passed over. HC_ERR_NOTFOUND: none; HC_ERR_EXISTS: more than
 * one; HC_ERR_INVALID, HC_ERR_TOOBIG, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_cps_decode(const void *data, size_t len, uint8_t out[HC_X509_MAX], size_t *ret_len);

/*
 * hc_cps_read: one DER certificate, borrowed. HC_ERR_TOOBIG, HC_ERR_INVALID for anything that is not
 * exactly one certificate, a name with a NUL or control character or twice the same attribute where
 * one is meant, a private extension whose bytes are not the one encoding of its type, an extension
 * that stands there twice, a critical extension that nobody here understands. HC_ERR_NOMEM, HC_ERR_CRYPTO.
 */
HC_CHECK enum hc_err hc_cps_read(const void *der, size_t len, struct hc_cps_certificate *ret_certificate);

/* What a policy allows beyond the rule. */
struct hc_cps_rules {
	bool allow_test; /* cards and authorities of the test branch */
};

/*
 * hc_cps_judge: whether this certificate may sign a person in at now_ms, its chain, revocation and
 * mapping apart. HC_REASON_NONE, or the first of:
 *   LEGACY_CARD, ORGANISATION_CARD, TEST_CARD, CERTIFICATE_NOT_FOR_SIGN_IN (a signature certificate, an
 *   authority, a weak key, a wrong usage), CARD_SHARED (a card without a person's name), CERTIFICATE_EXPIRED (or not
 *   yet valid), CARD_CONTRADICTS_ITSELF (identifier and UPN differ, an RPPS number with a wrong check digit).
 * ret_bound: the identifier is numbered within a structure: an explicit mapping is needed.
 */
enum hc_reason hc_cps_judge(const struct hc_cps_certificate *certificate, const struct hc_cps_rules *rules,
			    int64_t now_ms, bool *ret_bound);

/*
 * hc_cps_verify_chain: from the leaf over an issuer "PERSONNES" to an anchor, valid at now_ms, RSA >= 2048,
 * SHA-2, path lengths, critical extensions. HC_REASON_NONE, AUTHORITY_NOT_TRUSTED, ORGANISATION_CARD (issued by an
 * authority over organisations), TEST_CARD (a test authority without allow_test), CERTIFICATE_EXPIRED (somewhere in the chain).
 */
enum hc_reason hc_cps_verify_chain(const struct hc_trust *trust, const void *der, size_t len,
				   const struct hc_cps_rules *rules, int64_t now_ms);

/*
 * hc_cps_verify_signature: of the certificate's key over message, as the card makes it: RSASSA-PKCS1-v1_5 with
 * SHA-256 (CKM_SHA256_RSA_PKCS), or ECDSA with SHA-256 where the signature is DER. HC_ERR_PERM for a wrong one.
 */
HC_CHECK enum hc_err hc_cps_verify_signature(const void *der, size_t len, const void *message,
					     size_t message_len, const void *signature, size_t signature_len);

/* FLAGS of an ENROLL_CPS: the identifier may be numbered within a structure; nothing is to be stored. */
#define HC_CPS_ENROLL_BOUND 0x1u
#define HC_CPS_ENROLL_CHECK 0x2u

/* ---- revocation ---- */

/* Revocation lists, one an authority, the newest that verified. */
struct hc_cps_crls;

enum hc_cps_revocation {
	HC_CPS_REVOCATION_UNKNOWN = 0, /* no list of this authority, or older than the rules bear */
	HC_CPS_REVOKED = 1,
	HC_CPS_GOOD_STALE =
		2, /* not on the list, and the list is past its nextUpdate, within the degraded mode's age */
	HC_CPS_GOOD = 0x5A
};

struct hc_cps_crl_state {
	char issuer_name[HC_LABEL_MAX + 1];
	int64_t this_update_ms, next_update_ms;
	int64_t revoked_count;
	uint8_t issuer_hash[32]; /* SHA-256 of the issuer's name in DER */
};

HC_CHECK enum hc_err hc_cps_crls_new(struct hc_cps_crls **ret_crls);
void hc_cps_crls_free(struct hc_cps_crls **crls);

/* hc_cps_crl_freshness: what a list says of a card that is not on it: HC_CPS_GOOD, _GOOD_STALE or _REVOCATION_UNKNOWN. */
enum hc_cps_revocation hc_cps_crl_freshness(const struct hc_cps_crl_state *state, int64_t now_ms,
					    int64_t degraded_ms);

#define HC_CPS_CRL_MAX (64 * 1024 * 1024)
/*
 * hc_cps_crls_add: one list, DER or PEM. It must be signed by one of trust's authorities, whose list it
 * replaces if it is newer by thisUpdate. HC_ERR_PERM: signed by nobody whom we trust; HC_ERR_EXISTS: not
 * newer; HC_ERR_INVALID: malformed, with a critical extension that is not understood, a delta list, from the future.
 */
HC_CHECK enum hc_err hc_cps_crls_add(struct hc_cps_crls *crls, const struct hc_trust *trust, const void *list,
				     size_t len, int64_t now_ms, struct hc_cps_crl_state *ret_state);
size_t hc_cps_crls_count(const struct hc_cps_crls *crls);
void hc_cps_crls_get(const struct hc_cps_crls *crls, size_t index, struct hc_cps_crl_state *ret_state);
/*
 * hc_cps_crls_check: the leaf by its issuer's list. degraded_ms: how long past nextUpdate a list still serves
 * (0: not at all).
 */
enum hc_cps_revocation hc_cps_crls_check(const struct hc_cps_crls *crls, const void *der, size_t len,
					 int64_t now_ms, int64_t degraded_ms,
					 struct hc_cps_crl_state *ret_state);

/*
 * hc_cps_crls_load: every file *.crl of a directory where nobody but its owner may write; that is root or the
 * effective user, or anybody where root asks. The files are the owner's or root's. One that is refused is left out,
 * named in the log and counted (ret_refused, may be NULL): the list of its authority counts as unknown then. Reads
 * files. HC_ERR_NOTFOUND, HC_ERR_PERM and HC_ERR_IO for the directory, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_cps_crls_load(const char *directory, const struct hc_trust *trust, int64_t now_ms,
				      struct hc_cps_crls **ret_crls, size_t *ret_refused);

/* hc_cps_crl_file: the name of an authority's list in such a directory. */
#define HC_CPS_CRL_FILE_CAP 40
void hc_cps_crl_file(const struct hc_cps_crl_state *state, char out[HC_CPS_CRL_FILE_CAP]);

#endif
