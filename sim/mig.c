/* SPDX-License-Identifier: Apache-2.0 */
/* The MIG mode of a card, and MIG devices: a compute instance seen as a device. */
#include "sim/drv.h"

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMigMode);
	r = current && pending ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	if (!target.model->has_mig)
		return NVML_ERROR_NOT_SUPPORTED;
	*current = target.gpu->mig_current;
	*pending = target.gpu->mig_pending;
	return NVML_SUCCESS;
}

struct mode_wish {
	uint32_t gpu_idx;
	bool waits_for_reset, has_clients;
	uint8_t mode;
	nvmlReturn_t activation;
};

static bool has_instances(const struct tr_sim_gpu *gpu)
{
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		if (gpu->gis[i].exists)
			return true;
	return false;
}

/* Nobody is thrown off a card: the call succeeds, and `activation` says that it did not take
 * effect. Cards that change mode by a reset (Ampere) remember the wish until then, and for a reset
 * whoever has the driver open is a client: nvtop, dcgm, an exporter. */
static nvmlReturn_t set_mode(struct tr_sim_node *node, void *arg)
{
	struct mode_wish *wish = arg;
	struct tr_sim_gpu *gpu = &node->gpus[wish->gpu_idx];

	wish->activation = NVML_SUCCESS;
	if (wish->mode != gpu->mig_current &&
		(has_instances(gpu) || (wish->waits_for_reset && wish->has_clients) ||
			tr_sim_is_bound(node, wish->gpu_idx, TR_SIM_WHOLE, TR_SIM_WHOLE)))
		wish->activation = NVML_ERROR_IN_USE;
	/* In a virtual machine the card cannot be reset from inside: the mode waits. */
	if (wish->activation == NVML_SUCCESS && wish->mode != gpu->mig_current &&
		wish->waits_for_reset && gpu->is_passthrough)
		wish->activation = NVML_ERROR_RESET_REQUIRED;
	if (wish->activation == NVML_SUCCESS && wish->mode != gpu->mig_current)
		tr_sim_event_add(node, wish->gpu_idx, TR_SIM_EVENT_MIG, wish->mode, TR_SIM_WHOLE,
			TR_SIM_WHOLE);
	if (wish->activation == NVML_SUCCESS)
		gpu->mig_current = gpu->mig_pending = wish->mode;
	else if (wish->waits_for_reset)
		gpu->mig_pending = wish->mode;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetMigMode(nvmlDevice_t device, unsigned mode, nvmlReturn_t *activation)
{
	struct tr_drv_target target;
	struct mode_wish wish;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceSetMigMode);
	r = activation && mode <= 1 ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	if (!target.model->has_mig)
		return NVML_ERROR_NOT_SUPPORTED;
	wish = (struct mode_wish){ .gpu_idx = target.gpu_idx,
		.waits_for_reset = target.model->mig_mode_needs_reset,
		.mode = (uint8_t)mode };
	wish.has_clients = mode != target.gpu->mig_current && tr_drv_has_clients();
	r = tr_drv_change(set_mode, &wish);
	if (r == NVML_SUCCESS)
		*activation = wish.activation;
	return r;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMaxMigDeviceCount);
	r = count ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*count = target.gpu->mig_current ? target.model->compute_slices : 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(
	nvmlDevice_t device, unsigned index, nvmlDevice_t *mig)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMigDeviceHandleByIndex);
	r = mig ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		for (uint32_t c = 0; target.gpu->gis[i].exists && c < TR_SIM_MAX_CIS; c++) {
			if (!target.gpu->gis[i].cis[c].exists ||
				!tr_drv_sees_ci(target.gpu_idx, i, c) || index-- > 0)
				continue;
			*mig = tr_drv_mig_handle(target.gpu_idx, i, c);
			return NVML_SUCCESS;
		}
	}
	return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t *device)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetDeviceHandleFromMigDeviceHandle);
	r = device ? tr_drv_device(mig, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && !target.ci)
		r = NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*device = tr_drv_card_handle(target.gpu_idx);
	return r;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *is_mig)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceIsMigDeviceHandle);
	r = is_mig ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*is_mig = target.ci != NULL;
	return r;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned *id)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGpuInstanceId);
	r = id ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && !target.ci)
		r = NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*id = target.gi_id;
	return r;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned *id)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetComputeInstanceId);
	r = id ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && !target.ci)
		r = NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*id = target.ci_id;
	return r;
}

static nvmlReturn_t get_attributes(
	enum tr_sim_fn fn, nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = attributes ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && !target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r != NVML_SUCCESS)
		return r;
	/* The engines are the GPU instance's, shared by its compute instances. */
	*attributes = (nvmlDeviceAttributes_t){ .multiprocessorCount = target.ci_profile->sm,
		.sharedCopyEngineCount = target.profile->ce,
		.sharedDecoderCount = target.profile->dec,
		.sharedEncoderCount = target.profile->enc,
		.sharedJpegCount = target.profile->jpeg,
		.sharedOfaCount = target.profile->ofa,
		.gpuInstanceSliceCount = target.profile->slices,
		.computeInstanceSliceCount = target.ci_profile->slices,
		.memorySizeMB = target.profile->memory_mib };
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
	return get_attributes(TR_FN_nvmlDeviceGetAttributes, device, attributes);
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
	return get_attributes(TR_FN_nvmlDeviceGetAttributes_v2, device, attributes);
}
