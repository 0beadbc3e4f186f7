/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices that come and go on a fleet: where the next one goes, so that most can still be cut later.
 *
 * Pure: no clock, no driver, no I/O; what is remembered is the fleet, and the same calls give the
 * same answers. Cards in the same state are kept together, so that a decision looks at states
 * (shape.h), not at cards: 80,000 cards cost what 100 do.
 *
 * A slice goes where it takes the least from later ones (the least loss of a state's value, then
 * the fullest card). Where none has a place and moves are allowed, slices in the way go to other
 * cards of the same kind, so that what is lost is least, a move counting as TR_ONLINE_MOVE_LOSS
 * memory slices. Moves come in an order in which each target is free when its turn comes, and the
 * slice may stay up at its old place until then.
 */
#pragma once

#include "facts/facts.h"

#include <stdbool.h>

enum {
	TR_ONLINE_KINDS = 8,
	TR_ONLINE_WISHES = 128,
	TR_ONLINE_MOVES = 8, /* no card holds more slices */
	TR_ONLINE_CARDS = 1 << 24,
	TR_ONLINE_MOVE_LOSS = 1,
	/* Moves are saved up to this many; what is saved above half is spent more freely. */
	TR_ONLINE_SAVED = 100,
};

/* No slice, no card. */
#define TR_ONLINE_NONE UINT32_MAX

struct tr_err;
struct tr_online;

struct tr_online_kind {
	const struct tr_gpu_model *model; /* no two kinds of the same model */
	uint32_t n_cards;
};

struct tr_online_place {
	uint32_t card; /* counted through all kinds, in their order */
	uint32_t start;
	const struct tr_gi_profile *profile; /* static; NULL: waits for a place */
};

struct tr_online_move {
	uint32_t slice, from_card, from_start, to_card, to_start;
};

struct tr_online_answer {
	uint32_t slice; /* a number for as long as it is there; then it is given out again */
	struct tr_online_place place;
	size_t n_moves;
	struct tr_online_move moves[TR_ONLINE_MOVES]; /* in this order, before the slice is cut */
};

void tr_online_free(struct tr_online *online);
/*
 * Empty cards. moves_per_100 limits moves over time: that many for each 100 slices accepted; while
 * few are saved up, only moves that make room for four memory slices each; 0: no such limit.
 * INVALID: a model that cannot be cut, twice the same, too many.
 */
int tr_online_new(const struct tr_online_kind *kinds, size_t n_kinds, uint32_t moves_per_100,
	struct tr_online **ret, struct tr_err *err);

/* What to ask with for a profile ("3g.40gb"), on all kinds that have it; -1: none has. */
int32_t tr_online_wish(struct tr_online *online, const char *profile);

/* A slice that runs already. INVALID: no such card, profile or start; BUSY: the card has no room
 * there. */
int tr_online_put(struct tr_online *online, int32_t wish, uint32_t card, uint32_t start,
	uint32_t *ret_slice, struct tr_err *err);

/* False when there is no room, also after at most max_moves moves; nothing has changed then. */
bool tr_online_arrive(
	struct tr_online *online, int32_t wish, uint32_t max_moves, struct tr_online_answer *ret);

/* The fewest moves with which a wish that has no place would get one, whatever has been saved up;
 * 0: no number of them helps. */
uint32_t tr_online_moves_needed(struct tr_online *online, int32_t wish);

/* Puts a wish into the queue; its number stays that of its slice. */
int tr_online_wait(struct tr_online *online, int32_t wish, uint32_t *ret_slice, struct tr_err *err);
/*
 * The one that has waited longest of those that have a place now; only the one that has waited
 * longest of all may have others moved. False when there is none. To be called until it is false,
 * after a slice has left.
 */
bool tr_online_next(struct tr_online *online, uint32_t max_moves, struct tr_online_answer *ret);

/* The slice is gone; or it waits no longer. False when there is no such slice. */
bool tr_online_leave(struct tr_online *online, uint32_t slice);

/* False when there is no such slice. */
bool tr_online_where(const struct tr_online *online, uint32_t slice, struct tr_online_place *ret);
/* The slices of a card by start, at most `max` of ret[]. How many there are. */
size_t tr_online_on(const struct tr_online *online, uint32_t card, uint32_t *ret, size_t max);
/* NULL when there is no such card. */
const struct tr_gpu_model *tr_online_model(const struct tr_online *online, uint32_t card);
