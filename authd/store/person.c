/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persons. No state beyond the store. Ids are never used twice, since sealed secrets and the audit
 * trail name them: a new person must not inherit anything of one who was removed.
 */
#include "db.h"

#include <string.h>

static void read_person(struct hc_query *query, struct hc_person *person)
{
	memset(person, 0, sizeof(*person));
	person->id = hc_query_range(query, 1, INT64_MAX);
	hc_query_text(query, person->login.text, sizeof(person->login.text));
	hc_query_text(query, person->given_name.text, sizeof(person->given_name.text));
	hc_query_text(query, person->family_name.text, sizeof(person->family_name.text));
	hc_query_text(query, person->profession.text, sizeof(person->profession.text));
	hc_query_text(query, person->organization.text, sizeof(person->organization.text));
	hc_query_text(query, person->national_id.text, sizeof(person->national_id.text));
	person->state = (enum hc_person_state)hc_query_range(query, HC_PERSON_ACTIVE, HC_PERSON_DISABLED);
	person->valid_from_ms = hc_query_int64(query);
	person->valid_until_ms = hc_query_int64(query);
	person->created_ms = hc_query_int64(query);
}

/* Runs a query that finds one person at most. */
static enum hc_err read_one(struct hc_query *query, struct hc_person *ret_person)
{
	struct hc_person person;
	const bool found = hc_query_row(query);

	if (found)
		read_person(query, &person);
	const enum hc_err err = hc_query_end(query);
	if (err != HC_OK)
		return err;
	if (!found)
		return HC_ERR_NOTFOUND;
	*ret_person = person;
	return HC_OK;
}

static enum hc_err national_id_free(struct hc_store *store, const struct hc_national_id *id)
{
	if (id->text[0] == '\0')
		return HC_OK;
	HC_QUERY(query, &store->db, HC_SQL_PERSON_BY_NATIONAL_ID);
	hc_query_bind_text(&query, id->text);
	const bool taken = hc_query_row(&query);
	const enum hc_err err = hc_query_end(&query);
	return err == HC_OK && taken ? HC_ERR_STATE : err;
}

static enum hc_err insert(struct hc_store *store, const struct hc_person *person, int64_t *ret_id)
{
	HC_QUERY(query, &store->db, HC_SQL_PERSON_ADD);

	hc_query_bind_text(&query, person->login.text);
	hc_query_bind_text(&query, person->given_name.text);
	hc_query_bind_text(&query, person->family_name.text);
	hc_query_bind_text(&query, person->profession.text);
	hc_query_bind_text(&query, person->organization.text);
	hc_query_bind_text(&query, person->national_id.text);
	hc_query_bind_int64(&query, person->state);
	hc_query_bind_int64(&query, person->valid_from_ms);
	hc_query_bind_int64(&query, person->valid_until_ms);
	hc_query_bind_int64(&query, person->created_ms);
	return hc_query_run_new(&query, ret_id);
}

enum hc_err hc_store_person_add(struct hc_store *store, const struct hc_person *person, int64_t *ret_id)
{
	struct hc_person other;

	/* We are the only writer, so what was free a moment ago is free. */
	enum hc_err err = hc_store_person_by_login(store, &person->login, &other);
	if (err == HC_OK)
		return HC_ERR_EXISTS;
	if (err != HC_ERR_NOTFOUND)
		return err;
	err = national_id_free(store, &person->national_id);
	return err == HC_OK ? insert(store, person, ret_id) : err;
}

enum hc_err hc_store_person_by_login(struct hc_store *store, const struct hc_login *login,
				     struct hc_person *ret_person)
{
	HC_QUERY(query, &store->db, HC_SQL_PERSON_BY_LOGIN);

	hc_query_bind_text(&query, login->text);
	return read_one(&query, ret_person);
}

enum hc_err hc_store_person_by_id(struct hc_store *store, int64_t id, struct hc_person *ret_person)
{
	HC_QUERY(query, &store->db, HC_SQL_PERSON_BY_ID);

	hc_query_bind_int64(&query, id);
	return read_one(&query, ret_person);
}

enum hc_err hc_store_person_set_state(struct hc_store *store, int64_t id, enum hc_person_state state)
{
	HC_QUERY(query, &store->db, HC_SQL_PERSON_SET_STATE);
	hc_query_bind_int64(&query, id);
	hc_query_bind_int64(&query, state);
	return hc_query_run_one(&query, HC_ERR_NOTFOUND);
}

enum hc_err hc_store_person_identify(struct hc_store *store, int64_t id,
				     const struct hc_national_id *national_id)
{
	enum hc_err err = national_id_free(store, national_id);

	if (err != HC_OK)
		return err == HC_ERR_STATE ? HC_ERR_EXISTS : err;
	HC_QUERY(query, &store->db, HC_SQL_PERSON_IDENTIFY);
	hc_query_bind_int64(&query, id);
	hc_query_bind_text(&query, national_id->text);
	return hc_query_run_one(&query, HC_ERR_STATE);
}

/* That a login was enrolled outlives the person: whoever is added under it again has no grace. */
static enum hc_err remember_enrolment(struct hc_store *store, int64_t id)
{
	HC_QUERY(query, &store->db, HC_SQL_PERSON_REMEMBER);

	hc_query_bind_int64(&query, id);
	return hc_query_run(&query, NULL);
}

enum hc_err hc_store_person_remove(struct hc_store *store, int64_t id)
{
	enum hc_err err = remember_enrolment(store, id);

	if (err != HC_OK)
		return err;
	HC_QUERY(query, &store->db, HC_SQL_PERSON_REMOVE);
	hc_query_bind_int64(&query, id);
	err = hc_query_run_one(&query, HC_ERR_NOTFOUND);
	store->db.erased = store->db.erased || err == HC_OK;
	return err;
}

enum hc_err hc_store_person_list(struct hc_store *store, const char *after, size_t max, struct hc_person *out,
				 size_t *ret_count)
{
	size_t count = 0;

	HC_QUERY(query, &store->db, HC_SQL_PERSON_LIST);
	hc_query_bind_text(&query, after);
	hc_query_bind_int64(&query, (int64_t)max);
	while (count < max && hc_query_row(&query))
		read_person(&query, &out[count++]);
	const enum hc_err err = hc_query_end(&query);
	if (err == HC_OK)
		*ret_count = count;
	return err;
}

enum hc_err hc_store_person_count(struct hc_store *store, int64_t *ret_count)
{
	HC_QUERY(query, &store->db, HC_SQL_PERSON_COUNT);

	return hc_query_number(&query, 0, INT64_MAX, ret_count);
}
