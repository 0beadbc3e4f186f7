/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/node.h"

#include "base/err.h"
#include "base/paths.h"
#include "nvml/nvml.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char library[] = "libnvidia-ml.so.1";

static int load_virtual(const char *name, struct tr_nvml **ret, struct tr_err *err)
{
	char dir[PATH_MAX], rest[NAME_MAX + 64];

	if (strlen(name) > NAME_MAX || strchr(name, '/'))
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%.64s'", name);
	snprintf(rest, sizeof(rest), "virtual/%s/lib/%s", name, library);
	if (tr_run_dir(dir, err) < 0 || tr_path_join(dir, rest, dir, err) < 0)
		return -(int)err->code;
	if (access(dir, F_OK) != 0) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", name);
		return tr_hint(err, "tranche virtual list");
	}
	return tr_nvml_load(dir, ret, err);
}

/* How many virtual nodes this user has; ret_name is one of them. */
static size_t count_virtual(char ret_name[NAME_MAX + 1], struct tr_err *err)
{
	char dir[PATH_MAX];
	size_t n = 0;
	DIR *d;

	if (tr_run_dir(dir, err) < 0 || tr_path_join(dir, "virtual", dir, err) < 0)
		return 0;
	d = opendir(dir);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		char path[PATH_MAX + NAME_MAX + 64];

		snprintf(path, sizeof(path), "%s/%s/lib/%s", dir, e->d_name, library);
		if (e->d_name[0] == '.' || access(path, F_OK) != 0)
			continue;
		snprintf(ret_name, NAME_MAX + 1, "%s", e->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static int load_chosen(struct tr_nvml **ret, struct tr_err *err)
{
	char name[NAME_MAX + 1] = "";
	size_t n;

	if (tr_nvml_load(library, ret, err) == 0)
		return 0;
	n = count_virtual(name, err);
	if (n == 1)
		return load_virtual(name, ret, err);
	if (n > 1) {
		tr_fail(err, TR_E_INVALID, "there are several virtual nodes");
		return tr_hint(err, "tranche --node %s smi", name);
	}
	tr_fail(err, TR_E_NOT_FOUND, "this machine has no NVIDIA driver, and no virtual node");
	return tr_hint(err, "tranche virtual create a100-80gb");
}

/* By the file that the loader took, since LD_LIBRARY_PATH may name a virtual node's, too. */
static bool is_in_virtual_dir(const struct tr_nvml *api)
{
	char all[PATH_MAX], path[PATH_MAX];
	struct tr_err err;
	Dl_info info;

	if (!dladdr(__extension__(void *) api->nvmlInit_v2, &info) || !info.dli_fname ||
		!realpath(info.dli_fname, path) || tr_run_dir(all, &err) < 0 ||
		tr_path_join(all, "virtual/", all, &err) < 0)
		return false;
	return strncmp(path, all, strlen(all)) == 0;
}

int tr_smi__load(const char *node, struct tr_nvml **ret, bool *ret_is_virtual, struct tr_err *err)
{
	int r;

	if (!node || !*node)
		node = getenv("TRANCHE_NODE");
	if (!node || !*node)
		r = load_chosen(ret, err);
	else if (strcmp(node, "hardware") == 0)
		r = tr_nvml_load(library, ret, err);
	else
		r = load_virtual(node, ret, err);
	if (r == 0)
		*ret_is_virtual = is_in_virtual_dir(*ret);
	return r;
}
