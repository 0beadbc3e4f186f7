/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/card.h"

/* Of an A100, counted by brute force over its places (see data/gpus); bit 1 is profile 15. */
static const struct {
	const char *product;
	uint32_t sizes;
	size_t n_mixes, n_full;
} counts[] = {
	{ "a100-80gb", ~0u, 78, 28 },
	{ "a100-80gb", ~(1u << 1), 38, 12 },
	{ "h100-sxm5-80gb", ~(1u << 1), 38, 12 },
	{ "a30", ~0u, 10, 4 },
};

static void mixes_are_counted_as_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(counts); i++) {
		TR_AUTO(tr_card_done) struct tr_card card = { 0 };
		struct tr_err err = { 0 };
		size_t n_full = 0;

		assert_int_equal(tr_card_init(tr_facts_product(counts[i].product)->model,
					 counts[i].sizes, &card, &err),
			0);
		for (size_t k = 0; k < card.n_mixes; k++)
			n_full += card.mixes[k].is_full;
		assert_int_equal(card.n_mixes, counts[i].n_mixes);
		assert_int_equal(n_full, counts[i].n_full);
	}
}

/* By size, the smallest first: 1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb. */
static const struct {
	uint8_t n[TR_CARD_SIZES];
	int stranded; /* -1: there is no such mix */
} mixes[] = {
	{ { 0 }, 0 },
	{ { 0, 0, 0, 0, 0, 1 }, 0 },
	{ { 1 }, 0 },
	{ { 7 }, 1 },
	{ { 8 }, -1 },
	{ { 0, 0, 0, 2 }, 0 },
	{ { 1, 0, 0, 2 }, -1 },
	{ { 0, 0, 0, 1, 1 }, 0 },
	{ { 0, 0, 3 }, 0 },
	{ { 0, 2, 3 }, -1 },
	{ { 1, 0, 1, 0, 1 }, 1 },
	{ { 0, 1, 1, 0, 1 }, 0 },
};

static void a_mix_is_placed_so_that_the_least_memory_is_stranded(void **state)
{
	TR_AUTO(tr_card_done) struct tr_card card = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_card_init(tr_facts_product("a100-80gb")->model, ~0u, &card, &err), 0);
	for (size_t i = 0; i < TR_COUNT(mixes); i++) {
		int32_t at = tr_card_mix_find(&card, mixes[i].n);

		assert_int_equal(at < 0 ? -1 : card.mixes[at].stranded, mixes[i].stranded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mixes_are_counted_as_by_hand),
		cmocka_unit_test(a_mix_is_placed_so_that_the_least_memory_is_stranded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
