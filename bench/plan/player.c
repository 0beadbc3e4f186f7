/* SPDX-License-Identifier: Apache-2.0 */
#include "player.h"

#include "base/err.h"
#include "base/fs.h"
#include "core/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STARTS = 8, MAX_CI_PROFILES = 8 };

static struct {
	struct tr_node *node;
	char dir[64];
	nvmlDevice_t device;
	struct {
		nvmlGpuInstance_t instance;
		nvmlComputeInstance_t compute;
	} at[MAX_STARTS];
} player;

static void must(int r, const struct tr_err *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bench_plan: %s\n", err->msg);
	exit(1);
}

static void must_nvml(nvmlReturn_t r, const char *what)
{
	if (r == NVML_SUCCESS)
		return;
	fprintf(stderr, "bench_plan: %s: %s\n", what, player.node->api->nvmlErrorString(r));
	exit(1);
}

void player_open(void)
{
	const struct tr_virtual_gpu gpu = { .product = "a100-80gb", .count = 1 };
	char library[] = SIM_LIBRARY, path[80];
	char *warning = NULL;
	struct tr_err err = { 0 };

	snprintf(player.dir, sizeof(player.dir), "/tmp/tranche-bench-XXXXXX");
	if (!mkdtemp(player.dir)) {
		perror("bench_plan: mkdtemp");
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/run", player.dir);
	setenv("TRANCHE_RUN_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/state", player.dir);
	setenv("TRANCHE_STATE_DIR", path, 1);
	*strrchr(library, '/') = '\0';
	setenv("TRANCHE_LIBEXEC_DIR", library, 1);
	must(tr_virtual_create("bench", &gpu, 1, 1, NULL, &warning, &err), &err);
	free(warning);
	must(tr_node_open("bench", &player.node, &err), &err);
	must(tr_mig_set(player.node, 0, /* on= */ true, NULL, &err), &err);
	must_nvml(player.node->api->nvmlDeviceGetHandleByIndex_v2(0, &player.device), "GPU 0");
}

void player_close(void)
{
	struct tr_err err = { 0 };

	tr_node_close(player.node);
	must(tr_virtual_destroy("bench", /* force= */ true, NULL, &err), &err);
	must(tr_rm_tree(player.dir, &err), &err);
}

void player_slow(bool on)
{
	struct tr_err err = { 0 };

	must(on ? tr_virtual_fault_set("bench", "slow", &err)
		: tr_virtual_faults_clear("bench", &err),
		&err);
}

void player_create(uint32_t profile_id, uint32_t start, uint32_t size, uint32_t compute_slices)
{
	const struct tr_nvml *api = player.node->api;
	const nvmlGpuInstancePlacement_t place = { .start = start, .size = size };
	nvmlReturn_t r = NVML_ERROR_NOT_FOUND;

	must_nvml(api->nvmlDeviceCreateGpuInstanceWithPlacement(
			  player.device, profile_id, &place, &player.at[start].instance),
		"create a GPU instance");
	for (unsigned p = 0; p < MAX_CI_PROFILES && r != NVML_SUCCESS; p++) {
		nvmlComputeInstanceProfileInfo_t info = { 0 };

		if (api->nvmlGpuInstanceGetComputeInstanceProfileInfo(player.at[start].instance, p,
			    NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &info) == NVML_SUCCESS &&
			info.sliceCount == compute_slices)
			r = api->nvmlGpuInstanceCreateComputeInstance(
				player.at[start].instance, info.id, &player.at[start].compute);
	}
	must_nvml(r, "create a compute instance");
}

void player_destroy(uint32_t start)
{
	const struct tr_nvml *api = player.node->api;

	must_nvml(api->nvmlComputeInstanceDestroy(player.at[start].compute),
		"destroy a compute instance");
	must_nvml(api->nvmlGpuInstanceDestroy(player.at[start].instance), "destroy a GPU instance");
}

double player_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
