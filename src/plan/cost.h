/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a slice costs: its part of a card's price; and how much of a card is in use.
 *
 * Pure. A card's bill is split three ways: what the slices are, what is stranded (no further slice
 * can use it, whoever cut the others), and what is open (could still be cut, so it is nobody's
 * fault that it costs). The parts are fractions of the card and add up to 1:
 *
 *	A100-80, two 3g.40gb, by compute	3/7 + 3/7, stranded 1/7 (memory is full)
 *	A100-80, two 2g.20gb, by memory		2/8 + 2/8, open 4/8
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What counts as a slice's size. */
enum tr_cost_rule {
	TR_COST_LARGER, /* of both: a slice that takes 1/4 of the memory keeps 3 others off */
	TR_COST_COMPUTE,
	TR_COST_MEMORY,
};

/* Counts of slices of the card. */
struct tr_cost_amount {
	uint32_t compute, memory;
};

struct tr_cost_shape {
	struct tr_cost_amount whole;
	struct tr_cost_amount open; /* the most that further slices can take of each, by itself */
	size_t n;
	const struct tr_cost_amount *slices; /* borrowed */
};

/* A slice: what it is, and its part of what is stranded and open, in proportion to that. */
struct tr_cost_part {
	double own, stranded, open;
};

struct tr_cost_rest {
	double stranded, open;
};

/* ret_parts holds card->n; all of them and the rest add up to 1 where there is a slice at all, else
 * everything is open or stranded. A card without slices of its own (whole 0) is all stranded. */
void tr_cost_split(const struct tr_cost_shape *card, enum tr_cost_rule rule,
	struct tr_cost_part *ret_parts, struct tr_cost_rest *ret_rest);

enum tr_cost_period { TR_COST_HOUR, TR_COST_MONTH, TR_COST_YEAR };

/* A month is 730 hours, a year 12 months. */
double tr_cost_convert(double price, enum tr_cost_period from, enum tr_cost_period to);

/* How much of a card's memory models use: one of them on a card of its own (their mean), all that
 * are there, and `n_full` of that mean. Fractions. */
struct tr_cost_use {
	double alone, now, full;
};
void tr_cost_use(uint64_t card_bytes, uint64_t used_bytes, uint32_t n_models, uint32_t n_full,
	struct tr_cost_use *ret);
