/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_BACKUP_INTERNAL_H
#define HC_BACKUP_INTERNAL_H

#include "evp.h"
#include "hospiconnect/backup.h"

/* Private to libhccrypto/backup*.c and their tests: the chunks of a backup, under one key, in order. */
struct hc_backup_stream {
	uint8_t key[HC_GCM_KEY_LEN];
	uint64_t number; /* of the next chunk */
	bool ended;
};

/* hc_backup_stream_seal: for a writer: makes the header and the key. */
HC_CHECK enum hc_err hc_backup_stream_seal(const struct hc_secret *sealing,
					   uint8_t header[HC_BACKUP_HEADER_LEN],
					   struct hc_backup_stream *ret_stream);
/* hc_backup_stream_open: for a reader; errors as hc_backup_open. */
HC_CHECK enum hc_err hc_backup_stream_open(const struct hc_secret *recovery,
					   const uint8_t header[HC_BACKUP_HEADER_LEN],
					   struct hc_backup_stream *ret_stream);
/* One chunk. Only the last one may be shorter than HC_BACKUP_CHUNK. HC_ERR_STATE behind it. */
HC_CHECK enum hc_err hc_backup_chunk_seal(struct hc_backup_stream *stream, const uint8_t *data, size_t len,
					  bool last, uint8_t out[HC_BACKUP_PIECE_MAX]);
HC_CHECK enum hc_err hc_backup_chunk_open(struct hc_backup_stream *stream, const uint8_t *piece, size_t len,
					  bool last, uint8_t out[HC_BACKUP_CHUNK]);

/* The two halves: where the parts of a key are. */
#define HC_BACKUP_MARK_AT 32 /* behind the private or the public key */

HC_CHECK enum hc_err hc_x25519_public(const uint8_t private_key[32], uint8_t out[32]);
/* hc_x25519: HC_ERR_INVALID where the other side's key is none. */
HC_CHECK enum hc_err hc_x25519(const uint8_t private_key[32], const uint8_t peer[32], uint8_t out[32]);

#endif
