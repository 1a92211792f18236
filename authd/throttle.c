/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock-out: how many failures are free, and how long a lock lasts.
 *
 * Pure functions over one stored row; no state of their own. The threats are guessing (the count
 * only grows here; a success clears the row elsewhere), and a clock that jumps: a jump forward ends
 * a lock early, which takes root, a jump backward must neither end a lock nor make it last for years.
 * The count saturates instead of wrapping round to free tries.
 */
#include "throttle.h"

#define MS_PER_S 1000

/* The length of the lock that a row with so many failures stands under. */
static int64_t lock_length_s(uint32_t failures, const struct hc_policy_rules *policy)
{
	int64_t length_s = policy->lock_first_s;
	int64_t doublings = (int64_t)failures - policy->free_tries;

	/* Only a rule that was changed meanwhile gives a lock to fewer failures: its bound is the longest one. */
	if (doublings < 0)
		return policy->lock_max_s;
	while (doublings-- > 0 && length_s < policy->lock_max_s)
		length_s = length_s > policy->lock_max_s / 2 ? policy->lock_max_s : length_s * 2;
	return length_s < policy->lock_max_s ? length_s : policy->lock_max_s;
}

static bool clock_went_back(const struct hc_throttle_row *row, int64_t now_ms)
{
	return row->failures > 0 && now_ms < row->last_failure_ms;
}

bool hc_throttle_settle(struct hc_throttle_row *row, const struct hc_policy_rules *policy, int64_t now_ms)
{
	if (!clock_went_back(row, now_ms))
		return false;

	int64_t left_s = hc_throttle_left_s(row, policy, now_ms);

	row->last_failure_ms = now_ms;
	row->locked_until_ms = left_s > 0 ? now_ms + left_s * MS_PER_S : 0;
	return true;
}

int64_t hc_throttle_left_s(const struct hc_throttle_row *row, const struct hc_policy_rules *policy,
			   int64_t now_ms)
{
	int64_t left_ms, length_s;

	if (row->locked_until_ms <= now_ms)
		return 0;
	if (__builtin_sub_overflow(row->locked_until_ms, now_ms, &left_ms))
		left_ms = INT64_MAX - MS_PER_S;
	if (left_ms > INT64_MAX - MS_PER_S)
		left_ms = INT64_MAX - MS_PER_S;

	int64_t left_s = (left_ms + MS_PER_S - 1) / MS_PER_S;

	length_s = lock_length_s(row->failures, policy);
	return left_s < length_s ? left_s : length_s;
}

bool hc_throttle_fail(struct hc_throttle_row *row, const struct hc_policy_rules *policy, int64_t now_ms)
{
	if (row->failures < UINT32_MAX)
		row->failures++;
	row->last_failure_ms = now_ms;
	if ((int64_t)row->failures < policy->free_tries)
		return false;
	row->locked_until_ms = now_ms + lock_length_s(row->failures, policy) * MS_PER_S;
	return true;
}
