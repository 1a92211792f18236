/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "oauth/pending.h"

/*
 * The bytes inside of the seal of a pending request, and the seal's own text. Decoded: every text is whole
 * and the same bytes come out again. As the text of a hidden field: nothing that the process did not seal
 * opens.
 */
static const uint8_t cookie[HC_SHA256_LEN] = {1};

static const struct hc_seal *seal(void)
{
	static struct hc_seal *one = NULL;

	if (one == NULL && hc_seal_new_random(&one) != HC_OK)
		abort();
	return one;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[HC_PENDING_BYTES_MAX];
	struct hc_pending pending, opened;
	size_t len = 0;

	FUZZ_REQUIRE(hc_pending_open(seal(), (const char *)data, size, cookie, 0, &pending) == HC_ERR_SEAL);
	const enum hc_err err = hc_pending_decode(data, size, &pending);
	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_INVALID);
	if (err != HC_OK)
		return 0;
	FUZZ_REQUIRE(hc_pending_encode(&pending, again, &len) == HC_OK);
	FUZZ_REQUIRE(len == size && memcmp(again, data, size) == 0);
	char *text = NULL;
	FUZZ_REQUIRE(hc_pending_seal(seal(), &pending, cookie, &text) == HC_OK);
	const enum hc_err back =
		hc_pending_open(seal(), text, strlen(text), cookie, pending.expires_ms - 1, &opened);
	FUZZ_REQUIRE(pending.expires_ms <= 0 ? back != HC_ERR_SEAL : back == HC_OK);
	FUZZ_REQUIRE(back != HC_OK || strcmp(opened.what.state, pending.what.state) == 0);
	free(text);
	return 0;
}
