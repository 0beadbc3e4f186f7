/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rest of libnvidia-ml.so.1 that the virtual driver models and we call nowhere.
 *
 * Under the same rules as abi/nvml.h.
 */
#pragma once

#include "abi/nvml.h"

enum {
	NVML_CLOCK_COUNT = 4,
	NVML_CLOCK_ID_APP_CLOCK_TARGET = 1,
	NVML_CLOCK_ID_APP_CLOCK_DEFAULT = 2,
	NVML_GPM_METRIC_GRAPHICS_UTIL = 1,
	NVML_GPM_METRIC_SM_UTIL = 2,
};

typedef struct {
	uint64_t l1Cache, l2Cache, deviceMemory, registerFile;
} nvmlEccErrorCounts_t;

typedef struct nvmlGpmSample_st *nvmlGpmSample_t;

typedef struct {
	uint32_t version, isSupportedDevice;
} nvmlGpmSupport_t;

typedef struct {
	uint32_t metricId;
	nvmlReturn_t nvmlReturn;
	double value;
	struct {
		const char *shortName, *longName, *unit;
	} metricInfo;
} nvmlGpmMetric_t;

/* The array's length differs from version to version; numMetrics of it are the caller's. */
typedef struct {
	uint32_t version, numMetrics;
	nvmlGpmSample_t sample1, sample2;
	nvmlGpmMetric_t metrics[];
} nvmlGpmMetricsGet_t;

NVML_LAYOUT(nvmlEccErrorCounts_t, 32);
NVML_LAYOUT(nvmlGpmSupport_t, 8);
NVML_LAYOUT(nvmlGpmMetric_t, 40);
NVML_AT(nvmlGpmMetricsGet_t, metrics, 24);

nvmlReturn_t nvmlDeviceGetNumGpuCores(nvmlDevice_t device, unsigned *n);
nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned *bits);
nvmlReturn_t nvmlDeviceGetBusType(nvmlDevice_t device, unsigned *type);
nvmlReturn_t nvmlDeviceGetNumFans(nvmlDevice_t device, unsigned *n);
nvmlReturn_t nvmlDeviceGetPowerSource(nvmlDevice_t device, unsigned *source);
nvmlReturn_t nvmlDeviceGetAdaptiveClockInfoStatus(nvmlDevice_t device, unsigned *status);
nvmlReturn_t nvmlDeviceGetPcieLinkMaxSpeed(nvmlDevice_t device, unsigned *generation);
nvmlReturn_t nvmlDeviceGetPcieSpeed(nvmlDevice_t device, unsigned *speed);
nvmlReturn_t nvmlDeviceSetComputeMode(nvmlDevice_t device, unsigned mode);
nvmlReturn_t nvmlDeviceGetCpuAffinityWithinScope(
	nvmlDevice_t device, unsigned size, unsigned long *set, unsigned scope);
nvmlReturn_t nvmlDeviceOnSameBoard(nvmlDevice_t a, nvmlDevice_t b, int *on_same);
nvmlReturn_t nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t device, unsigned type, unsigned *mhz);
nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t device, unsigned *state);
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(
	nvmlDevice_t device, unsigned long long *reasons);
nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(
	nvmlDevice_t device, unsigned long long *reasons);
/* Millijoules */
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *mj);
nvmlReturn_t nvmlDeviceGetDefaultEccMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetDetailedEccErrors(
	nvmlDevice_t device, unsigned error, unsigned counter, nvmlEccErrorCounts_t *counts);
nvmlReturn_t nvmlDeviceClearFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values);

/* What a card or a GPU instance did between two samples */
nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support);
nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample);
nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample);
nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample);
nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned gi_id, nvmlGpmSample_t sample);
nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *get);
