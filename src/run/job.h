/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job in the foreground: our child, on our streams and in our process group, which gets what a
 * terminal sends by itself. What somebody sends to us alone is passed on.
 */
#pragma once

#include "run/run.h"

struct tr_cgroup;

struct tr_job_how {
	const struct tr_strv *env;     /* on top of our own environment */
	const char *dir;	       /* its working folder; NULL: ours */
	const struct tr_cgroup *group; /* which it joins; NULL: none */
};

/* Starts argv[0], looked up on PATH. It is killed when we die. NOT_FOUND, PERMISSION. */
int tr_run__job_spawn(const struct tr_strv *argv, const struct tr_job_how *how, pid_t *ret_pid,
	struct tr_err *err);

struct tr_job_wait {
	const char *name;
	pid_t pid;
	int ctl_fd; /* a FIFO on which 'T' and 'K' may come; -1: none */
	const struct tr_job_io *io;
	void (*kill)(const struct tr_job_wait *wait); /* all of it, at once */
	/* Asked now and then until it says true; NULL: not asked. */
	bool (*look)(const struct tr_job_wait *wait);
	const void *arg;
};

/* Until it has ended: its exit status, or 128 + signal. */
int tr_run__job_wait(const struct tr_job_wait *wait);
