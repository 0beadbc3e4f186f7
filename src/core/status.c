/* SPDX-License-Identifier: Apache-2.0 */
/* How full each card is: what is cut of it, what of its memory is in use, and by how many. */
#include "core/seats.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* --- Cells --- */

static int add_cell(
	struct tr_card_status *card, const struct tr_status_cell *cell, struct tr_err *err)
{
	struct tr_status_cell *more = realloc(card->cells, (card->n_cells + 1) * sizeof(*more));

	if (!more)
		return tr_fail(err, TR_E_NO_MEMORY, "draw the card: out of memory");
	card->cells = more;
	more[card->n_cells++] = *cell;
	return 0;
}

/* Slices where they are; between them one cell for each memory slice, since any may go alone. */
static int put_cells(const struct tr_card *card, const struct tr_seats *seats,
	const struct tr_seats_rest *left, struct tr_card_status *ret, struct tr_err *err)
{
	uint32_t at = 0;

	for (size_t i = 0; i <= seats->n; i++) {
		const struct tr_slice *slice = i < seats->n ? &seats->v[i].slice : NULL;
		uint32_t until = slice && !slice->is_whole ? slice->start : left->whole.memory;

		if (slice && slice->gpu_idx != card->idx)
			continue;
		if (slice && slice->is_whole)
			until = 0;
		for (; at < until; at++) {
			struct tr_status_cell cell = {
				.kind = left->open_mask >> at & 1 ? TR_CELL_OPEN : TR_CELL_STRANDED,
				.start = at,
				.size = 1
			};

			if (add_cell(ret, &cell, err) < 0)
				return -(int)err->code;
		}
		if (!slice)
			break;
		at = slice->is_whole ? left->whole.memory : slice->start + slice->size;
		if (add_cell(ret,
			    &(struct tr_status_cell){ .kind = TR_CELL_SLICE,
				    .start = slice->start,
				    .size = slice->is_whole ? left->whole.memory : slice->size,
				    .slice = *slice },
			    err) < 0)
			return -(int)err->code;
	}
	return 0;
}

/* --- Numbers --- */

/* The smallest size that holds the largest of these models; that many fit on an empty card. */
static void put_full(const struct tr_card *card, uint64_t most_bytes, struct tr_card_status *ret)
{
	const struct tr_plan_profile *best = NULL;

	for (size_t p = 0; p < card->n_profiles; p++) {
		const struct tr_plan_profile *profile = &card->profiles[p];

		if (strpbrk(profile->name, "+-") || profile->memory_mib << 20 < most_bytes)
			continue;
		if (!best || profile->size < best->size ||
			(profile->size == best->size && profile->max > best->max))
			best = profile;
	}
	if (!best)
		return;
	ret->n_full = best->max;
	if (ret->compute_slices)
		ret->compute_full =
			(double)(best->max * best->compute_slices) / ret->compute_slices;
	snprintf(ret->full_profile, sizeof(ret->full_profile), "%s", best->name);
}

static void put_numbers(
	const struct tr_card *card, const struct tr_seats *seats, struct tr_card_status *ret)
{
	struct tr_cost_use use;
	uint64_t models_bytes = 0, most_bytes = 0;
	uint32_t models_compute = 0;

	for (size_t i = 0; i < seats->n; i++) {
		const struct tr_slice *slice = &seats->v[i].slice;

		if (slice->gpu_idx != card->idx)
			continue;
		ret->cut_bytes += seats->v[i].memory_bytes;
		ret->cut_compute += slice->is_whole ? ret->compute_slices : slice->compute_slices;
		ret->cut_memory += slice->is_whole ? ret->memory_slices : slice->size;
		if (!slice->has_memory)
			continue;
		ret->has_used = true;
		ret->used_bytes += slice->memory_used_bytes;
		if (!slice->model[0])
			continue;
		ret->n_models++;
		models_compute += slice->is_whole ? ret->compute_slices : slice->compute_slices;
		models_bytes += slice->memory_used_bytes;
		if (slice->memory_used_bytes > most_bytes)
			most_bytes = slice->memory_used_bytes;
	}
	/* A card that is not cut: what the driver says of the whole. */
	if (!card->mig_on && !ret->has_used && card->has_memory) {
		ret->has_used = true;
		ret->used_bytes = card->memory_used_bytes;
	}
	if (!ret->n_models)
		return;
	put_full(card, most_bytes, ret);
	tr_cost_use(card->memory_bytes, models_bytes, ret->n_models, ret->n_full, &use);
	ret->use_alone = use.alone;
	ret->use_now = use.now;
	ret->use_full = use.full;
	if (!ret->compute_slices)
		return;
	ret->compute_now = (double)models_compute / ret->compute_slices;
	ret->compute_alone = ret->compute_now / ret->n_models;
}

static int put_card(const struct tr_card *card, const struct tr_seats *seats,
	struct tr_card_status *ret, struct tr_err *err)
{
	struct tr_seats_rest left;

	tr_seats_rest(card, seats, &left);
	*ret = (struct tr_card_status){ .idx = card->idx,
		.has_mig_mode = card->has_mig_mode,
		.mig_on = card->mig_on,
		.has_memory = card->has_memory,
		.memory_bytes = card->memory_bytes,
		.compute_slices = left.whole.compute,
		.memory_slices = left.whole.memory };
	snprintf(ret->name, sizeof(ret->name), "%s", card->name);
	put_numbers(card, seats, ret);
	return put_cells(card, seats, &left, ret, err);
}

int tr_status_get(struct tr_node *node, struct tr_status **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO(tr_seats_done) struct tr_seats seats = { 0 };
	struct tr_status *status;

	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0 ||
		tr_seats_now(node, &scene, &seats, err) < 0)
		return -(int)err->code;
	status = calloc(1, sizeof(*status));
	if (status)
		status->v = calloc(scene.cards.n + 1, sizeof(*status->v));
	if (!status || !status->v) {
		tr_status_free(status);
		return tr_fail(err, TR_E_NO_MEMORY, "look at the cards: out of memory");
	}
	for (size_t c = 0; c < scene.cards.n; c++) {
		status->n = c + 1;
		if (put_card(&scene.cards.v[c], &seats, &status->v[c], err) < 0) {
			tr_status_free(status);
			return -(int)err->code;
		}
	}
	*ret = status;
	return 0;
}

void tr_status_free(struct tr_status *status)
{
	if (!status)
		return;
	for (size_t i = 0; i < status->n && status->v; i++)
		free(status->v[i].cells);
	free(status->v);
	free(status);
}
