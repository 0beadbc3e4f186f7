/* SPDX-License-Identifier: Apache-2.0 */
/* A node's library, and any call to it: NV(nvmlInit_v2)(). */
#pragma once

#include "abi/nvml_more.h"
#include "room.h"

#include <dlfcn.h>

static void *nv_library;

#define NV(sym)                                      \
	__extension__({                              \
		__typeof__(sym) *nv_call_;           \
		*(void **)&nv_call_ = nv_find(#sym); \
		nv_call_;                            \
	})

static inline void *nv_find(const char *name)
{
	void *found = dlsym(nv_library, name);

	if (!found)
		fail_msg("'%s' is not exported", name);
	return found;
}

/* Makes a node of these products and loads its library. */
static inline int nv_open(const char *node, const char *const *products, uint32_t n)
{
	struct tr_sim_gpu_spec specs[TR_SIM_MAX_GPUS];
	struct tr_err err = { 0 };
	char path[PATH_MAX];

	for (uint32_t i = 0; i < n; i++)
		specs[i] =
			(struct tr_sim_gpu_spec){ tr_facts_product(products[i]), TR_CHIP_NORMAL };
	if (tr_sim_create(node, specs, n, 1, SIM_LIBRARY, &err) < 0 ||
		tr_sim_node_path(node, "lib/libnvidia-ml.so.1", path, &err) < 0)
		return -1;
	nv_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	return nv_library ? 0 : -1;
}

static inline nvmlDevice_t nv_card(unsigned idx)
{
	nvmlDevice_t device = NULL;

	assert_int_equal(NV(nvmlDeviceGetHandleByIndex_v2)(idx, &device), NVML_SUCCESS);
	return device;
}

static inline void nv_mig(nvmlDevice_t device, unsigned mode)
{
	nvmlReturn_t activation = NVML_ERROR_UNKNOWN;

	assert_int_equal(NV(nvmlDeviceSetMigMode)(device, mode, &activation), NVML_SUCCESS);
	assert_int_equal(activation, NVML_SUCCESS);
}
