/* SPDX-License-Identifier: Apache-2.0 */
#include "run/job.h"

#include "base/err.h"
#include "base/spawn.h"
#include "run/cgroup.h"
#include "run/run_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* How late a signal may be passed on that comes between the look at it and the wait. */
enum { TICK_MS = 100 };

/* --- Starting --- */

/* Between fork and exec. What fails is told through error_fd, which exec closes. */
__attribute__((noreturn)) static void become_job(const char *program, char **argv, char **env,
	const struct tr_job_how *how, pid_t parent, int error_fd)
{
	sigset_t none;
	int errnum = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (how->group && tr_cgroup_join(how->group) < 0)
		errnum = errno;
	if (!errnum && how->dir && chdir(how->dir) < 0)
		errnum = errno;
	if (!errnum) {
		execve(program, argv, env);
		errnum = errno;
	}
	if (write(error_fd, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

int tr_run__job_spawn(const struct tr_strv *argv, const struct tr_job_how *how, pid_t *ret_pid,
	struct tr_err *err)
{
	TR_AUTO_CLOSE int error_r = -1, error_w = -1;
	TR_AUTO_FREE char *program = NULL;
	pid_t pid, parent = getpid();
	int pipes[2], errnum = 0;
	char **env;
	ssize_t got;

	if (tr_strv_ok(argv, err) < 0 || tr_strv_ok(how->env, err) < 0)
		return -(int)err->code;
	program = tr_which(argv->v[0]);
	if (!program)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no program '%s' on PATH", argv->v[0]);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return tr_fail_errno(err, errno, "run '%s'", program);
	error_r = pipes[0];
	error_w = pipes[1];
	env = tr_env_merge(how->env);
	if (!env)
		return tr_fail(err, TR_E_NO_MEMORY, "run '%s': out of memory", program);
	pid = fork();
	if (pid == 0)
		become_job(program, argv->v, env, how, parent, error_w);
	free(env);
	if (pid < 0)
		return tr_fail_errno(err, errno, "run '%s'", program);
	tr_closep(&error_w);
	do
		got = read(error_r, &errnum, sizeof(errnum));
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof(errnum)) {
		waitpid(pid, NULL, 0);
		return tr_fail_errno(err, errnum, "run '%s'", program);
	}
	*ret_pid = pid;
	return 0;
}

/* --- Waiting --- */

struct ending {
	int64_t kill_at_ms; /* 0: nobody asked it to end */
};

static void pass_on(const struct tr_job_wait *wait, int signal, struct ending *ending)
{
	if (signal == SIGKILL) {
		wait->kill(wait);
		kill(wait->pid, SIGKILL);
		return;
	}
	kill(wait->pid, signal);
	if ((signal == SIGTERM || signal == SIGHUP) && !ending->kill_at_ms)
		ending->kill_at_ms = tr_now_ms(&tr_clock_real) + wait->io->grace_ms;
}

static void take_commands(const struct tr_job_wait *wait, struct ending *ending)
{
	char commands[16];
	ssize_t got = wait->ctl_fd < 0 ? 0 : read(wait->ctl_fd, commands, sizeof(commands));

	for (ssize_t i = 0; i < got; i++) {
		if (commands[i] == 'T')
			pass_on(wait, SIGTERM, ending);
		else if (commands[i] == 'K')
			pass_on(wait, SIGKILL, ending);
	}
}

static void take_signal(const struct tr_job_wait *wait, struct ending *ending)
{
	int signal =
		wait->io->signal ? __atomic_exchange_n(wait->io->signal, 0, __ATOMIC_SEQ_CST) : 0;

	if (signal)
		pass_on(wait, signal, ending);
	if (ending->kill_at_ms && tr_now_ms(&tr_clock_real) >= ending->kill_at_ms) {
		ending->kill_at_ms = 0;
		pass_on(wait, SIGKILL, ending);
	}
}

int tr_run__job_wait(const struct tr_job_wait *wait)
{
	TR_AUTO_CLOSE int fd = pidfd_open(wait->pid, 0);
	struct pollfd polls[] = { { fd, POLLIN, 0 }, { wait->ctl_fd, POLLIN, 0 } };
	bool is_seen = !wait->look;
	struct ending ending = { 0 };
	int status = 0;
	pid_t ended;

	while ((ended = waitpid(wait->pid, &status, WNOHANG)) == 0) {
		take_signal(wait, &ending);
		take_commands(wait, &ending);
		if (!is_seen)
			is_seen = wait->look(wait);
		poll(polls, TR_COUNT(polls), TICK_MS);
	}
	if (ended < 0)
		return 127;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
