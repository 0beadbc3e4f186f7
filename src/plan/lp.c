/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse is kept whole: with a hundred rows that is less work than factors would be. It is
 * built up by pivots alone, from the fillers at each start, and a run is a few hundred pivots, so
 * that what rounding adds up to stays far below `tiny`.
 */
#include "plan/lp.h"

#include "base/err.h"
#include "base/own.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const double tiny = 1e-9;
/* Steps that gain nothing before the rule that cannot go in circles takes over. */
enum { STALL_STEPS = 40 };

void tr_lp_done(struct tr_lp *lp)
{
	free(lp->a);
	free(lp->cost);
	free(lp->penalty);
	free(lp->sign);
	free(lp->inverse);
	free(lp->level);
	free(lp->price);
	free(lp->dir);
	free(lp->basis);
	*lp = (struct tr_lp){ 0 };
}

static bool grow(double **v, size_t n)
{
	double *more = realloc(*v, n * sizeof(**v));

	if (more)
		*v = more;
	return more != NULL;
}

int tr_lp_start(struct tr_lp *lp, size_t n_rows, const double *right, struct tr_err *err)
{
	ptrdiff_t *basis;

	/* A column's place depends on the number of rows. */
	if (lp->n_rows != n_rows) {
		if (!grow(&lp->penalty, n_rows) || !grow(&lp->sign, n_rows) ||
			!grow(&lp->inverse, n_rows * n_rows) || !grow(&lp->level, n_rows) ||
			!grow(&lp->price, n_rows) || !grow(&lp->dir, n_rows))
			return tr_fail(err, TR_E_NO_MEMORY, "planning %zu rows", n_rows);
		basis = realloc(lp->basis, n_rows * sizeof(*basis));
		if (!basis)
			return tr_fail(err, TR_E_NO_MEMORY, "planning %zu rows", n_rows);
		lp->basis = basis;
		lp->n_rows = n_rows;
		lp->cap = 0;
	}
	lp->n_cols = 0;
	memset(lp->penalty, 0, n_rows * sizeof(*lp->penalty));
	memset(lp->inverse, 0, n_rows * n_rows * sizeof(*lp->inverse));
	for (size_t r = 0; r < n_rows; r++) {
		lp->sign[r] = right[r] < 0 ? -1 : 1;
		lp->inverse[r * n_rows + r] = lp->sign[r];
		lp->level[r] = fabs(right[r]);
		lp->basis[r] = -1 - (ptrdiff_t)r;
	}
	return 0;
}

int tr_lp_column(struct tr_lp *lp, double cost, double **ret_a, struct tr_err *err)
{
	if (lp->n_cols == lp->cap) {
		size_t cap = lp->cap ? 2 * lp->cap : 64;

		if (!grow(&lp->a, cap * lp->n_rows) || !grow(&lp->cost, cap))
			return tr_fail(err, TR_E_NO_MEMORY, "planning %zu columns", cap);
		lp->cap = cap;
	}
	*ret_a = lp->a + lp->n_cols * lp->n_rows;
	memset(*ret_a, 0, lp->n_rows * sizeof(**ret_a));
	lp->cost[lp->n_cols++] = cost;
	return 0;
}

static double cost_of(const struct tr_lp *lp, ptrdiff_t col)
{
	return col < 0 ? lp->penalty[-1 - col] : lp->cost[col];
}

static void set_prices(struct tr_lp *lp)
{
	size_t n = lp->n_rows;

	memset(lp->price, 0, n * sizeof(*lp->price));
	for (size_t r = 0; r < n; r++) {
		double cost = cost_of(lp, lp->basis[r]);

		if (cost != 0)
			for (size_t i = 0; i < n; i++)
				lp->price[i] += cost * lp->inverse[r * n + i];
	}
}

/* The column that enters: the one that gains most a unit, or the first that gains; -1: none. */
static ptrdiff_t choose(const struct tr_lp *lp, bool first)
{
	ptrdiff_t best = -1;
	double dearest = 1, least;

	for (size_t r = 0; r < lp->n_rows; r++)
		dearest = fmax(dearest, fabs(lp->price[r]));
	least = -tiny * dearest;
	for (size_t c = 0; c < lp->n_cols; c++) {
		const double *a = lp->a + c * lp->n_rows;
		double gain = lp->cost[c];

		for (size_t r = 0; r < lp->n_rows; r++)
			gain -= lp->price[r] * a[r];
		if (gain >= least)
			continue;
		best = (ptrdiff_t)c;
		if (first)
			return best;
		least = gain;
	}
	return best;
}

/* The row whose column leaves; -1 when none limits the step. Of rows that tie, a filler's, then the
 * one with the largest pivot, or the lowest column under the rule that cannot go in circles. */
static ptrdiff_t limit(struct tr_lp *lp, ptrdiff_t col, bool lowest, double *ret_step)
{
	size_t n = lp->n_rows;
	const double *a = lp->a + (size_t)col * n;
	ptrdiff_t best = -1;
	double step = INFINITY;

	for (size_t r = 0; r < n; r++) {
		double d = 0, ratio;
		bool better;

		for (size_t i = 0; i < n; i++)
			d += lp->inverse[r * n + i] * a[i];
		lp->dir[r] = d;
		if (d <= tiny)
			continue;
		ratio = lp->level[r] / d;
		if (best >= 0 && ratio < step + tiny && ratio > step - tiny)
			better = lowest ? lp->basis[r] < lp->basis[best] : d > lp->dir[best];
		else
			better = ratio < step;
		if (!better)
			continue;
		best = (ptrdiff_t)r;
		step = ratio;
	}
	*ret_step = step;
	return best;
}

static void pivot(struct tr_lp *lp, size_t row, ptrdiff_t col, double step)
{
	size_t n = lp->n_rows;
	double *own = lp->inverse + row * n;

	for (size_t i = 0; i < n; i++)
		own[i] /= lp->dir[row];
	for (size_t r = 0; r < n; r++) {
		double *other = lp->inverse + r * n;

		if (r == row || lp->dir[r] == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			other[i] -= lp->dir[r] * own[i];
		lp->level[r] -= lp->dir[r] * step;
		if (lp->level[r] < 0)
			lp->level[r] = 0;
	}
	lp->level[row] = step;
	lp->basis[row] = col;
}

void tr_lp_run(struct tr_lp *lp, size_t max_steps)
{
	size_t n_still = 0;

	for (size_t i = 0; i < max_steps; i++) {
		bool careful = n_still > STALL_STEPS;
		ptrdiff_t col, row;
		double step;

		set_prices(lp);
		col = choose(lp, careful);
		row = col < 0 ? -1 : limit(lp, col, careful, &step);
		if (row < 0)
			return;
		n_still = step > tiny ? 0 : n_still + 1;
		pivot(lp, (size_t)row, col, step);
	}
	set_prices(lp);
}

double tr_lp_value(const struct tr_lp *lp)
{
	double value = 0;

	for (size_t r = 0; r < lp->n_rows; r++)
		value += cost_of(lp, lp->basis[r]) * lp->level[r];
	return value;
}
