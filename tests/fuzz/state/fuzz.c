/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual node's state file, damaged, under a loaded driver library: whatever the file says, the
 * calls come back.
 *
 * An input is a list of changes to a good file with two slices: 4 bytes offset (little-endian, cut
 * to the file's size), 1 byte value. Both copies and the header can be hit.
 */
#include "abi/nvml.h"
#include "base/err.h"
#include "base/fs.h"
#include "sim/state/state.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define CALLS                                           \
	CALL(nvmlInit_v2)                               \
	CALL(nvmlShutdown)                              \
	CALL(nvmlDeviceGetCount_v2)                     \
	CALL(nvmlDeviceGetHandleByIndex_v2)             \
	CALL(nvmlDeviceGetName)                         \
	CALL(nvmlDeviceGetUUID)                         \
	CALL(nvmlDeviceGetPciInfo_v3)                   \
	CALL(nvmlDeviceGetMemoryInfo)                   \
	CALL(nvmlDeviceGetComputeRunningProcesses_v3)   \
	CALL(nvmlDeviceGetMigMode)                      \
	CALL(nvmlDeviceSetMigMode)                      \
	CALL(nvmlDeviceGetMigDeviceHandleByIndex)       \
	CALL(nvmlDeviceGetAttributes_v2)                \
	CALL(nvmlDeviceGetGpuInstanceRemainingCapacity) \
	CALL(nvmlDeviceCreateGpuInstance)               \
	CALL(nvmlDeviceGetGpuInstanceById)              \
	CALL(nvmlGpuInstanceCreateComputeInstance)      \
	CALL(nvmlGpuInstanceGetInfo)                    \
	CALL(nvmlDeviceGetCudaComputeCapability)

static struct {
#define CALL(sym) __typeof__(sym) *sym;
	CALLS
#undef CALL
} nvml;

enum { PROFILES = 32 };

static char room[256];
static pid_t maker; /* of the room; a fuzzer forks */
static char state_path[PATH_MAX];
static char *good;
static size_t good_size;
static uint64_t generation = 100;

static void leave(void)
{
	struct tr_err err;

	if (getpid() == maker)
		tr_rm_tree(room, &err);
}

static void give_up(const char *what, const struct tr_err *err)
{
	fprintf(stderr, "fuzz state: %s: %s\n", what, err->msg);
	exit(1);
}

static void cut_two_slices(void)
{
	nvmlComputeInstance_t ci;
	nvmlReturn_t activation;
	nvmlGpuInstance_t gi;
	nvmlDevice_t card;

	nvml.nvmlDeviceGetHandleByIndex_v2(0, &card);
	nvml.nvmlDeviceSetMigMode(card, 1, &activation);
	for (int i = 0; i < 2; i++)
		if (nvml.nvmlDeviceCreateGpuInstance(card, i ? 9 : 14, &gi) ||
			nvml.nvmlGpuInstanceCreateComputeInstance(gi, i ? 2 : 1, &ci))
			exit(1);
}

static void set_up(void)
{
	struct tr_sim_gpu_spec specs[2] = { { tr_facts_product("a100-80gb"), TR_CHIP_NORMAL },
		{ tr_facts_product("a30"), TR_CHIP_NORMAL } };
	struct tr_err err = { 0 };
	const char *temp = getenv("TMPDIR");
	char path[PATH_MAX];
	void *library;

	snprintf(room, sizeof(room), "%.200s/tranche-fuzz-XXXXXX", temp ? temp : "/tmp");
	if (!mkdtemp(room))
		exit(1);
	maker = getpid();
	atexit(leave);
	snprintf(path, sizeof(path), "%s/run", room);
	setenv("TRANCHE_RUN_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/var", room);
	setenv("TRANCHE_STATE_DIR", path, 1);
	if (tr_sim_create("fuzz", specs, 2, 1, SIM_LIBRARY, &err) < 0 ||
		tr_sim_node_path("fuzz", "lib/libnvidia-ml.so.1", path, &err) < 0 ||
		tr_sim_node_path("fuzz", "state/node", state_path, &err) < 0)
		give_up("make a node", &err);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		exit(1);
#define CALL(sym) *(void **)&nvml.sym = dlsym(library, #sym);
	CALLS
#undef CALL
	if (nvml.nvmlInit_v2())
		exit(1);
	cut_two_slices();
	if (tr_read_file(state_path, 1 << 22, &good, &good_size, &err) < 0)
		give_up("read the state", &err);
}

static void write_damaged(const uint8_t *data, size_t size)
{
	char *bytes = malloc(good_size);
	int fd = open(state_path, O_WRONLY | O_CLOEXEC);

	memcpy(bytes, good, good_size);
	/* A generation that no reader has seen, whichever copy it names; the input may change it.
	 */
	generation += 16;
	memcpy(bytes + 16, &generation, sizeof(generation));
	memcpy(bytes + 64, good + 64 + (good_size - 64) / 2 * (good[16] & 1), (good_size - 64) / 2);
	memcpy(bytes + 64 + (good_size - 64) / 2, bytes + 64, (good_size - 64) / 2);
	for (size_t i = 0; i + 5 <= size; i += 5) {
		uint32_t at;

		memcpy(&at, data + i, 4);
		bytes[at % good_size] = (char)data[i + 4];
	}
	if (fd < 0 || pwrite(fd, bytes, good_size, 0) != (ssize_t)good_size)
		exit(1);
	close(fd);
	free(bytes);
}

static void ask_device(nvmlDevice_t device)
{
	nvmlProcessInfo_t infos[8];
	nvmlDeviceAttributes_t attributes;
	nvmlMemory_t memory;
	nvmlPciInfo_t pci;
	char text[128];
	unsigned n = 8;
	int major, minor;

	nvml.nvmlDeviceGetName(device, text, sizeof(text));
	nvml.nvmlDeviceGetUUID(device, text, sizeof(text));
	nvml.nvmlDeviceGetPciInfo_v3(device, &pci);
	nvml.nvmlDeviceGetMemoryInfo(device, &memory);
	nvml.nvmlDeviceGetComputeRunningProcesses_v3(device, &n, infos);
	nvml.nvmlDeviceGetAttributes_v2(device, &attributes);
	nvml.nvmlDeviceGetCudaComputeCapability(device, &major, &minor);
}

static void ask_card(nvmlDevice_t card)
{
	nvmlGpuInstanceInfo_t info;
	nvmlGpuInstance_t gi;
	nvmlDevice_t mig;
	unsigned n, m;

	ask_device(card);
	nvml.nvmlDeviceGetMigMode(card, &n, &m);
	for (unsigned id = 0; id < PROFILES; id++) {
		nvml.nvmlDeviceGetGpuInstanceRemainingCapacity(card, id, &n);
		if (nvml.nvmlDeviceGetGpuInstanceById(card, id, &gi) == NVML_SUCCESS)
			nvml.nvmlGpuInstanceGetInfo(gi, &info);
		if (nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, id, &mig) == NVML_SUCCESS)
			ask_device(mig);
	}
}

/* A writer reads before it writes. */
static void cut_one_more(void)
{
	nvmlComputeInstance_t ci;
	nvmlGpuInstance_t gi;
	nvmlDevice_t card;

	if (nvml.nvmlDeviceGetHandleByIndex_v2(0, &card) == NVML_SUCCESS &&
		nvml.nvmlDeviceCreateGpuInstance(card, 19, &gi) == NVML_SUCCESS)
		nvml.nvmlGpuInstanceCreateComputeInstance(gi, 0, &ci);
}

static void ask_state(void)
{
	static struct tr_sim_node node;
	struct tr_sim_limits limits;
	struct tr_err err;
	char uuid[41];

	if (tr_sim_read("fuzz", &node, &err) < 0)
		return;
	for (uint32_t g = 0; g < node.n_gpus; g++)
		for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++)
			for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
				if (!node.gpus[g].gis[i].cis[c].exists)
					continue;
				tr_sim_uuid_text("MIG-", node.gpus[g].gis[i].cis[c].uuid, uuid);
				tr_sim_slice_limits("fuzz", uuid, &limits, &err);
				tr_sim_is_bound(&node, g, i, c);
			}
}

/* A fuzzer forks after this; replay.c does not call it. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	set_up();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static pid_t starter;
	nvmlDevice_t card;
	unsigned n = 0;

	if (!good)
		set_up();
	/* A fuzzer's process is a child of the one that set up: the library starts anew in it, on a
	 * file that the one before has left whole. */
	if (starter != getpid()) {
		write_damaged(data, 0);
		if (nvml.nvmlInit_v2() != NVML_SUCCESS)
			exit(1);
		starter = getpid();
	}
	write_damaged(data, size);
	nvml.nvmlDeviceGetCount_v2(&n);
	for (unsigned g = 0; g < n && g < 16; g++)
		if (nvml.nvmlDeviceGetHandleByIndex_v2(g, &card) == NVML_SUCCESS)
			ask_card(card);
	ask_state();
	cut_one_more();
	return 0;
}
