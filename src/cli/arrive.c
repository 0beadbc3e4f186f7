/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision as people see it:
 *
 *	big  4g.40gb  GPU 0:0, when 1 slice has moved
 *	 1. chat  1g.10gb  GPU 0:0 to GPU 1:4
 *
 *	GPU 0  a100-80gb
 *	        0        1        2        3        4        5        6        7
 *	before |1g.10gb |        :        :        |3g.40gb                            |
 *	       |chat    |        :        :        |coder                              |
 *	after  |4g.40gb                            |3g.40gb                            |
 *	       |big                                |coder                              |
 */
#include "cli/arrive.h"

#include "base/buf.h"
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/json.h"

#include <stdio.h>
#include <string.h>
#include <tranche/plan.h>

enum { CELL = 9, CELL_MANY = 7, USUAL_SLICES = 8 };

TR_DEFINE_FREEP(struct tr_cards, tr_cards_free)
TR_DEFINE_FREEP(struct tr_cards_answer, tr_cards_answer_free)

bool tr_arrive_is_meant(const struct tr_arrive_opts *o)
{
	return o->fleet || o->arrive || o->leave || o->name || o->moves || o->save;
}

static int check(const struct tr_call *call, const struct tr_arrive_opts *o, struct tr_err *err)
{
	if (!o->arrive == !o->leave) {
		tr_fail(err, TR_E_INVALID, "%s",
			o->arrive ? "'--arrive' and '--leave' at once"
				  : "a fleet, and nothing that comes or goes");
		tr_hint(err, "--arrive 3g.40gb --fleet FILE, or --leave NAME --fleet FILE");
		return -TR_E_INVALID;
	}
	if (!o->fleet) {
		tr_fail(err, TR_E_INVALID,
			"'--%s' needs the fleet: a file of cards and what runs "
			"on them",
			o->arrive ? "arrive" : "leave");
		tr_hint(err, "--fleet FILE; tranche-fleet(5) has an example");
		return -TR_E_INVALID;
	}
	if (o->leave && (o->moves || o->name))
		return tr_fail(err, TR_E_INVALID, "'%s' goes with '--arrive'",
			o->moves ? "--moves" : "--name");
	if (call->n_args)
		return tr_fail(err, TR_E_INVALID,
			"'%s': a fleet's slices are planned without a label", call->args[0]);
	if (call->common->node)
		return tr_fail(err, TR_E_INVALID, "'--fleet' asks no node");
	if (o->save && strcmp(o->fleet, "-") == 0)
		return tr_fail(err, TR_E_INVALID, "'--save': standard input cannot be written");
	return 0;
}

/* ---- the picture ---- */

/* Sizes, or names, a cell for each memory slice. */
static void put_row(const struct tr_cards_card *card, bool after, bool names, struct tr_buf *line)
{
	const struct tr_cards_slice *slices = after ? card->after : card->before;
	size_t n = after ? card->n_after : card->n_before, i = 0;
	size_t cell = card->memory_slices > USUAL_SLICES ? CELL_MANY : CELL;

	tr_buf_puts(line, names ? "       |" : after ? "after  |" : "before |");
	for (uint32_t at = 0; at < card->memory_slices;) {
		const struct tr_cards_slice *s = i < n && slices[i].start == at ? &slices[i] : NULL;
		size_t width = (s ? s->size : 1) * cell - 1;
		bool is_open =
			!s && at + 1 < card->memory_slices && !(i < n && slices[i].start == at + 1);

		tr_buf_addf(line, "%-*.*s%s", (int)width, (int)width,
			!s	? ""
			: names ? s->id
				: s->profile,
			is_open ? ":" : "|");
		at += s ? s->size : 1;
		i += s != NULL;
	}
	tr_buf_puts(line, "\n");
}

static void put_card(const struct tr_cards_card *card, struct tr_buf *out)
{
	size_t cell = card->memory_slices > USUAL_SLICES ? CELL_MANY : CELL;

	tr_buf_addf(out, "\nGPU %u  %s\n        ", card->idx, card->gpu);
	for (uint32_t i = 0; i < card->memory_slices; i++)
		if (i + 1 < card->memory_slices)
			tr_buf_addf(out, "%-*u", (int)cell, i);
		else
			tr_buf_addf(out, "%u\n", i);
	for (int after = 0; after < 2; after++)
		for (int names = 0; names < 2; names++)
			put_row(card, after, names, out);
}

static int show(const struct tr_cards_answer *answer, bool is_arrival, struct tr_err *err)
{
	const struct tr_cards_slice *slice = &answer->slice;
	TR_AUTO_BUF out = { 0 };

	tr_buf_addf(&out, "%s  %s  GPU %u:%u%s", slice->id, slice->profile, slice->gpu,
		slice->start, is_arrival ? "" : ", leaves");
	if (answer->n_moves)
		tr_buf_addf(&out, ", when %zu slice%s moved", answer->n_moves,
			answer->n_moves == 1 ? " has" : "s have");
	tr_buf_puts(&out, "\n");
	for (size_t i = 0; i < answer->n_moves; i++) {
		const struct tr_cards_move *m = &answer->moves[i];

		tr_buf_addf(&out, " %zu. %s  %s  GPU %u:%u to GPU %u:%u\n", i + 1, m->from.id,
			m->from.profile, m->from.gpu, m->from.start, m->to_gpu, m->to_start);
	}
	for (size_t i = 0; i < answer->n_cards; i++)
		put_card(&answer->cards[i], &out);
	if (tr_buf_ok(&out, err) < 0)
		return -(int)err->code;
	fputs(tr_buf_str(&out), stdout);
	return 0;
}

/* ---- JSON ---- */

static void put_slice(struct tr_js *js, json_t *o, const struct tr_cards_slice *slice)
{
	tr_js_text(js, o, "name", slice->id);
	tr_js_text(js, o, "profile", slice->profile);
	tr_js_number(js, o, "gpu", slice->gpu);
	tr_js_number(js, o, "start", slice->start);
	tr_js_number(js, o, "size", slice->size);
}

static void put_slices(
	struct tr_js *js, json_t *list, const struct tr_cards_slice *slices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_slice(js, tr_js_item(js, list), &slices[i]);
}

static int show_json(
	const struct tr_cards_answer *answer, const struct tr_arrive_opts *o, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	put_slice(&js, tr_js_object(&js, js.top, o->arrive ? "arrives" : "leaves"), &answer->slice);
	list = tr_js_list(&js, js.top, "moves");
	for (size_t i = 0; i < answer->n_moves; i++) {
		json_t *m = tr_js_item(&js, list);

		put_slice(&js, m, &answer->moves[i].from);
		tr_js_number(&js, m, "to_gpu", answer->moves[i].to_gpu);
		tr_js_number(&js, m, "to_start", answer->moves[i].to_start);
	}
	list = tr_js_list(&js, js.top, "cards");
	for (size_t i = 0; i < answer->n_cards; i++) {
		const struct tr_cards_card *card = &answer->cards[i];
		json_t *c = tr_js_item(&js, list);

		tr_js_number(&js, c, "gpu", card->idx);
		tr_js_text(&js, c, "kind", card->gpu);
		put_slices(&js, tr_js_list(&js, c, "before"), card->before, card->n_before);
		put_slices(&js, tr_js_list(&js, c, "after"), card->after, card->n_after);
	}
	tr_js_bool(&js, js.top, "saved", o->save);
	return tr_js_print(&js, err);
}

int tr_arrive_run(const struct tr_call *call, const struct tr_arrive_opts *o, struct tr_err *err)
{
	TR_AUTO(tr_cards_freep) struct tr_cards *cards = NULL;
	TR_AUTO(tr_cards_answer_freep) struct tr_cards_answer *answer = NULL;
	int r;

	if (check(call, o, err) < 0 || tr_cards_load(o->fleet, &cards, err) < 0)
		return -(int)err->code;
	r = o->arrive ? tr_cards_arrive(cards, o->arrive, o->name, o->moves, &answer, err)
		      : tr_cards_leave(cards, o->leave, &answer, err);
	if (r < 0 || (o->save && tr_cards_save(cards, o->fleet, err) < 0))
		return -(int)err->code;
	if (call->common->json)
		return show_json(answer, o, err);
	if (show(answer, o->arrive != NULL, err) < 0)
		return -(int)err->code;
	if (!o->save)
		fprintf(stderr, "tranche: '%s' is as it was; --save writes the change\n", o->fleet);
	return 0;
}
