/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/card.h"

#include "base/err.h"
#include "base/own.h"
#include "plan/plan_priv.h"

#include <stdio.h>
#include <string.h>

struct walk {
	struct tr_card *card;
	uint32_t sizes; /* that may be cut */
	uint32_t mask;	/* of what stands already */
	size_t cap;
	struct tr_card_mix now;
	bool failed;
};

static uint32_t bits(uint32_t start, uint32_t size)
{
	return ((1u << size) - 1u) << start;
}

static bool has_room(const struct tr_card *card, const struct tr_card_mix *mix, size_t size)
{
	const struct tr_gi_profile *p = card->sizes[size];

	return mix->n[size] + card->n_held[size] < p->max_instances &&
	       mix->n_slices < TR_CARD_SLICES &&
	       mix->compute + p->slices <= card->model->compute_slices;
}

/* The most memory that further slices can take. */
static uint32_t most_more(const struct tr_card *card, struct tr_card_mix *mix, uint32_t mask)
{
	uint32_t most = 0;

	for (size_t i = card->n_sizes; i-- > 0;) {
		const struct tr_gi_profile *p = card->sizes[i];

		for (uint32_t k = 0; k < p->n_starts; k++) {
			uint32_t own = bits(p->starts[k], p->size), sum;

			if ((mask & own) || !has_room(card, mix, i))
				continue;
			mix->n[i]++;
			mix->compute = (uint8_t)(mix->compute + p->slices);
			sum = p->size + most_more(card, mix, mask | own);
			mix->compute = (uint8_t)(mix->compute - p->slices);
			mix->n[i]--;
			if (sum > most)
				most = sum;
			/* Nothing can do better than to fill the card. */
			if (mix->memory + most >= card->model->memory_slices)
				return most;
		}
	}
	return most;
}

static void keep(struct walk *w, uint32_t mask)
{
	struct tr_card *card = w->card;
	struct tr_card_mix mix = w->now;
	int32_t at = tr_card_mix_find(card, mix.n);

	mix.stranded =
		(uint8_t)(card->model->memory_slices - mix.memory - most_more(card, &w->now, mask));
	if (at >= 0) {
		if (mix.stranded < card->mixes[at].stranded)
			card->mixes[at] = mix;
		return;
	}
	if (card->n_mixes == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		struct tr_card_mix *more = realloc(card->mixes, cap * sizeof(*more));

		if (!more) {
			w->failed = true;
			return;
		}
		card->mixes = more;
		w->cap = cap;
	}
	card->mixes[card->n_mixes++] = mix;
}

/* Sets of slices in the order of size and start, so that each comes once. */
static void walk(struct walk *w, size_t size, uint32_t k, uint32_t mask)
{
	struct tr_card *card = w->card;

	keep(w, mask);
	for (; size < card->n_sizes && !w->failed; size++, k = 0) {
		const struct tr_gi_profile *p = card->sizes[size];

		for (; k < p->n_starts && (w->sizes >> size & 1); k++) {
			uint32_t own = bits(p->starts[k], p->size);
			struct tr_card_mix before = w->now;

			if ((mask & own) || !has_room(card, &w->now, size))
				continue;
			w->now.slices[w->now.n_slices++] =
				(struct tr_card_slice){ (uint8_t)size, p->starts[k] };
			w->now.n[size]++;
			w->now.compute = (uint8_t)(w->now.compute + p->slices);
			w->now.memory = (uint8_t)(w->now.memory + p->size);
			walk(w, size, k + 1, mask | own);
			w->now = before;
		}
	}
}

static bool contains(const struct tr_card_mix *a, const struct tr_card_mix *b)
{
	for (size_t i = 0; i < TR_CARD_SIZES; i++)
		if (a->n[i] < b->n[i])
			return false;
	return true;
}

static void mark_full(struct tr_card *card)
{
	for (size_t i = 0; i < card->n_mixes; i++) {
		card->mixes[i].is_full = true;
		for (size_t k = 0; k < card->n_mixes && card->mixes[i].is_full; k++)
			if (k != i && contains(&card->mixes[k], &card->mixes[i]))
				card->mixes[i].is_full = false;
	}
}

static void sort_in(struct tr_card *card, const struct tr_gi_profile *profile)
{
	size_t k = card->n_sizes++;

	for (; k > 0; k--) {
		const struct tr_gi_profile *other = card->sizes[k - 1];

		if (other->slices < profile->slices ||
			(other->slices == profile->slices && other->size <= profile->size))
			break;
		card->sizes[k] = other;
	}
	card->sizes[k] = profile;
}

void tr_card_done(struct tr_card *card)
{
	free(card->mixes);
	*card = (struct tr_card){ 0 };
}

static int no_place(const struct tr_card *card, const struct tr_card_held *held, struct tr_err *err)
{
	char starts[64] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < held->profile->n_starts && len < sizeof(starts) - 4; i++)
		len += (size_t)snprintf(starts + len, sizeof(starts) - len, "%s%u", i ? ", " : "",
			held->profile->starts[i]);
	return tr_fail(err, TR_E_INVALID, "%s has no place for %s at %u; allowed: %s",
		card->model->title, held->profile->name, held->start, starts);
}

static int hold(struct walk *w, const struct tr_card_held *held, struct tr_err *err)
{
	const struct tr_gi_profile *p = held->profile;
	struct tr_card *card = w->card;
	uint32_t own = bits(held->start, p->size);

	if (!memchr(p->starts, held->start, p->n_starts))
		return no_place(card, held, err);
	if (w->mask & own)
		return tr_fail(err, TR_E_INVALID, "%s at %u overlaps another slice of the card",
			p->name, held->start);
	w->mask |= own;
	w->now.compute = (uint8_t)(w->now.compute + p->slices);
	w->now.memory = (uint8_t)(w->now.memory + p->size);
	for (size_t i = 0; i < card->n_sizes; i++)
		card->n_held[i] = (uint8_t)(card->n_held[i] + (card->sizes[i] == p));
	if (w->now.compute > card->model->compute_slices)
		return tr_fail(err, TR_E_INVALID, "%s has %u compute slices, these take %u",
			card->model->title, card->model->compute_slices, w->now.compute);
	return 0;
}

int tr_card_init(
	const struct tr_gpu_model *model, uint32_t sizes, struct tr_card *ret, struct tr_err *err)
{
	return tr_card_init_held(model, sizes, NULL, 0, ret, err);
}

int tr_card_init_held(const struct tr_gpu_model *model, uint32_t sizes,
	const struct tr_card_held *held, size_t n_held, struct tr_card *ret, struct tr_err *err)
{
	TR_AUTO(tr_card_done) struct tr_card card = { .model = model };
	struct walk w = { .card = &card, .sizes = sizes };

	if (!model->has_mig)
		return tr_fail(err, TR_E_INVALID, "a %s cannot be cut", model->title);
	for (uint32_t i = 0; i < model->n_profiles; i++) {
		if (*tr_plan__attribute(model->profiles[i].name))
			continue;
		if (card.n_sizes == TR_CARD_SIZES)
			return tr_fail(err, TR_E_INVALID, "a %s has over %d sizes", model->title,
				TR_CARD_SIZES);
		sort_in(&card, &model->profiles[i]);
	}
	for (size_t i = 0; i < n_held; i++)
		if (hold(&w, &held[i], err) < 0)
			return -(int)err->code;
	walk(&w, 0, 0, w.mask);
	if (w.failed)
		return tr_fail(err, TR_E_NO_MEMORY, "what a %s can be cut into", model->title);
	mark_full(&card);
	*ret = card;
	card = (struct tr_card){ 0 };
	return 0;
}

int32_t tr_card_mix_find(const struct tr_card *card, const uint8_t n[TR_CARD_SIZES])
{
	for (size_t i = 0; i < card->n_mixes; i++)
		if (memcmp(card->mixes[i].n, n, sizeof(card->mixes[i].n)) == 0)
			return (int32_t)i;
	return -1;
}
