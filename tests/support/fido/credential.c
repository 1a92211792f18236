/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a key, resident and not: both kinds are simply remembered. */
#include <string.h>

#include "key.h"

size_t tk_credential_residents(const struct tk_key *key)
{
	size_t count = 0;

	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++)
		count += key->memory.credentials[i].pair && key->memory.credentials[i].resident ? 1 : 0;
	return count;
}

static bool same_account(const struct tk_credential *one, const struct tk_credential *other)
{
	return one->pair && one->resident && other->resident &&
	       memcmp(one->rp_hash, other->rp_hash, sizeof(one->rp_hash)) == 0 &&
	       one->user_id_len == other->user_id_len &&
	       memcmp(one->user_id, other->user_id, one->user_id_len) == 0;
}

int tk_credential_place(struct tk_key *key, const struct tk_credential *credential)
{
	int unused = -1, oldest = -1;

	for (int i = 0; i < TK_CREDENTIALS_MAX; i++) {
		const struct tk_credential *other = &key->memory.credentials[i];

		if (same_account(other, credential))
			return i;
		if (!other->pair && unused < 0)
			unused = i;
		if (other->pair && !other->resident &&
		    (oldest < 0 || other->made < key->memory.credentials[oldest].made))
			oldest = i;
	}
	if (credential->resident && tk_credential_residents(key) >= key->options.capacity)
		return -1;
	/* A real key keeps nothing of those that are not resident: it never has too many of them. */
	return unused >= 0 ? unused : oldest;
}

struct tk_credential *tk_credential_find(struct tk_key *key, const uint8_t rp_hash[TK_HASH_LEN],
					 struct tk_slice id)
{
	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++) {
		struct tk_credential *credential = &key->memory.credentials[i];

		if (credential->pair && credential->id_len == id.len &&
		    memcmp(credential->id, id.data, id.len) == 0 &&
		    memcmp(credential->rp_hash, rp_hash, TK_HASH_LEN) == 0)
			return credential;
	}
	return NULL;
}

void tk_credential_forget(struct tk_credential *credential)
{
	tk_keypair_free(&credential->pair);
	*credential = (struct tk_credential){0};
}
