/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where what has no place yet goes: whole cards first, then slices on cards that are cut already,
 * and an idle card is switched to MIG only when these do not do.
 */
#include "core/diff_priv.h"

#include "base/err.h"

#include <string.h>

/* --- Whole cards --- */

static bool is_empty_after(const struct tr_diff *d, const struct tr_card *card)
{
	for (size_t s = 0; s < card->n_slices; s++)
		if (!tr_diff__frees_of(d, card)[s])
			return false;
	for (size_t w = 0; w < d->wish->wants->n; w++)
		if (d->seats[w].is_taken && d->seats[w].card == card)
			return false;
	return true;
}

/* Held by nobody but a server of this stack that is about to stop. */
static bool is_idle(const struct tr_diff *d, const struct tr_card *card)
{
	const struct tr_server *whole = tr_scene_whole(d->scene, card);

	if (d->whole_cards[card->idx])
		return false;
	if (whole && strcmp(whole->stack, d->wish->stack) == 0)
		return true;
	return !whole && !*card->clients;
}

/* A card without MIG first; then one that is cut into nothing. */
static const struct tr_card *pick_whole(const struct tr_diff *d, const struct tr_want *want)
{
	for (int mig_on = 0; mig_on < 2; mig_on++) {
		for (size_t c = 0; c < d->scene->cards.n; c++) {
			const struct tr_card *card = &d->scene->cards.v[c];

			if (card->mig_on == (bool)mig_on && tr_diff__is_card_asked(want, card) &&
				!card->slices_hidden && is_idle(d, card) && is_empty_after(d, card))
				return card;
		}
	}
	return NULL;
}

static int seat_whole(struct tr_diff *d, const struct tr_want *want)
{
	const struct tr_card *card;
	struct tr_action *action;

	if (want->model->gpu >= 0 &&
		tr_card_find(&d->scene->cards, (uint32_t)want->model->gpu, &card, d->err) < 0)
		return tr_stack_fail(want->stack, want->model->at_gpu, d->err, "%s", d->err->msg);
	card = pick_whole(d, want);
	if (!card)
		return tr_diff__no_whole_card(d, want);
	d->whole_cards[card->idx] = true;
	d->seats[tr_diff__want_idx(d, want)] =
		(struct tr_seat){ .is_taken = true, .is_whole = true, .card = card };
	if (!card->mig_on)
		return 0;
	action = tr_diff__add(d, TR_STEP_MIG_OFF);
	if (!action)
		return -(int)d->err->code;
	action->gpu_idx = card->idx;
	return 0;
}

int tr_diff__seat_wholes(struct tr_diff *d)
{
	for (size_t w = 0; w < d->wish->wants->n; w++)
		if (d->seats[w].is_taken && d->seats[w].is_whole)
			d->whole_cards[d->seats[w].card->idx] = true;
	/* Those that name their card come before those that take any. */
	for (int any = 0; any < 2; any++) {
		for (size_t w = 0; w < d->wish->wants->n; w++) {
			const struct tr_want *want = &d->wish->wants->v[w];

			if (want->model->slice.kind != TR_WANT_WHOLE || d->seats[w].is_taken ||
				(want->model->gpu < 0) != (bool)any)
				continue;
			if (seat_whole(d, want) < 0)
				return -(int)d->err->code;
		}
	}
	return 0;
}

/* --- Slices to cut --- */

struct room {
	size_t n;
	struct tr_plan_gpu *gpus;
	struct tr_plan_used *used;
};

static void room_done(struct room *room)
{
	free(room->gpus);
	free(room->used);
}

/* The cards that may be cut, as they will be once this stack's surplus is freed. */
static int make_room(const struct tr_diff *d, bool with_idle, struct room *ret)
{
	size_t n = d->scene->cards.n + 1;

	ret->gpus = calloc(n, sizeof(*ret->gpus));
	ret->used = calloc(n * TR_CARD_MAX_SLICES, sizeof(*ret->used));
	if (!ret->gpus || !ret->used)
		return tr_fail(d->err, TR_E_NO_MEMORY, "plan the stack: out of memory");
	for (size_t c = 0; c < d->scene->cards.n; c++) {
		const struct tr_card *card = &d->scene->cards.v[c];
		struct tr_plan_used *used = &ret->used[ret->n * TR_CARD_MAX_SLICES];
		struct tr_plan_gpu *gpu = &ret->gpus[ret->n];
		size_t kept = 0;

		if (!card->has_mig_mode || card->slices_hidden || d->whole_cards[c] ||
			(!card->mig_on && (!with_idle || !is_idle(d, card))))
			continue;
		tr_scene_plan_gpu(d->scene, card, used, gpu);
		for (size_t u = 0; u < gpu->n_used; u++) {
			const struct tr_card_slice *slice = tr_card_slice_at(card, used[u].start);

			if (!tr_diff__frees_of(d, card)[slice - card->slices])
				used[kept++] = used[u];
		}
		gpu->n_used = kept;
		ret->n++;
	}
	return 0;
}

static bool is_in_room(const struct room *room, uint32_t gpu_idx)
{
	for (size_t g = 0; g < room->n; g++)
		if (room->gpus[g].idx == gpu_idx)
			return true;
	return false;
}

static void switch_card(struct tr_diff *d, uint32_t gpu_idx)
{
	const struct tr_card *card = &d->scene->cards.v[gpu_idx];
	struct tr_action *action;

	if (card->mig_on || d->switched_cards[gpu_idx])
		return;
	d->switched_cards[gpu_idx] = true;
	action = tr_diff__add(d, TR_STEP_MIG_ON);
	if (action)
		action->gpu_idx = gpu_idx;
}

/* Places all that have no seat: on cards that are cut already, else on idle ones too. */
static int place(struct tr_diff *d, const struct tr_want *const *missing,
	const struct tr_plan_want *plans, struct tr_plan_place *places, size_t n)
{
	int r = -TR_E_NO_ROOM;

	for (int with_idle = 0; with_idle < 2 && r < 0; with_idle++) {
		TR_AUTO(room_done) struct room room = { 0 };

		if (make_room(d, with_idle, &room) < 0)
			return -(int)d->err->code;
		for (size_t i = 0; with_idle && room.n > 0 && i < n; i++)
			if (missing[i]->model->gpu >= 0 &&
				!is_in_room(&room, (uint32_t)missing[i]->model->gpu))
				return tr_diff__no_named_card(d, missing[i]);
		if (room.n == 0)
			r = with_idle ? tr_diff__no_card(d) : -TR_E_NO_ROOM;
		else
			r = tr_plan_fit(room.gpus, room.n, plans, n, places, d->err);
	}
	if (r < 0)
		return tr_diff__explain(d, missing, n);
	/* The profiles that the places point to are the cards' own, which outlive the room. */
	for (size_t i = 0; i < n; i++)
		d->seats[tr_diff__want_idx(d, missing[i])] = (struct tr_seat){ .is_taken = true,
			.card = &d->scene->cards.v[places[i].gpu_idx],
			.start = places[i].start,
			.profile_id = places[i].profile->id };
	return 0;
}

int tr_diff__cut_missing(struct tr_diff *d)
{
	size_t n = d->wish->wants->n, n_missing = 0;
	const struct tr_want **missing = calloc(n + 1, sizeof(*missing));
	struct tr_plan_want *plans = calloc(n + 1, sizeof(*plans));
	struct tr_plan_place *places = calloc(n + 1, sizeof(*places));
	int r = 0;

	if (!missing || !plans || !places)
		r = tr_fail(d->err, TR_E_NO_MEMORY, "plan the stack: out of memory");
	for (size_t w = 0; r == 0 && w < n; w++) {
		if (d->seats[w].is_taken)
			continue;
		plans[n_missing] = d->wish->plans[w];
		missing[n_missing++] = &d->wish->wants->v[w];
	}
	if (r == 0 && n_missing > 0)
		r = place(d, missing, plans, places, n_missing);
	for (size_t i = 0; r == 0 && i < n_missing; i++)
		switch_card(d, places[i].gpu_idx);
	for (size_t i = 0; r == 0 && i < n_missing; i++) {
		struct tr_action *action = tr_diff__add(d, TR_STEP_CUT);

		if (!action) {
			r = -(int)d->err->code;
			break;
		}
		action->want = missing[i];
		action->gpu_idx = places[i].gpu_idx;
		action->start = places[i].start;
		action->profile_id = places[i].profile->id;
	}
	free(missing);
	free(plans);
	free(places);
	return r;
}
