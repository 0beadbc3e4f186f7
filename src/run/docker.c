/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker runtime: one container a server, known by its labels.
 *
 * The daemon is the containers' parent and keeps their logs, so less is left to us than with
 * podman: it says itself who ran out of memory, and removes the control groups. As with podman the
 * client is run in the server's folder, where a `docker run` that outlived its starter is found.
 */
#include "run/docker.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "run/container.h"
#include "run/run_priv.h"

#include <stdio.h>
#include <string.h>

enum { MIN_MAJOR = 20, MIN_MINOR = 10, RM_MS = 10000, POLL_MS = 50 };

/* Lines of advice and of warning stand around the one that tells why. */
static void reason(struct tr_buf *said, struct tr_buf *ret)
{
	static const char *const heads[] = {
		"docker: ", "Error response from daemon: ", "Error: "
	};
	const char *why = "it said nothing";
	bool has_head = false;

	tr_buf_puts(said, "");
	for (char *save = NULL, *line = said->s ? strtok_r(said->s, "\n", &save) : NULL;
		line && !has_head; line = strtok_r(NULL, "\n", &save)) {
		for (size_t i = 0; i < TR_COUNT(heads); i++) {
			if (strncmp(line, heads[i], strlen(heads[i])) == 0) {
				line += strlen(heads[i]);
				has_head = true;
			}
		}
		why = line;
	}
	tr_buf_puts(ret, why);
}

static void begin(struct tr_strv *ret)
{
	tr_strv_add(ret, "docker");
}

/* A field of a line of CSV. */
static void add_field(struct tr_buf *buf, const char *key, const char *value, size_t len)
{
	tr_buf_addf(buf, ",\"%s=", key);
	for (size_t i = 0; i < len; i++)
		tr_buf_addf(buf, "%s%c", value[i] == '"' ? "\"" : "", value[i]);
	tr_buf_puts(buf, "\"");
}

/* --mount, since -v makes a host folder that is not there. */
static void add_mount(const char *mount, struct tr_strv *ret)
{
	const char *target = strchr(mount, ':'), *mode = target ? strrchr(target, ':') : NULL;
	TR_AUTO_BUF value = { 0 };

	if (!target || mode == target)
		return;
	tr_buf_puts(&value, "type=bind");
	add_field(&value, "source", mount, (size_t)(target - mount));
	add_field(&value, "target", target + 1, (size_t)(mode - target - 1));
	if (strcmp(mode, ":ro") == 0)
		tr_buf_puts(&value, ",readonly");
	tr_strv_adds(ret, "--mount", tr_buf_str(&value), NULL);
	ret->failed |= value.failed;
}

/* Why each switch: docs/design/runtimes.md. */
static void run(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret)
{
	begin(ret);
	tr_strv_add(ret, "run");
	tr_container__add_mode(spec, ret);
	tr_strv_adds(ret, "--name", spec->name, "--pull", "never", "--network", "host",
		"--cap-drop", "all", "--security-opt", "no-new-privileges", "--pids-limit", "4096",
		"--no-healthcheck", "--log-driver", "json-file", "--log-opt", "max-size=8m",
		"--log-opt", "max-file=2", NULL);
	tr_container__add_limits(spec, ret);
	tr_strv_adds(ret, "--label", "tranche.runtime=docker", "--label", NULL);
	tr_strv_addf(ret, "tranche.memory=%llu", (unsigned long long)spec->memory_bytes);
	tr_strv_add(ret, "--label");
	tr_strv_addf(ret, "tranche.cpu=%u", spec->cpu_millis);
	tr_container__add_labels(spec, ret);
	if (spec->gpus)
		tr_strv_adds(ret, "--gpus", spec->gpus, NULL);
	for (size_t i = 0; i < spec->devices.n; i++)
		tr_strv_adds(ret, "--device", spec->devices.v[i], NULL);
	for (size_t i = 0; i < spec->mounts.n; i++)
		add_mount(spec->mounts.v[i], ret);
	tr_container__add_env(spec, env_file, ret);
	tr_container__add_command(spec, ret);
}

/* --- Can it be used? --- */

/* `docker` of the package podman-docker is podman, which has a runtime of its own. */
static int check_program(struct tr_err *err)
{
	TR_AUTO_FREE char *path = tr_which("docker");
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF version = { 0 };

	if (!path) {
		tr_fail(err, TR_E_UNSUPPORTED, "docker is not installed");
		return tr_hint(err, "apt-get install docker.io");
	}
	tr_strv_adds(&argv, "docker", "--version", NULL);
	if (tr_docker__call(&argv, &version, err) < 0)
		return -(int)err->code;
	if (strncmp(tr_buf_str(&version), "Docker", 6) == 0)
		return 0;
	tr_fail(err, TR_E_UNSUPPORTED, "'%s' is podman under another name", path);
	return tr_hint(err, "--runtime podman");
}

/* Folders are mounted and control groups read here, so the daemon must be here. */
static int check_here(struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF host = { 0 };

	tr_strv_adds(&argv, "docker", "context", "inspect", "--format",
		"{{.Endpoints.docker.Host}}", NULL);
	if (tr_docker__call(&argv, &host, err) < 0)
		return -(int)err->code;
	if (strncmp(tr_buf_str(&host), "unix://", 7) == 0)
		return 0;
	tr_fail(err, TR_E_UNSUPPORTED, "docker's daemon is on another machine: %.*s",
		(int)strcspn(tr_buf_str(&host), "\n"), tr_buf_str(&host));
	return tr_hint(err, "docker context use default, or unset DOCKER_HOST");
}

static int check(struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF version = { 0 };
	int major = 0, minor = 0;

	if (check_program(err) < 0 || check_here(err) < 0)
		return -(int)err->code;
	tr_strv_adds(&argv, "docker", "version", "--format", "{{.Server.Version}}", NULL);
	if (tr_docker__call(&argv, &version, err) < 0)
		return -(int)err->code;
	if (sscanf(tr_buf_str(&version), "%d.%d", &major, &minor) != 2 || major < MIN_MAJOR ||
		(major == MIN_MAJOR && minor < MIN_MINOR))
		return tr_fail(err, TR_E_UNSUPPORTED, "docker %d.%d is too old: %d.%d is needed",
			major, minor, MIN_MAJOR, MIN_MINOR);
	return 0;
}

/* --- Before and at the start --- */

static int inspect_image(const char *image, struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };

	tr_strv_adds(&argv, "docker", "image", "inspect", image, NULL);
	return tr_docker__call(&argv, ret, err);
}

static bool needs_pull(const struct tr_server_spec *spec)
{
	return tr_container__needs_pull(&tr_docker__container, spec);
}

static int prepare(
	const struct tr_server_spec *spec, const struct tr_prepare *how, struct tr_err *err)
{
	return tr_container__prepare(&tr_docker__container, spec, how, err);
}

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err);

static int start(const struct tr_server_spec *spec, struct tr_err *err)
{
	struct tr_err ignored;
	int r;

	if (tr_run__claim(spec, "docker", NULL, err) < 0)
		return -(int)err->code;
	r = tr_container__run(&tr_docker__container, spec, err);
	if (r == -TR_E_EXISTS)
		tr_run__unclaim(spec->name, &ignored);
	else if (r < 0)
		stop(spec->name, 0, NULL, &ignored);
	return r;
}

static int job(const struct tr_server_spec *spec, const struct tr_job_io *io,
	struct tr_job_exit *ret, struct tr_err *err)
{
	struct tr_err ignored;
	int r;

	if (tr_run__claim(spec, "docker", NULL, err) < 0)
		return -(int)err->code;
	r = tr_container__job(&tr_docker__container, spec, io, ret, err);
	if (stop(spec->name, 0, NULL, r < 0 ? &ignored : err) < 0)
		r = -(int)err->code;
	return r;
}

static int describe(const struct tr_server_spec *spec, struct tr_buf *ret, struct tr_err *err)
{
	return tr_container__describe(&tr_docker__container, spec, ret, err);
}

/* --- Logs --- */

/* `docker logs` reads both files, and every form that docker may write. NOT_FOUND when there is no
 * such container. */
static int read_log(const char *name, const struct tr_strv *switches, const struct tr_run_how *how,
	struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_STRV exists = { 0 }, argv = { 0 };
	int status = 0;

	tr_strv_adds(&exists, "docker", "inspect", "--type", "container", "--format", "{{.Id}}",
		name, NULL);
	if (tr_docker__call(&exists, NULL, err) < 0)
		return err->code == TR_E_NOT_FOUND
			       ? tr_fail(err, TR_E_NOT_FOUND, "there is no container '%s'", name)
			       : -(int)err->code;
	tr_strv_adds(&argv, "docker", "logs", NULL);
	for (size_t i = 0; switches && i < switches->n; i++)
		tr_strv_add(&argv, switches->v[i]);
	tr_strv_add(&argv, name);
	if (tr_run(&argv, how, ret, NULL, &status, err) < 0)
		return -(int)err->code;
	return status == 0 ? 0
			   : tr_fail(err, TR_E_IO, "docker does not give the log of '%s'", name);
}

static void add_tail(uint32_t n_lines, struct tr_strv *ret)
{
	tr_strv_add(ret, "--tail");
	if (n_lines == UINT32_MAX)
		tr_strv_add(ret, "all");
	else
		tr_strv_addf(ret, "%u", n_lines);
}

static int tail(const char *name, uint32_t n_lines, struct tr_buf *ret, struct tr_err *err)
{
	const struct tr_run_how how = { .join = true };
	TR_AUTO_STRV switches = { 0 };

	add_tail(n_lines, &switches);
	return read_log(name, &switches, &how, ret, err);
}

static int logs(const char *name, uint32_t n_lines, bool follow, const volatile int *stop_flag,
	struct tr_err *err)
{
	const struct tr_run_how how = { .to_stdout = true, .stop_flag = stop_flag };
	TR_AUTO_STRV switches = { 0 };
	int r;

	add_tail(n_lines, &switches);
	if (follow)
		tr_strv_add(&switches, "--follow");
	r = read_log(name, &switches, &how, NULL, err);
	return r == -TR_E_INTERRUPTED ? 0 : r;
}

/* --- The end --- */

/* Stops it and saves its last words. */
static int end_container(
	const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err)
{
	const struct tr_run_how how = { .output = keep_log };
	TR_AUTO_STRV argv = { 0 };
	struct tr_err ignored;
	int r = 0;

	tr_strv_adds(&argv, "docker", "stop", "-t", NULL);
	tr_strv_addf(&argv, "%lld", (long long)(grace_ms + 999) / 1000);
	tr_strv_add(&argv, name);
	/* A container that was never started cannot be stopped; it can be removed. */
	tr_docker__call(&argv, NULL, &ignored);
	if (keep_log)
		r = read_log(name, /* switches= */ NULL, &how, NULL, err);
	if (r < 0 && r != -TR_E_NOT_FOUND)
		return tr_wrap(err, "keep the log");
	return 0;
}

/* Docker refuses a removal while another is at work on the same container. */
static int rm(const char *name, struct tr_err *err)
{
	int64_t until = tr_now_ms(&tr_clock_real) + RM_MS;
	int r;

	for (;;) {
		TR_AUTO_STRV argv = { 0 };

		/* With the volumes that the image asked for; nobody would find them again. */
		tr_strv_adds(&argv, "docker", "rm", "-f", "-v", name, NULL);
		r = tr_docker__call(&argv, NULL, err);
		if (r == 0 || r == -TR_E_NOT_FOUND)
			return 0;
		if (!strstr(err->msg, "already in progress") || tr_now_ms(&tr_clock_real) >= until)
			return r;
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
}

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err)
{
	TR_AUTO_FREE char *docker_path = tr_which("docker");
	char dir[PATH_MAX];
	bool is_known;

	if (tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	is_known = tr_is_dir(dir);
	if (is_known && !tr_run__is_of(name, "docker"))
		return 0;
	if (docker_path && (is_known || tr_docker__may_answer()) &&
		(end_container(name, grace_ms, keep_log, err) < 0 ||
			tr_container__remove(&tr_docker__container, name, err) < 0))
		return tr_wrap(err, "stop '%s'", name);
	return tr_run__unclaim(name, err);
}

const struct tr_runtime tr_runtime_docker = {
	.name = "docker",
	.listen_host = "127.0.0.1", /* the network is the machine's own */
	.is_container = true,
	.has_gpus_switch = true,
	.check = check,
	.needs_pull = needs_pull,
	.prepare = prepare,
	.start = start,
	.list = tr_docker__list,
	.stop = stop,
	.tail = tail,
	.logs = logs,
	.job = job,
	.describe = describe,
};

const struct tr_container tr_docker__container = {
	.runtime = &tr_runtime_docker,
	.program = "docker",
	.begin = begin,
	.run = run,
	.reason = reason,
	.inspect_image = inspect_image,
	.rm = rm,
};
