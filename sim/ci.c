/* SPDX-License-Identifier: Apache-2.0 */
/* Compute instances: the part of a GPU instance that a process runs on, and thus a MIG device. */
#include "sim/drv.h"

#include "sim/place.h"

#include <stdio.h>
#include <string.h>

/* A GPU instance and one of its compute profiles; enum and id are the same number here. */
static nvmlReturn_t by_id(
	nvmlGpuInstance_t instance, unsigned profile_id, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_gi(instance, ret);

	if (r != NVML_SUCCESS)
		return r;
	if (profile_id >= NVML_COMPUTE_INSTANCE_PROFILE_COUNT)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < ret->profile->n_ci_profiles; i++) {
		if (ret->profile->ci_profiles[i].id != profile_id)
			continue;
		ret->ci_profile = &ret->profile->ci_profiles[i];
		return NVML_SUCCESS;
	}
	return NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t by_enum(nvmlGpuInstance_t instance, unsigned profile, unsigned engine_profile,
	struct tr_drv_target *ret)
{
	if (engine_profile >= NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT)
		return NVML_ERROR_INVALID_ARGUMENT;
	return by_id(instance, profile, ret);
}

static nvmlComputeInstanceProfileInfo_t info_of(const struct tr_drv_target *target)
{
	return (nvmlComputeInstanceProfileInfo_t){ .id = target->ci_profile->id,
		.sliceCount = target->ci_profile->slices,
		.instanceCount = target->ci_profile->max_instances,
		.multiprocessorCount = target->ci_profile->sm,
		.sharedCopyEngineCount = target->profile->ce,
		.sharedDecoderCount = target->profile->dec,
		.sharedEncoderCount = target->profile->enc,
		.sharedJpegCount = target->profile->jpeg,
		.sharedOfaCount = target->profile->ofa };
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t instance,
	unsigned profile, unsigned engine_profile, nvmlComputeInstanceProfileInfo_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetComputeInstanceProfileInfo);
	r = info ? by_enum(instance, profile, engine_profile, &target)
		 : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*info = info_of(&target);
	return r;
}

/* The second and third form are the first behind a version word, with a name; the third has its
 * capabilities at the very end. */
_Static_assert(offsetof(nvmlComputeInstanceProfileInfo_v2_t, id) == sizeof(uint32_t), "version");
_Static_assert(offsetof(nvmlComputeInstanceProfileInfo_v2_t, name) ==
		       sizeof(uint32_t) + sizeof(nvmlComputeInstanceProfileInfo_t),
	"name");

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfoV(nvmlGpuInstance_t instance,
	unsigned profile, unsigned engine_profile, nvmlComputeInstanceProfileInfo_v2_t *info)
{
	nvmlComputeInstanceProfileInfo_t plain;
	nvmlComputeInstanceProfileInfo_v3_t full = { 0 };
	struct tr_drv_target target;
	size_t size = sizeof(*info);
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetComputeInstanceProfileInfoV);
	r = info ? by_enum(instance, profile, engine_profile, &target)
		 : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	if (info->version == NVML_VERSION_WORD(nvmlComputeInstanceProfileInfo_v3_t, 3))
		size = sizeof(full);
	else if (info->version != NVML_VERSION_WORD(nvmlComputeInstanceProfileInfo_v2_t, 2))
		return NVML_ERROR_INVALID_ARGUMENT;
	plain = info_of(&target);
	full.version = info->version;
	memcpy(&full.id, &plain, sizeof(plain));
	snprintf(full.name, sizeof(full.name), "MIG %s", target.ci_profile->name);
	if (strstr(target.profile->name, "+gfx"))
		full.capabilities = 1;
	memcpy(info, &full, size);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceRemainingCapacity(
	nvmlGpuInstance_t instance, unsigned profile_id, unsigned *count)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetComputeInstanceRemainingCapacity);
	r = count ? by_id(instance, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*count = tr_place_ci_capacity(
			target.model, target.profile, target.gi, target.ci_profile);
	return r;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstancePossiblePlacements(nvmlGpuInstance_t instance,
	unsigned profile_id, nvmlComputeInstancePlacement_t *placements, unsigned *count)
{
	uint32_t starts[TR_PLACE_MAX_STARTS], n;
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetComputeInstancePossiblePlacements);
	r = count ? by_id(instance, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	n = tr_place_ci_starts(target.model, target.profile, target.ci_profile, starts);
	/* Callers size the array by the profile's instance count. */
	if (n > target.ci_profile->max_instances)
		n = target.ci_profile->max_instances;
	for (uint32_t i = 0; placements && i < n; i++)
		placements[i] = (nvmlComputeInstancePlacement_t){ starts[i],
			tr_place_ci_size(target.ci_profile) };
	*count = n;
	return NVML_SUCCESS;
}

struct create_wish {
	const struct tr_drv_target *target;
	const nvmlComputeInstancePlacement_t *placement; /* NULL: the driver's choice */
	uint32_t ci_id;					 /* the answer */
};

/* A start that the caller named: the driver's three ways to refuse it. */
static nvmlReturn_t check_placement(const struct create_wish *wish, const struct tr_sim_gi *gi)
{
	const struct tr_drv_target *target = wish->target;
	uint32_t start = wish->placement->start, size = wish->placement->size;
	uint32_t starts[TR_PLACE_MAX_STARTS], n;

	if (size != tr_place_ci_size(target->ci_profile))
		return NVML_ERROR_INVALID_ARGUMENT;
	if (start >= target->profile->slices)
		return NVML_ERROR_INSUFFICIENT_RESOURCES;
	n = tr_place_ci_starts(target->model, target->profile, target->ci_profile, starts);
	while (n > 0 && starts[n - 1] != start)
		n--;
	if (n == 0)
		return start % size ? NVML_ERROR_INVALID_ARGUMENT
				    : NVML_ERROR_INSUFFICIENT_RESOURCES;
	if (!tr_place_ci_is_free(gi, start, size))
		return NVML_ERROR_IN_USE;
	return tr_place_ci_is_allowed(target->profile, gi, target->ci_profile)
		       ? NVML_SUCCESS
		       : NVML_ERROR_INSUFFICIENT_RESOURCES;
}

static nvmlReturn_t create(struct tr_sim_node *node, void *arg)
{
	struct create_wish *wish = arg;
	const struct tr_drv_target *target = wish->target;
	struct tr_sim_gpu *gpu = &node->gpus[target->gpu_idx];
	struct tr_sim_gi *gi = &gpu->gis[target->gi_id];
	struct tr_sim_ci *ci;
	uint32_t ci_id = 0;
	nvmlReturn_t r;
	int start;

	if (!gi->exists || gi->profile_id != target->profile->id)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (wish->placement) {
		r = check_placement(wish, gi);
		if (r != NVML_SUCCESS)
			return r;
		start = (int)wish->placement->start;
	} else {
		start = tr_place_ci_start(target->model, target->profile, gi, target->ci_profile);
	}
	while (ci_id < TR_SIM_MAX_CIS && gi->cis[ci_id].exists)
		ci_id++;
	if (start < 0 || ci_id == TR_SIM_MAX_CIS)
		return NVML_ERROR_INSUFFICIENT_RESOURCES;
	ci = &gi->cis[ci_id];
	*ci = (struct tr_sim_ci){ .exists = 1,
		.profile_id = (uint8_t)target->ci_profile->id,
		.start = (uint8_t)start,
		.size = (uint8_t)tr_place_ci_size(target->ci_profile) };
	tr_sim_mig_uuid(gpu, target->gi_id, ci_id, ci->uuid);
	wish->ci_id = ci_id;
	tr_sim_event_add(node, target->gpu_idx, TR_SIM_EVENT_MIG, 0, target->gi_id, ci_id);
	return NVML_SUCCESS;
}

static nvmlReturn_t create_compute(enum tr_sim_fn fn, nvmlGpuInstance_t instance,
	unsigned profile_id, const nvmlComputeInstancePlacement_t *placement,
	nvmlComputeInstance_t *compute)
{
	struct tr_drv_target target;
	struct create_wish wish = { .target = &target, .placement = placement };
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = compute ? by_id(instance, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		r = tr_drv_change(create, &wish);
	if (r == NVML_SUCCESS)
		*compute = tr_drv_ci_handle(target.gpu_idx, target.gi_id, wish.ci_id);
	return r;
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(
	nvmlGpuInstance_t instance, unsigned profile_id, nvmlComputeInstance_t *compute)
{
	return create_compute(TR_FN_nvmlGpuInstanceCreateComputeInstance, instance, profile_id,
		/* placement= */ NULL, compute);
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstanceWithPlacement(nvmlGpuInstance_t instance,
	unsigned profile_id, const nvmlComputeInstancePlacement_t *placement,
	nvmlComputeInstance_t *compute)
{
	if (!placement)
		return NVML_ERROR_INVALID_ARGUMENT;
	return create_compute(TR_FN_nvmlGpuInstanceCreateComputeInstanceWithPlacement, instance,
		profile_id, placement, compute);
}

static nvmlReturn_t destroy(struct tr_sim_node *node, void *arg)
{
	const struct tr_drv_target *target = arg;
	struct tr_sim_gi *gi = &node->gpus[target->gpu_idx].gis[target->gi_id];

	if (!gi->exists || !gi->cis[target->ci_id].exists)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (tr_sim_is_bound(node, target->gpu_idx, target->gi_id, target->ci_id))
		return NVML_ERROR_IN_USE;
	gi->cis[target->ci_id] = (struct tr_sim_ci){ 0 };
	tr_sim_event_add(node, target->gpu_idx, TR_SIM_EVENT_MIG, 0, target->gi_id, target->ci_id);
	/* A row whose cgroup is gone must not come to name the next slice in this place. */
	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		struct tr_sim_binding *row = &node->bindings[i];

		if (row->in_use && row->gpu_idx == target->gpu_idx && row->gi_id == target->gi_id &&
			row->ci_id == target->ci_id)
			memset(row, 0, sizeof(*row));
	}
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t compute)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlComputeInstanceDestroy);
	r = tr_drv_ci(compute, &target);
	return r == NVML_SUCCESS ? tr_drv_change(destroy, &target) : r;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t instance, unsigned profile_id,
	nvmlComputeInstance_t *computes, unsigned *count)
{
	struct tr_drv_target target;
	unsigned n = 0;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetComputeInstances);
	r = computes && count ? by_id(instance, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++)
		if (target.gi->cis[c].exists && target.gi->cis[c].profile_id == profile_id &&
			tr_drv_sees_ci(target.gpu_idx, target.gi_id, c))
			computes[n++] = tr_drv_ci_handle(target.gpu_idx, target.gi_id, c);
	*count = n;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(
	nvmlGpuInstance_t instance, unsigned id, nvmlComputeInstance_t *compute)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetComputeInstanceById);
	r = compute ? tr_drv_gi(instance, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	if (id >= TR_SIM_MAX_CIS || !target.gi->cis[id].exists ||
		!tr_drv_sees_ci(target.gpu_idx, target.gi_id, id))
		return NVML_ERROR_NOT_FOUND;
	*compute = tr_drv_ci_handle(target.gpu_idx, target.gi_id, id);
	return NVML_SUCCESS;
}

static nvmlReturn_t put_info(enum tr_sim_fn fn, nvmlComputeInstance_t compute, size_t size,
	nvmlComputeInstanceInfo_t *ret)
{
	nvmlComputeInstanceInfo_t info = { 0 };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = ret ? tr_drv_ci(compute, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	info.device = tr_drv_card_handle(target.gpu_idx);
	info.gpuInstance = tr_drv_gi_handle(target.gpu_idx, target.gi_id);
	info.id = target.ci_id;
	info.profileId = target.ci->profile_id;
	info.placement = (nvmlComputeInstancePlacement_t){ target.ci->start, target.ci->size };
	memcpy(ret, &info, size);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlComputeInstanceGetInfo(
	nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info)
{
	return put_info(TR_FN_nvmlComputeInstanceGetInfo, compute,
		offsetof(nvmlComputeInstanceInfo_t, placement), info);
}

nvmlReturn_t nvmlComputeInstanceGetInfo_v2(
	nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info)
{
	return put_info(TR_FN_nvmlComputeInstanceGetInfo_v2, compute, sizeof(*info), info);
}
