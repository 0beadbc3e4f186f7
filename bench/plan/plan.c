/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of layout, ours beside nvidia-mig-parted's rule.
 *
 *	bench_plan [SEED [slow]]
 *
 * With `slow` they are also played on a virtual node whose calls take as long as on hardware, and
 * the seconds are wall time: some four minutes. Nobody is on its slices: on hardware the peer would
 * stop at the first busy one.
 *
 * The peer's rule, restated from its source: where the sizes on a card differ from those asked for,
 * clear the card, create in the order of falling size at the places that the driver picks, and on a
 * failure clear again and try the next order. The driver's pick, as public logs show it: of the
 * free starts the one that leaves most (profile, start) pairs valid, the lowest of those.
 */
#include "player.h"

#include "base/own.h"
#include "facts/facts.h"
#include "plan/recut.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CHANGES = 1000, MAX = 8, NODE_GPUS = 8, NODES = 1000, ROUNDS = 15 };

static struct tr_plan_profile profiles[16];
static size_t n_profiles;
static unsigned seed;
static bool is_played; /* on a driver, not only counted */

struct layout {
	size_t n;
	struct {
		size_t profile;
		uint32_t start;
	} v[MAX];
};

static size_t random_below(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

static void load_profiles(const char *product)
{
	const struct tr_gpu_model *model = tr_facts_product(product)->model;

	for (uint32_t i = 0; i < model->n_profiles; i++) {
		const struct tr_gi_profile *row = &model->profiles[i];
		struct tr_plan_profile *p = &profiles[n_profiles];

		if (strpbrk(row->name, "+-"))
			continue;
		n_profiles++;
		snprintf(p->name, sizeof(p->name), "%s", row->name);
		p->id = row->id;
		p->compute_slices = row->slices;
		p->size = row->size;
		p->max = row->max_instances;
		p->n_starts = row->n_starts;
		memcpy(p->starts, row->starts, row->n_starts);
	}
}

static bool fits(const struct layout *l, size_t p, uint32_t start)
{
	uint32_t mask = ((1u << profiles[p].size) - 1) << start,
		 compute = profiles[p].compute_slices;

	for (size_t i = 0; i < l->n; i++) {
		const struct tr_plan_profile *other = &profiles[l->v[i].profile];

		compute += other->compute_slices;
		if (mask & ((1u << other->size) - 1) << l->v[i].start)
			return false;
	}
	return compute <= 7;
}

static uint32_t n_valid(const struct layout *l)
{
	uint32_t n = 0;

	for (size_t p = 0; p < n_profiles; p++)
		for (uint32_t i = 0; i < profiles[p].n_starts; i++)
			n += fits(l, p, profiles[p].starts[i]);
	return n;
}

static void add(struct layout *l, size_t p, uint32_t start)
{
	l->v[l->n].profile = p;
	l->v[l->n++].start = start;
}

/* --- On a driver, where one plays --- */

static void play_create(size_t p, uint32_t start)
{
	if (is_played)
		player_create(profiles[p].id, start, profiles[p].size, profiles[p].compute_slices);
}

static void play_clear(const struct layout *l)
{
	for (size_t i = 0; is_played && i < l->n; i++)
		player_destroy(l->v[i].start);
}

/* --- The peer --- */

static bool driver_create(struct layout *l, size_t p)
{
	uint32_t best = 0, best_start = 0;
	bool found = false;

	for (uint32_t i = 0; i < profiles[p].n_starts; i++) {
		struct layout with = *l;
		uint32_t left;

		if (!fits(l, p, profiles[p].starts[i]))
			continue;
		add(&with, p, profiles[p].starts[i]);
		left = n_valid(&with);
		if (found && left <= best)
			continue;
		best = left;
		best_start = profiles[p].starts[i];
		found = true;
	}
	if (found) {
		add(l, p, best_start);
		play_create(p, best_start);
	}
	return found;
}

struct counts {
	unsigned long n_destroyed, n_busy_destroyed, n_created, n_failed;
	double seconds; /* where it is played */
};

static void swap(size_t *a, size_t *b)
{
	size_t kept = *a;

	*a = *b;
	*b = kept;
}

/* The next distinct order; false behind the last. */
static bool next_order(size_t *order, size_t n)
{
	size_t i = n, j = n;

	while (i > 1 && order[i - 2] >= order[i - 1])
		i--;
	if (i <= 1)
		return false;
	while (order[j - 1] <= order[i - 2])
		j--;
	swap(&order[i - 2], &order[j - 1]);
	for (size_t a = i - 1, b = n - 1; a < b; a++, b--)
		swap(&order[a], &order[b]);
	return true;
}

/* `order` holds ranks, the largest size first, so that the first order is that of falling size.
 * ret_end: what stands then. */
static void peer(const struct layout *from, const struct layout *to, uint32_t busy,
	struct layout *ret_end, struct counts *c)
{
	size_t order[MAX], there[16] = { 0 }, asked[16] = { 0 };
	struct layout now = *from;

	for (size_t i = 0; i < from->n; i++)
		there[from->v[i].profile]++;
	for (size_t i = 0; i < to->n; i++)
		asked[to->v[i].profile]++;
	*ret_end = *from;
	if (memcmp(there, asked, sizeof(there)) == 0)
		return;
	for (size_t i = 0; i < to->n; i++) {
		size_t rank = n_profiles - 1 - to->v[i].profile, at = i;

		for (; at > 0 && order[at - 1] > rank; at--)
			order[at] = order[at - 1];
		order[at] = rank;
	}
	c->n_busy_destroyed += (unsigned long)__builtin_popcount(busy);
	do {
		size_t n = 0;

		c->n_destroyed += now.n;
		play_clear(&now);
		now.n = 0;
		while (n < to->n && driver_create(&now, n_profiles - 1 - order[n]))
			n++;
		c->n_created += n;
		*ret_end = now;
		if (n == to->n)
			return;
	} while (next_order(order, to->n));
	c->n_failed++;
}

/* --- Ours --- */

static void put_card(const struct layout *from, uint32_t busy, struct tr_recut_card *ret)
{
	*ret = (struct tr_recut_card){
		.n_profiles = n_profiles, .profiles = profiles, .n_held = from->n
	};
	for (size_t i = 0; i < from->n; i++)
		ret->held[i] =
			(struct tr_recut_held){ .profile_id = profiles[from->v[i].profile].id,
				.start = from->v[i].start,
				.size = profiles[from->v[i].profile].size,
				.is_busy = busy >> i & 1 };
}

static size_t put_wants(const struct layout *to, struct tr_recut_want *ret)
{
	for (size_t i = 0; i < to->n; i++)
		ret[i] = (struct tr_recut_want){ &profiles[to->v[i].profile], -1 };
	return to->n;
}

static void play_plan(const struct tr_recut *plan)
{
	for (size_t s = 0; is_played && s < plan->n; s++) {
		if (plan->v[s].kind == TR_RECUT_FREE)
			player_destroy(plan->v[s].start);
		else if (plan->v[s].kind == TR_RECUT_CUT)
			play_create((size_t)(plan->v[s].profile - profiles), plan->v[s].start);
	}
}

/* ret_end NULL: not asked for. */
static bool ours(const struct layout *from, const struct layout *to, uint32_t busy,
	struct layout *ret_end, struct counts *c)
{
	struct tr_recut_want wants[MAX];
	struct tr_recut_card card;
	struct tr_recut plan;

	put_card(from, busy, &card);
	if (!tr_recut_find(&card, wants, put_wants(to, wants), 0, &plan)) {
		c->n_failed++;
		return false;
	}
	c->n_destroyed += plan.n_freed;
	c->n_busy_destroyed += plan.n_harmed;
	c->n_created += plan.n_cut;
	play_plan(&plan);
	if (ret_end)
		ret_end->n = 0;
	for (size_t s = 0; ret_end && s < plan.n; s++)
		if (plan.v[s].kind != TR_RECUT_FREE)
			add(ret_end, (size_t)(plan.v[s].profile - profiles), plan.v[s].start);
	return true;
}

/* --- The runs --- */

static void random_layout(struct layout *ret)
{
	ret->n = 0;
	for (size_t tries = 0; tries < 12 && ret->n < MAX; tries++) {
		size_t p = random_below(n_profiles);
		uint32_t start = profiles[p].starts[random_below(profiles[p].n_starts)];

		if (fits(ret, p, start))
			add(ret, p, start);
	}
}

static void say(const char *who, const struct counts *c)
{
	printf("| %s | %lu | %lu | %lu | %lu | %.1f", who, c->n_busy_destroyed, c->n_destroyed,
		c->n_created, c->n_failed,
		(double)c->n_destroyed * (TR_MS_CI_DESTROY + TR_MS_GI_DESTROY) / 1e3 +
			(double)c->n_created * (TR_MS_GI_CREATE + TR_MS_CI_CREATE) / 1e3);
	if (is_played)
		printf(" | %.1f", c->seconds);
	puts(" |");
}

/* One change by one rule, from a card that holds `from` to an empty one; timed is the change. */
struct change {
	const struct layout *from, *to;
	uint32_t busy;
};

static bool play(const struct change *change, bool is_ours, struct counts *c)
{
	struct layout end = *change->from;
	double began;
	bool done = true;

	for (size_t i = 0; i < change->from->n; i++)
		play_create(change->from->v[i].profile, change->from->v[i].start);
	if (is_played)
		player_slow(true);
	began = player_seconds();
	if (is_ours)
		done = ours(change->from, change->to, change->busy, &end, c);
	else
		peer(change->from, change->to, change->busy, &end, c);
	c->seconds += player_seconds() - began;
	if (is_played)
		player_slow(false);
	play_clear(&end);
	return done;
}

static void compare(void)
{
	struct counts a = { 0 }, b = { 0 }, b_all = { 0 };
	unsigned long n_busy = 0, n_slices = 0;

	for (int i = 0; i < CHANGES; i++) {
		struct layout from, to;
		struct change change;
		uint32_t busy = 0;

		random_layout(&from);
		random_layout(&to);
		for (size_t s = 0; s < from.n; s++)
			busy |= (uint32_t)(random_below(3) == 0) << s;
		n_busy += (unsigned long)__builtin_popcount(busy);
		n_slices += from.n;
		change = (struct change){ &from, &to, busy };
		play(&change, /* is_ours= */ false, &b_all);
		if (play(&change, /* is_ours= */ true, &a))
			play(&change, /* is_ours= */ false, &b);
	}
	printf("%d changes of an A100-80GB, %lu slices before, %lu of them busy; %lu changes have "
	       "no way"
	       " past the busy slices\n\n",
		CHANGES, n_slices, n_busy, a.n_failed);
	printf("| who | busy slices destroyed | slices destroyed | created | refused or failed |"
	       " about s |%s\n",
		is_played ? " s with slow |" : "");
	printf("| --- | --- | --- | --- | --- | --- |%s\n", is_played ? " --- |" : "");
	say("tranche", &a);
	say("clear and create, the same changes", &b);
	say("clear and create, all changes", &b_all);
}

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_us(size_t n_nodes)
{
	double us[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double begin;
		struct counts c = { 0 };
		static struct layout from[NODES * NODE_GPUS], to[NODES * NODE_GPUS];
		static uint32_t busy[NODES * NODE_GPUS];

		for (size_t i = 0; i < n_nodes * NODE_GPUS; i++) {
			random_layout(&from[i]);
			random_layout(&to[i]);
			busy[i] = (uint32_t)(random_below(4) == 0);
		}
		begin = cpu_us();
		for (size_t i = 0; i < n_nodes * NODE_GPUS; i++)
			ours(&from[i], &to[i], busy[i], NULL, &c);
		us[r] = cpu_us() - begin;
	}
	qsort(us, ROUNDS, sizeof(us[0]), by_value);
	return us[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	is_played = argc > 2 && strcmp(argv[2], "slow") == 0;
	load_profiles("a100-80gb");
	if (is_played)
		player_open();
	compare();
	if (is_played)
		player_close();
	is_played = false;
	printf("\nCPU time, median of %d: a node of %d GPUs %.0f us, %d nodes %.0f ms\n", ROUNDS,
		NODE_GPUS, median_us(1), NODES, median_us(NODES) / 1e3);
	return 0;
}
