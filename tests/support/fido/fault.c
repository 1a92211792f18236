/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on command. Those of a whole CTAP answer are made here; those of frames in hid.c, those of
 * what is signed where it is signed, so that a faulty flag comes with a good signature.
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctap.h"
#include "loop.h"

#define FOREVER UINT32_MAX

static const struct {
	const char *name, *what;
} faults[] = {
#define FAULT_ROW(fault_name, fault_what) {fault_name, fault_what},
	TK_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

void tk_fault_help(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)printf("  %-20s %s\n", faults[i].name, faults[i].what);
}

static bool is_fault(const char *name)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strcmp(faults[i].name, name) == 0)
			return true;
	}
	return false;
}

static const char *next_word(const char **text, char word[32])
{
	size_t len;

	*text += strspn(*text, " ");
	len = strcspn(*text, " ");
	if (len == 0 || len > 31)
		return NULL;
	memcpy(word, *text, len);
	word[len] = '\0';
	*text += len;
	return word;
}

static bool set_number(const char *word, unsigned *out)
{
	char *end;
	unsigned long value = strtoul(word, &end, 0);

	if (*end != '\0' || end == word || value > UINT32_MAX)
		return false;
	*out = (unsigned)value;
	return true;
}

static bool parse(const char *text, struct tk_fault *fault)
{
	char what[32], word[32];

	*fault = (struct tk_fault){.left = FOREVER, .value = 0x7f};
	if (!next_word(&text, fault->name) || !is_fault(fault->name))
		return false;
	while (next_word(&text, what)) {
		if (!next_word(&text, word))
			return false;
		if (strcmp(what, "on") == 0)
			memcpy(fault->on, word, sizeof(word));
		else if (strcmp(what, "times") == 0 && !set_number(word, &fault->left))
			return false;
		else if (strcmp(what, "value") == 0 && !set_number(word, &fault->value))
			return false;
	}
	return *text == '\0';
}

bool tk_fault_set(struct tk_key *key, const char *text)
{
	struct tk_fault fault;

	if (!parse(text, &fault))
		return false;
	for (size_t i = 0; i < TK_FAULTS_MAX; i++) {
		if (key->faults[i].left == 0) {
			key->faults[i] = fault;
			return true;
		}
	}
	return false;
}

void tk_fault_clear(struct tk_key *key)
{
	memset(key->faults, 0, sizeof(key->faults));
}

bool tk_fault(struct tk_key *key, const char *name)
{
	for (size_t i = 0; i < TK_FAULTS_MAX; i++) {
		struct tk_fault *fault = &key->faults[i];

		if (fault->left == 0 || strcmp(fault->name, name) != 0 ||
		    (key->command ? strncmp(key->command, fault->on, strlen(fault->on)) != 0
				  : fault->on[0] != '\0'))
			continue;
		if (fault->left != FOREVER)
			fault->left--;
		key->fault_value = fault->value;
		return true;
	}
	return false;
}

static size_t put(uint8_t *out, struct tk_slice bytes)
{
	memcpy(out, bytes.data, bytes.len);
	return bytes.len;
}

/* The first member of the map is there twice. */
static size_t duplicate(uint8_t *out, size_t len)
{
	struct tk_reader in = tk_reader((struct tk_slice){out + 2, len - 2});
	struct tk_slice name = tk_get_any(&in), value = tk_get_any(&in);
	size_t twice = name.len + value.len;

	if (in.bad || (out[1] & 0xe0) != 0xa0 || len + twice > TK_MESSAGE_MAX)
		return len;
	memmove(out + 2 + twice, out + 2, len - 2);
	out[1]++;
	return len + twice;
}

static size_t broken_cbor(struct tk_key *key, uint8_t out[TK_MESSAGE_MAX], size_t len)
{
	static const uint8_t malformed[] = {0, 0xa1, 0x01, 0xff}, indefinite[] = {0, 0xbf, 0x01, 0x01, 0xff};
	static const uint8_t huge[] = {0, 0xa1, 0x01, 0x5a, 0xff, 0xff, 0xff, 0xff, 0};

	if (tk_fault(key, "malformed-cbor"))
		return put(out, (struct tk_slice){malformed, sizeof(malformed)});
	if (tk_fault(key, "indefinite-cbor"))
		return put(out, (struct tk_slice){indefinite, sizeof(indefinite)});
	if (tk_fault(key, "huge-string"))
		return put(out, (struct tk_slice){huge, sizeof(huge)});
	if (tk_fault(key, "deep-cbor")) {
		out[0] = 0;
		out[1] = 0xa1;
		out[2] = 0x01;
		memset(out + 3, 0x81, 200);
		out[203] = 0;
		return 204;
	}
	if (len > 2 && tk_fault(key, "duplicate-key"))
		return duplicate(out, len);
	return len;
}

static size_t wrong_size(struct tk_key *key, uint8_t out[TK_MESSAGE_MAX], size_t len)
{
	if (tk_fault(key, "truncated"))
		return (len + 1) / 2;
	if (len < TK_MESSAGE_MAX - 4 && tk_fault(key, "trailing")) {
		memset(out + len, 0xa5, 4);
		return len + 4;
	}
	if (tk_fault(key, "oversize")) {
		memset(out + len, 0xa5, TK_MESSAGE_MAX - len);
		return TK_MESSAGE_MAX;
	}
	return len;
}

size_t tk_fault_u2f(struct tk_key *key, uint8_t out[TK_MESSAGE_MAX], size_t len)
{
	if (tk_fault(key, "slow") && tk_pause(key, key->fault_value) != TK_OK)
		return 0;
	if (tk_fault(key, "remove")) {
		tk_loop_remove(key);
		return 0;
	}
	if (tk_fault(key, "silent"))
		return 0;
	if (tk_fault(key, "error")) {
		out[0] = (uint8_t)(key->fault_value >> 8);
		out[1] = (uint8_t)key->fault_value;
		len = 2;
	}
	return wrong_size(key, out, len);
}

size_t tk_fault_answer(struct tk_key *key, uint8_t out[TK_MESSAGE_MAX], size_t len)
{
	if (tk_fault(key, "slow")) {
		uint8_t status = tk_pause(key, key->fault_value);

		if (status == TK_NO_ANSWER)
			return 0;
		if (status != TK_OK) {
			out[0] = status;
			len = 1;
		}
	}
	if (tk_fault(key, "remove")) {
		tk_loop_remove(key);
		return 0;
	}
	if (tk_fault(key, "silent"))
		return 0;
	if (tk_fault(key, "error")) {
		out[0] = (uint8_t)key->fault_value;
		len = 1;
	}
	return wrong_size(key, out, broken_cbor(key, out, len));
}
