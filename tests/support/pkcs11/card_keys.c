/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys of the tests' cards, signing by OpenSSL. No state. */
#include "card_keys.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "card_files.h"

#define OBJECTS_MAX 64

static int is_object(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The name of the object of that number. */
static bool name_object(const char *card, size_t number, char name[64])
{
	char path[4096];
	struct dirent **entries = NULL;
	bool found;
	int count;

	(void)snprintf(path, sizeof(path), "%.3900s/cards/%.63s/objects", hc_test_dir(), card);
	count = scandir(path, &entries, is_object, alphasort);
	found = count > 0 && number < (size_t)count;
	if (found)
		(void)snprintf(name, 64, "%.63s", entries[number]->d_name);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return found;
}

static size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t len = 0;
	unsigned byte;

	while (len < cap && sscanf(hex + 2 * len, "%2x", &byte) == 1)
		out[len++] = (uint8_t)byte;
	return len;
}

static EVP_PKEY *key_of(const struct hc_test_object *object)
{
	char path[4096];
	EVP_PKEY *key;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%.3800s/%s/key.pem", hc_test_dir(), object->path);
	file = fopen(path, "re");
	if (file == NULL)
		return NULL;
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
	return key;
}

bool hc_test_object(const char *card, size_t number, struct hc_test_object *ret_object)
{
	char hex[256] = "";
	EVP_PKEY *key;
	long len;

	memset(ret_object, 0, sizeof(*ret_object));
	if (number >= OBJECTS_MAX || !name_object(card, number, ret_object->name))
		return false;
	(void)snprintf(ret_object->path, sizeof(ret_object->path), "cards/%.63s/objects/%.63s", card,
		       ret_object->name);
	(void)hc_test_read(hex, sizeof(hex), "%s/id", ret_object->path);
	ret_object->id_len = from_hex(hex, ret_object->id, sizeof(ret_object->id));
	len = hc_test_bytes(ret_object->der, sizeof(ret_object->der), "%s/cert.der", ret_object->path);
	ret_object->has_certificate = len >= 0;
	ret_object->der_len = len < 0 ? 0 : (size_t)len;
	ret_object->is_public = hc_test_exists("%s/public", ret_object->path);
	key = key_of(ret_object);
	ret_object->has_key = key != NULL;
	ret_object->is_ec = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
	EVP_PKEY_free(key);
	return true;
}

/* DER to r and s, each as long as the curve. */
static bool to_raw(const uint8_t *der, size_t len, size_t half, uint8_t *out, unsigned long *out_len)
{
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool done = signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, (int)half) > 0 &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + half, (int)half) > 0;

	ECDSA_SIG_free(signature);
	*out_len = 2 * half;
	return done;
}

static bool sign_digest(EVP_PKEY *key, const uint8_t *digest, size_t len, uint8_t *out,
			unsigned long *out_len)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	uint8_t der[256];
	size_t der_len = sizeof(der);
	bool done = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
		    EVP_PKEY_sign(context, der, &der_len, digest, len) == 1 &&
		    to_raw(der, der_len, ((size_t)EVP_PKEY_get_bits(key) + 7) / 8, out, out_len);

	EVP_PKEY_CTX_free(context);
	return done;
}

static bool sign_message(EVP_PKEY *key, const uint8_t *data, size_t len, uint8_t *out, unsigned long *out_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t room = *out_len;
	bool done = context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestSign(context, out, &room, data, len) == 1;

	EVP_MD_CTX_free(context);
	*out_len = room;
	return done;
}

bool hc_test_key_sign(const struct hc_test_object *object, bool ecdsa, const uint8_t *data, size_t len,
		      uint8_t *out, unsigned long *out_len)
{
	EVP_PKEY *key = key_of(object);
	bool done = key != NULL && (ecdsa ? sign_digest(key, data, len, out, out_len)
					  : sign_message(key, data, len, out, out_len));

	EVP_PKEY_free(key);
	return done;
}

unsigned long hc_test_sha256(const uint8_t *data, size_t len, uint8_t *out)
{
	unsigned out_len = 0;

	return EVP_Digest(data, len, out, &out_len, EVP_sha256(), NULL) == 1 ? out_len : 0;
}
