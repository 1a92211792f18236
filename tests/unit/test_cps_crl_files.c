/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists in a directory, and certificates as files hold them. */
#include "hospiconnect/cps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "hospiconnect/file.h"
#include "hospiconnect/log.h"

#include "cps_ca.h"
#include "tests/support/tempdir.h"

#define DAY 86400

static struct hc_test_party people, others, stranger;
static struct hc_trust *trust;
static char logged[4096];

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static void keep_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	(void)snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%s\n", line);
}

static void trust_in(const struct hc_test_party *party)
{
	uint8_t der[HC_X509_MAX];
	const size_t len = hc_test_der(party->certificate, der, sizeof(der));

	assert_int_equal(hc_trust_add(trust, der, len, NULL), HC_OK);
}

static int make_authorities(void **state)
{
	(void)state;
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	others = hc_test_authority("AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE", NULL);
	stranger = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	assert_int_equal(hc_trust_new(&trust), HC_OK);
	trust_in(&people);
	trust_in(&others);
	hc_log_capture(keep_log, NULL);
	return 0;
}

static int forget_authorities(void **state)
{
	(void)state;
	hc_log_capture(NULL, NULL);
	hc_trust_free(&trust);
	hc_test_party_clear(&people);
	hc_test_party_clear(&others);
	hc_test_party_clear(&stranger);
	return 0;
}

static void put(const struct tempdir *dir, const char *name, const struct hc_test_party *issuer,
		const long *revoked, int from, int until)
{
	uint8_t list[HC_X509_MAX];
	char path[256];
	const size_t len = hc_test_crl(issuer, revoked, from, until, NULL, list, sizeof(list));

	assert_int_equal(hc_file_replace(tempdir_file(dir, name, path, sizeof(path)), 0644, list, len),
			 HC_OK);
}

static void a_directory_that_others_may_write_is_not_believed(void **state)
{
	struct tempdir dir;
	struct hc_cps_crls *crls = NULL;

	(void)state;
	assert_true(tempdir_make(&dir));
	put(&dir, "a.crl", &people, NULL, -DAY, DAY);
	assert_int_equal(chmod(dir.path, 0775), 0);

	assert_int_equal(hc_cps_crls_load(dir.path, trust, now_ms(), &crls, NULL), HC_ERR_PERM);
	assert_int_equal(hc_cps_crls_load("/nonexistent/crl", trust, now_ms(), &crls, NULL), HC_ERR_NOTFOUND);
	assert_int_equal(hc_cps_crls_load("/dev/null", trust, now_ms(), &crls, NULL), HC_ERR_PERM);
	assert_null(crls);
	tempdir_remove(&dir);
}

static void a_file_that_is_refused_takes_no_other_along(void **state)
{
	struct tempdir dir;
	struct hc_cps_crls *crls = NULL;
	char path[256];
	size_t refused = 0;

	(void)state;
	logged[0] = '\0';
	assert_true(tempdir_make(&dir));
	put(&dir, "foreign.crl", &stranger, NULL, -DAY, DAY);
	put(&dir, "good.crl", &others, NULL, -DAY, DAY);
	put(&dir, "open.crl", &people, NULL, -DAY, DAY);
	assert_int_equal(chmod(tempdir_file(&dir, "open.crl", path, sizeof(path)), 0666), 0);
	assert_int_equal(
		hc_file_create(tempdir_file(&dir, "short.crl", path, sizeof(path)), 0644, "0\x82xx", 4),
		HC_OK);
	assert_int_equal(hc_file_create(tempdir_file(&dir, "other.txt", path, sizeof(path)), 0644, "x", 1),
			 HC_OK);

	assert_int_equal(hc_cps_crls_load(dir.path, trust, now_ms(), &crls, &refused), HC_OK);

	assert_int_equal(hc_cps_crls_count(crls), 1);
	assert_int_equal(refused, 3);
	assert_non_null(strstr(logged, "foreign.crl"));
	assert_non_null(strstr(logged, "open.crl"));
	assert_non_null(strstr(logged, "short.crl"));
	assert_null(strstr(logged, "other.txt"));
	hc_cps_crls_free(&crls);
	tempdir_remove(&dir);
}

static void of_two_lists_of_one_authority_the_newer_counts_in_either_order(void **state)
{
	static const char *const names[][2] = {{"a.crl", "b.crl"}, {"b.crl", "a.crl"}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(names); i++) {
		struct tempdir dir;
		struct hc_cps_crls *crls = NULL;
		struct hc_cps_crl_state list;
		const long revoked[] = {7, 9, 0};
		size_t refused = 0;

		assert_true(tempdir_make(&dir));
		put(&dir, names[i][0], &people, NULL, -2 * DAY, DAY);
		put(&dir, names[i][1], &people, revoked, -DAY, DAY);
		assert_int_equal(hc_cps_crls_load(dir.path, trust, now_ms(), &crls, &refused), HC_OK);
		assert_int_equal(hc_cps_crls_count(crls), 1);
		hc_cps_crls_get(crls, 0, &list);
		if (list.revoked_count != 2 || refused != 0)
			fail_msg("row %zu: %d entries, %zu refused", i, (int)list.revoked_count, refused);
		hc_cps_crls_free(&crls);
		tempdir_remove(&dir);
	}
}

static void the_name_of_a_file_is_the_authoritys_and_safe(void **state)
{
	struct hc_cps_crls *crls = NULL;
	struct hc_cps_crl_state first, second, other;
	char a[HC_CPS_CRL_FILE_CAP], b[HC_CPS_CRL_FILE_CAP];
	uint8_t list[HC_X509_MAX];
	size_t len = hc_test_crl(&people, NULL, -2 * DAY, DAY, NULL, list, sizeof(list));

	(void)state;
	assert_int_equal(hc_cps_crls_new(&crls), HC_OK);
	assert_int_equal(hc_cps_crls_add(crls, trust, list, len, now_ms(), &first), HC_OK);
	len = hc_test_crl(&people, NULL, -DAY, DAY, NULL, list, sizeof(list));
	assert_int_equal(hc_cps_crls_add(crls, trust, list, len, now_ms(), &second), HC_OK);
	len = hc_test_crl(&others, NULL, -DAY, DAY, NULL, list, sizeof(list));
	assert_int_equal(hc_cps_crls_add(crls, trust, list, len, now_ms(), &other), HC_OK);

	hc_cps_crl_file(&first, a);
	hc_cps_crl_file(&second, b);
	assert_string_equal(a, b);
	assert_int_equal(strspn(a, "0123456789abcdef"), 32);
	assert_string_equal(a + 32, ".crl");
	hc_cps_crl_file(&other, b);
	assert_string_not_equal(a, b);
	hc_cps_crls_free(&crls);
}

static void what_a_list_says_depends_on_its_age(void **state)
{
	static const struct {
		int64_t now, degraded;
		enum hc_cps_revocation says;
	} table[] = {
		{-10 * DAY, DAY, HC_CPS_REVOCATION_UNKNOWN}, /* the clock went back */
		{1000 * DAY, 0, HC_CPS_REVOCATION_UNKNOWN},
		{1 * DAY, 0, HC_CPS_REVOCATION_UNKNOWN}, /* to the second */
		{1 * DAY, DAY, HC_CPS_GOOD_STALE},
		{2 * DAY - 1, DAY, HC_CPS_GOOD_STALE},
		{2 * DAY, DAY, HC_CPS_REVOCATION_UNKNOWN},
		{1 * DAY - 1, 0, HC_CPS_GOOD},
		{0, 0, HC_CPS_GOOD},
	};
	const struct hc_cps_crl_state list = {.this_update_ms = INT64_C(1700000000000) - DAY * INT64_C(1000),
					      .next_update_ms = INT64_C(1700000000000) + DAY * INT64_C(1000)};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++)
		if (hc_cps_crl_freshness(&list, INT64_C(1700000000000) + table[i].now * 1000,
					 table[i].degraded * 1000) != table[i].says)
			fail_msg("row %zu", i);
}

static void a_file_holds_exactly_one_certificate(void **state)
{
	uint8_t der[HC_X509_MAX], out[HC_X509_MAX];
	char pem[3 * HC_X509_MAX];
	size_t len = 0, der_len = hc_test_der(people.certificate, der, sizeof(der));
	const size_t one = hc_test_pem(people.certificate, pem, sizeof(pem));
	const size_t two = one + hc_test_pem(others.certificate, pem + one, sizeof(pem) - one);
	static const char key[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

	(void)state;
	assert_int_equal(hc_cps_decode(pem, two, out, &len), HC_ERR_EXISTS);
	assert_int_equal(hc_cps_decode("", 0, out, &len), HC_ERR_NOTFOUND);
	assert_int_equal(hc_cps_decode("hello", 5, out, &len), HC_ERR_NOTFOUND);
	assert_int_equal(hc_cps_decode(key, sizeof(key) - 1, out, &len), HC_ERR_NOTFOUND);
	assert_int_equal(hc_cps_decode(der, der_len - 1, out, &len), HC_ERR_INVALID);
	assert_int_equal(hc_cps_decode(pem, 2 * 1024 * 1024, out, &len), HC_ERR_TOOBIG);
	assert_int_equal(len, 0);

	assert_int_equal(hc_cps_decode(der, der_len, out, &len), HC_OK);
	assert_int_equal(len, der_len);
	len = 0;
	memcpy(pem + one, key, sizeof(key));
	assert_int_equal(hc_cps_decode(pem, one + sizeof(key) - 1, out, &len), HC_OK);
	assert_int_equal(len, der_len);
	assert_memory_equal(out, der, der_len);
}

static void an_authority_is_written_as_it_was_read(void **state)
{
	struct hc_trust *again = NULL;
	struct hc_trust_anchor before, after;
	char pem[HC_TRUST_PEM_MAX];

	(void)state;
	assert_int_equal(hc_trust_pem(trust, 1, pem, 100), HC_ERR_TOOBIG);
	assert_int_equal(hc_trust_pem(trust, 1, pem, sizeof(pem)), HC_OK);
	assert_int_equal(hc_trust_new(&again), HC_OK);
	assert_int_equal(hc_trust_add(again, pem, strlen(pem), NULL), HC_OK);
	hc_trust_get(trust, 1, &before);
	hc_trust_get(again, 0, &after);
	assert_memory_equal(before.fingerprint, after.fingerprint, sizeof(after.fingerprint));
	hc_trust_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_that_others_may_write_is_not_believed),
		cmocka_unit_test(a_file_that_is_refused_takes_no_other_along),
		cmocka_unit_test(of_two_lists_of_one_authority_the_newer_counts_in_either_order),
		cmocka_unit_test(the_name_of_a_file_is_the_authoritys_and_safe),
		cmocka_unit_test(what_a_list_says_depends_on_its_age),
		cmocka_unit_test(a_file_holds_exactly_one_certificate),
		cmocka_unit_test(an_authority_is_written_as_it_was_read),
	};

	return cmocka_run_group_tests(tests, make_authorities, forget_authorities);
}
