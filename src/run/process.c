/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process runtime: one tranche-shim a server.
 *
 * Who lives is told by the shim's flock on the server's folder, which the kernel drops with the
 * shim: no pid is trusted, since pids come back.
 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "run/cgroup.h"
#include "run/job.h"
#include "run/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

enum { POLL_MS = 10, FIRM_MS = 10000, JSON_MAX = 1 << 16, EXIT_UNKNOWN = 128 + SIGKILL };

static int check(struct tr_err *err)
{
	char shim[PATH_MAX];

	return tr_part_find("tranche-shim", shim, err);
}

static bool needs_pull(const struct tr_server_spec *spec)
{
	(void)spec;
	return false;
}

/* The program's full path; the caller's. */
static int find_program(const struct tr_server_spec *spec, char **ret, struct tr_err *err)
{
	char *program;

	if (!spec->argv.n || !spec->argv.v[0][0])
		return tr_fail(err, TR_E_INVALID, "'%s' names no program to start", spec->name);
	program = tr_which(spec->argv.v[0]);
	if (!program) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no program '%s'%s", spec->argv.v[0],
			strchr(spec->argv.v[0], '/') ? "" : " on PATH");
		return tr_hint(err, "command -v %s   must name it", spec->argv.v[0]);
	}
	*ret = program;
	return 0;
}

static int prepare(
	const struct tr_server_spec *spec, const struct tr_prepare *how, struct tr_err *err)
{
	TR_AUTO_FREE char *program = NULL;
	TR_AUTO_STRV env = { 0 };

	(void)how; /* nothing is pulled */
	if (check(err) < 0 || find_program(spec, &program, err) < 0)
		return -(int)err->code;
	return spec->env_file ? tr_run__env_file(spec->env_file, &env, err) : 0;
}

/* What a server gets of our own environment: where programs are, who we are, which language. The
 * rest may hold the user's secrets, and would make a server depend on who started it. */
static const char *const kept_env[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ",
	"TMPDIR" };

/* Later entries win: of two with the same key, programs may take either, so one is left. */
static void add_env(json_t *env, const char *entry)
{
	size_t key = strcspn(entry, "=") + 1, i;
	json_t *there;

	json_array_foreach (env, i, there) {
		if (strncmp(json_string_value(there), entry, key) == 0) {
			json_array_set_new(env, i, json_string(entry));
			return;
		}
	}
	json_array_append_new(env, json_string(entry));
}

static int fill_env(const struct tr_server_spec *spec, json_t *env, struct tr_err *err)
{
	TR_AUTO_STRV from_file = { 0 };

	for (size_t i = 0; i < TR_COUNT(kept_env); i++) {
		TR_AUTO_BUF entry = { 0 };
		const char *value = getenv(kept_env[i]);

		tr_buf_addf(&entry, "%s=%s", kept_env[i], value ? value : "");
		if (value && !entry.failed)
			add_env(env, entry.s);
	}
	if (spec->env_file && tr_run__env_file(spec->env_file, &from_file, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < from_file.n; i++)
		add_env(env, from_file.v[i]);
	for (size_t i = 0; i < spec->env.n; i++)
		add_env(env, spec->env.v[i]);
	return 0;
}

/* The text of DIR/launch; the caller's. */
static int launch_text(const struct tr_server_spec *spec, char **ret, struct tr_err *err)
{
	TR_AUTO_FREE char *program = NULL;
	json_t *argv = json_array(), *env = json_array(), *json = NULL;
	int r = find_program(spec, &program, err);

	for (size_t i = 0; r == 0 && i < spec->argv.n; i++)
		if (json_array_append_new(argv, json_string(spec->argv.v[i])) < 0)
			r = tr_fail(err, TR_E_INVALID, "argument %zu of '%s' is no UTF-8 text", i,
				spec->name);
	if (r == 0)
		r = fill_env(spec, env, err);
	if (r == 0) {
		json = json_pack("{sO sO ss sI si}", "argv", argv, "env", env, "program", program,
			"memory", (json_int_t)spec->memory_bytes, "cpu", (int)spec->cpu_millis);
		*ret = json ? json_dumps(json, 0) : NULL;
		if (!*ret)
			r = tr_fail(err, TR_E_NO_MEMORY, "start '%s': out of memory", spec->name);
	}
	json_decref(json);
	json_decref(argv);
	json_decref(env);
	return r;
}

static void say_start(const char *said, const char *name, struct tr_err *err)
{
	int errnum = 0, at = 0;

	if (sscanf(said, "-%d %n", &errnum, &at) == 1 && errnum > 0)
		tr_fail_errno(err, errnum, "start '%s'", said + at);
	else
		tr_fail(err, TR_E_SERVER, "tranche-shim for '%s' ended before it started anything",
			name);
}

/* Runs the shim, which goes into the background by itself, and hears how it went. */
static int run_shim(const char *name, struct tr_err *err)
{
	char shim[PATH_MAX], dir[PATH_MAX], said[512];
	char *argv[] = { (char[]){ "tranche-shim" }, dir, NULL };
	TR_AUTO_CLOSE int read_fd = -1, write_fd = -1;
	posix_spawn_file_actions_t actions;
	size_t len = 0;
	ssize_t got;
	int pipes[2], r;
	pid_t pid;

	if (tr_part_find("tranche-shim", shim, err) < 0 || tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return tr_fail_errno(err, errno, "start '%s'", name);
	read_fd = pipes[0];
	write_fd = pipes[1];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, write_fd, TR_SHIM_REPORT_FD);
	r = posix_spawn(&pid, shim, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return tr_fail_errno(err, r, "run '%s'", shim);
	tr_closep(&write_fd);
	while (len < sizeof(said) - 1 &&
		((got = read(read_fd, said + len, sizeof(said) - 1 - len)) > 0 ||
			(got < 0 && errno == EINTR)))
		len += got > 0 ? (size_t)got : 0;
	said[len] = '\0';
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (said[0] == '+')
		return 0;
	say_start(said, name, err);
	return -(int)err->code;
}

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err);

static int start(const struct tr_server_spec *spec, struct tr_err *err)
{
	TR_AUTO_FREE char *launch = NULL;
	struct tr_err ignored;
	int r;

	if (launch_text(spec, &launch, err) < 0)
		return -(int)err->code;
	r = tr_run__claim(spec, "process", launch, err);
	explicit_bzero(launch, strlen(launch));
	if (r < 0)
		return r;
	if (run_shim(spec->name, err) < 0) {
		r = -(int)err->code;
		stop(spec->name, 0, NULL, &ignored);
		return r;
	}
	return 0;
}

/* NULL when there is no such file. */
static json_t *load_json(const char *name, const char *file)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;
	char path[PATH_MAX];
	size_t len;

	if (tr_run__path(name, file, path, &ignored) < 0 ||
		tr_read_file(path, JSON_MAX, &text, &len, &ignored) < 0)
		return NULL;
	return json_loadb(text, len, 0, NULL);
}

static json_int_t number(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

/* Asks without taking: a shared lock, for no longer than this call, so that two askers do not
 * see each other; the shim waits for us. */
static bool is_held(const char *name)
{
	TR_AUTO_CLOSE int fd = -1;
	struct tr_err ignored;
	char path[PATH_MAX];

	if (tr_run__path(name, "lock", path, &ignored) < 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool was_oom(const char *name)
{
	struct tr_cgroup group;
	uint64_t kills = 0;

	tr_cgroup_find(name, &group);
	return tr_cgroup_oom_kills(&group, &kills) && kills > 0;
}

/* First the lock, then what the shim wrote: it writes exit before it lets go. */
static void look(const char *name, struct tr_server *server)
{
	bool held = is_held(name);
	json_t *exit_json = load_json(name, "exit"), *state = load_json(name, "state");

	server->runtime = &tr_runtime_process;
	if (state) {
		const char *cgroup = json_string_value(json_object_get(state, "cgroup"));

		server->cgroup = cgroup ? strdup(cgroup) : NULL;
		server->limits_enforced = json_is_true(json_object_get(state, "limited"));
		server->started_unix_ms = number(state, "started_ms");
	}
	if (exit_json) {
		server->state = TR_SERVER_EXITED;
		server->exit_code = (int)number(exit_json, "code");
		server->oom_killed = json_is_true(json_object_get(exit_json, "oom"));
	} else if (state && held) {
		server->state = TR_SERVER_RUNNING;
		server->pid = (pid_t)number(state, "pid");
	} else if (state) {
		/* The shim was killed, and the server with it. */
		server->state = TR_SERVER_EXITED;
		server->exit_code = EXIT_UNKNOWN;
		server->oom_killed = was_oom(name);
	}
	json_decref(exit_json);
	json_decref(state);
}

static int list(struct tr_servers *ret, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };

	if (tr_run__folders("process", &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++) {
		struct tr_server server;
		struct tr_err gone;

		if (tr_run__read_spec(names.v[i], &server, &gone) < 0)
			continue; /* stopped meanwhile */
		look(names.v[i], &server);
		if (tr_run__add_server(ret, &server, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static void tell_shim(const char *name, char command)
{
	TR_AUTO_CLOSE int fd = -1;
	struct tr_err ignored;
	char path[PATH_MAX];

	if (tr_run__path(name, "ctl", path, &ignored) < 0)
		return;
	/* Without a reader (the shim has gone) this open fails. */
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && write(fd, &command, 1) < 0)
		return; /* gone since */
}

static bool wait_lock(int fd, int64_t ms)
{
	int64_t until = tr_now_ms(&tr_clock_real) + ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (tr_now_ms(&tr_clock_real) >= until)
			return false;
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
	return true;
}

/* Ends the shim, by way of its server; afterwards fd holds the lock, so that no late shim starts
 * anything in this folder. */
static int end_shim(const char *name, int fd, int64_t grace_ms, struct tr_err *err)
{
	if (wait_lock(fd, 0))
		return 0;
	tell_shim(name, 'T');
	if (wait_lock(fd, grace_ms))
		return 0;
	tell_shim(name, 'K');
	if (wait_lock(fd, FIRM_MS))
		return 0;
	return tr_fail(err, TR_E_BUSY,
		"'%s' did not end within %d s of being killed: it hangs in the kernel", name,
		FIRM_MS / 1000);
}

/* What a killed shim left behind. */
static int end_orphans(const char *name, struct tr_err *err)
{
	int64_t until = tr_now_ms(&tr_clock_real) + FIRM_MS;
	char dir[PATH_MAX];

	if (tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	for (;;) {
		struct tr_cgroup group;
		int n = tr_run__proc_kill_marked(dir);

		tr_cgroup_find(name, &group);
		tr_cgroup_kill(&group);
		if (n == 0 && tr_cgroup_remove(name, err) == 0)
			return 0;
		if (tr_now_ms(&tr_clock_real) >= until)
			return tr_fail(err, TR_E_BUSY, "processes of '%s' cannot be killed", name);
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
}

static int log_of(const char *name, struct tr_log *ret, struct tr_err *err)
{
	json_t *state;

	*ret = (struct tr_log){ .form = TR_LOG_PLAIN };
	if (tr_run__path(name, "log", ret->path, err) < 0 ||
		tr_run__path(name, "log.1", ret->older, err) < 0)
		return -(int)err->code;
	if (!is_held(name))
		return 0;
	state = load_json(name, "state");
	ret->writer = (pid_t)number(state, "shim");
	json_decref(state);
	return 0;
}

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err)
{
	TR_AUTO_CLOSE int fd = -1;
	char lock[PATH_MAX];
	struct tr_log log;

	if (tr_run__path(name, "lock", lock, err) < 0)
		return -(int)err->code;
	fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return tr_fail_errno(err, errno, "open '%s'", lock);
	if (fd < 0)
		return 0;
	if (end_shim(name, fd, grace_ms, err) < 0 || end_orphans(name, err) < 0)
		return tr_wrap(err, "stop '%s'", name);
	if (keep_log && (log_of(name, &log, err) < 0 || tr_run__log_keep(&log, keep_log, err) < 0))
		return tr_wrap(err, "keep the log of '%s'", name);
	return tr_run__unclaim(name, err);
}

static int find(const char *name, struct tr_log *ret, struct tr_err *err)
{
	char dir[PATH_MAX];

	if (tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	if (!tr_is_dir(dir))
		return tr_fail(err, TR_E_NOT_FOUND, "there is no server '%s'", name);
	return log_of(name, ret, err);
}

static int tail(const char *name, uint32_t n_lines, struct tr_buf *ret, struct tr_err *err)
{
	struct tr_log log;

	return find(name, &log, err) < 0 ? -(int)err->code
					 : tr_run__log_tail(&log, n_lines, ret, err);
}

static int logs(const char *name, uint32_t n_lines, bool follow, const volatile int *stop_flag,
	struct tr_err *err)
{
	struct tr_log log;

	if (find(name, &log, err) < 0)
		return -(int)err->code;
	return tr_run__log_follow(&log, n_lines, follow, stop_flag, err);
}

/* --- Jobs: we stand in for the shim --- */

static void kill_job(const struct tr_job_wait *wait)
{
	tr_cgroup_kill(wait->arg);
}

static bool has_name(const struct tr_strv *env, const char *entry)
{
	size_t key = strcspn(entry, "=") + 1;

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], entry, key) == 0)
			return true;
	return false;
}

/* The spec's own, and what the file adds to it. */
static int job_env(const struct tr_server_spec *spec, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO_STRV from_file = { 0 };

	if (spec->env_file && tr_run__env_file(spec->env_file, &from_file, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < spec->env.n; i++)
		tr_strv_add(ret, spec->env.v[i]);
	for (size_t i = 0; i < from_file.n; i++)
		if (!has_name(&spec->env, from_file.v[i]))
			tr_strv_add(ret, from_file.v[i]);
	return tr_strv_ok(ret, err);
}

static int start_job(const struct tr_server_spec *spec, const struct tr_cgroup *group,
	const struct tr_job_io *io, pid_t *ret_pid, struct tr_err *err)
{
	char dir[PATH_MAX], state[PATH_MAX], cgroup[PATH_MAX];
	TR_AUTO_STRV env = { 0 };

	if (tr_run__path(spec->name, "", dir, err) < 0 ||
		tr_run__path(spec->name, "state", state, err) < 0 || job_env(spec, &env, err) < 0)
		return -(int)err->code;
	tr_strv_addf(&env, TR_RUN_MARK "=%s", dir);
	if (tr_run__job_spawn(&spec->argv, &(struct tr_job_how){ .env = &env, .group = group },
		    ret_pid, err) < 0)
		return -(int)err->code;
	if (tr_run__state_write(state, spec->name, *ret_pid, group, err) < 0) {
		kill(*ret_pid, SIGKILL);
		waitpid(*ret_pid, NULL, 0);
		return -(int)err->code;
	}
	tr_cgroup_path(spec->name, cgroup);
	io->on_start(io->arg, group->memory_dir[0] ? cgroup : NULL);
	return 0;
}

static int run_job(const struct tr_server_spec *spec, const struct tr_job_io *io,
	struct tr_job_exit *ret, struct tr_err *err)
{
	TR_AUTO_CLOSE int lock_fd = -1, ctl_fd = -1;
	char path[PATH_MAX];
	struct tr_cgroup group;
	struct tr_job_wait wait = { .name = spec->name, .io = io, .kill = kill_job, .arg = &group };
	uint64_t oom_kills = 0;

	if (tr_run__path(spec->name, "lock", path, err) < 0 ||
		tr_lock_file(path, /* wait= */ true, &lock_fd, err) < 0 ||
		tr_run__path(spec->name, "ctl", path, err) < 0)
		return -(int)err->code;
	/* Open for writing too, or poll() reports the end of the FIFO for ever. */
	ctl_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (ctl_fd < 0)
		return tr_fail_errno(err, errno, "open '%s'", path);
	wait.ctl_fd = ctl_fd;
	tr_cgroup_make(spec->name, spec->memory_bytes, spec->cpu_millis, &group);
	if (start_job(spec, &group, io, &wait.pid, err) < 0)
		return -(int)err->code;
	ret->status = tr_run__job_wait(&wait);
	ret->limits_enforced = group.is_limited;
	ret->oom_killed = tr_cgroup_oom_kills(&group, &oom_kills) && oom_kills > 0;
	return 0;
}

static int job(const struct tr_server_spec *spec, const struct tr_job_io *io,
	struct tr_job_exit *ret, struct tr_err *err)
{
	struct tr_err ignored;
	int r;

	/* Its output goes past us: the log is there, and empty. */
	if (tr_run__claim(spec, "process", "", err) < 0)
		return -(int)err->code;
	r = run_job(spec, io, ret, err);
	if (stop(spec->name, 0, NULL, r < 0 ? &ignored : err) < 0)
		r = -(int)err->code;
	return r;
}

static int describe(const struct tr_server_spec *spec, struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_STRV words = { 0 };

	for (size_t i = 0; i < spec->env.n; i++)
		tr_strv_addf(&words, "%.*s=...", (int)strcspn(spec->env.v[i], "="), spec->env.v[i]);
	for (size_t i = 0; i < spec->argv.n; i++)
		tr_strv_add(&words, spec->argv.v[i]);
	if (tr_strv_ok(&words, err) < 0)
		return -(int)err->code;
	tr_strv_quote(&words, ret);
	if (spec->memory_bytes || spec->cpu_millis)
		tr_buf_addf(ret, "   # in control group /tranche/%s", spec->name);
	if (spec->memory_bytes)
		tr_buf_addf(ret, ", %llu MiB", (unsigned long long)(spec->memory_bytes >> 20));
	if (spec->cpu_millis)
		tr_buf_addf(ret, ", %u.%03u processors", spec->cpu_millis / 1000,
			spec->cpu_millis % 1000);
	tr_buf_puts(ret, "\n");
	return tr_buf_ok(ret, err);
}

const struct tr_runtime tr_runtime_process = {
	.name = "process",
	.listen_host = "127.0.0.1",
	.check = check,
	.needs_pull = needs_pull,
	.prepare = prepare,
	.start = start,
	.list = list,
	.stop = stop,
	.tail = tail,
	.logs = logs,
	.job = job,
	.describe = describe,
};
