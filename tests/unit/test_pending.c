/* SPDX-License-Identifier: Apache-2.0 */
/* Hidden fields: what does not open, and that everything comes back as it went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/secret.h"
#include "oauth/logout_field.h"
#include "oauth/pending.h"
#include "oauth/sealed_field.h"

#define T0 INT64_C(1800000000000)

static const uint8_t mine[HC_SHA256_LEN] = {1, 2, 3}, other[HC_SHA256_LEN] = {1, 2, 4};

static void fill(char *out, size_t cap, char c)
{
	memset(out, c, cap - 1);
	out[cap - 1] = '\0';
}

static struct hc_pending sample(void)
{
	struct hc_pending pending = {.what = {.client_id = "app",
					      .redirect_uri = "https://app.example/cb",
					      .state = "s\xc3\xa9 &=",
					      .nonce = "n",
					      .scope = {"openid profile"},
					      .challenge = {9, 8, 7}},
				     .hint_sub = "sub",
				     .lang = HC_LANG_EN,
				     .expires_ms = T0 + HC_PENDING_MS};

	return pending;
}

static void assert_same(const struct hc_pending *a, const struct hc_pending *b)
{
	assert_string_equal(a->what.client_id, b->what.client_id);
	assert_string_equal(a->what.redirect_uri, b->what.redirect_uri);
	assert_string_equal(a->what.state, b->what.state);
	assert_string_equal(a->what.nonce, b->what.nonce);
	assert_string_equal(a->what.scope.text, b->what.scope.text);
	assert_memory_equal(a->what.challenge, b->what.challenge, sizeof(a->what.challenge));
	assert_string_equal(a->hint_sub, b->hint_sub);
	assert_int_equal(a->lang, b->lang);
	assert_int_equal(a->expires_ms, b->expires_ms);
}

static int setup(void **state)
{
	struct hc_seal *seal = NULL;

	if (hc_seal_new_random(&seal) != HC_OK)
		return -1;
	*state = seal;
	return 0;
}

static int teardown(void **state)
{
	struct hc_seal *seal = *state;

	hc_seal_free(&seal);
	return 0;
}

static char *sealed(const struct hc_seal *seal, const struct hc_pending *pending)
{
	char *text = NULL;

	assert_int_equal(hc_pending_seal(seal, pending, mine, &text), HC_OK);
	return text;
}

static void a_field_of_another_browser_or_another_life_does_not_open(void **state)
{
	HC_AUTO(seal) later = NULL;
	struct hc_pending pending = sample(), out = {.lang = HC_LANG_FR};
	char *text = sealed(*state, &pending);

	assert_int_equal(hc_seal_new_random(&later), HC_OK);
	assert_int_equal(hc_pending_open(*state, text, strlen(text), other, T0, &out), HC_ERR_SEAL);
	assert_int_equal(hc_pending_open(later, text, strlen(text), mine, T0, &out), HC_ERR_SEAL);
	assert_string_equal(out.what.client_id, "");
	assert_int_equal(hc_pending_open(*state, text, strlen(text), mine, T0, &out), HC_OK);
	assert_same(&pending, &out);
	free(text);
}

static void a_field_that_was_altered_cut_or_prolonged_does_not_open(void **state)
{
	struct hc_pending pending = sample(), out;
	char *text = sealed(*state, &pending);
	const size_t len = strlen(text);

	for (size_t at = 0; at < len; at++) {
		const char was = text[at];

		text[at] = was == 'A' ? 'B' : 'A';
		if (hc_pending_open(*state, text, len, mine, T0, &out) != HC_ERR_SEAL)
			fail_msg("character %zu", at);
		text[at] = was;
		if (hc_pending_open(*state, text, at, mine, T0, &out) != HC_ERR_SEAL)
			fail_msg("length %zu", at);
	}
	assert_int_equal(hc_pending_open(*state, "", 0, mine, T0, &out), HC_ERR_SEAL);
	char *longer = malloc(70000);
	memset(longer, 'A', 70000);
	for (size_t at = 0; at < len; at++)
		longer[at] = text[at];
	assert_int_equal(hc_pending_open(*state, longer, len + 4, mine, T0, &out), HC_ERR_SEAL);
	assert_int_equal(hc_pending_open(*state, longer, len + 60000, mine, T0, &out), HC_ERR_SEAL);
	free(longer);
	free(text);
}

static void a_field_counts_for_a_quarter_of_an_hour_by_a_clock_that_goes_forward(void **state)
{
	static const struct {
		int64_t now_ms;
		enum hc_err wanted;
	} table[] = {
		{T0 + HC_PENDING_MS, HC_ERR_TIMEOUT}, {T0 - 1, HC_ERR_TIMEOUT},
		{T0 + HC_PENDING_MS - 1, HC_OK},      {T0, HC_OK},
		{INT64_MAX, HC_ERR_TIMEOUT},	      {0, HC_ERR_TIMEOUT},
	};
	struct hc_pending pending = sample(), out;
	char *text = sealed(*state, &pending);

	for (size_t i = 0; i < HC_COUNT(table); i++) {
		const enum hc_err err =
			hc_pending_open(*state, text, strlen(text), mine, table[i].now_ms, &out);
		if (err != table[i].wanted)
			fail_msg("row %zu: %s", i, hc_strerror(err));
	}
	free(text);
}

static void the_field_of_a_logout_is_none_of_a_sign_in(void **state)
{
	const struct hc_logout_field field = {.session_id = 5, .expires_ms = T0 + 1000, .client_id = "app"};
	struct hc_ticket_ref cookie = {.id = 5}, another = {.id = 6};
	struct hc_pending pending = sample(), out;
	struct hc_logout_field back;
	char *logout = NULL, *login = sealed(*state, &pending);

	memcpy(cookie.hash, mine, sizeof(mine));
	memcpy(another.hash, mine, sizeof(mine));
	assert_int_equal(hc_logout_field_seal(*state, &field, &cookie, &logout), HC_OK);
	assert_int_equal(hc_pending_open(*state, logout, strlen(logout), mine, T0, &out), HC_ERR_SEAL);
	assert_int_equal(hc_logout_field_open(*state, login, strlen(login), &cookie, T0, &back), HC_ERR_SEAL);
	assert_int_equal(hc_logout_field_open(*state, logout, strlen(logout), &another, T0, &back),
			 HC_ERR_SEAL);
	assert_int_equal(hc_logout_field_open(*state, logout, strlen(logout), &cookie, T0 + 1000, &back),
			 HC_ERR_TIMEOUT);
	assert_int_equal(hc_logout_field_open(*state, logout, strlen(logout), &cookie, T0, &back), HC_OK);
	assert_string_equal(back.client_id, "app");
	assert_string_equal(back.redirect_uri, "");
	free(logout);
	free(login);
}

static void the_longest_request_fits_into_a_page(void **state)
{
	struct hc_pending pending = sample(), out;

	fill(pending.what.client_id, sizeof(pending.what.client_id), 'c');
	fill(pending.what.redirect_uri, sizeof(pending.what.redirect_uri), 'r');
	fill(pending.what.state, sizeof(pending.what.state), 's');
	fill(pending.what.nonce, sizeof(pending.what.nonce), 'n');
	fill(pending.what.scope.text, sizeof(pending.what.scope.text), 'o');
	fill(pending.hint_sub, sizeof(pending.hint_sub), 'h');
	char *text = sealed(*state, &pending);
	assert_true(strlen(text) < HC_FIELD_TEXT_MAX);
	assert_int_equal(hc_pending_open(*state, text, strlen(text), mine, T0, &out), HC_OK);
	assert_same(&pending, &out);
	free(text);
}

static void only_what_is_written_is_read(void **state)
{
	const struct hc_pending pending = sample();
	uint8_t bytes[HC_PENDING_BYTES_MAX];
	struct hc_pending out;
	size_t len = 0;

	(void)state;
	assert_int_equal(hc_pending_encode(&pending, bytes, &len), HC_OK);
	for (size_t other_len = 0; other_len < len; other_len++) {
		if (hc_pending_decode(bytes, other_len, &out) != HC_ERR_INVALID)
			fail_msg("length %zu", other_len);
	}
	bytes[len] = 0;
	assert_int_equal(hc_pending_decode(bytes, len + 1, &out), HC_ERR_INVALID);
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{0, 2},	    /* another version */
		{1, 0x80},  /* a time before everything */
		{9, 2},	    /* a language that there is not */
		{42, 0xff}, /* a client's name that is longer than the rest */
		{44, 0},    /* a NUL inside of a text */
	};
	for (size_t i = 0; i < HC_COUNT(wrong); i++) {
		const uint8_t was = bytes[wrong[i].at];

		bytes[wrong[i].at] = wrong[i].value;
		if (hc_pending_decode(bytes, len, &out) != HC_ERR_INVALID)
			fail_msg("row %zu", i);
		bytes[wrong[i].at] = was;
	}
	assert_int_equal(hc_pending_decode(bytes, len, &out), HC_OK);
	assert_same(&pending, &out);
}

static void a_field_holds_no_more_than_it_may(void **state)
{
	static const uint8_t zeroes[HC_FIELD_PLAIN_MAX + 1];
	struct hc_sealed_purpose purpose = {.seal = *state, .label = "test v1"};
	HC_AUTO(secret) plain = NULL;
	char *text = NULL;

	assert_int_equal(hc_sealed_field_make(&purpose, zeroes, sizeof(zeroes), &text), HC_ERR_TOOBIG);
	assert_int_equal(hc_sealed_field_make(&purpose, zeroes, 0, &text), HC_ERR_INVALID);
	assert_null(text);
	assert_int_equal(hc_sealed_field_make(&purpose, zeroes, HC_FIELD_PLAIN_MAX, &text), HC_OK);
	assert_true(strlen(text) < HC_FIELD_TEXT_MAX);
	assert_int_equal(hc_sealed_field_open(&purpose, text, strlen(text), &plain), HC_OK);
	free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_field_of_another_browser_or_another_life_does_not_open),
		CASE(a_field_that_was_altered_cut_or_prolonged_does_not_open),
		CASE(a_field_counts_for_a_quarter_of_an_hour_by_a_clock_that_goes_forward),
		CASE(the_field_of_a_logout_is_none_of_a_sign_in),
		CASE(the_longest_request_fits_into_a_page),
		CASE(only_what_is_written_is_read),
		CASE(a_field_holds_no_more_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
