/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of layout as it is carried out: the steps, taken one by one from the journal, and the
 * servers that had to leave a slice. The caller holds the node's lock.
 */
#pragma once

#include "core/layout.h"

struct tr_relayout {
	struct tr_node *node;
	const struct tr_change *change;
	struct tr_scene scene; /* as it was when the plan was made */
	struct tr_cards cards; /* read again after a change of mode; n 0: the scene's are fresh */
	struct tr_wishes wishes;
	struct tr_node_plan plan;
	struct tr_journal journal; /* as it stands in the store */
	size_t n_told;		   /* steps of the journal that earlier runs wrote */
};
void tr_relayout_done(struct tr_relayout *run);

/* The journal's steps for the plan, behind those that are there: for each card what goes, its mode,
 * what comes. */
int tr_relayout_put_steps(struct tr_relayout *run, struct tr_err *err);

/* Tells the steps of the plan and takes them, each marked in the journal before and after; in a dry
 * run only tells, what stays included. INTERRUPTED when the change is to stop. */
int tr_relayout_take(struct tr_relayout *run, struct tr_err *err);

/* Confirms the rows of the slices that stand, drops those of slices that do not: a run that was
 * killed left them behind. */
int tr_relayout_settle(struct tr_relayout *run, struct tr_err *err);

/* Starts again what was stopped: each stack that was touched runs the loop over the models that
 * have a slice; of those that lost theirs is told. The first error, once all were tried. */
int tr_relayout_restart(struct tr_relayout *run, struct tr_err *err);
