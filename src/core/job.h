/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: one program on a slice of its own, for as long as it runs.
 *
 * A job's slice and server stand under the stack "job.PID", a name that no stack file can give, so
 * that ps, down and the planner know them without being told. The tranche that runs it holds an
 * flock on RUN/jobs/job.PID.lock; one that is free means that this tranche was killed.
 */
#pragma once

#include "core/scene.h"

#include <limits.h>

struct tr_server_spec;

/* True for the stack of a job. */
bool tr_job_is_stack(const char *stack);

/* False when the tranche that runs it was killed. */
bool tr_job_is_alive(const char *stack);

/* Ends and frees what jobs left whose tranche was killed. The caller holds the node's lock.
 * ret_changed is set to true when something was done. */
int tr_job_sweep(struct tr_node *node, const struct tr_scene *scene, const struct tr_change *change,
	bool *ret_changed, struct tr_err *err);

/* Puts a job's variables and folders into its spec; INVALID, or NOT_FOUND for a folder or file.
 * env_file is room that the spec points into. */
int tr_job__asks(const struct tr_job *job, const struct tr_runtime *runtime,
	char env_file[PATH_MAX], struct tr_server_spec *spec, struct tr_err *err);
