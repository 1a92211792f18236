/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_IMPORT_U2F_FILE_H
#define HC_IMPORT_U2F_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

/*
 * A mapping file of pam-u2f, as a whole. Of several lines of one login the last one counts, as at pam-u2f; a file that is
 * neither root's nor the caller's speaks for its owner alone.
 */
#define HC_U2F_FILE_MAX	 (16u * 1024 * 1024)
#define HC_U2F_LINES_MAX 262144u

struct hc_u2f_entry {
	const char *text; /* into the file */
	size_t len;
	size_t number; /* of the line, from 1 */
	struct hc_login login;
	bool named;	 /* there is a login */
	bool superseded; /* a later line counts */
	bool foreign;	 /* not its owner's to say */
};

struct hc_u2f_file {
	char *text; /* owned */
	size_t len;
	struct hc_u2f_entry *entries; /* owned; blank lines are left out */
	size_t count;
};

/*
 * hc_u2f_file_read: HC_ERR_NOTFOUND, HC_ERR_PERM (it may not be read), HC_ERR_INVALID (not a regular file),
 * HC_ERR_PEER (others than its owner may write it), HC_ERR_TOOBIG, HC_ERR_EXISTS (it is OpenSSH's), HC_ERR_IO, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_u2f_file_read(const char *path, struct hc_u2f_file *ret_file);
void hc_u2f_file_clear(struct hc_u2f_file *file);

/*
 * hc_u2f_file_index: the same of a text (transferred: malloc); owner NULL: it may speak for everybody. HC_ERR_TOOBIG: more
 * than HC_U2F_LINES_MAX lines. HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_u2f_file_index(char *text, size_t len, const char *owner,
				       struct hc_u2f_file *ret_file);

#endif
