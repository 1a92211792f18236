/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/log.h"

/*
 * What a card, a file or a server may hold: the first byte chooses certificate, bundle of authorities or
 * revocation list. Whatever is accepted has texts that may be shown, and numbers within their tables.
 */

#define NOW_MS INT64_C(1795000000000)

static bool text_ok(const char *text)
{
	return hc_utf8_valid(text, strlen(text));
}

static void check_certificate(const uint8_t *data, size_t size)
{
	const struct hc_cps_rules rules = {.allow_test = true};
	struct hc_cps_certificate certificate;
	struct hc_national_id id;
	bool bound;

	if (hc_cps_read(data, size, &certificate) != HC_OK)
		return;
	FUZZ_REQUIRE(text_ok(certificate.national_id) && text_ok(certificate.given_name.text) &&
		     text_ok(certificate.family_name.text) && text_ok(certificate.title.text));
	FUZZ_REQUIRE(text_ok(certificate.issuer) && text_ok(certificate.issuer_name) &&
		     text_ok(certificate.upn));
	FUZZ_REQUIRE(certificate.card_type >= HC_CPS_CARD_NONE && certificate.card_type <= HC_CPS_CPA);
	FUZZ_REQUIRE(certificate.skill_count <= HC_CPS_SKILLS_MAX);
	if (hc_cps_judge(&certificate, &rules, NOW_MS, &bound) != HC_REASON_NONE)
		return;
	FUZZ_REQUIRE(certificate.may_sign && !certificate.may_commit && !certificate.is_authority);
	FUZZ_REQUIRE(hc_national_id_parse(certificate.national_id, strlen(certificate.national_id), &id) ==
		     HC_OK);
	FUZZ_REQUIRE(bound == (strchr(certificate.national_id, '/') != NULL));
}

/* Whatever comes out of a file is one certificate that reads the same again. */
static void check_file(const uint8_t *data, size_t size)
{
	uint8_t der[HC_X509_MAX], again[HC_X509_MAX];
	size_t len = 0, again_len = 0;

	if (hc_cps_decode(data, size, der, &len) != HC_OK)
		return;
	FUZZ_REQUIRE(len > 0 && len <= sizeof(der));
	FUZZ_REQUIRE(hc_cps_decode(der, len, again, &again_len) == HC_OK && again_len == len);
	FUZZ_REQUIRE(memcmp(der, again, len) == 0);
}

static void check_bundle(const uint8_t *data, size_t size)
{
	struct hc_trust *trust = NULL;
	struct hc_trust_anchor authority;
	size_t count = 0;

	if (hc_trust_new(&trust) != HC_OK)
		abort();
	if (hc_trust_add(trust, data, size, &count) == HC_OK) {
		FUZZ_REQUIRE(count == hc_trust_count(trust) && count > 0);
		for (size_t i = 0; i < count; i++) {
			hc_trust_get(trust, i, &authority);
			FUZZ_REQUIRE(text_ok(authority.name));
		}
	} else {
		FUZZ_REQUIRE(hc_trust_count(trust) == 0);
	}
	hc_trust_free(&trust);
}

/* Nobody is trusted, so no list is: a list is read, its signature is looked for, and that is all. */
static void check_list(const uint8_t *data, size_t size)
{
	struct hc_trust *trust = NULL;
	struct hc_cps_crls *crls = NULL;

	if (hc_trust_new(&trust) != HC_OK || hc_cps_crls_new(&crls) != HC_OK)
		abort();
	FUZZ_REQUIRE(hc_cps_crls_add(crls, trust, data, size, NOW_MS, NULL) != HC_OK);
	FUZZ_REQUIRE(hc_cps_crls_count(crls) == 0);
	hc_cps_crls_free(&crls);
	hc_trust_free(&trust);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		check_certificate(data + 1, size - 1);
		break;
	case 1:
		check_bundle(data + 1, size - 1);
		check_file(data + 1, size - 1);
		break;
	default:
		check_list(data + 1, size - 1);
		break;
	}
	return 0;
}
