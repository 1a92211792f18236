/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security keys that a person used with pam-u2f on this machine become credentials here.
 *
 * State: what is imported for whom, for the length of the request. Nobody vouches for such a key but the administrator
 * whose file it stood in: there is no attestation, so a policy that wants one refuses all of them, and they are never
 * taken for our own relying party. Threats: a public key that is none, a key that is somebody else's, one that was
 * revoked and comes back by an old file, a person who ends up with half of the keys. It must never write for a person
 * but all of what is new, in one transaction with a record each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_job.h"
#include "credential.h"
#include "factor_fido2.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/log.h"
#include "transaction.h"

#define FLAG_TRY     1u	  /* look, and change nothing */
#define KEY_VERIFIES 1u	  /* of one key */
#define EVER_MAX     1024 /* credentials of one person, revoked ones too, that are compared */
#define LABEL	     "pam-u2f import"

enum item_state { ITEM_NEW, ITEM_HELD, ITEM_REVOKED };
static const char *const STATES[] = {"new", "held", "revoked"};

struct item {
	struct hc_stored_key key;
	struct hc_credential_id id;
	enum item_state state;
};

struct import {
	struct hc_person person;
	struct hc_admin_proofing proofing;
	struct hc_label label;
	uint32_t flags;
	struct item items[HC_CREDENTIALS_MAX];
	size_t count, next, fresh;
};

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct import *import = job->answer.state;

	if (import->next < import->count) {
		const struct item *item = &import->items[import->next++];

		hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, item->id.text);
		hc_msg_put_text(out, HC_FIELD_STATE, STATES[item->state]);
		*ret_ready = true;
	}
	*ret_more = import->next < import->count;
	return HC_OK;
}

/* ---- the request ---- */

static bool is_party(const char *rp_id)
{
	for (const char *c = rp_id; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
			return false;
	}
	return rp_id[0] != '\0';
}

/* One of KEYS: flags, the key's name for the credential (empty: not known), the public key. */
static bool read_item(struct hc_reader *reader, const char *rp_id, struct item *item)
{
	const uint8_t *id = NULL, *key = NULL;
	uint16_t id_len = 0, key_len = 0;
	uint8_t flags = 0;

	if (hc_reader_u8(reader, &flags) != HC_OK || (flags & ~KEY_VERIFIES) != 0 ||
	    hc_reader_u16(reader, &id_len) != HC_OK || id_len > sizeof(item->key.id) ||
	    hc_reader_bytes(reader, id_len, &id) != HC_OK || hc_reader_u16(reader, &key_len) != HC_OK ||
	    key_len > sizeof(item->key.key) || hc_reader_bytes(reader, key_len, &key) != HC_OK ||
	    hc_fido_key_check(key, key_len, NULL) != HC_OK)
		return false;
	if (id_len > 0)
		memcpy(item->key.id, id, id_len);
	item->key.id_len = id_len;
	memcpy(item->key.key, key, key_len);
	item->key.key_len = key_len;
	item->key.attestation = HC_FIDO_ATTESTED_NONE;
	item->key.discoverable = id_len == 0;
	item->key.verifies = (flags & KEY_VERIFIES) != 0;
	snprintf(item->key.rp_id, sizeof(item->key.rp_id), "%s", rp_id);
	return true;
}

static bool read_items(struct hc_admin_job *job, const struct hc_msg *request, const char *rp_id,
		       struct import *import)
{
	const uint8_t *view = NULL;
	struct hc_reader reader;
	size_t len = 0;

	if (hc_msg_bytes(request, HC_FIELD_KEYS, &view, &len) != HC_OK || len == 0)
		return hc_answer_bad(&job->answer, "keys");
	hc_reader_init(&reader, view, len);
	while (hc_reader_left(&reader) > 0) {
		if (import->count == HC_COUNT(import->items) ||
		    !read_item(&reader, rp_id, &import->items[import->count]))
			return hc_answer_bad(&job->answer, "keys");
		import->count++;
	}
	return true;
}

static bool read_request(struct hc_admin_job *job, const struct hc_msg *request, struct import *import)
{
	char rp_id[HC_RP_ID_MAX + 1];

	if (!hc_admin_person(job, request, &import->person) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_RP_ID, "origin", rp_id, sizeof(rp_id)) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_LABEL, "label", &import->label) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_FLAGS, "flags", 0, &import->flags) ||
	    !hc_admin_proofing(job, request, &import->proofing))
		return false;
	if (!is_party(rp_id) || strcmp(rp_id, job->authd->config->fido.rp_id) == 0)
		return hc_answer_bad(&job->answer, "origin");
	if ((import->flags & ~FLAG_TRY) != 0)
		return hc_answer_bad(&job->answer, "flags");
	if (import->label.text[0] == '\0')
		snprintf(import->label.text, sizeof(import->label.text), "%s", LABEL);
	return read_items(job, request, rp_id, import);
}

/* ---- what is new ---- */

/* Nothing of it is done; the trail says so where it was more than a look. */
static void refuse(struct hc_admin_job *job, const struct import *import, enum hc_err err,
		   enum hc_reason reason)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, import->person.login.text);

	entry.reason = reason;
	entry.factor = hc_factor_fido2.name;
	entry.detail = LABEL;
	if ((import->flags & FLAG_TRY) == 0 && hc_audit_note(job->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "an import that was refused could not be recorded");
	hc_answer_refuse(&job->answer, err, reason, NULL);
}

static void free_credentials(struct hc_credential **credentials)
{
	free(*credentials);
}

static bool same_key(const struct hc_stored_key *a, const struct hc_stored_key *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static void settle(struct item *item, const struct hc_credential *credential)
{
	item->id = credential->id;
	item->state = credential->state == HC_CREDENTIAL_REVOKED ? ITEM_REVOKED : ITEM_HELD;
}

/* By public key: that stays when a name is learnt. */
static enum hc_err compare(const struct hc_authd *authd, struct import *import,
			   const struct hc_credential *credential)
{
	struct hc_stored_key stored;

	if (credential->type != HC_CREDENTIAL_FIDO2)
		return HC_OK;
	enum hc_err err = hc_store_key_get(authd->store, &credential->id, &stored);

	for (size_t i = 0; err == HC_OK && i < import->count; i++) {
		if (same_key(&import->items[i].key, &stored))
			settle(&import->items[i], credential);
	}
	return err == HC_ERR_NOTFOUND ? HC_ERR_CORRUPT : err;
}

/* What the person has, or had, already; what stands twice in the request counts once. */
static enum hc_err find_held(const struct hc_authd *authd, struct import *import)
{
	struct hc_credential *ever HC_CLEANUP(free_credentials) = calloc(EVER_MAX, sizeof(*ever));
	size_t count = 0;

	if (ever == NULL)
		return HC_ERR_NOMEM;
	enum hc_err err =
		hc_store_credential_list(authd->store, import->person.id, true, EVER_MAX, ever, &count);

	for (size_t i = 0; err == HC_OK && i < count; i++)
		err = compare(authd, import, &ever[i]);
	for (size_t i = 0; i < import->count; i++) {
		for (size_t j = 0; j < i && import->items[i].state == ITEM_NEW; j++) {
			if (same_key(&import->items[i].key, &import->items[j].key))
				import->items[i].state = ITEM_HELD;
		}
	}
	return err;
}

/* HC_ERR_EXISTS: one of them is somebody else's. HC_ERR_STATE: there is no room for them. */
static enum hc_err examine(const struct hc_authd *authd, struct import *import)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	struct hc_credential_id other;
	size_t count = 0;
	enum hc_err err = find_held(authd, import);

	for (size_t i = 0; err == HC_OK && i < import->count; i++) {
		const struct item *item = &import->items[i];

		if (item->state != ITEM_NEW)
			continue;
		import->fresh++;
		err = item->key.id_len == 0
			      ? HC_ERR_NOTFOUND
			      : hc_store_key_find(authd->store, item->key.id, item->key.id_len, &other);
		err = err == HC_ERR_NOTFOUND ? HC_OK : err == HC_OK ? HC_ERR_EXISTS : err;
	}
	if (err == HC_OK)
		err = hc_store_credential_list(authd->store, import->person.id, false, HC_COUNT(held), held,
					       &count);
	if (err != HC_OK)
		return err;
	return count + import->fresh <= HC_CREDENTIALS_MAX ? HC_OK : HC_ERR_STATE;
}

/* ---- writing ---- */

static enum hc_err add_item(struct hc_admin_job *job, const struct import *import, struct item *item)
{
	const struct hc_authd *authd = job->authd;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, import->person.login.text);
	struct hc_credential credential = {.person_id = import->person.id,
					   .type = HC_CREDENTIAL_FIDO2,
					   .state = HC_CREDENTIAL_ACTIVE,
					   .label = import->label,
					   .last_step = -1,
					   .created_ms = hc_now_ms(authd->clock),
					   .proofed_by = import->proofing.by,
					   .document = import->proofing.document,
					   .face_to_face = import->proofing.face_to_face};
	char proofing[300], detail[512];

	credential.confirmed_ms = credential.created_ms;
	enum hc_err err = hc_credential_id_new(&credential.id);

	if (err == HC_OK)
		err = hc_store_credential_add(authd->store, &credential);
	if (err == HC_OK)
		err = hc_store_key_add(authd->store, &credential.id, &item->key);
	item->id = credential.id;
	hc_admin_describe_proofing(&credential, proofing, sizeof(proofing));
	snprintf(detail, sizeof(detail), "import=pam-u2f origin=%.100s discoverable=%s verifies=%s %.300s",
		 item->key.rp_id, item->key.discoverable ? "yes" : "no", item->key.verifies ? "yes" : "no",
		 proofing);
	entry.success = true;
	entry.factor = hc_factor_fido2.name;
	entry.credential = credential.id.text;
	entry.detail = detail;
	return err == HC_OK ? hc_audit_add(authd->audit, &entry) : err;
}

static enum hc_err write_items(struct hc_admin_job *job, struct import *import)
{
	enum hc_err err = HC_OK;

	for (size_t i = 0; err == HC_OK && i < import->count; i++) {
		if (import->items[i].state == ITEM_NEW)
			err = add_item(job, import, &import->items[i]);
	}
	if (err == HC_OK)
		return hc_tx_commit(job->authd);
	hc_tx_rollback(job->authd);
	return err;
}

void hc_admin_import_u2f(struct hc_admin_job *job, const struct hc_msg *request)
{
	const struct hc_fido_rules *rules = &job->authd->config->fido;
	struct import *import = hc_admin_rows(job, sizeof(*import), produce);

	if (import == NULL || !read_request(job, request, import))
		return;
	/* Who made such a key, nobody knows. */
	if (rules->attestation > HC_FIDO_ATTESTED_NONE || rules->aaguid_count > 0) {
		refuse(job, import, HC_ERR_PERM, HC_REASON_MAKER_NOT_VERIFIED);
		return;
	}
	enum hc_err err = examine(job->authd, import);

	if (err == HC_ERR_EXISTS)
		refuse(job, import, err, HC_REASON_KEY_ALREADY_REGISTERED);
	else if (err == HC_ERR_STATE)
		refuse(job, import, err, HC_REASON_WRONG_STATE);
	else if (err != HC_OK)
		hc_admin_trouble(job, err);
	if (err != HC_OK || import->fresh == 0 || (import->flags & FLAG_TRY) != 0 || !hc_admin_begin(job))
		return;
	err = write_items(job, import);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
}
