/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-time codes by liboath.
 *
 * State: liboath's own, made once (it is a self-test of its HMAC). The seed is read from, and the code
 * written to, secrets of the caller; liboath's working memory is not ours to scrub. Values outside of
 * the bounds never reach the library: a step is bounded so that step × period stays a time_t.
 */
#include "otp.h"

#include <stdbool.h>

#include <liboath/oath.h>

#include "hospiconnect/secret.h"

#define STEP_MAX (INT64_MAX / HC_OTP_PERIOD_MAX - 1)

static bool library_ready(void)
{
	static bool ready;

	if (!ready)
		ready = oath_init() == OATH_OK;
	return ready;
}

static bool within_bounds(const struct hc_secret *seed, uint32_t digits, int64_t moving)
{
	size_t len = hc_secret_len(seed);

	return len >= HC_OTP_SEED_MIN && len <= HC_OTP_SEED_MAX && (digits == 6 || digits == 8) &&
	       moving >= 0 && moving <= STEP_MAX;
}

/* Where liboath may write digits and a NUL, or NULL. */
static char *room_for_code(struct hc_secret *code, uint32_t digits)
{
	size_t room;
	uint8_t *space = hc_secret_space(code, &room);

	return room > digits ? (char *)space : NULL;
}

static bool flags_of(enum hc_otp_algorithm algorithm, int *ret_flags)
{
	switch (algorithm) {
	case HC_OTP_SHA1:
		*ret_flags = 0;
		return true;
	case HC_OTP_SHA256:
		*ret_flags = OATH_TOTP_HMAC_SHA256;
		return true;
	case HC_OTP_SHA512:
		*ret_flags = OATH_TOTP_HMAC_SHA512;
		return true;
	}
	return false;
}

enum hc_err hc_otp_totp(const struct hc_secret *seed, enum hc_otp_algorithm algorithm, uint32_t period_s,
			uint32_t digits, int64_t step, struct hc_secret *code)
{
	char *out = room_for_code(code, digits);
	int flags;

	if (!within_bounds(seed, digits, step) || period_s < HC_OTP_PERIOD_MIN ||
	    period_s > HC_OTP_PERIOD_MAX || !flags_of(algorithm, &flags) || out == NULL)
		return HC_ERR_INVALID;
	if (!library_ready())
		return HC_ERR_CRYPTO;
	if (oath_totp_generate2((const char *)hc_secret_data(seed), hc_secret_len(seed),
				(time_t)(step * (int64_t)period_s), period_s, 0, digits, flags,
				out) != OATH_OK)
		return HC_ERR_CRYPTO;
	return hc_secret_commit(code, digits);
}

enum hc_err hc_otp_hotp(const struct hc_secret *seed, uint32_t digits, int64_t counter,
			struct hc_secret *code)
{
	char *out = room_for_code(code, digits);

	if (!within_bounds(seed, digits, counter) || out == NULL)
		return HC_ERR_INVALID;
	if (!library_ready())
		return HC_ERR_CRYPTO;
	if (oath_hotp_generate((const char *)hc_secret_data(seed), hc_secret_len(seed), (uint64_t)counter,
			       digits, false, OATH_HOTP_DYNAMIC_TRUNCATION, out) != OATH_OK)
		return HC_ERR_CRYPTO;
	return hc_secret_commit(code, digits);
}
