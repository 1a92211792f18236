/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticator data (WebAuthn 6.1) and client data (WebAuthn 5.8.1). No state. Threats: lengths that lie, a
 * credential or extensions where the flags say there are none, bytes behind the end. It must never give a view beyond
 * what it was given.
 */
#include <string.h>

#include <openssl/evp.h>

#include "cbor.h"
#include "fido_key.h"

#define HASH_LEN     32
#define PROTECT_NAME "credProtect"
#define PROTECT_MAX  3

static enum hc_err read_credential(struct hc_reader *reader, struct hc_fido_auth_data *out)
{
	uint16_t len;

	if (hc_reader_bytes(reader, HC_FIDO_AAGUID_LEN, &out->aaguid) != HC_OK ||
	    hc_reader_u16(reader, &len) != HC_OK || len == 0 || len > HC_FIDO_CREDENTIAL_MAX ||
	    hc_reader_bytes(reader, len, &out->credential) != HC_OK)
		return HC_ERR_INVALID;
	out->credential_len = len;

	const size_t begin = reader->pos;

	if (hc_cbor_skip(reader) != HC_OK)
		return HC_ERR_INVALID;
	out->key = reader->data + begin;
	out->key_len = reader->pos - begin;
	return hc_fido_key_check(out->key, out->key_len, NULL);
}

static enum hc_err read_extension(struct hc_reader *reader, struct hc_fido_auth_data *out)
{
	const uint8_t *name;
	size_t len;
	int64_t value;

	if (hc_cbor_text(reader, &name, &len) != HC_OK)
		return HC_ERR_INVALID;
	if (len != strlen(PROTECT_NAME) || memcmp(name, PROTECT_NAME, len) != 0)
		return hc_cbor_skip(reader);
	if (out->cred_protect != 0 || hc_cbor_int(reader, &value) != HC_OK || value < 1 ||
	    value > PROTECT_MAX)
		return HC_ERR_INVALID;
	out->cred_protect = (int)value;
	return HC_OK;
}

static enum hc_err read_extensions(struct hc_reader *reader, struct hc_fido_auth_data *out)
{
	size_t pairs;

	if (hc_cbor_map(reader, &pairs) != HC_OK)
		return HC_ERR_INVALID;
	for (size_t i = 0; i < pairs; i++)
		if (read_extension(reader, out) != HC_OK)
			return HC_ERR_INVALID;
	return HC_OK;
}

enum hc_err hc_fido_auth_data_read(const void *data, size_t len, struct hc_fido_auth_data *ret_auth_data)
{
	struct hc_fido_auth_data out = {0};
	struct hc_reader reader;

	if (len > HC_FIDO_AUTH_DATA_MAX)
		return HC_ERR_TOOBIG;
	hc_reader_init(&reader, data, len);
	if (hc_reader_bytes(&reader, HASH_LEN, &out.rp_id_hash) != HC_OK ||
	    hc_reader_u8(&reader, &out.flags) != HC_OK || hc_reader_u32(&reader, &out.counter) != HC_OK)
		return HC_ERR_INVALID;
	if ((out.flags & HC_FIDO_AT) != 0 && read_credential(&reader, &out) != HC_OK)
		return HC_ERR_INVALID;
	if ((out.flags & HC_FIDO_ED) != 0 && read_extensions(&reader, &out) != HC_OK)
		return HC_ERR_INVALID;
	if (hc_reader_left(&reader) != 0)
		return HC_ERR_INVALID;
	*ret_auth_data = out;
	return HC_OK;
}

bool hc_fido_is_for(const struct hc_fido_auth_data *auth_data, const char *rp_id)
{
	uint8_t hash[HASH_LEN];

	return EVP_Digest(rp_id, strlen(rp_id), hash, NULL, EVP_sha256(), NULL) == 1 &&
	       memcmp(hash, auth_data->rp_id_hash, sizeof(hash)) == 0;
}

/* ---- client data ---- */

/* What needs no escaping in JSON, and no thought. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x21 || *text > 0x7e || *text == '"' || *text == '\\')
			return false;
	return true;
}

static void put_text(struct hc_writer *writer, const char *text)
{
	hc_writer_bytes(writer, text, strlen(text));
}

static void put_base64url(struct hc_writer *writer, const uint8_t *data, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (count += 8; count >= 6; count -= 6)
			hc_writer_u8(writer, (uint8_t)alphabet[bits >> (count - 6) & 63]);
	}
	if (count > 0)
		hc_writer_u8(writer, (uint8_t)alphabet[bits << (6 - count) & 63]);
}

enum hc_err hc_fido_client_data(const char *type, const void *challenge, size_t challenge_len,
				const char *origin, char *out, size_t cap)
{
	struct hc_writer writer;

	if (!is_plain(type) || !is_plain(origin) || challenge_len == 0)
		return HC_ERR_INVALID;
	hc_writer_init(&writer, out, cap);
	put_text(&writer, "{\"type\":\"");
	put_text(&writer, type);
	put_text(&writer, "\",\"challenge\":\"");
	put_base64url(&writer, challenge, challenge_len);
	put_text(&writer, "\",\"origin\":\"");
	put_text(&writer, origin);
	put_text(&writer, "\",\"crossOrigin\":false}");
	hc_writer_u8(&writer, '\0');
	return writer.err;
}
