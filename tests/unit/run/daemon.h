/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dockerd of the test's own: its folders are in the test's, its network and its mounts in
 * namespaces of the test's process, its control groups below one name. What DOCKER_HOST names.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/spawn.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { DAEMON_READY_MS = 60000, DAEMON_END_MS = 30000 };

static pid_t daemon_pid;
static char daemon_dir[80], daemon_group[64];

/* NULL, or why there can be none here. */
static inline const char *daemon_lacks(void)
{
	TR_AUTO_FREE char *dockerd = tr_which("dockerd");
	TR_AUTO_FREE char *docker = tr_which("docker");

	if (geteuid() != 0)
		return "not root";
	return dockerd && docker ? NULL : "needs docker: apt-get install docker.io";
}

/* Namespaces for this process and all that it starts. */
static inline int daemon_unshare(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
		return -1;
	lo.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return -1;
	return close(fd);
}

static inline int daemon_docker(
	struct tr_buf *ret_out, struct tr_buf *ret_errout, const char *first, ...)
{
	TR_AUTO_STRV argv = { 0 };
	struct tr_err ignored;
	int status;
	va_list ap;

	tr_strv_add(&argv, "docker");
	va_start(ap, first);
	for (const char *word = first; word; word = va_arg(ap, const char *))
		tr_strv_add(&argv, word);
	va_end(ap);
	return tr_run(&argv, NULL, ret_out, ret_errout, &status, &ignored) < 0 ? -1 : status;
}

static inline void daemon_exec(char *const argv[])
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/log", daemon_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

/* Starts it, with more arguments (NULL at the end), and waits until it answers. */
static inline int daemon_open(const char *dir, const char *const more[])
{
	int64_t until = tr_now_ms(&tr_clock_real) + DAEMON_READY_MS;
	TR_AUTO_STRV argv = { 0 };
	struct tr_err ignored;
	char host[128];

	snprintf(daemon_dir, sizeof(daemon_dir), "%s/docker", dir);
	snprintf(daemon_group, sizeof(daemon_group), "/tranche-test-docker-%d", (int)getpid());
	if (daemon_unshare() < 0 || tr_mkdir_p(daemon_dir, 0700, &ignored) < 0)
		return -1;
	snprintf(host, sizeof(host), "unix://%s/socket", daemon_dir);
	setenv("DOCKER_HOST", host, 1);
	tr_strv_adds(&argv, "dockerd", "-H", host, "--cgroup-parent", daemon_group, NULL);
	tr_strv_addf(&argv, "--data-root=%s/data", daemon_dir);
	tr_strv_addf(&argv, "--exec-root=%s/exec", daemon_dir);
	tr_strv_addf(&argv, "--pidfile=%s/pid", daemon_dir);
	for (int i = 0; more[i]; i++)
		tr_strv_add(&argv, more[i]);
	if (tr_strv_ok(&argv, &ignored) < 0)
		return -1;
	daemon_pid = fork();
	if (daemon_pid == 0)
		daemon_exec(argv.v);
	while (daemon_docker(NULL, NULL, "version", NULL) != 0) {
		if (tr_now_ms(&tr_clock_real) > until || waitpid(daemon_pid, NULL, WNOHANG) != 0)
			return -1;
		tr_sleep_ms(&tr_clock_real, 50);
	}
	return 0;
}

/* Removes the daemon's group in every hierarchy; how many could not be. */
static inline int daemon_drop_groups(void)
{
	DIR *dir = opendir("/sys/fs/cgroup");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		TR_AUTO_BUF path = { 0 };

		tr_buf_addf(&path, "/sys/fs/cgroup/%s%s",
			strcmp(entry->d_name, "..") == 0 ? "." : entry->d_name, daemon_group);
		if (tr_is_dir(tr_buf_str(&path)))
			n += rmdir(path.s) < 0;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Ends it; 0 when nothing of it was left. */
static inline int daemon_close(void)
{
	int64_t until = tr_now_ms(&tr_clock_real) + DAEMON_END_MS;
	int signum = SIGTERM, bad = 0;
	char netns[128];

	if (daemon_pid <= 0)
		return 0;
	kill(daemon_pid, signum);
	while (waitpid(daemon_pid, NULL, WNOHANG) == 0) {
		if (signum == SIGTERM && tr_now_ms(&tr_clock_real) > until) {
			signum = SIGKILL;
			bad = kill(daemon_pid, signum) == 0;
		}
		tr_sleep_ms(&tr_clock_real, 20);
	}
	daemon_pid = 0;
	/* That of the network that it shares with us; dockerd keeps it for the next time. */
	snprintf(netns, sizeof(netns), "%s/exec/netns/default", daemon_dir);
	umount2(netns, MNT_DETACH);
	return bad + daemon_drop_groups();
}
