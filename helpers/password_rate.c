/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate limit of password checks.
 *
 * State: the caller's struct. Each bucket is one number: when it will be full again. A try moves it by
 * what a try costs, and is refused when that would be further ahead than a whole burst. Threats: more
 * logins than there are places (then nobody new is let through, which is the safe side). It must never
 * let a try through that it did not count.
 */
#include "password_rate.h"

#include <string.h>

static bool has_room(int64_t full_ms, int64_t now_ms, int64_t burst, int64_t cost_ms)
{
	return full_ms <= now_ms || full_ms - now_ms <= (burst - 1) * cost_ms;
}

static int64_t after_one(int64_t full_ms, int64_t now_ms, int64_t cost_ms)
{
	return (full_ms > now_ms ? full_ms : now_ms) + cost_ms;
}

/* The place of this login, or a free one for it; NULL: none is left. */
static struct hc_rate_login *place_of(struct hc_rate *rate, const struct hc_login *login, int64_t now_ms)
{
	struct hc_rate_login *free_place = NULL;

	for (size_t i = 0; i < HC_RATE_LOGINS; i++) {
		struct hc_rate_login *place = &rate->logins[i];

		if (place->full_ms > now_ms && strcmp(place->login.text, login->text) == 0)
			return place;
		if (place->full_ms <= now_ms && free_place == NULL)
			free_place = place;
	}
	if (free_place != NULL)
		*free_place = (struct hc_rate_login){.login = *login};
	return free_place;
}

bool hc_rate_take(struct hc_rate *rate, const struct hc_login *login, int64_t now_ms)
{
	if (!has_room(rate->full_ms, now_ms, HC_RATE_ALL_BURST, HC_RATE_ALL_MS))
		return false;
	if (login != NULL) {
		struct hc_rate_login *place = place_of(rate, login, now_ms);

		if (place == NULL || !has_room(place->full_ms, now_ms, HC_RATE_LOGIN_BURST, HC_RATE_LOGIN_MS))
			return false;
		place->full_ms = after_one(place->full_ms, now_ms, HC_RATE_LOGIN_MS);
	}
	rate->full_ms = after_one(rate->full_ms, now_ms, HC_RATE_ALL_MS);
	return true;
}

bool hc_rate_idle(const struct hc_rate *rate, int64_t now_ms)
{
	for (size_t i = 0; i < HC_RATE_LOGINS; i++) {
		if (rate->logins[i].full_ms > now_ms)
			return false;
	}
	return rate->full_ms <= now_ms;
}
