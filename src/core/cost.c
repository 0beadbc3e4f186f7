/* SPDX-License-Identifier: Apache-2.0 */
/* What the slices of a node cost: the layout that is, or that a stack file would make, priced. */
#include "core/seats.h"

#include "base/err.h"
#include "core/apply.h"

#include <stdio.h>
#include <string.h>

/* --- The layout --- */

static int plan_file(struct tr_node *node, const struct tr_stack *stack, struct tr_scene *ret_scene,
	struct tr_seats *ret, struct tr_err *err)
{
	static const struct tr_change dry = { .dry_run = true };
	TR_AUTO(tr_stack_run_done) struct tr_stack_run run = { 0 };
	TR_AUTO(tr_actions_done) struct tr_actions actions = { 0 };
	const struct tr_runtime *runtime = NULL;
	struct tr_stack_wish wish;

	if (tr_stack_runtime(node, &dry, stack->name, &runtime, err) < 0 ||
		tr_stack_run_init(&run, node, &dry, stack->name, stack, runtime, err) < 0 ||
		tr_stack_look(node, &dry, ret_scene, err) < 0)
		return -(int)err->code;
	wish = (struct tr_stack_wish){ stack->name, &run.wants, run.plans };
	if (tr_stack_diff(ret_scene, &wish, &actions, err) < 0 ||
		tr_seats_now(node, ret_scene, ret, err) < 0)
		return -(int)err->code;
	return tr_seats_plan(ret_scene, stack->name, &actions, ret, err);
}

/* --- The price --- */

static enum tr_cost_period period(enum tr_per per)
{
	switch (per) {
	case TR_PER_HOUR:
		return TR_COST_HOUR;
	case TR_PER_YEAR:
		return TR_COST_YEAR;
	case TR_PER_MONTH:
		break;
	}
	return TR_COST_MONTH;
}

static void set_price(struct tr_costs *costs, double price, enum tr_per per, const char *currency)
{
	costs->has_price = true;
	costs->is_converted = per != costs->per;
	costs->price = tr_cost_convert(price, period(per), period(costs->per));
	snprintf(costs->currency, sizeof(costs->currency), "%s", currency ? currency : "");
}

static void set_price_of(struct tr_costs *costs, const struct tr_stack *stack)
{
	static const enum tr_per pers[] = { [TR_STACK_PER_MONTH] = TR_PER_MONTH,
		[TR_STACK_PER_HOUR] = TR_PER_HOUR,
		[TR_STACK_PER_YEAR] = TR_PER_YEAR };

	set_price(costs, stack->price_per_gpu, pers[stack->price_per], stack->price_currency);
}

static int two_prices(const char *a, const char *b, struct tr_err *err)
{
	tr_fail(err, TR_E_INVALID, "the stacks '%s' and '%s' give a card different prices", a, b);
	return tr_hint(err, "tranche cost %s   or   tranche cost --price N --currency CUR", a);
}

/* The price that the applied stacks give, which must be one. */
static int price_of_stacks(
	struct tr_node *node, const char *only, struct tr_costs *costs, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };
	const char *from = NULL;
	struct tr_costs first;

	if (tr_store_stacks(node->store, node->name, &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++) {
		TR_AUTO(tr_applied_done) struct tr_applied applied = { 0 };
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		struct tr_err ignored;

		/* A stored text that is no stack to this version gives no price. */
		if ((only && strcmp(only, names.v[i]) != 0) ||
			tr_store_stack_get(
				node->store, node->name, names.v[i], &applied, &ignored) < 0 ||
			tr_stack_parse(applied.file, applied.text, strlen(applied.text), &stack,
				&ignored) < 0 ||
			!stack->price_currency)
			continue;
		first = *costs;
		set_price_of(costs, stack);
		if (from && (costs->price < first.price || costs->price > first.price ||
				    strcmp(costs->currency, first.currency) != 0))
			return two_prices(from, names.v[i], err);
		from = names.v[i];
	}
	return 0;
}

static int put_price(struct tr_node *node, const struct tr_cost_ask *ask,
	const struct tr_stack *file, struct tr_costs *costs, struct tr_err *err)
{
	char currency[sizeof(costs->currency)];
	struct tr_err ignored;

	if (file && file->price_currency)
		set_price_of(costs, file);
	if (!file && !ask->has_price && price_of_stacks(node, ask->stack, costs, err) < 0)
		return -(int)err->code;
	if (!ask->has_price)
		return 0;
	/* The currency may stand in the file while the price is the caller's. */
	if (!file && !ask->currency)
		price_of_stacks(node, ask->stack, costs, &ignored);
	snprintf(currency, sizeof(currency), "%s", ask->currency ? ask->currency : costs->currency);
	set_price(costs, ask->price, ask->price_per, currency);
	return 0;
}

/* --- The shares --- */

static bool is_asked(const struct tr_slice *slice, const char *stack)
{
	return !stack || (slice->stack[0] && strcmp(slice->stack, stack) == 0);
}

static size_t count_on(const struct tr_seats *seats, uint32_t gpu_idx, const char *stack)
{
	size_t n = 0;

	for (size_t i = 0; i < seats->n; i++)
		n += seats->v[i].slice.gpu_idx == gpu_idx && is_asked(&seats->v[i].slice, stack);
	return n;
}

/* The size of which the most fit on the empty card; of those, the first. */
static void put_most(const struct tr_card *card, struct tr_cost_card *ret)
{
	for (size_t p = 0; p < card->n_profiles; p++) {
		const struct tr_plan_profile *profile = &card->profiles[p];

		if (strpbrk(profile->name, "+-") || profile->max <= ret->n_most)
			continue;
		ret->n_most = profile->max;
		snprintf(ret->most_profile, sizeof(ret->most_profile), "%s", profile->name);
	}
}

static void put_shares(const struct tr_card *card, const struct tr_seats *seats,
	struct tr_costs *costs, struct tr_cost_item *items, size_t n)
{
	struct tr_cost_amount amounts[TR_CARD_MAX_SLICES];
	struct tr_cost_part parts[TR_CARD_MAX_SLICES];
	struct tr_cost_card *ret = &costs->cards[costs->n_cards++];
	struct tr_cost_rest rest;
	struct tr_seats_rest left;

	tr_seats_rest(card, seats, &left);
	for (size_t i = 0; i < n; i++) {
		const struct tr_slice *slice = &items[i].slice;

		amounts[i] = slice->is_whole ? left.whole
					     : (struct tr_cost_amount){ slice->compute_slices,
						       slice->size };
	}
	/* A card that cannot be cut is one unit. */
	if (!left.whole.compute)
		left.whole = amounts[0] = (struct tr_cost_amount){ 1, 1 };
	tr_cost_split(&(struct tr_cost_shape){ left.whole, left.open, n, amounts },
		(enum tr_cost_rule)costs->by, parts, &rest);
	for (size_t i = 0; i < n; i++) {
		items[i].share = parts[i].own;
		items[i].stranded = parts[i].stranded;
		items[i].open = parts[i].open;
	}
	*ret = (struct tr_cost_card){ .idx = card->idx,
		.compute_slices = left.whole.compute,
		.memory_slices = left.whole.memory,
		.stranded_compute = left.stranded.compute,
		.stranded_memory = left.stranded.memory,
		.open_compute = left.open.compute,
		.open_memory = left.open.memory,
		.stranded = rest.stranded,
		.open = rest.open };
	snprintf(ret->name, sizeof(ret->name), "%s", card->name);
	snprintf(ret->free_slices, sizeof(ret->free_slices), "%s", left.free_slices);
	put_most(card, ret);
}

static int put_items(const struct tr_scene *scene, const struct tr_seats *seats, const char *stack,
	struct tr_costs *costs, struct tr_err *err)
{
	costs->cards = calloc(scene->cards.n + 1, sizeof(*costs->cards));
	costs->v = calloc(seats->n + 1, sizeof(*costs->v));
	if (!costs->cards || !costs->v)
		return tr_fail(err, TR_E_NO_MEMORY, "count the costs: out of memory");
	for (size_t c = 0; c < scene->cards.n; c++) {
		const struct tr_card *card = &scene->cards.v[c];
		size_t begin = costs->n;

		costs->n_idle += count_on(seats, card->idx, NULL) == 0;
		if (count_on(seats, card->idx, stack) == 0)
			continue;
		for (size_t i = 0; i < seats->n; i++)
			if (seats->v[i].slice.gpu_idx == card->idx)
				costs->v[costs->n++] = (struct tr_cost_item){
					.slice = seats->v[i].slice,
					.is_asked = is_asked(&seats->v[i].slice, stack),
					.is_planned = seats->v[i].is_planned,
				};
		put_shares(card, seats, costs, &costs->v[begin], costs->n - begin);
	}
	return 0;
}

static int no_stack(struct tr_node *node, const char *stack, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };

	if (tr_store_stacks(node->store, node->name, &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++) {
		if (strcmp(names.v[i], stack) != 0)
			continue;
		tr_fail(err, TR_E_NOT_FOUND, "stack '%s' holds no slice", stack);
		return tr_hint(err, "tranche up   brings it back");
	}
	tr_fail(err, TR_E_NOT_FOUND, "there is no stack '%.60s' on node '%s'", stack, node->name);
	if (names.n == 0)
		return tr_hint(err, "tranche cost -f FILE   tells what a stack file would cost");
	return tr_hint(err, "tranche cost %s", names.v[0]);
}

static int get(struct tr_node *node, const struct tr_cost_ask *ask, struct tr_costs *costs,
	struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *file = NULL;
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO(tr_seats_done) struct tr_seats seats = { 0 };
	const char *stack = ask->stack;
	int r;

	if (ask->file) {
		if (tr_stack_open(ask->file, ask->name, &file, err) < 0 ||
			plan_file(node, file, &scene, &seats, err) < 0)
			return -(int)err->code;
		stack = file->name;
	} else if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0 ||
		   tr_seats_now(node, &scene, &seats, err) < 0) {
		return -(int)err->code;
	}
	r = put_items(&scene, &seats, stack, costs, err);
	if (r == 0 && stack && costs->n == 0)
		r = no_stack(node, stack, err);
	return r < 0 ? r : put_price(node, ask, file, costs, err);
}

int tr_costs_get(struct tr_node *node, const struct tr_cost_ask *ask, struct tr_costs **ret,
	struct tr_err *err)
{
	struct tr_costs *costs = calloc(1, sizeof(*costs));

	if (!costs)
		return tr_fail(err, TR_E_NO_MEMORY, "count the costs: out of memory");
	costs->by = ask->by;
	costs->per = ask->per;
	if (get(node, ask, costs, err) < 0) {
		tr_costs_free(costs);
		return -(int)err->code;
	}
	*ret = costs;
	return 0;
}

void tr_costs_free(struct tr_costs *costs)
{
	if (!costs)
		return;
	free(costs->cards);
	free(costs->v);
	free(costs);
}
