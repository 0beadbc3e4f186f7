/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards and what runs on them: the planner's numbers (plan/online.h) with names, and the fleet
 *file.
 *
 *	version: 1
 *	gpus:
 *	  a100-80gb: {count: 2}
 *	slices:
 *	  chat: {gpu: 0, profile: 3g.40gb, start: 4}
 */
#pragma once

#include "base/own.h"
#include "plan/online.h"

#include <tranche/plan.h>

struct tr_buf;

struct tr_cards {
	struct tr_online *online;
	size_t n_kinds;
	struct tr_online_kind kinds[TR_ONLINE_KINDS];
	uint32_t n_cards;
	void *by_id;		      /* tsearch: struct tr_cards_name */
	uint32_t n_names;	      /* that `names` has room for */
	struct tr_cards_name **names; /* by slice */
};

TR_DEFINE_FREEP(struct tr_cards, tr_cards_free)

/* A model of a card that can be cut. NOT_FOUND or INVALID. */
int tr_cards_find_gpu(const char *key, const struct tr_gpu_model **ret, struct tr_err *err);
/* INVALID when no slice may be called so. */
int tr_cards_check_id(const char *id, struct tr_err *err);
/* Empty ones, of cards->kinds. */
int tr_cards_start(struct tr_cards *cards, struct tr_err *err);
/* A slice that runs already. EXISTS, or as tr_online_put; INVALID: the id, or no such profile. */
int tr_cards_put(struct tr_cards *cards, const char *id, const char *profile, uint32_t gpu,
	uint32_t start, struct tr_err *err);
/* The slices of a card by start, at most TR_ONLINE_MOVES. */
size_t tr_cards_on(const struct tr_cards *cards, uint32_t gpu, struct tr_cards_slice *ret);

/* A fleet file's text. `file` is its name for complaints. */
int tr_cards_parse(
	const char *file, const char *text, size_t len, struct tr_cards **ret, struct tr_err *err);
int tr_cards_print(const struct tr_cards *cards, struct tr_buf *ret, struct tr_err *err);
