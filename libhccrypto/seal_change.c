/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a seal key that is exchanged. No state. At every moment there is a file for every key under which
 * something is sealed: the new one is on the disk before it is used, the old one goes when nothing needs it.
 */
#include "hospiconnect/seal_change.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/file.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

#define PATH_CAP   520
#define KEY_ID_LEN 16 /* hc_seal_key_id */

static void beside(const char *path, char out[PATH_CAP])
{
	(void)snprintf(out, PATH_CAP, "%.510s.new", path); /* paths of a configuration are shorter */
}

enum hc_err hc_seal_change_begin(const char *path)
{
	HC_AUTO(secret) key = NULL;
	char name[PATH_CAP];
	enum hc_err err = hc_random_secret(HC_SEAL_KEY_LEN, &key);

	beside(path, name);
	return err == HC_OK ? hc_file_create(name, 0600, hc_secret_data(key), hc_secret_len(key)) : err;
}

enum hc_err hc_seal_change_load(const char *path, struct hc_seal *seal)
{
	HC_AUTO(seal) next = NULL;
	char name[PATH_CAP];
	enum hc_err err;

	beside(path, name);
	err = hc_seal_open(name, false, &next);
	if (err == HC_ERR_NOTFOUND)
		return HC_OK;
	/* Killed between the two last steps: the file is there under both names. */
	if (err == HC_OK && hc_bytes_equal(hc_seal_key_id(next), hc_seal_key_id(seal), 16))
		return HC_OK;
	return err == HC_OK ? hc_seal_succeed(seal, &next) : err;
}

/* What was the key must not be found on the disk by reading the file again; a medium may keep more. */
static enum hc_err overwrite(const char *path)
{
	static const uint8_t nothing[HC_SEAL_KEY_LEN];
	const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	bool written;

	if (fd < 0)
		return errno == ENOENT ? HC_OK : HC_ERR_IO;
	written = pwrite(fd, nothing, sizeof(nothing), 0) == (ssize_t)sizeof(nothing) && fsync(fd) == 0;
	return close(fd) == 0 && written ? HC_OK : HC_ERR_IO;
}

static enum hc_err sync_directory(const char *path)
{
	char copy[PATH_CAP];
	int fd;
	bool synced;

	(void)snprintf(copy, sizeof(copy), "%s", path); /* as above */
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return HC_ERR_IO;
	synced = fsync(fd) == 0;
	return close(fd) == 0 && synced ? HC_OK : HC_ERR_IO;
}

/* The file that is about to be the only one has the key that everything is sealed under. */
static enum hc_err holds_key_of(const struct hc_seal *seal, const char *name)
{
	HC_AUTO(seal) next = NULL;
	const enum hc_err err = hc_seal_open(name, false, &next);

	if (err != HC_OK)
		return err;
	return hc_bytes_equal(hc_seal_key_id(next), hc_seal_key_id(seal), KEY_ID_LEN) ? HC_OK : HC_ERR_STATE;
}

enum hc_err hc_seal_change_end(const char *path, struct hc_seal *seal)
{
	char name[PATH_CAP];
	enum hc_err err;

	beside(path, name);
	err = holds_key_of(seal, name);
	if (err == HC_OK)
		err = overwrite(path);
	if (err == HC_OK && rename(name, path) != 0)
		err = HC_ERR_IO;
	if (err == HC_OK)
		err = sync_directory(path);
	if (err != HC_OK)
		return err;
	hc_seal_forget(seal);
	hc_log(HC_LOG_NOTICE, "the seal key was exchanged; make a backup", HC_F_TEXT("file", path),
	       HC_F_TEXT("key", hc_seal_key_id(seal)));
	return HC_OK;
}
