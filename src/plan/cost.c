/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/cost.h"

enum { MONTH_HOURS = 730, YEAR_MONTHS = 12 };

/* Below this a rest is what sums of sevenths leave, and no slice. */
static const double least = 1e-9;

static double fraction(uint32_t part, uint32_t whole)
{
	return whole ? (double)part / whole : 0;
}

static double size_of(
	struct tr_cost_amount amount, struct tr_cost_amount whole, enum tr_cost_rule rule)
{
	double compute = fraction(amount.compute, whole.compute);
	double memory = fraction(amount.memory, whole.memory);

	if (rule == TR_COST_COMPUTE)
		return compute;
	if (rule == TR_COST_MEMORY)
		return memory;
	return compute > memory ? compute : memory;
}

void tr_cost_split(const struct tr_cost_shape *card, enum tr_cost_rule rule,
	struct tr_cost_part *ret_parts, struct tr_cost_rest *ret_rest)
{
	double taken = 0, rest, open = size_of(card->open, card->whole, rule);
	double scale = 1;

	for (size_t i = 0; i < card->n; i++)
		taken += size_of(card->slices[i], card->whole, rule);
	/* By the larger of both, a full card may come out above one: 4g beside 3g on seven. */
	if (taken > 1)
		scale = 1 / taken;
	rest = 1 - taken * scale;
	if (rest < least)
		rest = 0;
	if (open > rest)
		open = rest;
	*ret_rest = (struct tr_cost_rest){ .stranded = rest - open, .open = open };
	for (size_t i = 0; i < card->n; i++) {
		double own = size_of(card->slices[i], card->whole, rule) * scale;
		double part = taken > 0 ? own / (taken * scale) : 0;

		ret_parts[i] = (struct tr_cost_part){ .own = own,
			.stranded = part * ret_rest->stranded,
			.open = part * ret_rest->open };
	}
}

double tr_cost_convert(double price, enum tr_cost_period from, enum tr_cost_period to)
{
	static const double hours[] = {
		[TR_COST_HOUR] = 1,
		[TR_COST_MONTH] = MONTH_HOURS,
		[TR_COST_YEAR] = MONTH_HOURS * YEAR_MONTHS,
	};

	return price / hours[from] * hours[to];
}

void tr_cost_use(uint64_t card_bytes, uint64_t used_bytes, uint32_t n_models, uint32_t n_full,
	struct tr_cost_use *ret)
{
	*ret = (struct tr_cost_use){ 0 };
	if (!card_bytes || !n_models)
		return;
	ret->now = (double)used_bytes / (double)card_bytes;
	ret->alone = ret->now / n_models;
	ret->full = ret->alone * n_full;
}
