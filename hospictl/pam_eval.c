/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run of a PAM stack, for every combination of what its modules may return.
 *
 * State: a search by depth with a stack of its own. Two ways that come to the same line with the
 * same impression go on alike, so each such point is entered once; what does not fit the memory of
 * points is "undecided", which nobody may read as "never".
 */
#include "pam_stack.h"

#include <stdlib.h>
#include <string.h>

#define POINTS_CAP   65536 /* a power of two */
#define POINTS_MAX   (POINTS_CAP / 2)
#define BITS_A_LEVEL 3

enum impression { UNDEFINED = 0, POSITIVE = 1, NEGATIVE = 2 };

/* What libpam knows while it walks: its impression so far, and that of each open substack's begin. */
struct view {
	size_t line;				   /* the next one */
	unsigned level;				   /* of the line before */
	uint8_t impression[HC_PAM_LEVELS_MAX + 1]; /* [0]: now; [1 + level]: at the begin of that substack */
	bool success[HC_PAM_LEVELS_MAX + 1];	   /* the status is success */
};

struct search {
	const struct hc_pam_stack *stack;
	hc_pam_outcomes_fn outcomes;
	const void *ctx;
	uint64_t *points;
	size_t point_count;
	struct hc_pam_path *path;
	bool overflow;
};

static uint64_t point_of(const struct hc_pam_stack *stack, const struct view *view)
{
	unsigned level = stack->lines[view->line].level;
	uint64_t point = view->line + 1;

	point = point << BITS_A_LEVEL | (uint64_t)view->impression[0] << 1 | (view->success[0] ? 1u : 0u);
	for (unsigned i = 0; i < HC_PAM_LEVELS_MAX; i++) {
		bool open = i <= level;

		point = point << BITS_A_LEVEL;
		if (open)
			point |= (uint64_t)view->impression[i + 1] << 1 | (view->success[i + 1] ? 1u : 0u);
	}
	return point;
}

/* True the first time. A full memory answers true and is remembered as overflow. */
static bool enter(struct search *search, uint64_t point)
{
	uint64_t hash = point * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(hash >> 40) & (POINTS_CAP - 1);

	while (search->points[at] != 0) {
		if (search->points[at] == point)
			return false;
		at = (at + 1) & (POINTS_CAP - 1);
	}
	if (search->point_count == POINTS_MAX) {
		search->overflow = true;
		return false;
	}
	search->points[at] = point;
	search->point_count++;
	return true;
}

/* Over the rest of this level and what is nested in it. */
static size_t after_level(const struct hc_pam_stack *stack, size_t line)
{
	unsigned level = stack->lines[line].level;

	while (line + 1 < stack->count && stack->lines[line + 1].level >= level)
		line++;
	return line + 1;
}

/* A jump counts lines of its own level; a substack counts as one. False: it goes beyond the end. */
static bool jump(const struct hc_pam_stack *stack, size_t line, int count, size_t *ret_next)
{
	unsigned level = stack->lines[line].level;

	while (count > 0 && line + 1 < stack->count && stack->lines[line + 1].level >= level) {
		do
			line++;
		while (line + 1 < stack->count && stack->lines[line + 1].level > level);
		count--;
	}
	*ret_next = line + 1;
	return count == 0;
}

static void set(struct view *view, enum impression impression, bool success)
{
	view->impression[0] = (uint8_t)impression;
	view->success[0] = success;
}

/* What one return code of the line does to the view. */
static void step(const struct hc_pam_stack *stack, struct view *view, int code)
{
	const struct hc_pam_line *line = &stack->lines[view->line];
	int action = line->actions[code];
	size_t here = view->line;

	view->line = here + 1;
	view->level = line->level;
	switch (action) {
	case HC_PAM_ACT_IGNORE:
		return;
	case HC_PAM_ACT_RESET:
		set(view, view->impression[line->level + 1], view->success[line->level + 1]);
		return;
	case HC_PAM_ACT_OK:
	case HC_PAM_ACT_DONE:
		if (view->impression[0] == UNDEFINED || (view->impression[0] == POSITIVE && view->success[0]))
			set(view, POSITIVE, code == HC_PAM_OK);
		if (action == HC_PAM_ACT_DONE && view->impression[0] == POSITIVE)
			view->line = after_level(stack, here);
		return;
	case HC_PAM_ACT_BAD:
	case HC_PAM_ACT_DIE:
		if (view->impression[0] != NEGATIVE)
			set(view, NEGATIVE, code == HC_PAM_OK);
		if (action == HC_PAM_ACT_DIE)
			view->line = after_level(stack, here);
		return;
	default:
		if (!jump(stack, here, action, &view->line))
			set(view, NEGATIVE, false);
		return;
	}
}

/* Before a line runs: a substack that begins remembers what was thought before it. */
static void arrive(const struct hc_pam_stack *stack, struct view *view)
{
	while (view->line < stack->count) {
		const struct hc_pam_line *line = &stack->lines[view->line];

		if (view->level < line->level) {
			view->impression[line->level + 1] = view->impression[0];
			view->success[line->level + 1] = view->success[0];
		}
		if (!line->marker)
			return;
		view->level = line->level;
		view->line++;
	}
}

/* A view and the codes of its line that have still to be tried. */
struct branch {
	struct view view;
	uint32_t left;
};

static uint32_t outcomes_of(const struct search *search, const struct view *view)
{
	const struct hc_pam_line *line = &search->stack->lines[view->line];

	return line->must_fail ? HC_PAM_BIT(HC_PAM_PERM_DENIED) : search->outcomes(line, search->ctx);
}

static bool succeeded(const struct view *view)
{
	return view->impression[0] == POSITIVE && view->success[0];
}

static bool walk(struct search *search, struct branch *branches)
{
	size_t depth = 1;

	while (depth > 0) {
		struct branch *branch = &branches[depth - 1];
		struct view next;
		int code;

		if (branch->left == 0) {
			depth--;
			continue;
		}
		code = __builtin_ctz(branch->left);
		branch->left &= branch->left - 1;
		search->path->steps[depth - 1] =
			(struct hc_pam_step){.line = branch->view.line, .code = code};
		next = branch->view;
		step(search->stack, &next, code);
		arrive(search->stack, &next);
		if (next.line >= search->stack->count) {
			search->path->count = depth;
			if (succeeded(&next))
				return true;
			continue;
		}
		if (!enter(search, point_of(search->stack, &next)))
			continue;
		branches[depth].view = next;
		branches[depth].left = outcomes_of(search, &next);
		depth++;
	}
	return false;
}

enum hc_pam_answer hc_pam_reaches_success(const struct hc_pam_stack *stack, hc_pam_outcomes_fn outcomes,
					  const void *ctx, struct hc_pam_path *ret_path)
{
	struct search search = {.stack = stack, .outcomes = outcomes, .ctx = ctx, .path = ret_path};
	struct branch *branches = calloc(HC_PAM_LINES_MAX + 1, sizeof(*branches));
	bool found = false;

	search.points = calloc(POINTS_CAP, sizeof(*search.points));
	if (stack->aborted) {
		found = false;
	} else if (stack->unsure) {
		search.overflow = true;
	} else if (branches != NULL && search.points != NULL) {
		arrive(stack, &branches[0].view);
		if (branches[0].view.line < stack->count) {
			branches[0].left = outcomes_of(&search, &branches[0].view);
			found = walk(&search, branches);
		}
	} else {
		search.overflow = true;
	}
	free(search.points);
	free(branches);
	if (found)
		return HC_PAM_SOMETIMES;
	return search.overflow ? HC_PAM_UNDECIDED : HC_PAM_NEVER;
}
