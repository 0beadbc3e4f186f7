/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model's slices: the cheapest numbers of each size that together carry its demand.
 *
 * Whole numbers throughout, so that what comes out can carry a proof.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TR_COVER_SIZES = 32, TR_COVER_STEPS = 50000 };

struct tr_cover {
	size_t n_sizes;
	int64_t demand;
	const int64_t *carries;	       /* by size: what one slice carries; 0: none */
	const int64_t *least;	       /* by size: at least so many; NULL: 0 */
	const int64_t *most;	       /* by size: at most so many; NULL: any */
	int64_t price[TR_COVER_SIZES]; /* at least 0 */
};

#define TR_COVER_NO_WAY INT64_MAX

/* The least cost, or where TR_COVER_STEPS do not settle it a number below that; ret_n is the
 * cheapest way found. TR_COVER_NO_WAY when no numbers carry the demand. */
int64_t tr_cover_find(const struct tr_cover *cover, int64_t ret_n[TR_COVER_SIZES]);
