/* SPDX-License-Identifier: Apache-2.0 */
/* The card's folder, and its data objects. It is a test's: what is wrong with it ends the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "card.h"

#define FILE_CAP 16384

static const uint8_t aid[] = {0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};

static _Noreturn void give_up(const char *folder, const char *name)
{
	(void)fprintf(stderr, "hc-test-card: %s/%s\n", folder, name);
	exit(1);
}

static FILE *open_file(const char *folder, const char *name, const char *mode)
{
	char path[TC_PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, mode);
}

/* Contents of a file; absent: 0. */
static size_t read_file(const char *folder, const char *name, void *out, size_t cap)
{
	FILE *file = open_file(folder, name, "rbe");
	size_t len;

	if (file == NULL)
		return 0;
	len = fread(out, 1, cap, file);
	(void)fclose(file);
	return len;
}

static size_t read_word(const char *folder, const char *name, char *out, size_t cap)
{
	size_t len = read_file(folder, name, out, cap - 1);

	while (len > 0 && out[len - 1] == '\n')
		len--;
	out[len] = '\0';
	if (len == 0)
		give_up(folder, name);
	return len;
}

static void load_slot(const char *folder, uint8_t number, struct tc_slot *slot)
{
	uint8_t buffer[FILE_CAP];
	char name[16];
	FILE *file;

	slot->number = number;
	(void)snprintf(name, sizeof(name), "%02x.der", number);
	slot->certificate_len = read_file(folder, name, buffer, sizeof(buffer));
	slot->certificate = malloc(slot->certificate_len + 1);
	if (slot->certificate == NULL)
		give_up(folder, name);
	memcpy(slot->certificate, buffer, slot->certificate_len);
	(void)snprintf(name, sizeof(name), "%02x.key", number);
	file = open_file(folder, name, "re");
	if (file == NULL)
		return;
	slot->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
	if (slot->key == NULL)
		give_up(folder, name);
}

struct tc_card *tc_card_load(const char *folder)
{
	static const uint8_t numbers[TC_SLOTS] = {0x9a, 0x9c, 0x9d, 0x9e};
	struct tc_card *card = calloc(1, sizeof(*card));
	char word[32];
	size_t len;

	if (card == NULL || strlen(folder) >= sizeof(card->folder))
		give_up(folder, "");
	memcpy(card->folder, folder, strlen(folder) + 1);
	if (read_word(folder, "serial", card->serial, sizeof(card->serial)) != sizeof(card->serial) - 1)
		give_up(folder, "serial");
	len = read_word(folder, "pin", word, sizeof(word));
	if (len > TC_PIN_LEN)
		give_up(folder, "pin");
	memset(card->pin, 0xff, sizeof(card->pin));
	memcpy(card->pin, word, len);
	(void)read_word(folder, "tries", word, sizeof(word));
	card->tries = (unsigned)strtoul(word, NULL, 10);
	for (size_t i = 0; i < TC_SLOTS; i++)
		load_slot(folder, numbers[i], &card->slots[i]);
	return card;
}

void tc_card_free(struct tc_card **card)
{
	if (*card == NULL)
		return;
	for (size_t i = 0; i < TC_SLOTS; i++) {
		free((*card)->slots[i].certificate);
		EVP_PKEY_free((*card)->slots[i].key);
	}
	free(*card);
	*card = NULL;
}

void tc_card_tries(struct tc_card *card, unsigned tries)
{
	FILE *file = open_file(card->folder, "tries", "we");

	card->tries = tries;
	if (file == NULL || fprintf(file, "%u\n", tries) < 0 || fclose(file) != 0)
		give_up(card->folder, "tries");
}

/* ---- objects ---- */

bool tc_put(uint8_t *out, size_t cap, size_t *at, uint8_t tag, const void *value, size_t len)
{
	size_t head = len < 0x80 ? 2 : len < 0x100 ? 3 : 4;

	if (len > 0xffff || *at > cap || cap - *at < head + len)
		return false;
	out[(*at)++] = tag;
	if (head > 2)
		out[(*at)++] = (uint8_t)(0x80 + head - 2);
	if (head > 3)
		out[(*at)++] = (uint8_t)(len >> 8);
	out[(*at)++] = (uint8_t)len;
	if (len > 0)
		memcpy(out + *at, value, len);
	*at += len;
	return true;
}

/* Cardholder unique identifier: its number in 25 bytes of FASC-N, and its GUID. */
static size_t make_identifier(const struct tc_card *card, uint8_t *out, size_t cap)
{
	uint8_t number[25] = {0xd4, 0xe7, 0x39, 0xda}, guid[16] = {0};
	size_t len = 0;

	memcpy(number + 10, card->serial, sizeof(card->serial) - 1);
	memcpy(guid + 6, card->serial, sizeof(card->serial) - 1);
	return tc_put(out, cap, &len, 0x30, number, sizeof(number)) &&
			       tc_put(out, cap, &len, 0x34, guid, sizeof(guid)) &&
			       tc_put(out, cap, &len, 0x35, "20361231", 8) &&
			       tc_put(out, cap, &len, 0x3e, NULL, 0) && tc_put(out, cap, &len, 0xfe, NULL, 0)
		       ? len
		       : 0;
}

/* Card capability container: without anything a program could use. */
static size_t make_capabilities(const struct tc_card *card, uint8_t *out, size_t cap)
{
	static const uint8_t empty[] = {0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe};
	uint8_t number[21] = {0xa0, 0x00, 0x00, 0x01, 0x16, 0xff, 0x02};
	size_t len = 0;
	bool fits;

	memcpy(number + 7, card->serial, sizeof(card->serial) - 1);
	fits = tc_put(out, cap, &len, 0xf0, number, sizeof(number)) &&
	       tc_put(out, cap, &len, 0xf1, "\x21", 1) && tc_put(out, cap, &len, 0xf2, "\x21", 1);
	for (size_t i = 0; i < sizeof(empty); i++)
		fits = fits && tc_put(out, cap, &len, empty[i], NULL, 0);
	return fits ? len : 0;
}

static size_t make_discovery(uint8_t *out, size_t cap)
{
	static const uint8_t own_pin[] = {0x5f, 0x2f, 0x02, 0x40, 0x00}; /* the card's own, and no other */
	uint8_t inner[32];
	size_t len = 0, at = 0;

	if (!tc_put(inner, sizeof(inner), &len, 0x4f, aid, sizeof(aid)))
		return 0;
	memcpy(inner + len, own_pin, sizeof(own_pin));
	return tc_put(out, cap, &at, 0x7e, inner, len + sizeof(own_pin)) ? at : 0;
}

static size_t make_certificate(const struct tc_slot *slot, uint8_t *out, size_t cap)
{
	size_t len = 0;

	return slot->certificate_len > 0 &&
			       tc_put(out, cap, &len, 0x70, slot->certificate, slot->certificate_len) &&
			       tc_put(out, cap, &len, 0x71, "\0", 1) && tc_put(out, cap, &len, 0xfe, NULL, 0)
		       ? len
		       : 0;
}

size_t tc_card_object(const struct tc_card *card, const uint8_t *tag, size_t tag_len, uint8_t *out,
		      size_t cap)
{
	static const uint8_t certificates[TC_SLOTS] = {0x05, 0x0a, 0x0b, 0x01};
	uint8_t inner[TC_BODY_MAX];
	size_t len = 0, at = 0;

	if (tag_len == 1 && tag[0] == 0x7e)
		return make_discovery(out, cap);
	if (tag_len != 3 || tag[0] != 0x5f || tag[1] != 0xc1)
		return 0;
	if (tag[2] == 0x02)
		len = make_identifier(card, inner, sizeof(inner));
	if (tag[2] == 0x07)
		len = make_capabilities(card, inner, sizeof(inner));
	for (size_t i = 0; i < TC_SLOTS; i++) {
		if (tag[2] == certificates[i])
			len = make_certificate(&card->slots[i], inner, sizeof(inner));
	}
	return len > 0 && tc_put(out, cap, &at, 0x53, inner, len) ? at : 0;
}
