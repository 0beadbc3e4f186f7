/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small linear program, solved by the revised simplex method: least cost, equal rows, columns of
 * at least 0.
 *
 * Floating point, so its answer is a hint and no proof: whoever needs a bound rounds the prices of
 * the rows to whole numbers and computes it from them (see solve.c). Columns may be added between
 * two runs, which then start from the basis that is there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tr_err;

struct tr_lp {
	size_t n_rows, n_cols, cap;
	double *penalty;     /* by row: what each unit costs that no column gives */
	double *a, *cost;    /* by column: n_rows numbers, one */
	double *sign;	     /* by row: of its filler column */
	double *inverse;     /* of the basis, by rows */
	double *level;	     /* by row: the basic column's value */
	double *price, *dir; /* by row */
	ptrdiff_t *basis;    /* by row: a column, or -1 - row for a row's filler */
};

void tr_lp_done(struct tr_lp *lp);
/* Starts over with `n_rows` right sides and no penalties; the memory that is there serves again. */
int tr_lp_start(struct tr_lp *lp, size_t n_rows, const double *right, struct tr_err *err);
/* Adds an empty column; ret_a holds n_rows zeros to fill in, until the next one is added. */
int tr_lp_column(struct tr_lp *lp, double cost, double **ret_a, struct tr_err *err);
/* Runs to the optimum, or as long as max_steps lets it. After it: price, level, basis. */
void tr_lp_run(struct tr_lp *lp, size_t max_steps);
double tr_lp_value(const struct tr_lp *lp);
