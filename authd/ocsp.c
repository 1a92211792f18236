/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a card was revoked, asked online.
 *
 * State: what was said, for a while, and the nonces of open questions (struct hc_ocsp_cache). Threats: whoever stands between
 * us and the responder, or took the helper over: he can keep an answer back, and play back an old one, which is none
 * without the nonce of a question that is open. Where the configuration bears no silence (required), keeping it back
 * refuses. It must never take an address out of a certificate, nor make "good" of no answer.
 */
#include "ocsp.h"

#include <stdlib.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "ocsp_cache.h"

#define MS_PER_S 1000

struct hc_ocsp {
	struct hc_ocsp_cache cache;
	int64_t rest_until_ms; /* monotonic */
};

enum hc_err hc_ocsp_new(struct hc_ocsp **ret_ocsp)
{
	*ret_ocsp = calloc(1, sizeof(**ret_ocsp));
	return *ret_ocsp == NULL ? HC_ERR_NOMEM : HC_OK;
}

void hc_ocsp_free(struct hc_ocsp **ocsp)
{
	if (ocsp == NULL)
		return;
	free(*ocsp);
	*ocsp = NULL;
}

static struct hc_ocsp_time now_of(const struct hc_authd *authd)
{
	return (struct hc_ocsp_time){.mono_ms = hc_mono_ms(authd->clock), .real_ms = hc_now_ms(authd->clock)};
}

static int64_t max_age_ms(const struct hc_authd *authd)
{
	return authd->config->cps.ocsp_cache_s * MS_PER_S;
}

/* ---- the question ---- */

static bool is_needed(const struct hc_authd *authd, const uint8_t *fingerprint)
{
	const struct hc_cps_settings *settings = &authd->config->cps;
	const struct hc_ocsp_time now = now_of(authd);

	if (hc_ocsp_cache_fresh(&authd->ocsp->cache, fingerprint, now, max_age_ms(authd)))
		return false;
	return settings->ocsp == HC_OCSP_REQUIRED || now.mono_ms >= authd->ocsp->rest_until_ms;
}

enum hc_err hc_ocsp_consult(const struct hc_authd *authd, const struct hc_ocsp_card *card,
			    struct hc_msg *start, enum hc_device_helper *ret_helper)
{
	const struct hc_cps_settings *settings = &authd->config->cps;
	uint8_t fingerprint[HC_SHA256_LEN], nonce[HC_CPS_OCSP_NONCE_LEN], request[HC_CPS_OCSP_REQUEST_MAX];
	size_t len = 0;

	if (settings->ocsp == HC_OCSP_OFF || authd->ocsp == NULL)
		return HC_ERR_STATE;
	enum hc_err err = hc_sha256(card->der, card->len, fingerprint);

	if (err != HC_OK)
		return err;
	if (!is_needed(authd, fingerprint))
		return HC_ERR_STATE;
	err = hc_random(nonce, sizeof(nonce));
	if (err == HC_OK)
		err = hc_cps_ocsp_request(card->trust, card->der, card->len, nonce, request, &len);
	if (err != HC_OK)
		return err == HC_ERR_NOTFOUND || err == HC_ERR_INVALID ? HC_ERR_STATE : err;
	hc_msg_init(start, HC_MSG_DEVICE_START);
	hc_msg_put_u32(start, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_CHECK);
	hc_msg_put_u32(start, HC_FIELD_TIMEOUT_S, (uint32_t)settings->ocsp_timeout_s);
	hc_msg_put_text(start, HC_FIELD_OCSP_URL, settings->ocsp_url);
	hc_msg_put_bytes(start, HC_FIELD_OCSP_REQUEST, request, len);
	hc_ocsp_cache_open(&authd->ocsp->cache, fingerprint, nonce, hc_mono_ms(authd->clock));
	*ret_helper = HC_HELPER_OCSP;
	return HC_OK;
}

/* ---- the answer ---- */

/*
 * The nonce that the answer must have. One that nobody waits for is put in the place of a wrong one, and it is random: a
 * constant could be asked for in advance. False: there is none to be had.
 */
static bool expected_nonce(const struct hc_authd *authd, const uint8_t *fingerprint, const uint8_t *view,
			   size_t len, uint8_t *nonce, bool *ret_bare)
{
	struct hc_ocsp_cache *cache = &authd->ocsp->cache;
	const int64_t mono_ms = hc_mono_ms(authd->clock);
	const enum hc_err err = hc_cps_ocsp_nonce(view, len, nonce);

	*ret_bare = false;
	if (err == HC_OK && hc_ocsp_cache_close(cache, fingerprint, nonce, mono_ms))
		return true;
	if (err == HC_ERR_NOTFOUND && authd->config->cps.ocsp_nonce == HC_OCSP_NONCE_OPTIONAL &&
	    hc_ocsp_cache_close(cache, fingerprint, NULL, mono_ms)) {
		*ret_bare = true;
		return true;
	}
	return hc_random(nonce, HC_CPS_OCSP_NONCE_LEN) == HC_OK;
}

static void take(const struct hc_authd *authd, const struct hc_ocsp_card *card, const uint8_t *fingerprint,
		 const struct hc_msg *more)
{
	uint8_t nonce[HC_CPS_OCSP_NONCE_LEN];
	struct hc_cps_ocsp_answer answer;
	const uint8_t *view = NULL;
	size_t len = 0;
	bool bare = false;

	if (hc_msg_bytes(more, HC_FIELD_OCSP_RESPONSE, &view, &len) != HC_OK ||
	    !expected_nonce(authd, fingerprint, view, len, nonce, &bare))
		return;
	const struct hc_ocsp_time now = now_of(authd);
	const struct hc_cps_ocsp_question question = {.trust = card->trust,
						      .crls = card->crls,
						      .der = card->der,
						      .len = card->len,
						      .nonce = bare ? NULL : nonce,
						      .now_ms = now.real_ms};

	hc_cps_ocsp_verify(&question, view, len, &answer);
	if (answer.status == HC_CPS_OCSP_NO_ANSWER)
		hc_log(HC_LOG_WARNING, "the answer of the card's authority does not count",
		       HC_F_TEXT("url", authd->config->cps.ocsp_url),
		       HC_F_TEXT("reason", hc_cps_ocsp_fault_name(answer.fault)));
	hc_ocsp_cache_put(&authd->ocsp->cache, fingerprint, &answer, now);
}

/* Who waited for nothing once spares the next ones the same. */
static void note_silence(const struct hc_authd *authd, const uint8_t *fingerprint)
{
	const int64_t mono_ms = hc_mono_ms(authd->clock);

	if (!hc_ocsp_cache_close(&authd->ocsp->cache, fingerprint, NULL, mono_ms))
		return; /* nobody was asked */
	hc_log(HC_LOG_WARNING, "the card's authority did not answer",
	       HC_F_TEXT("url", authd->config->cps.ocsp_url));
	authd->ocsp->rest_until_ms = mono_ms + HC_OCSP_REST_MS;
}

enum hc_cps_ocsp_status hc_ocsp_result(const struct hc_authd *authd, const struct hc_ocsp_card *card,
				       const struct hc_msg *more)
{
	uint8_t fingerprint[HC_SHA256_LEN];

	if (authd->config->cps.ocsp == HC_OCSP_OFF || authd->ocsp == NULL ||
	    hc_sha256(card->der, card->len, fingerprint) != HC_OK)
		return HC_CPS_OCSP_NO_ANSWER;
	if (more != NULL)
		take(authd, card, fingerprint, more);
	else
		note_silence(authd, fingerprint);
	return hc_ocsp_cache_get(&authd->ocsp->cache, fingerprint, now_of(authd), max_age_ms(authd));
}

/* ---- what it is worth ---- */

static enum hc_reason by_list(enum hc_cps_revocation list, bool *ret_degraded)
{
	*ret_degraded = list == HC_CPS_GOOD_STALE;
	return list == HC_CPS_GOOD || list == HC_CPS_GOOD_STALE ? HC_REASON_NONE
								: HC_REASON_REVOCATION_UNKNOWN;
}

enum hc_reason hc_ocsp_combine(enum hc_ocsp_mode mode, enum hc_cps_revocation list,
			       enum hc_cps_ocsp_status word, bool *ret_degraded)
{
	*ret_degraded = false;
	/* Whoever says "revoked" is right. */
	if (list == HC_CPS_REVOKED || (mode != HC_OCSP_OFF && word == HC_CPS_OCSP_REVOKED))
		return HC_REASON_CERTIFICATE_REVOKED;
	switch (mode) {
	case HC_OCSP_OFF:
		return by_list(list, ret_degraded);
	case HC_OCSP_WHEN_REACHABLE:
		/* An authority that does not know a card of its own is no reason to ask an older list. */
		if (word == HC_CPS_OCSP_NO_ANSWER)
			return by_list(list, ret_degraded);
		break;
	case HC_OCSP_REQUIRED:
		break;
	}
	return word == HC_CPS_OCSP_GOOD ? HC_REASON_NONE : HC_REASON_REVOCATION_UNKNOWN;
}
