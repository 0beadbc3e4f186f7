/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, beside what is asked for. */
#include "core/apply.h"

#include "base/err.h"
#include "core/job.h"

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
		/* A job answers to nobody. */
		ret->state = tr_job_is_stack(server->stack) ||
					     tr_probe_ready(server->port,
						     engine ? engine->ready_path : NULL) == 1
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
		struct tr_err ignored;

		/* A stored text that is no stack to this version still has its servers, below. */
		if ((only && strcmp(only, names.v[i]) != 0) ||
			tr_stack_applied(
				node, names.v[i], &stack, /* ret_runtime= */ NULL, &ignored) < 0)
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
