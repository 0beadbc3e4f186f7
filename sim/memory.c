/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's memory is the memory of the cgroups that are bound to it.
 *
 * The descriptor of each cgroup's memory.stat is kept from call to call, since opening costs as
 * much as reading. The program around us may have closed it and been given its number for a file
 * of its own. So it is closed only while it still is the file that we opened. A read may meet a
 * stranger's file: pread moves no position, does not wait (pipes, sockets and terminals refuse it),
 * and what does not read as a memory.stat is dropped; fstat, a fifth of a query, is asked each
 * CHECK_EVERY reads, for the stranger whose file is a memory.stat too.
 *
 * The kernel takes 6 us to write a memory.stat, forty times what is left of a query. Within one
 * tick of the coarse clock (1 to 10 ms) the number is therefore given again: a client that asks a
 * card and its slices in one go pays once, and gets numbers that add up. The kernel's own counters
 * are batched and no younger.
 */
#include "sim/drv.h"

#include <sys/stat.h>
#include <time.h>

enum { CHECK_EVERY = 64 };

static struct {
	bool is_open;
	uint8_t n_reads;
	int fd;
	dev_t dev;
	ino_t ino;
	int64_t tick; /* when `bytes` was read */
	uint64_t bytes;
} files[TR_SIM_MAX_BINDINGS + 1]; /* by row; the last is the container's own cgroup */

static uint32_t n_files; /* none is open from here on */

static bool is_ours(uint32_t i)
{
	struct stat st;

	return files[i].is_open && fstat(files[i].fd, &st) == 0 && st.st_dev == files[i].dev &&
	       st.st_ino == files[i].ino;
}

static bool may_read(uint32_t i)
{
	return files[i].is_open && (++files[i].n_reads % CHECK_EVERY != 0 || is_ours(i));
}

static void forget(uint32_t i)
{
	if (is_ours(i))
		close(files[i].fd);
	files[i].is_open = false;
}

void tr_drv_forget_cgroups(void)
{
	while (n_files > 0)
		forget(--n_files);
}

static bool open_file(uint32_t i, const char *cgroup)
{
	struct stat st;
	int fd = tr_sim_cgroup_open_memory(cgroup);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return false;
	}
	files[i].is_open = true;
	files[i].tick = -1;
	files[i].fd = fd;
	files[i].dev = st.st_dev;
	files[i].ino = st.st_ino;
	if (i >= n_files)
		n_files = i + 1;
	return true;
}

static int64_t tick_now(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool read_file(uint32_t i, int64_t tick)
{
	if (!tr_sim_cgroup_memory_fd(files[i].fd, &files[i].bytes))
		return false;
	files[i].tick = tick;
	return true;
}

/* Bytes of the cgroup; 0 when it is gone. A cgroup that was made again is another file. */
static uint64_t read_bytes(uint32_t i, const char *cgroup)
{
	int64_t tick = tick_now();

	if (files[i].is_open && files[i].tick == tick)
		return files[i].bytes;
	if (may_read(i) && read_file(i, tick))
		return files[i].bytes;
	forget(i);
	return open_file(i, cgroup) && read_file(i, tick) ? files[i].bytes : 0;
}

void tr_drv_each_binding(
	uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id, tr_drv_binding_fn *call, void *arg)
{
	const struct tr_sim_node *node = tr_drv_node();
	bool has_own = false;

	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		const struct tr_sim_binding *row = &node->bindings[i];

		if (!row->in_use || row->gpu_idx != gpu_idx ||
			(gi_id != TR_SIM_WHOLE && row->gi_id != gi_id) ||
			(ci_id != TR_SIM_WHOLE && row->ci_id != ci_id))
			continue;
		if (!tr_drv_is_guest() || tr_sim_cgroup_exists(row->cgroup)) {
			call(row, row->cgroup, arg);
		} else if (!has_own) {
			has_own = true;
			call(row, "", arg);
		}
	}
}

static void add_bytes(const struct tr_sim_binding *row, const char *cgroup, void *arg)
{
	uint32_t i = (uint32_t)(row - tr_drv_node()->bindings);

	*(uint64_t *)arg += read_bytes(*cgroup ? i : TR_SIM_MAX_BINDINGS, cgroup);
}

uint64_t tr_drv_used_bytes(uint32_t gpu_idx, uint32_t gi_id)
{
	uint64_t bytes = 0;

	tr_drv_each_binding(gpu_idx, gi_id, TR_SIM_WHOLE, add_bytes, &bytes);
	return bytes * tr_drv_node()->scale;
}

struct amounts {
	uint64_t total, reserved, used;
};

/* What the driver keeps for itself is known of few cards, and is no slice's. */
static nvmlReturn_t memory_of(nvmlDevice_t device, struct amounts *ret)
{
	struct tr_drv_target target;
	nvmlReturn_t r = tr_drv_device(device, &target);
	struct amounts memory = { 0 };

	if (r != NVML_SUCCESS)
		return r;
	if (!target.ci && !tr_drv_sees_whole_card(target.gpu_idx))
		return NVML_ERROR_NO_PERMISSION;
	memory.total =
		(uint64_t)(target.ci ? target.profile->memory_mib : target.model->memory_total_mib)
		<< 20;
	if (!target.ci && target.product->board)
		memory.reserved = target.product->board->reserved_bytes;
	memory.used = tr_drv_used_bytes(target.gpu_idx, target.gi_id);
	if (memory.used > memory.total - memory.reserved)
		memory.used = memory.total - memory.reserved;
	*ret = memory;
	return NVML_SUCCESS;
}

/* The first form has no place for what is reserved: it counts as used. */
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	struct amounts amounts;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMemoryInfo);
	r = memory ? memory_of(device, &amounts) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	memory->total = amounts.total;
	memory->used = amounts.used + amounts.reserved;
	memory->free = memory->total - memory->used;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
	struct amounts amounts;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMemoryInfo_v2);
	if (!memory)
		return NVML_ERROR_INVALID_ARGUMENT;
	/* As a real driver answers: the call is then one that it does not have. */
	if (memory->version != NVML_VERSION_WORD(nvmlMemory_v2_t, 2))
		return NVML_ERROR_FUNCTION_NOT_FOUND;
	r = memory_of(device, &amounts);
	if (r != NVML_SUCCESS)
		return r;
	memory->total = amounts.total;
	memory->reserved = amounts.reserved;
	memory->used = amounts.used;
	memory->free = amounts.total - amounts.reserved - amounts.used;
	return NVML_SUCCESS;
}
