/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read-only questions to an NVML library, one line an answer: what a real card and its virtual twin
 * must agree on.
 *
 *	questions LIBRARY NAMES.txt
 *
 * Lines are "call arguments: code value...". What names a card (UUID, serial number, PCI place) is
 * left out; what moves (load, power, temperature) is told by its code alone. Each question is put
 * by a child, since some are asked with arguments that may end it: a signal is an answer too. The
 * child starts the library itself, for a real one answers UNINITIALIZED behind a fork.
 */
#include "abi/nvml_more.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 1 << 16, MAX_FIELD = 290 };

static void *library;
static nvmlDevice_t device;
static bool is_before_init = true;
static _Alignas(16) char room[ROOM];

#define NV(sym)                                          \
	__extension__({                                  \
		__typeof__(sym) *call_;                  \
		*(void **)&call_ = dlsym(library, #sym); \
		call_;                                   \
	})

typedef int number_call(nvmlDevice_t, unsigned *);
typedef int text_call(nvmlDevice_t, char *, unsigned);
typedef int any_call(
	uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

/* Calls whose value is the same for every card of a product. */
static const char *const numbers[] = { "nvmlDeviceGetBrand", "nvmlDeviceGetArchitecture",
	"nvmlDeviceGetMultiGpuBoard", "nvmlDeviceGetDisplayActive", "nvmlDeviceGetDisplayMode",
	"nvmlDeviceGetAccountingMode", "nvmlDeviceGetAccountingBufferSize",
	"nvmlDeviceGetMaxPcieLinkGeneration", "nvmlDeviceGetGpuMaxPcieLinkGeneration",
	"nvmlDeviceGetCurrPcieLinkGeneration", "nvmlDeviceGetMaxPcieLinkWidth",
	"nvmlDeviceGetCurrPcieLinkWidth", "nvmlDeviceGetPcieReplayCounter",
	"nvmlDeviceGetPerformanceState", "nvmlDeviceGetPowerState", "nvmlDeviceGetComputeMode",
	"nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementLimit",
	"nvmlDeviceGetPowerManagementDefaultLimit", "nvmlDeviceGetPowerManagementMode",
	"nvmlDeviceGetNumGpuCores", "nvmlDeviceGetMemoryBusWidth", "nvmlDeviceGetBusType",
	"nvmlDeviceGetDefaultEccMode", "nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetIrqNum",
	"nvmlDeviceGetPcieLinkMaxSpeed", "nvmlDeviceGetPcieSpeed", "nvmlDeviceGetPowerSource",
	"nvmlDeviceGetAdaptiveClockInfoStatus", "nvmlDeviceGetNumFans", "nvmlDeviceGetHostVgpuMode",
	"nvmlDeviceGetRetiredPagesPendingStatus", "nvmlDeviceGetNumaNodeId",
	"nvmlDeviceIsMigDeviceHandle", "nvmlDeviceGetFanSpeed" };

static const char *const texts[] = { "nvmlDeviceGetName", "nvmlDeviceGetBoardPartNumber",
	"nvmlDeviceGetVbiosVersion", "nvmlDeviceGetInforomImageVersion" };

/* Runs one question in a child; what it prints is the answer. */
static void ask(void (*question)(const char *, unsigned), const char *name, unsigned number)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		if (!is_before_init &&
			(NV(nvmlInit_v2)() || NV(nvmlDeviceGetHandleByIndex_v2)(0, &device)))
			_exit(1);
		question(name, number);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("%s %u: signal %d\n", name, number, WTERMSIG(status));
}

static void ask_number(const char *name, unsigned number)
{
	number_call *call;
	unsigned value = 0;
	int r;

	(void)number;
	*(void **)&call = dlsym(library, name);
	r = call(device, &value);
	printf("%s: %d %u; NULL: %d; no device: %d\n", name, r, r ? 0 : value, call(device, NULL),
		call(NULL, &value));
}

/* The value alone: a real library may end who hands it NULL, and then ask_number tells nothing. */
static void ask_value(const char *name, unsigned number)
{
	number_call *call;
	unsigned value = 0;
	int r;

	(void)number;
	*(void **)&call = dlsym(library, name);
	r = call(device, &value);
	printf("value of %s: %d %u\n", name, r, r ? 0 : value);
}

static void ask_text(const char *name, unsigned number)
{
	char text[96] = "";
	text_call *call;
	int r;

	(void)number;
	*(void **)&call = dlsym(library, name);
	r = call(device, text, sizeof(text));
	printf("%s: %d '%s'; short: %d; NULL: %d\n", name, r, text, call(device, text, 2),
		call(device, NULL, 96));
}

/* Any name that only asks: with nothing, which must not crash, and before nvmlInit. */
static void ask_with_nothing(const char *name, unsigned before_init)
{
	bool has_device = strncmp(name, "nvmlDevice", 10) == 0 && !strstr(name, "GetCount") &&
			  !strstr(name, "GetHandleBy");
	any_call *call;

	*(void **)&call = dlsym(library, name);
	printf("%s %s: %d\n", name, before_init ? "before init" : "with nothing",
		call(has_device ? (uintptr_t)device : 0, 0, 0, 0, 0, 0, 0, 0));
}

static void ask_field(const char *name, unsigned id)
{
	static const unsigned scopes[] = { 0, 1, 2 };

	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		nvmlFieldValue_t field = { .fieldId = id, .scopeId = scopes[i] };
		int r = (int)NV(nvmlDeviceGetFieldValues)(device, 1, &field);

		printf("%s %u scope %u: %d %d type %u\n", name, id, scopes[i], r,
			(int)field.nvmlReturn, field.nvmlReturn ? 0 : field.valueType);
	}
}

static void ask_profile(const char *name, unsigned profile)
{
	nvmlGpuInstanceProfileInfo_t v1 = { 0 };
	nvmlGpuInstanceProfileInfo_v2_t v2 = { .version = 0x02000098 };
	nvmlGpuInstanceProfileInfo_v3_t v3 = { .version = 0x03000098 };
	nvmlGpuInstanceProfileInfo_v2_t bad = { .version = 0x04000098 };
	nvmlGpuInstancePlacement_t places[16] = { 0 };
	unsigned n = 0, capacity = 0;
	int r = (int)NV(nvmlDeviceGetGpuInstanceProfileInfo)(device, profile, &v1);

	printf("%s %u: %d id %u p2p %u sm %u mib %llu\n", name, profile, r, v1.id,
		v1.isP2pSupported, v1.multiprocessorCount, (unsigned long long)v1.memorySizeMB);
	r = (int)NV(nvmlDeviceGetGpuInstanceProfileInfoV)(device, profile, &v2);
	printf("%s %u v2: %d '%s' sm %u\n", name, profile, r, v2.name, v2.multiprocessorCount);
	r = (int)NV(nvmlDeviceGetGpuInstanceProfileInfoV)(
		device, profile, (nvmlGpuInstanceProfileInfo_v2_t *)(void *)&v3);
	printf("%s %u v3: %d '%.95s' sm %u mib %llu capabilities %#x\n", name, profile, r, v3.name,
		v3.multiprocessorCount, (unsigned long long)v3.memorySizeMB, v3.capabilities);
	printf("%s %u unknown version: %d\n", name, profile,
		(int)NV(nvmlDeviceGetGpuInstanceProfileInfoV)(device, profile, &bad));
	r = (int)NV(nvmlDeviceGetGpuInstancePossiblePlacements_v2)(device, v1.id, NULL, &n);
	printf("%s %u places without room: %d %u\n", name, profile, r, n);
	n = 0;
	r = (int)NV(nvmlDeviceGetGpuInstancePossiblePlacements_v2)(device, v1.id, places, &n);
	printf("%s %u places: %d %u first %u:%u\n", name, profile, r, n, places[0].start,
		places[0].size);
	r = (int)NV(nvmlDeviceGetGpuInstanceRemainingCapacity)(device, v1.id, &capacity);
	printf("%s %u capacity: %d %u\n", name, profile, r, capacity);
}

static void ask_by_number(const char *name, unsigned number)
{
	unsigned value = 0;
	int r = 0;

	if (strcmp(name, "clock") == 0)
		r = (int)NV(nvmlDeviceGetMaxClockInfo)(device, number, &value);
	else if (strcmp(name, "application clock") == 0)
		r = (int)NV(nvmlDeviceGetApplicationsClock)(device, number, &value);
	else if (strcmp(name, "boost clock") == 0)
		r = (int)NV(nvmlDeviceGetMaxCustomerBoostClock)(device, number, &value);
	else if (strcmp(name, "threshold") == 0)
		r = (int)NV(nvmlDeviceGetTemperatureThreshold)(device, number, &value);
	else if (strcmp(name, "sensor") == 0)
		r = (int)NV(nvmlDeviceGetTemperature)(device, number, &value), value = 0;
	else if (strcmp(name, "inforom") == 0)
		r = (int)NV(nvmlDeviceGetInforomVersion)(device, number, room, 16),
		printf("'%s' ", room);
	printf("%s %u: %d %u\n", name, number, r, r ? 0 : value);
}

/* number: error type, counter, location */
static void ask_errors(const char *name, unsigned number)
{
	unsigned long long n = 0;
	int r = (int)NV(nvmlDeviceGetMemoryErrorCounter)(
		device, number / 100, number / 10 % 10, number % 10, &n);

	printf("%s %03u: %d %llu\n", name, number, r, n);
}

static void ask_versions(const char *name, unsigned number)
{
	nvmlMemory_v2_t memory = { .version = number };
	nvmlPciInfoExt_v1_t pci = { .version = number };
	nvmlTemperature_v1_t temperature = { .version = number };
	nvmlGpmSupport_t gpm = { .version = number };
	nvmlEccSramErrorStatus_v1_t sram = { .version = number };

	printf("%s %#x: memory %d pci %d temperature %d gpm %d sram %d\n", name, number,
		(int)NV(nvmlDeviceGetMemoryInfo_v2)(device, &memory),
		(int)NV(nvmlDeviceGetPciInfoExt)(device, &pci),
		(int)NV(nvmlDeviceGetTemperatureV)(device, &temperature),
		(int)NV(nvmlGpmQueryDeviceSupport)(device, &gpm),
		(int)NV(nvmlDeviceGetSramEccErrorStatus)(device, &sram));
}

static void ask_events(const char *name, unsigned number)
{
	unsigned long long types = 0;
	nvmlEventSet_t set = NULL;
	nvmlEventData_t event;
	int r = (int)NV(nvmlDeviceGetSupportedEventTypes)(device, &types);

	printf("%s supported: %d %#llx\n", name, r, types);
	r = (int)NV(nvmlEventSetCreate)(&set);
	printf("%s register %#x: %d %d; wait: %d\n", name, number, r,
		(int)NV(nvmlDeviceRegisterEvents)(device, number, set),
		(int)NV(nvmlEventSetWait_v2)(set, &event, 1));
	printf("%s free: %d\n", name, (int)NV(nvmlEventSetFree)(set));
}

static void ask_memory(const char *name, unsigned number)
{
	nvmlMemory_v2_t memory = { .version = 0x02000028 };
	nvmlBAR1Memory_t bar1 = { 0 };
	unsigned long long reasons = 0;
	unsigned n[6] = { 0 };

	(void)number;
	NV(nvmlDeviceGetMemoryInfo_v2)(device, &memory);
	NV(nvmlDeviceGetBAR1MemoryInfo)(device, &bar1);
	printf("%s: total %llu reserved %llu bar1 %llu\n", name, (unsigned long long)memory.total,
		(unsigned long long)memory.reserved, (unsigned long long)bar1.bar1Total);
	NV(nvmlDeviceGetSupportedClocksThrottleReasons)(device, &reasons);
	printf("%s: supported reasons %#llx\n", name, reasons);
	printf("%s: affinity %d; without room %d\n", name,
		(int)NV(nvmlDeviceGetCpuAffinity)(device, 4, (unsigned long *)(void *)room),
		(int)NV(nvmlDeviceGetCpuAffinity)(device, 0, (unsigned long *)(void *)room));
	printf("%s: media %d %d %d %d\n", name,
		(int)NV(nvmlDeviceGetEncoderUtilization)(device, n, n + 1),
		(int)NV(nvmlDeviceGetDecoderUtilization)(device, n, n + 1),
		(int)NV(nvmlDeviceGetJpgUtilization)(device, n, n + 1),
		(int)NV(nvmlDeviceGetOfaUtilization)(device, n, n + 1));
	n[0] = 0;
	printf("%s: memory clocks %d", name,
		(int)NV(nvmlDeviceGetSupportedMemoryClocks)(device, n, NULL));
	printf(" %u\n", n[0]);
}

/* What moves is left out: only whether there are any, and of which kind. */
static void ask_samples(const char *name, unsigned type)
{
	unsigned value_type = 99, n = ROOM / sizeof(nvmlSample_t);
	nvmlSample_t *samples = (nvmlSample_t *)(void *)room;
	int r = (int)NV(nvmlDeviceGetSamples)(device, type, 0, &value_type, &n, samples);

	printf("%s %u: %d value type %u\n", name, type, r, r ? 0 : value_type);
	n = 0;
	r = (int)NV(nvmlDeviceGetSamples)(device, type, 0, &value_type, &n, NULL);
	printf("%s %u without room: %d\n", name, type, r);
	n = ROOM / sizeof(nvmlSample_t);
	r = (int)NV(nvmlDeviceGetSamples)(
		device, type, (unsigned long long)-1 / 2, &value_type, &n, samples);
	printf("%s %u of the future: %d\n", name, type, r);
}

static void ask_processes(const char *name, unsigned number)
{
	nvmlProcessesUtilizationInfo_v1_t info = { .version = number,
		.processSamplesCount = 64,
		.procUtilArray = (nvmlProcessUtilizationInfo_v1_t *)(void *)room };
	nvmlAccountingStats_t stats;
	unsigned n = 64;
	int r = (int)NV(nvmlDeviceGetProcessUtilization)(
		device, (nvmlProcessUtilizationSample_t *)(void *)room, &n, 0);

	printf("%s use: %d\n", name, r);
	n = 0;
	printf("%s use without room: %d\n", name,
		(int)NV(nvmlDeviceGetProcessUtilization)(device, NULL, &n, 0));
	printf("%s info %#x: %d\n", name, number,
		(int)NV(nvmlDeviceGetProcessesUtilizationInfo)(device, &info));
	n = 64;
	r = (int)NV(nvmlDeviceGetAccountingPids)(device, &n, (unsigned *)(void *)room);
	printf("%s accounted: %d %u\n", name, r, r ? 0 : n);
	printf("%s account of none: %d\n", name,
		(int)NV(nvmlDeviceGetAccountingStats)(device, 1, &stats));
}

static void ask_link(const char *name, unsigned link)
{
	static const char *const calls[] = { "nvmlDeviceGetNvLinkState",
		"nvmlDeviceGetNvLinkVersion" };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		int (*call)(nvmlDevice_t, unsigned, unsigned *);
		unsigned value = 0;
		int r;

		*(void **)&call = dlsym(library, calls[i]);
		r = call(device, link, &value);
		printf("%s %u %s: %d %u\n", name, link, calls[i], r, r ? 0 : value);
	}
}

/* What a child of a process that has started the library is told, before and after its own start.
 */
static void ask_behind_fork(const char *name, unsigned number)
{
	nvmlDevice_t parents = device;
	unsigned n = 0;
	pid_t pid;

	(void)number;
	fflush(stdout);
	pid = fork();
	if (pid != 0) {
		waitpid(pid, NULL, 0);
		return;
	}
	alarm(20);
	printf("%s count: %d\n", name, (int)NV(nvmlDeviceGetCount_v2)(&n));
	printf("%s name: %d\n", name, (int)NV(nvmlDeviceGetName)(parents, room, 96));
	printf("%s shutdown: %d\n", name, (int)NV(nvmlShutdown)());
	printf("%s init: %d\n", name, (int)NV(nvmlInit_v2)());
	printf("%s count after init: %d %u\n", name, (int)NV(nvmlDeviceGetCount_v2)(&n), n);
	printf("%s name by the parent's handle: %d\n", name,
		(int)NV(nvmlDeviceGetName)(parents, room, 96));
	fflush(stdout);
	_exit(0);
}

/* Names that ask and change nothing. */
static int only_asks(const char *name)
{
	return strncmp(name, "nvmlDeviceGet", 13) == 0 || strncmp(name, "nvmlDeviceIs", 12) == 0 ||
	       strncmp(name, "nvmlSystemGet", 13) == 0 || strncmp(name, "nvmlUnitGet", 11) == 0 ||
	       strncmp(name, "nvmlGpuInstanceGet", 18) == 0 || strncmp(name, "nvmlVgpu", 8) == 0;
}

static void ask_every_name(const char *path, unsigned before_init)
{
	FILE *file = fopen(path, "re");
	char name[128];

	while (file && fgets(name, sizeof(name), file)) {
		name[strcspn(name, "\n")] = '\0';
		if (only_asks(name) && !strstr(name, "Set") && dlsym(library, name))
			ask(ask_with_nothing, name, before_init);
	}
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	static const char *const by_number[] = { "clock", "application clock", "boost clock",
		"threshold", "sensor", "inforom" };
	static const unsigned versions[] = { 0, 0x02000028, 0x01000040, 0x0100000c, 0x01000008,
		0x01000068, 0x03000028 };

	library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!library) {
		fprintf(stderr, "usage: questions LIBRARY NAMES.txt\n");
		return 2;
	}
	ask_every_name(argv[2], 1);
	is_before_init = false;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		ask(ask_number, numbers[i], 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		ask(ask_value, numbers[i], 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ask(ask_text, texts[i], 0);
	for (unsigned p = 0; p < 20; p++)
		ask(ask_profile, "profile", p);
	for (size_t i = 0; i < sizeof(by_number) / sizeof(*by_number); i++)
		for (unsigned n = 0; n < 9; n++)
			ask(ask_by_number, by_number[i], n);
	for (unsigned n = 0; n < 300; n++)
		if (n / 10 % 10 < 3)
			ask(ask_errors, "errors", n);
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
		ask(ask_versions, "version", versions[i]);
	ask(ask_events, "events", 0x8);
	ask(ask_events, "events", 0x100);
	ask(ask_events, "events", 0x80000000);
	ask(ask_memory, "memory", 0);
	for (unsigned id = 1; id < MAX_FIELD; id++)
		ask(ask_field, "field", id);
	ask_every_name(argv[2], 0);
	for (unsigned type = 0; type < 12; type++)
		ask(ask_samples, "samples", type);
	ask(ask_processes, "processes", NVML_VERSION_WORD(nvmlProcessesUtilizationInfo_v1_t, 1));
	ask(ask_processes, "processes", 1);
	for (unsigned link = 0; link < 19; link++)
		ask(ask_link, "link", link);
	ask(ask_behind_fork, "fork", 0);
	return 0;
}
