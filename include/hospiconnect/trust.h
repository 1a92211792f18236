/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TRUST_H
#define HC_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

/*
 * Authorities whose certificates were put into a trust directory, each by an explicit decision of the
 * administrator: those over the cards of people, and those over makes of security keys (libhcevidence/, over
 * OpenSSL 3's libcrypto; hc_crypto_start() comes first). Not changed after loading; one thread at a time.
 */
struct hc_trust;

#define HC_TRUST_MAX 64
#define HC_X509_MAX  8192 /* bytes of a certificate that is looked at */

/* What is known of one of them, for lists. */
struct hc_trust_anchor {
	char name[HC_LABEL_MAX + 1]; /* CN; empty where it is no text */
	bool root;		     /* its own issuer */
	bool test;		     /* of the test branch of IGC-Santé */
	bool persons;		     /* cards of people that it issued are looked at; a root may be one */
	bool organisations;	     /* IGC-Santé: an authority over organisations, never over people */
	int64_t not_after_ms;
	uint8_t fingerprint[32]; /* SHA-256 of the DER */
};

/* hc_trust_new: knows nobody. HC_ERR_NOMEM. */
HC_CHECK enum hc_err hc_trust_new(struct hc_trust **ret_trust);
void hc_trust_free(struct hc_trust **trust);

/*
 * hc_trust_add: a bundle (borrowed) in PEM, DER or PKCS#7 (PEM or DER), at most 1 MiB; ret_count (may be NULL):
 * certificates that were not known before. HC_ERR_INVALID: no certificate, something else in the bundle, or one
 * that is no authority (BasicConstraints, keyCertSign, RSA below 2048 or EC below 256 bits, not SHA-2): nothing is
 * added then. HC_ERR_FULL beyond HC_TRUST_MAX; HC_ERR_TOOBIG, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_trust_add(struct hc_trust *trust, const void *bundle, size_t len, size_t *ret_count);

/*
 * hc_trust_load: every file *.pem *.crt *.cer *.der *.p7b *.p7c of a directory of root's or ours where nobody else
 * may write; the files likewise. One that is refused refuses all and is named in the log. Reads files.
 * HC_ERR_NOTFOUND, HC_ERR_PERM, HC_ERR_INVALID, HC_ERR_IO, and those of hc_trust_add.
 */
HC_CHECK enum hc_err hc_trust_load(const char *directory, struct hc_trust **ret_trust);

size_t hc_trust_count(const struct hc_trust *trust);
void hc_trust_get(const struct hc_trust *trust, size_t index, struct hc_trust_anchor *ret_anchor);

/* hc_trust_pem: one of them as a file would hold it: PEM, NUL-terminated. HC_ERR_TOOBIG beyond cap, HC_ERR_NOMEM. */
#define HC_TRUST_PEM_MAX 12288
HC_CHECK enum hc_err hc_trust_pem(const struct hc_trust *trust, size_t index, char *out, size_t cap);

#endif
