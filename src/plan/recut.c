/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A depth-first search over the wants, the largest first. A card has at most 12 memory slices and
 * few starts a profile, so that all placements are tried; wants that are alike are placed in rising
 * order only. What must stay is placed before the search, which cannot lose a way: a slice that
 * stays takes its place whether or not a want is met by it.
 */
#include "plan/recut.h"

#include "base/buf.h"
#include "base/err.h"
#include "plan/plan_priv.h"

#include <string.h>

enum { MAX_PROFILES = 32 };

/* A card's profiles, taken apart once. */
struct sizes {
	size_t n;
	const struct tr_plan_profile *profiles;
	uint32_t excludes[MAX_PROFILES]; /* by profile: a bit for each that may not be beside it */
	bool is_plain[MAX_PROFILES];
	uint32_t compute; /* of the card */
	uint32_t memory;
};

struct room {
	uint32_t mask; /* memory slices taken */
	uint32_t compute;
	uint32_t present; /* a bit for each profile that is there */
	uint8_t count[MAX_PROFILES];
};

struct spot {
	int16_t profile; /* -1: not placed */
	int16_t start;
};

struct search {
	struct sizes sizes;
	const struct tr_recut_card *card;
	uint32_t flags;
	size_t n_wants;
	struct tr_recut_want wants[TR_RECUT_MAX]; /* the largest first */
	uint8_t typed_at[TR_RECUT_MAX];		  /* where each stood */
	int16_t profile_of[TR_RECUT_MAX];
	bool is_met[TR_RECUT_MAX]; /* by a slice that must stay */
	struct room room;
	struct spot now[TR_RECUT_MAX], best[TR_RECUT_MAX];
	uint64_t best_worth;
	bool found;
};

static uint32_t bits(uint32_t start, uint32_t size)
{
	return ((1u << size) - 1u) << start;
}

static void sizes_init(struct sizes *sizes, const struct tr_recut_card *card)
{
	*sizes = (struct sizes){ .n = card->n_profiles, .profiles = card->profiles };
	if (sizes->n > MAX_PROFILES)
		sizes->n = MAX_PROFILES;
	for (size_t a = 0; a < sizes->n; a++) {
		const struct tr_plan_profile *p = &sizes->profiles[a];

		sizes->is_plain[a] = !*tr_plan__attribute(p->name);
		if (p->compute_slices > sizes->compute)
			sizes->compute = p->compute_slices;
		for (uint32_t i = 0; i < p->n_starts; i++)
			if (p->starts[i] + p->size > sizes->memory)
				sizes->memory = p->starts[i] + p->size;
		for (size_t b = 0; b < sizes->n; b++)
			if (tr_plan__excludes(p->name, sizes->profiles[b].name))
				sizes->excludes[a] |= 1u << b;
	}
}

static int16_t profile_idx(const struct sizes *sizes, uint32_t id)
{
	for (size_t i = 0; i < sizes->n; i++)
		if (sizes->profiles[i].id == id)
			return (int16_t)i;
	return -1;
}

/* --- Room --- */

static bool can_take(const struct sizes *sizes, const struct room *room, size_t p, uint32_t start)
{
	const struct tr_plan_profile *profile = &sizes->profiles[p];

	return !(room->mask & bits(start, profile->size)) &&
	       room->compute + profile->compute_slices <= sizes->compute &&
	       room->count[p] < profile->max && !(sizes->excludes[p] & room->present);
}

static void take(const struct sizes *sizes, struct room *room, size_t p, uint32_t start)
{
	room->mask |= bits(start, sizes->profiles[p].size);
	room->compute += sizes->profiles[p].compute_slices;
	room->count[p]++;
	room->present |= 1u << p;
}

static void take_held(
	const struct sizes *sizes, struct room *room, const struct tr_recut_held *held)
{
	int16_t p = profile_idx(sizes, held->profile_id);

	if (p >= 0)
		take(sizes, room, (size_t)p, held->start);
	else
		room->mask |= bits(held->start, held->size);
}

static uint32_t count_open(const struct sizes *sizes, const struct room *room)
{
	uint32_t n = 0;

	for (size_t p = 0; p < sizes->n; p++)
		for (uint32_t i = 0; sizes->is_plain[p] && i < sizes->profiles[p].n_starts; i++)
			n += can_take(sizes, room, p, sizes->profiles[p].starts[i]);
	return n;
}

/* --- The search --- */

static bool must_stay(const struct search *s, const struct tr_recut_held *held)
{
	return held->is_busy && !held->may_go && !(s->flags & TR_RECUT_EVICT);
}

static bool is_kept(const struct search *s, const struct tr_recut_held *held)
{
	int16_t p = profile_idx(&s->sizes, held->profile_id);

	for (size_t w = 0; w < s->n_wants && !held->is_odd; w++)
		if (s->now[w].profile == p && s->now[w].start == (int16_t)held->start)
			return true;
	return false;
}

/* What a way is worth, in the order of recut.h: a larger number is a better way. */
static uint64_t worth_of(const struct search *s)
{
	uint64_t n_placed = 0, memory = 0, n_harmed = 0, n_freed = 0;

	for (size_t w = 0; w < s->n_wants; w++) {
		n_placed += s->now[w].profile >= 0;
		memory += s->now[w].profile >= 0 ? s->wants[w].profile->size : 0;
	}
	for (size_t h = 0; h < s->card->n_held; h++) {
		const struct tr_recut_held *held = &s->card->held[h];

		if (must_stay(s, held) || is_kept(s, held))
			continue;
		n_freed++;
		n_harmed += held->is_busy;
	}
	return n_placed << 56 | memory << 40 | (255 - n_harmed) << 32 | (255 - n_freed) << 24 |
	       count_open(&s->sizes, &s->room);
}

/* Alike but for the order in which they were asked for. */
static bool is_alike(const struct search *s, size_t a, size_t b)
{
	return s->profile_of[a] == s->profile_of[b] && s->wants[a].start == s->wants[b].start &&
	       !s->is_met[a] && !s->is_met[b];
}

static void search(struct search *s, size_t w)
{
	const struct tr_plan_profile *profile;
	struct room before = s->room;
	bool is_repeat;

	while (w < s->n_wants && s->is_met[w])
		w++;
	if (w == s->n_wants) {
		uint64_t worth = worth_of(s);

		if (s->found && worth <= s->best_worth)
			return;
		memcpy(s->best, s->now, sizeof(s->now));
		s->best_worth = worth;
		s->found = true;
		return;
	}
	profile = s->wants[w].profile;
	is_repeat = w > 0 && is_alike(s, w - 1, w);
	/* One that is like a want that was dropped is dropped, too. */
	if (!is_repeat || s->now[w - 1].profile >= 0) {
		for (uint32_t i = 0; i < profile->n_starts; i++) {
			uint32_t start = profile->starts[i];

			if ((s->wants[w].start >= 0 && (uint32_t)s->wants[w].start != start) ||
				(is_repeat && (int16_t)start <= s->now[w - 1].start) ||
				!can_take(&s->sizes, &s->room, (size_t)s->profile_of[w], start))
				continue;
			take(&s->sizes, &s->room, (size_t)s->profile_of[w], start);
			s->now[w] = (struct spot){ s->profile_of[w], (int16_t)start };
			search(s, w + 1);
			s->room = before;
		}
	}
	s->now[w] = (struct spot){ -1, -1 };
	if (s->flags & TR_RECUT_DROP)
		search(s, w + 1);
}

/* Large before small; of one profile, those with a place of their own first. */
static bool goes_before(const struct tr_recut_want *a, const struct tr_recut_want *b)
{
	if (a->profile->size != b->profile->size)
		return a->profile->size > b->profile->size;
	if (a->profile->compute_slices != b->profile->compute_slices)
		return a->profile->compute_slices > b->profile->compute_slices;
	if (a->profile != b->profile)
		return a->profile < b->profile;
	return (uint32_t)a->start < (uint32_t)b->start;
}

static bool put_wants(struct search *s, const struct tr_recut_want *wants, size_t n)
{
	for (size_t i = 0; i < n && s->n_wants < TR_RECUT_MAX; i++) {
		size_t at = s->n_wants++;

		for (; at > 0 && goes_before(&wants[i], &s->wants[at - 1]); at--) {
			s->wants[at] = s->wants[at - 1];
			s->typed_at[at] = s->typed_at[at - 1];
		}
		s->wants[at] = wants[i];
		s->typed_at[at] = (uint8_t)i;
	}
	for (size_t w = 0; w < s->n_wants; w++) {
		s->profile_of[w] = profile_idx(&s->sizes, s->wants[w].profile->id);
		s->now[w] = (struct spot){ -1, -1 };
		if (s->profile_of[w] < 0)
			return false;
	}
	return n <= TR_RECUT_MAX || (s->flags & TR_RECUT_DROP);
}

/* The want that a slice which stays meets: one with this very place before one with any. */
static bool meet(struct search *s, const struct tr_recut_held *held)
{
	for (int any = 0; any < 2 && !held->is_odd; any++) {
		for (size_t w = 0; w < s->n_wants; w++) {
			if (s->is_met[w] || s->wants[w].profile->id != held->profile_id ||
				s->wants[w].start != (any ? -1 : (int32_t)held->start))
				continue;
			s->is_met[w] = true;
			s->now[w] = (struct spot){ s->profile_of[w], (int16_t)held->start };
			return true;
		}
	}
	return false;
}

static bool find(struct search *s)
{
	for (size_t h = 0; h < s->card->n_held; h++) {
		const struct tr_recut_held *held = &s->card->held[h];

		if (!must_stay(s, held))
			continue;
		take_held(&s->sizes, &s->room, held);
		if (!meet(s, held) && !(s->flags & TR_RECUT_DROP))
			return false;
	}
	search(s, 0);
	return s->found;
}

/* --- From placements to steps --- */

static void add_step(struct tr_recut *plan, const struct tr_recut_step *step)
{
	size_t at = plan->n++;

	for (; at > 0 &&
		(plan->v[at - 1].kind > step->kind || (plan->v[at - 1].kind == step->kind &&
							      plan->v[at - 1].start > step->start));
		at--)
		plan->v[at] = plan->v[at - 1];
	plan->v[at] = *step;
}

static void add_held_steps(const struct search *s, struct tr_recut *plan)
{
	for (size_t h = 0; h < s->card->n_held; h++) {
		const struct tr_recut_held *held = &s->card->held[h];
		int16_t p = profile_idx(&s->sizes, held->profile_id);
		bool stays = must_stay(s, held) || is_kept(s, held);

		add_step(plan,
			&(struct tr_recut_step){ .kind = stays ? TR_RECUT_KEEP : TR_RECUT_FREE,
				.held = held,
				.profile = p >= 0 ? &s->sizes.profiles[p] : NULL,
				.start = held->start,
				.size = held->size,
				.moves = -1 });
		plan->n_kept += stays;
		plan->n_freed += !stays;
		plan->n_harmed += !stays && held->is_busy;
	}
}

static bool is_there(const struct tr_recut *plan, const struct search *s, size_t w)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->v[i].kind == TR_RECUT_KEEP && !plan->v[i].held->is_odd &&
			plan->v[i].profile == &s->sizes.profiles[s->now[w].profile] &&
			plan->v[i].start == (uint32_t)s->now[w].start)
			return true;
	return false;
}

/* A size that goes here and comes there has moved. */
static void pair_moves(struct tr_recut *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->v[i].kind != TR_RECUT_FREE || plan->v[i].held->is_odd)
			continue;
		for (size_t j = i + 1; j < plan->n; j++) {
			if (plan->v[j].kind != TR_RECUT_CUT || plan->v[j].moves >= 0 ||
				plan->v[j].profile != plan->v[i].profile)
				continue;
			plan->v[i].moves = (int32_t)j;
			plan->v[j].moves = (int32_t)i;
			break;
		}
	}
}

static void make_plan(struct search *s, struct tr_recut *ret)
{
	struct room after = { 0 };

	*ret = (struct tr_recut){ 0 };
	memcpy(s->now, s->best, sizeof(s->now));
	add_held_steps(s, ret);
	for (size_t w = 0; w < s->n_wants; w++) {
		if (s->now[w].profile < 0)
			continue;
		ret->want_placed |= 1u << s->typed_at[w];
		if (is_there(ret, s, w))
			continue;
		ret->n_cut++;
		add_step(ret, &(struct tr_recut_step){ .kind = TR_RECUT_CUT,
				      .profile = &s->sizes.profiles[s->now[w].profile],
				      .start = (uint32_t)s->now[w].start,
				      .size = s->wants[w].profile->size,
				      .moves = -1 });
	}
	for (size_t i = 0; i < ret->n; i++) {
		const struct tr_recut_step *step = &ret->v[i];

		if (step->kind == TR_RECUT_KEEP)
			take_held(&s->sizes, &after, step->held);
		else if (step->kind == TR_RECUT_CUT)
			take(&s->sizes, &after, (size_t)(step->profile - s->sizes.profiles),
				step->start);
	}
	ret->n_open = count_open(&s->sizes, &after);
	pair_moves(ret);
}

bool tr_recut_find(const struct tr_recut_card *card, const struct tr_recut_want *wants,
	size_t n_wants, uint32_t flags, struct tr_recut *ret)
{
	struct search s = { .card = card, .flags = flags };

	sizes_init(&s.sizes, card);
	if (!put_wants(&s, wants, n_wants) || !find(&s))
		return false;
	make_plan(&s, ret);
	return true;
}

/* --- In words --- */

static const char *name_of(const struct tr_recut_step *step)
{
	return step->profile ? step->profile->name : "a slice";
}

static void say_layout(const struct tr_recut *plan, struct tr_buf *ret)
{
	const char *sep = "";

	for (size_t i = 0; i < plan->n; i++) {
		if (plan->v[i].kind == TR_RECUT_FREE)
			continue;
		tr_buf_addf(ret, "%s%s:%u", sep, name_of(&plan->v[i]), plan->v[i].start);
		sep = ", ";
	}
	if (!*sep)
		tr_buf_puts(ret, "no slice at all");
}

static void say_wants(const struct tr_recut_want *wants, size_t n, struct tr_buf *ret)
{
	for (size_t i = 0; i < n; i++) {
		tr_buf_addf(ret, "%s%s", i ? ", " : "", wants[i].profile->name);
		if (wants[i].start >= 0)
			tr_buf_addf(ret, ":%d", wants[i].start);
	}
}

static int never_fits(const struct tr_recut_card *empty, const struct tr_recut_want *wants,
	size_t n_wants, struct tr_err *err)
{
	TR_AUTO_BUF asked = { 0 }, nearest = { 0 };
	struct tr_recut plan = { 0 };

	say_wants(wants, n_wants, &asked);
	tr_recut_find(empty, wants, n_wants, TR_RECUT_DROP, &plan);
	say_layout(&plan, &nearest);
	return tr_fail(err, TR_E_INVALID, "GPU %u (%s) cannot hold %s; the nearest that fits: %s",
		empty->idx, empty->title, tr_buf_str(&asked), tr_buf_str(&nearest));
}

static int in_the_way(const struct tr_recut_card *card, const struct tr_recut_want *wants,
	size_t n_wants, const struct tr_recut *evicting, struct tr_err *err)
{
	TR_AUTO_BUF who = { 0 }, names = { 0 }, nearest = { 0 };
	struct tr_recut plan = { 0 };

	for (size_t i = 0; i < evicting->n; i++) {
		const struct tr_recut_step *step = &evicting->v[i];

		if (step->kind != TR_RECUT_FREE || !step->held->is_busy || step->held->may_go)
			continue;
		tr_buf_addf(&who, "%s%s at %u:%u (%s)", who.len ? ", " : "", name_of(step),
			card->idx, step->start, step->held->holder);
		tr_buf_addf(&names, "%s%u:%u", names.len ? "," : "", card->idx, step->start);
	}
	tr_recut_find(card, wants, n_wants, TR_RECUT_DROP, &plan);
	say_layout(&plan, &nearest);
	tr_fail(err, TR_E_BUSY, "GPU %u: in the way: %s; the nearest that leaves that alone: %s",
		card->idx, tr_buf_str(&who), tr_buf_str(&nearest));
	return tr_hint(
		err, "stop what uses it, or: tranche apply ... --evict %s", tr_buf_str(&names));
}

int tr_recut_plan(const struct tr_recut_card *card, const struct tr_recut_want *wants,
	size_t n_wants, struct tr_recut *ret, struct tr_err *err)
{
	struct tr_recut_card empty = *card;
	struct tr_recut plan;

	if (tr_recut_find(card, wants, n_wants, 0, ret))
		return 0;
	empty.n_held = 0;
	if (!tr_recut_find(&empty, wants, n_wants, 0, &plan))
		return never_fits(&empty, wants, n_wants, err);
	/* With every busy slice free to go, a card is as good as an empty one. */
	if (!tr_recut_find(card, wants, n_wants, TR_RECUT_EVICT, &plan))
		return tr_fail(err, TR_E_NO_ROOM, "GPU %u: no way was found", card->idx);
	return in_the_way(card, wants, n_wants, &plan, err);
}

void tr_recut_why(const struct tr_recut *plan, const struct tr_recut_step *step, struct tr_buf *ret)
{
	size_t n = 0;

	if (step->kind == TR_RECUT_CUT) {
		if (step->moves >= 0)
			tr_buf_addf(ret, "moved from %u", plan->v[step->moves].start);
		return;
	}
	if (step->kind != TR_RECUT_FREE)
		return;
	if (step->held->is_odd)
		tr_buf_puts(ret, "no compute instance spans it");
	else if (step->moves >= 0)
		tr_buf_addf(ret, "moves to %u", plan->v[step->moves].start);
	else
		tr_buf_puts(ret, "not asked for");
	for (size_t i = 0; i < plan->n; i++) {
		const struct tr_recut_step *cut = &plan->v[i];

		if (cut->kind == TR_RECUT_CUT &&
			(bits(cut->start, cut->size) & bits(step->start, step->size)))
			tr_buf_addf(ret, "%s%s at %u", n++ ? ", " : "; its place goes to ",
				cut->profile->name, cut->start);
	}
}

/* --- What is lost --- */

/* The most memory (compute: false) or compute slices that further slices could still take, each
 * behind the one before. */
static uint32_t most_more(const struct sizes *sizes, struct room *room, uint32_t from, bool compute)
{
	uint32_t best = 0;

	for (size_t p = 0; p < sizes->n; p++) {
		const struct tr_plan_profile *profile = &sizes->profiles[p];

		for (uint32_t i = 0; i < profile->n_starts; i++) {
			struct room before = *room;
			uint32_t start = profile->starts[i];
			uint32_t more = compute ? profile->compute_slices : profile->size;

			if (start < from || !can_take(sizes, room, p, start))
				continue;
			take(sizes, room, p, start);
			more += most_more(sizes, room, start + profile->size, compute);
			*room = before;
			if (more > best)
				best = more;
		}
	}
	return best;
}

struct tr_recut_stranded tr_recut_stranded(
	const struct tr_recut_card *card, const struct tr_recut *plan, bool after)
{
	struct tr_recut_stranded ret;
	struct room room = { 0 };
	struct sizes sizes;
	uint32_t used = 0;

	sizes_init(&sizes, card);
	for (size_t i = 0; i < plan->n; i++) {
		const struct tr_recut_step *step = &plan->v[i];

		if (step->kind == (after ? TR_RECUT_FREE : TR_RECUT_CUT))
			continue;
		if (step->held)
			take_held(&sizes, &room, step->held);
		else
			take(&sizes, &room, (size_t)(step->profile - sizes.profiles), step->start);
	}
	for (uint32_t m = room.mask; m; m &= m - 1)
		used++;
	ret.memory_slices = sizes.memory - used - most_more(&sizes, &room, 0, false);
	ret.compute_slices = sizes.compute - room.compute - most_more(&sizes, &room, 0, true);
	return ret;
}
