/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making room by moves: for each state that a card is in, and each place of the profile, who is in
 * the way, and where would they go? Each way is tried on the fleet itself and taken back; the best
 * is then done again.
 */
#include "plan/online_priv.h"

#include <string.h>

struct way {
	uint32_t card;
	uint8_t place;
	int32_t loss;
};

static uint32_t slice_at(const struct tr_online *online, uint32_t card, size_t place)
{
	uint32_t s = online->cards[card].first;

	while (online->slices[s].place != place)
		s = online->slices[s].next;
	return s;
}

static size_t smallest(const struct tr_shape *shape, uint32_t places)
{
	size_t least = (size_t)__builtin_ctz(places);

	for (uint32_t left = places; left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctz(left);
		const struct tr_gi_profile *a = tr_shape_profile(shape, i);
		const struct tr_gi_profile *b = tr_shape_profile(shape, least);

		if (a->size < b->size || (a->size == b->size && a->slices < b->slices))
			least = i;
	}
	return least;
}

/*
 * The places that must be freed for one, the largest first: those it touches, then the smallest
 * others while compute slices are short. 0: more than max.
 */
static size_t in_the_way(const struct tr_shape *shape, uint32_t state, size_t place, size_t max,
	uint8_t ret[TR_ONLINE_MOVES])
{
	uint32_t places = shape->states[state].places, touched = 0;
	size_t n = 0;

	for (uint32_t left = places; left; left &= left - 1)
		if (tr_shape_conflict(shape, (size_t)__builtin_ctz(left), place))
			touched |= left & -left;
	while (places) {
		size_t next = smallest(shape, touched ? touched : places);

		if (n == max)
			return 0;
		for (size_t k = n++; k > 0; k--)
			ret[k] = ret[k - 1];
		ret[0] = (uint8_t)next;
		places &= ~(1u << next);
		touched &= ~(1u << next);
		state = (uint32_t)tr_shape_flip(shape, state, next);
		if (!touched && tr_shape_flip(shape, state, place) >= 0)
			return n;
	}
	return 0;
}

/* A place for the slice on its own card, beside itself and clear of the one to be freed. */
static bool find_here(const struct tr_shape *shape, uint32_t state, size_t own, size_t freed,
	struct tr_online__found *ret)
{
	for (size_t i = 0; i < shape->n_places; i++) {
		if (shape->places[i].profile != shape->places[own].profile ||
			(shape->states[state].places >> i & 1) ||
			tr_shape_flip(shape, state, i) < 0 || tr_shape_conflict(shape, i, freed))
			continue;
		ret->place = (uint8_t)i;
		return true;
	}
	return false;
}

/* Moves one slice off its place. */
static bool move(struct tr_online *online, uint32_t card, size_t from, size_t freed,
	struct tr_online_move *ret, int32_t *loss)
{
	const struct tr_online__kind *kind = &online->kinds[online->cards[card].kind];
	const struct tr_shape *shape = &kind->shape;
	struct tr_online__found to = { .card = card };

	if (!tr_online__find(kind, shape->places[from].profile, card, online->cards, &to) &&
		!find_here(shape, online->cards[card].state, from, freed, &to))
		return false;
	*ret = (struct tr_online_move){ .slice = slice_at(online, card, from),
		.from_card = card,
		.from_start = shape->places[from].start,
		.to_card = to.card,
		.to_start = shape->places[to.place].start };
	tr_online__unseat(online, ret->slice);
	tr_online__seat(online, ret->slice, to.card, to.place);
	*loss += to.loss;
	return true;
}

static int32_t value_of(const struct tr_online *online, uint32_t card)
{
	const struct tr_online__card *c = &online->cards[card];

	return online->kinds[c->kind].shape.states[c->state].value;
}

static void take_back(struct tr_online *online, struct tr_online_answer *moved)
{
	while (moved->n_moves > 0) {
		const struct tr_online_move *m = &moved->moves[--moved->n_moves];
		const struct tr_shape *shape =
			&online->kinds[online->cards[m->from_card].kind].shape;
		size_t profile = shape->places[online->slices[m->slice].place].profile;

		tr_online__unseat(online, m->slice);
		tr_online__seat(online, m->slice, m->from_card,
			(size_t)tr_shape_place(shape, profile, m->from_start));
	}
}

/* Frees a place. False, with nothing changed, when it takes over max_moves moves. */
static bool free_place(
	struct tr_online *online, struct way *way, size_t max_moves, struct tr_online_answer *ret)
{
	const struct tr_online__card *card = &online->cards[way->card];
	const struct tr_shape *shape = &online->kinds[card->kind].shape;
	uint8_t freed[TR_ONLINE_MOVES];
	size_t n = in_the_way(shape, card->state, way->place, max_moves, freed);
	int32_t after;

	ret->n_moves = 0;
	way->loss = value_of(online, way->card);
	for (size_t i = 0; i < n; i++) {
		if (!move(online, way->card, freed[i], way->place, &ret->moves[i], &way->loss))
			break;
		ret->n_moves++;
	}
	after = tr_shape_flip(shape, card->state, way->place);
	if (n == 0 || ret->n_moves < n || after < 0) {
		take_back(online, ret);
		return false;
	}
	way->loss += (int32_t)n * TR_ONLINE_MOVE_LOSS - shape->states[after].value;
	return true;
}

/* The best way in one kind of card. */
static void look_at(struct tr_online *online, const struct tr_online__kind *kind, size_t profile,
	size_t max_moves, struct way *best)
{
	const struct tr_shape *shape = &kind->shape;
	struct tr_online_answer tried;

	for (size_t s = 0; s < shape->n_states; s++) {
		if (!(kind->used[s / 64] >> s % 64 & 1))
			continue;
		for (size_t i = 0; i < shape->n_places; i++) {
			struct way way = { .card = kind->head[s], .place = (uint8_t)i };

			if (shape->places[i].profile != profile ||
				!free_place(online, &way, max_moves, &tried))
				continue;
			take_back(online, &tried);
			if (best->card == TR_ONLINE_NONE || way.loss < best->loss)
				*best = way;
		}
	}
}

bool tr_online__make_room(struct tr_online *online, int32_t wish, uint32_t max_moves,
	struct tr_online__found *ret_found, struct tr_online_answer *ret)
{
	const struct tr_online__wish *w = &online->wishes[wish];
	struct way best = { .card = TR_ONLINE_NONE };

	if (max_moves > TR_ONLINE_MOVES)
		max_moves = TR_ONLINE_MOVES;
	for (size_t k = 0; k < online->n_kinds; k++)
		if (w->of_kind[k] >= 0)
			look_at(online, &online->kinds[k], (size_t)w->of_kind[k], max_moves, &best);
	if (best.card == TR_ONLINE_NONE || !free_place(online, &best, max_moves, ret))
		return false;
	*ret_found = (struct tr_online__found){ .card = best.card, .place = best.place };
	return true;
}

uint32_t tr_online_moves_needed(struct tr_online *online, int32_t wish)
{
	struct tr_online__found found;
	struct tr_online_answer tried;

	for (uint32_t n = 1; n <= TR_ONLINE_MOVES; n++) {
		if (!tr_online__make_room(online, wish, n, &found, &tried))
			continue;
		take_back(online, &tried);
		return n;
	}
	return 0;
}
