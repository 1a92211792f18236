/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CLIENT_H
#define HC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "jose/jwk.h"

struct hc_gstore_tx;
struct hc_gstore_view;

/*
 * Registered applications. A client is small and always read whole, so its lists are bounded texts
 * in its row: URIs one a line, scopes separated by a space.
 */
#define HC_CLIENT_ID_MAX   64
#define HC_CLIENT_NAME_MAX 128
#define HC_CLIENT_URIS_MAX 8
#define HC_URI_MAX	   512
#define HC_SCOPE_TEXT_MAX  512

enum hc_client_profile { HC_CLIENT_OIDC = 1, HC_CLIENT_PSC = 2 };
enum hc_client_auth { HC_CLIENT_SECRET_BASIC = 1, HC_CLIENT_SECRET_POST = 2, HC_CLIENT_PUBLIC = 3 };
enum hc_access_format { HC_ACCESS_OPAQUE = 1, HC_ACCESS_JWT = 2 };

/* Grant types, as bits. */
#define HC_GRANT_CODE	     0x1u
#define HC_GRANT_REFRESH     0x2u
#define HC_GRANT_CREDENTIALS 0x4u

/* Scope names of RFC 6749 (printable ASCII without quote and backslash), one space between two; empty: none. */
struct hc_scope_text {
	char text[HC_SCOPE_TEXT_MAX + 1];
};

/* Compared byte by byte. No control characters, no space, not empty. */
struct hc_uri_list {
	size_t count;
	char uri[HC_CLIENT_URIS_MAX][HC_URI_MAX + 1];
};

struct hc_client {
	int64_t number;			   /* the store's own; never reused; the other tables name it */
	char id[HC_CLIENT_ID_MAX + 1];	   /* [A-Za-z0-9._-]{1,64} */
	char name[HC_CLIENT_NAME_MAX + 1]; /* for people */
	enum hc_client_profile profile;
	enum hc_client_auth auth;
	uint8_t secret_hash[32]; /* SHA-256 of 256 random bits; all zero for HC_CLIENT_PUBLIC */
	uint32_t grants;	 /* HC_GRANT_… */
	struct hc_scope_text scopes;
	struct hc_uri_list redirect_uris, post_logout_uris;
	enum hc_jws_alg id_token_alg; /* RS256 or ES256 */
	enum hc_access_format access_format;
	bool may_introspect;
	int64_t created_ms, secret_changed_ms;
};

/*
 * hc_client_add: client->number is ignored, the new one goes to ret_number (may be NULL). HC_ERR_EXISTS
 * for a taken id. HC_ERR_INVALID for anything that the comments above exclude, a public client with
 * a secret or with HC_GRANT_CREDENTIALS, a confidential one without a secret.
 */
HC_CHECK enum hc_err hc_client_add(struct hc_gstore_tx *tx, const struct hc_client *client,
				   int64_t *ret_number);
/* hc_client_by_id: id is a NUL-terminated text of any length and content. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_client_by_id(struct hc_gstore_view *view, const char *id,
				     struct hc_client *ret_client);
HC_CHECK enum hc_err hc_client_by_number(struct hc_gstore_view *view, int64_t number,
					 struct hc_client *ret_client);
/* hc_client_list: up to max clients whose id sorts after `after` ("" for the first). */
HC_CHECK enum hc_err hc_client_list(struct hc_gstore_view *view, const char *after, size_t max,
				    struct hc_client *out, size_t *ret_count);
/* hc_client_set_secret: the old secret is worthless at once. HC_ERR_NOTFOUND; HC_ERR_STATE for a public client. */
HC_CHECK enum hc_err hc_client_set_secret(struct hc_gstore_tx *tx, const char *id,
					  const uint8_t secret_hash[32], int64_t now_ms);
/* hc_client_remove: with it everything that was ever issued to it is worthless. HC_ERR_NOTFOUND. */
HC_CHECK enum hc_err hc_client_remove(struct hc_gstore_tx *tx, const char *id);

#endif
