/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/identity.h"

/*
 * What a security key may answer: the first byte chooses authenticator data, a COSE key, or a whole creation (its
 * statement and its authenticator data, divided by the next two bytes). Views stay within what was given; nothing is
 * ever verified that nobody signed.
 */

static void check_within(const uint8_t *data, size_t size, const uint8_t *view, size_t len)
{
	FUZZ_REQUIRE(view >= data && len <= size && (size_t)(view - data) <= size - len);
}

static void check_auth_data(const uint8_t *data, size_t size)
{
	struct hc_fido_auth_data out;

	if (hc_fido_auth_data_read(data, size, &out) != HC_OK)
		return;
	check_within(data, size, out.rp_id_hash, 32);
	if ((out.flags & HC_FIDO_AT) == 0)
		return;
	check_within(data, size, out.aaguid, HC_FIDO_AAGUID_LEN);
	check_within(data, size, out.credential, out.credential_len);
	check_within(data, size, out.key, out.key_len);
	FUZZ_REQUIRE(hc_fido_key_check(out.key, out.key_len, NULL) == HC_OK);
}

static void check_creation(const uint8_t *data, size_t size)
{
	static const uint8_t hash[32] = {1};
	static const char *const formats[] = {"packed", "fido-u2f", "none"};
	struct hc_fido_auth_data auth_data;
	enum hc_fido_attestation_kind kind;
	char model[64];

	if (size < 2)
		return;
	const size_t cut = (size_t)data[0] << 8 | data[1];

	data += 2;
	size -= 2;
	if (cut > size)
		return;
	for (size_t i = 0; i < HC_COUNT(formats); i++) {
		const struct hc_fido_creation creation = {.rp_id = "sso.hopital.example",
							  .client_data_hash = hash,
							  .format = formats[i],
							  .statement = data,
							  .statement_len = cut,
							  .auth_data = data + cut,
							  .auth_data_len = size - cut,
							  .now_ms = INT64_C(1795000000000)};

		if (hc_fido_verify_creation(&creation, &auth_data, &kind) == HC_REASON_NONE)
			FUZZ_REQUIRE(kind != HC_FIDO_ATTESTED_CHAIN);
		if (hc_fido_model(creation.format, data, cut, model, sizeof(model)) == HC_OK)
			FUZZ_REQUIRE(hc_utf8_valid(model, strlen(model)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		check_auth_data(data + 1, size - 1);
		break;
	case 1: {
		const enum hc_err err = hc_fido_key_check(data + 1, size - 1, NULL);

		FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_INVALID);
		break;
	}
	default:
		check_creation(data + 1, size - 1);
		break;
	}
	return 0;
}
