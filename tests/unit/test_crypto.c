/* SPDX-License-Identifier: Apache-2.0 */
/* The primitives, against the vectors of the documents that define them. */
#include "hospiconnect/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "libhccrypto/evp.h"

struct bytes {
	uint8_t data[160];
	size_t len;
};

static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

static struct bytes hex(const char *text)
{
	struct bytes bytes = {.len = strlen(text) / 2};

	assert_true(bytes.len <= sizeof(bytes.data));
	for (size_t i = 0; i < bytes.len; i++)
		bytes.data[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return bytes;
}

static struct hc_bytes view(const struct bytes *bytes)
{
	return (struct hc_bytes){bytes->data, bytes->len};
}

static void expect(size_t row, const char *what, const uint8_t *got, const struct bytes *wanted)
{
	for (size_t i = 0; i < wanted->len; i++)
		if (got[i] != wanted->data[i])
			fail_msg("row %zu: %s differs at byte %zu: %02x, wanted %02x", row, what, i, got[i],
				 wanted->data[i]);
}

/* Appendix B of the GCM specification on which SP 800-38D rests: test cases 13 to 16 (256-bit keys). */
#define ZERO_KEY "0000000000000000000000000000000000000000000000000000000000000000"
#define FEFF_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define PLAIN_60                                                                                           \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525" \
	"b16aedf5aa0de657ba637b39"
#define CIPHER_60                                                                                          \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838" \
	"c5f61e6393ba7a0abcc9f662"

static const struct {
	const char *key, *nonce, *aad, *plain, *cipher, *tag;
} gcm_vectors[] = {
	{ZERO_KEY, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{ZERO_KEY, "000000000000000000000000", "", "00000000000000000000000000000000",
	 "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{FEFF_KEY, "cafebabefacedbaddecaf888", "", PLAIN_60 "1aafd255", CIPHER_60 "898015ad",
	 "b094dac5d93471bdec1a502270e3cc6c"},
	{FEFF_KEY, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN_60,
	 CIPHER_60, "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void gcm_refuses_every_changed_bit_and_gives_no_plaintext(void **state)
{
	static const uint8_t nothing[60];
	const struct bytes key = hex(FEFF_KEY), nonce = hex(gcm_vectors[3].nonce);
	const struct bytes aad = hex(gcm_vectors[3].aad), cipher = hex(CIPHER_60),
			   tag = hex(gcm_vectors[3].tag);

	(void)state;
	for (size_t bit = 0; bit < 8 * (cipher.len + tag.len + aad.len); bit++) {
		struct bytes bad_cipher = cipher, bad_tag = tag, bad_aad = aad;
		uint8_t out[60];
		const uint8_t mask = (uint8_t)(1u << (bit % 8));
		const size_t at = bit / 8;

		if (at < cipher.len)
			bad_cipher.data[at] ^= mask;
		else if (at < cipher.len + tag.len)
			bad_tag.data[at - cipher.len] ^= mask;
		else
			bad_aad.data[at - cipher.len - tag.len] ^= mask;
		memset(out, 0xee, sizeof(out));
		if (hc_gcm_decrypt(key.data, nonce.data, view(&bad_aad), view(&bad_cipher), bad_tag.data,
				   out) != HC_ERR_SEAL)
			fail_msg("bit %zu: not refused", bit);
		if (memcmp(out, nothing, sizeof(out)) != 0)
			fail_msg("bit %zu: plaintext was left behind", bit);
	}
}

static void gcm_agrees_with_the_specification(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(gcm_vectors); i++) {
		const struct bytes key = hex(gcm_vectors[i].key), nonce = hex(gcm_vectors[i].nonce);
		const struct bytes aad = hex(gcm_vectors[i].aad), plain = hex(gcm_vectors[i].plain);
		const struct bytes cipher = hex(gcm_vectors[i].cipher), tag = hex(gcm_vectors[i].tag);
		uint8_t out[80], out_tag[HC_GCM_TAG_LEN];

		assert_int_equal(hc_gcm_encrypt(key.data, nonce.data, view(&aad), view(&plain), out, out_tag),
				 HC_OK);
		expect(i, "ciphertext", out, &cipher);
		expect(i, "tag", out_tag, &tag);
		assert_int_equal(
			hc_gcm_decrypt(key.data, nonce.data, view(&aad), view(&cipher), tag.data, out),
			HC_OK);
		expect(i, "plaintext", out, &plain);
	}
}

/* RFC 8032, section 7.1 */
static const struct {
	const char *seed, *public_key, *message, *signature;
} ed25519_vectors[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25"
	 "b"
	 "f5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
	 "b"
	 "2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7"
	 "c"
	 "15e9716ed28dc027beceea1ec40a"},
};

static void ed25519_refuses_a_signature_of_another_message_key_or_bit(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(ed25519_vectors); i++) {
		const struct bytes public_key = hex(ed25519_vectors[i].public_key);
		const struct bytes other_key = hex(ed25519_vectors[(i + 1) % 3].public_key);
		const struct bytes message = hex(ed25519_vectors[i].message);
		struct bytes signature = hex(ed25519_vectors[i].signature);

		assert_int_equal(hc_ed25519_verify(public_key.data, "other", 5, signature.data),
				 HC_ERR_INVALID);
		assert_int_equal(hc_ed25519_verify(other_key.data, message.data, message.len, signature.data),
				 HC_ERR_INVALID);
		for (size_t at = 0; at < signature.len; at++) {
			signature.data[at] ^= 0x10;
			if (hc_ed25519_verify(public_key.data, message.data, message.len, signature.data) !=
			    HC_ERR_INVALID)
				fail_msg("row %zu: changed byte %zu accepted", i, at);
			signature.data[at] ^= 0x10;
		}
	}
}

static void ed25519_agrees_with_rfc_8032(void **state)
{
	(void)state;
	for (size_t i = 0; i < HC_COUNT(ed25519_vectors); i++) {
		const struct bytes raw = hex(ed25519_vectors[i].seed);
		const struct bytes public_key = hex(ed25519_vectors[i].public_key);
		const struct bytes message = hex(ed25519_vectors[i].message);
		const struct bytes signature = hex(ed25519_vectors[i].signature);
		uint8_t out_key[HC_ED25519_LEN], out[HC_ED25519_SIG_LEN];
		HC_AUTO(secret) seed = NULL;

		assert_int_equal(hc_secret_from(raw.data, raw.len, &seed), HC_OK);
		assert_int_equal(hc_ed25519_public(seed, out_key), HC_OK);
		expect(i, "public key", out_key, &public_key);
		assert_int_equal(hc_ed25519_sign(seed, message.data, message.len, out), HC_OK);
		expect(i, "signature", out, &signature);
		assert_int_equal(hc_ed25519_verify(out_key, message.data, message.len, out), HC_OK);
	}
}

static void fill(struct bytes *bytes, uint8_t value, size_t len)
{
	memset(bytes->data, value, len);
	bytes->len = len;
}

static void count_up(struct bytes *bytes, uint8_t first, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes->data[i] = (uint8_t)(first + i);
	bytes->len = len;
}

static void text(struct bytes *bytes, const char *string)
{
	bytes->len = strlen(string);
	memcpy(bytes->data, string, bytes->len);
}

/* RFC 4231, sections 4.2 to 4.5, 4.7 and 4.8 (4.6 truncates, which is not offered). */
static void hmac_agrees_with_rfc_4231(void **state)
{
	static const char *const wanted[] = {
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
	};
	struct bytes key[6] = {0}, data[6] = {0};

	(void)state;
	fill(&key[0], 0x0b, 20);
	text(&data[0], "Hi There");
	text(&key[1], "Jefe");
	text(&data[1], "what do ya want for nothing?");
	fill(&key[2], 0xaa, 20);
	fill(&data[2], 0xdd, 50);
	count_up(&key[3], 0x01, 25);
	fill(&data[3], 0xcd, 50);
	fill(&key[4], 0xaa, 131);
	text(&data[4], "Test Using Larger Than Block-Size Key - Hash Key First");
	fill(&key[5], 0xaa, 131);
	text(&data[5], "This is a test using a larger than block-size key and a larger than block-size data. "
		       "The key needs to be hashed before being used by the HMAC algorithm.");
	for (size_t i = 0; i < HC_COUNT(wanted); i++) {
		const struct bytes mac = hex(wanted[i]);
		HC_AUTO(secret) secret = NULL;
		uint8_t out[HC_SHA256_LEN];

		assert_int_equal(hc_secret_from(key[i].data, key[i].len, &secret), HC_OK);
		assert_int_equal(hc_hmac_sha256(secret, data[i].data, data[i].len, out), HC_OK);
		expect(i, "mac", out, &mac);
	}
}

/* RFC 5869, appendix A.1 to A.3 */
static void hkdf_agrees_with_rfc_5869(void **state)
{
	static const char *const wanted[] = {
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e59"
		"0e09"
		"da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
	};
	struct bytes key[3] = {0}, salt[3] = {0}, info[3] = {0};

	(void)state;
	fill(&key[0], 0x0b, 22);
	count_up(&salt[0], 0x00, 13);
	count_up(&info[0], 0xf0, 10);
	count_up(&key[1], 0x00, 80);
	count_up(&salt[1], 0x60, 80);
	count_up(&info[1], 0xb0, 80);
	fill(&key[2], 0x0b, 22);
	for (size_t i = 0; i < HC_COUNT(wanted); i++) {
		const struct bytes okm = hex(wanted[i]);
		uint8_t out[96];

		assert_int_equal(hc_hkdf_raw(view(&key[i]), view(&salt[i]), view(&info[i]), out, okm.len),
				 HC_OK);
		expect(i, "key material", out, &okm);
	}
}

/* FIPS 180-4 examples */
static void sha256_agrees_with_fips_180(void **state)
{
	static const char *const table[][2] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct bytes wanted = hex(table[i][1]);
		uint8_t out[HC_SHA256_LEN];

		assert_int_equal(hc_sha256(table[i][0], strlen(table[i][0]), out), HC_OK);
		expect(i, "digest", out, &wanted);
	}
}

static void random_bytes_do_not_repeat_and_come_in_the_length_asked_for(void **state)
{
	HC_AUTO(secret) first = NULL;
	HC_AUTO(secret) second = NULL;

	(void)state;
	assert_int_equal(hc_random_secret(32, &first), HC_OK);
	assert_int_equal(hc_random_secret(32, &second), HC_OK);
	assert_int_equal(hc_secret_len(first), 32);
	assert_int_equal(hc_secret_len(second), 32);
	assert_false(hc_secret_equal(first, second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcm_refuses_every_changed_bit_and_gives_no_plaintext),
		cmocka_unit_test(gcm_agrees_with_the_specification),
		cmocka_unit_test(ed25519_refuses_a_signature_of_another_message_key_or_bit),
		cmocka_unit_test(ed25519_agrees_with_rfc_8032),
		cmocka_unit_test(hmac_agrees_with_rfc_4231),
		cmocka_unit_test(hkdf_agrees_with_rfc_5869),
		cmocka_unit_test(sha256_agrees_with_fips_180),
		cmocka_unit_test(random_bytes_do_not_repeat_and_come_in_the_length_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
