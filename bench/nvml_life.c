/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What starting the driver, cutting slices, and polling beside a cutter cost.
 *
 *	nvml_life LIBRARY
 *
 * LIBRARY is the built libnvidia-ml.so.1. The bound in the same run is one open, fstat, mmap and
 * munmap of the state's file (starting), and one copy of the state with an flock (cutting). Wall
 * time, median of many; the pollers report their 99th percentile.
 */
#include "abi/nvml.h"
#include "base/err.h"
#include "base/fs.h"
#include "sim/state/state.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIMES = 400, POLLERS = 64, POLLS = 30, PERIOD_US = 100000 };

static void *library;

#define NV(sym)                                          \
	__extension__({                                  \
		__typeof__(sym) *call_;                  \
		*(void **)&call_ = dlsym(library, #sym); \
		call_;                                   \
	})

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double at(double *values, size_t n, double part)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[(size_t)((double)(n - 1) * part)];
}

static void start_and_stop(void)
{
	unsigned n;

	NV(nvmlInit_v2)();
	NV(nvmlDeviceGetCount_v2)(&n);
	NV(nvmlShutdown)();
}

/* What starting cannot do without. */
static void map_state(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	munmap(map, (size_t)st.st_size);
}

/* What a change cannot do without. */
static void copy_state(const char *lock)
{
	static struct tr_sim_node from, to;
	int fd = open(lock, O_RDWR | O_CLOEXEC);

	flock(fd, LOCK_EX);
	memcpy(&to, &from, sizeof(to));
	close(fd);
}

/* Each poller writes how long its slowest polls took: one number, its 99th percentile. */
static void poll_and_tell(int out)
{
	static double values[POLLS];
	nvmlMemory_t memory;
	nvmlDevice_t card;
	int n_errors = 0;
	double p99[2];

	if (NV(nvmlInit_v2)() || NV(nvmlDeviceGetHandleByIndex_v2)(0, &card))
		_exit(1);
	for (int i = 0; i < POLLS; i++) {
		double begin = now_us();

		n_errors += NV(nvmlDeviceGetMemoryInfo)(card, &memory) != NVML_SUCCESS;
		values[i] = now_us() - begin;
		usleep(PERIOD_US);
	}
	p99[0] = at(values, POLLS, 0.99);
	p99[1] = n_errors;
	_exit(write(out, p99, sizeof(p99)) == (ssize_t)sizeof(p99) ? 0 : 1);
}

static void poll_beside_a_cutter(nvmlDevice_t card)
{
	double worst[POLLERS], got[2];
	int n = 0, n_errors = 0, ends[2];
	nvmlGpuInstance_t gi;
	unsigned n_cuts = 0;

	if (pipe(ends) < 0)
		return;
	for (int i = 0; i < POLLERS; i++)
		if (fork() == 0)
			poll_and_tell(ends[1]);
	close(ends[1]);
	for (double end = now_us() + POLLS * PERIOD_US; now_us() < end; n_cuts++)
		if (NV(nvmlDeviceCreateGpuInstance)(card, 19, &gi) == NVML_SUCCESS)
			NV(nvmlGpuInstanceDestroy)(gi);
	while (n < POLLERS && read(ends[0], got, sizeof(got)) == (ssize_t)sizeof(got)) {
		worst[n++] = got[0];
		n_errors += (int)got[1];
	}
	while (wait(NULL) > 0)
		;
	close(ends[0]);
	printf("%d pollers, %d Hz, beside %u cuts  p99 %7.1f us (median of pollers), errors %d\n",
		n, 1000000 / PERIOD_US, n_cuts, n ? at(worst, (size_t)n, 0.5) : 0, n_errors);
}

static int measure(const char *built, struct tr_err *err)
{
	struct tr_sim_gpu_spec spec = { tr_facts_product("a100-80gb"), TR_CHIP_NORMAL };
	static double start[TIMES], map[TIMES], cut[TIMES], copy[TIMES];
	char path[PATH_MAX], state[PATH_MAX], lock[PATH_MAX];
	nvmlReturn_t activation;
	nvmlGpuInstance_t gi;
	nvmlDevice_t card;

	if (tr_sim_create("bench", &spec, 1, 1, built, err) < 0 ||
		tr_sim_node_path("bench", "lib/libnvidia-ml.so.1", path, err) < 0 ||
		tr_sim_node_path("bench", "state/node", state, err) < 0 ||
		tr_sim_node_path("bench", "lock", lock, err) < 0)
		return -1;
	library = dlopen(path, RTLD_NOW);
	if (!library)
		return tr_fail(err, TR_E_DRIVER, "%s", dlerror());
	for (int i = 0; i < TIMES; i++) {
		double t[3] = { now_us() };

		start_and_stop();
		t[1] = now_us();
		map_state(state);
		t[2] = now_us();
		start[i] = t[1] - t[0];
		map[i] = t[2] - t[1];
	}
	if (NV(nvmlInit_v2)() || NV(nvmlDeviceGetHandleByIndex_v2)(0, &card) ||
		NV(nvmlDeviceSetMigMode)(card, 1, &activation))
		return tr_fail(err, TR_E_DRIVER, "the virtual driver refused");
	for (int i = 0; i < TIMES; i++) {
		double t[3] = { now_us() };

		NV(nvmlDeviceCreateGpuInstance)(card, 19, &gi);
		t[1] = now_us();
		NV(nvmlGpuInstanceDestroy)(gi);
		cut[i] = t[1] - t[0];
		t[1] = now_us();
		copy_state(lock);
		t[2] = now_us();
		copy[i] = t[2] - t[1];
	}
	printf("init + count + shutdown        %7.1f us\n", at(start, TIMES, 0.5));
	printf("map the state's file           %7.1f us (bound)\n", at(map, TIMES, 0.5));
	printf("create a GPU instance          %7.1f us\n", at(cut, TIMES, 0.5));
	printf("lock, and copy the state once  %7.1f us (bound)\n", at(copy, TIMES, 0.5));
	fflush(stdout);
	poll_beside_a_cutter(card);
	return 0;
}

int main(int argc, char **argv)
{
	char room[] = "/tmp/tranche-bench-XXXXXX", path[64];
	struct tr_err err = { 0 };
	int r;

	if (argc != 2 || !mkdtemp(room)) {
		fprintf(stderr, "usage: nvml_life LIBRARY\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/run", room);
	setenv("TRANCHE_RUN_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/var", room);
	setenv("TRANCHE_STATE_DIR", path, 1);
	r = measure(argv[1], &err);
	if (r < 0)
		fprintf(stderr, "nvml_life: %s\n", err.msg);
	tr_rm_tree(room, &err);
	return r < 0;
}
