/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a card's authority: when, what its answer is worth beside the list, and what is remembered. */
#include "ocsp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ocsp.h>

#include "hospiconnect/log.h"
#include "ocsp_answer.h"
#include "ocsp_cache.h"
#include "tests/support/fake_clock.h"

#define MINUTE 60000

static struct hc_test_party people, card;
static struct hc_trust *trust;
static uint8_t der[HC_X509_MAX];
static struct hc_ocsp_card subject;
static struct fake_clock now;
static struct hc_authd_config config;
static struct hc_authd authd;
static struct hc_msg start, more;
static unsigned warnings;

static void count_warning(enum hc_log_level level, const char *line, void *ctx)
{
	(void)line;
	(void)ctx;
	warnings += level <= HC_LOG_WARNING ? 1 : 0;
}

static int make_parties(void **state)
{
	const struct hc_test_subject on_card = hc_test_card();
	uint8_t authority[HC_X509_MAX];

	(void)state;
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	card = hc_test_issue(&on_card, &people);
	assert_int_equal(hc_trust_new(&trust), HC_OK);
	assert_int_equal(hc_trust_add(trust, authority,
				      hc_test_der(people.certificate, authority, sizeof(authority)), NULL),
			 HC_OK);
	subject = (struct hc_ocsp_card){
		.trust = trust, .der = der, .len = hc_test_der(card.certificate, der, sizeof(der))};
	return 0;
}

static int clear_parties(void **state)
{
	(void)state;
	hc_trust_free(&trust);
	hc_test_party_clear(&card);
	hc_test_party_clear(&people);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	fake_clock_init(&now, (int64_t)time(NULL) * 1000);
	config = (struct hc_authd_config){.cps = {.ocsp = HC_OCSP_WHEN_REACHABLE,
						  .ocsp_url = "http://ocsp.example/",
						  .ocsp_timeout_s = 2,
						  .ocsp_cache_s = 600}};
	authd = (struct hc_authd){.config = &config, .clock = &now.clock};
	warnings = 0;
	hc_log_capture(count_warning, NULL);
	return hc_ocsp_new(&authd.ocsp) == HC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	hc_log_capture(NULL, NULL);
	hc_ocsp_free(&authd.ocsp);
	return 0;
}

static bool asks(void)
{
	enum hc_device_helper helper = HC_HELPER_FIDO2;
	const enum hc_err err = hc_ocsp_consult(&authd, &subject, &start, &helper);

	if (err == HC_OK)
		assert_int_equal(helper, HC_HELPER_OCSP);
	else
		assert_int_equal(err, HC_ERR_STATE);
	return err == HC_OK;
}

/* The nonce of the question that went out. */
static void nonce_of(const struct hc_msg *msg, uint8_t out[HC_CPS_OCSP_NONCE_LEN])
{
	const unsigned char *at = NULL;
	size_t len = 0;

	assert_int_equal(hc_msg_bytes(msg, HC_FIELD_OCSP_REQUEST, &at, &len), HC_OK);
	OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)len);

	assert_non_null(request);
	const int place = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, place));

	assert_int_equal(ASN1_STRING_length(value), 2 + HC_CPS_OCSP_NONCE_LEN);
	memcpy(out, ASN1_STRING_get0_data(value) + 2, HC_CPS_OCSP_NONCE_LEN);
	OCSP_REQUEST_free(request);
}

/* What the helper hands over: the authority's answer to the last question. */
static struct hc_test_answer reply(int status)
{
	struct hc_test_answer answer = {.card = &card,
					.issuer = &people,
					.signer = &people,
					.status = status,
					.reason = status == V_OCSP_CERTSTATUS_REVOKED
							  ? OCSP_REVOKED_STATUS_KEYCOMPROMISE
							  : OCSP_REVOKED_STATUS_NOSTATUS,
					.from_s = -60,
					.until_s = 7200,
					.nonce_len = HC_CPS_OCSP_NONCE_LEN};

	nonce_of(&start, answer.nonce);
	return answer;
}

static enum hc_cps_ocsp_status result_of(const struct hc_test_answer *answer)
{
	uint8_t response[HC_CPS_OCSP_RESPONSE_MAX];
	const size_t len = hc_test_answer(answer, response, sizeof(response));

	hc_msg_init(&more, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(&more, HC_FIELD_OCSP_RESPONSE, response, len);
	assert_int_equal(hc_msg_finish(&more), HC_OK);
	assert_int_equal(hc_msg_parse(&more, more.len), HC_OK);
	return hc_ocsp_result(&authd, &subject, &more);
}

static enum hc_cps_ocsp_status told(int status)
{
	const struct hc_test_answer answer = reply(status);

	return result_of(&answer);
}

static enum hc_cps_ocsp_status silence(void)
{
	return hc_ocsp_result(&authd, &subject, NULL);
}

/* ---- what it is worth ---- */

static void a_list_and_a_word_make_one_decision(void **state)
{
	static const struct {
		enum hc_ocsp_mode mode;
		enum hc_cps_revocation list;
		enum hc_cps_ocsp_status word;
		enum hc_reason reason;
		bool degraded;
	} table[] = {
#define ROW(mode, list, word, reason, degraded) \
	{HC_OCSP_##mode, HC_CPS_##list, HC_CPS_OCSP_##word, HC_REASON_##reason, (degraded)}
		ROW(OFF, REVOKED, GOOD, CERTIFICATE_REVOKED, false),
		ROW(OFF, REVOCATION_UNKNOWN, GOOD, REVOCATION_UNKNOWN, false),
		ROW(OFF, REVOCATION_UNKNOWN, NO_ANSWER, REVOCATION_UNKNOWN, false),
		ROW(OFF, GOOD, NO_ANSWER, NONE, false),
		ROW(OFF, GOOD_STALE, NO_ANSWER, NONE, true),
		ROW(WHEN_REACHABLE, REVOKED, GOOD, CERTIFICATE_REVOKED, false),
		ROW(WHEN_REACHABLE, GOOD, REVOKED, CERTIFICATE_REVOKED, false),
		ROW(WHEN_REACHABLE, REVOCATION_UNKNOWN, REVOKED, CERTIFICATE_REVOKED, false),
		ROW(WHEN_REACHABLE, GOOD, UNKNOWN, REVOCATION_UNKNOWN, false),
		ROW(WHEN_REACHABLE, GOOD_STALE, UNKNOWN, REVOCATION_UNKNOWN, false),
		ROW(WHEN_REACHABLE, REVOCATION_UNKNOWN, NO_ANSWER, REVOCATION_UNKNOWN, false),
		ROW(WHEN_REACHABLE, GOOD, NO_ANSWER, NONE, false),
		ROW(WHEN_REACHABLE, GOOD_STALE, NO_ANSWER, NONE, true),
		ROW(WHEN_REACHABLE, GOOD, GOOD, NONE, false),
		ROW(WHEN_REACHABLE, GOOD_STALE, GOOD, NONE, false),
		ROW(WHEN_REACHABLE, REVOCATION_UNKNOWN, GOOD, NONE, false),
		ROW(REQUIRED, REVOKED, GOOD, CERTIFICATE_REVOKED, false),
		ROW(REQUIRED, GOOD, REVOKED, CERTIFICATE_REVOKED, false),
		ROW(REQUIRED, GOOD, NO_ANSWER, REVOCATION_UNKNOWN, false),
		ROW(REQUIRED, GOOD_STALE, NO_ANSWER, REVOCATION_UNKNOWN, false),
		ROW(REQUIRED, GOOD, UNKNOWN, REVOCATION_UNKNOWN, false),
		ROW(REQUIRED, REVOCATION_UNKNOWN, GOOD, NONE, false),
		ROW(REQUIRED, GOOD, GOOD, NONE, false),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(table); i++) {
		bool degraded = !table[i].degraded;
		const enum hc_reason reason =
			hc_ocsp_combine(table[i].mode, table[i].list, table[i].word, &degraded);

		if (reason != table[i].reason || degraded != table[i].degraded)
			fail_msg("row %zu: %d, %d", i, (int)reason, degraded);
	}
}

/* ---- asking ---- */

static void nobody_is_asked_where_it_is_off(void **state)
{
	(void)state;
	config.cps.ocsp = HC_OCSP_OFF;
	assert_false(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
}

static void the_question_says_all_that_the_helper_needs(void **state)
{
	char url[256];
	uint32_t number = 0;

	(void)state;
	assert_true(asks());
	assert_int_equal(start.type, HC_MSG_DEVICE_START);
	assert_int_equal(hc_msg_text(&start, HC_FIELD_OCSP_URL, url, sizeof(url)), HC_OK);
	assert_string_equal(url, "http://ocsp.example/");
	assert_int_equal(hc_msg_u32(&start, HC_FIELD_DEVICE_OPERATION, &number), HC_OK);
	assert_int_equal(number, HC_DEVICE_CHECK);
	assert_int_equal(hc_msg_u32(&start, HC_FIELD_TIMEOUT_S, &number), HC_OK);
	assert_int_equal(number, 2);
	assert_int_equal(hc_msg_finish(&start), HC_OK);
}

static void no_two_questions_have_the_same_nonce(void **state)
{
	uint8_t first[HC_CPS_OCSP_NONCE_LEN], second[HC_CPS_OCSP_NONCE_LEN];

	(void)state;
	assert_true(asks());
	nonce_of(&start, first);
	assert_true(asks());
	nonce_of(&start, second);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void what_was_said_is_remembered_for_a_while(void **state)
{
	(void)state;
	assert_true(asks());
	assert_int_equal(told(V_OCSP_CERTSTATUS_GOOD), HC_CPS_OCSP_GOOD);
	fake_clock_pass(&now, 9 * MINUTE);
	assert_false(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_GOOD);
	fake_clock_pass(&now, MINUTE);
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
	assert_true(asks());
}

static void a_machine_that_slept_asks_again(void **state)
{
	(void)state;
	assert_true(asks());
	assert_int_equal(told(V_OCSP_CERTSTATUS_GOOD), HC_CPS_OCSP_GOOD);
	fake_clock_set(&now, now.realtime_ms + 11 * MINUTE);
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
	fake_clock_set(&now, now.realtime_ms - 60 * MINUTE);
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
	assert_true(asks());
}

static void good_ends_with_the_answers_own_end(void **state)
{
	struct hc_test_answer answer;

	(void)state;
	assert_true(asks());
	answer = reply(V_OCSP_CERTSTATUS_GOOD);
	answer.until_s = 120;
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_GOOD);
	fake_clock_pass(&now, 3 * MINUTE);
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
}

/* ---- answers that are none ---- */

static void an_answer_counts_once(void **state)
{
	struct hc_test_answer answer;

	(void)state;
	assert_true(asks());
	answer = reply(V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_GOOD);
	fake_clock_pass(&now, 11 * MINUTE);
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_NO_ANSWER);
	assert_int_equal(warnings, 1);
	assert_true(asks());
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_NO_ANSWER);
	assert_int_equal(warnings, 2);
}

static void an_answer_that_comes_much_too_late_is_none(void **state)
{
	struct hc_test_answer answer;

	(void)state;
	assert_true(asks());
	answer = reply(V_OCSP_CERTSTATUS_GOOD);
	fake_clock_pass(&now, HC_OCSP_OPEN_MS);
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_NO_ANSWER);
}

static void a_message_without_an_answer_is_none(void **state)
{
	static const uint8_t zeros[64];

	(void)state;
	assert_true(asks());
	hc_msg_init(&more, HC_MSG_DEVICE_DONE);
	assert_int_equal(hc_msg_finish(&more), HC_OK);
	assert_int_equal(hc_ocsp_result(&authd, &subject, &more), HC_CPS_OCSP_NO_ANSWER);
	hc_msg_init(&more, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(&more, HC_FIELD_OCSP_RESPONSE, zeros, sizeof(zeros));
	assert_int_equal(hc_msg_finish(&more), HC_OK);
	assert_int_equal(hc_ocsp_result(&authd, &subject, &more), HC_CPS_OCSP_NO_ANSWER);
}

static void without_a_nonce_an_answer_counts_only_where_the_configuration_says_so(void **state)
{
	struct hc_test_answer answer;

	(void)state;
	assert_true(asks());
	answer = reply(V_OCSP_CERTSTATUS_GOOD);
	answer.nonce_len = 0;
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_NO_ANSWER);
	config.cps.ocsp_nonce = HC_OCSP_NONCE_OPTIONAL;
	assert_true(asks());
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_GOOD);
}

/* ---- what does not get better ---- */

static void what_was_revoked_stays_so_without_an_answer(void **state)
{
	(void)state;
	assert_true(asks());
	assert_int_equal(told(V_OCSP_CERTSTATUS_REVOKED), HC_CPS_OCSP_REVOKED);
	assert_false(asks());
	fake_clock_pass(&now, 60 * MINUTE);
	assert_true(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_REVOKED);
	fake_clock_pass(&now, HC_OCSP_REST_MS);
	assert_true(asks());
	assert_int_equal(told(V_OCSP_CERTSTATUS_UNKNOWN), HC_CPS_OCSP_UNKNOWN);
	assert_true(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_UNKNOWN);
	assert_int_equal(warnings, 2);
}

static void only_a_newer_answer_makes_it_good(void **state)
{
	struct hc_test_answer answer;

	(void)state;
	assert_true(asks());
	answer = reply(V_OCSP_CERTSTATUS_REVOKED);
	answer.reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD;
	assert_int_equal(result_of(&answer), HC_CPS_OCSP_REVOKED);
	fake_clock_pass(&now, 11 * MINUTE);
	assert_true(asks());
	assert_int_equal(told(V_OCSP_CERTSTATUS_GOOD), HC_CPS_OCSP_GOOD);
}

static void an_answer_from_before_the_revocation_does_not_make_it_good(void **state)
{
	struct hc_test_answer revoked, older;

	(void)state;
	config.cps.ocsp_nonce = HC_OCSP_NONCE_OPTIONAL;
	assert_true(asks());
	older = reply(V_OCSP_CERTSTATUS_GOOD);
	older.nonce_len = 0;
	older.from_s = -120;
	revoked = reply(V_OCSP_CERTSTATUS_REVOKED);
	revoked.reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD;
	assert_int_equal(result_of(&revoked), HC_CPS_OCSP_REVOKED);
	fake_clock_pass(&now, 11 * MINUTE);
	assert_true(asks());
	assert_int_equal(result_of(&older), HC_CPS_OCSP_REVOKED);
	assert_true(asks());
	assert_int_equal(told(V_OCSP_CERTSTATUS_GOOD), HC_CPS_OCSP_GOOD);
}

/* ---- silence ---- */

static void after_silence_nobody_else_waits_for_a_moment(void **state)
{
	(void)state;
	assert_true(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
	assert_int_equal(warnings, 1);
	assert_false(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
	assert_int_equal(warnings, 1);
	fake_clock_pass(&now, HC_OCSP_REST_MS);
	assert_true(asks());
}

static void where_an_answer_is_required_everybody_asks(void **state)
{
	(void)state;
	config.cps.ocsp = HC_OCSP_REQUIRED;
	assert_true(asks());
	assert_int_equal(silence(), HC_CPS_OCSP_NO_ANSWER);
	assert_true(asks());
}

/* ---- the memory ---- */

static void fingerprint_of(unsigned number, uint8_t out[HC_SHA256_LEN])
{
	memset(out, 0, HC_SHA256_LEN);
	memcpy(out, &number, sizeof(number));
}

static void a_full_memory_forgets_the_oldest_good_word_first(void **state)
{
	struct hc_ocsp_cache *cache = calloc(1, sizeof(*cache));
	const struct hc_cps_ocsp_answer good = {.status = HC_CPS_OCSP_GOOD};
	const struct hc_cps_ocsp_answer revoked = {.status = HC_CPS_OCSP_REVOKED};
	uint8_t fingerprint[HC_SHA256_LEN];

	(void)state;
	assert_non_null(cache);
	for (unsigned i = 0; i < HC_OCSP_ENTRIES_MAX + 10; i++) {
		fingerprint_of(i, fingerprint);
		hc_ocsp_cache_put(cache, fingerprint, i < 10 ? &revoked : &good,
				  (struct hc_ocsp_time){.mono_ms = i, .real_ms = i});
	}
	for (unsigned i = 0; i < HC_OCSP_ENTRIES_MAX + 10; i++) {
		const struct hc_ocsp_time later = {.mono_ms = 5000, .real_ms = 5000};
		const enum hc_cps_ocsp_status expected = i < 10	  ? HC_CPS_OCSP_REVOKED
							 : i < 20 ? HC_CPS_OCSP_NO_ANSWER
								  : HC_CPS_OCSP_GOOD;

		fingerprint_of(i, fingerprint);
		if (hc_ocsp_cache_get(cache, fingerprint, later, MINUTE) != expected)
			fail_msg("entry %u", i);
	}
	free(cache);
}

static void questions_without_end_forget_the_oldest(void **state)
{
	struct hc_ocsp_cache *cache = calloc(1, sizeof(*cache));
	uint8_t fingerprint[HC_SHA256_LEN], nonce[HC_CPS_OCSP_NONCE_LEN] = {0};

	(void)state;
	assert_non_null(cache);
	for (unsigned i = 0; i <= HC_OCSP_OPEN_MAX; i++) {
		fingerprint_of(i, fingerprint);
		hc_ocsp_cache_open(cache, fingerprint, nonce, i);
	}
	fingerprint_of(0, fingerprint);
	assert_false(hc_ocsp_cache_close(cache, fingerprint, nonce, 100));
	fingerprint_of(HC_OCSP_OPEN_MAX, fingerprint);
	assert_true(hc_ocsp_cache_close(cache, fingerprint, nonce, 100));
	assert_false(hc_ocsp_cache_close(cache, fingerprint, nonce, 100));
	fingerprint_of(1, fingerprint);
	nonce[0] = 1;
	assert_false(hc_ocsp_cache_close(cache, fingerprint, nonce, 100));
	free(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_and_a_word_make_one_decision),
		TEST(nobody_is_asked_where_it_is_off),
		TEST(the_question_says_all_that_the_helper_needs),
		TEST(no_two_questions_have_the_same_nonce),
		TEST(what_was_said_is_remembered_for_a_while),
		TEST(a_machine_that_slept_asks_again),
		TEST(good_ends_with_the_answers_own_end),
		TEST(an_answer_counts_once),
		TEST(an_answer_that_comes_much_too_late_is_none),
		TEST(a_message_without_an_answer_is_none),
		TEST(without_a_nonce_an_answer_counts_only_where_the_configuration_says_so),
		TEST(what_was_revoked_stays_so_without_an_answer),
		TEST(only_a_newer_answer_makes_it_good),
		TEST(an_answer_from_before_the_revocation_does_not_make_it_good),
		TEST(after_silence_nobody_else_waits_for_a_moment),
		TEST(where_an_answer_is_required_everybody_asks),
		TEST(a_full_memory_forgets_the_oldest_good_word_first),
		TEST(questions_without_end_forget_the_oldest),
	};

	return cmocka_run_group_tests(tests, make_parties, clear_parties);
}
