/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the loop over one stack: what it works with, what it has begun, and how each step is
 * taken. The caller holds the node's lock.
 */
#pragma once

#include "core/diff.h"
#include "core/stops.h"

/* Something this run did that an undo takes back. */
struct tr_begun {
	enum tr_step_kind kind; /* MIG_ON, MIG_OFF, CUT, START */
	const struct tr_want *want;
	char gpu_uuid[96];
	uint32_t start;
	int64_t at_ms; /* on the machine's clock */
};

struct tr_stack_run {
	struct tr_node *node;
	const struct tr_change *change;
	const char *stack_name;
	const struct tr_stack *stack; /* NULL: the stack is to go */
	const struct tr_runtime *runtime;
	struct tr_wants wants;
	struct tr_plan_want *plans;
	struct tr_scene scene; /* as it was last read */
	struct tr_cards cards; /* read again after a cut; n 0: stale */
	bool tells_kept;       /* what runs as it should is worth a line */
	bool has_new_slice;    /* was cut since the CDI spec was made (tr_spec_ready) */
	bool stopped_any;      /* a server that ran before was stopped */
	struct tr_stops stops; /* told, and not yet stopped */
	size_t n_begun, cap_begun;
	struct tr_begun *begun;
};

/* Sets a run up: wants and plans of `stack` (borrowed; NULL: nothing is wanted). */
int tr_stack_run_init(struct tr_stack_run *run, struct tr_node *node,
	const struct tr_change *change, const char *stack_name, const struct tr_stack *stack,
	const struct tr_runtime *runtime, struct tr_err *err);
void tr_stack_run_done(struct tr_stack_run *run);

/* Tells one step and takes it; in a dry run only tells, with the commands. Stops are gathered, and
 * done beside each other before the next step of another kind, or by tr_stack_end_stops. A server
 * that is stopped because it had ended has its log kept (tr_log_path). */
int tr_stack_step(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err);
int tr_stack_end_stops(struct tr_stack_run *run, struct tr_err *err);

/* Takes back what the run began, the last first; what cannot be taken back is told. */
void tr_stack_undo(struct tr_stack_run *run);

/* The spec of a START action: with its slice's UUID, or words for it while it is not cut. Free with
 * tr_spec_done. */
int tr_stack_spec(struct tr_stack_run *run, const struct tr_action *action, bool pick_port,
	struct tr_spec *ret, struct tr_err *err);

/* Where a server's last log is kept: tr_state_dir()/logs/NODE/STACK/MODEL-I.log. */
int tr_log_path(const char *node, const char *stack, const char *model, uint32_t replica, char *ret,
	struct tr_err *err);
