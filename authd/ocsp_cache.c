/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What responders said, for a while. State: the caller's. Threats: a network that is cut so that a revoked card becomes
 * "not known to be revoked" (what was refused stays so until a newer answer), a clock that was set or a machine that
 * slept (both clocks count), a nonce that is used twice. No entry ever becomes better by waiting.
 */
#include "ocsp_cache.h"

#include <string.h>

static bool is_about(const uint8_t *fingerprint, const uint8_t *other)
{
	return memcmp(fingerprint, other, HC_SHA256_LEN) == 0;
}

static const struct hc_ocsp_entry *find(const struct hc_ocsp_cache *cache, const uint8_t *fingerprint)
{
	for (size_t i = 0; i < HC_OCSP_ENTRIES_MAX; i++)
		if (cache->entries[i].used && is_about(cache->entries[i].fingerprint, fingerprint))
			return &cache->entries[i];
	return NULL;
}

static bool is_recent(const struct hc_ocsp_entry *entry, struct hc_ocsp_time now, int64_t max_age_ms)
{
	const int64_t mono_age = now.mono_ms - entry->said.mono_ms;
	const int64_t real_age = now.real_ms - entry->said.real_ms;

	return mono_age >= 0 && mono_age < max_age_ms && real_age >= -HC_CPS_OCSP_SKEW_MS &&
	       real_age < max_age_ms && (entry->until_ms == 0 || now.real_ms < entry->until_ms);
}

bool hc_ocsp_cache_fresh(const struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
			 struct hc_ocsp_time now, int64_t max_age_ms)
{
	const struct hc_ocsp_entry *entry = find(cache, fingerprint);

	return entry != NULL && entry->status != HC_CPS_OCSP_UNKNOWN && is_recent(entry, now, max_age_ms);
}

enum hc_cps_ocsp_status hc_ocsp_cache_get(const struct hc_ocsp_cache *cache,
					  const uint8_t fingerprint[HC_SHA256_LEN], struct hc_ocsp_time now,
					  int64_t max_age_ms)
{
	const struct hc_ocsp_entry *entry = find(cache, fingerprint);

	if (entry == NULL)
		return HC_CPS_OCSP_NO_ANSWER;
	if (entry->status == HC_CPS_OCSP_GOOD && !is_recent(entry, now, max_age_ms))
		return HC_CPS_OCSP_NO_ANSWER;
	return entry->status;
}

/* A free place; then that of the oldest good word, which is asked for again; then that of the oldest. */
static struct hc_ocsp_entry *make_room(struct hc_ocsp_cache *cache)
{
	struct hc_ocsp_entry *oldest = &cache->entries[0];

	for (size_t i = 0; i < HC_OCSP_ENTRIES_MAX; i++) {
		struct hc_ocsp_entry *entry = &cache->entries[i];
		const bool better = entry->status == HC_CPS_OCSP_GOOD && oldest->status != HC_CPS_OCSP_GOOD;
		const bool same = (entry->status == HC_CPS_OCSP_GOOD) == (oldest->status == HC_CPS_OCSP_GOOD);

		if (!entry->used)
			return entry;
		if (better || (same && entry->said.mono_ms < oldest->said.mono_ms))
			oldest = entry;
	}
	return oldest;
}

/* Without a nonce an answer can be played back while it has not run out: what was good before it was revoked. */
static bool is_played_back(const struct hc_ocsp_entry *known, const struct hc_cps_ocsp_answer *answer)
{
	return known->status != HC_CPS_OCSP_GOOD && answer->status == HC_CPS_OCSP_GOOD &&
	       answer->this_update_ms < known->of_ms;
}

void hc_ocsp_cache_put(struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
		       const struct hc_cps_ocsp_answer *answer, struct hc_ocsp_time now)
{
	const struct hc_ocsp_entry *known = find(cache, fingerprint);
	struct hc_ocsp_entry *place = NULL;

	if (answer->status == HC_CPS_OCSP_NO_ANSWER || (known != NULL && is_played_back(known, answer)))
		return;
	place = known != NULL ? &cache->entries[known - cache->entries] : make_room(cache);
	*place = (struct hc_ocsp_entry){.used = true,
					.status = answer->status,
					.said = now,
					.of_ms = answer->this_update_ms,
					.until_ms = answer->next_update_ms};
	memcpy(place->fingerprint, fingerprint, HC_SHA256_LEN);
}

void hc_ocsp_cache_open(struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
			const uint8_t nonce[HC_CPS_OCSP_NONCE_LEN], int64_t mono_ms)
{
	struct hc_ocsp_open *place = &cache->open[0];

	for (size_t i = 0; i < HC_OCSP_OPEN_MAX && place->used; i++)
		if (!cache->open[i].used || cache->open[i].mono_ms < place->mono_ms)
			place = &cache->open[i];
	*place = (struct hc_ocsp_open){.used = true, .mono_ms = mono_ms};
	memcpy(place->fingerprint, fingerprint, HC_SHA256_LEN);
	memcpy(place->nonce, nonce, HC_CPS_OCSP_NONCE_LEN);
}

bool hc_ocsp_cache_close(struct hc_ocsp_cache *cache, const uint8_t fingerprint[HC_SHA256_LEN],
			 const uint8_t *nonce, int64_t mono_ms)
{
	struct hc_ocsp_open *found = NULL;

	for (size_t i = 0; i < HC_OCSP_OPEN_MAX; i++) {
		struct hc_ocsp_open *open = &cache->open[i];

		if (!open->used || !is_about(open->fingerprint, fingerprint) ||
		    (nonce != NULL && memcmp(open->nonce, nonce, HC_CPS_OCSP_NONCE_LEN) != 0))
			continue;
		if (found == NULL || open->mono_ms < found->mono_ms)
			found = open;
	}
	if (found == NULL)
		return false;
	const bool in_time = mono_ms - found->mono_ms < HC_OCSP_OPEN_MS;

	*found = (struct hc_ocsp_open){0};
	return in_time;
}
