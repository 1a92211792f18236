/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery key of backups: made once, kept on paper or a medium apart from the machine, whose sealing half stays.
 * No state. Threats: a digit that was typed wrong (a check of four bytes finds it and says so, instead of a backup
 * that "was changed"), a key that is left in memory (hc_secret throughout).
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backup_internal.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/file.h"
#include "hospiconnect/secret.h"

#define CHECK_LEN   4
#define PRINTED_LEN (HC_BACKUP_KEY_LEN + CHECK_LEN)
#define GROUP	    4 /* bytes */
#define LINE	    16

static const char CHECK_LABEL[] = "hospiconnect recovery key v1";

enum hc_err hc_backup_key_new(struct hc_secret **ret_recovery)
{
	return hc_random_secret(HC_BACKUP_KEY_LEN, ret_recovery);
}

enum hc_err hc_backup_key_sealing(const struct hc_secret *recovery, struct hc_secret **ret_sealing)
{
	HC_AUTO(secret) sealing = NULL;
	uint8_t public_key[32];

	if (hc_secret_len(recovery) != HC_BACKUP_KEY_LEN)
		return HC_ERR_INVALID;
	enum hc_err err = hc_x25519_public(hc_secret_data(recovery), public_key);
	if (err == HC_OK)
		err = hc_secret_new(HC_BACKUP_KEY_LEN, &sealing);
	if (err == HC_OK)
		err = hc_secret_append(sealing, public_key, sizeof(public_key));
	if (err == HC_OK)
		err = hc_secret_append(sealing, hc_secret_data(recovery) + HC_BACKUP_MARK_AT, 32);
	if (err == HC_OK)
		*ret_sealing = hc_steal_ptr(&sealing);
	return err;
}

enum hc_err hc_backup_key_read(const char *state_dir, struct hc_secret **ret_sealing)
{
	const struct hc_file_rules rules = {
		.owner = geteuid(), .root_too = true, .forbidden = 0177, .max_len = HC_BACKUP_KEY_LEN};
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" HC_BACKUP_SEALING_FILE, state_dir) >= (int)sizeof(path))
		return HC_ERR_TOOBIG;
	return hc_file_read_secret(path, &rules, HC_BACKUP_KEY_LEN, ret_sealing);
}

static enum hc_err check_of(const uint8_t key[HC_BACKUP_KEY_LEN], uint8_t out[CHECK_LEN])
{
	uint8_t message[sizeof(CHECK_LABEL) + HC_BACKUP_KEY_LEN], hash[HC_SHA256_LEN];

	memcpy(message, CHECK_LABEL, sizeof(CHECK_LABEL));
	memcpy(message + sizeof(CHECK_LABEL), key, HC_BACKUP_KEY_LEN);
	const enum hc_err err = hc_sha256(message, sizeof(message), hash);
	hc_scrub(message, sizeof(message));
	if (err == HC_OK)
		memcpy(out, hash, CHECK_LEN);
	return err;
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The digits of text; false for anything else in it, or another number of them. */
static bool gather(const uint8_t *text, size_t len, uint8_t out[PRINTED_LEN])
{
	size_t digits = 0;
	bool remark = false, fresh = true;

	for (size_t i = 0; i < len; i++) {
		const uint8_t c = text[i];

		if (fresh && c == '#')
			remark = true;
		fresh = c == '\n' || (fresh && (c == ' ' || c == '\t'));
		if (c == '\n')
			remark = false;
		if (remark || c == '\n' || c == '\r' || c == ' ' || c == '\t')
			continue;
		if (digit(c) < 0 || digits == (size_t)2 * PRINTED_LEN)
			return false;
		out[digits / 2] = (uint8_t)((digits % 2 == 0 ? 0 : out[digits / 2] << 4) | digit(c));
		digits++;
	}
	return digits == (size_t)2 * PRINTED_LEN;
}

enum hc_err hc_backup_key_parse(const struct hc_secret *text, struct hc_secret **ret_recovery)
{
	uint8_t bytes[PRINTED_LEN] = {0}, check[CHECK_LEN];
	enum hc_err err = HC_ERR_INVALID;

	if (gather(hc_secret_data(text), hc_secret_len(text), bytes))
		err = check_of(bytes, check);
	if (err == HC_OK && !hc_bytes_equal(check, bytes + HC_BACKUP_KEY_LEN, CHECK_LEN))
		err = HC_ERR_INVALID;
	if (err == HC_OK)
		err = hc_secret_from(bytes, HC_BACKUP_KEY_LEN, ret_recovery);
	hc_scrub(bytes, sizeof(bytes));
	return err;
}

static enum hc_err put_byte(struct hc_secret *text, uint8_t byte, size_t at)
{
	static const char hex[] = "0123456789abcdef";
	const char digits[2] = {hex[byte >> 4], hex[byte & 15]};
	const bool line_ends = (at + 1) % LINE == 0 || at + 1 == PRINTED_LEN;
	enum hc_err err = hc_secret_append(text, digits, sizeof(digits));

	if (err == HC_OK && line_ends)
		err = hc_secret_append(text, "\n", 1);
	else if (err == HC_OK && (at + 1) % GROUP == 0)
		err = hc_secret_append(text, " ", 1);
	return err;
}

enum hc_err hc_backup_key_print(const struct hc_secret *recovery, struct hc_secret **ret_text)
{
	HC_AUTO(secret) text = NULL;
	uint8_t bytes[PRINTED_LEN];

	if (hc_secret_len(recovery) != HC_BACKUP_KEY_LEN)
		return HC_ERR_INVALID;
	memcpy(bytes, hc_secret_data(recovery), HC_BACKUP_KEY_LEN);
	enum hc_err err = check_of(bytes, bytes + HC_BACKUP_KEY_LEN);
	if (err == HC_OK)
		err = hc_secret_new((size_t)3 * PRINTED_LEN, &text);
	for (size_t i = 0; err == HC_OK && i < PRINTED_LEN; i++)
		err = put_byte(text, bytes[i], i);
	hc_scrub(bytes, sizeof(bytes));
	if (err == HC_OK)
		*ret_text = hc_steal_ptr(&text);
	return err;
}
