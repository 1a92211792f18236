/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key remembers without power, in a text file: a line "name value" each, a credential being
 * what follows a line "credential". Written whole and renamed, so that a key that is killed keeps
 * either what it had or what it should have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "key.h"

#define LINE_MAX_LEN (2 * TK_DER_MAX + 64)

static void put_hex(FILE *file, const char *name, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	(void)fprintf(file, "%s ", name);
	for (size_t i = 0; i < len; i++)
		(void)fprintf(file, "%02x", bytes[i]);
	(void)fputc('\n', file);
}

static void put_credential(FILE *file, const struct tk_credential *credential)
{
	uint8_t der[TK_DER_MAX];

	(void)fputs("credential 1\n", file);
	put_hex(file, "pair", der, tk_keypair_der(credential->pair, der));
	put_hex(file, "id", credential->id, credential->id_len);
	put_hex(file, "rp_hash", credential->rp_hash, TK_HASH_LEN);
	put_hex(file, "rp_id", credential->rp_id, strlen(credential->rp_id));
	put_hex(file, "rp_name", credential->rp_name, strlen(credential->rp_name));
	put_hex(file, "user_id", credential->user_id, credential->user_id_len);
	put_hex(file, "user_name", credential->user_name, strlen(credential->user_name));
	put_hex(file, "user_display", credential->user_display, strlen(credential->user_display));
	(void)fprintf(file, "resident %d\nu2f %d\nprotect %u\ncount %u\nmade %llu\n", credential->resident,
		      credential->u2f, credential->protect, credential->counter,
		      (unsigned long long)credential->made);
}

static void put_memory(FILE *file, const struct tk_memory *memory)
{
	(void)fprintf(file, "has_pin %d\npin_len %u\npin_retries %u\nuv_retries %u\nmin_pin %u\n",
		      memory->has_pin, memory->pin_len, memory->pin_retries, memory->uv_retries,
		      memory->min_pin);
	(void)fprintf(file, "always_uv %d\nforce_pin_change %d\ncounter %u\nlast_made %llu\n",
		      memory->always_uv, memory->force_pin_change, memory->counter,
		      (unsigned long long)memory->made);
	put_hex(file, "pin_hash", memory->pin_hash, sizeof(memory->pin_hash));
	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++) {
		if (memory->credentials[i].pair)
			put_credential(file, &memory->credentials[i]);
	}
}

void tk_memory_save(const struct tk_key *key)
{
	char path[512];
	FILE *file;

	if (!key->options.state)
		return;
	(void)snprintf(path, sizeof(path), "%s.new", key->options.state);
	file = fopen(path, "we");
	if (!file)
		abort();
	put_memory(file, &key->memory);
	if (fclose(file) != 0 || rename(path, key->options.state) != 0)
		abort();
}

static int digit(char c)
{
	const char *hex = "0123456789abcdef", *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

/* Returns how many bytes there were, or -1 if too many or no hexadecimal digits. */
static int get_hex(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;

	for (; *text != '\0'; text += 2) {
		int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);

		if (low < 0 || len == cap)
			return -1;
		out[len++] = (uint8_t)(high << 4 | low);
	}
	return (int)len;
}

static bool get_text(const char *value, char *out, size_t cap)
{
	int len = get_hex(value, (uint8_t *)out, cap - 1);

	if (len >= 0)
		out[len] = '\0';
	return len >= 0;
}

static bool get_pair(const char *value, struct tk_credential *credential)
{
	uint8_t der[TK_DER_MAX];
	int len = get_hex(value, der, sizeof(der));

	credential->pair = len > 0 ? tk_keypair_from_der((struct tk_slice){der, (size_t)len}) : NULL;
	return credential->pair != NULL;
}

static bool get_bytes(const char *value, uint8_t *out, size_t cap, size_t *out_len)
{
	int len = get_hex(value, out, cap);

	*out_len = len < 0 ? 0 : (size_t)len;
	return len >= 0;
}

static bool credential_line(struct tk_credential *credential, const char *name, const char *value)
{
	unsigned long long number = strtoull(value, NULL, 10);
	size_t len;

	if (strcmp(name, "pair") == 0)
		return get_pair(value, credential);
	if (strcmp(name, "id") == 0)
		return get_bytes(value, credential->id, sizeof(credential->id), &credential->id_len);
	if (strcmp(name, "user_id") == 0)
		return get_bytes(value, credential->user_id, sizeof(credential->user_id),
				 &credential->user_id_len);
	if (strcmp(name, "rp_hash") == 0)
		return get_bytes(value, credential->rp_hash, TK_HASH_LEN, &len) && len == TK_HASH_LEN;
	if (strcmp(name, "rp_id") == 0)
		return get_text(value, credential->rp_id, sizeof(credential->rp_id));
	if (strcmp(name, "rp_name") == 0)
		return get_text(value, credential->rp_name, sizeof(credential->rp_name));
	if (strcmp(name, "user_name") == 0)
		return get_text(value, credential->user_name, sizeof(credential->user_name));
	if (strcmp(name, "user_display") == 0)
		return get_text(value, credential->user_display, sizeof(credential->user_display));
	if (strcmp(name, "resident") == 0)
		credential->resident = number != 0;
	else if (strcmp(name, "u2f") == 0)
		credential->u2f = number != 0;
	else if (strcmp(name, "protect") == 0)
		credential->protect = (uint8_t)number;
	else if (strcmp(name, "count") == 0)
		credential->counter = (uint32_t)number;
	else if (strcmp(name, "made") == 0)
		credential->made = number;
	else
		return false;
	return true;
}

static bool memory_line(struct tk_memory *memory, const char *name, const char *value)
{
	unsigned number = (unsigned)strtoul(value, NULL, 10);
	const struct {
		const char *name;
		bool *flag;
		unsigned *number;
	} rows[] = {
		{"has_pin", &memory->has_pin, NULL},
		{"always_uv", &memory->always_uv, NULL},
		{"force_pin_change", &memory->force_pin_change, NULL},
		{"pin_len", NULL, &memory->pin_len},
		{"pin_retries", NULL, &memory->pin_retries},
		{"uv_retries", NULL, &memory->uv_retries},
		{"min_pin", NULL, &memory->min_pin},
		{"counter", NULL, &memory->counter},
	};
	size_t len;

	if (strcmp(name, "pin_hash") == 0)
		return get_bytes(value, memory->pin_hash, sizeof(memory->pin_hash), &len);
	if (strcmp(name, "last_made") == 0) {
		memory->made = strtoull(value, NULL, 10);
		return true;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (rows[i].flag)
			*rows[i].flag = number != 0;
		else
			*rows[i].number = number;
		return true;
	}
	return false;
}

static bool load(struct tk_memory *memory, FILE *file)
{
	static char line[LINE_MAX_LEN];
	size_t count = 0;

	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ' ');

		if (!value)
			return false;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		if (strcmp(line, "credential") == 0) {
			if (count++ == TK_CREDENTIALS_MAX)
				return false;
		} else if (count == 0 ? !memory_line(memory, line, value)
				      : !credential_line(&memory->credentials[count - 1], line, value)) {
			return false;
		}
	}
	return true;
}

bool tk_memory_load(struct tk_key *key)
{
	FILE *file = key->options.state ? fopen(key->options.state, "re") : NULL;
	uint8_t hash[TK_HASH_LEN];
	bool done;

	tk_memory_wipe(key);
	key->memory.always_uv = key->options.always_uv;
	key->memory.force_pin_change = key->options.force_pin_change;
	if (key->options.pin) {
		tk_sha256(key->options.pin, strlen(key->options.pin), hash);
		memcpy(key->memory.pin_hash, hash, sizeof(key->memory.pin_hash));
		key->memory.has_pin = true;
		key->memory.pin_len = (unsigned)strlen(key->options.pin);
	}
	if (!file)
		return true;
	done = load(&key->memory, file);
	(void)fclose(file);
	return done;
}

void tk_memory_wipe(struct tk_key *key)
{
	struct tk_memory *memory = &key->memory;

	for (size_t i = 0; i < TK_CREDENTIALS_MAX; i++)
		tk_credential_forget(&memory->credentials[i]);
	memset(memory->pin_hash, 0, sizeof(memory->pin_hash));
	memory->has_pin = memory->always_uv = memory->force_pin_change = false;
	memory->pin_retries = key->options.pin_retries;
	memory->uv_retries = key->options.uv_retries;
	memory->min_pin = key->options.min_pin;
	memory->pin_len = 0;
	if (memory->made == 0)
		memory->counter = key->options.counter_start;
}
