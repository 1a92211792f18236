/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CPS_FILE_H
#define HC_CPS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

#include "ctl.h"

/*
 * hc_cps_file_read: what an administrator hands over ("-": standard input), at most max bytes; whose file
 * it is does not matter, since nothing in it is believed. The content is the caller's (free). False: it was
 * complained about.
 */
bool hc_cps_file_read(const struct hc_ctl *ctl, const char *path, size_t max, uint8_t **ret_data,
		      size_t *ret_len);

/* hc_cps_file_complain: text with the file's name and, where there is one, why. Returns HC_CTL_FAILED. */
enum hc_ctl_status hc_cps_file_complain(const struct hc_ctl *ctl, const char *text, const char *path,
					const char *why);

/*
 * hc_cps_file_place: makes the directory that files are to be put into, if it is missing: 0755 for root, or as user
 * alone (0700) where a name is given. HC_ERR_PERM, HC_ERR_IO, HC_ERR_NOTFOUND.
 */
HC_CHECK enum hc_err hc_cps_file_place(const char *directory, const char *user);

#endif
