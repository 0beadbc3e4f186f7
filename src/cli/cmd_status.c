/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

TR_DEFINE_FREEP(struct tr_status, tr_status_free)

enum { ROW_WIDTH = 76, LEAST_CELL = 3, MOST_CELL = 12 };

/* --- The card as a row of cells --- */

/* How wide one memory slice is drawn, its left border counted. */
static int cell_width(const struct tr_card_status *card)
{
	int width = ROW_WIDTH / (int)card->memory_slices;

	return width > MOST_CELL ? MOST_CELL : width < LEAST_CELL ? LEAST_CELL : width;
}

static void print_rule(const struct tr_card_status *card)
{
	int width = cell_width(card);

	fputs("  ", stdout);
	for (size_t i = 0; i < card->n_cells; i++) {
		putchar('+');
		for (int c = 1; c < (int)card->cells[i].size * width; c++)
			putchar('-');
	}
	puts("+");
}

static void name_of(const struct tr_status_cell *cell, struct tr_buf *ret)
{
	const struct tr_slice *s = &cell->slice;

	if (cell->kind == TR_CELL_OPEN)
		tr_buf_puts(ret, "free");
	else if (cell->kind == TR_CELL_STRANDED)
		tr_buf_puts(ret, "lost");
	else
		tr_buf_puts(ret, s->profile);
}

static void owner_of(const struct tr_status_cell *cell, struct tr_buf *ret)
{
	const struct tr_slice *s = &cell->slice;

	if (cell->kind != TR_CELL_SLICE)
		return;
	if (s->model[0])
		tr_buf_addf(ret, "%s-%u", s->model, s->replica);
	else
		tr_buf_puts(ret, s->is_ours ? "" : "other");
}

static void print_line(const struct tr_card_status *card,
	void (*text_of)(const struct tr_status_cell *cell, struct tr_buf *ret))
{
	int width = cell_width(card);

	fputs("  ", stdout);
	for (size_t i = 0; i < card->n_cells; i++) {
		const struct tr_status_cell *cell = &card->cells[i];
		int room = (int)cell->size * width - 1;
		TR_AUTO_BUF text = { 0 };

		text_of(cell, &text);
		/* A blank in front where there is room for one. */
		if ((int)text.len + 1 < room)
			printf("| %-*.*s", room - 1, room - 1, tr_buf_str(&text));
		else
			printf("|%-*.*s", room, room, tr_buf_str(&text));
	}
	puts("|");
}

static void print_cells(const struct tr_card_status *card)
{
	if (!card->memory_slices || !card->n_cells || (!card->mig_on && !card->cut_memory))
		return;
	print_rule(card);
	print_line(card, name_of);
	print_line(card, owner_of);
	print_rule(card);
}

/* --- The numbers --- */

static double gib(uint64_t bytes)
{
	return (double)bytes / (double)(1u << 30);
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void print_memory(const struct tr_card_status *card)
{
	if (!card->has_memory)
		return;
	printf("  memory   %.1f GiB", gib(card->memory_bytes));
	if (card->cut_bytes)
		printf(", %.1f in slices (%.0f %%)", gib(card->cut_bytes),
			percent((double)card->cut_bytes, (double)card->memory_bytes));
	if (card->has_used)
		printf(", %.1f in use (%.1f %%)", gib(card->used_bytes),
			percent((double)card->used_bytes, (double)card->memory_bytes));
	else if (card->cut_bytes)
		fputs(", how much is in use is not known", stdout);
	putchar('\n');
}

/* A card that cannot be cut has no compute slices to be held. */
static void print_use_line(
	const struct tr_card_status *card, const char *what, double memory, double compute)
{
	printf("    %-36s  %9.1f %%", what, 100 * memory);
	if (card->compute_slices)
		printf("  %10.1f %%", 100 * compute);
	putchar('\n');
}

static void print_use(const struct tr_card_status *card)
{
	char what[96];

	if (!card->n_models)
		return;
	printf("  of the card                             memory used%s\n",
		card->compute_slices ? "  compute held" : "");
	print_use_line(
		card, "before, 1 model on a card of its own", card->use_alone, card->compute_alone);
	if (card->n_models > 1) {
		snprintf(what, sizeof(what), "now, %u models on this card", card->n_models);
		print_use_line(card, what, card->use_now, card->compute_now);
	}
	if (card->n_full > card->n_models) {
		snprintf(what, sizeof(what), "full, %u like these on %s", card->n_full,
			card->full_profile);
		print_use_line(card, what, card->use_full, card->compute_full);
	}
}

static void print_card(const struct tr_card_status *card)
{
	printf("GPU %u  %s", card->idx, card->name);
	if (card->has_mig_mode)
		printf(", MIG %s", card->mig_on ? "on" : "off");
	putchar('\n');
	print_cells(card);
	print_memory(card);
	if (card->compute_slices && (card->mig_on || card->cut_compute))
		printf("  compute  %u of %u slices cut (%.0f %%)\n", card->cut_compute,
			card->compute_slices, percent(card->cut_compute, card->compute_slices));
	print_use(card);
}

/* --- JSON --- */

static void add_cells_json(struct tr_js *js, json_t *o, const struct tr_card_status *card)
{
	static const char *const kinds[] = {
		[TR_CELL_SLICE] = "slice", [TR_CELL_OPEN] = "free", [TR_CELL_STRANDED] = "stranded"
	};
	json_t *list = tr_js_list(js, o, "cells");

	for (size_t i = 0; i < card->n_cells; i++) {
		const struct tr_status_cell *cell = &card->cells[i];
		json_t *item = tr_js_item(js, list);

		tr_js_text(js, item, "kind", kinds[cell->kind]);
		tr_js_number(js, item, "start", cell->start);
		tr_js_number(js, item, "size", cell->size);
		if (cell->kind != TR_CELL_SLICE)
			continue;
		tr_js_text(js, item, "stack", cell->slice.stack);
		tr_js_text(js, item, "model", cell->slice.model);
		if (cell->slice.model[0])
			tr_js_number(js, item, "replica", cell->slice.replica);
		tr_show_slice_fields(
			js, tr_js_object(js, item, "slice"), &cell->slice, /* with_owner= */ false);
	}
}

static void add_json(struct tr_js *js, json_t *o, const struct tr_card_status *card)
{
	tr_js_number(js, o, "index", card->idx);
	tr_js_text(js, o, "name", card->name);
	if (card->has_mig_mode)
		tr_js_bool(js, o, "mig_on", card->mig_on);
	if (card->has_memory) {
		tr_js_number(js, o, "memory_bytes", card->memory_bytes);
		tr_js_number(js, o, "cut_bytes", card->cut_bytes);
	}
	if (card->has_used)
		tr_js_number(js, o, "used_bytes", card->used_bytes);
	if (card->compute_slices) {
		tr_js_number(js, o, "compute_slices", card->compute_slices);
		tr_js_number(js, o, "memory_slices", card->memory_slices);
		tr_js_number(js, o, "cut_compute_slices", card->cut_compute);
		tr_js_number(js, o, "cut_memory_slices", card->cut_memory);
	}
	tr_js_number(js, o, "n_models", card->n_models);
	if (card->n_models) {
		tr_js_exact(js, o, "use_alone", card->use_alone);
		tr_js_exact(js, o, "use_now", card->use_now);
	}
	if (card->n_models && card->compute_slices) {
		tr_js_exact(js, o, "compute_alone", card->compute_alone);
		tr_js_exact(js, o, "compute_now", card->compute_now);
	}
	if (card->n_full) {
		tr_js_number(js, o, "n_full", card->n_full);
		tr_js_text(js, o, "full_profile", card->full_profile);
		tr_js_exact(js, o, "use_full", card->use_full);
		tr_js_exact(js, o, "compute_full", card->compute_full);
	}
	add_cells_json(js, o, card);
}

static int show_json(const struct tr_node *node, const struct tr_status *status, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	list = tr_js_list(&js, js.top, "gpus");
	for (size_t i = 0; i < status->n; i++)
		add_json(&js, tr_js_item(&js, list), &status->v[i]);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_status_freep) struct tr_status *status = NULL;

	if (tr_show_node_open(call, &node, err) < 0 || tr_status_get(node, &status, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return show_json(node, status, err);
	tr_show_node(node, stdout);
	for (size_t i = 0; i < status->n; i++)
		print_card(&status->v[i]);
	return 0;
}

static const char *const example[] = {
	"tranche status",
	"tranche status --node hardware",
	NULL,
};

const struct tr_cmd tr_cmd_status = {
	.path = "status",
	.args = "",
	.help = "Draw each GPU: its slices, and how full it is",
	.group = TR_GROUP_LOOK,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.also = "watch monitor top utilisation utilization usage",
	.example = example,
	.run = run,
};
