/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question about one card, and what the answer says. No state. Threats: an answer that somebody else made, one about
 * another card, an old one played back, one from a responder whose clock or key is wrong, an answer with something in it that
 * must be understood and is not. Whatever does not keep every rule is the same as no answer. It must never make
 * "good" of anything but one signed answer about this card, for this question, of now.
 */
#include <string.h>

#include <openssl/evp.h>

#include "cps_ocsp.h"

static void free_request(OCSP_REQUEST **request)
{
	OCSP_REQUEST_free(*request);
}

static void free_id(OCSP_CERTID **id)
{
	OCSP_CERTID_free(*id);
}

const char *hc_cps_ocsp_fault_name(enum hc_cps_ocsp_fault fault)
{
	switch (fault) {
	case HC_CPS_OCSP_FAULT_NONE:
		return "none";
	case HC_CPS_OCSP_MALFORMED:
		return "malformed";
	case HC_CPS_OCSP_ERROR_STATUS:
		return "the responder reports an error";
	case HC_CPS_OCSP_OTHER_CARD:
		return "about another certificate";
	case HC_CPS_OCSP_WRONG_SIGNER:
		return "not signed for the card's authority";
	case HC_CPS_OCSP_WRONG_NONCE:
		return "not the answer to this question (nonce)";
	case HC_CPS_OCSP_NOT_NOW:
		return "not of now";
	}
	return "unknown";
}

/* ---- the question ---- */

/* SHA-1 names the issuer here and protects nothing: every responder knows it, and the signature is the issuer's. */
static OCSP_CERTID *identify(X509 *certificate, X509 *issuer)
{
	return OCSP_cert_to_id(EVP_sha1(), certificate, issuer);
}

static enum hc_err encode(OCSP_REQUEST *request, uint8_t *out, size_t *ret_len)
{
	unsigned char *at = out;
	const int len = i2d_OCSP_REQUEST(request, NULL);

	if (len <= 0)
		return HC_ERR_NOMEM;
	if (len > HC_CPS_OCSP_REQUEST_MAX)
		return HC_ERR_TOOBIG;
	*ret_len = (size_t)i2d_OCSP_REQUEST(request, &at);
	return HC_OK;
}

enum hc_err hc_cps_ocsp_request(const struct hc_trust *trust, const void *der, size_t len,
				const uint8_t nonce[HC_CPS_OCSP_NONCE_LEN],
				uint8_t out[HC_CPS_OCSP_REQUEST_MAX], size_t *ret_len)
{
	HC_X509(certificate);
	OCSP_REQUEST *request HC_CLEANUP(free_request) = OCSP_REQUEST_new();
	OCSP_CERTID *id HC_CLEANUP(free_id) = NULL;
	unsigned char value[HC_CPS_OCSP_NONCE_LEN];
	enum hc_err err = hc_x509_parse(der, len, &certificate);

	if (err != HC_OK)
		return err;
	X509 *issuer = hc_trust_issuer(trust, certificate);

	if (issuer == NULL)
		return HC_ERR_NOTFOUND;
	memcpy(value, nonce, sizeof(value));
	id = identify(certificate, issuer);
	if (request == NULL || id == NULL || OCSP_request_add0_id(request, id) == NULL)
		return HC_ERR_NOMEM;
	id = NULL; /* the request's */
	if (OCSP_request_add1_nonce(request, value, (int)sizeof(value)) != 1)
		return HC_ERR_NOMEM;
	return encode(request, out, ret_len);
}

/* ---- the answer ---- */

OCSP_BASICRESP *hc_ocsp_basic(const void *response, size_t len, enum hc_cps_ocsp_fault *ret_fault)
{
	const unsigned char *at = response;
	OCSP_BASICRESP *answer = NULL;

	*ret_fault = HC_CPS_OCSP_MALFORMED;
	if (len == 0 || len > HC_CPS_OCSP_RESPONSE_MAX)
		return NULL;
	OCSP_RESPONSE *whole = d2i_OCSP_RESPONSE(NULL, &at, (long)len);

	if (whole != NULL && at == (const unsigned char *)response + len) {
		if (OCSP_response_status(whole) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
			*ret_fault = HC_CPS_OCSP_ERROR_STATUS;
		else
			answer = OCSP_response_get1_basic(whole);
	}
	OCSP_RESPONSE_free(whole);
	return answer;
}

enum hc_err hc_ocsp_basic_nonce(OCSP_BASICRESP *answer, uint8_t out[HC_CPS_OCSP_NONCE_LEN])
{
	static const unsigned char head[] = {V_ASN1_OCTET_STRING, HC_CPS_OCSP_NONCE_LEN};
	const int at = OCSP_BASICRESP_get_ext_by_NID(answer, NID_id_pkix_OCSP_Nonce, -1);

	if (at < 0)
		return HC_ERR_NOTFOUND;
	if (OCSP_BASICRESP_get_ext_by_NID(answer, NID_id_pkix_OCSP_Nonce, at) >= 0)
		return HC_ERR_INVALID;
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(answer, at));
	const unsigned char *data = ASN1_STRING_get0_data(value);

	if (ASN1_STRING_length(value) != (int)sizeof(head) + HC_CPS_OCSP_NONCE_LEN ||
	    memcmp(data, head, sizeof(head)) != 0)
		return HC_ERR_INVALID;
	memcpy(out, data + sizeof(head), HC_CPS_OCSP_NONCE_LEN);
	return HC_OK;
}

enum hc_err hc_cps_ocsp_nonce(const void *response, size_t len, uint8_t ret_nonce[HC_CPS_OCSP_NONCE_LEN])
{
	enum hc_cps_ocsp_fault fault = HC_CPS_OCSP_FAULT_NONE;
	OCSP_BASICRESP *answer HC_CLEANUP(hc_ocsp_basic_free) = hc_ocsp_basic(response, len, &fault);

	return answer == NULL ? HC_ERR_INVALID : hc_ocsp_basic_nonce(answer, ret_nonce);
}

/* The one statement about this card. Others may stand beside it, and are nothing to us; a second one about it is too much. */
static OCSP_SINGLERESP *find_statement(OCSP_BASICRESP *answer, OCSP_CERTID *id)
{
	const int at = OCSP_resp_find(answer, id, -1);

	if (at < 0 || OCSP_resp_find(answer, id, at) >= 0)
		return NULL;
	return OCSP_resp_get0(answer, at);
}

/* The nonce alone is understood here; of a statement, nothing beyond its fields. */
static bool asks_too_much(OCSP_BASICRESP *answer, OCSP_SINGLERESP *statement)
{
	for (int i = 0; i < OCSP_BASICRESP_get_ext_count(answer); i++) {
		X509_EXTENSION *extension = OCSP_BASICRESP_get_ext(answer, i);

		if (X509_EXTENSION_get_critical(extension) == 1 &&
		    OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_id_pkix_OCSP_Nonce)
			return true;
	}
	return OCSP_SINGLERESP_get_ext_by_critical(statement, 1, -1) >= 0;
}

static bool has_nonce(OCSP_BASICRESP *answer, const uint8_t *nonce)
{
	uint8_t found[HC_CPS_OCSP_NONCE_LEN];
	const enum hc_err err = hc_ocsp_basic_nonce(answer, found);

	if (nonce == NULL)
		return err == HC_ERR_NOTFOUND;
	return err == HC_OK && memcmp(found, nonce, sizeof(found)) == 0;
}

static enum hc_err read_time(const ASN1_GENERALIZEDTIME *time, int64_t *ret_ms)
{
	if (time == NULL)
		return HC_ERR_NOTFOUND;
	return ASN1_GENERALIZEDTIME_check(time) == 1 ? hc_x509_time(time, ret_ms) : HC_ERR_INVALID;
}

/* When it was said, and until when that is good. */
static bool is_of_now(OCSP_BASICRESP *answer, const struct hc_cps_ocsp_answer *said, int64_t now_ms)
{
	int64_t produced_ms = 0;

	if (read_time(OCSP_resp_get0_produced_at(answer), &produced_ms) != HC_OK ||
	    produced_ms > now_ms + HC_CPS_OCSP_SKEW_MS || said->this_update_ms > now_ms + HC_CPS_OCSP_SKEW_MS)
		return false;
	if (said->next_update_ms == 0)
		return now_ms - said->this_update_ms < HC_CPS_OCSP_AGE_BARE_MS;
	return said->next_update_ms >= said->this_update_ms &&
	       now_ms < said->next_update_ms + HC_CPS_OCSP_SKEW_MS &&
	       now_ms - said->this_update_ms < HC_CPS_OCSP_AGE_MAX_MS;
}

/* False: its dates are none. */
static bool read_statement(OCSP_SINGLERESP *statement, struct hc_cps_ocsp_answer *said)
{
	ASN1_GENERALIZEDTIME *revoked = NULL;
	ASN1_GENERALIZEDTIME *from = NULL;
	ASN1_GENERALIZEDTIME *until = NULL;
	int reason = OCSP_REVOKED_STATUS_NOSTATUS;
	const int status = OCSP_single_get0_status(statement, &reason, &revoked, &from, &until);

	if (read_time(from, &said->this_update_ms) != HC_OK)
		return false;
	if (until != NULL && (read_time(until, &said->next_update_ms) != HC_OK || said->next_update_ms <= 0))
		return false;
	said->status = status == V_OCSP_CERTSTATUS_GOOD	     ? HC_CPS_OCSP_GOOD
		       : status == V_OCSP_CERTSTATUS_REVOKED ? HC_CPS_OCSP_REVOKED
							     : HC_CPS_OCSP_UNKNOWN;
	/* 8, removeFromCRL, has no business here; it ends a hold. */
	said->hold = said->status == HC_CPS_OCSP_REVOKED && (reason == OCSP_REVOKED_STATUS_CERTIFICATEHOLD ||
							     reason == OCSP_REVOKED_STATUS_REMOVEFROMCRL);
	return true;
}

static enum hc_cps_ocsp_fault judge(OCSP_BASICRESP *answer, X509 *certificate, X509 *issuer,
				    const struct hc_cps_ocsp_question *question,
				    struct hc_cps_ocsp_answer *said)
{
	OCSP_CERTID *id HC_CLEANUP(free_id) = identify(certificate, issuer);
	OCSP_SINGLERESP *statement = id == NULL ? NULL : find_statement(answer, id);

	if (statement == NULL)
		return HC_CPS_OCSP_OTHER_CARD;
	if (!hc_ocsp_signed_for(answer, issuer, question))
		return HC_CPS_OCSP_WRONG_SIGNER;
	if (asks_too_much(answer, statement) || !read_statement(statement, said))
		return HC_CPS_OCSP_MALFORMED;
	/* What was revoked for good stays so: an old answer is as true as a new one. */
	if (said->status == HC_CPS_OCSP_REVOKED && !said->hold)
		return HC_CPS_OCSP_FAULT_NONE;
	if (!has_nonce(answer, question->nonce))
		return HC_CPS_OCSP_WRONG_NONCE;
	return is_of_now(answer, said, question->now_ms) ? HC_CPS_OCSP_FAULT_NONE : HC_CPS_OCSP_NOT_NOW;
}

void hc_cps_ocsp_verify(const struct hc_cps_ocsp_question *question, const void *response, size_t len,
			struct hc_cps_ocsp_answer *ret_answer)
{
	HC_X509(certificate);
	OCSP_BASICRESP *answer HC_CLEANUP(hc_ocsp_basic_free) = NULL;
	struct hc_cps_ocsp_answer said = {0};
	X509 *issuer = NULL;

	*ret_answer = (struct hc_cps_ocsp_answer){.fault = HC_CPS_OCSP_MALFORMED};
	if (hc_x509_parse(question->der, question->len, &certificate) == HC_OK)
		issuer = hc_trust_issuer(question->trust, certificate);
	answer = hc_ocsp_basic(response, len, &ret_answer->fault);
	if (answer == NULL)
		return;
	ret_answer->fault = HC_CPS_OCSP_WRONG_SIGNER;
	if (issuer == NULL)
		return;
	ret_answer->fault = judge(answer, certificate, issuer, question, &said);
	if (ret_answer->fault == HC_CPS_OCSP_FAULT_NONE)
		*ret_answer = said;
}
