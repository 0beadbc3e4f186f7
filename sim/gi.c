/* SPDX-License-Identifier: Apache-2.0 */
/* GPU instances: profiles, places, and their life. */
#include "sim/drv.h"

#include "sim/place.h"

#include <stdio.h>
#include <string.h>

/* A card and one of its profiles, by the enum of the query. Enums that this driver does not know
 * end a client's loop with INVALID_ARGUMENT; those that the card lacks are NOT_SUPPORTED. */
static nvmlReturn_t by_enum(nvmlDevice_t device, unsigned profile, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_card(device, ret);

	if (r != NVML_SUCCESS)
		return r;
	if (profile >= NVML_GPU_INSTANCE_PROFILE_COUNT)
		return NVML_ERROR_INVALID_ARGUMENT;
	ret->profile = tr_facts_profile_by_enum(ret->model, profile);
	return ret->profile ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

/* The same by the profile's id, which all calls but the queries take. */
static nvmlReturn_t by_id(nvmlDevice_t device, unsigned profile_id, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_card(device, ret);

	if (r != NVML_SUCCESS)
		return r;
	if (!ret->model->has_mig)
		return NVML_ERROR_NOT_SUPPORTED;
	ret->profile = tr_facts_profile_by_id(ret->model, profile_id);
	return ret->profile ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(
	nvmlDevice_t device, unsigned profile, nvmlGpuInstanceProfileInfo_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstanceProfileInfo);
	r = info ? by_enum(device, profile, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	*info = (nvmlGpuInstanceProfileInfo_t){ .id = target.profile->id,
		.isP2pSupported = target.profile->p2p,
		.sliceCount = target.profile->slices,
		.instanceCount = target.profile->max_instances,
		.multiprocessorCount = target.profile->sm,
		.copyEngineCount = target.profile->ce,
		.decoderCount = target.profile->dec,
		.encoderCount = target.profile->enc,
		.jpegCount = target.profile->jpeg,
		.ofaCount = target.profile->ofa,
		.memorySizeMB = target.profile->memory_mib };
	return NVML_SUCCESS;
}

static void put_v2(const struct tr_gi_profile *profile, nvmlGpuInstanceProfileInfo_v2_t *ret)
{
	nvmlGpuInstanceProfileInfo_v2_t info = { .version = ret->version,
		.id = profile->id,
		.isP2pSupported = profile->p2p,
		.sliceCount = profile->slices,
		.instanceCount = profile->max_instances,
		.multiprocessorCount = profile->sm,
		.copyEngineCount = profile->ce,
		.decoderCount = profile->dec,
		.encoderCount = profile->enc,
		.jpegCount = profile->jpeg,
		.ofaCount = profile->ofa,
		.memorySizeMB = profile->memory_mib };

	snprintf(info.name, sizeof(info.name), "MIG %s", profile->name);
	memcpy(ret, &info, sizeof(info));
}

static void put_v3(const struct tr_gi_profile *profile, nvmlGpuInstanceProfileInfo_v3_t *ret)
{
	nvmlGpuInstanceProfileInfo_v3_t info = { .version = ret->version,
		.id = profile->id,
		.sliceCount = profile->slices,
		.instanceCount = profile->max_instances,
		.multiprocessorCount = profile->sm,
		.copyEngineCount = profile->ce,
		.decoderCount = profile->dec,
		.encoderCount = profile->enc,
		.jpegCount = profile->jpeg,
		.ofaCount = profile->ofa,
		.memorySizeMB = profile->memory_mib };

	/* A real driver leaves the name of this form empty (580.159.04, H100 and H200). */
	if (profile->p2p)
		info.capabilities |= NVML_GPU_INSTANCE_PROFILE_CAPS_P2P;
	if (strstr(profile->name, "+gfx"))
		info.capabilities |= NVML_GPU_INSTANCE_PROFILE_CAPS_GFX;
	memcpy(ret, &info, sizeof(info));
}

static bool is_known_version(uint32_t version)
{
	return version == NVML_VERSION_WORD(nvmlGpuInstanceProfileInfo_v2_t, 2) ||
	       version == NVML_VERSION_WORD(nvmlGpuInstanceProfileInfo_v3_t, 3);
}

/* The caller's version word says which of two layouts lies at `info`. */
static nvmlReturn_t put_versioned(
	const struct tr_gi_profile *profile, nvmlGpuInstanceProfileInfo_v2_t *info)
{
	if (info->version == NVML_VERSION_WORD(nvmlGpuInstanceProfileInfo_v2_t, 2))
		put_v2(profile, info);
	else if (info->version == NVML_VERSION_WORD(nvmlGpuInstanceProfileInfo_v3_t, 3))
		put_v3(profile, (nvmlGpuInstanceProfileInfo_v3_t *)(void *)info);
	else
		return NVML_ERROR_INVALID_ARGUMENT;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(
	nvmlDevice_t device, unsigned profile, nvmlGpuInstanceProfileInfo_v2_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstanceProfileInfoV);
	r = info && is_known_version(info->version) ? by_enum(device, profile, &target)
						    : NVML_ERROR_INVALID_ARGUMENT;
	return r == NVML_SUCCESS ? put_versioned(target.profile, info) : r;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoByIdV(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstanceProfileInfo_v2_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstanceProfileInfoByIdV);
	r = info ? by_id(device, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	return r == NVML_SUCCESS ? put_versioned(target.profile, info) : r;
}

static nvmlReturn_t get_placements(enum tr_sim_fn fn, nvmlDevice_t device, unsigned profile_id,
	nvmlGpuInstancePlacement_t *placements, unsigned *count)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = count ? by_id(device, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	for (uint32_t i = 0; placements && i < target.profile->n_starts; i++)
		placements[i] = (nvmlGpuInstancePlacement_t){ target.profile->starts[i],
			target.profile->size };
	*count = target.profile->n_starts;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements(nvmlDevice_t device, unsigned profile_id,
	nvmlGpuInstancePlacement_t *placements, unsigned *count)
{
	return get_placements(TR_FN_nvmlDeviceGetGpuInstancePossiblePlacements, device, profile_id,
		placements, count);
}

nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t device, unsigned profile_id,
	nvmlGpuInstancePlacement_t *placements, unsigned *count)
{
	return get_placements(TR_FN_nvmlDeviceGetGpuInstancePossiblePlacements_v2, device,
		profile_id, placements, count);
}

nvmlReturn_t nvmlDeviceGetGpuInstanceRemainingCapacity(
	nvmlDevice_t device, unsigned profile_id, unsigned *count)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstanceRemainingCapacity);
	r = count ? by_id(device, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*count = tr_place_gi_capacity(target.model, target.gpu, target.profile);
	return r;
}

struct create_wish {
	const struct tr_drv_target *target;
	const nvmlGpuInstancePlacement_t *placement; /* NULL: the driver's choice */
	uint32_t gi_id;				     /* the answer */
};

static bool is_empty(const struct tr_sim_gpu *gpu)
{
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		if (gpu->gis[i].exists)
			return false;
	return true;
}

static bool has_start(const struct tr_gi_profile *profile, uint32_t start)
{
	for (uint32_t i = 0; i < profile->n_starts; i++)
		if (profile->starts[i] == start)
			return true;
	return false;
}

static nvmlReturn_t create(struct tr_sim_node *node, void *arg)
{
	struct create_wish *wish = arg;
	struct tr_sim_gpu *gpu = &node->gpus[wish->target->gpu_idx];
	const struct tr_gpu_model *model = wish->target->model;
	const struct tr_gi_profile *profile = wish->target->profile;
	int start, gi_id;

	if (!gpu->mig_current)
		return NVML_ERROR_NOT_SUPPORTED;
	/* The first instance needs a card that nobody uses as a whole. */
	if (is_empty(gpu) &&
		tr_sim_is_bound(node, wish->target->gpu_idx, TR_SIM_WHOLE, TR_SIM_WHOLE))
		return NVML_ERROR_IN_USE;
	start = wish->placement ? (int)wish->placement->start
				: tr_place_gi_start(model, gpu, profile);
	if (start < 0 || !tr_place_gi_is_allowed(model, gpu, profile) ||
		!tr_place_gi_is_free(gpu, (uint32_t)start, profile->size))
		return NVML_ERROR_INSUFFICIENT_RESOURCES;
	gi_id = tr_facts_gi_id(
		model, (enum tr_chip_kind)gpu->chip_kind, (uint32_t)start, profile->size);
	if (gi_id < 0 || gi_id >= TR_SIM_MAX_GIS)
		return NVML_ERROR_UNKNOWN;
	gpu->gis[gi_id] = (struct tr_sim_gi){ .exists = 1,
		.profile_id = (uint8_t)profile->id,
		.start = (uint8_t)start,
		.size = (uint8_t)profile->size };
	wish->gi_id = (uint32_t)gi_id;
	tr_sim_event_add(
		node, wish->target->gpu_idx, TR_SIM_EVENT_MIG, 0, wish->gi_id, TR_SIM_WHOLE);
	return NVML_SUCCESS;
}

static nvmlReturn_t create_instance(enum tr_sim_fn fn, nvmlDevice_t device, unsigned profile_id,
	const nvmlGpuInstancePlacement_t *placement, nvmlGpuInstance_t *instance)
{
	struct tr_drv_target target;
	struct create_wish wish = { .target = &target, .placement = placement };
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = instance ? by_id(device, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	if (placement && (placement->size != target.profile->size ||
				 !has_start(target.profile, placement->start)))
		return NVML_ERROR_INVALID_ARGUMENT;
	r = tr_drv_change(create, &wish);
	if (r == NVML_SUCCESS)
		*instance = tr_drv_gi_handle(target.gpu_idx, wish.gi_id);
	return r;
}

nvmlReturn_t nvmlDeviceCreateGpuInstance(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstance_t *instance)
{
	return create_instance(TR_FN_nvmlDeviceCreateGpuInstance, device, profile_id,
		/* placement= */ NULL, instance);
}

nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(nvmlDevice_t device, unsigned profile_id,
	const nvmlGpuInstancePlacement_t *placement, nvmlGpuInstance_t *instance)
{
	if (!placement)
		return NVML_ERROR_INVALID_ARGUMENT;
	return create_instance(TR_FN_nvmlDeviceCreateGpuInstanceWithPlacement, device, profile_id,
		placement, instance);
}

static nvmlReturn_t destroy(struct tr_sim_node *node, void *arg)
{
	const struct tr_drv_target *target = arg;
	struct tr_sim_gi *gi = &node->gpus[target->gpu_idx].gis[target->gi_id];

	if (!gi->exists)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++)
		if (gi->cis[c].exists)
			return NVML_ERROR_IN_USE;
	*gi = (struct tr_sim_gi){ 0 };
	tr_sim_event_add(node, target->gpu_idx, TR_SIM_EVENT_MIG, 0, target->gi_id, TR_SIM_WHOLE);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t instance)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceDestroy);
	r = tr_drv_gi(instance, &target);
	return r == NVML_SUCCESS ? tr_drv_change(destroy, &target) : r;
}

nvmlReturn_t nvmlDeviceGetGpuInstances(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstance_t *instances, unsigned *count)
{
	struct tr_drv_target target;
	unsigned n = 0;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstances);
	r = instances && count ? by_id(device, profile_id, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		if (target.gpu->gis[i].exists && target.gpu->gis[i].profile_id == profile_id &&
			tr_drv_sees_gi(target.gpu_idx, i))
			instances[n++] = tr_drv_gi_handle(target.gpu_idx, i);
	*count = n;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceById(
	nvmlDevice_t device, unsigned id, nvmlGpuInstance_t *instance)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstanceById);
	r = instance ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	if (!target.model->has_mig)
		return NVML_ERROR_NOT_SUPPORTED;
	if (id >= TR_SIM_MAX_GIS || !target.gpu->gis[id].exists ||
		!tr_drv_sees_gi(target.gpu_idx, id))
		return NVML_ERROR_NOT_FOUND;
	*instance = tr_drv_gi_handle(target.gpu_idx, id);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpuInstanceGetInfo);
	r = info ? tr_drv_gi(instance, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*info = (nvmlGpuInstanceInfo_t){ .device = tr_drv_card_handle(target.gpu_idx),
			.id = target.gi_id,
			.profileId = target.gi->profile_id,
			.placement = { target.gi->start, target.gi->size } };
	return r;
}
