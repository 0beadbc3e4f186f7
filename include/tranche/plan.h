/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planning without a node: how many cards models need, cut how, and which model on which slice.
 *
 * Nothing is asked of a driver, nothing changed; the same file gives the same plan. The rules for
 * errors, ownership and threads are those of <tranche/tranche.h>.
 */
#ifndef TRANCHE_PLAN_H
#define TRANCHE_PLAN_H

#include <tranche/err.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct tr_node;

struct tr_models_ask {
	const char *file; /* a models file (tranche-models(5)); "-" is standard input */
	const char *gpus; /* "a100-80gb=8,h200-141gb": in place of the file's cards; NULL: those */
	/* A node whose cards are there already: what is cut on them stays. NULL: none is asked. */
	struct tr_node *node;
};

/* A number of which no plan has less than `bound`; where they meet, it is proven to be the least.
 */
struct tr_models_figure {
	double value, bound;
	bool is_proven;
};

struct tr_models_slice {
	const char *model;	   /* "": somebody else's, that runs already */
	const char *profile;	   /* "2g.20gb" */
	bool runs;		   /* is there already, and stays */
	uint32_t start, size;	   /* memory slices */
	uint32_t batch, processes; /* as measured; 0: the model has no measured profile */
};

struct tr_models_card {
	const char *gpu; /* "a100-80gb" */
	uint32_t node,
		idx; /* which node of its kind, and which card of that: for what is written */
	bool runs;   /* holds slices already */
	uint32_t memory_slices;
	size_t n_slices;
	const struct tr_models_slice *slices; /* by start */
};

struct tr_models_share {
	const char *model;
	uint32_t n_slices;
	bool has_rate;
	double rate, carried; /* requests a second; or (has_rate false) replicas */
};

struct tr_models_plan {
	size_t n_cards;
	struct tr_models_card
		*cards; /* those that run something, then those cut alike side by side */
	size_t n_models;
	struct tr_models_share *models; /* in file order */
	bool has_price;	      /* of every kind of card: the least money, else the fewest cards */
	const char *currency; /* "" when not given */
	struct tr_models_figure money;
	struct tr_models_figure
		gpus; /* with prices: no bound of its own, unless all cost the same */
	struct tr_models_figure compute_slices, stranded_memory_slices;
	size_t n_files; /* that were written */
	const char *const *files;
	size_t n_unserved; /* models that stand in no written stack: how to serve them is not said
			    */
};

/*
 * The least money (fewest cards where no prices are given), then the fewest compute slices, then
 * the least memory that no further slice could use. INVALID: what is wrong with the file, with
 * FILE:LINE:COLUMN; NOT_FOUND: a card that is not known; NO_ROOM: the cards there are do not do.
 */
int tr_models_plan(
	const struct tr_models_ask *ask, struct tr_models_plan **ret, struct tr_err *err);
void tr_models_plan_free(struct tr_models_plan *plan);

/* Writes, for each node, DIR/NODE.layout.yaml for tr_layout_apply and DIR/NODE.tranche.yaml for
 * tr_up; the folder is made. EXISTS: a file of that name that no plan wrote. */
int tr_models_plan_write(struct tr_models_plan *plan, const char *dir, struct tr_err *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
