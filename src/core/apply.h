/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: look, compare, take the steps; until nothing is left to do and every server answers.
 */
#pragma once

#include "core/step.h"

/* What a model file needs, ports and images: looked at before anything is cut or stopped. */
int tr_stack_check(struct tr_stack_run *run, const struct tr_actions *actions, struct tr_err *err);

/*
 * Brings the node to what the run asks for. In a dry run only tells the steps. SERVER says why a
 * server died and shows the end of its log, TIMEOUT the same of one that does not answer. What was
 * begun stays; the caller decides on tr_stack_undo.
 */
int tr_stack_apply(struct tr_stack_run *run, struct tr_err *err);

/* "out of memory in its slice", "exit code 1", "signal 9 (Killed)". */
void tr_server_why(const struct tr_server *server, char *ret, size_t size);

/* Reads the scene under the lock, set right after a killed run. */
int tr_stack_look(struct tr_node *node, const struct tr_change *change, struct tr_scene *ret,
	struct tr_err *err);

/* A stack as the store holds it, and the runtime that it was applied with. NOT_FOUND. The stack is
 * the caller's (tr_stack_free). ret_runtime NULL: nobody asks whether it can be used, which takes a
 * program's start. */
int tr_stack_applied(struct tr_node *node, const char *name, struct tr_stack **ret_stack,
	const struct tr_runtime **ret_runtime, struct tr_err *err);

/* A stack file, under another name where one is given. The stack is the caller's (tr_stack_free).
 */
int tr_stack_open(const char *file, const char *name, struct tr_stack **ret, struct tr_err *err);
/* The runtime: as asked, else the one that the stack runs under already, else the first. */
int tr_stack_runtime(struct tr_node *node, const struct tr_change *change, const char *stack,
	const struct tr_runtime **ret, struct tr_err *err);
