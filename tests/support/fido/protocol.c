/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinUvAuthProtocol one and two (CTAP 2.1, 6.5.6 and 6.5.7), and the token they grant.
 *
 * A shared secret is 64 bytes for both: the HMAC key, then the AES key; protocol one has the same
 * 32 bytes for both uses.
 */
#include <string.h>

#include "ctap.h"

bool tk_protocol_known(const struct tk_key *key, unsigned protocol)
{
	for (size_t i = 0; i < key->options.protocol_count; i++) {
		if (key->options.protocols[i] == protocol)
			return true;
	}
	return false;
}

void tk_protocol_renew(struct tk_key *key, unsigned protocol)
{
	struct tk_protocol *own = &key->session.protocols[protocol - 1];

	tk_keypair_free(&own->agreement);
	own->agreement = tk_keypair_new(TK_ES256);
}

bool tk_protocol_shared(const struct tk_key *key, unsigned protocol, const uint8_t point[65],
			uint8_t secret[64])
{
	uint8_t agreed[TK_HASH_LEN];

	if (!tk_keypair_agree(key->session.protocols[protocol - 1].agreement, point, agreed))
		return false;
	if (protocol == 1) {
		tk_sha256(agreed, sizeof(agreed), secret);
		memcpy(secret + TK_HASH_LEN, secret, TK_HASH_LEN);
	} else {
		tk_hkdf(agreed, "CTAP2 HMAC key", secret);
		tk_hkdf(agreed, "CTAP2 AES key", secret + TK_HASH_LEN);
	}
	return true;
}

size_t tk_protocol_encrypt(unsigned protocol, const uint8_t secret[64], struct tk_slice data, uint8_t *out)
{
	uint8_t iv[16] = {0};

	if (protocol == 1) {
		tk_encrypt(secret + TK_HASH_LEN, iv, data, out);
		return data.len;
	}
	tk_random(iv, sizeof(iv));
	memcpy(out, iv, sizeof(iv));
	tk_encrypt(secret + TK_HASH_LEN, iv, data, out + sizeof(iv));
	return data.len + sizeof(iv);
}

size_t tk_protocol_decrypt(unsigned protocol, const uint8_t secret[64], struct tk_slice data, uint8_t *out)
{
	static const uint8_t zero[16];
	size_t skip = protocol == 1 ? 0 : 16;

	if (data.len <= skip || data.len % 16 != 0)
		return 0;
	tk_decrypt(secret + TK_HASH_LEN, skip ? data.data : zero,
		   (struct tk_slice){data.data + skip, data.len - skip}, out);
	return data.len - skip;
}

bool tk_protocol_verify(unsigned protocol, const uint8_t key[TK_HASH_LEN], struct tk_slice data,
			struct tk_slice param)
{
	uint8_t mac[TK_HASH_LEN];

	tk_hmac(key, TK_HASH_LEN, data, mac);
	return param.len == (protocol == 1 ? 16U : 32U) && memcmp(mac, param.data, param.len) == 0;
}

void tk_grant_reset(struct tk_key *key)
{
	key->session.grant = (struct tk_grant){0};
	for (size_t i = 0; i < 2; i++)
		tk_random(key->session.protocols[i].token, sizeof(key->session.protocols[i].token));
}

void tk_grant_begin(struct tk_key *key, unsigned protocol, bool present)
{
	tk_grant_reset(key);
	key->session.grant =
		(struct tk_grant){.in_use = true, .verified = true, .present = present, .protocol = protocol};
}

bool tk_grant_allows(struct tk_key *key, unsigned protocol, struct tk_slice data, struct tk_slice param,
		     unsigned permission)
{
	const struct tk_grant *grant = &key->session.grant;

	return grant->in_use && grant->protocol == protocol &&
	       (grant->permissions & permission) == permission &&
	       tk_protocol_verify(protocol, key->session.protocols[protocol - 1].token, data, param);
}
