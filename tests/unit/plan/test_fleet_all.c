/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans for fleets against every plan there is, on cards made up at random: a few places, prices,
 * numbers of cards, slices that stay, sizes that carry nothing. What a card allows is written down
 * here a second time, on purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CASES = 10000,
	MAX_PLACES = 12,
	MAX_MODELS = 3,
	MAX_GROUPS = 4,
	MAX_OPTIONS = 4000,
	MAX_DEMAND = 7,
	NO_WAY = 1 << 20
};

static unsigned seed;

static uint32_t any_of(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

/* ---- cards ---- */

struct made {
	struct tr_gpu_model model;
	struct tr_gi_profile profiles[4];
	char names[4][32];
	struct tr_card card;
};

static void make_card(struct made *ret)
{
	*ret = (struct made){ .model = { .key = "made",
				      .title = "made card",
				      .has_mig = true,
				      .compute_slices = 2 + any_of(3),
				      .memory_slices = 2 + any_of(3),
				      .n_profiles = 1 + any_of(3),
				      .profiles = ret->profiles } };
	for (uint32_t i = 0; i < ret->model.n_profiles; i++) {
		struct tr_gi_profile *p = &ret->profiles[i];

		snprintf(ret->names[i], sizeof(ret->names[i]), "%ug.%ugb", i + 1, i + 1);
		*p = (struct tr_gi_profile){ .name = ret->names[i],
			.id = i,
			.slices = 1 + any_of(ret->model.compute_slices),
			.size = 1 + any_of(ret->model.memory_slices),
			.max_instances = 1 + any_of(4) };
		for (uint8_t at = 0; at + p->size <= ret->model.memory_slices; at++)
			if (p->n_starts == 0 || any_of(3))
				p->starts[p->n_starts++] = at;
	}
}

/* ---- every way to cut a card ---- */

struct place {
	const struct tr_gi_profile *profile;
	uint32_t start, bits;
};

/* A card that may hold slices already (their places are the bits of `held`). */
struct group {
	const struct made *made;
	uint32_t n_places, held;
	struct place places[4 * 4];
	int64_t price, n; /* -1: any number */
	size_t kind;
};

static bool is_legal(const struct group *g, uint32_t set)
{
	uint32_t mask = 0, compute = 0, n[4] = { 0 };

	for (uint32_t i = 0; i < g->n_places; i++) {
		const struct place *p = &g->places[i];

		if (!(set >> i & 1))
			continue;
		if (mask & p->bits || ++n[p->profile->id] > p->profile->max_instances)
			return false;
		mask |= p->bits;
		compute += p->profile->slices;
	}
	return compute <= g->made->model.compute_slices;
}

static uint32_t memory_of(const struct group *g, uint32_t set)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < g->n_places; i++)
		sum += (set >> i & 1) * g->places[i].profile->size;
	return sum;
}

/* Memory that no further slice could use. */
static uint32_t stranded_of(const struct group *g, uint32_t set)
{
	uint32_t most = 0;

	for (uint32_t more = 0; more < 1u << g->n_places; more++)
		if ((more & set) == set && is_legal(g, more) && memory_of(g, more) > most)
			most = memory_of(g, more);
	return g->made->model.memory_slices - most;
}

static void list_places(struct group *g)
{
	g->n_places = 0;
	for (uint32_t i = 0; i < g->made->model.n_profiles; i++) {
		const struct tr_gi_profile *p = &g->made->profiles[i];

		for (uint32_t k = 0; k < p->n_starts; k++)
			g->places[g->n_places++] = (struct place){ p, p->starts[k],
				((1u << p->size) - 1) << p->starts[k] };
	}
}

/* ---- every plan ---- */

struct option {
	uint8_t group, carries[MAX_MODELS]; /* no more than MAX_DEMAND */
	int64_t cost;			    /* money, compute slices, stranded memory, in one */
};

struct trial {
	struct tr_fleet fleet;
	size_t n_groups, n_options;
	struct group groups[MAX_GROUPS];
	struct option options[MAX_OPTIONS];
	int64_t *memo; /* by what is left of each model and of each group */
	size_t n_memo;
};

static int64_t cost_of(int64_t money, int64_t compute, int64_t stranded)
{
	return money << 40 | compute << 20 | stranded;
}

static void add_option(struct trial *t, const struct option *o)
{
	for (size_t i = 0; i < t->n_options; i++) {
		struct option *other = &t->options[i];

		if (other->group != o->group ||
			memcmp(other->carries, o->carries, sizeof(o->carries)) != 0)
			continue;
		if (o->cost < other->cost)
			other->cost = o->cost;
		return;
	}
	assert_true(t->n_options < MAX_OPTIONS);
	t->options[t->n_options++] = *o;
}

static size_t size_of(const struct tr_card *card, const struct tr_gi_profile *profile)
{
	size_t s = 0;

	while (card->sizes[s] != profile)
		s++;
	return s;
}

/* Gives the set's slices from the one at `i` on to models, in every way. */
static void assign(struct trial *t, size_t group, uint32_t set, uint32_t i, struct option *o)
{
	const struct group *g = &t->groups[group];

	while (i < g->n_places && !((set & ~g->held) >> i & 1))
		i++;
	if (i == g->n_places) {
		add_option(t, o);
		return;
	}
	for (size_t m = 0; m < t->fleet.n_models; m++) {
		size_t size = size_of(&g->made->card, g->places[i].profile);
		int64_t each = t->fleet.models[m].carries[g->kind][size];
		uint8_t before = o->carries[m];

		if (each == 0)
			continue;
		o->carries[m] = (uint8_t)(before + each < MAX_DEMAND ? before + each : MAX_DEMAND);
		assign(t, group, set, i + 1, o);
		o->carries[m] = before;
	}
}

static void list_options(struct trial *t)
{
	t->n_options = 0;
	for (size_t k = 0; k < t->n_groups; k++) {
		const struct group *g = &t->groups[k];
		uint32_t already = stranded_of(g, g->held);

		for (uint32_t set = 0; set < 1u << g->n_places; set++) {
			struct option o = { .group = (uint8_t)k };
			uint32_t compute = 0;

			if ((set & g->held) != g->held || set == g->held || !is_legal(g, set))
				continue;
			for (uint32_t i = 0; i < g->n_places; i++)
				compute +=
					((set & ~g->held) >> i & 1) * g->places[i].profile->slices;
			o.cost = cost_of(g->price, compute, stranded_of(g, set) - already);
			assign(t, k, set, 0, &o);
		}
	}
}

struct left {
	int64_t models[MAX_MODELS], groups[MAX_GROUPS]; /* 0 where there is no end */
};

static int64_t least(struct trial *t, const struct left *left)
{
	int64_t best = cost_of(NO_WAY, 0, 0);
	bool is_met = true;
	size_t at = 0;

	for (size_t m = 0; m < t->fleet.n_models; m++) {
		at = at * (MAX_DEMAND + 1) + (size_t)left->models[m];
		is_met = is_met && left->models[m] == 0;
	}
	for (size_t k = 0; k < t->n_groups; k++)
		at = at * 4 + (size_t)left->groups[k];
	if (is_met)
		return 0;
	if (t->memo[at] >= 0)
		return t->memo[at];
	for (size_t i = 0; i < t->n_options; i++) {
		const struct option *o = &t->options[i];
		struct left next = *left;
		bool helps = false;
		int64_t cost;

		if (t->groups[o->group].n >= 0 && next.groups[o->group]-- == 0)
			continue;
		for (size_t m = 0; m < t->fleet.n_models; m++) {
			int64_t now = left->models[m] - o->carries[m];

			next.models[m] = now > 0 ? now : 0;
			helps = helps || next.models[m] < left->models[m];
		}
		if (!helps)
			continue;
		cost = o->cost + least(t, &next);
		if (cost < best)
			best = cost;
	}
	t->memo[at] = best;
	return best;
}

/* ---- cases ---- */

struct fleet_case {
	struct made made[2];
	struct tr_fleet_model models[MAX_MODELS];
	struct tr_card held_cards[2];
	struct tr_fleet_held held[2];
	struct trial trial;
};

/* A card with some slices on it that stay. */
static void hold(struct fleet_case *c, size_t h)
{
	struct trial *t = &c->trial;
	struct group *g = &t->groups[t->n_groups];
	struct tr_card_held held[MAX_PLACES];
	struct tr_err err = { 0 };
	size_t n = 0;

	*g = (struct group){ .made = &c->made[any_of((uint32_t)t->fleet.n_kinds)],
		.n = 1 + any_of(2) };
	g->kind = g->made == &c->made[1];
	list_places(g);
	for (uint32_t i = 0; i < g->n_places; i++)
		if (any_of(3) == 0 && is_legal(g, g->held | 1u << i)) {
			g->held |= 1u << i;
			held[n++] = (struct tr_card_held){ g->places[i].profile,
				(uint8_t)g->places[i].start };
		}
	assert_int_equal(
		tr_card_init_held(&g->made->model, ~0u, held, n, &c->held_cards[h], &err), 0);
	c->held[h] = (struct tr_fleet_held){ &c->held_cards[h], (uint8_t)g->kind, g->n };
	t->n_groups++;
}

static void make_case(struct fleet_case *c)
{
	struct trial *t = &c->trial;

	memset(c, 0, sizeof(*c));
	t->fleet.n_kinds = 1 + any_of(2);
	t->fleet.n_models = 1 + any_of(MAX_MODELS);
	t->fleet.models = c->models;
	t->fleet.held = c->held;
	for (size_t k = 0; k < t->fleet.n_kinds; k++) {
		struct tr_err err = { 0 };
		struct group *g = &t->groups[t->n_groups++];

		make_card(&c->made[k]);
		assert_int_equal(tr_card_init(&c->made[k].model, ~0u, &c->made[k].card, &err), 0);
		*g = (struct group){ .made = &c->made[k],
			.price = 1 + any_of(4),
			.n = any_of(2) ? -1 : (int64_t)any_of(4),
			.kind = k };
		list_places(g);
		t->fleet.kinds[k] = (struct tr_fleet_kind){ &c->made[k].card, g->price, g->n };
	}
	t->fleet.n_held = any_of(3);
	for (size_t h = 0; h < t->fleet.n_held; h++)
		hold(c, h);
	for (size_t m = 0; m < t->fleet.n_models; m++) {
		c->models[m].name = "m";
		c->models[m].demand = any_of(MAX_DEMAND + 1);
		for (size_t k = 0; k < t->fleet.n_kinds; k++)
			for (size_t s = 0; s < c->made[k].card.n_sizes; s++)
				c->models[m].carries[k][s] = any_of(3) ? any_of(5) : 0;
	}
}

static int64_t truth(struct trial *t)
{
	struct left left = { { 0 }, { 0 } };
	int64_t cost;

	t->n_memo = 1;
	for (size_t m = 0; m < t->fleet.n_models; m++) {
		t->n_memo *= MAX_DEMAND + 1;
		left.models[m] = t->fleet.models[m].demand;
	}
	for (size_t k = 0; k < t->n_groups; k++) {
		t->n_memo *= 4;
		left.groups[k] = t->groups[k].n > 0 ? t->groups[k].n : 0;
	}
	t->memo = malloc(t->n_memo * sizeof(*t->memo));
	assert_non_null(t->memo);
	memset(t->memo, 0xff, t->n_memo * sizeof(*t->memo));
	list_options(t);
	cost = least(t, &left);
	free(t->memo);
	return cost;
}

struct count {
	size_t found, proven, refused;
};

static int64_t stranded_already(const struct trial *t)
{
	int64_t sum = 0;

	for (size_t k = t->fleet.n_kinds; k < t->n_groups; k++)
		sum += t->groups[k].n * stranded_of(&t->groups[k], t->groups[k].held);
	return sum;
}

static void check_case(struct fleet_case *c, unsigned number, struct count *count)
{
	struct tr_fleet_plan *plan = NULL;
	struct tr_err err = { 0 };
	int64_t want = truth(&c->trial), cost;
	int r = tr_fleet_plan(&c->trial.fleet, &plan, &err);

	if ((want >= cost_of(NO_WAY, 0, 0)) != (r < 0))
		fail_msg("case %u: %s", number, r < 0 ? err.msg : "a plan where there is none");
	count->refused += r < 0;
	if (r < 0)
		return;
	want += stranded_already(&c->trial);
	cost = cost_of(plan->money.value, plan->compute.value, plan->stranded.value);
	if (cost != want)
		fail_msg("case %u: money, compute slices and stranded %llx, wanted %llx", number,
			(unsigned long long)cost, (unsigned long long)want);
	count->found++;
	count->proven += plan->money.bound == plan->money.value &&
			 plan->compute.bound == plan->compute.value &&
			 plan->stranded.bound == plan->stranded.value;
	tr_fleet_plan_free(plan);
}

static void of_every_plan_there_is_none_has_less(void **state)
{
	struct fleet_case *c = malloc(sizeof(*c));
	struct count count = { 0 };

	(void)state;
	assert_non_null(c);
	for (unsigned i = 1; i <= CASES; i++) {
		seed = i;
		make_case(c);
		check_case(c, i, &count);
		for (size_t k = 0; k < c->trial.fleet.n_kinds; k++)
			tr_card_done(&c->made[k].card);
		for (size_t h = 0; h < c->trial.fleet.n_held; h++)
			tr_card_done(&c->held_cards[h]);
	}
	free(c);
	assert_true(count.found > CASES / 2 && count.refused > CASES / 20);
	assert_int_equal(count.proven, count.found);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		of_every_plan_there_is_none_has_less) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
