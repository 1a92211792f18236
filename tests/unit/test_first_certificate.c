/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's first certificate: it takes nothing's place, and is good for one host and nothing else. */
#include "process/first_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "hospiconnect/log.h"
#include "http/http.h"
#include "http/self_made.h"
#include "tests/support/fake_clock.h"
#include "tests/support/tempdir.h"

#define DAY_MS	INT64_C(86400000)
#define NOW_MS	INT64_C(1795000000000)
#define YEAR_MS (365 * DAY_MS)

struct place {
	struct tempdir dir;
	struct hc_gateway_config config;
	struct fake_clock clock;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	assert_true(tempdir_make(&place->dir));
	(void)tempdir_file(&place->dir, "c.pem", place->config.tls_certificate,
			   sizeof(place->config.tls_certificate));
	(void)tempdir_file(&place->dir, "k.pem", place->config.tls_key, sizeof(place->config.tls_key));
	/* Whoever runs the tests is the gateway's user; a root of the tests is given this one. */
	(void)snprintf(place->config.user, sizeof(place->config.user), "root");
	(void)snprintf(place->config.issuer, sizeof(place->config.issuer),
		       "https://sso.hopital.test:8443/sso");
	fake_clock_init(&place->clock, NOW_MS);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	tempdir_remove(&place->dir);
	free(place);
	return 0;
}

/* Failures are expected here, and have to say which file it is about. */
static char logged[512];

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	(void)snprintf(logged, sizeof(logged), "%s", line);
}

static enum hc_err make_quietly(const struct place *place)
{
	logged[0] = '\0';
	hc_log_capture(keep_log, NULL);
	enum hc_err err = hc_first_certificate(&place->config, &place->clock.clock);

	hc_log_capture(NULL, NULL);
	return err;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
	char read[64] = "";
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_non_null(fgets(read, sizeof(read), file));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(read, text);
}

static struct hc_http_tls *load(const struct place *place)
{
	struct hc_http_tls *tls = NULL;
	const char *why = NULL;

	if (hc_http_tls_load(place->config.tls_certificate, place->config.tls_key, &tls, &why) != HC_OK)
		fail_msg("%s", why);
	return tls;
}

static X509 *read_certificate(const struct hc_self_made *made)
{
	BIO *bio = BIO_new_mem_buf(made->certificate, (int)made->certificate_len);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(certificate);
	return certificate;
}

/* ---- what it does not do ---- */

static void what_is_there_is_never_changed(void **state)
{
	struct place *place = *state;

	write_text(place->config.tls_certificate, "given to us");
	write_text(place->config.tls_key, "ours");
	assert_int_equal(hc_first_certificate(&place->config, &place->clock.clock), HC_OK);
	assert_holds(place->config.tls_certificate, "given to us");
	assert_holds(place->config.tls_key, "ours");
	assert_int_equal(tempdir_count(&place->dir), 2);
}

static void a_half_of_it_is_refused_and_left_alone(void **state)
{
	struct place *place = *state;
	const char *const rows[] = {place->config.tls_certificate, place->config.tls_key};

	for (size_t i = 0; i < 2; i++) {
		write_text(rows[i], "alone");
		if (make_quietly(place) != HC_ERR_EXISTS)
			fail_msg("row %zu", i);
		assert_non_null(strstr(logged, rows[i]));
		assert_holds(rows[i], "alone");
		assert_int_equal(tempdir_count(&place->dir), 1);
		assert_int_equal(unlink(rows[i]), 0);
	}
}

/* A link that leads nowhere is a file of somebody's all the same. */
static void a_link_is_not_followed(void **state)
{
	struct place *place = *state;
	char target[96];

	assert_int_equal(symlink(tempdir_file(&place->dir, "elsewhere", target, sizeof(target)),
				 place->config.tls_key),
			 0);
	assert_int_equal(make_quietly(place), HC_ERR_EXISTS);
	assert_int_not_equal(access(target, F_OK), 0);
}

static void without_its_directory_nothing_is_left_behind(void **state)
{
	struct place *place = *state;

	(void)snprintf(place->config.tls_certificate, sizeof(place->config.tls_certificate), "%s/no/c.pem",
		       place->dir.path);
	assert_int_not_equal(make_quietly(place), HC_OK);
	assert_int_equal(tempdir_count(&place->dir), 0);
}

static void a_host_for_no_certificate_is_refused(void **state)
{
	struct hc_self_made made = {.certificate = NULL};
	char long_name[300];

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(hc_self_made_new("", NOW_MS / 1000, 1, &made), HC_ERR_INVALID);
	assert_int_equal(hc_self_made_new(long_name, NOW_MS / 1000, 1, &made), HC_ERR_INVALID);
	assert_int_equal(hc_self_made_new("a.test", NOW_MS / 1000, 0, &made), HC_ERR_INVALID);
	assert_null(made.certificate);
	assert_null(made.key);
}

/* ---- what it does ---- */

static void the_gateway_takes_what_was_made(void **state)
{
	struct place *place = *state;
	struct stat facts;

	assert_int_equal(hc_first_certificate(&place->config, &place->clock.clock), HC_OK);
	assert_int_equal(stat(place->config.tls_key, &facts), 0);
	assert_int_equal(facts.st_mode & 07777 & ~(mode_t)0640, 0);
	struct hc_http_tls *tls = load(place);

	assert_true(hc_http_tls_self_made(tls));
	assert_true(hc_http_tls_names(tls, "sso.hopital.test"));
	assert_false(hc_http_tls_names(tls, "hopital.test"));
	assert_false(hc_http_tls_names(tls, "a.sso.hopital.test"));
	assert_false(hc_http_tls_names(tls, "127.0.0.1"));
	assert_true(hc_http_tls_expires(tls) == NOW_MS + YEAR_MS);
	hc_http_tls_unref(&tls);
	assert_null(tls);
}

static void an_address_is_named_as_one(void **state)
{
	static const struct {
		const char *issuer, *host, *other;
	} rows[] = {
		{"https://127.0.0.1:8443", "127.0.0.1", "127.0.0.2"},
		{"https://[::1]:8443", "::1", "::2"},
		{"https://localhost:8443", "localhost", "127.0.0.1"},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		(void)snprintf(place->config.issuer, sizeof(place->config.issuer), "%s", rows[i].issuer);
		assert_int_equal(hc_first_certificate(&place->config, &place->clock.clock), HC_OK);
		struct hc_http_tls *tls = load(place);

		if (!hc_http_tls_names(tls, rows[i].host) || hc_http_tls_names(tls, rows[i].other))
			fail_msg("row %zu", i);
		hc_http_tls_unref(&tls);
		assert_int_equal(unlink(place->config.tls_key), 0);
		assert_int_equal(unlink(place->config.tls_certificate), 0);
	}
}

static void it_is_no_authority_and_each_has_a_key_of_its_own(void **state)
{
	struct hc_self_made first = {.certificate = NULL}, second = {.certificate = NULL};

	(void)state;
	assert_int_equal(hc_self_made_new("a.test", NOW_MS / 1000, 1, &first), HC_OK);
	assert_int_equal(hc_self_made_new("a.test", NOW_MS / 1000, 1, &second), HC_OK);
	X509 *certificate = read_certificate(&first), *other = read_certificate(&second);

	assert_int_equal(X509_check_ca(certificate), 0);
	assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(certificate), XKU_SSL_SERVER);
	assert_int_not_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), X509_get0_pubkey(other)), 1);
	assert_int_not_equal(
		ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate), X509_get0_serialNumber(other)), 0);
	X509_free(certificate);
	X509_free(other);
	hc_self_made_clear(&first);
	hc_self_made_clear(&second);
	assert_null(first.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_there_is_never_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_half_of_it_is_refused_and_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_is_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_its_directory_nothing_is_left_behind, set_up,
						tear_down),
		cmocka_unit_test(a_host_for_no_certificate_is_refused),
		cmocka_unit_test_setup_teardown(the_gateway_takes_what_was_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_address_is_named_as_one, set_up, tear_down),
		cmocka_unit_test(it_is_no_authority_and_each_has_a_key_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
