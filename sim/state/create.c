/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes come and go as whole folders. A new one is built as ".new-NAME" and renamed into place, an
 * old one is renamed to ".old-NAME" and then removed; one lock is held all the while, so whoever
 * gets the lock and finds such a folder knows that its maker was killed, and sweeps it.
 */
#include "sim/state/hooks.h"
#include "sim/state/state_priv.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_LIBRARY_BYTES = 64 << 20 };

/* Where one node lives, and the folders that hold all nodes. */
struct place {
	char run_all[PATH_MAX], run[PATH_MAX], run_new[PATH_MAX], run_old[PATH_MAX];
	char var_all[PATH_MAX], var[PATH_MAX], var_new[PATH_MAX], var_old[PATH_MAX];
	int run_lock, var_lock;
};

static void place_done(struct place *place)
{
	tr_closep(&place->var_lock);
	tr_closep(&place->run_lock);
}

static int place_side(int (*root)(char *, struct tr_err *), const char *name, char *ret_all,
	char *ret[3], struct tr_err *err)
{
	static const char *const prefixes[3] = { "", ".new-", ".old-" };
	char entry[TR_SIM_NAME_MAX + 8], base[PATH_MAX];

	if (root(base, err) < 0 || tr_path_join(base, "virtual", ret_all, err) < 0)
		return -(int)err->code;
	for (int i = 0; i < 3; i++) {
		snprintf(entry, sizeof(entry), "%s%s", prefixes[i], name);
		if (tr_path_join(ret_all, entry, ret[i], err) < 0)
			return -(int)err->code;
	}
	return 0;
}

/* Removes what killed makers left behind; the caller holds the lock. */
static int sweep_folder(const char *all, struct tr_err *err)
{
	DIR *dir = opendir(all);
	struct dirent *entry;
	char path[PATH_MAX];
	int r = 0;

	if (!dir)
		return tr_fail_errno(err, errno, "read folder '%s'", all);
	while (r == 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, ".new-", 5) != 0 &&
			strncmp(entry->d_name, ".old-", 5) != 0)
			continue;
		r = tr_path_join(all, entry->d_name, path, err);
		if (r == 0)
			r = tr_rm_tree(path, err);
	}
	closedir(dir);
	return r;
}

static int lock_side(const char *all, int *ret_lock, struct tr_err *err)
{
	char path[PATH_MAX];

	if (tr_mkdir_p(all, 0755, err) < 0 || tr_path_join(all, ".lock", path, err) < 0 ||
		tr_lock_file(path, /* wait= */ true, ret_lock, err) < 0)
		return -(int)err->code;
	return sweep_folder(all, err);
}

/* Whoever locks both sides of one folder waits for itself. */
static int check_two_sides(const struct place *place, struct tr_err *err)
{
	struct stat run, var;

	if (stat(place->run_all, &run) < 0 || stat(place->var_all, &var) < 0 ||
		run.st_dev != var.st_dev || run.st_ino != var.st_ino)
		return 0;
	tr_fail(err, TR_E_INVALID, "'%s' is to hold what goes with a reboot and what stays",
		place->run_all);
	return tr_hint(err, "give TRANCHE_RUN_DIR and TRANCHE_STATE_DIR folders of their own");
}

/* Finds both folders of a node and takes the makers' lock of both sides. */
static int place_open(struct place *ret, const char *name, struct tr_err *err)
{
	char *run[3] = { ret->run, ret->run_new, ret->run_old };
	char *var[3] = { ret->var, ret->var_new, ret->var_old };

	if (tr_sim__check_name(name, err) < 0 ||
		place_side(tr_run_dir, name, ret->run_all, run, err) < 0 ||
		place_side(tr_state_dir, name, ret->var_all, var, err) < 0 ||
		lock_side(ret->run_all, &ret->run_lock, err) < 0 || check_two_sides(ret, err) < 0)
		return -(int)err->code;
	return lock_side(ret->var_all, &ret->var_lock, err);
}

static int make_dir(const char *dir, const char *name, char *ret, struct tr_err *err)
{
	if (tr_path_join(dir, name, ret, err) < 0)
		return -(int)err->code;
	if (mkdir(ret, 0755) < 0)
		return tr_fail_errno(err, errno, "make folder '%s'", ret);
	return chmod(ret, 0755) < 0 ? tr_fail_errno(err, errno, "make folder '%s'", ret) : 0;
}

static int copy_library(const char *library, const char *dir, struct tr_err *err)
{
	TR_AUTO_FREE char *bytes = NULL;
	char path[PATH_MAX];
	size_t len = 0;

	if (make_dir(dir, "lib", path, err) < 0 ||
		tr_path_join(path, "libnvidia-ml.so", path, err) < 0)
		return -(int)err->code;
	if (symlink("libnvidia-ml.so.1", path) < 0)
		return tr_fail_errno(err, errno, "make '%s'", path);
	if (tr_path_join(dir, "lib/libnvidia-ml.so.1", path, err) < 0 ||
		tr_read_file(library, MAX_LIBRARY_BYTES, &bytes, &len, err) < 0)
		return -(int)err->code;
	return tr_write_file(path, 0755, bytes, len, err);
}

/* Builds the folder RUN/virtual/.new-NAME: all that lies there, complete. */
static int build_run(const struct place *place, struct tr_sim_node *node, const char *library,
	struct tr_err *err)
{
	const char *dir = place->run_new;
	TR_AUTO_CLOSE int lock = -1;
	char path[PATH_MAX];

	if (make_dir(dir, "", path, err) < 0 || copy_library(library, dir, err) < 0 ||
		make_dir(dir, "views", path, err) < 0)
		return -(int)err->code;
	for (uint32_t g = 0; g < node->n_gpus; g++)
		if (tr_sim__view_make(dir, "GPU-", node->gpus[g].uuid, &node->gpus[g].view_dev,
			    &node->gpus[g].view_ino, err) < 0)
			return -(int)err->code;
	if (tr_path_join(dir, "var", path, err) < 0)
		return -(int)err->code;
	if (symlink(place->var, path) < 0)
		return tr_fail_errno(err, errno, "make '%s'", path);
	if (tr_path_join(dir, "lock", path, err) < 0 ||
		tr_lock_file(path, /* wait= */ true, &lock, err) < 0 ||
		make_dir(dir, "state", path, err) < 0 || tr_sim__hooks_make(path, err) < 0 ||
		tr_path_join(path, "node", path, err) < 0)
		return -(int)err->code;
	return tr_snapshot_create(path, TR_SIM_KIND, node, sizeof(*node), 0644, err);
}

static int move_in(const char *from, const char *to, struct tr_err *err)
{
	return rename(from, to) < 0 ? tr_fail_errno(err, errno, "make '%s'", to) : 0;
}

/* Builds VAR/virtual/NAME, in place of what an earlier node of this name left. */
static int install_var(
	const struct place *place, const struct tr_sim_node *node, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *cold = malloc(sizeof(*cold));
	char path[PATH_MAX];

	if (!cold)
		return tr_fail(err, TR_E_NO_MEMORY, "make the virtual node: out of memory");
	*cold = *node;
	tr_sim__power_cycle(cold);
	if (make_dir(place->var_new, "", path, err) < 0 ||
		tr_path_join(path, "inforom", path, err) < 0 ||
		tr_snapshot_create(path, TR_SIM_KIND, cold, sizeof(*cold), 0644, err) < 0 ||
		tr_rm_tree(place->var, err) < 0)
		return -(int)err->code;
	return move_in(place->var_new, place->var, err);
}

static int install_run(const struct place *place, struct tr_sim_node *node, const char *library,
	struct tr_err *err)
{
	if (build_run(place, node, library, err) < 0)
		return -(int)err->code;
	return move_in(place->run_new, place->run, err);
}

static int exists_already(const char *name, struct tr_err *err)
{
	return tr_fail(err, TR_E_EXISTS, "there is a virtual node '%s' already", name);
}

static int fill_gpu(struct tr_sim_node *node, uint32_t g, const struct tr_sim_gpu_spec *spec,
	struct tr_err *err)
{
	struct tr_sim_gpu *gpu = &node->gpus[g];

	if (spec->product->model->has_mig && spec->product->model->n_places[spec->chip] == 0)
		return tr_fail(err, TR_E_INVALID, "a '%s' comes in one kind of chip only",
			spec->product->key);
	snprintf(gpu->product_key, sizeof(gpu->product_key), "%s", spec->product->key);
	gpu->chip_kind = (uint8_t)spec->chip;
	gpu->pci_bus = 0x10 + 8 * g;
	tr_sim_gpu_identity(node->name, g, gpu);
	return 0;
}

int tr_sim_create(const char *name, const struct tr_sim_gpu_spec *gpus, uint32_t n_gpus,
	uint32_t scale, const char *library, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *node = calloc(1, sizeof(*node));
	TR_AUTO(place_done) struct place place = { .run_lock = -1, .var_lock = -1 };

	if (!node)
		return tr_fail(err, TR_E_NO_MEMORY, "make virtual node: out of memory");
	if (tr_sim__check_name(name, err) < 0)
		return -(int)err->code;
	if (n_gpus == 0 || n_gpus > TR_SIM_MAX_GPUS)
		return tr_fail(err, TR_E_INVALID, "a virtual node has 1 to %d GPUs, not %u",
			TR_SIM_MAX_GPUS, n_gpus);
	if (scale == 0)
		return tr_fail(err, TR_E_INVALID, "the scale must be 1 or more");
	snprintf(node->name, sizeof(node->name), "%s", name);
	node->scale = scale;
	node->n_gpus = n_gpus;
	for (uint32_t g = 0; g < n_gpus; g++)
		if (fill_gpu(node, g, &gpus[g], err) < 0)
			return -(int)err->code;
	if (place_open(&place, name, err) < 0)
		return tr_wrap(err, "make virtual node '%s'", name);
	if (tr_is_dir(place.run))
		return exists_already(name, err);
	if (install_var(&place, node, err) < 0 || install_run(&place, node, library, err) < 0)
		return tr_wrap(err, "make virtual node '%s'", name);
	return 0;
}

int tr_sim_restore(const char *name, const char *library, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *node = calloc(1, sizeof(*node));
	TR_AUTO(place_done) struct place place = { .run_lock = -1, .var_lock = -1 };
	struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	char path[PATH_MAX];
	int r;

	if (!node)
		return tr_fail(err, TR_E_NO_MEMORY, "restore virtual node: out of memory");
	if (place_open(&place, name, err) < 0)
		return tr_wrap(err, "restore virtual node '%s'", name);
	if (tr_is_dir(place.run))
		return exists_already(name, err);
	if (tr_path_join(place.var, "inforom", path, err) < 0)
		return -(int)err->code;
	if (!tr_is_file(path))
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", name);
	if (tr_snapshot_open(path, TR_SIM_KIND, sizeof(*node), 0, &snap, err) < 0)
		return tr_wrap(err, "restore virtual node '%s'", name);
	r = tr_snapshot_read(&snap, node, NULL, err);
	tr_snapshot_close(&snap);
	if (r == 0)
		r = tr_sim_check(node, err);
	if (r == 0)
		r = install_run(&place, node, library, err);
	return r < 0 ? tr_wrap(err, "restore virtual node '%s'", name) : 0;
}

/* The node at `place.run` is told to its readers as gone, then moved out of the way. */
static int retire_run(const struct place *place, bool force, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *node = malloc(sizeof(*node));
	TR_AUTO_CLOSE int lock = -1;
	char holders[512];

	if (!node)
		return tr_fail(err, TR_E_NO_MEMORY, "out of memory");
	/* A folder that is no node, or one of another version: only its removal is left. */
	if (tr_sim__lock(place->run, &lock, err) < 0 ||
		tr_sim__read_dir(place->run, node, err) < 0) {
		if (err->code == TR_E_PERMISSION || !force)
			return -(int)err->code;
		return move_in(place->run, place->run_old, err);
	}
	if (!force && tr_sim__holders(node, UINT32_MAX, holders, sizeof(holders)))
		return tr_fail(err, TR_E_BUSY, "it is in use by %s", holders);
	if (move_in(place->run, place->run_old, err) < 0)
		return -(int)err->code;
	node->n_gpus = 0;
	return tr_sim__publish(place->run_old, node, err);
}

int tr_sim_destroy(const char *name, bool force, struct tr_err *err)
{
	TR_AUTO(place_done) struct place place = { .run_lock = -1, .var_lock = -1 };
	bool has_run, has_var;

	if (place_open(&place, name, err) < 0)
		return tr_wrap(err, "destroy virtual node '%s'", name);
	has_run = tr_is_dir(place.run);
	has_var = tr_is_dir(place.var);
	if (!has_run && !has_var)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", name);
	if (has_run && retire_run(&place, force, err) < 0)
		return tr_wrap(err, "destroy virtual node '%s'", name);
	if (has_var && move_in(place.var, place.var_old, err) < 0)
		return tr_wrap(err, "destroy virtual node '%s'", name);
	if (tr_rm_tree(place.run_old, err) < 0 || tr_rm_tree(place.var_old, err) < 0)
		return tr_wrap(err, "destroy virtual node '%s'", name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int tr_sim_list(struct tr_strv *ret, struct tr_err *err)
{
	char all[PATH_MAX], path[PATH_MAX], file[NAME_MAX + 16];
	TR_AUTO_STRV names = { 0 };
	TR_AUTO_CLOSE int lock = -1;
	struct tr_err ignored;
	struct dirent *entry;
	DIR *dir;

	if (tr_run_dir(all, err) < 0 || tr_path_join(all, "virtual", all, err) < 0 ||
		tr_path_join(all, ".lock", path, err) < 0)
		return -(int)err->code;
	dir = opendir(all);
	if (!dir && errno != ENOENT)
		return tr_fail_errno(err, errno, "read folder '%s'", all);
	/* Sweeping is a favour: whoever may not, or finds a maker at work, just reads. */
	if (dir && tr_lock_file(path, /* wait= */ false, &lock, &ignored) == 0)
		sweep_folder(all, &ignored);
	while (dir && (entry = readdir(dir))) {
		snprintf(file, sizeof(file), "%s/state/node", entry->d_name);
		if (entry->d_name[0] != '.' && tr_path_join(all, file, path, &ignored) == 0 &&
			tr_is_file(path))
			tr_strv_add(&names, entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (tr_strv_ok(&names, err) < 0)
		return -(int)err->code;
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	*ret = names;
	names = (struct tr_strv){ 0 };
	return 0;
}
