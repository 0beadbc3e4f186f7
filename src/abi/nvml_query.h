/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of libnvidia-ml.so.1 that only tells: what a card is, how it is set, how it does.
 *
 * Under the same rules as abi/nvml.h, which includes it. Enumerations are plain numbers here; what
 * they stand for is said beside the call that takes or gives them.
 */
#pragma once

#include "abi/nvml.h"

enum {
	NVML_DEVICE_VBIOS_VERSION_BUFFER_SIZE = 32,
	NVML_DEVICE_PART_NUMBER_BUFFER_SIZE = 80,
	NVML_DEVICE_INFOROM_VERSION_BUFFER_SIZE = 16,
	NVML_GSP_FIRMWARE_VERSION_BUF_SIZE = 64,
	NVML_DEVICE_HOSTNAME_BUFFER_SIZE = 64,
	NVML_MAX_PHYSICAL_BRIDGE = 128,
	NVML_GPU_FABRIC_UUID_LEN = 16,
	/* Clocks */
	NVML_CLOCK_GRAPHICS = 0,
	NVML_CLOCK_SM = 1,
	NVML_CLOCK_MEM = 2,
	NVML_CLOCK_VIDEO = 3,
	NVML_CLOCK_ID_CURRENT = 0,
	NVML_CLOCK_ID_CUSTOMER_BOOST_MAX = 3,
	/* ECC: which errors, since when, and where */
	NVML_MEMORY_ERROR_TYPE_CORRECTED = 0,
	NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1,
	NVML_VOLATILE_ECC = 0,
	NVML_AGGREGATE_ECC = 1,
	NVML_MEMORY_LOCATION_L1_CACHE = 0,
	NVML_MEMORY_LOCATION_L2_CACHE = 1,
	NVML_MEMORY_LOCATION_DRAM = 2,
	NVML_MEMORY_LOCATION_REGISTER_FILE = 3,
	NVML_MEMORY_LOCATION_TEXTURE_MEMORY = 4,
	NVML_MEMORY_LOCATION_CBU = 6,
	NVML_MEMORY_LOCATION_SRAM = 7,
	NVML_PAGE_RETIREMENT_CAUSE_SINGLE_BIT = 0,
	NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT = 1,
	/* Sampled */
	NVML_TOTAL_POWER_SAMPLES = 0,
	NVML_GPU_UTILIZATION_SAMPLES = 1,
	NVML_MEMORY_UTILIZATION_SAMPLES = 2,
	NVML_ENC_UTILIZATION_SAMPLES = 3,
	NVML_DEC_UTILIZATION_SAMPLES = 4,
	NVML_PROCESSOR_CLK_SAMPLES = 5,
	NVML_MEMORY_CLK_SAMPLES = 6,
	NVML_JPG_UTILIZATION_SAMPLES = 8,
	NVML_OFA_UTILIZATION_SAMPLES = 9,
	/* How an nvmlValue_t is to be read */
	NVML_VALUE_TYPE_DOUBLE = 0,
	NVML_VALUE_TYPE_UNSIGNED_INT = 1,
	NVML_VALUE_TYPE_UNSIGNED_LONG = 2,
	NVML_VALUE_TYPE_UNSIGNED_LONG_LONG = 3,
	NVML_VALUE_TYPE_SIGNED_LONG_LONG = 4,
	NVML_VALUE_TYPE_SIGNED_INT = 5,
	NVML_VALUE_TYPE_UNSIGNED_SHORT = 6,
	/* Field values: what is asked of nvmlDeviceGetFieldValues; scope 0 is the GPU, 1 the
	 * module, 2 the memory, where a field has a scope */
	NVML_FI_DEV_PERF_POLICY_POWER = 74,
	NVML_FI_DEV_PERF_POLICY_SYNC_BOOST = 76,
	NVML_FI_DEV_MEMORY_TEMP = 82,
	NVML_FI_DEV_PCIE_REPLAY_ROLLOVER_COUNTER = 95,
	NVML_FI_DEV_POWER_AVERAGE = 185,
	NVML_FI_DEV_POWER_INSTANT = 186,
	NVML_FI_DEV_POWER_MIN_LIMIT = 187,
	NVML_FI_DEV_POWER_MAX_LIMIT = 188,
	NVML_FI_DEV_POWER_DEFAULT_LIMIT = 189,
	NVML_FI_DEV_POWER_CURRENT_LIMIT = 190,
	NVML_FI_DEV_POWER_REQUESTED_LIMIT = 192,
	NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT = 193,
	NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT = 194,
	NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT = 195,
	NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT = 196,
	NVML_FI_DEV_PCIE_OUTBOUND_ATOMICS_MASK = 228,
	NVML_FI_DEV_PCIE_INBOUND_ATOMICS_MASK = 229,
	NVML_FI_DEV_GET_GPU_RECOVERY_ACTION = 230,
	NVML_FI_PWR_SMOOTHING_ENABLED = 251,
	NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN = 269,
	NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN = 270,
	NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN = 271,
	/* Two cards' nearest common point */
	NVML_TOPOLOGY_INTERNAL = 0,
	NVML_TOPOLOGY_SINGLE = 10,
	NVML_TOPOLOGY_MULTIPLE = 20,
	NVML_TOPOLOGY_HOSTBRIDGE = 30,
	NVML_TOPOLOGY_NODE = 40,
	NVML_TOPOLOGY_SYSTEM = 50,
	NVML_NVLINK_MAX_LINKS = 18,
	NVML_AFFINITY_SCOPE_NODE = 0,
};

typedef union {
	double dVal;
	int32_t siVal;
	uint32_t uiVal;
	unsigned long ulVal;
	uint64_t ullVal;
	int64_t sllVal;
	uint16_t usVal;
} nvmlValue_t;

typedef struct {
	uint64_t timeStamp; /* us since 1970 */
	nvmlValue_t sampleValue;
} nvmlSample_t;

typedef struct {
	uint32_t fieldId, scopeId;
	int64_t timestamp, latencyUsec;
	uint32_t valueType;
	nvmlReturn_t nvmlReturn;
	nvmlValue_t value;
} nvmlFieldValue_t;

typedef struct {
	uint32_t version;
	uint32_t domain, bus, device, pciDeviceId, pciSubSystemId, baseClass, subClass;
	char busId[32];
} nvmlPciInfoExt_v1_t;

typedef struct {
	uint32_t version, sensorType; /* 0: the GPU itself */
	int32_t temperature;
} nvmlTemperature_v1_t;

typedef struct {
	uint32_t version;
	int32_t marginTemperature;
} nvmlMarginTemperature_v1_t;

typedef struct {
	uint32_t version, value; /* 0 none, 1 HMM, 2 ATS */
} nvmlDeviceAddressingMode_v1_t;

typedef struct {
	uint32_t version;
	uint64_t value;
} nvmlPdi_v1_t;

typedef struct {
	uint32_t isC2cEnabled;
} nvmlC2cModeInfo_v1_t;

typedef struct {
	uint32_t version, bChannelRepairPending, bTpcRepairPending;
} nvmlRepairStatus_v1_t;

typedef struct {
	uint32_t bUnrepairableMemory;
} nvmlUnrepairableMemoryStatus_v1_t;

typedef struct {
	uint32_t corrActiveRemaps, corrInactiveRemaps, uncActiveRemaps, uncInactiveRemaps;
	uint32_t bPending, bFailureOccurred;
} nvmlRemappedRowsInfo_v2_t;

typedef struct {
	uint32_t max, high, partial, low, none;
} nvmlRowRemapperHistogramValues_t;

typedef struct {
	uint32_t version;
	uint64_t aggregateUncParity, aggregateUncSecDed, aggregateCor;
	uint64_t volatileUncParity, volatileUncSecDed, volatileCor;
	uint64_t aggregateUncBucketL2, aggregateUncBucketSm, aggregateUncBucketPcie;
	uint64_t aggregateUncBucketMcu, aggregateUncBucketOther;
	uint32_t bThresholdExceeded;
} nvmlEccSramErrorStatus_v1_t;

typedef struct {
	uint32_t sessionsCount, averageFPS, averageLatency;
} nvmlFBCStats_t;

typedef struct {
	uint32_t version, encryptionState;
} nvmlDramEncryptionInfo_v1_t;

typedef struct {
	uint32_t version, mode;
} nvmlVgpuHeterogeneousMode_v1_t;

typedef struct {
	uint32_t version, capMask; /* bit 0: EGM */
} nvmlDeviceCapabilities_v1_t;

typedef struct {
	uint32_t version;
	uint8_t ibGuid[16];
	uint8_t chassisSerialNumber[16];
	uint8_t slotNumber, trayIndex, hostId, peerType, moduleId;
} nvmlPlatformInfo_v2_t;

typedef struct {
	uint32_t version;
	uint8_t clusterUuid[NVML_GPU_FABRIC_UUID_LEN];
	nvmlReturn_t status;
	uint32_t cliqueId;
	uint8_t state; /* 0 not supported, 1 not started, 2 in progress, 3 completed */
	uint32_t healthMask;
	uint8_t healthSummary; /* 0 not supported, 1 healthy, 2 unhealthy, 3 limited capacity */
} nvmlGpuFabricInfo_v3_t;

typedef struct {
	uint32_t mask[8];
} nvmlMask255_t;

typedef struct {
	uint32_t version;
	nvmlMask255_t perfProfilesMask, requestedProfilesMask, enforcedProfilesMask;
} nvmlWorkloadPowerProfileCurrentProfiles_v1_t;

typedef struct {
	uint32_t type, fwVersion;
} nvmlBridgeChipInfo_t;

typedef struct {
	uint8_t bridgeCount;
	nvmlBridgeChipInfo_t bridgeChipInfo[NVML_MAX_PHYSICAL_BRIDGE];
} nvmlBridgeChipHierarchy_t;

typedef struct {
	char value[NVML_DEVICE_HOSTNAME_BUFFER_SIZE];
} nvmlHostname_v1_t;

typedef struct {
	uint64_t referenceTime, violationTime; /* ns */
} nvmlViolationTime_t;

typedef struct {
	uint32_t pid;
	uint64_t timeStamp;
	uint32_t smUtil, memUtil, encUtil, decUtil;
} nvmlProcessUtilizationSample_t;

typedef struct {
	uint64_t timeStamp;
	uint32_t pid, smUtil, memUtil, encUtil, decUtil, jpgUtil, ofaUtil;
} nvmlProcessUtilizationInfo_v1_t;

typedef struct {
	uint32_t version, processSamplesCount;
	uint64_t lastSeenTimeStamp;
	nvmlProcessUtilizationInfo_v1_t *procUtilArray;
} nvmlProcessesUtilizationInfo_v1_t;

typedef struct {
	uint32_t gpuUtilization, memoryUtilization;
	uint64_t maxMemoryUsage, time, startTime;
	uint32_t isRunning, reserved[5];
} nvmlAccountingStats_t;

NVML_LAYOUT(nvmlValue_t, 8);
NVML_LAYOUT(nvmlSample_t, 16);
NVML_LAYOUT(nvmlFieldValue_t, 40);
NVML_AT(nvmlFieldValue_t, nvmlReturn, 28);
NVML_LAYOUT(nvmlPciInfoExt_v1_t, 64);
NVML_LAYOUT(nvmlTemperature_v1_t, 12);
NVML_LAYOUT(nvmlPdi_v1_t, 16);
NVML_LAYOUT(nvmlEccSramErrorStatus_v1_t, 104);
NVML_LAYOUT(nvmlPlatformInfo_v2_t, 44);
NVML_AT(nvmlPlatformInfo_v2_t, slotNumber, 36);
NVML_LAYOUT(nvmlGpuFabricInfo_v3_t, 40);
NVML_AT(nvmlGpuFabricInfo_v3_t, healthMask, 32);
NVML_LAYOUT(nvmlWorkloadPowerProfileCurrentProfiles_v1_t, 100);
NVML_LAYOUT(nvmlBridgeChipHierarchy_t, 1028);
NVML_LAYOUT(nvmlProcessUtilizationSample_t, 32);
NVML_LAYOUT(nvmlProcessUtilizationInfo_v1_t, 40);
NVML_LAYOUT(nvmlProcessesUtilizationInfo_v1_t, 24);
NVML_LAYOUT(nvmlAccountingStats_t, 56);

/* What it is */
nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_v1_t *pci);
nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned *id);
nvmlReturn_t nvmlDeviceGetBoardPartNumber(nvmlDevice_t device, char *number, unsigned size);
nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char *version, unsigned size);
nvmlReturn_t nvmlDeviceGetInforomImageVersion(nvmlDevice_t device, char *version, unsigned size);
/* object: 0 OEM, 1 ECC, 2 power */
nvmlReturn_t nvmlDeviceGetInforomVersion(
	nvmlDevice_t device, unsigned object, char *version, unsigned size);
/* `version` has room for NVML_GSP_FIRMWARE_VERSION_BUF_SIZE */
nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t device, char *version);
nvmlReturn_t nvmlDeviceGetGspFirmwareMode(
	nvmlDevice_t device, unsigned *is_enabled, unsigned *default_mode);
nvmlReturn_t nvmlDeviceGetModuleId(nvmlDevice_t device, unsigned *id);
nvmlReturn_t nvmlDeviceGetPdi(nvmlDevice_t device, nvmlPdi_v1_t *pdi);
nvmlReturn_t nvmlDeviceGetPlatformInfo(nvmlDevice_t device, nvmlPlatformInfo_v2_t *info);
nvmlReturn_t nvmlDeviceGetHostname_v1(nvmlDevice_t device, nvmlHostname_v1_t *hostname);
nvmlReturn_t nvmlDeviceGetBridgeChipInfo(nvmlDevice_t device, nvmlBridgeChipHierarchy_t *bridges);
nvmlReturn_t nvmlDeviceGetCapabilities(
	nvmlDevice_t device, nvmlDeviceCapabilities_v1_t *capabilities);
nvmlReturn_t nvmlDeviceGetLastBBXFlushTime(
	nvmlDevice_t device, unsigned long long *timestamp, unsigned long *duration_us);
nvmlReturn_t nvmlGetVgpuDriverCapabilities(unsigned capability, unsigned *is_capable);
nvmlReturn_t nvmlDeviceGetVgpuCapabilities(
	nvmlDevice_t device, unsigned capability, unsigned *is_capable);

/* How it is set: 0 off, 1 on, unless said */
nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetAddressingMode(nvmlDevice_t device, nvmlDeviceAddressingMode_v1_t *mode);
nvmlReturn_t nvmlDeviceGetAccountingMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetAccountingBufferSize(nvmlDevice_t device, unsigned *size);
nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned *count, unsigned *pids);
nvmlReturn_t nvmlDeviceGetAccountingStats(
	nvmlDevice_t device, unsigned pid, nvmlAccountingStats_t *stats);
nvmlReturn_t nvmlDeviceGetDriverModel_v2(nvmlDevice_t device, unsigned *current, unsigned *pending);
nvmlReturn_t nvmlDeviceGetGpuOperationMode(
	nvmlDevice_t device, unsigned *current, unsigned *pending);
nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t device, nvmlC2cModeInfo_v1_t *info);
nvmlReturn_t nvmlDeviceGetHostVgpuMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetVgpuHeterogeneousMode(
	nvmlDevice_t device, nvmlVgpuHeterogeneousMode_v1_t *mode);
nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned *current, unsigned *pending);
nvmlReturn_t nvmlDeviceGetDramEncryptionMode(nvmlDevice_t device,
	nvmlDramEncryptionInfo_v1_t *current, nvmlDramEncryptionInfo_v1_t *pending);
nvmlReturn_t nvmlDeviceGetAutoBoostedClocksEnabled(
	nvmlDevice_t device, unsigned *is_enabled, unsigned *default_is_enabled);
nvmlReturn_t nvmlDeviceWorkloadPowerProfileGetCurrentProfiles(
	nvmlDevice_t device, nvmlWorkloadPowerProfileCurrentProfiles_v1_t *profiles);

/* PCI and links */
nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t device, unsigned *generation);
nvmlReturn_t nvmlDeviceGetGpuMaxPcieLinkGeneration(nvmlDevice_t device, unsigned *generation);
nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t device, unsigned *generation);
nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t device, unsigned *width);
nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t device, unsigned *width);
nvmlReturn_t nvmlDeviceGetPcieReplayCounter(nvmlDevice_t device, unsigned *count);
/* counter: 0 sent, 1 received; KB/s */
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, unsigned counter, unsigned *rate);
nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t device, nvmlGpuFabricInfo_v3_t *info);
nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(
	nvmlDevice_t device, nvmlDevice_t other, unsigned *level);
nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned link, unsigned *is_active);
nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(
	nvmlDevice_t device, unsigned link, nvmlPciInfo_t *pci);
/* A bit for each CPU, for each memory node; sizes are in words */
nvmlReturn_t nvmlDeviceGetCpuAffinity(nvmlDevice_t device, unsigned size, unsigned long *set);
nvmlReturn_t nvmlDeviceGetMemoryAffinity(
	nvmlDevice_t device, unsigned size, unsigned long *set, unsigned scope);
nvmlReturn_t nvmlDeviceGetNumaNodeId(nvmlDevice_t device, unsigned *node);

/* How it does */
nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned *per_cent);
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *celsius);
nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_v1_t *temperature);
nvmlReturn_t nvmlDeviceGetMarginTemperature(
	nvmlDevice_t device, nvmlMarginTemperature_v1_t *margin);
/* threshold: 4 least, 5 current, 6 largest target temperature */
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(
	nvmlDevice_t device, unsigned threshold, unsigned *celsius);
nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, unsigned *state);
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(
	nvmlDevice_t device, unsigned long long *reasons);
nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(
	nvmlDevice_t device, unsigned long long *reasons);
nvmlReturn_t nvmlDeviceGetViolationStatus(
	nvmlDevice_t device, unsigned policy, nvmlViolationTime_t *time);
/* Power in mW */
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *power);
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *limit);
nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned *limit);
nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned *limit);
nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(
	nvmlDevice_t device, unsigned *least, unsigned *most);
/* Clocks in MHz */
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned type, unsigned *clock);
nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned type, unsigned *clock);
nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, unsigned type, unsigned *clock);
nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(
	nvmlDevice_t device, unsigned type, unsigned *clock);
nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, unsigned type, unsigned id, unsigned *clock);
nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(
	nvmlDevice_t device, unsigned *count, unsigned *clocks);
nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(
	nvmlDevice_t device, unsigned memory_clock, unsigned *count, unsigned *clocks);
/* Memory and use */
nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory);
nvmlReturn_t nvmlDeviceGetConfComputeProtectedMemoryUsage(
	nvmlDevice_t device, nvmlMemory_t *memory);
nvmlReturn_t nvmlDeviceGetEncoderUtilization(
	nvmlDevice_t device, unsigned *per_cent, unsigned *period_us);
nvmlReturn_t nvmlDeviceGetDecoderUtilization(
	nvmlDevice_t device, unsigned *per_cent, unsigned *period_us);
nvmlReturn_t nvmlDeviceGetJpgUtilization(
	nvmlDevice_t device, unsigned *per_cent, unsigned *period_us);
nvmlReturn_t nvmlDeviceGetOfaUtilization(
	nvmlDevice_t device, unsigned *per_cent, unsigned *period_us);
nvmlReturn_t nvmlDeviceGetEncoderStats(
	nvmlDevice_t device, unsigned *sessions, unsigned *fps, unsigned *latency_us);
nvmlReturn_t nvmlDeviceGetFBCStats(nvmlDevice_t device, nvmlFBCStats_t *stats);
nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, unsigned type, unsigned long long since,
	unsigned *value_type, unsigned *count, nvmlSample_t *samples);
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device,
	nvmlProcessUtilizationSample_t *samples, unsigned *count, unsigned long long since);
nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(
	nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info);
/* Errors */
nvmlReturn_t nvmlDeviceGetTotalEccErrors(
	nvmlDevice_t device, unsigned error_type, unsigned since, unsigned long long *count);
nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, unsigned error_type,
	unsigned since, unsigned location, unsigned long long *count);
nvmlReturn_t nvmlDeviceGetSramEccErrorStatus(
	nvmlDevice_t device, nvmlEccSramErrorStatus_v1_t *status);
nvmlReturn_t nvmlDeviceGetRepairStatus(nvmlDevice_t device, nvmlRepairStatus_v1_t *status);
nvmlReturn_t nvmlDeviceGetUnrepairableMemoryFlag_v1(
	nvmlDevice_t device, nvmlUnrepairableMemoryStatus_v1_t *status);
nvmlReturn_t nvmlDeviceGetRetiredPages(
	nvmlDevice_t device, unsigned cause, unsigned *count, unsigned long long *addresses);
nvmlReturn_t nvmlDeviceGetRetiredPagesPendingStatus(nvmlDevice_t device, unsigned *is_pending);
nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *correctable,
	unsigned *uncorrectable, unsigned *is_pending, unsigned *has_failed);
nvmlReturn_t nvmlDeviceGetRemappedRows_v2(nvmlDevice_t device, nvmlRemappedRowsInfo_v2_t *info);
nvmlReturn_t nvmlDeviceGetRowRemapperHistogram(
	nvmlDevice_t device, nvmlRowRemapperHistogramValues_t *values);
/* Many at once; each has a return code of its own */
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values);
