/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The security keys that are plugged in at this machine, and their PINs: for the help desk.
 *
 * State: what was asked for, and what the helper told of each key, bounded in number and length. Threats: a key that
 * calls itself something that acts on a terminal (the helper and hospictl escape it; here it is a label or nothing); a
 * first PIN that would be a change of another key's, or a change where there is none: the helper's first question
 * tells which it is, and the wrong one ends the operation before anything is typed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_job.h"
#include "admin_pin.h"
#include "hospiconnect/fido.h"

#define KEYS_MAX 16

struct seen_key {
	char path[256], label[129], versions[129], options[1025];
	uint8_t aaguid[HC_FIDO_AAGUID_LEN];
	bool has_aaguid, has_tries, has_finger_tries;
	uint32_t tries, finger_tries, pin_min;
	enum hc_reason reason;
};

struct work {
	struct hc_admin_pin pin;
	enum hc_device_operation operation; /* LIST or SET_PIN */
	bool change;			    /* SET_PIN: there is one, and another takes its place */
	bool begun;			    /* the helper's first question was the right one */
	char path[256];
	size_t count, next;
	struct seen_key keys[KEYS_MAX];
};

static void work_free(void *state)
{
	struct work *work = state;

	hc_admin_pin_clear(&work->pin);
	free(work);
}

/* ---- the list ---- */

static bool read_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap)
{
	out[0] = '\0';
	return !hc_msg_has(msg, field) || hc_msg_text(msg, field, out, cap) == HC_OK;
}

static bool read_number(const struct hc_msg *msg, enum hc_field field, bool *ret_has, uint32_t *ret_number)
{
	*ret_has = hc_msg_has(msg, field);
	return !*ret_has || hc_msg_u32(msg, field, ret_number) == HC_OK;
}

static bool read_item(const struct hc_msg *msg, struct seen_key *key)
{
	const uint8_t *view = NULL;
	size_t len = 0;
	bool has_min;

	key->has_aaguid = hc_msg_bytes(msg, HC_FIELD_AAGUID, &view, &len) == HC_OK;
	if (key->has_aaguid && len != sizeof(key->aaguid))
		return false;
	if (key->has_aaguid)
		memcpy(key->aaguid, view, sizeof(key->aaguid));
	key->reason = hc_admin_device_reason(msg);
	return read_text(msg, HC_FIELD_DEVICE_PATH, key->path, sizeof(key->path)) &&
	       read_text(msg, HC_FIELD_LABEL, key->label, sizeof(key->label)) &&
	       read_text(msg, HC_FIELD_VERSIONS, key->versions, sizeof(key->versions)) &&
	       read_text(msg, HC_FIELD_OPTIONS, key->options, sizeof(key->options)) &&
	       read_number(msg, HC_FIELD_TRIES_LEFT, &key->has_tries, &key->tries) &&
	       read_number(msg, HC_FIELD_FINGER_TRIES_LEFT, &key->has_finger_tries, &key->finger_tries) &&
	       read_number(msg, HC_FIELD_PIN_MIN, &has_min, &key->pin_min);
}

/* Whether options, "name=true" with a space between two, has that one. */
static bool has_option(const struct seen_key *key, const char *option)
{
	const size_t len = strlen(option);

	for (const char *at = strstr(key->options, option); at != NULL; at = strstr(at + len, option)) {
		if ((at == key->options || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
			return true;
	}
	return false;
}

/* NULL: nobody can tell. */
static const char *pin_state(const struct seen_key *key)
{
	if (key->reason != HC_REASON_NONE)
		return NULL;
	if (key->has_tries && key->tries == 0)
		return "blocked";
	if (has_option(key, "forcePINChange=true"))
		return "change";
	if (has_option(key, "clientPin=true"))
		return "set";
	return has_option(key, "clientPin=false") ? "unset" : "impossible";
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct work *work = job->answer.state;
	const struct seen_key *key = &work->keys[work->next];

	*ret_ready = work->next < work->count;
	*ret_more = work->next + 1 < work->count;
	if (!*ret_ready)
		return HC_OK;
	work->next++;
	hc_msg_put_text(out, HC_FIELD_DEVICE_PATH, key->path);
	hc_msg_put_text(out, HC_FIELD_LABEL, key->label);
	hc_msg_put_text(out, HC_FIELD_STATE, pin_state(key));
	hc_msg_put_text(out, HC_FIELD_VERSIONS, key->versions);
	hc_msg_put_text(out, HC_FIELD_OPTIONS, key->options);
	if (key->has_aaguid)
		hc_msg_put_bytes(out, HC_FIELD_AAGUID, key->aaguid, sizeof(key->aaguid));
	if (key->has_tries)
		hc_msg_put_u32(out, HC_FIELD_TRIES_LEFT, key->tries);
	if (key->has_finger_tries)
		hc_msg_put_u32(out, HC_FIELD_FINGER_TRIES_LEFT, key->finger_tries);
	if (key->pin_min > 0)
		hc_msg_put_u32(out, HC_FIELD_PIN_MIN, key->pin_min);
	if (key->reason != HC_REASON_NONE)
		hc_msg_put_u32(out, HC_FIELD_REASON, (uint32_t)key->reason);
	return HC_OK;
}

/* ---- the device ---- */

static enum hc_err start_work(struct hc_admin_job *job, struct hc_msg *start)
{
	const struct work *work = job->answer.state;

	if (work->operation == HC_DEVICE_SET_PIN) {
		hc_admin_pin_start(job, work->path, start);
		return HC_OK;
	}
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_LIST);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, HC_ADMIN_KEY_TIMEOUT_S);
	return HC_OK;
}

static void refused(struct hc_admin_job *job, enum hc_reason reason)
{
	struct work *work = job->answer.state;

	hc_admin_pin_clear(&work->pin);
	if (work->operation == HC_DEVICE_SET_PIN)
		hc_admin_pin_note(job, NULL, reason, work->change ? "another PIN" : "first PIN");
	hc_answer_refuse(&job->answer, HC_ERR_PERM, reason, NULL);
}

static enum hc_admin_device_act ask(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	struct work *work = job->answer.state;
	enum hc_admin_device_act act = work->operation == HC_DEVICE_SET_PIN
					       ? hc_admin_pin_ask(job, &work->pin, msg, out)
					       : HC_ADMIN_DEVICE_BREAK;

	if (act != HC_ADMIN_DEVICE_SEND || work->begun)
		return act;
	/* A key with a PIN asks for it first, and one without for the new one. */
	work->begun = work->pin.is_new != work->change;
	if (work->begun)
		return act;
	hc_admin_device_refused(job, work->change ? HC_REASON_PIN_NOT_SET : HC_REASON_PIN_IS_SET);
	return HC_ADMIN_DEVICE_END;
}

static enum hc_admin_device_act take_item(struct hc_admin_job *job, const struct hc_msg *msg)
{
	struct work *work = job->answer.state;

	if (work->operation != HC_DEVICE_LIST || work->count == KEYS_MAX ||
	    !read_item(msg, &work->keys[work->count]))
		return HC_ADMIN_DEVICE_BREAK;
	work->count++;
	return HC_ADMIN_DEVICE_GO_ON;
}

static void done(struct hc_admin_job *job)
{
	const struct work *work = job->answer.state;

	job->waits = false;
	if (work->operation == HC_DEVICE_SET_PIN)
		hc_admin_pin_note(job, NULL, HC_REASON_NONE, work->change ? "another PIN" : "first PIN");
}

static enum hc_admin_device_act said(struct hc_admin_job *job, const struct hc_msg *msg, struct hc_msg *out)
{
	const struct work *work = job->answer.state;
	const enum hc_reason reason = hc_admin_device_reason(msg);

	if (msg->type == HC_MSG_DEVICE_ASK)
		return ask(job, msg, out);
	if (msg->type == HC_MSG_DEVICE_ITEM)
		return take_item(job, msg);
	if (msg->type == HC_MSG_DEVICE_WAIT)
		return hc_admin_pin_wait(job, msg, out);
	/* A PIN that was set without having been typed, twice, is none of ours. */
	if (msg->type == HC_MSG_DEVICE_DONE && (work->operation == HC_DEVICE_LIST || work->pin.given)) {
		done(job);
		return HC_ADMIN_DEVICE_END;
	}
	if (msg->type != HC_MSG_DEVICE_FAILED)
		return HC_ADMIN_DEVICE_BREAK;
	hc_admin_device_refused(job, reason != HC_REASON_NONE ? reason : HC_REASON_DEVICE_ERROR);
	return HC_ADMIN_DEVICE_END;
}

static enum hc_admin_device_act answered(struct hc_admin_job *job, const struct hc_secret *answer,
					 struct hc_msg *out)
{
	struct work *work = job->answer.state;

	return hc_admin_pin_answered(job, &work->pin, answer, out);
}

/* ---- the request ---- */

static const struct hc_admin_device_ops DEVICE = {HC_HELPER_FIDO2, start_work, said, refused, answered};

static bool read_request(struct hc_admin_job *job, const struct hc_msg *request, struct work *work)
{
	uint32_t operation = 0, change = 0;

	if (!hc_answer_u32(&job->answer, request, HC_FIELD_DEVICE_OPERATION, "operation", 0, &operation) ||
	    !hc_answer_u32(&job->answer, request, HC_FIELD_PIN_CHANGE, "change", 0, &change) ||
	    !hc_answer_text(&job->answer, request, HC_FIELD_DEVICE_PATH, "device", work->path,
			    sizeof(work->path)))
		return false;
	if (operation != HC_DEVICE_LIST && operation != HC_DEVICE_SET_PIN)
		return hc_answer_bad(&job->answer, "operation");
	if (change > 1 || (operation == HC_DEVICE_LIST && change != 0))
		return hc_answer_bad(&job->answer, "change");
	if (operation == HC_DEVICE_LIST && work->path[0] != '\0')
		return hc_answer_bad(&job->answer, "device");
	if ((job->authd->device_methods & HC_METHOD_FIDO2) == 0) {
		hc_answer_refuse(&job->answer, HC_ERR_STATE, HC_REASON_INVALID_VALUE, "hc-fido2");
		return false;
	}
	work->operation = (enum hc_device_operation)operation;
	work->change = change == 1;
	return true;
}

void hc_admin_fido2_pin(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct work *work = hc_admin_rows(job, sizeof(*work), produce);

	if (work == NULL)
		return;
	job->answer.state_free = work_free;
	if (read_request(job, request, work))
		hc_admin_wait_for(job, &DEVICE);
}
