/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/near.h"

#include <stdio.h>
#include <string.h>

static void distance_counts_single_slips(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{ "", "", 0 },
		{ "slices", "slices", 0 },
		{ "", "up", 2 },
		{ "slces", "slices", 1 },
		{ "sslices", "slices", 1 },
		{ "slaces", "slices", 1 },
		{ "slcies", "slices", 1 }, /* neighbours swapped are one slip, not two */
		{ "kitten", "sitting", 3 },
		{ "abc", "xyz", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *a = cases[i].a, *b = cases[i].b;

		assert_int_equal(tr_near_distance(a, strlen(a), b, strlen(b)), cases[i].distance);
		assert_int_equal(tr_near_distance(b, strlen(b), a, strlen(a)), cases[i].distance);
	}
}

static void words_of_any_length_are_compared(void **state)
{
	char a[500], b[500];

	(void)state;
	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	assert_int_equal(tr_near_distance(a, sizeof(a), b, sizeof(b)), 0);
	b[0] = 'b';
	assert_int_equal(tr_near_distance(a, sizeof(a), b, sizeof(b)), 1);
}

static struct tr_near nearest(const char *wrong)
{
	static const char *const names[] = { "profiles", "slices", "create", "destroy", "up", "ps",
		"restart", "down", "dry-run" };
	struct tr_near near = { .wrong = wrong };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tr_near_offer(&near, names[i], strlen(names[i]));
	return near;
}

static void a_slip_finds_its_name(void **state)
{
	static const char *const cases[][2] = { { "slcies", "slices" }, { "prof", "profiles" },
		{ "craete", "create" }, { "resart", "restart" }, { "dryrun", "dry-run" },
		{ "pss", "ps" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_near near = nearest(cases[i][0]);

		assert_int_not_equal(near.n, 0);
		assert_string_equal(near.v[0], cases[i][1]);
	}
}

static void what_is_far_off_finds_nothing(void **state)
{
	char word[500];

	(void)state;
	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(nearest(word).n, 0);
	assert_int_equal(nearest("xyzzy").n, 0);
	assert_int_equal(nearest("kubernetes").n, 0);
	assert_int_equal(nearest("q").n, 0);
	assert_int_equal(nearest("").n, 0);
}

static void only_the_nearest_are_kept_and_no_more_than_three(void **state)
{
	struct tr_near near = { .wrong = "abcdefghi" };

	(void)state;
	tr_near_offer(&near, "abcdefxyz", 9);
	tr_near_offer(&near, "abcdefgxy", 9);
	assert_int_equal(near.n, 1);
	assert_string_equal(near.v[0], "abcdefgxy");
	tr_near_offer(&near, "abcdefxyz", 9);
	tr_near_offer(&near, "abcdefguv", 9);
	tr_near_offer(&near, "abcdefgst", 9);
	tr_near_offer(&near, "abcdefgqr", 9);
	assert_int_equal(near.n, 3);
	assert_int_equal(near.distance, 2);
	assert_string_equal(near.v[2], "abcdefgst");
}

static void the_same_name_counts_once(void **state)
{
	struct tr_near near = { .wrong = "virtul" };

	(void)state;
	tr_near_offer(&near, "virtual create", 7);
	tr_near_offer(&near, "virtual list", 7);
	assert_int_equal(near.n, 1);
	assert_int_equal(near.len[0], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_single_slips),
		cmocka_unit_test(words_of_any_length_are_compared),
		cmocka_unit_test(a_slip_finds_its_name),
		cmocka_unit_test(what_is_far_off_finds_nothing),
		cmocka_unit_test(only_the_nearest_are_kept_and_no_more_than_three),
		cmocka_unit_test(the_same_name_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
