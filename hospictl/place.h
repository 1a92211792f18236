/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PLACE_H
#define HC_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "hospiconnect/backup.h"

#include "args.h"

#define HC_PLACE_CAP 256

/* Where a daemon keeps what a backup holds, by its configuration. */
struct hc_place {
	const char *program;  /* "hospiconnect-authd" */
	const char *database; /* "authd.db" */
	char state_dir[HC_PLACE_CAP], seal_key[HC_PLACE_CAP + 16], user[65];
	bool owner_known; /* the user exists, and we may give files to it */
	uid_t uid;
	gid_t gid;
};

/* hc_place_find: by --config or --gateway-config, or where packages have them. */
void hc_place_find(const struct hc_args *args, enum hc_backup_store store, struct hc_place *ret_place);

#endif
