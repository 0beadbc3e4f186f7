/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was: samples of a card's load and power, what each of its processes used, accounting.
 *
 * A real card samples by itself; here nobody does, so there are only the samples that this process
 * has taken by asking, as far apart as the real ones. The first call finds one. In MIG mode nobody
 * is told a load.
 */
#include "sim/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	/* As captured (H100 and H200, 580.159.04): 71 samples, 200 ms apart. What is said without
	 * an array is room for more. */
	N_SAMPLES = 71,
	APART_US = 200000,
	ROOM_LOAD = 72,
	ROOM_POWER = 120,
	ROOM_CLOCKS = 100,
	MAX_PIDS = 64,
};

static struct {
	uint64_t n; /* ever; sample i is in row i % N_SAMPLES */
	struct {
		uint64_t us;
		uint32_t percent, milliwatts;
	} rows[N_SAMPLES];
} rings[TR_SIM_MAX_GPUS];

static uint64_t now_us(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void take_sample(const struct tr_drv_target *target)
{
	uint64_t us = now_us(), n = rings[target->gpu_idx].n;

	if (n && us - rings[target->gpu_idx].rows[(n - 1) % N_SAMPLES].us < APART_US)
		return;
	rings[target->gpu_idx].rows[n % N_SAMPLES].us = us;
	rings[target->gpu_idx].rows[n % N_SAMPLES].percent = tr_load_permille(target) / 10;
	rings[target->gpu_idx].rows[n % N_SAMPLES].milliwatts = tr_load_power(target);
	rings[target->gpu_idx].n++;
}

static bool is_load(unsigned type)
{
	return type == NVML_GPU_UTILIZATION_SAMPLES || type == NVML_MEMORY_UTILIZATION_SAMPLES ||
	       type == NVML_ENC_UTILIZATION_SAMPLES || type == NVML_DEC_UTILIZATION_SAMPLES ||
	       type == NVML_JPG_UTILIZATION_SAMPLES || type == NVML_OFA_UTILIZATION_SAMPLES;
}

/* As captured: cards offer them, and have none. */
static bool is_clocks(unsigned type)
{
	return type == NVML_PROCESSOR_CLK_SAMPLES || type == NVML_MEMORY_CLK_SAMPLES;
}

static unsigned room_for(unsigned type)
{
	if (type == NVML_TOTAL_POWER_SAMPLES)
		return ROOM_POWER;
	return is_clocks(type) ? ROOM_CLOCKS : ROOM_LOAD;
}

/* The media engines rest here; memory is busy with a quarter of the load (sensor.c). */
static uint32_t value_of(const struct tr_drv_target *target, uint64_t i, unsigned type)
{
	uint32_t percent = rings[target->gpu_idx].rows[i % N_SAMPLES].percent;

	if (type == NVML_TOTAL_POWER_SAMPLES)
		return rings[target->gpu_idx].rows[i % N_SAMPLES].milliwatts;
	if (type == NVML_GPU_UTILIZATION_SAMPLES)
		return percent;
	return type == NVML_MEMORY_UTILIZATION_SAMPLES ? percent / 4 : 0;
}

static nvmlReturn_t can_sample(const struct tr_drv_target *target, unsigned type)
{
	if (target->ci || (is_load(type) && target->gpu->mig_current))
		return NVML_ERROR_NOT_SUPPORTED;
	if (is_clocks(type))
		return NVML_SUCCESS;
	if (type == NVML_TOTAL_POWER_SAMPLES)
		return tr_load_power(target) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
	if (is_load(type))
		return NVML_SUCCESS;
	return NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, unsigned type, unsigned long long since,
	unsigned *value_type, unsigned *count, nvmlSample_t *samples)
{
	struct tr_drv_target target;
	uint64_t i, n;
	unsigned found = 0;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetSamples);
	r = value_type && count ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		r = can_sample(&target, type);
	if (r != NVML_SUCCESS)
		return r;
	if (samples && is_clocks(type))
		return NVML_ERROR_NOT_FOUND;
	*value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
	if (!samples) {
		*count = room_for(type);
		return NVML_SUCCESS;
	}
	take_sample(&target);
	n = rings[target.gpu_idx].n;
	for (i = n > N_SAMPLES ? n - N_SAMPLES : 0; i < n && found < *count; i++) {
		if (rings[target.gpu_idx].rows[i % N_SAMPLES].us <= since)
			continue;
		samples[found].timeStamp = rings[target.gpu_idx].rows[i % N_SAMPLES].us;
		samples[found].sampleValue = (nvmlValue_t){ .uiVal = value_of(&target, i, type) };
		found++;
	}
	if (found == 0)
		return NVML_ERROR_NOT_FOUND;
	*count = found;
	return NVML_SUCCESS;
}

/* --- What each process used --- */

struct use {
	uint32_t pid, percent;
};

struct uses {
	unsigned n;
	struct use rows[MAX_PIDS];
};

static struct {
	int32_t pid;
	int64_t cpu_ns, wall_ns;
} seen[MAX_PIDS]; /* by pid % MAX_PIDS, when it was last asked about */

/* Fields 14, 15 and 22 of /proc/PID/stat, behind a name that may hold anything: CPU time, and when
 * the process began, both since this machine's own beginning. */
static bool read_times(int32_t pid, int64_t *ret_cpu_ns, int64_t *ret_began_ns)
{
	int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
	unsigned long long user, kernel, began;
	char path[64], text[1024];
	const char *rest;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	TR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1,
			     " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu %*s %*s %*s "
			     "%*s %*s %*s %llu",
			     &user, &kernel, &began) != 3)
		return false;
	*ret_cpu_ns = (int64_t)(user + kernel) * tick_ns;
	*ret_began_ns = (int64_t)began * tick_ns;
	return true;
}

/* Since it was last asked about; the first time, since it began. */
static uint32_t percent_of(const struct tr_drv_target *target, int32_t pid)
{
	int64_t cpu_ns, from_ns, cpu_before = 0;
	struct timespec ts = { 0 };
	int64_t now;
	uint32_t row = (uint32_t)pid % MAX_PIDS;
	double share;

	if (!read_times(pid, &cpu_ns, &from_ns))
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (seen[row].pid == pid && seen[row].wall_ns >= from_ns && cpu_ns >= seen[row].cpu_ns) {
		from_ns = seen[row].wall_ns;
		cpu_before = seen[row].cpu_ns;
	}
	/* Less than that is a tick or two of the kernel's clock: no measure yet. */
	if (now - from_ns < APART_US * 1000LL)
		now = from_ns + APART_US * 1000LL;
	else
		seen[row].pid = pid, seen[row].cpu_ns = cpu_ns, seen[row].wall_ns = now;
	share = tr_load_share_ns(target, now - from_ns);
	return cpu_ns <= cpu_before ? 0
	       : (double)(cpu_ns - cpu_before) >= share
		       ? 100
		       : (uint32_t)((double)(cpu_ns - cpu_before) / share * 100);
}

struct asked {
	const struct tr_drv_target *target;
	struct uses *uses;
};

static void add_uses(const struct tr_sim_binding *row, const char *cgroup, void *arg)
{
	struct asked *asked = arg;
	int32_t pids[MAX_PIDS];
	int n = tr_sim_cgroup_pids(cgroup, pids, MAX_PIDS);

	(void)row;
	for (int i = 0; i < n && i < MAX_PIDS && asked->uses->n < MAX_PIDS; i++)
		asked->uses->rows[asked->uses->n++] =
			(struct use){ (uint32_t)pids[i], percent_of(asked->target, pids[i]) };
}

static nvmlReturn_t find_uses(nvmlDevice_t device, struct uses *ret)
{
	struct tr_drv_target card = { 0 }, target;
	struct asked asked = { &card, ret };
	nvmlReturn_t r = tr_drv_device(device, &target);

	if (r == NVML_SUCCESS && (target.ci || target.gpu->mig_current))
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r != NVML_SUCCESS)
		return r;
	ret->n = 0;
	card = target;
	tr_drv_each_binding(target.gpu_idx, TR_SIM_WHOLE, TR_SIM_WHOLE, add_uses, &asked);
	return NVML_SUCCESS;
}

/* As captured: the array must have room for all that a card may keep, however little there is;
 * where there is nothing, `count` stays. */
static nvmlReturn_t fit_uses(const struct uses *uses, unsigned *count, const void *array)
{
	if (!array || *count < ROOM_LOAD) {
		*count = ROOM_LOAD;
		return NVML_ERROR_INSUFFICIENT_SIZE;
	}
	if (uses->n == 0)
		return NVML_ERROR_NOT_FOUND;
	*count = uses->n;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device,
	nvmlProcessUtilizationSample_t *samples, unsigned *count, unsigned long long since)
{
	struct uses uses;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetProcessUtilization);
	(void)since; /* all that is told is of now */
	r = count ? find_uses(device, &uses) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		r = fit_uses(&uses, count, samples);
	for (unsigned i = 0; r == NVML_SUCCESS && i < uses.n; i++)
		samples[i] = (nvmlProcessUtilizationSample_t){ .pid = uses.rows[i].pid,
			.timeStamp = now_us(),
			.smUtil = uses.rows[i].percent,
			.memUtil = uses.rows[i].percent / 4 };
	return r;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(
	nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info)
{
	struct uses uses;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetProcessesUtilizationInfo);
	if (!info)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (info->version != NVML_VERSION_WORD(nvmlProcessesUtilizationInfo_v1_t, 1))
		return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	r = find_uses(device, &uses);
	if (r == NVML_SUCCESS)
		r = fit_uses(&uses, &info->processSamplesCount, info->procUtilArray);
	for (unsigned i = 0; r == NVML_SUCCESS && i < uses.n; i++)
		info->procUtilArray[i] = (nvmlProcessUtilizationInfo_v1_t){ .timeStamp = now_us(),
			.pid = uses.rows[i].pid,
			.smUtil = uses.rows[i].percent,
			.memUtil = uses.rows[i].percent / 4 };
	return r;
}

/* --- Accounting: off, as cards come, so that nobody was accounted (its mode: board.c) --- */

nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned *count, unsigned *pids)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetAccountingPids);
	(void)pids;
	r = count ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*count = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetAccountingStats(
	nvmlDevice_t device, unsigned pid, nvmlAccountingStats_t *stats)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetAccountingStats);
	(void)pid;
	r = stats ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		r = target.ci ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_NOT_FOUND;
	return r;
}
