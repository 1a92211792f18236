/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment of a security key by an administrator.
 *
 * State: what is enrolled for whom, and which operation of the helper is under way, for the length of the request. A key
 * without PIN gets its first one, then makes its credential; one that knows neither PIN nor fingerprint is enrolled as
 * a thing that its owner has, no more, and that is said. Threats: a helper that speaks out of turn (every word is
 * held against the operation that is under way), a key that is enrolled already (it is told which credentials must not
 * be on it), a person who is removed meanwhile. It must never set a PIN where there is one.
 */
#include "admin_fido2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_job.h"
#include "admin_pin.h"
#include "credential.h"
#include "factor_fido2.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/log.h"
#include "transaction.h"

#define LIST_MAX   8192
#define RP_ID_NAME "rp_id in section [fido2] of " HC_SYSCONF_DIR "/authd.conf"

/* What the administrator asked for, and what came of it. */
struct enrolment {
	struct hc_admin_pin pin;
	struct hc_person person;
	struct hc_new_key made;
	char path[256];
	bool setting_pin; /* SET_PIN is under way */
	bool pin_was_set; /* once a request */
};

static void enrolment_free(void *state)
{
	struct enrolment *enrolment = state;

	hc_admin_pin_clear(&enrolment->pin);
	free(enrolment);
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	const struct enrolment *enrolment = job->answer.state;

	hc_msg_put_text(out, HC_FIELD_CREDENTIAL_ID, enrolment->made.credential.id.text);
	hc_msg_put_text(out, HC_FIELD_STATE, "active");
	hc_msg_put_text(out, HC_FIELD_LABEL, enrolment->made.credential.label.text);
	hc_key_put(out, &enrolment->made.key);
	*ret_ready = true;
	*ret_more = false;
	return HC_OK;
}

/* ---- the request ---- */

/* A key would be asked, and hold a credential, in vain. */
static bool has_room(struct hc_admin_job *job, const struct enrolment *enrolment)
{
	enum hc_err err = hc_credential_room(job->authd, enrolment->person.id);

	if (err == HC_ERR_STATE)
		hc_answer_refuse(&job->answer, err, HC_REASON_WRONG_STATE, NULL);
	else if (err != HC_OK)
		hc_admin_trouble(job, err);
	return err == HC_OK;
}

static bool read_request(struct hc_admin_job *job, const struct hc_msg *request, struct enrolment *enrolment)
{
	const struct hc_authd *authd = job->authd;
	struct hc_credential *credential = &enrolment->made.credential;
	struct hc_admin_proofing proofing = {0};
	uint32_t flags = 0;

	if (!hc_admin_person(job, request, &enrolment->person) ||
	    !hc_answer_label(&job->answer, request, HC_FIELD_LABEL, "label", &credential->label) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_DEVICE_PATH, "device", enrolment->path,
			    sizeof(enrolment->path)) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_FLAGS, "flags", HC_DEVICE_FLAG_UV, &flags) ||
	    !hc_admin_proofing(job, request, &proofing))
		return false;
	if ((flags & ~(HC_DEVICE_FLAG_UV | HC_DEVICE_FLAG_DISCOVERABLE)) != 0)
		return hc_answer_bad(&job->answer, "flags");
	if (authd->config->fido.rp_id[0] == '\0')
		return hc_answer_bad(&job->answer, RP_ID_NAME);
	if ((authd->device_methods & HC_METHOD_FIDO2) == 0) {
		hc_answer_refuse(&job->answer, HC_ERR_STATE, HC_REASON_INVALID_VALUE, "hc-fido2");
		return false;
	}
	credential->proofed_by = proofing.by;
	credential->document = proofing.document;
	credential->face_to_face = proofing.face_to_face;
	enrolment->made.flags = flags | HC_DEVICE_FLAG_UP;
	snprintf(enrolment->made.key.rp_id, sizeof(enrolment->made.key.rp_id), "%s",
		 authd->config->fido.rp_id);
	return has_room(job, enrolment);
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
	struct hc_new_key *made = &enrolment->made;
	enum hc_err err = hc_fido2_client_data(authd, "webauthn.create", made->client_data_hash);

	if (err == HC_OK)
		err = hc_fido2_handle(authd, enrolment->person.id, made->key.handle);
	if (err != HC_OK)
		return err;
	made->key.handle_len = HC_FIDO2_HANDLE_LEN;
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_MAKE);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, HC_ADMIN_KEY_TIMEOUT_S);
	hc_msg_put_text(start, HC_FIELD_DEVICE_PATH, enrolment->path);
	hc_msg_put_text(start, HC_FIELD_RP_ID, made->key.rp_id);
	hc_msg_put_bytes(start, HC_FIELD_CLIENT_DATA_HASH, made->client_data_hash,
			 sizeof(made->client_data_hash));
	hc_msg_put_u32(start, HC_FIELD_FLAGS, made->flags);
	hc_msg_put_bytes(start, HC_FIELD_USER_HANDLE, made->key.handle, made->key.handle_len);
	hc_msg_put_text(start, HC_FIELD_LOGIN, enrolment->person.login.text);
	put_algorithms(start);
	return put_excluded(authd, enrolment->person.id, start);
}

static enum hc_err start_key(struct hc_admin_job *job, struct hc_msg *start)
{
	struct enrolment *enrolment = job->answer.state;

	if (!enrolment->setting_pin)
		return start_make(job, enrolment, start);
	hc_admin_pin_start(job, enrolment->path, start);
	return HC_OK;
}

static void refused(struct hc_admin_job *job, enum hc_reason reason)
{
	struct enrolment *enrolment = job->answer.state;
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, enrolment->person.login.text);

	hc_admin_pin_clear(&enrolment->pin);
	entry.reason = reason;
	entry.factor = hc_factor_fido2.name;
	if (hc_audit_note(job->authd->audit, &entry) != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "an enrolment that failed could not be recorded");
	hc_answer_refuse(&job->answer, HC_ERR_PERM, reason, NULL);
}

/* ---- what the key made ---- */

/* The name that its device has, where the administrator gave none. */
static void take_label(const struct hc_msg *done, struct hc_credential *credential)
{
	char text[HC_LABEL_MAX + 1];

	if (credential->label.text[0] != '\0' ||
	    hc_msg_text(done, HC_FIELD_LABEL, text, sizeof(text)) != HC_OK)
		return;
	if (hc_label_parse(text, strlen(text), &credential->label) != HC_OK)
		credential->label.text[0] = '\0';
}

/* Why it could not be added; NONE: the broker is in trouble. */
static enum hc_reason reason_of_add(enum hc_err err)
{
	if (err == HC_ERR_NOTFOUND)
		return HC_REASON_NO_SUCH_PERSON;
	if (err == HC_ERR_STATE)
		return HC_REASON_WRONG_STATE;
	return err == HC_ERR_EXISTS ? HC_REASON_KEY_ALREADY_REGISTERED : HC_REASON_NONE;
}

static void end(struct hc_admin_job *job, const struct enrolment *enrolment, enum hc_err err)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_ENROLL, enrolment->person.login.text);
	const struct hc_stored_key *key = &enrolment->made.key;
	char proofing[300], detail[512];

	hc_admin_describe_proofing(&enrolment->made.credential, proofing, sizeof(proofing));
	snprintf(detail, sizeof(detail), "attestation=%s discoverable=%s verifies=%s %s",
		 hc_key_attestation(key->attestation), key->discoverable ? "yes" : "no",
		 key->verifies ? "yes" : "no", proofing);
	entry.factor = hc_factor_fido2.name;
	entry.credential = enrolment->made.credential.id.text;
	entry.detail = detail;
	(void)hc_admin_end(job, err, &entry);
}

static void enroll(struct hc_admin_job *job, const struct hc_msg *done, struct enrolment *enrolment)
{
	enum hc_reason reason = hc_new_key_verify(job->authd, done, &enrolment->made);

	if (reason != HC_REASON_NONE) {
		hc_admin_device_refused(job, reason);
		return;
	}
	take_label(done, &enrolment->made.credential);
	job->waits = false;
	if (!hc_admin_begin(job))
		return;
	enum hc_err err = hc_new_key_add(job->authd, enrolment->person.id, &enrolment->made);

	if (reason_of_add(err) != HC_REASON_NONE) {
		hc_tx_rollback(job->authd);
		hc_admin_device_refused(job, reason_of_add(err));
		return;
	}
	end(job, enrolment, err);
}

/* ---- what the helper says ---- */

static enum hc_admin_device_act done(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	struct enrolment *enrolment = job->answer.state;

	if (!enrolment->setting_pin) {
		enroll(job, msg, enrolment);
		return HC_ADMIN_DEVICE_END;
	}
	if (!enrolment->pin.given)
		return HC_ADMIN_DEVICE_BREAK;
	/* SET_PIN becomes MAKE: the key has a PIN now. */
	hc_admin_pin_note(job, enrolment->person.login.text, HC_REASON_NONE, "first PIN");
	enrolment->setting_pin = false;
	hc_admin_info(job, "info.key_pin_set", out);
	return HC_ADMIN_DEVICE_START;
}

static enum hc_admin_device_act failed(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	struct enrolment *enrolment = job->answer.state;
	const enum hc_reason reason = hc_admin_device_reason(msg);

	/* A key that can check nobody: it is MAKE again, for a thing that its owner has. */
	if (reason == HC_REASON_KEY_WITHOUT_VERIFICATION &&
	    (enrolment->made.flags & HC_DEVICE_FLAG_UV) != 0) {
		enrolment->made.flags &= ~HC_DEVICE_FLAG_UV;
		enrolment->setting_pin = false;
		hc_admin_info(job, "info.key_touch_only", out);
		return HC_ADMIN_DEVICE_START;
	}
	/* MAKE becomes SET_PIN: a new key has no PIN yet. */
	if (reason == HC_REASON_PIN_NOT_SET && !enrolment->pin_was_set) {
		enrolment->pin_was_set = true;
		enrolment->setting_pin = true;
		hc_admin_info(job, "info.key_first_pin", out);
		return HC_ADMIN_DEVICE_START;
	}
	hc_admin_device_refused(job, reason != HC_REASON_NONE ? reason : HC_REASON_DEVICE_ERROR);
	return HC_ADMIN_DEVICE_END;
}

static enum hc_admin_device_act ask(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	struct enrolment *enrolment = job->answer.state;
	enum hc_admin_device_act act = hc_admin_pin_ask(job, &enrolment->pin, msg, out);

	/* A PIN is set where there is none, and asked for where there is one. */
	return act == HC_ADMIN_DEVICE_SEND && enrolment->pin.is_new != enrolment->setting_pin
		       ? HC_ADMIN_DEVICE_BREAK
		       : act;
}

/* A key that is not there yet is waited for; none is that takes the place of one that cannot be enrolled. */
static enum hc_admin_device_act waiting(struct hc_admin_job *job, const struct hc_msg *msg,
					struct hc_msg *out)
{
	const enum hc_reason reason = hc_admin_device_reason(msg);
	uint32_t wait = 0;

	job->inserts = hc_msg_u32(msg, HC_FIELD_DEVICE_WAIT, &wait) == HC_OK && wait == HC_DEVICE_INSERT;
	if (!job->inserts || reason == HC_REASON_NONE)
		return hc_admin_pin_wait(job, msg, out);
	hc_admin_device_refused(job, reason);
	return HC_ADMIN_DEVICE_END;
}

static enum hc_admin_device_act said(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	if (msg->type == HC_MSG_DEVICE_ASK)
		return ask(job, msg, out);
	if (msg->type == HC_MSG_DEVICE_WAIT)
		return waiting(job, msg, out);
	if (msg->type == HC_MSG_DEVICE_DONE)
		return done(job, msg, out);
	return msg->type == HC_MSG_DEVICE_FAILED ? failed(job, msg, out) : HC_ADMIN_DEVICE_BREAK;
}

static enum hc_admin_device_act answered(struct hc_admin_job *job, const struct hc_secret *answer,
					 struct hc_msg *out)
{
	struct enrolment *enrolment = job->answer.state;

	return hc_admin_pin_answered(job, &enrolment->pin, answer, out);
}

static const struct hc_admin_device_ops DEVICE = {HC_HELPER_FIDO2, start_key, said, refused, answered};

void hc_admin_enroll_fido2(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct enrolment *enrolment = hc_admin_rows(job, sizeof(*enrolment), produce);

	if (enrolment == NULL)
		return;
	job->answer.state_free = enrolment_free;
	if (read_request(job, request, enrolment))
		hc_admin_wait_for(job, &DEVICE);
}
