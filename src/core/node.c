/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node, and the way to its driver.
 *
 * A virtual node's library may also be what the loader finds by name (`tranche virtual env`): a
 * library that lies in a virtual node's folder makes the node that one, never "hardware".
 */
#include "core/node.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/store.h"
#include "core/tell.h"
#include "sim/state/state.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char library_name[] = "libnvidia-ml.so.1";

const char *tr_version(void)
{
	return TR_VERSION;
}

static int no_node(struct tr_err *err)
{
	tr_fail(err, TR_E_NOT_FOUND,
		"this machine has no NVIDIA driver (%s), and there is no virtual node",
		library_name);
	return tr_hint(err,
		"install NVIDIA's driver, if this machine has a GPU\n"
		"tranche virtual create a100-sxm4-80gb   simulates one, if it has none");
}

static int several_nodes(const struct tr_strv *names, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < names->n; i++)
		tr_buf_addf(&list, "%s%s", i ? ", " : "", names->v[i]);
	tr_fail(err, TR_E_INVALID, "there are several virtual nodes: %s", tr_buf_str(&list));
	return tr_hint(err, "tranche --node %s ...   or   export TRANCHE_NODE=%s", names->v[0],
		names->v[0]);
}

/* The virtual node whose folder holds the library that was loaded; 1 when it is none's. */
static int node_of_library(const struct tr_nvml *api, char ret[64], struct tr_err *err)
{
	char all[PATH_MAX], path[PATH_MAX];
	Dl_info info;
	size_t len;

	if (!dladdr(__extension__(void *) api->nvmlInit_v2, &info) || !info.dli_fname ||
		!realpath(info.dli_fname, path))
		return 1;
	if (tr_run_dir(all, err) < 0 || tr_path_join(all, "virtual/", all, err) < 0)
		return -(int)err->code;
	len = strlen(all);
	if (strncmp(path, all, len) != 0 || strcspn(path + len, "/") >= 64)
		return 1;
	snprintf(ret, 64, "%.*s", (int)strcspn(path + len, "/"), path + len);
	return 0;
}

static int open_virtual(struct tr_node *node, const char *name, struct tr_err *err)
{
	TR_AUTO_FREE char *room = malloc(sizeof(struct tr_sim_node));
	struct tr_sim_node *state = (struct tr_sim_node *)(void *)room;
	char library[PATH_MAX];

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "open node '%s': out of memory", name);
	if (tr_sim_read(name, state, err) < 0) {
		if (err->code == TR_E_NOT_FOUND)
			tr_hint(err, "tranche virtual list   shows what there is");
		else if (err->code == TR_E_INVALID)
			tr_hint(err, "tranche virtual destroy --force %s   throws it away", name);
		return -(int)err->code;
	}
	if (tr_sim_node_path(name, "lib/libnvidia-ml.so.1", library, err) < 0)
		return -(int)err->code;
	snprintf(node->name, sizeof(node->name), "%s", name);
	node->is_virtual = true;
	node->scale = state->scale;
	return node->api ? 0 : tr_nvml_open(library, &node->api, err);
}

static int open_hardware(struct tr_node *node, struct tr_err *err)
{
	char name[64];
	int r;

	if (tr_nvml_open(library_name, &node->api, err) < 0) {
		if (err->code != TR_E_NOT_FOUND)
			tr_hint(err, "nvidia-smi   says whether the driver itself works");
		return -(int)err->code;
	}
	r = node_of_library(node->api, name, err);
	if (r <= 0)
		return r < 0 ? r : open_virtual(node, name, err);
	snprintf(node->name, sizeof(node->name), TR_NODE_HARDWARE);
	node->scale = 1;
	return 0;
}

static int open_chosen(struct tr_node *node, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };

	if (open_hardware(node, err) == 0)
		return 0;
	if (err->code != TR_E_NOT_FOUND)
		return -(int)err->code;
	if (tr_sim_list(&names, err) < 0)
		return -(int)err->code;
	if (names.n == 0)
		return no_node(err);
	if (names.n > 1)
		return several_nodes(&names, err);
	return open_virtual(node, names.v[0], err);
}

static int open_node(struct tr_node *node, const char *name, struct tr_err *err)
{
	int r, cuda = 0;

	if (!name || !*name)
		name = getenv("TRANCHE_NODE");
	if (!name || !*name)
		r = open_chosen(node, err);
	else if (strcmp(name, TR_NODE_HARDWARE) == 0)
		r = open_hardware(node, err);
	else
		r = open_virtual(node, name, err);
	if (r == -TR_E_NOT_FOUND && name && strcmp(name, TR_NODE_HARDWARE) == 0)
		return no_node(err);
	if (r < 0 || tr_store_open(&node->store, err) < 0)
		return -(int)err->code;
	if (TR_NVML(err, node->api, nvmlSystemGetDriverVersion,
		    (node->driver, sizeof(node->driver))) < 0)
		return tr_wrap(err, "node '%s'", node->name);
	if (node->api->nvmlSystemGetCudaDriverVersion_v2 &&
		node->api->nvmlSystemGetCudaDriverVersion_v2(&cuda) == NVML_SUCCESS)
		snprintf(node->cuda, sizeof(node->cuda), "%d.%d", cuda / 1000, cuda % 1000 / 10);
	node->as_driver = (struct tr_driver){ .version = node->driver,
		.cuda = node->cuda[0] ? node->cuda : NULL };
	return 0;
}

int tr_node_open(const char *name, struct tr_node **ret, struct tr_err *err)
{
	struct tr_node *node = calloc(1, sizeof(*node));

	if (!node)
		return tr_fail(err, TR_E_NO_MEMORY, "open the node: out of memory");
	node->clock = &tr_clock_real;
	if (open_node(node, name, err) < 0) {
		tr_node_close(node);
		return -(int)err->code;
	}
	*ret = node;
	return 0;
}

void tr_node_close(struct tr_node *node)
{
	if (!node)
		return;
	tr_store_close(node->store);
	tr_nvml_close(node->api);
	free(node);
}

const char *tr_node_name(const struct tr_node *node)
{
	return node->name;
}

bool tr_node_is_virtual(const struct tr_node *node)
{
	return node->is_virtual;
}

uint32_t tr_node_scale(const struct tr_node *node)
{
	return node->scale;
}

const char *tr_node_driver(const struct tr_node *node)
{
	return node->driver;
}

enum { LOCK_POLL_MS = 50 };

/* A virtual node's lies in its folder, and goes with it. */
static int lock_path(const struct tr_node *node, char *ret, struct tr_err *err)
{
	if (node->is_virtual)
		return tr_sim_node_path(node->name, "change.lock", ret, err);
	if (tr_run_dir(ret, err) < 0 || tr_mkdir_p(ret, 0755, err) < 0)
		return -(int)err->code;
	return tr_path_join(ret, TR_NODE_HARDWARE ".lock", ret, err);
}

static int not_ours(const struct tr_node *node, const char *path, struct tr_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_uid == 0)
		tr_fail(err, TR_E_PERMISSION,
			"to turn MIG on or off, cut slices or run models on node '%s' needs root",
			node->name);
	else
		tr_fail(err, TR_E_PERMISSION,
			"node '%s' belongs to user %u: to change it needs that user or root",
			node->name, (unsigned)st.st_uid);
	if (!node->is_virtual)
		return tr_hint(err, "the same command behind sudo");
	return tr_hint(err,
		"the same command behind sudo; or a virtual node of your own: tranche virtual "
		"create a100-sxm4-80gb --name mine");
}

/*
 * Waits for the lock. Meanwhile the driver is let go of: whoever has it open is a client of each
 * card, which keeps an Ampere card's MIG mode as it is, and the one that we wait for may want to
 * change that. Nobody has asked for a device before the lock.
 */
static int wait_for_lock(struct tr_node *node, const struct tr_change *change, const char *path,
	int *ret_fd, struct tr_err *err)
{
	int r;

	tr_tell(change, TR_STEP_WAIT, NULL, NULL, "another tranche is changing node '%s'",
		node->name);
	node->api->nvmlShutdown();
	do {
		if (tr_is_stopped(change)) {
			r = tr_fail(err, TR_E_INTERRUPTED, "interrupted while waiting");
			break;
		}
		tr_sleep_ms(&tr_clock_real, LOCK_POLL_MS);
		r = tr_lock_file(path, /* wait= */ false, ret_fd, err);
	} while (r == -TR_E_BUSY);
	/* Also after a failure: the node's end shuts it down. */
	if (node->api->nvmlInit_v2() != NVML_SUCCESS && r == 0)
		return tr_fail(
			err, TR_E_DRIVER, "node '%s': the driver does not start again", node->name);
	return r;
}

int tr_node__lock(
	struct tr_node *node, const struct tr_change *change, int *ret_fd, struct tr_err *err)
{
	char path[PATH_MAX];
	int r;

	/* A plan changes nothing, and may be asked for by those who may not change anything. */
	if (tr_is_dry(change))
		return 0;
	if (lock_path(node, path, err) < 0)
		return -(int)err->code;
	/* Tried again and again, not waited for: Ctrl-C must get through. */
	r = tr_lock_file(path, /* wait= */ false, ret_fd, err);
	if (r == -TR_E_BUSY)
		r = wait_for_lock(node, change, path, ret_fd, err);
	return r == -TR_E_PERMISSION ? not_ours(node, path, err) : r;
}
