/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the comparison (diff.h). */
#pragma once

#include "core/diff.h"

/* Where a want's server is, or will be. */
struct tr_seat {
	bool is_taken, is_whole;
	const struct tr_card *card;
	const struct tr_card_slice *slice; /* one that is there already */
	const struct tr_server *kept;	   /* the server that stays */
	uint32_t start, profile_id;
};

struct tr_diff {
	const struct tr_scene *scene;
	const struct tr_stack_wish *wish;
	struct tr_seat *seats; /* one a want */
	bool *frees;	       /* by card * TR_CARD_MAX_SLICES + slice */
	bool *whole_cards;     /* held, or to be held, as a whole */
	bool *switched_cards;  /* to be switched to MIG */
	struct tr_actions *out;
	struct tr_err *err;
};

/* Adds a step; NULL with `err` filled in when memory ran out. */
struct tr_action *tr_diff__add(struct tr_diff *d, enum tr_step_kind kind);
/* Which of a card's slices are to be freed: TR_CARD_MAX_SLICES flags. */
bool *tr_diff__frees_of(const struct tr_diff *d, const struct tr_card *card);
size_t tr_diff__want_idx(const struct tr_diff *d, const struct tr_want *want);
/* True unless the model names another card. */
bool tr_diff__is_card_asked(const struct tr_want *want, const struct tr_card *card);

/* --- diff_seat.c: where the rest goes --- */

int tr_diff__seat_wholes(struct tr_diff *d);
int tr_diff__cut_missing(struct tr_diff *d);

/* --- diff_say.c: why it does not go; each fills in d->err --- */

int tr_diff__no_whole_card(const struct tr_diff *d, const struct tr_want *want);
/* No card can be cut at all. */
int tr_diff__no_card(const struct tr_diff *d);
/* The card that a model names ('gpu: 1') is not among those that may be cut. */
int tr_diff__no_named_card(const struct tr_diff *d, const struct tr_want *want);
/* The planner's complaint, with the place in the file where it is about one model. */
int tr_diff__explain(const struct tr_diff *d, const struct tr_want *const *missing, size_t n);
