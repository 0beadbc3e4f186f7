/* SPDX-License-Identifier: Apache-2.0 */
/* From a models file to a plan, by the planner; see plan/fleet.h. */
#include "core/fleet_priv.h"

#include "base/err.h"
#include "base/own.h"

#include <string.h>

/* Prices count in steps of their common part, and the planner's bounds in parts of those. */
enum { MAX_PRICE_STEPS = 10000 };

static void run_done(struct tr_fleet_run *run)
{
	for (size_t k = 0; k < TR_FLEET_KINDS; k++)
		tr_card_done(&run->cards[k]);
	for (size_t h = 0; h < run->n_held; h++)
		tr_card_done(&run->held_cards[h]);
	free(run->held_cards);
	free(run->held);
	free(run->held_of);
	free(run->models);
	tr_fleet_plan_free(run->plan);
	tr_models_free(run->file);
}

void tr_models_plan_free(struct tr_models_plan *plan)
{
	struct tr_models_own *own = (struct tr_models_own *)(void *)plan;

	if (!own)
		return;
	run_done(&own->run);
	tr_strv_done(&own->files);
	free(own->slices);
	free(own->plan.cards);
	free(own->plan.models);
	free(own);
}

TR_DEFINE_FREEP(struct tr_models_plan, tr_models_plan_free)

/* ---- what slices carry ---- */

const struct tr_profile_row *tr_fleet__row(
	const struct tr_fleet_run *run, size_t m, size_t kind, const struct tr_gi_profile *profile)
{
	const struct tr_models_item *item = &run->file->items[m];
	struct tr_profile_ask ask = { item->latency_us, run->file->max_processes, 0 };

	return item->rate_thousandths
		       ? tr_profile_best(&item->profiles[kind], profile->slices, &ask)
		       : NULL;
}

int64_t tr_fleet__carries(
	const struct tr_fleet_run *run, size_t m, size_t kind, const struct tr_gi_profile *profile)
{
	const struct tr_models_item *item = &run->file->items[m];
	const struct tr_profile_row *row;

	if (((uint64_t)profile->memory_mib << 20) < item->memory_bytes)
		return 0;
	if (!item->rate_thousandths)
		return 1;
	row = tr_fleet__row(run, m, kind, profile);
	return row ? tr_profile_carries(row) : 0;
}

static size_t kind_of(const struct tr_fleet_run *run, const struct tr_gpu_model *gpu)
{
	size_t k = 0;

	while (k < run->file->n_gpus && run->file->gpus[k].model != gpu)
		k++;
	return k;
}

void tr_fleet__set_model(const struct tr_fleet_run *run, size_t m, struct tr_fleet_model *ret)
{
	const struct tr_models_file *file = run->file;
	const struct tr_models_item *item = &file->items[m];

	*ret = (struct tr_fleet_model){ .name = item->name,
		.demand = item->rate_thousandths ? (int64_t)item->rate_thousandths * 1000
						 : (int64_t)item->replicas };
	for (size_t i = 0; i < file->running.n; i++) {
		const struct tr_models_running *card = &file->running.v[i];

		for (size_t s = 0; s < card->n; s++)
			if (strcmp(card->slices[s].model, item->name) == 0)
				ret->demand -= tr_fleet__carries(
					run, m, kind_of(run, card->gpu), card->slices[s].profile);
	}
	if (ret->demand < 0)
		ret->demand = 0;
	for (size_t k = 0; k < file->n_gpus; k++)
		for (size_t s = 0; s < run->cards[k].n_sizes; s++)
			ret->carries[k][s] = tr_fleet__carries(run, m, k, run->cards[k].sizes[s]);
}

static bool is_in_time(const struct tr_fleet_run *run, size_t m)
{
	for (size_t k = 0; k < run->file->n_gpus; k++)
		for (size_t s = 0; s < run->cards[k].n_sizes; s++)
			if (tr_fleet__row(run, m, k, run->cards[k].sizes[s]))
				return true;
	return false;
}

/* Why no slice carries it. */
static int fits_nowhere(const struct tr_fleet_run *fleet, size_t m, struct tr_err *err)
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
	if (!fastest)
		return tr_models_fail(fleet->file, item->at, err,
			"nothing measured of '%s' on any card named runs; allowed: profiles of %s",
			item->name, fleet->file->gpus[0].model->key);
	if (is_in_time(fleet, m))
		return tr_models_fail(fleet->file, item->at, err,
			"no slice has %llu MiB for '%s' and serves it within %.6g ms; some do one, "
			"some "
			"the other",
			(unsigned long long)(item->memory_bytes >> 20), item->name,
			(double)item->latency_us / 1e3);
	return tr_models_fail(fleet->file, item->at, err,
		"no slice serves '%s' within %.6g ms: a batch may take 45 %% of that, %.6g ms, and "
		"the fastest of '%s' takes %.6g ms",
		item->name, (double)item->latency_us / 1e3, (double)item->latency_us * 0.45 / 1e3,
		item->profile_file[at] ? item->profile_file[at] : "-", (double)fastest / 1e3);
}

static int set_models(struct tr_fleet_run *run, struct tr_err *err)
{
	const struct tr_models_file *file = run->file;

	run->models = calloc(file->n_items, sizeof(*run->models));
	if (!run->models)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu models", file->n_items);
	for (size_t m = 0; m < file->n_items; m++) {
		struct tr_fleet_model *model = &run->models[m];
		bool fits = false;

		tr_fleet__set_model(run, m, model);
		for (size_t k = 0; k < file->n_gpus; k++)
			for (size_t s = 0; s < run->cards[k].n_sizes; s++)
				fits = fits || model->carries[k][s] > 0;
		if (!fits && model->demand > 0)
			return fits_nowhere(run, m, err);
	}
	return 0;
}

/* ---- what runs ---- */

static bool is_held_alike(const struct tr_models_running *a, const struct tr_models_running *b)
{
	if (a->gpu != b->gpu || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->slices[i].profile != b->slices[i].profile ||
			a->slices[i].start != b->slices[i].start)
			return false;
	return true;
}

/* A slice of the file's that a model has must carry it: else one of the two is not as it is said.
 */
static int check_runs(const struct tr_fleet_run *run, const struct tr_models_running *card,
	size_t kind, struct tr_err *err)
{
	for (size_t i = 0; i < card->n && !run->file->has_node; i++)
		for (size_t m = 0; m < run->file->n_items; m++)
			if (strcmp(card->slices[i].model, run->file->items[m].name) == 0 &&
				tr_fleet__carries(run, m, kind, card->slices[i].profile) == 0)
				return tr_models_fail(run->file, card->slices[i].at, err,
					"'%s' runs on a %s, which is too small for what it needs "
					"here; "
					"allowed: slices that carry it, or no '=' and the name",
					card->slices[i].model, card->slices[i].profile->name);
	return 0;
}

static int add_held(struct tr_fleet_run *run, const struct tr_models_running *card, size_t kind,
	struct tr_err *err)
{
	struct tr_card_held held[TR_MODELS_RUNS];

	for (size_t i = 0; i < card->n; i++)
		held[i] = (struct tr_card_held){ card->slices[i].profile,
			(uint8_t)card->slices[i].start };
	if (run->n_held == TR_FLEET_HELD)
		return tr_fail(
			err, TR_E_INVALID, "over %d different cards run something", TR_FLEET_HELD);
	if (tr_card_init_held(card->gpu, ~0u, held, card->n, &run->held_cards[run->n_held], err) <
		0)
		return card->at.line ? tr_wrap(err, "%s:%u:%u", tr_yaml_file(run->file->file),
					       card->at.line, card->at.column)
				     : tr_wrap(err, "GPU %d", card->idx);
	run->held[run->n_held] =
		(struct tr_fleet_held){ &run->held_cards[run->n_held], (uint8_t)kind, 0 };
	run->n_held++;
	return 0;
}

static int set_held(struct tr_fleet_run *run, struct tr_err *err)
{
	const struct tr_models_cards *running = &run->file->running;

	run->held = calloc(TR_FLEET_HELD, sizeof(*run->held));
	run->held_cards = calloc(TR_FLEET_HELD, sizeof(*run->held_cards));
	run->held_of = calloc(running->n + 1, sizeof(*run->held_of));
	if (!run->held || !run->held_cards || !run->held_of)
		return tr_fail(err, TR_E_NO_MEMORY, "planning %zu cards", running->n);
	for (size_t i = 0; i < running->n; i++) {
		size_t kind = kind_of(run, running->v[i].gpu), h = run->n_held;

		for (size_t k = 0; k < i && h == run->n_held; k++)
			if (is_held_alike(&running->v[i], &running->v[k]))
				h = run->held_of[k];
		if (check_runs(run, &running->v[i], kind, err) < 0 ||
			(h == run->n_held && add_held(run, &running->v[i], kind, err) < 0))
			return -(int)err->code;
		run->held_of[i] = h;
		run->held[h].n++;
	}
	run->ask.n_held = run->n_held;
	run->ask.held = run->held;
	return 0;
}

static int set_prices(struct tr_fleet_run *fleet, struct tr_err *err)
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

static int solve(struct tr_fleet_run *fleet, const struct tr_models_ask *ask, struct tr_err *err)
{
	if (tr_models_load(ask->file, ask->gpus, ask->node, &fleet->file, err) < 0)
		return -(int)err->code;
	fleet->ask.n_kinds = fleet->file->n_gpus;
	for (size_t k = 0; k < fleet->file->n_gpus; k++) {
		if (tr_card_init(fleet->file->gpus[k].model, ~0u, &fleet->cards[k], err) < 0)
			return -(int)err->code;
		fleet->ask.kinds[k].card = &fleet->cards[k];
		fleet->ask.kinds[k].most = fleet->file->gpus[k].count;
		if (fleet->ask.kinds[k].most >= 0)
			fleet->ask.kinds[k].most -= fleet->file->gpus[k].n_running;
	}
	if (set_prices(fleet, err) < 0 || set_held(fleet, err) < 0 || set_models(fleet, err) < 0)
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

/* `there`: what stands already, and counts too. */
static struct tr_models_figure figure(
	const struct tr_fleet_figure *figure, int64_t there, double times)
{
	return (struct tr_models_figure){ (double)(figure->value + there) * times,
		(double)(figure->bound + there) * times, figure->value == figure->bound };
}

static bool is_of_file(const struct tr_models_file *file, const char *model)
{
	for (size_t m = 0; m < file->n_items; m++)
		if (strcmp(file->items[m].name, model) == 0)
			return true;
	return false;
}

static void set_figures(const struct tr_fleet_run *run, struct tr_models_plan *plan)
{
	int64_t price = run->ask.kinds[0].price, money = 0, compute = 0;
	const struct tr_models_cards *running = &run->file->running;
	bool is_same = true;

	for (size_t k = 1; k < run->ask.n_kinds; k++)
		is_same = is_same && run->ask.kinds[k].price == price;
	for (size_t i = 0; i < running->n; i++) {
		money += run->ask.kinds[run->held[run->held_of[i]].kind].price;
		for (size_t s = 0; s < running->v[i].n; s++)
			if (is_of_file(run->file, running->v[i].slices[s].model))
				compute += running->v[i].slices[s].profile->slices;
	}
	plan->has_price = run->price_step > 0;
	plan->currency = run->file->currency;
	plan->money = figure(&run->plan->money, money, (double)run->price_step / 1e3);
	plan->compute_slices = figure(&run->plan->compute, compute, 1);
	plan->stranded_memory_slices = figure(&run->plan->stranded, 0, 1);
	plan->gpus = (struct tr_models_figure){ .value = (double)plan->n_cards };
	if (!is_same)
		return;
	plan->gpus.bound =
		(double)((run->plan->money.bound + price - 1) / price) + (double)running->n;
	plan->gpus.is_proven = plan->gpus.bound == plan->gpus.value;
}

/* What runs on it may be a model of the file's: then it counts. */
static void set_running_slice(struct tr_models_own *own, size_t kind,
	const struct tr_models_runs *from, struct tr_models_slice *ret)
{
	*ret = (struct tr_models_slice){ .model = "",
		.profile = from->profile->name,
		.runs = true,
		.start = from->start,
		.size = from->profile->size };
	for (size_t m = 0; m < own->run.file->n_items; m++) {
		const struct tr_profile_row *row = tr_fleet__row(&own->run, m, kind, from->profile);

		if (strcmp(own->run.file->items[m].name, from->model) != 0)
			continue;
		ret->model = own->run.file->items[m].name;
		ret->batch = row ? row->batch : 0;
		ret->processes = row ? row->processes : 0;
		own->plan.models[m].n_slices++;
		own->plan.models[m].carried +=
			(double)tr_fleet__carries(&own->run, m, kind, from->profile) /
			(own->plan.models[m].has_rate ? 1e6 : 1);
	}
}

static void set_slice(struct tr_models_own *own, const struct tr_fleet_card *from, size_t i,
	struct tr_models_slice *ret)
{
	const struct tr_fleet_run *run = &own->run;
	const struct tr_fleet_slice *slice = &from->slices[i];
	const struct tr_gi_profile *profile = run->cards[from->kind].sizes[slice->size];
	const struct tr_profile_row *row = tr_fleet__row(run, slice->model, from->kind, profile);
	struct tr_models_share *share = &own->plan.models[slice->model];

	*ret = (struct tr_models_slice){ .model = run->file->items[slice->model].name,
		.profile = profile->name,
		.start = slice->start,
		.size = profile->size };
	if (row) {
		ret->batch = row->batch;
		ret->processes = row->processes;
	}
	share->n_slices++;
	share->carried += (double)run->models[slice->model].carries[from->kind][slice->size] /
			  (share->has_rate ? 1e6 : 1);
}

static void sort_slices(struct tr_models_slice *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct tr_models_slice own = v[i];
		size_t k = i;

		for (; k > 0 && v[k - 1].start > own.start; k--)
			v[k] = v[k - 1];
		v[k] = own;
	}
}

struct seats {
	uint32_t n_empty[TR_FLEET_KINDS], n[TR_FLEET_KINDS]; /* taken, by kind */
};

/* Which card of which node of its kind: empty cards of a live node first, then nodes behind it. */
static void seat(const struct tr_models_file *file, size_t kind, struct seats *seats,
	struct tr_models_card *card)
{
	uint32_t per_node = file->gpus[kind].per_node, n = 0;

	for (size_t i = 0; i < file->empty.n; i++) {
		if (file->empty.v[i].gpu != file->gpus[kind].model || n++ < seats->n_empty[kind])
			continue;
		card->idx = (uint32_t)file->empty.v[i].idx;
		seats->n_empty[kind]++;
		return;
	}
	card->node = seats->n[kind] / per_node + file->has_node;
	card->idx = seats->n[kind] % per_node;
	seats->n[kind]++;
}

static void set_card(
	struct tr_models_own *own, size_t kind, size_t *n_slices, struct tr_models_card *ret)
{
	const struct tr_gpu_model *model = own->run.file->gpus[kind].model;

	*ret = (struct tr_models_card){ .gpu = model->key,
		.memory_slices = model->memory_slices,
		.slices = own->slices + *n_slices };
}

static void add_slices(struct tr_models_own *own, const struct tr_fleet_card *from,
	size_t *n_slices, struct tr_models_card *ret)
{
	for (size_t k = 0; k < from->n_slices; k++)
		set_slice(own, from, k, &own->slices[(*n_slices)++]);
	ret->n_slices += from->n_slices;
}

/* The planned card that adds slices to those that run; NULL when nothing is added. Taken once. */
static const struct tr_fleet_card *take_added(
	const struct tr_fleet_plan *plan, size_t held, bool *is_taken)
{
	for (size_t i = 0; i < plan->n_cards; i++) {
		if (is_taken[i] || plan->cards[i].held != (int32_t)held)
			continue;
		is_taken[i] = true;
		return &plan->cards[i];
	}
	return NULL;
}

static void set_running(
	struct tr_models_own *own, struct seats *seats, bool *is_taken, size_t *n_slices)
{
	const struct tr_models_cards *running = &own->run.file->running;

	for (size_t i = 0; i < running->n; i++) {
		struct tr_models_card *card = &own->plan.cards[own->plan.n_cards++];
		size_t held = own->run.held_of[i], kind = own->run.held[held].kind;
		const struct tr_fleet_card *added = take_added(own->run.plan, held, is_taken);

		set_card(own, kind, n_slices, card);
		card->runs = true;
		for (size_t s = 0; s < running->v[i].n; s++)
			set_running_slice(
				own, kind, &running->v[i].slices[s], &own->slices[(*n_slices)++]);
		card->n_slices = running->v[i].n;
		if (added)
			add_slices(own, added, n_slices, card);
		sort_slices(own->slices + *n_slices - card->n_slices, card->n_slices);
		if (running->v[i].idx >= 0)
			card->idx = (uint32_t)running->v[i].idx;
		else
			seat(own->run.file, kind, seats, card);
	}
}

static int set_cards(struct tr_models_own *own, struct tr_err *err)
{
	const struct tr_fleet_plan *plan = own->run.plan;
	TR_AUTO_FREE char *mem = calloc(plan->n_cards + 1, sizeof(bool));
	bool *is_taken = (void *)mem;
	struct seats seats = { 0 };
	size_t n_slices = 0;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "a plan of %zu cards", plan->n_cards);
	set_running(own, &seats, is_taken, &n_slices);
	for (size_t i = 0; i < plan->n_cards; i++) {
		struct tr_models_card *card = &own->plan.cards[own->plan.n_cards];

		if (is_taken[i])
			continue;
		own->plan.n_cards++;
		set_card(own, plan->cards[i].kind, &n_slices, card);
		add_slices(own, &plan->cards[i], &n_slices, card);
		seat(own->run.file, plan->cards[i].kind, &seats, card);
	}
	return 0;
}

static int set_plan(struct tr_models_own *own, struct tr_err *err)
{
	const struct tr_fleet_plan *plan = own->run.plan;
	const struct tr_models_file *file = own->run.file;
	size_t n_slices = 0;

	for (size_t i = 0; i < plan->n_cards; i++)
		n_slices += plan->cards[i].n_slices;
	for (size_t i = 0; i < file->running.n; i++)
		n_slices += file->running.v[i].n;
	own->slices = calloc(n_slices + 1, sizeof(*own->slices));
	own->plan.cards = calloc(plan->n_cards + file->running.n + 1, sizeof(*own->plan.cards));
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
	if (set_cards(own, err) < 0)
		return -(int)err->code;
	set_figures(&own->run, &own->plan);
	return 0;
}

int tr_models_plan(const struct tr_models_ask *ask, struct tr_models_plan **ret, struct tr_err *err)
{
	struct tr_models_own *own = calloc(1, sizeof(*own));
	TR_AUTO(tr_models_plan_freep) struct tr_models_plan *plan = own ? &own->plan : NULL;

	if (!own)
		return tr_fail(err, TR_E_NO_MEMORY, "a plan");
	if (solve(&own->run, ask, err) < 0 || set_plan(own, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(plan);
	return 0;
}
