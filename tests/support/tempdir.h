/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEMPDIR_H
#define HC_TEMPDIR_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A private directory (0700) for one test, and the paths in it. Empty it of files with tempdir_remove. */
struct tempdir {
	char path[64];
};

static inline bool tempdir_make(struct tempdir *dir)
{
	(void)snprintf(dir->path, sizeof(dir->path), "/tmp/hc-test-XXXXXX");
	return mkdtemp(dir->path) != NULL;
}

static inline const char *tempdir_file(const struct tempdir *dir, const char *name, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%s/%s", dir->path, name);
	return out;
}

/* The number of entries, without "." and "..". */
static inline int tempdir_count(const struct tempdir *dir)
{
	DIR *handle = opendir(dir->path);
	int count = 0;

	while (handle != NULL && readdir(handle) != NULL)
		count++;
	if (handle != NULL)
		(void)closedir(handle);
	return count - 2;
}

static inline void tempdir_remove(const struct tempdir *dir)
{
	DIR *handle = opendir(dir->path);
	struct dirent *entry = NULL;

	while (handle != NULL && (entry = readdir(handle)) != NULL) {
		char path[512];

		(void)snprintf(path, sizeof(path), "%s/%s", dir->path, entry->d_name);
		(void)unlink(path);
	}
	if (handle != NULL)
		(void)closedir(handle);
	(void)rmdir(dir->path);
}

#endif
