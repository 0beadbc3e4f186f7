/* SPDX-License-Identifier: Apache-2.0 */
/* Error counters: all zero, for nothing here can flip a bit. Which of them a card has is as on a
 * real one: error correction on all data-centre cards, no counters of pages that rows replaced. */
#include "sim/drv.h"

#include <string.h>

enum { ERROR_TYPES = 2, COUNTER_TYPES = 2, LOCATIONS = 8, SRAM = 7, UNCORRECTED = 1, VOLATILE = 0 };

static bool has_ecc(const struct tr_drv_target *target)
{
	return !strstr(target->product->name, "GeForce");
}

static nvmlReturn_t ecc_card(nvmlDevice_t device, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_device(device, ret);

	return r == NVML_SUCCESS && !has_ecc(ret) ? NVML_ERROR_NOT_SUPPORTED : r;
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetEccMode);
	r = current && pending ? ecc_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*current = *pending = 1;
	return r;
}

nvmlReturn_t nvmlDeviceGetDefaultEccMode(nvmlDevice_t device, unsigned *mode)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetDefaultEccMode);
	r = mode ? ecc_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*mode = 1;
	return r;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(
	nvmlDevice_t device, unsigned error, unsigned counter, unsigned long long *n)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetTotalEccErrors);
	r = n && error < ERROR_TYPES && counter < COUNTER_TYPES ? ecc_card(device, &target)
								: NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*n = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetDetailedEccErrors(
	nvmlDevice_t device, unsigned error, unsigned counter, nvmlEccErrorCounts_t *counts)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetDetailedEccErrors);
	r = counts && error < ERROR_TYPES && counter < COUNTER_TYPES ? ecc_card(device, &target)
								     : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*counts = (nvmlEccErrorCounts_t){ 0 };
	return r;
}

nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, unsigned error, unsigned counter,
	unsigned location, unsigned long long *n)
{
	enum { DRAM = 2 };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMemoryErrorCounter);
	r = n && error < ERROR_TYPES && counter < COUNTER_TYPES && location < LOCATIONS
		    ? ecc_card(device, &target)
		    : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	/* An instance counts only what it can tell to be its own. */
	if (target.ci && (location != SRAM || error != UNCORRECTED || counter != VOLATILE))
		return NVML_ERROR_NOT_SUPPORTED;
	if (location != SRAM && location != DRAM)
		return NVML_ERROR_NOT_SUPPORTED;
	*n = 0;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSramEccErrorStatus(
	nvmlDevice_t device, nvmlEccSramErrorStatus_v1_t *status)
{
	struct tr_drv_target target;
	uint32_t version;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetSramEccErrorStatus);
	r = status ? ecc_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS &&
		status->version != NVML_VERSION_WORD(nvmlEccSramErrorStatus_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r != NVML_SUCCESS)
		return r;
	version = status->version;
	*status = (nvmlEccSramErrorStatus_v1_t){ .version = version };
	return NVML_SUCCESS;
}

/* Rows cannot be asked for while the card is cut. */
static nvmlReturn_t rows_card(nvmlDevice_t device, struct tr_drv_target *ret)
{
	nvmlReturn_t r = ecc_card(device, ret);

	if (r != NVML_SUCCESS)
		return r;
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		if (ret->gpu->gis[i].exists)
			return NVML_ERROR_NOT_SUPPORTED;
	return ret->product->board && ret->product->board->remap_banks ? NVML_SUCCESS
								       : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *correctable,
	unsigned *uncorrectable, unsigned *is_pending, unsigned *has_failed)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetRemappedRows);
	r = correctable && uncorrectable && is_pending && has_failed ? rows_card(device, &target)
								     : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*correctable = *uncorrectable = *is_pending = *has_failed = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetRowRemapperHistogram(
	nvmlDevice_t device, nvmlRowRemapperHistogramValues_t *values)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetRowRemapperHistogram);
	r = values ? rows_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*values = (nvmlRowRemapperHistogramValues_t){
			.max = target.product->board->remap_banks
		};
	return r;
}

nvmlReturn_t nvmlDeviceGetRemappedRows_v2(nvmlDevice_t device, nvmlRemappedRowsInfo_v2_t *info)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetRemappedRows_v2);
	r = info ? rows_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*info = (nvmlRemappedRowsInfo_v2_t){ 0 };
	return r;
}

nvmlReturn_t nvmlDeviceGetRepairStatus(nvmlDevice_t device, nvmlRepairStatus_v1_t *status)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetRepairStatus);
	r = status ? ecc_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS && status->version != NVML_VERSION_WORD(nvmlRepairStatus_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS)
		status->bChannelRepairPending = status->bTpcRepairPending = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetUnrepairableMemoryFlag_v1(
	nvmlDevice_t device, nvmlUnrepairableMemoryStatus_v1_t *status)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetUnrepairableMemoryFlag_v1);
	r = status ? ecc_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		status->bUnrepairableMemory = 0;
	return r;
}
