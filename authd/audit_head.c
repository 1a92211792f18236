/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed heads: the end of the chain under the trail's own Ed25519 key. State: the key, made at the
 * first opening and kept sealed in the store. A head that left this machine proves later what the
 * trail was at that moment, also to somebody who does not trust the store any more. The private key
 * must never leave this process or the sealed value.
 */
#include "audit_internal.h"

#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

static const char KEY_VALUE[] = "audit-key";
static const char KEY_AAD[] = "hospiconnect audit key v1";
static const char LABEL[] = "hospiconnect audit head v1";

#define SIGNED_LEN (sizeof(LABEL) + 8 + 8 + HC_SHA256_LEN) /* the label with its NUL */

static enum hc_err encode(const struct hc_audit_head *head, uint8_t out[SIGNED_LEN])
{
	struct hc_writer writer;

	hc_writer_init(&writer, out, SIGNED_LEN);
	hc_writer_bytes(&writer, LABEL, sizeof(LABEL));
	hc_writer_u64(&writer, (uint64_t)head->seq);
	hc_writer_u64(&writer, (uint64_t)head->time_ms);
	hc_writer_bytes(&writer, head->hash, HC_SHA256_LEN);
	return writer.err;
}

static enum hc_err make_key(struct hc_audit *audit, const struct hc_seal *seal)
{
	uint8_t sealed[HC_SEALED_MAX];
	size_t len = 0;
	enum hc_err err = hc_random_secret(HC_ED25519_LEN, &audit->seed);

	if (err == HC_OK)
		err = hc_seal_wrap(seal, audit->seed, KEY_AAD, sizeof(KEY_AAD) - 1, sealed, sizeof(sealed),
				   &len);
	if (err == HC_OK)
		err = hc_store_begin(audit->store);
	if (err != HC_OK)
		return err;
	err = hc_store_value_put(audit->store, KEY_VALUE, sealed, len);
	if (err == HC_OK)
		err = hc_store_commit(audit->store);
	else
		hc_store_rollback(audit->store);
	if (err == HC_OK && audit->committed.seq != 0)
		hc_log(HC_LOG_WARNING,
		       "audit trail had lost its signing key: made a new one; older heads are void",
		       HC_F_NUM("records", audit->committed.seq));
	return err;
}

enum hc_err hc_audit_reseal(struct hc_audit *audit, const struct hc_seal *seal)
{
	uint8_t sealed[HC_SEALED_MAX];
	size_t len = 0;
	const enum hc_err err =
		hc_seal_wrap(seal, audit->seed, KEY_AAD, sizeof(KEY_AAD) - 1, sealed, sizeof(sealed), &len);

	return err == HC_OK ? hc_store_value_put(audit->store, KEY_VALUE, sealed, len) : err;
}

enum hc_err hc_audit_load_key(struct hc_audit *audit, const struct hc_seal *seal)
{
	uint8_t sealed[HC_SEALED_MAX];
	size_t len = 0;
	enum hc_err err = hc_store_value_get(audit->store, KEY_VALUE, sealed, sizeof(sealed), &len);

	if (err == HC_OK)
		err = hc_seal_unwrap(seal, sealed, len, KEY_AAD, sizeof(KEY_AAD) - 1, &audit->seed);
	else if (err == HC_ERR_NOTFOUND)
		err = make_key(audit, seal);
	if (err == HC_ERR_SEAL)
		hc_log(HC_LOG_ERROR,
		       "audit signing key does not open: the seal key is not the one of this store",
		       HC_F_TEXT("seal_key", hc_seal_key_id(seal)));
	return err == HC_OK ? hc_ed25519_public(audit->seed, audit->public_key) : err;
}

enum hc_err hc_audit_head(struct hc_audit *audit, struct hc_audit_head *ret_head)
{
	uint8_t text[SIGNED_LEN];
	struct hc_audit_head head = {.seq = audit->committed.seq, .time_ms = hc_now_ms(audit->clock)};

	memcpy(head.hash, audit->committed.hash, sizeof(head.hash));
	memcpy(head.public_key, audit->public_key, sizeof(head.public_key));
	enum hc_err err = encode(&head, text);
	if (err == HC_OK)
		err = hc_ed25519_sign(audit->seed, text, sizeof(text), head.signature);
	if (err == HC_OK)
		*ret_head = head;
	return err;
}

enum hc_err hc_audit_head_valid(const struct hc_audit_head *head)
{
	uint8_t text[SIGNED_LEN];
	const enum hc_err err = encode(head, text);

	return err == HC_OK ? hc_ed25519_verify(head->public_key, text, sizeof(text), head->signature) : err;
}

void hc_audit_emit_head(struct hc_audit *audit)
{
	struct hc_audit_head head;

	audit->head_at_ms = hc_mono_ms(audit->clock);
	if (audit->head_seq == audit->committed.seq)
		return;
	const enum hc_err err = hc_audit_head(audit, &head);
	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "audit head not signed", HC_F_TEXT("cause", hc_strerror(err)));
		return;
	}
	hc_audit_syslog_head(&audit->syslog, &head);
	audit->head_seq = head.seq;
}
