/* SPDX-License-Identifier: Apache-2.0 */
/* Slices that come and go: every answer is replayed on a plain model of the cards, move by move,
 * and small fleets are tried whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/online.h"
#include "plan/shape.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CARDS = 16, MAX_SLICES = 128 };

TR_DEFINE_FREEP(struct tr_online, tr_online_free)

#define AUTO_ONLINE TR_AUTO(tr_online_freep) struct tr_online

/* ---- the plain model ---- */

struct slice {
	bool is_there;
	uint32_t card, start;
	const struct tr_gi_profile *profile;
};

struct replay {
	const struct tr_gpu_model *models[MAX_CARDS]; /* by card */
	struct slice slices[MAX_SLICES];
};

static const struct tr_gpu_model *model_of(const char *key)
{
	return tr_facts_product(key)->model;
}

static bool excludes(const char *a, const char *b)
{
	const char *x = a + strcspn(a, "+-"), *y = b + strcspn(b, "+-");
	bool x_all = strcmp(x, "+me.all") == 0, y_all = strcmp(y, "+me.all") == 0;

	if (strcmp(x, "+me") == 0 && strcmp(y, "+me") == 0)
		return true;
	return (x_all && strcmp(y, "-me") != 0) || (y_all && strcmp(x, "-me") != 0);
}

/* By the geometry's rows alone: could the slice be cut there, beside all that is there? */
static bool is_legal(const struct replay *replay, uint32_t card,
	const struct tr_gi_profile *profile, uint32_t start)
{
	uint32_t compute = profile->slices, n_same = 1;

	if (!memchr(profile->starts, (int)start, profile->n_starts))
		return false;
	for (size_t i = 0; i < MAX_SLICES; i++) {
		const struct slice *s = &replay->slices[i];

		if (!s->is_there || s->card != card)
			continue;
		if (s->start < start + profile->size && start < s->start + s->profile->size)
			return false;
		if (excludes(s->profile->name, profile->name))
			return false;
		compute += s->profile->slices;
		n_same += s->profile == profile;
	}
	return compute <= replay->models[card]->compute_slices && n_same <= profile->max_instances;
}

static bool has_place(const struct replay *replay, uint32_t card, const char *name)
{
	const struct tr_gi_profile *p = tr_facts_profile_by_name(replay->models[card], name);

	for (uint32_t i = 0; p && i < p->n_starts; i++)
		if (is_legal(replay, card, p, p->starts[i]))
			return true;
	return false;
}

static bool any_has_place(const struct replay *replay, uint32_t n_cards, const char *name)
{
	for (uint32_t c = 0; c < n_cards; c++)
		if (has_place(replay, c, name))
			return true;
	return false;
}

/* Would one move, to any place of a card of the same model, make room? */
static bool one_move_helps(const struct replay *replay, uint32_t n_cards, const char *name)
{
	for (size_t i = 0; i < MAX_SLICES; i++) {
		const struct slice *s = &replay->slices[i];

		for (uint32_t c = 0; s->is_there && c < n_cards; c++)
			for (uint32_t k = 0; k < s->profile->n_starts; k++) {
				struct replay moved = *replay;

				if (replay->models[c] != replay->models[s->card] ||
					!is_legal(replay, c, s->profile, s->profile->starts[k]))
					continue;
				moved.slices[i].card = c;
				moved.slices[i].start = s->profile->starts[k];
				if (any_has_place(&moved, n_cards, name))
					return true;
			}
	}
	return false;
}

/* Each move to a place that is free while the slice still stands at its old one. */
static void play(struct replay *replay, const struct tr_online_answer *answer)
{
	struct slice *own;

	for (size_t i = 0; i < answer->n_moves; i++) {
		const struct tr_online_move *m = &answer->moves[i];
		struct slice *s = &replay->slices[m->slice];

		assert_true(s->is_there);
		assert_int_equal(s->card, m->from_card);
		assert_int_equal(s->start, m->from_start);
		assert_ptr_equal(replay->models[m->from_card], replay->models[m->to_card]);
		assert_true(is_legal(replay, m->to_card, s->profile, m->to_start));
		s->card = m->to_card;
		s->start = m->to_start;
	}
	assert_true(answer->slice < MAX_SLICES);
	own = &replay->slices[answer->slice];
	assert_false(own->is_there);
	assert_true(
		is_legal(replay, answer->place.card, answer->place.profile, answer->place.start));
	*own = (struct slice){ true, answer->place.card, answer->place.start,
		answer->place.profile };
}

static void assert_equal(
	const struct tr_online *online, const struct replay *replay, uint32_t n_cards)
{
	size_t n_there = 0, n_on = 0;

	for (uint32_t c = 0; c < n_cards; c++) {
		uint32_t on[TR_ONLINE_MOVES] = { 0 }, before = 0;
		size_t n = tr_online_on(online, c, on, TR_ONLINE_MOVES);

		assert_true(n <= TR_ONLINE_MOVES);
		for (size_t i = 0; i < n; i++) {
			const struct slice *s = &replay->slices[on[i]];
			struct tr_online_place place;

			assert_true(s->is_there && tr_online_where(online, on[i], &place));
			assert_true(i == 0 || s->start > before);
			before = s->start;
			assert_int_equal(s->card, c);
			assert_int_equal(place.card, c);
			assert_int_equal(place.start, s->start);
			assert_ptr_equal(place.profile, s->profile);
		}
		n_on += n;
	}
	for (size_t i = 0; i < MAX_SLICES; i++)
		n_there += replay->slices[i].is_there;
	assert_int_equal(n_there, n_on);
}

struct fleet {
	struct tr_online *online;
	struct replay replay;
	uint32_t n_cards;
};

static void fleet_init(
	struct fleet *fleet, const struct tr_online_kind *kinds, size_t n, uint32_t moves_per_100)
{
	struct tr_err err = { 0 };

	memset(fleet, 0, sizeof(*fleet));
	for (size_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < kinds[k].n_cards; i++)
			fleet->replay.models[fleet->n_cards++] = kinds[k].model;
	assert_int_equal(tr_online_new(kinds, n, moves_per_100, &fleet->online, &err), 0);
}

static void fleet_done(struct fleet *fleet)
{
	tr_online_free(fleet->online);
}

#define AUTO_FLEET TR_AUTO(fleet_done) struct fleet

/* ---- tests ---- */

/* How many sets of slices a card may hold, by the rows alone: each is reached once, in order. */
static size_t count_states(
	struct replay *replay, uint32_t from_profile, uint32_t from_start, size_t n_slices)
{
	const struct tr_gpu_model *model = replay->models[0];
	size_t n = 1;

	for (uint32_t p = from_profile; p < model->n_profiles; p++, from_start = 0)
		for (uint32_t k = from_start; k < model->profiles[p].n_starts; k++) {
			struct slice slice = { true, 0, model->profiles[p].starts[k],
				&model->profiles[p] };

			if (!is_legal(replay, 0, slice.profile, slice.start))
				continue;
			replay->slices[n_slices] = slice;
			n += count_states(replay, p, k + 1, n_slices + 1);
			replay->slices[n_slices].is_there = false;
		}
	return n;
}

static void states_are_all_there_are(void **unused)
{
	size_t n_models, n_cut = 0;
	const struct tr_gpu_model *models = tr_facts_models(&n_models);

	(void)unused;
	for (size_t i = 0; i < n_models; i++) {
		TR_AUTO(tr_shape_done) struct tr_shape shape = { 0 };
		struct replay replay = { .models = { &models[i] } };
		struct tr_err err = { 0 };

		if (!models[i].has_mig)
			continue;
		n_cut++;
		assert_int_equal(tr_shape_init(&models[i], &shape, &err), 0);
		assert_int_equal(shape.n_states, count_states(&replay, 0, 0, 0));
		assert_int_equal(shape.states[0].places, 0);
		for (uint32_t s = 0; s < shape.n_states; s++)
			for (size_t k = 0; k < shape.n_places; k++) {
				int32_t to = tr_shape_flip(&shape, s, k);

				if (to >= 0)
					assert_int_equal(tr_shape_flip(&shape, (uint32_t)to, k), s);
				else /* what is there can always go */
					assert_false(shape.states[s].places >> k & 1);
			}
	}
	assert_true(n_cut >= 9);
}

static uint32_t arrive(struct fleet *fleet, const char *profile, uint32_t max_moves)
{
	struct tr_online_answer answer = { 0 };
	int32_t wish = tr_online_wish(fleet->online, profile);

	assert_true(wish >= 0);
	if (!tr_online_arrive(fleet->online, wish, max_moves, &answer))
		return TR_ONLINE_NONE;
	assert_true(answer.n_moves <= max_moves);
	play(&fleet->replay, &answer);
	return answer.slice;
}

static void leave(struct fleet *fleet, uint32_t slice)
{
	assert_true(tr_online_leave(fleet->online, slice));
	fleet->replay.slices[slice].is_there = false;
}

static void takes_what_others_need_least(void **unused)
{
	static const struct {
		const char *profile;
		uint32_t start;
	} want[] = {
		{ "1g.10gb", 6 }, /* the only place whose other half no 2g.20gb can take */
		{ "1g.20gb", 6 },
		{ "2g.20gb", 4 },
		{ "3g.40gb", 4 }, /* 4g.40gb starts at 0 only */
		{ "4g.40gb", 0 },
		{ "7g.80gb", 0 },
	};
	struct tr_online_kind kind = { model_of("a100-80gb"), 2 };

	(void)unused;
	for (size_t i = 0; i < TR_COUNT(want); i++) {
		AUTO_FLEET fleet;
		uint32_t slice;

		fleet_init(&fleet, &kind, 1, 0);
		slice = arrive(&fleet, want[i].profile, 0);
		assert_int_equal(fleet.replay.slices[slice].card, 0);
		assert_int_equal(fleet.replay.slices[slice].start, want[i].start);
		/* The next one to the card that is in use already, where it fits. */
		slice = arrive(&fleet, "1g.10gb", 0);
		assert_int_equal(fleet.replay.slices[slice].card, i == TR_COUNT(want) - 1);
	}
}

static void every_answer_is_legal(void **unused)
{
	struct tr_online_kind kinds[] = { { model_of("a100-80gb"), 4 },
		{ model_of("h100-pcie-80gb"), 3 }, { model_of("a30-24gb"), 2 },
		{ model_of("rtx-pro-6000-96gb"), 2 } };
	unsigned seed = 7;
	size_t n_moved = 0, n_refused = 0;

	(void)unused;
	for (int round = 0; round < 4; round++) {
		AUTO_FLEET fleet;

		fleet_init(&fleet, kinds, TR_COUNT(kinds), 0);
		for (int i = 0; i < 3000; i++) {
			const struct tr_gpu_model *model =
				kinds[(size_t)rand_r(&seed) % TR_COUNT(kinds)].model;
			const char *profile =
				model->profiles[(size_t)rand_r(&seed) % model->n_profiles].name;
			struct tr_online_answer answer = { 0 };
			uint32_t victim = (uint32_t)rand_r(&seed) % MAX_SLICES;
			uint32_t max_moves = (uint32_t)round * 2;

			if (tr_online_arrive(fleet.online, tr_online_wish(fleet.online, profile),
				    max_moves, &answer)) {
				assert_true(answer.n_moves <= max_moves);
				/* Nothing is moved that need not be. */
				if (answer.n_moves)
					assert_false(any_has_place(
						&fleet.replay, fleet.n_cards, profile));
				play(&fleet.replay, &answer);
				n_moved += answer.n_moves;
			} else {
				assert_false(any_has_place(&fleet.replay, fleet.n_cards, profile));
				n_refused++;
			}
			if (fleet.replay.slices[victim].is_there)
				leave(&fleet, victim);
			assert_equal(fleet.online, &fleet.replay, fleet.n_cards);
		}
	}
	assert_true(n_moved > 100);
	assert_true(n_refused > 100);
}

static void finds_every_single_move(void **unused)
{
	static const char *const names[] = { "1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb",
		"7g.80gb" };
	unsigned seed = 3;
	size_t n_moved = 0, n_refused = 0;

	(void)unused;
	for (uint32_t n_cards = 1; n_cards <= 3; n_cards++) {
		struct tr_online_kind kind = { model_of("a100-80gb"), n_cards };
		AUTO_FLEET fleet;

		fleet_init(&fleet, &kind, 1, 0);
		for (int i = 0; i < 4000; i++) {
			const char *name = names[(size_t)rand_r(&seed) % TR_COUNT(names)];
			struct replay before = fleet.replay;
			bool fits = any_has_place(&before, n_cards, name);
			bool got = arrive(&fleet, name, 1) != TR_ONLINE_NONE;
			uint32_t victim = (uint32_t)rand_r(&seed) % 12;

			if (got != (fits || one_move_helps(&before, n_cards, name)))
				fail_msg("step %d: %s on %u cards", i, name, n_cards);
			n_moved += got && !fits;
			n_refused += !got;
			if (fleet.replay.slices[victim].is_there)
				leave(&fleet, victim);
		}
	}
	assert_true(n_moved > 50);
	assert_true(n_refused > 50);
}

static void a_refusal_changes_nothing(void **unused)
{
	struct tr_online_kind kind = { model_of("a100-80gb"), 2 };
	AUTO_FLEET fleet;

	(void)unused;
	fleet_init(&fleet, &kind, 1, 0);
	arrive(&fleet, "3g.40gb", 0);
	arrive(&fleet, "3g.40gb", 0);
	arrive(&fleet, "3g.40gb", 0);
	assert_int_equal(arrive(&fleet, "7g.80gb", 8), TR_ONLINE_NONE);
	assert_equal(fleet.online, &fleet.replay, fleet.n_cards);
	assert_int_not_equal(arrive(&fleet, "3g.40gb", 0), TR_ONLINE_NONE);
}

static void moves_are_saved_up(void **unused)
{
	static const char *const names[] = { "1g.10gb", "2g.20gb", "3g.40gb", "7g.80gb" };
	struct tr_online_kind kind = { model_of("a100-80gb"), 8 };
	AUTO_FLEET fleet;
	unsigned seed = 5;
	size_t n_accepted = 0, n_moves = 0;

	(void)unused;
	fleet_init(&fleet, &kind, 1, 7);
	for (int i = 0; i < 20000; i++) {
		struct tr_online_answer answer = { 0 };
		int32_t wish = tr_online_wish(
			fleet.online, names[(size_t)rand_r(&seed) % TR_COUNT(names)]);
		uint32_t victim = (uint32_t)rand_r(&seed) % 56;

		if (tr_online_arrive(fleet.online, wish, 8, &answer)) {
			play(&fleet.replay, &answer);
			n_accepted++;
			n_moves += answer.n_moves;
		}
		assert_true(n_moves * 100 <= n_accepted * 7);
		if (fleet.replay.slices[victim].is_there)
			leave(&fleet, victim);
	}
	assert_true(n_moves * 100 > n_accepted * 3);
}

static void the_queue_is_asked_oldest_first(void **unused)
{
	struct tr_online_kind kind = { model_of("a100-80gb"), 1 };
	struct tr_online_answer answer = { 0 };
	struct tr_online_place place;
	struct tr_err err = { 0 };
	AUTO_FLEET fleet;
	uint32_t whole, big, small[3];
	int32_t one, seven;

	(void)unused;
	fleet_init(&fleet, &kind, 1, 0);
	one = tr_online_wish(fleet.online, "1g.10gb");
	seven = tr_online_wish(fleet.online, "7g.80gb");
	whole = arrive(&fleet, "7g.80gb", 0);
	assert_int_equal(tr_online_wait(fleet.online, one, &small[0], &err), 0);
	assert_int_equal(tr_online_wait(fleet.online, seven, &big, &err), 0);
	for (size_t i = 1; i < TR_COUNT(small); i++)
		assert_int_equal(tr_online_wait(fleet.online, one, &small[i], &err), 0);
	assert_false(tr_online_next(fleet.online, 8, &answer));
	assert_true(tr_online_where(fleet.online, small[0], &place));
	assert_null(place.profile);

	/* One gives up; the big one has no place beside the first, and those behind it go ahead. */
	assert_true(tr_online_leave(fleet.online, small[1]));
	leave(&fleet, whole);
	assert_true(tr_online_next(fleet.online, 8, &answer));
	assert_int_equal(answer.slice, small[0]);
	play(&fleet.replay, &answer);
	assert_true(tr_online_next(fleet.online, 8, &answer));
	assert_int_equal(answer.slice, small[2]);
	play(&fleet.replay, &answer);
	assert_false(tr_online_next(fleet.online, 8, &answer));

	leave(&fleet, small[0]);
	leave(&fleet, small[2]);
	assert_true(tr_online_next(fleet.online, 8, &answer));
	assert_int_equal(answer.slice, big);
	play(&fleet.replay, &answer);
	assert_false(tr_online_next(fleet.online, 8, &answer));
	assert_equal(fleet.online, &fleet.replay, 1);
}

static void ten_thousand_may_wait(void **unused)
{
	enum { N = 10000 };
	struct tr_online_kind kind = { model_of("a100-80gb"), 1 };
	struct tr_online_answer answer = { 0 };
	struct tr_err err = { 0 };
	AUTO_FLEET fleet;
	uint32_t slice;
	int32_t one;

	(void)unused;
	fleet_init(&fleet, &kind, 1, 0);
	one = tr_online_wish(fleet.online, "1g.10gb");
	for (int i = 0; i < N; i++)
		assert_int_equal(tr_online_wait(fleet.online, one, &slice, &err), 0);
	for (int i = 0; i < N; i++) {
		assert_true(tr_online_next(fleet.online, 0, &answer));
		assert_true(tr_online_leave(fleet.online, answer.slice));
		assert_false(tr_online_leave(fleet.online, answer.slice));
	}
	assert_false(tr_online_next(fleet.online, 0, &answer));
}

static void what_runs_is_checked(void **unused)
{
	struct tr_online_kind kinds[] = { { model_of("a100-80gb"), 1 },
		{ model_of("h200-141gb"), 1 } };
	struct tr_err err = { 0 };
	AUTO_FLEET fleet;
	uint32_t slice;
	int32_t wish;

	(void)unused;
	fleet_init(&fleet, kinds, 2, 0);
	wish = tr_online_wish(fleet.online, "3g.40gb");
	assert_int_equal(tr_online_put(fleet.online, wish, 0, 4, &slice, &err), 0);
	assert_int_equal(tr_online_put(fleet.online, wish, 0, 4, &slice, &err), -TR_E_BUSY);
	assert_string_equal(err.msg, "GPU 0 has no room for '3g.40gb' at 4");
	err = (struct tr_err){ 0 };
	assert_int_equal(tr_online_put(fleet.online, wish, 0, 2, &slice, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "'3g.40gb' cannot start at 2 on a A100-80GB; allowed: 0 4");
	err = (struct tr_err){ 0 };
	assert_int_equal(tr_online_put(fleet.online, wish, 1, 0, &slice, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "GPU 1 is a H200-141GB, which has no profile '3g.40gb'");
	err = (struct tr_err){ 0 };
	assert_int_equal(tr_online_put(fleet.online, wish, 2, 0, &slice, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "there is no GPU 2; there are 0 to 1");
	assert_int_equal(tr_online_wish(fleet.online, "3g.41gb"), -1);
	assert_false(tr_online_leave(fleet.online, 1000));
	kinds[1] = kinds[0];
	{
		AUTO_ONLINE *none = NULL;

		assert_int_equal(tr_online_new(kinds, 2, 0, &none, &err), -TR_E_INVALID);
		kinds[0].model = model_of("geforce-rtx-4090");
		assert_int_equal(tr_online_new(kinds, 1, 0, &none, &err), -TR_E_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_are_all_there_are),
		cmocka_unit_test(takes_what_others_need_least),
		cmocka_unit_test(every_answer_is_legal),
		cmocka_unit_test(finds_every_single_move),
		cmocka_unit_test(a_refusal_changes_nothing),
		cmocka_unit_test(moves_are_saved_up),
		cmocka_unit_test(the_queue_is_asked_oldest_first),
		cmocka_unit_test(ten_thousand_may_wait),
		cmocka_unit_test(what_runs_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
