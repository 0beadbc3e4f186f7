/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan for models as people see it, cards that are cut alike for the same models once:
 *
 *	2 GPUs, proven: no plan has fewer
 *	10 compute slices, proven; 0 memory slices stranded, proven
 *
 *	GPU 0-1  a100-80gb
 *	|4g.40gb                            |3g.40gb                            |
 *	|resnet50                           |bert                               |
 */
#include "cli/models.h"

#include "base/err.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

enum { USUAL_WIDTH = 80, USUAL_SLICES = 8, MAX_CELL = 14 };

static bool is_alike(const struct tr_models_card *a, const struct tr_models_card *b)
{
	if (strcmp(a->gpu, b->gpu) != 0 || a->n_slices != b->n_slices || a->runs != b->runs)
		return false;
	for (size_t i = 0; i < a->n_slices; i++)
		if (a->slices[i].start != b->slices[i].start ||
			strcmp(a->slices[i].profile, b->slices[i].profile) != 0 ||
			a->slices[i].runs != b->slices[i].runs ||
			strcmp(a->slices[i].model, b->slices[i].model) != 0)
			return false;
	return true;
}

/* Cards of a node that is there, and others, are never alike. */
static size_t alike_after(const struct tr_models_plan *plan, size_t i, bool is_live)
{
	size_t n = 1;

	while (i + n < plan->n_cards && is_alike(&plan->cards[i], &plan->cards[i + n]) &&
		!(is_live && (plan->cards[i].node == 0) != (plan->cards[i + n].node == 0)))
		n++;
	return n;
}

/* What a slice's cell says: its size, with a star where it stays; who uses it; batch and processes
 * as measured. */
enum row { ROW_SIZE, ROW_MODEL, ROW_HOW };

static void put_cell(const struct tr_models_slice *slice, enum row row, struct tr_buf *text)
{
	tr_buf_clear(text);
	if (row == ROW_SIZE)
		tr_buf_addf(text, "%s%s", slice->profile, slice->runs ? "*" : "");
	else if (row == ROW_MODEL)
		tr_buf_puts(text, *slice->model ? slice->model : "others");
	else if (slice->processes)
		tr_buf_addf(text, "b%u x%u", slice->batch, slice->processes);
}

/* Of a name that is too long both ends: "densenet121" and "densenet169" begin alike. */
static void put_fit(const char *text, size_t width, struct tr_buf *line)
{
	size_t len = strlen(text), head = (width - 1) / 2;

	if (len <= width || width < 3)
		tr_buf_addf(line, "%-*.*s", (int)width, (int)width, text);
	else
		tr_buf_addf(line, "%.*s~%s", (int)head, text, text + len - (width - 1 - head));
}

static void put_row(
	const struct tr_models_card *card, enum row row, size_t cell, struct tr_buf *line)
{
	size_t i = 0;
	TR_AUTO_BUF text = { 0 };

	tr_buf_puts(line, "|");
	for (uint32_t at = 0; at < card->memory_slices;) {
		const struct tr_models_slice *slice = i < card->n_slices ? &card->slices[i] : NULL;
		bool is_free = !slice || slice->start != at;
		size_t width = (is_free ? 1 : slice->size) * cell - 1;
		bool is_open = is_free && at + 1 < card->memory_slices &&
			       (!slice || slice->start != at + 1);

		tr_buf_clear(&text);
		if (!is_free)
			put_cell(slice, row, &text);
		put_fit(tr_buf_str(&text), width, line);
		tr_buf_puts(line, is_open ? ":" : "|");
		at += is_free ? 1 : slice->size;
		i += !is_free;
	}
	tr_buf_puts(line, "\n");
}

static void put_picture(const struct tr_models_card *card, struct tr_buf *out)
{
	size_t width = tr_term_of(stdout).width, cell;
	uint32_t n = card->memory_slices > USUAL_SLICES ? card->memory_slices : USUAL_SLICES;
	bool is_measured = false;

	cell = ((width ? width : USUAL_WIDTH) - 1) / n;
	cell = cell > MAX_CELL ? MAX_CELL : cell < 3 ? 3 : cell;
	for (size_t i = 0; i < card->n_slices; i++)
		is_measured = is_measured || card->slices[i].processes;
	put_row(card, ROW_SIZE, cell, out);
	put_row(card, ROW_MODEL, cell, out);
	if (is_measured)
		put_row(card, ROW_HOW, cell, out);
}

/* Which cards: as the plan counts them, or as the node that is there does. */
static void put_which(
	const struct tr_models_plan *plan, size_t i, size_t n, bool is_live, struct tr_buf *out)
{
	const struct tr_models_card *card = &plan->cards[i];

	tr_buf_puts(out, "\n");
	if (!is_live && n == 1)
		tr_buf_addf(out, "GPU %zu", i);
	else if (!is_live)
		tr_buf_addf(out, "GPU %zu-%zu", i, i + n - 1);
	else if (card->node > 0)
		tr_buf_puts(out, "to come");
	for (size_t k = 0; is_live && card->node == 0 && k < n; k++)
		tr_buf_addf(out, "%s%u", k ? "," : "GPU ", card[k].idx);
	tr_buf_addf(out, "  %s", card->gpu);
	if (n > 1)
		tr_buf_addf(out, "  (%zu alike)", n);
	tr_buf_puts(out, "\n");
}

static int print_cards(const struct tr_models_plan *plan, bool is_live, struct tr_err *err)
{
	bool runs = false, is_measured = false;

	for (size_t i = 0, n; i < plan->n_cards; i += n) {
		const struct tr_models_card *card = &plan->cards[i];
		TR_AUTO_BUF out = { 0 };

		n = alike_after(plan, i, is_live);
		put_which(plan, i, n, is_live, &out);
		put_picture(card, &out);
		if (tr_buf_ok(&out, err) < 0)
			return -(int)err->code;
		fputs(tr_buf_str(&out), stdout);
		runs = runs || card->runs;
		for (size_t k = 0; k < card->n_slices; k++)
			is_measured = is_measured || card->slices[k].processes;
	}
	if (runs || is_measured)
		putchar('\n');
	if (runs)
		puts("* runs already, and stays");
	if (is_measured)
		puts("b8 x2: batches of 8, 2 processes on the slice (by MPS), as measured");
	return 0;
}

/* "proven", or the bound. */
static void put_proof(const struct tr_models_figure *figure, struct tr_buf *out)
{
	if (figure->is_proven)
		tr_buf_puts(out, ", proven");
	else
		tr_buf_addf(out, " (not proven: no plan has under %.6g)", figure->bound);
}

static void print_head(const struct tr_models_plan *plan, struct tr_buf *out)
{
	size_t n_run = 0;

	for (size_t i = 0; i < plan->n_cards; i++)
		n_run += plan->cards[i].runs;
	tr_buf_addf(out, "%zu GPU%s", plan->n_cards, plan->n_cards == 1 ? "" : "s");
	if (n_run)
		tr_buf_addf(
			out, " (%zu of them run%s slices already)", n_run, n_run == 1 ? "s" : "");
	if (plan->gpus.is_proven)
		tr_buf_puts(out, ", proven: no plan has fewer");
	else if (plan->gpus.bound > 0)
		put_proof(&plan->gpus, out);
	tr_buf_puts(out, "\n");
	if (plan->has_price) {
		tr_buf_addf(out, "%.6g%s%s for them", plan->money.value, *plan->currency ? " " : "",
			plan->currency);
		put_proof(&plan->money, out);
		tr_buf_puts(out, "\n");
	}
	tr_buf_addf(out, "%.0f compute slices", plan->compute_slices.value);
	put_proof(&plan->compute_slices, out);
	tr_buf_addf(out, "; %.0f memory slices stranded", plan->stranded_memory_slices.value);
	put_proof(&plan->stranded_memory_slices, out);
	tr_buf_puts(out, "\n\n");
}

static int print_models(const struct tr_models_plan *plan, struct tr_err *err)
{
	static const struct tr_col cols[] = { { .head = "MODEL" },
		{ .head = "SLICES", .is_right = true }, { .head = "WANTED", .is_right = true },
		{ .head = "CARRIED", .is_right = true }, { .head = "OF" } };
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	for (size_t m = 0; m < plan->n_models; m++) {
		const struct tr_models_share *share = &plan->models[m];

		tr_table_add(&table, share->model);
		tr_table_addf(&table, "%u", share->n_slices);
		tr_table_addf(&table, "%.6g", share->rate);
		tr_table_addf(&table, "%.6g", share->carried);
		tr_table_add(&table, share->has_rate ? "requests/s" : "replicas");
	}
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

static void print_files(const struct tr_models_plan *plan)
{
	for (size_t i = 0; i < plan->n_files; i++)
		printf("%s%s\n", i ? "      " : "\nwrote ", plan->files[i]);
	if (plan->n_files && plan->n_unserved)
		printf("in no stack: %zu of %zu models, which have no 'serve'\n", plan->n_unserved,
			plan->n_models);
}

int tr_show_models_plan(const struct tr_node *node, const struct tr_models_plan *plan,
	const struct tr_models_why *why, struct tr_err *err)
{
	TR_AUTO_BUF head = { 0 };

	if (node)
		tr_show_node(node, stdout);
	print_head(plan, &head);
	if (tr_buf_ok(&head, err) < 0)
		return -(int)err->code;
	fputs(tr_buf_str(&head), stdout);
	if (print_models(plan, err) < 0 || print_cards(plan, node != NULL, err) < 0 ||
		(why && tr_show_models_why(plan, why, err) < 0))
		return -(int)err->code;
	print_files(plan);
	return 0;
}

/* ---- JSON ---- */

static void put_figure(struct tr_js *js, const char *key, const struct tr_models_figure *figure)
{
	json_t *o = tr_js_object(js, js->top, key);

	tr_js_exact(js, o, "value", figure->value);
	if (figure->bound > 0 || figure->is_proven)
		tr_js_exact(js, o, "bound", figure->bound);
	tr_js_bool(js, o, "proven", figure->is_proven);
}

static void put_card(struct tr_js *js, json_t *o, const struct tr_models_card *card)
{
	json_t *slices;

	tr_js_text(js, o, "gpu", card->gpu);
	tr_js_number(js, o, "node", card->node);
	tr_js_number(js, o, "index", card->idx);
	slices = tr_js_list(js, o, "slices");
	for (size_t i = 0; i < card->n_slices; i++) {
		json_t *s = tr_js_item(js, slices);

		if (*card->slices[i].model)
			tr_js_text(js, s, "model", card->slices[i].model);
		tr_js_text(js, s, "profile", card->slices[i].profile);
		tr_js_number(js, s, "start", card->slices[i].start);
		tr_js_number(js, s, "size", card->slices[i].size);
		if (card->slices[i].runs)
			tr_js_bool(js, s, "runs", true);
		if (!card->slices[i].processes)
			continue;
		tr_js_number(js, s, "batch", card->slices[i].batch);
		tr_js_number(js, s, "processes", card->slices[i].processes);
	}
}

int tr_show_models_plan_json(const struct tr_node *node, const struct tr_models_plan *plan,
	const struct tr_models_why *why, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	if (node)
		tr_show_node_json(&js, node);
	put_figure(&js, "gpus", &plan->gpus);
	if (plan->has_price) {
		put_figure(&js, "money", &plan->money);
		tr_js_text(&js, js.top, "currency", plan->currency);
	}
	put_figure(&js, "compute_slices", &plan->compute_slices);
	put_figure(&js, "stranded_memory_slices", &plan->stranded_memory_slices);
	list = tr_js_list(&js, js.top, "models");
	for (size_t m = 0; m < plan->n_models; m++) {
		const struct tr_models_share *share = &plan->models[m];
		json_t *o = tr_js_item(&js, list);

		tr_js_text(&js, o, "model", share->model);
		tr_js_number(&js, o, "slices", share->n_slices);
		tr_js_exact(&js, o, share->has_rate ? "rate" : "replicas", share->rate);
		tr_js_exact(&js, o, "carried", share->carried);
	}
	list = tr_js_list(&js, js.top, "cards");
	for (size_t i = 0; i < plan->n_cards; i++)
		put_card(&js, tr_js_item(&js, list), &plan->cards[i]);
	if (plan->n_files)
		list = tr_js_list(&js, js.top, "files");
	for (size_t i = 0; i < plan->n_files; i++)
		tr_js_text(&js, tr_js_item(&js, list), "file", plan->files[i]);
	if (why)
		tr_show_models_why_json(&js, plan, why);
	return tr_js_print(&js, err);
}
