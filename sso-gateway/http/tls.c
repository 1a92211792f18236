/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate, key and the rules of TLS, as one object that is exchanged as a whole.
 *
 * State: an OpenSSL context, counted, shared by the loops and not changed once it is made. Threats:
 * old protocols and suites without forward secrecy, renegotiation and compression, a key that others
 * may read or exchange, a certificate of another key, another protocol's client on this port (ALPN).
 * The key's bytes are scrubbed once OpenSSL has its own form of it.
 */
#include "http/tls.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "hospiconnect/file.h"
#include "hospiconnect/secret.h"

/* Forward secrecy and AEAD; what RFC 9325 and the ANSSI's guide recommend for 1.2. */
#define SUITES_1_2                                                   \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
#define SUITES_1_3 "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
#define GROUPS	   "X25519:P-256:P-384"

#define SECURITY_LEVEL 2 /* 112 bits: no RSA below 2048, no SHA-1 */
#define TICKET_LIFE_S  3600
#define PEM_MAX	       65536
#define CHAIN_MAX      10

struct hc_http_tls {
	atomic_uint references;
	SSL_CTX *context;
};

/* A file and what goes wrong with it, for people. */
struct pem_file {
	const char *path;
	struct hc_file_rules rules;
	const char *not_found, *not_private;
};

static void clear_bio(BIO **bio)
{
	BIO_free(*bio);
	*bio = NULL;
}

static void clear_x509(X509 **certificate)
{
	X509_free(*certificate);
	*certificate = NULL;
}

/* Asked for the password of an encrypted key: there is nobody to type it. */
static int no_password(char *out, int cap, int writing, void *ctx)
{
	(void)out;
	(void)cap;
	(void)writing;
	(void)ctx;
	return -1;
}

/* http/1.1 is chosen where it is offered; a client that offers only others is another protocol's. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned in_len, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_rules(SSL_CTX *context)
{
	static const unsigned char name[] = "hospiconnect-gateway";
	char groups[] = GROUPS; /* OpenSSL's macro casts const away */

	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
						   SSL_OP_CIPHER_SERVER_PREFERENCE |
						   SSL_OP_PRIORITIZE_CHACHA);
	/* Buffers only while a record is in them: an idle connection keeps none. */
	(void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets alone */
	(void)SSL_CTX_set_timeout(context, TICKET_LIFE_S);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(context, SUITES_1_2) == 1 &&
	       SSL_CTX_set_ciphersuites(context, SUITES_1_3) == 1 &&
	       SSL_CTX_set1_groups_list(context, groups) == 1 && SSL_CTX_set_num_tickets(context, 1) == 1 &&
	       SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1) == 1;
}

static enum hc_err read_pem(const struct pem_file *file, char **ret_data, size_t *ret_len,
			    const char **ret_why)
{
	enum hc_err err = hc_file_read(file->path, &file->rules, ret_data, ret_len);

	if (err == HC_OK)
		return HC_OK;
	*ret_why = "a file cannot be read";
	if (err == HC_ERR_NOTFOUND)
		*ret_why = file->not_found;
	else if (err == HC_ERR_PERM)
		*ret_why = file->not_private;
	else if (err == HC_ERR_TOOBIG)
		*ret_why = "a file is larger than 64 KiB";
	return err;
}

static enum hc_err use_chain(SSL_CTX *context, BIO *bio, const char **ret_why)
{
	HC_CLEANUP(clear_x509) X509 *leaf = PEM_read_bio_X509(bio, NULL, no_password, NULL);

	*ret_why = "the certificate file holds no usable certificate (PEM, at least RSA 2048 or P-256)";
	if (leaf == NULL || SSL_CTX_use_certificate(context, leaf) != 1)
		return HC_ERR_INVALID;
	*ret_why = "the certificate file holds a chain that is no chain";
	for (int i = 0; i < CHAIN_MAX; i++) {
		HC_CLEANUP(clear_x509) X509 *next = PEM_read_bio_X509(bio, NULL, no_password, NULL);

		if (next == NULL)
			return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? HC_OK
											    : HC_ERR_INVALID;
		if (SSL_CTX_add0_chain_cert(context, next) != 1)
			return HC_ERR_CRYPTO;
		next = NULL; /* the context's now */
	}
	return HC_ERR_TOOBIG;
}

static enum hc_err load_certificate(SSL_CTX *context, const char *path, const char **ret_why)
{
	const struct pem_file file = {
		.path = path,
		.rules = {.owner = geteuid(), .root_too = true, .forbidden = 0022, .max_len = PEM_MAX},
		.not_found = "the certificate file does not exist",
		.not_private =
			"the certificate file must be a regular file of ours or root's that nobody else may "
			"write",
	};
	char *data = NULL;
	size_t len = 0;
	enum hc_err err = read_pem(&file, &data, &len, ret_why);

	if (err != HC_OK)
		return err;

	HC_CLEANUP(clear_bio) BIO *bio = BIO_new_mem_buf(data, (int)len);

	err = bio == NULL ? HC_ERR_NOMEM : use_chain(context, bio, ret_why);
	free(data);
	return err;
}

static enum hc_err use_key(SSL_CTX *context, const char *data, size_t len, const char **ret_why)
{
	HC_CLEANUP(clear_bio) BIO *bio = BIO_new_mem_buf(data, (int)len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	bool ok = false;

	*ret_why = "the key file holds no usable private key (PEM, not encrypted)";
	if (key == NULL)
		return HC_ERR_INVALID;
	*ret_why = "the private key is not the certificate's";
	ok = SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
	EVP_PKEY_free(key);
	return ok ? HC_OK : HC_ERR_INVALID;
}

static enum hc_err load_key(SSL_CTX *context, const char *path, const char **ret_why)
{
	const struct pem_file file = {
		.path = path,
		.rules = {.owner = geteuid(), .root_too = true, .forbidden = 0037, .max_len = PEM_MAX},
		.not_found = "the key file does not exist",
		.not_private = "the key file must be a regular file of ours or root's, mode 0640 or stricter",
	};
	char *data = NULL;
	size_t len = 0;
	enum hc_err err = read_pem(&file, &data, &len, ret_why);

	if (err != HC_OK)
		return err;
	err = use_key(context, data, len, ret_why);
	hc_scrub(data, len);
	free(data);
	return err;
}

enum hc_err hc_http_tls_load(const char *certificate, const char *key, struct hc_http_tls **ret_tls,
			     const char **ret_why)
{
	struct hc_http_tls *tls = calloc(1, sizeof(*tls));
	enum hc_err err = HC_OK;

	*ret_why = "OpenSSL refused";
	if (tls == NULL)
		return HC_ERR_NOMEM;
	atomic_init(&tls->references, 1);
	tls->context = SSL_CTX_new(TLS_server_method());
	if (tls->context == NULL || !set_rules(tls->context))
		err = HC_ERR_CRYPTO;
	if (err == HC_OK)
		err = load_certificate(tls->context, certificate, ret_why);
	if (err == HC_OK)
		err = load_key(tls->context, key, ret_why);
	ERR_clear_error();
	if (err != HC_OK) {
		hc_http_tls_unref(&tls);
		return err;
	}
	*ret_tls = tls;
	return HC_OK;
}

struct hc_http_tls *hc_http_tls_ref(struct hc_http_tls *tls)
{
	atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
	return tls;
}

void hc_http_tls_unref(struct hc_http_tls **tls)
{
	if (tls == NULL || *tls == NULL)
		return;
	if (atomic_fetch_sub_explicit(&(*tls)->references, 1, memory_order_acq_rel) == 1) {
		SSL_CTX_free((*tls)->context);
		free(*tls);
	}
	*tls = NULL;
}

int64_t hc_http_tls_expires(const struct hc_http_tls *tls)
{
	const X509 *leaf = SSL_CTX_get0_certificate(tls->context);
	struct tm tm = {0};

	if (leaf == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm) * 1000;
}

bool hc_http_tls_names(const struct hc_http_tls *tls, const char *host)
{
	X509 *leaf = SSL_CTX_get0_certificate(tls->context);

	return leaf != NULL &&
	       (X509_check_ip_asc(leaf, host, 0) == 1 ||
		X509_check_host(leaf, host, 0,
				X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
				NULL) == 1);
}

bool hc_http_tls_self_made(const struct hc_http_tls *tls)
{
	X509 *leaf = SSL_CTX_get0_certificate(tls->context);

	return leaf != NULL && X509_self_signed(leaf, 1) == 1;
}

enum hc_err hc_tls_session(struct hc_http_tls *tls, int fd, struct ssl_st **ret_session)
{
	SSL *ssl = SSL_new(tls->context);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return HC_ERR_NOMEM;
	}
	SSL_set_accept_state(ssl);
	*ret_session = ssl;
	return HC_OK;
}
