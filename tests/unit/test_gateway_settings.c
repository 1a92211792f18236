/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.conf: what is refused, what the defaults are, and that the example says the truth. */
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINIMUM                               \
	"[gateway]\n"                         \
	"issuer = https://sso.hopital.test\n" \
	"tls_certificate = /c.pem\n"          \
	"tls_key = /k.pem\n"

static enum hc_err parse(const char *text, struct hc_gateway_config *config, struct hc_config_error *error)
{
	memset(error, 0, sizeof(*error));
	return hc_gateway_settings_parse(text, strlen(text), config, error);
}

static void wrong_files_are_refused_with_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *says;
	} rows[] = {
		{"", 0, "issuer"},
		{"[gateway]\nissuer = https://a.test\n", 0, "tls_certificate"},
		{MINIMUM "listn = 0.0.0.0:443\n", 5, "listn"},
		{MINIMUM "threads = 0\n", 5, "threads"},
		{MINIMUM "threads = 9\n", 5, "threads"},
		{MINIMUM "language = de\n", 5, "language"},
		{MINIMUM "listen = 127.0.0.1\n", 5, "listen"},
		{MINIMUM "listen = localhost:443\n", 5, "listen"},
		{MINIMUM "listen = 127.0.0.1:0\n", 5, "listen"},
		{MINIMUM "listen = 127.0.0.1:443, 127.0.0.1:443\n", 5, "listen"},
		{MINIMUM "listen = 1.1.1.1:1 1.1.1.1:2 1.1.1.1:3 1.1.1.1:4 1.1.1.1:5 1.1.1.1:6 1.1.1.1:7 "
			 "1.1.1.1:8 1.1.1.1:9\n",
		 5, "listen"},
		{MINIMUM "admin_listen = 0.0.0.0:9464\n", 5, "loopback"},
		{MINIMUM "admin_listen = 10.0.0.1:9464\n", 5, "loopback"},
		{MINIMUM "admin_listen = [::]:9464\n", 5, "loopback"},
		{MINIMUM "admin_listen = 127.0.0.1:0\n", 5, "loopback"},
		{MINIMUM "listen = 127.0.0.1:9464\n", 0, "admin_listen"},
		{MINIMUM "user = hospiconnect\n", 0, "broker"},
		{MINIMUM "user = no/user\n", 0, "user"},
		{MINIMUM "admin_socket = /run/hospiconnect/gateway.sock\n", 0, "two different paths"},
		{MINIMUM "[session]\nidle = 9h\n", 0, "idle"},
		{MINIMUM "[session]\nlifetime = 2d\n", 6, "lifetime"},
		{MINIMUM "[token]\ncode = 1h\n", 6, "code"},
		{MINIMUM "[token]\naccess = 2h\n", 6, "access"},
		{MINIMUM "[tokens]\n", 5, "tokens"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct hc_gateway_config config = {.threads = 77};
		struct hc_config_error error;
		const enum hc_err err = parse(rows[i].text, &config, &error);

		if (err != HC_ERR_INVALID || error.line != rows[i].line ||
		    strstr(error.text, rows[i].says) == NULL)
			fail_msg("row %zu: %s, line %u: %s", i, hc_strerror(err), error.line, error.text);
		assert_int_equal(config.threads, 77);
	}
}

static enum hc_err parse_issuer(const char *issuer, struct hc_gateway_config *config)
{
	char text[1024];
	struct hc_config_error error;

	(void)snprintf(text, sizeof(text), "[gateway]\nissuer = %s\ntls_certificate = /c\ntls_key = /k\n",
		       issuer);
	return parse(text, config, &error);
}

static void an_issuer_has_one_form_and_no_other(void **state)
{
	static const char *const bad[] = {
		"http://sso.test",
		"https://",
		"https:///a",
		"sso.test",
		"https://sso.test/",
		"https://sso.test/a/",
		"https://sso.test//a",
		"https://sso.test/./a",
		"https://sso.test/a/../b",
		"https://sso.test?a=b",
		"https://sso.test/a?b",
		"https://sso.test#a",
		"https://sso.test:443",
		"https://sso.test:0",
		"https://sso.test:",
		"https://sso.test:70000",
		"https://sso.test:08443",
		"https://sso.test:84a",
		"https://SSO.test",
		"HTTPS://sso.test",
		"https://user@sso.test",
		"https://sso test",
		"https://sso.test/a b",
		"https://sso.test/é",
		"https://sso.test/%41",
		"https://.test",
		"https://sso..test",
		"https://sso.test.",
		"https://[::1",
		"https://[]",
		"https://[::1]8443",
		"https://[g::1]",
		"https://-sso.test",
	};
	static const char *const good[] = {
		"https://sso.hopital.test", "https://sso.hopital.test:8443", "https://10.0.0.7:8443",
		"https://[::1]:8443",	    "https://sso.test/auth",	     "https://sso.test:8443/a/B-c._~",
		"https://intranet",
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(bad); i++) {
		struct hc_gateway_config config;

		if (parse_issuer(bad[i], &config) != HC_ERR_INVALID)
			fail_msg("row %zu: accepted: %s", i, bad[i]);
	}
	for (size_t i = 0; i < HC_COUNT(good); i++) {
		struct hc_gateway_config config;

		if (parse_issuer(good[i], &config) != HC_OK || strcmp(config.issuer, good[i]) != 0)
			fail_msg("row %zu: refused: %s", i, good[i]);
	}
}

static void the_minimum_gets_the_defaults(void **state)
{
	struct hc_gateway_config config;
	struct hc_config_error error;

	(void)state;
	assert_int_equal(parse(MINIMUM, &config, &error), HC_OK);
	assert_int_equal(config.listen.count, 1);
	assert_string_equal(config.listen.address[0], "0.0.0.0:443");
	assert_string_equal(config.admin_listen, "127.0.0.1:9464");
	assert_string_equal(config.user, HC_GATEWAY_USER);
	assert_string_equal(config.state_dir, HC_GATEWAY_STATE_DIR);
	assert_string_equal(config.establishment, "");
	assert_int_equal(config.threads, 2);
	assert_int_equal(config.session_lifetime_s, 8 * 3600);
	assert_int_equal(config.session_idle_s, 1800);
	assert_int_equal(config.code_s, 60);
	assert_int_equal(config.access_s, 300);
	assert_int_equal(config.refresh_s, 8 * 3600);
	assert_int_equal(config.id_token_s, 300);
}

static void lists_and_names_are_read_whole(void **state)
{
	struct hc_gateway_config config;
	struct hc_config_error error;

	(void)state;
	assert_int_equal(parse(MINIMUM "listen = 0.0.0.0:443, [::]:443\n"
				       "admin_listen = [::1]:9464\n"
				       "establishment = CHU d’Essai <&> Fils\n",
			       &config, &error),
			 HC_OK);
	assert_int_equal(config.listen.count, 2);
	assert_string_equal(config.listen.address[1], "[::]:443");
	assert_string_equal(config.establishment, "CHU d’Essai <&> Fils");
}

/* Takes the # away from every line that has a key behind it; what remains must be read as it is. */
static void the_example_says_the_defaults(void **state)
{
	FILE *file = fopen(HC_EXAMPLE_CONF, "re");
	char line[1024], text[16384] = "";
	struct hc_gateway_config example, defaults;
	struct hc_config_error error;
	size_t len = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		const bool is_default =
			line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' && strstr(line, " = ") != NULL;

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", line + (is_default ? 1 : 0));
		assert_true(len < sizeof(text));
	}
	assert_int_equal(fclose(file), 0);
	if (parse(text, &example, &error) != HC_OK)
		fail_msg("line %u: %s", error.line, error.text);
	assert_int_equal(parse(MINIMUM, &defaults, &error), HC_OK);
	memcpy(defaults.issuer, example.issuer, sizeof(defaults.issuer));
	memcpy(defaults.tls_certificate, example.tls_certificate, sizeof(defaults.tls_certificate));
	memcpy(defaults.tls_key, example.tls_key, sizeof(defaults.tls_key));
	memcpy(defaults.establishment, example.establishment, sizeof(defaults.establishment));
	memcpy(defaults.seal_key_file, example.seal_key_file, sizeof(defaults.seal_key_file));
	assert_memory_equal(&example, &defaults, sizeof(example));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_files_are_refused_with_what_is_wrong),
		cmocka_unit_test(an_issuer_has_one_form_and_no_other),
		cmocka_unit_test(the_minimum_gets_the_defaults),
		cmocka_unit_test(lists_and_names_are_read_whole),
		cmocka_unit_test(the_example_says_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
