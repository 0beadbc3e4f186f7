/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The podman runtime: one container a server, known by its labels.
 *
 * Podman is run in the server's folder. conmon inherits that as its working folder, which does
 * two things for us: conmon leaves its file "oom" there (in whatever folder it stands otherwise,
 * with nothing said by `inspect` on cgroup version 1), and a podman or conmon of this container
 * that is still at work, even one that a killed tranche left behind, is found by it.
 */
#include "run/podman.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "run/cgroup.h"
#include "run/container.h"
#include "run/run_priv.h"

#include <stdio.h>
#include <string.h>

enum { MIN_MAJOR = 4, MIN_MINOR = 1, SETTLE_MS = 10000, POLL_MS = 20 };

/* The last line, without its "Error: ". */
static void reason(struct tr_buf *said, struct tr_buf *ret)
{
	const char *line;

	while (said->len && strchr("\n ", said->s[said->len - 1]))
		said->s[--said->len] = '\0';
	line = strrchr(tr_buf_str(said), '\n');
	line = line ? line + 1 : tr_buf_str(said);
	if (strncmp(line, "Error: ", 7) == 0)
		line += 7;
	tr_buf_puts(ret, *line ? line : "it said nothing");
}

static int check(struct tr_err *err)
{
	TR_AUTO_FREE char *podman_path = tr_which("podman");
	TR_AUTO_FREE char *runc_path = tr_which("runc");
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF version = { 0 };
	int major = 0, minor = 0;

	if (!podman_path) {
		tr_fail(err, TR_E_UNSUPPORTED, "podman is not installed");
		return tr_hint(err, "apt-get install podman runc");
	}
	tr_strv_adds(&argv, "podman", "--version", NULL);
	if (tr_container__call(&tr_podman__container, &argv, &version, err) < 0)
		return -(int)err->code;
	if (sscanf(tr_buf_str(&version), "podman version %d.%d", &major, &minor) != 2 ||
		major < MIN_MAJOR || (major == MIN_MAJOR && minor < MIN_MINOR))
		return tr_fail(err, TR_E_UNSUPPORTED, "podman %d.%d is too old: %d.%d is needed",
			major, minor, MIN_MAJOR, MIN_MINOR);
	if (tr_podman__needs_runc() && !runc_path) {
		tr_fail(err, TR_E_UNSUPPORTED,
			"podman's runtime crun cannot work here: both versions of control groups "
			"are mounted with controllers");
		return tr_hint(err, "apt-get install runc");
	}
	return 0;
}

static int inspect_image(const char *image, struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };

	tr_podman__begin(&argv);
	tr_strv_adds(&argv, "image", "inspect", image, NULL);
	if (tr_container__call(&tr_podman__container, &argv, ret, err) == 0)
		return 0;
	tr_buf_clear(ret);
	/* Versions 4 and 5. */
	if (strstr(err->msg, "image not known") || strstr(err->msg, "no such image"))
		err->code = TR_E_NOT_FOUND;
	return tr_wrap(err, "look for image '%s'", image);
}

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err);

static int start(const struct tr_server_spec *spec, struct tr_err *err)
{
	struct tr_err ignored;
	int r;

	if (tr_run__claim(spec, "podman", NULL, err) < 0)
		return -(int)err->code;
	if (tr_podman__owns_cgroups())
		tr_cgroup_make_parents(spec->name);
	r = tr_container__run(&tr_podman__container, spec, err);
	if (r == -TR_E_EXISTS)
		tr_run__unclaim(spec->name, &ignored);
	else if (r < 0)
		stop(spec->name, 0, NULL, &ignored);
	return r;
}

/* NOT_FOUND when there is no such container. */
static int log_of(const char *name, struct tr_log *ret, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF text = { 0 };
	long writer = 0;
	int at = 0;

	tr_podman__begin(&argv);
	tr_strv_adds(&argv, "inspect", "--type", "container", "--format",
		"{{.State.ConmonPid}} {{.HostConfig.LogConfig.Path}}", name, NULL);
	if (tr_container__call(&tr_podman__container, &argv, &text, err) < 0) {
		if (strstr(err->msg, "no such container"))
			return tr_fail(err, TR_E_NOT_FOUND, "there is no container '%s'", name);
		return -(int)err->code;
	}
	*ret = (struct tr_log){ .form = TR_LOG_CRI };
	if (sscanf(tr_buf_str(&text), "%ld %n", &writer, &at) != 1 || text.s[at] != '/' ||
		text.len - (size_t)at >= sizeof(ret->path))
		return tr_fail(err, TR_E_IO, "podman does not say where the log of '%s' is", name);
	ret->writer = (pid_t)writer;
	snprintf(
		ret->path, sizeof(ret->path), "%.*s", (int)strcspn(text.s + at, "\n"), text.s + at);
	return 0;
}

/* Stops it and saves its last words. */
static int end_container(
	const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	struct tr_err ignored;
	struct tr_log log;
	int r = log_of(name, &log, err);

	if (r < 0)
		return r == -TR_E_NOT_FOUND ? 0 : r;
	tr_podman__begin(&argv);
	tr_strv_adds(&argv, "stop", "--ignore", "-t", NULL);
	tr_strv_addf(&argv, "%lld", (long long)(grace_ms + 999) / 1000);
	tr_strv_add(&argv, name);
	/* A container that was never started cannot be stopped; it can be removed. */
	tr_container__call(&tr_podman__container, &argv, NULL, &ignored);
	if (keep_log && tr_run__log_keep(&log, keep_log, err) < 0)
		return tr_wrap(err, "keep the log");
	return 0;
}

static int rm(const char *name, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };

	tr_podman__begin(&argv);
	/* With the volumes that the image asked for; nobody would find them again. */
	tr_strv_adds(&argv, "rm", "-f", "-v", "--ignore", "-t", "0", name, NULL);
	return tr_container__call(&tr_podman__container, &argv, NULL, err);
}

static int remove_cgroup(const char *name, struct tr_err *err)
{
	int64_t until = tr_now_ms(&tr_clock_real) + SETTLE_MS;

	while (tr_podman__owns_cgroups() && tr_cgroup_remove(name, err) < 0) {
		if (tr_now_ms(&tr_clock_real) >= until)
			return -(int)err->code;
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
	return 0;
}

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err)
{
	TR_AUTO_FREE char *podman_path = tr_which("podman");
	char dir[PATH_MAX];

	if (tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	if (tr_is_dir(dir) && !tr_run__is_of(name, "podman"))
		return 0;
	if (podman_path && (end_container(name, grace_ms, keep_log, err) < 0 ||
				   tr_container__remove(&tr_podman__container, name, err) < 0))
		return tr_wrap(err, "stop '%s'", name);
	if (remove_cgroup(name, err) < 0)
		return tr_wrap(err, "stop '%s'", name);
	return tr_run__unclaim(name, err);
}

static int tail(const char *name, uint32_t n_lines, struct tr_buf *ret, struct tr_err *err)
{
	struct tr_log log;

	if (log_of(name, &log, err) < 0)
		return -(int)err->code;
	return tr_run__log_tail(&log, n_lines, ret, err);
}

static int logs(const char *name, uint32_t n_lines, bool follow, const volatile int *stop_flag,
	struct tr_err *err)
{
	struct tr_log log;

	if (log_of(name, &log, err) < 0)
		return -(int)err->code;
	return tr_run__log_follow(&log, n_lines, follow, stop_flag, err);
}

static bool needs_pull(const struct tr_server_spec *spec)
{
	return tr_container__needs_pull(&tr_podman__container, spec);
}

static int prepare(
	const struct tr_server_spec *spec, const struct tr_prepare *how, struct tr_err *err)
{
	return tr_container__prepare(&tr_podman__container, spec, how, err);
}

static int job(const struct tr_server_spec *spec, const struct tr_job_io *io,
	struct tr_job_exit *ret, struct tr_err *err)
{
	struct tr_err ignored;
	int r;

	if (tr_run__claim(spec, "podman", NULL, err) < 0)
		return -(int)err->code;
	if (tr_podman__owns_cgroups())
		tr_cgroup_make_parents(spec->name);
	r = tr_container__job(&tr_podman__container, spec, io, ret, err);
	if (stop(spec->name, 0, NULL, r < 0 ? &ignored : err) < 0)
		r = -(int)err->code;
	return r;
}

static int describe(const struct tr_server_spec *spec, struct tr_buf *ret, struct tr_err *err)
{
	return tr_container__describe(&tr_podman__container, spec, ret, err);
}

const struct tr_runtime tr_runtime_podman = {
	.name = "podman",
	.listen_host = "127.0.0.1", /* the network is the machine's own */
	.is_container = true,
	.check = check,
	.needs_pull = needs_pull,
	.prepare = prepare,
	.start = start,
	.list = tr_podman__list,
	.stop = stop,
	.tail = tail,
	.logs = logs,
	.job = job,
	.describe = describe,
};

const struct tr_container tr_podman__container = {
	.runtime = &tr_runtime_podman,
	.program = "podman",
	.begin = tr_podman__begin,
	.run = tr_podman__run,
	.reason = reason,
	.inspect_image = inspect_image,
	.rm = rm,
};
