/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * The planner against a search that tries everything, on random small cases. What a card allows is
 * written down here a second time, on purpose.
 */
#include "base/err.h"
#include "base/own.h"
#include "cards.h"
#include "plan/plan.h"

#include <time.h>

enum { MAX_WANTS = 4, CASES = 400 };

struct state {
	const struct card *cards;
	size_t n_cards, n_wants;
	const struct tr_plan_want *wants;
	struct tr_plan_used held[2][CARD_MAX_USED + MAX_WANTS];
	size_t n_held[2];
	bool any;
	uint64_t best;
};

static const struct tr_plan_profile *named(const struct card *card, const char *name)
{
	for (size_t i = 0; i < card->gpu.n_profiles; i++)
		if (strcmp(card->profiles[i].name, name) == 0)
			return &card->profiles[i];
	return NULL;
}

static const char *attribute(const struct tr_plan_profile *profile)
{
	const char *at = strpbrk(profile->name, "+-");

	return at ? at : "";
}

static uint32_t mask_of(const struct state *s, size_t g)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < s->n_held[g]; i++)
		for (uint32_t m = 0; m < s->held[g][i].size; m++)
			mask |= 1u << (s->held[g][i].start + m);
	return mask;
}

/* The rules of one card, all of them, on what it holds now. */
static bool keeps_rules(const struct state *s, size_t g)
{
	const struct card *card = &s->cards[g];
	uint32_t seen = 0, compute = 0, most = 0, n_me = 0, n_all = 0, n_without = 0;

	for (size_t i = 0; i < card->gpu.n_profiles; i++)
		if (card->profiles[i].compute_slices > most)
			most = card->profiles[i].compute_slices;
	for (size_t i = 0; i < s->n_held[g]; i++) {
		const struct tr_plan_used *held = &s->held[g][i];
		const struct tr_plan_profile *profile = card_profile(card, held->profile_id);
		uint32_t n_same = 0;

		for (uint32_t m = 0; m < held->size; m++) {
			if (seen >> (held->start + m) & 1)
				return false;
			seen |= 1u << (held->start + m);
		}
		for (size_t j = 0; j < s->n_held[g]; j++)
			n_same += s->held[g][j].profile_id == held->profile_id;
		if (n_same > profile->max)
			return false;
		compute += profile->compute_slices;
		n_me += strcmp(attribute(profile), "+me") == 0;
		n_all += strcmp(attribute(profile), "+me.all") == 0;
		n_without += strcmp(attribute(profile), "-me") == 0;
	}
	return compute <= most && n_me <= 1 &&
	       (n_all == 0 || (n_all == 1 && n_without + 1 == s->n_held[g]));
}

static uint64_t open_places(const struct state *s)
{
	uint64_t n = 0;

	for (size_t g = 0; g < s->n_cards; g++)
		for (size_t p = 0; p < s->cards[g].gpu.n_profiles; p++) {
			const struct tr_plan_profile *profile = &s->cards[g].profiles[p];

			for (uint32_t i = 0; !*attribute(profile) && i < profile->n_starts; i++)
				n += !(mask_of(s, g) >> profile->starts[i] &
					((1u << profile->size) - 1));
		}
	return n;
}

static void try_all(struct state *s, size_t w)
{
	if (w == s->n_wants) {
		uint64_t left = open_places(s);

		if (!s->any || left > s->best)
			s->best = left;
		s->any = true;
		return;
	}
	for (size_t g = 0; g < s->n_cards; g++) {
		const struct tr_plan_profile *profile = named(&s->cards[g], s->wants[w].profile);

		for (uint32_t i = 0; profile && i < profile->n_starts; i++) {
			if (s->wants[w].start >= 0 &&
				profile->starts[i] != (uint32_t)s->wants[w].start)
				continue;
			s->held[g][s->n_held[g]++] =
				(struct tr_plan_used){ .profile_id = profile->id,
					.start = profile->starts[i],
					.size = profile->size };
			if (keeps_rules(s, g))
				try_all(s, w + 1);
			s->n_held[g]--;
		}
	}
}

static void reset(struct state *s)
{
	for (size_t g = 0; g < s->n_cards; g++) {
		s->n_held[g] = s->cards[g].gpu.n_used;
		memcpy(s->held[g], s->cards[g].used, sizeof(s->cards[g].used));
	}
}

/* What the planner chose keeps the rules, and is as good as the best there is. */
static void check_choice(struct state *s, const struct tr_plan_place *places)
{
	reset(s);
	for (size_t w = 0; w < s->n_wants; w++) {
		size_t g = places[w].gpu_idx;

		assert_in_range(g, 0, s->n_cards - 1);
		assert_string_equal(places[w].profile->name, s->wants[w].profile);
		s->held[g][s->n_held[g]++] =
			(struct tr_plan_used){ .profile_id = places[w].profile->id,
				.start = places[w].start,
				.size = places[w].profile->size };
	}
	for (size_t g = 0; g < s->n_cards; g++)
		assert_true(keeps_rules(s, g));
	assert_int_equal(open_places(s), s->best);
}

static void hold_at_random(struct state *s, struct card *card, unsigned *seed)
{
	for (int tries = rand_r(seed) % 4; tries > 0; tries--) {
		const struct tr_plan_profile *p =
			&card->profiles[(size_t)rand_r(seed) % card->gpu.n_profiles];
		char text[80];

		snprintf(text, sizeof(text), "%s:%u", p->name,
			p->starts[(uint32_t)rand_r(seed) % p->n_starts]);
		card_hold(card, text);
		reset(s);
		if (!keeps_rules(s, (size_t)(card - s->cards)))
			card->gpu.n_used--;
	}
}

static void one_case(unsigned *seed, size_t *ret_fit, size_t *ret_refused)
{
	static const char *const products[] = { "a100-80gb", "a100-80gb", "a30",
		"rtx-pro-6000-96gb", "h200-141gb" };
	const char *product = products[(size_t)rand_r(seed) % TR_COUNT(products)];
	struct tr_plan_want wants[MAX_WANTS], shuffled[MAX_WANTS];
	struct tr_plan_place places[MAX_WANTS];
	struct tr_err err = { 0 };
	struct tr_plan_gpu gpus[2];
	struct card cards[2];
	struct state s = { .cards = cards, .wants = wants };
	int r;

	s.n_cards = rand_r(seed) % 4 ? 1 : 2;
	s.n_wants = 1 + (size_t)rand_r(seed) % (s.n_cards == 1 ? MAX_WANTS : 3);
	for (size_t g = 0; g < s.n_cards; g++)
		card_init(&cards[g], (uint32_t)g, product);
	for (size_t g = 0; g < s.n_cards; g++) {
		hold_at_random(&s, &cards[g], seed);
		gpus[g] = cards[g].gpu;
	}
	for (size_t w = 0; w < s.n_wants; w++) {
		const struct tr_plan_profile *p =
			&cards[0].profiles[(size_t)rand_r(seed) % cards[0].gpu.n_profiles];

		wants[w] = (struct tr_plan_want){ .who = p->name,
			.profile = p->name,
			.gpu = -1,
			.start = rand_r(seed) % 5
					 ? -1
					 : p->starts[(uint32_t)rand_r(seed) % p->n_starts] };
		shuffled[s.n_wants - 1 - w] = wants[w];
	}
	reset(&s);
	try_all(&s, 0);
	r = tr_plan_fit(gpus, s.n_cards, wants, s.n_wants, places, &err);
	assert_int_equal(r, s.any ? 0 : -TR_E_NO_ROOM);
	*ret_fit += s.any;
	*ret_refused += !s.any;
	if (s.any)
		check_choice(&s, places);
	/* The order in which things are asked for decides nothing. */
	s.wants = shuffled;
	assert_int_equal(tr_plan_fit(gpus, s.n_cards, shuffled, s.n_wants, places, &err), r);
	if (s.any)
		check_choice(&s, places);
}

static void choice_is_as_good_as_trying_everything(void **state)
{
	unsigned seed = (unsigned)time(NULL);
	size_t n_fit = 0, n_refused = 0;
	const char *given = getenv("TR_TEST_SEED");

	(void)state;
	if (given)
		seed = (unsigned)strtoul(given, NULL, 10);
	print_message("# TR_TEST_SEED=%u\n", seed);
	for (int i = 0; i < CASES; i++)
		one_case(&seed, &n_fit, &n_refused);
	assert_true(n_fit > CASES / 10);
	assert_true(n_refused > CASES / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choice_is_as_good_as_trying_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
