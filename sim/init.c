/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/drv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NVML_VERSION "13." TR_DRV_VERSION
enum { CUDA_VERSION = 13000 }; /* TR_SIM_CUDA */

nvmlReturn_t nvmlInit(void)
{
	return tr_drv_open(TR_FN_nvmlInit);
}

nvmlReturn_t nvmlInit_v2(void)
{
	return tr_drv_open(TR_FN_nvmlInit_v2);
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
	if (flags & ~(unsigned)(NVML_INIT_FLAG_NO_GPUS | NVML_INIT_FLAG_NO_ATTACH))
		return NVML_ERROR_INVALID_ARGUMENT;
	return tr_drv_open(TR_FN_nvmlInitWithFlags);
}

nvmlReturn_t nvmlShutdown(void)
{
	return tr_drv_close(TR_FN_nvmlShutdown);
}

/* The texts of a real 580 driver, as captured. */
const char *nvmlErrorString(nvmlReturn_t code)
{
	static const char *const texts[] = { "Success", "Uninitialized", "Invalid Argument",
		"Not Supported", "Insufficient Permissions", "Already Initialized", "Not Found",
		"Insufficient Size", "Insufficient External Power", "Driver Not Loaded", "Timeout",
		"Interrupt Request Issue", "NVML Shared Library Not Found", "Function Not Found",
		"Corrupted infoROM", "GPU is lost", "GPU requires reset",
		"GPU access blocked by the operating system", "Driver/library version mismatch",
		"In use by another client", "Insufficient Memory", "No data",
		"vGPU ECC not supported", "Insufficient Resources", "Invalid Frequency",
		"Argument version mismatch", "Requested functionality has been deprecated",
		"System is not in ready state", "No supported GPUs were found",
		"Resource not in correct state to perform requested operation",
		"Reset type is not supported for given device" };

	tr_drv_note(TR_FN_nvmlErrorString);
	return (unsigned)code < TR_COUNT(texts) ? texts[(unsigned)code] : "Unknown Error";
}

/* nvidia-smi insists on this one; a table of NULL is enough for it. */
nvmlReturn_t nvmlInternalGetExportTable(const void **table, const void *id)
{
	(void)id;
	if (table)
		*table = NULL;
	return tr_drv_note(TR_FN_nvmlInternalGetExportTable);
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned size)
{
	TR_DRV_CALL(TR_FN_nvmlSystemGetDriverVersion);
	return tr_drv_text(TR_DRV_VERSION, version, size);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned size)
{
	nvmlReturn_t r = tr_drv_note(TR_FN_nvmlSystemGetNVMLVersion);

	return r == NVML_SUCCESS ? tr_drv_text(NVML_VERSION, version, size) : r;
}

static nvmlReturn_t cuda_version(enum tr_sim_fn fn, int *version)
{
	TR_DRV_CALL(fn);
	if (!version)
		return NVML_ERROR_INVALID_ARGUMENT;
	*version = CUDA_VERSION;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
	return cuda_version(TR_FN_nvmlSystemGetCudaDriverVersion, version);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
	return cuda_version(TR_FN_nvmlSystemGetCudaDriverVersion_v2, version);
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *name, unsigned size)
{
	char path[64], text[1024];
	ssize_t got;

	TR_DRV_CALL(TR_FN_nvmlSystemGetProcessName);
	if (!name || size == 0)
		return NVML_ERROR_INVALID_ARGUMENT;
	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	TR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got < 0)
		return NVML_ERROR_NOT_FOUND;
	text[got] = '\0';
	snprintf(name, size, "%s", text);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlUnitGetCount(unsigned *count)
{
	TR_DRV_CALL(TR_FN_nvmlUnitGetCount);
	if (!count)
		return NVML_ERROR_INVALID_ARGUMENT;
	*count = 0;
	return NVML_SUCCESS;
}
