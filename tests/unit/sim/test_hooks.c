/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on order, the count of calls, events, and what loses what: reset, reload, reboot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nv.h"
#include "sim/state/hooks.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static struct tr_err err;
static nvmlDevice_t a100, h100;

static int open_all(void **state)
{
	static const char *const products[] = { "a100-80gb", "h100-sxm5-80gb" };

	return room_open(state) < 0 ? -1 : nv_open("test", products, TR_COUNT(products));
}

static int close_all(void **state)
{
	dlclose(nv_library);
	return room_close(state);
}

static int init(void **state)
{
	(void)state;
	if (NV(nvmlInit_v2)() != NVML_SUCCESS)
		return -1;
	a100 = nv_card(0);
	h100 = nv_card(1);
	return 0;
}

static int shut_down(void **state)
{
	nvmlReturn_t activation;

	(void)state;
	if (tr_sim_fault_clear("test", &err) < 0 || tr_sim_reload("test", &err) < 0)
		return -1;
	NV(nvmlDeviceSetMigMode)(a100, 0, &activation);
	return (int)NV(nvmlShutdown)();
}

static void set_fault(const char *text)
{
	struct tr_sim_fault fault;

	if (tr_sim_fault_parse(text, &fault, &err) < 0 ||
		tr_sim_fault_add("test", &fault, &err) < 0)
		fail_msg("%s", err.msg);
}

static const char *const good_texts[] = { "nvmlDeviceCreateGpuInstance:3=INSUFFICIENT_RESOURCES",
	"nvmlDeviceCreateGpuInstance:3+=TIMEOUT", "nvmlDeviceGetName=UNKNOWN", "nvmlDevice*=IN_USE",
	"nvmlDeviceGetName:1=MEMORY@4711", "nvmlDeviceGetName=MEMORY@1", "slow", "gpu-lost:1",
	"xid 79:0", "xid 31:15" };

static const char *const bad_texts[] = { "", "=", ":", "nvmlDeviceGetName",
	"nvmlDeviceGetName=", "nvmlDeviceGetName=BAD", "nvmlDeviceGetName:0=MEMORY",
	"nvmlDeviceGetName:=MEMORY", "nvmlDeviceGetName:-1=MEMORY", "nvmlDeviceGetName=MEMORY@",
	"nvmlDeviceGetName=MEMORY@0", "nvmlDeviceGetName=MEMORY@1x", "nvmlDeviceGetName=MEMORY ",
	" slow", "slow ", "nvmlNoSuchCall=MEMORY", "nvmlX*=MEMORY", "xid", "xid ",
	"xid 79:", "xid79", "xid x", "gpu-lost:", "gpu-lost:x", "gpu-lost0",
	"nvmlDeviceGetName:99999999999=MEMORY", "nvmlDeviceGetName:1++=MEMORY",
	"nvmlDeviceGetName=31" };

static void fault_texts_read_back(void **state)
{
	char text[TR_SIM_FAULT_TEXT];
	struct tr_sim_fault fault;

	(void)state;
	for (size_t i = 0; i < TR_COUNT(good_texts); i++) {
		if (tr_sim_fault_parse(good_texts[i], &fault, &err) < 0)
			fail_msg("%s", err.msg);
		tr_sim_fault_text(&fault, text);
		assert_string_equal(text, good_texts[i]);
	}
	for (size_t i = 0; i < TR_COUNT(bad_texts); i++)
		if (tr_sim_fault_parse(bad_texts[i], &fault, &err) != -TR_E_INVALID)
			fail_msg("'%s' was taken", bad_texts[i]);
	assert_int_equal(tr_sim_fault_parse("nvmlDeviceGetName=23", &fault, &err), 0);
	tr_sim_fault_text(&fault, text);
	assert_string_equal(text, "nvmlDeviceGetName=INSUFFICIENT_RESOURCES");
}

static nvmlReturn_t ask_name(void)
{
	char name[96];

	return NV(nvmlDeviceGetName)(a100, name, sizeof(name));
}

static void nth_call_fails_once_or_for_good(void **state)
{
	struct tr_sim_fault_state faults[TR_SIM_FAULTS_ROOM];
	uint32_t n;

	(void)state;
	set_fault("nvmlDeviceGetName:2=TIMEOUT");
	assert_int_equal(ask_name(), NVML_SUCCESS);
	assert_int_equal(ask_name(), NVML_ERROR_TIMEOUT);
	assert_int_equal(ask_name(), NVML_SUCCESS);
	assert_int_equal(tr_sim_fault_list("test", faults, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(faults[0].n_seen, 3);
	assert_int_equal(tr_sim_fault_clear("test", &err), 0);
	set_fault("nvmlDeviceGetN*:2+=UNKNOWN");
	assert_int_equal(ask_name(), NVML_SUCCESS);
	assert_int_equal(ask_name(), NVML_ERROR_UNKNOWN);
	assert_int_equal(ask_name(), NVML_ERROR_UNKNOWN);
	assert_int_equal(tr_sim_fault_clear("test", &err), 0);
	assert_int_equal(ask_name(), NVML_SUCCESS);
	assert_int_equal(tr_sim_fault_list("test", faults, &n, &err), 0);
	assert_int_equal(n, 0);
}

/* The third creation of all processes together. */
static void calls_are_counted_over_all_processes(void **state)
{
	nvmlGpuInstance_t gi;
	int status;
	pid_t pid;

	(void)state;
	nv_mig(a100, 1);
	set_fault("nvmlDeviceCreateGpuInstance:3=INSUFFICIENT_RESOURCES");
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(a100, 19, &gi), NVML_SUCCESS);
	pid = fork();
	if (pid == 0)
		_exit((int)NV(nvmlInit_v2)() ||
			(int)NV(nvmlDeviceCreateGpuInstance)(a100, 19, &gi));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(
		NV(nvmlDeviceCreateGpuInstance)(a100, 19, &gi), NVML_ERROR_INSUFFICIENT_RESOURCES);
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(a100, 19, &gi), NVML_SUCCESS);
}

static void one_process_fails_alone(void **state)
{
	char text[TR_SIM_FAULT_TEXT];
	int status;
	pid_t pid;

	(void)state;
	snprintf(text, sizeof(text), "nvmlDeviceGetName=MEMORY@%d", (int)getpid());
	set_fault(text);
	assert_int_equal(ask_name(), NVML_ERROR_MEMORY);
	pid = fork();
	if (pid == 0)
		_exit((int)NV(nvmlInit_v2)() || (int)ask_name());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void init_and_unmodelled_calls_fail_too(void **state)
{
	(void)state;
	set_fault("nvmlInit*:1=DRIVER_NOT_LOADED");
	assert_int_equal(NV(nvmlInitWithFlags)(0), NVML_ERROR_DRIVER_NOT_LOADED);
	assert_int_equal(NV(nvmlInit_v2)(), NVML_SUCCESS);
	assert_int_equal(NV(nvmlShutdown)(), NVML_SUCCESS);
	set_fault("nvmlDeviceGetFanSpeed=GPU_IS_LOST");
	int (*fan)(void *, unsigned *);

	*(void **)&fan = nv_find("nvmlDeviceGetFanSpeed");
	assert_int_equal(fan(a100, NULL), NVML_ERROR_GPU_IS_LOST);
}

struct tally {
	int32_t pid;
	uint32_t n_name, n_count, n_count_v2, n_init, n_total, n_pids;
};

static void add_up(int32_t pid, const char *function, uint32_t n, void *arg)
{
	struct tally *tally = arg;

	if (pid != tally->pid)
		return;
	tally->n_total += n;
	if (strcmp(function, "nvmlDeviceGetName") == 0)
		tally->n_name = n;
	else if (strcmp(function, "nvmlDeviceGetCount") == 0)
		tally->n_count = n;
	else if (strcmp(function, "nvmlDeviceGetCount_v2") == 0)
		tally->n_count_v2 = n;
	else if (strcmp(function, "nvmlInit_v2") == 0)
		tally->n_init = n;
}

static struct tally count_of(pid_t pid)
{
	struct tally tally = { .pid = pid };
	struct tr_sim_trace trace;

	assert_int_equal(tr_sim_trace_read("test", add_up, &tally, &trace, &err), 0);
	assert_int_equal(trace.n_untraced, 0);
	return tally;
}

static void calls_are_traced_by_process_and_name(void **state)
{
	struct tally tally;
	unsigned n;
	pid_t pid;

	(void)state;
	ask_name();
	assert_int_equal(count_of(getpid()).n_total, 0);
	assert_int_equal(tr_sim_trace_set("test", true, &err), 0);
	for (int i = 0; i < 3; i++)
		ask_name();
	NV(nvmlDeviceGetCount)(&n);
	NV(nvmlDeviceGetCount)(NULL);
	pid = fork();
	if (pid == 0) {
		NV(nvmlInit_v2)();
		ask_name();
		NV(nvmlDeviceGetCount_v2)(&n);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	tally = count_of(getpid());
	assert_int_equal(tally.n_name, 3);
	assert_int_equal(tally.n_count, 2);
	assert_int_equal(tally.n_count_v2, 0);
	tally = count_of(pid);
	assert_int_equal(tally.n_name, 1);
	assert_int_equal(tally.n_count_v2, 1);
	assert_int_equal(tally.n_init, 1);
	assert_int_equal(tr_sim_trace_set("test", false, &err), 0);
	ask_name();
	assert_int_equal(count_of(getpid()).n_name, 3);
	assert_int_equal(tr_sim_trace_set("test", true, &err), 0);
	assert_int_equal(count_of(pid).n_total, 0);
	ask_name();
	assert_int_equal(count_of(getpid()).n_name, 1);
	assert_int_equal(tr_sim_trace_set("test", false, &err), 0);
}

static void lost_card_says_so_until_reset(void **state)
{
	nvmlDevice_t device;
	unsigned n;

	(void)state;
	set_fault("gpu-lost:0");
	assert_int_equal(ask_name(), NVML_ERROR_GPU_IS_LOST);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(a100, &n, &n), NVML_ERROR_GPU_IS_LOST);
	assert_int_equal(NV(nvmlDeviceGetHandleByIndex_v2)(0, &device), NVML_ERROR_GPU_IS_LOST);
	assert_int_equal(NV(nvmlDeviceGetCount_v2)(&n), NVML_SUCCESS);
	assert_int_equal(n, 2);
	assert_int_equal(NV(nvmlDeviceGetMinorNumber)(h100, &n), NVML_SUCCESS);
	assert_int_equal(tr_sim_reset("test", 0, &err), 0);
	assert_int_equal(ask_name(), NVML_SUCCESS);
}

static void events_reach_who_waits(void **state)
{
	nvmlEventData_t event;
	nvmlComputeInstance_t ci;
	nvmlEventSet_t set, other;
	nvmlGpuInstance_t gi;
	unsigned long long types;

	(void)state;
	assert_int_equal(NV(nvmlDeviceGetSupportedEventTypes)(a100, &types), NVML_SUCCESS);
	assert_int_equal(types, 0xff9f);
	assert_int_equal(NV(nvmlEventSetCreate)(&set), NVML_SUCCESS);
	assert_int_equal(NV(nvmlEventSetCreate)(&other), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceRegisterEvents)(a100, 0x108, set), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceRegisterEvents)(h100, 0x8, other), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceRegisterEvents)(h100, 0x40, other), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 1), NVML_ERROR_TIMEOUT);
	nv_mig(a100, 1);
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 0), NVML_SUCCESS);
	assert_int_equal(event.eventType, 0x100);
	assert_int_equal(event.gpuInstanceId, 0xffffffff);
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(a100, 14, &gi), NVML_SUCCESS);
	assert_int_equal(NV(nvmlGpuInstanceCreateComputeInstance)(gi, 1, &ci), NVML_SUCCESS);
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 0), NVML_SUCCESS);
	assert_int_equal(event.gpuInstanceId, 5);
	assert_int_equal(event.computeInstanceId, 0xffffffff);
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 0), NVML_SUCCESS);
	assert_int_equal(event.computeInstanceId, 0);
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 0), NVML_ERROR_TIMEOUT);
	set_fault("xid 31:1");
	assert_int_equal(NV(nvmlEventSetWait)(other, &event, 0), NVML_SUCCESS);
	assert_ptr_equal(event.device, h100);
	assert_int_equal(event.eventType, 0x8);
	assert_int_equal(event.eventData, 31);
	assert_int_equal(NV(nvmlEventSetFree)(set), NVML_SUCCESS);
	assert_int_equal(NV(nvmlEventSetFree)(set), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 0), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(NV(nvmlEventSetFree)(other), NVML_SUCCESS);
}

static void *report_later(void *arg)
{
	(void)arg;
	usleep(50000);
	set_fault("xid 79:1");
	return NULL;
}

/* Others ask meanwhile: a wait holds no lock. */
static void a_wait_ends_with_its_event(void **state)
{
	nvmlEventData_t event;
	nvmlEventSet_t set;
	pthread_t thread;
	unsigned n;

	(void)state;
	assert_int_equal(NV(nvmlEventSetCreate)(&set), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceRegisterEvents)(h100, 0x8, set), NVML_SUCCESS);
	assert_int_equal(pthread_create(&thread, NULL, report_later, NULL), 0);
	errno = 4711;
	assert_int_equal(NV(nvmlEventSetWait_v2)(set, &event, 60000), NVML_SUCCESS);
	assert_int_equal(errno, 4711);
	pthread_join(thread, NULL);
	assert_int_equal(event.eventData, 79);
	assert_int_equal(NV(nvmlDeviceGetMinorNumber)(h100, &n), NVML_ERROR_GPU_IS_LOST);
	assert_int_equal(NV(nvmlEventSetFree)(set), NVML_SUCCESS);
}

/* Ampere keeps its mode over a reload; Hopper does not; slices and persistence survive nowhere. */
static void a_reload_loses_what_the_real_one_loses(void **state)
{
	unsigned current, pending, n;
	nvmlGpuInstance_t gi;

	(void)state;
	nv_mig(a100, 1);
	nv_mig(h100, 1);
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(a100, 14, &gi), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(h100, 14, &gi), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceSetPersistenceMode)(a100, 1), NVML_SUCCESS);
	assert_int_equal(tr_sim_reset("test", 1, &err), 0);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(h100, &current, &pending), NVML_SUCCESS);
	assert_int_equal(current, 1);
	assert_int_equal(NV(nvmlDeviceGetGpuInstanceById)(h100, 5, &gi), NVML_ERROR_NOT_FOUND);
	assert_int_equal(NV(nvmlDeviceGetGpuInstanceById)(a100, 5, &gi), NVML_SUCCESS);
	set_fault("slow");
	assert_int_equal(tr_sim_reload("test", &err), 0);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(h100, &current, &pending), NVML_SUCCESS);
	assert_int_equal(current, 0);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(a100, &current, &pending), NVML_SUCCESS);
	assert_int_equal(current, 1);
	assert_int_equal(NV(nvmlDeviceGetGpuInstanceById)(a100, 5, &gi), NVML_ERROR_NOT_FOUND);
	assert_int_equal(NV(nvmlDeviceGetPersistenceMode)(a100, &n), NVML_SUCCESS);
	assert_int_equal(n, 0);
	struct tr_sim_fault_state faults[TR_SIM_FAULTS_ROOM];

	assert_int_equal(tr_sim_fault_list("test", faults, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(tr_sim_reboot("test", &err), 0);
	assert_int_equal(tr_sim_fault_list("test", faults, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(tr_sim_reload("nobody", &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_reset("nobody", 0, &err), -TR_E_NOT_FOUND);
}

/* A card in a virtual machine cannot be reset from inside: Ampere's mode waits, Hopper's does not.
 */
static void passed_through_the_mode_waits(void **state)
{
	nvmlReturn_t activation = NVML_SUCCESS;
	unsigned current, pending, mode;

	(void)state;
	assert_int_equal(tr_sim_passthrough("test", &err), 0);
	assert_int_equal(NV(nvmlDeviceGetVirtualizationMode)(a100, &mode), NVML_SUCCESS);
	assert_int_equal(mode, 1);
	assert_int_equal(NV(nvmlDeviceSetMigMode)(a100, 1, &activation), NVML_SUCCESS);
	assert_int_equal(activation, NVML_ERROR_RESET_REQUIRED);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(a100, &current, &pending), NVML_SUCCESS);
	assert_true(current == 0 && pending == 1);
	nv_mig(h100, 1);
	assert_int_equal(tr_sim_reset("test", 0, &err), 0);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(a100, &current, &pending), NVML_SUCCESS);
	assert_true(current == 1 && pending == 1);
	assert_int_equal(NV(nvmlDeviceSetMigMode)(a100, 0, &activation), NVML_SUCCESS);
	assert_int_equal(tr_sim_reload("test", &err), 0);
	assert_int_equal(NV(nvmlDeviceGetMigMode)(a100, &current, &pending), NVML_SUCCESS);
	assert_true(current == 0 && pending == 0);
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* At least: no machine is too slow for it. */
static void slow_takes_its_time(void **state)
{
	nvmlGpuInstance_t gi;
	int64_t begin;

	(void)state;
	nv_mig(a100, 1);
	set_fault("slow");
	begin = now_us();
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(a100, 14, &gi), NVML_SUCCESS);
	assert_int_equal(NV(nvmlGpuInstanceDestroy)(gi), NVML_SUCCESS);
	assert_true(now_us() - begin >= 36000);
}

int main(void)
{
#define WITH_NVML(test) cmocka_unit_test_setup_teardown(test, init, shut_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_texts_read_back),
		WITH_NVML(nth_call_fails_once_or_for_good),
		WITH_NVML(calls_are_counted_over_all_processes),
		WITH_NVML(one_process_fails_alone),
		WITH_NVML(init_and_unmodelled_calls_fail_too),
		WITH_NVML(calls_are_traced_by_process_and_name),
		WITH_NVML(lost_card_says_so_until_reset),
		WITH_NVML(events_reach_who_waits),
		WITH_NVML(a_wait_ends_with_its_event),
		WITH_NVML(a_reload_loses_what_the_real_one_loses),
		WITH_NVML(slow_takes_its_time),
		WITH_NVML(passed_through_the_mode_waits),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
