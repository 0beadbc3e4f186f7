/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is given of a slice: the same by every door (tranche's own runtimes, the
 * stand-in for the vendor's hook, CDI).
 */
#include "sim/state/state_priv.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Where the driver's kernel module puts the numbers of /dev/nvidia-caps: a row of 1 + 8 for each of
 * 15 GPU instances, behind "config" and "monitor". */
enum {
	CAP_FIRST = 3,
	CAPS_PER_GI = 1 + TR_SIM_MAX_CIS,
	CAPS_PER_GPU = TR_SIM_MAX_GIS * CAPS_PER_GI,
};

/* Several slices share most of what they need. */
static void add_once(struct tr_strv *list, const char *entry)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], entry) == 0)
			return;
	tr_strv_add(list, entry);
}

static void add_mount(const char *host, const char *dir, const char *name, struct tr_strv *ret)
{
	TR_AUTO_BUF entry = { 0 };

	tr_buf_addf(&entry, "%s:%s/%s:ro", host, dir, name);
	add_once(ret, tr_buf_str(&entry));
	ret->failed |= entry.failed;
}

/* Where the loader of a Debian-like and of a Red-Hat-like image looks without being told. */
static void add_library(const char *host, struct tr_strv *ret)
{
	struct utsname machine;
	char dir[sizeof(machine.machine) + 32];

	if (uname(&machine) == 0) {
		snprintf(dir, sizeof(dir), "/usr/lib/%s-linux-gnu", machine.machine);
		add_mount(host, dir, "libnvidia-ml.so.1", ret);
	}
	add_mount(host, "/usr/lib64", "libnvidia-ml.so.1", ret);
}

static int add_mounts(const char *node, const char *uuid, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *room = malloc(sizeof(struct tr_sim_guest_mounts));
	struct tr_sim_guest_mounts *mounts = (struct tr_sim_guest_mounts *)(void *)room;

	if (!mounts)
		return tr_fail(err, TR_E_NO_MEMORY, "guest mounts: out of memory");
	if (tr_sim_guest_mounts(node, uuid, mounts, err) < 0)
		return -(int)err->code;
	add_library(mounts->library, ret);
	add_mount(mounts->state_dir, TR_SIM_GUEST_DIR, "state", ret);
	add_mount(mounts->view, TR_SIM_GUEST_DIR "/view", uuid, ret);
	return tr_strv_ok(ret, err);
}

uint32_t tr_sim_cap_minor(uint32_t gpu_idx, uint32_t gi_id)
{
	return CAP_FIRST + CAPS_PER_GPU * gpu_idx + CAPS_PER_GI * gi_id;
}

static void add_device(const char *form, uint32_t number, struct tr_strv *ret)
{
	char name[64];

	snprintf(name, sizeof(name), "/dev/%s%u", form, number);
	add_once(ret, name);
}

static void add_devices(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id, struct tr_strv *ret)
{
	uint32_t cap = tr_sim_cap_minor(gpu_idx, gi_id);

	add_once(ret, "/dev/nvidiactl");
	add_once(ret, "/dev/nvidia-uvm");
	add_once(ret, "/dev/nvidia-uvm-tools");
	add_device("nvidia", gpu_idx, ret);
	if (gi_id == TR_SIM_WHOLE)
		return;
	add_device("nvidia-caps/nvidia-cap", cap, ret);
	add_device("nvidia-caps/nvidia-cap", cap + 1 + ci_id, ret);
}

int tr_sim_guest_parts(const char *node, const char *uuid, struct tr_strv *mounts,
	struct tr_strv *devices, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *state = malloc(sizeof(*state));
	uint32_t gpu_idx, gi_id, ci_id;

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "guest parts: out of memory");
	if (tr_sim_read(node, state, err) < 0)
		return -(int)err->code;
	if (!tr_sim_find_uuid(state, uuid, &gpu_idx, &gi_id, &ci_id))
		return tr_fail(err, TR_E_NOT_FOUND, "virtual node '%s' has no '%s'", node, uuid);
	if (add_mounts(node, uuid, mounts, err) < 0)
		return -(int)err->code;
	add_devices(gpu_idx, gi_id, ci_id, devices);
	return tr_strv_ok(devices, err);
}
