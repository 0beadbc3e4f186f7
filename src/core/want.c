/* SPDX-License-Identifier: Apache-2.0 */
#include "core/want.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/sha1.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_ENV_FILE = 1 << 20, AUTO_LEAST_MIB = 512 };

void tr_wants_done(struct tr_wants *wants)
{
	free(wants->v);
	*wants = (struct tr_wants){ 0 };
}

/* --- The hash --- */

/* A field of what is hashed; the length keeps neighbours apart. */
static void field(struct tr_buf *to, const char *name, const char *value)
{
	tr_buf_addf(to, "%s %zu:%s\n", name, value ? strlen(value) : 0, value ? value : "");
}

static void fields(struct tr_buf *to, const char *name, const struct tr_strv *values)
{
	for (size_t i = 0; i < values->n; i++)
		field(to, name, values->v[i]);
}

static int env_file_unread(const struct tr_want *want, struct tr_err *err)
{
	struct tr_err inner = *err;

	tr_stack_fail(want->stack, want->model->at_env_file, err, "env_file: %s", inner.msg);
	err->code = inner.code;
	return tr_hint(err, "paths start from the stack file's folder; a line is NAME=VALUE");
}

static int hash_want(const struct tr_node *node, const struct tr_runtime *runtime,
	struct tr_want *want, struct tr_err *err)
{
	static const char digits[] = "0123456789abcdef";
	const struct tr_model *model = want->model;
	TR_AUTO_FREE char *env_text = NULL;
	TR_AUTO_BUF text = { 0 };
	uint8_t digest[20];

	if (model->env_file &&
		tr_read_file(model->env_file, MAX_ENV_FILE, &env_text, NULL, err) < 0)
		return env_file_unread(want, err);
	field(&text, "version", "1");
	field(&text, "node", node->name);
	field(&text, "runtime", runtime->name);
	field(&text, "engine", model->engine->name);
	field(&text, "model", model->model);
	field(&text, "image", model->image);
	field(&text, "cache", model->cache);
	field(&text, "env_file", env_text);
	fields(&text, "arg", &model->args);
	fields(&text, "env", &model->env);
	fields(&text, "volume", &model->volumes);
	tr_buf_addf(&text, "port %u\n", want->port);
	if (tr_buf_ok(&text, err) < 0)
		return -(int)err->code;
	tr_sha1(text.s, text.len, digest);
	for (int i = 0; i < 20; i++) {
		want->hash[2 * i] = digits[digest[i] >> 4];
		want->hash[2 * i + 1] = digits[digest[i] & 15];
	}
	return 0;
}

static int add_wants(const struct tr_node *node, const struct tr_stack *stack,
	const struct tr_model *model, const struct tr_runtime *runtime, struct tr_wants *ret,
	struct tr_err *err)
{
	for (uint32_t i = 0; i < model->replicas; i++) {
		struct tr_want *want = &ret->v[ret->n++];

		*want = (struct tr_want){ .stack = stack,
			.model = model,
			.replica = i,
			.port = model->port ? (uint16_t)(model->port + i) : 0 };
		snprintf(want->who, sizeof(want->who), "%s-%u", model->name, i);
		if ((size_t)snprintf(want->server, sizeof(want->server), "tranche_%s_%s_%s_%u",
			    node->name, stack->name, model->name, i) >= sizeof(want->server))
			return tr_fail(
				err, TR_E_INVALID, "the name of '%s' is too long", want->who);
		if (hash_want(node, runtime, want, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_wants_make(const struct tr_node *node, const struct tr_stack *stack,
	const struct tr_runtime *runtime, struct tr_wants *ret, struct tr_err *err)
{
	TR_AUTO(tr_wants_done) struct tr_wants wants = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < stack->n_models; i++)
		n += stack->models[i].replicas;
	wants.v = calloc(n ? n : 1, sizeof(*wants.v));
	if (!wants.v)
		return tr_fail(err, TR_E_NO_MEMORY, "read the stack: out of memory");
	for (size_t i = 0; i < stack->n_models; i++)
		if (add_wants(node, stack, &stack->models[i], runtime, &wants, err) < 0)
			return -(int)err->code;
	*ret = wants;
	wants = (struct tr_wants){ 0 };
	return 0;
}

static const struct tr_want *find_want(
	const struct tr_wants *wants, const char *stack, const char *model, uint32_t replica)
{
	for (size_t i = 0; i < wants->n; i++)
		if (wants->v[i].replica == replica && strcmp(wants->v[i].model->name, model) == 0 &&
			strcmp(wants->v[i].stack->name, stack) == 0)
			return &wants->v[i];
	return NULL;
}

const struct tr_want *tr_want_of_server(
	const struct tr_wants *wants, const struct tr_server *server)
{
	return find_want(wants, server->stack, server->model, server->replica);
}

const struct tr_want *tr_want_of_row(const struct tr_wants *wants, const struct tr_row *row)
{
	return find_want(wants, row->stack, row->model, row->replica);
}

/* --- The slice that is wanted --- */

/* Bytes of a file, or of the files of a folder. */
static uint64_t bytes_of(const char *path)
{
	struct dirent *entry;
	struct stat st;
	uint64_t sum = 0;
	DIR *dir;

	if (stat(path, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return (uint64_t)st.st_size;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	}
	if (dir)
		closedir(dir);
	return sum;
}

/* On a virtual node with a scale, a byte of this machine is shown as `scale` of them. */
static int plan_auto(const struct tr_node *node, const struct tr_want *want, uint64_t *ret_mib,
	struct tr_err *err)
{
	const struct tr_model *model = want->model;
	uint64_t bytes = 0;

	if (model->model && tr_model_is_path(model->model))
		bytes = bytes_of(model->model);
	if (bytes == 0) {
		tr_stack_fail(want->stack, model->at_slice, err,
			"'slice: auto' needs the model's files on this machine to know their size");
		return tr_hint(err, "name a profile (tranche profiles), or an amount: slice: "
				    "{memory: 18G}");
	}
	*ret_mib = ((bytes + bytes / 4) >> 20) * node->scale;
	if (*ret_mib < AUTO_LEAST_MIB)
		*ret_mib = AUTO_LEAST_MIB;
	return 0;
}

int tr_want_plan(const struct tr_node *node, const struct tr_want *want, struct tr_plan_want *ret,
	struct tr_err *err)
{
	const struct tr_slice_want *slice = &want->model->slice;

	*ret = (struct tr_plan_want){ .who = want->who, .gpu = want->model->gpu, .start = -1 };
	switch (slice->kind) {
	case TR_WANT_PROFILE:
		ret->profile = slice->profile;
		return 0;
	case TR_WANT_MEMORY:
		ret->memory_mib = (slice->memory_bytes + (1u << 20) - 1) >> 20;
		return 0;
	case TR_WANT_AUTO:
		return plan_auto(node, want, &ret->memory_mib, err);
	case TR_WANT_WHOLE:
		break;
	}
	return 0;
}

/* --- Before anything is cut --- */

static int check_volume(const struct tr_want *want, const char *volume, struct tr_err *err)
{
	const char *colon = strchr(volume, ':');
	TR_AUTO_FREE char *host = colon ? strndup(volume, (size_t)(colon - volume)) : NULL;
	struct stat st;

	if (!host)
		return 0;
	if (stat(host, &st) < 0) {
		tr_stack_fail(want->stack, want->model->at, err, "volume '%s': %s", host,
			strerror(errno));
		err->code = TR_E_NOT_FOUND;
		return tr_hint(err, "paths start from the stack file's folder: mkdir -p %s", host);
	}
	return 0;
}

int tr_want_check(const struct tr_want *want, bool make_cache, struct tr_err *err)
{
	const struct tr_model *model = want->model;

	if (model->model && tr_model_is_path(model->model) && access(model->model, R_OK) < 0) {
		tr_stack_fail(want->stack, model->at_model, err, "model '%s': %s", model->model,
			strerror(errno));
		err->code = TR_E_NOT_FOUND;
		return tr_hint(err, "paths start from the stack file's folder; a model of a hub is "
				    "written ORG/NAME");
	}
	for (size_t i = 0; i < model->volumes.n; i++)
		if (check_volume(want, model->volumes.v[i], err) < 0)
			return -(int)err->code;
	if (make_cache && model->cache && tr_mkdir_p(model->cache, 0755, err) < 0)
		return tr_wrap(err, "%s: cache", want->who);
	return 0;
}
