/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a security key: kept whole, bounded, counted forward alone, and gone with its person. */
#include "store_support.h"

#include "store/db.h"
#include "tests/support/sqlite_file.h"

#define OK(what) assert_int_equal((what), HC_OK)

static const struct hc_credential_id FIRST = {"aaaabbbbcccc"}, SECOND = {"ddddeeeeffff"},
				     CODE = {"gggghhhhiiii"};

static void add_of_type(struct bench *bench, int64_t person_id, const struct hc_credential_id *id,
			enum hc_credential_type type)
{
	const struct hc_credential credential = {.id = *id,
						 .person_id = person_id,
						 .type = type,
						 .state = HC_CREDENTIAL_ACTIVE,
						 .last_step = -1,
						 .created_ms = 2000};

	add_credential(bench->store, &credential);
}

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "martin");

	add_of_type(bench, id, &FIRST, HC_CREDENTIAL_FIDO2);
	add_of_type(bench, id, &SECOND, HC_CREDENTIAL_FIDO2);
	add_of_type(bench, id, &CODE, HC_CREDENTIAL_RECOVERY);
	return 0;
}

static struct hc_stored_key key_of(const char *id)
{
	struct hc_stored_key key = {.id_len = strlen(id),
				    .rp_id = "login.example",
				    .key = {0xa4, 1, 0},
				    .key_len = 3,
				    .handle = "handle",
				    .handle_len = 6,
				    .aaguid = {0xaa, 0, 0xbb},
				    .attestation = 3,
				    .discoverable = true,
				    .verifies = true,
				    .protect = 2,
				    .model = "Mod\xc3\xa8le"};

	memcpy(key.id, id, key.id_len);
	return key;
}

/* What others do to the file; the store is its one user while it is open. */
static void edit(struct bench *bench, const char *sql)
{
	hc_store_free(&bench->store);
	file_execute(bench->path, sql);
	bench_reopen(bench);
}

static void what_is_no_key_or_nobodys_is_not_kept(void **state)
{
	struct bench *bench = *state;
	const struct hc_credential_id nobody = {"zzzzzzzzzzzz"};
	struct hc_stored_key key = key_of("name"), read;

	assert_int_equal(add_key(bench, &nobody, &key), HC_ERR_NOTFOUND);
	assert_int_equal(add_key(bench, &CODE, &key), HC_ERR_NOTFOUND); /* another kind of credential */
	for (unsigned row = 0; row < 6; row++) {
		key = key_of("name");
		if (row == 0)
			key.id_len = sizeof(key.id) + 1;
		else if (row == 1)
			key.key_len = sizeof(key.key) + 1;
		else if (row == 2)
			key.handle_len = sizeof(key.handle) + 1;
		else if (row == 3)
			key.rp_id[0] = '\0';
		else if (row == 4)
			key.attestation = 4;
		else
			key.protect = 4;
		if (add_key(bench, &FIRST, &key) == HC_OK)
			fail_msg("row %u is kept", row);
	}
	assert_int_equal(hc_store_key_get(bench->store, &FIRST, &read), HC_ERR_NOTFOUND);
}

static void all_that_is_known_comes_back(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_key key = key_of("name");
	struct hc_stored_key read;
	struct hc_credential_id found;
	int64_t owner = 0;

	OK(add_key(bench, &FIRST, &key));
	bench_reopen(bench);
	OK(hc_store_key_get(bench->store, &FIRST, &read));
	assert_memory_equal(&read, &key, sizeof(key));
	OK(hc_store_key_find(bench->store, "name", 4, &found));
	assert_string_equal(found.text, FIRST.text);
	assert_int_equal(hc_store_key_find(bench->store, "nam", 3, &found), HC_ERR_NOTFOUND);
	OK(hc_store_key_owner(bench->store, "handle", 6, &owner));
	assert_true(owner > 0);
	assert_int_equal(hc_store_key_get(bench->store, &SECOND, &read), HC_ERR_NOTFOUND);
}

static void a_name_is_somebodys_for_good(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_key key = key_of("name");

	OK(add_key(bench, &FIRST, &key));
	assert_int_equal(add_key(bench, &SECOND, &key), HC_ERR_EXISTS);
	edit(bench, "UPDATE credential SET state = 3 WHERE id = 'aaaabbbbcccc'");
	assert_int_equal(add_key(bench, &SECOND, &key), HC_ERR_EXISTS); /* revoked or not */
}

static void a_counter_goes_forward_alone(void **state)
{
	static const struct {
		uint32_t counter;
		enum hc_err err;
	} rows[] = {{0, HC_OK}, {0, HC_OK}, /* a key that has none */
		    {5, HC_OK}, {5, HC_ERR_STATE},   {4, HC_ERR_STATE}, {0, HC_ERR_STATE},
		    {6, HC_OK}, {UINT32_MAX, HC_OK}, {1, HC_ERR_STATE}, {UINT32_MAX, HC_ERR_STATE}};
	struct bench *bench = *state;
	const struct hc_stored_key key = key_of("name");

	OK(add_key(bench, &FIRST, &key));
	BEGIN(bench->store);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		const enum hc_err err = hc_store_key_consume(bench->store, &FIRST, rows[i].counter, 3000);

		if (err != rows[i].err)
			fail_msg("row %zu: %s", i, hc_strerror(err));
	}
	COMMIT(bench->store);
	edit(bench, "UPDATE credential SET state = 3, counter = 0");
	BEGIN(bench->store);
	assert_int_equal(hc_store_key_consume(bench->store, &FIRST, 9, 3000), HC_ERR_STATE);
	assert_int_equal(hc_store_key_consume(bench->store, &CODE, 9, 3000), HC_ERR_STATE);
	hc_store_rollback(bench->store);
}

static void keys_of_another_relying_party_are_counted(void **state)
{
	struct bench *bench = *state;
	struct hc_stored_key key = key_of("one"), other = key_of("two");
	int64_t count = -1;

	snprintf(other.rp_id, sizeof(other.rp_id), "pam://ward-7");
	OK(add_key(bench, &FIRST, &key));
	OK(add_key(bench, &SECOND, &other));
	OK(hc_store_key_elsewhere(bench->store, "login.example", &count));
	assert_int_equal(count, 0); /* what was imported is this machine's, whatever rp_id is */
	OK(hc_store_key_elsewhere(bench->store, "new.example", &count));
	assert_int_equal(count, 1);
	OK(hc_store_key_elsewhere(bench->store, "", &count));
	assert_int_equal(count, 1);
	edit(bench, "UPDATE credential SET state = 3");
	OK(hc_store_key_elsewhere(bench->store, "new.example", &count));
	assert_int_equal(count, 0);
}

static void a_key_goes_with_its_person(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_key key = key_of("name");
	struct hc_credential_id found;
	int64_t owner;

	OK(add_key(bench, &FIRST, &key));
	edit(bench, "PRAGMA foreign_keys = ON; DELETE FROM person");
	assert_int_equal(hc_store_key_find(bench->store, "name", 4, &found), HC_ERR_NOTFOUND);
	assert_int_equal(hc_store_key_owner(bench->store, "handle", 6, &owner), HC_ERR_NOTFOUND);
	hc_store_free(&bench->store);
	assert_int_equal(file_number(bench->path, "SELECT count(*) FROM fido_key"), 0);
}

static void a_key_from_before_says_nothing_of_model_and_protection(void **state)
{
	struct bench *bench = *state;
	struct hc_stored_key read;
	struct hc_sqlite old;

	hc_store_free(&bench->store);
	assert_int_equal(remove(bench->path), 0);
	OK(hc_sqlite_open(&old, bench->path, &hc_store_options));
	OK(hc_sqlite_migrate(&old, 5));
	hc_sqlite_close(&old);
	file_execute(bench->path,
		     "INSERT INTO person VALUES (1, 'martin', '', '', '', '', NULL, 1, 0, 0, 0);"
		     "INSERT INTO credential VALUES (1, 'aaaabbbbcccc', 1, 4, 2, '', 0, 0, 0, -1, 0, 0, x'', "
		     "0, 0, 0, 0,"
		     " '', '', '', 0, 1);"
		     "INSERT INTO fido_key VALUES (1, x'6e616d65', 'login.example', x'a4', x'68',"
		     " x'00112233445566778899aabbccddeeff', 3, 1, 1)");
	OK(hc_store_open(bench->path, &bench->store));
	OK(hc_store_key_get(bench->store, &FIRST, &read));
	assert_int_equal(read.protect, 0);
	assert_string_equal(read.model, "");
	assert_int_equal(read.attestation, 3);
	assert_memory_equal(read.id, "name", 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_key_or_nobodys_is_not_kept),
		TEST(all_that_is_known_comes_back),
		TEST(a_name_is_somebodys_for_good),
		TEST(a_counter_goes_forward_alone),
		TEST(keys_of_another_relying_party_are_counted),
		TEST(a_key_goes_with_its_person),
		TEST(a_key_from_before_says_nothing_of_model_and_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
