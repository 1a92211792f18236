/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the store of a gateway that does not run, so that it can be measured as it is after years of work:
 * live sessions of one person, and live access tokens of one client, of which some are written out.
 *
 *	fill_gstore DATABASE CLIENT PERSON SUB SESSIONS TOKENS WRITTEN >tokens
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"
#include "store/client.h"
#include "store/gstore.h"
#include "store/session.h"
#include "store/ticket.h"
#include "store/token.h"

#define ROWS_A_WORK 50000 /* one transaction */
#define LIFE_MS	    (INT64_C(8) * 3600 * 1000)

/* The one loop of this program: a completion runs where it is posted, which is the writer's thread. */
struct hc_loop {
	int unused;
};

struct batch {
	struct hc_gstore *store;
	int64_t now_ms, client, person;
	const char *sub;
	unsigned long first, count, every; /* of the tokens every so many-th is written out */
	bool sessions;
	bool volatile done;
	enum hc_err result;
};

static enum hc_err run_here(struct hc_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	(void)loop;
	fn(ctx);
	return HC_OK;
}

static void must(enum hc_err err, const char *what)
{
	if (err == HC_OK)
		return;
	(void)fprintf(stderr, "fill_gstore: %s: %s\n", what, hc_strerror(err));
	exit(1);
}

static enum hc_err add_session(struct hc_gstore_tx *tx, const struct batch *batch, unsigned long number)
{
	HC_TICKET(cookie);
	struct hc_browser_session session = {.person_id = batch->person,
					     .login = "bench",
					     .acr = "https://refeds.org/profile/mfa",
					     .amr = "pwd otp mfa",
					     .auth_ms = batch->now_ms,
					     .created_ms = batch->now_ms,
					     .last_seen_ms = batch->now_ms,
					     .expires_ms = batch->now_ms + LIFE_MS,
					     .keep_until_ms = batch->now_ms + LIFE_MS};
	enum hc_err err =
		hc_ticket_make(hc_gstore_new_id(batch->store, batch->now_ms), &cookie, &session.cookie);

	(void)snprintf(session.sid, sizeof(session.sid), "bench-%lld-%lu", (long long)batch->now_ms, number);
	return err == HC_OK ? hc_session_add(tx, &session) : err;
}

static enum hc_err add_token(struct hc_gstore_tx *tx, const struct batch *batch, unsigned long number)
{
	HC_TICKET(ticket);
	struct hc_grant grant = {.id = hc_gstore_new_id(batch->store, batch->now_ms),
				 .client = batch->client,
				 .person_id = batch->person,
				 .scope = {"openid profile"},
				 .created_ms = batch->now_ms,
				 .expires_ms = batch->now_ms + LIFE_MS};
	struct hc_access access = {.grant_id = grant.id,
				   .client = batch->client,
				   .issued_ms = batch->now_ms,
				   .expires_ms = batch->now_ms + LIFE_MS};
	enum hc_err err = hc_ticket_make(hc_gstore_new_id(batch->store, batch->now_ms), &ticket, &access.ref);

	(void)snprintf(grant.sub, sizeof(grant.sub), "%s", batch->sub);
	if (err == HC_OK)
		err = hc_grant_add(tx, &grant);
	if (err == HC_OK)
		err = hc_access_add(tx, &access);
	if (err == HC_OK && number % batch->every == 0)
		(void)puts(ticket.text);
	return err;
}

static enum hc_err add_rows(struct hc_gstore_tx *tx, void *ctx)
{
	const struct batch *batch = ctx;
	enum hc_err err = HC_OK;

	for (unsigned long i = 0; err == HC_OK && i < batch->count; i++)
		err = batch->sessions ? add_session(tx, batch, batch->first + i)
				      : add_token(tx, batch, batch->first + i);
	return err;
}

static void batch_done(enum hc_err result, void *ctx)
{
	struct batch *batch = ctx;

	batch->result = result;
	batch->done = true;
}

/* The store is closed after each batch: its end waits for what was asked of it. */
static void add_many(const char *path, struct batch batch, const char *client_id, unsigned long total)
{
	struct hc_loop loop = {0};
	struct hc_loop *const loops[] = {&loop};
	const struct hc_gstore_options options = {
		.path = path, .loops = loops, .loop_count = 1, .post = run_here};
	struct hc_client client;

	for (batch.first = 0; batch.first < total; batch.first += batch.count) {
		must(hc_gstore_open(&options, &batch.store), "open the store");
		must(hc_client_by_id(hc_gstore_view(batch.store, &loop), client_id, &client),
		     "find the client");
		batch.client = client.number;
		batch.count = total - batch.first < ROWS_A_WORK ? total - batch.first : ROWS_A_WORK;
		batch.done = false;
		must(hc_gstore_write(batch.store, &loop, add_rows, batch_done, &batch), "write");
		hc_gstore_free(&batch.store);
		must(batch.done ? batch.result : HC_ERR_STATE, "write");
	}
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		(void)fprintf(stderr,
			      "usage: fill_gstore DATABASE CLIENT PERSON SUB SESSIONS TOKENS WRITTEN\n");
		return 2;
	}
	const unsigned long tokens = strtoul(argv[6], NULL, 10);
	const unsigned long written = strtoul(argv[7], NULL, 10);
	struct batch batch = {.now_ms = hc_now_ms(hc_clock_system()),
			      .person = strtoll(argv[3], NULL, 10),
			      .sub = argv[4],
			      .every = written == 0 || tokens < written ? 1 : tokens / written,
			      .sessions = true};

	must(hc_crypto_start(), "libcrypto");
	add_many(argv[1], batch, argv[2], strtoul(argv[5], NULL, 10));
	batch.sessions = false;
	add_many(argv[1], batch, argv[2], tokens);
	return 0;
}
