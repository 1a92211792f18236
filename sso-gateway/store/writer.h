/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_WRITER_H
#define HC_WRITER_H

#include "db.h"
#include "delivery.h"

/*
 * Private to sso-gateway/store/: the writer thread, its queue and its groups. The connection and the
 * delivery are borrowed; the connection belongs to the writer's thread from start to stop.
 */
struct hc_writer;

HC_CHECK enum hc_err hc_writer_start(struct hc_gstore_tx *tx, struct hc_delivery *delivery,
				     struct hc_writer **ret_writer);
/* hc_writer_queue: takes the member over on HC_OK alone. HC_ERR_FULL, HC_ERR_CLOSED. */
HC_CHECK enum hc_err hc_writer_queue(struct hc_writer *writer, struct hc_member *member);
/* hc_writer_stop: what is queued is committed, nothing new is taken, the thread ends. */
void hc_writer_stop(struct hc_writer *writer);
void hc_writer_free(struct hc_writer **writer); /* stops it as well */
/* hc_writer_counts: members, groups, refused, queued. */
void hc_writer_counts(struct hc_writer *writer, struct hc_gstore_counts *ret_counts);

#endif
