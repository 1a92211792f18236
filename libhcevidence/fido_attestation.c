/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a new credential is what it says (WebAuthn 7.1, 8.2, 8.6, 8.7). No state. Threats: a statement that was made
 * for another credential, a certificate of another make (its AAGUID differs), certificates that the key brings along
 * and that nobody trusts. Only a chain of the trust directory makes an AAGUID true; whatever else a key says of itself is
 * its own word.
 */
#include <string.h>

#include <openssl/evp.h>

#include "anchors.h"
#include "cbor.h"
#include "fido_key.h"
#include "x509.h"

#define HASH_LEN	 32
#define POINT_LEN	 65
#define CHAIN_MAX	 8
#define AAGUID_OID	 "1.3.6.1.4.1.45724.1.1.4"
#define AAGUID_DER	 (2 + HC_FIDO_AAGUID_LEN) /* an OCTET STRING */
#define ATTESTATION_UNIT "Authenticator Attestation"

struct view {
	const uint8_t *data;
	size_t len;
};

/* attStmt of "packed" and "fido-u2f". */
struct statement {
	bool has_alg;
	int64_t alg;
	struct view signature;
	size_t chain_count;
	struct view chain[CHAIN_MAX]; /* the leaf first */
};

static enum hc_err read_chain(struct hc_reader *reader, struct statement *out)
{
	size_t count;

	if (out->chain_count != 0 || hc_cbor_array(reader, &count) != HC_OK || count == 0 ||
	    count > CHAIN_MAX)
		return HC_ERR_INVALID;
	for (size_t i = 0; i < count; i++)
		if (hc_cbor_bytes(reader, &out->chain[i].data, &out->chain[i].len) != HC_OK)
			return HC_ERR_INVALID;
	out->chain_count = count;
	return HC_OK;
}

static enum hc_err read_member(struct hc_reader *reader, struct statement *out)
{
	const uint8_t *name;
	size_t len;

	if (hc_cbor_text(reader, &name, &len) != HC_OK)
		return HC_ERR_INVALID;
	if (len == 3 && memcmp(name, "alg", 3) == 0 && !out->has_alg) {
		out->has_alg = true;
		return hc_cbor_int(reader, &out->alg);
	}
	if (len == 3 && memcmp(name, "sig", 3) == 0 && out->signature.data == NULL)
		return hc_cbor_bytes(reader, &out->signature.data, &out->signature.len);
	if (len == 3 && memcmp(name, "x5c", 3) == 0)
		return read_chain(reader, out);
	return HC_ERR_INVALID; /* ecdaaKeyId among others: nobody makes those */
}

static enum hc_err read_statement(const void *data, size_t len, struct statement *out)
{
	struct hc_reader reader;
	size_t pairs;

	*out = (struct statement){0};
	hc_reader_init(&reader, data, len);
	if (hc_cbor_map(&reader, &pairs) != HC_OK)
		return HC_ERR_INVALID;
	for (size_t i = 0; i < pairs; i++)
		if (read_member(&reader, out) != HC_OK)
			return HC_ERR_INVALID;
	return hc_reader_left(&reader) == 0 ? HC_OK : HC_ERR_INVALID;
}

/* ---- the certificate of a make ---- */

static bool is_version_3_leaf(X509 *certificate)
{
	return X509_get_version(certificate) == X509_VERSION_3 &&
	       (X509_get_extension_flags(certificate) & (EXFLAG_CA | EXFLAG_INVALID)) == 0;
}

/* WebAuthn 8.2.1: where the certificate names an AAGUID, it is that of the credential. */
static bool names_no_other_aaguid(const X509 *certificate, const uint8_t *aaguid)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(AAGUID_OID, 1);
	const int at = oid == NULL ? -2 : X509_get_ext_by_OBJ(certificate, oid, -1);

	ASN1_OBJECT_free(oid);
	if (at == -1)
		return true;
	if (at < 0)
		return false;
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
	const uint8_t *data = ASN1_STRING_get0_data(value);

	return ASN1_STRING_length(value) == AAGUID_DER && data[0] == V_ASN1_OCTET_STRING &&
	       data[1] == HC_FIDO_AAGUID_LEN && memcmp(data + 2, aaguid, HC_FIDO_AAGUID_LEN) == 0;
}

/* From the leaf over what the key brought to an authority of ours; the key's own certificates are links alone. */
static bool chains(const struct statement *statement, X509 *leaf, const struct hc_trust *trust,
		   int64_t now_ms)
{
	STACK_OF(X509) *links = sk_X509_new_null();
	bool good = links != NULL;

	for (size_t i = 1; good && i < statement->chain_count; i++) {
		X509 *link = NULL;

		good = hc_x509_parse(statement->chain[i].data, statement->chain[i].len, &link) == HC_OK &&
		       sk_X509_push(links, link) > 0;
	}
	good = good && trust != NULL && hc_trust_chain(trust, leaf, links, now_ms) == X509_V_OK;
	sk_X509_pop_free(links, X509_free);
	return good;
}

/* ---- the formats ---- */

static enum hc_reason judge_packed_chain(const struct hc_fido_creation *creation,
					 const struct statement *statement,
					 const struct hc_fido_auth_data *auth_data,
					 enum hc_fido_attestation_kind *ret_kind)
{
	HC_X509(leaf);

	if (hc_x509_parse(statement->chain[0].data, statement->chain[0].len, &leaf) != HC_OK ||
	    !is_version_3_leaf(leaf) || !names_no_other_aaguid(leaf, auth_data->aaguid) ||
	    !hc_x509_name_has(X509_get_subject_name(leaf), NID_organizationalUnitName, ATTESTATION_UNIT))
		return HC_REASON_ATTESTATION_REFUSED;
	EVP_PKEY *key = X509_get0_pubkey(leaf);

	if (key == NULL ||
	    EVP_PKEY_is_a(key, statement->alg == HC_COSE_ES256	 ? "EC"
			       : statement->alg == HC_COSE_RS256 ? "RSA"
								 : "ED25519") != 1 ||
	    !hc_fido_signature(key, (enum hc_cose_alg)statement->alg, creation->auth_data,
			       creation->auth_data_len, creation->client_data_hash, HASH_LEN,
			       statement->signature.data, statement->signature.len))
		return HC_REASON_ATTESTATION_REFUSED;
	*ret_kind = chains(statement, leaf, creation->trust, creation->now_ms) ? HC_FIDO_ATTESTED_CHAIN
									       : HC_FIDO_ATTESTED_UNKNOWN;
	return HC_REASON_NONE;
}

static enum hc_reason judge_packed_self(const struct hc_fido_creation *creation,
					const struct statement *statement,
					const struct hc_fido_auth_data *auth_data,
					enum hc_fido_attestation_kind *ret_kind)
{
	EVP_PKEY *key HC_CLEANUP(hc_evp_key_free) = NULL;
	enum hc_cose_alg alg;

	if (hc_fido_key_open(auth_data->key, auth_data->key_len, &alg, &key) != HC_OK ||
	    statement->alg != alg ||
	    !hc_fido_signature(key, alg, creation->auth_data, creation->auth_data_len,
			       creation->client_data_hash, HASH_LEN, statement->signature.data,
			       statement->signature.len))
		return HC_REASON_ATTESTATION_REFUSED;
	*ret_kind = HC_FIDO_ATTESTED_SELF;
	return HC_REASON_NONE;
}

static enum hc_reason judge_packed(const struct hc_fido_creation *creation,
				   const struct hc_fido_auth_data *auth_data,
				   enum hc_fido_attestation_kind *ret_kind)
{
	struct statement statement;

	if (read_statement(creation->statement, creation->statement_len, &statement) != HC_OK ||
	    !statement.has_alg || statement.signature.data == NULL ||
	    (statement.alg != HC_COSE_ES256 && statement.alg != HC_COSE_EDDSA &&
	     statement.alg != HC_COSE_RS256))
		return HC_REASON_ATTESTATION_REFUSED;
	return statement.chain_count > 0 ? judge_packed_chain(creation, &statement, auth_data, ret_kind)
					 : judge_packed_self(creation, &statement, auth_data, ret_kind);
}

/* What a U2F key signs at registration: 0 ‖ rpIdHash ‖ clientDataHash ‖ credential ‖ point. */
static bool u2f_signature(const struct hc_fido_creation *creation, const struct hc_fido_auth_data *auth_data,
			  EVP_PKEY *key, const struct statement *statement)
{
	uint8_t message[1 + 2 * HASH_LEN + HC_FIDO_CREDENTIAL_MAX + POINT_LEN];
	const uint8_t *x, *y;
	struct hc_writer writer;

	if (hc_fido_key_point(auth_data->key, auth_data->key_len, &x, &y) != HC_OK)
		return false;
	hc_writer_init(&writer, message, sizeof(message));
	hc_writer_u8(&writer, 0);
	hc_writer_bytes(&writer, auth_data->rp_id_hash, HASH_LEN);
	hc_writer_bytes(&writer, creation->client_data_hash, HASH_LEN);
	hc_writer_bytes(&writer, auth_data->credential, auth_data->credential_len);
	hc_writer_u8(&writer, 0x04);
	hc_writer_bytes(&writer, x, HASH_LEN);
	hc_writer_bytes(&writer, y, HASH_LEN);
	return writer.err == HC_OK && hc_fido_signature(key, HC_COSE_ES256, message, writer.len, "", 0,
							statement->signature.data, statement->signature.len);
}

static enum hc_reason judge_u2f(const struct hc_fido_creation *creation,
				const struct hc_fido_auth_data *auth_data,
				enum hc_fido_attestation_kind *ret_kind)
{
	struct statement statement;
	HC_X509(leaf);

	/* WebAuthn's has no algorithm; libfido2, which makes it of what an old key answered, names the only one. */
	if (read_statement(creation->statement, creation->statement_len, &statement) != HC_OK ||
	    (statement.has_alg && statement.alg != HC_COSE_ES256) || statement.signature.data == NULL ||
	    statement.chain_count != 1 ||
	    hc_x509_parse(statement.chain[0].data, statement.chain[0].len, &leaf) != HC_OK)
		return HC_REASON_ATTESTATION_REFUSED;
	EVP_PKEY *key = X509_get0_pubkey(leaf);

	if (key == NULL || EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_bits(key) != 256 ||
	    !u2f_signature(creation, auth_data, key, &statement))
		return HC_REASON_ATTESTATION_REFUSED;
	*ret_kind = chains(&statement, leaf, creation->trust, creation->now_ms) ? HC_FIDO_ATTESTED_CHAIN
										: HC_FIDO_ATTESTED_UNKNOWN;
	return HC_REASON_NONE;
}

static enum hc_reason judge_none(const struct hc_fido_creation *creation,
				 enum hc_fido_attestation_kind *ret_kind)
{
	static const uint8_t empty_map = 0xa0;

	if (creation->statement_len != 1 || *(const uint8_t *)creation->statement != empty_map)
		return HC_REASON_ATTESTATION_REFUSED;
	*ret_kind = HC_FIDO_ATTESTED_NONE;
	return HC_REASON_NONE;
}

enum hc_reason hc_fido_verify_creation(const struct hc_fido_creation *creation,
				       struct hc_fido_auth_data *ret_auth_data,
				       enum hc_fido_attestation_kind *ret_kind)
{
	struct hc_fido_auth_data auth_data;
	enum hc_reason reason = HC_REASON_ATTESTATION_REFUSED;

	if (hc_fido_auth_data_read(creation->auth_data, creation->auth_data_len, &auth_data) != HC_OK)
		return HC_REASON_DEVICE_ERROR;
	if (!hc_fido_is_for(&auth_data, creation->rp_id))
		return HC_REASON_KEY_NOT_REGISTERED;
	if ((auth_data.flags & HC_FIDO_UP) == 0 || (auth_data.flags & HC_FIDO_AT) == 0)
		return HC_REASON_FLAGS_MISSING;
	if (strcmp(creation->format, "packed") == 0)
		reason = judge_packed(creation, &auth_data, ret_kind);
	else if (strcmp(creation->format, "fido-u2f") == 0)
		reason = judge_u2f(creation, &auth_data, ret_kind);
	else if (strcmp(creation->format, "none") == 0)
		reason = judge_none(creation, ret_kind);
	if (reason == HC_REASON_NONE)
		*ret_auth_data = auth_data;
	return reason;
}

enum hc_err hc_fido_model(const char *format, const void *data, size_t len, char *out, size_t cap)
{
	struct statement statement;
	HC_X509(leaf);

	if ((strcmp(format, "packed") != 0 && strcmp(format, "fido-u2f") != 0) ||
	    read_statement(data, len, &statement) != HC_OK || statement.chain_count == 0)
		return HC_ERR_NOTFOUND;
	if (hc_x509_parse(statement.chain[0].data, statement.chain[0].len, &leaf) != HC_OK)
		return HC_ERR_INVALID;
	return hc_x509_name_text(X509_get_subject_name(leaf), NID_commonName, out, cap);
}
