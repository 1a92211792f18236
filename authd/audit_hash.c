/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one encoding of an audit record that its hash is taken over, used by whoever appends and by
 * whoever verifies. No state. Every text carries its length, so that no two different records have
 * the same encoding. It is part of the stored format: it never changes without a new label.
 */
#include "audit_internal.h"

#include <string.h>

#include "hospiconnect/buf.h"

static const char LABEL[] = "hospiconnect audit v1";

static void put_text(struct hc_writer *writer, const char *text, size_t cap)
{
	const size_t len = strnlen(text, cap);

	hc_writer_u32(writer, (uint32_t)len);
	hc_writer_bytes(writer, text, len);
}
#define PUT_TEXT(writer, field) put_text((writer), (field), sizeof(field))

enum hc_err hc_audit_hash(const uint8_t previous[HC_SHA256_LEN], const struct hc_audit_record *record,
			  uint8_t out[HC_SHA256_LEN])
{
	uint8_t encoded[sizeof(*record) + sizeof(LABEL) + HC_SHA256_LEN + 64];
	struct hc_writer writer;

	hc_writer_init(&writer, encoded, sizeof(encoded));
	hc_writer_bytes(&writer, LABEL, sizeof(LABEL) - 1);
	hc_writer_bytes(&writer, previous, HC_SHA256_LEN);
	hc_writer_u64(&writer, (uint64_t)record->seq);
	hc_writer_u64(&writer, (uint64_t)record->time_ms);
	PUT_TEXT(&writer, record->event);
	PUT_TEXT(&writer, record->outcome);
	hc_writer_u64(&writer, record->reason);
	PUT_TEXT(&writer, record->login);
	PUT_TEXT(&writer, record->factor);
	PUT_TEXT(&writer, record->credential);
	PUT_TEXT(&writer, record->service);
	PUT_TEXT(&writer, record->origin);
	PUT_TEXT(&writer, record->actor);
	PUT_TEXT(&writer, record->detail);
	if (writer.err != HC_OK)
		return writer.err;
	return hc_sha256(encoded, writer.len, out);
}
