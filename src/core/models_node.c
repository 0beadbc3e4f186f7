/* SPDX-License-Identifier: Apache-2.0 */
/* The cards of a live node, for a plan of which they are part. */
#include "core/models_running.h"

#include "base/err.h"
#include "core/scene.h"

#include <stdio.h>
#include <string.h>

struct tr_models_running *tr_models_running_add(struct tr_models_cards *cards)
{
	struct tr_models_running *more;
	size_t cap = cards->cap ? 2 * cards->cap : 8;

	if (cards->n == cards->cap) {
		more = realloc(cards->v, cap * sizeof(*more));
		if (!more)
			return NULL;
		cards->v = more;
		cards->cap = cap;
	}
	more = &cards->v[cards->n++];
	*more = (struct tr_models_running){ .idx = -1 };
	return more;
}

void tr_models_running_done(struct tr_models_cards *cards)
{
	free(cards->v);
	*cards = (struct tr_models_cards){ 0 };
}

static int put_slices(const struct tr_scene *scene, const struct tr_card *card,
	struct tr_models_running *ret, struct tr_err *err)
{
	for (size_t i = 0; i < card->n_slices; i++) {
		const struct tr_card_slice *slice = &card->slices[i];
		const struct tr_row *row = tr_scene_row(scene, card, slice);
		struct tr_models_runs *to = &ret->slices[ret->n];

		/* Parts of one instance stand at one place. */
		if (ret->n && to[-1].start == slice->start)
			continue;
		if (ret->n == TR_MODELS_RUNS)
			return tr_fail(err, TR_E_INVALID, "GPU %u has over %d slices", card->idx,
				TR_MODELS_RUNS);
		*to = (struct tr_models_runs){ .profile = tr_facts_profile_by_id(
						       card->product->model, slice->profile_id),
			.start = slice->start };
		if (!to->profile)
			return tr_fail(err, TR_E_INVALID,
				"GPU %u has a slice '%s' that its kind is not known to have",
				card->idx, slice->profile);
		if (row && *row->stack) {
			snprintf(to->model, sizeof(to->model), "%s", row->model);
			snprintf(to->stack, sizeof(to->stack), "%s", row->stack);
		}
		ret->n++;
	}
	return 0;
}

int tr_models_running_read(struct tr_node *node, struct tr_models_cards *ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO(tr_models_running_done) struct tr_models_cards cards = { 0 };

	if (tr_scene_read(node, true, &scene, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < scene.cards.n; i++) {
		const struct tr_card *card = &scene.cards.v[i];
		struct tr_models_running *to;

		if (!card->product || !card->product->model->has_mig ||
			(!card->mig_on && *card->clients) || tr_scene_whole(&scene, card))
			continue;
		to = tr_models_running_add(&cards);
		if (!to)
			return tr_fail(err, TR_E_NO_MEMORY, "the node's cards");
		to->gpu = card->product->model;
		to->idx = (int32_t)card->idx;
		if (put_slices(&scene, card, to, err) < 0)
			return -(int)err->code;
	}
	*ret = cards;
	cards = (struct tr_models_cards){ 0 };
	return 0;
}
