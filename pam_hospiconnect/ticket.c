/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ticket of a card that is nobody's, kept with pam_set_data on the host's handle.
 *
 * Threats: a handle that is used again, for somebody else perhaps (whatever is there goes at the entry of each line), a
 * fork that carries a copy of the handle along, memory that is read later. Spent in place, a ticket is void even if libpam
 * does not let go of it.
 */
#include "ticket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/secret.h"
#include "verdict.h"

#define TICKET_NAME "hospiconnect card"

struct kept {
	struct hc_ticket ticket;
	pid_t pid;
};

static void ticket_cleanup(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh; /* the owner of the handle is known */
	(void)status;
	if (data == NULL)
		return;
	hc_scrub(data, sizeof(struct kept));
	free(data);
}

void hc_ticket_keep(pam_handle_t *pamh, const struct hc_ticket *ticket)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (kept == NULL)
		return;
	kept->ticket = *ticket;
	kept->pid = getpid();
	if (!hc_pam_ok(pam_set_data(pamh, TICKET_NAME, kept, ticket_cleanup)))
		ticket_cleanup(pamh, kept, 0);
}

void hc_ticket_take(pam_handle_t *pamh, struct hc_ticket *ret_ticket)
{
	const void *data = NULL;
	const struct kept *kept;
	void *block;

	*ret_ticket = (struct hc_ticket){.known = false};
	if (!hc_pam_ok(pam_get_data(pamh, TICKET_NAME, &data)) || data == NULL)
		return;
	kept = data;
	if (kept->pid == getpid())
		*ret_ticket = kept->ticket;
	/* The block is ours, libpam only keeps it. */
	memcpy(&block, &data, sizeof(block));
	hc_scrub(block, sizeof(*kept));
	(void)pam_set_data(pamh, TICKET_NAME, NULL, NULL); /* it is void in any case */
}
