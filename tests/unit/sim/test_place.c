/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's own choice of places, against every public log of it (mig-geometry 5.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/place.h"

#include <string.h>

enum { MAX_STEPS = 8, FAILS = -1, END = -2 };

/* Profiles asked for one after another, and the GPU-instance ids that came. */
static const struct sequence {
	const char *product;
	enum tr_chip_kind chip;
	int profiles[MAX_STEPS], gi_ids[MAX_STEPS];
} sequences[] = {
	{ "a100-80gb", TR_CHIP_NORMAL, { 19, 19, 19, 19, 19, 19, 19, END },
		{ 13, 11, 12, 7, 8, 9, 10 } },
	{ "h100-sxm5-80gb", TR_CHIP_NORMAL, { 19, 19, 19, 19, 19, 19, 19, END },
		{ 13, 11, 12, 7, 8, 9, 10 } },
	{ "h100-nvl-94gb", TR_CHIP_NORMAL, { 19, 19, 19, 19, 19, 19, 19, END },
		{ 13, 11, 12, 7, 8, 9, 10 } },
	{ "h100-pcie-80gb", TR_CHIP_SWAPPED, { 19, 19, 19, 19, 19, 19, 19, END },
		{ 9, 7, 8, 11, 12, 13, 14 } },
	{ "a100-40gb", TR_CHIP_SWAPPED, { 19, 19, 19, 19, 19, 19, 19, END },
		{ 9, 7, 8, 11, 12, 13, 14 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 9, 9, END }, { 2, 1 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 19, 14, 5, END }, { 13, 5, 1 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 9, 19, 14, 19, END }, { 2, 7, 4, 8 } },
	{ "a100-40gb", TR_CHIP_SWAPPED, { 9, 19, 14, 19, END }, { 1, 11, 6, 12 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 14, 19, 19, 19, 19, 19, END }, { 5, 13, 7, 8, 9, 10 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 19, 19, 14, 9, END }, { 13, 11, 3, FAILS } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 9, 14, 19, 19, END }, { 2, 3, 9, 10 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 9, 14, 19, END }, { 2, 3, 9 } },
	{ "a100-40gb", TR_CHIP_SWAPPED, { 9, 14, 19, END }, { 1, 5, 13 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 14, 14, 14, 20, END }, { 5, 3, 4, 13 } },
	{ "a100-80gb", TR_CHIP_SWAPPED, { 14, 14, 19, END }, { 3, 5, 9 } },
	{ "h100-sxm5-80gb", TR_CHIP_NORMAL, { 9, 14, END }, { 2, 3 } },
	{ "h100-sxm5-80gb", TR_CHIP_NORMAL, { 15, END }, { 5 } },
	{ "gh200-96gb", TR_CHIP_NORMAL, { 15, 15, 15, END }, { 5, 3, 4 } },
	{ "h100-nvl-94gb", TR_CHIP_SWAPPED, { 9, 15, 19, END }, { 1, 5, 13 } },
	{ "a100-80gb", TR_CHIP_SWAPPED, { 9, 5, END }, { 1, 2 } },
	{ "a100-80gb", TR_CHIP_NORMAL, { 5, 9, END }, { 1, 2 } },
	{ "a100-40gb", TR_CHIP_SWAPPED, { 5, END }, { 2 } },
	{ "a100-40gb", TR_CHIP_SWAPPED, { 5, 14, 19, END }, { 2, 3, 9 } },
	{ "a30", TR_CHIP_NORMAL, { 14, 14, 5, END }, { 3, 4, 2 } },
	{ "rtx-pro-6000-server", TR_CHIP_NORMAL, { 14, 14, 14, 14, END }, { 3, 4, 5, 6 } },
	{ "rtx-pro-6000-server", TR_CHIP_NORMAL, { 5, 14, 14, END }, { 1, 5, 6 } },
	/* What the rule says where no log was found. */
	{ "a100-40gb", TR_CHIP_NORMAL, { 15, 15, 15, 15, END }, { 5, 3, 4, 6 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 5, 15, 15, END }, { 1, 5, 6 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 14, 9, END }, { 5, 1 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 14, 14, 9, END }, { 5, 3, FAILS } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 19, 9, END }, { 13, 1 } },
	{ "a100-40gb", TR_CHIP_NORMAL, { 15, 9, END }, { 5, 1 } },
};

static int create(const struct tr_gpu_model *model, enum tr_chip_kind chip, struct tr_sim_gpu *gpu,
	uint32_t profile_id, int start)
{
	const struct tr_gi_profile *profile = tr_facts_profile_by_id(model, profile_id);
	int gi_id;

	assert_non_null(profile);
	if (start < 0)
		start = tr_place_gi_start(model, gpu, profile);
	if (start < 0)
		return FAILS;
	gi_id = tr_facts_gi_id(model, chip, (uint32_t)start, profile->size);
	assert_in_range(gi_id, 0, TR_SIM_MAX_GIS - 1);
	assert_false(gpu->gis[gi_id].exists);
	gpu->gis[gi_id] = (struct tr_sim_gi){ .exists = 1,
		.profile_id = (uint8_t)profile_id,
		.start = (uint8_t)start,
		.size = (uint8_t)profile->size };
	return gi_id;
}

static void lands_where_the_logs_show(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(sequences); i++) {
		const struct sequence *seq = &sequences[i];
		const struct tr_gpu_model *model = tr_facts_product(seq->product)->model;
		struct tr_sim_gpu gpu = { 0 };

		for (int step = 0; seq->profiles[step] != END; step++) {
			int got = create(model, seq->chip, &gpu, (uint32_t)seq->profiles[step], -1);

			if (got != seq->gi_ids[step])
				fail_msg("sequence %zu (%s), step %d: id %d, not %d", i,
					seq->product, step, got, seq->gi_ids[step]);
		}
	}
}

/* Profiles 19 20 15 14 9 5 0; what was there before, as (profile, start). */
static const struct {
	int there[4][2];
	uint32_t free[7];
} capacities[] = {
	{ { { END, 0 } }, { 7, 1, 4, 3, 2, 1, 1 } },
	{ { { 5, 0 }, { END, 0 } }, { 3, 1, 2, 1, 1, 0, 0 } },
	{ { { 5, 0 }, { 14, 4 }, { END, 0 } }, { 1, 1, 1, 0, 0, 0, 0 } },
	{ { { 5, 0 }, { 14, 4 }, { 19, 6 }, { END, 0 } }, { 0, 0, 0, 0, 0, 0, 0 } },
	{ { { 19, 4 }, { 19, 6 }, { END, 0 } }, { 5, 1, 2, 2, 1, 1, 0 } },
	{ { { 9, 0 }, { 20, 4 }, { 19, 6 }, { END, 0 } }, { 1, 0, 0, 0, 0, 0, 0 } },
};

static void free_counts_are_the_captured_ones(void **state)
{
	static const uint32_t ids[] = { 19, 20, 15, 14, 9, 5, 0 };
	const struct tr_gpu_model *model = tr_facts_product("a100-40gb")->model;

	(void)state;
	for (size_t i = 0; i < TR_COUNT(capacities); i++) {
		struct tr_sim_gpu gpu = { 0 };

		for (int n = 0; capacities[i].there[n][0] != END; n++)
			create(model, TR_CHIP_NORMAL, &gpu, (uint32_t)capacities[i].there[n][0],
				capacities[i].there[n][1]);
		for (size_t p = 0; p < TR_COUNT(ids); p++) {
			uint32_t got = tr_place_gi_capacity(
				model, &gpu, tr_facts_profile_by_id(model, ids[p]));

			if (got != capacities[i].free[p])
				fail_msg("state %zu, profile %u: %u free, not %u", i, ids[p], got,
					capacities[i].free[p]);
		}
	}
}

static void media_engines_are_given_once(void **state)
{
	const struct tr_gpu_model *rtx = tr_facts_product("rtx-pro-6000-server")->model;
	const struct tr_gpu_model *a30 = tr_facts_product("a30")->model;
	struct tr_sim_gpu gpu = { 0 };

	(void)state;
	assert_true(create(a30, TR_CHIP_NORMAL, &gpu, 21, -1) >= 0);
	assert_int_equal(create(a30, TR_CHIP_NORMAL, &gpu, 6, -1), FAILS);
	assert_true(create(a30, TR_CHIP_NORMAL, &gpu, 14, -1) >= 0);
	gpu = (struct tr_sim_gpu){ 0 };
	assert_true(create(rtx, TR_CHIP_NORMAL, &gpu, 65, -1) >= 0);
	assert_int_equal(create(rtx, TR_CHIP_NORMAL, &gpu, 14, -1), FAILS);
	assert_true(create(rtx, TR_CHIP_NORMAL, &gpu, 67, -1) >= 0);
}

static const struct {
	const char *product;
	uint32_t gi_profile;
	int ci_profiles[MAX_STEPS], starts[MAX_STEPS];
} compute[] = {
	{ "a100-40gb", 9, { 0, 0, 0, 0, END }, { 0, 1, 2, FAILS } },
	{ "a100-40gb", 14, { 0, 0, END }, { 0, 1 } },
	{ "a100-40gb", 9, { 2, 0, END }, { 0, FAILS } },
	{ "h100-sxm5-80gb", 9, { 0, 0, 0, 0, END }, { 2, 0, 1, FAILS } },
	{ "h100-sxm5-80gb", 9, { 2, 0, END }, { 0, FAILS } },
	{ "h100-sxm5-80gb", 14, { 1, END }, { 0 } },
	{ "h100-sxm5-80gb", 5, { 3, END }, { 0 } },
	{ "h100-sxm5-80gb", 0, { 4, END }, { 0 } },
	{ "h100-sxm5-80gb", 15, { 7, 7, END }, { 0, FAILS } },
	{ "a100-40gb", 0, { 4, END }, { 0 } },
};

static void compute_instances_land_as_logged(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(compute); i++) {
		const struct tr_gpu_model *model = tr_facts_product(compute[i].product)->model;
		const struct tr_gi_profile *profile =
			tr_facts_profile_by_id(model, compute[i].gi_profile);
		struct tr_sim_gi gi = { .exists = 1 };

		for (int step = 0; compute[i].ci_profiles[step] != END; step++) {
			const struct tr_ci_profile *ci_profile = NULL;
			int start;

			for (uint32_t p = 0; p < profile->n_ci_profiles; p++)
				if ((int)profile->ci_profiles[p].id == compute[i].ci_profiles[step])
					ci_profile = &profile->ci_profiles[p];
			assert_non_null(ci_profile);
			start = tr_place_ci_start(model, profile, &gi, ci_profile);
			if (start != compute[i].starts[step])
				fail_msg("row %zu step %d: start %d, not %d", i, step, start,
					compute[i].starts[step]);
			if (start < 0)
				continue;
			gi.cis[step] = (struct tr_sim_ci){ .exists = 1,
				.profile_id = (uint8_t)ci_profile->id,
				.start = (uint8_t)start,
				.size = (uint8_t)tr_place_ci_size(ci_profile) };
		}
	}
}

static void every_profile_fits_an_empty_card(void **state)
{
	const struct tr_gpu_model *models;
	size_t n_models;

	(void)state;
	models = tr_facts_models(&n_models);
	for (size_t m = 0; m < n_models; m++) {
		for (uint32_t p = 0; p < models[m].n_profiles; p++) {
			const struct tr_gi_profile *profile = &models[m].profiles[p];
			struct tr_sim_gpu gpu = { 0 };
			struct tr_sim_gi gi = { .exists = 1 };

			assert_int_equal(tr_place_gi_capacity(&models[m], &gpu, profile),
				profile->max_instances);
			assert_true(tr_place_gi_start(&models[m], &gpu, profile) >= 0);
			for (uint32_t c = 0; c < profile->n_ci_profiles; c++)
				if (tr_place_ci_capacity(
					    &models[m], profile, &gi, &profile->ci_profiles[c]) !=
					profile->ci_profiles[c].max_instances)
					fail_msg("%s: capacity of %s is not %u", models[m].key,
						profile->ci_profiles[c].name,
						profile->ci_profiles[c].max_instances);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lands_where_the_logs_show),
		cmocka_unit_test(free_counts_are_the_captured_ones),
		cmocka_unit_test(media_engines_are_given_once),
		cmocka_unit_test(compute_instances_land_as_logged),
		cmocka_unit_test(every_profile_fits_an_empty_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
