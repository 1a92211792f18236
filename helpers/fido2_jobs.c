/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a security key is set to do once a person is there: wait for a touch, sign, make a credential,
 * take a PIN.
 *
 * State: the open device. A PIN is lent for one call, which sends it once; whatever comes of it, no call
 * here is repeated with it. Answers are copied within bounds and not verified: that is the broker's.
 */
#include <fido.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fido2_choice.h"
#include "fido2_device.h"
#include "fido2_say.h"

#define PERSON_MS 40000 /* longer than the machine waits for one touch: it says when */
#define POLL_MS	  50

static bool stopped(const struct hc_fido2_device *device)
{
	return device->stop != NULL && atomic_load(device->stop);
}

static const char *pin_text(const struct hc_secret *pin)
{
	return pin != NULL ? (const char *)hc_secret_data(pin) : NULL;
}

/* False where it is longer than there is room: such an answer is not cut, it is refused. */
static bool copy(const unsigned char *from, size_t len, uint8_t *to, size_t cap, size_t *ret_len)
{
	if ((from == NULL && len > 0) || len > cap)
		return false;
	if (len > 0)
		memcpy(to, from, len);
	*ret_len = len;
	return true;
}

/* ---- SELECT ---- */

static void rest(int ms)
{
	const struct timespec pause = {.tv_nsec = (long)ms * 1000000L};

	(void)nanosleep(&pause, NULL); /* cut short is fine */
}

static int select_key(struct hc_fido2_device *device)
{
	int touched = 0, result = fido_dev_get_touch_begin(device->dev);

	while (result == FIDO_OK && touched == 0 && !stopped(device)) {
		result = fido_dev_get_touch_status(device->dev, &touched, POLL_MS);
		/* One that was pulled out is not told apart from one that waits: not to spin on it. */
		if (result == FIDO_OK && touched == 0)
			rest(POLL_MS / 5);
	}
	if (result != FIDO_OK || touched != 0)
		return result;
	(void)fido_dev_cancel(device->dev); /* an old key stops blinking by itself */
	(void)fido_dev_get_touch_status(device->dev, &touched, POLL_MS);
	return FIDO_ERR_KEEPALIVE_CANCEL;
}

/* ---- ASSERT ---- */

static bool take_account(const fido_assert_t *assertion, size_t index, struct hc_fido2_account *account)
{
	const unsigned char *wrapped = fido_assert_authdata_ptr(assertion, index);
	const char *name = fido_assert_user_display_name(assertion, index);
	const uint8_t *data = NULL;
	size_t len = 0;

	if (name == NULL)
		name = fido_assert_user_name(assertion, index);
	if (name != NULL)
		hc_fido2_label(name, NULL, account->name);
	return wrapped != NULL &&
	       hc_fido2_unwrap(wrapped, fido_assert_authdata_len(assertion, index), &data, &len) == HC_OK &&
	       copy(data, len, account->auth_data, sizeof(account->auth_data), &account->auth_data_len) &&
	       copy(fido_assert_id_ptr(assertion, index), fido_assert_id_len(assertion, index),
		    account->credential, sizeof(account->credential), &account->credential_len) &&
	       copy(fido_assert_sig_ptr(assertion, index), fido_assert_sig_len(assertion, index),
		    account->signature, sizeof(account->signature), &account->signature_len) &&
	       copy(fido_assert_user_id_ptr(assertion, index), fido_assert_user_id_len(assertion, index),
		    account->handle, sizeof(account->handle), &account->handle_len) &&
	       account->auth_data_len > 0 && account->signature_len > 0;
}

static int take_accounts(const fido_assert_t *assertion, struct hc_fido2_outcome *outcome)
{
	size_t count = fido_assert_count(assertion);

	if (count == 0)
		return FIDO_ERR_INTERNAL;
	if (count > HC_DEVICE_CHOICES_MAX)
		count = HC_DEVICE_CHOICES_MAX; /* the newest come first */
	outcome->accounts = calloc(count, sizeof(*outcome->accounts));
	if (outcome->accounts == NULL)
		return FIDO_ERR_INTERNAL;
	for (size_t i = 0; i < count; i++) {
		if (!take_account(assertion, i, &outcome->accounts[i]))
			return FIDO_ERR_INTERNAL;
	}
	outcome->account_count = count;
	return FIDO_OK;
}

/* A key that was asked for one credential need not name it. */
static void name_credential(const struct hc_fido2_request *request, size_t index,
			    struct hc_fido2_account *account)
{
	if (account->credential_len > 0)
		return;
	account->credential_len = request->credentials[index].len;
	memcpy(account->credential, request->bytes + request->credentials[index].offset,
	       account->credential_len);
}

static int get_assertion(struct hc_fido2_device *device, const struct hc_fido2_request *request,
			 const struct hc_fido2_task *task, size_t first, size_t *ret_next,
			 struct hc_fido2_outcome *outcome)
{
	const size_t group = outcome->group;
	fido_assert_t *assertion = hc_fido2_assertion_new(device, request, group, first, ret_next);
	int result = FIDO_ERR_INTERNAL;

	if (assertion == NULL)
		return *ret_next > first ? FIDO_ERR_NO_CREDENTIALS : FIDO_ERR_INTERNAL;
	if (task->verify != HC_FIDO2_BY_FINGER || fido_assert_set_uv(assertion, FIDO_OPT_TRUE) == FIDO_OK)
		result = fido_dev_get_assert(device->dev, assertion, pin_text(task->pin));
	if (result == FIDO_OK)
		result = take_accounts(assertion, outcome);
	/* With one credential in question, whichever was skipped behind it, that is the one. */
	if (result == FIDO_OK && (*ret_next == first + 1 || (device->facts.holds && *ret_next > first)))
		name_credential(request, first, &outcome->accounts[0]);
	outcome->rp_id = request->groups[group].rp_id;
	fido_assert_free(&assertion);
	return result;
}

/* One after the other, as many at a time as the key takes. */
static int assert_of_group(struct hc_fido2_device *device, const struct hc_fido2_request *request,
			   const struct hc_fido2_task *task, struct hc_fido2_outcome *outcome)
{
	const struct hc_fido2_group *of = &request->groups[outcome->group];
	size_t first = of->first, next = first, end = of->first + of->count;
	int result;

	do {
		result = get_assertion(device, request, task, first, &next, outcome);
		first = next;
	} while (result == FIDO_ERR_NO_CREDENTIALS && first < end && !stopped(device));
	return result;
}

static int run_assert(struct hc_fido2_device *device, const struct hc_fido2_request *request,
		      const struct hc_fido2_task *task, struct hc_fido2_outcome *outcome)
{
	int result = FIDO_ERR_NO_CREDENTIALS;
	size_t next = 0;

	if (device->facts.holds) {
		device->list_max = 1; /* the one that it is known to hold */
		outcome->group = device->match_group;
		return get_assertion(device, request, task, device->match, &next, outcome);
	}
	for (size_t i = 0; i < request->group_count && result == FIDO_ERR_NO_CREDENTIALS && !stopped(device);
	     i++) {
		outcome->group = i;
		result = assert_of_group(device, request, task, outcome);
	}
	return result;
}

/* ---- MAKE ---- */

static int describe(struct hc_fido2_device *device, const struct hc_fido2_request *request,
		    const struct hc_fido2_task *task, fido_cred_t *credential)
{
	const char *display = request->label[0] != '\0' ? request->label : request->login;
	bool resident = (request->flags & HC_DEVICE_FLAG_DISCOVERABLE) != 0;
	int result = fido_cred_set_type(credential, hc_fido2_algorithm(request, &device->facts));

	if (result == FIDO_OK)
		result = fido_cred_set_rp(credential, request->groups[0].rp_id, request->groups[0].rp_id);
	if (result == FIDO_OK)
		result = fido_cred_set_user(credential, request->user_handle, request->user_handle_len,
					    request->login, display, NULL);
	if (result == FIDO_OK)
		result = fido_cred_set_clientdata_hash(credential, request->hash, sizeof(request->hash));
	if (result == FIDO_OK && resident)
		result = fido_cred_set_rk(credential, FIDO_OPT_TRUE);
	if (result == FIDO_OK && task->verify == HC_FIDO2_BY_FINGER)
		result = fido_cred_set_uv(credential, FIDO_OPT_TRUE);
	/* Level 2: who finds the key learns nothing from it without list or PIN. */
	if (result == FIDO_OK && device->facts.protect)
		result = fido_cred_set_prot(credential, FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID);
	return result;
}

static int exclude(const struct hc_fido2_device *device, const struct hc_fido2_request *request,
		   fido_cred_t *credential)
{
	size_t count = 0;

	/* The list was looked for before; what does not fit into one request need not be said again. */
	for (size_t i = 0; i < request->credential_count && count < device->list_max; i++) {
		int result = FIDO_OK;

		if (request->credentials[i].len > device->id_max)
			continue;
		result = fido_cred_exclude(credential, request->bytes + request->credentials[i].offset,
					   request->credentials[i].len);
		if (result != FIDO_OK)
			return result;
		count++;
	}
	return FIDO_OK;
}

static int take_credential(const fido_cred_t *credential, struct hc_fido2_outcome *outcome)
{
	const unsigned char *statement = fido_cred_attstmt_ptr(credential);
	const char *format = fido_cred_fmt(credential);
	size_t len = fido_cred_attstmt_len(credential);
	struct hc_fido2_account *made;

	made = outcome->accounts = calloc(1, sizeof(*made));
	outcome->attestation = malloc(len > 0 ? len : 1);
	if (made == NULL || outcome->attestation == NULL || format == NULL ||
	    strlen(format) >= sizeof(outcome->format) ||
	    !copy(statement, len, outcome->attestation, HC_DEVICE_ATTESTATION_MAX,
		  &outcome->attestation_len) ||
	    !copy(fido_cred_id_ptr(credential), fido_cred_id_len(credential), made->credential,
		  sizeof(made->credential), &made->credential_len) ||
	    !copy(fido_cred_authdata_raw_ptr(credential), fido_cred_authdata_raw_len(credential),
		  made->auth_data, sizeof(made->auth_data), &made->auth_data_len))
		return FIDO_ERR_INTERNAL;
	memcpy(outcome->format, format, strlen(format) + 1);
	outcome->account_count = 1;
	return FIDO_OK;
}

static int run_make(struct hc_fido2_device *device, const struct hc_fido2_request *request,
		    const struct hc_fido2_task *task, struct hc_fido2_outcome *outcome)
{
	fido_cred_t *credential = fido_cred_new();
	int result = credential == NULL ? FIDO_ERR_INTERNAL : describe(device, request, task, credential);

	if (result == FIDO_OK)
		result = exclude(device, request, credential);
	if (result == FIDO_OK)
		result = fido_dev_make_cred(device->dev, credential, pin_text(task->pin));
	if (result == FIDO_OK)
		result = take_credential(credential, outcome);
	fido_cred_free(&credential);
	return result;
}

/* ---- all ---- */

static void read_tries(struct hc_fido2_device *device, const struct hc_fido2_task *task,
		       struct hc_fido2_outcome *outcome)
{
	int tries = -1;

	(void)fido_dev_set_timeout(device->dev, HC_FIDO2_REPLY_MS); /* cannot fail for a positive number */
	if (task->pin != NULL && fido_dev_get_retry_count(device->dev, &tries) == FIDO_OK)
		outcome->facts.pin_tries = tries;
	tries = -1;
	if (task->verify == HC_FIDO2_BY_FINGER && device->facts.finger_tries >= 0 &&
	    fido_dev_get_uv_retry_count(device->dev, &tries) == FIDO_OK)
		outcome->facts.finger_tries = tries;
}

static bool uses_tries(enum hc_fido2_status status)
{
	return status == HC_FIDO2_PIN_WRONG || status == HC_FIDO2_PIN_LOCKED_NOW ||
	       status == HC_FIDO2_FINGER_WRONG || status == HC_FIDO2_FINGER_LOCKED ||
	       status == HC_FIDO2_DENIED;
}

void hc_fido2_device_run(struct hc_fido2_device *device, const struct hc_fido2_request *request,
			 const struct hc_fido2_task *task, struct hc_fido2_outcome *outcome)
{
	int result = fido_dev_set_timeout(device->dev, PERSON_MS);

	outcome->facts = (struct hc_fido2_facts){.pin_tries = -1, .finger_tries = -1};
	if (result == FIDO_OK && task->job == HC_FIDO2_SELECT)
		result = select_key(device);
	else if (result == FIDO_OK && task->job == HC_FIDO2_ASSERT)
		result = run_assert(device, request, task, outcome);
	else if (result == FIDO_OK && task->job == HC_FIDO2_MAKE)
		result = run_make(device, request, task, outcome);
	else if (result == FIDO_OK && task->job == HC_FIDO2_SET_PIN && task->new_pin != NULL)
		result = fido_dev_set_pin(device->dev, pin_text(task->new_pin), pin_text(task->pin));
	else
		result = FIDO_ERR_INTERNAL;
	outcome->status = hc_fido2_status_of(result);
	outcome->detail = fido_strerr(result);
	if (outcome->status == HC_FIDO2_PIN_CHANGE && task->job == HC_FIDO2_SET_PIN)
		outcome->status = HC_FIDO2_PIN_REFUSED;
	/* Some say so of the right PIN, until it is changed. */
	if (outcome->status == HC_FIDO2_PIN_WRONG && !device->informed &&
	    hc_fido2_device_inform(device) == FIDO_OK && device->facts.pin_change)
		outcome->status = HC_FIDO2_PIN_CHANGE;
	if (uses_tries(outcome->status))
		read_tries(device, task, outcome);
}
