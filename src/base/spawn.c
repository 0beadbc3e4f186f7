/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spawn.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

enum { MAX_OUTPUT = 4 << 20, FLAG_POLL_MS = 50, END_MS = 3000 };

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *tr_which(const char *program)
{
	const char *path = getenv("PATH");

	if (strchr(program, '/'))
		return is_program(program) ? strdup(program) : NULL;
	if (!path || !*path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	while (*path) {
		size_t len = strcspn(path, ":");
		TR_AUTO_BUF full = { 0 };

		tr_buf_add(&full, path, len);
		tr_buf_addf(&full, "%s%s", len ? "/" : "./", program);
		if (!full.failed && is_program(full.s))
			return tr_buf_take(&full);
		path += len + (path[len] == ':');
	}
	return NULL;
}

/* This process's environment with `extra` on top; the strings are borrowed, the array is not. */
char **tr_env_merge(const struct tr_strv *extra)
{
	size_t n = 0, kept = 0;
	char **merged;

	while (environ[n])
		n++;
	merged = calloc(n + (extra ? extra->n : 0) + 1, sizeof(*merged));
	if (!merged)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t key = strcspn(environ[i], "=") + 1;
		bool replaced = false;

		for (size_t j = 0; extra && j < extra->n && !replaced; j++)
			replaced = strncmp(environ[i], extra->v[j], key) == 0;
		if (!replaced)
			merged[kept++] = environ[i];
	}
	for (size_t j = 0; extra && j < extra->n; j++)
		merged[kept++] = extra->v[j];
	return merged;
}

/* The beginning is kept, and nothing behind the first byte that was thrown away. */
static void keep(struct tr_buf *buf, const char *chunk, size_t got)
{
	size_t room = MAX_OUTPUT - buf->len;

	tr_buf_add(buf, chunk, got < room ? got : room);
}

static bool is_raised(const volatile int *stop_flag)
{
	return stop_flag && *stop_flag;
}

/* Reads both pipes until both are at their end, or the flag rises. */
static void drain(int fds[2], struct tr_buf *bufs[2], const volatile int *stop_flag)
{
	struct pollfd polls[2] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };

	while ((polls[0].fd >= 0 || polls[1].fd >= 0) && !is_raised(stop_flag)) {
		if (poll(polls, 2, stop_flag ? FLAG_POLL_MS : -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		for (int i = 0; i < 2; i++) {
			char chunk[8192];
			ssize_t got;

			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			got = read(polls[i].fd, chunk, sizeof(chunk));
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				polls[i].fd = -1;
			else if (bufs[i])
				keep(bufs[i], chunk, (size_t)got);
		}
	}
}

/* Both ends of the two pipes: [0] output, [1] error output. */
struct pipes {
	int r[2], w[2];
};

#define PIPES_CLOSED ((struct pipes){ { -1, -1 }, { -1, -1 } })

static void pipes_done(struct pipes *pipes)
{
	for (int i = 0; i < 2; i++) {
		tr_closep(&pipes->r[i]);
		tr_closep(&pipes->w[i]);
	}
}

static int pipes_open(struct pipes *ret)
{
	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return -1;
		ret->r[i] = ends[0];
		ret->w[i] = ends[1];
	}
	return 0;
}

/* Error output goes where output goes. */
static int join(struct pipes *pipes)
{
	tr_closep(&pipes->r[1]);
	tr_closep(&pipes->w[1]);
	pipes->w[1] = fcntl(pipes->w[0], F_DUPFD_CLOEXEC, 0);
	return pipes->w[1] < 0 ? -1 : 0;
}

/* A file or our own output: the program writes straight to it, and nothing comes back. */
static int wire(const struct tr_run_how *how, struct pipes *ret)
{
	if (how->output)
		ret->w[0] = open(
			how->output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	else if (how->to_stdout)
		ret->w[0] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else if (pipes_open(ret) < 0)
		return -1;
	if (ret->w[0] < 0)
		return -1;
	return how->output || how->to_stdout || how->join ? join(ret) : 0;
}

/* 0, or an errno. */
static int spawn(const char *program, const struct tr_strv *argv, const struct tr_run_how *how,
	const struct pipes *pipes, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	char **merged = tr_env_merge(how->env);
	int r;

	if (!merged)
		return ENOMEM;
	posix_spawn_file_actions_init(&actions);
	if (how->dir)
		posix_spawn_file_actions_addchdir_np(&actions, how->dir);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes->w[0], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes->w[1], 2);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	/* A group of its own: Ctrl-C is for us, and we decide what the child is told. */
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(ret_pid, program, &actions, &attr, argv->v, merged);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	free(merged);
	return r;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid;
}

/* Where no pipe tells. */
static void wait_flag(pid_t pid, const volatile int *stop_flag)
{
	while (!is_raised(stop_flag) && !has_ended(pid))
		tr_sleep_ms(&tr_clock_real, FLAG_POLL_MS);
}

/* Ends the program's group: gently, and firmly when it does not go. */
static void end(pid_t pid)
{
	kill(-pid, SIGTERM);
	for (int waited_ms = 0; waited_ms < END_MS && !has_ended(pid); waited_ms += FLAG_POLL_MS)
		tr_sleep_ms(&tr_clock_real, FLAG_POLL_MS);
	kill(-pid, SIGKILL);
}

int tr_run(const struct tr_strv *argv, const struct tr_run_how *how, struct tr_buf *ret_out,
	struct tr_buf *ret_errout, int *ret_status, struct tr_err *err)
{
	static const struct tr_run_how plain;
	TR_AUTO_FREE char *program = NULL;
	TR_AUTO(pipes_done) struct pipes pipes = PIPES_CLOSED;
	struct tr_buf *bufs[2] = { ret_out, ret_errout };
	bool stopped;
	int status, r;
	pid_t pid;

	how = how ? how : &plain;
	if (tr_strv_ok(argv, err) < 0)
		return -(int)err->code;
	program = tr_which(argv->v[0]);
	if (!program)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no program '%s' on PATH", argv->v[0]);
	r = wire(how, &pipes);
	r = r < 0 ? errno : spawn(program, argv, how, &pipes, &pid);
	if (r != 0)
		return tr_fail_errno(err, r, "run '%s'", program);
	tr_closep(&pipes.w[0]);
	tr_closep(&pipes.w[1]);
	drain(pipes.r, bufs, how->stop_flag);
	if (how->stop_flag)
		wait_flag(pid, how->stop_flag);
	stopped = is_raised(how->stop_flag);
	if (stopped)
		end(pid);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return tr_fail_errno(err, errno, "wait for '%s'", program);
	if (stopped)
		return tr_fail(err, TR_E_INTERRUPTED, "'%s' was interrupted", argv->v[0]);
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}
