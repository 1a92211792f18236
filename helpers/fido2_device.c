/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a security key before anybody is asked anything: what it is, whether it holds a
 * credential of the request, how many tries are left.
 *
 * State: the open device. Threats: a key that lies, stalls or answers nonsense; libfido2 parses it, and
 * this process has nothing worth stealing but the PIN that the person types for this key. libfido2's
 * debugging, which would print what passes, is never switched on. Nothing here uses up a try.
 */
#include "fido2_device.h"

#include <fido.h>
#include <stdio.h>
#include <string.h>

#include "fido2_say.h"

#define BYTES_BESIDE 400 /* of a request, beside its list */
#define FEW \
	2 /* credentials that are asked for one by one at no more cost than to ask what it takes at once */

void hc_fido2_thread_init(void)
{
	/* A key that speaks CTAP2 and stumbles once is not to be taken for an old one. */
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
}

enum hc_fido2_status hc_fido2_status_of(int result)
{
	static const struct {
		int result;
		enum hc_fido2_status status;
	} known[] = {
		{FIDO_OK, HC_FIDO2_OK},
		{FIDO_ERR_NO_CREDENTIALS, HC_FIDO2_NO_CREDENTIAL},
		{FIDO_ERR_INVALID_CREDENTIAL, HC_FIDO2_NO_CREDENTIAL},
		{FIDO_ERR_CREDENTIAL_EXCLUDED, HC_FIDO2_EXCLUDED},
		{FIDO_ERR_PIN_INVALID, HC_FIDO2_PIN_WRONG},
		{FIDO_ERR_PIN_AUTH_BLOCKED, HC_FIDO2_PIN_LOCKED_NOW},
		{FIDO_ERR_PIN_BLOCKED, HC_FIDO2_PIN_LOCKED},
		{FIDO_ERR_PIN_NOT_SET, HC_FIDO2_PIN_MISSING},
		{FIDO_ERR_PIN_REQUIRED, HC_FIDO2_PIN_MISSING},
		{FIDO_ERR_PIN_POLICY_VIOLATION, HC_FIDO2_PIN_CHANGE},
		{FIDO_ERR_UV_INVALID, HC_FIDO2_FINGER_WRONG},
		{FIDO_ERR_UV_BLOCKED, HC_FIDO2_FINGER_LOCKED},
		{FIDO_ERR_USER_ACTION_TIMEOUT, HC_FIDO2_TIMED_OUT},
		{FIDO_ERR_ACTION_TIMEOUT, HC_FIDO2_TIMED_OUT},
		{FIDO_ERR_TIMEOUT, HC_FIDO2_TIMED_OUT},
		{FIDO_ERR_OPERATION_DENIED, HC_FIDO2_DENIED},
		{FIDO_ERR_KEEPALIVE_CANCEL, HC_FIDO2_CANCELLED},
		{FIDO_ERR_KEY_STORE_FULL, HC_FIDO2_FULL},
		{FIDO_ERR_LIMIT_EXCEEDED, HC_FIDO2_FULL},
		{FIDO_ERR_UNSUPPORTED_ALGORITHM, HC_FIDO2_UNSUPPORTED},
		{FIDO_ERR_UNSUPPORTED_OPTION, HC_FIDO2_UNSUPPORTED},
		{FIDO_ERR_INVALID_OPTION, HC_FIDO2_UNSUPPORTED},
		{FIDO_ERR_TX, HC_FIDO2_GONE},
		{FIDO_ERR_RX, HC_FIDO2_GONE},
	};

	for (size_t i = 0; i < HC_COUNT(known); i++) {
		if (known[i].result == result)
			return known[i].status;
	}
	return HC_FIDO2_FAILED;
}

size_t hc_fido2_scan(struct hc_fido2_found *found, size_t cap)
{
	fido_dev_info_t *list = fido_dev_info_new(cap);
	size_t seen = 0, count = 0;

	if (list == NULL || fido_dev_info_manifest(list, cap, &seen) != FIDO_OK)
		seen = 0;
	for (size_t i = 0; i < seen && i < cap; i++) {
		const fido_dev_info_t *info = fido_dev_info_ptr(list, i);
		const char *path = info != NULL ? fido_dev_info_path(info) : NULL;

		if (path == NULL || strlen(path) > HC_FIDO2_PATH_MAX)
			continue;
		memcpy(found[count].path, path, strlen(path) + 1);
		hc_fido2_label(fido_dev_info_manufacturer_string(info), fido_dev_info_product_string(info),
			       found[count].label);
		count++;
	}
	fido_dev_info_free(&list, cap);
	return count;
}

/* ---- what it is ---- */

/* What libfido2 keeps of the answer that it got when it opened the key. */
static void read_flags(struct hc_fido2_device *device)
{
	struct hc_fido2_facts *facts = &device->facts;

	facts->fido2 = fido_dev_is_fido2(device->dev);
	facts->protect = fido_dev_supports_cred_prot(device->dev);
	facts->can_pin = fido_dev_supports_pin(device->dev);
	facts->has_pin = fido_dev_has_pin(device->dev);
	facts->can_finger = fido_dev_supports_uv(device->dev);
	facts->has_finger = fido_dev_has_uv(device->dev);
}

/*
 * libfido2 asks when it opens the key, and keeps little of the answer. To ask again is a round trip: with a PIN or a
 * finger, and one or two credentials of a party in question, nothing of it is needed.
 */
static bool needs_info(const struct hc_fido2_request *request)
{
	if (request == NULL || request->operation != HC_DEVICE_ASSERT || hc_fido2_nameless(request) ||
	    (request->flags & HC_DEVICE_FLAG_UV) == 0 || (request->flags & HC_DEVICE_FLAG_HIDDEN) != 0)
		return true;
	for (size_t i = 0; i < request->group_count; i++) {
		if (request->groups[i].count == 0 || request->groups[i].count > FEW)
			return true;
	}
	return false;
}

enum hc_fido2_status hc_fido2_device_open(struct hc_fido2_device *device, const char *path,
					  const struct hc_fido2_request *request, const char **ret_detail)
{
	int result;

	device->facts = (struct hc_fido2_facts){.pin_tries = -1, .finger_tries = -1};
	device->informed = false;
	device->dev = fido_dev_new();
	result = device->dev == NULL ? FIDO_ERR_INTERNAL
				     : fido_dev_set_timeout(device->dev, HC_FIDO2_REPLY_MS);
	if (result == FIDO_OK)
		result = fido_dev_open(device->dev, path);
	device->list_max = 1;
	device->id_max = UINT8_MAX;
	device->bytes_max = HC_FIDO2_BYTES_DEFAULT;
	if (result == FIDO_OK)
		read_flags(device);
	if (device->facts.fido2) {
		device->id_max = HC_DEVICE_CREDENTIAL_MAX;
		result = needs_info(request) ? hc_fido2_device_inform(device) : FIDO_OK;
	} else {
		(void)snprintf(device->facts.versions, sizeof(device->facts.versions), "U2F_V2");
	}
	if (result == FIDO_OK)
		return HC_FIDO2_OK;
	*ret_detail = fido_strerr(result);
	hc_fido2_device_close(device);
	return hc_fido2_status_of(result);
}

void hc_fido2_device_close(struct hc_fido2_device *device)
{
	if (device->dev == NULL)
		return;
	(void)fido_dev_close(device->dev); /* one that is not open says so, which is no news */
	fido_dev_free(&device->dev);
}

void hc_fido2_device_cancel(struct hc_fido2_device *device)
{
	(void)fido_dev_cancel(device->dev); /* one that has gone, or is old, fails: its job ends by itself */
}

/* ---- whether it holds a credential ---- */

fido_assert_t *hc_fido2_assertion_new(const struct hc_fido2_device *device,
				      const struct hc_fido2_request *request, size_t group, size_t first,
				      size_t *ret_next)
{
	const struct hc_fido2_group *of = &request->groups[group];
	fido_assert_t *assertion = fido_assert_new();
	size_t count = 0, bytes = BYTES_BESIDE, i = first;

	if (assertion == NULL || fido_assert_set_rp(assertion, of->rp_id) != FIDO_OK ||
	    fido_assert_set_clientdata_hash(assertion, request->hash, sizeof(request->hash)) != FIDO_OK) {
		fido_assert_free(&assertion);
		return NULL;
	}
	for (; i < of->first + of->count; i++) {
		size_t len = request->credentials[i].len;

		if (len > device->id_max)
			continue; /* of no key of this kind */
		if (count > 0 && (count == device->list_max || bytes + len + 32 > device->bytes_max))
			break;
		if (fido_assert_allow_cred(assertion, request->bytes + request->credentials[i].offset, len) !=
		    FIDO_OK) {
			fido_assert_free(&assertion);
			return NULL;
		}
		count++;
		bytes += len + 32;
	}
	*ret_next = i;
	/* A list of nothing but foreign identifiers must not become a question without a list. */
	if (count == 0 && of->count > 0)
		fido_assert_free(&assertion);
	return assertion;
}

static size_t index_of(const struct hc_fido2_request *request, size_t group, const fido_assert_t *assertion,
		       size_t first)
{
	size_t end = request->groups[group].first + request->groups[group].count;
	const unsigned char *id = fido_assert_count(assertion) > 0 ? fido_assert_id_ptr(assertion, 0) : NULL;
	size_t len = id != NULL ? fido_assert_id_len(assertion, 0) : 0;

	for (size_t i = first; len > 0 && i < end; i++) {
		if (request->credentials[i].len == len &&
		    memcmp(request->bytes + request->credentials[i].offset, id, len) == 0)
			return i;
	}
	return first; /* it need not say where it was asked for one alone */
}

static int preflight(struct hc_fido2_device *device, const struct hc_fido2_request *request, size_t group,
		     size_t first, size_t *ret_next)
{
	fido_assert_t *assertion = hc_fido2_assertion_new(device, request, group, first, ret_next);
	int result = FIDO_ERR_NO_CREDENTIALS;

	if (assertion == NULL)
		return *ret_next > first ? FIDO_ERR_NO_CREDENTIALS : FIDO_ERR_INTERNAL;
	if (fido_assert_set_up(assertion, FIDO_OPT_FALSE) != FIDO_OK)
		result = FIDO_ERR_INTERNAL;
	else
		result = fido_dev_get_assert(device->dev, assertion, NULL);
	/* An old key that holds it says that it would have to be touched. */
	if (result == FIDO_ERR_USER_PRESENCE_REQUIRED)
		result = FIDO_OK;
	if (result == FIDO_OK) {
		device->facts.holds = true;
		device->match = index_of(request, group, assertion, first);
		device->match_group = group;
	}
	fido_assert_free(&assertion);
	return result;
}

static int find_of_group(struct hc_fido2_device *device, const struct hc_fido2_request *request, size_t group)
{
	const struct hc_fido2_group *of = &request->groups[group];
	size_t first = of->first, end = of->first + of->count;

	/* Without a list: an old key knows no such question. */
	if (of->count == 0 && !(device->facts.fido2 && device->facts.discoverable))
		return FIDO_OK;
	do {
		size_t next = first;
		int result = preflight(device, request, group, first, &next);

		if (result != FIDO_OK && hc_fido2_status_of(result) != HC_FIDO2_NO_CREDENTIAL)
			return result;
		first = next;
	} while (first < end && !device->facts.holds);
	return FIDO_OK;
}

/* What it has for the one relying party of a request without names it says once it is touched. */
static int find_credential(struct hc_fido2_device *device, const struct hc_fido2_request *request)
{
	bool assertion = request->operation == HC_DEVICE_ASSERT;
	int result = FIDO_OK;

	for (size_t i = 0; i < request->group_count && result == FIDO_OK && !device->facts.holds; i++) {
		if (request->groups[i].count > 0 || (assertion && !hc_fido2_nameless(request)))
			result = find_of_group(device, request, i);
	}
	return result;
}

static int ask_tries(struct hc_fido2_device *device)
{
	int result = FIDO_OK;

	if (device->facts.has_pin)
		result = fido_dev_get_retry_count(device->dev, &device->facts.pin_tries);
	/* Keys before CTAP 2.1 have a sensor and no counter. */
	if (result == FIDO_OK && device->facts.has_finger && fido_dev_supports_permissions(device->dev))
		result = fido_dev_get_uv_retry_count(device->dev, &device->facts.finger_tries);
	return result;
}

enum hc_fido2_status hc_fido2_device_probe(struct hc_fido2_device *device,
					   const struct hc_fido2_request *request, const char **ret_detail)
{
	bool hidden = (request->flags & HC_DEVICE_FLAG_HIDDEN) != 0 && device->facts.protect;
	bool may_verify = request->operation != HC_DEVICE_ASSERT || device->facts.always_verify ||
			  (request->flags & HC_DEVICE_FLAG_UV) != 0;
	int result = find_credential(device, request);

	/* It may have been asked for what a key of its kind cannot hold: what can it? */
	if (result != FIDO_OK && !device->informed && hc_fido2_device_inform(device) == FIDO_OK &&
	    device->informed)
		result = find_credential(device, request);
	if (result == FIDO_OK && may_verify &&
	    (request->operation != HC_DEVICE_ASSERT || hc_fido2_nameless(request) || device->facts.holds ||
	     hidden))
		result = ask_tries(device);
	if (result == FIDO_OK)
		return HC_FIDO2_OK;
	*ret_detail = fido_strerr(result);
	return hc_fido2_status_of(result) == HC_FIDO2_OK ? HC_FIDO2_FAILED : hc_fido2_status_of(result);
}
