/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three passes: which servers stay, which slices stay, and where the rest goes. A server stays when
 * it runs what the file says on a slice that the file would take; a slice stays for its model also
 * when the server on it has to start anew. Cards that are cut already are filled before an idle one
 * is switched to MIG.
 */
#include "core/diff.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* Where a want's server is, or will be. */
struct seat {
	bool is_taken, is_whole;
	const struct tr_card *card;
	const struct tr_card_slice *slice; /* one that is there already */
	const struct tr_server *kept;	   /* the server that stays */
	uint32_t start, profile_id;
};

struct diff {
	const struct tr_scene *scene;
	const struct tr_stack_wish *wish;
	struct seat *seats;   /* one a want */
	bool *frees;	      /* by card * TR_CARD_MAX_SLICES + slice */
	bool *whole_cards;    /* held, or to be held, as a whole */
	bool *switched_cards; /* to be switched to MIG */
	struct tr_actions *out;
	struct tr_err *err;
};

static struct tr_action *add(struct diff *d, enum tr_step_kind kind)
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

static bool *frees_of(const struct diff *d, const struct tr_card *card)
{
	return &d->frees[card->idx * TR_CARD_MAX_SLICES];
}

static size_t want_idx(const struct diff *d, const struct tr_want *want)
{
	return (size_t)(want - d->wish->wants->v);
}

/* --- Does what is there suit what is wanted? --- */

static bool is_card_asked(const struct tr_want *want, const struct tr_card *card)
{
	return want->model->gpu < 0 || (uint32_t)want->model->gpu == card->idx;
}

static bool suits(const struct diff *d, const struct tr_want *want, const struct tr_card *card,
	const struct tr_card_slice *slice)
{
	const struct tr_plan_profile *profile;
	struct tr_plan_used used[TR_CARD_MAX_SLICES];
	struct tr_plan_gpu gpu;
	struct tr_err ignored;

	if (want->model->slice.kind == TR_WANT_WHOLE || !is_card_asked(want, card) ||
		!slice->has_device)
		return false;
	tr_scene_plan_gpu(d->scene, card, used, &gpu);
	return tr_plan_profile_find(&gpu, &d->wish->plans[want_idx(d, want)], &profile, &ignored) ==
		       0 &&
	       profile->id == slice->profile_id;
}

/* The slice that bears a UUID. */
static const struct tr_card_slice *slice_of(
	const struct diff *d, const char *uuid, const struct tr_card **ret_card)
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
	const struct diff *d, const struct tr_server *server, const struct tr_want *want)
{
	const struct tr_card_slice *slice;
	const struct tr_card *card = NULL;
	const struct tr_row *row;
	struct seat *seat;

	if (!want)
		return "the file does not ask for it";
	if (server->state == TR_SERVER_CREATED)
		return "its start was cut off";
	if (server->state == TR_SERVER_EXITED)
		return "it has ended";
	if (!server->config_hash || strcmp(server->config_hash, want->hash) != 0)
		return "the file says otherwise now";
	seat = &d->seats[want_idx(d, want)];
	if (seat->is_taken)
		return "there are two of it";
	if (want->model->slice.kind == TR_WANT_WHOLE) {
		card = server->slice_uuid ? tr_card_by_uuid(&d->scene->cards, server->slice_uuid)
					  : NULL;
		if (!card || card->mig_on || !is_card_asked(want, card))
			return "it is to have another card";
		*seat = (struct seat){
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
	*seat = (struct seat){ .is_taken = true,
		.card = card,
		.slice = slice,
		.kept = server,
		.start = slice->start,
		.profile_id = slice->profile_id };
	return NULL;
}

static int seat_servers(struct diff *d)
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
		action = add(d, !why				     ? TR_STEP_KEPT
				: server->state == TR_SERVER_RUNNING ? TR_STEP_STOP
								     : TR_STEP_CLEAN);
		if (!action)
			return -(int)d->err->code;
		action->server = server;
		action->why = why;
		if (why)
			continue;
		action->want = want;
		action->gpu_idx = d->seats[want_idx(d, want)].card->idx;
		action->is_whole = d->seats[want_idx(d, want)].is_whole;
		action->start = d->seats[want_idx(d, want)].start;
		action->profile_id = d->seats[want_idx(d, want)].profile_id;
	}
	return 0;
}

/* --- Slices --- */

/* A slice of this stack goes to its own model, else to nobody. */
static int seat_slice(struct diff *d, const struct tr_card *card, size_t s)
{
	const struct tr_card_slice *slice = &card->slices[s];
	const struct tr_row *row = tr_scene_row(d->scene, card, slice);
	const struct tr_want *want;
	struct tr_action *action;

	if (!row || strcmp(row->stack, d->wish->stack) != 0)
		return 0;
	want = tr_want_of_row(d->wish->wants, row);
	if (want && d->seats[want_idx(d, want)].slice == slice)
		return 0;
	if (want && !d->seats[want_idx(d, want)].is_taken && suits(d, want, card, slice)) {
		d->seats[want_idx(d, want)] = (struct seat){ .is_taken = true,
			.card = card,
			.slice = slice,
			.start = slice->start,
			.profile_id = slice->profile_id };
		return 0;
	}
	frees_of(d, card)[s] = true;
	action = add(d, TR_STEP_FREE);
	if (!action)
		return -(int)d->err->code;
	action->gpu_idx = card->idx;
	action->start = slice->start;
	action->profile_id = slice->profile_id;
	return 0;
}

static int seat_slices(struct diff *d)
{
	for (size_t c = 0; c < d->scene->cards.n; c++)
		for (size_t s = 0; s < d->scene->cards.v[c].n_slices; s++)
			if (seat_slice(d, &d->scene->cards.v[c], s) < 0)
				return -(int)d->err->code;
	return 0;
}

/* --- Whole cards --- */

static bool is_empty_after(const struct diff *d, const struct tr_card *card)
{
	for (size_t s = 0; s < card->n_slices; s++)
		if (!frees_of(d, card)[s])
			return false;
	for (size_t w = 0; w < d->wish->wants->n; w++)
		if (d->seats[w].is_taken && d->seats[w].card == card)
			return false;
	return true;
}

/* Held by nobody but a server of this stack that is about to stop. */
static bool is_idle(const struct diff *d, const struct tr_card *card)
{
	const struct tr_server *whole = tr_scene_whole(d->scene, card);

	if (d->whole_cards[card->idx])
		return false;
	if (whole && strcmp(whole->stack, d->wish->stack) == 0)
		return true;
	return !whole && !*card->clients;
}

static void say_slices(const struct diff *d, const struct tr_card *card, struct tr_buf *ret)
{
	for (size_t i = 0; i < card->n_slices; i++) {
		char holder[160];

		tr_scene_holder(d->scene, card, &card->slices[i], holder, sizeof(holder));
		tr_buf_addf(ret, "%s%s at %u:%u (%s)", i ? ", " : "", card->slices[i].profile,
			card->idx, card->slices[i].start, holder);
	}
}

/* Who has a card, so that it can be neither cut nor had as a whole. */
static void say_user(const struct diff *d, const struct tr_card *card, struct tr_buf *ret)
{
	const struct tr_server *whole = tr_scene_whole(d->scene, card);

	tr_buf_addf(ret, "%sGPU %u ", ret->len ? "; " : "", card->idx);
	if (card->n_slices > 0) {
		tr_buf_puts(ret, "is cut into ");
		say_slices(d, card, ret);
	} else if (d->whole_cards[card->idx] && !(whole && whole->stack))
		tr_buf_puts(ret, "is taken by another model of this file");
	else if (whole)
		tr_buf_addf(ret, "is held as a whole by stack '%s', model '%s'", whole->stack,
			whole->model);
	else if (*card->clients)
		tr_buf_addf(ret, "is in use by %s", card->clients);
	else
		tr_buf_puts(ret, "is taken by another model of this file");
}

/* What to type so that a card gets free: for a stack of ours, its down. */
static int hint_free(const struct diff *d, const struct tr_card *card)
{
	const struct tr_server *whole = card ? tr_scene_whole(d->scene, card) : NULL;

	if (whole && strcmp(whole->stack, d->wish->stack) != 0)
		return tr_hint(d->err, "tranche down %s   frees GPU %u", whole->stack, card->idx);
	if (card && card->n_slices == 0 && *card->clients)
		return tr_hint(
			d->err, "stop what uses GPU %u, then type the command again", card->idx);
	return tr_hint(d->err, "tranche slices   shows who holds what; 'tranche down STACK' and "
			       "'tranche destroy GPU:START' make room");
}

static int no_whole_card(const struct diff *d, const struct tr_want *want)
{
	const struct tr_card *one = NULL;
	TR_AUTO_BUF who = { 0 };
	size_t n = 0;

	for (size_t c = 0; c < d->scene->cards.n; c++) {
		const struct tr_card *card = &d->scene->cards.v[c];

		if (!is_card_asked(want, card))
			continue;
		say_user(d, card, &who);
		one = card;
		n++;
	}
	tr_fail(d->err, TR_E_NO_ROOM, "no whole card for %s%s%s", want->who, n ? ": " : "",
		tr_buf_str(&who));
	return hint_free(d, n == 1 ? one : NULL);
}

/* A card without MIG first; then one that is cut into nothing. */
static const struct tr_card *pick_whole(const struct diff *d, const struct tr_want *want)
{
	for (int mig_on = 0; mig_on < 2; mig_on++) {
		for (size_t c = 0; c < d->scene->cards.n; c++) {
			const struct tr_card *card = &d->scene->cards.v[c];

			if (card->mig_on == (bool)mig_on && is_card_asked(want, card) &&
				!card->slices_hidden && is_idle(d, card) && is_empty_after(d, card))
				return card;
		}
	}
	return NULL;
}

static int seat_whole(struct diff *d, const struct tr_want *want)
{
	const struct tr_card *card;
	struct tr_action *action;

	if (want->model->gpu >= 0 &&
		tr_card_find(&d->scene->cards, (uint32_t)want->model->gpu, &card, d->err) < 0)
		return tr_stack_fail(want->stack, want->model->at_gpu, d->err, "%s", d->err->msg);
	card = pick_whole(d, want);
	if (!card)
		return no_whole_card(d, want);
	d->whole_cards[card->idx] = true;
	d->seats[want_idx(d, want)] =
		(struct seat){ .is_taken = true, .is_whole = true, .card = card };
	if (!card->mig_on)
		return 0;
	action = add(d, TR_STEP_MIG_OFF);
	if (!action)
		return -(int)d->err->code;
	action->gpu_idx = card->idx;
	return 0;
}

static int seat_wholes(struct diff *d)
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
static int make_room(const struct diff *d, bool with_idle, struct room *ret)
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

			if (!frees_of(d, card)[slice - card->slices])
				used[kept++] = used[u];
		}
		gpu->n_used = kept;
		ret->n++;
	}
	return 0;
}

/* The planner's complaint, with the place in the file where it is about one model. */
static int explain(const struct diff *d, const struct tr_want *const *missing, size_t n)
{
	for (size_t i = 0; i < n && d->err->code == TR_E_INVALID; i++) {
		size_t len = strlen(missing[i]->who);

		if (strncmp(d->err->msg, missing[i]->who, len) == 0 && d->err->msg[len] == ':') {
			struct tr_err inner = *d->err;

			return tr_stack_fail(missing[i]->stack, missing[i]->model->at_slice, d->err,
				"model '%s'%s", missing[i]->model->name, inner.msg + len);
		}
	}
	return -(int)d->err->code;
}

static int needs_root(const struct diff *d, const struct tr_card *card)
{
	tr_fail(d->err, TR_E_PERMISSION, "cutting slices of GPU %u needs root", card->idx);
	return tr_hint(d->err, "sudo tranche up ...");
}

static int no_card(const struct diff *d)
{
	char why[256] = "the node has no GPU";
	const struct tr_card *one = NULL;
	TR_AUTO_BUF held = { 0 };
	size_t n = 0;

	for (size_t c = 0; c < d->scene->cards.n; c++) {
		const struct tr_card *card = &d->scene->cards.v[c];

		if (card->slices_hidden)
			return needs_root(d, card);
		if (!tr_card_can_slice(card, why) || card->mig_on)
			continue;
		say_user(d, card, &held);
		one = card;
		n++;
	}
	if (held.len) {
		tr_fail(d->err, TR_E_BUSY, "MIG is off, and cannot be turned on: %s",
			tr_buf_str(&held));
		return hint_free(d, n == 1 ? one : NULL);
	}
	return tr_fail(d->err, TR_E_UNSUPPORTED, "no slice can be cut on this node: %s", why);
}

static bool is_in_room(const struct room *room, uint32_t gpu_idx)
{
	for (size_t g = 0; g < room->n; g++)
		if (room->gpus[g].idx == gpu_idx)
			return true;
	return false;
}

/* The card that a model names ('gpu: 1') is not among those that may be cut: why not. */
static int check_named_card(
	const struct diff *d, const struct room *room, const struct tr_want *want)
{
	const struct tr_model *model = want->model;
	const struct tr_card *card;
	TR_AUTO_BUF who = { 0 };
	char why[256];

	if (model->gpu < 0 || is_in_room(room, (uint32_t)model->gpu))
		return 0;
	if (tr_card_find(&d->scene->cards, (uint32_t)model->gpu, &card, d->err) < 0) {
		tr_stack_fail(want->stack, model->at_gpu, d->err, "%s", d->err->msg);
		return tr_hint(d->err, "tranche gpus   lists them");
	}
	if (card->slices_hidden)
		return needs_root(d, card);
	if (!tr_card_can_slice(card, why))
		return tr_stack_fail(
			want->stack, model->at_gpu, d->err, "model '%s': %s", model->name, why);
	say_user(d, card, &who);
	tr_fail(d->err, TR_E_BUSY, "no room for %s: %s", want->who, tr_buf_str(&who));
	return hint_free(d, card);
}

static void switch_card(struct diff *d, uint32_t gpu_idx)
{
	const struct tr_card *card = &d->scene->cards.v[gpu_idx];
	struct tr_action *action;

	if (card->mig_on || d->switched_cards[gpu_idx])
		return;
	d->switched_cards[gpu_idx] = true;
	action = add(d, TR_STEP_MIG_ON);
	if (action)
		action->gpu_idx = gpu_idx;
}

/* Places all that have no seat: on cards that are cut already, else on idle ones too. */
static int place(struct diff *d, const struct tr_want *const *missing,
	const struct tr_plan_want *plans, struct tr_plan_place *places, size_t n)
{
	int r = -TR_E_NO_ROOM;

	for (int with_idle = 0; with_idle < 2 && r < 0; with_idle++) {
		TR_AUTO(room_done) struct room room = { 0 };

		if (make_room(d, with_idle, &room) < 0)
			return -(int)d->err->code;
		for (size_t i = 0; with_idle && room.n > 0 && i < n; i++)
			if (check_named_card(d, &room, missing[i]) < 0)
				return -(int)d->err->code;
		if (room.n == 0)
			r = with_idle ? no_card(d) : -TR_E_NO_ROOM;
		else
			r = tr_plan_fit(room.gpus, room.n, plans, n, places, d->err);
	}
	if (r < 0)
		return explain(d, missing, n);
	/* The profiles that the places point to are the cards' own, which outlive the room. */
	for (size_t i = 0; i < n; i++)
		d->seats[want_idx(d, missing[i])] = (struct seat){ .is_taken = true,
			.card = &d->scene->cards.v[places[i].gpu_idx],
			.start = places[i].start,
			.profile_id = places[i].profile->id };
	return 0;
}

static int cut_missing(struct diff *d)
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
		struct tr_action *action = add(d, TR_STEP_CUT);

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

static int start_missing(struct diff *d)
{
	for (size_t w = 0; w < d->wish->wants->n; w++) {
		struct tr_action *action;

		if (d->seats[w].kept)
			continue;
		action = add(d, TR_STEP_START);
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

static int diff(struct diff *d)
{
	if (seat_servers(d) < 0 || seat_slices(d) < 0 || seat_wholes(d) < 0 || cut_missing(d) < 0)
		return -(int)d->err->code;
	return start_missing(d);
}

int tr_stack_diff(const struct tr_scene *scene, const struct tr_stack_wish *wish,
	struct tr_actions *ret, struct tr_err *err)
{
	TR_AUTO(tr_actions_done) struct tr_actions actions = { 0 };
	struct diff d = { .scene = scene, .wish = wish, .out = &actions, .err = err };
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
