/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers stopped beside each other: each is told to end at once and has the whole of the grace, so
 * that many take as long as the slowest, not as long as all of them in a row.
 */
#pragma once

#include "core/node.h"
#include "run/run.h"

#include <limits.h>

struct tr_stop {
	const struct tr_runtime *runtime;
	char name[160];
	char stack[64], model[64]; /* whose time it is noted as (took.h); "" for nobody's */
	char who[96];		   /* for messages */
	char log[PATH_MAX];	   /* where its log is kept; "" for nowhere */
};

struct tr_stops {
	size_t n, cap;
	struct tr_stop *v;
};
void tr_stops_done(struct tr_stops *stops);

/* Copied. */
int tr_stops_add(struct tr_stops *stops, const struct tr_stop *stop, struct tr_err *err);
/* Stops them all and empties the list. Every one is tried; the first error is returned. */
int tr_stops_run(
	struct tr_stops *stops, const struct tr_node *node, int64_t grace_ms, struct tr_err *err);
