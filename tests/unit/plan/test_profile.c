/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/profile.h"

#include <string.h>

#define HEAD "Mig instance,Batch size,Workload Number,Throughput,Latency\n"

static const struct {
	const char *text, *msg;
} refused[] = {
	{ "", "x.csv:1: no rows" },
	{ HEAD, "x.csv:1: no rows" },
	{ "1,1,1,50,0.02\n", "x.csv:1: the first line is not 'Mig instance,Batch size,Workload "
			     "Number,Throughput,Latency'" },
	{ HEAD "1,1,1,50\n", "x.csv:2: fewer than 5 fields" },
	{ HEAD "1,1,1,50,0.02,9\n", "x.csv:2: over 5 fields" },
	{ HEAD "0,1,1,50,0.02\n",
		"x.csv:2: the first field is a number of compute slices, 1 to 16" },
	{ HEAD "1,1,1,50,0.02\n1,x,1,50,0.02\n",
		"x.csv:3: the second field is a batch size, 1 or more" },
	{ HEAD "1,1,1.5,50,0.02\n", "x.csv:2: the third field is a number of processes, 1 to 48" },
	{ HEAD "1,1,1,-50,0.02\n", "x.csv:2: the fourth field is requests a second and process" },
	{ HEAD "1,1,1,50,\n", "x.csv:2: the fifth field is a latency in seconds" },
	{ HEAD "1,1,1,0,0.02\n",
		"x.csv:2: a row that did not run has throughput 0 and latency 0, both" },
	{ HEAD "1,1,1,50,20\n",
		"x.csv:2: 50.000 requests a second with a latency of 20.000 s would be batches of "
		"1e+03, not of 1" },
	{ HEAD "1,1,1,50,0.02\n1,1,1,50,0.02\n",
		"x.csv:3: 1 slices, batch 1, 1 processes stand in line 2 too" },
	{ HEAD "1,1,1,50,0.02\n1,2,1,60,0.03\n2,1,1,99,0.01\n",
		"x.csv:3: batch 2 with 1 processes stands here for 1 slices, but nowhere for 2" },
};

static void what_is_wrong_is_told_with_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(refused); i++) {
		struct tr_profile profile = { 0 };
		struct tr_err err = { 0 };

		assert_int_equal(tr_profile_parse(refused[i].text, strlen(refused[i].text), "x.csv",
					 &profile, &err),
			-TR_E_INVALID);
		assert_string_equal(err.msg, refused[i].msg);
		assert_null(profile.rows);
	}
}

static const char sample[] = HEAD "1,1,1,50,0.02\r\n1,1,2,30,0.033\n1,4,1,80,0.05\n1,4,2,0,0\n"
				  "2,1,1,90,0.011\n2,1,2,60,0.0166\n2,4,1,160,0.025\n2,4,2,0,0";

/* Latency in ms, processes, percent; the line that is best on one and on two slices, 0: none. */
static const struct {
	int64_t latency_ms;
	uint32_t processes, percent, line[2];
} asks[] = {
	{ 1000, 0, 0, { 4, 8 } },
	{ 1000, 1, 0, { 4, 8 } },
	{ 100, 0, 0, { 3, 8 } },
	{ 100, 1, 0, { 2, 8 } },
	{ 50, 0, 0, { 2, 7 } },
	{ 20, 0, 0, { 0, 0 } },
	{ 25, 0, 0, { 0, 6 } },
	{ 20, 0, 100, { 0, 7 } },
	{ 21, 0, 100, { 2, 7 } },
};

static void the_row_that_carries_most_in_time_is_taken(void **state)
{
	TR_AUTO(tr_profile_done) struct tr_profile profile = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_profile_parse(sample, strlen(sample), "x.csv", &profile, &err), 0);
	assert_int_equal(profile.n, 8);
	assert_int_equal(tr_profile_fastest(&profile), 11000);
	for (size_t i = 0; i < TR_COUNT(asks); i++) {
		struct tr_profile_ask ask = { asks[i].latency_ms * 1000, asks[i].processes,
			asks[i].percent };

		for (uint32_t k = 0; k < 2; k++) {
			const struct tr_profile_row *row = tr_profile_best(&profile, k + 1, &ask);

			assert_int_equal(row ? row->line : 0, asks[i].line[k]);
		}
	}
}

static void all_processes_of_a_slice_carry(void **state)
{
	struct tr_profile_row row = { .processes = 3, .rate_micro = 44542000 };

	(void)state;
	assert_int_equal(tr_profile_carries(&row), 133626000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_told_with_file_and_line),
		cmocka_unit_test(the_row_that_carries_most_in_time_is_taken),
		cmocka_unit_test(all_processes_of_a_slice_carry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
