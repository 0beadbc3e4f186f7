/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one nvmlDeviceGetMemoryInfo of a MIG device costs, with no binding and with one.
 *
 *	nvml_query LIBRARY
 *
 * LIBRARY is the built libnvidia-ml.so.1. The bound in the same run is what any answer must pay
 *that is read afresh: one pread of the cgroup's memory.stat. Within a tick of the coarse clock the
 *driver gives its number again, so "a fresh number" is measured apart: the driver's own reader on
 *an open memory.stat. Needs the right to make a memory cgroup; without it the rows with a binding
 *are left out. CPU time, not wall time: machines are shared. Rounds alternate; the median counts.
 */
#include "abi/nvml.h"
#include "base/err.h"
#include "base/fs.h"
#include "sim/state/state.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, CALLS = 20000 };

#define GET(sym) *(void **)&api.sym = dlsym(library, #sym)

static struct {
	__typeof__(nvmlInit_v2) *nvmlInit_v2;
	__typeof__(nvmlDeviceGetHandleByIndex_v2) *nvmlDeviceGetHandleByIndex_v2;
	__typeof__(nvmlDeviceSetMigMode) *nvmlDeviceSetMigMode;
	__typeof__(nvmlDeviceCreateGpuInstance) *nvmlDeviceCreateGpuInstance;
	__typeof__(nvmlGpuInstanceCreateComputeInstance) *nvmlGpuInstanceCreateComputeInstance;
	__typeof__(nvmlDeviceGetMigDeviceHandleByIndex) *nvmlDeviceGetMigDeviceHandleByIndex;
	__typeof__(nvmlDeviceGetUUID) *nvmlDeviceGetUUID;
	__typeof__(nvmlDeviceGetMemoryInfo) *nvmlDeviceGetMemoryInfo;
} api;

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double time_query(nvmlDevice_t mig)
{
	double start = now_ns();
	nvmlMemory_t memory;

	for (int i = 0; i < CALLS; i++)
		api.nvmlDeviceGetMemoryInfo(mig, &memory);
	return (now_ns() - start) / CALLS;
}

static double time_pread(const char *cgroup)
{
	int fd = tr_sim_cgroup_open_memory(cgroup);
	double start = now_ns();
	char text[8192];

	for (int i = 0; i < CALLS; i++)
		if (pread(fd, text, sizeof(text), 0) <= 0)
			break;
	start = (now_ns() - start) / CALLS;
	close(fd);
	return start;
}

static double time_fresh(const char *cgroup)
{
	int fd = tr_sim_cgroup_open_memory(cgroup);
	double start = now_ns();
	uint64_t bytes;

	for (int i = 0; i < CALLS; i++)
		if (!tr_sim_cgroup_memory_fd(fd, &bytes))
			break;
	start = (now_ns() - start) / CALLS;
	close(fd);
	return start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static int open_node(const char *built, nvmlDevice_t *ret_mig, char uuid[80], struct tr_err *err)
{
	struct tr_sim_gpu_spec spec = { tr_facts_product("a100-80gb"), TR_CHIP_NORMAL };
	nvmlComputeInstance_t ci;
	nvmlReturn_t activation;
	char path[PATH_MAX];
	nvmlGpuInstance_t gi;
	nvmlDevice_t card;
	void *library;

	if (tr_sim_create("bench", &spec, 1, 1, built, err) < 0 ||
		tr_sim_node_path("bench", "lib/libnvidia-ml.so.1", path, err) < 0)
		return -1;
	library = dlopen(path, RTLD_NOW);
	if (!library)
		return tr_fail(err, TR_E_DRIVER, "%s", dlerror());
	GET(nvmlInit_v2);
	GET(nvmlDeviceGetHandleByIndex_v2);
	GET(nvmlDeviceSetMigMode);
	GET(nvmlDeviceCreateGpuInstance);
	GET(nvmlGpuInstanceCreateComputeInstance);
	GET(nvmlDeviceGetMigDeviceHandleByIndex);
	GET(nvmlDeviceGetUUID);
	GET(nvmlDeviceGetMemoryInfo);
	if (api.nvmlInit_v2() || api.nvmlDeviceGetHandleByIndex_v2(0, &card) ||
		api.nvmlDeviceSetMigMode(card, 1, &activation) ||
		api.nvmlDeviceCreateGpuInstance(card, 14, &gi) ||
		api.nvmlGpuInstanceCreateComputeInstance(gi, 1, &ci) ||
		api.nvmlDeviceGetMigDeviceHandleByIndex(card, 0, ret_mig) ||
		api.nvmlDeviceGetUUID(*ret_mig, uuid, 80))
		return tr_fail(err, TR_E_DRIVER, "the virtual driver refused the slice");
	return 0;
}

static int measure(const char *built, struct tr_err *err)
{
	char uuid[80], cgroup[64], dir[160] = "";
	double idle[ROUNDS], bound[ROUNDS], fresh[ROUNDS], floor_ns[ROUNDS];
	nvmlDevice_t mig;
	bool has_cgroup;

	if (open_node(built, &mig, uuid, err) < 0)
		return -1;
	snprintf(cgroup, sizeof(cgroup), "/tranche-bench-%d", (int)getpid());
	snprintf(dir, sizeof(dir), "/sys/fs/cgroup/memory%s", cgroup);
	has_cgroup = mkdir(dir, 0755) == 0;
	if (!has_cgroup) {
		snprintf(dir, sizeof(dir), "/sys/fs/cgroup%s", cgroup);
		has_cgroup = mkdir(dir, 0755) == 0;
	}
	for (int i = 0; i < ROUNDS; i++) {
		idle[i] = time_query(mig);
		if (!has_cgroup)
			continue;
		if (tr_sim_bind("bench", uuid, cgroup, err) < 0)
			return -1;
		bound[i] = time_query(mig);
		fresh[i] = time_fresh(cgroup);
		floor_ns[i] = time_pread(cgroup);
		if (tr_sim_unbind("bench", cgroup, err) < 0)
			return -1;
	}
	printf("memory info, no binding       %7.0f ns\n", median(idle));
	if (has_cgroup) {
		double floor_median = median(floor_ns), fresh_median = median(fresh);

		printf("memory info, one binding      %7.0f ns\n", median(bound));
		printf("a fresh number                %7.0f ns\n", fresh_median);
		printf("one pread of memory.stat      %7.0f ns (bound)\n", floor_median);
		printf("fresh number to the bound     %7.2f\n", fresh_median / floor_median);
		rmdir(dir);
	}
	return 0;
}

int main(int argc, char **argv)
{
	char room[] = "/tmp/tranche-bench-XXXXXX", path[64];
	struct tr_err err = { 0 };
	int r;

	if (argc != 2 || !mkdtemp(room)) {
		fprintf(stderr, "usage: nvml_query LIBRARY\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/run", room);
	setenv("TRANCHE_RUN_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/var", room);
	setenv("TRANCHE_STATE_DIR", path, 1);
	r = measure(argv[1], &err);
	if (r < 0)
		fprintf(stderr, "nvml_query: %s\n", err.msg);
	tr_rm_tree(room, &err);
	return r < 0;
}
