/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CARD_KEYS_H
#define HC_TEST_CARD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Certificates and keys of the tests' cards: card_files.h says where they are. */
struct hc_test_object {
	char name[64], path[256];
	uint8_t id[64];
	size_t id_len;
	uint8_t der[16384];
	size_t der_len;
	bool has_certificate, has_key, is_public, is_ec;
};

/* hc_test_object: the card's object of that number, in the order of their names; false: there are not so many. */
bool hc_test_object(const char *card, size_t number, struct hc_test_object *ret_object);

/* hc_test_key_sign: RSASSA-PKCS1-v1_5 over SHA-256 of data; ecdsa: r and s over data, which is a digest. */
bool hc_test_key_sign(const struct hc_test_object *object, bool ecdsa, const uint8_t *data, size_t len,
		      uint8_t *out, unsigned long *out_len);

unsigned long hc_test_sha256(const uint8_t *data, size_t len, uint8_t *out);

#endif
