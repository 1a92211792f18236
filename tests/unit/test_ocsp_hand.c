/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a responder by hand: what is shown, what does not count, and with which status the program ends. */
#include "hc_ocsp_hand.h"

#include "cps_ocsp_support.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "hc_ocsp_fetch.h"
#include "hospiconnect/program.h"
#include "tests/support/child_words.h"
#include "tests/support/tempdir.h"

#define URL "http://ocsp.example/ask"

static struct tempdir dir;
static char card_path[128], people_path[128], root_path[128];

/* ---- what the responder answers: no network here ---- */

static struct hc_test_answer answer;
static enum hc_err fetch_err;
static bool asked_alone; /* without a link, and with a bound */

enum hc_err __wrap_hc_ocsp_fetch(const struct hc_ocsp_request *request, int link,
				 struct hc_ocsp_response *ret_response);
enum hc_err __wrap_hc_ocsp_fetch(const struct hc_ocsp_request *request, int link,
				 struct hc_ocsp_response *ret_response)
{
	asked_alone = link == -1 && request->timeout_s > 0 && request->timeout_s <= HC_OCSP_TIMEOUT_MAX_S &&
		      strcmp(request->url, URL) == 0 && request->body_len > 0;
	(void)snprintf(ret_response->why, sizeof(ret_response->why), "nobody is there");
	if (!asked_alone || fetch_err != HC_OK)
		return fetch_err == HC_OK ? HC_ERR_CORRUPT : fetch_err;
	ret_response->len = hc_test_answer(&answer, ret_response->data, sizeof(ret_response->data));
	return HC_OK;
}

enum hc_err __wrap_hc_random(void *out, size_t len);
enum hc_err __wrap_hc_random(void *out, size_t len)
{
	memset(out, 0x5c, len); /* the nonce that the answers have */
	return HC_OK;
}

/* ---- files ---- */

static void write_file(const char *name, const void *data, size_t len, char path[128])
{
	const int fd =
		open(tempdir_file(&dir, name, path, 128), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static int make_all(void **state)
{
	uint8_t der[HC_X509_MAX];
	static char pem[CAP];

	if (make_parties(state) != 0 || !tempdir_make(&dir))
		return -1;
	write_file("card.pem", pem, hc_test_pem(card.certificate, pem, sizeof(pem)), card_path);
	write_file("people.der", der, hc_test_der(people.certificate, der, sizeof(der)), people_path);
	write_file("root.der", der, hc_test_der(root.certificate, der, sizeof(der)), root_path);
	return 0;
}

static int clear_all(void **state)
{
	tempdir_remove(&dir);
	return clear_parties(state);
}

/* ---- a question, asked by a process of its own ---- */

static struct outcome ask(const struct hc_ocsp_hand *hand)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
			_exit(99);
		int ended = hc_ocsp_hand_load(hand);
		if (ended == HC_PROGRAM_OK)
			ended = hc_ocsp_hand_ask(hand);
		_exit(ended);
	}
	return child_words(ends, pid);
}

static struct hc_ocsp_hand about_card(void)
{
	return (struct hc_ocsp_hand){.url = URL, .certificate = card_path, .issuer = people_path};
}

static void expect(size_t row, const struct hc_ocsp_hand *hand, int status, const char *says)
{
	const struct outcome outcome = ask(hand);

	if (outcome.status != status || strstr(outcome.said, says) == NULL)
		fail_msg("row %zu: status %d: %s", row, outcome.status, outcome.said);
}

/* ---- the tests ---- */

static void what_cannot_be_asked_is_refused_before_anybody_is_asked(void **state)
{
	char long_url[HC_OCSP_URL_MAX + 32], none[128], garbage[128];
	struct hc_ocsp_hand rows[8];
	static const char *const says[] = {"no such address",
					   "no such address",
					   "no such address",
					   "cannot read the certificate",
					   "cannot read the certificate",
					   "cannot read the authority",
					   "cannot read the authority",
					   "not of this authority"};

	(void)state;
	(void)snprintf(long_url, sizeof(long_url), "http://ocsp.example/");
	memset(long_url + strlen(long_url), 'a', sizeof(long_url) - 1 - strlen(long_url));
	long_url[sizeof(long_url) - 1] = '\0';
	(void)tempdir_file(&dir, "none", none, sizeof(none));
	write_file("garbage", "no certificate", 14, garbage);
	for (size_t i = 0; i < HC_COUNT(rows); i++)
		rows[i] = about_card();
	rows[0].url = "ftp://ocsp.example/ask";
	rows[1].url = "http://name:secret@ocsp.example/ask";
	rows[2].url = long_url;
	rows[3].certificate = none;
	rows[4].certificate = garbage;
	rows[5].issuer = none;
	rows[6].issuer = garbage;
	rows[7].issuer = root_path;
	fetch_err = HC_ERR_CORRUPT;
	for (size_t i = 0; i < HC_COUNT(rows); i++)
		expect(i, &rows[i], HC_PROGRAM_FAILED, says[i]);
}

static void an_answer_that_does_not_count_is_no_status(void **state)
{
	const struct hc_ocsp_hand hand = about_card();
	struct hc_test_answer rows[4];
	static const char *const says[] = {"does not count", "does not count", "does not count",
					   "does not count"};

	(void)state;
	fetch_err = HC_OK;
	for (size_t i = 0; i < HC_COUNT(rows); i++)
		rows[i] = good();
	rows[0].signer = &foreign_responder;
	rows[0].with_certificate = true;
	rows[1].card = &neighbour;
	rows[2].nonce[0] ^= 1;
	rows[3].from_s = -30 * DAY;
	rows[3].until_s = -29 * DAY;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		answer = rows[i];
		expect(i, &hand, HC_PROGRAM_FAILED, says[i]);
	}
}

static void nobody_there_is_told_with_the_reason(void **state)
{
	const struct hc_ocsp_hand hand = about_card();

	(void)state;
	fetch_err = HC_ERR_AWAY;
	expect(0, &hand, HC_PROGRAM_FAILED, "nobody is there");
}

static void what_is_said_of_the_card_is_shown_and_decides_the_status(void **state)
{
	const struct hc_ocsp_hand hand = about_card();
	struct hc_test_answer rows[5];
	static const struct {
		int status;
		const char *says;
	} wanted[] = {{HC_OCSP_HAND_REFUSED, "status revoked\nnonce ours\nsaid 20"},
		      {HC_OCSP_HAND_REFUSED, "status suspended\nnonce ours\n"},
		      {HC_OCSP_HAND_REFUSED, "status unknown\nnonce ours\n"},
		      {HC_PROGRAM_OK, "status good\nnonce none\n"},
		      {HC_PROGRAM_OK, "status good\nnonce ours\nsaid 20"}};

	(void)state;
	fetch_err = HC_OK;
	for (size_t i = 0; i < HC_COUNT(rows); i++)
		rows[i] = good();
	rows[0].status = rows[1].status = V_OCSP_CERTSTATUS_REVOKED;
	rows[0].reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
	rows[1].reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD;
	rows[2].status = V_OCSP_CERTSTATUS_UNKNOWN;
	rows[3].nonce_len = 0;
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		answer = rows[i];
		expect(i, &hand, wanted[i].status, wanted[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_asked_is_refused_before_anybody_is_asked),
		cmocka_unit_test(an_answer_that_does_not_count_is_no_status),
		cmocka_unit_test(nobody_there_is_told_with_the_reason),
		cmocka_unit_test(what_is_said_of_the_card_is_shown_and_decides_the_status),
	};

	return cmocka_run_group_tests(tests, make_all, clear_all);
}
