/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a card can be cut into: each mix of slices that has places, with the places that strand
 * the least memory.
 *
 *	A100-80GB	7 sizes, 78 mixes (38 without profile 15), 12 of those in no other one
 */
#pragma once

#include "facts/facts.h"

#include <stdbool.h>

enum { TR_CARD_SIZES = 8, TR_CARD_SLICES = 12 };

struct tr_err;

struct tr_card_slice {
	uint8_t size, start;
};

/* A slice that stands on a card already, and stays. */
struct tr_card_held {
	const struct tr_gi_profile *profile; /* of the card's model, of any kind */
	uint8_t start;
};

struct tr_card_mix {
	uint8_t n[TR_CARD_SIZES]; /* by size; what stands already is left out */
	uint8_t compute, memory;  /* slices used, by what stands already too */
	uint8_t stranded;	  /* memory slices that no further slice can use */
	bool is_full;		  /* in no other mix: with nothing more to be had */
	uint8_t n_slices;
	struct tr_card_slice slices[TR_CARD_SLICES]; /* by size, then start */
};

struct tr_card {
	const struct tr_gpu_model *model;
	size_t n_sizes; /* plain profiles, the smallest first */
	const struct tr_gi_profile *sizes[TR_CARD_SIZES];
	uint8_t n_held[TR_CARD_SIZES]; /* by size: what stands already */
	size_t n_mixes;		       /* the first one is empty */
	struct tr_card_mix *mixes;
};

void tr_card_done(struct tr_card *card);
/* `sizes` has a bit for each plain profile (counted from the smallest) that may be cut; all: ~0u.
 * Memory counts as stranded by all plain profiles. INVALID when the model cannot be cut. */
int tr_card_init(
	const struct tr_gpu_model *model, uint32_t sizes, struct tr_card *ret, struct tr_err *err);
/* The same for a card on which slices stand: its mixes are what can be added to them. INVALID when
 * they overlap, or have no such places. */
int tr_card_init_held(const struct tr_gpu_model *model, uint32_t sizes,
	const struct tr_card_held *held, size_t n_held, struct tr_card *ret, struct tr_err *err);
/* The mix; -1 when the card cannot be cut so. */
int32_t tr_card_mix_find(const struct tr_card *card, const uint8_t n[TR_CARD_SIZES]);
