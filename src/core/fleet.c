/* SPDX-License-Identifier: Apache-2.0 */
/* From a models file to a plan, by the planner; see plan/fleet.h. */
#include <tranche/plan.h>

#include "base/err.h"
#include "base/own.h"
#include "core/models.h"

#include <string.h>

/* Prices count in steps of their common part, and the planner's bounds in parts of those. */
enum { MAX_PRICE_STEPS = 10000 };

struct fleet {
	struct tr_models_file *file;
	struct tr_card cards[TR_FLEET_KINDS];
	struct tr_fleet_model *models;
	struct tr_fleet_plan *plan;
	uint64_t price_step; /* thousandths; 0: no prices */
	struct tr_fleet ask;
};

/* What the public plan's pointers lead to. */
struct plan {
	struct tr_models_plan plan; /* first: the two are one pointer */
	struct fleet fleet;
	struct tr_models_slice *slices;
};

static void fleet_done(struct fleet *fleet)
{
	for (size_t k = 0; k < TR_FLEET_KINDS; k++)
		tr_card_done(&fleet->cards[k]);
	free(fleet->models);
	tr_fleet_plan_free(fleet->plan);
	tr_models_free(fleet->file);
}

void tr_models_plan_free(struct tr_models_plan *plan)
{
	struct plan *own = (struct plan *)(void *)plan;

	if (!own)
		return;
	fleet_done(&own->fleet);
	free(own->slices);
	free(own->plan.cards);
	free(own->plan.models);
	free(own);
}

TR_DEFINE_FREEP(struct tr_models_plan, tr_models_plan_free)

static const struct tr_profile_row *row_of(
	const struct fleet *fleet, size_t m, size_t kind, size_t size)
{
	const struct tr_models_item *item = &fleet->file->items[m];
	struct tr_profile_ask ask = { item->latency_us, fleet->file->max_processes, 0 };

	return tr_profile_best(&item->profiles[kind], fleet->cards[kind].sizes[size]->slices, &ask);
}

/* What a slice carries of a model: millionths of a request, or one replica. */
static int64_t carries(const struct fleet *fleet, size_t m, size_t kind, size_t size)
{
	const struct tr_models_item *item = &fleet->file->items[m];
	const struct tr_gi_profile *profile = fleet->cards[kind].sizes[size];
	const struct tr_profile_row *row;

	if (((uint64_t)profile->memory_mib << 20) < item->memory_bytes)
		return 0;
	if (!item->rate_thousandths)
		return 1;
	row = row_of(fleet, m, kind, size);
	return row ? tr_profile_carries(row) : 0;
}

/* Why no slice carries it. */
static int fits_nowhere(const struct fleet *fleet, size_t m, struct tr_err *err)
{
	const struct tr_models_item *item = &fleet->file->items[m];
	const struct tr_gpu_model *largest = NULL;
	int64_t fastest = 0;
	uint32_t mib = 0;
	size_t at = 0;

	for (size_t k = 0; k < fleet->file->n_gpus; k++) {
		const struct tr_card *card = &fleet->cards[k];
		int64_t us = tr_profile_fastest(&item->profiles[k]);

		if (card->sizes[card->n_sizes - 1]->memory_mib > mib) {
			mib = card->sizes[card->n_sizes - 1]->memory_mib;
			largest = card->model;
		}
		if (us && (!fastest || us < fastest)) {
			fastest = us;
			at = k;
		}
	}
	if (((uint64_t)mib << 20) < item->memory_bytes)
		return tr_models_fail(fleet->file, item->at, err,
			"model '%s' needs %llu MiB; the largest slice of any card named has %u MiB "
			"(%s)",
			item->name, (unsigned long long)(item->memory_bytes >> 20), mib,
			largest ? largest->key : "");
	return tr_models_fail(fleet->file, item->at, err,
		"no slice serves '%s' within %.6g ms: a batch may take 45 %% of that, %.6g ms, and "
		"the fastest of '%s' takes %.6g ms",
		item->name, (double)item->latency_us / 1e3, (double)item->latency_us * 0.45 / 1e3,
		item->profile_file[at] ? item->profile_file[at] : "-", (double)fastest / 1e3);
}

static int set_models(struct fleet *fleet, struct tr_err *err)
{
	const struct tr_models_file *file = fleet->file;

	fleet->models = calloc(file->n_items, sizeof(*fleet->models));
	if (!fleet->models)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu models", file->n_items);
	for (size_t m = 0; m < file->n_items; m++) {
		const struct tr_models_item *item = &file->items[m];
		bool fits = false;

		fleet->models[m].name = item->name;
		fleet->models[m].demand = item->rate_thousandths
						  ? (int64_t)item->rate_thousandths * 1000
						  : (int64_t)item->replicas;
		for (size_t k = 0; k < file->n_gpus; k++)
			for (size_t s = 0; s < fleet->cards[k].n_sizes; s++) {
				int64_t each = carries(fleet, m, k, s);

				fleet->models[m].carries[k][s] = each;
				fits = fits || each > 0;
			}
		if (!fits)
			return fits_nowhere(fleet, m, err);
	}
	return 0;
}

static int set_prices(struct fleet *fleet, struct tr_err *err)
{
	const struct tr_models_file *file = fleet->file;

	for (size_t k = 0; k < file->n_gpus; k++) {
		uint64_t a = file->gpus[k].price_thousandths, b = fleet->price_step;

		while (b) {
			uint64_t rest = a % b;

			a = b;
			b = rest;
		}
		fleet->price_step = a;
	}
	for (size_t k = 0; k < file->n_gpus; k++) {
		uint64_t price = file->gpus[k].price_thousandths;

		fleet->ask.kinds[k].price =
			fleet->price_step ? (int64_t)(price / fleet->price_step) : 1;
		if (fleet->ask.kinds[k].price > MAX_PRICE_STEPS)
			return tr_models_fail(file, file->gpus[k].at, err,
				"the prices' common part is %.3f, over %d times in that of '%s'; "
				"allowed: rounder prices",
				(double)fleet->price_step / 1e3, MAX_PRICE_STEPS,
				file->gpus[k].model->key);
	}
	return 0;
}

static int solve(struct fleet *fleet, const struct tr_models_ask *ask, struct tr_err *err)
{
	if (tr_models_load(ask->file, ask->gpus, &fleet->file, err) < 0)
		return -(int)err->code;
	fleet->ask.n_kinds = fleet->file->n_gpus;
	for (size_t k = 0; k < fleet->file->n_gpus; k++) {
		if (tr_card_init(fleet->file->gpus[k].model, ~0u, &fleet->cards[k], err) < 0)
			return -(int)err->code;
		fleet->ask.kinds[k].card = &fleet->cards[k];
		fleet->ask.kinds[k].most = fleet->file->gpus[k].count;
	}
	if (set_prices(fleet, err) < 0 || set_models(fleet, err) < 0)
		return -(int)err->code;
	fleet->ask.n_models = fleet->file->n_items;
	fleet->ask.models = fleet->models;
	if (tr_fleet_plan(&fleet->ask, &fleet->plan, err) == 0)
		return 0;
	if (err->code == TR_E_NO_ROOM)
		tr_hint(err, "leave out how many cards there are, and see how many it takes");
	return -(int)err->code;
}

/* ---- the public plan ---- */

static struct tr_models_figure figure(const struct tr_fleet_figure *figure, double times)
{
	return (struct tr_models_figure){ (double)figure->value * times,
		(double)figure->bound * times, figure->value == figure->bound };
}

static void set_figures(const struct fleet *fleet, struct tr_models_plan *plan)
{
	int64_t price = fleet->ask.kinds[0].price;
	bool is_same = true;

	for (size_t k = 1; k < fleet->ask.n_kinds; k++)
		is_same = is_same && fleet->ask.kinds[k].price == price;
	plan->has_price = fleet->price_step > 0;
	plan->currency = fleet->file->currency;
	plan->money = figure(&fleet->plan->money, (double)fleet->price_step / 1e3);
	plan->compute_slices = figure(&fleet->plan->compute, 1);
	plan->stranded_memory_slices = figure(&fleet->plan->stranded, 1);
	plan->gpus = (struct tr_models_figure){ .value = (double)plan->n_cards };
	if (!is_same)
		return;
	plan->gpus.bound = (double)((fleet->plan->money.bound + price - 1) / price);
	plan->gpus.is_proven = plan->gpus.bound == plan->gpus.value;
}

static void set_slice(
	struct plan *own, const struct tr_fleet_card *from, size_t i, struct tr_models_slice *ret)
{
	const struct fleet *fleet = &own->fleet;
	const struct tr_fleet_slice *slice = &from->slices[i];
	const struct tr_gi_profile *profile = fleet->cards[from->kind].sizes[slice->size];
	const struct tr_models_item *item = &fleet->file->items[slice->model];
	const struct tr_profile_row *row =
		item->rate_thousandths ? row_of(fleet, slice->model, from->kind, slice->size)
				       : NULL;
	struct tr_models_share *share = &own->plan.models[slice->model];

	*ret = (struct tr_models_slice){ .model = item->name,
		.profile = profile->name,
		.start = slice->start,
		.size = profile->size };
	if (row) {
		ret->batch = row->batch;
		ret->processes = row->processes;
	}
	share->n_slices++;
	share->carried += (double)fleet->models[slice->model].carries[from->kind][slice->size] /
			  (share->has_rate ? 1e6 : 1);
}

static int set_plan(struct plan *own, struct tr_err *err)
{
	const struct tr_fleet_plan *plan = own->fleet.plan;
	const struct tr_models_file *file = own->fleet.file;
	size_t n_slices = 0, at = 0;

	for (size_t i = 0; i < plan->n_cards; i++)
		n_slices += plan->cards[i].n_slices;
	own->slices = calloc(n_slices + 1, sizeof(*own->slices));
	own->plan.cards = calloc(plan->n_cards + 1, sizeof(*own->plan.cards));
	own->plan.models = calloc(file->n_items, sizeof(*own->plan.models));
	if (!own->slices || !own->plan.cards || !own->plan.models)
		return tr_fail(err, TR_E_NO_MEMORY, "a plan of %zu cards", plan->n_cards);
	own->plan.n_models = file->n_items;
	for (size_t m = 0; m < file->n_items; m++)
		own->plan.models[m] = (struct tr_models_share){ .model = file->items[m].name,
			.has_rate = file->items[m].rate_thousandths > 0,
			.rate = file->items[m].rate_thousandths
					? (double)file->items[m].rate_thousandths / 1e3
					: file->items[m].replicas };
	own->plan.n_cards = plan->n_cards;
	for (size_t i = 0; i < plan->n_cards; i++) {
		const struct tr_fleet_card *card = &plan->cards[i];
		const struct tr_gpu_model *model = own->fleet.cards[card->kind].model;

		own->plan.cards[i] = (struct tr_models_card){ .gpu = model->key,
			.memory_slices = model->memory_slices,
			.n_slices = card->n_slices,
			.slices = own->slices + at };
		for (size_t k = 0; k < card->n_slices; k++)
			set_slice(own, card, k, &own->slices[at++]);
	}
	set_figures(&own->fleet, &own->plan);
	return 0;
}

int tr_models_plan(const struct tr_models_ask *ask, struct tr_models_plan **ret, struct tr_err *err)
{
	struct plan *own = calloc(1, sizeof(*own));
	TR_AUTO(tr_models_plan_freep) struct tr_models_plan *plan = own ? &own->plan : NULL;

	if (!own)
		return tr_fail(err, TR_E_NO_MEMORY, "a plan");
	if (solve(&own->fleet, ask, err) < 0 || set_plan(own, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(plan);
	return 0;
}
