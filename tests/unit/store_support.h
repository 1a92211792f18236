/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_STORE_SUPPORT_H
#define HC_STORE_SUPPORT_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/log.h"
#include "store/store.h"
#include "tests/support/tempdir.h"

/* A store in a private directory, and what was logged while the test ran. */
struct bench {
	struct tempdir dir;
	char path[128];
	struct hc_store *store;
	int lines;	 /* warnings and errors */
	char log[16384]; /* all of them, one behind the other */
};

static inline void bench_log(enum hc_log_level level, const char *line, void *ctx)
{
	struct bench *bench = ctx;

	bench->lines += level <= HC_LOG_WARNING ? 1 : 0;
	const size_t len = strlen(bench->log);
	(void)snprintf(bench->log + len, sizeof(bench->log) - len, "%s\n", line);
}

static inline int bench_setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL || !tempdir_make(&bench->dir))
		return -1;
	(void)tempdir_file(&bench->dir, "hospiconnect.db", bench->path, sizeof(bench->path));
	hc_log_capture(bench_log, bench);
	*state = bench;
	return 0;
}

static inline int bench_setup_store(void **state)
{
	const int rc = bench_setup(state);
	struct bench *bench = *state;

	return rc != 0 || hc_store_open(bench->path, &bench->store) != HC_OK ? -1 : 0;
}

static inline int bench_teardown(void **state)
{
	struct bench *bench = *state;

	hc_store_free(&bench->store);
	hc_log_capture(NULL, NULL);
	tempdir_remove(&bench->dir);
	free(bench);
	return 0;
}

/* Close and open again, as a restart does. */
static inline void bench_reopen(struct bench *bench)
{
	hc_store_free(&bench->store);
	assert_int_equal(hc_store_open(bench->path, &bench->store), HC_OK);
}

#define BEGIN(store)  assert_int_equal(hc_store_begin(store), HC_OK)
#define COMMIT(store) assert_int_equal(hc_store_commit(store), HC_OK)

static inline struct hc_login login_of(const char *text)
{
	struct hc_login login = {{0}};

	(void)snprintf(login.text, sizeof(login.text), "%s", text);
	return login;
}

static inline struct hc_person person_of(const char *login)
{
	return (struct hc_person){.login = login_of(login), .state = HC_PERSON_ACTIVE, .created_ms = 1000};
}

static inline int64_t add_person(struct hc_store *store, const char *login)
{
	const struct hc_person person = person_of(login);
	int64_t id = 0;

	BEGIN(store);
	assert_int_equal(hc_store_person_add(store, &person, &id), HC_OK);
	COMMIT(store);
	return id;
}

static inline struct hc_credential_id credential_id_of(const char *text)
{
	struct hc_credential_id id = {{0}};

	assert_true(strlen(text) < sizeof(id.text));
	memcpy(id.text, text, strlen(text));
	return id;
}

static inline struct hc_credential credential_of(int64_t person_id, const char *id,
						 enum hc_credential_type type)
{
	struct hc_credential credential = {.id = credential_id_of(id),
					   .person_id = person_id,
					   .type = type,
					   .state = HC_CREDENTIAL_ACTIVE,
					   .last_step = -1,
					   .created_ms = 2000};

	if (type == HC_CREDENTIAL_RECOVERY)
		return credential;
	credential.algorithm = HC_OTP_SHA1;
	credential.digits = 6;
	credential.period_s = type == HC_CREDENTIAL_TOTP ? 30 : 0;
	credential.sealed_len = 57;
	memset(credential.sealed, 0x5a, credential.sealed_len);
	return credential;
}

static inline void add_credential(struct hc_store *store, const struct hc_credential *credential)
{
	BEGIN(store);
	assert_int_equal(hc_store_credential_add(store, credential), HC_OK);
	COMMIT(store);
}

static inline enum hc_err add_key(struct bench *bench, const struct hc_credential_id *id,
				  const struct hc_stored_key *key)
{
	BEGIN(bench->store);
	const enum hc_err err = hc_store_key_add(bench->store, id, key);

	if (err == HC_OK)
		COMMIT(bench->store);
	else
		hc_store_rollback(bench->store);
	return err;
}

#endif
