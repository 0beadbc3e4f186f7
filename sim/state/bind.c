/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state/state_priv.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum { MIN_CPU_MILLIS = 50 }; /* less starves even the kernel's own work for a container */

uint32_t tr_sim__sweep(struct tr_sim_node *node)
{
	uint32_t n = 0;

	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		if (!node->bindings[i].in_use || tr_sim_cgroup_exists(node->bindings[i].cgroup))
			continue;
		memset(&node->bindings[i], 0, sizeof(node->bindings[i]));
		n++;
	}
	return n;
}

uint32_t tr_sim__holders(
	const struct tr_sim_node *node, uint32_t gpu_idx, char *ret, size_t ret_size)
{
	uint32_t n = 0;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		const struct tr_sim_binding *row = &node->bindings[i];

		if (!row->in_use || (gpu_idx != UINT32_MAX && row->gpu_idx != gpu_idx) ||
			!tr_sim_cgroup_exists(row->cgroup))
			continue;
		if (used < ret_size)
			used += (size_t)snprintf(ret + used, ret_size - used, "%scgroup '%s'",
				n ? ", " : "", row->cgroup);
		n++;
	}
	return n;
}

bool tr_sim_is_bound(
	const struct tr_sim_node *node, uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id)
{
	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		const struct tr_sim_binding *row = &node->bindings[i];

		if (row->in_use && row->gpu_idx == gpu_idx &&
			(gi_id == TR_SIM_WHOLE || (row->gi_id == gi_id && row->ci_id == ci_id)) &&
			tr_sim_cgroup_exists(row->cgroup))
			return true;
	}
	return false;
}

struct wish {
	const char *uuid, *cgroup;
	bool alone;
};

/* "pid 4711 (vllm) in control group '/docker/...'" */
static void say_holder(const char *cgroup, char *ret, size_t size)
{
	char path[64], comm[32] = "?";
	int32_t pid = 0;
	FILE *file;

	if (tr_sim_cgroup_pids(cgroup, &pid, 1) < 1) {
		snprintf(ret, size, "control group '%s'", cgroup);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (file && fgets(comm, sizeof(comm), file))
		comm[strcspn(comm, "\n")] = '\0';
	if (file)
		fclose(file);
	snprintf(ret, size, "pid %d (%s) in control group '%s'", (int)pid, comm, cgroup);
}

/* Does a binding of somebody else hold the slice, its card, or a slice of the card? Dead ones have
 * been swept out. */
static int check_alone(const struct tr_sim_node *node, const struct wish *wish,
	const uint32_t ids[3], struct tr_err *err)
{
	char holder[384];

	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		const struct tr_sim_binding *row = &node->bindings[i];
		bool is_same = row->gi_id == ids[1] && row->ci_id == (uint8_t)ids[2];

		if (!row->in_use || row->gpu_idx != ids[0] ||
			(!is_same && row->gi_id != TR_SIM_WHOLE && ids[1] != TR_SIM_WHOLE) ||
			strcmp(row->cgroup, wish->cgroup) == 0)
			continue;
		say_holder(row->cgroup, holder, sizeof(holder));
		return tr_fail(err, TR_E_BUSY, "'%s' is held by %s", wish->uuid, holder);
	}
	return 0;
}

static int add_binding(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	const struct wish *wish = arg;
	struct tr_sim_binding *free_row = NULL;
	uint32_t gpu_idx, gi_id, ci_id;

	if (!tr_sim_find_uuid(node, wish->uuid, &gpu_idx, &gi_id, &ci_id))
		return tr_fail(err, TR_E_NOT_FOUND, "virtual node '%s' has no '%s'", node->name,
			wish->uuid);
	tr_sim__sweep(node);
	if (wish->alone &&
		check_alone(node, wish, (const uint32_t[3]){ gpu_idx, gi_id, ci_id }, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < TR_COUNT(node->bindings); i++) {
		struct tr_sim_binding *row = &node->bindings[i];

		if (row->in_use && row->gpu_idx == gpu_idx && row->gi_id == gi_id &&
			row->ci_id == ci_id && strcmp(row->cgroup, wish->cgroup) == 0)
			return 0;
		if (!row->in_use && !free_row)
			free_row = row;
	}
	if (!free_row)
		return tr_fail(err, TR_E_NO_ROOM, "virtual node '%s' holds %d bindings already",
			node->name, TR_SIM_MAX_BINDINGS);
	free_row->in_use = 1;
	free_row->gpu_idx = (uint8_t)gpu_idx;
	free_row->gi_id = (uint8_t)gi_id;
	free_row->ci_id = (uint8_t)ci_id;
	memcpy(free_row->cgroup, wish->cgroup, strlen(wish->cgroup) + 1);
	return 0;
}

static int bind(const char *node, struct wish *wish, struct tr_err *err)
{
	const char *cgroup = wish->cgroup;
	char dir[PATH_MAX];

	if (strlen(cgroup) >= sizeof(((struct tr_sim_binding *)NULL)->cgroup) || cgroup[0] != '/')
		return tr_fail(err, TR_E_INVALID, "'%.100s' is no path of a cgroup", cgroup);
	if (!tr_sim_cgroup_exists(cgroup))
		return tr_fail(err, TR_E_NOT_FOUND, "there is no memory cgroup '%s'", cgroup);
	if (tr_sim_node_path(node, "", dir, err) < 0)
		return -(int)err->code;
	return tr_sim_change(dir, add_binding, wish, err);
}

int tr_sim_bind(const char *node, const char *uuid, const char *cgroup, struct tr_err *err)
{
	struct wish wish = { uuid, cgroup, /* alone= */ false };

	return bind(node, &wish, err) < 0 ? tr_wrap(err, "bind '%s'", uuid) : 0;
}

int tr_sim_claim(const char *node, const char *uuid, const char *cgroup, struct tr_err *err)
{
	struct wish wish = { uuid, cgroup, /* alone= */ true };

	return bind(node, &wish, err);
}

static int drop_bindings(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	const char *cgroup = arg;

	(void)err;
	tr_sim__sweep(node);
	for (size_t i = 0; i < TR_COUNT(node->bindings); i++)
		if (node->bindings[i].in_use && strcmp(node->bindings[i].cgroup, cgroup) == 0)
			memset(&node->bindings[i], 0, sizeof(node->bindings[i]));
	return 0;
}

int tr_sim_unbind(const char *node, const char *cgroup, struct tr_err *err)
{
	char dir[PATH_MAX];

	if (tr_sim_node_path(node, "", dir, err) < 0)
		return -(int)err->code;
	return tr_sim_change(dir, drop_bindings, (void *)(uintptr_t)cgroup, err);
}

/* Reads a node and finds a UUID in it. */
static int find(const char *name, const char *uuid, struct tr_sim_node *ret, uint32_t ret_ids[3],
	struct tr_err *err)
{
	if (tr_sim_read(name, ret, err) < 0)
		return -(int)err->code;
	if (!tr_sim_find_uuid(ret, uuid, &ret_ids[0], &ret_ids[1], &ret_ids[2]))
		return tr_fail(err, TR_E_NOT_FOUND, "virtual node '%s' has no '%s'", name, uuid);
	return 0;
}

int tr_sim_guest_mounts(
	const char *node, const char *uuid, struct tr_sim_guest_mounts *ret, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *state = malloc(sizeof(*state));
	struct tr_sim_guest_mounts mounts;
	uint32_t ids[3];
	char view[64];

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "guest mounts: out of memory");
	if (find(node, uuid, state, ids, err) < 0)
		return -(int)err->code;
	snprintf(view, sizeof(view), "views/%s", uuid);
	if (tr_sim_node_path(node, "lib/libnvidia-ml.so.1", mounts.library, err) < 0 ||
		tr_sim_node_path(node, "state", mounts.state_dir, err) < 0 ||
		tr_sim_node_path(node, view, mounts.view, err) < 0)
		return -(int)err->code;
	*ret = mounts;
	return 0;
}

uint32_t tr_sim_most_sm(const struct tr_gpu_model *model)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < model->n_profiles; i++)
		if (model->profiles[i].sm > most)
			most = model->profiles[i].sm;
	return most;
}

int tr_sim_slice_limits(
	const char *node, const char *uuid, struct tr_sim_limits *ret, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *state = malloc(sizeof(*state));
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t millis = (uint64_t)(online > 0 ? online : 1) * 1000, mib;
	const struct tr_gpu_product *product;
	uint32_t ids[3];

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "slice limits: out of memory");
	if (find(node, uuid, state, ids, err) < 0)
		return -(int)err->code;
	product = tr_facts_product(state->gpus[ids[0]].product_key);
	if (!product)
		return tr_fail(err, TR_E_INVALID, "GPU '%s' is unknown to this version",
			state->gpus[ids[0]].product_key);
	mib = product->model->memory_total_mib;
	if (ids[1] != TR_SIM_WHOLE) {
		const struct tr_sim_gi *gi = &state->gpus[ids[0]].gis[ids[1]];
		const struct tr_gi_profile *profile =
			tr_facts_profile_by_id(product->model, gi->profile_id);
		const struct tr_ci_profile *ci_profile = NULL;

		for (uint32_t i = 0; profile && i < profile->n_ci_profiles; i++)
			if (profile->ci_profiles[i].id == gi->cis[ids[2]].profile_id)
				ci_profile = &profile->ci_profiles[i];
		if (!ci_profile)
			return tr_fail(err, TR_E_INVALID, "the profile of '%s' is unknown", uuid);
		mib = profile->memory_mib;
		millis = millis * ci_profile->sm / tr_sim_most_sm(product->model);
	}
	ret->memory_bytes = (mib << 20) / state->scale;
	ret->cpu_millis = millis < MIN_CPU_MILLIS ? MIN_CPU_MILLIS : (uint32_t)millis;
	return 0;
}
