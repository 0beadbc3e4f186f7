/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts on a node: what a label means for each card, the plan for all of them, and how it is
 * carried out. The public calls are in <tranche/tranche.h>.
 */
#pragma once

#include "core/journal.h"
#include "core/scene.h"
#include "layout/layout.h"
#include "plan/recut.h"

/* What one card is to be. */
struct tr_wish {
	const struct tr_card *card;
	const struct tr_layout_spec
		*spec; /* the last that names the card; NULL: it stays as it is */
	bool mig_on;
	size_t n;
	struct tr_recut_want wants[TR_LAYOUT_MAX_COUNT];
	struct tr_where at[TR_LAYOUT_MAX_COUNT]; /* where each stands in the file */
};

struct tr_wishes {
	size_t n; /* one a card, in the node's order */
	struct tr_wish *v;
	const struct tr_layout_file *file; /* borrowed, must outlive */
};

/* What a label says of this node's cards, which must outlive the wishes. INVALID, with
 * FILE:LINE:COLUMN, for a card that is not there, a filter that matches nothing, a profile or a
 * start that the card does not have. Free with tr_wishes_done. */
int tr_wishes_make(const struct tr_cards *cards, const struct tr_layout_file *file,
	const struct tr_layout_label *label, struct tr_wishes *ret, struct tr_err *err);
void tr_wishes_done(struct tr_wishes *wishes);

/* Which busy slices may go, and which idle ones may not. */
struct tr_relayout_rules {
	const char *const *evict;
	size_t n_evict;
	const struct tr_journal *only; /* not NULL: going back or on; slices that are in neither of
					  its layouts are somebody else's and stay */
};

/* One card of a plan. The steps borrow from `recut_card`: never copied. */
struct tr_card_plan {
	const struct tr_wish *wish;
	struct tr_recut_card recut_card;
	struct tr_recut recut; /* n 0 for a card that no entry names */
	bool changes_mode;
};

struct tr_node_plan {
	size_t n;
	struct tr_card_plan *v;
};

/* Plans all cards. BUSY, INVALID as tr_recut_plan says them, with the place in the file. Borrows
 * from all arguments; free with tr_node_plan_done. */
int tr_node_plan_make(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_wishes *wishes, const struct tr_relayout_rules *rules,
	struct tr_node_plan *ret, struct tr_err *err);
void tr_node_plan_done(struct tr_node_plan *plan);
bool tr_node_plan_is_empty(const struct tr_node_plan *plan);

/* The scene, with the servers where there may be any. */
int tr_layout_scene(struct tr_node *node, struct tr_scene *ret, struct tr_err *err);

/* Who uses a slice: "stack 'demo', model 'chat'", "pid 41 (python3) in container 3f1c2d4e5a6b"; ""
 * when nobody. */
int tr_slice_users(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, const struct tr_card_slice *slice, struct tr_buf *ret,
	struct tr_err *err);

/* The file and label that an ask names. */
int tr_layout_open_ask(const struct tr_layout_ask *ask, struct tr_layout_file **ret_file,
	const struct tr_layout_label **ret_label, struct tr_err *err);

/* What stands on the cards now, or (plan not NULL) on those that a plan changes: before it, or
 * behind it. By UUID or by index. The result is the caller's. */
int tr_layout_of_cards(const struct tr_cards *cards, bool by_uuid, const char *label,
	struct tr_layout_file **ret, struct tr_err *err);
int tr_layout_of_plan(const struct tr_node_plan *plan, bool after, struct tr_layout_file **ret,
	struct tr_err *err);
