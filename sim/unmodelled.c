/* SPDX-License-Identifier: Apache-2.0 */
/* What the names answer that nothing stands behind: as a card answers that lacks the feature. */
#include "sim/unmodelled.h"

#include "sim/drv.h"

#include <string.h>

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* The handle in front is checked first, so that garbage is INVALID_ARGUMENT here too. */
static nvmlReturn_t check_handle(const char *name, uintptr_t first)
{
	struct tr_drv_target target;

	if (begins(name, "nvmlDeviceDiscover") || begins(name, "nvmlDeviceRemove") ||
		begins(name, "nvmlDeviceModify") || begins(name, "nvmlDeviceQueryDrain") ||
		begins(name, "nvmlDeviceGetHandle"))
		return NVML_SUCCESS;
	if (begins(name, "nvmlDevice"))
		return tr_drv_device((nvmlDevice_t)first, &target);
	if (begins(name, "nvmlGpuInstance"))
		return tr_drv_gi((nvmlGpuInstance_t)first, &target);
	return NVML_SUCCESS;
}

static nvmlReturn_t answer(enum tr_sim_fn fn, uintptr_t first, uintptr_t second, uintptr_t third)
{
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = check_handle(tr_sim_fn_names[fn], first);
	/* The third may be no argument at all, but what the caller left in its register. */
	if (r == NVML_SUCCESS && second == 0 && third == 0 && strstr(tr_sim_fn_names[fn], "Get"))
		r = NVML_ERROR_INVALID_ARGUMENT;
	return r == NVML_SUCCESS ? NVML_ERROR_NOT_SUPPORTED : r;
}

int tr_drv_unmodelled(enum tr_sim_fn fn, uintptr_t first, uintptr_t second, uintptr_t third)
{
	return (int)answer(fn, first, second, third);
}
