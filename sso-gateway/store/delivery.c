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

/* Moves everything: the new list starts where the old one's memory was. */
static void take_all(struct hc_delivery_slot *slot, struct hc_member_list *out)
{
	struct hc_member *member = NULL;

	hc_member_list_init(out);
	(void)pthread_mutex_lock(&slot->lock);
	while ((member = hc_member_list_take(&slot->waiting)) != NULL)
		hc_member_list_append(out, member);
	slot->posted = false;
	(void)pthread_mutex_unlock(&slot->lock);
}

/* On the loop's thread. */
static void drain(void *ctx)
{
	struct hc_member_list list;

	take_all(ctx, &list);
	run_all(&list);
}

enum hc_err hc_delivery_init(struct hc_delivery *delivery, const struct hc_gstore_options *options)
{
	*delivery = (struct hc_delivery){.post = options->post};
	for (size_t i = 0; i < options->loop_count; i++) {
		struct hc_delivery_slot *slot = &delivery->slots[i];

		if (pthread_mutex_init(&slot->lock, NULL) != 0) {
			hc_delivery_clear(delivery);
			return HC_ERR_NOMEM;
		}
		slot->loop = options->loops[i];
		hc_member_list_init(&slot->waiting);
		delivery->count++;
	}
	return HC_OK;
}

size_t hc_delivery_slot(const struct hc_delivery *delivery, const struct hc_loop *loop)
{
	size_t i = 0;

	while (i < delivery->count && delivery->slots[i].loop != loop)
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
		struct hc_delivery_slot *slot = &delivery->slots[member->slot];
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
		struct hc_delivery_slot *slot = &delivery->slots[i];

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
	for (size_t i = 0; i < delivery->count; i++) {
		drain(&delivery->slots[i]);
		(void)pthread_mutex_destroy(&delivery->slots[i].lock); /* nobody holds it */
	}
	delivery->count = 0;
}
