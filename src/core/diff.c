/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three passes: which servers stay, which slices stay, and where the rest goes. A server stays when
 * it runs what the file says on a slice that the file would take; a slice stays for its model also
 * when the server on it has to start anew. Cards that are cut already are filled before an idle one
 * is switched to MIG.
 */
#include "core/diff.h"

#include "base/err.h"
#include "core/diff_priv.h"

#include <stdio.h>
#include <string.h>

struct tr_action *tr_diff__add(struct tr_diff *d, enum tr_step_kind kind)
{
	struct tr_action *more = realloc(d->out->v, (d->out->n + 1) * sizeof(*more));

	if (!more) {
		tr_fail(d->err, TR_E_NO_MEMORY, "plan the stack: out of memory");
		return NULL;
	}
	d->out->v = more;
	more = &d->out->v[d->out->n++];
	*more = (struct tr_action){ .kind = kind };
	return more;
}

bool *tr_diff__frees_of(const struct tr_diff *d, const struct tr_card *card)
{
	return &d->frees[card->idx * TR_CARD_MAX_SLICES];
}

size_t tr_diff__want_idx(const struct tr_diff *d, const struct tr_want *want)
{
	return (size_t)(want - d->wish->wants->v);
}

bool tr_diff__is_card_asked(const struct tr_want *want, const struct tr_card *card)
{
	return want->model->gpu < 0 || (uint32_t)want->model->gpu == card->idx;
}

/* --- Does what is there suit what is wanted? --- */

static bool suits(const struct tr_diff *d, const struct tr_want *want, const struct tr_card *card,
	const struct tr_card_slice *slice)
{
	const struct tr_plan_profile *profile;
	struct tr_plan_used used[TR_CARD_MAX_SLICES];
	struct tr_plan_gpu gpu;
	struct tr_err ignored;

	if (want->model->slice.kind == TR_WANT_WHOLE || !tr_diff__is_card_asked(want, card) ||
		!slice->has_device)
		return false;
	tr_scene_plan_gpu(d->scene, card, used, &gpu);
	return tr_plan_profile_find(&gpu, &d->wish->plans[tr_diff__want_idx(d, want)], &profile,
		       &ignored) == 0 &&
	       profile->id == slice->profile_id;
}

/* The slice that bears a UUID. */
static const struct tr_card_slice *slice_of(
	const struct tr_diff *d, const char *uuid, const struct tr_card **ret_card)
{
	for (size_t c = 0; c < d->scene->cards.n; c++) {
		const struct tr_card *card = &d->scene->cards.v[c];

		for (size_t s = 0; s < card->n_slices; s++)
			if (uuid && strcmp(card->slices[s].uuid, uuid) == 0) {
				*ret_card = card;
				return &card->slices[s];
			}
	}
	return NULL;
}

/* --- Servers --- */

/* NULL when the server may stay; else why not. Fills the seat of one that stays. */
static const char *why_not(
	const struct tr_diff *d, const struct tr_server *server, const struct tr_want *want)
{
	const struct tr_card_slice *slice;
	const struct tr_card *card = NULL;
	const struct tr_row *row;
	struct tr_seat *seat;

	if (!want)
		return "the file does not ask for it";
	if (server->state == TR_SERVER_CREATED)
		return "its start was cut off";
	if (server->state == TR_SERVER_EXITED)
		return "it has ended";
	if (!server->config_hash || strcmp(server->config_hash, want->hash) != 0)
		return "the file says otherwise now";
	seat = &d->seats[tr_diff__want_idx(d, want)];
	if (seat->is_taken)
		return "there are two of it";
	if (want->model->slice.kind == TR_WANT_WHOLE) {
		card = server->slice_uuid ? tr_card_by_uuid(&d->scene->cards, server->slice_uuid)
					  : NULL;
		if (!card || card->mig_on || !tr_diff__is_card_asked(want, card))
			return "it is to have another card";
		*seat = (struct tr_seat){
			.is_taken = true, .is_whole = true, .card = card, .kept = server
		};
		return NULL;
	}
	slice = slice_of(d, server->slice_uuid, &card);
	row = slice ? tr_scene_row(d->scene, card, slice) : NULL;
	if (!row || strcmp(row->stack, server->stack) != 0)
		return "its slice is gone";
	if (!suits(d, want, card, slice))
		return "it is to have another slice";
	*seat = (struct tr_seat){ .is_taken = true,
		.card = card,
		.slice = slice,
		.kept = server,
		.start = slice->start,
		.profile_id = slice->profile_id };
	return NULL;
}

static int seat_servers(struct tr_diff *d)
{
	for (size_t i = 0; i < d->scene->servers.n; i++) {
		const struct tr_server *server = &d->scene->servers.v[i];
		const struct tr_want *want;
		struct tr_action *action;
		const char *why;

		if (!server->stack || strcmp(server->stack, d->wish->stack) != 0)
			continue;
		want = tr_want_of_server(d->wish->wants, server);
		why = why_not(d, server, want);
		action = tr_diff__add(d, !why				      ? TR_STEP_KEPT
					 : server->state == TR_SERVER_RUNNING ? TR_STEP_STOP
									      : TR_STEP_CLEAN);
		if (!action)
			return -(int)d->err->code;
		action->server = server;
		action->why = why;
		if (why)
			continue;
		action->want = want;
		action->gpu_idx = d->seats[tr_diff__want_idx(d, want)].card->idx;
		action->is_whole = d->seats[tr_diff__want_idx(d, want)].is_whole;
		action->start = d->seats[tr_diff__want_idx(d, want)].start;
		action->profile_id = d->seats[tr_diff__want_idx(d, want)].profile_id;
	}
	return 0;
}

/* --- Slices --- */

/* A slice of this stack goes to its own model, else to nobody. */
static int seat_slice(struct tr_diff *d, const struct tr_card *card, size_t s)
{
	const struct tr_card_slice *slice = &card->slices[s];
	const struct tr_row *row = tr_scene_row(d->scene, card, slice);
	const struct tr_want *want;
	struct tr_action *action;

	if (!row || strcmp(row->stack, d->wish->stack) != 0)
		return 0;
	want = tr_want_of_row(d->wish->wants, row);
	if (want && d->seats[tr_diff__want_idx(d, want)].slice == slice)
		return 0;
	if (want && !d->seats[tr_diff__want_idx(d, want)].is_taken && suits(d, want, card, slice)) {
		d->seats[tr_diff__want_idx(d, want)] = (struct tr_seat){ .is_taken = true,
			.card = card,
			.slice = slice,
			.start = slice->start,
			.profile_id = slice->profile_id };
		return 0;
	}
	tr_diff__frees_of(d, card)[s] = true;
	action = tr_diff__add(d, TR_STEP_FREE);
	if (!action)
		return -(int)d->err->code;
	action->gpu_idx = card->idx;
	action->start = slice->start;
	action->profile_id = slice->profile_id;
	return 0;
}

static int seat_slices(struct tr_diff *d)
{
	for (size_t c = 0; c < d->scene->cards.n; c++)
		for (size_t s = 0; s < d->scene->cards.v[c].n_slices; s++)
			if (seat_slice(d, &d->scene->cards.v[c], s) < 0)
				return -(int)d->err->code;
	return 0;
}

static int start_missing(struct tr_diff *d)
{
	for (size_t w = 0; w < d->wish->wants->n; w++) {
		struct tr_action *action;

		if (d->seats[w].kept)
			continue;
		action = tr_diff__add(d, TR_STEP_START);
		if (!action)
			return -(int)d->err->code;
		action->want = &d->wish->wants->v[w];
		action->gpu_idx = d->seats[w].card->idx;
		action->is_whole = d->seats[w].is_whole;
		action->start = d->seats[w].start;
		action->profile_id = d->seats[w].profile_id;
	}
	return 0;
}

/* --- All of it --- */

static int diff(struct tr_diff *d)
{
	if (seat_servers(d) < 0 || seat_slices(d) < 0 || tr_diff__seat_wholes(d) < 0 ||
		tr_diff__cut_missing(d) < 0)
		return -(int)d->err->code;
	return start_missing(d);
}

int tr_stack_diff(const struct tr_scene *scene, const struct tr_stack_wish *wish,
	struct tr_actions *ret, struct tr_err *err)
{
	TR_AUTO(tr_actions_done) struct tr_actions actions = { 0 };
	struct tr_diff d = { .scene = scene, .wish = wish, .out = &actions, .err = err };
	size_t n_cards = scene->cards.n + 1;
	int r;

	d.seats = calloc(wish->wants->n + 1, sizeof(*d.seats));
	d.frees = calloc(n_cards * TR_CARD_MAX_SLICES, sizeof(*d.frees));
	d.whole_cards = calloc(n_cards, sizeof(*d.whole_cards));
	d.switched_cards = calloc(n_cards, sizeof(*d.switched_cards));
	if (!d.seats || !d.frees || !d.whole_cards || !d.switched_cards)
		r = tr_fail(err, TR_E_NO_MEMORY, "plan the stack: out of memory");
	else
		r = diff(&d);
	free(d.seats);
	free(d.frees);
	free(d.whole_cards);
	free(d.switched_cards);
	if (r == 0) {
		*ret = actions;
		actions = (struct tr_actions){ 0 };
	}
	return r;
}

void tr_actions_done(struct tr_actions *actions)
{
	free(actions->v);
	*actions = (struct tr_actions){ 0 };
}

bool tr_actions_is_settled(const struct tr_actions *actions)
{
	for (size_t i = 0; i < actions->n; i++)
		if (actions->v[i].kind != TR_STEP_KEPT)
			return false;
	return true;
}
