/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the names of a list that are nearest to a mistyped one.
 */
#pragma once

#include <stddef.h>

enum { TR_NEAR_MAX = 3 };

/* How many single letters were added, left out, replaced, or swapped with their neighbour; small
 * and capital ones are the same. */
unsigned tr_near_distance(const char *a, size_t len_a, const char *b, size_t len_b);

struct tr_near {
	const char *wrong;
	size_t n;
	const char *v[TR_NEAR_MAX]; /* the nearest, all as near; borrowed from the names offered */
	size_t len[TR_NEAR_MAX];    /* only this much of each is the name */
	unsigned distance;
};

/* Keeps a name (its first `len` bytes) when it is near enough to what was typed to be meant, and no
 * other was nearer. The same name twice counts once. */
void tr_near_offer(struct tr_near *near, const char *name, size_t len);
