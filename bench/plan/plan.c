/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of layout, ours beside nvidia-mig-parted's rule.
 *
 *	bench_plan [SEED]
 *
 * The peer's rule, restated from its source: where the sizes on a card differ from those asked for,
 * clear the card, create in the order of falling size at the places that the driver picks, and on a
 * failure clear again and try the next order. The driver's pick, as public logs show it: of the
 *free starts the one that leaves most (profile, start) pairs valid, the lowest of those.
 */
#include "base/own.h"
#include "facts/facts.h"
#include "plan/recut.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CHANGES = 1000, MAX = 8, NODE_GPUS = 8, NODES = 1000, ROUNDS = 15 };

/* As measured on hardware, and as the virtual driver's `slow` has it (see README.md). */
static const double seconds_per_destroy = 0.025, seconds_per_create = 0.02;

static struct tr_plan_profile profiles[16];
static size_t n_profiles;
static unsigned seed;

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
	if (found)
		add(l, p, best_start);
	return found;
}

struct counts {
	unsigned long n_destroyed, n_busy_destroyed, n_created, n_failed;
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

/* `order` holds ranks, the largest size first, so that the first order is that of falling size. */
static void peer(
	const struct layout *from, const struct layout *to, uint32_t busy, struct counts *c)
{
	size_t order[MAX], there[16] = { 0 }, asked[16] = { 0 };
	struct layout now = *from;

	for (size_t i = 0; i < from->n; i++)
		there[from->v[i].profile]++;
	for (size_t i = 0; i < to->n; i++)
		asked[to->v[i].profile]++;
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
		now.n = 0;
		while (n < to->n && driver_create(&now, n_profiles - 1 - order[n]))
			n++;
		c->n_created += n;
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

static bool ours(
	const struct layout *from, const struct layout *to, uint32_t busy, struct counts *c)
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
	printf("| %s | %lu | %lu | %lu | %lu | %.1f |\n", who, c->n_busy_destroyed, c->n_destroyed,
		c->n_created, c->n_failed,
		(double)c->n_destroyed * seconds_per_destroy +
			(double)c->n_created * seconds_per_create);
}

static void compare(void)
{
	struct counts a = { 0 }, b = { 0 }, b_all = { 0 };
	unsigned long n_busy = 0, n_slices = 0;

	for (int i = 0; i < CHANGES; i++) {
		struct layout from, to;
		uint32_t busy = 0;

		random_layout(&from);
		random_layout(&to);
		for (size_t s = 0; s < from.n; s++)
			busy |= (uint32_t)(random_below(3) == 0) << s;
		n_busy += (unsigned long)__builtin_popcount(busy);
		n_slices += from.n;
		peer(&from, &to, busy, &b_all);
		if (ours(&from, &to, busy, &a))
			peer(&from, &to, busy, &b);
	}
	printf("%d changes of an A100-80GB, %lu slices before, %lu of them busy; %lu changes have "
	       "no way"
	       " past the busy slices\n\n",
		CHANGES, n_slices, n_busy, a.n_failed);
	puts("| who | busy slices destroyed | slices destroyed | created | refused or failed | "
	     "about s "
	     "|");
	puts("| --- | --- | --- | --- | --- | --- |");
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
			ours(&from[i], &to[i], busy[i], &c);
		us[r] = cpu_us() - begin;
	}
	qsort(us, ROUNDS, sizeof(us[0]), by_value);
	return us[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	load_profiles("a100-80gb");
	compare();
	printf("\nCPU time, median of %d: a node of %d GPUs %.0f us, %d nodes %.0f ms\n", ROUNDS,
		NODE_GPUS, median_us(1), NODES, median_us(NODES) / 1e3);
	return 0;
}
