/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A depth-first search over the sizes, what carries most for its price first. A size's number falls
 * from the most that is of use; what then remains is carried at best at the next size's price, and
 * that bound only grows as the number falls, so the first number that is too dear ends the loop.
 */
#include "plan/cover.h"

#include <stdbool.h>
#include <string.h>

__extension__ typedef __int128 wide;

struct search {
	size_t n; /* sizes of use, the best first */
	size_t at[TR_COVER_SIZES];
	int64_t carries[TR_COVER_SIZES], price[TR_COVER_SIZES], most[TR_COVER_SIZES];
	int64_t now[TR_COVER_SIZES], best_n[TR_COVER_SIZES];
	int64_t best;
	int64_t unsettled; /* the least bound of what was cut short */
	uint32_t steps;
};

static int64_t ceil_div(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

/* What the rest costs at least, if sizes could be cut at will. */
static int64_t at_best(const struct search *s, size_t k, int64_t rest)
{
	wide cost = (wide)rest * s->price[k];

	return (int64_t)((cost + s->carries[k] - 1) / s->carries[k]);
}

static void keep(struct search *s, int64_t cost)
{
	if (cost >= s->best)
		return;
	s->best = cost;
	memcpy(s->best_n, s->now, sizeof(s->now));
}

static void search(struct search *s, size_t k, int64_t rest, int64_t cost)
{
	int64_t n;

	if (rest <= 0) {
		keep(s, cost);
		return;
	}
	if (k == s->n)
		return;
	n = ceil_div(rest, s->carries[k]);
	if (n > s->most[k])
		n = s->most[k];
	for (; n >= 0; n--) {
		int64_t now = cost + n * s->price[k], left = rest - n * s->carries[k];
		int64_t bound = now;

		if (left > 0 && k + 1 == s->n)
			break;
		if (left > 0)
			bound += at_best(s, k + 1, left);
		if (bound >= s->best && left <= 0)
			continue; /* the last one carries too much: without it, less may do */
		if (bound >= s->best)
			break;
		if (++s->steps > TR_COVER_STEPS) {
			if (bound < s->unsettled)
				s->unsettled = bound;
			break;
		}
		s->now[k] = n;
		search(s, k + 1, left, now);
	}
	s->now[k] = 0;
}

static void sort_in(struct search *s, size_t size, int64_t carries, int64_t price, int64_t most)
{
	size_t k = s->n++;

	for (; k > 0; k--) {
		wide mine = (wide)price * s->carries[k - 1],
		     other = (wide)s->price[k - 1] * carries;

		if (mine > other || (mine == other && carries <= s->carries[k - 1]))
			break;
		s->at[k] = s->at[k - 1];
		s->carries[k] = s->carries[k - 1];
		s->price[k] = s->price[k - 1];
		s->most[k] = s->most[k - 1];
	}
	s->at[k] = size;
	s->carries[k] = carries;
	s->price[k] = price;
	s->most[k] = most;
}

int64_t tr_cover_find(const struct tr_cover *cover, int64_t ret_n[TR_COVER_SIZES])
{
	struct search s = { .best = TR_COVER_NO_WAY, .unsettled = TR_COVER_NO_WAY };
	int64_t rest = cover->demand, cost = 0;

	for (size_t i = 0; i < cover->n_sizes; i++) {
		int64_t least = cover->least ? cover->least[i] : 0;
		int64_t most = cover->most ? cover->most[i] : INT64_MAX;

		ret_n[i] = least;
		rest -= least * cover->carries[i];
		cost += least * cover->price[i];
		if (most < least)
			return TR_COVER_NO_WAY;
		if (cover->carries[i] > 0 && most > least)
			sort_in(&s, i, cover->carries[i], cover->price[i], most - least);
	}
	search(&s, 0, rest, cost);
	if (s.best == TR_COVER_NO_WAY)
		return TR_COVER_NO_WAY;
	for (size_t k = 0; k < s.n; k++)
		ret_n[s.at[k]] += s.best_n[k];
	return s.unsettled < s.best ? s.unsettled : s.best;
}
