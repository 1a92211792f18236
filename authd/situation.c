/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of one request, gathered from the store.
 *
 * No state. A fact that cannot be read is an error of the whole, so that nothing is decided on half of
 * them. An unprivileged caller moves failure counters of its own ("uid:1000"), because the service name
 * that it claims is forgeable: it can lock itself and nobody else. Counters over all origins lock it too.
 */
#include "situation.h"

#include <stdio.h>
#include <string.h>

#include "factor.h"
#include "origin.h"
#include "throttle.h"

static const struct {
	enum hc_factor factor;
	uint32_t method;
} FACTORS[] = {{HC_FACTOR_OTP, HC_METHOD_TOTP},
	       {HC_FACTOR_RECOVERY, HC_METHOD_RECOVERY},
	       {HC_FACTOR_FIDO2, HC_METHOD_FIDO2},
	       {HC_FACTOR_CPS, HC_METHOD_CPS}};

static bool is_locker(const struct hc_policy_rules *rules, const struct hc_service *service)
{
	for (size_t i = 0; i < rules->locker_service_count; i++) {
		if (strcmp(rules->locker_services[i].text, service->text) == 0)
			return true;
	}
	return false;
}

static uint32_t method_of(enum hc_credential_type type)
{
	switch (type) {
	case HC_CREDENTIAL_TOTP:
	case HC_CREDENTIAL_HOTP:
		return HC_METHOD_TOTP;
	case HC_CREDENTIAL_RECOVERY:
		return HC_METHOD_RECOVERY;
	case HC_CREDENTIAL_FIDO2:
		return HC_METHOD_FIDO2;
	case HC_CREDENTIAL_CPS:
		return HC_METHOD_CPS;
	}
	return 0;
}

static enum hc_err read_held(const struct hc_authd *authd, struct hc_situation *situation)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	size_t count;
	enum hc_err err = hc_store_credential_list(authd->store, situation->person.id, false, HC_COUNT(held),
						   held, &count);

	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (held[i].state == HC_CREDENTIAL_ACTIVE)
			situation->facts.methods_held |= method_of(held[i].type);
	}
	return err;
}

/* What only matters for people who hold nothing. */
static enum hc_err read_past(const struct hc_authd *authd, struct hc_facts *facts, int64_t person_id)
{
	enum hc_err err;

	if (facts->methods_held != 0)
		return HC_OK;
	err = hc_store_credential_ever(authd->store, person_id, &facts->ever_enrolled);
	if (err != HC_OK)
		return err;
	return hc_store_audit_newest(authd->store, &facts->latest_ms);
}

static enum hc_err read_locks(const struct hc_authd *authd, struct hc_situation *situation)
{
	uint32_t usable = situation->facts.methods_held & situation->facts.methods_offered;
	int64_t first_free_s = INT64_MAX;

	for (size_t i = 0; i < HC_COUNT(FACTORS); i++) {
		int64_t left_s = 0;
		enum hc_err err = hc_situation_locked_s(authd, situation, FACTORS[i].factor, &left_s);

		if (err != HC_OK)
			return err;
		if (left_s > 0)
			situation->facts.methods_locked |= FACTORS[i].method;
		if ((usable & FACTORS[i].method) != 0 && left_s < first_free_s)
			first_free_s = left_s;
	}
	situation->retry_after_s = first_free_s == INT64_MAX ? 0 : first_free_s;
	return HC_OK;
}

static enum hc_err row_left_s(const struct hc_authd *authd, int64_t person_id, enum hc_factor factor,
			      const char *scope, int64_t *ret_left_s)
{
	struct hc_throttle_row row;
	enum hc_err err = hc_store_throttle_get(authd->store, person_id, factor, scope, &row);

	if (err == HC_OK)
		*ret_left_s = hc_throttle_left_s(&row, &authd->config->policy, hc_now_ms(authd->clock));
	return err;
}

static enum hc_err read_password_lock(const struct hc_authd *authd, struct hc_situation *situation)
{
	enum hc_err err = HC_OK;

	if (situation->password_scope[0] != '\0')
		err = row_left_s(authd, situation->person.id, HC_FACTOR_PASSWORD, situation->password_scope,
				 &situation->password_retry_s);
	situation->facts.password_locked = situation->password_retry_s > 0;
	return err;
}

/* Devices are at this machine, and so must the person be. */
static uint32_t devices_here(const struct hc_authd *authd, const struct hc_caller *caller,
			     const struct hc_hello *hello)
{
	if (hello->remote || caller->kind == HC_CALLER_GATEWAY || caller->kind == HC_CALLER_ADMIN)
		return 0;
	return authd->device_methods;
}

static void describe_caller(const struct hc_authd *authd, const struct hc_caller *caller,
			    const struct hc_hello *hello, struct hc_situation *situation)
{
	situation->facts = (struct hc_facts){
		.caller = caller->kind,
		.mode = hello->mode,
		.methods_offered =
			hello->methods & ~(HC_METHOD_DEVICES & ~devices_here(authd, caller, hello)),
		.remote = hello->remote,
		.service_is_locker = is_locker(&authd->config->policy, &hello->service),
		.caller_is_person = caller->name_known && strcmp(caller->name.text, hello->login.text) == 0,
		.now_ms = hc_now_ms(authd->clock),
	};
	/* The gateway's codes follow a verified password: they count over all origins, as root's do. */
	if (caller->kind == HC_CALLER_GATEWAY)
		hc_password_scope(&hello->rhost, situation->password_scope);
	else if (caller->kind != HC_CALLER_ROOT)
		snprintf(situation->scope, sizeof(situation->scope), "uid:%lu", (unsigned long)caller->uid);
}

enum hc_err hc_situation_read(const struct hc_authd *authd, const struct hc_caller *caller,
			      const struct hc_hello *hello, struct hc_situation *ret_situation)
{
	struct hc_situation situation = {0};
	enum hc_err err;

	describe_caller(authd, caller, hello, &situation);
	err = hc_store_person_by_login(authd->store, &hello->login, &situation.person);
	if (err == HC_ERR_NOTFOUND) {
		*ret_situation = situation;
		return HC_OK;
	}
	if (err != HC_OK)
		return err;
	situation.facts.person_known = true;
	situation.facts.person_state = situation.person.state;
	situation.facts.valid_from_ms = situation.person.valid_from_ms;
	situation.facts.valid_until_ms = situation.person.valid_until_ms;
	err = read_held(authd, &situation);
	if (err == HC_OK)
		err = read_past(authd, &situation.facts, situation.person.id);
	if (err == HC_OK)
		err = read_locks(authd, &situation);
	if (err == HC_OK)
		err = read_password_lock(authd, &situation);
	if (err == HC_OK)
		*ret_situation = situation;
	return err;
}

static enum hc_err settle_row(const struct hc_authd *authd, int64_t person_id, enum hc_factor factor,
			      const char *scope, bool *changed)
{
	struct hc_throttle_row row;
	enum hc_err err = hc_store_throttle_get(authd->store, person_id, factor, scope, &row);

	if (err != HC_OK || !hc_throttle_settle(&row, &authd->config->policy, hc_now_ms(authd->clock)))
		return err;
	*changed = true;
	return hc_store_throttle_put(authd->store, &row);
}

enum hc_err hc_situation_settle(const struct hc_authd *authd, const struct hc_situation *situation,
				bool *ret_changed)
{
	int64_t person_id = situation->person.id;
	bool changed = false;
	enum hc_err err = HC_OK;

	for (size_t i = 0; situation->facts.person_known && err == HC_OK && i < HC_COUNT(FACTORS); i++) {
		err = settle_row(authd, person_id, FACTORS[i].factor, "", &changed);
		if (err == HC_OK && situation->scope[0] != '\0')
			err = settle_row(authd, person_id, FACTORS[i].factor, situation->scope, &changed);
	}
	if (err == HC_OK && situation->facts.person_known && situation->password_scope[0] != '\0')
		err = settle_row(authd, person_id, HC_FACTOR_PASSWORD, situation->password_scope, &changed);
	if (err == HC_OK)
		*ret_changed = changed;
	return err;
}

enum hc_err hc_situation_locked_s(const struct hc_authd *authd, const struct hc_situation *situation,
				  enum hc_factor factor, int64_t *ret_left_s)
{
	int64_t all_s = 0, own_s = 0;
	enum hc_err err = row_left_s(authd, situation->person.id, factor, "", &all_s);

	if (err == HC_OK && situation->scope[0] != '\0')
		err = row_left_s(authd, situation->person.id, factor, situation->scope, &own_s);
	if (err == HC_OK)
		*ret_left_s = all_s > own_s ? all_s : own_s;
	return err;
}
