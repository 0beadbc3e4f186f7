/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices that come and go: our placement beside first fit, best fit, least fragmentation, and free
 * repacking of everything at each arrival.
 *
 *	bench_online [--seeds N] [--load X] [--repack]		accepted share, moves, time
 *	bench_online --large				one decision on 1,000 and 10,000 nodes
 *
 * 100 A100-80GB, Poisson arrivals, exponential lives, 300,000 arrivals, the first tenth dropped;
 *what is refused is lost. All policies of a seed see the same arrivals. Offered load 1 is 800
 *memory slices asked for at any time. Time is CPU time of one decision, clock reads taken off, the
 *median.
 */
#include "plan/online.h"
#include "base/err.h"
#include "base/own.h"
#include "plan/shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	N_PROFILES = 6,
	N_CARDS = 100,
	N_ARRIVALS = 300000,
	N_MIXES = 5,
	MOST_PLACED = 7 * N_CARDS,
	MAX_MOVES = 3,
	MOVES_PER_100 = 7,
	MAX_NS = 100000,
};

static const char *const names[N_PROFILES] = { "1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb",
	"4g.40gb", "7g.80gb" };

static const struct {
	const char *name;
	double weights[N_PROFILES];
} mixes[N_MIXES] = {
	{ "uniform", { 1 / 6., 1 / 6., 1 / 6., 1 / 6., 1 / 6., 1 / 6. } },
	{ "small", { .35, .25, .20, .10, .05, .05 } },
	{ "big", { .05, .05, .10, .20, .25, .35 } },
	{ "bimodal", { .35, .10, .05, .05, .10, .35 } },
	{ "mid", { .10, .10, .25, .35, .15, .05 } },
};

static const char *const policies[] = { "first-fit", "best-fit", "fragmentation", "ours, no moves",
	"ours", "repack" };

enum policy { FIRST_FIT, BEST_FIT, FRAGMENTATION, OURS_NO_MOVES, OURS, REPACK, N_POLICIES };

static struct tr_shape shape;
static size_t profiles[N_PROFILES]; /* in the model's */
static uint64_t state;

static uint32_t size_of(size_t p)
{
	return shape.model->profiles[profiles[p]].size;
}

static double uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)((state * UINT64_C(0x2545F4914F6CDD1D)) >> 11) / 9007199254740992.0;
}

static double exponential(void)
{
	return -log(1 - uniform());
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- those that leave, soonest first ---- */

struct leaving {
	double at;
	uint32_t slice; /* of the policy */
	size_t profile;
};

static struct leaving heap[MOST_PLACED + 1];
static size_t n_heap;

static void push(struct leaving leaving)
{
	size_t i = n_heap++;

	for (; i > 0 && heap[(i - 1) / 2].at > leaving.at; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = leaving;
}

static struct leaving pop(void)
{
	struct leaving first = heap[0], last = heap[--n_heap];
	size_t i = 0, next;

	for (; (next = 2 * i + 1) < n_heap; i = next) {
		if (next + 1 < n_heap && heap[next + 1].at < heap[next].at)
			next++;
		if (heap[next].at >= last.at)
			break;
		heap[i] = heap[next];
	}
	heap[i] = last;
	return first;
}

/* ---- the others' policies: card by card, over the same tables ---- */

static uint16_t cards[N_CARDS]; /* states */

static uint32_t n_free(uint32_t s)
{
	return 8 - (uint32_t)__builtin_popcount(shape.states[s].mask);
}

/*
 * How much of what is free is of no use to a profile, over all plain profiles: for each that has
 * not the room (by number of free slices it would fit) all free memory slices, else those that no
 * placement of it covers. In the manner of schedulers that go by fragmentation (as FGD, ATC'23),
 * each profile asked for alike; their own code weighs whole nodes, not slices of a card.
 */
static double fragmentation(uint32_t s)
{
	double sum = 0;

	for (size_t p = 0; p < N_PROFILES; p++) {
		uint32_t covered = 0;

		for (size_t i = 0; i < shape.n_places; i++)
			if (shape.places[i].profile == profiles[p] &&
				!(shape.states[s].places >> i & 1) &&
				tr_shape_flip(&shape, s, i) >= 0)
				covered |= shape.places[i].mask;
		sum += n_free(s) - (uint32_t)__builtin_popcount(covered);
	}
	return sum / N_PROFILES;
}

static double *frags;

static double cost(enum policy policy, uint32_t s, int32_t to)
{
	if (policy == BEST_FIT)
		return n_free(s);
	if (policy == FRAGMENTATION)
		return frags[to] - frags[s];
	return 0;
}

/* The least cost, then the lowest card, then the lowest start. */
static bool place(enum policy policy, size_t profile, uint32_t *ret)
{
	double least = INFINITY;

	for (uint32_t c = 0; c < N_CARDS; c++)
		for (size_t i = 0; i < shape.n_places; i++) {
			int32_t to = tr_shape_flip(&shape, cards[c], i);

			if (shape.places[i].profile != profile || to < 0 ||
				(shape.states[cards[c]].places >> i & 1) ||
				cost(policy, cards[c], to) >= least)
				continue;
			least = cost(policy, cards[c], to);
			*ret = c * 32 + (uint32_t)i;
			if (policy == FIRST_FIT)
				goto found;
		}
	if (least == INFINITY)
		return false;
found:
	cards[*ret / 32] = (uint16_t)tr_shape_flip(&shape, cards[*ret / 32], *ret % 32);
	return true;
}

struct run {
	enum policy policy;
	struct tr_online *online;
	int32_t wishes[N_PROFILES];
};

/* ---- free repacking of everything at each arrival ---- */

static int64_t running[N_PROFILES];

/*
 * Would any packing hold them all? An A100 that is not one 7g is two halves. 4g takes the lower
 * one, 3g best the upper one, else a lower one. What is left is pairs: any small slices fit a pair,
 * but the last of a card (6 and 7) has room for a 1g.20gb or a single 1g.10gb. Compute slices never
 * run short then: four in the lower half, three in the upper.
 */
static bool packs(void)
{
	int64_t cards_left = N_CARDS - running[5], uppers, lowers, pairs, lasts, in_last;

	uppers = cards_left - running[3];
	lowers = cards_left - running[4] + (uppers < 0 ? uppers : 0);
	uppers = uppers < 0 ? 0 : uppers;
	lasts = uppers;
	in_last = running[1] < lasts ? running[1] : lasts;
	pairs = 2 * lowers + uppers - running[2] - (running[1] - in_last);
	return cards_left >= 0 && lowers >= 0 && pairs >= 0 &&
	       running[0] <= 2 * pairs + lasts - in_last;
}

/* ---- a run ---- */

struct result {
	double share, moves;
	uint32_t median_ns, worst_ns;
};

static uint32_t times[MAX_NS + 1], clock_ns, worst;

static void note(uint64_t ns)
{
	ns -= ns < clock_ns ? ns : clock_ns;
	times[ns < MAX_NS ? ns : MAX_NS]++;
	if (ns > worst)
		worst = (uint32_t)ns;
}

static uint32_t median(void)
{
	uint64_t n = 0, sum = 0;
	uint32_t i = 0;

	for (uint32_t k = 0; k <= MAX_NS; k++)
		n += times[k];
	while (i < MAX_NS && (sum += times[i]) * 2 < n)
		i++;
	return i;
}

static bool arrive(struct run *run, size_t p, uint32_t *ret_slice, size_t *ret_moves)
{
	uint64_t start = now_ns();
	struct tr_online_answer answer = { 0 };
	bool ok;

	if (run->policy == REPACK) {
		running[p]++;
		ok = packs();
		running[p] -= !ok;
	} else if (run->online) {
		ok = tr_online_arrive(
			run->online, run->wishes[p], run->policy == OURS ? MAX_MOVES : 0, &answer);
		*ret_slice = answer.slice;
		*ret_moves = answer.n_moves;
	} else {
		ok = place(run->policy, profiles[p], ret_slice);
	}
	note(now_ns() - start);
	return ok;
}

static void leave(struct run *run, const struct leaving *leaving)
{
	uint32_t s = leaving->slice;

	if (run->policy == REPACK)
		running[leaving->profile]--;
	else if (run->online)
		tr_online_leave(run->online, s);
	else
		cards[s / 32] = (uint16_t)tr_shape_flip(&shape, cards[s / 32], s % 32);
}

static int run_start(struct run *run, struct tr_err *err)
{
	struct tr_online_kind kind = { shape.model, N_CARDS };

	memset(cards, 0, sizeof(cards));
	memset(running, 0, sizeof(running));
	memset(times, 0, sizeof(times));
	worst = 0;
	n_heap = 0;
	if (run->policy != OURS && run->policy != OURS_NO_MOVES)
		return 0;
	if (tr_online_new(&kind, 1, MOVES_PER_100, &run->online, err) < 0)
		return -(int)err->code;
	for (size_t p = 0; p < N_PROFILES; p++)
		run->wishes[p] = tr_online_wish(run->online, names[p]);
	return 0;
}

static size_t draw(const double weights[N_PROFILES])
{
	double u = uniform();
	size_t p = 0;

	while (p < N_PROFILES - 1 && u >= weights[p])
		u -= weights[p++];
	return p;
}

static int simulate(
	enum policy policy, size_t mix, double load, struct result *ret, struct tr_err *err)
{
	struct run run = { .policy = policy };
	double mean = 0, at = 0;
	uint64_t offered = 0, accepted = 0, n_accepted = 0, n_moves = 0;

	for (size_t p = 0; p < N_PROFILES; p++)
		mean += mixes[mix].weights[p] * size_of(p);
	if (run_start(&run, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < N_ARRIVALS; i++) {
		size_t p, moves = 0;
		double life;
		uint32_t slice = 0;
		bool ok;

		at += exponential() * mean / (load * 8 * N_CARDS);
		p = draw(mixes[mix].weights);
		life = exponential();
		while (n_heap && heap[0].at <= at) {
			struct leaving leaving = pop();

			leave(&run, &leaving);
		}
		ok = arrive(&run, p, &slice, &moves);
		if (ok)
			push((struct leaving){ at + life, slice, p });
		if (i < N_ARRIVALS / 10)
			continue;
		offered += size_of(p);
		accepted += ok ? size_of(p) : 0;
		n_accepted += ok;
		n_moves += moves;
	}
	tr_online_free(run.online);
	*ret = (struct result){ 100. * (double)accepted / (double)offered,
		100. * (double)n_moves / (double)n_accepted, median(), worst };
	return 0;
}

static int compare(double load, uint64_t n_seeds, bool with_repack, struct tr_err *err)
{
	printf("load %.2f, %llu seeds\n%-16s", load, (unsigned long long)n_seeds, "");
	for (size_t m = 0; m < N_MIXES; m++)
		printf("  %-21s", mixes[m].name);
	putchar('\n');
	for (size_t policy = 0; policy < N_POLICIES; policy++) {
		if (policy == REPACK && !with_repack)
			continue;
		printf("%-16s", policies[policy]);
		for (size_t m = 0; m < N_MIXES; m++) {
			struct result sum = { 0 }, one = { 0 };

			for (uint64_t seed = 1; seed <= n_seeds; seed++) {
				state = seed * UINT64_C(0x9E3779B97F4A7C15);
				if (simulate((enum policy)policy, m, load, &one, err) < 0)
					return -(int)err->code;
				sum.share += one.share / (double)n_seeds;
				sum.moves += one.moves / (double)n_seeds;
				if (one.median_ns > sum.median_ns)
					sum.median_ns = one.median_ns;
			}
			printf("  %5.2f%% %5.2f %6uns", sum.share, sum.moves, sum.median_ns);
			fflush(stdout);
		}
		putchar('\n');
	}
	return 0;
}

/* ---- large fleets ---- */

enum { N_WAITING = 10000, N_ROUNDS = 1000 };

static int large(uint32_t n_nodes, struct tr_err *err)
{
	struct tr_online_kind kind = { shape.model, 8 * n_nodes };
	struct tr_online *online = NULL;
	struct tr_online_answer answer;
	uint32_t n_placed = 0, n_waiting = 0, slice, *placed = NULL;
	uint64_t start, sum = 0, most = 0;
	int32_t wishes[N_PROFILES];

	start = now_ns();
	if (tr_online_new(&kind, 1, 0, &online, err) < 0)
		return -(int)err->code;
	printf("%u nodes of 8 cards: %.1f ms to set up", n_nodes, (double)(now_ns() - start) / 1e6);
	for (size_t p = 0; p < N_PROFILES; p++)
		wishes[p] = tr_online_wish(online, names[p]);
	placed = calloc(56u * n_nodes, sizeof(*placed));
	while (placed && n_waiting < N_WAITING) {
		int32_t wish = wishes[draw(mixes[0].weights)];

		if (tr_online_arrive(online, wish, 0, &answer))
			placed[n_placed++] = answer.slice;
		else if (tr_online_wait(online, wish, &slice, err) < 0)
			return -(int)err->code;
		else
			n_waiting++;
	}
	printf(", %u slices run, %u wait\n", n_placed, n_waiting);
	/* One leaves, whoever waits and now has a place gets it; with moves for the first. */
	for (uint32_t i = 0; placed && i < N_ROUNDS; i++) {
		uint64_t took;
		uint32_t k = (uint32_t)(uniform() * n_placed);

		start = now_ns();
		tr_online_leave(online, placed[k]);
		placed[k] = placed[--n_placed];
		while (tr_online_next(online, MAX_MOVES, &answer))
			placed[n_placed++] = answer.slice;
		took = now_ns() - start;
		sum += took;
		most = took > most ? took : most;
	}
	printf("  a slice leaves, the queue of 10,000 is asked: %.3f ms, at most %.3f ms\n",
		(double)sum / N_ROUNDS / 1e6, (double)most / 1e6);
	/* All at once: the fleet is emptied, 10,000 wait. */
	while (n_placed > 0)
		tr_online_leave(online, placed[--n_placed]);
	start = now_ns();
	while (tr_online_next(online, MAX_MOVES, &answer))
		n_placed++;
	printf("  %u of the queue placed on an empty fleet: %.3f ms\n", n_placed,
		(double)(now_ns() - start) / 1e6);
	free(placed);
	tr_online_free(online);
	return 0;
}

static int set_up(struct tr_err *err)
{
	const struct tr_gpu_model *model = tr_facts_product("a100-80gb")->model;
	uint64_t start;

	if (tr_shape_init(model, &shape, err) < 0)
		return -(int)err->code;
	for (size_t p = 0; p < N_PROFILES; p++) {
		for (size_t i = 0; i < model->n_profiles; i++)
			if (strcmp(model->profiles[i].name, names[p]) == 0)
				profiles[p] = i;
	}
	frags = calloc(shape.n_states, sizeof(*frags));
	if (!frags)
		return tr_fail(err, TR_E_NO_MEMORY, "states");
	for (uint32_t s = 0; s < shape.n_states; s++)
		frags[s] = fragmentation(s);
	/* What a pair of clock reads takes. */
	start = now_ns();
	for (int i = 0; i < 10000; i++)
		now_ns();
	clock_ns = (uint32_t)((now_ns() - start) / 10000);
	return 0;
}

int main(int argc, char **argv)
{
	struct tr_err err = { 0 };
	bool is_large = false, with_repack = false;
	uint64_t n_seeds = 4;
	double load = 1;
	int r;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--large") == 0)
			is_large = true;
		else if (strcmp(argv[i], "--repack") == 0)
			with_repack = true;
		else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			n_seeds = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--load") == 0 && i + 1 < argc)
			load = strtod(argv[++i], NULL);
		else
			return 2;
	}
	state = 1;
	r = set_up(&err);
	if (r == 0 && is_large)
		r = large(1000, &err) < 0 || large(10000, &err) < 0;
	else if (r == 0)
		r = compare(load, n_seeds, with_repack, &err);
	if (r != 0)
		fprintf(stderr, "bench_online: %s\n", err.msg);
	free(frags);
	tr_shape_done(&shape);
	return r != 0;
}
