/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state/state_priv.h"

#include "base/err.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int view_path(
	const char *dir, const char *prefix, const uint8_t uuid[16], char *ret, struct tr_err *err)
{
	char name[64] = "views/";

	tr_sim_uuid_text(prefix, uuid, name + 6);
	return tr_path_join(dir, name, ret, err);
}

int tr_sim__view_make(const char *dir, const char *prefix, const uint8_t uuid[16],
	uint64_t *ret_dev, uint64_t *ret_ino, struct tr_err *err)
{
	TR_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];
	struct stat st;

	if (view_path(dir, prefix, uuid, path, err) < 0)
		return -(int)err->code;
	/* One that is there belongs to a slice of the past, or to a writer that was killed. A
	 * container that still holds it must not see the new slice. */
	if (unlink(path) < 0 && errno != ENOENT)
		return tr_fail_errno(err, errno, "replace '%s'", path);
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
	if (fd < 0 || fchmod(fd, 0444) < 0 || fstat(fd, &st) < 0)
		return tr_fail_errno(err, errno, "make '%s'", path);
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return 0;
}

/* The compute instance at a place, NULL when there is none. */
static struct tr_sim_ci *ci_at(struct tr_sim_node *node, uint32_t g, uint32_t i, uint32_t c)
{
	struct tr_sim_gi *gi = &node->gpus[g].gis[i];

	return g < node->n_gpus && gi->exists && gi->cis[c].exists ? &gi->cis[c] : NULL;
}

static const struct tr_sim_ci *const_ci_at(
	const struct tr_sim_node *node, uint32_t g, uint32_t i, uint32_t c)
{
	const struct tr_sim_gi *gi = &node->gpus[g].gis[i];

	return g < node->n_gpus && gi->exists && gi->cis[c].exists ? &gi->cis[c] : NULL;
}

int tr_sim__views_add(const char *dir, struct tr_sim_node *now, struct tr_err *err)
{
	for (uint32_t g = 0; g < now->n_gpus; g++) {
		for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
			for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
				struct tr_sim_ci *ci = ci_at(now, g, i, c);

				if (ci && ci->view_ino == 0 &&
					tr_sim__view_make(dir, "MIG-", ci->uuid, &ci->view_dev,
						&ci->view_ino, err) < 0)
					return -(int)err->code;
			}
		}
	}
	return 0;
}

void tr_sim__views_drop(
	const char *dir, const struct tr_sim_node *before, const struct tr_sim_node *now)
{
	char path[PATH_MAX];
	struct tr_err ignored;

	for (uint32_t g = 0; g < before->n_gpus; g++) {
		for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
			for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
				const struct tr_sim_ci *old = const_ci_at(before, g, i, c);

				if (old && !const_ci_at(now, g, i, c) &&
					view_path(dir, "MIG-", old->uuid, path, &ignored) == 0)
					unlink(path);
			}
		}
	}
}

void tr_sim__power_cycle(struct tr_sim_node *node)
{
	memset(node->bindings, 0, sizeof(node->bindings));
	for (uint32_t g = 0; g < node->n_gpus; g++) {
		struct tr_sim_gpu *gpu = &node->gpus[g];
		const struct tr_gpu_product *product = tr_facts_product(gpu->product_key);
		bool kept = product && product->model->mig_mode_survives_reboot;

		memset(gpu->gis, 0, sizeof(gpu->gis));
		gpu->mig_pending = kept ? gpu->mig_pending : 0;
		gpu->mig_current = gpu->mig_pending;
		gpu->persistence_mode = gpu->compute_mode = gpu->is_lost = 0;
		gpu->view_dev = gpu->view_ino = 0;
	}
}

int tr_sim__write_inforom(const char *dir, const struct tr_sim_node *node, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *cold = malloc(sizeof(*cold));
	char path[PATH_MAX], temp[PATH_MAX];

	if (!cold)
		return tr_fail(err, TR_E_NO_MEMORY, "write the InfoROM: out of memory");
	*cold = *node;
	tr_sim__power_cycle(cold);
	if (tr_path_join(dir, "var/inforom", path, err) < 0 ||
		tr_path_join(dir, "var/inforom.new", temp, err) < 0)
		return -(int)err->code;
	unlink(temp);
	if (tr_snapshot_create(temp, TR_SIM_KIND, cold, sizeof(*cold), 0644, err) < 0)
		return tr_wrap(err, "write the InfoROM");
	if (rename(temp, path) < 0)
		return tr_fail_errno(err, errno, "write the InfoROM '%s'", path);
	return 0;
}
