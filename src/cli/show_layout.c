/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as people see it:
 *
 *	GPU 0  NVIDIA A100-SXM4-80GB
 *	        0        1        2        3        4        5        6        7
 *	before |1g.10gb |        :        :        |2g.20gb          |        :        |
 *	       |        |        :        :        |pid 41 (python3) |        :        |
 *	after  |4g.40gb                            |2g.20gb          |1g.10gb |        |
 *	 - 1g.10gb  0:0  moves to 6; its place goes to 4g.40gb at 0
 *	 + 4g.40gb  0:0
 */
#include "cli/layout.h"

#include "base/err.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/term.h"

#include <string.h>

enum { CELL = 9, CELL_MANY = 7, USUAL_SLICES = 8, MAX_SLICES = 32 };

/* --- The picture --- */

static const struct tr_layout_step *step_at(
	const struct tr_layout_card *card, bool after, uint32_t start)
{
	for (size_t i = 0; i < card->n_steps; i++) {
		const struct tr_layout_step *step = &card->steps[i];

		if (step->verb != (after ? TR_LAYOUT_FREE : TR_LAYOUT_CUT) && step->start == start)
			return step;
	}
	return NULL;
}

static size_t cell_of(const struct tr_layout_card *card)
{
	return card->memory_slices > USUAL_SLICES ? CELL_MANY : CELL;
}

/* Text in a cell of so many memory slices, cut or filled up, with its right wall. */
static void put_cell(struct tr_buf *line, size_t width, const char *text, char wall)
{
	size_t room = width - 1, len = strlen(text);

	if (len > room)
		tr_buf_addf(line, "%.*s%c", (int)room, text, wall);
	else
		tr_buf_addf(line, "%-*s%c", (int)room, text, wall);
}

/* One line of the row of cells: sizes, or (holders) who is on them. */
static void put_row(
	const struct tr_layout_card *card, bool after, bool holders, struct tr_buf *line)
{
	size_t cell = cell_of(card);

	tr_buf_puts(line, holders ? "       |" : after ? "after  |" : "before |");
	for (uint32_t at = 0; at < card->memory_slices;) {
		const struct tr_layout_step *step = step_at(card, after, at);
		const struct tr_layout_step *next = step_at(card, after, at + 1);
		bool is_free = !step;
		char wall = is_free && !next && at + 1 < card->memory_slices ? ':' : '|';

		if (is_free) {
			put_cell(line, cell, "", wall);
			at++;
			continue;
		}
		put_cell(line, cell * step->size, holders ? step->holder : step->profile, '|');
		at += step->size;
	}
	tr_buf_puts(line, "\n");
}

static bool has_holders(const struct tr_layout_card *card)
{
	for (size_t i = 0; i < card->n_steps; i++)
		if (*card->steps[i].holder)
			return true;
	return false;
}

static void put_picture(const struct tr_layout_card *card, struct tr_buf *out)
{
	size_t cell = cell_of(card);
	bool holders = has_holders(card);

	if (card->memory_slices == 0 || card->memory_slices > MAX_SLICES)
		return;
	tr_buf_puts(out, "        ");
	for (uint32_t i = 0; i < card->memory_slices; i++)
		tr_buf_addf(out, i + 1 < card->memory_slices ? "%-*u" : "%.0d%u",
			i + 1 < card->memory_slices ? (int)cell : 0, i);
	tr_buf_puts(out, "\n");
	for (int after = 0; after < 2; after++) {
		if (!(after ? card->mig_after : card->mig_before)) {
			tr_buf_puts(out, after ? "after  MIG off\n" : "before MIG off\n");
			continue;
		}
		put_row(card, after, false, out);
		if (holders)
			put_row(card, after, true, out);
	}
}

/* --- The diff --- */

static void print_step(
	const struct tr_layout_card *card, const struct tr_layout_step *step, struct tr_term term)
{
	static const struct {
		char sign;
		enum tr_style style;
	} looks[] = { [TR_LAYOUT_KEEP] = { ' ', TR_STYLE_DIM },
		[TR_LAYOUT_FREE] = { '-', TR_STYLE_BAD },
		[TR_LAYOUT_CUT] = { '+', TR_STYLE_GOOD } };
	TR_AUTO_BUF line = { 0 };

	tr_buf_addf(&line, " %c %-12s %u:%u", looks[step->verb].sign, step->profile, card->gpu_idx,
		step->start);
	if (step->verb == TR_LAYOUT_KEEP && *step->holder)
		tr_buf_addf(&line, "  %s", step->holder);
	if (*step->why)
		tr_buf_addf(&line, "  %s", step->why);
	if (step->verb == TR_LAYOUT_FREE && *step->holder)
		tr_buf_addf(&line, "  EVICTS %s", step->holder);
	printf("%s%s%s\n", tr_style_begin(term, looks[step->verb].style), tr_buf_str(&line),
		tr_style_end(term, looks[step->verb].style));
}

static void print_stranded(const struct tr_layout_card *card)
{
	if (card->stranded_memory_before || card->stranded_compute_before ||
		card->stranded_memory_after || card->stranded_compute_after)
		printf("   stranded: %u of %u memory slices and %u of %u compute slices (before: "
		       "%u "
		       "and "
		       "%u)\n",
			card->stranded_memory_after, card->memory_slices,
			card->stranded_compute_after, card->compute_slices,
			card->stranded_memory_before, card->stranded_compute_before);
}

static void print_card(const struct tr_layout_card *card, struct tr_term term)
{
	TR_AUTO_BUF picture = { 0 };

	printf("GPU %u  %s%s\n", card->gpu_idx, card->name,
		card->is_named ? "" : "  (the layout leaves it as it is)");
	put_picture(card, &picture);
	fputs(tr_buf_str(&picture), stdout);
	if (card->mig_before != card->mig_after)
		printf(" %c MIG %s\n", card->mig_after ? '+' : '-', card->mig_after ? "on" : "off");
	for (size_t i = 0; i < card->n_steps; i++)
		print_step(card, &card->steps[i], term);
	print_stranded(card);
}

static void print_untimed(const struct tr_layout_plan *plan)
{
	const char *and = plan->n_untimed_mig && plan->n_untimed_evicted ? ", " : "";

	if (!plan->n_untimed_mig && !plan->n_untimed_evicted)
		return;
	fputs("   and what was never timed here: ", stdout);
	if (plan->n_untimed_mig)
		printf("MIG mode of %u", plan->n_untimed_mig);
	if (plan->n_untimed_evicted)
		printf("%s%u evicted", and, plan->n_untimed_evicted);
	putchar('\n');
}

int tr_show_layout_plan(
	const struct tr_node *node, const struct tr_layout_plan *plan, struct tr_err *err)
{
	struct tr_term term = tr_term_of(stdout);

	(void)err;
	tr_show_node(node, stdout);
	for (size_t i = 0; i < plan->n_cards; i++)
		print_card(&plan->cards[i], term);
	if (!plan->n_freed && !plan->n_cut && !plan->n_mig) {
		printf("'%s' is what stands: nothing to do\n", plan->label);
		return 0;
	}
	printf("'%s': %u freed, %u cut", plan->label, plan->n_freed, plan->n_cut);
	if (plan->n_mig)
		printf(", MIG mode of %u", plan->n_mig);
	if (plan->n_evicted)
		printf(", %u evicted", plan->n_evicted);
	printf("; about %.1f s\n", plan->seconds);
	print_untimed(plan);
	return 0;
}

/* --- JSON --- */

static void put_step_json(struct tr_js *js, json_t *o, const struct tr_layout_step *step)
{
	static const char *const verbs[] = {
		[TR_LAYOUT_KEEP] = "keep", [TR_LAYOUT_FREE] = "free", [TR_LAYOUT_CUT] = "cut"
	};

	tr_js_text(js, o, "step", verbs[step->verb]);
	tr_js_text(js, o, "profile", step->profile);
	tr_js_number(js, o, "start", step->start);
	tr_js_number(js, o, "size", step->size);
	tr_js_text(js, o, "uuid", step->uuid);
	tr_js_bool(js, o, "busy", step->is_busy);
	tr_js_text(js, o, "holder", step->holder);
	tr_js_text(js, o, "why", step->why);
}

static void put_stranded_json(
	struct tr_js *js, json_t *o, const char *key, uint32_t memory, uint32_t compute)
{
	json_t *lost = tr_js_object(js, o, key);

	tr_js_number(js, lost, "memory_slices", memory);
	tr_js_number(js, lost, "compute_slices", compute);
}

static void put_card_json(struct tr_js *js, json_t *o, const struct tr_layout_card *card)
{
	json_t *steps;

	tr_js_number(js, o, "gpu", card->gpu_idx);
	tr_js_text(js, o, "name", card->name);
	tr_js_text(js, o, "uuid", card->uuid);
	tr_js_bool(js, o, "named", card->is_named);
	tr_js_bool(js, o, "mig_before", card->mig_before);
	tr_js_bool(js, o, "mig_after", card->mig_after);
	tr_js_number(js, o, "memory_slices", card->memory_slices);
	tr_js_number(js, o, "compute_slices", card->compute_slices);
	put_stranded_json(js, o, "stranded_before", card->stranded_memory_before,
		card->stranded_compute_before);
	put_stranded_json(
		js, o, "stranded_after", card->stranded_memory_after, card->stranded_compute_after);
	tr_js_number(js, o, "open_after", card->open_after);
	steps = tr_js_list(js, o, "steps");
	for (size_t i = 0; i < card->n_steps; i++)
		put_step_json(js, tr_js_item(js, steps), &card->steps[i]);
}

int tr_show_layout_plan_json(
	const struct tr_node *node, const struct tr_layout_plan *plan, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *cards;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	tr_js_text(&js, js.top, "label", plan->label);
	tr_js_number(&js, js.top, "freed", plan->n_freed);
	tr_js_number(&js, js.top, "cut", plan->n_cut);
	tr_js_number(&js, js.top, "evicted", plan->n_evicted);
	tr_js_number(&js, js.top, "modes_changed", plan->n_mig);
	tr_js_real(&js, js.top, "seconds", plan->seconds);
	tr_js_number(&js, js.top, "modes_untimed", plan->n_untimed_mig);
	tr_js_number(&js, js.top, "evicted_untimed", plan->n_untimed_evicted);
	cards = tr_js_list(&js, js.top, "gpus");
	for (size_t i = 0; i < plan->n_cards; i++)
		put_card_json(&js, tr_js_item(&js, cards), &plan->cards[i]);
	return tr_js_print(&js, err);
}
