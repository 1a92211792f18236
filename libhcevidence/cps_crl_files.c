/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists as files. State: none. Threats: a directory where somebody else can put an older
 * list back or take one away, a damaged file. What cannot be believed is left out, which makes the
 * authority's cards "unknown" and never "not revoked"; one bad file must not take the others along.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/cps.h"
#include "hospiconnect/file.h"
#include "hospiconnect/log.h"

#define ENDING	   ".crl"
#define HASH_SHOWN 16 /* bytes of the issuer's hash in a name */

void hc_cps_crl_file(const struct hc_cps_crl_state *state, char out[HC_CPS_CRL_FILE_CAP])
{
	size_t at = 0;

	while (at < HASH_SHOWN) {
		(void)snprintf(out + 2 * at, 3, "%02x", state->issuer_hash[at]);
		at++;
	}
	(void)snprintf(out + 2 * at, HC_CPS_CRL_FILE_CAP - 2 * at, ENDING); /* fits: 32 + 4 */
}

static int is_list(const struct dirent *entry)
{
	const size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(ENDING) &&
	       strcmp(entry->d_name + len - strlen(ENDING), ENDING) == 0;
}

static enum hc_err check_directory(const char *directory, uid_t *ret_owner)
{
	struct stat info;

	if (stat(directory, &info) != 0)
		return HC_ERR_NOTFOUND;
	if (!S_ISDIR(info.st_mode) || (info.st_mode & 0022) != 0)
		return HC_ERR_PERM;
	if (info.st_uid != 0 && info.st_uid != geteuid() && geteuid() != 0)
		return HC_ERR_PERM;
	*ret_owner = info.st_uid;
	return HC_OK;
}

static enum hc_err load_file(struct hc_cps_crls *crls, const struct hc_trust *trust, const char *path,
			     uid_t owner, int64_t now_ms)
{
	const struct hc_file_rules rules = {
		.owner = owner, .root_too = true, .forbidden = 0022, .max_len = HC_CPS_CRL_MAX};
	char *data = NULL;
	size_t len = 0;
	enum hc_err err = hc_file_read(path, &rules, &data, &len);

	if (err == HC_OK)
		err = hc_cps_crls_add(crls, trust, data, len, now_ms, NULL);
	free(data);
	/* Two files of one authority: the newer one counts, whichever came first. */
	return err == HC_ERR_EXISTS ? HC_OK : err;
}

static bool load_entry(struct hc_cps_crls *crls, const struct hc_trust *trust, const char *directory,
		       const char *name, uid_t owner, int64_t now_ms)
{
	char path[PATH_MAX];
	const int written = snprintf(path, sizeof(path), "%s/%s", directory, name);
	enum hc_err err = written < 0 || (size_t)written >= sizeof(path) ? HC_ERR_TOOBIG : HC_OK;

	if (err == HC_OK)
		err = load_file(crls, trust, path, owner, now_ms);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "revocation list was left out", HC_F_TEXT("file", path),
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err == HC_OK;
}

enum hc_err hc_cps_crls_load(const char *directory, const struct hc_trust *trust, int64_t now_ms,
			     struct hc_cps_crls **ret_crls, size_t *ret_refused)
{
	HC_AUTO(cps_crls) crls = NULL;
	struct dirent **entries = NULL;
	size_t refused = 0;
	uid_t owner = 0;
	enum hc_err err = check_directory(directory, &owner);

	if (err == HC_OK)
		err = hc_cps_crls_new(&crls);
	if (err != HC_OK)
		return err;
	const int count = scandir(directory, &entries, is_list, alphasort);

	if (count < 0)
		return access(directory, R_OK | X_OK) == 0 ? HC_ERR_IO : HC_ERR_PERM;
	for (int i = 0; i < count; i++) {
		if (!load_entry(crls, trust, directory, entries[i]->d_name, owner, now_ms))
			refused++;
		free(entries[i]);
	}
	free(entries);
	if (ret_refused != NULL)
		*ret_refused = refused;
	*ret_crls = hc_steal_ptr(&crls);
	return HC_OK;
}
