/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a plan for models has so many cards, and what would change it:
 *
 *	Why 2 GPUs:
 *	  compute slices  10 at least, a card has 7: no fewer than 2 GPUs  <- this binds
 *
 *	IF                                GPUS    COMPUTE SLICES
 *	no bert                           1 (-1)  6 (-4)
 */
#include "cli/models.h"

#include "base/err.h"
#include "cli/json.h"
#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bounds are in cards where all cost the same, else in money. */
static bool is_in_money(const struct tr_models_plan *plan)
{
	return plan->has_price && plan->gpus.bound == 0;
}

static void put_bound(
	const struct tr_models_plan *plan, const struct tr_models_bound *bound, struct tr_buf *out)
{
	tr_buf_addf(out, "  %-14s  ", bound->of);
	if (bound->has_needs)
		tr_buf_addf(out, "%.0f at least, a card has %.0f: ", bound->needs, bound->each);
	if (strcmp(bound->of, "places") == 0)
		tr_buf_puts(out, "as slices can stand together: ");
	if (is_in_money(plan))
		tr_buf_addf(out, "no less than %.6g%s%s", bound->value, *plan->currency ? " " : "",
			plan->currency);
	else
		tr_buf_addf(out, "no fewer than %.0f GPU%s", bound->value,
			bound->value == 1 ? "" : "s");
	tr_buf_puts(out, bound->binds ? "  <- this binds\n" : "\n");
}

static void put_if(const struct tr_models_if *change, bool has_rate, struct tr_buf *out)
{
	tr_buf_clear(out);
	switch (change->change) {
	case TR_MODELS_WITHOUT:
		tr_buf_addf(out, "no %s", change->what);
		break;
	case TR_MODELS_ONE_MORE:
		tr_buf_addf(out, "one more slice of %s", change->what);
		if (has_rate)
			tr_buf_addf(out, " (%.6g/s)", change->to);
		break;
	case TR_MODELS_SLOWER:
		if (change->has_plan)
			tr_buf_addf(out, "%s in %.0f ms, not %.0f", change->what, change->to * 1e3,
				change->from * 1e3);
		else
			tr_buf_addf(out, "%s at any slower time", change->what);
		break;
	case TR_MODELS_ONE_CARD:
		tr_buf_addf(out, "one more %s", change->what);
		break;
	}
}

static void add_number(struct tr_table *table, double value, double now)
{
	if (fabs(value - now) < 1e-9)
		tr_table_addf(table, "%.6g", value);
	else
		tr_table_addf(table, "%.6g (%+.6g)", value, value - now);
}

static bool has_rate_of(const struct tr_models_plan *plan, const char *model)
{
	for (size_t m = 0; m < plan->n_models; m++)
		if (strcmp(plan->models[m].model, model) == 0)
			return plan->models[m].has_rate;
	return false;
}

static void add_if(const struct tr_models_plan *plan, const struct tr_models_if *change,
	struct tr_table *table)
{
	bool is_same = change->change == TR_MODELS_SLOWER && !change->has_plan;
	TR_AUTO_BUF text = { 0 };

	put_if(change, has_rate_of(plan, change->what), &text);
	tr_table_add(table, tr_buf_str(&text));
	if (!change->has_plan && !is_same) {
		tr_table_add(table, "no plan");
		tr_table_add(table, "");
		if (plan->has_price)
			tr_table_add(table, "");
		return;
	}
	add_number(table, is_same ? plan->gpus.value : change->gpus, plan->gpus.value);
	add_number(table, is_same ? plan->compute_slices.value : change->compute_slices,
		plan->compute_slices.value);
	if (plan->has_price)
		add_number(table, is_same ? plan->money.value : change->money, plan->money.value);
}

int tr_show_models_why(
	const struct tr_models_plan *plan, const struct tr_models_why *why, struct tr_err *err)
{
	const struct tr_col cols[] = { { .head = "IF" }, { .head = "GPUS", .is_right = true },
		{ .head = "COMPUTE SLICES", .is_right = true },
		{ .head = *plan->currency ? plan->currency : "PRICE", .is_right = true } };
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = plan->has_price ? 4 : 3 };
	TR_AUTO_BUF out = { 0 };

	if (is_in_money(plan))
		tr_buf_addf(&out, "\nWhy %.6g%s%s:\n", plan->money.value,
			*plan->currency ? " " : "", plan->currency);
	else
		tr_buf_addf(
			&out, "\nWhy %zu GPU%s:\n", plan->n_cards, plan->n_cards == 1 ? "" : "s");
	for (size_t i = 0; i < why->n_bounds; i++)
		put_bound(plan, &why->bounds[i], &out);
	tr_buf_puts(&out, "\n");
	if (tr_buf_ok(&out, err) < 0)
		return -(int)err->code;
	fputs(tr_buf_str(&out), stdout);
	for (size_t i = 0; i < why->n_ifs; i++)
		add_if(plan, &why->ifs[i], &table);
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

/* ---- JSON ---- */

static void put_json_if(struct tr_js *js, json_t *o, const struct tr_models_plan *plan,
	const struct tr_models_if *i)
{
	static const char *const names[] = { "without", "one_more", "slower", "one_card" };
	bool has_to =
		i->change != TR_MODELS_WITHOUT && (i->has_plan || i->change != TR_MODELS_SLOWER);

	tr_js_text(js, o, "change", names[i->change]);
	tr_js_text(js, o, i->change == TR_MODELS_ONE_CARD ? "gpu" : "model", i->what);
	tr_js_exact(js, o, "from", i->from);
	if (has_to)
		tr_js_exact(js, o, "to", i->to);
	tr_js_bool(js, o, "plan", i->has_plan);
	if (!i->has_plan)
		return;
	tr_js_exact(js, o, "gpus", i->gpus);
	if (plan->has_price)
		tr_js_exact(js, o, "money", i->money);
	tr_js_exact(js, o, "compute_slices", i->compute_slices);
	tr_js_bool(js, o, "proven", i->is_proven);
}

void tr_show_models_why_json(
	struct tr_js *js, const struct tr_models_plan *plan, const struct tr_models_why *why)
{
	json_t *o = tr_js_object(js, js->top, "why"), *list = tr_js_list(js, o, "bounds");

	for (size_t i = 0; i < why->n_bounds; i++) {
		const struct tr_models_bound *bound = &why->bounds[i];
		json_t *b = tr_js_item(js, list);

		tr_js_text(js, b, "of", bound->of);
		if (bound->has_needs) {
			tr_js_exact(js, b, "needs", bound->needs);
			tr_js_exact(js, b, "each", bound->each);
		}
		tr_js_exact(js, b, is_in_money(plan) ? "money" : "gpus", bound->value);
		tr_js_bool(js, b, "binds", bound->binds);
	}
	list = tr_js_list(js, o, "changes");
	for (size_t i = 0; i < why->n_ifs; i++)
		put_json_if(js, tr_js_item(js, list), plan, &why->ifs[i]);
}
