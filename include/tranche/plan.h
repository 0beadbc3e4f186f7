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

/* A bound on the plan by one thing alone. */
struct tr_models_bound {
	const char *of; /* "compute slices", "memory slices", "places" */
	bool has_needs; /* one kind of card, none that runs something already */
	double needs;	/* what all models take of it at least */
	double each;	/* what a card has */
	double value;	/* no plan has fewer cards, or (with prices) costs less */
	bool binds;	/* for this, the plan has no less */
};

enum tr_models_change {
	TR_MODELS_WITHOUT,  /* no such model */
	TR_MODELS_ONE_MORE, /* one more slice of it, of the size that carries least */
	TR_MODELS_SLOWER,   /* the first slower latency target that makes the plan smaller */
	TR_MODELS_ONE_CARD, /* one more card of a kind that is all used */
};

/* The plan that the file would have with one change, planned anew. */
struct tr_models_if {
	enum tr_models_change change;
	const char *what; /* the model, or the kind of card */
	double from, to;  /* replicas, requests a second, seconds, or cards */
	bool has_plan;	  /* SLOWER: no slower target changes it; else: the cards do not do */
	double gpus, money, compute_slices;
	bool is_proven; /* of money, or cards */
};

struct tr_models_why {
	size_t n_bounds, n_ifs;
	const struct tr_models_bound *bounds;
	const struct tr_models_if *ifs; /* by model, in file order; then cards */
};

/* Why the plan has so many cards, and what would change it. Borrows from the plan, which must
 * outlive it. */
int tr_models_explain(
	const struct tr_models_plan *plan, struct tr_models_why **ret, struct tr_err *err);
void tr_models_why_free(struct tr_models_why *why);

/* --- Slices that come and go ------------------------------------------------------------- */

/*
 * Cards and what runs on them; kept between calls, so that each decision costs about a microsecond
 * however many cards there are. GPUs are counted on from 0 through all kinds. A slice is known by
 * its id: letters, digits and ._-/ behind a letter or digit, at most 63. One struct tr_cards may be
 * used by one thread at a time.
 */
struct tr_cards;

struct tr_cards_kind {
	const char *gpu; /* "a100-80gb" */
	uint32_t n;
};

struct tr_cards_slice {
	char id[64];
	const char *profile;  /* "3g.40gb" */
	uint32_t gpu;	      /* index */
	uint32_t start, size; /* memory slices */
};

struct tr_cards_move {
	struct tr_cards_slice from; /* where it is */
	uint32_t to_gpu, to_start;
};

/* A card that changes. */
struct tr_cards_card {
	uint32_t idx;
	const char *gpu; /* its kind */
	uint32_t memory_slices;
	size_t n_before, n_after;
	const struct tr_cards_slice *before, *after; /* by start */
};

struct tr_cards_answer {
	struct tr_cards_slice slice; /* that came, or left */
	/* In this order, before the slice is cut: each goes to a place that is free when its turn
	 * comes, with the slice still running at its old place. */
	size_t n_moves;
	const struct tr_cards_move *moves;
	size_t n_cards;
	const struct tr_cards_card *cards; /* by index */
};

/* NULL is fine. */
void tr_cards_free(struct tr_cards *cards);
/* Empty cards. NOT_FOUND: a card that is not known; INVALID: one that cannot be cut, or twice. */
int tr_cards_new(const struct tr_cards_kind *kinds, size_t n_kinds, struct tr_cards **ret,
	struct tr_err *err);
/* From a fleet file (tranche-fleet(5)); "-" is standard input. INVALID: FILE:LINE:COLUMN, what is
 * wrong there and what is allowed. */
int tr_cards_load(const char *file, struct tr_cards **ret, struct tr_err *err);
/* As a fleet file, which is replaced in one step. INVALID when they are more than one can hold. */
int tr_cards_save(const struct tr_cards *cards, const char *file, struct tr_err *err);

/*
 * Places a slice so that most can still be cut later. Where there is no room, at most max_moves
 * others move to other cards of the same kind. `id` is copied; NULL: PROFILE-N, the first that is
 * not in use. INVALID: no card has the profile, or no such id is allowed; EXISTS: the id is in
 * use; NO_ROOM: nothing has changed, and the hint says how many moves would help.
 */
int tr_cards_arrive(struct tr_cards *cards, const char *profile, const char *id, uint32_t max_moves,
	struct tr_cards_answer **ret, struct tr_err *err);
/* NOT_FOUND: there is no such slice, with those that have a name like it. */
int tr_cards_leave(
	struct tr_cards *cards, const char *id, struct tr_cards_answer **ret, struct tr_err *err);
/* NULL is fine. */
void tr_cards_answer_free(struct tr_cards_answer *answer);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
