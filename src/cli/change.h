/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change as its user sees it: a line for each step on stderr while it runs; for a dry run the
 * plan on stdout, as commands that a person could paste; with --json the same steps as data.
 */
#pragma once

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/term.h"

#include <tranche/tranche.h>

struct tr_model_start {
	char model[160];
	double seconds;
};

struct tr_talk {
	const struct tr_call *call;
	const struct tr_node *node; /* NULL: the change is of no open node */
	struct tr_term term;	    /* of stderr */
	struct tr_js js;
	json_t *steps;
	size_t n_steps; /* notes not counted */
	bool has_head;
	size_t n_starts;
	struct tr_model_start *starts; /* when each model's server was begun */
};

/* Fills in `ret` from the common options and makes signals raise its stop flag. `talk` is borrowed
 * by it. INVALID for options that make no sense. */
int tr_talk_begin(struct tr_talk *talk, const struct tr_call *call, const struct tr_node *node,
	struct tr_change *ret, struct tr_err *err);
void tr_talk_done(struct tr_talk *talk);

/* For a command whose result is its steps: prints them as JSON, or says that there were none. */
int tr_talk_end(struct tr_talk *talk, struct tr_err *err);

#define TR_AUTO_TALK TR_AUTO(tr_talk_done) struct tr_talk
