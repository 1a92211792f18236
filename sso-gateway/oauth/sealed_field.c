/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed hidden fields. No state but the key, which is the caller's.
 *
 * Threats: a field that was altered, taken from another form or from another browser, or kept from before
 * a restart: all of them have other associated data or another key and do not open.
 */
#include "oauth/sealed_field.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/secret.h"
#include "jose/b64url.h"

#define AAD_MAX 128

static enum hc_err make_aad(const struct hc_sealed_purpose *purpose, uint8_t aad[AAD_MAX], size_t *ret_len)
{
	struct hc_writer writer;

	hc_writer_init(&writer, aad, AAD_MAX);
	hc_writer_bytes(&writer, purpose->label, strlen(purpose->label) + 1);
	hc_writer_bytes(&writer, purpose->binding, sizeof(purpose->binding));
	*ret_len = writer.len;
	return writer.err;
}

enum hc_err hc_sealed_field_make(const struct hc_sealed_purpose *purpose, const void *data, size_t len,
				 char **ret_text)
{
	HC_AUTO(secret) plain = NULL;
	uint8_t aad[AAD_MAX], sealed[HC_FIELD_PLAIN_MAX + HC_SEAL_OVERHEAD];
	size_t aad_len = 0, sealed_len = 0;
	enum hc_err err = make_aad(purpose, aad, &aad_len);

	if (err == HC_OK)
		err = hc_secret_from(data, len, &plain);
	if (err == HC_OK)
		err = hc_seal_wrap(purpose->seal, plain, aad, aad_len, sealed, sizeof(sealed), &sealed_len);
	if (err != HC_OK)
		return err;
	char *text = malloc(hc_b64url_len(sealed_len) + 1);
	if (text == NULL)
		return HC_ERR_NOMEM;
	hc_b64url_encode(sealed, sealed_len, text);
	*ret_text = text;
	return HC_OK;
}

enum hc_err hc_sealed_field_open(const struct hc_sealed_purpose *purpose, const char *text, size_t len,
				 struct hc_secret **ret_plain)
{
	uint8_t aad[AAD_MAX], sealed[HC_FIELD_PLAIN_MAX + HC_SEAL_OVERHEAD];
	size_t aad_len = 0, sealed_len = 0;

	if (hc_b64url_decode(text, len, sealed, sizeof(sealed), &sealed_len) != HC_OK)
		return HC_ERR_SEAL;
	const enum hc_err err = make_aad(purpose, aad, &aad_len);
	return err == HC_OK ? hc_seal_unwrap(purpose->seal, sealed, sealed_len, aad, aad_len, ret_plain)
			    : err;
}

void hc_field_put_text(struct hc_writer *writer, const char *text)
{
	const size_t len = strlen(text);

	hc_writer_u16(writer, (uint16_t)len);
	hc_writer_bytes(writer, text, len);
}

bool hc_field_get_text(struct hc_reader *reader, char *out, size_t cap)
{
	const uint8_t *bytes = NULL;
	uint16_t len = 0;

	if (hc_reader_u16(reader, &len) != HC_OK || len >= cap ||
	    hc_reader_bytes(reader, len, &bytes) != HC_OK || memchr(bytes, '\0', len) != NULL)
		return false;
	memcpy(out, bytes, len);
	out[len] = '\0';
	return true;
}
