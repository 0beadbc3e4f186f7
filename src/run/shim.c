/* SPDX-License-Identifier: Apache-2.0 */
#include "run/shim.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "run/run_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { LAUNCH_MAX = 16 << 20, KILL_PAUSE_MS = 20 };

struct shim {
	const char *dir, *name;
	int lock_fd, ctl_fd, signal_fd, output_fd;
	struct tr_shim_log log;
	struct tr_cgroup group;
	struct tr_strv argv, env;
	char *program;
	uint64_t memory_bytes;
	uint32_t cpu_millis;
	pid_t pid, server;
	int status;	/* of waitpid */
	bool has_ended; /* the server itself; what it started may still live */
	bool is_killing;
};

/* What the starter waits for. Closing the descriptor with nothing said means that we crashed. */
static int report(int errnum, const char *what)
{
	char text[512];
	int len = errnum ? snprintf(text, sizeof(text), "-%d %s", errnum, what)
			 : snprintf(text, sizeof(text), "+");

	if (len > 0 && write(TR_SHIM_REPORT_FD, text, (size_t)len) < 0)
		len = -1; /* the starter is gone; the server stays */
	close(TR_SHIM_REPORT_FD);
	return errnum ? -1 : 0;
}

static int64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int strings(const json_t *array, struct tr_strv *ret)
{
	size_t i;
	json_t *item;

	json_array_foreach (array, i, item) {
		if (!json_is_string(item))
			return -1;
		tr_strv_add(ret, json_string_value(item));
	}
	return ret->failed ? -1 : 0;
}

/* Reads DIR/launch and removes it: it holds the server's secrets. */
static int read_launch(struct shim *shim)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err err;
	json_t *json;
	size_t len;
	int r;

	if (tr_read_file("launch", LAUNCH_MAX, &text, &len, &err) < 0)
		return -1;
	json = json_loadb(text, len, 0, NULL);
	explicit_bzero(text, len);
	if (unlink("launch") < 0 || !json) {
		json_decref(json);
		return -1;
	}
	r = strings(json_object_get(json, "argv"), &shim->argv);
	if (r == 0)
		r = strings(json_object_get(json, "env"), &shim->env);
	tr_strv_addf(&shim->env, TR_RUN_MARK "=%s", shim->dir);
	if (json_is_string(json_object_get(json, "program")))
		shim->program = strdup(json_string_value(json_object_get(json, "program")));
	shim->memory_bytes = (uint64_t)json_integer_value(json_object_get(json, "memory"));
	shim->cpu_millis = (uint32_t)json_integer_value(json_object_get(json, "cpu"));
	json_decref(json);
	return r < 0 || !shim->program || !shim->argv.n || shim->env.failed ? -1 : 0;
}

/* A stop() that came first has the lock, or has moved the folder away: then there is nothing to
 * start. */
static int take_lock(struct shim *shim)
{
	char path[PATH_MAX];
	struct stat held, there;
	struct tr_err err;

	shim->lock_fd = open("lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (shim->lock_fd < 0)
		return -1;
	while (flock(shim->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -1;
	if (tr_path_join(shim->dir, "lock", path, &err) < 0 || stat(path, &there) < 0 ||
		fstat(shim->lock_fd, &held) < 0)
		return -1;
	return held.st_ino == there.st_ino ? 0 : -1;
}

static int write_json(const char *file, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	struct tr_err err;
	int r = text ? tr_write_file(file, 0600, text, strlen(text), &err) : -1;

	free(text);
	json_decref(json);
	return r;
}

static int write_state(const struct shim *shim)
{
	struct tr_err err;

	return tr_run__state_write("state", shim->name, shim->server, &shim->group, &err);
}

/* Between fork and exec. What fails is told through error_fd, which exec closes. */
__attribute__((noreturn)) static void become_server(
	const struct shim *shim, int output_w, int error_fd)
{
	sigset_t none;
	int errnum;

	setsid();
	/* The shim's death ends the server: nobody would hold its output and its limits. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != shim->pid)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	if (tr_cgroup_join(&shim->group) == 0 && chdir("/") == 0 && dup2(output_w, 1) == 1 &&
		dup2(output_w, 2) == 2)
		execve(shim->program, shim->argv.v, shim->env.v);
	errnum = errno;
	if (write(error_fd, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

/* 0 once the server was exec'ed, else an errno. */
static int start_server(struct shim *shim)
{
	TR_AUTO_CLOSE int error_r = -1, error_w = -1, output_w = -1;
	int pipes[2], errnum = 0;
	ssize_t got;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return errno;
	error_r = pipes[0];
	error_w = pipes[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return errno;
	shim->output_fd = pipes[0];
	output_w = pipes[1];
	fcntl(shim->output_fd, F_SETFL, O_NONBLOCK);
	shim->pid = getpid();
	shim->server = fork();
	if (shim->server < 0)
		return errno;
	if (shim->server == 0)
		become_server(shim, output_w, error_w);
	tr_closep(&error_w);
	do
		got = read(error_r, &errnum, sizeof(errnum));
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof(errnum)) {
		waitpid(shim->server, NULL, 0);
		return errnum;
	}
	return 0;
}

static void tell_server(const struct shim *shim, int signal)
{
	if (!shim->has_ended)
		kill(-shim->server, signal);
}

static void kill_all(struct shim *shim)
{
	shim->is_killing = true;
	tell_server(shim, SIGKILL);
	tr_cgroup_kill(&shim->group);
	tr_run__proc_kill_children();
}

static void take_commands(struct shim *shim)
{
	char commands[16];
	ssize_t got = read(shim->ctl_fd, commands, sizeof(commands));

	for (ssize_t i = 0; i < got; i++) {
		if (commands[i] == 'T')
			tell_server(shim, SIGTERM);
		else if (commands[i] == 'K')
			kill_all(shim);
	}
}

static void take_signals(struct shim *shim)
{
	struct signalfd_siginfo info;

	while (read(shim->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			tell_server(shim, (int)info.ssi_signo);
}

/* True at the end of the output. */
static bool take_output(struct shim *shim)
{
	char chunk[65536];
	ssize_t got = read(shim->output_fd, chunk, sizeof(chunk));

	if (got > 0)
		tr_shim_log_write(&shim->log, chunk, (size_t)got);
	return got == 0;
}

/* True once no child is left; we are everybody's parent below the server, being a subreaper. */
static bool reap(struct shim *shim)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != shim->server)
			continue;
		shim->has_ended = true;
		shim->status = status;
	}
	return pid < 0 && errno == ECHILD;
}

/* Until the server and all that it started are gone. When the server has ended, the rest is
 * killed; a process between fork and our look is caught in the next round. */
static void supervise(struct shim *shim)
{
	struct pollfd polls[] = { { shim->output_fd, POLLIN, 0 }, { shim->signal_fd, POLLIN, 0 },
		{ shim->ctl_fd, POLLIN, 0 } };

	while (!reap(shim)) {
		if (shim->has_ended || shim->is_killing)
			kill_all(shim);
		if (poll(polls, TR_COUNT(polls), shim->is_killing ? KILL_PAUSE_MS : -1) < 0)
			continue;
		if (polls[0].revents && take_output(shim))
			polls[0].fd = -1;
		if (polls[1].revents)
			take_signals(shim);
		if (polls[2].revents)
			take_commands(shim);
	}
	while (polls[0].fd >= 0 && poll(polls, 1, 0) > 0 && !take_output(shim))
		;
}

static void write_exit(struct shim *shim)
{
	uint64_t oom_kills = 0;
	int code = WIFSIGNALED(shim->status) ? 128 + WTERMSIG(shim->status)
					     : WEXITSTATUS(shim->status);

	tr_cgroup_oom_kills(&shim->group, &oom_kills);
	write_json("exit", json_pack("{si sb sI}", "code", code, "oom", oom_kills > 0, "ended_ms",
				   (json_int_t)unix_ms()));
}

static void drop_group(const char *name)
{
	struct tr_err ignored;

	/* The kernel may still be taking down the last process that was reaped. */
	for (int i = 0; i < 100 && tr_cgroup_remove(name, &ignored) < 0; i++)
		tr_sleep_ms(&tr_clock_real, KILL_PAUSE_MS);
}

static int listen_to(struct shim *shim)
{
	sigset_t taken;

	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigaddset(&taken, SIGTERM);
	sigaddset(&taken, SIGINT);
	sigaddset(&taken, SIGHUP);
	sigprocmask(SIG_BLOCK, &taken, NULL);
	signal(SIGPIPE, SIG_IGN);
	shim->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	/* Open for writing too, or poll() reports the end of the FIFO for ever. */
	shim->ctl_fd = open("ctl", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return shim->signal_fd < 0 || shim->ctl_fd < 0 ? -1 : 0;
}

static int run(struct shim *shim)
{
	int errnum;

	if (take_lock(shim) < 0)
		return report(ENOENT, "the server was stopped before it started");
	if (listen_to(shim) < 0 || read_launch(shim) < 0 || tr_shim_log_open(&shim->log) < 0)
		return report(errno ? errno : EIO, "read what to start");
	tr_cgroup_make(shim->name, shim->memory_bytes, shim->cpu_millis, &shim->group);
	errnum = start_server(shim);
	if (errnum || write_state(shim) < 0) {
		kill_all(shim);
		drop_group(shim->name);
		return report(errnum ? errnum : EIO, shim->program);
	}
	report(0, NULL);
	tr_strv_done(&shim->env);
	supervise(shim);
	write_exit(shim);
	drop_group(shim->name);
	return 0;
}

/* Leaves the starter's session, terminal and descriptors; its child goes on. */
static int daemonise(const char *dir)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	if (null_fd < 0 || chdir(dir) < 0)
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid > 0)
		_exit(0);
	setsid();
	umask(077);
	for (int fd = 0; fd < 3; fd++)
		dup2(null_fd, fd);
	close_range(TR_SHIM_REPORT_FD + 1, ~0u, 0);
	fcntl(TR_SHIM_REPORT_FD, F_SETFD, FD_CLOEXEC);
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(int argc, char **argv)
{
	struct shim shim = { .lock_fd = -1, .ctl_fd = -1, .signal_fd = -1, .output_fd = -1 };

	if (argc != 2 || argv[1][0] != '/' || !strrchr(argv[1], '/')[1]) {
		fprintf(stderr, "usage: tranche-shim DIR (started by tranche)\n");
		return 2;
	}
	shim.dir = argv[1];
	shim.name = strrchr(argv[1], '/') + 1;
	if (daemonise(shim.dir) < 0)
		return report(errno, shim.dir) < 0;
	return run(&shim) < 0;
}
