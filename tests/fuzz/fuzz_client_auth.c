/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/secret.h"
#include "oauth/client_auth.h"

/*
 * The reader of client credentials. The first line is the Authorization header ("-": none), the rest the
 * form. Read: a name that a client can have and one method; a second header, a secret beside a header
 * or another name makes it a contradiction; what is refused leaves nothing behind.
 */
static void fill_request(struct hc_http_request *request, const char *value, size_t len, size_t times)
{
	request->header_count = 0;
	for (size_t i = 0; i < times; i++) {
		request->headers[i].name = (struct hc_view){.data = "authorization", .len = 13};
		request->headers[i].value = (struct hc_view){.data = value, .len = len};
		request->header_count++;
	}
}

static enum hc_err read_with(const struct hc_http_request *request, const char *form, size_t len,
			     struct hc_client_credentials *ret_credentials)
{
	struct hc_params params;

	if (hc_params_parse(form, len, &params) != HC_OK)
		return HC_ERR_TOOBIG; /* not what is looked at here */
	const enum hc_err err = hc_client_credentials_read(request, &params, ret_credentials);
	hc_params_clear(&params);
	return err;
}

static void check_read(const struct hc_client_credentials *credentials, bool has_header)
{
	const size_t len = strnlen(credentials->id, sizeof(credentials->id));

	FUZZ_REQUIRE(len > 0 && len <= HC_CLIENT_ID_MAX);
	FUZZ_REQUIRE((credentials->method == HC_CLIENT_SECRET_BASIC) == has_header);
	FUZZ_REQUIRE(has_header || credentials->method == HC_CLIENT_SECRET_POST ||
		     credentials->method == HC_CLIENT_PUBLIC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hc_http_request request;
	static const char beside[] = "client_secret=x";
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	const size_t line = end == NULL ? size : (size_t)(end - data);
	const char *form = (const char *)data + (end == NULL ? size : line + 1);
	const size_t form_len = end == NULL ? 0 : size - line - 1;
	const bool has_header = !(line == 1 && data[0] == '-');
	struct hc_client_credentials credentials, untouched;

	memset(&credentials, 0x5a, sizeof(credentials));
	untouched = credentials;
	fill_request(&request, (const char *)data, line, has_header ? 1 : 0);
	const enum hc_err err = read_with(&request, form, form_len, &credentials);
	if (err == HC_OK)
		check_read(&credentials, has_header);
	else
		FUZZ_REQUIRE(memcmp(&credentials, &untouched, sizeof(credentials)) == 0);
	if (!has_header || err == HC_ERR_TOOBIG)
		return 0;
	FUZZ_REQUIRE(read_with(&request, beside, sizeof(beside) - 1, &credentials) == HC_ERR_INVALID);
	fill_request(&request, (const char *)data, line, 2);
	FUZZ_REQUIRE(read_with(&request, form, form_len, &credentials) == HC_ERR_INVALID);
	return 0;
}
