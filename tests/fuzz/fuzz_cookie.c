/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "http/cookie.h"

/*
 * The reader of Cookie headers. Found: the value stands in the header behind our name, all of its
 * bytes may be there, and our name stands there once: with the header put twice behind each other
 * it is refused.
 */
#define NAME "__Host-hc_session"

static void check_found(const char *header, size_t size, struct hc_view value)
{
	size_t at = 0;
	char *twice = malloc(2 * size + 2);
	struct hc_view again;

	FUZZ_REQUIRE(value.data >= header && value.data + value.len <= header + size);
	at = (size_t)(value.data - header);
	FUZZ_REQUIRE(at > strlen(NAME) && value.data[-1] == '=');
	FUZZ_REQUIRE(memcmp(value.data - 1 - strlen(NAME), NAME, strlen(NAME)) == 0);
	FUZZ_REQUIRE(at + value.len == size || value.data[value.len] == ';');
	for (size_t i = 0; i < value.len; i++)
		FUZZ_REQUIRE(value.data[i] > 0x20 && value.data[i] < 0x7f &&
			     strchr("\",;\\", value.data[i]) == NULL);
	if (twice == NULL)
		abort();
	memcpy(twice, header, size);
	twice[size] = ';';
	twice[size + 1] = ' ';
	memcpy(twice + size + 2, header, size);
	FUZZ_REQUIRE(hc_cookie_in(twice, 2 * size + 2, NAME, &again) == HC_ERR_INVALID || header[0] == ' ');
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_view value = {.data = NULL};
	enum hc_err err = hc_cookie_in((const char *)data, size, NAME, &value);

	if (err == HC_OK)
		check_found((const char *)data, size, value);
	else
		FUZZ_REQUIRE(value.data == NULL && (err == HC_ERR_NOTFOUND || err == HC_ERR_INVALID));
	return 0;
}
