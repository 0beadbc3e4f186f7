/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a change of layout: what stood before, what is to stand, and each step, written
 * before it is done. In the store, one a node at most.
 *
 * Which steps were done is a record for people; what `--resume` and `--abort` do is planned anew
 * from what the cards hold then and one of the two layouts here, so that it is right wherever a
 * kill struck. The steps also keep whose a slice was, for putting it back, and who may be stopped.
 */
#pragma once

#include "core/store.h"

/* EVICT is a FREE of a slice that is in use: whoever is on it was allowed to be stopped. */
enum tr_journal_kind {
	TR_JOURNAL_FREE,
	TR_JOURNAL_CUT,
	TR_JOURNAL_MIG_ON,
	TR_JOURNAL_MIG_OFF,
	TR_JOURNAL_EVICT
};
enum tr_journal_state { TR_JOURNAL_PLANNED, TR_JOURNAL_BEGUN, TR_JOURNAL_DONE };

struct tr_journal_step {
	enum tr_journal_kind kind;
	enum tr_journal_state state;
	struct tr_row row; /* whose card; FREE, EVICT, CUT: the slice, and whose it is */
};

struct tr_journal {
	bool is_open;
	char *label;	      /* what was asked for, in words */
	char *before, *after; /* layout files, our format, with UUIDs and places */
	uint32_t pid;
	size_t n;
	struct tr_journal_step *v;
};
void tr_journal_done(struct tr_journal *journal);
/* True when a step is about a slice, and about the one at this place. */
bool tr_journal_is_about(const struct tr_journal_step *step, const char *gpu_uuid, uint32_t start,
	uint32_t profile_id);

/* Writes it all, in one transaction. */
int tr_journal_open(struct tr_store *store, const char *node, const struct tr_journal *journal,
	struct tr_err *err);
/* is_open false when there is none. */
int tr_journal_read(
	struct tr_store *store, const char *node, struct tr_journal *ret, struct tr_err *err);
/* Writes further steps of an open journal, behind the `from` that it has. */
int tr_journal_add(struct tr_store *store, const char *node, size_t from,
	const struct tr_journal_step *steps, size_t n, struct tr_err *err);
int tr_journal_mark(struct tr_store *store, const char *node, size_t seq,
	enum tr_journal_state state, struct tr_err *err);
/* Closes it, and with `label` remembers what stands now as the last layout: one transaction. */
int tr_journal_close(struct tr_store *store, const char *node, const char *label, const char *text,
	struct tr_err *err);

/* BUSY, with what to type, while a change of layout is open: nothing else may cut meanwhile. */
int tr_journal_check(struct tr_store *store, const char *node, struct tr_err *err);
/* "a change to 'all-balanced' is open: 3 of 7 steps begun"; false when none is. */
bool tr_journal_say(struct tr_store *store, const char *node, char ret[256]);

/* The layout that was last applied: both malloc'd; NOT_FOUND. */
int tr_layout_last(struct tr_store *store, const char *node, char **ret_label, char **ret_text,
	struct tr_err *err);
