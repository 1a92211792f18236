/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway's store does in a second, everything on disk before it is answered: codes used up, codes
 * exchanged for an access and a refresh token, refresh tokens rotated; and what one look-up of an access
 * token costs in CPU, at 1000 and at 1 000 000 live tokens. The look-up must cost the same at every size.
 *
 *	bench_gstore [DIRECTORY]        on the disk to be measured; /var/tmp unless given
 */
#include <sys/resource.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/client.h"
#include "store/code.h"
#include "store/gstore.h"
#include "store/purge.h"
#include "store/refresh.h"
#include "store/token.h"

#define NOW	    INT64_C(1800000000000)
#define HOUR	    INT64_C(3600000)
#define IN_FLIGHT   512	  /* requests that wait for the store at a time */
#define WRITES	    40000 /* of one measurement */
#define LOOKUPS	    200000
#define ROWS_A_WORK 2000

static const unsigned SIZES[] = {1000, 1000000};

/* ---- a loop: the one thread that asks and is answered ---- */

struct hc_loop {
	pthread_mutex_t lock;
	pthread_cond_t posted;
	void (*fn)(void *ctx);
	void *ctx;
};

static struct hc_loop loop = {.lock = PTHREAD_MUTEX_INITIALIZER, .posted = PTHREAD_COND_INITIALIZER};
static struct hc_gstore *store;

static enum hc_err post(struct hc_loop *to, void (*fn)(void *ctx), void *ctx)
{
	(void)pthread_mutex_lock(&to->lock);
	to->fn = fn; /* the store has one post on its way, never more */
	to->ctx = ctx;
	(void)pthread_cond_signal(&to->posted);
	(void)pthread_mutex_unlock(&to->lock);
	return HC_OK;
}

static void run_one(void)
{
	(void)pthread_mutex_lock(&loop.lock);
	while (loop.fn == NULL)
		(void)pthread_cond_wait(&loop.posted, &loop.lock);
	void (*fn)(void *ctx) = loop.fn;
	loop.fn = NULL;
	(void)pthread_mutex_unlock(&loop.lock);
	fn(loop.ctx);
}

static void must(enum hc_err err, const char *what)
{
	if (err == HC_OK)
		return;
	(void)fprintf(stderr, "bench_gstore: %s: %s\n", what, hc_strerror(err));
	exit(1);
}

static double now_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* A fixed sequence, so that runs compare. */
static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A reference as good as a ticket's: the store does not make the hash, it compares it. */
static struct hc_ticket_ref ref_of(int64_t id)
{
	struct hc_ticket_ref ref = {.id = id};
	uint64_t word = (uint64_t)id * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < sizeof(ref.hash); i += sizeof(word)) {
		word = (word ^ word >> 31) * 0xbf58476d1ce4e5b9u;
		memcpy(ref.hash + i, &word, sizeof(word));
	}
	return ref;
}

/* ---- what is asked of the store ---- */

static int64_t codes[WRITES], refreshes[WRITES];
static unsigned completed, accepted;

struct job {
	unsigned number;
	int64_t access_id, refresh_id;
	enum hc_redeem outcome;
};

static struct job jobs[WRITES];

static struct hc_code_try try_of(unsigned number)
{
	return (struct hc_code_try){.ref = ref_of(codes[number]),
				    .client = 1,
				    .redirect_uri = "https://app.example/callback",
				    .challenge = {1, 2, 3}};
}

static enum hc_err use_code(struct hc_gstore_tx *tx, void *ctx)
{
	struct job *job = ctx;
	const struct hc_code_try code_try = try_of(job->number);
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];

	return hc_code_redeem(tx, &code_try, NOW, &job->outcome, &grant, nonce);
}

static enum hc_err exchange_code(struct hc_gstore_tx *tx, void *ctx)
{
	struct job *job = ctx;
	const struct hc_code_try code_try = try_of(job->number);
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];
	enum hc_err err = hc_code_redeem(tx, &code_try, NOW, &job->outcome, &grant, nonce);

	if (err != HC_OK || job->outcome != HC_REDEEM_OK)
		return err;
	const struct hc_access access = {.ref = ref_of(job->access_id),
					 .grant_id = grant.id,
					 .client = 1,
					 .issued_ms = NOW,
					 .expires_ms = NOW + HOUR};
	const struct hc_refresh refresh = {.ref = ref_of(job->refresh_id),
					   .grant_id = grant.id,
					   .client = 1,
					   .issued_ms = NOW,
					   .expires_ms = NOW + 8 * HOUR};
	err = hc_access_add(tx, &access);
	return err == HC_OK ? hc_refresh_add(tx, &refresh) : err;
}

static enum hc_err rotate(struct hc_gstore_tx *tx, void *ctx)
{
	struct job *job = ctx;
	const struct hc_refresh_try refresh_try = {.ref = ref_of(refreshes[job->number]),
						   .client = 1,
						   .successor = ref_of(job->refresh_id),
						   .successor_expires_ms = NOW + 8 * HOUR};
	struct hc_grant grant;
	int64_t expires_ms = 0;
	enum hc_err err = hc_refresh_rotate(tx, &refresh_try, NOW, &job->outcome, &grant, &expires_ms);

	if (err != HC_OK || job->outcome != HC_REDEEM_OK)
		return err;
	const struct hc_access access = {.ref = ref_of(job->access_id),
					 .grant_id = grant.id,
					 .client = 1,
					 .issued_ms = NOW,
					 .expires_ms = NOW + HOUR};
	return hc_access_add(tx, &access);
}

static void count(enum hc_err result, void *ctx)
{
	const struct job *job = ctx;

	completed++;
	accepted += result == HC_OK && job->outcome == HC_REDEEM_OK ? 1 : 0;
}

/* ---- rows to begin with ---- */

struct batch {
	unsigned count, from;
	bool with_code, done;
	enum hc_err result;
};

static enum hc_err add_one(struct hc_gstore_tx *tx, const struct batch *batch, unsigned number)
{
	const struct hc_grant grant = {.id = hc_gstore_new_id(store, NOW),
				       .client = 1,
				       .person_id = 1,
				       .sub = "uVb3zZ3nYJ6X4mY0p9k2t1W8Qd5sR7aLcEfGhIjKlMn",
				       .scope = {"openid profile scope_all"},
				       .created_ms = NOW,
				       .expires_ms = NOW + 16 * HOUR};
	const struct hc_access access = {.ref = ref_of(hc_gstore_new_id(store, NOW)),
					 .grant_id = grant.id,
					 .client = 1,
					 .issued_ms = NOW,
					 .expires_ms = NOW + HOUR};
	enum hc_err err = hc_grant_add(tx, &grant);

	if (err == HC_OK)
		err = hc_access_add(tx, &access);
	if (err != HC_OK || !batch->with_code)
		return err;
	codes[number] = hc_gstore_new_id(store, NOW);
	const struct hc_code code = {.ref = ref_of(codes[number]),
				     .grant_id = grant.id,
				     .client = 1,
				     .redirect_uri = "https://app.example/callback",
				     .challenge = {1, 2, 3},
				     .nonce = "n-0S6_WzA2Mj",
				     .issued_ms = NOW,
				     .expires_ms = NOW + HOUR,
				     .keep_until_ms = NOW + HOUR};
	return hc_code_add(tx, &code);
}

static enum hc_err add_rows(struct hc_gstore_tx *tx, void *ctx)
{
	const struct batch *batch = ctx;
	enum hc_err err = HC_OK;

	for (unsigned i = 0; err == HC_OK && i < batch->count; i++)
		err = add_one(tx, batch, batch->from + i);
	return err;
}

static void batch_done(enum hc_err result, void *ctx)
{
	struct batch *batch = ctx;

	batch->result = result;
	batch->done = true;
}

static void write_and_wait(hc_gstore_work_fn work, struct batch *batch)
{
	must(hc_gstore_write(store, &loop, work, batch_done, batch), "write");
	while (!batch->done)
		run_one();
	must(batch->result, "write");
}

static void add_many(unsigned total, bool with_code)
{
	for (unsigned from = 0; from < total; from += ROWS_A_WORK) {
		struct batch batch = {.count = total - from < ROWS_A_WORK ? total - from : ROWS_A_WORK,
				      .from = from,
				      .with_code = with_code};
		write_and_wait(add_rows, &batch);
	}
}

static enum hc_err add_client(struct hc_gstore_tx *tx, void *ctx)
{
	const struct hc_client client = {.id = "app",
					 .name = "Application",
					 .profile = HC_CLIENT_OIDC,
					 .auth = HC_CLIENT_SECRET_BASIC,
					 .secret_hash = {1},
					 .grants = HC_GRANT_CODE | HC_GRANT_REFRESH,
					 .scopes = {"openid"},
					 .id_token_alg = HC_JWS_ES256,
					 .access_format = HC_ACCESS_OPAQUE};
	(void)ctx;
	return hc_client_add(tx, &client, NULL);
}

/* ---- measuring ---- */

static void shuffle(int64_t *ids)
{
	for (unsigned i = WRITES - 1; i > 0; i--) {
		const unsigned other = (unsigned)(next_random() % (i + 1));
		const int64_t id = ids[i];

		ids[i] = ids[other];
		ids[other] = id;
	}
}

static void prepare_jobs(void)
{
	for (unsigned i = 0; i < WRITES; i++)
		jobs[i] = (struct job){.number = i,
				       .access_id = hc_gstore_new_id(store, NOW),
				       .refresh_id = hc_gstore_new_id(store, NOW)};
}

static void measure_writes(const char *what, hc_gstore_work_fn work)
{
	struct hc_gstore_counts before, after;
	unsigned asked = 0;

	prepare_jobs();
	hc_gstore_counts(store, &before);
	completed = accepted = 0;
	const double start = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	while (completed < WRITES) {
		for (; asked < WRITES && asked - completed < IN_FLIGHT; asked++)
			must(hc_gstore_write(store, &loop, work, count, &jobs[asked]), "write");
		run_one();
	}
	const double us = now_us(CLOCK_MONOTONIC) - start;
	const double cpu_us = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	hc_gstore_counts(store, &after);
	(void)printf("  %-42s %7.0f/s   CPU %5.1f us   %4.1f a group   log %5.1f MB%s\n", what,
		     WRITES / us * 1e6, cpu_us / WRITES,
		     (double)WRITES / (double)(after.groups - before.groups), (double)after.log_bytes / 1e6,
		     accepted == WRITES ? "" : "   REFUSED SOME");
	(void)fflush(stdout);
}

/*
 * Among the newest `window` of all tokens. Their ids lie in a row, those of their grants between them: every
 * second one is a token's.
 */
static double measure_lookups(const char *what, int64_t first, unsigned tokens, unsigned window)
{
	struct hc_gstore_view *view = hc_gstore_view(store, &loop);
	double best = 0;

	for (unsigned run = 0; run < 5; run++) {
		const double cpu = now_us(CLOCK_THREAD_CPUTIME_ID);
		for (unsigned i = 0; i < LOOKUPS; i++) {
			const unsigned number = tokens - window + (unsigned)(next_random() % window);
			const struct hc_ticket_ref ref = ref_of(first + 2 * (int64_t)number);
			struct hc_access_info info;

			must(hc_access_find(view, &ref, NOW, &info), "find a token");
		}
		const double us = (now_us(CLOCK_THREAD_CPUTIME_ID) - cpu) / LOOKUPS;
		best = run == 0 || us < best ? us : best;
	}
	(void)printf("  %-42s %7.2f us of CPU\n", what, best);
	return best;
}

static double measure_size(const char *dir, unsigned tokens)
{
	char path[300], lock[310];
	struct hc_loop *const loops[] = {&loop};
	const struct hc_gstore_options options = {
		.path = path, .loops = loops, .loop_count = 1, .post = post};
	struct hc_gstore_counts counts;
	struct rusage usage;

	(void)snprintf(path, sizeof(path), "%s/bench.db", dir);
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
	must(hc_gstore_open(&options, &store), "open the store");
	struct batch client = {.count = 1};
	write_and_wait(add_client, &client);
	const int64_t first = hc_gstore_new_id(store, NOW) + 2;
	add_many(tokens, false);
	hc_gstore_counts(store, &counts);
	(void)printf("%u live tokens (%.0f MB)\n", tokens, (double)counts.file_bytes / 1e6);
	const double lookup = measure_lookups("look-up, the 1000 newest tokens in use", first, tokens, 1000);
	(void)measure_lookups("look-up, all tokens in use at random", first, tokens, tokens);
	add_many(WRITES, true);
	measure_writes("codes used up, in order of issue", use_code);
	add_many(WRITES, true);
	shuffle(codes);
	measure_writes("codes used up, in any order", use_code);
	add_many(WRITES, true);
	shuffle(codes);
	measure_writes("code to access and refresh token", exchange_code);
	for (unsigned i = 0; i < WRITES; i++)
		refreshes[i] = jobs[i].refresh_id;
	shuffle(refreshes);
	measure_writes("refresh token rotated, access token", rotate);
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("  %-42s %7ld KiB\n", "largest resident size so far", usage.ru_maxrss);
	hc_gstore_free(&store);
	(void)unlink(path);
	(void)unlink(lock);
	return lookup;
}

int main(int argc, char **argv)
{
	const char *parent = argc > 1 ? argv[1] : "/var/tmp";
	double lookup[HC_COUNT(SIZES)];
	char dir[256];

	(void)snprintf(dir, sizeof(dir), "%s/hc-bench-gstore-XXXXXX", parent);
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	for (size_t i = 0; i < HC_COUNT(SIZES); i++)
		lookup[i] = measure_size(dir, SIZES[i]);
	(void)printf("a look-up among %u tokens costs %.2f of one among %u\n", SIZES[1],
		     lookup[1] / lookup[0], SIZES[0]);
	(void)rmdir(dir);
	return 0;
}
