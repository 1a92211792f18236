/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FILE_H
#define HC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_secret;

/*
 * Opening files that decide about security. Facts come from fstat(2) on the open descriptor, never
 * from the path; opened with O_NOFOLLOW, O_CLOEXEC, O_NOCTTY and O_NONBLOCK, so that a link, a FIFO
 * or a device is refused and never waited for.
 */
struct hc_file_rules {
	uid_t owner; /* this owner, or uid 0 when root_too */
	bool root_too;
	mode_t forbidden; /* permission bits that must be clear, e.g. 0022 or 0077 */
	size_t max_len;	  /* bytes */
};

/*
 * hc_file_read: the whole of a regular file that keeps the rules. The content is allocated
 * (transferred, NUL added behind *ret_len bytes).
 * Errors: HC_ERR_NOTFOUND, HC_ERR_PERM (owner, mode or kind of file), HC_ERR_TOOBIG, HC_ERR_IO,
 * HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_file_read(const char *path, const struct hc_file_rules *rules, char **ret_data,
				  size_t *ret_len);

/* hc_file_read_secret: the same into a secret of exactly len bytes; HC_ERR_INVALID for another length. */
HC_CHECK enum hc_err hc_file_read_secret(const char *path, const struct hc_file_rules *rules, size_t len,
					 struct hc_secret **ret_secret);

/*
 * hc_file_create: writes a new file of the given mode beside its place, syncs it, links it into
 * place and syncs the directory: the file is there whole or not at all, and one that exists is
 * never replaced (HC_ERR_EXISTS).
 */
HC_CHECK enum hc_err hc_file_create(const char *path, mode_t mode, const void *data, size_t len);

/*
 * hc_file_replace: the same, but takes the place of a file that is there: readers see the old one or the
 * new one, whole.
 */
HC_CHECK enum hc_err hc_file_replace(const char *path, mode_t mode, const void *data, size_t len);

#endif
