/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of servers, version 1 (one hierarchy a controller) or 2 (one for all).
 *
 * Every group of ours is "/tranche/NAME" below a hierarchy's root. "/tranche" goes when its last
 * group goes. Nothing here keeps state: what exists is read from the file system, so that whoever
 * comes after a kill -9 can clean up by name.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct tr_err;

struct tr_cgroup {
	char memory_dir[PATH_MAX]; /* full path; "" when there is none */
	char cpu_dir[PATH_MAX];	   /* the same folder as memory_dir on version 2 */
	bool is_limited;	   /* every limit that was asked for is enforced by the kernel */
};

/* "/tranche/NAME", the path below a hierarchy's root. */
void tr_cgroup_path(const char *name, char ret[PATH_MAX]);

/* True where the machine has version 2 alone. */
bool tr_cgroup_is_v2(void);

/* Makes a server's groups and sets its limits (0: none), swap included. Never fails: what this
 * machine or this user does not allow is left out, and is_limited tells. */
void tr_cgroup_make(
	const char *name, uint64_t memory_bytes, uint32_t cpu_millis, struct tr_cgroup *ret);
/* The groups of a name as they are now. */
void tr_cgroup_find(const char *name, struct tr_cgroup *ret);

/* Puts the calling process in. For a child between fork and exec. */
int tr_cgroup_join(const struct tr_cgroup *group);

/* Processes that the kernel killed in it for running out of its limit. False when unknown. */
bool tr_cgroup_oom_kills(const struct tr_cgroup *group, uint64_t *ret);

/* True while a process is in it. */
bool tr_cgroup_has_processes(const struct tr_cgroup *group);
/* Sends SIGKILL to every process in it, once. */
void tr_cgroup_kill(const struct tr_cgroup *group);

/*
 * Holds a group to limits, wherever it is: `group` is a path below the hierarchies' roots, as in
 * /proc/PID/cgroup. A limit that is lower already stays; swap is limited with memory. NOT_FOUND
 * when there is no such group, IO when the kernel does not take a limit.
 */
int tr_cgroup_cap(
	const char *group, uint64_t memory_bytes, uint32_t cpu_millis, struct tr_err *err);

/* For podman: makes "/tranche/NAME" in every hierarchy, so that nobody removes "/tranche" between
 * podman's own mkdir calls. */
void tr_cgroup_make_parents(const char *name);
/* Removes whatever is empty of "/tranche/NAME" and "/tranche" in every hierarchy. BUSY when a
 * process is still in it. */
int tr_cgroup_remove(const char *name, struct tr_err *err);
