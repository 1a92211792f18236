/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOTP and HOTP: is this the code that one of the person's devices shows now?
 *
 * No state; the store remembers the last accepted step, the learned drift and the counter. Threats:
 * a code seen and used again (each step and counter is consumed once, by one statement that names the
 * unused state), a guesser who measures time (every candidate of every credential is compared, in
 * constant time and without leaving early), a device whose clock is far off (a match outside of the
 * window around its learned drift never passes).
 *
 * A credential that does not open must not turn a wrong answer into "not available": wrong answers
 * are counted as long as one credential could be compared.
 */
#include <string.h>

#include "credential.h"
#include "factor.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"
#include "otp.h"

#define MS_PER_S 1000

/* What the comparison with all candidates of one credential found. */
struct match {
	bool fresh;	/* an unused candidate is equal */
	bool used;	/* a used one is */
	int64_t moving; /* the step or counter of the fresh one */
	int64_t drift;	/* TOTP: what is learned from it */
};

static bool is_separator(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '-';
}

static bool otp_matches(const struct hc_secret *answer)
{
	const uint8_t *data = hc_secret_data(answer);
	size_t digits = 0;

	for (size_t i = 0; i < hc_secret_len(answer); i++) {
		if (is_separator(data[i]))
			continue;
		if (data[i] < '0' || data[i] > '9')
			return false;
		digits++;
	}
	return digits == 6 || digits == 8;
}

/* The digits alone. */
static enum hc_err canonical_code(const struct hc_secret *answer, struct hc_secret **ret_code)
{
	HC_AUTO(secret) code = NULL;
	enum hc_err err;

	if (!otp_matches(answer))
		return HC_ERR_INVALID;
	err = hc_secret_new(HC_OTP_DIGITS_MAX, &code);
	for (size_t i = 0; err == HC_OK && i < hc_secret_len(answer); i++) {
		if (!is_separator(hc_secret_data(answer)[i]))
			err = hc_secret_append(code, &hc_secret_data(answer)[i], 1);
	}
	if (err == HC_OK)
		*ret_code = hc_steal_ptr(&code);
	return err;
}

static int64_t clamp(int64_t value, int64_t bound)
{
	if (value > bound)
		return bound;
	return value < -bound ? -bound : value;
}

/* Of several equal candidates the last step is taken: the others are behind it, and so used up too. */
static enum hc_err match_totp(const struct hc_authd *authd, const struct hc_credential *credential,
			      const struct hc_secret *seed, const struct hc_secret *answer,
			      struct match *match)
{
	const struct hc_otp_rules *rules = &authd->config->otp;
	HC_AUTO(secret) code = NULL;
	int64_t now_ms = hc_now_ms(authd->clock);
	enum hc_err err = hc_secret_new(HC_OTP_DIGITS_MAX + 1, &code);

	if (err != HC_OK)
		return err;
	if (credential->period_s == 0 || now_ms < 0)
		return HC_ERR_CORRUPT;

	int64_t here = now_ms / MS_PER_S / (int64_t)credential->period_s;
	int64_t expected = here + clamp(credential->drift_steps, rules->totp_drift_max);

	for (int64_t step = expected - rules->totp_window; step <= expected + rules->totp_window; step++) {
		if (step < 0)
			continue;
		hc_secret_clear(code);
		err = hc_otp_totp(seed, credential->algorithm, credential->period_s, credential->digits, step,
				  code);
		if (err != HC_OK)
			return err;

		bool equal = hc_secret_equal(code, answer);
		bool unused = step > credential->last_step;

		match->used |= equal & !unused;
		match->fresh |= equal & unused;
		match->moving = (equal & unused) ? step : match->moving;
	}
	match->drift = clamp(match->moving - here, rules->totp_drift_max);
	return HC_OK;
}

/*
 * Of several equal counters the first is taken, which is where the device most likely stands. The
 * window behind the expected counter only serves to say that a code was used.
 */
static enum hc_err match_hotp(const struct hc_authd *authd, const struct hc_credential *credential,
			      const struct hc_secret *seed, const struct hc_secret *answer,
			      struct match *match)
{
	int64_t window = authd->config->otp.hotp_window;
	HC_AUTO(secret) code = NULL;
	enum hc_err err = hc_secret_new(HC_OTP_DIGITS_MAX + 1, &code);

	if (err != HC_OK)
		return err;
	if (credential->counter < 0 || credential->counter > INT64_MAX - window)
		return HC_ERR_CORRUPT;
	for (int64_t counter = credential->counter - window; counter <= credential->counter + window;
	     counter++) {
		if (counter < 0)
			continue;
		hc_secret_clear(code);
		err = hc_otp_hotp(seed, credential->digits, counter, code);
		if (err != HC_OK)
			return err;

		bool equal = hc_secret_equal(code, answer);
		bool unused = counter >= credential->counter;

		match->used |= equal & !unused;
		match->moving = (equal & unused & !match->fresh) ? counter : match->moving;
		match->fresh |= equal & unused;
	}
	return HC_OK;
}

static bool is_otp(const struct hc_credential *credential)
{
	return credential->type == HC_CREDENTIAL_TOTP || credential->type == HC_CREDENTIAL_HOTP;
}

static enum hc_err match_credential(const struct hc_authd *authd, const struct hc_credential *credential,
				    const struct hc_secret *answer, struct match *match)
{
	HC_AUTO(secret) seed = NULL;
	enum hc_err err;

	/* A code of another length cannot be this device's: nothing to compare. */
	if (hc_secret_len(answer) != credential->digits)
		return HC_OK;
	err = hc_credential_unseal(authd->seal, credential, &seed);
	if (err != HC_OK)
		return err;
	if (credential->type == HC_CREDENTIAL_TOTP)
		return match_totp(authd, credential, seed, answer, match);
	return match_hotp(authd, credential, seed, answer, match);
}

static enum hc_err consume(const struct hc_authd *authd, const struct hc_credential *credential,
			   const struct match *match)
{
	int64_t now_ms = hc_now_ms(authd->clock);

	if (credential->type == HC_CREDENTIAL_TOTP)
		return hc_store_totp_consume(authd->store, &credential->id, match->moving, match->drift,
					     now_ms);
	return hc_store_hotp_consume(authd->store, &credential->id, match->moving, now_ms);
}

static void accept_match(const struct hc_authd *authd, const struct hc_credential *credential,
			 const struct match *match, struct hc_factor_outcome *outcome)
{
	enum hc_err err = consume(authd, credential, match);

	outcome->credential = credential->id;
	if (err == HC_OK) {
		outcome->result = HC_FACTOR_VERIFIED;
	} else if (err == HC_ERR_STATE) {
		outcome->result = HC_FACTOR_REFUSED;
		outcome->reason = HC_REASON_CODE_ALREADY_USED;
	} else {
		outcome->result = HC_FACTOR_BROKEN;
		outcome->reason = hc_reason_of_err(err);
	}
}

static void broken(struct hc_factor_outcome *outcome, enum hc_err err)
{
	outcome->result = HC_FACTOR_BROKEN;
	outcome->reason = hc_reason_of_err(err);
}

/* Compares with every active credential; the first that shows the code is consumed. */
static void verify_all(const struct hc_authd *authd, const struct hc_credential *held, size_t count,
		       const struct hc_secret *code, struct hc_factor_outcome *outcome)
{
	const struct hc_credential *found = NULL;
	struct match found_match = {0};
	size_t compared = 0;
	enum hc_err failure = HC_OK;

	for (size_t i = 0; i < count; i++) {
		struct match match = {0};

		if (!is_otp(&held[i]) || held[i].state != HC_CREDENTIAL_ACTIVE)
			continue;
		enum hc_err err = match_credential(authd, &held[i], code, &match);

		if (err != HC_OK) {
			failure = err;
			hc_log(HC_LOG_ERROR, "credential cannot be verified",
			       HC_F_TEXT("credential", held[i].id.text),
			       HC_F_TEXT("reason", hc_strerror(err)));
			continue;
		}
		compared++;
		if (match.used && outcome->reason == HC_REASON_WRONG_CODE) {
			outcome->reason = HC_REASON_CODE_ALREADY_USED;
			outcome->credential = held[i].id;
		}
		if (match.fresh && found == NULL) {
			found = &held[i];
			found_match = match;
		}
	}
	if (found != NULL)
		accept_match(authd, found, &found_match, outcome);
	else if (compared == 0 && failure != HC_OK)
		broken(outcome, failure);
}

static void otp_verify(const struct hc_authd *authd, const struct hc_person *person,
		       const struct hc_secret *answer, struct hc_factor_outcome *ret_outcome)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	HC_AUTO(secret) code = NULL;
	size_t count;
	enum hc_err err;

	*ret_outcome =
		(struct hc_factor_outcome){.result = HC_FACTOR_REFUSED, .reason = HC_REASON_WRONG_CODE};
	err = canonical_code(answer, &code);
	if (err == HC_ERR_INVALID)
		return;
	if (err == HC_OK)
		err = hc_store_credential_list(authd->store, person->id, false, HC_COUNT(held), held, &count);
	if (err != HC_OK) {
		broken(ret_outcome, err);
		return;
	}
	verify_all(authd, held, count, code, ret_outcome);
}

enum hc_err hc_otp_confirm(const struct hc_authd *authd, const struct hc_credential *credential,
			   const struct hc_secret *code, enum hc_reason *ret_reason)
{
	HC_AUTO(secret) digits = NULL;
	struct match match = {0};
	enum hc_err err;

	*ret_reason = HC_REASON_WRONG_STATE;
	if (!is_otp(credential) || credential->state != HC_CREDENTIAL_PENDING)
		return HC_ERR_STATE;
	*ret_reason = HC_REASON_CONFIRMATION_FAILED;
	err = canonical_code(code, &digits);
	if (err == HC_ERR_INVALID)
		return HC_ERR_PERM;
	if (err == HC_OK)
		err = match_credential(authd, credential, digits, &match);
	if (err == HC_OK && !match.fresh)
		return HC_ERR_PERM;
	if (err == HC_OK)
		err = consume(authd, credential, &match);
	if (err == HC_OK)
		err = hc_store_credential_confirm(authd->store, &credential->id, hc_now_ms(authd->clock));
	*ret_reason = err == HC_OK ? HC_REASON_NONE : hc_reason_of_err(err);
	return err;
}

const struct hc_factor_ops hc_factor_otp = {
	.name = "totp",
	.factor = HC_FACTOR_OTP,
	.method = HC_METHOD_TOTP,
	.matches = otp_matches,
	.verify = otp_verify,
};
