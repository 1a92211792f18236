/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The confirmation of a logout, to and from a hidden field. No state. Layout: version (1 byte, 1) · expiry
 * (8) · session (8) · texts, each behind its length (2): client, address, state.
 */
#include "oauth/logout_field.h"

#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/secret.h"
#include "oauth/sealed_field.h"

#define VERSION	  1
#define LABEL	  "hospiconnect logout v1"
#define BYTES_MAX 3072

_Static_assert(sizeof(struct hc_logout_field) + 32 <= BYTES_MAX && BYTES_MAX <= HC_FIELD_PLAIN_MAX,
	       "every confirmation can be written");

enum hc_err hc_logout_field_seal(const struct hc_seal *seal, const struct hc_logout_field *field,
				 const struct hc_ticket_ref *cookie, char **ret_text)
{
	struct hc_sealed_purpose purpose = {.seal = seal, .label = LABEL};
	uint8_t bytes[BYTES_MAX];
	struct hc_writer writer;

	memcpy(purpose.binding, cookie->hash, sizeof(purpose.binding));
	hc_writer_init(&writer, bytes, sizeof(bytes));
	hc_writer_u8(&writer, VERSION);
	hc_writer_u64(&writer, (uint64_t)field->expires_ms);
	hc_writer_u64(&writer, (uint64_t)field->session_id);
	hc_field_put_text(&writer, field->client_id);
	hc_field_put_text(&writer, field->redirect_uri);
	hc_field_put_text(&writer, field->state);
	return writer.err == HC_OK ? hc_sealed_field_make(&purpose, bytes, writer.len, ret_text) : writer.err;
}

static bool decode(const struct hc_secret *plain, struct hc_logout_field *field)
{
	struct hc_reader reader;
	uint64_t expires_ms = 0, session_id = 0;
	uint8_t version = 0;

	hc_reader_init(&reader, hc_secret_data(plain), hc_secret_len(plain));
	if (hc_reader_u8(&reader, &version) != HC_OK || version != VERSION ||
	    hc_reader_u64(&reader, &expires_ms) != HC_OK || expires_ms > INT64_MAX ||
	    hc_reader_u64(&reader, &session_id) != HC_OK || session_id > INT64_MAX)
		return false;
	field->expires_ms = (int64_t)expires_ms;
	field->session_id = (int64_t)session_id;
	return hc_field_get_text(&reader, field->client_id, sizeof(field->client_id)) &&
	       hc_field_get_text(&reader, field->redirect_uri, sizeof(field->redirect_uri)) &&
	       hc_field_get_text(&reader, field->state, sizeof(field->state)) && hc_reader_left(&reader) == 0;
}

enum hc_err hc_logout_field_open(const struct hc_seal *seal, const char *text, size_t len,
				 const struct hc_ticket_ref *cookie, int64_t now_ms,
				 struct hc_logout_field *ret_field)
{
	struct hc_sealed_purpose purpose = {.seal = seal, .label = LABEL};
	HC_AUTO(secret) plain = NULL;
	struct hc_logout_field field;

	memcpy(purpose.binding, cookie->hash, sizeof(purpose.binding));
	const enum hc_err err = hc_sealed_field_open(&purpose, text, len, &plain);
	if (err != HC_OK)
		return err;
	memset(&field, 0, sizeof(field));
	if (!decode(plain, &field) || field.session_id != cookie->id)
		return HC_ERR_SEAL;
	if (now_ms >= field.expires_ms || field.expires_ms - now_ms > HC_LOGOUT_FIELD_MS)
		return HC_ERR_TIMEOUT;
	*ret_field = field;
	return HC_OK;
}
