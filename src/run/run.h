/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtimes: what starts a model server and holds it. podman and docker (containers) and process
 * (tranche-shim in a cgroup) answer to the same calls. Nothing here knows a GPU: what binds a
 * server to its slice (mounts, devices, environment, limits) stands in the spec.
 *
 * The machine is the database: what runs is read each time, from the containers' labels and from
 * the shims' folders (tr_run_dir()/servers/NAME/), never remembered here.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tr_driver;
struct tr_err;

struct tr_server_spec {
	const char *name; /* "tranche-NODE-STACK-MODEL-0"; unique on the machine */
	const char *node; /* "hardware", or the virtual node's name */
	const char *stack, *model;
	uint32_t replica;
	const char *slice_uuid;	 /* "MIG-...", or "GPU-..." for a whole card */
	const char *config_hash; /* what the server was started from; compared, never parsed */
	uint16_t port;		 /* on 127.0.0.1 */
	const char *image;	 /* containers */
	const struct tr_driver *driver; /* of the slice; NULL: unknown (run/needs.h) */
	struct tr_strv argv;	/* containers: behind the image; process: argv[0] is the program */
	struct tr_strv env;	/* KEY=VALUE; stands in no argument list, nor in a dry run's text */
	const char *env_file;	/* NULL: none */
	struct tr_strv mounts;	/* "HOST:TARGET:ro" or ":rw"; process: ignored */
	struct tr_strv devices; /* containers: --device values */
	const char *gpus;	/* docker's --gpus value; NULL: none */
	uint64_t memory_bytes;	/* 0: no limit; swap is limited with it */
	uint64_t shm_bytes;	/* containers: room in /dev/shm; 0: the engine's usual 64 MiB */
	uint32_t cpu_millis;	/* thousandths of a processor; 0: no limit */
	bool is_job;		/* runs in the foreground, see job() */
	bool has_tty;		/* a job with a terminal for its standard streams */
};

enum tr_server_state {
	TR_SERVER_CREATED, /* exists, was never started (a start that was cut off) */
	TR_SERVER_RUNNING,
	TR_SERVER_EXITED,
};

struct tr_server {
	char *name, *node, *stack, *model, *slice_uuid, *config_hash;
	uint32_t replica;
	uint16_t port;
	const struct tr_runtime *runtime;
	enum tr_server_state state;
	pid_t pid;	 /* of the server itself; 0 unless running */
	char *cgroup;	 /* its memory cgroup below the hierarchy's root; NULL when unknown */
	int exit_code;	 /* exited: status, or 128 + signal */
	bool oom_killed; /* known to have run out of its memory limit */
	bool limits_enforced;
	int64_t started_unix_ms; /* 0: unknown */
};

struct tr_servers {
	size_t n;
	struct tr_server *v;
};
void tr_servers_done(struct tr_servers *servers);

/* How a job is run. */
struct tr_job_io {
	volatile int *signal; /* a number that a signal handler puts there is passed on to the job,
			       * SIGKILL to all of it; NULL: none */
	int64_t grace_ms;     /* after SIGTERM or SIGHUP was passed on: then it is killed */
	/* Once, as soon as it runs; cgroup as in struct tr_server, NULL when unknown. */
	void (*on_start)(void *arg, const char *cgroup);
	void *arg;
};

struct tr_job_exit {
	int status; /* exit status, or 128 + signal */
	bool oom_killed;
	bool limits_enforced;
};

/* How a server is prepared. */
struct tr_prepare {
	const volatile int *stop_flag; /* a pull ends when it becomes non-zero: INTERRUPTED; may be
					  NULL */
	void (*on_pull)(void *arg, const char *image); /* before a pull; may be NULL */
	void *arg;
};

struct tr_runtime {
	const char *name; /* "podman", "docker", "process" */
	bool is_container;
	bool has_gpus_switch;	 /* --gpus is its way to a card of the machine */
	const char *listen_host; /* where a server listens so that 127.0.0.1:port reaches it */

	/* 0 when it can be used here; else why not and what to type. */
	int (*check)(struct tr_err *err);

	/* True when prepare() would have to fetch the image, which may take minutes: for those who
	 * only look. */
	bool (*needs_pull)(const struct tr_server_spec *spec);

	/* Before anything is cut: program there, env_file readable, image there or pulled
	 * (NOT_FOUND, with the build or pull command as hint; "localhost/" images are never
	 * pulled), and fit for a slice (UNSUPPORTED, INVALID: run/image.h). `how` NULL: pulled
	 * without a word, to the end. */
	int (*prepare)(const struct tr_server_spec *spec, const struct tr_prepare *how,
		struct tr_err *err);

	/* Starts it and returns once it runs. EXISTS when the name is taken (a start that a killed
	 * tranche left behind). On failure nothing of it stays. */
	int (*start)(const struct tr_server_spec *spec, struct tr_err *err);

	/* Every server of ours on this runtime (all nodes), appended. */
	int (*list)(struct tr_servers *ret, struct tr_err *err);

	/* Stops gently (SIGTERM), after grace_ms firmly, and removes every trace but the log, which
	 * is copied to `keep_log` (a path; NULL: not kept). A name that is not there is fine. */
	int (*stop)(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err);

	/* The last n lines of its output (both streams), appended to ret. */
	int (*tail)(const char *name, uint32_t n_lines, struct tr_buf *ret, struct tr_err *err);

	/* Writes the log to fd 1, the last n lines first (all: UINT32_MAX), and follows it until
	 * the server ends or *stop_flag becomes non-zero. */
	int (*logs)(const char *name, uint32_t n_lines, bool follow, const volatile int *stop_flag,
		struct tr_err *err);

	/* Runs a spec with is_job to its end, on our own standard streams and in our process
	 * group, so that a terminal's Ctrl-C reaches it. Of the server nothing stays. The process
	 * runtime gives it our environment and folder. When we are killed, a plain process goes
	 * with us; a container stays, until somebody calls stop(). */
	int (*job)(const struct tr_server_spec *spec, const struct tr_job_io *io,
		struct tr_job_exit *ret, struct tr_err *err);

	/* The commands a person would type for this spec, one a line, appended (dry run). */
	int (*describe)(const struct tr_server_spec *spec, struct tr_buf *ret, struct tr_err *err);
};

extern const struct tr_runtime tr_runtime_podman;
extern const struct tr_runtime tr_runtime_docker;
extern const struct tr_runtime tr_runtime_process;

/* By name; NULL name: the first that can be used here (podman, docker, process). INVALID for an
 * unknown name, with the known ones. */
int tr_runtime_pick(const char *name, const struct tr_runtime **ret, struct tr_err *err);
/* The same without a name; of_images: only those that start images. One that is installed and that
 * cannot be used comes before one that is not there when none can be; when a later one is
 * taken in its place, `passed` (UNSUPPORTED..., its code 0 when none was) says why, since nobody
 * would guess. */
int tr_runtime_first(
	bool of_images, const struct tr_runtime **ret, struct tr_err *passed, struct tr_err *err);
/* The runtime of that name, usable here or not, for those who only look; NULL when none has it. */
const struct tr_runtime *tr_runtime_named(const char *name);

/* What all runtimes that are installed hold. A runtime that is not installed holds nothing. */
int tr_servers_list(struct tr_servers *ret, struct tr_err *err);
/* Removes folders that a killed tranche had half made or half removed. For those who change things:
 * a look leaves them alone. */
void tr_servers_sweep(void);

/* Is 127.0.0.1:port free to listen on? BUSY names the holder (pid and command) when it can be seen.
 */
int tr_port_check(uint16_t port, struct tr_err *err);
/* A free loopback port, not in `taken`. */
int tr_port_pick(const uint16_t *taken, size_t n_taken, uint16_t *ret, struct tr_err *err);

/* Asks http://127.0.0.1:port/path once (path NULL: only connects): 1 ready, 0 not yet. Waits
 * 1 s at most. */
int tr_probe_ready(uint16_t port, const char *path);
