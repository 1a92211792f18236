/* SPDX-License-Identifier: Apache-2.0 */
/* authd.conf: what is refused and why, ranges, the example that equals the defaults. */
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/tempdir.h"

static void parse(const char *text, struct hc_authd_config *ret_config)
{
	struct hc_config_error error = {0};

	memset(ret_config, 0, sizeof(*ret_config));
	if (hc_settings_parse(text, strlen(text), ret_config, &error) != HC_OK)
		fail_msg("refused: line %u: %s", error.line, error.text);
}

struct wrong {
	const char *text;
	unsigned line;
	const char *part; /* of the message */
};

/* Each is refused with its line, and the output is left as it was. */
static void refused(const struct wrong *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct hc_authd_config config, before;
		struct hc_config_error error = {0};

		memset(&config, 0x5a, sizeof(config));
		memcpy(&before, &config, sizeof(before));
		if (hc_settings_parse(rows[i].text, strlen(rows[i].text), &config, &error) == HC_OK)
			fail_msg("row %zu: accepted: %s", i, rows[i].text);
		if (error.line != rows[i].line || strstr(error.text, rows[i].part) == NULL)
			fail_msg("row %zu: line %u, \"%s\"", i, error.line, error.text);
		if (memcmp(&config, &before, sizeof(config)) != 0)
			fail_msg("row %zu: the output was touched", i);
	}
}

static void what_is_wrong_is_refused_with_its_line_and_the_config_is_untouched(void **state)
{
	static const struct wrong table[] = {
		{"[authd]\nrole = workstation\n", 2, "role"},
		{"[authd]\nstate_dir = relative\n", 2, "state_dir"},
		{"[authd]\nstate_dir =\n", 2, "state_dir"},
		{"[authd]\nuser =\n", 2, "user"},
		{"[authd]\nuser = no such:user\n", 0, "user"},
		{"[authd]\nlanguage = de\n", 2, "language"},
		{"[authd]\nlog_level = loud\n", 2, "log_level"},
		{"[authd]\ngateway_socket =\n", 2, "gateway_socket"},
		{"[authd]\nrole = authority\ngateway_socket = /a\nsocket = /a\n", 0, "gateway_socket"},
		{"[authd]\nrole = authority\ngateway_socket = /a\nadmin_socket = /a\n", 0, "gateway_socket"},
		{"[authd]\nrole = authority\ngateway_user = root\n", 0, "gateway_user"},
		{"[authd]\nrole = authority\ngateway_user = no such:user\n", 0, "gateway_user"},
		{"[authd]\nuser = same\ngateway_user = same\n", 0, "gateway_user"},
		{"[authd]\npassword_socket = relative\n", 2, "password_socket"},
		{"[authd]\nhelper_dir = x\n", 2, "helper_dir"},
		{"[authd]\nfido2_socket = x\n", 2, "fido2_socket"},
		{"[authd]\nsocket = /a\nsocket = /b\n", 3, "socket"},
		{"[authd]\nsocket = /a\nadmin_socket = /a\n", 0, "different"},
		{"[policy]\nattempts = 0\n", 2, "attempts"},
		{"[policy]\nattempts = 11\n", 2, "attempts"},
		{"[policy]\nfree_tries = 0\n", 2, "free_tries"},
		{"[policy]\nfree_tries = 21\n", 2, "free_tries"},
		{"[policy]\nlock_first = 0s\n", 2, "lock_first"},
		{"[policy]\nlock_max = 25h\n", 2, "lock_max"},
		{"[policy]\nlock_first = 20min\n", 0, "lock_first"},
		{"[policy]\nanswer_timeout = 4s\n", 2, "answer_timeout"},
		{"[policy]\nanswer_timeout = 11min\n", 2, "answer_timeout"},
		{"[policy]\nrequire_proofing = maybe\n", 2, "require_proofing"},
		{"[policy]\nunenrolled = allow\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until tomorrow\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 2027-02-29\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 2027-13-01\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 2027-00-10\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 2027-04-31\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 1999-12-31\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 2027-1-1\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until 2027-01-01T00\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = grace until +027-01-01\n", 2, "unenrolled"},
		{"[policy]\nunenrolled = DENY\n", 2, "unenrolled"},
		{"[policy]\nlocker_services = a/b\n", 2, "locker_services"},
		{"[policy]\nlocker_services = ok;other\n", 2, "locker_services"},
		{"[totp]\nissuer =\n", 2, "issuer"},
		{"[totp]\nissuer = Clinic: East\n", 0, "issuer"},
		{"[totp]\nwindow = 11\n", 2, "window"},
		{"[totp]\nwindow = -1\n", 2, "window"},
		{"[totp]\ndrift_max = 101\n", 2, "drift_max"},
		{"[totp]\nhotp_window = 0\n", 2, "hotp_window"},
	};

	(void)state;
	refused(table, HC_COUNT(table));
}

static void what_is_wrong_about_cards_is_refused(void **state)
{
	static const struct wrong table[] = {
		{"[cps]\nmodule = opensc-pkcs11.so\n", 2, "module"},
		{"[cps]\ntrust_dir = relative\n", 2, "trust_dir"},
		{"[cps]\ncrl_dir =\n", 2, "crl_dir"},
		{"[cps]\nallow_test_cards = sometimes\n", 2, "allow_test_cards"},
		{"[cps]\ncrl_degraded_max_age = 31d\n", 2, "crl_degraded_max_age"},
		{"[cps]\ncrl_degraded_max_age = -1s\n", 2, "crl_degraded_max_age"},
		{"[authd]\nocsp_socket = x\n", 2, "ocsp_socket"},
		{"[cps]\nocsp = sometimes\n", 2, "ocsp"},
		{"[cps]\nocsp = required\n", 0, "ocsp_url"},
		{"[cps]\nocsp = when-reachable\n", 0, "ocsp_url"},
		{"[cps]\nocsp_url = file:///etc/passwd\n", 2, "ocsp_url"},
		{"[cps]\nocsp_url = http://me:pw@host/\n", 2, "ocsp_url"},
		{"[cps]\nocsp_url = http://host/#x\n", 2, "ocsp_url"},
		{"[cps]\nocsp_url = http://a http://b\n", 2, "ocsp_url"},
		{"[cps]\nocsp_url = https://\n", 2, "ocsp_url"},
		{"[cps]\nocsp_timeout = 0s\n", 2, "ocsp_timeout"},
		{"[cps]\nocsp_timeout = 31s\n", 2, "ocsp_timeout"},
		{"[cps]\nocsp_cache = 25h\n", 2, "ocsp_cache"},
		{"[cps]\nocsp_nonce = off\n", 2, "ocsp_nonce"},
	};

	(void)state;
	refused(table, HC_COUNT(table));
}

static void what_is_wrong_about_security_keys_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *part; /* of the message */
	} table[] = {
		{"[fido2]\nrp_id = Login.example\n", 2, "rp_id"},
		{"[fido2]\nrp_id = https://login.example\n", 2, "rp_id"},
		{"[fido2]\nrp_id = .example\n", 2, "rp_id"},
		{"[fido2]\nrp_id = a..b\n", 2, "rp_id"},
		{"[fido2]\nattestation = any\n", 2, "attestation"},
		{"[fido2]\nattestation = chain\n", 0, "attestation_trust_dir"},
		{"[fido2]\naaguids = 0c3d5a1e-7f20-4b6e-9a41-d85502e693b7\n", 0, "chain"},
		{"[fido2]\naaguids = 0c3d5a1e-7f20-4b6e-9a41-d85502e693b\n", 2, "aaguids"},
		{"[fido2]\naaguids = 0c3d5a1e-7f20-4b6e-9a41-d85502e693bg\n", 2, "aaguids"},
		{"[fido2]\naaguids = 0c3d5a1e+7f20-4b6e-9a41-d85502e693b7\n", 2, "aaguids"},
		{"[fido2]\npin_min = 3\n", 2, "pin_min"},
		{"[fido2]\ninsert_timeout = 0s\n", 2, "insert_timeout"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_authd_config config;
		struct hc_config_error error = {0};

		if (hc_settings_parse(table[i].text, strlen(table[i].text), &config, &error) !=
			    HC_ERR_INVALID ||
		    error.line != table[i].line || strstr(error.text, table[i].part) == NULL)
			fail_msg("row %zu: %u: %s", i, error.line, error.text);
	}
}

static void an_empty_file_gives_the_defaults(void **state)
{
	struct hc_authd_config config;

	(void)state;
	parse("", &config);

	assert_int_equal(config.role, HC_ROLE_STANDALONE);
	assert_string_equal(config.state_dir, HC_STATE_DIR);
	assert_string_equal(config.socket, HC_RUN_DIR "/auth.sock");
	assert_string_equal(config.admin_socket, HC_RUN_DIR "/admin.sock");
	assert_string_equal(config.seal_key_file, "");
	assert_string_equal(config.user, HC_BROKER_USER);
	assert_int_equal(config.lang, HC_LANG_FR);
	assert_int_equal(config.log_level, 3);
	assert_int_equal(config.policy.attempts, 3);
	assert_int_equal(config.policy.free_tries, 5);
	assert_int_equal(config.policy.lock_first_s, 30);
	assert_int_equal(config.policy.lock_max_s, 900);
	assert_int_equal(config.policy.answer_timeout_s, 60);
	assert_string_equal(config.cps.module, "");
	assert_string_equal(config.cps.trust_dir, HC_SYSCONF_DIR "/cps/trust");
	assert_string_equal(config.cps.crl_dir, HC_STATE_DIR "/crl");
	assert_false(config.cps.allow_test_cards);
	assert_int_equal(config.cps.crl_degraded_max_age_s, 0);
	assert_int_equal(config.cps.ocsp, HC_OCSP_OFF);
	assert_string_equal(config.cps.ocsp_url, "");
	assert_int_equal(config.cps.ocsp_timeout_s, 2);
	assert_int_equal(config.cps.ocsp_cache_s, 600);
	assert_int_equal(config.cps.ocsp_nonce, HC_OCSP_NONCE_REQUIRED);
	assert_int_equal(config.policy.unenrolled, HC_UNENROLLED_DENY);
	assert_int_equal(config.policy.grace_until_ms, 0);
	assert_false(config.policy.require_proofing);
	assert_int_equal(config.policy.locker_service_count, 16);
	assert_string_equal(config.policy.locker_services[0].text, "gnome-screensaver");
	assert_string_equal(config.policy.locker_services[15].text, "waylock");
	assert_string_equal(config.otp.issuer, "HospiConnect");
	assert_int_equal(config.otp.totp_window, 1);
	assert_int_equal(config.otp.totp_drift_max, 20);
	assert_int_equal(config.otp.hotp_window, 10);
}

static void what_is_said_is_taken(void **state)
{
	struct hc_authd_config config;

	(void)state;
	parse("[authd]\nrole = authority\nlanguage = en\nlog_level = debug\nuser = clinic\n"
	      "seal_key_file = /k\n[policy]\nattempts = 10\nlock_first = 1s\nlock_max = 1s\n"
	      "require_proofing = yes\nlocker_services = swaylock, i3lock,,vlock\n[totp]\nwindow = 0\n",
	      &config);

	assert_int_equal(config.role, HC_ROLE_AUTHORITY);
	assert_int_equal(config.lang, HC_LANG_EN);
	assert_int_equal(config.log_level, 4);
	assert_string_equal(config.user, "clinic");
	assert_string_equal(config.seal_key_file, "/k");
	assert_int_equal(config.policy.attempts, 10);
	assert_int_equal(config.policy.lock_max_s, 1);
	assert_true(config.policy.require_proofing);
	assert_int_equal(config.policy.locker_service_count, 3);
	assert_string_equal(config.policy.locker_services[1].text, "i3lock");
	assert_string_equal(config.policy.locker_services[2].text, "vlock");
	assert_int_equal(config.otp.totp_window, 0);
}

static void a_list_of_lockers_replaces_the_default_and_may_be_empty(void **state)
{
	struct hc_authd_config config;

	(void)state;
	parse("[policy]\nlocker_services = ,\n", &config);
	assert_int_equal(config.policy.locker_service_count, 0);
}

static void more_lockers_than_fit_are_refused(void **state)
{
	char text[512] = "[policy]\nlocker_services =";
	struct hc_authd_config config;
	struct hc_config_error error = {0};
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; i < HC_SERVICES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " s%d", i);
	parse(text, &config);
	assert_int_equal(config.policy.locker_service_count, HC_SERVICES_MAX);

	(void)snprintf(text + len, sizeof(text) - len, " one-more");
	assert_int_equal(hc_settings_parse(text, strlen(text), &config, &error), HC_ERR_INVALID);
}

static void grace_ends_with_the_first_instant_of_its_day_in_utc(void **state)
{
	static const struct {
		const char *day;
		int64_t ms;
	} table[] = {
		{"2000-01-01", INT64_C(946684800000)},	  {"2027-01-01", INT64_C(1798761600000)},
		{"2028-02-29", INT64_C(1835395200000)},	  {"2038-01-20", INT64_C(2147558400000)},
		{"9999-12-31", INT64_C(253402214400000)},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		struct hc_authd_config config;
		char text[96];

		(void)snprintf(text, sizeof(text), "[policy]\nunenrolled = grace until %s\n", table[i].day);
		parse(text, &config);
		if (config.policy.unenrolled != HC_UNENROLLED_GRACE ||
		    config.policy.grace_until_ms != table[i].ms)
			fail_msg("row %zu: %lld", i, (long long)config.policy.grace_until_ms);
	}
}

static void socket_paths_longer_than_the_system_takes_are_refused(void **state)
{
	char text[256];
	struct hc_authd_config config;
	struct hc_config_error error = {0};

	(void)state;
	(void)snprintf(text, sizeof(text), "[authd]\nsocket = /%0106d\n", 0);
	parse(text, &config);
	(void)snprintf(text, sizeof(text), "[authd]\nsocket = /%0107d\n", 0);
	assert_int_equal(hc_settings_parse(text, strlen(text), &config, &error), HC_ERR_INVALID);
	assert_non_null(strstr(error.text, "107"));
}

/* ---- the file ---- */

static void a_file_that_others_may_write_is_not_believed(void **state)
{
	struct tempdir dir;
	struct hc_authd_config config;
	char path[128], why[256];
	FILE *file = NULL;

	(void)state;
	assert_true(tempdir_make(&dir));
	file = fopen(tempdir_file(&dir, "authd.conf", path, sizeof(path)), "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);

	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(hc_settings_load(path, &config, why, sizeof(why)), HC_ERR_PERM);
	assert_non_null(strstr(why, "nobody else may write"));
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(hc_settings_load(path, &config, why, sizeof(why)), HC_OK);
	tempdir_remove(&dir);
}

static void an_error_names_file_and_line(void **state)
{
	struct tempdir dir;
	struct hc_authd_config config;
	char path[128], why[256], want[192];
	FILE *file = NULL;

	(void)state;
	assert_true(tempdir_make(&dir));
	file = fopen(tempdir_file(&dir, "authd.conf", path, sizeof(path)), "w");
	assert_non_null(file);
	assert_true(fputs("[policy]\n\nattempts = many\n", file) >= 0);
	assert_int_equal(fclose(file), 0);

	assert_int_equal(hc_settings_load(path, &config, why, sizeof(why)), HC_ERR_INVALID);
	(void)snprintf(want, sizeof(want), "%s:3: ", path);
	assert_memory_equal(why, want, strlen(want));
	tempdir_remove(&dir);
	assert_int_equal(hc_settings_load(path, &config, why, sizeof(why)), HC_ERR_NOTFOUND);
	assert_non_null(strstr(why, "no such file"));
}

/* ---- the example that is installed ---- */

static char *read_example(size_t *ret_len)
{
	FILE *file = fopen(HC_EXAMPLE_CONF, "r");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	*ret_len = fread(text, 1, 65535, file);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* "#key = value" is a setting that was commented out, "# words" a comment. */
static unsigned uncomment(char *text)
{
	unsigned count = 0;

	for (char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL) {
		if (at[0] == '#' && at[1] >= 'a' && at[1] <= 'z') {
			at[0] = ' ';
			count++;
		}
	}
	return count;
}

static void the_example_equals_the_defaults_and_names_every_key(void **state)
{
	struct hc_authd_config empty, as_it_is, uncommented;
	size_t len = 0;
	char *text = read_example(&len);

	(void)state;
	parse("", &empty);
	parse(text, &as_it_is);
	assert_memory_equal(&as_it_is, &empty, sizeof(empty));

	assert_int_equal(uncomment(text), 39);
	parse(text, &uncommented);
	/* The one default that cannot be written: it depends on state_dir. */
	assert_string_equal(uncommented.seal_key_file, HC_STATE_DIR "/seal.key");
	memset(uncommented.seal_key_file, 0, sizeof(uncommented.seal_key_file));
	assert_memory_equal(&uncommented, &empty, sizeof(empty));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line_and_the_config_is_untouched),
		cmocka_unit_test(what_is_wrong_about_cards_is_refused),
		cmocka_unit_test(what_is_wrong_about_security_keys_is_refused),
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(what_is_said_is_taken),
		cmocka_unit_test(a_list_of_lockers_replaces_the_default_and_may_be_empty),
		cmocka_unit_test(more_lockers_than_fit_are_refused),
		cmocka_unit_test(grace_ends_with_the_first_instant_of_its_day_in_utc),
		cmocka_unit_test(socket_paths_longer_than_the_system_takes_are_refused),
		cmocka_unit_test(a_file_that_others_may_write_is_not_believed),
		cmocka_unit_test(an_error_names_file_and_line),
		cmocka_unit_test(the_example_equals_the_defaults_and_names_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
