/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BACKUP_H
#define HC_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_msg;
struct hc_secret;

/*
 * Backups: a copy of a daemon's store with its seal key, sealed for the one who holds the recovery key (ADR 58).
 *
 *   header   "HCBACKUP" · version (1 byte, 1) · id of the key (8) · ephemeral X25519 key (32)
 *   chunks   AES-256-GCM, each of HC_BACKUP_CHUNK bytes but the last, which may be shorter; tag (16) behind each
 *   nonce    3 zero bytes · 1 for the last chunk, else 0 · the chunk's number (8, big-endian)
 *   key      HKDF-SHA256 (X25519 ‖ mark; info: a label and the whole header)
 *   content  length of the manifest (2) · manifest · the database
 *
 * The recovery key (64 bytes) is an X25519 private key and a mark of 32 random bytes. The sealing half, which stays on
 * the machine, is the public key and the same mark: who has it can make backups and open none; who has only seen
 * backups, or the public key, can make none that is accepted.
 */
#define HC_BACKUP_KEY_LEN      64
#define HC_BACKUP_KEY_ID_CAP   17
#define HC_BACKUP_HEADER_LEN   49
#define HC_BACKUP_CHUNK	       12288
#define HC_BACKUP_PIECE_MAX    (HC_BACKUP_CHUNK + 16) /* a chunk as it is stored */
#define HC_BACKUP_MANIFEST_MAX 768
#define HC_BACKUP_MACHINE_MAX  255
#define HC_BACKUP_VERSION_MAX  32
#define HC_BACKUP_SEALING_FILE "backup.seal" /* in a daemon's state directory, 0600 */

/* hc_backup_key_new: a new recovery key. hc_backup_key_sealing: its sealing half. */
HC_CHECK enum hc_err hc_backup_key_new(struct hc_secret **ret_recovery);
HC_CHECK enum hc_err hc_backup_key_sealing(const struct hc_secret *recovery, struct hc_secret **ret_sealing);
/*
 * hc_backup_key_read: the sealing half in a daemon's state directory: of its user or root, and nobody else's to read. Errors as
 * hc_file_read_secret.
 */
HC_CHECK enum hc_err hc_backup_key_read(const char *state_dir, struct hc_secret **ret_sealing);
/* hc_backup_key_id: 16 hexadecimal characters of a sealing half: what a backup says of its key. */
HC_CHECK enum hc_err hc_backup_key_id(const struct hc_secret *sealing, char out[HC_BACKUP_KEY_ID_CAP]);
/*
 * hc_backup_key_parse: a recovery key as it stands in a file or was typed from paper: 136 hexadecimal digits, the last 8 a
 * check of the others; blanks, line ends and lines that begin with # do not count. HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_backup_key_parse(const struct hc_secret *text, struct hc_secret **ret_recovery);
/* hc_backup_key_print: the digits, in groups and lines, with a newline behind each. */
HC_CHECK enum hc_err hc_backup_key_print(const struct hc_secret *recovery, struct hc_secret **ret_text);

/* ---- what a backup says of itself ---- */

enum hc_backup_store { HC_BACKUP_AUTHD = 1, HC_BACKUP_GATEWAY = 2 };

struct hc_backup_manifest {
	enum hc_backup_store store;
	uint32_t schema;
	int64_t time_ms;
	uint64_t len; /* of the database */
	char version[HC_BACKUP_VERSION_MAX + 1];
	char machine[HC_BACKUP_MACHINE_MAX + 1];
	/* the signed head of the trail; zeroes where there is none (the gateway has no trail) */
	int64_t audit_seq, audit_ms;
	uint8_t audit_hash[32], audit_key[32], audit_signature[64];
};

/* hc_backup_manifest_write: with the seal key (32 bytes, borrowed). HC_ERR_INVALID. */
HC_CHECK enum hc_err hc_backup_manifest_write(const struct hc_backup_manifest *manifest,
					      const struct hc_secret *seal_key, struct hc_secret **ret_bytes);
/* hc_backup_manifest_read: HC_ERR_CORRUPT for anything that _write does not make. */
HC_CHECK enum hc_err hc_backup_manifest_read(const uint8_t *bytes, size_t len,
					     struct hc_backup_manifest *ret_manifest,
					     struct hc_secret **ret_seal_key);

/* ---- making one, piece by piece ---- */

struct hc_backup_maker;

/* hc_backup_maker_new: fd: the database, manifest->len bytes, read from its beginning; transferred, also on failure. */
HC_CHECK enum hc_err hc_backup_maker_new(const struct hc_secret *sealing,
					 const struct hc_backup_manifest *manifest,
					 const struct hc_secret *seal_key, int fd,
					 struct hc_backup_maker **ret_maker);
void hc_backup_maker_free(struct hc_backup_maker **maker);
/* hc_backup_maker_next: the next piece of the file. HC_ERR_STATE behind the last one. */
HC_CHECK enum hc_err hc_backup_maker_next(struct hc_backup_maker *maker, uint8_t out[HC_BACKUP_PIECE_MAX],
					  size_t *ret_len, bool *ret_last);
/* hc_backup_maker_row: the next piece as a row of an answer; the first one says how long all will be. */
HC_CHECK enum hc_err hc_backup_maker_row(struct hc_backup_maker *maker, struct hc_msg *out, bool *ret_more);
/* hc_backup_maker_total: bytes of the whole file. */
uint64_t hc_backup_maker_total(const struct hc_backup_maker *maker);

/* ---- opening one ---- */

struct hc_backup;

/*
 * hc_backup_open: reads header, first chunk and manifest. fd: a regular file, borrowed. HC_ERR_INVALID: no backup;
 * HC_ERR_STATE: of a newer format; HC_ERR_PERM: sealed for another key; HC_ERR_SEAL: changed or damaged;
 * HC_ERR_CORRUPT: sealed by us and yet not what it should be; HC_ERR_IO.
 */
HC_CHECK enum hc_err hc_backup_open(int fd, const struct hc_secret *recovery, struct hc_backup **ret_backup);
void hc_backup_free(struct hc_backup **backup);
const struct hc_backup_manifest *hc_backup_manifest(const struct hc_backup *backup);
const struct hc_secret *hc_backup_seal_key(const struct hc_backup *backup);
/*
 * hc_backup_read: the next bytes of the database, at most HC_BACKUP_CHUNK; *ret_len 0: that was all, and it was whole. What
 * was read before that must not be used.
 */
HC_CHECK enum hc_err hc_backup_read(struct hc_backup *backup, uint8_t out[HC_BACKUP_CHUNK], size_t *ret_len);
/* hc_backup_key_of: the key that a backup was sealed for, from its header. HC_ERR_INVALID, HC_ERR_STATE. */
HC_CHECK enum hc_err hc_backup_key_of(const uint8_t header[HC_BACKUP_HEADER_LEN],
				      char out[HC_BACKUP_KEY_ID_CAP]);

#endif
