/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/identity.h"
#include "http/url.h"

/*
 * The reader of forms and query strings. Accepted: every name and value is what a C string can hold,
 * and the list that is encoded again is read as the same list. Refused: nothing is left behind.
 */
static size_t encode(const struct hc_params *params, char *out, size_t cap)
{
	size_t at = 0, len = 0;

	for (size_t i = 0; i < params->count; i++) {
		const struct hc_param *item = &params->items[i];

		FUZZ_REQUIRE(hc_url_encode(item->name.data, item->name.len, out + at, cap - at, &len) ==
			     HC_OK);
		at += len;
		out[at++] = '=';
		FUZZ_REQUIRE(hc_url_encode(item->value.data, item->value.len, out + at, cap - at, &len) ==
			     HC_OK);
		at += len;
		out[at++] = '&';
	}
	return at;
}

static void check_text(const struct hc_view *view)
{
	FUZZ_REQUIRE(view->data[view->len] == '\0' && strlen(view->data) == view->len);
	for (size_t i = 0; i < view->len; i++) {
		unsigned char byte = (unsigned char)view->data[i];

		FUZZ_REQUIRE(byte >= 0x20 || byte == '\t' || byte == '\r' || byte == '\n');
	}
}

static void check_same(const struct hc_params *params, size_t size)
{
	size_t cap = 3 * size + 2 * (size_t)HC_PARAMS_MAX + 2;
	char *text = malloc(cap);
	struct hc_params again;
	size_t len = 0;

	if (text == NULL)
		abort();
	len = encode(params, text, cap);
	if (len <= HC_HTTP_BODY_MAX) {
		FUZZ_REQUIRE(hc_params_parse(text, len, &again) == HC_OK && again.count == params->count);
		for (size_t i = 0; i < again.count; i++) {
			FUZZ_REQUIRE(strcmp(again.items[i].name.data, params->items[i].name.data) == 0);
			FUZZ_REQUIRE(strcmp(again.items[i].value.data, params->items[i].value.data) == 0);
		}
		hc_params_clear(&again);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_params params;
	struct hc_view value;
	enum hc_err err = hc_params_parse((const char *)data, size, &params);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_INVALID || err == HC_ERR_TOOBIG);
	if (err != HC_OK) {
		FUZZ_REQUIRE(params.memory == NULL && params.count == 0);
		return 0;
	}
	FUZZ_REQUIRE(params.count <= HC_PARAMS_MAX);
	for (size_t i = 0; i < params.count; i++) {
		FUZZ_REQUIRE(params.items[i].name.len > 0);
		check_text(&params.items[i].name);
		check_text(&params.items[i].value);
		err = hc_params_get(&params, params.items[i].name.data, &value);
		FUZZ_REQUIRE(err == HC_OK || (err == HC_ERR_EXISTS && hc_params_repeated(&params) != NULL));
	}
	check_same(&params, size);
	hc_params_clear(&params);
	return 0;
}
