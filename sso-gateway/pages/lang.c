/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which language a page is in: what the application asks for (OpenID Connect ui_locales), else what
 * the browser prefers (RFC 9110, 12.5.4).
 *
 * State: none. Threats: lists made long to cost time (32 entries of each are looked at), weights that are no
 * numbers (the entry is passed over). A wrong choice costs a person a language, nothing else, so
 * nothing here is refused.
 */
#include "pages/page.h"

#include <string.h>

#define ENTRIES_MAX 32
#define WEIGHT_ONE  1000

static struct hc_view trim(struct hc_view view)
{
	while (view.len > 0 && (view.data[0] == ' ' || view.data[0] == '\t')) {
		view.data++;
		view.len--;
	}
	while (view.len > 0 && (view.data[view.len - 1] == ' ' || view.data[view.len - 1] == '\t'))
		view.len--;
	return view;
}

/* What stands before the separator; the rest of the list stays in it. */
static struct hc_view take(struct hc_view *list, char separator)
{
	const char *end = list->len > 0 ? memchr(list->data, separator, list->len) : NULL;
	struct hc_view piece = *list;

	if (end == NULL) {
		list->len = 0;
	} else {
		piece.len = (size_t)(end - list->data);
		list->data = end + 1;
		list->len -= piece.len + 1;
	}
	return piece;
}

/* Whether a tag is one of ours: "fr", "fr-CA", "en_GB". */
static bool tag_is_ours(struct hc_view tag, enum hc_lang *ret_lang)
{
	char start[4] = "";

	if (tag.len > 0)
		memcpy(start, tag.data, tag.len < 3 ? tag.len : 3);
	*ret_lang = hc_lang_from_tag(start, HC_LANG_FR);
	/* only an unknown tag gives back each fallback */
	return *ret_lang == hc_lang_from_tag(start, HC_LANG_EN);
}

/* "0", "1", "0.5", "1.000" as thousandths; -1 for what is no weight. */
static int weight_value(struct hc_view text)
{
	int value = 0, unit = WEIGHT_ONE;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[1] != '.'))
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (i == 1)
			continue;
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value += (text.data[i] - '0') * unit;
		unit /= 10;
	}
	return value <= WEIGHT_ONE ? value : -1;
}

/* The weight behind a language range; -1: this entry is malformed. */
static int weight_of(struct hc_view parameters)
{
	struct hc_view text = trim(parameters);

	if (text.len == 0)
		return WEIGHT_ONE;
	if (text.len < 2 || (text.data[0] != 'q' && text.data[0] != 'Q') || text.data[1] != '=')
		return -1;
	return weight_value((struct hc_view){.data = text.data + 2, .len = text.len - 2});
}

static bool from_locales(const char *locales, enum hc_lang *ret_lang)
{
	struct hc_view list = {.data = locales, .len = strlen(locales)};

	for (int i = 0; i < ENTRIES_MAX && list.len > 0; i++) {
		if (tag_is_ours(take(&list, ' '), ret_lang))
			return true;
	}
	return false;
}

static bool from_accepted(struct hc_view list, enum hc_lang fallback, enum hc_lang *ret_lang)
{
	int best = 0;

	for (int i = 0; i < ENTRIES_MAX && list.len > 0; i++) {
		struct hc_view entry = take(&list, ',');
		struct hc_view range = trim(take(&entry, ';'));
		int weight = weight_of(entry);
		enum hc_lang lang = fallback;
		bool any = range.len == 1 && range.data[0] == '*';

		if (weight > best && (any || tag_is_ours(range, &lang))) {
			best = weight;
			*ret_lang = lang;
		}
	}
	return best > 0;
}

enum hc_lang hc_page_lang(const struct hc_http_request *request, const char *ui_locales,
			  enum hc_lang fallback)
{
	struct hc_view accepted = {.len = 0};
	enum hc_lang lang = fallback;

	if (ui_locales != NULL && from_locales(ui_locales, &lang))
		return lang;
	if (hc_http_header_find(request, "Accept-Language", &accepted) &&
	    from_accepted(accepted, fallback, &lang))
		return lang;
	return fallback;
}
