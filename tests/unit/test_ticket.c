/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: what is no ticket is refused, and what was made is found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/ticket.h"

static void a_truncated_prolonged_or_foreign_text_is_no_ticket(void **state)
{
	static const char foreign[] = {'=', '+', '/', ' ', '\n', '\0', '.', (char)0xc3};
	struct hc_ticket_ref made, ref = {.id = 42};
	char text[HC_TICKET_LEN + 2] = "";
	HC_TICKET(ticket);

	(void)state;
	assert_int_equal(hc_ticket_make(7, &ticket, &made), HC_OK);
	for (size_t len = 0; len <= HC_TICKET_LEN + 1; len++) {
		memset(text, 'A', sizeof(text));
		memcpy(text, ticket.text, HC_TICKET_LEN);
		if ((hc_ticket_parse(text, len, &ref) == HC_OK) != (len == HC_TICKET_LEN))
			fail_msg("length %zu", len);
	}
	ref.id = 42;
	for (size_t i = 0; i < HC_COUNT(foreign) * HC_TICKET_LEN; i++) {
		memcpy(text, ticket.text, HC_TICKET_LEN);
		text[i % HC_TICKET_LEN] = foreign[i / HC_TICKET_LEN];
		if (hc_ticket_parse(text, HC_TICKET_LEN, &ref) != HC_ERR_INVALID || ref.id != 42)
			fail_msg("foreign %zu at %zu", i / HC_TICKET_LEN, i % HC_TICKET_LEN);
	}
	memset(text, 'A', sizeof(text)); /* id 0 */
	assert_int_equal(hc_ticket_parse(text, HC_TICKET_LEN, &ref), HC_ERR_INVALID);
}

static void an_id_out_of_range_makes_no_ticket(void **state)
{
	static const int64_t ids[] = {0, -1, INT64_MIN, INT64_C(1) << 56, INT64_MAX};
	struct hc_ticket_ref ref;
	HC_TICKET(ticket);

	(void)state;
	for (size_t i = 0; i < HC_COUNT(ids); i++)
		if (hc_ticket_make(ids[i], &ticket, &ref) != HC_ERR_INVALID)
			fail_msg("id %zu", i);
}

static void a_ticket_is_read_back_as_what_it_was_made(void **state)
{
	static const int64_t ids[] = {1, 255, 256, INT64_C(0x123456789abcde), (INT64_C(1) << 56) - 1};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(ids); i++) {
		struct hc_ticket_ref made, read = {.id = 0};
		HC_TICKET(ticket);

		assert_int_equal(hc_ticket_make(ids[i], &ticket, &made), HC_OK);
		assert_int_equal(strlen(ticket.text), HC_TICKET_LEN);
		assert_int_equal(hc_ticket_parse(ticket.text, HC_TICKET_LEN, &read), HC_OK);
		if (read.id != ids[i] || memcmp(made.hash, read.hash, sizeof(read.hash)) != 0)
			fail_msg("id %zu", i);
	}
}

static void two_tickets_of_one_id_and_two_that_differ_in_a_bit_have_other_hashes(void **state)
{
	struct hc_ticket_ref first, second;
	HC_TICKET(ticket);

	(void)state;
	assert_int_equal(hc_ticket_make(7, &ticket, &first), HC_OK);
	for (size_t i = 10; i < HC_TICKET_LEN; i++) {
		const char before = ticket.text[i];

		ticket.text[i] = before == 'A' ? 'B' : 'A';
		assert_int_equal(hc_ticket_parse(ticket.text, HC_TICKET_LEN, &second), HC_OK);
		if (memcmp(first.hash, second.hash, sizeof(first.hash)) == 0)
			fail_msg("character %zu does not matter", i);
		ticket.text[i] = before;
	}
	assert_int_equal(hc_ticket_make(7, &ticket, &second), HC_OK);
	assert_memory_not_equal(first.hash, second.hash, sizeof(first.hash));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_truncated_prolonged_or_foreign_text_is_no_ticket),
		cmocka_unit_test(an_id_out_of_range_makes_no_ticket),
		cmocka_unit_test(a_ticket_is_read_back_as_what_it_was_made),
		cmocka_unit_test(two_tickets_of_one_id_and_two_that_differ_in_a_bit_have_other_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
