/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every state that a card can be in, as tables: which slices stand where, what may be added, what
 * that costs those who come later.
 *
 *	A100-80GB	25 places, 2319 states (723 without 1g.10gb+me)
 *
 * A state's value is the memory slices of all places that are still open, summed over plain
 * profiles; a place's loss is how much of that goes when a slice takes it. States are numbered, so
 * that cards in the same state can be counted and kept together.
 */
#pragma once

#include "facts/facts.h"

#include <stdbool.h>

enum { TR_SHAPE_PROFILES = 16, TR_SHAPE_PLACES = 32 };

struct tr_err;

struct tr_shape_place {
	uint8_t profile; /* index in the model's profiles */
	uint8_t start;
	uint16_t mask; /* memory slices */
};

struct tr_shape_state {
	uint32_t places; /* a bit for each place that is taken */
	uint16_t mask;
	uint16_t value;
};

/* The best place that a state has for a profile. */
struct tr_shape_best {
	uint16_t state;
	uint8_t place;
	uint16_t loss;
};

struct tr_shape {
	const struct tr_gpu_model *model;
	size_t n_places, n_states; /* state 0 is empty */
	struct tr_shape_place places[TR_SHAPE_PLACES];
	struct tr_shape_state *states;
	int16_t *flip; /* [state][place]: the state after the place is taken or freed; -1: cannot */
	/* By profile: states that have a place for it, the least loss first; then the fullest. */
	size_t n_best[TR_SHAPE_PROFILES];
	struct tr_shape_best *best[TR_SHAPE_PROFILES];
	int16_t *rank; /* [profile][state]: where in that list; -1: no place */
};

void tr_shape_done(struct tr_shape *shape);
/* INVALID when the model cannot be cut. */
int tr_shape_init(const struct tr_gpu_model *model, struct tr_shape *ret, struct tr_err *err);

/* -1: it cannot be. */
static inline int32_t tr_shape_flip(const struct tr_shape *shape, uint32_t state, size_t place)
{
	return shape->flip[state * shape->n_places + place];
}

static inline const struct tr_gi_profile *tr_shape_profile(
	const struct tr_shape *shape, size_t place)
{
	return &shape->model->profiles[shape->places[place].profile];
}

/* -1: the profile has no such start. */
int32_t tr_shape_place(const struct tr_shape *shape, size_t profile, uint32_t start);
/* True when slices at the two places cannot be at the same time, whatever else is on the card. */
bool tr_shape_conflict(const struct tr_shape *shape, size_t a, size_t b);
