/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "cards.h"
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

enum { MAX = 8 };

/* "PROFILE", "PROFILE:START", or a number of MiB; what is held: "PROFILE:START". */
static const struct fit_case {
	const char *title, *product, *held[MAX], *wants[MAX], *places[MAX];
	const char *msg; /* NULL: all fit */
} cases[] = {
	{ "an empty card takes the largest", "a100-80gb", { 0 }, { "7g.80gb" }, { "0:0" }, NULL },
	{ "two halves", "a100-80gb", { 0 }, { "3g.40gb", "3g.40gb" }, { "0:0", "0:4" }, NULL },
	{ "the small one asked for first does not stand in the large one's way", "a100-80gb", { 0 },
		{ "1g.10gb", "4g.40gb", "2g.20gb" }, { "0:6", "0:0", "0:4" }, NULL },
	{ "seven of the smallest", "a100-80gb", { 0 },
		{ "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb" },
		{ "0:0", "0:1", "0:2", "0:3", "0:4", "0:5", "0:6" }, NULL },
	{ "what is there stays where it is", "a100-80gb", { "3g.40gb:0" }, { "3g.40gb", NULL },
		{ "0:4" }, NULL },
	{ "a start that was asked for", "a100-80gb", { 0 }, { "2g.20gb:2" }, { "0:2" }, NULL },
	{ "profiles by id", "a100-80gb", { 0 }, { "15", "14" }, { NULL }, NULL },
	{ "one lone slice goes where it leaves most open", "a100-80gb", { 0 }, { "1g.10gb" },
		{ "0:6" }, NULL },
	{ "by memory: the smallest that has it", "a100-80gb", { 0 }, { "9000" }, { "0:6" }, NULL },
	{ "two by memory fit where two of that size do", "a100-80gb", { 0 }, { "30000", "30000" },
		{ "0:0", "0:4" }, NULL },
	{ "four by memory fit where four of that size do", "a100-80gb", { 0 },
		{ "18000", "18000", "18000", "18000" }, { "0:0", "0:2", "0:4", "0:6" }, NULL },
	{ "no room, and what would fit", "a100-80gb", { "4g.40gb:0" }, { "3g.40gb", "2g.20gb" },
		{ 0 },
		"no room for want 2 (2g.20gb); there is room for want 1 (3g.40gb); "
		"GPU 0 (8 memory slices) holds 4g.40gb at 0:0 (stack 'held')" },
	{ "no room for any", "a100-80gb", { "7g.80gb:0" }, { "1g.10gb" }, { 0 },
		"no room for want 1 (1g.10gb); GPU 0 (8 memory slices) holds 7g.80gb at 0:0 (stack "
		"'held')" },
	{ "eight of the smallest: one too many", "a100-80gb", { 0 },
		{ "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb", "1g.10gb",
			"1g.10gb" },
		{ 0 },
		"no room for want 8 (1g.10gb); there is room for want 1 (1g.10gb), want 2 "
		"(1g.10gb), "
		"want 3 (1g.10gb), want 4 (1g.10gb), want 5 (1g.10gb), want 6 (1g.10gb), want 7 "
		"(1g.10gb); of 1g.10gb at most 7 fit; GPU 0 (8 memory slices) holds nothing" },
	{ "compute slices run out before memory slices", "a100-80gb",
		{ "2g.20gb:0", "2g.20gb:2", "2g.20gb:4" }, { "1g.20gb", "1g.20gb" }, { 0 },
		"no room for want 2 (1g.20gb); there is room for want 1 (1g.20gb); GPU 0 (8 memory "
		"slices) holds 2g.20gb at 0:0 (stack 'held'), 2g.20gb at 0:2 (stack 'held'), "
		"2g.20gb at 0:4 (stack 'held')" },
	{ "media engines exist once", "a100-80gb", { "1g.10gb+me:0" }, { "1g.10gb+me" }, { 0 },
		"no room for want 1 (1g.10gb+me); GPU 0 (8 memory slices) holds 1g.10gb+me at 0:0 "
		"(stack 'held')" },
	{ "all media engines leave room for slices without alone", "rtx-pro-6000-96gb",
		{ "1g.24gb+me.all:0" }, { "1g.24gb" }, { 0 },
		"no room for want 1 (1g.24gb); GPU 0 (12 memory slices) holds 1g.24gb+me.all at "
		"0:0 "
		"(stack 'held')" },
	{ "a slice without media engines beside one with all", "rtx-pro-6000-96gb",
		{ "1g.24gb+me.all:0" }, { "1g.24gb-me:3" }, { "0:3" }, NULL },
	{ "a profile the card does not have", "a30", { 0 }, { "2g.20gb" }, { 0 },
		"want 1 (2g.20gb): GPU 0 (A30-24GB) has no profile '2g.20gb'; it has 1g.6gb (14), "
		"1g.6gb+me (21), 2g.12gb (5), 2g.12gb+me (6), 4g.24gb (0)" },
	{ "a start the profile does not have", "a30", { 0 }, { "2g.12gb:1" }, { 0 },
		"want 1 (2g.12gb:1): on GPU 0 a 2g.12gb starts at 0, 2, not at 1" },
	{ "more memory than any slice has", "a30", { 0 }, { "99999" }, { 0 },
		"want 1 (99999): no slice of GPU 0 (A30-24GB) has 99999 MiB; it has 1g.6gb (14), "
		"1g.6gb+me (21), 2g.12gb (5), 2g.12gb+me (6), 4g.24gb (0)" },
};

static void wants_are_placed_or_refused_with_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		const struct fit_case *c = &cases[i];
		struct tr_plan_want wants[MAX] = { 0 };
		struct tr_plan_place places[MAX] = { 0 };
		char names[MAX][32], whos[MAX][64];
		struct tr_err err = { 0 };
		struct card card;
		size_t n = 0;
		int r;

		card_init(&card, 0, c->product);
		for (size_t h = 0; h < MAX && c->held[h]; h++)
			card_hold(&card, c->held[h]);
		for (; n < MAX && c->wants[n]; n++)
			want_init(&wants[n], c->wants[n], names[n], whos[n], n + 1);
		r = tr_plan_fit(&card.gpu, 1, wants, n, places, &err);
		if ((r == 0) != !c->msg || (c->msg && strcmp(err.msg, c->msg) != 0))
			fail_msg("%s: %d '%s'", c->title, r, err.msg);
		for (size_t w = 0; w < n && !c->msg; w++) {
			char place[32];

			snprintf(place, sizeof(place), "%u:%u", places[w].gpu_idx, places[w].start);
			if (c->places[w] && strcmp(place, c->places[w]) != 0)
				fail_msg("%s: want %zu is at %s, not at %s", c->title, w + 1, place,
					c->places[w]);
		}
	}
}

static void refusal_says_what_to_type(void **state)
{
	struct tr_plan_want wants[2];
	struct tr_plan_place places[2];
	char names[2][32], whos[2][64];
	struct tr_err err = { 0 };
	struct card card;

	(void)state;
	card_init(&card, 0, "a30");
	for (size_t i = 0; i < 2; i++)
		want_init(&wants[i], "4g.24gb", names[i], whos[i], i + 1);
	assert_int_equal(tr_plan_fit(&card.gpu, 1, wants, 2, places, &err), -TR_E_NO_ROOM);
	assert_non_null(strstr(err.hint, "tranche slices"));
	assert_non_null(strstr(err.hint, "tranche down"));
}

static void a_card_can_be_named(void **state)
{
	struct tr_plan_want want;
	struct tr_plan_place place;
	char name[32], who[64];
	struct tr_err err = { 0 };
	struct card cards[2];
	struct tr_plan_gpu gpus[2];

	(void)state;
	card_init(&cards[0], 3, "a100-80gb");
	card_init(&cards[1], 5, "a30");
	gpus[0] = cards[0].gpu;
	gpus[1] = cards[1].gpu;
	want_init(&want, "14", name, who, 1); /* 2g.20gb on one card, 1g.6gb on the other */
	want.gpu = 5;
	assert_int_equal(tr_plan_fit(gpus, 2, &want, 1, &place, &err), 0);
	assert_int_equal(place.gpu_idx, 5);
	assert_string_equal(place.profile->name, "1g.6gb");
	want.gpu = 3;
	assert_int_equal(tr_plan_fit(gpus, 2, &want, 1, &place, &err), 0);
	assert_string_equal(place.profile->name, "2g.20gb");
	want.gpu = 4;
	assert_int_equal(tr_plan_fit(gpus, 2, &want, 1, &place, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "there is no GPU 4"));
	want.gpu = -1;
	want.profile = "2g.12gb"; /* only the second has it */
	assert_int_equal(tr_plan_fit(gpus, 2, &want, 1, &place, &err), 0);
	assert_int_equal(place.gpu_idx, 5);
	assert_int_equal(tr_plan_fit(gpus, 0, &want, 1, &place, &err), -TR_E_INVALID);
	assert_int_equal(tr_plan_fit(gpus, 2, &want, 0, &place, &err), 0);
}

static void capacity_counts_what_is_left(void **state)
{
	/* Captured on an A100-40GB: free counts as slices are cut (mig -lgip). */
	static const struct {
		const char *held;
		uint32_t free[7]; /* 19, 20, 15, 14, 9, 5, 0 */
	} rows[] = { { NULL, { 7, 1, 4, 3, 2, 1, 1 } }, { "4g.20gb:0", { 3, 1, 2, 1, 1, 0, 0 } },
		{ "2g.10gb:4", { 1, 1, 1, 0, 0, 0, 0 } }, { "1g.5gb:6", { 0, 0, 0, 0, 0, 0, 0 } } };
	static const uint32_t ids[] = { 19, 20, 15, 14, 9, 5, 0 };
	struct card card;

	(void)state;
	card_init(&card, 0, "a100-40gb");
	for (size_t r = 0; r < TR_COUNT(rows); r++) {
		if (rows[r].held)
			card_hold(&card, rows[r].held);
		for (size_t i = 0; i < TR_COUNT(ids); i++) {
			const struct tr_plan_profile *profile = card_profile(&card, ids[i]);
			uint32_t n_open = 0;

			assert_int_equal(tr_plan_capacity(&card.gpu, profile), rows[r].free[i]);
			for (uint32_t s = 0; s < profile->n_starts; s++)
				n_open += tr_plan_start_is_free(
					&card.gpu, profile, profile->starts[s]);
			assert_int_equal(n_open > 0, rows[r].free[i] > 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_are_placed_or_refused_with_reasons),
		cmocka_unit_test(refusal_says_what_to_type),
		cmocka_unit_test(a_card_can_be_named),
		cmocka_unit_test(capacity_counts_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
