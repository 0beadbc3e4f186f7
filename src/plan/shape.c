/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/shape.h"

#include "base/err.h"
#include "base/own.h"
#include "plan/plan_priv.h"

#include <string.h>

struct walk {
	struct tr_shape *shape;
	size_t cap;
	bool failed;
	uint8_t n[TR_SHAPE_PROFILES]; /* slices now, by profile */
};

bool tr_shape_conflict(const struct tr_shape *shape, size_t a, size_t b)
{
	return (shape->places[a].mask & shape->places[b].mask) ||
	       (shape->places[a].profile != shape->places[b].profile &&
		       tr_plan__excludes(
			       tr_shape_profile(shape, a)->name, tr_shape_profile(shape, b)->name));
}

static void keep(struct walk *w, uint32_t places, uint32_t mask)
{
	struct tr_shape *shape = w->shape;

	if (shape->n_states == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 256;
		struct tr_shape_state *more = realloc(shape->states, cap * sizeof(*more));

		if (!more) {
			w->failed = true;
			return;
		}
		shape->states = more;
		w->cap = cap;
	}
	shape->states[shape->n_states++] =
		(struct tr_shape_state){ .places = places, .mask = (uint16_t)mask };
}

static bool has_conflict(const struct tr_shape *shape, uint32_t places, size_t place)
{
	for (uint32_t left = places; left; left &= left - 1)
		if (tr_shape_conflict(shape, (size_t)__builtin_ctz(left), place))
			return true;
	return false;
}

/* Sets of places in the order of their numbers, so that each comes once. */
static void walk(struct walk *w, size_t from, uint32_t places, uint32_t mask, uint32_t compute)
{
	struct tr_shape *shape = w->shape;

	keep(w, places, mask);
	for (size_t i = from; i < shape->n_places && !w->failed; i++) {
		const struct tr_gi_profile *p = tr_shape_profile(shape, i);
		uint8_t *n = &w->n[shape->places[i].profile];

		if (*n >= p->max_instances || compute + p->slices > shape->model->compute_slices ||
			has_conflict(shape, places, i))
			continue;
		(*n)++;
		walk(w, i + 1, places | 1u << i, mask | shape->places[i].mask, compute + p->slices);
		(*n)--;
	}
}

static int by_places(const void *a, const void *b)
{
	const struct tr_shape_state *x = a, *y = b;

	return (x->places > y->places) - (x->places < y->places);
}

static int16_t find(const struct tr_shape *shape, uint32_t places)
{
	struct tr_shape_state key = { .places = places };
	const struct tr_shape_state *at =
		bsearch(&key, shape->states, shape->n_states, sizeof(*shape->states), by_places);

	return at ? (int16_t)(at - shape->states) : -1;
}

static void set_flips(struct tr_shape *shape)
{
	for (size_t s = 0; s < shape->n_states; s++) {
		struct tr_shape_state *state = &shape->states[s];

		for (size_t i = 0; i < shape->n_places; i++) {
			int16_t to = find(shape, state->places ^ 1u << i);

			shape->flip[s * shape->n_places + i] = to;
			if (to >= 0 && !(state->places >> i & 1) &&
				!*tr_plan__attribute(tr_shape_profile(shape, i)->name))
				state->value =
					(uint16_t)(state->value + tr_shape_profile(shape, i)->size);
		}
	}
}

struct sorted {
	struct tr_shape_best best;
	uint8_t n_free;
};

static int by_loss(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->best.loss != y->best.loss)
		return x->best.loss < y->best.loss ? -1 : 1;
	if (x->n_free != y->n_free)
		return x->n_free < y->n_free ? -1 : 1;
	return x->best.state < y->best.state ? -1 : 1;
}

/* The profile's best place in a state; false when it has none. */
static bool best_of(
	const struct tr_shape *shape, size_t state, size_t profile, struct tr_shape_best *ret)
{
	bool found = false;

	for (size_t i = 0; i < shape->n_places; i++) {
		int32_t to = tr_shape_flip(shape, (uint32_t)state, i);
		uint16_t loss;

		if (shape->places[i].profile != profile || to < 0 ||
			(shape->states[state].places >> i & 1))
			continue;
		loss = (uint16_t)(shape->states[state].value - shape->states[to].value);
		if (found && loss >= ret->loss)
			continue;
		*ret = (struct tr_shape_best){ (uint16_t)state, (uint8_t)i, loss };
		found = true;
	}
	return found;
}

static int set_best(struct tr_shape *shape, size_t profile, struct tr_err *err)
{
	TR_AUTO_FREE char *mem = calloc(shape->n_states, sizeof(struct sorted));
	struct sorted *sorted = (void *)mem;
	int16_t *rank = shape->rank + profile * shape->n_states;
	size_t n = 0;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "states of a %s", shape->model->title);
	for (size_t s = 0; s < shape->n_states; s++) {
		rank[s] = -1;
		if (!best_of(shape, s, profile, &sorted[n].best))
			continue;
		sorted[n++].n_free = (uint8_t)(shape->model->memory_slices -
					       (uint32_t)__builtin_popcount(shape->states[s].mask));
	}
	qsort(sorted, n, sizeof(*sorted), by_loss);
	shape->best[profile] = calloc(n + 1, sizeof(*shape->best[profile]));
	if (!shape->best[profile])
		return tr_fail(err, TR_E_NO_MEMORY, "states of a %s", shape->model->title);
	for (size_t i = 0; i < n; i++) {
		shape->best[profile][i] = sorted[i].best;
		rank[sorted[i].best.state] = (int16_t)i;
	}
	shape->n_best[profile] = n;
	return 0;
}

static int set_places(struct tr_shape *shape, struct tr_err *err)
{
	const struct tr_gpu_model *model = shape->model;

	for (size_t p = 0; p < model->n_profiles; p++) {
		const struct tr_gi_profile *profile = &model->profiles[p];

		for (uint32_t k = 0; k < profile->n_starts; k++) {
			if (p == TR_SHAPE_PROFILES || shape->n_places == TR_SHAPE_PLACES)
				return tr_fail(err, TR_E_INVALID, "a %s has over %d places",
					model->title, TR_SHAPE_PLACES);
			shape->places[shape->n_places++] = (struct tr_shape_place){ (uint8_t)p,
				profile->starts[k],
				(uint16_t)(((1u << profile->size) - 1) << profile->starts[k]) };
		}
	}
	return 0;
}

void tr_shape_done(struct tr_shape *shape)
{
	free(shape->states);
	free(shape->flip);
	free(shape->rank);
	for (size_t p = 0; p < TR_SHAPE_PROFILES; p++)
		free(shape->best[p]);
	*shape = (struct tr_shape){ 0 };
}

int tr_shape_init(const struct tr_gpu_model *model, struct tr_shape *ret, struct tr_err *err)
{
	TR_AUTO(tr_shape_done) struct tr_shape shape = { .model = model };
	struct walk w = { .shape = &shape };

	if (!model->has_mig)
		return tr_fail(err, TR_E_INVALID, "a %s cannot be cut", model->title);
	if (set_places(&shape, err) < 0)
		return -(int)err->code;
	walk(&w, 0, 0, 0, 0);
	if (w.failed)
		return tr_fail(err, TR_E_NO_MEMORY, "states of a %s", model->title);
	if (shape.n_states > INT16_MAX)
		return tr_fail(err, TR_E_INVALID, "a %s has %zu states, over %d", model->title,
			shape.n_states, INT16_MAX);
	qsort(shape.states, shape.n_states, sizeof(*shape.states), by_places);
	shape.flip = calloc(shape.n_states * shape.n_places, sizeof(*shape.flip));
	shape.rank = calloc(shape.n_states * model->n_profiles, sizeof(*shape.rank));
	if (!shape.flip || !shape.rank)
		return tr_fail(err, TR_E_NO_MEMORY, "states of a %s", model->title);
	set_flips(&shape);
	for (size_t p = 0; p < model->n_profiles; p++)
		if (set_best(&shape, p, err) < 0)
			return -(int)err->code;
	*ret = shape;
	shape = (struct tr_shape){ 0 };
	return 0;
}

int32_t tr_shape_place(const struct tr_shape *shape, size_t profile, uint32_t start)
{
	for (size_t i = 0; i < shape->n_places; i++)
		if (shape->places[i].profile == profile && shape->places[i].start == start)
			return (int32_t)i;
	return -1;
}
