/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a security key says of itself (authenticatorGetInfo): into facts, and into bounds of what it takes.
 *
 * State: the open device. Threats: a key that lies about itself, or gives itself names that are more than
 * names: only what is bounded and printable is kept, and nothing of it is believed where it matters.
 */
#include <fido.h>
#include <string.h>

#include "fido2_device.h"

#define LIST_DEFAULT 8

/* Only names of [a-zA-Z0-9_] are kept: what a key invents is not to be shown. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < 40 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

static void append(char *out, size_t cap, const char *name, const char *value)
{
	size_t len = strlen(out);

	/* What does not fit any more is left out whole. */
	if (is_name(name) && len + strlen(name) + strlen(value) + 2 <= cap)
		(void)snprintf(out + len, cap - len, "%s%s%s", len > 0 ? " " : "", name, value);
}

static void read_options(struct hc_fido2_facts *facts, const fido_cbor_info_t *info)
{
	char *const *names = fido_cbor_info_options_name_ptr(info);
	const bool *values = fido_cbor_info_options_value_ptr(info);

	for (size_t i = 0; i < fido_cbor_info_options_len(info); i++) {
		append(facts->options, sizeof(facts->options), names[i], values[i] ? "=true" : "=false");
		if (strcmp(names[i], "rk") == 0)
			facts->discoverable = values[i];
		else if (strcmp(names[i], "alwaysUv") == 0)
			facts->always_verify = values[i];
	}
	if (fido_cbor_info_new_pin_required(info)) {
		facts->pin_change = true;
		append(facts->options, sizeof(facts->options), "forcePINChange", "=true");
	}
}

static void read_algorithms(struct hc_fido2_facts *facts, const fido_cbor_info_t *info)
{
	size_t count = fido_cbor_info_algorithm_count(info);

	for (size_t i = 0; i < count && facts->algorithm_count < HC_DEVICE_ALGORITHMS_MAX; i++) {
		const char *type = fido_cbor_info_algorithm_type(info, i);

		if (type != NULL && strcmp(type, "public-key") == 0)
			facts->algorithms[facts->algorithm_count++] = fido_cbor_info_algorithm_cose(info, i);
	}
}

static size_t bounded(uint64_t value, size_t fallback)
{
	return value == 0 ? fallback : value > 65536 ? 65536 : (size_t)value;
}

static void read_info(struct hc_fido2_device *device, const fido_cbor_info_t *info)
{
	struct hc_fido2_facts *facts = &device->facts;
	char *const *versions = fido_cbor_info_versions_ptr(info);
	const uint8_t *aaguid = fido_cbor_info_aaguid_ptr(info);
	uint64_t pin_min = fido_cbor_info_minpinlen(info);

	for (size_t i = 0; i < fido_cbor_info_versions_len(info); i++)
		append(facts->versions, sizeof(facts->versions), versions[i], "");
	if (aaguid != NULL && fido_cbor_info_aaguid_len(info) == sizeof(facts->aaguid))
		memcpy(facts->aaguid, aaguid, sizeof(facts->aaguid));
	read_options(facts, info);
	read_algorithms(facts, info);
	facts->pin_min = pin_min > HC_DEVICE_PIN_MAX ? HC_DEVICE_PIN_MAX : (uint32_t)pin_min;
	device->list_max = bounded(fido_cbor_info_maxcredcntlst(info), LIST_DEFAULT);
	device->id_max = bounded(fido_cbor_info_maxcredidlen(info), HC_DEVICE_CREDENTIAL_MAX);
	device->bytes_max = bounded(fido_cbor_info_maxmsgsiz(info), HC_FIDO2_BYTES_DEFAULT);
}

int hc_fido2_device_inform(struct hc_fido2_device *device)
{
	int result = FIDO_OK;

	if (device->informed || !device->facts.fido2)
		return FIDO_OK;
	fido_cbor_info_t *info = fido_cbor_info_new();

	result = info == NULL ? FIDO_ERR_INTERNAL : fido_dev_get_cbor_info(device->dev, info);
	if (result == FIDO_OK)
		read_info(device, info);
	device->informed = result == FIDO_OK;
	fido_cbor_info_free(&info);
	return result;
}
