/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three searches (solve.h), each under the limits that the one before found. The first two cut
 * cards into full mixes of the sizes that no other one replaces, since room that is left over costs
 * nothing there; the third takes all mixes and sizes, and just the slices that models have: a
 * larger slice than a model needs may be what keeps memory from being nobody's.
 */
#include "plan/fleet.h"

#include "base/err.h"
#include "base/own.h"
#include "plan/solve.h"

#include <string.h>

struct size_ref {
	uint8_t kind, size;
};

struct mix_ref {
	const struct tr_card *card;
	const struct tr_card_mix *mix;
	uint8_t kind;
	int32_t held; /* -1: an empty card */
};

struct work {
	const struct tr_fleet *fleet;
	size_t n_sizes, n_mixes;
	struct size_ref sizes[TR_COVER_SIZES];
	int32_t size_of[TR_FLEET_KINDS][TR_CARD_SIZES]; /* -1: of no use */
	struct mix_ref *mixes;
	bool *is_full;	   /* of them, while they are collected */
	uint8_t *mix_kind; /* of them; of held cards UINT8_MAX, which are of no price */
	int64_t *carries, *demand, *mix_cost;
	int64_t size_cost[TR_COVER_SIZES];
	size_t n_rows, max_rows;
	struct tr_solve_row *rows;
	int32_t *of_mix;
	int64_t *n, *cards;
	uint32_t n_nodes;
};

static void work_done(struct work *w)
{
	free(w->mixes);
	free(w->is_full);
	free(w->mix_kind);
	free(w->carries);
	free(w->demand);
	free(w->mix_cost);
	free(w->rows);
	free(w->of_mix);
	free(w->n);
	free(w->cards);
}

void tr_fleet_plan_free(struct tr_fleet_plan *plan)
{
	if (plan)
		free(plan->cards);
	free(plan);
}

TR_DEFINE_FREEP(struct tr_fleet_plan, tr_fleet_plan_free)

/* ---- sizes ---- */

static bool starts_within(const struct tr_gi_profile *a, const struct tr_gi_profile *b)
{
	for (uint32_t i = 0; i < a->n_starts; i++) {
		uint32_t k = 0;

		while (k < b->n_starts && b->starts[k] != a->starts[i])
			k++;
		if (k == b->n_starts)
			return false;
	}
	return true;
}

/* True when a card can have as many as its room allows, so that one more is never one too many. */
static bool is_limited_by_room(const struct tr_gpu_model *model, const struct tr_gi_profile *p)
{
	return p->max_instances >= model->compute_slices / p->slices ||
	       p->max_instances >= model->memory_slices / p->size;
}

/* True when the size could be replaced by the other wherever it stands, to no model's harm. */
static bool is_replaced(const struct tr_fleet *fleet, size_t kind, size_t size, size_t other)
{
	const struct tr_card *card = fleet->kinds[kind].card;
	const struct tr_gi_profile *a = card->sizes[size], *b = card->sizes[other];

	if (b->slices > a->slices || b->size > a->size || !is_limited_by_room(card->model, b) ||
		!starts_within(a, b))
		return false;
	for (size_t m = 0; m < fleet->n_models; m++)
		if (fleet->models[m].carries[kind][other] < fleet->models[m].carries[kind][size])
			return false;
	return true;
}

static bool is_useful(const struct tr_fleet *fleet, size_t kind, size_t size, bool all)
{
	bool carries = false;

	for (size_t m = 0; m < fleet->n_models && !carries; m++)
		carries = fleet->models[m].carries[kind][size] > 0;
	for (size_t other = 0; !all && carries && other < fleet->kinds[kind].card->n_sizes; other++)
		if (other != size && is_replaced(fleet, kind, size, other) &&
			(other < size || !is_replaced(fleet, kind, other, size)))
			carries = false;
	return carries;
}

static int set_sizes(struct work *w, bool all, struct tr_err *err)
{
	const struct tr_fleet *fleet = w->fleet;

	w->n_sizes = 0;
	for (size_t k = 0; k < fleet->n_kinds; k++) {
		for (size_t s = 0; s < fleet->kinds[k].card->n_sizes; s++) {
			w->size_of[k][s] = -1;
			if (!is_useful(fleet, k, s, all))
				continue;
			if (w->n_sizes == TR_COVER_SIZES)
				return tr_fail(err, TR_E_INVALID,
					"the cards have over %d sizes of slices", TR_COVER_SIZES);
			w->size_of[k][s] = (int32_t)w->n_sizes;
			w->sizes[w->n_sizes++] = (struct size_ref){ (uint8_t)k, (uint8_t)s };
		}
	}
	return 0;
}

static int set_models(struct work *w, struct tr_err *err)
{
	const struct tr_fleet *fleet = w->fleet;
	size_t n_cells = fleet->n_models * w->n_sizes + 1;

	free(w->carries);
	free(w->demand);
	free(w->n);
	w->carries = calloc(n_cells, sizeof(*w->carries));
	w->n = calloc(n_cells, sizeof(*w->n));
	w->demand = calloc(fleet->n_models + 1, sizeof(*w->demand));
	if (!w->carries || !w->n || !w->demand)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu models", fleet->n_models);
	for (size_t m = 0; m < fleet->n_models; m++) {
		bool carries = fleet->models[m].demand <= 0;

		w->demand[m] = fleet->models[m].demand;
		for (size_t s = 0; s < w->n_sizes; s++) {
			int64_t each = fleet->models[m].carries[w->sizes[s].kind][w->sizes[s].size];

			w->carries[m * w->n_sizes + s] = each;
			carries = carries || each > 0;
		}
		if (!carries)
			return tr_fail(err, TR_E_INVALID,
				"model '%s': no slice of any card named carries it",
				fleet->models[m].name);
	}
	return 0;
}

static bool contains(const struct tr_card_mix *a, const struct tr_card_mix *b)
{
	for (size_t i = 0; i < TR_CARD_SIZES; i++)
		if (a->n[i] < b->n[i])
			return false;
	return true;
}

/* Adds the mixes of a card by the sizes that are of use: all, or those that no other contains. */
static void add_mixes(
	struct work *w, const struct tr_card *card, uint8_t kind, int32_t held, bool all)
{
	size_t first = w->n_mixes, n = first;

	for (size_t i = 0; i < card->n_mixes; i++) {
		const struct tr_card_mix *mix = &card->mixes[i];
		bool is_wanted = mix->n_slices > 0;

		for (size_t s = 0; s < card->n_sizes; s++)
			if (mix->n[s] && w->size_of[kind][s] < 0)
				is_wanted = false;
		if (is_wanted)
			w->mixes[w->n_mixes++] = (struct mix_ref){ card, mix, kind, held };
	}
	if (all)
		return;
	/* No two mixes are equal, so that what takes one out stays in itself, or something larger.
	 */
	for (size_t i = first; i < w->n_mixes; i++) {
		bool is_full = true;

		for (size_t k = first; k < w->n_mixes && is_full; k++)
			if (k != i && contains(w->mixes[k].mix, w->mixes[i].mix))
				is_full = false;
		w->is_full[i] = is_full;
	}
	for (size_t i = first; i < w->n_mixes; i++)
		if (w->is_full[i])
			w->mixes[n++] = w->mixes[i];
	w->n_mixes = n;
}

static int set_mixes(struct work *w, bool all, struct tr_err *err)
{
	const struct tr_fleet *fleet = w->fleet;
	size_t most = 0;

	for (size_t k = 0; k < fleet->n_kinds; k++)
		most += fleet->kinds[k].card->n_mixes;
	for (size_t h = 0; h < fleet->n_held; h++)
		most += fleet->held[h].card->n_mixes;
	w->max_rows = 2 * TR_COVER_SIZES + TR_FLEET_KINDS + fleet->n_held + 2;
	if (!w->mixes) {
		w->mixes = calloc(most, sizeof(*w->mixes));
		w->is_full = calloc(most, sizeof(*w->is_full));
		w->mix_kind = calloc(most, sizeof(*w->mix_kind));
		w->mix_cost = calloc(most, sizeof(*w->mix_cost));
		w->cards = calloc(most, sizeof(*w->cards));
		w->rows = calloc(w->max_rows, sizeof(*w->rows));
		w->of_mix = calloc(w->max_rows * most, sizeof(*w->of_mix));
	}
	if (!w->mixes || !w->is_full || !w->mix_kind || !w->mix_cost || !w->cards || !w->rows ||
		!w->of_mix)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu mixes", most);
	w->n_mixes = 0;
	for (size_t k = 0; k < fleet->n_kinds; k++)
		add_mixes(w, fleet->kinds[k].card, (uint8_t)k, -1, all);
	for (size_t h = 0; h < fleet->n_held; h++)
		add_mixes(w, fleet->held[h].card, fleet->held[h].kind, (int32_t)h, all);
	for (size_t c = 0; c < w->n_mixes; c++)
		w->mix_kind[c] = w->mixes[c].held < 0 ? w->mixes[c].kind : UINT8_MAX;
	return 0;
}

/* ---- rows ---- */

static struct tr_solve_row *row_add(struct work *w, int64_t most)
{
	struct tr_solve_row *row = &w->rows[w->n_rows];

	*row = (struct tr_solve_row){ .most = most, .of_mix = w->of_mix + w->n_rows * w->n_mixes };
	memset(row->of_mix, 0, w->n_mixes * sizeof(*row->of_mix));
	w->n_rows++;
	return row;
}

static const struct tr_gi_profile *profile_of(const struct work *w, size_t size)
{
	return w->fleet->kinds[w->sizes[size].kind].card->sizes[w->sizes[size].size];
}

/* Models have no more slices of a size than cards have (or, sign -1, no fewer). */
static void row_supply(struct work *w, size_t size, int sign)
{
	struct tr_solve_row *row = row_add(w, 0);

	row->of_size[size] = sign;
	for (size_t c = 0; c < w->n_mixes; c++)
		if (w->mixes[c].kind == w->sizes[size].kind)
			row->of_mix[c] = -sign * w->mixes[c].mix->n[w->sizes[size].size];
}

/* No more cards of a kind, or held alike, than there are. */
static void row_cards(struct work *w, uint8_t kind, int32_t held, int64_t most)
{
	struct tr_solve_row *row = row_add(w, most);

	for (size_t c = 0; c < w->n_mixes; c++)
		row->of_mix[c] = w->mixes[c].kind == kind && w->mixes[c].held == held;
}

static void set_rows(struct work *w, bool exact)
{
	const struct tr_fleet *fleet = w->fleet;

	w->n_rows = 0;
	for (size_t s = 0; s < w->n_sizes; s++) {
		row_supply(w, s, 1);
		if (exact)
			row_supply(w, s, -1);
	}
	for (size_t k = 0; k < fleet->n_kinds; k++)
		if (fleet->kinds[k].most >= 0)
			row_cards(w, (uint8_t)k, -1, fleet->kinds[k].most);
	for (size_t h = 0; h < fleet->n_held; h++)
		row_cards(w, fleet->held[h].kind, (int32_t)h, fleet->held[h].n);
}

static int64_t price_of(const struct work *w, size_t c)
{
	return w->mixes[c].held < 0 ? w->fleet->kinds[w->mixes[c].kind].price : 0;
}

static void row_money(struct work *w, int64_t most)
{
	struct tr_solve_row *row = row_add(w, most);

	for (size_t c = 0; c < w->n_mixes; c++)
		row->of_mix[c] = (int32_t)price_of(w, c);
}

static void row_compute(struct work *w, int64_t most)
{
	struct tr_solve_row *row = row_add(w, most);

	for (size_t s = 0; s < w->n_sizes; s++)
		row->of_size[s] = (int32_t)profile_of(w, s)->slices;
}

/* ---- the three searches ---- */

static int search(struct work *w, int64_t below, struct tr_fleet_figure *ret, struct tr_err *err)
{
	const struct tr_fleet *fleet = w->fleet;
	struct tr_solve p = {
		.n_models = fleet->n_models,
		.n_sizes = w->n_sizes,
		.n_mixes = w->n_mixes,
		.n_rows = w->n_rows,
		.carries = w->carries,
		.demand = w->demand,
		.size_cost = w->size_cost,
		.mix_cost = w->mix_cost,
		.rows = w->rows,
		.mix_kind = w->mix_kind,
		.n_kinds = fleet->n_kinds,
		.below = below,
		.max_nodes = fleet->max_nodes ? fleet->max_nodes : TR_FLEET_NODES,
	};
	struct tr_solved solved = { .n = w->n, .cards = w->cards };

	if (tr_solve(&p, &solved, err) < 0)
		return -(int)err->code;
	w->n_nodes += solved.n_nodes;
	*ret = (struct tr_fleet_figure){ solved.is_found ? solved.cost : below, solved.bound };
	return solved.is_found;
}

/* The least that the model costs on cards of which there is no end, each with one slice of it. */
static int64_t alone(const struct tr_fleet *fleet, const struct tr_fleet_model *model)
{
	int64_t least = 0;

	for (size_t k = 0; k < fleet->n_kinds; k++) {
		for (size_t s = 0; s < fleet->kinds[k].card->n_sizes; s++) {
			int64_t each = model->carries[k][s], cost;

			if (fleet->kinds[k].most >= 0 || each == 0 || model->demand <= 0)
				continue;
			cost = (model->demand + each - 1) / each * fleet->kinds[k].price;
			if (least == 0 || cost < least)
				least = cost;
		}
	}
	return least;
}

/* No plan need cost more: all cards of which there is an end, the rest each model alone. */
static int64_t all_money(const struct tr_fleet *fleet)
{
	int64_t sum = 0;

	for (size_t k = 0; k < fleet->n_kinds; k++)
		if (fleet->kinds[k].most >= 0)
			sum += fleet->kinds[k].most * fleet->kinds[k].price;
	for (size_t m = 0; m < fleet->n_models; m++)
		sum += alone(fleet, &fleet->models[m]);
	return sum;
}

static int least_money(struct work *w, struct tr_fleet_figure *ret, struct tr_err *err)
{
	int64_t all = all_money(w->fleet);
	int r;

	if (set_mixes(w, false, err) < 0)
		return -(int)err->code;
	set_rows(w, false);
	for (size_t c = 0; c < w->n_mixes; c++)
		w->mix_cost[c] = price_of(w, c);
	r = search(w, all + 1, ret, err);
	if (r == 0 && ret->bound > all)
		return tr_fail(err, TR_E_NO_ROOM, "the models need more cards than there are");
	if (r == 0)
		return tr_fail(err, TR_E_NO_ROOM,
			"no plan found for the cards there are, and no proof that there is none");
	return r < 0 ? r : 0;
}

static int least_compute(
	struct work *w, int64_t money, struct tr_fleet_figure *ret, struct tr_err *err)
{
	int64_t now = 0;
	int r;

	for (size_t s = 0; s < w->n_sizes; s++) {
		w->size_cost[s] = profile_of(w, s)->slices;
		for (size_t m = 0; m < w->fleet->n_models; m++)
			now += w->n[m * w->n_sizes + s] * w->size_cost[s];
	}
	memset(w->mix_cost, 0, w->n_mixes * sizeof(*w->mix_cost));
	row_money(w, money);
	r = search(w, now, ret, err);
	return r < 0 ? r : 0;
}

static int64_t spare_of(const struct work *w, int64_t ret[TR_COVER_SIZES])
{
	int64_t sum = 0;

	for (size_t s = 0; s < w->n_sizes; s++) {
		ret[s] = 0;
		for (size_t c = 0; c < w->n_mixes; c++)
			if (w->mixes[c].kind == w->sizes[s].kind)
				ret[s] += w->cards[c] * w->mixes[c].mix->n[w->sizes[s].size];
		for (size_t m = 0; m < w->fleet->n_models; m++)
			ret[s] -= w->n[m * w->n_sizes + s];
		sum += ret[s];
	}
	return sum;
}

static size_t mix_at(const struct work *w, int32_t held, const struct tr_card_mix *mix)
{
	for (size_t c = 0; c < w->n_mixes; c++)
		if (w->mixes[c].held == held && w->mixes[c].mix == mix)
			return c;
	return w->n_mixes;
}

/* Takes one spare slice of a size out of a card that has one. A mix without it always exists. */
static void drop_slice(struct work *w, size_t size)
{
	for (size_t c = 0; c < w->n_mixes; c++) {
		const struct tr_card *card = w->mixes[c].card;
		uint8_t n[TR_CARD_SIZES];
		int32_t to;

		memcpy(n, w->mixes[c].mix->n, sizeof(n));
		if (w->cards[c] == 0 || w->mixes[c].kind != w->sizes[size].kind ||
			n[w->sizes[size].size] == 0)
			continue;
		n[w->sizes[size].size]--;
		to = tr_card_mix_find(card, n);
		w->cards[c]--;
		if (to > 0) /* 0: nothing is left on it */
			w->cards[mix_at(w, w->mixes[c].held, &card->mixes[to])]++;
		return;
	}
}

/* All sizes that carry something, instead of those that no other replaces. */
static int widen_sizes(struct work *w, struct tr_err *err)
{
	size_t n_before = w->n_sizes, n_models = w->fleet->n_models;
	struct size_ref before[TR_COVER_SIZES];
	TR_AUTO_FREE char *mem = calloc(n_models * n_before + 1, sizeof(int64_t));
	int64_t *n = (void *)mem;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu models", n_models);
	memcpy(n, w->n, n_models * n_before * sizeof(*n));
	memcpy(before, w->sizes, sizeof(before));
	if (set_sizes(w, true, err) < 0 || set_models(w, err) < 0)
		return -(int)err->code;
	for (size_t m = 0; m < n_models; m++)
		for (size_t s = 0; s < n_before; s++)
			w->n[m * w->n_sizes + (size_t)w->size_of[before[s].kind][before[s].size]] =
				n[m * n_before + s];
	return 0;
}

/* Leaves on the cards just the slices that models have, counting in all mixes from here on. */
static int trim(struct work *w, struct tr_err *err)
{
	int64_t spare[TR_COVER_SIZES];
	size_t n_full = w->n_mixes;
	TR_AUTO_FREE char *mem = calloc(n_full + 1, sizeof(struct mix_ref) + sizeof(int64_t));
	struct mix_ref *full = (void *)mem;
	int64_t *cards = (void *)(full + n_full);

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning cards");
	memcpy(full, w->mixes, n_full * sizeof(*full));
	memcpy(cards, w->cards, n_full * sizeof(*cards));
	if (widen_sizes(w, err) < 0 || set_mixes(w, true, err) < 0)
		return -(int)err->code;
	memset(w->cards, 0, w->n_mixes * sizeof(*w->cards));
	for (size_t c = 0; c < n_full; c++)
		w->cards[mix_at(w, full[c].held, full[c].mix)] += cards[c];
	while (spare_of(w, spare) > 0)
		for (size_t s = 0; s < w->n_sizes; s++)
			if (spare[s] > 0)
				drop_slice(w, s);
	return 0;
}

/* What a card strands beyond what it does already. */
static int64_t strands(const struct mix_ref *ref)
{
	return (int64_t)ref->mix->stranded - ref->card->mixes[0].stranded;
}

static int64_t stranded_now(const struct work *w)
{
	int64_t sum = 0;

	for (size_t c = 0; c < w->n_mixes; c++)
		sum += w->cards[c] * strands(&w->mixes[c]);
	return sum;
}

/* The mix with a slice of one size in place of one of another; -1 when there is no such. */
static int64_t swapped(const struct work *w, size_t c, size_t from, size_t to)
{
	const struct tr_card *card = w->mixes[c].card;
	uint8_t n[TR_CARD_SIZES];
	size_t found;
	int32_t at;

	memcpy(n, w->mixes[c].mix->n, sizeof(n));
	if (n[w->sizes[from].size] == 0)
		return -1;
	n[w->sizes[from].size]--;
	n[w->sizes[to].size]++;
	at = tr_card_mix_find(card, n);
	found = at < 0 ? w->n_mixes : mix_at(w, w->mixes[c].held, &card->mixes[at]);
	return found == w->n_mixes ? -1 : (int64_t)found;
}

/* Gives some model a slice of the other size in place of one that it has. */
static bool swap_model(struct work *w, size_t from, size_t to)
{
	for (size_t m = 0; m < w->fleet->n_models; m++) {
		size_t row = m * w->n_sizes;

		if (w->n[row + from] == 0 || w->carries[row + to] < w->carries[row + from])
			continue;
		w->n[row + from]--;
		w->n[row + to]++;
		return true;
	}
	return false;
}

static void swap_sizes(struct work *w, size_t from, size_t to)
{
	for (size_t c = 0; c < w->n_mixes; c++) {
		int64_t at = w->mixes[c].kind == w->sizes[from].kind ? swapped(w, c, from, to) : -1;

		while (at >= 0 && w->cards[c] > 0 &&
			strands(&w->mixes[at]) < strands(&w->mixes[c]) && swap_model(w, from, to)) {
			w->cards[c]--;
			w->cards[at]++;
		}
	}
}

/* Larger slices of as many compute slices, on cards where that strands less: mostly enough. */
static void enlarge(struct work *w)
{
	for (size_t from = 0; from < w->n_sizes; from++)
		for (size_t to = 0; to < w->n_sizes; to++)
			if (to != from && w->sizes[to].kind == w->sizes[from].kind &&
				profile_of(w, to)->slices == profile_of(w, from)->slices)
				swap_sizes(w, from, to);
}

static int least_stranded(struct work *w, int64_t money, int64_t compute,
	struct tr_fleet_figure *ret, struct tr_err *err)
{
	int64_t already = 0;

	for (size_t h = 0; h < w->fleet->n_held; h++)
		already += w->fleet->held[h].n * w->fleet->held[h].card->mixes[0].stranded;
	if (trim(w, err) < 0)
		return -(int)err->code;
	enlarge(w);
	*ret = (struct tr_fleet_figure){ 0, 0 };
	if (stranded_now(w) > 0) {
		set_rows(w, true);
		row_money(w, money);
		row_compute(w, compute);
		memset(w->size_cost, 0, sizeof(w->size_cost));
		for (size_t c = 0; c < w->n_mixes; c++)
			w->mix_cost[c] = strands(&w->mixes[c]);
		if (search(w, stranded_now(w), ret, err) < 0)
			return -(int)err->code;
	}
	ret->value += already;
	ret->bound += already;
	return 0;
}

/* ---- the answer ---- */

/* Gives the next slice of a size to the first model that has one coming. */
static uint32_t next_model(struct work *w, size_t size)
{
	for (size_t m = 0; m < w->fleet->n_models; m++) {
		int64_t *left = &w->n[m * w->n_sizes + size];

		if (*left == 0)
			continue;
		(*left)--;
		return (uint32_t)m;
	}
	return UINT32_MAX;
}

static void set_card(struct work *w, const struct mix_ref *ref, struct tr_fleet_card *ret)
{
	ret->kind = ref->kind;
	ret->held = ref->held;
	ret->n_slices = ref->mix->n_slices;
	for (size_t i = 0; i < ref->mix->n_slices; i++) {
		struct tr_card_slice slice = ref->mix->slices[i];
		size_t k = i;

		for (; k > 0 && ret->slices[k - 1].start > slice.start; k--)
			ret->slices[k] = ret->slices[k - 1];
		ret->slices[k] = (struct tr_fleet_slice){
			next_model(w, (size_t)w->size_of[ref->kind][slice.size]), slice.size,
			slice.start
		};
	}
}

static int set_cards(struct work *w, struct tr_fleet_plan *plan, struct tr_err *err)
{
	size_t n = 0;

	for (size_t c = 0; c < w->n_mixes; c++)
		n += (size_t)w->cards[c];
	plan->cards = calloc(n + 1, sizeof(*plan->cards));
	if (!plan->cards)
		return tr_fail(err, TR_E_NO_MEMORY, "a plan of %zu cards", n);
	/* The fullest first. */
	for (size_t c = w->n_mixes; c-- > 0;)
		for (int64_t i = 0; i < w->cards[c]; i++)
			set_card(w, &w->mixes[c], &plan->cards[plan->n_cards++]);
	return 0;
}

int tr_fleet_plan(const struct tr_fleet *fleet, struct tr_fleet_plan **ret, struct tr_err *err)
{
	TR_AUTO(work_done) struct work w = { .fleet = fleet };
	TR_AUTO(tr_fleet_plan_freep) struct tr_fleet_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return tr_fail(err, TR_E_NO_MEMORY, "a plan");
	if (set_sizes(&w, false, err) < 0 || set_models(&w, err) < 0 ||
		least_money(&w, &plan->money, err) < 0 ||
		least_compute(&w, plan->money.value, &plan->compute, err) < 0 ||
		least_stranded(&w, plan->money.value, plan->compute.value, &plan->stranded, err) <
			0)
		return -(int)err->code;
	plan->n_nodes = w.n_nodes;
	if (set_cards(&w, plan, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(plan);
	return 0;
}
