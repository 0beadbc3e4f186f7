/* SPDX-License-Identifier: Apache-2.0 */
/* What deciding (online.c) and making room (room.c) share. */
#pragma once

#include "plan/online.h"
#include "plan/shape.h"

struct tr_online__card {
	uint16_t state;
	uint8_t kind;
	uint32_t first;	     /* slice on it; they are linked by `next` */
	uint32_t prev, next; /* cards in the same state */
};

enum tr_online__is { TR_ONLINE__UNUSED, TR_ONLINE__PLACED, TR_ONLINE__WAITING };

struct tr_online__slice {
	uint32_t card;	     /* PLACED */
	uint32_t prev, next; /* on the card, in its queue, or the next unused */
	uint64_t ticket;     /* WAITING: who came first */
	uint8_t place, wish, is;
};

struct tr_online__kind {
	struct tr_shape shape;
	uint32_t first_card, n_cards;
	size_t n_words;
	uint32_t *head; /* by state: the first card in it */
	uint64_t *used; /* a bit for each state that a card is in */
	/* By profile: a bit for each entry of shape.best whose state a card is in. */
	uint64_t *open[TR_SHAPE_PROFILES];
};

struct tr_online__wish {
	const char *profile;		 /* static */
	int8_t of_kind[TR_ONLINE_KINDS]; /* index of the kind's profiles; -1: has none */
	uint32_t first, last;		 /* of those that wait */
};

struct tr_online {
	size_t n_kinds, n_wishes;
	struct tr_online__kind kinds[TR_ONLINE_KINDS];
	struct tr_online__wish wishes[TR_ONLINE_WISHES];
	uint32_t n_cards;
	struct tr_online__card *cards;
	uint32_t most_placed, n_waiting, n_slices, unused; /* `unused`: the first of a list */
	struct tr_online__slice *slices;
	uint64_t n_tickets;
	uint32_t moves_per_100;
	uint32_t saved; /* hundredths of a move */
};

/* Where a profile's slice costs least in a kind. */
struct tr_online__found {
	uint32_t card;
	uint8_t place;
	uint16_t loss;
};

/* Leaves one card out (TR_ONLINE_NONE: none). False when no other has a place. */
bool tr_online__find(const struct tr_online__kind *kind, size_t profile, uint32_t not_card,
	const struct tr_online__card *cards, struct tr_online__found *ret);
/* Takes a slice to a place, which its card has open, or off its card. */
void tr_online__seat(struct tr_online *online, uint32_t slice, uint32_t card, size_t place);
void tr_online__unseat(struct tr_online *online, uint32_t slice);
/* Moves at most max_moves slices, so that the wish has a place; noted in ret. False when there is
 * no way; nothing has changed then. */
bool tr_online__make_room(struct tr_online *online, int32_t wish, uint32_t max_moves,
	struct tr_online__found *ret_found, struct tr_online_answer *ret);
