/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands about layouts share: which layout is meant, and how a plan looks.
 */
#pragma once

#include "base/buf.h"
#include "cli/cmd.h"

#include <tranche/tranche.h>

/* Their options, at the beginning of each command's own struct. */
struct tr_layout_opts {
	const char *file, *label, *evict;
	int64_t wait_ms;
};

/* "-f", "-c", "--evict", "--wait" as rows of an option table. */
#define TR_LAYOUT_OPT_FILE                                                                 \
	{                                                                                  \
		"file", 'f', TR_OPT_STRING, offsetof(struct tr_layout_opts, file), "FILE", \
			"a layout file; - is standard input", 0                            \
	}
#define TR_LAYOUT_OPT_LABEL                                                                    \
	{                                                                                      \
		"config", 'c', TR_OPT_STRING, offsetof(struct tr_layout_opts, label), "LABEL", \
			"which of its labels, where there are several", 0                      \
	}
#define TR_LAYOUT_OPT_EVICT                                                                  \
	{                                                                                    \
		"evict", 0, TR_OPT_STRING, offsetof(struct tr_layout_opts, evict), "SLICES", \
			"busy ones that may go: GPU:START,...; or all", 0                    \
	}

/* What a call asks for: LABEL, or -f FILE [LABEL], or -f FILE -c LABEL. `evict` keeps the names
 * that the ask points to. */
int tr_layout_ask_of(const struct tr_call *call, struct tr_strv *evict, struct tr_layout_ask *ret,
	struct tr_err *err);

/* A plan as a diff with a picture of each card; as JSON. */
int tr_show_layout_plan(
	const struct tr_node *node, const struct tr_layout_plan *plan, struct tr_err *err);
int tr_show_layout_plan_json(
	const struct tr_node *node, const struct tr_layout_plan *plan, struct tr_err *err);
