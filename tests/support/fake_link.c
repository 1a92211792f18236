/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link without a broker. State: one mood, counts, and the verdicts that are held, under a lock; a sign-in
 * belongs to its loop's thread.
 */
#include "fake_link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"
#include "http/loop.h"

struct hc_broker_link {
	struct hc_loop *loop;
};

struct hc_broker_signin {
	struct hc_loop *loop;
	hc_signin_fn fn;
	void *ctx;
	bool known, password_right, code_right;
	bool dead;	  /* ended or cancelled: nothing is told any more */
	unsigned pending; /* reports on their way */
	struct hc_person person;
	struct hc_broker_signin *next_held;
};

struct event {
	struct hc_broker_signin *signin;
	struct hc_signin_report report;
};

static struct {
	pthread_mutex_t lock;
	enum fake_mood mood;
	struct fake_counts counts;
	struct hc_broker_signin *held;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void nothing(void)
{
}

static void (*hook_inside)(void) = nothing;
static void (*hook_outside)(void) = nothing;

void fake_link_hooks(void (*inside)(void), void (*outside)(void))
{
	hook_inside = inside;
	hook_outside = outside;
}

static enum fake_mood mood(void)
{
	(void)pthread_mutex_lock(&fake.lock);
	const enum fake_mood now = fake.mood;
	(void)pthread_mutex_unlock(&fake.lock);
	return now;
}

static void count(unsigned *counter)
{
	(void)pthread_mutex_lock(&fake.lock);
	(*counter)++;
	(void)pthread_mutex_unlock(&fake.lock);
}

static void free_if_done(struct hc_broker_signin *signin)
{
	if (signin->dead && signin->pending == 0)
		free(signin);
}

static void run_event(void *ctx)
{
	struct event *event = ctx;
	struct hc_broker_signin *signin = event->signin;

	signin->pending--;
	if (!signin->dead) {
		const bool last = event->report.event != HC_SIGNIN_CODE;

		signin->dead = last;
		if (last)
			count(&fake.counts.ended);
		hook_inside();
		signin->fn(&event->report, signin->ctx);
		hook_outside();
	}
	free_if_done(signin);
	free(event);
}

static void report(struct hc_broker_signin *signin, const struct hc_signin_report *what)
{
	struct event *event = malloc(sizeof(*event));

	*event = (struct event){.signin = signin, .report = *what};
	signin->pending++;
	if (hc_loop_post(signin->loop, run_event, event) != HC_OK)
		abort();
}

static void fail(struct hc_broker_signin *signin, enum hc_err err)
{
	report(signin, &(struct hc_signin_report){.event = HC_SIGNIN_FAILED, .err = err});
}

static void refuse(struct hc_broker_signin *signin, enum hc_reason reason, bool unavailable)
{
	report(signin, &(struct hc_signin_report){
			       .event = HC_SIGNIN_RESULT, .reason = reason, .unavailable = unavailable});
}

static void allow(struct hc_broker_signin *signin)
{
	report(signin, &(struct hc_signin_report){.event = HC_SIGNIN_RESULT,
						  .allowed = true,
						  .method = HC_METHOD_TOTP,
						  .person = signin->person});
}

static void judge(struct hc_broker_signin *signin)
{
	if (!signin->known)
		refuse(signin, HC_REASON_UNKNOWN_PERSON, false);
	else if (!signin->password_right)
		refuse(signin, HC_REASON_WRONG_PASSWORD, false);
	else if (!signin->code_right)
		refuse(signin, HC_REASON_WRONG_CODE, false);
	else
		allow(signin);
}

static void know(struct hc_broker_signin *signin, const char *user)
{
	static const char *const people[] = {"martin", "durand"};

	for (size_t i = 0; i < HC_COUNT(people); i++) {
		if (strcmp(user, people[i]) != 0)
			continue;
		signin->known = true;
		signin->person.id = 7 + (int64_t)i;
		(void)snprintf(signin->person.login, sizeof(signin->person.login), "%s", user);
	}
}

static void begin(struct hc_broker_signin *signin)
{
	const enum fake_mood now = mood();

	if (now == FAKE_AWAY) {
		fail(signin, HC_ERR_AWAY);
		return;
	}
	if (now == FAKE_EAGER) {
		allow(signin);
		return;
	}
	report(signin, &(struct hc_signin_report){.event = HC_SIGNIN_CODE});
	if (now == FAKE_NO_HELPER)
		refuse(signin, HC_REASON_PASSWORD_HELPER_AWAY, true);
	if (now == FAKE_TIMES_OUT)
		refuse(signin, HC_REASON_TIMED_OUT, true);
}

enum hc_err hc_broker_signin_start(struct hc_broker_link *link, struct hc_signin_ask *ask, hc_signin_fn fn,
				   void *ctx, struct hc_broker_signin **ret_signin)
{
	const struct hc_secret *password = ask->password;

	hook_outside();
	struct hc_broker_signin *signin = calloc(1, sizeof(*signin));
	*signin = (struct hc_broker_signin){.loop = link->loop, .fn = fn, .ctx = ctx};
	know(signin, ask->user);
	signin->password_right = hc_secret_len(password) == strlen(FAKE_PASSWORD) &&
				 memcmp(hc_secret_data(password), FAKE_PASSWORD, strlen(FAKE_PASSWORD)) == 0;
	hc_secret_free(&ask->password);
	(void)pthread_mutex_lock(&fake.lock);
	fake.counts.started++;
	fake.counts.timeout_s = ask->timeout_s;
	(void)snprintf(fake.counts.user, sizeof(fake.counts.user), "%s", ask->user);
	(void)snprintf(fake.counts.rhost, sizeof(fake.counts.rhost), "%s", ask->rhost);
	(void)pthread_mutex_unlock(&fake.lock);
	begin(signin);
	*ret_signin = signin;
	hook_inside();
	return HC_OK;
}

static void hold(struct hc_broker_signin *signin)
{
	struct hc_broker_signin **end = &fake.held;

	signin->pending++; /* until it is released */
	(void)pthread_mutex_lock(&fake.lock);
	while (*end != NULL)
		end = &(*end)->next_held;
	*end = signin;
	(void)pthread_mutex_unlock(&fake.lock);
}

enum hc_err hc_broker_signin_code(struct hc_broker_signin *signin, const void *code, size_t len)
{
	hook_outside();
	signin->code_right = len == strlen(FAKE_CODE) && memcmp(code, FAKE_CODE, len) == 0;
	if (mood() == FAKE_HUNG)
		fail(signin, HC_ERR_TIMEOUT);
	else if (mood() == FAKE_NO_MEANS)
		refuse(signin, HC_REASON_NO_METHOD_HERE, true);
	else if (mood() == FAKE_HOLDS)
		hold(signin);
	else
		judge(signin);
	count(&fake.counts.answered); /* last: what is counted can be released */
	hook_inside();
	return HC_OK;
}

void hc_broker_signin_cancel(struct hc_broker_signin **signin)
{
	struct hc_broker_signin *old = hc_steal_ptr(signin);

	count(&fake.counts.cancelled);
	old->dead = true;
	free_if_done(old);
}

static void run_release(void *ctx)
{
	struct hc_broker_signin *signin = ctx;

	signin->pending--;
	if (signin->dead)
		free_if_done(signin);
	else
		judge(signin);
}

void fake_link_release(void)
{
	(void)pthread_mutex_lock(&fake.lock);
	struct hc_broker_signin *held = hc_steal_ptr(&fake.held);
	(void)pthread_mutex_unlock(&fake.lock);
	while (held != NULL) {
		struct hc_broker_signin *next = held->next_held;

		if (hc_loop_post(held->loop, run_release, held) != HC_OK)
			abort();
		held = next;
	}
}

struct hc_broker_link *fake_link_new(struct hc_loop *loop)
{
	struct hc_broker_link *link = calloc(1, sizeof(*link));

	if (link != NULL)
		link->loop = loop;
	return link;
}

void hc_broker_link_free(struct hc_broker_link **link)
{
	free(*link);
	*link = NULL;
}

void fake_link_mood(enum fake_mood now)
{
	(void)pthread_mutex_lock(&fake.lock);
	fake.mood = now;
	(void)pthread_mutex_unlock(&fake.lock);
}

struct fake_counts fake_link_counts(void)
{
	(void)pthread_mutex_lock(&fake.lock);
	const struct fake_counts counts = fake.counts;
	(void)pthread_mutex_unlock(&fake.lock);
	return counts;
}

void fake_link_reset(void)
{
	(void)pthread_mutex_lock(&fake.lock);
	fake.mood = FAKE_FAITHFUL;
	memset(&fake.counts, 0, sizeof(fake.counts));
	(void)pthread_mutex_unlock(&fake.lock);
}
