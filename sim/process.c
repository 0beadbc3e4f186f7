/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs on a device: the processes of its cgroups, as the caller's PID namespace numbers them.
 */
#include "sim/drv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PIDS = 1024 }; /* listed per device; a real card serves fewer */

struct entry {
	uint32_t pid, gi_id, ci_id;
	uint64_t bytes;
};

struct list {
	unsigned n, cap;
	struct entry *entries; /* NULL: count only */
};

static uint64_t kib_behind(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* What is the process's own of its cgroup's memory; 0 when it is gone. */
static uint64_t resident_bytes(int32_t pid)
{
	char path[64], text[4096];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	TR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	return (kib_behind(text, "\nRssAnon:") + kib_behind(text, "\nRssShmem:")) << 10;
}

static void add_processes(const struct tr_sim_binding *row, const char *cgroup, void *arg)
{
	struct list *list = arg;
	uint64_t alone = 0;
	int32_t pids[MAX_PIDS];
	int n = tr_sim_cgroup_pids(cgroup, pids, MAX_PIDS);

	if (n > MAX_PIDS)
		n = MAX_PIDS;
	/* One process is charged with all of its cgroup; several with what is resident in each. */
	if (n == 1 && list->entries)
		tr_sim_cgroup_memory(cgroup, &alone);
	for (int i = 0; i < n; i++) {
		if (list->entries && list->n < list->cap)
			list->entries[list->n] = (struct entry){ .pid = (uint32_t)pids[i],
				.gi_id = row->gi_id == TR_SIM_WHOLE ? NVML_NO_INSTANCE : row->gi_id,
				.ci_id = row->gi_id == TR_SIM_WHOLE ? NVML_NO_INSTANCE : row->ci_id,
				.bytes = (n == 1 ? alone : resident_bytes(pids[i])) *
					 tr_drv_node()->scale };
		list->n++;
	}
}

/* A guest with slices sees only their processes, through the card's handle too. */
static void collect(const struct tr_drv_target *target, struct list *list)
{
	if (target->ci || tr_drv_sees_whole_card(target->gpu_idx)) {
		tr_drv_each_binding(
			target->gpu_idx, target->gi_id, target->ci_id, add_processes, list);
		return;
	}
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
		for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++)
			if (target->gpu->gis[i].exists && tr_drv_sees_ci(target->gpu_idx, i, c))
				tr_drv_each_binding(target->gpu_idx, i, c, add_processes, list);
}

static void put(void *infos, size_t size, unsigned i, const struct entry *entry)
{
	nvmlProcessInfo_v2_t info = { .pid = entry->pid,
		.usedGpuMemory = entry->bytes,
		.gpuInstanceId = entry->gi_id,
		.computeInstanceId = entry->ci_id };

	/* The first form is the beginning of the second. */
	memcpy((char *)infos + i * size, &info, size);
}

static nvmlReturn_t list_processes(
	enum tr_sim_fn fn, nvmlDevice_t device, unsigned *count, void *infos, size_t size)
{
	struct tr_drv_target target;
	struct list list = { 0 };
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = count ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	collect(&target, &list);
	if (list.n > *count) {
		*count = list.n;
		return NVML_ERROR_INSUFFICIENT_SIZE;
	}
	if (list.n > 0 && !infos)
		return NVML_ERROR_INVALID_ARGUMENT;
	list.cap = *count < MAX_PIDS ? *count : MAX_PIDS;
	list.n = 0;
	TR_AUTO_FREE char *room = list.cap ? calloc(list.cap, sizeof(*list.entries)) : NULL;

	if (list.cap && !room)
		return NVML_ERROR_MEMORY;
	list.entries = (struct entry *)(void *)room;
	if (room)
		collect(&target, &list);
	if (list.n > list.cap)
		list.n = list.cap;
	for (unsigned i = 0; i < list.n; i++)
		put(infos, size, i, &list.entries[i]);
	*count = list.n;
	return NVML_SUCCESS;
}

/* Nobody draws, and nobody shares through MPS. */
static nvmlReturn_t list_nobody(enum tr_sim_fn fn, nvmlDevice_t device, unsigned *count)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = count ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*count = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *infos)
{
	return list_processes(
		TR_FN_nvmlDeviceGetComputeRunningProcesses, device, count, infos, sizeof(*infos));
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *infos)
{
	return list_processes(TR_FN_nvmlDeviceGetComputeRunningProcesses_v2, device, count, infos,
		sizeof(*infos));
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
	return list_processes(TR_FN_nvmlDeviceGetComputeRunningProcesses_v3, device, count, infos,
		sizeof(*infos));
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *infos)
{
	(void)infos;
	return list_nobody(TR_FN_nvmlDeviceGetGraphicsRunningProcesses, device, count);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *infos)
{
	(void)infos;
	return list_nobody(TR_FN_nvmlDeviceGetGraphicsRunningProcesses_v2, device, count);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
	(void)infos;
	return list_nobody(TR_FN_nvmlDeviceGetGraphicsRunningProcesses_v3, device, count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *infos)
{
	(void)infos;
	return list_nobody(TR_FN_nvmlDeviceGetMPSComputeRunningProcesses, device, count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *infos)
{
	(void)infos;
	return list_nobody(TR_FN_nvmlDeviceGetMPSComputeRunningProcesses_v2, device, count);
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(
	nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
	(void)infos;
	return list_nobody(TR_FN_nvmlDeviceGetMPSComputeRunningProcesses_v3, device, count);
}
