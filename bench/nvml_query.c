/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one nvmlDeviceGetMemoryInfo of a MIG device costs, with no binding and with one.
 *
 *	nvml_query LIBRARY
 *
 * LIBRARY is the built libnvidia-ml.so.1. The bound in the same run is what an answer pays whose
 * memory has changed: one pread of the cgroup's memory.stat. Within a tick of the coarse clock the
 * driver gives its number again, so its readers are measured apart, on open files: "a steady
 *number" compares the cgroup's usage, "a fresh number" reads memory.stat. The two rows "in a later
 *tick" are one call a tick, alone, with cold caches: wall time. Needs the right to make a memory
 *cgroup; without it the rows with a binding are left out. CPU time otherwise: machines are shared.
 *Rounds alternate; the median counts.
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

enum { ROUNDS = 9, CALLS = 20000, TICKS = 31 };

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

static double clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double now_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static double time_query(nvmlDevice_t mig)
{
	double start = now_ns();
	nvmlMemory_t memory;

	for (int i = 0; i < CALLS; i++)
		api.nvmlDeviceGetMemoryInfo(mig, &memory);
	return (now_ns() - start) / CALLS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* One query, or one pread of memory.stat, in each of some ticks. */
static double time_later(nvmlDevice_t mig, const char *cgroup)
{
	TR_AUTO_CLOSE int fd = cgroup ? tr_sim_cgroup_open_memory(cgroup) : -1;
	double took[TICKS] = { 0 };
	char text[8192];

	for (int i = 0; i < TICKS; i++) {
		double tick = clock_ns(CLOCK_MONOTONIC_COARSE), start;
		nvmlMemory_t memory;

		while (clock_ns(CLOCK_MONOTONIC_COARSE) <= tick)
			;
		/* Past the kernel's own work of the tick. */
		for (start = clock_ns(CLOCK_MONOTONIC); clock_ns(CLOCK_MONOTONIC) < start + 3e5;)
			;
		start = clock_ns(CLOCK_MONOTONIC);
		if (!cgroup)
			api.nvmlDeviceGetMemoryInfo(mig, &memory);
		else if (pread(fd, text, sizeof(text), 0) <= 0)
			break;
		took[i] = clock_ns(CLOCK_MONOTONIC) - start;
	}
	qsort(took, TICKS, sizeof(*took), by_value);
	return took[TICKS / 2];
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

static double time_reader(int fd, bool (*reader)(int fd, uint64_t *ret_bytes))
{
	double start = now_ns();
	uint64_t bytes;

	for (int i = 0; i < CALLS; i++)
		if (!reader(fd, &bytes))
			break;
	start = (now_ns() - start) / CALLS;
	close(fd);
	return start;
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
	double idle[ROUNDS], bound[ROUNDS], steady[ROUNDS], fresh[ROUNDS], floor_ns[ROUNDS];
	double later[ROUNDS], later_floor[ROUNDS];
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
		later[i] = time_later(mig, NULL);
		later_floor[i] = time_later(mig, cgroup);
		steady[i] = time_reader(tr_sim_cgroup_open_usage(cgroup), tr_sim_cgroup_usage_fd);
		fresh[i] = time_reader(tr_sim_cgroup_open_memory(cgroup), tr_sim_cgroup_memory_fd);
		floor_ns[i] = time_pread(cgroup);
		if (tr_sim_unbind("bench", cgroup, err) < 0)
			return -1;
	}
	printf("memory info, no binding       %7.0f ns\n", median(idle));
	if (has_cgroup) {
		double floor_median = median(floor_ns), fresh_median = median(fresh);

		printf("memory info, one binding      %7.0f ns\n", median(bound));
		printf("a steady number               %7.0f ns\n", median(steady));
		printf("a fresh number                %7.0f ns\n", fresh_median);
		printf("one pread of memory.stat      %7.0f ns (bound)\n", floor_median);
		printf("fresh number to the bound     %7.2f\n", fresh_median / floor_median);
		printf("one binding, in a later tick  %7.0f ns\n", median(later));
		printf("one pread, in a later tick    %7.0f ns (bound)\n", median(later_floor));
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
