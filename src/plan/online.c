/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/online.h"

#include "base/err.h"
#include "base/own.h"
#include "plan/online_priv.h"

#include <stdio.h>
#include <string.h>

enum { MOVE = 100 }; /* hundredths */

/* ---- cards by state ---- */

static void set_bits(struct tr_online__kind *kind, uint32_t state, bool on)
{
	const struct tr_shape *shape = &kind->shape;

	for (size_t p = 0; p < shape->model->n_profiles; p++) {
		int32_t at = shape->rank[p * shape->n_states + state];

		if (at >= 0 && on)
			kind->open[p][at / 64] |= UINT64_C(1) << at % 64;
		else if (at >= 0)
			kind->open[p][at / 64] &= ~(UINT64_C(1) << at % 64);
	}
	if (on)
		kind->used[state / 64] |= UINT64_C(1) << state % 64;
	else
		kind->used[state / 64] &= ~(UINT64_C(1) << state % 64);
}

static void link_card(struct tr_online *online, uint32_t idx)
{
	struct tr_online__card *card = &online->cards[idx];
	struct tr_online__kind *kind = &online->kinds[card->kind];
	uint32_t *head = &kind->head[card->state];

	card->prev = TR_ONLINE_NONE;
	card->next = *head;
	if (*head == TR_ONLINE_NONE)
		set_bits(kind, card->state, true);
	else
		online->cards[*head].prev = idx;
	*head = idx;
}

static void unlink_card(struct tr_online *online, uint32_t idx)
{
	struct tr_online__card *card = &online->cards[idx];
	struct tr_online__kind *kind = &online->kinds[card->kind];

	if (card->next != TR_ONLINE_NONE)
		online->cards[card->next].prev = card->prev;
	if (card->prev != TR_ONLINE_NONE)
		online->cards[card->prev].next = card->next;
	else
		kind->head[card->state] = card->next;
	if (kind->head[card->state] == TR_ONLINE_NONE)
		set_bits(kind, card->state, false);
}

static void flip(struct tr_online *online, uint32_t idx, size_t place)
{
	struct tr_online__card *card = &online->cards[idx];

	unlink_card(online, idx);
	card->state = (uint16_t)tr_shape_flip(&online->kinds[card->kind].shape, card->state, place);
	link_card(online, idx);
}

void tr_online__seat(struct tr_online *online, uint32_t slice, uint32_t card, size_t place)
{
	struct tr_online__slice *s = &online->slices[slice];

	flip(online, card, place);
	s->is = TR_ONLINE__PLACED;
	s->card = card;
	s->place = (uint8_t)place;
	s->prev = TR_ONLINE_NONE;
	s->next = online->cards[card].first;
	if (s->next != TR_ONLINE_NONE)
		online->slices[s->next].prev = slice;
	online->cards[card].first = slice;
}

void tr_online__unseat(struct tr_online *online, uint32_t slice)
{
	struct tr_online__slice *s = &online->slices[slice];

	flip(online, s->card, s->place);
	if (s->next != TR_ONLINE_NONE)
		online->slices[s->next].prev = s->prev;
	if (s->prev != TR_ONLINE_NONE)
		online->slices[s->prev].next = s->next;
	else
		online->cards[s->card].first = s->next;
}

bool tr_online__find(const struct tr_online__kind *kind, size_t profile, uint32_t not_card,
	const struct tr_online__card *cards, struct tr_online__found *ret)
{
	const struct tr_shape *shape = &kind->shape;

	for (size_t w = 0; w < kind->n_words; w++)
		for (uint64_t left = kind->open[profile][w]; left; left &= left - 1) {
			const struct tr_shape_best *best =
				&shape->best[profile][w * 64 + (size_t)__builtin_ctzll(left)];
			uint32_t card = kind->head[best->state];

			if (card == not_card)
				card = cards[card].next;
			if (card == TR_ONLINE_NONE)
				continue;
			*ret = (struct tr_online__found){ card, best->place, best->loss };
			return true;
		}
	return false;
}

/* ---- a fleet ---- */

void tr_online_free(struct tr_online *online)
{
	if (!online)
		return;
	for (size_t k = 0; k < online->n_kinds; k++) {
		struct tr_online__kind *kind = &online->kinds[k];

		for (size_t p = 0; p < TR_SHAPE_PROFILES; p++)
			free(kind->open[p]);
		free(kind->head);
		free(kind->used);
		tr_shape_done(&kind->shape);
	}
	free(online->cards);
	free(online->slices);
	free(online);
}

TR_DEFINE_FREEP(struct tr_online, tr_online_free)

static int add_kind(struct tr_online *online, const struct tr_online_kind *from, struct tr_err *err)
{
	struct tr_online__kind *kind = &online->kinds[online->n_kinds];

	for (size_t k = 0; k < online->n_kinds; k++)
		if (online->kinds[k].shape.model == from->model)
			return tr_fail(err, TR_E_INVALID, "card '%s' twice", from->model->key);
	if (from->n_cards > TR_ONLINE_CARDS - online->n_cards)
		return tr_fail(err, TR_E_INVALID, "over %d cards", TR_ONLINE_CARDS);
	if (tr_shape_init(from->model, &kind->shape, err) < 0)
		return -(int)err->code;
	online->n_kinds++;
	kind->first_card = online->n_cards;
	kind->n_cards = from->n_cards;
	online->n_cards += from->n_cards;
	online->most_placed += from->n_cards * from->model->compute_slices;
	kind->n_words = kind->shape.n_states / 64 + 1;
	kind->head = malloc(kind->shape.n_states * sizeof(*kind->head));
	kind->used = calloc(kind->n_words, sizeof(*kind->used));
	if (!kind->head || !kind->used)
		return tr_fail(err, TR_E_NO_MEMORY, "a fleet");
	memset(kind->head, 0xff, kind->shape.n_states * sizeof(*kind->head));
	for (size_t p = 0; p < from->model->n_profiles; p++) {
		kind->open[p] = calloc(kind->n_words, sizeof(*kind->open[p]));
		if (!kind->open[p])
			return tr_fail(err, TR_E_NO_MEMORY, "a fleet");
	}
	return 0;
}

/* Slices enough for all that can be placed, and those that wait: a decision never allocates. */
static int reserve(struct tr_online *online, uint32_t n_waiting, struct tr_err *err)
{
	uint32_t n = online->most_placed + n_waiting;
	struct tr_online__slice *more;

	if (n <= online->n_slices)
		return 0;
	more = realloc(online->slices, n * sizeof(*more));
	if (!more)
		return tr_fail(err, TR_E_NO_MEMORY, "a fleet of %u slices", n);
	online->slices = more;
	for (uint32_t i = n; i-- > online->n_slices;) {
		more[i] = (struct tr_online__slice){ .is = TR_ONLINE__UNUSED,
			.next = online->unused };
		online->unused = i;
	}
	online->n_slices = n;
	return 0;
}

int tr_online_new(const struct tr_online_kind *kinds, size_t n_kinds, uint32_t moves_per_100,
	struct tr_online **ret, struct tr_err *err)
{
	TR_AUTO(tr_online_freep) struct tr_online *online = calloc(1, sizeof(*online));

	if (!online)
		return tr_fail(err, TR_E_NO_MEMORY, "a fleet");
	if (n_kinds > TR_ONLINE_KINDS)
		return tr_fail(err, TR_E_INVALID, "over %d kinds of cards", TR_ONLINE_KINDS);
	online->moves_per_100 = moves_per_100;
	online->unused = TR_ONLINE_NONE;
	for (size_t k = 0; k < n_kinds; k++)
		if (add_kind(online, &kinds[k], err) < 0)
			return -(int)err->code;
	online->cards = calloc(online->n_cards + 1u, sizeof(*online->cards));
	if (!online->cards)
		return tr_fail(err, TR_E_NO_MEMORY, "a fleet of %u cards", online->n_cards);
	if (reserve(online, 0, err) < 0)
		return -(int)err->code;
	for (size_t k = online->n_kinds; k-- > 0;)
		for (uint32_t i = online->kinds[k].n_cards; i-- > 0;) {
			uint32_t idx = online->kinds[k].first_card + i;

			/* The last is linked first, so that the lowest card is found first. */
			online->cards[idx] = (struct tr_online__card){ .kind = (uint8_t)k,
				.first = TR_ONLINE_NONE };
			link_card(online, idx);
		}
	*ret = TR_TAKE(online);
	return 0;
}

int32_t tr_online_wish(struct tr_online *online, const char *profile)
{
	struct tr_online__wish *wish = &online->wishes[online->n_wishes];
	bool is_known = false;

	for (size_t i = 0; i < online->n_wishes; i++)
		if (strcmp(online->wishes[i].profile, profile) == 0)
			return (int32_t)i;
	if (online->n_wishes == TR_ONLINE_WISHES)
		return -1;
	*wish = (struct tr_online__wish){ .first = TR_ONLINE_NONE, .last = TR_ONLINE_NONE };
	for (size_t k = 0; k < online->n_kinds; k++) {
		const struct tr_gpu_model *model = online->kinds[k].shape.model;

		wish->of_kind[k] = -1;
		for (uint32_t p = 0; p < model->n_profiles; p++) {
			if (strcmp(model->profiles[p].name, profile) != 0)
				continue;
			wish->of_kind[k] = (int8_t)p;
			wish->profile = model->profiles[p].name;
			is_known = true;
		}
	}
	return is_known ? (int32_t)online->n_wishes++ : -1;
}

/* ---- slices ---- */

static uint32_t new_slice(struct tr_online *online, int32_t wish)
{
	uint32_t slice = online->unused;

	online->unused = online->slices[slice].next;
	online->slices[slice].wish = (uint8_t)wish;
	return slice;
}

static int no_such_start(const struct tr_gi_profile *profile, uint32_t start,
	const struct tr_gpu_model *model, struct tr_err *err)
{
	char starts[64] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < profile->n_starts; i++)
		len += (size_t)snprintf(
			starts + len, sizeof(starts) - len, " %u", profile->starts[i]);
	return tr_fail(err, TR_E_INVALID, "'%s' cannot start at %u on a %s; allowed:%s",
		profile->name, start, model->title, starts);
}

int tr_online_put(struct tr_online *online, int32_t wish, uint32_t card, uint32_t start,
	uint32_t *ret_slice, struct tr_err *err)
{
	const struct tr_shape *shape;
	const char *profile = online->wishes[wish].profile;
	int32_t of_kind, place;

	if (card >= online->n_cards)
		return tr_fail(err, TR_E_INVALID, "there is no GPU %u; there are 0 to %u", card,
			online->n_cards - 1);
	shape = &online->kinds[online->cards[card].kind].shape;
	of_kind = online->wishes[wish].of_kind[online->cards[card].kind];
	if (of_kind < 0)
		return tr_fail(err, TR_E_INVALID, "GPU %u is a %s, which has no profile '%s'", card,
			shape->model->title, profile);
	place = tr_shape_place(shape, (size_t)of_kind, start);
	if (place < 0)
		return no_such_start(&shape->model->profiles[of_kind], start, shape->model, err);
	if ((shape->states[online->cards[card].state].places >> place & 1) ||
		tr_shape_flip(shape, online->cards[card].state, (size_t)place) < 0)
		return tr_fail(
			err, TR_E_BUSY, "GPU %u has no room for '%s' at %u", card, profile, start);
	*ret_slice = new_slice(online, wish);
	tr_online__seat(online, *ret_slice, card, (size_t)place);
	return 0;
}

static bool find_any(const struct tr_online *online, const struct tr_online__wish *wish,
	struct tr_online__found *ret)
{
	bool found = false;

	for (size_t k = 0; k < online->n_kinds; k++) {
		struct tr_online__found now;

		if (wish->of_kind[k] < 0 ||
			!tr_online__find(&online->kinds[k], (size_t)wish->of_kind[k],
				TR_ONLINE_NONE, online->cards, &now) ||
			(found && now.loss >= ret->loss))
			continue;
		*ret = now;
		found = true;
	}
	return found;
}

/* How many moves may be made for a wish, as far as they have been saved up. */
static uint32_t moves_for(
	const struct tr_online *online, const struct tr_online__wish *wish, uint32_t max_moves)
{
	enum { WORTH = 4 }; /* memory slices a move */
	uint32_t saved = online->saved / MOVE, size = 0;

	if (!online->moves_per_100)
		return max_moves;
	for (size_t k = 0; k < online->n_kinds; k++)
		if (wish->of_kind[k] >= 0)
			size = online->kinds[k].shape.model->profiles[wish->of_kind[k]].size;
	if (saved <= TR_ONLINE_SAVED / 2 && size / WORTH < saved)
		saved = size / WORTH;
	return saved < max_moves ? saved : max_moves;
}

static void account(struct tr_online *online, size_t n_moves)
{
	if (!online->moves_per_100)
		return;
	online->saved += online->moves_per_100 * MOVE / 100;
	online->saved -= (uint32_t)n_moves * MOVE;
	if (online->saved > TR_ONLINE_SAVED * MOVE)
		online->saved = TR_ONLINE_SAVED * MOVE;
}

/* Finds a place, if need be by moves. */
static bool decide(struct tr_online *online, int32_t wish, uint32_t max_moves,
	struct tr_online__found *ret_found, struct tr_online_answer *ret)
{
	const struct tr_online__wish *w = &online->wishes[wish];

	ret->n_moves = 0;
	if (find_any(online, w, ret_found))
		return true;
	max_moves = moves_for(online, w, max_moves);
	return max_moves && tr_online__make_room(online, wish, max_moves, ret_found, ret);
}

static void seat_found(struct tr_online *online, uint32_t slice,
	const struct tr_online__found *found, struct tr_online_answer *ret)
{
	tr_online__seat(online, slice, found->card, found->place);
	ret->slice = slice;
	tr_online_where(online, slice, &ret->place);
	account(online, ret->n_moves);
}

bool tr_online_arrive(
	struct tr_online *online, int32_t wish, uint32_t max_moves, struct tr_online_answer *ret)
{
	struct tr_online__found found;

	if (!decide(online, wish, max_moves, &found, ret))
		return false;
	seat_found(online, new_slice(online, wish), &found, ret);
	return true;
}

/* ---- the queue ---- */

int tr_online_wait(struct tr_online *online, int32_t wish, uint32_t *ret_slice, struct tr_err *err)
{
	struct tr_online__wish *w = &online->wishes[wish];
	uint32_t spare = online->n_slices - online->most_placed, slice;
	struct tr_online__slice *s;

	if (online->n_waiting == spare && reserve(online, 2 * spare + 64, err) < 0)
		return -(int)err->code;
	slice = new_slice(online, wish);
	s = &online->slices[slice];
	s->is = TR_ONLINE__WAITING;
	s->ticket = online->n_tickets++;
	s->prev = w->last;
	s->next = TR_ONLINE_NONE;
	if (w->last != TR_ONLINE_NONE)
		online->slices[w->last].next = slice;
	else
		w->first = slice;
	w->last = slice;
	online->n_waiting++;
	*ret_slice = slice;
	return 0;
}

static void unwait(struct tr_online *online, uint32_t slice)
{
	struct tr_online__slice *s = &online->slices[slice];
	struct tr_online__wish *w = &online->wishes[s->wish];

	if (s->prev != TR_ONLINE_NONE)
		online->slices[s->prev].next = s->next;
	else
		w->first = s->next;
	if (s->next != TR_ONLINE_NONE)
		online->slices[s->next].prev = s->prev;
	else
		w->last = s->prev;
	online->n_waiting--;
}

bool tr_online_next(struct tr_online *online, uint32_t max_moves, struct tr_online_answer *ret)
{
	uint32_t first = TR_ONLINE_NONE, best = TR_ONLINE_NONE;
	struct tr_online__found found = { 0 }, now;

	ret->n_moves = 0;
	for (size_t i = 0; i < online->n_wishes; i++) {
		uint32_t slice = online->wishes[i].first;

		if (slice == TR_ONLINE_NONE)
			continue;
		if (first == TR_ONLINE_NONE ||
			online->slices[slice].ticket < online->slices[first].ticket)
			first = slice;
		if ((best != TR_ONLINE_NONE &&
			    online->slices[slice].ticket > online->slices[best].ticket) ||
			!find_any(online, &online->wishes[i], &now))
			continue;
		best = slice;
		found = now;
	}
	if (first != TR_ONLINE_NONE && first != best &&
		decide(online, online->slices[first].wish, max_moves, &found, ret))
		best = first;
	if (best == TR_ONLINE_NONE)
		return false;
	unwait(online, best);
	seat_found(online, best, &found, ret);
	return true;
}

/* ---- leaving, looking ---- */

bool tr_online_leave(struct tr_online *online, uint32_t slice)
{
	struct tr_online__slice *s;

	if (slice >= online->n_slices || online->slices[slice].is == TR_ONLINE__UNUSED)
		return false;
	s = &online->slices[slice];
	if (s->is == TR_ONLINE__WAITING)
		unwait(online, slice);
	else
		tr_online__unseat(online, slice);
	s->is = TR_ONLINE__UNUSED;
	s->next = online->unused;
	online->unused = slice;
	return true;
}

bool tr_online_where(const struct tr_online *online, uint32_t slice, struct tr_online_place *ret)
{
	const struct tr_online__slice *s = &online->slices[slice];
	const struct tr_shape *shape;

	if (slice >= online->n_slices || s->is == TR_ONLINE__UNUSED)
		return false;
	*ret = (struct tr_online_place){ .card = TR_ONLINE_NONE };
	if (s->is == TR_ONLINE__WAITING)
		return true;
	shape = &online->kinds[online->cards[s->card].kind].shape;
	*ret = (struct tr_online_place){ s->card, shape->places[s->place].start,
		tr_shape_profile(shape, s->place) };
	return true;
}

size_t tr_online_on(const struct tr_online *online, uint32_t card, uint32_t *ret, size_t max)
{
	const struct tr_shape *shape;
	size_t n = 0;

	if (card >= online->n_cards)
		return 0;
	shape = &online->kinds[online->cards[card].kind].shape;
	for (uint32_t s = online->cards[card].first; s != TR_ONLINE_NONE;
		s = online->slices[s].next, n++) {
		size_t k = n < max ? n : max;

		for (; k > 0 && shape->places[online->slices[ret[k - 1]].place].start >
					shape->places[online->slices[s].place].start;
			k--)
			if (k < max)
				ret[k] = ret[k - 1];
		if (k < max)
			ret[k] = s;
	}
	return n;
}

const struct tr_gpu_model *tr_online_model(const struct tr_online *online, uint32_t card)
{
	if (card >= online->n_cards)
		return NULL;
	return online->kinds[online->cards[card].kind].shape.model;
}
