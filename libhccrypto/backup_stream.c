/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunks of a backup: sealed for whoever holds the recovery key, in order, with an end that cannot be moved.
 *
 * State: the key of one backup and the number of the next chunk. Threats: a backup that was changed, cut, put together
 * of two (every chunk is sealed under the key of its header, with its number and whether it is the last), one that
 * somebody made who has never had the mark (the key comes of it too), a machine that is broken into later (the
 * ephemeral private key is gone with the call that made it). It must never use a nonce twice.
 */
#include "backup_internal.h"

#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"

#define VERSION	     1
#define MAGIC_LEN    8
#define KEY_ID_AT    (MAGIC_LEN + 1)
#define KEY_ID_LEN   8
#define EPHEMERAL_AT (KEY_ID_AT + KEY_ID_LEN)

static const uint8_t MAGIC[MAGIC_LEN] = {'H', 'C', 'B', 'A', 'C', 'K', 'U', 'P'};
static const char LABEL[] = "hospiconnect backup v1";
static const char ID_LABEL[] = "hospiconnect backup key id v1";

_Static_assert(EPHEMERAL_AT + 32 == HC_BACKUP_HEADER_LEN, "the header's parts and its length agree");

/* Of the sealing half: its public key and a mark of the mark, so that one key has one name. */
static enum hc_err name_key(const struct hc_secret *sealing, uint8_t out[KEY_ID_LEN])
{
	uint8_t message[sizeof(ID_LABEL) + HC_BACKUP_KEY_LEN], hash[HC_SHA256_LEN];
	enum hc_err err;

	if (hc_secret_len(sealing) != HC_BACKUP_KEY_LEN)
		return HC_ERR_INVALID;
	memcpy(message, ID_LABEL, sizeof(ID_LABEL));
	memcpy(message + sizeof(ID_LABEL), hc_secret_data(sealing), HC_BACKUP_KEY_LEN);
	err = hc_sha256(message, sizeof(message), hash);
	hc_scrub(message, sizeof(message));
	if (err == HC_OK)
		memcpy(out, hash, KEY_ID_LEN);
	return err;
}

static void print_id(const uint8_t id[KEY_ID_LEN], char out[HC_BACKUP_KEY_ID_CAP])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < KEY_ID_LEN; i++) {
		out[2 * i] = hex[id[i] >> 4];
		out[2 * i + 1] = hex[id[i] & 15];
	}
	out[2 * KEY_ID_LEN] = '\0';
}

enum hc_err hc_backup_key_id(const struct hc_secret *sealing, char out[HC_BACKUP_KEY_ID_CAP])
{
	uint8_t id[KEY_ID_LEN];
	const enum hc_err err = name_key(sealing, id);

	if (err == HC_OK)
		print_id(id, out);
	return err;
}

static enum hc_err check_header(const uint8_t header[HC_BACKUP_HEADER_LEN])
{
	if (memcmp(header, MAGIC, MAGIC_LEN) != 0 || header[MAGIC_LEN] == 0)
		return HC_ERR_INVALID;
	return header[MAGIC_LEN] == VERSION ? HC_OK : HC_ERR_STATE;
}

enum hc_err hc_backup_key_of(const uint8_t header[HC_BACKUP_HEADER_LEN], char out[HC_BACKUP_KEY_ID_CAP])
{
	const enum hc_err err = check_header(header);

	if (err == HC_OK)
		print_id(header + KEY_ID_AT, out);
	return err;
}

/* The key of a backup, out of what both sides know and its header. */
static enum hc_err derive(const uint8_t shared[32], const uint8_t *mark,
			  const uint8_t header[HC_BACKUP_HEADER_LEN], struct hc_backup_stream *stream)
{
	uint8_t secret[64], info[sizeof(LABEL) + HC_BACKUP_HEADER_LEN];

	memcpy(secret, shared, 32);
	memcpy(secret + 32, mark, 32);
	memcpy(info, LABEL, sizeof(LABEL));
	memcpy(info + sizeof(LABEL), header, HC_BACKUP_HEADER_LEN);
	const enum hc_err err =
		hc_hkdf_raw((struct hc_bytes){secret, sizeof(secret)}, (struct hc_bytes){"", 0},
			    (struct hc_bytes){info, sizeof(info)}, stream->key, sizeof(stream->key));
	hc_scrub(secret, sizeof(secret));
	return err;
}

enum hc_err hc_backup_stream_seal(const struct hc_secret *sealing, uint8_t header[HC_BACKUP_HEADER_LEN],
				  struct hc_backup_stream *ret_stream)
{
	struct hc_backup_stream stream = {.number = 0};
	uint8_t ephemeral[32], shared[32];

	memcpy(header, MAGIC, MAGIC_LEN);
	header[MAGIC_LEN] = VERSION;
	enum hc_err err = name_key(sealing, header + KEY_ID_AT);
	if (err == HC_OK)
		err = hc_random(ephemeral, sizeof(ephemeral));
	if (err == HC_OK)
		err = hc_x25519_public(ephemeral, header + EPHEMERAL_AT);
	if (err == HC_OK)
		err = hc_x25519(ephemeral, hc_secret_data(sealing), shared);
	if (err == HC_OK)
		err = derive(shared, hc_secret_data(sealing) + HC_BACKUP_MARK_AT, header, &stream);
	hc_scrub(ephemeral, sizeof(ephemeral));
	hc_scrub(shared, sizeof(shared));
	if (err == HC_OK)
		*ret_stream = stream;
	hc_scrub(&stream, sizeof(stream));
	return err;
}

enum hc_err hc_backup_stream_open(const struct hc_secret *recovery,
				  const uint8_t header[HC_BACKUP_HEADER_LEN],
				  struct hc_backup_stream *ret_stream)
{
	HC_AUTO(secret) sealing = NULL;
	struct hc_backup_stream stream = {.number = 0};
	uint8_t shared[32], id[KEY_ID_LEN];
	enum hc_err err = check_header(header);

	if (err == HC_OK)
		err = hc_backup_key_sealing(recovery, &sealing);
	if (err == HC_OK)
		err = name_key(sealing, id);
	if (err == HC_OK && !hc_bytes_equal(id, header + KEY_ID_AT, KEY_ID_LEN))
		err = HC_ERR_PERM;
	if (err != HC_OK)
		return err;
	err = hc_x25519(hc_secret_data(recovery), header + EPHEMERAL_AT, shared);
	if (err == HC_ERR_INVALID)
		err = HC_ERR_SEAL; /* nobody of ours makes such a key */
	if (err == HC_OK)
		err = derive(shared, hc_secret_data(recovery) + HC_BACKUP_MARK_AT, header, &stream);
	hc_scrub(shared, sizeof(shared));
	if (err == HC_OK)
		*ret_stream = stream;
	hc_scrub(&stream, sizeof(stream));
	return err;
}

/* Counts; a number that could come again is never reached. */
static enum hc_err next_nonce(struct hc_backup_stream *stream, size_t len, bool last,
			      uint8_t out[HC_GCM_NONCE_LEN])
{
	struct hc_writer writer;

	if (stream->ended || stream->number == UINT64_MAX)
		return HC_ERR_STATE;
	if (len > HC_BACKUP_CHUNK || (!last && len != HC_BACKUP_CHUNK))
		return HC_ERR_INVALID;
	hc_writer_init(&writer, out, HC_GCM_NONCE_LEN);
	hc_writer_u32(&writer, last ? 1 : 0);
	hc_writer_u64(&writer, stream->number++);
	stream->ended = last;
	return writer.err;
}

enum hc_err hc_backup_chunk_seal(struct hc_backup_stream *stream, const uint8_t *data, size_t len, bool last,
				 uint8_t out[HC_BACKUP_PIECE_MAX])
{
	uint8_t nonce[HC_GCM_NONCE_LEN];
	const enum hc_err err = next_nonce(stream, len, last, nonce);

	if (err != HC_OK)
		return err;
	return hc_gcm_encrypt(stream->key, nonce, (struct hc_bytes){NULL, 0}, (struct hc_bytes){data, len},
			      out, out + len);
}

enum hc_err hc_backup_chunk_open(struct hc_backup_stream *stream, const uint8_t *piece, size_t len, bool last,
				 uint8_t out[HC_BACKUP_CHUNK])
{
	uint8_t nonce[HC_GCM_NONCE_LEN];

	if (len < HC_GCM_TAG_LEN)
		return HC_ERR_SEAL;
	const size_t text = len - HC_GCM_TAG_LEN;
	const enum hc_err err = next_nonce(stream, text, last, nonce);
	if (err != HC_OK)
		return err == HC_ERR_INVALID ? HC_ERR_SEAL : err;
	return hc_gcm_decrypt(stream->key, nonce, (struct hc_bytes){NULL, 0}, (struct hc_bytes){piece, text},
			      piece + text, out);
}
