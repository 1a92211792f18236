/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of pam-u2f's mapping files. No state. Threats: a file that somebody else wrote, whose parts are of any length
 * and no numbers at all. What pam-u2f reads leniently is read strictly here: a key that is not understood whole is
 * nobody's. It must never make more of a line than pam-u2f does.
 */
#include "import_u2f_line.h"

#include <string.h>

#define SSH_HEAD   "-----BEGIN OPENSSH PRIVATE KEY-----"
#define RAW_MAX	   1024 /* of a public key, decoded */
#define FIELDS_MAX 4

struct part {
	const char *text;
	size_t len;
};

/* Takes what stands before the next separator; false: nothing is left. */
static bool next_part(struct part *rest, char separator, struct part *ret_part)
{
	if (rest->text == NULL)
		return false;
	const char *end = memchr(rest->text, separator, rest->len);

	*ret_part = (struct part){rest->text, end != NULL ? (size_t)(end - rest->text) : rest->len};
	if (end == NULL)
		*rest = (struct part){NULL, 0};
	else
		*rest = (struct part){end + 1, rest->len - ret_part->len - 1};
	return true;
}

static bool is(const struct part *part, const char *text)
{
	return part->len == strlen(text) && memcmp(part->text, text, part->len) == 0;
}

/* ---- numbers ---- */

static int digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static bool decode64(struct part text, uint8_t *out, size_t cap, size_t *ret_len)
{
	unsigned bits = 0, held = 0;
	size_t len = 0, padding = 0;

	while (text.len > 0 && text.text[text.len - 1] == '=' && padding < 2) {
		text.len--;
		padding++;
	}
	if (text.len % 4 == 1 || (padding > 0 && (text.len + padding) % 4 != 0))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int digit = digit64(text.text[i]);

		if (digit < 0)
			return false;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		held += 6;
		if (held < 8)
			continue;
		if (len == cap)
			return false;
		held -= 8;
		out[len++] = (uint8_t)(bits >> held);
	}
	*ret_len = len;
	/* Bits that are left over say nothing, and are none. */
	return len > 0 && (bits & ((1u << held) - 1)) == 0;
}

static int digit16(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode16(const struct part *text, uint8_t *out, size_t cap, size_t *ret_len)
{
	if (text->len == 0 || text->len % 2 != 0 || text->len / 2 > cap)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		int digit = digit16(text->text[i]);

		if (digit < 0)
			return false;
		out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
	}
	*ret_len = text->len / 2;
	return true;
}

/* ---- a key ---- */

static bool read_type(const struct part *part, enum hc_cose_alg *ret_alg)
{
	static const struct {
		const char *name;
		enum hc_cose_alg alg;
	} types[] = {{"es256", HC_COSE_ES256}, {"eddsa", HC_COSE_EDDSA}, {"rs256", HC_COSE_RS256}};

	for (size_t i = 0; i < HC_COUNT(types); i++) {
		if (!is(part, types[i].name))
			continue;
		*ret_alg = types[i].alg;
		return true;
	}
	return false;
}

/* "+presence+pin"; an empty one asks pam-u2f for nothing. We ask for a touch always. */
static bool read_options(struct part options, struct hc_u2f_key *key)
{
	struct part one;

	if (options.len == 0)
		return true;
	if (!next_part(&options, '+', &one) || one.len > 0)
		return false;
	while (next_part(&options, '+', &one)) {
		if (is(&one, "verification") || is(&one, "pin"))
			key->verifies = true;
		else if (!is(&one, "presence"))
			return false;
	}
	return true;
}

static enum hc_u2f_fault read_key(struct part text, struct hc_u2f_key *key)
{
	struct part fields[FIELDS_MAX];
	uint8_t raw[RAW_MAX];
	enum hc_cose_alg alg = HC_COSE_ES256;
	size_t count = 0, len = 0;

	while (count < FIELDS_MAX && next_part(&text, ',', &fields[count]))
		count++;
	if (text.text != NULL || count < 2)
		return HC_U2F_MALFORMED;
	if (count > 2 && !read_type(&fields[2], &alg))
		return HC_U2F_UNKNOWN;
	if (count > 3 && !read_options(fields[3], key))
		return HC_U2F_UNKNOWN;
	/* The old form has no keys that find their credentials by themselves. */
	if ((count == 2 || !is(&fields[0], "*")) &&
	    !decode64(fields[0], key->id, sizeof(key->id), &key->id_len))
		return HC_U2F_MALFORMED;
	if (count == 2 ? !decode16(&fields[1], raw, sizeof(raw), &len)
		       : !decode64(fields[1], raw, sizeof(raw), &len))
		return HC_U2F_MALFORMED;
	return hc_fido_key_make(alg, raw, len, key->key, &key->key_len) == HC_OK ? HC_U2F_NONE
										 : HC_U2F_BAD_KEY;
}

/* ---- a line ---- */

bool hc_u2f_line_blank(const char *text, size_t len)
{
	size_t blanks = 0;

	while (blanks < len && (text[blanks] == ' ' || text[blanks] == '\t' || text[blanks] == '\r'))
		blanks++;
	return blanks == len || text[blanks] == '#';
}

static bool read_login(struct part *rest, struct hc_login *login)
{
	struct part name;

	return memchr(rest->text, ':', rest->len) != NULL && next_part(rest, ':', &name) &&
	       hc_login_parse(name.text, name.len, login) == HC_OK;
}

bool hc_u2f_line_login(const char *text, size_t len, struct hc_login *ret_login)
{
	struct part rest = {text, len};

	return read_login(&rest, ret_login);
}

enum hc_u2f_fault hc_u2f_line_read(const char *text, size_t len, struct hc_u2f_line *ret_line)
{
	struct part rest = {text, len}, one;
	size_t number = 0;

	*ret_line = (struct hc_u2f_line){.count = 0};
	if (len > 0 && text[len - 1] == '\r')
		rest.len--;
	if (!read_login(&rest, &ret_line->login))
		return HC_U2F_NO_LOGIN;
	while (next_part(&rest, ':', &one)) {
		if (one.len == 0)
			continue; /* as pam-u2f does */
		number++;
		if (ret_line->count == HC_U2F_KEYS_MAX)
			return HC_U2F_TOO_MANY;
		enum hc_u2f_fault fault = read_key(one, &ret_line->keys[ret_line->count]);

		if (fault != HC_U2F_NONE) {
			ret_line->bad = number;
			return fault;
		}
		ret_line->count++;
	}
	return ret_line->count > 0 ? HC_U2F_NONE : HC_U2F_NO_KEYS;
}

bool hc_u2f_is_ssh(const char *text, size_t len)
{
	return len >= strlen(SSH_HEAD) && memcmp(text, SSH_HEAD, strlen(SSH_HEAD)) == 0;
}
