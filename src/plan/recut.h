/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what one card holds to what it is to hold, by the shortest way.
 *
 * Pure: no driver, no clock, no I/O. Exact: every placement is tried, none is left to the driver.
 * A slice that stays is not touched. One that is busy keeps its place unless it may go. Of all ways
 * the one is taken that harms the fewest busy slices, then destroys the fewest, then leaves most
 * places open for later, then has the lowest starts (the largest slices first).
 *
 *	holds   |2g.20gb|1g|  |3g.40gb (busy)|      wanted: 3g.40gb, 2g.20gb, 2g.20gb
 *	free    1g at 2, cut 2g.20gb at 2           kept: 2g.20gb at 0, 3g.40gb at 4
 */
#pragma once

#include "plan/plan.h"

struct tr_buf;

/* A card holds no more GPU instances, whatever their size: the driver has 15 ids for them. */
enum { TR_RECUT_MAX = 16 };

/* A GPU instance that is there. */
struct tr_recut_held {
	uint32_t profile_id, start, size;
	bool is_odd;	  /* no compute instance spans it: it is nothing that can be asked for */
	bool is_busy;	  /* somebody uses it */
	bool may_go;	  /* busy, and may be destroyed all the same */
	char holder[160]; /* for messages */
};

struct tr_recut_want {
	const struct tr_plan_profile *profile; /* one of the card's */
	int32_t start;			       /* -1: any */
};

struct tr_recut_card {
	uint32_t idx;
	char title[96];
	size_t n_profiles;
	const struct tr_plan_profile *profiles; /* borrowed */
	size_t n_held;
	struct tr_recut_held held[TR_RECUT_MAX];
};

enum tr_recut_kind { TR_RECUT_KEEP, TR_RECUT_FREE, TR_RECUT_CUT };

struct tr_recut_step {
	enum tr_recut_kind kind;
	const struct tr_recut_held *held;      /* KEEP, FREE; borrowed from the card */
	const struct tr_plan_profile *profile; /* NULL: a size that the card does not list */
	uint32_t start, size;
	int32_t moves; /* FREE, CUT: the step at the other end of a move; -1: none */
};

/* What a layout leaves that no further slice can use. */
struct tr_recut_stranded {
	uint32_t memory_slices, compute_slices;
};

struct tr_recut {
	size_t n; /* all KEEP, then all FREE, then all CUT, each by start */
	struct tr_recut_step v[2 * TR_RECUT_MAX];
	uint32_t n_kept, n_freed, n_cut;
	uint32_t n_harmed;    /* busy ones among the freed */
	uint32_t n_open;      /* placements of plain profiles that can still be cut afterwards */
	uint32_t want_placed; /* a bit for each want that has its place: all, unless some may be
				 dropped */
};

enum {
	TR_RECUT_EVICT = 1u << 0, /* every busy slice may go */
	TR_RECUT_DROP = 1u << 1,  /* as many of the wants as fit, then the largest; what is busy and
				     was not asked for stays */
};

/* The best way; false when there is none. */
bool tr_recut_find(const struct tr_recut_card *card, const struct tr_recut_want *wants,
	size_t n_wants, uint32_t flags, struct tr_recut *ret);

/*
 * The same, with reasons. INVALID when no card of this kind holds all that is wanted: the nearest
 * that fits; BUSY when slices that may not go stand in the way: which, who holds them, and the
 * nearest layout that leaves them alone.
 */
int tr_recut_plan(const struct tr_recut_card *card, const struct tr_recut_want *wants,
	size_t n_wants, struct tr_recut *ret, struct tr_err *err);

/* Why a FREE or a CUT: "not asked for", "moves to 4: its place goes to 4g.40gb". Appended. */
void tr_recut_why(
	const struct tr_recut *plan, const struct tr_recut_step *step, struct tr_buf *ret);

/* Of the layout before a plan (after: false) or behind it. */
struct tr_recut_stranded tr_recut_stranded(
	const struct tr_recut_card *card, const struct tr_recut *plan, bool after);
