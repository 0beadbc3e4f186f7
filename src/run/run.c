/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run.h"

#include "base/err.h"
#include "base/near.h"
#include "base/spawn.h"
#include "run/run_priv.h"

#include <string.h>

static const struct tr_runtime *const runtimes[] = { &tr_runtime_podman, &tr_runtime_docker,
	&tr_runtime_process };

void tr_run__server_done(struct tr_server *server)
{
	free(server->name);
	free(server->node);
	free(server->stack);
	free(server->model);
	free(server->slice_uuid);
	free(server->config_hash);
	free(server->cgroup);
	*server = (struct tr_server){ 0 };
}

void tr_servers_done(struct tr_servers *servers)
{
	for (size_t i = 0; i < servers->n; i++)
		tr_run__server_done(&servers->v[i]);
	free(servers->v);
	*servers = (struct tr_servers){ 0 };
}

int tr_run__add_server(struct tr_servers *list, struct tr_server *server, struct tr_err *err)
{
	struct tr_server *grown = NULL;

	if (server->name && server->node && server->stack && server->model && server->slice_uuid &&
		server->config_hash)
		grown = realloc(list->v, (list->n + 1) * sizeof(*grown));
	if (!grown) {
		tr_run__server_done(server);
		return tr_fail(err, TR_E_NO_MEMORY, "list servers: out of memory");
	}
	list->v = grown;
	list->v[list->n++] = *server;
	*server = (struct tr_server){ 0 };
	return 0;
}

const struct tr_runtime *tr_runtime_named(const char *name)
{
	for (size_t i = 0; i < TR_COUNT(runtimes); i++)
		if (strcmp(name, runtimes[i]->name) == 0)
			return runtimes[i];
	return NULL;
}

static int pick_by_name(const char *name, const struct tr_runtime **ret, struct tr_err *err)
{
	const struct tr_runtime *runtime = tr_runtime_named(name);
	struct tr_near near = { .wrong = name };
	TR_AUTO_BUF known = { 0 };

	if (runtime) {
		if (runtime->check(err) < 0)
			return -(int)err->code;
		*ret = runtime;
		return 0;
	}
	for (size_t i = 0; i < TR_COUNT(runtimes); i++) {
		tr_buf_addf(&known, "%s%s", i ? ", " : "", runtimes[i]->name);
		tr_near_offer(&near, runtimes[i]->name, strlen(runtimes[i]->name));
	}
	tr_fail(err, TR_E_INVALID, "there is no runtime '%.50s'; there are %s", name,
		tr_buf_str(&known));
	return tr_hint(err, "--runtime %s", near.n ? near.v[0] : runtimes[0]->name);
}

static bool is_installed(const struct tr_runtime *runtime)
{
	TR_AUTO_FREE char *path = runtime->is_container ? tr_which(runtime->name) : NULL;

	return path;
}

int tr_runtime_first(
	bool of_images, const struct tr_runtime **ret, struct tr_err *passed, struct tr_err *err)
{
	struct tr_err first = { 0 }, broken = { 0 };

	for (size_t i = 0; i < TR_COUNT(runtimes); i++) {
		struct tr_err why = { 0 };

		if (of_images && !runtimes[i]->is_container)
			continue;
		if (runtimes[i]->check(&why) == 0) {
			*passed = broken;
			*ret = runtimes[i];
			return 0;
		}
		if (!broken.code && is_installed(runtimes[i]))
			broken = why;
		if (!first.code)
			first = why;
	}
	*err = broken.code ? broken : first;
	return of_images ? -(int)err->code : tr_wrap(err, "no runtime can be used here");
}

int tr_runtime_pick(const char *name, const struct tr_runtime **ret, struct tr_err *err)
{
	struct tr_err ignored;

	return name ? pick_by_name(name, ret, err) : tr_runtime_first(false, ret, &ignored, err);
}

int tr_servers_list(struct tr_servers *ret, struct tr_err *err)
{
	struct tr_servers all = { 0 };

	for (size_t i = 0; i < TR_COUNT(runtimes); i++) {
		if (runtimes[i]->list(&all, err) < 0) {
			tr_servers_done(&all);
			return tr_wrap(err, "list the servers of %s", runtimes[i]->name);
		}
	}
	*ret = all;
	return 0;
}

void tr_servers_sweep(void)
{
	tr_run__sweep();
}
