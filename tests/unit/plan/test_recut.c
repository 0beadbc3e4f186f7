/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * The way from one layout to another, against a search that looks at every placement there is. What
 * a card allows is written down here a second time, on purpose.
 */
#include "base/buf.h"
#include "base/err.h"
#include "cards.h"
#include "plan/recut.h"

#include <time.h>

enum { MAX_LAYOUTS = 8192, MAX_SLICES = 8 };

struct spot {
	uint8_t profile, start;
};

/* One set of slices that a card can hold. */
struct layout {
	uint8_t n;
	struct spot v[MAX_SLICES];
	uint64_t sizes; /* how many of each profile, 4 bits each */
	uint32_t n_open;
};

struct world {
	struct card card;
	size_t n_pairs;
	struct spot pairs[128]; /* every profile at every start */
	size_t n;
	struct layout *layouts;
};

static unsigned seed;
static bool is_long; /* TR_TEST_LONG is set: more of all */

static size_t random_below(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

/* --- Everything that a card can hold --- */

static const char *attribute(const struct tr_plan_profile *profile)
{
	const char *at = strpbrk(profile->name, "+-");

	return at ? at : "";
}

static bool keeps_rules(const struct world *w, const struct layout *l)
{
	uint32_t seen = 0, compute = 0, most = 0, n_me = 0, n_all = 0, n_without = 0;

	for (size_t i = 0; i < w->card.gpu.n_profiles; i++)
		if (w->card.profiles[i].compute_slices > most)
			most = w->card.profiles[i].compute_slices;
	for (size_t i = 0; i < l->n; i++) {
		const struct tr_plan_profile *profile = &w->card.profiles[l->v[i].profile];
		uint32_t n_same = 0;

		for (uint32_t m = l->v[i].start; m < l->v[i].start + profile->size; m++) {
			if (seen >> m & 1)
				return false;
			seen |= 1u << m;
		}
		for (size_t j = 0; j < l->n; j++)
			n_same += l->v[j].profile == l->v[i].profile;
		if (n_same > profile->max)
			return false;
		compute += profile->compute_slices;
		n_me += strcmp(attribute(profile), "+me") == 0;
		n_all += strcmp(attribute(profile), "+me.all") == 0;
		n_without += strcmp(attribute(profile), "-me") == 0;
	}
	return compute <= most && n_me <= 1 &&
	       (n_all == 0 || (n_all == 1 && n_without + 1 == l->n));
}

static uint32_t open_after(const struct world *w, const struct layout *l)
{
	uint32_t n = 0;

	for (size_t i = 0; i < w->n_pairs; i++) {
		struct layout more = *l;

		if (*attribute(&w->card.profiles[w->pairs[i].profile]) || more.n == MAX_SLICES)
			continue;
		more.v[more.n++] = w->pairs[i];
		n += keeps_rules(w, &more);
	}
	return n;
}

static void collect(struct world *w, struct layout *l, size_t from)
{
	assert_true(w->n < MAX_LAYOUTS);
	w->layouts[w->n] = *l;
	w->layouts[w->n++].n_open = open_after(w, l);
	for (size_t i = from; i < w->n_pairs; i++) {
		struct layout more = *l;

		if (more.n == MAX_SLICES)
			return;
		more.v[more.n++] = w->pairs[i];
		more.sizes += 1ull << 4 * w->pairs[i].profile;
		if (keeps_rules(w, &more))
			collect(w, &more, i + 1);
	}
}

/* `without`: profiles to leave out, so that the counts of the literature come out. */
static void world_open(struct world *w, const char *product, const char *const *without)
{
	size_t kept = 0;

	memset(w, 0, sizeof(*w));
	card_init(&w->card, 0, product);
	w->layouts = calloc(MAX_LAYOUTS, sizeof(*w->layouts));
	assert_non_null(w->layouts);
	for (size_t p = 0; p < w->card.gpu.n_profiles; p++) {
		const struct tr_plan_profile profile = w->card.profiles[p];
		bool left_out = false;

		for (const char *const *x = without; x && *x; x++)
			left_out = left_out || strcmp(*x, profile.name) == 0;
		if (!left_out)
			w->card.profiles[kept++] = profile;
	}
	w->card.gpu.n_profiles = kept;
	for (size_t p = 0; p < kept; p++)
		for (uint32_t i = 0; i < w->card.profiles[p].n_starts; i++)
			w->pairs[w->n_pairs++] =
				(struct spot){ (uint8_t)p, w->card.profiles[p].starts[i] };
	collect(w, &(struct layout){ 0 }, 0);
}

static void world_close(struct world *w)
{
	free(w->layouts);
}

/* --- One case --- */

static bool has(const struct layout *l, struct spot spot)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].profile == spot.profile && l->v[i].start == spot.start)
			return true;
	return false;
}

struct cost {
	bool any;
	uint32_t n_harmed, n_freed, n_open;
	const struct layout *end;
};

/* busy, may_go: a bit for each slice of `from`. */
struct job {
	const struct world *w;
	const struct layout *from, *to;
	uint32_t busy, may_go;
	bool with_places; /* `to` is meant as it is; else only its sizes */
};

/* Larger sizes first, then lower starts. */
static bool goes_before(const struct world *w, struct spot a, struct spot b)
{
	const struct tr_plan_profile *p = &w->card.profiles[a.profile],
				     *q = &w->card.profiles[b.profile];

	if (p->size != q->size)
		return p->size > q->size;
	if (p->compute_slices != q->compute_slices)
		return p->compute_slices > q->compute_slices;
	return a.profile != b.profile ? a.profile < b.profile : a.start < b.start;
}

static void sorted(const struct world *w, const struct layout *l, struct spot ret[MAX_SLICES])
{
	for (size_t i = 0; i < l->n; i++) {
		size_t at = i;

		for (; at > 0 && goes_before(w, l->v[i], ret[at - 1]); at--)
			ret[at] = ret[at - 1];
		ret[at] = l->v[i];
	}
}

/* Of two with the same sizes, the one with the lower starts. */
static bool is_lower(const struct world *w, const struct layout *a, const struct layout *b)
{
	struct spot x[MAX_SLICES], y[MAX_SLICES];

	sorted(w, a, x);
	sorted(w, b, y);
	for (size_t i = 0; i < a->n; i++)
		if (x[i].start != y[i].start)
			return x[i].start < y[i].start;
	return false;
}

static bool is_cheaper(const struct world *w, const struct cost *a, const struct cost *b)
{
	if (!b->any || a->n_harmed != b->n_harmed)
		return !b->any || a->n_harmed < b->n_harmed;
	if (a->n_freed != b->n_freed)
		return a->n_freed < b->n_freed;
	if (a->n_open != b->n_open)
		return a->n_open > b->n_open;
	return is_lower(w, a->end, b->end);
}

static struct cost cheapest(const struct job *job)
{
	struct cost best = { 0 };

	for (size_t i = 0; i < job->w->n; i++) {
		const struct layout *end = &job->w->layouts[i];
		struct cost cost = { .any = true, .n_open = end->n_open, .end = end };

		if (job->with_places ? end != job->to : end->sizes != job->to->sizes)
			continue;
		for (size_t h = 0; h < job->from->n; h++) {
			if (has(end, job->from->v[h]))
				continue;
			cost.n_freed++;
			cost.n_harmed += job->busy >> h & 1;
			if (job->busy >> h & ~(job->may_go >> h) & 1)
				cost.any = false;
		}
		if (cost.any && is_cheaper(job->w, &cost, &best))
			best = cost;
	}
	return best;
}

static void fill(const struct job *job, struct tr_recut_card *card, struct tr_recut_want *wants)
{
	const struct card *c = &job->w->card;

	*card = (struct tr_recut_card){
		.n_profiles = c->gpu.n_profiles, .profiles = c->profiles, .n_held = job->from->n
	};
	for (size_t i = 0; i < job->from->n; i++) {
		const struct tr_plan_profile *p = &c->profiles[job->from->v[i].profile];

		card->held[i] = (struct tr_recut_held){ .profile_id = p->id,
			.start = job->from->v[i].start,
			.size = p->size,
			.is_busy = job->busy >> i & 1,
			.may_go = job->busy >> i & job->may_go >> i & 1 };
		snprintf(card->held[i].holder, sizeof(card->held[i].holder), "pid %zu", i);
	}
	for (size_t i = 0; i < job->to->n; i++)
		wants[i] = (struct tr_recut_want){ &c->profiles[job->to->v[i].profile],
			job->with_places ? job->to->v[i].start : -1 };
}

/* Takes the steps one by one, as a driver would: each must be allowed when its turn comes. */
static void take_steps(const struct job *job, const struct tr_recut *plan, struct layout *ret)
{
	struct layout now = *job->from;

	for (size_t s = 0; s < plan->n; s++) {
		const struct tr_recut_step *step = &plan->v[s];
		struct spot spot = { (uint8_t)(step->profile - job->w->card.profiles),
			(uint8_t)step->start };
		size_t kept = 0;

		if (step->kind == TR_RECUT_CUT) {
			now.v[now.n++] = spot;
			now.sizes += 1ull << 4 * spot.profile;
			assert_true(keeps_rules(job->w, &now));
			continue;
		}
		assert_true(has(&now, spot));
		if (step->kind == TR_RECUT_KEEP)
			continue;
		for (size_t i = 0; i < now.n; i++)
			if (now.v[i].profile != spot.profile || now.v[i].start != spot.start)
				now.v[kept++] = now.v[i];
		now.n = (uint8_t)kept;
		now.sizes -= 1ull << 4 * spot.profile;
	}
	*ret = now;
}

/* The layout nearest to what is asked for leaves every busy slice alone and is as large as any. */
static void check_nearest(
	const struct job *job, const struct tr_recut_card *card, const struct tr_recut_want *wants)
{
	struct tr_recut plan;
	struct layout end;
	uint32_t most = 0;

	assert_true(tr_recut_find(card, wants, job->to->n, TR_RECUT_DROP, &plan));
	take_steps(job, &plan, &end);
	for (size_t h = 0; h < job->from->n; h++)
		if (job->busy >> h & ~(job->may_go >> h) & 1)
			assert_true(has(&end, job->from->v[h]));
	for (size_t i = 0; i < job->w->n; i++) {
		const struct layout *other = &job->w->layouts[i];
		uint32_t n = 0;
		bool fits = true;

		for (size_t h = 0; h < job->from->n && fits; h++)
			if (job->busy >> h & ~(job->may_go >> h) & 1)
				fits = has(other, job->from->v[h]);
		for (size_t p = 0; fits && p < card->n_profiles; p++) {
			uint32_t there = other->sizes >> 4 * p & 15,
				 asked = job->to->sizes >> 4 * p & 15;

			n += there < asked ? there : asked;
		}
		for (size_t t = 0; fits && job->with_places && t < job->to->n; t++)
			n = has(other, job->to->v[t]) + (t ? n : 0);
		if (fits && n > most)
			most = n;
	}
	assert_int_equal(__builtin_popcount(plan.want_placed), most);
}

static bool check(const struct job *job)
{
	struct cost best = cheapest(job);
	struct tr_recut_want wants[MAX_SLICES];
	struct tr_recut_card card;
	struct tr_err err = { 0 };
	struct tr_recut plan;
	struct layout end;
	bool found;

	fill(job, &card, wants);
	found = tr_recut_find(&card, wants, job->to->n, 0, &plan);
	assert_int_equal(found, best.any);
	if (!found) {
		if (random_below(16) == 0)
			check_nearest(job, &card, wants);
		if (random_below(64) == 0) {
			assert_int_equal(
				tr_recut_plan(&card, wants, job->to->n, &plan, &err), -TR_E_BUSY);
			assert_non_null(strstr(err.hint, "--evict 0:"));
		}
		return false;
	}
	assert_int_equal(plan.n_harmed, best.n_harmed);
	assert_int_equal(plan.n_freed, best.n_freed);
	assert_int_equal(plan.n_open, best.n_open);
	assert_int_equal(plan.n_kept + plan.n_freed, job->from->n);
	assert_int_equal(plan.n_kept + plan.n_cut, job->to->n);
	take_steps(job, &plan, &end);
	assert_true(end.sizes == job->to->sizes);
	for (size_t i = 0; i < best.end->n; i++)
		assert_true(has(&end, best.end->v[i]));
	return true;
}

/* --- The cases --- */

static const char *const a100_without[] = { "1g.10gb+me", "1g.20gb", NULL };

/* The 298 placements and 38 multisets of the literature: every start, every end, every busy set. */
static void a100_every_multiset_with_every_busy_subset(void **state)
{
	size_t n_ends = 0, n_found = 0, n_refused = 0;
	struct world w;

	(void)state;
	world_open(&w, "a100-80gb", a100_without);
	assert_int_equal(w.n, 298);
	for (size_t e = 0; e < w.n; e++) {
		bool seen = false;

		for (size_t before = 0; before < e && !seen; before++)
			seen = w.layouts[before].sizes == w.layouts[e].sizes;
		if (seen)
			continue;
		n_ends++;
		for (size_t f = 0; f < w.n; f++)
			for (uint32_t busy = 0; busy < 1u << w.layouts[f].n; busy++) {
				struct job job = { .w = &w,
					.from = &w.layouts[f],
					.to = &w.layouts[e],
					.busy = busy };

				*(check(&job) ? &n_found : &n_refused) += 1;
			}
	}
	assert_int_equal(n_ends, 38);
	print_message("# %zu ways found, %zu refused\n", n_found, n_refused);
	assert_true(n_found > 10000 && n_refused > 10000);
	world_close(&w);
}

/* One busy set and one that may go, at random; where there is time every busy set. */
static void check_pair(struct job *job)
{
	uint32_t all = (1u << job->from->n) - 1, n = is_long ? all + 1 : 1;

	for (uint32_t i = 0; i < n; i++) {
		job->busy = is_long ? i : (uint32_t)rand_r(&seed) & all;
		job->may_go = (uint32_t)rand_r(&seed) & all;
		check(job);
	}
}

/* Ends with their places: every pair. */
static void a100_every_pair_of_placements(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "a100-80gb", a100_without);
	for (size_t f = 0; f < w.n; f++)
		for (size_t e = 0; e < w.n; e++) {
			struct job job = { .w = &w,
				.from = &w.layouts[f],
				.to = &w.layouts[e],
				.with_places = true };

			check_pair(&job);
		}
	world_close(&w);
}

static void sample(const char *product, size_t n_cases)
{
	size_t n_found = 0;
	struct world w;

	world_open(&w, product, NULL);
	print_message("# %s: %zu placements\n", product, w.n);
	for (size_t i = 0; i < n_cases; i++) {
		struct job job = { .w = &w,
			.from = &w.layouts[random_below(w.n)],
			.to = &w.layouts[random_below(w.n)],
			.busy = (uint32_t)rand_r(&seed) & (uint32_t)rand_r(&seed),
			.may_go = (uint32_t)rand_r(&seed) & (uint32_t)rand_r(&seed),
			.with_places = random_below(4) == 0 };

		n_found += check(&job);
	}
	assert_true(n_found > n_cases / 20);
	world_close(&w);
}

static void other_cards_sampled(void **state)
{
	const size_t n = is_long ? 100000 : 6000;

	(void)state;
	sample("a100-80gb", n);
	sample("h200-141gb", n);
	sample("a30", n);
	sample("rtx-pro-6000-96gb", n);
}

/* --- In words --- */

static struct tr_recut_card held_card(
	struct card *card, const char *product, const char *const *held)
{
	struct tr_recut_card ret;

	card_init(card, 0, product);
	ret = (struct tr_recut_card){ .n_profiles = card->gpu.n_profiles,
		.profiles = card->profiles };
	snprintf(ret.title, sizeof(ret.title), "%s", card->gpu.title);
	for (; *held; held++) {
		struct tr_recut_held *to = &ret.held[ret.n_held++];
		bool is_busy = **held == '*';

		card_hold(card, *held + is_busy);
		*to = (struct tr_recut_held){ .profile_id =
						      card->used[card->gpu.n_used - 1].profile_id,
			.start = card->used[card->gpu.n_used - 1].start,
			.size = card->used[card->gpu.n_used - 1].size,
			.is_busy = is_busy };
		snprintf(to->holder, sizeof(to->holder), "pid 41 (python3)");
	}
	return ret;
}

static size_t name_wants(
	const struct card *card, const char *const *names, struct tr_recut_want *ret)
{
	size_t n = 0;

	for (; *names; names++) {
		size_t len = strcspn(*names, ":");

		for (size_t p = 0; p < card->gpu.n_profiles; p++)
			if (strlen(card->profiles[p].name) == len &&
				strncmp(card->profiles[p].name, *names, len) == 0)
				ret[n++] = (struct tr_recut_want){ &card->profiles[p],
					(*names)[len] ? atoi(*names + len + 1) : -1 };
	}
	return n;
}

static const struct word_case {
	const char *title, *held[8], *wants[10];
	const char *steps; /* "KIND PROFILE:START why" each on a line */
	const char *msg, *hint;
} word_cases[] = {
	{ "what stays is not touched, though another place would leave more room",
		{ "*2g.20gb:0", "1g.10gb:2", "3g.40gb:4" }, { "2g.20gb", "2g.20gb", "3g.40gb" },
		"keep 2g.20gb:0 \nkeep 3g.40gb:4 \n"
		"free 1g.10gb:2 not asked for; its place goes to 2g.20gb at 2\n"
		"cut 2g.20gb:2 \n",
		NULL, NULL },
	{ "an idle slice moves out of the way of a large one", { "1g.10gb:0" },
		{ "4g.40gb", "1g.10gb" },
		"free 1g.10gb:0 moves to 6; its place goes to 4g.40gb at 0\n"
		"cut 4g.40gb:0 \ncut 1g.10gb:6 moved from 0\n",
		NULL, NULL },
	{ "a busy one does not", { "*1g.10gb:0" }, { "4g.40gb", "1g.10gb" }, NULL,
		"GPU 0: in the way: 1g.10gb at 0:0 (pid 41 (python3)); the nearest that leaves "
		"that alone: 1g.10gb:0",
		"stop what uses it, or: tranche apply ... --evict 0:0" },
	{ "the nearest keeps what it can", { "*2g.20gb:4" }, { "3g.40gb", "3g.40gb" }, NULL,
		"GPU 0: in the way: 2g.20gb at 0:4 (pid 41 (python3)); the nearest that leaves "
		"that alone: 2g.20gb:4, 3g.40gb:0",
		"stop what uses it, or: tranche apply ... --evict 0:4" },
	{ "more than any card holds", { NULL }, { "4g.40gb", "4g.40gb", "1g.10gb" }, NULL,
		"GPU 0 (A100-80GB) cannot hold 4g.40gb, 4g.40gb, 1g.10gb; the nearest that fits: "
		"4g.40gb:0, 1g.10gb:6",
		"" },
	{ "nothing at all", { "1g.10gb:0", "7g.80gb:0" }, { NULL },
		"free 1g.10gb:0 not asked for\nfree 7g.80gb:0 not asked for\n", NULL, NULL },
};

static void plans_say_what_and_why(void **state)
{
	static const char *const kinds[] = { "keep", "free", "cut" };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(word_cases); i++) {
		const struct word_case *c = &word_cases[i];
		struct tr_recut_want wants[10];
		TR_AUTO_BUF text = { 0 };
		struct tr_err err = { 0 };
		struct card base;
		struct tr_recut_card card = held_card(&base, "a100-80gb", c->held);
		struct tr_recut plan;
		int r = tr_recut_plan(
			&card, wants, name_wants(&base, c->wants, wants), &plan, &err);

		for (size_t s = 0; r == 0 && s < plan.n; s++) {
			tr_buf_addf(&text, "%s %s:%u ", kinds[plan.v[s].kind],
				plan.v[s].profile->name, plan.v[s].start);
			tr_recut_why(&plan, &plan.v[s], &text);
			tr_buf_puts(&text, "\n");
		}
		if ((r == 0) != (c->steps != NULL))
			fail_msg("%s: %d '%s'", c->title, r, err.msg);
		assert_string_equal(
			c->steps ? tr_buf_str(&text) : err.msg, c->steps ? c->steps : c->msg);
		if (c->hint)
			assert_string_equal(err.hint, c->hint);
	}
}

static void an_instance_that_no_compute_instance_spans_is_never_kept(void **state)
{
	static const char *const held[] = { "3g.40gb:0", NULL }, *const names[] = { "3g.40gb",
		NULL };
	struct tr_recut_want wants[2];
	struct tr_err err = { 0 };
	struct tr_recut plan;
	struct card base;
	struct tr_recut_card card = held_card(&base, "a100-80gb", held);

	(void)state;
	card.held[0].is_odd = true;
	assert_int_equal(name_wants(&base, names, wants), 1);
	assert_int_equal(tr_recut_plan(&card, wants, 1, &plan, &err), 0);
	assert_int_equal(plan.n_freed, 1);
	assert_int_equal(plan.n_cut, 1);
	card.held[0].is_busy = true;
	assert_int_equal(tr_recut_plan(&card, wants, 1, &plan, &err), -TR_E_BUSY);
	assert_non_null(strstr(err.msg, "3g.40gb at 0:0"));
}

static void what_nobody_can_use_any_more_is_counted(void **state)
{
	static const struct {
		const char *held[8];
		uint32_t memory, compute;
	} rows[] = {
		{ { NULL }, 0, 0 },
		{ { "3g.40gb:0", "3g.40gb:4", NULL }, 0, 1 },
		{ { "1g.10gb:0", "1g.10gb:1", "1g.10gb:2", "1g.10gb:3", "1g.10gb:4", "1g.10gb:5",
			  "1g.10gb:6", NULL },
			1, 0 },
		{ { "4g.40gb:0", NULL }, 0, 0 },
		{ { "2g.20gb:0", "2g.20gb:2", "2g.20gb:4", NULL }, 0, 0 },
		{ { "3g.40gb:0", NULL }, 0, 1 },
		{ { "7g.80gb:0", NULL }, 0, 0 },
		{ { "1g.20gb:0", "1g.20gb:2", "1g.20gb:4", "1g.20gb:6", NULL }, 0, 3 },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		struct card base;
		struct tr_recut_card card = held_card(&base, "a100-80gb", rows[i].held);
		struct tr_recut plan;
		struct tr_recut_stranded lost;

		assert_true(tr_recut_find(&card, NULL, 0, 0, &plan));
		lost = tr_recut_stranded(&card, &plan, /* after= */ false);
		if (lost.memory_slices != rows[i].memory || lost.compute_slices != rows[i].compute)
			fail_msg("row %zu: %u memory, %u compute", i, lost.memory_slices,
				lost.compute_slices);
		lost = tr_recut_stranded(&card, &plan, /* after= */ true);
		assert_int_equal(lost.memory_slices + lost.compute_slices, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a100_every_multiset_with_every_busy_subset),
		cmocka_unit_test(a100_every_pair_of_placements),
		cmocka_unit_test(other_cards_sampled),
		cmocka_unit_test(plans_say_what_and_why),
		cmocka_unit_test(an_instance_that_no_compute_instance_spans_is_never_kept),
		cmocka_unit_test(what_nobody_can_use_any_more_is_counted),
	};
	const char *given = getenv("TR_TEST_SEED");

	is_long = getenv("TR_TEST_LONG") != NULL;
	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("# TR_TEST_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
