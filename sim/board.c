/* SPDX-License-Identifier: Apache-2.0 */
/* What a card says of itself beside MIG: strings, links, places, limits. Rows of data/boards.json;
 * what they leave open is NOT_SUPPORTED. */
#include "sim/drv.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

/* A card with its board; MIG devices have none of their own. */
static nvmlReturn_t card_board(nvmlDevice_t device, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_device(device, ret);

	if (r == NVML_SUCCESS && (ret->ci || !ret->product->board))
		r = NVML_ERROR_NOT_SUPPORTED;
	return r;
}

static nvmlReturn_t text_of(
	enum tr_sim_fn fn, nvmlDevice_t device, size_t field, char *text, unsigned size)
{
	struct tr_drv_target target;
	const char *value;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = text ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	memcpy(&value, (const char *)target.product->board + field, sizeof(value));
	return value ? tr_drv_text(value, text, size) : NVML_ERROR_NOT_SUPPORTED;
}

#define BOARD_TEXT(name, field)                                                                  \
	nvmlReturn_t name(nvmlDevice_t device, char *text, unsigned size)                        \
	{                                                                                        \
		return text_of(                                                                  \
			TR_FN_##name, device, offsetof(struct tr_gpu_board, field), text, size); \
	}

BOARD_TEXT(nvmlDeviceGetBoardPartNumber, part_number)
BOARD_TEXT(nvmlDeviceGetVbiosVersion, vbios)
BOARD_TEXT(nvmlDeviceGetInforomImageVersion, inforom_image)

nvmlReturn_t nvmlDeviceGetInforomVersion(
	nvmlDevice_t device, unsigned object, char *text, unsigned size)
{
	/* OEM, ECC, power, DEN */
	static const size_t fields[] = { offsetof(struct tr_gpu_board, inforom_oem),
		offsetof(struct tr_gpu_board, inforom_ecc) };
	struct tr_drv_target target;
	nvmlReturn_t r;

	if (object < TR_COUNT(fields))
		return text_of(
			TR_FN_nvmlDeviceGetInforomVersion, device, fields[object], text, size);
	TR_DRV_CALL(TR_FN_nvmlDeviceGetInforomVersion);
	r = text && object <= 3 ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	return r == NVML_SUCCESS ? NVML_ERROR_NOT_SUPPORTED : r;
}

/* The GPU's own firmware comes with the driver, and has its version. */
nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t device, char *text)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGspFirmwareVersion);
	r = text ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	return r == NVML_SUCCESS ? tr_drv_text(TR_DRV_VERSION, text, sizeof(TR_DRV_VERSION)) : r;
}

nvmlReturn_t nvmlDeviceGetGspFirmwareMode(
	nvmlDevice_t device, unsigned *is_enabled, unsigned *by_default)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetGspFirmwareMode);
	r = is_enabled && by_default ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*is_enabled = *by_default = 1;
	return r;
}

/* A number of the card that may be unknown (0) */
static nvmlReturn_t number_of(enum tr_sim_fn fn, nvmlDevice_t device, size_t field, unsigned *ret)
{
	struct tr_drv_target target;
	nvmlReturn_t r;
	uint32_t value;

	TR_DRV_CALL(fn);
	r = ret ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	memcpy(&value, (const char *)target.product->board + field, sizeof(value));
	if (!value)
		return NVML_ERROR_NOT_SUPPORTED;
	*ret = value;
	return NVML_SUCCESS;
}

#define BOARD_NUMBER(name, field)                                                                  \
	nvmlReturn_t name(nvmlDevice_t device, unsigned *ret)                                      \
	{                                                                                          \
		return number_of(TR_FN_##name, device, offsetof(struct tr_gpu_board, field), ret); \
	}

BOARD_NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, pcie_gen)
BOARD_NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, pcie_gen)
BOARD_NUMBER(nvmlDeviceGetGpuMaxPcieLinkGeneration, pcie_gen)
BOARD_NUMBER(nvmlDeviceGetCurrPcieLinkWidth, pcie_width)
BOARD_NUMBER(nvmlDeviceGetMaxPcieLinkWidth, pcie_width)
BOARD_NUMBER(nvmlDeviceGetMemoryBusWidth, bus_bits)
BOARD_NUMBER(nvmlDeviceGetEnforcedPowerLimit, power_default)
BOARD_NUMBER(nvmlDeviceGetPowerManagementLimit, power_default)
BOARD_NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, power_default)

nvmlReturn_t nvmlDeviceGetNumGpuCores(nvmlDevice_t device, unsigned *n)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetNumGpuCores);
	r = n ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	/* A card that is cut does not count its cores. */
	if (r == NVML_SUCCESS && (target.gpu->mig_current || !target.product->board->cores))
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*n = target.product->board->cores;
	return r;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(
	nvmlDevice_t device, unsigned *min_mw, unsigned *max_mw)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetPowerManagementLimitConstraints);
	r = min_mw && max_mw ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && !target.product->board->power_max)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS) {
		*min_mw = target.product->board->power_min;
		*max_mw = target.product->board->power_max;
	}
	return r;
}

/* A number that every card answers with. */
static nvmlReturn_t constant(enum tr_sim_fn fn, nvmlDevice_t device, unsigned value, unsigned *ret)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = ret ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*ret = value;
	return r;
}

#define CONSTANT(name, value)                                      \
	nvmlReturn_t name(nvmlDevice_t device, unsigned *ret)      \
	{                                                          \
		return constant(TR_FN_##name, device, value, ret); \
	}

CONSTANT(nvmlDeviceGetDisplayMode, 1)
CONSTANT(nvmlDeviceGetAccountingMode, 0)
CONSTANT(nvmlDeviceGetAccountingBufferSize, 4000) /* as captured */
CONSTANT(nvmlDeviceGetPcieReplayCounter, 0)
CONSTANT(nvmlDeviceGetPowerManagementMode, 1)
CONSTANT(nvmlDeviceGetBusType, 2)     /* PCI Express */
CONSTANT(nvmlDeviceGetNumFans, 0)     /* cooled by the server around them */
CONSTANT(nvmlDeviceGetPowerSource, 0) /* the mains */
CONSTANT(nvmlDeviceGetAdaptiveClockInfoStatus, 1)
BOARD_NUMBER(nvmlDeviceGetPcieLinkMaxSpeed, pcie_gen)

/* Mega-transfers a second and lane: twice as many with each generation. */
nvmlReturn_t nvmlDeviceGetPcieSpeed(nvmlDevice_t device, unsigned *speed)
{
	enum { OF_GENERATION_1 = 2000 };
	unsigned gen = 0;
	nvmlReturn_t r = number_of(TR_FN_nvmlDeviceGetPcieSpeed, device,
		offsetof(struct tr_gpu_board, pcie_gen), speed ? &gen : NULL);

	if (r == NVML_SUCCESS)
		*speed = (unsigned)OF_GENERATION_1 << (gen - 1);
	return r;
}

nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned *id)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetBoardId);
	r = id ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	/* The PCI place: bus, then device. */
	if (r == NVML_SUCCESS)
		*id = target.gpu->pci_bus << 8;
	return r;
}

nvmlReturn_t nvmlDeviceGetModuleId(nvmlDevice_t device, unsigned *id)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetModuleId);
	r = id ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	/* Cards in a slot are no modules. */
	if (r == NVML_SUCCESS &&
		(strstr(target.product->name, "PCIe") || strstr(target.product->name, "PCIE")))
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*id = target.gpu_idx + 1;
	return r;
}

nvmlReturn_t nvmlDeviceGetPdi(nvmlDevice_t device, nvmlPdi_v1_t *pdi)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetPdi);
	r = pdi ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && pdi->version != NVML_VERSION_WORD(nvmlPdi_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS)
		pdi->value = target.gpu->serial;
	return r;
}

nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_v1_t *pci)
{
	enum { NVIDIA_VENDOR = 0x10de, DISPLAY_CLASS = 3, CLASS_3D = 2 };
	struct tr_drv_target target;
	nvmlPciInfoExt_v1_t info = { 0 };
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetPciInfoExt);
	r = pci ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && pci->version != NVML_VERSION_WORD(nvmlPciInfoExt_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r != NVML_SUCCESS)
		return r;
	info.version = pci->version;
	info.bus = target.gpu->pci_bus;
	info.pciDeviceId = target.product->pci_device_id << 16 | NVIDIA_VENDOR;
	info.pciSubSystemId = tr_drv_subsystem(target.product);
	info.baseClass = DISPLAY_CLASS;
	info.subClass = CLASS_3D;
	snprintf(info.busId, sizeof(info.busId), "00000000:%02X:00.0", target.gpu->pci_bus & 0xff);
	*pci = info;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAddressingMode(nvmlDevice_t device, nvmlDeviceAddressingMode_v1_t *mode)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetAddressingMode);
	r = mode ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS &&
		mode->version != NVML_VERSION_WORD(nvmlDeviceAddressingMode_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS)
		mode->value = 0; /* none: no memory is shared with the processor */
	return r;
}

/* Bit 0: memory of other machines; no card here has it. */
nvmlReturn_t nvmlDeviceGetCapabilities(
	nvmlDevice_t device, nvmlDeviceCapabilities_v1_t *capabilities)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetCapabilities);
	r = capabilities ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS &&
		capabilities->version != NVML_VERSION_WORD(nvmlDeviceCapabilities_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS)
		capabilities->capMask = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t device, nvmlC2cModeInfo_v1_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetC2cModeInfoV);
	r = info ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		info->isC2cEnabled = 0;
	return r;
}

static nvmlReturn_t set_compute_mode(struct tr_sim_node *node, void *arg)
{
	const uint32_t *wish = arg;

	node->gpus[wish[0]].compute_mode = (uint8_t)wish[1];
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetComputeMode(nvmlDevice_t device, unsigned mode)
{
	enum { EXCLUSIVE_THREAD = 1, COUNT = 4 };
	struct tr_drv_target target;
	uint32_t wish[2];
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceSetComputeMode);
	r = mode < COUNT ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	/* The second is long gone; a card that is cut is shared by its nature. */
	if (r == NVML_SUCCESS && (mode == EXCLUSIVE_THREAD || target.gpu->mig_current))
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r != NVML_SUCCESS)
		return r;
	wish[0] = target.gpu_idx;
	wish[1] = mode;
	return tr_drv_change(set_compute_mode, wish);
}

/* On driver 580 slices share a pool that is smaller than the card's; where its size is unknown, the
 * rule of the drivers before: the slice's part of the whole, less 1 MiB. */
static uint64_t bar1_mib(const struct tr_drv_target *target)
{
	const struct tr_gpu_board *board = target->product->board;

	if (!target->ci)
		return board->bar1_mib;
	if (board->bar1_mig_mib)
		return (uint64_t)board->bar1_mig_mib * target->profile->size /
		       target->model->memory_slices;
	return (uint64_t)board->bar1_mib * target->profile->size / target->model->memory_slices - 1;
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetBAR1MemoryInfo);
	r = memory ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && (!target.product->board || !target.product->board->bar1_mib))
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r != NVML_SUCCESS)
		return r;
	memory->bar1Total = bar1_mib(&target) << 20;
	/* As captured: a card at rest has 1 MiB of it in use, a slice none. */
	memory->bar1Used = target.ci ? 0 : 1 << 20;
	memory->bar1Free = memory->bar1Total - memory->bar1Used;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetConfComputeProtectedMemoryUsage(nvmlDevice_t device, nvmlMemory_t *memory)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetConfComputeProtectedMemoryUsage);
	r = memory ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*memory = (nvmlMemory_t){ 0 };
	return r;
}

/* A virtual card is as near to one processor as to the other. */
static nvmlReturn_t cpu_affinity(
	enum tr_sim_fn fn, nvmlDevice_t device, unsigned size, unsigned long *set, unsigned scope)
{
	enum { BITS = 8 * sizeof(unsigned long), SCOPES = 2 };
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = set && size > 0 && scope < SCOPES ? tr_drv_device(device, &target)
					      : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	for (unsigned i = 0; i < size && i < CPU_SETSIZE / BITS; i++)
		set[i] = 0;
	for (unsigned long c = 0; c < (unsigned long)online && c / BITS < size; c++)
		set[c / BITS] |= 1UL << c % BITS;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCpuAffinity(nvmlDevice_t device, unsigned size, unsigned long *set)
{
	return cpu_affinity(TR_FN_nvmlDeviceGetCpuAffinity, device, size, set, 0);
}

nvmlReturn_t nvmlDeviceGetCpuAffinityWithinScope(
	nvmlDevice_t device, unsigned size, unsigned long *set, unsigned scope)
{
	return cpu_affinity(TR_FN_nvmlDeviceGetCpuAffinityWithinScope, device, size, set, scope);
}

nvmlReturn_t nvmlDeviceGetMemoryAffinity(
	nvmlDevice_t device, unsigned size, unsigned long *set, unsigned scope)
{
	enum { SCOPES = 2 };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMemoryAffinity);
	r = set && size > 0 && scope < SCOPES ? tr_drv_device(device, &target)
					      : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		set[0] = 1; /* node 0 */
	return r;
}

nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t a, nvmlDevice_t b, unsigned *level)
{
	enum { INTERNAL = 0, NODE = 40 };
	struct tr_drv_target one, other;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetTopologyCommonAncestor);
	r = level ? tr_drv_card(a, &one) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		r = tr_drv_card(b, &other);
	if (r == NVML_SUCCESS)
		*level = one.gpu_idx == other.gpu_idx ? INTERNAL : NODE;
	return r;
}

nvmlReturn_t nvmlDeviceOnSameBoard(nvmlDevice_t a, nvmlDevice_t b, int *on_same)
{
	struct tr_drv_target one, other;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceOnSameBoard);
	r = on_same ? tr_drv_card(a, &one) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		r = tr_drv_card(b, &other);
	if (r == NVML_SUCCESS)
		*on_same = one.gpu_idx == other.gpu_idx;
	return r;
}
