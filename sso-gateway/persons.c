/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker said about people, for a while.
 *
 * State: a table of answers, and the questions under way with all who wait for each. Threats: an answer that
 * outlives a change. So nothing is kept unless the broker was telling of changes all the time from the
 * question to its answer, a change drops the person, and a question that a change crossed is asked again. What
 * is not an answer is never kept.
 */
#include "persons.h"

#include <stdlib.h>
#include <string.h>

#include "hospiconnect/clock.h"

#define BUCKETS 1024 /* a power of two */
#define NOBODY	UINT16_MAX

struct entry {
	int64_t person_id; /* 0: empty */
	int64_t asked_ms;
	uint16_t next; /* in its bucket */
	struct hc_person_answer answer;
};

struct waiter {
	struct waiter *next;
	hc_person_fn fn;
	void *ctx;
};

struct question {
	struct question *next;
	struct hc_persons *persons;
	int64_t person_id, asked_ms;
	uint64_t generation;
	bool crossed; /* by a change of this person */
	struct waiter *waiters, **waiters_end;
};

struct hc_persons {
	struct hc_broker_link *link;  /* borrowed */
	const struct hc_clock *clock; /* borrowed */
	bool live;
	uint64_t generation; /* of the time in which nothing was missed */
	struct question *questions;
	uint16_t bucket[BUCKETS];
	size_t cursor; /* the oldest entry */
	struct entry entries[HC_PERSONS_KEPT];
};

_Static_assert(HC_PERSONS_KEPT < NOBODY, "every entry has an index");

/* ---- the table ---- */

static uint16_t *bucket_of(struct hc_persons *persons, int64_t person_id)
{
	uint64_t mixed = (uint64_t)person_id * UINT64_C(0x9E3779B97F4A7C15);

	return &persons->bucket[mixed >> 32 & (BUCKETS - 1)];
}

/* Also keeps the promise that nothing is found while changes are not told: nothing is kept then. */
static void forget_all(struct hc_persons *persons)
{
	for (size_t i = 0; i < BUCKETS; i++)
		persons->bucket[i] = NOBODY;
	memset(persons->entries, 0, sizeof(persons->entries));
	persons->cursor = 0;
}

static struct entry *find(struct hc_persons *persons, int64_t person_id)
{
	uint16_t index = *bucket_of(persons, person_id);

	while (index != NOBODY && persons->entries[index].person_id != person_id)
		index = persons->entries[index].next;
	return index == NOBODY ? NULL : &persons->entries[index];
}

static void forget(struct hc_persons *persons, int64_t person_id)
{
	uint16_t *place = bucket_of(persons, person_id);

	while (*place != NOBODY && persons->entries[*place].person_id != person_id)
		place = &persons->entries[*place].next;
	if (*place == NOBODY)
		return;

	struct entry *entry = &persons->entries[*place];

	*place = entry->next;
	memset(entry, 0, sizeof(*entry));
}

static void keep(struct hc_persons *persons, const struct question *question,
		 const struct hc_person_answer *answer)
{
	struct entry *entry = &persons->entries[persons->cursor];
	uint16_t *place = bucket_of(persons, question->person_id);

	forget(persons, question->person_id);
	if (entry->person_id != 0)
		forget(persons, entry->person_id);
	*entry = (struct entry){.person_id = question->person_id,
				.asked_ms = question->asked_ms,
				.next = *place,
				.answer = *answer};
	*place = (uint16_t)persons->cursor;
	persons->cursor = (persons->cursor + 1) % HC_PERSONS_KEPT;
}

/* ---- questions ---- */

static void on_answer(enum hc_err err, const struct hc_person_answer *answer, void *ctx);

static enum hc_err ask(struct question *question)
{
	struct hc_persons *persons = question->persons;

	question->asked_ms = hc_mono_ms(persons->clock);
	question->generation = persons->generation;
	question->crossed = false;
	return hc_broker_person_ask(persons->link, question->person_id, on_answer, question);
}

static void take_out(struct question *question)
{
	struct question **place = &question->persons->questions;

	while (*place != question)
		place = &(*place)->next;
	*place = question->next;
}

static void tell(struct question *question, enum hc_err err, const struct hc_person_answer *answer)
{
	struct waiter *waiter = question->waiters;

	take_out(question);
	free(question);
	while (waiter != NULL) {
		struct waiter *next = waiter->next;
		hc_person_fn fn = waiter->fn;
		void *ctx = waiter->ctx;

		free(waiter);
		fn(err, answer, ctx);
		waiter = next;
	}
}

static void on_answer(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	struct question *question = ctx;
	struct hc_persons *persons = question->persons;

	if (err == HC_OK && question->crossed) {
		err = ask(question);
		if (err == HC_OK)
			return;
		answer = NULL;
	}
	if (err == HC_OK && persons->live && question->generation == persons->generation)
		keep(persons, question, answer);
	tell(question, err, answer);
}

static struct question *find_question(const struct hc_persons *persons, int64_t person_id)
{
	struct question *question = persons->questions;

	while (question != NULL && question->person_id != person_id)
		question = question->next;
	return question;
}

static enum hc_err new_question(struct hc_persons *persons, int64_t person_id, struct question **ret_question)
{
	struct question *question = calloc(1, sizeof(*question));
	enum hc_err err = HC_OK;

	if (question == NULL)
		return HC_ERR_NOMEM;
	question->persons = persons;
	question->person_id = person_id;
	question->waiters_end = &question->waiters;
	err = ask(question);
	if (err != HC_OK) {
		free(question);
		return err;
	}
	question->next = persons->questions;
	persons->questions = question;
	*ret_question = question;
	return HC_OK;
}

/* Who waits is put down first, so that a question that was asked has somebody to answer to. */
static enum hc_err wait_for(struct hc_persons *persons, int64_t person_id, hc_person_fn fn, void *ctx)
{
	struct question *question = find_question(persons, person_id);
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	enum hc_err err = HC_OK;

	if (waiter == NULL)
		return HC_ERR_NOMEM;
	if (question == NULL)
		err = new_question(persons, person_id, &question);
	if (err != HC_OK) {
		free(waiter);
		return err;
	}
	waiter->fn = fn;
	waiter->ctx = ctx;
	*question->waiters_end = waiter;
	question->waiters_end = &waiter->next;
	return HC_OK;
}

/* ---- what others call ---- */

void hc_persons_get(struct hc_persons *persons, int64_t person_id, hc_person_fn fn, void *ctx)
{
	struct entry *entry = find(persons, person_id);
	enum hc_err err = HC_OK;

	if (entry != NULL && hc_mono_ms(persons->clock) - entry->asked_ms < HC_PERSONS_AGE_MS) {
		struct hc_person_answer answer = entry->answer; /* fn may make it go */

		fn(HC_OK, &answer, ctx);
		return;
	}
	err = wait_for(persons, person_id, fn, ctx);
	if (err != HC_OK)
		fn(err, NULL, ctx);
}

void hc_persons_live(struct hc_persons *persons, bool live)
{
	persons->live = live;
	persons->generation++;
	forget_all(persons);
}

void hc_persons_changed(struct hc_persons *persons, int64_t person_id)
{
	struct question *question = find_question(persons, person_id);

	forget(persons, person_id);
	if (question != NULL)
		question->crossed = true;
}

enum hc_err hc_persons_new(struct hc_broker_link *link, const struct hc_clock *clock,
			   struct hc_persons **ret_persons)
{
	struct hc_persons *persons = calloc(1, sizeof(*persons));

	if (persons == NULL)
		return HC_ERR_NOMEM;
	persons->link = link;
	persons->clock = clock;
	forget_all(persons);
	*ret_persons = persons;
	return HC_OK;
}

void hc_persons_free(struct hc_persons **persons)
{
	if (persons == NULL || *persons == NULL)
		return;
	while ((*persons)->questions != NULL) {
		struct question *question = (*persons)->questions;

		(*persons)->questions = question->next;
		while (question->waiters != NULL) {
			struct waiter *waiter = question->waiters;

			question->waiters = waiter->next;
			free(waiter);
		}
		free(question);
	}
	free(*persons);
	*persons = NULL;
}
