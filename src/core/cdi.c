/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec holds what every door gives (sim/state/guest.c), as CDI says it. Limits and the hold on
 * the slice CDI has no words for: its hook is our stand-in for the vendor's, which does just that.
 */
#include "core/cdi.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/node.h"
#include "run/specs.h"
#include "sim/state/state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define KIND "nvidia.com/gpu"
#define HOOK "nvidia-container-runtime-hook"

enum { SPEC_MAX = 8 << 20 };

/* --- Which slices and cards --- */

/* What there is, each by UUID and by the number that the vendor's own specs give it: "0" a card,
 * "0:1" a slice. Newer dockers take "--gpus device=0:1" for such a name, and "--gpus all" for
 * "all".
 */
struct all {
	struct tr_strv uuids, numbers;
};

static void all_done(struct all *all)
{
	tr_strv_done(&all->uuids);
	tr_strv_done(&all->numbers);
}

static void add_uuid(const char *prefix, const uint8_t uuid[16], struct tr_strv *ret)
{
	char text[41];

	tr_sim_uuid_text(prefix, uuid, text);
	tr_strv_add(ret, text);
}

static void add_slices(const struct tr_sim_gpu *gpu, uint32_t idx, struct all *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		for (uint32_t c = 0; gpu->gis[i].exists && c < TR_SIM_MAX_CIS; c++) {
			if (!gpu->gis[i].cis[c].exists)
				continue;
			add_uuid("MIG-", gpu->gis[i].cis[c].uuid, &ret->uuids);
			tr_strv_addf(&ret->numbers, "%u:%u", idx, n++);
		}
	}
}

static int list_all(const char *node, struct all *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *room = malloc(sizeof(struct tr_sim_node));
	struct tr_sim_node *state = (struct tr_sim_node *)(void *)room;

	if (!room)
		return tr_fail(err, TR_E_NO_MEMORY, "make a CDI spec: out of memory");
	if (tr_sim_read(node, state, err) < 0)
		return -(int)err->code;
	for (uint32_t g = 0; g < state->n_gpus; g++) {
		if (state->gpus[g].mig_current) {
			add_slices(&state->gpus[g], g, ret);
			continue;
		}
		add_uuid("GPU-", state->gpus[g].uuid, &ret->uuids);
		tr_strv_addf(&ret->numbers, "%u", g);
	}
	return tr_strv_ok(&ret->uuids, err) < 0 ? -(int)err->code : tr_strv_ok(&ret->numbers, err);
}

/* --- The spec --- */

/* "HOST:TARGET:ro" */
static json_t *mount_of(const char *mount)
{
	const char *target = strchr(mount, ':') + 1;

	return json_pack("{s:s%, s:s%, s:[s,s,s,s]}", "hostPath", mount,
		(size_t)(target - 1 - mount), "containerPath", target, strcspn(target, ":"),
		"options", "ro", "nosuid", "nodev", "bind");
}

static json_t *device_of(const char *path, const struct stat *st)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:s}", "path", path, "hostPath", TR_SIM_DEVICE,
		"type", "c", "major", (int)major(st->st_rdev), "minor", (int)minor(st->st_rdev),
		"permissions", "rw");
}

/* One name for some of what there is. */
static int add_device(const char *node, const char *name, char *const *uuids, size_t n,
	json_t *list, struct tr_err *err)
{
	TR_AUTO_STRV mounts = { 0 }, devices = { 0 };
	json_t *nodes, *binds;
	struct stat st;

	for (size_t i = 0; i < n; i++)
		if (tr_sim_guest_parts(node, uuids[i], &mounts, &devices, err) < 0)
			return -(int)err->code;
	if (stat(TR_SIM_DEVICE, &st) < 0)
		return tr_fail_errno(err, errno, "look at '%s'", TR_SIM_DEVICE);
	nodes = json_array();
	binds = json_array();
	for (size_t i = 0; i < devices.n; i++)
		json_array_append_new(nodes, device_of(devices.v[i], &st));
	for (size_t i = 0; i < mounts.n; i++)
		json_array_append_new(binds, mount_of(mounts.v[i]));
	if (json_array_append_new(
		    list, json_pack("{s:s, s:{s:o, s:o}}", "name", name, "containerEdits",
				  "deviceNodes", nodes, "mounts", binds)) < 0)
		return tr_fail(err, TR_E_NO_MEMORY, "make a CDI spec: out of memory");
	return 0;
}

/* NVIDIA_VISIBLE_DEVICES is for the vendor's own way: with CDI it says nothing. */
static json_t *edits_of_all(const char *hook, const char *run_dir)
{
	TR_AUTO_BUF entry = { 0 };

	tr_buf_addf(&entry, "TRANCHE_RUN_DIR=%s", run_dir);
	return json_pack("{s:[s], s:[{s:s, s:s, s:[s,s], s:[s]}]}", "env",
		"NVIDIA_VISIBLE_DEVICES=void", "hooks", "hookName", "createRuntime", "path", hook,
		"args", HOOK, "hold", "env", tr_buf_str(&entry));
}

static int add_devices(const char *node, const struct all *all, json_t *list, struct tr_err *err)
{
	char *const *uuids = all->uuids.v;
	size_t n = all->uuids.n;

	for (size_t i = 0; i < n; i++)
		if (add_device(node, uuids[i], &uuids[i], 1, list, err) < 0 ||
			add_device(node, all->numbers.v[i], &uuids[i], 1, list, err) < 0)
			return -(int)err->code;
	return n ? add_device(node, "all", uuids, n, list, err) : 0;
}

static int fill_spec(const char *node, const struct all *all, json_t *spec, struct tr_err *err)
{
	char hook[PATH_MAX], run_dir[PATH_MAX];
	json_t *devices = json_array();
	int r;

	if (json_object_set_new(spec, "devices", devices) < 0)
		return tr_fail(err, TR_E_NO_MEMORY, "make a CDI spec: out of memory");
	if (add_devices(node, all, devices, err) < 0)
		return -(int)err->code;
	if (tr_part_find(HOOK, hook, err) < 0 || tr_run_dir(run_dir, err) < 0)
		return -(int)err->code;
	r = json_object_set_new(spec, "containerEdits", edits_of_all(hook, run_dir));
	return r < 0 ? tr_fail(err, TR_E_NO_MEMORY, "make a CDI spec: out of memory") : 0;
}

static int make_spec(const char *node, char **ret, struct tr_err *err)
{
	TR_AUTO(all_done) struct all all = { 0 };
	json_t *spec;
	int r;

	if (list_all(node, &all, err) < 0)
		return -(int)err->code;
	spec = json_pack("{s:s, s:s}", "cdiVersion", "0.5.0", "kind", KIND);
	r = spec ? fill_spec(node, &all, spec, err)
		 : tr_fail(err, TR_E_NO_MEMORY, "make a CDI spec: out of memory");
	if (r == 0) {
		*ret = json_dumps(spec, JSON_INDENT(2));
		if (!*ret)
			r = tr_fail(err, TR_E_NO_MEMORY, "make a CDI spec: out of memory");
	}
	json_decref(spec);
	return r;
}

/* --- The file that is kept --- */

char *tr_cdi_kept(const char *node)
{
	char link[PATH_MAX], target[PATH_MAX];
	struct tr_err ignored;
	ssize_t len;

	if (tr_sim_node_path(node, "cdi", link, &ignored) < 0)
		return NULL;
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return NULL;
	target[len] = '\0';
	return strdup(target);
}

void tr_cdi_refresh(const char *node)
{
	TR_AUTO_FREE char *file = tr_cdi_kept(node);
	TR_AUTO_FREE char *spec = NULL;
	struct tr_err ignored;

	if (file && make_spec(node, &spec, &ignored) == 0)
		tr_write_file(file, 0644, spec, strlen(spec), &ignored);
}

static int keep(const char *node, const char *file, struct tr_err *err)
{
	char link[PATH_MAX], temp[PATH_MAX];

	if (tr_sim_node_path(node, "cdi", link, err) < 0 ||
		tr_sim_node_path(node, "cdi.new", temp, err) < 0)
		return -(int)err->code;
	if ((unlink(temp) < 0 && errno != ENOENT) || symlink(file, temp) < 0 ||
		rename(temp, link) < 0)
		return tr_fail_errno(err, errno, "keep '%s' in step", file);
	return 0;
}

/* The full path of a file that may not be there yet. */
static int full_path(const char *file, char ret[PATH_MAX], struct tr_err *err)
{
	const char *end = strrchr(file, '.'), *slash = strrchr(file, '/');
	char dir[PATH_MAX];

	if (!end || strcmp(end, ".json") != 0 || end == file || end[-1] == '/') {
		tr_fail(err, TR_E_INVALID,
			"'%s' does not end in .json: podman and docker would not read it", file);
		return tr_hint(err, "tranche cdi generate --output /var/run/cdi/tranche.json");
	}
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
	if (tr_mkdir_p(dir[0] ? dir : "/", 0755, err) < 0)
		return -(int)err->code;
	if (!realpath(dir[0] ? dir : "/", ret))
		return tr_fail_errno(err, errno, "find '%s'", dir);
	return tr_path_join(ret, slash ? slash + 1 : file, ret, err);
}

static int only_virtual(const struct tr_node *node, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF command = { 0 };

	if (node->is_virtual)
		return 0;
	tr_specs_command(&argv);
	tr_strv_quote(&argv, &command);
	tr_fail(err, TR_E_UNSUPPORTED,
		"node '%s' has a driver: its CDI spec is made by the vendor's tool", node->name);
	return tr_hint(err, "%s", tr_buf_str(&command));
}

int tr_cdi_spec(struct tr_node *node, char **ret, struct tr_err *err)
{
	return only_virtual(node, err) < 0 ? -(int)err->code : make_spec(node->name, ret, err);
}

int tr_cdi_generate(struct tr_node *node, const char *file, char **ret_dropped, struct tr_err *err)
{
	TR_AUTO_FREE char *spec = NULL;
	TR_AUTO_FREE char *before = NULL;
	TR_AUTO_CLOSE int lock = -1;
	char path[PATH_MAX];

	if (only_virtual(node, err) < 0 || full_path(file, path, err) < 0 ||
		tr_node__lock(node, /* change= */ NULL, &lock, err) < 0)
		return -(int)err->code;
	before = tr_cdi_kept(node->name);
	if (make_spec(node->name, &spec, err) < 0 ||
		tr_write_file(path, 0644, spec, strlen(spec), err) < 0 ||
		keep(node->name, path, err) < 0)
		return -(int)err->code;
	*ret_dropped = NULL;
	/* Two files with the same names: podman and docker would take neither. */
	if (before && strcmp(before, path) != 0 && unlink(before) == 0)
		*ret_dropped = TR_TAKE(before);
	return 0;
}

static bool is_fresh(const char *file, const char *spec)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;

	return tr_read_file(file, SPEC_MAX, &text, NULL, &ignored) == 0 && strcmp(text, spec) == 0;
}

static int fill(const char *node, struct tr_cdi *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *spec = NULL;
	TR_AUTO(all_done) struct all all = { 0 };

	if (list_all(node, &all, err) < 0 || make_spec(node, &spec, err) < 0)
		return -(int)err->code;
	ret->names = calloc(all.uuids.n + 1, sizeof(*ret->names));
	if (!ret->names)
		return tr_fail(err, TR_E_NO_MEMORY, "list CDI names: out of memory");
	for (size_t i = 0; i < all.uuids.n; i++)
		snprintf(ret->names[i], sizeof(ret->names[i]), KIND "=%s", all.uuids.v[i]);
	ret->n = all.uuids.n;
	ret->file = tr_cdi_kept(node);
	ret->is_fresh = ret->file && is_fresh(ret->file, spec);
	return 0;
}

int tr_cdi_get(struct tr_node *node, struct tr_cdi **ret, struct tr_err *err)
{
	struct tr_cdi *cdi;

	if (only_virtual(node, err) < 0)
		return -(int)err->code;
	cdi = calloc(1, sizeof(*cdi));
	if (!cdi)
		return tr_fail(err, TR_E_NO_MEMORY, "list CDI names: out of memory");
	if (fill(node->name, cdi, err) < 0) {
		tr_cdi_free(cdi);
		return -(int)err->code;
	}
	*ret = cdi;
	return 0;
}

void tr_cdi_free(struct tr_cdi *cdi)
{
	if (!cdi)
		return;
	free(cdi->names);
	free(cdi->file);
	free(cdi);
}
