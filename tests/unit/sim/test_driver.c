/* SPDX-License-Identifier: Apache-2.0 */
/* The built library, loaded as any client loads it, from a node's own folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/nvml.h"
#include "room.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define CALLS                                                    \
	CALL(nvmlInit_v2)                                        \
	CALL(nvmlInitWithFlags)                                  \
	CALL(nvmlShutdown)                                       \
	CALL(nvmlErrorString)                                    \
	CALL(nvmlDeviceGetCount_v2)                              \
	CALL(nvmlDeviceGetHandleByIndex_v2)                      \
	CALL(nvmlDeviceGetHandleByUUID)                          \
	CALL(nvmlDeviceGetHandleByPciBusId_v2)                   \
	CALL(nvmlDeviceGetName)                                  \
	CALL(nvmlDeviceGetUUID)                                  \
	CALL(nvmlDeviceGetIndex)                                 \
	CALL(nvmlDeviceGetPciInfo)                               \
	CALL(nvmlDeviceGetPciInfo_v2)                            \
	CALL(nvmlDeviceGetPciInfo_v3)                            \
	CALL(nvmlDeviceGetMemoryInfo)                            \
	CALL(nvmlDeviceGetMemoryInfo_v2)                         \
	CALL(nvmlDeviceGetMigMode)                               \
	CALL(nvmlDeviceSetMigMode)                               \
	CALL(nvmlDeviceGetMaxMigDeviceCount)                     \
	CALL(nvmlDeviceGetMigDeviceHandleByIndex)                \
	CALL(nvmlDeviceGetDeviceHandleFromMigDeviceHandle)       \
	CALL(nvmlDeviceIsMigDeviceHandle)                        \
	CALL(nvmlDeviceGetGpuInstanceId)                         \
	CALL(nvmlDeviceGetAttributes_v2)                         \
	CALL(nvmlDeviceGetGpuInstanceProfileInfo)                \
	CALL(nvmlDeviceGetGpuInstanceProfileInfoV)               \
	CALL(nvmlDeviceGetGpuInstancePossiblePlacements_v2)      \
	CALL(nvmlDeviceGetGpuInstanceRemainingCapacity)          \
	CALL(nvmlDeviceCreateGpuInstance)                        \
	CALL(nvmlDeviceCreateGpuInstanceWithPlacement)           \
	CALL(nvmlGpuInstanceDestroy)                             \
	CALL(nvmlDeviceGetGpuInstances)                          \
	CALL(nvmlDeviceGetGpuInstanceById)                       \
	CALL(nvmlGpuInstanceGetInfo)                             \
	CALL(nvmlGpuInstanceGetComputeInstanceProfileInfoV)      \
	CALL(nvmlGpuInstanceCreateComputeInstance)               \
	CALL(nvmlGpuInstanceCreateComputeInstanceWithPlacement)  \
	CALL(nvmlGpuInstanceGetComputeInstanceRemainingCapacity) \
	CALL(nvmlComputeInstanceDestroy)                         \
	CALL(nvmlComputeInstanceGetInfo)                         \
	CALL(nvmlComputeInstanceGetInfo_v2)                      \
	CALL(nvmlDeviceGetComputeRunningProcesses)               \
	CALL(nvmlDeviceGetComputeRunningProcesses_v3)            \
	CALL(nvmlDeviceGetGraphicsRunningProcesses_v3)

static struct {
	void *library;
#define CALL(sym) __typeof__(sym) *sym;
	CALLS
#undef CALL
} nvml;

enum { N_GPUS = 4 };
static const char *const products[N_GPUS] = { "a100-80gb", "h200-sxm-141gb", "h100-sxm5-80gb",
	"geforce-rtx-4090" };

static struct tr_err err;
static nvmlDevice_t a100, h200, h100, rtx;

static int load(void **state)
{
	struct tr_sim_gpu_spec specs[N_GPUS];
	char path[PATH_MAX];

	if (room_open(state) < 0)
		return -1;
	for (int i = 0; i < N_GPUS; i++)
		specs[i] =
			(struct tr_sim_gpu_spec){ tr_facts_product(products[i]), TR_CHIP_NORMAL };
	if (tr_sim_create("test", specs, N_GPUS, 2, SIM_LIBRARY, &err) < 0 ||
		tr_sim_node_path("test", "lib/libnvidia-ml.so.1", path, &err) < 0)
		return -1;
	nvml.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!nvml.library)
		return -1;
#define CALL(sym) *(void **)&nvml.sym = dlsym(nvml.library, #sym);
	CALLS
#undef CALL
	return 0;
}

static int unload(void **state)
{
	dlclose(nvml.library);
	return room_close(state);
}

static int init(void **state)
{
	(void)state;
	if (nvml.nvmlInit_v2() != NVML_SUCCESS)
		return -1;
	return nvml.nvmlDeviceGetHandleByIndex_v2(0, &a100) ||
	       nvml.nvmlDeviceGetHandleByIndex_v2(1, &h200) ||
	       nvml.nvmlDeviceGetHandleByIndex_v2(2, &h100) ||
	       nvml.nvmlDeviceGetHandleByIndex_v2(3, &rtx);
}

/* Cuts away all slices and turns MIG off: each test starts with plain cards. */
static int shut_down(void **state)
{
	nvmlReturn_t activation;

	(void)state;
	for (unsigned g = 0; g < 3; g++) {
		nvmlDevice_t device;

		nvml.nvmlDeviceGetHandleByIndex_v2(g, &device);
		if (tr_sim_reset("test", g, &err) < 0)
			return -1;
		nvml.nvmlDeviceSetMigMode(device, 0, &activation);
	}
	return (int)nvml.nvmlShutdown();
}

static void enable(nvmlDevice_t device)
{
	nvmlReturn_t activation = NVML_ERROR_UNKNOWN;

	assert_int_equal(nvml.nvmlDeviceSetMigMode(device, 1, &activation), NVML_SUCCESS);
	assert_int_equal(activation, NVML_SUCCESS);
}

static void every_name_is_exported(void **state)
{
	FILE *file = fopen(SIM_SYMBOLS, "re");
	char line[256];
	int n = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		n++;
		if (!dlsym(nvml.library, line))
			fail_msg("'%s' is not exported", line);
	}
	fclose(file);
	assert_true(n > 400);
	assert_null(dlsym(nvml.library, "tr_drv_enter"));
	assert_null(dlsym(nvml.library, "tr_sim_change"));
}

static void init_is_counted(void **state)
{
	unsigned n;

	(void)state;
	assert_int_equal(nvml.nvmlDeviceGetCount_v2(&n), NVML_ERROR_UNINITIALIZED);
	assert_int_equal(nvml.nvmlShutdown(), NVML_ERROR_UNINITIALIZED);
	assert_int_equal(nvml.nvmlInit_v2(), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlInitWithFlags(0), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlShutdown(), NVML_SUCCESS);
	errno = 4711;
	assert_int_equal(nvml.nvmlDeviceGetCount_v2(&n), NVML_SUCCESS);
	assert_int_equal(errno, 4711);
	assert_int_equal(n, N_GPUS);
	assert_int_equal(nvml.nvmlShutdown(), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlDeviceGetCount_v2(&n), NVML_ERROR_UNINITIALIZED);
	assert_string_equal(nvml.nvmlErrorString(NVML_ERROR_IN_USE), "In use by another client");
	assert_string_equal(nvml.nvmlErrorString((nvmlReturn_t)-1), "Unknown Error");
}

/* golden/h200/nvml.txt: a card with MIG off. */
static void plain_card_answers_as_captured(void **state)
{
	static const struct {
		uint32_t id, sm, ce, dec, jpeg, ofa;
		uint64_t mib;
		const char *name;
	} rows[] = { [0] = { 19, 16, 1, 1, 1, 0, 16384, "MIG 1g.18gb" },
		[1] = { 14, 32, 2, 2, 2, 0, 33280, "MIG 2g.35gb" },
		[2] = { 9, 60, 3, 3, 3, 0, 71424, "MIG 3g.71gb" },
		[3] = { 5, 64, 4, 4, 4, 0, 71424, "MIG 4g.71gb" },
		[4] = { 0, 132, 8, 7, 7, 1, 143360, "MIG 7g.141gb" },
		[7] = { 20, 16, 1, 1, 1, 1, 16384, "MIG 1g.18gb+me" },
		[9] = { 15, 26, 1, 1, 1, 0, 33280, "MIG 1g.35gb" } };
	nvmlGpuInstanceProfileInfo_v2_t info;
	nvmlDeviceAttributes_t attributes;
	nvmlGpuInstance_t instances[7];
	unsigned n = 9, pending;
	nvmlMemory_t memory;
	nvmlDevice_t device;

	(void)state;
	for (unsigned p = 0; p < 24; p++) {
		nvmlReturn_t want = p >= 17 ? NVML_ERROR_INVALID_ARGUMENT
				    : p < TR_COUNT(rows) && rows[p].name ? NVML_SUCCESS
									 : NVML_ERROR_NOT_SUPPORTED;

		info.version = 0x02000098;
		assert_int_equal(nvml.nvmlDeviceGetGpuInstanceProfileInfoV(h200, p, &info), want);
		if (want != NVML_SUCCESS)
			continue;
		assert_int_equal(info.id, rows[p].id);
		assert_int_equal(info.multiprocessorCount, rows[p].sm);
		assert_int_equal(info.copyEngineCount, rows[p].ce);
		assert_int_equal(info.decoderCount, rows[p].dec);
		assert_int_equal(info.jpegCount, rows[p].jpeg);
		assert_int_equal(info.ofaCount, rows[p].ofa);
		assert_int_equal(info.memorySizeMB, rows[p].mib);
		assert_string_equal(info.name, rows[p].name);
	}
	assert_int_equal(
		nvml.nvmlDeviceGetGpuInstanceRemainingCapacity(h200, 19, &n), NVML_SUCCESS);
	assert_int_equal(n, 7);
	assert_int_equal(nvml.nvmlDeviceGetGpuInstances(h200, 19, instances, &n), NVML_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(nvml.nvmlDeviceIsMigDeviceHandle(h200, &n), NVML_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(nvml.nvmlDeviceGetMaxMigDeviceCount(h200, &n), NVML_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(
		nvml.nvmlDeviceGetMigDeviceHandleByIndex(h200, 0, &device), NVML_ERROR_NOT_FOUND);
	assert_int_equal(nvml.nvmlDeviceGetGpuInstanceId(h200, &n), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(
		nvml.nvmlDeviceGetAttributes_v2(h200, &attributes), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(h200, &memory), NVML_SUCCESS);
	assert_int_equal(memory.total, 150754820096);
	assert_int_equal(
		nvml.nvmlDeviceGetHandleByUUID("MIG-00000000-0000-0000-0000-000000000000", &device),
		NVML_ERROR_NOT_FOUND);
	assert_int_equal(nvml.nvmlDeviceGetHandleByUUID("garbage", &device), NVML_ERROR_NOT_FOUND);
	assert_int_equal(
		nvml.nvmlDeviceGetHandleByIndex_v2(7, &device), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(nvml.nvmlDeviceGetMigMode(rtx, &n, &pending), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(
		nvml.nvmlDeviceCreateGpuInstance(h200, 19, instances), NVML_ERROR_NOT_SUPPORTED);
}

static void make_slice(
	nvmlDevice_t device, unsigned start, nvmlGpuInstance_t *gi, nvmlComputeInstance_t *ci)
{
	nvmlGpuInstancePlacement_t placement = { start, 2 };

	assert_int_equal(nvml.nvmlDeviceCreateGpuInstanceWithPlacement(device, 14, &placement, gi),
		NVML_SUCCESS);
	assert_int_equal(nvml.nvmlGpuInstanceCreateComputeInstance(*gi, 1, ci), NVML_SUCCESS);
}

static void slice_lives_and_dies(void **state)
{
	char uuid[80], again[80], name[96];
	nvmlComputeInstanceInfo_t ci_info;
	nvmlDeviceAttributes_t attributes;
	nvmlGpuInstanceInfo_t gi_info;
	nvmlDevice_t mig, other;
	nvmlComputeInstance_t ci;
	nvmlReturn_t activation;
	nvmlGpuInstance_t gi;
	nvmlMemory_t memory;
	unsigned n;

	(void)state;
	enable(a100);
	assert_int_equal(nvml.nvmlDeviceGetMaxMigDeviceCount(a100, &n), NVML_SUCCESS);
	assert_int_equal(n, 7);
	make_slice(a100, 2, &gi, &ci);
	assert_int_equal(nvml.nvmlGpuInstanceGetInfo(gi, &gi_info), NVML_SUCCESS);
	assert_int_equal(gi_info.id, 4);
	assert_int_equal(gi_info.profileId, 14);
	assert_int_equal(gi_info.placement.start, 2);
	assert_int_equal(nvml.nvmlComputeInstanceGetInfo_v2(ci, &ci_info), NVML_SUCCESS);
	assert_int_equal(ci_info.id, 0);
	assert_int_equal(ci_info.placement.size, 2);
	assert_ptr_equal(ci_info.gpuInstance, gi);
	assert_int_equal(nvml.nvmlDeviceGetMigDeviceHandleByIndex(a100, 0, &mig), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlDeviceGetName(mig, name, sizeof(name)), NVML_SUCCESS);
	assert_string_equal(name, "NVIDIA A100-SXM4-80GB MIG 2g.20gb");
	assert_int_equal(nvml.nvmlDeviceGetName(mig, name, 8), NVML_ERROR_INSUFFICIENT_SIZE);
	assert_int_equal(nvml.nvmlDeviceGetUUID(mig, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlDeviceGetHandleByUUID(uuid, &other), NVML_SUCCESS);
	assert_ptr_equal(other, mig);
	assert_int_equal(
		nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig, &other), NVML_SUCCESS);
	assert_ptr_equal(other, a100);
	assert_int_equal(nvml.nvmlDeviceGetAttributes_v2(mig, &attributes), NVML_SUCCESS);
	assert_int_equal(attributes.multiprocessorCount, 28);
	assert_int_equal(attributes.memorySizeMB, 19968);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(mig, &memory), NVML_SUCCESS);
	assert_int_equal(memory.total, 19968ULL << 20);
	assert_int_equal(memory.used, 0);
	assert_int_equal(nvml.nvmlDeviceSetMigMode(a100, 0, &activation), NVML_SUCCESS);
	assert_int_equal(activation, NVML_ERROR_IN_USE);
	assert_int_equal(nvml.nvmlGpuInstanceDestroy(gi), NVML_ERROR_IN_USE);
	assert_int_equal(nvml.nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlComputeInstanceDestroy(ci), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(nvml.nvmlDeviceGetName(mig, name, 96), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(nvml.nvmlGpuInstanceDestroy(gi), NVML_SUCCESS);
	make_slice(a100, 2, &gi, &ci);
	assert_int_equal(nvml.nvmlDeviceGetMigDeviceHandleByIndex(a100, 0, &mig), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlDeviceGetUUID(mig, again, sizeof(again)), NVML_SUCCESS);
	assert_string_equal(uuid, again);
}

static void refusals_are_the_drivers_own(void **state)
{
	nvmlGpuInstancePlacement_t bad = { 1, 2 }, taken = { 4, 2 };
	nvmlComputeInstancePlacement_t ci_place = { 1, 4 };
	nvmlComputeInstance_t ci;
	nvmlGpuInstance_t gi, gi3;

	(void)state;
	enable(h100);
	make_slice(h100, 4, &gi, &ci);
	assert_int_equal(nvml.nvmlDeviceCreateGpuInstanceWithPlacement(h100, 14, &bad, &gi3),
		NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(nvml.nvmlDeviceCreateGpuInstanceWithPlacement(h100, 14, &taken, &gi3),
		NVML_ERROR_INSUFFICIENT_RESOURCES);
	assert_int_equal(
		nvml.nvmlDeviceCreateGpuInstance(h100, 77, &gi3), NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(
		nvml.nvmlDeviceCreateGpuInstance(h100, 0, &gi3), NVML_ERROR_INSUFFICIENT_RESOURCES);
	assert_int_equal(nvml.nvmlDeviceGetGpuInstanceById(h100, 9, &gi3), NVML_ERROR_NOT_FOUND);
	assert_int_equal(nvml.nvmlDeviceCreateGpuInstance(h100, 9, &gi3), NVML_SUCCESS);
	assert_int_equal(
		nvml.nvmlGpuInstanceCreateComputeInstanceWithPlacement(gi3, 2, &ci_place, &ci),
		NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(
		nvml.nvmlGpuInstanceCreateComputeInstance(gi3, 3, &ci), NVML_ERROR_NOT_SUPPORTED);
	assert_int_equal(nvml.nvmlGpuInstanceCreateComputeInstance(gi3, 9, &ci),
		NVML_ERROR_INVALID_ARGUMENT);
	assert_int_equal(nvml.nvmlGpuInstanceCreateComputeInstance(gi3, 0, &ci), NVML_SUCCESS);
	ci_place = (nvmlComputeInstancePlacement_t){ 2, 1 };
	assert_int_equal(
		nvml.nvmlGpuInstanceCreateComputeInstanceWithPlacement(gi3, 0, &ci_place, &ci),
		NVML_ERROR_IN_USE);
}

static void versions_are_checked(void **state)
{
	union {
		nvmlGpuInstanceProfileInfo_v2_t v2;
		nvmlGpuInstanceProfileInfo_v3_t v3;
		char bytes[256];
	} info;
	nvmlMemory_v2_t memory = { .version = 0x02000028 };
	char pci[128];

	(void)state;
	memset(info.bytes, 0x5a, sizeof(info.bytes));
	info.v3.version = 0x03000098;
	assert_int_equal(
		nvml.nvmlDeviceGetGpuInstanceProfileInfoV(a100, 0, &info.v2), NVML_SUCCESS);
	assert_int_equal(info.v3.memorySizeMB, 9728);
	assert_string_equal(info.v3.name, ""); /* as a real one leaves it */
	assert_int_equal(info.bytes[152], 0x5a);
	info.v2.version = 0x04000098;
	assert_int_not_equal(
		nvml.nvmlDeviceGetGpuInstanceProfileInfoV(a100, 0, &info.v2), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo_v2(a100, &memory), NVML_SUCCESS);
	assert_int_equal(memory.total, memory.free + memory.used + memory.reserved);
	memory.version = 0x03000028;
	assert_int_not_equal(nvml.nvmlDeviceGetMemoryInfo_v2(a100, &memory), NVML_SUCCESS);
	memset(pci, 0x5a, sizeof(pci));
	assert_int_equal(nvml.nvmlDeviceGetPciInfo(a100, (nvmlPciInfo_t *)(void *)pci), 0);
	assert_int_equal(pci[32], 0x5a);
	assert_int_equal(nvml.nvmlDeviceGetPciInfo_v2(a100, (nvmlPciInfo_t *)(void *)pci), 0);
	assert_int_equal(pci[36], 0x5a);
	assert_int_equal(nvml.nvmlDeviceGetPciInfo_v3(a100, (nvmlPciInfo_t *)(void *)pci), 0);
	assert_string_equal(pci + 36, "00000000:10:00.0");
	assert_int_equal(pci[68], 0x5a);
}

typedef int any_call(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

static bool takes_handle_first(const char *name)
{
	static const char *const others[] = { "nvmlDeviceGetHandleBy", "nvmlDeviceGetCount",
		"nvmlDeviceDiscover" };

	for (size_t i = 0; i < TR_COUNT(others); i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return false;
	return strncmp(name, "nvmlDevice", 10) == 0 || strncmp(name, "nvmlGpuInstance", 15) == 0 ||
	       strncmp(name, "nvmlComputeInstance", 19) == 0;
}

/* NULL everywhere, then handles that point nowhere, with real memory behind all other arguments. */
static void garbage_is_refused(void **state)
{
	static const uintptr_t handles[] = { 1, 0xdeadbeef, UINTPTR_MAX, 0x7452000001000000,
		0x745200000100ffff + 0xff0000, 0x7452000002000000, 0x7452000003ffffff,
		0x7452000004000000, 0x74520000ff000000 };
	static _Alignas(16) char room[1 << 16];
	FILE *file = fopen(SIM_SYMBOLS, "re");
	uintptr_t at = (uintptr_t)room;
	char line[256];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		any_call *call;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || strncmp(line, "nvmlInit", 8) == 0 ||
			strcmp(line, "nvmlShutdown") == 0)
			continue;
		*(void **)&call = dlsym(nvml.library, line);
		call(0, 0, 0, 0, 0, 0);
		for (size_t i = 0; takes_handle_first(line) && i < TR_COUNT(handles); i++) {
			memset(room, 0, sizeof(room));
			if (call(handles[i], at, at, at, at, at) == NVML_SUCCESS)
				fail_msg("%s took %#lx", line, (unsigned long)handles[i]);
			call(handles[i], 0, 0, 0, 0, 0);
			call((uintptr_t)a100, 0, 0, 0, 0, 0);
		}
	}
	fclose(file);
}

static void unmodelled_is_not_supported(void **state)
{
	unsigned speed;
	any_call *call;

	(void)state;
	*(void **)&call = dlsym(nvml.library, "nvmlDeviceGetFanSpeed");
	assert_int_equal(
		call((uintptr_t)a100, (uintptr_t)&speed, 0, 0, 0, 0), NVML_ERROR_NOT_SUPPORTED);
}

/* A child in the cgroup that holds some memory of its own. */
static pid_t start_holder(const char *cgroup_dir)
{
	enum { HELD = 32 << 20 };
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		char *held;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!room_cgroup_join(cgroup_dir, getpid()))
			_exit(1);
		held = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(held, 1, HELD);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void memory_is_the_cgroups(void **state)
{
	char cgroup[64], cgroup_dir[128], uuid[80];
	nvmlProcessInfo_t infos[4];
	nvmlProcessInfo_v1_t old[4];
	nvmlMemory_t memory, card;
	nvmlComputeInstance_t ci;
	nvmlReturn_t activation;
	nvmlGpuInstance_t gi;
	nvmlDevice_t mig;
	uint64_t bytes;
	unsigned n;
	pid_t pid;

	(void)state;
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	enable(a100);
	make_slice(a100, 0, &gi, &ci);
	assert_int_equal(nvml.nvmlDeviceGetMigDeviceHandleByIndex(a100, 0, &mig), NVML_SUCCESS);
	assert_int_equal(nvml.nvmlDeviceGetUUID(mig, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	pid = start_holder(cgroup_dir);
	usleep(50000); /* the kernel batches its counters */
	assert_true(tr_sim_cgroup_memory(cgroup, &bytes));
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(mig, &memory), NVML_SUCCESS);
	assert_in_range(bytes, 32 << 20, 1 << 30); /* sanitizers add their own */
	assert_in_range(memory.used, 2 * bytes - (1 << 20), 2 * bytes + (1 << 20)); /* scale 2 */
	assert_int_equal(memory.free, memory.total - memory.used);
	/* The card holds what its slices hold. */
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(a100, &card), NVML_SUCCESS);
	assert_in_range(card.used, memory.used - (1 << 20), memory.used + (1 << 20));
	n = 0;
	assert_int_equal(nvml.nvmlDeviceGetComputeRunningProcesses_v3(mig, &n, NULL),
		NVML_ERROR_INSUFFICIENT_SIZE);
	assert_int_equal(n, 1);
	n = 4;
	assert_int_equal(
		nvml.nvmlDeviceGetComputeRunningProcesses_v3(a100, &n, infos), NVML_SUCCESS);
	assert_int_equal(n, 1);
	assert_int_equal(infos[0].pid, pid);
	assert_int_equal(infos[0].gpuInstanceId, 3);
	assert_int_equal(infos[0].computeInstanceId, 0);
	n = 4;
	assert_int_equal(nvml.nvmlDeviceGetComputeRunningProcesses(mig, &n, old), NVML_SUCCESS);
	assert_int_equal(old[0].pid, pid);
	assert_int_equal(
		nvml.nvmlDeviceGetGraphicsRunningProcesses_v3(mig, &n, infos), NVML_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(nvml.nvmlComputeInstanceDestroy(ci), NVML_ERROR_IN_USE);
	assert_int_equal(nvml.nvmlDeviceSetMigMode(a100, 0, &activation), NVML_SUCCESS);
	assert_int_equal(activation, NVML_ERROR_IN_USE);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(mig, &memory), NVML_SUCCESS);
	assert_true(memory.used > 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(rmdir(cgroup_dir), 0);
	usleep(50000); /* numbers may be a tick old */
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(mig, &memory), NVML_SUCCESS);
	assert_int_equal(memory.used, 0);
	assert_int_equal(nvml.nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
}

/* Takes 4 MiB more for each byte it is sent, and answers. */
static void grow_on_order(int from, int to)
{
	enum { STEP = 4 << 20 };
	char byte;

	while (read(from, &byte, 1) == 1) {
		char *more = mmap(
			NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(more, 1, STEP);
		if (write(to, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

/* A number that stands still is not read again for a while; one that moved is, in the next tick. */
static void memory_that_moves_is_seen_at_once(void **state)
{
	char cgroup[64], cgroup_dir[128], uuid[80], byte = 'x';
	nvmlMemory_t memory, before;
	int to[2], from[2];
	pid_t pid;

	(void)state;
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	assert_int_equal(nvml.nvmlDeviceGetUUID(h100, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	assert_true(pipe(to) == 0 && pipe(from) == 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		if (!room_cgroup_join(cgroup_dir, getpid()))
			_exit(1);
		grow_on_order(to[0], from[1]);
	}
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(h100, &before), NVML_SUCCESS);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(write(to[1], &byte, 1), 1);
		assert_int_equal(read(from[0], &byte, 1), 1);
		usleep(20000); /* two ticks */
		assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(h100, &memory), NVML_SUCCESS);
		assert_true(memory.used >= before.used + 2 * (3 << 20)); /* scale 2 */
		before = memory;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	assert_int_equal(tr_sim_unbind("test", cgroup, &err), 0);
	assert_int_equal(rmdir(cgroup_dir), 0);
}

static void *ask_for_ever(void *arg)
{
	const _Atomic int *stop = arg;
	nvmlMemory_t memory;

	while (!*stop)
		nvml.nvmlDeviceGetMemoryInfo(a100, &memory);
	return NULL;
}

static void *list_for_ever(void *arg)
{
	const _Atomic int *stop = arg;
	nvmlProcessInfo_t infos[4];

	while (!*stop) {
		unsigned n = 4;

		nvml.nvmlDeviceGetComputeRunningProcesses_v3(a100, &n, infos);
		pthread_testcancel();
	}
	return NULL;
}

/* As behind a real library: a child has to start it for itself. What its parent had is gone, and
 * the parent's own goes on. */
static void forked_children_start_anew(void **state)
{
	_Atomic int stop = 0;
	pthread_t threads[3];
	nvmlMemory_t memory;
	int status;

	(void)state;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, ask_for_ever, &stop);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(10); /* a lock that was held at the fork would hold for ever */
			if (nvml.nvmlDeviceGetMemoryInfo(a100, &memory) !=
					NVML_ERROR_UNINITIALIZED ||
				nvml.nvmlShutdown() != NVML_ERROR_UNINITIALIZED)
				_exit(1);
			if (nvml.nvmlInit_v2() || nvml.nvmlDeviceGetHandleByIndex_v2(0, &a100) ||
				nvml.nvmlDeviceGetMemoryInfo(a100, &memory))
				_exit(2);
			_exit(nvml.nvmlShutdown() != NVML_SUCCESS ||
				nvml.nvmlShutdown() != NVML_ERROR_UNINITIALIZED);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(a100, &memory), NVML_SUCCESS);
}

/* In a child, which SIGALRM ends when a lock was left that would hold for ever. */
static void cancel_threads(void)
{
	_Atomic int never = 0;
	nvmlMemory_t memory;

	if (nvml.nvmlInit_v2() != NVML_SUCCESS)
		_exit(3);
	for (int i = 0; i < 50; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, list_for_ever, &never) != 0)
			_exit(1);
		usleep((useconds_t)(100 * (i % 10)));
		pthread_cancel(thread);
		alarm(10);
		pthread_join(thread, NULL);
		if (nvml.nvmlDeviceGetMemoryInfo(a100, &memory) != NVML_SUCCESS)
			_exit(2);
	}
	_exit(0);
}

/* A query opens and reads files, where a thread may be cancelled: never with our lock held. */
static void cancelled_threads_leave_no_lock(void **state)
{
	char cgroup[64], cgroup_dir[128], uuid[80];
	int status;
	pid_t pid;

	(void)state;
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	assert_int_equal(nvml.nvmlDeviceGetUUID(a100, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	pid = fork();
	if (pid == 0)
		cancel_threads();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(tr_sim_unbind("test", cgroup, &err), 0);
	assert_int_equal(rmdir(cgroup_dir), 0);
	assert_int_equal(status, 0);
}

/* A program that closes what it did not open, then gets our descriptor's number for its own file.
 */
static void closed_descriptors_do_no_harm(void **state)
{
	char cgroup[64], cgroup_dir[128], uuid[80];
	nvmlMemory_t memory;
	int mine[8];

	(void)state;
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	assert_int_equal(nvml.nvmlDeviceGetUUID(h100, uuid, sizeof(uuid)), NVML_SUCCESS);
	assert_int_equal(tr_sim_bind("test", uuid, cgroup, &err), 0);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(h100, &memory), NVML_SUCCESS);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	for (size_t i = 0; i < TR_COUNT(mine); i++)
		mine[i] = dup(0);
	usleep(50000); /* so that it reads, and does not give the last tick's number again */
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(h100, &memory), NVML_SUCCESS);
	assert_int_equal(tr_sim_unbind("test", cgroup, &err), 0);
	assert_int_equal(nvml.nvmlDeviceGetMemoryInfo(h100, &memory), NVML_SUCCESS);
	for (size_t i = 0; i < TR_COUNT(mine); i++)
		assert_int_equal(close(mine[i]), 0);
	rmdir(cgroup_dir);
}

static void destroyed_node_is_lost(void **state)
{
	struct tr_sim_gpu_spec spec = { tr_facts_product("a30"), TR_CHIP_NORMAL };
	char path[PATH_MAX];
	nvmlDevice_t device;
	void *library;
	unsigned n;

	(void)state;
	assert_int_equal(tr_sim_create("gone", &spec, 1, 1, SIM_LIBRARY, &err), 0);
	assert_int_equal(tr_sim_node_path("gone", "lib/libnvidia-ml.so.1", path, &err), 0);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(library);
	__typeof__(nvmlInit_v2) *start;
	__typeof__(nvmlDeviceGetHandleByIndex_v2) *handle;
	__typeof__(nvmlDeviceGetMinorNumber) *minor;

	*(void **)&start = dlsym(library, "nvmlInit_v2");
	*(void **)&handle = dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
	*(void **)&minor = dlsym(library, "nvmlDeviceGetMinorNumber");
	assert_int_equal(start(), NVML_SUCCESS);
	assert_int_equal(handle(0, &device), NVML_SUCCESS);
	assert_int_equal(tr_sim_destroy("gone", false, &err), 0);
	assert_int_equal(minor(device, &n), NVML_ERROR_GPU_IS_LOST);
	dlclose(library);
}

int main(void)
{
#define WITH_NVML(test) cmocka_unit_test_setup_teardown(test, init, shut_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_exported),
		cmocka_unit_test(init_is_counted),
		WITH_NVML(plain_card_answers_as_captured),
		WITH_NVML(slice_lives_and_dies),
		WITH_NVML(refusals_are_the_drivers_own),
		WITH_NVML(versions_are_checked),
		WITH_NVML(garbage_is_refused),
		WITH_NVML(unmodelled_is_not_supported),
		WITH_NVML(memory_is_the_cgroups),
		WITH_NVML(memory_that_moves_is_seen_at_once),
		WITH_NVML(forked_children_start_anew),
		WITH_NVML(cancelled_threads_leave_no_lock),
		WITH_NVML(closed_descriptors_do_no_harm),
		cmocka_unit_test(destroyed_node_is_lost),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
