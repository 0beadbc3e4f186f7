/* SPDX-License-Identifier: Apache-2.0 */
/* What slices cost, against sums made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/own.h"
#include "plan/cost.h"

#include <stdbool.h>
#include <string.h>

enum { MAX = 8 };
static const double price = 1380; /* EUR a card and month */

static bool is_near(double a, double b)
{
	return a - b < 0.005 && b - a < 0.005;
}

/* An A100: seven compute slices, eight memory slices. Slices as "2/2 3/4", compute/memory. */
struct sum {
	const char *what;
	enum tr_cost_rule rule;
	size_t n;
	struct tr_cost_amount slices[MAX], open;
	double own[MAX]; /* EUR */
	double stranded, open_price;
};

static const struct sum sums[] = {
	{ "the whole card", TR_COST_LARGER, 1, { { 7, 8 } }, { 0, 0 }, { 1380 }, 0, 0 },
	{ "two halves by memory", TR_COST_MEMORY, 2, { { 3, 4 }, { 3, 4 } }, { 0, 0 }, { 690, 690 },
		0, 0 },
	{ "two halves by compute", TR_COST_COMPUTE, 2, { { 3, 4 }, { 3, 4 } }, { 0, 0 },
		{ 591.43, 591.43 }, 197.14, 0 },
	{ "two halves by the larger", TR_COST_LARGER, 2, { { 3, 4 }, { 3, 4 } }, { 0, 0 },
		{ 690, 690 }, 0, 0 },
	{ "seven by compute", TR_COST_COMPUTE, 7,
		{ { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } }, { 0, 0 },
		{ 197.14, 197.14, 197.14, 197.14, 197.14, 197.14, 197.14 }, 0, 0 },
	{ "seven by memory: the eighth slice is stranded", TR_COST_MEMORY, 7,
		{ { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } }, { 0, 0 },
		{ 172.5, 172.5, 172.5, 172.5, 172.5, 172.5, 172.5 }, 172.5, 0 },
	{ "four 1g.20gb by the larger fill the card", TR_COST_LARGER, 4,
		{ { 1, 2 }, { 1, 2 }, { 1, 2 }, { 1, 2 } }, { 0, 0 }, { 345, 345, 345, 345 }, 0,
		0 },
	{ "four 1g.20gb by compute strand three slices", TR_COST_COMPUTE, 4,
		{ { 1, 2 }, { 1, 2 }, { 1, 2 }, { 1, 2 } }, { 0, 0 },
		{ 197.14, 197.14, 197.14, 197.14 }, 591.43, 0 },
	{ "two 2g.20gb by memory leave half open", TR_COST_MEMORY, 2, { { 2, 2 }, { 2, 2 } },
		{ 3, 4 }, { 345, 345 }, 0, 690 },
	{ "two 2g.20gb by the larger", TR_COST_LARGER, 2, { { 2, 2 }, { 2, 2 } }, { 3, 4 },
		{ 394.29, 394.29 }, 0, 591.43 },
	{ "4g beside 3g is more than one by the larger", TR_COST_LARGER, 2, { { 4, 4 }, { 3, 4 } },
		{ 0, 0 }, { 736.00, 644.00 }, 0, 0 },
	{ "an empty card", TR_COST_LARGER, 0, { { 0 } }, { 7, 8 }, { 0 }, 0, 1380 },
};

static void parts_and_rest_are_as_summed_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(sums); i++) {
		const struct sum *s = &sums[i];
		const struct tr_cost_shape card = { { 7, 8 }, s->open, s->n, s->slices };
		struct tr_cost_part parts[MAX];
		struct tr_cost_rest rest;

		tr_cost_split(&card, s->rule, parts, &rest);
		for (size_t p = 0; p < s->n; p++)
			if (!is_near(parts[p].own * price, s->own[p]))
				fail_msg("%s: slice %zu costs %.2f, not %.2f", s->what, p,
					parts[p].own * price, s->own[p]);
		if (!is_near(rest.stranded * price, s->stranded) ||
			!is_near(rest.open * price, s->open_price))
			fail_msg("%s: stranded %.2f, open %.2f", s->what, rest.stranded * price,
				rest.open * price);
	}
}

static void all_parts_add_up_to_the_card(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(sums); i++) {
		const struct sum *s = &sums[i];
		const struct tr_cost_shape card = { { 7, 8 }, s->open, s->n, s->slices };
		struct tr_cost_part parts[MAX];
		struct tr_cost_rest rest;
		double sum = 0;

		tr_cost_split(&card, s->rule, parts, &rest);
		for (size_t p = 0; p < s->n; p++)
			sum += parts[p].own + parts[p].stranded + parts[p].open;
		if (s->n == 0)
			sum = rest.stranded + rest.open;
		if (!is_near(sum * price, price))
			fail_msg("%s: the parts make %.2f", s->what, sum * price);
	}
}

/* The usual guide's: 1380 for a model alone, 690 each with two, about 197 each with seven,
 * whichever way the card is shared, since the whole card is paid for. */
static void the_guides_sums_come_out_by_every_rule(void **state)
{
	static const struct {
		size_t n;
		struct tr_cost_amount slice, open;
		double each;
	} rows[] = {
		{ 1, { 7, 8 }, { 0, 0 }, 1380 },
		{ 2, { 3, 4 }, { 0, 0 }, 690 },
		{ 2, { 2, 2 }, { 3, 4 }, 690 },
		{ 7, { 1, 1 }, { 0, 0 }, 197.14 },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		for (enum tr_cost_rule rule = TR_COST_LARGER; rule <= TR_COST_MEMORY; rule++) {
			struct tr_cost_amount slices[MAX];
			struct tr_cost_shape card = { { 7, 8 }, rows[i].open, rows[i].n, slices };
			struct tr_cost_part parts[MAX];
			struct tr_cost_rest rest;

			for (size_t s = 0; s < rows[i].n; s++)
				slices[s] = rows[i].slice;
			tr_cost_split(&card, rule, parts, &rest);
			for (size_t s = 0; s < rows[i].n; s++)
				assert_true(is_near(
					(parts[s].own + parts[s].stranded + parts[s].open) * price,
					rows[i].each));
		}
	}
}

static void what_is_stranded_falls_on_who_takes_more(void **state)
{
	const struct tr_cost_amount slices[] = { { 4, 4 }, { 2, 2 } };
	const struct tr_cost_shape card = { { 7, 8 }, { 1, 0 }, 2, slices };
	struct tr_cost_part parts[2];
	struct tr_cost_rest rest;

	(void)state;
	tr_cost_split(&card, TR_COST_MEMORY, parts, &rest);
	assert_true(is_near(rest.stranded, 0.25) && is_near(rest.open, 0));
	assert_true(is_near(parts[0].stranded, 2 * parts[1].stranded));
	assert_true(is_near(parts[0].stranded + parts[1].stranded, 0.25));
}

static void a_month_is_730_hours_and_a_year_12_months(void **state)
{
	(void)state;
	assert_true(is_near(tr_cost_convert(1380, TR_COST_MONTH, TR_COST_HOUR), 1.8904));
	assert_true(is_near(tr_cost_convert(1380, TR_COST_MONTH, TR_COST_YEAR), 16560));
	assert_true(is_near(tr_cost_convert(2, TR_COST_HOUR, TR_COST_MONTH), 1460));
	assert_true(is_near(tr_cost_convert(2, TR_COST_HOUR, TR_COST_YEAR), 17520));
	assert_true(is_near(tr_cost_convert(17520, TR_COST_YEAR, TR_COST_HOUR), 2));
	assert_true(is_near(tr_cost_convert(3, TR_COST_HOUR, TR_COST_HOUR), 3));
}

/* 5 of 80 GB are 6 %, two such models 12.5 %, seven 44 %. */
static void use_of_a_card_alone_now_and_full(void **state)
{
	const uint64_t gb = 1000000000;
	struct tr_cost_use use;

	(void)state;
	tr_cost_use(80 * gb, 5 * gb, 1, 7, &use);
	assert_true(is_near(use.alone * 100, 6.25) && is_near(use.now * 100, 6.25));
	tr_cost_use(80 * gb, 10 * gb, 2, 7, &use);
	assert_true(is_near(use.alone * 100, 6.25));
	assert_true(is_near(use.now * 100, 12.5));
	assert_true(is_near(use.full * 100, 43.75));
	tr_cost_use(80 * gb, 0, 0, 7, &use);
	assert_true(use.alone == 0 && use.now == 0 && use.full == 0);
	tr_cost_use(0, 0, 3, 7, &use);
	assert_true(use.now == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_and_rest_are_as_summed_by_hand),
		cmocka_unit_test(all_parts_add_up_to_the_card),
		cmocka_unit_test(the_guides_sums_come_out_by_every_rule),
		cmocka_unit_test(what_is_stranded_falls_on_who_takes_more),
		cmocka_unit_test(a_month_is_730_hours_and_a_year_12_months),
		cmocka_unit_test(use_of_a_card_alone_now_and_full),
	};

	return cmocka_run_group_tests_name("plan cost", tests, NULL, NULL);
}
