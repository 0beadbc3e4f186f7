/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's memory is the memory of the cgroups that are bound to it.
 *
 * The descriptors of each cgroup's files are kept from call to call, since opening costs as much as
 * reading. The program around us may have closed one and been given its number for a file of its
 * own. So it is closed only while it still is the file that we opened. A read may meet a stranger's
 * file: pread moves no position, does not wait (pipes, sockets and terminals refuse it), and what
 * does not read as what was opened is dropped; fstat, a fifth of a query, is asked each CHECK_EVERY
 * reads, for the stranger whose file reads the same.
 *
 * The kernel takes 6 us to write a memory.stat, forty times what is left of a query. Two things
 * save it. Within one tick of the coarse clock (1 to 10 ms) the number is given again: a client
 * that asks a card and its slices in one go pays once, and gets numbers that add up. And while the
 * cgroup's usage, a file of one number that takes 0.7 us, stands still to the byte, nothing was
 * charged to it and nothing given back: its memory.stat is read again only after STEADY_NS. The
 * kernel's own counters are batched and no younger.
 */
#include "sim/drv.h"

#include <sys/stat.h>
#include <time.h>

enum { CHECK_EVERY = 64, STEADY_NS = 100 * 1000 * 1000 };

struct kept {
	bool is_open;
	uint8_t n_reads;
	int fd;
	dev_t dev;
	ino_t ino;
};

static struct {
	struct kept stat, usage;
	int64_t tick, read_tick; /* when `bytes` was found to be so; when it was read */
	uint64_t bytes, usage_bytes;
} files[TR_SIM_MAX_BINDINGS + 1]; /* by row; the last is the container's own cgroup */

static uint32_t n_files; /* none is open from here on */

static bool is_ours(const struct kept *file)
{
	struct stat st;

	return file->is_open && fstat(file->fd, &st) == 0 && st.st_dev == file->dev &&
	       st.st_ino == file->ino;
}

static bool may_read(struct kept *file)
{
	return file->is_open && (++file->n_reads % CHECK_EVERY != 0 || is_ours(file));
}

static void forget(struct kept *file)
{
	if (is_ours(file))
		close(file->fd);
	file->is_open = false;
}

static void forget_both(uint32_t i)
{
	forget(&files[i].stat);
	forget(&files[i].usage);
}

void tr_drv_forget_cgroups(void)
{
	while (n_files > 0)
		forget_both(--n_files);
}

/* Takes fd. */
static bool keep(struct kept *file, int fd)
{
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return false;
	}
	*file = (struct kept){ .is_open = true, .fd = fd, .dev = st.st_dev, .ino = st.st_ino };
	return true;
}

static bool open_files(uint32_t i, const char *cgroup)
{
	if (!keep(&files[i].stat, tr_sim_cgroup_open_memory(cgroup)))
		return false;
	/* The root of the unified hierarchy has none: then each number is read. */
	keep(&files[i].usage, tr_sim_cgroup_open_usage(cgroup));
	files[i].tick = files[i].read_tick = -1;
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

/* The number is that of the last read for sure; or else `usage_bytes` is what to compare next. */
static bool is_steady(uint32_t i, int64_t tick)
{
	uint64_t now = 0;
	bool is_same = may_read(&files[i].usage) &&
		       tr_sim_cgroup_usage_fd(files[i].usage.fd, &now) &&
		       now == files[i].usage_bytes;

	files[i].usage_bytes = now;
	return is_same && files[i].read_tick >= 0 && tick - files[i].read_tick < STEADY_NS;
}

static bool read_files(uint32_t i, int64_t tick)
{
	if (!is_steady(i, tick)) {
		if (!tr_sim_cgroup_memory_fd(files[i].stat.fd, &files[i].bytes))
			return false;
		files[i].read_tick = tick;
	}
	files[i].tick = tick;
	return true;
}

/* Bytes of the cgroup; 0 when it is gone. A cgroup that was made again is another file. */
static uint64_t read_bytes(uint32_t i, const char *cgroup)
{
	int64_t tick = tick_now();

	if (files[i].stat.is_open && files[i].tick == tick)
		return files[i].bytes;
	if (may_read(&files[i].stat) && read_files(i, tick))
		return files[i].bytes;
	forget_both(i);
	return open_files(i, cgroup) && read_files(i, tick) ? files[i].bytes : 0;
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
