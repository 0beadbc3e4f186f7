/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state/state_priv.h"

#include "base/err.h"
#include "base/fs.h"
#include "sim/state/hooks.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int tr_sim__lock(const char *dir, int *ret_fd, struct tr_err *err)
{
	char path[PATH_MAX];
	struct stat held, there;

	if (tr_path_join(dir, "lock", path, err) < 0)
		return -(int)err->code;
	/* The node may be destroyed and made again while we wait: the lock that counts is the one
	 * that lies there afterwards. The file is made with the node, never here. */
	for (;;) {
		TR_AUTO_CLOSE int fd = -1;

		if (stat(path, &there) < 0)
			return tr_fail_errno(err, errno, "lock '%s'", path);
		if (tr_lock_file(path, /* wait= */ true, &fd, err) < 0)
			return -(int)err->code;
		if (fstat(fd, &held) == 0 && stat(path, &there) == 0 &&
			held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
			*ret_fd = tr_take_fd(&fd);
			return 0;
		}
	}
}

int tr_sim__read_dir(const char *dir, struct tr_sim_node *ret, struct tr_err *err)
{
	struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	char path[PATH_MAX];
	int r;

	if (tr_path_join(dir, "state/node", path, err) < 0 ||
		tr_snapshot_open(path, TR_SIM_KIND, sizeof(*ret), /* writable= */ 0, &snap, err) <
			0)
		return -(int)err->code;
	r = tr_snapshot_read(&snap, ret, NULL, err);
	tr_snapshot_close(&snap);
	if (r == 0)
		r = tr_sim_check(ret, err);
	return r < 0 ? tr_wrap(err, "read '%s'", path) : 0;
}

int tr_sim__publish(const char *dir, const struct tr_sim_node *node, struct tr_err *err)
{
	struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	char path[PATH_MAX];

	if (tr_path_join(dir, "state/node", path, err) < 0 ||
		tr_snapshot_open(path, TR_SIM_KIND, sizeof(*node), /* writable= */ 1, &snap, err) <
			0)
		return -(int)err->code;
	tr_snapshot_write(&snap, node);
	tr_snapshot_close(&snap);
	return 0;
}

int tr_sim_read(const char *name, struct tr_sim_node *ret, struct tr_err *err)
{
	char dir[PATH_MAX];
	int r = tr_sim_node_path(name, "", dir, err);

	if (r == 0)
		r = tr_sim__read_dir(dir, ret, err);
	if (r == -TR_E_NOT_FOUND)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", name);
	return r;
}

static bool has_other_modes(const struct tr_sim_node *a, const struct tr_sim_node *b)
{
	for (uint32_t g = 0; g < b->n_gpus; g++)
		if (a->gpus[g].mig_pending != b->gpus[g].mig_pending ||
			a->gpus[g].mig_current != b->gpus[g].mig_current ||
			a->gpus[g].is_passthrough != b->gpus[g].is_passthrough)
			return true;
	return false;
}

static int open_to_change(const char *dir, struct tr_snapshot *ret, struct tr_err *err)
{
	char path[PATH_MAX];

	if (tr_path_join(dir, "state/node", path, err) < 0)
		return -(int)err->code;
	return tr_snapshot_open(
		path, TR_SIM_KIND, sizeof(struct tr_sim_node), /* writable= */ 1, ret, err);
}

int tr_sim_change(const char *dir, tr_sim_change_fn *change, void *arg, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *now = malloc(sizeof(*now));
	TR_AUTO(tr_snapshot_close) struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	const struct tr_sim_node *before;
	TR_AUTO_CLOSE int lock = -1;
	int r;

	if (!now)
		return tr_fail(err, TR_E_NO_MEMORY, "change the virtual node: out of memory");
	if (tr_sim__lock(dir, &lock, err) < 0 || open_to_change(dir, &snap, err) < 0)
		return -(int)err->code;
	before = tr_snapshot_payload(&snap);
	*now = *before;
	if (tr_sim_check(now, err) < 0)
		return tr_wrap(err, "read '%s/state/node'", dir);
	r = change(now, arg, err);
	if (r != 0)
		return r;
	if (tr_sim__views_add(dir, now, err) < 0)
		return -(int)err->code;
	if (has_other_modes(before, now) && tr_sim__write_inforom(dir, now, err) < 0)
		return -(int)err->code;
	tr_snapshot_write(&snap, now);
	tr_sim__views_drop(dir, before, now);
	return 0;
}

static int reset_gpu(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	uint32_t gpu_idx = *(const uint32_t *)arg;
	struct tr_sim_gpu *gpu = &node->gpus[gpu_idx];
	char holders[512];

	if (gpu_idx >= node->n_gpus)
		return tr_fail(err, TR_E_NOT_FOUND, "virtual node '%s' has no GPU %u", node->name,
			gpu_idx);
	tr_sim__sweep(node);
	if (tr_sim__holders(node, gpu_idx, holders, sizeof(holders)))
		return tr_fail(err, TR_E_BUSY, "GPU %u is in use by %s", gpu_idx, holders);
	memset(gpu->gis, 0, sizeof(gpu->gis));
	gpu->mig_current = gpu->mig_pending;
	gpu->compute_mode = gpu->is_lost = 0;
	return 0;
}

int tr_sim_reset(const char *name, uint32_t gpu_idx, struct tr_err *err)
{
	char dir[PATH_MAX], clients[256];

	if (tr_sim_node_path(name, "", dir, err) < 0)
		return -(int)err->code;
	if (!tr_is_dir(dir))
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", name);
	if (tr_sim_node_clients(name, clients, sizeof(clients)))
		return tr_fail(err, TR_E_BUSY, "GPU %u is in use: its driver is open in %s",
			gpu_idx, clients);
	return tr_sim_change(dir, reset_gpu, &gpu_idx, err);
}

static int reload_all(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	struct {
		uint64_t dev, ino;
	} views[TR_SIM_MAX_GPUS];
	char holders[512];

	(void)arg;
	tr_sim__sweep(node);
	if (tr_sim__holders(node, UINT32_MAX, holders, sizeof(holders)))
		return tr_fail(
			err, TR_E_BUSY, "virtual node '%s' is in use by %s", node->name, holders);
	/* The folder stays, and with it the cards' view files. */
	for (uint32_t g = 0; g < node->n_gpus; g++) {
		views[g].dev = node->gpus[g].view_dev;
		views[g].ino = node->gpus[g].view_ino;
	}
	tr_sim__power_cycle(node);
	for (uint32_t g = 0; g < node->n_gpus; g++) {
		node->gpus[g].view_dev = views[g].dev;
		node->gpus[g].view_ino = views[g].ino;
	}
	return 0;
}

int tr_sim_reload(const char *name, struct tr_err *err)
{
	char dir[PATH_MAX];

	if (tr_sim_node_path(name, "", dir, err) < 0)
		return -(int)err->code;
	if (!tr_is_dir(dir))
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", name);
	return tr_sim_change(dir, reload_all, NULL, err);
}

int tr_sim_reboot(const char *name, struct tr_err *err)
{
	if (tr_sim_reload(name, err) < 0 || tr_sim_fault_clear(name, err) < 0)
		return -(int)err->code;
	/* On sets the counts to nothing. */
	if (tr_sim_trace_set(name, /* on= */ true, err) < 0)
		return -(int)err->code;
	return tr_sim_trace_set(name, /* on= */ false, err);
}

static int pass_through(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	(void)arg;
	(void)err;
	for (uint32_t g = 0; g < node->n_gpus; g++)
		node->gpus[g].is_passthrough = 1;
	return 0;
}

int tr_sim_passthrough(const char *name, struct tr_err *err)
{
	char dir[PATH_MAX];

	if (tr_sim_node_path(name, "", dir, err) < 0)
		return -(int)err->code;
	return tr_sim_change(dir, pass_through, NULL, err);
}

void tr_sim_event_add(struct tr_sim_node *node, uint32_t gpu_idx, uint64_t type, uint64_t data,
	uint32_t gi_id, uint32_t ci_id)
{
	node->events[node->n_events++ % TR_SIM_MAX_EVENTS] = (struct tr_sim_event){ .type = type,
		.data = data,
		.gpu_idx = (uint8_t)gpu_idx,
		.gi_id = (uint8_t)gi_id,
		.ci_id = (uint8_t)ci_id };
}
