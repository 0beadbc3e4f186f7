/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a plan has so many cards, and what would change it.
 *
 * The reasons are lower bounds by one resource at a time: each model's slices that take least of
 * it, at what a card's share of it costs. The changes are planned anew, each; nothing is guessed.
 */
#include "core/fleet_priv.h"

#include "base/err.h"
#include "base/own.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TARGETS = 512, NODES = 1000, MICRO = 1000000 };

struct why {
	struct tr_models_why why; /* first: the two are one pointer */
	const struct tr_models_own *own;
	struct tr_models_bound bounds[3];
	struct tr_models_if *ifs;
};

void tr_models_why_free(struct tr_models_why *why)
{
	if (why)
		free(((struct why *)(void *)why)->ifs);
	free(why);
}

TR_DEFINE_FREEP(struct tr_models_why, tr_models_why_free)

/* ---- bounds ---- */

static uint32_t use_of(const struct tr_gi_profile *profile, bool memory)
{
	return memory ? profile->size : profile->slices;
}

static uint32_t room_of(const struct tr_gpu_model *model, bool memory)
{
	return memory ? model->memory_slices : model->compute_slices;
}

/* All models' slices at so much a unit, by kind: the least sum. */
static int64_t least_sum(
	const struct tr_fleet_run *run, bool memory, const int64_t unit[TR_FLEET_KINDS])
{
	int64_t sum = 0;

	for (size_t m = 0; m < run->ask.n_models; m++) {
		int64_t carries[TR_COVER_SIZES], n[TR_COVER_SIZES];
		struct tr_cover cover = { .demand = run->models[m].demand, .carries = carries };

		for (size_t k = 0; k < run->ask.n_kinds; k++)
			for (size_t s = 0; s < run->cards[k].n_sizes; s++) {
				carries[cover.n_sizes] = run->models[m].carries[k][s];
				cover.price[cover.n_sizes++] =
					unit[k] * use_of(run->cards[k].sizes[s], memory);
			}
		sum += cover.demand > 0 ? tr_cover_find(&cover, n) : 0;
	}
	return sum;
}

/* What no plan goes below, by this resource alone, in steps of the price. */
static int64_t bound_by(const struct tr_fleet_run *run, bool memory)
{
	int64_t unit[TR_FLEET_KINDS], sum;

	for (size_t k = 0; k < run->ask.n_kinds; k++)
		unit[k] = run->ask.kinds[k].price * MICRO / room_of(run->cards[k].model, memory);
	sum = least_sum(run, memory, unit);
	/* What is free on cards that run something costs nothing. */
	for (size_t h = 0; h < run->n_held; h++) {
		const struct tr_card_mix *mix = &run->held[h].card->mixes[0];
		uint32_t room = room_of(run->held[h].card->model, memory);

		room -= memory ? mix->memory : mix->compute;
		sum -= run->held[h].n * room * unit[run->held[h].kind];
	}
	return sum > 0 ? (sum + MICRO - 1) / MICRO : 0;
}

static bool is_one_price(const struct tr_fleet_run *run)
{
	for (size_t k = 1; k < run->ask.n_kinds; k++)
		if (run->ask.kinds[k].price != run->ask.kinds[0].price)
			return false;
	return true;
}

/* Steps of the price as people see them: cards where all cost the same, else money. */
static double shown(const struct tr_fleet_run *run, int64_t steps)
{
	int64_t price = run->ask.kinds[0].price, running = 0;

	if (is_one_price(run))
		return (double)((steps + price - 1) / price + (int64_t)run->file->running.n);
	for (size_t h = 0; h < run->n_held; h++)
		running += run->held[h].n * run->ask.kinds[run->held[h].kind].price;
	return (double)(steps + running) * (double)run->price_step / 1e3;
}

static void set_bounds(struct why *why)
{
	static const char *const names[] = { "compute slices", "memory slices", "places" };
	const struct tr_fleet_run *run = &why->own->run;
	double plan = shown(run, run->plan->money.value);
	bool is_bound = false;

	for (size_t i = 0; i < TR_COUNT(names); i++) {
		struct tr_models_bound *bound = &why->bounds[i];
		const int64_t one[TR_FLEET_KINDS] = { 1 };

		bound->of = names[i];
		bound->value = shown(run, i < 2 ? bound_by(run, i == 1) : run->plan->money.bound);
		bound->has_needs = i < 2 && run->ask.n_kinds == 1 && run->n_held == 0;
		if (bound->has_needs) {
			bound->needs = (double)least_sum(run, i == 1, one);
			bound->each = room_of(run->cards[0].model, i == 1);
		}
		/* The simplest reason is the reason; the places are one only where no other is. */
		bound->binds = bound->value >= plan && !(i == 2 && is_bound);
		is_bound = is_bound || bound->binds;
	}
	why->why.bounds = why->bounds;
	why->why.n_bounds = TR_COUNT(names);
}

/* ---- changes ---- */

/* Plans the file with other models, or cards. False when the cards do not do. */
static int plan_with(const struct why *why, const struct tr_fleet *ask, struct tr_models_if *ret,
	int64_t cost[2], struct tr_err *err)
{
	const struct tr_fleet_run *run = &why->own->run;
	struct tr_fleet_plan *plan = NULL;
	struct tr_err inner = { 0 };
	int64_t money = 0;
	size_t n = run->file->running.n;

	ret->has_plan = false;
	if (tr_fleet_plan(ask, &plan, &inner) < 0) {
		if (inner.code == TR_E_NO_ROOM)
			return 0;
		*err = inner;
		return -(int)err->code;
	}
	for (size_t i = 0; i < plan->n_cards; i++)
		n += plan->cards[i].held < 0;
	for (size_t h = 0; h < run->n_held; h++)
		money += run->held[h].n * run->ask.kinds[run->held[h].kind].price;
	ret->has_plan = true;
	ret->gpus = (double)n;
	ret->money = (double)(plan->money.value + money) * (double)run->price_step / 1e3;
	ret->compute_slices = why->own->plan.compute_slices.value +
			      (double)(plan->compute.value - run->plan->compute.value);
	ret->is_proven = plan->money.value == plan->money.bound;
	cost[0] = plan->money.value;
	cost[1] = plan->compute.value;
	tr_fleet_plan_free(plan);
	return 0;
}

static int plan_model(const struct why *why, size_t m, const struct tr_fleet_model *changed,
	struct tr_models_if *ret, int64_t cost[2], struct tr_err *err)
{
	const struct tr_fleet_run *run = &why->own->run;
	TR_AUTO_FREE char *mem = malloc(run->ask.n_models * sizeof(*changed));
	struct tr_fleet_model *models = (void *)mem;
	struct tr_fleet ask = run->ask;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu models", run->ask.n_models);
	memcpy(models, run->models, run->ask.n_models * sizeof(*models));
	models[m] = *changed;
	ask.models = models;
	ask.max_nodes = NODES;
	return plan_with(why, &ask, ret, cost, err);
}

static int without(struct why *why, size_t m, struct tr_models_if *ret, struct tr_err *err)
{
	struct tr_fleet_model model = why->own->run.models[m];
	const struct tr_models_share *share = &why->own->plan.models[m];
	int64_t cost[2];

	*ret = (struct tr_models_if){
		.change = TR_MODELS_WITHOUT, .what = share->model, .from = share->rate
	};
	model.demand = 0;
	return plan_model(why, m, &model, ret, cost, err);
}

/* As if the file asked for so much more; in thousandths, as a file can say it. */
static int one_more(struct why *why, size_t m, struct tr_models_if *ret, struct tr_err *err)
{
	const struct tr_fleet_run *run = &why->own->run;
	struct tr_models_item *item = &run->file->items[m], before = *item;
	const struct tr_models_share *share = &why->own->plan.models[m];
	struct tr_fleet_model model = run->models[m];
	int64_t least = 0, cost[2];

	for (size_t k = 0; k < run->ask.n_kinds; k++)
		for (size_t s = 0; s < run->cards[k].n_sizes; s++)
			if (model.carries[k][s] && (!least || model.carries[k][s] < least))
				least = model.carries[k][s];
	if (share->has_rate)
		item->rate_thousandths += (uint64_t)(least + 999) / 1000;
	else
		item->replicas++;
	tr_fleet__set_model(run, m, &model);
	*ret = (struct tr_models_if){ .change = TR_MODELS_ONE_MORE,
		.what = share->model,
		.from = share->rate,
		.to = share->has_rate ? (double)item->rate_thousandths / 1e3 : item->replicas };
	*item = before;
	return plan_model(why, m, &model, ret, cost, err);
}

/* ---- slower targets ---- */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The targets, in whole milliseconds, from which on one more row of the measurements serves. */
static size_t list_targets(const struct tr_models_item *item, int64_t ret[MAX_TARGETS])
{
	size_t n = 0, kept = 0;

	for (size_t k = 0; k < TR_FLEET_KINDS; k++) {
		for (size_t i = 0; i < item->profiles[k].n && n < MAX_TARGETS; i++) {
			int64_t ms = item->profiles[k].rows[i].latency_us / 450 + 1;

			if (ms * 1000 > item->latency_us)
				ret[n++] = ms * 1000;
		}
	}
	qsort(ret, n, sizeof(*ret), by_size);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || ret[i] != ret[i - 1])
			ret[kept++] = ret[i];
	return kept;
}

static int plan_target(struct why *why, size_t m, int64_t target_us, struct tr_models_if *ret,
	bool *ret_is_less, struct tr_err *err)
{
	const struct tr_fleet_run *run = &why->own->run;
	struct tr_models_item *item = &run->file->items[m];
	int64_t before = item->latency_us, cost[2] = { 0, 0 };
	struct tr_fleet_model model;

	/* What runs already carries by the same target, so that it is set for all. */
	item->latency_us = target_us;
	tr_fleet__set_model(run, m, &model);
	item->latency_us = before;
	ret->to = (double)target_us / 1e6;
	if (plan_model(why, m, &model, ret, cost, err) < 0)
		return -(int)err->code;
	*ret_is_less =
		ret->has_plan &&
		(cost[0] < run->plan->money.value ||
			(cost[0] == run->plan->money.value && cost[1] < run->plan->compute.value));
	return 0;
}

/* The first that makes the plan smaller: what a slower target allows, a faster one does not take
 * away, so that halving finds it. */
static int slower(struct why *why, size_t m, struct tr_models_if *ret, struct tr_err *err)
{
	const struct tr_models_item *item = &why->own->run.file->items[m];
	struct tr_models_if now = { .change = TR_MODELS_SLOWER,
		.what = item->name,
		.from = (double)item->latency_us / 1e6 };
	int64_t targets[MAX_TARGETS];
	size_t lo = 0, hi = list_targets(item, targets);
	bool is_less = false;

	*ret = now;
	if (hi == 0)
		return 0;
	if (plan_target(why, m, targets[hi - 1], &now, &is_less, err) < 0)
		return -(int)err->code;
	if (!is_less)
		return 0;
	*ret = now;
	for (hi--; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (plan_target(why, m, targets[mid], &now, &is_less, err) < 0)
			return -(int)err->code;
		if (is_less) {
			*ret = now;
			hi = mid;
		} else {
			lo = mid + 1;
		}
	}
	return 0;
}

/* ---- cards ---- */

static int one_card(struct why *why, size_t kind, struct tr_models_if *ret, struct tr_err *err)
{
	const struct tr_fleet_run *run = &why->own->run;
	struct tr_fleet ask = run->ask;
	int64_t cost[2], n = run->file->gpus[kind].count;

	*ret = (struct tr_models_if){ .change = TR_MODELS_ONE_CARD,
		.what = run->file->gpus[kind].model->key,
		.from = (double)n,
		.to = (double)n + 1 };
	ask.kinds[kind].most++;
	ask.max_nodes = NODES;
	return plan_with(why, &ask, ret, cost, err);
}

static bool is_used_up(const struct tr_fleet_run *run, size_t kind)
{
	int64_t n = 0;

	for (size_t i = 0; i < run->plan->n_cards; i++)
		n += run->plan->cards[i].kind == kind && run->plan->cards[i].held < 0;
	return n == run->ask.kinds[kind].most;
}

static int set_ifs(struct why *why, struct tr_err *err)
{
	const struct tr_fleet_run *run = &why->own->run;
	size_t *n = &why->why.n_ifs;

	why->ifs = calloc(3 * run->ask.n_models + run->ask.n_kinds, sizeof(*why->ifs));
	if (!why->ifs)
		return tr_fail(err, TR_E_NO_MEMORY, "explaining a plan");
	why->why.ifs = why->ifs;
	for (size_t m = 0; m < run->ask.n_models; m++) {
		if (without(why, m, &why->ifs[(*n)++], err) < 0 ||
			one_more(why, m, &why->ifs[(*n)++], err) < 0)
			return -(int)err->code;
		if (run->file->items[m].rate_thousandths &&
			slower(why, m, &why->ifs[(*n)++], err) < 0)
			return -(int)err->code;
	}
	for (size_t k = 0; k < run->ask.n_kinds && run->ask.n_kinds > 1; k++)
		if (is_used_up(run, k) && one_card(why, k, &why->ifs[(*n)++], err) < 0)
			return -(int)err->code;
	return 0;
}

int tr_models_explain(
	const struct tr_models_plan *plan, struct tr_models_why **ret, struct tr_err *err)
{
	struct why *why = calloc(1, sizeof(*why));
	TR_AUTO(tr_models_why_freep) struct tr_models_why *out = why ? &why->why : NULL;

	if (!why)
		return tr_fail(err, TR_E_NO_MEMORY, "explaining a plan");
	why->own = (const struct tr_models_own *)(const void *)plan;
	set_bounds(why);
	if (set_ifs(why, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(out);
	return 0;
}
