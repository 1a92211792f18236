/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"
#include "pkcs11_certificate.h"
#include "pkcs11_request.h"

/*
 * What hc-pkcs11 reads: the first byte chooses a card's certificate, an ECDSA signature, or packets of the link (each behind two
 * bytes of length; the first from the broker as an operation, then by turns). What is accepted keeps its bounds.
 */

static void check_certificate(const uint8_t *data, size_t size)
{
	struct hc_p11_usage usage;

	if (hc_p11_usage_read(data, size, &usage) != HC_OK)
		return;
	FUZZ_REQUIRE(memchr(usage.holder, '\0', sizeof(usage.holder)) != NULL);
	for (const char *c = usage.holder; *c != '\0'; c++)
		FUZZ_REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7f);
	FUZZ_REQUIRE(usage.has_key_usage || (!usage.may_sign && !usage.may_commit));
}

static void check_signature(const uint8_t *data, size_t size)
{
	uint8_t out[256];
	size_t len = 0;

	if (hc_p11_ecdsa_to_der(data, size, out, sizeof(out), &len) != HC_OK)
		return;
	FUZZ_REQUIRE(len >= 8 && len <= size + 9 && out[0] == 0x30);
	FUZZ_REQUIRE(out[1] == 0x81 ? out[2] == len - 3 : out[1] == len - 2);
}

static bool next_packet(const uint8_t **data, size_t *size, struct hc_msg *msg)
{
	size_t len;

	if (*size < 2)
		return false;
	len = (size_t)(*data)[0] << 8 | (*data)[1];
	if (len > *size - 2 || len > sizeof(msg->packet))
		return false;
	memcpy(msg->packet, *data + 2, len);
	*data += len + 2;
	*size -= len + 2;
	return hc_msg_parse(msg, len) == HC_OK;
}

static void check_link(const uint8_t *data, size_t size)
{
	enum hc_p11_link_state state = HC_P11_LINK_WORKING;
	struct hc_p11_request request;
	static struct hc_msg msg;
	bool broker = true;

	if (!next_packet(&data, &size, &msg) || hc_p11_request_parse(&msg, &request) != HC_OK)
		return;
	FUZZ_REQUIRE(request.module[0] == '/' && request.timeout_ms > 0);
	FUZZ_REQUIRE((request.message_len > 0) == (request.operation == HC_DEVICE_SIGN));
	while (next_packet(&data, &size, &msg)) {
		enum hc_p11_link_state before = state;
		enum hc_err err = broker ? hc_p11_from_broker(&state, &msg)
					 : hc_p11_from_module(&state, request.operation, &msg);

		FUZZ_REQUIRE(err == HC_OK || state == before);
		FUZZ_REQUIRE(err != HC_OK || before != HC_P11_LINK_ENDED);
		broker = !broker;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (size < 1)
		return 0;
	/* A block of exactly that size, so that one byte too many is seen. */
	exact = malloc(size);
	if (exact == NULL)
		return 0;
	memcpy(exact, data + 1, size - 1);
	if (data[0] % 3 == 0)
		check_certificate(exact, size - 1);
	else if (data[0] % 3 == 1)
		check_signature(exact, size - 1);
	else
		check_link(exact, size - 1);
	free(exact);
	return 0;
}
