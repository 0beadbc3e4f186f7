/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where slices go: from what cards offer and hold, and what is wanted, to placements.
 *
 * Pure: no driver, no clock, no I/O. The same inputs give the same plan. Every slice keeps its
 * place; only free room is used. Placements count memory slices.
 *
 * What is chosen: all wants placed, if there is any way (the search backs up); of the ways, the one
 * that leaves most placements open for later, then the lowest card, then the lowest start. On one
 * card that is exact; over many cards the search for a better way than the first found is bounded
 * (TR_PLAN_STEPS), the search for any way is not cut short below that bound.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_PLAN_MAX_STARTS = 16, TR_PLAN_STEPS = 200000 };

struct tr_err;

struct tr_plan_profile {
	char name[64];
	uint32_t id;
	uint32_t compute_slices;
	uint32_t size; /* memory slices */
	uint64_t memory_mib;
	uint32_t max;
	uint32_t n_starts;
	uint8_t starts[TR_PLAN_MAX_STARTS];
};

struct tr_plan_used {
	uint32_t profile_id, start, size;
	char holder[96]; /* for messages: "stack 'demo', model 'chat'" */
};

struct tr_plan_gpu {
	uint32_t idx;
	char title[96];
	size_t n_profiles;
	const struct tr_plan_profile *profiles; /* borrowed */
	size_t n_used;
	const struct tr_plan_used *used; /* borrowed */
};

struct tr_plan_want {
	const char *who;     /* for messages: "model 'chat'" or the want as typed */
	const char *profile; /* a name, "MIG " in front allowed, or an id; NULL: by memory */
	uint64_t memory_mib; /* at least this much; the smallest profile that has it */
	int32_t gpu;	     /* card index; -1: any */
	int32_t start;	     /* memory slice; -1: any */
};

struct tr_plan_place {
	uint32_t gpu_idx;
	const struct tr_plan_profile *profile; /* borrowed from the card */
	uint32_t start;
};

/* The card's profile that a want asks for. INVALID lists the profiles that the card has. */
int tr_plan_profile_find(const struct tr_plan_gpu *gpu, const struct tr_plan_want *want,
	const struct tr_plan_profile **ret, struct tr_err *err);

/*
 * Places all wants, in ret_places[n_wants]. INVALID when a profile, card or start does not exist;
 * NO_ROOM when they do not fit: the message says which slices hold the space and which of the
 * wants would fit.
 */
int tr_plan_fit(const struct tr_plan_gpu *gpus, size_t n_gpus, const struct tr_plan_want *wants,
	size_t n_wants, struct tr_plan_place *ret_places, struct tr_err *err);

/* How many more of a profile alone would fit, and whether one of its starts is free. */
uint32_t tr_plan_capacity(const struct tr_plan_gpu *gpu, const struct tr_plan_profile *profile);
bool tr_plan_start_is_free(
	const struct tr_plan_gpu *gpu, const struct tr_plan_profile *profile, uint32_t start);
