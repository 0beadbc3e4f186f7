/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container that is bound to one slice sees and may do: the built library in a mount
 * namespace that is laid out as the runtimes lay a container out, with the host's folders covered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/nvml.h"
#include "base/buf.h"
#include "room.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define CALLS                                       \
	CALL(nvmlInit_v2)                           \
	CALL(nvmlShutdown)                          \
	CALL(nvmlDeviceGetCount_v2)                 \
	CALL(nvmlDeviceGetHandleByIndex_v2)         \
	CALL(nvmlDeviceGetHandleByUUID)             \
	CALL(nvmlDeviceGetUUID)                     \
	CALL(nvmlDeviceGetName)                     \
	CALL(nvmlDeviceGetMemoryInfo)               \
	CALL(nvmlDeviceGetMigDeviceHandleByIndex)   \
	CALL(nvmlDeviceSetMigMode)                  \
	CALL(nvmlDeviceSetPersistenceMode)          \
	CALL(nvmlDeviceCreateGpuInstance)           \
	CALL(nvmlDeviceGetGpuInstances)             \
	CALL(nvmlDeviceGetGpuInstanceById)          \
	CALL(nvmlGpuInstanceDestroy)                \
	CALL(nvmlGpuInstanceCreateComputeInstance)  \
	CALL(nvmlGpuInstanceGetComputeInstanceById) \
	CALL(nvmlComputeInstanceDestroy)

static struct {
#define CALL(sym) __typeof__(sym) *sym;
	CALLS
#undef CALL
} nvml;

#define GUEST_LIB "/run/guest-lib/libnvidia-ml.so.1"

static struct tr_err err;
static char uuids[3][41]; /* two slices of card 0, and card 1 */
static struct tr_sim_guest_mounts mounts[3];

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		_exit(90);
#define CALL(sym) *(void **)&nvml.sym = dlsym(library, #sym);
	CALLS
#undef CALL
}

static int cut(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	(void)ret_err;
	now->gpus[0].mig_current = now->gpus[0].mig_pending = 1;
	for (uint32_t i = 0; i < 2; i++) {
		struct tr_sim_gi *gi = &now->gpus[0].gis[3 + i];

		*gi = (struct tr_sim_gi){
			.exists = 1, .profile_id = 14, .start = (uint8_t)(2 * i), .size = 2
		};
		gi->cis[0] = (struct tr_sim_ci){ .exists = 1, .profile_id = 1, .size = 2 };
		tr_sim_mig_uuid(&now->gpus[0], 3 + i, 0, gi->cis[0].uuid);
	}
	return 0;
}

static int make_node(void **state)
{
	struct tr_sim_gpu_spec specs[2] = { { tr_facts_product("a100-80gb"), TR_CHIP_NORMAL },
		{ tr_facts_product("a30"), TR_CHIP_NORMAL } };
	static struct tr_sim_node node;
	char dir[PATH_MAX];

	if (room_open(state) < 0 || tr_sim_create("guest", specs, 2, 1, SIM_LIBRARY, &err) < 0 ||
		tr_sim_node_path("guest", "", dir, &err) < 0 ||
		tr_sim_change(dir, cut, NULL, &err) < 0 || tr_sim_read("guest", &node, &err) < 0)
		return -1;
	tr_sim_uuid_text("MIG-", node.gpus[0].gis[3].cis[0].uuid, uuids[0]);
	tr_sim_uuid_text("MIG-", node.gpus[0].gis[4].cis[0].uuid, uuids[1]);
	tr_sim_uuid_text("GPU-", node.gpus[1].uuid, uuids[2]);
	for (int i = 0; i < 3; i++)
		if (tr_sim_guest_mounts("guest", uuids[i], &mounts[i], &err) < 0)
			return -1;
	return 0;
}

/* --- In the container: numbers from 80 on say what did not hold --- */

static void bind_read_only(const char *from, const char *to)
{
	if (mount(from, to, "none", MS_BIND, NULL) < 0 ||
		mount("none", to, "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		_exit(91);
}

static void bind_file(const char *from, const char *to)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0)
		_exit(92);
	close(fd);
	bind_read_only(from, to);
}

/* The container of one slice or card; 77 where this is not allowed here. */
static void enter(int which)
{
	char view[128];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", "/run", "tmpfs", 0, NULL) < 0)
		_exit(77);
	if (mkdir("/run/tranche-guest", 0755) < 0 || mkdir("/run/tranche-guest/state", 0755) < 0 ||
		mkdir("/run/tranche-guest/view", 0755) < 0 || mkdir("/run/guest-lib", 0755) < 0)
		_exit(93);
	snprintf(view, sizeof(view), "/run/tranche-guest/view/%s", uuids[which]);
	bind_read_only(mounts[which].state_dir, "/run/tranche-guest/state");
	bind_file(mounts[which].view, view);
	bind_file(mounts[which].library, GUEST_LIB);
	if (mount("none", room_dir, "tmpfs", 0, NULL) < 0)
		_exit(94);
	clearenv();
}

#define REQUIRE(holds, number)         \
	do {                           \
		if (!(holds))          \
			_exit(number); \
	} while (0)

/* Exactly one card with exactly one MIG device, which is the slice. */
static void see_the_slice_alone(int which)
{
	nvmlDevice_t card, mig, other;
	char text[128];
	nvmlMemory_t memory;
	unsigned n = 99;

	REQUIRE(nvml.nvmlDeviceGetCount_v2(&n) == NVML_SUCCESS && n == 1, 1);
	REQUIRE(nvml.nvmlDeviceGetHandleByIndex_v2(0, &card) == NVML_SUCCESS, 2);
	REQUIRE(nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, 0, &mig) == NVML_SUCCESS, 3);
	REQUIRE(nvml.nvmlDeviceGetUUID(mig, text, sizeof(text)) == NVML_SUCCESS, 4);
	REQUIRE(strcmp(text, uuids[which]) == 0, 5);
	REQUIRE(nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, 1, &other) == NVML_ERROR_NOT_FOUND,
		6);
	REQUIRE(nvml.nvmlDeviceGetHandleByUUID(uuids[1 - which], &other) == NVML_ERROR_NOT_FOUND,
		7);
	REQUIRE(nvml.nvmlDeviceGetHandleByUUID(uuids[2], &other) == NVML_ERROR_NOT_FOUND, 8);
	REQUIRE(nvml.nvmlDeviceGetMemoryInfo(mig, &memory) == NVML_SUCCESS, 9);
	REQUIRE(memory.total == 19968ULL << 20, 10);
	REQUIRE(nvml.nvmlDeviceGetMemoryInfo(card, &memory) == NVML_ERROR_NO_PERMISSION, 11);
}

static void only_its_slice_is_there(void)
{
	enter(0);
	load(GUEST_LIB);
	REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
	see_the_slice_alone(0);
}

static void another_uuid_in_the_environment_shows_nothing(void)
{
	unsigned n = 99;

	enter(0);
	setenv("NVIDIA_VISIBLE_DEVICES", uuids[1], 1);
	setenv("CUDA_VISIBLE_DEVICES", uuids[1], 1);
	load(GUEST_LIB);
	REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
	REQUIRE(nvml.nvmlDeviceGetCount_v2(&n) == NVML_SUCCESS && n == 0, 51);
}

static void environment_never_widens(void)
{
	static const char *const values[] = { "all", "void", "0", "0,1", "" };
	char both[128];

	enter(0);
	load(GUEST_LIB);
	snprintf(both, sizeof(both), "%s,%s,%s", uuids[1], uuids[0], uuids[2]);
	for (size_t i = 0; i <= TR_COUNT(values); i++) {
		setenv("NVIDIA_VISIBLE_DEVICES", i < TR_COUNT(values) ? values[i] : both, 1);
		setenv("CUDA_VISIBLE_DEVICES", uuids[1], 1);
		setenv("TRANCHE_NODE", "guest", 1);
		setenv("TRANCHE_RUN_DIR", "/", 1);
		REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
		see_the_slice_alone(0);
		REQUIRE(nvml.nvmlShutdown() == NVML_SUCCESS, 52);
	}
}

/* A file of the right name is no view: the state records which file it is. */
static void forged_views_show_nothing(void)
{
	char path[128], real[128];
	int fd;

	enter(0);
	snprintf(path, sizeof(path), "/run/tranche-guest/view/%s", uuids[1]);
	snprintf(real, sizeof(real), "/run/tranche-guest/view/%s", uuids[0]);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	REQUIRE(fd >= 0, 53);
	close(fd);
	load(GUEST_LIB);
	REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
	see_the_slice_alone(0);
	REQUIRE(nvml.nvmlShutdown() == NVML_SUCCESS, 52);
	REQUIRE(unlink(path) == 0 && symlink(real, path) == 0, 54);
	REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
	see_the_slice_alone(0);
}

static void nothing_can_be_made_or_destroyed(void)
{
	nvmlComputeInstance_t ci;
	nvmlReturn_t activation;
	nvmlGpuInstance_t gi, gis[8];
	nvmlDevice_t card;
	unsigned n = 8;

	enter(0);
	load(GUEST_LIB);
	REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
	REQUIRE(nvml.nvmlDeviceGetHandleByIndex_v2(0, &card) == NVML_SUCCESS, 55);
	REQUIRE(nvml.nvmlDeviceGetGpuInstances(card, 14, gis, &n) == NVML_SUCCESS && n == 1, 56);
	REQUIRE(nvml.nvmlDeviceGetGpuInstanceById(card, 4, &gi) == NVML_ERROR_NOT_FOUND, 57);
	REQUIRE(nvml.nvmlDeviceGetGpuInstanceById(card, 3, &gi) == NVML_SUCCESS, 58);
	REQUIRE(nvml.nvmlGpuInstanceGetComputeInstanceById(gi, 0, &ci) == NVML_SUCCESS, 59);
	REQUIRE(nvml.nvmlComputeInstanceDestroy(ci) == NVML_ERROR_NO_PERMISSION, 60);
	REQUIRE(nvml.nvmlGpuInstanceDestroy(gi) == NVML_ERROR_NO_PERMISSION, 61);
	REQUIRE(nvml.nvmlDeviceCreateGpuInstance(card, 19, &gi) == NVML_ERROR_NO_PERMISSION, 62);
	REQUIRE(nvml.nvmlGpuInstanceCreateComputeInstance(gis[0], 0, &ci) ==
			NVML_ERROR_NO_PERMISSION,
		63);
	REQUIRE(nvml.nvmlDeviceSetMigMode(card, 0, &activation) == NVML_ERROR_NO_PERMISSION, 64);
	REQUIRE(nvml.nvmlDeviceSetPersistenceMode(card, 1) == NVML_ERROR_NO_PERMISSION, 65);
	REQUIRE(open("/run/tranche-guest/state/node", O_RDWR | O_CLOEXEC) < 0 && errno == EROFS,
		66);
	see_the_slice_alone(0);
}

static void whole_card_is_seen_whole(void)
{
	nvmlDevice_t card, other;
	nvmlReturn_t activation;
	nvmlMemory_t memory;
	unsigned n = 99;

	enter(2);
	load(GUEST_LIB);
	REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
	REQUIRE(nvml.nvmlDeviceGetCount_v2(&n) == NVML_SUCCESS && n == 1, 51);
	REQUIRE(nvml.nvmlDeviceGetHandleByIndex_v2(0, &card) == NVML_SUCCESS, 55);
	REQUIRE(nvml.nvmlDeviceGetMemoryInfo(card, &memory) == NVML_SUCCESS, 67);
	REQUIRE(memory.total == 24576ULL << 20, 68);
	REQUIRE(nvml.nvmlDeviceSetMigMode(card, 1, &activation) == NVML_ERROR_NO_PERMISSION, 69);
	REQUIRE(nvml.nvmlDeviceGetHandleByUUID(uuids[0], &other) == NVML_ERROR_NOT_FOUND, 70);
}

static void library_without_a_node_is_not_loaded(void)
{
	enter(0);
	if (umount2("/run/tranche-guest/state", MNT_DETACH) < 0)
		_exit(95);
	load(GUEST_LIB);
	REQUIRE(nvml.nvmlInit_v2() == NVML_ERROR_DRIVER_NOT_LOADED, 71);
}

/* --- Outside --- */

static void in_container(void (*inside)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		inside();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	if (status != 0)
		fail_msg("not held: %d (status %#x)", WEXITSTATUS(status), (unsigned)status);
}

#define GUESTS                                               \
	GUEST(only_its_slice_is_there)                       \
	GUEST(another_uuid_in_the_environment_shows_nothing) \
	GUEST(environment_never_widens)                      \
	GUEST(forged_views_show_nothing)                     \
	GUEST(nothing_can_be_made_or_destroyed)              \
	GUEST(whole_card_is_seen_whole)                      \
	GUEST(library_without_a_node_is_not_loaded)

#define GUEST(name)                            \
	static void guest_##name(void **state) \
	{                                      \
		(void)state;                   \
		in_container(name);            \
	}
GUESTS
#undef GUEST

/* The slice is destroyed and cut again while a container still holds its old view. */
static int drop(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	(void)ret_err;
	memset(&now->gpus[0].gis[3], 0, sizeof(now->gpus[0].gis[3]));
	return 0;
}

static void old_container_does_not_see_the_new_slice(void **state)
{
	int go[2], ready[2], status;
	char dir[PATH_MAX], byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		unsigned n = 99;

		enter(0);
		load(GUEST_LIB);
		REQUIRE(nvml.nvmlInit_v2() == NVML_SUCCESS, 50);
		see_the_slice_alone(0);
		REQUIRE(write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1, 72);
		REQUIRE(nvml.nvmlDeviceGetCount_v2(&n) == NVML_SUCCESS && n == 0, 73);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		assert_int_equal(tr_sim_node_path("guest", "", dir, &err), 0);
		assert_int_equal(tr_sim_change(dir, drop, NULL, &err), 0);
		assert_int_equal(tr_sim_change(dir, cut, NULL, &err), 0);
		assert_int_equal(write(go[1], "x", 1), 1);
	}
	close(go[0]);
	close(go[1]);
	close(ready[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define GUEST(name) { #name, guest_##name, NULL, NULL, NULL },
		GUESTS
#undef GUEST
			cmocka_unit_test(old_container_does_not_see_the_new_slice),
	};

	return cmocka_run_group_tests(tests, make_node, room_close);
}
