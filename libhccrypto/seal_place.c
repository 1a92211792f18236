/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a daemon's seal key is. No state. It must never make a key while there are data that were
 * sealed under another one: they would be lost in silence.
 */
#include "hospiconnect/seal_place.h"

#include <stdio.h>
#include <stdlib.h>

#include "hospiconnect/log.h"

#define PATH_CAP 512

enum hc_err hc_seal_credential(const char *configured, struct hc_seal **ret_seal)
{
	const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_CAP];
	int len = 0;
	enum hc_err err = HC_OK;

	if (directory == NULL || configured[0] != '\0')
		return HC_OK;
	len = snprintf(path, sizeof(path), "%s/seal-key", directory);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		hc_log(HC_LOG_ERROR, "the credentials' directory has too long a name",
		       HC_F_TEXT("path", directory));
		return HC_ERR_TOOBIG;
	}
	err = hc_seal_open(path, false, ret_seal);
	return err == HC_ERR_NOTFOUND ? HC_OK : err; /* none of that name: the key file is used */
}

void hc_seal_path(const char *configured, const char *state_dir, char *out, size_t cap)
{
	/* Fits: paths of a configuration are shorter than PATH_CAP. */
	if (configured[0] != '\0')
		(void)snprintf(out, cap, "%s", configured);
	else
		(void)snprintf(out, cap, "%s/seal.key", state_dir);
}

enum hc_err hc_seal_settle(const char *configured, const char *state_dir, bool sealed, struct hc_seal **seal)
{
	char path[PATH_CAP];
	enum hc_err err = HC_OK;

	if (*seal != NULL)
		return HC_OK;
	hc_seal_path(configured, state_dir, path, sizeof(path));
	err = hc_seal_open(path, !sealed, seal);
	if (err == HC_ERR_NOTFOUND)
		hc_log(HC_LOG_ERROR,
		       "the seal key is missing, but the store holds data sealed under it: restore the key "
		       "from its backup",
		       HC_F_TEXT("path", path));
	return err; /* of any other failure the seal has told */
}
