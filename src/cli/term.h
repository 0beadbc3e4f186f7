/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we know of the terminal, asked once for each stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct tr_term {
	size_t width; /* columns; 0: no terminal, so nothing is ever cut */
	bool colour;  /* a terminal, and neither NO_COLOR nor TERM=dumb */
};

struct tr_term tr_term_of(FILE *stream);

enum tr_style {
	TR_STYLE_NONE,
	TR_STYLE_GOOD,
	TR_STYLE_WAIT,
	TR_STYLE_BAD,
	TR_STYLE_DIM,
	TR_STYLE_HEAD
};

/*
 * Prints a text that begins at `column`, broken at blanks so that no line is wider than the
 * terminal; what follows is indented. Only up to its first newline, since what stands behind that
 * is no sentence of ours (a log's end). Without a terminal it is printed as it is.
 */
void tr_term_wrap(FILE *out, struct tr_term term, size_t column, size_t indent, const char *text);

/* The escape sequences that begin and end a style; "" without colour. */
const char *tr_style_begin(struct tr_term term, enum tr_style style);
const char *tr_style_end(struct tr_term term, enum tr_style style);
