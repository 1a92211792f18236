/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup says of itself. No state. It is sealed with the rest, but whoever holds the mark can write what he
 * likes: every field is bounded, and nothing may stand behind the last one.
 */
#include <string.h>

#include "hospiconnect/backup.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/secret.h"

static void put_text(struct hc_writer *writer, const char *text, size_t cap)
{
	const size_t len = strnlen(text, cap - 1);

	hc_writer_u8(writer, (uint8_t)len);
	hc_writer_bytes(writer, text, len);
}

enum hc_err hc_backup_manifest_write(const struct hc_backup_manifest *manifest,
				     const struct hc_secret *seal_key, struct hc_secret **ret_bytes)
{
	uint8_t bytes[HC_BACKUP_MANIFEST_MAX];
	struct hc_writer writer;

	if (hc_secret_len(seal_key) != HC_SEAL_KEY_LEN || manifest->time_ms < 0 || manifest->audit_seq < 0 ||
	    manifest->audit_ms < 0)
		return HC_ERR_INVALID;
	hc_writer_init(&writer, bytes, sizeof(bytes));
	hc_writer_u8(&writer, (uint8_t)manifest->store);
	hc_writer_u32(&writer, manifest->schema);
	hc_writer_u64(&writer, (uint64_t)manifest->time_ms);
	hc_writer_u64(&writer, manifest->len);
	put_text(&writer, manifest->version, sizeof(manifest->version));
	put_text(&writer, manifest->machine, sizeof(manifest->machine));
	hc_writer_u64(&writer, (uint64_t)manifest->audit_seq);
	hc_writer_u64(&writer, (uint64_t)manifest->audit_ms);
	hc_writer_bytes(&writer, manifest->audit_hash, sizeof(manifest->audit_hash));
	hc_writer_bytes(&writer, manifest->audit_key, sizeof(manifest->audit_key));
	hc_writer_bytes(&writer, manifest->audit_signature, sizeof(manifest->audit_signature));
	hc_writer_bytes(&writer, hc_secret_data(seal_key), HC_SEAL_KEY_LEN);
	enum hc_err err = writer.err;
	if (err == HC_OK)
		err = hc_secret_from(bytes, writer.len, ret_bytes);
	hc_scrub(bytes, sizeof(bytes));
	return err;
}

static bool get_number(struct hc_reader *reader, int64_t *out)
{
	uint64_t number = 0;

	if (hc_reader_u64(reader, &number) != HC_OK || number > INT64_MAX)
		return false;
	*out = (int64_t)number;
	return true;
}

static bool get_text(struct hc_reader *reader, char *out, size_t cap)
{
	const uint8_t *view = NULL;
	uint8_t len = 0;

	if (hc_reader_u8(reader, &len) != HC_OK || len >= cap ||
	    hc_reader_bytes(reader, len, &view) != HC_OK || memchr(view, '\0', len) != NULL ||
	    !hc_utf8_valid((const char *)view, len))
		return false;
	memcpy(out, view, len);
	out[len] = '\0';
	return true;
}

static bool get_bytes(struct hc_reader *reader, uint8_t *out, size_t len)
{
	const uint8_t *view = NULL;

	if (hc_reader_bytes(reader, len, &view) != HC_OK)
		return false;
	memcpy(out, view, len);
	return true;
}

enum hc_err hc_backup_manifest_read(const uint8_t *bytes, size_t len, struct hc_backup_manifest *ret_manifest,
				    struct hc_secret **ret_seal_key)
{
	struct hc_backup_manifest manifest = {.schema = 0};
	struct hc_reader reader;
	const uint8_t *key = NULL;
	uint8_t store = 0;

	hc_reader_init(&reader, bytes, len);
	if (hc_reader_u8(&reader, &store) != HC_OK ||
	    (store != HC_BACKUP_AUTHD && store != HC_BACKUP_GATEWAY) ||
	    hc_reader_u32(&reader, &manifest.schema) != HC_OK || !get_number(&reader, &manifest.time_ms) ||
	    hc_reader_u64(&reader, &manifest.len) != HC_OK || manifest.len > INT64_MAX ||
	    !get_text(&reader, manifest.version, sizeof(manifest.version)) ||
	    !get_text(&reader, manifest.machine, sizeof(manifest.machine)) ||
	    !get_number(&reader, &manifest.audit_seq) || !get_number(&reader, &manifest.audit_ms) ||
	    !get_bytes(&reader, manifest.audit_hash, sizeof(manifest.audit_hash)) ||
	    !get_bytes(&reader, manifest.audit_key, sizeof(manifest.audit_key)) ||
	    !get_bytes(&reader, manifest.audit_signature, sizeof(manifest.audit_signature)) ||
	    hc_reader_bytes(&reader, HC_SEAL_KEY_LEN, &key) != HC_OK || hc_reader_left(&reader) != 0)
		return HC_ERR_CORRUPT;
	manifest.store = (enum hc_backup_store)store;
	const enum hc_err err = hc_secret_from(key, HC_SEAL_KEY_LEN, ret_seal_key);
	if (err == HC_OK)
		*ret_manifest = manifest;
	return err;
}
