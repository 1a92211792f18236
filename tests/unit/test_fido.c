/* SPDX-License-Identifier: Apache-2.0 */
/* What a security key answers: nothing but a fresh, touched, signed answer for us is accepted. */
#include "hospiconnect/fido.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/core_names.h>

#include "cps_ca.h"
#include "hospiconnect/buf.h"

#define RP "sso.hopital.example"

/* A key made of software: just enough to answer rightly, and to be made to answer wrongly. */
struct answer {
	EVP_PKEY *key;
	enum hc_cose_alg alg;
	uint8_t cose[HC_FIDO_KEY_MAX];
	size_t cose_len;
	uint8_t hash[32]; /* of the client data */
	uint8_t auth_data[HC_FIDO_AUTH_DATA_MAX];
	size_t auth_data_len;
	uint8_t signature[512];
	size_t signature_len;
};

static void put(struct hc_writer *writer, const char *hex)
{
	for (; hex[0] != '\0'; hex += 2) {
		const char pair[3] = {hex[0], hex[1], '\0'};

		hc_writer_u8(writer, (uint8_t)strtoul(pair, NULL, 16));
	}
}

static void put_bytes(struct hc_writer *writer, const uint8_t *data, size_t len)
{
	if (len < 24) {
		hc_writer_u8(writer, (uint8_t)(0x40 + len));
	} else if (len < 256) {
		hc_writer_u8(writer, 0x58);
		hc_writer_u8(writer, (uint8_t)len);
	} else {
		hc_writer_u8(writer, 0x59);
		hc_writer_u16(writer, (uint16_t)len);
	}
	hc_writer_bytes(writer, data, len);
}

static void put_number(struct hc_writer *writer, EVP_PKEY *key, const char *name, int len)
{
	uint8_t data[512];
	BIGNUM *number = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	const int size = len > 0 ? len : BN_num_bytes(number);

	assert_int_equal(BN_bn2binpad(number, data, size), size);
	put_bytes(writer, data, (size_t)size);
	BN_free(number);
}

static void write_cose(struct answer *answer)
{
	uint8_t raw[32];
	size_t raw_len = sizeof(raw);
	struct hc_writer writer;

	hc_writer_init(&writer, answer->cose, sizeof(answer->cose));
	switch (answer->alg) {
	case HC_COSE_ES256:
		put(&writer, "a5010203262001"
			     "21");
		put_number(&writer, answer->key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
		put(&writer, "22");
		put_number(&writer, answer->key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
		break;
	case HC_COSE_EDDSA:
		put(&writer, "a401010327200621");
		assert_int_equal(EVP_PKEY_get_raw_public_key(answer->key, raw, &raw_len), 1);
		put_bytes(&writer, raw, raw_len);
		break;
	case HC_COSE_RS256:
		put(&writer, "a401030339010020");
		put_number(&writer, answer->key, OSSL_PKEY_PARAM_RSA_N, 0);
		put(&writer, "21");
		put_number(&writer, answer->key, OSSL_PKEY_PARAM_RSA_E, 0);
		break;
	}
	assert_int_equal(writer.err, HC_OK);
	answer->cose_len = writer.len;
}

static void sign_with(EVP_PKEY *key, enum hc_cose_alg alg, struct answer *answer)
{
	uint8_t message[HC_FIDO_AUTH_DATA_MAX + 32];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	memcpy(message, answer->auth_data, answer->auth_data_len);
	memcpy(message + answer->auth_data_len, answer->hash, 32);
	answer->signature_len = sizeof(answer->signature);
	assert_int_equal(
		EVP_DigestSignInit(context, NULL, alg == HC_COSE_EDDSA ? NULL : EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, answer->signature, &answer->signature_len, message,
					answer->auth_data_len + 32),
			 1);
	EVP_MD_CTX_free(context);
}

static void write_auth_data(struct answer *answer, const char *rp_id, uint8_t flags, uint32_t counter)
{
	uint8_t hash[32];
	struct hc_writer writer;

	assert_int_equal(EVP_Digest(rp_id, strlen(rp_id), hash, NULL, EVP_sha256(), NULL), 1);
	hc_writer_init(&writer, answer->auth_data, sizeof(answer->auth_data));
	hc_writer_bytes(&writer, hash, sizeof(hash));
	hc_writer_u8(&writer, flags);
	hc_writer_u32(&writer, counter);
	if ((flags & HC_FIDO_AT) != 0) {
		hc_writer_bytes(&writer, "AAGUID0123456789", HC_FIDO_AAGUID_LEN);
		hc_writer_u16(&writer, 4);
		hc_writer_bytes(&writer, "cred", 4);
		hc_writer_bytes(&writer, answer->cose, answer->cose_len);
	}
	if ((flags & HC_FIDO_ED) != 0)
		put(&writer, "a16b6372656450726f7465637402"); /* {"credProtect": 2} */
	assert_int_equal(writer.err, HC_OK);
	answer->auth_data_len = writer.len;
}

static struct answer new_key(enum hc_cose_alg alg)
{
	struct answer answer = {.alg = alg};

	switch (alg) {
	case HC_COSE_ES256:
		answer.key = EVP_EC_gen("P-256");
		break;
	case HC_COSE_EDDSA:
		answer.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case HC_COSE_RS256:
		answer.key = EVP_RSA_gen(2048);
		break;
	}
	assert_non_null(answer.key);
	memset(answer.hash, 0x5a, sizeof(answer.hash));
	write_cose(&answer);
	return answer;
}

static void answer_with(struct answer *answer, const char *rp_id, uint8_t flags, uint32_t counter)
{
	write_auth_data(answer, rp_id, flags, counter);
	sign_with(answer->key, answer->alg, answer);
}

static enum hc_reason verify(const struct answer *answer, uint32_t last, struct hc_fido_verified *verified)
{
	const struct hc_fido_assertion assertion = {.rp_id = RP,
						    .client_data_hash = answer->hash,
						    .key = answer->cose,
						    .key_len = answer->cose_len,
						    .counter = last,
						    .auth_data = answer->auth_data,
						    .auth_data_len = answer->auth_data_len,
						    .signature = answer->signature,
						    .signature_len = answer->signature_len};

	return hc_fido_verify(&assertion, verified);
}

/* ---- assertions ---- */

static const struct {
	const char *what, *rp_id;
	uint8_t flags;
	uint32_t last, counter;
	enum hc_reason reason;
} refused[] = {
	{"for somebody else", "sso.hopital.example.org", HC_FIDO_UP | HC_FIDO_UV, 1, 2,
	 HC_REASON_KEY_NOT_REGISTERED},
	{"for nobody", "", HC_FIDO_UP | HC_FIDO_UV, 1, 2, HC_REASON_KEY_NOT_REGISTERED},
	{"without a touch", RP, 0, 1, 2, HC_REASON_FLAGS_MISSING},
	{"with a PIN and without a touch", RP, HC_FIDO_UV, 1, 2, HC_REASON_FLAGS_MISSING},
	{"with a new credential in it", RP, HC_FIDO_UP | HC_FIDO_AT, 1, 2, HC_REASON_FLAGS_MISSING},
	{"the same counter", RP, HC_FIDO_UP, 7, 7, HC_REASON_COUNTER_NOT_ADVANCED},
	{"an earlier counter", RP, HC_FIDO_UP, 7, 6, HC_REASON_COUNTER_NOT_ADVANCED},
	{"a counter that has gone", RP, HC_FIDO_UP, 7, 0, HC_REASON_COUNTER_NOT_ADVANCED},
	{"a counter that turned over", RP, HC_FIDO_UP, UINT32_MAX, 0, HC_REASON_COUNTER_NOT_ADVANCED},
};

static void what_is_not_asked_for_is_refused(void **state)
{
	struct answer answer = new_key(HC_COSE_ES256);
	struct hc_fido_verified verified;

	(void)state;
	for (size_t row = 0; row < HC_COUNT(refused); row++) {
		answer_with(&answer, refused[row].rp_id, refused[row].flags, refused[row].counter);
		const enum hc_reason reason = verify(&answer, refused[row].last, &verified);

		if (reason != refused[row].reason)
			fail_msg("row %zu, %s: %s", row, refused[row].what, hc_reason_name(reason));
	}
	EVP_PKEY_free(answer.key);
}

static void another_keys_signature_or_message_is_refused(void **state)
{
	struct answer answer = new_key(HC_COSE_ES256);
	struct answer other = new_key(HC_COSE_ES256);
	struct hc_fido_verified verified;

	(void)state;
	write_auth_data(&answer, RP, HC_FIDO_UP | HC_FIDO_UV, 2);
	sign_with(other.key, HC_COSE_ES256, &answer);
	assert_int_equal(verify(&answer, 1, &verified), HC_REASON_SIGNATURE_INVALID);
	sign_with(answer.key, HC_COSE_ES256, &answer);
	answer.hash[31] ^= 1; /* another challenge, or another origin */
	assert_int_equal(verify(&answer, 1, &verified), HC_REASON_SIGNATURE_INVALID);
	answer.hash[31] ^= 1;
	answer.auth_data[32] |= HC_FIDO_UV | HC_FIDO_UP;
	assert_int_equal(verify(&answer, 1, &verified), HC_REASON_NONE);
	answer.auth_data[36]++; /* a counter that the key did not sign raises no alarm */
	assert_int_equal(verify(&answer, 9, &verified), HC_REASON_SIGNATURE_INVALID);
	answer.auth_data[36]--;
	answer.signature_len = 0;
	assert_int_equal(verify(&answer, 1, &verified), HC_REASON_SIGNATURE_INVALID);
	answer.cose[7] ^= 1; /* a point that is not on the curve */
	assert_int_equal(verify(&answer, 1, &verified), HC_REASON_SIGNATURE_INVALID);
	EVP_PKEY_free(answer.key);
	EVP_PKEY_free(other.key);
}

static void every_algorithm_verifies_and_tells_what_was_proved(void **state)
{
	static const enum hc_cose_alg algs[] = {HC_COSE_ES256, HC_COSE_EDDSA, HC_COSE_RS256};
	struct hc_fido_verified verified;

	(void)state;
	for (size_t row = 0; row < HC_COUNT(algs); row++) {
		struct answer answer = new_key(algs[row]);

		answer_with(&answer, RP, HC_FIDO_UP | HC_FIDO_UV | HC_FIDO_ED, 8);
		if (verify(&answer, 7, &verified) != HC_REASON_NONE || !verified.user_verified ||
		    verified.counter != 8)
			fail_msg("row %zu", row);
		answer_with(&answer, RP, HC_FIDO_UP, 0); /* a key without counter, and possession alone */
		if (verify(&answer, 0, &verified) != HC_REASON_NONE || verified.user_verified ||
		    verified.counter != 0)
			fail_msg("row %zu, without counter", row);
		EVP_PKEY_free(answer.key);
	}
}

static void every_truncation_and_any_trailing_byte_is_refused(void **state)
{
	struct answer answer = new_key(HC_COSE_ES256);
	struct hc_fido_auth_data auth_data;

	(void)state;
	write_auth_data(&answer, RP, HC_FIDO_UP | HC_FIDO_AT | HC_FIDO_ED, 1);
	for (size_t len = 0; len < answer.auth_data_len; len++)
		if (hc_fido_auth_data_read(answer.auth_data, len, &auth_data) == HC_OK)
			fail_msg("%zu of %zu bytes were read", len, answer.auth_data_len);
	answer.auth_data[answer.auth_data_len] = 0;
	assert_int_equal(hc_fido_auth_data_read(answer.auth_data, answer.auth_data_len + 1, &auth_data),
			 HC_ERR_INVALID);
	assert_int_equal(hc_fido_auth_data_read(answer.auth_data, HC_FIDO_AUTH_DATA_MAX + 1, &auth_data),
			 HC_ERR_TOOBIG);
	assert_int_equal(hc_fido_auth_data_read(answer.auth_data, answer.auth_data_len, &auth_data), HC_OK);
	assert_int_equal(auth_data.credential_len, 4);
	assert_memory_equal(auth_data.credential, "cred", 4);
	assert_memory_equal(auth_data.key, answer.cose, answer.cose_len);
	assert_int_equal(auth_data.cred_protect, 2);
	EVP_PKEY_free(answer.key);
}

static const struct {
	const char *what, *hex;
} bad_keys[] = {
	{"nothing", ""},
	{"an empty map", "a0"},
	{"a list", "85010203262001"},
	{"P-256 without y",
	 "a401020326200121582000000000000000000000000000000000000000000000000000000000000000"
	 "00"},
	{"kind without algorithm", "a1010221"},
	{"an algorithm of another kind",
	 "a4010103262006215820000000000000000000000000000000000000000000000000000000"
	 "0000000000"},
	{"Ed25519 twice the curve",
	 "a501010327200620062158200000000000000000000000000000000000000000000000000000"
	 "000000000000"},
	{"a number in two bytes",
	 "a4011801032720062158200000000000000000000000000000000000000000000000000000000000"
	 "000000"},
	{"RSA of 16 bits", "a4010303390100204280012143010001"},
	{"indefinite length", "bf0102ff"},
};

static void a_key_of_any_other_form_is_refused(void **state)
{
	uint8_t data[HC_FIDO_KEY_MAX];

	(void)state;
	for (size_t row = 0; row < HC_COUNT(bad_keys); row++) {
		struct hc_writer writer;

		hc_writer_init(&writer, data, sizeof(data));
		put(&writer, bad_keys[row].hex);
		if (hc_fido_key_check(data, writer.len, NULL) != HC_ERR_INVALID)
			fail_msg("row %zu, %s", row, bad_keys[row].what);
	}
}

/* ---- attestations ---- */

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static struct hc_test_subject make_subject(void)
{
	return (struct hc_test_subject){
		.country = "SE",
		.organization = "Maker of keys",
		.unit = "Authenticator Attestation",
		.common_name = "Key of the tests",
		.extensions = {{"basicConstraints", "critical,CA:FALSE"},
			       {"subjectKeyIdentifier", "hash"},
			       {"authorityKeyIdentifier", "keyid:always"},
			       /* the AAGUID of write_auth_data */
			       {"1.3.6.1.4.1.45724.1.1.4", "DER:041041414755494430313233343536373839"}},
		.from_days = -10,
		.until_days = 1000};
}

static enum hc_reason create(struct answer *answer, const char *format, const struct hc_test_party *leaf,
			     const struct hc_trust *trust, enum hc_fido_attestation_kind *kind)
{
	uint8_t statement[HC_X509_MAX + 1024], der[HC_X509_MAX];
	struct hc_fido_auth_data auth_data;
	struct hc_writer writer;

	hc_writer_init(&writer, statement, sizeof(statement));
	if (strcmp(format, "none") == 0) {
		put(&writer, "a0");
	} else {
		put(&writer, leaf != NULL ? "a363616c672663736967" : "a263616c672663736967");
		put_bytes(&writer, answer->signature, answer->signature_len);
		if (leaf != NULL) {
			put(&writer, "6378356381");
			put_bytes(&writer, der, hc_test_der(leaf->certificate, der, sizeof(der)));
		}
	}
	assert_int_equal(writer.err, HC_OK);
	const struct hc_fido_creation creation = {.rp_id = RP,
						  .client_data_hash = answer->hash,
						  .format = format,
						  .statement = statement,
						  .statement_len = writer.len,
						  .auth_data = answer->auth_data,
						  .auth_data_len = answer->auth_data_len,
						  .trust = trust,
						  .now_ms = now_ms()};

	return hc_fido_verify_creation(&creation, &auth_data, kind);
}

static void a_self_attestation_is_the_keys_own(void **state)
{
	struct answer answer = new_key(HC_COSE_ES256);
	struct answer other = new_key(HC_COSE_ES256);
	enum hc_fido_attestation_kind kind = HC_FIDO_ATTESTED_CHAIN;

	(void)state;
	write_auth_data(&answer, RP, HC_FIDO_UP | HC_FIDO_AT, 1);
	sign_with(other.key, HC_COSE_ES256, &answer);
	assert_int_equal(create(&answer, "packed", NULL, NULL, &kind), HC_REASON_ATTESTATION_REFUSED);
	sign_with(answer.key, HC_COSE_ES256, &answer);
	assert_int_equal(create(&answer, "packed", NULL, NULL, &kind), HC_REASON_NONE);
	assert_int_equal(kind, HC_FIDO_ATTESTED_SELF);
	assert_int_equal(create(&answer, "none", NULL, NULL, &kind), HC_REASON_NONE);
	assert_int_equal(kind, HC_FIDO_ATTESTED_NONE);
	assert_int_equal(create(&answer, "tpm", NULL, NULL, &kind), HC_REASON_ATTESTATION_REFUSED);
	answer_with(&answer, "elsewhere.example", HC_FIDO_UP | HC_FIDO_AT, 1);
	assert_int_equal(create(&answer, "packed", NULL, NULL, &kind), HC_REASON_KEY_NOT_REGISTERED);
	answer_with(&answer, RP, HC_FIDO_AT, 1);
	assert_int_equal(create(&answer, "packed", NULL, NULL, &kind), HC_REASON_FLAGS_MISSING);
	answer_with(&answer, RP, HC_FIDO_UP, 1);
	assert_int_equal(create(&answer, "packed", NULL, NULL, &kind), HC_REASON_FLAGS_MISSING);
	EVP_PKEY_free(answer.key);
	EVP_PKEY_free(other.key);
}

static void only_a_trusted_chain_makes_the_make_true(void **state)
{
	struct hc_test_subject subject = make_subject();
	struct hc_test_party authority = hc_test_authority("Root of the maker", "keys", NULL);
	struct hc_test_party leaf = hc_test_issue(&subject, &authority);
	struct answer answer = new_key(HC_COSE_EDDSA);
	enum hc_fido_attestation_kind kind = HC_FIDO_ATTESTED_NONE;
	struct hc_trust *trust = NULL;
	uint8_t der[HC_X509_MAX];

	(void)state;
	write_auth_data(&answer, RP, HC_FIDO_UP | HC_FIDO_AT, 1);
	sign_with(leaf.key, HC_COSE_ES256, &answer);
	assert_int_equal(create(&answer, "packed", &leaf, NULL, &kind), HC_REASON_NONE);
	assert_int_equal(kind, HC_FIDO_ATTESTED_UNKNOWN);
	assert_int_equal(hc_trust_new(&trust), HC_OK);
	assert_int_equal(create(&answer, "packed", &leaf, trust, &kind), HC_REASON_NONE);
	assert_int_equal(kind, HC_FIDO_ATTESTED_UNKNOWN);
	assert_int_equal(hc_trust_add(trust, der, hc_test_der(authority.certificate, der, sizeof(der)), NULL),
			 HC_OK);
	assert_int_equal(create(&answer, "packed", &leaf, trust, &kind), HC_REASON_NONE);
	assert_int_equal(kind, HC_FIDO_ATTESTED_CHAIN);

	struct hc_test_party other = hc_test_issue(&subject, &authority);

	assert_int_equal(create(&answer, "packed", &other, trust, &kind), HC_REASON_ATTESTATION_REFUSED);
	hc_test_party_clear(&other);
	hc_test_party_clear(&leaf);
	hc_test_party_clear(&authority);
	hc_trust_free(&trust);
	EVP_PKEY_free(answer.key);
}

static const struct {
	const char *what, *name, *value;
} bad_leaves[] = {
	{"an authority", "basicConstraints", "critical,CA:TRUE"},
	{"the AAGUID of another make", "1.3.6.1.4.1.45724.1.1.4", "DER:041042414755494430313233343536373839"},
	{"an AAGUID too short", "1.3.6.1.4.1.45724.1.1.4", "DER:040F414147554944303132333435363738"},
	{"an AAGUID without its type", "1.3.6.1.4.1.45724.1.1.4", "DER:41414755494430313233343536373839"},
};

static void a_certificate_of_another_make_is_refused(void **state)
{
	struct hc_test_party authority = hc_test_authority("Root of the maker", "keys", NULL);
	struct answer answer = new_key(HC_COSE_ES256);
	enum hc_fido_attestation_kind kind;

	(void)state;
	write_auth_data(&answer, RP, HC_FIDO_UP | HC_FIDO_AT, 1);
	for (size_t row = 0; row <= HC_COUNT(bad_leaves); row++) {
		struct hc_test_subject subject = make_subject();

		if (row < HC_COUNT(bad_leaves))
			hc_test_set(&subject, bad_leaves[row].name, bad_leaves[row].value);
		else
			subject.unit = "Something else";
		struct hc_test_party leaf = hc_test_issue(&subject, &authority);

		sign_with(leaf.key, HC_COSE_ES256, &answer);
		if (create(&answer, "packed", &leaf, NULL, &kind) != HC_REASON_ATTESTATION_REFUSED)
			fail_msg("row %zu", row);
		hc_test_party_clear(&leaf);
	}
	hc_test_party_clear(&authority);
	EVP_PKEY_free(answer.key);
}

/* ---- client data ---- */

static void client_data_is_written_in_one_way(void **state)
{
	char out[256];

	(void)state;
	assert_int_equal(hc_fido_client_data("webauthn.get", "\x00\xff\xfe", 3, "hospiconnect://poste-12",
					     out, sizeof(out)),
			 HC_OK);
	assert_string_equal(out, "{\"type\":\"webauthn.get\",\"challenge\":\"AP_-\",\"origin\":"
				 "\"hospiconnect://poste-12\",\"crossOrigin\":false}");
	assert_int_equal(hc_fido_client_data("webauthn.get", "f", 1, "https://a", out, sizeof(out)), HC_OK);
	assert_non_null(strstr(out, "\"challenge\":\"Zg\""));
	assert_int_equal(hc_fido_client_data("webauthn.get", "f", 1, "https://a\"", out, sizeof(out)),
			 HC_ERR_INVALID);
	assert_int_equal(hc_fido_client_data("webauthn.get", "f", 1, "https://a b", out, sizeof(out)),
			 HC_ERR_INVALID);
	assert_int_equal(hc_fido_client_data("webauthn.get", "", 0, "https://a", out, sizeof(out)),
			 HC_ERR_INVALID);
	assert_int_equal(hc_fido_client_data("webauthn.get", "f", 1, "https://a", out, 40), HC_ERR_TOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_asked_for_is_refused),
		cmocka_unit_test(another_keys_signature_or_message_is_refused),
		cmocka_unit_test(every_algorithm_verifies_and_tells_what_was_proved),
		cmocka_unit_test(every_truncation_and_any_trailing_byte_is_refused),
		cmocka_unit_test(a_key_of_any_other_form_is_refused),
		cmocka_unit_test(a_self_attestation_is_the_keys_own),
		cmocka_unit_test(only_a_trusted_chain_makes_the_make_true),
		cmocka_unit_test(a_certificate_of_another_make_is_refused),
		cmocka_unit_test(client_data_is_written_in_one_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
