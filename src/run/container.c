/* SPDX-License-Identifier: Apache-2.0 */
#include "run/container.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "run/image.h"
#include "run/job.h"
#include "run/run_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SETTLE_MS = 10000, POLL_MS = 20, POLLS_TO_RM = 20 };

int tr_container__call_until(const struct tr_container *c, const volatile int *stop_flag,
	const struct tr_strv *argv, struct tr_buf *ret_out, struct tr_err *err)
{
	const struct tr_run_how how = { .stop_flag = stop_flag };
	TR_AUTO_BUF said = { 0 }, reason = { 0 };
	int status;

	if (tr_run(argv, &how, ret_out, &said, &status, err) < 0)
		return -(int)err->code;
	if (status == 0)
		return 0;
	c->reason(&said, &reason);
	return tr_fail(err, TR_E_IO, "%s: %s", c->program, tr_buf_str(&reason));
}

int tr_container__call(const struct tr_container *c, const struct tr_strv *argv,
	struct tr_buf *ret_out, struct tr_err *err)
{
	return tr_container__call_until(c, /* stop_flag= */ NULL, argv, ret_out, err);
}

static bool is_local(const char *image)
{
	return strncmp(image, "localhost/", 10) == 0;
}

bool tr_container__needs_pull(const struct tr_container *c, const struct tr_server_spec *spec)
{
	TR_AUTO_BUF json = { 0 };
	struct tr_err ignored;

	return !is_local(spec->image) &&
	       c->inspect_image(spec->image, &json, &ignored) == -TR_E_NOT_FOUND;
}

static int pull(const struct tr_container *c, const char *image, const volatile int *stop_flag,
	struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };

	c->begin(&argv);
	tr_strv_adds(&argv, "pull", "-q", image, NULL);
	if (tr_container__call_until(c, stop_flag, &argv, NULL, err) == 0)
		return 0;
	if (err->code == TR_E_INTERRUPTED)
		return tr_wrap(err, "pull image '%s'", image);
	err->code = TR_E_NOT_FOUND;
	tr_wrap(err, "pull image '%s'", image);
	return tr_hint(err, "%s pull %s", c->program, image);
}

/* The program would find out after the slices have been cut. */
static int check_mounts(const struct tr_server_spec *spec, struct tr_err *err)
{
	for (size_t i = 0; i < spec->mounts.n; i++) {
		TR_AUTO_BUF host = { 0 };

		tr_buf_add(&host, spec->mounts.v[i], strcspn(spec->mounts.v[i], ":"));
		if (tr_buf_ok(&host, err) < 0)
			return -(int)err->code;
		if (access(tr_buf_str(&host), F_OK) < 0)
			return tr_fail_errno(err, errno, "mount '%s'", tr_buf_str(&host));
	}
	return 0;
}

/* Here it is, or it comes; what `inspect` says of it. */
static int get_image(const struct tr_container *c, const char *image, const struct tr_prepare *how,
	struct tr_buf *ret, struct tr_err *err)
{
	int r = c->inspect_image(image, ret, err);

	if (r != -TR_E_NOT_FOUND)
		return r;
	if (is_local(image)) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no image '%s' on this machine", image);
		return tr_hint(err, "%s build -t %s FOLDER", c->program, image);
	}
	if (how && how->on_pull)
		how->on_pull(how->arg, image);
	if (pull(c, image, how ? how->stop_flag : NULL, err) < 0)
		return -(int)err->code;
	tr_buf_clear(ret);
	return c->inspect_image(image, ret, err);
}

int tr_container__prepare(const struct tr_container *c, const struct tr_server_spec *spec,
	const struct tr_prepare *how, struct tr_err *err)
{
	TR_AUTO(tr_image_done) struct tr_image image = { 0 };
	TR_AUTO_STRV env = { 0 };
	TR_AUTO_BUF json = { 0 };

	if (!spec->image)
		return tr_fail(err, TR_E_INVALID, "'%s' names no image", spec->name);
	if (spec->env_file && tr_run__env_file(spec->env_file, &env, err) < 0)
		return -(int)err->code;
	if (check_mounts(spec, err) < 0 || get_image(c, spec->image, how, &json, err) < 0 ||
		tr_image_read(tr_buf_str(&json), json.len, &image, err) < 0)
		return -(int)err->code;
	return tr_image_check(&image, spec, c->program, err);
}

/* DIR/env: what must not stand in the program's own environment. Path "" when there is none. */
static int write_env(const struct tr_container *c, const struct tr_server_spec *spec,
	char path[PATH_MAX], struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };

	for (size_t i = 0; i < spec->env.n; i++) {
		const char *entry = spec->env.v[i];

		if (!tr_container__is_env_for_file(entry))
			continue;
		if (strchr(entry, '\n'))
			return tr_fail(err, TR_E_INVALID,
				"the value of '%.*s' holds a line break, which %s cannot take",
				(int)strcspn(entry, "="), entry, c->program);
		tr_buf_addf(&text, "%s\n", entry);
	}
	path[0] = '\0';
	if (!text.len)
		return tr_buf_ok(&text, err);
	if (tr_buf_ok(&text, err) < 0 || tr_run__path(spec->name, "env", path, err) < 0)
		return -(int)err->code;
	return tr_write_file(path, 0600, text.s, text.len, err);
}

static void read_output(const char *path, struct tr_buf *ret)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;

	if (tr_read_file(path, 1 << 20, &text, NULL, &ignored) == 0)
		tr_buf_puts(ret, text);
}

int tr_container__run(
	const struct tr_container *c, const struct tr_server_spec *spec, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 }, env = { 0 };
	TR_AUTO_BUF said = { 0 }, reason = { 0 };
	char dir[PATH_MAX], output[PATH_MAX], env_path[PATH_MAX];
	int r, status = 0;

	if (tr_run__path(spec->name, "", dir, err) < 0 ||
		tr_run__path(spec->name, "output", output, err) < 0 ||
		write_env(c, spec, env_path, err) < 0)
		return -(int)err->code;
	c->run(spec, env_path[0] ? env_path : NULL, &argv);
	for (size_t i = 0; i < spec->env.n; i++)
		if (!tr_container__is_env_for_file(spec->env.v[i]))
			tr_strv_add(&env, spec->env.v[i]);
	r = tr_strv_ok(&env, err);
	if (r == 0)
		r = tr_run(&argv, &(struct tr_run_how){ .dir = dir, .env = &env, .output = output },
			NULL, NULL, &status, err);
	if (env_path[0])
		unlink(env_path);
	if (r < 0 || status == 0) {
		unlink(output);
		return r;
	}
	read_output(output, &said);
	if (strstr(tr_buf_str(&said), "is already in use by"))
		return tr_fail(err, TR_E_EXISTS, "there is a container '%s' already", spec->name);
	c->reason(&said, &reason);
	return tr_fail(err, TR_E_SERVER, "%s cannot start '%s': %s", c->program, spec->name,
		tr_buf_str(&reason));
}

/* --- Jobs --- */

static void kill_container(const struct tr_job_wait *wait)
{
	const struct tr_container *c = wait->arg;
	struct tr_err ignored;

	c->rm(wait->name, &ignored);
}

/* The server of that name as the program lists it; the caller's (tr_servers_done). */
static const struct tr_server *find_server(
	const struct tr_container *c, const char *name, struct tr_servers *ret)
{
	struct tr_err ignored;

	if (c->runtime->list(ret, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < ret->n; i++)
		if (strcmp(ret->v[i].name, name) == 0)
			return &ret->v[i];
	return NULL;
}

/* The program says nothing when the container has begun to run: it is asked. */
static bool look_for_start(const struct tr_job_wait *wait)
{
	TR_AUTO(tr_servers_done) struct tr_servers servers = { 0 };
	const struct tr_server *server = find_server(wait->arg, wait->name, &servers);

	if (!server || server->state != TR_SERVER_RUNNING)
		return false;
	wait->io->on_start(wait->io->arg, server->cgroup);
	return true;
}

int tr_container__job(const struct tr_container *c, const struct tr_server_spec *spec,
	const struct tr_job_io *io, struct tr_job_exit *ret, struct tr_err *err)
{
	TR_AUTO(tr_servers_done) struct tr_servers servers = { 0 };
	struct tr_job_wait wait = { .name = spec->name,
		.ctl_fd = -1,
		.io = io,
		.kill = kill_container,
		.look = look_for_start,
		.arg = c };
	TR_AUTO_STRV argv = { 0 }, env = { 0 };
	const struct tr_server *server;
	char dir[PATH_MAX], env_path[PATH_MAX];
	int r;

	if (tr_run__path(spec->name, "", dir, err) < 0 || write_env(c, spec, env_path, err) < 0)
		return -(int)err->code;
	c->run(spec, env_path[0] ? env_path : NULL, &argv);
	for (size_t i = 0; i < spec->env.n; i++)
		if (!tr_container__is_env_for_file(spec->env.v[i]))
			tr_strv_add(&env, spec->env.v[i]);
	r = tr_run__job_spawn(
		&argv, &(struct tr_job_how){ .env = &env, .dir = dir }, &wait.pid, err);
	if (r < 0)
		return r;
	ret->status = tr_run__job_wait(&wait);
	if (env_path[0])
		unlink(env_path);
	server = find_server(c, spec->name, &servers);
	ret->oom_killed = server && server->oom_killed;
	ret->limits_enforced = server && server->limits_enforced;
	return 0;
}

/* --- The end --- */

/* Waits a little for those who are at work in a folder; false when they still are. */
static bool is_quiet(const char *dir, const char *word)
{
	for (int i = 0; i < POLLS_TO_RM; i++) {
		if (tr_run__proc_in_folder(dir, word) == 0)
			return true;
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
	return false;
}

/* A `run` that a killed tranche left behind may make its container after a removal has
 * looked for it: what counts is a removal that began when none was at work. Then whoever else
 * stands in the folder (conmon and its cleanup) is waited for. */
int tr_container__remove(const struct tr_container *c, const char *name, struct tr_err *err)
{
	int64_t until = tr_now_ms(&tr_clock_real) + SETTLE_MS;
	char dir[PATH_MAX];
	bool is_done;

	if (tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	do {
		bool had_run = tr_run__proc_in_folder(dir, "run") > 0;

		if (c->rm(name, err) < 0)
			return -(int)err->code;
		is_done = is_quiet(dir, NULL) && !had_run;
		if (!is_done && tr_now_ms(&tr_clock_real) >= until)
			return tr_fail(
				err, TR_E_BUSY, "%s is still at work in '%s'", c->program, dir);
	} while (!is_done);
	return 0;
}

enum tr_server_state tr_container__state(const char *word)
{
	static const char *const living[] = { "running", "paused", "stopping", "restarting" };
	static const char *const unborn[] = { "created", "configured", "initialized" };

	for (size_t i = 0; i < TR_COUNT(living); i++)
		if (strcmp(word, living[i]) == 0)
			return TR_SERVER_RUNNING;
	for (size_t i = 0; i < TR_COUNT(unborn); i++)
		if (strcmp(word, unborn[i]) == 0)
			return TR_SERVER_CREATED;
	return TR_SERVER_EXITED;
}

const char *tr_container__text(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static bool is_listed(const struct tr_servers *servers, const char *name)
{
	for (size_t i = 0; i < servers->n; i++)
		if (strcmp(servers->v[i].name, name) == 0)
			return true;
	return false;
}

void tr_container__read_labels(
	const struct tr_container *c, const char *name, const json_t *labels, struct tr_server *ret)
{
	*ret = (struct tr_server){
		.name = strdup(name),
		.node = strdup(tr_container__text(labels, "tranche.node")),
		.stack = strdup(tr_container__text(labels, "tranche.stack")),
		.model = strdup(tr_container__text(labels, "tranche.model")),
		.slice_uuid = strdup(tr_container__text(labels, "tranche.slice")),
		.config_hash = strdup(tr_container__text(labels, "tranche.hash")),
		.replica =
			(uint32_t)strtoul(tr_container__text(labels, "tranche.replica"), NULL, 10),
		.port = (uint16_t)strtoul(tr_container__text(labels, "tranche.port"), NULL, 10),
		.runtime = c->runtime,
	};
}

int tr_container__add_folders(const struct tr_container *c, const struct tr_strv *names,
	struct tr_servers *ret, struct tr_err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		struct tr_server server;
		struct tr_err gone;

		if (is_listed(ret, names->v[i]) ||
			tr_run__read_spec(names->v[i], &server, &gone) < 0)
			continue;
		server.runtime = c->runtime;
		if (tr_run__add_server(ret, &server, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_container__describe(const struct tr_container *c, const struct tr_server_spec *spec,
	struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };

	c->run(spec, NULL, &argv);
	if (tr_strv_ok(&argv, err) < 0)
		return -(int)err->code;
	tr_strv_quote(&argv, ret);
	tr_buf_puts(ret, "\n");
	return tr_buf_ok(ret, err);
}
