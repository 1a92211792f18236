/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-test-key: a security key made of software, for tests. It is plugged in where its socket is;
 * libhc_test_keys.so shows such sockets to programs that use libfido2.
 *
 * Role: to behave as a real key does, or as badly as it is told to, and to count what reached it. It
 * has no secrets worth the name and must never be installed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ctap.h"
#include "hid.h"
#include "loop.h"

void tk_session_start(struct tk_key *key)
{
	key->session = (struct tk_session){0};
	key->session.transaction.client = -1;
	key->session.since_ms = tk_now_ms();
	tk_protocol_renew(key, 1);
	tk_protocol_renew(key, 2);
	tk_grant_reset(key);
}

void tk_session_end(struct tk_key *key)
{
	for (size_t i = 0; i < 2; i++)
		tk_keypair_free(&key->session.protocols[i].agreement);
}

static bool load_attestation(struct tk_key *key)
{
	struct tk_writer chain = {.data = key->chain, .cap = sizeof(key->chain)};

	if (!key->options.attestation_key)
		return true;
	key->attestation = tk_keypair_from_pem(key->options.attestation_key);
	if (!key->attestation || !key->options.attestation_chain ||
	    !tk_certificates(key->options.attestation_chain, &chain) || chain.full) {
		(void)fprintf(stderr, "hc-test-key: no attestation key with its chain\n");
		return false;
	}
	key->chain_len = chain.len;
	return true;
}

static void serve(struct tk_key *key)
{
	while (!key->quit) {
		int64_t timeout_ms = key->session.transaction.receiving ? 100 : -1;

		tk_loop_turn(key, timeout_ms);
		tk_hid_tick(key);
		if (key->session.transaction.ready && key->inserted && !key->quit)
			tk_hid_work(key);
	}
}

int main(int argc, char **argv)
{
	struct tk_key *key = calloc(1, sizeof(*key));
	bool up;

	if (!key || !tk_options_parse(&key->options, argc, argv)) {
		free(key);
		return 2;
	}
	up = load_attestation(key) && tk_memory_load(key) && tk_loop_open(key);
	if (up) {
		(void)puts("ready");
		(void)fflush(stdout);
		serve(key);
	}
	tk_loop_close(key);
	tk_session_end(key);
	tk_keypair_free(&key->attestation);
	key->options.state = NULL;
	tk_memory_wipe(key);
	free(key);
	return up ? 0 : 1;
}
