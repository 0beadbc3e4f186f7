/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles are numbers: a tag, a kind, and the three indexes. They point at nothing, so a stranger's
 * garbage is refused and never followed, and one stays good for as long as what it names is there.
 */
#include "sim/drv.h"

#include <string.h>

enum kind { KIND_CARD = 1, KIND_MIG, KIND_GI, KIND_CI };

/* Above any address that user space can have, so that no pointer is taken for a handle. */
#define TAG			((uintptr_t)0x7452 << 48)
#define TAG_MASK		((uintptr_t)0xffff << 48)
#define INDEX_OF(handle, shift) ((uint32_t)((handle) >> (shift)&0xff))

_Static_assert(sizeof(uintptr_t) == 8, "handles need 64 bits");

static uintptr_t make(enum kind kind, uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id)
{
	return TAG | (uintptr_t)kind << 24 | (uintptr_t)gpu_idx << 16 | (uintptr_t)gi_id << 8 |
	       ci_id;
}

nvmlDevice_t tr_drv_card_handle(uint32_t gpu_idx)
{
	return (nvmlDevice_t)make(KIND_CARD, gpu_idx, TR_SIM_WHOLE, TR_SIM_WHOLE);
}

nvmlDevice_t tr_drv_mig_handle(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id)
{
	return (nvmlDevice_t)make(KIND_MIG, gpu_idx, gi_id, ci_id);
}

nvmlGpuInstance_t tr_drv_gi_handle(uint32_t gpu_idx, uint32_t gi_id)
{
	return (nvmlGpuInstance_t)make(KIND_GI, gpu_idx, gi_id, TR_SIM_WHOLE);
}

nvmlComputeInstance_t tr_drv_ci_handle(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id)
{
	return (nvmlComputeInstance_t)make(KIND_CI, gpu_idx, gi_id, ci_id);
}

static const struct tr_ci_profile *find_ci_profile(
	const struct tr_gi_profile *profile, uint32_t ci_profile_id)
{
	for (uint32_t i = 0; i < profile->n_ci_profiles; i++)
		if (profile->ci_profiles[i].id == ci_profile_id)
			return &profile->ci_profiles[i];
	return NULL;
}

nvmlReturn_t tr_drv_target(
	uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id, struct tr_drv_target *ret)
{
	const struct tr_sim_node *node = tr_drv_node();
	struct tr_drv_target target = { .gpu_idx = gpu_idx, .gi_id = gi_id, .ci_id = ci_id };

	if (node->n_gpus == 0)
		return NVML_ERROR_GPU_IS_LOST;
	if (!tr_drv_sees_card(gpu_idx))
		return NVML_ERROR_INVALID_ARGUMENT;
	target.gpu = &node->gpus[gpu_idx];
	if (target.gpu->is_lost)
		return NVML_ERROR_GPU_IS_LOST;
	target.product = tr_facts_product(target.gpu->product_key);
	if (!target.product)
		return NVML_ERROR_UNKNOWN;
	target.model = target.product->model;
	if (gi_id != TR_SIM_WHOLE) {
		if (gi_id >= TR_SIM_MAX_GIS || !target.gpu->gis[gi_id].exists ||
			!tr_drv_sees_gi(gpu_idx, gi_id))
			return NVML_ERROR_INVALID_ARGUMENT;
		target.gi = &target.gpu->gis[gi_id];
		target.profile = tr_facts_profile_by_id(target.model, target.gi->profile_id);
		if (!target.profile)
			return NVML_ERROR_UNKNOWN;
	}
	if (ci_id != TR_SIM_WHOLE) {
		if (!target.gi || ci_id >= TR_SIM_MAX_CIS || !target.gi->cis[ci_id].exists ||
			!tr_drv_sees_ci(gpu_idx, gi_id, ci_id))
			return NVML_ERROR_INVALID_ARGUMENT;
		target.ci = &target.gi->cis[ci_id];
		target.ci_profile = find_ci_profile(target.profile, target.ci->profile_id);
		if (!target.ci_profile)
			return NVML_ERROR_UNKNOWN;
	}
	*ret = target;
	return NVML_SUCCESS;
}

static nvmlReturn_t resolve(uintptr_t handle, unsigned kinds, struct tr_drv_target *ret)
{
	uintptr_t kind = handle >> 24 & 0xffffff;
	uint32_t gi_id = INDEX_OF(handle, 8), ci_id = INDEX_OF(handle, 0);

	if ((handle & TAG_MASK) != TAG || kind > KIND_CI || !(kinds >> kind & 1))
		return NVML_ERROR_INVALID_ARGUMENT;
	if ((gi_id == TR_SIM_WHOLE) != (kind == KIND_CARD) ||
		(ci_id == TR_SIM_WHOLE) != (kind == KIND_CARD || kind == KIND_GI))
		return NVML_ERROR_INVALID_ARGUMENT;
	return tr_drv_target(INDEX_OF(handle, 16), gi_id, ci_id, ret);
}

nvmlReturn_t tr_drv_device(nvmlDevice_t device, struct tr_drv_target *ret)
{
	return resolve((uintptr_t)device, 1u << KIND_CARD | 1u << KIND_MIG, ret);
}

nvmlReturn_t tr_drv_card(nvmlDevice_t device, struct tr_drv_target *ret)
{
	return resolve((uintptr_t)device, 1u << KIND_CARD, ret);
}

nvmlReturn_t tr_drv_gi(nvmlGpuInstance_t instance, struct tr_drv_target *ret)
{
	return resolve((uintptr_t)instance, 1u << KIND_GI, ret);
}

nvmlReturn_t tr_drv_ci(nvmlComputeInstance_t compute, struct tr_drv_target *ret)
{
	return resolve((uintptr_t)compute, 1u << KIND_CI, ret);
}

nvmlReturn_t tr_drv_text(const char *text, char *ret, unsigned size)
{
	size_t len = strlen(text) + 1;

	if (!ret)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (len > size)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	memcpy(ret, text, len);
	return NVML_SUCCESS;
}
