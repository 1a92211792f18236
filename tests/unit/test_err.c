/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, verdicts and reasons: what a number from the wire may become. */
#include "hospiconnect/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/reason.h"

static void zeroed_memory_denies(void **state)
{
	enum hc_verdict verdict;

	(void)state;
	memset(&verdict, 0, sizeof(verdict));
	assert_int_equal(verdict, HC_DENY);
}

static void an_exemption_cannot_come_from_the_broker(void **state)
{
	enum hc_verdict verdict = HC_DENY;

	(void)state;
	assert_int_equal(hc_verdict_from_wire((uint32_t)HC_EXEMPT, &verdict), HC_ERR_PROTOCOL);
	assert_int_equal(verdict, HC_DENY);
}

static void no_small_number_and_no_flipped_bit_lets_anybody_in(void **state)
{
	static const uint32_t permissive[] = {HC_ALLOW, HC_GRACE, HC_EXEMPT};

	(void)state;
	for (uint32_t wire = 0; wire <= 100000; wire++) {
		enum hc_verdict verdict = HC_DENY;

		if (hc_verdict_from_wire(wire, &verdict) == HC_OK)
			assert_in_range(wire, HC_DENY, HC_DENY_NOMEM);
		assert_int_not_equal(verdict, HC_ALLOW);
		assert_int_not_equal(verdict, HC_GRACE);
	}
	for (size_t i = 0; i < HC_COUNT(permissive); i++) {
		for (unsigned bit = 0; bit < 32; bit++) {
			enum hc_verdict verdict = HC_DENY;
			uint32_t wire = permissive[i] ^ (UINT32_C(1) << bit);

			assert_int_equal(hc_verdict_from_wire(wire, &verdict), HC_ERR_PROTOCOL);
			assert_int_equal(verdict, HC_DENY);
		}
	}
}

static void every_verdict_of_a_broker_travels(void **state)
{
	static const enum hc_verdict verdicts[] = {HC_DENY,	    HC_DENY_LOCKED,	 HC_DENY_UNKNOWN,
						   HC_DENY_EXPIRED, HC_DENY_UNAVAILABLE, HC_DENY_CONVERSATION,
						   HC_DENY_CONFIG,  HC_DENY_NOMEM,	 HC_GRACE,
						   HC_ALLOW};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(verdicts); i++) {
		enum hc_verdict verdict = HC_EXEMPT;

		assert_int_equal(hc_verdict_from_wire((uint32_t)verdicts[i], &verdict), HC_OK);
		assert_int_equal(verdict, verdicts[i]);
	}
}

static void every_error_has_its_own_description(void **state)
{
	(void)state;
	for (int i = HC_OK; i < HC_ERR_MAX_; i++) {
		assert_string_not_equal(hc_strerror((enum hc_err)i), "unknown error");
		for (int j = HC_OK; j < i; j++)
			assert_string_not_equal(hc_strerror((enum hc_err)i), hc_strerror((enum hc_err)j));
	}
	assert_string_equal(hc_strerror((enum hc_err)4711), "unknown error");
}

static void verdicts_have_names_for_the_audit_trail(void **state)
{
	(void)state;
	assert_string_equal(hc_verdict_name(HC_ALLOW), "allow");
	assert_string_equal(hc_verdict_name(HC_DENY), "deny");
	assert_string_equal(hc_verdict_name(HC_DENY_LOCKED), "locked");
	assert_string_equal(hc_verdict_name(HC_DENY_UNKNOWN), "unknown");
	assert_string_equal(hc_verdict_name(HC_DENY_EXPIRED), "expired");
	assert_string_equal(hc_verdict_name(HC_DENY_UNAVAILABLE), "unavailable");
	assert_string_equal(hc_verdict_name(HC_DENY_CONVERSATION), "conversation");
	assert_string_equal(hc_verdict_name(HC_DENY_CONFIG), "config");
	assert_string_equal(hc_verdict_name(HC_DENY_NOMEM), "nomem");
	assert_string_equal(hc_verdict_name(HC_EXEMPT), "exempt");
	assert_string_equal(hc_verdict_name(HC_GRACE), "grace");
	assert_string_equal(hc_verdict_name((enum hc_verdict)4711), "invalid");
}

static void a_reason_outside_of_the_list_is_refused(void **state)
{
	static const uint32_t wrong[] = {1, 99, 100, 108, 200, 221, 300, 307, 400, 500, 65737, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(wrong); i++) {
		enum hc_reason reason = HC_REASON_INTERNAL;

		if (hc_reason_from_wire(wrong[i], &reason) != HC_ERR_PROTOCOL || reason != HC_REASON_INTERNAL)
			fail_msg("row %zu: %u accepted", i, wrong[i]);
	}
	assert_string_equal(hc_reason_name((enum hc_reason)4711), "INVALID");
}

static void every_reason_travels_and_has_its_name(void **state)
{
	static const struct {
		uint32_t number;
		const char *name;
	} rows[] = {
#define REASON_ROW(number, name) {(number), #name},
		HC_REASONS(REASON_ROW)
#undef REASON_ROW
			{0, "NONE"}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_reason reason = HC_REASON_INTERNAL;

		assert_int_equal(hc_reason_from_wire(rows[i].number, &reason), HC_OK);
		assert_int_equal(reason, rows[i].number);
		assert_string_equal(hc_reason_name(reason), rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed_memory_denies),
		cmocka_unit_test(an_exemption_cannot_come_from_the_broker),
		cmocka_unit_test(no_small_number_and_no_flipped_bit_lets_anybody_in),
		cmocka_unit_test(every_verdict_of_a_broker_travels),
		cmocka_unit_test(every_error_has_its_own_description),
		cmocka_unit_test(verdicts_have_names_for_the_audit_trail),
		cmocka_unit_test(a_reason_outside_of_the_list_is_refused),
		cmocka_unit_test(every_reason_travels_and_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
