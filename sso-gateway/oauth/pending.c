/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pending authorization requests, to and from bytes. No state.
 *
 * Layout: version (1 byte, 1) · expiry (8) · language (1) · challenge (32) · texts, each behind its length
 * (2): client, redirect URI, state, nonce, scope, hint. Read as if anybody could have written it, although
 * the seal says that we did.
 */
#include "oauth/pending.h"

#include <stdbool.h>
#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/secret.h"
#include "oauth/sealed_field.h"

#define VERSION 1
#define LABEL	"hospiconnect pending request v1"

_Static_assert(HC_PENDING_BYTES_MAX <= HC_FIELD_PLAIN_MAX, "a pending request fits into a hidden field");
_Static_assert(sizeof(struct hc_pending) + 64 <= HC_PENDING_BYTES_MAX,
	       "every pending request can be written");

enum hc_err hc_pending_encode(const struct hc_pending *pending, uint8_t out[HC_PENDING_BYTES_MAX],
			      size_t *ret_len)
{
	const struct hc_authorization *what = &pending->what;
	struct hc_writer writer;

	hc_writer_init(&writer, out, HC_PENDING_BYTES_MAX);
	hc_writer_u8(&writer, VERSION);
	hc_writer_u64(&writer, (uint64_t)pending->expires_ms);
	hc_writer_u8(&writer, (uint8_t)pending->lang);
	hc_writer_bytes(&writer, what->challenge, sizeof(what->challenge));
	hc_field_put_text(&writer, what->client_id);
	hc_field_put_text(&writer, what->redirect_uri);
	hc_field_put_text(&writer, what->state);
	hc_field_put_text(&writer, what->nonce);
	hc_field_put_text(&writer, what->scope.text);
	hc_field_put_text(&writer, pending->hint_sub);
	if (writer.err == HC_OK)
		*ret_len = writer.len;
	return writer.err;
}

static bool get_head(struct hc_reader *reader, struct hc_pending *pending)
{
	const uint8_t *challenge = NULL;
	uint8_t version = 0, lang = 0;
	uint64_t expires_ms = 0;

	if (hc_reader_u8(reader, &version) != HC_OK || version != VERSION ||
	    hc_reader_u64(reader, &expires_ms) != HC_OK || expires_ms > INT64_MAX ||
	    hc_reader_u8(reader, &lang) != HC_OK || (lang != HC_LANG_FR && lang != HC_LANG_EN) ||
	    hc_reader_bytes(reader, sizeof(pending->what.challenge), &challenge) != HC_OK)
		return false;
	pending->expires_ms = (int64_t)expires_ms;
	pending->lang = (enum hc_lang)lang;
	memcpy(pending->what.challenge, challenge, sizeof(pending->what.challenge));
	return true;
}

enum hc_err hc_pending_decode(const uint8_t *data, size_t len, struct hc_pending *ret_pending)
{
	struct hc_pending pending;
	struct hc_authorization *what = &pending.what;
	struct hc_reader reader;

	memset(&pending, 0, sizeof(pending));
	hc_reader_init(&reader, data, len);
	if (!get_head(&reader, &pending) ||
	    !hc_field_get_text(&reader, what->client_id, sizeof(what->client_id)) ||
	    !hc_field_get_text(&reader, what->redirect_uri, sizeof(what->redirect_uri)) ||
	    !hc_field_get_text(&reader, what->state, sizeof(what->state)) ||
	    !hc_field_get_text(&reader, what->nonce, sizeof(what->nonce)) ||
	    !hc_field_get_text(&reader, what->scope.text, sizeof(what->scope.text)) ||
	    !hc_field_get_text(&reader, pending.hint_sub, sizeof(pending.hint_sub)) ||
	    hc_reader_left(&reader) != 0)
		return HC_ERR_INVALID;
	*ret_pending = pending;
	return HC_OK;
}

enum hc_err hc_pending_seal(const struct hc_seal *seal, const struct hc_pending *pending,
			    const uint8_t cookie_hash[HC_SHA256_LEN], char **ret_text)
{
	struct hc_sealed_purpose purpose = {.seal = seal, .label = LABEL};
	uint8_t bytes[HC_PENDING_BYTES_MAX];
	size_t len = 0;
	enum hc_err err = hc_pending_encode(pending, bytes, &len);

	memcpy(purpose.binding, cookie_hash, sizeof(purpose.binding));
	return err == HC_OK ? hc_sealed_field_make(&purpose, bytes, len, ret_text) : err;
}

enum hc_err hc_pending_open(const struct hc_seal *seal, const char *text, size_t len,
			    const uint8_t cookie_hash[HC_SHA256_LEN], int64_t now_ms,
			    struct hc_pending *ret_pending)
{
	struct hc_sealed_purpose purpose = {.seal = seal, .label = LABEL};
	HC_AUTO(secret) plain = NULL;
	struct hc_pending pending;

	memcpy(purpose.binding, cookie_hash, sizeof(purpose.binding));
	enum hc_err err = hc_sealed_field_open(&purpose, text, len, &plain);
	if (err != HC_OK)
		return err;
	err = hc_pending_decode(hc_secret_data(plain), hc_secret_len(plain), &pending);
	if (err != HC_OK)
		return HC_ERR_SEAL; /* sealed by us, and not as we write it: of no use either */
	/* One from the future was sealed by a clock that has been set back since: its age is unknown. */
	if (now_ms >= pending.expires_ms || pending.expires_ms - now_ms > HC_PENDING_MS)
		return HC_ERR_TIMEOUT;
	*ret_pending = pending;
	return HC_OK;
}
