/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists. State: the newest verified list of each authority. Threats: a list of somebody
 * else, an old one played back (a list that is not newer by its own date does not replace), one that
 * says "from the future", a list that ran out while the network was away: how long that may serve is
 * the caller's rule, and the answer says that it was used. No list is never "not revoked".
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "anchors.h"

#define CLOCK_SKEW_MS 300000

struct hc_cps_crls {
	size_t count;
	struct list {
		X509_CRL *crl; /* owned */
		X509 *issuer;  /* owned */
		struct hc_cps_crl_state state;
	} lists[HC_TRUST_MAX];
};

static void free_crl(X509_CRL **crl)
{
	X509_CRL_free(*crl);
}

enum hc_err hc_cps_crls_new(struct hc_cps_crls **ret_crls)
{
	*ret_crls = calloc(1, sizeof(**ret_crls));
	return *ret_crls == NULL ? HC_ERR_NOMEM : HC_OK;
}

void hc_cps_crls_free(struct hc_cps_crls **crls)
{
	if (crls == NULL || *crls == NULL)
		return;
	for (size_t i = 0; i < (*crls)->count; i++) {
		X509_CRL_free((*crls)->lists[i].crl);
		X509_free((*crls)->lists[i].issuer);
	}
	free(*crls);
	*crls = NULL;
}

size_t hc_cps_crls_count(const struct hc_cps_crls *crls)
{
	return crls->count;
}

void hc_cps_crls_get(const struct hc_cps_crls *crls, size_t index, struct hc_cps_crl_state *ret_state)
{
	*ret_state = crls->lists[index].state;
}

static X509_CRL *parse(const void *list, size_t len)
{
	const unsigned char *at = list;
	X509_CRL *crl = NULL;

	if (len == 0 || len > HC_CPS_CRL_MAX)
		return NULL;
	if (*at == 0x30) {
		crl = d2i_X509_CRL(NULL, &at, (long)len);
		if (crl != NULL && at != (const unsigned char *)list + len) {
			X509_CRL_free(crl);
			crl = NULL;
		}
		return crl;
	}
	BIO *bio = BIO_new_mem_buf(list, (int)len);

	if (bio != NULL)
		crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return crl;
}

/* A delta, an indirect list or one for some reasons alone is not the whole truth about an authority. */
static bool is_whole(const X509_CRL *crl)
{
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);

		if (X509_EXTENSION_get_critical(extension) == 1)
			return false;
	}
	return X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) < 0 &&
	       X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) < 0;
}

static bool has_good_digest(const X509_CRL *crl)
{
	const int nid = X509_CRL_get_signature_nid(crl);

	return nid == NID_sha256WithRSAEncryption || nid == NID_sha384WithRSAEncryption ||
	       nid == NID_sha512WithRSAEncryption || nid == NID_ecdsa_with_SHA256 ||
	       nid == NID_ecdsa_with_SHA384;
}

static X509 *find_issuer(const struct hc_trust *trust, X509_CRL *crl)
{
	for (size_t i = 0; i < trust->count; i++) {
		X509 *candidate = trust->certificates[i];
		const uint32_t flags = X509_get_extension_flags(candidate);

		if (X509_NAME_cmp(X509_get_subject_name(candidate), X509_CRL_get_issuer(crl)) != 0)
			continue;
		if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(candidate) & X509v3_KU_CRL_SIGN) == 0)
			continue;
		if (X509_CRL_verify(crl, X509_get0_pubkey(candidate)) == 1)
			return candidate;
	}
	return NULL;
}

static enum hc_err describe(X509_CRL *crl, int64_t now_ms, struct hc_cps_crl_state *state)
{
	const STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);

	*state = (struct hc_cps_crl_state){0};
	state->revoked_count = revoked == NULL ? 0 : sk_X509_REVOKED_num(revoked);
	if (X509_CRL_get0_nextUpdate(crl) == NULL ||
	    hc_x509_time(X509_CRL_get0_lastUpdate(crl), &state->this_update_ms) != HC_OK ||
	    hc_x509_time(X509_CRL_get0_nextUpdate(crl), &state->next_update_ms) != HC_OK ||
	    state->this_update_ms > now_ms + CLOCK_SKEW_MS || state->next_update_ms < state->this_update_ms)
		return HC_ERR_INVALID;
	if (X509_NAME_digest(X509_CRL_get_issuer(crl), EVP_sha256(), state->issuer_hash, NULL) != 1)
		return HC_ERR_CRYPTO;
	return hc_x509_name_text(X509_CRL_get_issuer(crl), NID_commonName, state->issuer_name,
				 sizeof(state->issuer_name));
}

/* crls->count where there is none. */
static size_t find_list(const struct hc_cps_crls *crls, const X509_NAME *issuer)
{
	size_t i = 0;

	while (i < crls->count && X509_NAME_cmp(X509_get_subject_name(crls->lists[i].issuer), issuer) != 0)
		i++;
	return i;
}

/* Takes over crl (cleared). */
static enum hc_err keep(struct hc_cps_crls *crls, X509_CRL **crl, X509 *issuer,
			const struct hc_cps_crl_state *state)
{
	const size_t at = find_list(crls, X509_get_subject_name(issuer));
	struct list *place = &crls->lists[at];

	if (at == HC_TRUST_MAX)
		return HC_ERR_FULL;
	if (at < crls->count && state->this_update_ms <= place->state.this_update_ms)
		return HC_ERR_EXISTS;
	if (X509_up_ref(issuer) != 1)
		return HC_ERR_CRYPTO;
	if (at == crls->count)
		crls->count++;
	X509_CRL_free(place->crl);
	X509_free(place->issuer);
	*place = (struct list){.crl = hc_steal_ptr(crl), .issuer = issuer, .state = *state};
	return HC_OK;
}

enum hc_err hc_cps_crls_add(struct hc_cps_crls *crls, const struct hc_trust *trust, const void *list,
			    size_t len, int64_t now_ms, struct hc_cps_crl_state *ret_state)
{
	X509_CRL *crl HC_CLEANUP(free_crl) = parse(list, len);
	struct hc_cps_crl_state state;

	if (crl == NULL || !is_whole(crl) || !has_good_digest(crl))
		return HC_ERR_INVALID;
	X509 *issuer = find_issuer(trust, crl);

	if (issuer == NULL)
		return HC_ERR_PERM;
	enum hc_err err = describe(crl, now_ms, &state);

	if (err == HC_OK)
		err = keep(crls, &crl, issuer, &state);
	if (err == HC_OK && ret_state != NULL)
		*ret_state = state;
	return err;
}

/* Not looked at by X509_CRL_get0_by_cert: 2 is removeFromCRL, which stands in deltas alone and revokes nothing. */
static bool is_revoked(X509_CRL *crl, X509 *certificate)
{
	X509_REVOKED *entry = NULL;

	return X509_CRL_get0_by_cert(crl, &entry, certificate) == 1;
}

enum hc_cps_revocation hc_cps_crl_freshness(const struct hc_cps_crl_state *state, int64_t now_ms,
					    int64_t degraded_ms)
{
	/* A clock that went back says nothing about how old the list is. */
	if (now_ms + CLOCK_SKEW_MS < state->this_update_ms)
		return HC_CPS_REVOCATION_UNKNOWN;
	if (now_ms < state->next_update_ms)
		return HC_CPS_GOOD;
	return now_ms - state->next_update_ms < degraded_ms ? HC_CPS_GOOD_STALE : HC_CPS_REVOCATION_UNKNOWN;
}

enum hc_cps_revocation hc_cps_crls_check(const struct hc_cps_crls *crls, const void *der, size_t len,
					 int64_t now_ms, int64_t degraded_ms,
					 struct hc_cps_crl_state *ret_state)
{
	HC_X509(certificate);

	if (hc_x509_parse(der, len, &certificate) != HC_OK)
		return HC_CPS_REVOCATION_UNKNOWN;
	const size_t at = find_list(crls, X509_get_issuer_name(certificate));
	const struct list *list = &crls->lists[at];

	if (at == crls->count || X509_verify(certificate, X509_get0_pubkey(list->issuer)) != 1)
		return HC_CPS_REVOCATION_UNKNOWN;
	if (ret_state != NULL)
		*ret_state = list->state;
	/* What is on a list stays revoked, however old the list is. */
	if (is_revoked(list->crl, certificate))
		return HC_CPS_REVOKED;
	return hc_cps_crl_freshness(&list->state, now_ms, degraded_ms);
}
