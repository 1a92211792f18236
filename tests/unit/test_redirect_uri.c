/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses may be registered, and what answers look like when they are sent there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/redirect_uri.h"
#include "store/client.h"

static void an_address_that_would_give_codes_away_is_not_registered(void **state)
{
	static const char *const refused[] = {
		"",
		"app.example/cb",
		"/cb",
		"//app.example/cb",
		"http://app.example/cb",
		"http://127.0.0.1.app.example/cb",
		"http://127.0.0.2/cb",
		"http://localhost.example/",
		"http://[::2]/cb",
		"HTTPS://app.example/cb",
		"https:/app.example/cb",
		"https:app.example",
		"https://",
		"https:///cb",
		"https://?x=1",
		"https://app.example/cb#fragment",
		"https://app.example/cb#",
		"https://user@app.example/cb",
		"https://sso.example:443@evil.example/cb",
		"https://app.example:/cb",
		"https://app.example:0/cb",
		"https://app.example:65536/cb",
		"https://app.example:443x/cb",
		"https://[::1/cb",
		"https://[]/cb",
		"https://[zz]/cb",
		"https://app.example/c b",
		"https://app.example/cb\r\nSet-Cookie: a=b",
		"https://app.example/\tcb",
		"https://app.example/cb\x7f",
		"https://app.example/caf\xc3\xa9",
		"https://app.example/\"cb",
		"https://app.example/<cb>",
		"https://app.example\\@evil.example/",
		"https://app.example/%",
		"https://app.example/%4",
		"https://app.example/%zz",
		"https://*.example/cb",
		"https://app.example/cb?code=1",
		"https://app.example/cb?a=1&state=x",
		"https://app.example/cb?iss=https%3A%2F%2Fevil.example",
		"https://app.example/cb?error=access_denied",
		"https://app.example/cb?response=x",
		"https://app.example/cb?%63ode=1",
		"https://app.example/cb?c%6fde",
		"https://app.example/cb?=1",
		"https://app.example/cb?a=%00",
		"javascript:alert(1)",
		"data:text/html,x",
		"myapp:/cb",
		"org.example.app:",
		".org.example:/cb",
		"1org.example:/cb",
	};
	const char *why = NULL;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(refused); i++) {
		if (hc_redirect_uri_check(refused[i], &why) != HC_ERR_INVALID || why == NULL ||
		    why[0] == '\0')
			fail_msg("row %zu: %s", i, refused[i]);
	}
}

static void addresses_that_applications_have_are_registered(void **state)
{
	static const char *const accepted[] = {
		"https://app.example",
		"https://app.example/",
		"https://app.example/cb",
		"https://app.example:8443/cb",
		"https://app.example/cb?tenant=7&lang=fr",
		"https://app.example/cb?",
		"https://app.example/a/b;c=d,e/%C3%A9",
		"https://10.0.0.7/cb",
		"https://[2001:db8::1]:8443/cb",
		"http://127.0.0.1/cb",
		"http://127.0.0.1:49152/cb",
		"http://[::1]:8080/",
		"http://localhost:3000/callback",
		"org.example.app:/cb",
		"org.example.app://cb?x=1",
	};
	const char *why = NULL;

	(void)state;
	for (size_t i = 0; i < HC_COUNT(accepted); i++) {
		if (hc_redirect_uri_check(accepted[i], &why) != HC_OK)
			fail_msg("row %zu: %s: %s", i, accepted[i], why);
	}
}

static void an_address_is_as_long_as_the_store_allows_and_no_longer(void **state)
{
	char uri[HC_URI_MAX + 2];
	const char *why = NULL;

	(void)state;
	memset(uri, 'a', sizeof(uri));
	memcpy(uri, "https://app.example/", 20);
	uri[HC_URI_MAX + 1] = '\0';
	assert_int_equal(hc_redirect_uri_check(uri, &why), HC_ERR_TOOBIG);
	uri[HC_URI_MAX] = '\0';
	assert_int_equal(hc_redirect_uri_check(uri, &why), HC_OK);
}

static void an_answer_adds_its_parameters_encoded_behind_those_that_are_there(void **state)
{
	static const struct {
		const char *uri, *name, *value, *wanted;
	} table[] = {
		{"https://a.example/cb", "state", "x", "https://a.example/cb?state=x&iss=i"},
		{"https://a.example/cb?t=1", "state", "x", "https://a.example/cb?t=1&state=x&iss=i"},
		{"https://a.example/cb", "state", "", "https://a.example/cb?iss=i"},
		{"https://a.example/cb", "state", NULL, "https://a.example/cb?iss=i"},
		{"https://a.example/cb", "state", "a b&c=d#e\r\n%\xc3\xa9",
		 "https://a.example/cb?state=a%20b%26c%3Dd%23e%0D%0A%25%C3%A9&iss=i"},
		{"https://a.example/cb", "st\r\nate", "x", "https://a.example/cb?st%0D%0Aate=x&iss=i"},
		{"org.example.app:/cb", "code", "A-_.~z", "org.example.app:/cb?code=A-_.~z&iss=i"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const struct hc_redirect_param params[] = {{table[i].name, table[i].value}, {"iss", "i"}};
		char *location = NULL;

		assert_int_equal(hc_redirect_location(table[i].uri, params, 2, &location), HC_OK);
		if (strcmp(location, table[i].wanted) != 0)
			fail_msg("row %zu: %s", i, location);
		free(location);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_would_give_codes_away_is_not_registered),
		cmocka_unit_test(addresses_that_applications_have_are_registered),
		cmocka_unit_test(an_address_is_as_long_as_the_store_allows_and_no_longer),
		cmocka_unit_test(an_answer_adds_its_parameters_encoded_behind_those_that_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
