/* SPDX-License-Identifier: Apache-2.0 */
/* A place of its own for nodes, and a cgroup of its own, for the tests of sim. */
#pragma once

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "sim/state/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char room_dir[64];
static char room_group[128]; /* the cgroup's folder; "" while there is none */

static inline int room_open(void **state)
{
	char path[128];

	(void)state;
	snprintf(room_dir, sizeof(room_dir), "/tmp/tranche-test-XXXXXX");
	if (!mkdtemp(room_dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run", room_dir);
	setenv("TRANCHE_RUN_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/var", room_dir);
	setenv("TRANCHE_STATE_DIR", path, 1);
	return 0;
}

/* What a test that failed half-way left: its cgroup, and the children in it. */
static inline void room_group_drop(void)
{
	char path[160];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", room_group);
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (file)
		fclose(file);
	rmdir(room_group);
	room_group[0] = '\0';
}

static inline int room_close(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	if (room_group[0])
		room_group_drop();
	return tr_rm_tree(room_dir, &err);
}

/* Makes a memory cgroup of version 1 or 2; ret is its path below the hierarchy's root. False where
 * the machine does not let us. */
static inline bool room_cgroup_make(char ret[64], char ret_dir[128])
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };
	char file[160];

	snprintf(ret, 64, "/tranche-test-%d", (int)getpid());
	for (int i = 0; i < 2; i++) {
		snprintf(ret_dir, 128, "%s%s", roots[i], ret);
		if (mkdir(ret_dir, 0755) < 0)
			continue;
		snprintf(file, sizeof(file), "%s/memory.stat", ret_dir);
		if (access(file, R_OK) == 0) {
			snprintf(room_group, sizeof(room_group), "%s", ret_dir);
			return true;
		}
		rmdir(ret_dir);
	}
	return false;
}

static inline bool room_cgroup_join(const char *dir, pid_t pid)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	file = fopen(path, "we");
	if (!file)
		return false;
	fprintf(file, "%d\n", (int)pid);
	return fclose(file) == 0;
}

/* A child that keeps one processor busy inside the cgroup; -1 when it cannot be put there. */
static inline pid_t room_worker_start(const char *cgroup_dir)
{
	char cpu_dir[160], byte;
	int ready[2];
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!room_cgroup_join(cgroup_dir, getpid()))
			_exit(1);
		/* With version 1 the time is counted in a hierarchy of its own. */
		snprintf(cpu_dir, sizeof(cpu_dir), "/sys/fs/cgroup/cpuacct%s",
			strrchr(cgroup_dir, '/'));
		room_cgroup_join(cpu_dir, getpid());
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (volatile unsigned i = 0;; i++)
			;
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

static inline void room_worker_end(pid_t pid, const char *cgroup_dir, const char *cpu_dir)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	rmdir(cgroup_dir);
	rmdir(cpu_dir);
}
