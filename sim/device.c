/* SPDX-License-Identifier: Apache-2.0 */
/* Cards and MIG devices: how many, which, and what they are. */
#include "sim/drv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static nvmlReturn_t get_count(enum tr_sim_fn fn, unsigned *count)
{
	unsigned n = 0;

	TR_DRV_CALL(fn);
	if (!count)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t g = 0; g < tr_drv_node()->n_gpus; g++)
		n += tr_drv_sees_card(g);
	*count = n;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned *count)
{
	return get_count(TR_FN_nvmlDeviceGetCount, count);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
	return get_count(TR_FN_nvmlDeviceGetCount_v2, count);
}

static nvmlReturn_t by_index(enum tr_sim_fn fn, unsigned index, nvmlDevice_t *device)
{
	TR_DRV_CALL(fn);
	for (uint32_t g = 0; device && g < tr_drv_node()->n_gpus; g++) {
		if (!tr_drv_sees_card(g) || index-- > 0)
			continue;
		if (tr_drv_node()->gpus[g].is_lost)
			return NVML_ERROR_GPU_IS_LOST;
		*device = tr_drv_card_handle(g);
		return NVML_SUCCESS;
	}
	return NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device)
{
	return by_index(TR_FN_nvmlDeviceGetHandleByIndex, index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
	return by_index(TR_FN_nvmlDeviceGetHandleByIndex_v2, index, device);
}

/* "MIG-GPU-<uuid>/<gi>/<ci>", the form before R470. */
static bool find_old_name(const char *uuid, uint32_t ret[3])
{
	const struct tr_sim_node *node = tr_drv_node();
	char gpu_uuid[41];
	int end = 0;

	if (strncmp(uuid, "MIG-GPU-", 8) != 0)
		return false;
	for (uint32_t g = 0; g < node->n_gpus; g++) {
		tr_sim_uuid_text("GPU-", node->gpus[g].uuid, gpu_uuid);
		if (strncmp(uuid + 4, gpu_uuid, 40) != 0)
			continue;
		ret[0] = g;
		return sscanf(uuid + 44, "/%2u/%2u%n", &ret[1], &ret[2], &end) == 2 &&
		       uuid[44 + end] == '\0';
	}
	return false;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
	struct tr_drv_target target;
	uint32_t ids[3];

	TR_DRV_CALL(TR_FN_nvmlDeviceGetHandleByUUID);
	if (!uuid || !device)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (!tr_sim_find_uuid(tr_drv_node(), uuid, &ids[0], &ids[1], &ids[2]) &&
		!find_old_name(uuid, ids))
		return NVML_ERROR_NOT_FOUND;
	if (tr_drv_target(ids[0], ids[1], ids[2], &target) != NVML_SUCCESS)
		return NVML_ERROR_NOT_FOUND;
	*device = ids[1] == TR_SIM_WHOLE ? tr_drv_card_handle(ids[0])
					 : tr_drv_mig_handle(ids[0], ids[1], ids[2]);
	return NVML_SUCCESS;
}

static void bus_ids(const struct tr_sim_gpu *gpu, nvmlPciInfo_t *ret)
{
	snprintf(ret->busIdLegacy, sizeof(ret->busIdLegacy), "0000:%02X:00.0", gpu->pci_bus & 0xff);
	snprintf(ret->busId, sizeof(ret->busId), "00000000:%02X:00.0", gpu->pci_bus & 0xff);
}

static nvmlReturn_t by_bus_id(enum tr_sim_fn fn, const char *bus_id, nvmlDevice_t *device)
{
	TR_DRV_CALL(fn);
	if (!bus_id || !device)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t g = 0; g < tr_drv_node()->n_gpus; g++) {
		nvmlPciInfo_t pci;

		bus_ids(&tr_drv_node()->gpus[g], &pci);
		if (!tr_drv_sees_card(g) || (strcasecmp(bus_id, pci.busId) != 0 &&
						    strcasecmp(bus_id, pci.busIdLegacy) != 0 &&
						    strcasecmp(bus_id, pci.busIdLegacy + 5) != 0))
			continue;
		*device = tr_drv_card_handle(g);
		return NVML_SUCCESS;
	}
	return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *bus_id, nvmlDevice_t *device)
{
	return by_bus_id(TR_FN_nvmlDeviceGetHandleByPciBusId, bus_id, device);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device)
{
	return by_bus_id(TR_FN_nvmlDeviceGetHandleByPciBusId_v2, bus_id, device);
}

/* 13 digits, as on a board's label. */
static void serial_text(const struct tr_sim_gpu *gpu, char ret[NVML_DEVICE_SERIAL_BUFFER_SIZE])
{
	snprintf(ret, NVML_DEVICE_SERIAL_BUFFER_SIZE, "165%010llu",
		(unsigned long long)(gpu->serial % 10000000000ULL));
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *serial, nvmlDevice_t *device)
{
	char text[NVML_DEVICE_SERIAL_BUFFER_SIZE];

	TR_DRV_CALL(TR_FN_nvmlDeviceGetHandleBySerial);
	if (!serial || !device)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t g = 0; g < tr_drv_node()->n_gpus; g++) {
		serial_text(&tr_drv_node()->gpus[g], text);
		if (!tr_drv_sees_card(g) || strcmp(serial, text) != 0)
			continue;
		*device = tr_drv_card_handle(g);
		return NVML_SUCCESS;
	}
	return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned size)
{
	char text[NVML_DEVICE_SERIAL_BUFFER_SIZE];
	struct tr_drv_target target;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetSerial);
	if (tr_drv_device(device, &target) != NVML_SUCCESS)
		return tr_drv_device(device, &target);
	serial_text(target.gpu, text);
	return tr_drv_text(text, serial, size);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned size)
{
	struct tr_drv_target target;
	char text[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetName);
	r = tr_drv_device(device, &target);
	if (r != NVML_SUCCESS)
		return r;
	snprintf(text, sizeof(text), "%s%s%s", target.product->name, target.ci ? " MIG " : "",
		target.ci ? target.ci_profile->name : "");
	return tr_drv_text(text, name, size);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned size)
{
	struct tr_drv_target target;
	nvmlReturn_t r;
	char text[41];

	TR_DRV_CALL(TR_FN_nvmlDeviceGetUUID);
	r = tr_drv_device(device, &target);
	if (r != NVML_SUCCESS)
		return r;
	if (target.ci)
		tr_sim_uuid_text("MIG-", target.ci->uuid, text);
	else
		tr_sim_uuid_text("GPU-", target.gpu->uuid, text);
	return tr_drv_text(text, uuid, size);
}

/* The place among what this process sees: of cards, or of a card's MIG devices. */
static unsigned index_of(const struct tr_drv_target *target)
{
	unsigned index = 0;

	if (!target->ci) {
		for (uint32_t g = 0; g < target->gpu_idx; g++)
			index += tr_drv_sees_card(g);
		return index;
	}
	for (uint32_t i = 0; i <= target->gi_id; i++) {
		uint32_t end = i < target->gi_id ? TR_SIM_MAX_CIS : target->ci_id;

		for (uint32_t c = 0; target->gpu->gis[i].exists && c < end; c++)
			index += target->gpu->gis[i].cis[c].exists &&
				 tr_drv_sees_ci(target->gpu_idx, i, c);
	}
	return index;
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetIndex);
	r = index ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*index = index_of(&target);
	return r;
}

/* A number that any device answers with, or only a card. */
static nvmlReturn_t answer(enum tr_sim_fn fn, nvmlDevice_t device, bool cards_only, unsigned *ret,
	unsigned (*of)(struct tr_drv_target *))
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	if (!ret)
		return NVML_ERROR_INVALID_ARGUMENT;
	r = tr_drv_device(device, &target);
	if (r == NVML_SUCCESS && cards_only && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*ret = of(&target);
	return r;
}

static unsigned minor_of(struct tr_drv_target *target)
{
	return target->gpu_idx;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor)
{
	return answer(
		TR_FN_nvmlDeviceGetMinorNumber, device, /* cards_only= */ true, minor, minor_of);
}

static unsigned arch_of(struct tr_drv_target *target)
{
	static const unsigned numbers[] = { [TR_ARCH_AMPERE] = 7,
		[TR_ARCH_ADA] = 8,
		[TR_ARCH_HOPPER] = 9,
		[TR_ARCH_BLACKWELL] = 10 };

	return numbers[target->model->arch];
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned *arch)
{
	return answer(TR_FN_nvmlDeviceGetArchitecture, device, false, arch, arch_of);
}

static unsigned persistence_of(struct tr_drv_target *target)
{
	return target->gpu->persistence_mode;
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode)
{
	return answer(TR_FN_nvmlDeviceGetPersistenceMode, device, true, mode, persistence_of);
}

static unsigned none(struct tr_drv_target *target)
{
	(void)target;
	return 0;
}

static unsigned compute_mode_of(struct tr_drv_target *target)
{
	return target->gpu->compute_mode;
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned *mode)
{
	return answer(TR_FN_nvmlDeviceGetComputeMode, device, false, mode, compute_mode_of);
}

nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, unsigned *active)
{
	return answer(TR_FN_nvmlDeviceGetDisplayActive, device, true, active, none);
}

/* 0: not in a virtual machine; 1: handed into one whole. */
static unsigned virtualization_of(struct tr_drv_target *target)
{
	return target->gpu->is_passthrough;
}

nvmlReturn_t nvmlDeviceGetVirtualizationMode(nvmlDevice_t device, unsigned *mode)
{
	return answer(TR_FN_nvmlDeviceGetVirtualizationMode, device, true, mode, virtualization_of);
}

nvmlReturn_t nvmlDeviceGetMultiGpuBoard(nvmlDevice_t device, unsigned *is_multi)
{
	return answer(TR_FN_nvmlDeviceGetMultiGpuBoard, device, true, is_multi, none);
}

nvmlReturn_t nvmlDeviceValidateInforom(nvmlDevice_t device)
{
	unsigned ignored;

	return answer(TR_FN_nvmlDeviceValidateInforom, device, true, &ignored, none);
}

static unsigned brand_of(struct tr_drv_target *target)
{
	/* NVML's numbers: 5 GeForce, 14 NVIDIA (data-centre cards), 15 NVIDIA RTX. */
	if (strstr(target->product->name, "GeForce"))
		return 5;
	return strstr(target->product->name, "RTX") ? 15 : 14;
}

nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, unsigned *brand)
{
	return answer(TR_FN_nvmlDeviceGetBrand, device, false, brand, brand_of);
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
	/* Of the cards in data/gpus: A100 and A30; RTX 4090; H100, H200; RTX PRO. */
	static const int numbers[][2] = { [TR_ARCH_AMPERE] = { 8, 0 },
		[TR_ARCH_ADA] = { 8, 9 },
		[TR_ARCH_HOPPER] = { 9, 0 },
		[TR_ARCH_BLACKWELL] = { 12, 0 } };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetCudaComputeCapability);
	r = major && minor ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	*major = numbers[target.model->arch][0];
	*minor = numbers[target.model->arch][1];
	return NVML_SUCCESS;
}

/* A maker's own number; where it is unknown the device's stands for it. */
uint32_t tr_drv_subsystem(const struct tr_gpu_product *product)
{
	enum { NVIDIA_VENDOR = 0x10de };
	uint32_t known = product->board ? product->board->pci_subsystem_id : 0;

	return (known ? known : product->pci_device_id) << 16 | NVIDIA_VENDOR;
}

/* The oldest form ends before pciSubSystemId, the second before the long busId (its four reserved
 * words stay as they are). */
static nvmlReturn_t pci_info(
	enum tr_sim_fn fn, nvmlDevice_t device, size_t size, nvmlPciInfo_t *ret)
{
	enum { NVIDIA_VENDOR = 0x10de };
	struct tr_drv_target target;
	nvmlPciInfo_t pci = { 0 };
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = ret ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	bus_ids(target.gpu, &pci);
	pci.bus = target.gpu->pci_bus;
	pci.pciDeviceId = target.product->pci_device_id << 16 | NVIDIA_VENDOR;
	pci.pciSubSystemId = tr_drv_subsystem(target.product);
	memcpy(ret, &pci, size);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	return pci_info(
		TR_FN_nvmlDeviceGetPciInfo, device, offsetof(nvmlPciInfo_t, pciSubSystemId), pci);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	return pci_info(TR_FN_nvmlDeviceGetPciInfo_v2, device, offsetof(nvmlPciInfo_t, busId), pci);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	return pci_info(TR_FN_nvmlDeviceGetPciInfo_v3, device, sizeof(*pci), pci);
}

struct mode_wish {
	uint32_t gpu_idx, mode;
};

static nvmlReturn_t set_persistence(struct tr_sim_node *node, void *arg)
{
	const struct mode_wish *wish = arg;

	node->gpus[wish->gpu_idx].persistence_mode = (uint8_t)wish->mode;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, unsigned mode)
{
	struct tr_drv_target target;
	struct mode_wish wish;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceSetPersistenceMode);
	r = mode > 1 ? NVML_ERROR_INVALID_ARGUMENT : tr_drv_card(device, &target);
	if (r != NVML_SUCCESS)
		return r;
	wish = (struct mode_wish){ target.gpu_idx, mode };
	return tr_drv_change(set_persistence, &wish);
}
