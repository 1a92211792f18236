/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from another moment and another thread, the end of a server, loops and their mailboxes. */
#include "http_support.h"

#include <stdatomic.h>

#define HOST "Host: a\r\n"
#define ECHO "GET /echo HTTP/1.1\r\n" HOST "\r\n"
#define SAID "1|127.0.0.1|plain|/echo||"
#define HOLD "GET /hold HTTP/1.1\r\n" HOST "\r\n"

static int set_up(void **state)
{
	*state = rig_new(NULL);
	return 0;
}

static int tear_down(void **state)
{
	rig_free(*state);
	return 0;
}

/* ---- answers ---- */

static void an_answer_may_come_at_another_moment(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, HOLD);
	(void)sem_wait(&rig->holds);
	assert_int_equal(counts_of(rig).exchanges, 1);
	on_loop(rig, rig_answer_held, NULL);
	hear_body(fd, "held");
	assert_int_equal(counts_of(rig).exchanges, 0);
	say(fd, ECHO);
	hear_body(fd, SAID);
	(void)close(fd);
}

static void answer_from_elsewhere(void *ctx)
{
	rig_answer_held(ctx, NULL);
}

static void *other_thread(void *ctx)
{
	struct rig *rig = ctx;

	(void)sem_wait(&rig->holds);
	return hc_loop_post(rig->loop, answer_from_elsewhere, rig) == HC_OK ? NULL : ctx;
}

static void an_answer_may_be_posted_from_another_thread(void **state)
{
	struct rig *rig = *state;
	void *failed = rig;
	pthread_t other;
	int fd = 0;

	rig_start(rig);
	assert_int_equal(pthread_create(&other, NULL, other_thread, rig), 0);
	fd = dial(rig);
	say(fd, HOLD);
	hear_body(fd, "held");
	assert_int_equal(pthread_join(other, &failed), 0);
	assert_null(failed);
	(void)close(fd);
}

static void an_exchange_outlives_its_server(void **state)
{
	struct rig *rig = *state;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, HOLD);
	(void)sem_wait(&rig->holds);
	rig_stop(rig);
	hc_http_server_free(&rig->server);
	hear_end(fd);
	assert_int_equal(hc_exchange_request(rig->held)->path.len, strlen("/hold"));
	assert_ptr_equal(hc_exchange_loop(rig->held), rig->loop);
	rig_answer_held(rig, NULL); /* only frees */
}

/* ---- draining ---- */

static void on_drained(void *ctx)
{
	struct rig *rig = ctx;

	(void)sem_post(&rig->drained);
}

static void drain(struct rig *rig, void *ctx)
{
	hc_http_server_drain(rig->server, *(const int64_t *)ctx, on_drained, rig);
}

static bool is_drained(struct rig *rig)
{
	on_loop(rig, rig_nothing, NULL);
	on_loop(rig, rig_nothing, NULL);
	return sem_trywait(&rig->drained) == 0;
}

static void draining_refuses_newcomers_and_closes_who_rests(void **state)
{
	static int64_t grace_ms = FOREVER_MS;
	struct sockaddr_in where = {.sin_family = AF_INET};
	struct rig *rig = *state;
	int idle = 0, silent = 0, late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	rig_start(rig);
	idle = dial(rig);
	say(idle, ECHO);
	hear_body(idle, SAID);
	silent = dial(rig);
	await_connections(rig, 2);
	on_loop(rig, drain, &grace_ms);
	hear_end(idle);
	hear_end(silent);
	(void)sem_wait(&rig->drained);
	where.sin_port = htons(rig->port);
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(late, (const struct sockaddr *)&where, sizeof(where)), -1);
	(void)close(late);
}

static void draining_finishes_what_was_begun(void **state)
{
	static char answer[ANSWER_MAX];
	static int64_t grace_ms = FOREVER_MS;
	struct rig *rig = *state;
	int held = 0, half = 0;

	rig_start(rig);
	held = dial(rig);
	say(held, HOLD);
	(void)sem_wait(&rig->holds);
	half = dial(rig);
	say(half, "GET /ec");
	await_connections(rig, 2);
	on_loop(rig, drain, &grace_ms);
	assert_false(is_drained(rig));
	say(half, "ho HTTP/1.1\r\n" HOST "\r\n" ECHO);
	assert_int_equal(hear(half, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	hear_end(half);
	on_loop(rig, rig_answer_held, NULL);
	assert_int_equal(hear(held, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	hear_end(held);
	(void)sem_wait(&rig->drained);
	assert_int_equal(counts_of(rig).connections, 0);
}

/* On the loop's thread: the loop itself has no occasion to see them before it drains. */
static void drain_behind_a_late_request(struct rig *rig, void *ctx)
{
	int *fds = ctx;

	say(fds[0], ECHO);
	fds[1] = dial(rig);
	say(fds[1], ECHO);
	hc_http_server_drain(rig->server, FOREVER_MS, on_drained, rig);
}

static void what_has_arrived_before_the_draining_is_served(void **state)
{
	struct rig *rig = *state;
	int fds[2] = {0};

	rig_start(rig);
	fds[0] = dial(rig);
	say(fds[0], ECHO);
	hear_body(fds[0], SAID);
	on_loop(rig, drain_behind_a_late_request, fds);
	for (size_t i = 0; i < HC_COUNT(fds); i++) {
		hear_body(fds[i], SAID);
		hear_end(fds[i]);
	}
	(void)sem_wait(&rig->drained);
}

static void after_the_grace_nobody_is_waited_for(void **state)
{
	static int64_t grace_ms = SOON_MS;
	struct rig *rig = *state;
	int64_t started = 0;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, HOLD);
	(void)sem_wait(&rig->holds);
	started = mono_ms();
	on_loop(rig, drain, &grace_ms);
	hear_end(fd);
	(void)sem_wait(&rig->drained);
	assert_in_range(mono_ms() - started, SOON_MS - 20, 10 * SOON_MS);
	on_loop(rig, rig_answer_held, NULL); /* only frees */
}

static void a_server_without_connections_is_drained_at_once(void **state)
{
	static int64_t grace_ms = FOREVER_MS;
	struct rig *rig = *state;

	rig_start(rig);
	on_loop(rig, drain, &grace_ms);
	(void)sem_wait(&rig->drained);
}

static void free_and_stop(void *ctx)
{
	struct rig *rig = ctx;

	hc_http_server_free(&rig->server);
	hc_loop_stop(rig->loop);
}

static void drain_to_the_end(struct rig *rig, void *ctx)
{
	(void)ctx;
	hc_http_server_drain(rig->server, FOREVER_MS, free_and_stop, rig);
}

static void a_server_may_be_freed_once_it_is_drained(void **state)
{
	struct rig *rig = *state;
	void *failed = rig;
	int fd = 0;

	rig_start(rig);
	fd = dial(rig);
	say(fd, ECHO);
	hear_body(fd, SAID);
	on_loop(rig, drain_to_the_end, NULL);
	hear_end(fd);
	assert_int_equal(pthread_join(rig->thread, &failed), 0);
	assert_null(failed);
	rig->running = false;
	assert_null(rig->server);
}

/* ---- starting ---- */

static void an_address_that_is_none_is_refused(void **state)
{
	static const char *const rows[] = {"",
					   "8443",
					   "127.0.0.1",
					   "127.0.0.1:",
					   "127.0.0.1:65536",
					   "localhost:80",
					   "127.0.0.1:8 ",
					   "127.0.0.1:-1",
					   "127.0.0.1:080000",
					   "[::1]",
					   "::1:80",
					   "[127.0.0.1]:80",
					   "[::1:80",
					   "[]:80",
					   ":80",
					   "127.1:80",
					   "1.2.3.4.5:80",
					   "[::1]x:80"};
	struct rig *rig = *state;

	assert_int_equal(hc_loop_new(0, &rig->loop), HC_OK);
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		enum hc_err err = hc_http_server_new(rig->loop, rows[i], NULL, rig_routes, NULL, rig,
						     &rig->limits, &rig->server);

		if (err != HC_ERR_INVALID || rig->server != NULL)
			fail_msg("row %zu: %s: %s", i, rows[i], hc_strerror(err));
	}
}

static void an_address_of_somebody_else_is_refused(void **state)
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	socklen_t len = sizeof(where);
	struct rig *rig = *state;
	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char address[32];

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(other, (const struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&where, &len), 0);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(where.sin_port));
	assert_int_equal(hc_loop_new(0, &rig->loop), HC_OK);
	assert_int_equal(hc_http_server_new(rig->loop, address, NULL, rig_routes, NULL, rig, &rig->limits,
					    &rig->server),
			 HC_ERR_EXISTS);
	(void)close(other);
}

static void two_loops_share_one_port(void **state)
{
	struct rig *first = *state, *second = rig_new(NULL);
	struct hc_http_counts a, b;
	char address[32];

	rig_start(first);
	assert_int_equal(hc_loop_new(1, &second->loop), HC_OK);
	assert_int_equal(hc_loop_index(second->loop), 1);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", first->port);
	assert_int_equal(hc_http_server_new(second->loop, address, NULL, rig_routes, NULL, second,
					    &second->limits, &second->server),
			 HC_OK);
	assert_int_equal(pthread_create(&second->thread, NULL, rig_thread, second), 0);
	second->running = true;
	for (int i = 0; i < 200; i++) {
		int fd = dial(first);

		say(fd, ECHO);
		hear_body(fd, SAID);
		(void)close(fd);
	}
	a = counts_of(first);
	b = counts_of(second);
	assert_int_equal(a.requests + b.requests, 200);
	assert_true(a.requests > 0 && b.requests > 0); /* 2^-199 that the kernel chose one by chance */
	rig_free(second);
}

/* ---- loops ---- */

struct tally {
	struct hc_loop *loop, *other;
	unsigned next[2]; /* by poster: what must come next */
	unsigned count;
	bool out_of_order;
};

struct note {
	struct tally *tally;
	unsigned poster, number;
};

static void take_note(void *ctx)
{
	struct note *note = ctx;

	if (note->number != note->tally->next[note->poster])
		note->tally->out_of_order = true;
	note->tally->next[note->poster]++;
	note->tally->count++;
	free(note);
}

static void post_note(struct hc_loop *loop, struct tally *tally, unsigned poster, unsigned number)
{
	struct note *note = malloc(sizeof(*note));

	assert_non_null(note);
	*note = (struct note){.tally = tally, .poster = poster, .number = number};
	assert_int_equal(hc_loop_post(loop, take_note, note), HC_OK);
}

static void *poster(void *ctx)
{
	struct tally *tally = ctx;

	for (unsigned i = 0; i < 5000; i++)
		post_note(tally->loop, tally, 1, i);
	return NULL;
}

static void *run_loop(void *ctx)
{
	struct tally *tally = ctx;

	return hc_loop_run(tally->loop) == HC_OK ? NULL : ctx;
}

static void posts_of_two_threads_run_once_each_and_in_order(void **state)
{
	struct tally tally = {.loop = NULL};
	pthread_t runner, other;
	void *failed = &tally;

	(void)state;
	assert_int_equal(hc_loop_new(0, &tally.loop), HC_OK);
	assert_int_equal(pthread_create(&runner, NULL, run_loop, &tally), 0);
	assert_int_equal(pthread_create(&other, NULL, poster, &tally), 0);
	for (unsigned i = 0; i < 5000; i++)
		post_note(tally.loop, &tally, 0, i);
	assert_int_equal(pthread_join(other, NULL), 0);
	hc_loop_stop(tally.loop); /* behind everything posted before */
	assert_int_equal(pthread_join(runner, &failed), 0);
	assert_null(failed);
	assert_int_equal(tally.count, 10000);
	assert_false(tally.out_of_order);
	hc_loop_free(&tally.loop);
}

struct ball {
	struct hc_loop *loops[2];
	atomic_uint throws;
};

static void play(void *ctx)
{
	struct ball *ball = ctx;
	unsigned throws = atomic_fetch_add(&ball->throws, 1) + 1;

	if (throws < 1000) {
		assert_int_equal(hc_loop_post(ball->loops[throws % 2], play, ball), HC_OK);
		return;
	}
	hc_loop_stop(ball->loops[0]);
	hc_loop_stop(ball->loops[1]);
}

static void two_loops_post_to_each_other(void **state)
{
	struct tally tallies[2] = {{.loop = NULL}};
	struct ball ball = {.throws = 0};
	pthread_t runners[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(hc_loop_new(i, &tallies[i].loop), HC_OK);
		ball.loops[i] = tallies[i].loop;
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&runners[i], NULL, run_loop, &tallies[i]), 0);
	assert_int_equal(hc_loop_post(ball.loops[0], play, &ball), HC_OK);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(runners[i], NULL), 0);
	assert_int_equal(ball.throws, 1000);
	hc_loop_free(&tallies[0].loop);
	hc_loop_free(&tallies[1].loop);
}

static void post_again(void *ctx)
{
	struct tally *tally = ctx;

	post_note(tally->loop, tally, 0, 1);
}

static void what_was_posted_and_did_not_run_runs_when_the_loop_is_freed(void **state)
{
	struct tally tally = {.loop = NULL};

	(void)state;
	assert_int_equal(hc_loop_new(0, &tally.loop), HC_OK);
	post_note(tally.loop, &tally, 0, 0);
	assert_int_equal(hc_loop_post(tally.loop, post_again, &tally), HC_OK);
	hc_loop_free(&tally.loop);
	assert_null(tally.loop);
	assert_int_equal(tally.count, 2);
	assert_false(tally.out_of_order);
}

static void a_stop_that_comes_first_ends_one_run(void **state)
{
	struct hc_loop *loop = NULL;

	(void)state;
	assert_int_equal(hc_loop_new(0, &loop), HC_OK);
	hc_loop_stop(loop);
	assert_int_equal(hc_loop_run(loop), HC_OK);
	hc_loop_stop(loop);
	hc_loop_stop(loop);
	assert_int_equal(hc_loop_run(loop), HC_OK);
	hc_loop_free(&loop);
}

#define ON_RIG(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(an_address_that_is_none_is_refused),
		ON_RIG(an_address_of_somebody_else_is_refused),
		ON_RIG(two_loops_share_one_port),
		ON_RIG(an_answer_may_come_at_another_moment),
		ON_RIG(an_answer_may_be_posted_from_another_thread),
		ON_RIG(an_exchange_outlives_its_server),
		ON_RIG(draining_refuses_newcomers_and_closes_who_rests),
		ON_RIG(draining_finishes_what_was_begun),
		ON_RIG(what_has_arrived_before_the_draining_is_served),
		ON_RIG(after_the_grace_nobody_is_waited_for),
		ON_RIG(a_server_without_connections_is_drained_at_once),
		ON_RIG(a_server_may_be_freed_once_it_is_drained),
		cmocka_unit_test(posts_of_two_threads_run_once_each_and_in_order),
		cmocka_unit_test(two_loops_post_to_each_other),
		cmocka_unit_test(what_was_posted_and_did_not_run_runs_when_the_loop_is_freed),
		cmocka_unit_test(a_stop_that_comes_first_ends_one_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
