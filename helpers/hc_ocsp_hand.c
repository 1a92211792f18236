/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question by hand: what the responder says of a certificate, and why its answer does not count. State: the two
 * certificates, between reading them (as whoever asks) and asking (as the broker's user). Nothing is kept, and
 * nothing of it reaches the broker.
 */
#include "hc_ocsp_hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hc_ocsp_fetch.h"
#include "hospiconnect/config.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/file.h"
#include "hospiconnect/log.h"
#include "hospiconnect/program.h"

#define FILE_MAX  (1024 * 1024)
#define TIMEOUT_S 10
#define MS_PER_S  1000

static struct hc_trust *trust; /* the issuer alone */
static uint8_t certificate[HC_X509_MAX];
static size_t certificate_len;

static int complain(const char *what, const char *subject, const char *why)
{
	hc_log(HC_LOG_ERROR, what, HC_F_TEXT("of", subject), HC_F_TEXT("reason", why));
	return HC_PROGRAM_FAILED;
}

/* Whoever it belongs to: what is in it is shown to be believed or not by the answer's signature alone. */
static enum hc_err read_file(const char *path, char **ret_data, size_t *ret_len)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return HC_ERR_NOTFOUND;
	const struct hc_file_rules rules = {.owner = info.st_uid, .max_len = FILE_MAX};

	return hc_file_read(path, &rules, ret_data, ret_len);
}

static void free_text(char **text)
{
	free(*text);
}

int hc_ocsp_hand_load(const struct hc_ocsp_hand *hand)
{
	char *leaf HC_CLEANUP(free_text) = NULL;
	char *issuer HC_CLEANUP(free_text) = NULL;
	size_t leaf_len = 0, issuer_len = 0;

	if (strlen(hand->url) > HC_OCSP_URL_MAX || !hc_config_web_address(hand->url, strlen(hand->url)))
		return complain("no such address: http:// or https://, without a password", hand->url,
				"malformed");
	enum hc_err err = hc_crypto_start();

	if (err == HC_OK)
		err = read_file(hand->certificate, &leaf, &leaf_len);
	if (err == HC_OK)
		err = hc_cps_decode(leaf, leaf_len, certificate, &certificate_len);
	if (err != HC_OK)
		return complain("cannot read the certificate", hand->certificate, hc_strerror(err));
	err = hc_trust_new(&trust);
	if (err == HC_OK)
		err = read_file(hand->issuer, &issuer, &issuer_len);
	if (err == HC_OK)
		err = hc_trust_add(trust, issuer, issuer_len, NULL);
	return err == HC_OK ? HC_PROGRAM_OK
			    : complain("cannot read the authority", hand->issuer, hc_strerror(err));
}

static void print_time(const char *what, int64_t time_ms)
{
	const time_t seconds = (time_t)(time_ms / MS_PER_S);
	struct tm tm = {0};
	char text[32] = "";

	if (time_ms == 0 || gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return;
	(void)printf("%s %s\n", what, text); /* a closed pipe shows at the end */
}

static int print(const struct hc_cps_ocsp_answer *answer, const char *nonce)
{
	static const char *const held[] = {"revoked", "suspended"};
	const bool good = answer->status == HC_CPS_OCSP_GOOD;

	if (answer->status == HC_CPS_OCSP_NO_ANSWER)
		return complain("the answer does not count", "responder",
				hc_cps_ocsp_fault_name(answer->fault));
	(void)printf("status %s\nnonce %s\n",
		     good				     ? "good"
		     : answer->status == HC_CPS_OCSP_REVOKED ? held[answer->hold ? 1 : 0]
							     : "unknown",
		     nonce);
	print_time("said", answer->this_update_ms);
	print_time("until", answer->next_update_ms);
	if (fflush(stdout) != 0)
		return HC_PROGRAM_FAILED;
	return good ? HC_PROGRAM_OK : HC_OCSP_HAND_REFUSED;
}

int hc_ocsp_hand_ask(const struct hc_ocsp_hand *hand)
{
	static struct hc_ocsp_request request = {.timeout_s = TIMEOUT_S};
	static struct hc_ocsp_response response;
	uint8_t nonce[HC_CPS_OCSP_NONCE_LEN], found[HC_CPS_OCSP_NONCE_LEN];
	struct hc_cps_ocsp_question question = {.trust = trust, .der = certificate, .len = certificate_len};
	struct hc_cps_ocsp_answer answer;
	enum hc_err err = hc_random(nonce, sizeof(nonce));

	(void)snprintf(request.url, sizeof(request.url), "%s", hand->url); /* it was measured */
	if (err == HC_OK)
		err = hc_cps_ocsp_request(trust, certificate, certificate_len, nonce, request.body,
					  &request.body_len);
	if (err != HC_OK)
		return complain(err == HC_ERR_NOTFOUND ? "the certificate is not of this authority"
						       : "cannot make the question",
				hand->certificate, hc_strerror(err));
	err = hc_ocsp_fetch(&request, -1, &response);
	if (err != HC_OK)
		return complain("no answer", hand->url, response.why);
	/* Without one it is shown what such an answer would be worth where the configuration bears it. */
	const bool bare = hc_cps_ocsp_nonce(response.data, response.len, found) == HC_ERR_NOTFOUND;

	question.nonce = bare ? NULL : nonce;
	question.now_ms = (int64_t)time(NULL) * MS_PER_S;
	hc_cps_ocsp_verify(&question, response.data, response.len, &answer);
	return print(&answer, bare ? "none" : "ours");
}
