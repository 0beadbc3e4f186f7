/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole-number problem behind a fleet: how many slices of each size each model has, and how
 * many cards are cut into each mix, at least cost under rows of limits.
 *
 *	least	sum size_cost[s] n[m][s] + sum mix_cost[c] cards[c]
 *	where	sum_s carries[m][s] n[m][s] >= demand[m]		for each model
 *		sum of_size[s] n[*][s] + sum of_mix[c] cards[c] <= most	for each row
 *
 * A lower bound stands on whole numbers only: a price for each row, none below 0, at which no mix
 * earns anything; then no way costs less than all models' cheapest slices at those prices, less
 * what the rows' limits are worth. Any such prices prove a bound; the linear program finds good
 * ones. A slice that no model has may be cut too, at size_cost.
 */
#pragma once

#include "plan/cover.h"

#include <stdbool.h>

struct tr_err;

struct tr_solve_row {
	int32_t of_size[TR_COVER_SIZES];
	int32_t *of_mix; /* by mix; of one sign in a row */
	int64_t most;
};

struct tr_solve {
	size_t n_models, n_sizes, n_mixes, n_rows;
	const int64_t *carries;		 /* by model, then size */
	const int64_t *demand;		 /* by model */
	const int64_t *size_cost;	 /* by size */
	const int64_t *mix_cost;	 /* by mix */
	const struct tr_solve_row *rows; /* all borrowed */
	/* By mix: of which kind its cards are; of several kinds the search first settles how many
	 * cards of each there are. n_kinds 0: it does not ask. */
	const uint8_t *mix_kind;
	size_t n_kinds;
	int64_t below;	/* a way that costs as much or more is no news */
	int64_t enough; /* one that costs no more ends the search */
	uint32_t max_nodes;
};

struct tr_solved {
	bool is_found; /* a way below `below` */
	bool is_cut;   /* max_nodes were not enough to settle it */
	int64_t cost, bound;
	uint32_t n_nodes;
	int64_t *n, *cards; /* as in the problem; the caller's memory, kept when nothing is found */
};

/* bound: no way costs less; where none costs less than `below`, that number at most. */
int tr_solve(const struct tr_solve *problem, struct tr_solved *ret, struct tr_err *err);
