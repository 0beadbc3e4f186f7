/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary interface of libnvidia-ml.so.1, as far as we model or call it.
 *
 * Written in our own words from NVIDIA's public documentation: the names, the numbers and the
 * layouts are the interface; the sizes below are checked by the compiler. Handles are opaque: a
 * caller passes them back and never looks inside. Versioned structs begin with a word that holds
 * their size and version (NVML_VERSION_WORD).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum {
	NVML_SUCCESS = 0,
	NVML_ERROR_UNINITIALIZED = 1,
	NVML_ERROR_INVALID_ARGUMENT = 2,
	NVML_ERROR_NOT_SUPPORTED = 3,
	NVML_ERROR_NO_PERMISSION = 4,
	NVML_ERROR_ALREADY_INITIALIZED = 5,
	NVML_ERROR_NOT_FOUND = 6,
	NVML_ERROR_INSUFFICIENT_SIZE = 7,
	NVML_ERROR_INSUFFICIENT_POWER = 8,
	NVML_ERROR_DRIVER_NOT_LOADED = 9,
	NVML_ERROR_TIMEOUT = 10,
	NVML_ERROR_IRQ_ISSUE = 11,
	NVML_ERROR_LIBRARY_NOT_FOUND = 12,
	NVML_ERROR_FUNCTION_NOT_FOUND = 13,
	NVML_ERROR_CORRUPTED_INFOROM = 14,
	NVML_ERROR_GPU_IS_LOST = 15,
	NVML_ERROR_RESET_REQUIRED = 16,
	NVML_ERROR_OPERATING_SYSTEM = 17,
	NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
	NVML_ERROR_IN_USE = 19,
	NVML_ERROR_MEMORY = 20,
	NVML_ERROR_NO_DATA = 21,
	NVML_ERROR_VGPU_ECC_NOT_SUPPORTED = 22,
	NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
	NVML_ERROR_FREQ_NOT_SUPPORTED = 24,
	NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
	NVML_ERROR_DEPRECATED = 26,
	NVML_ERROR_NOT_READY = 27,
	NVML_ERROR_GPU_NOT_FOUND = 28,
	NVML_ERROR_INVALID_STATE = 29,
	NVML_ERROR_RESET_TYPE_NOT_SUPPORTED = 30,
	NVML_ERROR_UNKNOWN = 999,
} nvmlReturn_t;

/* Opaque; each kind is a type of its own so that the compiler keeps them apart. */
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct nvmlGpuInstance_st *nvmlGpuInstance_t;
typedef struct nvmlComputeInstance_st *nvmlComputeInstance_t;
typedef struct nvmlEventSet_st *nvmlEventSet_t;

#define NVML_VERSION_WORD(type, version) ((uint32_t)(sizeof(type) | (uint32_t)(version) << 24))

enum {
	NVML_DEVICE_NAME_BUFFER_SIZE = 64,
	NVML_DEVICE_NAME_V2_BUFFER_SIZE = 96,
	NVML_DEVICE_UUID_BUFFER_SIZE = 80,
	NVML_DEVICE_UUID_V2_BUFFER_SIZE = 96,
	NVML_DEVICE_SERIAL_BUFFER_SIZE = 30,
	NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE = 80,
	NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE = 80,
	NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE = 32,
	NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE = 16,
	NVML_DEVICE_MIG_DISABLE = 0,
	NVML_DEVICE_MIG_ENABLE = 1,
	NVML_INIT_FLAG_NO_GPUS = 1,
	NVML_INIT_FLAG_NO_ATTACH = 2,
	/* GPU-instance profile enums that a driver of this version knows; larger ones are invalid.
	 */
	NVML_GPU_INSTANCE_PROFILE_COUNT = 17,
	NVML_COMPUTE_INSTANCE_PROFILE_COUNT = 9,
	NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED = 0,
	NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT = 1,
	NVML_GPU_INSTANCE_PROFILE_CAPS_P2P = 1,
	NVML_GPU_INSTANCE_PROFILE_CAPS_GFX = 2,
};

/* A field that has no value: memory of a process, instance ids where there is no instance. */
#define NVML_VALUE_NOT_AVAILABLE (~0ULL)
#define NVML_NO_INSTANCE	 0xffffffffu

typedef struct {
	char busIdLegacy[NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE]; /* "0000:10:00.0" */
	uint32_t domain, bus, device;
	uint32_t pciDeviceId; /* device << 16 | vendor */
	uint32_t pciSubSystemId;
	char busId[NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE]; /* "00000000:10:00.0" */
} nvmlPciInfo_t;

typedef struct {
	uint64_t total, free, used;
} nvmlMemory_t;

typedef struct {
	uint32_t version;
	uint64_t total, reserved, free, used;
} nvmlMemory_v2_t;

typedef struct {
	uint64_t bar1Total, bar1Free, bar1Used;
} nvmlBAR1Memory_t;

typedef struct {
	uint32_t gpu, memory; /* per cent */
} nvmlUtilization_t;

typedef struct {
	uint32_t multiprocessorCount;
	uint32_t sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount;
	uint32_t sharedJpegCount, sharedOfaCount;
	uint32_t gpuInstanceSliceCount, computeInstanceSliceCount;
	uint64_t memorySizeMB;
} nvmlDeviceAttributes_t;

typedef struct {
	uint32_t start, size;
} nvmlGpuInstancePlacement_t;

typedef nvmlGpuInstancePlacement_t nvmlComputeInstancePlacement_t;

typedef struct {
	uint32_t id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
	uint32_t copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
	uint64_t memorySizeMB;
} nvmlGpuInstanceProfileInfo_t;

typedef struct {
	uint32_t version;
	uint32_t id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
	uint32_t copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
	uint64_t memorySizeMB;
	char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
} nvmlGpuInstanceProfileInfo_v2_t;

typedef struct {
	uint32_t version;
	uint32_t id, sliceCount, instanceCount, multiprocessorCount;
	uint32_t copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
	uint64_t memorySizeMB;
	char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
	uint32_t capabilities;
} nvmlGpuInstanceProfileInfo_v3_t;

typedef struct {
	nvmlDevice_t device;
	uint32_t id, profileId;
	nvmlGpuInstancePlacement_t placement;
} nvmlGpuInstanceInfo_t;

typedef struct {
	uint32_t id, sliceCount, instanceCount, multiprocessorCount;
	uint32_t sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount;
	uint32_t sharedJpegCount, sharedOfaCount;
} nvmlComputeInstanceProfileInfo_t;

typedef struct {
	uint32_t version;
	uint32_t id, sliceCount, instanceCount, multiprocessorCount;
	uint32_t sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount;
	uint32_t sharedJpegCount, sharedOfaCount;
	char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
} nvmlComputeInstanceProfileInfo_v2_t;

typedef struct {
	uint32_t version;
	uint32_t id, sliceCount, instanceCount, multiprocessorCount;
	uint32_t sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount;
	uint32_t sharedJpegCount, sharedOfaCount;
	char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
	uint32_t capabilities;
} nvmlComputeInstanceProfileInfo_v3_t;

typedef struct {
	nvmlDevice_t device;
	nvmlGpuInstance_t gpuInstance;
	uint32_t id, profileId;
	nvmlComputeInstancePlacement_t placement; /* the unversioned call stops before this */
} nvmlComputeInstanceInfo_t;

typedef struct {
	uint32_t pid;
	uint64_t usedGpuMemory;
} nvmlProcessInfo_v1_t;

typedef struct {
	uint32_t pid;
	uint64_t usedGpuMemory;
	uint32_t gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_v2_t;

typedef nvmlProcessInfo_v2_t nvmlProcessInfo_t;

typedef struct {
	nvmlDevice_t device;
	uint64_t eventType, eventData;
	uint32_t gpuInstanceId, computeInstanceId;
} nvmlEventData_t;

#define NVML_LAYOUT(type, size) _Static_assert(sizeof(type) == (size), #type)
#define NVML_AT(type, field, offset) \
	_Static_assert(offsetof(type, field) == (offset), #type "." #field)

NVML_LAYOUT(nvmlPciInfo_t, 68);
NVML_AT(nvmlPciInfo_t, pciDeviceId, 28);
NVML_AT(nvmlPciInfo_t, busId, 36);
NVML_LAYOUT(nvmlMemory_t, 24);
NVML_LAYOUT(nvmlMemory_v2_t, 40);
NVML_AT(nvmlMemory_v2_t, reserved, 16);
NVML_AT(nvmlMemory_v2_t, used, 32);
NVML_LAYOUT(nvmlBAR1Memory_t, 24);
NVML_LAYOUT(nvmlDeviceAttributes_t, 40);
NVML_AT(nvmlDeviceAttributes_t, gpuInstanceSliceCount, 24);
NVML_AT(nvmlDeviceAttributes_t, memorySizeMB, 32);
NVML_LAYOUT(nvmlGpuInstancePlacement_t, 8);
NVML_LAYOUT(nvmlGpuInstanceProfileInfo_t, 48);
NVML_AT(nvmlGpuInstanceProfileInfo_t, ofaCount, 36);
NVML_LAYOUT(nvmlGpuInstanceProfileInfo_v2_t, 152);
NVML_AT(nvmlGpuInstanceProfileInfo_v2_t, memorySizeMB, 48);
NVML_AT(nvmlGpuInstanceProfileInfo_v2_t, name, 56);
NVML_LAYOUT(nvmlGpuInstanceProfileInfo_v3_t, 152);
NVML_AT(nvmlGpuInstanceProfileInfo_v3_t, memorySizeMB, 40);
NVML_AT(nvmlGpuInstanceProfileInfo_v3_t, name, 48);
NVML_AT(nvmlGpuInstanceProfileInfo_v3_t, capabilities, 144);
NVML_LAYOUT(nvmlGpuInstanceInfo_t, 24);
NVML_AT(nvmlGpuInstanceInfo_t, placement, 16);
NVML_LAYOUT(nvmlComputeInstanceProfileInfo_t, 36);
NVML_LAYOUT(nvmlComputeInstanceProfileInfo_v2_t, 136);
NVML_AT(nvmlComputeInstanceProfileInfo_v2_t, name, 40);
NVML_LAYOUT(nvmlComputeInstanceProfileInfo_v3_t, 140);
NVML_AT(nvmlComputeInstanceProfileInfo_v3_t, capabilities, 136);
NVML_LAYOUT(nvmlComputeInstanceInfo_t, 32);
NVML_AT(nvmlComputeInstanceInfo_t, placement, 24);
NVML_LAYOUT(nvmlProcessInfo_v1_t, 16);
NVML_LAYOUT(nvmlProcessInfo_v2_t, 24);
NVML_AT(nvmlProcessInfo_v2_t, gpuInstanceId, 16);
NVML_LAYOUT(nvmlEventData_t, 32);
NVML_AT(nvmlEventData_t, gpuInstanceId, 24);

/* The library and the machine */
nvmlReturn_t nvmlInit(void);
nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlInitWithFlags(unsigned flags);
nvmlReturn_t nvmlShutdown(void);
const char *nvmlErrorString(nvmlReturn_t code);
nvmlReturn_t nvmlInternalGetExportTable(const void **table, const void *id);
nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned size);
nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned size);
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version);
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version);
nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *name, unsigned size);
nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set);
nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set);
nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms);
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms);
nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types);
nvmlReturn_t nvmlDeviceRegisterEvents(
	nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set);
nvmlReturn_t nvmlUnitGetCount(unsigned *count);

/* Devices: a card or a MIG device */
nvmlReturn_t nvmlDeviceGetCount(unsigned *count);
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count);
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *bus_id, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *serial, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned size);
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned size);
nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index);
nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor);
nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned size);
nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, unsigned *brand);
nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned *arch);
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor);
nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_t *pci);
nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t *pci);
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci);
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory);
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory);
nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, unsigned mode);
nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, unsigned *active);
nvmlReturn_t nvmlDeviceGetVirtualizationMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetMultiGpuBoard(nvmlDevice_t device, unsigned *is_multi);
nvmlReturn_t nvmlDeviceValidateInforom(nvmlDevice_t device);
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates);

/* Processes: the count goes in as room and comes out as need */
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *infos);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *infos);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *infos);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *infos);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *infos);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *infos);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos);

/* MIG: the mode, and MIG devices */
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending);
nvmlReturn_t nvmlDeviceSetMigMode(nvmlDevice_t device, unsigned mode, nvmlReturn_t *activation);
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count);
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(
	nvmlDevice_t device, unsigned index, nvmlDevice_t *mig);
nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *is_mig);
nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned *id);
nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned *id);
nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes);
nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes);

/* GPU instances. Counts are results only. Placements may be NULL to ask for their number. */
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(
	nvmlDevice_t device, unsigned profile, nvmlGpuInstanceProfileInfo_t *info);
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(
	nvmlDevice_t device, unsigned profile, nvmlGpuInstanceProfileInfo_v2_t *info);
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoByIdV(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstanceProfileInfo_v2_t *info);
nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements(nvmlDevice_t device, unsigned profile_id,
	nvmlGpuInstancePlacement_t *placements, unsigned *count);
nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t device, unsigned profile_id,
	nvmlGpuInstancePlacement_t *placements, unsigned *count);
nvmlReturn_t nvmlDeviceGetGpuInstanceRemainingCapacity(
	nvmlDevice_t device, unsigned profile_id, unsigned *count);
nvmlReturn_t nvmlDeviceCreateGpuInstance(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstance_t *instance);
nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(nvmlDevice_t device, unsigned profile_id,
	const nvmlGpuInstancePlacement_t *placement, nvmlGpuInstance_t *instance);
nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t instance);
nvmlReturn_t nvmlDeviceGetGpuInstances(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstance_t *instances, unsigned *count);
nvmlReturn_t nvmlDeviceGetGpuInstanceById(
	nvmlDevice_t device, unsigned id, nvmlGpuInstance_t *instance);
nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info);

/* Compute instances */
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t instance,
	unsigned profile, unsigned engine_profile, nvmlComputeInstanceProfileInfo_t *info);
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfoV(nvmlGpuInstance_t instance,
	unsigned profile, unsigned engine_profile, nvmlComputeInstanceProfileInfo_v2_t *info);
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceRemainingCapacity(
	nvmlGpuInstance_t instance, unsigned profile_id, unsigned *count);
nvmlReturn_t nvmlGpuInstanceGetComputeInstancePossiblePlacements(nvmlGpuInstance_t instance,
	unsigned profile_id, nvmlComputeInstancePlacement_t *placements, unsigned *count);
nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(
	nvmlGpuInstance_t instance, unsigned profile_id, nvmlComputeInstance_t *compute);
nvmlReturn_t nvmlGpuInstanceCreateComputeInstanceWithPlacement(nvmlGpuInstance_t instance,
	unsigned profile_id, const nvmlComputeInstancePlacement_t *placement,
	nvmlComputeInstance_t *compute);
nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t compute);
nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t instance, unsigned profile_id,
	nvmlComputeInstance_t *computes, unsigned *count);
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(
	nvmlGpuInstance_t instance, unsigned id, nvmlComputeInstance_t *compute);
nvmlReturn_t nvmlComputeInstanceGetInfo(
	nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info);
nvmlReturn_t nvmlComputeInstanceGetInfo_v2(
	nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info);

#include "abi/nvml_query.h"
