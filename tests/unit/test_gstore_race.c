/* SPDX-License-Identifier: Apache-2.0 */
/* Many at a time on one code or token, over several loops with threads of their own; readers meanwhile. */
#include "gstore_support.h"

#include <stdatomic.h>

#define LOOPS 4
#define MANY  50

struct race {
	struct bench bench;
	struct hc_loop loops[LOOPS];
	pthread_t threads[LOOPS];
	atomic_bool stop;
	atomic_int finished;
};

struct loop_thread {
	struct race *race;
	struct hc_loop *loop;
};

static void nothing(void *ctx)
{
	(void)ctx;
}

static void *run_loop(void *ctx)
{
	const struct loop_thread *self = ctx;

	while (!atomic_load(&self->race->stop))
		loop_run_one(self->loop);
	return NULL;
}

static struct loop_thread loop_threads[LOOPS];

static struct race *race_start(void)
{
	struct race *race = calloc(1, sizeof(*race));
	struct hc_loop *loops[LOOPS];

	assert_non_null(race);
	assert_true(tempdir_make(&race->bench.dir));
	(void)tempdir_file(&race->bench.dir, "gateway.db", race->bench.path, sizeof(race->bench.path));
	(void)pthread_mutex_init(&race->bench.log_lock, NULL);
	hc_log_capture(bench_log, &race->bench);
	for (size_t i = 0; i < LOOPS; i++) {
		loops[i] = &race->loops[i];
		loop_init(loops[i]);
		loop_threads[i] = (struct loop_thread){.race = race, .loop = loops[i]};
	}
	const struct hc_gstore_options options = {
		.path = race->bench.path, .loops = loops, .loop_count = LOOPS, .post = loop_post};
	assert_int_equal(hc_gstore_open(&options, &race->bench.store), HC_OK);
	return race;
}

/* Rows are written before the loops have threads: this one is the first loop's then. */
static void prepare(struct race *race, hc_gstore_work_fn work, void *ctx)
{
	assert_int_equal(write_to(race->bench.store, &race->loops[0], work, ctx), HC_OK);
}

static void race_end(struct race *race)
{
	hc_gstore_free(&race->bench.store);
	hc_log_capture(NULL, NULL);
	tempdir_remove(&race->bench.dir);
	free(race);
}

static void start_loops(struct race *race)
{
	for (size_t i = 0; i < LOOPS; i++)
		assert_int_equal(pthread_create(&race->threads[i], NULL, run_loop, &loop_threads[i]), 0);
}

static void stop_loops(struct race *race)
{
	atomic_store(&race->stop, true);
	for (size_t i = 0; i < LOOPS; i++) {
		assert_int_equal(loop_post(&race->loops[i], nothing, NULL), HC_OK);
		assert_int_equal(pthread_join(race->threads[i], NULL), 0);
	}
}

/* ---- one request of the many ---- */

struct request {
	struct race *race;
	struct hc_loop *loop;
	hc_gstore_work_fn work;
	int number;
	enum hc_redeem outcome;
	enum hc_err result;
	pthread_t thread;
};

static void request_done(enum hc_err result, void *ctx)
{
	struct request *request = ctx;

	request->result = result;
	(void)atomic_fetch_add(&request->race->finished, 1);
}

static void *send_request(void *ctx)
{
	struct request *request = ctx;

	const enum hc_err err = hc_gstore_write(request->race->bench.store, request->loop, request->work,
						request_done, request);
	if (err != HC_OK)
		request_done(err, request);
	return NULL;
}

static void send_many(struct race *race, hc_gstore_work_fn work, struct request requests[MANY])
{
	for (int i = 0; i < MANY; i++) {
		requests[i] = (struct request){
			.race = race, .loop = &race->loops[i % LOOPS], .work = work, .number = i};
		assert_int_equal(pthread_create(&requests[i].thread, NULL, send_request, &requests[i]), 0);
	}
	for (int i = 0; i < MANY; i++)
		assert_int_equal(pthread_join(requests[i].thread, NULL), 0);
	while (atomic_load(&race->finished) < MANY)
		(void)sched_yield();
	stop_loops(race);
	for (int i = 0; i < MANY; i++)
		if (requests[i].result != HC_OK)
			fail_msg("request %d: %s", i, hc_strerror(requests[i].result));
}

static int count_outcomes(const struct request requests[MANY], enum hc_redeem outcome)
{
	int count = 0;

	for (int i = 0; i < MANY; i++)
		count += requests[i].outcome == outcome ? 1 : 0;
	return count;
}

static enum hc_err add_rows(struct hc_gstore_tx *tx, void *ctx)
{
	struct hc_client client = client_of("app");
	const struct hc_grant grant = grant_of(300, 1, 0);
	const struct hc_code code = code_of(400, 300, 1);
	const struct hc_refresh refresh = refresh_of(600, 300, 1);
	enum hc_err err = hc_client_add(tx, &client, NULL);

	(void)ctx;
	if (err == HC_OK)
		err = hc_grant_add(tx, &grant);
	if (err == HC_OK)
		err = hc_code_add(tx, &code);
	return err == HC_OK ? hc_refresh_add(tx, &refresh) : err;
}

/* ---- the races ---- */

static enum hc_err redeem_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct request *request = ctx;
	const struct hc_code_try code_try = {.ref = ref_of(400),
					     .client = 1,
					     .redirect_uri = "https://app.example/cb",
					     .challenge = VERIFIER_HASH};
	struct hc_grant grant;
	char nonce[HC_NONCE_MAX + 1];
	enum hc_err err = hc_code_redeem(tx, &code_try, T0 + 1, &request->outcome, &grant, nonce);

	if (err != HC_OK || request->outcome != HC_REDEEM_OK)
		return err;
	const struct hc_access access = access_of(500 + request->number, 300, 1);
	return hc_access_add(tx, &access);
}

static void of_fifty_on_one_code_exactly_one_wins_and_the_token_dies_with_the_second(void **state)
{
	struct race *race = race_start();
	struct request requests[MANY];
	int alive = 0;

	(void)state;
	prepare(race, add_rows, NULL);
	start_loops(race);
	send_many(race, redeem_work, requests);
	assert_int_equal(count_outcomes(requests, HC_REDEEM_OK), 1);
	assert_int_equal(count_outcomes(requests, HC_REDEEM_REUSED), 1); /* the second ends it all */
	assert_int_equal(count_outcomes(requests, HC_REDEEM_REFUSED), MANY - 2);
	for (int i = 0; i < MANY; i++) {
		const struct hc_ticket_ref ref = ref_of(500 + i);
		struct hc_access_info info;
		alive += hc_access_find(hc_gstore_view(race->bench.store, &race->loops[0]), &ref, T0 + 1,
					&info) == HC_OK
				 ? 1
				 : 0;
	}
	assert_int_equal(alive, 0);
	race_end(race);
}

static int64_t race_grace_ms;

static enum hc_err rotate_work(struct hc_gstore_tx *tx, void *ctx)
{
	struct request *request = ctx;
	const struct hc_refresh_try refresh_try = {.ref = ref_of(600),
						   .client = 1,
						   .grace_ms = race_grace_ms,
						   .successor = ref_of(700 + request->number),
						   .successor_expires_ms = T0 + 3600000};
	struct hc_grant grant;
	int64_t expires_ms = 0;

	return hc_refresh_rotate(tx, &refresh_try, T0 + 1, &request->outcome, &grant, &expires_ms);
}

static int race_on_refresh(int64_t grace_ms, int *ret_accepted)
{
	struct race *race = race_start();
	struct request requests[MANY];
	int usable = 0;

	race_grace_ms = grace_ms;
	prepare(race, add_rows, NULL);
	start_loops(race);
	send_many(race, rotate_work, requests);
	for (int i = 0; i < MANY; i++) {
		const struct hc_ticket_ref ref = ref_of(700 + i);
		struct hc_refresh_info info;
		usable += hc_refresh_find(hc_gstore_view(race->bench.store, &race->loops[0]), &ref, T0 + 1,
					  &info) == HC_OK
				  ? 1
				  : 0;
	}
	*ret_accepted = count_outcomes(requests, HC_REDEEM_OK);
	race_end(race);
	return usable;
}

static void of_fifty_on_one_refresh_token_at_most_one_successor_stays_valid(void **state)
{
	int accepted = 0;

	(void)state;
	assert_int_equal(race_on_refresh(0, &accepted), 0); /* public: the second ended the family */
	assert_int_equal(accepted, 1);
	assert_int_equal(race_on_refresh(10000, &accepted), 1); /* confidential: the last one's */
	assert_int_equal(accepted, MANY);
}

/* ---- readers beside the writer ---- */

#define PAIRS 2000

/* Two tokens are written by one member, so a reader sees both or neither. */
static enum hc_err add_pair(struct hc_gstore_tx *tx, void *ctx)
{
	const struct request *request = ctx;
	const struct hc_access first = access_of(1000 + 2 * request->number, 300, 1);
	const struct hc_access second = access_of(1001 + 2 * request->number, 300, 1);
	const enum hc_err err = hc_access_add(tx, &first);

	return err == HC_OK ? hc_access_add(tx, &second) : err;
}

struct reader {
	struct race *race;
	struct hc_loop *loop;
	int halves;
	pthread_t thread;
};

static bool is_there(const struct reader *reader, int64_t id)
{
	const struct hc_ticket_ref ref = ref_of(id);
	struct hc_access_info info;
	const enum hc_err err =
		hc_access_find(hc_gstore_view(reader->race->bench.store, reader->loop), &ref, T0, &info);

	if (err != HC_OK && err != HC_ERR_NOTFOUND)
		abort(); /* a reader is never turned away by a writer */
	return err == HC_OK;
}

/* Looks for the second of a pair as soon as it sees the first. */
static void *read_pairs(void *ctx)
{
	struct reader *reader = ctx;

	for (int pair = 0; pair < PAIRS; pair++) {
		while (!is_there(reader, 1000 + 2 * pair))
			(void)sched_yield();
		reader->halves += is_there(reader, 1001 + 2 * pair) ? 0 : 1;
	}
	return NULL;
}

static void readers_see_whole_members_and_are_never_turned_away(void **state)
{
	struct race *race = race_start();
	struct request *requests = calloc(PAIRS, sizeof(*requests));
	struct reader readers[LOOPS - 1];

	(void)state;
	assert_non_null(requests);
	prepare(race, add_rows, NULL);
	for (size_t i = 0; i < LOOPS - 1; i++) {
		readers[i] = (struct reader){.race = race, .loop = &race->loops[i + 1]};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_pairs, &readers[i]), 0);
	}
	for (int i = 0; i < PAIRS; i++) {
		requests[i] = (struct request){.race = race, .loop = &race->loops[0], .number = i};
		assert_int_equal(write_to(race->bench.store, &race->loops[0], add_pair, &requests[i]), HC_OK);
	}
	for (size_t i = 0; i < LOOPS - 1; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_int_equal(readers[i].halves, 0);
	}
	free(requests);
	race_end(race);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_fifty_on_one_code_exactly_one_wins_and_the_token_dies_with_the_second),
		cmocka_unit_test(of_fifty_on_one_refresh_token_at_most_one_successor_stays_valid),
		cmocka_unit_test(readers_see_whole_members_and_are_never_turned_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
