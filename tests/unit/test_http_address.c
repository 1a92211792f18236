/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, and how many connections each holds. */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sockaddr_storage v6(const char *text)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_storage address;

	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	memset(&address, 0, sizeof(address));
	memcpy(&address, &in6, sizeof(in6));
	return address;
}

static struct sockaddr_storage v4(const char *text)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_storage address;

	assert_int_equal(inet_pton(AF_INET, text, &in4.sin_addr), 1);
	memset(&address, 0, sizeof(address));
	memcpy(&address, &in4, sizeof(in4));
	return address;
}

static bool same_key(struct sockaddr_storage a, struct sockaddr_storage b)
{
	struct hc_address_key first, second;
	char text[HC_ADDRESS_TEXT];

	hc_address_describe(&a, text, &first);
	hc_address_describe(&b, text, &second);
	return memcmp(&first, &second, sizeof(first)) == 0;
}

static void a_network_of_ipv6_counts_as_one_and_ipv4_by_address(void **state)
{
	(void)state;
	assert_true(same_key(v6("2001:db8:0:1::1"), v6("2001:db8:0:1:ffff::2")));
	assert_false(same_key(v6("2001:db8:0:1::1"), v6("2001:db8:0:2::1")));
	assert_true(same_key(v4("192.0.2.1"), v6("::ffff:192.0.2.1")));
	assert_false(same_key(v4("192.0.2.1"), v4("192.0.2.2")));
	assert_false(same_key(v4("0.0.0.0"), v6("::")));
}

static void addresses_are_shown_as_people_know_them(void **state)
{
	static const struct {
		const char *address, *shown;
	} rows[] = {{"::ffff:192.0.2.1", "192.0.2.1"},
		    {"2001:db8::1", "2001:db8::1"},
		    {"1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888"}};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		struct sockaddr_storage address = v6(rows[i].address);
		struct hc_address_key key;
		char text[HC_ADDRESS_TEXT];

		hc_address_describe(&address, text, &key);
		assert_string_equal(text, rows[i].shown);
	}
}

/* A fixed sequence, so that a failure comes again. */
static unsigned next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33);
}

static void the_table_counts_like_a_plain_list(void **state)
{
	enum { KEYS = 40, LIMIT = 3, CAPACITY = KEYS * LIMIT };
	struct hc_address_counts *counts = NULL;
	unsigned expected[KEYS] = {0};

	(void)state;
	assert_int_equal(hc_address_counts_new(CAPACITY, &counts), HC_OK);
	for (unsigned round = 0; round < 200000; round++) {
		unsigned which = next_random() % KEYS;
		struct hc_address_key key = {.family = 4};

		key.bytes[3] = (uint8_t)which; /* neighbours, as in a network */
		if (next_random() % 2 == 0) {
			bool taken = hc_address_take(counts, &key, LIMIT);

			if (taken != (expected[which] < LIMIT))
				fail_msg("round %u: %u of key %u", round, expected[which], which);
			expected[which] += taken ? 1 : 0;
		} else if (expected[which] > 0) {
			hc_address_give(counts, &key);
			expected[which]--;
		}
	}
	hc_address_counts_free(&counts);
	assert_null(counts);
}

/* As full as it may be: every connection from an address of its own. */
static void a_full_table_forgets_nobody(void **state)
{
	enum { MANY = 1000 };
	struct hc_address_counts *counts = NULL;

	(void)state;
	assert_int_equal(hc_address_counts_new(MANY, &counts), HC_OK);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			struct hc_address_key key = {.bytes = {0, 0, (uint8_t)(i >> 8), (uint8_t)i},
						     .family = 4};

			assert_true(hc_address_take(counts, &key, 1));
			assert_false(hc_address_take(counts, &key, 1));
		}
		for (unsigned i = 0; i < MANY; i++) {
			struct hc_address_key key = {.bytes = {0, 0, (uint8_t)(i >> 8), (uint8_t)i},
						     .family = 4};

			assert_false(hc_address_take(counts, &key, 1));
			hc_address_give(counts, &key);
		}
	}
	hc_address_counts_free(&counts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_of_ipv6_counts_as_one_and_ipv4_by_address),
		cmocka_unit_test(addresses_are_shown_as_people_know_them),
		cmocka_unit_test(the_table_counts_like_a_plain_list),
		cmocka_unit_test(a_full_table_forgets_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
