/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "hospiconnect/backup.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"

/*
 * A file that is to be a backup, its manifest, and a recovery key from paper. The first byte chooses. Nothing that was not
 * sealed with the mark opens; whatever manifest is read is written again as the same bytes.
 */
static void quiet(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level; /* what is refused may be logged */
	(void)line;
	(void)ctx;
}

static void try_file(const uint8_t *data, size_t size)
{
	static const uint8_t bytes[HC_BACKUP_KEY_LEN] = {1, 2, 3};
	HC_AUTO(secret) recovery = NULL;
	HC_AUTO(backup) backup = NULL;
	char id[HC_BACKUP_KEY_ID_CAP];
	const int fd = memfd_create("backup", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    hc_secret_from(bytes, sizeof(bytes), &recovery) != HC_OK)
		abort();
	FUZZ_REQUIRE(hc_backup_open(fd, recovery, &backup) != HC_OK && backup == NULL);
	if (size >= HC_BACKUP_HEADER_LEN && hc_backup_key_of(data, id) == HC_OK)
		FUZZ_REQUIRE(strlen(id) == HC_BACKUP_KEY_ID_CAP - 1);
	(void)close(fd); /* nothing was kept */
}

static void try_manifest(const uint8_t *data, size_t size)
{
	struct hc_backup_manifest manifest;
	HC_AUTO(secret) key = NULL;
	HC_AUTO(secret) again = NULL;

	if (hc_backup_manifest_read(data, size, &manifest, &key) != HC_OK)
		return;
	FUZZ_REQUIRE(hc_backup_manifest_write(&manifest, key, &again) == HC_OK);
	FUZZ_REQUIRE(hc_secret_len(again) == size && memcmp(hc_secret_data(again), data, size) == 0);
}

static void try_key(const uint8_t *data, size_t size)
{
	HC_AUTO(secret) text = NULL;
	HC_AUTO(secret) key = NULL;

	if (size == 0 || size > 4096 || hc_secret_from(data, size, &text) != HC_OK)
		return;
	if (hc_backup_key_parse(text, &key) == HC_OK)
		FUZZ_REQUIRE(hc_secret_len(key) == HC_BACKUP_KEY_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	hc_log_capture(quiet, NULL);
	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		try_file(data + 1, size - 1);
		break;
	case 1:
		try_manifest(data + 1, size - 1);
		break;
	case 2:
		try_key(data + 1, size - 1);
		break;
	}
	return 0;
}
