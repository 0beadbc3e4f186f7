/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices cut by hand, all or none: for `create`, and for a job's own slice. The caller holds the
 * node's lock from tr_batch_begin on.
 */
#pragma once

#include "core/cut.h"

enum { TR_BATCH_MAX = 64 };

struct tr_batch {
	size_t n, n_made;
	const struct tr_card
		*cards[TR_BATCH_MAX]; /* borrowed from the scene, as are the profiles */
	struct tr_plan_place places[TR_BATCH_MAX];
	struct tr_row rows[TR_BATCH_MAX];
};

struct tr_batch_owner {
	const char *stack, *model; /* "" for nobody */
};

/* Takes the lock and reads the scene, set right after a killed run. */
int tr_batch_begin(struct tr_node *node, const struct tr_change *change, int *ret_lock,
	struct tr_scene *ret_scene, struct tr_err *err);
/* Places "PROFILE[:START]"s on the card, or (gpu -1) on any; errors as tr_slices_create. */
int tr_batch_plan(const struct tr_scene *scene, int gpu, const char *const *wants, size_t n_wants,
	const struct tr_batch_owner *owner, const struct tr_change *change, struct tr_batch *ret,
	struct tr_err *err);
/* Tells the cut of one. */
void tr_batch_tell(const struct tr_batch *batch, size_t i, const struct tr_change *change);
/* Cuts; what was made is undone when one fails. */
int tr_batch_cut(struct tr_node *node, struct tr_batch *batch, const struct tr_change *change,
	struct tr_err *err);
/* Frees what was made, and drops the rows. */
void tr_batch_undo(
	struct tr_node *node, const struct tr_batch *batch, const struct tr_change *change);
