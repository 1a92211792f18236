/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completions on their way to the loops. State: for each loop a list that waits, and whether the loop
 * was told. The writer appends and tells; the loop's thread takes the whole list and runs it.
 *
 * What must never happen: a completion that is lost (a request that hangs for ever), that runs twice,
 * or that runs on another thread than its loop's while that loop lives.
 */
#include "delivery.h"

#include <stdlib.h>

void hc_member_list_init(struct hc_member_list *list)
{
	list->first = NULL;
	list->last = &list->first;
	list->count = 0;
}

void hc_member_list_append(struct hc_member_list *list, struct hc_member *member)
{
	member->next = NULL;
	*list->last = member;
	list->last = &member->next;
	list->count++;
}

struct hc_member *hc_member_list_take(struct hc_member_list *list)
{
	struct hc_member *member = list->first;

	if (member == NULL)
		return NULL;
	list->first = member->next;
	if (list->first == NULL)
		list->last = &list->first;
	list->count--;
	return member;
}

static void run_all(struct hc_member_list *list)
{
	struct hc_member *member = NULL;

	while ((member = hc_member_list_take(list)) != NULL) {
		member->done(member->result, member->ctx);
		free(member);
	}
}

/* Moves everything: the new list starts where the old one's memory was. The lock is held. */
static void take_all(struct hc_delivery_slot *slot, struct hc_member_list *out)
{
	struct hc_member *member = NULL;

	hc_member_list_init(out);
	while ((member = hc_member_list_take(&slot->waiting)) != NULL)
		hc_member_list_append(out, member);
}

static void slot_free(struct hc_delivery_slot *slot)
{
	(void)pthread_mutex_destroy(&slot->lock); /* nobody holds it */
	free(slot);
}

/* On the loop's thread; or while the loop is being freed, perhaps after the store. */
static void drain(void *ctx)
{
	struct hc_delivery_slot *slot = ctx;
	struct hc_member_list list;

	(void)pthread_mutex_lock(&slot->lock);
	take_all(slot, &list);
	slot->posted = false;
	const bool orphaned = slot->orphaned;
	(void)pthread_mutex_unlock(&slot->lock);
	run_all(&list);
	if (orphaned)
		slot_free(slot);
}

/* The store goes: what waits runs here. */
static void abandon(struct hc_delivery_slot *slot)
{
	struct hc_member_list list;

	(void)pthread_mutex_lock(&slot->lock);
	take_all(slot, &list);
	const bool posted = slot->orphaned = slot->posted;
	(void)pthread_mutex_unlock(&slot->lock);
	run_all(&list);
	if (!posted)
		slot_free(slot);
}

enum hc_err hc_delivery_init(struct hc_delivery *delivery, const struct hc_gstore_options *options)
{
	*delivery = (struct hc_delivery){.post = options->post};
	for (size_t i = 0; i < options->loop_count; i++) {
		struct hc_delivery_slot *slot = calloc(1, sizeof(*slot));

		if (slot == NULL || pthread_mutex_init(&slot->lock, NULL) != 0) {
			free(slot);
			hc_delivery_clear(delivery);
			return HC_ERR_NOMEM;
		}
		slot->loop = options->loops[i];
		hc_member_list_init(&slot->waiting);
		delivery->slots[delivery->count++] = slot;
	}
	return HC_OK;
}

size_t hc_delivery_slot(const struct hc_delivery *delivery, const struct hc_loop *loop)
{
	size_t i = 0;

	while (i < delivery->count && delivery->slots[i]->loop != loop)
		i++;
	return i;
}

void hc_delivery_send(struct hc_delivery *delivery, struct hc_member_list *members)
{
	struct hc_member *member = NULL;

	while ((member = hc_member_list_take(members)) != NULL) {
		if (member->done == NULL) {
			free(member);
			continue;
		}
		struct hc_delivery_slot *slot = delivery->slots[member->slot];
		(void)pthread_mutex_lock(&slot->lock);
		hc_member_list_append(&slot->waiting, member);
		(void)pthread_mutex_unlock(&slot->lock);
	}
}

/* Whether the loop has to be told; if so it counts as told. */
static bool claim_post(struct hc_delivery_slot *slot)
{
	(void)pthread_mutex_lock(&slot->lock);
	const bool mine = slot->waiting.first != NULL && !slot->posted && !slot->closed;
	slot->posted = slot->posted || mine;
	(void)pthread_mutex_unlock(&slot->lock);
	return mine;
}

bool hc_delivery_post(struct hc_delivery *delivery)
{
	bool all = true;

	for (size_t i = 0; i < delivery->count; i++) {
		struct hc_delivery_slot *slot = delivery->slots[i];

		if (!claim_post(slot))
			continue;
		const enum hc_err err = delivery->post(slot->loop, drain, slot);
		if (err == HC_OK)
			continue;
		(void)pthread_mutex_lock(&slot->lock);
		slot->posted = false;
		slot->closed = err != HC_ERR_NOMEM;
		(void)pthread_mutex_unlock(&slot->lock);
		all = all && err != HC_ERR_NOMEM;
	}
	return all;
}

void hc_delivery_clear(struct hc_delivery *delivery)
{
	for (size_t i = 0; i < delivery->count; i++)
		abandon(delivery->slots[i]);
	delivery->count = 0;
}
