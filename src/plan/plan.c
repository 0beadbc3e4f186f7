/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A depth-first search, largest wants first. A card's free room is a bit mask of memory slices; the
 * starts of a profile come from the driver or the facts, and beside them two rules hold: no more
 * than `max` of one profile, and the media engines exist once ("+me", "+me.all", "-me").
 */
#include "plan/plan.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"
#include "facts/facts.h"
#include "plan/plan_priv.h"

#include <stdlib.h>
#include <string.h>

static uint32_t bits(uint32_t start, uint32_t size)
{
	return ((1u << size) - 1u) << start;
}

static const char *attribute(const char *name)
{
	const char *at = strpbrk(name, "+-");

	return at ? at : "";
}

/* True when two slices may not be on one card, whatever the room: see the top. */
static bool exclude_each_other(const char *a, const char *b)
{
	const char *x = attribute(a), *y = attribute(b);
	bool x_all = strcmp(x, "+me.all") == 0, y_all = strcmp(y, "+me.all") == 0;

	if (strcmp(x, "+me") == 0 && strcmp(y, "+me") == 0)
		return true;
	return (x_all && strcmp(y, "-me") != 0) || (y_all && strcmp(x, "-me") != 0);
}

static const struct tr_plan_profile *by_id(const struct tr_plan_gpu *gpu, uint32_t id)
{
	for (size_t i = 0; i < gpu->n_profiles; i++)
		if (gpu->profiles[i].id == id)
			return &gpu->profiles[i];
	return NULL;
}

/* --- What a want means on a card --- */

static int hint_profile(const struct tr_plan_gpu *gpu, const char *word, struct tr_err *err)
{
	static const char all[] = "tranche profiles   lists sizes, and where each may start";
	struct tr_near near = { .wrong = word };
	TR_AUTO_BUF hint = { 0 };

	if (strpbrk(word, ",*+x"))
		return tr_hint(err,
			"a size for each slice, with blanks between: 1g.10gb 1g.10gb\n%s", all);
	for (size_t i = 0; i < gpu->n_profiles; i++)
		tr_near_offer(&near, gpu->profiles[i].name, strlen(gpu->profiles[i].name));
	for (size_t i = 0; i < near.n; i++)
		tr_buf_addf(&hint, "%s\n", near.v[i]);
	return tr_hint(err, "%s%s", tr_buf_str(&hint), all);
}

static int no_such_profile(
	const struct tr_plan_gpu *gpu, const struct tr_plan_want *want, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < gpu->n_profiles; i++)
		tr_buf_addf(&list, "%s%s (%u)", i ? ", " : "", gpu->profiles[i].name,
			gpu->profiles[i].id);
	if (!want->profile)
		return tr_fail(err, TR_E_INVALID,
			"%s: no slice of GPU %u (%s) has %llu MiB; it has %s", want->who, gpu->idx,
			gpu->title, (unsigned long long)want->memory_mib, tr_buf_str(&list));
	tr_fail(err, TR_E_INVALID, "%s: GPU %u (%s) has no profile '%s'; it has %s", want->who,
		gpu->idx, gpu->title, want->profile, tr_buf_str(&list));
	return hint_profile(gpu, want->profile, err);
}

static bool is_number(const char *text, uint32_t *ret)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* The smallest profile with enough memory: by memory slices, then by compute slices, so that as
 * many fit on a card as its memory allows: two of 30 GiB on an A100-80 are two 3g.40gb, since a
 * 4g.40gb exists once. */
static const struct tr_plan_profile *by_memory(const struct tr_plan_gpu *gpu, uint64_t mib)
{
	const struct tr_plan_profile *best = NULL;

	for (size_t i = 0; i < gpu->n_profiles; i++) {
		const struct tr_plan_profile *p = &gpu->profiles[i];

		if (p->memory_mib < mib || *attribute(p->name))
			continue;
		if (!best || p->size < best->size ||
			(p->size == best->size && p->compute_slices < best->compute_slices))
			best = p;
	}
	return best;
}

int tr_plan_profile_find(const struct tr_plan_gpu *gpu, const struct tr_plan_want *want,
	const struct tr_plan_profile **ret, struct tr_err *err)
{
	const struct tr_plan_profile *found = NULL;
	const char *name = want->profile;
	uint32_t id;

	if (!name) {
		found = by_memory(gpu, want->memory_mib);
	} else if (is_number(name, &id)) {
		found = by_id(gpu, id);
	} else {
		if (strncmp(name, "MIG ", 4) == 0)
			name += 4;
		for (size_t i = 0; i < gpu->n_profiles && !found; i++)
			if (strcmp(gpu->profiles[i].name, name) == 0)
				found = &gpu->profiles[i];
	}
	if (!found)
		return no_such_profile(gpu, want, err);
	*ret = found;
	return 0;
}

/* --- Room on one card --- */

struct room {
	uint32_t mask; /* memory slices taken */
	uint32_t compute;
};

static struct room room_of(const struct tr_plan_gpu *gpu)
{
	struct room room = { 0 };

	for (size_t i = 0; i < gpu->n_used; i++) {
		const struct tr_plan_profile *profile = by_id(gpu, gpu->used[i].profile_id);

		room.mask |= bits(gpu->used[i].start, gpu->used[i].size);
		room.compute += profile ? profile->compute_slices : 0;
	}
	return room;
}

static uint32_t compute_of(const struct tr_plan_gpu *gpu)
{
	uint32_t most = 0;

	for (size_t i = 0; i < gpu->n_profiles; i++)
		if (gpu->profiles[i].compute_slices > most)
			most = gpu->profiles[i].compute_slices;
	return most;
}

/* One more of this profile, beside what the card holds, whatever the place? */
static bool is_allowed(const struct tr_plan_gpu *gpu, const struct tr_plan_profile *profile)
{
	uint32_t n_same = 0;

	for (size_t i = 0; i < gpu->n_used; i++) {
		const struct tr_plan_profile *other = by_id(gpu, gpu->used[i].profile_id);

		n_same += gpu->used[i].profile_id == profile->id;
		if (other && exclude_each_other(profile->name, other->name))
			return false;
	}
	return n_same < profile->max;
}

bool tr_plan_start_is_free(
	const struct tr_plan_gpu *gpu, const struct tr_plan_profile *profile, uint32_t start)
{
	struct room room = room_of(gpu);

	return is_allowed(gpu, profile) && !(room.mask & bits(start, profile->size)) &&
	       room.compute + profile->compute_slices <= compute_of(gpu);
}

uint32_t tr_plan_capacity(const struct tr_plan_gpu *gpu, const struct tr_plan_profile *profile)
{
	struct room room = room_of(gpu);
	uint32_t n = 0, n_same = 0, compute = compute_of(gpu);

	if (!is_allowed(gpu, profile))
		return 0;
	for (size_t i = 0; i < gpu->n_used; i++)
		n_same += gpu->used[i].profile_id == profile->id;
	for (uint32_t s = 0; s < profile->n_starts; s++) {
		uint32_t place = bits(profile->starts[s], profile->size);

		if (room.mask & place || room.compute + profile->compute_slices > compute ||
			n_same + n >= profile->max)
			continue;
		room.mask |= place;
		room.compute += profile->compute_slices;
		n++;
	}
	return n;
}

/* --- The search --- */

struct search {
	const struct tr_plan_gpu *gpus;
	size_t n_gpus;
	const struct tr_plan_want *wants;
	size_t n_wants;
	const struct tr_plan_profile **profiles; /* [want * n_gpus + gpu]; NULL: not on this card */
	size_t *order;				 /* wants, the largest first */
	struct room *rooms;
	struct tr_plan_place *now, *best;
	size_t *gpu_of; /* by want: position in gpus */
	uint32_t steps;
	uint64_t best_left;
	bool found;
};

/* Placements of plain profiles that stay open on all cards. */
static uint64_t open_places(const struct search *s)
{
	uint64_t n = 0;

	for (size_t g = 0; g < s->n_gpus; g++)
		for (size_t p = 0; p < s->gpus[g].n_profiles; p++) {
			const struct tr_plan_profile *profile = &s->gpus[g].profiles[p];

			if (*attribute(profile->name))
				continue;
			for (uint32_t i = 0; i < profile->n_starts; i++)
				n += !(s->rooms[g].mask & bits(profile->starts[i], profile->size));
		}
	return n;
}

/* The same beside the wants that are placed already. */
static bool is_allowed_now(
	const struct search *s, size_t depth, size_t g, const struct tr_plan_profile *profile)
{
	uint32_t n_same = 0;

	if (!is_allowed(&s->gpus[g], profile) ||
		s->rooms[g].compute + profile->compute_slices > compute_of(&s->gpus[g]))
		return false;
	for (size_t i = 0; i < s->gpus[g].n_used; i++)
		n_same += s->gpus[g].used[i].profile_id == profile->id;
	for (size_t d = 0; d < depth; d++) {
		size_t w = s->order[d];

		if (s->gpu_of[w] != g)
			continue;
		n_same += s->now[w].profile->id == profile->id;
		if (exclude_each_other(s->now[w].profile->name, profile->name))
			return false;
	}
	return n_same < profile->max;
}

/* Two wants that are the same but for their name need not be tried in both orders. */
static bool is_repeat(const struct search *s, size_t depth, size_t g, uint32_t start)
{
	const struct tr_plan_want *a, *b;
	size_t last;

	if (depth == 0)
		return false;
	last = s->order[depth - 1];
	a = &s->wants[last];
	b = &s->wants[s->order[depth]];
	if (a->gpu != b->gpu || a->start != b->start || s->gpu_of[last] != g ||
		s->profiles[last * s->n_gpus + g] != s->profiles[s->order[depth] * s->n_gpus + g])
		return false;
	return start < s->now[last].start;
}

static void search(struct search *s, size_t depth)
{
	size_t w;

	if (depth == s->n_wants) {
		uint64_t left = open_places(s);

		if (!s->found || left > s->best_left) {
			memcpy(s->best, s->now, s->n_wants * sizeof(*s->now));
			s->best_left = left;
			s->found = true;
		}
		return;
	}
	w = s->order[depth];
	for (size_t g = 0; g < s->n_gpus; g++) {
		const struct tr_plan_profile *profile = s->profiles[w * s->n_gpus + g];

		if (!profile || !is_allowed_now(s, depth, g, profile))
			continue;
		for (uint32_t i = 0; i < profile->n_starts; i++) {
			uint32_t start = profile->starts[i], place = bits(start, profile->size);

			if ((s->rooms[g].mask & place) || is_repeat(s, depth, g, start) ||
				(s->wants[w].start >= 0 && (uint32_t)s->wants[w].start != start))
				continue;
			if (s->steps++ >= TR_PLAN_STEPS)
				return;
			s->rooms[g].mask |= place;
			s->rooms[g].compute += profile->compute_slices;
			s->gpu_of[w] = g;
			s->now[w] = (struct tr_plan_place){ s->gpus[g].idx, profile, start };
			search(s, depth + 1);
			s->gpu_of[w] = SIZE_MAX;
			s->rooms[g].mask &= ~place;
			s->rooms[g].compute -= profile->compute_slices;
		}
	}
}

static uint32_t size_of(const struct search *s, size_t w)
{
	uint32_t most = 0;

	for (size_t g = 0; g < s->n_gpus; g++) {
		const struct tr_plan_profile *p = s->profiles[w * s->n_gpus + g];

		if (p && p->size > most)
			most = p->size;
	}
	return most;
}

/* Stable, so that equal wants keep the order in which they were asked for. */
static void sort_wants(struct search *s)
{
	for (size_t i = 0; i < s->n_wants; i++) {
		size_t at = i;

		for (; at > 0 && size_of(s, s->order[at - 1]) < size_of(s, i); at--)
			s->order[at] = s->order[at - 1];
		s->order[at] = i;
	}
}

/* --- Saying why not --- */

static void say_used(const struct tr_plan_gpu *gpu, struct tr_buf *ret)
{
	uint32_t end = 0;
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < gpu->n_profiles; i++)
		for (uint32_t s = 0; s < gpu->profiles[i].n_starts; s++)
			if (gpu->profiles[i].starts[s] + gpu->profiles[i].size > end)
				end = gpu->profiles[i].starts[s] + gpu->profiles[i].size;
	for (size_t i = 0; i < gpu->n_used; i++) {
		const struct tr_plan_used *used = &gpu->used[i];
		const struct tr_plan_profile *profile = by_id(gpu, used->profile_id);

		tr_buf_addf(&list, "%s%s at %u:%u (%s)", i ? ", " : "",
			profile ? profile->name : "a slice", gpu->idx, used->start,
			*used->holder ? used->holder : "no stack");
	}
	tr_buf_addf(ret, "; GPU %u (%u memory slices) holds %s", gpu->idx, end,
		gpu->n_used ? tr_buf_str(&list) : "nothing");
}

/* More of one size than all the cards, empty, have room for: nobody can make that room. */
static void say_most(const struct search *s, size_t n_wants, size_t want, struct tr_buf *ret)
{
	const struct tr_plan_profile **row = &s->profiles[want * s->n_gpus];
	size_t n_same = 0, n_most = 0;
	const char *name = NULL;

	for (size_t g = 0; g < s->n_gpus; g++) {
		n_most += row[g] ? row[g]->max : 0;
		name = row[g] ? row[g]->name : name;
	}
	for (size_t w = 0; w < n_wants; w++) {
		bool is_same = true;

		for (size_t g = 0; g < s->n_gpus; g++)
			is_same = is_same && s->profiles[w * s->n_gpus + g] == row[g];
		n_same += is_same;
	}
	if (name && n_same > n_most)
		tr_buf_addf(ret, "; of %s at most %zu fit", name, n_most);
}

static int no_room(struct search *s, struct tr_err *err)
{
	TR_AUTO_BUF fit = { 0 }, rest = { 0 }, used = { 0 };
	size_t all = s->n_wants, first_out = all;

	/* Which wants fit, one after the other in the order asked for: the first that does not is
	 * left out, and so on. */
	size_t n_in = 0;
	TR_AUTO_FREE char *room = calloc(all, sizeof(size_t));
	size_t *keep = (size_t *)(void *)room;

	if (!room)
		return tr_fail(err, TR_E_NO_MEMORY, "plan: out of memory");
	for (size_t w = 0; w < all; w++) {
		keep[n_in] = w;
		memcpy(s->order, keep, (n_in + 1) * sizeof(*keep));
		s->n_wants = n_in + 1;
		s->found = false;
		s->steps = 0;
		search(s, 0);
		if (s->found)
			n_in++;
		else if (first_out == all)
			first_out = w;
		tr_buf_addf(s->found ? &fit : &rest, "%s%s",
			(s->found ? fit.len : rest.len) ? ", " : "", s->wants[w].who);
	}
	if (first_out < all)
		say_most(s, all, first_out, &used);
	for (size_t g = 0; g < s->n_gpus && g < 8; g++)
		say_used(&s->gpus[g], &used);
	tr_fail(err, TR_E_NO_ROOM, "no room for %s%s%s%s", tr_buf_str(&rest),
		fit.len ? "; there is room for " : "", tr_buf_str(&fit), tr_buf_str(&used));
	return tr_hint(err, "tranche slices   shows who holds what\n"
			    "tranche down STACK   or   tranche destroy GPU:START   makes room");
}

/* --- Putting it together --- */

static int check_start(const struct tr_plan_want *want, const struct tr_plan_gpu *gpu,
	const struct tr_plan_profile *profile, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	if (want->start < 0)
		return 0;
	for (uint32_t i = 0; i < profile->n_starts; i++) {
		if (profile->starts[i] == want->start)
			return 0;
		tr_buf_addf(&list, "%s%u", i ? ", " : "", profile->starts[i]);
	}
	tr_fail(err, TR_E_INVALID, "%s: on GPU %u a %s starts at %s, not at %d", want->who,
		gpu->idx, profile->name, tr_buf_str(&list), want->start);
	return tr_hint(
		err, "%s   with no ':%d' goes where there is room", profile->name, want->start);
}

/* The first card's complaint is the one that is told. */
static void keep_first(struct tr_err *why, const struct tr_err *here)
{
	if (!why->code)
		*why = *here;
}

/* Finds each want's profile on each card that it may be on; it must have one on some card. */
static int find_profiles(struct search *s, struct tr_err *err)
{
	for (size_t w = 0; w < s->n_wants; w++) {
		struct tr_err why = { 0 }, here = { 0 };
		bool any = false;

		for (size_t g = 0; g < s->n_gpus; g++) {
			const struct tr_plan_profile **slot = &s->profiles[w * s->n_gpus + g];

			if (s->wants[w].gpu >= 0 && (uint32_t)s->wants[w].gpu != s->gpus[g].idx)
				continue;
			if (tr_plan_profile_find(&s->gpus[g], &s->wants[w], slot, &here) < 0 ||
				check_start(&s->wants[w], &s->gpus[g], *slot, &here) < 0) {
				*slot = NULL;
				keep_first(&why, &here);
			}
			any = any || *slot;
		}
		if (any)
			continue;
		if (!why.code)
			return tr_fail(err, TR_E_INVALID, "%s: there is no GPU %d that can be cut",
				s->wants[w].who, s->wants[w].gpu);
		*err = why;
		return -(int)why.code;
	}
	return 0;
}

static int fit(struct search *s, struct tr_plan_place *ret_places, struct tr_err *err)
{
	if (find_profiles(s, err) < 0)
		return -(int)err->code;
	sort_wants(s);
	for (size_t g = 0; g < s->n_gpus; g++)
		s->rooms[g] = room_of(&s->gpus[g]);
	for (size_t w = 0; w < s->n_wants; w++)
		s->gpu_of[w] = SIZE_MAX;
	search(s, 0);
	if (!s->found && s->steps > TR_PLAN_STEPS)
		return tr_fail(err, TR_E_NO_ROOM,
			"found no way to place %zu slices on %zu cards within %d steps", s->n_wants,
			s->n_gpus, TR_PLAN_STEPS);
	if (!s->found)
		return no_room(s, err);
	memcpy(ret_places, s->best, s->n_wants * sizeof(*ret_places));
	return 0;
}

int tr_plan_fit(const struct tr_plan_gpu *gpus, size_t n_gpus, const struct tr_plan_want *wants,
	size_t n_wants, struct tr_plan_place *ret_places, struct tr_err *err)
{
	struct search s = { .gpus = gpus, .n_gpus = n_gpus, .wants = wants, .n_wants = n_wants };
	int r;

	s.profiles = calloc(n_wants * n_gpus + 1, sizeof(*s.profiles));
	s.order = calloc(n_wants + 1, sizeof(*s.order));
	s.rooms = calloc(n_gpus + 1, sizeof(*s.rooms));
	s.now = calloc(n_wants + 1, sizeof(*s.now));
	s.best = calloc(n_wants + 1, sizeof(*s.best));
	s.gpu_of = calloc(n_wants + 1, sizeof(*s.gpu_of));
	if (!s.profiles || !s.order || !s.rooms || !s.now || !s.best || !s.gpu_of)
		r = tr_fail(err, TR_E_NO_MEMORY, "plan: out of memory");
	else
		r = fit(&s, ret_places, err);
	free(s.profiles);
	free(s.order);
	free(s.rooms);
	free(s.now);
	free(s.best);
	free(s.gpu_of);
	return r;
}

/* --- For the planner's other parts --- */

const char *tr_plan__attribute(const char *name)
{
	return attribute(name);
}

bool tr_plan__excludes(const char *a, const char *b)
{
	return exclude_each_other(a, b);
}
