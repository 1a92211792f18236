/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticator data, counters and signatures, as they should be and as a fault makes them. */
#include <stdlib.h>
#include <string.h>

#include "ctap.h"
#include "fault.h"

void tk_put_authdata(struct tk_key *key, struct tk_writer *out, const uint8_t rp_hash[TK_HASH_LEN],
		     uint8_t flags, uint32_t counter)
{
	uint8_t hash[TK_HASH_LEN], tail[5];

	if (tk_fault(key, "wrong-rp-hash"))
		tk_sha256("other.example", 13, hash);
	else
		memcpy(hash, rp_hash, sizeof(hash));
	if (tk_fault(key, "no-up"))
		flags &= (uint8_t)~TK_FLAG_UP;
	if (tk_fault(key, "no-uv"))
		flags &= (uint8_t)~TK_FLAG_UV;
	if (tk_fault(key, "false-uv"))
		flags |= TK_FLAG_UV;
	tail[0] = flags;
	for (size_t i = 0; i < 4; i++)
		tail[1 + i] = (uint8_t)(counter >> (24 - 8 * i));
	tk_put_raw(out, hash, sizeof(hash));
	tk_put_raw(out, tail, sizeof(tail));
}

uint32_t tk_count(struct tk_key *key, struct tk_credential *credential)
{
	switch (key->options.counting) {
	case TK_COUNT_KEY:
		return ++key->memory.counter;
	case TK_COUNT_CREDENTIAL:
		return ++credential->counter;
	case TK_COUNT_BACKWARDS:
		return key->memory.counter > 0 ? --key->memory.counter : 0;
	case TK_COUNT_STUCK:
		return key->memory.counter;
	case TK_COUNT_NONE:
		break;
	}
	return 0;
}

size_t tk_sign(struct tk_key *key, const struct tk_keypair *pair, struct tk_slice data,
	       uint8_t out[TK_SIGNATURE_MAX])
{
	struct tk_keypair *other = tk_fault(key, "wrong-key") ? tk_keypair_new(tk_keypair_alg(pair)) : NULL;
	size_t len = tk_keypair_sign(other ? other : pair, data, out);

	tk_keypair_free(&other);
	if (tk_fault(key, "wrong-signature"))
		out[len - 1] ^= 1;
	key->counters.signatures++;
	return len;
}

const struct tk_keypair *tk_attestation_pair(struct tk_key *key)
{
	struct tk_writer chain = {.data = key->chain, .cap = sizeof(key->chain)};
	uint8_t der[TK_DER_MAX];

	if (!key->attestation) {
		key->attestation = tk_keypair_new(TK_ES256);
		tk_put_array(&chain, 1);
		tk_put_bytes(&chain, der,
			     tk_certificate_self(key->attestation, "Test key without a maker", der));
		key->chain_len = chain.len;
	}
	return key->attestation;
}
