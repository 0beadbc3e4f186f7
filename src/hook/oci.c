/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/hook.h"

#include "base/err.h"
#include "base/paths.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

void tr_hook_container_done(struct tr_hook_container *container)
{
	free(container->root);
	free(container->visible);
	tr_strv_done(&container->env);
	*container = (struct tr_hook_container){ 0 };
}

static int read_env(const json_t *config, struct tr_strv *ret, struct tr_err *err)
{
	const json_t *env = json_object_get(json_object_get(config, "process"), "env"), *entry;
	size_t i;

	json_array_foreach (env, i, entry)
		if (json_is_string(entry))
			tr_strv_add(ret, json_string_value(entry));
	return tr_strv_ok(ret, err);
}

/* The last one counts, as in a process's own environment. */
static const char *env_of(const struct tr_strv *env, const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=')
			found = env->v[i] + len + 1;
	return found;
}

/* The slices whose views a CDI spec mounts, as a list; malloc'd. */
static char *mounted(const json_t *config)
{
	static const char place[] = TR_SIM_GUEST_DIR "/view/";
	const json_t *mounts = json_object_get(config, "mounts"), *mount;
	TR_AUTO_BUF list = { 0 };
	size_t i;

	tr_buf_puts(&list, "");
	json_array_foreach (mounts, i, mount) {
		const char *target = json_string_value(json_object_get(mount, "destination"));

		if (target && strncmp(target, place, sizeof(place) - 1) == 0)
			tr_buf_addf(&list, "%s%s", list.len ? "," : "", target + sizeof(place) - 1);
	}
	return tr_buf_take(&list);
}

static int read_root(const char *bundle, const json_t *config, char **ret, struct tr_err *err)
{
	const char *root =
		json_string_value(json_object_get(json_object_get(config, "root"), "path"));
	char path[PATH_MAX];

	if (!root || !*root)
		return tr_fail(err, TR_E_INVALID, "the container's config.json names no root");
	/* A relative one is below the bundle. */
	if (root[0] != '/' && tr_path_join(bundle, root, path, err) < 0)
		return -(int)err->code;
	*ret = strdup(root[0] == '/' ? root : path);
	return *ret ? 0
		    : tr_fail(err, TR_E_NO_MEMORY, "read the container's config: out of memory");
}

static int read_config(const char *bundle, const json_t *config, bool by_mounts,
	struct tr_hook_container *ret, struct tr_err *err)
{
	const char *visible, *uses;

	if (read_root(bundle, config, &ret->root, err) < 0 || read_env(config, &ret->env, err) < 0)
		return -(int)err->code;
	visible = env_of(&ret->env, "NVIDIA_VISIBLE_DEVICES");
	uses = env_of(&ret->env, "NVIDIA_DRIVER_CAPABILITIES");
	ret->looks_only = uses && strcmp(uses, "utility") == 0;
	ret->visible = by_mounts ? mounted(config) : strdup(visible ? visible : "");
	return ret->visible
		       ? 0
		       : tr_fail(err, TR_E_NO_MEMORY, "read the container's config: out of memory");
}

static int read_state(
	const json_t *state, bool by_mounts, struct tr_hook_container *ret, struct tr_err *err)
{
	const char *bundle = json_string_value(json_object_get(state, "bundle"));
	char path[PATH_MAX];
	json_error_t why;
	json_t *config;
	int r;

	ret->pid = (pid_t)json_integer_value(json_object_get(state, "pid"));
	if (!bundle || ret->pid <= 0)
		return tr_fail(err, TR_E_INVALID,
			"the container's state on standard input has no pid or no bundle");
	if (tr_path_join(bundle, "config.json", path, err) < 0)
		return -(int)err->code;
	config = json_load_file(path, 0, &why);
	if (!config)
		return tr_fail(err, TR_E_INVALID, "cannot read '%s': %s", path, why.text);
	r = read_config(bundle, config, by_mounts, ret, err);
	json_decref(config);
	return r;
}

int tr_hook_read(int fd, bool by_mounts, struct tr_hook_container *ret, struct tr_err *err)
{
	struct tr_hook_container container = { 0 };
	json_error_t why;
	json_t *state = json_loadfd(fd, 0, &why);
	int r;

	if (!state)
		return tr_fail(err, TR_E_INVALID,
			"there is no container's state on standard input: %s", why.text);
	r = read_state(state, by_mounts, &container, err);
	json_decref(state);
	if (r < 0)
		tr_hook_container_done(&container);
	else
		*ret = container;
	return r;
}
