/* SPDX-License-Identifier: Apache-2.0 */
/* Security keys in the store: a name is one credential's, and what is not known yet stays apart. */
#include "store_support.h"

static const struct hc_credential_id FIRST = {"aaaabbbbcccc"}, SECOND = {"ddddeeeeffff"};

static int setup(void **state)
{
	if (bench_setup_store(state) != 0)
		return -1;
	struct bench *bench = *state;
	const int64_t id = add_person(bench->store, "martin");
	const struct hc_credential_id *ids[] = {&FIRST, &SECOND};

	for (size_t i = 0; i < HC_COUNT(ids); i++) {
		const struct hc_credential credential = {.id = *ids[i],
							 .person_id = id,
							 .type = HC_CREDENTIAL_FIDO2,
							 .state = HC_CREDENTIAL_ACTIVE,
							 .last_step = -1,
							 .created_ms = 2000};

		add_credential(bench->store, &credential);
	}
	return 0;
}

static struct hc_stored_key key_of(const char *id, const char *public, const char *handle)
{
	struct hc_stored_key key = {.rp_id = "pam://ward-7",
				    .id_len = strlen(id),
				    .key_len = strlen(public),
				    .handle_len = strlen(handle)};

	memcpy(key.id, id, key.id_len);
	memcpy(key.key, public, key.key_len);
	memcpy(key.handle, handle, key.handle_len);
	return key;
}

static void a_name_is_one_credentials_and_so_is_a_key_without_one(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_key named = key_of("name", "public", "handle"),
				   unnamed = key_of("", "public", "");

	assert_int_equal(add_key(bench, &FIRST, &named), HC_OK);
	assert_int_equal(add_key(bench, &SECOND, &named), HC_ERR_EXISTS);
	assert_int_equal(add_key(bench, &SECOND, &unnamed), HC_OK);
	assert_int_equal(add_key(bench, &FIRST, &unnamed), HC_ERR_EXISTS);
}

static void what_is_not_known_is_read_back_as_not_known(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_key unnamed = key_of("", "public", "");
	struct hc_stored_key read;
	int64_t owner = 0;

	assert_int_equal(add_key(bench, &FIRST, &unnamed), HC_OK);
	assert_int_equal(hc_store_key_get(bench->store, &FIRST, &read), HC_OK);
	assert_int_equal(read.id_len, 0);
	assert_int_equal(read.handle_len, 0);
	assert_int_equal(read.key_len, 6);
	assert_int_equal(hc_store_key_owner(bench->store, "", 1, &owner), HC_ERR_NOTFOUND);
}

static void a_name_is_learnt_once_and_nobody_elses(void **state)
{
	struct bench *bench = *state;
	const struct hc_stored_key named = key_of("taken", "public 1", "handle"),
				   unnamed = key_of("", "public 2", "");
	struct hc_stored_key read;
	struct hc_credential_id found;

	assert_int_equal(add_key(bench, &FIRST, &named), HC_OK);
	assert_int_equal(add_key(bench, &SECOND, &unnamed), HC_OK);
	BEGIN(bench->store);
	assert_int_equal(hc_store_key_learn(bench->store, &SECOND, "taken", 5), HC_ERR_EXISTS);
	assert_int_equal(hc_store_key_learn(bench->store, &FIRST, "new", 3), HC_ERR_STATE);
	assert_int_equal(hc_store_key_learn(bench->store, &SECOND, "new", 3), HC_OK);
	assert_int_equal(hc_store_key_learn(bench->store, &SECOND, "newer", 5), HC_ERR_STATE);
	COMMIT(bench->store);
	assert_int_equal(hc_store_key_get(bench->store, &SECOND, &read), HC_OK);
	assert_int_equal(read.id_len, 3);
	assert_int_equal(hc_store_key_find(bench->store, "new", 3, &found), HC_OK);
	assert_string_equal(found.text, SECOND.text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_one_credentials_and_so_is_a_key_without_one),
		TEST(what_is_not_known_is_read_back_as_not_known),
		TEST(a_name_is_learnt_once_and_nobody_elses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
