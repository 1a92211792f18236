/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_INPUT_H
#define HC_INPUT_H

#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/secret.h"

/*
 * Secrets and codes that come in: read into hc_secret from the first byte, without stdio.
 */

/* hc_input_line: one line without its newline. HC_ERR_CLOSED at the end, HC_ERR_TOOBIG, HC_ERR_IO. */
HC_CHECK enum hc_err hc_input_line(int fd, size_t max, struct hc_secret **ret_line);

/*
 * hc_input_file: the whole of a file ("-": standard input) of at most max bytes. A file must be a
 * regular one, belong to the caller or root, and be closed to group and others.
 */
HC_CHECK enum hc_err hc_input_file(const char *path, size_t max, struct hc_secret **ret_content);

/*
 * hc_input_base32: decodes RFC 4648 base32 (blanks, hyphens, line ends and lower case accepted,
 * padding optional). HC_ERR_INVALID for anything else, an impossible length, or leftover bits that
 * are not zero.
 */
HC_CHECK enum hc_err hc_input_base32(const struct hc_secret *text, struct hc_secret **ret_bytes);

#endif
