/* SPDX-License-Identifier: Apache-2.0 */
/* Client authentication: which credentials are none, and which clients they do not open. */
#include "gateway_support.h"

#include "oauth/client_auth.h"

static const struct hc_http_route routes[] = {
	{HC_PATH_TOKEN, HC_HTTP_POST, hc_handle_token},
	{.path = NULL},
};

/* ---- reading ---- */

struct sample {
	const char *authorization, *second; /* header values; NULL: none */
	const char *form;
	enum hc_err err;
	enum hc_client_auth method;
	const char *id, *secret;
};

static void check_sample(const struct sample *sample, size_t row)
{
	struct hc_http_request request = {.header_count = 0};
	const char *const values[] = {sample->authorization, sample->second};
	struct hc_client_credentials credentials = {.id = "untouched"};
	struct hc_params params;
	uint8_t hash[32];

	for (size_t i = 0; i < HC_COUNT(values) && values[i] != NULL; i++) {
		request.headers[i].name = (struct hc_view){"AUTHORIZATION", 13};
		request.headers[i].value = (struct hc_view){values[i], strlen(values[i])};
		request.header_count++;
	}
	assert_int_equal(hc_params_parse(sample->form, strlen(sample->form), &params), HC_OK);
	const enum hc_err err = hc_client_credentials_read(&request, &params, &credentials);
	hc_params_clear(&params);
	if (err != sample->err)
		fail_msg("row %zu: %d", row, (int)err);
	if (err != HC_OK) {
		assert_string_equal(credentials.id, "untouched");
		return;
	}
	assert_int_equal(hc_sha256(sample->secret, strlen(sample->secret), hash), HC_OK);
	if (credentials.method != sample->method || strcmp(credentials.id, sample->id) != 0 ||
	    memcmp(hash, credentials.secret_hash, sizeof(hash)) != 0)
		fail_msg("row %zu: method %d, id %s", row, (int)credentials.method, credentials.id);
}

#define REFUSED HC_CLIENT_PUBLIC, "", ""

static void credentials_that_are_none_are_refused(void **state)
{
	static const struct sample samples[] = {
		{NULL, NULL, "", HC_ERR_PERM, REFUSED},
		{NULL, NULL, "client_id=", HC_ERR_PERM, REFUSED},
		{NULL, NULL, "client_secret=x", HC_ERR_PERM, REFUSED},
		{NULL, NULL, "client_id=a&client_id=a", HC_ERR_INVALID, REFUSED},
		{NULL, NULL, "client_id=a&client_secret=x&client_secret=x", HC_ERR_INVALID, REFUSED},
		{NULL, NULL, /* 65 */
		 "client_id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", HC_ERR_PERM,
		 REFUSED},
		/* two at once */
		{"Basic YTp4", NULL, "client_secret=x", HC_ERR_INVALID, REFUSED},
		{"Basic YTp4", NULL, "client_secret=", HC_ERR_INVALID, REFUSED},
		{"Basic YTp4", NULL, "client_id=b", HC_ERR_INVALID, REFUSED},
		{"Basic YTp4", NULL, "client_id=a&client_id=a", HC_ERR_INVALID, REFUSED},
		{"Basic YTp4", "Basic YTp4", "", HC_ERR_INVALID, REFUSED},
		{"Basic YTp4", "Bearer x", "", HC_ERR_INVALID, REFUSED},
		/* not Basic */
		{"Bearer YTp4", NULL, "client_id=a", HC_ERR_PERM, REFUSED},
		{"BasicYTp4", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic", NULL, "", HC_ERR_PERM, REFUSED},
		{"", NULL, "client_id=a", HC_ERR_PERM, REFUSED},
		/* not base64, or not all of it */
		{"Basic ", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTp", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTp4=", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTp4====", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic ====", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic Y=p4", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTp4 YTp4", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTp-", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YT==", NULL, "", HC_ERR_PERM, REFUSED}, /* bits beyond the last byte */
		/* no colon, no name, a name that no client has */
		{"Basic YWJj", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic OnNlY3JldA==", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic JTAwOng=", NULL, "", HC_ERR_PERM, REFUSED}, /* %00:x */
		{"Basic AGE6eA==", NULL, "", HC_ERR_PERM, REFUSED}, /* NUL a:x */
		/* half an escape: a%2:x, a%zz:x, a:x%, a:%1 */
		{"Basic YSUyOng=", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YSV6ejp4", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTp4JQ==", NULL, "", HC_ERR_PERM, REFUSED},
		{"Basic YTolMQ==", NULL, "", HC_ERR_PERM, REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(samples); i++)
		check_sample(&samples[i], i);
}

static void credentials_are_read_as_the_client_meant_them(void **state)
{
	static const struct sample samples[] = {
		{NULL, NULL, "client_id=a", HC_OK, HC_CLIENT_PUBLIC, "a", ""},
		{NULL, NULL, "client_id=a&client_secret=", HC_OK, HC_CLIENT_SECRET_POST, "a", ""},
		{NULL, NULL, "client_id=a&client_secret=x%2By", HC_OK, HC_CLIENT_SECRET_POST, "a", "x+y"},
		{"Basic YTp4", NULL, "", HC_OK, HC_CLIENT_SECRET_BASIC, "a", "x"},
		{"bAsIc   YTp4", NULL, "", HC_OK, HC_CLIENT_SECRET_BASIC, "a", "x"},
		{"Basic YTp4", NULL, "client_id=a", HC_OK, HC_CLIENT_SECRET_BASIC, "a", "x"},
		{"Basic YTo=", NULL, "", HC_OK, HC_CLIENT_SECRET_BASIC, "a", ""},
		{"Basic YTp4Onk=", NULL, "", HC_OK, HC_CLIENT_SECRET_BASIC, "a", "x:y"},
		/* a%2eb:x+%2B%C3%A9 */
		{"Basic YSUyZWI6eCslMkIlQzMlQTk=", NULL, "", HC_OK, HC_CLIENT_SECRET_BASIC, "a.b", "x +é"},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(samples); i++)
		check_sample(&samples[i], i);
}

static void a_header_longer_than_any_secret_is_refused(void **state)
{
	char value[3001] = "Basic YTp4";
	const struct sample sample = {value, NULL, "", HC_ERR_PERM, REFUSED};

	(void)state;
	for (size_t at = strlen(value); at + 4 < 2400; at += 4)
		memcpy(value + at, "eHh4", 5);
	check_sample(&sample, 0);
}

/* ---- deciding ---- */

static int setup(void **state)
{
	struct gw *gw = gw_new();
	static const struct {
		const char *id;
		enum hc_client_auth auth;
	} clients[] = {{"basic", HC_CLIENT_SECRET_BASIC},
		       {"post", HC_CLIENT_SECRET_POST},
		       {"public", HC_CLIENT_PUBLIC}};

	gw_start(gw, routes);
	for (size_t i = 0; i < HC_COUNT(clients); i++) {
		struct hc_client client = gw_client_of(clients[i].id);

		client.auth = clients[i].auth;
		gw_add_client(gw, &client);
	}
	*state = gw;
	return 0;
}

static int teardown(void **state)
{
	gw_free(*state);
	return 0;
}

/* A client that is let in is told about its grant type, any other that it is nobody, and how to be somebody. */
static void expect(const struct gw_reply *reply, bool is_let_in, const char *what)
{
	GW_JSON(json) = gw_json(reply);
	const char *wanted = is_let_in ? "unsupported_grant_type" : "invalid_client";

	if (strcmp(gw_text(json, "error"), wanted) != 0 || reply->status != (is_let_in ? 400u : 401u))
		fail_msg("%s: %u %s", what, reply->status, reply->body);
	if ((strstr(reply->text, "\r\nWWW-Authenticate: Basic realm=") != NULL) == is_let_in)
		fail_msg("%s: %s", what, reply->text);
}

static void a_client_gets_in_by_its_own_method_alone(void **state)
{
	struct gw *gw = *state;
	static const char *const ids[] = {"basic", "post", "public", "nobody"};

	for (size_t i = 0; i < HC_COUNT(ids); i++) {
		char form[512], name[32];

		GW_REPLY_OF(basic) = gw_post(gw, HC_PATH_TOKEN, gw_basic(ids[i], GW_SECRET), "grant_type=x");
		(void)snprintf(name, sizeof(name), "%s by header", ids[i]);
		expect(&basic, i == 0, name);
		(void)snprintf(form, sizeof(form), "grant_type=x&client_id=%s&client_secret=%s", ids[i],
			       GW_SECRET);
		GW_REPLY_OF(post) = gw_post(gw, HC_PATH_TOKEN, "", form);
		(void)snprintf(name, sizeof(name), "%s by form", ids[i]);
		expect(&post, i == 1, name);
		(void)snprintf(form, sizeof(form), "grant_type=x&client_id=%s", ids[i]);
		GW_REPLY_OF(none) = gw_post(gw, HC_PATH_TOKEN, "", form);
		(void)snprintf(name, sizeof(name), "%s by name", ids[i]);
		expect(&none, i == 2, name);
	}
}

static void a_wrong_secret_opens_nothing(void **state)
{
	struct gw *gw = *state;
	static const char *const wrong[] = {"", "x", "s3cret-of-the-client_0123456789abcdefghijklmnopx",
					    "s3cret-of-the-client_0123456789abcdefghijklmno",
					    "S3cret-of-the-client_0123456789abcdefghijklmnop"};

	for (size_t i = 0; i < HC_COUNT(wrong); i++) {
		char form[512];

		GW_REPLY_OF(basic) = gw_post(gw, HC_PATH_TOKEN, gw_basic("basic", wrong[i]), "grant_type=x");
		expect(&basic, false, wrong[i]);
		(void)snprintf(form, sizeof(form), "grant_type=x&client_id=post&client_secret=%s", wrong[i]);
		GW_REPLY_OF(post) = gw_post(gw, HC_PATH_TOKEN, "", form);
		expect(&post, false, wrong[i]);
		(void)snprintf(form, sizeof(form), "grant_type=x&client_id=public&client_secret=%s",
			       wrong[i]);
		GW_REPLY_OF(public) = gw_post(gw, HC_PATH_TOKEN, "", form);
		expect(&public, false, wrong[i]);
	}
	assert_int_equal(gw_counter(gw, HC_COUNTER_TOKEN_REFUSED), 3 * HC_COUNT(wrong));
}

/* The store keeps zeroes where a public client has no hash: nothing hashes to that, and nobody gets in by it. */
static void an_unknown_client_is_answered_like_a_wrong_secret(void **state)
{
	struct gw *gw = *state;

	GW_REPLY_OF(unknown) = gw_post(gw, HC_PATH_TOKEN, gw_basic("nobody", "x"), "grant_type=x");
	GW_REPLY_OF(wrong) = gw_post(gw, HC_PATH_TOKEN, gw_basic("basic", "x"), "grant_type=x");
	assert_string_equal(unknown.body, wrong.body);
	assert_int_equal(unknown.status, wrong.status);
}

static void two_methods_at_once_are_no_request(void **state)
{
	struct gw *gw = *state;
	char form[512];

	(void)snprintf(form, sizeof(form), "grant_type=x&client_id=basic&client_secret=%s", GW_SECRET);
	GW_REPLY_OF(both) = gw_post(gw, HC_PATH_TOKEN, gw_basic("basic", GW_SECRET), form);
	GW_JSON(json) = gw_json(&both);
	assert_int_equal(both.status, 400);
	assert_string_equal(gw_text(json, "error"), "invalid_request");
}

/* ---- what is recorded ---- */

struct records {
	struct hc_outbox_record rows[8];
	size_t count;
};

static void list_records(struct gw *gw, void *ctx)
{
	struct records *records = ctx;

	assert_int_equal(
		hc_outbox_list(gw->worker.view, HC_COUNT(records->rows), records->rows, &records->count),
		HC_OK);
}

static enum hc_err nothing(struct hc_gstore_tx *tx, void *ctx)
{
	(void)tx;
	(void)ctx;
	return HC_OK;
}

static struct records records_of(struct gw *gw)
{
	struct records records = {.count = 0};

	GW_WRITE(gw, nothing, NULL); /* behind what is queued */
	gw_on_loop(gw, list_records, &records);
	return records;
}

static void a_refused_client_is_recorded_once_a_minute_and_an_unknown_one_never(void **state)
{
	struct gw *gw = *state;

	for (int i = 0; i < 3; i++) {
		GW_REPLY_OF(unknown) = gw_post(gw, HC_PATH_TOKEN, gw_basic("nobody", "x"), "grant_type=x");
		GW_REPLY_OF(wrong) = gw_post(gw, HC_PATH_TOKEN, gw_basic("basic", "x"), "grant_type=x");
		assert_int_equal(unknown.status + wrong.status, 802);
	}
	struct records records = records_of(gw);
	assert_int_equal(records.count, 1);
	assert_int_equal(records.rows[0].event, HC_OUTBOX_CLIENT_REFUSED);
	assert_false(records.rows[0].success);
	assert_string_equal(records.rows[0].client_id, "basic");
	assert_string_equal(records.rows[0].origin, "127.0.0.1");
	assert_int_equal(records.rows[0].person_id, 0);
	gw_pass(gw, 60000);
	GW_REPLY_OF(later) = gw_post(gw, HC_PATH_TOKEN, gw_basic("basic", "x"), "grant_type=x");
	assert_int_equal(later.status, 401);
	records = records_of(gw);
	assert_int_equal(records.count, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_that_are_none_are_refused),
		cmocka_unit_test(credentials_are_read_as_the_client_meant_them),
		cmocka_unit_test(a_header_longer_than_any_secret_is_refused),
		CASE(a_client_gets_in_by_its_own_method_alone),
		CASE(a_wrong_secret_opens_nothing),
		CASE(an_unknown_client_is_answered_like_a_wrong_secret),
		CASE(two_methods_at_once_are_no_request),
		CASE(a_refused_client_is_recorded_once_a_minute_and_an_unknown_one_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
