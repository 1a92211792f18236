/* SPDX-License-Identifier: Apache-2.0 */
/* What all stores have of SQLite: running a statement, reading its columns. */
#include "sqlite_support.h"

static void a_taken_key_is_what_the_store_says_it_is(void **state)
{
	struct bench *bench = *state;

	put(bench, "a", 1);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, "a", 1), HC_ERR_EXISTS);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_ERR_EXISTS);
	assert_string_equal(bench->log, ""); /* an answer */
	hc_sqlite_close(&bench->db);

	open_as(bench, &alone);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, "a", 1), HC_ERR_INVALID);
	assert_non_null(strstr(bench->log, "UNIQUE")); /* a failure */
}

static void a_reader_sees_what_is_committed_and_cannot_write(void **state)
{
	struct bench *bench = *state;
	struct hc_sqlite view;

	assert_int_equal(hc_sqlite_open(&view, bench->path, &reader), HC_OK);
	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(add(&bench->db, "a", 1), HC_OK);
	assert_int_equal(count(&view), 0);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_OK);
	assert_int_equal(count(&view), 1);
	assert_int_equal(add(&view, "b", 1), HC_ERR_STATE);
	assert_int_not_equal(hc_sqlite_begin(&view), HC_OK);
	hc_sqlite_close(&view);
}

static void a_query_that_failed_stays_failed(void **state)
{
	struct bench *bench = *state;
	int64_t number = -7;
	char text[8] = "as was";

	HC_QUERY(query, &bench->db, SQL_BROKEN);
	hc_query_bind_text(&query, "x");
	hc_query_bind_int64(&query, 1);
	hc_query_bind_blob(&query, "x", 1);
	assert_false(hc_query_row(&query));
	assert_int_equal(hc_query_int64(&query), 0);
	assert_int_equal(hc_query_id(&query), 0);
	hc_query_text(&query, text, sizeof(text));
	assert_string_equal(text, "as was");
	assert_int_equal(hc_query_blob(&query, text, sizeof(text)), 0);
	assert_int_equal(hc_query_number(&query, 0, 9, &number), HC_ERR_IO);
	assert_int_equal(hc_query_run(&query, NULL), HC_ERR_IO);
	assert_int_equal(hc_query_end(&query), HC_ERR_IO);
	assert_int_equal(number, -7);
}

static void too_many_parameters_are_refused(void **state)
{
	struct bench *bench = *state;

	HC_QUERY(query, &bench->db, SQL_GET);
	hc_query_bind_text(&query, "a");
	hc_query_bind_text(&query, "b");
	assert_false(hc_query_row(&query));
	assert_int_equal(hc_query_end(&query), HC_ERR_INVALID);
}

static void what_was_bound_comes_back(void **state)
{
	struct bench *bench = *state;
	uint8_t data[4] = {0};
	char name[8] = "";
	int64_t id = 0;

	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	HC_QUERY(insert, &bench->db, SQL_ADD);
	hc_query_bind_text(&insert, "é'; --");
	hc_query_bind_blob(&insert, "\x01\x00\x02", 3);
	hc_query_bind_int64(&insert, INT64_MIN);
	assert_int_equal(hc_query_run_new(&insert, &id), HC_OK);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_OK);

	HC_QUERY(query, &bench->db, SQL_GET);
	hc_query_bind_text(&query, "é'; --");
	assert_true(hc_query_row(&query));
	assert_int_equal(hc_query_id(&query), id);
	hc_query_text(&query, name, sizeof(name));
	assert_string_equal(name, "é'; --");
	assert_int_equal(hc_query_blob(&query, data, sizeof(data)), 3);
	assert_memory_equal(data, "\x01\x00\x02", 3);
	assert_true(hc_query_int64(&query) == INT64_MIN);
	assert_false(hc_query_row(&query));
	assert_int_equal(hc_query_end(&query), HC_OK);
}

static void an_empty_blob_is_a_blob_and_null_is_nothing_where_it_may_be(void **state)
{
	struct bench *bench = *state;
	uint8_t data[1];

	hc_sqlite_close(&bench->db);
	file_execute(bench->path, "INSERT INTO thing (name, data) VALUES ('a', x'')");
	open_as(bench, &writer);
	HC_QUERY(query, &bench->db, SQL_GET);
	hc_query_bind_text(&query, "a");
	assert_true(hc_query_row(&query));
	(void)hc_query_int64(&query);
	char name[2];
	hc_query_text(&query, name, sizeof(name));
	assert_int_equal(hc_query_blob(&query, data, sizeof(data)), 0);
	assert_int_equal(hc_query_id(&query), 0);
	assert_int_equal(hc_query_end(&query), HC_OK);
}

/* Reads one column of the row "a" in a way that does not hold it. */
static void read_badly(struct hc_query *query, unsigned how)
{
	uint8_t data[32];
	char text[4];

	(void)hc_query_int64(query);
	if (how == 0) {
		hc_query_text(query, text, 1); /* no room for its end */
		return;
	}
	if (how == 1) {
		(void)hc_query_int64(query); /* a text */
		return;
	}
	hc_query_text(query, text, sizeof(text));
	switch (how) {
	case 2:
		(void)hc_query_blob(query, data, 2);
		return;
	case 3:
		hc_query_hash(query, data); /* 3 bytes are no hash */
		return;
	case 4:
		hc_query_text(query, text, sizeof(text)); /* a blob */
		return;
	default:
		(void)hc_query_blob(query, data, sizeof(data));
		(void)hc_query_range(query, 0, 40); /* it is 41 */
	}
}

static void a_value_that_does_not_fit_is_corruption(void **state)
{
	struct bench *bench = *state;

	put(bench, "a", 41);
	for (unsigned how = 0; how < 6; how++) {
		bench->log[0] = '\0';
		assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
		HC_QUERY(query, &bench->db, SQL_GET);
		hc_query_bind_text(&query, "a");
		assert_true(hc_query_row(&query));
		read_badly(&query, how);
		if (hc_query_end(&query) != HC_ERR_CORRUPT || strstr(bench->log, "out of range") == NULL)
			fail_msg("way %u: %s: %s", how, hc_strerror(hc_query_end(&query)), bench->log);
		hc_query_reset(&query);
		assert_int_equal(hc_sqlite_commit(&bench->db), HC_ERR_CORRUPT);
	}
}

static enum hc_err number_above(struct hc_sqlite *db, int64_t least, int64_t max, int64_t *ret_number)
{
	HC_QUERY(query, db, SQL_COUNT);

	hc_query_bind_int64(&query, least);
	return hc_query_number(&query, 0, max, ret_number);
}

static enum hc_err remove_one(struct hc_sqlite *db, const char *name)
{
	HC_QUERY(query, db, SQL_REMOVE);

	hc_query_bind_text(&query, name);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

static void no_row_is_said_and_not_guessed(void **state)
{
	struct bench *bench = *state;
	int64_t number = -7;

	put(bench, "a", 1);
	assert_int_equal(number_above(&bench->db, 1, 9, &number), HC_ERR_NOTFOUND);
	assert_int_equal(number_above(&bench->db, 0, 0, &number), HC_ERR_CORRUPT);
	assert_int_equal(number, -7);
	assert_int_equal(number_above(&bench->db, 0, 9, &number), HC_OK);
	assert_int_equal(number, 1);

	assert_int_equal(hc_sqlite_begin(&bench->db), HC_OK);
	assert_int_equal(remove_one(&bench->db, "b"), HC_ERR_NOTFOUND);
	assert_int_equal(remove_one(&bench->db, "a"), HC_OK);
	assert_int_equal(hc_sqlite_commit(&bench->db), HC_OK);
	assert_int_equal(count(&bench->db), 0);
}

#define OPEN(name) cmocka_unit_test_setup_teardown(name, setup_open, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(a_taken_key_is_what_the_store_says_it_is),
		OPEN(a_reader_sees_what_is_committed_and_cannot_write),
		OPEN(a_query_that_failed_stays_failed),
		OPEN(too_many_parameters_are_refused),
		OPEN(what_was_bound_comes_back),
		OPEN(an_empty_blob_is_a_blob_and_null_is_nothing_where_it_may_be),
		OPEN(a_value_that_does_not_fit_is_corruption),
		OPEN(no_row_is_said_and_not_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
