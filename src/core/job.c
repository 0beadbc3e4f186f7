/* SPDX-License-Identifier: Apache-2.0 */
#include "core/job.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/batch.h"
#include "core/tell.h"
#include "core/want.h"
#include "sim/state/state.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { GRACE_MS = 10000, MAX_MODEL = 32 };

static const char prefix[] = "job.";

bool tr_job_is_stack(const char *stack)
{
	return stack && strncmp(stack, prefix, sizeof(prefix) - 1) == 0;
}

static int lock_path(const char *stack, char ret[PATH_MAX], struct tr_err *err)
{
	TR_AUTO_BUF rest = { 0 };

	tr_buf_addf(&rest, "jobs/%s.lock", stack);
	if (tr_buf_ok(&rest, err) < 0 || tr_run_dir(ret, err) < 0)
		return -(int)err->code;
	return tr_path_join(ret, rest.s, ret, err);
}

/* --- What killed ones left --- */

bool tr_job_is_alive(const char *stack)
{
	TR_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];
	struct tr_err ignored;

	if (lock_path(stack, path, &ignored) < 0 || access(path, F_OK) < 0)
		return false;
	return tr_lock_file(path, /* wait= */ false, &fd, &ignored) == -TR_E_BUSY;
}

static void forget_lock(const char *stack)
{
	char path[PATH_MAX];
	struct tr_err ignored;

	if (lock_path(stack, path, &ignored) == 0)
		unlink(path);
}

static int sweep_servers(const struct tr_scene *scene, const struct tr_change *change,
	bool *changed, struct tr_err *err)
{
	for (size_t i = 0; i < scene->servers.n; i++) {
		const struct tr_server *server = &scene->servers.v[i];

		if (!tr_job_is_stack(server->stack) || tr_job_is_alive(server->stack))
			continue;
		tr_tell(change, TR_STEP_CLEAN, server->model, NULL,
			"the job of a tranche that was killed");
		*changed = true;
		if (server->runtime->stop(server->name, 0, NULL, err) < 0)
			return -(int)err->code;
		forget_lock(server->stack);
	}
	return 0;
}

int tr_job_sweep(struct tr_node *node, const struct tr_scene *scene, const struct tr_change *change,
	bool *ret_changed, struct tr_err *err)
{
	if (sweep_servers(scene, change, ret_changed, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < scene->rows.n; i++) {
		const struct tr_row *row = &scene->rows.v[i];
		const struct tr_card *card = tr_card_by_uuid(&scene->cards, row->gpu_uuid);

		if (!tr_job_is_stack(row->stack) || tr_job_is_alive(row->stack) ||
			(card && card->slices_hidden))
			continue;
		*ret_changed = true;
		if (card)
			tr_tell(change, TR_STEP_CLEAN, row->model, NULL,
				"%s at %u:%u, the slice of a job whose tranche was killed",
				row->profile, card->idx, row->start);
		if (card ? tr_cut_free(node, card, row->start, err) < 0
			 : tr_store_row_drop(
				   node->store, node->name, row->gpu_uuid, row->start, err) < 0)
			return -(int)err->code;
		forget_lock(row->stack);
	}
	return 0;
}

/* --- One job --- */

struct run {
	struct tr_node *node;
	const struct tr_job *job;
	const struct tr_change *change;
	const struct tr_runtime *runtime;
	char stack[32], model[MAX_MODEL + 1], server[160], env_file[PATH_MAX];
	int job_lock, node_lock;
	struct tr_spec spec;
};

static void run_done(struct run *run)
{
	tr_spec_done(&run->spec);
	tr_closep(&run->node_lock);
	tr_closep(&run->job_lock);
}

/* "python3" of "/usr/bin/python3", "engine" of "localhost/lab/engine:latest". */
static void name_model(const struct tr_job *job, char ret[MAX_MODEL + 1])
{
	const char *from = job->image ? job->image : job->argv[0];
	const char *slash = strrchr(from, '/');
	size_t n = 0;

	for (from = slash ? slash + 1 : from; *from && *from != ':' && n < MAX_MODEL; from++)
		if (isalnum((unsigned char)*from) || (n > 0 && strchr("._-", *from)))
			ret[n++] = (char)tolower((unsigned char)*from);
	snprintf(ret + n, MAX_MODEL + 1 - n, "%s", n ? "" : "job");
}

static int pick_runtime(const struct tr_job *job, const struct tr_change *change,
	const struct tr_runtime **ret, struct tr_err *err)
{
	const char *name = change ? change->runtime : NULL;
	struct tr_err ignored;

	if (!job->image) {
		if (name && tr_runtime_named(name) && strcmp(name, "process") != 0) {
			tr_fail(err, TR_E_INVALID, "runtime '%s' needs an image", name);
			return tr_hint(err, "tranche run %s --image IMAGE -- ...", job->profile);
		}
		return tr_runtime_pick(name ? name : "process", ret, err);
	}
	if (!name)
		return tr_runtime_first(/* of_images= */ true, ret, &ignored, err);
	if (tr_runtime_pick(name, ret, err) < 0)
		return -(int)err->code;
	return (*ret)->is_container
		       ? 0
		       : tr_fail(err, TR_E_INVALID, "runtime '%s' starts no images", name);
}

static int fill_spec(struct run *run, struct tr_err *err)
{
	struct tr_server_spec *s = &run->spec.s;

	s->name = run->server;
	s->node = run->node->name;
	s->stack = run->stack;
	s->model = run->model;
	s->slice_uuid = run->spec.place.uuid;
	s->config_hash = "job";
	s->image = run->job->image;
	s->driver = &run->node->as_driver;
	s->is_job = true;
	s->has_tty = run->job->has_tty;
	for (size_t i = 0; i < run->job->n_argv; i++)
		tr_strv_add(&s->argv, run->job->argv[i]);
	if (tr_strv_ok(&s->argv, err) < 0)
		return -(int)err->code;
	return tr_job__asks(run->job, run->runtime, run->env_file, s, err);
}

/* The loader's path of ours stays behind the node's library. */
static void keep_library_path(struct run *run)
{
	static const char key[] = "LD_LIBRARY_PATH=";
	const char *ours = getenv("LD_LIBRARY_PATH");
	struct tr_strv *env = &run->spec.s.env;
	char *joined = NULL;

	for (size_t i = 0; i < env->n && ours && *ours && !run->runtime->is_container; i++) {
		if (strncmp(env->v[i], key, sizeof(key) - 1) != 0)
			continue;
		if (asprintf(&joined, "%s:%s", env->v[i], ours) < 0) {
			env->failed = true;
			return;
		}
		free(env->v[i]);
		env->v[i] = joined;
	}
}

/* The new slice's UUID, and what binds the job to it. */
static int bind(struct run *run, const struct tr_batch *batch, struct tr_err *err)
{
	TR_AUTO(tr_cards_done) struct tr_cards cards = { 0 };
	const struct tr_card_slice *slice = NULL;
	const struct tr_card *card;

	if (tr_cards_read(run->node, &cards, err) < 0)
		return -(int)err->code;
	card = tr_card_by_uuid(&cards, batch->rows[0].gpu_uuid);
	slice = card ? tr_card_slice_at(card, batch->rows[0].start) : NULL;
	if (!slice || !slice->has_device)
		return tr_fail(err, TR_E_DRIVER, "the new slice at %u:%u is gone",
			batch->cards[0]->idx, batch->rows[0].start);
	snprintf(run->spec.place.uuid, sizeof(run->spec.place.uuid), "%s", slice->uuid);
	if (tr_spec_ready(run->node, run->runtime, &run->spec, /* is_new= */ true, run->change,
		    err) < 0 ||
		tr_spec_bind(run->node, run->runtime, &run->spec, err) < 0)
		return -(int)err->code;
	keep_library_path(run);
	return tr_strv_ok(&run->spec.s.env, err);
}

static void tell_start(struct run *run)
{
	TR_AUTO_BUF command = { 0 };
	struct tr_err ignored;

	if (run->runtime->describe(&run->spec.s, &command, &ignored) < 0)
		tr_buf_clear(&command);
	tr_tell(run->change, TR_STEP_START, run->model, tr_buf_str(&command), "on %s",
		run->spec.place.uuid);
}

static void on_start(void *arg, const char *cgroup)
{
	struct run *run = arg;
	struct tr_err why = { 0 };

	/* What shows the job's memory on a virtual node; without it the job runs all the same. */
	if (run->node->is_virtual && cgroup &&
		tr_sim_bind(run->node->name, run->spec.place.uuid, cgroup, &why) < 0)
		tr_tell(run->change, TR_STEP_NOTE, NULL, NULL, "its memory is not shown: %s",
			why.msg);
	/* From here the job is seen: others may change the node beside it. */
	tr_closep(&run->node_lock);
}

/* Frees the job's slice, unless somebody (`tranche down`) has done so. */
static int free_slice(struct run *run, const struct tr_row *row, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO_BUF command = { 0 };
	const struct tr_card *card;
	const struct tr_card_slice *slice;
	const struct tr_row *now;

	if ((run->node_lock < 0 &&
		    tr_node__lock(run->node, run->change, &run->node_lock, err) < 0) ||
		tr_scene_read(run->node, /* with_servers= */ false, &scene, err) < 0)
		return -(int)err->code;
	card = tr_card_by_uuid(&scene.cards, row->gpu_uuid);
	slice = card ? tr_card_slice_at(card, row->start) : NULL;
	now = slice ? tr_scene_row(&scene, card, slice) : NULL;
	if (!now || strcmp(now->stack, run->stack) != 0)
		return 0;
	tr_cut_destroy_text(card, slice, &command);
	tr_tell(run->change, TR_STEP_FREE, NULL, tr_buf_str(&command), "%s at %u:%u", row->profile,
		card->idx, row->start);
	return tr_cut_free(run->node, card, row->start, err);
}

/* --- All of it --- */

static int take_job_lock(struct run *run, struct tr_err *err)
{
	char path[PATH_MAX], dir[PATH_MAX];

	if (lock_path(run->stack, path, err) < 0)
		return -(int)err->code;
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (tr_mkdir_p(dir, 0755, err) < 0)
		return -(int)err->code;
	return tr_lock_file(path, /* wait= */ true, &run->job_lock, err);
}

static void tell_pull(void *arg, const char *image)
{
	const struct run *run = arg;

	tr_tell(run->change, TR_STEP_PULL, run->model, NULL, "%s", image);
}

static int prepare(struct run *run, struct tr_err *err)
{
	const struct tr_prepare how = { .stop_flag = run->change ? run->change->stop_flag : NULL,
		.on_pull = tell_pull,
		.arg = run };

	if (!tr_is_dry(run->change))
		return tr_spec_check_tool(run->node, run->runtime, err) < 0
			       ? -(int)err->code
			       : run->runtime->prepare(&run->spec.s, &how, err);
	if (run->runtime->needs_pull(&run->spec.s))
		tell_pull(run, run->spec.s.image);
	return 0;
}

/* A dry run knows no UUID yet. */
static void tell_plan(struct run *run, const struct tr_batch *batch)
{
	struct tr_err ignored;

	snprintf(run->spec.place.uuid, sizeof(run->spec.place.uuid), "MIG-<%u:%u>",
		batch->cards[0]->idx, batch->rows[0].start);
	tr_batch_tell(batch, 0, run->change);
	tr_spec_ready(
		run->node, run->runtime, &run->spec, /* is_new= */ true, run->change, &ignored);
	tell_start(run);
	tr_tell(run->change, TR_STEP_FREE, NULL, NULL, "%s at %u:%u, once it has ended",
		batch->rows[0].profile, batch->cards[0]->idx, batch->rows[0].start);
}

static void fill_end(const struct run *run, const struct tr_batch *batch,
	const struct tr_job_exit *end, int64_t began_ms, struct tr_job_end *ret)
{
	*ret = (struct tr_job_end){ .status = end->status,
		.out_of_memory = end->oom_killed,
		.limits_enforced = end->limits_enforced,
		.seconds = (double)(tr_now_ms(&tr_clock_real) - began_ms) / 1000,
		.gpu_idx = batch->cards[0]->idx,
		.start = batch->rows[0].start,
		.memory_bytes = batch->places[0].profile->memory_mib << 20 };
	snprintf(ret->runtime, sizeof(ret->runtime), "%s", run->runtime->name);
	snprintf(ret->profile, sizeof(ret->profile), "%s", batch->rows[0].profile);
	snprintf(ret->uuid, sizeof(ret->uuid), "%s", run->spec.place.uuid);
}

static int run_on_slice(
	struct run *run, struct tr_batch *batch, struct tr_job_end *ret, struct tr_err *err)
{
	const struct tr_change *change = run->change;
	const struct tr_job_io io = { .signal = run->job->signal,
		.grace_ms = change && change->grace_ms > 0 ? change->grace_ms : GRACE_MS,
		.on_start = on_start,
		.arg = run };
	struct tr_job_exit end = { 0 };
	struct tr_err why = { 0 };
	int64_t began_ms = 0;
	int r = bind(run, batch, err);

	if (r == 0) {
		tell_start(run);
		began_ms = tr_now_ms(&tr_clock_real);
		r = run->runtime->job(&run->spec.s, &io, &end, err);
	}
	if (r == 0)
		fill_end(run, batch, &end, began_ms, ret);
	/* The job's own end is what counts: a slice that is not freed now is freed by the next. */
	if (free_slice(run, &batch->rows[0], &why) < 0)
		tr_tell(change, TR_STEP_NOTE, NULL, NULL,
			"%s at %u:%u is not freed (%s); the next tranche command that changes "
			"something does it",
			batch->rows[0].profile, batch->cards[0]->idx, batch->rows[0].start,
			why.msg);
	return r;
}

static int run_locked(struct run *run, struct tr_job_end *ret, struct tr_err *err)
{
	const struct tr_batch_owner owner = { run->stack, run->model };
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_batch batch = { 0 };

	if (tr_batch_begin(run->node, run->change, &run->node_lock, &scene, err) < 0 ||
		tr_batch_plan(&scene, run->job->gpu, &run->job->profile, 1, &owner, run->change,
			&batch, err) < 0)
		return -(int)err->code;
	if (tr_is_dry(run->change)) {
		tell_plan(run, &batch);
		return 0;
	}
	if (take_job_lock(run, err) < 0)
		return -(int)err->code;
	if (tr_batch_cut(run->node, &batch, run->change, err) < 0) {
		forget_lock(run->stack);
		return -(int)err->code;
	}
	if (run_on_slice(run, &batch, ret, err) < 0) {
		forget_lock(run->stack);
		return -(int)err->code;
	}
	forget_lock(run->stack);
	return 0;
}

int tr_job_run(struct tr_node *node, const struct tr_job *job, const struct tr_change *change,
	struct tr_job_end *ret, struct tr_err *err)
{
	TR_AUTO(run_done)
	struct run run = {
		.node = node, .job = job, .change = change, .job_lock = -1, .node_lock = -1
	};
	struct tr_job_end end = { 0 };

	tr_tell_begin();
	if (!job->n_argv && !job->image)
		return tr_fail(err, TR_E_INVALID, "a job needs a program, or an image");
	snprintf(run.stack, sizeof(run.stack), "%s%d", prefix, (int)getpid());
	name_model(job, run.model);
	if ((size_t)snprintf(run.server, sizeof(run.server), "tranche_%s_%s_%s_0", node->name,
		    run.stack, run.model) >= sizeof(run.server))
		return tr_fail(err, TR_E_INVALID, "the name of '%s' is too long", run.model);
	if (pick_runtime(job, change, &run.runtime, err) < 0 || fill_spec(&run, err) < 0 ||
		prepare(&run, err) < 0 || run_locked(&run, &end, err) < 0)
		return -(int)err->code;
	*ret = end;
	return 0;
}
