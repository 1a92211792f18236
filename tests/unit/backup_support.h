/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BACKUP_SUPPORT_H
#define HC_BACKUP_SUPPORT_H

#include <fcntl.h>
#include <unistd.h>

#include "hospiconnect/backup.h"
#include "hospiconnect/secret.h"
#include "tests/support/tempdir.h"

/* The recovery key, which stays elsewhere, and its sealing half, where a daemon looks for it. */
static struct hc_secret *recovery;
static char sealing_path[160];

static inline void recovery_begin(const struct tempdir *state_dir)
{
	HC_AUTO(secret) sealing = NULL;

	(void)tempdir_file(state_dir, HC_BACKUP_SEALING_FILE, sealing_path, sizeof(sealing_path));
	assert_int_equal(hc_backup_key_new(&recovery), HC_OK);
	assert_int_equal(hc_backup_key_sealing(recovery, &sealing), HC_OK);
	const int fd = open(sealing_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, hc_secret_data(sealing), hc_secret_len(sealing)), hc_secret_len(sealing));
	assert_int_equal(close(fd), 0);
}

static inline void recovery_end(void)
{
	hc_secret_free(&recovery);
}

#endif
