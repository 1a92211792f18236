/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a daemon keeps its store and its key. No state. The daemon is the judge of its configuration; what is not
 * understood here is the default.
 */
#include "place.h"

#include <stdio.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/privilege.h"

#include "doctor.h"

static const char *config_of(const struct hc_args *args, const char *option, const char *fallback)
{
	const char *value = hc_args_value(args, option);

	return value != NULL ? value : fallback;
}

static void find_owner(struct hc_place *place)
{
	struct hc_identity identity;

	place->owner_known = geteuid() == 0 && hc_privilege_account(place->user, &identity);
	if (place->owner_known) {
		place->uid = identity.uid;
		place->gid = identity.gid;
	}
}

void hc_place_find(const struct hc_args *args, enum hc_backup_store store, struct hc_place *ret_place)
{
	const bool gateway = store == HC_BACKUP_GATEWAY;
	struct hc_place *place = ret_place;
	const struct hc_doctor_setting settings[] = {
		{"state_dir", place->state_dir, sizeof(place->state_dir)},
		{"seal_key_file", place->seal_key, sizeof(place->seal_key)},
		{"user", place->user, sizeof(place->user)},
	};

	*place = (struct hc_place){.program = gateway ? "hospiconnect-gateway" : "hospiconnect-authd",
				   .database = gateway ? "gateway.db" : "authd.db"};
	(void)snprintf(place->state_dir, sizeof(place->state_dir), "%s",
		       gateway ? HC_GATEWAY_STATE_DIR : HC_STATE_DIR); /* fits */
	(void)snprintf(place->user, sizeof(place->user), "%s", gateway ? HC_GATEWAY_USER : HC_BROKER_USER);
	hc_doctor_settings_scan(gateway ? config_of(args, "gateway-config", HC_SYSCONF_DIR "/gateway.conf")
					: config_of(args, "config", HC_SYSCONF_DIR "/authd.conf"),
				gateway ? "[gateway]" : "[authd]", settings, HC_COUNT(settings));
	if (place->seal_key[0] == '\0')
		(void)snprintf(place->seal_key, sizeof(place->seal_key), "%s/seal.key", place->state_dir);
	find_owner(place);
}
