/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns, aligned.
 *
 * A row never wraps: on a terminal that is too narrow, columns first shrink to what they allow,
 * then those that matter least are left out, then lines are cut. Where the output is no terminal
 * (width 0) nothing is cut, so that scripts see everything. Cells are shown in plain ASCII:
 * whatever else a name holds becomes '?', so it can neither shift a column nor steer a terminal.
 */
#pragma once

#include "base/buf.h"
#include "cli/term.h"

#include <stdint.h>

struct tr_err;

struct tr_col {
	const char *head;
	bool is_right;	  /* numbers */
	uint8_t leave_at; /* left out first when highest; 0: stays */
	uint8_t least;	  /* may shrink to this width; 0: keeps its own */
	bool is_prefix;	  /* shrinks to its beginning, which still names it; else ".." is the end */
};

struct tr_cell {
	char *text;
	enum tr_style style;
};

struct tr_table {
	const struct tr_col *cols; /* borrowed, must outlive */
	size_t n_cols;
	struct tr_cell *cells; /* row by row */
	size_t n_cells, cap;
	bool failed; /* out of memory; told by tr_table_print */
};

void tr_table_done(struct tr_table *table);

/* The next cell; "-" for NULL or "". */
void tr_table_add(struct tr_table *table, const char *text);
void tr_table_add_styled(struct tr_table *table, enum tr_style style, const char *text);
void tr_table_addf(struct tr_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints head and rows. The last row must be whole. */
int tr_table_print(
	const struct tr_table *table, FILE *out, struct tr_term term, struct tr_err *err);

#define TR_AUTO_TABLE TR_AUTO(tr_table_done) struct tr_table
