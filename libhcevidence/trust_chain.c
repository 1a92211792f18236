/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a certificate to an authority that the administrator trusts. No state. Threats: links that a device
 * brings along (they are links, never ends), a weak link. It must never report a chain that OpenSSL did not verify as
 * a whole.
 */
#include <openssl/x509_vfy.h>

#include "anchors.h"

#define SECURITY_LEVEL 2 /* 112 bits: RSA of 2048 bits, SHA-2 */
#define DEPTH_MAX      4
#define MS_PER_S       1000

static void free_store(X509_STORE **store)
{
	X509_STORE_free(*store);
}

static void free_context(X509_STORE_CTX **context)
{
	X509_STORE_CTX_free(*context);
}

static X509_STORE *make_store(const struct hc_trust *trust, int64_t now_ms)
{
	X509_STORE *store = X509_STORE_new();

	if (store == NULL)
		return NULL;
	X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
	int ok = X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);

	X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / MS_PER_S));
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	for (size_t i = 0; ok == 1 && i < trust->count; i++)
		ok = X509_STORE_add_cert(store, trust->certificates[i]);
	if (ok == 1)
		return store;
	X509_STORE_free(store);
	return NULL;
}

int hc_trust_chain(const struct hc_trust *trust, X509 *certificate, STACK_OF(X509) * links, int64_t now_ms)
{
	X509_STORE *store HC_CLEANUP(free_store) = make_store(trust, now_ms);
	X509_STORE_CTX *context HC_CLEANUP(free_context) = X509_STORE_CTX_new();

	if (store == NULL || context == NULL || X509_STORE_CTX_init(context, store, certificate, links) != 1)
		return X509_V_ERR_OUT_OF_MEM;
	if (X509_verify_cert(context) == 1)
		return X509_V_OK;
	const int error = X509_STORE_CTX_get_error(context);

	return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}
