/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, beside what is asked for; logs; restart: all that names single servers. */
#include "core/apply.h"

#include "base/err.h"
#include "base/fs.h"
#include "core/tell.h"

#include <stdio.h>
#include <string.h>

static const char *const state_texts[] = {
	[TR_MODEL_READY] = "ready",
	[TR_MODEL_LOADING] = "loading",
	[TR_MODEL_EXITED] = "exited",
	[TR_MODEL_CREATED] = "created",
	[TR_MODEL_MISSING] = "missing",
};

const char *tr_model_state_text(enum tr_model_state state)
{
	return (size_t)state < TR_COUNT(state_texts) ? state_texts[state] : "unknown";
}

/* --- Listing --- */

static struct tr_replica *add_replica(struct tr_replicas *to, const char *stack, const char *model,
	uint32_t i, struct tr_err *err)
{
	struct tr_replica *more = realloc(to->v, (to->n + 1) * sizeof(*more));

	if (!more) {
		tr_fail(err, TR_E_NO_MEMORY, "list the models: out of memory");
		return NULL;
	}
	to->v = more;
	more = &to->v[to->n++];
	*more = (struct tr_replica){ .state = TR_MODEL_MISSING, .replica = i };
	snprintf(more->stack, sizeof(more->stack), "%s", stack);
	snprintf(more->model, sizeof(more->model), "%s", model);
	return more;
}

static void put_slice(const struct tr_node *node, const struct tr_scene *scene, const char *uuid,
	const struct tr_server *server, struct tr_replica *ret)
{
	for (size_t c = 0; c < scene->cards.n && *uuid; c++) {
		const struct tr_card *card = &scene->cards.v[c];

		if (strcmp(card->uuid, uuid) == 0 && !card->mig_on) {
			tr_scene_whole_slice(card, server, &ret->slice);
			ret->has_slice = true;
		}
		for (size_t s = 0; s < card->n_slices; s++) {
			if (strcmp(card->slices[s].uuid, uuid) != 0)
				continue;
			tr_scene_slice(node, scene, card, &card->slices[s], &ret->slice);
			ret->has_slice = true;
			/* Without a cgroup of its own, nothing says what the server uses. */
			if (node->is_virtual && !server->limits_enforced)
				ret->slice.has_memory = false;
		}
	}
}

static void put_server(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_server *server, const struct tr_engine *engine, struct tr_replica *ret)
{
	snprintf(ret->runtime, sizeof(ret->runtime), "%s", server->runtime->name);
	snprintf(ret->server, sizeof(ret->server), "%s", server->name);
	ret->pid = server->pid;
	ret->port = server->port;
	ret->limits_enforced = server->limits_enforced;
	ret->started_unix_ms = server->started_unix_ms;
	put_slice(node, scene, server->slice_uuid ? server->slice_uuid : "", server, ret);
	switch (server->state) {
	case TR_SERVER_CREATED:
		ret->state = TR_MODEL_CREATED;
		break;
	case TR_SERVER_EXITED:
		ret->state = TR_MODEL_EXITED;
		tr_server_why(server, ret->why, sizeof(ret->why));
		break;
	case TR_SERVER_RUNNING:
		ret->state = tr_probe_ready(server->port, engine ? engine->ready_path : NULL) == 1
				     ? TR_MODEL_READY
				     : TR_MODEL_LOADING;
		break;
	}
}

static bool is_same(
	const struct tr_server *server, const char *stack, const char *model, uint32_t i)
{
	return server->replica == i && server->stack && server->model &&
	       strcmp(server->stack, stack) == 0 && strcmp(server->model, model) == 0;
}

/* The replicas that a stack asks for, with their servers; marks those servers. */
static int put_asked(const struct tr_node *node, const struct tr_scene *scene, const char *name,
	const struct tr_stack *stack, bool *seen, struct tr_replicas *ret, struct tr_err *err)
{
	for (size_t m = 0; m < stack->n_models; m++) {
		const struct tr_model *model = &stack->models[m];

		for (uint32_t i = 0; i < model->replicas; i++) {
			struct tr_replica *replica = add_replica(ret, name, model->name, i, err);

			if (!replica)
				return -(int)err->code;
			for (size_t s = 0; s < scene->servers.n; s++) {
				const struct tr_server *server = &scene->servers.v[s];

				if (seen[s] || !is_same(server, name, model->name, i))
					continue;
				seen[s] = true;
				put_server(node, scene, server, model->engine, replica);
				break;
			}
		}
	}
	return 0;
}

static int put_all(struct tr_node *node, const struct tr_scene *scene, const char *only, bool *seen,
	struct tr_replicas *ret, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };

	if (tr_store_stacks(node->store, node->name, &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++) {
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		const struct tr_runtime *runtime;
		struct tr_err ignored;

		/* A stored text that is no stack to this version still has its servers, below. */
		if ((only && strcmp(only, names.v[i]) != 0) ||
			tr_stack_applied(node, names.v[i], &stack, &runtime, &ignored) < 0)
			continue;
		if (put_asked(node, scene, names.v[i], stack, seen, ret, err) < 0)
			return -(int)err->code;
	}
	for (size_t s = 0; s < scene->servers.n; s++) {
		const struct tr_server *server = &scene->servers.v[s];
		struct tr_replica *replica;

		if (seen[s] || !server->stack || !server->model ||
			(only && strcmp(only, server->stack) != 0))
			continue;
		replica = add_replica(ret, server->stack, server->model, server->replica, err);
		if (!replica)
			return -(int)err->code;
		put_server(node, scene, server, NULL, replica);
	}
	return 0;
}

int tr_replicas_get(
	struct tr_node *node, const char *stack, struct tr_replicas **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO_FREE char *room = NULL;
	struct tr_replicas *replicas;

	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
		return -(int)err->code;
	room = calloc(scene.servers.n + 1, sizeof(bool));
	replicas = calloc(1, sizeof(*replicas));
	if (!room || !replicas) {
		free(replicas);
		return tr_fail(err, TR_E_NO_MEMORY, "list the models: out of memory");
	}
	if (put_all(node, &scene, stack, (bool *)room, replicas, err) < 0) {
		tr_replicas_free(replicas);
		return -(int)err->code;
	}
	*ret = replicas;
	return 0;
}

void tr_replicas_free(struct tr_replicas *replicas)
{
	if (!replicas)
		return;
	free(replicas->v);
	free(replicas);
}

/* --- Naming single servers --- */

/* "[STACK/]MODEL[-I]": does a replica bear this name? */
static bool is_named(const char *which, const char *stack, const char *model, uint32_t i)
{
	const char *slash = strchr(which, '/');
	char full[128];

	if (slash) {
		if (strlen(stack) != (size_t)(slash - which) ||
			strncmp(which, stack, (size_t)(slash - which)) != 0)
			return false;
		which = slash + 1;
	}
	snprintf(full, sizeof(full), "%s-%u", model, i);
	return strcmp(which, model) == 0 || strcmp(which, full) == 0;
}

struct match {
	struct tr_replicas *all;
	size_t n;
	struct tr_replica **v; /* into all */
};

static void match_done(struct match *match)
{
	tr_replicas_free(match->all);
	free(match->v);
}

static int no_match(const struct match *match, const char *which, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < match->all->n; i++)
		tr_buf_addf(&list, "%s%s/%s-%u", i ? ", " : "", match->all->v[i].stack,
			match->all->v[i].model, match->all->v[i].replica);
	if (list.len == 0)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no model '%.100s': none is asked for",
			which);
	return tr_fail(err, TR_E_NOT_FOUND, "there is no model '%.100s'; there are %s", which,
		tr_buf_str(&list));
}

/* All replicas that bear the name; they are of one stack. */
static int find_match(
	struct tr_node *node, const char *which, struct match *ret, struct tr_err *err)
{
	if (tr_replicas_get(node, NULL, &ret->all, err) < 0)
		return -(int)err->code;
	ret->v = calloc(ret->all->n + 1, sizeof(struct tr_replica *));
	if (!ret->v)
		return tr_fail(err, TR_E_NO_MEMORY, "find '%.100s': out of memory", which);
	for (size_t i = 0; i < ret->all->n; i++) {
		struct tr_replica *replica = &ret->all->v[i];

		if (!is_named(which, replica->stack, replica->model, replica->replica))
			continue;
		if (ret->n > 0 && strcmp(ret->v[0]->stack, replica->stack) != 0) {
			tr_fail(err, TR_E_INVALID, "'%.100s' is in stack '%s' and in stack '%s'",
				which, ret->v[0]->stack, replica->stack);
			return tr_hint(err, "name one: %s/%.100s", replica->stack, which);
		}
		ret->v[ret->n++] = replica;
	}
	return ret->n ? 0 : no_match(ret, which, err);
}

/* --- Logs --- */

static int print_kept(struct tr_node *node, const struct tr_replica *replica, uint32_t n_lines,
	struct tr_err *err)
{
	enum { MAX_LOG = 64 << 20 };
	TR_AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t len = 0, from;

	if (tr_log_path(node->name, replica->stack, replica->model, replica->replica, path, err) <
		0)
		return -(int)err->code;
	if (!tr_is_file(path)) {
		tr_fail(err, TR_E_NOT_FOUND, "%s/%s-%u does not run, and left no log",
			replica->stack, replica->model, replica->replica);
		return tr_hint(err, "tranche up   starts it");
	}
	if (tr_read_file(path, MAX_LOG, &text, &len, err) < 0)
		return -(int)err->code;
	from = len > 0 && text[len - 1] == '\n' ? len - 1 : len;
	while (from > 0 && n_lines > 0)
		if (text[--from] == '\n' && --n_lines == 0)
			from++;
	while (from < len) {
		ssize_t put = write(1, text + from, len - from);

		if (put < 0)
			return tr_fail(err, TR_E_IO, "write the log");
		from += (size_t)put;
	}
	return 0;
}

int tr_logs(struct tr_node *node, const char *which, uint32_t n_lines, bool follow,
	const volatile int *stop_flag, struct tr_err *err)
{
	TR_AUTO(match_done) struct match match = { 0 };
	const struct tr_runtime *runtime = NULL;
	const struct tr_replica *replica;

	if (find_match(node, which, &match, err) < 0)
		return -(int)err->code;
	replica = match.v[0];
	if (match.n > 1) {
		tr_fail(err, TR_E_INVALID, "'%.100s' has %zu replicas: name one", which, match.n);
		return tr_hint(err, "tranche logs %s/%s-%u", replica->stack, replica->model,
			replica->replica);
	}
	if (replica->state == TR_MODEL_MISSING)
		return print_kept(node, replica, n_lines, err);
	if (tr_runtime_pick(replica->runtime, &runtime, err) < 0)
		return -(int)err->code;
	return runtime->logs(replica->server, n_lines, follow, stop_flag, err);
}

/* --- Restart --- */

static int stop_matched(struct tr_node *node, const struct match *match,
	const struct tr_change *change, struct tr_err *err)
{
	for (size_t i = 0; i < match->n; i++) {
		const struct tr_replica *replica = match->v[i];
		const struct tr_runtime *runtime = NULL;
		char who[96];

		if (replica->state == TR_MODEL_MISSING)
			continue;
		if (!tr_is_dry(change) && tr_is_stopped(change))
			return tr_fail(err, TR_E_INTERRUPTED, "interrupted");
		snprintf(who, sizeof(who), "%s-%u", replica->model, replica->replica);
		tr_tell(change, TR_STEP_STOP, who, NULL, "to start it again");
		if (tr_is_dry(change))
			continue;
		if (tr_runtime_pick(replica->runtime, &runtime, err) < 0 ||
			runtime->stop(replica->server,
				change && change->grace_ms > 0 ? change->grace_ms : 10000, NULL,
				err) < 0)
			return tr_wrap(err, "stop %s", who);
	}
	(void)node;
	return 0;
}

int tr_restart(
	struct tr_node *node, const char *which, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	TR_AUTO(tr_stack_run_done) struct tr_stack_run run = { 0 };
	TR_AUTO(match_done) struct match match = { 0 };
	const struct tr_runtime *runtime = NULL;
	TR_AUTO_CLOSE int lock = -1;

	tr_tell_begin();
	if (tr_node__lock(node, change, &lock, err) < 0 ||
		find_match(node, which, &match, err) < 0 ||
		tr_stack_applied(node, match.v[0]->stack, &stack, &runtime, err) < 0 ||
		tr_stack_run_init(&run, node, change, stack->name, stack, runtime, err) < 0 ||
		stop_matched(node, &match, change, err) < 0)
		return -(int)err->code;
	return tr_stack_apply(&run, err);
}
