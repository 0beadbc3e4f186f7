/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facts/facts.h"

#include <stdio.h>
#include <string.h>

#define EACH_MODEL(model, n)                                                           \
	for (const struct tr_gpu_model *model = tr_facts_models(&n), *end = model + n; \
		model < end; model++)

static void each_placement_is_inside_the_card(void **state)
{
	size_t n;

	(void)state;
	EACH_MODEL(model, n)
	{
		for (uint32_t p = 0; p < model->n_profiles; p++) {
			const struct tr_gi_profile *profile = &model->profiles[p];

			assert_in_range(profile->size, 1, model->memory_slices);
			assert_in_range(profile->slices, 1, model->compute_slices);
			assert_in_range(profile->n_starts, 1, 8);
			for (uint32_t s = 0; s < profile->n_starts; s++) {
				assert_true(
					profile->starts[s] + profile->size <= model->memory_slices);
				if (s)
					assert_true(profile->starts[s] > profile->starts[s - 1]);
			}
			assert_in_range(profile->max_instances, 1, profile->n_starts);
			assert_true(
				profile->max_instances * profile->slices <= model->compute_slices);
			assert_true(profile->max_instances * profile->memory_mib <=
				    model->memory_total_mib);
		}
	}
	assert_true(n >= 9);
}

static void each_name_reads_back_and_follows_the_rule(void **state)
{
	size_t n;

	(void)state;
	EACH_MODEL(model, n)
	{
		for (uint32_t p = 0; p < model->n_profiles; p++) {
			const struct tr_gi_profile *profile = &model->profiles[p];
			struct tr_profile_name name;
			char again[64];

			assert_true(tr_facts_parse_name(profile->name, &name));
			assert_int_equal(name.slices, profile->slices);
			assert_int_equal(name.compute, profile->slices);
			assert_int_equal(name.gb,
				tr_facts_name_gb(profile->memory_mib, model->memory_total_mib));
			snprintf(again, sizeof(again), "%ug.%ugb%s", name.slices, name.gb,
				name.attr);
			assert_string_equal(again, profile->name);
		}
	}
}

static void each_number_is_unique_on_its_card(void **state)
{
	size_t n;

	(void)state;
	EACH_MODEL(model, n)
	{
		for (uint32_t p = 0; p < model->n_profiles; p++) {
			const struct tr_gi_profile *profile = &model->profiles[p];

			/* The first that is found is the very row: no other has its numbers. */
			assert_ptr_equal(tr_facts_profile_by_id(model, profile->id), profile);
			assert_ptr_equal(
				tr_facts_profile_by_enum(model, profile->nvml_enum), profile);
			assert_ptr_equal(tr_facts_profile_by_name(model, profile->name), profile);
		}
		assert_null(tr_facts_profile_by_id(model, 99));
		assert_null(tr_facts_profile_by_enum(model, 99));
		assert_null(tr_facts_profile_by_name(model, "9g.99gb"));
	}
}

static void each_compute_profile_fits_and_one_spans(void **state)
{
	size_t n;

	(void)state;
	EACH_MODEL(model, n)
	{
		for (uint32_t p = 0; p < model->n_profiles; p++) {
			const struct tr_gi_profile *profile = &model->profiles[p];
			const struct tr_ci_profile *spanning = tr_facts_default_ci(profile);
			uint32_t ids = 0, n_default = 0;

			assert_non_null(spanning);
			assert_int_equal(spanning->slices, profile->slices);
			assert_int_equal(spanning->sm, profile->sm);
			assert_int_equal(spanning->max_instances, 1);
			for (uint32_t c = 0; c < profile->n_ci_profiles; c++) {
				const struct tr_ci_profile *ci = &profile->ci_profiles[c];
				struct tr_profile_name name, whole;

				assert_in_range(ci->id, 0, 31);
				assert_false(ids >> ci->id & 1);
				ids |= 1u << ci->id;
				n_default += ci->is_default;
				assert_true(tr_facts_parse_name(ci->name, &name));
				assert_true(tr_facts_parse_name(profile->name, &whole));
				assert_int_equal(name.compute, ci->slices);
				assert_int_equal(name.slices, profile->slices);
				assert_int_equal(name.gb, whole.gb);
				assert_string_equal(name.attr, "");
				assert_true(ci->slices * ci->max_instances <= profile->slices);
				assert_true(ci->sm * ci->max_instances <= profile->sm);
			}
			assert_int_equal(n_default, 1);
		}
	}
}

/* Both chip kinds know the same places, and each place has an id of its own. */
static void each_place_has_an_instance_id(void **state)
{
	size_t n;

	(void)state;
	EACH_MODEL(model, n)
	{
		for (int chip = 0; chip < 2; chip++) {
			uint32_t ids = 0;

			if (chip == TR_CHIP_SWAPPED && model->n_places[chip] == 0)
				continue;
			for (uint32_t i = 0; i < model->n_places[chip]; i++) {
				const struct tr_gi_place *place = &model->places[chip][i];

				assert_in_range(place->gi_id, 0, 14);
				assert_false(ids >> place->gi_id & 1);
				ids |= 1u << place->gi_id;
				assert_int_equal(tr_facts_gi_id(model, (enum tr_chip_kind)chip,
							 place->start, place->size),
					place->gi_id);
				assert_true(tr_facts_gi_id(model, TR_CHIP_NORMAL, place->start,
						    place->size) >= 0);
			}
			for (uint32_t p = 0; p < model->n_profiles; p++)
				for (uint32_t s = 0; s < model->profiles[p].n_starts; s++)
					assert_true(tr_facts_gi_id(model, (enum tr_chip_kind)chip,
							    model->profiles[p].starts[s],
							    model->profiles[p].size) >= 0);
			assert_int_equal(tr_facts_gi_id(model, (enum tr_chip_kind)chip, 0, 99), -1);
		}
	}
}

static void cards_without_mig_have_nothing_to_cut(void **state)
{
	size_t n, n_without = 0;

	(void)state;
	EACH_MODEL(model, n)
	{
		assert_true(model->memory_total_mib > 0);
		assert_int_equal(model->has_mig, model->n_profiles > 0);
		assert_int_equal(model->has_mig, model->n_places[TR_CHIP_NORMAL] > 0);
		assert_int_equal(model->has_mig, model->ci_rule != TR_CI_NONE);
		n_without += !model->has_mig;
	}
	assert_true(n_without >= 1); /* refusals need one to be tried on */
}

static void products_are_found_by_each_of_their_names(void **state)
{
	const struct tr_gpu_model *models;
	const struct tr_gpu_product *products;
	size_t n, n_models;

	(void)state;
	products = tr_facts_products(&n);
	models = tr_facts_models(&n_models);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(tr_facts_product(products[i].key), &products[i]);
		assert_ptr_equal(tr_facts_product_by_name(products[i].name), &products[i]);
		assert_ptr_equal(tr_facts_product_by_pci(products[i].pci_device_id), &products[i]);
		assert_in_range(products[i].model - models, 0, n_models - 1);
		assert_true(strlen(products[i].key) < 32); /* TR_SIM_NAME_MAX */
	}
	for (size_t m = 0; m < n_models; m++)
		assert_non_null(tr_facts_product(models[m].key));
	assert_ptr_equal(tr_facts_product("a100-80gb"), tr_facts_product("a100-sxm4-80gb"));
	assert_null(tr_facts_product("voodoo2"));
	assert_null(tr_facts_product(""));
	assert_null(tr_facts_product_by_pci(0));
	assert_null(tr_facts_product_by_name("NVIDIA"));
}

/* What the usual guide has wrong, and its other traps. */
static void numbers_of_the_a100_80gb_are_right(void **state)
{
	const struct tr_gpu_model *model = tr_facts_product("a100-80gb")->model;

	(void)state;
	assert_string_equal(tr_facts_profile_by_id(model, 15)->name, "1g.20gb");
	assert_string_equal(tr_facts_profile_by_id(model, 14)->name, "2g.20gb");
	assert_string_equal(tr_facts_profile_by_id(model, 9)->name, "3g.40gb");
	assert_int_equal(tr_facts_profile_by_name(model, "MIG 1g.10gb")->max_instances, 7);
	assert_int_equal(tr_facts_profile_by_name(model, "2g.20gb")->memory_mib, 19968);
}

static void names_are_taken_apart(void **state)
{
	static const struct {
		const char *text;
		struct tr_profile_name name;
	} good[] = {
		{ "1g.10gb", { 1, 1, 10, "" } },
		{ "MIG 2g.20gb", { 2, 2, 20, "" } },
		{ "1c.3g.40gb", { 1, 3, 40, "" } },
		{ "1g.10gb+me", { 1, 1, 10, "+me" } },
		{ "MIG 1c.2g.48gb+me.all", { 1, 2, 48, "+me.all" } },
		{ "4g.96gb+gfx", { 4, 4, 96, "+gfx" } },
		{ "1g.24gb-me", { 1, 1, 24, "-me" } },
	};
	static const char *const bad[] = { "", "MIG ", "1g", "1g.", "1g.10", "g.10gb", "1g.gb",
		"1g.10gb ", " 1g.10gb", "1g.10gb+", "1g.10gb+me+gfx", "1g.10gb+ME", "1G.10GB",
		"1c.10gb", "-1g.10gb", "99999g.10gb", "1g.99999gb", "1g.10gbx", "MIG MIG 1g.10gb",
		"1c.1c.1g.10gb", "+me", "19" };
	struct tr_profile_name name;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(tr_facts_parse_name(good[i].text, &name));
		assert_int_equal(name.compute, good[i].name.compute);
		assert_int_equal(name.slices, good[i].name.slices);
		assert_int_equal(name.gb, good[i].name.gb);
		assert_string_equal(name.attr, good[i].name.attr);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		name.gb = 4711;
		if (tr_facts_parse_name(bad[i], &name))
			fail_msg("'%s' was taken for a name", bad[i]);
		assert_int_equal(name.gb, 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_placement_is_inside_the_card),
		cmocka_unit_test(each_name_reads_back_and_follows_the_rule),
		cmocka_unit_test(each_number_is_unique_on_its_card),
		cmocka_unit_test(each_compute_profile_fits_and_one_spans),
		cmocka_unit_test(each_place_has_an_instance_id),
		cmocka_unit_test(cards_without_mig_have_nothing_to_cut),
		cmocka_unit_test(products_are_found_by_each_of_their_names),
		cmocka_unit_test(numbers_of_the_a100_80gb_are_right),
		cmocka_unit_test(names_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
