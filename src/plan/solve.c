/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branch and bound over a linear program whose columns are whole ways to serve a model (found as
 * they are wanted, by tr_cover_find at the rows' prices) and whole mixes of a card. Such columns
 * leave a gap of less than one card nearly always, where a program over single slices leaves
 * several. It branches on how many cards of a kind there are, how many slices of a size, then on
 * mixes, then on a model's slices of a size: the last limits the columns, the others are rows.
 */
#include "plan/solve.h"

#include "base/err.h"
#include "base/own.h"
#include "plan/lp.h"

#include <math.h>
#include <string.h>

__extension__ typedef __int128 wide;

/* Prices are counted in 1/SCALE; MAX_DEPTH bounds the rows that branching adds. */
enum {
	SCALE = 1 << 22,
	MAX_DEPTH = 120,
	LP_STEPS = 2000,
	ROUNDS = 40,
	DIVE_EVERY = 16,
	KEPT_SOLVES = 8
};
static const double whole = 1e-5; /* nearer than this to a whole number is one */
/* Rows are that much wider in the linear program, each by another amount: with many zeros on the
 * right it would step on the spot. */
static const double loose = 1e-8;
/* So that sums over a model's slices stay in 64 bits. */
static const double max_price = (double)(INT64_C(1) << 42);
static const int64_t any = INT64_C(1) << 40;

struct pool_col {
	uint32_t model;
	uint32_t last_solve; /* that had use for it */
	int64_t n[TR_COVER_SIZES];
};

struct tree {
	const struct tr_solve *p;
	struct tr_solved *best;
	int64_t grain; /* all costs are multiples of it */
	size_t n_rows, max_rows;
	struct tr_solve_row *rows;
	int32_t *of_mix;
	int64_t *least, *most; /* by model, then size */
	struct tr_lp lp;
	double penalty;
	double *weight; /* by model: how many slices it takes, about */
	size_t n_pool, cap_pool;
	struct pool_col *pool;
	size_t n_used, cap_used;
	uint32_t n_solves;
	uint32_t *used; /* the pool's columns in the linear program, in its order */
	double *right;
	int64_t *price; /* by row */
	/* The last solution. */
	double *mix_level, *model_level, size_level[TR_COVER_SIZES];
	uint32_t *lead;	    /* by model: the pool's column with the largest part */
	double *lead_level; /* by model */
	double missing;	    /* what fillers give */
	int64_t bound;	    /* of this node */
	bool is_cut;
};

static void tree_done(struct tree *t)
{
	tr_lp_done(&t->lp);
	free(t->rows);
	free(t->of_mix);
	free(t->least);
	free(t->most);
	free(t->pool);
	free(t->used);
	free(t->right);
	free(t->price);
	free(t->weight);
	free(t->mix_level);
	free(t->model_level);
	free(t->lead);
	free(t->lead_level);
}

static int64_t gcd(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int tree_init(struct tree *t, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	size_t n_cells = p->n_models * p->n_sizes;
	int64_t dearest = 0;

	t->max_rows = p->n_rows + MAX_DEPTH;
	t->rows = calloc(t->max_rows, sizeof(*t->rows));
	t->of_mix = calloc(MAX_DEPTH * p->n_mixes + 1, sizeof(*t->of_mix));
	t->least = calloc(n_cells + 1, sizeof(*t->least));
	t->most = calloc(n_cells + 1, sizeof(*t->most));
	t->right = calloc(t->max_rows + p->n_models, sizeof(*t->right));
	t->price = calloc(t->max_rows, sizeof(*t->price));
	t->mix_level = calloc(p->n_mixes + 1, sizeof(*t->mix_level));
	t->model_level = calloc(n_cells + 1, sizeof(*t->model_level));
	t->weight = calloc(p->n_models + 1, sizeof(*t->weight));
	t->lead = calloc(p->n_models + 1, sizeof(*t->lead));
	t->lead_level = calloc(p->n_models + 1, sizeof(*t->lead_level));
	if (!t->rows || !t->of_mix || !t->least || !t->most || !t->right || !t->price ||
		!t->mix_level || !t->model_level || !t->weight || !t->lead || !t->lead_level)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu models", p->n_models);
	memcpy(t->rows, p->rows, p->n_rows * sizeof(*p->rows));
	t->n_rows = p->n_rows;
	for (size_t i = 0; i < n_cells; i++)
		t->most[i] = any;
	for (size_t i = 0; i < p->n_sizes; i++)
		t->grain = gcd(p->size_cost[i], t->grain);
	for (size_t i = 0; i < p->n_mixes; i++)
		t->grain = gcd(p->mix_cost[i], t->grain);
	if (t->grain == 0)
		t->grain = 1;
	for (size_t i = 0; i < p->n_sizes; i++)
		dearest = p->size_cost[i] > dearest ? p->size_cost[i] : dearest;
	for (size_t i = 0; i < p->n_mixes; i++)
		dearest = p->mix_cost[i] > dearest ? p->mix_cost[i] : dearest;
	t->penalty = 4.0 * (double)(dearest + 1);
	for (size_t m = 0; m < p->n_models; m++)
		for (size_t s = 0; s < p->n_sizes; s++)
			if (p->carries[m * p->n_sizes + s])
				t->weight[m] = fmax(t->weight[m],
					1 + (double)p->demand[m] /
							(double)p->carries[m * p->n_sizes + s]);
	return 0;
}

/* ---- the bound ---- */

/* Whole prices of the rows from the linear program's; repaired so that no mix and no size earns. */
static void set_prices(struct tree *t, int64_t ret_of_size[TR_COVER_SIZES])
{
	const struct tr_solve *p = t->p;

	for (size_t r = 0; r < t->n_rows; r++) {
		double price = -t->lp.price[r] * SCALE;

		t->price[r] = price > 0.5 ? (int64_t)(fmin(price, max_price) + 0.5) : 0;
	}
	for (size_t c = 0; c < p->n_mixes; c++) {
		int64_t left = p->mix_cost[c] * SCALE;

		for (size_t r = 0; r < t->n_rows; r++)
			left += t->price[r] * t->rows[r].of_mix[c];
		for (size_t r = 0; r < t->n_rows && left < 0; r++) {
			int64_t each = -(int64_t)t->rows[r].of_mix[c], less;

			if (each <= 0 || t->price[r] == 0)
				continue;
			less = (-left + each - 1) / each;
			less = less < t->price[r] ? less : t->price[r];
			t->price[r] -= less;
			left += less * each;
		}
	}
	for (size_t s = 0; s < p->n_sizes; s++) {
		int64_t left = p->size_cost[s] * SCALE;

		for (size_t r = 0; r < t->n_rows; r++)
			left += t->price[r] * t->rows[r].of_size[s];
		for (size_t r = 0; r < t->n_rows && left < 0; r++) {
			int64_t each = -(int64_t)t->rows[r].of_size[s], less;

			/* A row that holds mixes too cannot give way here without earning there. */
			if (each <= 0 || t->price[r] == 0)
				continue;
			less = (-left + each - 1) / each;
			less = less < t->price[r] ? less : t->price[r];
			t->price[r] -= less;
			left += less * each;
		}
		ret_of_size[s] = left;
	}
}

/* True when the repaired prices hold for all mixes and sizes. */
static bool holds(const struct tree *t, int64_t of_size[TR_COVER_SIZES])
{
	const struct tr_solve *p = t->p;

	for (size_t c = 0; c < p->n_mixes; c++) {
		int64_t left = p->mix_cost[c] * SCALE;

		for (size_t r = 0; r < t->n_rows; r++)
			left += t->price[r] * t->rows[r].of_mix[c];
		if (left < 0)
			return false;
	}
	for (size_t s = 0; s < p->n_sizes; s++) {
		of_size[s] = p->size_cost[s] * SCALE;
		for (size_t r = 0; r < t->n_rows; r++)
			of_size[s] += t->price[r] * t->rows[r].of_size[s];
		if (of_size[s] < 0)
			return false;
	}
	return true;
}

static int pool_add(struct tree *t, uint32_t model, const int64_t *n, struct tr_err *err)
{
	if (t->n_pool == t->cap_pool) {
		size_t cap = t->cap_pool ? 2 * t->cap_pool : 128;
		struct pool_col *more = realloc(t->pool, cap * sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "planning %zu columns", cap);
		t->pool = more;
		t->cap_pool = cap;
	}
	t->pool[t->n_pool].model = model;
	t->pool[t->n_pool].last_solve = t->n_solves;
	memcpy(t->pool[t->n_pool++].n, n, sizeof(t->pool->n));
	return 0;
}

static int lp_add(struct tree *t, uint32_t at, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	const struct pool_col *col = &t->pool[at];
	double cost = 0, *a;

	if (t->n_used == t->cap_used) {
		size_t cap = t->cap_used ? 2 * t->cap_used : 128;
		uint32_t *more = realloc(t->used, cap * sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "planning %zu columns", cap);
		t->used = more;
		t->cap_used = cap;
	}
	for (size_t s = 0; s < p->n_sizes; s++)
		cost += (double)(p->size_cost[s] * col->n[s]);
	if (tr_lp_column(&t->lp, cost, &a, err) < 0)
		return -(int)err->code;
	t->used[t->n_used++] = at;
	for (size_t r = 0; r < t->n_rows; r++)
		for (size_t s = 0; s < p->n_sizes; s++)
			a[r] += (double)(t->rows[r].of_size[s] * col->n[s]);
	a[t->n_rows + col->model] = 1;
	return 0;
}

/* The bound at the rows' prices; ret_is_new: columns were added that lower the program's cost. */
static int price_models(struct tree *t, bool *ret_is_new, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	struct tr_cover cover = { .n_sizes = p->n_sizes };
	bool is_bound;
	wide sum = 0;

	*ret_is_new = false;
	set_prices(t, cover.price);
	is_bound = holds(t, cover.price);
	for (size_t s = 0; s < p->n_sizes; s++)
		if (cover.price[s] < 0)
			cover.price[s] = 0;
	for (size_t r = 0; r < t->n_rows; r++)
		sum -= (wide)t->price[r] * t->rows[r].most;
	for (size_t m = 0; m < p->n_models; m++) {
		int64_t n[TR_COVER_SIZES] = { 0 }, bound, cost = 0;

		cover.demand = p->demand[m];
		cover.carries = p->carries + m * p->n_sizes;
		cover.least = t->least + m * p->n_sizes;
		cover.most = t->most + m * p->n_sizes;
		bound = tr_cover_find(&cover, n);
		if (bound == TR_COVER_NO_WAY) {
			t->bound = INT64_MAX;
			return 0;
		}
		sum += bound;
		for (size_t s = 0; s < p->n_sizes; s++)
			cost += cover.price[s] * n[s];
		if ((double)cost / SCALE < t->lp.price[t->n_rows + m] - whole) {
			*ret_is_new = true;
			if (pool_add(t, (uint32_t)m, n, err) < 0 ||
				lp_add(t, (uint32_t)t->n_pool - 1, err) < 0)
				return -(int)err->code;
		}
	}
	if (is_bound && sum > 0) {
		wide step = (wide)t->grain * SCALE;
		int64_t bound = (int64_t)((sum + step - 1) / step) * t->grain;

		t->bound = bound > t->bound ? bound : t->bound;
	}
	return 0;
}

/* ---- the linear program ---- */

static bool is_allowed(const struct tree *t, const struct pool_col *col)
{
	const int64_t *least = t->least + col->model * t->p->n_sizes;
	const int64_t *most = t->most + col->model * t->p->n_sizes;

	for (size_t s = 0; s < t->p->n_sizes; s++)
		if (col->n[s] < least[s] || col->n[s] > most[s])
			return false;
	return true;
}

/* Looking through columns costs more than to find the few again that are missed. */
static void forget_old(struct tree *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_pool; i++)
		if (t->n_solves - t->pool[i].last_solve <= KEPT_SOLVES)
			t->pool[n++] = t->pool[i];
	t->n_pool = n;
	t->n_solves++;
}

static int lp_build(struct tree *t, double penalty, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	double *a;

	for (size_t r = 0; r < t->n_rows; r++)
		t->right[r] = (double)t->rows[r].most + loose * (double)(1 + r * 29 % 31);
	for (size_t m = 0; m < p->n_models; m++)
		t->right[t->n_rows + m] = 1;
	if (tr_lp_start(&t->lp, t->n_rows + p->n_models, t->right, err) < 0)
		return -(int)err->code;
	for (size_t r = 0; r < t->lp.n_rows; r++)
		t->lp.penalty[r] = penalty * (r < t->n_rows ? 1 : t->weight[r - t->n_rows]);
	t->n_used = 0;
	forget_old(t);
	for (size_t r = 0; r < t->n_rows; r++) {
		if (tr_lp_column(&t->lp, 0, &a, err) < 0)
			return -(int)err->code;
		a[r] = 1;
	}
	for (size_t s = 0; s < p->n_sizes; s++) {
		if (tr_lp_column(&t->lp, (double)p->size_cost[s], &a, err) < 0)
			return -(int)err->code;
		for (size_t r = 0; r < t->n_rows; r++)
			a[r] = t->rows[r].of_size[s];
	}
	for (size_t c = 0; c < p->n_mixes; c++) {
		if (tr_lp_column(&t->lp, (double)p->mix_cost[c], &a, err) < 0)
			return -(int)err->code;
		for (size_t r = 0; r < t->n_rows; r++)
			a[r] = t->rows[r].of_mix[c];
	}
	for (size_t i = 0; i < t->n_pool; i++)
		if (is_allowed(t, &t->pool[i]) && lp_add(t, (uint32_t)i, err) < 0)
			return -(int)err->code;
	return 0;
}

static void lp_read(struct tree *t)
{
	const struct tr_solve *p = t->p;
	size_t first_size = t->n_rows, first_mix = first_size + p->n_sizes;
	size_t first_used = first_mix + p->n_mixes;

	memset(t->mix_level, 0, p->n_mixes * sizeof(*t->mix_level));
	memset(t->model_level, 0, p->n_models * p->n_sizes * sizeof(*t->model_level));
	memset(t->size_level, 0, sizeof(t->size_level));
	memset(t->lead_level, 0, p->n_models * sizeof(*t->lead_level));
	t->missing = 0;
	for (size_t r = 0; r < t->lp.n_rows; r++) {
		double level = t->lp.level[r];
		size_t at = (size_t)t->lp.basis[r];
		struct pool_col *col;

		if (t->lp.basis[r] < 0)
			t->missing += level;
		if (t->lp.basis[r] < 0 || at < first_size)
			continue;
		if (at < first_mix) {
			t->size_level[at - first_size] += level;
			continue;
		}
		if (at < first_used) {
			t->mix_level[at - first_mix] += level;
			continue;
		}
		col = &t->pool[t->used[at - first_used]];
		col->last_solve = t->n_solves;
		if (level > t->lead_level[col->model]) {
			t->lead_level[col->model] = level;
			t->lead[col->model] = t->used[at - first_used];
		}
		for (size_t s = 0; s < p->n_sizes; s++) {
			t->size_level[s] += level * (double)col->n[s];
			t->model_level[col->model * p->n_sizes + s] += level * (double)col->n[s];
		}
	}
}

static int64_t target(const struct tree *t)
{
	return t->best->is_found ? t->best->cost : t->p->below;
}

/* Solves the node: t->bound, and the levels unless that bound ends it already. */
static int node_solve(struct tree *t, struct tr_err *err)
{
	double penalty = t->penalty;
	bool is_new = true;

	t->bound = 0; /* no cost is below it */
	if (lp_build(t, penalty, err) < 0)
		return -(int)err->code;
	for (int i = 0; i < ROUNDS && is_new; i++) {
		tr_lp_run(&t->lp, LP_STEPS);
		if (price_models(t, &is_new, err) < 0)
			return -(int)err->code;
		if (t->bound >= target(t))
			return 0;
		lp_read(t);
		/* More columns could not lift the bound to the next cost. */
		if (t->missing < whole && (double)t->bound >= tr_lp_value(&t->lp) - whole)
			break;
		/* What is missing only seems cheaper than what would give it. */
		if (!is_new && t->missing > whole && penalty < 1e4 * t->penalty) {
			penalty *= 20;
			for (size_t r = 0; r < t->lp.n_rows; r++)
				t->lp.penalty[r] *= 20;
			is_new = true;
		}
	}
	lp_read(t);
	return 0;
}

/* ---- ways ---- */

static void keep(struct tree *t, const int64_t *n, const int64_t *cards, int64_t cost)
{
	const struct tr_solve *p = t->p;

	t->best->is_found = true;
	t->best->cost = cost;
	if (p->n_models)
		memcpy(t->best->n, n, p->n_models * p->n_sizes * sizeof(*n));
	memcpy(t->best->cards, cards, p->n_mixes * sizeof(*cards));
}

/* Cards for slices that are settled: the same problem with no models in it. */
static int pack(struct tree *t, const int64_t *n, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	TR_AUTO_FREE char *rows_mem = calloc(p->n_rows, sizeof(struct tr_solve_row));
	TR_AUTO_FREE char *cards_mem = calloc(p->n_mixes, sizeof(int64_t));
	struct tr_solve_row *rows = (void *)rows_mem;
	struct tr_solved solved = { .cards = (void *)cards_mem };
	struct tr_solve q = *p;
	int64_t sum[TR_COVER_SIZES] = { 0 }, cost = 0;

	if (!rows_mem || !cards_mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning cards");
	for (size_t m = 0; m < p->n_models; m++)
		for (size_t s = 0; s < p->n_sizes; s++)
			sum[s] += n[m * p->n_sizes + s];
	for (size_t s = 0; s < p->n_sizes; s++)
		cost += sum[s] * p->size_cost[s];
	memcpy(rows, p->rows, p->n_rows * sizeof(*rows));
	for (size_t r = 0; r < p->n_rows; r++)
		for (size_t s = 0; s < p->n_sizes; s++)
			rows[r].most -= rows[r].of_size[s] * sum[s];
	q.n_models = 0;
	q.rows = rows;
	q.below = target(t) - cost;
	q.enough = p->enough - cost;
	q.max_nodes = 60;
	if (q.below <= 0)
		return 0;
	if (tr_solve(&q, &solved, err) < 0)
		return -(int)err->code;
	if (solved.is_found)
		keep(t, n, solved.cards, cost + solved.cost);
	return 0;
}

static int round_models(struct tree *t, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	TR_AUTO_FREE char *mem = calloc(p->n_models * p->n_sizes, sizeof(int64_t));
	int64_t *n = (void *)mem;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning models");
	for (size_t m = 0; m < p->n_models; m++) {
		if (t->lead_level[m] == 0)
			return 0;
		memcpy(n + m * p->n_sizes, t->pool[t->lead[m]].n, p->n_sizes * sizeof(*n));
	}
	return pack(t, n, err);
}

/* The levels themselves, where they are whole numbers and hold what they must. */
static int take_whole(struct tree *t, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	size_t n_cells = p->n_models * p->n_sizes;
	TR_AUTO_FREE char *mem = calloc(n_cells + p->n_mixes, sizeof(int64_t));
	int64_t *n = (void *)mem, *cards = n + n_cells;
	int64_t sum[TR_COVER_SIZES] = { 0 }, cost = 0;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning cards");
	for (size_t m = 0; m < p->n_models; m++) {
		int64_t carried = 0;

		for (size_t i = m * p->n_sizes, s = 0; s < p->n_sizes; i++, s++) {
			n[i] = llround(t->model_level[i]);
			sum[s] += n[i];
			carried += n[i] * p->carries[i];
			cost += n[i] * p->size_cost[s];
		}
		if (carried < p->demand[m])
			return 0;
	}
	for (size_t c = 0; c < p->n_mixes; c++) {
		cards[c] = llround(t->mix_level[c]);
		cost += cards[c] * p->mix_cost[c];
	}
	for (size_t r = 0; r < p->n_rows; r++) {
		int64_t total = 0;

		for (size_t s = 0; s < p->n_sizes; s++)
			total += p->rows[r].of_size[s] * sum[s];
		for (size_t c = 0; c < p->n_mixes; c++)
			total += p->rows[r].of_mix[c] * cards[c];
		if (total > p->rows[r].most)
			return 0;
	}
	if (cost < target(t))
		keep(t, n, cards, cost);
	return 0;
}

/* Settles one model after the other, at the way that has the largest part in the program. */
static int dive(struct tree *t, struct tr_err *err)
{
	const struct tr_solve *p = t->p;
	size_t n_cells = p->n_models * p->n_sizes;
	TR_AUTO_FREE char *mem = malloc(2 * n_cells * sizeof(int64_t) + p->n_models);
	int64_t *least = (void *)mem, *most = least + n_cells;
	char *is_set = mem + 2 * n_cells * sizeof(int64_t);
	int r = 0;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning models");
	memcpy(least, t->least, n_cells * sizeof(*least));
	memcpy(most, t->most, n_cells * sizeof(*most));
	memset(is_set, 0, p->n_models);
	for (size_t i = 0; i < p->n_models && r == 0; i++) {
		size_t m = p->n_models;

		for (size_t k = 0; k < p->n_models; k++)
			if (!is_set[k] && (m == p->n_models || t->lead_level[k] > t->lead_level[m]))
				m = k;
		if (t->lead_level[m] == 0)
			break;
		is_set[m] = 1;
		memcpy(t->least + m * p->n_sizes, t->pool[t->lead[m]].n,
			p->n_sizes * sizeof(*least));
		memcpy(t->most + m * p->n_sizes, t->pool[t->lead[m]].n, p->n_sizes * sizeof(*most));
		r = node_solve(t, err);
		if (r < 0 || t->bound >= target(t))
			break;
		if (i + 3 >= p->n_models)
			r = round_models(t, err);
	}
	memcpy(t->least, least, n_cells * sizeof(*least));
	memcpy(t->most, most, n_cells * sizeof(*most));
	return r;
}

/* ---- the tree ---- */

enum on { ON_NOTHING, ON_KIND, ON_SIZE, ON_MIX, ON_MODEL };

struct branch {
	enum on on;
	size_t at;
	double level;
};

static void offer(struct branch *b, enum on on, size_t at, double level)
{
	double own = fabs(level - floor(level) - 0.5),
	       other = fabs(b->level - floor(b->level) - 0.5);

	if (own > 0.5 - whole)
		return;
	if (b->on == ON_NOTHING || (b->on == on && own < other))
		*b = (struct branch){ on, at, level };
}

static struct branch choose(const struct tree *t)
{
	const struct tr_solve *p = t->p;
	struct branch b = { ON_NOTHING, 0, 0 };

	for (size_t k = 0; k < p->n_kinds && p->n_kinds > 1; k++) {
		double level = 0;

		for (size_t c = 0; c < p->n_mixes; c++)
			level += p->mix_kind[c] == k ? t->mix_level[c] : 0;
		offer(&b, ON_KIND, k, level);
	}
	if (p->n_models)
		for (size_t s = 0; s < p->n_sizes; s++)
			offer(&b, ON_SIZE, s, t->size_level[s]);
	for (size_t i = 0; i < p->n_models * p->n_sizes; i++)
		offer(&b, ON_MODEL, i, t->model_level[i]);
	for (size_t c = 0; c < p->n_mixes; c++)
		offer(&b, ON_MIX, c, t->mix_level[c]);
	return b;
}

static int visit(struct tree *t, uint32_t depth, struct tr_err *err);

/* One side of a branch: at most floor(level), or more. */
static int visit_side(
	struct tree *t, const struct branch *b, bool up, uint32_t depth, struct tr_err *err)
{
	int64_t least, most, edge = (int64_t)floor(b->level);
	struct tr_solve_row *row;
	int r;

	if (b->on == ON_MODEL) {
		least = t->least[b->at];
		most = t->most[b->at];
		if (up)
			t->least[b->at] = edge + 1;
		else
			t->most[b->at] = edge;
		r = visit(t, depth + 1, err);
		t->least[b->at] = least;
		t->most[b->at] = most;
		return r;
	}
	row = &t->rows[t->n_rows];
	*row = (struct tr_solve_row){ .most = up ? -(edge + 1) : edge };
	row->of_mix = t->of_mix + (t->n_rows - t->p->n_rows) * t->p->n_mixes;
	memset(row->of_mix, 0, t->p->n_mixes * sizeof(*row->of_mix));
	if (b->on == ON_SIZE)
		row->of_size[b->at] = up ? -1 : 1;
	else if (b->on == ON_MIX)
		row->of_mix[b->at] = up ? -1 : 1;
	for (size_t c = 0; b->on == ON_KIND && c < t->p->n_mixes; c++)
		row->of_mix[c] = t->p->mix_kind[c] == b->at ? (up ? -1 : 1) : 0;
	t->n_rows++;
	r = visit(t, depth + 1, err);
	t->n_rows--;
	return r;
}

static bool is_done(const struct tree *t)
{
	return t->best->is_found &&
	       (t->best->cost <= t->p->enough || t->best->cost <= t->best->bound);
}

static int visit(struct tree *t, uint32_t depth, struct tr_err *err)
{
	struct branch b;
	bool up;

	if (t->best->n_nodes >= t->p->max_nodes || depth >= MAX_DEPTH) {
		t->is_cut = true;
		return 0;
	}
	t->best->n_nodes++;
	if (node_solve(t, err) < 0)
		return -(int)err->code;
	if (depth == 0)
		t->best->bound = t->bound < t->p->below ? t->bound : t->p->below;
	if (t->bound >= target(t))
		return 0;
	b = choose(t);
	if (take_whole(t, err) < 0)
		return -(int)err->code;
	if (t->p->n_models == 0 || is_done(t))
		;
	else if (round_models(t, err) < 0 ||
		 (!is_done(t) && t->best->n_nodes % DIVE_EVERY == 1 && dive(t, err) < 0))
		return -(int)err->code;
	if (is_done(t) || b.on == ON_NOTHING) {
		/* Whole levels that did not lead to a way: cards were left to pack() to find. */
		t->is_cut = t->is_cut || (b.on == ON_NOTHING && t->bound < target(t));
		return 0;
	}
	up = b.level - floor(b.level) > 0.5 || b.on == ON_MIX;
	for (int i = 0; i < 2; i++) {
		if (visit_side(t, &b, i == 0 ? up : !up, depth, err) < 0)
			return -(int)err->code;
		if (is_done(t))
			return 0;
	}
	return 0;
}

int tr_solve(const struct tr_solve *problem, struct tr_solved *ret, struct tr_err *err)
{
	TR_AUTO(tree_done) struct tree t = { .p = problem, .best = ret };

	ret->is_found = ret->is_cut = false;
	ret->n_nodes = 0;
	ret->bound = 0;
	if (tree_init(&t, err) < 0 || visit(&t, 0, err) < 0)
		return -(int)err->code;
	if (is_done(&t))
		return 0;
	ret->is_cut = t.is_cut;
	if (!t.is_cut)
		ret->bound = target(&t);
	return 0;
}
