/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes beside the lists. State: one file an address, named by its hash. A note that is lost or damaged
 * costs one whole transfer and nothing else: it is never the reason to believe a list.
 */
#include "note.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/config.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/file.h"

#define NOTE_MAX    2048
#define HASH_SHOWN  16
#define FIELD(name) HC_CONFIG_FIELD(struct hc_crl_note, name)

static const struct hc_config_key keys[] = {
	{.section = "note",
	 .key = "url",
	 .kind = HC_CONFIG_TEXT,
	 FIELD(url),
	 .min = 1,
	 .max = HC_CRL_URL_MAX},
	{.section = "note",
	 .key = "list",
	 .kind = HC_CONFIG_TEXT,
	 FIELD(list),
	 .min = 1,
	 .max = HC_CPS_CRL_FILE_CAP - 1},
	{.section = "note",
	 .key = "etag",
	 .kind = HC_CONFIG_TEXT,
	 FIELD(tags.etag),
	 .max = HC_FETCH_TAG_MAX,
	 .preset = ""},
	{.section = "note",
	 .key = "last_modified",
	 .kind = HC_CONFIG_TEXT,
	 FIELD(tags.last_modified),
	 .max = HC_FETCH_TAG_MAX,
	 .preset = ""},
	{.section = "note", .key = "asked", .kind = HC_CONFIG_NUMBER, FIELD(asked_ms), .max = INT64_MAX},
	{.section = NULL},
};

static enum hc_err path_of(const char *directory, const char *url, char *out, size_t cap)
{
	uint8_t hash[HC_SHA256_LEN];
	char name[2 * HASH_SHOWN + 1];
	const enum hc_err err = hc_sha256(url, strlen(url), hash);

	if (err != HC_OK)
		return err;
	for (size_t i = 0; i < HASH_SHOWN; i++)
		(void)snprintf(name + 2 * i, 3, "%02x", hash[i]);
	const int len = snprintf(out, cap, "%s/%s.note", directory, name);

	return len > 0 && (size_t)len < cap ? HC_OK : HC_ERR_TOOBIG;
}

void hc_crl_note_read(const char *directory, const char *url, struct hc_crl_note *ret_note)
{
	const struct hc_file_rules rules = {
		.owner = geteuid(), .root_too = true, .forbidden = 0022, .max_len = NOTE_MAX};
	struct hc_crl_note note = {0};
	struct hc_config_error error;
	char path[PATH_MAX];
	char *text = NULL;
	size_t len = 0;
	const bool read = path_of(directory, url, path, sizeof(path)) == HC_OK &&
			  hc_file_read(path, &rules, &text, &len) == HC_OK;

	*ret_note = (struct hc_crl_note){0};
	if (read && hc_config_parse(text, len, keys, &note, &error) == HC_OK && strcmp(note.url, url) == 0)
		*ret_note = note;
	free(text);
}

enum hc_err hc_crl_note_write(const char *directory, const struct hc_crl_note *note)
{
	char path[PATH_MAX], text[NOTE_MAX];
	int len = snprintf(text, sizeof(text), "[note]\nurl = %s\nlist = %s\nasked = %lld\n", note->url,
			   note->list, (long long)note->asked_ms);

	/* Both are printable, or they would not have been kept. */
	if (note->tags.etag[0] != '\0')
		len += snprintf(text + len, sizeof(text) - (size_t)len, "etag = %s\n", note->tags.etag);
	if (note->tags.last_modified[0] != '\0')
		len += snprintf(text + len, sizeof(text) - (size_t)len, "last_modified = %s\n",
				note->tags.last_modified);
	const enum hc_err err = path_of(directory, note->url, path, sizeof(path));

	return err == HC_OK ? hc_file_replace(path, 0600, text, (size_t)len) : err;
}
