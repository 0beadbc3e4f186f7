/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of load and power, what each process used, accounting: as an H200's answers were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nv.h"

#include <string.h>

enum { N = 128 };

static struct tr_err err;
static nvmlDevice_t h200, a100, rtx;
static char cgroup[64], cgroup_dir[128], cpu_dir[128];

static int open_all(void **state)
{
	static const char *const products[] = { "h200-sxm-141gb", "a100-80gb", "geforce-rtx-4090" };

	if (room_open(state) < 0 || nv_open("test", products, TR_COUNT(products)) < 0 ||
		NV(nvmlInit_v2)() != NVML_SUCCESS)
		return -1;
	h200 = nv_card(0);
	a100 = nv_card(1);
	rtx = nv_card(2);
	return 0;
}

static int close_all(void **state)
{
	NV(nvmlShutdown)();
	dlclose(nv_library);
	return room_close(state);
}

/* A worker that is bound to a card; 0 where no cgroup can be made. */
static pid_t bind_worker(nvmlDevice_t card)
{
	char uuid[80];
	pid_t pid;

	if (!room_cgroup_make(cgroup, cgroup_dir))
		return 0;
	snprintf(cpu_dir, sizeof(cpu_dir), "/sys/fs/cgroup/cpuacct%s", cgroup);
	mkdir(cpu_dir, 0755);
	assert_int_equal(NV(nvmlDeviceGetUUID)(card, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	pid = room_worker_start(cgroup_dir);
	assert_true(pid > 0);
	return pid;
}

static void end_worker(pid_t pid)
{
	room_worker_end(pid, cgroup_dir, cpu_dir);
	assert_int_equal(tr_sim_unbind("test", cgroup, &err), 0);
}

static unsigned samples_of(
	nvmlDevice_t card, unsigned type, uint64_t since, nvmlSample_t samples[N])
{
	unsigned value_type = 99, n = N;

	assert_int_equal(NV(nvmlDeviceGetSamples)(card, type, since, &value_type, &n, samples),
		NVML_SUCCESS);
	assert_int_equal(value_type, NVML_VALUE_TYPE_UNSIGNED_INT);
	return n;
}

static void samples_follow_the_load(void **state)
{
	nvmlSample_t samples[N] = { 0 };
	pid_t pid = bind_worker(h200);
	unsigned n;

	(void)state;
	if (!pid)
		skip();
	do {
		usleep(210000);
		n = samples_of(h200, NVML_GPU_UTILIZATION_SAMPLES, 0, samples);
		assert_in_range(n, 1, 71);
	} while (samples[n - 1].sampleValue.uiVal == 0);
	assert_in_range(samples[n - 1].sampleValue.uiVal, 1, 100);
	for (unsigned i = 1; i < n; i++)
		assert_true(samples[i].timeStamp >= samples[i - 1].timeStamp + 200000);
	n = samples_of(h200, NVML_TOTAL_POWER_SAMPLES, 0, samples);
	assert_in_range(samples[n - 1].sampleValue.uiVal, 128301, 700000); /* more than at rest */
	n = samples_of(h200, NVML_DEC_UTILIZATION_SAMPLES, 0, samples);
	assert_int_equal(samples[n - 1].sampleValue.uiVal, 0);
	end_worker(pid);
}

static void samples_newer_than_one_are_told_once(void **state)
{
	unsigned value_type, n = N;
	nvmlSample_t samples[N];
	uint64_t last;

	(void)state;
	n = samples_of(a100, NVML_MEMORY_UTILIZATION_SAMPLES, 0, samples);
	last = samples[n - 1].timeStamp;
	usleep(210000);
	assert_int_equal(samples_of(a100, NVML_MEMORY_UTILIZATION_SAMPLES, last, samples), 1);
	assert_true(samples[0].timeStamp > last);
	last = samples[0].timeStamp + 3600000000;
	assert_int_equal(NV(nvmlDeviceGetSamples)(a100, NVML_MEMORY_UTILIZATION_SAMPLES, last,
				 &value_type, &n, samples),
		NVML_ERROR_NOT_FOUND);
}

static void samples_that_a_card_does_not_take_are_refused(void **state)
{
	unsigned value_type, n = N;
	nvmlSample_t samples[N];
	const struct {
		nvmlDevice_t card;
		unsigned type;
		nvmlReturn_t want;
	} rows[] = { { h200, NVML_PROCESSOR_CLK_SAMPLES, NVML_ERROR_NOT_FOUND },
		{ h200, NVML_MEMORY_CLK_SAMPLES, NVML_ERROR_NOT_FOUND },
		{ h200, 7, NVML_ERROR_INVALID_ARGUMENT }, { h200, 10, NVML_ERROR_INVALID_ARGUMENT },
		{ rtx, NVML_TOTAL_POWER_SAMPLES, NVML_ERROR_NOT_SUPPORTED } };
	const struct {
		unsigned type, room;
	} rooms[] = { { NVML_TOTAL_POWER_SAMPLES, 120 }, { NVML_GPU_UTILIZATION_SAMPLES, 72 },
		{ NVML_PROCESSOR_CLK_SAMPLES, 100 } };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++)
		assert_int_equal(NV(nvmlDeviceGetSamples)(
					 rows[i].card, rows[i].type, 0, &value_type, &n, samples),
			rows[i].want);
	assert_int_equal(NV(nvmlDeviceGetSamples)(h200, 1, 0, NULL, &n, samples),
		NVML_ERROR_INVALID_ARGUMENT);
	/* Without an array: how much room there should be. */
	for (size_t i = 0; i < TR_COUNT(rooms); i++) {
		n = 0;
		assert_int_equal(
			NV(nvmlDeviceGetSamples)(h200, rooms[i].type, 0, &value_type, &n, NULL),
			NVML_SUCCESS);
		assert_int_equal(n, rooms[i].room);
	}
}

static void each_process_is_told_with_its_use(void **state)
{
	nvmlProcessUtilizationInfo_v1_t infos[72];
	nvmlProcessesUtilizationInfo_v1_t list = { .version = NVML_VERSION_WORD(
							   nvmlProcessesUtilizationInfo_v1_t, 1),
		.processSamplesCount = 72,
		.procUtilArray = infos };
	nvmlProcessUtilizationSample_t samples[72];
	pid_t pid = bind_worker(h200);
	unsigned n = 0;

	(void)state;
	if (!pid)
		skip();
	assert_int_equal(NV(nvmlDeviceGetProcessUtilization)(h200, NULL, &n, 0),
		NVML_ERROR_INSUFFICIENT_SIZE);
	assert_int_equal(n, 72);
	n = 71;
	assert_int_equal(NV(nvmlDeviceGetProcessUtilization)(h200, samples, &n, 0),
		NVML_ERROR_INSUFFICIENT_SIZE);
	do {
		usleep(210000);
		n = 72;
		assert_int_equal(
			NV(nvmlDeviceGetProcessUtilization)(h200, samples, &n, 0), NVML_SUCCESS);
		assert_int_equal(n, 1);
		assert_int_equal(samples[0].pid, pid);
	} while (samples[0].smUtil == 0);
	assert_in_range(samples[0].smUtil, 1, 100);
	assert_int_equal(NV(nvmlDeviceGetProcessesUtilizationInfo)(h200, &list), NVML_SUCCESS);
	assert_int_equal(list.processSamplesCount, 1);
	assert_int_equal(infos[0].pid, pid);
	list.version = 1;
	assert_int_equal(NV(nvmlDeviceGetProcessesUtilizationInfo)(h200, &list),
		NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
	end_worker(pid);
	n = 72;
	assert_int_equal(
		NV(nvmlDeviceGetProcessUtilization)(h200, samples, &n, 0), NVML_ERROR_NOT_FOUND);
}

static void mig_mode_tells_no_load(void **state)
{
	nvmlProcessUtilizationSample_t uses[72];
	unsigned value_type, n = N;
	nvmlSample_t samples[N];

	(void)state;
	nv_mig(h200, 1);
	for (unsigned type = NVML_GPU_UTILIZATION_SAMPLES; type <= NVML_DEC_UTILIZATION_SAMPLES;
		type++)
		assert_int_equal(NV(nvmlDeviceGetSamples)(h200, type, 0, &value_type, &n, samples),
			NVML_ERROR_NOT_SUPPORTED);
	assert_true(samples_of(h200, NVML_TOTAL_POWER_SAMPLES, 0, samples) >= 1);
	n = 72;
	assert_int_equal(
		NV(nvmlDeviceGetProcessUtilization)(h200, uses, &n, 0), NVML_ERROR_NOT_SUPPORTED);
	nv_mig(h200, 0);
}

static void accounting_is_off(void **state)
{
	nvmlAccountingStats_t stats;
	unsigned n = 9, pids[1];

	(void)state;
	assert_int_equal(NV(nvmlDeviceGetAccountingMode)(h200, &n), NVML_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(NV(nvmlDeviceGetAccountingBufferSize)(h200, &n), NVML_SUCCESS);
	assert_int_equal(n, 4000);
	n = 1;
	assert_int_equal(NV(nvmlDeviceGetAccountingPids)(h200, &n, pids), NVML_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(NV(nvmlDeviceGetAccountingStats)(h200, 1, &stats), NVML_ERROR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_follow_the_load),
		cmocka_unit_test(samples_newer_than_one_are_told_once),
		cmocka_unit_test(samples_that_a_card_does_not_take_are_refused),
		cmocka_unit_test(each_process_is_told_with_its_use),
		cmocka_unit_test(mig_mode_tells_no_load),
		cmocka_unit_test(accounting_is_off),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
