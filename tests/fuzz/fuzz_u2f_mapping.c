/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/fido.h"
#include "import_u2f_file.h"
#include "import_u2f_line.h"

/*
 * A mapping file of pam-u2f, as anybody may have written it. Whatever is read: lines lie within the file and in its
 * order, at most one of a login counts, and each key that is taken is one that the broker takes.
 */
static void check_line(const struct hc_u2f_entry *entry)
{
	struct hc_u2f_line *line = malloc(sizeof(*line));

	if (line == NULL)
		abort();
	if (hc_u2f_line_read(entry->text, entry->len, line) == HC_U2F_NONE) {
		FUZZ_REQUIRE(entry->named && strcmp(line->login.text, entry->login.text) == 0);
		FUZZ_REQUIRE(line->count > 0 && line->count <= HC_U2F_KEYS_MAX);
		for (size_t i = 0; i < line->count; i++) {
			FUZZ_REQUIRE(line->keys[i].id_len <= HC_FIDO_CREDENTIAL_MAX);
			FUZZ_REQUIRE(hc_fido_key_check(line->keys[i].key, line->keys[i].key_len, NULL) ==
				     HC_OK);
		}
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_u2f_file file;
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	(void)hc_u2f_is_ssh(text, size);
	if (hc_u2f_file_index(text, size, NULL, &file) != HC_OK)
		abort();
	for (size_t i = 0; i < file.count; i++) {
		const struct hc_u2f_entry *entry = &file.entries[i];

		FUZZ_REQUIRE(entry->text >= file.text && entry->text + entry->len <= file.text + file.len);
		FUZZ_REQUIRE(i == 0 || entry->number > file.entries[i - 1].number);
		for (size_t j = i + 1; j < file.count && j < i + 64; j++)
			FUZZ_REQUIRE(!entry->named || entry->superseded ||
				     strcmp(entry->login.text, file.entries[j].login.text) != 0);
		check_line(entry);
	}
	hc_u2f_file_clear(&file);
	return 0;
}
