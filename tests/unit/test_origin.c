/* SPDX-License-Identifier: Apache-2.0 */
/* Where a password comes from: one counter for one address however it is written, one for an IPv6 /64. */
#include "origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/attrs.h"

static void an_address_has_one_scope_and_anything_else_none(void **state)
{
	static const struct {
		const char *host, *scope; /* "": none */
	} rows[] = {
		{"", ""},
		{"ward-3.hospital.example", ""},
		{"localhost", ""},
		{"192.0.2", ""},
		{"192.0.2.256", ""},
		{"192.0.2.7 ", ""},
		{"192.0.2.07", ""},
		{"2001:db8::1%eth0", ""},
		{"[2001:db8::1]", ""},
		{"2001:db8::/64", ""},
		{"192.0.2.7", "ip:192.0.2.7"},
		{"::ffff:192.0.2.7", "ip:192.0.2.7"},
		{"::FFFF:C000:207", "ip:192.0.2.7"},
		{"0:0:0:0:0:ffff:c000:0207", "ip:192.0.2.7"},
		{"2001:db8:1:2::7", "ip:2001:db8:1:2::/64"},
		{"2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "ip:2001:db8:1:2::/64"},
		{"2001:db8:1:3::7", "ip:2001:db8:1:3::/64"},
		{"::1", "ip:::/64"},
		{"abcd:abcd:abcd:abcd:abcd:abcd:abcd:abcd", "ip:abcd:abcd:abcd:abcd::/64"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_host host = {{0}};
		char scope[HC_SCOPE_MAX];

		(void)snprintf(host.text, sizeof(host.text), "%s", rows[i].host);
		memset(scope, 'x', sizeof(scope));
		if (hc_password_scope(&host, scope) != (rows[i].scope[0] != '\0') ||
		    strcmp(scope, rows[i].scope) != 0)
			fail_msg("row %zu: \"%s\" gives \"%s\"", i, rows[i].host, scope);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_one_scope_and_anything_else_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
