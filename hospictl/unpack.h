/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_UNPACK_H
#define HC_UNPACK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/backup.h"
#include "hospiconnect/err.h"

#include "args.h"
#include "ctl.h"
#include "place.h"

#define HC_UNPACK_CAP 4096

/* What the daemon says of a store that was unpacked. -1, "": it says nothing of it. */
struct hc_unpack_facts {
	int64_t persons, credentials, clients, secrets, audit_seq, audit_newest_ms;
	char audit_hash[65], audit_key[65];
};

struct hc_unpack {
	const struct hc_ctl *ctl;
	const char *path; /* of the backup */
	int fd;
	struct hc_backup *backup;
	char key_id[HC_BACKUP_KEY_ID_CAP];
	char directory[HC_UNPACK_CAP]; /* ours alone; "": none yet */
	const char *database;	       /* its name there */
	bool held;		       /* signals that would end us wait until the directory is gone */
	sigset_t former;
	struct hc_unpack_facts facts;
};

/*
 * hc_unpack_open: the backup and, by --key, its recovery key. False: it was complained about. hc_unpack_close is due
 * either way, and leaves nothing behind.
 */
bool hc_unpack_open(const struct hc_ctl *ctl, const struct hc_args *args, struct hc_unpack *unpack);
/* hc_unpack_into: unpacks it into a new directory within parent and lets the daemon judge it. False: complained about. */
bool hc_unpack_into(struct hc_unpack *unpack, const char *parent, const struct hc_place *place);
void hc_unpack_close(struct hc_unpack *unpack);

#endif
