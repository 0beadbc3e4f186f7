/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a want and a place to what a runtime starts.
 *
 * What binds a server to its slice is put together here, and nowhere else:
 *
 *	hardware, podman      --device nvidia.com/gpu=UUID (CDI)
 *	hardware, docker      --gpus "device=UUID"
 *	hardware, process     CUDA_VISIBLE_DEVICES=UUID
 *	virtual,  container   what sim/state/guest.c says: library, state, view, device nodes;
 *	                      the slice's memory and its share of SMs as the container's limits
 *	virtual,  process     the node's library folder on LD_LIBRARY_PATH; the limits on its cgroup
 */
#include "core/want.h"

#include "base/err.h"
#include "core/tell.h"
#include "run/specs.h"
#include "sim/state/state.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>

void tr_spec_done(struct tr_spec *spec)
{
	tr_strv_done(&spec->s.argv);
	tr_strv_done(&spec->s.env);
	tr_strv_done(&spec->s.mounts);
	tr_strv_done(&spec->s.devices);
	free(spec->image);
	free(spec->gpus);
	*spec = (struct tr_spec){ 0 };
}

/* --- The engine's side --- */

/* The last part of a path, without the slashes behind it; malloc'd. */
static char *last_part(const char *path)
{
	TR_AUTO_FREE char *copy = strdup(path);

	return copy ? strdup(basename(copy)) : NULL;
}

/* Where a model's files are seen: as they lie, or mounted below the engine's folder. */
static int place_model(const struct tr_want *want, bool in_container, struct tr_spec *spec,
	struct tr_buf *ret, struct tr_err *err)
{
	const struct tr_model *model = want->model;
	const char *target = model->engine->models_target;
	TR_AUTO_FREE char *copy = NULL, *name = NULL;

	if (!model->model)
		return 0;
	if (!in_container || !target || !tr_model_is_path(model->model)) {
		tr_buf_puts(ret, model->model);
		return tr_buf_ok(ret, err);
	}
	copy = strdup(model->model);
	name = last_part(model->model);
	if (!copy || !name)
		return tr_fail(err, TR_E_NO_MEMORY, "'%s': out of memory", want->who);
	/* One file is mounted as itself: what lies beside it is nobody's business. */
	tr_buf_addf(ret, "%s/%s", target, name);
	tr_strv_addf(&spec->s.mounts, "%s:%s/%s:ro", model->model, target, name);
	return tr_buf_ok(ret, err);
}

static int put_command(const struct tr_want *want, const struct tr_runtime *runtime,
	struct tr_spec *spec, struct tr_err *err)
{
	TR_AUTO_BUF model = { 0 }, names = { 0 };
	struct tr_engine_vars vars = { .host = runtime->listen_host,
		.port = spec->place.port,
		.slice_uuid = spec->place.uuid,
		.slice_memory_mib = (uint32_t)spec->place.memory_mib,
		.in_container = runtime->is_container };

	if (place_model(want, runtime->is_container, spec, &model, err) < 0)
		return -(int)err->code;
	tr_model_names(want->model, &names);
	if (tr_buf_ok(&names, err) < 0)
		return -(int)err->code;
	vars.model = tr_buf_str(&model);
	vars.is_file = want->model->model && tr_model_is_path(want->model->model);
	vars.names = tr_buf_str(&names);
	return tr_engine_command(want->model, &vars, &spec->s.argv, err);
}

static int put_image(const struct tr_node *node, const struct tr_want *want, struct tr_spec *spec,
	struct tr_err *err)
{
	const struct tr_engine *engine = want->model->engine;
	const char *image = want->model->image;

	if (!image)
		image = node->is_virtual && engine->image_virtual ? engine->image_virtual
								  : engine->image;
	if (!image) {
		tr_stack_fail(want->stack, want->model->at, err,
			"model '%s': engine '%s' has no image of its own", want->model->name,
			engine->name);
		return tr_hint(err, "add 'image: NAME', or run it as a plain process: tranche up "
				    "--runtime process");
	}
	spec->image = strdup(image);
	spec->s.image = spec->image;
	return spec->image ? 0 : tr_fail(err, TR_E_NO_MEMORY, "'%s': out of memory", want->who);
}

static void put_cache(
	const struct tr_want *want, const struct tr_runtime *runtime, struct tr_spec *spec)
{
	const struct tr_engine *engine = want->model->engine;
	const char *seen = want->model->cache;

	if (!seen)
		return;
	if (runtime->is_container && engine->cache_target) {
		tr_strv_addf(&spec->s.mounts, "%s:%s:rw", seen, engine->cache_target);
		seen = engine->cache_target;
	}
	if (engine->cache_env)
		tr_strv_addf(&spec->s.env, "%s=%s", engine->cache_env, seen);
}

static void put_volumes(const struct tr_want *want, struct tr_spec *spec)
{
	const struct tr_strv *volumes = &want->model->volumes;

	for (size_t i = 0; i < volumes->n; i++) {
		const char *last = strrchr(volumes->v[i], ':');
		bool has_mode = last && (strcmp(last, ":ro") == 0 || strcmp(last, ":rw") == 0);

		tr_strv_addf(&spec->s.mounts, "%s%s", volumes->v[i], has_mode ? "" : ":rw");
	}
}

/* --- The slice's side --- */

static int bind_virtual(const struct tr_node *node, const struct tr_runtime *runtime,
	struct tr_spec *spec, struct tr_err *err)
{
	TR_AUTO_STRV devices = { 0 };
	struct tr_sim_limits limits;
	char lib_dir[PATH_MAX];

	if (tr_sim_slice_limits(node->name, spec->place.uuid, &limits, err) < 0 ||
		tr_sim_node_path(node->name, "lib", lib_dir, err) < 0)
		return -(int)err->code;
	spec->s.memory_bytes = limits.memory_bytes;
	spec->s.cpu_millis = limits.cpu_millis;
	tr_strv_addf(&spec->s.env, "NVIDIA_VISIBLE_DEVICES=%s", spec->place.uuid);
	if (!runtime->is_container) {
		tr_strv_addf(&spec->s.env, "LD_LIBRARY_PATH=%s", lib_dir);
		return 0;
	}
	if (tr_sim_guest_parts(node->name, spec->place.uuid, &spec->s.mounts, &devices, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < devices.n; i++)
		tr_strv_addf(&spec->s.devices, "%s:%s", TR_SIM_DEVICE, devices.v[i]);
	return 0;
}

/* docker's switch takes a line of CSV, so the quotes belong to its value. */
static int bind_hardware(const struct tr_runtime *runtime, struct tr_spec *spec, struct tr_err *err)
{
	if (!runtime->has_gpus_switch) {
		tr_strv_addf(&spec->s.devices, "nvidia.com/gpu=%s", spec->place.uuid);
		return 0;
	}
	if (asprintf(&spec->gpus, "\"device=%s\"", spec->place.uuid) < 0) {
		spec->gpus = NULL;
		return tr_fail(
			err, TR_E_NO_MEMORY, "bind to '%s': out of memory", spec->place.uuid);
	}
	spec->s.gpus = spec->gpus;
	return 0;
}

int tr_spec_bind(const struct tr_node *node, const struct tr_runtime *runtime, struct tr_spec *spec,
	struct tr_err *err)
{
	if (!runtime->is_container)
		tr_strv_addf(&spec->s.env, "CUDA_VISIBLE_DEVICES=%s", spec->place.uuid);
	if (!node->is_virtual) {
		return runtime->is_container ? bind_hardware(runtime, spec, err) : 0;
	}
	return spec->place.is_planned ? 0 : bind_virtual(node, runtime, spec, err);
}

/* --- Names for podman --- */

static bool binds_by_specs(const struct tr_node *node, const struct tr_runtime *runtime)
{
	return !node->is_virtual && runtime->is_container && !runtime->has_gpus_switch;
}

int tr_spec_check_tool(
	const struct tr_node *node, const struct tr_runtime *runtime, struct tr_err *err)
{
	return binds_by_specs(node, runtime) ? tr_specs_check_tool(err) : 0;
}

/* A slice that is cut again where one was before has the same UUID, and may have other device
 * nodes: that it is named says nothing then. */
int tr_spec_ready(const struct tr_node *node, const struct tr_runtime *runtime,
	const struct tr_spec *spec, bool is_new, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO_BUF specs = { 0 }, command = { 0 };
	TR_AUTO_STRV argv = { 0 };

	if (!binds_by_specs(node, runtime))
		return 0;
	tr_specs_read(tr_specs_dirs, TR_SPECS_DIRS, &specs);
	if (!is_new && (spec->place.is_planned || strstr(tr_buf_str(&specs), spec->place.uuid)))
		return 0;
	tr_specs_command(&argv);
	tr_strv_quote(&argv, &command);
	tr_buf_puts(&command, "\n");
	tr_tell(change, TR_STEP_NOTE, NULL, tr_buf_str(&command),
		"the CDI spec is made anew, by which podman knows the slices");
	return tr_is_dry(change) ? 0 : tr_specs_make(spec->place.uuid, err);
}

/* --- All of it --- */

static int no_process(const struct tr_want *want, struct tr_err *err)
{
	tr_stack_fail(want->stack, want->model->at, err,
		"model '%s': engine '%s' cannot run as a plain process on a slice: %s",
		want->model->name, want->model->engine->name, want->model->engine->containers_only);
	return tr_hint(err, "tranche up --runtime podman");
}

static int fill_spec(const struct tr_node *node, const struct tr_want *want,
	const struct tr_runtime *runtime, struct tr_spec *spec, struct tr_err *err)
{
	const struct tr_model *model = want->model;

	spec->s.name = want->server;
	spec->s.node = node->name;
	spec->s.stack = want->stack->name;
	spec->s.model = model->name;
	spec->s.replica = want->replica;
	spec->s.slice_uuid = spec->place.uuid;
	spec->s.config_hash = want->hash;
	spec->s.driver = &node->as_driver;
	spec->s.port = spec->place.port;
	spec->s.env_file = model->env_file;
	spec->s.shm_bytes = (uint64_t)model->engine->shm_mib << 20;
	if (!runtime->is_container && model->engine->containers_only)
		return no_process(want, err);
	if (runtime->is_container && put_image(node, want, spec, err) < 0)
		return -(int)err->code;
	if (tr_spec_bind(node, runtime, spec, err) < 0)
		return -(int)err->code;
	put_cache(want, runtime, spec);
	for (size_t i = 0; i < model->env.n; i++)
		tr_strv_add(&spec->s.env, model->env.v[i]);
	put_volumes(want, spec);
	if (put_command(want, runtime, spec, err) < 0)
		return -(int)err->code;
	if (tr_strv_ok(&spec->s.env, err) < 0 || tr_strv_ok(&spec->s.mounts, err) < 0 ||
		tr_strv_ok(&spec->s.devices, err) < 0)
		return -(int)err->code;
	return tr_strv_ok(&spec->s.argv, err);
}

int tr_spec_make(const struct tr_node *node, const struct tr_want *want,
	const struct tr_runtime *runtime, const struct tr_place *place, struct tr_spec *ret,
	struct tr_err *err)
{
	*ret = (struct tr_spec){ .place = *place };
	if (fill_spec(node, want, runtime, ret, err) < 0) {
		tr_spec_done(ret);
		return -(int)err->code;
	}
	return 0;
}
