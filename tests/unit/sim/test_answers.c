/* SPDX-License-Identifier: Apache-2.0 */
/* What cards say of themselves: a virtual H200 as the real one was captured, others by their rows;
 * what MIG takes away; and that no argument crashes the program around the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nv.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct tr_err err;
static nvmlDevice_t h200, a100, rtx;

static int open_all(void **state)
{
	static const char *const products[] = { "h200-sxm-141gb", "a100-80gb", "geforce-rtx-4090" };

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
	h200 = nv_card(0);
	a100 = nv_card(1);
	rtx = nv_card(2);
	return 0;
}

static int shut_down(void **state)
{
	nvmlReturn_t activation;

	(void)state;
	if (tr_sim_reload("test", &err) < 0)
		return -1;
	NV(nvmlDeviceSetMigMode)(a100, 0, &activation);
	return (int)NV(nvmlShutdown)();
}

typedef nvmlReturn_t number_call(nvmlDevice_t device, unsigned *ret);

/* Captured on an H200 at rest, driver 580.159.04 (nvidia-smi -q). */
static void h200_says_what_was_captured(void **state)
{
	static const struct {
		const char *call;
		unsigned value;
	} numbers[] = { { "nvmlDeviceGetPersistenceMode", 0 }, { "nvmlDeviceGetAccountingMode", 0 },
		{ "nvmlDeviceGetAccountingBufferSize", 4000 }, { "nvmlDeviceGetMinorNumber", 0 },
		{ "nvmlDeviceGetMultiGpuBoard", 0 }, { "nvmlDeviceGetDisplayActive", 0 },
		{ "nvmlDeviceGetMaxPcieLinkGeneration", 5 },
		{ "nvmlDeviceGetCurrPcieLinkGeneration", 5 },
		{ "nvmlDeviceGetCurrPcieLinkWidth", 16 }, { "nvmlDeviceGetPcieReplayCounter", 0 },
		{ "nvmlDeviceGetPerformanceState", 0 }, { "nvmlDeviceGetComputeMode", 0 },
		{ "nvmlDeviceGetEnforcedPowerLimit", 700000 },
		{ "nvmlDeviceGetPowerManagementDefaultLimit", 700000 },
		{ "nvmlDeviceGetBrand", 14 }, { "nvmlDeviceGetArchitecture", 9 },
		{ "nvmlDeviceGetPowerUsage", 128300 } };
	static const unsigned clocks[] = { 1980, 1980, 3201, 1545 };
	char text[96];
	unsigned n, other, rows[4];
	unsigned long long wide;
	nvmlBAR1Memory_t bar1;
	nvmlUtilization_t rates;
	nvmlMemory_v2_t memory = { .version = 0x02000028 };
	nvmlMemory_t old;
	nvmlRowRemapperHistogramValues_t histogram;
	nvmlEccSramErrorStatus_v1_t sram = { .version = 0x01000068 };
	nvmlPciInfoExt_v1_t pci = { .version = 0x01000040 };
	nvmlMarginTemperature_v1_t margin = { .version = 0x01000008 };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(numbers); i++) {
		number_call *call;

		*(void **)&call = nv_find(numbers[i].call);
		if (call(h200, &n) != NVML_SUCCESS || n != numbers[i].value)
			fail_msg("%s: %u, not %u", numbers[i].call, n, numbers[i].value);
	}
	for (unsigned c = 0; c < TR_COUNT(clocks); c++) {
		assert_int_equal(NV(nvmlDeviceGetClockInfo)(h200, c, &n), NVML_SUCCESS);
		assert_int_equal(n, clocks[c]);
		assert_int_equal(NV(nvmlDeviceGetMaxClockInfo)(h200, c, &n), NVML_SUCCESS);
		assert_int_equal(n, clocks[c]);
	}
	assert_int_equal(NV(nvmlDeviceGetVbiosVersion)(h200, text, 32), NVML_SUCCESS);
	assert_string_equal(text, "96.00.A5.00.1A");
	assert_int_equal(
		NV(nvmlDeviceGetVbiosVersion)(h200, text, 3), NVML_ERROR_INSUFFICIENT_SIZE);
	assert_int_equal(NV(nvmlDeviceGetBoardPartNumber)(h200, text, 80), NVML_SUCCESS);
	assert_string_equal(text, "692-2G520-0282-001");
	assert_int_equal(NV(nvmlDeviceGetInforomImageVersion)(h200, text, 16), NVML_SUCCESS);
	assert_string_equal(text, "G520.0282.02.02");
	assert_int_equal(NV(nvmlDeviceGetInforomVersion)(h200, 0, text, 16), NVML_SUCCESS);
	assert_string_equal(text, "2.1");
	assert_int_equal(NV(nvmlDeviceGetInforomVersion)(h200, 1, text, 16), NVML_SUCCESS);
	assert_string_equal(text, "7.16");
	assert_int_equal(
		NV(nvmlDeviceGetInforomVersion)(h200, 2, text, 16), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(NV(nvmlDeviceGetGspFirmwareVersion)(h200, text), NVML_SUCCESS);
	assert_string_equal(text, "580.159.04");
	assert_int_equal(NV(nvmlDeviceGetMemoryInfo_v2)(h200, &memory), NVML_SUCCESS);
	assert_true(memory.total == 150754820096 && memory.reserved == 644939776 &&
		    memory.free == 150109880320 && memory.used == 0);
	assert_int_equal(NV(nvmlDeviceGetMemoryInfo)(h200, &old), NVML_SUCCESS);
	assert_true(old.used == 644939776 && old.free == 150109880320);
	assert_int_equal(NV(nvmlDeviceGetBAR1MemoryInfo)(h200, &bar1), NVML_SUCCESS);
	assert_true(bar1.bar1Total == 262144ULL << 20 && bar1.bar1Used == 1 << 20);
	assert_int_equal(NV(nvmlDeviceGetUtilizationRates)(h200, &rates), NVML_SUCCESS);
	assert_true(rates.gpu == 0 && rates.memory == 0);
	assert_int_equal(NV(nvmlDeviceGetTemperature)(h200, 0, &n), NVML_SUCCESS);
	assert_int_equal(n, 41);
	assert_int_equal(NV(nvmlDeviceGetMarginTemperature)(h200, &margin), NVML_SUCCESS);
	assert_int_equal(margin.marginTemperature, 46);
	assert_int_equal(NV(nvmlDeviceGetEccMode)(h200, &n, &other), NVML_SUCCESS);
	assert_true(n == 1 && other == 1);
	assert_int_equal(NV(nvmlDeviceGetTotalEccErrors)(h200, 1, 0, &wide), NVML_SUCCESS);
	assert_int_equal(wide, 0);
	assert_int_equal(NV(nvmlDeviceGetSramEccErrorStatus)(h200, &sram), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceGetRemappedRows)(h200, rows, rows + 1, rows + 2, rows + 3),
		NVML_SUCCESS);
	assert_true(rows[0] == 0 && rows[1] == 0 && rows[2] == 0 && rows[3] == 0);
	assert_int_equal(NV(nvmlDeviceGetRowRemapperHistogram)(h200, &histogram), NVML_SUCCESS);
	assert_int_equal(histogram.max, 3072);
	assert_int_equal(NV(nvmlDeviceGetPciInfoExt)(h200, &pci), NVML_SUCCESS);
	assert_int_equal(pci.pciDeviceId, 0x233510DE);
	assert_int_equal(pci.pciSubSystemId, 0x18BF10DE);
	assert_true(pci.baseClass == 3 && pci.subClass == 2);
	assert_int_equal(NV(nvmlDeviceGetCurrentClocksThrottleReasons)(h200, &wide), NVML_SUCCESS);
	assert_int_equal(wide, 1);
	assert_int_equal(
		NV(nvmlDeviceGetPowerManagementLimitConstraints)(h200, &n, &other), NVML_SUCCESS);
	assert_true(n == 200000 && other == 700000);
	assert_int_equal(NV(nvmlDeviceGetEncoderUtilization)(h200, &n, &other), NVML_SUCCESS);
}

static void fields_answer_each_for_itself(void **state)
{
	static const struct {
		uint32_t id, scope;
		nvmlReturn_t want;
		int value;
	} rows[] = { { 185, 0, 0, 128300 }, { 186, 0, 0, 128300 }, { 187, 0, 0, 200000 },
		{ 188, 0, 0, 700000 }, { 189, 0, 0, 700000 }, { 190, 0, 0, 700000 },
		{ 192, 0, 0, 700000 }, { 185, 2, 0, 25330 },
		{ 186, 2, NVML_ERROR_NOT_SUPPORTED, 0 }, { 185, 1, NVML_ERROR_NOT_SUPPORTED, 0 },
		{ 193, 0, 0, -8 }, { 194, 0, 0, -2 }, { 195, 0, 0, 0 }, { 196, 0, 0, 0 },
		{ 82, 0, 0, 42 }, { 95, 0, 0, 0 }, { 184, 0, 0, 1 }, { 199, 0, 0, 1 },
		{ 226, 0, NVML_ERROR_NOT_SUPPORTED, 0 },
		{ 9999, 0, NVML_ERROR_INVALID_ARGUMENT, 0 } };
	nvmlFieldValue_t values[TR_COUNT(rows)] = { 0 };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		values[i].fieldId = rows[i].id;
		values[i].scopeId = rows[i].scope;
	}
	assert_int_equal(
		NV(nvmlDeviceGetFieldValues)(h200, (int)TR_COUNT(rows), values), NVML_SUCCESS);
	for (size_t i = 0; i < TR_COUNT(rows); i++)
		if (values[i].nvmlReturn != rows[i].want ||
			(rows[i].want == NVML_SUCCESS && values[i].value.siVal != rows[i].value))
			fail_msg("field %u: %d, %d", rows[i].id, (int)values[i].nvmlReturn,
				values[i].value.siVal);
	assert_int_equal(
		NV(nvmlDeviceGetFieldValues)(h200, -1, values), NVML_ERROR_INVALID_ARGUMENT);
	values[0].fieldId = 184;
	assert_int_equal(NV(nvmlDeviceGetFieldValues)(a100, 1, values), NVML_SUCCESS);
	assert_int_equal(values[0].value.uiVal, 0);
}

/* Cards of every kind answer; what is unknown is NOT_SUPPORTED, never 0. */
static void what_is_unknown_is_not_supported(void **state)
{
	char text[96];
	unsigned n;

	(void)state;
	assert_int_equal(NV(nvmlDeviceGetPowerUsage)(rtx, &n), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(NV(nvmlDeviceGetEccMode)(rtx, &n, &n), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(
		NV(nvmlDeviceGetBoardPartNumber)(a100, text, 80), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(NV(nvmlDeviceGetClockInfo)(a100, 4, &n), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(NV(nvmlDeviceGetTemperatureThreshold)(a100, 0, &n), NVML_SUCCESS);
	assert_int_equal(n, 92);
	assert_int_equal(NV(nvmlDeviceSetComputeMode)(a100, 3), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceGetComputeMode)(a100, &n), NVML_SUCCESS);
	assert_int_equal(n, 3);
	assert_int_equal(NV(nvmlDeviceSetComputeMode)(a100, 4), NVML_ERROR_INVALID_ARGUMENT);
}

static nvmlDevice_t make_slice(nvmlDevice_t card, unsigned profile, unsigned ci_profile)
{
	nvmlDevice_t mig = NULL;
	nvmlComputeInstance_t ci;
	nvmlGpuInstance_t gi;

	nv_mig(card, 1);
	assert_int_equal(NV(nvmlDeviceCreateGpuInstance)(card, profile, &gi), NVML_SUCCESS);
	assert_int_equal(
		NV(nvmlGpuInstanceCreateComputeInstance)(gi, ci_profile, &ci), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceGetMigDeviceHandleByIndex)(card, 0, &mig), NVML_SUCCESS);
	return mig;
}

static void mig_mode_takes_answers_away(void **state)
{
	nvmlDevice_t mig = make_slice(h200, 19, 0);
	nvmlUtilization_t rates;
	nvmlBAR1Memory_t bar1;
	unsigned long long wide;
	unsigned n, other;

	(void)state;
	for (int i = 0; i < 2; i++) {
		nvmlDevice_t device = i ? mig : h200;

		assert_int_equal(NV(nvmlDeviceGetUtilizationRates)(device, &rates),
			NVML_ERROR_NOT_SUPPORTED);
		assert_int_equal(NV(nvmlDeviceGetDecoderUtilization)(device, &n, &other),
			NVML_ERROR_NOT_SUPPORTED);
		assert_int_equal(
			NV(nvmlDeviceGetNumGpuCores)(device, &n), NVML_ERROR_NOT_SUPPORTED);
		assert_int_equal(NV(nvmlDeviceGetRemappedRows)(device, &n, &n, &n, &n),
			NVML_ERROR_NOT_SUPPORTED);
	}
	assert_int_equal(NV(nvmlDeviceRegisterEvents)(mig, 0x8, NULL), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(NV(nvmlDeviceGetMemoryErrorCounter)(mig, 1, 0, 7, &wide), NVML_SUCCESS);
	assert_int_equal(
		NV(nvmlDeviceGetMemoryErrorCounter)(mig, 1, 0, 2, &wide), NVML_ERROR_NOT_SUPPORTED);
	/* R580: an eighth of a pool that is smaller than the card's. */
	assert_int_equal(NV(nvmlDeviceGetBAR1MemoryInfo)(mig, &bar1), NVML_SUCCESS);
	assert_int_equal(bar1.bar1Total >> 20, 14809);
	mig = make_slice(a100, 9, 2);
	assert_int_equal(NV(nvmlDeviceGetBAR1MemoryInfo)(mig, &bar1), NVML_SUCCESS);
	assert_int_equal(bar1.bar1Total >> 20, 65535);
}

static void load_follows_the_servers(void **state)
{
	char cgroup[64], cgroup_dir[128], cpu_dir[128], uuid[80];
	unsigned before, busy, celsius;
	nvmlUtilization_t rates;
	pid_t pid;

	(void)state;
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	snprintf(cpu_dir, sizeof(cpu_dir), "/sys/fs/cgroup/cpuacct%s", cgroup);
	mkdir(cpu_dir, 0755);
	assert_int_equal(NV(nvmlDeviceGetPowerUsage)(h200, &before), NVML_SUCCESS);
	assert_int_equal(NV(nvmlDeviceGetUUID)(h200, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	pid = room_worker_start(cgroup_dir);
	/* However little of a processor it gets: it is asked until something was used. */
	do {
		usleep(200000);
		assert_int_equal(NV(nvmlDeviceGetUtilizationRates)(h200, &rates), NVML_SUCCESS);
	} while (rates.gpu == 0);
	assert_in_range(rates.gpu, 1, 100);
	assert_int_equal(NV(nvmlDeviceGetPowerUsage)(h200, &busy), NVML_SUCCESS);
	assert_true(busy > before && busy < 700000);
	assert_int_equal(NV(nvmlDeviceGetTemperature)(h200, 0, &celsius), NVML_SUCCESS);
	assert_in_range(celsius, 41, 61);
	room_worker_end(pid, cgroup_dir, cpu_dir);
	assert_int_equal(tr_sim_unbind("test", cgroup, &err), 0);
	assert_int_equal(NV(nvmlDeviceGetUtilizationRates)(h200, &rates), NVML_SUCCESS);
	assert_int_equal(rates.gpu, 0);
}

static void gpm_measures_a_slice(void **state)
{
	char cgroup[64], cgroup_dir[128], cpu_dir[128], uuid[80];
	_Alignas(8) char room[sizeof(nvmlGpmMetricsGet_t) + 4 * sizeof(nvmlGpmMetric_t)] = { 0 };
	nvmlGpmMetricsGet_t *get = (nvmlGpmMetricsGet_t *)(void *)room;
	nvmlGpmSupport_t support = { .version = 1 };
	nvmlGpmSample_t sample;
	nvmlDevice_t mig;
	pid_t pid;

	(void)state;
	assert_int_equal(NV(nvmlGpmQueryDeviceSupport)(a100, &support), NVML_SUCCESS);
	assert_int_equal(support.isSupportedDevice, 0);
	assert_int_equal(NV(nvmlGpmQueryDeviceSupport)(h200, &support), NVML_SUCCESS);
	assert_int_equal(support.isSupportedDevice, 1);
	assert_int_equal(NV(nvmlGpmSampleAlloc)(&get->sample1), NVML_SUCCESS);
	assert_int_equal(NV(nvmlGpmSampleAlloc)(&get->sample2), NVML_SUCCESS);
	assert_int_equal(NV(nvmlGpmMigSampleGet)(h200, 1, get->sample1),
		NVML_ERROR_INVALID_ARGUMENT); /* as captured: MIG is off */
	assert_int_equal(NV(nvmlGpmSampleGet)(a100, get->sample1), NVML_ERROR_NOT_SUPPORTED);
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	snprintf(cpu_dir, sizeof(cpu_dir), "/sys/fs/cgroup/cpuacct%s", cgroup);
	mkdir(cpu_dir, 0755);
	mig = make_slice(h200, 19, 0); /* GPU instance 13 */
	assert_int_equal(NV(nvmlDeviceGetUUID)(mig, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	pid = room_worker_start(cgroup_dir);
	assert_int_equal(NV(nvmlGpmMigSampleGet)(h200, 13, get->sample1), NVML_SUCCESS);
	get->version = 1;
	get->numMetrics = 4;
	get->metrics[0].metricId = 1;
	get->metrics[1].metricId = 2;
	get->metrics[2].metricId = 30;
	get->metrics[3].metricId = 5;
	do {
		usleep(100000);
		assert_int_equal(NV(nvmlGpmMigSampleGet)(h200, 13, get->sample2), NVML_SUCCESS);
		assert_int_equal(NV(nvmlGpmMetricsGet)(get), NVML_SUCCESS);
	} while (get->metrics[0].value == 0);
	/* One processor is more than a slice's share, unless the machine has many. */
	assert_true(get->metrics[0].value > 0 && get->metrics[0].value <= 100);
	assert_true(get->metrics[1].value == get->metrics[0].value);
	assert_int_equal(get->metrics[2].nvmlReturn, NVML_SUCCESS);
	assert_true(get->metrics[2].value == 0);
	assert_int_equal(get->metrics[3].nvmlReturn, NVML_ERROR_NOT_SUPPORTED);
	room_worker_end(pid, cgroup_dir, cpu_dir);
	assert_int_equal(tr_sim_unbind("test", cgroup, &err), 0);
	sample = get->sample1;
	assert_int_equal(NV(nvmlGpmSampleFree)(sample), NVML_SUCCESS);
	assert_int_equal(NV(nvmlGpmSampleFree)(sample), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(NV(nvmlGpmMetricsGet)(get), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(NV(nvmlGpmSampleFree)(get->sample2), NVML_SUCCESS);
}

typedef int any_call(
	uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

enum { ROOM = 1 << 20, ROUNDS = 24 };

/* A pointer into `room` whose lower half is a small number, for the library may take it for either;
 * memory that is not there at all crashes the real one too. */
static uintptr_t random_argument(unsigned *seed, uintptr_t room)
{
	const uintptr_t kinds[] = { 0, room, room + (uintptr_t)(rand_r(seed) % 4) * 8,
		room + (uintptr_t)(rand_r(seed) % 1024) * 8 };

	return kinds[(size_t)rand_r(seed) % TR_COUNT(kinds)];
}

static uintptr_t random_handle(unsigned *seed, uintptr_t room)
{
	const uintptr_t kinds[] = { (uintptr_t)h200, (uintptr_t)a100, (uintptr_t)rtx,
		0x7452000003000d00 + 0xff, 0x7452000004000d00, 0x7452000002000d00,
		0x7453000000000000, 0x7454000000000000, (uintptr_t)rand_r(seed), room };

	return kinds[(size_t)rand_r(seed) % TR_COUNT(kinds)];
}

static bool takes_handle(const char *name)
{
	static const char *const first[] = { "nvmlDevice", "nvmlGpuInstance", "nvmlComputeInstance",
		"nvmlEventSetFree", "nvmlEventSetWait", "nvmlGpmQuery", "nvmlGpmSampleFree",
		"nvmlGpmSampleGet", "nvmlGpmMigSampleGet" };
	static const char *const not_first[] = { "GetHandleBy", "nvmlDeviceGetCount",
		"nvmlDeviceDiscover", "nvmlDeviceModify", "nvmlDeviceQuery", "nvmlDeviceRemove" };

	for (size_t i = 0; i < TR_COUNT(not_first); i++)
		if (strstr(name, not_first[i]))
			return false;
	for (size_t i = 0; i < TR_COUNT(first); i++)
		if (strncmp(name, first[i], strlen(first[i])) == 0)
			return true;
	return false;
}

/* Calls whose second argument is a number: profiles, kinds of clocks, and so on. */
static bool takes_number(const char *name)
{
	static const char *const parts[] = { "InstanceProfileInfo", "PossiblePlacements",
		"RemainingCapacity", "Create", "Instances", "Clock", "InforomVersion",
		"Temperature", "EccErrors", "ErrorCounter", "Set", "ById", "Throughput" };

	for (size_t i = 0; i < TR_COUNT(parts); i++)
		if (strstr(name, parts[i]) && !strstr(name, "EventSet") &&
			!strstr(name, "TemperatureV") && !strstr(name, "Supported") &&
			!strstr(name, "Reasons") && !strstr(name, "Adaptive") &&
			!strstr(name, "MarginTemperature") && !strstr(name, "SetCreate"))
			return true;
	return false;
}

static void fill(unsigned char *room, unsigned *seed)
{
	int how = rand_r(seed) % 3;

	for (size_t i = 0; i < 1 << 14; i++)
		room[i] = how == 0 ? 0 : how == 1 ? 0xff : (unsigned char)rand_r(seed);
}

/* In a child: the signal that ends it is the result. */
/* Where no sanitizer keeps anything, or where valgrind lets us. */
static void *map_room(void)
{
	static const uintptr_t places[] = { 0x500000000000, 0x3000000000 };
	void *room = MAP_FAILED;

	for (size_t i = 0; room == MAP_FAILED && i < TR_COUNT(places); i++)
		room = mmap((void *)places[i], ROOM + 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	return room;
}

static void call_at_random(const char *name, unsigned seed)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	unsigned char *room = map_room();
	any_call *call;

	/* cmocka would catch them, and go on with the next test in this child. */
	for (size_t i = 0; i < TR_COUNT(signals); i++)
		signal(signals[i], SIG_DFL);
	if ((void *)room == MAP_FAILED || mprotect(room + ROOM, 4096, PROT_NONE) < 0)
		_exit(9);
	if (NV(nvmlInit_v2)() != NVML_SUCCESS)
		_exit(8);
	alarm(60);
	*(void **)&call = nv_find(name);
	for (int i = 0; i < ROUNDS; i++) {
		uintptr_t arg[8];

		fill(room, &seed);
		for (size_t a = 0; a < TR_COUNT(arg); a++)
			arg[a] = i == 0 ? 0 : random_argument(&seed, (uintptr_t)room);
		if (i > 1 && takes_handle(name))
			arg[0] = random_handle(&seed, (uintptr_t)room);
		if (i > 1 && takes_number(name))
			arg[1] = (uintptr_t)rand_r(&seed) % 24;
		/* Whoever waits does so for as long as he is told to. */
		if (strncmp(name, "nvmlEventSetWait", 16) == 0)
			arg[2] = 1;
		call(arg[0], arg[1], arg[2], arg[3], arg[4], arg[5], arg[6], arg[7]);
	}
	_exit(0);
}

static void no_argument_crashes_anything(void **state)
{
	const char *given = getenv("TR_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	/* Not line by line: a child that ends may move the position of a file that it shares. */
	TR_AUTO_FREE char *names = NULL;
	char *rest = NULL;

	(void)state;
	assert_int_equal(tr_read_file(SIM_SYMBOLS, 1 << 20, &names, NULL, &err), 0);
	print_message("# TR_SEED=%u\n", seed);
	for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		int status;
		pid_t pid;

		if (name[0] == '#')
			continue;
		pid = fork();
		if (pid == 0)
			call_at_random(name, seed);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("%s: status %#x", name, (unsigned)status);
	}
}

int main(void)
{
#define WITH_NVML(test) cmocka_unit_test_setup_teardown(test, init, shut_down)
	const struct CMUnitTest tests[] = {
		WITH_NVML(h200_says_what_was_captured),
		WITH_NVML(fields_answer_each_for_itself),
		WITH_NVML(what_is_unknown_is_not_supported),
		WITH_NVML(mig_mode_takes_answers_away),
		WITH_NVML(load_follows_the_servers),
		WITH_NVML(gpm_measures_a_slice),
		WITH_NVML(no_argument_crashes_anything),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
