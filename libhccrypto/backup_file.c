/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup as a file: made piece by piece from a copy of the database, and read in the same way.
 *
 * State: where in the file we are. Threats: a database that is shorter or longer than was said (the copy is nobody's but
 * ours; what does not fit ends the work), a backup without end (its length is known before it is read), plaintext that
 * is left in memory. A reader must never say that a backup was whole before its last chunk was opened.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_internal.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"

#define PREFIX 2 /* the length of the manifest */

static enum hc_err read_whole(int fd, uint8_t *out, size_t len, uint64_t at)
{
	while (len > 0) {
		const ssize_t got = pread(fd, out, len, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return HC_ERR_IO;
		out += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return HC_OK;
}

/* ---- making ---- */

struct hc_backup_maker {
	struct hc_backup_stream stream;
	uint8_t header[HC_BACKUP_HEADER_LEN];
	bool begun; /* the header was given */
	struct hc_secret *manifest;
	int fd;
	uint64_t len, at; /* of what is sealed: prefix, manifest, database */
	uint8_t plain[HC_BACKUP_CHUNK];
};

enum hc_err hc_backup_maker_new(const struct hc_secret *sealing, const struct hc_backup_manifest *manifest,
				const struct hc_secret *seal_key, int fd, struct hc_backup_maker **ret_maker)
{
	HC_AUTO(backup_maker) maker = calloc(1, sizeof(*maker));

	if (maker == NULL) {
		(void)close(fd); /* only read from */
		return HC_ERR_NOMEM;
	}
	maker->fd = fd;
	enum hc_err err = hc_backup_manifest_write(manifest, seal_key, &maker->manifest);
	if (err == HC_OK)
		err = hc_backup_stream_seal(sealing, maker->header, &maker->stream);
	if (err != HC_OK)
		return err;
	maker->len = PREFIX + hc_secret_len(maker->manifest) + manifest->len;
	*ret_maker = hc_steal_ptr(&maker);
	return HC_OK;
}

void hc_backup_maker_free(struct hc_backup_maker **maker)
{
	if (maker == NULL || *maker == NULL)
		return;
	hc_secret_free(&(*maker)->manifest);
	(void)close((*maker)->fd); /* only read from */
	hc_scrub(*maker, sizeof(**maker));
	free(*maker);
	*maker = NULL;
}

uint64_t hc_backup_maker_total(const struct hc_backup_maker *maker)
{
	const uint64_t chunks = (maker->len + HC_BACKUP_CHUNK - 1) / HC_BACKUP_CHUNK;

	return HC_BACKUP_HEADER_LEN + maker->len + chunks * HC_GCM_TAG_LEN;
}

/* The next bytes of what is sealed; the first chunk holds the whole manifest. */
static enum hc_err fill(struct hc_backup_maker *maker, size_t len)
{
	const size_t manifest_len = hc_secret_len(maker->manifest);
	const size_t before = PREFIX + manifest_len;
	size_t used = 0;

	if (maker->at == 0) {
		maker->plain[0] = (uint8_t)(manifest_len >> 8);
		maker->plain[1] = (uint8_t)manifest_len;
		memcpy(maker->plain + PREFIX, hc_secret_data(maker->manifest), manifest_len);
		used = before;
	}
	return read_whole(maker->fd, maker->plain + used, len - used, maker->at + used - before);
}

enum hc_err hc_backup_maker_next(struct hc_backup_maker *maker, uint8_t out[HC_BACKUP_PIECE_MAX],
				 size_t *ret_len, bool *ret_last)
{
	const uint64_t left = maker->len - maker->at;
	const size_t len = left < HC_BACKUP_CHUNK ? (size_t)left : HC_BACKUP_CHUNK;

	if (!maker->begun) {
		memcpy(out, maker->header, HC_BACKUP_HEADER_LEN);
		*ret_len = HC_BACKUP_HEADER_LEN;
		*ret_last = false;
		maker->begun = true;
		return HC_OK;
	}
	if (left == 0)
		return HC_ERR_STATE;
	enum hc_err err = fill(maker, len);
	if (err == HC_OK)
		err = hc_backup_chunk_seal(&maker->stream, maker->plain, len, len == left, out);
	if (err != HC_OK)
		return err;
	maker->at += len;
	*ret_len = len + HC_GCM_TAG_LEN;
	*ret_last = len == left;
	return HC_OK;
}

enum hc_err hc_backup_maker_row(struct hc_backup_maker *maker, struct hc_msg *out, bool *ret_more)
{
	const bool first = !maker->begun;
	uint8_t piece[HC_BACKUP_PIECE_MAX];
	size_t len = 0;
	bool last = false;
	const enum hc_err err = hc_backup_maker_next(maker, piece, &len, &last);

	if (err != HC_OK)
		return err;
	if (first)
		hc_msg_put_u64(out, HC_FIELD_BACKUP_TOTAL, hc_backup_maker_total(maker));
	hc_msg_put_bytes(out, HC_FIELD_BACKUP_DATA, piece, len);
	*ret_more = !last;
	return HC_OK;
}

/* ---- opening ---- */

struct hc_backup {
	struct hc_backup_stream stream;
	struct hc_backup_manifest manifest;
	struct hc_secret *seal_key;
	int fd;		      /* borrowed */
	uint64_t at, len;     /* in the file */
	uint64_t given;	      /* of the database */
	size_t first, filled; /* of plain: what of it was not given yet */
	uint8_t plain[HC_BACKUP_CHUNK], piece[HC_BACKUP_PIECE_MAX];
};

static enum hc_err read_chunk(struct hc_backup *backup)
{
	const uint64_t left = backup->len - backup->at;
	const size_t len = left < HC_BACKUP_PIECE_MAX ? (size_t)left : HC_BACKUP_PIECE_MAX;
	enum hc_err err =
		len < HC_GCM_TAG_LEN ? HC_ERR_SEAL : read_whole(backup->fd, backup->piece, len, backup->at);

	if (err == HC_OK)
		err = hc_backup_chunk_open(&backup->stream, backup->piece, len, len == left, backup->plain);
	if (err != HC_OK)
		return err;
	backup->at += len;
	backup->first = 0;
	backup->filled = len - HC_GCM_TAG_LEN;
	return HC_OK;
}

static enum hc_err read_manifest(struct hc_backup *backup)
{
	const uint8_t *plain = backup->plain;

	if (backup->filled < PREFIX)
		return HC_ERR_CORRUPT;
	const size_t len = (size_t)plain[0] << 8 | plain[1];
	if (len > backup->filled - PREFIX)
		return HC_ERR_CORRUPT;
	backup->first = PREFIX + len;
	return hc_backup_manifest_read(plain + PREFIX, len, &backup->manifest, &backup->seal_key);
}

enum hc_err hc_backup_open(int fd, const struct hc_secret *recovery, struct hc_backup **ret_backup)
{
	HC_AUTO(backup) backup = calloc(1, sizeof(*backup));
	uint8_t header[HC_BACKUP_HEADER_LEN];
	struct stat facts;

	if (backup == NULL)
		return HC_ERR_NOMEM;
	if (fstat(fd, &facts) != 0)
		return HC_ERR_IO;
	if (!S_ISREG(facts.st_mode) || facts.st_size < HC_BACKUP_HEADER_LEN)
		return HC_ERR_INVALID;
	backup->fd = fd;
	backup->len = (uint64_t)facts.st_size;
	backup->at = HC_BACKUP_HEADER_LEN;
	enum hc_err err = read_whole(fd, header, sizeof(header), 0);
	if (err == HC_OK)
		err = hc_backup_stream_open(recovery, header, &backup->stream);
	if (err == HC_OK)
		err = read_chunk(backup);
	if (err == HC_OK)
		err = read_manifest(backup);
	if (err == HC_OK)
		*ret_backup = hc_steal_ptr(&backup);
	return err;
}

void hc_backup_free(struct hc_backup **backup)
{
	if (backup == NULL || *backup == NULL)
		return;
	hc_secret_free(&(*backup)->seal_key);
	hc_scrub(*backup, sizeof(**backup));
	free(*backup);
	*backup = NULL;
}

const struct hc_backup_manifest *hc_backup_manifest(const struct hc_backup *backup)
{
	return &backup->manifest;
}

const struct hc_secret *hc_backup_seal_key(const struct hc_backup *backup)
{
	return backup->seal_key;
}

enum hc_err hc_backup_read(struct hc_backup *backup, uint8_t out[HC_BACKUP_CHUNK], size_t *ret_len)
{
	enum hc_err err = HC_OK;

	if (backup->first == backup->filled && !backup->stream.ended)
		err = read_chunk(backup);
	if (err != HC_OK)
		return err;
	const size_t len = backup->filled - backup->first;
	backup->given += len;
	/* Neither more than was said, nor an end before it. */
	if (backup->given > backup->manifest.len || (len == 0 && backup->given != backup->manifest.len))
		return HC_ERR_CORRUPT;
	memcpy(out, backup->plain + backup->first, len);
	backup->first = backup->filled;
	*ret_len = len;
	return HC_OK;
}
