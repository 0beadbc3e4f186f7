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

/* The escape sequences that begin and end a style; "" without colour. */
const char *tr_style_begin(struct tr_term term, enum tr_style style);
const char *tr_style_end(struct tr_term term, enum tr_style style);
