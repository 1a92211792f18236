/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FAILING_STORE_H
#define HC_FAILING_STORE_H

#include "store/store.h"

/*
 * A store that fails at its n-th call since it was armed: every function that a decision uses, linked with --wrap (the
 * list stands in authd.cmake as HC_FAILING_STORE). One source file of a test program includes this.
 */
static struct {
	bool armed;
	int calls, fail_at; /* fail_at 0: none */
	enum hc_err err;
	const char *failed; /* the name of what failed; NULL: nothing has */
} fault;

static inline bool fails(const char *name)
{
	if (!fault.armed || ++fault.calls != fault.fail_at)
		return false;
	fault.failed = name;
	return true;
}

static inline void arm(int fail_at, enum hc_err err)
{
	fault.armed = true;
	fault.calls = 0;
	fault.fail_at = fail_at;
	fault.err = err;
	fault.failed = NULL;
}

static inline void disarm(void)
{
	fault.armed = false;
}

#define FAILING(name, parameters, arguments)                               \
	enum hc_err __real_##name parameters;                              \
	enum hc_err __wrap_##name parameters;                              \
	enum hc_err __wrap_##name parameters                               \
	{                                                                  \
		return fails(#name) ? fault.err : __real_##name arguments; \
	}

FAILING(hc_store_begin, (struct hc_store * store), (store))
FAILING(hc_store_person_by_login,
	(struct hc_store * store, const struct hc_login *login, struct hc_person *ret_person),
	(store, login, ret_person))
FAILING(hc_store_person_by_id, (struct hc_store * store, int64_t id, struct hc_person *ret_person),
	(store, id, ret_person))
FAILING(hc_store_credential_list,
	(struct hc_store * store, int64_t person_id, bool revoked_too, size_t max, struct hc_credential *out,
	 size_t *ret_count),
	(store, person_id, revoked_too, max, out, ret_count))
FAILING(hc_store_credential_by_id,
	(struct hc_store * store, const struct hc_credential_id *id, struct hc_credential *ret_credential),
	(store, id, ret_credential))
FAILING(hc_store_credential_ever, (struct hc_store * store, int64_t person_id, bool *ret_ever),
	(store, person_id, ret_ever))
FAILING(hc_store_throttle_get,
	(struct hc_store * store, int64_t person_id, enum hc_factor factor, const char *scope,
	 struct hc_throttle_row *ret_row),
	(store, person_id, factor, scope, ret_row))
FAILING(hc_store_throttle_put, (struct hc_store * store, const struct hc_throttle_row *row), (store, row))
FAILING(hc_store_throttle_clear,
	(struct hc_store * store, int64_t person_id, enum hc_factor factor, const char *scope,
	 size_t *ret_cleared),
	(store, person_id, factor, scope, ret_cleared))
FAILING(hc_store_totp_consume,
	(struct hc_store * store, const struct hc_credential_id *id, int64_t step, int64_t drift_steps,
	 int64_t now_ms),
	(store, id, step, drift_steps, now_ms))
FAILING(hc_store_recovery_consume,
	(struct hc_store * store, const struct hc_credential_id *id, const uint8_t hash[32], int64_t now_ms),
	(store, id, hash, now_ms))
FAILING(hc_store_key_find,
	(struct hc_store * store, const void *id, size_t len, struct hc_credential_id *ret_credential),
	(store, id, len, ret_credential))
FAILING(hc_store_key_get,
	(struct hc_store * store, const struct hc_credential_id *credential, struct hc_stored_key *ret_key),
	(store, credential, ret_key))
FAILING(hc_store_key_consume,
	(struct hc_store * store, const struct hc_credential_id *credential, uint32_t counter,
	 int64_t now_ms),
	(store, credential, counter, now_ms))
FAILING(hc_store_audit_append, (struct hc_store * store, const struct hc_audit_record *record),
	(store, record))
FAILING(hc_store_audit_newest, (struct hc_store * store, int64_t *ret_time_ms), (store, ret_time_ms))

/* A commit that fails has not happened. */
enum hc_err __real_hc_store_commit(struct hc_store *store);
enum hc_err __wrap_hc_store_commit(struct hc_store *store);
enum hc_err __wrap_hc_store_commit(struct hc_store *store)
{
	if (!fails("hc_store_commit"))
		return __real_hc_store_commit(store);
	hc_store_rollback(store);
	return fault.err;
}

#endif
