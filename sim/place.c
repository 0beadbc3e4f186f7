/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/place.h"

#include <string.h>

static uint32_t bits(uint32_t start, uint32_t size)
{
	return ((1u << size) - 1) << start;
}

static uint32_t gi_used(const struct tr_sim_gpu *gpu)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		if (gpu->gis[i].exists)
			used |= bits(gpu->gis[i].start, gpu->gis[i].size);
	return used;
}

bool tr_place_gi_is_free(const struct tr_sim_gpu *gpu, uint32_t start, uint32_t size)
{
	return (gi_used(gpu) & bits(start, size)) == 0;
}

/* "+me", "-me", ... ; "" for a plain profile. */
static const char *attribute(const struct tr_gi_profile *profile)
{
	size_t plain = strcspn(profile->name, "+-");

	return profile->name + plain;
}

bool tr_place_gi_is_allowed(const struct tr_gpu_model *model, const struct tr_sim_gpu *gpu,
	const struct tr_gi_profile *profile)
{
	const char *wanted = attribute(profile);
	bool wants_all = strcmp(wanted, "+me.all") == 0;
	uint32_t n_same = 0;

	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		const struct tr_gi_profile *other;
		const char *has;

		if (!gpu->gis[i].exists)
			continue;
		n_same += gpu->gis[i].profile_id == profile->id;
		other = tr_facts_profile_by_id(model, gpu->gis[i].profile_id);
		has = other ? attribute(other) : "";
		/* The media engines exist once: one "+me" takes them, "+me.all" takes those of
		 * every slice and leaves room for "-me" alone. */
		if (strcmp(wanted, "+me") == 0 && strcmp(has, "+me") == 0)
			return false;
		if (wants_all && strcmp(has, "-me") != 0)
			return false;
		if (strcmp(has, "+me.all") == 0 && strcmp(wanted, "-me") != 0)
			return false;
	}
	return n_same < profile->max_instances;
}

/* How many (plain profile, start) pairs do not touch the used slices. */
static uint32_t count_valid_pairs(const struct tr_gpu_model *model, uint32_t used)
{
	uint32_t n = 0;

	for (uint32_t p = 0; p < model->n_profiles; p++) {
		const struct tr_gi_profile *profile = &model->profiles[p];

		if (*attribute(profile))
			continue;
		for (uint32_t s = 0; s < profile->n_starts; s++)
			n += (used & bits(profile->starts[s], profile->size)) == 0;
	}
	return n;
}

/* The last place of the double-memory 1g (two memory slices, one compute slice) is the short
 * quarter of the chip: the driver takes it only when nothing else is left. */
static bool is_last_resort(const struct tr_gi_profile *profile, uint32_t start)
{
	return profile->size > profile->slices && profile->slices == 1 && profile->size == 2 &&
	       profile->n_starts > 1 && start == profile->starts[profile->n_starts - 1];
}

int tr_place_gi_start(const struct tr_gpu_model *model, const struct tr_sim_gpu *gpu,
	const struct tr_gi_profile *profile)
{
	uint32_t used = gi_used(gpu), best_left = 0;
	int best = -1;

	if (!tr_place_gi_is_allowed(model, gpu, profile))
		return -1;
	for (uint32_t s = 0; s < profile->n_starts; s++) {
		uint32_t start = profile->starts[s], place = bits(start, profile->size), left;

		if (used & place)
			continue;
		left = count_valid_pairs(model, used | place);
		if (best >= 0 && (left <= best_left || is_last_resort(profile, start)))
			continue;
		best = (int)start;
		best_left = left;
	}
	return best;
}

uint32_t tr_place_gi_capacity(const struct tr_gpu_model *model, const struct tr_sim_gpu *gpu,
	const struct tr_gi_profile *profile)
{
	uint32_t n_free = 0, n_same = 0;

	if (!tr_place_gi_is_allowed(model, gpu, profile))
		return 0;
	for (uint32_t s = 0; s < profile->n_starts; s++)
		n_free += tr_place_gi_is_free(gpu, profile->starts[s], profile->size);
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		n_same += gpu->gis[i].exists && gpu->gis[i].profile_id == profile->id;
	return n_free < profile->max_instances - n_same ? n_free : profile->max_instances - n_same;
}

static uint32_t power_of_two(uint32_t slices)
{
	uint32_t size = 1;

	while (size < slices)
		size *= 2;
	return size;
}

uint32_t tr_place_ci_size(const struct tr_ci_profile *ci_profile)
{
	return power_of_two(ci_profile->slices);
}

static uint32_t ci_used(const struct tr_sim_gi *gi)
{
	uint32_t used = 0;

	for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++)
		if (gi->cis[c].exists)
			used |= bits(gi->cis[c].start, gi->cis[c].size);
	return used;
}

bool tr_place_ci_is_free(const struct tr_sim_gi *gi, uint32_t start, uint32_t size)
{
	return (ci_used(gi) & bits(start, size)) == 0;
}

static const struct tr_ci_profile *ci_profile_of(
	const struct tr_gi_profile *profile, uint32_t ci_profile_id)
{
	for (uint32_t i = 0; i < profile->n_ci_profiles; i++)
		if (profile->ci_profiles[i].id == ci_profile_id)
			return &profile->ci_profiles[i];
	return NULL;
}

bool tr_place_ci_is_allowed(const struct tr_gi_profile *profile, const struct tr_sim_gi *gi,
	const struct tr_ci_profile *ci_profile)
{
	uint32_t n_same = 0, n_slices = 0;

	for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
		const struct tr_ci_profile *other;

		if (!gi->cis[c].exists)
			continue;
		other = ci_profile_of(profile, gi->cis[c].profile_id);
		n_slices += other ? other->slices : 0;
		n_same += gi->cis[c].profile_id == ci_profile->id;
	}
	return n_same < ci_profile->max_instances &&
	       n_slices + ci_profile->slices <= profile->slices;
}

/*
 * Hopper and later give out numbered places: the whole, halves, quarters and eighths of the chip,
 * the inner two sizes twice (a full and a "mini" one). `need` says how many compute slices a GPU
 * instance must have, from the place's start on, for the place to be valid in it.
 */
static const struct cts {
	uint8_t start, size, need;
} cts_places[] = {
	{ 0, 8, 5 },
	{ 0, 4, 4 },
	{ 4, 4, 4 },
	{ 0, 4, 3 },
	{ 4, 4, 3 }, /* whole, halves */
	{ 0, 2, 2 },
	{ 2, 2, 2 },
	{ 4, 2, 2 },
	{ 6, 2, 2 }, /* quarters */
	{ 0, 2, 2 },
	{ 2, 2, 2 },
	{ 4, 2, 2 },
	{ 6, 2, 2 }, /* mini quarters */
	{ 0, 1, 1 },
	{ 1, 1, 1 },
	{ 2, 1, 1 },
	{ 3, 1, 1 }, /* eighths */
	{ 4, 1, 1 },
	{ 5, 1, 1 },
	{ 6, 1, 1 },
	{ 7, 1, 1 },
};

static bool is_valid_cts(const struct cts *place, const struct tr_gi_profile *profile)
{
	return place->start + place->need <= profile->slices;
}

static uint32_t count_valid_cts(const struct tr_gi_profile *profile, uint32_t used)
{
	uint32_t n = 0;

	for (size_t i = 0; i < TR_COUNT(cts_places); i++)
		n += is_valid_cts(&cts_places[i], profile) &&
		     (used & bits(cts_places[i].start, cts_places[i].size)) == 0;
	return n;
}

static bool is_start(const uint32_t *starts, uint32_t n, uint32_t start)
{
	for (uint32_t i = 0; i < n; i++)
		if (starts[i] == start)
			return true;
	return false;
}

uint32_t tr_place_ci_starts(const struct tr_gpu_model *model, const struct tr_gi_profile *profile,
	const struct tr_ci_profile *ci_profile, uint32_t ret[TR_PLACE_MAX_STARTS])
{
	uint32_t size = tr_place_ci_size(ci_profile), n = 0;

	if (model->ci_rule == TR_CI_CTS_ALIGNED) {
		for (size_t i = 0; i < TR_COUNT(cts_places); i++)
			if (cts_places[i].size == size && is_valid_cts(&cts_places[i], profile) &&
				!is_start(ret, n, cts_places[i].start))
				ret[n++] = cts_places[i].start;
		return n;
	}
	for (uint32_t start = 0; start + ci_profile->slices <= profile->slices &&
				 start + size <= power_of_two(profile->slices);
		start++)
		ret[n++] = start;
	return n;
}

int tr_place_ci_start(const struct tr_gpu_model *model, const struct tr_gi_profile *profile,
	const struct tr_sim_gi *gi, const struct tr_ci_profile *ci_profile)
{
	uint32_t starts[TR_PLACE_MAX_STARTS], size = tr_place_ci_size(ci_profile);
	uint32_t n = tr_place_ci_starts(model, profile, ci_profile, starts), best_left = 0;
	int best = -1;

	if (!tr_place_ci_is_allowed(profile, gi, ci_profile))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t left;

		if (!tr_place_ci_is_free(gi, starts[i], size))
			continue;
		if (model->ci_rule != TR_CI_CTS_ALIGNED)
			return (int)starts[i];
		left = count_valid_cts(profile, ci_used(gi) | bits(starts[i], size));
		if (best >= 0 && left <= best_left)
			continue;
		best = (int)starts[i];
		best_left = left;
	}
	return best;
}

uint32_t tr_place_ci_capacity(const struct tr_gpu_model *model, const struct tr_gi_profile *profile,
	const struct tr_sim_gi *gi, const struct tr_ci_profile *ci_profile)
{
	struct tr_sim_gi filled = *gi;
	uint32_t n = 0;

	for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
		int start = tr_place_ci_start(model, profile, &filled, ci_profile);

		if (start < 0)
			break;
		if (filled.cis[c].exists)
			continue;
		filled.cis[c] = (struct tr_sim_ci){ .exists = 1,
			.profile_id = (uint8_t)ci_profile->id,
			.start = (uint8_t)start,
			.size = (uint8_t)tr_place_ci_size(ci_profile) };
		n++;
	}
	return n;
}
