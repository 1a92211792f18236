/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client authentication.
 *
 * State: the worker's table of refusals. Threats: a secret that is tried out (256 random bits, compared as
 * hashes in constant time), client ids that are tried out (an unknown one costs the same hash and
 * comparison and gets the same answer), a request with two identities of which one reader takes the first
 * and another the second, a method weaker than the registered one. The secret is hashed where it stands;
 * what was decoded of it is scrubbed.
 */
#include "oauth/client_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"
#include "oauth/answer.h"
#include "store/gstore.h"
#include "store/outbox.h"

#define BASIC_MAX 1024 /* bytes of "id:secret", decoded */

/* ---- the Authorization header ---- */

/* How many headers have that name; the value of the last one. */
static size_t count_headers(const struct hc_http_request *request, const char *name,
			    struct hc_view *ret_value)
{
	const size_t len = strlen(name);
	size_t count = 0;

	for (size_t i = 0; i < request->header_count; i++) {
		if (request->headers[i].name.len != len ||
		    strncasecmp(request->headers[i].name.data, name, len) != 0)
			continue;
		*ret_value = request->headers[i].value;
		count++;
	}
	return count;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* RFC 4648 section 4: padded, nothing else between or behind, no bits beyond the last byte. */
static bool decode_base64(const char *text, size_t len, char *out, size_t cap, size_t *ret_len)
{
	size_t padding = 0, written = 0;
	unsigned bits = 0, held = 0;

	if (len == 0 || len % 4 != 0 || len / 4 * 3 > cap)
		return false;
	while (padding < 2 && text[len - 1 - padding] == '=')
		padding++;
	for (size_t at = 0; at < len - padding; at++) {
		const int value = base64_value(text[at]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned)value) & 0xffffu;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[written++] = (char)(bits >> held & 0xffu);
		}
	}
	*ret_len = written;
	return (bits & ((1u << held) - 1)) == 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* application/x-www-form-urlencoded, in place; RFC 6749 section 2.3.1 has both halves encoded so. */
static bool decode_form(char *text, size_t *len)
{
	size_t written = 0;

	for (size_t at = 0; at < *len; at++) {
		char byte = text[at] == '+' ? ' ' : text[at];

		if (text[at] == '%') {
			const int high = at + 2 < *len ? hex_value(text[at + 1]) : -1;
			const int low = at + 2 < *len ? hex_value(text[at + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			byte = (char)(high << 4 | low);
			at += 2;
		}
		text[written++] = byte;
	}
	*len = written;
	return true;
}

/* Anything that is no id of a client is an unknown client. */
static bool take_id(const char *text, size_t len, char out[HC_CLIENT_ID_MAX + 1])
{
	if (len == 0 || len > HC_CLIENT_ID_MAX || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

struct basic {
	char text[BASIC_MAX];
};

static void scrub_basic(struct basic *basic)
{
	hc_scrub(basic, sizeof(*basic));
}

static enum hc_err read_basic(const struct hc_view *value, struct hc_client_credentials *out)
{
	HC_CLEANUP(scrub_basic) struct basic basic;
	static const char scheme[] = "Basic ";
	size_t at = sizeof(scheme) - 1, len = 0;

	if (value->len < at || strncasecmp(value->data, scheme, at) != 0)
		return HC_ERR_PERM;
	while (at < value->len && value->data[at] == ' ')
		at++;
	if (!decode_base64(value->data + at, value->len - at, basic.text, sizeof(basic.text), &len))
		return HC_ERR_PERM;
	char *colon = memchr(basic.text, ':', len);
	if (colon == NULL)
		return HC_ERR_PERM;
	size_t id_len = (size_t)(colon - basic.text), secret_len = len - id_len - 1;
	if (!decode_form(basic.text, &id_len) || !decode_form(colon + 1, &secret_len) ||
	    !take_id(basic.text, id_len, out->id))
		return HC_ERR_PERM;
	out->method = HC_CLIENT_SECRET_BASIC;
	return hc_sha256(colon + 1, secret_len, out->secret_hash);
}

/* ---- the form ---- */

/* A name beside the header is allowed where it is the same one; a secret never is. */
static enum hc_err read_header(const struct hc_view *value, const struct hc_params *params,
			       struct hc_client_credentials *out)
{
	struct hc_view id, secret;
	const enum hc_err secret_err = hc_params_get(params, "client_secret", &secret);
	const enum hc_err id_err = hc_params_get(params, "client_id", &id);

	if (secret_err != HC_ERR_NOTFOUND || (id_err != HC_OK && id_err != HC_ERR_NOTFOUND))
		return HC_ERR_INVALID;
	const enum hc_err err = read_basic(value, out);
	if (err == HC_OK && id_err == HC_OK &&
	    (id.len != strlen(out->id) || memcmp(id.data, out->id, id.len) != 0))
		return HC_ERR_INVALID;
	return err;
}

static enum hc_err read_form(const struct hc_params *params, struct hc_client_credentials *out)
{
	struct hc_view id, secret = {.data = "", .len = 0};
	const enum hc_err secret_err = hc_params_get(params, "client_secret", &secret);
	const enum hc_err id_err = hc_params_get(params, "client_id", &id);

	if (secret_err == HC_ERR_EXISTS || id_err == HC_ERR_EXISTS)
		return HC_ERR_INVALID;
	if (id_err != HC_OK || !take_id(id.data, id.len, out->id))
		return HC_ERR_PERM;
	out->method = secret_err == HC_OK ? HC_CLIENT_SECRET_POST : HC_CLIENT_PUBLIC;
	return hc_sha256(secret.data, secret.len, out->secret_hash);
}

enum hc_err hc_client_credentials_read(const struct hc_http_request *request, const struct hc_params *params,
				       struct hc_client_credentials *ret_credentials)
{
	struct hc_client_credentials credentials = {.id = ""};
	struct hc_view value = {.data = "", .len = 0};
	const size_t headers = count_headers(request, "Authorization", &value);

	if (headers > 1)
		return HC_ERR_INVALID;
	const enum hc_err err =
		headers == 1 ? read_header(&value, params, &credentials) : read_form(params, &credentials);
	if (err == HC_OK)
		*ret_credentials = credentials;
	return err;
}

/* ---- the decision ---- */

/* All of it is looked at whether or not the client exists, so that the time does not tell. */
static bool is_client(const struct hc_client *client, bool is_known,
		      const struct hc_client_credentials *credentials)
{
	const bool is_secret =
		hc_bytes_equal(client->secret_hash, credentials->secret_hash, sizeof(client->secret_hash));
	const bool is_method = client->auth == credentials->method;

	return is_known && is_method && (client->auth == HC_CLIENT_PUBLIC || is_secret);
}

static enum hc_err write_record(struct hc_gstore_tx *tx, void *ctx)
{
	return hc_outbox_add(tx, ctx);
}

static void record_written(enum hc_err result, void *ctx)
{
	(void)result; /* the store has logged it; the refusal stands either way */
	free(ctx);
}

static void copy_text(char *out, size_t cap, const char *text)
{
	const size_t len = strnlen(text, cap - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

/* A refusal changes nothing, so its answer does not wait for the record. */
static void record_refusal(struct hc_worker *worker, const struct hc_client *client, const char *peer)
{
	const struct hc_clock *clock = worker->gateway->clock;

	if (!hc_refusals_take(&worker->refusals, client->number, peer, hc_mono_ms(clock)))
		return;
	struct hc_outbox_record *record = calloc(1, sizeof(*record));
	if (record == NULL)
		return;
	record->time_ms = hc_now_ms(clock);
	record->event = HC_OUTBOX_CLIENT_REFUSED;
	copy_text(record->client_id, sizeof(record->client_id), client->id);
	copy_text(record->origin, sizeof(record->origin), peer);
	if (hc_gstore_write(worker->gateway->store, worker->loop, write_record, record_written, record) !=
	    HC_OK)
		free(record); /* the queue is full: there are more important things in it */
}

void hc_client_refused(struct hc_worker *worker, struct hc_exchange *exchange, const struct hc_client *client)
{
	static const char description[] = "client authentication failed";

	if (client != NULL)
		record_refusal(worker, client, hc_exchange_request(exchange)->peer);
	/* Whichever method was tried: a 401 names a scheme (RFC 9110 section 15.5.2). */
	hc_answer_challenge(exchange, 401, "Basic realm=\"hospiconnect\", charset=\"UTF-8\"",
			    "invalid_client", description);
}

static bool authenticate(struct hc_worker *worker, struct hc_exchange *exchange,
			 const struct hc_params *params, struct hc_client *ret_client)
{
	struct hc_client_credentials credentials = {.id = ""};
	enum hc_err err = hc_client_credentials_read(hc_exchange_request(exchange), params, &credentials);

	if (err == HC_ERR_INVALID) {
		hc_answer_error(exchange, 400, "invalid_request",
				"one method of client authentication at a time");
		return false;
	}
	if (err == HC_ERR_PERM) {
		hc_client_refused(worker, exchange, NULL);
		return false;
	}
	memset(ret_client, 0, sizeof(*ret_client));
	if (err == HC_OK)
		err = hc_client_by_id(worker->view, credentials.id, ret_client);
	if (err != HC_OK && err != HC_ERR_NOTFOUND) {
		hc_answer_trouble(exchange, err);
		return false;
	}
	if (is_client(ret_client, err == HC_OK, &credentials))
		return true;
	hc_client_refused(worker, exchange, err == HC_OK ? ret_client : NULL);
	return false;
}

static bool read_params(struct hc_exchange *exchange, struct hc_params *ret_params)
{
	const struct hc_http_request *request = hc_exchange_request(exchange);

	if (!hc_http_request_is_form(request)) {
		hc_answer_error(exchange, 400, "invalid_request",
				"a form is expected: application/x-www-form-urlencoded");
		return false;
	}
	if (request->query.len > 0) {
		hc_answer_error(exchange, 400, "invalid_request", "parameters belong into the body");
		return false;
	}
	const enum hc_err err = hc_params_parse(request->body.data, request->body.len, ret_params);
	if (err == HC_ERR_NOMEM) {
		hc_answer_trouble(exchange, err);
		return false;
	}
	if (err != HC_OK) {
		hc_answer_error(exchange, 400, "invalid_request", "the form is malformed");
		return false;
	}
	return true;
}

bool hc_client_request_read(struct hc_worker *worker, struct hc_exchange *exchange,
			    struct hc_client_request *ret_request)
{
	if (!read_params(exchange, &ret_request->params))
		return false;
	if (hc_params_repeated(&ret_request->params) != NULL) {
		hc_answer_error(exchange, 400, "invalid_request", "a parameter is repeated");
		hc_params_clear(&ret_request->params);
		return false;
	}
	if (!authenticate(worker, exchange, &ret_request->params, &ret_request->client)) {
		hc_params_clear(&ret_request->params);
		return false;
	}
	return true;
}

void hc_client_request_clear(struct hc_client_request *request)
{
	hc_params_clear(&request->params);
	hc_scrub(request->client.secret_hash, sizeof(request->client.secret_hash));
}
