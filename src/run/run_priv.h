/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtimes share: the servers' folders, /proc, logs.
 *
 *	RUN/servers/			0700
 *		.new-PID-XXXXXX/	a folder being filled; renamed to NAME once whole
 *		.old-PID-XXXXXX/	a folder being removed
 *		NAME/			one server
 *			spec		JSON: runtime, node, stack, model, ...; no secrets
 *		process:
 *			launch		JSON: argv, env, limits; 0600, the shim removes it at once
 *			lock		flock of the shim, held while it lives
 *			ctl		FIFO: 'T' stop gently, 'K' kill; read by the shim
 *			state, exit	JSON, written by the shim
 *			log, log.1	the server's output, and the part before it
 *		podman (conmon's working folder):
 *			env		0600, gone once the container has started
 *			output		what `podman run` says; it goes on when we are killed
 *			oom		conmon: the container ran out of its memory limit
 */
#pragma once

#include "run/run.h"

#include <limits.h>

struct tr_err;
struct tr_cgroup;

/* Set in the environment of every server of the process runtime, to its folder: where there is no
 * control group, a process that got away is known by it. */
#define TR_RUN_MARK "TRANCHE_SERVER_DIR"

/* RUN/servers/NAME/REST. INVALID for a name that is no file name of ours. */
int tr_run__path(const char *name, const char *rest, char ret[PATH_MAX], struct tr_err *err);

/* Makes NAME's folder in one step, with its spec, and for the process runtime (launch not NULL)
 * lock, ctl and launch. EXISTS when it is there. */
int tr_run__claim(const struct tr_server_spec *spec, const char *runtime, const char *launch,
	struct tr_err *err);
/* NAME's state: who the server is and what holds it. `path` is that of the file. */
int tr_run__state_write(const char *path, const char *name, pid_t server,
	const struct tr_cgroup *group, struct tr_err *err);
/* Takes the folder away in one step, then removes it. One that is not there is fine. */
int tr_run__unclaim(const char *name, struct tr_err *err);
/* Removes what a killed tranche was filling or taking away. */
void tr_run__sweep(void);
/* True when there is a folder NAME of that runtime. */
bool tr_run__is_of(const char *name, const char *runtime);
/* Names of the folders whose spec says `runtime`. */
int tr_run__folders(const char *runtime, struct tr_strv *ret, struct tr_err *err);
/* Fills what the spec says; state CREATED. NOT_FOUND when there is no such folder. */
int tr_run__read_spec(const char *name, struct tr_server *ret, struct tr_err *err);
/* Adds a server, which is moved into the list; freed when memory runs out. */
int tr_run__add_server(struct tr_servers *list, struct tr_server *server, struct tr_err *err);
void tr_run__server_done(struct tr_server *server);

/* Reads a file that docker's and podman's --env-file take: KEY=VALUE a line, '#' comments, KEY
 * alone takes our own value. Appended to ret. */
int tr_run__env_file(const char *path, struct tr_strv *ret, struct tr_err *err);
/* The same from memory; `path` is used in messages. */
int tr_run__env_parse(const char *path, const char *text, struct tr_strv *ret, struct tr_err *err);

/* When a process started, in clock ticks after boot: with the pid, it names a process for good.
 * 0 when there is none. */
uint64_t tr_run__proc_start(pid_t pid);
/* False when there is no such process, or only what its parent has not asked about yet. */
bool tr_run__proc_is_alive(pid_t pid);
/* Its path in the memory hierarchy, as /proc/PID/cgroup says; NULL when unknown, and for one that
 * is in none but the root. The caller's. */
char *tr_run__proc_cgroup(pid_t pid);
/* Kills (SIGKILL) every process whose environment holds TR_RUN_MARK=dir; how many there were. */
int tr_run__proc_kill_marked(const char *dir);
/* The same for every child of the calling process. */
int tr_run__proc_kill_children(void);
/* How many processes have `dir` as their working folder, and `word` (NULL: anything) among their
 * arguments. */
int tr_run__proc_in_folder(const char *dir, const char *word);

/* How a log file says its lines. */
enum tr_log_form {
	TR_LOG_PLAIN, /* as written */
	TR_LOG_CRI,   /* "TIME stdout|stderr F|P TEXT" (podman's k8s-file) */
};
/* Takes complete lines out of text[0..len) and appends what the server wrote; returns how many
 * bytes were used up (the rest is the beginning of a line). */
size_t tr_run__log_decode(enum tr_log_form form, const char *text, size_t len, struct tr_buf *ret);

struct tr_log {
	enum tr_log_form form;
	char path[PATH_MAX];
	char older[PATH_MAX]; /* the part before, or "" */
	pid_t writer;	      /* who writes it; 0: nobody does any more */
};
/* The last n lines, appended. */
int tr_run__log_tail(
	const struct tr_log *log, uint32_t n_lines, struct tr_buf *ret, struct tr_err *err);
/* As the logs() of struct tr_runtime. */
int tr_run__log_follow(const struct tr_log *log, uint32_t n_lines, bool follow,
	const volatile int *stop_flag, struct tr_err *err);
/* Copies all of it to a file, 0600. */
int tr_run__log_keep(const struct tr_log *log, const char *path, struct tr_err *err);
