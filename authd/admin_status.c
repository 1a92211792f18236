/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATUS: what the broker is and how it does, one fact a row.
 *
 * State: which fact comes next. Nothing here is secret; the seal key appears as its id only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "admin_job.h"
#include "cps_trust.h"
#include "hospiconnect/crypto.h"
#include "removal.h"

#define MS_PER_S 1000

struct status {
	size_t next;
};

typedef enum hc_err (*fact_fn)(const struct hc_authd *authd, char *out, size_t cap);

static enum hc_err put_number(char *out, size_t cap, int64_t number)
{
	snprintf(out, cap, "%" PRId64, number);
	return HC_OK;
}

static enum hc_err put_word(char *out, size_t cap, const char *word)
{
	snprintf(out, cap, "%s", word);
	return HC_OK;
}

static enum hc_err version(const struct hc_authd *authd, char *out, size_t cap)
{
	(void)authd;
	return put_word(out, cap, HC_VERSION);
}

static enum hc_err role(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_word(out, cap, authd->config->role == HC_ROLE_AUTHORITY ? "authority" : "standalone");
}

static enum hc_err schema(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_number(out, cap, hc_store_schema_version(authd->store));
}

static enum hc_err pid(const struct hc_authd *authd, char *out, size_t cap)
{
	(void)authd;
	return put_number(out, cap, getpid());
}

static enum hc_err uid(const struct hc_authd *authd, char *out, size_t cap)
{
	(void)authd;
	return put_number(out, cap, geteuid());
}

static enum hc_err uptime(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_number(out, cap, (hc_mono_ms(authd->clock) - authd->started_mono_ms) / MS_PER_S);
}

static enum hc_err state_dir(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_word(out, cap, authd->config->state_dir);
}

static enum hc_err seal_key_id(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_word(out, cap, hc_seal_key_id(authd->seal));
}

static enum hc_err persons(const struct hc_authd *authd, char *out, size_t cap)
{
	int64_t count = 0;
	enum hc_err err = hc_store_person_count(authd->store, &count);

	return err == HC_OK ? put_number(out, cap, count) : err;
}

static enum hc_err audit_seq(const struct hc_authd *authd, char *out, size_t cap)
{
	struct hc_audit_record last = {0};
	enum hc_err err = hc_store_audit_last(authd->store, &last);

	return err == HC_OK || err == HC_ERR_NOTFOUND ? put_number(out, cap, last.seq) : err;
}

static enum hc_err rp_id(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_word(out, cap, authd->config->fido.rp_id[0] != '\0' ? authd->config->fido.rp_id : "none");
}

/* Enrolled before rp_id was what it is now. */
static enum hc_err keys_elsewhere(const struct hc_authd *authd, char *out, size_t cap)
{
	int64_t count = 0;
	enum hc_err err = hc_store_key_elsewhere(authd->store, authd->config->fido.rp_id, &count);

	return err == HC_OK ? put_number(out, cap, count) : err;
}

static enum hc_err clock_ms(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_number(out, cap, hc_now_ms(authd->clock));
}

static enum hc_err unenrolled(const struct hc_authd *authd, char *out, size_t cap)
{
	const struct hc_policy_rules *rules = &authd->config->policy;
	time_t until = (time_t)(rules->grace_until_ms / MS_PER_S);
	struct tm day;

	if (rules->unenrolled == HC_UNENROLLED_DENY)
		return put_word(out, cap, "deny");
	if (gmtime_r(&until, &day) == NULL || strftime(out, cap, "grace until %Y-%m-%d", &day) == 0)
		return HC_ERR_INVALID;
	return HC_OK;
}

static enum hc_err language(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_word(out, cap, authd->config->lang == HC_LANG_EN ? "en" : "fr");
}

static enum hc_err sessions(const struct hc_authd *authd, char *out, size_t cap)
{
	return put_number(out, cap, authd->sessions != NULL ? *authd->sessions : 0);
}

static enum hc_err watches(const struct hc_authd *authd, char *out, size_t cap)
{
	bool bus = false;

	return put_number(out, cap, hc_removal_count(authd->removal, &bus));
}

/* Asked for with the first session that is watched. */
static enum hc_err system_bus(const struct hc_authd *authd, char *out, size_t cap)
{
	bool bus = false;

	(void)hc_removal_count(authd->removal, &bus); /* the bus alone is of interest */
	return put_word(out, cap, bus ? "connected" : "not connected");
}

/* What a card's sign-in would be judged by at this moment. False: no card could sign in. */
static bool look_at_cards(const struct hc_authd *authd, struct hc_cps_trust_view *ret_view)
{
	return authd->cps_trust != NULL && hc_cps_trust_get(authd->cps_trust, ret_view) == HC_OK;
}

static enum hc_err card_authorities(const struct hc_authd *authd, char *out, size_t cap)
{
	struct hc_cps_trust_view view;
	size_t count = look_at_cards(authd, &view) ? hc_trust_count(view.trust) : 0;

	return authd->cps_trust != NULL ? put_number(out, cap, (int64_t)count) : put_word(out, cap, "none");
}

static enum hc_err revocation_lists(const struct hc_authd *authd, char *out, size_t cap)
{
	struct hc_cps_trust_view view;
	size_t count = look_at_cards(authd, &view) ? hc_cps_crls_count(view.crls) : 0;

	return authd->cps_trust != NULL ? put_number(out, cap, (int64_t)count) : put_word(out, cap, "none");
}

/* When the first of them has to be replaced. */
static enum hc_err revocation_next_update_ms(const struct hc_authd *authd, char *out, size_t cap)
{
	struct hc_cps_trust_view view;
	struct hc_cps_crl_state list;
	int64_t first_ms = INT64_MAX;

	if (!look_at_cards(authd, &view))
		return put_word(out, cap, "none");
	for (size_t i = 0; i < hc_cps_crls_count(view.crls); i++) {
		hc_cps_crls_get(view.crls, i, &list);
		if (list.next_update_ms < first_ms)
			first_ms = list.next_update_ms;
	}
	return first_ms < INT64_MAX ? put_number(out, cap, first_ms) : put_word(out, cap, "none");
}

static const struct {
	const char *name;
	fact_fn fact;
} FACTS[] = {
	{"version", version},
	{"role", role},
	{"schema", schema},
	{"pid", pid},
	{"uid", uid},
	{"uptime_s", uptime},
	{"state_dir", state_dir},
	{"seal_key_id", seal_key_id},
	{"persons", persons},
	{"audit_seq", audit_seq},
	{"clock_ms", clock_ms},
	{"unenrolled", unenrolled},
	{"language", language},
	{"sessions", sessions},
	{"watches", watches},
	{"system_bus", system_bus},
	{"rp_id", rp_id},
	{"keys_elsewhere", keys_elsewhere},
	{"card_authorities", card_authorities},
	{"revocation_lists", revocation_lists},
	{"revocation_next_update_ms", revocation_next_update_ms},
};

static enum hc_err produce_status(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct status *status = job->answer.state;
	char value[HC_PATH_MAX + 1];
	enum hc_err err = FACTS[status->next].fact(job->authd, value, sizeof(value));

	if (err != HC_OK)
		return err;
	hc_msg_put_text(out, HC_FIELD_NAME, FACTS[status->next].name);
	hc_msg_put_text(out, HC_FIELD_VALUE, value);
	status->next++;
	*ret_ready = true;
	*ret_more = status->next < HC_COUNT(FACTS);
	return HC_OK;
}

void hc_admin_status(struct hc_admin_job *job, const struct hc_msg *request)
{
	(void)request; /* has no fields */
	(void)hc_admin_rows(job, sizeof(struct status),
			    produce_status); /* NULL has refused the job already */
}
