/* SPDX-License-Identifier: Apache-2.0 */
/* The server over TLS: what a handshake may be, certificates and their exchange. */
#include "http_support.h"

#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tests/support/tempdir.h"

#define HOST "Host: a\r\n"
#define ECHO "GET /echo HTTP/1.1\r\n" HOST "\r\n"
#define SAID "1|127.0.0.1|tls|/echo||"

struct tls_rig {
	struct rig *rig;
	struct tempdir dir;
	char certificate[96], key[96];
};

/* ---- certificates ---- */

static EVP_PKEY *make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
						    -1, -1, 0),
			 1);
	assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

static void write_key(const char *path, EVP_PKEY *key, const EVP_CIPHER *cipher, mode_t mode)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, key, cipher,
					      cipher != NULL ? (const unsigned char *)"pw" : NULL,
					      cipher != NULL ? 2 : 0, NULL, NULL),
			 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void write_certificates(const char *path, X509 *const *certificates, size_t count)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(PEM_write_X509(file, certificates[i]), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

/* A new key and certificate in the rig's files. */
static void issue(struct tls_rig *tls, const char *name)
{
	EVP_PKEY *key = make_key();
	X509 *certificate = make_certificate(key, name);

	write_key(tls->key, key, NULL, 0600);
	write_certificates(tls->certificate, &certificate, 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static struct hc_http_tls *load(const struct tls_rig *tls)
{
	struct hc_http_tls *loaded = NULL;
	const char *why = NULL;
	enum hc_err err = hc_http_tls_load(tls->certificate, tls->key, &loaded, &why);

	if (err != HC_OK)
		fail_msg("%s: %s", hc_strerror(err), why);
	return loaded;
}

static int set_up(void **state)
{
	struct tls_rig *tls = calloc(1, sizeof(*tls));

	assert_non_null(tls);
	assert_true(tempdir_make(&tls->dir));
	(void)tempdir_file(&tls->dir, "certificate.pem", tls->certificate, sizeof(tls->certificate));
	(void)tempdir_file(&tls->dir, "key.pem", tls->key, sizeof(tls->key));
	issue(tls, "first");
	tls->rig = rig_new(load(tls));
	*state = tls;
	return 0;
}

static int tear_down(void **state)
{
	struct tls_rig *tls = *state;

	rig_free(tls->rig);
	tempdir_remove(&tls->dir);
	free(tls);
	return 0;
}

/* ---- clients ---- */

struct client {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
};

static struct client client_new(void)
{
	struct client client = {.context = SSL_CTX_new(TLS_client_method()), .fd = -1};

	assert_non_null(client.context);
	SSL_CTX_set_security_level(client.context, 0); /* what is refused is refused by the server */
	return client;
}

/* 1, or what OpenSSL says; the alert of the server, if it sent one, in ret_alert. */
static int client_connect(struct client *client, const struct rig *rig, int *ret_alert)
{
	int result = 0;

	client->fd = dial(rig);
	client->ssl = SSL_new(client->context);
	assert_int_equal(SSL_set_fd(client->ssl, client->fd), 1);
	ERR_clear_error();
	result = SSL_connect(client->ssl);
	*ret_alert = ERR_GET_REASON(ERR_peek_error());
	return result;
}

static void client_hang_up(struct client *client)
{
	SSL_free(client->ssl);
	client->ssl = NULL;
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
}

static void client_free(struct client *client)
{
	client_hang_up(client);
	SSL_CTX_free(client->context);
}

static void connect_well(struct client *client, const struct rig *rig)
{
	int alert = 0;

	if (client_connect(client, rig, &alert) != 1)
		fail_msg("handshake: %s", ERR_reason_error_string(ERR_peek_error()));
}

/* Sends a request and returns the answer's body. */
static const char *ask(struct client *client, const char *request, size_t len)
{
	static char answer[ANSWER_MAX * 2];
	size_t have = 0, got = 0, wanted = SIZE_MAX;
	const char *end = NULL;

	assert_int_equal(SSL_write(client->ssl, request, (int)len), len);
	while (have < wanted) {
		if (SSL_read_ex(client->ssl, answer + have, sizeof(answer) - 1 - have, &got) != 1)
			fail_msg("the answer ends behind %zu bytes", have);
		have += got;
		answer[have] = '\0';
		end = strstr(answer, "\r\n\r\n");
		if (end != NULL)
			wanted = (size_t)(end - answer) + 4 +
				 strtoul(strstr(answer, "Content-Length: ") + 16, NULL, 10);
	}
	return end + 4;
}

static void assert_said(struct client *client)
{
	assert_string_equal(ask(client, ECHO, strlen(ECHO)), SAID);
}

/* ---- handshakes that are refused ---- */

static void assert_handshake_refused(struct tls_rig *tls, struct client *client, int alert)
{
	int got = 0;

	rig_start(tls->rig);
	assert_int_not_equal(client_connect(client, tls->rig, &got), 1);
	if (got != alert)
		fail_msg("alert %d (%s), wanted %d", got, ERR_reason_error_string(ERR_peek_error()), alert);
	client_free(client);
	await_connections(tls->rig, 0);
	assert_int_equal(counts_of(tls->rig).handshakes_failed, 1);
}

static void tls_below_1_2_is_refused(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
	struct tls_rig *tls = *state;

	rig_start(tls->rig);
	for (size_t i = 0; i < HC_COUNT(versions); i++) {
		struct client client = client_new();
		int alert = 0;

		assert_int_equal(SSL_CTX_set_min_proto_version(client.context, TLS1_VERSION), 1);
		assert_int_equal(SSL_CTX_set_max_proto_version(client.context, versions[i]), 1);
		assert_int_equal(SSL_CTX_set_cipher_list(client.context, "ALL:@SECLEVEL=0"), 1);
		assert_int_not_equal(client_connect(&client, tls->rig, &alert), 1);
		if (alert != SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
			fail_msg("row %zu: %s", i, ERR_reason_error_string(ERR_peek_error()));
		client_free(&client);
	}
	await_connections(tls->rig, 0);
	assert_int_equal(counts_of(tls->rig).handshakes_failed, HC_COUNT(versions));
}

static void suites_without_forward_secrecy_or_aead_are_refused(void **state)
{
	static const char *const suites[] = {
		"AES128-GCM-SHA256",	   "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
		"ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-NULL-SHA",   "AECDH-AES128-SHA",
	};
	struct tls_rig *tls = *state;

	rig_start(tls->rig);
	for (size_t i = 0; i < HC_COUNT(suites); i++) {
		struct client client = client_new();
		int alert = 0;

		assert_int_equal(SSL_CTX_set_max_proto_version(client.context, TLS1_2_VERSION), 1);
		assert_int_equal(SSL_CTX_set_cipher_list(client.context, suites[i]), 1);
		assert_int_not_equal(client_connect(&client, tls->rig, &alert), 1);
		if (alert != SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)
			fail_msg("row %zu: %s", i, ERR_reason_error_string(ERR_peek_error()));
		client_free(&client);
	}
}

static void another_protocols_client_is_refused(void **state)
{
	struct client client = client_new();

	assert_int_equal(SSL_CTX_set_alpn_protos(client.context, (const unsigned char *)"\x02h2\x04imap", 8),
			 0);
	assert_handshake_refused(*state, &client, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
}

static void plain_http_on_the_tls_port_is_closed(void **state)
{
	struct tls_rig *tls = *state;
	char answer[512];
	ssize_t got = 0;
	int fd = 0;

	rig_start(tls->rig);
	fd = dial(tls->rig);
	say(fd, ECHO);
	while ((got = recv(fd, answer, sizeof(answer), 0)) > 0)
		assert_null(memmem(answer, (size_t)got, "HTTP/1.1 2", 10));
	(void)close(fd);
	assert_int_equal(counts_of(tls->rig).requests, 0);
	assert_int_equal(counts_of(tls->rig).handshakes_failed, 1);
}

static void a_stalled_handshake_is_closed(void **state)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	struct tls_rig *tls = *state;
	int64_t started = 0;
	int silent = 0, half = 0;

	tls->rig->limits.tls_handshake_timeout_ms = SOON_MS;
	rig_start(tls->rig);
	started = mono_ms();
	silent = dial(tls->rig);
	half = dial(tls->rig);
	say_bytes(half, hello, sizeof(hello) - 1);
	hear_end(silent);
	hear_end(half);
	assert_in_range(mono_ms() - started, SOON_MS - 20, 10 * SOON_MS);
	assert_int_equal(counts_of(tls->rig).timed_out, 2);
}

static void renegotiation_is_refused(void **state)
{
	struct tls_rig *tls = *state;
	struct client client = client_new();

	rig_start(tls->rig);
	assert_int_equal(SSL_CTX_set_max_proto_version(client.context, TLS1_2_VERSION), 1);
	connect_well(&client, tls->rig);
	assert_said(&client);
	assert_int_equal(SSL_renegotiate(client.ssl), 1);
	ERR_clear_error();
	assert_int_not_equal(SSL_do_handshake(client.ssl), 1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	client_free(&client);
}

static void headers_that_trickle_in_records_end_with_a_timeout(void **state)
{
	struct tls_rig *tls = *state;
	struct client client = client_new();
	int64_t started = 0;
	char answer[512];
	size_t got = 0;

	tls->rig->limits.header_timeout_ms = SOON_MS;
	rig_start(tls->rig);
	connect_well(&client, tls->rig);
	started = mono_ms();
	assert_int_equal(SSL_write(client.ssl, "GET /echo HT", 12), 12);
	assert_int_equal(SSL_read_ex(client.ssl, answer, sizeof(answer), &got), 1);
	assert_memory_equal(answer, "HTTP/1.1 408", 12);
	assert_in_range(mono_ms() - started, SOON_MS - 20, 10 * SOON_MS);
	assert_int_equal(SSL_read_ex(client.ssl, answer, sizeof(answer), &got), 0);
	assert_int_equal(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN); /* closed in form */
	client_free(&client);
}

/* ---- certificates that are refused ---- */

static void assert_load_refused(struct tls_rig *tls, enum hc_err wanted, const char *part)
{
	struct hc_http_tls *loaded = NULL;
	const char *why = NULL;
	enum hc_err err = hc_http_tls_load(tls->certificate, tls->key, &loaded, &why);

	if (err != wanted || loaded != NULL || strstr(why, part) == NULL)
		fail_msg("%s, %s; wanted %s, %s", hc_strerror(err), why, hc_strerror(wanted), part);
	issue(tls, "good");
	loaded = load(tls);
	hc_http_tls_unref(&loaded);
	assert_null(loaded);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = {0604, 0644, 0660, 0602, 0601, 0610};
	struct tls_rig *tls = *state;

	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		assert_int_equal(chmod(tls->key, modes[i]), 0);
		assert_load_refused(tls, HC_ERR_PERM, "0640");
	}
	assert_int_equal(chmod(tls->key, 0640), 0);

	struct hc_http_tls *loaded = load(tls);

	hc_http_tls_unref(&loaded);
}

static void a_certificate_that_others_may_write_is_refused(void **state)
{
	struct tls_rig *tls = *state;

	assert_int_equal(chmod(tls->certificate, 0664), 0);
	assert_load_refused(tls, HC_ERR_PERM, "certificate file");
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct tls_rig *tls = *state;

	assert_int_equal(unlink(tls->key), 0);
	assert_load_refused(tls, HC_ERR_NOTFOUND, "the key file");
	assert_int_equal(unlink(tls->certificate), 0);
	assert_load_refused(tls, HC_ERR_NOTFOUND, "the certificate file");
}

static void a_key_behind_a_link_is_refused(void **state)
{
	struct tls_rig *tls = *state;
	char other[96];

	(void)tempdir_file(&tls->dir, "other.pem", other, sizeof(other));
	assert_int_equal(rename(tls->key, other), 0);
	assert_int_equal(symlink(other, tls->key), 0);

	struct hc_http_tls *loaded = NULL;
	const char *why = NULL;

	assert_int_equal(hc_http_tls_load(tls->certificate, tls->key, &loaded, &why), HC_ERR_PERM);
}

static void the_key_of_another_certificate_is_refused(void **state)
{
	struct tls_rig *tls = *state;
	EVP_PKEY *key = make_key();

	write_key(tls->key, key, NULL, 0600);
	EVP_PKEY_free(key);
	assert_load_refused(tls, HC_ERR_INVALID, "not the certificate's");
}

static void an_encrypted_key_is_refused_without_asking(void **state)
{
	struct tls_rig *tls = *state;
	EVP_PKEY *key = make_key();

	write_key(tls->key, key, EVP_aes_256_cbc(), 0600);
	EVP_PKEY_free(key);
	assert_load_refused(tls, HC_ERR_INVALID, "not encrypted");
}

static void files_that_are_no_pem_are_refused(void **state)
{
	struct tls_rig *tls = *state;

	assert_int_equal(truncate(tls->key, 0), 0);
	assert_load_refused(tls, HC_ERR_INVALID, "private key");
	assert_int_equal(truncate(tls->certificate, 40), 0);
	assert_load_refused(tls, HC_ERR_INVALID, "certificate file");
}

static void a_key_that_is_too_short_is_refused(void **state)
{
	struct tls_rig *tls = *state;
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *certificate = make_certificate(key, "short");

	write_key(tls->key, key, NULL, 0600);
	write_certificates(tls->certificate, &certificate, 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	assert_load_refused(tls, HC_ERR_INVALID, "RSA 2048");
}

/* ---- served ---- */

static void both_versions_are_served_and_kept_alive(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_rig *tls = *state;

	rig_start(tls->rig);
	for (size_t i = 0; i < HC_COUNT(versions); i++) {
		struct client client = client_new();
		const unsigned char *protocol = NULL;
		unsigned len = 0;

		assert_int_equal(SSL_CTX_set_max_proto_version(client.context, versions[i]), 1);
		assert_int_equal(SSL_CTX_set_alpn_protos(client.context,
							 (const unsigned char *)"\x02h2\x08http/1.1", 12),
				 0);
		connect_well(&client, tls->rig);
		assert_int_equal(SSL_version(client.ssl), versions[i]);
		SSL_get0_alpn_selected(client.ssl, &protocol, &len);
		assert_int_equal(len, 8);
		assert_memory_equal(protocol, "http/1.1", 8);
		for (int request = 0; request < 3; request++)
			assert_said(&client);
		client_free(&client);
	}
	assert_int_equal(counts_of(tls->rig).accepted, 2);
	assert_int_equal(counts_of(tls->rig).requests, 6);
}

/*
 * More of them than an inbox holds. The last one in it ends where it ends and is answered later: then
 * nothing but TLS itself knows of those behind it.
 */
static void requests_of_one_record_are_all_answered(void **state)
{
	static const char one[] = "GET /echo HTTP/1.1\r\nHost: ab\r\n\r\n";
	static const char other[] = "GET /hold HTTP/1.1\r\nHost: ab\r\n\r\n";
	enum { ONE = sizeof(one) - 1, MANY = 400, LAST = HC_HTTP_HEADER_BYTES_MAX / ONE - 1 };
	static char requests[MANY * ONE];
	struct tls_rig *tls = *state;
	struct client client = client_new();

	assert_int_equal(HC_HTTP_HEADER_BYTES_MAX % ONE, 0);
	assert_in_range(sizeof(requests), HC_HTTP_HEADER_BYTES_MAX + 1, 16384);
	for (size_t i = 0; i < MANY; i++)
		memcpy(requests + i * ONE, one, ONE);
	memcpy(requests + (size_t)LAST * ONE, other, ONE);
	rig_start(tls->rig);
	connect_well(&client, tls->rig);
	assert_string_equal(ask(&client, requests, sizeof(requests)), SAID);
	for (int i = 1; i < MANY; i++) {
		if (i == LAST) {
			(void)sem_wait(&tls->rig->holds);
			on_loop(tls->rig, rig_answer_held, NULL);
		}
		assert_string_equal(ask(&client, "", 0), i == LAST ? "held" : SAID);
	}
	client_free(&client);
}

static void a_body_over_many_records_arrives(void **state)
{
	static char request[HC_HTTP_BODY_MAX + 128];
	struct tls_rig *tls = *state;
	struct client client = client_new();
	int len = snprintf(request, sizeof(request),
			   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", HC_HTTP_BODY_MAX);
	const char *body = NULL;

	memset(request + len, 'b', HC_HTTP_BODY_MAX);
	rig_start(tls->rig);
	connect_well(&client, tls->rig);
	body = ask(&client, request, (size_t)len + HC_HTTP_BODY_MAX);
	assert_int_equal(strlen(body), HC_HTTP_BODY_MAX + strlen("4|127.0.0.1|tls|/echo||"));
	assert_said(&client);
	client_free(&client);
}

static void a_large_answer_arrives_whole(void **state)
{
	static const char request[] = "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	static char piece[65536];
	struct tls_rig *tls = *state;
	struct client client = client_new();
	size_t have = 0, got = 0;

	rig_start(tls->rig);
	connect_well(&client, tls->rig);
	assert_int_equal(SSL_write(client.ssl, request, sizeof(request) - 1), sizeof(request) - 1);
	while (SSL_read_ex(client.ssl, piece, sizeof(piece), &got) == 1)
		have += got;
	assert_int_equal(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_in_range(have, BIG_LEN + 1, BIG_LEN + 512);
	client_free(&client);
}

static void an_answer_may_come_at_another_moment(void **state)
{
	static const char request[] = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
	struct tls_rig *tls = *state;
	struct client client = client_new();

	rig_start(tls->rig);
	connect_well(&client, tls->rig);
	assert_int_equal(SSL_write(client.ssl, request, sizeof(request) - 1), sizeof(request) - 1);
	(void)sem_wait(&tls->rig->holds);
	assert_int_equal(SSL_write(client.ssl, ECHO, sizeof(ECHO) - 1),
			 sizeof(ECHO) - 1); /* pipelined meanwhile */
	on_loop(tls->rig, rig_nothing, NULL);
	on_loop(tls->rig, rig_answer_held, NULL);
	assert_string_equal(ask(&client, "", 0), "held");
	assert_string_equal(ask(&client, "", 0), SAID);
	client_free(&client);
}

/* ---- exchange of certificates ---- */

static void exchange(struct rig *rig, void *ctx)
{
	hc_http_server_set_tls(rig->server, ctx);
}

static void assert_name(const struct client *client, const char *name)
{
	X509 *certificate = SSL_get1_peer_certificate(client->ssl);
	char text[64];

	assert_non_null(certificate);
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text,
					      sizeof(text)) > 0);
	assert_string_equal(text, name);
	X509_free(certificate);
}

static void a_new_certificate_is_for_new_connections(void **state)
{
	struct tls_rig *tls = *state;
	struct client before = client_new(), after = client_new();
	struct hc_http_tls *fresh = NULL;

	rig_start(tls->rig);
	connect_well(&before, tls->rig);
	assert_name(&before, "first");
	assert_said(&before);
	issue(tls, "second");
	fresh = load(tls);
	on_loop(tls->rig, exchange, fresh);
	hc_http_tls_unref(&fresh);
	connect_well(&after, tls->rig);
	assert_name(&after, "second");
	assert_said(&after);
	assert_said(&before); /* goes on with what it was opened with */
	client_free(&before);
	client_free(&after);
}

/* Connects with the session of the connection before, if one was kept; returns whether it was taken. */
static bool resume(struct client *client, const struct rig *rig, SSL_SESSION **session)
{
	bool reused = false;
	int alert = 0;

	client->fd = dial(rig);
	client->ssl = SSL_new(client->context);
	assert_int_equal(SSL_set_fd(client->ssl, client->fd), 1);
	if (*session != NULL)
		assert_int_equal(SSL_set_session(client->ssl, *session), 1);
	alert = SSL_connect(client->ssl);
	assert_int_equal(alert, 1);
	assert_said(client);
	reused = SSL_session_reused(client->ssl) == 1;
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(client->ssl);
	(void)SSL_shutdown(client->ssl);
	client_hang_up(client);
	return reused;
}

static void tickets_resume_until_the_certificate_is_exchanged(void **state)
{
	struct tls_rig *tls = *state;
	struct client client = client_new();
	SSL_SESSION *session = NULL;
	struct hc_http_tls *fresh = NULL;

	rig_start(tls->rig);
	assert_false(resume(&client, tls->rig, &session));
	assert_true(resume(&client, tls->rig, &session));
	fresh = load(tls);
	on_loop(tls->rig, exchange, fresh);
	hc_http_tls_unref(&fresh);
	assert_false(resume(&client, tls->rig, &session));
	assert_true(resume(&client, tls->rig, &session));
	SSL_SESSION_free(session);
	client_free(&client);
}

static void the_whole_chain_is_sent(void **state)
{
	struct tls_rig *tls = *state;
	struct client client = client_new();
	EVP_PKEY *key = make_key(), *issuer_key = make_key();
	X509 *chain[] = {make_certificate(key, "leaf"), make_certificate(issuer_key, "issuer")};

	write_key(tls->key, key, NULL, 0600);
	write_certificates(tls->certificate, chain, HC_COUNT(chain));
	hc_http_tls_unref(&tls->rig->tls);
	tls->rig->tls = load(tls);
	rig_start(tls->rig);
	connect_well(&client, tls->rig);
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client.ssl)), 2);
	assert_name(&client, "leaf");
	client_free(&client);
	for (size_t i = 0; i < HC_COUNT(chain); i++)
		X509_free(chain[i]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
}

#define ON_RIG(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(tls_below_1_2_is_refused),
		ON_RIG(suites_without_forward_secrecy_or_aead_are_refused),
		ON_RIG(another_protocols_client_is_refused),
		ON_RIG(plain_http_on_the_tls_port_is_closed),
		ON_RIG(a_stalled_handshake_is_closed),
		ON_RIG(renegotiation_is_refused),
		ON_RIG(headers_that_trickle_in_records_end_with_a_timeout),
		ON_RIG(a_key_that_others_may_read_is_refused),
		ON_RIG(a_certificate_that_others_may_write_is_refused),
		ON_RIG(a_file_that_is_not_there_is_named),
		ON_RIG(a_key_behind_a_link_is_refused),
		ON_RIG(the_key_of_another_certificate_is_refused),
		ON_RIG(an_encrypted_key_is_refused_without_asking),
		ON_RIG(files_that_are_no_pem_are_refused),
		ON_RIG(a_key_that_is_too_short_is_refused),
		ON_RIG(both_versions_are_served_and_kept_alive),
		ON_RIG(requests_of_one_record_are_all_answered),
		ON_RIG(a_body_over_many_records_arrives),
		ON_RIG(a_large_answer_arrives_whole),
		ON_RIG(an_answer_may_come_at_another_moment),
		ON_RIG(a_new_certificate_is_for_new_connections),
		ON_RIG(tickets_resume_until_the_certificate_is_exchanged),
		ON_RIG(the_whole_chain_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
