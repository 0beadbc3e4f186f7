/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubt: the state is a file that others can write, and whoever reads it may live in a stranger's
 * process. Every number that is used as an index, a shift or a text's end is checked here, once.
 */
#include "sim/state/state.h"

#include "base/err.h"

#include <string.h>

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static const struct tr_ci_profile *ci_profile_of(const struct tr_gi_profile *profile, uint32_t id)
{
	for (uint32_t i = 0; i < profile->n_ci_profiles; i++)
		if (profile->ci_profiles[i].id == id)
			return &profile->ci_profiles[i];
	return NULL;
}

static bool is_start(const struct tr_gi_profile *profile, uint32_t start)
{
	for (uint32_t i = 0; i < profile->n_starts; i++)
		if (profile->starts[i] == start)
			return true;
	return false;
}

static uint32_t bits(uint32_t start, uint32_t size)
{
	return ((1u << size) - 1) << start;
}

static bool is_sound_gi(const struct tr_gi_profile *profile, const struct tr_sim_gi *gi)
{
	uint32_t used = 0;

	if (gi->exists > 1 || !profile || gi->size != profile->size ||
		!is_start(profile, gi->start))
		return false;
	for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
		const struct tr_sim_ci *ci = &gi->cis[c];

		if (!ci->exists)
			continue;
		if (ci->exists > 1 || !ci_profile_of(profile, ci->profile_id) || ci->size == 0 ||
			ci->start + ci->size > TR_SIM_MAX_CIS || used & bits(ci->start, ci->size))
			return false;
		used |= bits(ci->start, ci->size);
	}
	return true;
}

static bool is_sound_gpu(const struct tr_sim_gpu *gpu)
{
	const struct tr_gpu_product *product;
	uint32_t used = 0;

	if (!is_text(gpu->product_key, sizeof(gpu->product_key)))
		return false;
	product = tr_facts_product(gpu->product_key);
	if (!product || gpu->chip_kind > TR_CHIP_SWAPPED || gpu->mig_current > 1 ||
		gpu->mig_pending > 1 || gpu->persistence_mode > 1 || gpu->compute_mode > 3 ||
		gpu->is_lost > 1 || gpu->is_passthrough > 1)
		return false;
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		const struct tr_sim_gi *gi = &gpu->gis[i];

		if (!gi->exists)
			continue;
		if (!is_sound_gi(tr_facts_profile_by_id(product->model, gi->profile_id), gi) ||
			used & bits(gi->start, gi->size))
			return false;
		used |= bits(gi->start, gi->size);
	}
	return true;
}

static bool is_sound_binding(const struct tr_sim_node *node, const struct tr_sim_binding *row)
{
	return !row->in_use ||
	       (row->in_use == 1 && row->gpu_idx < node->n_gpus &&
		       (row->gi_id == TR_SIM_WHOLE || row->gi_id < TR_SIM_MAX_GIS) &&
		       (row->ci_id == TR_SIM_WHOLE || row->ci_id < TR_SIM_MAX_CIS) &&
		       row->cgroup[0] == '/' && is_text(row->cgroup, sizeof(row->cgroup)));
}

static int damaged(struct tr_err *err, const char *part, size_t idx)
{
	return tr_fail(
		err, TR_E_INVALID, "the virtual node's state is damaged (%s %zu)", part, idx);
}

int tr_sim_check(const struct tr_sim_node *node, struct tr_err *err)
{
	if (!is_text(node->name, sizeof(node->name)) || node->scale == 0 ||
		node->n_gpus > TR_SIM_MAX_GPUS)
		return damaged(err, "number of GPUs", node->n_gpus);
	for (size_t g = 0; g < node->n_gpus; g++)
		if (!is_sound_gpu(&node->gpus[g]))
			return damaged(err, "GPU", g);
	/* Of a node that was destroyed the bindings are left as they were. */
	for (size_t i = 0; node->n_gpus && i < TR_COUNT(node->bindings); i++)
		if (!is_sound_binding(node, &node->bindings[i]))
			return damaged(err, "binding", i);
	return 0;
}
