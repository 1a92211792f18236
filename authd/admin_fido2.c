/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment of a security key by an administrator: the one request that asks something back.
 *
 * State: what is enrolled for whom, and which operation of the helper is under way, for the length of the request. The
 * key is made to have a PIN first where it has none. Threats: what a key says of itself (believed as far as its
 * attestation goes, and the policy says how far that must be), a key that is enrolled already (it is told which
 * credentials must not be on it), a credential that is somebody else's. It must never store a credential whose creation
 * was not verified against our own client data.
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
#include "hospiconnect/trust.h"
#include "reply.h"
#include "transaction.h"

#define TIMEOUT_S 300
#define LIST_MAX  8192

/* What the administrator asked for, and what came of it. */
struct enrolment {
	struct hc_person person;
	struct hc_credential credential;
	struct hc_stored_key key;
	struct hc_admin_proofing proofing;
	struct hc_hello hello; /* for texts: language alone */
	char path[256];
	uint32_t flags; /* of MAKE */
	uint8_t client_data_hash[32];
	bool setting_pin; /* SET_PIN is under way */
	bool pin_was_set; /* once a request */
};

static const char *const KINDS[] = {"none", "self", "unknown", "chain"};

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	const struct enrolment *enrolment = job->answer.state;

	hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, enrolment->credential.id.text);
	hc_msg_put_text(out, HC_FIELD_STATE, "active");
	hc_msg_put_text(out, HC_FIELD_LABEL, enrolment->credential.label.text);
	hc_msg_put_text(out, HC_FIELD_RP_ID, enrolment->key.rp_id);
	hc_msg_put_bytes(out, HC_FIELD_AAGUID, enrolment->key.aaguid, sizeof(enrolment->key.aaguid));
	hc_msg_put_text(out, HC_FIELD_FORMAT, KINDS[enrolment->key.attestation % HC_COUNT(KINDS)]);
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

/* ---- the request ---- */

static bool read_request(struct hc_admin_job *job, const struct hc_msg *request, struct enrolment *enrolment)
{
	const struct hc_authd *authd = job->authd;
	uint32_t flags = 0;

	if (!hc_admin_person(job, request, &enrolment->person) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_LABEL, "label", &enrolment->credential.label) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_DEVICE_PATH, "device", enrolment->path,
			    sizeof(enrolment->path)) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_FLAGS, "flags", HC_DEVICE_FLAG_UV, &flags) ||
	    !hc_admin_proofing(job, request, &enrolment->proofing))
		return false;
	if ((flags & ~(HC_DEVICE_FLAG_UV | HC_DEVICE_FLAG_DISCOVERABLE)) != 0)
		return hc_answer_bad(&job->answer, "flags");
	if (authd->config->fido.rp_id[0] == '\0' || (authd->device_methods & HC_METHOD_FIDO2) == 0) {
		hc_answer_refuse(&job->answer, HC_ERR_STATE, HC_REASON_INVALID_VALUE,
				 authd->config->fido.rp_id[0] == '\0' ? "[fido2] rp_id" : "hc-fido2");
		return false;
	}
	/* Whoever enrols a key has it in hand: one that is on its way, or enrolled already, is not waited for. */
	enrolment->flags = flags | HC_DEVICE_FLAG_UP | HC_DEVICE_FLAG_PRESENT;
	enrolment->hello.lang = job->answer.lang;
	return true;
}

/* ---- the device ---- */

/* The credentials of this person, which must not be on the key yet. */
static enum hc_err put_excluded(const struct hc_authd *authd, int64_t person_id, struct hc_msg *start)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	struct hc_stored_key key;
	struct hc_writer writer;
	uint8_t ids[LIST_MAX];
	size_t count = 0;
	enum hc_err err =
		hc_store_credential_list(authd->store, person_id, false, HC_COUNT(held), held, &count);

	hc_writer_init(&writer, ids, sizeof(ids));
	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (held[i].type != HC_CREDENTIAL_FIDO2)
			continue;
		err = hc_store_key_get(authd->store, &held[i].id, &key);
		if (err == HC_OK && strcmp(key.rp_id, authd->config->fido.rp_id) == 0) {
			hc_writer_u16(&writer, (uint16_t)key.id_len);
			hc_writer_bytes(&writer, key.id, key.id_len);
		}
	}
	if (err == HC_OK && writer.len > 0)
		hc_msg_put_bytes(start, HC_FIELD_CREDENTIALS, ids, writer.len);
	return err == HC_OK ? writer.err : err;
}

static void put_algorithms(struct hc_msg *start)
{
	static const int32_t algorithms[] = {HC_COSE_ES256, HC_COSE_EDDSA, HC_COSE_RS256};
	struct hc_writer writer;
	uint8_t list[sizeof(algorithms)];

	hc_writer_init(&writer, list, sizeof(list));
	for (size_t i = 0; i < HC_COUNT(algorithms); i++)
		hc_writer_u32(&writer, (uint32_t)algorithms[i]);
	hc_msg_put_bytes(start, HC_FIELD_ALGORITHMS, list, writer.len);
}

static enum hc_err start_make(struct hc_admin_job *job, struct enrolment *enrolment, struct hc_msg *start)
{
	const struct hc_authd *authd = job->authd;
	enum hc_err err = hc_fido2_client_data(authd, "webauthn.create", enrolment->client_data_hash);

	if (err == HC_OK)
		err = hc_fido2_handle(authd, enrolment->person.id, enrolment->key.handle);
	if (err != HC_OK)
		return err;
	enrolment->key.handle_len = HC_FIDO2_HANDLE_LEN;
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_MAKE);
	hc_msg_put_text(start, HC_FIELD_RP_ID, enrolment->key.rp_id);
	hc_msg_put_bytes(start, HC_FIELD_CLIENT_DATA_HASH, enrolment->client_data_hash, 32);
	hc_msg_put_u32(start, HC_FIELD_FLAGS, enrolment->flags);
	hc_msg_put_bytes(start, HC_FIELD_USER_HANDLE, enrolment->key.handle, enrolment->key.handle_len);
	hc_msg_put_text(start, HC_FIELD_LOGIN, enrolment->person.login.text);
	put_algorithms(start);
	return put_excluded(authd, enrolment->person.id, start);
}

static enum hc_err start_key(struct hc_admin_job *job, struct hc_msg *start)
{
	struct enrolment *enrolment = job->answer.state;
	enum hc_err err = HC_OK;

	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, TIMEOUT_S);
	hc_msg_put_text(start, HC_FIELD_DEVICE_PATH, enrolment->path);
	if (enrolment->setting_pin) {
		hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_SET_PIN);
		hc_msg_put_u32(start, HC_FIELD_PIN_MIN, (uint32_t)job->authd->config->fido.pin_min);
	} else {
		err = start_make(job, enrolment, start);
	}
	return err;
}

static void refused(struct hc_admin_job *job, enum hc_reason reason)
{
	struct enrolment *enrolment = job->answer.state;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, enrolment->person.login.text);

	entry.reason = reason;
	entry.factor = hc_factor_fido2.name;
	if (hc_audit_note(job->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "an enrolment that failed could not be recorded");
	hc_answer_refuse(&job->answer, HC_ERR_PERM, reason, NULL);
}

/* ---- what the key made ---- */

static bool make_is_allowed(const struct hc_fido_rules *rules, enum hc_fido_attestation_kind kind,
			    const uint8_t *aaguid)
{
	if ((int)kind < rules->attestation)
		return false;
	for (size_t i = 0; i < rules->aaguid_count; i++) {
		if (memcmp(rules->aaguids[i], aaguid, HC_FIDO_AAGUID_LEN) == 0)
			return true;
	}
	return rules->aaguid_count == 0;
}

static enum hc_reason verify(struct hc_admin_job *job, const struct hc_msg *done, struct enrolment *enrolment)
{
	const struct hc_fido_rules *rules = &job->authd->config->fido;
	HC_AUTO(trust) trust = NULL;
	struct hc_fido_auth_data data;
	enum hc_fido_attestation_kind kind = HC_FIDO_ATTESTED_NONE;
	const uint8_t *statement, *auth_data;
	char format[33];
	struct hc_fido_creation creation = {.rp_id = enrolment->key.rp_id,
					    .client_data_hash = enrolment->client_data_hash,
					    .format = format,
					    .now_ms = hc_now_ms(job->authd->clock)};

	if (rules->trust_dir[0] != '\0' && hc_trust_load(rules->trust_dir, &trust) != HC_OK)
		return HC_REASON_ATTESTATION_REFUSED;
	if (hc_msg_bytes(done, HC_FIELD_AUTH_DATA, &auth_data, &creation.auth_data_len) != HC_OK ||
	    hc_msg_bytes(done, HC_FIELD_ATTESTATION, &statement, &creation.statement_len) != HC_OK ||
	    hc_msg_text(done, HC_FIELD_FORMAT, format, sizeof(format)) != HC_OK)
		return HC_REASON_DEVICE_ERROR;
	creation.auth_data = auth_data;
	creation.statement = statement;
	creation.trust = trust;
	enum hc_reason reason = hc_fido_verify_creation(&creation, &data, &kind);

	if (reason != HC_REASON_NONE)
		return reason;
	if ((enrolment->flags & HC_DEVICE_FLAG_UV) != 0 && (data.flags & HC_FIDO_UV) == 0)
		return HC_REASON_FLAGS_MISSING;
	if (!make_is_allowed(rules, kind, data.aaguid))
		return HC_REASON_ATTESTATION_REFUSED;
	memcpy(enrolment->key.id, data.credential, data.credential_len);
	enrolment->key.id_len = data.credential_len;
	memcpy(enrolment->key.key, data.key, data.key_len);
	enrolment->key.key_len = data.key_len;
	memcpy(enrolment->key.aaguid, data.aaguid, sizeof(enrolment->key.aaguid));
	enrolment->key.attestation = (uint32_t)kind;
	enrolment->key.discoverable = (enrolment->flags & HC_DEVICE_FLAG_DISCOVERABLE) != 0;
	enrolment->key.verifies = (data.flags & HC_FIDO_UV) != 0;
	enrolment->credential.counter = data.counter;
	return HC_REASON_NONE;
}

/* The name that its device has, where the administrator gave none. */
static void take_label(const struct hc_msg *done, struct enrolment *enrolment)
{
	char text[HC_LABEL_MAX + 1];

	if (enrolment->credential.label.text[0] != '\0' ||
	    hc_msg_text(done, HC_FIELD_LABEL, text, sizeof(text)) != HC_OK)
		return;
	if (hc_label_parse(text, strlen(text), &enrolment->credential.label) != HC_OK)
		enrolment->credential.label.text[0] = '\0';
}

static enum hc_err add(const struct hc_authd *authd, struct enrolment *enrolment)
{
	struct hc_credential *credential = &enrolment->credential;
	enum hc_err err = hc_credential_room(authd, enrolment->person.id);

	credential->person_id = enrolment->person.id;
	credential->type = HC_CREDENTIAL_FIDO2;
	credential->state = HC_CREDENTIAL_ACTIVE;
	credential->last_step = -1;
	credential->created_ms = hc_now_ms(authd->clock);
	credential->confirmed_ms = credential->created_ms;
	credential->proofed_by = enrolment->proofing.by;
	credential->document = enrolment->proofing.document;
	credential->face_to_face = enrolment->proofing.face_to_face;
	if (err == HC_OK)
		err = hc_credential_id_new(&credential->id);
	if (err == HC_OK)
		err = hc_store_credential_add(authd->store, credential);
	if (err == HC_OK)
		err = hc_store_key_add(authd->store, &credential->id, &enrolment->key);
	return err;
}

static void enroll(struct hc_admin_job *job, const struct hc_msg *done, struct enrolment *enrolment)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, enrolment->person.login.text);
	enum hc_reason reason = verify(job, done, enrolment);
	char proofing[300], detail[512];

	if (reason != HC_REASON_NONE) {
		hc_admin_device_refused(job, reason);
		return;
	}
	take_label(done, enrolment);
	job->waits = false;
	if (!hc_admin_begin(job))
		return;
	enum hc_err err = add(job->authd, enrolment);

	if (err == HC_ERR_STATE || err == HC_ERR_EXISTS) {
		hc_tx_rollback(job->authd);
		hc_admin_device_refused(job, err == HC_ERR_STATE ? HC_REASON_WRONG_STATE
								 : HC_REASON_KEY_ALREADY_REGISTERED);
		return;
	}
	hc_admin_describe_proofing(&enrolment->credential, proofing, sizeof(proofing));
	snprintf(detail, sizeof(detail), "attestation=%s discoverable=%s verifies=%s %s",
		 KINDS[enrolment->key.attestation % HC_COUNT(KINDS)],
		 enrolment->key.discoverable ? "yes" : "no", enrolment->key.verifies ? "yes" : "no",
		 proofing);
	entry.factor = hc_factor_fido2.name;
	entry.credential = enrolment->credential.id.text;
	entry.detail = detail;
	(void)hc_admin_end(job, err, &entry);
}

/* ---- what the helper says ---- */

static enum hc_admin_device_act take_ask(struct hc_admin_job *job, const struct hc_msg *msg,
					 struct hc_msg *out)
{
	const struct enrolment *enrolment = job->answer.state;
	struct hc_reply_device ask = {.why = hc_admin_device_reason(msg),
				      .tries_left = HC_REPLY_TRIES_UNKNOWN,
				      .timeout_s = TIMEOUT_S};
	uint32_t kind = 0;

	if (hc_msg_u32(msg, HC_FIELD_DEVICE_ASK, &kind) != HC_OK ||
	    (kind != HC_DEVICE_PIN && kind != HC_DEVICE_CONFIRM_LAST_TRY && kind != HC_DEVICE_NEW_PIN) ||
	    (hc_msg_has(msg, HC_FIELD_TRIES_LEFT) &&
	     hc_msg_u32(msg, HC_FIELD_TRIES_LEFT, &ask.tries_left) != HC_OK))
		return HC_ADMIN_DEVICE_BREAK;
	ask.kind = (enum hc_device_ask)kind;
	job->asks = ask.kind;
	hc_reply_device_ask(out, &enrolment->hello, &ask);
	return HC_ADMIN_DEVICE_SEND;
}

static enum hc_admin_device_act said(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	struct enrolment *enrolment = job->answer.state;
	enum hc_reason reason = hc_admin_device_reason(msg);
	uint32_t wait = 0;

	if (msg->type == HC_MSG_DEVICE_ASK)
		return take_ask(job, msg, out);
	if (msg->type == HC_MSG_DEVICE_WAIT) {
		if (hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) != HC_OK || wait < HC_DEVICE_INSERT ||
		    wait > HC_DEVICE_PIN_PAD)
			return HC_ADMIN_DEVICE_BREAK;
		hc_reply_device_wait(out, &enrolment->hello, (enum hc_device_wait)wait, reason);
		return HC_ADMIN_DEVICE_SEND;
	}
	if (msg->type == HC_MSG_DEVICE_DONE && enrolment->setting_pin) {
		enrolment->setting_pin = false;
		return HC_ADMIN_DEVICE_START;
	}
	if (msg->type == HC_MSG_DEVICE_DONE) {
		enroll(job, msg, enrolment);
		return HC_ADMIN_DEVICE_END;
	}
	/* A new key has no PIN yet: it gets one, and is asked again. */
	if (reason == HC_REASON_PIN_NOT_SET && !enrolment->pin_was_set) {
		enrolment->pin_was_set = true;
		enrolment->setting_pin = true;
		return HC_ADMIN_DEVICE_START;
	}
	hc_admin_device_refused(job, reason != HC_REASON_NONE ? reason : HC_REASON_DEVICE_ERROR);
	return HC_ADMIN_DEVICE_END;
}

static const struct hc_admin_device_ops DEVICE = {HC_HELPER_FIDO2, start_key, said, refused};

void hc_admin_enroll_fido2(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct enrolment *enrolment = hc_admin_rows(job, sizeof(*enrolment), produce);

	if (enrolment == NULL || !read_request(job, request, enrolment))
		return;
	snprintf(enrolment->key.rp_id, sizeof(enrolment->key.rp_id), "%s", job->authd->config->fido.rp_id);
	hc_admin_wait_for(job, &DEVICE);
}
