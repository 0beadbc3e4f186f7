/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is and what a stack asks for to the steps between them.
 *
 * Pure: no driver, no clock, no container engine. The same scene and wants give the same steps, so
 * they can be shown (a dry run), taken once (`tranche up`) or over and over (the keeper). When
 * nothing is left to do, there are only TR_STEP_KEPT entries.
 */
#pragma once

#include "core/want.h"

struct tr_action {
	enum tr_step_kind kind;
	const struct tr_want *want;	/* START, KEPT, CUT: whose; else NULL */
	const struct tr_server *server; /* STOP, CLEAN, KEPT: which */
	const char *why;		/* STOP, CLEAN: in words */
	uint32_t gpu_idx;		/* CUT, FREE, MIG_ON, MIG_OFF, START, KEPT */
	bool is_whole;			/* START, KEPT: the whole card */
	uint32_t start;
	uint32_t profile_id; /* CUT, FREE, START, KEPT */
};

/* In the order in which they can be taken: KEPT, CLEAN and STOP, FREE, MIG, CUT, START. */
struct tr_actions {
	size_t n;
	struct tr_action *v;
};

/* What `wanted` says of a want's slice: tr_want_plan, one for each. */
struct tr_stack_wish {
	const char *stack;
	const struct tr_wants *wants;
	const struct tr_plan_want *plans; /* one a want */
};

/*
 * INVALID for a profile or card that does not exist, with the place in the file; NO_ROOM with the
 * holders' names and the models that would fit; UNSUPPORTED when no card can be sliced. The result
 * borrows from scene and wants; free with tr_actions_done.
 */
int tr_stack_diff(const struct tr_scene *scene, const struct tr_stack_wish *wish,
	struct tr_actions *ret, struct tr_err *err);
void tr_actions_done(struct tr_actions *actions);

/* True when only KEPT is left. */
bool tr_actions_is_settled(const struct tr_actions *actions);
