/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many cards models need, cut how, and which model on which slices: the least, with its proof.
 *
 * Pure: no driver, no clock, no I/O; the same models give the same plan. First the least money (all
 * cards cost 1 where no price is given: the fewest cards), of those ways the fewest compute slices
 * cut for models, of those the least memory that is stranded. A figure is proven where its lower
 * bound meets it; the bounds are computed in whole numbers (see solve.h).
 */
#pragma once

#include "plan/card.h"
#include "plan/cover.h"

enum { TR_FLEET_KINDS = 4, TR_FLEET_HELD = 256 };

struct tr_err;

struct tr_fleet_kind {
	const struct tr_card *card; /* borrowed */
	int64_t price;		    /* of a card, in any unit; above 0 */
	int64_t most;		    /* cards there are beside the held ones; -1: any number */
};

/* Cards cut alike, whose slices stay: they are there and paid for, and what is left of them is
 * filled before a card is bought. */
struct tr_fleet_held {
	const struct tr_card *card; /* borrowed; by tr_card_init_held */
	uint8_t kind;
	int64_t n;
};

struct tr_fleet_model {
	const char *name; /* borrowed */
	int64_t demand;	  /* at least 0, in any unit; less what stays carries already */
	/* By kind, then size: what a slice carries of it; 0: nothing. */
	int64_t carries[TR_FLEET_KINDS][TR_CARD_SIZES];
};

struct tr_fleet {
	size_t n_kinds, n_models;
	struct tr_fleet_kind kinds[TR_FLEET_KINDS];
	const struct tr_fleet_model *models; /* borrowed */
	size_t n_held;
	const struct tr_fleet_held *held; /* borrowed */
	uint32_t max_nodes;		  /* of each search; 0: TR_FLEET_NODES */
};

enum { TR_FLEET_NODES = 4000 };

struct tr_fleet_figure {
	int64_t value, bound; /* proven where they meet */
};

struct tr_fleet_slice {
	uint32_t model;
	uint8_t size, start;
};

struct tr_fleet_card {
	uint8_t kind;
	int32_t held; /* one of those; its slices are what is added. -1: an empty card */
	uint8_t n_slices;
	struct tr_fleet_slice slices[TR_CARD_SLICES]; /* by start */
};

struct tr_fleet_plan {
	size_t n_cards;
	struct tr_fleet_card *cards; /* those cut alike side by side */
	/* Of new cards; of new slices; of all cards, held ones too. */
	struct tr_fleet_figure money, compute, stranded;
	uint32_t n_nodes;
};

void tr_fleet_plan_free(struct tr_fleet_plan *plan);

/* INVALID names a model that no slice of any kind carries; NO_ROOM when the cards there are do not
 * do, with how many would. */
int tr_fleet_plan(const struct tr_fleet *fleet, struct tr_fleet_plan **ret, struct tr_err *err);
