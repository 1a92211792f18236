/* SPDX-License-Identifier: Apache-2.0 */
/* The carrier of credentials: bounded, scrubbed, never moved. */
#include "hospiconnect/secret.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void what_exceeds_the_capacity_is_refused_whole(void **state)
{
	HC_AUTO(secret) secret = NULL;
	size_t room = 0;

	(void)state;
	assert_int_equal(hc_secret_new(8, &secret), HC_OK);
	assert_int_equal(hc_secret_append(secret, "1234", 4), HC_OK);
	assert_int_equal(hc_secret_append(secret, "56789", 5), HC_ERR_TOOBIG);
	assert_int_equal(hc_secret_append(secret, "5", SIZE_MAX), HC_ERR_TOOBIG);
	assert_int_equal(hc_secret_commit(secret, 5), HC_ERR_TOOBIG);
	assert_int_equal(hc_secret_commit(secret, SIZE_MAX), HC_ERR_TOOBIG);
	assert_int_equal(hc_secret_len(secret), 4);
	assert_memory_equal(hc_secret_data(secret), "1234\0\0\0\0", 8);
	assert_int_equal(hc_secret_append(secret, "5678", 4), HC_OK);
	assert_non_null(hc_secret_space(secret, &room));
	assert_int_equal(room, 0);
}

static void an_impossible_capacity_is_refused(void **state)
{
	struct hc_secret *secret = NULL;

	(void)state;
	assert_int_equal(hc_secret_new(0, &secret), HC_ERR_INVALID);
	assert_int_equal(hc_secret_new(65537, &secret), HC_ERR_INVALID);
	assert_int_equal(hc_secret_new(SIZE_MAX, &secret), HC_ERR_INVALID);
	assert_int_equal(hc_secret_from("", 65537, &secret), HC_ERR_INVALID);
	assert_null(secret);
}

static void clearing_scrubs_the_whole_capacity(void **state)
{
	static const uint8_t zeroes[5000];
	HC_AUTO(secret) secret = NULL;
	size_t room = 0;

	(void)state;
	assert_int_equal(hc_secret_new(sizeof(zeroes), &secret), HC_OK);
	memset(hc_secret_space(secret, &room), 0x5a, sizeof(zeroes)); /* written, never committed */
	assert_int_equal(room, sizeof(zeroes));
	assert_int_equal(hc_secret_commit(secret, 100), HC_OK);
	hc_secret_clear(secret);
	assert_int_equal(hc_secret_len(secret), 0);
	assert_int_equal(hc_secret_cap(secret), sizeof(zeroes));
	assert_memory_equal(hc_secret_data(secret), zeroes, sizeof(zeroes));
}

static void a_secret_does_not_move_while_it_grows(void **state)
{
	HC_AUTO(secret) secret = NULL;

	(void)state;
	assert_int_equal(hc_secret_new(65536, &secret), HC_OK);

	const uint8_t *place = hc_secret_data(secret);

	for (int i = 0; i < 65536; i++)
		assert_int_equal(hc_secret_append(secret, "x", 1), HC_OK);
	assert_ptr_equal(hc_secret_data(secret), place);
	assert_int_equal(hc_secret_len(secret), 65536);
}

static void different_secrets_are_not_equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {{"123456", "123457", false}, {"123456", "12345", false}, {"", "1", false},
		    {"223456", "123456", false}, {"123456", "123456", true}, {"", "", true}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		HC_AUTO(secret) a = NULL;
		HC_AUTO(secret) b = NULL;

		assert_int_equal(hc_secret_from(rows[i].a, strlen(rows[i].a), &a), HC_OK);
		assert_int_equal(hc_secret_from(rows[i].b, strlen(rows[i].b), &b), HC_OK);
		if (hc_secret_equal(a, b) != rows[i].equal)
			fail_msg("row %zu", i);
	}
}

static void comparing_bytes_looks_at_every_byte(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(a); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1u << bit);
			assert_false(hc_bytes_equal(a, b, sizeof(a)));
			assert_true(hc_bytes_equal(a, b, i));
			b[i] = 0;
		}
	}
	assert_true(hc_bytes_equal(a, b, sizeof(a)));
}

static void freeing_accepts_nothing_and_keeps_errno(void **state)
{
	struct hc_secret *secret = NULL;

	(void)state;
	hc_secret_free(NULL);
	hc_secret_free(&secret);
	assert_int_equal(hc_secret_from("x", 1, &secret), HC_OK);
	errno = EXDEV;
	hc_secret_free(&secret);
	assert_int_equal(errno, EXDEV);
	assert_null(secret);
}

/* The flags that the kernel shows for the mapping at address: "lo" locked, "dd" not dumped. */
static void read_flags(const void *address, char *flags, size_t cap)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool inside = false;

	flags[0] = '\0';
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		uintptr_t start = 0, end = 0;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2)
			inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			(void)snprintf(flags, cap, "%s", line + 8);
	}
	(void)fclose(maps);
}

/* Whether locking works here at all: not without budget, nor under a sanitizer, which leaves mlock(2) out. */
static bool can_lock(void)
{
	char flags[512];
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);

	bool locked = mlock(page, 4096) == 0;

	read_flags(page, flags, sizeof(flags));
	(void)munmap(page, 4096);
	return locked && strstr(flags, " lo") != NULL;
}

static void pages_are_locked_and_left_out_of_core_dumps(void **state)
{
	HC_AUTO(secret) secret = NULL;
	char flags[512];

	(void)state;
	assert_int_equal(hc_secret_new(32, &secret), HC_OK);
	read_flags(hc_secret_data(secret), flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));

	if (can_lock())
		assert_non_null(strstr(flags, " lo"));
}

static void a_host_without_lock_budget_can_hold_secrets(void **state)
{
	HC_AUTO(secret) secret = NULL;
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);

	struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};

	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	errno = EXDEV;

	enum hc_err err = hc_secret_from("123456", 6, &secret);

	assert_int_equal(errno, EXDEV);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	assert_int_equal(err, HC_OK);
	assert_memory_equal(hc_secret_data(secret), "123456", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_exceeds_the_capacity_is_refused_whole),
		cmocka_unit_test(an_impossible_capacity_is_refused),
		cmocka_unit_test(clearing_scrubs_the_whole_capacity),
		cmocka_unit_test(a_secret_does_not_move_while_it_grows),
		cmocka_unit_test(different_secrets_are_not_equal),
		cmocka_unit_test(comparing_bytes_looks_at_every_byte),
		cmocka_unit_test(freeing_accepts_nothing_and_keeps_errno),
		cmocka_unit_test(pages_are_locked_and_left_out_of_core_dumps),
		cmocka_unit_test(a_host_without_lock_budget_can_hold_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
