/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_OTP_H
#define HC_OTP_H

#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/store.h"

struct hc_secret;

/*
 * The codes themselves (RFC 4226, RFC 6238), by liboath, which nobody else in authd sees. Bounds that
 * enrolment keeps are kept here once more: seeds of HC_OTP_SEED_MIN to HC_OTP_SEED_MAX bytes, 6 or 8
 * digits, periods of HC_OTP_PERIOD_MIN to HC_OTP_PERIOD_MAX seconds. Errors: HC_ERR_INVALID outside of
 * these, HC_ERR_CRYPTO.
 */
#define HC_OTP_SEED_MIN	  16
#define HC_OTP_SEED_MAX	  64
#define HC_OTP_DIGITS_MAX 8
#define HC_OTP_PERIOD_MIN 15
#define HC_OTP_PERIOD_MAX 120

/* hc_otp_totp: the code of a time step (0 and above), appended to code (at least HC_OTP_DIGITS_MAX + 1 free bytes). */
HC_CHECK enum hc_err hc_otp_totp(const struct hc_secret *seed, enum hc_otp_algorithm algorithm,
				 uint32_t period_s, uint32_t digits, int64_t step, struct hc_secret *code);

/* hc_otp_hotp: the code of a counter (0 and above), with HMAC-SHA-1, which is all that RFC 4226 knows. */
HC_CHECK enum hc_err hc_otp_hotp(const struct hc_secret *seed, uint32_t digits, int64_t counter,
				 struct hc_secret *code);

#endif
