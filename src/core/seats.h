/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands where: the slices and whole cards of a node, as they are or as a plan would have
 * them, and what further slices could still use.
 */
#pragma once

#include "core/diff.h"
#include "plan/cost.h"

struct tr_seat {
	struct tr_slice slice; /* holders left out; has_memory false: its use is not known */
	uint64_t memory_bytes; /* its size; 0: unknown */
	bool is_planned;
};

/* By card and start. */
struct tr_seats {
	size_t n;
	struct tr_seat *v;
};

/* What is there. Free with tr_seats_done. */
int tr_seats_now(const struct tr_node *node, const struct tr_scene *scene, struct tr_seats *ret,
	struct tr_err *err);
/* What the actions for a stack make of it. */
int tr_seats_plan(const struct tr_scene *scene, const char *stack, const struct tr_actions *actions,
	struct tr_seats *seats, struct tr_err *err);
void tr_seats_done(struct tr_seats *seats);

/* Of one card: whole and stranded 0 where it cannot be cut at all. */
struct tr_seats_rest {
	struct tr_cost_amount whole, open, stranded;
	char free_slices[128]; /* "3g.40gb x1, 1g.10gb x3" */
	uint32_t open_mask;    /* a bit for each memory slice that a further slice could take */
};
void tr_seats_rest(
	const struct tr_card *card, const struct tr_seats *seats, struct tr_seats_rest *ret);
