/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment of a TOTP or HOTP device: a seed, sealed into the store, and the otpauth URI that carries
 * it to the device once.
 *
 * No state. The seed exists in the clear in secrets only: as it is made or imported, and inside the
 * URI, which goes to the administrator's screen and is never kept. It runs inside the caller's
 * transaction; nothing is enrolled unless that is committed.
 */
#include <stdio.h>
#include <string.h>

#include "base32.h"
#include "credential.h"
#include "factor.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "otp.h"

#define URI_MAX	 1024
#define ID_TRIES 8

static size_t seed_len(enum hc_otp_algorithm algorithm)
{
	switch (algorithm) {
	case HC_OTP_SHA1:
		return 20;
	case HC_OTP_SHA256:
		return 32;
	case HC_OTP_SHA512:
		return 64;
	}
	return 0;
}

static const char *algorithm_name(enum hc_otp_algorithm algorithm)
{
	switch (algorithm) {
	case HC_OTP_SHA1:
		return "SHA1";
	case HC_OTP_SHA256:
		return "SHA256";
	case HC_OTP_SHA512:
		return "SHA512";
	}
	return "";
}

static bool type_fits(const struct hc_otp_request *request)
{
	switch (request->type) {
	case HC_CREDENTIAL_TOTP:
		return request->period_s >= HC_OTP_PERIOD_MIN && request->period_s <= HC_OTP_PERIOD_MAX;
	case HC_CREDENTIAL_HOTP:
		return request->algorithm == HC_OTP_SHA1 && request->period_s == 0;
	case HC_CREDENTIAL_RECOVERY:
	case HC_CREDENTIAL_FIDO2:
	case HC_CREDENTIAL_CPS:
		return false;
	}
	return false;
}

static bool request_is_valid(const struct hc_otp_request *request)
{
	size_t imported = request->seed != NULL ? hc_secret_len(request->seed) : HC_OTP_SEED_MIN;

	return type_fits(request) && seed_len(request->algorithm) != 0 &&
	       (request->digits == 6 || request->digits == 8) && imported >= HC_OTP_SEED_MIN &&
	       imported <= HC_OTP_SEED_MAX;
}

static enum hc_err append_text(struct hc_secret *uri, const char *text)
{
	return hc_secret_append(uri, text, strlen(text));
}

/* RFC 3986 section 2.1: everything but the unreserved characters. */
static enum hc_err append_encoded(struct hc_secret *uri, const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	enum hc_err err = HC_OK;

	for (const char *at = text; err == HC_OK && *at != '\0'; at++) {
		char encoded[4] = {*at, '\0'};

		if (strchr(unreserved, *at) == NULL)
			snprintf(encoded, sizeof(encoded), "%%%02X", (unsigned char)*at);
		err = append_text(uri, encoded);
	}
	return err;
}

static enum hc_err append_base32(struct hc_secret *uri, const struct hc_secret *seed)
{
	size_t room;
	char *space = (char *)hc_secret_space(uri, &room);
	size_t len = hc_secret_len(seed);
	enum hc_err err = hc_base32_encode(hc_secret_data(seed), len, HC_BASE32_UPPER, space, room);

	return err != HC_OK ? err : hc_secret_commit(uri, hc_base32_len(len));
}

/* The label of the Key URI format: "ISSUER:LOGIN". */
static enum hc_err append_label(struct hc_secret *uri, const char *issuer, const char *login)
{
	enum hc_err err = append_encoded(uri, issuer);

	if (err == HC_OK)
		err = append_text(uri, ":");
	if (err == HC_OK)
		err = append_encoded(uri, login);
	return err;
}

static enum hc_err make_uri(const struct hc_authd *authd, const struct hc_person *person,
			    const struct hc_otp_request *request, const struct hc_secret *seed,
			    struct hc_secret **ret_uri)
{
	bool totp = request->type == HC_CREDENTIAL_TOTP;
	const char *issuer = authd->config->otp.issuer;
	HC_AUTO(secret) uri = NULL;
	char tail[96];
	enum hc_err err = hc_secret_new(URI_MAX, &uri);

	if (err == HC_OK)
		err = append_text(uri, totp ? "otpauth://totp/" : "otpauth://hotp/");
	if (err == HC_OK)
		err = append_label(uri, issuer, person->login.text);
	if (err == HC_OK)
		err = append_text(uri, "?secret=");
	if (err == HC_OK)
		err = append_base32(uri, seed);
	if (err == HC_OK)
		err = append_text(uri, "&issuer=");
	if (err == HC_OK)
		err = append_encoded(uri, issuer);
	snprintf(tail, sizeof(tail), "&algorithm=%s&digits=%u&%s=%u", algorithm_name(request->algorithm),
		 request->digits, totp ? "period" : "counter", totp ? request->period_s : 0);
	if (err == HC_OK)
		err = append_text(uri, tail);
	if (err == HC_OK)
		*ret_uri = hc_steal_ptr(&uri);
	return err;
}

static struct hc_credential describe(const struct hc_person *person, const struct hc_otp_request *request,
				     int64_t now_ms)
{
	return (struct hc_credential){
		.person_id = person->id,
		.type = request->type,
		.state = request->active ? HC_CREDENTIAL_ACTIVE : HC_CREDENTIAL_PENDING,
		.label = request->label,
		.algorithm = request->algorithm,
		.digits = request->digits,
		.period_s = request->period_s,
		.last_step = -1,
		.created_ms = now_ms,
		.confirmed_ms = request->active ? now_ms : 0,
		.proofed_by = request->proofed_by,
		.document = request->document,
		.face_to_face = request->face_to_face,
	};
}

/* Sealed under its id, so a taken id (never in practice) means sealing again under another. */
static enum hc_err add_sealed(const struct hc_authd *authd, struct hc_credential *credential,
			      const struct hc_secret *seed)
{
	enum hc_err err = HC_ERR_EXISTS;

	for (unsigned i = 0; i < ID_TRIES && err == HC_ERR_EXISTS; i++) {
		err = hc_credential_id_new(&credential->id);
		if (err == HC_OK)
			err = hc_credential_seal(authd->seal, credential, seed);
		if (err == HC_OK)
			err = hc_store_credential_add(authd->store, credential);
	}
	return err;
}

enum hc_err hc_otp_enroll(const struct hc_authd *authd, const struct hc_person *person,
			  const struct hc_otp_request *request, struct hc_credential *ret_credential,
			  struct hc_secret **ret_uri)
{
	HC_AUTO(secret) made = NULL;
	HC_AUTO(secret) uri = NULL;
	const struct hc_secret *seed = request->seed;
	enum hc_err err;

	if (!request_is_valid(request))
		return HC_ERR_INVALID;
	err = hc_credential_room(authd, person->id);
	if (err == HC_OK && seed == NULL) {
		err = hc_random_secret(seed_len(request->algorithm), &made);
		seed = made;
	}
	if (err == HC_OK)
		err = make_uri(authd, person, request, seed, &uri);
	if (err != HC_OK)
		return err;

	struct hc_credential credential = describe(person, request, hc_now_ms(authd->clock));

	err = add_sealed(authd, &credential, seed);
	if (err != HC_OK)
		return err;
	*ret_credential = credential;
	*ret_uri = hc_steal_ptr(&uri);
	return HC_OK;
}
