/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hc_ocsp_request.h"
#include "hospiconnect/config.h"
#include "hospiconnect/cps_ocsp.h"
#include "ocsp_parties.h"

/*
 * What a responder, or whoever stands in its place, may send, and what may reach the helper that asks: the first byte chooses.
 * The key of the authority is nobody's any more: what is believed was signed when the corpus was made.
 */

#define NOW_MS INT64_C(1795340000000)

static struct hc_trust *trust;

static void prepare(void)
{
	if (trust == NULL && (hc_trust_new(&trust) != HC_OK ||
			      hc_trust_add(trust, authority_der, sizeof(authority_der), NULL) != HC_OK))
		abort();
}

static void check_answer(const uint8_t *data, size_t size)
{
	struct hc_cps_ocsp_question question = {
		.trust = trust, .der = card_der, .len = sizeof(card_der), .now_ms = NOW_MS};
	uint8_t nonce[HC_CPS_OCSP_NONCE_LEN];
	struct hc_cps_ocsp_answer said;

	if (hc_cps_ocsp_nonce(data, size, nonce) == HC_OK) {
		FUZZ_REQUIRE(memmem(data, size, nonce, sizeof(nonce)) != NULL);
		question.nonce = nonce;
	}
	hc_cps_ocsp_verify(&question, data, size, &said);
	FUZZ_REQUIRE((said.status == HC_CPS_OCSP_NO_ANSWER) == (said.fault != HC_CPS_OCSP_FAULT_NONE));
	FUZZ_REQUIRE(size <= HC_CPS_OCSP_RESPONSE_MAX || said.fault == HC_CPS_OCSP_MALFORMED);
	FUZZ_REQUIRE(!said.hold || said.status == HC_CPS_OCSP_REVOKED);
	if (said.status != HC_CPS_OCSP_GOOD)
		return;
	FUZZ_REQUIRE(said.this_update_ms <= NOW_MS + HC_CPS_OCSP_SKEW_MS);
	FUZZ_REQUIRE(said.next_update_ms == 0 || said.next_update_ms + HC_CPS_OCSP_SKEW_MS > NOW_MS);
	question.now_ms = NOW_MS + HC_CPS_OCSP_AGE_MAX_MS;
	hc_cps_ocsp_verify(&question, data, size, &said);
	FUZZ_REQUIRE(said.status != HC_CPS_OCSP_GOOD);
}

static void check_start(const uint8_t *data, size_t size)
{
	static struct hc_ocsp_request request;
	static struct hc_msg msg;

	if (size > sizeof(msg.packet))
		return;
	memcpy(msg.packet, data, size);
	if (hc_msg_parse(&msg, size) != HC_OK || hc_ocsp_request_parse(&msg, &request) != HC_OK)
		return;
	FUZZ_REQUIRE(strlen(request.url) <= HC_OCSP_URL_MAX &&
		     hc_config_web_address(request.url, strlen(request.url)));
	FUZZ_REQUIRE(request.body_len > 0 && request.body_len <= sizeof(request.body));
	FUZZ_REQUIRE(request.timeout_s > 0 && request.timeout_s <= HC_OCSP_TIMEOUT_MAX_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	prepare();
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		check_answer(data + 1, size - 1);
	else
		check_start(data + 1, size - 1);
	return 0;
}
