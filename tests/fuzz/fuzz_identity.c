/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "hospiconnect/text.h"

/*
 * Names, escaping and texts: the first byte chooses. What a parser accepts is the input, unchanged,
 * and accepted again; what is escaped can be shown and stays within its room.
 */

#define CHECK_PARSER(type)                                                                       \
	do {                                                                                     \
		struct type first, second;                                                       \
                                                                                                 \
		if (type##_parse(data, size, &first) != HC_OK)                                   \
			break;                                                                   \
		FUZZ_REQUIRE(strlen(first.text) == size && memcmp(first.text, data, size) == 0); \
		FUZZ_REQUIRE(hc_utf8_valid(first.text, size));                                   \
		FUZZ_REQUIRE(type##_parse(first.text, size, &second) == HC_OK);                  \
		FUZZ_REQUIRE(strcmp(first.text, second.text) == 0);                              \
	} while (0)

/* The room is what the input says, exactly allocated. */
static void check_escape(const char *text, size_t cap)
{
	char *out = malloc(cap + 1);

	if (out == NULL)
		abort();
	hc_escape(text, out, cap + 1);
	FUZZ_REQUIRE(strlen(out) <= cap);
	FUZZ_REQUIRE(hc_utf8_valid(out, strlen(out)));
	free(out);
}

static void check_text(const char *text, size_t cap)
{
	const char *const args[] = {text, text, NULL};
	char *out = malloc(cap + 1);

	if (out == NULL)
		abort();
	hc_text_reason(HC_LANG_FR, HC_REASON_LOCKED_OUT, args, out, cap + 1);
	FUZZ_REQUIRE(strlen(out) <= cap);
	FUZZ_REQUIRE(hc_utf8_valid(out, strlen(out)));
	(void)hc_lang_from_tag(text, HC_LANG_FR);
	(void)hc_text_known(text);
	free(out);
}

static void check_terminated(const uint8_t *data, size_t size, void (*check)(const char *text, size_t cap))
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check(text, size > 0 ? data[0] : 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;

	uint8_t choice = data[0] % 10;

	data++;
	size--;
	switch (choice) {
	case 0:
		CHECK_PARSER(hc_login);
		break;
	case 1:
		CHECK_PARSER(hc_service);
		break;
	case 2:
		CHECK_PARSER(hc_tty);
		break;
	case 3:
		CHECK_PARSER(hc_host);
		break;
	case 4:
		CHECK_PARSER(hc_national_id);
		break;
	case 5:
		CHECK_PARSER(hc_label);
		break;
	case 6:
		CHECK_PARSER(hc_credential_id);
		break;
	case 7:
		check_terminated(data, size, check_escape);
		break;
	case 8:
		check_terminated(data, size, check_text);
		break;
	default:
		(void)hc_utf8_valid(data, size);
		break;
	}
	return 0;
}
